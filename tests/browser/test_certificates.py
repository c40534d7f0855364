"""A person's certificate in a real browser: made by `postern ca issue`, opened, shown to the portal and to no console."""
import json
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import stack as harness
from conftest import chromium
from test_first_owner import clean_log, field

# The browser would ask which of its certificates to show; there is nobody to click.
CHOOSES = {"profile.managed_auto_select_certificate_for_urls": [json.dumps({"pattern": "*", "filter": {}})]}


@pytest.fixture(scope="module")
def site():
    up = harness.Recorder()
    s = harness.Stack(edges=2)
    try:
        s.start()
        s.cli("user", "add", "first", "--service")
        s.cli("ca", "issue", "first", "--user", "first", "--out", str(s.dir / "first.p12"))
        s.config.write_text(s.config.read_text().replace(
            f"  host: {s.host}\n", f"  host: {s.host}\n  client_certificate: optional\n"
            "  client_ca_file: client-ca.crt\n  client_crl_file: client-ca.crl\n", 1))
        s.cli("reload")
        s.cli("route", "add", "safe", up.url)
        s.cli("rule", "add", "safe", "--user", "anna", "--zone", "local", "--route", "safe", "--assurance",
              "phishing-resistant")
        s.anna = s.user("anna")
        s.opens = json.loads(s.cli("ca", "issue", "anna", "--user", "anna", "--out", str(s.dir / "anna.p12"), "--json"))
        s.up = up
        yield s
    finally:
        s.close()
        up.close()


def wait(browser, what, seconds=20):
    WebDriverWait(browser, seconds).until(lambda b: what(b))


def at(browser, path):
    return urllib.parse.urlsplit(browser.current_url).path == path


def test_a_browser_with_a_certificate_begins_with_it_and_needs_a_code(site):
    with chromium(site, CHOOSES, (site.dir / "anna.p12", site.opens["passphrase"])) as browser:
        browser.get(site.portal + "/login")
        browser.find_element(By.CSS_SELECTOR, "form[action='/signin/certificate'] button").click()
        wait(browser, lambda b: at(b, "/signin/second"))
        field(browser, "code").send_keys(site.anna.next_code())
        field(browser, "code").submit()
        wait(browser, lambda b: at(b, "/console/consoles"))
        assert "anna" in browser.page_source
        clean_log(browser)


def test_a_password_beside_it_opens_what_needs_more_than_a_code(site):
    with chromium(site, CHOOSES, (site.dir / "anna.p12", site.opens["passphrase"])) as browser:
        browser.get(site.console_url("safe"))
        wait(browser, lambda b: b.find_elements(By.ID, "password"))
        field(browser, "user").send_keys("anna")
        field(browser, "password").send_keys(harness.PASSWORD)
        field(browser, "password").submit()
        wait(browser, lambda b: urllib.parse.urlsplit(b.current_url).hostname.startswith("safe."))
        wait(browser, lambda b: "ok" in b.page_source)


def test_without_one_the_page_does_not_speak_of_it(site):
    with chromium(site, CHOOSES) as browser:
        browser.get(site.portal + "/login")
        wait(browser, lambda b: b.find_elements(By.ID, "password"))
        assert not browser.find_elements(By.CSS_SELECTOR, "form[action='/signin/certificate']")
