"""What rules can say beside who, from where and how surely: real requests, and what they were told."""
import time

import pytest

import stack as harness
from stack import Recorder
from test_proxy import reading

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def up():
    r = Recorder(handler=reading(b"console"))
    yield r
    r.close()


@pytest.fixture(scope="module")
def site(up):
    with harness.running(edges=1) as s:
        s.cli("route", "add", "app", up.url, "--allow", "group:owners@local")
        yield s


@pytest.fixture(scope="module")
def ann(site):
    person = site.user("ann", groups=["owners"])
    answer, _ = person.open(site.console_url("app"))
    assert answer.text == "console"
    return person


def nobody(site, path, method="GET", **more):
    return site.anonymous(method, site.console_url("app", path), **more)


def test_a_deny_rule_comes_before_the_rule_that_admits_and_holds_for_whoever_is_not_known(site, ann):
    site.cli("rule", "add", "never", "--deny", "--route", "app", "--path", "/manager/undeploy/**")
    try:
        assert ann.get(site.console_url("app", "/manager")).status == 200
        answer = ann.get(site.console_url("app", "/manager/undeploy/x"))
        assert answer.status == 403 and "whatever others admit" in answer.text
        assert nobody(site, "/manager/undeploy").status == 403
        assert nobody(site, "/manager").status == 303
        told = site.json("explain", "--user", "ann", "--route", "app", "--path", "/manager/undeploy/x")
        assert (told["verdict"], told["reason"], told["rule"]) == ("deny", "denied", "never")
    finally:
        site.cli("rule", "remove", "never")
    assert ann.get(site.console_url("app", "/manager/undeploy/x")).status == 200


def test_another_method_in_a_header_does_not_get_around_a_deny_rule(site, ann):
    site.cli("rule", "add", "read", "--deny", "--user", "ann", "--route", "app", "--method", "DELETE")
    try:
        assert ann.get(site.console_url("app", "/x")).status == 200
        answer = ann.get(site.console_url("app", "/x"), headers=[("X-HTTP-Method-Override", "DELETE")])
        assert answer.status == 403
    finally:
        site.cli("rule", "remove", "read")


@pytest.mark.parametrize("more", [["--assurance", "hardware"], ["--max-age", "5m"], ["--demand"]])
def test_a_deny_rule_with_what_it_cannot_mean_is_refused(site, more):
    done = site.cli("rule", "add", "odd", "--deny", "--route", "app", *more, check=False)
    assert done.returncode == 1 and "expected" in done.stderr
    assert "odd" not in site.cli("rule", "list")


def test_a_rule_for_reading_admits_no_more_than_that(site, ann):
    bob = site.user("bob")
    site.cli("rule", "add", "look", "--user", "bob", "--zone", "local", "--route", "app", "--read-only")
    answer, _ = bob.open(site.console_url("app"))
    assert answer.text == "console"
    url = site.console_url("app", "/x")
    assert bob.get(url).status == 200
    answer = bob.request("POST", url, body=b"x")
    assert answer.status == 403 and "reading" in answer.text
    assert bob.get(url, headers=[("X-HTTP-Method-Override", "POST")]).status == 403
    socket = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
              ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
              ("Origin", site.console_url("app", "")[:-1] if site.console_url("app", "").endswith("/")
               else site.console_url("app", ""))]
    assert bob.get(url, navigate=False, headers=socket).status == 403
    assert ann.request("POST", url, body=b"x").status == 200


def test_a_rule_holds_in_its_times_in_its_zone(site):
    eve = site.user("eve")
    base = ["rule", "add", "shift", "--user", "eve", "--zone", "local", "--route", "app"]
    site.cli(*base, "--time", "Mon-Fri 00:00-24:00", "--time", "Sat,Sun 00:00-24:00", "--time-zone",
             "Europe/Berlin")
    answer, _ = eve.open(site.console_url("app"))
    assert answer.text == "console"
    now = time.gmtime()
    # An hour of the clock that is over, or far away, in any zone of a few minutes.
    past = f"{(now.tm_hour + 12) % 24:02}:00-{(now.tm_hour + 12) % 24:02}:59"
    site.cli(*base, "--time", past, "--replace")
    answer = eve.get(site.console_url("app"))
    assert answer.status == 403 and "at this time" in answer.text
    shown = site.json("rule", "show", "shift")
    assert (shown["times"], shown["time_zone"]) == ([past], "UTC")
    for bad in (["--time", "Monday 8-18"], ["--time", past, "--time-zone", "Europe/Berln"],
                ["--time", past, "--time-zone", "../../etc/passwd"], ["--time-zone", "Europe/Berlin"],
                ["--time", past, "--time-zone", "Africa/Casablanca"]):
        done = site.cli(*base, *bad, "--replace", check=False)
        assert done.returncode == 1 and "expected" in done.stderr, (bad, done)
    assert site.json("rule", "show", "shift")["times"] == [past]


def seen(up, path):
    """The headers of the last request for this path that came to the console, in lower case."""
    head = [r for r in up.requests if f" {path} ".encode() in r.split(b"\r\n", 1)[0]][-1]
    return head.decode("latin-1").lower()


def test_an_anonymous_rule_lets_anybody_pass_without_a_name(site, ann, up):
    site.cli("rule", "add", "ping", "--anonymous", "--zone", "local", "--route", "app", "--method", "GET",
             "--path", "/open/**")
    try:
        spoof = [("Postern-User", "root"), ("Postern-Assertion", "x.y.z")]
        assert nobody(site, "/open/a", headers=spoof).text == "console"
        assert "root" not in seen(up, "/open/a") and "\npostern-" not in seen(up, "/open/a")
        assert nobody(site, "/openly").status == 303
        assert nobody(site, "/open/a", method="POST", body=b"x").status in (303, 401)
        assert nobody(site, "/open/a", headers=[("X-HTTP-Method-Override", "DELETE")]).status == 403
        assert nobody(site, "/open/a", headers=[("Destination", site.console_url("app", "/x"))]).status == 403
        bad = [("Authorization", "Bearer pst_" + "x" * 43)]
        assert nobody(site, "/open/a", headers=bad).status == 401
        # Whom no other rule admits is nobody there; whoever is admitted keeps his name.
        joe = site.user("joe")
        joe.open(site.portal)
        assert joe.open(site.console_url("app", "/open/b"))[0].text == "console"
        assert "joe" not in seen(up, "/open/b")
        told = site.json("explain", "--route", "app", "--path", "/open/a")
        assert (told["verdict"], told["reason"], told["rule"]) == ("allow", "anonymous", "ping")
        assert "ping" in site.cli("doctor") and "OPEN TO ANYBODY" in site.cli("doctor")
        assert any("ping" in w and "anybody" in w for w in site.json("health")["warnings"])
        ends, shown = time.monotonic() + 30, []
        while not shown and time.monotonic() < ends:  # records are written in batches
            shown = [r for r in site.json("access", "list")["records"]
                     if r["path"] == "/open/b" and r["outcome"] == "allowed"]
            time.sleep(0.2)
        assert shown[0]["reason"] == "anonymous" and not shown[0]["principal"], shown
    finally:
        site.cli("rule", "remove", "ping")
    assert nobody(site, "/open/a").status == 303


def test_what_is_open_to_anybody_is_not_copied_elsewhere(site, ann, up):
    site.cli("rule", "add", "copies", "--anonymous", "--zone", "local", "--route", "app", "--method", "COPY",
             "--path", "/open/**")
    try:
        to = [("Destination", site.console_url("app", "/open/b"))]
        assert nobody(site, "/open/a", method="COPY").status == 200
        assert nobody(site, "/open/a", method="COPY", headers=to).status == 403
        assert nobody(site, "/other", method="COPY", headers=to).status in (303, 401)
    finally:
        site.cli("rule", "remove", "copies")


@pytest.mark.parametrize("words", [
    ["--path", "/a"], ["--method", "GET"], ["--method", "GET", "--path", "/**"],
    ["--method", "GET", "--path", "/*/a"], ["--method", "GET", "--path", "/a", "--user", "ann"],
    ["--method", "GET", "--path", "/a", "--assurance", "password"],
    ["--method", "GET", "--path", "/a", "--deny"], ["--method", "GET", "--path", "/a", "--route", "*"]])
def test_an_anonymous_rule_says_to_the_letter_what_it_opens(site, words):
    done = site.cli("rule", "add", "odd", "--anonymous", "--zone", "local", "--route", "app", *words, check=False)
    assert done.returncode == 1 and "expected" in done.stderr, done


def test_a_change_with_which_a_test_fails_is_refused_and_nothing_changes(site, ann):
    site.cli("test", "add", "owners-in", "--group", "owners", "--zone", "local", "--route", "app", "--expect", "allow")
    site.cli("test", "add", "nobody-in", "--nobody", "--zone", "local", "--url", site.console_url("app", "/x"),
             "--expect", "prove")
    try:
        done = site.cli("rule", "add", "closed", "--deny", "--route", "app", check=False)
        assert done.returncode == 1, done
        assert "tests.owners-in: expected allow, found deny" in done.stderr and "closed" in done.stderr
        assert ann.get(site.console_url("app")).status == 200
        assert "closed" not in site.cli("rule", "list")
        done = site.cli("test", "add", "wrong", "--user", "joe", "--zone", "local", "--route", "app", "--path",
                        "/../x", "--expect", "allow", check=False)
        assert done.returncode == 1 and "wrong" not in site.cli("test", "list")
        done = site.cli("test", "add", "both", "--user", "joe", "--nobody", "--zone", "local", "--route", "app",
                        check=False)
        assert done.returncode == 1 and "expected one of user" in done.stderr
        shown = site.json("test", "show", "owners-in")
        assert (shown["group"], shown["expect"], shown["origin"]) == ("owners", "allow", "store")
    finally:
        site.cli("test", "remove", "owners-in")
        site.cli("test", "remove", "nobody-in")


def test_check_runs_the_tests_of_the_file(site, tmp_path):
    text = ("portal: {host: gw.test}\nstate: {directory: %s}\n"
            "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:1'}}\n"
            "rules: [{name: all, users: ['*'], zones: [local], routes: [t]}]\n"
            "tests: [{name: strangers, nobody: true, zone: local, route: t, expect: %s}]\n")
    config = tmp_path / "postern.yaml"
    config.write_text(text % (tmp_path, "deny"))
    done = site.cli("check", "--config", str(config), check=False)
    assert done.returncode == 1 and "tests.strangers: expected deny, found prove" in done.stderr, done
    config.write_text(text % (tmp_path, "prove"))
    done = site.cli("check", "--config", str(config), check=False)
    assert done.returncode == 0, done
