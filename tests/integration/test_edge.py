"""The edge's data plane against upstreams that misbehave and clients that do.

Each upstream here is a stand-in that does one thing a console may do; what a real console does is in
test_tomcat.py.
"""
import base64
import hashlib
import os
import random
import re
import resource
import signal
import socket
import ssl
import struct
import threading
import time

import pytest

import edge_alone
from wsock import STREAM
import stack as harness

Recorder, wait_for = harness.Recorder, harness.wait_for
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ACCESS = {"allowed": 0, "denied": 1, "malformed": 3, "source": 4, "limit": 5, "upstream": 6}


def says(*pieces, end=False, wait=0.0):
    """An upstream that answers every request with these bytes."""
    def handler(_, sock, head, data):
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(wait)
        return None if end else data
    return handler


def resets(*pieces):
    def handler(_, sock, head, data):
        for piece in pieces:
            sock.sendall(piece)
        time.sleep(0.1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return None
    return handler


def echoes(_, sock, head, data):
    body, data = harness.read_body(sock, head, data)
    digest = hashlib.sha256(body).hexdigest().encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + digest)
    return data


@pytest.fixture
def run():
    made = []

    def start(handler=None, answer=OK, **more):
        upstream = Recorder(answer=answer, handler=handler)
        edge = edge_alone.Edge(upstream.port, **more)
        edge.keeper.person()
        made.append((edge, upstream))
        return edge, upstream
    yield start
    for edge, upstream in made:
        assert edge.process.poll() in (None, 0), "the edge has crashed"
        edge.close()
        upstream.close()


def test_requests_in_one_packet_are_answered_in_order(run):
    edge, up = run(handler=lambda r, s, h, d: (s.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + h.split(b" ")[1][-2:]), d)[1])
    with edge.connect() as c:
        c.send(b"".join(edge.head(path=f"/{n:02}") for n in range(20)))
        assert [c.read().body for _ in range(20)] == [b"%02d" % n for n in range(20)]
    assert up.connections == 1


def test_the_upstream_sees_our_forwarding_headers_and_none_of_the_clients(run):
    edge, up = run()
    edge.keeper.person(inject="other\tBasic bm8=\napp\tBasic eWVz\n")
    edge.ask(extra="X-Forwarded-For: 203.0.113.9\r\nX_Forwarded_Proto: http\r\nForwarded: for=evil\r\n"
                   "Authorization: Basic bWluZQ==\r\nCookie: a=1; __Host-postern-9=x; JSESSIONID=2\r\n"
                   "Upgrade: h2c\r\nConnection: keep-alive, upgrade\r\nvvc.configuration: x_y\r\n"
                   "If-Match: \"e\"\r\n")
    head = up.requests[0].decode()
    lines = head.split("\r\n")
    assert lines.count("X-Forwarded-For: 127.0.0.1") == 1 and "203.0.113.9" not in head
    assert "evil" not in head and "X_Forwarded_Proto" not in head
    assert "Cookie: a=1; JSESSIONID=2" in lines and "postern-9" not in head
    assert [l for l in lines if l.startswith("Authorization")] == ["Authorization: Basic eWVz"]
    assert f"Host: {edge.host}:{edge.port}" in lines and "vvc.configuration: x_y" in lines
    assert 'If-Match: "e"' in lines and "Via: 1.1 postern-postern.localhost" in lines
    assert not re.search(r"(?im)^(connection|upgrade|keep-alive):", head)


def test_the_answer_hides_the_upstream(run):
    edge, up = run()
    up.answer = (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/x?y\r\nServer: Tomcat/1\r\n"
                 b"Set-Cookie: JSESSIONID=1; Path=/; Domain=.localhost\r\nKeep-Alive: timeout=5\r\n"
                 b"Set-Cookie: __Host-postern-%d=stolen; Path=/; Secure\r\nX-Frame-Options: DENY\r\n"
                 b"Content-Length: 0\r\n\r\n" % (up.port, edge.port))
    got = edge.ask()
    assert got.get("location") == f"https://{edge.host}:{edge.port}/x?y"
    assert got.get("server") is None and got.get("keep-alive") is None
    assert len(got.all("set-cookie")) == 1 and "Domain" not in got.get("set-cookie")
    assert got.get("x-frame-options") == "DENY" and got.get("referrer-policy") is None


@pytest.mark.parametrize("answer,body", [
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\nT: 1\r\n\r\n",
     b"abcde"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"e\"\r\n\r\n", b""),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK, b"ok"),
])
def test_every_framing_arrives_and_the_connection_goes_on(run, answer, body):
    edge, up = run(answer=answer)
    with edge.connect() as c:
        for _ in range(3):
            c.send(edge.head())
            got = c.read()
            assert (got.complete, got.body) == (True, body)
    assert up.connections == 1


def test_head_has_the_length_and_no_body(run):
    edge, up = run(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
    with edge.connect() as c:
        for _ in range(2):
            c.send(edge.head("HEAD"))
            got = c.read(method="HEAD")
            assert got.get("content-length") == "9999"
    assert up.connections == 1


def test_a_body_that_ends_with_the_connection_is_complete(run):
    edge, _ = run(handler=says(b"HTTP/1.0 200 OK\r\n\r\nabc", b"def", end=True, wait=0.05))
    with edge.connect() as c:
        for _ in range(2):
            c.send(edge.head())
            got = c.read()
            assert (got.complete, got.body) == (True, b"abcdef")


def test_an_old_client_gets_the_body_without_chunks(run):
    edge, _ = run(answer=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    got = edge.ask(version="1.0")
    assert got.get("transfer-encoding") is None and got.get("connection") == "close"
    assert got.body == b"abc"


@pytest.mark.parametrize("handler", [
    says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", end=True),
    says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", end=True),
    says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"),
    resets(b"HTTP/1.1 200 OK\r\n\r\nabc"),
    resets(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
])
def test_an_answer_that_was_cut_never_looks_complete(run, handler):
    edge, _ = run(handler=handler)
    with edge.connect() as c:
        c.sock.suppress_ragged_eofs = False
        c.send(edge.head())
        with pytest.raises((ssl.SSLError, ConnectionError)):
            while True:
                more = c.sock.recv(65536)
                assert more, "close_notify says that this was all"
                c.buffer += more
        assert not c.buffer.endswith(b"0\r\n\r\n")
    assert edge.keeper.find(outcome=ACCESS["upstream"])["status"] == 200


@pytest.mark.parametrize("handler,status", [
    (says(b"", end=True), 502),
    (says(b"HTTP/1.1 200", end=True), 502),
    (says(b"SSH-2.0-OpenSSH\r\n\r\n"), 502),
    (says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 502),
    (says(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 40000 + b"\r\n\r\n"), 502),
    (says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"), 502),
    (says(*[b"HTTP/1.1 102 Processing\r\n\r\n"] * 20), 502),
    (lambda r, s, h, d: time.sleep(5), 504),
])
def test_an_upstream_that_fails_is_named_in_the_answer(run, handler, status):
    edge, _ = run(handler=handler, route=", response_timeout: 1s")
    with edge.connect() as c:
        c.send(edge.head())
        got = c.read()
        assert got.status == status and got.json()["request_id"], got
        c.send(edge.head(path="/again"))
        assert c.read().status == status
    assert edge.keeper.find(outcome=ACCESS["upstream"])["status"] == status


def test_an_upstream_that_refuses_is_502_and_its_health_is_told(run):
    edge, up = run()
    up.listener.shutdown(socket.SHUT_RDWR)
    up.close()
    assert edge.ask().status == 502
    wait_for(lambda: any("app\tdown" in u for u in edge.keeper.upstreams))
    edge.upstream = up.port
    back = socket.socket()
    back.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    back.bind(("127.0.0.1", up.port))
    back.listen(5)
    threading.Thread(target=lambda: (back.accept()[0].sendall(OK)), daemon=True).start()
    assert edge.ask().status == 200
    wait_for(lambda: "app\tup" in edge.keeper.upstreams[-1])
    back.close()


def once_then_close(_, sock, head, data):
    """Answers, and closes the connection when the next request has come."""
    if getattr(_, "served", 0) % 2 == 0:
        _.served = getattr(_, "served", 0) + 1
        sock.sendall(OK)
        return data
    _.served += 1
    return None


def test_a_stale_connection_is_tried_again_only_when_nothing_can_have_happened(run):
    edge, up = run(handler=once_then_close)
    with edge.connect() as c:
        for method, expected in (("GET", 200), ("GET", 200), ("POST", 502)):
            extra = "Content-Length: 0\r\n" if method == "POST" else ""
            c.send(edge.head(method, extra=extra))
            assert c.read().status == expected, method
    assert edge.status()["upstream_retried"] == "1"


def test_uploads_arrive_whole_in_both_framings(run):
    edge, _ = run(handler=echoes)
    body = os.urandom(6 * 1024 * 1024)
    want = hashlib.sha256(body).hexdigest().encode()
    with edge.connect() as c:
        c.send(edge.head("POST", extra=f"Content-Length: {len(body)}\r\n") + body)
        assert c.read().body == want
        c.send(edge.head("POST", extra="Transfer-Encoding: chunked\r\n"))
        for at in range(0, len(body), 7000):
            piece = body[at:at + 7000]
            c.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
        c.send(b"0\r\n\r\n" + edge.head("POST", extra="Content-Length: 0\r\n"))
        assert c.read().body == want
        assert c.read().body == hashlib.sha256(b"").hexdigest().encode()
    assert edge.keeper.find(bytes_in=len(body))["status"] == 200


def test_a_download_to_a_slow_reader_is_whole_and_kept_small(run):
    body = os.urandom(1024 * 1024) * 40
    edge, _ = run(answer=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def rss():
        with open(f"/proc/{edge.process.pid}/statm") as f:
            return int(f.read().split()[1]) * 4096
    before = rss()
    with edge.connect() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        c.send(edge.head())
        time.sleep(1)
        assert rss() - before < 3 * 1024 * 1024
        got = c.read()
    assert got.complete and hashlib.sha256(got.body).digest() == hashlib.sha256(body).digest()


def test_permission_to_send_comes_from_the_upstream(run):
    def asks(_, sock, head, data):
        assert b"100-continue" in head.lower()
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return echoes(_, sock, head, data)
    edge, _ = run(handler=asks)
    with edge.connect() as c:
        c.send(edge.head("PUT", extra="Content-Length: 5\r\nExpect: 100-continue\r\n"))
        assert c.read(head_only=True).status == 100
        c.send(b"hello")
        assert c.read().body == hashlib.sha256(b"hello").hexdigest().encode()


def test_a_refusal_before_the_upload_ends_reaches_the_client(run):
    def refuses(_, sock, head, data):
        sock.recv(100000)
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
        time.sleep(0.2)
        return None  # unread bytes in its socket: this is a reset
    edge, _ = run(handler=refuses)
    with edge.connect() as c:
        size = 40 * 1024 * 1024
        c.send(edge.head("POST", extra=f"Content-Length: {size}\r\n"))
        c.exchange(bytes(size), lambda got: b"\r\n\r\nlarge" in got)
        got = c.read()
        assert (got.status, got.body, got.get("connection")) == (413, b"large", "close")


def test_a_body_over_the_routes_limit_is_refused(run):
    edge, up = run(handler=echoes, route=", body_bytes: 1000")
    assert edge.ask(method="POST", extra="Content-Length: 1001\r\n").status == 413
    assert up.requests == []
    with edge.connect() as c:
        c.send(edge.head("POST", extra="Transfer-Encoding: chunked\r\n") + b"3e9\r\n" + bytes(1001))
        assert c.read().status == 413
    assert edge.keeper.find(outcome=ACCESS["limit"])


def test_early_hints_pass_and_other_interim_answers_do_not(run):
    edge, _ = run(answer=b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + OK)
    with edge.connect() as c:
        c.send(edge.head())
        assert c.read(head_only=True).get("link") == "</a>; rel=preload"
        assert c.read().body == b"ok"
    assert edge.ask(version="1.0").body == b"ok"


def test_a_request_that_has_been_here_is_a_loop(run):
    edge, up = run()
    assert edge.ask(extra="Via: 1.1 a, 1.1 postern-postern.localhost\r\n").status == 508
    assert up.requests == []


@pytest.mark.parametrize("raw", [
    b"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 500,
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For\r\n\r\n", b"GET /" + b"a" * 20000,
])
def test_what_is_not_clean_http_ends_here(run, raw):
    edge, up = run(limits="header_timeout: 1s")
    with edge.connect() as c:
        c.send(raw)
        try:
            got = c.read()
            assert 400 <= got.status < 506 and got.get("connection") == "close"
        except ConnectionError:
            pass  # too little to answer
    assert up.bytes == b""


def test_slow_clients_are_closed_at_their_deadlines(run):
    edge, up = run(handler=echoes, limits="header_timeout: 1s, handshake_timeout: 1s, body_timeout: 1s, "
                                          "idle_timeout: 1s")
    raw = socket.create_connection(("127.0.0.1", edge.port))
    with edge.connect() as slow, edge.connect() as idle, edge.connect() as body:
        slow.send(b"GET / HT")
        idle.send(edge.head())
        assert idle.read().status == 200
        body.send(edge.head("POST", extra="Content-Length: 10\r\n") + b"x")
        start = time.monotonic()
        assert body.read().status == 408
        for c in (raw, slow.sock, idle.sock):
            c.settimeout(4)
            try:
                assert c.recv(1) == b""
            except ssl.SSLError as error:
                assert "EOF" in str(error).upper()
        assert 0.5 < time.monotonic() - start < 4
    raw.close()


def test_a_client_that_half_closes_still_gets_its_answer(run):
    edge, _ = run(handler=says(OK, wait=0.0))
    with edge.connect() as c:
        c.send(edge.head())
        socket.socket.shutdown(c.sock, socket.SHUT_WR)
        assert c.read().body == b"ok"


def test_clients_that_vanish_leave_nothing_behind(run):
    def hangs(_, sock, head, data):
        time.sleep(30)
    edge, _ = run(handler=hangs)
    for _ in range(20):
        c = edge.connect()
        c.send(edge.head())
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
    wait_for(lambda: edge.status()["connections"] == "0")
    assert edge.status()["exchanges_open"] == "0" and edge.status()["sources"] == "0"
    wait_for(lambda: "open=0" in edge.status()["upstream.app"])


def websocket(edge, c, extra=""):
    key = base64.b64encode(os.urandom(16)).decode()
    c.send(edge.head(path="/ws", extra="Connection: Upgrade\r\nUpgrade: websocket\r\n"
                     f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                     f"Origin: https://{edge.host}:{edge.port}\r\n" + extra))
    return c.read(head_only=True)


def echo_socket(_, sock, head, data):
    key = re.search(rb"(?im)^sec-websocket-key: *(\S+)", head).group(1)
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\nhello" + data)
    while True:
        more = sock.recv(65536)
        if not more:
            sock.sendall(b"bye")
            return None
        sock.sendall(more)


def test_a_websocket_is_two_streams_until_it_is_revoked(run):
    edge, _ = run(handler=echo_socket)
    who = edge.keeper.person()
    with edge.connect() as c:
        got = websocket(edge, c)
        assert got.status == 101 and got.get("upgrade") == "websocket"
        blob = os.urandom(3 * 1024 * 1024)
        c.exchange(blob, lambda got: len(got) >= 5 + len(blob))
        assert c.buffer == b"hello" + blob
        assert edge.status()["tunnels_open"] == "1"
        start = time.monotonic()
        edge.keeper.wire.send("revoke", epoch=7, kind=1, id=who["id"])
        c.sock.settimeout(3)
        try:
            assert not c.fill()
        except ConnectionError:
            pass
        assert time.monotonic() - start < 0.5
        wait_for(lambda: (7, 1) in edge.keeper.revoked)
    record = edge.keeper.find(status=101, stream=STREAM["revoked"])
    assert record["bytes_in"] == len(blob) and record["bytes_out"] == len(blob) + 5


def test_half_of_a_tunnel_may_end_first(run):
    edge, _ = run(handler=echo_socket)
    with edge.connect() as c:
        assert websocket(edge, c).status == 101
        socket.socket.shutdown(c.sock, socket.SHUT_WR)
        while not c.buffer.endswith(b"bye"):
            assert c.fill()


def test_what_follows_a_refused_upgrade_is_no_request(run):
    edge, up = run(answer=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    with edge.connect() as c:
        got = websocket(edge, c, extra="")
        assert got.status == 403 and got.get("connection") == "close"
    assert len(up.requests) == 1


def test_a_source_that_nobody_could_admit_never_sees_tls(run):
    zones = "zones: {lab: [127.0.0.9]}"
    edge, _ = run(zones=zones, rules='rules: [{name: all, users: ["*"], zones: [lab], routes: ["*"]}]')
    portal = edge.yaml
    edge.yaml = lambda: portal().replace("portal: {", "portal: {zones: [lab], ")
    assert edge.commit()[0] == 1
    for _ in range(3):
        with pytest.raises((ConnectionError, ssl.SSLError)):
            edge.connect()
    edge.connect(source="127.0.0.9").close()
    assert edge.status()["refused_source"] == "3"
    assert edge.keeper.find(outcome=ACCESS["source"])["status"] == 0
    time.sleep(1.2)
    assert len([r for r in edge.keeper.records if r["outcome"] == ACCESS["source"]]) == 1


def test_one_source_can_not_take_all_connections(run):
    edge, _ = run(limits="connections_per_source: 5")
    held = [edge.connect() for _ in range(5)]
    with pytest.raises((ConnectionError, ssl.SSLError)):
        edge.connect()
    with edge.connect(source="127.0.0.8") as other:
        other.send(edge.head())
        assert other.read().status == 200
    held.pop().close()
    wait_for(lambda: edge.status()["connections"] == "4")
    edge.connect().close()
    for c in held:
        c.close()


def test_without_descriptors_it_waits_and_goes_on(run):
    edge, _ = run()
    pid = edge.process.pid
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 6, 20000))
    held = []
    for _ in range(12):
        try:
            held.append(edge.connect(timeout=0.5))
        except OSError:
            pass
    wait_for(lambda: int(edge.status()["refused_descriptors"]) > 0)
    for c in held:
        c.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 100, 20000))
    wait_for(lambda: int(edge.status()["connections"]) == 0)
    time.sleep(0.3)
    assert edge.ask().status == 200


def test_draining_finishes_what_runs_and_ends(run):
    edge, _ = run(handler=says(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", b"def", wait=0.5))
    with edge.connect() as busy, edge.connect() as idle:
        busy.send(edge.head())
        time.sleep(0.2)
        edge.drain(10)
        assert not idle.fill()
        assert busy.read().body == b"abcdef"
    assert edge.process.wait(5) == 0


def test_a_change_that_takes_a_route_away_ends_its_streams(run):
    edge, _ = run(handler=echo_socket)
    with edge.connect() as c:
        assert websocket(edge, c).status == 101
        edge.rules = "rules: []"
        assert edge.commit()[0] == 1
        c.sock.settimeout(3)
        c.buffer = b""
        try:
            while c.fill():
                pass
        except ConnectionError:
            pass
    assert edge.ask().status in (403, 404)


def test_records_wait_for_a_new_keeper(run):
    edge, _ = run()
    assert edge.ask(path="/before").status == 200
    edge.keeper.wire.sock.shutdown(socket.SHUT_RDWR)
    assert edge.ask(path="/without").status == 200  # the view is fresh
    time.sleep(1.2)
    edge.link_keeper()
    assert edge.keeper.find(path=b"/without")["status"] == 200


def test_a_record_holds_what_the_decision_depended_on(run):
    edge, _ = run()
    proven = int(time.time()) - 100
    edge.keeper.person("E" * 43, user="bob", groups="ops\n" * 500, mfa_at=proven, named_only=0)
    assert edge.ask(path="/all", token="E" * 43).status in (200, 403)
    record = edge.keeper.find(path=b"/all")
    assert record["version"] == 3 and record["principal"] == b"bob" and record["mfa_at"] == proven
    assert record["groups"] == b"ops\n" * 500 and record["host"] == edge.host.encode()
    assert record["hardware_at"] == 0 and record["flags"] == 0 and record["certificate"] == bytes(32)


def test_the_signer_can_be_replaced(run):
    edge, _ = run()
    edge.link_signer()
    assert edge.ask().status == 200


def test_nonsense_from_above_is_refused_and_the_old_snapshot_stays(run):
    edge, _ = run()
    fd = edge_alone.memfd(b"nonsense")
    edge.control.send("prepare", fd=fd, number=99)
    assert edge.control.expect("prepared").ok == 0
    os.close(fd)
    assert edge.ask().status == 200


def test_the_sandbox_is_on(run):
    edge, _ = run(sandbox="best")
    assert "no_new_privs=1" in edge.sandbox_report
    assert edge.process.poll() is None
    edge.process.send_signal(signal.SIGINT)
    assert edge.ask().status == 200


def rude_upstream(_, sock, head, data):
    """Something between a good answer and a slammed door, by the dice."""
    dice = random.Random(os.urandom(8))
    what = dice.randrange(9)
    if what == 0:
        return None
    if what == 1:
        return resets(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", os.urandom(5000))(_, sock, head, data)
    if what == 2:
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 1\r\n\r\nx")
        return None
    if what == 3 and b"pgrade" in head:
        return echo_socket(_, sock, head, data)
    if what == 4:
        sock.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(dice.randrange(40)):
            size = dice.randrange(1, 40000)
            sock.sendall(b"%x\r\n" % size + bytes(size) + b"\r\n")
        if dice.randrange(2):
            return None
        sock.sendall(b"0\r\n\r\n")
        return data
    if what == 5:
        time.sleep(dice.random() * 0.3)
    if what == 6:
        for byte in OK:
            sock.sendall(bytes([byte]))
        return data
    if what == 7:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(dice.randrange(300000)))
        return None
    return echoes(_, sock, head, data)


def rude_client(edge, end, seed):
    dice = random.Random(seed)
    while time.monotonic() < end:
        try:
            with edge.connect(timeout=1) as c:
                for _ in range(dice.randrange(1, 6)):
                    what = dice.randrange(10)
                    size = dice.choice([0, 1, 5000, 300000])
                    if what == 0:
                        c.send(edge.head("POST", extra="Content-Length: 900000\r\n") + bytes(size))
                        break
                    if what == 1:
                        c.send(os.urandom(200))
                    elif what == 2:
                        c.send(edge.head("POST", extra="Transfer-Encoding: chunked\r\n") +
                               b"%x\r\n" % (size + 1) + bytes(size + 1) + b"\r\n0\r\n\r\n")
                    elif what == 3:
                        websocket(edge, c)
                        c.send(os.urandom(size))
                        break
                    elif what == 4:
                        c.send(edge.head() * dice.randrange(1, 30))
                        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        break
                    elif what == 5:
                        c.send(edge.head("PUT", extra="Content-Length: 5\r\nExpect: 100-continue\r\n"))
                        break
                    elif what == 6:
                        c.send(edge.head())
                        socket.socket.shutdown(c.sock, socket.SHUT_WR)
                    elif what == 7:
                        c.send(edge.head(token="E" * 43))
                    elif what == 8:
                        c.send(edge.head("POST", extra=f"Content-Length: {size}\r\n", token=None) + bytes(size))
                    else:
                        c.send(edge.head("POST", extra=f"Content-Length: {size}\r\n") + bytes(size))
                    if dice.randrange(4):
                        c.read()
        except (OSError, ValueError, ConnectionError):
            pass


def test_a_storm_of_rude_peers_leaves_nothing_behind(run):
    seconds = float(os.environ.get("POSTERN_STORM", "5"))
    edge, _ = run(handler=rude_upstream, route=", response_timeout: 1s, stream_idle: 1s",
                  limits="body_timeout: 1s, header_timeout: 1s, idle_timeout: 1s, write_timeout: 1s")
    end = time.monotonic() + seconds
    crowd = [threading.Thread(target=rude_client, args=(edge, end, n)) for n in range(16)]
    for one in crowd:
        one.start()
    turn = 0
    while time.monotonic() < end:
        turn += 1
        time.sleep(0.3)
        who = edge.keeper.people[edge_alone.TOKEN]
        edge.keeper.wire.send("revoke", epoch=turn, kind=1, id=who["id"])
        if turn % 3 == 0:
            assert edge.commit()[0] == 1
        if turn % 7 == 0:
            edge.link_keeper()
        if turn % 5 == 0:
            edge.link_signer()
    for one in crowd:
        one.join()
    wait_for(lambda: edge.status()["connections"] == "0", 40)
    last = edge.status()
    assert (last["exchanges_open"], last["tunnels_open"], last["sources"]) == ("0", "0", "0"), last
    assert int(last["exchanges"]) > 100
    edge.keeper.person()
    assert edge.connect().close() is None
