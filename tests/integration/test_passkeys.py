"""Passkeys at the wire, with an authenticator in software that can be wrong in every part."""
import datetime
import itertools
import json
import re
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

import authenticator as fido
from authenticator import BE, BS, EDDSA, ES256, RS256, UP, UV, Authenticator, Browser
from stack import PASSWORD, Person, Recorder, Stack

REFUSED = "This passkey did not prove who you are."


@pytest.fixture(scope="module")
def site():
    up = Recorder()
    with Stack() as s:
        s.start()
        s.boss = s.owner()
        s.cli("route", "add", "con", up.url, "--allow", "group:owners@local")
        s.cli("route", "add", "hw", up.url)
        s.cli("rule", "add", "hw", "--group", "owners", "--zone", "local", "--route", "hw", "--assurance", "hardware")
        yield s
    up.close()


numbers = itertools.count()


@pytest.fixture
def new(site):
    """Makes people who have just logged in with password and code; their browsers."""
    def make():
        who = site.user(f"p{next(numbers)}", ["owners"])
        assert who.login().status == 303
        return Browser(site, who)
    return make


def stranger(site):
    return Browser(site, Person(site, "nobody"))


def why(site):
    """Of the last refused login."""
    records = [r for r in site.json("audit", "tail", "--limit", "20")["records"] if r["event"] == "login.refused"]
    return json.loads(max(records, key=lambda r: r["seq"])["detail"])["why"]


def assurance(site, user):
    sessions = [s for s in site.json("session", "list", "--user", user)["sessions"] if not s["parent"]]
    return {s["assurance"] for s in sessions}


@pytest.mark.parametrize("alg", [ES256, EDDSA, RS256])
def test_a_key_signs_in_alone_by_name_and_without(site, new, alg):
    owner = new()
    key = Authenticator(alg)
    made = owner.add(key, "Desk key")
    assert made.status == 201, made.text
    name = owner.person.name
    for how in ({}, {"user": name}, {"user": f" {name.upper()} "}):
        fresh = stranger(site)
        answer = fresh.prove(key, **how)
        assert answer.status == 200 and answer.json() == {"location": "/?after=login"}, answer.text
        home = fresh.person.get(site.portal + "/")
        assert home.status == 200
        assert fresh.person.get(site.portal + "/api/v1/whoami").json()["user"] == name
    assert "hardware" in assurance(site, name)
    listed = site.json("user", "passkey", "list", name)["passkeys"]
    assert [(k["name"], k["synced"], k["verifies_user"]) for k in listed] == [("Desk key", False, True)]


def test_a_synced_key_is_phishing_resistant_and_no_hardware(site, new):
    owner = new()
    key = Authenticator(flags=UP | UV | BE)
    assert owner.add(key, "Phone").status == 201
    site.cli("session", "revoke", "--user", owner.person.name)
    key.flags |= BS
    assert stranger(site).prove(key).status == 200
    assert assurance(site, owner.person.name) == {"phishing-resistant"}
    assert site.json("user", "passkey", "list", owner.person.name)["passkeys"][0]["backed_up"] is True


def test_the_way_to_a_console_goes_on_after_the_key(site, new):
    owner = new()
    key = Authenticator()
    assert owner.add(key, "Key").status == 201
    fresh = stranger(site)
    answer, at = fresh.person.follow(fresh.person.get(site.console_url("con", "/here?x=1")), site.console_url("con"))
    back = urllib.parse.urlencode(dict(re.findall(r'type="hidden" name="(to|flow|back)" value="([^"]*)"', answer.text)))
    to = fresh.prove(key, back=back).json()["location"]
    answer, at = fresh.person.follow(fresh.person.get(site.portal + to), site.portal + to)
    assert (answer.status, answer.text) == (200, "ok") and at == site.console_url("con", "/here?x=1")


WRONG = {
    "another origin": ({"origin": "https://evil.example"}, "wrong origin"),
    "the origin of a console": ({"origin": "https://con.postern.localhost:9443"}, "wrong origin"),
    "plain HTTP": ({"origin": "http://postern.localhost"}, "wrong origin"),
    "another site": ({"site": "localhost"}, "key of another site"),
    "another challenge": ({"challenge": fido.b64(bytes(32))}, "wrong challenge"),
    "a challenge cut short": ({"challenge": ""}, "malformed"),
    "the other ceremony": ({"type": "webauthn.create"}, "wrong type"),
    "inside a frame": ({"more": {"crossOrigin": True}}, "asked from another site's page"),
    "below another page": ({"more": {"topOrigin": "https://evil.example"}}, "asked from another site's page"),
    "bytes behind": ({"tail": b"\xa0"}, "malformed"),
    "another handle": ({"handle": fido.b64(bytes(32))}, "of somebody else"),
    "no handle": ({"handle": None}, "of somebody else"),
    "an unknown key": ({"id": b"x" * 32}, "unknown"),
}


@pytest.fixture(scope="module")
def known(site):
    """One person with a key, for all that is refused."""
    who = site.user("known", ["owners"])
    assert who.login().status == 303
    browser, key = Browser(site, who), Authenticator()
    assert browser.add(key, "Key").status == 201
    assert browser.prove(key).status == 200
    return browser, key


def forget(site, name):
    site.cli("user", "enable", name)


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_in_one_part_is_refused_with_one_sentence(site, known, what):
    forget(site, "known")
    wrong, reason = WRONG[what]
    answer = stranger(site).prove(known[1], **wrong)
    assert answer.status == 403 and answer.json()["detail"] == REFUSED, answer.text
    assert why(site) == f"passkey: {reason}"
    assert not any("sso" in c or "console" in c for c in answer.cookies())


@pytest.mark.parametrize("flags,reason", [(UV, "nobody touched it"), (UP, "user not verified"),
                                          (UP | UV | BS, "backup state not possible"),
                                          (UP | UV | BE, "backup state not possible")])
def test_what_the_key_says_of_itself_must_be_possible(site, known, flags, reason):
    forget(site, "known")
    key = known[1]
    before, key.flags = key.flags, flags
    try:
        assert stranger(site).prove(key).status == 403
    finally:
        key.flags = before
    assert why(site) == f"passkey: {reason}"


def test_a_signature_by_another_key_is_refused(site, known):
    forget(site, "known")
    forged = Authenticator(id=known[1].id)
    forged.handle, forged.count = known[1].handle, 1000
    assert stranger(site).prove(forged).status == 403
    assert why(site) == "passkey: wrong signature"


def test_another_port_of_the_same_host_is_another_place(site, known):
    """A page of another service of this machine may ask with the portal's name; what it gets is not taken, whatever
    whoever carries it says about where he is."""
    forget(site, "known")
    other = f"https://{site.host}:8443"
    browser = stranger(site)
    known[1].count += 1
    answer = known[1].get(browser.options("/signin/passkey"), other)
    browser.person.way = {"to": ("127.0.0.1", site.port)}
    taken = browser.person.request("POST", other + "/signin/passkey", body=json.dumps(answer).encode(), navigate=False,
                                   headers=[("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin")])
    assert taken.status == 403 and taken.json()["detail"] == REFUSED, taken.text
    assert why(site) == "passkey: no challenge"


def test_an_answer_is_good_once(site, new):
    owner, key = new(), Authenticator()
    assert owner.add(key, "Key").status == 201
    browser = stranger(site)
    key.count = 1
    answer = key.get(browser.options("/signin/passkey"), site.portal)
    jar = {h: dict(c) for h, c in browser.person.jar.items()}
    assert browser.ask("/signin/passkey", answer).status == 200
    browser.person.jar = jar
    again = browser.ask("/signin/passkey", answer)
    assert again.status == 403 and "too long" in again.json()["detail"]
    # Nor is it in another browser, whose challenge is another one.
    other = stranger(site)
    other.options("/signin/passkey")
    assert other.ask("/signin/passkey", answer).status == 403


def test_a_wrong_answer_uses_the_challenge_up(site, known):
    forget(site, "known")
    browser, key = stranger(site), known[1]
    options = browser.options("/signin/passkey")
    key.count += 1
    wrong = dict(key.get(options, site.portal), signature=fido.b64(b"0" * 70))
    assert browser.ask("/signin/passkey", wrong).status == 403
    assert browser.ask("/signin/passkey", key.get(options, site.portal)).status == 403


def test_a_counter_that_goes_back_disables_the_key(site, new):
    owner, key = new(), Authenticator()
    name = owner.person.name
    assert owner.add(key, "Key").status == 201
    key.count = 10
    assert stranger(site).prove(key).status == 200
    key.count = 4
    assert stranger(site).prove(key).status == 403
    assert why(site) == "passkey: signature counter went back"
    key.count = 100
    assert stranger(site).prove(key).status == 403, "neither the copy nor the original"
    listed = site.json("user", "passkey", "list", name)["passkeys"]
    assert listed[0]["disabled"] is True
    assert any(r["event"] == "passkey.disabled" for r in site.json("audit", "tail", "--limit", "10")["records"])
    site.cli("user", "passkey", "enable", name, listed[0]["id"])
    assert stranger(site).prove(key).status == 200


def test_a_key_belongs_to_one_person_once(site, new):
    first, second, key = new(), new(), Authenticator()
    assert first.add(key, "Key").status == 201
    assert first.prove(key).status == 200
    for browser in (first, second):
        answer = browser.add(key, "Other")
        assert answer.status == 422 and "known already" in answer.json()["detail"]
    twice = first.add(Authenticator(), "Key")
    assert twice.status == 409 and twice.json()["field"] == "name"
    # A key of the first is none of the second, though both have one.
    mine = Authenticator()
    assert second.add(mine, "Key").status == 201
    answer = stranger(site).prove(key, user=second.person.name)
    assert answer.status == 403 and why(site) == "passkey: of somebody else"


CREATION = {
    "another origin": ({"origin": "https://evil.example"}, "wrong origin"),
    "another site": ({"site": "evil.example"}, "key of another site"),
    "another challenge": ({"challenge": fido.b64(b"x" * 32)}, "wrong challenge"),
    "the other ceremony": ({"type": "webauthn.get"}, "wrong type"),
    "inside a frame": ({"more": {"crossOrigin": True}}, "asked from another site's page"),
    "another format": ({"fmt": "fido-u2f"}, "attestation not accepted"),
    "a statement that should be empty": ({"statement": {"x": 1}}, "malformed"),
}


@pytest.mark.parametrize("what", CREATION)
def test_a_new_key_that_is_wrong_in_one_part_is_not_taken(site, known, what):
    wrong, reason = CREATION[what]
    answer = known[0].add(Authenticator(), "Wrong", **wrong)
    assert answer.status == 422 and reason in answer.json()["detail"], answer.text
    assert [k["name"] for k in site.json("user", "passkey", "list", "known")["passkeys"]] == ["Key"]


def test_an_algorithm_that_was_not_asked_for_is_not_taken(site, known):
    key = Authenticator()
    cose = key.cose
    key.cose = lambda: {**cose(), 3: -65535}
    answer = known[0].add(key, "Old")
    assert answer.status == 422 and "algorithm" in answer.json()["detail"]


def test_hostile_cbor_is_refused_and_nothing_falls_over(site, known):
    browser = known[0]
    whole = fido.unb64(Authenticator().create(browser.options("/account/passkeys"), site.portal)["object"])
    hostile = [b"", b"\x9b\x00\x00\x00\x01\x00\x00\x00\x00", b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", b"\x81" * 5000,
               b"\xbf" * 200, whole + b"\0", b"\xa3" + b"\x60\xa0" * 3] + [whole[:n] for n in range(0, len(whole), 37)]
    for cbor in hostile:
        body = Authenticator().create(browser.options("/account/passkeys"), site.portal)
        answer = browser.ask("/account/passkeys", {"name": "x", **body, "object": fido.b64(cbor)})
        assert answer.status == 422, cbor[:20]
    for member, text in (("object", fido.b64(b"\xa0" * 16385)), ("client", fido.b64(b" " * 2049)),
                         ("object", "a+b/"), ("client", "é")):
        body = Authenticator().create(browser.options("/account/passkeys"), site.portal)
        assert browser.ask("/account/passkeys", {"name": "x", **body, member: text}).status == 400
    assert site.json("health")["warnings"] == []


def test_a_challenge_for_a_new_key_is_good_once_and_for_its_session(site, new):
    owner, other = new(), new()
    body = {"name": "x", **Authenticator().create(owner.options("/account/passkeys"), site.portal)}
    other.options("/account/passkeys")
    cookie = {n: v for n, v in owner.person.jar[site.host].items() if "signin" in n}
    mine = {n: v for n, v in other.person.jar[site.host].items() if "signin" not in n}
    assert cookie and len(mine) >= 1
    other.person.jar[site.host] = {**mine, **cookie}
    answer = other.ask("/account/passkeys", body)
    assert answer.status == 403 and "somebody else" in answer.json()["detail"]
    # It was used up by that.
    assert owner.ask("/account/passkeys", body).status == 403
    assert site.json("user", "passkey", "list", owner.person.name)["passkeys"] == []


def test_only_a_browser_with_a_recent_proof_changes_keys(site, new):
    owner = new()
    token = site.json("token", "add", "pk", "--owner", owner.person.name, "--route", "portal")["token"]
    robot = Person(site, "robot")
    bearer = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
    answer = robot.request("POST", site.portal + "/account/passkeys/options", body=b"{}", navigate=False, headers=bearer)
    assert answer.status == 403
    assert robot.request("GET", site.portal + "/api/v1/me/passkeys", navigate=False, headers=bearer).status == 200
    assert stranger(site).ask("/account/passkeys/options", {}).status == 401


@pytest.mark.parametrize("flags, level", [(UP | UV, "hardware"), (UP | UV | BE, "phishing-resistant")])
def test_who_has_a_key_proves_with_it_before_another_comes_or_one_goes(site, new, flags, level):
    """A phished password and code must not make a key of the thief's beside the person's."""
    owner, key, second = new(), Authenticator(flags=flags), Authenticator()
    assert owner.add(key, "Key").status == 201
    where = "/api/v1/me/passkeys/" + owner.ask("/api/v1/me/passkeys", None, "GET").json()["passkeys"][0]["id"]
    for path, method in (("/account/passkeys/options", "POST"), ("/account/passkeys", "POST"), (where, "DELETE")):
        body = {} if path.endswith("options") else {"name": "x", "id": "x", "client": "x", "object": "x"}
        answer = owner.ask(path, body if method == "POST" else None, method)
        assert answer.status == 401 and answer.json()["assurance"] == level, answer.text
    page = owner.person.get(site.portal + "/account/passkeys/add")
    assert page.status in (302, 303) and f"need={level}" in page.get("location")
    assert [k["name"] for k in site.json("user", "passkey", "list", owner.person.name)["passkeys"]] == ["Key"]
    assert owner.prove(key).status == 200
    assert owner.add(second, "Second").status == 201
    assert owner.ask(where, None, "DELETE").status in ((200,) if level == "hardware" else (401,)), "the second is stronger"


def test_a_person_names_and_removes_own_keys(site, new):
    owner, other, key, second = new(), new(), Authenticator(), Authenticator()
    assert owner.add(key, "Key").status == 201
    assert owner.prove(key).status == 200
    assert owner.add(second, "Zweiter Schlüssel").status == 201
    keys = owner.ask("/api/v1/me/passkeys", None, "GET").json()["passkeys"]
    assert {k["name"] for k in keys} == {"Key", "Zweiter Schlüssel"}
    where = f"/api/v1/me/passkeys/{keys[0]['id']}"
    assert other.ask(where, None, "DELETE").status == 404
    assert owner.ask(where, {"name": "‮evil"}, "PUT").status == 422
    assert owner.ask(where, {"name": " Safe "}, "PUT").json()["name"] == "Safe"
    assert owner.ask(where, None, "DELETE").status == 200
    left = site.json("user", "passkey", "list", owner.person.name)["passkeys"]
    assert len(left) == 1 and left[0]["name"] != "Safe"
    site.cli("user", "passkey", "remove", owner.person.name, left[0]["id"])
    assert owner.person.get(site.portal + "/").status == 303, "the sessions ended with it"
    assert site.json("user", "passkey", "list", owner.person.name)["passkeys"] == []


def test_an_administrator_can_not_invite_anew_who_has_a_passkey_only(site, new):
    """Whoever takes the last key away could else be that person by the link that comes next."""
    boss = new()
    code = enrol_code(site, "only-key")
    browser, key = stranger(site), Authenticator()
    assert browser.ask("/signin/enrol", {"code": code, "name": "Key", **key.create(
        browser.options("/signin/enrol", code=code), site.portal)}).status == 201
    user = "/api/v1/users/only-key"
    shown = boss.ask(user, None, "GET").json()
    assert (shown["passkeys"], shown["password"]) == (1, "none")
    assert boss.ask(user + "/enrol", {}).status == 409
    only = boss.ask(user + "/passkeys", None, "GET").json()["passkeys"][0]["id"]
    assert boss.ask(f"{user}/passkeys/{only}", None, "DELETE").status == 409
    assert stranger(site).prove(key).status == 200
    reset = boss.ask(user + "/reset", {"lost": ["passkeys"]})
    assert reset.status == 200 and reset.json()["confirm"] is True, reset.text
    assert stranger(site).prove(key).status == 403
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(reset.json()["link"]).query)["code"][0]
    assert stranger(site).ask("/signin/enrol/options", {"code": code}).status == 403, "the link waits for an approver"
    assert boss.ask(f"/api/v1/users/{boss.person.name}/reset", {"lost": ["passkeys"]}).status == 409


def test_a_rule_tells_a_key_that_stays_on_its_device_from_one_that_does_not(site, new):
    for flags, status in ((UP | UV, 200), (UP | UV | BE, 403)):
        owner, key = new(), Authenticator(flags=flags)
        assert owner.add(key, "Key").status == 201
        browser = stranger(site)
        assert browser.prove(key).status == 200
        url = site.console_url("hw", "/")
        answer, at = browser.person.follow(browser.person.get(url), url)
        assert (answer.text == "ok") == (status == 200), (flags, at, answer.status)


# ---- names tell nothing ----

def shape(options):
    return {k: (len(v) if k == "challenge" else v) for k, v in options.items() if k != "allowCredentials"}


def test_a_name_without_a_key_looks_like_one_with(site, known):
    site.user("keyless")
    real = stranger(site).options("/signin/passkey", user="known")
    assert [c["id"] for c in real["allowCredentials"]] == [fido.b64(known[1].id)]
    for name in ("keyless", "no-such-person", "Not a name!"):
        first, again = (stranger(site).options("/signin/passkey", user=name) for _ in range(2))
        assert shape(first) == shape(real)
        assert first["allowCredentials"] == again["allowCredentials"] and 1 <= len(first["allowCredentials"]) <= 4
        assert all(c["type"] == "public-key" and len(fido.unb64(c["id"])) in (16, 20, 32, 48, 64)
                   for c in first["allowCredentials"])
    assert stranger(site).options("/signin/passkey")["allowCredentials"] == []


# ---- after a password ----

def second(site, user, password=PASSWORD):
    browser = stranger(site)
    answer = browser.person.post(site.portal + "/login", {"user": user, "password": password, "code": ""})
    assert (answer.status, answer.get("location")) == (303, "/signin/second")
    return browser


def test_a_security_key_that_knows_nobody_is_a_second_factor(site, new):
    owner, key = new(), Authenticator(flags=UP)
    assert owner.add(key, "Stick").status == 201
    name = owner.person.name
    key.handle = None
    assert stranger(site).prove(key, user=name).status == 403, "alone it is not enough"
    site.cli("session", "revoke", "--user", name)
    browser = second(site, name)
    key.count += 1
    answer = browser.ask("/signin/second/passkey", key.get(browser.options("/signin/second"), site.portal))
    assert answer.status == 200, answer.text
    assert browser.person.get(site.portal + "/").status == 200
    assert assurance(site, name) <= {"phishing-resistant", "hardware"} and assurance(site, name)


def test_the_second_page_is_the_same_for_a_wrong_password(site, new):
    owner, key = new(), Authenticator()
    name = owner.person.name
    assert owner.add(key, "Key").status == 201
    right, wrong = second(site, name), second(site, name, "wrong horse battery staple")
    lists = [b.options("/signin/second") for b in (right, wrong)]
    assert shape(lists[0]) == shape(lists[1])
    assert lists[0]["allowCredentials"] == lists[1]["allowCredentials"] == [{"type": "public-key", "id": fido.b64(key.id)}]
    key.count += 1
    answer = wrong.ask("/signin/second/passkey", key.get(lists[1], site.portal))
    assert answer.status == 403 and answer.json()["detail"] == REFUSED
    key.count += 1
    assert right.ask("/signin/second/passkey", key.get(lists[0], site.portal)).status == 200
    nobody = second(site, "no-such-person")
    assert nobody.options("/signin/second")["allowCredentials"]


def test_a_failed_key_leaves_the_code_to_try(site, new):
    owner = new()
    browser = second(site, owner.person.name)
    answer = Authenticator().get(browser.options("/signin/second"), site.portal)
    assert browser.ask("/signin/second/passkey", answer).status == 403
    page = browser.person.get(site.portal + "/signin/second")
    assert page.status == 200 and 'name="code"' in page.text


# ---- enrolment ----

def enrol_code(site, name):
    site.cli("user", "add", name, "--group", "owners", "--enrol")
    return site.json("user", "enrol", name)["enrol"]["code"]


def test_a_link_is_used_up_by_a_passkey_alone(site):
    code = enrol_code(site, "fresh")
    browser, key = stranger(site), Authenticator()
    options = browser.options("/signin/enrol", code=code)
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["user"]["name"] == "fresh" and len(fido.unb64(options["user"]["id"])) == 32
    answer = browser.ask("/signin/enrol", {"code": code, "name": "First", **key.create(options, site.portal)})
    assert answer.status == 201 and answer.json() == {"location": "/login"}, answer.text
    assert browser.ask("/signin/enrol/options", {"code": code}).status == 410
    assert browser.person.get(site.portal + f"/enrol?code={code}").status == 410
    browser = stranger(site)
    assert browser.prove(key).status == 200
    # The only way in is not removed by its owner.
    only = browser.ask("/api/v1/me/passkeys", None, "GET").json()["passkeys"][0]["id"]
    assert browser.ask(f"/api/v1/me/passkeys/{only}", None, "DELETE").status == 409


def test_an_enrolment_that_fails_leaves_link_and_person_as_they_were(site):
    code, other = enrol_code(site, "half"), enrol_code(site, "other-half")
    browser = stranger(site)
    body = lambda **wrong: {"code": code, "name": "x", **Authenticator().create(
        browser.options("/signin/enrol", code=code), site.portal, **wrong)}
    assert browser.ask("/signin/enrol", body(origin="https://evil.example")).status == 422
    unverified = Authenticator(flags=UP).create(browser.options("/signin/enrol", code=code), site.portal)
    assert browser.ask("/signin/enrol", {"code": code, "name": "x", **unverified}).status == 422
    assert browser.ask("/signin/enrol", {**body(), "code": other}).status == 403
    assert browser.ask("/signin/enrol", {**body(), "code": "x" * 43}).status == 410
    assert site.json("user", "passkey", "list", "half")["passkeys"] == []
    assert browser.person.get(site.portal + f"/enrol?code={code}").status == 200
    assert browser.ask("/signin/enrol", body()).status == 201


# ---- makers ----

def maker():
    """A root, and a certificate for devices below it."""
    names = [x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"),
                        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Maker"),
                        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
                        x509.NameAttribute(NameOID.COMMON_NAME, unit)]) for unit in ("Root", "Authenticator Attestation")]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in names]
    made = []
    for name, key, ca in zip(names, keys, (True, False)):
        now = datetime.datetime.utcnow()
        made.append(x509.CertificateBuilder().subject_name(name).issuer_name(names[0]).public_key(key.public_key())
                    .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
                    .not_valid_after(now + datetime.timedelta(days=9))
                    .add_extension(x509.BasicConstraints(ca, None), True).sign(keys[0], hashes.SHA256()))
    return made[0], made[1], keys[1]


def test_only_a_listed_maker_is_taken_when_the_configuration_lists_makers():
    good, bad = maker(), maker()
    with Stack(extra_yaml="authentication:\n  passkey_roots_file: makers.pem\n") as s:
        s.secret("makers.pem", good[0].public_bytes(Encoding.PEM).decode())
        s.start()
        browser = Browser(s, s.owner())
        assert browser.person.login().status == 303
        assert browser.options("/account/passkeys")["attestation"] == "direct"

        def attested(by):
            key = Authenticator()
            key.maker = by
            return browser.add(key, "Key", fmt="packed" if by else "none")
        for by in (None, bad):
            answer = attested(by)
            assert answer.status == 422 and "attestation" in answer.json()["detail"], answer.text
        plain = browser.add(Authenticator(), "Key", fmt="packed")
        assert plain.status == 422 and "attestation" in plain.json()["detail"], "a key's own word is none"
        assert attested(good).status == 201
        assert s.json("user", "passkey", "list", "owner")["passkeys"][0]["attested"] is True
        s.secret("makers.pem", "nothing")
        broken = s.cli("reload", check=False)
        assert broken.returncode != 0 and "passkey_roots_file" in broken.stdout + broken.stderr
