"""Directories that are down, slow, several, misconfigured: each with a service of its own."""
import contextlib
import os
import re
import signal
import threading
import time

import pytest

import directories
import stack as harness
from authenticator import Authenticator, Browser
from directories import PASSWORD, READER_PASSWORD, Slapd, announced, arrived, dn, enrol, person, service, yaml
from stack import Person, Stack, wait_for

pytestmark = pytest.mark.skipif(directories.SLAPD is None, reason="slapd is not installed")


@pytest.fixture(scope="module")
def slapd(authority):
    with Slapd(authority, [person("alice"), person("bob")]) as s:
        yield s


def test_a_directory_that_is_down_leaves_local_people_alone_and_is_told_of(authority, slapd):
    with Slapd(authority, [person("ann")]) as other, service(other) as site:
        ann = announced(site, "ann")
        local = site.user("local")
        assert arrived(ann.login(password=PASSWORD))
        other.stop()
        begun = time.monotonic()
        assert ann.login(password=PASSWORD, code="123456").status == 403
        assert time.monotonic() - begun < 10
        assert arrived(local.login())
        assert site.json("directory", "list")["directories"][0]["state"] == "down"
        assert re.search("^directory corp: down: .*no connection", site.cli("doctor", check=False).stdout, re.M)
        assert any(w.startswith("directory corp: down") for w in site.json("health")["warnings"])
        # Nobody who is on is shut out by it.
        time.sleep(2.5)
        assert not site.json("user", "show", "ann")["disabled"]
        assert len(site.json("session", "list", "--user", "ann")["sessions"]) == 1
        other.start()
        wait_for(lambda: arrived(ann.login(password=PASSWORD, code=ann.next_code())) or time.sleep(5), 90)


def test_starttls_and_the_next_server_serve_as_well(slapd):
    dead = f"ldaps://127.0.0.1:{harness.free_port()}"
    with service(slapd, dead, slapd.ldap) as site:
        assert arrived(announced(site, "alice").login(password=PASSWORD))
        assert site.json("directory", "list")["directories"][0]["state"] == "up"
        # Whom nobody has announced stays nobody: create is off.
        assert Person(site, "bob").login(password=PASSWORD, code="123456").status == 403
        assert site.cli("user", "show", "bob", check=False).returncode == 1


@pytest.mark.parametrize("change, said", [
    (("ldaps://127", "ldapi://127"), "ldaps://HOST"),
    (("{user}", "user"), "{user}"),
    (('"ops=', '"=ops'), "GROUP=DN"),
    (("recheck: 1s", "groups_from: member_of"), "member-of"),
    (("corp.secret", "other.secret"), "bind_password_file"),
])
def test_a_configuration_that_can_not_work_is_refused(slapd, change, said):
    s = Stack(extra_yaml=yaml(slapd).replace(*change))
    try:
        s.secret("corp.secret", READER_PASSWORD)
        done = s.cli("check", "--config", str(s.config), check=False)
        assert done.returncode != 0 and said in done.stdout + done.stderr, done
    finally:
        s.close()


def test_where_the_configuration_says_so_the_first_second_factor_needs_no_invitation(slapd):
    slapd.add([person("kate"), person("leo")])
    with service(slapd, create="true", self_enrol="true") as site:
        def begin(who, password=PASSWORD):
            who.post(site.portal + "/login", {"user": who.name, "password": password, "code": ""})
            return who.get(site.portal + "/signin/second").text
        kate, leo = Person(site, "kate"), Person(site, "leo")
        # Only who knows the password.
        assert 'id="enrol"' not in begin(leo, password="wrong")
        assert leo.post(site.portal + "/signin/first", {}).status == 403
        assert 'id="enrol"' in begin(kate)
        to = kate.post(site.portal + "/signin/first", {}).get("location")
        assert enrol(kate, site.portal + to).status == 200
        # With a second factor, used or not, there is no further one for the password alone.
        other = Person(site, "kate")
        assert 'id="enrol"' not in begin(other)
        assert other.post(site.portal + "/signin/first", {}).status == 403
        assert arrived(kate.login(password=PASSWORD, code=harness.totp(kate.secret, at=time.time() + 30)))
        site.cli("user", "reset", "kate", "--lost", "authenticator")
        site.cli("user", "recovery", "kate", check=False)
        assert 'id="enrol"' not in begin(other)


def test_time_does_not_tell_whom_a_directory_knows(authority):
    with Slapd(authority, [person("ann")]) as slow, service(slow) as site:
        ann, local = announced(site, "ann"), site.user("local")
        slow.slow_down(1)

        def takes(name, password="wrong"):
            begun = time.monotonic()
            assert Person(site, name).login(password=password, code="123456").status == 403
            return time.monotonic() - begun
        there = takes("ann")
        # The search alone takes a second.
        assert there > 1
        assert takes("local") > 1 and takes("nobody") > 1
        begun = time.monotonic()
        assert arrived(local.login())
        assert ann.secret and time.monotonic() - begun < there + 5


def test_a_courier_that_dies_in_the_middle_lets_nobody_in_and_keeps_nobody_waiting(authority, slapd):
    pair = authority.issue("127.0.0.1")
    asked = threading.Event()

    def silent(number, tag, raw, sock):
        asked.set()
        time.sleep(30)
        return b""
    mute = directories.Hostile(pair, silent)
    with contextlib.closing(mute), service(slapd, mute.url, slapd.ldaps) as site:
        alice = announced(site, "alice")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(alice.login(password=PASSWORD)))
        waiting.start()
        assert asked.wait(10)
        pid, = site.pids("courier")
        os.kill(pid, signal.SIGKILL)
        waiting.join(10)
        assert [a.status for a in answers] == [403]
        wait_for(lambda: site.pids("courier") not in ([pid], []))
        # The next server answers once the silent one has had its time.
        wait_for(lambda: arrived(alice.login(password=PASSWORD, code=harness.totp(alice.secret))) or time.sleep(3), 60)
        assert site.json("session", "list", "--user", "alice")["sessions"]


def test_a_directory_that_leaves_the_configuration_knows_nobody_any_more(slapd):
    with service(slapd) as site:
        alice = announced(site, "alice")
        assert arrived(alice.login(password=PASSWORD))
        text = site.config.read_text()
        site.config.write_text(text[:text.index("directories:")])
        site.cli("reload")
        assert alice.login(password=PASSWORD, code="123456").status == 403
        assert site.json("directory", "list")["directories"] == []
        site.config.write_text(text)
        site.cli("reload")
        wait_for(lambda: arrived(alice.login(password=PASSWORD, code=harness.totp(alice.secret))) or time.sleep(3), 60)


def test_whom_a_key_lets_in_the_directory_is_asked_of_at_once(slapd):
    slapd.add([person("mona")])
    with service(slapd, recheck="1h") as site:
        mona = announced(site, "mona")
        assert arrived(mona.login(password=PASSWORD))
        key = Authenticator()
        assert Browser(site, mona).add(key, "Key").status == 201
        site.cli("session", "revoke", "--user", "mona")
        slapd.delete(dn("mona"))
        fresh = Browser(site, Person(site, "somebody"))
        assert fresh.prove(key).status == 200
        wait_for(lambda: site.json("user", "show", "mona")["disabled"])
        assert site.json("session", "list", "--user", "mona")["sessions"] == []
        assert fresh.person.get(site.portal + "/").status in (302, 303)
        assert fresh.prove(key).status == 403
