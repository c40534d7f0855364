"""The last owner is not locked out: by the policy, or by what is done to owners."""
import os

import pytest

from test_keeper import CONSOLE, PASSWORD, Keeper, edge, owner  # noqa: F401 (fixtures)
from test_versions import ask, get, names, stored, zone

@pytest.fixture
def keeper(tmp_path):
    """The portal is reached from the zone office, which is in the store; the owner has come from 127.0.0.1."""
    os.chmod(tmp_path, 0o700)
    instance = Keeper(tmp_path).start()
    assert ask(instance, "POST", "/apply", {
        "zones": [zone("office", "127.0.0.0/8", "10.1.0.0/16")], "settings": {"portal.zones": ["office"]},
    })[0] == 200
    yield instance
    code = instance.stop()
    log = open(os.path.join(instance.dir, "log"), encoding="utf-8").read()
    assert code in (0, None), log
    assert "ERROR: " not in log and "runtime error" not in log, log


def test_a_zone_that_leaves_no_owner_on_the_portal_is_refused_with_the_reason(keeper, edge, owner):
    was = stored(keeper)
    away = {"cidrs": ["10.1.0.0/16"]}
    status, problem = edge.api(CONSOLE, owner.console, "PUT", "/zones/office", away)
    assert status == 409 and "owner has come from no address" in problem["detail"], problem
    status, problem = edge.api(CONSOLE, owner.console, "POST", "/apply", {"zones": [zone("office", "10.1.0.0/16")]})
    assert status == 409
    status, problem = edge.api(CONSOLE, owner.console, "PUT", "/zones/office", away, "override_lockout=1")
    assert status == 403 and problem["field"] == "override_lockout"
    status, answer = edge.api(CONSOLE, owner.console, "PUT", "/zones/office", away, "dry_run=1")
    assert status == 200 and answer["lockout"]["who"] == ["owner"], answer
    # The host is told as well, and may.
    control = keeper.control()
    assert control.ask("PUT", "/zones/office", away)[0] == 409
    assert stored(keeper) == was
    assert ask(keeper, "PUT", "/zones/office", away, "override_lockout=1")[0] == 200
    assert get(keeper, "/audit", "event=policy.lockout")["records"]
    # Where nobody gets in already, the next change is not held up.
    assert ask(keeper, "PUT", "/zones/lab", away)[0] == 201
    assert ask(keeper, "PUT", "/zones/office", {"cidrs": ["127.0.0.1/32"]})[0] == 200
    assert control.ask("PUT", "/zones/office", away)[0] == 409


def test_settings_that_leave_no_owner_in_are_refused(keeper, edge, owner):
    assert ask(keeper, "PUT", "/zones/lab", {"cidrs": ["10.9.0.0/16"]})[0] == 201
    control = keeper.control()
    for path, value, why in (
        ("/settings/portal.zones", ["lab"], "has come from no address"),
        ("/settings/authentication.admin_assurance", "hardware", "nothing that reaches admin_assurance"),
    ):
        status, problem = control.ask("PUT", path, {"value": value})
        assert status == 409 and why in problem["detail"], (path, problem)
        status, answer = control.ask("PUT", path, {"value": value}, "dry_run=1")
        assert status == 200 and answer["lockout"]["who"] == ["owner"]
    # Both at once that fit together are one change.
    body = {"zones": [zone("lab", "127.0.0.1/32")], "settings": {"portal.zones": ["lab"]}}
    assert ask(keeper, "POST", "/apply", body)[0] == 200


def test_going_back_does_not_lock_out_either(keeper, edge, owner):
    assert ask(keeper, "PUT", "/zones/office", {"cidrs": ["10.1.0.0/16"]}, "override_lockout=1")[0] == 200
    away = get(keeper, "/policy")["version"]
    assert ask(keeper, "PUT", "/zones/office", {"cidrs": ["127.0.0.0/8"]})[0] == 200
    status, problem = keeper.control().ask("POST", "/versions/%d/rollback" % away, {})
    assert status == 409 and "owner" in problem["detail"]


def test_what_has_nothing_to_do_with_it_is_not_held_up(keeper, edge, owner):
    assert ask(keeper, "PUT", "/zones/office", {"cidrs": ["127.0.0.1/32"]})[0] == 200
    assert ask(keeper, "PUT", "/zones/lab", {"cidrs": ["10.9.0.0/16"]})[0] == 201
    assert names(keeper, "zone") == ["office", "lab"]


def test_the_last_owner_who_is_enrolled_stays(keeper, edge, owner):
    control = keeper.control()
    # Another owner who has nothing to sign in with is no other owner.
    assert control.ask("POST", "/users", {"name": "eve", "groups": ["owners"]})[0] == 201
    for method, path, body in (
        ("POST", "/users/owner/disable", {}),
        ("DELETE", "/users/owner", None),
        ("PUT", "/users/owner/groups", {"groups": []}),
    ):
        status, problem = control.ask(method, path, body)
        assert status == 409 and "eve is not enrolled" in problem["detail"], (path, problem)
        assert edge.api(CONSOLE, owner.console, method, path, body)[0] == 409, path
    lost = {"lost": ["password", "authenticator"]}
    status, problem = edge.api(CONSOLE, owner.console, "POST", "/users/owner/reset", lost)
    assert status == 409 and "no owner" in problem["detail"], problem
    assert control.ask("GET", "/users/owner")[1]["totp"] == "set"
    # One who is enrolled is.
    _, body = control.ask("POST", "/users", {"name": "ann", "groups": ["owners"], "password": PASSWORD, "totp": True})
    assert control.ask("POST", "/users/owner/disable", {})[0] == 200
    assert control.ask("POST", "/users/ann/disable", {})[0] == 409
    assert control.ask("POST", "/users/ann/disable", {}, "override_lockout=1")[0] == 200
    assert get(keeper, "/audit", "event=policy.lockout")["records"][0]["actor"] == "host"


def test_the_host_may_always_declare_factors_lost(keeper, edge, owner):
    status, answer = keeper.control().ask("POST", "/users/owner/reset", {"lost": ["authenticator"]})
    assert status == 200, answer
