"""A real browser that blocks cookies is told so, and stops."""
import re
import urllib.parse

import stack as harness
from selenium.webdriver.common.by import By


def test_a_browser_that_blocks_cookies_sees_why_the_login_does_not_hold(site, blocking):
    who = site.user("walter", ["owners"])
    blocking.get(site.console_url("tomcat", "/manager/html"))
    assert urllib.parse.urlsplit(blocking.current_url).path == "/handover"
    blocking.find_element(By.NAME, "user").send_keys("walter")
    blocking.find_element(By.NAME, "password").send_keys(harness.PASSWORD)
    blocking.find_element(By.NAME, "code").send_keys(harness.totp(who.secret))
    blocking.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    # An element of the page that is left would be stale.
    harness.wait_for(lambda: "circles" in blocking.page_source, 20)
    text = blocking.find_element(By.TAG_NAME, "body").text
    assert "does not send back" in text and "blocks or clears cookies" in text
    assert re.search(r"Request [0-9a-f]{32}", text)
    assert blocking.get_cookies() == []
