"""Further listeners: what each serves, its own limits, and what else is spoken on its port."""
import contextlib
import pathlib
import socket
import ssl
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stack import Connection, Recorder, Stack, free_port  # noqa: E402

ROUTES = """
routes:
  tomcat:
    host: tomcat.{host}
    upstream: {upstream}
rules:
  - name: all
    users: ["*"]
    zones: [local]
    routes: ["*"]
"""


@pytest.fixture(scope="module")
def upstream():
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture(scope="module")
def stack(upstream):
    with Stack(edges=1, extra_yaml=ROUTES.format(host="postern.localhost", upstream=upstream.url)) as s:
        s.door = free_port()
        s.narrow = free_port()
        s.add_listeners(f'{{name: door, address: "127.0.0.1:{s.door}", portal: false}}',
                       f'{{name: narrow, address: "127.0.0.1:{s.narrow}", connections_per_source: 2, '
                       'connections: 3, handshake_timeout: 1s, header_timeout: 2s}')
        s.start()
        yield s


def test_a_listener_without_the_portal_serves_consoles_only(stack):
    """And sends whoever has to log in to a listener that has the portal."""
    at_portal = stack.anonymous("GET", f"https://{stack.host}:{stack.door}/login")
    assert at_portal.status == 421, at_portal
    assert stack.anonymous("GET", f"https://{stack.host}:{stack.door}/api/v1/me", navigate=False).status == 421
    console = f"https://tomcat.{stack.host}:{stack.door}/"
    sent = stack.anonymous("GET", console)
    assert sent.status == 303 and sent.get("location").startswith(f"{stack.portal}/handover?"), sent
    who = stack.user("doris")
    answer, at = who.open(console)
    assert answer.status == 200 and answer.body == b"ok" and at == console


def test_a_listener_counts_its_own_connections(stack):
    with contextlib.ExitStack() as open_ones:
        for _ in range(2):
            open_ones.enter_context(Connection(stack, stack.host, stack.narrow))
        with pytest.raises((OSError, ssl.SSLError)):
            Connection(stack, stack.host, stack.narrow)
        open_ones.enter_context(Connection(stack, stack.host, stack.narrow, source="127.0.0.2"))
        with pytest.raises((OSError, ssl.SSLError)):
            Connection(stack, stack.host, stack.narrow, source="127.0.0.3")
        # Others are not concerned.
        for _ in range(4):
            open_ones.enter_context(Connection(stack, stack.host))
    edge = next(p for p in stack.doctor()["processes"] if p["role"] == "edge")
    assert int(edge["status"]["refused_limit"]) >= 2, edge


def test_a_listener_has_deadlines_of_its_own(stack):
    """Those of the others are ten seconds and more."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", stack.narrow), 20) as silent:
        assert silent.recv(1) == b""
    assert time.monotonic() - started < 8
    for protocols in ([], ["h2"]):
        context = ssl.create_default_context(cafile=str(stack.state / "tls/ca.crt"))
        if protocols:
            context.set_alpn_protocols(protocols)
        started = time.monotonic()
        with Connection(stack, stack.host, stack.narrow, context=context) as c:
            c.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5) if protocols else b"GET / HTTP/1.1\r\nHos")
            while c.fill():
                pass
        assert time.monotonic() - started < 8, protocols


def test_one_listener_has_to_serve_the_portal(stack):
    text = stack.config.read_text()
    main = f'{{name: main, address: "127.0.0.1:{stack.port}"}}'
    wrong = stack.dir / "wrong.yaml"
    wrong.write_text(text.replace(main, main[:-1] + ", portal: false}").replace(", connections_per_source: 2",
                                                                               ", portal: false"))
    checked = stack.cli("check", "--config", str(wrong), check=False)
    assert checked.returncode != 0 and "expected a listener left to the portal" in checked.stderr, checked
