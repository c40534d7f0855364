"""The store under duress: no room, a lock, a read-only disk, damage, another's schema, a trail that was touched.

Each time the same questions: is what was acknowledged still there, does the refusal say why, do consoles with a
warm session go on, does nobody get in who may not, and is everything well once the cause has gone?
"""
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

import stack as harness
from stack import Person, Recorder, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")


class Disk(harness.Stack):
    """A stack whose state lives on a small disk of its own."""

    def init(self):
        self.state.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", str(self.state)], check=True)
        return super().init()

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.state)], check=True)

    def close(self):
        try:
            self.stop()
        finally:
            subprocess.run(["umount", "-l", str(self.state)], check=False)
            shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def site():
    try:
        s = Disk(edges=1)
    except subprocess.CalledProcessError:
        pytest.skip("file systems cannot be mounted here")
    with harness.loaded(s, Recorder()) as s:
        yield s


def warm(site):
    return site.admin.request("GET", site.console_url("load", "/"), navigate=False,
                              headers=[("Sec-Fetch-Site", "same-origin")])


def add_group(site, name):
    return site.cli("group", "add", name, check=False)


def groups(site):
    return {g["name"] for g in site.json("group", "list")["groups"]}


def whole(site, *acknowledged):
    """Everything is as it should be, and takes changes again."""
    name = f"after{time.monotonic_ns()}"
    wait_for(lambda: add_group(site, name).returncode == 0, 10, every=0.3)
    have = groups(site)
    assert set(acknowledged) | {name} <= have, have
    verified = site.json("audit", "verify")
    assert verified["intact"], verified
    assert warm(site).status == 200
    assert site.user(f"u{time.monotonic_ns()}").login().status == 303


def refused(site, name):
    """Nothing can be written: it is said, in time, and consoles go on."""
    begin = time.monotonic()
    done = add_group(site, name)
    assert done.returncode != 0
    assert time.monotonic() - begin < 8
    assert done.stderr.strip(), "a refusal says something"
    login = Person(site, "owner", site.admin.secret).login("123456")
    assert login.status == 503, login
    assert "Set-Cookie" not in dict(login.headers)
    assert warm(site).status == 200, "a warm session needs no disk"
    assert site.anonymous("GET", site.portal + "/healthz").status == 200
    return done.stderr


def test_a_full_disk_is_said_and_loses_nothing_that_was_acknowledged(site):
    kept = []
    ballast = site.state / "ballast"
    with open(ballast, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(65536))
        except OSError:
            pass
        try:
            while True:
                f.write(b"x")
        except OSError:
            pass
    failed = 0
    for i in range(3000):
        name = f"full{i}"
        if add_group(site, name).returncode == 0:
            kept.append(name)
        else:
            failed += 1
            if failed == 3:
                break
    assert failed == 3
    said = refused(site, "full-more")
    print("\nfull disk:", said.strip(), "after", len(kept), "more groups")
    ballast.unlink()
    whole(site, *kept)


def test_another_process_that_holds_the_store_costs_no_more_than_its_changes(site):
    assert add_group(site, "before-lock").returncode == 0
    other = sqlite3.connect(site.state / "store/postern.db", isolation_level=None, timeout=10)
    try:
        other.execute("BEGIN EXCLUSIVE")
        said = refused(site, "while-locked")
        print("\nlocked:", said.strip())
        assert site.admin.request("GET", site.portal + "/api/v1/whoami", navigate=False,
                                  headers=[("Sec-Fetch-Site", "same-origin")]).status in (200, 503)
        other.execute("ROLLBACK")
    finally:
        other.close()
    whole(site, "before-lock")
    assert "while-locked" not in groups(site)


def test_a_disk_that_became_read_only_fails_closed(site):
    assert add_group(site, "before-ro").returncode == 0

    def made_read_only():
        """Files that are open for writing forbid it, so the keeper has to be away for that moment."""
        for pid in site.pids("keeper"):
            os.kill(pid, signal.SIGKILL)
        return subprocess.run(["mount", "-o", "remount,ro", str(site.state)], capture_output=True).returncode == 0
    wait_for(made_read_only, 10)
    try:
        time.sleep(0.5)
        done = add_group(site, "ro")
        assert done.returncode != 0 and done.stderr.strip()
        print("\nread-only:", done.stderr.strip())
        login = Person(site, "owner", site.admin.secret).login("123456")
        assert login.status == 503
        assert warm(site).status in (200, 503)
    finally:
        site.remount("rw")
    whole(site, "before-ro")


def test_a_trail_whose_head_is_touched_alarms_and_serves(site):
    head = site.state / "store/audit.head"
    text = head.read_text()
    log = site.log_path.read_text()
    head.unlink()
    assert add_group(site, "headless").returncode == 0
    wait_for(lambda: "audit_alarm" in site.log_path.read_text()[len(log):])
    verified = site.cli("audit", "verify", "--json", check=False)
    assert '"intact":true' not in verified.stdout.replace(" ", ""), verified.stdout
    assert not head.exists(), "the evidence stays"
    # Written by hand again, an older head is a prefix of the trail: it catches up.
    head.write_text(text)
    shutil.chown(head, "postern", "postern")
    head.chmod(0o600)
    whole(site, "headless")


def test_a_rewritten_head_alarms_at_start_and_while_running(site):
    head = site.state / "store/audit.head"
    text = head.read_text()
    bad = re.sub(r"hash [0-9a-f]{8}", "hash 00000000", text)
    head.write_text(bad)
    log = len(site.log_path.read_text())
    assert add_group(site, "rewritten").returncode == 0
    assert head.read_text() == bad, "the evidence stays"
    assert site.cli("audit", "verify", check=False).returncode != 0
    site.stop()
    site.start()
    wait_for(lambda: "audit_alarm" in site.log_path.read_text()[log:])
    assert head.read_text() == bad
    assert site.json("health")["status"] == "audit alarm"
    head.write_text(text)
    shutil.chown(head, "postern", "postern")
    site.stop()
    site.start()
    whole(site, "rewritten")


def start_fails(site):
    mark = len(site.log_path.read_text())
    begin = time.monotonic()
    with open(site.log_path, "ab") as log:
        done = subprocess.run([str(harness.LIBEXEC / "postern"), "serve", "--config", str(site.config)],
                              env=site.env, stderr=log, stdout=log, timeout=20)
    assert done.returncode != 0
    assert time.monotonic() - begin < 15
    return site.log_path.read_text()[mark:]


def test_what_is_not_our_store_is_not_served(site):
    site.stop()
    store = site.state / "store/postern.db"
    good = store.read_bytes()
    rest = {p: p.read_bytes() for p in (site.state / "store").glob("postern.db-*")}

    def put(data):
        for p in (site.state / "store").glob("postern.db-*"):
            p.unlink()
        store.write_bytes(data)
    other = sqlite3.connect(store)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    version = other.execute("PRAGMA user_version").fetchone()[0]
    other.execute(f"PRAGMA user_version={version + 1}")
    other.commit()
    other.close()
    said = start_fails(site)
    assert "newer postern" in said, said
    try:
        put(good[:100] + bytes(4096 - 100) + good[4096:])
        said = start_fails(site)
        print("\nzeroed page:", [l for l in said.splitlines() if "error" in l.lower()][:2])
        assert "postern.db" in said
        put(b"this is not a database at all" * 200)
        assert "postern.db" in start_fails(site)
        put(b"")
        assert "empty" in start_fails(site)
        store.unlink()
        said = start_fails(site)
        assert "postern.db" in said and not store.exists(), "nothing is made in its place"
        put(good)
        store.chmod(0o644)
        shutil.chown(store, "postern", "postern")
        assert "0600" in start_fails(site)
    finally:
        put(good)
        store.chmod(0o600)
        shutil.chown(store, "postern", "postern")
        for p, data in rest.items():
            p.write_bytes(data)
            p.chmod(0o600)
            shutil.chown(p, "postern", "postern")
    site.start()
    whole(site)
