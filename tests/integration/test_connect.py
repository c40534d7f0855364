"""Raw TCP services through the gateway: the tunnel's own protocol, and `postern connect`."""
import os
import socket
import threading
import time

import pytest

import edge_alone
import stack as harness
from wsock import STREAM

wait_for = harness.wait_for
API = "pst_" + "T" * 42 + "A"
UPGRADE = "Connection: Upgrade\r\nUpgrade: postern-tunnel\r\n"
RULE = 'rules: [{name: all, users: ["*"], tokens: [machine], zones: [local], routes: ["*"]}]'


class Service:
    """A TCP service: hand(sock) for each connection, an echo unless told."""

    def __init__(self, hand=None):
        self.hand = hand or self.echo
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.ended = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            self.hand(sock)
        except OSError as error:
            self.ended.append(type(error).__name__)
        finally:
            sock.close()

    def echo(self, sock):
        while True:
            data = sock.recv(65536)
            if not data:
                self.ended.append("eof")
                sock.sendall(b"[end]")
                return
            sock.sendall(data)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


class RawEdge(edge_alone.Edge):
    """An edge whose one route is a raw service."""

    def yaml(self):
        return super().yaml().replace('upstream: "http://', 'kind: tcp, upstream: "tcp://')


@pytest.fixture()
def raw():
    """raw(service, **Edge's) → edge"""
    made = []

    def make(service, **more):
        more.setdefault("rules", RULE)
        e = RawEdge(service.port, **more)
        made.extend([e, service])
        e.keeper.person()
        e.keeper.person(API, kind=3, user="ada", token_name="machine", scope_routes="*")
        return e
    yield make
    for one in made:
        one.close()


def dial(edge, token=API, path="/.postern/tunnel", method="GET", extra=UPGRADE, version="1.1", cookie=None):
    c = edge.connect()
    own = f"Postern-Token: {token}\r\n" if token else ""
    c.send(edge.head(method, path, own + extra, version, token=cookie))
    c.answer = c.read(method=method)
    return c


# ---- the protocol ----

def test_bytes_pass_both_ways_and_each_half_ends_by_itself(raw):
    service = Service()
    edge = raw(service)
    with dial(edge) as c:
        assert c.answer.status == 101 and c.answer.get("upgrade") == "postern-tunnel"
        blob = os.urandom(3 << 20)
        c.exchange(blob, len(blob))
        assert c.buffer == blob
        c.buffer = b""
        c.sock.settimeout(5)
        try:
            c.sock.unwrap()
        except (OSError, ValueError):
            pass
        wait_for(lambda: service.ended == ["eof"])
    closed = edge.keeper.find(stream=STREAM["client"])
    opened = edge.keeper.find(stream=STREAM["opened"])
    assert opened["request_id"] == closed["request_id"] and closed["principal"] == b"machine"
    assert closed["bytes_in"] == len(blob) and closed["bytes_out"] >= len(blob)
    assert closed["path"] == b"/.postern/tunnel" and closed["method"] == b"GET" and closed["rule"] == b"all"


@pytest.mark.parametrize("name, change, expected", [
    ("no token", dict(token=None), 401),
    ("a session's cookie", dict(token=None, cookie=edge_alone.TOKEN), 401),
    ("an unknown token", dict(token="pst_" + "U" * 42 + "A"), 401),
    ("no upgrade", dict(extra=""), 404),
    ("another path", dict(path="/"), 404),
    ("a path below", dict(path="/.postern/tunnel/x"), 404),
    ("a portal's path", dict(path="/.postern/callback?code=x", extra=""), 404),
    ("by POST", dict(method="POST", extra=UPGRADE + "Content-Length: 0\r\n"), 400),
    ("with a query", dict(path="/.postern/tunnel?x"), 400),
    ("with a body", dict(extra=UPGRADE + "Content-Length: 4\r\n"), 400),
    ("two protocols", dict(extra="Connection: Upgrade\r\nUpgrade: postern-tunnel, websocket\r\n"), 400),
    ("a WebSocket", dict(extra="Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 404),
    ("HTTP/1.0", dict(version="1.0"), 404),
])
def test_nothing_but_a_token_and_the_upgrade_opens_it(shared, name, change, expected):
    edge, service = shared
    before = service.connections
    with dial(edge, **change) as c:
        assert c.answer.status == expected
    assert service.connections == before


@pytest.fixture(scope="module")
def shared():
    service = Service()
    with RawEdge(service.port, rules=RULE) as e:
        e.keeper.person()
        e.keeper.person(API, kind=3, user="ada", token_name="machine", scope_routes="*")
        yield e, service
    service.close()


def test_rules_see_get_and_the_tunnels_path_and_the_refusal_names_one(raw):
    edge = raw(Service(), rules=RULE.replace('routes: ["*"]', 'routes: ["*"], methods: [POST]'))
    with dial(edge) as c:
        assert c.answer.status == 403
        assert c.answer.json()["error"] == "method" and "all" in c.answer.json()["detail"]
    edge.rules = RULE.replace('routes: ["*"]', 'routes: ["*"], methods: [GET], paths: [/.postern/tunnel]')
    assert edge.commit()[0] == 1
    with dial(edge) as c:
        assert c.answer.status == 101


def test_a_route_of_pages_has_no_tunnel(raw):
    service = Service()
    edge = raw(service)
    edge.yaml = lambda: edge_alone.Edge.yaml(edge)
    assert edge.commit()[0] == 1
    with dial(edge) as c:
        assert c.answer.status != 101
    assert service.connections == 0


def test_what_was_cut_is_told_by_a_reset_and_never_looks_complete(raw):
    service = Service()
    edge = raw(service)
    c = dial(edge)
    c.send(b"half")
    while c.buffer != b"half":
        assert c.fill()
    socket.socket.shutdown(c.sock, socket.SHUT_WR)  # FIN without close_notify
    wait_for(lambda: service.ended)
    assert service.ended == ["ConnectionResetError"]
    assert edge.keeper.find(stream=STREAM["client-lost"])
    c.close()


def test_a_revoked_token_cuts_both_sides_at_once(raw):
    service = Service()
    edge = raw(service)
    with dial(edge) as c:
        c.send(b"x")
        while not c.buffer:
            assert c.fill()
        edge.keeper.wire.send("revoke", epoch=1, kind=3, id=edge.keeper.people[API]["id"])
        with pytest.raises((ConnectionError, OSError)):
            while True:
                if not c.sock.recv(10):
                    raise ConnectionError("ended without close_notify")
        wait_for(lambda: service.ended == ["ConnectionResetError"])
    assert edge.keeper.find(stream=STREAM["revoked"])["outcome"] == 1


def test_a_service_that_is_down_gives_502(raw):
    service = Service()
    edge = raw(service)
    service.close()
    with dial(edge) as c:
        assert c.answer.status == 502


def test_an_idle_tunnel_ends(raw):
    edge = raw(Service(), route=", websocket_idle: 2s")
    with dial(edge) as c:
        begin = time.monotonic()
        try:
            while c.fill():
                pass
        except OSError:
            pass
        assert 1.5 < time.monotonic() - begin < 6
    assert edge.keeper.find(stream=STREAM["idle"])
