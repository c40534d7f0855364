"""postern-signer as a process: the test is its supervisor and its edges.

The packets come from the same table as the C code; what a taken-over edge would send is written by
hand.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import threading

import pytest

import pki
from ipcwire import ROLES, TYPES, Closed, Wire, encode

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/release"))
BINARY = next((p for p in (BUILD / "libexec/postern-signer", BUILD / "src/signer/postern-signer")
               if p.exists()), BUILD / "libexec/postern-signer")
HOST = "postern.localhost"
SERVER = b"TLS 1.3, server CertificateVerify"
P256 = 0x0403


def tbs(context=SERVER, hash_length=32):
    return b" " * 64 + context + b"\0" + b"\xa5" * hash_length


def run(*arguments, fails=False):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=20)
    assert (done.returncode != 0) == fails, done.stderr
    return done


class Signer:
    """The process, with this test at the other end of descriptor 3."""

    def __init__(self, directory, *more):
        self.control, theirs = Wire.pair()
        # Descriptor 3 is the number that the signer knows; the shell is not involved.
        self.log = open(directory.parent / "signer.log", "ab+")
        number = theirs.fileno()

        def place():
            os.dup2(number, 3)

        self.process = subprocess.Popen(
            [BINARY, "--tls-dir", directory, "--state-dir", directory.parent, "--sandbox", "best",
             *more],
            # A process that nobody may trace cannot look for its own leaks; the unit tests do.
            env={"ASAN_OPTIONS": "detect_leaks=0", **os.environ}, stderr=self.log, pass_fds=(3,) if number == 3 else (), close_fds=False,
            preexec_fn=place)
        theirs.close()
        self.ready = self.control.expect("ready").sandbox.decode()
        self.edges = []

    def edge(self, number=1):
        ours, theirs = Wire.pair()
        self.control.send("peer", fd=theirs.fileno(), role=ROLES["EDGE"], id=number)
        theirs.close()
        self.edges.append(ours)
        return ours

    def status(self):
        text = self.control.ask("status").text.decode()
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def logged(self):
        self.log.seek(0)
        return self.log.read().decode()

    def end(self):
        self.control.close()
        for edge in self.edges:
            edge.close()
        try:
            return self.process.wait(10)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.log.close()


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "tls"
    path.mkdir(mode=0o700)
    run("--init", "--tls-dir", path, "--portal", HOST)
    return path


@pytest.fixture
def signer(directory):
    it = Signer(directory)
    yield it
    it.end()


def verifies(directory, message, signature, tmp_path):
    public = pki.openssl("x509", "-in", directory / "server.crt", "-noout", "-pubkey")
    (tmp_path / "public").write_bytes(public)
    (tmp_path / "signature").write_bytes(signature)
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", tmp_path / "public",
                           "-signature", tmp_path / "signature"], input=message,
                          capture_output=True, timeout=20)
    return done.returncode == 0


# ---- the authority -------------------------------------------------------------------------------


def test_init_makes_private_keys_and_public_certificates(directory):
    modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in directory.iterdir()}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600}


def test_init_never_overwrites(directory):
    before = {f.name: f.read_bytes() for f in directory.iterdir()}
    done = run("--init", "--tls-dir", directory, "--portal", "other.example", fails=True)
    assert "is there already" in done.stderr
    assert before == {f.name: f.read_bytes() for f in directory.iterdir()}


def test_show_and_renew_speak_json(directory):
    before = json.loads(run("--show", "--tls-dir", directory, "--json").stdout)
    assert before["leaf"]["sans"] == [f"DNS:{HOST}", f"DNS:*.{HOST}"]
    after = json.loads(run("--renew", "--tls-dir", directory, "--json").stdout)
    assert after["ca"] == before["ca"]
    assert after["leaf"]["sans"] == before["leaf"]["sans"]
    assert after["leaf"]["sha256"] != before["leaf"]["sha256"]
    digest = pki.openssl("x509", "-in", directory / "server.crt", "-noout", "-fingerprint", "-sha256")
    assert after["leaf"]["sha256"] == digest.decode().split("=")[1].strip().replace(":", "").lower()


def test_files_made_by_root_belong_to_the_owner_of_the_directory(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    path = tmp_path / "tls"
    path.mkdir(mode=0o700)
    os.chown(path, 12345, 12346)
    run("--init", "--tls-dir", path, "--portal", HOST)
    assert {(f.stat().st_uid, f.stat().st_gid) for f in path.iterdir()} == {(12345, 12346)}


class TlsServer(threading.Thread):
    """The pair of the directory in a plain TLS server, for clients that are not ours."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        self.context = pki.server_context((directory / "server.crt", directory / "server.key"))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                raw, _ = self.socket.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(raw, server_side=True) as peer:
                    peer.recv(4096)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            except (ssl.SSLError, OSError):
                raw.close()


CLIENTS = [(HOST, True), (f"tomcat.{HOST}", True), (f"a.b.{HOST}", False), ("other.localhost", False)]


@pytest.mark.parametrize("name,accepted", CLIENTS)
def test_python_and_curl_accept_the_portal_and_its_consoles(directory, name, accepted):
    server = TlsServer(directory)
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            if accepted:
                context.wrap_socket(raw, server_hostname=name).close()
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    context.wrap_socket(raw, server_hostname=name)
        if shutil.which("curl"):
            done = subprocess.run(
                ["curl", "-sS", "--noproxy", "*", "--cacert", directory / "ca.crt", "--resolve",
                 f"{name}:{server.port}:127.0.0.1", f"https://{name}:{server.port}/"],
                capture_output=True, timeout=20)
            assert (done.returncode == 0) == accepted, done.stderr
            assert not accepted or done.stdout == b"ok"
    finally:
        server.socket.close()


# ---- signing -------------------------------------------------------------------------------------


def test_an_edge_learns_the_chain_and_gets_signatures(signer, directory, tmp_path):
    edge = signer.edge()
    identity = edge.ask("identity")
    assert identity.ok == 1
    assert identity.chain.startswith(b"-----BEGIN CERTIFICATE-----")
    assert b"PRIVATE" not in identity.chain
    for length in (32, 48):
        message = tbs(hash_length=length)
        answer = edge.ask("sign", key=identity.key, scheme=P256, tbs=message)
        assert answer.ok == 1
        assert verifies(directory, message, answer.signature, tmp_path)
    assert signer.status()["signed"] == "2"


HOSTILE = {
    "client context": dict(tbs=tbs(b"TLS 1.3, client CertificateVerify")),
    "exporter": dict(tbs=tbs(b"EXPORTER-Channel-Binding, anything")),
    "short hash": dict(tbs=tbs(hash_length=31)),
    "long hash": dict(tbs=tbs(hash_length=49)),
    "SHA-512": dict(tbs=tbs(hash_length=64)),
    "nothing": dict(tbs=b""),
    "a certificate": dict(tbs=b"\x30\x82\x01\x0a" + bytes(200)),
    "TLS 1.2 key exchange": dict(tbs=bytes(64) + b"\x03\x00\x1d\x20" + bytes(32)),
    "largest": dict(tbs=b" " * 512),
    "foreign scheme": dict(scheme=0x0804),
    "PKCS #1": dict(scheme=0x0401),
    "scheme zero": dict(scheme=0),
    "unknown key": dict(key=4711),
    "key zero": dict(key=0),
}


def test_everything_but_a_server_handshake_is_refused_counted_and_logged(signer):
    edge = signer.edge()
    good = dict(key=edge.ask("identity").key, scheme=P256, tbs=tbs())
    for number, (what, wrong) in enumerate(HOSTILE.items(), 1):
        answer = edge.ask("sign", **{**good, **wrong})
        assert answer.ok == 0 and answer.signature == b"", what
        assert signer.status()["refused"] == str(number), what
    assert edge.ask("sign", **good).ok == 1
    lines = [l for l in signer.logged().splitlines() if "signature_refused" in l]
    # Bounded: a hostile edge cannot fill the disk.
    assert 0 < len(lines) <= 20


def packet(kind, serial=1, payload=b""):
    return struct.pack(">HI", kind, serial) + payload


MALFORMED = {
    "empty header": b"\0",
    "short header": packet(TYPES["sign"])[:5],
    "type zero": packet(0),
    "unknown type": packet(60000),
    "somebody else's message": packet(TYPES["status"]),
    "a reply": packet(TYPES["signed"], payload=encode("signed", ok=1)),
    "trailing byte": packet(TYPES["identity"], payload=b"\0x"),
    "truncated": packet(TYPES["sign"], payload=encode("sign", tbs=tbs())[:-1]),
    "length past the end": packet(TYPES["sign"], payload=struct.pack(">IHI", 1, P256, 400) + b"x"),
    "huge length": packet(TYPES["sign"], payload=struct.pack(">IHI", 1, P256, 0xffffffff)),
    "tbs over its cap": packet(TYPES["sign"], payload=struct.pack(">IHI", 1, P256, 513) + b" " * 513),
    "far too long": packet(TYPES["sign"], payload=b" " * 100000),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_packet_ends_the_channel_of_its_sender_only(signer, what):
    bad, good = signer.edge(1), signer.edge(2)
    key = good.ask("identity").key
    bad.send_raw(MALFORMED[what])
    with pytest.raises(Closed):
        bad.receive()
    assert good.expect("tickets")
    assert good.ask("sign", key=key, scheme=P256, tbs=tbs()).ok == 1
    assert signer.status()["malformed"] == "1"
    # The supervisor may give the same edge a new channel.
    assert signer.edge(1).ask("identity").ok == 1


def test_a_descriptor_from_an_edge_ends_its_channel(signer):
    edge = signer.edge()
    edge.send("identity", fd=0)
    with pytest.raises(Closed):
        edge.receive()
    assert signer.status()["edges"] == "0"


def test_ticket_keys_are_shared_and_rotate_when_an_edge_ends(signer):
    one, two, three = (signer.edge(n) for n in (1, 2, 3))
    keys = one.ask("identity").tickets
    assert two.ask("identity").tickets == keys and len(keys) == 160
    assert keys[:80] != keys[80:]
    three.close()
    fresh = [edge.expect("tickets").tickets for edge in (one, two)]
    assert fresh[0] == fresh[1]
    assert fresh[0][80:] == keys[:80] and fresh[0][:80] not in (keys[:80], keys[80:])
    # A replaced channel is an ended one.
    again = signer.edge(2)
    assert one.expect("tickets").tickets[80:] == fresh[0][:80]
    assert again.ask("identity").ok == 1
    with pytest.raises(Closed):
        two.receive()


# ---- the supervisor ------------------------------------------------------------------------------


def test_a_renewed_certificate_is_used_after_commit_and_the_old_key_signs_meanwhile(
        signer, directory, tmp_path):
    edge = signer.edge()
    old = edge.ask("identity")
    old_certificate = (directory / "server.crt").read_bytes()
    run("--renew", "--tls-dir", directory)
    assert edge.ask("identity").key == old.key
    assert signer.control.ask("prepare", number=5).ok == 1
    new = edge.ask("identity")
    assert new.key != old.key and new.chain != old.chain
    assert signer.control.ask("commit", number=5).number == 5
    answers = [edge.ask("sign", key=k, scheme=P256, tbs=tbs()) for k in (old.key, new.key)]
    assert verifies(directory, tbs(), answers[1].signature, tmp_path)
    assert not verifies(directory, tbs(), answers[0].signature, tmp_path)
    (directory / "server.crt").write_bytes(old_certificate)
    assert verifies(directory, tbs(), answers[0].signature, tmp_path)


def test_an_identity_asked_after_a_prepare_was_sent_is_the_prepared_one(signer, directory):
    edge = signer.edge()
    for number in range(1, 21):
        old = edge.ask("identity")
        run("--renew", "--tls-dir", directory)
        # Neither is waited for: what the supervisor sent first counts first.
        signer.control.send("prepare", number=number)
        assert edge.ask("identity").chain != old.chain
        signer.control.expect("prepared")
        signer.control.ask("commit", number=number)


def test_questions_that_come_together_are_answered_in_turn(signer):
    edge = signer.edge()
    signer.process.send_signal(signal.SIGSTOP)
    for _ in range(3):
        edge.send("identity")
    signer.process.send_signal(signal.SIGCONT)
    # One question at a time is answered; the packets of the others wait in the socket.
    assert [edge.receive().name for _ in range(3)] == ["identity_is"] * 3
    edge.send("identity", serial=0)
    with pytest.raises(Closed):
        edge.receive()


def test_unchanged_files_keep_their_handle(signer):
    edge = signer.edge()
    before = edge.ask("identity").key
    for number in range(3):
        assert signer.control.ask("prepare", number=number).ok == 1
        signer.control.ask("commit", number=number)
    assert edge.ask("identity").key == before


def test_an_aborted_certificate_is_forgotten(signer, directory):
    edge = signer.edge()
    before = edge.ask("identity")
    run("--renew", "--tls-dir", directory)
    assert signer.control.ask("prepare", number=5).ok == 1
    signer.control.send("abort", number=5, reason="no")
    signer.status()
    assert edge.ask("identity").chain == before.chain
    signer.control.ask("commit", number=5)
    assert edge.ask("identity").chain == before.chain


def further(directory, name):
    """Another pair of the same directory."""
    (directory.parent / name).mkdir(mode=0o700)
    run("--init", "--tls-dir", directory.parent / name, "--portal", "other.localhost")
    for suffix in ("crt", "key"):
        shutil.copy(directory.parent / name / f"server.{suffix}", directory / f"{name}.{suffix}")
    return name


def test_further_pairs_are_asked_for_by_index_and_keep_their_handles(directory):
    one, two = further(directory, "one"), further(directory, "two")
    signer = Signer(directory, "--pair", one)
    try:
        edge = signer.edge()
        first, second = edge.ask("identity"), edge.ask("identity", index=1)
        assert (first.count, second.count) == (2, 2) and first.keyring == second.keyring
        assert first.key != second.key and first.chain != second.chain
        assert edge.ask("identity", index=2).ok == 0 and edge.ask("identity", index=255).ok == 0
        assert signer.control.ask("prepare", number=1, pairs=f"{two}\n{one}\n").ok == 1
        assert edge.ask("identity").key == first.key, "what did not change keeps its handle"
        assert edge.ask("identity", index=2).key == second.key
        assert edge.ask("identity", index=1).keyring != first.keyring
        signer.control.ask("commit", number=1)
        assert signer.control.ask("prepare", number=2).ok == 1
        signer.control.ask("commit", number=2)
        # Of the keyring before, for edges that have not committed yet; then no more.
        assert edge.ask("sign", key=second.key, scheme=P256, tbs=tbs()).ok == 1
        assert signer.control.ask("prepare", number=3, tls12=1).ok == 1
        signer.control.ask("commit", number=3)
        assert edge.ask("sign", key=second.key, scheme=P256, tbs=tbs()).ok == 0
        assert edge.ask("sign", key=first.key, scheme=P256, tbs=tbs()).ok == 1
    finally:
        signer.end()


@pytest.mark.parametrize("names", ["../tls/server", "/etc/passwd", ".hidden", "a/b", "x" * 65, "gone", "one\none",
                                   "one\0"])
def test_names_that_lead_elsewhere_or_nowhere_are_refused(directory, names):
    further(directory, "one")
    signer = Signer(directory)
    try:
        answer = signer.control.ask("prepare", number=1, pairs=names)
        assert answer.ok == 0 and answer.reason
        assert signer.edge().ask("identity").count == 1
    finally:
        signer.end()


def exchange(point=32, group=29, head=b""):
    """What a TLS 1.2 server signs: two randoms, a named curve, a point."""
    body = (b"\x04" + bytes([7]) * 64) if point == 65 else bytes([7]) * point
    return head + bytes(range(64)) + struct.pack(">BHB", 3, group, point) + body


def test_a_tls12_handshake_is_signed_only_while_it_is_configured(directory, tmp_path):
    signer = Signer(directory)
    try:
        edge = signer.edge()
        key = edge.ask("identity").key

        def signs(message, scheme=P256):
            return edge.ask("sign", key=key, scheme=scheme, tbs=message)

        assert signs(exchange()).ok == 0
        assert "tls12" in signer.logged()
        assert signer.control.ask("prepare", number=1, tls12=1).ok == 1
        signer.control.ask("commit", number=1)
        for message in (exchange(), exchange(65, 23)):
            answer = signs(message)
            assert answer.ok == 1 and verifies(directory, message, answer.signature, tmp_path)
        for message in (exchange()[:-1], exchange() + b"x", exchange(head=b"x"), exchange(32, 23), exchange(65, 29),
                        exchange(97, 24), b"\0" * 100, exchange()[:64], exchange().replace(b"\x03\0", b"\x01\0")):
            assert signs(message).ok == 0, message
        assert signs(exchange(), 0x0401).ok == 0 and signs(exchange(), 0x0203).ok == 0
        assert signs(tbs()).ok == 1
        assert signer.control.ask("prepare", number=2, tls12=0).ok == 1
        signer.control.ask("commit", number=2)
        assert signs(exchange()).ok == 0 and signs(tbs()).ok == 1
    finally:
        signer.end()


def spoil_mode(directory):
    (directory / "server.key").chmod(0o644)
    return "chmod 600"


def spoil_key(directory):
    shutil.copy(directory / "ca.key", directory / "server.key")
    return "does not belong"


def spoil_certificate(directory):
    (directory / "server.crt").write_text("nothing\n")
    return "holds no certificate"


def spoil_absent(directory):
    (directory / "server.crt").unlink()
    return "server.crt"


def spoil_chain(directory):
    with open(directory / "server.crt", "ab") as file:
        file.write((directory / "server.crt").read_bytes())
    return "was not issued by"


@pytest.mark.parametrize("spoil", [spoil_mode, spoil_key, spoil_certificate, spoil_absent,
                                   spoil_chain])
def test_bad_files_are_refused_at_prepare_and_the_old_key_serves_on(signer, directory, spoil):
    edge = signer.edge()
    before = edge.ask("identity")
    words = spoil(directory)
    answer = signer.control.ask("prepare", number=9)
    assert answer.ok == 0 and words in answer.reason.decode()
    assert edge.ask("identity").chain == before.chain
    assert edge.ask("sign", key=before.key, scheme=P256, tbs=tbs()).ok == 1


def test_a_start_without_a_certificate_is_told_at_prepare(tmp_path):
    path = tmp_path / "tls"
    path.mkdir()
    signer = Signer(path)
    try:
        edge = signer.edge()
        assert edge.ask("identity").ok == 0
        assert edge.ask("sign", key=1, scheme=P256, tbs=tbs()).ok == 0
        assert signer.control.ask("prepare", number=1).ok == 0
        assert signer.status()["certificate_validity"] == "none"
        run("--init", "--tls-dir", path, "--portal", HOST)
        assert signer.control.ask("prepare", number=2).ok == 1
        signer.control.ask("commit", number=2)
        assert edge.ask("identity").ok == 1
    finally:
        signer.end()


def test_files_may_be_elsewhere(directory, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    for name in ("server.crt", "server.key"):
        shutil.move(directory / name, other / name)
    signer = Signer(directory, "--certificate", other / "server.crt", "--key", other / "server.key")
    try:
        assert signer.edge().ask("identity").ok == 1
        assert signer.control.ask("prepare", number=1).ok == 1
    finally:
        signer.end()


def test_status_tells_what_a_person_asks(signer):
    status = signer.status()
    assert status["certificate_validity"] == "valid"
    assert 390 <= int(status["certificate_days_left"]) <= 397
    assert HOST in status["certificate_subject"]
    assert status["key_kind"] == "ecdsa-p256"
    assert status["key_memory"] == "locked"
    assert "no_new_privs" in signer.ready


def test_draining_ends_when_the_last_edge_has_gone(signer):
    edge = signer.edge()
    signer.control.send("drain", seconds=60)
    key = edge.ask("identity").key
    assert edge.ask("sign", key=key, scheme=P256, tbs=tbs()).ok == 1
    edge.close()
    assert signer.process.wait(10) == 0


def test_draining_ends_at_its_deadline(signer):
    signer.edge().ask("identity")
    signer.control.send("drain", seconds=0)
    assert signer.process.wait(10) == 0


def test_the_signer_ends_with_its_supervisor(signer):
    signer.edge().ask("identity")
    signer.control.close()
    assert signer.process.wait(10) == 0


def test_the_signer_is_not_for_starting_by_hand(directory):
    done = subprocess.run([BINARY, "--tls-dir", directory], capture_output=True, text=True,
                          timeout=20)
    assert done.returncode == 2 and "postern serve" in done.stderr


def test_a_ctrl_c_does_not_take_the_keys_away_first(signer):
    edge = signer.edge()
    signer.process.send_signal(signal.SIGINT)
    assert edge.ask("identity").ok == 1


def test_the_sandbox_is_on(signer):
    text = pathlib.Path(f"/proc/{signer.process.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert fields["NoNewPrivs"].strip() == "1"
    if "seccomp=on" in signer.ready:
        assert fields["Seccomp"].strip() == "2"


# ---- what consoles are shown ---------------------------------------------------------------------

CLIENT = b"TLS 1.3, client CertificateVerify"


def place(directory, name, pair):
    shutil.copy(pair[0], directory / f"{name}.crt")
    shutil.copy(pair[1], directory / f"{name}.key")
    (directory / f"{name}.key").chmod(0o600)


def test_a_clients_key_and_a_servers_sign_their_own_form_only(directory, authority):
    place(directory, "gateway", authority.issue(usage="clientAuth", subject="gateway"))
    signer = Signer(directory)
    try:
        edge = signer.edge()
        assert edge.ask("client", pair="gateway").ok == 0, "nobody has named it yet"
        assert signer.control.ask("prepare", number=1, clients="gateway\n").ok == 1
        signer.control.ask("commit", number=1)
        shown = edge.ask("client", pair="gateway")
        own = edge.ask("identity")
        assert shown.ok == 1 and shown.key != own.key and b"BEGIN CERTIFICATE" in shown.chain
        for key, context, ok in ((shown.key, CLIENT, 1), (shown.key, SERVER, 0), (own.key, SERVER, 1),
                                 (own.key, CLIENT, 0)):
            assert edge.ask("sign", key=key, scheme=0x0403, tbs=tbs(context)).ok == ok
        # Nor anything of TLS 1.2, not even where listeners take it.
        assert signer.control.ask("prepare", number=2, clients="gateway\n", tls12=1).ok == 1
        signer.control.ask("commit", number=2)
        for message in (b"\x00" * 64 + b"\x03\x00\x1d\x20" + b"\x00" * 32, b"", b"\x20" * 300):
            assert edge.ask("sign", key=shown.key, scheme=0x0403, tbs=message).ok == 0
        # What no route names any more is neither shown nor, a snapshot later, signed with.
        for number in (3, 4):
            assert signer.control.ask("prepare", number=number, tls12=number % 2).ok == 1
            signer.control.ask("commit", number=number)
        assert edge.ask("client", pair="gateway").ok == 0
        assert edge.ask("sign", key=shown.key, scheme=0x0403, tbs=tbs(CLIENT)).ok == 0
    finally:
        signer.end()


def test_a_pair_for_consoles_must_be_one(directory, authority):
    place(directory, "server-only", authority.issue("127.0.0.1"))
    place(directory, "shared", authority.issue(usage="clientAuth", key=directory / "server.key"))
    signer = Signer(directory)
    try:
        for names, why in (("server-only\n", "not meant for a TLS 1.3 client"), ("absent\n", "absent.crt"),
                           ("shared\n", "has the key of a certificate of our own"), ("../server\n", "a name is none"),
                           ("server\n", "not meant for a TLS 1.3 client")):
            said = signer.control.ask("prepare", number=1, clients=names)
            assert said.ok == 0 and why in said.reason.decode(), said.reason
        edge = signer.edge()
        assert edge.ask("identity").ok == 1
        assert edge.ask("client", pair="server").ok == 0
    finally:
        signer.end()


@pytest.mark.parametrize("name", [b"", b"a\x00b"])
def test_a_question_about_no_pair_costs_the_channel(directory, name):
    signer = Signer(directory)
    try:
        edge = signer.edge()
        edge.send("client", pair=name)
        with pytest.raises((Closed, OSError)):
            edge.expect("client_is")
        assert signer.edge(2).ask("identity").ok == 1
    finally:
        signer.end()
