/* Break-glass accounts: made, filled with codes and practised by the owner of this host; watched
 * and closed by owners. */
#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "identity/recovery.h"
#include "keeper/emergency.h"
#include "keeper/json.h"
#include "keeper/op.h"

#define CODES_DEFAULT 4u
#define SESSION_DEFAULT (30u * 60)
#define ACTIVE_DEFAULT 3600u
#define LIFE_MIN 60u
#define LIFE_MAX 86400u
#define DRILL_LIFE 3600u

static json_t *account_json(struct call *c, const struct breakglass *b)
{
    uint64_t now = c->now_ms / 1000;
    uint64_t practised = b->last_drill > b->made ? b->last_drill : b->made;
    uint64_t every = c->keeper->live == NULL
                         ? UINT32_MAX
                         : live_snapshot(c->keeper->live)->authentication.drill_every;
    return json_pack("{s:s,s:b,s:i,s:i,s:i,s:o,s:o,s:o,s:b}", "user", b->user, "disabled",
                     b->disabled, "codes", (int)b->codes, "session", (int)b->session, "active",
                     (int)b->active, "active_until",
                     json_time(b->active_until > now ? b->active_until : 0), "last_used",
                     json_time(b->last_used), "last_drill", json_time(b->last_drill), "drill_due",
                     practised + every <= now);
}

static int each_account(void *context, const struct breakglass *b)
{
    struct op_rows *rows = context;
    rows->seen++;
    return json_push(rows->items, account_json(rows->call, b));
}

int op_breakglass_list(struct call *c)
{
    struct op_rows rows = {.call = c, .items = json_array()};
    int r = breakglass_list(c->keeper->store, each_account, &rows);
    return op_list_done(&rows, r, "accounts", false);
}

/* A code's text into list, its hash into the row. */
static int new_code(json_t *list, uint8_t hash[STORE_HASH_SIZE])
{
    char code[RECOVERY_CODE_SIZE];
    int r = recovery_new(code, hash);
    r = r < 0 ? r : json_push(list, json_string(code));
    secret_wipe(code, sizeof(code));
    return r;
}

/* {"codes": […], "link": …}, recorded; the old codes are void. */
static int fill(struct call *c, const char *user, size_t count, json_t *answer)
{
    uint8_t hashes[SEALED_CODES_MAX][STORE_HASH_SIZE];
    struct buf link;
    json_t *codes = json_array();
    int r = codes == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = new_code(codes, hashes[i]);
    }
    r = r < 0 ? r
              : breakglass_set_codes(c->keeper->store, user,
                                     (const uint8_t(*)[STORE_HASH_SIZE])hashes, count);
    if (r < 0) {
        json_decref(codes);
        return r;
    }
    buf_init(&link, 512);
    op_portal_url(c->keeper, &link);
    (void)buf_text(&link, "/signin/emergency");
    r = json_put(answer, "codes", codes);
    r = r < 0 ? r : json_put(answer, "link", json_text(buf_view(&link)));
    buf_fini(&link);
    return r < 0 ? r
                 : call_audit(c, AUDIT_BREAKGLASS_CODES, span_str(user),
                              json_pack("{s:i}", "count", (int)count));
}

/* How many codes the body asks for; 0: the call has ended. */
static size_t read_count(struct call *c)
{
    const json_t *given = call_member(c, "count");
    json_int_t count = given == NULL ? (json_int_t)CODES_DEFAULT : json_integer_value(given);
    if (count < 1 || count > (json_int_t)SEALED_CODES_MAX) {
        (void)call_problem(c, 400, "count", "expected 1 to %u codes", SEALED_CODES_MAX);
        return 0;
    }
    return (size_t)count;
}

static bool read_life(struct call *c, const char *name, uint32_t fallback, uint32_t *ret)
{
    struct span text = call_string(c, name);
    uint64_t seconds = fallback;
    if (text.len > 0 &&
        (text_seconds(text, &seconds) < 0 || seconds < LIFE_MIN || seconds > LIFE_MAX)) {
        (void)call_problem(c, 400, name, "expected a duration from 1m to 24h, such as \"30m\"");
        return false;
    }
    *ret = (uint32_t)seconds;
    return true;
}

static int join_groups(struct call *c, const char *user)
{
    const json_t *list = call_member(c, "groups");
    int r = 0;
    for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
        r = groups_join(c->keeper->store, json_string_value(json_array_get(list, i)), user);
    }
    return r;
}

int op_breakglass_add(struct call *c)
{
    struct breakglass b = {.made = c->now_ms / 1000};
    struct span name = call_string(c, "name");
    size_t count = read_count(c);
    if (count == 0 || !read_life(c, "session", SESSION_DEFAULT, &b.session) ||
        !read_life(c, "active", ACTIVE_DEFAULT, &b.active)) {
        return 0;
    }
    if (!text_is_name(name)) {
        return call_problem(c, 400, "name",
                            "a name has lower-case letters, digits, '.', '_', '-' and '@'");
    }
    (void)snprintf(b.user, sizeof(b.user), "%.*s", SPAN_FMT(name));
    int r = users_add_kind(c->keeper->store, b.user, USER_BREAK_GLASS, b.made);
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    r = join_groups(c, b.user);
    if (r == FAULT_ABSENT) {
        return call_problem(c, 400, "groups", "no such group");
    }
    json_t *answer = json_object();
    r = r < 0 || answer == NULL ? (r < 0 ? r : -ENOMEM) : breakglass_add(c->keeper->store, &b);
    r = r < 0 ? r
              : call_audit(c, AUDIT_BREAKGLASS_MADE, name,
                           json_pack("{s:O?}", "groups", call_member(c, "groups")));
    r = r < 0 ? r : json_put(answer, "user", json_string(b.user));
    r = r < 0 ? r : fill(c, b.user, count, answer);
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 201, answer);
}

/* The account in the path; NULL: the call has ended, or *fault says why not. */
static const char *account(struct call *c, int *fault)
{
    const char *name = op_name(c, 0, "break-glass account");
    struct breakglass b;
    *fault = name == NULL ? 0 : breakglass_find(c->keeper->store, name, &b);
    if (*fault == FAULT_ABSENT) {
        *fault = call_fault(c, FAULT_ABSENT, "break-glass account");
        return NULL;
    }
    return *fault < 0 ? NULL : name;
}

int op_breakglass_codes(struct call *c)
{
    int r;
    const char *name = account(c, &r);
    size_t count = name == NULL ? 0 : read_count(c);
    if (count == 0) {
        return r;
    }
    json_t *answer = json_object();
    r = answer == NULL ? -ENOMEM : fill(c, name, count, answer);
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}

int op_breakglass_drill(struct call *c)
{
    int r;
    const char *name = account(c, &r);
    uint64_t until = c->now_ms / 1000 + DRILL_LIFE;
    uint8_t hash[STORE_HASH_SIZE];
    struct buf link;
    if (name == NULL) {
        return r;
    }
    json_t *codes = json_array();
    r = codes == NULL ? -ENOMEM : new_code(codes, hash);
    r = r < 0 ? r : breakglass_set_drill(c->keeper->store, name, hash, until);
    buf_init(&link, 512);
    op_portal_url(c->keeper, &link);
    (void)buf_text(&link, "/signin/emergency");
    json_t *answer =
        r < 0 ? NULL
              : json_pack("{s:s,s:O,s:o,s:o}", "user", name, "code", json_array_get(codes, 0),
                          "link", json_text(buf_view(&link)), "expires", json_time(until));
    buf_fini(&link);
    json_decref(codes);
    return r < 0 ? r : call_answer(c, 200, answer);
}

int op_breakglass_close(struct call *c)
{
    int r;
    const char *name = account(c, &r);
    if (name == NULL) {
        return r;
    }
    r = emergency_end(c, name, "closed", c->now_ms / 1000);
    return r < 0 ? r : call_answer(c, 200, json_object());
}
