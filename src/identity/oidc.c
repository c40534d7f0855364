#include "identity/oidc.h"

#include <string.h>

#include "base/fault.h"

#define LOGOUT_EVENT "http://schemas.openid.net/event/backchannel-logout"

static struct span text_of(const json_t *v)
{
    return json_is_string(v) ? span_of(json_string_value(v), json_string_length(v)) : SPAN_NONE;
}

static int refuse(const char **why, const char *text)
{
    *why = text;
    return FAULT_DENIED;
}

/* ---- the provider ---- */

static bool lists(const json_t *array, const char *value)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (span_is(text_of(json_array_get(array, i)), value))
            return true;
    return false;
}

int oidc_discovery_read(struct span text, struct span issuer, struct oidc_discovery *ret)
{
    *ret = (struct oidc_discovery){.text = NULL};
    if (text.len > OIDC_DISCOVERY_MAX)
        return FAULT_LIMIT;
    json_t *d = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *methods = json_object_get(d, "token_endpoint_auth_methods_supported");
    *ret = (struct oidc_discovery){
        .text = d,
        .authorization = text_of(json_object_get(d, "authorization_endpoint")),
        .token = text_of(json_object_get(d, "token_endpoint")),
        .keys = text_of(json_object_get(d, "jwks_uri")),
        .says_issuer =
            json_is_true(json_object_get(d, "authorization_response_iss_parameter_supported")),
        /* The default of the document (Discovery section 3). */
        .basic = methods == NULL || lists(methods, "client_secret_basic")};
    int rc = 0;
    if (ret->authorization.len == 0 || ret->token.len == 0 || ret->keys.len == 0)
        rc = FAULT_FORMAT;
    else if (!span_eq(text_of(json_object_get(d, "issuer")), issuer))
        rc = FAULT_DENIED;
    if (rc < 0)
        oidc_discovery_fini(ret);
    return rc;
}

void oidc_discovery_fini(struct oidc_discovery *d)
{
    json_decref(d->text);
    *d = (struct oidc_discovery){.text = NULL};
}

/* ---- what all tokens have in common ---- */

/* A NumericDate (RFC 7519 section 2): 1 and *ret; 0: not there; FAULT_FORMAT. */
static int time_of(const json_t *claims, const char *name, uint64_t *ret)
{
    const json_t *v = json_object_get(claims, name);
    double n = json_number_value(v);
    if (v == NULL)
        return 0;
    if (!json_is_number(v) || !(n >= 0 && n < 1e15))
        return FAULT_FORMAT;
    *ret = (uint64_t)n;
    return 1;
}

static bool is_for(const json_t *claims, struct span client)
{
    const json_t *aud = json_object_get(claims, "aud"), *azp = json_object_get(claims, "azp");
    bool found = span_eq(text_of(aud), client);
    for (size_t i = 0; i < json_array_size(aud); i++)
        found = found || span_eq(text_of(json_array_get(aud, i)), client);
    /* Whoever is not alone has to be named as the one that it was made for. */
    if (json_array_size(aud) > 1 && azp == NULL)
        return false;
    return found && client.len > 0 && (azp == NULL || span_eq(text_of(azp), client));
}

/* Visible ASCII, so that it is one text wherever it is compared or written. */
static bool is_opaque(struct span s, size_t most)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < 0x21 || s.at[i] > 0x7e)
            return false;
    return s.len > 0 && s.len <= most;
}

static int check_times(const json_t *claims, const struct oidc_expected *x, const char **why,
                       uint64_t *forget)
{
    uint64_t exp = 0, iat = 0, nbf = 0;
    int has_exp = time_of(claims, "exp", &exp), has_iat = time_of(claims, "iat", &iat);
    int has_nbf = time_of(claims, "nbf", &nbf);
    if (has_exp != 1 || has_iat != 1 || has_nbf < 0)
        return refuse(why, "times");
    if (exp + OIDC_SKEW <= x->now)
        return refuse(why, "expired");
    if (iat > x->now + OIDC_SKEW || (has_nbf == 1 && nbf > x->now + OIDC_SKEW))
        return refuse(why, "not yet");
    if (iat + OIDC_TOKEN_AGE + OIDC_SKEW < x->now)
        return refuse(why, "old");
    /* It is refused as old before it is forgotten. */
    *forget = iat + OIDC_TOKEN_AGE + 2 * OIDC_SKEW;
    return 0;
}

static int check_common(const struct jwt *t, const struct oidc_expected *x, const char **why,
                        uint64_t *forget)
{
    if (!span_eq(text_of(json_object_get(t->claims, "iss")), x->issuer) || x->issuer.len == 0)
        return refuse(why, "issuer");
    if (!is_for(t->claims, x->client))
        return refuse(why, "audience");
    return check_times(t->claims, x, why, forget);
}

static int read_sid(const json_t *claims, struct span *ret)
{
    const json_t *sid = json_object_get(claims, "sid");
    *ret = text_of(sid);
    return sid == NULL || is_opaque(*ret, OIDC_SID_MAX) ? 0 : FAULT_FORMAT;
}

/* ---- who somebody is ---- */

int oidc_person_read(const struct jwt *t, const struct oidc_expected *x, struct oidc_person *ret,
                     const char **why)
{
    uint64_t forget;
    const json_t *amr = json_object_get(t->claims, "amr");
    *ret = (struct oidc_person){.subject = text_of(json_object_get(t->claims, "sub")),
                                .name = text_of(json_object_get(t->claims, "preferred_username")),
                                .acr = text_of(json_object_get(t->claims, "acr")),
                                .amr = json_is_array(amr) ? amr : NULL};
    /* A token of another kind, signed with the same key, is none of these (RFC 8725 3.11). */
    if (t->typ[0] != 0 && strcmp(t->typ, "jwt") != 0)
        return refuse(why, "type");
    if (json_object_get(t->claims, "events") != NULL)
        return refuse(why, "type");
    int rc = check_common(t, x, why, &forget);
    if (rc < 0)
        return rc;
    if (x->nonce.len == 0 || !span_eq(text_of(json_object_get(t->claims, "nonce")), x->nonce))
        return refuse(why, "nonce");
    if (!is_opaque(ret->subject, OIDC_SUBJECT_MAX))
        return refuse(why, "subject");
    if (read_sid(t->claims, &ret->sid) < 0)
        return refuse(why, "sid");
    int has = time_of(t->claims, "auth_time", &ret->auth_time);
    if (has < 0 || ret->auth_time > x->now + OIDC_SKEW)
        return refuse(why, "auth_time");
    ret->stale = x->max_age > 0 && (has == 0 || ret->auth_time + x->max_age + OIDC_SKEW < x->begun);
    return 0;
}

/* ---- the end ---- */

int oidc_end_read(const struct jwt *t, const struct oidc_expected *x, struct oidc_end *ret,
                  const char **why)
{
    const json_t *events = json_object_get(t->claims, "events");
    const json_t *subject = json_object_get(t->claims, "sub");
    *ret = (struct oidc_end){.subject = text_of(subject),
                             .jti = text_of(json_object_get(t->claims, "jti"))};
    if (t->typ[0] != 0 && strcmp(t->typ, "jwt") != 0 && strcmp(t->typ, "logout+jwt") != 0)
        return refuse(why, "type");
    int rc = check_common(t, x, why, &ret->forget);
    if (rc < 0)
        return rc;
    if (!json_is_object(json_object_get(events, LOGOUT_EVENT)))
        return refuse(why, "events");
    if (json_object_get(t->claims, "nonce") != NULL)
        return refuse(why, "nonce");
    if (!is_opaque(ret->jti, OIDC_SID_MAX))
        return refuse(why, "jti");
    if (read_sid(t->claims, &ret->sid) < 0 ||
        (subject != NULL && !is_opaque(ret->subject, OIDC_SUBJECT_MAX)) ||
        (ret->sid.len == 0 && ret->subject.len == 0))
        return refuse(why, "nobody");
    return 0;
}

/* ---- what else is told ---- */

const json_t *oidc_groups(const struct jwt *t, struct span claim)
{
    char name[129];
    const json_t *at = t->claims;
    struct span part;
    if (claim.len == 0 || claim.len >= sizeof(name))
        return NULL;
    memcpy(name, claim.at, claim.len);
    name[claim.len] = 0;
    const json_t *whole = json_object_get(at, name);
    if (whole != NULL)
        return whole;
    while (span_cut(&claim, '.', &part)) {
        memcpy(name, part.at, part.len);
        name[part.len] = 0;
        at = json_object_get(at, name);
    }
    return at;
}

bool oidc_has(const struct oidc_person *p, bool acr, struct span value)
{
    bool found = acr && p->acr.len > 0 && span_eq(p->acr, value);
    for (size_t i = 0; !acr && i < json_array_size(p->amr); i++)
        found = found || span_eq(text_of(json_array_get(p->amr, i)), value);
    return found;
}
