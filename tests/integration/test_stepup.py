"""A console that asks for more than the session proves: what each client is told, and the way there and back."""
import html
import json
import re
import time
import urllib.parse

import pytest

import stack as harness
from stack import PASSWORD, Connection, Recorder, totp
from test_proxy import reading

pytestmark = pytest.mark.timeout(120)
PROBLEM = "urn:postern:problem:proof-needed"


@pytest.fixture(scope="module")
def up():
    r = Recorder(handler=reading(b"console"))
    yield r
    r.close()


@pytest.fixture(scope="module")
def site(up):
    with harness.running(edges=1) as s:
        s.cli("route", "add", "app", up.url, "--allow", "group:owners@local")
        s.cli("rule", "add", "strong", "--demand", "--user", "*", "--route", "app", "--method", "POST", "--path",
              "/manager/**", "--assurance", "phishing-resistant", "--max-age", "10m")
        s.cli("rule", "add", "fresh", "--demand", "--user", "*", "--route", "app", "--path", "/fresh/**",
              "--max-age", "2s")
        yield s


@pytest.fixture
def who(site):
    """Somebody new each time: codes are good once."""
    who.count = getattr(who, "count", 0) + 1
    name = f"ann{time.monotonic_ns()}"
    person = site.user(name, groups=["owners"])
    person.recovery = [c["code"] if isinstance(c, dict) else c
                       for c in site.json("user", "recovery", name)["recovery"]]
    answer, _ = person.open(site.console_url("app"))
    assert answer.text == "console"
    return person


def fields(page):
    form = page.text.split('action="/signin/stepup"', 1)[1].split("</form>", 1)[0]
    found = dict(re.findall(r'type="hidden" name="([^"]+)"(?: autocomplete="username")? value="([^"]*)"', form))
    return {k: html.unescape(v) for k, v in found.items()}


def stale(site, who):
    """Waits until the session's proof is older than the rule `fresh` takes."""
    time.sleep(3.1)
    return site.console_url("app", "/fresh/page?x=1")


def test_a_page_leads_to_the_proof_and_back_to_where_the_person_was(site, who, up):
    url = stale(site, who)
    sent = who.get(url)
    assert sent.status == 303
    at = sent.get("location")
    assert at.startswith(site.portal + "/signin/stepup?") and "need=mfa&age=2" in at
    page = who.get(at)
    assert page.status == 200 and "app." + site.host in page.text and "<code>mfa</code>" in page.text
    before = dict(who.jar[site.host]), dict(who.jar[f"app.{site.host}"])
    form = dict(fields(page), password=PASSWORD, code=who.next_code())
    done = who.post(site.portal + "/signin/stepup", form)
    assert done.status == 200, done
    answer, where = who.follow(done, site.portal)
    assert (answer.status, answer.text) == (200, "console") and where == url
    assert up.requests[-1].startswith(b"GET /fresh/page?x=1 ")
    # New keys, the portal's old ones are dead.
    for name, value in before[0].items():
        if "console" in name or "sso" in name:
            assert who.jar[site.host][name] != value
    who.jar[site.host].update({n: v for n, v in before[0].items() if "console" in n})
    assert who.get(site.portal + "/api/v1/whoami", navigate=False,
                   headers=[("Sec-Fetch-Site", "same-origin")]).status == 401


def test_one_session_is_raised_and_none_is_added(site, who):
    page = who.get(who.get(stale(site, who)).get("location"))
    count = len([s for s in site.json("session", "list", "--user", who.name)["sessions"] if not s.get("parent")])
    who.post(site.portal + "/signin/stepup", dict(fields(page), password=PASSWORD, code=who.next_code()))
    after = [s for s in site.json("session", "list", "--user", who.name)["sessions"] if not s.get("parent")]
    assert len(after) == count
    records = site.admin.get(f"{site.portal}/api/v1/audit?event=login.raised&actor={who.name}").json()["records"]
    assert '"assurance":"mfa"' in str(records[-1]["detail"]).replace(" ", "").replace("'", '"')


@pytest.mark.parametrize("wrong", ["password", "code"])
def test_a_wrong_proof_raises_nothing_and_says_the_same(site, who, wrong):
    page = who.get(who.get(stale(site, who)).get("location"))
    form = dict(fields(page), password=PASSWORD, code=who.next_code())
    form[wrong] = "000000"
    refused = who.post(site.portal + "/signin/stepup", form)
    assert refused.status == 403 and "Check password and code" in refused.text
    assert who.get(site.console_url("app", "/fresh/")).status == 303


def test_somebody_elses_session_is_not_raised_by_a_form(site, who):
    page = who.get(who.get(stale(site, who)).get("location"))
    other = site.user(f"bob{time.monotonic_ns()}")
    stranger = harness.Person(site, "nobody")
    form = dict(fields(page), username=who.name, password=PASSWORD, code=totp(other.secret))
    answer = stranger.post(site.portal + "/signin/stepup", form)
    assert answer.status == 303 and answer.get("location").startswith("/login")
    assert not stranger.jar.get(site.host)


@pytest.mark.parametrize("query", [
    "need=root&age=1", "need=none", "", "need=mfa&age=-1", "need=mfa&age=99999999999",
    "need=mfa&to=evil.example:9443&flow=x&back=/", "need=mfa&place=//evil.example/", "need=mfa&place=https://evil/",
    "need=mfa&place=/%5Cevil", "need=mfa&need=mfa", "need=mfa&place=/%0d%0aSet-Cookie:x"])
def test_an_address_that_no_console_made_leads_nowhere(site, who, query):
    answer = who.get(site.portal + "/signin/stepup?" + query)
    assert answer.status == 400 and "evil" not in answer.text


def test_a_page_of_another_site_cannot_send_the_form(site, who):
    page = who.get(who.get(stale(site, who)).get("location"))
    form = dict(fields(page), password=PASSWORD, code=who.next_code())
    answer = who.request("POST", site.portal + "/signin/stepup", body=form, navigate=False,
                         headers=[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"),
                                  ("Origin", "https://evil.example")])
    assert answer.status == 403


def test_a_form_is_refused_honestly_and_nothing_of_it_reaches_the_console(site, who, up):
    count = len(up.requests)
    answer = who.post(site.console_url("app", "/manager/deploy"), {"war": "precious"})
    assert answer.status == 403 and "has reached the console" in answer.text and "phishing-resistant" in answer.text
    at = html.unescape(re.search(r'target="_blank" rel="noopener" href="([^"]+)"', answer.text).group(1))
    assert at.startswith(site.portal + "/signin/stepup?") and "%2F.postern%2Fproven" in at
    assert len(up.requests) == count
    page = who.get(at)
    assert "no passkey" in page.text  # and nothing less is offered
    assert 'name="password"' not in page.text
    assert "load it again" in who.get(site.console_url("app", "/.postern/proven")).text


def test_another_method_in_a_header_does_not_get_around_a_demand(site, who, up):
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = who.get(site.console_url("app", "/manager/x"), headers=[(name, "POST")])
        assert answer.status == 403
    assert not [r for r in up.requests if b"/manager/x" in r]


def test_scripts_and_programs_are_told_what_is_needed_and_where(site, who, up):
    for headers in ([("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Site", "same-origin")],
                    [("Sec-Fetch-Site", "same-origin"), ("Accept", "application/json")]):
        answer = who.request("POST", site.console_url("app", "/manager/x"), body=b"{}", navigate=False,
                             headers=headers)
        said = answer.json()
        assert answer.status == 401 and answer.get("content-type") == "application/problem+json"
        assert (said["type"], said["assurance"], said["max_age"]) == (PROBLEM, "phishing-resistant", 600)
        assert said["prove"].startswith(site.portal + "/signin/stepup?") and "need=phishing-resistant" in said["prove"]
        assert who.get(said["prove"]).status == 200
    assert not [r for r in up.requests if b"/manager/x" in r]


def test_a_websocket_is_told_the_same(site, who):
    host = f"app.{site.host}"
    time.sleep(3.1)
    cookie = "; ".join(f"{k}={v}" for k, v in who.jar[host].items())
    with Connection(site, host) as c:
        c.send((f"GET /fresh/ws HTTP/1.1\r\nHost: {host}:{site.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                f"Origin: https://{host}:{site.port}\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: websocket\r\n"
                f"Cookie: {cookie}\r\n\r\n").encode())
        answer = c.read()
    assert answer.status == 401 and answer.json()["type"] == PROBLEM and answer.json()["max_age"] == 2


def test_a_proof_that_never_suffices_ends_on_a_page_that_says_why(site, who):
    """A rule that asks for less time than the way back takes."""
    site.cli("rule", "add", "never", "--demand", "--user", "*", "--route", "app", "--path", "/never/**",
             "--max-age", "1s")
    try:
        time.sleep(2.1)
        url = site.console_url("app", "/never/")
        at = who.get(url).get("location")
        # Whoever changes what he is asked for is asked again by the rule.
        at = at.replace("age=1", "age=604800")
        for _ in range(5):
            answer, where = who.follow(who.get(at), at)
            if answer.status != 200:
                break
            at = where.replace("age=1", "age=604800")
        assert answer.status == 403 and "goes in circles" in answer.text and "asks for it again" in answer.text
    finally:
        site.cli("rule", "remove", "never")


def test_explain_says_the_level_and_the_age_that_are_missing(site):
    ask = ["explain", "--user", "owner", "--route", "app", "--method", "POST", "--path", "/manager/x"]
    said = site.json(*ask)
    assert (said["verdict"], said["reason"], said["rule"]) == ("prove", "assurance", "strong")
    assert said["needs"] == {"assurance": "phishing-resistant", "max_age": 600}
    said = site.json(*ask, "--assurance", "hardware", "--proven", "11m")
    assert (said["reason"], said["needs"]["max_age"]) == ("age", 600)
    assert site.json(*ask, "--assurance", "hardware", "--proven", "9m")["verdict"] == "allow"
    assert "phishing-resistant" in site.cli(*ask)


def test_operations_of_postern_itself_need_a_recent_proof_in_a_browser():
    with harness.running(edges=1, extra_yaml="authentication: {admin_max_age: 2s}\n") as s:
        api = s.portal + "/api/v1"
        same = [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/json")]
        time.sleep(3.1)
        answer = s.admin.request("POST", api + "/groups", body=b'{"name":"g"}', navigate=False, headers=same)
        said = answer.json()
        assert answer.status == 401 and said["type"] == PROBLEM and said["max_age"] == 2
        assert "g" not in [g["name"] for g in s.json("group", "list")["groups"]]
        # A certificate is somebody's factor, or a service account's way in.
        s.cli("user", "add", "robot", "--service")
        robot = json.dumps({"name": "robots", "user": "robot", "dns": "robot.example"}).encode()
        assert s.admin.request("POST", api + "/certificates", body=robot, navigate=False, headers=same).status == 401
        assert s.json("certificate", "list")["certificates"] == []
        # What only looks, and what takes access away, needs none.
        assert s.admin.get(api + "/users", navigate=False, headers=same).status == 200
        s.cli("user", "add", "temp", "--service")
        assert s.admin.request("POST", api + "/users/temp/disable", body=b"", navigate=False,
                               headers=same).status == 200
        page = s.admin.get(said["prove"])
        form = dict(fields(page), password=PASSWORD, code=s.admin.next_code())
        done = s.admin.post(s.portal + "/signin/stepup", form)
        assert done.status == 303 and done.get("location") == "/", done
        assert s.admin.request("POST", api + "/groups", body=b'{"name":"g"}', navigate=False,
                               headers=same).status == 201
        # A program has nothing to prove, and the host's own command neither.
        time.sleep(3.1)
        token = s.json("token", "add", "t", "--owner", "owner", "--route", "portal")["token"]
        assert s.anonymous("POST", api + "/groups", body=b'{"name":"h"}', navigate=False,
                           headers=[("Authorization", "Bearer " + token), ("Content-Type", "application/json")]).status == 201
