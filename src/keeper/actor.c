#include "keeper/actor.h"

#include <errno.h>

#include "base/fault.h"
#include "conf/pattern.h"
#include "identity/session.h"
#include "identity/token.h"
#include "keeper/keeper.h"
#include "keeper/usage.h"
#include "pki/clientcert.h"
#include "store/users.h"

#define GROUPS_MAX 4096u

static bool host_fits(const struct keeper *k, enum credential_kind kind, const struct session *s,
                      struct span host)
{
    if (kind == CREDENTIAL_CHILD) {
        return span_is(host, s->host);
    }
    return k->live != NULL && live_is_portal(k->live, host);
}

int session_resolve(struct keeper *k, enum credential_kind kind, struct span token,
                    struct span host, uint64_t now, struct session *ret, enum view_status *status)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    *status = VIEW_UNKNOWN;
    if (!token_is_shaped(token)) {
        return 0;
    }
    int r = token_hash(token, hash);
    if (r < 0) {
        return r;
    }
    r = sessions_find_key(k->store, (uint8_t)kind, hash, ret);
    if (r == FAULT_ABSENT) {
        return 0;
    }
    if (r < 0) {
        return r;
    }
    if (ret->child != (kind == CREDENTIAL_CHILD) || !session_is_live(ret, now)) {
        return 0;
    }
    if (ret->child) {
        struct session parent;
        r = sessions_find(k->store, ret->parent, &parent);
        if (r == FAULT_ABSENT) {
            return 0;
        }
        if (r < 0) {
            return r;
        }
        if (!session_is_live(&parent, now)) {
            return 0;
        }
    }
    *status = host_fits(k, kind, ret, host) ? VIEW_OK : VIEW_WRONG_HOST;
    return 0;
}

int token_resolve(struct keeper *k, struct span text, uint64_t now, struct arena *arena,
                  struct token *ret, enum view_status *status)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    *status = VIEW_UNKNOWN;
    if (!token_is_shaped_api(text)) {
        return 0;
    }
    int r = token_hash(text, hash);
    if (r < 0) {
        return r;
    }
    r = tokens_find_hash(k->store, hash, arena, ret);
    if (r == FAULT_ABSENT) {
        return 0;
    }
    if (r < 0) {
        return r;
    }
    bool good = ret->revoked == 0 && !ret->owner_disabled &&
                (ret->expires == 0 || now < ret->expires) &&
                (!ret->by_former || now < ret->former_ends);
    *status = good ? VIEW_OK : VIEW_UNKNOWN;
    return 0;
}

static int fill_user(struct call *c, const char *user)
{
    struct actor *a = &c->actor;
    a->user = arena_string(&c->arena, span_str(user));
    struct buf groups;
    buf_init(&groups, GROUPS_MAX);
    int r = a->user == NULL ? -ENOMEM : groups_of(c->keeper->store, user, &groups);
    if (r == 0) {
        a->groups = arena_copy(&c->arena, buf_view(&groups));
        r = a->groups.at == NULL && buf_len(&groups) > 0 ? -ENOMEM : 0;
    }
    buf_fini(&groups);
    a->roles = roles_of(a->groups);
    return r;
}

/* Whoever has a copy of the token does not have the key that its certificate is for. */
static bool is_beside(struct span chain, const struct token *t)
{
    uint8_t spki[CLIENTCERT_HASH];
    return chain.len > 0 && clientcert_spki_of(chain, spki) == 0 &&
           clientcert_spki_is(spki, t->certificate);
}

static int fill_token(struct call *c, const struct token *t)
{
    struct actor *a = &c->actor;
    a->token = t;
    a->scope_routes = t->routes;
    a->scope_methods = t->methods;
    a->scope_paths = t->paths;
    a->text = arena_printf(&c->arena, "%s/%s", t->owner, t->name);
    return a->text == NULL ? -ENOMEM : fill_user(c, t->owner);
}

int actor_stand_for(struct call *c, const char *user, const char *token)
{
    uint64_t now = c->now_ms / 1000;
    struct token *t = arena_alloc(&c->arena, sizeof(*t));
    c->actor = (struct actor){.kind = token[0] == '\0' ? CREDENTIAL_CONSOLE : CREDENTIAL_TOKEN,
                              .user = ""};
    if (t == NULL) {
        return -ENOMEM;
    }
    if (token[0] == '\0') {
        int r = fill_user(c, user);
        c->actor.text = c->actor.user;
        return r;
    }
    int r = tokens_find_name(c->keeper->store, token, &c->arena, t);
    if (r == FAULT_ABSENT ||
        (r == 0 && (strcmp(t->owner, user) != 0 || t->revoked != 0 || t->owner_disabled ||
                    (t->expires != 0 && t->expires <= now)))) {
        return FAULT_DENIED;
    }
    return r < 0 ? r : fill_token(c, t);
}

static int find_token(struct call *c, uint64_t now, enum view_status *status)
{
    struct token *found = arena_alloc(&c->arena, sizeof(*found)), token;
    int r = token_resolve(c->keeper, c->in.token, now, &c->arena, &token, status);
    if (found == NULL) {
        return -ENOMEM;
    }
    if (r == 0 && *status == VIEW_OK && token.bound && !is_beside(c->in.certificate, &token)) {
        *status = VIEW_UNKNOWN;
    }
    if (r < 0 || *status != VIEW_OK) {
        return r;
    }
    *found = token;
    return fill_token(c, found);
}

static int fill_session(struct call *c, const struct session *s)
{
    struct actor *a = &c->actor;
    memcpy(a->session, s->id, sizeof(a->session));
    a->proven = s->proven;
    a->emergency = s->emergency;
    int r = fill_user(c, s->user);
    a->text = a->user;
    return r;
}

int actor_be(struct call *c, const struct session *s)
{
    c->actor = (struct actor){.kind = CREDENTIAL_SSO, .user = ""};
    return fill_session(c, s);
}

static int find_session(struct call *c, uint64_t now, enum view_status *status)
{
    struct session session;
    int r = session_resolve(c->keeper, CREDENTIAL_CONSOLE, c->in.token, c->in.host, now, &session,
                            status);
    if (r < 0 || *status != VIEW_OK) {
        return r;
    }
    return fill_session(c, &session);
}

int actor_find(struct call *c, bool *known)
{
    uint64_t now = c->now_ms / 1000;
    enum view_status status = VIEW_UNKNOWN;
    int r = 0;
    c->actor = (struct actor){.kind = c->in.kind, .user = ""};
    switch (c->in.kind) {
    case CREDENTIAL_CONSOLE:
        r = find_session(c, now, &status);
        break;
    case CREDENTIAL_TOKEN:
        r = find_token(c, now, &status);
        break;
    case CREDENTIAL_HOST:
        c->actor.roles = ROLE_HOST;
        c->actor.text = "host";
        status = VIEW_OK;
        break;
    case CREDENTIAL_NONE:
    case CREDENTIAL_CHILD:       /* A console's cookie opens that console, nothing of postern. */
    case CREDENTIAL_CERTIFICATE: /* Alone it administers nothing: an edge may lie about it. */
    case CREDENTIAL_SSO: /* Good for handing over only: it is Lax, the console's is Strict. */
    default:
        break;
    }
    *known = r == 0 && status == VIEW_OK;
    if (!*known) {
        c->actor.text = NULL;
        c->actor.roles = 0;
    }
    return r;
}

bool actor_strays(const struct call *c)
{
    const struct token *t = c->actor.token;
    return t != NULL && !usage_place_fits(c->keeper, t, &c->in.source, c->in.interface);
}

bool actor_covers(const struct actor *a, struct span method, struct span path)
{
    if (a->kind != CREDENTIAL_TOKEN) {
        return true;
    }
    if (!lines_have(a->scope_routes, SPAN("portal"))) {
        return false;
    }
    if (a->scope_methods.len > 0 && !lines_have(a->scope_methods, method)) {
        return false;
    }
    if (a->scope_paths.len == 0) {
        return true;
    }
    struct span lines = a->scope_paths, line;
    while (span_cut(&lines, '\n', &line)) {
        if (line.len > 0 && pattern_match(line, path)) {
            return true;
        }
    }
    return false;
}
