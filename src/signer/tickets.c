#include "signer/tickets.h"

#include "base/rng.h"

int tickets_init(struct tickets *t, uint64_t now_ms)
{
    *t = (struct tickets){.rotated_at = now_ms};
    int rc = secret_init(&t->keys, TICKETS_LEN);
    if (rc == 0)
        rc = rng_fill(t->keys.at, TICKETS_LEN);
    if (rc < 0)
        tickets_fini(t);
    return rc;
}

void tickets_fini(struct tickets *t)
{
    secret_fini(&t->keys);
}

int tickets_rotate(struct tickets *t, uint64_t now_ms)
{
    uint8_t fresh[TICKET_KEY_LEN];
    int rc = rng_fill(fresh, sizeof(fresh));
    if (rc < 0)
        return rc;
    memcpy(t->keys.at + TICKET_KEY_LEN, t->keys.at, TICKET_KEY_LEN);
    memcpy(t->keys.at, fresh, TICKET_KEY_LEN);
    secret_wipe(fresh, sizeof(fresh));
    t->rotated_at = now_ms;
    t->rotations++;
    return 0;
}

uint64_t tickets_due(const struct tickets *t, uint64_t now_ms)
{
    uint64_t age = now_ms - t->rotated_at;
    return age >= TICKETS_ROTATE_MS ? 0 : TICKETS_ROTATE_MS - age;
}
