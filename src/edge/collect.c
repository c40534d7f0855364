/* A small request body, collected for a room that works on the whole of it. */
#include <errno.h>

#include "base/fault.h"
#include "edge/conn.h"

static void collected(struct exchange *x, int fault)
{
    collect_done done = x->on_collected;
    x->on_collected = NULL;
    done(x, fault < 0 ? SPAN_NONE : x->collected, fault);
}

static int collect_append(struct exchange *x, struct span data)
{
    size_t len = x->collected.len, need = len + data.len;
    if (need > x->collect_cap)
        return FAULT_LIMIT;
    if (need > x->collect_room) {
        size_t room = x->request.framing == BODY_LENGTH ? (size_t)x->request.length : 2 * need;
        if (room > x->collect_cap)
            room = x->collect_cap;
        uint8_t *fresh = arena_alloc(&x->arena, room);
        if (fresh == NULL)
            return FAULT_LIMIT;
        uint8_t *old = (uint8_t *)(uintptr_t)x->collected.at;
        if (len > 0) {
            memcpy(fresh, old, len);
            memset(old, 0, len);
        }
        x->collected.at = fresh;
        x->collect_room = room;
    }
    if (data.len > 0)
        memcpy((uint8_t *)(uintptr_t)x->collected.at + len, data.at, data.len);
    x->collected.len = need;
    return 0;
}

bool collect_ask(struct exchange *x)
{
    if (!x->request.expect_continue || x->continued)
        return true;
    x->continued = true;
    return conn_write(x->conn, SPAN("HTTP/1.1 100 Continue\r\n\r\n")) == 0;
}

bool collect_step(struct exchange *x)
{
    struct conn *c = x->conn;
    struct span data;
    int rc = 0;
    if (x->on_collected == NULL)
        return false;
    if (x->request.framing == BODY_LENGTH && x->request.length > x->collect_cap) {
        collected(x, FAULT_LIMIT);
        return true;
    }
    if (!x->body.done && !collect_ask(x)) {
        conn_retire(c);
        return false;
    }
    while (!x->body.done && rc == 0) {
        rc = conn_body(c, &data);
        if (rc == 0)
            return false;
        if (rc < 0 && rc != FAULT_FORMAT) {
            conn_retire(c);
            return false;
        }
        conn_progress(c);
        if (rc > 0)
            rc = collect_append(x, data);
        int kept = conn_body_used(c);
        rc = rc < 0 ? rc : kept;
    }
    if (rc == FAULT_LIMIT)
        x->close = true;
    if (rc < 0 && rc != FAULT_LIMIT)
        return conn_refuse(x, 400, "The request body is not well-formed.", "body");
    collected(x, rc);
    return true;
}
