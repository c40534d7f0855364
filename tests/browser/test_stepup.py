"""A console that asks for more than the session proves, in a real browser: there and back, by a page, a form and a script.

The form goes with a file: what the browser has kept for the reload is all of it, and nothing of it is sent twice.
"""
import pytest
from selenium.webdriver.common.by import By

import stack as harness
from conftest import chromium
from stack import read_body
from test_first_owner import clean_log, field, shot
from test_passkeys import add_passkey, at, authenticator, log_in, press, wait
from test_proxy import reply

PAGE = b"""<!doctype html><title>Console</title><h1>Console</h1>
<form id="words" method="post" action="/safe/save"><input name="name" value="one &amp; only"><button>Save</button></form>
<form id="file" method="post" action="/safe/save" enctype="multipart/form-data"><input name="name" value="with file">
<input type="file" name="war"><button>Deploy</button></form>
"""
# More than one write of any side's buffers.
WAR = bytes(range(256)) * 1200


class Console(harness.Recorder):
    """Pages with forms; keeps what was posted, with its body."""

    def __init__(self):
        self.posts = []
        super().__init__(handler=Console.serve)

    def serve(self, sock, head, data):
        body, rest = read_body(sock, head, data)
        if head.startswith(b"POST "):
            with self.lock:
                self.posts.append((head, body))
        page = b"<!doctype html><title>Saved</title><h1>Saved</h1>" if head.startswith(b"POST ") else PAGE
        reply(sock, page, headers=b"Content-Type: text/html; charset=utf-8\r\n")
        return rest


@pytest.fixture(scope="module")
def up():
    c = Console()
    yield c
    c.close()


@pytest.fixture(scope="module")
def site(up):
    with harness.running(edges=2) as s:
        s.cli("route", "add", "app", up.url, "--allow", "group:owners@local")
        s.cli("rule", "add", "strong", "--demand", "--user", "*", "--route", "app", "--path", "/safe/**",
              "--assurance", "phishing-resistant", "--max-age", "10m")
        s.cli("rule", "add", "fresh", "--demand", "--user", "*", "--route", "app", "--path", "/fresh/**",
              "--assurance", "phishing-resistant", "--max-age", "10s")
        yield s


@pytest.fixture
def browser(site):
    """Somebody new, logged in by password and code, whose device holds a passkey that the session has not used."""
    with chromium(site, {}) as driver:
        log_in(driver, site, site.user(f"ann{harness.time.monotonic_ns()}", ["owners"]))
        with authenticator(driver):
            add_passkey(site, driver)
            driver.passkey = driver.get_credentials()[0]
        yield driver


def prove(browser, back):
    """At the portal, with the passkey. A virtual authenticator is of one tab, so it is plugged in where it is used."""
    wait(browser, lambda b: at(b, "/signin/stepup"))
    with authenticator(browser):
        browser.add_credential(browser.passkey)
        press(browser)
        wait(browser, back)
        browser.passkey = browser.get_credentials()[0]  # its counter has gone on


def heading(browser, text):
    """Waits for it; asked in one step, because the page may change between two."""
    ask = "return document.readyState === 'complete' && document.querySelector('h1')?.innerText"
    wait(browser, lambda b: b.execute_script(ask) == text)


def seen(up, path):
    return [r for r in up.requests if r.split(b" ", 2)[1].startswith(path)]


def prove_in_another_tab(browser, site):
    """From the page that says that the form was not sent, and back to it."""
    first = browser.current_window_handle
    browser.find_element(By.CSS_SELECTOR, "main a[target=_blank]").click()
    wait(browser, lambda b: len(b.window_handles) == 2)
    browser.switch_to.window([w for w in browser.window_handles if w != first][0])
    wait(browser, lambda b: at(b, "/signin/stepup"))
    assert browser.execute_script("return window.opener === null"), "the portal's page is nobody's to steer"
    prove(browser, lambda b: b.current_url == site.console_url("app", "/.postern/proven"))
    heading(browser, "Proven")
    shot(browser, "stepup-proven")
    clean_log(browser)
    browser.close()
    browser.switch_to.window(first)


def test_a_page_leads_to_the_passkey_and_back_to_the_same_address(site, up, browser):
    url = site.console_url("app", "/safe/page?x=1&y=a%20b#part")
    browser.get(url)
    wait(browser, lambda b: at(b, "/signin/stepup"))
    assert browser.current_url.startswith(site.portal + "/") and not seen(up, b"/safe/page")
    shot(browser, "stepup-page")
    main = " ".join(browser.find_element(By.TAG_NAME, "main").text.split())
    assert "app." + site.host in main and "phishing-resistant, proven within 10 minutes" in main
    assert not browser.find_elements(By.NAME, "password"), "nothing that would not do is offered"
    prove(browser, lambda b: b.current_url.split("#")[0] == url.split("#")[0])
    heading(browser, "Console")
    assert [r.split(b" ", 2)[1] for r in seen(up, b"/safe/page")] == [b"/safe/page?x=1&y=a%20b"]
    # Once proven it is asked no more, for as long as the rule says.
    browser.get(site.console_url("app", "/safe/other"))
    assert at(browser, "/safe/other")
    clean_log(browser)


def test_a_proof_that_has_grown_old_is_asked_for_again(site, browser):
    url = site.console_url("app", "/fresh/page")
    browser.get(url)
    prove(browser, lambda b: b.current_url == url)
    heading(browser, "Console")
    harness.time.sleep(11)
    browser.get(url)
    prove(browser, lambda b: b.current_url == url)
    heading(browser, "Console")


@pytest.mark.parametrize("form", ["words", "file"])
def test_a_form_is_not_sent_and_says_so_until_the_tab_is_loaded_again(site, up, browser, tmp_path, form):
    up.posts.clear()
    browser.get(site.console_url("app", "/forms"))
    if form == "file":
        (tmp_path / "app.war").write_bytes(WAR)
        field(browser, "war").send_keys(str(tmp_path / "app.war"))
    browser.find_element(By.CSS_SELECTOR, f"#{form} button").click()
    heading(browser, "Not sent yet")
    shot(browser, "stepup-form")
    main = " ".join(browser.find_element(By.TAG_NAME, "main").text.split())
    assert "Nothing of what you sent has reached the console" in main
    assert "phishing-resistant, proven within 10 minutes" in main
    # Without the proof a reload changes nothing.
    before = browser.find_element(By.CSS_SELECTOR, "main .muted").text
    browser.refresh()
    heading(browser, "Not sent yet")
    assert browser.find_element(By.CSS_SELECTOR, "main .muted").text != before, "another request"
    assert up.posts == []
    prove_in_another_tab(browser, site)
    assert up.posts == [], "only the person sends it"
    browser.refresh()
    heading(browser, "Saved")
    assert browser.current_url == site.console_url("app", "/safe/save")
    [(head, body)] = up.posts
    assert head.startswith(b"POST /safe/save ")
    if form == "words":
        assert body == b"name=one+%26+only"
    else:
        assert b'filename="app.war"' in body and b"with file" in body and body.count(WAR) == 1
    clean_log(browser)


def test_a_script_is_told_what_is_needed_and_where_to_prove_it(site, up, browser):
    up.posts.clear()
    browser.get(site.console_url("app", "/forms"))
    ask = """const done = arguments[arguments.length - 1];
        fetch("/safe/script", {method: arguments[0], ...(arguments[0] === "POST" ? {body: "a=b"} : {})})
          .then(async r => done([r.status, r.redirected, r.headers.get("content-type"), await r.text()]),
                e => done([0, false, "", String(e)]));"""
    for method in ("GET", "POST"):
        status, redirected, kind, text = browser.execute_async_script(ask, method)
        assert (status, redirected, kind) == (401, False, "application/problem+json"), text
        said = harness.json.loads(text)
        assert (said["type"], said["assurance"], said["max_age"]) == (
            "urn:postern:problem:proof-needed", "phishing-resistant", 600)
    assert not seen(up, b"/safe/script")
    # The person goes where the answer says; afterwards the same call works.
    browser.get(said["prove"])
    prove(browser, lambda b: b.current_url == site.console_url("app", "/.postern/proven"))
    browser.get(site.console_url("app", "/forms"))
    assert browser.execute_async_script(ask, "POST")[0] == 200
    assert [body for _, body in up.posts] == [b"a=b"]
    clean_log(browser)
