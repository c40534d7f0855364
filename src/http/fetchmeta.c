#include "http/fetchmeta.h"

#include <assert.h>

static bool value_is(const struct headers *h, enum header_id id, const char *text)
{
    const struct header *found = headers_find(h, id);
    return found != NULL && span_is(found->value, text);
}

/* The one origin that a page of this authority has. Browsers write scheme and host in lower case;
 * so is the authority. */
static bool origin_matches(struct span origin, struct span authority)
{
    struct span scheme = SPAN("https://");
    return span_starts(origin, scheme) &&
           span_eq(span_sub(origin, scheme.len, SIZE_MAX), authority);
}

enum fetchmeta fetchmeta_judge(const struct request *r)
{
    const struct headers *h = &r->headers;
    const struct header *origin = headers_find(h, HEADER_ORIGIN);
    bool same = origin != NULL && origin_matches(origin->value, r->authority);
    /* SameSite and CORS do not hold WebSockets back. Every browser sends Origin with them, so it
     * must be there and be this one, whatever else is said (RFC 6455 section 10.2). */
    if (r->upgrade_websocket)
        return same ? FETCHMETA_SAME_ORIGIN : FETCHMETA_REFUSED;
    if (same || value_is(h, HEADER_SEC_FETCH_SITE, "same-origin"))
        return FETCHMETA_SAME_ORIGIN;
    if (value_is(h, HEADER_SEC_FETCH_SITE, "none"))
        return FETCHMETA_USER;
    /* "document" is the top level; frames say "iframe". */
    if ((span_is(r->method, "GET") || span_is(r->method, "HEAD")) &&
        value_is(h, HEADER_SEC_FETCH_MODE, "navigate") &&
        value_is(h, HEADER_SEC_FETCH_DEST, "document"))
        return FETCHMETA_NAVIGATION;
    return FETCHMETA_REFUSED;
}

bool fetchmeta_foreign_socket(const struct request *r)
{
    const struct header *origin = headers_find(&r->headers, HEADER_ORIGIN);
    return r->upgrade_websocket && origin != NULL && !origin_matches(origin->value, r->authority);
}

const char *fetchmeta_name(enum fetchmeta f)
{
    static const char *const names[] = {
        [FETCHMETA_SAME_ORIGIN] = "same-origin",
        [FETCHMETA_USER] = "user",
        [FETCHMETA_NAVIGATION] = "navigation",
        [FETCHMETA_REFUSED] = "refused",
    };
    assert((size_t)f < sizeof(names) / sizeof(names[0]));
    return names[f];
}
