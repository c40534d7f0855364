"""Routes that bind a session to the network or the program that it began with."""
import ssl

import pytest

from stack import Person, Recorder, wait_for


@pytest.fixture(scope="module")
def consoles(stack, owner):
    """One console bound to the address, one to the program, one to nothing."""
    up = Recorder()
    for name, words in (("near", ["--bind-network", "address"]), ("same", ["--bind-fingerprint"]), ("free", [])):
        stack.cli("route", "add", name, up.url, "--allow", "group:owners@local", *words)
    yield up
    for name in ("near", "same", "free"):
        stack.cli("route", "remove", name, "--force")
    up.close()


def another_program(stack):
    context = ssl.create_default_context(cafile=str(stack.state / "tls/ca.crt"))
    context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
    return context


def thief_of(stack, who, **way):
    """Somebody with all of this person's cookies, elsewhere."""
    thief = Person(stack, who.name)
    thief.jar = {host: dict(jar) for host, jar in who.jar.items()}
    thief.way = way
    return thief


@pytest.mark.parametrize("name", ["near", "same"])
def test_a_session_that_leaves_its_binding_has_to_be_proven_again(stack, owner, consoles, name):
    way = {"source": "127.0.0.7"} if name == "near" else {"context": another_program(stack)}
    url, free = stack.console_url(name, "/x?y=1"), stack.console_url("free", "/")
    page, _ = owner.open(url)
    assert page.status == 200
    assert owner.open(free)[0].status == 200
    seen = len(consoles.requests)
    thief = thief_of(stack, owner, **way)
    # A program is told, a page leads to the login, and the portal's cookie does not lead around it.
    told = thief.request("GET", url, navigate=False, headers=[("Sec-Fetch-Site", "same-origin")])
    assert told.status == 401 and "proven again" in told.text
    step = thief.get(url)
    assert step.status == 303
    page, at = thief.follow(step, url)
    assert page.status == 200 and 'name="password"' in page.text
    without = at.replace("&prove=1", "")
    page = thief.get(without)
    assert page.status == 200 and 'name="password"' in page.text
    thief.jar.pop(f"{name}.{stack.host}")
    page, at = thief.follow(thief.get(url), url)
    assert 'name="password"' in page.text
    assert len(consoles.requests) == seen, "nothing reached the console"
    # The route without binding is the same session's business.
    assert thief.get(free).status == 200
    # It is on record, for each of the two ways.
    wait_for(lambda: '"moved"' in stack.cli("access", "list", "--json"), 10)
    assert "session.moved" in stack.cli("audit", "tail", "--json")
    # Who it was is still where they were.
    assert owner.get(url).status == 200


@pytest.mark.parametrize("name", ["near", "same"])
def test_who_proves_again_is_back_at_the_place_and_bound_there(stack, owner, consoles, name):
    way = {"source": "127.0.0.8"} if name == "near" else {"context": another_program(stack)}
    who = stack.user(f"mover-{name}", ["owners"])
    url = stack.console_url(name, "/deep/place?x=1")
    assert who.open(url)[0].status == 200
    who.way = way
    # The code of this half minute is used up: a recovery code.
    who.recovery = stack.json("user", "recovery", who.name)["recovery"]
    page, at = who.open(url)
    assert page.status == 200 and at == url
    assert consoles.requests[-1].startswith(b"GET /deep/place?x=1 ")
    assert who.get(url).status == 200
    who.way = {}
    assert who.get(url).status == 303


def test_a_resumed_connection_and_another_protocol_are_the_same_program(stack, owner, consoles):
    url = stack.console_url("same", "/")
    assert owner.open(url)[0].status == 200
    context = ssl.create_default_context(cafile=str(stack.state / "tls/ca.crt"))
    context.set_alpn_protocols(["http/1.1"])
    owner.way = {"context": context}
    try:
        assert owner.get(url).status == 200
    finally:
        owner.way = {}
