"""Changes of the policy at the console, in a real browser: tried on the requests that came, looked at, in force for now,
kept or rolled back, refused where they lock out; access that one asks for and another grants; an alert."""
import json

import stack as harness
from conftest import chromium
from console import clean
from policy_desk import Desk
from test_policy_pages import HOSTILE, desk, site  # noqa: F401 (fixtures)


def test_a_change_is_tried_on_the_requests_that_came(site, desk):
    for _ in range(3):
        assert site.admin.open(site.console_url("old", "/tried"))[0].status == 200
    records = site.portal + "/api/v1/access?user=owner&route=old"
    harness.wait_for(lambda: len(site.admin.get(records).json()["records"]) >= 2)  # they are kept a moment later
    desk.open("rules", "Policy").press("Remove rule old").press("Simulate")
    desk.sees("It would have denied 1 person, you among them", "owner (you)", "/tried").accessible().shot("console-simulation")
    desk.press("Back")
    desk.open("rules/old", "Rule old").fill(methods="GET\nHEAD").press("Review").press("Simulate")
    desk.sees("as the policy of now does")


def test_a_rule_and_a_zone_go_after_a_look_at_the_change(site, desk):
    site.cli("zone", "add", "spare", "10.9.0.0/16")
    site.cli("rule", "add", "spare", "--user", "robot", "--zone", "local", "--route", "old")
    desk.open("rules", "Policy").press("Remove rule spare").sees("rule spare", "removed").apply()
    desk.until(lambda: "spare" not in desk.text())
    desk.open("zones", "Zones").press("Remove zone spare").apply()
    desk.until(lambda: "10.9.0.0/16" not in desk.text())


def pending(site):
    return site.admin.get(site.portal + "/api/v1/policy").json()["pending"]


def change_for_now(desk, networks):
    desk.open("zones", "Zones").press("Edit zone trial").fill(cidrs=networks).press("Review").fill(confirm="5m", comment="a trial")
    desk.press("Apply").sees("is in force for now", "4:5")


def test_a_change_is_in_force_for_now_until_it_is_kept_or_rolled_back(site, desk):
    site.cli("zone", "add", "trial", "10.8.0.0/16")
    site.admin.login(site.admin.next_code())
    change_for_now(desk, "10.8.8.0/24")
    desk.accessible().shot("console-confirm")
    desk.press("Keep it")
    desk.until(lambda: "in force for now" not in desk.text())
    assert pending(site) is None and "10.8.8.0/24" in site.cli("zone", "list")
    change_for_now(desk, "10.8.9.0/24")
    desk.press("Roll back now")
    desk.until(lambda: "in force for now" not in desk.text())
    assert pending(site) is None and "10.8.8.0/24" in site.cli("zone", "list")
    desk.open("versions", "Versions").sees("rolled back", "a trial").accessible().shot("console-versions")
    clean(desk.browser)


def test_a_version_shows_its_lines_and_the_way_back(site, desk):
    site.cli("zone", "add", "yard", "10.7.0.0/16")
    desk.open("versions", "Versions")
    newest = desk.browser.find_element("css selector", "tbody a")
    number = newest.text.rsplit(" ", 1)[1]
    newest.click()
    desk.heading(f"Version {number}")
    desk.sees("zone yard", "10.7.0.0/16").accessible().shot("console-version")
    before = int(number) - 1
    desk.open(f"versions/{before}", f"Version {before}").press(f"Go back to version {before}").sees("zone yard", "removed").apply()
    desk.heading("Versions")
    assert "10.7.0.0/16" not in site.cli("zone", "list")


def test_the_whole_policy_is_edited_as_one_document(site, desk):
    desk.open("rules/+all", "Edit everything").fill(policy="{").press("Review").sees("This is no JSON")
    policy = site.admin.get(site.portal + "/api/v1/export").json()
    del policy["version"]
    policy["zones"].append({"name": "attic", "cidrs": ["10.6.0.0/16"]})
    desk.fill(policy=json.dumps(policy)).press("Review").sees("zone attic", "added").apply()
    desk.heading("Policy")
    assert "10.6.0.0/16" in site.cli("zone", "list")


def test_access_is_asked_for_by_one_and_approved_by_another(site, desk):
    site.cli("group", "add", "leads")
    site.cli("group", "add", "ops")
    lea, ann = site.user("lea", ["leads"]), site.user("ann", ["ops"])
    desk.open("rules/+new", "Write a rule").fill(name="urgent", groups="ops", zones="local", routes="old", approvers="leads")
    desk.fill(approvals="1", grant_max="2h").press("Review").apply()
    desk.heading("Policy")
    with chromium(site, {}) as hers, chromium(site, {}) as theirs:
        asking, deciding = Desk(site, hers).login(ann), Desk(site, theirs).login(lea)
        asking.open("requests", "Requests and approvals").sees("Nothing waits").press("Ask for access")
        asking.fill(reason=f"the disk is full {HOSTILE}", duration="9h").accessible().press("Ask")
        asking.sees("2 hours")  # too long: the dialog says what is possible
        asking.fill(duration="30m").press("Ask").sees("waits")
        deciding.open("requests", "Requests and approvals").sees("ann", "the disk is full", HOSTILE).accessible()
        deciding.shot("console-requests-pending").press("Approve what ann asks for").fill(comment="go on").press("Approve").sees("runs")
        asking.sees("runs", "go on").shot("console-requests-running")  # told by the stream of events
        hers.get(site.console_url("old", "/"))
        asking.sees("ok")
        asking.open("requests", "Requests and approvals").press("End it").press("End it").sees("Nothing waits")
        for one in (asking, deciding):
            clean(one.browser)


def test_an_alert_is_seen_to(site, desk):
    site.cli("route", "add", "gone", "http://127.0.0.1:9", "--allow", "group:owners@local")
    desk.open("routes/gone", "Console gone")
    route = json.loads(desk.field("json").get_attribute("value"))
    desk.fill(json=json.dumps({**route, "health_path": "/", "health_interval": 1})).press("Review").apply()
    desk.heading("Routes and upstreams")
    desk.open("alerts", "Alerts").sees("gone").accessible().shot("console-alerts-open")
    acknowledge = next(b for b in desk.browser.find_elements("css selector", "main button")
                       if "gone" in (b.get_attribute("aria-label") or ""))
    acknowledge.click()
    desk.until(lambda: "owner" in desk.browser.find_element("css selector", "main table").text)
    site.cli("route", "remove", "gone", "--force")


def test_a_setting_is_changed_and_reset(site, desk):
    desk.open("settings", "Settings").press("Change session.idle").fill(value="1s").press("Review").sees("expected")
    desk.fill(value="20m").press("Review").sees("session.idle").accessible().apply().sees("20m")
    desk.press("Reset session.idle").apply()
    desk.until(lambda: "20m" not in desk.text())
    clean(desk.browser)


def test_whoever_would_lock_out_the_last_owner_is_warned_and_cannot(site, desk):
    desk.open("settings", "Settings").press("Change authentication.admin_assurance").fill(value="hardware").press("Review")
    desk.sees("This would lock you out", "no owner would get in any more").accessible().shot("console-lockout")
    assert not any(b.is_enabled() for b in desk.browser.find_elements("xpath", "//button[.='Apply']"))
    desk.press("Back")
