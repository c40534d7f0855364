/* The one place where the keeper appends to the trail. */
#include "base/clock.h"
#include "keeper/events.h"
#include "keeper/keeper.h"

int keeper_record(struct keeper *k, struct audit_draft *draft)
{
    draft->wall_ms = clock_wall_ms();
    int r = audit_append(k->store, draft, NULL);
    if (r == 0) {
        k->turn.audited = true;
        k->turn.topics |= events_topics(draft->event);
        r = notices_tell(k, draft);
    }
    return r < 0 ? r : 0;
}

int keeper_audit(struct keeper *k, enum audit_event event, struct span target,
                 enum audit_outcome outcome, struct span detail)
{
    struct audit_draft draft = {
        .event = event,
        .actor_kind = AUDIT_SYSTEM,
        .actor = SPAN("keeper"),
        .target = target,
        .outcome = outcome,
        .detail = detail,
    };
    return keeper_record(k, &draft);
}
