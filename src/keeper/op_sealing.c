#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

static json_t *key_json(const struct seal_ring *ring, size_t i)
{
    char id[2 * SEAL_ID_SIZE + 1];
    if (i >= ring->count) {
        return json_null();
    }
    text_hex(id, span_of(ring->keys[i].id, SEAL_ID_SIZE));
    return json_string(id);
}

static int answer(struct call *c, json_t *sealed)
{
    const struct seal_ring *ring = &c->keeper->sealing.ring;
    return call_answer(c, 200,
                       json_pack("{s:o,s:o,s:s,s:o}", "key", key_json(ring, 0), "previous",
                                 key_json(ring, 1), "algorithm", "AES-256-SIV", "sealed", sealed));
}

int op_sealing_show(struct call *c)
{
    return answer(c, json_null());
}

int op_sealing_rotate(struct call *c)
{
    uint64_t count = 0;
    int r = sealing_rotate(c->keeper, &count);
    if (r == FAULT_BUSY) {
        return call_problem(c, 409, NULL, "the last rotation ends within a minute");
    }
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "sealing_rotate", r, "no new key seals");
        return call_problem(c, 503, NULL, "the keys could not be read or written, see the log");
    }
    log_event(LOG_LEVEL_INFO, "sealing_rotated");
    return answer(c, json_integer((json_int_t)count));
}
