"""What somebody would try from outside: desync, sessions, the API, text that wants to be markup, redirects.

Upstreams record every byte, so that "refused" means: nothing of it arrived.
"""
import json
import re
import threading
import time
import urllib.parse

import pytest

import stack as harness
from stack import PASSWORD, Connection, Person, read_body, totp, wait_for
from test_proxy import Console, reply


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=2, extra_yaml="\nlimits: {body_timeout: 5s}\n") as s:
        yield s


@pytest.fixture(scope="module")
def console(site):
    def handler(r, sock, head, data):
        body, data = read_body(sock, head, data)
        reply(sock, head.split(b" ")[1])
        return data
    with Console(site, handler) as c:
        yield c


# ---- one connection, two readings ----

def host_line(c):
    return f"Host: {c.host}:{c.site.port}"


def drain(k):
    """Every answer until the end of the connection or of patience."""
    answers = []
    k.sock.settimeout(0.5)
    try:
        while True:
            answers.append(k.read())
    except (OSError, ConnectionError, ValueError):
        return answers


OUTER = {
    "nobody": ["POST / HTTP/1.1", "{host}"],
    "a bad cookie": ["POST / HTTP/1.1", "{host}", "Cookie: __Host-postern-{port}=" + "A" * 43, "Sec-Fetch-Site: same-origin"],
    "a bad token": ["POST / HTTP/1.1", "{host}", "Authorization: Bearer pst_" + "A" * 43],
    "another site": ["POST / HTTP/1.1", "{host}", "{cookie}", "Sec-Fetch-Site: cross-site"],
    "two credentials": ["POST / HTTP/1.1", "{host}", "{cookie}", "Sec-Fetch-Site: same-origin", "Postern-Token: pst_" + "A" * 43],
    "another host": ["POST / HTTP/1.1", "Host: elsewhere.example", "{cookie}"],
    "no such method": ["TRACE / HTTP/1.1", "{host}", "{cookie}"],
    "a hidden dot": ["POST /a/%2e%2e%2fb HTTP/1.1", "{host}", "{cookie}", "Sec-Fetch-Site: same-origin"],
    "a portal path": ["POST /.postern/none HTTP/1.1", "{host}", "{cookie}", "Sec-Fetch-Site: same-origin"],
    "a login of JSON": ["POST /login HTTP/1.1", "Host: {portal}", "Content-Type: application/json", "Sec-Fetch-Site: same-origin"],
    "health": ["POST /healthz HTTP/1.1", "Host: {portal}"],
    "the API": ["PUT /api/v1/users HTTP/1.1", "Host: {portal}"],
    "an asset": ["GET /assets/style.css HTTP/1.1", "Host: {portal}"],
    "a GET with a body": ["GET / HTTP/1.1", "{host}"],
    "a HEAD with a body": ["HEAD / HTTP/1.1", "{host}", "{cookie}", "Sec-Fetch-Site: cross-site"],
    "a wrong upgrade": ["GET / HTTP/1.1", "{host}", "{cookie}", "Sec-Fetch-Site: same-origin", "Upgrade: websocket",
                        "Connection: Upgrade", "Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 13"],
    "another upgrade": ["POST / HTTP/1.1", "{host}", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"],
    "an expectation": ["POST / HTTP/1.1", "{host}", "{cookie}", "Sec-Fetch-Site: same-origin", "Expect: 200-ok"],
    "Expect and nobody": ["POST / HTTP/1.1", "{host}", "Expect: 100-continue"],
}


def fill_in(lines, c):
    return [l.replace("{host}", host_line(c)).replace("{port}", str(c.site.port))
            .replace("{cookie}", f"Cookie: {c.cookie}").replace("{portal}", f"{c.site.host}:{c.site.port}") for l in lines]


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("outer", sorted(OUTER))
def test_what_lies_in_an_unread_body_is_never_a_request(site, console, outer, framing):
    inner = console.head("GET", "/smuggled")
    lines = fill_in(OUTER[outer], console)
    if framing == "length":
        lines.append(f"Content-Length: {len(inner)}")
        body = inner
    else:
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n"
    after = console.head("GET", f"/after-{framing}")
    mark = len(console.up.requests)
    with console.connect() as k:
        k.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        time.sleep(0.02)
        try:
            k.send(body + after)
        except OSError:
            pass
        # A HEAD's answer has no body; the reader here would wait for one.
        answers = [k.read(method=lines[0].split(" ")[0])] + drain(k)
    assert answers[0].status >= 200
    seen = console.up.requests[mark:]
    assert not any(b"/smuggled" in r.split(b"\r\n")[0] for r in seen), (answers, seen)
    assert len(answers) <= 2
    if len(answers) == 2:
        assert answers[1].body == b"/after-" + framing.encode(), answers


def test_what_comes_behind_a_refusal_is_its_own_request(site, console):
    refused = "\r\n".join(fill_in(OUTER["another site"], console)).encode() + b"\r\nContent-Length: 3\r\n\r\nabc"
    with console.connect() as k:
        k.send(refused + console.head(path="/one") + refused + console.head(path="/two"))
        got = [k.read() for _ in range(4)]
        assert [g.status for g in got] == [403, 200, 403, 200]
        assert got[1].body == b"/one" and got[3].body == b"/two"
    with console.connect() as k:
        nobody = f"GET /secret HTTP/1.1\r\n{host_line(console)}\r\n\r\n".encode()
        mark = len(console.up.requests)
        k.send(console.head(path="/mine") + nobody + console.head(path="/mine-too") + nobody)
        assert [k.read().status for _ in range(4)] == [200, 401, 200, 401], "a login is of a request, not of a connection"
        assert not any(b"/secret" in r for r in console.up.requests[mark:])


TRAILERS = ["X-Forwarded-User: root", "Authorization: Basic eDp5", "Host: evil.example", "Content-Length: 5", "Cookie: a=b",
            "Transfer-Encoding: chunked", "Remote-User: root"]


@pytest.mark.parametrize("trailer", TRAILERS)
def test_trailers_bring_nothing_to_the_console(site, console, trailer):
    mark = len(console.up.bytes)
    with console.connect() as k:
        k.send(console.head("POST", "/trailer", ["Transfer-Encoding: chunked", f"Trailer: {trailer.split(':')[0]}"]) +
               b"2\r\nhi\r\n0\r\n" + trailer.encode() + b"\r\n\r\n")
        drain(k)
    sent = console.up.bytes[mark:]
    assert sent.count(trailer.encode()) <= (trailer == "Transfer-Encoding: chunked") and sent.count(b"\r\n\r\n") <= 2


@pytest.mark.parametrize("named", ["Cookie", "Authorization", "Host", "X-Forwarded-For", "Content-Length", "Postern-Token",
                                   "X-Forwarded-Proto", "Via", "Transfer-Encoding"])
def test_connection_never_takes_a_header_away_that_counts(site, console, named):
    mark = len(console.up.bytes)
    with console.connect() as k:
        k.send(console.head("GET", "/connection", [f"Connection: close, {named}", "Authorization: Basic eDp5"]))
        drain(k)
    sent = console.up.bytes[mark:]
    if sent:
        low = sent.lower()
        assert low.count(b"\r\nhost: ") == 1 and b"x-forwarded-for: 127.0.0.1" in low
        assert b"x-forwarded-proto: https" in low and b"\r\nvia: " in low
        assert named.lower() != "authorization" or b"eDp5" in sent


def test_absolute_form_goes_where_host_says_or_nowhere(site, console):
    for target, host, fine in ((f"https://{console.host}:{site.port}/abs", f"{console.host}:{site.port}", True),
                               (f"http://{console.host}:{site.port}/abs", f"{console.host}:{site.port}", None),
                               (f"https://{site.host}:{site.port}/abs", f"{console.host}:{site.port}", False),
                               ("https://evil.example/abs", f"{console.host}:{site.port}", False),
                               (f"https://user@{console.host}:{site.port}/abs", f"{console.host}:{site.port}", False),
                               ("//evil.example/abs", f"{console.host}:{site.port}", None),
                               ("/abs", f"{console.host}", None),
                               ("/abs", f"{console.host}:1", False),
                               ("/abs", f"{console.host}.:{site.port}", False),
                               ("*", f"{console.host}:{site.port}", False)):
        mark = len(console.up.requests)
        with console.connect() as k:
            k.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nCookie: {console.cookie}\r\nSec-Fetch-Site: same-origin\r\n\r\n".encode())
            got = [k.read()]
        seen = console.up.requests[mark:]
        if fine is False:
            assert not seen and got[0].status in (400, 401, 404, 421), (target, host, got, seen)
        if fine:
            assert seen and seen[0].startswith(b"GET /abs HTTP/1.1"), (target, got, seen)
        for r in seen:
            # A path of two slashes is a path: it goes to this console under this console's name.
            assert host_line(console).encode() in r and b"evil" not in r.split(b"\r\n", 1)[1]


def test_an_early_answer_never_lets_the_rest_of_the_body_speak(site):
    def handler(r, sock, head, data):
        # Answers before it has read the body, and keeps the connection, which is its right.
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
        body, data = read_body(sock, head, data)
        return data
    with Console(site, handler) as c:
        inner = c.head("GET", "/smuggled")
        for cut in (0, 1, 10, len(inner)):
            with c.connect() as k:
                k.send(c.head("POST", "/upload", [f"Content-Length: {len(inner)}"]) + inner[:cut])
                assert k.read().body == b"early"
                try:
                    k.send(inner[cut:] + c.head("GET", "/after"))
                except OSError:
                    pass
                drain(k)
        assert not any(r.startswith(b"GET /smuggled") for r in c.up.requests), c.up.requests
        with c.connect() as k:
            k.send(c.head("GET", "/fresh"))
            assert k.read().body == b"early"


def test_what_lies_behind_an_upgrade_that_the_console_refuses_is_no_request(site, console):
    mark = len(console.up.requests)
    with console.connect() as k:
        k.send(console.head("GET", "/ws", ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Origin: https://{console.host}:{site.port}"]) +
               console.head("GET", "/smuggled"))
        assert k.read().status == 200
        assert not drain(k)
    assert not any(b"/smuggled" in r.split(b"\r\n")[0] for r in console.up.requests[mark:])


def test_a_console_cannot_answer_a_request_that_was_not_asked(site):
    """Two answers to one request: the second must not be waiting for the next person on a pooled connection."""
    def handler(r, sock, head, data):
        if b"/twice" in head.split(b"\r\n")[0]:
            reply(sock, b"one")
            reply(sock, b"EVIL")
        elif b"/late" in head.split(b"\r\n")[0]:
            reply(sock, b"one")
            time.sleep(0.1)
            reply(sock, b"EVIL")
        else:
            reply(sock, b"mine")
        return data
    with Console(site, handler) as c:
        for path in ("/twice", "/late"):
            for _ in range(5):
                with c.connect() as k:
                    k.send(c.head(path=path))
                    assert k.read().body == b"one"
                    # Only what comes after the next question was sent cannot be told from its answer.
                    time.sleep(0.2 if path == "/late" else 0.08)
                    k.send(c.head(path="/mine"))
                    assert k.read().body == b"mine"


def test_a_console_never_sees_our_cookies_or_tokens(site, console):
    token = site.json("token", "add", "eyes", "--owner", "owner", "--route", console.name)["token"]
    site.cli("rule", "add", "eyes", "--token", "eyes", "--zone", "local", "--route", console.name)
    value = console.cookie.split("__Host-postern-" + str(site.port) + "=")[1].split(";")[0]
    mark = len(console.up.bytes)
    tries = [f"Cookie: a=1; {console.cookie}; b=2", f"Cookie: {console.cookie}", f"Cookie: a=\"x; {console.cookie}"]
    for line in tries:
        with console.connect() as k:
            k.send(f"GET /c HTTP/1.1\r\n{host_line(console)}\r\n{line}\r\nSec-Fetch-Site: same-origin\r\n\r\n".encode())
            assert k.read().status in (200, 400)
    for line in (f"Authorization: Bearer {token}", f"authorization:  bearer {token}", f"Postern-Token: {token}",
                 f"postern-token: {token}\r\nAuthorization: Basic eDp5"):
        with console.connect() as k:
            k.send(f"GET /t HTTP/1.1\r\n{host_line(console)}\r\n{line}\r\n\r\n".encode())
            assert k.read().status == 200, line
    sent = console.up.bytes[mark:]
    assert value.encode() not in sent and token.encode() not in sent and b"__Host-postern" not in sent
    assert b"eDp5" in sent and b"a=1" in sent


# ---- sessions ----

def at_once(*acts):
    """Runs them as simultaneously as threads can."""
    barrier = threading.Barrier(len(acts))
    results = [None] * len(acts)

    def run(i, act):
        barrier.wait()
        results[i] = act()
    threads = [threading.Thread(target=run, args=(i, a)) for i, a in enumerate(acts)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


def twin(who):
    other = Person(who.stack, who.name, who.secret)
    other.jar = {h: dict(j) for h, j in who.jar.items()}
    return other


def test_of_many_who_redeem_one_code_exactly_one_wins(site, console):
    for _ in range(4):
        who = twin(site.admin)
        step = who.get(site.console_url(console.name, "/raced"))
        if step.status == 200:
            who.jar.pop(console.host)
            step = who.get(site.console_url(console.name, "/raced"))
        callback = who.get(step.get("location")).get("location")
        assert "/.postern/callback?code=" in callback
        many = [twin(who) for _ in range(6)]
        answers = at_once(*[lambda p=p: p.get(callback) for p in many])
        won = [a for a in answers if f"__Host-postern-{site.port}" in a.cookies() and a.cookies()[f"__Host-postern-{site.port}"]]
        assert len(won) == 1, answers
        assert all(a.status in (400, 403) for a in answers if a not in won)


def test_of_many_who_use_one_code_to_log_in_exactly_one_gets_in(site):
    for n in range(2):
        who = site.user(f"racer{n}")
        code = totp(who.secret)
        answers = at_once(*[lambda: twin(who).login(code) for _ in range(4)])
        assert sum(a.status == 303 for a in answers) == 1, answers
        made = [s for s in site.json("session", "list")["sessions"] if s["user"] == who.name]
        assert len(made) == 1


def test_of_many_who_use_one_recovery_or_enrolment_code_one_wins(site):
    link = site.json("user", "add", "enrolled", "--enrol")["enrol"]["link"]
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["code"][0]
    who = Person(site, "enrolled")
    secret = re.search(r"\b([A-Z2-7]{32})\b", who.get(link).text).group(1)
    form = {"code": code, "password": PASSWORD, "again": PASSWORD, "totp": totp(secret)}
    answers = at_once(*[lambda: Person(site, "enrolled").post(site.portal + "/enrol", form) for _ in range(4)])
    wins = [a for a in answers if len(re.findall(r"<code>([0-9a-z-]{12,})</code>", a.text)) == 10]
    assert len(wins) == 1, [a.status for a in answers]
    recovery = re.findall(r"<code>([0-9a-z-]{12,})</code>", wins[0].text)
    one = Person(site, "enrolled")
    answers = at_once(*[lambda: twin(one).login(recovery[0]) for _ in range(3)])
    assert sum(a.status == 303 for a in answers) == 1, answers


def test_after_a_logout_was_answered_nothing_passes(site, console):
    for n in range(2):
        who = site.user(f"leaver{n}", groups=["owners"])
        answer, _ = who.open(site.console_url(console.name, "/"))
        assert answer.status == 200
        stop, late = threading.Event(), []
        left = [None]

        def hammer():
            p = twin(who)
            jar = "; ".join(f"{k}={v}" for k, v in p.jar[console.host].items())
            text = f"GET /h HTTP/1.1\r\n{host_line(console)}\r\nCookie: {jar}\r\nSec-Fetch-Site: same-origin\r\n\r\n".encode()
            with console.connect() as k:
                while not stop.is_set():
                    sent = time.monotonic()
                    try:
                        k.send(text)
                        status = k.read().status
                    except (OSError, ConnectionError):
                        return
                    if left[0] and sent > left[0] and status == 200:
                        late.append(sent - left[0])
        threads = [threading.Thread(target=hammer) for _ in range(4)]
        for t in threads:
            t.start()
        time.sleep(0.2)
        assert who.post(site.portal + "/logout", {}).status in (200, 303)
        left[0] = time.monotonic()
        time.sleep(0.3)
        stop.set()
        for t in threads:
            t.join()
        assert not late, late


def test_a_session_is_never_one_that_somebody_else_brought(site):
    """Fixation: what was in the jar before the login is worth nothing after it."""
    who = site.user("fixed")
    planted = {f"__Host-postern-sso-{site.port}": "A" * 43, f"__Host-postern-console-{site.port}": "B" * 43}
    who.jar[site.host] = dict(planted)
    done = who.login()
    assert done.status == 303
    for name, value in planted.items():
        assert done.cookies()[name] not in ("", value)
    first = dict(who.jar[site.host])
    time.sleep(0.1)
    who.secret, code = who.secret, totp(who.secret, time.time() + 30)
    done = who.login(code)
    assert done.status == 303 and all(done.cookies()[n] != first[n] for n in planted)


def test_tossed_cookies_are_refused_and_other_ports_are_no_concern(site, console):
    name = f"__Host-postern-{site.port}"
    good = console.cookie
    for cookies, want in ((f"{good}; {name}={'A' * 43}", 400), (f"{name}={'A' * 43}; {good}", 400),
                          (f"{good}\r\nCookie: {name}={'A' * 43}", 400), (f"__Host-postern-1={'A' * 43}; {good}", 200),
                          (f"{good}; __host-postern-{site.port}={'A' * 43}", 200), (f"{name}=; {good}", 400),
                          (good.replace(name, "__Host-postern-1"), 401),
                          (good.replace(name, f"__Secure-postern-{site.port}"), 401),
                          ("; ".join(f"n{i}=v" for i in range(900)) + "; " + good, (200, 431)), (f"=x; ;;; {good}", 200)):
        with console.connect() as k:
            k.send(f"GET /toss HTTP/1.1\r\n{host_line(console)}\r\nCookie: {cookies}\r\nSec-Fetch-Site: same-origin\r\n"
                   "Accept: application/json\r\n\r\n".encode())
            got = k.read().status
            assert got == want or (isinstance(want, tuple) and got in want), (cookies[:100], got)


def test_a_code_for_one_console_is_no_good_at_another(site, console):
    with Console(site) as other:
        who = twin(site.admin)
        who.jar.pop(console.host, None)
        step = who.get(site.console_url(console.name, "/"))
        callback = who.get(step.get("location")).get("location")
        moved = callback.replace(console.host, other.host)
        who.jar[other.host] = dict(who.jar[console.host])
        got = who.get(moved)
        assert got.status in (400, 403) and f"__Host-postern-{site.port}" not in got.cookies()


# ---- redirects, splitting ----

BACKS = ["//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "/\t/evil.example", "/\n/evil.example",
         "%2f%2fevil.example", "/%2f/evil.example", "/..//evil.example", "/.//evil.example", "///evil.example", "/x\r\nX-Evil: 1",
         "/x%0d%0aX-Evil: 1", "/\u010d\u010aX-Evil: 1", "/x\0y", "@evil.example", "/;@evil.example", "javascript:alert(1)", ".evil.example"]


def may_go(location, site):
    where = urllib.parse.urlsplit(urllib.parse.urljoin(site.portal + "/handover", location))
    return where.scheme == "https" and where.hostname and (where.hostname == site.host or where.hostname.endswith("." + site.host)) \
        and "\\" not in location and not location.startswith("//")


def test_nobody_is_sent_elsewhere_and_no_header_is_split(site, console):
    for back in BACKS:
        for raw in (urllib.parse.quote(back, safe=""), urllib.parse.quote(back, safe="%/:@;\\")):
            to = urllib.parse.quote(f"{console.host}:{site.port}")
            paths = [f"/handover?to={to}&flow={'A' * 43}&back={raw}", f"/login?to={to}&flow={'A' * 43}&back={raw}",
                     f"/login?next={raw}", f"/?after={raw}", f"/logout?to={raw}", f"/enrol?code={raw}", f"/handover?to={raw}&flow={'A' * 43}&back=/"]
            with Connection(site, site.host) as k:
                for path in paths:
                    jar = "; ".join(f"{n}={v}" for n, v in site.admin.jar[site.host].items())
                    k.send(f"GET {path} HTTP/1.1\r\nHost: {site.host}:{site.port}\r\nCookie: {jar}\r\nSec-Fetch-Mode: navigate\r\n"
                           "Sec-Fetch-Dest: document\r\nSec-Fetch-Site: none\r\nAccept: text/html\r\n\r\n".encode("latin-1"))
                    try:
                        got = k.read()
                    except (ConnectionError, OSError):
                        break
                    assert got.get("x-evil") is None
                    if got.get("location"):
                        assert may_go(got.get("location"), site), (path, got.get("location"))
    # The console's own answer to a stranger: the way back carries the target, and leads to the portal only.
    for target in ("//evil.example/", "/%0d%0aX-Evil:1", "/\\evil.example", "/a?b=https://evil.example", "/?%0aX-Evil:1"):
        with console.connect() as k:
            k.send(f"GET {target} HTTP/1.1\r\n{host_line(console)}\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
                   "Sec-Fetch-Site: none\r\nAccept: text/html\r\n\r\n".encode())
            got = k.read()
            assert got.get("x-evil") is None
            assert got.status in (303, 400, 404)
            if got.status == 303:
                assert urllib.parse.urlsplit(got.get("location")).netloc == f"{site.host}:{site.port}"


# ---- the API ----

def operations(site, console):
    """Every operation that is not for everybody, and other spellings of some."""
    table = (harness.TOP / "docs/api.md").read_text()
    rows = [(m, p) for m, p, whom in re.findall(r"^## (\S+) /api/v1(\S+)\n\n(.*)$", table, re.M) if "For anybody" not in whom]
    assert len(rows) > 80
    named = {"/users": "owner", "/groups": "owners", "/tokens": "narrow", "/zones": "local", "/routes": console.name, "/rules": console.name}
    real = [(m, p.replace("{name}", next((v for k, v in named.items() if p.startswith(k)), "x"))) for m, p in rows]
    session = next(s["id"] for s in site.json("session", "list")["sessions"] if s["user"] == "owner")
    return real + [("DELETE", f"/sessions/{session}"), ("GET", "/sessions?user=owner"), ("GET", "/../api/v1/users"), ("GET", "//users"),
                   ("GET", "/users/"), ("GET", "/USERS"), ("GET", "/users/%6fwner"), ("GET", "/whoami/../users"), ("GET", "/me/../users"),
                   ("HEAD", "/users"), ("PATCH", "/users/owner")]


def state_of(site):
    """Everything but when a token was used last: that changes by asking."""
    state = {kind: site.json(kind, "list") for kind in ("user", "group", "token", "route", "zone", "rule")}
    for token in state["token"]["tokens"]:
        for key in [k for k in token if k.startswith("last_") or k == "strayed"]:
            del token[key]
    return state


def api(site, method, path, jar=None, token=None, body=None, type="application/json"):
    lines = [f"{method} /api/v1{path} HTTP/1.1", f"Host: {site.host}:{site.port}", "Sec-Fetch-Site: same-origin", "Accept: application/json"]
    if jar:
        lines.append("Cookie: " + "; ".join(f"{n}={v}" for n, v in jar.items()))
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines += [f"Content-Type: {type}", f"Content-Length: {len(body)}"]
    with Connection(site, site.host) as k:
        k.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))
        return k.read(method=method)


def test_nobody_but_an_owner_reads_or_changes_anything(site, console):
    plain = site.user("plain")
    assert plain.login().status == 303
    narrow = site.json("token", "add", "narrow", "--owner", "owner", "--route", console.name)["token"]
    reading = site.json("token", "add", "reading", "--owner", "owner", "--route", "portal", "--method", "GET", "--path", "/api/v1/routes")["token"]
    his = site.json("token", "add", "his", "--owner", "plain", "--route", "portal")["token"]
    before = state_of(site)
    body = json.dumps({"name": "evil", "user": "owner", "owner": "owner", "groups": ["owners"], "password": PASSWORD, "upstream": "http://127.0.0.1:1",
                       "networks": ["0.0.0.0/0"], "users": ["plain"], "zones": ["local"], "routes": [console.name]}).encode()
    roles = {"nobody": {}, "plain": {"jar": plain.jar[site.host]}, "narrow": {"token": narrow}, "reading": {"token": reading}, "his": {"token": his},
             "sso only": {"jar": {k: v for k, v in site.admin.jar[site.host].items() if "sso" in k}},
             "child": {"jar": {f"__Host-postern-console-{site.port}": site.admin.jar[console.host][f"__Host-postern-{site.port}"]}}}
    for role, means in roles.items():
        for method, path in operations(site, console):
            got = api(site, method, path, body=body if method in ("POST", "PUT", "PATCH") else None, **means)
            allowed = role == "reading" and method in ("GET", "HEAD") and path == "/routes"
            assert got.status == (200 if allowed else got.status), (role, method, path, got)
            assert allowed or got.status in (400, 401, 403, 404, 405), (role, method, path, got)
            assert "argon2" not in got.text
    assert state_of(site) == before


WRONG = [b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b'{"name":"a","name":"b"}', b'{"name":"a"}x', b'{"name":1}', b'{"name":null}',
         b'{"name":["a"]}', b'{"name":{"a":1}}', b'{"name":""}', b'{"name":"../x"}', b'{"name":"a/b"}', b'{"name":"a\\u0000b"}', b'{"name":"\\ud800"}',
         b'{"name":"A"}', b'{"name":" a"}', b'{"name":"a\\n"}', b'{"name":"<b>"}', b'{"name":"' + b"a" * 100 + b'"}', b'{"name":"a","admin":true}',
         b'{"name":"a","groups":"owners"}', b'{"name":"a","groups":[1]}', b'{"name":"a","groups":["nobody-knows"]}',
         b'{"name":"a","totp":"yes"}', b'{"name":"a","password":1}', b"[" * 5000, b'{"a":' * 3000, b'{"name":"a","password":"' + b"x" * 2000 + b'"}', b'{"name":1e999}',
         b'{"name":"a","groups":[' + b'"x",' * 2000 + b'"x"]}', b"//c\n{}", b"{'name':'a'}", b'{"name":"a",}', b"\xef\xbb\xbf{}"]


def test_wrong_bodies_are_refused_one_by_one(site):
    jar = site.admin.jar[site.host]
    before = state_of(site)
    for path in ("/users", "/groups", "/tokens"):
        for body in WRONG:
            if path == "/groups" and b'"name":"a"' in body and b"groups" not in body and body.count(b"name") == 1 and b"," not in body:
                continue
            got = api(site, "POST", path, jar=jar, body=body)
            assert 400 <= got.status < 500, (path, body[:60], got)
            assert got.get("content-type") == "application/problem+json", (path, body[:60], got)
    for kind in ("routes", "zones", "rules"):
        for body in (b"", b"[]", b"{}{}", b'{"upstream":1}', b'{"upstream":"http://127.0.0.1:1","upstream":"http://127.0.0.1:2","host":"q.' + site.host.encode() + b'"}',
                     b'{"users":"x"}', b'{"nope":1}', b'{"networks":["0.0.0.0/33"]}'):
            got = api(site, "PUT", f"/{kind}/wrong", jar=jar, body=body)
            assert 400 <= got.status < 500, (kind, body, got)
        for name in ("..%2f..%2fetc", "%2e%2e", "a%00b", "a%0ab", "A%20B", "%3cscript%3e", "x" * 200, "..;", "a%5cb", "%ff"):
            got = api(site, "PUT", f"/{kind}/{name}", jar=jar, body=b"{}")
            assert 400 <= got.status < 500, (kind, name, got)
            assert "<script" not in got.text
    got = api(site, "POST", "/users", jar=jar, body=b'{"name":"' + b"a" * 100000 + b'"}')
    assert got.status == 413, got
    for type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        got = api(site, "POST", "/groups", jar=jar, body=b'{"name":"typed"}', type=type)
        assert got.status in (400, 415), (type, got)
    assert state_of(site) == before


# ---- text that wants to be markup ----

MARKUP = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'-alert(1)-'", "</title><svg/onload=alert(1)>", "javascript:alert(1)",
          "&lt;b&gt;&#60;script&#62;", "{{7*7}}${7*7}", "\u202egnp.exe", "<!--", "]]>", "%3Cscript%3E", "\x1b[31mred"]


def bare_markup(page):
    """Tags and attributes that our own pages do not have, but for the one script of passkeys."""
    page = page.replace('<script src="/assets/passkey.js" defer></script>', "")
    plain = re.sub(r'"[^"]*"', '""', page)
    return re.findall(r"<(?:script|img|svg|iframe|object|embed|base)\b", page, re.I) + \
        re.findall(r"<[^>]*\son\w+\s*=", plain, re.I) + re.findall(r"(?:href|src|action)=[\"']?\s*javascript:", page, re.I)


def test_markup_in_names_paths_and_agents_stays_text(site, console):
    jar = site.admin.jar[site.host]
    name = f"x{console.name}"
    for text in MARKUP:
        body = {"upstream": console.up.url, "host": f"{name}.{site.host}", "title": text}
        got = api(site, "PUT", f"/routes/{name}", jar=jar, body=json.dumps(body).encode())
        assert got.status in (200, 201, 400, 422), (text, got)
        if got.status < 300:
            site.cli("rule", "add", f"r{name}", "--group", "owners", "--zone", "local", "--route", name, check=False)
            page = site.admin.get(site.portal + "/account")
            assert page.status == 200 and not bare_markup(page.text), (text, bare_markup(page.text))
        for bad in (text, "owner" + text):
            page = Person(site, "x").post(site.portal + "/login", {"user": bad, "password": "wrong password", "code": "000000"})
            assert not bare_markup(page.text), (text, page.text)
            assert page.status in (400, 403, 429)
        quoted = urllib.parse.quote(text)
        safe = text.encode("utf-8").decode("latin-1").replace("\x1b", "?").replace("\r", "").replace("\n", "")
        for agent in (safe, "x"):
            with console.connect() as k:
                k.send(f"GET /{quoted}?q={quoted} HTTP/1.1\r\n{host_line(console)}\r\nUser-Agent: {agent}\r\nReferer: {quoted}\r\n"
                       "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Site: cross-site\r\nAccept: text/html\r\n\r\n".encode("latin-1"))
                assert not bare_markup(k.read().text)
        # Denied, so that it stands in the records.
        with console.connect() as k:
            k.send(f"DELETE /{quoted} HTTP/1.1\r\n{host_line(console)}\r\nUser-Agent: {safe}\r\nCookie: {console.cookie}\r\n"
                   "Sec-Fetch-Site: cross-site\r\n\r\n".encode("latin-1"))
            k.read()
    site.cli("route", "remove", name, "--force", check=False)
    wait_for(lambda: "alert(1)" in json.dumps(site.json("access", "list")), 15, every=0.5)
    page = site.admin.get(site.portal + "/account")
    assert page.status == 200 and not bare_markup(page.text), bare_markup(page.text)
    assert "\x1b" not in page.text
    log = site.log_path.read_text(errors="replace")
    assert "\x1b" not in log and "<script>alert" not in log
    shown = site.cli("access", "list")
    assert "\x1b" not in shown and "\u202e" not in shown
