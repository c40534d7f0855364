#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "identity/token.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "pki/certname.h"
#include "store/certificates.h"
#include "store/tokens.h"

static json_t *certificate_json(const struct certificate *c)
{
    const char *kind = certname_kind_name((enum certname_kind)c->kind);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:o,s:b}", "name", c->name, "user", c->user, "good",
                     c->user_kind == USER_SERVICE ? "alone" : "factor", "kind",
                     kind == NULL ? "unknown" : kind, "value", c->value, "created",
                     json_time(c->created), "last_used", json_time(c->last_used), "user_disabled",
                     c->user_disabled);
}

static int each_certificate(void *context, const struct certificate *certificate)
{
    struct op_rows *rows = context;
    rows->seen++;
    rows->last = certificate->seq;
    return json_push(rows->items, certificate_json(certificate));
}

int op_certificates_list(struct call *c)
{
    struct page page;
    struct span user = SPAN_NONE;
    if (!op_page(c, &page)) {
        return 0;
    }
    int r = call_query(c, "user", &user);
    if (r < 0 && r != FAULT_ABSENT) {
        return call_problem(c, 400, "user", "expected a name");
    }
    struct op_rows rows = {.call = c, .items = json_array(), .limit = page.limit};
    r = certificates_list(c->keeper->store, user.len > 0 ? arena_string(&c->arena, user) : NULL,
                          &page, each_certificate, &rows);
    return op_list_done(&rows, r, "certificates", true);
}

int op_certificates_get(struct call *c)
{
    const char *name = op_name(c, 0, "certificate");
    struct certificate found;
    if (name == NULL) {
        return 0;
    }
    int r = certificates_find(c->keeper->store, name, &found);
    return r < 0 ? call_fault(c, r, "certificate") : call_answer(c, 200, certificate_json(&found));
}

/* Exactly one of the kinds; false: the call has ended with a problem. */
static bool read_value(struct call *c, struct certificate *to)
{
    size_t count = 0;
    for (unsigned i = CERTNAME_SPKI; i <= CERTNAME_SUBJECT; i++) {
        const char *kind = certname_kind_name((enum certname_kind)i);
        struct span text = call_string(c, kind);
        if (text.len == 0) {
            continue;
        }
        count++;
        to->kind = i;
        if (certname_read((enum certname_kind)i, text, to->value) < 0) {
            (void)call_problem(c, 400, kind, "no such name can stand in a certificate");
            return false;
        }
    }
    if (count != 1) {
        (void)call_problem(c, 400, NULL, "expected one of spki, email, dns, uri and subject");
        return false;
    }
    return true;
}

static bool read_certificate(struct call *c, struct certificate *to)
{
    struct span name = call_string(c, "name"), user = call_string(c, "user");
    if (!text_is_name(name) || !text_is_name(user)) {
        (void)call_problem(c, 400, text_is_name(name) ? "user" : "name", "not a well-formed name");
        return false;
    }
    (void)snprintf(to->name, sizeof(to->name), "%.*s", SPAN_FMT(name));
    (void)snprintf(to->user, sizeof(to->user), "%.*s", SPAN_FMT(user));
    return read_value(c, to);
}

/* Rules call programs by one name, whether they come with a token or with a certificate. */
static int name_is_free(struct call *c, const char *name)
{
    struct token t;
    int r = tokens_find_name(c->keeper->store, name, &c->arena, &t);
    return r == FAULT_ABSENT ? 0 : r == 0 ? FAULT_EXISTS : r;
}

int op_certificates_add(struct call *c)
{
    struct certificate new = {.created = c->now_ms / 1000};
    struct user user;
    if (!read_certificate(c, &new)) {
        return 0;
    }
    int r = roles_guard(c, new.user);
    if (r <= 0) {
        return r;
    }
    r = users_find(c->keeper->store, new.user, &user);
    if (r == FAULT_ABSENT) {
        return call_problem(c, 400, "user", "no such user");
    }
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    if (user.kind == USER_BREAK_GLASS) {
        return call_problem(c, 400, "user", "an account for emergencies has no certificates");
    }
    new.user_kind = (uint32_t)user.kind;
    new.user_disabled = user.disabled;
    r = name_is_free(c, new.name);
    r = r < 0 ? r : token_new_id(new.id);
    r = r < 0 ? r : certificates_add(c->keeper->store, &new);
    if (r < 0) {
        return call_fault(c, r, "certificate");
    }
    r = call_audit(c, AUDIT_CERTIFICATE_ADDED, span_str(new.name),
                   json_pack("{s:s,s:s,s:s}", "user", new.user, "kind",
                             certname_kind_name((enum certname_kind) new.kind), "value",
                             new.value));
    return r < 0 ? r : call_answer(c, 201, certificate_json(&new));
}

int op_certificates_remove(struct call *c)
{
    const char *name = op_name(c, 0, "certificate");
    struct certificate old;
    if (name == NULL) {
        return 0;
    }
    int r = certificates_find(c->keeper->store, name, &old);
    r = r < 0 ? call_fault(c, r, "certificate") : roles_guard(c, old.user);
    if (r <= 0) {
        return r;
    }
    r = certificates_remove(c->keeper->store, name);
    if (r < 0) {
        return call_fault(c, r, "certificate");
    }
    r = call_revoke(c, REVOKE_TOKEN, span_of(old.id, sizeof(old.id)));
    r = r < 0 ? r
              : call_audit(c, AUDIT_CERTIFICATE_REMOVED, span_str(name),
                           json_pack("{s:s}", "user", old.user));
    return r < 0 ? r : call_answer(c, 200, json_object());
}
