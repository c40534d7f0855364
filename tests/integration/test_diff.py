"""A reload is a difference: what did not change is not touched, what changed is decided again, what is gone ends.

Each test holds WebSockets, an upload and a download open on several consoles, changes the file, and looks at each.
"""
import base64
import hashlib

import pytest

import stack as harness
from stack import Connection, Recorder, free_port, wait_for

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = base64.b64encode(hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def console(recorder, sock, head, rest):
    """Echoes after an upgrade, counts what an upload brings, and says which console it is."""
    name = recorder.name
    if b"upgrade: websocket" in head.lower():
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n")
        while data := sock.recv(4096):
            sock.sendall(data)
        return None
    sent, rest = harness.read_body(sock, head, rest)
    body = name + b" " + str(len(sent)).encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
    return rest


class Ups:
    def __init__(self, *names):
        self.by = {}
        for name in names:
            self.by[name] = Recorder(handler=console)
            self.by[name].name = name.encode()

    def close(self):
        for up in self.by.values():
            up.close()


@pytest.fixture
def site():
    s = harness.Stack(edges=2, extra_yaml="")
    s.ups = Ups("a", "b", "other")
    try:
        s.start()
        s.admin = s.owner()
        s.base = s.config.read_text()
        put(s)
        for name in ("a", "b"):
            assert s.admin.open(s.console_url(name, "/"))[0].status == 200
        yield s
    finally:
        s.close()
        s.ups.close()


def put(s, a=None, b=None, rule="[a, b]", zones="local", more="", listeners=""):
    """The file with these consoles; None is the ordinary one and "" none."""
    routes = {"a": s.ups.by["a"].url if a is None else a, "b": s.ups.by["b"].url if b is None else b}
    text = s.base
    if listeners:
        text = text.replace("\nlisteners:\n", f"\nlisteners:\n{listeners}", 1)
    text += "routes:\n" + "".join(f'  {n}: {{host: {n}.{s.host}, upstream: "{u}"{more if n == "a" else ""}}}\n'
                                  for n, u in routes.items() if u)
    if rule:
        text += f"rules: [{{name: these, groups: [owners], zones: [{zones}], routes: {rule}}}]\n"
    if zones != "local":
        text += "zones: {far: [192.0.2.0/24]}\n"
    s.config.write_text(text)
    s.cli("reload")


def head(s, name, method="GET", *more):
    host = f"{name}.{s.host}"
    cookie = "; ".join(f"{k}={v}" for k, v in s.admin.jar[host].items())
    return "".join(line + "\r\n" for line in (
        f"{method} / HTTP/1.1", f"Host: {host}:{s.port}", "Sec-Fetch-Site: same-origin", "Accept: application/json",
        f"Origin: https://{host}:{s.port}", f"Cookie: {cookie}", *more)).encode() + b"\r\n"


class Socket:
    def __init__(self, s, name):
        self.c = Connection(s, f"{name}.{s.host}")
        self.c.send(head(s, name, "GET", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                         "Sec-WebSocket-Key: " + KEY.decode()))
        assert self.c.read(head_only=True).status == 101

    def lives(self):
        """A masked text frame goes there and back as it is."""
        frame = b"\x81\x82\0\0\0\0hi"
        self.c.send(frame)
        while len(self.c.buffer) < len(frame):
            if not self.c.fill():
                return False
        got, self.c.buffer = self.c.buffer[:len(frame)], self.c.buffer[len(frame):]
        return got == frame

    def ended(self):
        """The close frame's code and reason."""
        while self.c.fill():
            pass
        assert self.c.buffer[:1] == b"\x88", self.c.buffer
        return int.from_bytes(self.c.buffer[2:4], "big"), self.c.buffer[4:2 + self.c.buffer[1]].decode()


class Upload:
    def __init__(self, s, name):
        self.c = Connection(s, f"{name}.{s.host}")
        self.c.send(head(s, name, "POST", "Content-Length: 100") + b"x" * 50)

    def finishes(self):
        self.c.send(b"y" * 50)
        return self.c.read()


def ask(s, name):
    with Connection(s, f"{name}.{s.host}") as c:
        c.send(head(s, name))
        return c.read()


def edges(s):
    return {p["pid"] for p in s.doctor()["processes"] if p["role"] == "edge"}


def test_what_did_not_change_is_not_touched(site):
    before = edges(site)
    ws, up = Socket(site, "b"), Upload(site, "b")
    put(site, more=", title: Another, response_timeout: 9s")
    assert edges(site) == before
    assert ws.lives() and up.finishes().body == b"b 100"


def test_what_runs_on_a_changed_upstream_finishes_there_and_new_requests_go_to_the_new_one(site):
    ws, up = Socket(site, "a"), Upload(site, "a")
    put(site, a=site.ups.by["other"].url)
    assert ask(site, "a").body == b"other 0"
    assert ws.lives() and up.finishes().body == b"a 100", "admitted still, and on the connection it had"


def test_a_changed_rule_decides_again_and_ends_only_what_it_no_longer_admits(site):
    wa, wb, ua = Socket(site, "a"), Socket(site, "b"), Upload(site, "a")
    put(site, rule="[b]")
    code, reason = wa.ended()
    assert code == 4401 and "rules" in reason, reason
    assert ua.c.read().status == 403
    assert wb.lives()
    assert ask(site, "a").status == 403 and ask(site, "b").status == 200


def test_a_changed_zone_decides_again(site):
    wb = Socket(site, "b")
    put(site, zones="far")
    assert wb.ended()[0] == 4401


def test_a_removed_route_ends_its_streams_and_says_so(site):
    wa, wb = Socket(site, "a"), Socket(site, "b")
    put(site, a="", rule="[b]")
    code, reason = wa.ended()
    assert code == 4401 and "removed" in reason, reason
    assert wb.lives()
    assert ask(site, "a").status == 421


def test_listeners_come_and_go_and_nobody_else_notices(site):
    wa, up = Socket(site, "a"), Upload(site, "b")
    port = free_port()
    put(site, listeners=f'  - {{name: more, address: "127.0.0.1:{port}"}}\n')
    with Connection(site, site.host, port=port) as c:
        c.send(f"GET /healthz HTTP/1.1\r\nHost: {site.host}:{port}\r\n\r\n".encode())
        assert c.read().status == 200
    put(site)
    with pytest.raises(OSError):
        Connection(site, site.host, port=port)
    assert wa.lives() and up.finishes().body == b"b 100"


def test_an_old_edge_obeys_new_rules_and_revocations_until_its_streams_end(site):
    """A listener that goes brings new edges; the WebSockets stay on the old ones, as long as they may."""
    put(site, listeners=f'  - {{name: more, address: "127.0.0.1:{free_port()}"}}\n')
    old = edges(site)
    wa, wb, la = Socket(site, "a"), Socket(site, "b"), Socket(site, "b")
    put(site)
    draining = {p["pid"] for p in site.doctor()["processes"] if p["state"] == "draining"}
    assert draining and draining <= old
    assert wa.lives() and wb.lives() and la.lives()
    put(site, rule="[b]")
    assert wa.ended()[0] == 4401, "a rule of after the drain began"
    assert wb.lives()
    assert site.cli("upgrade"), "also through an upgrade"
    assert wb.lives() and la.lives()
    for session in site.json("session", "list")["sessions"]:
        site.cli("session", "revoke", session["id"], check=False)
    assert wb.ended()[0] == 4401 and la.ended()[0] == 4401
    wait_for(lambda: not draining & edges(site), 20), "and with its last stream an old edge ends"


def test_an_old_edge_ends_at_the_drain_limit(site):
    site.base += "limits: {drain_timeout: 2s}\n"
    put(site, listeners=f'  - {{name: more, address: "127.0.0.1:{free_port()}"}}\n')
    ws, old = Socket(site, "a"), edges(site)
    put(site)
    assert ws.lives()
    wait_for(lambda: not old & edges(site), 15)
    while ws.c.fill():
        pass
