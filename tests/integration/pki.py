"""Keys, certificates, the authorities that vouch for them, and TLS servers' contexts; all made by openssl."""
import base64
import hashlib
import json
import pathlib
import shutil
import ssl
import subprocess
import tempfile


def openssl(*words, **more):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, timeout=60, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def server_context(pair):
    """For a server that shows this (certificate, key)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, pair))
    return context


def pin_of(certificate):
    public = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "DER", input=public)
    return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def sign_itself(pair, name, *extensions):
    """Makes (certificate, key) in these two files."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", f"/CN={name}", "-keyout", pair[1], "-out", pair[0],
            *(w for e in extensions for w in ("-addext", e)))
    return pair


def self_signed(directory, *names):
    at = pathlib.Path(tempfile.mkdtemp(dir=directory))
    return sign_itself((at / "crt", at / "key"), "localhost",
                       *(["subjectAltName=" + ",".join(f"DNS:{n}" for n in names)] if names else []))


class Authority:
    """A certificate authority in a directory of its own."""

    def __init__(self, name="Console CA"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-authority-"))
        self.count = 0
        self.cert, self.key = self.dir / "ca.crt", self.dir / "ca.key"
        sign_itself((self.cert, self.key), name, "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")

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
        if days:
            openssl("x509", "-req", "-in", at / "csr", "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                    "-extfile", at / "ext", "-out", at / "crt", "-days", days)
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
