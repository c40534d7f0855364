"""postern-courier as a process: the test is its supervisor and its keeper.

Name servers here are stand-ins that answer as a test wants them to; /etc/hosts and resolv.conf are files
of the test, bound over the real ones in a mount namespace of the process alone.
"""
import contextlib
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

import pytest

from ipcwire import ROLES, TYPES, Closed, Wire, address, encode

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/release"))
BINARY = BUILD / "libexec/postern-courier"
OK, ABSENT, FAILED, DENIED = range(4)
ROOT = os.geteuid() == 0

needs_root = pytest.mark.skipif(not ROOT or not shutil.which("unshare"),
                                reason="another /etc/hosts for one process needs a mount namespace")


def over(files):
    """The words that run a command with other files in the place of these."""
    if not files:
        return []
    binds = " && ".join(f"mount --bind '{new}' '{old}'" for old, new in files.items())
    return ["unshare", "-m", "sh", "-ec", f'{binds} && exec "$@"', "sh"]


class Courier:
    def __init__(self, files=(), sandbox="best", keeper=True):
        self.control, theirs = Wire.pair()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-courier-"))
        self.log = open(self.dir / "log", "ab+")
        number = theirs.fileno()
        self.process = subprocess.Popen(
            [*over(dict(files)), BINARY, "--sandbox", sandbox, "--authorities",
             "/etc/ssl/certs/ca-certificates.crt"],
            env={"ASAN_OPTIONS": "detect_leaks=0", **os.environ}, stderr=self.log,
            pass_fds=(3,) if number == 3 else (), close_fds=False, preexec_fn=lambda: os.dup2(number, 3))
        theirs.close()
        self.ready = dict(line.split("=", 1) for line in
                          self.control.expect("ready").sandbox.decode().splitlines() if "=" in line)
        self.keeper = self.introduce() if keeper else None

    def introduce(self):
        ours, theirs = Wire.pair()
        self.control.send("peer", fd=theirs.fileno(), role=ROLES["KEEPER"], id=0)
        theirs.close()
        return ours

    def resolve(self, name, timeout=10):
        answer = self.keeper.ask("resolve", timeout=timeout, host=name)
        raw = answer.addresses
        return answer.result, [raw[i:i + 16] for i in range(0, len(raw), 16)], answer.text.decode()

    def probe(self, port, host="127.0.0.1", sni="", name=""):
        return self.keeper.ask("probe", host=host, port=port, sni=sni, expected=name)

    def status(self):
        text = self.control.ask("status").text.decode()
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def logged(self):
        self.log.seek(0)
        return self.log.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.control.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if kind:
            print(self.logged())
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class NameServer:
    """A stand-in for a name server: answers from a table, or not at all."""

    def __init__(self, table=None, silent=False):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.53.0.1", 53))
        self.table, self.silent, self.asked = dict(table or {}), silent, []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                data, who = self.sock.recvfrom(4096)
            except OSError:
                return
            if len(data) < 17:
                continue  # a closing socket
            at, labels = 12, []
            while len(data) > at and data[at]:
                labels.append(data[at + 1:at + 1 + data[at]].decode())
                at += 1 + data[at]
            kind, = struct.unpack(">H", data[at + 1:at + 3])
            name, question = ".".join(labels).lower(), data[12:at + 5]
            self.asked.append((name, kind))
            if self.silent:
                continue
            found = self.table.get(name)
            records = [a for a in found or [] if (":" in a) == (kind == 28)]
            answer = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 5, 16 if ":" in a else 4) +
                              socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in records)
            code = 0x8180 if found is not None else 0x8183
            self.sock.sendto(data[:2] + struct.pack(">HHHHH", code, 1, len(records), 0, 0) + question + answer, who)

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


@pytest.fixture
def files():
    """/etc/hosts and /etc/resolv.conf of the test: written in place, as a bound file has to be."""
    with tempfile.TemporaryDirectory() as where:
        hosts, resolv = pathlib.Path(where, "hosts"), pathlib.Path(where, "resolv.conf")
        os.chmod(where, 0o755)
        hosts.write_text("127.0.0.1 localhost\n")
        resolv.write_text("nameserver 127.53.0.1\n")
        yield {"/etc/hosts": hosts, "/etc/resolv.conf": resolv}


def test_the_name_of_this_host_resolves_inside_the_sandbox():
    with Courier(sandbox="strict") as courier:
        result, addresses, text = courier.resolve("localhost")
        assert result == OK and not text
        assert address("127.0.0.1") in addresses or address("::1") in addresses
        assert courier.ready["seccomp"] == "on" and courier.ready["landlock_fs"] == "on"
        assert courier.status()["resolved"] == "1"


@pytest.mark.parametrize("name", ["127.0.0.1", "0x7f000001", "2130706433", "a b", "A", "a..b", "-"])
def test_what_is_no_host_name_is_absent(name):
    with Courier() as courier:
        assert courier.resolve(name) == (ABSENT, [], "this is no host name")


@needs_root
def test_the_hosts_file_is_read_anew_for_each_question(files):
    files["/etc/hosts"].write_text("10.1.2.3 console.example\n10.1.2.1 console.example\n10.1.2.3 console.example\n")
    with Courier(files) as courier:
        assert courier.resolve("console.example") == (OK, [address("10.1.2.1"), address("10.1.2.3")], "")
        files["/etc/hosts"].write_text("fd00::7 console.example\n")
        assert courier.resolve("console.example") == (OK, [address("fd00::7")], "")


@needs_root
@pytest.mark.parametrize("bad", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::", "fd00:ec2::254",
                                 "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"])
def test_one_refused_address_spoils_the_answer(files, bad):
    files["/etc/hosts"].write_text(f"10.1.2.3 console.example\n{bad} console.example\n")
    with Courier(files) as courier:
        result, addresses, text = courier.resolve("console.example")
        assert (result, addresses) == (DENIED, []) and "which no console may have" in text


@needs_root
def test_name_servers_are_asked_and_their_no_is_a_no(files):
    server = NameServer({"console.example": ["10.9.9.9", "10.9.9.1", "fd00::9"], "rebound.example": ["169.254.169.254"]})
    try:
        with Courier(files, sandbox="strict") as courier:
            assert courier.resolve("console.example")[:2] == (OK, sorted(map(address, ["10.9.9.9", "10.9.9.1", "fd00::9"])))
            assert courier.resolve("gone.example") == (ABSENT, [], "there is no such name")
            assert courier.resolve("rebound.example")[0] == DENIED
    finally:
        server.close()


@needs_root
def test_of_many_addresses_the_same_sixteen_are_taken_in_any_order(files):
    addresses = [f"10.0.0.{n}" for n in range(1, 41)]
    for order in (addresses, addresses[::-1], addresses[20:] + addresses[:20]):
        files["/etc/hosts"].write_text("".join(f"{a} console.example\n" for a in order))
        with Courier(files) as courier:
            assert courier.resolve("console.example") == (OK, [address(a) for a in addresses[:16]], "")


@needs_root
def test_a_silent_name_server_costs_five_seconds_and_stops_nobody_else(files):
    server = NameServer(silent=True)
    files["/etc/hosts"].write_text("10.1.2.3 known.example\n")
    try:
        with Courier(files) as courier:
            began = time.monotonic()
            waiting = [courier.keeper.send("resolve", host=f"slow{i}.example") for i in range(5)]
            assert courier.resolve("known.example")[0] == OK
            assert courier.status()["open"] == "5"
            for serial in waiting:
                answer = courier.keeper.expect("resolved", serial=serial, timeout=20)
                assert answer.result == FAILED and answer.addresses == b""
            assert 3 < time.monotonic() - began < 15
    finally:
        server.close()


@needs_root
def test_questions_are_bounded(files):
    server = NameServer(silent=True)
    try:
        with Courier(files) as courier:
            serials = [courier.keeper.send("resolve", host=f"slow{i}.example") for i in range(80)]
            texts = [courier.keeper.expect("resolved", serial=s, timeout=20).text.decode() for s in serials[64:]]
            assert set(texts) == {"too many questions at once"}
            for serial in serials[:64]:
                assert courier.keeper.expect("resolved", serial=serial, timeout=20).result == FAILED
    finally:
        server.close()


@needs_root
def test_a_replaced_resolver_file_ends_the_courier_so_that_the_next_one_reads_it():
    # In a namespace of its own, /etc is a copy that may be changed.
    with tempfile.TemporaryDirectory() as where:
        etc = pathlib.Path(where, "etc")
        shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True)
        with Courier({"/etc": etc}) as courier:
            courier.status()
            (etc / "new").write_text("127.0.0.1 localhost\n")
            os.rename(etc / "new", etc / "hosts")
            with pytest.raises((Closed, ConnectionError)):
                while True:
                    courier.status()
                    time.sleep(0.05)
            assert courier.process.wait(10) == 0
            assert "resolver_files_replaced" in courier.logged()


def test_a_keeper_that_speaks_nonsense_loses_its_channel_and_the_next_one_is_served():
    with Courier() as courier:
        for packet in (b"", b"\0", struct.pack(">HI", TYPES["resolved"], 1) + encode("resolved"),
                       struct.pack(">HI", TYPES["resolve"], 1) + struct.pack(">I", 300) + b"a" * 300,
                       struct.pack(">HI", TYPES["resolve"], 1) + encode("resolve", host="a") + b"x"):
            bad = courier.introduce()
            bad.send_raw(packet)
            with pytest.raises((Closed, ConnectionError)):
                bad.receive()
        courier.keeper = courier.introduce()
        assert courier.resolve("localhost")[0] == OK


def test_it_ends_with_its_supervisor_and_when_it_is_told_to():
    with Courier() as courier:
        courier.control.send("drain", seconds=1)
        assert courier.process.wait(10) == 0
    with Courier() as courier:
        courier.control.close()
        assert courier.process.wait(10) == 1


# ---- probes --------------------------------------------------------------------------------------

def make_certificate(where, subject="/CN=console.example", names="DNS:console.example,IP:127.0.0.1", key=(), more=()):
    key_file, crt = pathlib.Path(where, "key.pem"), pathlib.Path(where, "crt.pem")
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", subject, "-keyout", key_file, "-out", crt,
                    *(key or ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")),
                    *(("-addext", f"subjectAltName={names}") if names else ()), *more], check=True, capture_output=True)
    der = subprocess.run(["openssl", "x509", "-in", crt, "-pubkey", "-noout"], check=True, capture_output=True).stdout
    spki = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der, check=True, capture_output=True).stdout
    return crt, key_file, spki


@contextlib.contextmanager
def s_server(crt, key, *more):
    """OpenSSL's own server."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", crt, "-key", key, "-quiet",
                                *more], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def sha256(data):
    import hashlib
    return hashlib.sha256(data).digest()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_probe_reports_what_openssl_reports(tmp_path, version):
    crt, key, spki = make_certificate(tmp_path)
    with s_server(crt, key, version) as port, Courier(sandbox="strict") as courier:
        seen = courier.probe(port, sni="console.example", name="console.example")
        assert seen.ok == 1 and not seen.text
        assert seen.protocol.decode() == {"-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"}[version]
        assert seen.subject == seen.issuer == b"CN=console.example"
        assert seen.names.decode().split() == ["DNS:console.example", "IP:127.0.0.1"]
        assert seen.spki == sha256(spki)
        assert seen.certificate == sha256(ssl.PEM_cert_to_DER_cert(crt.read_text()))
        assert seen.trusted == 0 and b"self" in seen.trust and seen.matches == 1
        assert abs(seen.not_after - seen.not_before - 30 * 86400) < 2 and abs(seen.not_before - time.time()) < 600
        assert seen.address == address("127.0.0.1")
        assert courier.probe(port, name="other.example").matches == 0
        assert courier.probe(port, name="127.0.0.1").matches == 1
        assert courier.status()["probed"] == "3"


def test_a_probe_sees_old_keys_and_odd_names(tmp_path):
    crt, key, spki = make_certificate(tmp_path, "/O=\u00fcber/CN=localhost\x07", None, ("-newkey", "rsa:1024", "-sha1", "-utf8"))
    with s_server(crt, key, "-cipher", "DEFAULT:@SECLEVEL=0") as port, Courier() as courier:
        seen = courier.probe(port)
        assert seen.ok == 1 and seen.spki == sha256(spki)
        assert all(0x20 <= b < 0x7f for b in seen.subject) and b"localhost" in seen.subject


def test_a_server_that_wants_a_certificate_of_its_client_is_still_seen(tmp_path):
    crt, key, spki = make_certificate(tmp_path)
    with s_server(crt, key, "-Verify", "1", "-tls1_2") as port, Courier() as courier:
        seen = courier.probe(port)
        assert seen.ok == 1 and seen.spki == sha256(spki)


@needs_root
def test_a_certificate_of_an_authority_of_this_system_is_trusted(tmp_path):
    crt, key, _ = make_certificate(tmp_path)
    store = tmp_path / "certs"
    store.mkdir()
    shutil.copy(crt, store / "ca-certificates.crt")
    os.chmod(tmp_path, 0o755)
    with s_server(crt, key) as port, Courier({"/etc/ssl/certs": store}, sandbox="strict") as courier:
        seen = courier.probe(port, name="console.example")
        assert (seen.ok, seen.trusted, seen.trust, seen.matches) == (1, 1, b"", 1)


def listener(answer):
    """Accepts, says something, hangs up; a stand-in for whatever else may listen there."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()

    def serve():
        with contextlib.suppress(OSError):
            while True:
                c, _ = sock.accept()
                if answer is not None:
                    with contextlib.suppress(OSError):
                        c.recv(4096)
                        c.sendall(answer)
                    c.close()
    threading.Thread(target=serve, daemon=True).start()
    return sock


@pytest.mark.parametrize("answer, text", [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "this port does not speak TLS"),
    (b"220 mail ESMTP\r\n", "this port does not speak TLS"),
    (b"", "the other side closed the connection"),
    (b"\x15\x03\x01\x00\x02\x02\x46", "neither TLS 1.2 nor TLS 1.3"),
    (b"\x16\x03\x03\x40\x00" + b"\x02" * 16384, "no TLS handshake"),
    (b"\x16\x03\x03\x00\x04\x02\xff\xff\xff", "no TLS handshake"),
    (b"\xff" * 4096, "no TLS handshake"),
], ids=["http", "smtp", "closed", "old", "empty-hello", "long-hello", "garbage"])
def test_what_is_no_tls_server_is_named(answer, text):
    with Courier() as courier:
        sock = listener(answer)
        try:
            seen = courier.probe(sock.getsockname()[1])
            assert seen.ok == 0 and text in seen.text.decode()
        finally:
            sock.close()


def test_a_silent_server_and_a_closed_port_are_told_apart():
    with Courier() as courier, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "refused" in courier.probe(closed.getsockname()[1]).text.decode()
        sock = listener(None)
        try:
            began = time.monotonic()
            seen = courier.probe(sock.getsockname()[1])
            assert seen.ok == 0 and ("in time" in seen.text.decode() or "5 seconds" in seen.text.decode())
            assert time.monotonic() - began < 9
        finally:
            sock.close()


@pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:169.254.169.254"])
def test_a_probe_goes_nowhere_that_no_console_may_be(host):
    with Courier() as courier:
        seen = courier.probe(443, host=host)
        assert seen.ok == 0 and "which no console may have" in seen.text.decode()
