"""Several certificates by the host that is asked for, and TLS 1.2 where a listener takes it. The other side is
OpenSSL's own client."""
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stack import Stack, free_port, wait_for  # noqa: E402


def make_pair(stack, name, kind, hosts, days=90, start=None):
    """A self-signed pair in the directory of the signer."""
    tls = stack.state / "tls"
    algorithm = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
                 "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
                 "ed25519": ["-newkey", "ed25519"],
                 "rsa": ["-newkey", "rsa:2048"], "short": ["-newkey", "rsa:1024"]}[kind]
    subprocess.run(["openssl", "req", "-x509", *algorithm, "-noenc", "-keyout", tls / f"{name}.key", "-out",
                    tls / f"{name}.crt", "-days", str(days), "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=" + ",".join("DNS:" + h for h in hosts), "-addext",
                    "keyUsage=critical,digitalSignature"], check=True, capture_output=True)
    for suffix in ("key", "crt"):
        path = tls / f"{name}.{suffix}"
        path.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(path, "postern", "postern")


def set_pairs(stack, *names):
    text = re.sub(r"\ntls:\n.*\n", "\n", stack.config.read_text())
    stack.config.write_text(text + f"\ntls:\n  certificates: [{', '.join(names)}]\n")


def client(stack, host=None, *more, port=None, data=b"Q\n"):
    """What OpenSSL's client says of the connection."""
    name = ["-servername", host] if host else ["-noservername"]
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port or stack.port}", *name, *more],
                          input=data, capture_output=True, timeout=30)
    return done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")


def shown(stack, host=None, *more, port=None):
    """The common name of the certificate that a client of this host sees; the portal's is its host."""
    said = client(stack, host, *more, port=port)
    found = re.search(r"(?m)^subject=.*?CN ?= ?(\S+)", said)
    return found.group(1) if found else None


@pytest.fixture(scope="module")
def site():
    with Stack(edges=2) as s:
        make_pair(s, "alpha", "ec", ["alpha.test", "*.wild.test", "UPPER.test"])
        make_pair(s, "beta", "rsa", ["beta.test", "both.test", "exact.wild.test"])
        make_pair(s, "gamma", "p384", ["both.test"])
        make_pair(s, "delta", "ed25519", ["delta.test"])
        s.old = free_port()
        s.add_listeners(f'{{name: old, address: "127.0.0.1:{s.old}", min_tls: "1.2"}}')
        set_pairs(s, "alpha", "beta", "gamma", "delta")
        s.original = s.config.read_text()
        s.start()
        yield s


@pytest.fixture(autouse=True)
def original(site):
    yield
    if site.config.read_text() != site.original:
        site.config.write_text(site.original)
        site.cli("reload")


@pytest.mark.parametrize("host, name", [
    ("alpha.test", "alpha"), ("ALPHA.Test", "alpha"), ("upper.test", "alpha"), ("x.wild.test", "alpha"),
    ("exact.wild.test", "beta"), ("y.x.wild.test", "postern.localhost"), ("wild.test", "postern.localhost"),
    ("beta.test", "beta"), ("delta.test", "delta"), ("elsewhere.test", "postern.localhost"),
    ("postern.localhost", "postern.localhost"), ("127.0.0.1", "postern.localhost"), (None, "postern.localhost")])
def test_a_client_sees_the_certificate_of_the_host_it_asks_for(site, host, name):
    assert shown(site, host) == name


def test_of_two_kinds_for_one_host_a_client_gets_what_it_can_verify(site):
    assert shown(site, "both.test", "-sigalgs", "rsa_pss_rsae_sha256") == "beta"
    assert shown(site, "both.test", "-sigalgs", "ecdsa_secp384r1_sha384") == "gamma"
    assert shown(site, "beta.test", "-sigalgs", "ecdsa_secp256r1_sha256") is None


def test_a_session_does_not_resume_where_another_certificate_is_shown(site, tmp_path):
    ticket = tmp_path / "session"
    request = b"GET /healthz HTTP/1.1\r\nHost: postern.localhost\r\nConnection: close\r\n\r\n"

    def begin(host):
        ticket.unlink(missing_ok=True)
        return client(site, host, "-sess_out", str(ticket), "-ign_eof", data=request)

    def again(host):
        return "Reused," in client(site, host, "-sess_in", str(ticket), "-ign_eof", data=request)

    assert "New," in begin("alpha.test") and ticket.exists()
    assert again("alpha.test")
    begin("alpha.test")
    assert again("x.wild.test"), "the same certificate"
    for other in ("beta.test", "both.test", "postern.localhost", "exact.wild.test"):
        begin("alpha.test")
        assert not again(other), other
    begin("postern.localhost")
    assert not again("alpha.test")


def test_a_reload_takes_pairs_in_and_out_and_new_files_of_old_names(site):
    make_pair(site, "late", "ec", ["late.test"])
    assert shown(site, "late.test") == "postern.localhost"
    set_pairs(site, "alpha", "late")
    site.cli("reload")
    assert shown(site, "late.test") == "late"
    assert shown(site, "beta.test") == "postern.localhost"
    make_pair(site, "late", "rsa", ["late.test", "later.test"])
    site.process.send_signal(signal.SIGHUP)
    wait_for(lambda: shown(site, "later.test") == "late")
    assert shown(site, "alpha.test") == "alpha"


@pytest.mark.parametrize("spoil, part", [
    (lambda tls: (tls / "bad.key").unlink(), "bad.key"),
    (lambda tls: (tls / "bad.crt").unlink(), "bad.crt"),
    (lambda tls: shutil.copy(tls / "alpha.key", tls / "bad.key"), "bad.crt: the private key does not belong"),
    (lambda tls: (tls / "bad.key").write_text("nothing"), "bad.key"),
    (lambda tls: (tls / "bad.key").chmod(0o644), "bad.key"),
    (lambda tls: (tls / "bad.crt").write_bytes((tls / "bad.crt").read_bytes()[:-60]), "bad.crt")])
def test_a_broken_pair_refuses_the_reload_by_name_and_check_says_it_too(site, spoil, part):
    make_pair(site, "bad", "ec", ["bad.test"])
    spoil(site.state / "tls")
    set_pairs(site, "alpha", "bad")
    done = site.cli("reload", check=False)
    assert done.returncode != 0 and part in done.stderr, done
    checked = site.cli("check", check=False)
    assert checked.returncode != 0 and part in checked.stderr, checked
    assert shown(site, "beta.test") == "beta", "what was in force stays so"


def test_a_short_key_is_refused(site):
    make_pair(site, "weak", "short", ["weak.test"])
    set_pairs(site, "weak")
    done = site.cli("reload", check=False)
    assert done.returncode != 0 and "weak.crt" in done.stderr and "2048" in done.stderr, done


@pytest.mark.parametrize("names, part", [
    ("alpha, alpha", "a second time"), ("../alpha", "file name"), ("a" * 65, "at most 64")])
def test_names_that_are_none_are_errors_of_the_file(site, names, part):
    site.config.write_text(site.original.replace("alpha, beta, gamma, delta", names))
    done = site.cli("check", check=False)
    assert done.returncode != 0 and "tls.certificates" in done.stderr and part in done.stderr, done


def test_doctor_tells_how_long_each_certificate_is_good(site):
    make_pair(site, "brief", "ec", ["brief.test"], days=5)
    set_pairs(site, "alpha", "brief")
    site.cli("reload")
    said = site.cli("doctor")
    assert re.search(r"(?m)^certificate default ends \S+ \(\d+ days\)$", said), said
    assert re.search(r"(?m)^certificate alpha ends \S+ \((89|90) days\)$", said), said
    assert re.search(r"(?m)^WARNING: certificate brief ends \S+ \([45] days\)$", said), said
    status = next(p for p in site.doctor()["processes"] if p["role"] == "signer")["status"]
    assert status["certificates"] == "3" and status["certificate.brief.validity"] == "valid"
    checked = site.cli("check", check=False)
    assert checked.returncode == 0 and "brief.crt ends in" in checked.stderr, checked
    health = wait_for(lambda: (lambda h: h if h["warnings"] else None)(site.json("health")))
    assert re.fullmatch(r"certificate brief: [45] days left", health["warnings"][0]) and len(health["warnings"]) == 1
    assert health["fleet"]["certificate.alpha.validity"] == "valid"


def test_the_signer_comes_back_with_all_its_pairs(site):
    pid = site.pids("signer")[0]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: shown(site, "beta.test") == "beta" and shown(site, "delta.test") == "delta", 20)
    assert site.pids("signer")[0] != pid


def test_as_many_pairs_as_may_be_named_are_served(site):
    names = [f"many{i}" for i in range(32)]
    for name in names:
        make_pair(site, name, "ec", [f"{name}.test"])
    make_pair(site, names[-1], "rsa", [f"{names[-1]}.test"])
    set_pairs(site, *names)
    site.cli("reload")
    for name in (names[0], names[15], names[-1]):
        assert shown(site, f"{name}.test") == name
    status = next(p for p in site.doctor()["processes"] if p["role"] == "signer")["status"]
    assert status["certificates"] == "33" and status["key_memory"] == "locked", status
    set_pairs(site, *names, "alpha")
    done = site.cli("reload", check=False)
    assert done.returncode != 0 and "at most 32 items" in done.stderr, done


def test_no_handshake_fails_while_certificates_change(site):
    """Old and new keys sign side by side until every edge has changed over."""
    failures, done, count = [], threading.Event(), [0]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def knock(host):
        while not done.is_set():
            try:
                with socket.create_connection(("127.0.0.1", site.port), 20) as raw:
                    context.wrap_socket(raw, server_hostname=host).close()
                count[0] += 1
            except OSError as error:
                failures.append((host, error))

    threads = [threading.Thread(target=knock, args=(host,)) for host in ("alpha.test", "beta.test", "both.test")]
    for thread in threads:
        thread.start()
    try:
        for turn in range(8):
            make_pair(site, "alpha", "ec" if turn % 2 else "rsa", ["alpha.test", "*.wild.test", "UPPER.test"])
            set_pairs(site, *(["alpha", "beta", "gamma", "delta"] if turn % 2 else ["gamma", "alpha"]))
            site.cli("reload")
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
    make_pair(site, "alpha", "ec", ["alpha.test", "*.wild.test", "UPPER.test"])
    assert not failures and count[0] > 20, (failures[:5], count)


# ---- TLS 1.2 ----


def test_tls12_is_taken_only_where_the_listener_says_so(site):
    for host in ("postern.localhost", "alpha.test", "beta.test"):
        assert "alert protocol version" in client(site, host, "-tls1_2"), host
        said = client(site, host, "-tls1_2", port=site.old)
        assert re.search(r"Protocol *: TLSv1\.2", said) and "Verification" in said, said
    # The same listener still prefers the new version.
    assert "TLSv1.3" in client(site, "postern.localhost", port=site.old)
    for version in ("-tls1_1", "-tls1"):
        said = client(site, "postern.localhost", version, "-cipher", "ALL:@SECLEVEL=0", port=site.old)
        assert "Cipher is (NONE)" in said or "no protocols available" in said, said


@pytest.mark.parametrize("host, cipher", [
    ("alpha.test", "ECDHE-ECDSA-AES128-GCM-SHA256"), ("alpha.test", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("alpha.test", "ECDHE-ECDSA-CHACHA20-POLY1305"), ("beta.test", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("beta.test", "ECDHE-RSA-AES256-GCM-SHA384"), ("beta.test", "ECDHE-RSA-CHACHA20-POLY1305")])
def test_tls12_speaks_forward_secret_aead_suites(site, host, cipher):
    said = client(site, host, "-tls1_2", "-cipher", cipher, port=site.old)
    assert re.search(rf"Cipher *: {cipher}", said), said
    assert "Extended master secret: yes" in said and "Secure Renegotiation IS supported" in said, said


@pytest.mark.parametrize("cipher", [
    "AES128-GCM-SHA256", "AES256-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "DHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AECDH-AES128-SHA", "PSK-AES128-GCM-SHA256", "NULL"])
def test_tls12_speaks_nothing_else(site, cipher):
    for host in ("alpha.test", "beta.test"):
        said = client(site, host, "-tls1_2", "-cipher", cipher + ":@SECLEVEL=0", port=site.old)
        assert "Cipher is (NONE)" in said or "Cipher    : 0000" in said, said


@pytest.mark.parametrize("host, name, scheme", [
    ("beta.test", "beta", "RSA+SHA256"), ("beta.test", "beta", "RSA+SHA512"), ("beta.test", "beta", "RSA-PSS+SHA256"),
    ("alpha.test", "alpha", "ECDSA+SHA256"), ("alpha.test", "alpha", "ECDSA+SHA384"),
    ("both.test", "gamma", "ECDSA+SHA256"), ("both.test", "beta", "RSA+SHA384"), ("delta.test", "delta", "ed25519")])
def test_tls12_signs_as_old_clients_verify(site, host, name, scheme):
    assert shown(site, host, "-tls1_2", "-sigalgs", scheme, port=site.old) == name


def test_tls12_never_signs_with_sha1(site):
    for host, scheme in (("beta.test", "RSA+SHA1"), ("alpha.test", "ECDSA+SHA1")):
        said = client(site, host, "-tls1_2", "-sigalgs", scheme, "-cipher", "ALL:@SECLEVEL=0", port=site.old)
        assert "Cipher is (NONE)" in said or "Cipher    : 0000" in said, said


def test_tls12_neither_resumes_nor_renegotiates(site, tmp_path):
    ticket = tmp_path / "session"
    request = b"GET /healthz HTTP/1.1\r\nHost: postern.localhost\r\nConnection: close\r\n\r\n"
    said = client(site, "postern.localhost", "-tls1_2", "-sess_out", str(ticket), "-ign_eof", port=site.old,
                  data=request)
    assert "New, TLSv1.2" in said and "HTTP/1.1 200" in said, said
    assert "TLS session ticket:" not in said and not re.search(r"Session-ID: [0-9A-F]", said), said
    assert not ticket.exists(), "nothing to resume was given"
    said = client(site, "postern.localhost", "-tls1_2", port=site.old, data=b"R\nGET / HTTP/1.0\r\n\r\n")
    assert "no renegotiation" in said, said


def test_tls12_serves_requests(site):
    request = f"GET /healthz HTTP/1.1\r\nHost: {site.host}:{site.old}\r\nConnection: close\r\n\r\n".encode()
    said = client(site, site.host, "-tls1_2", "-quiet", "-ign_eof", port=site.old, data=request)
    assert "HTTP/1.1 200" in said, said


def test_the_signer_signs_no_tls12_once_no_listener_takes_it(site):
    assert "TLSv1.2" in client(site, "alpha.test", "-tls1_2", port=site.old)
    site.config.write_text(site.original.replace(', min_tls: "1.2"', ""))
    site.cli("reload")
    assert "alert protocol version" in client(site, "alpha.test", "-tls1_2", port=site.old)
    status = next(p for p in site.doctor()["processes"] if p["role"] == "signer")["status"]
    assert status["tls12"] == "no", status


@pytest.mark.skipif(os.environ.get("POSTERN_LONG") != "1", reason="minutes: POSTERN_LONG=1")
def test_testssl_finds_nothing(site):
    for port in (site.port, site.old):
        done = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--protocols", "--pfs",
                               "--std", "--vulnerable", "--ip", "127.0.0.1", f"https://{site.host}:{port}"],
                              capture_output=True, text=True, timeout=900, cwd=site.dir)
        said = done.stdout
        assert "Testing protocols" in said, said + done.stderr
        assert not re.search(r"(?m)^ .*\bVULNERABLE\b(?!.*not vulnerable)", said.replace("not vulnerable", "")), said
        assert re.search(r"TLS 1\.1 +not offered", said) and re.search(r"TLS 1\.3 +offered", said), said
        assert re.search(r"TLS 1\.2 +" + ("offered" if port == site.old else "not offered"), said), said
