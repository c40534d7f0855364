"""What a page in a real browser hears when the session behind its streams ends."""
import json
import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import stack as harness
import wsock

PAGE = b"""<!doctype html><title>console</title><script>
window.heard = {socket: [], events: 0, errors: 0};
const socket = new WebSocket("wss://" + location.host + "/ws");
socket.onmessage = m => heard.socket.push(m.data);
socket.onclose = c => heard.close = [c.code, c.reason, c.wasClean];
const events = new EventSource("/events");
events.onmessage = () => heard.events++;
events.onerror = () => { heard.errors++; heard.state = events.readyState; };
</script>"""
asked = []


def console(_, sock, head, data):
    path = head.split(b" ")[1]
    asked.append(path)
    if path == b"/ws":
        sock.sendall(wsock.answer(head) + wsock.frame(wsock.TEXT, b"hello"))
        while sock.recv(65536):
            pass
        return None
    if path == b"/events":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            sock.sendall(b"18\r\nretry: 200\ndata: tick\n\n\n\r\n")
            time.sleep(0.1)
    body = PAGE if path == b"/" else b""
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return data


@pytest.fixture(scope="module")
def site():
    up = harness.Recorder(handler=console)
    s = harness.Stack(edges=2)
    try:
        s.start()
        s.person = s.owner()
        s.cli("route", "add", "live", up.url, "--allow", "group:owners@local")
        yield s
    finally:
        s.close()
        up.close()


def heard(browser):
    return json.loads(browser.execute_script("return JSON.stringify(window.heard || null)"))


def test_a_page_hears_4401_and_its_event_stream_gives_up(site, browser):
    browser.get(site.console_url("live"))
    for name, value in (("user", "owner"), ("password", harness.PASSWORD), ("code", site.person.next_code())):
        browser.find_element(By.NAME, name).send_keys(value)
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    wait = WebDriverWait(browser, 20)
    wait.until(lambda b: (heard(b) or {}).get("socket") == ["hello"] and heard(b)["events"] > 2)
    assert "close" not in heard(browser) and heard(browser)["errors"] == 0
    for session in site.json("session", "list")["sessions"]:
        if not session.get("parent"):
            site.cli("session", "revoke", session["id"], check=False)
    wait.until(lambda b: heard(b).get("close"))
    code, reason, clean = heard(browser)["close"]
    assert (code, clean) == (4401, True) and reason
    # It tries once more, is told 401, and stays closed (readyState 2) instead of trying for ever.
    wait.until(lambda b: heard(b).get("state") == 2)
    before = asked.count(b"/events")
    events = heard(browser)["events"]
    time.sleep(1.5)
    assert heard(browser)["events"] == events and asked.count(b"/events") == before == 1
