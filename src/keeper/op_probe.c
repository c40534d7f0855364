#include <errno.h>

#include "base/fault.h"
#include "conf/spelling.h"
#include "conf/upstream.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

/* A host name in the body, or the fallback when there is none. false: the call has ended. */
static bool host_member(struct call *c, const char *member, struct span fallback, struct span *ret)
{
    struct addr a;
    *ret = call_member(c, member) == NULL ? fallback : call_string(c, member);
    if (call_member(c, member) == NULL || spelling_host(*ret) || addr_parse(*ret, &a) == 0) {
        return true;
    }
    (void)call_problem(c, 400, member, "expected a host name in lower case, or an address");
    return false;
}

/* false: the call has ended with a problem. */
static bool read_question(struct call *c, struct msg_probe *ret)
{
    struct upstream_def u;
    struct complaint why = {.hint = ""};
    struct addr a;
    if (upstream_def_parse(call_string(c, "url"), &c->arena, &u, &why) < 0) {
        (void)call_problem(c, 400, "url", "expected %s", why.expected);
        return false;
    }
    if (u.scheme != UPSTREAM_HTTPS) {
        (void)call_problem(c, 400, "url", "expected https://HOST:PORT: only TLS has a certificate");
        return false;
    }
    struct span host = span_str(u.host);
    struct span sni, name;
    if (!host_member(c, "sni", u.named ? host : SPAN_NONE, &sni) ||
        !host_member(c, "name", host, &name)) {
        return false;
    }
    *ret = (struct msg_probe){.host = host, .port = u.port, .expected = name};
    /* An address is no server name (RFC 6066 section 3). */
    ret->sni = addr_parse(sni, &a) == 0 ? SPAN_NONE : sni;
    return true;
}

static int ask(struct call *c, const struct msg_probe *question)
{
    if (!probes_admit(&c->keeper->probes, c, MSG_PROBE)) {
        return 0;
    }
    struct writer w = writer_into(c->keeper->scratch, MSG_PACKET_MAX);
    msg_probe_encode(&w, question);
    int r = writer_finish(&w);
    return r < 0 ? r : call_ask(c, 0, MSG_PROBE, span_of(w.at, w.len), PROBES_PATIENCE_MS);
}

int op_probe(struct call *c)
{
    struct msg_probe question;
    const struct call_errand *e = call_told(c, 0);
    if (!read_question(c, &question)) {
        return 0;
    }
    if (e == NULL) {
        return ask(c, &question);
    }
    if (e->fault == FAULT_ABSENT || e->fault == FAULT_BUSY) {
        c->retry_after = 1;
        return call_problem(c, 503, NULL,
                            e->fault == FAULT_BUSY ? "the courier is busy; try again"
                                                   : "the courier is not running; try again");
    }
    json_t *seen = probes_json(e->fault, buf_view(&e->answer));
    json_t *answer = json_pack("{s:o,s:o,s:o}", "url", json_text(call_string(c, "url")), "sni",
                               json_text(question.sni), "name", json_text(question.expected));
    json_t *detail = json_pack("{s:o}", "fault", json_incref(json_object_get(seen, "fault")));
    int r = answer == NULL || json_object_update(answer, seen) != 0
                ? -ENOMEM
                : call_audit(c, AUDIT_UPSTREAM_PROBED, call_string(c, "url"), json_incref(detail));
    json_decref(seen);
    json_decref(detail);
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}
