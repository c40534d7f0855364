"""A real Cockpit, which compares Origin with Host and writes its own name into its policy, both ways of Host."""
import base64
import os
import re
import socket
import subprocess

import pytest

import stack as harness
from stack import Connection, wait_for

pytestmark = pytest.mark.timeout(120)
WS = "/usr/lib/cockpit/cockpit-ws"


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=1) as s:
        yield s


class Cockpit:
    """aware: it believes X-Forwarded-Proto."""

    def __init__(self, directory, aware):
        (directory / "cockpit").mkdir()
        (directory / "cockpit/cockpit.conf").write_text(
            "[WebService]\n" + ("ProtocolHeader = X-Forwarded-Proto\n" if aware else ""))
        self.port = harness.free_port()
        self.process = subprocess.Popen([WS, "--no-tls", "--port", str(self.port), "--address", "127.0.0.1"],
                                        env={**os.environ, "XDG_CONFIG_DIRS": str(directory)},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.up, 30)

    def up(self):
        assert self.process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def close(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module", params=["aware", "plain"])
def cockpit(request, site, tmp_path_factory):
    """With Host preserved where Cockpit can be told of TLS in front, with a fixed one where it can not."""
    aware = request.param == "aware"
    c = Cockpit(tmp_path_factory.mktemp(request.param), aware)
    c.aware, c.name = aware, request.param
    c.host = f"{c.name}.{site.host}"
    c.authority = f"{c.host}:{site.port}"
    site.cli("route", "add", c.name, f"http://127.0.0.1:{c.port}", "--allow", "group:owners@local",
             *([] if aware else ["--host-header", "cockpit.internal"]))
    answer, _ = site.admin.open(site.console_url(c.name))
    assert answer.status == 200
    yield c
    site.cli("route", "remove", c.name, "--force")
    c.close()


def socket_head(cockpit, host, origin, cookie=""):
    lines = ["GET /cockpit/socket HTTP/1.1", f"Host: {host}", f"Origin: {origin}", "Upgrade: websocket",
             "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: cockpit1",
             "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
    return "\r\n".join(lines + ([f"Cookie: {cookie}"] if cookie else [])).encode() + b"\r\n\r\n"


def test_its_pages_keep_a_policy_that_names_the_gateway_and_nothing_behind_it(site, cockpit):
    page = site.admin.get(site.console_url(cockpit.name))
    policy = page.get("content-security-policy")
    assert f"connect-src 'self' https://{cockpit.authority} wss://{cockpit.authority};" in policy
    assert "internal" not in policy and "http:" not in policy and re.search(r"\bws:", policy) is None
    cookie = page.get("set-cookie")
    assert cookie.startswith("cockpit=") and "; Secure" in cookie and cookie.lower().count("samesite") == 1


def test_its_socket_opens_for_its_own_page_and_for_no_other(site, cockpit):
    cookie = "; ".join(f"{k}={v}" for k, v in site.admin.jar[cockpit.host].items())
    with Connection(site, cockpit.host) as c:
        c.send(socket_head(cockpit, cockpit.authority, f"https://{cockpit.authority}", cookie))
        answer = c.read(head_only=True)
        assert answer.status == 101 and answer.get("sec-websocket-protocol") == "cockpit1"
        while b"no-session" not in c.buffer:
            assert c.fill()
    for origin in ("https://evil.example", f"http://{cockpit.authority}", "https://cockpit.internal", "null"):
        with Connection(site, cockpit.host) as c:
            c.send(socket_head(cockpit, cockpit.authority, origin, cookie))
            assert c.read().status == 403


def test_without_the_gateways_help_it_refuses_the_same_page(cockpit):
    """The control: what Cockpit says to the Origin that the browser sends, asked for as it is known inside."""
    with socket.create_connection(("127.0.0.1", cockpit.port), 10) as s:
        s.settimeout(10)
        s.sendall(socket_head(cockpit, "cockpit.internal", f"https://{cockpit.authority}"))
        assert s.recv(4096).startswith(b"HTTP/1.1 403")
