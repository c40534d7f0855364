#include "edge/jwks.h"

#include "base/fault.h"
#include "edge/edge.h"
#include "edge/keeper.h"
#include "edge/portal.h"

#define FRESH_MS 10000u
#define BODY_MAX 4096u

void jwks_init(struct jwks *j)
{
    buf_init(&j->body, BODY_MAX);
    j->asked_ms = 0;
}

void jwks_fini(struct jwks *j)
{
    buf_fini(&j->body);
}

/* Consoles keep it for five minutes, and look again at once when they meet a key that they do not
 * know. */
static void send_keys(struct exchange *x)
{
    struct answer a = {.status = 200, .type = "application/jwk-set+json"};
    a.body = arena_copy(&x->arena, buf_view(&x->edge->jwks.body));
    if (a.body.at == NULL) {
        portal_send_fault(x, FAULT_STORE);
        return;
    }
    answer_add(&a, "Cache-Control", SPAN("public, max-age=300"));
    answer_send(x, &a);
}

static void on_keys(void *owner, int fault, struct span payload)
{
    struct exchange *x = owner;
    struct jwks *j = &x->edge->jwks;
    struct msg_page page = {0};
    x->ask = NULL;
    if (x->state != EXCHANGE_ASKING)
        return;
    if (fault == 0)
        fault = msg_page_decode(payload, &page);
    if (fault == 0 && page.status != 200)
        fault = FAULT_STORE;
    if (fault == 0) {
        buf_clear(&j->body);
        fault = buf_append(&j->body, page.body);
    }
    j->asked_ms = fault == 0 ? edge_now(x->edge) : 0;
    if (fault < 0)
        portal_send_fault(x, FAULT_STORE);
    else
        send_keys(x);
}

void jwks_enter(struct exchange *x)
{
    const struct jwks *j = &x->edge->jwks;
    if (j->asked_ms != 0 && edge_now(x->edge) - j->asked_ms < FRESH_MS) {
        send_keys(x);
        return;
    }
    struct msg_verb m = {.kind = CREDENTIAL_NONE,
                         .host = x->request.authority,
                         .method = SPAN("GET"),
                         .path = SPAN(JWKS_PATH),
                         .request_id = span_str(x->id_text)};
    memcpy(m.source, x->source.byte, sizeof(m.source));
    exchange_enter(x, EXCHANGE_ASKING);
    int rc = keeper_ask_verb(x->edge, &m, on_keys, x, &x->ask);
    if (rc < 0)
        portal_send_fault(x, FAULT_STORE);
}
