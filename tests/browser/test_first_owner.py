"""A person's first day, in a real browser: enrolment, login, hand-over, console, logout.

Screenshots are kept in build/screenshots/ for a look.
"""
import base64
import hashlib
import re
import urllib.parse

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from console import checked, press, says
from stack import PASSWORD, TOP, Recorder, totp

known = {}


def shot(browser, name):
    where = TOP / "build/screenshots"
    where.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(where / f"{name}.png"))


def field(browser, name):
    return browser.find_element(By.NAME, name)


def submit(browser):
    old = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    WebDriverWait(browser, 15).until(lambda b: old_is_gone(old))


def old_is_gone(element):
    try:
        element.is_enabled()
        return False
    except Exception:
        return True


def clean_log(browser):
    bad = [e for e in browser.get_log("browser")
           if e["level"] == "SEVERE" and "favicon" not in e["message"] and "status of 4" not in e["message"]]
    assert not bad, bad


def test_the_owner_enrols_through_the_link(site, browser):
    browser.get(site.enrol_link)
    shot(browser, "enrol")
    assert browser.find_element(By.TAG_NAME, "svg").size["width"] > 100, "the QR code can be scanned"
    secret = re.search(r"\b([A-Z2-7]{32})\b", browser.find_element(By.TAG_NAME, "main").text).group(1)
    known["secret"] = secret
    field(browser, "password").send_keys(PASSWORD)
    field(browser, "again").send_keys(PASSWORD)
    field(browser, "totp").send_keys(totp(secret))
    submit(browser)
    shot(browser, "enrolled")
    codes = [c.text for c in browser.find_elements(By.TAG_NAME, "code")]
    known["codes"] = [c for c in codes if re.fullmatch(r"[0-9a-z-]{12,}", c)]
    assert len(known["codes"]) == 10
    clean_log(browser)


def test_a_console_asks_for_login_and_leads_back_to_where_one_wanted_to_go(site, browser):
    target = site.console_url("tomcat", "/manager/html")
    browser.get(target)
    assert urllib.parse.urlsplit(browser.current_url).hostname == site.host
    shot(browser, "login")
    field(browser, "user").send_keys("owner")
    field(browser, "password").send_keys(PASSWORD)
    field(browser, "code").send_keys("000000")
    submit(browser)
    shot(browser, "login-refused")
    assert 'class="error"' in browser.page_source
    field(browser, "user").clear()
    field(browser, "user").send_keys("owner")
    field(browser, "password").send_keys(PASSWORD)
    field(browser, "code").send_keys(known["codes"].pop())
    submit(browser)
    WebDriverWait(browser, 15).until(lambda b: b.current_url.startswith(target))
    assert "Tomcat Web Application Manager" in browser.page_source
    shot(browser, "tomcat")
    clean_log(browser)


def test_the_managers_own_buttons_work(site, browser):
    browser.get(site.console_url("tomcat", "/manager/html"))
    rows = browser.find_elements(By.XPATH, "//form[contains(@action,'/manager/html/reload') and contains(@action,'host-manager')]//input[@type='submit']")
    assert rows, "the reload button of host-manager"
    rows[0].click()
    WebDriverWait(browser, 15).until(lambda b: "OK - Reloaded application" in b.page_source)


def test_the_console_has_a_tile_that_opens_the_manager(site, browser):
    browser.get(site.portal + "/console/consoles")
    says(browser, "Tomcat Manager")
    checked(browser, "consoles")
    browser.find_element(By.LINK_TEXT, "Tomcat Manager").click()
    WebDriverWait(browser, 15).until(lambda b: "/manager/html" in b.current_url)


class Live:
    """A page, and a WebSocket that says one word; remembers in which HTTP it was asked."""

    def __init__(self):
        self.vias = []
        self.up = Recorder(handler=self.handle)

    def handle(self, _, sock, head, data):
        self.vias.append((head.split(b" ")[1], re.search(rb"(?m)^Via: (\S+)", head).group(1)))
        key = re.search(rb"(?im)^sec-websocket-key: *(\S+)", head)
        if key is None:
            page = b"<!doctype html><title>live</title>"
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))
            return data
        digest = hashlib.sha1(key.group(1) + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n\x81\x05hello")
        sock.recv(100)
        return None


PROTOCOL = "return performance.getEntriesByType('navigation')[0].nextHopProtocol"


def test_pages_come_over_http2_and_a_websocket_beside_them(site, browser):
    live = Live()
    site.cli("route", "add", "live", live.up.url, "--allow", "group:owners@local")
    try:
        browser.get(site.portal + "/")
        assert browser.execute_script(PROTOCOL) == "h2"
        browser.get(site.console_url("live", "/page"))
        WebDriverWait(browser, 15).until(lambda b: b.title == "live")
        assert browser.execute_script(PROTOCOL) == "h2"
        word = browser.execute_async_script("""
            const done = arguments[0], socket = new WebSocket("wss://" + location.host + "/socket");
            socket.onmessage = e => done(e.data);
            socket.onerror = () => done("failed");""")
        assert word == "hello"
        assert (b"/page", b"2.0") in live.vias and (b"/socket", b"1.1") in live.vias
        clean_log(browser)
    finally:
        site.cli("route", "remove", "live", "--force")
        live.up.close()


def test_logging_out_ends_the_console_as_well(site, browser):
    browser.get(site.portal + "/")
    press(browser, "Menu of owner")
    press(browser, "Log out")
    WebDriverWait(browser, 15).until(lambda b: "/logout" in b.current_url or "/login" in b.current_url or "logged out" in b.page_source.lower())
    shot(browser, "logged-out")
    browser.get(site.console_url("tomcat", "/manager/html"))
    assert urllib.parse.urlsplit(browser.current_url).hostname == site.host
    assert field(browser, "password")


def test_an_error_page_names_its_cause_and_request(site, browser):
    browser.get(site.console_url("nothing-here", "/"))
    shot(browser, "error")
    text = browser.find_element(By.TAG_NAME, "body").text
    assert re.search(r"[0-9a-f]{32}", text), text
