"""WebSockets: who may open one, what each side hears, how one ends, what is recorded."""
import os
import re
import socket
import threading
import time

import pytest

import consoles
import edge_alone
import pki
import stack as harness
import wsock
from wsock import BINARY, CLOSE, PING, STREAM, TEXT, frame

Recorder, wait_for = harness.Recorder, harness.wait_for
API = "pst_" + "T" * 42 + "A"


class Upstream:
    """Answers a handshake with `extra` header lines and then does `then(self, sock)`; keeps what it received."""

    def __init__(self, then=None, extra=b"", early=b""):
        self.then, self.extra, self.early = then, extra, early
        self.received, self.ended = b"", None
        self.recorder = Recorder(handler=self.serve)

    def serve(self, _, sock, head, data):
        self.received = data
        sock.sendall(wsock.answer(head, self.extra) + self.early)
        if self.then:
            threading.Thread(target=self.run, args=(sock,), daemon=True).start()
        try:
            while True:
                more = sock.recv(65536)
                if not more:
                    self.ended = "fin"
                    return None
                self.received += more
                if not self.then:
                    sock.sendall(more)
        except OSError:
            self.ended = "reset"
            return None

    def run(self, sock):
        try:
            self.then(sock)
        except OSError:
            pass


@pytest.fixture()
def open_edge():
    """open_edge(upstream, **Edge's) → edge; all ended afterwards."""
    made = []

    def make(upstream, **more):
        more.setdefault("rules", 'rules: [{name: all, users: ["*"], tokens: [machine], zones: [local], routes: ["*"]}]')
        e = edge_alone.Edge(upstream.recorder.port, **more)
        made.extend([e, upstream.recorder])
        e.keeper.person()
        e.keeper.person(API, kind=3, user="ada", token_name="machine", scope_routes="*")
        return e
    yield make
    for one in made:
        one.close()


def dial(edge, token=edge_alone.TOKEN, extra="", path="/ws", **more):
    c = edge.connect()
    more.setdefault("origin", f"https://{edge.host}:{edge.port}")
    c.send(edge.head(path=path, token=token, extra=extra + wsock.lines(**more)))
    c.answer = c.read(head_only=True)
    return c


def drained(c, seconds=5):
    """All that still comes, however the connection ends."""
    c.sock.settimeout(seconds)
    try:
        while c.fill():
            pass
    except ConnectionError:
        pass
    return c.buffer


@pytest.fixture(scope="module")
def tls_upstream():
    """A pair of a certificate's files and the route keys that trust it."""
    authority = pki.Authority()
    yield authority.issue("127.0.0.1"), authority.yaml()
    authority.close()


def test_a_websocket_behind_tls_is_carried_and_ended_like_another(tls_upstream):
    pair, keys = tls_upstream
    ended = []

    def echo(_, sock, head, data):
        sock.sendall(wsock.answer(head))
        got = b""
        while True:
            more = sock.recv(65536)
            got += more
            if not more or wsock.cut(got)[0][-1:] and wsock.cut(got)[0][-1][1] == CLOSE:
                ended.append(wsock.cut(got)[0][-1])
                return None
            sock.sendall(more)
    console = consoles.TlsConsole(pair, handler=echo)
    with edge_alone.Edge(console.port, route=keys, urls=console.url) as edge:
        edge.keeper.person()
        with dial(edge) as c:
            assert c.answer.status == 101
            blob = frame(BINARY, os.urandom(2 << 20), mask=b"wxyz")
            c.exchange(blob, lambda got: len(got) >= len(blob))
            assert c.buffer == blob
            edge.keeper.wire.send("revoke", epoch=1, kind=2, id="ada")
            assert wsock.closed_with(drained(c))[0] == 4401
        wait_for(lambda: ended, 5)
        assert ended[0][1:3] == (CLOSE, (1001).to_bytes(2, "big"))
        assert edge.keeper.find(stream=STREAM["revoked"])["bytes_in"] == len(blob)
    console.close()


# ---- who may ----

@pytest.mark.parametrize("origin, session, program", [
    ("https://{host}:{port}", 101, 101),
    (None, 403, 101),
    ("https://evil.example", 403, 403),
    ("https://{host}", 403, 403),
    ("http://{host}:{port}", 403, 403),
    ("https://{host}:1{port}", 403, 403),
    ("https://other.postern.localhost:{port}", 403, 403),
    ("https://postern.localhost:{port}", 403, 403),
    ("https://{host}:{port}/", 403, 403),
    ("https://{host}:{port}.evil.example", 403, 403),
    ("HTTPS://{host}:{port}", 403, 403),
    ("null", 403, 403),
    ("", 403, 403),
    ("*", 403, 403),
])
def test_a_page_opens_a_socket_of_its_own_host_and_a_program_needs_no_origin(shared, origin, session, program):
    edge, up = shared
    origin = origin if origin is None else origin.format(host=edge.host, port=edge.port)
    for extra in ("", "Sec-Fetch-Mode: websocket\r\n"):
        before = len(up.recorder.requests)
        with dial(edge, origin=origin, extra=extra) as c:
            assert c.answer.status == session
        assert len(up.recorder.requests) - before == (session == 101)
    with dial(edge, token=None, origin=origin, extra=f"Postern-Token: {API}\r\n") as c:
        assert c.answer.status == program


@pytest.fixture(scope="module")
def shared():
    up = Upstream(extra=b"Sec-WebSocket-Protocol: cockpit1\r\n"
                        b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n")
    with edge_alone.Edge(up.recorder.port, rules='rules: [{name: all, users: ["*"], tokens: [machine], '
                                                 'zones: [local], routes: ["*"]}]') as e:
        e.keeper.person()
        e.keeper.person(API, kind=3, user="ada", token_name="machine", scope_routes="*")
        yield e, up
    up.recorder.close()


def test_the_handshake_crosses_with_one_host_and_its_choices_untouched(shared):
    edge, up = shared
    asked = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"
    with dial(edge, Sec_WebSocket_Protocol="chat, cockpit1", Sec_WebSocket_Extensions=asked) as c:
        assert c.answer.status == 101
        assert c.answer.all("sec-websocket-protocol") == ["cockpit1"]
        assert c.answer.all("sec-websocket-extensions") == ["permessage-deflate; server_no_context_takeover"]
        head = up.recorder.requests[-1].decode()
        for line in ("host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "origin"):
            assert len(re.findall(rf"(?im)^{line}:", head)) == 1, head
        assert f"Host: {edge.host}:{edge.port}\r\n" in head
        assert f"Sec-WebSocket-Extensions: {asked}" in head and "Sec-WebSocket-Protocol: chat, cockpit1" in head
        c.send(frame(TEXT, b"\xc1compressed?", mask=b"abcd", rsv=4) * 3)
        while len(c.buffer) < 3 * 18:
            assert c.fill()
        assert c.buffer == frame(TEXT, b"\xc1compressed?", mask=b"abcd", rsv=4) * 3


# ---- handshakes that are none ----

@pytest.mark.parametrize("name, method, version, change, expected", [
    ("by POST", "POST", "1.1", {}, 400),
    ("version 7", "GET", "1.1", {"Sec_WebSocket_Version": "7"}, 400),
    ("no version", "GET", "1.1", {"Sec_WebSocket_Version": None}, 400),
    ("no key", "GET", "1.1", {"Sec_WebSocket_Key": None}, 400),
    ("a short key", "GET", "1.1", {"Sec_WebSocket_Key": "c2hvcnQ="}, 400),
    ("two keys", "GET", "1.1", {"X": "1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, 400),
    ("two versions", "GET", "1.1", {"X": "1\r\nSec-WebSocket-Version: 8"}, 400),
    ("two protocols at once", "GET", "1.1", {"Upgrade": "websocket, h2c"}, 400),
    ("a body", "GET", "1.1", {"Content_Length": "4"}, 400),
    ("a chunked body", "GET", "1.1", {"Transfer_Encoding": "chunked"}, 400),
    ("two origins", "GET", "1.1", {"X": "1\r\nOrigin: https://evil.example"}, 400),
    ("no Connection", "GET", "1.1", {"Connection": None}, "plain"),
    ("Connection without upgrade", "GET", "1.1", {"Connection": "keep-alive"}, "plain"),
    ("HTTP/1.0", "GET", "1.0", {}, "plain"),
    ("another protocol", "GET", "1.1", {"Upgrade": "h2c"}, "plain"),
])
def test_what_is_no_handshake_never_opens_a_tunnel(plain, name, method, version, change, expected):
    edge, up = plain
    before = len(up.requests)
    origin = f"https://{edge.host}:{edge.port}"
    with edge.connect() as c:
        c.send(edge.head(method, "/ws", wsock.lines(**{"origin": origin, **change}), version) + b"GET /smuggled")
        got = c.read(method=method)
    heads = up.requests[before:]
    if expected == "plain":
        # An upgrade that nobody may follow is ignored (RFC 9110 section 7.8): an ordinary request went up.
        assert got.status == 200 and len(heads) == 1
        assert not re.search(rb"(?im)^(upgrade|connection: *upgrade)", heads[0])
    else:
        assert got.status == expected and heads == []
    assert not any(b"smuggled" in h for h in heads)


@pytest.fixture(scope="module")
def plain():
    up = Recorder()
    with edge_alone.Edge(up.port) as e:
        e.keeper.person()
        yield e, up
    up.close()


ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
S101 = b"HTTP/1.1 101 Switching Protocols\r\n"
UPGRADE, CONNECTION = b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@pytest.mark.parametrize("answer, expected", [
    (S101 + UPGRADE + CONNECTION + ACCEPT + b"\r\n", 101),
    (S101 + UPGRADE + CONNECTION + ACCEPT.replace(b"s3p", b"S3P") + b"\r\n", 502),
    (S101 + UPGRADE + CONNECTION + b"\r\n", 502),
    (S101 + CONNECTION + ACCEPT + b"\r\n", 502),
    (S101 + UPGRADE + ACCEPT + b"\r\n", 502),
    (S101 + b"Upgrade: h2c\r\n" + CONNECTION + ACCEPT + b"\r\n", 502),
    (S101 + UPGRADE + UPGRADE + CONNECTION + ACCEPT + b"\r\n", 502),
    (S101 + UPGRADE + CONNECTION + ACCEPT + ACCEPT + b"\r\n", 502),
    (S101.replace(b"1.1", b"1.0") + UPGRADE + CONNECTION + ACCEPT + b"\r\n", 502),
    (S101 + UPGRADE + CONNECTION + ACCEPT + b"Content-Length: 5\r\n\r\n", 502),
    (S101 + UPGRADE + CONNECTION + ACCEPT + b"Transfer-Encoding: chunked\r\n\r\n", 502),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
    (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno", 401),
    (b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 403),
    (b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nContent-Length: 0\r\n\r\n", 426),
    (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", 302),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + S101 + UPGRADE + CONNECTION + ACCEPT + b"\r\n", 101),
])
def test_an_upstream_may_refuse_in_any_way_but_switch_only_in_one(answers, answer, expected):
    edge, up, say = answers
    say(answer)
    with edge.connect() as c:
        c.send(edge.head(path="/ws", extra=wsock.lines(f"https://{edge.host}:{edge.port}", Sec_WebSocket_Key=KEY)))
        got = c.read(head_only=expected == 101)
        assert got.status == expected and got.complete
        if expected == 101:
            return
        # Bytes that a client sends behind a handshake are frames or nothing: this connection is not used again.
        assert got.get("connection") == "close"
        c.send(edge.head(path="/smuggled"))
        assert drained(c) == b""
    assert not any(b"/smuggled" in head for head in up.requests)


def test_a_switch_that_nobody_asked_for_is_an_error(answers):
    edge, _, say = answers
    say(S101 + UPGRADE + CONNECTION + ACCEPT + b"\r\n\x81\x05hello")
    with edge.connect() as c:
        c.send(edge.head())
        got = c.read()
        assert got.status == 502 and b"hello" not in got.body


def test_what_is_pipelined_behind_a_refused_upgrade_is_no_request(answers):
    edge, up, say = answers
    say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    before = len(up.requests)
    with edge.connect() as c:
        c.send(edge.head(path="/ws", extra=wsock.lines(f"https://{edge.host}:{edge.port}", Sec_WebSocket_Key=KEY)) +
               edge.head(path="/smuggled"))
        assert c.read().status == 403
        assert drained(c) == b""
    assert len(up.requests) - before == 1


@pytest.fixture(scope="module")
def answers():
    said = [b""]

    def handler(_, sock, head, data):
        sock.sendall(said[0])
        return data
    up = Recorder(handler=handler)
    with edge_alone.Edge(up.port) as e:
        e.keeper.person()
        yield e, up, lambda text: said.__setitem__(0, text)
    up.close()


# ---- how it ends ----

def test_a_revoked_session_tells_the_page_4401_and_the_upstream_1001(open_edge):
    up = Upstream()
    edge = open_edge(up)
    who = edge.keeper.people[edge_alone.TOKEN]
    with dial(edge) as c:
        c.send(frame(TEXT, b"hello", mask=b"abcd") + frame(BINARY, bytes(70000), mask=b"wxyz"))
        while len(wsock.cut(c.buffer)[0]) < 2:
            assert c.fill()
        del edge.keeper.people[edge_alone.TOKEN]
        begin = time.monotonic()
        edge.keeper.wire.send("revoke", epoch=1, kind=1, id=who["id"], said_us=time.monotonic_ns() // 1000)
        code, reason = wsock.closed_with(drained(c))
        assert time.monotonic() - begin < 2
        assert code == 4401 and reason
    wait_for(lambda: up.ended, 5)
    frames, rest = wsock.cut(up.received)
    assert rest == b"" and frames[-1] == (1, CLOSE, (1001).to_bytes(2, "big"), True)
    wait_for(lambda: int(edge.status()["revocation_us_max"]) > 0)
    opened = edge.keeper.find(stream=STREAM["opened"])
    closed = edge.keeper.find(stream=STREAM["revoked"])
    assert opened["request_id"] == closed["request_id"] and opened["status"] == closed["status"] == 101
    assert (opened["bytes_in"], opened["bytes_out"]) == (0, 0)
    sent = len(frame(TEXT, b"hello", mask=b"abcd") + frame(BINARY, bytes(70000), mask=b"wxyz"))
    assert (closed["bytes_in"], closed["bytes_out"]) == (sent, sent)
    assert closed["outcome"] == 1 and closed["principal"] == b"ada" and closed["path"] == b"/ws"


def end_user(edge):
    edge.keeper.wire.send("revoke", epoch=1, kind=2, id="ada")


def end_token(edge):
    edge.keeper.wire.send("revoke", epoch=1, kind=3, id=edge.keeper.people[API]["id"])


def end_route(edge):
    edge.keeper.wire.send("revoke", epoch=1, kind=4, id="app")


def end_rule(edge):
    edge.rules = edge.rules.replace("local", "elsewhere").replace("rules:", "zones: {elsewhere: [192.0.2.0/24]}\nrules:")
    assert edge.commit()[0] == 1


def end_path(edge):
    edge.rules = edge.rules.replace('routes: ["*"]', 'routes: ["*"], paths: [/other]')
    assert edge.commit()[0] == 1


def end_without_push(edge):
    edge.keeper.people.clear()
    edge.keeper.wire.send("revoke", epoch=1, kind=5)


@pytest.mark.parametrize("end", [end_user, end_token, end_route, end_rule, end_path, end_without_push])
def test_whatever_takes_the_right_away_closes_with_4401(open_edge, end):
    edge = open_edge(Upstream())
    token = end is end_token
    with dial(edge, token=None if token else edge_alone.TOKEN,
              extra=f"Authorization: Bearer {API}\r\n" if token else "") as c:
        assert c.answer.status == 101
        end(edge)
        assert wsock.closed_with(drained(c))[0] == 4401
    assert edge.keeper.find(stream=STREAM["revoked"])


def test_inside_a_frame_whose_rest_has_not_come_nothing_is_put(open_edge):
    gate = threading.Event()

    def then(sock):
        sock.sendall(frame(TEXT, b"whole") + frame(BINARY, bytes(5000))[:3000])
        gate.wait(10)
    edge = open_edge(Upstream(then))
    with dial(edge) as c:
        want = frame(TEXT, b"whole") + frame(BINARY, bytes(5000))[:3000]
        while len(c.buffer) < len(want):
            assert c.fill()
        end_user(edge)
        assert drained(c) == want
        gate.set()
    assert edge.keeper.find(stream=STREAM["revoked"])


def test_what_is_no_websocket_framing_is_only_cut(open_edge):
    edge = open_edge(Upstream(lambda sock: sock.sendall(b"SSH-2.0-not-frames\r\n")))
    with dial(edge) as c:
        while not c.buffer.endswith(b"\r\n"):
            assert c.fill()
        end_user(edge)
        assert drained(c) == b"SSH-2.0-not-frames\r\n"


def test_a_client_that_heard_a_close_frame_hears_no_second_one(open_edge):
    edge = open_edge(Upstream(lambda sock: sock.sendall(frame(CLOSE, b"\x03\xe8bye"))))
    with dial(edge) as c:
        while not c.buffer:
            assert c.fill()
        end_user(edge)
        assert drained(c) == frame(CLOSE, b"\x03\xe8bye")


def test_a_busy_stream_ends_with_4401_or_inside_a_frame_but_never_with_a_lie(open_edge):
    """The upstream pours frames of odd sizes while the session ends: what the client has is whole frames and then
    either our close frame or a cut in the middle."""
    def pour(sock):
        size = 1
        while True:
            sock.sendall(frame(BINARY, b"\x88" * size))
            size = size * 7 % 90001
    edge = open_edge(Upstream(pour))
    told = 0
    crowd = [dial(edge) for _ in range(12)]
    stop = threading.Event()
    ends = []

    def reader(c):
        drained(c, 10)
        ends.append(c.buffer)
    threads = [threading.Thread(target=reader, args=(c,)) for c in crowd]
    for t in threads:
        t.start()
    time.sleep(0.3)
    end_user(edge)
    for t in threads:
        t.join(15)
    stop.set()
    for c in crowd:
        c.close()
    for data in ends:
        frames, rest = wsock.cut(data)
        for fin, op, payload, masked in frames[:-1]:
            assert fin and op == BINARY and payload.strip(b"\x88") == b"" and not masked
        if not rest:
            assert wsock.closed_with(data)[0] == 4401
            told += 1
    assert len(ends) == 12


def test_the_own_idle_limit_counts_pings_of_either_side(open_edge):
    stop = threading.Event()

    def pings(sock):
        while not stop.wait(0.4):
            sock.sendall(frame(PING, b"alive"))
    edge = open_edge(Upstream(pings), route=", websocket_idle: 2s, stream_idle: 1h", limits="write_timeout: 9s")
    with dial(edge) as c:
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert c.fill()
        stop.set()
        begin = time.monotonic()
        # The client alone keeps it open as well.
        for _ in range(8):
            time.sleep(0.4)
            c.send(frame(PING, mask=b"abcd"))
        code, _ = wsock.closed_with(drained(c))
        assert code == 1001 and time.monotonic() - begin > 3.2
    record = edge.keeper.find(stream=STREAM["idle"])
    assert record["outcome"] == 0 and record["duration_ms"] > 7000


def test_without_a_limit_of_its_own_a_websocket_has_that_of_streams(open_edge):
    edge = open_edge(Upstream(), route=", stream_idle: 1s")
    with dial(edge) as c:
        begin = time.monotonic()
        assert wsock.closed_with(drained(c))[0] == 1001
        assert 0.9 < time.monotonic() - begin < 4


@pytest.mark.parametrize("who, reason", [("client", "client"), ("upstream", "upstream"),
                                         ("client resets", "client-lost"), ("upstream resets", "upstream-lost")])
def test_the_record_says_who_ended_it(open_edge, who, reason):
    go = threading.Event()

    def then(sock):
        go.wait(10)
        if who == "upstream":
            sock.shutdown(socket.SHUT_WR)
        elif who == "upstream resets":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.shutdown(socket.SHUT_RD)
            os.close(sock.detach())
    edge = open_edge(Upstream(then if "upstream" in who else None))
    c = dial(edge)
    c.send(frame(TEXT, b"x", mask=b"abcd"))
    time.sleep(0.1)
    go.set()
    if who == "client":
        c.sock.unwrap() if False else socket.socket.shutdown(c.sock, socket.SHUT_WR)
    elif who == "client resets":
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.close()
    elif who == "upstream":
        drained(c, 2)
        c.close()
    record = edge.keeper.find(stream=STREAM[reason])
    assert record["bytes_in"] == 7
    c.close()


def test_a_gateway_that_goes_away_says_so_before_it_cuts(open_edge):
    edge = open_edge(Upstream())
    with dial(edge) as c:
        c.send(frame(TEXT, b"x", mask=b"abcd"))
        while not c.buffer:
            assert c.fill()
        begin = time.monotonic()
        edge.drain(3)
        code, _ = wsock.closed_with(drained(c, 10))
        assert code == 1001 and time.monotonic() - begin > 1
    assert edge.keeper.find(stream=STREAM["gateway"])["outcome"] == 0
    assert edge.process.wait(10) == 0
