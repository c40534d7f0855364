"""One edge with a real signer, and this file in the parts of the supervisor and the keeper.

What a test says through it is what the supervisor and keeper say: the messages of
src/ipc/messages.def over the same descriptors. So the edge can be tried without a store, and can be
told things that a healthy keeper would never say.
"""
import fcntl
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import ipcwire
import stack as harness

F_ADD_SEALS, SEALS = 1033, 0x1 | 0x2 | 0x4 | 0x8
TOKEN = "A" * 43
PORTAL = "postern.localhost"


def memfd(data):
    fd = os.memfd_create("slice", 0x1 | 0x2)
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    return fd


def child(argv, control):
    """Starts argv with control as descriptor 3 and nothing else of ours."""
    def place():
        os.dup2(control.fileno(), 3)
        os.set_inheritable(3, True)
    # In a sandbox the leak checker can not look at the process's own threads.
    env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=0")}
    return subprocess.Popen(argv, preexec_fn=place, pass_fds=(3, control.fileno()), env=env)


class Keeper(threading.Thread):
    """Says who each token is; remembers what it is told."""

    def __init__(self, wire):
        super().__init__(daemon=True)
        self.wire, self.people, self.asked = wire, {}, []
        self.records, self.lost, self.upstreams, self.revoked = [], 0, [], []
        self.mute = False
        self.lock = threading.Lock()

    def person(self, token=TOKEN, **facts):
        defaults = dict(status=0, kind=2, id=os.urandom(16), user="ada", groups="",
                        password_at=int(time.time()), mfa_at=int(time.time()), idle_until=int(time.time()) + 900,
                        ends_at=int(time.time()) + 9000)
        self.people[token] = {**defaults, **facts}
        return self.people[token]

    def run(self):
        while True:
            try:
                m = self.wire.receive(timeout=3600)
            except (ipcwire.Closed, OSError, ValueError):
                return
            if m.name == "session":
                self.asked.append(m.fields)
                if not self.mute:
                    facts = self.people.get(m.token.decode(), dict(status=1))
                    try:
                        self.wire.send("view", serial=m.serial, **facts)
                    except OSError:
                        return
            elif m.name == "access":
                with self.lock:
                    self.lost += m.lost
                    self.records += list(split(m.records))
            elif m.name == "upstreams":
                self.upstreams.append(m.text.decode())
            elif m.name == "revoked":
                self.revoked.append((m.epoch, m.closed))

    def find(self, **wanted):
        """The first access record with these values, waited for."""
        def look():
            with self.lock:
                for r in self.records:
                    if all(r[k] == v for k, v in wanted.items()):
                        return r
            return None
        return harness.wait_for(look, 5)


def split(records):
    at = 0
    while at < len(records):
        size = int.from_bytes(records[at:at + 4], "big")
        yield ipcwire.decode_record("access_record", records[at + 4:at + 4 + size])
        at += 4 + size


class Edge:
    host = "app.postern.localhost"

    def __init__(self, upstream, limits="", route="", rules=None, sandbox="best", wrap=(), zones="",
                 urls=None, ports=(), clients=()):
        build = harness.BUILD
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-edge-"))
        self.build, self.limits, self.route, self.zones = build, limits, route, zones
        self.rules = rules or ('rules: [{name: all, users: ["*"], zones: [local], routes: ["*"]}]')
        self.upstream, self.urls = upstream, urls
        (self.dir / "tls").mkdir(mode=0o700)
        subprocess.run([build / "src/signer/postern-signer", "--init", "--tls-dir", self.dir / "tls",
                        "--portal", PORTAL], check=True, capture_output=True)
        for name, (certificate, key) in dict(clients).items():
            shutil.copy(certificate, self.dir / f"tls/{name}.crt")
            shutil.copy(key, self.dir / f"tls/{name}.key")
            (self.dir / f"tls/{name}.key").chmod(0o600)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1024)
        self.port = self.listener.getsockname()[1]
        self.control, edge_end = ipcwire.Wire.pair()
        self.signer_control, signer_end = ipcwire.Wire.pair()
        self.signer = child([build / "src/signer/postern-signer", "--tls-dir", self.dir / "tls",
                             "--sandbox", sandbox, *(w for name in dict(clients) for w in ("--client", name))],
                            signer_end)
        self.process = child([*wrap, build / "src/edge/postern-edge", "--id", "1", "--sandbox", sandbox,
                              "--ports", ",".join(map(str, ports)) or str(upstream)], edge_end)
        signer_end.close()
        edge_end.close()
        self.signer_control.expect("ready")
        self.sandbox_report = self.control.expect("ready").sandbox.decode()
        self.keeper = None
        self.number = 0
        self.control.send("socket", fd=self.listener.fileno(), listener="main")
        self.link_signer()
        self.link_keeper()
        assert self.commit() == (1, b"")
        self.tls = ssl.create_default_context(cafile=str(self.dir / "tls/ca.crt"))
        # A connection that ends without close_notify must look cut, whatever this Python's default is.
        self.tls.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF

    def link_signer(self):
        one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.send("peer", fd=one.fileno(), role=4, id=0)
        self.signer_control.send("peer", fd=two.fileno(), role=2, id=1)
        one.close()
        two.close()

    def link_keeper(self):
        people = self.keeper.people if self.keeper else {}
        wire, theirs = ipcwire.Wire.pair()
        self.control.send("peer", fd=theirs.fileno(), role=8, id=0)
        theirs.close()
        self.keeper = Keeper(wire)
        self.keeper.people.update(people)
        self.keeper.start()

    def yaml(self):
        upstream = json.dumps(self.urls or f"http://127.0.0.1:{self.upstream}")
        return f"""portal: {{host: {PORTAL}}}
listeners: [{{name: main, address: "127.0.0.1:{self.port}"}}]
limits: {{{self.limits}}}
{self.zones}
routes: {{app: {{host: {self.host}, upstream: {upstream}{self.route}}}}}
{self.rules}
"""

    def commit(self):
        self.number += 1
        slice_ = subprocess.run([self.build / "tests/unit/edge/edge_slice", str(self.number)],
                                input=self.yaml().encode(), capture_output=True)
        if slice_.returncode != 0:
            raise ValueError(slice_.stderr.decode())
        fd = memfd(slice_.stdout)
        self.control.send("prepare", fd=fd, number=self.number)
        os.close(fd)
        said = self.control.expect("prepared")
        if said.ok:
            self.control.send("commit", number=self.number)
            assert self.control.expect("committed").number == self.number
        return said.ok, said.reason

    def status(self):
        self.control.send("status")
        text = self.control.expect("status_is").text.decode()
        return dict(line.split("=", 1) for line in text.splitlines())

    def drain(self, seconds):
        self.control.send("drain", seconds=seconds)

    def cookie(self, token=TOKEN):
        return f"Cookie: __Host-postern-{self.port}={token}\r\n"

    def head(self, method="GET", path="/", extra="", version="1.1", token=TOKEN):
        own = self.cookie(token) if token else ""
        return (f"{method} {path} HTTP/{version}\r\nHost: {self.host}:{self.port}\r\n"
                f"Sec-Fetch-Site: same-origin\r\n{own}{extra}\r\n").encode()

    def connect(self, **more):
        return harness.Connection(self, self.host, **more)

    def ask(self, *args, body=b"", method="GET", **more):
        with self.connect() as c:
            c.send(self.head(method, *args, **more) + body)
            return c.read(method=method)

    def close(self):
        for wire in (self.control, self.signer_control):
            wire.close()
        for process in (self.process, self.signer):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.listener.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
