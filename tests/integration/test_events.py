"""Server-sent events: what changes is told to who looks, by topic, until the session ends."""
import json
import os
import re
import signal
import time

import pytest

import h2wire
import stack as harness
from stack import Connection, wait_for

PATH = "/api/v1/events"
EVERYTHING = {"sessions", "users", "requests", "policy", "audit", "health", "tokens", "alerts"}


@pytest.fixture(scope="module")
def site():
    s = harness.Stack(edges=1)
    try:
        s.start()
        s.admin = s.owner()
        assert s.admin.login().status == 303
        yield s
        s.stop()
    finally:
        s.close()


class Stream:
    """A reader of events on a connection of its own."""

    def __init__(self, s, who=None, headers=(), minor=1, timeout=20):
        self.connection = Connection(s, s.host, timeout=timeout)
        lines = [f"GET {PATH} HTTP/1.{minor}", f"Host: {s.host}:{s.port}", "Accept: text/event-stream",
                 "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", *headers]
        if who is not None:
            lines.append("Cookie: " + "; ".join(f"{k}={v}" for k, v in who.jar[s.host].items()))
        self.connection.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        self.answer = self.connection.read(head_only=True)
        self.text, self.over = "", False
        self.chunked = self.answer.get("transfer-encoding") == "chunked"

    def _more(self):
        c = self.connection
        if not self.chunked:
            if not c.buffer and not c.fill():
                self.over = True
            self.text, c.buffer = self.text + c.buffer.decode(), b""
            return
        while b"\r\n" not in c.buffer:
            if not c.fill():
                raise ConnectionError("cut")
        size, rest = c.buffer.split(b"\r\n", 1)
        size = int(size, 16)
        while len(rest) < size + 2:
            assert c.fill()
            rest = c.buffer.split(b"\r\n", 1)[1]
        self.text += rest[:size].decode()
        c.buffer = rest[size + 2:]
        self.over = size == 0

    def next(self):
        """The next event: its name and data. None at the end of the stream."""
        while True:
            while "\n\n" not in self.text:
                if self.over:
                    return None
                self._more()
            block, self.text = self.text.split("\n\n", 1)
            name, data = re.search(r"^event: (.*)$", block, re.M), re.search(r"^data: (.*)$", block, re.M)
            if name:
                return name[1], json.loads(data[1])

    def topics(self, until):
        """Reads until each of these was named."""
        seen = set()
        while not until <= seen:
            name, data = self.next()
            assert name == "changed"
            seen |= set(data["topics"])
        return seen

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ready(stream):
    assert stream.answer.status == 200, stream.answer
    assert stream.answer.get("content-type") == "text/event-stream"
    assert stream.answer.get("cache-control") == "no-store"
    name, data = stream.next()
    assert name == "ready"
    return set(data["topics"])


def test_a_change_is_told_by_topic_and_without_contents(site):
    with Stream(site, site.admin) as stream:
        assert ready(stream) == EVERYTHING
        site.cli("user", "add", "told", "--password-stdin", stdin=harness.PASSWORD + "\n")
        assert "audit" in stream.topics({"users", "audit"})
        site.cli("zone", "add", "told", "192.0.2.0/24")
        stream.topics({"policy"})
        assert "told" not in stream.text
        site.cli("zone", "remove", "told")
        site.cli("user", "remove", "told")


def test_a_stream_without_chunks_ends_with_its_connection(site):
    with Stream(site, site.admin, minor=0) as stream:
        assert stream.answer.get("transfer-encoding") is None
        assert ready(stream) == EVERYTHING
        site.cli("group", "add", "old")
        stream.topics({"users"})
        site.cli("group", "remove", "old")


def test_http2_carries_the_same_stream(site):
    cookies = [("cookie", f"{k}={v}") for k, v in site.admin.jar[site.host].items()]
    with h2wire.Client(site, site.host) as c:
        number = c.open(path=PATH, token=None, extra=[*cookies, ("accept", "text/event-stream")])
        c.pump(lambda: b"event: ready" in c.stream(number).body)
        assert c.stream(number).status == 200
        site.cli("group", "add", "frames")
        c.pump(lambda: b"users" in c.stream(number).body.split(b"event: changed", 1)[-1])
        assert not c.stream(number).over
        c.reset(number)
        site.cli("group", "remove", "frames")


def test_the_end_of_the_session_ends_the_stream_and_says_so(site):
    who = site.user("leaver")
    assert who.login().status == 303
    with Stream(site, who) as stream:
        assert ready(stream) == {"requests", "policy"}
        site.cli("user", "disable", "leaver")
        while (event := stream.next())[0] != "ended":
            assert event[0] == "changed"
        assert event[1]["reason"]
        assert stream.next() is None
    assert Stream(site, who).answer.status == 401


def test_who_is_not_logged_in_hears_nothing(site):
    assert Stream(site).answer.status == 401
    assert Stream(site, headers=["Authorization: Bearer pst_" + "x" * 43]).answer.status == 401


def test_another_site_cannot_listen(site):
    c = Connection(site, site.host)
    cookie = "; ".join(f"{k}={v}" for k, v in site.admin.jar[site.host].items())
    c.send(f"GET {PATH} HTTP/1.1\r\nHost: {site.host}:{site.port}\r\nSec-Fetch-Site: cross-site\r\n"
           f"Sec-Fetch-Mode: cors\r\nCookie: {cookie}\r\n\r\n".encode())
    assert c.read().status == 403
    c.close()


def test_a_token_hears_what_its_owner_would_and_is_ended_with_it(site):
    made = site.json("token", "add", "listener", "--owner", "owner", "--route", "portal")
    with Stream(site, headers=[f"Authorization: Bearer {made['token']}"]) as stream:
        assert ready(stream) == EVERYTHING
        site.cli("token", "revoke", "listener")
        while (event := stream.next()) is not None and event[0] != "ended":
            pass
        assert event is not None
    narrow = site.json("token", "add", "narrow", "--owner", "owner", "--route", "portal", "--path", "/api/v1/users")
    with Stream(site, headers=[f"Authorization: Bearer {narrow['token']}"]) as stream:
        assert stream.answer.status == 403


def test_a_session_has_eight_streams_and_not_nine(site):
    who = site.user("many")
    assert who.login().status == 303
    streams = [Stream(site, who) for _ in range(8)]
    try:
        for stream in streams:
            ready(stream)
        assert Stream(site, who).answer.status == 429
        streams.pop().close()
        # The edge notices the end of a connection by itself.
        wait_for(lambda: streams.append(Stream(site, who)) or streams[-1].answer.status == 200 or
                 streams.pop().close())
    finally:
        for stream in streams:
            stream.close()


def test_other_groups_end_the_stream_so_that_it_is_judged_anew(site):
    who = site.user("riser")
    assert who.login().status == 303
    with Stream(site, who) as stream:
        assert ready(stream) == {"requests", "policy"}
        site.cli("user", "groups", "riser", "owners")
        while (event := stream.next()) is not None:
            assert event[0] == "changed"
    with Stream(site, who) as stream:
        assert ready(stream) == EVERYTHING


def test_a_silent_stream_is_kept_open_by_comments(site):
    with Stream(site, site.admin, timeout=60) as stream:
        ready(stream)
        begun = time.monotonic()
        while ":\n\n" not in stream.text:
            stream._more()
        assert time.monotonic() - begun < 50


def test_a_new_keeper_makes_everybody_look_again(site):
    with Stream(site, site.admin, timeout=40) as stream:
        ready(stream)
        for pid in site.pids("keeper"):
            os.kill(pid, signal.SIGKILL)
        assert stream.topics(EVERYTHING) == EVERYTHING


def test_a_reload_does_not_cut_and_a_replaced_edge_ends_without_the_word(site):
    with Stream(site, site.admin, timeout=40) as stream:
        ready(stream)
        site.cli("reload")
        site.cli("group", "add", "reloaded")
        stream.topics({"users"})
        # A route to a new port makes new edges; the old ones drain.
        site.cli("route", "add", "fresh", f"http://127.0.0.1:{harness.free_port()}", "--allow", "group:owners@local")
        while (event := stream.next()) is not None:
            assert event[0] == "changed"
