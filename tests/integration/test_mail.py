"""The courier and mail servers: the test is its keeper, the server a real one or one that lies."""
import time

import pytest

import pki
from ipcwire import Closed
from postbox import Liar, Postbox
from test_courier import Courier

MESSAGE = "Subject: hello\r\nTo: <ann@example.org>\r\n\r\nfirst\r\n.\r\n.. two dots\r\nlast\r\n"


@pytest.fixture(scope="module")
def courier():
    with Courier(sandbox="strict") as c:
        yield c
        assert c.process.poll() is None


def mail(courier, authority, server, patience_ms=8000, **more):
    values = {"patience_ms": patience_ms, "server": server, "authorities": authority.pem if authority else "",
              "account": "", "password": "", "sender": "postern@example.org", "recipient": "ann@example.org",
              "message": MESSAGE, **more}
    return courier.keeper.ask("mail", timeout=30, **values)


@pytest.mark.parametrize("starttls", (True, False))
def test_a_mail_is_taken_by_a_server_with_tls_and_arrives_as_it_was_sent(courier, authority, pair, starttls):
    with Postbox(pair, starttls) as box:
        assert mail(courier, authority, box.url).taken == 1
        sender, recipients, letter = box.letters[0]
        assert (sender, recipients) == ("postern@example.org", ["ann@example.org"])
        assert letter["Subject"] == "hello"
        assert letter.get_payload() == "first\r\n.\r\n.. two dots\r\nlast\r\n"
        assert len(box.letters) == 1


def test_an_account_is_used_where_one_is_wanted_and_a_wrong_password_is_no_delivery(courier, authority, pair):
    with Postbox(pair, account=("gateway", "pass word")) as box:
        assert mail(courier, authority, box.url, account="gateway", password="pass word").taken == 1
        got = mail(courier, authority, box.url, account="gateway", password="other")
        assert got.taken == 0 and b"(reply 535)" in got.text
        assert mail(courier, authority, box.url).taken == 0
        assert len(box.letters) == 1


def test_a_certificate_of_somebody_else_gets_nothing(courier, authority, pair):
    stranger = pki.Authority()
    try:
        with Postbox(pair) as box, Postbox(stranger.issue("127.0.0.1")) as false, \
                Postbox(authority.issue("127.0.0.2")) as elsewhere, Postbox(pair, starttls=False) as early:
            assert mail(courier, stranger, box.url).taken == 0
            assert mail(courier, None, box.url).taken == 0
            assert mail(courier, authority, false.url).taken == 0
            assert mail(courier, authority, elsewhere.url).taken == 0
            assert mail(courier, stranger, early.url).taken == 0
            assert box.letters == false.letters == elsewhere.letters == early.letters == []
    finally:
        stranger.close()


def test_a_server_that_offers_no_tls_hears_neither_account_nor_letter(courier, authority):
    with Liar(b"220 hello\r\n", b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n", b"250 ok\r\n", b"250 ok\r\n") as liar:
        got = mail(courier, authority, f"smtp://127.0.0.1:{liar.port}", account="gateway", password="secret-word")
        assert got.taken == 0
        assert b"secret-word" not in liar.heard and b"ann@" not in liar.heard and b"MAIL" not in liar.heard


def test_what_comes_before_tls_is_not_taken_for_an_answer_behind_it(courier, authority):
    with Liar(b"220 hello\r\n", b"250-mail\r\n250 STARTTLS\r\n",
              b"220 go on\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n") as liar:
        assert mail(courier, authority, f"smtp://127.0.0.1:{liar.port}", patience_ms=3000).taken == 0


@pytest.mark.parametrize("lines", [(b"",), (b"220 hello\r\n",), (b"220-" + b"x" * 2000000 + b"\r\n",),
                                   (b"\0\xff\r\n" * 1000,), (b"250 ok\r\n",), (b"999999 x\r\n",)])
def test_a_server_that_is_silent_or_talks_nonsense_costs_the_time_that_was_given(courier, authority, lines):
    began = time.monotonic()
    with Liar(*lines) as liar:
        assert mail(courier, authority, f"smtp://127.0.0.1:{liar.port}", patience_ms=1500).taken == 0
    assert time.monotonic() - began < 10


def test_a_refused_recipient_is_no_delivery_and_the_reply_is_told(courier, authority, pair):
    with Postbox(pair) as box:
        box.refuse = "550 no such user \x1b[31m"
        got = mail(courier, authority, box.url)
        assert got.taken == 0 and b"550" in got.text and b"\x1b" not in got.text


@pytest.mark.parametrize("wrong", [{"server": "http://127.0.0.1"}, {"server": "smtp://a/b"}, {"sender": "a"},
                                   {"recipient": "a@b.c>\r\nRCPT TO:<d@e.f"}, {"recipient": "a@b.c,d@e.f"},
                                   {"account": "a\r\nb"}, {"message": ""}])
def test_a_keeper_that_asks_what_none_may_ask_is_not_heard(authority, wrong):
    with Courier(sandbox="strict") as c, pytest.raises(Closed):
        mail(c, authority, wrong.pop("server", "smtp://127.0.0.1:25"), **wrong)
