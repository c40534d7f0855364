"""Upstreams by name, in the whole of postern.

/etc/hosts and resolv.conf are files of the test, bound over the real ones in a mount namespace of the
service alone; the name server, where there is one, is a stand-in (test_courier.py).
"""
import json
import os
import pathlib
import shutil
import signal
import tempfile
import time

import pytest

import stack as harness
from test_courier import NameServer, over

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"),
                                reason="another /etc/hosts for the service needs a mount namespace")


class Site(harness.Stack):
    """With files of its own to resolve names with, and one second between two questions."""

    def __init__(self, hosts="", **more):
        self.files = pathlib.Path(tempfile.mkdtemp(prefix="postern-names-"))
        os.chmod(self.files, 0o755)
        (self.files / "resolv").write_text("nameserver 127.53.0.1\n")
        self.names(hosts)
        super().__init__(around=over({"/etc/hosts": self.files / "hosts", "/etc/resolv.conf": self.files / "resolv"}),
                         extra_yaml="limits: {name_refresh: 1s}\n", **more)

    def names(self, text):
        """Written in place, because a bound file can not be replaced."""
        (self.files / "hosts").write_text("127.0.0.1 localhost\n" + text)

    def close(self):
        super().close()
        shutil.rmtree(self.files, ignore_errors=True)

    def console(self, who, route="named"):
        return who.open(self.console_url(route))[0]

    def name(self, wanted="console.example"):
        return next((n for n in self.json("health")["names"] if n["name"] == wanted), None)

    def add(self, url, name="named"):
        self.cli("route", "add", name, url, "--allow", "group:owners@local")

    def snapshot(self):
        return self.json("health")["snapshot"]

    def logged(self, word):
        return self.log_path.read_text().count(word)


@pytest.fixture
def recorders():
    """The same port on two loopback addresses."""
    first = harness.Recorder(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
    second = harness.Recorder(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond", at=("127.0.0.2", first.port))
    yield first, second
    first.close()
    second.close()


def test_a_named_console_is_reached_and_followed_to_another_address(recorders):
    site = Site("127.0.0.1 console.example\n")
    try:
        site.start()
        owner = site.owner()
        site.add(f"http://console.example:{recorders[0].port}")
        harness.wait_for(lambda: (site.name() or {}).get("addresses") == ["127.0.0.1"])
        harness.wait_for(lambda: site.console(owner).text == "first")
        assert b"Host: named.postern.localhost" in recorders[0].bytes
        edges, snapshot = site.pids("edge"), site.snapshot()
        time.sleep(2.5)
        assert site.snapshot() == snapshot, "the same addresses make no snapshot"
        site.names("127.0.0.2 console.example\n")
        harness.wait_for(lambda: site.console(owner).text == "second")
        assert site.name()["addresses"] == ["127.0.0.2"] and site.name()["age"] <= 5 and site.name()["fault"] is None
        assert site.snapshot() == snapshot + 1
        assert site.pids("edge") == edges, "another address is no other port: the edges stay"
        assert site.json("health")["courier"] == "connected"
        assert "name console.example: 127.0.0.2" in site.cli("doctor")
    finally:
        site.close()


def test_a_name_that_nobody_can_resolve_delays_nothing_and_says_so(recorders):
    server = NameServer(silent=True)
    site = Site()
    site.extra += f"routes:\n  named: {{host: named.{site.host}, upstream: 'http://console.example:{recorders[0].port}'}}\n" \
                  "rules:\n  - {name: named, groups: [owners], zones: [local], routes: [named]}\n"
    with open(site.config, "a") as f:
        f.write(site.extra.split("\n", 1)[1])
    try:
        began = time.monotonic()
        site.start()
        assert time.monotonic() - began < 10, "the start waits for nobody"
        owner = site.owner()
        answer = site.console(owner)
        assert answer.status == 502 and "name could not be resolved" in answer.text
        harness.wait_for(lambda: site.name()["fault"], 20)
        assert site.name()["addresses"] == [] and site.name()["age"] is None
        assert "name console.example: no address; " in site.cli("doctor")
        site.names("127.0.0.1 console.example\n")
        harness.wait_for(lambda: site.console(owner).text == "first", 20)
    finally:
        site.close()
        server.close()


def test_addresses_outlast_name_servers_couriers_and_keepers(recorders):
    server = NameServer({"console.example": ["127.0.0.1"]})
    site = Site()
    try:
        site.start()
        owner = site.owner()
        site.add(f"http://console.example:{recorders[0].port}")
        harness.wait_for(lambda: site.console(owner).text == "first")
        server.silent = True
        harness.wait_for(lambda: site.name()["fault"], 20)
        assert site.name()["addresses"] == ["127.0.0.1"]
        age = site.name()["age"]
        assert site.console(owner).text == "first"
        # The courier, while its question is open.
        courier = site.pids("courier")[0]
        os.kill(courier, signal.SIGKILL)
        harness.wait_for(lambda: site.pids("courier") not in ([], [courier]))
        assert site.console(owner).text == "first"
        # The keeper: the next one has what this one knew.
        keeper = site.pids("keeper")[0]
        os.kill(keeper, signal.SIGKILL)
        harness.wait_for(lambda: site.pids("keeper") not in ([], [keeper]))
        harness.wait_for(lambda: site.cli("health", check=False).returncode == 0 and site.name())
        assert site.name()["addresses"] == ["127.0.0.1"] and site.name()["age"] >= age
        assert site.console(owner).text == "first"
        # A hung courier is replaced; the addresses stay.
        courier = site.pids("courier")[0]
        os.kill(courier, signal.SIGSTOP)
        harness.wait_for(lambda: site.pids("courier") not in ([], [courier]), 30)
        assert site.console(owner).text == "first"
        # And the whole service.
        server.silent = False
        site.stop()
        server.silent = True
        site.start()
        assert site.console(owner).text == "first"
        # Gone, says the name server: the addresses stay for an hour.
        server.silent, server.table = False, {}
        harness.wait_for(lambda: site.name()["fault"] == "there is no such name", 20)
        assert site.name()["addresses"] == ["127.0.0.1"] and site.console(owner).text == "first"
    finally:
        site.close()
        server.close()


def test_a_name_that_turns_to_where_no_console_is_is_not_followed(recorders):
    site = Site("127.0.0.1 console.example\n")
    try:
        site.start()
        owner = site.owner()
        site.add(f"http://console.example:{recorders[0].port}")
        harness.wait_for(lambda: site.console(owner).text == "first")
        site.names("127.0.0.1 console.example\n169.254.169.254 console.example\n")
        harness.wait_for(lambda: "which no console may have" in (site.name()["fault"] or ""))
        assert site.name()["addresses"] == ["127.0.0.1"] and site.console(owner).text == "first"
        assert site.logged("name_not_resolved name=console.example") == 1, "said once, not every second"
    finally:
        site.close()


def test_a_name_that_leads_back_to_postern_is_not_called():
    site = Site("127.0.0.1 console.example\n")
    try:
        site.start()
        owner = site.owner()
        site.add(f"http://console.example:{site.port}")
        harness.wait_for(lambda: site.name()["addresses"] == ["127.0.0.1"])
        time.sleep(0.5)
        answer = site.console(owner)
        assert answer.status == 502 and "name could not be resolved" in answer.text
    finally:
        site.close()


def test_sixty_names_are_resolved_together(recorders):
    names = [f"n{i}.example" for i in range(60)]
    site = Site("".join(f"127.0.0.{1 + i % 2} {n}\n" for i, n in enumerate(names)))
    with open(site.config, "a") as f:
        f.write("routes:\n" + "".join(f"  r{i}: {{host: r{i}.{site.host}, upstream: 'http://{n}:{recorders[0].port}'}}\n"
                                      for i, n in enumerate(names)) +
                "rules:\n  - {name: all, groups: [owners], zones: [local], routes: ['*']}\n")
    try:
        site.start()
        owner = site.owner()
        harness.wait_for(lambda: sum(len(n["addresses"]) for n in site.json("health")["names"]) == 60)
        assert site.snapshot() <= 6, "names that change together make one snapshot"
        for i in (0, 1, 59):
            harness.wait_for(lambda: site.console(owner, f"r{i}").text == ("second" if i % 2 else "first"))
        assert len(site.json("health")["names"]) == 60
        site.names("".join(f"127.0.0.{2 - i % 2} {n}\n" for i, n in enumerate(names)))
        harness.wait_for(lambda: site.console(owner, "r0").text == "second" and site.console(owner, "r59").text == "first")
    finally:
        site.close()


def test_a_route_that_goes_takes_its_name_along(recorders):
    site = Site("127.0.0.1 console.example\n")
    try:
        site.start()
        site.owner()
        site.add(f"http://console.example:{recorders[0].port}")
        assert site.name()
        site.cli("route", "remove", "named", "--force")
        assert site.name() is None
        kept = site.state / "store/hosts"
        assert json.loads(site.cli("health", "--json"))["names"] == []
        assert not kept.exists() or kept.stat().st_mode & 0o777 == 0o600
    finally:
        site.close()
