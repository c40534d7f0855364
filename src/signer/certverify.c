#include "signer/certverify.h"

#define PAD_LEN 64u
#define SHA256_LEN 32u
#define SHA384_LEN 48u

/* The terminating zero of the literal is the separator byte of the RFC. */
static const uint8_t CONTEXT[] = "TLS 1.3, server CertificateVerify";
#define HEAD_LEN (PAD_LEN + sizeof(CONTEXT))

const struct scheme SCHEMES[SCHEME_COUNT] = {
    {0x0403, KEY_P256, "ecdsa_secp256r1_sha256", "SHA256", false},
    {0x0503, KEY_P384, "ecdsa_secp384r1_sha384", "SHA384", false},
    {0x0804, KEY_RSA, "rsa_pss_rsae_sha256", "SHA256", true},
    {0x0805, KEY_RSA, "rsa_pss_rsae_sha384", "SHA384", true},
    {0x0806, KEY_RSA, "rsa_pss_rsae_sha512", "SHA512", true},
    {0x0807, KEY_ED25519, "ed25519", NULL, false},
};

const char *key_kind_name(enum key_kind kind)
{
    static const char *const NAMES[] = {"none", "ecdsa-p256", "ecdsa-p384", "rsa", "ed25519"};
    return (size_t)kind < countof(NAMES) ? NAMES[kind] : "unknown";
}

const char *certverify_verdict_name(enum certverify_verdict verdict)
{
    static const char *const NAMES[] = {"sign", "scheme", "key", "shape"};
    return (size_t)verdict < countof(NAMES) ? NAMES[verdict] : "unknown";
}

bool certverify_shape(struct span tbs)
{
    /* The hash belongs to the cipher suite, not to the scheme: both lengths go with every key. */
    if (tbs.len != HEAD_LEN + SHA256_LEN && tbs.len != HEAD_LEN + SHA384_LEN)
        return false;
    for (size_t i = 0; i < PAD_LEN; i++)
        if (tbs.at[i] != 0x20)
            return false;
    return memcmp(tbs.at + PAD_LEN, CONTEXT, sizeof(CONTEXT)) == 0;
}

enum certverify_verdict certverify_decide(enum key_kind kind, uint16_t scheme, struct span tbs,
                                          const struct scheme **ret)
{
    const struct scheme *row = NULL;
    for (size_t i = 0; i < countof(SCHEMES); i++)
        if (SCHEMES[i].number == scheme)
            row = &SCHEMES[i];
    if (row == NULL)
        return CERTVERIFY_SCHEME;
    if (row->kind != kind)
        return CERTVERIFY_KEY;
    if (!certverify_shape(tbs))
        return CERTVERIFY_SHAPE;
    *ret = row;
    return CERTVERIFY_SIGN;
}
