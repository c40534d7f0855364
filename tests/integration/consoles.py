"""Consoles behind TLS, and the authorities that vouch for them: stand-ins for test_upstream_*.py."""
import base64
import hashlib
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

import stack as harness


def openssl(*args, **more):
    return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, **more).stdout


class Authority:
    """A certificate authority in a directory of its own."""

    def __init__(self, name="Console CA"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-authority-"))
        self.count = 0
        self.cert, self.key = self.dir / "ca.crt", self.dir / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert,
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    @property
    def pem(self):
        return self.cert.read_text()

    def yaml(self):
        """The authority as a key of a route in edge_alone's flow mapping."""
        return f", upstream_ca: {json.dumps(self.pem)}"

    def issue(self, *names, days=30, usage="serverAuth", subject="console", key=None):
        """(certificate, key) for these names; days 0: it has expired."""
        self.count += 1
        at = self.dir / f"leaf{self.count}"
        at.mkdir()
        san = ",".join(f"IP:{n}" if n.replace(".", "").isdigit() or ":" in n else f"DNS:{n}" for n in names)
        (at / "ext").write_text(f"subjectAltName={san}\n" * bool(names) + f"extendedKeyUsage={usage}\n"
                                "basicConstraints=CA:FALSE\n")
        if key is None:
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", at / "key")
        else:
            shutil.copy(key, at / "key")
        openssl("req", "-new", "-key", at / "key", "-subj", f"/CN={subject}", "-out", at / "csr")
        when = ["-days", days] if days else ["-not_before", "20200101000000Z", "-not_after", "20210101000000Z"]
        if days:
            openssl("x509", "-req", "-in", at / "csr", "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                    "-extfile", at / "ext", "-out", at / "crt", *when)
        else:
            self.expired(at)
        return at / "crt", at / "key"

    def expired(self, at):
        (at / "index").write_text("")
        (at / "serial").write_text("01\n")
        (at / "conf").write_text(f"""[ca]
default_ca = own
[own]
database = {at}/index
new_certs_dir = {at}
serial = {at}/serial
default_md = sha256
policy = any
[any]
commonName = supplied
""")
        openssl("ca", "-batch", "-config", at / "conf", "-in", at / "csr", "-cert", self.cert, "-keyfile", self.key,
                "-extfile", at / "ext", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z",
                "-notext", "-out", at / "crt")

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def self_signed(directory, *names):
    at = pathlib.Path(tempfile.mkdtemp(dir=directory))
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=localhost", "-keyout", at / "key", "-out", at / "crt",
            *(["-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names)] if names else []))
    return at / "crt", at / "key"


def pin_of(certificate):
    public = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "DER", input=public)
    return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class TlsConsole(harness.Recorder):
    """A Recorder behind TLS. Remembers for each connection what the handshake said."""

    def __init__(self, pair, prepare=None, **more):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*map(str, pair))
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.names = []
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        if prepare:
            prepare(self.context)
        self.handshakes, self.failures = [], []
        super().__init__(**more)

    def _serve(self, sock):
        sock.settimeout(30)
        try:
            wrapped = self.context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        except (OSError, ssl.SSLError) as e:
            self.failures.append(str(e))
            sock.close()
            return
        self.handshakes.append({"version": wrapped.version(), "alpn": wrapped.selected_alpn_protocol(),
                                "resumed": wrapped.session_reused, "peer": wrapped.getpeercert(True)})
        super()._serve(wrapped)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"


class UnixConsole(harness.Recorder):
    """A Recorder on a socket in the file system."""

    def __init__(self, path, mode=0o666, **more):
        super().__init__(**more)
        self.path = path
        tcp, self.listener = self.listener, socket.socket(socket.AF_UNIX)
        tcp.shutdown(socket.SHUT_RDWR)
        tcp.close()
        self.listener.bind(str(path))
        path.chmod(mode)
        self.listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"unix:{self.path}"
