"""kill -9 of each process in turn, under load: no acknowledged record is lost, service is back at once.

POSTERN_KILLS sets how many kills (default 40 in the ordinary run; the long run uses 200).
"""
import itertools
import os
import signal
import threading
import time

import pytest

import stack as harness
from stack import Connection, Recorder, wait_for

KILLS = int(os.environ.get("POSTERN_KILLS", "40"))


@pytest.fixture
def site():
    with harness.loaded(harness.Stack(edges=2), Recorder()) as s:
        yield s


class Load(threading.Thread):
    """Warm requests without pause; notes every answer and the longest time without a good one."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack = stack
        self.host = f"load.{stack.host}"
        jar = stack.admin.jar[self.host]
        self.text = (f"GET / HTTP/1.1\r\nHost: {self.host}:{stack.port}\r\nSec-Fetch-Site: same-origin\r\n"
                     "Cookie: " + "; ".join(f"{k}={v}" for k, v in jar.items()) + "\r\n\r\n").encode()
        self.good = self.other = 0
        self.gap = 0.0
        self.stopped = False
        self.statuses = {}

    def run(self):
        last = time.monotonic()
        connection = None
        while not self.stopped:
            try:
                if connection is None:
                    connection = Connection(self.stack, self.host, timeout=5)
                connection.send(self.text)
                status = connection.read().status
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == 200:
                    self.good += 1
                    self.gap = max(self.gap, time.monotonic() - last)
                    last = time.monotonic()
                else:
                    time.sleep(0.01)
            except (OSError, ConnectionError):
                self.other += 1
                if connection:
                    connection.close()
                connection = None
                time.sleep(0.01)


def test_no_acknowledged_record_is_lost_and_service_returns(site):
    loads = [Load(site) for _ in range(4)]
    for load in loads:
        load.start()
    acknowledged = []
    back = []
    for n, role in zip(range(KILLS), itertools.cycle(["edge", "keeper", "signer", "edge", "courier"])):
        name = f"g{n}"
        if site.cli("group", "add", name, check=False).returncode == 0:
            acknowledged.append(name)
        pid = site.pids(role)[0]
        os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()

        def served():
            try:
                with Connection(site, site.host, timeout=3) as c:
                    c.send(f"GET /api/v1/whoami HTTP/1.1\r\nHost: {site.host}:{site.port}\r\nCookie: "
                           f"__Host-postern-console-{site.port}="
                           f"{site.admin.jar[site.host][f'__Host-postern-console-{site.port}']}\r\n"
                           "Sec-Fetch-Site: same-origin\r\n\r\n".encode())
                    return c.read().status == 200 and pid not in site.pids(role) and site.pids(role)
            except (OSError, ConnectionError, RuntimeError):
                return False
        wait_for(served, 10)
        back.append(time.monotonic() - begin)
    for load in loads:
        load.stopped = True
    for load in loads:
        load.join(10)
    back.sort()
    print(f"\n{KILLS} kills: back after {back[len(back) // 2] * 1000:.0f} ms (median), "
          f"{back[-1] * 1000:.0f} ms (worst); {sum(l.good for l in loads)} good answers meanwhile, "
          f"longest gap {max(l.gap for l in loads) * 1000:.0f} ms; "
          f"others {[l.statuses for l in loads]}, broken connections {sum(l.other for l in loads)}")
    groups = {g["name"] for g in site.json("group", "list")["groups"]}
    assert set(acknowledged) <= groups
    verified = site.json("audit", "verify")
    assert verified["intact"], verified
    records = {(r["event"], r["target"]) for r in everything(site)}
    assert all(any(target == name for _, target in records) for name in acknowledged)
    assert back[len(back) // 2] < 1.5


def everything(site):
    after, rows = 0, []
    while True:
        page = site.json("audit", "tail", "--after", str(after), "--limit", "500")["records"]
        if not page:
            return rows
        rows += page
        after = page[-1]["seq"]


def test_warm_sessions_are_served_while_the_keeper_is_stopped_and_then_fail_closed(site):
    host = f"load.{site.host}"
    keeper = site.pids("keeper")[0]
    load = Load(site)
    with Connection(site, host) as c:
        for _ in range(4):
            c.send(load.text)
            assert c.read().status == 200
        os.kill(keeper, signal.SIGSTOP)
        try:
            time.sleep(0.3)
            c.send(load.text)
            assert c.read().status == 200, "a warm session needs no keeper"
            # A cold one cannot be known: it fails closed, and in time.
            cold = site.anonymous("GET", site.console_url("load", "/"), navigate=False,
                                  headers=[("Postern-Token", "pst_" + "A" * 43)])
            assert cold.status == 503, cold
        finally:
            os.kill(keeper, signal.SIGCONT)


def test_a_killed_supervisor_takes_everything_along_and_a_new_one_starts_over(site):
    """What a service manager sees: the whole service ends, and starts again on the same state."""
    site.cli("group", "add", "before")
    pids = [p["pid"] for p in site.doctor()["processes"]]
    site.process.kill()
    site.process.wait()
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 5)
    begin = time.monotonic()
    site.log.close()
    site.start()
    print(f"\nsupervisor killed: serving again {time.monotonic() - begin:.2f} s after its start")
    assert "before" in {g["name"] for g in site.json("group", "list")["groups"]}
    assert site.json("audit", "verify")["intact"]
    load = Load(site)
    with Connection(site, load.host) as c:
        c.send(load.text)
        assert c.read().status == 200, "the session lives on"
