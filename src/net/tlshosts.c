#include "net/tlshosts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/fault.h"
#include "base/map.h"

struct tlshosts {
    struct map exact, wild; /* name → tlshost; of a wildcard, from its dot on */
};

struct tlshosts *tlshosts_new(void)
{
    struct tlshosts *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return NULL;
    map_init(&h->exact, TLSHOSTS_MAX);
    map_init(&h->wild, TLSHOSTS_MAX);
    return h;
}

void tlshosts_free(struct tlshosts *h)
{
    if (h == NULL)
        return;
    size_t at = 0;
    for (struct tlshost *host; (host = tlshosts_next(h, &at)) != NULL;)
        free(host);
    map_fini(&h->exact);
    map_fini(&h->wild);
    free(h);
}

/* Lower case into out; 0 when it is no host name. */
static size_t fold(struct span name, char out[TLSHOSTS_NAME_MAX])
{
    if (name.len == 0 || name.len > TLSHOSTS_NAME_MAX)
        return 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c + ('a' - 'A'));
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        bool dot = c == '.' && i > 0 && i + 1 < name.len && name.at[i - 1] != '.';
        if (!plain && !dot)
            return 0;
        out[i] = (char)c;
    }
    return name.len;
}

static int add(struct map *m, struct span name, unsigned pair)
{
    struct tlshost *host = map_find(m, name);
    if (host == NULL) {
        host = calloc(1, sizeof(*host) + name.len);
        if (host == NULL)
            return -ENOMEM;
        host->len = name.len;
        memcpy(host->name, name.at, name.len);
        int rc = map_put(m, span_of(host->name, host->len), host);
        if (rc < 0) {
            free(host);
            return rc;
        }
    }
    host->pairs |= (uint64_t)1 << pair;
    return 0;
}

int tlshosts_add(struct tlshosts *h, struct span name, unsigned pair)
{
    char text[TLSHOSTS_NAME_MAX + 1]; /* fold fills all but the dot */
    bool wild = span_starts(name, SPAN("*."));
    if (pair >= TLSHOSTS_PAIRS_MAX)
        return FAULT_LIMIT;
    size_t len = fold(wild ? span_sub(name, 2, SIZE_MAX) : name, text + wild);
    if (len == 0 || len + wild > TLSHOSTS_NAME_MAX)
        return 0;
    if (wild)
        text[0] = '.';
    return add(wild ? &h->wild : &h->exact, span_of(text, len + wild), pair);
}

struct tlshost *tlshosts_find(const struct tlshosts *h, struct span name)
{
    char text[TLSHOSTS_NAME_MAX];
    struct span asked = span_of(text, fold(name, text));
    if (asked.len == 0)
        return NULL;
    struct tlshost *host = map_find(&h->exact, asked);
    size_t dot = span_find(asked, '.');
    if (host == NULL && dot != SIZE_MAX)
        host = map_find(&h->wild, span_sub(asked, dot, SIZE_MAX));
    return host;
}

struct tlshost *tlshosts_next(const struct tlshosts *h, size_t *at)
{
    /* The positions of the second map follow those of the first. */
    struct tlshost *host = NULL;
    if (*at < h->exact.cap) {
        host = map_next(&h->exact, at);
        if (host != NULL)
            return host;
        *at = h->exact.cap;
    }
    size_t rest = *at - h->exact.cap;
    host = map_next(&h->wild, &rest);
    *at = h->exact.cap + rest;
    return host;
}

struct span tlshosts_asked(struct span extension)
{
    /* RFC 6066 section 3: a list, of which clients send one entry, of type host_name. */
    struct cursor c = cursor_over(extension);
    size_t list = cursor_u16(&c);
    if (c.bad || list != c.rest.len || cursor_u8(&c) != 0)
        return SPAN_NONE;
    size_t len = cursor_u16(&c);
    struct span name = cursor_take(&c, len);
    return cursor_finish(&c) == 0 ? name : SPAN_NONE;
}
