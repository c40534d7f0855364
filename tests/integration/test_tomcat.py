"""The real Tomcat Manager behind the gate: what an administrator does with it, and what must not pass."""
import html
import io
import os
import re
import zipfile

import pytest

from stack import Connection, wait_for

HTML = "/manager/html"


@pytest.fixture(scope="module")
def console(stack, owner, tomcat):
    stack.secret("tomcat.secret", tomcat.secret)
    stack.cli("route", "add", "tomcat", tomcat.url, "--inject-basic-file", "tomcat.secret", "--allow",
              "group:owners@local")
    answer, at = owner.open(stack.console_url("tomcat", HTML))
    assert answer.status == 200, answer
    assert at == stack.console_url("tomcat", HTML), "the person lands where the person wanted to go"
    return owner


def war(page=b"hello from a war", pad=0):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        z.writestr("index.html", page)
        z.writestr("WEB-INF/web.xml", '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0"/>')
        if pad:
            z.writestr("pad.bin", os.urandom(pad))
    return out.getvalue()


def multipart(name, data):
    mark = "----postern-test-boundary"
    head = (f'--{mark}\r\nContent-Disposition: form-data; name="deployWar"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n").encode()
    return head + data + f"\r\n--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"


def test_the_manager_lists_its_applications_and_asks_for_no_second_password(stack, console):
    page = console.get(stack.console_url("tomcat", HTML))
    assert page.status == 200
    assert "Tomcat Web Application Manager" in page.text
    assert "/host-manager" in page.text
    assert page.get("www-authenticate") is None


def test_the_console_gets_the_public_name_and_secure_cookies(stack, console):
    fresh = dict(console.jar[f"tomcat.{stack.host}"])
    console.jar[f"tomcat.{stack.host}"] = {k: v for k, v in fresh.items() if k.startswith("__Host-postern")}
    page = console.get(stack.console_url("tomcat", HTML))
    cookie = next(c for c in page.all("set-cookie") if c.startswith("JSESSIONID"))
    assert "secure" in cookie.lower()
    moved = console.get(stack.console_url("tomcat", "/manager"))
    assert moved.status in (301, 302)
    location = moved.get("location")
    assert location.startswith("/manager/") or location.startswith(stack.console_url("tomcat", "/manager/"))


def test_own_cookies_do_not_reach_the_console_and_its_cookies_do(stack, console, recorder):
    url = stack.console_url(recorder.name, "/x")
    answer, _ = console.open(url)
    assert answer.status == 200
    console.jar[f"{recorder.name}.{stack.host}"]["JSESSIONID"] = "abc"
    assert console.get(url).status == 200
    head = recorder.requests[-1].decode("latin-1")
    assert "JSESSIONID=abc" in head
    assert "__Host-postern" not in recorder.bytes.decode("latin-1")


def html_form(console, stack, action, path=None):
    """The address of a form on the Manager's page, with its CSRF nonce and jsessionid as they are."""
    text = console.get(stack.console_url("tomcat", HTML)).text
    for found in re.findall(r'<form[^>]*action="([^"]*)"', text):
        target = html.unescape(found)
        where, _, query = target.partition("?")
        if where.partition(";")[0] == action and (path is None or f"path={path}&" in query + "&"):
            return target
    raise AssertionError(text[:3000])


def upload(console, stack, name, data):
    body, kind = multipart(name, data)
    target = html_form(console, stack, "/manager/html/upload")
    return console.request("POST", stack.console_url("tomcat", target), body=body,
                           headers=[("Content-Type", kind)])


def test_a_war_is_deployed_and_undeployed_through_the_pages(stack, console):
    done = upload(console, stack, "hello.war", war())
    assert done.status == 200, done
    assert "OK" in re.sub(r"<[^>]+>", "", done.text)
    page = console.get(stack.console_url("tomcat", "/hello/index.html"))
    assert (page.status, page.body) == (200, b"hello from a war")
    target = html_form(console, stack, "/manager/html/undeploy", "/hello")
    assert "CSRF_NONCE" in target
    done = console.request("POST", stack.console_url("tomcat", target), body=b"")
    assert done.status == 200
    assert console.get(stack.console_url("tomcat", "/hello/index.html")).status == 404


def test_a_form_without_its_nonce_is_refused_by_the_console_itself(stack, console):
    done = console.request("POST", stack.console_url("tomcat", "/manager/html/undeploy?path=/host-manager"), body=b"")
    assert done.status == 403


def test_a_jsessionid_in_the_path_survives(stack, console):
    jar = console.jar[f"tomcat.{stack.host}"]
    session = jar.get("JSESSIONID") or "0" * 32
    assert console.get(stack.console_url("tomcat", f"{HTML};jsessionid={session}")).status == 200


def test_49_mib_are_accepted_and_51_mib_never_look_like_success(stack, console):
    done = upload(console, stack, "big.war", war(pad=49 * 1024 * 1024))
    assert done.status == 200 and "FAIL" not in done.text, done
    target = html_form(console, stack, "/manager/html/undeploy", "/big")
    assert console.request("POST", stack.console_url("tomcat", target), body=b"").status == 200
    try:
        done = upload(console, stack, "huge.war", war(pad=51 * 1024 * 1024))
        assert done.status >= 400 or "FAIL" in done.text, done
    except (ConnectionError, OSError):
        pass  # a reset while uploading is a refusal too
    assert console.get(stack.console_url("tomcat", "/huge/index.html")).status == 404


def test_a_program_deploys_with_a_token_and_nothing_outside_its_scope(stack, console):
    made = stack.json("token", "add", "deployer", "--owner", "owner", "--route", "tomcat", "--method", "PUT",
                      "--method", "GET", "--path", "/manager/text/**")
    token = made["token"]
    assert token.startswith("pst_")
    url = stack.console_url("tomcat", "/manager/text/deploy?path=/prog")

    def call(method, url, body=b"", headers=()):
        return stack.anonymous(method, url, body=body, navigate=False,
                               headers=[("Authorization", f"Bearer {token}"), *headers])

    refused = call("PUT", url, war())
    assert refused.status == 403, "no rule names this token yet"
    assert refused.get("content-type").startswith("application/")
    stack.cli("rule", "add", "deployment", "--token", "deployer", "--zone", "local", "--route", "tomcat")
    done = call("PUT", url, war(pad=3 * 1024 * 1024))
    assert done.status == 200 and done.text.startswith("OK"), done
    assert b"hello from a war" == console.get(stack.console_url("tomcat", "/prog/index.html")).body
    outside = call("GET", stack.console_url("tomcat", HTML))
    assert outside.status == 403 and outside.get("location") is None
    assert call("POST", stack.console_url("tomcat", "/manager/text/list")).status == 403
    smuggled = call("PUT", stack.console_url("tomcat", "/manager/text/list"),
                    headers=[("X-HTTP-Method-Override", "POST")])
    assert smuggled.status == 403, "a method in a header is a method that no rule has seen"
    assert call("GET", stack.console_url("tomcat", "/manager/text/undeploy?path=/prog")).status == 200
    stack.cli("token", "revoke", "deployer")
    assert call("GET", stack.console_url("tomcat", "/manager/text/list")).status == 401


# systems.md, section 2: what a real Tomcat makes of each spelling. True: reaches the Manager there.
SPELLINGS = [
    ("/manager/html", True), ("/x/..;/manager/html", False), ("/docs/..;a=b/manager/html", False),
    ("/manager;x=1/html", True), ("/%6danager/html", True), ("//manager/html", True),
    ("/./manager/html", True), ("/manager/./html", True), ("/manager//html", True),
    ("/x/%2e%2e/manager/html", False), ("/manager/html;jsessionid=AAAA", True),
    ("/manager%2fhtml", False), ("/manager%5chtml", False), ("/manager\\html", False),
    ("/manager/html%00", False), ("/x/%252e%252e/manager/html", False), ("/manager/html%3b", None),
    ("/manager/html%0a", False), ("/x/../manager/html", True),
]


@pytest.mark.parametrize("path,passes", SPELLINGS)
def test_no_spelling_of_the_managers_path_gets_past_a_rule(stack, console, tomcat, path, passes):
    """With a rule for /docs/** only, whatever a Tomcat would read as the Manager is refused."""
    if not any(r["name"] == "docs" for r in stack.json("route", "list")["routes"]):
        stack.cli("route", "add", "docs", tomcat.url)
        stack.cli("rule", "add", "docs-only", "--group", "owners", "--zone", "local", "--route", "docs",
                  "--path", "/docs/**", "--path", "/x/**")
        console.open(stack.console_url("docs", "/docs/"))
    host = f"docs.{stack.host}"
    cookie = "; ".join(f"{k}={v}" for k, v in console.jar[host].items())
    with Connection(stack, host) as c:
        c.send(f"GET {path} HTTP/1.1\r\nHost: {host}:{stack.port}\r\nCookie: {cookie}\r\n"
               "Sec-Fetch-Site: same-origin\r\nAccept: application/json\r\n\r\n".encode())
        got = c.read()
    assert got.status in (400, 403), got
    if passes is False:
        assert got.status == 400, got


def test_policy_saw_one_canonical_path(stack, console):
    spellings = {"/manager;x=1/one": "/manager/one", "/%6danager/two": "/manager/two",
                 "//manager/./three": "/manager/three", "/x/../manager/four;jsessionid=00": "/manager/four"}
    for path in spellings:
        assert console.get(stack.console_url("tomcat", path)).status == 404

    def seen():
        return {r["path"] for r in stack.json("access", "list", "--limit", "200", "--route", "tomcat")["records"]}
    wait_for(lambda: set(spellings.values()) <= seen(), 10, every=0.2)
    assert not set(spellings) & seen()
