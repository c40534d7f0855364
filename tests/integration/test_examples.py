"""The verifiers of examples/ take what postern signs and nothing else."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

import stack as harness
from stack import Recorder

pytestmark = pytest.mark.timeout(180)
EXAMPLES = harness.TOP / "examples/assertion"
SERVLETS = "/usr/share/tomcat10/lib/servlet-api.jar"
WHO = """
import jakarta.servlet.http.*;
public class Who extends HttpServlet {
    protected void doGet(HttpServletRequest q, HttpServletResponse r) throws java.io.IOException {
        r.getWriter().print(q.getRemoteUser() + " " + q.getUserPrincipal().getName() + " " + q.isUserInRole("owners")
            + " " + q.isUserInRole("others") + " " + q.getAuthType());
    }
}
"""
WEB_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0">
<filter><filter-name>postern</filter-name><filter-class>PosternFilter</filter-class>
<init-param><param-name>issuer</param-name><param-value>{issuer}</param-value></init-param>
<init-param><param-name>audience</param-name><param-value>tomcat</param-value></init-param>
<init-param><param-name>jwks</param-name><param-value>file:{jwks}</param-value></init-param></filter>
<filter-mapping><filter-name>postern</filter-name><url-pattern>/*</url-pattern></filter-mapping>
<servlet><servlet-name>who</servlet-name><servlet-class>Who</servlet-class></servlet>
<servlet-mapping><servlet-name>who</servlet-name><url-pattern>/</url-pattern></servlet-mapping>
</web-app>
"""


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture(scope="module")
def site():
    with harness.running(edges=1) as s:
        yield s


@pytest.fixture(scope="module")
def real(site):
    """An assertion as a console gets it, and the key set as a console gets that."""
    up = Recorder()
    site.cli("route", "add", "tomcat", up.url, "--allow", "group:owners@local", "--identity", "jwt")
    assert site.admin.open(site.console_url("tomcat"))[0].status == 200
    token = next(line.split(b": ", 1)[1].decode() for line in up.requests[-1].split(b"\r\n")
                 if line.startswith(b"Postern-Assertion: "))
    jwks = site.dir / "jwks.json"
    jwks.write_text(site.cli("assertion", "jwks", "--json"))
    jwks.chmod(0o644)
    site.cli("route", "remove", "tomcat", "--force")
    up.close()
    return token, jwks


@pytest.fixture(scope="module")
def forge(site, real):
    """Signs whatever it is told with the very key, which no attacker has: what else is checked?"""
    line = (site.state / "store/assertion.keys").read_text().splitlines()[1].split(" ")
    key = load_der_private_key(unb64(line[2]), None)
    head, claims, _ = real[0].split(".")
    header, body = json.loads(unb64(head)), json.loads(unb64(claims))

    def make(head=None, claims=None, by=key, text=None):
        parts = [b64(json.dumps({**header, **(head or {})}).encode()),
                 b64(text.encode() if text else json.dumps({**body, **(claims or {})}).encode())]
        der = by.sign(".".join(parts).encode(), ec.ECDSA(SHA256()))
        r, s = utils.decode_dss_signature(der)
        return ".".join([*parts, b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))])
    make.key, make.header, make.body = key, header, body
    return make


def attacks(token, forge):
    """Name and token of everything that must be refused."""
    head, claims, signature = token.split(".")
    public = forge.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    point = forge.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    stranger = ec.generate_private_key(ec.SECP256R1())
    numbers = stranger.public_key().public_numbers()
    own = {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
    now = int(time.time())

    def unsigned(alg):
        return b64(json.dumps({**forge.header, "alg": alg}).encode()) + "." + claims

    def hmac_by(secret, alg="HS256"):
        text = unsigned(alg)
        return text + "." + b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())
    yield "expired", forge(claims={"iat": now - 200, "nbf": now - 200, "exp": now - 140})
    yield "not yet", forge(claims={"iat": now + 100, "nbf": now + 100, "exp": now + 160})
    yield "for ever", forge(claims={"exp": now + 10 ** 6})
    yield "no end", forge(text=json.dumps({k: v for k, v in forge.body.items() if k != "exp"}))
    yield "no start", forge(text=json.dumps({k: v for k, v in forge.body.items() if k != "nbf"}))
    yield "end as text", forge(claims={"exp": str(now + 60)})
    yield "end as fraction", forge(claims={"exp": now + 60.5})
    yield "audience", forge(claims={"aud": "grafana"})
    yield "audiences", forge(claims={"aud": ["tomcat", "grafana"]})
    yield "no audience", forge(text=json.dumps({k: v for k, v in forge.body.items() if k != "aud"}))
    yield "issuer", forge(claims={"iss": "https://evil.example"})
    yield "issuer with a slash", forge(claims={"iss": forge.body["iss"] + "/"})
    yield "nobody", forge(claims={"sub": ""})
    yield "no subject", forge(text=json.dumps({k: v for k, v in forge.body.items() if k != "sub"}))
    yield "a claim twice", forge(text=json.dumps(forge.body)[:-1] + ',"sub":"root"}')
    yield "not an object", forge(text="[1]")
    yield "deep", forge(text='{"a":' + "[" * 500 + "]" * 500 + "}")
    yield "type", forge(head={"typ": "JWT"})
    yield "critical", forge(head={"crit": ["b64"], "b64": False})
    yield "algorithm in another case", forge(head={"alg": "es256"})
    for alg in ("none", "None", "NONE", "nOnE", ""):
        yield f"alg {alg!r}", unsigned(alg) + "."
        yield f"alg {alg!r} with the signature", unsigned(alg) + "." + signature
    for secret in (public, public.strip(), point, b""):
        yield "HS256 by the public key", hmac_by(secret)
        yield "ES256 said, HS256 done", hmac_by(secret, "ES256")
    yield "another key", forge(by=stranger)
    yield "another key of its own", forge(head={"jwk": own}, by=stranger)
    yield "another key elsewhere", forge(head={"jku": "https://evil.example/jwks.json"}, by=stranger)
    for kid in ("", "x", b64(b"\0" * 32), "../../etc/passwd", 7, None, forge.header["kid"].lower()):
        yield f"kid {kid!r}", forge(head={"kid": kid})
    yield "another's claims", f"{head}.{b64(json.dumps({**forge.body, 'sub': 'root'}).encode())}.{signature}"
    yield "zero signature", f"{head}.{claims}.{b64(bytes(64))}"
    yield "one and one", f"{head}.{claims}." + b64((bytes(31) + bytes([1])) * 2)
    yield "cut signature", f"{head}.{claims}.{signature[:-2]}"
    yield "no signature", f"{head}.{claims}."
    yield "two parts", f"{head}.{claims}"
    yield "four parts", token + "."
    yield "five parts", token + ".a.b"
    yield "padded", f"{head}.{claims}.{signature}=="
    yield "another alphabet", f"{head}.{claims}." + signature[:-4] + "+/+/"
    yield "a bit too many", f"{head}.{claims}.{signature[:-1]}" + {"A": "B", "Q": "R", "g": "h", "w": "x"}[signature[-1]]
    yield "DER", f"{head}.{claims}." + b64(forge.key.sign(f"{head}.{claims}".encode(), ec.ECDSA(SHA256())))
    yield "a blank inside", token.replace(".", " .", 1)
    yield "empty", ""
    yield "dots", ".."
    yield "long", "A" * 5000
    for i in range(0, len(token), 37):
        flipped = token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1:]
        yield f"byte {i}", flipped


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    program = tmp_path_factory.mktemp("verify") / "verify"
    subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined",
                    "-fno-sanitize-recover=all", "-o", program, EXAMPLES / "verify.c", "-lcrypto", "-ljansson"],
                   check=True)
    return program


def test_the_c_verifier_takes_what_postern_signs_from_a_file_and_from_a_descriptor(site, real, verifier, forge):
    token, jwks = real
    done = subprocess.run([verifier, jwks, site.portal, "tomcat"], input=token, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sub"] == "owner"
    with open(jwks) as file:
        done = subprocess.run([verifier, f"fd:{file.fileno()}", site.portal, "tomcat"], input=token + "\n", text=True,
                              capture_output=True, pass_fds=[file.fileno()])
    assert done.returncode == 0, done.stderr
    # The forge makes good ones, too: what is refused below is refused for the one thing that is wrong.
    done = subprocess.run([verifier, jwks, site.portal, "tomcat"], input=forge(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([verifier], capture_output=True).returncode == 2
    for missing in ("/nonexistent", "fd:99", "fd:x", os.devnull):
        assert subprocess.run([verifier, missing, site.portal, "tomcat"], input=token, capture_output=True,
                              text=True).returncode == 1


def test_the_c_verifier_refuses_everything_else(site, real, verifier, forge):
    token, jwks = real
    for name, attack in attacks(token, forge):
        done = subprocess.run([verifier, jwks, site.portal, "tomcat"], input=attack, capture_output=True, text=True)
        assert done.returncode == 1 and done.stdout == "" and done.stderr.startswith("verify: "), (name, done)


@pytest.fixture(scope="module")
def tomcat(site, real, tmp_path_factory):
    """A real Tomcat with an application that the filter stands in front of."""
    work = tmp_path_factory.mktemp("filter")
    t = harness.Tomcat.__new__(harness.Tomcat)
    base = work / "tomcat" / "webapps/app/WEB-INF"
    (base / "classes").mkdir(parents=True)
    (work / "Who.java").write_text(WHO)
    subprocess.run(["javac", "-Xlint:all", "-Werror", "-cp", SERVLETS, "-d", base / "classes",
                    EXAMPLES / "PosternFilter.java"], check=True)
    subprocess.run(["javac", "-cp", SERVLETS, "-d", base / "classes", work / "Who.java"], check=True)
    (base / "web.xml").write_text(WEB_XML.format(issuer=site.portal, jwks=real[1]))
    t.__init__(work)
    yield t
    t.close()


def direct(tomcat, *tokens):
    c = http.client.HTTPConnection("127.0.0.1", tomcat.port, timeout=20)
    c.putrequest("GET", "/app/")
    for token in tokens:
        c.putheader("Postern-Assertion", token)
    c.endheaders()
    answer = c.getresponse()
    return answer.status, answer.read().decode("latin-1")


def test_the_servlet_filter_lets_a_real_application_know_who_asks(site, tomcat):
    site.cli("route", "add", "tomcat", tomcat.url, "--allow", "group:owners@local", "--identity", "jwt")
    answer, _ = site.admin.open(site.console_url("tomcat", "/app/"))
    assert answer.status == 200 and answer.text == "owner owner true false POSTERN"
    # A key that it has never seen: the file is read again.
    site.cli("assertion", "rotate")
    (site.dir / "jwks.json").write_text(site.cli("assertion", "jwks", "--json"))
    harness.wait_for(lambda: site.admin.get(site.console_url("tomcat", "/app/")).status == 200, 30, 1)
    site.cli("route", "remove", "tomcat", "--force")


def test_the_servlet_filter_refuses_everything_else(site, tomcat, real, forge):
    token, _ = real
    good = forge()
    assert direct(tomcat, good) == (200, "owner owner true false POSTERN")
    assert direct(tomcat)[0] == 401 and direct(tomcat, good, good)[0] == 401
    for name, attack in attacks(token, forge):
        status, body = direct(tomcat, attack)
        # What is no header value Tomcat itself refuses.
        assert status in (400, 401) and "owner" not in body and "root" not in body, (name, status, body)
