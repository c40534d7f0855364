"""Lost factors: no administrator gets to choose a password, nobody is on with less than before, and nobody is out
for good."""
import json
import os
import re
import sqlite3
import subprocess
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

import stack as harness
from stack import PASSWORD, Person, totp

NEW = "another horse another staple"


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=1) as s:
        yield s


def code_of(link):
    return urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["code"][0]


def secret_on(page):
    return re.search(r"\b([A-Z2-7]{32})\b", page.text).group(1)


def submit(site, link, who="anybody", **fields):
    return Person(site, who).post(site.portal + "/enrol", {"code": code_of(link), **fields})


def api(who, method, path, body=None):
    return who.request(method, who.stack.portal + "/api/v1" + path, navigate=False,
                       body=b"" if body is None else json.dumps(body).encode(),
                       headers=[("Sec-Fetch-Site", "same-origin")] +
                       ([] if body is None else [("Content-Type", "application/json")]))


def events(site, target):
    return [r["event"] for r in site.json("audit", "tail", "--limit", "60")["records"] if r["target"] == target]


def user(site, name):
    return site.json("user", "show", name)


def test_no_operation_lets_an_owner_choose_or_see_what_another_person_proves_himself_with(site):
    site.user("abel")
    for method, path, body in (("PUT", "/users/abel/password", {"password": NEW}), ("POST", "/users/abel/totp", {}),
                               ("POST", "/users/abel/recovery", {}), ("POST", "/users/abel/enrol", {}),
                               ("POST", "/users/abel/recover", {}),
                               ("POST", "/users", {"name": "abel2", "password": NEW}),
                               ("POST", "/users", {"name": "abel2", "totp": True})):
        got = api(site.admin, method, path, body)
        assert got.status in (403, 404, 409), (path, got)
        assert b"secret" not in got.body and b"link" not in got.body.replace(b"enrolment link", b"")
    assert api(site.admin, "GET", "/users/abel2").status == 404


def test_a_lost_password_is_set_anew_by_who_has_the_authenticator_and_by_nobody_else(site):
    who = site.user("bert")
    assert who.login(code=totp(who.secret, at=time.time() - 30)).status == 303
    made = api(site.admin, "POST", "/users/bert/reset", {"lost": ["password"]})
    assert made.status == 200 and made.json()["confirm"] is False
    link = made.json()["link"]
    assert who.get(site.portal + "/api/v1/whoami").status != 200, "sessions end"
    page = Person(site, "x").get(link)
    assert page.status == 200 and "<svg" not in page.text, "no secret is shown to whoever has the link"
    got = submit(site, link, password=NEW, again=NEW, totp="000000")
    assert got.status == 403 and "recovery codes are shown" not in got.text
    assert user(site, "bert")["password"] == "none"
    done = submit(site, link, password=NEW, again=NEW, totp=totp(who.secret))
    assert done.status == 200 and done.text.count("<li><code>") == 10
    who.recovery = re.findall(r"<code>([0-9a-z-]{12,})</code>", done.text)
    assert who.login(password=PASSWORD).status != 303
    harness.wait_for(lambda: who.login(password=NEW).status == 303, 30, every=1)
    assert submit(site, link, password=NEW, again=NEW, totp="000000").status == 410


def test_a_lost_authenticator_is_replaced_by_who_knows_the_password(site):
    who = site.user("carl")
    made = site.json("user", "reset", "carl", "--lost", "authenticator")
    assert made["confirm"] is False and user(site, "carl")["totp"] == "none"
    assert who.login().status != 303, "the lost one is worth nothing"
    secret = secret_on(Person(site, "x").get(made["link"]))
    got = submit(site, made["link"], password="not his at all", totp=totp(secret))
    assert got.status == 403 and user(site, "carl")["totp"] == "none"
    got = submit(site, made["link"], password=PASSWORD, totp="123456")
    assert got.status == 422
    done = submit(site, made["link"], password=PASSWORD, totp=totp(secret))
    assert done.status == 200, done
    who.secret, who.recovery = None, re.findall(r"<code>([0-9a-z-]{12,})</code>", done.text)
    harness.wait_for(lambda: who.login().status == 303, 30, every=1)
    assert {"factor.lost", "enrolment.finished"} <= set(events(site, "carl"))


def test_a_login_that_is_under_way_when_the_password_is_declared_lost_does_not_succeed(site):
    who = site.user("vera")
    others = [Person(site, f"nobody-{i}") for i in range(12)]
    for i, one in enumerate([who, *others]):
        one.way = {"source": f"127.3.1.{i + 1}"}
    # Hashes before hers, so that hers waits.
    with ThreadPoolExecutor(13) as pool:
        before = [pool.submit(one.login, password="wrong horse", code="123456") for one in others]
        time.sleep(0.05)
        login = pool.submit(who.login)
        time.sleep(0.05)
        site.cli("user", "reset", "vera", "--lost", "password")
        assert login.result().status == 403
        assert all(one.result().status in (403, 429) for one in before)
    assert site.json("session", "list", "--user", "vera")["sessions"] == []


def test_enabling_a_person_does_not_bring_a_lost_factor_back(site):
    who = site.user("cleo")
    site.json("user", "reset", "cleo", "--lost", "authenticator")
    site.cli("user", "enable", "cleo")
    assert user(site, "cleo")["totp"] == "none"
    assert who.login().status != 303


def lost_all(site, name, by=None):
    site.user(name)
    if by is None:
        return site.json("user", "reset", name, "--lost", "password", "--lost", "authenticator")
    return api(by, "POST", f"/users/{name}/reset", {"lost": ["password", "authenticator"]}).json()


def ask(site, made, secret=None):
    """The person goes through the page, up to the word that he is shown."""
    secret = secret or secret_on(Person(site, "x").get(made["link"]))
    page = submit(site, made["link"], password=NEW, again=NEW, totp=totp(secret))
    assert page.status == 200, page
    return re.search(r'id="word">([0-9a-z]{3}-[0-9a-z]{3})<', page.text).group(1)


def approver(site, name):
    who = site.user(name, groups=["owners"])
    assert who.login().status == 303
    return who


def test_who_has_lost_everything_needs_another_person_who_hears_the_code(site):
    other = approver(site, "dora-approver")
    made = lost_all(site, "dora", by=site.admin)
    assert made["confirm"] is True
    word = ask(site, made)
    record = user(site, "dora")
    assert record["password"] == "none" and record["totp"] == "none", "nothing is in force yet"
    assert "Waiting" in submit(site, made["link"]).text
    page = other.get(site.portal + "/account/approvals")
    assert "dora" in page.text and word not in page.text
    maker = site.admin.post(site.portal + "/account/approvals/dora", {"word": word})
    assert maker.status == 403, "whoever made the link is not another person"
    assert other.post(site.portal + "/account/approvals/dora", {"word": "aaa-aaa"}).status == 422
    assert "Waiting" in submit(site, made["link"]).text
    got = other.post(site.portal + "/account/approvals/dora", {"word": word.upper().replace("-", " ")})
    assert got.status == 200, got
    assert submit(site, made["link"]).status == 403, "who has nothing but the link gets no codes"
    assert submit(site, made["link"], password="a guess of the maker").status == 403
    done = submit(site, made["link"], password=NEW)
    assert done.status == 200 and done.text.count("<li><code>") == 10
    dora = Person(site, "dora")
    dora.recovery = re.findall(r"<code>([0-9a-z-]{12,})</code>", done.text)
    assert dora.login(password=NEW).status == 303
    seen = events(site, "dora")
    for event in ("factor.lost", "enrolment.asked", "enrolment.refused", "enrolment.approved", "enrolment.finished"):
        assert event in seen, event


def test_an_approval_is_for_what_the_person_chose_and_not_for_what_came_later(site):
    other = approver(site, "emma-approver")
    made = lost_all(site, "emma")
    secret = secret_on(Person(site, "x").get(made["link"]))
    word = ask(site, made, secret)
    assert other.post(site.portal + "/account/approvals/emma", {"word": word}).status == 200
    again = ask(site, made, secret)  # somebody else with the link chooses another password
    assert "Waiting" in submit(site, made["link"]).text, "what was approved is void"
    assert again != word
    assert user(site, "emma")["password"] == "none"


def grow_old(site, who):
    """The person's last proof is eleven minutes old."""
    db = sqlite3.connect(site.state / "store/postern.db", timeout=10)
    with db:
        db.execute("UPDATE sessions SET password_at = ?1, mfa_at = ?1 WHERE user = ?2", (int(time.time()) - 660, who.name))
    db.close()


def test_an_approver_whose_proof_is_old_proves_again_before_he_decides(site):
    other = approver(site, "olga-approver")
    made = lost_all(site, "olga")
    word = ask(site, made)
    grow_old(site, other)
    assert other.post(site.portal + "/account/approvals/olga", {"word": word}).status == 403
    got = api(other, "POST", "/approvals/olga", {"word": word})
    assert got.status == 401 and "stepup" in got.text, got
    assert "Waiting" in submit(site, made["link"]).text and "Set up" not in submit(site, made["link"]).text
    page = other.get(site.portal + "/account/approvals").text
    way = re.search(r'href="(/signin/stepup[^"]*)"', page).group(1).replace("&amp;", "&")
    form = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(way).query), password=PASSWORD,
                code=site.json("user", "recovery", other.name)["recovery"][0])
    led = other.post(site.portal + "/signin/stepup", form)
    assert led.status == 303 and led.get("location") == "/account/approvals", led
    assert "/signin/stepup" not in other.get(site.portal + "/account/approvals").text
    assert other.post(site.portal + "/account/approvals/olga", {"word": word}).status == 200


def test_to_refuse_takes_no_proof(site):
    other = approver(site, "otto-approver")
    ask(site, lost_all(site, "otto"))
    grow_old(site, other)
    assert api(other, "DELETE", "/approvals/otto").status == 200


def test_who_guesses_the_code_ends_the_link(site):
    other = approver(site, "fred-approver")
    made = lost_all(site, "fred")
    ask(site, made)
    seen = [other.post(site.portal + "/account/approvals/fred", {"word": "aaa-aaa"}).status for _ in range(5)]
    assert seen == [422] * 5
    assert submit(site, made["link"]).status == 410


def test_people_who_are_no_approvers_neither_see_nor_decide(site):
    plain = site.user("gustav")
    assert plain.login().status == 303
    made = lost_all(site, "gerd")
    word = ask(site, made)
    assert plain.get(site.portal + "/account/approvals").status == 403
    assert plain.post(site.portal + "/account/approvals/gerd", {"word": word}).status == 403
    assert api(plain, "GET", "/approvals").status == 403
    token = site.json("token", "add", "approver-token", "--owner", "owner", "--route", "portal")["token"]
    got = Person(site, "x").request("GET", site.portal + "/api/v1/approvals", navigate=False,
                                    headers=[("Authorization", "Bearer " + token)])
    assert got.status == 403, "a token is no person"
    assert site.cli("user", "show", "gerd")


def test_an_approver_may_refuse(site):
    other = approver(site, "hans-approver")
    made = lost_all(site, "hans")
    ask(site, made)
    assert api(other, "DELETE", "/approvals/hans").status == 200
    assert submit(site, made["link"]).status == 410


def test_a_person_cannot_approve_himself(site):
    who = approver(site, "ida")
    made = site.json("user", "reset", "ida", "--lost", "password", "--lost", "authenticator")
    word = ask(site, made)
    assert api(who, "POST", "/approvals/ida", {"word": word}).status in (401, 403)


def recovered(site, name):
    done = site.cli("recover", name, check=False)
    assert done.returncode == 0, done.stderr
    assert "audit log" in done.stderr
    return done.stdout.strip()


def enrol(site, link, name):
    secret = secret_on(Person(site, "x").get(link))
    done = submit(site, link, password=NEW, again=NEW, totp=totp(secret))
    assert done.status == 200, done
    who = Person(site, name)
    who.recovery = re.findall(r"<code>([0-9a-z-]{12,})</code>", done.text)
    return who


def test_recover_gives_a_disabled_person_access_back_while_postern_runs(site):
    site.user("jane")
    site.cli("user", "disable", "jane")
    who = enrol(site, recovered(site, "jane"), "jane")
    assert who.login(password=NEW).status == 303
    assert "user.recovered" in events(site, "jane")
    assert api(who, "GET", "/users").status == 403, "it makes nobody an owner who was none"
    assert site.cli("recover", "nobody-of-this-name", check=False).returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes the service account")
def test_recover_works_while_postern_is_stopped_and_leaves_nothing_of_roots():
    with harness.Stack(edges=1) as s:
        s.start()
        s.owner()
        s.stop()
        db = sqlite3.connect(s.state / "store/postern.db")
        db.execute("UPDATE users SET disabled = 1")
        db.commit()
        db.close()
        link = recovered(s, "owner")
        owners = {os.stat(p).st_uid for p in (s.state / "store").iterdir()}
        assert owners == {os.stat(s.state / "store").st_uid} and owners != {0}
        other = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                                str(harness.LIBEXEC / "postern"), "recover", "owner"],
                               env=s.env, capture_output=True, text=True)
        assert other.returncode != 0 and "enrol?code" not in other.stdout
        db = sqlite3.connect(s.state / "store/postern.db")
        assert db.execute("SELECT text FROM settings WHERE name = 'recovered.untold'").fetchone() == ("owner\n",), \
            "a notice waits for the service"
        db.close()
        s.start()
        who = enrol(s, link, "owner")
        assert who.login(password=NEW).status == 303
        assert "user.recovered" in events(s, "owner")
        assert s.json("audit", "verify")["intact"]


def test_a_person_is_told_of_the_last_recovery_codes(site):
    who = site.user("kurt")
    assert who.login().status == 303
    left = lambda: who.get(site.portal + "/api/v1/me").json()["recovery_left"]
    assert left() == 0
    who.recovery = json.loads(site.cli("user", "recovery", "kurt", "--json"))["recovery"]
    assert left() == 10
