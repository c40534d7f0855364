#include "keeper/directories.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "keeper/call.h"
#include "keeper/keeper.h"
#include "keeper/vouched.h"

#define TICK_MS 1000u
/* Over what the courier was given: it answers late by itself. */
#define GRACE_MS 500u
#define LOOKS_AT_ONCE 2u
#define LOOKS_PER_TICK 32u
/* A directory that is down is not asked about those who are on for so long. */
#define RETRY_MS 30000u
/* The slowest answer counts for as long as this, and up to twice. */
#define PACE_SLOT_MS 300000u

struct asked {
    char directory[STORE_NAME_SIZE];
    uint64_t begun_ms;
    directory_done done;
    void *context;
};

struct due {
    struct list link;
    struct directories *all;
    struct entry entry;
};

/* ---- what the configuration leaves out ---- */

struct defaults {
    const char *filter, *name, *id;
};

static const struct defaults DEFAULTS[] = {
    [DIRECTORY_LDAP] = {"(&(objectClass=person)(uid={user}))", "uid", "entryUUID"},
    [DIRECTORY_ACTIVE] = {"(&(objectCategory=person)(objectClass=user)"
                          "(|(sAMAccountName={user})(userPrincipalName={user})))",
                          "sAMAccountName", "objectGUID"},
};
#define GROUP_FILTER "(&(objectClass=groupOfNames)(member={dn}))"

static struct span text_or(const char *text, const char *otherwise)
{
    return span_str(text[0] != '\0' ? text : otherwise);
}

static struct span filter_of(const struct directory_def *d)
{
    return text_or(d->filter, DEFAULTS[d->kind].filter);
}

/* The whole filter. An entry that is known is found by its identifier, whatever it is called by
 * now; what else the filter asks for must hold all the same. */
static int write_filter(const struct directory_question *q, struct buf *out)
{
    const struct directory_def *d = q->directory;
    const struct ldapname_words words = {.user = q->user, .anybody = q->id != NULL};
    uint8_t id[ENTRY_ID_SIZE / 2];
    if (q->id == NULL) {
        return ldapname_expand(out, filter_of(d), &words);
    }
    size_t len = strlen(q->id) / 2;
    int r = len > sizeof(id) ? FAULT_LIMIT : text_unhex(span_str(q->id), id, len);
    struct span attribute = text_or(d->id_attribute, DEFAULTS[d->kind].id);
    r = r < 0 ? r : buf_printf(out, "(&(%.*s=", SPAN_FMT(attribute));
    r = r < 0 ? r : ldapname_filter_value(out, span_of(id, len));
    r = r < 0 ? r : buf_text(out, ")");
    r = r < 0 ? r : ldapname_expand(out, filter_of(d), &words);
    return r < 0 ? r : buf_text(out, ")");
}

/* Why there is no answer. */
static const char *nobody_text(int fault)
{
    switch (fault) {
    case FAULT_ABSENT:
        return "the courier is not running";
    case FAULT_BUSY:
        return "too many questions to directories at once";
    case FAULT_CLOSED:
        return "the courier has died";
    case FAULT_TIMEOUT:
        return "the courier does not answer";
    default:
        return fault_text(fault);
    }
}

static void note_state(struct directories *d, const char *name, bool down, const char *text);

/* ---- asking ---- */

void directories_init(struct directories *d)
{
    *d = (struct directories){.looking = 0};
    list_init(&d->due);
}

static int read_password(const struct keeper *k, const struct directory_def *def,
                         struct secret *ret, char *text)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", k->secrets_dir, def->bind_password_file);
    int r = n < 0 || (size_t)n >= sizeof(path) ? FAULT_LIMIT : secret_read_file(ret, path, 1024);
    if (r == 0 && ret->len == 0) {
        secret_fini(ret);
        r = FAULT_FORMAT;
    }
    if (r < 0) {
        (void)snprintf(text, DIRECTORY_TEXT_SIZE, "bind_password_file: cannot read %s: %s",
                       def->bind_password_file, fault_text(r));
    }
    return r;
}

static int encode(const struct directory_question *q, uint32_t patience, struct span filter,
                  struct span password, struct writer *w)
{
    const struct directory_def *def = q->directory;
    const struct defaults *otherwise = &DEFAULTS[def->kind];
    struct buf servers;
    buf_init(&servers, 2304);
    for (size_t i = 0; i < def->urls.count; i++) {
        (void)buf_printf(&servers, "%s%s", i > 0 ? "\n" : "", def->urls.name[i]);
    }
    struct msg_bind m = {
        .purpose = q->look ? BIND_LOOK : BIND_SIGNIN,
        .patience_ms = patience,
        .servers = buf_view(&servers),
        .authorities = span_str(def->ca[0] != '\0' ? def->ca : def->authorities),
        .account = span_str(def->bind_dn),
        .account_password = password,
        .base = span_str(def->base),
        .filter = filter,
        .flavour = (uint8_t)def->kind,
        .name_attribute = text_or(def->name_attribute, otherwise->name),
        .id_attribute = text_or(def->id_attribute, otherwise->id),
        .groups_from = (uint8_t)def->groups_from,
        .group_base = text_or(def->group_base, def->base),
        .group_filter = def->groups_from == GROUPS_SEARCH ? text_or(def->group_filter, GROUP_FILTER)
                                                          : SPAN_NONE,
        .group_depth = (uint8_t)def->group_depth,
        .password = q->password,
    };
    msg_bind_encode(w, &m);
    int r = servers.bad ? FAULT_LIMIT : writer_finish(w);
    buf_fini(&servers);
    return r < 0 ? r : 0;
}

static uint32_t patience_of(const struct directory_question *q)
{
    uint32_t patience = q->directory->timeout * 1000;
    return q->patience_ms != 0 && q->patience_ms < patience ? q->patience_ms : patience;
}

int directory_question_write(struct keeper *k, const struct directory_question *q,
                             struct span *payload, char *text)
{
    struct secret password = {0};
    struct buf filter;
    struct writer w = writer_into(k->scratch, MSG_PACKET_MAX);
    /* A bind without a password succeeds for anybody (RFC 4513 section 5.1.2). */
    if (q->look != (q->password.len == 0)) {
        (void)snprintf(text, DIRECTORY_TEXT_SIZE, "%s", fault_text(FAULT_MISUSE));
        return FAULT_MISUSE;
    }
    int r = read_password(k, q->directory, &password, text);
    if (r < 0) {
        return r;
    }
    buf_init(&filter, LDAPNAME_EXPANDED_MAX);
    r = write_filter(q, &filter);
    r = r < 0 ? r : encode(q, patience_of(q), buf_view(&filter), secret_view(&password), &w);
    if (r < 0) {
        (void)snprintf(text, DIRECTORY_TEXT_SIZE, "%s", fault_text(r));
    }
    *payload = span_of(w.at, w.len);
    buf_fini(&filter);
    secret_fini(&password);
    return r;
}

static void note_pace(struct directories *d, uint64_t begun)
{
    uint64_t now = clock_mono_ms();
    uint64_t slots = d->slot_ms == 0 ? 2 : (now - d->slot_ms) / PACE_SLOT_MS;
    uint32_t took = (uint32_t)(now - begun);
    if (slots > 0) {
        d->slowest_ms[1] = slots == 1 ? d->slowest_ms[0] : 0;
        d->slowest_ms[0] = 0;
        d->slot_ms = now;
    }
    if (took > d->slowest_ms[0]) {
        d->slowest_ms[0] = took;
    }
}

uint32_t directories_pace(const struct directories *d)
{
    bool recent = d->slot_ms != 0 && clock_mono_ms() - d->slot_ms < 2 * PACE_SLOT_MS;
    uint32_t most = d->slowest_ms[0] > d->slowest_ms[1] ? d->slowest_ms[0] : d->slowest_ms[1];
    return recent ? most : 0;
}

static void on_answer(struct keeper *k, void *context, int fault, struct span payload)
{
    struct asked *asked = context;
    struct directory_answer a;
    if (fault != -ECANCELED) {
        directory_answer_read(&k->directories, asked->directory, fault, payload, &a);
        /* One that is down is not waited for by those who are nothing to it. */
        if (a.result != BOUND_DOWN) {
            note_pace(&k->directories, asked->begun_ms);
        }
    }
    k->directories.asked--;
    asked->done(asked->context, fault == -ECANCELED ? NULL : &a);
    free(asked);
}

int directories_ask(struct directories *d, const struct directory_question *q, directory_done done,
                    void *context, char *text)
{
    struct keeper *k = d->keeper;
    struct span payload = SPAN_NONE;
    struct asked *asked = k == NULL ? NULL : calloc(1, sizeof(*asked));
    (void)snprintf(text, DIRECTORY_TEXT_SIZE, "%s", fault_text(-ENOMEM));
    int r = asked == NULL ? -ENOMEM : directory_question_write(k, q, &payload, text);
    if (r == 0) {
        asked->begun_ms = clock_mono_ms();
        asked->done = done;
        asked->context = context;
        (void)snprintf(asked->directory, sizeof(asked->directory), "%s", q->directory->name);
        r = errands_ask(k, MSG_BIND, payload, patience_of(q) + GRACE_MS, on_answer, asked);
        (void)snprintf(text, DIRECTORY_TEXT_SIZE, "%s", nobody_text(r));
        secret_wipe(k->scratch, payload.len);
    }
    if (r == 0) {
        d->asked++;
        return 0;
    }
    free(asked);
    if (r != FAULT_BUSY) {
        note_state(d, q->directory->name, true, text);
    }
    return r;
}

/* ---- what is known of each ---- */

static struct directory_state *state_of(struct directories *d, const char *name)
{
    struct directory_state *free_place = &d->state[0];
    for (size_t i = 0; i < countof(d->state); i++) {
        if (strcmp(d->state[i].name, name) == 0) {
            return &d->state[i];
        }
        if (d->state[i].name[0] == '\0' || d->state[i].since_ms < free_place->since_ms) {
            free_place = &d->state[i];
        }
    }
    *free_place = (struct directory_state){.down = false};
    (void)snprintf(free_place->name, sizeof(free_place->name), "%s", name);
    return free_place;
}

/* One line when it changes: a directory that is down is asked by everybody who wants to come in. */
static void note_state(struct directories *d, const char *name, bool down, const char *text)
{
    struct directory_state *s = state_of(d, name);
    if (s->since_ms == 0 || s->down != down) {
        s->since_ms = clock_wall_ms();
        if (down) {
            char said[600];
            (void)snprintf(said, sizeof(said), "%s: %s", name, text);
            log_kv(LOG_LEVEL_WARN, "directory_down", "directory", said);
        } else {
            log_kv(LOG_LEVEL_NOTICE, "directory_up", "directory", name);
        }
    }
    s->down = down;
    s->retry_ms = down ? clock_mono_ms() + RETRY_MS : 0;
    (void)snprintf(s->text, sizeof(s->text), "%s", down ? text : "");
}

const struct directory_state *directories_state(const struct directories *d, const char *name)
{
    for (size_t i = 0; i < countof(d->state); i++) {
        if (d->state[i].name[0] != '\0' && strcmp(d->state[i].name, name) == 0) {
            return &d->state[i];
        }
    }
    return NULL;
}

void directories_status(const struct directories *d, const struct snapshot *s, struct buf *out)
{
    for (size_t i = 0; s != NULL && i < s->dir_count; i++) {
        const struct directory_state *state = directories_state(d, s->dirs[i].name);
        const char *word = state == NULL ? "not asked yet" : state->down ? "down: " : "up";
        (void)buf_printf(out, "directory.%s=%s", s->dirs[i].name, word);
        if (state != NULL && state->down) {
            (void)text_log(out, span_str(state->text));
        }
        (void)buf_byte(out, '\n');
    }
}

/* ---- answers ---- */

static bool is_one_line(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < 0x20 || s.at[i] == 0x7f) {
            return false;
        }
    }
    return text_is_utf8(s);
}

static bool is_hex(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool digit = s.at[i] >= '0' && s.at[i] <= '9';
        if (!digit && (s.at[i] < 'a' || s.at[i] > 'f')) {
            return false;
        }
    }
    return s.len % 2 == 0;
}

static bool is_sound(const struct msg_bound *m)
{
    return m->result < BOUND_RESULTS && is_one_line(m->text) && is_one_line(m->server) &&
           is_one_line(m->dn) && is_one_line(m->login) && is_hex(m->id) &&
           (m->result != BOUND_OK || (m->dn.len > 0 && m->id.len > 0 && m->login.len > 0));
}

static void copy(char *to, struct span from)
{
    if (from.len > 0) {
        memcpy(to, from.at, from.len);
    }
    to[from.len] = '\0';
}

static void read_bound(const struct msg_bound *m, struct directory_answer *a)
{
    a->result = (enum bound_result)m->result;
    a->groups = m->groups;
    a->omitted = m->omitted;
    copy(a->text, m->text);
    copy(a->server, m->server);
    copy(a->dn, m->dn);
    copy(a->id, m->id);
    copy(a->login, m->login);
}

void directory_answer_read(struct directories *d, const char *directory, int fault,
                           struct span payload, struct directory_answer *ret)
{
    struct msg_bound m;
    *ret = (struct directory_answer){.result = BOUND_DOWN};
    (void)snprintf(ret->directory, sizeof(ret->directory), "%s", directory);
    if (fault == 0 && (msg_bound_decode(payload, &m) < 0 || !is_sound(&m))) {
        fault = FAULT_FORMAT;
    }
    if (fault == 0) {
        read_bound(&m, ret);
    } else {
        (void)snprintf(ret->text, sizeof(ret->text), "%s", nobody_text(fault));
    }
    note_state(d, directory, ret->result == BOUND_DOWN || ret->result == BOUND_FAULT, ret->text);
}

/* ---- looking again ---- */

struct look {
    const struct directory_answer *answer;
    const struct entry *entry;
    struct call *revokes;
};

static int look_step(struct keeper *k, void *context)
{
    struct look *l = context;
    return vouched_again(k, l->entry, l->answer, l->revokes);
}

static void look_next(struct directories *d);

static void on_looked(void *context, const struct directory_answer *a)
{
    struct due *due = context;
    struct directories *d = due->all;
    struct keeper *k = d->keeper;
    struct reply *r = a == NULL ? NULL : reply_new(REPLY_DISCARD, 0, 0, MSG_NONE);
    if (r != NULL && (r->revokes = call_new(k, &(struct call_input){0})) != NULL) {
        struct look look = {.answer = a, .entry = &due->entry, .revokes = r->revokes};
        int rc = turn_run(&k->turn, look_step, &look);
        if (rc == 0) {
            turn_reply(&k->turn, r);
            r = NULL;
        } else {
            log_fault(LOG_LEVEL_WARN, "directory_recheck", rc, due->entry.user);
        }
    }
    reply_free(r);
    free(due);
    d->looking--;
    if (a != NULL) {
        look_next(d);
    }
}

static void look_next(struct directories *d)
{
    const struct snapshot *s = d->keeper->live == NULL ? NULL : live_snapshot(d->keeper->live);
    while (!list_empty(&d->due) && d->looking < LOOKS_AT_ONCE) {
        struct due *due = container_of(d->due.next, struct due, link);
        const struct directory_def *def =
            s == NULL ? NULL : snapshot_directory(s, due->entry.directory);
        const struct directory_state *state = directories_state(d, due->entry.directory);
        char text[DIRECTORY_TEXT_SIZE] = "";
        struct directory_question q = {.directory = def, .id = due->entry.id, .look = true};
        list_remove(&due->link);
        bool wait = def == NULL || (state != NULL && state->retry_ms > clock_mono_ms());
        if (wait || directories_ask(d, &q, on_looked, due, text) < 0) {
            free(due);
        } else {
            d->looking++;
        }
    }
}

static int each_due(void *context, const struct entry *e)
{
    struct directories *d = context;
    struct due *due = calloc(1, sizeof(*due));
    if (due == NULL) {
        return -ENOMEM;
    }
    due->all = d;
    due->entry = *e;
    list_push(&d->due, &due->link);
    return 0;
}

static void look_again(struct directories *d)
{
    struct keeper *k = d->keeper;
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    uint64_t now = clock_wall_ms() / 1000;
    if (k->stopping || d->looking > 0 || !list_empty(&d->due)) {
        return;
    }
    for (size_t i = 0; s != NULL && i < s->dir_count; i++) {
        const struct directory_def *def = &s->dirs[i];
        const struct directory_state *state = directories_state(d, def->name);
        if (def->recheck == 0 || (state != NULL && state->retry_ms > clock_mono_ms())) {
            continue;
        }
        int r = entries_due(k->store, def->name, now > def->recheck ? now - def->recheck : 0, now,
                            LOOKS_PER_TICK, each_due, d);
        if (r < 0) {
            log_fault(LOG_LEVEL_WARN, "directory_recheck", r, def->name);
        }
    }
    look_next(d);
}

static void on_tick(uv_timer_t *timer)
{
    look_again(timer->data);
}

int directories_start(struct directories *d, struct keeper *k)
{
    int r = uv_timer_init(&k->loop, &d->timer);
    if (r == 0) {
        d->timer.data = d;
        d->keeper = k;
        r = uv_timer_start(&d->timer, on_tick, TICK_MS, TICK_MS);
    }
    return r;
}

void directories_stop(struct directories *d)
{
    if (d->keeper == NULL) {
        return;
    }
    while (!list_empty(&d->due)) {
        struct due *due = container_of(d->due.next, struct due, link);
        list_remove(&due->link);
        free(due);
    }
    uv_close((uv_handle_t *)&d->timer, NULL);
    d->keeper = NULL;
}
