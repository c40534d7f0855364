"""Login, hand-over, logout: what people see, and what attackers get."""
import re
import time
import urllib.parse

import pytest

from stack import PASSWORD, Connection, Person, totp


def form_of(page):
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))


def test_the_portal_greets_a_stranger_with_a_login_page(stack):
    who = Person(stack, "nobody")
    page, at = who.follow(who.get(stack.portal + "/"), stack.portal + "/")
    assert page.status == 200 and 'name="password"' in page.text
    assert re.findall(r"<script[^>]*>", page.text) == ['<script src="/assets/passkey.js" defer>']
    csp = page.get("content-security-policy")
    assert "script-src 'self';" in csp and "unsafe" not in csp
    assert "default-src 'none'" in csp and "frame-ancestors 'none'" in csp
    assert page.get("strict-transport-security")
    assert page.get("x-content-type-options") == "nosniff"
    assert "no-store" in page.get("cache-control")


def test_every_failure_looks_the_same_and_tells_the_servers_time(stack, owner):
    who = stack.user("faye")
    bodies = []
    for user, password, code in (("nobody-here", PASSWORD, "123456"), ("faye", "wrong password here", "123456"),
                                 ("faye", PASSWORD, "000000")):
        started = time.monotonic()
        page = who.post(stack.portal + "/login", {"user": user, "password": password, "code": code})
        took = time.monotonic() - started
        assert page.status in (401, 403), page
        assert re.search(r"\d\d:\d\d:\d\d", page.text), "the server's time, for a clock that is off"
        bodies.append(re.sub(r"[0-9a-f]{32}|\d\d:\d\d:\d\d|value=\"[^\"]*\"", "", page.text))
        assert took > 0.25, "one fixed deadline for all failures"
    assert bodies[0] == bodies[1] == bodies[2]


def test_without_a_code_right_and_wrong_passwords_lead_to_the_same_second_page(stack, owner):
    vera = stack.user("vera")
    pages = []
    for user, password in (("nobody-here", PASSWORD), ("vera", "wrong password here"), ("vera", PASSWORD)):
        who = Person(stack, user, vera.secret)
        first = who.post(stack.portal + "/login", {"user": user, "password": password, "code": ""})
        assert first.status == 303 and first.get("location") == "/signin/second"
        second = who.get(stack.portal + "/signin/second")
        assert second.status == 200 and 'name="code"' in second.text
        done = who.post(stack.portal + "/signin/second", {"code": totp(vera.secret)})
        pages.append((second.text, done.status))
        if password == PASSWORD and user == "vera":
            assert done.status == 303 and who.get(stack.portal + "/api/v1/whoami").status == 200
            # The flow was used up: its cookie is of no use to anybody.
            assert who.get(stack.portal + "/signin/second").status == 403
        else:
            assert done.status == 403 and who.get(stack.portal + "/api/v1/whoami").status in (303, 401)
    assert pages[0][0] == pages[1][0] == pages[2][0]
    assert [status for _, status in pages] == [403, 403, 303]


def test_how_soon_one_has_to_wait_does_not_tell_a_right_password(stack, owner):
    seen = []
    for name, password in (("quinn", "wrong password here"), ("quentin", PASSWORD)):
        who = stack.user(name)
        who.post(stack.portal + "/login", {"user": name, "password": password, "code": ""})
        seen.append([who.post(stack.portal + "/signin/second", {"code": "000000"}).status for _ in range(6)])
        # The others of this file come from the same place.
        stack.cli("user", "enable", name)
    assert seen[0] == seen[1] and 429 in seen[0], seen


def test_the_second_page_is_bound_to_the_browser_that_began(stack, owner):
    wilma = stack.user("wilma")
    wilma.post(stack.portal + "/login", {"user": "wilma", "password": PASSWORD, "code": ""})
    other = Person(stack, "wilma", wilma.secret)
    assert other.get(stack.portal + "/signin/second").status == 403
    assert other.post(stack.portal + "/signin/second", {"code": totp(wilma.secret)}).status == 403
    assert wilma.post(stack.portal + "/signin/second", {"code": totp(wilma.secret)}).status == 303


def test_the_second_page_leads_to_the_console_that_the_person_came_for(stack, owner, recorder):
    xena = stack.user("xena")
    url = stack.console_url(recorder.name, "/deep/place?x=1")
    page, at = xena.follow(xena.get(url), url)
    form = form_of(page)
    first = xena.post(stack.portal + "/login", {**form, "user": "xena", "password": PASSWORD, "code": ""})
    assert first.get("location") == "/signin/second"
    done = xena.post(stack.portal + "/signin/second", {"code": totp(xena.secret)})
    answer, at = xena.follow(done, stack.portal + "/signin/second")
    # What the rules say of her there is another matter.
    assert at == url and answer.status == 403


def test_a_code_is_good_once(stack, owner):
    who = stack.user("olga")
    code = totp(who.secret)
    assert who.login(code).status == 303
    again = Person(stack, "olga", who.secret)
    assert again.login(code).status in (401, 403)


def test_a_session_cookie_has_every_attribute_and_is_good_on_its_host_only(stack, owner, recorder):
    url = stack.console_url(recorder.name, "/")
    answer, _ = owner.open(url)
    assert answer.status == 200
    name = f"__Host-postern-{stack.port}"
    child = owner.jar[f"{recorder.name}.{stack.host}"][name]
    portal = owner.jar[stack.host]
    console = portal[f"__Host-postern-console-{stack.port}"]
    for host, cookie in ((f"{recorder.name}.{stack.host}", f"{name}={console}"),
                         (stack.host, f"__Host-postern-console-{stack.port}={child}"),
                         (f"{recorder.name}.{stack.host}", f"{name}={'A' * 43}")):
        with Connection(stack, host) as c:
            path = "/api/v1/whoami" if host == stack.host else "/"
            c.send(f"GET {path} HTTP/1.1\r\nHost: {host}:{stack.port}\r\nCookie: {cookie}\r\n"
                   "Sec-Fetch-Site: same-origin\r\nAccept: application/json\r\n\r\n".encode())
            assert c.read().status == 401


def test_a_login_answers_with_strict_cookies(stack, owner):
    who = stack.user("carl")
    done = who.login()
    assert done.status == 303
    lines = [c for c in done.all("set-cookie") if "__Host-postern-" in c]
    assert len(lines) >= 2
    for line in lines:
        low = line.lower()
        assert "secure" in low and "httponly" in low and "path=/" in low and "domain" not in low
        assert "samesite=strict" in low if "console" in line.split("=")[0] else "samesite=lax" in low


def test_two_tabs_can_be_handed_over_at_once(stack, owner, recorder):
    who = Person(stack, "owner", owner.secret)
    who.jar[stack.host] = dict(owner.jar[stack.host])
    a = who.get(stack.console_url(recorder.name, "/one"))
    b = who.get(stack.console_url(recorder.name, "/two"))
    assert a.status == b.status == 303
    a2 = who.get(a.get("location"))
    b2 = who.get(b.get("location"))
    first, at1 = who.follow(a2, a.get("location"))
    second, at2 = who.follow(b2, b.get("location"))
    assert (first.status, second.status) == (200, 200)
    assert at1.endswith("/one") and at2.endswith("/two")


def test_a_link_from_another_site_works_but_its_posts_do_not(stack, owner, recorder):
    owner.open(stack.console_url(recorder.name, "/"))
    url = stack.console_url(recorder.name, "/deep?x=1")
    cross = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"),
             ("Accept", "text/html")]
    assert owner.request("GET", url, headers=cross, navigate=False).status == 200
    before = len(recorder.requests)
    for headers in ([("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")],
                    [("Sec-Fetch-Site", "same-site"), ("Origin", f"https://other.{stack.host}:{stack.port}")],
                    [("Origin", "https://evil.example")], [("Origin", "null")], []):
        got = owner.request("POST", url, body=b"x=1", headers=headers, navigate=False)
        assert got.status == 403, (headers, got)
    got = owner.request("GET", url, navigate=False,
                        headers=[("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")])
    assert got.status == 403
    assert len(recorder.requests) == before


def test_a_handed_over_code_is_single_use_and_bound_to_its_browser(stack, owner, recorder):
    who = Person(stack, "owner", owner.secret)
    who.jar[stack.host] = dict(owner.jar[stack.host])
    step = who.get(stack.console_url(recorder.name, "/"))
    step = who.get(step.get("location"))
    callback = step.get("location")
    assert "/.postern/callback?code=" in callback
    thief = Person(stack, "thief")
    assert thief.get(callback).status in (400, 403), "another browser has no flow cookie"
    assert who.get(callback).status in (303, 400, 403)
    again = who.get(callback)
    assert again.status in (400, 403), "a code is good once"


@pytest.mark.parametrize("back", ["//evil.example/", "/\\evil.example/", "https://evil.example/", "/x\r\nSet-Cookie: a=b",
                                  "/%0d%0aX: y", "javascript:alert(1)", ""])
def test_nobody_is_sent_elsewhere_after_login(stack, owner, recorder, back):
    query = urllib.parse.urlencode({"to": f"{recorder.name}.{stack.host}:{stack.port}", "flow": "A" * 43, "back": back})
    step = owner.get(f"{stack.portal}/handover?{query}")
    where = step.get("location", "")
    assert "evil" not in urllib.parse.urlsplit(where).netloc
    assert step.get("x") is None
    query = urllib.parse.urlencode({"to": "evil.example:9443", "flow": "A" * 43, "back": "/"})
    step = owner.get(f"{stack.portal}/handover?{query}")
    assert step.status in (400, 403, 404) and "evil.example" not in step.get("location", "")


def test_logout_ends_every_console_too(stack, owner, recorder):
    who = stack.user("lena", groups=["owners"])
    answer, _ = who.open(stack.console_url(recorder.name, "/"))
    assert answer.status == 200
    done = who.post(stack.portal + "/logout", {})
    assert done.status in (200, 303)
    assert done.get("clear-site-data")
    got = who.request("GET", stack.console_url(recorder.name, "/"), navigate=False,
                      headers=[("Sec-Fetch-Site", "same-origin"), ("Accept", "application/json")])
    assert got.status == 401


def test_logout_at_a_console_ends_it(stack, owner, recorder):
    who = stack.user("lars", groups=["owners"])
    answer, _ = who.open(stack.console_url(recorder.name, "/"))
    assert answer.status == 200
    done = who.post(stack.console_url(recorder.name, "/.postern/logout"), {})
    assert done.status in (200, 303)
    got = who.request("GET", stack.console_url(recorder.name, "/"), navigate=False,
                      headers=[("Sec-Fetch-Site", "same-origin"), ("Accept", "application/json")])
    assert got.status == 401


def test_the_enrolment_link_works_once(stack, owner):
    page = Person(stack, "late").get(stack.enrol_link)
    assert page.status in (400, 403, 404, 410)
    assert 'name="password"' not in page.text


def test_weak_passwords_are_refused_with_the_reason(stack, owner):
    made = stack.json("user", "add", "wendy", "--enrol")
    link = made["enrol"]["link"]
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["code"][0]
    who = Person(stack, "wendy")
    page = who.get(link)
    secret = re.search(r"\b([A-Z2-7]{32})\b", page.text).group(1)
    for password in ("short", "password", "wendywendy", "postern123"):
        got = who.post(stack.portal + "/enrol", {"code": code, "password": password, "again": password,
                                                 "totp": totp(secret)})
        assert "recovery" not in got.text.lower() or got.status != 200 or 'class="error"' in got.text
        assert 'name="password"' in got.text
    got = who.post(stack.portal + "/enrol", {"code": code, "password": PASSWORD, "again": PASSWORD + "x",
                                             "totp": totp(secret)})
    assert 'name="password"' in got.text
    got = who.post(stack.portal + "/enrol", {"code": code, "password": PASSWORD, "again": PASSWORD,
                                             "totp": totp(secret)})
    assert got.status == 200 and 'name="password"' not in got.text


def test_guessing_is_slowed_down_per_account_before_a_password_is_hashed(stack, owner):
    who = stack.user("gina")
    seen = []
    for _ in range(12):
        seen.append(who.post(stack.portal + "/login", {"user": "gina", "password": "guess number one", "code": "111111"}))
        if seen[-1].status == 429:
            break
    assert seen[-1].status == 429, [s.status for s in seen]
    assert int(seen[-1].get("retry-after")) > 0


def test_an_owner_sees_who_is_on_and_ends_a_session(stack, owner):
    who = stack.user("nina")
    assert who.login().status == 303
    session = next(s for s in stack.json("session", "list")["sessions"] if s["user"] == "nina")
    assert session["id"] in owner.get(stack.portal + "/api/v1/sessions").text
    done = owner.request("DELETE", f"{stack.portal}/api/v1/sessions/{session['id']}", navigate=False,
                         headers=[("Sec-Fetch-Site", "same-origin")])
    assert done.status == 200, done
    assert who.request("GET", stack.portal + "/api/v1/whoami", navigate=False,
                       headers=[("Sec-Fetch-Site", "same-origin")]).status == 401


def test_somebody_else_cannot_end_sessions_or_use_the_api(stack, owner):
    who = stack.user("ulla")
    assert who.login().status == 303
    session = next(s for s in stack.json("session", "list")["sessions"] if s["user"] == "owner")
    assert who.post(f"{stack.portal}/sessions/{session['id']}/end", {}).status in (403, 404)
    for path in ("/api/v1/users", "/api/v1/audit", "/api/v1/sessions?user=owner"):
        got = who.request("GET", stack.portal + path, navigate=False, headers=[("Sec-Fetch-Site", "same-origin")])
        assert got.status in (403, 200)
        assert "owner" not in got.text or got.status == 403
    mine = who.request("GET", stack.portal + "/api/v1/whoami", navigate=False, headers=[("Sec-Fetch-Site", "same-origin")])
    assert mine.status == 200 and mine.json()["user"] == "ulla"


def test_a_wrong_host_and_a_wrong_method_are_refused(stack):
    with Connection(stack, stack.host) as c:
        c.send(b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
        assert c.read().status in (404, 421)
    for method in ("TRACE", "CONNECT"):
        with Connection(stack, stack.host) as c:
            c.send(f"{method} / HTTP/1.1\r\nHost: {stack.host}:{stack.port}\r\n\r\n".encode())
            assert c.read().status in (400, 405, 501)


def test_sessions_expire_on_the_server(stack, owner):
    shown = stack.json("session", "list")["sessions"][0]
    assert {"id", "user", "source", "created", "last_seen", "ends_at"} <= set(shown)
