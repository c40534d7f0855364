"""What a console says of itself becomes the gateway's name, in every header that browsers follow."""
import re
import shutil
import subprocess

import pytest

import stack as harness
from stack import Connection, Recorder, wait_for

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=1) as s:
        yield s


class Console:
    """A route to `url`, and a session for it."""

    def __init__(self, site, name, url, *extra):
        self.site, self.name = site, name
        site.cli("route", "add", name, url, "--allow", "group:owners@local", *extra)
        self.host = f"{name}.{site.host}"
        self.authority = f"{self.host}:{site.port}"
        who = site.admin
        path = extra[extra.index("--path") + 1] + "/" if "--path" in extra else "/"
        step = who.get(site.console_url(name, path))
        step = who.get(step.get("location"))
        step = who.get(step.get("location"))
        assert step.status == 303, step
        self.cookie = "; ".join(f"{k}={v}" for k, v in who.jar[self.host].items())

    def ask(self, method="GET", path="/", headers=(), body=b""):
        head = [f"{method} {path} HTTP/1.1", f"Host: {self.authority}", f"Cookie: {self.cookie}",
                "Sec-Fetch-Site: same-origin", *headers]
        if body:
            head.append(f"Content-Length: {len(body)}")
        with Connection(self.site, self.host) as c:
            c.send("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            return c.read(method=method)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.site.cli("route", "remove", self.name, "--force", check=False)


def test_every_header_that_names_the_console_names_the_gateway_instead(site):
    up = Recorder()
    own = f"http://127.0.0.1:{up.port}"
    up.answer = "\r\n".join([
        "HTTP/1.1 302 Found", "Content-Length: 0", f"Location: {own}/a?b", f"Content-Location: {own}/c",
        f'Refresh: 3; url="{own}/d"', f"Link: <{own}/e>; rel=next, <https://jazz1/f>; rel=prev",
        "Link: </g>; rel=up", f"Content-Security-Policy: connect-src 'self' {own} ws://127.0.0.1:{up.port}",
        "Content-Security-Policy-Report-Only: report-uri https://jazz1/csp",
        "Access-Control-Allow-Origin: https://jazz1", "Set-Cookie: JSESSIONID=1; Path=/m; Domain=jazz1; HttpOnly",
        "Set-Cookie: a=b; SameSite=None; Secure", "X-Own: " + own, "", ""]).encode()
    with Console(site, "names", up.url, "--rewrite-name", "jazz1") as c:
        got = c.ask()
        ours = f"https://{c.authority}"
        assert got.status == 302
        assert got.get("location") == ours + "/a?b"
        assert got.get("content-location") == ours + "/c"
        assert got.get("refresh") == f'3; url="{ours}/d"'
        assert got.all("link") == [f"<{ours}/e>; rel=next, <{ours}/f>; rel=prev", "</g>; rel=up"]
        assert got.get("content-security-policy") == f"connect-src 'self' {ours} wss://{c.authority}"
        assert got.get("content-security-policy-report-only") == f"report-uri {ours}/csp"
        assert got.get("access-control-allow-origin") == ours
        assert got.all("set-cookie") == ["JSESSIONID=1; Path=/m; HttpOnly; Secure; SameSite=Lax",
                                         "a=b; SameSite=None; Secure"]
        # Not a header that browsers follow: as it was.
        assert got.get("x-own") == own
    up.close()


def test_a_console_below_a_stripped_prefix_gets_its_addresses_and_cookie_paths_back(site):
    up = Recorder()
    own = f"http://127.0.0.1:{up.port}"
    with Console(site, "below", up.url, "--path", "/redis", "--strip-path") as c:
        ours = f"https://{c.authority}/redis"
        for said, seen in [("/login", "/redis/login"), (own + "/a", ours + "/a"), (own, ours + "/"),
                           ("/redis/x", "/redis/x"), ("b", "b"), ("https://other.example/", "https://other.example/")]:
            up.answer = (f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {said}\r\n"
                         "Set-Cookie: a=b; Path=/; HttpOnly\r\nSet-Cookie: c=d; Path=/m\r\n\r\n").encode()
            got = c.ask(path="/redis/page")
            assert got.get("location") == seen
            assert got.all("set-cookie") == ["a=b; Path=/redis; HttpOnly; Secure; SameSite=Lax",
                                             "c=d; Path=/redis/m; Secure; SameSite=Lax"]
            assert up.requests[-1].startswith(b"GET /page HTTP/1.1")
    up.close()


def test_addresses_of_others_stay(site):
    up = Recorder()
    other = ["https://idp.example/authorize?redirect_uri=http://127.0.0.1/", "//cdn.example/x",
             f"http://user@127.0.0.1:{up.port}/", "/relative", "mailto:a@b"]
    with Console(site, "foreign", up.url) as c:
        for address in other:
            up.answer = (f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {address}\r\n"
                         f"Access-Control-Allow-Origin: https://idp.example\r\n\r\n").encode()
            got = c.ask()
            assert got.get("location") == address
            assert got.get("access-control-allow-origin") == "https://idp.example"
    up.close()


def test_a_console_with_a_fixed_host_sees_its_own_name_in_origin_and_referer(site):
    def values(up, name):
        return re.findall(rb"(?im)^%s: (.*?)\r?$" % name, up.requests[-1])
    up = Recorder()
    with Console(site, "fixed", up.url, "--host-header", "vc.internal") as c:
        ours = f"https://{c.authority}"
        c.ask("POST", "/x", [f"Origin: {ours}", f"Referer: {ours}/ui/?a"], b"x")
        assert values(up, b"host") == [b"vc.internal"]
        assert values(up, b"origin") == [b"http://vc.internal"]
        assert values(up, b"referer") == [b"http://vc.internal/ui/?a"]
        # What another site sent is not made to look like the console's own.
        c.ask("GET", "/x", ["Origin: https://evil.example", "Referer: https://evil.example/ui/"])
        assert values(up, b"origin") == [b"https://evil.example"]
        assert values(up, b"referer") == [b"https://evil.example/ui/"]
    with Console(site, "kept", up.url) as c:
        ours = f"https://{c.authority}"
        c.ask("POST", "/x", [f"Origin: {ours}", f"Referer: {ours}/ui/?a"], b"x")
        assert values(up, b"origin") == [ours.encode()]
        assert values(up, b"referer") == [ours.encode() + b"/ui/?a"]
    up.close()


@pytest.fixture
def dav(tmp_path):
    """A real nginx with its WebDAV module, serving a directory that it may write."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a").write_text("one")
    (tmp_path / "root/locked").mkdir()
    port = harness.free_port()
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"""
daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; worker_processes 1;
{'user root;' if shutil.os.geteuid() == 0 else ''}
events {{}}
http {{
  access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
  fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
  server {{ listen 127.0.0.1:{port}; root {tmp_path}/root; dav_methods PUT DELETE MKCOL COPY MOVE; }}
}}
""")
    process = subprocess.Popen(["nginx", "-c", str(conf), "-p", str(tmp_path)], stderr=subprocess.DEVNULL)

    def up():
        assert process.poll() is None, (tmp_path / "error.log").read_text()
        try:
            harness.socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False
    wait_for(up)
    yield f"http://127.0.0.1:{port}", tmp_path / "root"
    process.terminate()
    process.wait(10)


def test_copy_and_move_reach_a_real_webdav_server_and_stay_on_the_route(site, dav):
    url, root = dav
    with Console(site, "dav", url) as c:
        here = f"https://{c.authority}"
        assert c.ask("COPY", "/a", [f"Destination: {here}/b"]).status == 204
        assert (root / "b").read_text() == "one"
        assert c.ask("MOVE", "/b", ["Destination: /c%20d"]).status == 204
        assert (root / "c d").read_text() == "one" and not (root / "b").exists()
        before = sorted(root.rglob("*"))
        for bad, status in [(f"{url}/e", 403), (f"http://{c.authority}/e", 403), ("https://other.example/e", 403),
                            ("//other.example/e", 403), (f"https://x@{c.authority}/e", 403),
                            (f"https://{c.host}/e", 403), (f"https://{site.host}:{site.port}/e", 403),
                            (f"{here}/a/../../e", 400), (f"{here}/a/%2e%2e/e", 400), ("/a%2fe", 400), ("/a\\e", 400),
                            ("/e#f", 400), (here, 400), ("", 400)]:
            got = c.ask("COPY", "/a", [f"Destination: {bad}"])
            assert got.status == status and got.json()["error"] == "destination", (bad, got)
        assert c.ask("COPY", "/a", ["Destination: /e", f"Destination: {here}/f"]).status == 400
        assert sorted(root.rglob("*")) == before


def test_a_destination_is_judged_like_the_path_itself(site, dav):
    """A rule that admits one directory does not let its people write into another by MOVE."""
    url, root = dav
    site.cli("group", "add", "writers")
    person = site.user("walter", ["writers"])
    with Console(site, "walled", url):
        site.cli("rule", "add", "walled-writers", "--group", "writers", "--zone", "local", "--route", "walled",
                 "--path", "/a", "--path", "/b")
        person.open(site.console_url("walled", "/a"))

        def move(method, to):
            return person.request(method, site.console_url("walled", "/a"), navigate=False,
                                  headers=[("Destination", to), ("Sec-Fetch-Site", "same-origin")])
        assert move("COPY", "/b").status == 204
        for to in ("/locked/a", "/%6cocked/a", site.console_url("walled", "/locked/a"), "/b/../locked/a"):
            got = move("COPY", to)
            assert got.status == 403 and got.json()["error"] == "path", (to, got)
        assert list((root / "locked").iterdir()) == []
        site.cli("rule", "remove", "walled-writers")
