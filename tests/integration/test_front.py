"""Behind real nginx and HAProxy on 443, as examples/in-front sets them up.

All of it is in a network namespace: the proxy is 10.99.0.1, postern 10.99.0.2, clients have addresses of
their own.
"""
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from network import Network, ip  # noqa: E402
from stack import TOP, Connection, Recorder, Stack, wait_for  # noqa: E402
from test_proxy import IDENTITY  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network and port 443 of its own need root")

FRONT, GATEWAY = "10.99.0.1", "10.99.0.2"
OFFICE, PLANT, OUTSIDE = "10.20.0.7", "10.30.0.9", "192.0.2.9"
PORT = 9443
HOST = "postern.localhost"
CONSOLE = f"tomcat.{HOST}"

RESOURCES = """
zones:
  office: [10.20.0.0/16]
  plant: [10.30.0.0/16]
routes:
  tomcat:
    host: tomcat.postern.localhost
    upstream: {upstream}
rules:
  - name: from-the-office
    users: ["*"]
    zones: [office]
    routes: [tomcat]
  - name: from-the-plant
    users: ["*"]
    zones: [plant]
    routes: [tomcat]
    paths: ["/line/**"]
"""


class Front:
    """One of the examples, with the addresses of the test."""

    def __init__(self, example, keys, change=None):
        self.example, self.keys, self.change = example, keys, change
        self.reencrypts = "reencrypt" in example

    def start(self, stack):
        self.dir = stack.dir / "front"
        self.dir.mkdir()
        tls = stack.state / "tls"
        for name, source in (("gw.crt", "server.crt"), ("gw.key", "server.key"), ("ca.crt", "ca.crt")):
            shutil.copy(tls / source, self.dir / name)
        (self.dir / "gw.pem").write_text((self.dir / "gw.crt").read_text() + (self.dir / "gw.key").read_text())
        text = (TOP / "examples/in-front" / self.example).read_text()
        for old, new in (("10.1.0.2", FRONT), ("10.1.0.5", GATEWAY), ("gw.example.com", HOST),
                         ("/etc/nginx", str(self.dir)), ("/etc/haproxy", str(self.dir)), *(self.change or ())):
            assert old in text or not (self.change and (old, new) in self.change), old
            text = text.replace(old, new)
        config = self.dir / "config"
        log = open(self.dir / "log", "wb")
        if self.example.endswith(".conf"):
            modules = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
            head = f"load_module {modules};\n" if "stream {" in text else ""
            logs = f"error_log {self.dir}/log info;\npid {self.dir}/pid;\ndaemon off;\nevents {{}}\n"
            # Places that only root's nginx would find writable.
            temp = "".join(f"    {kind}_temp_path {self.dir}/{kind};\n"
                           for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            text = text.replace("http {\n", f"http {{\n    access_log off;\n{temp}")
            config.write_text(head + logs + text)
            words = ["nginx", "-p", str(self.dir), "-c", str(config)]
        else:
            config.write_text(text)
            words = ["haproxy", "-db", "-f", str(config)]
        self.process = subprocess.Popen(words, stdout=log, stderr=log)
        wait_for(self.up)

    def up(self):
        assert self.process.poll() is None, (self.dir / "log").read_text()
        try:
            socket.create_connection((FRONT, 443), 5).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


PASS_V1V2 = "proxy_protocol: v1v2"
FRONTS = {
    "nginx-v1": Front("nginx-passthrough.conf", PASS_V1V2),
    "haproxy-v2": Front("haproxy-passthrough.cfg", PASS_V1V2),
    "haproxy-v1": Front("haproxy-passthrough.cfg", PASS_V1V2,
                        [("send-proxy-v2 check check-send-proxy", "send-proxy")]),
    "haproxy-v2-crc": Front("haproxy-passthrough.cfg", PASS_V1V2,
                            [("send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,authority,unique-id")]),
    "nginx-http": Front("nginx-reencrypt.conf", "forwarded: x-forwarded-for"),
    "haproxy-forwarded": Front("haproxy-reencrypt.cfg", "forwarded: forwarded"),
    # One connection for everybody, with a stream for each request.
    "haproxy-http2": Front("haproxy-reencrypt.cfg", "forwarded: forwarded, http2: true",
                           [("check ssl verify", "check alpn h2 check-alpn http/1.1 ssl verify"),
                            ("    mode http\n", "    mode http\n    http-reuse always\n")]),
    "haproxy-forwardfor": Front("haproxy-reencrypt.cfg", "forwarded: x-forwarded-for",
                                [("http-request set-header Forwarded for=%[src] if { src 0.0.0.0/0 }",
                                  "option forwardfor"),
                                 ('http-request set-header Forwarded for=\\"[%[src]]\\" if !{ src 0.0.0.0/0 }', "")]),
}


@pytest.fixture(scope="module")
def network():
    net = Network()
    with net.inside():
        for address in (FRONT, GATEWAY, OFFICE, PLANT, OUTSIDE):
            ip("addr", "add", f"{address}/32", "dev", "lo")
        # The kernel would connect to an address of its own from that very address.
        ip("route", "replace", "local", GATEWAY, "dev", "lo", "table", "local", "proto", "kernel", "scope", "host",
           "src", FRONT)
        yield net
    net.close()


# The others differ in what the decoder's unit tests cover.
LONG = {"haproxy-v2-crc"} if not os.environ.get("POSTERN_LONG") else set()


@pytest.fixture(scope="module", params=[name for name in FRONTS if name not in LONG])
def site(request, network):
    front = FRONTS[request.param]
    upstream = Recorder()
    with Stack(edges=2, extra_yaml=RESOURCES.format(upstream=upstream.url)) as s:
        text = s.config.read_text()
        main = f'  - {{name: main, address: "127.0.0.1:{s.port}"}}\n'
        assert main in text
        text = text.replace(main, main.replace("}", ", portal: false}") +
                            f'  - {{name: front, address: "{GATEWAY}:{PORT}", public_port: 443, '
                            f'trusted_proxies: [{FRONT}], {front.keys}}}\n')
        s.config.write_text(text.replace("zones: [local]", "zones: [local, office, plant]", 1))
        s.ready = lambda: s.process.poll() is None and s.cli("doctor", check=False).returncode == 0
        s.start()
        front.start(s)
        s.front, s.upstream = front, upstream
        try:
            yield s
        finally:
            front.stop()
            upstream.close()


def person(site, name, source=OFFICE):
    who = site.user(name)
    who.way = {"source": source, "to": (FRONT, 443)}
    return who


def entered(site, name, source=OFFICE, path="/"):
    who = person(site, name, source)
    answer, at = who.open(f"https://{CONSOLE}{path}")
    assert answer.status == 200 and answer.body == b"ok" and at == f"https://{CONSOLE}{path}", (at, answer)
    return who


def record(site, path):
    return wait_for(lambda: [r for r in site.json("access", "list")["records"] if r["path"] == path])[0]


def test_login_console_and_portal_know_no_other_port_than_443(site):
    who = person(site, "olga")
    url, seen = f"https://{CONSOLE}/welcome", []
    answer = who.get(url)
    while answer.status == 303:
        seen.append(answer.get("location"))
        answer = who.get(seen[-1])
    assert answer.status == 200 and 'name="password"' in answer.text, answer
    answer, at = who.open(url)
    assert answer.status == 200 and answer.body == b"ok" and at == url, (at, answer)
    assert who.get(f"https://{HOST}/").status == 200
    tiles = who.request("GET", f"https://{HOST}/api/v1/me/consoles", navigate=False, headers=[("Sec-Fetch-Site", "same-origin")])
    assert tiles.status == 200 and f'"https://{CONSOLE}/"' in tiles.text, tiles.text
    assert all("9443" not in text for text in [*seen, tiles.text]), (seen, tiles.text)
    head = site.upstream.requests[-1] + b"\r\n"
    assert f"Host: {CONSOLE}\r\n".encode() in head and b"X-Forwarded-Port: 443\r\n" in head
    assert f"X-Forwarded-For: {OFFICE}\r\n".encode() in head
    said = record(site, "/welcome")
    assert said["source"] == OFFICE, said
    assert {s["source"] for s in site.json("session", "list")["sessions"] if s["user"] == "olga"} == {OFFICE}


def test_zones_judge_each_client_by_his_own_address(site):
    who = entered(site, "petra")
    who.way["source"] = PLANT
    assert who.get(f"https://{CONSOLE}/line/1").status == 200
    assert who.get(f"https://{CONSOLE}/office").status == 403
    assert record(site, "/office")["source"] == PLANT
    who.way["source"] = OUTSIDE
    if site.front.reencrypts:
        assert who.get(f"https://{CONSOLE}/line/1").status == 403
        assert who.get(f"https://{HOST}/login").status == 403
    else:
        with pytest.raises((ssl.SSLError, OSError)):
            who.get(f"https://{CONSOLE}/line/1")


def test_clients_who_share_a_connection_of_the_proxy_stay_apart(site):
    """Two places at once, request by request: what one may is not what the other may."""
    who = entered(site, "gerd")
    cookie = "; ".join(f"{k}={v}" for k, v in who.jar[CONSOLE].items())

    def ask(c, path):
        c.send(f"GET {path} HTTP/1.1\r\nHost: {CONSOLE}\r\nCookie: {cookie}\r\nSec-Fetch-Site: none\r\n\r\n".encode())
        return c.read().status
    with Connection(site, CONSOLE, 443, source=OFFICE, to=(FRONT, 443)) as office, \
            Connection(site, CONSOLE, 443, source=PLANT, to=(FRONT, 443)) as plant:
        for _ in range(20):
            assert (ask(office, "/apart"), ask(plant, "/apart"), ask(plant, "/line/1"), ask(office, "/line/1")) == \
                (200, 403, 200, 200)
    edges = [p["status"] for p in site.doctor()["processes"] if p["role"] == "edge"]
    if "http2" in site.front.keys:
        assert sum(int(e["h2_streams"]) for e in edges) >= 80 > sum(int(e["accepted"]) for e in edges), edges


def test_what_a_client_says_about_his_place_changes_nothing(site):
    who = entered(site, "sven")
    before = len(site.upstream.requests)
    who.way["source"] = OUTSIDE
    for headers in ([("X-Forwarded-For", OFFICE)], [("Forwarded", f"for={OFFICE}")],
                    [("X-Forwarded-For", OFFICE), ("X-Forwarded-For", OFFICE), ("X-Real-IP", OFFICE)],
                    [("Forwarded", f'for={OFFICE};host="'), ("X-Forwarded-For", "")]):
        try:
            assert who.get(f"https://{CONSOLE}/spoof", headers=headers).status == 403, headers
        except (ssl.SSLError, OSError):
            assert not site.front.reencrypts
    assert len(site.upstream.requests) == before
    # And from inside, where he may come in, his word about himself is not handed on.
    who.way["source"] = OFFICE
    got = who.get(f"https://{CONSOLE}/word", headers=[("X-Forwarded-For", "198.51.100.1"),
                                                      ("Forwarded", "for=198.51.100.1")])
    assert got.status == 200 and b"198.51.100.1" not in site.upstream.requests[-1]
    assert record(site, "/word")["source"] == OFFICE


def test_around_the_proxy_nobody_is_believed(site):
    """Straight to the listener, with everything that the proxy would say."""
    who = entered(site, "udo")
    before = len(site.upstream.requests)
    cookie = "; ".join(f"{k}={v}" for k, v in who.jar[CONSOLE].items())
    request = (f"GET /around HTTP/1.1\r\nHost: {CONSOLE}\r\nCookie: {cookie}\r\nSec-Fetch-Site: none\r\n"
               f"X-Forwarded-For: {OFFICE}\r\nForwarded: for={OFFICE}\r\n\r\n").encode()
    for preface in (b"", f"PROXY TCP4 {OFFICE} {GATEWAY} 4711 443\r\n".encode()):
        with pytest.raises((ssl.SSLError, OSError)):
            with Connection(site, CONSOLE, source=OUTSIDE, to=(GATEWAY, PORT), preface=preface) as c:
                c.send(request)
                c.read()
    assert len(site.upstream.requests) == before


def test_a_proxy_of_another_machine_does_not_make_somebody_local(site):
    """From the proxy's own address: what it calls loopback is its own machine, and not the zone local."""
    for loopback in ("127.0.0.1", "127.5.0.1", "::1", "::ffff:127.0.0.1"):
        request = (f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: {loopback}\r\n"
                   f"Forwarded: for=\"{loopback if '.' in loopback and ':' not in loopback else f'[{loopback}]'}\"\r\n\r\n")
        family = "TCP6" if ":" in loopback else "TCP4"
        preface = b"" if site.front.reencrypts else \
            f"PROXY {family} {loopback} {'::1' if family == 'TCP6' else GATEWAY} 4711 443\r\n".encode()
        try:
            with Connection(site, HOST, source=FRONT, to=(GATEWAY, PORT), preface=preface) as c:
                c.send(request.encode())
                got = c.read()
            assert site.front.reencrypts and got.status == 400, (loopback, got)
        except (ssl.SSLError, OSError):
            assert not site.front.reencrypts, loopback


def test_no_spelling_of_an_identity_header_reaches_the_console_through_the_proxy(site):
    who = entered(site, "ines")
    cookie = "; ".join(f"{k}={v}" for k, v in who.jar[CONSOLE].items())
    names = [*IDENTITY, "X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port"]
    with Connection(site, CONSOLE, 443, **who.way) as c:
        for name in names:
            for spelling in sorted({name, name.lower(), name.upper(), name.replace("-", "_"), name.replace("-", ".")}):
                c.send((f"GET /matrix HTTP/1.1\r\nHost: {CONSOLE}\r\nCookie: {cookie}\r\nSec-Fetch-Site: none\r\n"
                        f"{spelling}: 198.51.100.66\r\n{spelling}: 198.51.100.66\r\n\r\n").encode())
                got = c.read()
                assert got.status == 200, (spelling, got)
                assert b"198.51.100.66" not in site.upstream.requests[-1], spelling


def test_a_session_of_the_public_port_is_good_on_that_port_only(site):
    who = entered(site, "vera")
    cookie = "; ".join(f"{k}={v}" for k, v in who.jar[CONSOLE].items())
    with Connection(site, CONSOLE, 443, **who.way) as c:
        for host, status in ((CONSOLE, 200), (f"{CONSOLE}:{PORT}", 401), (f"{CONSOLE}:444", 401)):
            c.send((f"GET /host HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nSec-Fetch-Site: none\r\n\r\n").encode())
            got = c.read()
            assert got.status == status, (host, got)


def test_the_proxy_sees_that_the_service_lives(site):
    if "check" not in (site.front.dir / "config").read_text():
        pytest.skip("this one does not ask")
    log = (site.front.dir / "log").read_text()
    assert not re.search(r"is DOWN", log), log
