"""The ports of the service belong to it, whatever dies, is reloaded or exchanged meanwhile.

Other users of the machine try to bind them all the time, in every way that the kernel has: with and without
sharing, to the address itself, to all addresses, by IPv6 that speaks IPv4 too, and bound to a device. Above port
1023 nothing but a socket that is there keeps them away.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from stack import Connection, Stack, free_port, wait_for  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")
LONG = bool(os.environ.get("POSTERN_LONG"))

THIEF = r"""
import itertools, json, os, socket, sys, time
ports = json.loads(sys.argv[1])
reuse = (0, socket.SO_REUSEADDR), (0, socket.SO_REUSEPORT)
places = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"),
          (socket.AF_INET6, "::ffff:127.0.0.1")]
tried, bound, listened, errors = 0, [], [], {}
parent = os.getppid()
while os.getppid() == parent and not os.path.exists(sys.argv[2]):
    for port, (family, address), share, device in itertools.product(ports, places, range(4), (None, b"lo\0")):
        try:
            k = socket.socket(family)
        except OSError:
            continue
        what = [port, address, share, device is not None]
        try:
            if share & 1:
                k.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if share & 2:
                k.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                k.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            if device:
                k.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
            tried += 1
            k.bind((address, port))
            bound.append(what)
            k.listen(1)
            listened.append(what)
        except OSError as error:
            errors[error.errno] = errors.get(error.errno, 0) + 1
        finally:
            k.close()
    time.sleep(0.002)
print(json.dumps({"tried": tried, "bound": bound[:20], "listened": listened[:20], "errors": errors}))
"""


class Thieves:
    """Processes of several users, one of which is nobody."""

    def __init__(self, stop, ports, users=(65534, 4321, 1)):
        self.stop = stop
        self.all = [subprocess.Popen([sys.executable, "-c", THIEF, json.dumps(ports), str(stop)], user=uid, group=uid,
                                     extra_groups=[], stdout=subprocess.PIPE, text=True, cwd="/") for uid in users]

    def end(self):
        self.stop.touch()
        self.stop.chmod(0o644)
        return [json.loads(one.communicate(timeout=60)[0]) for one in self.all]


@pytest.fixture(scope="module")
def stack():
    with Stack(edges=2) as s:
        s.extra = free_port()
        s.absent = free_port()
        text = s.config.read_text()
        main = f'  - {{name: main, address: "127.0.0.1:{s.port}"}}\n'
        assert main in text
        s.without = text.replace(main, main +
                                 f'  - {{name: absent, address: "127.0.0.1:{s.absent}", interface: nosuch0}}\n')
        s.with_extra = s.without.replace(main, main + f'  - {{name: extra, address: "127.0.0.1:{s.extra}"}}\n')
        s.config.write_text(s.with_extra)
        s.start()
        yield s


def serves(stack, port=None):
    try:
        with Connection(stack, stack.host, port or stack.port, timeout=5) as c:
            c.send(f"GET /healthz HTTP/1.1\r\nHost: {stack.host}:{port or stack.port}\r\n\r\n".encode())
            return c.read().status == 200
    except OSError:
        return False


def again(stack, before):
    """Everybody who was killed has a successor, and the service answers."""
    def whole():
        done = stack.cli("doctor", "--json", check=False)
        if done.returncode != 0:
            return False
        told = json.loads(done.stdout)
        now = [p["pid"] for p in told["processes"]]
        return not told["waiting"] and not set(before) & set(now) and sum(
            p["role"] == "edge" and p["state"] == "serving" for p in told["processes"]) == 2
    wait_for(whole, 30)
    wait_for(lambda: serves(stack), 30)


def kill(stack, *roles):
    pids = [pid for role in roles for pid in stack.pids(role)]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    again(stack, pids)
    return len(pids)


def reload(stack, text):
    stack.config.write_text(text)
    # One that comes while a killed process starts again is refused and may be repeated.
    wait_for(lambda: stack.cli("reload", check=False).returncode == 0, 30)


def test_nobody_else_binds_a_port_through_crashes_reloads_and_upgrades(stack, tmp_path):
    for directory in [tmp_path, *tmp_path.parents][:3]:
        directory.chmod(0o755)
    ports = [stack.port, stack.extra, stack.absent]
    thieves = Thieves(tmp_path / "stop", ports)
    killed = reloads = upgrades = 0
    try:
        began = time.monotonic()
        while upgrades < 6 or (LONG and time.monotonic() - began < 120):
            killed += kill(stack, "edge")
            killed += kill(stack, "keeper")
            killed += kill(stack, "signer")
            killed += kill(stack, "edge", "keeper", "signer")
            # A listener that goes, and one that is back: the port is held in between.
            reload(stack, stack.without)
            reloads += 1
            wait_for(lambda: not serves(stack, stack.extra))
            killed += kill(stack, "edge")
            reload(stack, stack.with_extra)
            reloads += 1
            wait_for(lambda: serves(stack, stack.extra))
            wait_for(lambda: stack.cli("upgrade", check=False).returncode == 0, 30)
            upgrades += 1
            wait_for(lambda: serves(stack, stack.extra))
            reload(stack, stack.without)
            wait_for(lambda: stack.cli("upgrade", check=False).returncode == 0, 30)
            reload(stack, stack.with_extra)
            reloads += 2
            upgrades += 1
            wait_for(lambda: serves(stack) and serves(stack, stack.extra))
    finally:
        told = thieves.end()
    tried = sum(one["tried"] for one in told)
    print(f"\n{tried} attempts by {len(told)} users during {killed} kills, {reloads} reloads, {upgrades} upgrades")
    assert killed >= 27 and all(one["tried"] > 300 for one in told), told
    assert [one["bound"] + one["listened"] for one in told] == [[], [], []], told


def test_they_do_bind_where_nobody_holds_a_port(stack, tmp_path):
    """The attempts are such that succeed where they can."""
    for directory in [tmp_path, *tmp_path.parents][:3]:
        directory.chmod(0o755)
    thieves = Thieves(tmp_path / "stop", [free_port()])
    time.sleep(0.5)
    for one in thieves.end():
        assert {bool(what[2] & 1) for what in one["listened"]} == {True, False}, one
        assert {what[1] for what in one["listened"]} >= {"127.0.0.1", "0.0.0.0"}, one
