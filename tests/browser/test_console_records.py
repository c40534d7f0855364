"""The console's overview, records and one's own account; what each role is shown."""
import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from stack import PASSWORD, Person, Recorder, Stack, wait_for
from console import checked, clean, fill, heading, log_in, press, says, text, until
from conftest import chromium


@pytest.fixture(scope="module")
def site():
    s = Stack(edges=2)
    up = Recorder()
    try:
        s.start()
        s.admin = s.owner()
        s.cli("route", "add", "con", up.url, "--title", "The console", "--allow", "group:owners@local")
        assert s.admin.open(s.console_url("con", "/one/place"))[0].status == 200
        stranger = s.user("stranger")
        assert stranger.open(s.console_url("con", "/secret"))[0].status == 403
        wait_for(lambda: "/secret" in json.dumps(s.json("access", "list")))
        yield s
    finally:
        s.close()
        up.close()


@pytest.fixture(scope="module")
def browser(browser, site):
    log_in(browser, site.admin, site)
    return browser


def navigation(browser):
    return [a.text for a in browser.find_elements(By.CSS_SELECTOR, "nav[aria-label=Console] a")]


def test_the_overview_says_who_is_on_what_was_refused_and_what_answers(site, browser):
    browser.get(site.portal + "/console/overview")
    for words in ("Requests", "Answer time", "On now", "stranger", "Refused in the last day", "con", "This gateway", "Latest changes and logins"):
        says(browser, words)
    says(browser, "once")
    checked(browser, "overview")


def test_a_refused_request_is_found_among_the_requests(site, browser):
    browser.get(site.portal + "/console/access?route=con")
    says(browser, "/one/place")
    fill(browser, "Person or token", "stranger")
    press(browser, "Search")
    until(browser, lambda b: "user=stranger" in b.current_url and "/one/place" not in text(b) and "/secret" in text(b))
    browser.get(site.portal + "/console/access?denials=1")
    says(browser, "/secret")
    assert "/one/place" not in text(browser)
    checked(browser, "access")


def test_an_audit_record_is_found_and_the_trail_verified(site, browser):
    site.cli("group", "add", "watchers")
    browser.get(site.portal + "/console/audit")
    fill(browser, "Event", "group.added")
    press(browser, "Search")
    says(browser, "watchers")
    until(browser, lambda b: "user.added" not in text(b))
    checked(browser, "audit")
    press(browser, "Verify the trail")
    says(browser, "The trail is intact")
    link = browser.find_element(By.CSS_SELECTOR, "main table a")
    seq = link.text
    link.click()
    heading(browser, f"Record {seq}")
    record = next(r for r in map(json.loads, site.cli("audit", "export").splitlines()) if str(r["seq"]) == seq)
    says(browser, record["hash"])
    checked(browser, "record")


def test_the_overview_shows_how_much_there_was_over_time(site, browser):
    browser.get(site.portal + "/console/overview")
    charts = lambda b: b.find_elements(By.CSS_SELECTOR, "figure svg[role=img]")
    until(browser, lambda b: len(charts(b)) == 4)
    until(browser, lambda b: charts(b)[0].get_attribute("aria-label").startswith("Requests: now"))
    until(browser, lambda b: not charts(b)[0].get_attribute("aria-label").endswith("at most 0"), 90)
    Select(browser.find_element(By.CSS_SELECTOR, "[aria-label='How far back']")).select_by_visible_text("The last week")
    until(browser, lambda b: "over=week" in b.current_url and len(charts(b)) == 4)
    checked(browser, "overview-week")


def test_an_export_is_one_file_of_what_is_shown(site, tmp_path):
    with chromium(site, {"download.default_directory": str(tmp_path)}) as browser:
        log_in(browser, site.admin, site)
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
        site.cli("group", "add", "exported")
        browser.get(site.portal + "/console/audit?event=group.added")
        says(browser, "exported")
        press(browser, "Export JSON lines")
        kept = tmp_path / "postern-audit.jsonl"
        wait_for(kept.exists)
        rows = [json.loads(line) for line in kept.read_text().splitlines()]
        assert {r["event"] for r in rows} == {"group.added"} and "exported" in {r["target"] for r in rows}
        press(browser, "Export CSV")
        wait_for((tmp_path / "postern-audit.csv").exists)
        lines = (tmp_path / "postern-audit.csv").read_text().splitlines()
        assert len(lines) == len(rows) + 1, lines[:3]
        clean(browser)


def test_records_are_found_by_their_words_and_their_time(site, browser):
    site.cli("group", "add", "night-watch")
    browser.get(site.portal + "/console/audit")
    fill(browser, "With the words", "NIGHT-WATCH")
    press(browser, "Search")
    until(browser, lambda b: "text=NIGHT-WATCH" in b.current_url and "group.added" in text(b) and "user.added" not in text(b))
    browser.get(site.portal + "/console/audit?until=2001-01-01T00:00")
    says(browser, "No record like this")
    clean(browser)


def test_the_pages_of_a_long_list_lead_on_and_back(site, browser):
    for i in range(60):
        site.cli("group", "add", f"g{i}")
    browser.get(site.portal + "/console/audit?event=group.added")
    says(browser, "g59")
    assert "watchers" not in text(browser)
    press(browser, "Older")
    says(browser, "watchers")
    press(browser, "Newest")
    says(browser, "g59")
    clean(browser)


def test_ones_own_account_changes_the_password_and_makes_recovery_codes(site):
    who = site.user("paula")
    with chromium(site, {}) as browser:
        log_in(browser, who, site)
        assert browser.current_url.endswith("/console/consoles"), "who has no role begins at the consoles"
        assert navigation(browser) == ["Your consoles", "Requests and approvals", "My account"], navigation(browser)
        says(browser, "No console yet")
        browser.get(site.portal + "/console/account")
        says(browser, "No passkey yet")
        says(browser, "somebody logged in")
        checked(browser, "account")
        press(browser, "New recovery codes")
        press(browser, "Make codes")
        says(browser, "Recovery codes")
        codes = [c.text for c in browser.find_elements(By.CSS_SELECTOR, "[role=dialog] code")]
        assert len(codes) == 10
        press(browser, "I have kept it")
        press(browser, "Change password")
        fill(browser, "Present password", "not the present one")
        fill(browser, "New password", "an entirely other one 7")
        fill(browser, "New password, once more", "an entirely other one 7")
        press(browser, "Change password", "[role=dialog]")
        until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "[role=dialog] [role=alert]"))
        fill(browser, "Present password", PASSWORD)
        press(browser, "Change password", "[role=dialog]")
        until(browser, lambda b: not b.find_elements(By.CSS_SELECTOR, "[role=dialog]"))
        again = Person(site, "paula")
        assert again.login(codes[0], "an entirely other one 7").get("location", "").startswith("/?"), "the new one is good"
        clean(browser)


def test_roles_see_what_they_may_and_no_button_for_what_they_may_not(site):
    for name, group, pages, absent in (
            ("audrey", "auditors", {"Overview", "People", "Audit trail", "Access records"}, "Add a user"),
            ("oscar", "operators", {"Overview", "Live sessions", "Access records"}, None),
            ("ada", "administrators", {"Overview", "People", "Tokens"}, None)):
        who = site.user(name, [group])
        with chromium(site, {}) as browser:
            log_in(browser, who, site)
            heading(browser, "Overview")
            seen = set(navigation(browser))
            assert pages <= seen, (name, seen)
            assert ("People" in seen) == (group != "operators")
            for page in ("overview", "sessions", "people", "groups", "tokens", "audit", "access"):
                browser.get(f"{site.portal}/console/{page}")
                until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "main h1"))
                until(browser, lambda b: "Loading" not in b.page_source or b.find_elements(By.CSS_SELECTOR, "main table"))
                assert "Danger alert" not in text(browser), (name, page, text(browser))
            if absent:
                browser.get(site.portal + "/console/people")
                says(browser, "owner")
                assert absent not in text(browser)
            if group == "operators":
                browser.get(site.portal + "/console/audit")
                heading(browser, "Not for your roles")
            clean(browser)


def test_everything_is_reached_with_the_keyboard_alone(site, browser):
    """Tab goes through what can be pressed, in the order of the page; Enter opens a dialog, Escape closes it, and focus is back."""
    browser.get(site.portal + "/console/groups")
    says(browser, "watchers")
    focused = lambda: browser.execute_script(
        "const e = document.activeElement; return e.getAttribute('aria-label') || e.innerText || e.tagName")
    seen = []
    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        seen.append(focused())
        if seen[-1] == "Add a group":
            break
    assert seen[0] == "To the page" and "Overview" in seen and seen[-1] == "Add a group", seen
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "[role=dialog]"))
    for _ in range(12):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        assert browser.execute_script("return document.activeElement.closest('[role=dialog]') !== null"), "focus stays in the dialog"
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    until(browser, lambda b: not b.find_elements(By.CSS_SELECTOR, "[role=dialog]"))
    assert focused() == "Add a group"
    clean(browser)
