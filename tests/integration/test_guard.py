"""`postern guard`: a real application, Python's own HTTP server on a Unix socket, behind postern while it runs."""
import json
import os
import pathlib
import pwd
import signal
import socket
import stat
import subprocess

import pytest

import stack as harness

ROOT = os.geteuid() == 0
USER = "nobody"
# The address family of a server is all that differs from `python3 -m http.server`.
APPLICATION = """
import http.server, os, socket, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("hello from %d as %d:%d, %s" % (os.getpid(), os.getuid(), os.getgid(), self.path)).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def address_string(self): return "unix"
    def log_message(self, *a): pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
os.umask(int(os.environ.get("MASK", "022"), 8))
Server(sys.argv[1], Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def site():
    s = harness.Stack(edges=2)
    try:
        s.start()
        s.who = s.owner()
        yield s
    finally:
        s.close()


class Guard:
    def __init__(self, site, *words, name="app", command=None, options=(), env=None):
        if ROOT and "--user" not in options:
            options = [*options, "--user", USER]
        self.site, self.name = site, name
        command = command or ["/usr/bin/python3", "-c", APPLICATION, "{socket}"]
        self.process = subprocess.Popen([str(harness.LIBEXEC / "postern"), "guard", "--name", name, "--json", *options, "--",
                                         *command], env={**site.env, **(env or {})}, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.said = json.loads(line) if line else None

    @property
    def error(self):
        return self.process.stderr.read()

    def page(self, who=None, path="/"):
        return (who or self.site.who).open(self.site.console_url(self.name, path))[0]

    def is_route(self):
        return self.name in [r["name"] for r in self.site.json("route", "list")["routes"]]

    def gone(self):
        harness.wait_for(lambda: not self.is_route())
        harness.wait_for(lambda: not pathlib.Path(self.said["socket"]).parent.exists())

    def __enter__(self):
        assert self.said, self.error
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self.process.stdout.close()
        self.process.stderr.close()


def runs(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_an_application_is_reached_after_login_for_as_long_as_it_runs(site):
    with Guard(site) as guard:
        assert guard.said["url"].startswith(f"https://app.{site.host}:{site.port}")
        stranger = site.anonymous("GET", site.console_url("app"))
        assert stranger.status in (302, 303) and "hello" not in stranger.text
        page = guard.page(path="/some/where")
        assert page.status == 200 and "/some/where" in page.text
        route = next(r for r in site.json("route", "list")["routes"] if r["name"] == "app")
        assert route["origin"] == "guard" and route["upstream"] == "unix:" + guard.said["socket"]
        if ROOT:
            account = pwd.getpwnam(USER)
            assert f"as {account.pw_uid}:{account.pw_gid}" in page.text
            place = pathlib.Path(guard.said["socket"]).parent
            st = place.stat()
            assert stat.S_IMODE(st.st_mode) == 0o710
            assert (st.st_uid, st.st_gid) == (account.pw_uid, pwd.getpwnam("postern").pw_gid)
        os.kill(guard.said["pid"], signal.SIGTERM)
        assert guard.process.wait(20) == 128 + signal.SIGTERM
        guard.gone()
        assert site.who.open(site.console_url("app"))[0].status == 404 or "hello" not in site.who.open(site.console_url("app"))[0].text
    events = [r["event"] for r in site.json("audit", "tail", "--limit", "50")["records"] if r["target"] == "app"]
    assert events[-2:] == ["lease.began", "lease.ended"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_route_application_and_place(site, how):
    with Guard(site) as guard:
        assert guard.page().status == 200
        guard.process.send_signal(how)
        assert guard.process.wait(20) == 128 + signal.SIGTERM
        assert not runs(guard.said["pid"])
        guard.gone()


def test_a_killed_guard_leaves_no_route_and_its_place_is_swept_by_the_next(site):
    with Guard(site) as guard:
        assert guard.page().status == 200
        guard.process.kill()
        guard.process.wait()
        harness.wait_for(lambda: not guard.is_route())
        harness.wait_for(lambda: not runs(guard.said["pid"]))
        left = pathlib.Path(guard.said["socket"]).parent
        assert left.exists(), "nobody was there to remove it"
        with Guard(site) as again:
            assert again.page().status == 200
            assert not left.exists()


def test_workers_end_with_their_application(site):
    worker = "import os, subprocess, sys\nsubprocess.Popen(['/bin/sleep', '300'])\n"
    with Guard(site, command=["/usr/bin/python3", "-c", worker + APPLICATION, "{socket}"]) as guard:
        group = guard.said["pid"]
        members = lambda: [p for p in os.listdir("/proc") if p.isdigit() and runs(p) and os.getpgid(int(p)) == group]
        harness.wait_for(lambda: len(members()) == 2)
        os.kill(group, signal.SIGKILL)
        assert guard.process.wait(20) == 128 + signal.SIGKILL
        harness.wait_for(lambda: members() == [])


def test_a_stream_ends_with_the_application(site):
    """An open exchange is ended with the route, and the page is not served from anywhere else."""
    with Guard(site) as guard:
        assert guard.page().status == 200
        guard.process.send_signal(signal.SIGTERM)
        guard.process.wait(20)
        harness.wait_for(lambda: "hello" not in site.who.get(site.console_url("app")).text)


def test_the_route_outlasts_the_keeper(site):
    with Guard(site) as guard:
        assert guard.page().status == 200
        os.kill(site.pids("keeper")[0], signal.SIGKILL)
        harness.wait_for(lambda: site.cli("route", "list", "--json", check=False).returncode == 0 and guard.is_route(), 30)
        harness.wait_for(lambda: guard.page().status == 200)
        assert runs(guard.said["pid"]) and str(guard.said["pid"]) in guard.page().text


def test_only_those_are_admitted_whom_it_names(site):
    site.cli("group", "add", "guests")
    guest = site.user("guest", ["guests"])
    with Guard(site, options=["--allow", "group:guests"]) as guard:
        assert guard.page(guest).status == 200
        assert guard.page().status == 403


def test_a_name_is_taken_once_and_a_second_application_is_told(site):
    with Guard(site) as guard:
        other = Guard(site)
        assert other.said is None and other.process.wait(20) == 1 and "app" in other.error
        other.__exit__(None)
        assert guard.page().status == 200
        done = site.cli("route", "remove", "app", check=False)
        assert done.returncode == 1 and "postern guard" in done.stderr
        done = site.cli("rule", "add", "extra", "--group", "owners", "--zone", "local", "--route", "app", check=False)
        assert done.returncode == 1 and "a route that stays" in done.stderr
    guard.gone()


def test_an_application_that_ends_or_never_listens_is_no_route(site):
    early = Guard(site, command=["/bin/sh", "-c", "exit 7"])
    assert early.said is None and early.process.wait(20) == 7 and not early.is_route()
    early.__exit__(None)
    deaf = Guard(site, command=["/bin/sleep", "60"], options=["--wait", "1"])
    assert deaf.said is None and deaf.process.wait(20) == 1
    assert "POSTERN_SOCKET" in deaf.error and not deaf.is_route()
    deaf.__exit__(None)
    absent = Guard(site, command=["/nowhere/at/all"])
    assert absent.said is None and absent.process.wait(20) == 127
    absent.__exit__(None)


def test_what_is_no_socket_of_the_application_is_not_opened(site, tmp_path):
    """A link in the place of the socket must not make root open what it leads to."""
    target = tmp_path / "target"
    target.write_text("x")
    target.chmod(0o600)
    trick = Guard(site, command=["/bin/sh", "-c", f"ln -s {target} $POSTERN_SOCKET; sleep 60"], options=["--wait", "1"])
    assert trick.said is None and trick.process.wait(20) == 1
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    trick.__exit__(None)


@pytest.mark.skipif(not ROOT, reason="only root can be told to leave root")
def test_root_never_runs_the_application(site):
    run = lambda *words, **env: subprocess.run([str(harness.LIBEXEC / "postern"), "guard", *words, "--", "/usr/bin/id"],
                                               env={**site.env, **env}, capture_output=True, text=True, timeout=30)
    for words, env in (((), {}), (("--user", "root"), {}), ((), {"SUDO_UID": "0"}), ((), {"SUDO_UID": "x"})):
        done = run(*words, **env)
        assert done.returncode == 2 and "--user NAME" in done.stderr and "uid=" not in done.stdout, done
    done = run("--wait", "1", SUDO_UID=str(pwd.getpwnam(USER).pw_uid))
    assert f"({USER})" in done.stdout and "uid=0" not in done.stdout
    assert "no user of this machine" in run("--user", "nosuchuser").stderr


@pytest.mark.skipif(not ROOT, reason="another account needs root")
def test_nobody_else_comes_near_the_socket(site):
    with Guard(site, env={"MASK": "0"}) as guard:
        assert guard.page().status == 200
        code = "import os, socket, sys\nos.setgid(1); os.setuid(1)\ns = socket.socket(socket.AF_UNIX)\n" \
               "try:\n    s.connect(sys.argv[1]); print('reached')\nexcept OSError as e: print(e.errno)\n"
        done = subprocess.run(["/usr/bin/python3", "-c", code, guard.said["socket"]], capture_output=True, text=True,
                              check=True)
        assert done.stdout.strip() == "13"


def test_a_lease_needs_a_connection_and_one_holds_one():
    with harness.Stack(edges=1) as s:
        s.start()
        owner = s.owner()
        token = s.json("token", "add", "t", "--owner", "owner", "--route", "portal")["token"]
        body = {"name": "app", "upstream": "unix:/nowhere"}
        over_http = owner.request("POST", s.portal + "/api/v1/leases", body=json.dumps(body).encode(), navigate=False,
                                  cookies=False, headers=[("Authorization", f"Bearer {token}"),
                                                          ("Content-Type", "application/json")])
        assert over_http.status == 403
        with Line(s) as first, Line(s) as second:
            assert first.ask(body)["status"] == 201
            assert first.ask({**body, "name": "other"})["status"] == 409
            assert second.ask(body)["status"] == 422, "the name is taken"
            for bad, status in (({"name": "x"}, 400), ({**body, "upstream": "http://127.0.0.1:1"}, 400),
                                ({**body, "name": "a b"}, 400), ({**body, "allow": ["owners"]}, 400),
                                ({**body, "name": "b", "allow": ["group:owners@nowhere"]}, 422),
                                ({**body, "name": "portal"}, 422)):
                assert second.ask(bad)["status"] == status, bad
            # One that was refused is not half there.
            assert second.ask({**body, "name": "b"})["status"] == 201
        harness.wait_for(lambda: s.json("route", "list")["routes"] == [])
        # Coming and going, quickly.
        for i in range(20):
            with Line(s) as line:
                assert line.ask({**body, "name": f"r{i}"})["status"] in (201, 409)
        harness.wait_for(lambda: s.json("route", "list")["routes"] == [])
        # Thirty that hold a lease leave room for a person.
        held = []
        try:
            for i in range(30):
                held.append(Line(s))
                assert held[-1].ask({**body, "name": f"h{i}"})["status"] == 201
            assert len(s.json("route", "list", "--limit", "100")["routes"]) == 30
        finally:
            for line in held:
                line.sock.close()
        harness.wait_for(lambda: s.json("route", "list")["routes"] == [])


class Line:
    """A connection to keeper.sock, by hand."""

    def __init__(self, site):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(site.runtime / "keeper.sock"))

    def ask(self, body):
        import struct
        text = json.dumps({"method": "POST", "path": "/api/v1/leases", "query": "", "body": body}).encode()
        self.sock.sendall(struct.pack(">I", len(text)) + text)
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
            more = self.sock.recv(65536)
            assert more, "closed"
            data += more
        return json.loads(data[4:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
