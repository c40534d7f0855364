"""`postern probe` and POST /api/v1/probe, in the whole of postern, against OpenSSL's own server."""
import json
import os
import signal
import socket
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


# ---- trust on first use --------------------------------------------------------------------------

class Typist:
    """`postern` at a terminal of its own, and somebody who types."""

    def __init__(self, site, *words):
        import pty
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execve(harness.LIBEXEC / "postern", ["postern", *words], site.env)
        self.pid, self.text = pid, ""

    def until(self, word, seconds=20):
        import select
        while word not in self.text:
            ready, _, _ = select.select([self.fd], [], [], seconds)
            assert ready, self.text
            try:
                more = os.read(self.fd, 4096).decode()
            except OSError:
                more = ""
            assert more, self.text
            self.text += more
        return self

    def type(self, text):
        os.write(self.fd, text.encode())
        return self

    def end(self):
        while True:
            try:
                more = os.read(self.fd, 4096).decode()
            except OSError:
                break
            if not more:
                break
            self.text += more
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture(scope="module")
def other():
    s = harness.Stack(edges=1)
    try:
        s.start()
        s.who = s.owner()
        yield s
    finally:
        s.close()


def routes(site):
    return {r["name"]: r for r in site.json("route", "list")["routes"]}


def test_a_key_is_pinned_after_somebody_has_typed_yes(other, tmp_path):
    crt, key, spki = make_certificate(tmp_path, subject="/CN=localhost")
    with s_server(crt, key, "-www") as port:
        url = f"https://127.0.0.1:{port}"
        for answer in ("no\n", "y\n", "YES\n", "yes please\n", "\n"):
            refused = Typist(other, "route", "add", "pinned", url).until("Type yes").type(answer)
            assert refused.end() == 1 and "nothing was added" in refused.text
            assert "pinned" not in routes(other)
        typist = Typist(other, "route", "add", "pinned", url, "--allow", "group:owners@local").until("Type yes")
        assert pin_of(spki) in typist.text and "CN=localhost" in typist.text and "proves nothing" in typist.text
        assert typist.type("yes\n").end() == 0, typist.text
        assert routes(other)["pinned"]["upstream_pin"] == [pin_of(spki)]
        assert other.who.open(other.console_url("pinned"))[0].status == 200


def test_without_a_terminal_the_pin_to_repeat_with_is_said(other, tmp_path):
    crt, key, spki = make_certificate(tmp_path)
    with s_server(crt, key, "-www") as port:
        url = f"https://127.0.0.1:{port}"
        for more in ((), ("--json",)):
            done = other.cli("route", "add", "scripted", url, *more, check=False, stdin="yes\n")
            assert done.returncode == 1 and f"--pin {pin_of(spki)}" in done.stderr and "scripted" not in routes(other)
        other.cli("route", "add", "scripted", url, "--pin", pin_of(spki), "--allow", "group:owners@local")
        assert other.who.open(other.console_url("scripted"))[0].status == 200


def test_what_is_said_to_be_trusted_is_not_looked_at(other):
    """Nothing listens there: whoever looks finds a fault."""
    done = other.cli("route", "add", "blind", "https://127.0.0.1:1", check=False)
    assert done.returncode == 1 and "refused" in done.stderr and "blind" not in routes(other)
    other.cli("route", "add", "blind", "https://127.0.0.1:1", "--trust", "system")
    assert "blind" in routes(other)
    done = other.cli("route", "add", "blind2", "https://127.0.0.1:1", "--trust", "everybody", check=False)
    assert done.returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="other authorities for the service need a mount namespace")
def test_a_console_that_this_system_trusts_is_added_without_a_question(tmp_path):
    import pathlib
    import shutil
    import tempfile

    from test_courier import over
    crt, key, _ = make_certificate(tmp_path, names="DNS:localhost,IP:127.0.0.1")
    with tempfile.TemporaryDirectory() as where:
        os.chmod(where, 0o755)
        store = pathlib.Path(where, "certs")
        store.mkdir()
        shutil.copy(crt, store / "ca-certificates.crt")
        site = harness.Stack(edges=1, around=over({"/etc/ssl/certs": store}))
        try:
            site.start()
            who = site.owner()
            with s_server(crt, key, "-www") as port:
                seen = site.json("probe", f"https://127.0.0.1:{port}")
                assert seen["trusted"] and seen["matches"], seen
                site.cli("route", "add", "trusted", f"https://127.0.0.1:{port}", "--allow", "group:owners@local")
                assert who.open(site.console_url("trusted"))[0].status == 200
                done = site.cli("route", "add", "misnamed", f"https://127.0.0.1:{port}", "--verify-name", "other.example",
                                check=False)
                assert done.returncode == 1 and "is not for other.example" in done.stderr
        finally:
            site.close()
