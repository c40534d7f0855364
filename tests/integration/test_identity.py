"""What a console is told of who asks: signed, plain, and nothing that a client could have said."""
import base64
import json
import os
import re
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

import h2wire
import stack as harness
from stack import Connection, Recorder, wait_for
from test_proxy import reading

pytestmark = pytest.mark.timeout(120)
JWKS = "/.well-known/postern/jwks.json"
OURS = ["Postern-Assertion", "Postern-User", "Postern-Groups", "Postern-Groups-Omitted", "Postern-Assurance",
        "Postern-Auth-Time"]


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=1) as s:
        yield s


@pytest.fixture(scope="module")
def up():
    r = Recorder(handler=reading(b"ok"))
    yield r
    r.close()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(token, jwks):
    """The claims, when one of the keys has signed them. Not postern's code, and none of it."""
    head, claims, signature = token.split(".")
    header = json.loads(unb64(head))
    assert header["alg"] == "ES256" and header["typ"] == "postern-assertion+jwt"
    key = next((k for k in jwks["keys"] if k["kid"] == header["kid"]), None)
    if key is None:
        raise InvalidSignature("unknown key")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(unb64(key["x"]), "big"),
                                            int.from_bytes(unb64(key["y"]), "big"), ec.SECP256R1())
    raw = unb64(signature)
    assert len(raw) == 64
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    numbers.public_key().verify(der, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
    return json.loads(unb64(claims))


def published(site):
    got = site.anonymous("GET", site.portal + JWKS, navigate=False)
    assert got.status == 200, got
    return got.json()


def told(up, name):
    """The values of one header of the last request, found as an upstream that folds names would."""
    found = []
    for line in up.requests[-1].split(b"\r\n")[1:]:
        key, _, value = line.decode("latin-1").partition(":")
        if re.sub(r"[_.]", "-", key.strip().lower()) == name.lower():
            found.append(value.strip())
    return found


class Console:
    def __init__(self, site, up, name, *extra, who=None):
        self.site, self.name = site, name
        self.who = who or site.admin
        site.cli("route", "add", name, up.url, "--allow", "group:owners@local", *extra)
        self.url = site.console_url(name)
        self.host = f"{name}.{site.host}"

    def __enter__(self):
        answer, _ = self.who.open(self.url)
        assert answer.status == 200, answer
        return self

    def __exit__(self, *_):
        self.site.cli("route", "remove", self.name, "--force", check=False)

    def get(self, headers=(), who=None, **more):
        return (who or self.who).get(self.url, headers=headers, navigate=False,
                                     **more) if headers else (who or self.who).get(self.url, **more)

    def raw(self, lines, body=b"", method="POST"):
        """A request in exactly these bytes, with the session of this console."""
        cookie = "; ".join(f"{k}={v}" for k, v in self.who.jar[self.host].items())
        head = [f"{method} / HTTP/1.1", f"Host: {self.host}:{self.site.port}", f"Cookie: {cookie}",
                "Sec-Fetch-Site: same-origin", "Accept: application/json", *lines]
        with Connection(self.site, self.host) as c:
            c.send("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
            return c.read()


def test_a_console_that_wants_it_gets_one_signed_assertion_of_who_asks(site, up):
    with Console(site, up, "signed", "--identity", "jwt") as c:
        assert c.get().status == 200
        tokens = told(up, "postern-assertion")
        assert len(tokens) == 1 and told(up, "postern-user") == []
        jwks = published(site)
        claims = verify(tokens[0], jwks)
        now = time.time()
        assert claims["iss"] == site.portal and claims["aud"] == "signed"
        assert claims["sub"] == claims["name"] == "owner" and claims["groups"] == ["owners"]
        assert claims["acr"] == "mfa" and claims["amr"] == ["pwd", "mfa"]
        assert claims["nbf"] == claims["iat"] and claims["exp"] - claims["iat"] == 60
        assert now - 40 < claims["iat"] <= now + 1 and claims["exp"] - now >= 29
        assert claims["iat"] - 300 < claims["auth_time"] <= claims["iat"]
        assert len(claims["jti"]) == 22 and "owner" not in claims and "groups_omitted" not in claims
        # Not what the session is called anywhere else.
        ids = [s["id"] for s in site.json("session", "list")["sessions"]]
        assert all(claims["sid"] not in (i, base64.urlsafe_b64encode(bytes.fromhex(i)).decode().rstrip("="))
                   for i in ids)
        # One bit more or less is another token.
        with pytest.raises(InvalidSignature):
            verify(tokens[0][:-3] + ("A" if tokens[0][-3] != "A" else "B") + tokens[0][-2:], jwks)


def test_who_does_not_want_it_gets_nothing(site, up):
    with Console(site, up, "plain") as c:
        assert c.get().status == 200
        assert b"postern-" not in re.sub(rb"(?im)^via:.*$", b"", up.requests[-1]).lower()


def test_plain_headers_name_the_person_the_groups_and_the_assurance(site, up):
    with Console(site, up, "headers", "--identity", "headers", "--identity", "jwt") as c:
        assert c.get().status == 200
        assert told(up, "postern-user") == ["owner"] and told(up, "postern-groups") == ["owners"]
        assert told(up, "postern-assurance") == ["mfa"]
        assert time.time() - 300 < int(told(up, "postern-auth-time")[0]) <= time.time()
        assert verify(told(up, "postern-assertion")[0], published(site))["aud"] == "headers"


def test_a_token_is_named_as_a_token_and_has_none_of_its_owners_groups(site, up):
    with Console(site, up, "machines", "--identity", "jwt", "--identity", "headers"):
        made = site.json("token", "add", "deploy", "--owner", "owner", "--route", "machines")
        site.cli("rule", "add", "machines-deploy", "--token", "deploy", "--zone", "local", "--route", "machines")
        got = site.anonymous("GET", site.console_url("machines"), navigate=False,
                             headers=[("Authorization", f"Bearer {made['token']}")])
        assert got.status == 200, got
        claims = verify(told(up, "postern-assertion")[0], published(site))
        assert claims["sub"] == "token:deploy" and claims["name"] == "deploy" and claims["owner"] == "owner"
        assert claims["groups"] == [] and claims["acr"] == "token" and claims["amr"] == []
        assert "auth_time" not in claims
        assert told(up, "postern-user") == ["token:deploy"] and told(up, "postern-groups") == []
        assert told(up, "postern-assurance") == ["token"] and made["token"].encode() not in up.requests[-1]
        site.cli("rule", "remove", "machines-deploy")
        site.cli("token", "revoke", "deploy")


def test_hundreds_of_groups_neither_break_the_request_nor_pass_for_all(site, up):
    names = [f"group-with-a-name-of-some-length-{i:03}" for i in range(60)]
    for name in names:
        site.cli("group", "add", name)
    grace = site.user("grace", names)
    site.cli("route", "add", "crowded", up.url, "--allow", "user:grace@local", "--identity", "jwt", "--identity",
             "headers")
    answer, _ = grace.open(site.console_url("crowded"))
    assert answer.status == 200
    token = told(up, "postern-assertion")[0]
    claims = verify(token, published(site))
    assert len(token) <= 2560 and 10 <= len(claims["groups"]) < 60
    assert len(claims["groups"]) + claims["groups_omitted"] == 60 and set(claims["groups"]) <= set(names)
    plain = told(up, "postern-groups")[0].split(",")
    assert len(plain) + int(told(up, "postern-groups-omitted")[0]) == 60
    site.cli("route", "remove", "crowded", "--force")


# ---- what clients say of themselves

def spellings(name):
    """Every way in which a server might read this header although it is written otherwise."""
    yield from {name, name.lower(), name.upper(), name.swapcase(), name.replace("-", "_"), name.replace("-", "."),
                name.lower().replace("-", "_"), name.upper().replace("-", "_"), name.replace("-", "_", 1),
                name[:-1] + name[-1].swapcase()}
    if name.startswith("Postern"):
        yield from {"X-" + name, "x_" + name.lower().replace("-", "_")}


FOREIGN = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "X-Remote-User",
           "Remote-User", "X-Auth-Request-User", "X-User", "X-Authenticated-User", "X-WebAuth-User", "X-SSL-Client-DN",
           "SSL-Client-Cert", "X-PAN-AuthCheck", "X-F5-Auth-Token", "$WSRU", "X-MS-Client-Principal-Name",
           "Tailscale-User-Login", "Cf-Access-Jwt-Assertion", "X-Goog-IAP-JWT-Assertion", "X-Amzn-Oidc-Identity",
           "X-Original-URL", "X-Rewrite-URL"]


@pytest.mark.parametrize("name", [*OURS, "Postern-Token-Name", "Postern-Anything", "Postern", *FOREIGN])
def test_no_spelling_of_an_identity_header_comes_from_a_client(site, up, matrix, name):
    forged = "forged-" + name.lower()
    for spelling in spellings(name):
        for lines in ([f"{spelling}: {forged}"], [f"{spelling}:{forged}", f"{spelling}: {forged}"],
                      [f"{spelling}: \t{forged} \t"]):
            got = matrix.raw([*lines, "Content-Length: 0"])
            assert got.status == 200, (spelling, got)
            assert forged.encode() not in up.requests[-1].lower(), (spelling, up.requests[-1])
            if name in OURS:
                # Ours, once, whatever was sent beside it.
                assert len(told(up, "postern-assertion")) == 1 and told(up, "postern-user") == ["owner"]
    # A name that ends in a blank is a name to some servers and none to others.
    for blank in (" ", "\t"):
        before = len(up.requests)
        assert matrix.raw([f"{name}{blank}: {forged}", "Content-Length: 0"]).status == 400
        assert len(up.requests) == before, up.requests[before:]
    # Connection may take away nothing that is ours, and bring in nothing.
    before = len(up.requests)
    assert matrix.raw([f"Connection: close, {name}", f"{name}: {forged}", "Content-Length: 0"]).status == 400
    assert len(up.requests) == before
    # Behind the body.
    seen = len(up.bytes)
    got = matrix.raw(["Transfer-Encoding: chunked", f"Trailer: {name}"], b"1\r\nx\r\n0\r\n" +
                     f"{name}: {forged}\r\n\r\n".encode("latin-1"))
    assert got.status in (200, 400)
    assert forged.encode() not in up.bytes[seen:].lower()


@pytest.mark.parametrize("name", [*OURS, "Postern-Token-Name", "Postern-Anything", "Postern", *FOREIGN])
def test_nor_over_http2(site, up, matrix, name):
    forged = "forged-" + name.lower()
    cookie = [("cookie", "; ".join(f"{k}={v}" for k, v in matrix.who.jar[matrix.host].items()))]
    with h2wire.Client(site, host=matrix.host) as c:
        assert c.protocol == "h2"
        for spelling in {s.lower() for s in spellings(name)}:
            for fields in ([(spelling, forged)], [(spelling, forged), (spelling, forged + "2")]):
                s = c.ask(token=None, extra=cookie + fields)
                assert s.status == 200, (spelling, vars(s))
                assert forged.encode() not in up.requests[-1].lower(), (spelling, up.requests[-1])
                assert len(told(up, "postern-assertion")) == 1 and told(up, "postern-user") == ["owner"]
        before = len(up.requests)
        # Malformed in HTTP/2: a capital, a blank, a field that speaks of the connection.
        for fields in ([(name.capitalize() if name[0].isalpha() else "X" + name, forged)], [(name.lower() + " ", forged)],
                       [("connection", name.lower()), (name.lower(), forged)]):
            assert c.ask(token=None, extra=cookie + fields).reset is not None, fields
        assert len(up.requests) == before
        # Behind the body.
        number = c.open(method="POST", end=False, token=None, extra=cookie)
        c.data(number, b"x")
        c.send(h2wire.frame(h2wire.HEADERS, h2wire.END_STREAM | h2wire.END_HEADERS, number,
                            c.encoder.encode([(name.lower(), forged)])))
        seen = len(up.bytes)
        assert c.finish(number).status in (0, 200, 400)
        assert forged.encode() not in up.bytes[seen - 1:].lower()


@pytest.mark.skipif(not os.environ.get("POSTERN_LONG"), reason="a minute and a quarter: POSTERN_LONG=1")
def test_no_request_ever_carries_an_assertion_that_is_about_to_expire(site, up):
    with Console(site, up, "steady", "--identity", "jwt") as c:
        seen = set()
        for _ in range(75):
            assert c.get().status == 200
            claims = json.loads(unb64(told(up, "postern-assertion")[0].split(".")[1]))
            assert claims["exp"] - time.time() >= 28, claims
            seen.add(claims["jti"])
            time.sleep(1)
        # Signed again every ten seconds or so, not for each request.
        assert 3 <= len(seen) <= 12


@pytest.fixture(scope="module")
def matrix(site, up):
    with Console(site, up, "matrix", "--identity", "jwt", "--identity", "headers") as c:
        yield c


def test_a_route_may_let_one_header_pass_and_only_as_it_is_written(site, up):
    with Console(site, up, "redfish", "--pass-header", "x-auth-token") as c:
        for sent, passes in [("X-Auth-Token", True), ("x-auth-token", True), ("x_auth_token", False),
                             ("X-Auth-Tokens", False), ("X-Auth-User", False), ("X-Forwarded-For", False)]:
            c.raw([f"{sent}: from-client", "Content-Length: 0"])
            assert (b"from-client" in up.requests[-1]) == passes, sent
    for bad in ["postern-user", "x-postern-user", "postern_assertion", "forwarded", "x-forwarded-for", "cookie",
                "host", "connection", "transfer-encoding", "content-length", "proxy-authorization", "x-original-url",
                "x-rewrite-url", "x-real-ip", "$wsru", "via", "te", "postern-token", "X-Auth-Token", "a b", "a:b"]:
        done = site.cli("route", "add", "refused", up.url, "--pass-header", bad, check=False)
        assert done.returncode != 0 and "pass_headers" in done.stdout + done.stderr, (bad, done)


# ---- keys

def test_the_keys_are_public_cacheable_and_hold_nothing_private(site):
    got = site.anonymous("GET", site.portal + JWKS, navigate=False)
    assert got.get("content-type") == "application/jwk-set+json"
    assert got.get("cache-control") == "public, max-age=300" and got.all("set-cookie") == []
    assert all(set(k) == {"kty", "crv", "use", "alg", "kid", "x", "y"} for k in got.json()["keys"])
    assert site.anonymous("HEAD", site.portal + JWKS, navigate=False).status == 200
    assert site.anonymous("POST", site.portal + JWKS, body=b"x", navigate=False).status in (403, 405)
    assert json.loads(site.cli("assertion", "jwks", "--json")) == got.json()
    # A console's host has its own places under .well-known.
    assert site.anonymous("GET", site.console_url("nowhere", JWKS), navigate=False).status == 421


def key_file(site):
    return site.state / "store/assertion.keys"


def test_rotation_changes_what_signs_at_once_and_what_is_published_in_order(site, up):
    with Console(site, up, "rotating", "--identity", "jwt") as c:
        c.get()
        first = told(up, "postern-assertion")[0]
        shown = site.json("assertion", "show")
        assert shown["issuer"] == site.portal and shown["algorithm"] == "ES256" and shown["life_seconds"] == 60
        assert oct(os.stat(key_file(site)).st_mode & 0o777) == "0o600"
        rotated = site.json("assertion", "rotate")
        assert rotated["previous"]["kid"] == shown["kid"] != rotated["kid"]
        # The command returned: nothing is signed by the old key any more.
        c.get()
        second = told(up, "postern-assertion")[0]
        jwks = wait_for(lambda: (j := published(site)) and rotated["kid"] in [k["kid"] for k in j["keys"]] and j, 20)
        assert [k["kid"] for k in jwks["keys"]] == [rotated["kid"], shown["kid"]]
        assert json.loads(unb64(second.split(".")[0]))["kid"] == rotated["kid"]
        verify(second, jwks)
        verify(first, jwks)
        # The private part of the old key is gone.
        lines = key_file(site).read_text().splitlines()
        assert [line.split(" ")[0] for line in lines[1:]] == ["current", "previous"]
        assert len(lines[2]) < len(lines[1])
        revoked = site.json("assertion", "rotate", "--revoke")
        assert revoked["previous"] is None
        assert [k["kid"] for k in json.loads(site.cli("assertion", "jwks", "--json"))["keys"]] == [revoked["kid"]]
        records = [r for r in site.json("audit", "tail", "--limit", "20")["records"] if r["event"] == "assertion.key"]
        assert {r["target"] for r in records} >= {rotated["kid"], revoked["kid"]}


def test_keys_outlive_restarts_change_when_old_and_fail_closed_when_spoilt(up):
    with harness.Stack(edges=1) as s:
        s.start()
        s.admin = s.owner()
        assert s.admin.login().status == 303
        s.cli("route", "add", "told", up.url, "--allow", "group:owners@local", "--identity", "jwt")
        s.cli("route", "add", "untold", up.url, "--allow", "group:owners@local")
        for name in ("told", "untold"):
            assert s.admin.open(s.console_url(name))[0].status == 200
        kid = s.json("assertion", "show")["kid"]
        s.stop()
        s.start()
        assert s.json("assertion", "show")["kid"] == kid
        s.stop()
        # Ninety-one days later.
        file = key_file(s)
        made = int(re.search(r"current (\d+)", file.read_text()).group(1))
        stat = os.stat(file)
        file.write_text(file.read_text().replace(str(made), str(made - 91 * 86400), 1))
        s.start()
        shown = s.json("assertion", "show")
        assert shown["kid"] != kid and shown["previous"]["kid"] == kid
        assert s.admin.get(s.console_url("told")).status == 200
        s.stop()
        for spoil in ("nonsense", "postern-assertion-keys 1\ncurrent 1 AAAA\n", ""):
            file.write_text(spoil)
            s.start()
            got = s.admin.get(s.console_url("told"), navigate=False, headers=[("Sec-Fetch-Site", "same-origin")])
            assert got.status == 503 and got.json()["error"] == "identity", got
            assert s.admin.get(s.console_url("untold")).status == 200
            assert file.read_text() == spoil and published(s)["keys"] == []
            assert s.json("health")["status"] == "no assertion key"
            s.stop()
        # A key that others could have read is no key.
        assert stat.st_mode & 0o077 == 0
