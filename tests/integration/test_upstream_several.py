"""Several endpoints of one route: which gets a request, and what happens when one of them goes."""
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

import consoles
import edge_alone
import pki
import stack as harness

Recorder, wait_for = harness.Recorder, harness.wait_for
FAST = ", health_interval: 1s"


def named(name, status=200):
    body = name.encode()
    return b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


class Site:
    """An edge in front of some Recorders that say who they are."""

    def __init__(self, count=2, route="", **more):
        self.up = [Recorder(answer=named(f"up{i}")) for i in range(count)]
        self.edge = edge_alone.Edge(self.up[0].port, urls=[u.url for u in self.up], route=route,
                                    ports=[u.port for u in self.up], **more)
        self.edge.keeper.person()

    def ask(self, *args, token=edge_alone.TOKEN, **more):
        return self.edge.ask(*args, token=token, **more)

    def people(self, count):
        tokens = [chr(ord("B") + i) * 42 + "A" for i in range(count)]
        for token in tokens:
            self.edge.keeper.person(token)
        return tokens

    def state(self, i):
        return self.edge.status()[f"upstream.app.{self.up[i].url}"]

    def close(self):
        dead = self.edge.process.poll()
        self.edge.close()
        for u in self.up:
            u.close()
        assert dead is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def test_round_robin_takes_turns():
    with Site(3, ", balance: round-robin") as site:
        got = [site.ask().body for _ in range(9)]
        assert {b: got.count(b) for b in set(got)} == {b"up0": 3, b"up1": 3, b"up2": 3}


def test_a_session_stays_where_it_is_and_sessions_are_spread():
    with Site(3) as site:
        places = {}
        for token in site.people(24):
            got = {site.ask(token=token).body for _ in range(3)}
            assert len(got) == 1
            places.setdefault(got.pop(), []).append(token)
        assert len(places) == 3


def test_all_edges_choose_alike():
    with Site(3) as one:
        tokens = one.people(12)
        people = dict(one.edge.keeper.people)
        other = edge_alone.Edge(one.up[0].port, urls=[u.url for u in one.up], ports=[u.port for u in one.up])
        try:
            other.keeper.people.update(people)
            for token in tokens:
                assert one.ask(token=token).body == other.ask(token=token).body
        finally:
            other.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_one_that_can_not_be_reached_is_passed_over_for_every_method(method):
    with Site(2, ", balance: round-robin") as site:
        site.up[0].close()
        extra = "Content-Length: 3\r\n" if method == "POST" else ""
        for _ in range(6):
            answer = site.ask(method=method, extra=extra, body=b"abc" if extra else b"")
            assert (answer.status, answer.body) == (200, b"up1")
        assert site.state(0).startswith("down") and site.state(1).startswith("up")
        wait_for(lambda: any(f"app\tdown\t" in u and site.up[0].url in u for u in site.edge.keeper.upstreams))


def closes(_, sock, head, data):
    return None


@pytest.mark.parametrize("method, body, again", [("GET", b"", True), ("PUT", b"", True), ("POST", b"", False),
                                                 ("PUT", b"x", False)])
def test_a_request_that_was_sent_is_repeated_only_when_nothing_can_have_come_of_it(method, body, again):
    with Site(2, ", balance: round-robin") as site:
        site.up[0].handler = closes
        for _ in range(2):
            extra = f"Content-Length: {len(body)}\r\n" if method != "GET" else ""
            answer = site.ask(method=method, extra=extra, body=body)
            if site.up[0].requests:
                break
        assert site.up[0].requests and answer.status == (200 if again else 502)


def test_an_answer_that_has_begun_is_never_asked_for_again():
    def half(_, sock, head, data):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Len")
        return None
    with Site(2, ", balance: round-robin") as site:
        for up in site.up:
            up.handler = half
        assert site.ask().status == 502
        assert sum(len(u.requests) for u in site.up) == 1


def test_each_endpoint_has_one_chance_for_one_request():
    with Site(3, ", balance: round-robin") as site:
        for up in site.up:
            up.handler = closes
        assert site.ask().status == 502
        assert [len(u.requests) for u in site.up] == [1, 1, 1]


def test_when_all_are_down_a_request_is_tried_all_the_same_and_finds_the_one_that_is_back():
    with Site(2) as site:
        for up in site.up:
            up.handler = closes
        for _ in range(8):
            assert site.ask().status == 502
        assert all(site.state(i).startswith("down") for i in range(2))
        for up in site.up:
            up.handler = None
        assert site.ask().status == 200


def test_a_health_check_takes_one_out_and_brings_it_back():
    with Site(2, ", balance: round-robin, health_path: /healthz" + FAST) as site:
        wait_for(lambda: all(any(b"GET /healthz" in r for r in u.requests) for u in site.up))
        probe = next(r for r in site.up[0].requests if b"/healthz" in r)
        assert b"User-Agent: postern-health" in probe and b"ookie" not in probe
        assert f"Host: {site.edge.host}".encode() in probe
        site.up[0].answer = named("ill", 503)
        wait_for(lambda: site.state(0).startswith("down"))
        assert "status 503" in site.state(0)
        assert {site.ask().body for _ in range(4)} == {b"up1"}
        site.up[0].answer = named("up0")
        wait_for(lambda: site.state(0).startswith("up"))
        assert {site.ask().body for _ in range(4)} == {b"up0", b"up1"}


def test_a_health_check_that_gets_no_answer_is_a_bad_one():
    def mute(_, sock, head, data):
        time.sleep(30)
    with Site(2, ", health_path: /h" + FAST) as site:
        site.up[0].handler = mute
        wait_for(lambda: site.state(0).startswith("down"), 60)
        assert "no answer in time" in site.state(0)


def test_one_that_drains_gets_nothing_new_and_keeps_what_it_has():
    stop = threading.Event()

    def stream(_, sock, head, data):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        stop.wait(20)
        sock.sendall(b"1\r\nb\r\n0\r\n\r\n")
        return data
    with Site(2, ", balance: round-robin") as site:
        for up in site.up:
            up.handler = lambda u, s, h, d: stream(u, s, h, d) if b"/stream" in h else (s.sendall(u.answer), d)[1]
        with site.edge.connect() as c:
            c.send(site.edge.head(path="/stream"))
            wait_for(lambda: any(b"/stream" in r for u in site.up for r in u.requests))
            busy = next(i for i, u in enumerate(site.up) if any(b"/stream" in r for r in u.requests))
            site.edge.route += f", upstream_drain: [{json.dumps(site.up[busy].url)}]"
            assert site.edge.commit()[0] == 1
            assert {site.ask().body for _ in range(6)} == {b"up%d" % (1 - busy)}
            assert site.state(busy).startswith("draining")
            stop.set()
            assert c.read().body == b"ab"
        site.edge.route = ", balance: round-robin"
        assert site.edge.commit()[0] == 1
        assert {site.ask().body for _ in range(6)} == {b"up0", b"up1"}


def test_one_that_returns_takes_its_share_little_by_little():
    with Site(2, ", balance: round-robin, slow_start: 1h, health_path: /h" + FAST) as site:
        wait_for(lambda: all(u.requests for u in site.up))
        site.up[0].answer = named("ill", 503)
        wait_for(lambda: site.state(0).startswith("down"))
        site.up[0].answer = named("up0")
        wait_for(lambda: site.state(0).startswith("up"))
        got = [site.ask().body for _ in range(60)]
        # Half of them would be its share; an hour has just begun.
        assert got.count(b"up0") < 12


def test_a_new_snapshot_keeps_the_connections_of_endpoints_that_stay():
    with Site(2, ", balance: round-robin") as site:
        for _ in range(4):
            site.ask()
        before = [u.connections for u in site.up]
        third = Recorder(answer=named("up2"))
        site.edge.urls = [site.up[1].url, third.url, site.up[0].url]
        assert site.edge.commit()[0] == 1
        for _ in range(6):
            assert site.ask().status == 200
        assert [u.connections for u in site.up] == before
        third.close()


def test_the_limit_of_connections_is_one_of_each_endpoint():
    hold = threading.Event()

    def slow(up, sock, head, data):
        hold.wait(20)
        sock.sendall(up.answer)
        return data
    with Site(2, ", balance: round-robin", limits="upstream_connections: 1") as site:
        for up in site.up:
            up.handler = slow
        conns = [site.edge.connect() for _ in range(2)]
        for c in conns:
            c.send(site.edge.head())
        wait_for(lambda: all(u.requests for u in site.up))
        assert site.ask().status == 503
        hold.set()
        assert {c.read().body for c in conns} == {b"up0", b"up1"}
        for c in conns:
            c.close()


SERVER = """
import socket, sys, threading
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(256)
def serve(s):
    data = b""
    while True:
        while b"\\r\\n\\r\\n" not in data:
            more = s.recv(65536)
            if not more:
                return
            data += more
        head, data = data.split(b"\\r\\n\\r\\n", 1)
        s.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
while True:
    s, _ = listener.accept()
    threading.Thread(target=serve, args=(s,), daemon=True).start()
"""


@pytest.mark.parametrize("balance", ["session", "round-robin"])
def test_no_idempotent_request_fails_when_one_of_three_is_killed_under_load(balance):
    ports = [harness.free_port() for _ in range(3)]

    def start(port):
        process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)])
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        return process
    servers = [start(p) for p in ports]
    edge = edge_alone.Edge(ports[0], urls=[f"http://127.0.0.1:{p}" for p in ports], ports=ports,
                           route=f", balance: {balance}")
    tokens = [chr(ord("B") + i) * 42 + "A" for i in range(8)]
    for token in tokens:
        edge.keeper.person(token)
    done, failed, stop = [0], [], threading.Event()

    def load(token):
        with edge.connect() as c:
            while not stop.is_set():
                c.send(edge.head(token=token))
                answer = c.read()
                if (answer.status, answer.body) != (200, b"ok"):
                    failed.append((answer.status, answer.body))
                    return
                done[0] += 1
    try:
        threads = [threading.Thread(target=load, args=(t,)) for t in tokens]
        for t in threads:
            t.start()
        for victim in (0, 1):
            seen = done[0]
            wait_for(lambda: done[0] > seen + 200, 60)
            servers[victim].send_signal(signal.SIGKILL)
            servers[victim].wait()
        seen = done[0]
        wait_for(lambda: failed or done[0] > seen + 300, 60)
        stop.set()
        for t in threads:
            t.join(30)
        assert failed == []
    finally:
        stop.set()
        edge.close()
        for s in servers:
            s.kill()
            s.wait()


def test_a_certificate_that_is_refused_is_never_passed_over_for_the_same_request():
    authority = pki.Authority()
    stranger = pki.Authority("Somebody else")
    bad = consoles.TlsConsole(stranger.issue("127.0.0.1"), answer=named("bad"))
    good = consoles.TlsConsole(authority.issue("127.0.0.1"), answer=named("good"))
    edge = edge_alone.Edge(bad.port, urls=[bad.url, good.url], ports=[bad.port, good.port],
                           route=authority.yaml() + ", balance: round-robin")
    try:
        edge.keeper.person()
        got = [edge.ask(extra="Accept: application/json\r\n") for _ in range(4)]
        assert [a.status for a in got].count(502) == 1, "one request finds it out, the others go where it is well"
        assert json.loads(next(a for a in got if a.status == 502).body)["error"] == "certificate"
        assert {a.body for a in got if a.status == 200} == {b"good"} and bad.bytes == b""
        assert edge.status()[f"upstream.app.{bad.url}"].startswith("down")
    finally:
        edge.close()
        for it in (bad, good, authority, stranger):
            it.close()


class Dialler:
    """An edge whose upstream is a socket, and the supervisor that connects it, or does not."""

    def __init__(self, route=""):
        self.edge = edge_alone.Edge(1, urls="unix:/run/console/app.sock", route=route)
        self.edge.keeper.person()

    def asked(self):
        m = self.edge.control.expect("dial")
        assert m.path == b"/run/console/app.sock"
        return m.serial

    def answer(self, serial, error=0, sock=None):
        self.edge.control.send("dialled", serial=serial, error=error, fd=sock.fileno() if sock else None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.edge.close()


def serve_once(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_a_socket_that_the_supervisor_connects_is_used_and_used_again():
    with Dialler() as it, it.edge.connect() as c:
        c.send(it.edge.head())
        ours, theirs = socket.socketpair()
        it.answer(it.asked(), sock=theirs)
        theirs.close()
        for _ in range(3):
            serve_once(ours)
            assert c.read().body == b"ok"
            c.send(it.edge.head())
        serve_once(ours)
        assert c.read().status == 200
        assert it.edge.status()["upstream_opened"] == "1"
        ours.close()


def test_a_socket_that_can_not_be_connected_is_502():
    with Dialler() as it, it.edge.connect() as c:
        for error in (2, 13, 111, 999999):
            c.send(it.edge.head())
            it.answer(it.asked(), error=error)
            assert c.read().status == 502
        assert it.edge.status()["upstream.app"].startswith("down open=0")


def test_answers_that_nobody_waits_for_any_more_are_put_away():
    with Dialler(", connect_timeout: 1s") as it:
        c = it.edge.connect()
        c.send(it.edge.head())
        first = it.asked()
        c.close()
        with it.edge.connect() as late:
            late.send(it.edge.head())
            second = it.asked()
            assert late.read().status == 504
        for serial in (first, second, first, 12345):
            ours, theirs = socket.socketpair()
            it.answer(serial, sock=theirs)
            theirs.close()
            assert ours.recv(1) == b"", "closed at once"
            ours.close()
        it.answer(second, error=111)
        assert "open=0" in it.edge.status()["upstream.app"]
        with it.edge.connect() as c:
            c.send(it.edge.head())
            ours, theirs = socket.socketpair()
            it.answer(it.asked(), sock=theirs)
            theirs.close()
            serve_once(ours)
            assert c.read().status == 200
            ours.close()


def test_an_edge_that_ends_while_it_waits_for_a_socket_ends_in_order():
    with Dialler() as it:
        c = it.edge.connect()
        c.send(it.edge.head())
        it.asked()
        it.edge.drain(0)
        assert it.edge.process.wait(10) == 0
        c.close()


@pytest.fixture
def site():
    """All of postern as the service runs it, with its own account and the whole sandbox."""
    stack = harness.Stack()
    yield stack
    stack.close()


def answers_once(up, sock, head, data):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    return None


def test_a_socket_in_the_file_system_is_an_upstream(site):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="postern-socket-"))
    directory.chmod(0o755)
    console = consoles.UnixConsole(directory / "app.sock", handler=answers_once)
    try:
        site.start()
        owner = site.owner()
        site.cli("route", "add", "app", console.url, "--allow", "group:owners@local")
        url = f"https://app.{site.host}:{site.port}/x"
        assert owner.open(url)[0].text == "ok"
        for _ in range(3):
            assert owner.open(url)[0].text == "ok"
        assert b"GET /x HTTP/1.1" in console.bytes and b"Host: app." in console.bytes
        console.path.unlink()
        console.close()
        wait_for(lambda: owner.open(url)[0].status == 502)
        again = consoles.UnixConsole(directory / "app.sock", handler=answers_once)
        wait_for(lambda: owner.open(url)[0].text == "ok")
        again.close()
        # What the account of the service may not write to stays closed.
        again.path.unlink()
        private = consoles.UnixConsole(directory / "app.sock", mode=0o600)
        wait_for(lambda: owner.open(url)[0].status == 502)
        private.close()
    finally:
        shutil.rmtree(directory)

