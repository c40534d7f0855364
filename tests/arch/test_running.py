"""What the kernel says of the running processes."""
import os
import pathlib
import re

import pytest

import stack as harness


@pytest.fixture(scope="module")
def site():
    s = harness.Stack(edges=2, sandbox="strict")
    try:
        s.start()
        yield s
    finally:
        s.close()


def status(pid):
    return dict(re.findall(r"^(\w+):\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), flags=re.M))


def test_every_process_is_filtered_and_can_gain_nothing(site):
    seen = set()
    for p in site.doctor()["processes"]:
        s = status(p["pid"])
        assert s["NoNewPrivs"] == "1", p
        assert s["Seccomp"] == "2", p
        assert int(s["CapEff"], 16) == 0 or os.geteuid() == 0, p
        seen.add(p["role"])
    assert seen == {"supervisor", "edge", "signer", "keeper", "courier"}


def test_every_thread_of_a_process_is_filtered(site):
    for p in site.doctor()["processes"]:
        for task in pathlib.Path(f"/proc/{p['pid']}/task").iterdir():
            assert re.search(r"^Seccomp:\s*2$", (task / "status").read_text(), flags=re.M), (p, task.name)


@pytest.mark.parametrize("role", ["edge", "courier"])
def test_who_meets_strangers_holds_no_file_but_sockets_and_the_loops_own(site, role):
    for pid in site.pids(role):
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(fd)
            except FileNotFoundError:
                continue  # a connection that has ended since it was listed
            assert target.startswith(("socket:", "anon_inode:", "pipe:", "/memfd:")) or \
                target in ("/dev/null", str(site.log_path)), target


def test_environment_and_arguments_hold_no_secret(site):
    for p in site.doctor()["processes"]:
        for name in ("environ", "cmdline"):
            text = pathlib.Path(f"/proc/{p['pid']}/{name}").read_bytes()
            assert b"pst_" not in text and b"PASSWORD" not in text and b"BEGIN" not in text


def test_core_dumps_are_off(site):
    for p in site.doctor()["processes"]:
        limits = pathlib.Path(f"/proc/{p['pid']}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits), p


def test_doctor_says_what_is_active(site):
    text = site.cli("doctor")
    for word in ("supervisor", "edge", "signer", "keeper", "courier", "seccomp", "landlock"):
        assert word in text.lower()
