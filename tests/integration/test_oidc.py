"""Signing in by an OpenID provider: the whole service, and a provider that does what a test says."""
import json
import time
import urllib.parse

import pytest

import stack
from authenticator import UP, Authenticator, Browser
from openid import EVENT, Key, Provider, b64
from stack import Person, Stack

ACR = "urn:test:phr"


def config(name, provider, authority, **more):
    keys = {"title": f"Provider <{name}>", "issuer": provider.url, "client_id": provider.client,
            "client_secret_file": f"{name}.secret", "ca": authority.pem, "create": True, "timeout": "2s",
            "scopes": ["profile", "groups"], "assurance": [f"acr:{ACR}=phishing-resistant", "amr:mfa=mfa"],
            "groups": ["operators=ops-team", "auditors=aud"], **more}
    return f"  {name}: {json.dumps(keys)}\n"


@pytest.fixture(scope="module")
def site(authority, pair):
    op, other = Provider(pair), Provider(pair)
    s = Stack(extra_yaml="providers:\n" + config("work", op, authority, acr_values=[ACR], max_age="1h") +
              config("other", other, authority, create=False))
    try:
        for name in ("work", "other"):
            s.secret(f"{name}.secret", op.secret + "\n")
        s.start()
        s.admin = s.owner()
        assert s.admin.login().status == 303
        s.op, s.other = op, other
        yield s
    finally:
        s.close()
        op.close()
        other.close()


@pytest.fixture(autouse=True)
def honest(site):
    """Each test begins with a provider that lies about nothing, and somebody new there."""
    honest.count = getattr(honest, "count", 0) + 1
    for op in (site.op, site.other):
        op.key, op.keys = op.keys[0], op.keys[:1]
        op.claims, op.header, op.signer, op.document, op.override, op.says_iss = {}, {}, None, {}, {}, True
        op.who = {"sub": f"subject-{honest.count}", "preferred_username": f"p{honest.count}@example.com", "acr": ACR}
    yield


def browser(site, name="somebody"):
    who = Person(site, name)
    # A place of each test's own: attempts from one place slow down the next ones from there.
    who.way = {"source": f"127.1.{honest.count // 200}.{honest.count % 200 + 1}"}
    return who


def depart(site, who, provider="work", query=""):
    """To the provider: its address."""
    answer = who.get(f"{site.portal}/signin/provider/{provider}{query}")
    assert answer.status == 303, (answer.status, answer.text)
    return answer.get("location")


def comes_back(who, url):
    """As a browser does that another site sends."""
    return who.request("GET", url, navigate=False, headers=[
        ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Site", "cross-site"), ("Accept", "text/html")])


def sign_in(site, who, provider="work", query=""):
    op = site.op if provider == "work" else site.other
    return comes_back(who, op.visit(depart(site, who, provider, query)))


def is_in(site, who):
    return who.get(site.portal + "/").status == 200


def audit(site, event):
    return [r for r in site.json("audit", "tail", "--limit", "100")["records"] if r["event"] == event]


def refusals(site):
    return [json.loads(r["detail"] or "{}").get("why") for r in sorted(audit(site, "login.refused"), key=lambda r: r["seq"])]


def refused(site, who, answer, why):
    assert answer.status == 403, answer.text
    assert not is_in(site, who)
    assert refusals(site)[-1] == why


def test_the_login_page_leads_to_every_provider_with_its_title_escaped(site):
    page = browser(site).get(site.portal + "/login").text
    assert 'href="/signin/provider/work"' in page and 'href="/signin/provider/other"' in page
    assert "Log in with Provider &lt;work&gt;" in page


def test_somebody_new_becomes_a_user_and_is_on_with_what_the_provider_vouches_for(site):
    who = browser(site)
    site.op.who["groups"] = ["ops-team", "nothing"]
    answer = sign_in(site, who)
    assert answer.status == 303 and answer.get("location") == "/?after=login", answer.text
    assert is_in(site, who)
    name = site.op.who["preferred_username"].split("@")[0]
    user = site.json("user", "show", name)
    assert user["groups"] == ["operators"]
    session = [s for s in site.json("session", "list", "--user", name)["sessions"]][0]
    assert session["assurance"] == "phishing-resistant"
    links = site.json("user", "identities", name)["identities"]
    assert [(i["provider"], i["subject"]) for i in links] == [("work", site.op.who["sub"])]
    q = site.op.seen
    assert q["response_type"] == "code" and q["code_challenge_method"] == "S256" and q["acr_values"] == ACR
    assert q["scope"] == "openid profile groups" and q["max_age"] == "3600"
    assert q["redirect_uri"] == site.portal + "/signin/callback"


def test_groups_follow_the_token_and_others_are_left_alone(site):
    site.op.who["groups"] = ["ops-team"]
    assert sign_in(site, browser(site)).status == 303
    name = site.op.who["preferred_username"].split("@")[0]
    site.cli("group", "add", "own" + name)
    site.cli("user", "groups", name, "operators", "own" + name)
    site.op.who["groups"] = "aud"
    assert sign_in(site, browser(site)).status == 303
    assert site.json("user", "show", name)["groups"] == sorted(["auditors", "own" + name])


def test_a_word_that_is_worth_a_password_needs_a_second_factor(site):
    known = site.user(f"second{honest.count}")
    site.cli("user", "link", known.name, "other", site.other.who["sub"])
    site.other.who["acr"] = "urn:test:unknown"
    who = browser(site)
    answer = sign_in(site, who, "other")
    assert answer.status == 303 and answer.get("location") == "/signin/second" and not is_in(site, who)
    done = who.post(site.portal + "/signin/second", {"code": known.next_code()})
    assert done.status == 303 and is_in(site, who)
    # And the provider ends this session as well, by its own name for it.
    assert backchannel(site, site.other, "other", sub=None, sid="sid-1").status == 200
    assert not is_in(site, who)


def test_an_administrator_does_not_invite_whom_a_provider_vouches_for(site):
    assert sign_in(site, browser(site)).status == 303
    name = site.op.who["preferred_username"].split("@")[0]
    admin = site.user(f"admin{honest.count}", ["owners"])
    admin.way = {"source": f"127.2.1.{honest.count}"}
    assert admin.login().status == 303
    answer = admin.request("POST", f"{site.portal}/api/v1/users/{name}/enrol", body=b"", navigate=False,
                           headers=[("Sec-Fetch-Site", "same-origin")])
    assert answer.status == 409, "with this link the administrator could be this person"
    assert site.json("user", "show", name)["enrol_until"] is None
    assert "link" in site.json("user", "enrol", name)["enrol"], "the owner of the host may"


@pytest.mark.parametrize("by", ["key", "code"])
def test_a_provider_ends_the_session_that_a_security_key_has_completed(site, by):
    known = site.user(f"completed{honest.count}")
    known.way = {"source": f"127.2.0.{honest.count}"}
    assert known.login().status == 303
    key = Authenticator(flags=UP)
    assert Browser(site, known).add(key, "Stick").status == 201
    site.cli("user", "link", known.name, "other", site.other.who["sub"])
    site.other.who["acr"] = "urn:test:unknown"
    site.other.claims = {"sid": f"completed{honest.count}"}
    who = browser(site)
    assert sign_in(site, who, "other").get("location") == "/signin/second"
    page = Browser(site, who)
    options = page.options("/signin/second")
    key.count += 1
    if by == "key":
        assert page.ask("/signin/second/passkey", key.get(options, site.portal)).status == 200
    else:  # The question was asked, and then a code was typed.
        code = site.json("user", "recovery", known.name)["recovery"][0]
        assert who.post(site.portal + "/signin/second", {"code": code}).status == 303
    assert is_in(site, who)
    assert backchannel(site, site.other, "other", sub=None, sid=f"completed{honest.count}").status == 200
    assert not is_in(site, who)


@pytest.mark.parametrize("auth_time", [None, -7200])
def test_what_was_proven_too_long_ago_counts_as_a_password(site, auth_time):
    site.op.claims = {"auth_time": auth_time and int(time.time()) + auth_time}
    answer = sign_in(site, browser(site))
    assert (answer.status, answer.get("location")) == (303, "/signin/second")


def test_amr_counts_by_the_table(site):
    site.op.who.update(acr=None, amr=["pwd", "mfa"])
    who = browser(site)
    assert sign_in(site, who).get("location") == "/?after=login" and is_in(site, who)


def test_unknown_people_of_a_provider_that_makes_none_stay_outside(site):
    who = browser(site)
    refused(site, who, sign_in(site, who, "other"), "unknown")


def test_a_user_of_ours_is_not_taken_over_by_a_namesake(site):
    site.user(f"namesake{honest.count}")
    site.op.who["preferred_username"] = f"namesake{honest.count}"
    who = browser(site)
    refused(site, who, sign_in(site, who), "taken")


def test_the_same_subject_of_another_issuer_is_another_person(site):
    assert sign_in(site, browser(site)).status == 303
    site.other.who["sub"] = site.op.who["sub"]
    who = browser(site)
    refused(site, who, sign_in(site, who, "other"), "unknown")


def test_a_disabled_user_stays_outside(site):
    assert sign_in(site, browser(site)).status == 303
    site.cli("user", "disable", site.op.who["preferred_username"].split("@")[0])
    who = browser(site)
    refused(site, who, sign_in(site, who), "disabled")


def test_an_identity_that_was_unlinked_is_nobody(site):
    known = site.user(f"unlinked{honest.count}")
    site.cli("user", "link", known.name, "other", site.other.who["sub"])
    assert sign_in(site, browser(site), "other").status == 303
    site.cli("user", "unlink", known.name, "other", site.other.who["sub"])
    who = browser(site)
    refused(site, who, sign_in(site, who, "other"), "unknown")


def test_only_this_host_links_and_an_identity_has_one_user(site):
    first, second = site.user(f"one{honest.count}"), site.user(f"two{honest.count}")
    site.cli("user", "link", first.name, "other", "shared")
    assert site.cli("user", "link", second.name, "other", "shared", check=False).returncode != 0
    token = site.json("token", "add", f"t{honest.count}", "--owner", "owner", "--route", "portal")["token"]
    answer = site.anonymous("POST", f"{site.portal}/api/v1/users/{second.name}/identities", navigate=False,
                            body=b'{"provider":"other","subject":"mine"}',
                            headers=[("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")])
    assert answer.status == 403


# ---- classic attacks on tokens ----

def ATTACKS():
    now = int(time.time())
    thief = Key("one")
    yield "unsigned", "token", dict(header={"alg": "none"}, signer=lambda t: b"")
    yield "none with a signature", "token", dict(header={"alg": "nOnE"})
    yield "public key as shared secret", "token", dict(header={"alg": "HS256"}, signer="shared")
    yield "key of a thief under the right name", "signature", dict(signer=thief.sign)
    yield "key in the header", "signature", dict(header={"jwk": thief.jwk}, signer=thief.sign)
    yield "address of keys in the header", "signature", dict(header={"jku": "https://127.0.0.1:1/keys"}, signer=thief.sign)
    yield "unknown key", "signature", dict(header={"kid": "../../one"}, signer=thief.sign)
    yield "algorithm of another key type", "signature", dict(header={"alg": "RS256"})
    yield "critical header", "token", dict(header={"crit": ["b64"], "b64": False})
    yield "no signature", "token", dict(signer=lambda t: b"")
    yield "zeroes", "signature", dict(signer=lambda t: bytes(64))
    yield "another issuer", "issuer", dict(claims={"iss": "https://evil.example"})
    yield "another client", "audience", dict(claims={"aud": "somebody-else"})
    yield "several clients and no party", "audience", dict(claims={"aud": ["postern", "somebody-else"]})
    yield "another party", "audience", dict(claims={"azp": "somebody-else"})
    yield "expired", "expired", dict(claims={"exp": now - 120, "iat": now - 200})
    yield "not yet", "not yet", dict(claims={"nbf": now + 4000})
    yield "of the future", "not yet", dict(claims={"iat": now + 4000, "exp": now + 5000})
    yield "an old one", "old", dict(claims={"iat": now - 5000})
    yield "no expiry", "times", dict(claims={"exp": None})
    yield "expiry as text", "times", dict(claims={"exp": str(now + 300)})
    yield "another nonce", "nonce", dict(claims={"nonce": "x"})
    yield "no nonce", "nonce", dict(claims={"nonce": None})
    yield "nobody", "subject", dict(claims={"sub": None})
    yield "logout token", "type", dict(claims={"events": {EVENT: {}}})
    yield "access token", "type", dict(header={"typ": "at+jwt"})


@pytest.mark.parametrize("index", range(26))
def test_a_classic_attack_on_the_token_is_refused(site, index):
    name, why, knobs = list(ATTACKS())[index]
    op = site.op
    for knob, value in knobs.items():
        setattr(op, knob, op.key.shared_secret if value == "shared" else value)
    who = browser(site)
    refused(site, who, sign_in(site, who), why)


def test_every_attack_of_the_list_is_run():
    assert len(list(ATTACKS())) == 26


def test_repeated_names_in_the_claims_are_refused(site):
    op = site.op

    def token(q):
        text = json.dumps({"iss": op.url, "aud": op.client, "nonce": q["nonce"], "iat": int(time.time()),
                           "exp": int(time.time()) + 300, "sub": "x"})
        head = b64(json.dumps({"alg": "ES256", "kid": "one"}).encode())
        body = f"{head}.{b64(text.replace('}', ', %ssub%s: %sowner%s}' % ((chr(34),) * 4)).encode())}"
        return f"{body}.{b64(op.key.sign(body.encode()))}"
    op.identity_token = token
    try:
        who = browser(site)
        refused(site, who, sign_in(site, who), "token")
    finally:
        del op.identity_token


# ---- attacks on the way ----

def test_a_callback_is_good_once_and_only_in_the_browser_that_began(site):
    who, thief = browser(site), browser(site)
    back = site.op.visit(depart(site, who))
    depart(site, thief)
    assert comes_back(thief, back).status == 403 and not is_in(site, thief)
    assert comes_back(browser(site), back).status == 403
    assert comes_back(who, back).status == 303 and is_in(site, who)
    again = comes_back(who, back)
    assert again.status == 403 and "Begin again" in again.text


@pytest.mark.parametrize("change,why", [
    (lambda q: {**q, "state": "x" * 43}, "state"), (lambda q: {k: v for k, v in q.items() if k != "state"}, "state"),
    (lambda q: {**q, "iss": "https://evil.example"}, "issuer"), (lambda q: {k: v for k, v in q.items() if k != "iss"}, "issuer"),
    (lambda q: {**q, "code": "guessed"}, "code"), (lambda q: {k: v for k, v in q.items() if k != "code"}, "callback"),
    (lambda q: {**q, "code": ["a", "b"]}, "callback"), (lambda q: {**q, "error": "access_denied"}, "provider"),
], ids=["state", "no-state", "iss", "no-iss", "code", "no-code", "two-codes", "error"])
def test_an_answer_that_was_changed_on_the_way_is_refused(site, change, why):
    who = browser(site)
    back = site.op.visit(depart(site, who))
    base, query = back.split("?")
    q = {k: v[0] for k, v in urllib.parse.parse_qs(query).items()}
    answer = comes_back(who, base + "?" + urllib.parse.urlencode(change(q), doseq=True))
    refused(site, who, answer, why)
    # And it cannot be tried again.
    assert comes_back(who, back).status == 403


def test_a_code_of_one_provider_is_not_taken_for_another(site):
    who = browser(site)
    away = depart(site, who, "work")
    # The evil provider has the browser sent back with the state that it was shown.
    state = urllib.parse.parse_qs(away.split("?", 1)[1])["state"][0]
    back = f"{site.portal}/signin/callback?" + urllib.parse.urlencode({"code": "x", "state": state, "iss": site.other.url})
    asked = site.op.asked("/token")
    refused(site, who, comes_back(who, back), "issuer")
    assert site.op.asked("/token") == asked


def test_the_way_back_leads_to_the_console_and_nowhere_else(site):
    who = browser(site)
    answer = sign_in(site, who, query="?to=https%3A%2F%2Fevil.example&flow=x")
    assert answer.status == 303 and answer.get("location").startswith("/handover?")
    then = who.get(site.portal + answer.get("location"))
    assert then.status == 400 and then.get("location") is None


def test_a_console_is_reached_through_the_provider(site):
    up = stack.Recorder()
    name = f"con{honest.count}"
    site.op.who["groups"] = ["ops-team"]
    site.cli("route", "add", name, up.url, "--allow", "group:operators@local")
    who = browser(site)
    page, at = who.follow(who.get(site.console_url(name)), site.console_url(name))
    link = page.text.split('href="/signin/provider/work?')[1].split('"')[0].replace("&amp;", "&")
    answer = sign_in(site, who, query="?" + link)
    done, _ = who.follow(answer, site.portal + "/")
    assert done.status == 200 and done.text == "ok"
    up.close()


# ---- providers that fail ----

def fresh(site):
    """The keeper forgets what it knows of providers."""
    pid = site.pids("keeper")[0]
    import os
    import signal
    os.kill(pid, signal.SIGKILL)
    stack.wait_for(lambda: site.pids("keeper") not in ([], [pid]), 20)
    stack.wait_for(lambda: site.anonymous("GET", site.portal + "/login").status == 200, 20)


@pytest.mark.parametrize("how", ["status", "no-json", "large", "slow", "other-issuer", "foreign-endpoint", "plain-endpoint",
                                 "redirect", "hangs-up"])
def test_a_provider_that_fails_costs_its_own_way_in_only(site, how):
    op, path = site.other, "/.well-known/openid-configuration"
    fresh(site)
    op.override = {
        "status": {path: (500, "text/plain", b"x")}, "no-json": {path: (200, "application/json", b"<html>")},
        "large": {path: (200, "application/json", b'{"a":"' + b"x" * 100000 + b'"}')},
        "slow": {path: lambda r: None}, "hangs-up": {path: b""},
        "redirect": {path: f"HTTP/1.1 302 X\r\nLocation: {site.op.url}{path}\r\nContent-Length: 0\r\n\r\n".encode()},
    }.get(how, {})
    op.document = {"other-issuer": {"issuer": site.op.url}, "foreign-endpoint": {"token_endpoint": site.op.url + "/token"},
                   "plain-endpoint": {"jwks_uri": op.url.replace("https", "http") + "/keys"}}.get(how, {})
    who = browser(site)
    answer = who.get(site.portal + "/signin/provider/other")
    assert answer.status == 503 and "does not answer" in answer.text and 'href="/login"' in answer.text
    # It is let alone for a moment.
    asked = len(op.requests)
    assert who.get(site.portal + "/signin/provider/other").status == 503
    assert len(op.requests) == asked
    # The others and the password go on.
    assert sign_in(site, browser(site)).status == 303
    again = browser(site, "owner")
    again.recovery = site.admin.recovery
    assert again.login().status == 303


@pytest.mark.parametrize("path", ["/token", "/keys"])
def test_a_provider_that_fails_in_the_middle_leaves_no_session(site, path):
    fresh(site)
    who = browser(site)
    back = site.op.visit(depart(site, who))
    for answer in ((500, "text/plain", b"x"), (200, "application/json", b"x" * 200000)):
        site.op.override = {path: answer}
        assert comes_back(who, back).status in (403, 503) and not is_in(site, who)


def test_a_new_key_is_fetched_when_a_token_names_it_but_not_for_every_guess(site):
    fresh(site)
    assert sign_in(site, browser(site)).status == 303
    op = site.op
    asked = op.asked("/keys")
    for _ in range(3):
        op.header = {"kid": "guess"}
        who = browser(site)
        refused(site, who, sign_in(site, who), "signature")
    assert op.asked("/keys") <= asked + 1


def test_the_keys_are_asked_for_once_for_many(site):
    fresh(site)
    for _ in range(3):
        assert sign_in(site, browser(site)).status == 303
    assert site.op.asked("/keys") >= 1
    documents = site.op.asked("/.well-known/openid-configuration")
    assert sign_in(site, browser(site)).status == 303
    assert site.op.asked("/.well-known/openid-configuration") == documents


# ---- back-channel logout ----

def backchannel(site, op, name="work", token=None, key=None, header=(("typ", "logout+jwt"),), **claims):
    token = token or op.logout_token(key, header, **claims)
    return site.anonymous("POST", f"{site.portal}/signin/backchannel/{name}", navigate=False,
                          body=urllib.parse.urlencode({"logout_token": token}).encode(),
                          headers=[("Content-Type", "application/x-www-form-urlencoded")])


@pytest.mark.parametrize("by", ["sub", "sid", "both"])
def test_a_provider_ends_the_sessions_that_it_vouched_for(site, by):
    first, second, stranger = browser(site), browser(site), browser(site)
    site.op.claims = {"sid": f"a{honest.count}"}
    assert sign_in(site, first).status == 303
    site.op.claims = {"sid": f"b{honest.count}"}
    assert sign_in(site, second).status == 303
    kept = dict(site.op.who)
    site.op.who = {"sub": "stranger" + by, "preferred_username": "stranger" + by, "acr": ACR}
    assert sign_in(site, stranger).status == 303
    site.op.who = kept
    claims = {"sub": {}, "sid": {"sub": None, "sid": f"a{honest.count}"}, "both": {"sid": f"a{honest.count}"}}[by]
    assert backchannel(site, site.op, **claims).status == 200
    assert not is_in(site, first) and is_in(site, stranger)
    assert is_in(site, second) == (by != "sub")
    assert audit(site, "provider.logout")


def test_a_logout_token_is_good_once(site):
    token = site.op.logout_token()
    assert backchannel(site, site.op, token=token).status == 200
    assert backchannel(site, site.op, token=token).status == 400


@pytest.mark.parametrize("claims,header", [
    ({"events": None}, ()), ({"events": {"x": {}}}, ()), ({"nonce": "n"}, ()), ({"jti": None}, ()), ({"sub": None}, ()),
    ({"iss": "https://evil.example"}, ()), ({"aud": "somebody-else"}, ()), ({"iat": 1}, ()), ({"exp": 1}, ()),
    ({}, (("typ", "at+jwt"),)), ({}, (("alg", "none"),)),
], ids=["no-events", "other-event", "nonce", "no-jti", "nobody", "issuer", "audience", "old", "expired", "typ", "none"])
def test_a_logout_token_that_is_none_ends_nothing(site, claims, header):
    who = browser(site)
    assert sign_in(site, who).status == 303
    assert backchannel(site, site.op, header=header, **claims).status == 400
    assert is_in(site, who)


def test_a_logout_token_of_a_thief_an_identity_token_and_nothing_end_nothing(site):
    who = browser(site)
    assert sign_in(site, who).status == 303
    assert backchannel(site, site.op, key=Key("one")).status == 400
    assert backchannel(site, site.op, token=site.op.identity_token({"nonce": "n"})).status == 400
    assert backchannel(site, site.op, name="other").status == 400
    assert backchannel(site, site.op, name="nobody").status == 404
    assert backchannel(site, site.op, token="x").status == 400
    assert is_in(site, who)
