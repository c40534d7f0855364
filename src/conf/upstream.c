#include "conf/upstream.h"

#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/egress.h"
#include "conf/spelling.h"

#define EXPECTED "http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT"

static const struct span SCHEMES[] = {
    [UPSTREAM_HTTP] = {(const uint8_t *)"http://", 7},
    [UPSTREAM_HTTPS] = {(const uint8_t *)"https://", 8},
    [UPSTREAM_UNIX] = {(const uint8_t *)"unix:", 5},
    [UPSTREAM_TCP] = {(const uint8_t *)"tcp://", 6},
};

/* What is said of a place that is almost one, per scheme: with a path; not of one host. */
static const char *const FORMS[][2] = {
    [UPSTREAM_HTTP] = {"http://ADDRESS:PORT without a path",
                       "http://ADDRESS:PORT with the address of one host"},
    [UPSTREAM_HTTPS] = {"https://ADDRESS:PORT without a path",
                        "https://ADDRESS:PORT with the address of one host"},
    [UPSTREAM_TCP] = {"tcp://ADDRESS:PORT without a path",
                      "tcp://ADDRESS:PORT with the address of one host"},
};

bool upstream_def_addr_ok(const struct addr *a)
{
    return egress_refusal(a) == NULL;
}

static int put_address(struct upstream_def *u, struct arena *a, const struct addr *addr)
{
    char text[ADDR_TEXT_SIZE];
    addr_format(addr, text);
    u->host = arena_string(a, span_str(text));
    u->addrs = arena_alloc(a, sizeof(*u->addrs));
    if (u->host == NULL || u->addrs == NULL)
        return -ENOMEM;
    u->addrs[0] = *addr;
    u->addr_count = 1;
    return 0;
}

/* NAME:PORT, the name in lower case. */
static bool read_name(struct span place, struct span *name, uint16_t *port)
{
    struct span rest = place;
    uint64_t n;
    if (!span_cut(&rest, ':', name) || !spelling_host(*name) || text_u64(rest, 65535, &n) < 0)
        return false;
    *port = (uint16_t)n;
    return n != 0;
}

static int parse_place(struct span text, size_t scheme_len, struct arena *a, struct upstream_def *u,
                       struct complaint *c)
{
    struct span place = span_sub(text, scheme_len, SIZE_MAX), name = SPAN_NONE;
    size_t slash = span_find(place, '/');
    struct span bare = span_sub(place, 0, slash);
    struct addr addr;
    bool literal = addr_parse_port(bare, &addr, &u->port) == 0 && u->port != 0;
    if (!literal && !read_name(bare, &name, &u->port)) {
        complaint_hint_case(c, spelling_host_port, bare, false);
        c->hint[0] = 0;
        return complaint_say(c, EXPECTED);
    }
    if (slash != SIZE_MAX) {
        complaint_hint(c, span_sub(text, 0, scheme_len + slash));
        return complaint_say(c, FORMS[u->scheme][0]);
    }
    if (literal && !upstream_def_addr_ok(&addr))
        return complaint_say(c, FORMS[u->scheme][1]);
    if (literal)
        return put_address(u, a, &addr);
    u->named = true;
    u->host = arena_string(a, name);
    return u->host == NULL ? -ENOMEM : 0;
}

static int parse_path(struct span path, struct arena *a, struct upstream_def *u,
                      struct complaint *c)
{
    if (!spelling_path(path) || path.len > UPSTREAM_PATH_MAX)
        return complaint_say(c, "unix:/path, the path of a socket, at most 107 bytes");
    u->path = arena_string(a, path);
    return u->path == NULL ? -ENOMEM : 0;
}

int upstream_def_parse(struct span text, struct arena *a, struct upstream_def *ret,
                       struct complaint *c)
{
    struct upstream_def u = {.host = "", .path = ""};
    for (size_t i = 0; i < countof(SCHEMES); i++) {
        if (!span_starts(text, SCHEMES[i]))
            continue;
        u.scheme = (enum upstream_scheme)i;
        int rc = u.scheme == UPSTREAM_UNIX
                     ? parse_path(span_sub(text, SCHEMES[i].len, SIZE_MAX), a, &u, c)
                     : parse_place(text, SCHEMES[i].len, a, &u, c);
        if (rc == 0)
            *ret = u;
        return rc;
    }
    return complaint_say(c, EXPECTED);
}

bool upstream_def_is_text(struct span text)
{
    struct upstream_def u;
    struct complaint c = {.hint = ""};
    struct arena a;
    arena_init(&a, 512, 4096);
    bool good = upstream_def_parse(text, &a, &u, &c) == 0;
    arena_fini(&a);
    return good;
}

int upstream_def_write(const struct upstream_def *u, struct buf *out)
{
    (void)buf_append(out, SCHEMES[u->scheme]);
    bool brackets = span_find(span_str(u->host), ':') != SIZE_MAX;
    if (u->scheme == UPSTREAM_UNIX)
        (void)buf_text(out, u->path);
    else
        (void)buf_printf(out, "%s%s%s:%u", brackets ? "[" : "", u->host, brackets ? "]" : "",
                         u->port);
    return out->bad ? FAULT_LIMIT : 0;
}

bool upstream_def_ok(const struct upstream_def *u)
{
    if (u->scheme == UPSTREAM_UNIX)
        return spelling_path(span_str(u->path)) && strlen(u->path) <= UPSTREAM_PATH_MAX;
    if (u->scheme > UPSTREAM_TCP || u->port == 0 || u->addr_count > UPSTREAM_ADDRS_MAX)
        return false;
    for (size_t i = 0; i < u->addr_count; i++)
        if (!upstream_def_addr_ok(&u->addrs[i]))
            return false;
    return u->named ? spelling_host(span_str(u->host)) : u->addr_count == 1;
}

bool upstream_def_same(const struct upstream_def *a, const struct upstream_def *b)
{
    return a->scheme == b->scheme && a->port == b->port && strcmp(a->host, b->host) == 0 &&
           strcmp(a->path, b->path) == 0;
}
