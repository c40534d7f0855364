/* A snapshot's way from the keeper to everybody.
 *
 * One rollout runs at a time and one more may wait behind it. Invariants:
 *   - newest is what every edge has committed or is about to: a restarted edge gets it;
 *   - an edge of a new generation (successor) prepares the running snapshot, never the newest;
 *   - the file descriptors of newest, running and waiting are owned here and closed exactly once.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "conf/slice.h"
#include "ipc/memfd.h"
#include "supervisor/supervisor.h"

#define ROLLOUT_MS 2000u
/* With a new generation of edges: their start is part of it. */
#define ROLLOUT_NEW_EDGES_MS 10000u
#define JOIN_MS 10000u
/* As the field of prepare allows; verify_snapshot keeps the names short enough. */
#define PAIRS_MAX 4096u
/* Old edges keep to the newest rules, so they may finish what runs: a long upload, a WebSocket. Who
 * adds ports all day must not fill the machine with them, though. */
#define RETIRED_GENERATIONS_MAX 8u

static void delivery_fini(struct delivery *d)
{
    if (d->fd >= 0)
        (void)close(d->fd);
    free(d->ports.at);
    free(d->ports.sockets);
    free(d->ports.clients);
    *d = (struct delivery){.fd = -1};
}

static int by_number(const void *a, const void *b)
{
    uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
    return (x > y) - (x < y);
}

static int collect_ports(const struct snapshot *s, struct ports *ret)
{
    ret->count = 0;
    size_t all = 0;
    for (size_t i = 0; i < s->route_count; i++)
        all += s->routes[i].upstream_count;
    ret->at = calloc(all + 1, sizeof(*ret->at));
    if (ret->at == NULL)
        return -ENOMEM;
    all = 0;
    for (size_t i = 0; i < s->route_count; i++) {
        const struct route_def *r = &s->routes[i];
        for (size_t k = 0; k < r->upstream_count; k++)
            if (r->upstreams[k].scheme != UPSTREAM_UNIX)
                ret->at[all++] = r->upstreams[k].port;
    }
    qsort(ret->at, all, sizeof(*ret->at), by_number);
    for (size_t i = 0; i < all; i++) {
        if (ret->count == 0 || ret->at[ret->count - 1] != ret->at[i])
            ret->at[ret->count++] = ret->at[i];
    }
    return 0;
}

static int collect_sockets(const struct snapshot *s, struct ports *ret)
{
    struct buf paths;
    buf_init(&paths, SLICE_MAX);
    for (size_t i = 0; i < s->route_count; i++) {
        const struct route_def *r = &s->routes[i];
        for (size_t k = 0; k < r->upstream_count; k++)
            if (r->upstreams[k].scheme == UPSTREAM_UNIX)
                (void)buf_printf(&paths, "%s\n", r->upstreams[k].path);
    }
    ret->sockets = buf_take_string(&paths);
    buf_fini(&paths);
    return ret->sockets == NULL ? -ENOMEM : 0;
}

static bool has_line(struct span lines, const char *text)
{
    struct span line;
    while (span_cut(&lines, '\n', &line))
        if (span_is(line, text))
            return true;
    return false;
}

static int collect_clients(const struct snapshot *s, struct ports *ret)
{
    struct buf names;
    buf_init(&names, PAIRS_MAX);
    for (size_t i = 0; i < s->route_count; i++) {
        const char *name = s->routes[i].upstream_certificate;
        if (name[0] != '\0' && !has_line(buf_view(&names), name))
            (void)buf_printf(&names, "%s\n", name);
    }
    ret->clients = buf_take_string(&names);
    buf_fini(&names);
    return ret->clients == NULL ? -ENOMEM : 0;
}

/* What this process needs of an edge's slice: the ports that edges have to reach, and the sockets
 * that it connects them to. */
static int read_ports(int fd, struct ports *ret)
{
    struct buf bytes;
    struct snapshot *s = NULL;
    buf_init(&bytes, SLICE_MAX);
    int rc = memfd_read(fd, &bytes);
    if (rc == 0)
        rc = slice_decode(buf_view(&bytes), SLICE_EDGE, &s);
    buf_fini(&bytes);
    if (rc == 0)
        rc = collect_ports(s, ret);
    if (rc == 0)
        rc = collect_sockets(s, ret);
    if (rc == 0)
        rc = collect_clients(s, ret);
    snapshot_free(s);
    return rc;
}

static bool has_all(const struct ports *have, const struct ports *want)
{
    for (size_t i = 0; i < want->count; i++) {
        if (have->count == 0 ||
            bsearch(&want->at[i], have->at, have->count, sizeof(*have->at), by_number) == NULL)
            return false;
    }
    return true;
}

static void tell_abort(struct child *c, uint64_t number, struct span reason)
{
    struct msg_abort m = {.number = number, .reason = span_sub(reason, 0, 1024)};
    child_sent(c, channel_send_abort(&c->channel, 0, &m, -1));
}

static void tell_commit(struct child *c, uint64_t number)
{
    struct msg_commit m = {.number = number};
    child_sent(c, channel_send_commit(&c->channel, channel_serial(&c->channel), &m, -1));
}

/* The file that a delivery was made from. */
static const struct snapshot *file_of(const struct supervisor *sv, const struct delivery *d)
{
    const struct snapshot *next = sv->candidate;
    return next != NULL && next->generation == d->generation ? next : sv->file;
}

static void tell_prepare(struct child *c, const struct delivery *d)
{
    const struct snapshot *file = file_of(c->supervisor, d);
    struct msg_prepare m = {.number = d->number};
    struct buf pairs;
    buf_init(&pairs, PAIRS_MAX);
    if (c->kind == ROLE_SIGNER) {
        m.tls12 = snapshot_takes_tls12(file);
        for (size_t i = 0; i < file->tls_certificates.count; i++)
            (void)buf_printf(&pairs, "%s\n", file->tls_certificates.name[i]);
        m.pairs = buf_view(&pairs);
        m.clients = span_str(d->ports.clients != NULL ? d->ports.clients : "");
    }
    child_sent(c, channel_send_prepare(&c->channel, channel_serial(&c->channel), &m,
                                       c->kind == ROLE_EDGE ? d->fd : -1));
    buf_fini(&pairs);
}

static void begin(struct supervisor *sv, struct delivery *d);
static void apply(struct supervisor *sv, enum rollout_step step, struct span reason);
static void on_rollout_late(uv_timer_t *t);

void deliver_waiting(struct supervisor *sv)
{
    /* Edges ask the signer for the certificate while they prepare: without it all would refuse. */
    if (sv->waiting.fd < 0 || sv->rollout.phase != ROLLOUT_IDLE ||
        supervisor_find(sv, ROLE_SIGNER) == NULL)
        return;
    struct delivery next = sv->waiting;
    sv->waiting = (struct delivery){.fd = -1};
    begin(sv, &next);
}

static void commit(struct supervisor *sv)
{
    struct child *keeper = supervisor_find(sv, ROLE_KEEPER);
    struct child *signer = NULL;
    uint64_t number = sv->running.number;
    delivery_fini(&sv->newest);
    sv->newest = sv->running;
    /* The numbers of the running one are still wanted when it settles; the rest has moved. */
    sv->running.fd = -1;
    sv->running.ports = (struct ports){NULL};
    /* Edges that were started earlier may reach more; to forget that costs a new generation at
     * worst. */
    sv->ports = sv->newest.ports;
    /* The keeper first: an edge that has committed asks for views, and must be answered by the new
     * snapshot. */
    if (keeper != NULL)
        tell_commit(keeper, number);
    if (keeper != NULL && !keeper->configured) {
        keeper->configured = true;
        supervisor_introduce_edges(keeper);
    }
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        /* One that drains and has not answered yet is told when it does. */
        bool drains = c->kind == ROLE_EDGE && c->state == CHILD_DRAINING && c->prepared == number;
        if (!drains && !rollout_has(&sv->rollout, c->key))
            continue;
        tell_commit(c, number);
        signer = c->kind == ROLE_SIGNER ? c : signer;
    }
    (void)uv_timer_start(&sv->rollout_timer, on_rollout_late, ROLLOUT_MS, 0);
    /* Only edges decide over requests: nobody waits for the signer's word. */
    enum rollout_step next = signer == NULL ? rollout_step(&sv->rollout)
                                            : rollout_committed(&sv->rollout, signer->key, number);
    apply(sv, next, SPAN_NONE);
}

/* Ends the oldest when there are too many; the list is in the order of birth. */
static void thin_out_retired(struct supervisor *sv)
{
    unsigned count = 0;
    list_each(it, &sv->children) count += container_of(it, struct child, link)->retired;
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (count <= RETIRED_GENERATIONS_MAX * sv->slots)
            break;
        if (!c->retired || c->pid == 0)
            continue;
        child_kill(c);
        count--;
    }
}

/* The new generation serves: the old one finishes what runs and goes. */
static void hand_over_to_successors(struct supervisor *sv)
{
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->kind != ROLE_EDGE || c->retired)
            continue;
        if (c->successor) {
            c->successor = false;
            continue;
        }
        c->retired = true;
        if (c->state == CHILD_SERVING) {
            struct msg_drain m = {.seconds = sv->file->limits.drain_timeout};
            c->state = CHILD_DRAINING;
            child_sent(c, channel_send_drain(&c->channel, 0, &m, -1));
            child_expect_within(c, ((uint64_t)m.seconds + 1) * 1000);
        } else if (c->pid > 0) {
            child_kill(c);
        }
    }
    /* Those that were waiting to be started again have no process that could be reaped. */
    list_each_safe(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->retired && c->pid == 0)
            child_free(c);
    }
    thin_out_retired(sv);
}

static void settle(struct supervisor *sv)
{
    struct child *keeper = supervisor_find(sv, ROLE_KEEPER);
    (void)uv_timer_stop(&sv->rollout_timer);
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->kind == ROLE_EDGE && c->pid > 0 && rollout_late(&sv->rollout, c->key)) {
            log_fault(LOG_LEVEL_ERROR, "edge_did_not_commit", FAULT_TIMEOUT, NULL);
            child_kill(c);
        }
    }
    struct buf line;
    log_line(&line, LOG_LEVEL_NOTICE, "snapshot_committed");
    log_num(&line, "number", (int64_t)sv->running.number);
    log_num(&line, "generation", (int64_t)sv->running.generation);
    log_end(&line);
    if (sv->running.new_edges)
        hand_over_to_successors(sv);
    if (keeper != NULL) {
        struct msg_settled m = {.number = sv->running.number};
        child_sent(keeper, channel_send_settled(&keeper->channel, 0, &m, -1));
    }
    reload_settled(sv, sv->running.generation, sv->running.number, sv->running.new_edges);
    if (sv->running.new_edges)
        upgrade_settled(sv);
    supervisor_start_edges(sv);
    supervisor_join_edges(sv);
    doctor_send_fleet(sv);
    deliver_waiting(sv);
}

static void kill_successors(struct supervisor *sv)
{
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (!c->successor || c->retired)
            continue;
        c->retired = true;
        if (c->pid > 0)
            child_kill(c);
        else
            child_start_later(c, 0); /* which frees it instead */
    }
}

static void give_up(struct supervisor *sv, struct span reason)
{
    struct child *keeper = supervisor_find(sv, ROLE_KEEPER);
    (void)uv_timer_stop(&sv->rollout_timer);
    struct buf line;
    log_line(&line, LOG_LEVEL_ERROR, "snapshot_aborted");
    log_num(&line, "number", (int64_t)sv->running.number);
    log_field(&line, "reason", reason);
    log_end(&line);
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (child_is_up(c) && ROLES[c->kind].prepares && !c->successor)
            tell_abort(c, sv->running.number, reason);
    }
    if (keeper != NULL) {
        tell_abort(keeper, sv->running.number, reason);
        if (sv->waiting.fd >= 0)
            tell_abort(keeper, sv->waiting.number, SPAN("it was made from a refused snapshot"));
    }
    if (sv->running.new_edges) {
        sv->ports = sv->newest.ports;
        kill_successors(sv);
    }
    uint64_t generation = sv->running.generation;
    delivery_fini(&sv->running);
    delivery_fini(&sv->waiting);
    reload_refused(sv, generation, reason);
    upgrade_failed(sv, reason);
    if (!sv->serving && sv->newest.fd < 0)
        supervisor_fail(sv, "not_started");
    else
        supervisor_join_edges(sv);
}

static void apply(struct supervisor *sv, enum rollout_step step, struct span reason)
{
    switch (step) {
    case ROLLOUT_COMMIT:
        commit(sv);
        break;
    case ROLLOUT_SETTLE:
        settle(sv);
        break;
    case ROLLOUT_ABORT:
        give_up(sv, reason);
        break;
    case ROLLOUT_WAIT:
        break;
    }
}

/* A snapshot has waited for a signer that does not come. */
static void refuse_waiting(struct supervisor *sv)
{
    static const struct span WHY = {(const uint8_t *)"the signer is not running", 25};
    struct child *keeper = supervisor_find(sv, ROLE_KEEPER);
    uint64_t generation = sv->waiting.generation;
    if (keeper != NULL)
        tell_abort(keeper, sv->waiting.number, WHY);
    delivery_fini(&sv->waiting);
    reload_refused(sv, generation, WHY);
}

static void on_rollout_late(uv_timer_t *t)
{
    struct supervisor *sv = t->data;
    if (sv->rollout.phase == ROLLOUT_IDLE) {
        if (sv->waiting.fd >= 0)
            refuse_waiting(sv);
        return;
    }
    apply(sv, rollout_expire(&sv->rollout), SPAN("not every process was ready in time"));
}

/* Landlock holds edges to the ports they started with, and a socket that an edge has can not be
 * taken from it: for a new upstream port and for a listener that goes, edges are replaced by new
 * ones. */
static bool needs_new_edges(const struct supervisor *sv, const struct delivery *d)
{
    bool serving = false, bound = false;
    list_each(it, &sv->children)
    {
        const struct child *c = container_of(it, struct child, link);
        serving |= c->kind == ROLE_EDGE && c->state == CHILD_SERVING;
        bound |= c->kind == ROLE_EDGE && c->state == CHILD_SERVING && c->ports_bound;
    }
    return sv->upgrade.phase == UPGRADE_PENDING || (bound && !has_all(&sv->ports, &d->ports)) ||
           (serving && sv->candidate != NULL && sv->candidate->generation == d->generation &&
            supervisor_drops_listener(sv->file, sv->candidate));
}

/* Takes what d owns. */
static void begin(struct supervisor *sv, struct delivery *d)
{
    sv->running = *d;
    sv->running.new_edges = needs_new_edges(sv, d);
    if (sv->running.new_edges)
        sv->ports = sv->running.ports;
    rollout_begin(&sv->rollout, d->number);
    int rc = 0;
    if (sv->running.new_edges)
        rc = supervisor_add_edges(sv, true);
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        /* An edge that is just joining changes over to this one. */
        bool old = (c->state == CHILD_SERVING || c->state == CHILD_READY) &&
                   ROLES[c->kind].prepares && !c->successor && !c->retired;
        bool drains = c->state == CHILD_DRAINING && c->kind == ROLE_EDGE && c->channel.fd >= 0;
        if (rc == 0 && (old || (c->successor && !c->retired)))
            rc = rollout_add(&sv->rollout, c->key);
        /* An edge that drains has to follow the rules too, but nobody waits for it. */
        if (old || drains)
            tell_prepare(c, &sv->running);
    }
    (void)uv_timer_start(&sv->rollout_timer, on_rollout_late,
                         sv->running.new_edges ? ROLLOUT_NEW_EDGES_MS : ROLLOUT_MS, 0);
    if (rc < 0)
        apply(sv, rollout_expire(&sv->rollout), span_str(fault_text(rc)));
    else
        apply(sv, rollout_step(&sv->rollout), SPAN_NONE);
}

int deliver_snapshot(struct child *keeper, struct message *m)
{
    struct supervisor *sv = keeper->supervisor;
    struct msg_snapshot said;
    if (msg_snapshot_decode(m->payload, &said) < 0 || m->fd < 0)
        return FAULT_FORMAT;
    struct delivery d = {.fd = m->fd, .number = said.number, .generation = said.generation};
    m->fd = -1;
    int rc = sv->stopping || keeper->retired ? FAULT_CONFLICT : read_ports(d.fd, &d.ports);
    if (rc == 0 && sv->waiting.fd >= 0)
        rc = FAULT_BUSY;
    if (rc < 0) {
        tell_abort(keeper, d.number, span_str(fault_text(rc)));
        reload_refused(sv, d.generation, span_str(fault_text(rc)));
        delivery_fini(&d);
        return 0;
    }
    sv->waiting = d;
    /* At the start the signer has its own time limit. */
    if (sv->rollout.phase == ROLLOUT_IDLE && sv->serving)
        (void)uv_timer_start(&sv->rollout_timer, on_rollout_late, ROLLOUT_MS, 0);
    deliver_waiting(sv);
    return 0;
}

void deliver_join(struct child *edge)
{
    struct supervisor *sv = edge->supervisor;
    /* An edge asks the signer for the certificate while it prepares: without a signer it waits. */
    if (supervisor_find(sv, ROLE_SIGNER) == NULL)
        return;
    /* Joining what may be replaced at any moment would leave an edge with old rules after everybody
     * was told that the new ones are in force: who comes during a rollout waits for its end. */
    if (sv->rollout.phase == ROLLOUT_PREPARING) {
        if (edge->successor)
            tell_prepare(edge, &sv->running);
    } else if (sv->newest.fd >= 0) {
        child_expect_within(edge, JOIN_MS);
        tell_prepare(edge, &sv->newest);
    }
}

void deliver_prepared(struct child *c, const struct msg_prepared *m)
{
    struct supervisor *sv = c->supervisor;
    c->prepared = m->ok != 0 ? m->number : 0;
    if (rollout_has(&sv->rollout, c->key) && m->number == sv->rollout.number &&
        sv->rollout.phase == ROLLOUT_PREPARING) {
        char why[1200];
        int len = snprintf(why, sizeof(why), "%s %u: %.*s", ROLES[c->kind].name, c->id,
                           SPAN_FMT(m->reason));
        struct span reason = span_of(why, len < 0 ? 0 : strnlen(why, sizeof(why)));
        apply(sv, rollout_prepared(&sv->rollout, c->key, m->number, m->ok != 0), reason);
        return;
    }
    /* The answer to an earlier question of one that has been asked again since. */
    if (rollout_has(&sv->rollout, c->key))
        return;
    bool drains = c->state == CHILD_DRAINING && m->ok == 0;
    if (c->kind != ROLE_EDGE || (m->number != sv->newest.number && !drains))
        return;
    if (m->ok != 0) {
        tell_commit(c, m->number);
        return;
    }
    struct buf line;
    log_line(&line, LOG_LEVEL_ERROR, "edge_refused_snapshot");
    log_num(&line, "id", c->id);
    log_num(&line, "number", (int64_t)m->number);
    log_field(&line, "reason", m->reason);
    log_end(&line);
    child_kill(c);
}

void deliver_committed(struct child *c, const struct msg_committed *m)
{
    struct supervisor *sv = c->supervisor;
    c->number = m->number;
    if (c->state == CHILD_READY) {
        child_stop_timer(c);
        c->state = CHILD_SERVING;
    }
    apply(sv, rollout_committed(&sv->rollout, c->key, m->number), SPAN_NONE);
    /* It joined with what was the newest then; a rollout that did not know it has passed since. */
    if (c->kind == ROLE_EDGE && c->state == CHILD_SERVING && c->number != sv->newest.number &&
        !rollout_has(&sv->rollout, c->key))
        deliver_join(c);
    supervisor_look_whether_serving(sv);
}

void deliver_gone(struct child *c)
{
    struct supervisor *sv = c->supervisor;
    if (sv->stopping)
        return;
    if (c->kind == ROLE_KEEPER && sv->rollout.phase == ROLLOUT_PREPARING) {
        apply(sv, rollout_expire(&sv->rollout), SPAN("the keeper died meanwhile"));
        return;
    }
    apply(sv, rollout_gone(&sv->rollout, c->key), SPAN("a process died of it"));
}

int deliver_adopt(struct supervisor *sv)
{
    int rc = read_ports(sv->newest.fd, &sv->newest.ports);
    sv->ports = sv->newest.ports;
    return rc;
}

void deliver_fini(struct supervisor *sv)
{
    delivery_fini(&sv->newest);
    delivery_fini(&sv->running);
    delivery_fini(&sv->waiting);
}
