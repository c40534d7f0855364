"""The sandbox from inside: a debugger makes the running processes try what they must not be able to do.

This is what somebody who has taken over a process could try. Root's debugger puts the calls into the
live, serving processes; each must be ended or refused by the kernel, and the service must go on.
"""
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess

import pytest

import stack as harness

ROOT = os.geteuid() == 0
ACCOUNT = "nobody"

pytestmark = pytest.mark.skipif(not ROOT or not shutil.which("gdb"),
                                reason="only root's debugger can enter a process that is not dumpable")

# x86_64 and aarch64 differ in numbers: the C library knows them by name only where it has a wrapper.
OPEN_PASSWD = '(long)open("/etc/passwd", 0)'
ATTEMPTS = [
    ("edge", "killed", "open a file", OPEN_PASSWD),
    ("edge", "killed", "execute", '(int)execl("/bin/true", "true", (char*)0)'),
    ("edge", "killed", "bind a port", "(int)bind(3, 0, 0)"),
    ("edge", "killed", "make a unix socket", "(int)socket(1, 1, 0)"),
    ("edge", "killed", "make a datagram socket", "(int)socket(2, 2, 0)"),
    ("edge", "killed", "make memory executable", "(int)mprotect((void*)((unsigned long)$sp & ~4095), 4096, 5)"),
    ("edge", "killed", "trace", "(long)ptrace(0, 0, 0, 0)"),
    ("edge", "killed", "signal its parent", "(int)kill((int)getppid(), 9)"),
    ("signer", "killed", "make an internet socket", "(int)socket(2, 1, 0)"),
    ("signer", "refused", "open a file", OPEN_PASSWD),
    ("signer", "killed", "execute", '(int)execl("/bin/true", "true", (char*)0)'),
    ("keeper", "killed", "make an internet socket", "(int)socket(2, 1, 0)"),
    ("keeper", "refused", "open a file", OPEN_PASSWD),
    ("keeper", "killed", "execute", '(int)execl("/bin/true", "true", (char*)0)'),
    ("courier", "killed", "execute", '(int)execl("/bin/true", "true", (char*)0)'),
    ("courier", "refused", "open a file", OPEN_PASSWD),
    ("courier", "killed", "bind a port", "(int)bind(3, 0, 0)"),
    ("courier", "refused", "make a unix socket", "(int)socket(1, 1, 0)"),
    ("courier", "refused", "make a netlink socket", "(int)socket(16, 3, 0)"),
    ("courier", "killed", "make memory executable", "(int)mprotect((void*)((unsigned long)$sp & ~4095), 4096, 5)"),
    ("courier", "killed", "signal its parent", "(int)kill((int)getppid(), 9)"),
    ("supervisor", "refused", "open a file", '(long)open("/proc/version", 0)'),
    ("supervisor", "refused", "execute", '(int)execl("/bin/true", "true", (char*)0)'),
    ("supervisor", "refused", "signal a stranger", "(int)kill({stranger}, 0)"),
]


class Site(harness.Stack):
    def cli(self, *words, **more):
        if words[0] == "init" and "--user" not in words:
            words += ("--user", ACCOUNT)
        return super().cli(*words, **more)


@pytest.fixture(scope="module")
def site():
    s = Site(edges=2, sandbox="strict")
    try:
        s.start()
        yield s
    finally:
        s.close()


def inject(site, pid, expression):
    """Lets the process evaluate a call; 'killed', or what the call returned and errno."""
    done = subprocess.run(["prlimit", "--core=0", "gdb", "-nx", "-batch", "-p", str(pid), "-ex", f"print {expression}",
                           "-ex", "print *(int*)__errno_location()"],
                          capture_output=True, text=True, timeout=60)
    text = done.stdout + done.stderr
    values = re.findall(r"^\$\d+ = (-?\d+)$", done.stdout, flags=re.M)
    if len(values) == 2 and "SIGSYS" not in text:
        return int(values[0]), int(values[1])
    # The debugger loses a process with several threads; how it died is in the supervisor's log.
    harness.wait_for(lambda: f"child={pid} signal={int(signal.SIGSYS)} " in site.log_path.read_text())
    return "killed", text


def bystander():
    """An ordinary process of the service's own account."""
    account = pwd.getpwnam(ACCOUNT)
    return subprocess.Popen(["sleep", "60"], user=account.pw_uid, group=account.pw_gid, extra_groups=[])


def serving(site):
    try:
        return site.anonymous("GET", site.portal + "/healthz").status == 200 and \
            {p["state"] for p in site.doctor()["processes"]} == {"serving"}
    except (OSError, ConnectionError, RuntimeError):
        return False


def test_the_debugger_really_makes_the_process_call(site):
    """Positive control: a harmless call is made and its answer seen."""
    for role in ("edge", "signer", "keeper", "courier", "supervisor"):
        pid = site.pids(role)[0]
        assert inject(site, pid, "(int)getpid()")[0] == pid
    harness.wait_for(lambda: serving(site))


@pytest.mark.parametrize("role, expected, what, expression", ATTEMPTS,
                         ids=[f"{a[0]}-{a[2].replace(' ', '-')}" for a in ATTEMPTS])
def test_a_taken_over_process_can_not(site, role, expected, what, expression):
    # What is read and executed here exists and could be, by this account, outside of the sandbox.
    assert os.access("/etc/passwd", os.R_OK) and os.access("/bin/true", os.X_OK)
    stranger = bystander()
    try:
        # One that an earlier attempt has killed may not have been missed yet, or waits to be started again.
        pid = harness.wait_for(lambda: site.pids(role))[0]
        answer, detail = inject(site, pid, expression.format(stranger=stranger.pid))
        if expected == "killed":
            assert answer == "killed", (what, answer, detail)
            harness.wait_for(lambda: pid not in site.pids(role))
        else:
            assert answer == -1 and detail in (1, 13), (what, answer, detail)
            assert pathlib.Path(f"/proc/{pid}").exists()
        harness.wait_for(lambda: serving(site))
    finally:
        stranger.kill()
        stranger.wait()


def test_the_same_account_can_not_look_into_any_process(site):
    """The service's own uid, outside the sandbox: dumpable is off, so there is nothing to read."""
    uid = pwd.getpwnam(ACCOUNT).pw_uid
    look = "import os, sys\nos.setgid({gid}); os.setuid({uid})\n" \
           "for name in ('mem', 'environ', 'maps'):\n" \
           "    try:\n        open('/proc/' + sys.argv[1] + '/' + name, 'rb').read(1); print('read', name)\n" \
           "    except OSError as e:\n        print(e.errno)\n"
    code = look.format(uid=uid, gid=pwd.getpwnam(ACCOUNT).pw_gid)
    other = bystander()
    try:
        run = lambda pid: subprocess.run(["/usr/bin/python3", "-c", code, str(pid)], capture_output=True,
                                         text=True, timeout=20).stdout.split("\n")
        assert "read environ" in run(other.pid), "positive control: an ordinary process can be read"
        for p in site.doctor()["processes"]:
            assert set(run(p["pid"])) <= {"13", "1", ""}, p
    finally:
        other.kill()
        other.wait()
