/* A packet of an edge, up to the decision what to sign.
 *
 * The invariant: whatever is accepted has, byte for byte, the shape of a TLS 1.3 server
 * CertificateVerify or, where TLS 1.2 is configured, of its ServerKeyExchange, and a scheme of the
 * allowlist that fits the key and the version. It is written here once more, in other words than
 * the code under test uses. The first byte chooses the kind of key and whether TLS 1.2 is on, the
 * rest is the payload of a `sign` message. */
#include <stdlib.h>

#include "ipc/message.h"
#include "signer/certverify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool fact)
{
    if (!fact)
        abort();
}

struct fit {
    enum key_kind kind;
    uint16_t scheme;
};

static bool is_in(const struct fit *fits, size_t count, enum key_kind kind, uint16_t scheme)
{
    bool in = false;
    for (size_t i = 0; i < count; i++)
        in = in || (fits[i].kind == kind && fits[i].scheme == scheme);
    return in;
}

static void check_certificate_verify(struct span tbs)
{
    struct span rest = tbs;
    size_t spaces = 0;
    insist(tbs.len == 130 || tbs.len == 146);
    while (rest.len > 0 && rest.at[0] == ' ') {
        rest = span_sub(rest, 1, SIZE_MAX);
        spaces++;
    }
    insist(spaces == 64);
    insist(span_starts(rest, SPAN("TLS 1.3, server CertificateVerify\0")));
    insist(rest.len - 34 == 32 || rest.len - 34 == 48);
}

static void check_key_exchange(struct span tbs)
{
    struct span rest = span_sub(tbs, 64, SIZE_MAX);
    insist(tbs.len == 100 || tbs.len == 133);
    insist(span_starts(rest, tbs.len == 100 ? SPAN("\3\0\x1d\x20") : SPAN("\3\0\x17\x41\4")));
}

static void check_accepted(enum key_kind kind, const struct msg_sign *m, bool tls12,
                           const struct scheme *s)
{
    static const struct fit ALWAYS[] = {{KEY_P256, 0x0403}, {KEY_P384, 0x0503},
                                        {KEY_RSA, 0x0804},  {KEY_RSA, 0x0805},
                                        {KEY_RSA, 0x0806},  {KEY_ED25519, 0x0807}};
    static const struct fit OLD[] = {{KEY_P384, 0x0403},
                                     {KEY_P256, 0x0503},
                                     {KEY_RSA, 0x0401},
                                     {KEY_RSA, 0x0501},
                                     {KEY_RSA, 0x0601}};
    bool old = m->tbs.len == 100 || m->tbs.len == 133;
    insist(s->number == m->scheme && s->kind == kind);
    insist(is_in(ALWAYS, countof(ALWAYS), kind, m->scheme) ||
           (old && is_in(OLD, countof(OLD), kind, m->scheme)));
    insist(tls12 || !old);
    if (old)
        check_key_exchange(m->tbs);
    else
        check_certificate_verify(m->tbs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msg_sign m;
    const struct scheme *scheme = NULL;
    if (size == 0)
        return 0;
    enum key_kind kind = (enum key_kind)(data[0] % 16 % (KEY_ED25519 + 1));
    bool tls12 = data[0] >= 128;
    if (msg_sign_decode(span_of(data + 1, size - 1), &m) < 0)
        return 0;
    if (certverify_decide(kind, m.scheme, m.tbs, tls12, &scheme) == CERTVERIFY_SIGN)
        check_accepted(kind, &m, tls12, scheme);
    else
        insist(scheme == NULL);
    return 0;
}
