#include "audit/verify.h"

#include <inttypes.h>

#include "audit/record.h"
#include "audit/retention.h"
#include "base/fault.h"

/* How far a moved record is looked for. */
#define MOVE_MAX 100000u

static const char *const NAMES[] = {
    [VERIFY_INTACT] = "intact",
    [VERIFY_CHANGED] = "changed",
    [VERIFY_REMOVED] = "removed",
    [VERIFY_MOVED] = "moved",
    [VERIFY_BROKEN] = "broken",
    [VERIFY_CUT] = "cut",
    [VERIFY_REWRITTEN] = "rewritten",
    [VERIFY_HEAD_MISSING] = "head-missing",
    [VERIFY_HEAD_DAMAGED] = "head-damaged",
    [VERIFY_SHORTENED] = "shortened",
};

const char *verify_finding_name(enum verify_finding f)
{
    return f < countof(NAMES) ? NAMES[f] : "unknown";
}

int verify_text(const struct verify_report *r, struct buf *out)
{
    switch (r->finding) {
    case VERIFY_INTACT:
        if (r->first > 1)
            return buf_printf(out, "intact: %" PRIu64 " records from %" PRIu64 " on",
                              r->count - r->first + 1, r->first);
        return buf_printf(out, "intact: %" PRIu64 " records", r->count);
    case VERIFY_CHANGED:
        return buf_printf(out, "record %" PRIu64 " was changed", r->seq);
    case VERIFY_REMOVED:
        return buf_printf(out, "record %" PRIu64 " was removed", r->seq);
    case VERIFY_MOVED:
        return buf_printf(out, "what stands as record %" PRIu64 " was made as record %" PRIu64,
                          r->seq, r->was);
    case VERIFY_BROKEN:
        return buf_printf(out, "record %" PRIu64 " does not follow the one before it", r->seq);
    case VERIFY_CUT:
        return buf_printf(out, "the trail was cut before record %" PRIu64, r->seq);
    case VERIFY_REWRITTEN:
        return buf_printf(out, "record %" PRIu64 " is not the one that the head file knows",
                          r->seq);
    case VERIFY_HEAD_MISSING:
        return buf_text(out, "there are records, but no head file");
    case VERIFY_HEAD_DAMAGED:
        return buf_text(out, "the head file is damaged");
    case VERIFY_SHORTENED:
        return buf_printf(out,
                          "the records before %" PRIu64
                          " are missing, and no record says that they were let go",
                          r->seq);
    }
    return FAULT_MISUSE;
}

static int found(struct verify *v, enum verify_finding finding, uint64_t seq)
{
    v->report.finding = finding;
    v->report.seq = seq;
    v->done = true;
    return 1;
}

/* A record whose content does not give its hash may be whole but stand in another place: then it
 * gives its hash with the number it was made with. Nearest first; 0: with none. */
static int made_as(const struct record *r, uint64_t *ret)
{
    struct record other = *r;
    uint8_t hash[STORE_HASH_SIZE];
    *ret = 0;
    for (uint64_t d = 1; d <= MOVE_MAX; d++) {
        const uint64_t seqs[] = {r->seq > d ? r->seq - d : 0, r->seq + d};
        for (size_t i = 0; i < countof(seqs); i++) {
            other.seq = seqs[i];
            int rc = other.seq == 0 ? 0 : record_hash(&other, hash);
            if (rc < 0)
                return rc;
            if (other.seq != 0 && memcmp(hash, r->hash, sizeof(hash)) == 0) {
                *ret = other.seq;
                return 0;
            }
        }
    }
    return 0;
}

/* The first record is the anchor of those that follow; who let go of those before it is still to be
 * found. */
static void begin_at(struct verify *v, const struct record *r)
{
    v->report.first = r->seq;
    v->report.count = r->seq - 1;
    v->let_go = r->seq <= 1;
    if (v->let_go)
        return;
    memcpy(v->report.hash, r->prev, sizeof(r->prev));
    memcpy(v->before, r->prev, sizeof(v->before));
}

/* A word counts when it names a record that is here with this hash, or the one before the first. */
static int read_word(struct verify *v, const struct record *r)
{
    struct retention_word word;
    uint8_t hash[STORE_HASH_SIZE];
    if (v->let_go || retention_read(r, &word) < 0 || word.upto + 1 < v->report.first)
        return 0;
    if (word.upto + 1 == v->report.first) {
        v->let_go = memcmp(word.hash, v->before, sizeof(hash)) == 0;
        return 0;
    }
    int rc = trail_hash(v->store, word.upto, hash);
    v->let_go = rc == 0 && memcmp(word.hash, hash, sizeof(hash)) == 0;
    return rc == FAULT_ABSENT ? 0 : rc;
}

static int on_record(void *context, const struct record *r)
{
    struct verify *v = context;
    uint8_t hash[STORE_HASH_SIZE];
    if (v->report.first == 0)
        begin_at(v, r);
    uint64_t expected = v->report.count + 1;
    if (r->seq != expected)
        return found(v, VERIFY_REMOVED, expected);
    int rc = record_hash(r, hash);
    /* A field that is too long to have been written by us is a change, too. */
    if (rc < 0 && rc != FAULT_LIMIT)
        return rc;
    if (rc == FAULT_LIMIT)
        return found(v, VERIFY_CHANGED, r->seq);
    if (memcmp(hash, r->hash, sizeof(hash)) != 0) {
        rc = made_as(r, &v->report.was);
        if (rc < 0)
            return rc;
        return found(v, v->report.was != 0 ? VERIFY_MOVED : VERIFY_CHANGED, r->seq);
    }
    if (memcmp(r->prev, v->report.hash, sizeof(hash)) != 0)
        return found(v, VERIFY_BROKEN, r->seq);
    if (v->has_head && r->seq == v->head.count && memcmp(hash, v->head.hash, sizeof(hash)) != 0)
        return found(v, VERIFY_REWRITTEN, r->seq);
    v->seen++;
    v->report.count = r->seq;
    memcpy(v->report.hash, hash, sizeof(hash));
    return read_word(v, r);
}

int verify_start(struct verify *v, const char *head_path)
{
    *v = (struct verify){0};
    if (head_path == NULL)
        return 0;
    int rc = head_read(head_path, &v->head);
    v->has_head = rc == 0;
    if (rc == FAULT_ABSENT)
        v->report.finding = VERIFY_HEAD_MISSING;
    else if (rc == FAULT_FORMAT)
        v->report.finding = VERIFY_HEAD_DAMAGED;
    else if (rc < 0)
        return rc;
    return 0;
}

static void finish(struct verify *v)
{
    struct verify_report *r = &v->report;
    v->done = true;
    bool older = v->has_head && r->first > 1 && v->head.count + 1 < r->first;
    bool other = v->has_head && r->first > 1 && v->head.count + 1 == r->first &&
                 memcmp(v->head.hash, v->before, sizeof(v->before)) != 0;
    if (r->first > 1 && (!v->let_go || older || other)) {
        r->finding = VERIFY_SHORTENED;
        r->seq = r->first;
    } else if (v->has_head && r->count < v->head.count) {
        r->finding = VERIFY_CUT;
        r->seq = r->count + 1;
    } else if (v->has_head) {
        r->lag = r->count - v->head.count;
    }
    /* Nothing recorded yet, so there is nothing that a head could know. */
    if (r->finding == VERIFY_HEAD_MISSING && r->count == 0)
        r->finding = VERIFY_INTACT;
}

int verify_some(struct verify *v, struct store *s)
{
    if (v->done)
        return 0;
    const struct page page = {.anchor = v->report.count, .limit = STORE_PAGE_MAX};
    v->store = s;
    v->seen = 0;
    int rc = trail_list(s, &page, on_record, v);
    if (rc < 0)
        return rc;
    if (!v->done && v->seen < STORE_PAGE_MAX)
        finish(v);
    return v->done ? 0 : 1;
}

int verify_trail(struct store *s, const char *head_path, struct verify_report *ret)
{
    struct verify v;
    int rc = verify_start(&v, head_path);
    if (rc < 0)
        return rc;
    do
        rc = verify_some(&v, s);
    while (rc == 1);
    if (rc == 0)
        *ret = v.report;
    return rc;
}
