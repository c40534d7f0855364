"""Passkeys in a real browser, with its virtual authenticator and an authority that it trusts.

The first owner sets up with a passkey and logs in with nothing else; a second person with password and code
adds one; every question that a browser must not answer, it does not.
"""
import contextlib
import json
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.support.ui import WebDriverWait

import stack as harness
from conftest import chromium
from test_first_owner import clean_log, field, shot


@contextlib.contextmanager
def authenticator(browser, resident=True, verifies=True, transport="internal"):
    options = VirtualAuthenticatorOptions()
    options.transport = transport
    options.has_resident_key = resident
    options.has_user_verification = verifies
    options.is_user_verified = verifies
    options.is_user_consenting = True
    browser.add_virtual_authenticator(options)
    try:
        yield browser
    finally:
        browser.remove_virtual_authenticator()


@pytest.fixture(scope="module")
def site():
    up = harness.Recorder()
    s = harness.Stack(edges=2)
    try:
        s.start()
        s.cli("route", "add", "con", up.url, "--allow", "group:owners@local")
        s.cli("route", "add", "safe", up.url)
        s.cli("rule", "add", "safe", "--group", "owners", "--zone", "local", "--route", "safe",
              "--assurance", "phishing-resistant")
        yield s
    finally:
        s.close()
        up.close()


@pytest.fixture
def browser(site):
    with chromium(site, {}) as driver:
        yield driver


def wait(browser, what, seconds=20):
    WebDriverWait(browser, seconds).until(lambda b: what(b))


def passkey_form(browser):
    form = browser.find_element(By.CSS_SELECTOR, "form[data-passkey]")
    wait(browser, lambda b: form.is_displayed())
    return form


def press(browser):
    passkey_form(browser).find_element(By.TAG_NAME, "button").click()


def add_passkey(site, browser):
    """By the page of somebody who is logged in."""
    browser.get(site.portal + "/account/passkeys/add")
    press(browser)
    wait(browser, lambda b: at(b, "/account"))


def at(browser, path):
    return urllib.parse.urlsplit(browser.current_url).path == path


def said(browser):
    """What the script shows when a passkey is refused."""
    alert = browser.find_element(By.CSS_SELECTOR, "form[data-passkey] [role=alert]")
    wait(browser, lambda b: alert.is_displayed())
    return alert.text


def log_in(browser, site, who):
    browser.get(site.portal + "/login")
    for name, value in (("user", who.name), ("password", harness.PASSWORD), ("code", who.next_code())):
        field(browser, name).send_keys(value)
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    wait(browser, lambda b: at(b, "/console/overview"))


def forget_cookies(browser):
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


def test_the_first_owner_sets_up_with_a_passkey_and_logs_in_with_it_alone(site, browser):
    with authenticator(browser):
        browser.get(site.enrol_link)
        shot(browser, "passkey-enrol")
        press(browser)
        wait(browser, lambda b: at(b, "/login"))
        assert len(browser.get_credentials()) == 1
        browser.get(site.console_url("con", "/there"))
        shot(browser, "passkey-login")
        assert "You will be taken to" in browser.find_element(By.TAG_NAME, "main").text
        press(browser)
        wait(browser, lambda b: b.current_url == site.console_url("con", "/there"))
        assert browser.find_element(By.TAG_NAME, "body").text == "ok"
        browser.get(site.portal + "/")
        wait(browser, lambda b: "owner" in b.find_element(By.TAG_NAME, "header").text)
        clean_log(browser)
    keys = site.json("user", "passkey", "list", "owner")["passkeys"]
    assert [(k["name"], k["verifies_user"]) for k in keys] == [("Passkey", True)]
    session = [s for s in site.json("session", "list")["sessions"] if not s["parent"]][0]
    assert session["assurance"] == "hardware"


def test_a_person_with_password_and_code_adds_a_key_and_reaches_what_demands_one(site, browser):
    who = site.user("wanda", ["owners"])
    with authenticator(browser):
        log_in(browser, site, who)
        browser.get(site.portal + "/account/passkeys/add")
        shot(browser, "passkey-add")
        name = browser.find_element(By.NAME, "name")
        name.clear()
        name.send_keys("Wanda's laptop")
        press(browser)
        wait(browser, lambda b: at(b, "/account"))
        # A code is not enough for this console: the way leads over the portal and back to it.
        browser.get(site.console_url("safe", "/x"))
        wait(browser, lambda b: at(b, "/signin/stepup"))
        assert urllib.parse.urlsplit(browser.current_url).hostname == site.host
        shot(browser, "passkey-stepup")
        press(browser)
        wait(browser, lambda b: b.current_url == site.console_url("safe", "/x"))
        # The device says that it has one for this account.
        browser.get(site.portal + "/account/passkeys/add")
        press(browser)
        assert "has a passkey for this account already" in said(browser)
    assert [k["name"] for k in site.json("user", "passkey", "list", "wanda")["passkeys"]] == ["Wanda's laptop"]


def test_a_key_that_lists_nobody_is_found_by_name(site, browser):
    who = site.user("vera", ["owners"])
    with authenticator(browser, resident=False):
        log_in(browser, site, who)
        add_passkey(site, browser)
        assert not browser.get_credentials()[0].is_resident_credential
        forget_cookies(browser)
        browser.get(site.portal + "/login")
        field(browser, "user").send_keys("vera")
        press(browser)
        wait(browser, lambda b: at(b, "/console/overview"))
        wait(browser, lambda b: "vera" in b.find_element(By.TAG_NAME, "header").text)


def test_a_security_key_is_the_second_factor_after_a_password(site, browser):
    who = site.user("uwe", ["owners"])
    with authenticator(browser, resident=False, verifies=False, transport="usb"):
        log_in(browser, site, who)
        add_passkey(site, browser)
        forget_cookies(browser)
        browser.get(site.console_url("con", "/second"))
        field(browser, "user").send_keys("uwe")
        field(browser, "password").send_keys(harness.PASSWORD)
        browser.find_element(By.CSS_SELECTOR, "main form button").click()
        wait(browser, lambda b: at(b, "/signin/second"))
        shot(browser, "passkey-second")
        press(browser)
        wait(browser, lambda b: b.current_url == site.console_url("con", "/second"))
    assert site.json("user", "passkey", "list", "uwe")["passkeys"][0]["verifies_user"] is False


def test_a_code_on_the_second_page_leads_on_to_the_console(site, browser):
    who = site.user("tom", ["owners"])
    browser.get(site.console_url("con", "/code"))
    field(browser, "user").send_keys("tom")
    field(browser, "password").send_keys(harness.PASSWORD)
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    wait(browser, lambda b: at(b, "/signin/second"))
    field(browser, "code").send_keys(who.next_code())
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    wait(browser, lambda b: b.current_url == site.console_url("con", "/code"))


def test_a_wrong_user_or_an_empty_device_is_told_in_a_sentence(site, browser):
    with authenticator(browser):
        browser.get(site.portal + "/login")
        press(browser)
        assert "there is none here" in said(browser)
        browser.set_user_verified(False)
        field(browser, "user").send_keys("owner")
        press(browser)
        assert "No passkey was used" in said(browser)
        assert at(browser, "/login")


TOOLS = """
const done = arguments[arguments.length - 1];
const bytes = t => Uint8Array.from(atob(t.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0));
const text = b => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=+$/, "");
const post = (path, body) => fetch(path, {method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify(body)}).then(async r => [r.status, await r.json()]);
const get = ({rpId, ...options}, id) => navigator.credentials.get({publicKey: {...options, ...(id ? {rpId: id} : {}),
  challenge: bytes(options.challenge), allowCredentials: []}}).then(m => ({id: text(m.rawId),
  client: text(m.response.clientDataJSON), data: text(m.response.authenticatorData),
  signature: text(m.response.signature), handle: text(m.response.userHandle)}));
"""


def run(browser, script, *arguments):
    return browser.execute_async_script(TOOLS + script, *arguments)


def why(site):
    records = [r for r in site.json("audit", "tail", "--limit", "20")["records"] if r["event"] == "login.refused"]
    return json.loads(max(records, key=lambda r: r["seq"])["detail"])["why"]


def test_what_a_console_gets_out_of_the_portals_key_is_worth_nothing(site, browser):
    """Browsers let a host ask with the names above it; what they sign says which host it was."""
    who = site.user("sam", ["owners"])
    with authenticator(browser):
        log_in(browser, site, who)
        add_passkey(site, browser)
        browser.get(site.portal + "/login")
        status, options = run(browser, "post('/signin/passkey/options', {}).then(done);")
        assert status == 200
        browser.get(site.console_url("con", "/page"))
        assert urllib.parse.urlsplit(browser.current_url).hostname != site.host
        ask = "get(arguments[0], arguments[1]).then(done, e => done(e.name));"
        assert run(browser, ask, options, "evil.example") == "SecurityError"
        assert run(browser, ask, {**options, "timeout": 2000}, None) == "NotAllowedError", "no key of its own"
        stolen = run(browser, ask, options, site.host)
        assert stolen["signature"]
        browser.get(site.portal + "/login")
        status, answer = run(browser, "post('/signin/passkey', arguments[0]).then(done);", stolen)
        assert (status, why(site)) == (403, "passkey: wrong origin"), answer
        # The same by the portal itself is taken, once.
        _, options = run(browser, "post('/signin/passkey/options', {}).then(done);")
        own = run(browser, ask, options, site.host)
        assert run(browser, "post('/signin/passkey', arguments[0]).then(done);", own)[0] == 200
        assert run(browser, "post('/signin/passkey', arguments[0]).then(done);", own)[0] == 403


def test_other_challenges_and_unverified_people_are_refused(site, browser):
    who = site.user("rita", ["owners"])
    ask = "get(arguments[0], arguments[1]).then(done, e => done(e.name));"
    with authenticator(browser):
        log_in(browser, site, who)
        add_passkey(site, browser)
        browser.get(site.portal + "/login")
        for change, reason in (({"challenge": "A" * 43}, "wrong challenge"),
                               ({"userVerification": "discouraged"}, "user not verified")):
            browser.set_user_verified("challenge" in change)
            _, options = run(browser, "post('/signin/passkey/options', {}).then(done);")
            answer = run(browser, ask, {**options, **change}, site.host)
            status, _ = run(browser, "post('/signin/passkey', arguments[0]).then(done);", answer)
            assert (status, why(site)) == (403, f"passkey: {reason}")


def test_a_copy_of_a_key_is_noticed_by_its_counter(site, browser):
    who = site.user("quinn", ["owners"])
    with authenticator(browser):
        log_in(browser, site, who)
        add_passkey(site, browser)
        copy = browser.get_credentials()[0]
        for _ in range(2):
            browser.get(site.portal + "/login")
            press(browser)
            wait(browser, lambda b: at(b, "/console/overview"))
    with authenticator(browser):
        browser.add_credential(copy)
        browser.get(site.portal + "/login")
        press(browser)
        assert "did not prove who you are" in said(browser)
    assert why(site) == "passkey: signature counter went back"
    assert site.json("user", "passkey", "list", "quinn")["passkeys"][0]["disabled"] is True


def test_nothing_that_stands_in_a_page_runs(site, browser):
    browser.get(site.portal + "/login")
    ran = browser.execute_async_script("""
        const done = arguments[0], s = document.createElement("script");
        s.textContent = "window.ran = true";
        document.head.append(s);
        const f = document.createElement("script");
        f.src = "https://evil.example/x.js";
        f.onerror = () => done([window.ran === true, "refused"]);
        document.head.append(f);""")
    assert ran == [False, "refused"]
