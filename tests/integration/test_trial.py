"""A test request to what is not saved yet, and whether it can be reached around the gateway."""
import json
import ssl

import pytest

import stack as harness
from stack import Recorder
from test_courier import make_certificate
from test_probe import listener, pin_of


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=1) as s:
        yield s


def ask(s, what, body, status=200, who=None):
    answer = (who or s.admin).request("POST", f"{s.portal}/api/v1/probe/{what}", body=json.dumps(body).encode(),
                                      navigate=False,
                                      headers=[("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin"),
                                               ("Origin", s.portal)])
    assert answer.status == status, answer
    return answer.json()


def test_a_request_shows_the_head_of_the_answer_and_sends_nobodys_name(site):
    up = Recorder(b"HTTP/1.1 302 Found\r\nServer: Console\r\nLocation: /login\r\nSet-Cookie: a=secret\r\n"
                  b"Content-Length: 5\r\n\r\nhello")
    seen = ask(site, "request", {"url": up.url, "path": "/a?b=c", "host": "console.example"})
    assert (seen["fault"], seen["status"], seen["address"]) == (None, 302, "127.0.0.1"), seen
    headers = {h["name"].lower(): h["value"] for h in seen["headers"]}
    assert headers["server"] == "Console" and headers["location"] == "/login" and "secret" not in headers["set-cookie"]
    assert len(up.requests) == 1, "no redirect is followed"
    head = up.requests[0].decode().lower()
    assert head.startswith("get /a?b=c http/1.1") and "host: console.example" in head
    assert "cookie" not in head and "authorization" not in head and "owner" not in head
    assert any(r["event"] == "upstream.probed" and r["target"] == up.url for r in site.json("audit", "tail")["records"])
    up.close()


def test_with_a_pin_only_who_has_the_key_gets_the_request(site, tmp_path):
    crt, key, spki = make_certificate(tmp_path)

    class Secure(Recorder):
        def _serve(self, sock):
            try:
                sock = context.wrap_socket(sock, server_side=True)
            except OSError:
                return
            super()._serve(sock)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    up = Secure()
    url = f"https://127.0.0.1:{up.port}"
    seen = ask(site, "request", {"url": url, "pin": pin_of(spki)})
    assert (seen["fault"], seen["status"]) == (None, 200), seen
    wrong = ask(site, "request", {"url": url, "pin": pin_of(b"another")})
    assert "another key" in wrong["fault"] and wrong["status"] is None
    assert len(up.requests) == 1
    up.close()


@pytest.mark.parametrize("body, field", [
    ({"url": "http://169.254.169.254:80"}, "url"), ({"url": "unix:/x"}, "url"), ({"url": "ftp://a:1"}, "url"),
    ({"url": "http://127.0.0.1:1", "path": "/a b"}, "path"), ({"url": "http://127.0.0.1:1", "path": "x"}, "path"),
    ({"url": "http://127.0.0.1:1", "path": "/a\r\nX: y"}, "path"),
    ({"url": "http://127.0.0.1:1", "host": "a\r\nX: y"}, "host"),
    ({"url": "http://127.0.0.1:1", "method": "DELETE"}, "method"),
    ({"url": "https://127.0.0.1:1", "pin": "sha256/short"}, "pin"),
    ({"url": "http://127.0.0.1:1", "other": 1}, "other"), ({}, "url")])
def test_what_is_no_test_request_is_refused(site, body, field):
    assert ask(site, "request", body, 400)["field"] == field


def test_nonsense_and_silence_are_faults_and_not_ends(site):
    for answer, word in ((b"SSH-2.0-x\r\n\r\n", "malformed"), (b"", "closes"),
                         (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40000, "too large")):
        up = Recorder(answer, handler=lambda r, sock, head, rest: sock.sendall(r.answer))
        seen = ask(site, "request", {"url": up.url})
        assert word in seen["fault"] and seen["status"] is None, seen
        up.close()
    silent = listener(None)
    for scheme in ("http", "https"):
        seen = ask(site, "request", {"url": f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"})
        assert seen["fault"] and seen["status"] is None, seen
    silent.close()
    gone = ask(site, "request", {"url": f"http://127.0.0.1:{harness.free_port()}"})
    assert "no connection" in gone["fault"]


def test_what_listens_everywhere_is_open_and_what_is_on_loopback_is_not(site):
    everywhere, here = Recorder(at=("0.0.0.0", 0)), Recorder()
    own = "127.0.0.5"  # stands for another address of this machine
    seen = ask(site, "exposure", {"url": everywhere.url, "addresses": [own]})
    assert seen["loopback"] and seen["verdict"] == "open" and seen["checks"][0]["reached"], seen
    seen = ask(site, "exposure", {"url": here.url, "addresses": [own]})
    assert seen["verdict"] == "closed" and not seen["checks"][0]["reached"], seen
    assert f"tcp dport {here.port} drop" in seen["nftables"] and 'iifname "lo"' in seen["nftables"]
    assert seen["elsewhere"] and own in seen["elsewhere"][0]
    assert not here.requests and not everywhere.requests, "nothing is asked, only connected"
    assert ask(site, "exposure", {"url": here.url, "addresses": ["169.254.169.254"]})["checks"][0]["reached"] is False
    for bad in (["x"], ["127.0.0.1"] * 6):
        assert ask(site, "exposure", {"url": here.url, "addresses": bad}, 400)["field"].startswith("addresses")
    everywhere.close()
    here.close()
    assert ask(site, "exposure", {"url": here.url}, 409)["field"] == "url"


def test_who_only_uses_consoles_sends_no_test_request(site):
    who = site.user("prober")
    assert who.login().status == 303
    for what in ("request", "exposure"):
        ask(site, what, {"url": "http://127.0.0.1:1"}, 403, who=who)
