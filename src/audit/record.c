#include "audit/record.h"

#include <openssl/sha.h>

#include "base/cursor.h"
#include "base/fault.h"
#include "base/text.h"

#define VERSION 1
#define EVENT_MAX 64u

static const struct {
    const char *name;
    const char *text;
} EVENTS[AUDIT_EVENT_COUNT] = {
    [AUDIT_NONE] = {"", ""},
#define EVENT(NAME, name, text) [AUDIT_##NAME] = {name, text},
#include "audit/events.def"
#undef EVENT
};

const char *audit_event_name(enum audit_event e)
{
    return e < AUDIT_EVENT_COUNT ? EVENTS[e].name : "";
}

const char *audit_event_text(enum audit_event e)
{
    return e < AUDIT_EVENT_COUNT ? EVENTS[e].text : "";
}

enum audit_event audit_event_find(struct span name)
{
    for (unsigned e = AUDIT_NONE + 1; e < AUDIT_EVENT_COUNT; e++)
        if (span_is(name, EVENTS[e].name))
            return (enum audit_event)e;
    return AUDIT_NONE;
}

const char *audit_actor_name(uint8_t kind)
{
    static const char *const NAMES[] = {"nobody", "person", "token", "host", "system", "emergency"};
    return kind < countof(NAMES) ? NAMES[kind] : "unknown";
}

const char *audit_outcome_name(uint8_t outcome)
{
    static const char *const NAMES[] = {"done", "refused", "failed"};
    return outcome < countof(NAMES) ? NAMES[outcome] : "unknown";
}

/* ---- encoding ----
 *
 *   u8 version, u64 number, u64 time, u8 actor kind, bytes actor, 16 source, bytes event,
 *   bytes target, u8 outcome, bytes request, bytes detail
 *
 * big-endian; bytes: u32 length and the bytes. Each value has one encoding only. */

int record_encode(const struct record *r, uint8_t *out, size_t cap)
{
    struct writer w = writer_into(out, cap);
    writer_u8(&w, VERSION);
    writer_u64(&w, r->seq);
    writer_u64(&w, r->wall_ms);
    writer_u8(&w, r->actor_kind);
    writer_bytes(&w, r->actor, AUDIT_ACTOR_MAX);
    writer_fixed(&w, r->source, sizeof(r->source));
    writer_bytes(&w, r->event, EVENT_MAX);
    writer_bytes(&w, r->target, AUDIT_TARGET_MAX);
    writer_u8(&w, r->outcome);
    writer_bytes(&w, r->request_id, AUDIT_REQUEST_MAX);
    writer_bytes(&w, r->detail, AUDIT_DETAIL_MAX);
    return writer_finish(&w);
}

int record_decode(struct span bytes, struct record *ret)
{
    struct cursor c = cursor_over(bytes);
    struct record r = {0};
    uint8_t version = cursor_u8(&c);
    r.seq = cursor_u64(&c);
    r.wall_ms = cursor_u64(&c);
    r.actor_kind = cursor_u8(&c);
    r.actor = cursor_bytes(&c, AUDIT_ACTOR_MAX);
    cursor_fixed(&c, r.source, sizeof(r.source));
    r.event = cursor_bytes(&c, EVENT_MAX);
    r.target = cursor_bytes(&c, AUDIT_TARGET_MAX);
    r.outcome = cursor_u8(&c);
    r.request_id = cursor_bytes(&c, AUDIT_REQUEST_MAX);
    r.detail = cursor_bytes(&c, AUDIT_DETAIL_MAX);
    int rc = cursor_finish(&c);
    if (rc < 0 || version != VERSION)
        return FAULT_FORMAT;
    *ret = r;
    return 0;
}

int record_hash(const struct record *r, uint8_t out[STORE_HASH_SIZE])
{
    uint8_t bytes[STORE_HASH_SIZE + AUDIT_ENCODING_MAX];
    memcpy(bytes, r->prev, STORE_HASH_SIZE);
    int len = record_encode(r, bytes + STORE_HASH_SIZE, AUDIT_ENCODING_MAX);
    if (len < 0)
        return len;
    return SHA256(bytes, STORE_HASH_SIZE + (size_t)len, out) == NULL ? FAULT_CRYPTO : 0;
}

/* ---- appending ---- */

/* At most max bytes of UTF-8 text without NUL: what comes from outside may be neither, and an
 * export must be able to give back the very bytes that were hashed. Bytes that do not belong become
 * '?'. */
static struct span tidy(char *out, struct span in, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t len = 1;
        while (len < 4 && i + len < in.len && (in.at[i + len] & 0xc0) == 0x80)
            len++;
        bool good = in.at[i] != 0 && text_is_utf8(span_sub(in, i, len));
        if (!good)
            len = 1;
        if (n + len > max)
            break;
        if (good)
            memcpy(out + n, in.at + i, len);
        else
            out[n] = '?';
        n += len;
        i += len;
    }
    return span_of(out, n);
}

int audit_append(struct store *s, const struct audit_draft *draft, uint64_t *ret_seq)
{
    char actor[AUDIT_ACTOR_MAX], target[AUDIT_TARGET_MAX], request[AUDIT_REQUEST_MAX];
    char detail[AUDIT_DETAIL_MAX];
    if (draft->event <= AUDIT_NONE || draft->event >= AUDIT_EVENT_COUNT)
        return FAULT_MISUSE;
    struct record r = {
        .wall_ms = draft->wall_ms,
        .actor_kind = (uint8_t)draft->actor_kind,
        .actor = tidy(actor, draft->actor, sizeof(actor)),
        .event = span_str(audit_event_name(draft->event)),
        .target = tidy(target, draft->target, sizeof(target)),
        .outcome = (uint8_t)draft->outcome,
        .request_id = tidy(request, draft->request_id, sizeof(request)),
    };
    if (draft->source != NULL)
        memcpy(r.source, draft->source, sizeof(r.source));
    /* Half a JSON object is none. */
    r.detail = draft->detail.len > sizeof(detail) ? SPAN("{\"cut\":true}")
                                                  : tidy(detail, draft->detail, sizeof(detail));
    /* The end of the chain is read each time: a savepoint undone by the caller takes it back, and a
     * copy in memory would not notice. */
    int rc = trail_last(s, &r.seq, r.prev);
    if (rc < 0)
        return rc;
    r.seq++;
    rc = record_hash(&r, r.hash);
    if (rc == 0)
        rc = trail_append(s, &r);
    if (rc == 0 && ret_seq != NULL)
        *ret_seq = r.seq;
    return rc;
}
