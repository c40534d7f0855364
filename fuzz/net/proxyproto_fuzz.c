/* PROXY headers: what is accepted is accepted at its last byte and not before, whatever follows it;
 * what is refused stays refused; an accepted line of version 1 says the same when it is written
 * from what was read. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "net/proxyproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct proxyproto *a, const struct proxyproto *b)
{
    return a->kind == b->kind && addr_eq(&a->source, &b->source) && addr_eq(&a->dest, &b->dest) &&
           a->source_port == b->source_port && a->dest_port == b->dest_port &&
           span_eq(a->authority, b->authority);
}

static void check_prefixes(struct span in, int whole, const struct proxyproto *p)
{
    bool refused = false;
    /* Exactly as many bytes in memory as are said to be there. */
    for (size_t n = 0; n <= in.len && n <= 600; n++) {
        struct proxyproto part;
        uint8_t *copy = malloc(n > 0 ? n : 1);
        assert(copy != NULL);
        if (n > 0)
            memcpy(copy, in.at, n);
        int rc = proxyproto_parse(span_of(copy, n), &part);
        assert(rc == FAULT_FORMAT || (rc >= 0 && (size_t)rc <= n));
        assert(!refused || rc == FAULT_FORMAT);
        refused = rc == FAULT_FORMAT;
        if (whole > 0)
            assert(rc == (n < (size_t)whole ? 0 : whole));
        if (rc > 0)
            assert(same(&part, p));
        free(copy);
    }
}

static void check_line(struct span in, int whole, const struct proxyproto *p)
{
    char from[ADDR_TEXT_SIZE], to[ADDR_TEXT_SIZE], line[160];
    struct proxyproto again;
    if (in.at[0] != 'P' || p->kind != PROXYPROTO_PROXIED)
        return;
    assert((size_t)whole <= PROXYPROTO_V1_MAX);
    addr_format(&p->source, from);
    addr_format(&p->dest, to);
    /* Each line has one family; a mapped address is written as IPv4 and may stand beside IPv6. */
    if (addr_is_v4(&p->source) != addr_is_v4(&p->dest))
        return;
    int len =
        snprintf(line, sizeof(line), "PROXY %s %s %s %u %u\r\n",
                 addr_is_v4(&p->source) ? "TCP4" : "TCP6", from, to, p->source_port, p->dest_port);
    assert(len > 0 && (size_t)len < sizeof(line));
    assert(proxyproto_parse(span_of(line, (size_t)len), &again) == len);
    assert(same(p, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct proxyproto p;
    int rc = proxyproto_parse(in, &p);
    assert(rc == FAULT_FORMAT || (rc >= 0 && (size_t)rc <= size && rc <= (int)PROXYPROTO_MAX));
    assert(rc != 0 || size < PROXYPROTO_MAX);
    check_prefixes(in, rc, &p);
    if (rc > 0)
        check_line(in, rc, &p);
    return 0;
}
