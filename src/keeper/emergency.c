#include "keeper/emergency.h"

#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "keeper/call.h"
#include "keeper/json.h"

bool emergency_takes(const struct proofs *p)
{
    const uint32_t keys = factor_bit(FACTOR_PASSKEY);
    const uint32_t sealed = factor_bit(FACTOR_SEALED);
    return (p->factors & ~(keys | sealed)) == 0 &&
           ((p->factors & sealed) != 0 || (p->factors != 0 && p->device_bound));
}

static int record(struct keeper *k, const struct signin *s, const struct breakglass *b)
{
    char factors[FACTOR_NAMES_SIZE];
    factor_names(s->proofs.factors, factors);
    json_t *detail = json_pack("{s:o,s:s,s:o}", "reason", json_text(s->reason), "factor", factors,
                               "until", json_time(b->active_until));
    struct buf text;
    buf_init(&text, 4096);
    int r = detail == NULL ? -ENOMEM : json_write(detail, &text);
    json_decref(detail);
    struct audit_draft draft = {
        .event = AUDIT_BREAKGLASS_USED,
        .actor_kind = AUDIT_EMERGENCY,
        .actor = span_str(s->user),
        .source = s->source.byte,
        .target = span_str(s->user),
        .request_id = s->request_id,
        .detail = buf_view(&text),
    };
    r = r < 0 ? r : keeper_record(k, &draft);
    buf_fini(&text);
    return r;
}

int emergency_begin(struct keeper *k, const struct signin *s, uint64_t now, struct breakglass *ret)
{
    int r = breakglass_find(k->store, s->user, ret);
    if (r < 0) {
        return r;
    }
    /* A second sign-in does not make the emergency longer. */
    if (ret->active_until <= now) {
        ret->active_until = now + ret->active;
    }
    r = breakglass_activate(k->store, s->user, ret->active_until, now);
    log_kv(LOG_LEVEL_WARN, "breakglass_used", "user", s->user);
    return r < 0 ? r : record(k, s, ret);
}

void emergency_bound(const struct breakglass *b, uint64_t now, struct session *session)
{
    uint64_t end = now + b->session < b->active_until ? now + b->session : b->active_until;
    session->ends_at = end < session->ends_at ? end : session->ends_at;
    session->idle = b->session < session->idle ? b->session : session->idle;
}

static int each_ended(void *context, const uint8_t id[STORE_ID_SIZE])
{
    return call_revoke(context, REVOKE_SESSION, span_of(id, STORE_ID_SIZE));
}

int emergency_end(struct call *c, const char *user, const char *why, uint64_t now)
{
    struct store *store = c->keeper->store;
    char detail[32];
    (void)snprintf(detail, sizeof(detail), "{\"why\":\"%s\"}", why);
    int r = sessions_end_user(store, user, now, each_ended, c);
    r = r < 0 ? r : breakglass_activate(store, user, 0, now);
    return r < 0 ? r
                 : keeper_audit(c->keeper, AUDIT_BREAKGLASS_SEALED, span_str(user), AUDIT_DONE,
                                span_str(detail));
}

struct over {
    uint64_t now;
    size_t count;
    char user[100][STORE_NAME_SIZE]; /* the list gives no more */
};

static int each_over(void *context, const struct breakglass *b)
{
    struct over *o = context;
    if (b->active_until != 0 && b->active_until <= o->now && o->count < countof(o->user)) {
        memcpy(o->user[o->count++], b->user, sizeof(b->user));
    }
    return 0;
}

int emergency_sweep(struct call *c, uint64_t now)
{
    struct over o = {.now = now};
    int r = breakglass_list(c->keeper->store, each_over, &o);
    for (size_t i = 0; i < o.count && r == 0; i++) {
        r = emergency_end(c, o.user[i], "time", now);
    }
    return r;
}

/* ---- warnings ---- */

struct warn {
    uint64_t now, drill_every;
    json_t *list;
};

static int say(json_t *list, const char *user, const char *what)
{
    char said[STORE_NAME_SIZE + 128];
    (void)snprintf(said, sizeof(said), "break-glass account %s %s", user, what);
    return json_push(list, json_string(said));
}

static int each_warn(void *context, const struct breakglass *b)
{
    struct warn *w = context;
    uint64_t practised = b->last_drill > b->made ? b->last_drill : b->made;
    int r = 0;
    if (b->active_until > w->now) {
        r = say(w->list, b->user, "is active: somebody has broken its seal");
    }
    if (r == 0 && b->codes == 0) {
        r = say(w->list, b->user, "has no sealed code left");
    }
    if (r == 0 && practised + w->drill_every <= w->now) {
        r = say(w->list, b->user, "was not practised for long; 'postern drill' practises it");
    }
    return r;
}

int emergency_warn(struct keeper *k, uint64_t now, json_t *list)
{
    struct warn w = {.now = now, .list = list};
    if (k->live == NULL) {
        return 0;
    }
    w.drill_every = live_snapshot(k->live)->authentication.drill_every;
    return breakglass_list(k->store, each_warn, &w);
}
