"""Ending a session, user, token or route ends what runs, on every edge."""
import os
import statistics
import threading
import time

import pytest

import crowd
import stack as harness
import wsock
from stack import Connection, Recorder, wait_for

EDGES = 3


def endless(recorder, sock, head, rest):
    """A download that never ends, or an echoing WebSocket."""
    if b"upgrade: websocket" in head.lower():
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
        while True:
            data = sock.recv(4096)
            if not data:
                return None
            sock.sendall(data)
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        sock.sendall(b"4\r\ntick\r\n")
        time.sleep(0.02)


@pytest.fixture(scope="module")
def site():
    s = harness.Stack(edges=EDGES)
    up = Recorder(handler=endless)
    try:
        s.start()
        s.admin = s.owner()
        s.cli("group", "add", "people")
        s.cli("route", "add", "busy", up.url, "--allow", "group:people@local")
        yield s
    finally:
        s.close()
        up.close()


class Stream(threading.Thread):
    """One open stream that notes when it ended."""

    def __init__(self, stack, host, headers, websocket):
        super().__init__(daemon=True)
        self.connection = Connection(stack, host, timeout=30)
        lines = [f"GET /{'ws' if websocket else 'down'} HTTP/1.1", f"Host: {host}:{stack.port}", *headers]
        if websocket:
            lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Origin: https://{host}:{stack.port}"]
        self.connection.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        answer = self.connection.read(head_only=True)
        assert answer.status == (101 if websocket else 200), answer
        self.ended = None
        self.websocket = websocket
        if websocket:
            self.connection.send(b"ping")
        self.start()

    def run(self):
        try:
            while self.connection.sock.recv(65536):
                if self.websocket:
                    time.sleep(0.01)
                    self.connection.send(b"ping")
        except OSError:
            pass
        self.ended = time.monotonic()


def open_streams(stack, headers, count=24):
    host = f"busy.{stack.host}"
    return [Stream(stack, host, headers, websocket=i % 2 == 0) for i in range(count)]


def cookie_headers(person, stack):
    jar = person.jar[f"busy.{stack.host}"]
    return ["Cookie: " + "; ".join(f"{k}={v}" for k, v in jar.items()), "Sec-Fetch-Site: same-origin"]


def edges_serving(stack):
    busy = [p for p in stack.doctor()["processes"] if p["role"] == "edge" and
            int(p["status"].get("exchanges", 0)) > 0]
    return len(busy)


def measure(name, streams, act):
    begin = time.monotonic()
    act()
    acted = time.monotonic() - begin
    wait_for(lambda: all(s.ended for s in streams), 10)
    times = sorted((s.ended - begin) * 1000 for s in streams)
    print(f"\nrevoked {name}: {len(times)} streams closed, median {statistics.median(times):.0f} ms, "
          f"p99 {times[int(len(times) * 0.99) - 1]:.0f} ms, max {times[-1]:.0f} ms; command took {acted * 1000:.0f} ms")
    return times


def person(stack, name):
    who = stack.user(name, groups=["people"])
    answer = who.get(stack.console_url("busy", "/"))
    at = answer.get("location")
    answer = who.get(at)
    import html
    import re
    form = {k: html.unescape(v) for k, v in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text)}
    form.update(user=name, password=harness.PASSWORD, code=who.next_code())
    answer = who.post(stack.portal + "/login", form)
    url = stack.portal
    import urllib.parse
    while answer.status == 303:
        url = urllib.parse.urljoin(url, answer.get("location"))
        if f"__Host-postern-{stack.port}" in who.jar.get(f"busy.{stack.host}", {}):
            break
        answer = who.get(url)
    assert f"__Host-postern-{stack.port}" in who.jar[f"busy.{stack.host}"]
    return who


def test_a_revoked_session_ends_its_streams_on_every_edge(site):
    who = person(site, "anna")
    streams = open_streams(site, cookie_headers(who, site))
    wait_for(lambda: edges_serving(site) == EDGES, 10, every=0.2)
    parent = next(s for s in site.json("session", "list")["sessions"] if s["user"] == "anna" and not s.get("parent"))
    times = measure("session", streams, lambda: site.cli("session", "revoke", parent["id"]))
    assert times[-1] < 2000


def test_a_disabled_user_loses_streams_at_once(site):
    who = person(site, "bert")
    streams = open_streams(site, cookie_headers(who, site))
    times = measure("user", streams, lambda: site.cli("user", "disable", "bert"))
    assert times[-1] < 2000
    assert who.login().status in (401, 403)


def test_a_revoked_token_ends_its_streams(site):
    token = site.json("token", "add", "machine", "--owner", "owner", "--route", "busy")["token"]
    site.cli("rule", "add", "machines", "--token", "machine", "--zone", "local", "--route", "busy")
    streams = open_streams(site, [f"Authorization: Bearer {token}"])
    times = measure("token", streams, lambda: site.cli("token", "revoke", "machine"))
    assert times[-1] < 2000


def test_logout_ends_ones_own_streams(site):
    who = person(site, "cora")
    streams = open_streams(site, cookie_headers(who, site), 8)
    times = measure("logout", streams, lambda: who.post(site.portal + "/logout", {}))
    assert times[-1] < 2000


def test_a_rule_that_no_longer_admits_ends_streams(site):
    who = person(site, "dora")
    streams = open_streams(site, cookie_headers(who, site), 8)
    rules = [r["name"] for r in site.json("rule", "list")["rules"] if "people" in r.get("groups", [])]
    times = measure("rule", streams, lambda: [site.cli("rule", "remove", r) for r in rules])
    assert times[-1] < 3000
    site.cli("rule", "add", rules[0], "--group", "people", "--zone", "local", "--route", "busy")


def test_a_removed_route_ends_its_streams(site):
    who = person(site, "emil")
    streams = open_streams(site, cookie_headers(who, site), 8)
    times = measure("route", streams, lambda: site.cli("route", "remove", "busy", "--force"))
    assert times[-1] < 3000


def test_a_thousand_streams_hear_4401_when_their_token_ends():
    count = int(os.environ.get("POSTERN_STREAMS", "1000"))
    with harness.Stack(edges=2, extra_yaml="\nlimits: {connections_per_source: 4000, upstream_connections: 4000}\n") as s:
        s.start()
        s.owner()
        ends, edges, took = crowd.revoke_them_all(s, count)
        print(f"\n{count} streams: by the edges' count p50 {edges['p50']:.1f} ms, p99 {edges['p99']:.1f} ms, "
              f"p99.9 {edges['p999']:.1f} ms, max {edges['max']:.1f} ms; all heard after {took * 1000:.0f} ms, "
              "the command and a client in Python included")
        assert [wsock.closed_with(e)[0] for e in ends] == [4401] * count
        # The aim is 250 ms (bench); what a machine with other work may take is more.
        assert edges["p999"] < 3000
