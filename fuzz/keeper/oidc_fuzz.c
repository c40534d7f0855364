/* What an OpenID provider says. The first byte says which part of it is hostile: the keys, a token
 * with its claims, the document about itself. */
#include <stdlib.h>

#include "base/fault.h"
#include "identity/oidc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void keys(struct span bytes)
{
    struct jwks s;
    int rc = jwks_read(bytes, &s);
    must(rc == 0 || rc == FAULT_FORMAT || rc == FAULT_LIMIT);
    for (size_t i = 0; i < s.count; i++) {
        must(s.key[i].key != NULL && s.key[i].algs != 0);
        for (unsigned a = 0; a < JWT_ALG_COUNT; a++) {
            const struct jwk *k = jwks_find(&s, span_str(s.key[i].kid), (enum jwt_alg)a);
            must(k == NULL || (k->algs & 1u << a) != 0);
        }
    }
    jwks_fini(&s);
}

static void token(struct span bytes)
{
    static const struct oidc_expected X = {.issuer = SPAN("https://op.example"),
                                           .client = SPAN("me"),
                                           .nonce = SPAN("n"),
                                           .now = 1800000000,
                                           .begun = 1799999990,
                                           .max_age = 60};
    struct jwt t;
    struct oidc_person p;
    struct oidc_end e;
    const char *why = NULL;
    int rc = jwt_read(bytes, &t);
    must(rc == 0 || rc == FAULT_FORMAT || rc == FAULT_LIMIT || rc == FAULT_DENIED);
    if (rc < 0)
        return;
    must(json_is_object(t.claims) && jwt_verify(&t, NULL) == FAULT_DENIED);
    int person = oidc_person_read(&t, &X, &p, &why);
    must(person == 0 || why != NULL);
    if (person == 0)
        must(p.subject.len > 0 && p.subject.len <= OIDC_SUBJECT_MAX);
    int end = oidc_end_read(&t, &X, &e, &why);
    must(end == 0 || why != NULL);
    /* No token is both. */
    must(person < 0 || end < 0);
    (void)oidc_groups(&t, SPAN("a.b.c"));
    jwt_fini(&t);
}

static void discovery(struct span bytes)
{
    struct oidc_discovery d;
    if (oidc_discovery_read(bytes, SPAN("https://op.example"), &d) < 0)
        return;
    must(d.authorization.len > 0 && d.token.len > 0 && d.keys.len > 0);
    oidc_discovery_fini(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const PARTS[])(struct span) = {keys, token, discovery};
    if (size > 0)
        PARTS[data[0] % 3](span_of(data + 1, size - 1));
    return 0;
}
