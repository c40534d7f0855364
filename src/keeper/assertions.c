#include "keeper/assertions.h"

#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "conf/value.h"
#include "keeper/call.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

static const char MAGIC[] = "postern-assertion-keys 1";

#define FILE_MAX 2048u

/* ---- the file ----
 *
 *   postern-assertion-keys 1
 *   current MADE KEY
 *   previous RETIRED KEY       after the first rotation
 */

static int read_line(struct span line, const char *what, bool private_part,
                     struct assertion_key *ret)
{
    struct span word;
    uint64_t at;
    if (!span_cut(&line, ' ', &word) || !span_is(word, what) || !span_cut(&line, ' ', &word) ||
        text_u64(word, INT64_MAX, &at) < 0) {
        return FAULT_FORMAT;
    }
    return assertion_key_read(ret, private_part, line, at);
}

static int parse(struct span text, struct assertions *a)
{
    struct span line;
    if (!span_cut(&text, '\n', &line) || !span_is(line, MAGIC) || !span_cut(&text, '\n', &line)) {
        return FAULT_FORMAT;
    }
    int r = read_line(line, "current", true, &a->current);
    if (r == 0 && span_cut(&text, '\n', &line)) {
        r = read_line(line, "previous", false, &a->previous);
    }
    if (r == 0 && text.len > 0) {
        r = FAULT_FORMAT;
    }
    if (r < 0) {
        assertions_fini(a);
    }
    return r;
}

static int write_keys(const struct assertions *a)
{
    struct buf text;
    if (a->path == NULL) {
        return 0;
    }
    buf_init(&text, FILE_MAX);
    text.wipe = true;
    (void)buf_printf(&text, "%s\ncurrent %llu ", MAGIC, (unsigned long long)a->current.at);
    int r = assertion_key_write(&a->current, true, &text);
    (void)buf_byte(&text, '\n');
    if (r == 0 && a->previous.pkey != NULL) {
        (void)buf_printf(&text, "previous %llu ", (unsigned long long)a->previous.at);
        r = assertion_key_write(&a->previous, false, &text);
        (void)buf_byte(&text, '\n');
    }
    if (r == 0) {
        r = text.bad ? FAULT_LIMIT : file_replace(a->path, buf_view(&text), true);
    }
    buf_fini(&text);
    return r;
}

void assertions_fini(struct assertions *a)
{
    assertion_key_fini(&a->current);
    assertion_key_fini(&a->previous);
}

/* ---- rotation ---- */

/* The public part alone. */
static int retire(const struct assertion_key *from, uint64_t now, struct assertion_key *ret)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    int r = assertion_key_write(from, false, &text);
    r = r < 0 ? r : assertion_key_read(ret, false, buf_view(&text), now);
    buf_fini(&text);
    return r;
}

int assertions_rotate(struct assertions *a, bool revoke, uint64_t now)
{
    struct assertions fresh = {.path = a->path};
    int r = assertion_key_new(&fresh.current, now);
    if (r == 0 && !revoke && a->current.pkey != NULL) {
        r = retire(&a->current, now, &fresh.previous);
    }
    r = r < 0 ? r : write_keys(&fresh);
    if (r < 0) {
        assertions_fini(&fresh);
        return r;
    }
    assertions_fini(a);
    *a = fresh;
    return 0;
}

static int record_step(struct keeper *k, void *context)
{
    (void)context;
    return keeper_audit(k, AUDIT_ASSERTION_KEY, span_str(k->assertions.current.kid), AUDIT_DONE,
                        SPAN_NONE);
}

static int rotate_step(struct keeper *k, void *context)
{
    int r = assertions_rotate(&k->assertions, false, *(const uint64_t *)context);
    return r < 0 ? r : record_step(k, NULL);
}

static bool is_due(const struct assertions *a, uint64_t now)
{
    return a->current.pkey != NULL && now >= a->current.at &&
           now - a->current.at > ASSERTIONS_ROTATE;
}

int assertions_open(struct keeper *k, uint64_t now)
{
    struct assertions *a = &k->assertions;
    struct secret file = {0};
    int r = secret_read_file(&file, a->path, FILE_MAX);
    if (r == -ENOENT || r == FAULT_ABSENT) {
        r = turn_run(&k->turn, rotate_step, &now);
    } else if (r == 0) {
        r = parse(secret_view(&file), a);
        secret_fini(&file);
        if (r == 0 && is_due(a, now)) {
            r = turn_run(&k->turn, rotate_step, &now);
        }
    }
    turn_end(&k->turn);
    return r;
}

struct due {
    uint64_t now;
    struct call *revokes;
};

static int due_step(struct keeper *k, void *context)
{
    struct due *d = context;
    int r = rotate_step(k, &d->now);
    return r < 0 ? r : call_revoke(d->revokes, REVOKE_ALL, SPAN_NONE);
}

void assertions_minute(struct keeper *k, uint64_t now)
{
    if (!is_due(&k->assertions, now)) {
        return;
    }
    struct reply *r = reply_new(REPLY_DISCARD, 0, 0, MSG_NONE);
    struct due d = {.now = now};
    if (r != NULL) {
        d.revokes = r->revokes = call_new(k, &(struct call_input){0});
    }
    int rc = d.revokes == NULL ? -ENOMEM : turn_run(&k->turn, due_step, &d);
    if (rc < 0) {
        log_fault(LOG_LEVEL_WARN, "assertion_rotate", rc, "the key that is due stays");
        reply_free(r);
    } else {
        turn_reply(&k->turn, r);
    }
}

bool assertions_has_previous(const struct assertions *a, uint64_t now)
{
    return a->previous.pkey != NULL && now < a->previous.at + ASSERTIONS_PUBLISHED;
}

int assertions_jwks(const struct assertions *a, uint64_t now, struct buf *out)
{
    (void)buf_text(out, "{\"keys\":[");
    int r = a->current.pkey == NULL ? 0 : assertion_key_jwk(&a->current, out);
    if (r == 0 && assertions_has_previous(a, now)) {
        (void)buf_byte(out, ',');
        r = assertion_key_jwk(&a->previous, out);
    }
    (void)buf_text(out, "]}");
    return out->bad ? FAULT_LIMIT : r;
}

/* ---- what is said ---- */

/* RFC 8176 has words for methods, not for what postern calls an assurance; these say what is
 * certain of each. */
static const struct {
    const char *method[2];
    size_t count;
} METHODS[] = {
    [ASSURANCE_NONE] = {{NULL}, 0},
    [ASSURANCE_PASSWORD] = {{"pwd"}, 1},
    [ASSURANCE_MFA] = {{"pwd", "mfa"}, 2},
    [ASSURANCE_PHISHING_RESISTANT] = {{"pop", "mfa"}, 2},
    [ASSURANCE_HARDWARE] = {{"hwk", "mfa"}, 2},
};

/* A token acts for its owner, but it is not the owner: it has a name of its own that no person can
 * have, and none of the owner's groups, as for the rules of postern. */
static void speak_of_token(struct assertion *a, const struct msg_view *v, const char *subject)
{
    a->subject = span_str(subject);
    a->name = v->token_name;
    a->owner = v->user;
    a->acr = "token";
}

static void speak_of_person(struct assertion *a, const struct msg_view *v)
{
    a->subject = a->name = v->user;
    a->groups = v->groups;
    struct proven proven = {{0, v->password_at, v->mfa_at, v->resistant_at, v->hardware_at}};
    enum assurance level = proven_level(&proven);
    a->acr = ASSURANCE_WORDS[level];
    a->amr = METHODS[level].method;
    a->amr_count = METHODS[level].count;
    a->auth_time = proven_last(&proven);
}

int assertions_add(const struct keeper *k, const struct route_def *route, const struct msg_view *v,
                   uint64_t now, struct buf *out)
{
    if (k->assertions.current.pkey == NULL) {
        return 0;
    }
    struct buf issuer;
    char subject[128];
    buf_init(&issuer, 512);
    op_portal_url(k, &issuer);
    (void)snprintf(subject, sizeof(subject), "token:%.*s", SPAN_FMT(v->token_name));
    struct assertion a = {.issuer = buf_view(&issuer),
                          .audience = span_str(route->name),
                          .session = v->id,
                          .now = now};
    if (v->token_name.len > 0) {
        speak_of_token(&a, v, subject);
    } else {
        speak_of_person(&a, v);
    }
    (void)buf_printf(out, "%s\t", route->name);
    int r = issuer.bad ? FAULT_LIMIT : assertion_sign(&k->assertions.current, &a, out);
    (void)buf_byte(out, '\n');
    buf_fini(&issuer);
    return r;
}
