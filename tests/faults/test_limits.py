"""Idle and absolute limits of sessions end what runs under them, and nothing later than they say.

These take minutes: POSTERN_LONG=1.
"""
import os
import threading
import time

import pytest

import stack as harness
from stack import Connection, Recorder, wait_for

pytestmark = pytest.mark.skipif(not os.environ.get("POSTERN_LONG"), reason="takes minutes; POSTERN_LONG=1")


def handler(recorder, sock, head, rest):
    if b"upgrade: websocket" in head.lower():
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
        while True:
            data = sock.recv(4096)
            if not data:
                return None
            sock.sendall(data)
    if b"/down" in head.split(b"\r\n")[0]:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            sock.sendall(b"4\r\ntick\r\n")
            time.sleep(0.2)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    return rest


def head(site, path, headers=()):
    host = f"load.{site.host}"
    jar = site.admin.jar[host]
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{site.port}", "Sec-Fetch-Site: same-origin", "Accept: application/json",
             "Cookie: " + "; ".join(f"{k}={v}" for k, v in jar.items()), *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Open(threading.Thread):
    def __init__(self, site, path, feed=None):
        super().__init__(daemon=True)
        host = f"load.{site.host}"
        self.k = Connection(site, host, timeout=400)
        ws = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
              f"Origin: https://{host}:{site.port}"]
        self.k.send(head(site, path, ws if path == "/ws" else ()))
        assert self.k.read(head_only=True).status == (101 if path == "/ws" else 200)
        self.feed, self.begin, self.ended = feed, time.monotonic(), None
        self.start()

    def run(self):
        if self.feed:
            threading.Thread(target=self.feeding, daemon=True).start()
        try:
            while self.k.sock.recv(65536):
                pass
        except OSError:
            pass
        self.ended = time.monotonic() - self.begin

    def feeding(self):
        try:
            while True:
                self.k.send(b"x")
                time.sleep(self.feed)
        except OSError:
            pass


def start(extra):
    s = harness.Stack(edges=1, extra_yaml=extra)
    s.up = Recorder(handler=handler)
    s.start()
    s.admin = s.owner()
    s.cli("route", "add", "load", s.up.url, "--allow", "group:owners@local")
    assert s.admin.open(s.console_url("load", "/"))[0].status == 200
    return s


def test_an_idle_session_ends_its_streams_and_a_used_one_goes_on():
    s = start("\nsession: {idle: 60s}\n")
    try:
        down = Open(s, "/down")
        wait_for(lambda: down.ended, 120, every=0.5)
        print(f"\nidle limit of 60 s: a stream nobody feeds ends after {down.ended:.0f} s")
        assert 55 < down.ended < 95
        got = s.admin.request("GET", s.console_url("load", "/"), navigate=False, headers=[("Sec-Fetch-Site", "same-origin")])
        assert got.status == 401
        assert s.admin.open(s.console_url("load", "/"))[0].status == 200
        fed = Open(s, "/ws", feed=5)
        time.sleep(100)
        assert fed.ended is None, "somebody is there"
        assert s.admin.request("GET", s.console_url("load", "/"), navigate=False,
                               headers=[("Sec-Fetch-Site", "same-origin")]).status == 200
    finally:
        s.close()
        s.up.close()


def test_an_absolute_limit_ends_even_what_is_used():
    s = start("\nsession: {idle: 60s, absolute: 300s}\n")
    try:
        fed, down = Open(s, "/ws", feed=1), Open(s, "/down")
        wait_for(lambda: fed.ended and down.ended, 340, every=0.5)
        print(f"\nabsolute limit of 300 s: a used stream ends after {fed.ended:.0f} s, another after {down.ended:.0f} s")
        assert max(fed.ended, down.ended) < 310
        got = s.admin.request("GET", s.console_url("load", "/"), navigate=False, headers=[("Sec-Fetch-Site", "same-origin")])
        assert got.status == 401
    finally:
        s.close()
        s.up.close()
