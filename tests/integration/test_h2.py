"""HTTP/2 to the client: the same exchanges, on streams; what a client may not do, and what it may not do often."""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import threading
import time
import xml.etree.ElementTree

import pytest

import edge_alone
import h2wire
import stack as harness
from h2wire import (CALM, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INTERNAL_ERROR, NO_ERROR, PING,
                    PRIORITY, PROTOCOL_ERROR, SETTINGS_TIMEOUT, WINDOW, Client, frame, settings)

Recorder, wait_for = harness.Recorder, harness.wait_for
MALFORMED, UPSTREAM, DENIED = 3, 6, 1
LIMITS = "header_timeout: 2s, idle_timeout: 3s, write_timeout: 3s, body_timeout: 3s, connections_per_source: 200"


class Console:
    """Answers by the path: /echo, /chunked/N, /length/N, /slow, /cut, /reset, /early, /hints, /stuck …"""

    def __init__(self):
        self.gate, self.closed, self.bodies = threading.Event(), [], []
        self.up = Recorder(handler=self.handle)

    def handle(self, _, sock, head, data):
        method, path = head.decode("latin-1").split(" ")[:2]
        word, _, number = path[1:].partition("/")
        ok = b"HTTP/1.1 200 OK\r\n"
        if word == "early":
            sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            return None
        if word == "stuck":
            self.gate.wait(20)
            return None
        if word == "hang":
            while True:
                try:
                    if not sock.recv(4096):
                        break
                except OSError:
                    break
            self.closed.append(path)
            return None
        if word == "raw":
            while not data.endswith(b"\r\n\r\n"):
                more = sock.recv(4096)
                if not more:
                    return None
                data += more
            sock.sendall(ok + b"Content-Length: %d\r\n\r\n" % len(data) + data)
            return b""
        try:
            body, data = harness.read_body(sock, head, data)
        except ConnectionError:
            self.closed.append(path)
            return None
        self.bodies.append(body)
        if word == "echo":
            sock.sendall(ok + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        elif word == "chunked":
            sock.sendall(ok + b"Transfer-Encoding: chunked\r\n\r\n")
            left = int(number)
            while left > 0:
                part = min(left, 30000)
                sock.sendall(b"%x\r\n" % part + b"c" * part + b"\r\n")
                left -= part
            sock.sendall(b"0\r\nX-Sum: 1\r\n\r\n")
        elif word == "tail":
            sock.sendall(ok + b"Transfer-Encoding: chunked\r\nTrailer: Server-Timing\r\n\r\n4\r\nbody\r\n"
                         b"0\r\nServer-Timing: db;dur=1\r\nX-User: root\r\n\r\n")
        elif word == "length":
            sock.sendall(ok + b"Content-Length: %d\r\n\r\n" % int(number))
            left = int(number) if method != "HEAD" else 0
            while left > 0:
                part = min(left, 1 << 16)
                sock.sendall(b"l" * part)
                left -= part
        elif word == "until":
            sock.sendall(ok + b"\r\nuntil the end")
            return None
        elif word == "slow":
            self.gate.wait(20)
            sock.sendall(ok + b"Content-Length: 4\r\n\r\nslow")
        elif word == "cut":
            sock.sendall(ok + b"Content-Length: 100\r\n\r\nhalf")
            return None
        elif word == "cutchunk":
            sock.sendall(ok + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            return None
        elif word == "status":
            sock.sendall(b"HTTP/1.1 %d Some\r\nContent-Length: 0\r\n\r\n" % int(number) if number not in ("204", "304")
                         else b"HTTP/1.1 %d Some\r\n\r\n" % int(number))
        elif word == "hints":
            sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + ok +
                         b"Content-Length: 2\r\n\r\nok")
        elif word == "many":
            sock.sendall(ok + b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Mixed-Case: V\r\nConnection: keep-alive\r\n"
                         b"Keep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n")
        else:
            sock.sendall(ok + b"Content-Length: 2\r\n\r\nok")
        return data

    def close(self):
        self.gate.set()
        self.up.close()


@pytest.fixture(scope="module")
def site():
    console = Console()
    edge = edge_alone.Edge(console.up.port, limits=LIMITS)
    edge.keeper.person()
    edge.console = console
    try:
        yield edge
    finally:
        edge.close()
        console.close()


@pytest.fixture(autouse=True)
def fresh(site):
    site.console.gate.clear()
    site.console.closed.clear()
    site.console.bodies.clear()
    yield
    site.console.gate.set()


def counted(site, name):
    return int(site.status()[name])


# ---- ordinary use ----

def curl(site, *args):
    return subprocess.run(["curl", "-sS", "-m", "20", "--cacert", site.dir / "tls/ca.crt", "-H", "Sec-Fetch-Site: same-origin",
                           "-H", site.cookie().strip(), *args], capture_output=True, text=True, check=True).stdout


def test_a_client_that_offers_both_gets_http2_and_one_that_does_not_gets_http1(site):
    url = f"https://{site.host}:{site.port}/"
    assert curl(site, "--http2", "-w", " %{http_version}", url) == "ok 2"
    assert curl(site, "--http1.1", "-w", " %{http_version}", url) == "ok 1.1"
    with Client(site, alpn=("http/1.1", "h2")) as c:
        assert c.protocol == "h2"
    with Client(site, alpn=("http/1.1",), hello=None) as c:
        assert c.protocol == "http/1.1"


def test_a_listener_may_leave_it_out():
    up = Recorder()

    class Plain(edge_alone.Edge):
        def yaml(self):
            return super().yaml().replace(f':{self.port}"}}]', f':{self.port}", http2: false}}]')
    with Plain(up.port) as edge:
        with Client(edge, alpn=("h2", "http/1.1"), hello=None) as c:
            assert c.protocol == "http/1.1"
        with pytest.raises(OSError):
            Client(edge, alpn=("h2",), hello=None)
    up.close()


def test_the_limits_are_told_to_the_client(site):
    with Client(site) as c:
        c.pump(lambda: c.acked and c.settings)
        assert c.settings[h2wire.MAX_CONCURRENT] == 100
        assert c.settings[h2wire.MAX_LIST] == 16384
        assert c.settings[h2wire.INITIAL_WINDOW] == 512 * 1024
        assert c.settings[h2wire.NO_PRIORITIES] == 1


@pytest.mark.parametrize("size", [0, 1, 16384, 300000, 3000000])
@pytest.mark.parametrize("told", [True, False])
def test_bodies_arrive_as_they_were_sent_both_ways(site, size, told):
    body = os.urandom(size)
    with Client(site) as c:
        extra = [("content-length", str(size))] if told else []
        s = c.ask(body=body, method="POST", path="/echo", extra=extra)
        assert s.status == 200 and s.ended and s.body == body
        assert s.head["content-length"] == str(size)
        assert site.console.bodies == [body]


@pytest.mark.parametrize("path, body", [("/chunked/0", b""), ("/chunked/200000", b"c" * 200000), ("/length/0", b""),
                                        ("/length/2000000", b"l" * 2000000), ("/until", b"until the end")])
def test_answers_lose_the_framing_of_http1(site, path, body):
    with Client(site) as c:
        s = c.ask(path=path)
        assert (s.status, s.body, s.ended, s.reset) == (200, body, True, None)
        assert not {"transfer-encoding", "connection", "keep-alive", "trailer"} & set(s.head)


def test_header_names_are_lower_case_and_nothing_speaks_of_the_connection(site):
    with Client(site) as c:
        s = c.ask(path="/many")
        assert s.head["x-mixed-case"] == "V" and s.head["strict-transport-security"]
        assert all(n == n.lower() for n in s.head) and not {"connection", "keep-alive"} & set(s.head)


@pytest.mark.parametrize("method, path, status", [("HEAD", "/length/50", 200), ("GET", "/status/204", 204),
                                                  ("GET", "/status/304", 304), ("HEAD", "/echo", 200)])
def test_answers_without_a_body_end_with_their_head(site, method, path, status):
    with Client(site) as c:
        s = c.ask(method=method, path=path)
        assert s.status == status and s.body == b"" and s.ended
        if path == "/length/50":
            assert s.head["content-length"] == "50"
        assert c.ask(path="/").body == b"ok"


def test_a_slow_answer_holds_up_no_other(site):
    with Client(site) as c:
        slow = c.open(path="/slow")
        for _ in range(20):
            assert c.ask(path="/").body == b"ok"
        assert not c.stream(slow).heads
        site.console.gate.set()
        assert c.finish(slow).body == b"slow"


def test_a_hundred_requests_run_at_once_and_one_more_is_refused(site):
    # Who has acknowledged the limit and still asks for more breaks the protocol, and loses the connection.
    with Client(site, acks=False) as c:
        running = [c.open(path="/slow") for _ in range(100)]
        more = c.open(path="/slow")
        assert c.finish(more).reset == h2wire.REFUSED
        site.console.gate.set()
        assert all(c.finish(n).body == b"slow" for n in running)
        assert c.ask().status == 200


def test_the_console_sees_an_ordinary_http1_request(site):
    with Client(site) as c:
        c.ask(path="/a?b=c", extra=[("cookie", "x=1"), ("cookie", "y=2"), ("accept", "*/*"),
                                    ("x-forwarded-for", "192.0.2.1"), ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA")])
    head = site.console.up.requests[-1].decode()
    lines = head.split("\r\n")
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert lines[1] == f"Host: {site.host}:{site.port}"
    assert "Cookie: x=1; y=2" in lines
    assert [line for line in lines if line.lower().startswith("host:")] == [lines[1]]
    assert "192.0.2.1" not in head and "http2-settings" not in head.lower() and "A" * 43 not in head
    assert not re.search(r"(?im)^(te|connection|:)", head)
    assert re.search(r"(?m)^Via: 2\.0 postern-", head)


def test_interim_answers_pass_and_100_comes_when_asked_for(site):
    with Client(site) as c:
        s = c.ask(path="/hints")
        assert [h[":status"] for h in s.heads] == ["103", "200"]
        assert s.heads[0]["link"] == "</a.css>; rel=preload"
        number = c.open(method="POST", path="/echo", end=False, extra=[("expect", "100-continue"), ("content-length", "5")])
        c.pump(lambda: c.stream(number).heads)
        assert c.stream(number).head == {":status": "100"}
        c.data(number, b"hello", end=True)
        assert c.finish(number).body == b"hello"


def test_trailers_that_describe_a_body_pass_both_ways_and_others_are_refused(site):
    with Client(site) as c:
        number = c.open(method="POST", path="/raw", end=False, extra=[("trailer", "content-digest")])
        c.data(number, b"body")
        c.send(frame(HEADERS, END_STREAM | END_HEADERS, number, c.encoder.encode([("content-digest", "sha-256=:eA==:")])))
        assert c.finish(number).body == b"4\r\nbody\r\n0\r\ncontent-digest: sha-256=:eA==:\r\n\r\n"
        number = c.open(method="POST", path="/raw", end=False, extra=[("trailer", "x-user")])
        c.data(number, b"body")
        c.send(frame(HEADERS, END_STREAM | END_HEADERS, number, c.encoder.encode([("x-user", "root")])))
        assert c.finish(number).status == 400
        s = c.ask(path="/tail", extra=[("te", "trailers")])
        assert s.ended and s.body == b"body" and [h.get("server-timing") for h in s.heads] == [None, "db;dur=1"]
        s = c.ask(path="/tail")
        assert s.ended and s.body == b"body" and len(s.heads) == 1
        assert c.ask().status == 200


def test_records_tell_of_every_stream(site):
    with Client(site) as c:
        c.ask(body=b"12345", method="POST", path="/echo/recorded", extra=[("content-length", "5")])
    r = site.keeper.find(path=b"/echo/recorded")
    assert (r["status"], r["bytes_in"], r["bytes_out"], r["method"]) == (200, 5, 5, b"POST")


# ---- what is malformed, and what is merely not served ----

PSEUDO = [(":method", "GET"), (":scheme", "https"), (":path", "/")]
BAD = {
    "upper case": [("X-Upper", "1")],
    "connection": [("connection", "close")],
    "transfer-encoding": [("transfer-encoding", "chunked")],
    "upgrade": [("upgrade", "h2c")],
    "te": [("te", "gzip")],
    "newline": [("x", "a\r\nb: c")],
    "nul": [("x", "a\0b")],
    "blank": [("x", " a")],
    "empty name": [("", "a")],
    "late pseudo": [("x", "y"), (":path", "/")],
    "twice": [(":path", "/")],
    "unknown": [(":foo", "bar")],
    "status": [(":status", "200")],
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_request_is_reset_and_the_others_go_on(site, name):
    before = counted(site, "malformed"), len(site.console.up.requests)
    with Client(site) as c:
        s = c.finish(c.open(fields=c.fields() + BAD[name]))
        assert s.reset == PROTOCOL_ERROR and not s.heads
        assert c.ask().status == 200
    assert counted(site, "malformed") == before[0] + 1
    assert len(site.console.up.requests) == before[1] + 1
    assert site.keeper.find(outcome=MALFORMED, status=400)


@pytest.mark.parametrize("missing", range(3))
def test_a_request_without_its_pseudo_headers_is_reset(site, missing):
    with Client(site) as c:
        fields = [f for f in c.fields() if f[0] != PSEUDO[missing][0]]
        assert c.finish(c.open(fields=fields)).reset == PROTOCOL_ERROR


@pytest.mark.parametrize("change, status", [
    (dict(method="TRACE"), 405), (dict(method="BREW"), 501), (dict(path="/a%2fb"), 400), (dict(path="/" + "x" * 9000), 414),
    (dict(scheme="http"), 400), (dict(path="https://app.postern.localhost/"), 400), (dict(extra=[("x", "y" * 17000)]), 431),
    (dict(extra=[("x", "y")] * 120), 431), (dict(extra=[("host", "other.example")]), 400),
    (dict(authority="other.example"), 421), (dict(authority="a@b"), 400), (dict(extra=[("expect", "more")]), 417)])
def test_what_is_not_served_is_answered_as_in_http1(site, change, status):
    with Client(site) as c:
        if status == 417:
            s = c.ask(body=b"x", method="POST", **change)
        else:
            s = c.ask(**change)
        assert s.status == status and s.ended
        assert c.ask().status == 200


def test_connect_is_refused(site):
    with Client(site) as c:
        s = c.finish(c.open(fields=[(":method", "CONNECT"), (":authority", "10.0.0.1:22")], end=False))
        assert s.status == 405


@pytest.mark.parametrize("length, parts", [(5, [b"abc"]), (5, [b"abc", b"defg"]), (10, [])])
def test_a_body_that_is_not_as_long_as_it_says_never_looks_complete(site, length, parts):
    with Client(site) as c:
        number = c.open(method="POST", path="/echo", end=False, extra=[("content-length", str(length))])
        for i, part in enumerate(parts):
            c.send(frame(DATA, END_STREAM if i == len(parts) - 1 else 0, number, part))
        if not parts:
            c.send(frame(DATA, END_STREAM, number))
        s = c.finish(number)
        assert s.reset == PROTOCOL_ERROR
        assert c.ask().status == 200
    wait_for(lambda: counted(site, "exchanges_open") == 0)
    assert not any(site.console.bodies)


@pytest.mark.parametrize("trailer", [[(":path", "/")], [("X", "y")], [("connection", "close")]])
def test_malformed_trailers_reset_the_request(site, trailer):
    with Client(site) as c:
        number = c.open(method="POST", path="/echo", end=False)
        c.data(number, b"body")
        c.send(frame(HEADERS, END_STREAM | END_HEADERS, number, c.encoder.encode(trailer)))
        assert c.finish(number).reset == PROTOCOL_ERROR
    assert b"body" not in site.console.bodies


# ---- coalescing ----

def test_a_sibling_under_the_same_certificate_is_served_and_a_stranger_is_not(site):
    with Client(site) as c:
        assert c.ask(authority=f"postern.localhost:{site.port}", token=None).status == 401
        assert c.ask(authority=f"none.postern.localhost:{site.port}").status == 421
        s = c.ask(authority=f"app.elsewhere.example:{site.port}")
        assert s.status == 421 and b"another name" in s.body
        assert c.ask().status == 200


# ---- ends ----

@pytest.mark.parametrize("path", ["/cut", "/cutchunk"])
def test_a_truncated_answer_is_reset_and_never_ended(site, path):
    with Client(site) as c:
        s = c.finish(c.open(path=path))
        assert s.reset == INTERNAL_ERROR and not s.ended
        assert c.ask().status == 200
    assert site.keeper.find(path=path.encode())["outcome"] == UPSTREAM


def test_an_early_answer_ends_a_large_upload_and_nothing_else(site):
    with Client(site) as c:
        number = c.open(method="POST", path="/early", end=False)
        c.data(number, b"x" * 30000)
        s = c.finish(number)
        assert s.status == 403 and s.body == b"no" and s.ended and s.reset is None
        c.ask()
        for _ in range(6):
            c.send(frame(DATA, 0, number, b"x" * 16384))
        c.pump(lambda: s.reset is not None)
        assert s.reset == NO_ERROR
        # What was on its way when the stream ended is nobody's fault.
        c.send(frame(DATA, END_STREAM, number, b"x" * 100))
        assert c.ask().status == 200 and not c.goaways
        told = c.open(method="POST", path="/early", end=False, extra=[("content-length", "1000000")])
        assert c.finish(told).status == 403
        c.pump(lambda: c.stream(told).reset is not None)
        assert c.stream(told).reset == NO_ERROR


def test_the_small_rest_of_a_request_is_read_after_an_early_answer(site):
    with Client(site) as c:
        number = c.open(method="POST", path="/echo", end=False, token=None, extra=[("content-length", "4")])
        s = c.finish(number)
        assert s.status == 401 and s.ended
        c.data(number, b"rest", end=True)
        assert c.ask().status == 200 and s.reset is None


def test_a_rest_that_does_not_come_is_not_waited_for_long(site):
    with Client(site) as c:
        s = c.finish(c.open(method="POST", path="/echo", end=False, token=None))
        assert s.status == 401
        c.pump(lambda: s.reset is not None)
        assert s.reset == NO_ERROR


@pytest.mark.parametrize("again", ["HEADERS", "DATA"])
@pytest.mark.parametrize("end", ["ended", "reset"])
def test_a_stream_that_the_client_has_ended_stays_ended(site, again, end):
    with Client(site) as c:
        number = c.open(path="/" if end == "ended" else "/hang")
        if end == "ended":
            c.finish(number)
        else:
            c.reset(number)
        c.ask()
        if again == "DATA":
            c.send(frame(DATA, END_STREAM, number, b"x"))
        else:
            c.send(frame(HEADERS, END_STREAM | END_HEADERS, number, c.encoder.encode(c.fields())))
        c.wait_closed()
        assert c.goaways[-1][1] == h2wire.STREAM_CLOSED


def test_streams_are_opened_in_order(site):
    with Client(site) as c:
        c.next = 5
        assert c.ask().status == 200
        c.next = 3
        c.open()
        c.wait_closed()
        assert c.goaways[-1][1] == PROTOCOL_ERROR


def test_a_reset_request_is_given_up_upstream_at_once(site):
    with Client(site) as c:
        number = c.open(path="/hang/x")
        wait_for(lambda: any(b"/hang/x" in r for r in site.console.up.requests))
        c.reset(number)
        wait_for(lambda: "/hang/x" in site.console.closed)
        assert c.ask().status == 200


def test_a_revoked_session_ends_its_streams_and_no_other(site):
    token, other = "R" * 42 + "A", "S" * 42 + "A"
    person = site.keeper.person(token)
    site.keeper.person(other, user="bob")
    with Client(site) as c:
        mine = c.open(path="/slow/rev", token=token)
        theirs = c.open(path="/slow/rev", token=other)
        wait_for(lambda: sum(b"GET /slow/rev" in r for r in site.console.up.requests) == 2)
        site.keeper.wire.send("revoke", epoch=7, kind=1, id=person["id"])
        s = c.finish(mine)
        assert s.status in (401, 403)
        site.console.gate.set()
        assert c.finish(theirs).body == b"slow"


def test_a_client_that_leaves_takes_its_requests_along(site):
    with Client(site) as c:
        c.open(path="/hang/left")
        wait_for(lambda: any(b"/hang/left" in r for r in site.console.up.requests))
    wait_for(lambda: "/hang/left" in site.console.closed)
    wait_for(lambda: counted(site, "exchanges_open") == 0)


def test_an_end_that_comes_with_the_last_bytes_is_noticed(site):
    for _ in range(20):
        with Client(site) as c:
            c.finish(c.open())
            running = [c.open(path="/hang/last") for _ in range(5)]
            c.reset(running[0])
            c.send(frame(DATA, 0, c.open(method="POST", path="/echo", end=False), b"x" * 16384) * 2)
    wait_for(lambda: counted(site, "connections") == 0)
    wait_for(lambda: counted(site, "exchanges_open") == 0)


# ---- windows ----

def test_an_upload_that_the_console_does_not_take_closes_the_window(site):
    with Client(site) as c:
        c.pump(lambda: c.acked)
        number = c.open(method="POST", path="/stuck", end=False)
        sent = 0
        c.windows[number] = c.initial
        try:
            while sent < 64 << 20:
                n = min(16384, c.windows[number], c.window)
                if n == 0:
                    c.pump(lambda: c.windows[number] > 0 and c.window > 0, timeout=1.5)
                    continue
                c.send(frame(DATA, 0, number, b"u" * n))
                c.windows[number] -= n
                c.window -= n
                sent += n
        except TimeoutError:
            pass
        assert sent < 32 << 20
        assert c.ask().status == 200


def test_a_download_that_the_client_does_not_take_waits_and_ends_by_itself(site):
    with Client(site, opens=False, hello=settings((h2wire.INITIAL_WINDOW, 1000))) as c:
        number = c.open(path="/length/10000000")
        c.pump(lambda: len(c.stream(number).body) == 1000)
        assert c.ask(path="/").body == b"ok"
        s = c.finish(number)
        assert s.reset == INTERNAL_ERROR and len(s.body) == 1000
        assert c.ask(path="/").body == b"ok"


def test_memory_is_bounded_whatever_the_client_leaves_waiting(site):
    def resident():
        text = pathlib.Path(f"/proc/{site.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))
    before = resident()
    clients = [Client(site, opens=False, hello=settings((h2wire.INITIAL_WINDOW, 0))) for _ in range(2)]
    try:
        for c in clients:
            c.pump(lambda: c.acked)
            for _ in range(100):
                c.open(path="/length/1000000")
        wait_for(lambda: counted(site, "exchanges_open") == 200)
        time.sleep(0.5)
        # Far below the 200 MB that are asked for: heads, arenas and at most a few KiB of each body.
        assert resident() - before < 20000
    finally:
        for c in clients:
            c.close()
    wait_for(lambda: counted(site, "exchanges_open") == 0)


# ---- time ----

def test_a_head_that_is_never_complete_ends_the_connection(site):
    with Client(site) as c:
        c.pump(lambda: c.acked)
        c.open(flags=0)
        c.wait_closed()
        assert c.goaways and c.goaways[-1][1] == PROTOCOL_ERROR


def test_settings_that_are_never_acknowledged_end_the_connection(site):
    with Client(site, acks=False) as c:
        number = c.open(path="/slow")
        c.wait_closed()
        assert c.goaways[-1][1] == SETTINGS_TIMEOUT
        assert c.stream(number)


def test_a_connection_without_requests_ends_politely(site):
    with Client(site) as c:
        assert c.ask().status == 200
        c.wait_closed()
        assert c.goaways[-1] == (1, NO_ERROR)


def test_a_body_that_does_not_come_is_answered_408_and_others_go_on(site):
    with Client(site) as c:
        number = c.open(method="POST", path="/echo", end=False, extra=[("content-length", "10")])
        s = c.finish(number)
        assert s.status == 408
        assert c.ask().status == 200


def test_draining_lets_requests_finish_and_says_which_was_the_last():
    console = Console()
    with edge_alone.Edge(console.up.port, limits=LIMITS) as edge:
        edge.keeper.person()
        with Client(edge) as c:
            slow = c.open(path="/slow")
            c.pump(lambda: c.acked)
            edge.drain(20)
            c.pump(lambda: c.goaways)
            assert c.goaways[0] == (0x7fffffff, NO_ERROR)
            late = c.open(path="/")
            assert c.finish(late).body == b"ok"
            c.pump(lambda: len(c.goaways) == 2)
            assert c.goaways[1] == (late, NO_ERROR)
            assert not c.stream(slow).over
            console.gate.set()
            assert c.finish(slow).body == b"slow"
            c.wait_closed()
        assert edge.process.wait(10) == 0
    console.close()


# ---- floods ----

def rapid_reset(c, i):
    n = c.open(path="/hang")
    c.reset(n)


def made_to_reset_by_window(c, i):
    n = c.open(path="/hang")
    c.send(frame(WINDOW, 0, n, struct.pack(">I", 0x7fffffff)))


def made_to_reset_by_fields(c, i):
    c.open(fields=c.fields() + [("connection", "x")])


def made_to_reset_by_length(c, i):
    n = c.open(method="POST", path="/hang", end=False, extra=[("content-length", "1")])
    c.send(frame(DATA, END_STREAM, n, b"xx"))


def beyond_the_streams(c, i):
    c.open(path="/hang")


def empty_data(c, i):
    if i == 0:
        c.flood = c.open(method="POST", path="/hang", end=False)
    c.send(frame(DATA, 0, c.flood) * 10)


def dribble(c, i):
    if i == 0:
        c.flood = c.open(path="/length/100000")
    c.send(frame(WINDOW, 0, c.flood, struct.pack(">I", 1)) * 10)


FLOODS = {
    "rapid reset": rapid_reset,
    "resets by a window that overflows": made_to_reset_by_window,
    "resets by malformed fields": made_to_reset_by_fields,
    "resets by a wrong length": made_to_reset_by_length,
    "requests beyond the limit": beyond_the_streams,
    "PING": lambda c, i: c.send(frame(PING, 0, 0, bytes(8)) * 10),
    "SETTINGS": lambda c, i: c.send(settings((h2wire.INITIAL_WINDOW, 60000 + i)) * 10),
    "PRIORITY": lambda c, i: c.send(frame(PRIORITY, 0, 2 * i + 1, bytes(4) + b"\x10") * 10),
    "unknown frames": lambda c, i: c.send(frame(0xfa, 0, 0) * 10),
    "empty DATA": empty_data,
    "windows by the byte": dribble,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_its_connection_and_nothing_else(site, name):
    before = counted(site, "h2_calmed")
    hello = settings((h2wire.INITIAL_WINDOW, 0)) if name.startswith("windows") else settings()
    with Client(site) as other, Client(site, hello=hello, opens=False) as c:
        # What it has to say for itself is said before the flood, which may take a while.
        other.pump(lambda: other.acked and other.settings)
        number = other.open(path="/slow")
        with pytest.raises((OSError, ConnectionError)):
            for i in range(6000):
                FLOODS[name](c, i)
                if i % 50 == 0:
                    c.pump(lambda: True)
            c.pump(lambda: False, timeout=5)
        try:
            c.pump(lambda: c.goaways, timeout=5)
        except OSError:
            pass
        if c.goaways:
            assert c.goaways[-1][1] == CALM
        wait_for(lambda: counted(site, "h2_calmed") == before + 1)
        site.console.gate.set()
        assert other.finish(number).body == b"slow"
        assert other.ask().status == 200
    wait_for(lambda: counted(site, "exchanges_open") == 0)


@pytest.mark.parametrize("name", ["CONTINUATION", "CONTINUATION without contents", "header bomb"])
def test_heads_without_end_end_the_connection(site, name):
    before = counted(site, "h2_calmed")
    with Client(site) as c:
        c.pump(lambda: c.acked)
        with pytest.raises((OSError, ConnectionError)):
            if name == "header bomb":
                assert c.finish(c.open(fields=c.fields() + [("x-big", "v" * 3000)])).status == 200
                # One byte each: the dynamic table's newest entry.
                block = c.encoder.encode(c.fields())
                c.send(frame(HEADERS, END_STREAM, 3, block + b"\xbe" * 10000) + frame(CONTINUATION, 0, 3, b"\xbe" * 16000))
            else:
                c.send(frame(HEADERS, END_STREAM, 1, c.encoder.encode(c.fields())))
                part = b"" if name.endswith("contents") else c.encoder.encode([("y", "z" * 500)])
                for _ in range(5000):
                    c.send(frame(CONTINUATION, 0, 1, part))
            c.pump(lambda: False, timeout=5)
        if c.goaways:
            assert c.goaways[-1][1] == CALM
    wait_for(lambda: counted(site, "h2_calmed") == before + 1)


def test_a_busy_client_that_changes_its_mind_is_no_flood(site):
    with Client(site) as c:
        c.pump(lambda: c.acked)
        for _ in range(4):
            running = [c.open(path="/slow") for _ in range(60)]
            for number in running:
                c.reset(number)
            assert c.ask().status == 200
        for _ in range(600):
            assert c.ask().status == 200
            c.send(frame(PING, 0, 0, bytes(8)))
        assert not c.goaways


def test_many_downloads_in_small_windows_are_no_flood(site):
    with Client(site) as c:
        for _ in range(4):
            assert len(c.ask(path="/length/20000000", timeout=30).body) == 20000000
        assert not c.goaways


# ---- other people's clients ----

def test_h2load_gets_every_answer(site):
    run = subprocess.run(["h2load", "-n", "3000", "-c", "6", "-m", "20", "--connect-to", f"127.0.0.1:{site.port}",
                          "-H", site.cookie().strip(), "-H", "sec-fetch-site: same-origin",
                          f"https://{site.host}:{site.port}/"], capture_output=True, text=True, timeout=60, check=True)
    assert "3000 succeeded, 0 failed" in run.stdout, run.stdout


H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"
# RFC 9113 has no dependencies between streams any more, so nothing can depend on itself.
NOT_KEPT = {"Sends PRIORITY frame that depend on itself"}
# The suite is nobody: when its head comes in a packet of its own the 401 is complete before a body that
# is too long can be seen. With a session these are rows of tests/interop/malformed_h2.py.
NOT_KEPT |= {'Sends a HEADERS frame with the "content-length" header field which does not equal the DATA frame payload length',
             'Sends a HEADERS frame with the "content-length" header field which does not equal the sum of the multiple DATA frames payload length'}


def h2spec():
    """The conformance suite, built once into a cache of its own."""
    found = shutil.which("h2spec")
    if found:
        return found
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "postern-tests"
    if not (cache / "bin/h2spec").exists():
        go = shutil.which("go")
        if go is None:
            pytest.skip("neither h2spec nor a Go compiler to build it")
        cache.mkdir(parents=True, exist_ok=True)
        env = {**os.environ, "GOPATH": str(cache / "go"), "GOBIN": str(cache / "bin"), "GOFLAGS": "-modcacherw"}
        built = subprocess.run([go, "install", H2SPEC], env=env, capture_output=True, text=True, timeout=300)
        if built.returncode != 0:
            pytest.skip("h2spec can not be built: " + built.stderr.strip().splitlines()[-1])
    return str(cache / "bin/h2spec")


def test_the_conformance_suite_passes(site, tmp_path):
    report = tmp_path / "h2spec.xml"
    run = subprocess.run([h2spec(), "-h", "127.0.0.1", "-p", str(site.port), "-t", "-k", "-o", "3", "-j", report],
                         capture_output=True, text=True, timeout=120)
    cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    failed = {c.get("classname") for c in cases if c.find("failure") is not None or c.find("error") is not None}
    assert len(cases) >= 140, run.stdout
    assert failed <= NOT_KEPT, run.stdout
    assert site.status()["phase"] == "serving"
