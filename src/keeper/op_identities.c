/* Who a user is at OpenID providers. An identity is a way to sign in: only the person's own sign-in
 * makes one, where the provider may, or whoever owns this host. */
#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/providers.h"
#include "store/identities.h"

/* The name that the configuration has for the issuer, or null. */
static json_t *provider_name(struct keeper *k, const char *issuer)
{
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    for (size_t i = 0; s != NULL && i < s->provider_count; i++) {
        if (strcmp(s->providers[i].issuer, issuer) == 0) {
            return json_string(s->providers[i].name);
        }
    }
    return json_null();
}

struct rows {
    struct call *call;
    json_t *items;
};

static int each_identity(void *context, const struct identity *i)
{
    struct rows *rows = context;
    return json_push(rows->items,
                     json_pack("{s:o,s:s,s:o,s:o,s:o}", "provider",
                               provider_name(rows->call->keeper, i->issuer), "issuer", i->issuer,
                               "subject", json_text(span_str(i->subject)), "created",
                               json_time(i->created), "used", json_time(i->used)));
}

int op_identities_list(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    struct user user;
    struct rows rows = {.call = c};
    int r = name == NULL ? 0 : users_find(c->keeper->store, name, &user);
    if (name == NULL || r < 0) {
        return name == NULL ? 0 : call_fault(c, r, "user");
    }
    rows.items = json_array();
    r = rows.items == NULL ? -ENOMEM
                           : identities_list(c->keeper->store, name, each_identity, &rows);
    if (r < 0) {
        json_decref(rows.items);
        return r;
    }
    return call_answer(c, 200, json_pack("{s:o}", "identities", rows.items));
}

/* NULL: the call has ended with a problem. */
static const struct provider_def *provider_of(struct call *c)
{
    struct span name = call_string(c, "provider");
    const struct provider_def *def = providers_def(c->keeper, name);
    if (def == NULL) {
        (void)call_problem(c, 404, "provider", "the configuration has no such provider");
    }
    return def;
}

static int record(struct call *c, enum audit_event event, const char *user,
                  const struct provider_def *def)
{
    json_t *detail = json_pack("{s:s,s:o}", "provider", def->name, "subject",
                               json_text(call_string(c, "subject")));
    return detail == NULL ? -ENOMEM : call_audit(c, event, span_str(user), detail);
}

int op_identities_link(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    const struct provider_def *def = name == NULL ? NULL : provider_of(c);
    struct span subject = call_string(c, "subject");
    struct identity i = {.created = c->now_ms / 1000};
    struct user user;
    if (def == NULL) {
        return 0;
    }
    for (size_t n = 0; n < subject.len; n++) {
        if (subject.at[n] < 0x21 || subject.at[n] > 0x7e) {
            subject.len = 0;
        }
    }
    if (subject.len == 0 || subject.len > IDENTITY_SUBJECT_MAX) {
        return call_problem(c, 400, "subject", "expected 1 to 255 letters without blanks");
    }
    int r = users_find(c->keeper->store, name, &user);
    if (r == 0 && user.kind != USER_PERSON) {
        return call_problem(c, 409, NULL, "this account is not a person's");
    }
    (void)snprintf(i.issuer, sizeof(i.issuer), "%s", def->issuer);
    (void)snprintf(i.subject, sizeof(i.subject), "%.*s", SPAN_FMT(subject));
    (void)snprintf(i.user, sizeof(i.user), "%s", name);
    r = r < 0 ? r : identities_add(c->keeper->store, &i);
    if (r < 0) {
        return call_fault(c, r, r == FAULT_ABSENT ? "user" : "identity");
    }
    r = record(c, AUDIT_IDENTITY_LINKED, name, def);
    return r < 0 ? r : op_identities_list(c);
}

int op_identities_unlink(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    const struct provider_def *def = name == NULL ? NULL : provider_of(c);
    if (def == NULL) {
        return 0;
    }
    int r =
        identities_remove(c->keeper->store, name, span_str(def->issuer), call_string(c, "subject"));
    if (r < 0) {
        return call_fault(c, r, "identity");
    }
    r = record(c, AUDIT_IDENTITY_UNLINKED, name, def);
    return r < 0 ? r : op_identities_list(c);
}
