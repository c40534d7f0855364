"""Bodies and answers in every order: what each side hears when the other is slow, early, late, short or wrong.

The upstream is a raw one that says exactly what a row tells it to and keeps every byte. The rule behind all
rows: an answer that was cut is never made to look complete, and neither is a request.
"""
import hashlib
import os
import re
import socket
import ssl
import struct
import threading
import time

import pytest

import edge_alone
import stack as harness

wait_for = harness.wait_for
LONG = os.environ.get("POSTERN_LONG") == "1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(sock.detach())


def pause(seconds):
    return lambda sock: time.sleep(seconds)


def until(text):
    """Reads on until text has come behind the present head."""
    def step(sock, seen):
        while text not in seen.data[seen.body:]:
            more = sock.recv(65536)
            if not more:
                seen.ended = True
                return
            seen.data += more
    step.reads = True
    return step


class Seen:
    """One connection, as the upstream saw it."""

    def __init__(self):
        self.data, self.ended = b"", False
        self.body = 0  # where the present request's body begins


class Script(harness.Server):
    """For each request head that comes: the steps. bytes are said; callables get the socket."""

    def __init__(self):
        self.steps, self.seen = [], []
        super().__init__()

    def _serve(self, sock):
        seen = Seen()
        self.seen.append(seen)
        self.serve(sock, seen)

    def serve(self, sock, seen):
        try:
            at = 0
            while True:
                while b"\r\n\r\n" not in seen.data[at:]:
                    more = sock.recv(65536)
                    if not more:
                        return
                    seen.data += more
                seen.body = seen.data.index(b"\r\n\r\n", at) + 4
                for step in self.steps:
                    if isinstance(step, bytes):
                        sock.sendall(step)
                    elif getattr(step, "reads", False):
                        step(sock, seen)
                    elif step == "end":
                        sock.shutdown(socket.SHUT_WR)
                    elif step(sock) == "stop":
                        return
                    if sock.fileno() < 0:
                        return
                at = len(seen.data)
        except OSError:
            pass
        finally:
            seen.ended = True
            sock.close()

    def find(self, text):
        """The connection that brought this, waited for."""
        return wait_for(lambda: next((s for s in self.seen if text in s.data), None), 5)


@pytest.fixture(scope="module")
def pair():
    up = Script()
    with edge_alone.Edge(up.port, route=", response_timeout: 2s, stream_idle: 2s",
                         limits="body_timeout: 2s, write_timeout: 3s") as e:
        e.keeper.person()
        yield e, up
    up.close()


def answers(c, method="GET"):
    """All interim statuses, then the final answer."""
    interim = []
    while True:
        got = c.read(method=method)
        if got.status >= 200:
            return interim, got
        interim.append(got)


def still_good(edge, up, c):
    """Does the client's connection serve another request?"""
    up.steps = [OK]
    try:
        c.send(edge.head(path="/again"))
        return c.read().body == b"ok"
    except (OSError, ConnectionError):
        return False


# ---- answers ----

ENDLESS = [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"] * 9
# name, method, what the upstream does, status, body, complete, connection used again
ANSWERS = [
    ("a length", "GET", [OK], 200, b"ok", True, True),
    ("no body at all", "GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], 200, b"", True, True),
    ("chunks", "GET", [CHUNKED, b"2\r\nok\r\n", b"1\r\n!\r\n0\r\n\r\n"], 200, b"ok!", True, True),
    ("chunks byte by byte", "GET", [bytes([b]) for b in CHUNKED + b"2\r\nok\r\n0\r\n\r\n"], 200, b"ok", True, True),
    ("chunks with an extension", "GET", [CHUNKED + b"2;a=b\r\nok\r\n0;z\r\n\r\n"], 200, b"ok", True, True),
    ("no chunk", "GET", [CHUNKED + b"0\r\n\r\n"], 200, b"", True, True),
    ("until the end", "GET", [b"HTTP/1.1 200 OK\r\n\r\nall of it", "end"], 200, b"all of it", True, True),
    ("until the end, 1.0", "GET", [b"HTTP/1.0 200 OK\r\n\r\nall of it", "end"], 200, b"all of it", True, True),
    ("until the end, nothing", "GET", [b"HTTP/1.1 200 OK\r\n\r\n", "end"], 200, b"", True, True),
    ("HEAD with a length", "HEAD", [b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"], 200, b"", True, True),
    ("HEAD in chunks", "HEAD", [CHUNKED], 200, b"", True, True),
    ("204", "GET", [b"HTTP/1.1 204 No Content\r\n\r\n"], 204, b"", True, True),
    ("204 with length 0", "GET", [b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"], 204, b"", True, True),
    ("204 with a length", "GET", [b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"], 502, None, True, True),
    ("204 in chunks", "GET", [b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], 502, None, True, True),
    ("304 with a length", "GET", [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"], 304, b"", True, True),
    ("103 before", "GET", [b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", OK], 200, b"ok", True, True),
    ("102 before", "GET", [b"HTTP/1.1 102 Processing\r\n\r\n", OK], 200, b"ok", True, True),
    ("100 that nobody waits for", "GET", [b"HTTP/1.1 100 Continue\r\n\r\n", OK], 200, b"ok", True, True),
    ("hints without end", "GET", [*ENDLESS, OK], 502, None, True, True),
    ("bytes behind the length", "GET", [OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"], 200, b"ok", True, True),
    ("bytes behind the last chunk", "GET", [CHUNKED + b"2\r\nok\r\n0\r\n\r\npoison"], 200, b"ok", True, True),
    ("bytes behind HEAD", "HEAD", [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"], 200, b"", True, True),
    ("short by a byte", "GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "end"], 200, b"ok", False, False),
    ("reset inside a length", "GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", pause(.1), reset], 200, b"ok", False, False),
    ("reset until the end", "GET", [b"HTTP/1.1 200 OK\r\n\r\nok", pause(.1), reset], 200, b"ok", False, False),
    ("end inside a chunk", "GET", [CHUNKED + b"9\r\nok", "end"], 200, b"ok", False, False),
    ("end behind a chunk's data", "GET", [CHUNKED + b"2\r\nok", "end"], 200, b"ok", False, False),
    ("end before the last chunk", "GET", [CHUNKED + b"2\r\nok\r\n", "end"], 200, b"ok", False, False),
    ("end inside the last chunk", "GET", [CHUNKED + b"2\r\nok\r\n0\r\n", "end"], 200, b"ok", False, False),
    ("end inside a trailer", "GET", [CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\n", "end"], 200, b"ok", False, False),
    ("no chunk size", "GET", [CHUNKED + b"2\r\nok\r\n", pause(.1), b"zz\r\n"], 200, b"ok", False, False),
    ("a negative chunk size", "GET", [CHUNKED + b"2\r\nok\r\n", pause(.1), b"-1\r\n"], 200, b"ok", False, False),
    ("a chunk size that overflows", "GET", [CHUNKED + b"2\r\nok\r\n", pause(.1), b"fffffffffffffffff\r\n"], 200, b"ok", False, False),
    ("a chunk without its end", "GET", [CHUNKED + b"2\r\nok\r\n", pause(.1), b"2\r\nokXX"], 200, None, False, False),
    ("a long extension", "GET", [CHUNKED + b"2\r\nok\r\n", pause(.1), b"2;" + b"x" * 99 + b"\r\n"], 200, b"ok", False, False),
    ("endless trailers", "GET", [CHUNKED + b"2\r\nok\r\n0\r\n", pause(.1), b"X: y\r\n" * 1000], 200, b"ok", False, False),
    ("silence inside a body", "GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", pause(4)], 200, b"ok", False, False),
    ("silence", "GET", [pause(4)], 504, None, True, True),
    ("half a head", "GET", [b"HTTP/1.1 200 OK\r\nContent-Le", pause(4)], 504, None, True, True),
    ("half a head and the end", "GET", [b"HTTP/1.1 200 OK\r\nContent-Le", "end"], 502, None, True, True),
    ("half a head and a reset", "GET", [b"HTTP/1.1 200 OK\r\nContent-Le", pause(.1), reset], 502, None, True, True),
    ("the end", "GET", ["end"], 502, None, True, True),
    ("a reset", "GET", [reset], 502, None, True, True),
    ("garbage", "GET", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"], 502, None, True, True),
    ("another protocol", "GET", [b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n"], 502, None, True, True),
    ("two lengths", "GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"], 502, None, True, True),
    ("length and chunks", "GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], 502, None, True, True),
    ("a negative length", "GET", [b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok"], 502, None, True, True),
    ("a huge length", "GET", [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok"], 502, None, True, True),
    ("chunks in 1.0", "GET", [b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], 502, None, True, True),
    ("another coding", "GET", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"], 502, None, True, True),
    ("a switch of protocols", "GET", [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], 502, None, True, True),
    ("status 99", "GET", [b"HTTP/1.1 099 Low\r\n\r\n"], 502, None, True, True),
    ("status 1000", "GET", [b"HTTP/1.1 1000 High\r\n\r\n"], 502, None, True, True),
]


@pytest.mark.parametrize("row", ANSWERS, ids=[r[0] for r in ANSWERS])
def test_an_answer_arrives_as_it_was_meant_or_is_seen_to_be_cut(pair, row):
    name, method, steps, status, body, complete, again = row
    edge, up = pair
    up.steps = steps
    with edge.connect() as c:
        c.send(edge.head(method, "/a"))
        _, got = answers(c, method)
        assert got.status == status and got.complete == complete
        if body is not None:
            assert got.body == body
        if status >= 500 and status != 501:
            assert got.json()["request_id"]
        assert still_good(edge, up, c) == again, name
    # Whatever that upstream connection had, nobody after it hears of it.
    for _ in range(3):
        assert edge.ask(path="/next").body == b"ok"


def test_early_hints_reach_a_client_that_can_read_them(pair):
    edge, up = pair
    up.steps = [b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nServer: Secret/1.0\r\n\r\n", pause(1.5), OK]
    with edge.connect() as c:
        c.send(edge.head())
        begin = time.monotonic()
        first = c.read()
        assert first.status == 103 and first.get("link") and first.get("server") is None
        assert time.monotonic() - begin < 1.2, "a hint that waits is none"
        assert c.read().body == b"ok"
    with edge.connect() as c:
        c.send(edge.head(version="1.0"))
        assert answers(c)[0] == []


# ---- requests ----

EXPECT = "Content-Length: 5\r\nExpect: 100-continue\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# name, request header lines, upstream's steps, interim the client gets, does it send then, final status, again
EXPECTS = [
    ("a 100 and the answer", EXPECT, [CONTINUE, until(b"hello"), OK], [100], True, 200, True),
    ("two of them", EXPECT, [CONTINUE, CONTINUE, until(b"hello"), OK], [100], True, 200, True),
    ("a hint, then a 100", EXPECT, [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", CONTINUE, until(b"hello"), OK],
     [103, 100], True, 200, True),
    ("no word, the client waits", EXPECT, [until(b"hello"), OK], [100], True, 200, True),
    ("refused by 417", EXPECT, [b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"], [], False, 417, False),
    ("refused by 401", EXPECT, [b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"], [], False, 401, False),
    ("refused by 413, closed", EXPECT, [b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "end"],
     [], False, 413, False),
    ("accepted unread", EXPECT, [OK], [], False, 200, False),
    ("in chunks", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", [CONTINUE, until(b"0\r\n\r\n"), OK], [100], True, 200, True),
    ("without a body", "Expect: 100-continue\r\n", [OK], [], False, 200, True),
    ("length 0", "Content-Length: 0\r\nExpect: 100-continue\r\n", [OK], [], False, 200, True),
    ("another expectation", "Content-Length: 5\r\nExpect: 200-ok\r\n", [OK], [], False, 417, False),
]


@pytest.mark.parametrize("row", EXPECTS, ids=[r[0] for r in EXPECTS])
def test_a_client_that_waits_for_permission_hears_what_the_upstream_thinks(pair, row):
    name, lines, steps, interim, sends, status, again = row
    edge, up = pair
    up.steps = steps
    with edge.connect() as c:
        c.send(edge.head("POST", "/e", lines))
        heard = []
        while heard != interim:
            heard.append(c.read().status)
            assert heard == interim[:len(heard)]
        if sends:
            c.send(b"5\r\nhello\r\n0\r\n\r\n" if "chunked" in lines else b"hello")
        more, got = answers(c)
        assert more == [] and got.status == status
        assert still_good(edge, up, c) == again


def test_a_client_that_does_not_wait_is_served_all_the_same(pair):
    edge, up = pair
    for steps in ([CONTINUE, until(b"hello"), OK], [until(b"hello"), CONTINUE, OK], [until(b"hello"), OK]):
        up.steps = steps
        with edge.connect() as c:
            c.send(edge.head("POST", "/e", EXPECT) + b"hello")
            assert answers(c)[1].body == b"ok"
            assert still_good(edge, up, c)


@pytest.mark.parametrize("size, sent", [(100, 0), (100, 99), (1 << 20, 70000)])
def test_half_a_request_never_looks_whole_to_the_upstream(pair, size, sent):
    edge, up = pair
    up.steps = [until(b"never")]
    for lines, data in ((f"Content-Length: {size}\r\n", bytes(sent)),
                        ("Transfer-Encoding: chunked\r\n", b"%x\r\n" % size + bytes(sent)),
                        ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n")):
        path = "/half" + os.urandom(4).hex()
        with edge.connect() as c:
            c.send(edge.head("POST", path, lines) + data)
            seen = up.find(path.encode())
            c.close()
        wait_for(lambda: seen.ended)
        assert not seen.data.endswith(b"0\r\n\r\n")
        if "Length" in lines:
            assert len(seen.data) - seen.body < size


@pytest.mark.parametrize("answer", [b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge",
                                    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nlogin"])
@pytest.mark.parametrize("then", [[pause(.3), reset], [pause(.3), "end"], [until(b"never")]])
def test_an_answer_in_the_middle_of_an_upload_reaches_the_client(pair, answer, then):
    edge, up = pair
    up.steps = [answer, *then]
    with edge.connect() as c:
        c.send(edge.head("POST", "/early", f"Content-Length: {1 << 30}\r\n"))
        c.sock.settimeout(10)
        try:
            for _ in range(100):
                c.send(bytes(1 << 16))
        except OSError:
            pass
        got = c.read()
        assert got.status in (413, 401) and got.body in (b"large", b"login")


def test_errors_do_not_cost_a_connection_that_could_go_on(pair):
    edge, up = pair
    with edge.connect() as c:
        for status in (400, 401, 403, 404, 409, 500, 503):
            up.steps = [b"HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\nbad" % status]
            c.send(edge.head("POST", "/x", "Content-Length: 4\r\n") + b"body")
            got = c.read()
            assert got.status == status and got.body == b"bad"
        up.steps = [b"garbage\r\n\r\n"]
        c.send(edge.head())
        assert c.read().status == 502
        assert still_good(edge, up, c)


# ---- trailers ----

BODY = b"2\r\nhi\r\n0\r\n"


@pytest.mark.parametrize("announced, sent, status, passes", [
    ("X-Checksum-Sha256", b"X-Checksum-Sha256: abc\r\n", 200, b"X-Checksum-Sha256: abc\r\n"),
    ("etag, server-timing", b"ETag: x\r\nServer-Timing: a;dur=1\r\n", 200, b"ETag: x\r\nServer-Timing: a;dur=1\r\n"),
    ("etag, x-forwarded-user", b"ETag: x\r\n", 200, b"ETag: x\r\n"),
    (None, b"ETag: x\r\n", 200, b""),
    ("digest", b"ETag: x\r\n", 200, b""),
    ("x-forwarded-user", b"X-Forwarded-User: root\r\n", 400, None),
    ("remote-user", b"Remote-User: root\r\n", 400, None),
    ("content-length", b"Content-Length: 3\r\n", 400, None),
    ("x-new", b"X-New: 1\r\n", 400, None),
    ("etag, host", b"ETag: x\r\nHost: evil\r\n", 400, None),
])
def test_request_trailers_pass_when_announced_and_harmless_and_are_refused_when_they_could_count(pair, announced, sent,
                                                                                                status, passes):
    edge, up = pair
    path = "/t" + os.urandom(4).hex()
    up.steps = [until(b"0\r\n" + (b"never" if passes is None else passes) + b"\r\n"), OK]
    lines = "Transfer-Encoding: chunked\r\n" + (f"Trailer: {announced}\r\n" if announced else "")
    with edge.connect() as c:
        c.send(edge.head("POST", path, lines) + BODY[:7])
        seen = up.find(path.encode())
        c.send(BODY[7:] + sent + b"\r\n")
        assert c.read().status == status
    body = seen.data[seen.body:]
    if status == 200:
        assert body == BODY + passes + b"\r\n"
        head = seen.data[seen.data.index(path.encode()):seen.body].decode()
        assert "x-forwarded-user" not in head
        assert ("Trailer:" in head) == (announced is not None)
    else:
        # Not one byte of the end: the upstream can not take the request for a whole one.
        assert body in (b"", b"2\r\nhi\r\n") and wait_for(lambda: seen.ended)


@pytest.mark.parametrize("te, announced, sent, passes", [
    ("TE: trailers\r\n", b"ETag, Server-Timing", b"ETag: x\r\nServer-Timing: a\r\n", b"ETag: x\r\nServer-Timing: a\r\n"),
    ("TE: trailers\r\nConnection: TE\r\n", b"ETag", b"ETag: x\r\nSet-Cookie: a=b\r\n", b"ETag: x\r\n"),
    ("TE: deflate\r\n", b"ETag", b"ETag: x\r\n", b""),
    ("", b"ETag", b"ETag: x\r\n", b""),
    ("TE: trailers\r\n", b"Digest", b"ETag: x\r\n", b""),
    ("TE: trailers\r\n", b"Set-Cookie, Location", b"Set-Cookie: __Host-x=1\r\nLocation: //evil\r\n", b""),
])
def test_answer_trailers_pass_to_a_client_that_asked_and_the_rest_is_left_out(pair, te, announced, sent, passes):
    edge, up = pair
    up.steps = [b"HTTP/1.1 200 OK\r\nTrailer: " + announced + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY + sent +
                b"\r\n"]
    path = "/r" + os.urandom(4).hex()
    with edge.connect() as c:
        c.send(edge.head(path=path, extra=te))
        head = c.read(head_only=True)
        while not c.buffer.endswith(b"\r\n\r\n"):
            assert c.fill()
        assert c.buffer == BODY + passes + b"\r\n"
        c.buffer = b""
        assert (head.get("trailer") is not None) == (te.startswith("TE: trailers") and announced[:3] != b"Set")
        assert still_good(edge, up, c)
    seen = up.find(path.encode())
    assert (b"TE: trailers\r\n" in seen.data[seen.data.index(path.encode()):]) == te.startswith("TE: trailers")


def test_an_empty_chunked_request_is_whole(pair):
    edge, up = pair
    up.steps = [until(b"0\r\n\r\n"), OK]
    with edge.connect() as c:
        for _ in range(3):
            c.send(edge.head("PUT", "/empty", "Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n")
            assert c.read().body == b"ok"


# ---- flow ----

def test_an_event_stream_passes_each_event_at_once_and_heartbeats_keep_it(pair):
    """stream_idle is two seconds: comments alone carry it over five."""
    edge, up = pair
    go = threading.Event()

    def events(sock):
        for n in range(3):
            go.wait(20)
            go.clear()
            sock.sendall(b"%x\r\nid: %d\n\r\n" % (6 if n < 10 else 7, n) + b"9\r\ndata: x\n\n\r\n")
        for _ in range(10):
            time.sleep(0.5)
            sock.sendall(b"3\r\n:\n\n\r\n")
    up.steps = [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", events,
                b"0\r\n\r\n"]
    with edge.connect() as c:
        c.send(edge.head(extra="Accept: text/event-stream\r\n"))
        head = c.read(head_only=True)
        assert head.get("content-type") == "text/event-stream" and head.get("content-length") is None
        for n in range(3):
            begin = time.monotonic()
            go.set()
            while b"id: %d\n" % n not in c.buffer or b"data: x\n\n" not in c.buffer.split(b"id: %d\n" % n)[1]:
                assert c.fill()
            assert time.monotonic() - begin < 4
        while not c.buffer.endswith(b"0\r\n\r\n"):
            assert c.fill()
        assert c.buffer.count(b":\n\n") == 10


def test_a_revoked_event_stream_ends_without_looking_complete_and_then_gets_401(pair):
    edge, up = pair

    def events(sock):
        while True:
            sock.sendall(b"9\r\ndata: x\n\n\r\n")
            time.sleep(0.05)
    up.steps = [CHUNKED.replace(b"OK\r\n", b"OK\r\nContent-Type: text/event-stream\r\n"), events]
    token = "E" * 42 + "A"
    who = edge.keeper.person(token)
    with edge.connect() as c:
        c.send(edge.head(path="/events", token=token))
        c.read(head_only=True)
        while not c.buffer:
            c.fill()
        del edge.keeper.people[token]
        edge.keeper.wire.send("revoke", epoch=1, kind=1, id=who["id"])
        begin = time.monotonic()
        c.sock.settimeout(3)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            while c.sock.recv(65536):
                assert time.monotonic() - begin < 2
            raise ConnectionError("closed without close_notify")
        assert b"0\r\n\r\n" not in c.buffer
    wait_for(lambda: up.find(b"GET /events").ended, 3)
    assert edge.ask(token=token, extra="Accept: text/event-stream\r\n").status == 401


def test_a_long_poll_lasts_as_long_as_its_route_says(pair):
    edge, up = pair
    up.steps = [pause(1), OK]
    begin = time.monotonic()
    assert edge.ask(path="/poll").body == b"ok" and time.monotonic() - begin > 0.9
    up.steps = [pause(4), OK]
    assert edge.ask(path="/poll").status == 504


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("steps", [[until(b"never")], [CHUNKED + b"2\r\nok\r\n", until(b"never")]])
def test_a_client_that_leaves_takes_its_request_along(pair, leave, steps):
    edge, up = pair
    up.steps = steps
    c = edge.connect()
    path = "/gone" + os.urandom(4).hex()
    c.send(edge.head(path=path))
    seen = up.find(path.encode())
    time.sleep(0.1)
    if leave == "reset":
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    begin = time.monotonic()
    c.close()
    wait_for(lambda: seen.ended, 5)
    # Well before the two seconds after which it would have ended by itself.
    assert time.monotonic() - begin < 1.6


def edge_pss(edge):
    text = open(f"/proc/{edge.process.pid}/smaps_rollup").read()
    return int(re.search(r"(?m)^Pss: +(\d+)", text)[1])


@pytest.mark.parametrize("framing", ["length", "chunked", "until the end"])
def test_a_large_download_needs_no_memory(pair, framing):
    edge, up = pair
    total = (2 << 30 if framing == "length" else 256 << 20) if LONG else 48 << 20
    block = os.urandom(1 << 20)

    def pour(sock):
        for _ in range(total >> 20):
            sock.sendall(b"100000\r\n" + block + b"\r\n" if framing == "chunked" else block)
    head = {"length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total, "chunked": CHUNKED,
            "until the end": b"HTTP/1.1 200 OK\r\n\r\n"}[framing]
    up.steps = [head, pour, b"0\r\n\r\n" if framing == "chunked" else pause(0), "end"]
    before, most, got, turn = edge_pss(edge), 0, 0, 0
    digest, want = hashlib.sha256(), hashlib.sha256()
    with edge.connect(timeout=60) as c:
        c.send(edge.head())
        answer = c.read(head_only=True)
        assert answer.status == 200
        chunked = answer.get("transfer-encoding") == "chunked"
        wire = 0
        digest.update(c.buffer) if not chunked else None
        got = len(c.buffer)
        tail = c.buffer[-5:]
        while (not chunked and got < total) or (chunked and tail != b"0\r\n\r\n"):
            data = c.sock.recv(1 << 18)
            assert data, f"ended after {got} of {total}"
            got += len(data)
            wire += len(data)
            tail = (tail + data)[-5:]
            digest.update(data) if not chunked else None
            turn += 1
            if turn % 512 == 0:
                most = max(most, edge_pss(edge))
    assert got >= total
    if not chunked:
        for _ in range(total >> 20):
            want.update(block)
        assert digest.digest() == want.digest()
    print(f"\n{framing}: {total >> 20} MiB with {max(most - before, 0)} KiB more than at rest")
    assert most - before < 8192


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_upload_needs_no_memory(pair, framing):
    edge, up = pair
    total = (2 << 30 if framing == "length" else 256 << 20) if LONG else 48 << 20
    block = os.urandom(1 << 20)
    took = {}

    def drain(sock, seen):
        data = seen.data[seen.body:]
        got, tail, digest = 0, b"", hashlib.sha256()
        while True:
            got += len(data)
            tail = (tail + data)[-5:]
            digest.update(data)
            if (framing == "length" and got >= total) or (framing == "chunked" and tail == b"0\r\n\r\n"):
                break
            data = sock.recv(1 << 18)
            if not data:
                return
        took.update(got=got, digest=digest.digest())
    drain.reads = True
    up.steps = [drain, OK]
    before, most = edge_pss(edge), 0
    with edge.connect(timeout=60) as c:
        lines = f"Content-Length: {total}\r\n" if framing == "length" else "Transfer-Encoding: chunked\r\n"
        c.send(edge.head("POST", "/up", lines))
        for n in range(total >> 20):
            c.send(b"100000\r\n" + block + b"\r\n" if framing == "chunked" else block)
            if n % 8 == 0:
                most = max(most, edge_pss(edge))
        if framing == "chunked":
            c.send(b"0\r\n\r\n")
        assert c.read().body == b"ok"
    if framing == "length":
        want = hashlib.sha256()
        for _ in range(total >> 20):
            want.update(block)
        assert (took["got"], took["digest"]) == (total, want.digest())
    assert took["got"] >= total
    print(f"\n{framing}: {total >> 20} MiB with {max(most - before, 0)} KiB more than at rest")
    assert most - before < 8192


def test_slow_readers_and_writers_hold_nobody_up(pair):
    """One client reads nothing, one sends a byte at a time; a third is served in between."""
    edge, up = pair

    def pour(sock):
        try:
            for _ in range(64):
                sock.sendall(bytes(1 << 20))
        except OSError:
            return "stop"
    up.steps = [b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n", pour]
    with edge.connect() as reader, edge.connect() as writer:
        reader.send(edge.head(path="/slow"))
        reader.read(head_only=True)
        up.steps = [until(b"zzzzzzzzzz"), OK]
        writer.send(edge.head("POST", "/slow", "Content-Length: 10\r\n"))
        up_writer = up.find(b"POST /slow")
        time.sleep(0.1)
        worst = 0
        for n in range(10):
            writer.send(b"z")
            up.steps = [OK]
            begin = time.monotonic()
            assert edge.ask().body == b"ok"
            worst = max(worst, time.monotonic() - begin)
            time.sleep(0.05)
        assert writer.read().body == b"ok" and b"\r\n\r\n" + b"z" * 10 in up_writer.data
        assert worst < 3
