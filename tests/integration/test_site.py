"""What there is to see of the site: one's own place, upstreams, nodes, certificates, alerts."""
import csv
import io
import json
import os
import sqlite3
import time

import pytest

import stack as harness
from stack import wait_for


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=1) as s:
        yield s


def api(s, method, path, body=None, who=None, status=200):
    text = json.dumps(body).encode() if body is not None else b""
    answer = (who or s.admin).request(method, s.portal + "/api/v1" + path, body=text, navigate=False,
                                      headers=[("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin"),
                                               ("Origin", s.portal)])
    assert answer.status == status, answer
    return answer.json() if answer.text and answer.get("content-type", "").endswith("json") else answer


def test_everybody_sees_the_own_place_and_nobody_another(site):
    who = site.user("placed")
    assert who.login().status == 303
    place = api(site, "GET", "/me/address", who=who)
    assert place["address"] == "127.0.0.1" and "local" in place["zones"]
    api(site, "POST", "/zones/local/contains", {"address": "127.0.0.1"}, who=who, status=403)


def test_a_zone_says_whether_an_address_is_in_it(site):
    site.cli("zone", "add", "lab", "192.0.2.0/24", "2001:db8::/48")
    for address, inside in (("192.0.2.7", True), ("192.0.3.7", False), ("2001:db8::1", True), ("2001:db9::1", False)):
        said = api(site, "POST", "/zones/lab/contains", {"address": address})
        assert said["contains"] is inside and ("lab" in said["zones"]) is inside
    for bad in ("192.0.2.0/24", "", "localhost", "1.2.3.4.5"):
        refused = api(site, "POST", "/zones/lab/contains", {"address": bad}, status=400)
        assert refused["field"] == "address"
    api(site, "POST", "/zones/none/contains", {"address": "192.0.2.7"}, status=404)
    site.cli("zone", "remove", "lab")


def test_an_upstream_that_is_down_is_seen_and_alerts_until_it_is_back(site):
    port = harness.free_port()
    site.cli("route", "add", "away", f"http://127.0.0.1:{port}", "--allow", "group:owners@local")
    wait_for(lambda: site.admin.open(site.console_url("away"))[0].status in (502, 504), 20, every=0.3)

    def state():
        rows = {u["route"]: u for u in api(site, "GET", "/upstreams")["upstreams"]}
        return rows["away"]["state"]
    wait_for(lambda: state() == "down", 20, every=0.3)
    alert = next(a for a in api(site, "GET", "/alerts")["alerts"] if a["kind"] == "upstream")
    assert f"127.0.0.1:{port}" in alert["text"] and alert["level"] == "warning" and alert["acknowledged"] is None
    seen = api(site, "POST", f"/alerts/{alert['id']}/acknowledge", {})
    assert seen["acknowledged"]["by"] == "owner"
    after = api(site, "GET", "/alerts")
    assert next(a for a in after["alerts"] if a["id"] == alert["id"])["acknowledged"]["by"] == "owner"
    assert after["open"] == sum(a["acknowledged"] is None for a in after["alerts"])
    record = api(site, "GET", "/audit?event=alert.acknowledged")["records"][-1]
    assert record["target"] == alert["text"]
    site.cli("route", "remove", "away", "--force")
    assert not [a for a in api(site, "GET", "/alerts")["alerts"] if a["kind"] == "upstream"]
    api(site, "POST", f"/alerts/{alert['id']}/acknowledge", {}, status=404)


def test_an_acknowledgement_is_in_the_store_as_long_as_its_alert(site):
    port = harness.free_port()
    site.cli("route", "add", "gone", f"http://127.0.0.1:{port}", "--allow", "group:owners@local")
    wait_for(lambda: site.admin.open(site.console_url("gone"))[0].status in (502, 504), 20, every=0.3)
    alert = wait_for(lambda: next((a for a in api(site, "GET", "/alerts")["alerts"] if a["kind"] == "upstream"), None),
                     20, every=0.3)
    api(site, "POST", f"/alerts/{alert['id']}/acknowledge", {})
    with sqlite3.connect(f"file:{site.state}/store/postern.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT by FROM alerts WHERE id = ?", (alert["id"],)).fetchone() == ("owner",)
    site.cli("route", "remove", "gone", "--force")


def test_who_only_uses_consoles_sees_nothing_of_the_site(site):
    who = site.user("plain")
    assert who.login().status == 303
    for path in ("/upstreams", "/nodes", "/server-certificates", "/alerts"):
        api(site, "GET", path, who=who, status=403)


def test_nodes_and_certificates_are_named(site):
    wait_for(lambda: api(site, "GET", "/server-certificates")["certificates"], 10, every=0.2)
    node, = api(site, "GET", "/nodes")["nodes"]
    assert node["name"] == os.uname().nodename and node["edges"]
    edge = node["edges"][0]
    assert isinstance(edge["id"], int) and edge["state"] and edge["connections"] >= 0
    certificate = api(site, "GET", "/server-certificates")["certificates"][0]
    assert certificate["name"] == "default" and certificate["days_left"] > 0 and certificate["validity"] == "valid"


def text_of(s, path):
    """All parts of an export."""
    whole, at = b"", ""
    while at is not None:
        answer = api(s, "GET", path + (f"&after={at}" if at else ""))
        assert len(answer.body) <= 96 * 1024
        whole, at = whole + answer.body, answer.get("postern-next")
    return whole.decode()


def test_the_overview_and_the_series_count_what_was_asked(site):
    up = harness.Recorder()
    site.cli("route", "add", "counted", up.url, "--allow", "group:owners@local")
    assert site.admin.open(site.console_url("counted"))[0].status == 200
    for _ in range(20):
        assert site.admin.get(site.console_url("counted", "/x")).status == 200
    assert harness.Person(site, "nobody").request("GET", site.console_url("counted"), navigate=False).status == 401

    def counted():
        points = {name: api(site, "GET", f"/series?name={name}&step=60")["points"] for name in ("requests", "denials")}
        total = {name: sum(v or 0 for _, v in line) for name, line in points.items()}
        return total["requests"] >= 22 and total["denials"] >= 1
    wait_for(counted, 20, every=0.3)
    chart = api(site, "GET", "/series?name=latency&step=60")
    assert chart["step"] == 60 and len(chart["points"]) in (60, 61)
    assert [p for p in chart["points"] if p[1] is not None and p[2] >= p[1]]
    assert all(p[1] is None for p in chart["points"][:-5])
    look = wait_for(lambda: (o := api(site, "GET", "/overview"))["requests"]["hour"] >= 22 and o, 20, every=0.3)
    assert look["sessions"]["count"] >= 1 and look["sessions"]["list"][0]["user"]
    assert look["requests"]["denied"] >= 1 and look["requests"]["denials"]
    assert look["upstreams"]["up"] >= 1 and look["alerts"]["open"] >= 0 and look["changes"] is not None
    site.cli("route", "remove", "counted", "--force")
    up.close()


@pytest.mark.parametrize("query", ["name=nothing", "name=requests&step=61", "name=requests&from=9&to=3", "",
                                   "name=requests&from=1&step=60", "name=requests&name=denials"])
def test_a_chart_that_cannot_be_drawn_is_refused(site, query):
    assert api(site, "GET", f"/series?{query}", status=400)["field"]


def test_the_trail_is_searched_by_text_and_time(site):
    site.cli("group", "add", "needle")
    now = int(time.time())
    found = api(site, "GET", "/audit?text=NEEDLE")["records"]
    assert [r["target"] for r in found if r["event"] == "group.added"] == ["needle"]
    assert not api(site, "GET", "/audit?text=haystack")["records"]
    assert api(site, "GET", f"/audit?text=needle&since={now - 600}&until={now + 600}&order=newest")["records"]
    assert not api(site, "GET", f"/audit?since={now + 600}")["records"]
    early = api(site, "GET", f"/audit?until={now - 3600}")
    assert not early["records"] and "next" not in early
    one = api(site, "GET", "/audit?limit=1&order=newest&event=group.added")
    assert len(one["records"]) == 1
    site.cli("group", "remove", "needle")


def test_the_trail_is_exported_in_parts_that_no_spreadsheet_calculates(site):
    lines = [json.loads(x) for x in text_of(site, "/audit/export?format=jsonl").splitlines()]
    assert [r["seq"] for r in lines] == list(range(1, len(lines) + 1))
    assert all(b["prev"] == a["hash"] for a, b in zip(lines, lines[1:]))
    rows = list(csv.reader(io.StringIO(text_of(site, "/audit/export?format=csv"))))
    assert rows[0][:2] == ["seq", "time"] and len(rows) > len(lines)
    assert not [c for row in rows[1:] for c in row if c[:1] in ("=", "+", "-", "@", "\t", "\r")]
    # The trail holds what somebody has typed: a name that is a formula.
    site.anonymous("POST", site.portal + "/login", body={"user": '=cmd|"/c calc"!A1', "password": "x", "code": "1"})
    again = text_of(site, "/audit/export?format=csv")
    assert '"=cmd' not in again and ('"\'=cmd' in again or "=cmd" not in again)
    assert api(site, "GET", "/audit?event=audit.exported")["records"]
    assert api(site, "GET", "/audit/export?format=xml", status=400)["field"] == "format"


def test_access_records_are_exported_and_a_path_that_is_a_formula_is_text(site):
    up = harness.Recorder()
    site.cli("route", "add", "sheet", up.url, "--allow", "group:owners@local")
    assert site.admin.open(site.console_url("sheet"))[0].status == 200
    site.admin.get(site.console_url("sheet", "/=1+1"))
    wait_for(lambda: "/=1+1" in text_of(site, "/access/export?format=csv&route=sheet"), 15, every=0.3)
    rows = list(csv.DictReader(io.StringIO(text_of(site, "/access/export?format=csv&route=sheet"))))
    assert {r["route"] for r in rows} == {"sheet"} and {r["principal"] for r in rows} >= {"owner"}
    lines = [json.loads(x) for x in text_of(site, "/access/export?format=jsonl").splitlines()]
    assert len(lines) >= len(rows) and all(a["seq"] < b["seq"] for a, b in zip(lines, lines[1:]))
    who = site.user("curious")
    assert who.login().status == 303
    api(site, "GET", "/access/export?format=csv", who=who, status=403)
    api(site, "GET", "/audit/export?format=csv", who=who, status=403)
    site.cli("route", "remove", "sheet", "--force")
    up.close()
