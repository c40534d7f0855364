"""Accounts for emergencies: what breaks the seal, what is open then, how it ends, and how it is practised."""
import contextlib
import json
import re
import sqlite3
import time

import pytest

import stack as harness
from authenticator import BE, UP, UV, Authenticator, Browser
from stack import Person, Recorder

REASON = "the directory is down and the router must be changed"


@pytest.fixture(scope="module")
def site():
    up = Recorder()
    with harness.running(edges=1) as s:
        s.cli("route", "add", "load", up.url, "--allow", "group:owners@local")
        s.cli("route", "add", "open", up.url)
        s.cli("rule", "add", "open-all", "--user", "*", "--zone", "local", "--route", "open")
        yield s
    up.close()


def made(site, name, *more):
    return site.json("breakglass", "add", name, *more)


def emergency(site, name, code, reason=REASON, who=None):
    who = who or Person(site, name)
    return who, who.post(site.portal + "/signin/emergency", {"user": name, "code": code, "reason": reason})


def api(who, method, path, body=None):
    return who.request(method, who.stack.portal + "/api/v1" + path, navigate=False,
                       body=b"" if body is None else json.dumps(body).encode(),
                       headers=[("Sec-Fetch-Site", "same-origin")] +
                       ([] if body is None else [("Content-Type", "application/json")]))


def records(site, name):
    rows = site.json("audit", "tail", "--limit", "100")["records"]
    return [r for r in rows if r["target"] == name or r["actor"] == name]


def account(site, name):
    return next(a for a in site.json("breakglass", "list")["accounts"] if a["user"] == name)


def test_a_sealed_code_with_a_reason_opens_the_account_once(site):
    codes = made(site, "glass", "--group", "owners", "--count", "2")["codes"]
    assert len(set(codes)) == 2
    who, got = emergency(site, "glass", codes[0])
    assert got.status == 303, got
    whoami = api(who, "GET", "/whoami").json()
    assert whoami["user"] == "glass"
    assert api(who, "GET", "/users").status == 200, "an owner can administer"
    assert api(who, "POST", "/groups", {"name": "made-in-need"}).status == 201
    assert emergency(site, "glass", codes[0])[1].status == 403, "each code is good once"
    seen = records(site, "glass")
    used = next(r for r in seen if r["event"] == "breakglass.used")
    assert REASON in json.dumps(used["detail"]) and used["actor_kind"] == "emergency"
    assert next(r for r in seen if r["event"] == "group.added")["actor_kind"] == "emergency"
    assert account(site, "glass")["codes"] == 1 and account(site, "glass")["active_until"]
    assert any("glass is active" in w for w in site.json("health")["warnings"])


def test_without_a_reason_no_code_is_used_up(site):
    codes = made(site, "mute")["codes"]
    for reason in ("", "short", " " * 40, "two\nlines of reason"):
        _, got = emergency(site, "mute", codes[0], reason)
        assert got.status == 422 and not got.cookies(), (reason, got)
    assert account(site, "mute")["codes"] == 4
    assert emergency(site, "mute", codes[0])[1].status == 303


def test_ordinary_rules_do_not_concern_it_unless_they_name_it(site):
    codes = made(site, "named", "--group", "owners")["codes"]
    who, got = emergency(site, "named", codes[0])
    assert got.status == 303

    def reach(route):
        answer, _ = who.follow(who.get(site.console_url(route)), site.console_url(route))
        return answer.status
    assert reach("load") == 403, "not by a group that it is in"
    assert reach("open") == 403, "not as anybody"
    told = site.json("explain", "--user", "named", "--route", "open")
    assert told["verdict"] == "deny" and told["reason"] == "who"
    site.cli("rule", "add", "open-named", "--user", "named", "--zone", "local", "--route", "open")
    harness.wait_for(lambda: reach("open") == 200, 15, every=0.5)


def test_nothing_but_what_lies_in_the_safe_belongs_to_it(site):
    made(site, "bare")
    for words in (("user", "recovery", "bare"), ("user", "enrol", "bare"), ("user", "reset", "bare", "--lost", "password"),
                  ("recover", "bare"), ("token", "add", "bare-token", "--owner", "bare", "--route", "portal")):
        assert site.cli(*words, check=False).returncode == 1, words
    db = sqlite3.connect(site.state / "store/postern.db", timeout=10)
    try:
        with pytest.raises(sqlite3.IntegrityError):
            # As a mistake in the program would do it: with the statement of the program.
            db.execute("INSERT INTO passwords (user, hash, set_at) SELECT 'bare', "
                       "iif((SELECT kind FROM users WHERE name = 'bare') <> 0, NULL, 'x'), 1")
    finally:
        db.close()


def test_it_is_made_and_filled_on_the_host_alone(site):
    made(site, "hosted")
    for method, path, body in (("POST", "/breakglass", {"name": "evil"}), ("POST", "/breakglass/hosted/codes", {}),
                               ("POST", "/breakglass/hosted/drill", {})):
        assert api(site.admin, method, path, body).status == 403
    assert api(site.admin, "GET", "/breakglass").status == 200


def test_closing_it_ends_what_was_open_at_once(site):
    codes = made(site, "closed")["codes"]
    who, _ = emergency(site, "closed", codes[0])
    assert api(who, "GET", "/whoami").status == 200
    assert api(site.admin, "POST", "/breakglass/closed/close", {}).status == 200
    assert api(who, "GET", "/whoami").status == 401
    assert account(site, "closed")["active_until"] is None
    assert any(r["event"] == "breakglass.sealed" for r in records(site, "closed"))


def test_the_session_ends_by_itself_and_a_second_sign_in_makes_the_emergency_no_longer(site):
    codes = made(site, "brief", "--session", "1m", "--active", "2m")["codes"]
    before = time.time()
    emergency(site, "brief", codes[0])
    until = account(site, "brief")["active_until"]
    emergency(site, "brief", codes[1])
    assert account(site, "brief")["active_until"] == until
    ends = [s["ends_at"] for s in site.json("session", "list", "--user", "brief")["sessions"]]
    assert len(ends) == 2
    for end in ends:
        at = time.mktime(time.strptime(end, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
        assert at <= before + 65


def test_new_codes_make_the_old_ones_void(site):
    old = made(site, "refilled")["codes"]
    new = site.json("breakglass", "codes", "refilled", "--count", "3")["codes"]
    assert len(new) == 3 and emergency(site, "refilled", old[0])[1].status == 403
    assert emergency(site, "refilled", new[0])[1].status == 303


def test_guesses_are_charged_and_recorded_and_tell_nothing(site):
    made(site, "guessed")
    shown = []
    for name in ("guessed", "no-such-account", "owner"):
        _, got = emergency(site, name, "00000-00000-00000-00000-00000")
        assert got.status in (403, 429)
        if got.status == 403:
            shown.append(re.sub(r"\s+", " ", got.text))
    assert len(set(shown)) == 1
    assert any(r["event"] == "breakglass.refused" for r in records(site, "guessed"))


def test_a_disabled_account_stays_shut(site):
    codes = made(site, "shut")["codes"]
    site.cli("user", "disable", "shut")
    assert emergency(site, "shut", codes[0])[1].status == 403


def test_a_drill_is_a_real_sign_in_that_opens_nothing_and_is_remembered(site):
    codes = made(site, "drilled")["codes"]
    assert account(site, "drilled")["last_drill"] is None
    code = site.json("drill", "drilled")["code"]
    who, got = emergency(site, "drilled", code, "the yearly drill of the night shift")
    assert got.status == 200 and "nothing was opened" in got.text and not got.cookies()
    assert api(who, "GET", "/whoami").status == 401
    now = account(site, "drilled")
    assert now["last_drill"] and now["codes"] == 4 and now["active_until"] is None
    assert any(r["event"] == "breakglass.drill" and r["actor_kind"] == "emergency" for r in records(site, "drilled"))
    assert emergency(site, "drilled", code)[1].status in (403, 429), "once"
    assert emergency(site, "drilled", codes[0])[1].status in (303, 429)


def test_a_drill_that_is_long_ago_is_reminded_of(site):
    made(site, "rusty")
    assert site.cli("drill", check=False).returncode == 0
    db = sqlite3.connect(site.state / "store/postern.db", timeout=10)
    db.execute("UPDATE breakglass SET made = made - 8640000, last_drill = 0 WHERE user = 'rusty'")
    db.commit()
    db.close()
    due = site.cli("drill", check=False)
    assert due.returncode == 1 and "DUE: rusty" in due.stdout
    assert any("rusty was not practised" in w for w in site.json("health")["warnings"])
    code = site.json("drill", "rusty")["code"]
    harness.wait_for(lambda: emergency(site, "rusty", code)[1].status == 200, 60, every=2)
    assert site.cli("drill", check=False).returncode == 0


def test_a_hardware_key_takes_the_place_of_the_envelope_and_a_reason_is_asked_for_all_the_same(site):
    codes = made(site, "keyed", "--group", "owners")["codes"]
    who, got = emergency(site, "keyed", codes[0])
    assert got.status == 303
    keys = Authenticator(), Authenticator()
    for i, key in enumerate(keys):
        assert Browser(site, who).add(key, f"safe {i}").status == 201
    site.cli("breakglass", "close", "keyed")
    for key in keys:
        fresh = Browser(site, Person(site, "keyed"))
        answer = fresh.prove(key)
        assert answer.status == 200 and answer.json() == {"location": "/signin/reason"}, answer.text
        assert api(fresh.person, "GET", "/whoami").status == 401, "no session without a reason"
        assert account(site, "keyed")["active_until"] is None
        assert fresh.person.post(site.portal + "/signin/reason", {"reason": "short"}).status == 422
        assert fresh.person.post(site.portal + "/signin/reason", {"reason": REASON}).status == 303
        assert api(fresh.person, "GET", "/whoami").json()["user"] == "keyed"
        site.cli("breakglass", "close", "keyed")
    used = [r for r in records(site, "keyed") if r["event"] == "breakglass.used"]
    assert sum("passkey" in json.dumps(r["detail"]) for r in used) == 2


def test_an_envelope_that_is_opened_later_leaves_no_key_behind(site):
    codes = made(site, "aged")["codes"]
    with contextlib.closing(sqlite3.connect(site.state / "store/postern.db", timeout=10)) as db, db:
        db.execute("UPDATE breakglass SET made = made - 3601 WHERE user = 'aged'")
    who, got = emergency(site, "aged", codes[0])
    assert got.status == 303
    refused = Browser(site, who).ask("/account/passkeys/options", {})
    assert refused.status == 403 and "first hour" in refused.text
    site.cli("breakglass", "close", "aged")


def test_a_key_that_can_be_copied_does_not_open_it(site):
    codes = made(site, "copied")["codes"]
    who, _ = emergency(site, "copied", codes[0])
    key = Authenticator(flags=UP | UV | BE)
    assert Browser(site, who).add(key, "phone").status == 201
    site.cli("breakglass", "close", "copied")
    assert Browser(site, Person(site, "copied")).prove(key).status == 403
    assert account(site, "copied")["active_until"] is None
