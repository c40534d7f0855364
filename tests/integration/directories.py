"""Directories for tests: a real slapd, and a hostile stand-in that lies."""
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import pki
import stack as harness

SLAPD = shutil.which("slapd", path=os.environ.get("PATH", "") + ":/usr/sbin")
BASE = "dc=example,dc=test"
READER, READER_PASSWORD = f"cn=reader,{BASE}", "reader's own password"
PASSWORD = "a password of the directory"

CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/{nis}.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload retcode
pidfile {dir}/pid
sizelimit 500
localSSF 256
TLSCACertificateFile {ca}
TLSCertificateFile {crt}
TLSCertificateKeyFile {key}
{security}
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
rootpw root
directory {dir}/db
index objectClass,uid,member eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by anonymous auth by * none
overlay memberof
memberof-group-oc groupOfNames
memberof-member-ad member
memberof-memberof-ad memberOf
"""


def person(name, password=PASSWORD, ou="people", **more):
    return (f"uid={name},ou={ou},{BASE}",
            {"objectClass": ["inetOrgPerson"], "uid": [name], "cn": [name], "sn": [name],
             "userPassword": [password], **more})


def group(name, *members):
    """name: as it stands in a distinguished name."""
    return group_dn(name), {"objectClass": ["groupOfNames"], "cn": [name.replace("\\2C", ",")],
                            "member": list(members)}


def dn(name, ou="people"):
    return f"uid={name},ou={ou},{BASE}"


def group_dn(name):
    return f"cn={name},ou=groups,{BASE}"


def ldif(entries):
    def line(key, value):
        raw = value if isinstance(value, bytes) else value.encode()
        return f"{key}:: {base64.b64encode(raw).decode()}\n"
    return "".join(line("dn", name) + "".join(line(k, v) for k, vs in attributes.items() for v in vs) + "\n"
                   for name, attributes in entries)


class Slapd:
    """A real slapd on ports of its own: ldaps and ldap with StartTLS."""

    def __init__(self, authority, entries=(), names=("127.0.0.1", "ldap.test"), pair=None, nis="nis",
                 security="security simple_bind=128"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="postern-slapd-"))
        (self.dir / "db").mkdir()
        crt, key = pair or authority.issue(*names)
        self.tls_port, self.port = harness.free_port(), harness.free_port()
        self.ldaps, self.ldap = f"ldaps://127.0.0.1:{self.tls_port}", f"ldap://127.0.0.1:{self.port}"
        (self.dir / "conf").write_text(CONF.format(
            dir=self.dir, ca=authority.cert, crt=crt, key=key, base=BASE, reader=READER, nis=nis,
            security=security))
        base = [(BASE, {"objectClass": ["dcObject", "organization"], "dc": ["example"], "o": ["example"]}),
                *((f"ou={ou},{BASE}", {"objectClass": ["organizationalUnit"], "ou": [ou]})
                  for ou in ("people", "groups", "elsewhere")),
                (READER, {"objectClass": ["person", "simpleSecurityObject"], "cn": ["reader"], "sn": ["reader"],
                          "userPassword": [READER_PASSWORD]})]
        self.process, self.authority = None, authority
        self.start()
        try:
            self.add([*base, *entries])
        except AssertionError:
            self.close()
            raise

    def start(self, wait=True):
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen(
            [SLAPD, "-d", "0", "-f", self.dir / "conf", "-h",
             f"{self.ldaps} {self.ldap} ldapi://{str(self.dir / 'sock').replace('/', '%2F')}"],
            stdout=self.log, stderr=self.log, cwd=self.dir)
        if not wait:
            return
        try:
            harness.wait_for(lambda: self.tool("ldapwhoami").returncode == 0)
        except TimeoutError:
            self.stop()
            raise RuntimeError("slapd: " + (self.dir / "log").read_text() + self.tool("ldapwhoami").stderr) from None

    def tool(self, name, *words, text=None):
        return subprocess.run([name, "-x", "-H", f"ldapi://{str(self.dir / 'sock').replace('/', '%2F')}", "-D",
                               f"cn=root,{BASE}", "-w", "root", *words], input=text, capture_output=True,
                              text=True, env={**os.environ, "LDAPNOINIT": "1"}, timeout=30)

    def done(self, name, *words, text=None):
        result = self.tool(name, *words, text=text)
        assert result.returncode == 0, result.stderr

    def add(self, entries):
        self.done("ldapadd", text=ldif(entries))

    def modify(self, name, text):
        self.done("ldapmodify", text=f"dn: {name}\nchangetype: modify\n{text}\n")

    def delete(self, name):
        self.done("ldapdelete", name)

    def slow_down(self, seconds):
        """Every operation but a bind takes so long from now on."""
        self.stop()
        conf = (self.dir / "conf").read_text()
        (self.dir / "conf").write_text(conf + f"overlay retcode\nretcode-sleep {seconds}\n")
        self.start(wait=False)
        harness.wait_for(self._listens)

    def _listens(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.tls_port), 1).close()
            return True
        return False

    def stop(self):
        """A slow one does not end before its operations have."""
        self.process.kill()
        self.process.wait(10)
        self.log.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- the hostile stand-in ------------------------------------------------------------------------------------------

def ber(tag, *parts):
    body = b"".join(p if isinstance(p, bytes) else p.encode() for p in parts)
    n = len(body)
    size = bytes([n]) if n < 128 else (lambda b: bytes([128 | len(b)]) + b)(n.to_bytes((n.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + size + body


def whole(number):
    """A number of a message, which is never negative."""
    return ber(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def result(number, tag, code=0, text="", *more):
    """One LDAPResult in its envelope."""
    return ber(0x30, whole(number), ber(tag, ber(10, bytes([code])), ber(4, ""), ber(4, text), *more))


def entry(number, name, **attributes):
    values = b"".join(ber(0x30, ber(4, k), ber(0x31, *(ber(4, v) for v in vs))) for k, vs in attributes.items())
    return ber(0x30, whole(number), ber(0x64, ber(4, name), ber(0x30, values)))


BIND, SEARCH, EXTENDED = 0x60, 0x63, 0x77
BOUND, DONE, EXTENDED_IS = 0x61, 0x65, 0x78


class Hostile(harness.Server):
    """Speaks as much LDAP as it takes to lie. `answer(number, tag, raw, sock)` gives the bytes for each request."""

    def __init__(self, pair, answer, tls=True, before_tls=b""):
        self.context = pki.server_context(pair)
        self.answer, self.tls, self.before_tls = answer, tls, before_tls
        self.requests, self.connections = [], 0
        super().__init__()

    @property
    def url(self):
        return f"{'ldaps' if self.tls else 'ldap'}://127.0.0.1:{self.port}"

    def _serve(self, sock):
        self.connections += 1
        with contextlib.suppress(OSError, IndexError, ValueError):
            if self.tls:
                sock = self.context.wrap_socket(sock, server_side=True)
            while True:
                raw = self._message(sock)
                at = raw.index(b"\x02") + 2
                number, tag = int.from_bytes(raw[at:at + raw[at - 1]], "big"), raw[at + raw[at - 1]]
                self.requests.append((tag, raw))
                if tag == EXTENDED and not self.tls:
                    sock.sendall(result(number, EXTENDED_IS) + self.before_tls)
                    sock = self.context.wrap_socket(sock, server_side=True)
                    continue
                sock.sendall(self.answer(number, tag, raw, sock))

    @staticmethod
    def _message(sock):
        def take(n):
            data = b""
            while len(data) < n:
                piece = sock.recv(n - len(data))
                if not piece:
                    raise OSError("over")
                data += piece
            return data
        head = take(2)
        n = head[1]
        if n >= 128:
            size = take(n & 127)
            head, n = head + size, int.from_bytes(size, "big")
        return head + take(n)


# ---- the whole service with a directory ------------------------------------------------------------------------------

CORP = """
directories:
  corp:
    urls: [{urls}]
    ca: {ca}
    bind_dn: "{reader}"
    bind_password_file: corp.secret
    base: "ou=people,{base}"
    filter: "(&(objectClass=person)(|(uid={{user}})(mail={{user}})))"
    groups: ["ops={ops}", "staff={staff}", "owners={admins}"]
{more}"""


def yaml(slapd, *urls, **more):
    more = {"recheck": "1s", **more}
    return CORP.format(urls=", ".join(json.dumps(u) for u in urls or (slapd.ldaps,)), ca=json.dumps(slapd.authority.pem),
                       reader=READER, base=BASE, ops=group_dn("ops"), staff=group_dn("Staff\\\\2C all"),
                       admins=group_dn("admins"), more="".join(f"    {k}: {v}\n" for k, v in more.items()))


@contextlib.contextmanager
def service(slapd, *urls, **more):
    s = harness.Stack(extra_yaml=yaml(slapd, *urls, **more))
    try:
        s.secret("corp.secret", READER_PASSWORD)
        s.start()
        s.admin = s.owner()
        yield s
    finally:
        s.close()


def announced(site, name, *words):
    """Somebody whom an administrator has announced, with a second factor of postern's own."""
    made = site.json("user", "add", name, "--directory", "corp", "--totp", *words)
    return harness.Person(site, name, made["totp"]["secret"])


def arrived(answer):
    return answer.status in (302, 303) and answer.get("location", "").rstrip("/").endswith("?after=login")


def groups_of(site, name):
    return sorted(site.json("user", "show", name)["groups"])


def audit(site, event):
    """Records of this event, their details read."""
    return [{**r, "detail": json.loads(r["detail"]) if isinstance(r["detail"], str) and r["detail"] else r["detail"]}
            for r in site.json("audit", "tail", "--limit", "300")["records"] if r["event"] == event]


def enrol(who, link, password=PASSWORD, code=None):
    """The page of an enrolment link; password: the directory's."""
    page = who.get(link)
    assert page.status == 200 and "new-password" not in page.text, page
    who.secret = re.search(r"\b([A-Z2-7]{32})\b", page.text).group(1)
    return who.post(who.stack.portal + "/enrol", {
        "code": re.search(r"code=([\w-]+)", link).group(1), "password": password, "again": "",
        "totp": code or harness.totp(who.secret)})
