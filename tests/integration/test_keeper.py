"""The keeper as a process, with a supervisor and edges played by the test.

Binaries are taken from $POSTERN_BUILD (default build/release). Nothing here sleeps: every wait is for a
message, a reply or the end of a process.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import time

import pytest

import ipcwire
from ipcwire import Closed, Wire, address, sealed

BUILD = os.path.join(ipcwire.ROOT, os.environ.get("POSTERN_BUILD", "build/release"))
KEEPER = os.path.join(BUILD, "src/keeper/postern-keeper")
PORTAL = b"postern.localhost:9443"
TOMCAT = b"tomcat.postern.localhost:9443"
CONSOLE, CHILD, TOKEN, SSO, HOST = 1, 2, 3, 4, 5
LOGIN_OK, LOGIN_REFUSED, LOGIN_THROTTLED, LOGIN_FAILED = range(4)
VIEW_OK, VIEW_UNKNOWN, VIEW_WRONG_HOST, VIEW_FAILED = range(4)
PASSWORD = "correct horse battery"

CONFIG = """
portal: {{host: postern.localhost}}
state: {{directory: {dir}}}
process: {{sandbox: best}}
listeners:
  - {{name: main, address: "127.0.0.1:9443"}}
  - {{name: bare, address: "127.0.0.1:9444"}}
routes:
  tomcat: {{host: tomcat.postern.localhost, upstream: "http://127.0.0.1:8080", inject_basic_file: tomcat.secret, title: "Tomcat <manager>"}}
  bare: {{port: 9444, upstream: "http://127.0.0.1:8081"}}
rules:
  - {{name: admins, groups: [owners], zones: [local], routes: [tomcat, bare]}}
"""


def totp(secret, at=None):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    step = struct.pack(">Q", int((time.time() if at is None else at) // 30))
    digest = hmac.new(key, step, hashlib.sha1).digest()
    start = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF) % 1000000)


def offline(*arguments, check=True, binary=False):
    run = subprocess.run(
        [KEEPER, "--offline", *arguments], capture_output=True, check=False, timeout=60
    )
    if check:
        assert run.returncode == 0, run.stderr.decode()
    return run if binary else (run.returncode, run.stdout.decode(), run.stderr.decode())


class Keeper:
    """One state directory and the process that serves it."""

    def __init__(self, path, config=CONFIG):
        self.dir = str(path)
        self.config = os.path.join(self.dir, "postern.yaml")
        self.store = os.path.join(self.dir, "postern.db")
        self.secrets = os.path.join(self.dir, "secrets")
        os.makedirs(self.secrets, exist_ok=True)
        self.write_secret("tomcat.secret", "manager:s3cret\n")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config.format(dir=self.dir))
        _, out, _ = offline(
            "init", "--store", self.store, "--state-dir", self.dir, "--owner", "owner",
            "--portal-host", PORTAL.decode(), "--json",
        )
        self.first = json.loads(out)
        self.process = None
        self.edges = {}

    def write_secret(self, name, text, mode=0o600):
        path = os.path.join(self.secrets, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    def slice(self):
        return offline("slice", "--config", self.config, binary=True).stdout

    def start(self, configure=True):
        self.supervisor, theirs = Wire.pair()
        self.socket_path = os.path.join(self.dir, "keeper.sock")
        if os.path.exists(self.socket_path):
            os.unlink(self.socket_path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(self.socket_path)
        listening.listen(16)
        arguments = [
            KEEPER, "--store", self.store, "--secrets-dir", self.secrets, "--state-dir", self.dir,
            "--sandbox", "best",
        ]
        channel = os.dup(theirs.fileno())
        control = os.dup(listening.fileno())

        def descriptors():
            a, b = os.dup2(channel, 20), os.dup2(control, 21)
            os.dup2(a, 3)
            os.dup2(b, 4)
            os.closerange(5, 64)

        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(
            arguments, preexec_fn=descriptors, close_fds=False, stderr=self.log, env={}
        )
        for end in (theirs, listening):
            end.close()
        os.close(channel)
        os.close(control)
        self.supervisor.expect("ready", 30)
        if configure:
            self.configure(1)
        return self

    def configure(self, generation):
        fd = sealed("file", self.slice())
        self.supervisor.send("configure", generation=generation, fd=fd)
        os.close(fd)
        return self.settle()

    def settle(self):
        """What the supervisor does with a snapshot when everybody agrees."""
        snapshot = self.supervisor.expect("snapshot")
        os.close(snapshot.fd)
        self.supervisor.ask("commit", number=snapshot.number)
        self.supervisor.send("settled", number=snapshot.number)
        return snapshot

    def edge(self, number=1):
        ours, theirs = Wire.pair()
        self.supervisor.send("peer", role=ipcwire.ROLES["EDGE"], id=number, fd=theirs.fileno())
        theirs.close()
        edge = Edge(self, ours)
        edge.ready()
        return edge

    def control(self):
        return Control(self.socket_path)

    def stop(self):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process = None
        self.supervisor.close()
        self.log.close()
        return code

    def enrol(self, edge, code=None, password=PASSWORD):
        """Sets the owner's credentials as the page asks; returns (secret, recovery codes)."""
        code = self.first["code"] if code is None else code
        page = edge.wire.ask("enrol", step=0, code=code)
        assert page.status == 200, page
        secret = re.search(rb"<code>([A-Z2-7]{32})</code>", page.body)[1].decode()
        page = edge.wire.ask(
            "enrol", step=1, code=code, password=password, again=password, totp=totp(secret)
        )
        assert page.status == 200, page
        codes = re.findall(rb"<li><code>([0-9a-z-]+)</code>", page.body)
        assert len(codes) == 10
        return secret, [text.decode() for text in codes]


class Edge:
    """An edge that confirms every revocation at once unless told otherwise."""

    def __init__(self, keeper, wire):
        self.keeper, self.wire = keeper, wire

    def ready(self):
        """The keeper knows this edge when it answers it."""
        self.wire.ask("session", kind=CONSOLE, token="-", host=PORTAL)

    def login(self, user, password, code, source="127.0.0.1"):
        return self.wire.ask(
            "login", user=user, password=password, code=code, source=address(source), agent="test"
        )

    def view(self, kind, token, host):
        return self.wire.ask("session", kind=kind, token=token, host=host)

    def verb(self, kind, token, method, path, body=None, query="", host=PORTAL, answer=True, raw=None):
        text = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        serial = self.wire.send(
            "verb", kind=kind, token=token, host=host, method=method, path=path, query=query,
            type="application/json", body=text, source=address("127.0.0.1"), request_id="0" * 32,
        )
        return self.page(serial) if answer else serial

    def page(self, serial, revocations=None):
        """The answer to `serial`; what is revoked meanwhile is confirmed."""
        while True:
            message = self.wire.receive()
            if message.name == "revoke":
                if revocations is not None:
                    revocations.append((message.kind, message.id))
                self.wire.send("revoked", epoch=message.epoch, closed=0)
            elif message.serial == serial:
                return message

    def api(self, kind, token, method, path, body=None, query=""):
        page = self.verb(kind, token, method, "/api/v1" + path, body, query)
        return page.status, json.loads(page.body) if page.body else None


class Control:
    """The command line's way in: frames over the control socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(15)
        self.sock.connect(path)

    def send(self, method, path, body=None, query=""):
        text = json.dumps({"method": method, "path": path, "query": query, "body": body}).encode()
        self.sock.sendall(struct.pack(">I", len(text)) + text)

    def receive(self):
        head = self._exactly(4)
        answer = json.loads(self._exactly(struct.unpack(">I", head)[0]))
        return answer["status"], answer["body"]

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise Closed()
            data += piece
        return data

    def ask(self, method, path, body=None, query=""):
        self.send(method, "/api/v1" + path, body, query)
        return self.receive()

    def close(self):
        self.sock.close()


@pytest.fixture
def keeper(tmp_path):
    os.chmod(tmp_path, 0o700)
    instance = Keeper(tmp_path).start()
    yield instance
    code = instance.stop()
    with open(os.path.join(instance.dir, "log"), encoding="utf-8") as file:
        log = file.read()
    assert code in (0, None), log
    assert "ERROR: " not in log and "runtime error" not in log, log


@pytest.fixture
def edge(keeper):
    return keeper.edge()


class Person:
    def __init__(self, edge, secret, codes, answer):
        self.edge, self.secret, self.codes = edge, secret, codes
        self.sso, self.console = answer.sso, answer.console


@pytest.fixture
def owner(keeper, edge):
    secret, codes = keeper.enrol(edge)
    answer = edge.login("owner", PASSWORD, codes[0])
    assert answer.result == LOGIN_OK, answer
    return Person(edge, secret, codes[1:], answer)


def child(edge, sso, host, flow=b"f" * 43):
    """A console's cookie by way of the hand-over."""
    handed = edge.wire.ask(
        "handover", sso=sso, portal=PORTAL, host=host, flow_hash=hashlib.sha256(flow).digest(),
        back="/manager/html?a=b", source=address("127.0.0.1"),
    )
    assert handed.result == 0, handed
    redeemed = edge.wire.ask("redeem", code=handed.code, flow=flow, host=host)
    assert redeemed.result == 0, redeemed
    assert redeemed.back == b"/manager/html?a=b"
    return redeemed.token


# ---- the whole way -------------------------------------------------------------------------------


def test_a_person_enrols_logs_in_visits_a_console_and_is_ended(keeper, edge, owner):
    view = edge.view(CONSOLE, owner.console, PORTAL)
    assert (view.status, view.user, view.groups, view.assurance) == (VIEW_OK, b"owner", b"owners", 2)
    assert edge.view(SSO, owner.sso, PORTAL).status == VIEW_OK

    cookie = child(edge, owner.sso, TOMCAT)
    view = edge.view(CHILD, cookie, TOMCAT)
    assert view.status == VIEW_OK
    assert view.inject == b"tomcat\tBasic " + base64.b64encode(b"manager:s3cret") + b"\n"
    assert edge.view(CHILD, cookie, b"other.postern.localhost:9443").status == VIEW_WRONG_HOST
    assert edge.view(CHILD, cookie, b"tomcat.postern.localhost:9444").status == VIEW_WRONG_HOST
    assert edge.view(CONSOLE, cookie, TOMCAT).status == VIEW_UNKNOWN

    status, body = edge.api(CONSOLE, owner.console, "GET", "/sessions")
    assert status == 200 and len(body["sessions"]) == 2
    parent = next(s["id"] for s in body["sessions"] if s["parent"] is None)

    revoked = []
    serial = edge.verb(CONSOLE, owner.console, "DELETE", "/api/v1/sessions/" + parent, answer=False)
    page = edge.page(serial, revoked)
    answer = json.loads(page.body)
    assert page.status == 200 and answer["revoked"]["edges"] == 1 and answer["revoked"]["ms"] < 500
    assert sorted(kind for kind, _ in revoked) == [1, 1]
    assert edge.view(CHILD, cookie, TOMCAT).status == VIEW_UNKNOWN
    assert edge.view(CONSOLE, owner.console, PORTAL).status == VIEW_UNKNOWN

    control = keeper.control()
    status, body = control.ask("GET", "/audit/verify")
    assert status == 200 and body["intact"], body
    events = [r["event"] for r in control.ask("GET", "/audit")[1]["records"]]
    for event in ("store.created", "enrolment.finished", "login", "handover", "session.revoked"):
        assert event in events
    assert keeper.stop() == 0
    assert offline("audit-verify", "--store", keeper.store, "--state-dir", keeper.dir)[0] == 0


def test_logging_out_ends_the_family_and_waits_for_the_edges(keeper, edge, owner):
    second = keeper.edge(2)
    cookie = child(edge, owner.sso, TOMCAT)
    serial = edge.wire.send("logout", kind=CHILD, token=cookie, host=TOMCAT)
    edge.wire.send("revoked", epoch=edge.wire.expect("revoke").epoch)
    edge.wire.send("revoked", epoch=edge.wire.expect("revoke").epoch)
    with pytest.raises(TimeoutError):
        edge.wire.expect("logout_is", 0.1, serial)
    for _ in range(2):
        second.wire.send("revoked", epoch=second.wire.expect("revoke").epoch)
    assert edge.wire.expect("logout_is", 5, serial).ok == 1
    assert edge.view(CONSOLE, owner.console, PORTAL).status == VIEW_UNKNOWN


def test_an_edge_that_does_not_confirm_is_reported(keeper, edge, owner):
    silent = keeper.edge(7)
    started = time.monotonic()
    serial = edge.verb(CONSOLE, owner.console, "DELETE", "/api/v1/users/owner/sessions", answer=False)
    page = edge.page(serial)
    assert keeper.supervisor.expect("stalled", 5).id == 7
    assert 0.4 < time.monotonic() - started < 5
    assert json.loads(page.body)["revoked"]["edges"] == 1
    silent.wire.close()
