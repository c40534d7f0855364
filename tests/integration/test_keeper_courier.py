"""The keeper with a courier played by the test: what a broken courier, a slow one and a refused snapshot cost.

And leases, whose ends meet changes in flight.
"""
import os
import struct
import time

import pytest

import ipcwire
import test_keeper
from ipcwire import Closed, Wire, address, encode
from test_keeper import Keeper

COURIER = ipcwire.ROLES["COURIER"]
CONFIG = test_keeper.CONFIG.replace("rules:", "  named: {{host: named.postern.localhost, upstream: \"http://console.example:8082\"}}\n"
                                    "limits: {{name_refresh: 1s}}\nrules:")


@pytest.fixture
def keeper(tmp_path):
    os.chmod(tmp_path, 0o700)
    instance = Keeper(tmp_path, CONFIG).start()
    yield instance
    code = instance.stop()
    log = open(os.path.join(instance.dir, "log"), encoding="utf-8").read()
    assert code in (0, None), log
    assert "ERROR: " not in log and "runtime error" not in log, log


def courier(keeper):
    ours, theirs = Wire.pair()
    keeper.supervisor.send("peer", role=COURIER, id=0, fd=theirs.fileno())
    theirs.close()
    return ours


def say(wire, serial, *addresses, result=0, text=""):
    wire.send("resolved", serial=serial, result=result, addresses=b"".join(sorted(map(address, addresses))), text=text)


def name(keeper):
    return keeper.control().ask("GET", "/health")[1]["names"][0]


def content(snapshot):
    return os.pread(snapshot.fd, 1 << 20, 0)


def test_an_answer_makes_a_snapshot_with_the_addresses_and_the_same_answer_none(keeper):
    wire = courier(keeper)
    asked = wire.expect("resolve")
    assert asked.host == b"console.example"
    say(wire, asked.serial, "10.0.0.2", "10.0.0.1")
    snapshot = keeper.supervisor.expect("snapshot")
    assert address("10.0.0.1") + address("10.0.0.2") in content(snapshot) and snapshot.cause == 1
    os.close(snapshot.fd)
    keeper.supervisor.ask("commit", number=snapshot.number)
    keeper.supervisor.send("settled", number=snapshot.number)
    assert name(keeper)["addresses"] == ["10.0.0.1", "10.0.0.2"]
    say(wire, wire.expect("resolve").serial, "10.0.0.2", "10.0.0.1")
    wire.expect("resolve")
    with pytest.raises(TimeoutError):
        keeper.supervisor.receive(0.2)


def test_a_refused_snapshot_is_made_again(keeper):
    wire = courier(keeper)
    say(wire, wire.expect("resolve").serial, "10.0.0.1")
    snapshot = keeper.supervisor.expect("snapshot")
    os.close(snapshot.fd)
    keeper.supervisor.send("abort", number=snapshot.number, reason="an edge does not like it")
    again = keeper.supervisor.expect("snapshot", 20)
    assert again.number > snapshot.number and address("10.0.0.1") in content(again)
    os.close(again.fd)
    keeper.supervisor.ask("commit", number=again.number)
    keeper.supervisor.send("settled", number=again.number)


def test_a_name_comes_back_with_the_change_that_took_it_away(keeper):
    wire = courier(keeper)
    say(wire, wire.expect("resolve").serial, "10.0.0.1")
    keeper.settle()
    control = keeper.control()
    control.send("PUT", "/api/v1/routes/other", {"host": "other.postern.localhost", "upstream": "http://other.example:1"})
    keeper.settle()
    assert control.receive()[0] == 201
    while (asked := wire.expect("resolve")).host != b"other.example":
        say(wire, asked.serial, "10.0.0.1")
    say(wire, asked.serial, "10.0.0.2")
    keeper.settle()
    control.send("DELETE", "/api/v1/routes/other")
    snapshot = keeper.supervisor.expect("snapshot")
    os.close(snapshot.fd)
    keeper.supervisor.ask("commit", number=snapshot.number)
    assert [n["name"] for n in keeper.control().ask("GET", "/health")[1]["names"]] == ["console.example"]
    keeper.supervisor.send("abort", number=snapshot.number, reason="no")
    assert control.receive()[0] == 409
    names = {n["name"] for n in keeper.control().ask("GET", "/health")[1]["names"]}
    assert names == {"console.example", "other.example"}


def raw(name, serial, payload):
    return struct.pack(">HI", ipcwire.TYPES[name], serial) + payload


@pytest.mark.parametrize("bad", [
    lambda s: encode("resolved", result=0),
    lambda s: encode("resolved", result=1, addresses=address("10.0.0.1")),
    lambda s: encode("resolved", result=9),
    lambda s: encode("resolved", result=0, addresses=address("169.254.169.254")),
    lambda s: encode("resolved", result=0, addresses=address("10.0.0.2") + address("10.0.0.1")),
    lambda s: encode("resolved", result=0, addresses=b"x" * 15),
    lambda s: encode("resolved", result=0, addresses=address("10.0.0.1")) + b"x",
    lambda s: struct.pack(">BI", 0, 0xFFFFFFFF),
    lambda s: b"",
], ids=["ok-without", "no-with", "result", "metadata", "order", "length", "tail", "size", "empty"])
def test_a_courier_that_speaks_nonsense_is_reported_and_believed_nothing(keeper, bad):
    wire = courier(keeper)
    serial = wire.expect("resolve").serial
    wire.send_raw(raw("resolved", serial, bad(serial)))
    assert keeper.supervisor.expect("lost").role == COURIER
    with pytest.raises((Closed, ConnectionError)):
        wire.receive()
    assert name(keeper)["addresses"] == []
    # The next one is asked, and believed.
    wire = courier(keeper)
    say(wire, wire.expect("resolve").serial, "10.0.0.1")
    keeper.settle()
    assert name(keeper)["addresses"] == ["10.0.0.1"]


def test_messages_of_others_break_the_couriers_channel(keeper):
    for kind in ("session", "verb", "snapshot", "resolve", "ready", "lost"):
        wire = courier(keeper)
        wire.send_raw(raw(kind, 1, encode(kind)))
        assert keeper.supervisor.expect("lost").role == COURIER
    assert keeper.control().ask("GET", "/whoami")[0] == 200


def test_a_silent_courier_is_given_up_and_an_answer_too_late_ignored(keeper):
    wire = courier(keeper)
    first = wire.expect("resolve").serial
    second = wire.expect("resolve", 20).serial
    assert first != second
    assert name(keeper)["fault"] == "the courier does not answer"
    say(wire, first, "10.9.9.9")
    say(wire, second, "10.0.0.1")
    snapshot = keeper.supervisor.expect("snapshot")
    assert address("10.9.9.9") not in content(snapshot) and address("10.0.0.1") in content(snapshot)
    os.close(snapshot.fd)
    keeper.supervisor.ask("commit", number=snapshot.number)
    keeper.supervisor.send("settled", number=snapshot.number)


def test_a_text_of_the_courier_is_shown_as_text(keeper):
    wire = courier(keeper)
    say(wire, wire.expect("resolve").serial, result=2, text=b"\x1b[31m\n<b>\xff")
    wire.expect("resolve", 20)
    assert name(keeper)["fault"] == "?[31m?<b>?"
    assert "name.console.example=no address; ?[31m?<b>?\n" in keeper.supervisor.ask("status").text.decode()


def test_a_probe_is_answered_by_the_courier_and_its_nonsense_is_not(keeper):
    wire = courier(keeper)
    control = keeper.control()
    control.send("POST", "/api/v1/probe", {"url": "https://10.0.0.7:8443", "sni": "a.example"})
    asked = wire.expect("probe")
    assert (asked.host, asked.port, asked.sni, asked.expected) == (b"10.0.0.7", 8443, b"a.example", b"10.0.0.7")
    wire.send("probed", serial=asked.serial, ok=1, subject=b"CN=\x1b\xff", names=b"DNS:a\nDNS:b\n", spki=bytes(32),
              certificate=bytes(32), not_after=1, address=address("10.0.0.7"))
    status, seen = control.receive()
    assert status == 200 and seen["certificate"]["subject"] == "CN=??" and seen["certificate"]["names"] == ["DNS:a", "DNS:b"]
    assert seen["certificate"]["pin"] == "sha256/" + "A" * 43 + "="
    control.send("POST", "/api/v1/probe", {"url": "https://10.0.0.7:8443"})
    wire.send("probed", serial=wire.expect("probe").serial, ok=7)
    assert keeper.supervisor.expect("lost").role == COURIER
    status, seen = control.receive()
    assert status == 200 and seen["fault"] == "the courier has died"
    control.send("POST", "/api/v1/probe", {"url": "https://10.0.0.7:8443"})
    assert control.receive()[0] == 503


# ---- leases --------------------------------------------------------------------------------------

LEASE = {"name": "app", "upstream": "unix:/nowhere/socket", "allow": ["group:owners"]}


def routes(keeper):
    return {r["name"]: r["origin"] for r in keeper.control().ask("GET", "/routes")[1]["routes"]}


def settle(keeper, snapshot):
    os.close(snapshot.fd)
    keeper.supervisor.ask("commit", number=snapshot.number)
    keeper.supervisor.send("settled", number=snapshot.number)


def test_a_lease_begins_and_ends_with_its_connection(keeper):
    edge = keeper.edge()
    control = keeper.control()
    control.send("POST", "/api/v1/leases", LEASE)
    settle(keeper, keeper.supervisor.expect("snapshot"))
    every = edge.wire.expect("revoke")
    assert every.kind == 5, "a rule is new: every view is asked for again"
    edge.wire.send("revoked", epoch=every.epoch, closed=0)
    assert control.receive()[0] == 201 and routes(keeper)["app"] == "guard"
    control.close()
    snapshot = keeper.supervisor.expect("snapshot")
    assert b"app.postern.localhost" not in content(snapshot)
    settle(keeper, snapshot)
    revoked = edge.wire.expect("revoke")
    assert (revoked.kind, revoked.id) == (4, b"app"), "its streams end"
    edge.wire.send("revoked", epoch=revoked.epoch, closed=0)
    assert "app" not in routes(keeper)


def test_a_lease_that_a_process_refuses_leaves_nothing(keeper):
    control = keeper.control()
    control.send("POST", "/api/v1/leases", LEASE)
    snapshot = keeper.supervisor.expect("snapshot")
    os.close(snapshot.fd)
    keeper.supervisor.send("abort", number=snapshot.number, reason="no")
    assert control.receive()[0] == 409 and "app" not in routes(keeper)
    # The connection may ask again.
    control.send("POST", "/api/v1/leases", LEASE)
    settle(keeper, keeper.supervisor.expect("snapshot"))
    assert control.receive()[0] == 201
    control.close()
    settle(keeper, keeper.supervisor.expect("snapshot"))


def test_a_connection_that_ends_while_its_lease_is_on_its_way_leaves_nothing(keeper):
    control = keeper.control()
    control.send("POST", "/api/v1/leases", LEASE)
    snapshot = keeper.supervisor.expect("snapshot")
    control.close()
    time.sleep(0.1)
    settle(keeper, snapshot)
    after = keeper.supervisor.expect("snapshot")
    assert b"app.postern.localhost" not in content(after)
    settle(keeper, after)
    assert "app" not in routes(keeper)


def test_the_end_of_a_lease_waits_for_the_change_in_flight(keeper):
    control, other = keeper.control(), keeper.control()
    control.send("POST", "/api/v1/leases", LEASE)
    settle(keeper, keeper.supervisor.expect("snapshot"))
    assert control.receive()[0] == 201
    other.send("PUT", "/api/v1/zones/lab", {"cidrs": ["10.0.0.0/8"]})
    snapshot = keeper.supervisor.expect("snapshot")
    control.close()
    time.sleep(0.1)
    settle(keeper, snapshot)
    assert other.receive()[0] == 201
    after = keeper.supervisor.expect("snapshot")
    assert b"app.postern.localhost" not in content(after)
    # Refused once: it is made again, until the route is gone.
    os.close(after.fd)
    keeper.supervisor.send("abort", number=after.number, reason="no")
    settle(keeper, keeper.supervisor.expect("snapshot", 20))
    assert "app" not in routes(keeper)


def test_leases_and_names_are_gone_with_the_keeper_and_names_come_back(keeper):
    wire = courier(keeper)
    say(wire, wire.expect("resolve").serial, "10.0.0.1")
    keeper.settle()
    control = keeper.control()
    control.send("POST", "/api/v1/leases", LEASE)
    settle(keeper, keeper.supervisor.expect("snapshot"))
    assert control.receive()[0] == 201
    keeper.process.kill()
    keeper.process.wait()
    keeper.process = None
    keeper.supervisor.close()
    keeper.log.close()
    keeper.start(configure=False)
    fd = ipcwire.sealed("file", keeper.slice())
    keeper.supervisor.send("configure", generation=1, fd=fd)
    os.close(fd)
    snapshot = keeper.supervisor.expect("snapshot")
    assert address("10.0.0.1") in content(snapshot), "the first snapshot of the new keeper has what the old one knew"
    assert b"app.postern.localhost" not in content(snapshot)
    settle(keeper, snapshot)
    assert "app" not in routes(keeper) and name(keeper)["addresses"] == ["10.0.0.1"]
