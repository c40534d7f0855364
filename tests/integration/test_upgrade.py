"""A new version of all programs under a running service: taken over, or refused with the old one untouched.

The children here are the stand-ins of test_supervisor.py, so that each can fail at each step;
tests/faults/test_storm.py upgrades the real ones under load.
"""
import os
import shutil
import signal

import pytest

from stack import BUILD, free_port, wait_for
from test_supervisor import SUPERVISOR, Service

# The same, but it speaks another language to its children, as a later version may.
NEXT = BUILD / "tests/unit/supervisor/supervisor_next"


@pytest.fixture
def service():
    with Service(wait=False) as s:
        shutil.copy(SUPERVISOR, s.libexec / "postern-supervisor")
        s.start()
        s.wait_serving()
        yield s


def put(service, name, source):
    """As a package does it: another file under the same name."""
    new = service.libexec / "new"
    if source is None:
        new.write_text("this is no program")
    else:
        shutil.copy(source, new)
    new.chmod(0o755)
    new.rename(service.libexec / name)


def pids(service):
    return {p["role"]: p["pid"] for p in service.ask("doctor")["processes"] if p["role"] != "edge"} | {
        f"edge {p['id']}": p["pid"] for p in service.processes("edge")}


def test_every_process_but_the_supervisor_is_another_one_afterwards(service):
    before = pids(service)
    for _ in range(3):
        answer = service.ask("upgrade")
        assert answer == {"ok": True, "from": "0.1.0", "to": "0.1.0"}
    after = pids(service)
    assert after["supervisor"] == before["supervisor"] == service.process.pid
    wait_for(lambda: all(not os.path.exists(f"/proc/{pid}") for role, pid in before.items() if role != "supervisor"))
    assert service.say().startswith("edge ")
    assert {p["version"] for p in service.ask("doctor")["processes"]} == {"0.1.0"}
    # It is a whole supervisor: it reloads, replaces who dies, and ends.
    service.write(routes=[8080])
    assert service.ask("reload")["ok"]
    for role in ("edge", "signer", "keeper", "courier"):
        gone = service.first(role)["pid"]
        os.kill(gone, signal.SIGKILL)
        wait_for(lambda: service.first(role).get("state") == "serving" and service.first(role)["pid"] != gone)
    assert service.say().startswith("edge ")
    assert service.stop() == 0


def test_the_signal_asks_for_it_too_and_the_sandbox_stays(service):
    before = service.first("edge")["pid"]
    service.process.send_signal(signal.SIGUSR2)
    wait_for(lambda: "upgraded" in service.log())
    assert service.first("edge")["pid"] != before
    status = open(f"/proc/{service.process.pid}/status").read()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    assert "Seccomp_filters:\t1\n" in status, "entered once"
    assert "dumpable=0" in "".join(f"{k}={v}\n" for k, v in
                                   next(p for p in service.ask("doctor")["processes"]
                                        if p["role"] == "supervisor")["sandbox"].items())
    assert service.say().startswith("edge ")


@pytest.mark.parametrize("source, reason", [(None, "can not be executed"), ("/bin/false", "ended with an error"),
                                            ("/bin/true", "is none"),
                                            ("missing", "no such")])
def test_a_new_supervisor_that_is_of_no_use_changes_nothing(service, source, reason):
    before = pids(service)
    if source == "missing":
        (service.libexec / "postern-supervisor").unlink()
    else:
        put(service, "postern-supervisor", source)
    answer = service.ask("upgrade")
    assert not answer["ok"] and reason.lower() in answer["errors"][0].lower(), answer
    assert pids(service) == before
    assert service.say().startswith("edge ")
    service.write(routes=[8080])
    assert service.ask("reload")["ok"]


def test_a_wrong_file_refuses_the_upgrade(service):
    before = pids(service)
    service.write(extra="limits: {conections: 5}\n")
    answer = service.ask("upgrade")
    assert not answer["ok"] and "conections" in answer["errors"][0]
    assert pids(service) == before


def test_what_needs_a_restart_refuses_the_upgrade(service):
    before = pids(service)
    service.edges = 3
    service.write()
    answer = service.ask("upgrade")
    assert not answer["ok"] and "restart" in answer["errors"][0]
    after = pids(service)
    assert {k: v for k, v in after.items() if "edge" in k} == {k: v for k, v in before.items() if "edge" in k}
    assert after["supervisor"] == before["supervisor"]


def test_the_upgrade_puts_the_present_file_to_use(service):
    service.ports = service.ports + [free_port()]
    service.write()
    assert service.ask("upgrade")["ok"]
    assert service.say(service.ports[1]).startswith("edge ")


@pytest.mark.parametrize("behaviour, reason", [
    ("signer.start=die", "signer"), ("keeper.start=die", "keeper"), ("courier.start=die", "courier"),
    ("edge.start=die", "edge"), ("keeper.configure=die", "keeper"), ("edge.prepare=die", ""),
    ("keeper.configure=refuse", "does not like it"), ("signer.prepare=refuse", "does not like it")])
def test_when_a_new_process_fails_the_old_version_serves_on(service, behaviour, reason):
    before = pids(service)
    edges = {k: v for k, v in before.items() if "edge" in k}
    service.behave(behaviour)
    answer = service.ask("upgrade")
    assert not answer["ok"] and reason in " ".join(answer["errors"]), answer
    service.behave()
    assert {k: v for k, v in pids(service).items() if "edge" in k} == edges or behaviour == "edge.prepare=die"
    assert service.say().startswith("edge ")
    # The old keeper had ended for it: another of the old version comes, and all is as it was.
    wait_for(lambda: service.first("keeper").get("state") == "serving")
    assert service.first("supervisor")["pid"] == before["supervisor"]
    service.write(routes=[8080])
    wait_for(lambda: service.ask("reload")["ok"])
    # And the next attempt, with a version that is well, succeeds.
    wait_for(lambda: service.ask("upgrade")["ok"])
    assert service.say().startswith("edge ")
    assert service.stop() == 0


def test_a_new_program_that_is_none_is_noticed_after_the_exec_too(service):
    edges = service.processes("edge")
    put(service, "postern-keeper", "/bin/false")
    answer = service.ask("upgrade")
    assert not answer["ok"] and "the new postern-keeper ended" in answer["errors"][0]
    assert [p["pid"] for p in service.processes("edge")] == [p["pid"] for p in edges]
    wait_for(lambda: service.first("keeper").get("state") == "serving")
    keeper = service.first("keeper")["pid"]
    assert "(deleted)" in os.readlink(f"/proc/{keeper}/exe"), "the old version's, although its file is gone"


def test_no_connection_is_refused_while_versions_change(service):
    import threading
    stop, bad, good = threading.Event(), [], [0]

    def knock():
        while not stop.is_set():
            try:
                assert service.say().startswith("edge ")
                good[0] += 1
            except (OSError, AssertionError) as error:
                bad.append(error)
    threads = [threading.Thread(target=knock) for _ in range(2)]
    for t in threads:
        t.start()
    service.behave("keeper.start=die")
    assert not service.ask("upgrade")["ok"]
    service.behave()
    for _ in range(3):
        wait_for(lambda: service.ask("upgrade")["ok"])
    stop.set()
    for t in threads:
        t.join(10)
    assert not bad and good[0] > 10, bad[:3]


def test_many_upgrades_leave_nothing_behind(service):
    def state():
        fds = len(os.listdir(f"/proc/{service.process.pid}/fd"))
        layers = open(f"/proc/{service.process.pid}/status").read()
        return fds, layers.split("Seccomp_filters:")[1].split()[0]

    def settled():
        return len(service.ask("doctor")["processes"]) == 6
    assert service.ask("upgrade")["ok"]
    wait_for(settled)
    first = max(state() for _ in range(5))
    for _ in range(int(os.environ.get("POSTERN_UPGRADES", "25"))):
        assert service.ask("upgrade")["ok"]
    wait_for(settled)
    wait_for(lambda: state() <= first)
    assert service.say().startswith("edge ")


def test_a_version_that_speaks_another_language_takes_over_too(service):
    before = pids(service)
    put(service, "postern-supervisor", NEXT)
    assert service.ask("upgrade")["ok"]
    assert service.say().startswith("edge ")
    wait_for(lambda: all(not os.path.exists(f"/proc/{pid}") for role, pid in before.items() if role != "supervisor"))
    assert service.first("supervisor")["pid"] == before["supervisor"] and len(service.processes("edge")) == 2
    service.write(routes=[8080])
    assert service.ask("reload")["ok"]
    # And back.
    put(service, "postern-supervisor", SUPERVISOR)
    assert service.ask("upgrade")["ok"]
    assert service.say().startswith("edge ")
    assert service.stop() == 0


def test_old_edges_that_speak_another_language_finish_what_runs(service):
    service.behave("edge.drain=ignore")
    old = {p["pid"] for p in service.processes("edge")}
    put(service, "postern-supervisor", NEXT)
    assert service.ask("upgrade")["ok"]
    now = service.processes("edge")
    assert {p["pid"] for p in now if p["state"] == "draining"} == old
    assert {p["state"] for p in now if p["pid"] not in old} == {"serving"}
    service.behave()
    service.write(routes=[8080])
    assert service.ask("reload")["ok"], "nobody waits for them"
    assert old <= {p["pid"] for p in service.processes("edge")}
    assert service.stop() == 0


@pytest.mark.parametrize("behaviour", ["signer.start=die", "keeper.start=die", "edge.start=die", "keeper.configure=refuse"])
def test_when_a_version_of_another_language_fails_the_old_one_starts_new_edges(service, behaviour):
    put(service, "postern-supervisor", NEXT)
    service.behave(behaviour)
    answer = service.ask("upgrade")
    assert not answer["ok"], answer
    service.behave()
    wait_for(lambda: [p["state"] for p in service.processes("edge")] == ["serving", "serving"], 30)
    wait_for(lambda: service.first("keeper").get("state") == "serving")
    assert len(service.processes("keeper")) == 1
    assert service.say().startswith("edge ")
    service.write(routes=[8080])
    wait_for(lambda: service.ask("reload")["ok"])
    assert service.stop() == 0
