"""Raw TCP services through the gateway: the tunnel's own protocol, and `postern connect`."""
import hashlib
import os
import pathlib
import signal
import socket
import subprocess
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


class Service(harness.Server):
    """A TCP service: hand(sock) for each connection, an echo unless told."""

    def __init__(self, hand=None):
        self.hand = hand or self.echo
        self.ended = []
        super().__init__()

    def _serve(self, sock):
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
        c.exchange(blob, lambda got: len(got) >= len(blob))
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


# ---- the command ----

class Connect:
    """`postern connect` at work; port is the one it printed."""

    def __init__(self, stack, route="esx", token=None, words=(), env=None, listen="127.0.0.1:0"):
        self.process = subprocess.Popen(
            [str(harness.LIBEXEC / "postern"), "connect", route, "--listen", listen, *words],
            env={**stack.env, **({"POSTERN_TOKEN": token} if token else {}), **(env or {})}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.errors = []
        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True).start()
        line = self.process.stdout.readline()
        self.port = int(line.split(":")[1].split(" ")[0]) if line else None

    def dial(self):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return s

    def error(self):
        """The next thing it says on standard error."""
        return wait_for(lambda: self.errors and self.errors.pop(0), 20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def site():
    s = harness.Stack(edges=2)
    try:
        s.start()
        s.owner()
        yield s
    finally:
        s.close()


@pytest.fixture()
def esx(site):
    """esx(service): the service behind the route esx and a token that may reach it."""
    made = []

    def make(service, path=()):
        site.cli("route", "add", "esx", f"tcp://127.0.0.1:{service.port}", "--kind", "tcp", *path)
        token = site.json("token", "add", "machine", "--owner", "owner", "--route", "esx")["token"]
        site.cli("rule", "add", "machines", "--token", "machine", "--zone", "local", "--route", "esx")
        made.append(service)
        return token
    yield make
    site.cli("route", "remove", "esx", "--force", check=False)
    site.cli("token", "revoke", "machine", check=False)
    for service in made:
        service.close()


def everything(sock):
    data = b""
    while True:
        more = sock.recv(1 << 18)
        if not more:
            return data
        data += more


def test_a_local_port_is_the_service_with_both_half_closes(site, esx):
    service = Service()
    token = esx(service)
    with Connect(site, token=token) as c:
        with c.dial() as s:
            s.sendall(b"hello")
            assert s.recv(5) == b"hello"
            s.shutdown(socket.SHUT_WR)
            assert everything(s) == b"[end]"
        assert service.ended == ["eof"]

        def first(sock):
            sock.sendall(b"banner")
            sock.shutdown(socket.SHUT_WR)
            service.got = everything(sock)
        service.hand = first
        with c.dial() as s:
            assert everything(s) == b"banner"
            for _ in range(3):
                time.sleep(0.2)
                s.sendall(b"after")
        wait_for(lambda: getattr(service, "got", None) == b"after" * 3)

    def recorded():
        return [r["stream"] for r in site.json("access", "list", "--route", "esx")["records"]]
    wait_for(lambda: sorted(recorded()) == ["client", "opened", "opened", "upstream"], 10, every=0.3)
    assert c.process.returncode == 0 and not c.errors


def test_a_hundred_megabytes_come_back_as_they_went(site, esx):
    token = esx(Service())
    block = os.urandom(1 << 20)
    with Connect(site, token=token) as c, c.dial() as s:
        digest, got = hashlib.sha256(), hashlib.sha256()

        def send():
            for i in range(100):
                part = block[i:] + block[:i]
                digest.update(part)
                s.sendall(part)
            s.shutdown(socket.SHUT_WR)
        t = threading.Thread(target=send)
        t.start()
        left = 100 << 20
        while left:
            data = s.recv(min(left, 1 << 18))
            assert data
            got.update(data)
            left -= len(data)
        t.join()
        assert got.digest() == digest.digest() and everything(s) == b"[end]"


def test_fifty_connections_at_once_do_not_mix(site, esx):
    token = esx(Service())
    failed = []
    with Connect(site, token=token) as c:
        def one(n):
            try:
                with c.dial() as s:
                    mine = bytes([n]) * 20000
                    for _ in range(5):
                        s.sendall(mine)
                        got = b""
                        while len(got) < len(mine):
                            got += s.recv(65536)
                        assert got == mine
            except (OSError, AssertionError) as error:
                failed.append(error)
        crowd = [threading.Thread(target=one, args=(n,)) for n in range(50)]
        for t in crowd:
            t.start()
        for t in crowd:
            t.join()
    assert not failed and not c.errors


def test_a_token_that_is_revoked_midstream_resets_the_local_side(site, esx):
    token = esx(Service())
    with Connect(site, token=token) as c, c.dial() as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
        site.cli("token", "revoke", "machine")
        with pytest.raises(ConnectionError):
            s.settimeout(5)
            while s.recv(100):
                pass
            raise AssertionError("a cut looked like an end")
        with c.dial() as again:
            with pytest.raises(ConnectionError):
                again.recv(1)
        assert "401" in c.error()


def test_what_is_refused_is_said_with_its_rule(site, esx):
    token = esx(Service())
    site.cli("rule", "add", "machines", "--token", "machine", "--zone", "local", "--route", "esx", "--method", "POST",
             "--replace")
    with Connect(site, token=token) as c:
        with c.dial() as s, pytest.raises(ConnectionError):
            s.recv(1)
            raise AssertionError("a refusal looked like an end")
        said = c.error()
        assert "403" in said and "machines" in said and "method" in said
    with Connect(site, token="pst_" + "A" * 43) as c, c.dial() as s:
        with pytest.raises(ConnectionError):
            s.recv(1)
            raise AssertionError("a refusal looked like an end")
        assert "401" in c.error()


def test_a_certificate_of_somebody_else_is_never_accepted(site, esx, tmp_path):
    token = esx(Service())
    foreign = tmp_path / "foreign.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", "/dev/null", "-out", str(foreign), "-subj", "/CN=foreign"], check=True,
                   capture_output=True)
    url = ["--url", f"https://127.0.0.1:{site.port}", "--host", f"esx.{site.host}"]
    for words in (["--ca", str(foreign)], url, [*url, "--ca", str(foreign)],
                  ["--host", "esx.other.example", "--ca", str(site.state / "tls/ca.crt")]):
        with Connect(site, token=token, words=words) as c, c.dial() as s:
            with pytest.raises(ConnectionError):
                s.recv(1)
                raise AssertionError("a refusal looked like an end")
            assert "certificate" in c.error()
    with Connect(site, token=token, words=[*url, "--ca", str(site.state / "tls/ca.crt")]) as c, c.dial() as s:
        s.sendall(b"ok")
        assert s.recv(2) == b"ok"


def test_the_token_comes_from_a_file_standard_input_or_the_environment_and_never_shows(site, esx, tmp_path):
    token = esx(Service())
    path = tmp_path / "token"
    path.write_text(token + "\n")
    path.chmod(0o644)
    c = Connect(site, words=["--token-file", str(path)])
    assert c.port is None and c.process.wait(5) == 1 and "chmod" in c.error()
    path.chmod(0o600)
    with Connect(site, words=["--token-file", str(path)]) as c, c.dial() as s:
        s.sendall(b"ok")
        assert s.recv(2) == b"ok"
    c = Connect(site)
    assert c.port is None and c.process.wait(5) == 2 and "token" in c.error()
    with Connect(site, token=token) as c, c.dial() as s:
        s.sendall(b"ok")
        assert s.recv(2) == b"ok"
        assert token.encode() not in pathlib.Path(f"/proc/{c.process.pid}/cmdline").read_bytes()
        assert token.encode() not in pathlib.Path(f"/proc/{c.process.pid}/environ").read_bytes()
    words = ["connect", "esx", "--listen", "127.0.0.1:0", "--token-file", "-"]
    p = subprocess.Popen([str(harness.LIBEXEC / "postern"), *words], env=site.env, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    p.stdin.write(token + "\n")
    p.stdin.flush()
    port = int(p.stdout.readline().split(":")[1].split(" ")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"ok")
        assert s.recv(2) == b"ok"
    p.terminate()
    assert p.wait(5) == 0


@pytest.mark.parametrize("words, says", [
    (["--listen", "0.0.0.0:0"], "--remote"),
    (["--listen", "nonsense"], "ADDRESS:PORT"),
    (["--listen", "127.0.0.1:0", "--ca", "/nonexistent"], "/nonexistent"),
    (["--listen", "127.0.0.1:0", "--url", "http://gw:9443"], "https://"),
    (["--listen", "127.0.0.1:0", "--url", "https://gw:0"], "https://"),
    (["--listen", "127.0.0.1:0", "--url", "https://gw:9443/path"], "https://"),
    ([], "--listen"),
])
def test_what_cannot_be_meant_is_said_at_once(site, words, says):
    done = subprocess.run([str(harness.LIBEXEC / "postern"), "connect", "esx", *words],
                          env={**site.env, "POSTERN_TOKEN": API}, capture_output=True, text=True, timeout=10)
    assert done.returncode in (1, 2) and says in done.stderr


def test_an_interrupt_ends_it_with_its_tunnels(site, esx):
    service = Service()
    token = esx(service)
    c = Connect(site, token=token)
    s = c.dial()
    s.sendall(b"x")
    assert s.recv(1) == b"x"
    c.process.send_signal(signal.SIGINT)
    assert c.process.wait(5) == 0
    s.settimeout(5)
    try:
        assert s.recv(1) == b""
    except ConnectionError:
        pass
    wait_for(lambda: service.ended)
    assert service.ended == ["ConnectionResetError"]
    with pytest.raises(ConnectionRefusedError):
        c.dial()
