"""Whom a client's certificate stands for: programs on consoles, people as one factor, nobody on the portal."""
import html
import re
import ssl

import pytest

import clients
from stack import PASSWORD, Connection, Person, Recorder, Stack, free_port, totp, wait_for


def yaml(up):
    return f"""
routes:
  machines:
    host: machines.postern.localhost
    upstream: {up.url}
    client_certificate: optional
    client_ca_file: clients.pem
    client_crl_file: clients.crl
    identity: [headers]
  others:
    host: others.postern.localhost
    upstream: {up.url}
    client_certificate: optional
    client_ca_file: others.pem
  plain: {{host: plain.postern.localhost, upstream: {up.url}}}
  strong: {{host: strong.postern.localhost, upstream: {up.url}}}
rules:
  - {{name: robots, tokens: [by-key, by-mail, by-host, by-uri, by-subject, bound], zones: [local], routes: [machines, others]}}
  - {{name: people, users: ["*"], zones: [local], routes: [machines, plain]}}
  - {{name: strong, users: ["*"], zones: [local], routes: [strong], assurance: phishing-resistant}}
"""


class House:
    def __init__(self):
        self.up = Recorder()
        self.front = free_port()
        self.ca, self.others = clients.Authority(), clients.Authority("Other CA")
        self.stack = s = Stack(extra_yaml=yaml(self.up))
        s.config.write_text(s.config.read_text().replace(
            f"  host: {s.host}\n", f"  host: {s.host}\n  client_certificate: optional\n  client_ca_file: clients.pem\n"
            "  client_crl_file: clients.crl\n", 1))
        s.add_listeners(f'{{name: front, address: "127.0.0.1:{self.front}", trusted_proxies: [127.0.0.1], '
                        'forwarded: x-forwarded-for}')
        s.secret("clients.pem", self.ca.pem)
        s.secret("clients.crl", self.ca.crl())
        s.secret("others.pem", self.others.pem)
        s.start()
        self.admin = s.owner()
        s.cli("user", "add", "robot", "--service")
        s.cli("user", "add", "other", "--service")
        self.robot = self.ca.issue("/O=Example/CN=robot", san="email:Robot@Example.com,DNS:Robot.example.com,URI:spiffe://e/robot")
        self.map("by-key", "robot", spki=self.robot.spki)

    def map(self, name, user, **what):
        (kind, value), = what.items()
        return self.stack.cli("certificate", "add", name, "--user", user, f"--{kind}", value)

    def ask(self, host, certificate=None, headers=(), method="GET", path="/"):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}.postern.localhost:{self.stack.port}", *headers, "", ""]
        with Connection(self.stack, f"{host}.postern.localhost", self.stack.port,
                        context=certificate.context(self.stack) if certificate else None) as c:
            c.send("\r\n".join(lines).encode())
            return c.read()

    def close(self):
        self.stack.close()
        self.up.close()
        self.ca.close()
        self.others.close()


@pytest.fixture(scope="module")
def house():
    h = House()
    yield h
    h.close()


@pytest.fixture
def mapped(house):
    names = []

    def add(name, user, **what):
        house.map(name, user, **what)
        names.append(name)
    yield add
    for name in names:
        house.stack.cli("certificate", "remove", name, check=False)


def test_a_program_needs_nothing_but_its_certificate(house):
    answer = house.ask("machines", house.robot)
    assert (answer.status, answer.body) == (200, b"ok")
    assert b"by-key" in house.up.requests[-1]
    row, = [r for r in house.stack.json("certificate", "list")["certificates"] if r["name"] == "by-key"]
    assert row["user"] == "robot" and row["good"] == "alone" and row["last_used"]


def test_without_it_or_with_an_unknown_one_it_is_nobody(house):
    assert house.ask("machines").status == 401
    unknown = house.ask("machines", house.ca.issue(), headers=["Accept: application/json"])
    assert unknown.status == 401 and "certificate" in unknown.text


@pytest.mark.parametrize("name,what,subject,san,good", [
    ("by-mail", {"email": "ci@Example.COM"}, "/CN=a", "email:ci@example.com", True),
    ("by-mail", {"email": "ci@example.com"}, "/CN=a", "email:CI@example.com", False),
    ("by-mail", {"email": "ci@example.com"}, "/CN=ci@example.com", "", False),
    ("by-host", {"dns": "build.example.com"}, "/CN=a", "DNS:BUILD.example.com", True),
    ("by-host", {"dns": "build.example.com"}, "/CN=a", "DNS:*.example.com", False),
    ("by-host", {"dns": "build.example.com"}, "/CN=build.example.com", "", False),
    ("by-host", {"dns": "build.example.com"}, "/CN=a", "DNS:build.example.com.evil.example", False),
    ("by-uri", {"uri": "spiffe://e/ci"}, "/CN=a", "URI:spiffe://e/ci", True),
    ("by-uri", {"uri": "spiffe://e/ci"}, "/CN=a", "URI:spiffe://e/CI", False),
    ("by-subject", {"subject": "CN=ci,O=Example"}, "/O=Example/CN=ci", "", True),
    ("by-subject", {"subject": "CN=ci,O=Example"}, "/O=Example/CN=CI", "", False),
    ("by-subject", {"subject": "CN=ci,O=Example"}, "/CN=ci,O=Example", "", False),
])
def test_a_name_stands_for_somebody_only_where_it_belongs(house, mapped, name, what, subject, san, good):
    mapped(name, "robot", **what)
    answer = house.ask("machines", house.ca.issue(subject, san))
    assert answer.status == (200 if good else 401), answer


@pytest.mark.parametrize("text", [b"ci@example.com\0.evil.example", b"ci@example.com\0"])
def test_a_name_with_a_nul_in_it_makes_the_certificate_nobodys(house, mapped, text):
    mapped("by-mail", "robot", email="ci@example.com")
    mail = b"\x81" + bytes([len(text)]) + text
    der = b"\x30" + bytes([len(mail)]) + mail
    leaf = house.ca.issue("/CN=a", san=f"DER:{der.hex(':')}")
    assert house.ask("machines", leaf).status == 401
    # The key that it has been given is known, and still: nothing about it is believed.
    mapped("by-host", "robot", spki=leaf.spki)
    assert house.ask("machines", leaf).status == 401


def test_a_certificate_of_two_users_is_nobodys(house, mapped):
    mapped("by-mail", "robot", email="two@example.com")
    mapped("by-host", "other", dns="two.example.com")
    assert house.ask("machines", house.ca.issue(san="email:two@example.com")).status == 200
    assert house.ask("machines", house.ca.issue(san="email:two@example.com,DNS:two.example.com")).status == 401


def test_the_authority_of_another_host_names_nobody_here(house, mapped):
    mapped("by-mail", "robot", email="cross@example.com")
    foreign = house.others.issue(san="email:cross@example.com")
    assert house.ask("others", foreign).status == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        house.ask("machines", foreign)


def test_a_browser_is_not_recognised_by_its_certificate_alone(house):
    """Any page can make it send requests, and it shows the certificate to all of them."""
    for header in ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: no-cors",
                   "Origin: https://evil.example", "User-Agent: Mozilla/5.0 (X11)"):
        assert house.ask("machines", house.robot, headers=[header]).status == 401, header
    assert house.ask("machines", house.robot, headers=["User-Agent: curl/8"]).status == 200


def test_a_certificate_alone_administers_nothing(house):
    house.stack.cli("user", "groups", "robot", "owners", check=False)
    for path in ("/api/v1/whoami", "/api/v1/users", "/api/v1/certificates", "/"):
        assert house.ask("postern", house.robot, path=path).status in (401, 303, 421), path
    with Connection(house.stack, house.stack.host, house.stack.port, context=house.robot.context(house.stack)) as c:
        for path in ("/api/v1/whoami", "/api/v1/users", "/api/v1/certificates"):
            c.send(f"GET {path} HTTP/1.1\r\nHost: {house.stack.host}:{house.stack.port}\r\n\r\n".encode())
            assert c.read().status == 401


def test_removing_the_entry_or_disabling_the_user_ends_it_at_once(house, mapped):
    mapped("by-mail", "other", email="gone@example.com")
    leaf = house.ca.issue(san="email:gone@example.com")
    assert house.ask("machines", leaf).status == 200
    house.stack.cli("user", "disable", "other")
    assert house.ask("machines", leaf).status == 401
    house.stack.cli("user", "enable", "other")
    assert wait_for(lambda: house.ask("machines", leaf).status == 200, 5)
    house.stack.cli("certificate", "remove", "by-mail")
    assert house.ask("machines", leaf).status == 401
    events = house.stack.cli("audit", "tail", "--limit", "50")
    assert "certificate.added" in events and "certificate.removed" in events


def test_names_are_one_persons_and_one_programs(house):
    token = ["token", "add", "by-key", "--owner", "robot", "--route", "machines"]
    assert house.stack.cli(*token, check=False).returncode != 0
    house.stack.cli("token", "add", "taken", "--owner", "robot", "--route", "machines")
    assert house.stack.cli("certificate", "add", "taken", "--user", "robot", "--dns", "a.b", check=False).returncode != 0
    for words in (["x", "--user", "robot", "--spki", house.robot.spki], ["x", "--user", "nobody", "--dns", "a.b"],
                  ["x", "--user", "robot"], ["x", "--user", "robot", "--dns", "a.b", "--uri", "a:b"],
                  ["x", "--user", "robot", "--dns", "*.b"], ["x", "--user", "robot", "--email", "a"],
                  ["x", "--user", "robot", "--spki", "00"], ["x", "--user", "robot", "--uri", "a b:c"]):
        assert house.stack.cli("certificate", "add", *words, check=False).returncode != 0, words


def test_a_proxys_certificate_is_not_its_clients(house):
    """Whoever stands behind it would be the proxy."""
    for port, headers, status in ((house.stack.port, "", 200), (house.front, "X-Forwarded-For: 127.0.0.2\r\n", 401)):
        with Connection(house.stack, "machines.postern.localhost", port, context=house.robot.context(house.stack)) as c:
            c.send(f"GET / HTTP/1.1\r\nHost: machines.postern.localhost:{port}\r\n{headers}\r\n".encode())
            assert c.read().status == status


def test_what_is_decided_for_a_program_is_explained_by_its_name(house):
    said = house.stack.cli("explain", "--token", "by-key", "--source", "127.0.0.1", "--route", "machines", "--path", "/")
    assert "allow" in said and "robots" in said
    assert house.stack.cli("explain", "--token", "nothing", "--source", "127.0.0.1", "--route", "machines",
                           check=False).returncode != 0


def test_a_token_is_good_only_beside_the_key_that_it_is_bound_to(house):
    words = ["token", "add", "bound", "--owner", "robot", "--route", "machines", "--route", "portal"]
    assert house.stack.cli(*words, "--spki", "00", check=False).returncode != 0
    token = house.stack.json(*words, "--spki", house.robot.spki)["token"]
    bearer = [f"Authorization: Bearer {token}"]
    assert house.ask("machines", house.robot, headers=bearer).status == 200
    assert house.ask("machines", house.ca.issue(), headers=bearer).status == 403
    assert house.ask("machines", headers=bearer).status == 403

    def api(context=None):
        with Connection(house.stack, house.stack.host, house.stack.port, context=context) as c:
            c.send(f"GET /api/v1/whoami HTTP/1.1\r\nHost: {house.stack.host}:{house.stack.port}\r\n{bearer[0]}\r\n\r\n".encode())
            return c.read().status
    assert api(house.robot.context(house.stack)) == 200
    assert api() == 401
    assert api(house.ca.issue().context(house.stack)) == 401


# ---- people ----

def person(house, name, certificate=None):
    who = house.stack.user(name)
    if certificate:
        house.map(name, name, spki=certificate.spki)
        who.way = {"context": certificate.context(house.stack)}
    return who


def factors(house, name):
    rows = house.stack.json("audit", "tail", "--limit", "100")["records"]
    return [r["detail"] for r in rows if r["actor"] == name and r["event"] == "login"]


def test_a_certificate_beside_a_password_is_phishing_resistant(house):
    own = house.ca.issue("/CN=anna")
    anna = person(house, "anna", own)
    done = anna.post(house.stack.portal + "/login", {"user": "anna", "password": PASSWORD, "code": ""})
    assert done.status == 303 and "after=login" in done.get("location"), done
    assert "phishing-resistant" in str(factors(house, "anna")) and "certificate" in str(factors(house, "anna"))
    # The console's host asks for nothing; what was proven on the portal is what counts.
    anna.way = {}
    assert anna.open(house.stack.console_url("strong"))[0].status == 200


def test_somebody_elses_certificate_adds_nothing(house):
    bert = person(house, "bert")
    bert.way = {"context": house.robot.context(house.stack)}
    done = bert.post(house.stack.portal + "/login", {"user": "bert", "password": PASSWORD, "code": ""})
    assert done.get("location") == "/signin/second"
    assert bert.login().status == 303
    assert "certificate" not in str(factors(house, "bert"))


def test_a_certificate_is_a_first_factor_and_a_code_the_second(house):
    own = house.ca.issue("/CN=cleo")
    cleo = person(house, "cleo", own)
    page = cleo.get(house.stack.portal + "/login")
    assert "/signin/certificate" in page.text
    to = cleo.post(house.stack.portal + "/signin/certificate", {})
    assert to.status == 303 and to.get("location") == "/signin/second"
    assert cleo.get(house.stack.portal + "/").status == 303  # Nobody yet.
    wrong = cleo.post(house.stack.portal + "/signin/second", {"code": "000000"})
    assert wrong.status == 403
    done = cleo.post(house.stack.portal + "/signin/second", {"code": totp(cleo.secret)})
    assert done.status == 303 and done.get("location") == "/?after=login"
    assert cleo.get(house.stack.portal + "/").status == 200
    assert '"mfa"' in str(factors(house, "cleo")).replace("'", '"')


def test_the_way_to_a_console_is_kept(house):
    own = house.ca.issue("/CN=dora")
    dora = person(house, "dora", own)
    url = house.stack.console_url("machines", "/deep?q=1")
    login, _ = dora.follow(dora.get(url), url)
    back = re.search(r'name="back" value="(flow[^"]*|[^"]*host[^"]*)"', login.text.split("/signin/certificate")[1])
    form = {"back": html.unescape(back.group(1))}
    dora.post(house.stack.portal + "/signin/certificate", form)
    done = dora.post(house.stack.portal + "/signin/second", {"code": totp(dora.secret)})
    at, where = dora.follow(done, house.stack.portal + "/signin/second")
    assert at.status == 200 and where == url


def test_nobody_signs_in_by_certificate_whose_it_is_not(house):
    who = Person(house.stack, "nobody")
    assert "/signin/certificate" not in who.get(house.stack.portal + "/login").text
    assert who.post(house.stack.portal + "/signin/certificate", {}).status == 403
    for leaf in (house.robot, house.ca.issue("/CN=stranger")):
        who.way = {"context": leaf.context(house.stack)}
        assert who.post(house.stack.portal + "/signin/certificate", {}).status == 403
    # Another site cannot begin it.
    who.way = {"context": house.robot.context(house.stack)}
    cross = who.request("POST", house.stack.portal + "/signin/certificate", body={"back": ""}, navigate=False,
                        headers=[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")])
    assert cross.status == 403


def test_a_person_is_not_let_in_by_certificate_alone(house):
    own = house.ca.issue("/CN=emil")
    person(house, "emil", own)
    assert house.ask("machines", own).status == 401
