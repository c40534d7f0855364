"""The plain-HTTP companion port, and plain HTTP that is spoken to a port of TLS."""
import pathlib
import re
import socket
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stack import Connection, Recorder, Stack, free_port  # noqa: E402

CONFIG = """
routes:
  tomcat: {{host: tomcat.{host}, upstream: "{upstream}"}}
  own: {{port: {own}, upstream: "{upstream}"}}
  named: {{host: named.{host}, port: {named}, upstream: "{upstream}"}}
rules:
  - {{name: all, users: ["*"], zones: [local], routes: ["*"]}}
"""
PAGE = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"), ("Accept", "text/html"))


@pytest.fixture(scope="module")
def site():
    recorder = Recorder()
    own, named, plain = free_port(), free_port(), free_port()
    with Stack(edges=1, extra_yaml=CONFIG.format(host="postern.localhost", upstream=recorder.url, own=own,
                                                 named=named)) as s:
        s.own, s.named, s.plain, s.recorder = own, named, plain, recorder
        text = s.config.read_text()
        main = f'  - {{name: main, address: "127.0.0.1:{s.port}"}}\n'
        assert main in text
        s.config.write_text(text.replace(main, f'  - {{name: plain, address: "127.0.0.1:{plain}", kind: plain}}\n' + main +
                                         f'  - {{name: own, address: "127.0.0.1:{own}"}}\n'
                                         f'  - {{name: named, address: "127.0.0.1:{named}"}}\n'))
        s.start()
        yield s
    recorder.close()


class Plain(Connection):
    """The same without TLS."""

    def __init__(self, port, timeout=20):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.buffer = b""


def say(site, target="/", host="postern.localhost", method="GET", headers=PAGE, port=None, body=b"", tls=False):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}:{site.plain}" if host else "", *(f"{n}: {v}" for n, v in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    connection = Connection(site, "postern.localhost", port or site.plain) if tls else Plain(port or site.plain)
    with connection as c:
        c.send("\r\n".join(line for line in lines if line).encode() + b"\r\n\r\n" + body)
        return c.read(method=method)


@pytest.mark.parametrize("tls", [False, True])
def test_a_page_of_ours_is_found_over_tls(site, tls):
    """Also when a browser keeps the port and speaks TLS to it."""
    for host, port in (("postern.localhost", site.port), ("tomcat.postern.localhost", site.port),
                       ("TOMCAT.postern.localhost", site.port), ("named.postern.localhost", site.named)):
        for method in ("GET", "HEAD"):
            answer = say(site, "/a/b;x=1?q=%41&r", host, method, tls=tls)
            assert answer.status == 308, (host, answer)
            assert answer.get("location") == f"https://{host.lower()}:{port}/a/b;x=1?q=%41&r", answer
            assert not answer.all("set-cookie") and not answer.get("strict-transport-security")
    answer = say(site, "//evil.test/x", tls=tls)
    assert answer.get("location") == f"https://postern.localhost:{site.port}//evil.test/x"


def test_a_name_that_is_not_ours_leads_nowhere(site):
    for host in ("evil.test", "x.tomcat.postern.localhost", "127.0.0.1", "postern.localhost.evil.test", "localhost"):
        answer = say(site, "/", host)
        assert answer.status == 404 and not answer.get("location"), (host, answer)
    for raw in (b"GET / HTTP/1.1\r\n\r\n", b"GET http://evil.test/ HTTP/1.1\r\nHost: postern.localhost\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: postern.localhost\r\nHost: evil.test\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: postern.localhost@evil.test\r\n\r\n"):
        with Plain(site.plain) as c:
            c.send(raw)
            answer = c.read()
            assert answer.status == 400 and not answer.get("location"), (raw, answer)


def test_a_program_is_told_and_not_led(site):
    """It has sent its token in the clear; a redirect would let that go on unnoticed."""
    for method, headers, body in (("GET", (), b""), ("POST", PAGE, b"a=b"), ("PUT", (), b"x"), ("DELETE", (), b""),
                                  ("GET", (("Authorization", "Bearer pst_x"), ("Accept", "application/json")), b""),
                                  ("GET", (("Sec-Fetch-Mode", "cors"), ("Accept", "text/html")), b""),
                                  ("GET", PAGE + (("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                                  ("Sec-WebSocket-Version", "13"),
                                                  ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")), b"")):
        answer = say(site, "/x", "tomcat.postern.localhost", method, headers, body=body)
        assert answer.status == 400 and not answer.get("location"), (method, headers, answer)
        if headers != PAGE and "websocket" not in str(headers):
            assert answer.get("content-type") == "application/problem+json"
            assert answer.json()["error"] == "https" and f":{site.port}/" in answer.json()["detail"], answer.body


def test_health_is_answered_and_nothing_else_is_served(site):
    for host in ("postern.localhost", "10.0.0.1", "probe"):
        answer = say(site, "/healthz", host, headers=())
        assert (answer.status, answer.body) == (200, b"ok"), answer
    for target in ("/login", "/api/v1/me", "/assets/style.css", "/.postern/style.css", "/.postern/callback",
                   "/.well-known/acme-challenge/token", "/x/../healthz/y"):
        answer = say(site, target, headers=())
        assert answer.status == 400 and not answer.all("set-cookie"), (target, answer)
    assert say(site, "/healthz", method="POST", headers=(), body=b"x").status == 400
    for method in ("TRACE", "CONNECT"):
        assert say(site, "/", method=method, headers=()).status in (400, 405)
    assert site.recorder.connections == 0, "never proxied"


def test_requests_follow_each_other_on_one_connection(site):
    with Plain(site.plain) as c:
        for _ in range(5):
            c.send(f"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert c.read().body == b"ok"
        c.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000 +
               b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert c.read().status == 404


def test_a_request_may_come_byte_by_byte_and_a_client_that_says_nothing_is_closed(site):
    with Plain(site.plain) as c:
        for byte in b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n":
            c.send(bytes([byte]))
            time.sleep(0.001)
        assert c.read().status == 200
    for garbage in (b"\0" * 100, b"\x16", b"\x16\x03\x01\0\x05hello", b"SSH-2.0-x\r\n", b"\x15\x03\x01\0\2\1\0"):
        with Plain(site.plain) as c:
            c.send(garbage)
            c.sock.shutdown(socket.SHUT_WR)
            while c.sock.recv(4096):
                pass
    assert say(site, "/healthz").status == 200


def test_plain_http_to_a_port_of_tls_gets_one_line(site):
    for request in (b"GET / HTTP/1.1\r\nHost: postern.localhost\r\n\r\n",
                    b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"a" * 100000):
        with Plain(site.port) as c:
            c.send(request)
            answer = c.read()
            assert answer.status == 400 and b"speaks HTTPS" in answer.body, answer
            assert not answer.get("location")
            assert c.sock.recv(100) == b""
    # Cut anywhere, or another protocol: closed, and TLS is served as before.
    for piece in (b"G", b"GET", b"GET ", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"\0\0\0\0\0\0"):
        with Plain(site.port) as c:
            c.send(piece)
            c.sock.shutdown(socket.SHUT_WR)
            try:
                while c.sock.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    assert site.anonymous("GET", site.portal + "/healthz").status == 200


def test_hsts_is_not_said_where_a_plain_port_shares_the_name_unless_asked(site):
    assert not site.anonymous("GET", site.portal + "/login").get("strict-transport-security")
    who = site.user("hilda")
    answer, _ = who.open(f"https://tomcat.{site.host}:{site.port}/")
    assert answer.status == 200 and not answer.get("strict-transport-security")
    text = site.config.read_text()
    site.config.write_text(text + "\ntls: {hsts: always}\n")
    site.cli("reload")
    assert site.anonymous("GET", site.portal + "/login").get("strict-transport-security") == "max-age=31536000"
    assert who.get(f"https://tomcat.{site.host}:{site.port}/").get("strict-transport-security")
    assert not say(site, "/healthz").get("strict-transport-security"), "never without TLS (RFC 6797 section 7.2)"
    site.config.write_text(re.sub(r"  - \{name: plain.*\n", "", text))
    site.cli("reload")
    assert site.anonymous("GET", site.portal + "/login").get("strict-transport-security")
    site.config.write_text(text)
    site.cli("reload")
    assert say(site, "/healthz").status == 200


def test_the_file_is_checked(site):
    text = site.config.read_text()
    main = f'{{name: main, address: "127.0.0.1:{site.port}"}}'
    for wrong, part in ((text.replace(main, main[:-1] + ", kind: plain}"), "expected a listener left to the portal"),
                        (text.replace(f"port: {site.own}", f"port: {site.plain}"), "expected the port of a listener"),
                        (text.replace("kind: plain", "kind: http"), "tls or plain")):
        path = site.dir / "wrong.yaml"
        path.write_text(wrong)
        done = site.cli("check", "--config", str(path), check=False)
        assert done.returncode != 0 and part in done.stderr, done
