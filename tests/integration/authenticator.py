"""An authenticator in software: what a browser and a security key make of a challenge, right or wrong in every part."""
import base64
import hashlib
import json
import os
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
ES256, EDDSA, RS256 = -7, -8, -257


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value):
    """Definite lengths, shortest heads, sorted keys: what CTAP2 calls canonical, for the few types that occur."""
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        for info, form, limit in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32)):
            if n < limit:
                return bytes([major << 5 | info]) + struct.pack(form, n)
        raise ValueError(n)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, (list, tuple)):
        return head(4, len(value)) + b"".join(map(cbor, value))
    pairs = sorted(((cbor(k), cbor(v)) for k, v in value.items()), key=lambda p: (p[0][0] >> 5, len(p[0]), p[0]))
    return head(5, len(value)) + b"".join(k + v for k, v in pairs)


class Authenticator:
    """One key. `flags` and `count` are what it says of itself and its user."""

    def __init__(self, alg=ES256, flags=UP | UV, id=None):
        self.alg, self.flags, self.count = alg, flags, 0
        self.id = os.urandom(32) if id is None else id
        self.handle = None
        self.maker = None  # root, certificate and key of who attests it
        self.key = {ES256: lambda: ec.generate_private_key(ec.SECP256R1()),
                    EDDSA: ed25519.Ed25519PrivateKey.generate,
                    RS256: lambda: rsa.generate_private_key(65537, 2048)}[alg]()

    def cose(self):
        public = self.key.public_key()
        if self.alg == EDDSA:
            return {1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes(Encoding.Raw, PublicFormat.Raw)}
        n = public.public_numbers()
        if self.alg == ES256:
            return {1: 2, 3: ES256, -1: 1, -2: n.x.to_bytes(32, "big"), -3: n.y.to_bytes(32, "big")}
        return {1: 3, 3: RS256, -1: n.n.to_bytes(256, "big"), -2: n.e.to_bytes(3, "big")}

    def sign(self, data):
        if self.alg == EDDSA:
            return self.key.sign(data)
        if self.alg == ES256:
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    @staticmethod
    def client(kind, challenge, origin, **more):
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False,
                           **more}).encode()

    def data(self, site, extra=b"", flags=0):
        return (hashlib.sha256(site.encode()).digest() + bytes([self.flags | flags]) +
                struct.pack(">I", self.count) + extra)

    def attested(self, site):
        return self.data(site, bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor(self.cose()), AT)

    def create(self, options, portal, **wrong):
        """The answer to navigator.credentials.create() as the portal's script sends it."""
        client = self.client(wrong.pop("type", "webauthn.create"), wrong.pop("challenge", options["challenge"]),
                             wrong.pop("origin", portal), **wrong.pop("more", {}))
        data = self.attested(wrong.pop("site", options["rp"]["id"]))
        statement = {}
        fmt = wrong.pop("fmt", "none")
        if fmt == "packed":
            statement = {"alg": self.alg, "sig": self.sign(data + hashlib.sha256(client).digest())}
            if self.maker:
                _, certificate, key = self.maker
                statement = {"alg": ES256, "x5c": [certificate.public_bytes(Encoding.DER)],
                             "sig": key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))}
        statement.update(wrong.pop("statement", {}))
        assert not wrong
        self.handle = options["user"]["id"]
        return {"id": b64(self.id), "client": b64(client),
                "object": b64(cbor({"fmt": fmt, "attStmt": statement, "authData": data}))}

    def get(self, options, portal, **wrong):
        """The answer to navigator.credentials.get()."""
        client = self.client(wrong.pop("type", "webauthn.get"), wrong.pop("challenge", options["challenge"]),
                             wrong.pop("origin", portal), **wrong.pop("more", {}))
        data = self.data(wrong.pop("site", options["rpId"]), wrong.pop("tail", b""))
        handle = wrong.pop("handle", self.handle)
        answer = {"id": b64(wrong.pop("id", self.id)), "client": b64(client), "data": b64(data),
                  "signature": b64(self.sign(data + hashlib.sha256(client).digest()))}
        assert not wrong
        if handle is not None:
            answer["handle"] = handle
        return answer


class Browser:
    """What the portal's script does, for one person."""

    def __init__(self, site, person):
        self.site, self.person, self.origin = site, person, site.portal

    def ask(self, path, body, method="POST"):
        text = b"" if body is None else json.dumps(body).encode()
        return self.person.request(method, self.site.portal + path, body=text, navigate=False,
                                   headers=[("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin")])

    def options(self, path, **body):
        answer = self.ask(path + "/options", body)
        assert answer.status == 200, answer.text
        return answer.json()

    def add(self, key, name, **wrong):
        return self.ask("/account/passkeys", {"name": name, **key.create(self.options("/account/passkeys"), self.origin, **wrong)})

    def prove(self, key, user=None, back=None, **wrong):
        body = {k: v for k, v in (("user", user), ("back", back)) if v}
        key.count += 1
        return self.ask("/signin/passkey", key.get(self.options("/signin/passkey", **body), self.origin, **wrong))
