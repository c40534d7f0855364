/* Cookies: what is stripped is gone, stripping twice changes nothing, and an answer's cookie that
 * may be set is neither ours nor free of Secure nor bound to a domain. */
#include <assert.h>

#include "base/fault.h"
#include "http/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct span own = {(const uint8_t *)COOKIE_OWN_PREFIX, sizeof(COOKIE_OWN_PREFIX) - 1};

static void check_strip(struct span value)
{
    struct buf once, twice;
    buf_init(&once, 1 << 17);
    buf_init(&twice, 1 << 17);
    int kept = cookie_strip(value, own, &once);
    assert(kept >= 0);
    assert((kept == 0) == (buf_len(&once) == 0));
    assert(cookie_strip(buf_view(&once), own, &twice) == kept);
    assert(span_eq(buf_view(&once), buf_view(&twice)));
    struct span rest = buf_view(&once), pair;
    while (span_cut(&rest, ';', &pair))
        assert(!span_starts_nocase(span_trim(pair), own));
    /* Nothing of ours can be found any more. */
    struct header h = {.name = SPAN("Cookie"), .value = buf_view(&once), .id = HEADER_COOKIE};
    struct headers all = {&h, 1};
    struct span found;
    assert(cookie_find(&all, SPAN(COOKIE_OWN_PREFIX "9443"), &found) == FAULT_ABSENT);
    buf_fini(&once);
    buf_fini(&twice);
}

static bool has_attribute(struct span set_cookie, struct span name)
{
    struct span part;
    (void)span_cut(&set_cookie, ';', &part);
    while (span_cut(&set_cookie, ';', &part))
        if (span_eq_nocase(span_trim(span_sub(part, 0, span_find(part, '='))), name))
            return true;
    return false;
}

static void check_set(struct span value)
{
    struct buf once, twice;
    buf_init(&once, 1 << 17);
    buf_init(&twice, 1 << 17);
    assert(cookie_rewrite(value, SPAN_NONE, &once) == 0);
    assert(!has_attribute(buf_view(&once), SPAN("domain")));
    assert(has_attribute(buf_view(&once), SPAN("secure")));
    assert(cookie_rewrite(buf_view(&once), SPAN_NONE, &twice) == 0);
    assert(span_eq(buf_view(&once), buf_view(&twice)));
    assert(cookie_may_set(value) == cookie_may_set(buf_view(&once)));
    if (cookie_may_set(value))
        assert(!span_starts_nocase(span_trim(value), own));
    buf_fini(&once);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 << 16)
        return 0;
    struct span in = span_of(data, size), found;
    struct header h = {.name = SPAN("Cookie"), .value = in, .id = HEADER_COOKIE};
    struct headers all = {&h, 1};
    check_strip(in);
    check_set(in);
    int rc = cookie_find(&all, SPAN("a"), &found);
    assert(rc == 0 || rc == FAULT_ABSENT || rc == FAULT_FORMAT);
    return 0;
}
