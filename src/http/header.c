#include "http/header.h"

#include <assert.h>

#include "http/chars.h"

static const struct span names[HEADER_COUNT] = {
    [HEADER_OTHER] = {NULL, 0},
#define HEADER(ID, name) [HEADER_##ID] = {(const uint8_t *)("" name), sizeof(name) - 1},
#include "http/headers.def"
#undef HEADER
};

/* The one header of headers.def that a name of this length and first letter could be; where several
 * share both, a further letter tells them apart. A row of headers.def that is missing here is found
 * by the unit test, which asks for every one of them. */
static enum header_id candidate(struct span n)
{
    uint8_t first = char_lower(n.at[0]);
    switch (n.len) {
    case 2:
        return HEADER_TE;
    case 3:
        return HEADER_VIA;
    case 4:
        return first == 'h' ? HEADER_HOST : first == 'd' ? HEADER_DATE : HEADER_LINK;
    case 6:
        switch (first) {
        case 'c':
            return HEADER_COOKIE;
        case 'e':
            return HEADER_EXPECT;
        case 'a':
            return HEADER_ACCEPT;
        case 'o':
            return HEADER_ORIGIN;
        default:
            return HEADER_SERVER;
        }
    case 7:
        switch (first) {
        case 'u':
            return HEADER_UPGRADE;
        case 't':
            return HEADER_TRAILER;
        default:
            return char_lower(n.at[2]) == 'f' && char_lower(n.at[3]) == 'r' ? HEADER_REFRESH
                                                                            : HEADER_REFERER;
        }
    case 8:
        return HEADER_LOCATION;
    case 9:
        return HEADER_FORWARDED;
    case 10:
        switch (first) {
        case 'c':
            return HEADER_CONNECTION;
        case 's':
            return HEADER_SET_COOKIE;
        case 'u':
            return HEADER_USER_AGENT;
        default:
            return HEADER_KEEP_ALIVE;
        }
    case 11:
        return HEADER_DESTINATION;
    case 12:
        return HEADER_CONTENT_TYPE;
    case 13:
        switch (first) {
        case 'a':
            return HEADER_AUTHORIZATION;
        case 'p':
            return HEADER_POSTERN_TOKEN;
        default:
            return HEADER_CONTENT_RANGE;
        }
    case 14:
        if (first == 'c')
            return HEADER_CONTENT_LENGTH;
        switch (char_lower(n.at[10])) {
        case 's':
            return HEADER_SEC_FETCH_SITE;
        case 'm':
            return HEADER_SEC_FETCH_MODE;
        default:
            return HEADER_SEC_FETCH_DEST;
        }
    case 15:
        return HEADER_X_FORWARDED_FOR;
    case 16:
        switch (first) {
        case 'c':
            return HEADER_CONTENT_LOCATION;
        case 'p':
            return HEADER_PROXY_CONNECTION;
        default:
            return HEADER_X_REQUESTED_WITH;
        }
    case 17:
        return first == 't' ? HEADER_TRANSFER_ENCODING : HEADER_SEC_WEBSOCKET_KEY;
    case 20:
        return HEADER_SEC_WEBSOCKET_ACCEPT;
    case 21:
        return HEADER_SEC_WEBSOCKET_VERSION;
    case 23:
        return HEADER_CONTENT_SECURITY_POLICY;
    case 25:
        return HEADER_STRICT_TRANSPORT_SECURITY;
    case 27:
        return HEADER_ACCESS_CONTROL_ALLOW_ORIGIN;
    case 35:
        return HEADER_CONTENT_SECURITY_POLICY_REPORT_ONLY;
    default:
        return HEADER_OTHER;
    }
}

enum header_id header_find_id(struct span name)
{
    if (name.len == 0)
        return HEADER_OTHER;
    enum header_id id = candidate(name);
    struct span known = names[id];
    if (known.len != name.len)
        return HEADER_OTHER;
    for (size_t i = 0; i < name.len; i++)
        if (chars_token_lower[name.at[i]] != known.at[i])
            return HEADER_OTHER;
    return id;
}

const char *header_id_name(enum header_id id)
{
    assert(id < HEADER_COUNT);
    return id == HEADER_OTHER ? "" : (const char *)names[id].at;
}

const struct header *headers_find(const struct headers *h, enum header_id id)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->at[i].id == id)
            return &h->at[i];
    return NULL;
}

size_t headers_count(const struct headers *h, enum header_id id)
{
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++)
        count += h->at[i].id == id;
    return count;
}

bool header_has_token(struct span value, const char *token)
{
    struct span wanted = span_str(token);
    struct span item;
    while (span_cut(&value, ',', &item))
        if (span_eq_nocase(span_trim(item), wanted))
            return true;
    return false;
}

bool headers_have_token(const struct headers *h, enum header_id id, const char *token)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->at[i].id == id && header_has_token(h->at[i].value, token))
            return true;
    return false;
}
