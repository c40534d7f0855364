#include "audit/retention.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"

static const char HEAD[] = "{\"upto\":";
static const char MIDDLE[] = ",\"hash\":\"";

int retention_read(const struct record *r, struct retention_word *ret)
{
    struct retention_word w;
    struct span rest = r->detail, number;
    if (!span_is(r->event, audit_event_name(AUDIT_AUDIT_PRUNED)) || r->actor_kind != AUDIT_SYSTEM ||
        !span_starts(rest, span_str(HEAD)))
        return FAULT_FORMAT;
    rest = span_sub(rest, sizeof(HEAD) - 1, SIZE_MAX);
    if (!span_cut(&rest, ',', &number) || text_u64(number, INT64_MAX, &w.upto) < 0 ||
        !span_starts(rest, span_str(MIDDLE + 1)))
        return FAULT_FORMAT;
    rest = span_sub(rest, sizeof(MIDDLE) - 2, SIZE_MAX);
    if (rest.len != 2 * sizeof(w.hash) + 2 || !span_is(span_sub(rest, rest.len - 2, 2), "\"}") ||
        text_unhex(span_sub(rest, 0, rest.len - 2), w.hash, sizeof(w.hash)) < 0 || w.upto >= r->seq)
        return FAULT_FORMAT;
    *ret = w;
    return 0;
}

static int each_word(void *context, const struct record *r)
{
    struct retention_word *w = context, read;
    if (retention_read(r, &read) == 0)
        *w = read;
    return 0;
}

/* The newest word; upto is 0 when there is none. */
static int newest_word(struct store *s, struct retention_word *ret)
{
    const struct trail_filter filter = {.event = audit_event_name(AUDIT_AUDIT_PRUNED)};
    const struct page page = {.limit = 1, .newest_first = true};
    *ret = (struct retention_word){0};
    return trail_search(s, &filter, &page, each_word, ret, NULL);
}

int retention_due(struct store *s, const struct retention_limit *limit, uint64_t *ret)
{
    uint64_t first, last, upto = 0, at;
    uint8_t hash[STORE_HASH_SIZE];
    struct retention_word word;
    *ret = 0;
    int rc = trail_first(s, &first);
    rc = rc < 0 ? rc : trail_last(s, &last, hash);
    rc = rc < 0 ? rc : newest_word(s, &word);
    if (rc == 0 && limit->before_ms != 0 && first != 0) {
        rc = trail_find_time(s, limit->before_ms, &at);
        upto = rc == 0 ? at - 1 : 0;
    }
    if (rc < 0 || first == 0)
        return rc;
    if (limit->rows != 0 && last > limit->rows && last - limit->rows > upto)
        upto = last - limit->rows;
    if (upto >= last)
        upto = last - 1;
    if (upto >= first && upto > word.upto)
        *ret = upto;
    return 0;
}

int retention_announce(struct store *s, uint64_t upto, uint64_t wall_ms)
{
    uint8_t hash[STORE_HASH_SIZE];
    char hex[2 * STORE_HASH_SIZE + 1], detail[160], target[24];
    int rc = trail_hash(s, upto, hash);
    if (rc < 0)
        return rc;
    text_hex(hex, span_of(hash, sizeof(hash)));
    (void)snprintf(detail, sizeof(detail), "%s%" PRIu64 "%s%s\"}", HEAD, upto, MIDDLE, hex);
    (void)snprintf(target, sizeof(target), "%" PRIu64, upto);
    const struct audit_draft draft = {.event = AUDIT_AUDIT_PRUNED,
                                      .wall_ms = wall_ms,
                                      .actor_kind = AUDIT_SYSTEM,
                                      .target = span_str(target),
                                      .outcome = AUDIT_DONE,
                                      .detail = span_str(detail)};
    return audit_append(s, &draft, NULL);
}

int retention_remove(struct store *s, uint64_t known, uint32_t budget)
{
    struct retention_word word;
    uint64_t first;
    int rc = newest_word(s, &word);
    rc = rc < 0 ? rc : trail_first(s, &first);
    if (rc < 0 || first == 0 || first > word.upto || word.upto >= known)
        return rc;
    uint64_t upto = word.upto - first < budget ? word.upto : first + budget - 1;
    return trail_remove(s, upto);
}
