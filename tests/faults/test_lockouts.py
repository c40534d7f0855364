"""Every lock-out of docs/recovery.md: caused on a real service, and ended by exactly the commands that stand there."""
import contextlib
import datetime
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import stack as harness
from stack import PASSWORD, Person, Recorder, totp, wait_for

PAGE = (harness.TOP / "docs/recovery.md").read_text()
NEW = "another horse another staple"
TWO_MINUTES = 120


def documented(title):
    """The commands under this heading, line by line."""
    section = re.search(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE)[1]
    return re.search(r"(?s)```sh\n(.*?)```", section)[1].strip().splitlines()


def recover(site, title, expect=0):
    """Runs what the page says; returns what was printed. Longer than two minutes is a failure."""
    begin, printed = time.monotonic(), ""
    env = {**site.env, "PATH": f"{harness.LIBEXEC}:{os.environ['PATH']}"}
    for line in documented(title):
        if line == "systemctl start postern":
            site.start()
            continue
        line = line.replace("/etc/postern/postern.yaml", str(site.config)).replace("/var/lib/postern", str(site.state))
        done = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True, timeout=TWO_MINUTES)
        assert done.returncode == expect, (line, done.stdout, done.stderr)
        printed += done.stdout + done.stderr
        if line == "postern stop":
            site.process.wait(30)
            site.log.close()
    assert time.monotonic() - begin < TWO_MINUTES
    return printed


def link_in(printed):
    return re.search(r"https://\S+/enrol\?code=[\w-]+", printed)[0]


def enrol(site, link, name, password=NEW, **more):
    """Goes through the page of the link; the person has recovery codes then."""
    page = Person(site, name).get(link)
    assert page.status == 200, page
    secret = re.search(r"\b([A-Z2-7]{32})\b", page.text).group(1)
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["code"][0]
    form = {"code": code, "password": password, "again": password, "totp": totp(secret), **more}
    done = Person(site, name).post(site.portal + "/enrol", form)
    assert done.status == 200, done
    who = Person(site, name, secret)
    who.recovery = re.findall(r"<code>([0-9a-z-]{12,})</code>", done.text)
    return who


def gets_in(who, password=NEW):
    wait_for(lambda: who.login(password=password).status == 303, 60, every=2)


def locked_out(who, password=PASSWORD):
    assert who.login(password=password).status != 303


def store(site, *statements):
    db = sqlite3.connect(site.state / "store/postern.db", timeout=10)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


@contextlib.contextmanager
def fresh(extra_yaml=""):
    with harness.Stack(edges=1, extra_yaml=extra_yaml) as s:
        s.start()
        s.admin = s.owner()
        yield s


@pytest.fixture(scope="module")
def site():
    up = Recorder()
    with fresh() as s:
        s.cli("route", "add", "load", up.url, "--allow", "group:owners@local")
        yield s
    up.close()


@pytest.fixture
def alice(site):
    who = site.user("alice")
    yield who
    site.cli("user", "remove", "alice")


def test_every_entry_of_the_page_has_commands_and_a_symptom():
    titles = re.findall(r"(?m)^## (.*)$", PAGE)
    assert len(titles) >= 12
    mine = open(__file__, encoding="utf-8").read()
    for title in titles:
        assert documented(title) and f'"{title}"' in mine, title


def test_a_lost_authenticator(site, alice):
    alice.secret = "A" * 32
    locked_out(alice)
    printed = recover(site, "Somebody lost the authenticator")
    gets_in(enrol(site, link_in(printed), "alice", PASSWORD, again=""), PASSWORD)


def test_the_only_owner_lost_everything(site):
    lost = Person(site, "owner", "A" * 32)
    locked_out(lost, "forgotten entirely")
    who = enrol(site, link_in(recover(site, "The only owner lost everything")), "owner")
    gets_in(who)
    site.admin = who


@pytest.mark.parametrize("runs", [True, False])
def test_all_owners_are_disabled(runs):
    with fresh() as s:
        if not runs:
            s.stop()
        store(s, "UPDATE users SET disabled = 1")
        if runs:
            locked_out(s.admin)
        link = link_in(recover(s, "All owners are disabled"))
        if not runs:
            s.start()
        gets_in(enrol(s, link, "owner"))
        assert s.json("audit", "verify")["intact"]


def test_a_spent_factor(site, alice):
    store(site, "INSERT INTO throttles (kind, name, failures, last_failure) VALUES (4, 'alice', 100, 1)",
          "UPDATE totps SET disabled = 1 WHERE user = 'alice'")
    locked_out(alice)
    assert "set" in recover(site, "A factor is spent")
    gets_in(alice, PASSWORD)


def long_ago(site, name, key, authority=None):
    """The certificate as it is, but over since yesterday."""
    tls = site.state / "tls"
    old = x509.load_pem_x509_certificate((tls / name).read_bytes())
    signer = serialization.load_pem_private_key((tls / key).read_bytes(), None)
    now = datetime.datetime.utcnow()
    made = (x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer).public_key(old.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=400))
            .not_valid_after(now - datetime.timedelta(days=1)))
    for extension in old.extensions:
        made = made.add_extension(extension.value, extension.critical)
    path = tls / name
    path.write_bytes(made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def answers(site):
    import ssl
    context = ssl.create_default_context(cafile=str(site.state / "tls/ca.crt"))
    try:
        with harness.Connection(site, site.host, context=context) as c:
            c.send(f"GET /healthz HTTP/1.1\r\nHost: {site.host}:{site.port}\r\n\r\n".encode())
            return c.read().status == 200
    except ssl.SSLCertVerificationError:
        return False


def test_an_expired_server_certificate(site):
    long_ago(site, "server.crt", "ca.key")
    site.cli("reload", check=False)
    wait_for(lambda: not answers(site), 10, every=0.2)
    recover(site, "The server certificate has expired")
    wait_for(lambda: answers(site), 10, every=0.2)


def test_an_expired_authority(site):
    before = (site.state / "tls/ca.key").read_bytes()
    long_ago(site, "ca.crt", "ca.key")
    assert not answers(site)
    printed = recover(site, "The local authority has expired")
    assert "certutil" in printed
    wait_for(lambda: answers(site), 10, every=0.2)
    assert (site.state / "tls/ca.key").read_bytes() == before
    made = x509.load_pem_x509_certificate((site.state / "tls/ca.crt").read_bytes())
    assert made.extensions.get_extension_for_class(x509.NameConstraints).critical
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_zone_that_shuts_everybody_out():
    with fresh("\nzones:\n  office: [127.0.0.0/8]\n") as s:
        s.set_portal_zones("office")
        s.cli("reload")
        s.config.write_text(s.config.read_text().replace("office: [127.0.0.0/8]", "office: [192.0.2.0/24]"))
        s.cli("reload")

        def shut():
            try:
                return s.anonymous("GET", s.portal + "/healthz").status != 200
            except OSError:
                return True
        wait_for(shut, 10, every=0.2)
        printed = recover(s, "The portal's zone shuts everybody out")
        assert "OK" in printed and "in force" in printed
        wait_for(lambda: not shut(), 10, every=0.2)
        assert s.admin.login().status == 303


def test_a_rule_that_shuts_everybody_out(site):
    gets_in(site.admin)
    url = site.console_url("load")
    site.cli("rule", "add", "load", "--user", "nobody-at-all", "--zone", "local", "--route", "load", "--replace")

    def reach():
        answer, _ = site.admin.follow(site.admin.get(url), url)
        return answer.status
    wait_for(lambda: reach() == 403, 20, every=0.5)
    assert "who" in recover(site, "A rule shuts everybody out of a console")
    wait_for(lambda: reach() == 200, 20, every=0.5)


def test_a_dead_directory():
    pem = (subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
                           "-keyout", "/dev/null", "-subj", "/CN=gone", "-days", "9"], capture_output=True,
                          text=True, check=True).stdout)
    yaml = f"""
directories:
  corp:
    urls: ["ldaps://127.0.0.1:{harness.free_port()}"]
    ca: {json.dumps(pem)}
    bind_dn: "cn=reader"
    bind_password_file: corp.secret
    base: "dc=example"
"""
    with harness.Stack(edges=1, extra_yaml=yaml) as s:
        s.secret("corp.secret", "secret")
        s.start()
        s.admin = s.owner()
        s.cli("user", "add", "alice", "--directory", "corp")
        locked_out(Person(s, "alice", "A" * 32))
        assert s.admin.login().status == 303, "who has credentials here does not need the directory"
        gets_in(enrol(s, link_in(recover(s, "The directory is dead")), "alice"))


def test_a_dead_provider():
    issuer = f"https://127.0.0.1:{harness.free_port()}"
    yaml = f"\nproviders:\n  work: {{issuer: '{issuer}', client_id: postern, title: Work, timeout: 2s}}\n"
    with harness.Stack(edges=1, extra_yaml=yaml) as s:
        s.start()
        s.admin = s.owner()
        s.cli("user", "add", "alice", "--enrol")
        s.cli("user", "link", "alice", "work", "subject-1")
        page = Person(s, "alice").get(s.portal + "/login")
        assert "Work" in page.text
        begun = Person(s, "alice").get(s.portal + "/signin/provider/work")
        assert begun.status >= 400 or issuer not in begun.get("location", ""), begun
        assert s.admin.login().status == 303, "who has credentials here does not need the provider"
        gets_in(enrol(s, link_in(recover(s, "The OpenID provider is dead")), "alice"))


def test_a_clock_that_is_off_by_an_hour(site):
    who = site.user("owner2", groups=["owners"])
    wrong = totp(who.secret, at=time.time() - 3600)
    answer = who.login(code=wrong)
    assert answer.status == 403 and "time is" in answer.text.lower()
    printed = recover(site, "The clock is off by an hour")
    codes = re.findall(r"[0-9a-z]{5}(?:-[0-9a-z]{5}){4}", printed)
    assert len(codes) == 10
    site.admin.recovery = codes
    gets_in(site.admin)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_full_disk():
    class Disk(harness.Stack):
        def init(self):
            self.state.mkdir(mode=0o700)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", str(self.state)], check=True)
            return super().init()

        def close(self):
            try:
                self.stop()
            finally:
                subprocess.run(["umount", "-l", str(self.state)], check=False)
                shutil.rmtree(self.dir, ignore_errors=True)
    try:
        s = Disk(edges=1)
    except subprocess.CalledProcessError:
        pytest.skip("file systems cannot be mounted here")
    with s:
        s.start()
        s.admin = s.owner()
        with open(s.state / "ballast", "wb", buffering=0) as f:
            with contextlib.suppress(OSError):
                while True:
                    f.write(bytes(4096))
        wait_for(lambda: s.cli("group", "add", f"g{time.monotonic_ns()}", check=False).returncode != 0, 60, every=0)
        locked_out(s.admin)
        recover(s, "The disk is full")
        gets_in(s.admin, PASSWORD)
        assert s.json("audit", "verify")["intact"]


def damaged(site, name):
    site.stop()
    path = site.state / "store" / name
    path.write_bytes(b"\x00damaged\n")


def test_lost_sealing_keys():
    with fresh() as s:
        damaged(s, "sealing.keys")
        s.start()
        locked_out(Person(s, "owner", s.admin.secret))
        gets_in(enrol(s, link_in(recover(s, "The sealing keys are lost")), "owner"))


def test_damaged_assertion_keys():
    up = Recorder()
    with fresh() as s:
        s.cli("route", "add", "load", up.url, "--allow", "group:owners@local", "--identity", "jwt")
        damaged(s, "assertion.keys")
        s.start()
        answer, _ = s.admin.open(s.console_url("load"))
        assert answer.status != 200
        recover(s, "The assertion keys are damaged")
        wait_for(lambda: s.admin.open(s.console_url("load"))[0].status == 200, 30, every=1)
    up.close()


def test_a_damaged_configuration(site):
    good = site.config.read_text()
    site.config.write_text(good.replace("portal:", "portal: [", 1))
    try:
        assert site.cli("reload", check=False).returncode == 1
        assert site.anonymous("GET", site.portal + "/healthz").status == 200, "what ran before goes on"
        printed = recover(site, "The configuration is damaged", expect=1)
        assert re.search(r"postern\.yaml:\d+", printed), printed
    finally:
        site.config.write_text(good)
    site.cli("reload")
    gets_in(site.admin)


def test_a_store_that_others_can_read():
    with fresh() as s:
        s.stop()
        os.chmod(s.state / "store/postern.db", 0o644)
        process = subprocess.run([str(harness.LIBEXEC / "postern"), "check"], env=s.env, capture_output=True, text=True)
        assert process.returncode != 0 and "0600" in process.stderr
        recover(s, "Others can read the store")
        gets_in(s.admin, PASSWORD)
