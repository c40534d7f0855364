#include "keeper/sweep.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "keeper/alerts.h"
#include "keeper/attempts.h"
#include "keeper/call.h"
#include "keeper/confirm.h"
#include "keeper/emergency.h"
#include "keeper/keeper.h"
#include "keeper/recover.h"

#include "store/credentials.h"
#include "store/flows.h"
#include "store/identities.h"
#include "store/places.h"
#include "store/repeats.h"
#include "store/sessions.h"
#include "store/throttles.h"

#define DAY 86400u
/* Ended sessions are remembered so long, for those who look back. */
#define SESSIONS_KEPT (7u * DAY)
#define THROTTLES_KEPT (2u * DAY)
#define THROTTLES_MAX 20000u
#define PLACES_KEPT (90u * (uint64_t)DAY)
/* As long as the limit of an hour looks back. */
#define NOTICES_KEPT 3600u

static int each_expired(void *context, const uint8_t id[STORE_ID_SIZE])
{
    struct call *c = context;
    char target[2 * STORE_ID_SIZE + 1];
    text_hex(target, span_of(id, STORE_ID_SIZE));
    int r = keeper_audit(c->keeper, AUDIT_SESSION_EXPIRED, span_str(target), AUDIT_DONE, SPAN_NONE);
    return r < 0 ? r : call_revoke(c, REVOKE_SESSION, span_of(id, STORE_ID_SIZE));
}

static int record_lost(struct keeper *k)
{
    char detail[64];
    if (k->access_lost == 0) {
        return 0;
    }
    (void)snprintf(detail, sizeof(detail), "{\"count\":%llu}", (unsigned long long)k->access_lost);
    return keeper_audit(k, AUDIT_ACCESS_LOST, SPAN_NONE, AUDIT_FAILED, span_str(detail));
}

static int sweep_step(struct keeper *k, void *context)
{
    uint64_t now = clock_wall_ms() / 1000;
    int r = sessions_expire(k->store, now, each_expired, context);
    r = r < 0 ? r : emergency_sweep(context, now);
    r = r < 0 ? r : recover_tell(k);
    r = r < 0 ? r : alerts_sweep(k);
    r = r < 0 ? r : series_sweep(k, now, false);
    r = r < 0 ? r : sessions_prune(k->store, now - SESSIONS_KEPT);
    r = r < 0 ? r : handovers_prune(k->store, now);
    r = r < 0 ? r : enrolments_prune(k->store, now);
    r = r < 0 ? r : flows_prune(k->store, now);
    r = r < 0 ? r : throttles_prune(k->store, now - THROTTLES_KEPT, THROTTLES_MAX);
    r = r < 0 ? r : notices_forget(k->store, now - NOTICES_KEPT);
    r = r < 0 ? r : endings_prune(k->store, now);
    r = r < 0 ? r : repeats_prune(k->store, now - REPEAT_KEPT_S);
    r = r < 0 ? r : places_prune(k->store, now - PLACES_KEPT);
    return r < 0 ? r : record_lost(k);
}

void sweep_minute(struct keeper *k)
{
    struct reply *r = reply_new(REPLY_DISCARD, 0, 0, MSG_NONE);
    attempts_minute(k);
    sealing_minute(k);
    repeats_minute(k);
    confirm_minute(k);
    assertions_minute(k, clock_wall_ms() / 1000);
    if (r == NULL) {
        return;
    }
    r->revokes = call_new(k, &(struct call_input){0});
    if (r->revokes == NULL || turn_run(&k->turn, sweep_step, r->revokes) < 0) {
        log_event(LOG_LEVEL_WARN, "sweep");
        reply_free(r);
    } else {
        k->access_lost = 0;
        turn_reply(&k->turn, r);
    }
}
