#include <errno.h>

#include "base/fault.h"
#include "conf/spelling.h"
#include "conf/upstream.h"
#include "keeper/json.h"
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
static bool read_question(struct call *c)
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
    c->probe = (struct msg_probe){.host = host, .port = u.port, .expected = name};
    /* An address is no server name (RFC 6066 section 3). */
    c->probe.sni = addr_parse(sni, &a) == 0 ? SPAN_NONE : sni;
    return true;
}

int op_probe(struct call *c)
{
    if (!read_question(c)) {
        return 0;
    }
    if (c->probed == NULL) {
        c->need = CALL_PROBE;
        return 0;
    }
    json_t *answer = json_pack("{s:o,s:o,s:o}", "url", json_text(call_string(c, "url")), "sni",
                               json_text(c->probe.sni), "name", json_text(c->probe.expected));
    if (answer == NULL || json_object_update(answer, c->probed) != 0) {
        json_decref(answer);
        return -ENOMEM;
    }
    int r =
        call_audit(c, AUDIT_UPSTREAM_PROBED, call_string(c, "url"),
                   json_pack("{s:o}", "fault", json_incref(json_object_get(c->probed, "fault"))));
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}
