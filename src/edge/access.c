#include "edge/access.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "edge/client.h"
#include "edge/conn.h"
#include "edge/gate.h"
#include "edge/keeper.h"
#include "edge/view.h"

#define FLUSH_MS 1000u
/* No record is larger: its fields' maxima and their lengths. */
#define RECORD_MAX 12288u

/* Turned-away sources: so many records a second, and one source at most every ten seconds. */
#define SOURCE_RATE 20u
#define SOURCE_AGAIN_MS 10000u
#define SOURCE_SLOTS 256u

struct access_log {
    struct edge *edge;
    struct buf waiting; /* u32 length and record, one after another */
    uint64_t lost;      /* since the last batch that was sent */
    uint64_t lost_ever;
    struct deadline deadline;
    uint64_t source_second;
    unsigned source_count;
    struct {
        struct addr addr;
        uint64_t until;
    } source[SOURCE_SLOTS];
};

static void on_access_due(struct deadline *d)
{
    access_flush(container_of(d, struct access_log, deadline)->edge);
}

int access_init(struct edge *e)
{
    struct access_log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return -ENOMEM;
    log->edge = e;
    buf_init(&log->waiting, ACCESS_MAX);
    deadline_init(&log->deadline, on_access_due);
    e->access = log;
    return 0;
}

void access_fini(struct edge *e)
{
    if (e->access == NULL)
        return;
    deadline_clear(&e->deadlines, &e->access->deadline);
    buf_fini(&e->access->waiting);
    free(e->access);
    e->access = NULL;
}

uint64_t access_lost(const struct edge *e)
{
    return e->access->lost_ever;
}

static void lose(struct access_log *log)
{
    log->lost++;
    log->lost_ever++;
}

/* As many whole records as a batch holds. */
static size_t batch_of(struct span waiting)
{
    struct cursor c = cursor_over(waiting);
    size_t len = 0;
    while (c.rest.len > 0) {
        (void)cursor_bytes(&c, RECORD_MAX);
        size_t upto = waiting.len - c.rest.len;
        if (c.bad || upto > ACCESS_BATCH)
            break;
        len = upto;
    }
    return len;
}

void access_flush(struct edge *e)
{
    struct access_log *log = e->access;
    deadline_clear(&e->deadlines, &log->deadline);
    while (buf_len(&log->waiting) > 0 || log->lost > 0) {
        size_t len = batch_of(buf_view(&log->waiting));
        if (keeper_send_access(e, span_sub(buf_view(&log->waiting), 0, len), log->lost) < 0) {
            /* Without a keeper they wait for the next one, as many as there is room for. */
            deadline_set(&e->deadlines, &log->deadline, edge_now(e) + FLUSH_MS);
            return;
        }
        log->lost = 0;
        buf_consume(&log->waiting, len);
    }
    if (log->waiting.cap > 2 * ACCESS_BATCH)
        buf_release_idle(&log->waiting);
}

static void append(struct edge *e, const struct access_record *r)
{
    struct access_log *log = e->access;
    uint8_t *room = buf_reserve(&log->waiting, 4 + RECORD_MAX);
    log->waiting.bad = false;
    if (room == NULL) {
        lose(log);
        return;
    }
    struct writer w = writer_into(room + 4, RECORD_MAX);
    access_record_encode(&w, r);
    int len = writer_finish(&w);
    if (len < 0) {
        lose(log);
        return;
    }
    struct writer head = writer_into(room, 4);
    writer_u32(&head, (uint32_t)len);
    buf_commit(&log->waiting, 4 + (size_t)len);
    if (buf_len(&log->waiting) >= ACCESS_BATCH)
        access_flush(e);
    else if (list_empty(&log->deadline.link))
        deadline_set(&e->deadlines, &log->deadline, edge_now(e) + FLUSH_MS);
}

/* The names of the zones, one a line. */
static struct span zones_text(const struct snapshot *s, struct zone_set zones, char *at, size_t cap)
{
    size_t len = 0;
    for (size_t word = 0; word < zones.words; word++) {
        for (uint64_t bits = zones.word[word]; bits != 0; bits &= bits - 1) {
            size_t zone = word * 64 + (size_t)__builtin_ctzll(bits);
            if (zone >= s->zone_count)
                break;
            size_t n = strlen(s->zones[zone].name);
            if (cap - len < n + 1)
                return span_of(at, len);
            memcpy(at + len, s->zones[zone].name, n);
            at[len + n] = '\n';
            len += n + 1;
        }
    }
    return span_of(at, len);
}

/* At most max bytes of a list of lines, whole lines only; says in flags when some are missing. */
static struct span whole_lines(struct span lines, size_t max, uint8_t *flags)
{
    if (lines.len <= max)
        return lines;
    *flags |= ACCESS_CUT;
    while (max > 0 && lines.at[max - 1] != '\n')
        max--;
    return span_sub(lines, 0, max);
}

static void put_token(struct access_record *r, const struct exchange *x, const struct msg_view *f)
{
    const uint8_t *shown = client_spki(x);
    struct subject own = view_subject(x->view);
    own.scope_routes = SPAN("*");
    const struct question q = {
        .subject = &own, .method = x->request.method, .path = x->request.canonical};
    r->own = (uint8_t)policy_token_covers(&q);
    if (f->scope_bound != 0 && (shown == NULL || memcmp(shown, f->scope_certificate, 32) != 0))
        r->own = REASON_TOKEN_CERTIFICATE;
    r->owner = f->user;
    r->token_routes = whole_lines(f->scope_routes, 1024, &r->flags);
    r->token_zones = whole_lines(f->scope_zones, 1024, &r->flags);
}

static void put_view(struct access_record *r, const struct exchange *x)
{
    const struct view *v = x->view;
    if (v == NULL || v->status != VIEW_OK)
        return;
    const struct msg_view *f = &v->facts;
    struct proven proven = view_proven(f);
    struct span fingerprint = conn_fingerprint(x->conn);
    r->principal_kind = v->kind;
    r->principal = f->token_name.len > 0 ? f->token_name : f->user;
    memcpy(r->session, f->id, sizeof(r->session));
    r->groups = f->groups;
    r->assurance = (uint8_t)proven_level(&proven);
    r->proven_at = proven_last(&proven);
    r->password_at = proven.at[ASSURANCE_PASSWORD];
    r->mfa_at = proven.at[ASSURANCE_MFA];
    r->resistant_at = proven.at[ASSURANCE_PHISHING_RESISTANT];
    r->hardware_at = proven.at[ASSURANCE_HARDWARE];
    r->grants = whole_lines(f->grants, 1024, &r->flags);
    r->flags |= f->named_only != 0 ? ACCESS_NAMED_ONLY : 0;
    if (view_is_program(v)) {
        put_token(r, x, f);
        return;
    }
    memcpy(r->began, f->source, sizeof(r->began));
    if (f->fingerprint.len > 0 && span_eq(f->fingerprint, fingerprint))
        r->flags |= ACCESS_SAME_PROGRAM;
}

static void put_question(struct access_record *r, const struct exchange *x)
{
    const uint8_t *shown = client_spki(x);
    bool cut = x->request.canonical.len > 1024 || x->destination.len > 1024;
    r->flags |= cut ? ACCESS_CUT : 0;
    r->flags |= gate_names_method(&x->request) ? ACCESS_OVERRIDE : 0;
    r->flags |= gate_upgrades(&x->request) ? ACCESS_UPGRADE : 0;
    r->host = span_sub(x->request.host, 0, 255);
    r->interface = span_sub(span_str(x->interface), 0, 16);
    r->destination = span_sub(x->destination, 0, 1024);
    if (shown != NULL)
        memcpy(r->certificate, shown, sizeof(r->certificate));
    if (x->principal.name.len > 0) {
        r->principal_kind = x->principal.kind;
        r->principal = x->principal.name;
        memcpy(r->session, x->principal.session, sizeof(r->session));
    }
    put_view(r, x);
}

void access_exchange(const struct exchange *x)
{
    char zones[1024];
    uint64_t duration = (clock_mono_us() - x->started_us) / 1000;
    struct access_record r = {
        .wall_ms = edge_wall_ms() - duration,
        .version = ACCESS_VERSION,
        .outcome = (uint8_t)x->outcome,
        .status = (uint16_t)x->status,
        .listener = span_sub(span_str(x->listener), 0, 64),
        .route = x->route != NULL ? span_str(x->route->name) : SPAN_NONE,
        .zones = zones_text(x->generation->snapshot, x->zones, zones, sizeof(zones)),
        .method = span_sub(x->request.method, 0, 16),
        .path = span_sub(x->request.canonical, 0, 1024),
        .rule = x->decision.rule != NULL ? span_str(x->decision.rule->name) : SPAN_NONE,
        .reason = (uint8_t)x->decision.reason,
        .duration_ms = duration > UINT32_MAX ? UINT32_MAX : (uint32_t)duration,
        .bytes_in = x->bytes_in,
        .bytes_out = x->bytes_out,
        .stream = (uint8_t)x->stream,
    };
    memcpy(r.request_id, x->id, sizeof(r.request_id));
    memcpy(r.source, x->source.byte, sizeof(r.source));
    put_question(&r, x);
    append(x->edge, &r);
}

/* A flood of refused connections must not become a flood of records. */
static bool source_due(struct access_log *log, const struct addr *source)
{
    uint64_t now = edge_now(log->edge);
    size_t slot = span_hash(span_of(source->byte, sizeof(source->byte))) % SOURCE_SLOTS;
    if (log->source[slot].until > now && addr_eq(&log->source[slot].addr, source))
        return false;
    if (log->source_second != now / 1000) {
        log->source_second = now / 1000;
        log->source_count = 0;
    }
    if (++log->source_count > SOURCE_RATE)
        return false;
    log->source[slot].addr = *source;
    log->source[slot].until = now + SOURCE_AGAIN_MS;
    return true;
}

void access_source(struct edge *e, const struct addr *source, struct zone_set zones,
                   const char *listener)
{
    char text[1024];
    if (!source_due(e->access, source))
        return;
    struct access_record r = {
        .wall_ms = edge_wall_ms(),
        .version = ACCESS_VERSION,
        .outcome = ACCESS_SOURCE,
        .listener = span_sub(span_str(listener), 0, 64),
        .zones = zones_text(e->generation->snapshot, zones, text, sizeof(text)),
        .reason = REASON_ZONE,
    };
    edge_random(e, r.request_id, sizeof(r.request_id));
    memcpy(r.source, source->byte, sizeof(r.source));
    append(e, &r);
}
