"""Signing in by a real provider: npm's oidc-provider, installed as tests/openid/package-lock.json says."""
import http.cookiejar
import json
import pathlib
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

import pki
import stack
from stack import Person, Stack
from test_oidc import comes_back, is_in

HERE = pathlib.Path(__file__).resolve().parents[1] / "openid"
pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed")


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """The provider's files beside its packages; without a registry there is nothing to test with."""
    at = tmp_path_factory.mktemp("openid")
    for name in ("package.json", "package-lock.json", "server.mjs"):
        shutil.copy(HERE / name, at)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=at, capture_output=True,
                          text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip("npm ci: " + done.stderr[-300:])
    return at


@pytest.fixture(scope="module")
def site(modules):
    authority = pki.Authority()
    crt, key = authority.issue("127.0.0.1")
    port = stack.free_port()
    s = Stack(extra_yaml=f"""providers:
  real:
    issuer: https://127.0.0.1:{port}
    client_id: postern
    client_secret_file: real.secret
    ca: {json.dumps(authority.pem)}
    groups: ["operators=ops-team"]
""")
    s.secret("real.secret", "a secret of the tests")
    node = subprocess.Popen(["node", "server.mjs", str(port), str(crt), str(key), s.portal + "/signin/callback"],
                            cwd=modules, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for line in node.stdout:
            if "ready" in line:
                break
        s.start()
        s.authority = authority
        s.admin = s.owner()
        yield s
    finally:
        s.close()
        node.kill()
        node.wait()
        authority.close()


class Visitor:
    """A browser at the provider: it follows redirects there, fills in its forms, and comes out where it is sent back."""

    def __init__(self, cafile):
        self.jar = http.cookiejar.CookieJar()

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=cafile)),
            urllib.request.HTTPCookieProcessor(self.jar), Stay)

    def visit(self, url, login):
        form = None
        home = urllib.parse.urlsplit(url).netloc
        for _ in range(12):
            if urllib.parse.urlsplit(url).netloc != home:
                return url
            try:
                answer = self.opener.open(url, form and urllib.parse.urlencode(form).encode(), timeout=20)
            except urllib.error.HTTPError as e:
                assert e.code in (302, 303), (e.code, e.read())
                url, form = urllib.parse.urljoin(url, e.headers["location"]), None
                continue
            page = answer.read().decode()
            url = urllib.parse.urljoin(url, re.search(r'<form[^>]*action="([^"]+)"', page)[1])
            form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
            if form.get("prompt") == "login":
                form.update(login=login, password="any")
        raise AssertionError("the provider leads in circles")


def test_a_real_provider_signs_somebody_in_and_his_groups_follow(site):
    known = site.user("ann")
    site.cli("user", "link", "ann", "real", "ann-there")
    for time in range(2):
        who = Person(site, "ann")
        away = who.get(site.portal + "/signin/provider/real")
        assert away.status == 303, away.text
        back = Visitor(str(site.authority.cert)).visit(away.get("location"), "ann-there")
        assert back.startswith(site.portal + "/signin/callback?")
        answer = comes_back(who, back)
        assert (answer.status, answer.get("location")) == (303, "/signin/second"), answer.text
        assert not is_in(site, who)
        if time == 0:
            done = who.post(site.portal + "/signin/second", {"code": known.next_code()})
            assert done.status == 303 and is_in(site, who)
        # A code is good once, there as well as here.
        assert comes_back(Person(site, "ann"), back).status == 403
    assert site.json("user", "show", "ann")["groups"] == ["operators"]


def test_somebody_whom_a_real_provider_knows_and_we_do_not_stays_outside(site):
    who = Person(site, "stranger")
    away = who.get(site.portal + "/signin/provider/real")
    back = Visitor(str(site.authority.cert)).visit(away.get("location"), "stranger")
    assert comes_back(who, back).status == 403 and not is_in(site, who)
