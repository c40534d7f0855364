"""What a thousand reloads leave behind: nothing. POSTERN_LONG=1 does a thousand, the ordinary run a hundred."""
import itertools
import os
import pathlib
import re

import pytest

import stack as harness
from stack import Recorder, free_port, wait_for

RELOADS = 1000 if os.environ.get("POSTERN_LONG") == "1" else int(os.environ.get("POSTERN_RELOADS", "100"))


@pytest.fixture
def site():
    with harness.loaded(harness.Stack(edges=2), Recorder()) as s:
        s.original = s.config.read_text()
        yield s


def footprint(site):
    """Per role, of all its processes: how many, their descriptors, their private memory in KiB."""
    roles = {}
    for p in site.doctor()["processes"]:
        proc = pathlib.Path(f"/proc/{p['pid']}")
        memory = sum(int(n) for n in re.findall(r"^Private_\w+:\s+(\d+)", (proc / "smaps_rollup").read_text(), re.M))
        count, fds, kib = roles.get(p["role"], (0, 0, 0))
        roles[p["role"]] = (count + 1, fds + len(os.listdir(proc / "fd")), kib + memory)
    return roles


def rest(site):
    """When nobody drains any more."""
    wait_for(lambda: len(site.doctor()["processes"]) == 6 and footprint(site)["edge"][0] == 2, 30)
    return footprint(site)


def limits_and_zones(site):
    for n in itertools.count():
        yield site.original + f"\nlimits: {{header_timeout: {11 + n % 50}s}}\n"
        yield site.original + f"\nzones: {{z{n}: [10.{n % 200}.0.0/16]}}\n"


def ports_and_listeners(site):
    """A listener that goes brings new edges, and so does an upstream on a new port."""
    port = free_port()
    for n in itertools.count():
        yield site.original.replace("\nlisteners:\n", f"\nlisteners:\n  - {{name: more, address: 127.0.0.1:{port}}}\n")
        yield site.original + f"\nroutes: {{e: {{host: e.test, upstream: 'http://127.0.0.1:{20001 + n}'}}}}\n"


def measured(site, texts, warm, count):
    def go_through(texts):
        for text in texts:
            site.config.write_text(text)
            site.cli("reload")
        return rest(site)
    before = go_through(itertools.islice(texts, warm))
    after = go_through(itertools.islice(texts, count))
    print(f"\n{count} reloads:", {role: f"{before[role]} -> {after[role]}" for role in before})
    assert site.admin.get(site.console_url("load", "/")).status == 200
    for role, (processes, fds, _) in after.items():
        assert processes == before[role][0]
        # One more or less is a question of the moment: a connection of the command line.
        assert fds <= before[role][1] + 2, (role, before, after)
    return {role: after[role][2] - before[role][2] for role in after}


def test_reloads_leave_nothing_behind(site):
    grown = measured(site, limits_and_zones(site), max(50, RELOADS // 4), RELOADS)
    # The heap settles within the first hundreds of KiB; one slice forgotten at each reload would be several.
    assert all(kib <= 600 + RELOADS for kib in grown.values()), grown


def test_new_generations_of_edges_leave_nothing_behind_in_the_others(site):
    grown = measured(site, ports_and_listeners(site), 10, RELOADS // 5)
    assert all(kib <= 600 + RELOADS for role, kib in grown.items() if role != "edge"), grown
