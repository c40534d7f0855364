"""Processes that live and do nothing (SIGSTOP): what they hold up, for how long, and how it ends."""
import os
import signal
import threading
import time

import pytest

import stack as harness
from stack import Connection, Recorder, wait_for

LONG = bool(os.environ.get("POSTERN_LONG"))


def endless(recorder, sock, head, rest):
    if b"/down" not in head.split(b"\r\n")[0]:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return rest
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        sock.sendall(b"4\r\ntick\r\n")
        time.sleep(0.05)


@pytest.fixture(scope="module")
def site():
    with harness.loaded(harness.Stack(edges=2), Recorder(handler=endless)) as s:
        yield s


def warm_text(site, path="/"):
    host = f"load.{site.host}"
    jar = site.admin.jar[host]
    return (f"GET {path} HTTP/1.1\r\nHost: {host}:{site.port}\r\nSec-Fetch-Site: same-origin\r\nAccept: application/json\r\n"
            "Cookie: " + "; ".join(f"{k}={v}" for k, v in jar.items()) + "\r\n\r\n").encode()


class Lines:
    """Established connections that ask again and again."""

    def __init__(self, site, count):
        self.site, self.text = site, warm_text(site)
        self.connections = [Connection(site, f"load.{site.host}", timeout=8) for _ in range(count)]

    def ask(self):
        statuses, slowest = [], 0.0
        for c in self.connections:
            begin = time.monotonic()
            c.send(self.text)
            statuses.append(c.read().status)
            slowest = max(slowest, time.monotonic() - begin)
        return statuses, slowest

    def close(self):
        for c in self.connections:
            c.close()


def handshake(site, timeout=4):
    """Seconds and whether a fresh connection (never a resumed one) came to be and answered."""
    begin = time.monotonic()
    try:
        with Connection(site, site.host, timeout=timeout) as c:
            c.send(f"GET /healthz HTTP/1.1\r\nHost: {site.host}:{site.port}\r\n\r\n".encode())
            return c.read().status == 200, time.monotonic() - begin
    except (OSError, ConnectionError):
        return False, time.monotonic() - begin


def healthy(site):
    def well():
        return all(handshake(site)[0] for _ in range(6))
    wait_for(well, 20, every=0.1)


def test_a_hung_signer_fails_handshakes_at_once_and_is_replaced(site):
    lines = Lines(site, 8)
    assert set(lines.ask()[0]) == {200}
    signer = site.pids("signer")[0]
    os.kill(signer, signal.SIGSTOP)
    begin = time.monotonic()
    try:
        times = [handshake(site) for _ in range(8)]
        assert not any(ok for ok, _ in times)
        assert max(t for _, t in times) < 1, times
        statuses, slowest = lines.ask()
        assert set(statuses) == {200} and slowest < 0.5, "established connections go on"
        # Nobody wakes it: it is replaced.
        wait_for(lambda: handshake(site)[0], 20, every=0.1)
        back = time.monotonic() - begin
        healthy(site)
        assert site.pids("signer")[0] != signer
        assert set(lines.ask()[0]) == {200}
        print(f"\nhung signer: handshakes failed within {max(t for _, t in times) * 1000:.0f} ms, "
              f"back after {back:.1f} s; warm requests at most {slowest * 1000:.0f} ms")
    finally:
        lines.close()
        try:
            os.kill(signer, signal.SIGCONT)
        except ProcessLookupError:
            pass


def test_a_signer_that_was_slow_once_signs_again(site):
    signer = site.pids("signer")[0]
    os.kill(signer, signal.SIGSTOP)
    try:
        for _ in range(6):
            handshake(site)
    finally:
        os.kill(signer, signal.SIGCONT)
    begin = time.monotonic()
    healthy(site)
    assert site.pids("signer")[0] == signer, "it lives, so it is not replaced"
    print(f"\nslow signer: every edge signs again after {time.monotonic() - begin:.1f} s")


def test_a_hung_edge_is_replaced(site):
    edges = site.pids("edge")
    os.kill(edges[0], signal.SIGSTOP)
    begin = time.monotonic()
    try:
        wait_for(lambda: edges[0] not in site.pids("edge") and len(site.pids("edge")) == 2, 20, every=0.2)
        healthy(site)
        print(f"\nhung edge: replaced after {time.monotonic() - begin:.1f} s")
    finally:
        try:
            os.kill(edges[0], signal.SIGCONT)
        except ProcessLookupError:
            pass


def test_a_hung_edge_cannot_keep_a_revoked_stream_open(site):
    who = site.user("victor", groups=["owners"])
    assert who.open(site.console_url("load", "/"))[0].status == 200
    host = f"load.{site.host}"
    jar = "; ".join(f"{k}={v}" for k, v in who.jar[host].items())
    ended, streams = [], []

    def watch(c):
        try:
            while c.sock.recv(65536):
                pass
        except OSError:
            pass
        ended.append(time.monotonic())
    for _ in range(12):
        c = Connection(site, host, timeout=20)
        c.send(f"GET /down HTTP/1.1\r\nHost: {host}:{site.port}\r\nSec-Fetch-Site: same-origin\r\nCookie: {jar}\r\n\r\n".encode())
        assert c.read(head_only=True).status == 200
        streams.append(c)
        threading.Thread(target=watch, args=(c,), daemon=True).start()
    edges = site.pids("edge")
    for pid in edges:
        os.kill(pid, signal.SIGSTOP)
    begin = time.monotonic()
    site.cli("user", "disable", "victor")
    took = time.monotonic() - begin
    wait_for(lambda: len(ended) == 12, 5)
    print(f"\nrevoked while every edge hangs: command {took * 1000:.0f} ms, last stream closed after "
          f"{(max(ended) - begin) * 1000:.0f} ms")
    assert max(ended) - begin < 2
    for c in streams:
        c.close()
    healthy(site)
    assert not set(edges) & set(site.pids("edge"))


def test_a_hung_keeper_is_replaced_before_views_grow_old(site):
    keeper = site.pids("keeper")[0]
    lines = Lines(site, 4)
    assert set(lines.ask()[0]) == {200}
    os.kill(keeper, signal.SIGSTOP)
    begin = time.monotonic()
    try:
        cold = site.anonymous("GET", site.console_url("load", "/"), navigate=False,
                              headers=[("Postern-Token", "pst_" + "A" * 43)])
        assert cold.status == 503 and time.monotonic() - begin < 8

        def replaced():
            statuses, _ = lines.ask()
            assert set(statuses) == {200}, "warm sessions never notice"
            now = site.pids("keeper")
            return now and keeper not in now
        wait_for(replaced, 29, every=0.3)
        print(f"\nhung keeper: cold 503, replaced after {time.monotonic() - begin:.1f} s")
        wait_for(lambda: site.admin.request("GET", site.portal + "/api/v1/whoami", navigate=False,
                                            headers=[("Sec-Fetch-Site", "same-origin")]).status == 200, 10)
    finally:
        lines.close()
        try:
            os.kill(keeper, signal.SIGCONT)
        except ProcessLookupError:
            pass


def test_without_keeper_and_supervisor_everything_ends_after_thirty_seconds(site):
    """Nobody can replace the keeper: sessions that nobody can vouch for end."""
    healthy(site)
    host = f"load.{site.host}"
    keeper, supervisor = site.pids("keeper")[0], site.process.pid
    lines = Lines(site, 4)
    stream = Connection(site, host, timeout=45)
    stream.send(warm_text(site, "/down"))
    assert stream.read(head_only=True).status == 200
    assert set(lines.ask()[0]) == {200}
    ended = []

    def watch():
        try:
            while stream.sock.recv(65536):
                pass
        except OSError:
            pass
        ended.append(time.monotonic())
    threading.Thread(target=watch, daemon=True).start()
    os.kill(supervisor, signal.SIGSTOP)
    os.kill(keeper, signal.SIGSTOP)
    begin = time.monotonic()
    try:
        last_good = first_refused = None
        while time.monotonic() - begin < 45 and first_refused is None:
            statuses, slowest = lines.ask()
            if set(statuses) == {200}:
                last_good = time.monotonic() - begin
            elif set(statuses) == {503}:
                first_refused = time.monotonic() - begin
            time.sleep(0.5)
        assert last_good > 18 and first_refused < 38, (last_good, first_refused)
        # It is known by now that nobody answers: others are not made to wait for that again.
        assert lines.ask()[1] < 2
        wait_for(lambda: ended, 8)
        assert 18 < ended[0] - begin < 38
        print(f"\nno keeper at all: warm until {last_good:.1f} s, 503 from {first_refused:.1f} s, "
              f"stream closed after {ended[0] - begin:.1f} s")
    finally:
        os.kill(supervisor, signal.SIGCONT)
        os.kill(keeper, signal.SIGCONT)
        lines.close()
        stream.close()
    wait_for(lambda: site.admin.request("GET", site.console_url("load", "/"), navigate=False,
                                        headers=[("Sec-Fetch-Site", "same-origin")]).status == 200, 20, every=0.3)


def test_a_supervisor_that_slept_kills_nobody_when_it_wakes(site):
    healthy(site)
    before = sorted(p["pid"] for p in site.doctor()["processes"])
    pids = [p for p in before]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(20 if LONG else 7)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)
    time.sleep(2.5)
    healthy(site)
    assert sorted(p["pid"] for p in site.doctor()["processes"]) == before
