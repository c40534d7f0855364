"""X-Forwarded-For and Forwarded: whose a request is that comes through a proxy, and who may say so."""
import pathlib
import ssl
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stack import Connection, Recorder, Stack, free_port, wait_for  # noqa: E402

PROXY = "127.0.0.2"
FAR_PROXY = "127.0.0.4"
STRANGER = "127.0.0.3"
OFFICE = "10.20.0.7"
HOST = "tomcat.postern.localhost"

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
    methods: [GET]
    paths: ["/line/**"]
"""


@pytest.fixture(scope="module")
def upstream():
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture(scope="module")
def stack(upstream):
    with Stack(edges=1, extra_yaml=RESOURCES.format(upstream=upstream.url)) as s:
        s.front, s.rfc = free_port(), free_port()
        trust = f"trusted_proxies: [{PROXY}, {FAR_PROXY}], connections_per_source: 2"
        s.add_listeners(f'{{name: front, address: "127.0.0.1:{s.front}", {trust}, forwarded: x-forwarded-for}}',
                        f'{{name: rfc, address: "127.0.0.1:{s.rfc}", {trust}, forwarded: forwarded}}')
        s.set_portal_zones("office, plant")
        # The portal, and with it /healthz, is closed to loopback here.
        s.ready = lambda: s.process.poll() is None and s.cli("doctor", check=False).returncode == 0
        s.start()
        yield s


@pytest.fixture(scope="module")
def olga(stack):
    """Logged in from the office, at the console."""
    who = stack.user("olga")
    who.way = {"source": PROXY}
    who.always = [("X-Forwarded-For", OFFICE)]
    answer, at = open_with(who, f"https://{HOST}:{stack.front}/")
    assert answer.status == 200 and at == f"https://{HOST}:{stack.front}/", answer
    return who


def open_with(who, url):
    """who.open with headers that a proxy adds to each request."""
    plain = type(who).request
    who.request = lambda method, url, body=b"", headers=(), **more: plain(
        who, method, url, body, [*headers, *who.always], **more)
    return who.open(url)


def cookie(who):
    return "; ".join(f"{k}={v}" for k, v in who.jar[HOST].items())


def ask(c, who, port, path, *headers, method="GET"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}:{port}", f"Cookie: {cookie(who)}", "Sec-Fetch-Site: none",
             *headers]
    c.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
    return c.read()


def record(stack, path):
    return wait_for(lambda: [r for r in stack.json("access", "list")["records"] if r["path"] == path])[0]


def test_the_client_is_who_the_proxy_says_in_zones_sessions_and_records(stack, upstream, olga):
    with Connection(stack, HOST, stack.front, source=PROXY) as c:
        assert ask(c, olga, stack.front, "/said", f"X-Forwarded-For: 198.51.100.1, {OFFICE}").status == 200
    assert b"X-Forwarded-For: 10.20.0.7\r\n" in upstream.requests[-1] and b"198.51" not in upstream.requests[-1]
    assert b"Forwarded: for=10.20.0.7;" in upstream.requests[-1]
    said = record(stack, "/said")
    assert said["source"] == OFFICE and said["rule"] == "from-the-office", said
    assert {s["source"] for s in stack.json("session", "list")["sessions"]} == {OFFICE}


def test_one_connection_carries_many_clients_and_each_request_is_judged_for_itself(stack, olga):
    """Nothing stays of the one before, neither what it was allowed nor what it was denied."""
    with Connection(stack, HOST, stack.front, source=PROXY) as c:
        for round in range(3):
            for client, path, status in ((OFFICE, "/a", 200), ("10.30.0.1", "/line/1", 200), ("10.30.0.1", "/a", 403),
                                         ("192.0.2.9", "/a", 403), (OFFICE, "/a", 200)):
                got = ask(c, olga, stack.front, path, f"X-Forwarded-For: {client}")
                assert got.status == status, (round, client, got)


def test_a_proxy_that_names_nobody_is_not_judged_by_its_own_place(stack, upstream, olga):
    before = len(upstream.requests)
    wrong = [(), ("X-Forwarded-For: unknown",), ("X-Forwarded-For:",), (f"X-Forwarded-For: {OFFICE},",),
             (f"X-Forwarded-For: {OFFICE}", "X-Forwarded-For: _x"), (f"X_Forwarded_For: {OFFICE}",),
             (f"Forwarded: for={OFFICE}",), (f"X-Real-IP: {OFFICE}",), (f"X-Forwarded-For: {OFFICE}, gw.test",),
             ("X-Forwarded-For: " + ", ".join([OFFICE] * 65),)]
    for headers in wrong:
        with Connection(stack, HOST, stack.front, source=PROXY) as c:
            got = ask(c, olga, stack.front, "/wrong", *headers)
            assert got.status == 400, (headers, got)
    for headers in ((), (f"X-Forwarded-For: {OFFICE}",), ("Forwarded: for=unknown",), ("Forwarded: for=_hidden",),
                    (f"Forwarded: for={OFFICE}, for=\"[::1",), (f"Forwarded: for={OFFICE}, by={OFFICE}",),
                    (f"Forwarded: for={OFFICE};host=\",for=10.20.0.8;a=\"\"",)):
        with Connection(stack, HOST, stack.rfc, source=PROXY) as c:
            got = ask(c, olga, stack.rfc, "/wrong", *headers)
            assert got.status == 400, (headers, got)
    assert len(upstream.requests) == before
    assert record(stack, "/wrong")["outcome"] == "malformed"


def test_a_forwarded_header_is_read_as_rfc_7239_writes_it(stack, olga):
    for value in (f"for={OFFICE}", f'for=127.0.0.1, For="{OFFICE}:4711";proto=https;host="{HOST}:443"',
                  f'for="[2001:db8::7]", for={OFFICE}, for={FAR_PROXY};by={PROXY}'):
        with Connection(stack, HOST, stack.rfc, source=PROXY) as c:
            got = ask(c, olga, stack.rfc, "/rfc", f"Forwarded: {value}")
            # The session belongs to another port: whoever asks from the office is asked to log in.
            assert got.status == 401, (value, got)
        said = record(stack, "/rfc")
        assert said["source"] == OFFICE, said


def test_a_header_from_an_address_that_is_not_trusted_is_nobodys_word(stack, upstream, olga):
    """On a listener that believes proxies, and on one that believes nobody."""
    before = len(upstream.requests)
    for port, source in ((stack.front, STRANGER), (stack.port, PROXY)):
        # Nothing admits loopback here: closed before TLS, whatever the request would say.
        with pytest.raises((ssl.SSLError, OSError)):
            with Connection(stack, HOST, port, source=source) as c:
                ask(c, olga, port, "/spoof", f"X-Forwarded-For: {OFFICE}", f"Forwarded: for={OFFICE}")
    assert len(upstream.requests) == before


def test_the_proxys_connections_are_not_those_of_one_source(stack):
    open_ones = [Connection(stack, HOST, stack.front, source=PROXY) for _ in range(6)]
    for c in open_ones:
        c.close()


def test_logins_are_throttled_by_the_client_and_not_by_the_proxy(stack, olga):
    def attempt(client):
        with Connection(stack, stack.host, stack.front, source=PROXY) as c:
            body = b"user=nobody&password=wrong&code=000000"
            c.send(f"POST /login HTTP/1.1\r\nHost: {stack.host}:{stack.front}\r\nX-Forwarded-For: {client}\r\n"
                   f"Origin: https://{stack.host}:{stack.front}\r\nSec-Fetch-Site: same-origin\r\n"
                   f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            return c.read().status
    seen = [attempt("10.20.0.99") for _ in range(40)]
    assert 429 in seen, seen
    who = stack.user("otto")
    who.way, who.always = {"source": PROXY}, [("X-Forwarded-For", "10.20.0.100")]
    answer, _ = open_with(who, f"https://{HOST}:{stack.front}/")
    assert answer.status == 200, answer


def test_two_words_about_one_client_are_refused_by_the_check(stack):
    wrong = stack.dir / "wrong.yaml"
    wrong.write_text(stack.config.read_text().replace("forwarded: x-forwarded-for",
                                                      "forwarded: x-forwarded-for, proxy_protocol: v1v2"))
    checked = stack.cli("check", "--config", str(wrong), check=False)
    assert checked.returncode != 0 and "expected off beside proxy_protocol" in checked.stderr, checked
