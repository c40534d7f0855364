"""The account page in a real browser: by keyboard alone, on a phone, light and dark, without scripts.

Screenshots are kept in build/screenshots/ for a look.
"""
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from conftest import chromium
from stack import PASSWORD, totp
from test_first_owner import clean_log, field, shot, submit

NEW = "a much better horse battery"


@pytest.fixture(scope="module")
def plain(site):
    """A browser that runs no script."""
    with chromium(site, {"profile.managed_default_content_settings.javascript": 2}) as driver:
        yield driver


@pytest.fixture(scope="module")
def ann(site, plain):
    who = site.user("ann")
    site.cli("user", "mail", "ann", "ann@example.org")
    site.cli("token", "add", "nightly-backup", "--owner", "ann", "--route", "portal")
    plain.get(site.portal + "/login")
    field(plain, "user").send_keys("ann")
    field(plain, "password").send_keys(PASSWORD)
    field(plain, "code").send_keys(totp(who.secret))
    submit(plain)
    return who


def test_the_page_fits_a_phone_and_a_dark_room(site, plain, ann):
    plain.get(site.portal + "/account")
    shot(plain, "account")
    plain.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    shot(plain, "account-dark")
    plain.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                          {"width": 360, "height": 2600, "deviceScaleFactor": 1, "mobile": True})
    try:
        plain.get(site.portal + "/account")
        shot(plain, "account-phone")
        wide = plain.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]["width"]
        assert wide <= 360, "the page scrolls in one direction only"
    finally:
        plain.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        plain.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    clean_log(plain)


def test_everything_is_reached_by_the_tab_key(site, plain, ann):
    plain.get(site.portal + "/account")
    wanted = len([e for e in plain.find_elements(By.CSS_SELECTOR, "a[href], button, input:not([type=hidden])")])
    seen = []
    for _ in range(wanted + 2):
        plain.switch_to.active_element.send_keys(Keys.TAB)
        at = plain.switch_to.active_element
        if at.id in seen or at.tag_name == "body":
            break
        assert at.rect["width"] > 0
        seen.append(at.id)
    assert len(seen) == wanted


def test_a_password_is_changed_by_keyboard_alone(site, plain, ann):
    plain.get(site.portal + "/account")
    old = plain.find_element(By.TAG_NAME, "html")
    field(plain, "current").send_keys(PASSWORD, Keys.TAB, NEW, Keys.TAB, NEW, Keys.ENTER)
    WebDriverWait(plain, 15).until(lambda b: b.find_element(By.TAG_NAME, "html") != old)
    assert plain.current_url.endswith("/account") and "a password was set" in plain.page_source


def test_recovery_codes_are_shown_on_a_page_of_their_own(site, plain, ann):
    plain.get(site.portal + "/account")
    plain.find_element(By.CSS_SELECTOR, "form[action='/account/recovery'] button").send_keys(Keys.ENTER)
    WebDriverWait(plain, 15).until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".codes code")) == 10)
    shot(plain, "account-recovery")
    clean_log(plain)


def test_ending_the_session_of_this_browser_leads_to_the_login(site, plain, ann):
    plain.get(site.portal + "/account")
    row = [r for r in plain.find_elements(By.CSS_SELECTOR, "tr") if "this one" in r.text][0]
    row.find_element(By.CSS_SELECTOR, "button").send_keys(Keys.ENTER)
    WebDriverWait(plain, 15).until(lambda b: "/login" in b.current_url)
