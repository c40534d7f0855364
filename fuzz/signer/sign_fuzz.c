/* A packet of an edge, up to the decision what to sign.
 *
 * The invariant: whatever is accepted has, byte for byte, the shape of a TLS 1.3 server
 * CertificateVerify, and a scheme of the allowlist that fits the key. It is written here once more,
 * in other words than the code under test uses. The first byte chooses the kind of key, the rest is
 * the payload of a `sign` message. */
#include <stdlib.h>

#include "ipc/message.h"
#include "signer/certverify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool fact)
{
    if (!fact)
        abort();
}

static void check_accepted(enum key_kind kind, const struct msg_sign *m, const struct scheme *s)
{
    static const struct {
        enum key_kind kind;
        uint16_t scheme;
    } FITS[] = {{KEY_P256, 0x0403}, {KEY_P384, 0x0503}, {KEY_RSA, 0x0804},
                {KEY_RSA, 0x0805},  {KEY_RSA, 0x0806},  {KEY_ED25519, 0x0807}};
    bool fits = false;
    for (size_t i = 0; i < countof(FITS); i++)
        fits = fits || (FITS[i].kind == kind && FITS[i].scheme == m->scheme);
    insist(fits && s->number == m->scheme && s->kind == kind);
    insist(m->tbs.len == 130 || m->tbs.len == 146);
    struct span rest = m->tbs;
    size_t spaces = 0;
    while (rest.len > 0 && rest.at[0] == ' ') {
        rest = span_sub(rest, 1, SIZE_MAX);
        spaces++;
    }
    insist(spaces == 64);
    insist(span_starts(rest, SPAN("TLS 1.3, server CertificateVerify\0")));
    insist(rest.len - 34 == 32 || rest.len - 34 == 48);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msg_sign m;
    const struct scheme *scheme = NULL;
    if (size == 0)
        return 0;
    enum key_kind kind = (enum key_kind)(data[0] % (KEY_ED25519 + 1));
    if (msg_sign_decode(span_of(data + 1, size - 1), &m) < 0)
        return 0;
    if (certverify_decide(kind, m.scheme, m.tbs, &scheme) == CERTVERIFY_SIGN)
        check_accepted(kind, &m, scheme);
    else
        insist(scheme == NULL);
    return 0;
}
