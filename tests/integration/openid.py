"""An OpenID provider that lies as a test wants it to."""
import base64
import hashlib
import json
import secrets
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from web import Web

EVENT = "http://schemas.openid.net/event/backchannel-logout"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value):
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


class Key:
    def __init__(self, kid, kind="ES256"):
        self.kid, self.kind = kid, kind
        self.private = ec.generate_private_key(ec.SECP256R1()) if kind == "ES256" else rsa.generate_private_key(65537, 2048)

    @property
    def jwk(self):
        n = self.private.public_key().public_numbers()
        if self.kind == "ES256":
            return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": b64(n.x.to_bytes(32, "big")),
                    "y": b64(n.y.to_bytes(32, "big"))}
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "n": b64(n.n.to_bytes(256, "big")), "e": "AQAB"}

    def sign(self, text):
        if self.kind == "ES256":
            r, s = decode_dss_signature(self.private.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(text, padding.PKCS1v15(), hashes.SHA256())

    def token(self, claims, header=(), signer=None):
        head = {"alg": self.kind, "kid": self.kid, **dict(header)}
        head = {k: v for k, v in head.items() if v is not None}
        text = f"{part(head)}.{part(claims)}".encode()
        return f"{text.decode()}.{b64((signer or self.sign)(text))}"

    def shared_secret(self, text):
        """The classic one: the public key as the secret of HS256."""
        from cryptography.hazmat.primitives import serialization
        h = hmac.HMAC(self.private.public_key().public_bytes(serialization.Encoding.PEM,
                                                             serialization.PublicFormat.SubjectPublicKeyInfo), hashes.SHA256())
        h.update(text)
        return h.finalize()


class Provider(Web):
    """Whoever comes to its authorization endpoint is `who`. Knobs are attributes; each is read at every request."""

    def __init__(self, pair):
        self.key = Key("one")
        self.keys = [self.key]
        self.client, self.secret = "postern", "client secret/+"
        self.who = {"sub": "subject-1", "preferred_username": "ann"}
        self.claims = {}       # in place of those of the identity token; None: left out
        self.header = {}
        self.signer = None
        self.document = {}     # the same for the discovery document
        self.codes = {}
        self.override = {}     # path: what Web's answer may be
        self.says_iss = True
        super().__init__(pair, self._answer)

    def discovery(self):
        d = {"issuer": self.url, "authorization_endpoint": self.url + "/auth?x=1", "token_endpoint": self.url + "/token",
             "jwks_uri": self.url + "/keys", "authorization_response_iss_parameter_supported": self.says_iss,
             **self.document}
        return {k: v for k, v in d.items() if v is not None}

    def asked(self, path):
        return sum(r[1].split("?")[0] == path for r in self.requests)

    def visit(self, url):
        """What the provider does with a browser that comes: the address that it is sent back to."""
        assert url.startswith(self.url + "/auth?x=1&"), url
        q = {k: v[0] for k, v in urllib.parse.parse_qs(url.split("?", 1)[1]).items()}
        code = secrets.token_urlsafe(16)
        self.codes[code] = q
        self.seen = q
        back = {"code": code, "state": q["state"]}
        if self.says_iss:
            back["iss"] = self.url
        return q["redirect_uri"] + "?" + urllib.parse.urlencode(back)

    def identity_token(self, q):
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.client, "iat": now, "exp": now + 300, "nonce": q["nonce"], "sid": "sid-1",
                  "auth_time": now - 5, **self.who, **self.claims}
        return self.key.token({k: v for k, v in claims.items() if v is not None}, self.header, self.signer)

    def logout_token(self, key=None, header=(("typ", "logout+jwt"),), **claims):
        now = int(time.time())
        all_ = {"iss": self.url, "aud": self.client, "iat": now, "exp": now + 120, "jti": secrets.token_urlsafe(8),
                "events": {EVENT: {}}, "sub": self.who["sub"], **claims}
        return (key or self.key).token({k: v for k, v in all_.items() if v is not None}, header)

    def _answer(self, request):
        method, target, headers, body = request
        path = target.split("?")[0]
        if path in self.override:
            answer = self.override[path]
            return answer(request) if callable(answer) else answer
        if path == "/.well-known/openid-configuration":
            return 200, "application/json", self.discovery()
        if path == "/keys":
            return 200, "application/jwk-set+json", {"keys": [k.jwk for k in self.keys]}
        if path == "/token":
            return self._token(headers, body)
        return 404, "text/plain", b"no"

    def _token(self, headers, body):
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body.decode()).items()}
        pair = ":".join(urllib.parse.quote(t, safe="") for t in (self.client, self.secret))
        if headers.get("authorization") != "Basic " + base64.b64encode(pair.encode()).decode():
            return 401, "application/json", {"error": "invalid_client"}
        q = self.codes.pop(form.get("code", ""), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if q is None or q["code_challenge"] != challenge or q["redirect_uri"] != form["redirect_uri"]:
            return 400, "application/json", {"error": "invalid_grant"}
        return 200, "application/json", {"access_token": "x", "token_type": "Bearer", "id_token": self.identity_token(q)}
