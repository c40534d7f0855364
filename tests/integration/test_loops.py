"""A login that does not hold ends on a page that says why; a program is told in JSON, and never sent elsewhere."""
import re
import urllib.parse

import pytest

import stack as harness
from stack import Connection, Person, Recorder

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def site():
    s = harness.Stack(edges=1)
    s.up = Recorder()
    try:
        s.start()
        s.admin = s.owner()
        s.cli("route", "add", "app", s.up.url, "--allow", "group:owners@local")
        yield s
    finally:
        s.close()
        s.up.close()


class Forgetful(Person):
    """A browser that loses cookies: `keeps` says of each, by host and name, whether it is kept."""

    def __init__(self, other, keeps):
        super().__init__(other.stack, other.name, other.secret)
        self.recovery, self.keeps = other.recovery, keeps
        self.asked = 0

    def request(self, *args, **more):
        self.asked += 1
        answer = super().request(*args, **more)
        for host, jar in self.jar.items():
            for name in [n for n in jar if not self.keeps(host, n)]:
                del jar[name]
        return answer


def is_child(name):
    return re.fullmatch(r"__Host-postern-\d+", name) is not None


LOSSES = {
    "all cookies": lambda host, name: False,
    "those of the portal": lambda host, name: host.startswith("app."),
    "those of the console": lambda host, name: not host.startswith("app."),
    "the session of the console": lambda host, name: not is_child(name),
    "all but what a hand-over needs": lambda host, name: "-flow-" in name or "-sso-" in name,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_browser_that_loses_cookies_is_told_so_and_does_not_go_round(site, loss):
    person = Forgetful(site.admin, LOSSES[loss])
    answer, at = person.open(site.console_url("app"))
    for _ in range(3):
        if answer.status in (301, 302, 303, 307):
            answer, at = person.follow(answer, at, hops=20)
    assert answer.status == 403 and person.asked < 25, (answer, person.asked)
    assert re.search(r"does not send back|did not send back", answer.text), answer.text
    assert re.search(r"\b[0-9a-f]{32}\b", answer.text), "the request's number is on the page"
    assert "cookies" in answer.text and answer.get("location") is None


def test_the_page_says_what_was_asked_for_and_when_and_lets_one_try_again(site):
    person = Forgetful(site.admin, LOSSES["the session of the console"])
    page, _ = person.open(site.console_url("app", "/deep?a=1"))
    page, _ = person.follow(page, site.console_url("app"), hops=20)
    assert "circles" in page.text and f"app.{site.host}:{site.port}" in page.text
    assert re.search(r"\d\d:\d\d:\d\d GMT", page.text) and 'href="/deep?a=1"' in page.text
    assert page.get("content-type") == "text/html; charset=utf-8" and page.get("cache-control") == "no-store"
    # Trying again is trying: with cookies that hold it works.
    person.keeps = lambda host, name: True
    page, _ = person.follow(person.get(site.console_url("app", "/deep?a=1")), site.console_url("app"))
    assert page.status == 200, page
    # And it is on record as what it was.
    def recorded():
        rows = site.json("access", "list", "--limit", "50")["records"]
        return any(r["status"] == 403 and r["outcome"] == "unauthenticated" and r["path"] == "/deep" for r in rows)
    harness.wait_for(recorded)


def test_somebody_who_changes_his_count_changes_nothing_but_what_he_is_shown(site):
    person = Person(site, "nobody")
    name = f"__Host-postern-flow-{site.port}"
    host = f"app.{site.host}"
    for value in ("x", "A" * 43 + ".99.99999999999", "A" * 43 + ".9.1", "A" * 43 + ".-1.-1", "A" * 44):
        person.jar = {host: {name: value}}
        answer = person.get(site.console_url("app"))
        assert answer.status == 303 and len(person.jar[host][name].split(".")[0]) == 43
    now = int(harness.time.time())
    person.jar = {host: {name: "A" * 43 + f".9.{now}"}}
    assert person.get(site.console_url("app")).status == 403
    assert person.get(site.console_url("app")).status == 303


def test_a_console_that_leads_a_browser_back_to_where_it_is_is_named_as_the_cause(site):
    """As one does that wants TLS and does not know that it ends in front."""
    def answer(recorder, sock, head, data):
        path = head.split(b" ")[1]
        host = re.search(rb"(?im)^host: *(\S+)", head).group(1)
        cookie = b"Set-Cookie: seen=1\r\n" if path == b"/cookie" else b""
        where = {b"/away": b"https://other.example/away", b"/other": b"/away"}.get(path, b"http://" + host + path)
        sock.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + where + b"\r\n" + cookie + b"\r\n")
        return data
    up = Recorder(handler=answer)
    site.cli("route", "add", "round", up.url, "--allow", "group:owners@local")
    who = Person(site, site.admin.name, site.admin.secret)
    who.recovery = site.admin.recovery
    where = site.console_url("round", "/login?next=%2F")
    page, at = who.open(where)
    page, at = who.follow(page, at, hops=20)
    assert page.status == 508 and "X-Forwarded-Proto" in page.text and at == where, page
    assert re.search(r"\b[0-9a-f]{32}\b", page.text)
    assert 3 <= sum(r.startswith(b"GET /login") for r in up.requests) <= 12
    assert b"circle" not in b"".join(up.requests)
    # What leads elsewhere, or sets a cookie that may change what comes next, is the console's business.
    for path, to in (("/away", "https://other.example/away"), ("/other", "/away"),
                     ("/cookie", site.console_url("round", "/cookie"))):
        for _ in range(8):
            got = who.get(site.console_url("round", path))
            assert got.status == 302 and got.get("location") == to, got
    site.cli("route", "remove", "round", "--force")
    up.close()


# ---- programs

PROGRAMS = {
    "fetch": ["Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Sec-Fetch-Site: same-origin", "Accept: */*"],
    "fetch that takes HTML": ["Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty", "Sec-Fetch-Site: same-origin",
                              "Accept: text/html"],
    "no-cors": ["Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script", "Sec-Fetch-Site: same-origin", "Accept: */*"],
    "an image": ["Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image", "Sec-Fetch-Site: same-origin"],
    "json": ["Accept: application/json"],
    "anything": ["Accept: */*"],
    "nothing said": [],
    "an old script": ["X-Requested-With: XMLHttpRequest", "Accept: text/html, */*; q=0.01"],
    "Carbon's script": ["X-Requested-With: WSO2 CSRF Protection", "Accept: text/html"],
    "an event stream": ["Accept: text/event-stream", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"],
    "an old event stream": ["Accept: text/event-stream", "Cache-Control: no-cache"],
    "curl": ["User-Agent: curl/8", "Accept: */*"],
    "a preflight": ["Origin: https://other.example", "Access-Control-Request-Method: PUT",
                    "Access-Control-Request-Headers: x-a", "Sec-Fetch-Mode: cors", "Accept: */*"],
    "an upgrade": ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-Fetch-Mode: websocket"],
    "an upgrade of old": ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
}


def ask(site, method, lines, cookie=None, path="/data"):
    host = f"app.{site.host}"
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}:{site.port}", *lines]
    if cookie:
        head.append(f"Cookie: {cookie}")
    if "Upgrade: websocket" in lines:
        head.append(f"Origin: https://{host}:{site.port}")
    body = b""
    if method in ("POST", "PUT", "PATCH"):
        body = b"x=1"
        head.append("Content-Length: 3")
    with Connection(site, host) as c:
        c.send("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        return c.read(method=method)


@pytest.fixture(scope="module")
def ended(site):
    """The cookie of a session that was good and has ended."""
    who = site.admin
    answer, _ = who.open(site.console_url("app"))
    assert answer.status == 200, answer
    cookie = "; ".join(f"{k}={v}" for k, v in who.jar[f"app.{site.host}"].items())
    site.cli("session", "revoke", "--user", "owner")
    return cookie


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_program_with_an_ended_session_gets_401_in_json_and_no_way_elsewhere(site, ended, what):
    reached = len(site.up.requests)
    methods = ["GET"] if "upgrade" in what else ["OPTIONS"] if what == "a preflight" else \
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]
    for cookie in (ended, None):
        for method in methods:
            got = ask(site, method, PROGRAMS[what], cookie)
            # A cookie that no page of this console can have sent is refused before anybody is asked.
            said = 403 if cookie and not any("Sec-Fetch-Site: same-origin" == line for line in PROGRAMS[what]) \
                and "upgrade" not in what else 401
            assert got.status == said, (method, bool(cookie), got)
            assert got.get("location") is None and got.all("set-cookie") == []
            assert got.get("content-type") == "application/problem+json"
            if said == 401:
                assert got.get("www-authenticate") == 'Bearer realm="postern"'
            # A browser lets no other site read it, and no preflight pass.
            assert got.get("access-control-allow-origin") is None
            if method != "HEAD":
                assert got.json()["status"] == said and re.fullmatch("[0-9a-f]{32}", got.json()["request_id"])
    assert len(site.up.requests) == reached


def test_only_a_page_of_its_own_is_sent_to_the_login(site, ended):
    page = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: none", "Accept: text/html"]
    for lines in (page, ["Accept: text/html,application/xhtml+xml"], [*page, "X-Requested-With: com.example.browser"],
                  ["Accept: text/html", "X-Requested-With: com.example.browser"]):
        got = ask(site, "GET", lines)
        assert got.status == 303 and urllib.parse.urlsplit(got.get("location")).path == "/handover", (lines, got)
    # A form that was sent with an ended session is not lost in a redirect: it is said that it was not passed on.
    got = ask(site, "POST", [line.replace("none", "same-origin") for line in page], ended)
    assert got.status == 401 and "was not passed on" in got.text and got.get("location") is None
    # A frame would show the login inside the console.
    frame = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe", "Sec-Fetch-Site: same-origin", "Accept: text/html"]
    got = ask(site, "GET", frame, ended)
    assert got.status == 401 and got.get("location") is None
