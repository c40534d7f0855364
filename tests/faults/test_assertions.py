"""kill -9 of the keeper while the key of assertions changes: there is always a key, and consoles can verify with it."""
import base64
import json
import os
import signal
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

import stack as harness
from stack import Recorder, wait_for

pytestmark = pytest.mark.timeout(240)
KILLS = int(os.environ.get("POSTERN_KILLS", "12"))


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verifies(token, jwks):
    head, claims, signature = token.split(".")
    kid = json.loads(unb64(head))["kid"]
    key = next((k for k in jwks["keys"] if k["kid"] == kid), None)
    if key is None:
        return False
    raw = unb64(signature)
    x, y, r, s = (int.from_bytes(b, "big") for b in (unb64(key["x"]), unb64(key["y"]), raw[:32], raw[32:]))
    ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(
        utils.encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
    return True


def test_a_key_that_changes_while_its_keeper_dies_is_the_old_or_the_new_one():
    up = Recorder()
    with harness.Stack(edges=1) as s:
        s.start()
        s.admin = s.owner()
        s.cli("route", "add", "told", up.url, "--allow", "group:owners@local", "--identity", "jwt")
        assert s.admin.open(s.console_url("told"))[0].status == 200
        stopped = threading.Event()
        rotated = []

        def rotate():
            while not stopped.is_set():
                done = s.cli("assertion", "rotate", "--json", check=False)
                if done.returncode == 0:
                    rotated.append(json.loads(done.stdout)["kid"])
        worker = threading.Thread(target=rotate, daemon=True)
        worker.start()
        try:
            for i in range(KILLS):
                before = len(rotated)
                wait_for(lambda: len(rotated) > before, 30)
                time.sleep(0.003 * (i % 7))
                keeper = wait_for(lambda: s.pids("keeper"), 20)[0]
                os.kill(keeper, signal.SIGKILL)
                text = (s.state / "store/assertion.keys").read_text()
                assert text.startswith("postern-assertion-keys 1\ncurrent ") and text.endswith("\n")
                wait_for(lambda: s.cli("assertion", "show", check=False).returncode == 0, 30)
        finally:
            stopped.set()
            worker.join(60)
        # What was said to be the key is on record, and what signs now is published.
        wait_for(lambda: s.admin.get(s.console_url("told")).status == 200, 30)
        token = next(line.split(b": ", 1)[1].decode() for line in up.requests[-1].split(b"\r\n")
                     if line.startswith(b"Postern-Assertion: "))
        assert wait_for(lambda: verifies(token, json.loads(s.cli("assertion", "jwks", "--json"))), 20)
        assert s.json("health")["status"] == "ok"
        exported = [json.loads(line) for line in s.cli("audit", "export").splitlines()]
        recorded = {r["target"] for r in exported if r["event"] == "assertion.key"}
        assert set(rotated) <= recorded
        assert s.cli("audit", "verify", check=False).returncode == 0
    up.close()
