#include "keeper/usage.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "keeper/keeper.h"

bool usage_place_fits(const struct keeper *k, const struct token *t, const struct addr *source,
                      struct span interface)
{
    char name[16] = "";
    const struct policy *p = live_policy(k->live);
    if (interface.len >= sizeof(name)) {
        return false;
    }
    (void)snprintf(name, sizeof(name), "%.*s", SPAN_FMT(interface));
    return policy_token_place(p, zones_at(policy_zones(p), source, name), t->zones);
}

/* ---- used ---- */

struct use {
    const struct token *token;
    const struct addr *source;
    uint64_t now;
};

static int use_step(struct keeper *k, void *context)
{
    const struct use *u = context;
    return tokens_touch(k->store, u->token->id, u->token->by_former, u->source->byte, u->now);
}

void usage_note(struct keeper *k, const struct token *t, const struct addr *source, uint64_t now)
{
    struct use u = {t, source, now};
    bool due = t->last_used + 60 <= now || (t->by_former && t->former_used + 60 <= now);
    int r = due ? turn_run(&k->turn, use_step, &u) : 0;
    if (r < 0) {
        log_fault(LOG_LEVEL_WARN, "token_use", r, "the time of a token's use was lost");
    }
}

/* ---- refused ---- */

struct stray {
    const uint8_t *id;
    const struct addr *source;
    uint8_t reason;
};

static int stray_step(struct keeper *k, void *context)
{
    const struct stray *s = context;
    struct arena arena;
    struct token t;
    arena_init(&arena, 2048, 65536);
    int r = tokens_stray(k->store, s->id, s->source->byte, clock_wall_ms() / 1000);
    bool due = r > 0;
    r = due ? tokens_find(k->store, s->id, &arena, &t) : r;
    if (r == 0 && due) {
        char actor[2 * STORE_NAME_SIZE], detail[64];
        (void)snprintf(actor, sizeof(actor), "%s/%s", t.owner, t.name);
        (void)snprintf(detail, sizeof(detail), "{\"why\":\"%s\"}",
                       reason_name((enum reason)s->reason));
        struct audit_draft draft = {
            .event = AUDIT_TOKEN_STRAYED,
            .actor_kind = AUDIT_TOKEN,
            .actor = span_str(actor),
            .source = s->source->byte,
            .target = span_str(t.name),
            .outcome = AUDIT_REFUSED,
            .detail = span_str(detail),
        };
        r = keeper_record(k, &draft);
    }
    arena_fini(&arena);
    return r;
}

void usage_note_stray(struct keeper *k, const uint8_t id[STORE_ID_SIZE], const struct addr *source,
                      uint8_t reason)
{
    struct stray s = {id, source, reason};
    int r = turn_run(&k->turn, stray_step, &s);
    if (r < 0) {
        log_fault(LOG_LEVEL_WARN, "token_stray", r, "a refused token was not recorded");
    }
}

void usage_read_records(struct keeper *k, const struct access_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct access_record *r = &records[i];
        bool stray = r->reason == REASON_TOKEN_ZONE || r->reason == REASON_TOKEN_CERTIFICATE;
        if (stray && r->principal_kind == CREDENTIAL_TOKEN) {
            struct addr source;
            memcpy(source.byte, r->source, sizeof(source.byte));
            usage_note_stray(k, r->session, &source, r->reason);
        }
    }
}
