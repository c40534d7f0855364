#include "edge/credential.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "http/cookie.h"

static const struct {
    const char *stem;
    const char *same_site;
    unsigned max_age; /* 0: as long as the browser runs */
} COOKIES[] = {
    [COOKIE_SSO] = {COOKIE_OWN_PREFIX "sso-", "Lax", 0},
    [COOKIE_CONSOLE] = {COOKIE_OWN_PREFIX "console-", "Strict", 0},
    [COOKIE_CHILD] = {COOKIE_OWN_PREFIX, "Lax", 0},
    [COOKIE_FLOW] = {COOKIE_OWN_PREFIX "flow-", "Lax", 600},
    [COOKIE_SIGNIN] = {COOKIE_OWN_PREFIX "signin-", "Lax", 600},
    [COOKIE_CIRCLE] = {COOKIE_OWN_PREFIX "circle-", "Lax", 10},
};

/* By hand: every request asks for a name, and snprintf would be the dearest part of the gate. */
void cookie_name(enum cookie_name which, uint16_t port, char out[COOKIE_NAME_SIZE])
{
    char digits[5];
    size_t count = 0, len = strlen(COOKIES[which].stem);
    do
        digits[count++] = (char)('0' + port % 10);
    while ((port = (uint16_t)(port / 10)) != 0);
    memcpy(out, COOKIES[which].stem, len);
    while (count > 0)
        out[len++] = digits[--count];
    out[len] = 0;
}

int cookie_own(const struct headers *h, enum cookie_name which, uint16_t port, struct span *ret)
{
    char name[COOKIE_NAME_SIZE];
    struct span value;
    cookie_name(which, port, name);
    int rc = cookie_find(h, span_str(name), &value);
    if (rc < 0)
        return rc;
    if (value.len == 0)
        return FAULT_ABSENT;
    *ret = value;
    return 0;
}

struct span cookie_set(struct arena *a, enum cookie_name which, uint16_t port, struct span value)
{
    char name[COOKIE_NAME_SIZE];
    char age[32] = "";
    cookie_name(which, port, name);
    if (value.len == 0)
        (void)snprintf(age, sizeof(age), "; Max-Age=0");
    else if (COOKIES[which].max_age != 0)
        (void)snprintf(age, sizeof(age), "; Max-Age=%u", COOKIES[which].max_age);
    const char *text = arena_printf(a, "%s=%.*s; Path=/; Secure; HttpOnly; SameSite=%s%s", name,
                                    SPAN_FMT(value), COOKIES[which].same_site, age);
    return span_str(text);
}

bool credential_is_opaque(struct span text)
{
    uint8_t bytes[32];
    bool good = text.len == CREDENTIAL_LEN &&
                text_unb64url(text, bytes, sizeof(bytes)) == (int)sizeof(bytes);
    secret_wipe(bytes, sizeof(bytes));
    return good;
}

static bool is_token(struct span text)
{
    struct span prefix = SPAN(CREDENTIAL_TOKEN_PREFIX);
    return span_starts(text, prefix) && credential_is_opaque(span_sub(text, prefix.len, SIZE_MAX));
}

/* "Bearer pst_…" (RFC 6750 section 2.1): the part behind the scheme. */
static bool is_own_bearer(struct span value, struct span *token)
{
    struct span scheme = SPAN("bearer ");
    if (!span_starts_nocase(value, scheme))
        return false;
    *token = span_trim(span_sub(value, scheme.len, SIZE_MAX));
    return span_starts_nocase(*token, SPAN(CREDENTIAL_TOKEN_PREFIX));
}

int credential_find(const struct headers *h, enum credential_kind cookie, uint16_t port,
                    struct credential *ret)
{
    struct credential found = {.kind = CREDENTIAL_NONE};
    size_t count = 0;
    bool own_bearer = false;
    for (size_t i = 0; i < h->count; i++) {
        const struct header *header = &h->at[i];
        struct span token = header->value;
        bool bearer = header->id == HEADER_AUTHORIZATION && is_own_bearer(header->value, &token);
        if (!bearer && header->id != HEADER_POSTERN_TOKEN)
            continue;
        own_bearer |= bearer;
        count++;
        found = (struct credential){.kind = CREDENTIAL_TOKEN,
                                    .token = token,
                                    .shaped = is_token(token),
                                    .in_authorization = bearer};
    }
    /* Two Authorization headers, one of them ours: what the console would make of the other when
     * this one is taken away is anybody's guess. */
    if (own_bearer && headers_count(h, HEADER_AUTHORIZATION) > 1)
        count++;
    struct span value;
    enum cookie_name name = cookie == CREDENTIAL_CHILD ? COOKIE_CHILD
                            : cookie == CREDENTIAL_SSO ? COOKIE_SSO
                                                       : COOKIE_CONSOLE;
    int rc = cookie_own(h, name, port, &value);
    if (rc == 0) {
        count++;
        found = (struct credential){
            .kind = cookie, .token = value, .shaped = credential_is_opaque(value)};
    }
    if ((rc < 0 && rc != FAULT_ABSENT) || count > 1)
        return FAULT_CONFLICT;
    *ret = found;
    return 0;
}
