"""The account page and its API: a person sees and changes what is his own, and nothing else."""
import json
import re
import sqlite3
import time
import urllib.parse

import pytest

import stack as harness
from stack import wait_for

NEW = "a much better horse battery"


@pytest.fixture(scope="module")
def s():
    with harness.running(edges=1) as s:
        yield s


@pytest.fixture
def ann(s, request):
    name = re.sub(r"[^a-z]", "", request.node.name)[:40]
    who = s.user(name)
    assert who.login().status == 303
    return who


def page(s, who):
    answer = who.get(s.portal + "/account")
    assert answer.status == 200, answer
    return answer.text


def post(s, who, path, **form):
    return who.post(s.portal + "/account" + path, form)


def api(s, who, method, path, body=None):
    text = json.dumps(body).encode() if body is not None else b""
    answer = who.request(method, s.portal + "/api/v1/me" + path, body=text, navigate=False,
                         headers=[("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin"),
                                  ("Origin", s.portal)])
    return answer.status, answer.json() if answer.text else None


def again(s, who):
    """The same person in another browser."""
    other = harness.Person(s, who.name, who.secret)
    other.recovery = s.json("user", "recovery", who.name)["recovery"]
    assert other.login().status == 303
    return other


def is_on(s, who):
    return who.get(s.portal + "/account").status == 200


def test_the_page_shows_what_is_ones_own_and_nothing_of_others(s, ann):
    s.cli("token", "add", "mine-1", "--owner", ann.name, "--route", "portal")
    s.cli("token", "add", "theirs-1", "--owner", "owner", "--route", "portal")
    text = page(s, ann)
    for wanted in ("Passkeys and security keys", "Password", "One-time codes", "Where you are logged in", "this one",
                   "mine-1", "Recent activity", "somebody logged in", "127.0.0.1"):
        assert wanted in text, wanted
    assert "theirs-1" not in text and "<script" not in text
    status, me = api(s, ann, "GET", "")
    assert status == 200 and me["name"] == ann.name and me["totp"] == "set" and me["passkeys"] == 0
    assert [t["name"] for t in api(s, ann, "GET", "/tokens")[1]["tokens"]] == ["mine-1"]
    events = [r["event"] for r in api(s, ann, "GET", "/activity")[1]["records"]]
    assert "login" in events and "user.added" in events


def test_a_password_is_changed_with_the_present_one_and_ends_other_sessions_when_told_to(s, ann):
    other = again(s, ann)
    wrong = post(s, ann, "/password", current="not this one", fresh=NEW, again=NEW, others="end")
    assert wrong.status == 403 and is_on(s, other)
    assert post(s, ann, "/password", current=harness.PASSWORD, fresh=NEW, again=NEW + "x").status == 422
    assert post(s, ann, "/password", current=harness.PASSWORD, fresh="short", again="short").status == 422
    assert post(s, ann, "/password", current=harness.PASSWORD, fresh=NEW, again=NEW).status == 303
    assert is_on(s, ann) and is_on(s, other)
    status, _ = api(s, ann, "PUT", "/password", {"current": NEW, "password": NEW + " 2", "end_sessions": True})
    assert status == 200 and is_on(s, ann) and not is_on(s, other)
    ann.recovery = s.json("user", "recovery", ann.name)["recovery"]
    assert harness.Person(s, ann.name, ann.secret).login(ann.recovery.pop()).status != 303
    assert harness.Person(s, ann.name, ann.secret).login(ann.recovery.pop(), NEW + " 2").status == 303


def test_the_present_password_cannot_be_guessed_here(s, ann):
    answers = [post(s, ann, "/password", current=f"guess {i}", fresh=NEW, again=NEW).status for i in range(8)]
    assert set(answers) <= {403, 429} and 429 in answers


def test_sessions_are_ended_one_by_one_or_all_but_this(s, ann):
    one, two = again(s, ann), again(s, ann)
    sessions = api(s, ann, "GET", "/sessions")[1]["sessions"]
    assert len(sessions) == 3
    assert post(s, ann, f"/sessions/{sessions[1]['id']}/end").status == 303
    assert [is_on(s, one), is_on(s, two)].count(False) == 1
    assert api(s, ann, "DELETE", "/sessions")[0] == 200
    assert not is_on(s, one) and not is_on(s, two) and is_on(s, ann)
    own = api(s, ann, "GET", "/sessions")[1]["sessions"][0]["id"]
    assert post(s, ann, f"/sessions/{own}/end").get("location") == "/login"
    assert not is_on(s, ann)


def test_what_is_anothers_does_not_exist(s, ann):
    theirs = [x["id"] for x in s.json("session", "list")["sessions"] if x["user"] == "owner"][0]
    s.cli("token", "add", "theirs-2", "--owner", "owner", "--route", "portal")
    for path in (f"/sessions/{theirs}/end", "/sessions/" + "0" * 32 + "/end", "/sessions/x/end",
                 "/tokens/theirs-2/revoke", "/tokens/none/revoke", "/passkeys/0011223344556677/remove"):
        assert post(s, ann, path).status == 404, path
    assert api(s, ann, "DELETE", f"/sessions/{theirs}")[0] == 404
    assert api(s, ann, "DELETE", "/tokens/theirs-2")[0] == 404
    assert is_on(s, s.admin)


def test_a_token_is_revoked_by_who_answers_for_it(s, ann):
    made = s.json("token", "add", "mine-3", "--owner", ann.name, "--route", "portal")
    ask = lambda: s.anonymous("GET", s.portal + "/api/v1/whoami", navigate=False,
                              headers=[("Authorization", "Bearer " + made["token"])]).status
    assert ask() == 200
    assert post(s, ann, "/tokens/mine-3/revoke").status == 303
    assert ask() == 401 and "/account/tokens/mine-3" not in page(s, ann)


def test_a_new_totp_secret_is_confirmed_before_the_old_one_is_dropped(s, ann):
    led = post(s, ann, "/totp")
    assert led.status == 303 and led.get("location").startswith("/enrol?code=")
    shown = ann.get(s.portal + led.get("location"))
    assert 'class="qr"' in shown.text
    secret = re.search(r"\b([A-Z2-7]{32})\b", shown.text).group(1)
    assert secret != ann.secret
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(led.get("location")).query)["code"][0]
    wrong = ann.post(s.portal + "/enrol", {"code": code, "password": harness.PASSWORD, "totp": "000000"})
    assert wrong.status == 422
    other = harness.Person(s, ann.name, ann.secret)
    other.recovery = s.json("user", "recovery", ann.name)["recovery"]
    assert other.login().status == 303  # the old ways are good
    done = ann.post(s.portal + "/enrol", {"code": code, "password": harness.PASSWORD, "totp": harness.totp(secret)})
    assert done.status == 200, done.text
    assert not is_on(s, other)
    codes = re.findall(r"<code>([0-9a-z-]{12,})</code>", done.text)
    assert other.login(code=codes[0]).status == 303


def test_recovery_codes_are_made_anew_and_shown_once(s, ann):
    before = s.json("user", "recovery", ann.name)["recovery"]
    made = post(s, ann, "/recovery")
    codes = re.findall(r"<code>([0-9a-z-]{12,})</code>", made.text)
    assert made.status == 200 and len(codes) == 10 and made.get("cache-control", "").startswith("no-store")
    assert harness.Person(s, ann.name, ann.secret).login(code=before[0]).status != 303
    assert harness.Person(s, ann.name, ann.secret).login(code=codes[0]).status == 303
    assert "<dd>9</dd>" in page(s, ann)


def test_the_last_way_to_sign_in_cannot_be_removed(s, ann):
    answer = post(s, ann, "/totp/remove")
    assert answer.status == 409 and "could not sign in" in answer.text
    assert api(s, ann, "DELETE", "/totp")[0] == 409
    assert s.json("user", "show", ann.name)["totp"] == "set"


def test_nothing_is_changed_from_another_site_or_without_a_session(s, ann):
    answer = ann.request("POST", s.portal + "/account/recovery", body=b"", navigate=False,
                         headers=[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")])
    assert answer.status == 403
    assert s.anonymous("POST", s.portal + "/account/recovery").status in (303, 401)
    made = s.json("token", "add", "robot-4", "--owner", ann.name, "--route", "portal")
    for method, path in (("PUT", "/password"), ("POST", "/recovery"), ("DELETE", "/sessions"), ("POST", "/totp")):
        body = json.dumps({"current": "a", "password": NEW} if path == "/password" else {}).encode()
        answer = s.anonymous(method, s.portal + "/api/v1/me" + path, navigate=False, body=body,
                             headers=[("Authorization", "Bearer " + made["token"]), ("Content-Type", "application/json")])
        assert answer.status == 403, (path, answer)


def grow_old(s, who):
    """The person's last proof is eleven minutes old."""
    db = sqlite3.connect(s.state / "store/postern.db", timeout=10)
    with db:
        db.execute("UPDATE sessions SET password_at = ?1, mfa_at = ?1 WHERE user = ?2", (int(time.time()) - 660, who.name))
    db.close()


def test_an_old_proof_shows_everything_and_changes_nothing(s, ann):
    s.cli("token", "add", "mine-5", "--owner", ann.name, "--route", "portal")
    before = s.json("user", "show", ann.name)
    own = api(s, ann, "GET", "/sessions")[1]["sessions"][0]["id"]
    grow_old(s, ann)
    text = page(s, ann)
    assert "To change anything here" in text and "mine-5" in text
    for path in ("/totp", "/totp/remove", "/recovery", "/sessions/end", f"/sessions/{own}/end", "/tokens/mine-5/revoke"):
        assert post(s, ann, path).status == 403, path
    assert post(s, ann, "/password", current=harness.PASSWORD, fresh=NEW, again=NEW).status == 403
    for method, path in (("PUT", "/password"), ("POST", "/totp"), ("DELETE", "/totp"), ("POST", "/recovery"),
                         ("DELETE", "/sessions"), ("DELETE", f"/sessions/{own}"), ("DELETE", "/tokens/mine-5")):
        body = {"current": harness.PASSWORD, "password": NEW} if path == "/password" else {} if method == "POST" else None
        assert api(s, ann, method, path, body)[0] in (401, 403), path
    assert s.json("user", "show", ann.name) == before and is_on(s, ann)
    assert "/account/tokens/mine-5" in page(s, ann)
    way = re.search(r'href="(/signin/stepup[^"]*)"', page(s, ann)).group(1).replace("&amp;", "&")
    ann.recovery = s.json("user", "recovery", ann.name)["recovery"]
    form = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(way).query))
    form.update(password=harness.PASSWORD, code=ann.recovery.pop())
    assert ann.get(s.portal + way).status == 200
    led = ann.post(s.portal + "/signin/stepup", form)
    assert led.status == 303 and led.get("location") == "/account", led
    assert post(s, ann, "/tokens/mine-5/revoke").status == 303
