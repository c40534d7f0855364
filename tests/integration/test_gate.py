"""The gate and the portal of one real edge, with this file as its keeper.

A keeper that the test plays can be slow, silent, dead or wrong; the gate must fail closed each time,
and never let a byte through to a console for somebody it does not know.
"""
import hashlib
import base64
import itertools
import os
import re
import socket
import time
import urllib.parse

import pytest

import edge_alone
import ipcwire
from edge_alone import PORTAL, TOKEN
from stack import Connection, Person, Recorder, wait_for

SSO, CONSOLE, CHILD = "S" * 42 + "A", "C" * 42 + "A", "D" * 42 + "A"
TOKEN_TEXT = "pst_" + "T" * 42 + "A"


class Keeper(edge_alone.Keeper):
    """Answers everything that an edge may ask; what was asked is kept by name."""

    def __init__(self, wire):
        super().__init__(wire)
        self.heard = {}
        self.seen = []
        self.codes = {}
        self.login = dict(result=0, sso=SSO, console=CONSOLE, server_time=1772368496)
        self.page = dict(status=200, type="text/html; charset=utf-8", body="<!doctype html><p>console")
        self.handover_result = 0

    def run(self):
        while True:
            try:
                m = self.wire.receive(timeout=3600)
            except (ipcwire.Closed, OSError, ValueError):
                return
            self.heard.setdefault(m.name, []).append(m)
            if m.name == "access":
                with self.lock:
                    self.records += list(edge_alone.split(m.records))
            elif m.name == "revoked":
                self.revoked.append((m.epoch, m.closed))
            elif m.name == "activity":
                self.seen += [m.seen[i:i + 24] for i in range(0, len(m.seen), 24)]
            elif m.name != "upstreams" and not self.mute:
                name, fields = self.reply(m)
                self.wire.send(name, serial=m.serial, **fields)

    def reply(self, m):
        if m.name == "session":
            return "view", self.people.get(m.token.decode(), dict(status=1, kind=m.kind))
        if m.name == "login":
            return "login_is", self.login
        if m.name == "handover":
            code = base64.urlsafe_b64encode(os.urandom(24)).decode()
            self.codes[code] = (m.host, m.flow_hash, m.back)
            return "handover_is", dict(result=self.handover_result, code=code)
        if m.name == "redeem":
            host, flow, back = self.codes.pop(m.code.decode(), (None, None, None))
            if host != m.host or hashlib.sha256(m.flow).digest() != flow:
                return "redeem_is", dict(result=2)
            return "redeem_is", dict(result=0, token=CHILD, back=back)
        if m.name == "logout":
            return "logout_is", dict(ok=1)
        return "page", self.page

    def count(self, name):
        return len(self.heard.get(name, []))

    def last(self, name):
        return self.heard[name][-1]


class Gate(edge_alone.Edge):
    """An edge whose keeper knows the portal's questions too."""

    portal_host = PORTAL

    def link_keeper(self):
        people = self.keeper.people if self.keeper else {}
        wire, theirs = ipcwire.Wire.pair()
        self.control.send("peer", fd=theirs.fileno(), role=8, id=0)
        theirs.close()
        self.keeper = Keeper(wire)
        self.keeper.people.update(people)
        self.keeper.start()

    def silence(self):
        """The keeper dies: its end of the channel closes."""
        self.keeper.wire.sock.shutdown(2)
        self.keeper.wire.close()

    @property
    def portal(self):
        return f"https://{PORTAL}:{self.port}"

    def app(self, path="/"):
        return f"https://{self.host}:{self.port}{path}"

    def say(self, text, host=None):
        with Connection(self, host or self.host) as c:
            c.send(text.encode("latin-1"))
            return c.read(method=text.split(" ", 1)[0])


@pytest.fixture()
def up():
    r = Recorder()
    yield r
    r.close()


@pytest.fixture()
def edge(up):
    with Gate(up.port) as e:
        e.keeper.person(CHILD)
        yield e


@pytest.fixture(scope="module")
def shared():
    r = Recorder()
    with Gate(r.port) as e:
        e.recorder = r
        yield e
    r.close()


def browser(site="none", dest="document"):
    return [("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", dest), ("Sec-Fetch-Site", site),
            ("Accept", "text/html")]


# ---- nobody ----

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "TRACE", "CONNECT"]
PATHS = ["/", "/manager/html", "/x/..;/manager/html", "/%2e%2e/x", "/.postern/callback?code=AAAA", "/.postern/x",
         "/.postern/logout", "/.postern", "/healthz", "/login", "//x", "/a%00b"]
CREDENTIALS = [
    [], ["Authorization: Basic YWRtaW46YWRtaW4="], ["Authorization: Bearer " + TOKEN_TEXT],
    ["Postern-Token: " + TOKEN_TEXT], ["Postern-Token: x"], ["Cookie: {own}=" + "E" * 42 + "A"],
    ["Cookie: {own}=" + "E" * 42 + "A; {own}=" + CHILD], ["Cookie: {own}="], ["Cookie: {own}=short"],
    ["Cookie: {own}=" + CHILD, "Postern-Token: " + TOKEN_TEXT],
    ["X-Forwarded-For: 127.0.0.1", "Remote-User: owner", "X-Postern-User: owner"],
    ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
]
BROWSERS = [[], ["Accept: text/html"], ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: none"]]


def test_five_hundred_strangers_reach_nothing(shared):
    own = f"__Host-postern-{shared.port}"
    asked = 0
    for number, (method, path, headers) in enumerate(itertools.product(METHODS, PATHS, CREDENTIALS)):
        if number % 2:
            continue
        lines = [h.format(own=own) for h in headers] + BROWSERS[number // 2 % 3]
        body = "a=b" if method in ("POST", "PUT", "PATCH") else ""
        if body:
            lines.append("Content-Length: 3")
        got = shared.say(f"{method} {path} HTTP/1.1\r\nHost: {shared.host}:{shared.port}\r\n" +
                         "".join(line + "\r\n" for line in lines) + "\r\n" + body)
        if path != "/.postern/logout":  # a page of the edge that asks, or says that nobody is left
            assert got.status >= 303, (method, path, lines, got)
        if got.status == 303:
            assert got.get("location").startswith(shared.portal + "/handover?"), got
        asked += 1
    assert asked >= 500
    assert shared.recorder.connections == 0 and shared.recorder.bytes == b""


def test_a_program_gets_401_in_json_and_a_person_the_portal(shared):
    got = shared.say(f"GET /a?b=c HTTP/1.1\r\nHost: {shared.host}:{shared.port}\r\n\r\n")
    assert got.status == 401 and got.get("www-authenticate").startswith("Bearer")
    assert got.json()["error"] == "nobody" and len(got.json()["request_id"]) == 32
    person = Person(shared, "x")
    got = person.get(shared.app("/a?b=c"))
    assert got.status == 303
    where = urllib.parse.urlsplit(got.get("location"))
    query = dict(urllib.parse.parse_qsl(where.query))
    assert where.netloc == f"{PORTAL}:{shared.port}" and where.path == "/handover"
    assert query["to"] == f"{shared.host}:{shared.port}" and query["back"] == "/a?b=c"
    flow = person.jar[shared.host][f"__Host-postern-flow-{shared.port}"]
    assert base64.urlsafe_b64decode(query["flow"] + "=") == hashlib.sha256(flow.encode()).digest()
    for headers in (browser(dest="iframe"), browser(dest="image"), [("Sec-Fetch-Mode", "cors"), ("Accept", "text/html")]):
        assert person.request("GET", shared.app(), headers=headers, navigate=False).status == 401
    got = person.post(shared.app("/save"), {"a": "b"})
    assert got.status == 401 and "not passed on" in got.text


def test_an_unknown_host_is_no_console(shared):
    got = shared.say("GET / HTTP/1.1\r\nHost: elsewhere.example\r\nAccept: text/html\r\n\r\n", "postern.localhost")
    assert got.status == 421 and "html" in got.get("content-type")


def test_strangers_with_credentials_of_the_wrong_shape_never_reach_the_keeper(edge):
    for line in ("Cookie: {own}=short", "Postern-Token: pst_short", "Authorization: Bearer pst_x y",
                 "Cookie: {own}=" + "+" * 43, "Cookie: {own}=" + CHILD + "; {own}=" + CHILD):
        got = edge.say(f"GET / HTTP/1.1\r\nHost: {edge.host}:{edge.port}\r\nSec-Fetch-Site: same-origin\r\n" +
                       line.format(own=f"__Host-postern-{edge.port}") + "\r\n\r\n")
        assert got.status in (400, 401), (line, got)
    assert edge.keeper.count("session") == 0


def test_a_dead_cookie_asks_once_a_second(edge):
    for _ in range(20):
        assert edge.ask(token="E" * 42 + "A").status == 401
    assert edge.keeper.count("session") <= 3


# ---- somebody ----

def test_a_session_is_asked_for_once_and_then_known(edge, up):
    for _ in range(20):
        assert edge.ask(token=CHILD).status == 200
    assert edge.keeper.count("session") == 1
    asked = edge.keeper.last("session")
    assert asked.kind == 2 and asked.host.decode() == f"{edge.host}:{edge.port}"
    assert asked.source == ipcwire.address("127.0.0.1")
    assert all(b"__Host-postern" not in r for r in up.requests)


def test_many_at_once_share_one_question(edge):
    edge.keeper.mute = True
    with_all = [edge.connect() for _ in range(12)]
    for c in with_all:
        c.send(edge.head(token=CHILD))
    wait_for(lambda: edge.keeper.count("session") == 1, 5)
    with_all.pop().close()
    edge.keeper.mute = False
    m = edge.keeper.last("session")
    edge.keeper.wire.send("view", serial=m.serial, **edge.keeper.people[CHILD])
    assert [c.read().status for c in with_all] == [200] * 11
    assert edge.keeper.count("session") == 1
    for c in with_all:
        c.close()


def test_a_page_of_another_site_cannot_use_the_session(edge, up):
    own = edge.cookie(CHILD)

    def ask(method, *lines):
        body = "Content-Length: 0\r\n" if method == "POST" else ""
        return edge.say(f"{method} / HTTP/1.1\r\nHost: {edge.host}:{edge.port}\r\n{own}{body}" +
                        "".join(line + "\r\n" for line in lines) + "\r\n").status

    evil = ("Sec-Fetch-Site: same-site", "Origin: https://other.postern.localhost")
    assert ask("POST", *evil) == 403
    assert ask("GET", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image") == 403
    assert ask("GET", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe") == 403
    assert ask("POST") == 403 and ask("POST", "Origin: null") == 403
    assert edge.keeper.count("session") == 0 and up.connections == 0
    assert ask("GET", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document") == 200
    assert ask("POST", f"Origin: https://{edge.host}:{edge.port}") == 200


def test_policy_has_the_last_word_and_says_why(up):
    rules = """rules:
  - {name: r, users: [ada], zones: [local], routes: [app], methods: [GET], paths: ["/ok/**"], max_age: 1h}
  - {name: t, tokens: [deploy], zones: [local], routes: [app]}"""
    with Gate(up.port, rules=rules) as e:
        e.keeper.person(CHILD)
        assert e.ask("/ok/x", token=CHILD).status == 200
        assert e.ask("/no", token=CHILD).json()["error"] == "path"
        got = e.ask("/ok/x", token=CHILD, method="DELETE")
        assert got.status == 403 and got.json()["error"] == "method"
        e.keeper.person(TOKEN, user="bob")
        assert e.ask("/ok/x").json()["error"] == "who"
        # Proven too long ago: a person goes through the portal again, a program is told so.
        old = "O" * 42 + "A"
        e.keeper.person(old, password_at=int(time.time()) - 7200, mfa_at=int(time.time()) - 7200)
        got = e.ask("/ok/x", token=old)
        assert got.status == 401 and got.json()["error"] == "age"
        got = e.say(f"GET /ok/x HTTP/1.1\r\nHost: {e.host}:{e.port}\r\n{e.cookie(old)}" +
                    "".join(f"{n}: {v}\r\n" for n, v in browser()) + "\r\n")
        assert got.status == 303 and "/signin/stepup?" in got.get("location")
        # A token, inside its scope and outside.
        facts = dict(kind=3, token_name="deploy", scope_routes="app", scope_paths="/ok/**")
        e.keeper.person(TOKEN_TEXT, **facts)
        token = f"Postern-Token: {TOKEN_TEXT}\r\n"
        assert e.ask("/ok/x", token=None, extra=token + "Authorization: Basic Zm9yZWlnbg==\r\n").status == 200
        assert b"Basic Zm9yZWlnbg==" in up.requests[-1] and b"pst_" not in up.requests[-1]
        bearer = f"Authorization: Bearer {TOKEN_TEXT}\r\n"
        assert e.ask("/ok/y", token=None, extra=bearer).status == 200
        assert b"pst_" not in up.requests[-1]
        assert e.ask("/no", token=None, extra=bearer).status == 403
        refused = e.keeper.find(outcome=1, principal=b"deploy")
        assert refused["reason"] != 0 and refused["status"] == 403


def test_an_answer_that_makes_no_sense_admits_nobody(edge, up):
    for facts in (dict(hardware_at=9), dict(kind=3), dict(status=3), dict(status=200)):
        edge.keeper.person(CHILD, **facts)
        assert edge.ask(token=CHILD).status == 503, facts
    assert up.connections == 0


# ---- the end of a session ----

def stream(edge, token=CHILD):
    """An open stream: the upstream has sent a part of its answer and goes on."""
    c = edge.connect()
    c.send(edge.head(token=token))
    assert c.read(head_only=True).status == 200
    return c


def ended(c, seconds=10):
    """True when the connection ends without looking complete."""
    c.sock.settimeout(seconds)
    try:
        while c.fill():
            pass
    except ConnectionError:
        pass
    return not c.buffer.endswith(b"0\r\n\r\n")


def endless(recorder, sock, head, data):
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    sock.recv(1)
    return None


@pytest.fixture()
def streaming():
    r = Recorder(handler=endless)
    with Gate(r.port) as e:
        e.keeper.person(CHILD)
        yield e
    r.close()


def test_revocation_ends_streams_and_is_acknowledged(streaming):
    e = streaming
    other = e.keeper.person(TOKEN, user="bob")
    mine, his = stream(e), stream(e, TOKEN)
    started = time.monotonic()
    e.keeper.wire.send("revoke", epoch=7, kind=1, id=e.keeper.people[CHILD]["id"])
    wait_for(lambda: e.keeper.revoked == [(7, 1)], 2)
    assert ended(mine) and time.monotonic() - started < 1
    del e.keeper.people[CHILD]
    assert e.ask(token=CHILD).status == 401
    e.keeper.wire.send("revoke", epoch=8, kind=1, id=os.urandom(16))
    e.keeper.wire.send("revoke", epoch=9, kind=4, id="other-route")
    wait_for(lambda: len(e.keeper.revoked) == 3, 2)
    assert e.keeper.revoked[1:] == [(8, 0), (9, 0)]
    e.keeper.wire.send("revoke", epoch=10, kind=2, id=other["user"])
    wait_for(lambda: e.keeper.revoked[-1] == (10, 1), 2)
    assert ended(his)
    record = e.keeper.find(outcome=1, principal=b"bob")
    assert record["session"] == other["id"]


def test_a_revoked_route_ends_its_streams(streaming):
    c = stream(streaming)
    streaming.keeper.wire.send("revoke", epoch=1, kind=4, id="app")
    wait_for(lambda: streaming.keeper.revoked == [(1, 1)], 2)
    assert ended(c)


def test_an_ended_session_ends_its_streams_without_a_push(streaming):
    c = stream(streaming)
    del streaming.keeper.people[CHILD]
    streaming.keeper.wire.send("revoke", epoch=1, kind=5)
    assert ended(c)


def test_new_rules_are_applied_to_what_is_open(streaming):
    e = streaming
    c = stream(e)
    assert e.commit() == (1, b"")
    e.rules = 'rules: [{name: all, users: ["*"], zones: [local], routes: ["*"], methods: [POST]}]'
    assert e.commit() == (1, b"")
    assert ended(c)
    assert e.ask(token=CHILD).status == 403


def test_a_message_that_makes_no_sense_costs_the_keeper_its_channel(edge):
    assert edge.ask(token=CHILD).status == 200
    edge.keeper.wire.send("revoke", epoch=1, kind=77)
    with pytest.raises((ipcwire.Closed, OSError)):
        while True:
            edge.keeper.wire.sock.send(b"\0\0\0\0\0\0")
            time.sleep(0.02)
    assert edge.ask(token=CHILD).status == 200, "known for thirty seconds"
    edge.link_keeper()
    assert edge.ask(token=CHILD).status == 200


def test_use_is_reported_so_that_sessions_do_not_idle_out(edge):
    facts = edge.keeper.person(CHILD, idle_until=int(time.time()) + 2)
    assert edge.ask(token=CHILD).status == 200
    time.sleep(2.1)
    # The view is past its idle time: the keeper hears of the use before it is asked.
    assert edge.ask(token=CHILD).status == 200
    wait_for(lambda: edge.keeper.seen, 2)
    assert edge.keeper.seen[0][:16] == facts["id"]


# ---- a keeper that is not there ----

def test_a_keeper_that_hangs_and_dies(streaming):
    """Known sessions last thirty seconds, then everything closes; nobody new gets in at any time."""
    e = streaming
    c = stream(e)
    e.keeper.mute = True
    started = time.monotonic()
    got = e.ask(token="N" * 42 + "A")
    assert got.status == 503 and 4 < time.monotonic() - started < 8
    assert got.get("retry-after")
    person = Person(e, "x")
    assert person.get(e.portal + "/login").status == 200, "pages of the edge need no keeper"
    stream(e).close()
    e.silence()
    started_dead = time.monotonic()
    assert e.ask(token="N" * 42 + "A").status == 503
    assert time.monotonic() - started_dead < 4, "the next keeper is waited for, and not for long"
    assert person.post(e.portal + "/login", {"user": "a", "password": "b", "code": "c"}).status == 503
    stream(e).close()
    assert ended(c, 40)
    assert 28 < time.monotonic() - started < 35
    assert e.ask(token=CHILD).status == 503
    e.link_keeper()
    stream(e).close()


def test_a_new_keeper_is_asked_about_what_is_open(streaming):
    e = streaming
    kept = stream(e)
    e.keeper.person(TOKEN, user="bob")
    lost = stream(e, TOKEN)
    del e.keeper.people[TOKEN]
    e.silence()
    e.link_keeper()
    assert ended(lost)
    wait_for(lambda: e.keeper.count("session") == 2)
    kept.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        kept.fill()
    kept.close()


# ---- the portal ----

def hidden(page):
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))


def arrive(edge, person, url):
    """From a console through the login form back to the console."""
    page, at = person.follow(person.get(url), url)
    form = {**{k: v.replace("&amp;", "&") for k, v in hidden(page).items()},
            "user": "ada", "password": "pass word", "code": "123456"}
    assert 'name="password"' in page.text, page
    return person.follow(person.post(edge.portal + "/login", form), edge.portal)


def test_a_login_leads_back_to_the_place_and_the_secrets_are_not_in_addresses(edge, up):
    person = Person(edge, "ada")
    page, at = person.follow(person.get(edge.app("/deep?x=1&y=%2F")), edge.app("/deep?x=1&y=%2F"))
    csp = page.get("content-security-policy")
    assert f"form-action 'self' https://{edge.host}:{edge.port};" in csp
    # The script of passkeys, a file of ours, and no other.
    assert "script-src 'self';" in csp and "unsafe" not in csp and "nonce" not in csp
    done, at = arrive(edge, person, edge.app("/deep?x=1&y=%2F"))
    assert done.status == 200 and at == edge.app("/deep?x=1&y=%2F")
    assert up.requests[-1].startswith(b"GET /deep?x=1&y=%2F ")
    asked = edge.keeper.last("login")
    assert (asked.user, asked.password, asked.code) == (b"ada", b"pass word", b"123456")
    assert person.jar[PORTAL].keys() >= {f"__Host-postern-sso-{edge.port}", f"__Host-postern-console-{edge.port}"}
    assert person.jar[edge.host][f"__Host-postern-{edge.port}"] == CHILD
    assert b"__Host" not in up.bytes and CHILD.encode() not in up.bytes


def test_two_tabs_share_a_flow_and_both_arrive(edge):
    person = Person(edge, "ada")
    one, two = person.get(edge.app("/one")), person.get(edge.app("/two"))
    assert "flow=" in one.get("location")
    flows = {dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(p.get("location")).query))["flow"] for p in (one, two)}
    assert len(flows) == 1
    login = person.get(one.get("location"))
    person.post(edge.portal + "/login", {"user": "a", "password": "b", "code": "c"})
    first, second = person.get(one.get("location")), person.get(two.get("location"))
    assert person.follow(second, edge.portal)[1].endswith("/two")
    assert person.follow(first, edge.portal)[1].endswith("/one")
    assert login.status == 200


def test_a_stolen_code_is_worth_nothing(edge):
    person, thief = Person(edge, "ada"), Person(edge, "thief")
    person.get(edge.app())
    person.post(edge.portal + "/login", {"user": "a", "password": "b", "code": "c"})
    step = person.get(person.get(edge.app()).get("location"))
    callback = step.get("location")
    assert callback.startswith(edge.app("/.postern/callback?code="))
    got = thief.get(callback)
    assert got.status == 403 and "cookie" in got.text and not got.all("set-cookie")
    thief.get(edge.app())  # now he has a flow of his own
    assert thief.get(callback).status == 403
    assert person.get(callback).status == 403, "used up by the attempt"
    assert edge.keeper.count("redeem") == 2


@pytest.mark.parametrize("back", ["//evil.example/", "/\\evil.example/", "https://evil.example/", "/x\r\nSet-Cookie: a=b",
                                  "/\t/evil", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere(shared, back):
    person = Person(shared, "x")
    person.jar[PORTAL] = {f"__Host-postern-sso-{shared.port}": SSO}
    query = urllib.parse.urlencode(dict(to=f"{shared.host}:{shared.port}", flow="A" * 43, back=back))
    for url in (f"/handover?{query}", f"/login?{query}"):
        got = person.get(shared.portal + url)
        assert got.status == 400 and "evil" not in got.text, got
    form = dict(to=f"{shared.host}:{shared.port}", flow="A" * 43, back=back, user="a", password="b", code="c")
    assert person.post(shared.portal + "/login", form).status == 400
    assert shared.keeper.count("handover") == 0


@pytest.mark.parametrize("to", ["evil.example", "evil.example:9443", "postern.localhost", "app.postern.localhost.evil.example",
                                "app.postern.localhost@evil.example", "app.postern.localhost; script-src *", "*"])
def test_nobody_is_led_to_a_console_that_is_none(shared, to):
    person = Person(shared, "x")
    person.jar[PORTAL] = {f"__Host-postern-sso-{shared.port}": SSO}
    query = urllib.parse.urlencode(dict(to=to, flow="A" * 43, back="/"))
    for url in (f"/handover?{query}", f"/login?{query}"):
        got = person.get(shared.portal + url)
        assert got.status == 400, got
        assert "evil" not in got.get("content-security-policy")


def test_a_refused_login_tells_the_time_and_keeps_the_way(edge):
    edge.keeper.login = dict(result=1, server_time=1772368496)
    person = Person(edge, "x")
    page, at = arrive(edge, person, edge.app("/x"))
    assert page.status == 403 and "12:34:56" in page.text and 'class="error"' in page.text
    assert 'value="ada"' in page.text and "pass word" not in page.text
    assert hidden(page)["to"] == f"{edge.host}:{edge.port}"
    assert not page.all("set-cookie")


def test_a_throttled_login_says_how_long(edge):
    edge.keeper.login = dict(result=2, retry_after=17, server_time=1772368496)
    got = Person(edge, "x").post(edge.portal + "/login", {"user": "a", "password": "b", "code": "c"})
    assert got.status == 429 and got.get("retry-after") == "17" and "17 seconds" in got.text


@pytest.mark.parametrize("login", [dict(result=3), dict(result=99), dict(result=0, sso="x", console=CONSOLE),
                                   dict(result=0, sso=SSO, console="a;b")])
def test_a_login_that_the_keeper_cannot_judge_is_no_login(edge, login):
    edge.keeper.login = login
    got = Person(edge, "x").post(edge.portal + "/login", {"user": "a", "password": "b", "code": "c"})
    assert got.status == 503 and not got.all("set-cookie")


def test_login_forms_of_other_sites_and_of_the_wrong_kind_are_refused(edge):
    form = {"user": "a", "password": "b", "code": "c"}
    person = Person(edge, "x")
    for headers in ([("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")],
                    [("Sec-Fetch-Site", "same-site"), ("Origin", f"https://{edge.host}:{edge.port}")],
                    [("Origin", "null")], []):
        for path in ("/login", "/logout", "/enrol"):
            assert person.request("POST", edge.portal + path, body=form, headers=headers, navigate=False).status == 403
    same = [("Sec-Fetch-Site", "same-origin")]
    assert person.request("POST", edge.portal + "/login", body=b"{}", navigate=False,
                          headers=same + [("Content-Type", "application/json")]).status == 415
    assert person.request("POST", edge.portal + "/login", body={**form, "x": "y" * 9000}, headers=same,
                          navigate=False).status == 413
    assert person.request("POST", edge.portal + "/login", body=b"user=a&user=b&password=c", navigate=False,
                          headers=same + [("Content-Type", "application/x-www-form-urlencoded")]).status == 400
    assert person.request("PUT", edge.portal + "/login", body=b"", headers=same, navigate=False).status == 405
    assert edge.keeper.count("login") == 0 and edge.keeper.count("logout") == 0


def test_a_session_cookie_that_does_not_stick_is_explained_instead_of_looping(edge):
    edge.keeper.people.clear()  # the child's cookie is never known
    person = Person(edge, "ada")
    page, at = arrive(edge, person, edge.app("/x"))
    page, at = person.follow(page, at, hops=40)
    assert page.status == 403 and "circles" in page.text and "does not know" in page.text
    assert edge.keeper.count("redeem") == 3
    assert person.jar[edge.host][f"__Host-postern-flow-{edge.port}"].count(".") == 0


def test_a_portal_cookie_that_does_not_stick_is_explained_too(edge):
    person = Person(edge, "ada")
    form = {"user": "a", "password": "b", "code": "c"}
    done = person.post(edge.portal + "/login", form)
    assert done.status == 303 and done.get("location") == "/?after=login"
    person.jar.clear()
    page = person.get(edge.portal + "/?after=login")
    assert page.status == 403 and "circles" in page.text


def test_a_link_from_elsewhere_goes_round_once_for_the_strict_cookie(edge):
    person = Person(edge, "ada")
    person.post(edge.portal + "/login", {"user": "a", "password": "b", "code": "c"})
    jar = person.jar[PORTAL]
    strict = jar.pop(f"__Host-postern-console-{edge.port}")
    got = person.request("GET", edge.portal + "/?q=%22%3E", headers=browser("cross-site"), navigate=False)
    assert got.status == 200 and 'http-equiv="refresh" content="0; url=/?q=%22%3E"' in got.text
    jar[f"__Host-postern-console-{edge.port}"] = strict
    got = person.request("GET", edge.portal + "/?q=%22%3E", headers=browser("same-origin"), navigate=False)
    assert got.status == 200 and "console" in got.text
    asked = edge.keeper.last("verb")
    assert (asked.kind, asked.method, asked.path, asked.query) == (1, b"GET", b"/", b"q=%22%3E")


def test_the_api_goes_to_the_keeper_whole_and_only_with_a_credential(edge):
    edge.keeper.page = dict(status=201, type="application/json", body='{"made":1}', retry_after=3)
    host = f"Host: {PORTAL}:{edge.port}\r\n"
    assert edge.say(f"GET /api/v1/users HTTP/1.1\r\n{host}\r\n", PORTAL).status == 401
    assert edge.say(f"GET /api/v1/users HTTP/1.1\r\n{host}Postern-Token: pst_x\r\n\r\n", PORTAL).status == 401
    assert edge.say(f"GET /api/v1/users HTTP/1.1\r\n{host}Postern-Token: {TOKEN_TEXT}\r\n"
                    f"Cookie: __Host-postern-console-{edge.port}={CONSOLE}\r\n\r\n", PORTAL).status == 400
    assert edge.say(f"GET /api/v1/users HTTP/1.1\r\n{host}"
                    f"Cookie: __Host-postern-console-{edge.port}={CONSOLE}\r\n\r\n", PORTAL).status == 403
    assert edge.keeper.count("verb") == 0
    got = edge.say(f"POST /api/v1/users?dry=1 HTTP/1.1\r\n{host}Authorization: Bearer {TOKEN_TEXT}\r\n"
                   "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}", PORTAL)
    assert got.status == 201 and got.json() == {"made": 1} and got.get("retry-after") == "3"
    asked = edge.keeper.last("verb")
    assert (asked.kind, asked.token, asked.method) == (3, TOKEN_TEXT.encode(), b"POST")
    assert (asked.path, asked.query, asked.type, asked.body) == (b"/api/v1/users", b"dry=1", b"application/json", b'{"a":1}')
    big = edge.say(f"POST /api/v1/users HTTP/1.1\r\n{host}Postern-Token: {TOKEN_TEXT}\r\nContent-Length: 70000\r\n\r\n", PORTAL)
    assert big.status == 413
    assert edge.keeper.count("verb") == 1


def test_an_ended_console_session_leads_to_the_login_page(edge):
    edge.keeper.page = dict(status=401, type="application/json", body="{}")
    person = Person(edge, "x")
    person.jar[PORTAL] = {f"__Host-postern-console-{edge.port}": CONSOLE}
    got = person.request("GET", edge.portal + "/api/v1/whoami", headers=[("Sec-Fetch-Site", "same-origin")], navigate=False)
    assert got.status == 401 and got.get("www-authenticate")
    got = person.get(edge.portal + "/")
    assert got.status == 303 and got.get("location") == "/login"
    assert f"__Host-postern-console-{edge.port}" not in person.jar[PORTAL]


@pytest.mark.parametrize("page", [dict(status=99), dict(status=303, location="//evil.example"),
                                  dict(status=303, location="https://evil.example"), dict(status=200, type="a\r\nb: c")])
def test_a_page_that_makes_no_sense_is_not_passed_on(edge, page):
    edge.keeper.page = page
    person = Person(edge, "x")
    person.jar[PORTAL] = {f"__Host-postern-console-{edge.port}": CONSOLE}
    got = person.get(edge.portal + "/x")
    assert got.status == 500 and "location" not in dict(got.headers)


def test_logout_at_both_ends(edge):
    person = Person(edge, "ada")
    arrive(edge, person, edge.app())
    assert "Log out?" in person.get(edge.app("/.postern/logout")).text
    assert edge.keeper.count("logout") == 0
    got = person.post(edge.app("/.postern/logout"), {})
    assert got.status == 200 and got.get("clear-site-data") == '"cache", "storage"'
    asked = edge.keeper.last("logout")
    assert asked.kind == 2 and asked.token == CHILD.encode() and asked.host.decode() == f"{edge.host}:{edge.port}"
    assert f"__Host-postern-{edge.port}" not in person.jar[edge.host]
    got = person.post(edge.portal + "/logout", {})
    assert got.status == 200 and edge.keeper.last("logout").kind == 1
    assert not [n for n in person.jar[PORTAL] if "sso" in n or "console" in n]
    edge.silence()
    person.jar[PORTAL] = {f"__Host-postern-console-{edge.port}": CONSOLE}
    got = person.post(edge.portal + "/logout", {})
    assert got.status == 503 and not got.all("set-cookie"), "it did not end, and nobody is told that it did"


def test_enrolment_is_the_keepers_page(edge):
    person = Person(edge, "x")
    edge.keeper.page = dict(status=200, type="text/html", body="<p>enrol")
    assert person.get(edge.portal + "/enrol").status == 400
    got = person.get(edge.portal + "/enrol?code=abc")
    assert got.status == 200 and "enrol" in got.text and "img-src 'self' data:" in got.get("content-security-policy")
    got = person.post(edge.portal + "/enrol", {"code": "abc", "password": "p w", "again": "q", "totp": "123456"})
    asked = edge.keeper.last("enrol")
    assert (asked.step, asked.code, asked.password, asked.again, asked.totp) == (1, b"abc", b"p w", b"q", b"123456")


def test_a_pages_style_and_scripts_make_no_record_and_the_page_does(shared):
    """A first page has two dozen files; they would hide the requests that somebody has meant."""
    before = len(shared.keeper.records)
    for path in ("/assets/style.css", "/assets/passkey.js", "/login?mark"):
        assert shared.say(f"GET {path} HTTP/1.1\r\nHost: {PORTAL}\r\n\r\n", PORTAL).status == 200
    wait_for(lambda: any(r["path"] == b"/login" for r in shared.keeper.records[before:]))
    assert not [r for r in shared.keeper.records[before:] if r["path"].startswith(b"/assets/")]
    missing = "/assets/console/none.js"
    assert shared.say(f"GET {missing} HTTP/1.1\r\nHost: {PORTAL}\r\n\r\n", PORTAL).status == 404
    wait_for(lambda: any(r["path"] == missing.encode() for r in shared.keeper.records[before:]))


def test_small_things_of_the_portal(shared):
    person = Person(shared, "x")
    got = person.get(shared.portal + "/healthz")
    assert got.status == 200 and got.text == "ok"
    for host, path in ((PORTAL, "/assets/style.css"), (shared.host, "/.postern/style.css"), ("who.example", "/.postern/style.css")):
        got = shared.say(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n", PORTAL)
        assert got.status == 200 and got.get("content-type").startswith("text/css") and ".card" in got.text
    assert person.get(shared.app("/.postern/x")).status == 404
    assert person.get(shared.portal + "/.postern/callback?code=x").status == 404
    got = person.request("DELETE", shared.portal + "/handover", headers=[("Sec-Fetch-Site", "same-origin")], navigate=False)
    assert got.status == 405 and got.get("allow") == "GET"
    got = person.get(shared.portal + "/login")
    for name in ("x-content-type-options", "content-security-policy", "referrer-policy", "strict-transport-security"):
        assert got.get(name), name
    assert got.get("cache-control") == "no-store"


def test_from_a_place_that_no_rule_names_not_even_the_way_to_the_login_is_shown(up):
    rules = 'rules: [{name: r, users: ["*"], zones: [office], routes: [app]}]'
    with Gate(up.port, rules=rules, zones="zones: {office: [10.0.0.0/8]}") as e:
        for path in ("/", "/.postern/callback?code=x", "/.postern/logout"):
            got = Person(e, "x").get(e.app(path))
            assert got.status == 403 and "zone" in got.text and not got.all("set-cookie")
        e.keeper.person(CHILD)
        assert e.ask(token=CHILD).json()["error"] == "zone"
    assert up.connections == 0


def test_a_console_with_a_port_of_its_own_sends_people_to_the_common_listener(edge, up):
    own = socket.create_server(("127.0.0.1", 0))
    port = own.getsockname()[1]
    text = edge.yaml
    edge.yaml = lambda: text().replace("listeners: [", f'listeners: [{{name: own, address: "127.0.0.1:{port}"}}, ').replace(
        "routes: {", f'routes: {{ported: {{port: {port}, upstream: "http://127.0.0.1:{up.port}"}}, ')
    assert edge.commit() == (1, b"")
    edge.control.send("socket", fd=own.fileno(), listener="own")
    own.close()

    def ask(host, extra=""):
        with Connection(edge, PORTAL, port) as c:
            c.send(f"GET /x HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
                   f"Sec-Fetch-Site: none\r\n{extra}\r\n".encode())
            return c.read()

    got = ask(f"10.0.0.1:{port}")
    assert got.status == 303 and got.get("location").startswith(edge.portal + f"/handover?to=10.0.0.1%3A{port}&")
    # The portal there accepts it as the way to a console that exists.
    page = Person(edge, "x").get(got.get("location"))
    assert page.status == 200 and 'name="password"' in page.text
    # The cookie of the common listener is none here; that of this port is.
    edge.keeper.person(CHILD)
    assert ask(f"10.0.0.1:{port}", f"Cookie: __Host-postern-{edge.port}={CHILD}\r\n").status == 303
    assert ask(f"10.0.0.1:{port}", f"Cookie: __Host-postern-{port}={CHILD}\r\n").status == 200
    assert edge.keeper.last("session").host.decode() == f"10.0.0.1:{port}"
    # The port serves its console alone: the portal is not reached there, nor the console by its name.
    assert ask(f"{PORTAL}:{port}").status == 421


def test_the_portal_is_closed_to_other_places(up):
    with Gate(up.port, zones="zones: {office: [10.0.0.0/8]}") as e:
        text = e.yaml
        e.yaml = lambda: text().replace(f"portal: {{host: {PORTAL}}}", f"portal: {{host: {PORTAL}, zones: [office]}}")
        assert e.commit() == (1, b"")
        for path in ("/", "/login", "/healthz", "/api/v1/users"):
            got = Person(e, "x").get(e.portal + path)
            assert got.status == 403 and "zone" in got.text
