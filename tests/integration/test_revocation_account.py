"""What a person ends or changes on the account page, and what an administrator changes of a factor, reaches every
stream; how long it took is in the answer and on the health page."""
import json

import stack as harness
from stack import wait_for
from test_revocation import EDGES, cookie_headers, edges_serving, measure, open_streams, person, site  # noqa: F401

NEW = "a much better horse battery"


def again(site, who):
    """The same person in another browser, at the portal."""
    other = harness.Person(site, who.name, who.secret)
    other.recovery = site.json("user", "recovery", who.name)["recovery"]
    assert other.login().status == 303
    return other


def api(site, who, method, path, body=None):
    text = json.dumps(body).encode() if body is not None else b""
    answer = who.request(method, site.portal + "/api/v1/me" + path, body=text, navigate=False,
                         headers=[("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin"),
                                  ("Origin", site.portal)])
    assert answer.status == 200, answer
    return answer.json()


def test_ending_a_session_on_the_account_page_of_another_browser_ends_its_streams(site):
    who = person(site, "fay")
    other = again(site, who)
    streams = open_streams(site, cookie_headers(who, site))
    wait_for(lambda: edges_serving(site) == EDGES, 10, every=0.2)
    sessions = api(site, other, "GET", "/sessions")["sessions"]
    theirs = [x for x in sessions if x["parent"] is None][0]  # the older one
    times = measure("account page", streams,
                    lambda: other.post(site.portal + f"/account/sessions/{theirs['id']}/end", {}))
    assert times[-1] < 2000
    assert other.get(site.portal + "/account").status == 200


def test_a_changed_password_ends_the_streams_of_other_sessions_when_told_to_and_says_how_soon(site):
    who = person(site, "gus")
    other = again(site, who)
    streams = open_streams(site, cookie_headers(who, site), 8)
    said = {}

    def change():
        said.update(api(site, other, "PUT", "/password",
                        {"current": harness.PASSWORD, "password": NEW, "end_sessions": True}))
    times = measure("password change", streams, change)
    assert times[-1] < 3000
    assert said["revoked"]["edges"] == EDGES and 0 <= said["revoked"]["ms"] < 2000


def test_a_factor_that_an_administrator_declares_lost_ends_streams(site):
    who = person(site, "hal")
    streams = open_streams(site, cookie_headers(who, site), 8)
    times = measure("lost factor", streams, lambda: site.cli("user", "reset", "hal", "--lost", "authenticator"))
    assert times[-1] < 3000


def test_a_new_totp_secret_of_ones_own_ends_streams(site):
    import re
    import urllib.parse
    who = person(site, "ida")
    other = again(site, who)
    streams = open_streams(site, cookie_headers(who, site), 8)
    link = api(site, other, "POST", "/totp", {})["link"]
    secret = re.search(r"\b([A-Z2-7]{32})\b", other.get(link).text).group(1)
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["code"][0]
    form = {"code": code, "password": harness.PASSWORD, "totp": harness.totp(secret)}
    times = measure("new TOTP", streams, lambda: other.post(site.portal + "/enrol", form))
    assert times[-1] < 3000


def test_the_health_page_tells_how_long_revocations_took(site):
    before = site.json("health")["revocations"]
    who = person(site, "joe")
    streams = open_streams(site, cookie_headers(who, site), 8)
    measure("user", streams, lambda: site.cli("user", "disable", "joe"))
    after = site.json("health")["revocations"]
    assert after["count"] > before["count"] and after["streams"] >= before["streams"] + 8
    assert 0 <= after["last_ms"] <= after["most_ms"] < 2000
