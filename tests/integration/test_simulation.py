"""What a change would have decided of the requests of the last days, and how old records go."""
import hashlib
import json
import sqlite3
import struct

import pytest

import stack as harness

RULE = {"name": "load", "groups": ["owners", "ops"], "zones": ["local"], "routes": ["load"]}


def api(who, method, path, body=None):
    return who.request(method, who.stack.portal + "/api/v1" + path, navigate=False,
                       body=b"" if body is None else json.dumps(body).encode(),
                       headers=[("Sec-Fetch-Site", "same-origin")] +
                       ([] if body is None else [("Content-Type", "application/json")]))


@pytest.fixture(scope="module")
def site():
    recorder = harness.Recorder()
    extra = "\nretention: {access_rows: 1000, audit_rows: 40}\n"
    with harness.loaded(harness.Stack(edges=1, extra_yaml=extra), recorder) as s:
        s.cli("group", "add", "ops")
        s.cli("rule", "remove", "load")
        assert api(s.admin, "PUT", "/rules/load", RULE).status in (200, 201)
        s.olga = s.user("olga", ["ops"])
        for who in (s.admin, s.olga):
            assert who.open(s.console_url("load", "/first"))[0].status == 200
            assert who.get(s.console_url("load", "/again")).status == 200
        harness.wait_for(lambda: len(records(s, "text=again")) == 2, 10)
        yield s
    recorder.close()


def records(s, query):
    return api(s.admin, "GET", "/access?" + query).json()["records"]


def simulate(s, body):
    begun = api(s.admin, "POST", "/simulations", body)
    assert begun.status == 202, begun

    def look():
        answer = api(s.admin, "GET", "/simulations/" + begun.json()["id"]).json()
        return answer if answer["state"] not in ("waiting", "running") else None
    done = harness.wait_for(look, 30)
    assert done["state"] == "done" and done["done"] == done["total"] > 0
    return done["result"]


def test_a_simulation_says_who_would_have_been_denied_and_whether_it_is_you(site):
    same = simulate(site, {})
    assert same["requests"] >= 4 and same["same"] == same["requests"] and same["people"] == []
    result = simulate(site, {"rules": [{**RULE, "groups": ["ops"]}]})
    assert result["denied"] >= 2 and result["allowed"] == 0
    assert result["requests"] == result["same"] + result["denied"] + result["prove"]
    [person] = [p for p in result["people"] if p["was"] == "allow"]
    assert person["user"] == "owner" and person["you"] and person["would"] == "deny"
    assert person["example"]["reason"] == "who" and person["example"]["host"] == "load.postern.localhost"
    assert [r["route"] for r in result["routes"]] == ["load"]
    both = simulate(site, {"rules": [], "prune": True})
    assert {(p["user"], p["you"]) for p in both["people"] if p["was"] == "allow"} == {("owner", True), ("olga", False)}


def test_a_stronger_proof_that_was_missing_would_be_asked_for(site):
    result = simulate(site, {"rules": [{**RULE, "assurance": "hardware"}]})
    assert result["prove"] >= 4 and result["denied"] == 0
    assert {p["example"]["reason"] for p in result["people"]} == {"assurance"}


def test_a_simulation_changes_nothing(site):
    before = api(site.admin, "GET", "/rules/load").json()
    simulate(site, {"rules": [], "prune": True, "days": 1})
    assert api(site.admin, "GET", "/rules/load").json() == before
    assert site.olga.get(site.console_url("load", "/still")).status == 200


@pytest.mark.parametrize("body", [{"days": 0}, {"days": 367}, {"days": "7"}, {"rules": {}}, {"unknown": 1},
                                  {"rules": [{"name": "x"}]}, {"rules": [{**RULE, "zones": ["nowhere"]}]}])
def test_what_is_no_policy_is_not_simulated(site, body):
    assert api(site.admin, "POST", "/simulations", body).status in (400, 422)


def test_a_simulation_is_found_by_its_id_and_by_those_who_may_read(site):
    number = api(site.admin, "POST", "/simulations", {}).json()["id"]
    assert api(site.admin, "GET", "/simulations/" + "0" * 32).status == 404
    assert api(site.olga, "GET", "/simulations/" + number).status == 403
    assert api(site.olga, "POST", "/simulations", {}).status == 403
    assert api(site.admin, "DELETE", "/simulations/" + number).status == 200
    assert api(site.admin, "GET", "/simulations/" + number).status == 404
    # More than are kept: the oldest that are complete give way.
    for _ in range(20):
        assert api(site.admin, "POST", "/simulations", {}).status in (202, 429)


def test_requests_to_the_api_are_recorded_with_their_principal(site):
    harness.wait_for(lambda: [r for r in records(site, "user=owner&text=/api/v1/rules") if r["outcome"] == "own"], 10)
    assert api(site.admin, "GET", "/access?since=4000000000").json()["records"] == []
    assert api(site.admin, "GET", "/access?source=nowhere").status in (400, 422)
    assert records(site, "source=127.0.0.1&method=GET&limit=1")


def test_old_audit_records_go_and_the_rest_is_intact(site):
    for n in range(60):
        site.cli("group", "add", f"g{n}")

    def pruned():
        answer = api(site.admin, "GET", "/audit?event=audit.pruned").json()["records"]
        first = api(site.admin, "GET", "/audit?limit=1").json()["records"][0]["seq"]
        return first if answer and first > 1 else None
    # Words are ten minutes apart: a new keeper says one soon.
    site.stop()
    site.start()
    first = harness.wait_for(pruned, 30)
    report = api(site.admin, "GET", "/audit/verify").json()
    assert report["intact"] and first > 1, report


def test_the_number_of_access_records_stays_bounded(site):
    for _ in range(300):
        with harness.Connection(site, site.host) as c:
            for _ in range(5):
                c.send(f"GET /healthz HTTP/1.1\r\nHost: {site.host}:{site.port}\r\n\r\n".encode())
                c.read()
    harness.wait_for(lambda: api(site.admin, "GET", "/health").json()["access_records"] <= 1000, 30)
    newest = records(site, "limit=1")[0]["seq"]
    assert newest > 1000


def lengthen(s, count):
    """The trail of a service at rest gets so many records more, chained as they must be."""
    path = s.state / "store/postern.db"
    database = sqlite3.connect(path, isolation_level=None)
    seq, previous = database.execute("select seq, hash from audit order by seq desc limit 1").fetchone()
    text = lambda t: struct.pack(">I", len(t)) + t
    database.execute("begin")
    for n in range(seq + 1, seq + 1 + count):
        encoded = struct.pack(">BQQB", 1, n, 1700000000000, 4) + text(b"") + bytes(16) + text(b"logout") + \
            text(b"t") + b"\0" + text(b"") + text(b"")
        made = hashlib.sha256(previous + encoded).digest()
        database.execute("insert into audit values (?, 1700000000000, 4, '', ?, 'logout', 't', 0, '', '', ?, ?)",
                         (n, bytes(16), previous, made))
        previous = made
    database.execute("commit")
    database.close()


def test_a_long_trail_is_verified_while_others_are_served():
    up = harness.Recorder()
    with harness.loaded(harness.Stack(edges=1), up) as s:
        s.stop()
        lengthen(s, 30000)
        s.start()
        seen = []

        def look():
            report = api(s.admin, "GET", "/audit/verify").json()
            seen.append(report)
            return None if report.get("running") else report
        report = harness.wait_for(look, 60)
        assert seen[0].get("running") and seen[0]["total"] > 30000 and not seen[0]["intact"]
        assert report["intact"] and report["count"] > 30000 and report["first"] == 1
        assert "intact" in s.cli("audit", "verify")
        # A search for what is nowhere is short, and says where to go on.
        page = api(s.admin, "GET", "/audit?text=nothing-has-this&order=newest").json()
        assert page["records"] == [] and 0 < page["next"] < report["count"]
        s.stop()
        database = sqlite3.connect(s.state / "store/postern.db", isolation_level=None)
        database.execute("update audit set target = 'u' where seq = 25000")
        database.close()
        s.start()
        assert s.cli("audit", "verify", check=False).returncode != 0
    up.close()
