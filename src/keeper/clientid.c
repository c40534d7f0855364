#include "keeper/clientid.h"

#include "base/fault.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "store/users.h"

void clientids_fini(struct clientids *c)
{
    for (size_t i = 0; i < CLIENTID_HELD; i++) {
        clienttrust_unref(c->held[i]);
    }
    *c = (struct clientids){0};
}

/* Borrowed until the next call but CLIENTID_HELD. */
static int trust_of(struct keeper *k, const struct client_def *def, struct clienttrust **ret)
{
    struct clientids *c = &k->clientids;
    if (c->trusts.all.next == NULL) {
        clienttrusts_init(&c->trusts, NULL);
    }
    int r = clienttrust_get(&c->trusts, span_str(def->authorities), span_str(def->lists), ret);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < CLIENTID_HELD; i++) {
        if (c->held[i] == *ret) {
            clienttrust_unref(*ret);
            return 0;
        }
    }
    clienttrust_unref(c->held[c->next]);
    c->held[c->next] = *ret;
    c->next = (c->next + 1) % CLIENTID_HELD;
    return 0;
}

/* Several listeners may have one port, on different addresses: the edge knows which it was, and any
 * of them will do here. */
static int verify(struct keeper *k, const struct clientcert *c, struct span authority, uint64_t now,
                  uint64_t *until)
{
    const struct snapshot *s = live_snapshot(k->live);
    struct span host;
    uint16_t port;
    if (!live_authority(authority, &host, &port)) {
        return FAULT_ABSENT;
    }
    port = snapshot_inner_port(s, port == 0 ? 443 : port);
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener_def *l = &s->listeners[i];
        const struct client_def *def = snapshot_client(s, l, host);
        struct clienttrust *trust;
        int error;
        if (l->port != port || (def->mode != CLIENT_OPTIONAL && def->mode != CLIENT_REQUIRED)) {
            continue;
        }
        int r = trust_of(k, def, &trust);
        if (r < 0) {
            return r;
        }
        if (clienttrust_verify(trust, c->leaf, c->rest, now, &error, until) == 0) {
            return 0;
        }
    }
    return FAULT_ABSENT;
}

/* Several of its names may be in the table, but only of one and the same user: whom a certificate
 * of two people stands for, nobody can say. The first name counts, keys before others. */
static int look_up(struct keeper *k, const struct clientcert_facts *f, struct certificate *ret)
{
    bool found = false;
    for (size_t i = 0; i < f->name_count; i++) {
        struct certificate c;
        int r = certificates_find_value(k->store, f->names[i].kind, f->names[i].text, &c);
        if (r == FAULT_ABSENT) {
            continue;
        }
        if (r < 0) {
            return r;
        }
        if (found && strcmp(c.user, ret->user) != 0) {
            return FAULT_ABSENT;
        }
        if (!found || c.kind < ret->kind) {
            *ret = c;
        }
        found = true;
    }
    return found && !ret->user_disabled ? 0 : FAULT_ABSENT;
}

int clientid_find(struct keeper *k, struct span chain, struct span host, uint64_t now,
                  struct certificate *ret, uint64_t *until)
{
    struct clientcert c;
    struct clientcert_facts f;
    if (chain.len == 0 || k->live == NULL) {
        return FAULT_ABSENT;
    }
    if (clientcert_read(NULL, chain, &c) < 0) {
        return FAULT_ABSENT;
    }
    int r = verify(k, &c, host, now, until);
    if (r == 0 && clientcert_facts(c.leaf, &f) < 0) {
        r = FAULT_ABSENT;
    }
    r = r < 0 ? r : look_up(k, &f, ret);
    clientcert_fini(&c);
    return r;
}

int clientid_proves(struct keeper *k, struct span chain, struct span host, uint64_t now,
                    const char *user, bool *ret)
{
    struct certificate c;
    uint64_t until;
    int r = clientid_find(k, chain, host, now, &c, &until);
    *ret = r == 0 && c.user_kind == USER_PERSON && strcmp(c.user, user) == 0;
    if (*ret) {
        clientid_note(k, &c, now);
    }
    return r == FAULT_ABSENT ? 0 : r;
}

/* ---- used ---- */

struct use {
    const struct certificate *certificate;
    uint64_t now;
};

static int use_step(struct keeper *k, void *context)
{
    const struct use *u = context;
    return certificates_touch(k->store, u->certificate->id, u->now);
}

void clientid_note(struct keeper *k, const struct certificate *c, uint64_t now)
{
    struct use u = {c, now};
    int r = c->last_used + 60 <= now ? turn_run(&k->turn, use_step, &u) : 0;
    if (r < 0) {
        log_fault(LOG_LEVEL_WARN, "certificate_use", r, "the time of a certificate's use was lost");
    }
}
