"""The courier and directories: the test is its keeper, the directory a real slapd; who lies is a stand-in."""
import contextlib
import itertools
import socket
import time

import pytest

import directories
import pki
from directories import BASE, PASSWORD, READER, READER_PASSWORD, Slapd, dn, group, group_dn, person
from test_courier import Courier

pytestmark = pytest.mark.skipif(directories.SLAPD is None, reason="slapd is not installed")

OK, REFUSED, ABSENT, AMBIGUOUS, DISABLED, DOWN, FAULT = range(7)
SIGNIN, LOOK = range(2)
NONE, MEMBER_OF, SEARCH, IN_CHAIN = range(4)
LDAP, ACTIVE = range(2)

HOSTILE = ["a*b", "a(b)", "back\\slash", "J\u00f6rg M\u00fcller", "comma, name", "plus+equal=", "hash#", "quote\"d"]
MANY = 40


def entries():
    return [
        person("alice"), person("bob"), person("twin"), person("twin", ou="elsewhere"),
        person("loop"), person("crowd"),
        *(person(name) for name in ("mallory",)),
        *((f"cn=h{i},ou=people,{BASE}", {"objectClass": ["inetOrgPerson"], "cn": [f"h{i}"], "sn": ["h"], "uid": [name],
                                         "userPassword": [PASSWORD]}) for i, name in enumerate(HOSTILE)),
        (f"cn=Doe\\2C Jane \\28x\\29,ou=people,{BASE}", {"objectClass": ["inetOrgPerson"], "cn": ["Doe, Jane (x)"],
                                                         "sn": ["Doe"], "uid": ["jane"], "userPassword": [PASSWORD]}),
        group("ops", dn("alice"), f"cn=Doe\\2C Jane \\28x\\29,ou=people,{BASE}"),
        group("Admins\\2C all", group_dn("ops")),
        group("top", group_dn("Admins\\2C all")),
        group("l1", dn("loop"), group_dn("l2")), group("l2", group_dn("l1")),
        *(group(f"g{i:03}", dn("crowd")) for i in range(MANY)),
        (f"cn=unix,ou=groups,{BASE}", {"objectClass": ["posixGroup"], "cn": ["unix"], "gidNumber": ["7"],
                                       "memberUid": ["alice", "jane"]}),
    ]


@pytest.fixture(scope="module")
def slapd(authority):
    with Slapd(authority, entries()) as s:
        yield s


@pytest.fixture(scope="module")
def courier():
    with Courier(sandbox="strict") as c:
        yield c
        assert c.process.poll() is None


def ask(courier, authority, server, user, password=PASSWORD, **more):
    """One question, as the keeper puts it. user: with the escapes that it makes."""
    values = {
        "purpose": SIGNIN if password else LOOK, "patience_ms": 8000,
        "servers": server if isinstance(server, str) else "\n".join(server),
        "authorities": authority.pem, "account": READER, "account_password": READER_PASSWORD, "base": BASE,
        "filter": f"(&(objectClass=person)(uid={user}))", "flavour": LDAP, "name_attribute": "uid",
        "id_attribute": "entryUUID", "groups_from": MEMBER_OF, "group_base": "", "group_filter": "", "group_depth": 4,
        "password": password or "", **more}
    return courier.keeper.ask("bind", timeout=30, **values)


def groups(answer):
    return sorted(answer.groups.decode().split("\n")) if answer.groups else []


@pytest.mark.parametrize("how", ["ldaps", "ldap"])
def test_the_right_password_is_taken_over_tls_from_the_start_and_over_starttls(courier, authority, slapd, how):
    answer = ask(courier, authority, getattr(slapd, how), "alice")
    assert (answer.result, answer.text) == (OK, b"")
    assert answer.dn.decode() == dn("alice") and answer.login == b"alice"
    # entryUUID, 36 letters, in hex.
    assert len(bytes.fromhex(answer.id.decode())) == 36
    assert answer.server.decode() == getattr(slapd, how)
    wrong = ask(courier, authority, getattr(slapd, how), "alice", password="wrong")
    # Against whom the failure counts, and nothing more.
    assert wrong.result == REFUSED and wrong.id == answer.id and not wrong.groups


def test_a_name_that_is_not_there_and_one_that_is_there_twice_are_nobody(courier, authority, slapd):
    assert ask(courier, authority, slapd.ldaps, "nobody").result == ABSENT
    twice = ask(courier, authority, slapd.ldaps, "twin")
    assert twice.result == AMBIGUOUS and not twice.dn
    # All of them.
    assert ask(courier, authority, slapd.ldaps, "*").result == AMBIGUOUS


def test_a_look_needs_no_password_and_gives_the_same(courier, authority, slapd):
    signed, looked = ask(courier, authority, slapd.ldaps, "alice"), ask(courier, authority, slapd.ldaps, "alice", password=None)
    assert looked.result == OK
    for field in ("dn", "id", "login", "groups", "omitted"):
        assert getattr(signed, field) == getattr(looked, field)


def test_hostile_names_are_found_as_what_they_are(courier, authority, slapd):
    def escaped(name):
        return "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\{b:02x}" for b in name.encode())
    for name in HOSTILE:
        answer = ask(courier, authority, slapd.ldaps, escaped(name))
        assert (answer.result, answer.login.decode()) == (OK, name)
    assert ask(courier, authority, slapd.ldaps, escaped("*)(uid=alice")).result == ABSENT


NESTED = [group_dn("Admins\\2C all"), group_dn("ops"), group_dn("top")]


@pytest.mark.parametrize("how, filter, base", [
    (MEMBER_OF, "", ""), (SEARCH, "(&(objectClass=groupOfNames)(member={dn}))", f"ou=groups,{BASE}")])
def test_groups_are_followed_into_each_other(courier, authority, slapd, how, filter, base):
    def of(user, **more):
        return groups(ask(courier, authority, slapd.ldaps, user, groups_from=how, group_filter=filter, group_base=base, **more))
    assert of("alice") == NESTED
    # With a comma and brackets in the name.
    assert of("jane") == NESTED
    assert of("bob") == []
    assert of("alice", group_depth=0) == [group_dn("ops")]
    assert of("alice", group_depth=1) == [group_dn("Admins\\2C all"), group_dn("ops")]
    # Two groups in each other: each once.
    assert of("loop", group_depth=16) == [group_dn("l1"), group_dn("l2")]
    assert len(of("crowd")) == MANY


def test_posix_groups_are_found_by_the_name(courier, authority, slapd):
    answer = ask(courier, authority, slapd.ldaps, "alice", groups_from=SEARCH, group_base=f"ou=groups,{BASE}",
                 group_filter="(&(objectClass=posixGroup)(memberUid={user}))")
    assert groups(answer) == [group_dn("unix")]


def test_an_empty_password_reaches_no_directory(courier, authority, slapd):
    with Courier() as other:
        other.keeper.send("bind", purpose=SIGNIN, patience_ms=1000, servers=slapd.ldaps, authorities=authority.pem,
                          account=READER, account_password=READER_PASSWORD, base=BASE, filter="(uid=alice)", flavour=0,
                          name_attribute="uid", id_attribute="entryUUID", groups_from=0, group_base="", group_filter="",
                          group_depth=0, password="")
        # No keeper asks this: the channel breaks.
        with pytest.raises(Exception):
            other.keeper.expect("bound", timeout=5)


def test_an_account_that_may_not_search_is_a_fault_and_no_verdict(courier, authority, slapd):
    answer = ask(courier, authority, slapd.ldaps, "alice", account_password="wrong")
    assert answer.result == FAULT and b"account that searches is refused" in answer.text
    answer = ask(courier, authority, slapd.ldaps, "alice", base="dc=other")
    assert answer.result == FAULT and b"No such object" in answer.text
    answer = ask(courier, authority, slapd.ldaps, "alice", name_attribute="telephoneNumber")
    assert answer.result == FAULT and b"exactly one value" in answer.text


def test_a_locked_entry_is_disabled_with_password_and_without(courier, authority):
    # Real attributes of other makers' directories, which slapd has in its own schema.
    extra = ("attributetype ( 1.3.6.1.4.1.9999.1 NAME 'nsAccountLock' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
             "objectclass ( 1.3.6.1.4.1.9999.2 NAME 'lockable' AUXILIARY MAY nsAccountLock )\n")
    with Slapd(authority, security=extra) as s:
        name, attributes = person("carol")
        s.add([(name, {**attributes, "objectClass": ["inetOrgPerson", "lockable"], "nsAccountLock": ["true"]})])
        for password in (PASSWORD, None):
            assert ask(courier, authority, s.ldaps, "carol", password=password).result == DISABLED


# ---- who is believed

def test_a_certificate_of_somebody_else_is_not_believed(courier, authority, slapd):
    other = pki.Authority("Somebody else")
    with contextlib.closing(other):
        for url in (slapd.ldaps, slapd.ldap):
            answer = ask(courier, other, url, "alice")
            assert answer.result == DOWN and b"not trusted" in answer.text
    # The system knows this authority as little.
    for url in (slapd.ldaps, slapd.ldap):
        answer = ask(courier, authority, url, "alice", authorities="")
        assert answer.result == DOWN and b"not trusted" in answer.text


@pytest.mark.parametrize("names, days", [(("other.test",), 30), (("127.0.0.2",), 30), (("127.0.0.1",), 0)])
def test_a_certificate_for_another_name_or_another_time_is_not_believed(courier, authority, names, days):
    with Slapd(authority, [person("alice")], pair=authority.issue(*names, days=days)) as s:
        for url in (s.ldaps, s.ldap):
            answer = ask(courier, authority, url, "alice")
            assert answer.result == DOWN and b"not trusted" in answer.text, answer.text


def test_nothing_is_said_before_starttls(authority):
    said = []

    def answer(number, tag, raw, sock):
        return directories.result(number, directories.BOUND)
    pair = authority.issue("127.0.0.1")
    server = directories.Hostile(pair, answer, tls=False)
    refuses = directories.Hostile(pair, answer, tls=False)
    refuses._serve = lambda sock: said.append(sock.recv(4096)) or sock.sendall(
        directories.result(1, directories.EXTENDED_IS, code=2)) or said.append(sock.recv(4096))
    with contextlib.closing(server), contextlib.closing(refuses), Courier() as courier:
        assert ask(courier, authority, refuses.url, "alice").result == DOWN
        assert READER_PASSWORD.encode() not in b"".join(said) and PASSWORD.encode() not in b"".join(said)
        assert b"1.3.6.1.4.1.1466.20037" in said[0]
        ask(courier, authority, server.url, "alice")
        assert server.requests[0][0] == directories.EXTENDED and server.requests[1][0] == directories.BIND


def test_what_is_said_in_the_clear_is_no_answer_of_the_protected_connection(authority):
    """An answer to the bind, put behind the answer to StartTLS by somebody on the way."""
    planted = directories.result(2, directories.BOUND)
    server = directories.Hostile(authority.issue("127.0.0.1"), lambda n, *_: directories.result(n, directories.BOUND),
                                 tls=False, before_tls=planted)
    with contextlib.closing(server), Courier() as courier:
        answer = ask(courier, authority, server.url, "alice")
        assert answer.result == DOWN and b"TLS" in answer.text


# ---- servers that are dead, slow, lying

def test_a_dead_server_is_followed_by_the_next_and_then_asked_last(authority, slapd):
    with Courier() as courier, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        mute = f"ldaps://127.0.0.1:{silent.getsockname()[1]}"
        answer = ask(courier, authority, [mute, slapd.ldaps], "alice", patience_ms=4000)
        assert answer.result == OK and answer.server.decode() == slapd.ldaps
        begun = time.monotonic()
        for _ in range(3):
            assert ask(courier, authority, [mute, slapd.ldaps], "alice", patience_ms=20000).result == OK
        # Half of the patience would go to the silent one, each time.
        assert time.monotonic() - begun < 9


def test_with_no_server_alive_the_answer_is_that(courier, authority):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = f"ldaps://127.0.0.1:{s.getsockname()[1]}"
        answer = ask(courier, authority, [url, url.replace("ldaps", "ldap")], "alice")
    assert answer.result == DOWN and b"no connection" in answer.text


def test_a_slow_directory_is_given_up_in_time_and_holds_nobody_else(authority):
    with Slapd(authority, [person("alice")]) as s, Courier() as courier:
        s.slow_down(20)
        begun = time.monotonic()
        for _ in range(10):
            courier.keeper.send("bind", purpose=LOOK, patience_ms=3000, servers=s.ldaps, authorities=authority.pem,
                                account=READER, account_password=READER_PASSWORD, base=BASE, filter="(uid=alice)",
                                flavour=0, name_attribute="uid", id_attribute="entryUUID", groups_from=0, group_base="",
                                group_filter="", group_depth=0, password="")
        # Names are resolved meanwhile.
        courier.keeper.send("resolve", host="localhost")
        seen = []
        while len(seen) < 11:
            seen.append(courier.keeper.receive(timeout=15))
        answers = [m for m in seen if m.name == "bound"]
        assert {m.result for m in answers} == {DOWN} and len(answers) == 10
        assert [m.name for m in seen[:4]].count("resolved") == 1
        assert time.monotonic() - begun < 14


def liar(answer):
    """A stand-in that lets everybody bind and answers searches as a test wants."""
    def reply(number, tag, raw, sock):
        if tag == directories.SEARCH:
            return answer(number, raw, sock)
        return directories.result(number, directories.BOUND)
    return reply


GOOD = {"uid": ["alice"], "entryUUID": ["x" * 36]}

LIES = {
    "more entries than were asked for": (lambda n, raw, sock: b"".join(
        directories.entry(n, dn(f"u{i}"), **GOOD) for i in range(500)) + directories.result(n, directories.DONE), DOWN),
    "two entries": (lambda n, raw, sock: directories.entry(n, dn("a"), **GOOD) + directories.entry(n, dn("b"), **GOOD) +
                    directories.result(n, directories.DONE), AMBIGUOUS),
    "an entry without a name": (lambda n, raw, sock: directories.entry(n, "", **GOOD) +
                                directories.result(n, directories.DONE), FAULT),
    "a name that is none": (lambda n, raw, sock: directories.entry(n, "alice", **GOOD) +
                            directories.result(n, directories.DONE), FAULT),
    "a name with a zero byte": (lambda n, raw, sock: directories.entry(n, "uid=a\0b,dc=x", **GOOD) +
                                directories.result(n, directories.DONE), FAULT),
    "a long name": (lambda n, raw, sock: directories.entry(n, "uid=" + "a" * 5000, **GOOD) +
                    directories.result(n, directories.DONE), FAULT),
    "a long value": (lambda n, raw, sock: directories.entry(n, dn("a"), uid=["a" * 300], entryUUID=["x"]) +
                     directories.result(n, directories.DONE), FAULT),
    "two values": (lambda n, raw, sock: directories.entry(n, dn("a"), uid=["a", "root"], entryUUID=["x"]) +
                   directories.result(n, directories.DONE), FAULT),
    "a referral": (lambda n, raw, sock: directories.result(
        n, directories.DONE, 10, "", directories.ber(0xa3, directories.ber(4, "ldap://127.0.0.1:1/dc=x"))), FAULT),
    "a message of a gigabyte": (lambda n, raw, sock: b"\x30\x84\x40\x00\x00\x00" + b"\x02\x01\x03" + b"x" * 1000, DOWN),
    "a message without end": (lambda n, raw, sock: b"\x30\x80" + b"\x02\x01\x03", DOWN),
    "an endless list": (lambda n, raw, sock: flood(sock, n), DOWN),
    "answers to nobody": (lambda n, raw, sock: b"".join(
        directories.result(77, directories.DONE) for _ in range(1000)), DOWN),
    "noise": (lambda n, raw, sock: bytes(range(256)) * 8, DOWN),
    "nothing": (lambda n, raw, sock: sock.close() or b"", DOWN),
    "a wrong envelope": (lambda n, raw, sock: directories.ber(0x30, directories.ber(2, b"\xff"), b"\x65\x00"), DOWN),
}


def flood(sock, number):
    big = directories.entry(number, dn("a"), memberOf=["cn=" + "g" * 900 + ",dc=x"] * 300)
    for _ in range(4000):
        sock.sendall(big)
    return b""


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_directory_is_not_believed(courier, authority, pair, lie):
    answer, expected = LIES[lie]
    server = directories.Hostile(pair, liar(answer))
    with contextlib.closing(server):
        got = ask(courier, authority, server.url, "alice", patience_ms=3000)
        assert got.result == expected, got
        assert not got.dn and not got.groups
    assert courier.process.poll() is None


def test_groups_that_lie_are_counted_and_left_out(courier, authority, pair):
    planted = ["cn=good,dc=x", "cn=a\ncn=owners,dc=x", "not a name", "cn=" + "x" * 2000, "cn=\0", ""]
    more = itertools.count()

    def search(number, raw, sock):
        if b"objectClass" in raw and b"person" not in raw:
            # Each group is in further ones, without end.
            fresh = [f"cn=g{next(more)},dc=x" for _ in range(width)]
            return directories.entry(number, "cn=x,dc=x", memberOf=fresh) + directories.result(number, directories.DONE)
        return directories.entry(number, dn("a"), **GOOD, memberOf=planted) + directories.result(number, directories.DONE)
    server = directories.Hostile(pair, liar(search))
    with contextlib.closing(server):
        flat = ask(courier, authority, server.url, "alice", group_depth=0)
        assert (flat.result, groups(flat), flat.omitted) == (OK, ["cn=good,dc=x"], len(planted) - 1)
        width = 3
        deep = ask(courier, authority, server.url, "alice", group_depth=16, patience_ms=20000)
        assert deep.result == OK and len(groups(deep)) == 512 and deep.omitted > 0
        width = 600
        wide = ask(courier, authority, server.url, "alice", group_depth=16, patience_ms=20000)
        assert wide.result == DOWN and b"limit" in wide.text and not wide.groups


# ---- Active Directory

def test_active_directory_follows_the_chain_itself(courier, authority, pair):
    asked = []

    def search(number, raw, sock):
        asked.append(raw)
        if b"1.2.840.113556.1.4.1941" in raw:
            return b"".join(directories.entry(number, f"CN={g},DC=x") for g in ("ops", "all")) + \
                directories.result(number, directories.DONE)
        return directories.entry(number, "CN=Alice (x),DC=x", sAMAccountName=["alice"], objectGUID=[bytes(range(16))],
                                 userAccountControl=["512"]) + directories.result(number, directories.DONE)
    server = directories.Hostile(pair, liar(search))
    with contextlib.closing(server):
        answer = ask(courier, authority, server.url, "alice", flavour=ACTIVE, name_attribute="sAMAccountName",
                     id_attribute="objectGUID", groups_from=IN_CHAIN, group_base="DC=x")
    assert (answer.result, groups(answer)) == (OK, ["CN=all,DC=x", "CN=ops,DC=x"])
    assert answer.id == bytes(range(16)).hex().encode()
    assert len(asked) == 2 and b"CN=Alice (x),DC=x" in asked[1]


@pytest.mark.parametrize("control, expires, expected", [
    (["512"], ["0"], OK), (["512"], ["9223372036854775807"], OK), (["514"], ["0"], DISABLED), ([], [], DISABLED),
    (["512"], ["132223104000000000"], DISABLED), (["512"], ["999999999999999999"], OK), (["-1"], [], DISABLED)])
def test_active_directory_says_who_is_disabled(courier, authority, pair, control, expires, expected):
    def search(number, raw, sock):
        return directories.entry(number, "CN=a,DC=x", sAMAccountName=["alice"], objectGUID=[b"g" * 16],
                                 userAccountControl=control, accountExpires=expires) + \
            directories.result(number, directories.DONE)
    server = directories.Hostile(pair, liar(search))
    with contextlib.closing(server):
        answer = ask(courier, authority, server.url, "alice", password=None, flavour=ACTIVE,
                     name_attribute="sAMAccountName", id_attribute="objectGUID", groups_from=NONE)
        assert answer.result == expected


def test_active_directory_says_why_it_refuses(courier, authority, pair):
    def answer(number, tag, raw, sock):
        if tag == directories.SEARCH:
            return directories.entry(number, "CN=a,DC=x", sAMAccountName=["alice"], objectGUID=[b"g" * 16],
                                     userAccountControl=["512"]) + directories.result(number, directories.DONE)
        if PASSWORD.encode() in raw:
            return directories.result(number, directories.BOUND, 49, "80090308: LdapErr: DSID-0C090446, comment: "
                                      "AcceptSecurityContext error, data 775, v4563")
        return directories.result(number, directories.BOUND)
    server = directories.Hostile(pair, answer)
    with contextlib.closing(server):
        got = ask(courier, authority, server.url, "alice", flavour=ACTIVE, name_attribute="sAMAccountName",
                  id_attribute="objectGUID", groups_from=NONE)
    assert (got.result, got.text) == (REFUSED, b"the account is locked")

