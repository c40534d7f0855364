"""What there is to see of the site: one's own place, upstreams, nodes, certificates, alerts."""
import json
import os
import sqlite3

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
