#include "keeper/reply.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "keeper/call.h"
#include "keeper/control.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "store/tokens.h"

struct reply *reply_new(enum reply_target target, uint64_t to, uint32_t serial, enum msg_type type)
{
    struct reply *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    list_init(&r->link);
    r->target = target;
    r->to = to;
    r->serial = serial;
    r->type = type;
    buf_init(&r->packet, MSG_PACKET_MAX);
    r->packet.wipe = true;
    return r;
}

void reply_free(struct reply *r)
{
    if (r == NULL) {
        return;
    }
    call_free(r->call);
    call_free(r->revokes);
    buf_fini(&r->packet);
    free(r);
}

void reply_encode(struct keeper *k, struct reply *r, enum msg_type type, const void *message)
{
    struct writer w = writer_into(k->scratch, MSG_PACKET_MAX);
    switch ((unsigned)type) {
    case MSG_VIEW:
        msg_view_encode(&w, message);
        break;
    case MSG_LOGIN_IS:
        msg_login_is_encode(&w, message);
        break;
    case MSG_HANDOVER_IS:
        msg_handover_is_encode(&w, message);
        break;
    case MSG_REDEEM_IS:
        msg_redeem_is_encode(&w, message);
        break;
    case MSG_LOGOUT_IS:
        msg_logout_is_encode(&w, message);
        break;
    case MSG_PAGE:
        msg_page_encode(&w, message);
        break;
    default:
        w.bad = true;
    }
    r->type = type;
    int n = writer_finish(&w);
    buf_clear(&r->packet);
    if (n < 0 || buf_append(&r->packet, span_of(k->scratch, (size_t)n)) < 0) {
        r->failed = true;
    }
    /* What was encoded may be a session key. */
    secret_wipe(k->scratch, w.len);
}

/* Every kind of answer has its way to say that the keeper cannot say. */
static void encode_failure(struct keeper *k, struct reply *r)
{
    r->failed = false;
    switch ((unsigned)r->type) {
    case MSG_VIEW:
        reply_encode(k, r, MSG_VIEW, &(struct msg_view){.status = VIEW_FAILED});
        break;
    case MSG_LOGIN_IS:
        reply_encode(k, r, MSG_LOGIN_IS, &(struct msg_login_is){.result = LOGIN_FAILED});
        break;
    case MSG_HANDOVER_IS:
        reply_encode(k, r, MSG_HANDOVER_IS, &(struct msg_handover_is){.result = HANDOVER_FAILED});
        break;
    case MSG_REDEEM_IS:
        reply_encode(k, r, MSG_REDEEM_IS, &(struct msg_redeem_is){.result = HANDOVER_FAILED});
        break;
    case MSG_LOGOUT_IS:
        reply_encode(k, r, MSG_LOGOUT_IS, &(struct msg_logout_is){.ok = 0});
        break;
    default:
        break;
    }
}

static void add_revoked(struct keeper *k, struct reply *r)
{
    struct call *c = r->call;
    if (r->epoch == 0 || !json_is_object(c->answer)) {
        return;
    }
    unsigned acked = 0;
    (void)revoke_settled(k, r->epoch, &acked);
    json_t *revoked = json_pack("{s:i,s:I}", "edges", (int)acked, "ms",
                                (json_int_t)(clock_mono_ms() - r->epoch_since));
    (void)json_put(c->answer, "revoked", revoked);
}

/* Rules and lists of access call a program by its own name. */
static void name_principal(const struct actor *a, struct msg_page *page)
{
    page->principal_kind = (uint8_t)a->kind;
    if (a->token != NULL) {
        page->principal = span_str(a->token->name);
        memcpy(page->session, a->token->id, sizeof(page->session));
    } else if (a->user != NULL && a->user[0] != '\0') {
        page->principal = span_str(a->user);
        memcpy(page->session, a->session, sizeof(page->session));
    } else {
        page->principal_kind = CREDENTIAL_NONE;
    }
}

static void render_call(struct keeper *k, struct reply *r)
{
    struct call *c = r->call;
    if (r->failed) {
        r->failed = false;
        call_reset(c);
        (void)call_problem(c, 503, NULL, "the change could not be stored; nothing was changed");
    }
    add_revoked(k, r);
    struct buf body;
    buf_init(&body, r->target == REPLY_EDGE ? 131072 : FRAME_ANSWER_MAX - 1024);
    body.wipe = true;
    const char *type = "";
    if (call_render(c, &body, &type) < 0) {
        call_reset(c);
        buf_clear(&body);
        (void)call_problem(c, 413, NULL, "the answer is too large; ask for less with limit=");
        if (call_render(c, &body, &type) < 0) {
            buf_clear(&body);
        }
    }
    if (r->target == REPLY_EDGE) {
        struct msg_page page = {.status = (uint16_t)c->status,
                                .type = span_str(type),
                                .location = span_str(c->location),
                                .away = span_str(c->away),
                                .retry_after = c->retry_after,
                                .body = buf_view(&body),
                                .sso = c->set_sso,
                                .console = c->set_console,
                                .flow = c->set_flow,
                                .etag = span_str(c->etag),
                                .allow = span_str(c->allow),
                                .topics = c->topics,
                                .next = c->export_next};
        name_principal(&c->actor, &page);
        reply_encode(k, r, MSG_PAGE, &page);
    } else {
        control_answer(k, r->to, c->status, c->etag, buf_view(&body));
    }
    buf_fini(&body);
}

void reply_send(struct keeper *k, struct reply *r)
{
    list_remove(&r->link);
    if (r->target == REPLY_DISCARD) {
        reply_free(r);
        return;
    }
    if (r->call != NULL) {
        render_call(k, r);
    }
    if (r->failed) {
        encode_failure(k, r);
    }
    struct peer *p = r->target == REPLY_EDGE ? peer_find(k, r->to) : NULL;
    if (p != NULL && !r->failed) {
        struct span payload = buf_view(&r->packet);
        peer_settle(p, channel_send(&p->channel, r->type, r->serial, payload.at, payload.len, -1));
    } else if (p != NULL) {
        log_event(LOG_LEVEL_ERROR, "reply_lost");
    }
    reply_free(r);
}
