"""Access for a time: asked for at a console, granted by others, ended by the clock, by somebody or with the rule."""
import html
import json
import os
import re
import signal
import threading
import time
import urllib.parse

import pytest

import stack as harness
from stack import Recorder, wait_for
from test_revocation import Stream, endless

pytestmark = pytest.mark.timeout(120)
HOSTILE = "<script>alert(1)</script>\r\nby: host \"'&\u202egnp.exe"


def handler(recorder, sock, head, rest):
    if b"GET /down " in head or b"GET /ws " in head:
        return endless(recorder, sock, head, rest)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nconsole")
    return rest


@pytest.fixture(scope="module")
def site():
    up = Recorder(handler=handler)
    with harness.running(edges=2) as s:
        for group in ("ops", "leads"):
            s.cli("group", "add", group)
        s.cli("route", "add", "busy", up.url)
        s.cli("rule", "add", "urgent", "--group", "ops", "--zone", "local", "--route", "busy", "--approvers", "leads",
              "--grant-max", "2h")
        s.lea, s.leo = s.user("lea", ["leads"]), s.user("leo", ["leads", "ops"])
        for who in (s.lea, s.leo):
            assert who.login().status == 303
        yield s
    up.close()


@pytest.fixture
def ann(site):
    """Somebody new each time, who is on at the console's door."""
    name = f"ann{time.monotonic_ns()}"
    who = site.user(name, ["ops"])
    who.page, who.at = who.open(site.console_url("busy", "/deep/place?x=1"))
    return who


def api(who, method, path, body=None):
    headers = [("Sec-Fetch-Site", "same-origin"), ("Accept", "application/json")]
    if body is not None:
        headers.append(("Content-Type", "application/json"))
    answer = who.request(method, who.stack.portal + path, body=b"" if body is None else json.dumps(body).encode(),
                         headers=headers, navigate=False)
    return answer


def fields(page, what="ask"):
    for form in page.text.split('action="/signin/access"')[1:]:
        form = form.split("</form>", 1)[0]
        found = {k: html.unescape(v) for k, v in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)}
        if found["do"] == what:
            return found
    raise AssertionError(page)


def ask(who, reason="disk is full", duration="1h"):
    return who.post(who.stack.portal + "/signin/access", {**fields(who.page), "reason": reason, "duration": duration})


def mine(who):
    return api(who, "GET", f"/api/v1/requests?user={who.name}").json()["requests"]


def test_the_way_from_a_refusal_by_the_question_and_the_wait_to_the_same_place(site, ann):
    assert ann.page.status == 200 and ann.at.startswith(site.portal + "/signin/access?rule=urgent&")
    assert "Ask for access" in ann.page.text and "leads" in ann.page.text
    sent = ask(ann)
    assert sent.status == 303
    waiting = urllib.parse.urljoin(ann.at, sent.get("location"))
    page = ann.get(waiting)
    assert page.status == 200 and "0 of 1" in page.text
    assert re.search(r'http-equiv="refresh" content="[1-9]', page.text)
    assert ann.get(site.console_url("busy")).status == 303, "asking opens nothing"

    decide = site.lea.get(site.portal + "/account/requests")
    assert ann.name in decide.text and "disk is full" in decide.text
    number = mine(ann)[0]["id"]
    done = site.lea.post(f"{site.portal}/account/requests/{number}/approve", {"comment": "go ahead"})
    assert done.status == 200 and "You have agreed." in done.text

    answer, at = ann.follow(ann.get(waiting), waiting)
    assert (answer.status, answer.text, at) == (200, "console", site.console_url("busy", "/deep/place?x=1"))
    row = mine(ann)[0]
    assert row["state"] == "approved" and 3500 < row["seconds_left"] <= 3600
    assert [v["user"] for v in row["voices"]] == ["lea"]
    trail = api(site.admin, "GET", f"/api/v1/audit?target={ann.name}").text
    assert "request.made" in trail and "request.approved" in trail and "disk is full" in trail


def test_a_program_and_a_form_are_told_where_to_ask(site, ann):
    told = ann.request("GET", site.console_url("busy", "/x"), navigate=False,
                       headers=[("Sec-Fetch-Site", "same-origin"), ("Accept", "application/json")])
    assert told.status == 403 and told.get("content-type") == "application/problem+json"
    problem = told.json()
    assert problem["type"] == "urn:postern:problem:grant-needed" and problem["rule"] == "urgent"
    assert problem["request"].startswith(site.portal + "/signin/access?rule=urgent&to=busy.")
    form = ann.post(site.console_url("busy", "/x"), {"a": "b"})
    assert form.status == 403 and "Ask for access" in form.text and "Prove who you are" not in form.text


def test_the_end_of_the_time_ends_what_runs_on_every_edge(site, ann):
    assert ask(ann, duration="8s").status == 303
    number = mine(ann)[0]["id"]
    assert api(site.lea, "POST", f"/api/v1/requests/{number}/approve", {}).status == 200
    granted = time.monotonic()
    assert ann.get(site.console_url("busy")).text == "console"
    jar = ann.jar[f"busy.{site.host}"]
    headers = ["Cookie: " + "; ".join(f"{k}={v}" for k, v in jar.items()), "Sec-Fetch-Site: same-origin"]
    streams = [Stream(site, f"busy.{site.host}", headers, websocket=i % 2 == 0) for i in range(8)]
    wait_for(lambda: all(s.ended for s in streams), 40)
    first = min(s.ended for s in streams) - granted
    assert first > 6, first
    assert ann.get(site.console_url("busy")).status == 303
    assert wait_for(lambda: mine(ann)[0]["state"] == "ended")


def test_whoever_is_in_charge_ends_what_runs_at_once(site, ann):
    assert ask(ann).status == 303
    number = mine(ann)[0]["id"]
    assert api(site.lea, "POST", f"/api/v1/requests/{number}/approve", {}).status == 200
    assert ann.get(site.console_url("busy")).text == "console"
    jar = ann.jar[f"busy.{site.host}"]
    stream = Stream(site, f"busy.{site.host}", ["Cookie: " + "; ".join(f"{k}={v}" for k, v in jar.items()),
                                                "Sec-Fetch-Site: same-origin"], websocket=False)
    assert api(ann, "DELETE", "/api/v1/requests/999999").status == 404
    assert api(site.lea, "DELETE", f"/api/v1/requests/{number}").status == 200
    wait_for(lambda: stream.ended, 20)
    assert ann.get(site.console_url("busy")).status == 303


def test_a_grant_outlives_the_keeper_and_ends_all_the_same(site, ann):
    assert ask(ann, duration="20s").status == 303
    number = mine(ann)[0]["id"]
    assert api(site.lea, "POST", f"/api/v1/requests/{number}/approve", {}).status == 200
    granted = time.monotonic()
    os.kill(site.pids("keeper")[0], signal.SIGKILL)
    wait_for(lambda: ann.get(site.console_url("busy")).text == "console", 15)
    wait_for(lambda: ann.get(site.console_url("busy")).status == 303, 60)
    assert time.monotonic() - granted > 18
    assert mine(ann)[0]["state"] == "ended"


def test_nobody_decides_for_himself_or_without_being_asked_to(site, ann):
    leo = site.leo
    made = api(leo, "POST", "/api/v1/requests", {"rule": "urgent", "reason": "x", "duration": "10m"})
    assert made.status == 201, made
    number = made.json()["id"]
    assert not made.json()["may_decide"]
    assert api(leo, "POST", f"/api/v1/requests/{number}/approve", {}).status == 403
    assert leo.post(f"{site.portal}/account/requests/{number}/approve", {"comment": ""}).status == 403
    assert api(site.admin, "POST", f"/api/v1/requests/{number}/approve", {}).status == 403
    assert api(ann, "POST", f"/api/v1/requests/{number}/approve", {}).status == 404
    assert api(ann, "GET", f"/api/v1/requests/{number}").status == 404
    token = site.json("token", "add", "leatok", "--owner", "lea", "--route", "portal")["token"]
    by_token = site.anonymous("POST", f"{site.portal}/api/v1/requests/{number}/approve", body=b"{}", navigate=False,
                              headers=[("Authorization", "Bearer " + token), ("Content-Type", "application/json")])
    assert by_token.status == 403, by_token
    assert api(leo, "GET", f"/api/v1/requests/{number}").json()["state"] == "pending"
    assert api(site.lea, "POST", f"/api/v1/requests/{number}/deny", {"comment": "not now"}).status == 200
    assert api(leo, "GET", f"/api/v1/requests/{number}").json()["note"] == "not now"


def test_what_a_person_types_is_text_wherever_it_is_shown(site, ann):
    assert ask(ann, reason=HOSTILE).status == 303
    row = mine(ann)[0]
    assert row["reason"] == "<script>alert(1)</script> by: host \"'& gnp.exe"
    for who, page in ((ann, ann.at), (site.lea, site.portal + "/account/requests")):
        shown = who.get(page)
        assert "<script>alert" not in shown.text and "&lt;script&gt;alert(1)" in shown.text
        assert "default-src 'none'" in shown.get("content-security-policy")
    refused = api(site.lea, "POST", f"/api/v1/requests/{row['id']}/deny", {"comment": HOSTILE})
    assert refused.status == 200
    again = ann.get(ann.at)
    assert "Your last request is denied" in again.text and "<script>alert" not in again.text
    long = api(ann, "POST", "/api/v1/requests", {"rule": "urgent", "reason": "x" * 2000, "duration": "10m"})
    assert long.status == 400 and long.json()["field"] == "reason"


def test_the_page_leads_to_consoles_of_this_gateway_only(site, ann):
    for to, back in (("evil.example", "/"), (f"busy.{site.host}:{site.port}@evil.example", "/"),
                     (f"busy.{site.host}:{site.port}", "//evil.example"), (f"busy.{site.host}:{site.port}", "https://e"),
                     ("", "/\r\nx: y")):
        place = urllib.parse.urlencode({"rule": "urgent", "to": to, "back": back})
        assert ann.get(f"{site.portal}/signin/access?{place}").status == 400, (to, back)
    assert ann.get(f"{site.portal}/signin/access?rule=absent").status == 404
    assert site.lea.get(f"{site.portal}/signin/access?rule=urgent").status == 404
    stranger = site.anonymous("GET", f"{site.portal}/signin/access?rule=urgent")
    assert stranger.status == 303 and stranger.get("location").startswith("/login?place=%2Fsignin%2Faccess")


def test_two_approvals_at_the_same_time_grant_once(site, ann):
    assert ask(ann).status == 303
    number = mine(ann)[0]["id"]
    seen = []

    def approve(who):
        seen.append(api(who, "POST", f"/api/v1/requests/{number}/approve", {}).status)
    threads = [threading.Thread(target=approve, args=(w,)) for w in (site.lea, site.leo)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(seen) == [200, 409]
    assert len(mine(ann)[0]["voices"]) == 1


def test_a_guarded_change_waits_for_a_second_person_and_is_in_force_then(site, ann):
    """Last, because it changes what the file says."""
    config = site.config.read_text()
    site.config.write_text(config + "\nchanges: {two_person: [policy]}\n")
    try:
        site.cli("reload")
        second = site.user("second", ["owners"])
        assert second.login().status == 303
        made = api(site.admin, "PUT", "/api/v1/zones/lab", {"cidrs": ["10.9.0.0/16"]})
        assert made.status == 202, made.text
        number = made.json()["request"]["id"]
        assert api(site.admin, "GET", "/api/v1/zones/lab").status == 404
        assert api(site.admin, "POST", f"/api/v1/requests/{number}/approve", {}).status == 403
        seen = api(second, "GET", "/api/v1/requests?deciding=1").json()["requests"]
        assert [r["operation"]["path"] for r in seen if r["kind"] == "change"] == ["/api/v1/zones/lab"]
        page = second.get(site.portal + "/account/requests")
        assert "change of policy" in page.text
        done = api(second, "POST", f"/api/v1/requests/{number}/approve", {"comment": "fine"})
        assert done.status == 200 and done.json()["state"] == "approved", done.text
        assert api(site.admin, "GET", "/api/v1/zones/lab").json()["cidrs"] == ["10.9.0.0/16"]
        # So does a test that stands in the way of a change, written or taken away, and every other change.
        written = {"nobody": True, "zone": "local", "route": "busy", "path": "/", "expect": "prove"}
        assert api(site.admin, "PUT", "/api/v1/tests/x", written).status == 202
        for method, path, body in (("DELETE", "/tests/x", None), ("PUT", "/rules/x", {}),
                                   ("POST", "/apply", {"zones": [{"name": "lab", "cidrs": ["10.8.0.0/16"]}]}),
                                   ("PUT", "/settings/notices.per_hour", {"value": 5})):
            assert api(site.admin, method, "/api/v1" + path, body).status in (202, 400, 404, 422), (method, path)
        assert api(site.admin, "GET", "/api/v1/tests").json()["tests"] == []
        assert [z for z in api(site.admin, "GET", "/api/v1/zones").json()["zones"] if z["name"] == "lab"][0]["cidrs"] == ["10.9.0.0/16"]
        # The host waits for nobody.
        site.cli("zone", "remove", "lab")
    finally:
        site.config.write_text(config)
        site.cli("reload")
