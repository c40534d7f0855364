"""Authorities and certificates of clients, good ones and every kind of bad one, made by openssl."""
import datetime
import hashlib
import pathlib
import shutil
import ssl
import subprocess
import tempfile

CONF = """
[ca]
default_ca = own
[own]
database = {dir}/index
new_certs_dir = {dir}
serial = {dir}/serial
crlnumber = {dir}/crlnumber
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
organizationName = optional
[req]
distinguished_name = dn
[dn]
"""


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def stamp(days):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return at.strftime("%Y%m%d%H%M%SZ")


class Certificate:
    def __init__(self, crt, key, authority):
        self.crt, self.key, self.authority = crt, key, authority

    def context(self, stack, version=None, extra=()):
        """A TLS context that trusts the gateway and shows this certificate, with what is sent behind it."""
        c = ssl.create_default_context(cafile=str(stack.state / "tls/ca.crt"))
        chain = self.crt
        if extra:
            chain = self.crt.with_suffix(".chain")
            chain.write_text("".join(p.read_text() for p in [self.crt, *extra]))
        c.load_cert_chain(chain, self.key)
        if version:
            c.minimum_version = c.maximum_version = version
        return c

    @property
    def spki(self):
        pem = openssl("x509", "-in", self.crt, "-noout", "-pubkey")
        der = ssl.PEM_cert_to_DER_cert(pem.replace("PUBLIC KEY", "CERTIFICATE"))
        return hashlib.sha256(der).hexdigest()


class Authority:
    """days: of its own certificate, counted from now; by: the authority above it."""

    def __init__(self, name="Client CA", start=-1, days=30, by=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-clients-"))
        (self.dir / "index").write_text("")
        (self.dir / "serial").write_text("1000\n")
        (self.dir / "crlnumber").write_text("01\n")
        self.conf = self.dir / "conf"
        self.conf.write_text(CONF.format(dir=self.dir))
        self.crt, self.key, self.count, self.by = self.dir / "ca.crt", self.dir / "ca.key", 0, by
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key)
        csr, ext = self.dir / "ca.csr", self.dir / "ca.ext"
        ext.write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
                       "subjectKeyIdentifier=hash\n")
        openssl("req", "-new", "-config", self.conf, "-key", self.key, "-subj", f"/CN={name}", "-out", csr)
        self._sign(by or self, csr, ext, self.crt, start, days, selfsign=by is None)

    def _sign(self, by, csr, ext, out, start, days, selfsign=False):
        openssl("ca", "-batch", "-preserveDN", "-config", by.conf, "-in", csr, "-keyfile", by.key, "-extfile", ext, "-notext",
                "-startdate", stamp(start), "-enddate", stamp(days), "-out", out,
                *(["-selfsign"] if selfsign else ["-cert", by.crt]))

    @property
    def pem(self):
        return self.crt.read_text()

    def issue(self, subject="/CN=robot", san="", usage="clientAuth", start=-1, days=20, ca=False, key=None,
              selfsigned=False):
        self.count += 1
        at = self.dir / f"leaf{self.count}"
        key = key or at.with_suffix(".key")
        if not key.exists():
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        csr, ext, crt = at.with_suffix(".csr"), at.with_suffix(".ext"), at.with_suffix(".crt")
        ext.write_text(f"basicConstraints=CA:{'TRUE' if ca else 'FALSE'}\n" +
                       (f"extendedKeyUsage={usage}\n" if usage else "") +
                       (f"subjectAltName={san}\n" if san else ""))
        openssl("req", "-new", "-config", self.conf, "-key", key, "-subj", subject, "-out", csr)
        if selfsigned:
            openssl("x509", "-req", "-in", csr, "-signkey", key, "-extfile", ext, "-days", "10", "-out", crt)
        else:
            self._sign(self, csr, ext, crt, start, days)
        return Certificate(crt, key, self)

    def revoke(self, certificate):
        openssl("ca", "-batch", "-config", self.conf, "-keyfile", self.key, "-cert", self.crt, "-revoke", certificate.crt)

    def crl(self, start=None, seconds=None):
        """Its list of revoked certificates; seconds: how long it holds, less than 0: it has expired."""
        out = self.dir / "crl.pem"
        when = ["-crldays", "7"]
        if seconds is not None:
            when = ["-crl_lastupdate", stamp(-10), "-crl_nextupdate", stamp(seconds / 86400)]
        openssl("ca", "-batch", "-config", self.conf, "-keyfile", self.key, "-cert", self.crt, "-gencrl", *when, "-out", out)
        return out.read_text()

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)
