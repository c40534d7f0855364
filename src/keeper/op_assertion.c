#include <errno.h>

#include "base/fault.h"
#include "base/log.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

static json_t *jwks_json(const struct keeper *k, uint64_t now)
{
    struct buf text;
    buf_init(&text, 4096);
    int r = assertions_jwks(&k->assertions, now, &text);
    struct span view = buf_view(&text);
    json_t *value = r < 0 ? NULL : json_loadb((const char *)view.at, view.len, 0, NULL);
    buf_fini(&text);
    return value;
}

int op_jwks(struct call *c)
{
    return call_answer(c, 200, jwks_json(c->keeper, c->now_ms / 1000));
}

static json_t *previous_json(const struct assertions *a, uint64_t now)
{
    return assertions_has_previous(a, now)
               ? json_pack("{s:s,s:o}", "kid", a->previous.kid, "published_until",
                           json_time(a->previous.at + ASSERTIONS_PUBLISHED))
               : json_null();
}

int op_assertion_show(struct call *c)
{
    const struct assertions *a = &c->keeper->assertions;
    uint64_t now = c->now_ms / 1000;
    struct buf issuer;
    if (a->current.pkey == NULL) {
        return call_problem(c, 503, NULL,
                            "there is no key: the file could not be read, see the log");
    }
    buf_init(&issuer, 512);
    op_portal_url(c->keeper, &issuer);
    int r = call_answer(c, 200,
                        json_pack("{s:o,s:s,s:s,s:o,s:o,s:i,s:o}", "issuer",
                                  json_text(buf_view(&issuer)), "kid", a->current.kid, "algorithm",
                                  "ES256", "made", json_time(a->current.at), "rotates",
                                  json_time(a->current.at + ASSERTIONS_ROTATE), "life_seconds",
                                  (int)ASSERTION_LIFE, "previous", previous_json(a, now)));
    buf_fini(&issuer);
    return r;
}

int op_assertion_rotate(struct call *c)
{
    struct assertions *a = &c->keeper->assertions;
    bool revoke = call_flag(c, "revoke");
    json_t *detail = json_pack("{s:s,s:b}", "before", a->current.kid, "revoked", (int)revoke);
    if (detail == NULL) {
        return -ENOMEM;
    }
    /* The record names the new key, so the key comes first; a record that then cannot be stored is
     * at least said here. */
    int r = assertions_rotate(a, revoke, c->now_ms / 1000);
    if (r < 0) {
        json_decref(detail);
        log_fault(LOG_LEVEL_ERROR, "assertion_rotate", r, "the old key stays");
        return call_problem(c, 503, NULL, "the new key could not be written");
    }
    log_event(LOG_LEVEL_INFO, "assertion_rotated");
    r = call_audit(c, AUDIT_ASSERTION_KEY, span_str(a->current.kid), detail);
    r = r < 0 ? r : call_revoke(c, REVOKE_ALL, SPAN_NONE);
    return r < 0 ? r : op_assertion_show(c);
}
