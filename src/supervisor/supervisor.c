#include "supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "supervisor/dial.h"
#include "supervisor/pulse.h"

#define DRAIN_SECONDS 5u
#define DRAIN_GRACE_MS 500u
#define LAST_MS 2000u
#define FLEET_MS 10000u

struct child *supervisor_find(struct supervisor *sv, enum role_kind kind)
{
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->kind == kind && child_is_up(c) && !c->retired)
            return c;
    }
    return NULL;
}

static unsigned count_children(const struct supervisor *sv, bool edges_only)
{
    unsigned n = 0;
    list_each(it, &sv->children)
    {
        const struct child *c = container_of(it, struct child, link);
        n += !edges_only || c->kind == ROLE_EDGE;
    }
    return n;
}

void supervisor_fail(struct supervisor *sv, const char *event)
{
    log_event(LOG_LEVEL_ERROR, event);
    sv->exit_status = 1;
    supervisor_stop(sv);
}

static void child_named(struct buf *line, const struct child *c)
{
    log_text(line, "role", ROLES[c->kind].name);
    log_num(line, "id", c->id);
}

/* ---- edges ---- */

int supervisor_add_edges(struct supervisor *sv, bool successor)
{
    for (unsigned slot = 0; slot < sv->slots; slot++) {
        struct child *c = child_new(sv, ROLE_EDGE, sv->next_edge_id++, slot);
        if (c == NULL)
            return -ENOMEM;
        c->successor = successor;
        child_start(c);
        if (sv->stopping)
            break;
    }
    return 0;
}

void supervisor_renew_edges(struct supervisor *sv)
{
    list_each(it, &sv->children)
    {
        const struct child *c = container_of(it, struct child, link);
        if (c->kind == ROLE_EDGE && !c->retired)
            return;
    }
    if (supervisor_add_edges(sv, false) < 0)
        supervisor_fail(sv, "out_of_memory");
}

void supervisor_start_edges(struct supervisor *sv)
{
    if (sv->serving || sv->stopping || sv->newest.fd < 0 || count_children(sv, true) > 0 ||
        supervisor_find(sv, ROLE_SIGNER) == NULL)
        return;
    if (supervisor_add_edges(sv, false) < 0)
        supervisor_fail(sv, "out_of_memory");
}

/* Does the snapshot have this name at this place? */
static bool is_same(const struct listener_def *a, const struct listener_def *b)
{
    return a->port == b->port && addr_eq(&a->addr, &b->addr) && strcmp(a->name, b->name) == 0 &&
           strcmp(a->interface, b->interface) == 0;
}

static bool has_listener(const struct snapshot *s, const struct listener_def *def)
{
    for (size_t i = 0; s != NULL && i < s->listener_count; i++) {
        if (is_same(&s->listeners[i], def))
            return true;
    }
    return false;
}

bool supervisor_drops_listener(const struct snapshot *old, const struct snapshot *new)
{
    for (size_t i = 0; i < old->listener_count; i++) {
        if (!has_listener(new, &old->listeners[i]))
            return true;
    }
    return false;
}

static void send_socket(struct child *edge, size_t i)
{
    const struct listeners *l = &edge->supervisor->listeners;
    struct msg_socket m = {.listener = span_str(l->items[i].name)};
    child_sent(edge, channel_send_socket(&edge->channel, 0, &m, listeners_fd(l, i, edge->slot)));
}

void supervisor_send_sockets(struct child *edge, const struct snapshot *file,
                             const struct snapshot *but)
{
    const struct listeners *l = &edge->supervisor->listeners;
    for (size_t i = 0; i < l->count; i++) {
        const struct endpoint *e = &l->items[i];
        const struct listener_def def = {
            .name = e->name, .addr = e->addr, .port = e->port, .interface = e->interface};
        if (e->open && has_listener(file, &def) && !has_listener(but, &def))
            send_socket(edge, i);
    }
}

static void say_interface(const struct endpoint *e, const char *event, int fault)
{
    struct buf line;
    log_line(&line, fault < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE, event);
    log_field(&line, "listener", span_str(e->name));
    log_field(&line, "interface", span_str(e->interface));
    if (fault < 0)
        log_text(&line, "fault", fault_name(fault));
    log_end(&line);
}

void supervisor_follow_interfaces(struct supervisor *sv)
{
    struct listeners *l = &sv->listeners;
    for (size_t i = 0; i < l->count; i++) {
        struct endpoint *e = &l->items[i];
        int rc = listeners_follow(l, i);
        if (rc < 0 && rc != e->fault)
            say_interface(e, "listener_not_opened", rc);
        e->fault = rc < 0 ? rc : 0;
        if (rc <= 0)
            continue;
        say_interface(e, e->open ? "listener_opened" : "listener_closed", 0);
        list_each(it, &sv->children)
        {
            struct child *c = container_of(it, struct child, link);
            if (e->open && c->kind == ROLE_EDGE &&
                (c->state == CHILD_READY || c->state == CHILD_SERVING))
                send_socket(c, i);
        }
    }
}

void supervisor_join_edges(struct supervisor *sv)
{
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        bool behind = c->state == CHILD_SERVING && c->number != sv->newest.number &&
                      !rollout_has(&sv->rollout, c->key);
        if (c->kind == ROLE_EDGE && (c->state == CHILD_READY || behind))
            deliver_join(c);
    }
}

/* ---- peers ---- */

void supervisor_introduce(struct child *a, struct child *b)
{
    int pair[2];
    if (channel_pair(pair) < 0) {
        log_event(LOG_LEVEL_ERROR, "no_channel");
        return;
    }
    struct msg_peer to_a = {.role = (uint8_t)ROLES[b->kind].ipc, .id = b->id};
    struct msg_peer to_b = {.role = (uint8_t)ROLES[a->kind].ipc, .id = a->id};
    child_sent(a, channel_send_peer(&a->channel, 0, &to_a, pair[0]));
    child_sent(b, channel_send_peer(&b->channel, 0, &to_b, pair[1]));
    /* The packets carry copies. */
    (void)close(pair[0]);
    (void)close(pair[1]);
}

bool supervisor_may_meet(const struct child *a, const struct child *b)
{
    const struct child *edge = a->kind == ROLE_EDGE ? a : b;
    const struct child *other = a->kind == ROLE_EDGE ? b : a;
    if (a == b || !child_is_up(a) || !child_is_up(b) || a->channel.fd < 0 || b->channel.fd < 0 ||
        (ROLES[a->kind].peers & (unsigned)ROLES[b->kind].ipc) == 0)
        return false;
    /* Until an upgrade is done an old edge keeps the signer it has: the way back leads to it. */
    if (other->kind == ROLE_SIGNER && a->supervisor->upgrade.phase == UPGRADE_PENDING)
        return other->adopted == edge->adopted;
    /* Afterwards those of the version before serve nobody new. */
    if ((a->retired && a->kind != ROLE_EDGE) || (b->retired && b->kind != ROLE_EDGE))
        return false;
    /* Without a configuration a keeper knows nobody: edges would hear that of everybody. They wait
     * for one that does. */
    return other->kind != ROLE_KEEPER || edge->kind != ROLE_EDGE || other->configured;
}

void supervisor_introduce_edges(struct child *c)
{
    list_each(it, &c->supervisor->children)
    {
        struct child *edge = container_of(it, struct child, link);
        if (edge->kind == ROLE_EDGE && supervisor_may_meet(c, edge)) {
            edge->lost &= ~(unsigned)ROLES[c->kind].ipc;
            supervisor_introduce(c, edge);
        }
    }
}

void supervisor_introduce_old_edges(struct child *signer)
{
    list_each(it, &signer->supervisor->children)
    {
        struct child *edge = container_of(it, struct child, link);
        if (edge->kind == ROLE_EDGE && edge->adopted && supervisor_may_meet(signer, edge))
            supervisor_introduce(signer, edge);
    }
}

static void introduce_all(struct child *c)
{
    list_each(it, &c->supervisor->children)
    {
        struct child *other = container_of(it, struct child, link);
        if (supervisor_may_meet(c, other)) {
            other->lost &= ~(unsigned)ROLES[c->kind].ipc;
            supervisor_introduce(c, other);
        }
    }
}

/* ---- what children say ---- */

static int on_ready(struct child *c, struct message *m)
{
    struct supervisor *sv = c->supervisor;
    struct msg_ready ready;
    if (msg_ready_decode(m->payload, &ready) < 0 || c->state != CHILD_STARTING)
        return FAULT_FORMAT;
    child_stop_timer(c);
    free(c->sandbox);
    c->sandbox = strndup((const char *)ready.sandbox.at, ready.sandbox.len);
    c->ports_bound = c->sandbox != NULL && strstr(c->sandbox, "landlock_net=on") != NULL;
    c->state = c->kind == ROLE_EDGE ? CHILD_READY : CHILD_SERVING;
    if (c->kind == ROLE_EDGE) {
        bool reloads = c->successor && sv->candidate != NULL &&
                       sv->candidate->generation == sv->running.generation;
        supervisor_send_sockets(c, reloads ? sv->candidate : sv->file, NULL);
    }
    introduce_all(c);
    if (c->kind == ROLE_KEEPER)
        return reload_configure(sv, c);
    if (c->kind == ROLE_EDGE)
        deliver_join(c);
    if (c->kind == ROLE_SIGNER) {
        supervisor_join_edges(sv);
        supervisor_start_edges(sv);
        deliver_waiting(sv);
    }
    return 0;
}

static int on_prepared(struct child *c, struct message *m)
{
    struct msg_prepared prepared;
    if (msg_prepared_decode(m->payload, &prepared) < 0)
        return FAULT_FORMAT;
    deliver_prepared(c, &prepared);
    return 0;
}

static int on_committed(struct child *c, struct message *m)
{
    struct msg_committed committed;
    if (msg_committed_decode(m->payload, &committed) < 0)
        return FAULT_FORMAT;
    deliver_committed(c, &committed);
    return 0;
}

static int on_refused(struct child *c, struct message *m)
{
    struct supervisor *sv = c->supervisor;
    struct msg_refused refused;
    if (msg_refused_decode(m->payload, &refused) < 0)
        return FAULT_FORMAT;
    if (sv->candidate != NULL && refused.generation == sv->candidate->generation) {
        reload_refused(sv, refused.generation, refused.reason);
        return 0;
    }
    /* The file in force no longer fits the store: only at a start can this be the end. */
    struct buf line;
    log_line(&line, LOG_LEVEL_ERROR, "configuration_refused");
    log_field(&line, "reason", refused.reason);
    log_end(&line);
    upgrade_failed(sv, refused.reason);
    if (!sv->serving)
        supervisor_fail(sv, "not_started");
    return 0;
}

static int on_status_is(struct child *c, struct message *m)
{
    struct msg_status_is status;
    if (msg_status_is_decode(m->payload, &status) < 0)
        return FAULT_FORMAT;
    free(c->status);
    c->status = strndup((const char *)status.text.at, status.text.len);
    c->status_asked = false;
    c->silent = 0;
    pulse_heard(c);
    doctor_look_whether_complete(c->supervisor);
    return 0;
}

static int on_stalled(struct child *c, struct message *m)
{
    struct msg_stalled stalled;
    if (msg_stalled_decode(m->payload, &stalled) < 0)
        return FAULT_FORMAT;
    list_each(it, &c->supervisor->children)
    {
        struct child *edge = container_of(it, struct child, link);
        if (edge->kind != ROLE_EDGE || edge->id != stalled.id || edge->pid == 0)
            continue;
        struct buf line;
        log_line(&line, LOG_LEVEL_ERROR, "edge_stalled");
        child_named(&line, edge);
        log_num(&line, "epoch", (int64_t)stalled.epoch);
        log_end(&line);
        child_kill(edge);
    }
    return 0;
}

/* The permit table has already said whether this role may send the type. */
static const struct {
    enum msg_type type;
    int (*handle)(struct child *c, struct message *m);
} HANDLERS[] = {
    {MSG_READY, on_ready},         {MSG_PREPARED, on_prepared},
    {MSG_COMMITTED, on_committed}, {MSG_SNAPSHOT, deliver_snapshot},
    {MSG_REFUSED, on_refused},     {MSG_STATUS_IS, on_status_is},
    {MSG_STALLED, on_stalled},     {MSG_LOST, pulse_lost},
    {MSG_DIAL, dial_asked},
};

int supervisor_on_message(struct child *c, struct message *m)
{
    for (size_t i = 0; i < countof(HANDLERS); i++) {
        if (HANDLERS[i].type == m->type)
            return HANDLERS[i].handle(c, m);
    }
    return FAULT_FORMAT;
}

/* ---- deaths ---- */

static void log_death(const struct child *c, int status)
{
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bool meant = c->retired || c->supervisor->stopping;
    struct buf line;
    log_line(&line, clean || meant ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "child_died");
    child_named(&line, c);
    log_num(&line, "child", c->pid);
    if (WIFSIGNALED(status)) {
        log_num(&line, "signal", WTERMSIG(status));
        if (WTERMSIG(status) == SIGSYS)
            log_text(&line, "reason", "a system call that its sandbox does not allow");
    } else {
        log_num(&line, "status", WEXITSTATUS(status));
        if (WEXITSTATUS(status) == 127)
            log_text(&line, "reason", "the program could not be executed");
    }
    if (c->killed)
        log_text(&line, "killed", "by the supervisor");
    log_num(&line, "lived_ms", (int64_t)(clock_mono_ms() - c->started_ms));
    log_end(&line);
}

static void look_whether_all_gone(struct supervisor *sv);

void supervisor_on_death(struct child *c, int status)
{
    struct supervisor *sv = c->supervisor;
    uint64_t lived = clock_mono_ms() - c->started_ms;
    if (c->pid > 0)
        log_death(c, status);
    child_buried(c);
    if (upgrade_on_death(sv, c))
        return;
    /* The rollout may abort because of this death, and that may retire the child. */
    deliver_gone(c);
    doctor_look_whether_complete(sv);
    if (sv->stopping || c->retired) {
        child_free(c);
        look_whether_all_gone(sv);
        return;
    }
    if (c->kind == ROLE_KEEPER && sv->candidate != NULL)
        reload_refused(sv, sv->candidate->generation, SPAN("the keeper died meanwhile"));
    if (!sv->serving) {
        /* What fails at the first start fails again: a person must see it, not a loop. */
        child_free(c);
        supervisor_fail(sv, "not_started");
        return;
    }
    uint64_t wait = backoff_next(&c->backoff, lived);
    struct buf line;
    log_line(&line, LOG_LEVEL_NOTICE, "child_restarts");
    child_named(&line, c);
    log_num(&line, "after_ms", (int64_t)wait);
    log_end(&line);
    child_start_later(c, wait);
}

static void reap(struct supervisor *sv)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        upgrade_on_reaped(sv, pid, status);
        list_each(it, &sv->children)
        {
            struct child *c = container_of(it, struct child, link);
            if (c->pid != pid)
                continue;
            supervisor_on_death(c, status);
            break;
        }
    }
}

static void on_chld(uv_signal_t *h, int number)
{
    (void)number;
    reap(h->data);
}

/* ---- the end ---- */

static void kill_all(struct supervisor *sv, bool edges_only)
{
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->pid > 0 && (!edges_only || c->kind == ROLE_EDGE))
            child_kill(c);
    }
}

/* Children without a process would never be reaped. */
static void free_processless(struct supervisor *sv)
{
    list_each_safe(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->pid == 0)
            child_free(c);
    }
}

static void drain(struct child *c)
{
    if (c->channel.fd < 0 || c->state == CHILD_STARTING) {
        child_kill(c);
        return;
    }
    c->state = CHILD_DRAINING;
    struct msg_drain m = {.seconds = DRAIN_SECONDS};
    child_sent(c, channel_send_drain(&c->channel, 0, &m, -1));
}

static void close_handles(struct supervisor *sv)
{
    uv_handle_t *all[] = {
        (uv_handle_t *)&sv->on_chld,      (uv_handle_t *)&sv->on_hup,
        (uv_handle_t *)&sv->on_term,      (uv_handle_t *)&sv->on_int,
        (uv_handle_t *)&sv->on_usr2,      (uv_handle_t *)&sv->upgrade.timer,
        (uv_handle_t *)&sv->reload_timer, (uv_handle_t *)&sv->rollout_timer,
        (uv_handle_t *)&sv->pulse_timer,  (uv_handle_t *)&sv->fleet_timer,
        (uv_handle_t *)&sv->doctor_timer, (uv_handle_t *)&sv->stop_timer,
    };
    for (size_t i = 0; i < countof(all); i++) {
        if (!uv_is_closing(all[i]))
            uv_close(all[i], NULL);
    }
    control_stop(&sv->control);
}

static void on_end_late(uv_timer_t *t)
{
    kill_all(t->data, false);
}

/* Edges go first, so that the keeper and the signer are there for what they still do. */
static void look_whether_all_gone(struct supervisor *sv)
{
    if (!sv->stopping)
        return;
    if (count_children(sv, false) == 0) {
        close_handles(sv);
        return;
    }
    if (count_children(sv, true) > 0)
        return;
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->state != CHILD_DRAINING)
            drain(c);
    }
    (void)uv_timer_start(&sv->stop_timer, on_end_late, LAST_MS, 0);
}

static void on_drain_late(uv_timer_t *t)
{
    kill_all(t->data, true);
}

void supervisor_stop(struct supervisor *sv)
{
    if (sv->stopping) {
        kill_all(sv, false);
        return;
    }
    sv->stopping = true;
    log_event(LOG_LEVEL_NOTICE, "stopping");
    notify_stopping(&sv->notify);
    listeners_shut(&sv->listeners);
    (void)uv_timer_stop(&sv->rollout_timer);
    free_processless(sv);
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        child_stop_timer(c);
        if (c->kind == ROLE_EDGE)
            drain(c);
    }
    (void)uv_timer_start(&sv->stop_timer, on_drain_late, DRAIN_SECONDS * 1000 + DRAIN_GRACE_MS, 0);
    look_whether_all_gone(sv);
}

static void on_end_signal(uv_signal_t *h, int number)
{
    (void)number;
    supervisor_stop(h->data);
}

static void on_hup(uv_signal_t *h, int number)
{
    (void)number;
    reload_start(h->data, NULL);
}

static void on_usr2(uv_signal_t *h, int number)
{
    (void)number;
    upgrade_start(h->data, NULL);
}

/* ---- control ---- */

static void answer_stop(struct supervisor *sv, struct control_call *call)
{
    control_answer(call, SPAN("{\"ok\":true}"));
    supervisor_stop(sv);
}

static const struct {
    const char *word;
    void (*act)(struct supervisor *sv, struct control_call *call);
} WORDS[] = {{"reload", reload_start},
             {"upgrade", upgrade_start},
             {"doctor", doctor_start},
             {"stop", answer_stop}};

static void on_word(void *arg, struct control_call *call, struct span word)
{
    for (size_t i = 0; i < countof(WORDS); i++) {
        if (span_is(word, WORDS[i].word)) {
            WORDS[i].act(arg, call);
            return;
        }
    }
    control_answer(
        call, SPAN("{\"ok\":false,\"errors\":[\"unknown word; reload, upgrade, doctor, stop\"]}"));
}

static void on_call_gone(void *arg, struct control_call *call)
{
    struct supervisor *sv = arg;
    if (sv->reload_call == call)
        sv->reload_call = NULL;
    if (sv->doctor_call == call)
        sv->doctor_call = NULL;
    if (sv->upgrade.call == call)
        sv->upgrade.call = NULL;
}

/* ---- the object ---- */

void supervisor_look_whether_serving(struct supervisor *sv)
{
    unsigned up = 0;
    list_each(it, &sv->children)
    {
        const struct child *c = container_of(it, struct child, link);
        up += c->kind == ROLE_EDGE && c->state == CHILD_SERVING && !c->retired;
    }
    if (sv->serving || sv->stopping || up < sv->slots)
        return;
    sv->serving = true;
    struct buf line;
    log_line(&line, LOG_LEVEL_NOTICE, "serving");
    log_num(&line, "edges", sv->slots);
    log_num(&line, "snapshot", (int64_t)sv->newest.number);
    log_end(&line);
    notify_ready(&sv->notify);
    doctor_send_fleet(sv);
}

static void on_fleet(uv_timer_t *t)
{
    doctor_send_fleet(t->data);
}

static int init_handles(struct supervisor *sv)
{
    uv_timer_t *timers[] = {&sv->reload_timer, &sv->rollout_timer, &sv->pulse_timer,
                            &sv->fleet_timer,  &sv->doctor_timer,  &sv->stop_timer};
    const struct {
        uv_signal_t *handle;
        uv_signal_cb act;
        int number;
    } signals[] = {{&sv->on_chld, on_chld, SIGCHLD},
                   {&sv->on_hup, on_hup, SIGHUP},
                   {&sv->on_term, on_end_signal, SIGTERM},
                   {&sv->on_int, on_end_signal, SIGINT},
                   {&sv->on_usr2, on_usr2, SIGUSR2}};
    for (size_t i = 0; i < countof(timers); i++) {
        (void)uv_timer_init(&sv->loop, timers[i]);
        timers[i]->data = sv;
    }
    for (size_t i = 0; i < countof(signals); i++) {
        int rc = uv_signal_init(&sv->loop, signals[i].handle);
        if (rc < 0)
            return rc;
        signals[i].handle->data = sv;
        rc = uv_signal_start(signals[i].handle, signals[i].act, signals[i].number);
        if (rc < 0)
            return rc;
    }
    pulse_start(sv);
    return uv_timer_start(&sv->fleet_timer, on_fleet, FLEET_MS, FLEET_MS);
}

int supervisor_init(struct supervisor *sv)
{
    list_init(&sv->children);
    sv->newest.fd = sv->running.fd = sv->waiting.fd = -1;
    sv->started_ms = clock_mono_ms();
    buf_init(&sv->sandbox, 4096);
    buf_init(&sv->fixed, 64 * 1024);
    sv->control.arg = sv;
    sv->control.on_word = on_word;
    sv->control.on_gone = on_call_gone;
    /* A client that is gone is an error to the write, not the end of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = uv_loop_init(&sv->loop);
    if (rc < 0)
        return rc;
    upgrade_init(sv);
    return init_handles(sv);
}

void supervisor_run(struct supervisor *sv)
{
    /* After an upgrade they are there, and one may have ended before anybody listened. */
    if (sv->serving)
        reap(sv);
    for (int kind = 0; !sv->serving && kind < ROLE_EDGE; kind++) {
        struct child *c = child_new(sv, (enum role_kind)kind, 0, 0);
        if (c == NULL) {
            supervisor_fail(sv, "out_of_memory");
            break;
        }
        child_start(c);
        if (sv->stopping)
            break;
    }
    (void)uv_run(&sv->loop, UV_RUN_DEFAULT);
}

void supervisor_fini(struct supervisor *sv)
{
    deliver_fini(sv);
    listeners_fini(&sv->listeners);
    buf_fini(&sv->sandbox);
    buf_fini(&sv->fixed);
    programs_close(&sv->programs);
    snapshot_free(sv->candidate);
    snapshot_free(sv->file);
    (void)uv_loop_close(&sv->loop);
}
