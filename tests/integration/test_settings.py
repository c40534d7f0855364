"""Settings: what the file does not say may be said while postern runs, and is versioned like the rest."""
from test_keeper import CONSOLE, edge, keeper, owner  # noqa: F401 (fixtures)
from test_versions import ask, die, get


def setting(keeper, name):
    one = get(keeper, "/settings/" + name)
    return one["value"], one["origin"]


def test_a_setting_is_changed_kept_and_given_back(keeper):
    every = {s["name"]: s for s in get(keeper, "/settings")["settings"]}
    assert every["session.idle"]["value"] == 900 and every["session.idle"]["origin"] == "default"
    assert every["portal.zones"]["value"] == ["local"] and "state.directory" not in every
    assert ask(keeper, "PUT", "/settings/session.idle", {"value": "20m"})[0] == 201
    assert setting(keeper, "session.idle") == (1200, "store")
    die(keeper)
    keeper.start()
    assert setting(keeper, "session.idle") == (1200, "store")
    version = get(keeper, "/versions/%d" % get(keeper, "/policy")["version"])
    assert version["changes"][0]["kind"] == "setting" and version["changes"][0]["name"] == "session.idle"
    assert ask(keeper, "PUT", "/settings/session.idle", {"value": 1800})[0] == 200
    assert setting(keeper, "session.idle") == (1800, "store")
    assert ask(keeper, "DELETE", "/settings/session.idle")[0] == 200
    assert setting(keeper, "session.idle") == (900, "default")
    assert keeper.control().ask("DELETE", "/settings/session.idle")[0] == 404


def test_a_new_session_lasts_as_the_setting_says(keeper, edge, owner):
    assert ask(keeper, "PUT", "/settings/authentication.sessions_per_user", {"value": 1})[0] == 201
    answer = edge.login("owner", "correct horse battery", owner.codes[0])
    assert answer.result == 0
    # The one before it had to go.
    assert edge.view(CONSOLE, owner.console, b"postern.localhost:9443").status != 0
    assert edge.view(CONSOLE, answer.console, b"postern.localhost:9443").status == 0


def test_what_the_file_says_only_the_file_changes(keeper):
    assert ask(keeper, "PUT", "/settings/session.idle", {"value": "20m"})[0] == 201
    with open(keeper.config, "a", encoding="utf-8") as file:
        # The default, said aloud, is said all the same.
        file.write("session: {idle: 15m}\n")
    keeper.configure(2)
    assert setting(keeper, "session.idle") == (900, "file")
    control = keeper.control()
    for method, body in (("PUT", {"value": "30m"}), ("DELETE", None)):
        status, problem = control.ask(method, "/settings/session.idle", body)
        assert status == 409 and "configuration file" in problem["detail"]
    status, problem = control.ask("POST", "/apply", {"settings": {"session.idle": "30m"}})
    assert status == 422 and "configuration file" in problem["detail"]
    # The rest of the section is not the file's.
    assert ask(keeper, "PUT", "/settings/session.absolute", {"value": "8h"})[0] == 201


def test_what_is_no_setting_or_no_value_of_it_changes_nothing(keeper):
    before = get(keeper, "/policy")["version"]
    control = keeper.control()
    for name, value, status in (
        ("session.idle", "59s", 422), ("session.idle", True, 422), ("session.idle", None, 422),
        ("session.idle", [900], 422), ("session.idle", {"a": 1}, 422), ("session.idle", -1, 422),
        ("session.idle", 99999999999999, 422), ("session.idle", "x" * 5000, 422),
        ("authentication.admin_assurance", "strong", 422), ("portal.zones", "local", 422),
        ("portal.zones", ["nowhere"], 422), ("portal.zones", [], 422), ("portal.zones", [1], 422),
        ("portal.host", "x.localhost", 404), ("state.directory", "/", 404), ("session", 1, 404),
        ("process.sandbox", "best", 404), ("authentication.password_list", "x", 404), ("portal.said", ["x"], 404),
        ("nothing.here", 1, 404),
    ):
        got, problem = control.ask("PUT", "/settings/" + name, {"value": value})
        assert got == status and problem["detail"], (name, value, got, problem)
    assert control.ask("PUT", "/settings/session.idle", {})[0] == 400
    assert control.ask("PUT", "/settings/session.idle", {"value": 900, "more": 1})[0] == 400
    assert control.ask("POST", "/apply", {"settings": {"nothing.here": 1}})[0] == 422
    assert control.ask("POST", "/apply", {"settings": ["session.idle"]})[0] == 400
    assert get(keeper, "/policy")["version"] == before


def test_an_apply_sets_exports_and_prunes_settings(keeper):
    body = {"session.idle": "20m", "notices.per_hour": 5}
    assert ask(keeper, "POST", "/apply", {"settings": body})[0] == 200
    assert get(keeper, "/export")["settings"] == body
    before = get(keeper, "/policy")["version"]
    assert ask(keeper, "POST", "/apply", {"prune": True, "settings": {"notices.per_hour": 6}})[0] == 200
    assert get(keeper, "/export")["settings"] == {"notices.per_hour": 6}
    assert ask(keeper, "POST", "/versions/%d/rollback" % before, {})[0] == 200
    assert get(keeper, "/export")["settings"] == body
