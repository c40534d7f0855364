"""Versions of the policy: several changes at once, going back, and what has to be confirmed.

The supervisor is played by the test, so that a change can be refused, left hanging, or cut off by the death of the
keeper between any two of its steps.
"""
import json
import os
import signal
import sqlite3
import time

import pytest

from ipcwire import Closed
from test_keeper import CONSOLE, Keeper, edge, keeper, owner  # noqa: F401 (fixtures)

ZONE = {"cidrs": ["10.0.0.0/8"]}


def zone(name, *cidrs):
    return {"name": name, "cidrs": list(cidrs)}


def rule(name, **more):
    return {"name": name, "users": ["bob"], "zones": ["local"], "routes": ["tomcat"], **more}


def ask(keeper, method, path, body=None, query="", control=None):
    """A change by the host that every process takes."""
    control = control or keeper.control()
    control.send(method, "/api/v1" + path, body, query)
    keeper.settle()
    return control.receive()


def apply(keeper, **body):
    status, answer = ask(keeper, "POST", "/apply", body)
    assert status == 200, answer
    return answer


def get(keeper, path, query=""):
    control = keeper.control()
    status, answer = control.ask("GET", path, query=query)
    control.close()
    assert status == 200, answer
    return answer


def stored(keeper):
    rows = sqlite3.connect(keeper.store).execute("select kind, name, doc from resources order by seq")
    return [(kind, name, json.loads(doc)) for kind, name, doc in rows]


def names(keeper, kind):
    return [name for of, name, _ in stored(keeper) if of == kind]


def die(keeper):
    keeper.process.send_signal(signal.SIGKILL)
    keeper.process.wait(30)
    keeper.process = None
    keeper.supervisor.close()
    keeper.log.close()


def expect_snapshot(keeper, seconds=20):
    snapshot = keeper.supervisor.expect("snapshot", seconds)
    os.close(snapshot.fd)
    return snapshot


def finish(keeper, snapshot):
    keeper.supervisor.ask("commit", number=snapshot.number)
    keeper.supervisor.send("settled", number=snapshot.number)


# ---- what a version tells ------------------------------------------------------------------------


def test_a_change_is_a_version_with_author_reason_and_lines(keeper, edge, owner):
    before = get(keeper, "/policy")["version"]
    serial = edge.verb(CONSOLE, owner.console, "PUT", "/api/v1/zones/office", ZONE, answer=False)
    keeper.settle()
    assert edge.page(serial).status == 201
    status, _ = ask(keeper, "PUT", "/zones/office", {"cidrs": ["10.1.0.0/16", "10.2.0.0/16"]}, "comment=two%20floors")
    assert status == 200
    versions = get(keeper, "/versions")["versions"]
    assert [(v["author"], v["cause"], v["comment"]) for v in versions[:2]] == [
        ("host", "api", "two floors"), ("owner", "api", ""),
    ]
    assert versions[0]["number"] == before + 2 == get(keeper, "/policy")["version"]
    assert versions[0]["changes"] == [{"kind": "zone", "name": "office", "action": "changed"}]
    one = get(keeper, "/versions/%d" % (before + 2))["changes"][0]
    assert one["before"]["cidrs"] == ZONE["cidrs"] and one["after"]["cidrs"] == ["10.1.0.0/16", "10.2.0.0/16"]
    assert {"op": "-", "text": '  - "10.0.0.0/8"'} in one["lines"]
    assert {"op": "+", "text": '  - "10.2.0.0/16"'} in one["lines"]
    assert {"op": " ", "text": 'name: "office"'} in one["lines"]


def test_what_the_file_changes_is_a_version_too(keeper):
    first = get(keeper, "/versions")["versions"][0]
    assert first["cause"] == "file" and first["count"] == 3
    with open(keeper.config, "a", encoding="utf-8") as file:
        file.write("zones:\n  lab: [10.9.0.0/16]\n")
    keeper.configure(2)
    versions = get(keeper, "/versions")["versions"]
    assert versions[0]["changes"] == [{"kind": "zone", "name": "lab", "action": "added"}]
    # The same file again, and another keeper with the same file, change nothing.
    keeper.configure(3)
    keeper.stop()
    keeper.start()
    assert get(keeper, "/versions")["versions"][0] == versions[0]


def test_the_same_again_is_no_version(keeper):
    ask(keeper, "PUT", "/zones/office", ZONE)
    before = get(keeper, "/policy")["version"]
    # With every key said, as a read gives it.
    whole = get(keeper, "/zones/office")
    status, _ = keeper.control().ask("PUT", "/zones/office", whole)
    assert status == 200 and get(keeper, "/policy")["version"] == before


def test_a_removal_with_an_empty_body_removes(keeper):
    ask(keeper, "PUT", "/zones/office", ZONE)
    assert ask(keeper, "DELETE", "/zones/office", {})[0] == 200 and names(keeper, "zone") == []


# ---- several at once -----------------------------------------------------------------------------


def test_an_apply_is_one_version_or_nothing(keeper):
    ask(keeper, "PUT", "/zones/old", ZONE)
    answer = apply(keeper, zones=[zone("a", "10.1.0.0/16"), zone("b", "10.2.0.0/16")], rules=[rule("r", zones=["a"])],
                   comment="all of it")
    assert [(c["kind"], c["name"], c["action"]) for c in answer["changes"]] == [
        ("zone", "a", "added"), ("zone", "b", "added"), ("rule", "r", "added"),
    ]
    assert get(keeper, "/policy")["version"] == answer["version"]
    was = stored(keeper)
    control = keeper.control()
    for body, status in (
        ({"zones": [zone("c", "10.3.0.0/16")], "rules": [rule("s", zones=["nowhere"])]}, 422),
        ({"zones": [zone("c", "10.3.0.0/16"), zone("d", "300.0.0.0/8")]}, 422),
        ({"zones": [zone("c", "10.3.0.0/16"), zone("c", "10.4.0.0/16")]}, 422),
        ({"zones": [zone("c", "10.3.0.0/16"), {"cidrs": ["10.4.0.0/16"]}]}, 422),
        ({"zones": [zone("c", "10.3.0.0/16"), "d"]}, 400),
        ({"zones": {"c": ["10.3.0.0/16"]}}, 400),
        ({"zones": [zone("local", "10.0.0.0/8")]}, 422),
        ({"routes": [{"name": "tomcat", "host": "x.postern.localhost", "upstream": "http://127.0.0.1:1"}]}, 422),
        ({"zone": []}, 400),
        ({"prune": "yes", "zones": []}, 400),
        ({"confirm": "5x", "zones": []}, 400),
        ({"confirm": "1s", "zones": []}, 400),
        ({"confirm": 300, "zones": []}, 400),
        ({"comment": "x" * 2000, "zones": []}, 400),
        ({"base": "1", "zones": []}, 400),
        ({"base": 0, "zones": [zone("c", "10.3.0.0/16")]}, 412),
        ({"prune": True, "zones": []}, 422),
    ):
        got, problem = control.ask("POST", "/apply", body)
        assert got == status, (body, problem)
        assert problem["detail"]
        assert stored(keeper) == was, body
    assert get(keeper, "/policy")["version"] == answer["version"]


def test_a_dry_run_says_what_would_be_and_does_nothing(keeper):
    was, version = stored(keeper), get(keeper, "/policy")["version"]
    control = keeper.control()
    status, answer = control.ask("POST", "/apply", {"dry_run": True, "zones": [zone("a", "10.1.0.0/16")]})
    assert status == 200 and answer["version"] is None and answer["changes"][0]["name"] == "a"
    status, answer = control.ask("PUT", "/zones/b", ZONE, query="dry_run=1")
    assert status == 200 and answer["changes"][0]["action"] == "added"
    status, answer = control.ask("POST", "/apply", {"dry_run": True, "zones": [zone("a", "10.1.0.1/16")]})
    assert status == 422
    assert stored(keeper) == was and get(keeper, "/policy")["version"] == version
    status, _ = control.ask("PUT", "/zones/b", ZONE, query="dry_run=maybe")
    assert status == 400


def test_an_export_comes_back_as_it_was(keeper):
    apply(keeper, zones=[zone("a", "10.1.0.0/16")], rules=[rule("r1"), rule("r2", methods=["GET"])])
    export = get(keeper, "/export")
    assert [z["name"] for z in export["zones"]] == ["a"] and [r["name"] for r in export["rules"]] == ["r1", "r2"]
    everything = get(keeper, "/export", "all=1")
    assert {r["name"]: r.get("origin") for r in everything["routes"]} == {"tomcat": "file", "bare": "file"}
    for body in (export, everything):
        status, answer = keeper.control().ask("POST", "/apply", {**body, "prune": True})
        assert status == 200 and answer["version"] is None and answer["changes"] == [], answer


def test_a_whole_site_is_one_change(keeper):
    """300 consoles and 2,000 rules, more than a body over HTTPS may have, by the control socket."""
    site = {
        "routes": [{"name": "c%d" % i, "host": "c%d.postern.localhost" % i, "upstream": "http://127.0.0.1:%d" % (10000 + i)}
                   for i in range(300)],
        "rules": [rule("r%d" % i, routes=["c%d" % (i % 300)], methods=["GET", "POST"], paths=["/a/%d/**" % i])
                  for i in range(2000)],
    }
    keeper.supervisor.sock.settimeout(60)
    control = keeper.control()
    control.sock.settimeout(60)
    control.send("POST", "/api/v1/apply", site)
    finish(keeper, expect_snapshot(keeper, 60))
    status, answer = control.receive()
    assert status == 200 and len(answer["changes"]) == 2300 and answer["more"] == 0
    export = get(keeper, "/export")
    assert export["rules"] == site["rules"]
    # The same again is nothing, and one of them is one.
    status, answer = control.ask("POST", "/apply", {**export, "prune": True})
    assert status == 200 and answer["version"] is None
    assert ask(keeper, "PUT", "/rules/r1999", rule("r1999", routes=["c1"]))[0] == 200
    assert ask(keeper, "POST", "/versions/%d/rollback" % (get(keeper, "/policy")["version"] - 2), {})[0] == 200
    assert stored(keeper) == []
    # A frame past the limit ends the connection, and nothing else.
    big = keeper.control()
    try:
        big.send("POST", "/api/v1/apply", {"comment": "x" * (5 * 1024 * 1024)})
        big.receive()
        raise AssertionError("it was taken")
    except (Closed, OSError):
        pass
    assert get(keeper, "/policy")


def test_pruning_leaves_what_the_body_says_in_its_order(keeper):
    apply(keeper, zones=[zone("z", "10.1.0.0/16")], rules=[rule("a"), rule("b"), rule("c"), rule("d")])
    answer = apply(keeper, prune=True, rules=[rule("a"), rule("d"), rule("e"), rule("b")])
    assert names(keeper, "rule") == ["a", "d", "e", "b"]
    assert {(c["name"], c["action"]) for c in answer["changes"]} == {
        ("c", "removed"), ("e", "added"), ("b", "moved"),
    }
    # A kind that the body does not name is left alone.
    assert names(keeper, "zone") == ["z"]
    assert [r["name"] for r in get(keeper, "/rules")["rules"]] == ["admins", "a", "d", "e", "b"]


def test_of_two_who_have_seen_the_same_version_one_wins(keeper):
    base = get(keeper, "/policy")["version"]
    controls = [keeper.control() for _ in range(4)]
    for i, control in enumerate(controls):
        control.send("POST", "/api/v1/apply", {"base": base, "zones": [zone("z%d" % i, "10.%d.0.0/16" % i)]})
    finish(keeper, expect_snapshot(keeper))
    assert sorted(control.receive()[0] for control in controls) == [200, 412, 412, 412]
    assert len(names(keeper, "zone")) == 1


# ---- what does not come into force ---------------------------------------------------------------


def test_a_refused_apply_leaves_everything_as_it_was_places_included(keeper):
    apply(keeper, zones=[zone("z", "10.1.0.0/16")], rules=[rule("a"), rule("b"), rule("c")])
    was, version = stored(keeper), get(keeper, "/policy")["version"]
    control = keeper.control()
    control.send("POST", "/api/v1/apply", {
        "prune": True, "zones": [zone("z", "10.9.0.0/16"), zone("y", "10.8.0.0/16")], "rules": [rule("c"), rule("a")],
    })
    snapshot = expect_snapshot(keeper)
    assert stored(keeper) != was
    keeper.supervisor.send("abort", number=snapshot.number, reason="edge 2: no memory")
    status, problem = control.receive()
    assert status == 409 and "edge 2: no memory" in problem["detail"]
    assert stored(keeper) == was and get(keeper, "/policy")["version"] == version
    assert get(keeper, "/zones/z")["cidrs"] == ["10.1.0.0/16"]
    newest = get(keeper, "/versions")["versions"][0]
    assert newest["state"] == "undone" and newest["number"] == version + 1
    # The next one is made, and its number was never used before.
    assert apply(keeper, zones=[zone("y", "10.8.0.0/16")])["version"] == version + 2


def test_a_removed_rule_that_comes_back_has_its_old_place(keeper):
    apply(keeper, rules=[rule("a"), rule("b"), rule("c")])
    control = keeper.control()
    control.send("DELETE", "/api/v1/rules/a")
    snapshot = expect_snapshot(keeper)
    keeper.supervisor.send("abort", number=snapshot.number, reason="no")
    assert control.receive()[0] == 409
    assert names(keeper, "rule") == ["a", "b", "c"]


@pytest.mark.parametrize("step", ["made", "committed"])
def test_a_keeper_that_dies_before_everybody_has_a_change_starts_with_the_old_state(keeper, step):
    apply(keeper, rules=[rule("a"), rule("b")])
    was, version = stored(keeper), get(keeper, "/policy")["version"]
    control = keeper.control()
    control.send("POST", "/api/v1/apply", {"prune": True, "rules": [rule("b")], "zones": [zone("z", "10.0.0.0/8")]})
    snapshot = expect_snapshot(keeper)
    if step == "committed":
        keeper.supervisor.ask("commit", number=snapshot.number)
    die(keeper)
    assert stored(keeper) != was
    keeper.start()
    assert stored(keeper) == was
    assert get(keeper, "/policy")["version"] == version
    assert [r["name"] for r in get(keeper, "/rules")["rules"]] == ["admins", "a", "b"]
    audit = get(keeper, "/audit", "event=change.undone")["records"]
    assert audit[0]["target"] == "version %d" % (version + 1)


def test_a_change_that_was_answered_survives_the_death_of_the_keeper(keeper):
    answer = apply(keeper, zones=[zone("z", "10.0.0.0/8")])
    die(keeper)
    keeper.start()
    assert names(keeper, "zone") == ["z"] and get(keeper, "/policy")["version"] == answer["version"]


# ---- going back ----------------------------------------------------------------------------------


def test_any_version_can_be_gone_back_to(keeper):
    first = get(keeper, "/policy")["version"]
    states = {first: stored(keeper)}
    for body in (
        {"zones": [zone("a", "10.1.0.0/16"), zone("b", "10.2.0.0/16")], "rules": [rule("x"), rule("y"), rule("z")]},
        {"prune": True, "rules": [rule("z"), rule("x")]},
        {"prune": True, "zones": [zone("b", "10.3.0.0/16")]},
        {"prune": True, "zones": [], "rules": [rule("w")]},
    ):
        version = apply(keeper, **body)["version"]
        states[version] = stored(keeper)
    assert len(states) == 5
    for version in [first, *reversed(list(states)), *states]:
        control = keeper.control()
        if stored(keeper) == states[version]:
            status, answer = control.ask("POST", "/versions/%d/rollback" % version, {})
            assert status == 200 and answer["version"] is None
            continue
        status, answer = ask(keeper, "POST", "/versions/%d/rollback" % version, {"comment": "back"})
        assert status == 200 and stored(keeper) == states[version], version
        assert get(keeper, "/versions")["versions"][0]["cause"] == "rollback"
    control = keeper.control()
    for wrong in ("99999", "x", "-1", "18446744073709551616"):
        assert control.ask("POST", "/versions/%s/rollback" % wrong, {})[0] == 404, wrong


# ---- to be confirmed -----------------------------------------------------------------------------


def test_what_is_confirmed_stays(keeper):
    answer = apply(keeper, zones=[zone("z", "10.0.0.0/8")], confirm="10s")
    assert answer["confirm_within"] == 10
    pending = get(keeper, "/policy")["pending"]
    assert pending["version"] == answer["version"] and 1 <= pending["seconds_left"] <= 10
    status, _ = keeper.control().ask("POST", "/versions/%d/confirm" % answer["version"], {})
    assert status == 200 and get(keeper, "/policy")["pending"] is None
    with pytest.raises(TimeoutError):
        keeper.supervisor.expect("snapshot", 11)
    assert names(keeper, "zone") == ["z"]
    assert keeper.control().ask("POST", "/versions/%d/confirm" % answer["version"], {})[0] == 409


def test_what_nobody_confirms_is_taken_back(keeper):
    apply(keeper, rules=[rule("a"), rule("b")])
    was = stored(keeper)
    answer = apply(keeper, prune=True, rules=[rule("b")], confirm="10s")
    snapshot = expect_snapshot(keeper, 40)
    # Too late: it is on its way out.
    late = keeper.control()
    late.send("POST", "/api/v1/versions/%d/confirm" % answer["version"], {})
    finish(keeper, snapshot)
    assert late.receive()[0] == 409
    assert stored(keeper) == was and get(keeper, "/policy")["pending"] is None
    newest = get(keeper, "/versions")["versions"][0]
    assert newest["cause"] == "expired" and newest["author"] == "postern"
    assert get(keeper, "/audit", "event=policy.expired")["records"]


def test_while_one_waits_nothing_else_is_changed_but_going_back(keeper):
    before = get(keeper, "/policy")["version"]
    waiting = apply(keeper, zones=[zone("z", "10.0.0.0/8")], confirm="1h")["version"]
    control = keeper.control()
    assert control.ask("PUT", "/zones/y", ZONE)[0] == 409
    assert control.ask("DELETE", "/zones/z")[0] == 409
    assert control.ask("POST", "/apply", {"zones": [zone("y", "10.0.0.0/8")]})[0] == 409
    assert control.ask("PUT", "/zones/y", ZONE, query="dry_run=1")[0] == 200
    assert control.ask("POST", "/versions/%d/rollback" % waiting, {})[0] == 409
    assert control.ask("POST", "/versions/%d/confirm" % before, {})[0] == 409
    status, _ = ask(keeper, "POST", "/versions/%d/rollback" % before, {})
    assert status == 200 and names(keeper, "zone") == []
    assert get(keeper, "/policy")["pending"] is None
    assert ask(keeper, "PUT", "/zones/y", ZONE)[0] == 201


def deadline(keeper, version, by):
    base = sqlite3.connect(keeper.store)
    base.execute("update versions set confirm_by = ? where number = ?", (by, version))
    base.commit()
    base.close()


def test_a_deadline_that_passed_while_nobody_ran_counts_at_the_start(keeper):
    version = apply(keeper, zones=[zone("z", "10.0.0.0/8")], confirm="1h")["version"]
    die(keeper)
    deadline(keeper, version, int(time.time()) - 1)
    keeper.start()
    finish(keeper, expect_snapshot(keeper))
    assert wait_for_version(keeper, "expired") and names(keeper, "zone") == []


def wait_for_version(keeper, cause):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if get(keeper, "/versions")["versions"][0]["cause"] == cause:
            return True
    return False


def test_a_clock_that_was_set_back_gives_no_more_time_than_was_given(keeper):
    version = apply(keeper, zones=[zone("z", "10.0.0.0/8")], confirm="10m")["version"]
    die(keeper)
    # As after an hour of time travel while the keeper was down.
    deadline(keeper, version, int(time.time()) + 4200)
    keeper.start()
    pending = get(keeper, "/policy")["pending"]
    assert pending["version"] == version and 500 <= pending["seconds_left"] <= 600


def test_a_taking_back_that_is_refused_stays_due(keeper):
    version = apply(keeper, zones=[zone("z", "10.0.0.0/8")], confirm="1h")["version"]
    die(keeper)
    deadline(keeper, version, int(time.time()) - 1)
    keeper.start()
    snapshot = expect_snapshot(keeper)
    keeper.supervisor.send("abort", number=snapshot.number, reason="edge 1: busy")
    # Between the two it is still the one that waits, and it may be gone back by hand.
    end = time.monotonic() + 20
    while get(keeper, "/versions")["versions"][0]["state"] != "undone" and time.monotonic() < end:
        pass
    assert get(keeper, "/policy")["pending"]["version"] == version
    assert ask(keeper, "POST", "/versions/%d/rollback" % (version - 1), {})[0] == 200
    assert names(keeper, "zone") == []


def test_a_new_file_while_one_waits_does_not_confirm_it(keeper):
    version = apply(keeper, zones=[zone("z", "10.0.0.0/8")], confirm="1h")["version"]
    with open(keeper.config, "a", encoding="utf-8") as file:
        file.write("zones:\n  lab: [10.9.0.0/16]\n")
    keeper.configure(2)
    assert get(keeper, "/policy")["pending"]["version"] == version
    assert ask(keeper, "POST", "/versions/%d/rollback" % (version - 1), {})[0] == 200
    assert names(keeper, "zone") == [] and get(keeper, "/zones/lab")["origin"] == "file"
