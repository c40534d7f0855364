"""postern ca issue, revoke, list and crl: an authority for clients where there is none."""
import json
import os
import pathlib
import re
import ssl
import stat
import subprocess

import pytest

import clients
from stack import Connection, Recorder, Stack, wait_for

SHOWN = """  client_certificate: optional
  client_ca_file: client-ca.crt
  client_crl_file: client-ca.crl
"""


class House:
    def __init__(self):
        self.up = Recorder()
        self.stack = s = Stack(extra_yaml=f"""
routes:
  machines: {{host: machines.postern.localhost, upstream: {self.up.url}, client_certificate: required,
             client_ca_file: client-ca.crt, client_crl_file: client-ca.crl}}
rules:
  - {{name: robots, tokens: [robot, other, asked, again], zones: [local], routes: [machines]}}
""")
        text = s.config.read_text()
        # There is no authority before the first certificate; then the configuration may ask for it.
        s.config.write_text(re.sub(r", client_certificate.*\n.*client-ca.crl", "", text))
        s.start()
        s.owner()
        s.cli("user", "add", "robot", "--service")
        self.p12 = s.dir / "robot.p12"
        self.said = s.cli("ca", "issue", "robot", "--user", "robot", "--out", str(self.p12))
        s.config.write_text(text)
        s.cli("reload")
        self.passphrase = re.search(r"passphrase  (\S+)", self.said).group(1)

    def unpack(self, p12, passphrase):
        pem = p12.with_suffix(".pem")
        clients.openssl("pkcs12", "-in", p12, "-passin", f"pass:{passphrase}", "-nodes", "-out", pem)
        return pem

    def ask(self, pem, key=None):
        context = ssl.create_default_context(cafile=str(self.stack.state / "tls/ca.crt"))
        context.load_cert_chain(pem, key)
        try:
            with Connection(self.stack, "machines.postern.localhost", self.stack.port, context=context) as c:
                c.send(f"GET / HTTP/1.1\r\nHost: machines.postern.localhost:{self.stack.port}\r\n\r\n".encode())
                return c.read().status
        except (ssl.SSLError, ConnectionError) as error:
            return str(error)

    def issue(self, name, *words, check=True):
        out = self.stack.dir / f"{name}.out"
        return out, self.stack.cli("ca", "issue", name, "--user", "robot", "--out", str(out), *words, check=check)

    def close(self):
        self.stack.close()
        self.up.close()


@pytest.fixture(scope="module")
def house():
    h = House()
    yield h
    h.close()


def test_an_administrator_without_an_authority_gets_a_certificate_that_works(house):
    # How to put it to use is said where nobody is asked yet.
    assert "client_ca_file: client-ca.crt" in house.said and "shown once" in house.said
    assert stat.S_IMODE(house.p12.stat().st_mode) == 0o600
    pem = house.unpack(house.p12, house.passphrase)
    assert house.ask(pem) == 200
    assert house.passphrase not in house.stack.log_path.read_text()


def test_curl_uses_the_file_as_it_is(house):
    done = subprocess.run(["curl", "-sS", "--cacert", str(house.stack.state / "tls/ca.crt"), "--cert-type", "P12",
                           "--cert", f"{house.p12}:{house.passphrase}", "--connect-to", "::127.0.0.1:",
                           f"https://machines.postern.localhost:{house.stack.port}/"], capture_output=True, text=True)
    assert done.stdout == "ok", done.stderr


def test_what_is_made_is_for_clients_alone_and_strong(house):
    text = clients.openssl("pkcs12", "-in", house.p12, "-passin", f"pass:{house.passphrase}", "-info", "-nokeys")
    assert "TLS Web Client Authentication" in subprocess.run(
        ["openssl", "x509", "-noout", "-text"], input=text, capture_output=True, text=True).stdout
    info = subprocess.run(["openssl", "pkcs12", "-in", str(house.p12), "-passin", f"pass:{house.passphrase}", "-info",
                           "-noout"], capture_output=True, text=True).stderr
    assert "sha256" in info and "AES-256-CBC" in info and "RC2" not in info and "3DES" not in info
    wrong = subprocess.run(["openssl", "pkcs12", "-in", str(house.p12), "-passin", "pass:wrong", "-noout"],
                           capture_output=True)
    assert wrong.returncode != 0
    server = clients.openssl("x509", "-in", house.stack.state / "tls/ca.crt", "-noout", "-subject")
    client = clients.openssl("x509", "-in", house.stack.state / "secrets/client-ca.crt", "-noout", "-subject")
    assert server != client and "client CA" in client


def test_the_authoritys_key_is_the_signers_alone(house):
    key = house.stack.state / "tls/client-ca.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and key.stat().st_uid == key.parent.stat().st_uid
    assert not list((house.stack.state / "secrets").glob("*.key"))
    for name in ("client-ca.crt", "client-ca.crl"):
        assert "PRIVATE" not in (house.stack.state / "secrets" / name).read_text()


def test_a_name_is_given_once_and_serials_are_random(house):
    assert house.issue("robot", check=False)[1].returncode != 0
    (out, _), (again, _) = house.issue("other"), house.issue("again")
    rows = json.loads(house.stack.cli("ca", "list", "--json"))["certificates"]
    serials = {r["serial"] for r in rows}
    assert len(serials) == len(rows) >= 3 and all(len(s) == 40 for s in serials)
    # A file that is there is not overwritten, and nothing is left behind.
    house.stack.cli("ca", "revoke", "again")
    again.write_text("mine")
    assert house.issue("again", check=False)[1].returncode != 0
    assert again.read_text() == "mine"
    after = json.loads(house.stack.cli("ca", "list", "--json"))["certificates"]
    assert [r for r in after if r["name"] == "again" and not r["revoked"]] == []
    assert "again" not in house.stack.cli("certificate", "list")


def test_a_revoked_one_is_let_in_nowhere(house):
    made = json.loads(house.stack.cli("ca", "issue", "asked", "--user", "robot", "--out", str(house.stack.dir / "asked.p12"),
                                      "--json"))
    pem = house.unpack(house.stack.dir / "asked.p12", made["passphrase"])
    assert house.ask(pem) == 200
    house.stack.cli("ca", "revoke", "asked")
    wait_for(lambda: isinstance(house.ask(pem), str), 30)
    assert house.ask(house.unpack(house.p12, house.passphrase)) == 200
    assert house.stack.cli("ca", "revoke", "asked", check=False).returncode != 0
    assert "asked" not in house.stack.cli("certificate", "list")
    crl = clients.openssl("crl", "-in", house.stack.state / "secrets/client-ca.crl", "-noout", "-text")
    assert made["serial"].upper() in crl
    # It ends no earlier than its authority, or it would lock everybody out some day.
    end = clients.openssl("x509", "-in", house.stack.state / "secrets/client-ca.crt", "-noout", "-enddate")
    assert end.split("=")[1].strip() in crl


def test_the_list_can_be_written_anew(house):
    path = house.stack.state / "secrets/client-ca.crl"
    path.unlink()
    assert house.stack.cli("ca", "crl").strip() == str(path)
    assert path.read_text().startswith("-----BEGIN X509 CRL-----")
    assert house.ask(house.unpack(house.p12, house.passphrase)) == 200


@pytest.mark.parametrize("name,user,more", [
    ("../x", "robot", []), ("a b", "robot", []), ("A", "robot", []), ("x" * 64, "robot", []), ("x", "nobody", []),
    ("x", "../users", []), ("x", "robot", ["--days", "0"]), ("x", "robot", ["--days", "100000"]),
    ("x", "robot", ["--days", "-1"]), ("x", "robot", ["--out", "/nowhere/x.p12"]),
    ("x", "robot", ["--csr", "/dev/null"]), ("x", "robot", ["--csr", "/nowhere"]),
])
def test_what_can_not_be_meant_makes_nothing(house, name, user, more, tmp_path):
    before = house.stack.cli("ca", "list", "--json"), house.stack.cli("certificate", "list", "--json")
    words = more if "--out" in more else ["--out", str(tmp_path / "x"), *more]
    assert house.stack.cli("ca", "issue", name, "--user", user, *words, check=False).returncode != 0
    assert (house.stack.cli("ca", "list", "--json"), house.stack.cli("certificate", "list", "--json")) == before
    assert not (tmp_path / "x").exists()


def request(tmp_path, key_words, subject="/CN=evil", extra=()):
    key, csr = tmp_path / "k", tmp_path / "csr"
    clients.openssl("genpkey", *key_words, "-out", key)
    clients.openssl("req", "-new", "-key", key, "-subj", subject, "-out", csr, *extra)
    return key, csr


EC = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]


def test_of_a_request_nothing_counts_but_its_key(house, tmp_path):
    key, csr = request(tmp_path, EC, "/O=postern/CN=robot", ["-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                                                          "keyUsage=keyCertSign", "-addext",
                                                          "subjectAltName=email:owner@example.com"])
    out, _ = house.issue("asked", "--csr", str(csr), "--days", "7")
    text = clients.openssl("x509", "-in", out, "-noout", "-text")
    assert "CA:FALSE" in text and "CN = asked" in text and "owner@" not in text and "Certificate Sign" not in text
    assert house.ask(out, key) == 200
    house.stack.cli("ca", "revoke", "asked")


def test_a_request_that_its_key_did_not_sign_or_with_a_weak_key_is_refused(house, tmp_path):
    _, csr = request(tmp_path, EC)
    der = bytearray(ssl.PEM_cert_to_DER_cert(csr.read_text().replace("CERTIFICATE REQUEST", "CERTIFICATE")))
    der[-5] ^= 1
    csr.write_text(ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST"))
    assert house.issue("again", "--csr", str(csr), check=False)[1].returncode != 0
    for words in (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
                  ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
                  ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-224"]):
        _, csr = request(tmp_path, words)
        assert house.issue("again", "--csr", str(csr), check=False)[1].returncode != 0, words
    (tmp_path / "long").write_text("-----BEGIN CERTIFICATE REQUEST-----\n" + "A" * 40000)
    assert house.issue("again", "--csr", str(tmp_path / "long"), check=False)[1].returncode != 0
