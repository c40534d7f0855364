#include "keeper/linked.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/provider.h"
#include "keeper/call.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/mapped.h"
#include "keeper/signin.h"
#include "store/users.h"

/* ---- groups ---- */

/* Is the value in the claim, which is one text or a list of them? */
static bool has_value(const json_t *claim, struct span value)
{
    bool found = json_is_string(claim) && span_eq(json_span(claim), value);
    for (size_t i = 0; i < json_array_size(claim); i++) {
        const json_t *one = json_array_get(claim, i);
        found = found || (json_is_string(one) && span_eq(json_span(one), value));
    }
    return found;
}

static int follow_groups(struct keeper *k, const struct provider_def *def, const char *user,
                         const json_t *claim, struct call *revokes)
{
    struct mapped m;
    mapped_init(&m, def->groups.count);
    for (size_t i = 0; i < def->groups.count; i++) {
        struct provider_group g;
        if (provider_group_parse(span_str(def->groups.name[i]), &g) == 0) {
            mapped_row(&m, g.group, has_value(claim, g.value));
        }
    }
    int r = mapped_follow(k, &m, user, "provider", def->name, revokes);
    mapped_fini(&m);
    return r;
}

/* ---- who it is ---- */

/* Names have no capitals here. "" when it cannot be a name. What stands behind an "@" is the
 * provider's own. */
static void fold_name(struct span login, char name[STORE_NAME_SIZE])
{
    size_t at = span_find(login, '@');
    login = at == SIZE_MAX ? login : span_sub(login, 0, at);
    memset(name, 0, STORE_NAME_SIZE);
    if (login.len >= STORE_NAME_SIZE) {
        return;
    }
    for (size_t i = 0; i < login.len; i++) {
        char b = (char)login.at[i];
        name[i] = b >= 'A' && b <= 'Z' ? (char)(b - 'A' + 'a') : b;
    }
    if (!text_is_name(span_of(name, login.len))) {
        memset(name, 0, STORE_NAME_SIZE);
    }
}

static int record_of(struct keeper *k, enum audit_event event, const char *user,
                     const struct provider_def *def, struct span subject)
{
    struct buf text;
    json_t *detail = json_pack("{s:s,s:o}", "provider", def->name, "subject", json_text(subject));
    buf_init(&text, 4096);
    int r = detail == NULL ? -ENOMEM : json_write(detail, &text);
    r = r < 0 ? r : keeper_audit(k, event, span_str(user), AUDIT_DONE, buf_view(&text));
    json_decref(detail);
    buf_fini(&text);
    return r;
}

static int make_user(struct keeper *k, const struct provider_def *def, const struct oidc_person *p,
                     struct identity *i, const char **why)
{
    uint64_t now = clock_wall_ms() / 1000;
    struct user user;
    *i = (struct identity){.created = now};
    (void)snprintf(i->issuer, sizeof(i->issuer), "%s", def->issuer);
    (void)snprintf(i->subject, sizeof(i->subject), "%.*s", SPAN_FMT(p->subject));
    fold_name(p->name, i->user);
    *why = !def->create ? "unknown" : i->user[0] == '\0' ? "name" : NULL;
    if (*why != NULL) {
        return 0;
    }
    int r = users_find(k->store, i->user, &user);
    if (r != FAULT_ABSENT) {
        *why = r == 0 ? "taken" : NULL;
        return r;
    }
    r = users_add(k->store, i->user, now);
    r = r < 0 ? r : record_of(k, AUDIT_USER_ADDED, i->user, def, p->subject);
    r = r < 0 ? r : identities_add(k->store, i);
    return r < 0 ? r : record_of(k, AUDIT_IDENTITY_LINKED, i->user, def, p->subject);
}

int linked_accept(struct keeper *k, const struct provider_def *def, const struct jwt *t,
                  const struct oidc_person *p, char *user, const char **why, struct call *revokes)
{
    struct identity i;
    struct user u;
    struct span issuer = span_str(def->issuer);
    *why = NULL;
    int r = identities_find(k->store, issuer, p->subject, &i);
    if (r == FAULT_ABSENT) {
        r = make_user(k, def, p, &i, why);
    }
    r = r < 0 || *why != NULL ? r : users_find(k->store, i.user, &u);
    if (r < 0 || *why != NULL) {
        return r;
    }
    (void)snprintf(user, STORE_NAME_SIZE, "%s", i.user);
    if (u.disabled || u.kind != USER_PERSON) {
        *why = u.disabled ? "disabled" : "kind";
        return 0;
    }
    r = identities_used(k->store, issuer, p->subject, clock_wall_ms() / 1000);
    return r < 0 ? r
                 : follow_groups(k, def, i.user, oidc_groups(t, span_str(def->groups_claim)),
                                 revokes);
}

enum assurance linked_level(const struct provider_def *def, const struct oidc_person *p)
{
    enum assurance best = ASSURANCE_PASSWORD;
    struct provider_level row;
    for (size_t i = 0; i < def->assurance.count && !p->stale; i++) {
        if (provider_level_parse(span_str(def->assurance.name[i]), &row) == 0 && row.level > best &&
            oidc_has(p, row.acr, row.value)) {
            best = row.level;
        }
    }
    return best;
}

/* ---- how the provider calls the session ---- */

const char *linked_data(struct call *c, const struct provider_def *def, const struct oidc_person *p)
{
    struct buf text;
    json_t *data = json_pack("{s:s,s:o,s:o}", "issuer", def->issuer, "subject",
                             json_text(p->subject), "sid", json_text(p->sid));
    buf_init(&text, FLOW_DATA_MAX);
    int r = data == NULL ? -ENOMEM : json_write(data, &text);
    const char *copy = r < 0 ? NULL : arena_string(&c->arena, buf_view(&text));
    json_decref(data);
    buf_fini(&text);
    return copy;
}

int linked_remember(struct keeper *k, const struct signin *s)
{
    json_t *data = NULL;
    int r = json_read(s->data, &data, NULL, 0);
    if (r == 0) {
        r = vouches_add(k->store, s->session, json_span(json_object_get(data, "issuer")),
                        json_span(json_object_get(data, "subject")),
                        json_span(json_object_get(data, "sid")));
    }
    json_decref(data);
    return r;
}
