"""Changes of the policy with all processes: what one of them refuses, and what outlives a killed keeper."""
import contextlib
import os
import signal

import pytest

import stack
from test_keeper import Control


@pytest.fixture(scope="module")
def site():
    with stack.running(edges=2) as s:
        with contextlib.closing(stack.Recorder(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")) as old, \
                contextlib.closing(stack.Recorder(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")) as new:
            s.old, s.new = old, new
            assert apply(s, routes=[route(s, "app", old)], rules=[rule("app")])[0] == 200
            yield s


def ask(s, method, path, body=None, query=""):
    control = Control(str(s.runtime / "keeper.sock"))
    control.sock.settimeout(60)
    try:
        return control.ask(method, path, body, query)
    finally:
        control.close()


def apply(s, **body):
    return ask(s, "POST", "/apply", body)


def route(s, name, up, **more):
    return {"name": name, "host": f"{name}.{s.host}", "upstream": up.url, **more}


def rule(name, **more):
    return {"name": name, "groups": ["owners"], "zones": ["local"], "routes": [name], **more}


def versions(s):
    return ask(s, "GET", "/versions")[1]["versions"]


def bodies(s, name, times=12):
    """What the console answers, asked so often on new connections that both edges were among those who answered."""
    return {s.admin.open(s.console_url(name))[0].body for _ in range(times)}


def test_what_a_process_refuses_leaves_the_old_state_on_every_edge(site):
    assert bodies(site, "app") == {b"old"}
    before = ask(site, "GET", "/export")[1]
    # The signer has no such pair, which only it can find out.
    status, problem = apply(site, prune=True, routes=[
        route(site, "app", site.new), {"name": "other", "host": f"other.{site.host}", "upstream": "https://127.0.0.1:1",
                                       "upstream_ca_file": "", "upstream_certificate": "absent"},
    ], rules=[rule("app", methods=["POST"])])
    assert status in (409, 422), problem
    assert ask(site, "GET", "/export")[1] == before
    assert bodies(site, "app") == {b"old"}
    # And one that nobody refuses is everywhere when it is answered.
    status, answer = apply(site, routes=[route(site, "app", site.new)])
    assert status == 200 and bodies(site, "app") == {b"new"}
    assert ask(site, "POST", "/versions/%d/rollback" % (answer["version"] - 1), {})[0] == 200 \
        or ask(site, "GET", "/export")[1] == before
    assert ask(site, "POST", "/apply", {**before, "prune": True})[0] == 200
    assert bodies(site, "app") == {b"old"}


def test_a_killed_keeper_takes_back_in_time_what_nobody_confirmed(site):
    status, answer = apply(site, routes=[route(site, "app", site.new)], confirm="10s")
    assert status == 200 and bodies(site, "app", 6) == {b"new"}
    os.kill(site.pids("keeper")[0], signal.SIGKILL)
    stack.wait_for(site.ready, 30)
    stack.wait_for(lambda: versions(site)[0]["cause"] == "expired", 60, 0.2)
    stack.wait_for(lambda: bodies(site, "app", 6) == {b"old"}, 20, 0.2)
    assert versions(site)[0]["comment"] == "version %d was not confirmed in time" % answer["version"]
