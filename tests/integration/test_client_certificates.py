"""TLS client certificates at the edge: who is asked, who is let in, and what leaks nowhere."""
import socket
import ssl
import subprocess

import pytest

import clients
from stack import Connection, Recorder, Stack, free_port, wait_for

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def yaml(up, other_port):
    return f"""
routes:
  open: {{host: open.postern.localhost, upstream: {up.url}}}
  closed:
    host: closed.postern.localhost
    upstream: {up.url}
    client_certificate: required
    client_ca_file: clients.pem
    client_crl_file: clients.crl
  maybe:
    host: maybe.postern.localhost
    upstream: {up.url}
    client_certificate: optional
    client_ca_file: clients.pem
    client_crl_file: clients.crl
  strange:
    host: strange.postern.localhost
    upstream: {up.url}
    client_certificate: required
    client_ca_file: others.pem
  chained:
    host: chained.postern.localhost
    upstream: {up.url}
    client_certificate: required
    client_ca_file: root.pem
rules:
  - {{name: people, users: ["*"], zones: [local], routes: ["*"]}}
"""


class House:
    def __init__(self):
        self.up = Recorder()
        self.ca, self.others = clients.Authority(), clients.Authority("Other CA")
        self.root = clients.Authority("Root CA")
        self.below = clients.Authority("Below CA", by=self.root)
        self.old = clients.Authority("Old CA", start=-40, days=-10)
        self.port = free_port()
        self.stack = Stack(extra_yaml=yaml(self.up, self.port))
        self.stack.config.write_text(self.stack.config.read_text().replace(
            f'address: "127.0.0.1:{self.stack.port}"', f'address: "127.0.0.1:{self.stack.port}", min_tls: "1.2"'))
        self.stack.secret("clients.pem", self.ca.pem + self.old.pem)
        self.stack.secret("clients.crl", self.ca.crl())
        self.stack.secret("others.pem", self.others.pem)
        self.stack.secret("root.pem", self.root.pem)
        self.stack.start()
        self.good = self.ca.issue(san="email:robot@example.com")

    def ask(self, sni, host=None, certificate=None, version=None, extra=(), context=None):
        """The status of a request, or the word of the alert that ended the handshake."""
        context = context or (certificate.context(self.stack, version, extra) if certificate else None)
        try:
            with Connection(self.stack, f"{sni}.postern.localhost", self.stack.port, context=context) as c:
                return self.get(c, host or sni).status
        except (ssl.SSLError, ConnectionError) as error:
            return str(error)

    def get(self, c, host, path="/"):
        c.send(f"GET {path} HTTP/1.1\r\nHost: {host}.postern.localhost:{self.stack.port}\r\n\r\n".encode())
        return c.read()

    def close(self):
        self.stack.close()
        self.up.close()
        for a in (self.ca, self.others, self.root, self.below, self.old):
            a.close()


@pytest.fixture(scope="module")
def house():
    h = House()
    yield h
    h.close()


def refused(answer):
    return isinstance(answer, str)


@pytest.mark.parametrize("version", [V12, V13])
def test_a_host_lets_in_whom_its_authority_vouches_for(house, version):
    # Nobody is logged in, which is the next question.
    assert house.ask("closed", certificate=house.good, version=version) == 401
    assert house.ask("maybe", certificate=house.good, version=version) == 401
    assert house.ask("open", certificate=house.good, version=version) == 401


def test_nobody_comes_without_a_certificate_where_one_is_required(house):
    assert refused(house.ask("closed"))
    assert house.ask("maybe") == 401
    assert house.ask("open") == 401


def test_the_ways_to_have_the_wrong_certificate(house):
    bad = {
        "of another authority": house.others.issue(),
        "for servers": house.ca.issue(usage="serverAuth"),
        "for any purpose": house.ca.issue(usage="anyExtendedKeyUsage"),
        "for no purpose that it names": house.ca.issue(usage=""),
        "an authority itself": house.ca.issue(ca=True),
        "expired": house.ca.issue(start=-20, days=-1),
        "of tomorrow": house.ca.issue(start=1, days=5),
        "signed by itself": house.ca.issue(selfsigned=True),
        "of an authority that has expired": house.old.issue(start=-30, days=20),
    }
    got = {what: (house.ask("closed", certificate=c), house.ask("maybe", certificate=c)) for what, c in bad.items()}
    assert all(refused(a) and refused(b) for a, b in got.values()), got


def test_a_weak_key_is_no_key(house):
    weak = house.ca.dir / "weak.key"
    clients.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", weak)
    c = house.ca.issue(key=weak)
    context = ssl.create_default_context(cafile=str(house.stack.state / "tls/ca.crt"))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(c.crt, c.key)
    assert refused(house.ask("closed", context=context))


def test_a_chain_comes_with_the_client_and_has_a_length(house):
    leaf = house.below.issue()
    assert refused(house.ask("chained", certificate=leaf))
    assert house.ask("chained", certificate=leaf, extra=[house.below.crt]) == 401
    assert refused(house.ask("chained", certificate=leaf, extra=[house.below.crt] * 5))


def test_a_certificate_of_one_host_is_none_of_another(house):
    assert refused(house.ask("strange", certificate=house.good))
    assert house.ask("strange", certificate=house.others.issue()) == 401


def test_a_request_stays_on_the_host_of_its_handshake(house):
    """Neither past a question that was never asked, nor with an answer that was given elsewhere."""
    foreign = house.others.issue()
    for sni, host, certificate in (("open", "closed", None), ("open", "maybe", None), ("maybe", "closed", None),
                                   ("maybe", "closed", house.good), ("strange", "closed", foreign),
                                   ("closed", "open", house.good), ("closed", "strange", house.good)):
        assert house.ask(sni, host, certificate) == 421, (sni, host)
    with Connection(house.stack, "open.postern.localhost", house.stack.port) as c:
        assert house.get(c, "open").status == 401
        assert house.get(c, "closed").status == 421


def test_a_name_in_other_letters_is_the_same_host(house):
    assert refused(house.ask("CLOSED"))
    assert house.ask("open", "CLOSED") == 421
    assert house.ask("ClOsEd", "closed", house.good) == 401


def test_no_name_in_the_handshake_is_no_way_around(house):
    context = ssl.create_default_context(cafile=str(house.stack.state / "tls/ca.crt"))
    context.check_hostname = False
    with Connection(house.stack, None, house.stack.port, context=context) as c:
        assert house.get(c, "closed").status == 421


@pytest.mark.parametrize("version", [V12, V13])
def test_no_session_of_another_host_passes_by_the_question(house, version):
    """A ticket of a host that asks nothing, shown to one that asks."""
    context = ssl.create_default_context(cafile=str(house.stack.state / "tls/ca.crt"))
    context.minimum_version = context.maximum_version = version
    with Connection(house.stack, "open.postern.localhost", house.stack.port, context=context) as c:
        house.get(c, "open")
        session = c.sock.session
    assert version == V12 or session.has_ticket
    for sni, error in (("open", False), ("maybe", False), ("closed", True)):
        raw = socket.create_connection(("127.0.0.1", house.stack.port))
        raw.settimeout(20)
        try:
            with context.wrap_socket(raw, server_hostname=f"{sni}.postern.localhost", session=session) as sock:
                sock.sendall(f"GET / HTTP/1.1\r\nHost: {sni}.postern.localhost:{house.stack.port}\r\n\r\n".encode())
                said = sock.recv(65536)
                assert not error or said == b"", said
                assert sni != "open" or version == V12 or sock.session_reused
                assert sni == "open" or not sock.session_reused
        except ssl.SSLError:
            assert error


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_who_has_shown_a_certificate_gets_no_session_to_resume(house, version, tmp_path):
    """What was proven on one connection is proven on no other, also when the client insists."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{house.stack.port}", "-servername",
             "closed.postern.localhost", "-CAfile", str(house.stack.state / "tls/ca.crt"), version, "-ign_eof"]
    ask = f"GET / HTTP/1.1\r\nHost: closed.postern.localhost:{house.stack.port}\r\nConnection: close\r\n\r\n"
    kept = tmp_path / "session"
    shown = ["-cert", str(house.good.crt), "-key", str(house.good.key)]
    first = subprocess.run([*words, *shown, "-sess_out", str(kept)], input=ask, capture_output=True, text=True, timeout=30)
    assert "401" in first.stdout and "New," in first.stdout
    assert "Post-Handshake New Session Ticket" not in first.stdout
    if kept.exists():
        again = subprocess.run([*words, "-sess_in", str(kept)], input=ask, capture_output=True, text=True, timeout=30)
        assert "Reused," not in again.stdout and "401" not in again.stdout


def test_a_new_list_is_in_force_without_a_command_and_ends_what_is_open(house):
    lost = house.ca.issue()
    with Connection(house.stack, "closed.postern.localhost", house.stack.port, context=lost.context(house.stack)) as c, \
            Connection(house.stack, "closed.postern.localhost", house.stack.port,
                       context=house.good.context(house.stack)) as kept:
        assert house.get(c, "closed").status == house.get(kept, "closed").status == 401
        house.ca.revoke(lost)
        house.stack.secret("clients.crl", house.ca.crl())
        wait_for(lambda: refused(house.ask("closed", certificate=lost)), 30)

        def ended():
            try:
                return house.get(c, "closed").status != 401
            except (OSError, ConnectionError):
                return True
        wait_for(ended, 10)
        assert house.get(kept, "closed").status == 401
    assert house.ask("closed", certificate=house.good) == 401


def test_a_list_that_has_expired_or_is_missing_lets_nobody_in(house):
    try:
        house.stack.secret("clients.crl", house.ca.crl(seconds=-3600))
        wait_for(lambda: refused(house.ask("closed", certificate=house.good)), 30)
        house.stack.secret("clients.crl", house.others.crl())
        house.stack.cli("reload")
        assert refused(house.ask("closed", certificate=house.good))
        assert house.ask("open") == 401
        house.stack.secret("clients.crl", house.ca.crl(seconds=-3600))
        house.stack.cli("reload")
        said = house.stack.cli("health")
        assert "closed: the revocation list has expired" in said or "closed: the authority has expired" in said, said
    finally:
        house.stack.secret("clients.crl", house.ca.crl())
        wait_for(lambda: house.ask("closed", certificate=house.good) == 401, 30)


def test_a_broken_list_changes_nothing_and_refuses_a_reload(house):
    try:
        house.stack.secret("clients.crl", "-----BEGIN X509 CRL-----\nbm8=\n-----END X509 CRL-----\n")
        done = house.stack.cli("reload", check=False)
        assert done.returncode != 0 and "client_crl_file" in done.stderr + done.stdout
        assert house.ask("closed", certificate=house.good) == 401
    finally:
        house.stack.secret("clients.crl", house.ca.crl())
        assert house.stack.cli("reload", check=False).returncode == 0


def test_a_list_that_ends_takes_what_is_open_with_it(house):
    try:
        with Connection(house.stack, "closed.postern.localhost", house.stack.port,
                        context=house.good.context(house.stack)) as c:
            house.stack.secret("clients.crl", house.ca.crl(seconds=15))
            house.stack.cli("reload")
            assert house.get(c, "closed").status == 401

            def over():
                try:
                    return house.get(c, "closed").status == 421
                except (OSError, ConnectionError):
                    return True
            wait_for(over, 60, every=0.5)
    finally:
        house.stack.secret("clients.crl", house.ca.crl())
        wait_for(lambda: house.ask("closed", certificate=house.good) == 401, 30)


@pytest.mark.parametrize("change,says", [
    ("client_ca_file: clients.pem", "client_ca_file"),
    ("client_certificate: required", "client_ca_file"),
    ("client_certificate: sometimes, client_ca_file: clients.pem", "inherit, off, optional or required"),
    ("client_certificate: required, client_ca_file: nowhere.pem", "nowhere.pem"),
    ("client_certificate: required, client_ca_file: clients.crl", "certificates"),
])
def test_a_configuration_that_can_not_be_meant_is_refused(house, change, says):
    text = house.stack.config.read_text()
    try:
        house.stack.config.write_text(text.replace("{host: open.postern.localhost",
                                                   f"{{{change}, host: open.postern.localhost"))
        done = house.stack.cli("reload", check=False)
        assert done.returncode != 0 and says in done.stdout + done.stderr, done
    finally:
        house.stack.config.write_text(text)
        assert house.stack.cli("reload", check=False).returncode == 0


def test_over_http_2_a_request_for_another_host_is_sent_elsewhere_too(house):
    """What a browser does when it thinks that one connection is good for two names."""
    port = house.stack.port
    words = ["curl", "-sS", "--http2", "--cacert", str(house.stack.state / "tls/ca.crt"), "--connect-to", "::127.0.0.1:",
             "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
    for name, host, shown, status in (("open", "closed", [], 421), ("open", "open", [], 401),
                                      ("closed", "open", ["--cert", house.good.crt, "--key", house.good.key], 421),
                                      ("closed", "closed", ["--cert", house.good.crt, "--key", house.good.key], 401)):
        done = subprocess.run([*words, *map(str, shown), "-H", f"Host: {host}.postern.localhost:{port}",
                               f"https://{name}.postern.localhost:{port}/"], capture_output=True, text=True, timeout=30)
        assert done.stdout == f"2 {status}", (name, host, done)
