"""What attackers try with a login form: their session in somebody's browser, a session that they know,
somebody's cookies beside their own, a way out to a place of theirs."""
import statistics
import time
import urllib.parse

import pytest

from stack import PASSWORD, Person, totp

ELSEWHERE = [
    [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")],
    [("Sec-Fetch-Site", "same-site"), ("Origin", "https://console.postern.localhost:9443")],
    [("Origin", "null")],
    [("Origin", "https://evil.example")],
    [("Referer", "https://postern.localhost/")],
    [],
]


SOURCES = (f"127.0.{b}.{c}" for b in range(3, 9) for c in range(1, 250))


@pytest.fixture
def place():
    """A source address of its own: failures of other tests do not make anybody wait."""
    return {"source": next(SOURCES)}


@pytest.fixture(scope="module")
def mallory(stack, owner):
    return stack.user("mallory")


@pytest.fixture
def attacker(stack, mallory, place):
    """Somebody with an account of his own."""
    who = Person(stack, "mallory", mallory.secret)
    who.way = place
    who.recovery = stack.json("user", "recovery", "mallory")["recovery"]
    return who


def session_of(who):
    host = who.stack.host
    return {k: v for k, v in who.jar.get(host, {}).items() if "sso" in k or "console" in k}


@pytest.mark.parametrize("headers", ELSEWHERE, ids=lambda h: ",".join(f"{n}={v}" for n, v in h) or "nothing said")
def test_a_form_of_another_site_logs_nobody_in(stack, attacker, headers):
    """Login CSRF: the form has the attacker's own name and a code that is good."""
    victim = Person(stack, "victim")
    form = {"user": "mallory", "password": PASSWORD, "code": attacker.recovery[-1]}
    for path in ("/login", "/signin/second"):
        page = victim.request("POST", stack.portal + path, body=form, headers=headers, navigate=False)
        assert page.status in (400, 403), (path, page.status)
        assert not page.all("set-cookie") and not session_of(victim)
    # The code was not looked at.
    assert attacker.login().status == 303
    attacker.post(stack.portal + "/logout", {})


def test_a_second_page_of_the_attacker_is_of_no_use_in_another_browser(stack, attacker):
    attacker.post(stack.portal + "/login", {"user": "mallory", "password": PASSWORD, "code": ""})
    victim = Person(stack, "victim")
    page = victim.post(stack.portal + "/signin/second", {"code": attacker.recovery[-1]})
    assert page.status == 403 and not session_of(victim)


def test_what_a_browser_held_before_a_login_is_dead_after_it(stack, attacker):
    """Session fixation: values that the attacker made up, and a session that he has."""
    p = stack.port
    made_up = {f"__Host-postern-sso-{p}": "A" * 43, f"__Host-postern-console-{p}": "B" * 43,
               f"__Host-postern-signin-{p}": "C" * 43}
    victim = stack.user("violet")
    victim.way = attacker.way
    victim.jar = {stack.host: dict(made_up)}
    assert victim.login().status == 303
    assert not set(session_of(victim).values()) & set(made_up.values())
    for planted in (made_up,):
        thief = Person(stack, "thief")
        thief.jar = {stack.host: dict(planted)}
        assert thief.get(stack.portal + "/api/v1/whoami").status in (303, 401)
    # A session of the attacker in the victim's browser ends with the victim's login.
    assert attacker.login().status == 303
    his = dict(attacker.jar[stack.host])
    victim.recovery = stack.json("user", "recovery", "violet")["recovery"]
    victim.jar = {stack.host: dict(his)}
    assert victim.login().status == 303
    assert victim.get(stack.portal + "/api/v1/whoami").json()["user"] == "violet"
    assert attacker.get(stack.portal + "/api/v1/whoami").status in (303, 401)
    assert not set(session_of(victim).values()) & set(his.values())


def test_each_login_in_a_browser_has_new_keys_and_the_old_ones_are_dead(stack, attacker):
    seen = []
    for _ in range(2):
        assert attacker.login().status == 303
        seen.append(dict(session_of(attacker)))
    assert len(seen[0]) == 2 and not set(seen[0].values()) & set(seen[1].values())
    old = Person(stack, "old")
    old.jar = {stack.host: seen[0]}
    assert old.get(stack.portal + "/api/v1/whoami").status in (303, 401)
    assert attacker.get(stack.portal + "/api/v1/whoami").status == 200


def test_a_tossed_cookie_beside_the_real_one_is_no_login(stack, attacker):
    """A sibling host, or plain HTTP on the same name, can add cookies; browsers refuse the prefix __Host-
    from there, and who has the name twice all the same is nobody."""
    assert attacker.login().status == 303
    (name, value), = [(k, v) for k, v in session_of(attacker).items() if "console" in k]
    for cookie in (f"{name}={value}; {name}={'A' * 43}", f"{name}={'A' * 43}; {name}={value}"):
        page = Person(stack, "x").request("GET", stack.portal + "/api/v1/whoami", headers=[("Cookie", cookie)])
        assert page.status == 400, page.status
    for cookie in (f'{name}="{value}"', f"{name.lower()}={value}", f"{name.replace('__Host-', '')}={value}",
                   f"{name} ={value}x", f"__Secure-{name[7:]}={value}"):
        page = Person(stack, "x").request("GET", stack.portal + "/api/v1/whoami", headers=[("Cookie", cookie)])
        assert page.status in (303, 400, 401), (cookie, page.status)
    assert attacker.get(stack.portal + "/api/v1/whoami").status == 200


def places(text):
    """Where a browser would go from the portal."""
    return urllib.parse.urlsplit(urllib.parse.urljoin("https://portal.invalid/", text.replace("\\", "/")))


@pytest.mark.parametrize("where", ["//evil.example/", "/\\evil.example/", "https://evil.example/", "/%2f/evil.example",
                                   "\\\\evil.example", "/\t/evil.example", "javascript:alert(1)", "//evil.example:9443/",
                                   "/..//evil.example", "https:evil.example", "/\r\nLocation: https://evil.example"])
def test_no_spelling_leads_elsewhere_after_a_login(stack, attacker, where):
    own = {stack.host, "portal.invalid"}
    stack.cli("user", "enable", "mallory")
    for keys in (("back", "next", "after", "return", "flow"), ("to",)):
        names = {key: where for key in keys}
        page = attacker.post(stack.portal + "/login?" + urllib.parse.urlencode(names), {
            "user": "mallory", "password": "wrong password here", "code": "1", **names})
        location = page.get("location")
        assert location is None or places(location).hostname in own, (keys, location)
        assert page.get("refresh") is None
        page = attacker.get(stack.portal + "/handover?" + urllib.parse.urlencode(
            {"to": f"x.{stack.host}:{stack.port}", "flow": "A" * 43, "back": "/", **names}))
        location = page.get("location")
        assert location is None or places(location).hostname in own, (keys, location)


def test_failures_take_the_same_time_whatever_is_wrong(stack, owner):
    """Nobody of that name, no password, disabled, a wrong password, a wrong code: one shape, one time."""
    right = stack.user("tess")
    stack.user("dora")
    stack.cli("user", "disable", "dora")
    stack.cli("user", "add", "nora")  # no password at all
    kinds = {"nobody": ("no-such-person", PASSWORD, "000000"), "none": ("nora", PASSWORD, "000000"),
             "disabled": ("dora", PASSWORD, "000000"), "password": ("tess", "wrong password here", "000000"),
             "code": ("tess", PASSWORD, "000000")}
    took, shapes = {kind: [] for kind in kinds}, {}
    for _ in range(6):
        for kind, (user, password, code) in kinds.items():
            who = Person(stack, user)
            who.way = {"source": next(SOURCES)}
            started = time.monotonic()
            page = who.post(stack.portal + "/login", {"user": user, "password": password, "code": code})
            took[kind].append(time.monotonic() - started)
            names = tuple(sorted(name.lower() for name, _ in page.headers))
            shapes.setdefault(kind, set()).add((page.status, names, len(page.body) - len(user)))
            if kind not in ("nobody", "disabled"):
                stack.cli("user", "enable", user)  # nobody has to wait: that is another answer
    assert all(s == shapes["nobody"] for s in shapes.values()), shapes
    middles = {kind: statistics.median(times) for kind, times in took.items()}
    # Answers leave at multiples of one deadline, so the middles are equal but for the network's noise.
    assert max(middles.values()) - min(middles.values()) < 0.15, middles
    assert min(min(times) for times in took.values()) > 0.25, took
    assert right.login().status == 303


def test_more_sessions_than_allowed_end_the_oldest(stack, owner, place):
    text = stack.config.read_text()
    who = stack.user("many")
    who.recovery = stack.json("user", "recovery", "many")["recovery"]
    browsers = []
    try:
        stack.config.write_text(text + "\nauthentication: {sessions_per_user: 2}\n")
        stack.cli("reload")
        for _ in range(3):
            browser = Person(stack, "many", who.secret)
            browser.recovery, browser.way = who.recovery, place
            assert browser.login().status == 303
            browsers.append(browser)
        alive = [b.get(stack.portal + "/api/v1/whoami").status == 200 for b in browsers]
        assert alive == [False, True, True]
    finally:
        stack.config.write_text(text)
        stack.cli("reload")
