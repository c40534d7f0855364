"""Many of everything: slow and idle connections, no descriptors left, long use, and neighbours on the machine.

POSTERN_LONG=1 takes the long figures.
"""
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

import stack as harness
from stack import Connection, Recorder, wait_for

LONG = bool(os.environ.get("POSTERN_LONG"))


@pytest.fixture(scope="module", autouse=True)
def room():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def endless(recorder, sock, head, rest):
    if b"upgrade: websocket" in head.lower():
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
        while True:
            data = sock.recv(4096)
            if not data:
                return None
            sock.sendall(data)
    if b"/big" in head.split(b"\r\n")[0]:
        try:
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            for _ in range(100):
                sock.sendall(bytes(1000000))
        except OSError:
            pass
        return None
    _, rest = harness.read_body(sock, head, rest)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    return rest


def make(extra="", edges=1, cls=harness.Stack):
    s = cls(edges=edges, extra_yaml=extra)
    s.up = Recorder(handler=endless)
    s.start()
    s.admin = s.owner()
    s.cli("route", "add", "load", s.up.url, "--allow", "group:owners@local")
    answer, _ = s.admin.open(s.console_url("load", "/"))
    assert answer.status == 200
    s.name = f"load.{s.host}"
    return s


@pytest.fixture
def site():
    made = []

    def start(*words, **more):
        made.append(make(*words, **more))
        return made[-1]
    yield start
    for s in made:
        s.close()
        s.up.close()


def text(site, path="/", method="GET", headers=()):
    jar = site.admin.jar[site.name]
    lines = [f"{method} {path} HTTP/1.1", f"Host: {site.name}:{site.port}", "Sec-Fetch-Site: same-origin",
             "Cookie: " + "; ".join(f"{k}={v}" for k, v in jar.items()), *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def pss(pid):
    roll = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Pss:\s+(\d+)", roll)[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


# ---- slow ----

def slow_opener(site, kind):
    """One slow client of a kind; returns its socket. It costs the test nothing more: nobody feeds it."""
    c = Connection(site, site.name, source="127.0.0.5", timeout=10)
    if kind == "head":
        c.send(text(site)[:60])
    elif kind == "body":
        c.send(text(site, "/", "POST", ["Content-Length: 100000"]) + b"x" * 10)
    elif kind == "read":
        c.send(text(site, "/big"))
    return c


def test_slow_clients_of_one_place_do_not_hold_up_another(site):
    s = site("\nlimits: {header_timeout: 4s, body_timeout: 4s, write_timeout: 4s, handshake_timeout: 4s, connections_per_source: 400}\n")
    count = 300 if LONG else 150
    raw, slow = [], []
    begin = time.monotonic()
    for i in range(count):
        kind = ("head", "body", "read", "silent")[i % 4]
        if kind == "silent":
            k = socket.create_connection(("127.0.0.1", s.port), source_address=("127.0.0.5", 0))
            raw.append(k)
        else:
            slow.append(slow_opener(s, kind))
    opened = time.monotonic() - begin
    times = []
    end = time.monotonic() + 5
    while time.monotonic() < end:
        at = time.monotonic()
        with Connection(s, s.name, source="127.0.0.9", timeout=5) as c:
            c.send(text(s))
            assert c.read().status == 200
        times.append(time.monotonic() - at)
        time.sleep(0.02)
    times.sort()
    print(f"\n{count} slow clients ({opened:.1f} s to open): another place is served in {times[len(times) // 2] * 1000:.1f} ms (median), "
          f"{times[int(len(times) * .99)] * 1000:.1f} ms (p99), {times[-1] * 1000:.1f} ms (worst) of {len(times)}")
    assert times[int(len(times) * .95)] < 0.1

    def ended():
        edge = next(p for p in s.doctor()["processes"] if p["role"] == "edge")
        return int(edge["status"]["connections"]) <= 2
    wait_for(ended, 20, every=0.5)
    print(f"all slow ones gone {time.monotonic() - begin:.1f} s after the first came")
    for k in raw:
        k.close()
    for c in slow:
        c.close()


def test_idle_connections_cost_little_and_go_in_time(site):
    count = 5000 if LONG else 800
    s = site(f"\nlimits: {{connections: {count + 100}, connections_per_source: {count + 50}, idle_timeout: 20s}}\n")
    edge = s.pids("edge")[0]
    before, fds = pss(edge), descriptors(edge)
    held = []
    for _ in range(count):
        c = Connection(s, s.host)
        c.send(f"GET /healthz HTTP/1.1\r\nHost: {s.host}:{s.port}\r\n\r\n".encode())
        held.append(c)
    for c in held:
        assert c.read().status == 200
    each = (pss(edge) - before) / count
    print(f"\n{count} idle connections: {each:.1f} KiB each")
    assert each < 40
    with Connection(s, s.name, source="127.0.0.9") as c:
        at = time.monotonic()
        c.send(text(s))
        assert c.read().status == 200 and time.monotonic() - at < 0.5
    for c in held:
        c.close()
    wait_for(lambda: descriptors(edge) <= fds + 2, 15, every=0.2)


class Poor(harness.Stack):
    """With few descriptors."""
    files = 128

    def start(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [str(harness.LIBEXEC / "postern"), "serve", "--config", str(self.config)], env=self.env, stderr=self.log,
            stdout=self.log, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files)))
        wait_for(self.ready, 20)
        return self


def test_without_descriptors_it_waits_and_comes_back(site):
    s = site("\nlimits: {connections: 2000, connections_per_source: 1000}\n", cls=Poor)
    edge = s.pids("edge")[0]
    held = []
    for _ in range(300):
        try:
            k = socket.create_connection(("127.0.0.1", s.port), timeout=2)
            held.append(k)
        except OSError:
            break
    time.sleep(1)
    ticks = sum(int(x) for x in pathlib.Path(f"/proc/{edge}/stat").read_text().split(") ")[1].split()[11:13])
    time.sleep(1)
    spent = sum(int(x) for x in pathlib.Path(f"/proc/{edge}/stat").read_text().split(") ")[1].split()[11:13]) - ticks
    assert spent < 50, "no loop that turns for nothing"
    assert edge in s.pids("edge"), "nobody died of it"
    for k in held:
        k.close()

    def served():
        try:
            with Connection(s, s.name, timeout=3) as c:
                c.send(text(s))
                return c.read().status == 200
        except (OSError, ConnectionError):
            return False
    wait_for(served, 10, every=0.1)
    assert edge in s.pids("edge")
    assert s.cli("group", "add", "rich", check=False).returncode == 0
    for role in ("keeper", "signer"):
        os.kill(s.pids(role)[0], signal.SIGKILL)
    wait_for(served, 10, every=0.1)
    wait_for(lambda: s.cli("group", "add", "richer", check=False).returncode == 0, 10)


# ---- long use ----

def test_memory_and_descriptors_do_not_grow_and_the_end_is_clean(site):
    s = site()
    requests, sockets = (20000, 1000) if LONG else (4000, 150)
    pids = {role: s.pids(role)[0] for role in ("edge", "keeper", "signer")}
    pids["supervisor"] = s.process.pid
    line = text(s)
    upgrade = text(s, "/ws", headers=["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Origin: https://{s.name}:{s.port}"])

    def requests_round(n):
        for _ in range(n // 50):
            with Connection(s, s.name) as c:
                for _ in range(5):
                    c.send(line * 10)
                    for _ in range(10):
                        assert c.read().status == 200

    def sockets_round(n):
        for _ in range(n):
            with Connection(s, s.name) as c:
                c.send(upgrade)
                assert c.read(head_only=True).status == 101
                c.send(b"hello")
                while not c.buffer.endswith(b"hello"):
                    assert c.fill()

    def bad_round(n):
        for i in range(n):
            with Connection(s, s.name) as c:
                c.send([b"GET / HTTP/9\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", line.replace(b"Cookie: ", b"Cookie: x"),
                        b"POST /login HTTP/1.1\r\nHost: " + s.host.encode() + b"\r\nContent-Length: 5\r\n\r\nab", text(s, "/big")][i % 5])
                try:
                    c.read(head_only=True)
                except (OSError, ConnectionError):
                    pass

    def settle():
        wait_for(lambda: int(next(p for p in s.doctor()["processes"] if p["role"] == "edge")["status"]["connections"]) <= 1, 15, every=0.2)
    requests_round(requests // 2)
    sockets_round(sockets // 2)
    bad_round(50)
    settle()
    before = {r: (pss(p), descriptors(p)) for r, p in pids.items()}
    requests_round(requests)
    sockets_round(sockets)
    bad_round(100)
    settle()
    after = {r: (pss(p), descriptors(p)) for r, p in pids.items()}
    print(f"\nafter {requests} requests and {sockets} WebSockets more: "
          + ", ".join(f"{r} {before[r][0]}→{after[r][0]} KiB, {before[r][1]}→{after[r][1]} descriptors" for r in pids))
    for role in pids:
        assert after[role][0] - before[role][0] < 2048, role
        assert after[role][1] <= before[role][1] + 4, role
    assert s.pids("edge")[0] == pids["edge"]
    begin = time.monotonic()
    assert s.stop() == 0
    assert time.monotonic() - begin < 8
    for role, pid in pids.items():
        assert not pathlib.Path(f"/proc/{pid}").exists(), role
    assert "child_hangs" not in s.log_path.read_text() and "signal=" not in s.log_path.read_text()


# ---- neighbours ----

def as_nobody(code):
    """Runs Python as another user of this machine."""
    return subprocess.Popen([sys.executable, "-c", code], user=65534, group=65534, extra_groups=[], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd="/")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")
def test_other_users_of_the_machine_are_not_listened_to(site):
    s = site()
    code = f"""
import os, socket, struct, sys
for name, question in (("supervisor.sock", b"stop"), ("keeper.sock", b'{{"method":"GET","path":"/api/v1/users","query":"","body":null}}')):
    k = socket.socket(socket.AF_UNIX)
    k.settimeout(5)
    try:
        k.connect({str(s.runtime)!r} + "/" + name)
        k.sendall(struct.pack(">I", len(question)) + question)
        print(name, repr(k.recv(4096)))
    except OSError as e:
        print(name, type(e).__name__)
for path in ("store/postern.db", "store/audit.head", "tls", "secrets", "postern.yaml", "store"):
    try:
        p = {str(s.state)!r} + "/" + path
        print(path, len(os.listdir(p) if os.path.isdir(p) else open(p, "rb").read()))
    except OSError as e:
        print(path, type(e).__name__)
"""
    out, err = as_nobody(code).communicate(timeout=20)
    assert not err
    for line in out.splitlines():
        assert line.split()[-1] in ("PermissionError", "FileNotFoundError"), out
    # And when the directory were open: the sockets ask who it is.
    for p in (s.dir, s.runtime):
        p.chmod(0o755)
    for name in ("supervisor.sock", "keeper.sock"):
        (s.runtime / name).chmod(0o666)
    out, err = as_nobody(code).communicate(timeout=20)
    print("\nwith open doors:", out.split("store/")[0].replace("\n", "; "))
    for line in out.splitlines():
        if "sock" in line:
            assert "owner" not in line and '"users"' not in line, line
    assert s.process.poll() is None and s.json("user", "list")
