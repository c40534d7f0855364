"""PROXY headers: whose a connection is that comes through a proxy, and who may say so."""
import contextlib
import pathlib
import socket
import struct
import ssl
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stack import Connection, Recorder, Stack, free_port, wait_for  # noqa: E402

PROXY = "127.0.0.2"
STRANGER = "127.0.0.3"
OFFICE = "10.20.0.7"

RESOURCES = """
limits:
  handshake_timeout: 2s
zones:
  office: [10.20.0.0/16]
routes:
  tomcat:
    host: tomcat.postern.localhost
    upstream: {upstream}
rules:
  - name: from-the-office
    users: ["*"]
    zones: [office]
    routes: [tomcat]
"""


def v1(source, port=40000):
    return f"PROXY TCP4 {source} 192.0.2.1 {port} 443\r\n".encode()


def v2(source, port=40000, extensions=b"", command=0x21):
    body = socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack(">HH", port, 443) + extensions
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, 0x11]) + struct.pack(">H", len(body)) + body


@pytest.fixture(scope="module")
def upstream():
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture(scope="module")
def stack(upstream):
    with Stack(edges=1, extra_yaml=RESOURCES.format(upstream=upstream.url)) as s:
        s.front = free_port()
        s.add_listeners(f'{{name: front, address: "127.0.0.1:{s.front}", trusted_proxies: [{PROXY}], '
                        'proxy_protocol: v1v2, connections_per_source: 3}')
        s.set_portal_zones("local, office")
        s.start()
        yield s


def url(stack, host="postern.localhost", path="/"):
    return f"https://{host}:{stack.front}{path}"


def through(stack, preface, source=PROXY, **more):
    return Connection(stack, stack.host, stack.front, source=source, preface=preface, **more)


def healthy(stack, preface, source=PROXY):
    with through(stack, preface, source) as c:
        c.send(f"GET /healthz HTTP/1.1\r\nHost: {stack.host}:{stack.front}\r\n\r\n".encode())
        return c.read().status == 200


def refused(stack, preface, source=PROXY):
    """Closed before a byte of an answer."""
    raw = socket.socket()
    raw.settimeout(20)
    raw.bind((source, 0))
    raw.connect(("127.0.0.1", stack.front))
    with raw:
        raw.sendall(preface)
        try:
            return raw.recv(1000) == b""
        except ConnectionResetError:
            return True


def counter(stack, name):
    return sum(int(p["status"][name]) for p in stack.doctor()["processes"] if p["role"] == "edge")


@pytest.mark.parametrize("header", [v1, v2])
def test_a_person_is_who_the_proxy_says_in_zones_sessions_and_records(stack, upstream, header):
    who = stack.user(f"olga-{header.__name__}")
    who.way = {"source": PROXY, "preface": header(OFFICE)}
    answer, at = who.open(url(stack, "tomcat.postern.localhost", "/who"))
    assert answer.status == 200 and answer.body == b"ok", answer
    assert b"X-Forwarded-For: 10.20.0.7\r\n" in upstream.requests[-1] + b"\r\n"
    record = wait_for(lambda: [r for r in stack.json("access", "list")["records"]
                               if r["path"] == "/who" and r["principal"] == who.name])[0]
    assert record["source"] == OFFICE and record["rule"] == "from-the-office", record
    sessions = stack.json("session", "list")["sessions"]
    assert {s["source"] for s in sessions if s["user"] == who.name} == {OFFICE}, sessions


def test_a_zone_is_judged_by_the_proxied_address_before_tls(stack):
    before = counter(stack, "refused_source")
    with pytest.raises((ssl.SSLError, OSError)):
        through(stack, v1("198.51.100.9")).close()
    assert counter(stack, "refused_source") == before + 1
    # And not by the proxy's own, which lies in the zone local.
    assert healthy(stack, v1(OFFICE))


def test_a_header_is_taken_in_pieces_and_not_a_byte_more(stack):
    for header in (v1(OFFICE), v2(OFFICE), v2(OFFICE, extensions=b"\x04\x01\x00" + bytes(256))):
        for cut in sorted({1, 5, 12, 15, 16, 17, len(header) // 2, len(header) - 1}):
            raw = socket.socket()
            raw.settimeout(20)
            raw.bind((PROXY, 0))
            raw.connect(("127.0.0.1", stack.front))
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.sendall(header[:cut])
            time.sleep(0.01)
            # The client's first bytes come with the rest of the header, in one segment.
            into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = stack.tls.wrap_bio(into, out, server_hostname=stack.host)
            with pytest.raises(ssl.SSLWantReadError):
                tls.do_handshake()
            raw.sendall(header[cut:] + out.read())
            done = False
            while not done:
                got = raw.recv(65536)
                assert got, f"closed, {header!r} cut at {cut}"
                into.write(got)
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                    done = True
            raw.close()


def test_what_does_not_begin_with_a_header_is_closed_without_an_answer(stack):
    before = counter(stack, "refused_proxy")
    cut = v2(OFFICE)
    wrong = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
             b"PROXY TCP4 10.20.0.7 192.0.2.1 1 \r\n", b"PROXY UNKNOWN\r\n", b"PROXY " + b"x" * 200,
             v2(OFFICE, command=0x23), cut[:14] + b"\xff\xff" + cut[16:],
             v2(OFFICE, extensions=b"\x03\x00\x04\0\0\0\0"), v2(OFFICE, extensions=b"\x04\xff")]
    for header in wrong:
        assert refused(stack, header), header
    assert counter(stack, "refused_proxy") == before + len(wrong)
    log = stack.log_path.read_text().count("proxy_refused")
    assert 1 <= log < len(wrong), log
    assert healthy(stack, v1(OFFICE))


def test_a_header_from_an_address_that_is_not_trusted_opens_nothing(stack):
    for header in (v1(OFFICE), v2(OFFICE), b""):
        assert refused(stack, header + b"\x16\x03\x01", source=STRANGER)


def test_a_header_on_a_listener_without_the_protocol_is_no_tls(stack):
    with pytest.raises((ssl.SSLError, OSError)):
        Connection(stack, stack.host, stack.port, source=PROXY, preface=v1(OFFICE)).close()


def test_a_header_that_does_not_come_ends_with_the_time_for_a_handshake(stack):
    for part in (b"", b"PROXY TC", v2(OFFICE)[:20]):
        raw = socket.socket()
        raw.settimeout(20)
        raw.bind((PROXY, 0))
        raw.connect(("127.0.0.1", stack.front))
        with raw:
            raw.sendall(part)
            began = time.monotonic()
            assert raw.recv(100) == b""
            assert time.monotonic() - began > 1


def test_the_proxy_itself_may_ask_whether_the_service_lives(stack):
    assert healthy(stack, v2(OFFICE, command=0x20))
    assert healthy(stack, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")


def test_limits_per_source_count_the_client_and_not_the_proxy(stack):
    with contextlib.ExitStack() as open_ones:
        for _ in range(3):
            open_ones.enter_context(through(stack, v1(OFFICE)))
        with pytest.raises((OSError, ssl.SSLError)):
            through(stack, v1(OFFICE))
        # Others come through the same proxy, and the proxy itself.
        for _ in range(3):
            open_ones.enter_context(through(stack, v1("10.20.0.8")))
        for _ in range(5):
            open_ones.enter_context(through(stack, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"))
    wait_for(lambda: healthy(stack, v1(OFFICE)))


def test_trust_needs_somebody_to_trust_and_never_everybody(stack):
    text = stack.config.read_text()
    trusted = f"trusted_proxies: [{PROXY}], "
    wrong = stack.dir / "wrong.yaml"
    for replaced, complaint in (
            ("", "expected the addresses of the proxies in front, found none"),
            ("trusted_proxies: [0.0.0.0/1, 128.0.0.0/1], ", "expected the addresses of proxies, found the whole internet"),
            ("trusted_proxies: [10.1.2.3/8], ", "expected a network whose host bits are zero")):
        wrong.write_text(text.replace(trusted, replaced))
        checked = stack.cli("check", "--config", str(wrong), check=False)
        assert checked.returncode != 0 and complaint in checked.stderr, checked
    wrong.write_text(text.replace(", proxy_protocol: v1v2", ""))
    checked = stack.cli("check", "--config", str(wrong), check=False)
    assert checked.returncode != 0 and "expected proxy_protocol or forwarded beside it" in checked.stderr, checked
