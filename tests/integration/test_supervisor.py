"""The supervisor with children that misbehave on purpose.

The children here are stand-ins (tests/unit/supervisor/stand_in.c): they keep the protocol and nothing
else, so that each can refuse, hang or die at any step. Nothing in this file says that postern's real
children work; the other integration tests do.
"""
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

import pytest

import stack as harness
from stack import BUILD, free_port, wait_for

STAND_IN = BUILD / "tests/unit/supervisor/stand_in"
SUPERVISOR = BUILD / "src/supervisor/postern-supervisor"
ROOT = os.geteuid() == 0


class Service:
    def __init__(self, edges=2, sandbox="strict", behaviour=(), env=None, wait=True):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-supervisor-"))
        self.dir.chmod(0o755)
        self.libexec = self.dir / "libexec"
        self.libexec.mkdir()
        for role in ("edge", "signer", "keeper", "courier"):
            shutil.copy(STAND_IN, self.libexec / f"postern-{role}")
        self.state, self.runtime = self.dir / "state", self.dir / "run"
        self.state.mkdir()
        self.runtime.mkdir()
        self.user = "nobody" if ROOT else ""
        if ROOT:
            account = pwd.getpwnam(self.user)
            os.chown(self.state, account.pw_uid, account.pw_gid)
        self.config = self.dir / "postern.yaml"
        self.edges, self.sandbox = edges, sandbox
        self.ports = [free_port()]
        self.behave(*behaviour)
        self.write()
        self.env = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "POSTERN_LIBEXEC": str(self.libexec),
                    **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **(env or {})}
        self.log_path = self.dir / "log"
        self.process = None
        if wait:
            self.start()
            self.wait_serving()

    def write(self, routes=(), extra=""):
        lines = ["portal: {host: postern.localhost}", "listeners:"]
        lines += [f'  - {{name: l{p}, address: "127.0.0.1:{p}"}}' for p in self.ports]
        lines += [f"state: {{directory: {self.state}, runtime: {self.runtime}}}",
                  f"process: {{edges: {self.edges}, sandbox: {self.sandbox}"
                  + (f", user: {self.user}" if self.user else "") + "}"]
        if routes:
            lines += ["routes:"] + [f'  r{p}: {{host: r{p}.postern.localhost, '
                                    f'upstream: "http://127.0.0.1:{p}"}}' for p in routes]
        self.config.write_text("\n".join(lines) + "\n" + extra)

    def behave(self, *lines):
        (self.libexec / "behaviour").write_text("".join(line + "\n" for line in lines))

    def start(self, **more):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(SUPERVISOR), "--config", str(self.config)], env=self.env,
                                            stderr=log, stdout=log, **more)

    def log(self):
        return self.log_path.read_text()

    def wait_serving(self):
        def serving():
            assert self.process.poll() is None, self.log()
            return "serving" in self.log()
        wait_for(serving)

    def ask(self, word):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(self.runtime / "supervisor.sock"))
            s.sendall(struct.pack(">I", len(word)) + word.encode())
            return json.loads(receive_frame(s))

    def processes(self, role):
        return [p for p in self.ask("doctor")["processes"] if p["role"] == role]

    def first(self, role):
        """The first process of this role; empty while it waits to be started again."""
        return next(iter(self.processes(role)), {})

    def say(self, port=None):
        """Connects and returns what the edge that took the connection says."""
        with socket.create_connection(("127.0.0.1", port or self.ports[0]), timeout=5) as s:
            return s.makefile().read()

    def stop(self, how=signal.SIGTERM, wait=15):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(wait)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind:
            print(self.log() if self.log_path.exists() else "no log")
        shutil.rmtree(self.dir, ignore_errors=True)


def receive_frame(s):
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
        more = s.recv(65536)
        if not more:
            raise ConnectionError("closed inside a frame")
        data += more
    return data[4:]


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def status_of(pid):
    return dict(line.split(":\t", 1) for line in
                pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def test_it_serves_on_its_listeners_and_ends_cleanly():
    with Service() as service:
        assert service.say().startswith("edge ")
        report = service.ask("doctor")
        assert report["ok"] and report["snapshot"] == 1 and report["generation"] == 1
        assert sorted(p["role"] for p in report["processes"]) == ["courier", "edge", "edge", "keeper", "signer",
                                                                  "supervisor"]
        assert report["listeners"][0]["open"]
        edge = service.processes("edge")[0]
        assert edge["state"] == "serving" and edge["status"]["peers"] == "2"
        assert service.stop() == 0
        assert sorted(p.name for p in service.runtime.iterdir()) == []
        with pytest.raises(ConnectionRefusedError):
            service.say()


def test_the_supervisor_is_confined_and_is_not_root():
    with Service() as service:
        status = status_of(service.process.pid)
        assert status["NoNewPrivs"] == "1"
        sandbox = service.processes("supervisor")[0]["sandbox"]
        if "sanitizers" not in sandbox["seccomp"]:
            assert status["Seccomp"] == "2"
        assert sandbox["landlock_fs"] == "on"
        for pid in [p["pid"] for p in service.ask("doctor")["processes"]]:
            uids = status_of(pid)["Uid"].split()
            assert "0" not in uids and len(set(uids)) == 1
            assert int(status_of(pid)["CapEff"], 16) == 0
        if ROOT:
            assert status["Groups"].strip() == ""


def test_an_edge_that_is_killed_is_back_within_a_second_and_no_connection_is_refused():
    with Service(edges=1) as service:
        edge = service.processes("edge")[0]
        os.kill(edge["pid"], signal.SIGSTOP)
        waiting = [socket.create_connection(("127.0.0.1", service.ports[0]), timeout=5) for _ in range(8)]
        os.kill(edge["pid"], signal.SIGKILL)
        for s in waiting:
            s.settimeout(1)
            assert s.makefile().read().startswith(f"edge {edge['id']} ")
            s.close()
        again = service.processes("edge")[0]
        assert again["id"] == edge["id"] and again["pid"] != edge["pid"] and again["restarts"] == 1
        assert "signal=9" in service.log()


@pytest.mark.parametrize("role", ["signer", "keeper"])
def test_when_the_signer_or_keeper_is_replaced_every_edge_gets_a_new_channel(role):
    with Service() as service:
        before = service.processes(role)[0]["pid"]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: any(p["pid"] != before and p["state"] == "serving"
                             for p in service.processes(role)))
        wait_for(lambda: {p["status"]["peers"] for p in service.processes("edge")} == {"3"})
        assert service.say().startswith("edge ")


def test_when_the_courier_is_replaced_the_keeper_alone_gets_a_new_channel():
    with Service() as service:
        keeper = service.first("keeper")["status"]["peers"]
        before = service.first("courier")["pid"]
        assert service.first("courier")["status"]["peers"] == "1"
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: service.first("courier").get("state") == "serving" and service.first("courier")["pid"] != before)
        wait_for(lambda: service.first("keeper")["status"]["peers"] == str(int(keeper) + 1))
        assert {p["status"]["peers"] for p in service.processes("edge")} == {"2"}
        assert service.first("courier")["status"]["prepared"] == "0", "it takes no part in snapshots"


def test_a_courier_that_hangs_is_replaced():
    with Service() as service:
        before = service.first("courier")["pid"]
        os.kill(before, signal.SIGSTOP)
        wait_for(lambda: service.first("courier").get("pid") not in (None, 0, before), 30)
        assert "child_hangs role=courier" in service.log()
        assert service.say().startswith("edge ")


def test_a_wrong_file_changes_nothing_and_says_everything():
    with Service() as service:
        service.config.write_text("portal: {host: postern.localhost}\nnonsense: 1\nlisteners: 7\n")
        answer = service.ask("reload")
        assert not answer["ok"] and len(answer["errors"]) >= 2
        assert any("nonsense" in e for e in answer["errors"])
        assert "reload_refused" in service.log()
        assert service.say().startswith("edge ")
        assert service.ask("doctor")["generation"] == 1


def test_a_reload_adds_and_removes_listeners():
    with Service() as service:
        old, new = service.ports[0], free_port()
        service.ports = [old, new]
        service.write()
        assert service.ask("reload") == {"ok": True, "snapshot": 2, "generation": 2, "needs_restart": []}
        assert service.say(old).startswith("edge ") and service.say(new).startswith("edge ")
        service.ports = [new]
        service.write()
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: service.ask("doctor")["generation"] == 3)
        with pytest.raises(ConnectionRefusedError):
            service.say(old)
        # It is closed, but nobody else gets it.
        with socket.socket() as thief, pytest.raises(OSError):
            thief.bind(("127.0.0.1", old))
        service.ports = [old, new]
        service.write()
        assert service.ask("reload")["ok"]
        assert service.say(old).startswith("edge ")


def test_edges_are_replaced_only_for_a_listener_that_goes():
    with Service() as service:
        old = {p["pid"] for p in service.processes("edge")}
        service.ports.append(free_port())
        service.write()
        assert service.ask("reload")["ok"]
        assert {p["pid"] for p in service.processes("edge")} == old
        service.ports.pop(0)
        service.write()
        assert service.ask("reload")["ok"]
        wait_for(lambda: not any(alive(pid) for pid in old))
        wait_for(lambda: {p["status"].get("listeners") for p in service.processes("edge")} == {"1"})


def test_a_refused_reload_leaves_no_listener_behind():
    with Service() as service:
        mine, other = service.ports[0], free_port()
        service.behave("signer.prepare=refuse")
        service.ports = [mine, other]
        service.write()
        assert not service.ask("reload")["ok"]
        with pytest.raises(ConnectionRefusedError):
            service.say(other)
        assert {p["status"]["listeners"] for p in service.processes("edge")} == {"1"}
        service.config.write_text(service.config.read_text().replace(f"name: l{mine}", "name: renamed"))
        assert not service.ask("reload")["ok"]
        assert service.ask("doctor")["listeners"][0]["name"] == f"l{mine}"
        service.behave()
        assert service.ask("reload")["ok"]
        assert service.ask("doctor")["listeners"][0]["name"] == "renamed"
        assert service.say(other).startswith("edge ") and service.say(mine).startswith("edge ")


def test_a_listener_that_can_not_be_bound_refuses_the_reload():
    with Service() as service, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        mine = service.ports[0]
        service.ports = [mine, taken.getsockname()[1]]
        service.write()
        answer = service.ask("reload")
        assert not answer["ok"] and "another program listens there" in answer["errors"][0]
        assert service.say(mine).startswith("edge ")


def test_what_only_a_restart_can_change_is_named():
    with Service() as service:
        service.edges = 3
        service.write()
        assert service.ask("reload")["needs_restart"] == ["process.edges"]


@pytest.mark.parametrize("behaviour, reason", [
    ("edge.prepare=refuse", "does not like it"),
    ("signer.prepare=refuse", "does not like it"),
    ("edge.prepare=silent", "in time"),
    ("edge.prepare=die", "died"),
    ("keeper.configure=refuse", "does not like it"),
    ("keeper.configure=die", "keeper died"),
])
def test_one_refusal_leaves_the_old_snapshot_in_force(behaviour, reason):
    with Service() as service:
        service.behave(behaviour)
        service.write(routes=[8080])
        answer = service.ask("reload")
        assert not answer["ok"] and reason in answer["errors"][0], answer
        service.behave()
        report = service.ask("doctor")
        assert report["generation"] == 1
        wait_for(lambda: len(service.processes("edge")) == 2 and
                 all(p["state"] == "serving" for p in service.ask("doctor")["processes"]))
        assert service.say().startswith("edge ")
        wait_for(lambda: service.ask("reload")["ok"])


def test_a_change_waits_for_a_signer_that_is_being_replaced():
    with Service() as service:
        service.behave("signer.start=die")
        os.kill(service.processes("signer")[0]["pid"], signal.SIGKILL)
        wait_for(lambda: "after_ms=100" in service.log())
        service.behave()
        service.write(routes=[8080])
        assert service.ask("reload")["ok"]
        service.behave("signer.start=hang")
        deaths = service.log().count("child_died role=signer")
        os.kill(service.processes("signer")[0]["pid"], signal.SIGKILL)
        wait_for(lambda: service.log().count("child_died role=signer") == deaths + 1)
        service.write(routes=[8081])
        answer = service.ask("reload")
        assert answer == {"ok": False, "errors": ["the signer is not running"]}
        assert service.say().startswith("edge ")


def test_an_edge_that_does_not_commit_is_replaced():
    with Service(edges=1) as service:
        before = service.processes("edge")[0]["pid"]
        service.behave("edge.commit=silent")
        service.write(routes=[8080])
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(service.runtime / "supervisor.sock"))
            s.sendall(b"\0\0\0\x06reload")
            wait_for(lambda: service.first("edge")["status"].get("committed") == "2")
            service.behave()
            assert json.loads(receive_frame(s))["ok"]
        wait_for(lambda: service.first("edge").get("pid", before) != before)
        wait_for(lambda: service.first("edge").get("snapshot") == 2)


def test_a_new_upstream_port_brings_a_new_generation_of_edges():
    with Service(behaviour=["edge.report=bound"]) as service:
        old = {p["pid"]: p["id"] for p in service.processes("edge")}
        service.write(routes=[8080, 8081])
        assert service.ask("reload")["ok"]
        new = {p["pid"]: p["id"] for p in service.processes("edge") if p["state"] == "serving"}
        assert len(new) == 2 and not set(new) & set(old) and not set(new.values()) & set(old.values())
        wait_for(lambda: not any(alive(pid) for pid in old))
        arguments = pathlib.Path(f"/proc/{next(iter(new))}/cmdline").read_text().split("\0")
        assert "8080,8081" in arguments
        assert service.say().startswith("edge ")
        # A port that they have already needs no new ones.
        service.write(routes=[8081])
        assert service.ask("reload")["ok"]
        assert {p["pid"] for p in service.processes("edge")} == set(new)


def test_an_edge_that_finishes_what_runs_follows_the_new_rules_and_there_are_not_too_many():
    with Service(edges=1, behaviour=["edge.report=bound", "edge.drain=ignore"]) as service:
        first = service.processes("edge")[0]["pid"]
        service.write(routes=[8080])
        assert service.ask("reload")["ok"]
        old = next(p for p in service.processes("edge") if p["pid"] == first)
        assert old["state"] == "draining" and old["status"]["committed"] == "2"
        service.write(routes=[8080], extra="limits: {connections: 77}\n")
        assert service.ask("reload")["ok"]
        wait_for(lambda: next(p for p in service.processes("edge")
                              if p["pid"] == first)["status"]["committed"] == "3")
        for n in range(2, 12):
            service.write(routes=[8080 + i for i in range(n)])
            assert service.ask("reload")["ok"]
        wait_for(lambda: sum(p["state"] == "draining" for p in service.processes("edge")) == 8)
        assert not alive(first)
        assert service.say().startswith("edge ")


def test_a_refused_generation_of_edges_goes_away():
    with Service(behaviour=["edge.report=bound"]) as service:
        old = {p["pid"] for p in service.processes("edge")}
        service.behave("edge.report=bound", "signer.prepare=refuse")
        service.write(routes=[8080])
        assert not service.ask("reload")["ok"]
        wait_for(lambda: {p["pid"] for p in service.processes("edge")} == old)
        assert service.say().startswith("edge ")


@pytest.mark.parametrize("behaviour", ["signer.start=die", "keeper.start=die", "edge.start=die",
                                       "edge.prepare=refuse", "keeper.configure=refuse", "signer.prepare=die"])
def test_what_fails_at_the_first_start_ends_it(behaviour):
    with Service(behaviour=[behaviour], wait=False) as service:
        service.start()
        assert service.process.wait(20) == 1
        assert "not_started" in service.log()
        with pytest.raises(ConnectionRefusedError):
            service.say()


def test_an_edge_that_dies_again_and_again_is_started_less_and_less_often():
    with Service(edges=1) as service:
        service.behave("edge.start=die")
        os.kill(service.processes("edge")[0]["pid"], signal.SIGKILL)
        wait_for(lambda: "after_ms=400" in service.log())
        wait_for(lambda: service.ask("doctor")["waiting"])
        waiting = service.ask("doctor")["waiting"]
        assert not waiting or waiting[0]["role"] == "edge"
        assert "after_ms=50" in service.log() and "after_ms=100" in service.log()
        service.behave()
        wait_for(lambda: service.first("edge").get("state") == "serving")


def test_a_child_is_started_from_the_program_that_was_there_at_the_start():
    """Between a package's new files and the upgrade to them all processes stay of one version."""
    with Service(edges=1) as service:
        program = service.libexec / "postern-edge"
        program.unlink()
        program.write_text("none")
        program.chmod(0o755)
        old = service.first("edge")["pid"]
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: service.first("edge").get("state") == "serving" and service.first("edge")["pid"] != old)
        assert service.say().startswith("edge ")
        exe = os.readlink(f"/proc/{service.first('edge')['pid']}/exe")
        assert exe.endswith("postern-edge (deleted)"), exe


def test_children_die_with_a_supervisor_that_is_killed():
    with Service() as service:
        pids = [p["pid"] for p in service.ask("doctor")["processes"]]
        service.process.kill()
        service.process.wait()
        wait_for(lambda: not any(alive(pid) for pid in pids))
        # The sockets that it left behind are in nobody's way.
        service.log_path.write_text("")
        service.start()
        service.wait_serving()
        assert service.say().startswith("edge ")


def test_there_is_one_supervisor_for_a_runtime_directory():
    with Service() as service:
        second = subprocess.run([str(SUPERVISOR), "--config", str(service.config)], env=service.env,
                                capture_output=True, text=True, timeout=20)
        assert second.returncode == 1
        assert service.say().startswith("edge ") and service.ask("doctor")["ok"]


def test_an_edge_that_ignores_the_end_is_killed():
    with Service(behaviour=["edge.drain=ignore", "keeper.drain=ignore"]) as service:
        assert service.stop(wait=12) == 0
        assert "killed=\"by the supervisor\"" in service.log()


def test_stop_over_the_socket_ends_it():
    with Service() as service:
        assert service.ask("stop") == {"ok": True}
        assert service.process.wait(15) == 0


@pytest.mark.parametrize("bytes_sent", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x41" + b"x" * 65, b"\0\0"])
def test_nonsense_on_the_control_socket_costs_only_the_connection(bytes_sent):
    with Service(edges=1) as service:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(service.runtime / "supervisor.sock"))
            s.sendall(bytes_sent)
            s.shutdown(socket.SHUT_WR)
            try:
                assert s.recv(100) == b""
            except ConnectionResetError:
                pass  # closed with bytes unread
        assert not service.ask("nonsense")["ok"]
        assert service.ask("doctor")["ok"]


@pytest.mark.skipif(not ROOT, reason="needs root to become somebody else")
def test_another_user_is_not_answered_even_when_the_mode_lets_him_in():
    with Service(edges=1) as service:
        path = service.runtime / "supervisor.sock"
        assert path.stat().st_mode & 0o777 == 0o660
        service.runtime.chmod(0o755)
        path.chmod(0o666)
        code = ("import os, socket; os.setgid(1); os.setuid(1); s = socket.socket(socket.AF_UNIX); "
                f"s.connect({str(path)!r}); s.sendall(b'\\0\\0\\0\\x06doctor'); "
                "print(len(s.recv(100)))")
        done = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, timeout=20)
        assert done.stdout.strip() == "0" or re.search("BrokenPipe|ConnectionReset", done.stderr), done
        assert "control_refused" in service.log()


def test_the_service_manager_is_told():
    path = pathlib.Path(tempfile.mkdtemp(prefix="postern-notify-"))
    path.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path / "socket"))
        (path / "socket").chmod(0o777)
        manager.settimeout(10)
        with Service(edges=1, env={"NOTIFY_SOCKET": str(path / "socket")}) as service:
            assert b"READY=1" in manager.recv(1000)
            service.ask("reload")
            assert b"RELOADING=1\nMONOTONIC_USEC=" in manager.recv(1000)
            assert b"READY=1" in manager.recv(1000)
            service.stop()
            assert b"STOPPING=1" in manager.recv(1000)
    shutil.rmtree(path)


def test_sockets_of_the_service_manager_are_taken():
    with Service(wait=False) as service, socket.socket() as given:
        given.bind(("127.0.0.1", service.ports[0]))
        given.listen()

        def hand_over():
            os.environ["LISTEN_PID"] = str(os.getpid())
            os.dup2(given.fileno(), 3)
            os.set_inheritable(3, True)
        # The pid is known only after fork: a shell sets the variable and becomes the supervisor.
        service.env["LISTEN_FDS"] = "1"
        with open(service.log_path, "ab") as log:
            service.process = subprocess.Popen(
                ["/bin/sh", "-c", f"LISTEN_PID=$$ exec {SUPERVISOR} --config {service.config}"],
                env=service.env, stderr=log, stdout=log, preexec_fn=hand_over, close_fds=False)
        service.wait_serving()
        assert service.ask("doctor")["listeners"][0]["activated"]
        assert service.say().startswith("edge ")
        assert "LISTEN_" not in pathlib.Path(f"/proc/{service.processes('edge')[0]['pid']}/environ").read_text()


def test_root_needs_an_account_to_become():
    if not ROOT:
        pytest.skip("needs root")
    for user in ("root", "no-such-user"):
        with Service(wait=False) as service:
            service.user = user
            service.write()
            service.start()
            assert service.process.wait(10) == 1
            assert "process.user" in service.log()


@pytest.mark.skipif(not shutil.which("patchelf"), reason="needs patchelf")
def test_children_start_after_an_update_of_the_system_has_replaced_their_loader():
    loader = re.search(r"interpreter: (\S+?)\]", subprocess.run(["readelf", "-l", harness.LIBEXEC / "postern-edge"], check=True,
                                                                capture_output=True, text=True).stdout)[1]
    with tempfile.TemporaryDirectory(prefix="postern-loader-") as made:
        own = pathlib.Path(made)
        own.chmod(0o755)
        (own / "lib").mkdir()
        shutil.copy(loader, own / "lib/ld.so")
        shutil.copytree(harness.LIBEXEC, own / "libexec")
        for program in (own / "libexec").iterdir():
            subprocess.run(["patchelf", "--set-interpreter", own / "lib/ld.so", program], check=True)
        with harness.Stack(edges=1, env={"POSTERN_LIBEXEC": str(own / "libexec")}) as s:
            s.start()
            before = s.pids("edge")
            shutil.copy(loader, own / "lib/ld.so.new")
            os.rename(own / "lib/ld.so.new", own / "lib/ld.so")
            os.kill(before[0], signal.SIGKILL)
            wait_for(lambda: s.pids("edge") and s.pids("edge") != before, 10)
            wait_for(lambda: s.anonymous("GET", s.portal + "/healthz").status == 200, 10)
