"""Reloads of every kind, and a keeper that dies, under clients of every kind: none of them may notice.

The ordinary run is short and gentle; ./dev storm (POSTERN_LONG=1) is what the numbers in bench/RESULTS.md
come from: 500 new TLS connections a second for a minute.
"""
import itertools
import os
import shutil
import signal
import time

import pytest

import stack as harness
from stack import free_port, wait_for
from storm import Storm, cloudless, complaints

LONG = os.environ.get("POSTERN_LONG") == "1"
SECONDS, RATE, RELOADS = (60, 500, 20) if LONG else (9, 60, 6)


@pytest.fixture
def site():
    s = harness.Stack(edges=2, extra_yaml="\nlimits: {connections_per_source: 20000}\n")
    console = None
    try:
        console, s.admin = cloudless(s)
        s.original = s.config.read_text()
        yield s
    finally:
        s.close()
        if console:
            console.close()


def changes(site):
    """One file after another: a limit, an upstream on a new port, a listener more, none of it any more."""
    listener = f"\n  - {{name: more, address: 127.0.0.1:{free_port()}}}\n"
    for n in itertools.count():
        yield site.original.replace("limits: {", f"limits: {{header_timeout: {11 + n}s, ")
        yield site.original + f"\nroutes: {{extra: {{host: extra.test, upstream: 'http://127.0.0.1:{20001 + n}'}}}}\n"
        yield site.original.replace("\nlisteners:\n", f"\nlisteners:{listener}", 1)
        yield site.original


def tell(what, tally):
    print(f"\n{what}: " + ", ".join(f"{kind} {t['good']} of {t['begun']}, worst {t['worst_ms']} ms"
                                    for kind, t in tally.items()))


def test_nobody_notices_reloads(site):
    storm = Storm(site, site.admin).begin(seconds=SECONDS, rate=RATE)
    for text in itertools.islice(changes(site), RELOADS):
        begin = time.monotonic()
        site.config.write_text(text)
        site.cli("reload")
        time.sleep(max(0.0, (SECONDS - 2) / RELOADS - (time.monotonic() - begin)))
    tally = storm.end()
    tell(f"{RELOADS} reloads", tally)
    assert not complaints(tally), (tally, storm.errors[:4000])
    assert tally["new"]["good"] > SECONDS * RATE / 2 and tally["post"]["good"] and tally["keep"]["good"]
    assert tally["socket"]["begun"] == 50, "every WebSocket lived through all of it"
    assert tally["socket"]["frames"] - tally["socket"]["echoes"] <= 50 < tally["socket"]["frames"], \
        "but for the last ones, which were on their way"


def test_nobody_notices_a_keeper_that_dies(site):
    storm = Storm(site, site.admin).begin(seconds=SECONDS // 2 + 2, rate=RATE)
    keeper = site.pids("keeper")[0]
    time.sleep(1)
    os.kill(keeper, signal.SIGKILL)
    wait_for(lambda: site.pids("keeper") not in ([], [keeper]))
    tally = storm.end()
    tell("a dead keeper", tally)
    assert not complaints(tally), (tally, storm.errors[:4000])
    assert tally["socket"]["begun"] == 50


def test_nobody_notices_an_upgrade_of_all_programs(site):
    storm = Storm(site, site.admin).begin(seconds=SECONDS // 2 + 3, rate=RATE)
    before = {p["pid"] for p in site.doctor()["processes"]}
    time.sleep(1)
    began = time.monotonic()
    site.cli("upgrade")
    took = time.monotonic() - began
    time.sleep(1)
    # And a version that does not work: its keeper ends, the old one comes back.
    program = harness.LIBEXEC / "postern-keeper"
    kept = program.with_name("kept")
    program.rename(kept)
    try:
        shutil.copy("/bin/false", program)
        assert site.cli("upgrade", check=False).returncode != 0
    finally:
        kept.rename(program)
    tally = storm.end()
    tell(f"an upgrade in {took * 1000:.0f} ms and one that failed", tally)
    assert not complaints(tally), (tally, storm.errors[:4000])
    assert tally["socket"]["begun"] == 50, "every WebSocket lived through it, on the old edges"
    after = site.doctor()["processes"]
    assert len(before & {p["pid"] for p in after if p["state"] == "serving"}) == 1, "the supervisor alone"


def test_nobody_notices_a_version_that_speaks_another_language(site):
    """Its edges can not be told anything by the new one: they finish what runs, for half a minute."""
    storm = Storm(site, site.admin).begin(seconds=SECONDS // 2 + 3, rate=RATE)
    before = {p["pid"] for p in site.doctor()["processes"]}
    program = harness.LIBEXEC / "postern-supervisor"
    kept = program.with_name("kept")
    time.sleep(1)
    program.rename(kept)
    try:
        shutil.copy(harness.BUILD / "tests/unit/supervisor/supervisor_next", program)
        began = time.monotonic()
        site.cli("upgrade")
        took = time.monotonic() - began
    finally:
        kept.rename(program)
    tally = storm.end()
    tell(f"an upgrade to another language in {took * 1000:.0f} ms", tally)
    assert not complaints(tally), (tally, storm.errors[:4000])
    if not LONG:
        assert tally["socket"]["begun"] == 50
    after = site.doctor()["processes"]
    assert len(before & {p["pid"] for p in after if p["state"] == "serving"}) == 1
