/* Hand-overs as strangers write them: what is taken is one authority, one hash and one place on
 * that host, survives being written again, and gets into no other place of a page or a header. */
#include <assert.h>

#include "base/fault.h"
#include "edge/credential.h"
#include "edge/flow.h"
#include "edge/handover.h"
#include "edge/pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header_value(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        assert(s.at[i] > 0x20 && s.at[i] < 0x7f);
}

static void check(const struct handover *h, struct arena *a)
{
    check_header_value(h->to);
    check_header_value(h->back);
    /* Separators of a policy header. */
    assert(span_find(h->to, ';') == SIZE_MAX && span_find(h->to, ',') == SIZE_MAX);
    assert(span_find(h->to, '/') == SIZE_MAX && span_find(h->to, '@') == SIZE_MAX);
    assert(handover_back_is_safe(h->back));
    assert(h->back.len < 2 || (h->back.at[1] != '/' && h->back.at[1] != '\\'));

    struct buf query, page;
    struct handover again;
    buf_init(&query, 65536);
    buf_init(&page, 65536);
    assert(handover_query(&query, h) == 0);
    check_header_value(buf_view(&query));
    assert(handover_parse(buf_view(&query), a, &again) == 0);
    assert(span_eq(again.to, h->to) && span_eq(again.back, h->back) &&
           span_eq(again.flow, h->flow));
    assert(memcmp(again.flow_hash, h->flow_hash, 32) == 0);

    size_t quotes = 0;
    assert(handover_fields(&page, h) == 0);
    struct span text = buf_view(&page);
    for (size_t i = 0; i < text.len; i++)
        quotes += text.at[i] == '"';
    assert(quotes == 18);
    buf_fini(&query);
    buf_fini(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct handover h;
    struct span input = span_of(data, size);
    arena_init(&a, 4096, 1 << 20);
    if (handover_parse(input, &a, &h) == 0)
        check(&h, &a);
    /* The same bytes as a Cookie and as an Authorization header. */
    struct header at[] = {{SPAN("cookie"), input, HEADER_COOKIE},
                          {SPAN("authorization"), input, HEADER_AUTHORIZATION}};
    struct headers headers = {at, countof(at)};
    struct credential c;
    int rc = credential_find(&headers, CREDENTIAL_CHILD, 9443, &c);
    assert(rc == 0 || rc == FAULT_CONFLICT);
    if (rc == 0 && c.shaped)
        assert(c.kind != CREDENTIAL_NONE && c.token.len >= CREDENTIAL_LEN);
    struct flow f = flow_read(&headers, 9443);
    assert(f.secret.len == 0 || f.secret.len == CREDENTIAL_LEN);
    assert(f.rounds <= 99 && (f.secret.len > 0 || f.rounds == 0));
    arena_fini(&a);
    return 0;
}
