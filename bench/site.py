#!/usr/bin/env python3
"""A large site: 300 consoles, 500 administrators, 2,000 rules, a month of records.

    ./dev bench site [ACCESS [AUDIT [CHANGES]]]

First the records, in a store of their own (13 million access and 10 million audit records unless told,
about 7 GB in build/site, kept for the next run): every list and search, and a simulation over 30 days.
Then a service with the consoles, people and rules in its store, whose owner changes one rule after another;
how long each takes until it is in force on every edge is what the keeper measures itself (health, policy_changes),
beside what the owner's client sees.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/integration"))
import stack as harness  # noqa: E402

CONSOLES, PEOPLE, TEAMS, RULES = 300, 500, 50, 2000


def records(access, audit):
    bench = TOP / "build/release/bench/records_bench"
    place = TOP / "build/site"
    known = place / f"filled-{access}-{audit}"
    if not known.exists():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in place.iterdir():
            old.unlink()
        subprocess.run([bench, "fill", place, str(access), str(audit)], check=True)
        known.touch()
    subprocess.run([bench, "lists", place, "100"], check=True)
    subprocess.run([bench, "replay", place, "30"], check=True)


def api(who, method, path, body=None):
    text = b"" if body is None else json.dumps(body).encode()
    headers = [("Sec-Fetch-Site", "same-origin")] + ([("Content-Type", "application/json")] if text else [])
    answer = who.request(method, who.stack.portal + "/api/v1" + path, navigate=False, body=text, headers=headers)
    assert answer.status < 300, answer
    return answer.json()


def rule(n, team):
    return {"name": f"rule-{n}", "groups": [f"team-{n % TEAMS}", f"team-{team}"], "zones": ["local"],
            "routes": [f"console-{n % CONSOLES}"], "paths": ["/manager/**"]}


def furnish(s):
    for n in range(TEAMS):
        s.cli("group", "add", f"team-{n}")
    for n in range(PEOPLE):
        s.cli("user", "add", f"person-{n}", "--group", f"team-{n % TEAMS}", "--group", "administrators")
    routes = [{"name": f"console-{n}", "host": f"console-{n}.postern.localhost", "upstream": "http://127.0.0.1:9"}
              for n in range(CONSOLES)]
    for at in range(0, CONSOLES, 100):
        api(s.admin, "POST", "/apply", {"routes": routes[at:at + 100]})
    for at in range(0, RULES, 200):
        api(s.admin, "POST", "/apply", {"rules": [rule(n, 7) for n in range(at, at + 200)]})


def changes(count):
    up = harness.Recorder()
    with harness.loaded(harness.Stack(edges=2), up) as s:
        begun = time.monotonic()
        furnish(s)
        print(f"{CONSOLES} consoles, {PEOPLE} administrators, {RULES} rules stored in "
              f"{time.monotonic() - begun:.0f} s", flush=True)
        took = []
        for n in range(count):
            begun = time.monotonic()
            api(s.admin, "PUT", f"/rules/rule-{n % RULES}", rule(n % RULES, n % TEAMS))
            took.append((time.monotonic() - begun) * 1000)
        took.sort()
        print(f"{count} changes, 2 edges: client p50 {statistics.median(took):.0f} ms, "
              f"p99 {took[len(took) * 99 // 100]:.0f} ms, most {took[-1]:.0f} ms")
        print("health, policy_changes:", api(s.admin, "GET", "/health")["policy_changes"])
    up.close()


def main():
    words = [int(w) for w in sys.argv[1:]]
    access, audit, count = words + [13_000_000, 10_000_000, 300][len(words):]
    if access > 0:
        records(access, audit)
    changes(count)


if __name__ == "__main__":
    main()
