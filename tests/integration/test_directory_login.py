"""People whom a directory vouches for: a real slapd, the whole service."""
import json
import re
import sqlite3

import pytest

import directories
import stack as harness
from directories import (PASSWORD, READER_PASSWORD, Slapd, announced, arrived, audit, dn, enrol, group, group_dn,
                         groups_of, person, service)
from stack import Person, wait_for

pytestmark = pytest.mark.skipif(directories.SLAPD is None, reason="slapd is not installed")


# A real attribute of other makers' directories, which slapd has in its own schema.
LOCKABLE = ("security simple_bind=128\n"
            "attributetype ( 1.3.6.1.4.1.9999.1 NAME 'nsAccountLock' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
            "objectclass ( 1.3.6.1.4.1.9999.2 NAME 'lockable' AUXILIARY MAY nsAccountLock )\n")


@pytest.fixture(scope="module")
def slapd(authority):
    with Slapd(authority, [
            *(person(name, mail=[f"{name}@example.test"]) for name in
              ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "henry", "kate", "owner", "local")),
            group("ops", dn("alice"), dn("bob")),
            group("Staff\\2C all", group_dn("ops")),
            group("admins", dn("dave"))], security=LOCKABLE) as s:
        yield s


@pytest.fixture(scope="module")
def site(slapd):
    with service(slapd, create="true") as s:
        yield s


def test_the_directorys_password_and_a_second_factor_of_our_own_let_somebody_in(site):
    alice = announced(site, "alice")
    wrong = alice.login(password="not hers")
    right = alice.login(password=PASSWORD)
    assert wrong.status == 403 and arrived(right), (wrong, right)
    assert groups_of(site, "alice") == ["ops", "staff"]
    assert site.json("user", "show", "alice")["directory"] == "corp"
    session = site.json("session", "list", "--user", "alice")["sessions"][0]
    assert session["assurance"] == "mfa"


def test_the_password_alone_leads_to_the_second_page_right_or_wrong(site):
    bob = announced(site, "bob")
    right = bob.post(site.portal + "/login", {"user": "bob", "password": PASSWORD, "code": ""})
    assert right.get("location") == "/signin/second", right
    done = bob.post(site.portal + "/signin/second", {"code": bob.next_code()})
    assert arrived(done), done
    for name, password in (("bob", "wrong"), ("nobody", PASSWORD), ("nobody", "wrong")):
        wrong = Person(site, name).post(site.portal + "/login", {"user": name, "password": password, "code": ""})
        assert wrong.get("location") == "/signin/second" and wrong.status == right.status, (name, password)


def test_whom_nobody_knows_becomes_a_user_when_the_configuration_says_so(site):
    erin = Person(site, "Erin")
    answer = erin.login(password=PASSWORD, code="123456")
    # The password was right, a second factor is still missing.
    assert answer.status == 403
    user = site.json("user", "show", "erin")
    assert user["directory"] == "corp" and user["groups"] == []
    assert [r["detail"]["directory"] for r in audit(site, "user.added") if r["target"] == "erin"] == ["corp"]
    # Who is in no directory either is nobody.
    assert Person(site, "nobody").login(password=PASSWORD, code="123456").status == 403
    assert site.cli("user", "show", "nobody", check=False).returncode == 1


def test_who_has_a_password_here_is_asked_of_nobody(site):
    local = site.user("local")
    assert local.login(password=PASSWORD).status == 403  # the directory's
    assert arrived(local.login())
    assert site.json("user", "show", "local")["directory"] is None
    # By another name of the entry neither: it would be our own user.
    other = Person(site, "local@example.test", local.secret)
    assert other.login(password=PASSWORD, code="123456").status == 403
    assert site.json("user", "show", "local")["directory"] is None
    refused = [r["detail"]["why"] for r in audit(site, "login.refused") if r["target"] == "local@example.test"]
    assert refused == ["local"]


def test_another_name_of_an_entry_is_the_same_person(site):
    carol = announced(site, "carol")
    assert arrived(Person(site, "carol@example.test", carol.secret).login(password=PASSWORD))
    assert site.cli("user", "show", "carol@example.test", check=False).returncode == 1
    assert [s["user"] for s in site.json("session", "list", "--user", "carol")["sessions"]] == ["carol"]
    # And failures count against that person, whatever the name.
    assert Person(site, "carol@example.test").login(password="wrong", code="123456").status == 403
    refused = [r["detail"]["why"] for r in audit(site, "login.refused") if r["target"] == "carol@example.test"]
    assert refused == ["password"]


def test_an_empty_password_lets_nobody_in(site):
    dave = announced(site, "dave")
    assert dave.login(password="").status == 403
    assert arrived(dave.login(password=PASSWORD))
    # Who administers there may be an owner here, when the table says so.
    assert groups_of(site, "dave") == ["owners"]


def test_hostile_names_find_nobody(site):
    for name in ("*", "a*", "alice)(uid=*", "alice\\2a", "al\u00efce", "(|(uid=*))", "{user}", "alice\n", "uid=alice"):
        assert Person(site, name).login(password=PASSWORD, code="123456").status == 403, name
    assert {u["name"] for u in site.json("user", "list")["users"]} & {"*", "a*"} == set()


def test_groups_follow_the_directory_at_each_sign_in(site, slapd):
    frank = announced(site, "frank")
    site.cli("group", "add", "own")
    site.cli("user", "groups", "frank", "own")
    assert arrived(frank.login(password=PASSWORD))
    assert groups_of(site, "frank") == ["own"]
    slapd.modify(group_dn("ops"), f"add: member\nmember: {dn('frank')}\n")
    # While he is on the look from time to time sees it.
    wait_for(lambda: groups_of(site, "frank") == ["ops", "own", "staff"])
    slapd.modify(group_dn("ops"), f"delete: member\nmember: {dn('frank')}\n")
    wait_for(lambda: groups_of(site, "frank") == ["own"])
    changes = [r["detail"] for r in audit(site, "user.groups") if r["target"] == "frank" and "joined" in (r["detail"] or {})]
    assert [(c["joined"], c["left"]) for c in changes] == [(["ops", "staff"], []), ([], ["ops", "staff"])]


def test_who_is_shut_out_there_is_shut_out_here_and_may_come_back(site, slapd):
    grace = announced(site, "grace")
    assert arrived(grace.login(password=PASSWORD))
    token = site.json("token", "add", "of-grace", "--owner", "grace", "--route", "portal")["token"]
    who = ("GET", site.portal + "/api/v1/whoami")
    ask = dict(headers=[("Authorization", f"Bearer {token}")], navigate=False)
    assert site.anonymous(*who, **ask).status == 200
    gone = (dn("grace"), person("grace")[1])
    slapd.delete(dn("grace"))
    wait_for(lambda: site.json("user", "show", "grace")["disabled"])
    assert site.json("session", "list", "--user", "grace")["sessions"] == []
    assert site.anonymous(*who, **ask).status in (401, 403)
    assert grace.get(site.portal + "/").status in (302, 303)
    ended = [r["detail"] for r in audit(site, "user.disabled") if r["target"] == "grace"]
    assert ended == [{"directory": "corp", "why": "absent"}]
    # Somebody else who gets the name is somebody else.
    slapd.add([gone])
    assert grace.login(password=PASSWORD, code="123456").status == 403
    assert [r["detail"]["why"] for r in audit(site, "login.refused") if r["target"] == "grace"] == ["another entry"]
    assert site.json("user", "show", "grace")["disabled"]


def test_an_administrators_no_outweighs_the_directorys_yes(site):
    henry = announced(site, "henry")
    site.cli("user", "disable", "henry")
    assert henry.login(password=PASSWORD).status == 403
    assert site.json("user", "show", "henry")["disabled"]
    site.cli("user", "enable", "henry")
    assert arrived(henry.login(password=PASSWORD))


def test_an_administrators_no_outweighs_the_directorys_yes_also_when_the_directory_said_no_first(site, slapd):
    kate = announced(site, "kate")
    assert arrived(kate.login(password=PASSWORD))
    slapd.modify(dn("kate"), "add: objectClass\nobjectClass: lockable\n-\nadd: nsAccountLock\nnsAccountLock: true")
    wait_for(lambda: site.json("user", "show", "kate")["disabled"])
    site.cli("user", "disable", "kate")
    slapd.modify(dn("kate"), "delete: nsAccountLock")
    assert kate.login(password=PASSWORD).status == 403
    assert site.json("user", "show", "kate")["disabled"]


def test_directory_test_shows_what_would_become_of_somebody(site):
    seen = site.json("directory", "test", "corp", "alice")
    assert seen["result"] == "found" and seen["dn"] == dn("alice") and seen["user"] == "alice"
    assert sorted(seen["groups"]["directory"]) == sorted([group_dn("ops"), group_dn("Staff\\2C all")])
    assert seen["groups"]["here"] == ["ops", "staff"]
    assert site.json("directory", "test", "corp", "nobody")["result"] == "absent"
    assert site.json("directory", "test", "corp", "local")["refused"] == "local"
    assert site.json("directory", "test", "corp", "*")["result"] == "absent"
    assert site.cli("directory", "test", "other", "alice", check=False).returncode == 1
    # The text for people names it, too.
    assert "found" in site.cli("directory", "test", "corp", "alice")
    assert [r["detail"]["user"] for r in audit(site, "directory.tested")][:2] == ["alice", "nobody"]


def test_no_secret_is_in_the_logs_or_the_trail(site):
    text = site.log_path.read_text() + json.dumps(site.json("audit", "tail", "--limit", "500"))
    for secret in (PASSWORD, READER_PASSWORD):
        assert secret not in text


def test_an_invited_person_sets_up_a_second_factor_with_the_directorys_password(site, slapd):
    slapd.add([person("ivan")])
    ivan = Person(site, "ivan")
    link = site.json("user", "add", "ivan", "--directory", "corp")["enrol"]["link"]
    for password in ("wrong", ""):
        assert enrol(ivan, link, password=password).status == 403
    done = enrol(ivan, link)
    assert done.status == 200, done
    ivan.recovery = re.findall(r"<code>([0-9a-z-]{12,})</code>", done.text)
    user = site.json("user", "show", "ivan")
    assert (user["password"], user["totp"]) == ("none", "set")
    assert ivan.login(password=harness.PASSWORD).status == 403
    assert arrived(ivan.login(password=PASSWORD))
    # Whose telephone is lost proves himself the same way.
    again = site.json("user", "reset", "ivan", "--lost", "authenticator")
    assert not again["confirm"]
    assert enrol(ivan, again["link"]).status == 200
    assert site.cli("user", "reset", "ivan", "--lost", "password", check=False).returncode == 1


def test_a_directorys_password_that_was_guessed_at_too_often_proves_nobody_on_a_link_either(site, slapd):
    slapd.add([person("lena")])
    lena = Person(site, "lena")
    link = site.json("user", "add", "lena", "--directory", "corp")["enrol"]["link"]
    db = sqlite3.connect(site.state / "store/postern.db", timeout=10)
    with db:
        db.execute("INSERT INTO throttles (kind, name, failures, last_failure) VALUES (8, 'lena', 100, 1)")
    db.close()
    assert enrol(lena, link).status == 403
    assert site.json("user", "show", "lena")["totp"] == "none"
    site.cli("user", "enable", "lena")
    assert enrol(lena, link).status == 200


def test_without_an_invitation_nobody_sets_up_anything_unless_the_configuration_says_so(site, slapd):
    slapd.add([person("judy")])
    judy = Person(site, "judy")
    assert judy.post(site.portal + "/login", {"user": "judy", "password": PASSWORD, "code": ""}).get("location") == \
        "/signin/second"
    assert 'id="enrol"' not in judy.get(site.portal + "/signin/second").text
    assert judy.post(site.portal + "/signin/first", {}).status == 403
    assert site.json("user", "show", "judy")["enrol_until"] is None
