#include "signer/certverify.h"

#define PAD_LEN 64u
#define SHA256_LEN 32u
#define SHA384_LEN 48u

/* The terminating zero of the literal is the separator byte of the RFC. */
static const uint8_t CONTEXT[] = "TLS 1.3, server CertificateVerify";
static const uint8_t CLIENT_CONTEXT[] = "TLS 1.3, client CertificateVerify";
_Static_assert(sizeof(CONTEXT) == sizeof(CLIENT_CONTEXT), "both are as long");
#define HEAD_LEN (PAD_LEN + sizeof(CONTEXT))

const struct scheme SCHEMES[SCHEME_COUNT] = {
    {0x0403, KEY_P256, "ecdsa_secp256r1_sha256", "SHA256", false, false},
    {0x0503, KEY_P384, "ecdsa_secp384r1_sha384", "SHA384", false, false},
    {0x0804, KEY_RSA, "rsa_pss_rsae_sha256", "SHA256", true, false},
    {0x0805, KEY_RSA, "rsa_pss_rsae_sha384", "SHA384", true, false},
    {0x0806, KEY_RSA, "rsa_pss_rsae_sha512", "SHA512", true, false},
    {0x0807, KEY_ED25519, "ed25519", NULL, false, false},
    {0x0403, KEY_P384, "ecdsa_sha256", "SHA256", false, true},
    {0x0503, KEY_P256, "ecdsa_sha384", "SHA384", false, true},
    {0x0401, KEY_RSA, "rsa_pkcs1_sha256", "SHA256", false, true},
    {0x0501, KEY_RSA, "rsa_pkcs1_sha384", "SHA384", false, true},
    {0x0601, KEY_RSA, "rsa_pkcs1_sha512", "SHA512", false, true},
};

/* TLS Supported Groups that an edge offers, and the length of a point of each (RFC 8422
 * section 5.4, RFC 7748): only uncompressed points of P-256. */
static const struct {
    uint16_t group;
    uint8_t point;
} GROUPS[] = {{0x001d, 32}, {0x0017, 65}};
#define RANDOMS_LEN 64u
#define NAMED_CURVE 3u
#define UNCOMPRESSED 4u

const char *key_kind_name(enum key_kind kind)
{
    static const char *const NAMES[] = {"none", "ecdsa-p256", "ecdsa-p384", "rsa", "ed25519"};
    return (size_t)kind < countof(NAMES) ? NAMES[kind] : "unknown";
}

const char *certverify_verdict_name(enum certverify_verdict verdict)
{
    static const char *const NAMES[] = {"sign", "scheme", "key", "shape", "tls12"};
    return (size_t)verdict < countof(NAMES) ? NAMES[verdict] : "unknown";
}

static bool has_shape(struct span tbs, const uint8_t *context)
{
    /* The hash belongs to the cipher suite, not to the scheme: both lengths go with every key. */
    if (tbs.len != HEAD_LEN + SHA256_LEN && tbs.len != HEAD_LEN + SHA384_LEN)
        return false;
    for (size_t i = 0; i < PAD_LEN; i++)
        if (tbs.at[i] != 0x20)
            return false;
    return memcmp(tbs.at + PAD_LEN, context, sizeof(CONTEXT)) == 0;
}

bool certverify_shape(struct span tbs)
{
    return has_shape(tbs, CONTEXT);
}

bool certverify_shape_client(struct span tbs)
{
    return has_shape(tbs, CLIENT_CONTEXT);
}

bool certverify_shape12(struct span tbs)
{
    struct span params = span_sub(tbs, RANDOMS_LEN, SIZE_MAX);
    if (tbs.len < RANDOMS_LEN + 5 || params.at[0] != NAMED_CURVE)
        return false;
    for (size_t i = 0; i < countof(GROUPS); i++)
        if (params.at[1] == GROUPS[i].group >> 8 && params.at[2] == (GROUPS[i].group & 0xff))
            return params.at[3] == GROUPS[i].point && params.len == 4u + GROUPS[i].point &&
                   (GROUPS[i].point % 2 == 0 || params.at[4] == UNCOMPRESSED);
    return false;
}

static const struct scheme *find_scheme(enum key_kind kind, uint16_t scheme, bool shape12)
{
    for (size_t i = 0; i < countof(SCHEMES); i++)
        if (SCHEMES[i].number == scheme && SCHEMES[i].kind == kind &&
            (shape12 || !SCHEMES[i].tls12_only))
            return &SCHEMES[i];
    return NULL;
}

static bool is_known(uint16_t scheme, bool shape12)
{
    bool known = false;
    for (size_t i = 0; i < countof(SCHEMES); i++)
        known |= SCHEMES[i].number == scheme && (shape12 || !SCHEMES[i].tls12_only);
    return known;
}

enum certverify_verdict certverify_decide(enum key_kind kind, uint16_t scheme, struct span tbs,
                                          bool tls12, const struct scheme **ret)
{
    bool shape12 = certverify_shape12(tbs);
    if (!is_known(scheme, shape12))
        return CERTVERIFY_SCHEME;
    const struct scheme *row = find_scheme(kind, scheme, shape12);
    if (row == NULL)
        return CERTVERIFY_KEY;
    if (shape12 && !tls12)
        return CERTVERIFY_OFF;
    if (!shape12 && !certverify_shape(tbs))
        return CERTVERIFY_SHAPE;
    *ret = row;
    return CERTVERIFY_SIGN;
}

enum certverify_verdict certverify_decide_client(enum key_kind kind, uint16_t scheme,
                                                 struct span tbs, const struct scheme **ret)
{
    if (!is_known(scheme, false))
        return CERTVERIFY_SCHEME;
    const struct scheme *row = find_scheme(kind, scheme, false);
    if (row == NULL)
        return CERTVERIFY_KEY;
    if (!certverify_shape_client(tbs))
        return CERTVERIFY_SHAPE;
    *ret = row;
    return CERTVERIFY_SIGN;
}
