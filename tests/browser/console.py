"""What the tests of the web console share: waiting, looking, and the checks that every page has to pass.

POSTERN_SCREENSHOTS=1 puts a picture of each page into docs/screenshots/.
"""
import os
import re

from selenium.common.exceptions import (
    ElementClickInterceptedException, NoSuchElementException, StaleElementReferenceException)
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import smallpng
from stack import PASSWORD, TOP

MOVING = (StaleElementReferenceException, NoSuchElementException, ElementClickInterceptedException)
AXE = TOP / "console/node_modules/axe-core/axe.min.js"
SHOTS = TOP / "build/screenshots"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def until(browser, what, seconds=20):
    """Waits for it; what a page draws anew meanwhile is asked for anew."""
    return WebDriverWait(browser, seconds, ignored_exceptions=MOVING).until(what)


def text(browser):
    return browser.find_element(By.TAG_NAME, "body").text


def fill(browser, label, value):
    """Types into the field of a dialog or a filter that has this label."""
    def find(b):
        # Behind a dialog nothing can be typed into.
        within = "[role=dialog] " if b.find_elements(By.CSS_SELECTOR, "[role=dialog]") else ""
        for e in b.find_elements(By.CSS_SELECTOR, within + "label"):
            if e.is_displayed() and e.text.split("\n")[0].rstrip(" *") == label:
                return b.find_element(By.ID, e.get_attribute("for"))
        return None
    e = until(browser, find)
    e.clear()
    e.send_keys(value)
    return e


def says(browser, words, seconds=20):
    """The page comes to show these words."""
    try:
        until(browser, lambda b: words in text(b), seconds)
    except Exception:
        raise AssertionError(f"{words!r} is not in: {text(browser)[:1500]}\n{browser.get_log('browser')}") from None


def heading(browser, words):
    until(browser, lambda b: any(h.text == words for h in b.find_elements(By.CSS_SELECTOR, "main h1")))


def button(browser, words, within="body"):
    """The first button that can be pressed and has these words or this name."""
    def find(b):
        for e in b.find_elements(By.CSS_SELECTOR, f"{within} button, {within} a"):
            if e.is_displayed() and e.is_enabled() and words in (e.text.strip(), e.get_attribute("aria-label")):
                return e
        return None
    return until(browser, find)


def press(browser, words, within="body"):
    def pressed(b):
        e = button(b, words, within)
        b.execute_script("arguments[0].scrollIntoView({block: 'center'})", e)
        e.click()
        return True
    until(browser, pressed)


def clean(browser):
    """No error in the browser's console: neither of a script nor of the Content-Security-Policy."""
    bad = [e for e in browser.get_log("browser")
           if e["level"] in ("SEVERE", "WARNING") and not re.search(r"status of 4\d\d", e["message"])]
    assert not bad, bad


def accessible(browser):
    """axe-core finds nothing that WCAG 2.2 AA forbids."""
    # The driver's own evaluation is exempt from the policy of the page.
    browser.execute_script(AXE.read_text())
    # What still changes its colour has the contrast of neither.
    found = browser.execute_async_script("""
        const done = arguments[1];
        Promise.all(document.getAnimations().filter(a => a instanceof CSSTransition).map(a => a.finished.catch(() => null))).then(() => axe.run(document, {runOnly: {type: "tag", values: arguments[0]}, resultTypes: ["violations"]}))
            .then(r => done(r.violations.map(v => [v.id, v.help, v.nodes.slice(0, 3).map(n => n.html.slice(0, 300))])),
                  e => done([["failed", String(e), []]]));""", RULES)
    assert found == [], found


def fits(browser):
    """No sideways scrolling of the page itself at a phone's width."""
    wide = browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} pixels too wide"


def shot(browser, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}.png"
    browser.save_screenshot(str(path))
    if os.environ.get("POSTERN_SCREENSHOTS") and not name.endswith(("-dark", "-phone", "-empty")):
        kept = TOP / "docs/screenshots"
        kept.mkdir(parents=True, exist_ok=True)
        (kept / path.name).write_bytes(smallpng.shrink(path.read_bytes()))
    return path


def as_phone(browser):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False})


def as_desk(browser):
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def checked(browser, name):
    """A page as it is looked at: dark and light, desk and phone, screenshots kept, nothing forbidden found."""
    for scheme in ("dark", "light"):
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
        accessible(browser)
        shot(browser, f"console-{name}" + ("-dark" if scheme == "dark" else ""))
    as_phone(browser)
    try:
        fits(browser)
        accessible(browser)
        shot(browser, f"console-{name}-phone")
    finally:
        as_desk(browser)
    clean(browser)


def log_in(browser, person, site):
    """Logs a person in, who has a password and a TOTP secret."""
    browser.set_window_size(1400, 1000)
    browser.get(site.portal + "/login")
    browser.find_element(By.NAME, "user").send_keys(person.name)
    browser.find_element(By.NAME, "password").send_keys(PASSWORD)
    browser.find_element(By.NAME, "code").send_keys(person.next_code())
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    until(browser, lambda b: "/console/" in b.current_url)
