"""The API over HTTPS, as a program uses it: what headers say, and what bad input is told."""
import json
import os
import signal

import pytest

import stack as harness
from stack import Person

pytestmark = pytest.mark.timeout(180)


class Program:
    """Somebody with a token."""

    def __init__(self, site, owner, groups=()):
        self.site = site
        if owner != "owner":
            site.cli("user", "add", owner, "--service", *[w for g in groups for w in ("--group", g)])
        made = site.json("token", "add", "of-" + owner, "--owner", owner, "--route", "portal")
        self.token = made["token"]
        self.client = Person(site, owner)

    def ask(self, method, path, body=None, headers=(), raw=None):
        text = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        headers = [("Authorization", "Bearer " + self.token), ("Content-Type", "application/json"), *headers]
        return self.client.request(method, self.site.portal + "/api/v1" + path, body=text, headers=headers,
                                   navigate=False)


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=2) as s:
        yield s


@pytest.fixture(scope="module")
def owner(site):
    return Program(site, "owner")


def problem(answer, status, field=None):
    said = answer.json()
    assert answer.status == status and answer.get("content-type") == "application/problem+json", answer
    assert said["status"] == status and said["title"] and said["detail"], said
    assert said["instance"].startswith("urn:postern:request:"), said
    assert said.get("field") == field, said
    return said


@pytest.mark.parametrize("group,may", [
    ("owners", {"/users", "/health", "/audit", "/tokens", "/whoami"}),
    ("administrators", {"/users", "/health", "/audit", "/tokens", "/whoami"}),
    ("auditors", {"/users", "/health", "/audit", "/tokens", "/whoami"}),
    ("operators", {"/health", "/whoami"}),
    (None, {"/whoami"}),
])
def test_a_role_comes_from_a_group_and_opens_what_it_is_for(site, group, may):
    program = Program(site, "p-" + (group or "nobody"), [group] if group else [])
    for path in ("/users", "/health", "/audit", "/tokens", "/whoami"):
        assert program.ask("GET", path).status == (200 if path in may else 403), path
    said = program.ask("GET", "/whoami").json()
    assert said["role"] == {None: "user"}.get(group, (group or "")[:-1])
    made = program.ask("POST", "/groups", {"name": f"g-{group}".lower()})
    assert made.status == (201 if group in ("owners", "administrators") else 403)
    # Nobody but an owner touches an owner.
    disabled = program.ask("POST", "/users/owner/disable")
    assert disabled.status == 403 or group == "owners", disabled
    if group == "owners":
        site.cli("user", "enable", "owner")


def test_a_change_made_from_an_old_view_is_refused_and_changes_nothing(site, owner):
    site.cli("user", "add", "carl", "--service")
    seen = owner.ask("GET", "/users/carl").get("etag")
    assert seen and owner.ask("HEAD", "/users/carl").get("etag") == seen
    site.cli("user", "disable", "carl")
    problem(owner.ask("DELETE", "/users/carl", headers=[("If-Match", seen)]), 412)
    assert site.json("user", "show", "carl")["disabled"]
    now = owner.ask("GET", "/users/carl").get("etag")
    assert now != seen
    assert owner.ask("DELETE", "/users/carl", headers=[("If-Match", now)]).status == 200
    problem(owner.ask("DELETE", "/users/carl", headers=[("If-Match", now)]), 412)


def test_two_who_edit_one_zone_do_not_overwrite_each_other(site, owner):
    assert owner.ask("PUT", "/zones/lab", {"cidrs": ["10.0.0.0/8"]}).status == 201
    seen = owner.ask("GET", "/zones/lab").get("etag")
    assert owner.ask("PUT", "/zones/lab", {"cidrs": ["10.1.0.0/16"]}, headers=[("If-Match", seen)]).status == 200
    problem(owner.ask("PUT", "/zones/lab", {"cidrs": ["10.2.0.0/16"]}, headers=[("If-Match", seen)]), 412)
    assert owner.ask("GET", "/zones/lab").json()["cidrs"] == ["10.1.0.0/16"]


def test_a_token_is_one_resource_and_use_does_not_change_it(site, owner):
    made = owner.ask("POST", "/tokens", {"name": "spare", "owner": "owner", "routes": ["portal"]}).json()
    seen = owner.ask("GET", "/tokens/spare")
    assert seen.json()["owner"] == "owner" and "token" not in seen.json()
    assert made["token"] not in seen.text
    assert owner.ask("GET", "/tokens/of-owner").get("etag") == owner.ask("GET", "/tokens/of-owner").get("etag")
    problem(owner.ask("DELETE", "/tokens/spare", headers=[("If-Match", '"x"')]), 412)
    assert owner.ask("DELETE", "/tokens/spare", headers=[("If-Match", seen.get("etag"))]).status == 200
    problem(owner.ask("GET", "/tokens/spare"), 404)


def test_groups_come_in_pages(site, owner):
    first = owner.ask("GET", "/groups?limit=2").json()
    assert [g["name"] for g in first["groups"]] == ["administrators", "auditors"] and first["next"] == "auditors"
    then = owner.ask("GET", "/groups?limit=1&after=auditors").json()["groups"]
    assert len(then) == 1 and then[0]["name"] > "auditors"


def test_a_header_that_stands_there_twice_or_is_no_tag_is_refused(owner):
    assert owner.ask("DELETE", "/users/owner", headers=[("If-Match", '"a"'), ("If-Match", '"b"')]).status == 400
    assert owner.ask("DELETE", "/users/owner", headers=[("If-Match", '"' + "a" * 300 + '"')]).status == 400
    problem(owner.ask("DELETE", "/users/owner", headers=[("If-Match", "a")]), 400)


def test_a_path_says_its_methods(owner):
    answer = owner.ask("OPTIONS", "/users/owner")
    assert answer.status == 204 and answer.get("allow") == "GET, HEAD, DELETE, OPTIONS"
    answer = owner.ask("PATCH", "/users/owner")
    problem(answer, 405)
    assert answer.get("allow") == "GET, HEAD, DELETE, OPTIONS"


@pytest.mark.parametrize("raw,status,field", [
    (b'{"name":"x","name":"y"}', 400, None),
    (b'{"name":"x","extra":1}', 400, "extra"),
    (b'{"name":1}', 400, "name"),
    (b'{"name":null}', 400, "name"),
    (b'{}', 400, "name"),
    (b'[]', 400, None),
    (b'"x"', 400, None),
    (b'{"name":"x"', 400, None),
    (b'{"name":"x"}{}', 400, None),
    (b'\xff', 400, None),
    (b'{"name":"' + b"x" * 64 + b'"}', 400, "name"),
    (b'{"name":"<script>alert(1)</script>"}', 400, "name"),
    (b'{"name":"x","groups":["Owners"]}', 400, "groups"),
    (b'{"a":' * 40 + b"1" + b"}" * 40, 413, None),
])
def test_a_bad_body_names_the_member_and_changes_nothing(site, owner, raw, status, field):
    before = site.json("user", "list")["users"]
    problem(owner.ask("POST", "/users", raw=raw), status, field)
    assert site.json("user", "list")["users"] == before


def test_an_oversize_body_is_refused_by_the_edge(owner):
    assert owner.ask("POST", "/users", raw=b'{"name":"' + b"x" * 70000 + b'"}').status == 413


@pytest.mark.parametrize("query,field", [
    ("limit=0", "limit"), ("limit=501", "limit"), ("limit=ten", "limit"), ("limit=1&limit=2", "limit"),
    ("color=red", "color"), ("Limit=1", "Limit"),
])
def test_a_bad_query_names_the_parameter(owner, query, field):
    problem(owner.ask("GET", "/users?" + query), 400, field)


def test_what_is_asked_twice_with_one_key_is_made_once(site, owner):
    key = [("Idempotency-Key", "4f6e2a")]
    first = owner.ask("POST", "/users", {"name": "dora", "enrol": True}, headers=key)
    again = owner.ask("POST", "/users", {"name": "dora", "enrol": True}, headers=key)
    assert first.status == again.status == 201
    assert first.json()["enrol"] == again.json()["enrol"]
    problem(owner.ask("POST", "/users", {"name": "dora"}, headers=key), 422)
    problem(owner.ask("POST", "/users", {"name": "dora", "enrol": True}), 409)
    # A dead keeper takes the answer with it, not that it was done.
    pid = site.pids("keeper")[0]
    os.kill(pid, signal.SIGKILL)
    harness.wait_for(lambda: site.pids("keeper") not in ([], [pid]), 20)
    harness.wait_for(lambda: owner.ask("GET", "/whoami").status == 200, 20)
    said = problem(owner.ask("POST", "/users", {"name": "dora", "enrol": True}, headers=key), 409)
    assert "was done" in said["detail"]
    assert owner.ask("GET", "/users", headers=key + key).status == 400


def test_who_asks_too_often_is_told_when_to_come_again(site):
    program = Program(site, "hasty")
    with harness.Connection(site, site.host, site.port) as c:
        def ask():
            c.send(f"GET /api/v1/whoami HTTP/1.1\r\nHost: {site.host}:{site.port}\r\n"
                   f"Authorization: Bearer {program.token}\r\n\r\n".encode())
            return c.read()
        answers = [ask() for _ in range(2500)]
    refused = [a for a in answers if a.status != 200]
    assert refused and {a.status for a in refused} == {429}
    assert refused[0].get("retry-after") == "1" and "requests a second" in problem(refused[0], 429)["detail"]
    assert Program(site, "patient").ask("GET", "/whoami").status == 200


def test_users_are_filtered(site, owner):
    site.cli("user", "add", "filtered", "--service", "--group", "auditors")
    site.cli("user", "disable", "filtered")

    def names(query):
        return {u["name"] for u in owner.ask("GET", "/users?" + query).json()["users"]}
    assert "filtered" in names("kind=service") and "owner" not in names("kind=service")
    assert "filtered" in names("disabled=true") and "owner" not in names("disabled=1")
    assert "owner" in names("disabled=0") and "filtered" not in names("disabled=false")
    assert "filtered" in names("group=auditors") and "owner" not in names("group=auditors")
    assert names("group=auditors&kind=person") == set() and names("group=nobodys") == set()
