"""The console's pages of the policy, in a real browser: an address is looked for in the zones, a console added, a rule
written and tested; names that are written to do harm do none; phone, dark and accessible throughout."""
import json

import pytest

import stack as harness
from conftest import chromium
from console import checked, clean
from policy_desk import Desk
from test_courier import make_certificate, s_server
from test_probe import pin_of

HOSTILE = "<img src=x onerror=alert(1)>"
PAGES = [("zones", "Zones"), ("routes", "Routes and upstreams"), ("routes/+new", "Add a console"), ("rules", "Policy"),
         ("rules/+new", "Write a rule"), ("rules/+all", "Edit everything"), ("tester", "Tester"), ("versions", "Versions"),
         ("requests", "Requests and approvals"), ("alerts", "Alerts"), ("certificates", "Certificates"), ("nodes", "Health"), ("settings", "Settings")]


@pytest.fixture(scope="module")
def site():
    up = harness.Recorder()
    s = harness.Stack(edges=2)
    try:
        s.start()
        s.up = up
        s.admin = s.owner()
        s.cli("user", "add", "robot", "--service")
        s.cli("route", "add", "old", up.url, "--title", HOSTILE, "--allow", "group:owners@local")
        yield s
    finally:
        s.close()
        up.close()


@pytest.fixture(scope="module")
def desk(site):
    with chromium(site, {}) as browser:
        yield Desk(site, browser).login(site.admin)


@pytest.mark.parametrize("page, title", PAGES)
def test_each_page_is_accessible_fits_a_phone_and_a_dark_room(desk, page, title):
    desk.open(page, title)
    checked(desk.browser, page.replace("/+", "-"))


def test_a_hostile_title_is_text(desk):
    desk.open("routes", "Routes and upstreams").sees(HOSTILE)
    assert desk.browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0
    clean(desk.browser)


def test_a_zone_is_added_and_found_by_an_address_in_it(desk):
    desk.open("zones", "Zones").press("Add a zone").fill(name="office", cidrs="10.1.0.0/99").accessible().press("Review")
    desk.sees("expected an address or network")
    assert desk.field("cidrs").get_attribute("aria-invalid") == "true", "the field at fault is marked"
    desk.fill(cidrs="10.1.0.0/16\n2001:db8::/32").press("Review").sees("Review the change").apply().sees("10.1.0.0/16")
    desk.fill(address="10.1.200.3")
    desk.until(lambda: "In office" in " ".join(desk.text().split()))
    desk.fill(address="2001:db8::7")
    desk.until(lambda: "In office" in " ".join(desk.text().split()))
    desk.fill(address="10.2.0.1").sees("In no zone")


def test_the_page_of_zones_says_where_one_is_oneself(desk):
    desk.open("zones", "Zones").sees("You come from 127.0.0.1, in local").press("Look for it")
    desk.until(lambda: "In local" in " ".join(desk.text().split()))


def test_a_console_is_added_after_its_key_was_confirmed(site, desk, tmp_path):
    crt, key, spki = make_certificate(tmp_path)
    with s_server(crt, key) as port:
        add_console(site, desk, f"https://127.0.0.1:{port}", pin_of(spki))


def add_console(site, desk, target, pin):
    desk.open("routes/+new", "Add a console").fill(url="https://nothing").press("Look at it").sees("expected")
    desk.fill(url=target).press("Look at it").sees("No authority of this system vouches for it", "CN=console.example", pin)
    desk.accessible().shot("console-add-certificate")
    assert not desk.browser.find_element("xpath", "//button[.='Next']").is_enabled(), "not before the key is confirmed"
    desk.browser.find_element("id", "pin").click()
    desk.press("Next").fill(name="itself", title="The gateway").press("Next").fill(groups="owners").accessible()
    desk.press("Review the console").sees("route itself", "rule itself").accessible().shot("console-review").apply()
    desk.heading("Routes and upstreams")
    desk.sees("The gateway", f"itself.{site.host}")
    stored = [r for r in site.json("route", "list")["routes"] if r["name"] == "itself"][0]
    assert stored["upstream"] == target and stored["upstream_pin"] == [pin]


def test_a_console_is_tried_before_it_is_saved(site, desk):
    desk.open("routes/+new", "Add a console").fill(url=site.up.url).press("Look at it").sees("This connection is not encrypted")
    desk.press("Next").fill(name="tried").press("Next").press("Send a test request").sees("It answers with 200")
    desk.press("Look for a way around the gateway").sees("These lines close it").accessible().shot("console-add-trial")
    clean(desk.browser)


def test_a_rule_is_written_and_tested(site, desk):
    desk.open("rules/+new", "Write a rule").fill(name="robots", users="robot", zones="nowhere", routes="old", methods="GET")
    desk.press("Review").sees("nowhere")
    desk.fill(zones="local").press("Review").apply()
    desk.heading("Policy")
    desk.sees("robots").accessible()
    desk.open("tester", "Tester").fill(user="owner", source="127.0.0.1", route="old", path="/a").press("Test")
    desk.sees("Allowed").accessible().shot("console-tester-answer")
    desk.fill(source="192.0.2.1").press("Test").sees("Refused", "does not name a zone that this address is in")
    desk.fill(source="not an address").press("Test").sees("expected an IP address")


def test_what_is_open_to_anybody_is_red(site, desk):
    desk.open("rules/+new", "Write a rule").fill(effect="anonymous", name="health-check", zones="local", routes="old")
    desk.sees("Anybody who comes from the zones gets in without a login").press("Review").sees("methods")
    desk.fill(methods="GET", paths="/health").press("Review").apply()
    desk.heading("Policy")
    desk.sees("admits anybody without login").accessible().shot("console-rules-anonymous")
    row = desk.browser.find_element("css selector", "tr.console-anonymous > td")
    assert "health-check" in row.text and row.value_of_css_property("border-left-width") == "4px"
    site.cli("rule", "remove", "health-check")


def test_a_rule_is_edited_as_json_and_shown_as_yaml(site, desk):
    desk.open("rules/robots", "Rule robots").press("JSON")
    rule = json.loads(desk.field("json").get_attribute("value"))
    assert rule == {"name": "robots", "users": ["robot"], "zones": ["local"], "routes": ["old"], "methods": ["GET"]}
    desk.fill(json=json.dumps({**rule, "colour": "red"})).press("Review").sees("colour")
    desk.fill(json=json.dumps({**rule, "methods": ["GET", "HEAD"]})).press("YAML").sees("methods: [GET, HEAD]").accessible()
    desk.press("Review").sees("- ", "+ ").apply()
    desk.heading("Policy")
    assert [r["methods"] for r in site.json("rule", "list")["rules"] if r["name"] == "robots"] == [["GET", "HEAD"]]


def test_a_certificate_is_given_to_a_service_and_taken_back(site, desk):
    desk.open("certificates", "Certificates").sees("days left").press("Add a certificate").accessible()
    desk.fill(name="robot-key", user="robot", kind="spki").fill(spki="zz").press("Add").sees("spki")
    desk.fill(spki="ab" * 32).press("Add").sees("robot-key", "enough alone")
    desk.press("Remove certificate robot-key").press("Remove").sees("No client's certificate stands for anybody")


def test_somebody_without_a_role_is_shown_none_of_it(site, desk):
    kim = site.user("kim")
    with chromium(site, {}) as browser:
        hers = Desk(site, browser).login(kim)
        browser.get(site.portal + "/console/rules")
        hers.sees("Not for your roles")
        assert "Write a rule" not in hers.text()
