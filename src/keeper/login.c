#include "keeper/login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "identity/password.h"
#include "keeper/attempts.h"
#include "keeper/call.h"
#include "keeper/keeper.h"
#include "keeper/signin.h"
#include "keeper/vouched.h"
#include "store/credentials.h"
#include "store/sessions.h"
#include "store/users.h"

struct login {
    struct pool_job job;
    struct keeper *keeper;
    struct reply *reply;
    uint64_t arrived_ms; /* monotonic */

    char user[STORE_NAME_SIZE];  /* "" when it cannot be a name */
    char typed[STORE_NAME_SIZE]; /* the same, also when a directory has said who that is */
    struct secret password;
    struct secret back; /* not a secret, but the person's own */
    char code[65];
    struct addr source;
    char agent[SESSION_AGENT_SIZE];
    char fingerprint[SESSION_FINGERPRINT_SIZE];
    struct secret here; /* the sso cookie that came */
    char request_id[33];

    bool has_hash;
    char hash[PASSWORD_HASH_SIZE];
    int verdict;                     /* of the hash */
    char rehash[PASSWORD_TEXT_SIZE]; /* with today's parameters, or "" */

    char directory[STORE_NAME_SIZE];     /* that is asked, or "" */
    bool stranger;                       /* nobody knows the name here: further ones are asked */
    const struct directory_answer *said; /* in judge_said_step alone */

    struct msg_login_is answer;
    char sso[TOKEN_TEXT_SIZE], console[TOKEN_TEXT_SIZE], flow[TOKEN_TEXT_SIZE];
};

static void login_free(struct login *l)
{
    secret_fini(&l->password);
    secret_fini(&l->back);
    secret_fini(&l->here);
    reply_free(l->reply);
    secret_wipe(l, sizeof(*l));
    free(l);
}

/* ---- before the hash ---- */

static struct attempt attempt_of(const struct login *l)
{
    return (struct attempt){.keeper = l->keeper,
                            .user = l->user,
                            .source = l->source,
                            .request_id = span_str(l->request_id)};
}

/* The next directory that takes in people whom nobody knows; "": there is none. */
static void next_directory(struct login *l)
{
    const struct snapshot *s = live_snapshot(l->keeper->live);
    bool past = l->directory[0] == '\0';
    char previous[STORE_NAME_SIZE];
    memcpy(previous, l->directory, sizeof(previous));
    memset(l->directory, 0, sizeof(l->directory));
    for (size_t i = 0; i < s->dir_count; i++) {
        if (past && s->dirs[i].create) {
            (void)snprintf(l->directory, sizeof(l->directory), "%s", s->dirs[i].name);
            return;
        }
        past = past || strcmp(s->dirs[i].name, previous) == 0;
    }
}

/* Local users first: who has a password here is asked of nobody. An empty password never leaves: a
 * bind without one succeeds for anybody (RFC 4513 section 5.1.2). */
static int choose_directory(struct login *l)
{
    struct entry e;
    struct user user;
    if (l->has_hash || l->user[0] == '\0' || l->password.len == 0 || l->keeper->live == NULL) {
        return 0;
    }
    int r = entries_find(l->keeper->store, l->user, &e);
    if (r == 0) {
        memcpy(l->directory, e.directory, sizeof(l->directory));
    }
    if (r != FAULT_ABSENT) {
        return r;
    }
    r = users_find(l->keeper->store, l->user, &user);
    if (r == FAULT_ABSENT) {
        l->stranger = true;
        next_directory(l);
        r = 0;
    }
    return r;
}

static int admit_step(struct keeper *k, void *context)
{
    struct login *l = context;
    struct attempt a = attempt_of(l);
    uint32_t wait = 0;
    struct password password;
    int r = l->user[0] == '\0' ? FAULT_ABSENT : credentials_password(k->store, l->user, &password);
    if (r == 0 && !password.disabled) {
        memcpy(l->hash, password.hash, sizeof(l->hash));
        l->has_hash = true;
    }
    secret_wipe(&password, sizeof(password));
    r = r == 0 || r == FAULT_ABSENT ? choose_directory(l) : r;
    if (r < 0) {
        return r;
    }
    bool full = l->directory[0] != '\0' ? directories_full(&k->directories)
                                        : k->pool.busy >= k->pool.threads + POOL_QUEUE_MAX;
    int admitted = full ? 0 : attempts_charge(&a, &wait);
    if (admitted < 0) {
        return admitted;
    }
    if (full || wait > 0) {
        l->answer.result = LOGIN_THROTTLED;
        l->answer.retry_after = wait > 0 ? wait : 1;
        return attempts_throttled(&a);
    }
    return 0;
}

static void on_login_compute(struct pool_job *job)
{
    struct login *l = container_of(job, struct login, job);
    struct span password = secret_view(&l->password);
    if (!l->has_hash) {
        l->verdict = password_verify_nobody(password);
        return;
    }
    l->verdict = password_verify(password, l->hash);
    if (l->verdict == 0 && password_needs_rehash(l->hash) &&
        password_hash(password, l->rehash) < 0) {
        l->rehash[0] = '\0';
    }
}

/* ---- after the hash ---- */

static int refuse(struct login *l, const char *why)
{
    struct attempt a = attempt_of(l);
    l->answer.result = LOGIN_REFUSED;
    return attempts_refused(&a, why);
}

static struct signin signin_by(const struct login *l)
{
    return (struct signin){.user = l->user,
                           .source = l->source,
                           .agent = span_str(l->agent),
                           .fingerprint = span_str(l->fingerprint),
                           .replaces = secret_view(&l->here),
                           .request_id = span_str(l->request_id),
                           .back = secret_view(&l->back)};
}

/* What became of the sign-in, into the answer; the texts stay in l. */
static void tell(struct login *l, const struct signin *s)
{
    static const enum login_result RESULTS[] = {[SIGNIN_OK] = LOGIN_OK,
                                                [SIGNIN_SECOND] = LOGIN_SECOND,
                                                [SIGNIN_REASON] = LOGIN_REFUSED,
                                                [SIGNIN_REFUSED] = LOGIN_REFUSED};
    l->answer.result = (uint8_t)RESULTS[s->result];
    if (s->result == SIGNIN_OK) {
        memcpy(l->sso, s->sso, sizeof(l->sso));
        memcpy(l->console, s->console, sizeof(l->console));
        l->answer.sso = span_str(l->sso);
        l->answer.console = span_str(l->console);
        l->answer.ends_at = s->ends_at;
    } else if (s->result == SIGNIN_SECOND) {
        memcpy(l->flow, s->flow, sizeof(l->flow));
        l->answer.flow = span_str(l->flow);
    }
}

/* Name or password were wrong. Without a code the browser goes on to the second page as if they had
 * been right: that page must not tell either. */
static int wrong(struct login *l, const char *why)
{
    int r = refuse(l, why);
    if (r < 0 || l->code[0] != '\0') {
        return r;
    }
    struct signin s = signin_by(l);
    r = signin_wait(l->keeper, &s);
    tell(l, &s);
    secret_wipe(&s, sizeof(s));
    return r;
}

/* The password was right, here or there. */
static int go_on(struct login *l, enum factor first)
{
    struct keeper *k = l->keeper;
    struct attempt a = attempt_of(l);
    struct signin s = signin_by(l);
    enum factor factor;
    bool good;
    s.proofs.factors = factor_bit(first);
    int r = 0;
    if (l->code[0] != '\0') {
        r = attempts_code(&a, span_str(l->code), &good, &factor);
        if (r == 0 && !good) {
            r = attempts_failed(&a, factor);
            return r < 0 ? r : refuse(l, "code");
        }
        s.proofs.factors |= r < 0 ? 0 : factor_bit(factor);
        a.user = l->typed;
        r = r < 0 ? r : attempts_forgive(&a, 1);
    }
    r = r < 0 ? r : signin_finish(k, &s, l->reply->revokes);
    if (r == 0 && l->rehash[0] != '\0') {
        r = credentials_rehash(k->store, l->user, l->hash, l->rehash);
        r = r == FAULT_STALE ? 0 : r;
    }
    tell(l, &s);
    secret_wipe(&s, sizeof(s));
    return r;
}

/* Is the password that was looked at still the one of the store? While a hash is computed, or waits
 * for its turn, it may be changed, disabled or declared lost, and who does that ends the sessions
 * there are: none may begin by it afterwards. */
static int still_holds(struct keeper *k, const struct login *l, bool *ret)
{
    struct password now;
    int r = credentials_password(k->store, l->user, &now);
    *ret = r == 0 && !now.disabled && secret_eq(span_str(l->hash), span_str(now.hash));
    secret_wipe(&now, sizeof(now));
    return r == FAULT_ABSENT ? 0 : r;
}

static int judge_step(struct keeper *k, void *context)
{
    struct login *l = context;
    struct user user;
    if (k->live == NULL || (l->verdict < 0 && l->verdict != FAULT_DENIED)) {
        return k->live == NULL ? FAULT_STALE : l->verdict;
    }
    int r = l->user[0] == '\0' ? FAULT_ABSENT : users_find(k->store, l->user, &user);
    if (r == FAULT_ABSENT) {
        return wrong(l, "user");
    }
    if (r < 0) {
        return r;
    }
    if (!l->has_hash || l->verdict != 0) {
        struct attempt a = attempt_of(l);
        r = attempts_failed(&a, FACTOR_PASSWORD);
        return r < 0 ? r : wrong(l, "password");
    }
    bool holds;
    r = still_holds(k, l, &holds);
    if (r < 0 || !holds) {
        return r < 0 ? r : wrong(l, "password");
    }
    return user.disabled || user.kind == USER_SERVICE ? wrong(l, "disabled")
                                                      : go_on(l, FACTOR_PASSWORD);
}

/* ---- the answer ---- */

static void answer(struct login *l, bool at_deadline)
{
    struct keeper *k = l->keeper;
    struct reply *r = l->reply;
    l->reply = NULL;
    l->answer.server_time = clock_wall_ms() / 1000;
    if (at_deadline) {
        uint64_t late = clock_mono_ms() - l->arrived_ms;
        uint32_t pace = directories_pace(&k->directories);
        if (l->answer.result != LOGIN_OK && pace > late) {
            late = pace;
        }
        r->not_before = l->arrived_ms + (late / LOGIN_DEADLINE_MS + 1) * LOGIN_DEADLINE_MS;
    }
    reply_encode(k, r, MSG_LOGIN_IS, &l->answer);
    login_free(l);
    turn_reply(&k->turn, r);
}

static void conclude(struct login *l, turn_step step, int fault)
{
    l->answer = (struct msg_login_is){.result = LOGIN_FAILED};
    int r = fault < 0 ? fault : turn_run(&l->keeper->turn, step, l);
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "login", r, "a login could not be judged");
        l->answer = (struct msg_login_is){.result = LOGIN_FAILED};
        call_drop_revokes(l->reply->revokes);
    }
    answer(l, true);
}

/* ---- what a directory said ---- */

/* The directory knows no such password or name, or has shut the entry out. */
static int refused_there(struct login *l)
{
    static const char *const WHY[BOUND_RESULTS] = {
        [BOUND_REFUSED] = "password", [BOUND_DISABLED] = "disabled", [BOUND_ABSENT] = "absent"};
    struct keeper *k = l->keeper;
    struct entry e;
    struct attempt a = attempt_of(l);
    int r = vouched_whom(k, l->said, l->typed, &e);
    if (r < 0) {
        return r == FAULT_ABSENT ? wrong(l, WHY[l->said->result]) : r;
    }
    a.user = e.user;
    if (l->said->result == BOUND_REFUSED) {
        r = attempts_failed(&a, FACTOR_DIRECTORY);
    } else if (l->said->result == BOUND_DISABLED) {
        r = vouched_gone(k, &e, "disabled", l->reply->revokes);
    } else {
        /* Gone, or called something else by now: a look by the identifier tells, and soon. */
        e.checked = 0;
        r = entries_put(k->store, &e);
    }
    return r < 0 ? r : wrong(l, WHY[l->said->result]);
}

static int judge_said_step(struct keeper *k, void *context)
{
    struct login *l = context;
    const struct directory_def *def =
        k->live == NULL ? NULL : snapshot_directory(live_snapshot(k->live), l->directory);
    char user[STORE_NAME_SIZE];
    const char *why = "directory";
    switch (l->said->result) {
    case BOUND_REFUSED:
    case BOUND_DISABLED:
    case BOUND_ABSENT:
        return refused_there(l);
    case BOUND_OK:
        break;
    case BOUND_AMBIGUOUS:
    case BOUND_DOWN:
    case BOUND_FAULT:
    case BOUND_RESULTS:
        def = NULL;
        break;
    }
    int r = def == NULL ? 0 : vouched_accept(k, def, l->said, user, &why, l->reply->revokes);
    if (r < 0 || why != NULL) {
        return r < 0 ? r : wrong(l, why);
    }
    memcpy(l->user, user, sizeof(l->user));
    return go_on(l, FACTOR_DIRECTORY);
}

static void ask_directory(struct login *l);

static void on_directory(void *context, const struct directory_answer *a)
{
    struct login *l = context;
    if (a == NULL) {
        login_free(l);
        return;
    }
    bool none = a->result == BOUND_ABSENT || a->result == BOUND_DOWN || a->result == BOUND_FAULT;
    if (l->stranger && none && l->keeper->live != NULL) {
        char last[STORE_NAME_SIZE];
        memcpy(last, l->directory, sizeof(last));
        next_directory(l);
        if (l->directory[0] != '\0' && clock_mono_ms() - l->arrived_ms < DIRECTORY_SIGNIN_MS / 2) {
            ask_directory(l);
            return;
        }
        memcpy(l->directory, last, sizeof(last));
    }
    l->said = a;
    conclude(l, judge_said_step, 0);
}

static void ask_directory(struct login *l)
{
    struct directories *all = &l->keeper->directories;
    uint64_t spent = clock_mono_ms() - l->arrived_ms;
    struct directory_answer none = {.result = BOUND_DOWN};
    struct directory_question q = {
        .directory = snapshot_directory(live_snapshot(l->keeper->live), l->directory),
        .user = span_str(l->typed),
        .password = secret_view(&l->password),
        .patience_ms = spent < DIRECTORY_SIGNIN_MS ? (uint32_t)(DIRECTORY_SIGNIN_MS - spent) : 1};
    if (q.directory == NULL || directories_ask(all, &q, on_directory, l, none.text) < 0) {
        (void)snprintf(none.directory, sizeof(none.directory), "%s", l->directory);
        on_directory(l, &none);
    }
}

static void on_login_done(struct pool_job *job, int fault)
{
    conclude(container_of(job, struct login, job), judge_step, fault);
}

/* ---- arrival ---- */

/* People type capitals and blanks around; names have neither. */
static void read_name(struct login *l, struct span typed)
{
    typed = span_trim(typed);
    if (typed.len >= sizeof(l->user)) {
        return;
    }
    for (size_t i = 0; i < typed.len; i++) {
        char b = (char)typed.at[i];
        l->user[i] = b >= 'A' && b <= 'Z' ? (char)(b - 'A' + 'a') : b;
    }
    if (!text_is_name(span_of(l->user, typed.len))) {
        memset(l->user, 0, sizeof(l->user));
    }
}

static void copy_text(char *to, size_t size, struct span from)
{
    size_t len = from.len < size - 1 ? from.len : size - 1;
    for (size_t i = 0; i < len; i++) {
        to[i] = (char)(from.at[i] >= 0x20 && from.at[i] < 0x7f ? from.at[i] : '?');
    }
    to[len] = '\0';
}

static int keep(struct secret *to, struct span from)
{
    int r = secret_init(to, from.len + 1);
    if (r == 0) {
        to->len = from.len;
        if (from.len > 0) {
            memcpy(to->at, from.at, from.len);
        }
    }
    return r;
}

void login_begin(struct peer *edge, uint32_t serial, const struct msg_login *m)
{
    struct keeper *k = edge->keeper;
    struct login *l = calloc(1, sizeof(*l));
    struct reply *reply = reply_new(REPLY_EDGE, edge->number, serial, MSG_LOGIN_IS);
    if (l != NULL) {
        l->reply = reply;
    }
    if (l == NULL || reply == NULL || keep(&l->password, m->password) < 0 ||
        keep(&l->back, m->back) < 0 || keep(&l->here, m->sso) < 0 ||
        (reply->revokes = call_new(
             k, &(struct call_input){.host = m->host, .certificate = m->certificate})) == NULL) {
        if (l == NULL) {
            reply_free(reply);
        } else {
            login_free(l);
        }
        return; /* The edge gives up by itself. */
    }
    l->keeper = k;
    l->arrived_ms = clock_mono_ms();
    read_name(l, m->user);
    memcpy(l->typed, l->user, sizeof(l->typed));
    copy_text(l->code, sizeof(l->code), span_trim(m->code));
    copy_text(l->agent, sizeof(l->agent), m->agent);
    copy_text(l->fingerprint, sizeof(l->fingerprint), m->fingerprint);
    copy_text(l->request_id, sizeof(l->request_id), m->request_id);
    memcpy(l->source.byte, m->source, sizeof(l->source.byte));
    l->job.compute = on_login_compute;
    l->job.done = on_login_done;
    l->answer.result = LOGIN_OK;
    int r = k->live == NULL ? FAULT_BUSY : turn_run(&k->turn, admit_step, l);
    if (r == 0 && l->answer.result == LOGIN_THROTTLED) {
        answer(l, false);
        return;
    }
    if (r == 0 && l->directory[0] != '\0') {
        ask_directory(l);
        return;
    }
    r = r < 0 ? r : pool_submit(&k->pool, &l->job);
    if (r < 0) {
        log_fault(LOG_LEVEL_WARN, "login", r, "not looked at");
        l->answer = (struct msg_login_is){.result = LOGIN_FAILED};
        answer(l, false);
    }
}
