/* Layout, all integers big-endian:
 *
 *   "PSLC"  u8 version  u8 slice  u64 fingerprint of the key table
 *   u64 number  u64 generation
 *   for every section of conf/keys.def, in its order:
 *     a section of elements: u32 count
 *     for every element: [u8 origin, where the struct has one] its keys that this slice may carry
 *
 * A text is u32 length and bytes; a list is u32 count and items; a number is 1 to 8 bytes as wide
 * as its field; a network is 16 bytes and u8; an endpoint is 16 bytes and u16; an upstream is its
 * text, u32 count and the addresses that are known of its name, 16 bytes each. Every value is read
 * back through the checks that the file's values go through, and the whole is verified at the end,
 * so a snapshot that came from a slice holds what one from a file holds. */
#include "conf/slice.h"

#include <errno.h>

#include "base/cursor.h"
#include "base/fault.h"
#include "conf/upstream.h"
#include "conf/value.h"
#include "conf/verify.h"

#define MAGIC "PSLC"
#define VERSION 1
#define TEXT_MAX 4096

static bool carries(enum slice which, const struct key *k)
{
    return !(k->flags & (which == SLICE_FILE ? KEY_DERIVED : KEY_LOCAL));
}

/* Elements whose very name is nobody else's business stay where they are. */
static bool carries_elements(enum slice which, const struct section *sec)
{
    return section_is_machine(sec) || carries(which, &sec->keys[0]);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_number(struct buf *out, uint64_t v, unsigned width)
{
    while (width-- > 0)
        (void)buf_byte(out, (uint8_t)(v >> (8 * width)));
}

static void put_text(struct buf *out, const char *text)
{
    struct span s = span_str(text);
    put_number(out, s.len, 4);
    (void)buf_append(out, s);
}

static void put_upstream(struct buf *out, const struct upstream_def *u)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    if (upstream_def_write(u, &text) < 0)
        out->bad = true;
    put_number(out, buf_len(&text), 4);
    (void)buf_append(out, buf_view(&text));
    buf_fini(&text);
    /* An address that stands in the text needs no second place. */
    size_t count = u->named ? u->addr_count : 0;
    put_number(out, count, 4);
    for (size_t i = 0; i < count; i++)
        (void)buf_append(out, span_of(u->addrs[i].byte, 16));
}

static void put_list(struct buf *out, const struct key *k, const void *target)
{
    const char *at = (const char *)target;
    size_t count = value_count(k, target);
    put_number(out, count, 4);
    if (k->type == KEY_CIDR) {
        const struct cidr *cidrs;
        memcpy(&cidrs, at + k->field, sizeof(cidrs));
        for (size_t i = 0; i < count; i++) {
            (void)buf_append(out, span_of(cidrs[i].addr.byte, 16));
            (void)buf_byte(out, cidrs[i].bits);
        }
        return;
    }
    if (k->type == KEY_UPSTREAM) {
        const struct upstream_def *upstreams;
        memcpy(&upstreams, at + k->field, sizeof(upstreams));
        for (size_t i = 0; i < count; i++)
            put_upstream(out, &upstreams[i]);
        return;
    }
    struct names names;
    memcpy(&names, at + k->field, sizeof(names));
    for (size_t i = 0; i < count; i++)
        put_text(out, names.name[i]);
}

static void put_value(struct buf *out, const struct key *k, const void *target)
{
    const char *at = (const char *)target;
    if (k->flags & KEY_LIST) {
        put_list(out, k, target);
    } else if (value_is_text(k) || k->type == KEY_HOST_HEADER) {
        /* The host that a console gets, or "" to preserve the client's. */
        const char *text;
        memcpy(&text, at + k->extra, sizeof(text));
        put_text(out, text);
    } else if (k->type == KEY_ENDPOINT) {
        uint16_t port;
        memcpy(&port, at + k->extra, sizeof(port));
        (void)buf_append(out, span_of(at + k->field, 16));
        put_number(out, port, 2);
    } else {
        put_number(out, value_number(k, target), value_width(k));
    }
}

static void put_section(struct buf *out, enum slice which, const struct section *sec,
                        const struct snapshot *s)
{
    size_t count = carries_elements(which, sec) ? section_count(sec, s) : 0;
    if (!section_is_machine(sec))
        put_number(out, count, 4);
    for (size_t i = 0; i < count && !out->bad; i++) {
        const void *target = section_element(sec, s, i);
        if (sec->origin != SIZE_MAX) {
            enum origin origin;
            memcpy(&origin, (const char *)target + sec->origin, sizeof(origin));
            (void)buf_byte(out, (uint8_t)origin);
        }
        for (size_t k = 0; k < sec->key_count; k++)
            if (carries(which, &sec->keys[k]))
                put_value(out, &sec->keys[k], target);
    }
}

static bool is_read(const struct client_def *c)
{
    return (c->ca_file[0] == 0 || c->authorities[0] != 0) &&
           (c->crl_file[0] == 0 || c->lists[0] != 0);
}

/* An edge that did not get the authorities of a route would trust somebody else instead. */
static bool is_complete(const struct snapshot *s)
{
    for (size_t i = 0; i < s->route_count; i++)
        if ((s->routes[i].upstream_ca_file[0] != 0 && s->routes[i].authorities[0] == 0) ||
            !is_read(&s->routes[i].client))
            return false;
    /* A rule whose zone's rules are not known would hold at other times than it says. */
    for (size_t i = 0; i < s->rule_count; i++)
        if (rule_lacks_zone(&s->rules[i]))
            return false;
    for (size_t i = 0; i < s->listener_count; i++)
        if (!is_read(&s->listeners[i].client))
            return false;
    return is_read(&s->portal_client);
}

int slice_encode(const struct snapshot *s, enum slice which, struct buf *out)
{
    if (which == SLICE_EDGE && !is_complete(s))
        return FAULT_MISUSE;
    (void)buf_text(out, MAGIC);
    (void)buf_byte(out, VERSION);
    (void)buf_byte(out, (uint8_t)which);
    put_number(out, conf_keys_fingerprint(), 8);
    put_number(out, s->number, 8);
    put_number(out, s->generation, 8);
    for (enum section_id id = 0; id < SECTION_COUNT; id++)
        put_section(out, which, section_of(id), s);
    return out->bad || buf_len(out) > SLICE_MAX ? FAULT_LIMIT : 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A count of items that each take at least `least` bytes: one that the rest of the slice cannot
 * hold is refused before anything is allocated for it. */
static size_t take_count(struct cursor *c, size_t least, size_t most)
{
    size_t count = cursor_u32(c);
    if (count > most || count > c->rest.len / least)
        c->bad = true;
    return c->bad ? 0 : count;
}

/* A text of the configuration is never empty and never holds a NUL; "" stands for absent. */
static int take_text(struct cursor *c, const struct key *k, struct snapshot *s, void *target)
{
    struct span text = cursor_bytes(c, k->most > TEXT_MAX ? (size_t)k->most : TEXT_MAX);
    struct complaint what;
    return c->bad || text.len == 0 ? 0 : value_set(k, &s->arena, text, target, &what);
}

static int take_cidrs(struct cursor *c, const struct key *k, struct snapshot *s, void *target)
{
    size_t count = take_count(c, 17, k->most);
    for (size_t i = 0; i < count && !c->bad; i++) {
        struct cidr *at =
            array_grow(&s->arena, (void **)((char *)target + k->field), i, sizeof(*at));
        if (at == NULL)
            return -ENOMEM;
        cursor_fixed(c, at->addr.byte, 16);
        at->bits = cursor_u8(c);
        if (at->bits > 128)
            c->bad = true;
        size_t have = i + 1;
        memcpy((char *)target + k->extra, &have, sizeof(have));
    }
    return 0;
}

static int take_upstream(struct cursor *c, const struct key *k, struct snapshot *s, void *target)
{
    struct complaint what;
    struct upstream_def *at;
    int rc = value_set(k, &s->arena, cursor_bytes(c, TEXT_MAX), target, &what);
    if (rc < 0)
        return rc;
    memcpy(&at, (const char *)target + k->field, sizeof(at));
    at += value_count(k, target) - 1;
    size_t count = take_count(c, 16, at->named ? UPSTREAM_ADDRS_MAX : 0);
    for (size_t i = 0; i < count; i++) {
        struct addr *addr = array_grow(&s->arena, (void **)&at->addrs, i, sizeof(*addr));
        if (addr == NULL)
            return -ENOMEM;
        cursor_fixed(c, addr->byte, 16);
        at->addr_count = i + 1;
    }
    return 0;
}

static int take_list(struct cursor *c, const struct key *k, struct snapshot *s, void *target)
{
    if (k->type == KEY_CIDR)
        return take_cidrs(c, k, s, target);
    size_t count = take_count(c, 5, k->most);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0 && !c->bad; i++) {
        struct complaint what;
        rc = k->type == KEY_UPSTREAM
                 ? take_upstream(c, k, s, target)
                 : value_set(k, &s->arena, cursor_bytes(c, TEXT_MAX), target, &what);
    }
    return rc;
}

static uint64_t take_number(struct cursor *c, unsigned width)
{
    uint64_t v = 0;
    while (width-- > 0)
        v = v << 8 | cursor_u8(c);
    return v;
}

static int take_value(struct cursor *c, const struct key *k, struct snapshot *s, void *target)
{
    if (k->flags & KEY_LIST)
        return take_list(c, k, s, target);
    if (value_is_text(k) || k->type == KEY_HOST_HEADER)
        return take_text(c, k, s, target);
    if (k->type == KEY_ENDPOINT) {
        cursor_fixed(c, (char *)target + k->field, 16);
        uint16_t port = cursor_u16(c);
        memcpy((char *)target + k->extra, &port, sizeof(port));
        return 0;
    }
    /* Bounds are checked with everything else at the end. */
    uint64_t v = take_number(c, value_width(k));
    if (value_is_truth(k) && v > 1)
        c->bad = true;
    value_number_put(k, target, v);
    return 0;
}

static int take_keys(struct cursor *c, enum slice which, const struct section *sec,
                     struct snapshot *s, void *target)
{
    int rc = 0;
    section_blank(sec, target);
    for (size_t k = 0; k < sec->key_count && rc == 0; k++)
        if (carries(which, &sec->keys[k]))
            rc = take_value(c, &sec->keys[k], s, target);
    return rc == 0 && c->bad ? FAULT_FORMAT : rc;
}

static int take_section(struct cursor *c, enum slice which, const struct section *sec,
                        struct snapshot *s)
{
    if (section_is_machine(sec))
        return take_keys(c, which, sec, s, s);
    /* No element is shorter than its name and one list or address. */
    size_t count = take_count(c, 10, carries_elements(which, sec) ? sec->most : 0);
    for (size_t i = 0; i < count; i++) {
        union section_struct e;
        memset(&e, 0, sizeof(e));
        if (sec->origin != SIZE_MAX) {
            enum origin origin = (enum origin)cursor_u8(c);
            if (origin > ORIGIN_GUARD)
                return FAULT_FORMAT;
            memcpy((char *)&e + sec->origin, &origin, sizeof(origin));
        }
        int rc = take_keys(c, which, sec, s, &e);
        if (rc == 0)
            rc = section_append(sec, s, &e);
        if (rc < 0)
            return rc;
    }
    return c->bad ? FAULT_FORMAT : 0;
}

static int take_head(struct cursor *c, enum slice which)
{
    struct span magic = cursor_take(c, sizeof(MAGIC) - 1);
    unsigned version = cursor_u8(c);
    unsigned kind = cursor_u8(c);
    uint64_t fingerprint = cursor_u64(c);
    if (c->bad || !span_is(magic, MAGIC))
        return FAULT_FORMAT;
    if (version != VERSION || fingerprint != conf_keys_fingerprint())
        return FAULT_VERSION;
    return kind == (unsigned)which ? 0 : FAULT_FORMAT;
}

static void ignore_finding(void *ctx, const struct place *at, const char *text)
{
    (void)ctx;
    (void)at;
    (void)text;
}

int slice_decode(struct span bytes, enum slice which, struct snapshot **ret)
{
    if (bytes.len > SLICE_MAX)
        return FAULT_FORMAT;
    struct cursor c = cursor_over(bytes);
    int rc = take_head(&c, which);
    if (rc < 0)
        return rc;
    struct snapshot *s = snapshot_bare();
    if (s == NULL)
        return -ENOMEM;
    s->number = cursor_u64(&c);
    s->generation = cursor_u64(&c);
    for (enum section_id id = 0; id < SECTION_COUNT && rc == 0; id++)
        rc = take_section(&c, which, section_of(id), s);
    if (rc == 0)
        rc = cursor_finish(&c);
    if (rc == 0) {
        int found = verify_each(s, ignore_finding, NULL);
        rc = found > 0 ? FAULT_FORMAT : found;
    }
    if (rc < 0) {
        snapshot_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}
