/* What the signer agrees to sign: the to-be-signed form of a TLS 1.3 server CertificateVerify
 * (RFC 8446 section 4.4.3) or, where a listener takes TLS 1.2, of a TLS 1.2 ServerKeyExchange
 * (RFC 8422 section 5.4), with a scheme that belongs to the key.
 *
 * A taken-over edge may ask for anything; this decision is all that stands between it and a general
 * signing oracle. It is pure: no key, no I/O, bytes in and a verdict out. */
#ifndef SIGNER_CERTVERIFY_H
#define SIGNER_CERTVERIFY_H

#include "base/macros.h"
#include "base/span.h"

enum key_kind { KEY_NONE, KEY_P256, KEY_P384, KEY_RSA, KEY_ED25519 };

const char *key_kind_name(enum key_kind kind);

/* A row of the allowlist of TLS SignatureSchemes (RFC 8446 section 4.2.3). Before TLS 1.3 the curve
 * of an ECDSA key and the hash were independent, and RSA keys signed with PKCS #1 v1.5. */
struct scheme {
    uint16_t number;
    enum key_kind kind;
    const char *name;
    const char *digest; /* NULL: the algorithm hashes by itself */
    bool pss;           /* RSASSA-PSS, salt as long as the digest */
    bool tls12_only;
};

#define SCHEME_COUNT 11
extern const struct scheme SCHEMES[SCHEME_COUNT];

/* Why a request is refused; also the word in the log. */
enum certverify_verdict {
    CERTVERIFY_SIGN,
    CERTVERIFY_SCHEME, /* not in the allowlist */
    CERTVERIFY_KEY,    /* the scheme does not fit the key */
    CERTVERIFY_SHAPE,  /* not the bytes of a server's handshake */
    CERTVERIFY_OFF,    /* those of TLS 1.2, which no listener takes */
};

const char *certverify_verdict_name(enum certverify_verdict verdict);

/* 64 spaces, the context string of the server, a zero byte, and a transcript hash of SHA-256 or
 * SHA-384: exactly that, and nothing before or after it. */
bool certverify_shape(struct span tbs);

/* The same with the context string of the client. */
bool certverify_shape_client(struct span tbs);

/* Two randoms of 32 bytes, then ECParameters of one of our named groups and a point that is exactly
 * as long as the group's. Random bytes cannot be told from others, which is why this form is open
 * only where it is configured; it can never be taken for the other one, whose 65th byte is 'T'. */
bool certverify_shape12(struct span tbs);

/* The whole decision. tls12: is TLS 1.2 configured? *ret is the row to sign with, and is written
 * only with CERTVERIFY_SIGN. */
must_check enum certverify_verdict certverify_decide(enum key_kind kind, uint16_t scheme,
                                                     struct span tbs, bool tls12,
                                                     const struct scheme **ret);

/* The same for a key that belongs to a client's pair: TLS 1.3 only, because what a client signs in
 * TLS 1.2 has no form that could be told from other bytes. */
must_check enum certverify_verdict certverify_decide_client(enum key_kind kind, uint16_t scheme,
                                                            struct span tbs,
                                                            const struct scheme **ret);

#endif
