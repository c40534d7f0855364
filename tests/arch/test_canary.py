"""The canary: a known private key goes into the signer's directory, traffic runs, and the memory of
every process is searched for it. The signer must have it (else the search proves nothing), and
nobody else may.

By hand, on a running service:
    test_canary.py plant TLS_DIR HOST             makes server.crt and server.key, prints the scalar
    test_canary.py search SCALAR PID...           says in which processes it is; 1 if in any
Reading another process's memory needs root, and so do these tests.
"""

import base64
import os
import pathlib
import re
import ssl
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

SCALAR_LENGTH = 32
CHUNK = 1 << 20


def scalar_of(key_file):
    """The private scalar of an EC key, as OpenSSL prints it."""
    text = subprocess.run(["openssl", "pkey", "-in", key_file, "-noout", "-text"], check=True,
                          capture_output=True, text=True).stdout
    digits = text.split("priv:")[1].split("pub:")[0]
    return bytes.fromhex("".join(digits.split()).replace(":", "")).rjust(SCALAR_LENGTH, b"\0")[-32:]


def plant(directory, host, pair="server"):
    """A self-signed P-256 pair that this test knows. Returns its scalar."""
    directory, key, certificate = pathlib.Path(directory), f"{pair}.key", f"{pair}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "30", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},DNS:*.{host}",
         "-keyout", directory / key, "-out", directory / certificate],
        check=True, capture_output=True)
    owner = directory.stat()
    for name, mode in ((key, 0o600), (certificate, 0o644)):
        os.chmod(directory / name, mode)
        if os.geteuid() == 0:
            os.chown(directory / name, owner.st_uid, owner.st_gid)
    return scalar_of(directory / key)


def key_of_assertions(site):
    """The private scalar of the key that signs now."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    text = (site.state / "store/assertion.keys").read_text().splitlines()[1].split(" ")[2]
    key = load_der_private_key(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), None)
    return key.private_numbers().private_value.to_bytes(SCALAR_LENGTH, "big")


def forms(scalar):
    """How a scalar looks in memory: as it is written, as a big number keeps it, and in a PEM file."""
    found = {
        "big-endian": scalar,
        # Limbs of 64 bits, least significant first, on a little-endian machine: all bytes reversed.
        "limbs": scalar[::-1],
        "hex": scalar.hex().encode(),
        "HEX": scalar.hex().upper().encode(),
    }
    # Base64 depends on where in its group of three a byte falls; the outer groups mix with others.
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + scalar)
        found[f"base64 at {shift}"] = text[4:4 + 36]
    return found


def search(pid, needles):
    """The names of the forms that the memory of pid holds. A region that cannot be read is skipped,
    for the kernel's own are; but a process of which nothing can be read is an error."""
    seen, read = set(), 0
    longest = max(map(len, needles.values()))
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, flags = line.split()[:2]
            if "r" not in flags or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            at, end = (int(x, 16) for x in span.split("-"))
            tail = b""
            while at < end:
                try:
                    mem.seek(at)
                    chunk = mem.read(min(CHUNK, end - at))
                except (OSError, ValueError):
                    break
                if not chunk:
                    break
                read += len(chunk)
                window = tail + chunk
                seen |= {name for name, needle in needles.items() if needle in window}
                tail = window[-longest:]
                at += len(chunk)
    if read == 0:
        raise PermissionError(f"no memory of {pid} could be read")
    return seen


# ---- tests ---------------------------------------------------------------------------------------

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="reading another process needs root")


def test_the_search_finds_what_is_there_across_chunks():
    secret = os.urandom(SCALAR_LENGTH)
    memory = bytearray(3 * CHUNK)
    for at in (17, CHUNK - 5, 2 * CHUNK - SCALAR_LENGTH + 1):
        memory[at:at + SCALAR_LENGTH] = secret
        assert "big-endian" in search(os.getpid(), {"big-endian": secret})
    absent = bytes(b ^ 0xff for b in secret)
    # The needle itself is in this process; only a file that never held it is a fair negative.
    assert forms(absent)["limbs"] == absent[::-1]


@needs_root
def test_the_signer_has_the_key(tmp_path):
    import test_signer

    directory = tmp_path / "tls"
    directory.mkdir(mode=0o700)
    needles = forms(plant(directory, "canary.example"))
    signer = test_signer.Signer(directory)
    try:
        edge = signer.edge()
        identity = edge.ask("identity")
        for _ in range(50):
            assert edge.ask("sign", key=identity.key, scheme=0x0403, tbs=test_signer.tbs()).ok == 1
        found = search(signer.process.pid, needles)
        assert "limbs" in found
        # What was needed to read the file has been wiped: the key exists once, as a number.
        assert found == {"limbs"}
    finally:
        signer.end()


@needs_root
def test_an_edge_that_makes_handshakes_never_has_the_key():
    import edge_alone
    import stack as harness

    upstream = harness.Recorder()
    with edge_alone.Edge(int(upstream.url.rsplit(":", 1)[1])) as edge:
        needles = forms(scalar_of(edge.dir / "tls/server.key"))
        for _ in range(40):
            edge.ask("/")
        assert search(edge.process.pid, needles) == set()
        assert search(edge.signer.pid, needles) == {"limbs"}
    upstream.close()


@needs_root
def test_an_edge_that_shows_consoles_a_certificate_never_has_its_key(tmp_path):
    import consoles
    import edge_alone
    import pki

    authority = pki.Authority()
    console = consoles.TlsConsole(authority.issue("127.0.0.1"), prepare=lambda c: (
        c.load_verify_locations(str(authority.cert)), setattr(c, "verify_mode", ssl.CERT_REQUIRED)))
    gateway = authority.issue(usage="clientAuth", subject="gateway")
    with edge_alone.Edge(console.port, urls=console.url, clients={"gateway": gateway}, limits="upstream_idle: 1s",
                         route=authority.yaml() + ", upstream_certificate: gateway") as edge:
        edge.keeper.person()
        needles = forms(scalar_of(gateway[1]))
        for _ in range(20):
            assert edge.ask("/").status == 200
        assert console.handshakes and console.handshakes[0]["peer"]
        assert search(edge.process.pid, needles) == set()
        assert search(edge.signer.pid, needles) == {"limbs"}
    console.close()
    authority.close()


@needs_root
def test_no_other_process_ever_has_the_key():
    import stack as harness

    site = harness.Stack(edges=2)
    try:
        keys = [forms(plant(site.state / "tls", site.host)), forms(plant(site.state / "tls", "other.test", "other"))]
        with open(site.config, "a") as config:
            config.write("\ntls: {certificates: [other]}\n")
        site.tls = ssl.create_default_context(cafile=str(site.state / "tls/server.crt"))
        other = ssl.create_default_context(cafile=str(site.state / "tls/other.crt"))
        site.start()
        for _ in range(40):
            assert site.anonymous("GET", site.portal + "/healthz").status == 200
            harness.Connection(site, "other.test", context=other).close()
        processes = site.doctor()["processes"]
        for needles in keys:
            found = {f"{p['role']} {p['pid']}": search(p["pid"], needles) for p in processes}
            assert any("limbs" in forms for who, forms in found.items() if who.startswith("signer"))
            for who, forms_found in found.items():
                assert who.startswith("signer") or not forms_found, who
    finally:
        site.close()


@needs_root
def test_password_hashes_totp_secrets_and_console_credentials_stay_where_they_belong():
    """Logins, hand-overs and injected requests run; then the edges are searched for what the keeper
    knows of people. The keeper itself is the positive control."""
    import sqlite3

    import stack as harness

    site = harness.Stack(edges=2)
    upstream = harness.Recorder()
    try:
        site.start()
        owner = site.owner()
        other = site.user("hashed")
        site.secret("console.secret", "canary-user:canary-password-5f1d")
        site.cli("route", "add", "injected", upstream.url, "--inject-basic-file", "console.secret", "--allow",
                 "group:owners@local")
        assert other.login().status == 303
        assert other.login("000000").status in (401, 403)
        assert owner.open(site.console_url("injected", "/"))[0].status == 200
        basic = base64.b64encode(b"canary-user:canary-password-5f1d")
        assert basic in upstream.bytes
        with sqlite3.connect(f"file:{site.state / 'store/postern.db'}?mode=ro", uri=True) as store:
            dump = "\n".join(store.iterdump()).encode()
        hashes = set(re.findall(rb"\$argon2id\$[^'\s\0]+", dump))
        assert len(hashes) == 2, "the owner's and the other's"
        needles = {f"hash {i}": h.rsplit(b"$", 1)[1] for i, h in enumerate(hashes)}
        needles["totp"] = base64.b32decode(other.secret)
        owner.post(site.portal + "/login", {"user": "owner", "password": harness.PASSWORD, "code": "000000"})
        for p in site.doctor()["processes"]:
            found = search(p["pid"], needles)
            if p["role"] == "keeper":
                assert any(n.startswith("hash") for n in found), "positive control"
            else:
                assert not found, (p["role"], found)
            if p["role"] in ("signer", "supervisor", "courier"):
                assert not search(p["pid"], {"basic": basic, "plain": b"canary-password-5f1d"}), p["role"]
    finally:
        site.close()
        upstream.close()


@needs_root
def test_passwords_for_a_directory_are_nowhere_once_it_has_answered():
    """While the question is under way they are in the courier, which is the positive control."""
    import threading

    import directories
    import pki
    import stack as harness

    begun, go_on = threading.Event(), threading.Event()

    def answer(number, tag, raw, sock):
        if tag == directories.SEARCH:
            begun.set()
            go_on.wait(3)
            return directories.entry(number, "uid=ann,dc=x", uid=["ann"], entryUUID=["1"]) + \
                directories.result(number, directories.DONE)
        refused = b"canary-of-the-person" in raw
        return directories.result(number, directories.BOUND, 49 if refused else 0)
    authority = pki.Authority()
    server = directories.Hostile(authority.issue("127.0.0.1"), answer)
    server.ldaps, server.authority = server.url, authority
    site = harness.Stack(extra_yaml=directories.yaml(server))
    needles = {"person": b"canary-of-the-person", "account": b"canary-of-the-account"}
    try:
        site.secret("corp.secret", "canary-of-the-account")
        site.start()
        site.cli("user", "add", "ann", "--directory", "corp")
        ann = harness.Person(site, "ann")
        for _ in range(5):
            login = threading.Thread(target=lambda: ann.login(password="canary-of-the-person", code="123456"))
            login.start()
            if begun.wait(3):
                break
            login.join(10)  # the courier was not there yet: refused at once
        assert begun.is_set()
        courier, = site.pids("courier")
        assert search(courier, needles) == set(needles), "positive control"
        go_on.set()
        login.join(10)
        assert any(tag == directories.BIND and b"canary-of-the-person" in raw for tag, raw in server.requests)
        for role in ("courier", "keeper"):
            pid, = site.pids(role)
            assert not search(pid, needles), role
    finally:
        go_on.set()
        site.close()
        server.close()
        authority.close()


@needs_root
def test_the_key_of_assertions_is_the_keepers_alone():
    import stack as harness

    site = harness.Stack(edges=2)
    upstream = harness.Recorder()
    try:
        site.start()
        owner = site.owner()
        assert owner.login().status == 303
        site.cli("route", "add", "told", upstream.url, "--identity", "jwt", "--allow", "group:owners@local")
        assert owner.open(site.console_url("told", "/"))[0].status == 200
        old = key_of_assertions(site)
        assert b"\r\nPostern-Assertion: " in upstream.bytes
        site.cli("assertion", "rotate")
        assert owner.get(site.console_url("told", "/")).status == 200
        now = key_of_assertions(site)
        assert old != now
        for p in site.doctor()["processes"]:
            found = search(p["pid"], forms(now))
            if p["role"] == "keeper":
                # As a number, and nowhere as it stood in the file.
                assert found == {"limbs"}, found
                assert search(p["pid"], forms(old)) == set(), "a retired key is wiped"
            else:
                assert not found, (p["role"], found)
    finally:
        site.close()
        upstream.close()


@needs_root
def test_an_edge_without_a_session_holds_no_consoles_credential():
    import stack as harness

    site = harness.Stack(edges=1)
    upstream = harness.Recorder()
    try:
        site.start()
        site.owner()
        site.secret("console.secret", "canary-user:canary-password-77aa")
        site.cli("route", "add", "injected", upstream.url, "--inject-basic-file", "console.secret", "--allow",
                 "group:owners@local")
        for _ in range(20):
            site.anonymous("GET", site.console_url("injected", "/"))
        needles = {"basic": base64.b64encode(b"canary-user:canary-password-77aa"), "plain": b"canary-password-77aa"}
        for pid in site.pids("edge"):
            assert not search(pid, needles)
        assert search(site.pids("keeper")[0], needles), "positive control: the keeper has read the file"
    finally:
        site.close()
        upstream.close()


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "plant":
        print(plant(arguments[1], arguments[2]).hex())
        return 0
    if len(arguments) >= 3 and arguments[0] == "search":
        needles = forms(bytes.fromhex(arguments[1]).rjust(SCALAR_LENGTH, b"\0"))
        found = {pid: search(int(pid), needles) for pid in arguments[2:]}
        for pid, names in found.items():
            print(pid, ", ".join(sorted(names)) or "absent")
        return int(any(found.values()))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
