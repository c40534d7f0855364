/* What edges say: one row per message. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "identity/session.h"
#include "keeper/call.h"
#include "keeper/events.h"
#include "keeper/handover.h"
#include "keeper/keeper.h"
#include "keeper/login.h"
#include "keeper/usage.h"
#include "store/access.h"

/* An access record is never longer than the sum of its fields. */
#define ACCESS_RECORDS_MAX 1024u

static int on_session(struct peer *edge, const struct message *m)
{
    struct msg_session s;
    int r = msg_session_decode(m->payload, &s);
    if (r == 0) {
        view_answer(edge, m->serial, &s);
    }
    return r;
}

static int on_login(struct peer *edge, const struct message *m)
{
    struct msg_login l;
    int r = msg_login_decode(m->payload, &l);
    if (r == 0) {
        login_begin(edge, m->serial, &l);
    }
    return r;
}

static int on_handover(struct peer *edge, const struct message *m)
{
    struct msg_handover h;
    int r = msg_handover_decode(m->payload, &h);
    if (r == 0) {
        handover_answer(edge, m->serial, &h);
    }
    return r;
}

static int on_redeem(struct peer *edge, const struct message *m)
{
    struct msg_redeem d;
    int r = msg_redeem_decode(m->payload, &d);
    if (r == 0) {
        redeem_answer(edge, m->serial, &d);
    }
    return r;
}

static int on_logout(struct peer *edge, const struct message *m)
{
    struct msg_logout l;
    int r = msg_logout_decode(m->payload, &l);
    if (r == 0) {
        logout_answer(edge, m->serial, &l);
    }
    return r;
}

static void begin_call(struct peer *edge, uint32_t serial, const struct call_input *in)
{
    struct call *c = call_new(edge->keeper, in);
    struct reply *r = reply_new(REPLY_EDGE, edge->number, serial, MSG_PAGE);
    if (c == NULL || r == NULL) {
        call_free(c);
        reply_free(r);
        return; /* The edge gives up by itself. */
    }
    r->call = c;
    call_begin(edge->keeper, r);
}

static int on_enrol(struct peer *edge, const struct message *m)
{
    struct msg_enrol e;
    int r = msg_enrol_decode(m->payload, &e);
    if (r < 0) {
        return r;
    }
    struct call_input in = {
        .method = e.step == 0 ? SPAN("GET") : SPAN("POST"),
        .path = SPAN("/enrol"),
        .request_id = e.request_id,
        .enrol = {.code = e.code, .password = e.password, .again = e.again, .totp = e.totp},
    };
    memcpy(in.source.byte, e.source, sizeof(in.source.byte));
    begin_call(edge, m->serial, &in);
    return 0;
}

static int on_verb(struct peer *edge, const struct message *m)
{
    struct msg_verb v;
    int r = msg_verb_decode(m->payload, &v);
    if (r < 0) {
        return r;
    }
    if (v.kind > CREDENTIAL_SSO) {
        /* Nobody on the network is the owner of this host, and a certificate alone administers
         * nothing; an edge that says so is broken. */
        return FAULT_DENIED;
    }
    struct call_input in = {
        .kind = (enum credential_kind)v.kind,
        .token = v.token,
        .host = v.host,
        .method = v.method,
        .path = v.path,
        .query = v.query,
        .type = v.type,
        .body = v.body,
        .request_id = v.request_id,
        .sso = v.sso,
        .flow = v.flow,
        .agent = v.agent,
        .fingerprint = v.fingerprint,
        .interface = v.interface,
        .certificate = v.certificate,
        .if_match = v.if_match,
        .repeat = v.repeat,
    };
    memcpy(in.source.byte, v.source, sizeof(in.source.byte));
    begin_call(edge, m->serial, &in);
    return 0;
}

/* ---- batches ---- */

#define SEEN_SIZE 24u

static int touch(struct keeper *k, const uint8_t id[STORE_ID_SIZE], uint64_t at, uint64_t now)
{
    struct session s;
    /* A time from the future would keep a session alive for ever. */
    at = at < now ? at : now;
    int r = sessions_find(k->store, id, &s);
    if (r == 0) {
        /* What has idled out stays out, however late the news of its last use comes. */
        return session_is_live(&s, now) ? sessions_touch(k->store, id, at) : 0;
    }
    return r == FAULT_ABSENT ? 0 : r;
}

static int activity_step(struct keeper *k, void *context)
{
    struct cursor c = cursor_over(*(const struct span *)context);
    uint64_t now = clock_wall_ms() / 1000;
    while (c.rest.len > 0) {
        uint8_t id[STORE_ID_SIZE];
        cursor_fixed(&c, id, sizeof(id));
        int r = touch(k, id, cursor_u64(&c), now);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int on_activity(struct peer *edge, const struct message *m)
{
    struct msg_activity a;
    int r = msg_activity_decode(m->payload, &a);
    if (r < 0 || a.seen.len % SEEN_SIZE != 0) {
        return r < 0 ? r : FAULT_FORMAT;
    }
    r = turn_run(&edge->keeper->turn, activity_step, &a.seen);
    if (r < 0) {
        log_fault(LOG_LEVEL_WARN, "activity", r, "a batch of activity was lost");
    }
    return 0;
}

/* Reads the batch; FAULT_FORMAT when a record is not one. */
static int read_records(struct span bytes, struct access_record *records, size_t *count)
{
    struct cursor c = cursor_over(bytes);
    *count = 0;
    while (c.rest.len > 0 && !c.bad) {
        struct span one = cursor_bytes(&c, 16384);
        if (*count == ACCESS_RECORDS_MAX || access_record_decode(one, &records[*count]) < 0) {
            return FAULT_FORMAT;
        }
        (*count)++;
    }
    return cursor_finish(&c);
}

static int on_access(struct peer *edge, const struct message *m)
{
    struct msg_access a;
    size_t count;
    int r = msg_access_decode(m->payload, &a);
    if (r < 0) {
        return r;
    }
    struct access_record *records = calloc(ACCESS_RECORDS_MAX, sizeof(*records));
    if (records == NULL) {
        return -ENOMEM;
    }
    r = read_records(a.records, records, &count);
    if (r == 0) {
        int stored = access_append(edge->keeper->store, records, count, a.lost, clock_wall_ms());
        edge->keeper->access_lost += a.lost + (stored < 0 ? count : 0);
        if (stored < 0) {
            log_fault(LOG_LEVEL_WARN, "access", stored, "a batch of access records was lost");
        }
        usage_read_records(edge->keeper, records, count);
        series_note(&edge->keeper->series, records, count, clock_wall_ms() / 1000);
    }
    free(records);
    return r;
}

static int on_revoked(struct peer *edge, const struct message *m)
{
    struct msg_revoked v;
    int r = msg_revoked_decode(m->payload, &v);
    r = r < 0 ? r : revoke_acked(edge->keeper, edge, v.epoch, v.closed);
    if (r == 0) {
        turn_settle(&edge->keeper->turn);
    }
    return r;
}

static int on_upstreams(struct peer *edge, const struct message *m)
{
    struct msg_upstreams u;
    int r = msg_upstreams_decode(m->payload, &u);
    char *text = r < 0 ? NULL : malloc(u.text.len + 1);
    if (text == NULL) {
        return r;
    }
    if (u.text.len > 0) {
        memcpy(text, u.text.at, u.text.len);
    }
    text[u.text.len] = '\0';
    free(edge->upstreams);
    edge->upstreams = text;
    events_push(edge->keeper, TOPIC_HEALTH | TOPIC_ALERTS);
    return 0;
}

int edge_message(struct peer *edge, const struct message *m)
{
    static const struct {
        enum msg_type type;
        int (*on)(struct peer *edge, const struct message *m);
    } ROWS[] = {
        {MSG_SESSION, on_session}, {MSG_LOGIN, on_login},         {MSG_HANDOVER, on_handover},
        {MSG_REDEEM, on_redeem},   {MSG_LOGOUT, on_logout},       {MSG_ENROL, on_enrol},
        {MSG_VERB, on_verb},       {MSG_ACTIVITY, on_activity},   {MSG_ACCESS, on_access},
        {MSG_REVOKED, on_revoked}, {MSG_UPSTREAMS, on_upstreams},
    };
    for (size_t i = 0; i < countof(ROWS); i++) {
        if (ROWS[i].type == m->type) {
            return ROWS[i].on(edge, m);
        }
    }
    return FAULT_DENIED;
}
