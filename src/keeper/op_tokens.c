#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/pattern.h"
#include "identity/token.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "pki/certname.h"
#include "store/certificates.h"
#include "store/tokens.h"

/* Where no configuration is in force yet. */
#define EXPIRES_DEFAULT (90u * 86400)
#define OVERLAP_DEFAULT 86400u
#define OVERLAP_MAX (90u * 86400)
#define EXPIRES_MAX (5u * 365 * 86400)

/* "10.1.2.3", or null for none. */
static json_t *source_json(const uint8_t source[16], uint64_t when)
{
    struct addr addr;
    char text[ADDR_TEXT_SIZE];
    memcpy(addr.byte, source, sizeof(addr.byte));
    addr_format(&addr, text);
    return when == 0 ? json_null() : json_string(text);
}

/* The text before the last rotation, for as long as it is good. */
static json_t *former_json(const struct token *t, uint64_t now)
{
    if (t->former_ends <= now) {
        return json_null();
    }
    return json_pack("{s:o,s:o}", "expires", json_time(t->former_ends), "last_used",
                     json_time(t->former_used));
}

static json_t *token_json(const struct token *t, uint64_t now)
{
    char id[2 * STORE_ID_SIZE + 1];
    text_hex(id, span_of(t->id, sizeof(t->id)));
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b}", "id", id,
                     "name", t->name, "owner", t->owner, "routes", json_lines(t->routes), "methods",
                     json_lines(t->methods), "paths", json_lines(t->paths), "zones",
                     json_lines(t->zones), "created", json_time(t->created), "expires",
                     json_time(t->expires), "rotated", json_time(t->rotated), "former",
                     former_json(t, now), "last_used", json_time(t->last_used), "last_source",
                     source_json(t->last_source, t->last_used), "strayed", json_time(t->strayed),
                     "stray_source", source_json(t->stray_source, t->strayed), "owner_disabled",
                     t->owner_disabled);
}

static int each_token(void *context, const struct token *token)
{
    struct op_rows *rows = context;
    rows->seen++;
    rows->last = token->seq;
    return json_push(rows->items, token_json(token, rows->call->now_ms / 1000));
}

static int list(struct call *c, const char *owner)
{
    struct page page;
    if (!op_page(c, &page)) {
        return 0;
    }
    struct op_rows rows = {.call = c, .items = json_array(), .limit = page.limit};
    int r = tokens_list(c->keeper->store, owner, &page, each_token, &rows);
    return op_list_done(&rows, r, "tokens", true);
}

int op_tokens_list(struct call *c)
{
    struct span owner = SPAN_NONE;
    int r = call_query(c, "owner", &owner);
    if (r < 0 && r != FAULT_ABSENT) {
        return call_problem(c, 400, "owner", "expected a name");
    }
    return list(c, owner.len > 0 ? arena_string(&c->arena, owner) : NULL);
}

int op_my_tokens(struct call *c)
{
    /* The host's owner is no user and has none. */
    return list(c, c->actor.user[0] == '\0' ? "-" : c->actor.user);
}

int op_tokens_get(struct call *c)
{
    const char *name = op_name(c, 0, "token");
    struct token t;
    if (name == NULL) {
        return 0;
    }
    int r = tokens_find_name(c->keeper->store, name, &c->arena, &t);
    return r < 0 ? call_fault(c, r, "token")
                 : call_answer(c, 200, token_json(&t, c->now_ms / 1000));
}

static bool every_line(struct span lines, bool (*good)(struct span))
{
    struct span line;
    while (span_cut(&lines, '\n', &line)) {
        if (!good(line)) {
            return false;
        }
    }
    return true;
}

static bool is_method(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < 'A' || text.at[i] > 'Z') {
            return false;
        }
    }
    return text.len > 0 && text.len <= 16;
}

static bool is_route(struct span text)
{
    return text_is_name(text);
}

/* One list of the scope; false: the call has ended with a problem. */
static bool read_scope(struct call *c, const char *name, size_t max, bool (*good)(struct span),
                       struct span *ret)
{
    *ret = SPAN_NONE;
    int r = call_lines(c, name, max, ret);
    if (r < 0 || !every_line(*ret, good)) {
        (void)call_problem(
            c, 400, name, r == FAULT_LIMIT ? "the list is too long" : "an item is not well-formed");
        return false;
    }
    return true;
}

/* When it ends: a duration from now, "never", or by default ninety days. */
static bool read_expiry(struct call *c, uint64_t now, uint64_t *ret)
{
    struct span text = call_string(c, "expires");
    const struct live *live = c->keeper->live;
    uint64_t seconds =
        live == NULL ? EXPIRES_DEFAULT : live_snapshot(live)->authentication.token_expires;
    if (span_is(text, "never")) {
        *ret = 0;
        return true;
    }
    if (text.len > 0 &&
        (text_seconds(text, &seconds) < 0 || seconds == 0 || seconds > EXPIRES_MAX)) {
        (void)call_problem(c, 400, "expires", "expected a duration such as \"30d\", or \"never\"");
        return false;
    }
    *ret = now + seconds;
    return true;
}

/* Zones that exist: one that nobody knows would be a token that is good nowhere. */
static bool read_zones(struct call *c, struct span *ret)
{
    struct span rest, name;
    if (!read_scope(c, "zones", 1024, text_is_name, ret)) {
        return false;
    }
    for (rest = *ret; span_cut(&rest, '\n', &name);) {
        const char *text = arena_string(&c->arena, name);
        if (c->keeper->live == NULL || text == NULL ||
            snapshot_zone(live_snapshot(c->keeper->live), text) == NULL) {
            (void)call_problem(c, 400, "zones", "there is no zone \"%.*s\"", SPAN_FMT(name));
            return false;
        }
    }
    return true;
}

/* Good only on connections that have proved this key. */
static bool read_spki(struct call *c, struct token *t)
{
    struct span text = call_string(c, "spki");
    char hex[CERTNAME_SIZE];
    if (text.len == 0) {
        return true;
    }
    t->bound = certname_read(CERTNAME_SPKI, text, hex) == 0 &&
               text_unhex(span_str(hex), t->certificate, sizeof(t->certificate)) == 0;
    if (!t->bound) {
        (void)call_problem(c, 400, "spki", "expected a SHA-256 in hex");
    }
    return t->bound;
}

static bool read_token(struct call *c, struct token *t)
{
    struct span name = call_string(c, "name"), owner = call_string(c, "owner");
    if (!text_is_name(name) || !text_is_name(owner)) {
        (void)call_problem(c, 400, text_is_name(name) ? "owner" : "name", "not a well-formed name");
        return false;
    }
    (void)snprintf(t->name, sizeof(t->name), "%.*s", SPAN_FMT(name));
    (void)snprintf(t->owner, sizeof(t->owner), "%.*s", SPAN_FMT(owner));
    if (!read_scope(c, "routes", 4096, is_route, &t->routes) ||
        !read_scope(c, "methods", 256, is_method, &t->methods) ||
        !read_scope(c, "paths", 8192, pattern_ok, &t->paths) || !read_zones(c, &t->zones) ||
        !read_spki(c, t)) {
        return false;
    }
    if (t->routes.len == 0) {
        (void)call_problem(c, 400, "routes", "a token without routes could do nothing");
        return false;
    }
    return read_expiry(c, t->created, &t->expires);
}

int op_tokens_add(struct call *c)
{
    struct token t = {.created = c->now_ms / 1000};
    char text[TOKEN_API_TEXT_SIZE];
    if (!read_token(c, &t)) {
        return 0;
    }
    struct user owner = {0};
    int r = roles_guard_own(c, t.owner);
    if (r <= 0) {
        return r;
    }
    r = users_find(c->keeper->store, t.owner, &owner);
    if (r == 0 && owner.kind == USER_BREAK_GLASS) {
        return call_problem(c, 409, "owner", "a break-glass account has no tokens");
    }
    r = r == FAULT_ABSENT ? 0 : r;
    struct certificate other;
    /* Rules call programs by one name, whether they come with a token or with a certificate. */
    r = r < 0 ? r : certificates_find(c->keeper->store, t.name, &other);
    r = r == FAULT_ABSENT ? 0 : r == 0 ? FAULT_EXISTS : r;
    r = r < 0 ? r : token_new_id(t.id);
    r = r < 0 ? r : token_new_api(text, t.hash);
    r = r < 0 ? r : tokens_add(c->keeper->store, &t);
    json_t *answer = r < 0 ? NULL : token_json(&t, t.created);
    if (r == 0) {
        r = answer == NULL ? -ENOMEM : json_put(answer, "token", json_string(text));
    }
    secret_wipe(text, sizeof(text));
    if (r < 0) {
        json_decref(answer);
        return r == FAULT_ABSENT ? call_problem(c, 400, "owner", "no such user")
                                 : call_fault(c, r, "token");
    }
    r = call_audit(c, AUDIT_TOKEN_ADDED, span_str(t.name),
                   json_pack("{s:s,s:o,s:o,s:o,s:o,s:o}", "owner", t.owner, "routes",
                             json_lines(t.routes), "methods", json_lines(t.methods), "paths",
                             json_lines(t.paths), "zones", json_lines(t.zones), "expires",
                             json_time(t.expires)));
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 201, answer);
}

/* How long the text of now stays good beside the new one. */
static bool read_overlap(struct call *c, uint64_t now, const struct token *t, uint64_t *ret)
{
    struct span text = call_string(c, "overlap");
    uint64_t seconds = OVERLAP_DEFAULT;
    if (text.len > 0 && (text_seconds(text, &seconds) < 0 || seconds > OVERLAP_MAX)) {
        (void)call_problem(c, 400, "overlap",
                           "expected a duration of at most 90d such as \"24h\", or \"0\"");
        return false;
    }
    *ret = now + seconds;
    if (t->expires != 0 && *ret > t->expires) {
        *ret = t->expires;
    }
    return true;
}

/* A text that ends now takes what is open with it; one that ends later is noticed by the edges when
 * they next ask, which is sooner. */
static int end_at_once(struct call *c, const struct token *t, uint64_t now, uint64_t former_ends)
{
    return former_ends > now && t->former_ends <= now
               ? 0
               : call_revoke(c, REVOKE_TOKEN, span_of(t->id, sizeof(t->id)));
}

int op_tokens_rotate(struct call *c)
{
    const char *name = op_name(c, 0, "token");
    char text[TOKEN_API_TEXT_SIZE];
    uint8_t hash[TOKEN_HASH_SIZE];
    uint64_t now = c->now_ms / 1000, expires, former_ends;
    struct store *store = c->keeper->store;
    struct token t;
    if (name == NULL) {
        return 0;
    }
    int r = tokens_find_name(store, name, &c->arena, &t);
    if (r < 0) {
        return call_fault(c, r, "token");
    }
    r = roles_guard_own(c, t.owner);
    if (r <= 0) {
        return r;
    }
    if (!read_expiry(c, now, &expires) || !read_overlap(c, now, &t, &former_ends)) {
        return 0;
    }
    r = token_new_api(text, hash);
    r = r < 0 ? r : tokens_rotate(store, t.id, hash, now, former_ends, expires);
    r = r < 0 ? r : end_at_once(c, &t, now, former_ends);
    r = r < 0 ? r : tokens_find_name(store, name, &c->arena, &t);
    json_t *answer = r < 0 ? NULL : token_json(&t, now);
    if (r == 0) {
        r = answer == NULL ? -ENOMEM : json_put(answer, "token", json_string(text));
    }
    secret_wipe(text, sizeof(text));
    r = r < 0 ? r
              : call_audit(c, AUDIT_TOKEN_ROTATED, span_str(name),
                           json_pack("{s:o,s:o}", "expires", json_time(expires), "former_expires",
                                     json_time(t.former_ends)));
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}

int op_tokens_revoke(struct call *c)
{
    const char *name = op_name(c, 0, "token");
    struct token t;
    if (name == NULL) {
        return 0;
    }
    int r = tokens_find_name(c->keeper->store, name, &c->arena, &t);
    r = r < 0 ? call_fault(c, r, "token") : roles_guard_own(c, t.owner);
    if (r <= 0) {
        return r;
    }
    r = tokens_revoke(c->keeper->store, t.id, c->now_ms / 1000);
    if (r < 0) {
        return call_fault(c, r, "token");
    }
    r = call_revoke(c, REVOKE_TOKEN, span_of(t.id, sizeof(t.id)));
    r = r < 0 ? r : call_audit(c, AUDIT_TOKEN_REVOKED, span_str(name), NULL);
    return r < 0 ? r : call_answer(c, 200, json_object());
}
