"""The lane of machines: tokens that rotate, that are good from some places only, and accounts without a login."""
import re
import time

import pytest

import stack as harness
from stack import PASSWORD, Connection, Recorder, wait_for

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def up():
    r = Recorder()
    yield r
    r.close()


@pytest.fixture(scope="module")
def site(up):
    with harness.running(edges=1) as s:
        s.cli("zone", "add", "machines", "127.0.0.2")
        s.cli("user", "add", "ci", "--service")
        s.cli("route", "add", "app", up.url, "--allow", "group:owners@local")
        yield s


@pytest.fixture(autouse=True)
def fresh(site):
    yield
    for t in site.json("token", "list")["tokens"]:
        site.cli("token", "revoke", t["name"])
    site.cli("rule", "remove", "machines", check=False)


def made(site, name, *options, rule=True):
    text = site.json("token", "add", name, "--owner", "ci", "--route", "app", "--route", "portal", *options)["token"]
    if rule:
        site.cli("rule", "add", "machines", "--token", name, "--zone", "local", "--route", "app", "--replace")
    return text


def ask(site, token, host="app", path="/", source=None, method="GET", body=b""):
    name = f"{host}.{site.host}" if host else site.host
    with Connection(site, name, source=source) as c:
        c.send(f"{method} {path} HTTP/1.1\r\nHost: {name}:{site.port}\r\nAuthorization: Bearer {token}\r\n"
               f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return c.read(method=method)


def listed(site, name):
    return next(t for t in site.json("token", "list")["tokens"] if t["name"] == name)


def events(site, event):
    return site.admin.get(f"{site.portal}/api/v1/audit?event={event}").json()["records"]


def test_both_texts_are_good_until_the_overlap_ends_and_the_list_shows_both(site):
    first = made(site, "rot")
    assert ask(site, first).status == 200
    second = site.json("token", "rotate", "rot", "--overlap", "2s")["token"]
    assert second != first and re.fullmatch(r"pst_[\w-]{43}", second)
    assert ask(site, first).status == 200 and ask(site, second).status == 200
    now = listed(site, "rot")
    assert now["former"]["expires"] is not None and now["rotated"] is not None
    wait_for(lambda: ask(site, first).status == 401)
    assert ask(site, second).status == 200
    assert listed(site, "rot")["former"] is None
    rotated = events(site, "token.rotated")
    assert [r["target"] for r in rotated] == ["rot"] and first not in str(rotated) and second not in str(rotated)


def test_a_rotation_without_overlap_ends_the_old_text_at_once(site):
    first = made(site, "now")
    assert ask(site, first).status == 200
    second = site.json("token", "rotate", "now", "--overlap", "0")["token"]
    assert ask(site, first).status == 401 and ask(site, second).status == 200


def test_a_second_rotation_leaves_no_third_text(site):
    texts = [made(site, "twice")]
    assert ask(site, texts[0]).status == 200
    for _ in range(2):
        texts.append(site.json("token", "rotate", "twice", "--overlap", "1h")["token"])
    assert [ask(site, t).status for t in texts] == [401, 200, 200]
    site.cli("token", "revoke", "twice")
    assert [ask(site, t).status for t in texts] == [401, 401, 401]


@pytest.mark.parametrize("options", [("--overlap", "91d"), ("--overlap", "soon"), ("--overlap", "-1"),
                                     ("--expires", "0"), ("--expires", "6y")])
def test_a_rotation_that_makes_no_sense_changes_nothing(site, options):
    text = made(site, "kept", rule=False)
    assert site.cli("token", "rotate", "kept", *options, check=False).returncode != 0
    assert ask(site, text, host="", path="/api/v1/whoami").status == 200
    assert listed(site, "kept")["rotated"] is None


def test_the_old_text_never_outlives_its_own_end(site):
    text = made(site, "short", "--expires", "60s")
    site.cli("token", "rotate", "short", "--overlap", "24h", "--expires", "30d")
    t = listed(site, "short")
    assert t["former"]["expires"] < t["expires"]
    assert ask(site, text).status == 200
    wait = time.strptime(t["former"]["expires"][:19], "%Y-%m-%dT%H:%M:%S")
    assert time.mktime(wait) - time.mktime(time.gmtime()) <= 60


def test_the_last_use_says_when_and_from_where(site):
    text = made(site, "seen")
    assert listed(site, "seen")["last_used"] is None and listed(site, "seen")["last_source"] is None
    assert ask(site, text, source="127.0.0.7").status == 200
    wait_for(lambda: listed(site, "seen")["last_used"])
    assert listed(site, "seen")["last_source"] == "127.0.0.7"


def test_the_last_use_at_the_api_is_known_also_of_a_call_that_failed(site):
    text = made(site, "api", rule=False)
    assert ask(site, text, host="", path="/api/v1/users/nobody-of-that-name", source="127.0.0.8").status in (403, 404)
    assert listed(site, "api")["last_source"] == "127.0.0.8"


def test_a_token_is_good_from_its_zones_only_and_a_stray_is_recorded(site):
    text = made(site, "bound", "--zone", "machines")
    assert listed(site, "bound")["zones"] == ["machines"]
    assert ask(site, text, source="127.0.0.2").status == 200
    # The edge knows the token now: what it knows of it must not help anybody elsewhere.
    refused = ask(site, text, source="127.0.0.3")
    assert refused.status == 403 and "network" in refused.text
    assert ask(site, text, source="127.0.0.2").status == 200
    wait_for(lambda: listed(site, "bound")["strayed"])
    t = listed(site, "bound")
    assert t["stray_source"] == "127.0.0.3" and t["last_source"] == "127.0.0.2"
    record = events(site, "token.strayed")[-1]
    assert record["actor"] == "ci/bound" and record["source"] == "127.0.0.3" and record["outcome"] == "refused"
    denial = site.json("access", "list", "--denials", "1", "--user", "bound")["records"][0]
    assert denial["reason"] == "token_zone" and denial["source"] == "127.0.0.3"


def test_a_token_used_first_from_elsewhere_is_refused_and_stays_good_at_home(site):
    text = made(site, "cold", "--zone", "machines")
    assert ask(site, text, source="127.0.0.9").status == 403
    assert ask(site, text, source="127.0.0.2").status == 200
    assert listed(site, "cold")["last_source"] in (None, "127.0.0.2")


def test_zones_of_a_token_hold_for_the_api_too(site):
    text = made(site, "apibound", "--zone", "machines", rule=False)
    assert ask(site, text, host="", path="/api/v1/whoami", source="127.0.0.2").status == 200
    for method, body in (("GET", b""), ("POST", b'{"name":"x"}')):
        path = "/api/v1/whoami" if method == "GET" else "/api/v1/groups"
        assert ask(site, text, host="", path=path, method=method, body=body, source="127.0.0.4").status == 403
    t = listed(site, "apibound")
    assert t["stray_source"] == "127.0.0.4" and t["last_source"] == "127.0.0.2"
    assert [r for r in events(site, "token.strayed") if r["target"] == "apibound"]


def test_a_zone_nobody_knows_is_refused_and_one_that_is_gone_admits_nobody(site):
    refused = site.cli("token", "add", "lost", "--owner", "ci", "--route", "app", "--zone", "atlantis", check=False)
    assert refused.returncode != 0 and "atlantis" in refused.stdout + refused.stderr
    site.cli("zone", "add", "island", "127.0.0.5")
    text = made(site, "sunk", "--zone", "island")
    assert ask(site, text, source="127.0.0.5").status == 200
    site.cli("zone", "remove", "island")
    assert ask(site, text, source="127.0.0.5").status == 403


def test_explain_says_that_the_token_is_good_elsewhere_only(site):
    made(site, "told", "--zone", "machines")
    said = site.json("explain", "--token", "told", "--source", "127.0.0.3", "--route", "app")
    assert (said["verdict"], said["reason"]) == ("deny", "token_zone")
    assert site.json("explain", "--token", "told", "--source", "127.0.0.2", "--route", "app")["verdict"] == "allow"


def test_a_service_account_is_signed_in_by_no_way(site):
    site.cli("user", "add", "robot", "--service")
    user = site.json("user", "show", "robot")
    assert (user["kind"], user["password"], user["totp"]) == ("service", "none", "none")
    for word in ("recovery", "enrol"):
        done = site.cli("user", word, "robot", check=False)
        said = done.stdout + done.stderr
        assert done.returncode != 0 and ("service account" in said or "not a person" in said), word
    assert site.cli("user", "reset", "robot", check=False).returncode != 0
    for extra, stdin in ((("--totp",), None), (("--enrol",), None), (("--password-stdin",), PASSWORD + "\n")):
        assert site.cli("user", "add", "other", "--service", *extra, stdin=stdin, check=False).returncode != 0
    assert "other" not in [u["name"] for u in site.json("user", "list")["users"]]
    who = harness.Person(site, "robot", "A" * 32)
    for code in ("000000", ""):
        answer, at = who.follow(who.post(site.portal + "/login", {"user": "robot", "password": PASSWORD,
                                                                   "code": code}), site.portal)
        assert not [n for n in who.jar[site.host] if "sso" in n or "console" in n]
    site.cli("user", "remove", "robot")


def test_a_service_account_is_not_the_last_owner(site):
    site.cli("user", "groups", "ci", "owners")
    done = site.cli("user", "disable", "owner", check=False)
    assert done.returncode != 0 and "last" in done.stdout + done.stderr
    text = made(site, "admin", rule=False)
    assert ask(site, text, host="", path="/api/v1/users").status == 200
    site.cli("user", "groups", "ci", "--", check=False)
    site.cli("user", "remove", "ci")
    assert ask(site, text, host="", path="/api/v1/users").status == 401
    site.cli("user", "add", "ci", "--service")


def test_health_warns_of_tokens_that_end_soon(site):
    made(site, "ending", "--expires", "20s", rule=False)
    made(site, "lasting", "--expires", "300d", rule=False)

    def warned():
        return [w for w in site.admin.get(site.portal + "/api/v1/health").json()["warnings"] if "token " in w]
    assert warned() == []
    wait_for(warned, seconds=30, every=0.5)
    assert re.fullmatch(r"token ending of ci: 0 minutes left", *warned())


def test_the_default_life_of_tokens_is_configurable():
    with harness.running(edges=1, extra_yaml="authentication: {token_expires: 2h}\n") as s:
        s.cli("user", "add", "ci", "--service")
        s.cli("token", "add", "t", "--owner", "ci", "--route", "portal")
        t = listed(s, "t")
        spans = [time.mktime(time.strptime(t[k][:19], "%Y-%m-%dT%H:%M:%S")) for k in ("created", "expires")]
        assert spans[1] - spans[0] == 7200
