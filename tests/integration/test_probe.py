"""`postern probe` and POST /api/v1/probe, in the whole of postern, against OpenSSL's own server."""
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

import stack as harness
from test_courier import listener, make_certificate, s_server


@pytest.fixture(scope="module")
def site():
    s = harness.Stack(edges=1)
    try:
        s.start()
        yield s
    finally:
        s.close()


def pin_of(spki):
    import base64
    import hashlib
    return "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


def test_a_probe_says_what_a_console_shows(site, tmp_path):
    crt, key, spki = make_certificate(tmp_path)
    with s_server(crt, key) as port:
        seen = site.json("probe", f"https://127.0.0.1:{port}", "--sni", "console.example")
        assert seen["fault"] is None and seen["certificate"]["pin"] == pin_of(spki)
        assert seen["certificate"]["subject"] == "CN=console.example"
        assert seen["certificate"]["names"] == ["DNS:console.example", "IP:127.0.0.1"]
        assert (seen["trusted"], seen["matches"], seen["name"], seen["sni"]) == (False, True, "127.0.0.1", "console.example")
        assert seen["protocol"] == "TLSv1.3" and "self" in seen["distrust"]
        text = site.cli("probe", f"https://127.0.0.1:{port}", "--name", "other.example")
        assert pin_of(spki) in text and "is not for other.example" in text and "no: self" in text
        assert any(r["event"] == "upstream.probed" and r["target"] == f"https://127.0.0.1:{port}"
                   for r in site.json("audit", "tail")["records"])


def test_a_name_is_resolved_for_a_probe(site, tmp_path):
    crt, key, _ = make_certificate(tmp_path, names="DNS:localhost")
    with s_server(crt, key) as port:
        seen = site.json("probe", f"https://localhost:{port}")
        assert seen["fault"] is None and seen["sni"] == "localhost" and seen["matches"] is True


@pytest.mark.parametrize("url, hint", [("http://127.0.0.1:80", "only TLS"), ("https://127.0.0.1", "expected"),
                                       ("unix:/x", "only TLS"), ("https://169.254.169.254:443", "expected"),
                                       ("https://a:1/path", "expected"), ("nonsense", "expected")])
def test_what_is_no_tls_upstream_is_not_looked_at(site, url, hint):
    done = site.cli("probe", url, check=False)
    assert done.returncode == 1 and hint in done.stderr, done


def test_a_fault_ends_with_1_and_is_named(site):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        done = site.cli("probe", f"https://127.0.0.1:{s.getsockname()[1]}", check=False)
        assert done.returncode == 1 and "refused" in done.stderr
        done = site.cli("probe", f"https://127.0.0.1:{s.getsockname()[1]}", "--json", check=False)
        assert done.returncode == 1 and "refused" in json.loads(done.stdout)["fault"]
    plain = listener(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    done = site.cli("probe", f"https://127.0.0.1:{plain.getsockname()[1]}", check=False)
    assert "does not speak TLS" in done.stderr
    plain.close()


def test_one_look_at_a_time_and_a_dead_courier_ends_it(site):
    silent = listener(None)
    url = f"https://127.0.0.1:{silent.getsockname()[1]}"
    try:
        answers = []
        first = threading.Thread(target=lambda: answers.append(site.cli("probe", url, check=False)))
        first.start()
        harness.wait_for(lambda: next(p for p in site.doctor()["processes"] if p["role"] == "courier")["status"]["open"] == "1")
        second = site.cli("probe", url, check=False)
        assert second.returncode == 1 and "one at a time" in second.stderr
        os.kill(site.pids("courier")[0], signal.SIGKILL)
        first.join(20)
        assert answers[0].returncode == 1 and "courier has died" in answers[0].stderr
        harness.wait_for(lambda: "courier" in [p["role"] for p in site.doctor()["processes"]])
    finally:
        silent.close()


def test_only_owners_may_look_over_the_api(site):
    owner = site.owner()
    site.user("visitor")
    for who, status in (("visitor", 403), ("owner", 200)):
        token = site.json("token", "add", f"t-{who}", "--owner", who, "--route", "portal")["token"]
        body = json.dumps({"url": "https://127.0.0.1:1"}).encode()
        answer = owner.request("POST", site.portal + "/api/v1/probe", body=body, navigate=False, cookies=False,
                               headers=[("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")])
        assert answer.status == status, (who, answer)
    assert "refused" in answer.json()["fault"]


def test_looks_are_limited_per_minute(site):
    for _ in range(40):
        done = site.cli("probe", "https://127.0.0.1:1", check=False)
        if "too many looks" in done.stderr:
            return
    raise AssertionError("forty looks in a minute")
