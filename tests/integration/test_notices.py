"""People are told what happens to their accounts: by a real mail server and a webhook, whatever either of them does."""
import hashlib
import hmac
import json
import os
import signal
import time

import pytest

import pki
import stack as harness
from authenticator import Authenticator, Browser
from postbox import Postbox
from stack import wait_for
from web import Web

SECRET = "a secret of the webhook"


class Receiver(Web):
    """A webhook that verifies what it is given."""

    def __init__(self, pair):
        self.status = 200
        super().__init__(pair, lambda request: (self.status, "text/plain", b"ok"))

    def notices(self):
        return [json.loads(self.verified(request)) for request in list(self.requests)]

    @staticmethod
    def verified(request):
        _, _, headers, body = request
        fields = dict(part.split("=", 1) for part in headers["postern-signature"].split(","))
        assert abs(time.time() - int(fields["t"])) < 60
        wanted = hmac.new(SECRET.encode(), fields["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(fields["v1"], wanted)
        return body


class Told:
    """A service with an owner and ann, who has an address; a mail server and a webhook."""

    def __init__(self, **options):
        self.authority = pki.Authority()
        self.pair = self.authority.issue("127.0.0.1")
        self.box, self.hook = Postbox(self.pair), Receiver(self.pair)
        self.s = harness.Stack(edges=1, extra_yaml=f"""
notices:
  mail_server: {self.box.url}
  mail_from: postern@example.org
  mail_ca_file: notices-ca.pem
  webhook: {self.hook.url}/hook
  webhook_secret_file: webhook.secret
  webhook_ca_file: notices-ca.pem
  per_hour: {options.get("per_hour", 100)}
""")
        self.s.secret("notices-ca.pem", self.authority.pem)
        self.s.secret("webhook.secret", SECRET + "\n")
        self.s.start()
        self.owner = self.s.owner()
        self.ann = self.s.user("ann")
        assert self.s.json("user", "mail", "ann", "ann@example.org")["mail"] == "ann@example.org"

    def events(self, user="ann"):
        return [n["event"] for n in self.hook.notices() if n["user"] == user]

    def mails(self, event):
        return [letter for _, to, letter in list(self.box.letters)
                if letter["X-Postern-Event"] == event and to == ["ann@example.org"]]

    def wait_mail(self, event, count=1, seconds=30):
        wait_for(lambda: len(self.mails(event)) >= count, seconds)
        return self.mails(event)[-1]

    def close(self):
        for part in (self.s, self.box, self.hook, self.authority):
            part.close()


@pytest.fixture(scope="module")
def told():
    t = Told()
    yield t
    t.close()


def test_a_sign_in_from_a_new_place_and_program_is_told_once(told):
    assert told.ann.login().status == 303
    letter = told.wait_mail("login.new")
    text = letter.get_payload()
    assert "From: 127.0.0.1" in text and "new: place and program" in text and "ann" in letter["Subject"]
    assert letter["From"] == "postern <postern@example.org>" and letter["Auto-Submitted"] == "auto-generated"
    wait_for(lambda: "login.new" in told.events(), 30)
    told.ann.recovery = told.s.json("user", "recovery", "ann")["recovery"]
    assert told.ann.login().status == 303
    told.wait_mail("recovery.used")
    assert len(told.mails("login.new")) == 1
    assert told.ann.request("POST", told.s.portal + "/login",
                            {"user": "ann", "password": harness.PASSWORD, "code": told.ann.next_code()},
                            [("User-Agent", "Curious/1.0 (\xc3\xa4)")]).status == 303
    text = told.wait_mail("login.new", 2).get_payload()
    assert "agent: Curious/1.0 (??)" in text and "new: program" in text


def test_a_changed_factor_is_told_with_who_did_it(told):
    told.s.cli("user", "reset", "ann", "--lost", "authenticator")
    assert "by: the owner of the host" in told.wait_mail("factor.lost").get_payload()
    told.s.cli("user", "recovery", "ann")
    told.wait_mail("recovery.made")
    wait_for(lambda: {"factor.lost", "recovery.made"} <= set(told.events()), 30)


def test_what_a_person_changes_on_the_account_page_is_told(told):
    cid = told.s.user("cid")
    told.s.cli("user", "mail", "cid", "ann@example.org")
    assert cid.login().status == 303
    new = "a much better horse battery"
    assert cid.post(told.s.portal + "/account/password",
                    {"current": harness.PASSWORD, "fresh": new, "again": new}).status == 303
    letter = told.wait_mail("password.set")
    assert "(cid)" in letter["Subject"] and "by:" not in letter.get_payload()


def test_a_changed_address_is_told_to_the_one_that_was(told):
    told.s.cli("user", "mail", "ann", "other@example.org")
    told.wait_mail("user.mail")
    told.s.cli("user", "mail", "ann", "ann@example.org")
    assert told.s.cli("user", "mail", "ann", "ann@example.org\r\nBcc: x@y.z", check=False).returncode != 0


def test_success_after_failures_is_told(told):
    bob = told.s.user("bob")
    told.s.cli("user", "mail", "bob", "ann@example.org")
    for _ in range(3):
        assert bob.login(code="000000").status != 303
    wait_for(lambda: bob.login().status == 303, 60, every=1)
    letter = told.wait_mail("login.after_failures")
    assert "(bob)" in letter["Subject"] and "failures: " in letter.get_payload()


def test_a_test_says_whether_it_was_taken_and_why_not(told):
    assert told.s.json("notice", "test", "mail", "ann") == {"taken": True, "text": ""}
    assert told.s.json("notice", "test", "webhook", "ann")["taken"] is True
    told.hook.status = 500
    told.box.refuse = "452 full"
    try:
        for by, why in (("webhook", "it answered 500"), ("mail", "452")):
            done = told.s.cli("notice", "test", by, "ann", "--json", check=False)
            assert done.returncode != 0 and why in json.loads(done.stdout)["text"]
    finally:
        told.hook.status, told.box.refuse = 200, None
    assert told.s.cli("notice", "test", "pigeon", "ann", check=False).returncode != 0
    assert told.s.cli("notice", "test", "mail", "owner", check=False).returncode != 0


def test_nothing_is_lost_by_a_refusal_or_a_killed_keeper(told):
    told.box.refuse = "451 later"
    before = len(told.mails("recovery.made"))
    try:
        told.s.cli("user", "recovery", "ann")
        os.kill(told.s.pids("keeper")[0], signal.SIGKILL)
        wait_for(lambda: [n for n in told.s.json("notice", "list")["notices"] if n["attempts"] > 0 and
                          n["event"] == "recovery.made" and n["by"] == "mail" and "451" in n["error"]], 30)
        os.kill(told.s.pids("keeper")[0], signal.SIGKILL)
    finally:
        told.box.refuse = None
    told.wait_mail("recovery.made", before + 1, seconds=90)
    wait_for(lambda: told.s.json("notice", "list")["notices"] == [], 90)


def test_a_configuration_that_cannot_tell_anybody_is_refused(told):
    text = told.s.config.read_text()
    try:
        for wrong in ("mail_from: postern@example.org", "webhook_secret_file: webhook.secret"):
            told.s.config.write_text(text.replace(wrong, ""))
            assert told.s.cli("reload", check=False).returncode != 0
        told.s.config.write_text(text.replace("webhook.secret", "absent.secret"))
        assert told.s.cli("reload", check=False).returncode != 0
        told.s.config.write_text(text.replace("smtp://", "http://"))
        assert told.s.cli("check", check=False).returncode != 0
    finally:
        told.s.config.write_text(text)
    told.s.cli("reload")


def test_a_flood_becomes_a_number():
    told = Told(per_hour=3)
    try:
        for _ in range(6):
            told.s.cli("user", "recovery", "ann")
        wait_for(lambda: len(told.mails("recovery.made")) + len(told.mails("totp.set")) >= 3, 30)
        waiting = [n for n in told.s.json("notice", "list")["notices"] if n["by"] == "mail"]
        assert [n["event"] for n in waiting] == ["notice.more"] and waiting[0]["folded"] >= 3
        assert len(told.mails("recovery.made")) <= 3
    finally:
        told.close()
