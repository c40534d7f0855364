"""The keeper as a process, with a supervisor and edges played by the test.

Binaries are taken from $POSTERN_BUILD (default build/release). Nothing here sleeps: every wait is for a
message, a reply or the end of a process.
"""

import base64
import hashlib
import hmac
import fcntl
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
state: {{directory: {dir}, store: {dir}/store/postern.db}}
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
        self.state = os.path.join(self.dir, "store")
        self.store = os.path.join(self.state, "postern.db")
        os.makedirs(self.state, mode=0o700, exist_ok=True)
        self.secrets = os.path.join(self.dir, "secrets")
        os.makedirs(self.secrets, exist_ok=True)
        self.write_secret("tomcat.secret", "manager:s3cret\n")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config.format(dir=self.dir))
        _, out, _ = offline(
            "init", "--store", self.store, "--state-dir", self.state, "--owner", "owner",
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
            KEEPER, "--store", self.store, "--secrets-dir", self.secrets, "--state-dir", self.state,
            "--sandbox", "best",
        ]
        channel = os.dup(theirs.fileno())
        control = os.dup(listening.fileno())

        def descriptors():
            # Out of the way first: either may stand where the other has to go.
            a, b = fcntl.fcntl(channel, fcntl.F_DUPFD, 500), fcntl.fcntl(control, fcntl.F_DUPFD, 500)
            os.dup2(a, 3)
            os.dup2(b, 4)
            os.closerange(5, 600)

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
        wire.ignored = {"changed"}

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
    assert (view.status, view.user, view.groups) == (VIEW_OK, b"owner", b"owners")
    assert view.password_at == view.mfa_at > 0 and view.resistant_at == view.hardware_at == 0
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
    assert offline("audit-verify", "--store", keeper.store, "--state-dir", keeper.state)[0] == 0


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


# ---- logging in ----------------------------------------------------------------------------------


def test_every_failed_login_has_the_same_answer_at_the_same_moment(keeper, edge, owner):
    moments = []
    for user, password, code in (
        ("owner", "not the password", totp(owner.secret)),
        ("owner", PASSWORD, "000000"),
        ("owner", PASSWORD, "aaaaa-aaaaa-aaaaa-aaaaa-aaaaa"),
        ("nobody", PASSWORD, totp(owner.secret)),
        ("NOT a name\n", PASSWORD, "123456"),
    ):
        started = time.monotonic()
        answer = edge.login(user, password, code)
        moments.append(time.monotonic() - started)
        assert (answer.result, answer.sso, answer.console) == (LOGIN_REFUSED, b"", b"")
    assert all(moment >= 0.39 for moment in moments), moments


def test_a_totp_code_and_a_recovery_code_are_good_once(keeper, edge, owner):
    # The step of the enrolment is used already; the next one is not.
    assert edge.login("owner", PASSWORD, totp(owner.secret)).result == LOGIN_REFUSED
    later = totp(owner.secret, time.time() + 30)
    assert edge.login(" Owner ", PASSWORD, later).result == LOGIN_OK
    assert edge.login("owner", PASSWORD, later).result == LOGIN_REFUSED
    assert edge.login("owner", PASSWORD, owner.codes[0].upper()).result == LOGIN_OK
    assert edge.login("owner", PASSWORD, owner.codes[0]).result == LOGIN_REFUSED
    _, body = keeper.control().ask("GET", "/audit", query="event=totp.replayed")
    assert len(body["records"]) == 2


def test_an_account_is_slowed_down_and_the_throttled_attempts_are_counted(keeper, edge, owner):
    for _ in range(5):
        assert edge.login("owner", "wrong", "000000").result == LOGIN_REFUSED
    answer = edge.login("owner", PASSWORD, owner.codes[0])
    assert answer.result == LOGIN_THROTTLED and answer.retry_after >= 1
    for _ in range(20):
        edge.login("owner", "wrong", "000000")
    control = keeper.control()
    _, body = control.ask("GET", "/audit", query="event=login.throttled")
    assert len(body["records"]) == 1
    # Another person from another place is not concerned; the owner of the host can forgive.
    status, _ = control.ask("POST", "/users/owner/enable", {})
    assert status == 200
    assert edge.login("owner", PASSWORD, owner.codes[0], "192.0.2.9").result == LOGIN_OK


def test_who_comes_from_a_known_place_does_not_wait_for_what_strangers_do(keeper, edge, owner):
    assert edge.login("owner", PASSWORD, owner.codes[0], "192.0.2.9").result == LOGIN_OK
    assert edge.login("owner", PASSWORD, owner.codes[1], "2001:db8:1:2::7").result == LOGIN_OK
    # Strangers from many places: after some failures everybody who is not known has to wait.
    results = [edge.login("owner", "wrong", "000000", f"198.51.100.{i}").result for i in range(14)]
    assert results[:8] == [LOGIN_REFUSED] * 8 and results[-1] == LOGIN_THROTTLED, results
    assert edge.login("owner", PASSWORD, owner.codes[2], "203.0.113.1").result == LOGIN_THROTTLED
    # Places where the owner was before are not concerned, as whole IPv6 networks.
    assert edge.login("owner", PASSWORD, owner.codes[2], "192.0.2.9").result == LOGIN_OK
    assert edge.login("owner", PASSWORD, owner.codes[3], "2001:db8:1:2:ffff::1").result == LOGIN_OK
    # Which was no fresh start for the strangers.
    assert edge.login("owner", "wrong", "000000", "198.51.100.200").result == LOGIN_THROTTLED
    # And a known place is no licence to guess.
    results = [edge.login("owner", "wrong", "000000", "192.0.2.9").result for _ in range(7)]
    assert results[-1] == LOGIN_THROTTLED and results.count(LOGIN_REFUSED) <= 5, results
    assert edge.login("owner", PASSWORD, owner.codes[4], "2001:db8:1:2::8").result == LOGIN_OK


def strike(keeper, kind, user, failures):
    """So many failures in a row, as if they had happened."""
    with sqlite3.connect(keeper.store, timeout=5) as db:
        db.execute("INSERT OR REPLACE INTO throttles VALUES (?, ?, ?, ?)", (kind, user, failures, int(time.time()) - 86400))
    db.close()


@pytest.mark.parametrize("factor, kind, spent", [("password", 3, "password"), ("totp", 4, "totp"), ("recovery", 5, "recovery")])
def test_the_hundredth_failure_in_a_row_disables_that_factor_and_not_the_person(keeper, edge, owner, factor, kind, spent):
    control = keeper.control()
    strike(keeper, kind, "owner", 99)
    wrong = {"password": ("wrong", "000000"), "totp": (PASSWORD, "000000"), "recovery": (PASSWORD, "aaaaa-aaaaa")}[factor]
    assert edge.login("owner", *wrong).result == LOGIN_REFUSED
    _, body = control.ask("GET", "/users/owner")
    assert body["spent"] == [spent] and not body["disabled"]
    assert (body["password"], body["totp"]) == tuple(
        "disabled" if name == factor else "set" for name in ("password", "totp"))
    event = {"password": "password.disabled", "totp": "totp.disabled"}.get(factor, "factor.disabled")
    _, records = control.ask("GET", "/audit", query=f"event={event}")
    assert len(records["records"]) == 1
    later = totp(owner.secret, time.time() + 30)
    right = {"password": later, "totp": later, "recovery": owner.codes[0]}[factor]
    other = {"totp": owner.codes[0], "recovery": later}.get(factor)
    assert edge.login("owner", PASSWORD, right, "192.0.2.8").result == LOGIN_REFUSED, "the factor is worth nothing"
    if other:
        assert edge.login("owner", PASSWORD, other, "192.0.2.9").result == LOGIN_OK, "the person has others"
    # An owner who has spoken with the person gives it back.
    assert control.ask("POST", "/users/owner/enable", {})[0] == 200
    _, body = control.ask("GET", "/users/owner")
    assert body["spent"] == [] and (body["password"], body["totp"]) == ("set", "set")
    again = owner.codes[0] if factor == "recovery" else owner.codes[1]
    assert edge.login("owner", PASSWORD, again).result == LOGIN_OK
    _, body = control.ask("GET", "/users/owner")
    assert body["spent"] == []


def test_a_spent_factor_that_is_replaced_begins_anew(keeper, edge, owner):
    control = keeper.control()
    strike(keeper, 5, "owner", 100)
    assert edge.login("owner", PASSWORD, owner.codes[0]).result == LOGIN_REFUSED
    status, body = control.ask("POST", "/users/owner/recovery", {})
    assert status == 200
    assert edge.login("owner", PASSWORD, body["recovery"][0]).result == LOGIN_OK


def bytes_of_the_store(keeper):
    found = b""
    for name in os.listdir(keeper.state):
        if name.startswith("postern.db"):
            with open(os.path.join(keeper.state, name), "rb") as file:
                found += file.read()
    return found


def test_no_totp_secret_lies_in_the_database(keeper, edge, owner):
    raw = base64.b32decode(owner.secret + "=" * (-len(owner.secret) % 8))
    status, body = keeper.control().ask("POST", "/users", {"name": "ann", "totp": True, "enrol": True})
    assert status == 201
    ann = base64.b32decode(body["totp"]["secret"] + "=" * (-len(body["totp"]["secret"]) % 8))
    store = bytes_of_the_store(keeper)
    assert b"owner" in store and raw not in store and ann not in store
    keys = os.stat(os.path.join(keeper.state, "sealing.keys"))
    assert keys.st_mode & 0o777 == 0o600


def test_the_key_of_secrets_is_rotated_by_a_command_and_codes_stay_good(keeper, edge, owner):
    control = keeper.control()
    _, before = control.ask("GET", "/sealing")
    status, after = control.ask("POST", "/sealing/rotate", {})
    assert status == 200 and after["key"] != before["key"] and after["previous"] == before["key"]
    assert after["sealed"] >= 1 and after["algorithm"] == "AES-256-SIV"
    assert control.ask("POST", "/sealing/rotate", {})[0] == 409, "one at a time"
    assert edge.login("owner", PASSWORD, totp(owner.secret, time.time() + 30)).result == LOGIN_OK
    _, records = control.ask("GET", "/audit", query="event=sealing.done")
    assert records["records"][-1]["target"] == after["key"]
    # Whenever the process dies, the file opens what the store holds.
    keeper.process.kill()
    keeper.stop()
    keeper.start()
    edge = keeper.edge()
    assert edge.login("owner", PASSWORD, owner.codes[0]).result == LOGIN_OK
    _, body = keeper.control().ask("GET", "/users/owner")
    assert body["totp"] == "set"


@pytest.mark.parametrize("what", ["gone", "broken"])
def test_a_lost_key_costs_the_factor_and_not_the_person(keeper, edge, owner, what):
    path = os.path.join(keeper.state, "sealing.keys")
    keeper.stop()
    if what == "gone":
        os.unlink(path)
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write("postern-sealing-keys 1\ncurrent 00\n")
    keeper.start()
    edge, control = keeper.edge(), keeper.control()
    assert edge.login("owner", PASSWORD, totp(owner.secret, time.time() + 30)).result == LOGIN_REFUSED
    assert edge.login("owner", PASSWORD, owner.codes[0]).result == LOGIN_OK
    status, body = control.ask("POST", "/users/owner/recover", {})
    if what == "gone":
        _, records = control.ask("GET", "/audit", query="event=sealing.lost")
        assert len(records["records"]) == 1
        assert keeper.enrol(edge, body["code"])
    else:
        # Nothing is written that could not be sealed, and the file is left to whoever can mend it.
        assert status >= 500 and control.ask("POST", "/sealing/rotate", {})[0] == 503
        with open(path, encoding="utf-8") as file:
            assert "current 00" in file.read()


@pytest.mark.parametrize("form", ["sha1", "words"])
def test_a_password_of_the_operators_list_is_refused_with_the_reason(tmp_path, form):
    os.chmod(tmp_path, 0o700)
    known = ["Frühling in Wien 77", "correct horse battery staple", "quiet purple submarine"]
    instance = Keeper(tmp_path, CONFIG + "authentication: {{password_list: known.txt}}\n")

    def write(words):
        lines = [word.encode() if form == "words" else hashlib.sha1(word.encode()).hexdigest().upper().encode() + b":3"
                 for word in words]
        with open(os.path.join(instance.secrets, "known.txt"), "wb") as file:
            file.write(b"\n".join(sorted(lines)) + b"\n")

    write(known)
    instance.start()
    try:
        control = instance.control()
        for word in known:
            status, body = control.ask("POST", "/users", {"name": "ann", "password": word})
            assert status == 400 and "stolen" in body["detail"], body
        assert control.ask("GET", "/users/ann")[0] == 404
        status, body = control.ask("GET", "/password-list")
        assert status == 200 and body["form"] == form and body["file"] == "known.txt" and body["built_in"] > 200
        # The page of an enrolment asks as well.
        edge = instance.edge()
        page = edge.wire.ask("enrol", step=0, code=instance.first["code"])
        secret = re.search(rb"<code>([A-Z2-7]{32})</code>", page.body)[1].decode()
        page = edge.wire.ask("enrol", step=1, code=instance.first["code"], password=known[1], again=known[1],
                             totp=totp(secret))
        assert b"stolen" in page.body
        # Another file is in force at once; without one no password is good.
        write(["something else entirely"])
        assert control.ask("POST", "/users", {"name": "ann", "password": known[1]})[0] == 201
        os.unlink(os.path.join(instance.secrets, "known.txt"))
        status, body = control.ask("POST", "/users", {"name": "bob", "password": "a perfectly good one"})
        assert status == 400 and "cannot be read" in body["detail"], body
    finally:
        instance.stop()


def test_an_unsorted_password_list_is_refused_before_it_is_in_force(tmp_path):
    path = tmp_path / "list"
    path.write_text("alpha\ngamma\nbeta\n")
    code, out, errors = offline("password-list", "--list", str(path), check=False)
    assert code == 1 and "line 3" in errors
    path.write_text("alpha\nbeta\ngamma\n")
    code, out, _ = offline("password-list", "--list", str(path))
    assert "3 lines in order, words" in out
    os.chmod(tmp_path, 0o700)
    instance = Keeper(tmp_path, CONFIG + "authentication: {{password_list: known.txt}}\n")
    (tmp_path / "secrets/known.txt").write_text("zebra\nalpha\n")
    code, out, errors = offline("check", "--config", instance.config, check=False)
    assert code == 1 and "password_list" in out + errors and "LC_ALL=C" in out + errors


def test_many_attempts_at_once_do_not_all_find_the_account_fresh(keeper, edge, owner):
    serials = [
        edge.wire.send("login", user="owner", password="wrong", code="1", source=address("127.0.0.1"))
        for _ in range(12)
    ]
    results = [edge.wire.expect("login_is", 20, serial).result for serial in serials]
    assert results.count(LOGIN_REFUSED) <= 5 and LOGIN_THROTTLED in results


def test_a_disabled_user_is_out_at_once(keeper, edge, owner):
    control = keeper.control()
    status, body = control.ask("POST", "/users", {"name": "ann", "totp": True, "password": PASSWORD})
    assert status == 201
    ann = edge.login("ann", PASSWORD, totp(body["totp"]["secret"]))
    assert ann.result == LOGIN_OK
    assert edge.view(CONSOLE, ann.console, PORTAL).status == VIEW_OK
    control.send("POST", "/api/v1/users/ann/disable", {})
    message = edge.wire.expect("revoke")
    assert (message.kind, message.id) == (2, b"ann")
    edge.wire.send("revoked", epoch=message.epoch)
    status, body = control.receive()
    assert status == 200 and body["disabled"] and body["revoked"]["edges"] == 1
    assert edge.view(CONSOLE, ann.console, PORTAL).status == VIEW_UNKNOWN
    assert edge.login("ann", PASSWORD, totp(body.get("x", "A" * 32))).result == LOGIN_REFUSED


def test_enrolment_refuses_what_is_wrong_and_works_once(keeper, edge):
    code = keeper.first["code"]
    page = edge.wire.ask("enrol", step=0, code=code)
    assert b"<svg" in page.body and b"autocomplete" in page.body
    again = edge.wire.ask("enrol", step=0, code=code)
    assert again.body == page.body
    secret = re.search(rb"<code>([A-Z2-7]{32})</code>", page.body)[1].decode()
    for password, repeat, number in (
        (PASSWORD, "something else", totp(secret)),
        ("tiny!", "tiny!", totp(secret)),
        (PASSWORD, PASSWORD, "000000" if totp(secret) != "000000" else "000001"),
    ):
        page = edge.wire.ask(
            "enrol", step=1, code=code, password=password, again=repeat, totp=number
        )
        assert page.status == 422 and b'class="error"' in page.body
        assert password.encode() not in page.body
    keeper.enrol(edge)
    assert edge.wire.ask("enrol", step=0, code=code).status == 410
    assert edge.wire.ask("enrol", step=0, code=b"x" * 43).status == 410
    assert edge.wire.ask("enrol", step=1, code=b"<script>").status == 410


# ---- handing over --------------------------------------------------------------------------------


def test_a_hand_over_goes_to_known_places_only(keeper, edge, owner):
    def hand(host, back="/", sso=None):
        return edge.wire.ask(
            "handover", sso=owner.sso if sso is None else sso, portal=PORTAL, host=host,
            flow_hash=bytes(32), back=back,
        ).result

    assert hand(TOMCAT) == 0
    assert hand(b"127.0.0.1:9444") == 0
    assert hand(b"localhost:9444") == 0
    # A port route answers any Host, but a code must not go to a stranger's name.
    assert hand(b"evil.example:9444") == 2
    assert hand(b"evil.example:9443") == 2
    assert hand(PORTAL) == 2
    assert hand(b"tomcat.postern.localhost:443x") == 2
    for back in ("//evil.example/", "/\\evil.example", "https://evil.example", ""):
        assert hand(TOMCAT, back) == 2
    assert hand(TOMCAT, sso=owner.console) == 1
    assert hand(TOMCAT, sso=b"") == 1


def test_a_code_is_bound_to_host_and_browser_and_used_once(keeper, edge, owner):
    def code():
        return edge.wire.ask(
            "handover", sso=owner.sso, portal=PORTAL, host=TOMCAT, back="/",
            flow_hash=hashlib.sha256(b"flow").digest(),
        ).code

    def redeem(text, flow=b"flow", host=TOMCAT):
        return edge.wire.ask("redeem", code=text, flow=flow, host=host).result

    assert redeem(code(), flow=b"another browser") == 2
    assert redeem(code(), host=b"127.0.0.1:9444") == 2
    used = code()
    assert redeem(used) == 0
    assert redeem(used) == 2
    spoilt = code()
    assert redeem(spoilt, flow=b"") == 2
    assert redeem(spoilt) == 2


def test_a_console_cookie_opens_nothing_of_the_portal(keeper, edge, owner):
    cookie = child(edge, owner.sso, TOMCAT)
    for kind, token in ((CHILD, cookie), (CONSOLE, cookie), (SSO, owner.sso), (CONSOLE, owner.sso)):
        assert edge.api(kind, token, "GET", "/whoami")[0] == 401
    page = edge.verb(CONSOLE, owner.console, "GET", "/api/v1/whoami", host=TOMCAT)
    assert page.status == 401


# ---- resources -----------------------------------------------------------------------------------


def change(keeper, edge, owner, method, path, body=None):
    serial = edge.verb(CONSOLE, owner.console, method, "/api/v1" + path, body, answer=False)
    snapshot = keeper.settle()
    page = edge.page(serial)
    return snapshot, page.status, json.loads(page.body)


def test_a_route_is_answered_when_every_process_has_it(keeper, edge, owner):
    serial = edge.verb(
        CONSOLE, owner.console, "PUT", "/api/v1/routes/jetty",
        {"host": "jetty.postern.localhost", "upstream": "http://127.0.0.1:8082"}, answer=False,
    )
    snapshot = keeper.supervisor.expect("snapshot")
    assert snapshot.cause == 1
    os.close(snapshot.fd)
    keeper.supervisor.ask("commit", number=snapshot.number)
    with pytest.raises(TimeoutError):
        edge.wire.receive(0.1)
    keeper.supervisor.send("settled", number=snapshot.number)
    page = edge.page(serial)
    assert page.status == 201 and json.loads(page.body)["upstream"] == "http://127.0.0.1:8082"
    _, body = edge.api(CONSOLE, owner.console, "GET", "/routes")
    assert {r["name"]: r["origin"] for r in body["routes"]} == {
        "tomcat": "file", "bare": "file", "jetty": "store",
    }
    serial = edge.verb(CONSOLE, owner.console, "DELETE", "/api/v1/routes/jetty", answer=False)
    newer = keeper.settle()
    assert newer.number > snapshot.number
    revoked = []
    page = edge.page(serial, revoked)
    assert page.status == 200 and json.loads(page.body)["revoked"]["edges"] == 1
    assert revoked == [(4, b"jetty")]


def test_a_new_rule_has_views_asked_again_for_the_credential_it_gives(keeper, edge, owner):
    control = keeper.control()
    _, body = control.ask("POST", "/users", {"name": "bob", "password": PASSWORD, "totp": True})
    bob = edge.login("bob", PASSWORD, totp(body["totp"]["secret"]))
    cookie = child(edge, bob.sso, TOMCAT)
    assert edge.view(CHILD, cookie, TOMCAT).inject == b""
    rule = {"users": ["bob"], "zones": ["local"], "routes": ["tomcat"]}
    serial = edge.verb(CONSOLE, owner.console, "PUT", "/api/v1/rules/bob", rule, answer=False)
    keeper.settle()
    revoked = []
    page = edge.page(serial, revoked)
    assert page.status == 201 and revoked == [(5, b"")]
    assert json.loads(page.body)["revoked"]["edges"] == 1
    assert edge.view(CHILD, cookie, TOMCAT).inject.startswith(b"tomcat\tBasic ")


def test_a_refused_snapshot_is_undone_and_recorded(keeper, edge, owner):
    body = {"cidrs": ["10.0.0.0/8"]}
    change(keeper, edge, owner, "PUT", "/zones/office", body)
    serial = edge.verb(
        CONSOLE, owner.console, "PUT", "/api/v1/zones/office", {"cidrs": ["10.9.0.0/16"]}, answer=False
    )
    snapshot = keeper.supervisor.expect("snapshot")
    os.close(snapshot.fd)
    keeper.supervisor.send("abort", number=snapshot.number, reason="edge 1: no memory")
    page = edge.page(serial)
    assert page.status == 409 and "edge 1: no memory" in json.loads(page.body)["detail"]
    _, zone = edge.api(CONSOLE, owner.console, "GET", "/zones/office")
    assert zone["cidrs"] == ["10.0.0.0/8"]
    rows = sqlite3.connect(keeper.store).execute("select doc from resources").fetchall()
    assert len(rows) == 1 and "10.0.0.0/8" in str(rows[0][0])
    _, audit = edge.api(CONSOLE, owner.console, "GET", "/audit", query="event=change.undone")
    assert audit["records"][0]["target"] == "zone office"
    # The next change is not blocked.
    assert change(keeper, edge, owner, "DELETE", "/zones/office")[1] == 200


def test_changes_are_made_one_after_the_other(keeper, edge, owner):
    serials = [
        edge.verb(CONSOLE, owner.console, "PUT", "/api/v1/zones/z%d" % i, {"cidrs": ["10.%d.0.0/16" % i]},
                  answer=False)
        for i in range(5)
    ]
    numbers = [keeper.settle().number for _ in serials]
    assert numbers == sorted(numbers)
    assert [edge.page(serial).status for serial in serials] == [201] * 5


def test_what_does_not_fit_together_changes_nothing(keeper, edge, owner):
    for path, body, status in (
        ("/routes/tomcat", {"host": "x.postern.localhost", "upstream": "http://127.0.0.1:1"}, 409),
        ("/zones/local", {"cidrs": ["10.0.0.0/8"]}, 409),
        ("/routes/new", {"host": "postern.localhost", "upstream": "http://127.0.0.1:1"}, 422),
        ("/routes/new", {"host": "n.postern.localhost", "upstream": "https://127.0.0.1:1"}, 422),
        ("/routes/new", {"host": "n.postern.localhost"}, 422),
        ("/routes/new", {"host": "n.postern.localhost", "upstream": "http://127.0.0.1:1", "colour": 1}, 422),
        ("/routes/new", {"name": "old", "host": "n.postern.localhost", "upstream": "http://127.0.0.1:1"}, 400),
        ("/routes/new", {"host": "n.postern.localhost", "upstream": "http://127.0.0.1:1",
                         "inject_basic_file": "absent.secret"}, 422),
        ("/rules/r", {"users": ["*"], "zones": ["nowhere"], "routes": ["tomcat"]}, 422),
        ("/zones/wide", {"cidrs": ["10.0.0.1/8"]}, 422),
    ):
        got, answer = edge.api(CONSOLE, owner.console, "PUT", path, body)
        assert got == status, (path, body, answer)
        assert answer["detail"]
    assert edge.api(CONSOLE, owner.console, "DELETE", "/zones/absent")[0] == 404
    rows = sqlite3.connect(keeper.store).execute("select count(*) from resources").fetchone()
    assert rows == (0,)


def test_a_secret_that_others_can_read_is_refused_with_the_reason(keeper, edge, owner):
    keeper.write_secret("open.secret", "a:b\n", 0o644)
    got, answer = edge.api(
        CONSOLE, owner.console, "PUT", "/routes/new",
        {"host": "n.postern.localhost", "upstream": "http://127.0.0.1:1",
         "inject_basic_file": "open.secret"},
    )
    assert got == 422 and "open.secret" in answer["detail"]
    os.unlink(os.path.join(keeper.secrets, "tomcat.secret"))
    fd = sealed("file", keeper.slice())
    keeper.supervisor.send("configure", generation=2, fd=fd)
    os.close(fd)
    refused = keeper.supervisor.expect("refused")
    assert refused.generation == 2 and b"tomcat.secret" in refused.reason
    # What is in force stays in force.
    assert edge.view(CONSOLE, owner.console, PORTAL).status == VIEW_OK


def test_a_new_file_waits_for_the_change_in_flight(keeper, edge, owner):
    serial = edge.verb(CONSOLE, owner.console, "PUT", "/api/v1/zones/z", {"cidrs": ["10.0.0.0/8"]},
                       answer=False)
    first = keeper.supervisor.expect("snapshot")
    os.close(first.fd)
    fd = sealed("file", keeper.slice())
    keeper.supervisor.send("configure", generation=2, fd=fd)
    os.close(fd)
    with pytest.raises(TimeoutError):
        keeper.supervisor.expect("snapshot", 0.1)
    keeper.supervisor.ask("commit", number=first.number)
    keeper.supervisor.send("settled", number=first.number)
    assert edge.page(serial).status == 201
    second = keeper.settle()
    assert (second.cause, second.generation) == (0, 2)


def test_an_unsealed_or_foreign_configuration_is_refused(keeper):
    for content, seal in ((b"not a slice", True), (keeper.slice(), False)):
        fd = sealed("file", content) if seal else os.memfd_create("file")
        if not seal:
            os.write(fd, content)
        keeper.supervisor.send("configure", generation=9, fd=fd)
        os.close(fd)
        assert keeper.supervisor.expect("refused").generation == 9


# ---- the API -------------------------------------------------------------------------------------


def test_bodies_that_are_not_clean_json_are_refused(keeper, edge, owner):
    for raw, status in (
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"x"', 400),
        (b'{"name":"a","name":"b"}', 400),
        (b'{"name":"a","groups":["\\u0000"]}', 400),
        (b'{"name":"a\xff"}', 400),
        (b'{"name":"a"} x', 400),
        (b'{"name":1}', 400),
        (b'{"name":"a","nmae":"b"}', 400),
        (b'{"name":"A B"}', 400),
        (b'{"groups":[]}', 400),
        (b'{"name":"a","groups":[1]}', 400),
        (b'{"name":"a","groups":"owners"}', 400),
        (b'{"name":"a","groups":["absent"]}', 400),
        (b'{"name":"a","password":"short"}', 403),
        (b'{"name":"a","totp":"yes"}', 400),
        (b'{"name":' + b"[" * 64 + b"]" * 64 + b"}", 413),
        (b'{"name":"owner"}', 409),
    ):
        page = edge.verb(CONSOLE, owner.console, "POST", "/api/v1/users", raw=raw)
        problem = json.loads(page.body)
        assert page.status == status, (raw[:40], problem)
        assert page.type == b"application/problem+json"
        assert set(problem) <= {"type", "title", "status", "detail", "field", "instance"}
    # Nothing is parsed for strangers.
    page = edge.verb(CONSOLE, "x" * 43, "POST", "/api/v1/users", raw=b"{")
    assert page.status == 401
    for kind in ("text/plain", "", ";", "application/jsonx", "application/x-www-form-urlencoded"):
        serial = edge.wire.send("verb", kind=CONSOLE, token=owner.console, host=PORTAL, method="POST",
                                path="/api/v1/users", type=kind, body=b'{"name":"a"}')
        assert edge.page(serial).status == 415
    assert [u["name"] for u in edge.api(CONSOLE, owner.console, "GET", "/users")[1]["users"]] == ["owner"]


def test_unknown_paths_and_methods_are_told_apart(keeper, edge, owner):
    assert edge.api(CONSOLE, owner.console, "GET", "/nothing")[0] == 404
    assert edge.api(CONSOLE, owner.console, "PATCH", "/users")[0] == 405
    assert edge.api(CONSOLE, owner.console, "GET", "/users/")[0] == 404
    assert edge.api(CONSOLE, owner.console, "GET", "/users/a/b/c/d")[0] == 404
    assert edge.api(CONSOLE, owner.console, "HEAD", "/whoami")[0] == 200


def operations():
    text = offline("operations")[1]
    return re.findall(r"^## (\S+) (\S+)$", text, re.M), text


def test_the_documentation_is_what_the_table_says():
    with open(os.path.join(ipcwire.ROOT, "docs/api.md"), encoding="utf-8") as file:
        assert file.read() == operations()[1]


def test_each_operation_admits_exactly_whom_its_row_admits(keeper, edge, owner):
    control = keeper.control()
    _, body = control.ask("POST", "/users", {"name": "bob", "password": PASSWORD, "totp": True})
    bob = edge.login("bob", PASSWORD, totp(body["totp"]["secret"]))
    assert bob.result == LOGIN_OK
    before = control.ask("GET", "/audit/head")[1]["count"]
    rows, text = operations()
    own = set(re.findall(r"^## (\S+) (\S+)\n\n.* For anybody who is logged in\.$", text, re.M))
    assert {("GET", "/api/v1/whoami"), ("GET", "/"), ("DELETE", "/api/v1/sessions/{id}")} < own
    host = set(re.findall(r"^## (\S+) (\S+)\n\n.* For the owner of this host, over `keeper.sock`\.$", text, re.M))
    assert ("POST", "/api/v1/users/{name}/recover") in host
    refused = 0
    for method, template in rows:
        path = template.replace("{name}", "absent").replace("{id}", "0" * 32)
        # A page's script asks for JSON beside the page.
        asked = template in ("/account/passkeys", "/account/passkeys/options")
        page_op = not template.startswith("/api/")
        if template == "/enrol" or template.startswith("/signin/"):
            continue  # for those who are nobody yet
        if template == "/.well-known/postern/jwks.json":
            # Public keys are for everybody.
            assert edge.verb(CONSOLE, "A" * 43, method, path).status == 200
            continue
        stranger = edge.verb(CONSOLE, "A" * 43, method, path)
        assert stranger.status == (303 if page_op and not asked else 401), (method, path)
        person = edge.verb(CONSOLE, bob.console, method, path, {} if method != "GET" else None)
        if template.startswith(("/api/v1/approvals", "/account/approvals")):
            # Who approves is said by the configuration, not by a role; see test_recovery.py.
            assert person.status in (400, 403) and edge.verb(CONSOLE, owner.console, method, path).status != 401
            continue
        if template.startswith(("/api/v1/me", "/account")):
            # One's own: done, refused for what is missing, or not there, but never for the role.
            assert person.status in (200, 303, 400, 404, 409, 415, 422), (method, path, person.body)
        elif (method, template) in own:
            # What is asked for and who decides about it is not said by a role; see test_requests.py.
            assert person.status in (200, 204, 400, 404), (method, path, person.body)
        else:
            assert person.status == 403, (method, path, person.body)
            refused += method != "GET"
        admin = edge.verb(CONSOLE, owner.console, method, path)
        if (method, template) in host:
            assert admin.status == 403, (method, path, admin.body)
            refused += 1
        else:
            assert admin.status not in (401, 403, 405), (method, path, admin.body)
        hosted = control.ask(method, template[len("/api/v1"):].replace("{name}", "absent")
                             .replace("{id}", "0" * 32)) if not page_op else None
        # The owner of the host is nobody's self.
        assert hosted is None or hosted[0] not in (401, 403, 405) or template.startswith("/api/v1/me")
    _, body = control.ask("GET", "/audit", query="event=operation.denied&limit=500")
    assert len(body["records"]) == refused
    # Of all rows only rotations, exports and new codes of one's own need no body to do something; this edge confirms nothing.
    _, body = control.ask("GET", "/audit", query=f"after={before}&limit=500")
    assert {r["event"] for r in body["records"]} <= {"operation.denied", "assertion.key", "sealing.done",
                                                       "edge.stalled", "enrolment.made", "recovery.made", "audit.exported"}
    # Another person's session is not even known to exist.
    _, body = control.ask("GET", "/sessions", query="user=owner")
    target = body["sessions"][0]["id"]
    assert edge.api(CONSOLE, bob.console, "DELETE", "/sessions/" + target)[0] == 404
    assert edge.view(CONSOLE, owner.console, PORTAL).status == VIEW_OK


def test_the_network_is_never_the_owner_of_the_host(keeper, edge):
    edge.wire.send("verb", kind=HOST, token="", host=PORTAL, method="GET", path="/api/v1/users")
    with pytest.raises(Closed):
        edge.wire.receive(5)
    assert keeper.edge(2).view(CONSOLE, "x", PORTAL).status == VIEW_UNKNOWN


def test_a_token_acts_within_its_scope_and_dies_when_revoked(keeper, edge, owner):
    control = keeper.control()
    status, made = control.ask("POST", "/tokens", {
        "name": "reader", "owner": "owner", "routes": ["portal", "tomcat"], "methods": ["GET"],
        "paths": ["/api/v1/users/**", "/api/v1/whoami"], "expires": "1h",
    })
    assert status == 201 and made["token"].startswith("pst_")
    token = made["token"]
    assert edge.api(TOKEN, token, "GET", "/whoami")[1]["kind"] == "token"
    assert edge.api(TOKEN, token, "GET", "/users/owner")[0] == 200
    assert edge.api(TOKEN, token, "GET", "/audit")[0] == 403
    assert edge.api(TOKEN, token, "POST", "/users", {"name": "x"})[0] == 403
    view = edge.view(TOKEN, token, TOMCAT)
    assert (view.status, view.user, view.token_name) == (VIEW_OK, b"owner", b"reader")
    assert view.scope_routes == b"portal\ntomcat"
    assert view.inject == b""  # no rule names the token
    assert control.ask("POST", "/tokens", {"name": "reader", "owner": "owner", "routes": ["a"]})[0] == 409
    assert control.ask("POST", "/tokens", {"name": "b", "owner": "absent", "routes": ["a"]})[0] == 400
    assert control.ask("POST", "/tokens", {"name": "b", "owner": "owner", "routes": []})[0] == 400
    assert control.ask("POST", "/tokens", {"name": "b", "owner": "owner", "routes": ["a"],
                                           "paths": ["/../x"]})[0] == 400
    control.send("DELETE", "/api/v1/tokens/reader")
    message = edge.wire.expect("revoke")
    assert message.kind == 3 and message.id == view.id
    edge.wire.send("revoked", epoch=message.epoch)
    assert control.receive()[0] == 200
    assert edge.view(TOKEN, token, TOMCAT).status == VIEW_UNKNOWN
    assert edge.api(TOKEN, token, "GET", "/whoami")[0] == 401


def test_the_last_owner_stays(keeper, edge, owner):
    for method, path, body in (
        ("POST", "/users/owner/disable", {}),
        ("DELETE", "/users/owner", None),
        ("PUT", "/users/owner/groups", {"groups": []}),
    ):
        assert edge.api(CONSOLE, owner.console, method, path, body)[0] == 409
    assert edge.api(CONSOLE, owner.console, "DELETE", "/groups/owners")[0] == 403
    assert edge.view(CONSOLE, owner.console, PORTAL).groups == b"owners"


def test_explain_says_what_the_gate_would(keeper, edge, owner):
    ask = {"user": "owner", "source": "127.0.0.1", "route": "tomcat"}
    status, body = edge.api(CONSOLE, owner.console, "POST", "/explain", ask)
    assert status == 200 and (body["verdict"], body["rule"]) == ("allow", "admins")
    _, body = edge.api(CONSOLE, owner.console, "POST", "/explain", dict(ask, source="192.0.2.1"))
    assert (body["verdict"], body["reason"]) == ("deny", "zone")
    _, body = edge.api(CONSOLE, owner.console, "POST", "/explain", {
        "user": "owner", "source": "127.0.0.1", "url": "https://tomcat.postern.localhost:9443/manager/html"})
    assert body["route"] == "tomcat"
    for wrong, status in ((dict(ask, route="absent"), 404), (dict(ask, user="absent"), 404),
                          (dict(ask, source="x"), 400), (dict(ask, path="/%2e%2e/x"), 400)):
        assert edge.api(CONSOLE, owner.console, "POST", "/explain", wrong)[0] == status


def test_lists_go_on_where_they_stopped(keeper, edge, owner):
    control = keeper.control()
    for i in range(7):
        assert control.ask("POST", "/users", {"name": "u%d" % i})[0] == 201
    names, after = [], ""
    while True:
        _, body = control.ask("GET", "/users", query="limit=3" + after)
        names += [u["name"] for u in body["users"]]
        if "next" not in body:
            break
        after = "&after=" + body["next"]
    assert names == ["owner"] + ["u%d" % i for i in range(7)]
    assert control.ask("GET", "/users", query="limit=0")[0] == 400
    assert control.ask("GET", "/users", query="limit=501")[0] == 400
    assert control.ask("GET", "/audit", query="limit=1&limit=2")[0] == 400


# ---- pages ---------------------------------------------------------------------------------------


def test_the_console_is_for_people_with_a_session(keeper, edge, owner):
    page = edge.verb(CONSOLE, owner.console, "GET", "/")
    assert (page.status, page.body) == (204, b"")
    assert edge.verb(CONSOLE, "A" * 43, "GET", "/").location == b"/login"


def test_a_hostile_packet_costs_the_channel_and_nothing_else(keeper, edge, owner):
    packets = [
        b"",
        b"\x00",
        struct.pack(">HI", 0, 1),
        struct.pack(">HI", 9999, 1),
        struct.pack(">HI", ipcwire.TYPES["configure"], 1) + bytes(8),
        struct.pack(">HI", ipcwire.TYPES["login"], 1) + b"\xff" * 40,
        struct.pack(">HI", ipcwire.TYPES["verb"], 1) + ipcwire.encode("verb") + b"x",
        struct.pack(">HI", ipcwire.TYPES["revoked"], 1) + struct.pack(">QI", 1 << 60, 0),
        struct.pack(">HI", ipcwire.TYPES["activity"], 1) + struct.pack(">I", 7) + bytes(7),
        struct.pack(">HI", ipcwire.TYPES["access"], 1) + struct.pack(">QI", 0, 8) + bytes(8),
        struct.pack(">HI", ipcwire.TYPES["view"], 1) + ipcwire.encode("view"),
    ]
    for number, packet in enumerate(packets, 10):
        hostile = keeper.edge(number)
        hostile.wire.send_raw(packet)
        with pytest.raises(Closed):
            while True:
                hostile.wire.receive(5)
    assert edge.view(CONSOLE, owner.console, PORTAL).status == VIEW_OK


def test_a_locked_database_answers_unavailable_and_recovers(keeper, edge, owner):
    lock = sqlite3.connect(keeper.store, isolation_level=None)
    lock.execute("begin immediate")
    # Questions go on; whatever must be written is told that it was not.
    assert edge.view(CONSOLE, owner.console, PORTAL).status == VIEW_OK
    status, problem = edge.api(CONSOLE, owner.console, "POST", "/users", {"name": "x"})
    assert status == 503 and problem["status"] == 503
    assert edge.login("owner", PASSWORD, owner.codes[0]).result == LOGIN_FAILED
    lock.execute("rollback")
    lock.close()
    # It need not be noticed at once that the lock has gone.
    end = time.monotonic() + 10
    while edge.api(CONSOLE, owner.console, "POST", "/users", {"name": "x"})[0] == 503:
        assert time.monotonic() < end
        edge.view(CONSOLE, owner.console, PORTAL)
    assert edge.api(CONSOLE, owner.console, "GET", "/users/x")[0] == 200
    assert edge.login("owner", PASSWORD, owner.codes[0]).result == LOGIN_OK


def test_sessions_survive_a_killed_keeper_and_the_trail_stays_whole(keeper, edge, owner):
    keeper.process.kill()
    keeper.process.wait()
    keeper.start()
    again = keeper.edge()
    assert again.view(CONSOLE, owner.console, PORTAL).status == VIEW_OK
    assert keeper.control().ask("GET", "/audit/verify")[1]["intact"]


def test_a_cut_trail_is_noticed(keeper, edge, owner):
    assert keeper.stop() == 0
    database = sqlite3.connect(keeper.store)
    name = [n for (n,) in database.execute("select name from sqlite_master where type='table'")
            if "audit" in n or "trail" in n][0]
    for (trigger,) in database.execute("select name from sqlite_master where type='trigger'").fetchall():
        database.execute("drop trigger " + trigger)
    database.execute("delete from %s where seq = (select max(seq) from %s)" % (name, name))
    database.commit()
    database.close()
    code, text, _ = offline("audit-verify", "--store", keeper.store, "--state-dir", keeper.state, check=False)
    assert code == 1 and text
    keeper.start()
    body = keeper.control().ask("GET", "/audit/verify")[1]
    assert not body["intact"]
    assert len(keeper.control().ask("GET", "/audit", query="event=audit.alarm")[1]["records"]) == 1


def test_idle_sessions_end_and_activity_keeps_them(keeper, edge, owner):
    view = edge.view(CONSOLE, owner.console, PORTAL)
    database = sqlite3.connect(keeper.store)
    now = int(time.time())
    database.execute("update sessions set last_seen = ?", (now - 600,))
    database.commit()
    assert edge.view(CONSOLE, owner.console, PORTAL).idle_until == now - 600 + 900
    edge.wire.send("activity", seen=view.id + struct.pack(">Q", now + 10**6))
    assert now + 890 <= edge.view(CONSOLE, owner.console, PORTAL).idle_until <= now + 990
    database.execute("update sessions set last_seen = ?", (now - 901,))
    database.commit()
    edge.wire.send("activity", seen=view.id + struct.pack(">Q", now))
    assert edge.view(CONSOLE, owner.console, PORTAL).status == VIEW_UNKNOWN
    database.close()


def test_access_records_are_kept_and_listed(keeper, edge, owner):
    one = ipcwire.encode_record(
        "access_record", wall_ms=int(time.time() * 1000), version=1, outcome=1, status=403,
        source=address("192.0.2.7"), route="tomcat", method="GET", path="/<x>", reason=4,
    )
    batch = (struct.pack(">I", len(one)) + one) * 3
    edge.wire.send("access", lost=2, records=batch)
    edge.view(CONSOLE, owner.console, PORTAL)
    _, body = edge.api(CONSOLE, owner.console, "GET", "/access", query="denials=1")
    assert len(body["records"]) == 3 and body["records"][0]["reason"] == "zone"
    _, body = edge.api(CONSOLE, owner.console, "GET", "/access/denied")
    assert body["sources"][0]["source"] == "192.0.2.7" and body["sources"][0]["count"] == 3
    assert edge.api(CONSOLE, owner.console, "GET", "/health")[1]["access_lost"] == 2


# ---- the control socket --------------------------------------------------------------------------


def test_the_control_socket_speaks_frames_and_bounds_them(keeper):
    control = keeper.control()
    assert control.ask("GET", "/whoami")[1]["kind"] == "host"
    # Two questions in one write are answered one after the other.
    text = json.dumps({"method": "GET", "path": "/api/v1/whoami", "query": "", "body": None}).encode()
    frame = struct.pack(">I", len(text)) + text
    control.sock.sendall(frame + frame[:10])
    assert control.receive()[0] == 200
    control.sock.sendall(frame[10:])
    assert control.receive()[0] == 200
    for bad in (b"[]", b"{", b'{"method":1}', b'{"verb":"GET"}', b'{"path":"/","path":"/"}'):
        control.sock.sendall(struct.pack(">I", len(bad)) + bad)
        assert control.receive()[0] == 400
    for head in (0, 1 << 20, 0xFFFFFFFF):
        other = keeper.control()
        other.sock.sendall(struct.pack(">I", head) + b"xxxx")
        with pytest.raises((Closed, ConnectionError)):
            other.receive()
    # A question from one who has closed his half is still answered.
    last = keeper.control()
    last.sock.sendall(frame)
    last.sock.shutdown(socket.SHUT_WR)
    assert last.receive()[0] == 200


def test_connections_to_the_control_socket_are_bounded(keeper):
    many = [keeper.control() for _ in range(16)]
    assert many[-1].ask("GET", "/whoami")[0] == 200
    extra = keeper.control()
    with pytest.raises((Closed, ConnectionError)):
        extra.ask("GET", "/whoami")
    for control in many:
        control.close()


def test_status_and_health_say_what_is(keeper, edge):
    text = keeper.supervisor.ask("status").text.decode()
    assert "edges=1\n" in text and "generation=1\n" in text
    keeper.supervisor.send("fleet", text="edge.1.pid=77\n")
    edge.ready()
    status, body = keeper.control().ask("GET", "/health")
    assert status == 200 and body["status"] == "ok" and body["fleet"]["edge.1.pid"] == "77"


def test_a_drained_keeper_and_one_without_supervisor_end(tmp_path):
    os.chmod(tmp_path, 0o700)
    instance = Keeper(tmp_path).start()
    instance.supervisor.send("drain", seconds=1)
    assert instance.process.wait(20) == 0
    instance.stop()
    instance.start()
    instance.supervisor.close()
    assert instance.process.wait(20) == 1


def test_nothing_is_served_before_the_first_snapshot(tmp_path):
    os.chmod(tmp_path, 0o700)
    instance = Keeper(tmp_path).start(configure=False)
    try:
        edge = instance.edge()
        assert edge.view(CONSOLE, "A" * 43, PORTAL).status == VIEW_FAILED
        assert edge.login("owner", "x", "x").result == LOGIN_FAILED
        assert edge.api(CONSOLE, "A" * 43, "GET", "/whoami")[0] == 503
        assert instance.control().ask("GET", "/health")[1]["status"] == "starting"
        assert instance.control().ask("PUT", "/zones/a", {"cidrs": []})[0] == 503
    finally:
        instance.stop()


# ---- offline -------------------------------------------------------------------------------------


def test_init_refuses_a_store_that_exists_and_recovers_an_owner(tmp_path):
    os.chmod(tmp_path, 0o700)
    instance = Keeper(tmp_path)
    arguments = ["init", "--store", instance.store, "--state-dir", instance.state, "--owner", "owner",
                 "--portal-host", "gw.example.com:9443", "--json"]
    code, _, errors = offline(*arguments, check=False)
    assert code == 1 and "exists" in errors
    code, out, _ = offline("recover", *arguments[1:])
    assert json.loads(out)["link"].startswith("https://gw.example.com:9443/enrol?code=")
    assert json.loads(out)["code"] != instance.first["code"]
    assert offline("audit-verify", "--store", instance.store, "--state-dir", instance.state)[0] == 0
    out = offline("audit-export", "--store", instance.store)[1]
    assert [json.loads(line)["event"] for line in out.splitlines()][0] == "store.created"
    assert offline("audit-export", "--store", instance.store, "--format", "xml", check=False)[0] == 1


def test_check_reports_every_error_and_sees_the_store(keeper, edge, owner):
    code, out, _ = offline("check", "--config", keeper.config)
    assert code == 0 and out.startswith("OK: 2 listeners")
    change(keeper, edge, owner, "PUT", "/zones/office", {"cidrs": ["10.0.0.0/8"]})
    with open(keeper.config, "a", encoding="utf-8") as file:
        file.write("zones: {office: [10.0.0.0/8]}\n")
    code, out, errors = offline("check", "--config", keeper.config, check=False)
    assert code == 1 and "office" in errors
    with open(keeper.config, "a", encoding="utf-8") as file:
        file.write("colour: red\nlimits: {connections: many}\n")
    code, _, errors = offline("check", "--config", keeper.config, check=False)
    assert code == 1 and "colour" in errors and "connections" in errors
    code, out, _ = offline("check", "--config", keeper.config, "--json", check=False)
    assert code == 1 and not json.loads(out)["ok"] and len(json.loads(out)["errors"]) >= 2


def test_wrong_usage_is_told(tmp_path):
    for arguments in ((), ("nothing",), ("init",), ("check", "--config"), ("keys", "--what")):
        assert offline(*arguments, check=False)[0] == 2
    assert "portal.host" in offline("keys")[1]


# ---- bounds and ends -----------------------------------------------------------------------------


def test_a_person_has_a_bounded_number_of_sessions_and_the_oldest_ends(keeper, edge, owner):
    database = sqlite3.connect(keeper.store)
    columns = [row[1] for row in database.execute("pragma table_info(sessions)")]
    copied = ", ".join(
        "randomblob(16)" if name == "id" else "null" if name == "seq" else name for name in columns
    )
    for _ in range(31):
        database.execute(
            "insert into sessions (%s) select %s from sessions order by seq limit 1"
            % (", ".join(columns), copied)
        )
    database.commit()
    database.close()
    serial = edge.wire.send(
        "login", user="owner", password=PASSWORD, code=owner.codes[0], source=address("127.0.0.1")
    )
    revoked = []
    assert edge.page(serial, revoked).result == LOGIN_OK
    assert len(revoked) == 1
    assert edge.view(CONSOLE, owner.console, PORTAL).status == VIEW_UNKNOWN
    text = keeper.control().ask("GET", "/sessions")[1]["sessions"]
    assert len(text) == 32


def test_a_large_installation_still_has_a_page(tmp_path):
    os.chmod(tmp_path, 0o700)
    routes = "".join(
        "  r%d: {{host: r%d.postern.localhost, upstream: \"http://127.0.0.1:8080\", title: \"%s\"}}\n"
        % (i, i, "&" * 60) for i in range(600)
    )
    config = CONFIG.replace("rules:\n", routes + "rules:\n").replace("[tomcat, bare]", '["*"]')
    instance = Keeper(tmp_path, config).start()
    try:
        edge = instance.edge()
        _, codes = instance.enrol(edge)
        answer = edge.login("owner", PASSWORD, codes[0])
        status, body = edge.api(CONSOLE, answer.console, "GET", "/routes", query="limit=500")
        assert status in (200, 413)
        status, body = edge.api(CONSOLE, answer.console, "GET", "/routes", query="limit=200&after=400")
        assert status == 200 and len(body["routes"]) == 200
    finally:
        assert instance.stop() == 0


def test_a_keeper_that_is_told_to_end_while_it_hashes_ends_cleanly(keeper, edge, owner):
    for i in range(10):
        edge.wire.send("login", user="u%d" % i, password="x", code="1", source=address("192.0.2.%d" % i))
    edge.ready()
    assert keeper.stop() == 0
    assert offline("audit-verify", "--store", keeper.store, "--state-dir", keeper.state)[0] == 0


def test_every_part_of_the_sandbox_is_reported(keeper):
    text = keeper.supervisor.ask("status").text.decode()
    assert "no_new_privs=1\n" in text and "dumpable=" in text and "seccomp=" in text
