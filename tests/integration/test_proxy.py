"""Every kind of request and answer through the gate, and upstreams that misbehave."""
import base64
import hashlib
import os
import re
import socket
import threading
import time

import pytest

import stack as harness
from stack import Connection, Recorder, read_body


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=1, extra_yaml="\nlimits: {connect_timeout: 2s, body_timeout: 3s, header_timeout: 3s, "
                                          "idle_timeout: 4s, connections_per_source: 40}\n") as s:
        yield s


class Console:
    """A route to an upstream whose behaviour the test writes, and a session for it."""

    def __init__(self, site, handler=None, extra=(), answer=None):
        self.site = site
        self.up = Recorder(handler=handler, **({"answer": answer} if answer else {}))
        self.name = f"c{self.up.port}"
        site.cli("route", "add", self.name, self.up.url, "--allow", "group:owners@local", *extra)
        self.host = f"{self.name}.{site.host}"
        # A hand-over that never touches the console: the callback's redirect is not followed.
        who = site.admin
        # A port, and so a name, may come a second time.
        who.jar.pop(self.host, None)
        step = who.get(site.console_url(self.name, "/"))
        step = who.get(step.get("location"))
        step = who.get(step.get("location"))
        assert step.status == 303, step
        self.cookie = "; ".join(f"{k}={v}" for k, v in who.jar[self.host].items())

    def head(self, method="GET", path="/", headers=()):
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.site.port}",
                            f"Cookie: {self.cookie}", "Sec-Fetch-Site: same-origin", "Accept: application/json",
                            *headers]).encode() + b"\r\n\r\n"

    def connect(self, **more):
        return Connection(self.site, self.host, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.site.cli("route", "remove", self.name, "--force", check=False)
        self.up.close()


def reply(sock, body=b"", status="200 OK", headers=b""):
    sock.sendall(b"HTTP/1.1 " + status.encode() + b"\r\nContent-Length: %d\r\n" % len(body) + headers + b"\r\n" + body)


def reading(answer):
    """For a Recorder that takes each request with its body, and always says the same."""
    def handler(recorder, sock, head, data):
        _, rest = read_body(sock, head, data)
        reply(sock, answer)
        return rest
    return handler


def test_keep_alive_and_pipelining_keep_their_order(site):
    def handler(r, sock, head, data):
        reply(sock, head.split(b" ")[1])
        return data
    with Console(site, handler) as c, c.connect() as k:
        k.send(b"".join(c.head(path=f"/{i}") for i in range(20)))
        assert [k.read().body for _ in range(20)] == [b"/%d" % i for i in range(20)]
        assert c.up.connections == 1


@pytest.mark.parametrize("size", [0, 1, 1000, 65535, 65536, 65537, 5_000_000])
def test_bodies_arrive_as_they_were_sent_both_ways_in_both_framings(site, size):
    def handler(r, sock, head, data):
        body, data = read_body(sock, head, data)
        if b"/chunked" in head.split(b"\r\n")[0]:
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for i in range(0, len(body), 9000):
                part = body[i:i + 9000]
                sock.sendall(b"%x\r\n" % len(part) + part + b"\r\n")
            sock.sendall(b"0\r\n\r\n")
        else:
            reply(sock, body)
        return data
    payload = os.urandom(size)
    with Console(site, handler) as c, c.connect() as k:
        for path in ("/length", "/chunked"):
            k.send(c.head("POST", path, [f"Content-Length: {size}"]) + payload)
            got = k.read()
            assert got.status == 200 and got.body == payload and got.complete
            k.send(c.head("POST", path, ["Transfer-Encoding: chunked"]))
            for i in range(0, size, 7000):
                part = payload[i:i + 7000]
                k.send(b"%x\r\n" % len(part) + part + b"\r\n")
            k.send(b"0\r\n\r\n")
            got = k.read()
            assert got.status == 200 and got.body == payload and got.complete


def test_memory_stays_flat_when_one_side_is_slow(site):
    """A 200 MiB download to a reader that does not read, and an upload to a console that does not."""
    gate = threading.Event()

    def handler(r, sock, head, data):
        if head.startswith(b"GET"):
            try:
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n")
                block = bytes(1 << 20)
                for _ in range(200):
                    sock.sendall(block)
            except OSError:
                return None
            return data
        gate.wait(20)
        body, data = read_body(sock, head, data)
        reply(sock, hashlib.sha256(body).hexdigest().encode())
        return data

    def resident(pid):
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])
    with Console(site, handler) as c, c.connect() as down, c.connect() as up:
        edge = site.pids("edge")[0]
        before = resident(edge)
        down.send(c.head())
        down.read(head_only=True)
        up.sock.settimeout(1)
        payload = os.urandom(40 << 20)
        up.send(c.head("POST", "/", [f"Content-Length: {len(payload)}"]))
        sent = 0
        try:
            while sent < len(payload):
                sent += up.sock.send(payload[sent:sent + 65536])
        except (TimeoutError, OSError):
            pass
        assert sent < len(payload), "the gate does not swallow what the console does not take"
        time.sleep(0.5)
        assert resident(edge) - before < 4096, "KiB"
        gate.set()
        up.sock.settimeout(30)
        while sent < len(payload):
            sent += up.sock.send(payload[sent:sent + 65536])
        assert up.read().body == hashlib.sha256(payload).hexdigest().encode()
        got = 0
        while got < 209715200 - len(down.buffer):
            got += len(down.sock.recv(1 << 20))


def test_expect_100_continue_is_answered_and_the_body_follows(site):
    def handler(r, sock, head, data):
        body, data = read_body(sock, head, data)
        reply(sock, body)
        return data
    with Console(site, handler) as c, c.connect() as k:
        k.send(c.head("POST", "/", ["Content-Length: 5", "Expect: 100-continue"]))
        assert k.read().status == 100
        k.send(b"hello")
        assert k.read().body == b"hello"
        k.send(c.head("POST", "/", ["Content-Length: 5", "Expect: 200-ok"]))
        assert k.read().status == 417


def test_answers_without_a_body_have_none(site):
    def handler(r, sock, head, data):
        line = head.split(b"\r\n")[0]
        if line.startswith(b"HEAD"):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        elif b"/204" in line:
            sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif b"/304" in line:
            sock.sendall(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 77\r\n\r\n")
        elif b"/103" in line:
            sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
            reply(sock, b"after")
        else:
            reply(sock, b"plain")
        return data
    with Console(site, handler) as c, c.connect() as k:
        k.send(c.head("HEAD"))
        got = k.read(method="HEAD")
        assert got.status == 200 and got.get("content-length") == "1000"
        for status in ("204", "304"):
            k.send(c.head(path="/" + status))
            assert k.read().status == int(status)
        k.send(c.head(path="/103"))
        got = k.read()
        while got.status < 200:
            got = k.read()
        assert got.body == b"after"
        k.send(c.head())
        assert k.read().body == b"plain"


LIES = {
    "closed inside a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", False),
    "closed inside a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nshort", False),
    "closed before the last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", False),
    "a broken chunk size": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n", False),
    "garbage": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 502),
    "both framings": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 502),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 502),
    "a lone LF": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 502),
    "a NUL in a header": (b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok", 502),
    "nothing at all": (b"", 502),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Le", 502),
    "a huge head": (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 300000 + b"\r\n\r\n", 502),
    "101 that nobody asked for": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 502),
}


@pytest.mark.parametrize("lie", sorted(LIES))
def test_a_lying_upstream_never_looks_like_a_complete_answer(site, lie):
    text, expected = LIES[lie]

    def handler(r, sock, head, data):
        sock.sendall(text)
        return None
    with Console(site, handler) as c, c.connect() as k:
        k.send(c.head())
        try:
            got = k.read()
        except ConnectionError:
            return
        if expected is False:
            assert not got.complete
        else:
            assert got.status == expected
            assert got.json()["request_id"]


def test_a_console_that_is_down_gives_502_with_a_cause(site):
    with Console(site) as c:
        c.up.close()
        with c.connect() as k:
            k.send(c.head())
            got = k.read()
            assert got.status == 502 and got.json()["request_id"] and got.json()["detail"]
            k.send(c.head(headers=["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]).replace(
                b"Accept: application/json", b"Accept: text/html"))
            page = k.read()
            assert page.status == 502 and "text/html" in page.get("content-type")


def test_a_console_that_never_answers_gives_504(site):
    def handler(r, sock, head, data):
        time.sleep(8)
        return None
    with Console(site, handler, ["--response-timeout", "2s"]) as c, c.connect() as k:
        begin = time.monotonic()
        k.send(c.head())
        assert k.read().status == 504
        assert 1.5 < time.monotonic() - begin < 5


def test_an_early_refusal_reaches_the_client_while_it_uploads(site):
    def handler(r, sock, head, data):
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
        time.sleep(0.5)
        return None
    with Console(site, handler) as c, c.connect() as k:
        k.send(c.head("POST", "/", ["Content-Length: 50000000"]))
        k.sock.settimeout(5)
        try:
            for _ in range(400):
                k.send(bytes(65536))
        except OSError:
            pass
        assert k.read().status == 413


def test_a_stale_pooled_connection_is_retried_for_a_get_and_never_for_a_post(site):
    seen = []

    def handler(r, sock, head, data):
        seen.append(head.split(b" ")[0])
        body, data = read_body(sock, head, data)
        reply(sock, b"ok")
        # The console closes an idle connection without saying so.
        return None
    with Console(site, handler) as c, c.connect() as k:
        for _ in range(5):
            k.send(c.head())
            assert k.read().status == 200
            time.sleep(0.05)
        for _ in range(3):
            k.send(c.head("POST", "/", ["Content-Length: 1"]) + b"x")
            assert k.read().status in (200, 502)
        assert seen.count(b"POST") <= 3


def test_a_websocket_is_tunnelled_with_its_bytes_untouched(site):
    def handler(r, sock, head, data):
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", head).group(1)
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n" + b"early")
        sock.sendall(data)
        while True:
            more = sock.recv(65536)
            if not more:
                return None
            sock.sendall(more)
    with Console(site, handler) as c, c.connect() as k:
        ws = ["Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: chat",
              f"Origin: https://{c.host}:{site.port}"]
        k.send(c.head(headers=ws))
        got = k.read(head_only=True)
        assert got.status == 101 and got.get("sec-websocket-protocol") == "chat"
        assert got.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        head = c.up.requests[-1].decode()
        assert head.lower().count("\r\nhost:") == 1 and "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" in head
        payload = os.urandom(1 << 20)
        want = b"early" + payload
        k.exchange(payload, lambda got: len(got) >= len(want))
        assert k.buffer == want
        with c.connect() as other:
            other.send(c.head(headers=ws[:-1] + ["Origin: https://evil.example"]).replace(b"Sec-Fetch-Site: same-origin\r\n", b""))
            assert other.read().status == 403
        for broken in ("Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 8"):
            with c.connect() as other:
                lines = [w for w in ws if not w.startswith(broken.split(":")[0])] + [broken]
                before = len(c.up.requests)
                other.send(c.head(headers=lines))
                assert other.read().status in (400, 426)
                assert len(c.up.requests) == before


def test_a_refused_upgrade_is_an_ordinary_answer(site):
    def handler(r, sock, head, data):
        reply(sock, b"no websockets here", "400 Bad Request")
        return data
    with Console(site, handler) as c, c.connect() as k:
        k.send(c.head(headers=["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                               f"Origin: https://{c.host}:{site.port}"]))
        assert k.read().body == b"no websockets here"


IDENTITY = ["X-Forwarded-For", "X-Forwarded-User", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Email",
            "Forwarded", "X-Real-IP", "X-Remote-User", "Remote-User", "X-Client-IP", "True-Client-IP", "$WSRU",
            "$WSRA", "X-PAN-AUTHCHECK", "X-F5-Auth-Token", "X-Original-URL", "X-Rewrite-URL", "X-Postern-User",
            "Proxy-Authorization", "Proxy", "SSL-Client-Cert", "X-SSL-Client-Verify"]


def test_no_spelling_of_an_identity_header_reaches_the_console(site):
    with Console(site) as c, c.connect() as k:
        for name in IDENTITY:
            for spelling in {name, name.lower(), name.upper(), name.replace("-", "_"), name.replace("-", ".")}:
                k.send(c.head(headers=[f"{spelling}: spoofed-value", f"{spelling}: spoofed-value", "X-Plain_Name.x: kept"]))
                got = k.read()
                assert got.status == 200, (spelling, got)
                seen = c.up.requests[-1]
                assert b"spoofed-value" not in seen, (spelling, seen)
                assert b"X-Plain_Name.x: kept" in seen
        seen = c.up.requests[-1].decode().lower()
        assert f"x-forwarded-host: {c.host}:{site.port}" in seen
        assert "x-forwarded-proto: https" in seen and "x-forwarded-for: 127.0.0.1" in seen
        assert f"host: {c.host}:{site.port}\r\n" in seen


def test_location_and_cookies_are_rewritten_to_the_public_name(site):
    def handler(r, sock, head, data):
        origin = r.url.encode()
        reply(sock, b"", "302 Found", b"Location: " + origin + b"/next?x=1\r\nSet-Cookie: A=1; Domain=internal.example; Path=/\r\n"
              b"Set-Cookie: __Host-postern-%d=stolen; Path=/; Secure\r\n" % site.port)
        return data
    with Console(site, handler) as c, c.connect() as k:
        k.send(c.head())
        got = k.read()
        assert got.get("location") == f"https://{c.host}:{site.port}/next?x=1"
        assert len(got.all("set-cookie")) == 1
        assert "domain" not in got.get("set-cookie").lower() and "secure" in got.get("set-cookie").lower()


MALFORMED = [
    b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {h}\r\nHost: {h}\r\n\r\n", b"GET  / HTTP/1.1\r\nHost: {h}\r\n\r\n",
    b"GET / HTTP/1.1\nHost: {h}\n\n", b"GET / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: +1\r\n\r\nx",
    b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 1, 1\r\n\r\nx", b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 0x1\r\n\r\nx",
    b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.0\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {h}\r\nX: a\r\n b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: {h}\r\n X: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {h}\r\nX: a\0b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {h}\r\nX(y): a\r\n\r\n",
    b"GET /a\0b HTTP/1.1\r\nHost: {h}\r\n\r\n", b"GET /a#b HTTP/1.1\r\nHost: {h}\r\n\r\n", b"GET /a b HTTP/1.1\r\nHost: {h}\r\n\r\n",
    b"GET / HTTP/1.3\r\nHost: {h}\r\n\r\n", b"GET / HTTP/2.0\r\nHost: {h}\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / http/1.1\r\nHost: {h}\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: user@{h}\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {h}/x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {h}, {h}\r\n\r\n",
    b"GET https://other.example/ HTTP/1.1\r\nHost: {h}\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {h}\r\nConnection: close, X-Real\r\n\r\n",
    b"GET /\xc3\xa9 HTTP/1.1\r\nHost: {h}\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", b"\r\n\r\n\r\n", b"GET\t/ HTTP/1.1\r\nHost: {h}\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: {h}\r\nX: a\rb\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {h}\r\n: novalue\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {h}\r\nnocolon\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: {h}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", b"POST / HTTP/1.1\r\nHost: {h}\r\nContent-Length: 99999999999999999999\r\n\r\n",
]


@pytest.mark.parametrize("number", range(len(MALFORMED)))
def test_what_is_ambiguous_is_refused_and_never_forwarded(site, number):
    with Console(site) as c, c.connect() as k:
        text = MALFORMED[number].replace(b"{h}", f"{c.host}:{site.port}".encode())
        text = text.replace(b"\r\n\r\n", f"\r\nCookie: {c.cookie}\r\nSec-Fetch-Site: same-origin\r\n\r\n".encode(), 1)
        k.send(text)
        k.sock.settimeout(8)
        try:
            got = k.read()
            assert got.status in (400, 405, 411, 413, 414, 417, 421, 431, 501, 505), got
            # And nothing more is taken from this connection.
            k.send(c.head())
            with pytest.raises((ConnectionError, OSError)):
                k.read()
        except (ConnectionError, OSError):
            pass
        if b"fffffffffffffffff" not in text:
            assert c.up.connections == 0, c.up.bytes


def test_oversized_heads_get_their_own_answers(site):
    with Console(site) as c:
        for text, status in ((c.head(path="/" + "a" * 20000), (414, 431)), (c.head(headers=["X: " + "a" * 20000]), (431,)),
                             (c.head(headers=[f"X{i}: a" for i in range(300)]), (431,))):
            with c.connect() as k:
                k.send(text)
                assert k.read().status in status
        assert c.up.connections == 0


def test_slow_clients_are_ended_at_their_deadline(site):
    with Console(site) as c:
        with c.connect() as k:
            begin = time.monotonic()
            k.send(b"GET / HTTP/1.1\r\nHost: ")
            k.sock.settimeout(10)
            try:
                answer = k.read()
                assert answer.status == 408
            except ConnectionError:
                pass
            assert 2 < time.monotonic() - begin < 6
        with c.connect() as k:
            begin = time.monotonic()
            k.send(c.head("POST", "/", ["Content-Length: 10"]) + b"abc")
            k.sock.settimeout(10)
            try:
                assert k.read().status in (408, 502)
            except ConnectionError:
                pass
            assert 2 < time.monotonic() - begin < 8
        with c.connect() as k:
            k.send(c.head())
            assert k.read().status == 200
            k.sock.settimeout(10)
            begin = time.monotonic()
            assert not k.fill(), "an idle connection is closed"
            assert 3 < time.monotonic() - begin < 8


def test_one_source_cannot_take_all_connections(site):
    raw = []
    try:
        for _ in range(60):
            s = socket.create_connection(("127.0.0.1", site.port))
            s.settimeout(2)
            raw.append(s)
        time.sleep(0.3)
        closed = 0
        for s in raw:
            s.setblocking(False)
            try:
                closed += s.recv(1) == b""
            except (BlockingIOError, ConnectionError) as e:
                closed += isinstance(e, ConnectionError)
        assert 15 <= closed <= 30
        with Connection(site, site.host, source="127.0.0.9") as other:
            other.send(f"GET /healthz HTTP/1.1\r\nHost: {site.host}:{site.port}\r\n\r\n".encode())
            assert other.read().status == 200
    finally:
        for s in raw:
            s.close()


def test_a_source_that_nothing_admits_is_closed_before_tls(site):
    only = harness.Stack(edges=1)
    try:
        text = only.config.read_text()
        only.config.write_text(text + "\nzones: {tiny: [127.7.7.7/32]}\n")
        text = only.config.read_text()
        only.config.write_text(re.sub(r"zones: \[local\]", "zones: [tiny]", text))
        only.ready = lambda: bool(only.cli("health", check=False).returncode == 0)
        only.start()
        with pytest.raises((ConnectionError, OSError)):
            Connection(only, only.host)
        raw = socket.create_connection(("127.0.0.1", only.port))
        raw.settimeout(3)
        try:
            assert raw.recv(10) == b""
        except ConnectionResetError:
            pass
        with Connection(only, only.host, source="127.7.7.7") as k:
            k.send(f"GET /healthz HTTP/1.1\r\nHost: {only.host}:{only.port}\r\n\r\n".encode())
            assert k.read().status == 200
    finally:
        only.close()
