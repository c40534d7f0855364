"""The console's pages of people: who is on, users and groups, tokens."""
import time

import pytest
from selenium.webdriver.common.by import By

from stack import PASSWORD, Recorder, Stack, running
from console import accessible, checked, clean, fill, heading, log_in, press, says, text, until
from conftest import chromium


@pytest.fixture(scope="module")
def site():
    s = Stack(edges=2)
    up = Recorder()
    try:
        s.start()
        s.admin = s.owner()
        s.cli("route", "add", "con", up.url, "--allow", "group:owners@local", "--allow", "user:kim@local")
        yield s
    finally:
        s.close()
        up.close()


@pytest.fixture(scope="module")
def kim(site):
    return site.user("kim")


@pytest.fixture(scope="module")
def browser(browser, site):
    log_in(browser, site.admin, site)
    return browser


def test_an_owner_ends_somebodys_session_and_the_person_is_out(site, browser, kim):
    assert kim.login().status == 303
    browser.get(site.portal + "/console/sessions")
    says(browser, "kim")
    checked(browser, "sessions")
    press(browser, "End the session of kim at the portal")
    says(browser, "End this session?")
    press(browser, "End session")
    until(browser, lambda b: "kim" not in b.find_element("tag name", "main").text)
    assert kim.get(site.portal + "/console/").status == 303
    assert not [s for s in site.json("session", "list")["sessions"] if s["user"] == "kim"]
    clean(browser)


def test_a_session_that_begins_elsewhere_appears_by_itself(site, browser):
    browser.get(site.portal + "/console/sessions")
    heading(browser, "Live sessions")
    says(browser, "owner")
    nora = site.user("nora")
    assert nora.login().status == 303
    says(browser, "nora")
    clean(browser)


def test_a_list_that_finds_nothing_says_what_to_do_next(site, browser):
    browser.get(site.portal + "/console/sessions?user=nobody-of-this-name")
    says(browser, "This person is not on")
    checked(browser, "sessions-empty")


HOSTILE = ['<img src=x onerror="window.hurt=1">', "'\"><script>window.hurt=1</script>", "javascript:window.hurt=1",
           "{{constructor.constructor('window.hurt=1')()}}", "\u202egnp.exe", "a" * 60]


def test_a_user_is_added_with_a_link_that_is_shown_once(site, browser):
    browser.get(site.portal + "/console/people")
    says(browser, "owner")
    checked(browser, "people")
    press(browser, "Add a user")
    fill(browser, "Name", "Not A Name")
    press(browser, "Add user", "[role=dialog]")
    says(browser, "Field: name")
    fill(browser, "Name", "paul")
    fill(browser, "Groups", "operators")
    press(browser, "Add user", "[role=dialog]")
    says(browser, "An enrolment link")
    link = browser.find_element(By.CSS_SELECTOR, "[aria-label='Enrolment link']").get_attribute("value")
    assert link.startswith(site.portal + "/enrol?code=")
    assert site.anonymous("GET", link).status == 200
    press(browser, "I have kept it")
    heading(browser, "paul")
    says(browser, "invited")
    checked(browser, "person")
    assert "operators" in site.cli("user", "show", "paul")


def test_a_person_is_disabled_and_enabled_again(site, browser):
    browser.get(site.portal + "/console/people/paul")
    press(browser, "Disable")
    press(browser, "Disable", "[role=dialog]")
    says(browser, "disabled")
    assert site.json("user", "show", "paul")["disabled"] is True
    press(browser, "Enable")
    press(browser, "Enable", "[role=dialog]")
    says(browser, "invited")
    clean(browser)


def test_groups_are_set_and_a_group_that_does_not_exist_is_named(site, browser):
    browser.get(site.portal + "/console/groups")
    says(browser, "owners")
    press(browser, "Add a group")
    fill(browser, "Name", "night-shift")
    press(browser, "Add group", "[role=dialog]")
    says(browser, "night-shift")
    checked(browser, "groups")
    browser.get(site.portal + "/console/people/paul")
    press(browser, "Groups", "main")
    fill(browser, "Groups", "night-shift no-such-group")
    press(browser, "Set groups")
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "[role=dialog] [role=alert]"))
    fill(browser, "Groups", "night-shift")
    press(browser, "Set groups")
    until(browser, lambda b: not b.find_elements(By.CSS_SELECTOR, "[role=dialog]"))
    assert site.json("user", "show", "paul")["groups"] == ["night-shift"]
    browser.get(site.portal + "/console/groups/night-shift")
    says(browser, "paul")
    clean(browser)


def test_a_person_goes_only_after_the_name_was_typed(site, browser):
    browser.get(site.portal + "/console/people/paul")
    press(browser, "Remove")
    fill(browser, "Type the name to go on", "pau")
    assert not browser.find_element(By.CSS_SELECTOR, "[role=dialog] button[type=submit]").is_enabled()
    fill(browser, "Type the name to go on", "paul")
    press(browser, "Remove user")
    heading(browser, "People")
    assert "paul" not in [u["name"] for u in site.json("user", "list")["users"]]


def test_a_tokens_text_is_shown_once_and_the_token_can_be_revoked(site, browser, kim):
    browser.get(site.portal + "/console/tokens")
    says(browser, "No token yet")
    checked(browser, "tokens-empty")
    press(browser, "Make a token")
    for label, value in (("Name", "ci"), ("Owner", kim.name), ("Routes", "con"), ("Expires", "30d")):
        fill(browser, label, value)
    press(browser, "Make token")
    says(browser, "The token's text")
    text_of = browser.find_element(By.CSS_SELECTOR, "[aria-label='Token']").get_attribute("value")
    assert text_of.startswith("pst_")
    press(browser, "I have kept it")
    says(browser, "ci")
    checked(browser, "tokens")
    assert text_of not in browser.page_source
    press(browser, "Revoke the token ci")
    press(browser, "Revoke token")
    says(browser, "No token yet")
    clean(browser)


def test_hostile_names_are_shown_as_text(site, browser):
    for i, words in enumerate(HOSTILE):
        who = site.user(f"h{i}")
        who.get(site.portal + "/login")
        agent = words.encode("ascii", "ignore").decode()
        assert who.request("POST", site.portal + "/login", headers=[("User-Agent", agent), ("Content-Type", "application/x-www-form-urlencoded")],
                           body=f"user=h{i}&password=correct%20horse%20battery&code=".encode()).status in (200, 303, 403)
        site.admin.request("GET", site.portal + "/api/v1/users/x", headers=[("User-Agent", agent)])
    for title in HOSTILE:
        site.cli("route", "add", "odd", "http://127.0.0.1:9", "--title", title, "--allow", "group:owners@local", check=False)
        for page in ("consoles", "sessions", "access", "audit", "people/" + "%3Cimg%20src=x%20onerror=window.hurt=1%3E"):
            browser.get(f"{site.portal}/console/{page}")
            until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "main h1"))
            assert browser.execute_script("return window.hurt === undefined && !document.querySelector('main img, main script')")
        site.cli("route", "remove", "odd", "--force", check=False)
    browser.get_log("browser")


def test_a_change_that_needs_a_newer_proof_goes_on_after_it():
    with running(edges=1, extra_yaml="authentication: {admin_max_age: 5s}\n") as s, chromium(s, {}) as browser:
        log_in(browser, s.admin, s)
        time.sleep(6)
        browser.get(s.portal + "/console/groups")
        press(browser, "Add a group")
        fill(browser, "Name", "late-shift")
        press(browser, "Add group", "[role=dialog]")
        says(browser, "Prove who you are")
        accessible(browser)
        first = browser.current_window_handle
        press(browser, "Prove it now")
        until(browser, lambda b: len(b.window_handles) == 2)
        browser.switch_to.window(next(w for w in browser.window_handles if w != first))
        until(browser, lambda b: b.find_elements(By.NAME, "code"))
        browser.find_element(By.NAME, "password").send_keys(PASSWORD)
        browser.find_element(By.NAME, "code").send_keys(s.admin.next_code())
        browser.find_element(By.NAME, "code").submit()
        heading(browser, "Proven")
        browser.close()
        browser.switch_to.window(first)
        until(browser, lambda b: not b.find_elements(By.CSS_SELECTOR, "[role=dialog]"))
        says(browser, "late-shift")
        assert "late-shift" in s.cli("group", "list")
