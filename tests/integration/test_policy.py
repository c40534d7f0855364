"""What rules can say beside who, from where and how surely: real requests, and what they were told."""
import pytest

import stack as harness
from stack import Recorder, read_body
from test_proxy import reply

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def up():
    def answer(recorder, sock, head, data):
        _, rest = read_body(sock, head, data)
        reply(sock, b"console")
        return rest
    r = Recorder(handler=answer)
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
