"""A console that is reached through the VPN alone: a listener bound to wg0, which a real WireGuard makes.

Three network namespaces: the gateway, a colleague who has the other end of the tunnel, and a neighbour who is
merely on the same network. WireGuard runs in user space (wireguard-go), so that no kernel needs to have it.
"""
import contextlib
import errno
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from network import Network, ip  # noqa: E402
from stack import Connection, Recorder, Stack, wait_for  # noqa: E402

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="networks of their own need root"),
    pytest.mark.skipif(not shutil.which("wireguard-go") or not os.path.exists("/dev/net/tun"),
                       reason="WireGuard in user space needs wireguard-go and /dev/net/tun"),
]

GATEWAY, COLLEAGUE = "10.8.0.1", "10.8.0.2"
PORT, EVERYWHERE, PROXIED = 9443, 9444, 9445

RESOURCES = """
zones:
  vpn: [10.8.0.0/24]
  tunnel: {{interface: wg0, cidrs: [10.8.0.0/24, 192.168.78.0/24]}}
  lan: [192.168.77.0/24, 192.168.78.0/24]
  six: {{interface: lan1, cidrs: ["fd00:77::/64", "fd00:78::/64"]}}
routes:
  tomcat:
    host: tomcat.postern.localhost
    upstream: {upstream}
rules:
  - name: from-the-vpn
    users: ["*"]
    zones: [vpn, lan]
    routes: [tomcat]
    paths: ["/inside/**", /inside, /]
  - name: from-the-tunnel
    users: ["*"]
    zones: [tunnel]
    routes: [tomcat]
"""


class Tunnel:
    """One end of a WireGuard tunnel in a namespace."""

    made = 0

    def __init__(self, network, name, address, directory):
        self.network, self.name, self.address, self.directory = network, name, address, directory
        Tunnel.made += 1
        self.key = directory / f"key{Tunnel.made}"
        self.key.write_bytes(subprocess.run(["wg", "genkey"], check=True, capture_output=True).stdout)
        self.key.chmod(0o600)
        self.public = subprocess.run(["wg", "pubkey"], input=self.key.read_bytes(), check=True,
                                     capture_output=True).stdout.decode().strip()
        self.process = None

    def up(self, other, endpoint, port=51820):
        def run():
            environment = {**os.environ, "WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"}
            self.process = subprocess.Popen(["wireguard-go", "--foreground", self.name], env=environment,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(lambda: ip("link", "show", self.name, check=False).returncode == 0 and
                     os.path.exists(f"/var/run/wireguard/{self.name}.sock"))
            subprocess.run(["wg", "set", self.name, "private-key", str(self.key), "listen-port", str(port), "peer",
                            other.public, "allowed-ips", f"{other.address}/32", "endpoint", f"{endpoint}:{port}"],
                           check=True)
            ip("addr", "add", f"{self.address}/24", "dev", self.name)
            ip("link", "set", self.name, "up")
        self.network.run(run)

    def down(self):
        """The interface goes with the process that made it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.process = None
        wait_for(lambda: self.network.run(ip, "link", "show", self.name, check=False).returncode != 0)


class World:
    def __init__(self, directory):
        self.gateway, self.colleague, self.neighbour = Network(), Network(), Network()
        for i, (here, other) in enumerate((("lan0", self.colleague), ("lan1", self.neighbour))):
            with self.gateway.inside():
                ip("link", "add", here, "type", "veth", "peer", "name", f"{here}p")
                ip("link", "set", f"{here}p", "netns", f"/proc/{os.getpid()}/fd/{other.fd}")
                ip("addr", "add", f"192.168.{77 + i}.1/24", "dev", here)
                ip("addr", "add", f"fd00:{77 + i}::1/64", "dev", here, "nodad")
                ip("link", "set", here, "up")
            with other.inside():
                ip("addr", "add", f"192.168.{77 + i}.2/24", "dev", f"{here}p")
                ip("addr", "add", f"fd00:{77 + i}::2/64", "dev", f"{here}p", "nodad")
                ip("link", "set", f"{here}p", "up")
        self.near = Tunnel(self.gateway, "wg0", GATEWAY, directory)
        self.far = Tunnel(self.colleague, "wgfar0", COLLEAGUE, directory)
        # The neighbour knows the gateway's address in the VPN, and a way that leads to its machine.
        with self.neighbour.inside():
            ip("addr", "add", f"{COLLEAGUE}/32", "dev", "lo")
            ip("route", "add", f"{GATEWAY}/32", "via", "192.168.78.1", "src", COLLEAGUE)
        with self.gateway.inside():
            for knob in ("all", "lan0", "lan1"):
                pathlib.Path(f"/proc/sys/net/ipv4/conf/{knob}/rp_filter").write_text("0")

    def near_up(self):
        self.near.up(self.far, "192.168.77.2")

    def close(self):
        for tunnel in (self.near, self.far):
            if tunnel.process:
                tunnel.down()
        for network in (self.gateway, self.colleague, self.neighbour):
            network.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("keys"))
    w.far.up(w.near, "192.168.77.1")
    with w.gateway.inside():
        yield w
    w.close()


@pytest.fixture(scope="module")
def stack(world):
    upstream = Recorder()
    with Stack(edges=2, extra_yaml=RESOURCES.format(upstream=upstream.url)) as s:
        s.add_listeners(f'{{name: vpn, address: "{GATEWAY}:{PORT}", interface: wg0}}',
                        f'{{name: everywhere, address: "0.0.0.0:{EVERYWHERE}"}}',
                        f'{{name: everywhere6, address: "[::]:{EVERYWHERE}"}}',
                        f'{{name: proxied, address: "0.0.0.0:{PROXIED}", proxy_protocol: v1v2, trusted_proxies: [{COLLEAGUE}]}}')
        s.set_portal_zones("local, vpn, lan, six")
        s.start()
        s.upstream = upstream
        yield s
    upstream.close()


def listener(stack, name="vpn"):
    return next(one for one in stack.doctor()["listeners"] if one["name"] == name)


def reaches(network, source=None, seconds=1, port=PORT):
    """Does a TCP connection to the VPN's address and port come about from there?"""
    def attempt():
        with socket.socket() as s:
            s.settimeout(seconds)
            if source:
                s.bind((source, 0))
            try:
                s.connect((GATEWAY, port))
                return True
            except OSError:
                return False
    return network.run(attempt)


def healthy(stack, network):
    def attempt():
        with Connection(stack, stack.host, to=(GATEWAY, PORT), timeout=5) as c:
            c.send(f"GET /healthz HTTP/1.1\r\nHost: {stack.host}:{PORT}\r\n\r\n".encode())
            return c.read().status == 200
    try:
        return network.run(attempt)
    except (OSError, ssl.SSLError):
        return False


def test_a_service_starts_without_the_interface_and_keeps_its_port(stack, world):
    assert not listener(stack)["open"] and listener(stack)["interface"] == "wg0"
    assert f"does not listen on {GATEWAY}:{PORT}: waits for interface wg0" in stack.cli("doctor")
    assert listener(stack, "main")["open"]
    assert stack.anonymous("GET", stack.portal + "/healthz").status == 200
    for option in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        for address in ("0.0.0.0", GATEWAY):
            with socket.socket() as thief:
                thief.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
                if option:
                    thief.setsockopt(socket.SOL_SOCKET, option, 1)
                with pytest.raises(OSError) as refused:
                    thief.bind((address, PORT))
                    thief.listen(1)
                assert refused.value.errno == errno.EADDRINUSE


def test_a_console_is_reached_through_the_vpn_alone(stack, world):
    world.near_up()
    wait_for(lambda: listener(stack)["open"])
    assert f"listens on {GATEWAY}:{PORT}, interface wg0" in stack.cli("doctor")
    wait_for(lambda: healthy(stack, world.colleague))
    who = stack.user("vera")
    who.way = {"to": (GATEWAY, PORT)}
    answer, at = world.colleague.run(who.open, f"https://tomcat.postern.localhost:{PORT}/inside")
    assert answer.status == 200 and answer.body == b"ok" and at.endswith(":9443/inside"), (at, answer)
    record = wait_for(lambda: [r for r in stack.json("access", "list")["records"] if r["path"] == "/inside"])[0]
    assert record["source"] == COLLEAGUE and record["rule"] == "from-the-vpn", record


def console(stack, who, network, port, path, to=GATEWAY, **way):
    """The status of the console's answer to somebody who has logged in on this port."""
    who.way = {"to": (to, port), **way}
    return network.run(who.get, f"https://tomcat.postern.localhost:{port}{path}").status


def test_a_zone_of_an_interface_holds_whoever_comes_in_there(stack, world):
    """On a listener that is open to all of them, where the address alone would tell nothing."""
    who = stack.user("zoe")
    who.way = {"to": (GATEWAY, EVERYWHERE)}
    answer, _ = world.colleague.run(who.open, f"https://tomcat.postern.localhost:{EVERYWHERE}/inside")
    assert answer.status == 200, answer
    assert console(stack, who, world.colleague, EVERYWHERE, "/tunnel") == 200
    # The neighbour is at an address of the zone too, has the session, and comes by another interface.
    assert console(stack, who, world.neighbour, EVERYWHERE, "/inside", to="192.168.78.1") == 200
    assert console(stack, who, world.neighbour, EVERYWHERE, "/tunnel", to="192.168.78.1") == 403
    assert console(stack, who, world.neighbour, EVERYWHERE, "/tunnel", source="192.168.78.2") == 403
    denied = wait_for(lambda: [r for r in stack.json("access", "list")["records"]
                               if r["path"] == "/tunnel" and r["outcome"] == "denied"])[0]
    assert denied["source"] == "192.168.78.2", denied


def test_the_interface_is_known_of_ipv6_connections_too(stack, world):
    """Nothing else admits these addresses: without a zone a connection is closed before TLS."""
    def ask(address):
        return subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", "--cacert",
                               str(stack.state / "tls/ca.crt"), "--resolve", f"{stack.host}:{EVERYWHERE}:[{address}]",
                               f"https://{stack.host}:{EVERYWHERE}/healthz"], capture_output=True, text=True).stdout
    wait_for(lambda: world.neighbour.run(ask, "fd00:78::1") == "200")
    assert world.colleague.run(ask, "fd00:77::1") == "000"


def test_a_zone_of_an_interface_holds_nobody_whom_a_proxy_names(stack, world):
    """The proxy comes by the tunnel; by which way its clients came nobody knows."""
    who = stack.user("paul")
    who.way = {"to": (GATEWAY, PROXIED), "preface": b"PROXY TCP4 10.8.0.77 10.8.0.1 4711 443\r\n"}
    answer, _ = world.colleague.run(who.open, f"https://tomcat.postern.localhost:{PROXIED}/inside")
    assert answer.status == 200, answer
    assert console(stack, who, world.colleague, PROXIED, "/tunnel", preface=who.way["preface"]) == 403


def test_the_explanation_knows_the_interface(stack, world):
    stack.user("erik")
    for words, verdict in (((), "deny"), (("--interface", "wg0"), "allow"), (("--interface", "lan1"), "deny")):
        told = stack.json("explain", "--user", "erik", "--source", COLLEAGUE, "--route", "tomcat", "--path", "/tunnel", *words)
        assert told["verdict"] == verdict, (words, told)
        assert ("tunnel" in told["zones"]) == (verdict == "allow"), told


def test_the_same_address_by_another_interface_is_not_answered(stack, world):
    """The neighbour even has the colleague's address: packets arrive, and nobody takes them."""
    assert reaches(world.colleague)
    assert not reaches(world.neighbour, COLLEAGUE)
    assert not reaches(world.neighbour, "192.168.78.2")
    # It is the interface that decides, and not the way there.
    with world.gateway.inside(), socket.socket() as other:
        other.bind((GATEWAY, 0))
        other.listen(1)
        assert reaches(world.neighbour, "192.168.78.2", port=other.getsockname()[1])


def test_it_closes_with_the_interface_and_opens_again_with_another_of_its_name(stack, world):
    edges = stack.pids("edge")
    with contextlib.ExitStack() as open_ones:
        other = open_ones.enter_context(Connection(stack, stack.host))
        for _ in range(2):
            world.near.down()
            wait_for(lambda: not listener(stack)["open"])
            assert not reaches(world.colleague, seconds=1) and not reaches(world.neighbour, COLLEAGUE, seconds=1)
            other.send(f"GET /healthz HTTP/1.1\r\nHost: {stack.host}:{stack.port}\r\n\r\n".encode())
            assert other.read().status == 200
            world.near_up()
            wait_for(lambda: listener(stack)["open"])
            # Each edge has the new socket: the kernel spreads connections over both.
            for _ in range(8):
                wait_for(lambda: healthy(stack, world.colleague))
            assert not reaches(world.neighbour, COLLEAGUE, seconds=1)
    assert stack.pids("edge") == edges


def test_an_edge_that_is_started_again_serves_it_too(stack, world):
    before = stack.pids("edge")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(stack.pids("edge")) == 2 and not set(before) & set(stack.pids("edge")))
    for _ in range(8):
        wait_for(lambda: healthy(stack, world.colleague))


def test_an_upgrade_keeps_it_with_and_without_its_interface(stack, world):
    stack.cli("upgrade")
    wait_for(lambda: healthy(stack, world.colleague))
    world.near.down()
    wait_for(lambda: not listener(stack)["open"])
    stack.cli("upgrade")
    with world.gateway.inside(), socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError):
            thief.bind(("0.0.0.0", PORT))
            thief.listen(1)
    world.near_up()
    wait_for(lambda: listener(stack)["open"])
    wait_for(lambda: healthy(stack, world.colleague))


def test_a_reload_moves_a_listener_to_the_interface_and_away(stack, world):
    text = stack.config.read_text()
    stack.config.write_text(text.replace('", interface: wg0', '"'))
    stack.cli("reload")
    assert reaches(world.neighbour, "192.168.78.2")
    stack.config.write_text(text)
    stack.cli("reload")
    wait_for(lambda: listener_states(stack) == {("main", ""): True, ("vpn", "wg0"): True, ("vpn", ""): False,
                                               ("everywhere", ""): True, ("everywhere6", ""): True, ("proxied", ""): True})
    wait_for(lambda: healthy(stack, world.colleague))
    assert not reaches(world.neighbour, COLLEAGUE)


def listener_states(stack):
    return {(one["name"], one.get("interface", "")): one["open"] for one in stack.doctor()["listeners"]}
