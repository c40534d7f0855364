"""Consoles behind TLS: who is believed, who is not, and what goes wrong on the way."""
import json
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

import edge_alone
import pki
import stack as harness
from consoles import TlsConsole
from pki import pin_of

wait_for = harness.wait_for
NAME = "console.internal"


@pytest.fixture(scope="module")
def good(authority):
    return authority.issue(NAME, "127.0.0.1")


@pytest.fixture
def run():
    made = []

    def start(console, route, url=None, **more):
        edge = edge_alone.Edge(console.port, route=route, urls=url or console.url, **more)
        edge.keeper.person()
        made.append((edge, console))
        return edge
    yield start
    for edge, console in made:
        dead = edge.process.poll()
        edge.close()
        console.close()
        assert dead is None


def said(edge):
    return "".join(edge.keeper.upstreams)


def test_a_console_with_a_certificate_of_its_authority_is_reached(run, authority, good):
    console = TlsConsole(good)
    edge = run(console, authority.yaml())
    answer = edge.ask()
    assert (answer.status, answer.body) == (200, b"ok")
    assert console.handshakes[0]["version"] == "TLSv1.3" and console.handshakes[0]["alpn"] == "http/1.1"
    # An address is no server name.
    assert console.names == [None]
    wait_for(lambda: "app\tup\t\thttps://127.0.0.1" in said(edge))


def test_a_connection_is_used_again_and_the_next_one_resumes(run, authority, good):
    console = TlsConsole(good)
    edge = run(console, authority.yaml(), limits="upstream_idle: 1s")
    with edge.connect() as c:
        for _ in range(5):
            c.send(edge.head())
            assert c.read().status == 200
    assert console.connections == 1
    wait_for(lambda: "open=0" in edge.status()["upstream.app"])
    assert edge.ask().status == 200
    assert [h["resumed"] for h in console.handshakes] == [False, True]


def test_tls_1_2_is_spoken_with_an_older_console(run, authority, good):
    def old(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    console = TlsConsole(good, prepare=old)
    edge = run(console, authority.yaml())
    assert edge.ask().status == 200
    assert console.handshakes[0]["version"] == "TLSv1.2"


def test_a_pin_alone_suffices_for_a_self_signed_certificate(run, tmp_path):
    pair = pki.self_signed(tmp_path)
    console = TlsConsole(pair)
    edge = run(console, f", upstream_pin: [{pin_of(pair[0])!r}]")
    assert edge.ask().status == 200


def test_one_of_several_pins_suffices_so_that_keys_can_change(run, tmp_path):
    old, new = pki.self_signed(tmp_path), pki.self_signed(tmp_path)
    console = TlsConsole(new)
    edge = run(console, f", upstream_pin: [{pin_of(old[0])!r}, {pin_of(new[0])!r}]")
    assert edge.ask().status == 200


def test_another_key_than_the_pinned_one_is_502_and_told_with_what_was_seen(run, tmp_path, capfd):
    expected, found = pki.self_signed(tmp_path), pki.self_signed(tmp_path)
    console = TlsConsole(found)
    edge = run(console, f", upstream_pin: [{pin_of(expected[0])!r}]")
    answer = edge.ask("/secret", extra="Accept: application/json\r\n")
    assert answer.status == 502 and json.loads(answer.body)["error"] == "pin_mismatch"
    assert b"another key" in answer.body and b"127.0.0.1" not in answer.body and b"sha256" not in answer.body
    wait_for(lambda: f"app\tdown\tpin_mismatch, seen {pin_of(found[0])}\t{console.url}" in said(edge))
    assert "pin_mismatch" in edge.status()["upstream.app"]
    assert console.bytes == b""
    log = capfd.readouterr().err
    assert re.search(rf"error upstream_refused route=app upstream=\S+{console.port}\S* why=pin_mismatch "
                     rf"seen=\S*{re.escape(pin_of(found[0]))}", log), log
    assert edge.keeper.find(outcome=6)["status"] == 502


def test_with_authorities_and_pins_both_must_hold(run, authority, good, tmp_path):
    other = authority.issue(NAME, "127.0.0.1")
    strict = authority.yaml() + f", upstream_pin: [{pin_of(good[0])!r}]"
    for pair, status, detail in ((good, 200, None), (other, 502, "pin_mismatch"),
                                 (pki.self_signed(tmp_path, NAME), 502, "certificate")):
        edge = run(TlsConsole(pair), strict)
        answer = edge.ask(extra="Accept: application/json\r\n")
        assert answer.status == status
        assert detail is None or json.loads(answer.body)["error"] == detail


@pytest.mark.parametrize("case", ["expired", "wrong name", "wrong authority", "self-signed", "for clients",
                                  "no authority at all"])
def test_a_certificate_that_is_not_good_is_refused(run, authority, good, tmp_path, case):
    pair, route, why = good, authority.yaml(), ""
    other = pki.Authority("Somebody else")
    try:
        if case == "expired":
            pair, why = authority.issue(NAME, "127.0.0.1", days=0), "expired"
        elif case == "wrong name":
            pair, why = authority.issue("other.internal", "127.0.0.2"), "IP address mismatch"
        elif case == "wrong authority":
            pair, why = other.issue(NAME, "127.0.0.1"), "unable to get"
        elif case == "self-signed":
            pair, why = pki.self_signed(tmp_path, NAME), "self-signed"
        elif case == "for clients":
            pair, why = authority.issue(NAME, "127.0.0.1", usage="clientAuth"), "purpose"
        elif case == "no authority at all":
            pair, route = good, f", upstream_ca: {json.dumps(other.pem)}"
        console = TlsConsole(pair)
        edge = run(console, route)
        answer = edge.ask(extra="Accept: application/json\r\n")
        assert answer.status == 502 and json.loads(answer.body)["error"] == "certificate"
        wait_for(lambda: "app\tdown" in said(edge))
        assert why in said(edge) and console.bytes == b""
    finally:
        other.close()


def test_the_name_to_verify_and_the_name_to_ask_for_are_set_apart(run, authority):
    pair = authority.issue("inner.internal")
    console = TlsConsole(pair)
    edge = run(console, authority.yaml() + ", upstream_name: inner.internal, upstream_sni: front.internal")
    assert edge.ask().status == 200
    assert console.names == ["front.internal"]


def jetty(console, sock, head, data):
    """Refuses what was not meant for the name that the handshake asked for, as Jetty does."""
    host = re.search(rb"(?im)^host: *([^\r:]+)", head)[1].decode()
    if console.names[-1] != host:
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 11\r\n\r\nInvalid SNI")
    else:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    return data


def test_a_console_that_compares_host_with_the_server_name_is_satisfied_by_a_fixed_host(run, authority):
    console = TlsConsole(authority.issue(NAME), handler=jetty)
    edge = run(console, authority.yaml() + f", host_header: {NAME}, upstream_name: {NAME}")
    assert edge.ask().status == 200 and console.names == [NAME]
    other = TlsConsole(authority.issue(NAME), handler=jetty)
    edge = run(other, authority.yaml() + f", upstream_name: {NAME}")
    answer = edge.ask()
    assert (answer.status, answer.body) == (400, b"Invalid SNI")


def test_a_console_of_tls_1_0_alone_is_refused(run, authority, good):
    port = harness.free_port()
    server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", good[0], "-key", good[1],
                               "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-quiet", "-www"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_open(port))

        class Place:
            url = f"https://127.0.0.1:{port}"

            def close(self):
                pass
        place = Place()
        place.port = port
        edge = run(place, authority.yaml())
        answer = edge.ask(extra="Accept: application/json\r\n")
        assert answer.status == 502 and json.loads(answer.body)["error"] == "tls"
    finally:
        server.kill()
        server.wait()


def is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Rude(harness.Recorder):
    """Accepts and then does something else than a handshake."""

    def __init__(self, deed):
        self.deed = deed
        super().__init__()

    def _serve(self, sock):
        try:
            sock.settimeout(20)
            self.deed(sock)
        except OSError:
            pass
        finally:
            sock.close()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hello_then(deed):
    def act(sock):
        sock.recv(4096)
        deed(sock)
    return act


def cut_hello(pair, at, then=lambda sock: None):
    """A real server's handshake, of which only so many bytes arrive."""
    def act(sock):
        context = pki.server_context(pair)
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(into, out, server_side=True)
        into.write(sock.recv(4096))
        try:
            server.do_handshake()
        except ssl.SSLWantReadError:
            pass
        sock.sendall(out.read()[:at])
        then(sock)
    return act


@pytest.mark.parametrize("deed", [lambda sock: None, reset, hello_then(lambda sock: None), hello_then(reset),
                                  lambda sock: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
                                  hello_then(lambda sock: sock.sendall(b"\x15\x03\x03\x00\x02\x02\x28")),
                                  hello_then(lambda sock: sock.sendall(b"\x16\x03\x03\xff\xff" + b"\x00" * 70000)),
                                  hello_then(lambda sock: sock.sendall(bytes(range(256)) * 64))],
                         ids=["closes", "resets", "closes after the hello", "resets after the hello", "speaks HTTP",
                              "sends an alert", "sends a record that is too long", "sends garbage"])
def test_a_handshake_that_fails_is_502(run, authority, deed):
    edge = run(Rude(deed), authority.yaml())
    answer = edge.ask(extra="Accept: application/json\r\n")
    # One that resets at once may do so before the handshake has begun.
    assert answer.status == 502 and json.loads(answer.body)["error"] in ("tls", "connect")
    assert edge.status()["exchanges_open"] == "0"


@pytest.mark.parametrize("at", [1, 5, 6, 60, 130, 200, 400, 700])
def test_a_handshake_cut_anywhere_is_502(run, authority, good, at):
    edge = run(Rude(cut_hello(good, at)), authority.yaml())
    assert edge.ask().status == 502


@pytest.mark.parametrize("deed", [lambda sock: time.sleep(8), hello_then(lambda sock: time.sleep(8))],
                         ids=["at once", "after the hello"])
def test_a_handshake_that_hangs_ends_with_the_connect_timeout(run, authority, deed):
    edge = run(Rude(deed), authority.yaml() + ", connect_timeout: 1s")
    began = time.monotonic()
    answer = edge.ask(extra="Accept: application/json\r\n")
    assert answer.status == 504 and json.loads(answer.body)["error"] == "connect_timeout"
    assert time.monotonic() - began < 6


def test_a_handshake_in_single_bytes_succeeds(run, authority, good):
    """A proxy between both that hands on one byte at a time."""
    console = TlsConsole(good)

    def slowly(sock):
        with socket.create_connection(("127.0.0.1", console.port)) as up:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def back():
                while data := up.recv(65536):
                    for i in range(len(data)):
                        sock.sendall(data[i:i + 1])
            threading.Thread(target=back, daemon=True).start()
            while data := sock.recv(65536):
                up.sendall(data)
    edge = run(Rude(slowly), authority.yaml())
    assert edge.ask().status == 200
    console.close()


def cut(edge):
    """Does the answer look cut to a client that knows its framing and TLS?"""
    with edge.connect() as c:
        c.sock.suppress_ragged_eofs = False
        c.send(edge.head())
        try:
            return not c.read().complete
        except (ConnectionError, ssl.SSLError):
            return True


def until_close(notify):
    def handler(_, sock, head, data):
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        if notify:
            try:
                sock.unwrap()
            except (OSError, ssl.SSLError):
                pass
        return None
    return handler


def test_a_body_until_close_is_complete_only_with_close_notify(run, authority, good):
    edge = run(TlsConsole(good, handler=until_close(True)), authority.yaml())
    answer = edge.ask()
    assert (answer.status, answer.body) == (200, b"half of it")
    edge = run(TlsConsole(good, handler=until_close(False)), authority.yaml())
    assert cut(edge)
    assert edge.keeper.find(outcome=6)["status"] == 200


@pytest.mark.parametrize("lie", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
                                 b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"],
                         ids=["length", "chunk"])
def test_a_console_that_lies_about_the_length_never_looks_complete(run, authority, good, lie):
    def handler(_, sock, head, data):
        sock.sendall(lie)
        try:
            sock.unwrap()
        except (OSError, ssl.SSLError):
            pass
        return None
    edge = run(TlsConsole(good, handler=handler), authority.yaml())
    assert cut(edge)
    assert edge.keeper.find(outcome=6)["status"] == 200


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                                    b""], ids=["garbage", "two lengths", "nothing"])
def test_an_answer_that_is_none_is_502(run, authority, good, answer):
    def handler(_, sock, head, data):
        sock.sendall(answer)
        return None
    edge = run(TlsConsole(good, handler=handler), authority.yaml())
    assert edge.ask().status == 502


def test_an_early_answer_to_an_upload_is_passed_on(run, authority, good):
    def handler(_, sock, head, data):
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        time.sleep(0.3)
        return None
    edge = run(TlsConsole(good, handler=handler), authority.yaml())
    with edge.connect() as c:
        c.send(edge.head("POST", extra="Content-Length: 50000000\r\n") + b"x" * 100000)
        answer = c.read(method="POST")
    assert (answer.status, answer.body) == (413, b"big")


def test_large_bodies_cross_unchanged_in_both_directions(run, authority, good):
    size = 12 * 1024 * 1024

    def echo(_, sock, head, data):
        while len(data) < size:
            more = sock.recv(1 << 20)
            if not more:
                return None
            data += more
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        sock.sendall(data)
        return b""
    edge = run(TlsConsole(good, handler=echo), authority.yaml())
    body = bytes(range(251)) * (size // 251 + 1)
    body = body[:size]
    with edge.connect() as c:
        c.send(edge.head("POST", extra=f"Content-Length: {size}\r\n") + body)
        answer = c.read(method="POST")
    assert answer.status == 200 and answer.body == body


def test_an_idle_connection_that_says_something_is_not_used_again(run, authority, good):
    def chatty(console, sock, head, data):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        time.sleep(0.2)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
        return data
    console = TlsConsole(good, handler=chatty)
    edge = run(console, authority.yaml())
    for _ in range(3):
        assert edge.ask().body == b"ok"
        time.sleep(0.4)
    assert console.connections == 3


class Nginx:
    """A real nginx behind TLS that asks for a certificate of one authority."""

    def __init__(self, directory, pair, authority, protocols="TLSv1.3"):
        self.port, self.dir = harness.free_port(), directory
        (directory / "nginx.conf").write_text(f"""
daemon off; pid {directory}/pid; error_log {directory}/error.log info; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {directory}/a; proxy_temp_path {directory}/b;
  fastcgi_temp_path {directory}/c; uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  server {{
    listen 127.0.0.1:{self.port} ssl; ssl_certificate {pair[0]}; ssl_certificate_key {pair[1]};
    ssl_protocols {protocols}; ssl_client_certificate {authority.cert}; ssl_verify_client on;
    location / {{ return 200 "$ssl_client_s_dn $ssl_protocol"; }}
  }}
}}
""")
        self.process = subprocess.Popen(["nginx", "-c", str(directory / "nginx.conf")], stderr=subprocess.DEVNULL)
        wait_for(lambda: is_open(self.port))

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def close(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def gateway(authority):
    return authority.issue(usage="clientAuth", subject="gateway")


def test_a_console_is_shown_a_certificate_whose_key_the_edge_does_not_have(run, authority, good, gateway, tmp_path):
    edge = run(Nginx(tmp_path, good, authority), authority.yaml() + ", upstream_certificate: gateway",
               clients={"gateway": gateway}, limits="upstream_idle: 1s")
    for _ in range(3):
        answer = edge.ask()
        assert (answer.status, answer.body) == (200, b"CN=gateway TLSv1.3")
    wait_for(lambda: "open=0" in edge.status()["upstream.app"])
    assert edge.ask().status == 200
    # The signer is another one, and knows the key under another handle.
    signed = int(edge.status()["signed"])
    edge.signer.kill()
    edge.signer.wait()
    control, theirs = edge_alone.ipcwire.Wire.pair()
    edge.signer_control.close()
    edge.signer_control = control
    edge.signer = edge_alone.child([harness.BUILD / "src/signer/postern-signer", "--tls-dir", edge.dir / "tls",
                                    "--sandbox", "best", "--client", "gateway"], theirs)
    theirs.close()
    control.expect("ready")
    edge.link_signer()
    wait_for(lambda: "open=0" in edge.status()["upstream.app"])
    edge.route += ", connect_timeout: 4s"
    assert edge.commit()[0] == 1
    assert edge.ask().status == 200
    assert int(edge.status()["signed"]) > 0 and signed > 0


def test_a_console_that_wants_a_certificate_and_is_shown_none_says_so(run, authority, good, tmp_path):
    edge = run(Nginx(tmp_path, good, authority), authority.yaml())
    answer = edge.ask()
    assert answer.status in (400, 502) and b"CN=" not in answer.body


def test_a_console_of_tls_1_2_is_not_shown_a_certificate(run, authority, good, gateway, tmp_path):
    edge = run(Nginx(tmp_path, good, authority, "TLSv1.2"), authority.yaml() + ", upstream_certificate: gateway",
               clients={"gateway": gateway})
    answer = edge.ask(extra="Accept: application/json\r\n")
    assert answer.status == 502 and json.loads(answer.body)["error"] == "tls"


def test_a_route_whose_pair_the_signer_does_not_have_is_refused(run, authority, good):
    console = TlsConsole(good)
    edge = run(console, authority.yaml())
    edge.route += ", upstream_certificate: nobody"
    assert edge.commit()[0] == 0
    assert edge.ask().status == 200


def test_every_kind_of_trust_through_the_whole_stack(authority, good, tmp_path):
    site = harness.Stack(extra_yaml="")
    bundle = site.dir / "bundle.pem"
    bundle.write_text("# authorities of the system\n" + authority.pem)
    bundle.chmod(0o644)
    with open(site.config, "a") as f:
        f.write(f"tls: {{authorities: {bundle}}}\n")
    own = pki.self_signed(tmp_path, "localhost")
    behind, alone = TlsConsole(good), TlsConsole(own)
    allow = ("--allow", "group:owners@local")
    try:
        site.start()
        owner = site.owner()

        def get(name):
            return owner.open(f"https://{name}.{site.host}:{site.port}/")[0]

        # The system's authorities vouch for one of them, and for the other nobody does.
        site.cli("route", "add", "system", behind.url, *allow)
        assert get("system").text == "ok"
        site.cli("route", "add", "pinned", alone.url, "--pin", pin_of(own[0]), *allow)
        assert get("pinned").text == "ok"
        site.cli("route", "add", "wrong", alone.url, "--pin", pin_of(good[0]), *allow)
        assert get("wrong").status == 502
        site.cli("route", "add", "text", behind.url, "--ca", str(authority.cert), *allow)
        assert get("text").text == "ok"
        file = site.state / "secrets/console-ca.pem"
        file.write_text(authority.pem)
        file.chmod(0o644)
        site.cli("route", "add", "filed", behind.url, "--ca-file", "console-ca.pem", *allow)
        assert get("filed").text == "ok"
        # Authorities of its own take the place of the system's.
        site.cli("route", "add", "other", behind.url, "--ca", str(own[0]), *allow)
        assert get("other").status == 502

        garbage = tmp_path / "garbage.pem"
        garbage.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        for words, why in ((("--ca-file", "absent.pem"), "absent.pem"), (("--ca", str(garbage)), "PEM"),
                           (("--ca", str(authority.cert), "--ca-file", "console-ca.pem"), "found both"),
                           (("--pin", "sha256/short"), "44 letters")):
            done = site.cli("route", "add", "bad", behind.url, *words, check=False)
            assert done.returncode != 0 and why in done.stderr + done.stdout, (words, done.stderr, done.stdout)

        def endpoint(route):
            health = json.loads(site.cli("health", "--json"))
            return next(r for r in health["routes"] if r["route"] == route)["endpoints"][0]
        wait_for(lambda: endpoint("wrong")["state"] == "down")
        assert endpoint("wrong")["url"] == alone.url and pin_of(own[0]) in endpoint("wrong")["detail"]
        # Another port brought other edges; they know what they were asked for.
        assert get("system").text == "ok"
        wait_for(lambda: endpoint("system")["state"] == "up")
        assert "pin_mismatch" in site.log_path.read_text()
        # What the edges were given is in no document.
        shown = site.cli("route", "show", "filed", "--json")
        assert "BEGIN CERTIFICATE" not in shown and "authorities" not in shown
    finally:
        site.close()
        behind.close()
        alone.close()
