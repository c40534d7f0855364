"""Sockets that the service manager holds: 443 without root, and nobody refused across a restart."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stack import LIBEXEC, Stack, wait_for  # noqa: E402


class Activated(Stack):
    """A stack whose sockets this process holds, as systemd does."""

    def __init__(self, **more):
        super().__init__(**more)
        self.held = []

    def hold(self, address="127.0.0.1", port=None, kind=socket.SOCK_STREAM, listen=True):
        held = socket.socket(socket.AF_INET, kind)
        held.bind((address, self.port if port is None else port))
        if listen:
            held.listen(1024)
        self.held.append(held)
        return held

    def launch(self, names=None, count=None):
        self.log = open(self.log_path, "ab")
        numbers = [held.fileno() for held in self.held]

        def hand_over():
            # Out of the way first: a number that is wanted may be another one's source.
            high = [os.dup(n) for n in numbers]
            high = [os.dup2(n, 100 + i) for i, n in enumerate(high)]
            for i, n in enumerate(high):
                os.dup2(n, 3 + i, inheritable=True)

        env = {**self.env, "LISTEN_FDS": str(len(numbers) if count is None else count)}
        if names is not None:
            env["LISTEN_FDNAMES"] = names
        # The pid is known only after fork: a shell sets the variable and becomes the supervisor.
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", f"LISTEN_PID=$$ exec {LIBEXEC}/postern serve --config {self.config}"], env=env,
            stderr=self.log, stdout=self.log, preexec_fn=hand_over, close_fds=False)
        return self

    def close(self):
        super().close()
        for held in self.held:
            held.close()


@pytest.fixture
def site():
    with Activated(edges=2) as s:
        yield s


def test_every_edge_serves_from_the_sockets_that_were_given(site):
    site.hold()
    site.launch(names="some:more:names")
    wait_for(site.ready, 20)
    assert [(e["name"], e["activated"]) for e in site.doctor()["listeners"]] == [("main", True)]
    served = 0
    for _ in range(40):
        assert site.anonymous("GET", site.portal + "/healthz").status == 200
    for p in site.doctor()["processes"]:
        if p["role"] == "edge":
            served += int(p["status"]["accepted"])
            env = pathlib.Path(f"/proc/{p['pid']}/environ").read_bytes()
            assert b"LISTEN_" not in env and b"NOTIFY_" not in env
    assert served >= 40
    # A reload, and one that adds a listener of its own, leave them as they are.
    site.cli("reload")
    assert site.anonymous("GET", site.portal + "/healthz").status == 200


def test_who_connects_while_the_supervisor_is_away_is_served_by_the_next(site):
    site.hold()
    site.launch()
    wait_for(site.ready, 20)
    for kill in (False, True):
        old = site.process.pid
        if kill:
            site.process.kill()
            site.process.wait()
            site.log.close()
        else:
            assert site.stop() == 0
        with socket.create_connection(("127.0.0.1", site.port), 10):
            site.launch()
            wait_for(site.ready, 20)
            assert site.process.pid != old
        # The kernel accepted this one while nobody was there; TLS begins once somebody is.
        assert site.anonymous("GET", site.portal + "/healthz").status == 200
    waiting = None
    assert site.stop() == 0
    raw = socket.create_connection(("127.0.0.1", site.port), 10)
    site.launch()
    wait_for(site.ready, 20)
    raw.settimeout(20)
    with site.tls.wrap_socket(raw, server_hostname=site.host) as waiting:
        waiting.sendall(f"GET /healthz HTTP/1.1\r\nHost: {site.host}:{site.port}\r\nConnection: close\r\n\r\n".encode())
        assert waiting.recv(100).startswith(b"HTTP/1.1 200")


def test_an_upgrade_keeps_them(site):
    site.hold()
    site.launch()
    wait_for(site.ready, 20)
    pid, edges = site.process.pid, site.pids("edge")
    site.cli("upgrade")
    wait_for(lambda: not set(site.pids("edge")) & set(edges), 30)
    assert site.process.pid == pid and site.process.poll() is None
    assert [(e["name"], e["activated"], e["open"]) for e in site.doctor()["listeners"]] == [("main", True, True)]
    for _ in range(20):
        assert site.anonymous("GET", site.portal + "/healthz").status == 200
    # And they still wait for the next start.
    assert site.stop() == 0
    with socket.create_connection(("127.0.0.1", site.port), 10):
        site.launch()
        wait_for(site.ready, 20)


def test_a_socket_that_no_listener_is_on_is_an_error(site):
    site.hold()
    stray = site.hold(port=0).getsockname()[1]
    site.launch(names="main:stray")
    assert site.process.wait(20) != 0
    log = site.log_path.read_text()
    assert "socket stray of the service manager" in log and f"expected a listener on 127.0.0.1:{stray}" in log, log


@pytest.mark.parametrize("what", [dict(kind=socket.SOCK_DGRAM, listen=False), dict(listen=False)])
def test_what_does_not_listen_for_tcp_is_an_error(site, what):
    site.hold(**what)
    site.launch()
    assert site.process.wait(20) != 0
    assert "socket 1 of the service manager does not listen for TCP connections" in site.log_path.read_text()


def test_a_descriptor_that_is_no_socket_is_an_error(site):
    site.held.append(open("/dev/null"))
    site.launch()
    assert site.process.wait(20) != 0
    assert "socket 1 of the service manager is no socket" in site.log_path.read_text()


def test_a_reload_can_not_take_away_what_the_service_manager_holds(site):
    site.hold()
    site.launch()
    wait_for(site.ready, 20)
    text = site.config.read_text()
    site.config.write_text(text.replace(f"127.0.0.1:{site.port}", f"127.0.0.2:{site.port}"))
    done = site.cli("reload", check=False)
    assert done.returncode != 0 and "of the service manager" in done.stderr, done
    assert site.anonymous("GET", site.portal + "/healthz").status == 200
    site.config.write_text(text)
    site.cli("reload")


def test_a_port_below_1024_needs_no_root(site):
    """The supervisor has left root, or never had it, when it takes the socket."""
    low = next((p for p in range(1023, 900, -1) if _is_free(p)), None)
    if low is None:
        pytest.skip("no privileged port can be bound here")
    site.config.write_text(site.config.read_text().replace(str(site.port), str(low)))
    site.port, site.portal = low, f"https://{site.host}:{low}"
    site.hold()
    site.launch()
    wait_for(site.ready, 20)
    assert site.doctor()["processes"][0]["uid"] != 0 or os.geteuid() != 0
    assert site.anonymous("GET", site.portal + "/healthz").status == 200


def _is_free(port):
    try:
        with socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return True
    except OSError:
        return False


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="needs systemd-socket-activate")
def test_systemds_own_activator_is_understood(site):
    site.log = open(site.log_path, "ab")
    site.process = subprocess.Popen(
        ["systemd-socket-activate", "-l", f"127.0.0.1:{site.port}", "--fdname=main",
         *[f"-E{n}" for n in ("POSTERN_LIBEXEC", "POSTERN_CONFIG")], str(LIBEXEC / "postern"), "serve", "--config",
         str(site.config)], env=site.env, stderr=site.log, stdout=site.log)
    wait_for(site.ready, 20)
    assert site.doctor()["listeners"][0]["activated"]
