#include "supervisor/rollout.h"

#include <assert.h>

#include "base/fault.h"

void rollout_begin(struct rollout *r, uint64_t number)
{
    assert(r->phase == ROLLOUT_IDLE);
    r->phase = ROLLOUT_PREPARING;
    r->number = number;
    r->count = 0;
}

int rollout_add(struct rollout *r, uint64_t key)
{
    assert(r->phase == ROLLOUT_PREPARING);
    if (r->count >= ROLLOUT_MEMBERS_MAX)
        return FAULT_LIMIT;
    r->members[r->count++] = (struct rollout_member){.key = key};
    return 0;
}

static struct rollout_member *member_find(struct rollout *r, uint64_t key)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->members[i].key == key)
            return &r->members[i];
    }
    return NULL;
}

bool rollout_has(const struct rollout *r, uint64_t key)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->members[i].key == key)
            return r->phase != ROLLOUT_IDLE;
    }
    return false;
}

static bool all_done(const struct rollout *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (!r->members[i].done)
            return false;
    }
    return true;
}

enum rollout_step rollout_step(struct rollout *r)
{
    if (r->phase == ROLLOUT_IDLE || !all_done(r))
        return ROLLOUT_WAIT;
    if (r->phase == ROLLOUT_COMMITTING) {
        r->phase = ROLLOUT_IDLE;
        return ROLLOUT_SETTLE;
    }
    r->phase = ROLLOUT_COMMITTING;
    for (size_t i = 0; i < r->count; i++)
        r->members[i].done = false;
    return ROLLOUT_COMMIT;
}

enum rollout_step rollout_prepared(struct rollout *r, uint64_t key, uint64_t number, bool ok)
{
    struct rollout_member *m = member_find(r, key);
    if (r->phase != ROLLOUT_PREPARING || number != r->number || m == NULL)
        return ROLLOUT_WAIT;
    if (!ok) {
        r->phase = ROLLOUT_IDLE;
        return ROLLOUT_ABORT;
    }
    m->done = true;
    return rollout_step(r);
}

enum rollout_step rollout_committed(struct rollout *r, uint64_t key, uint64_t number)
{
    struct rollout_member *m = member_find(r, key);
    if (r->phase != ROLLOUT_COMMITTING || number != r->number || m == NULL)
        return ROLLOUT_WAIT;
    m->done = true;
    return rollout_step(r);
}

enum rollout_step rollout_gone(struct rollout *r, uint64_t key)
{
    struct rollout_member *m = member_find(r, key);
    if (r->phase == ROLLOUT_IDLE || m == NULL)
        return ROLLOUT_WAIT;
    if (r->phase == ROLLOUT_PREPARING) {
        r->phase = ROLLOUT_IDLE;
        return ROLLOUT_ABORT;
    }
    m->done = true;
    return rollout_step(r);
}

enum rollout_step rollout_expire(struct rollout *r)
{
    if (r->phase == ROLLOUT_IDLE)
        return ROLLOUT_WAIT;
    enum rollout_step step = r->phase == ROLLOUT_PREPARING ? ROLLOUT_ABORT : ROLLOUT_SETTLE;
    r->phase = ROLLOUT_IDLE;
    return step;
}

bool rollout_late(const struct rollout *r, uint64_t key)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->members[i].key == key)
            return !r->members[i].done;
    }
    return false;
}
