#include "keeper/change.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "conf/slice.h"
#include "ipc/memfd.h"
#include "keeper/call.h"
#include "keeper/candidate.h"
#include "keeper/confirm.h"
#include "keeper/events.h"
#include "keeper/filed.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/operation.h"
#include "store/requests.h"
#include "store/resources.h"
#include "store/versions.h"

#define NUMBER_KEY "snapshot.number"
#define ERRORS_MAX 8192u

void changes_init(struct changes *c)
{
    c->current = NULL;
    list_init(&c->waiting);
    c->waiting_count = 0;
    c->waiting_file = -1;
    c->waiting_generation = 0;
}

void changes_fini(struct changes *c)
{
    change_free(c->current);
    c->current = NULL;
    list_each_safe(at, &c->waiting)
    {
        list_remove(at);
        reply_free(container_of(at, struct reply, link));
    }
    if (c->waiting_file >= 0) {
        (void)close(c->waiting_file);
        c->waiting_file = -1;
    }
}

void change_free(struct change *c)
{
    if (c == NULL) {
        return;
    }
    if (c->lease != NULL) {
        lease_drop(c->lease);
    }
    live_free(c->candidate);
    live_free(c->previous);
    snapshot_free(c->file);
    snapshot_free(c->previous_file);
    candidate_free(c->plan);
    free(c);
}

static struct change *change_new(void)
{
    struct change *c = calloc(1, sizeof(*c));
    if (c != NULL) {
        c->began_ms = clock_mono_ms();
    }
    return c;
}

int change_number(struct keeper *k, uint64_t *ret)
{
    uint64_t number = 0;
    int r = settings_number(k->store, NUMBER_KEY, &number);
    if (r < 0) {
        return r;
    }
    *ret = number + 1;
    return settings_set_number(k->store, NUMBER_KEY, number + 1);
}

int change_refuse(struct call *call, unsigned status, struct span text)
{
    if (text.at == NULL || text.len == 0) {
        return call_problem(call, status, NULL, "the result is not valid");
    }
    size_t len = text.at[text.len - 1] == '\n' ? text.len - 1 : text.len;
    return call_problem(call, status, NULL, "%.*s", (int)len, (const char *)text.at);
}

/* Out of the store with all that goes or moves, then in with all that comes, so that no two meet at
 * one place. */
static int write_entries(struct keeper *k, struct candidate *plan, uint64_t version, uint64_t now)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < plan->entry_count; i++) {
        const struct version_entry *e = &plan->entries[i];
        if (e->had && !(e->has && e->place_before == e->place_after)) {
            r = resources_remove(k->store, e->kind, e->name);
        }
    }
    for (size_t i = 0; r == 0 && i < plan->entry_count; i++) {
        struct version_entry *e = &plan->entries[i];
        if (e->has && e->had && e->place_before == e->place_after) {
            r = resources_put(k->store, e->kind, e->name, e->after, now);
        } else if (e->has) {
            r = resources_place(k->store, e->kind, e->name, e->after, e->place_after, now,
                                &e->place_after);
        }
        r = r < 0 ? r : versions_add_entry(k->store, version, i, e);
    }
    return r;
}

static int write_version(struct keeper *k, struct change *c, const struct change_terms *terms)
{
    struct version v = {.at = clock_wall_ms() / 1000, .state = VERSION_MADE};
    (void)snprintf(v.author, sizeof(v.author), "%s", terms->author);
    (void)snprintf(v.cause, sizeof(v.cause), "%s", terms->cause);
    (void)snprintf(v.comment, sizeof(v.comment), "%.*s", SPAN_FMT(terms->comment));
    v.confirm_for = terms->confirm_for;
    int r = versions_add(k->store, &v, &c->version);
    return r < 0 ? r : write_entries(k, c->plan, c->version, v.at);
}

static void label(struct change *c)
{
    const struct version_entry *e = &c->plan->entries[0];
    int n = snprintf(c->label, sizeof(c->label), "%s %s", e->kind, e->name);
    if (c->plan->entry_count > 1 && n > 0 && (size_t)n < sizeof(c->label)) {
        (void)snprintf(c->label + n, sizeof(c->label) - (size_t)n, " and %zu more",
                       c->plan->entry_count - 1);
    }
}

int change_write(struct keeper *k, struct candidate *plan, const struct change_terms *terms,
                 struct change **ret)
{
    struct change *c = change_new();
    if (c == NULL) {
        candidate_free(plan);
        return -ENOMEM;
    }
    c->plan = plan;
    c->confirm_for = terms->confirm_for;
    label(c);
    int r = change_number(k, &c->number);
    r = r < 0 ? r : write_version(k, c, terms);
    if (r < 0) {
        change_free(c);
        return r;
    }
    c->candidate = plan->live;
    plan->live = NULL;
    live_number(c->candidate, c->number);
    *ret = c;
    return 0;
}

int change_make(struct call *call, struct candidate *plan, const struct change_terms *terms,
                uint64_t *version)
{
    int r = change_write(call->keeper, plan, terms, &call->change);
    if (r == 0) {
        call->change->began_ms = call->arrived_ms;
    }
    if (r == 0 && version != NULL) {
        *version = call->change->version;
    }
    return r;
}

int change_lease(struct call *call, struct lease *lease)
{
    struct keeper *k = call->keeper;
    struct change *c = change_new();
    struct buf errors;
    if (c == NULL) {
        return -ENOMEM;
    }
    buf_init(&errors, ERRORS_MAX);
    (void)snprintf(c->label, sizeof(c->label), "route %s", lease->name);
    int r = change_number(k, &c->number);
    r = r < 0 ? r
              : live_new(k->file, k->store, &k->leases, k->secrets_dir, c->number, &c->candidate,
                         &errors);
    if (r == FAULT_FORMAT) {
        (void)change_refuse(call, 422, buf_view(&errors));
    }
    r = r < 0 ? r : live_fill(c->candidate, &k->hosts);
    buf_fini(&errors);
    if (r < 0) {
        change_free(c);
        return r;
    }
    c->lease = lease;
    call->change = c;
    return 0;
}

/* ---- undoing ---- */

static int undo_step(struct keeper *k, void *context)
{
    const struct change *c = context;
    int r = c->version == 0 ? 0 : versions_undo(k->store, c->version, clock_wall_ms() / 1000);
    if (r == 0 && c->request != 0) {
        r = requests_move(k->store, c->request, REQUEST_APPROVED, REQUEST_FAILED, 0, 0,
                          "a process refused the change, and it was taken back");
    }
    return r < 0
               ? r
               : keeper_audit(k, AUDIT_CHANGE_UNDONE, span_str(c->label), AUDIT_FAILED, SPAN_NONE);
}

static int refused_step(struct keeper *k, void *context)
{
    struct span reason = *(const struct span *)context;
    json_t *detail = json_pack("{s:o}", "reason", json_text(reason));
    struct buf text;
    buf_init(&text, AUDIT_DETAIL_MAX);
    int r = detail == NULL ? -ENOMEM : json_write(detail, &text);
    if (r == 0) {
        r = keeper_audit(k, AUDIT_CONFIG_REFUSED, SPAN_NONE, AUDIT_REFUSED, buf_view(&text));
    }
    buf_fini(&text);
    json_decref(detail);
    return r;
}

/* Answers whoever waits for `number`. status 0: it is in force; epoch: of what was revoked with it.
 */
static void answer_waiting(struct keeper *k, uint64_t number, unsigned status, struct span detail,
                           uint64_t epoch)
{
    /* The reply may still wait for the end of its turn when publishing fails at once. */
    struct list *const lists[] = {&k->turn.held, &k->turn.replies};
    for (size_t i = 0; i < countof(lists); i++) {
        list_each(at, lists[i])
        {
            struct reply *r = container_of(at, struct reply, link);
            if (r->snapshot != number || r->call == NULL) {
                continue;
            }
            r->snapshot = 0;
            if (status != 0) {
                call_reset(r->call);
                (void)call_problem(r->call, status, NULL, "%.*s", SPAN_FMT(detail));
            } else if (epoch != 0) {
                r->epoch_since = clock_mono_ms();
                r->epoch = epoch;
            }
        }
    }
}

void change_go_on(struct keeper *k)
{
    struct changes *all = &k->changes;
    if (all->waiting_file >= 0) {
        int fd = all->waiting_file;
        all->waiting_file = -1;
        change_configure(k, all->waiting_generation, fd);
        (void)close(fd);
    }
    while (all->current == NULL && !list_empty(&all->waiting)) {
        struct reply *r = container_of(all->waiting.next, struct reply, link);
        list_remove(&r->link);
        all->waiting_count--;
        call_begin(k, r);
    }
    hosts_step(&k->hosts);
    turn_settle(&k->turn);
}

/* Takes back what is in flight. reason is for a person. */
static void undo(struct keeper *k, unsigned status, struct span reason)
{
    struct change *c = k->changes.current;
    k->changes.current = NULL;
    if (c->state == CHANGE_COMMITTED) {
        live_free(k->live);
        k->live = c->previous;
        c->previous = NULL;
        if (c->is_file) {
            snapshot_free(k->file);
            k->file = c->previous_file;
            c->previous_file = NULL;
        }
        if (k->live != NULL) {
            hosts_follow(&k->hosts, live_snapshot(k->live));
        }
    }
    struct buf line;
    log_line(&line, LOG_LEVEL_WARN, "change_undone");
    log_num(&line, "number", (int64_t)c->number);
    log_field(&line, "reason", reason);
    log_end(&line);
    int r = c->is_refresh ? 0
            : c->is_file  ? turn_run(&k->turn, refused_step, &reason)
                          : turn_run(&k->turn, undo_step, c);
    if (c->is_refresh) {
        hosts_again(&k->hosts);
    }
    if (c->is_expiry) {
        confirm_again(k);
    }
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "change_undo", r,
                  "the store keeps a change that is not in force");
    }
    answer_waiting(k, c->number, status, reason, 0);
    change_free(c);
    change_go_on(k);
}

/* ---- publishing ---- */

static int send_snapshot(struct keeper *k, const struct change *c)
{
    struct buf slice;
    buf_init(&slice, SLICE_MAX);
    int r = slice_encode(live_snapshot(c->candidate), SLICE_EDGE, &slice);
    int fd = r < 0 ? r : memfd_make("postern-snapshot", buf_view(&slice));
    buf_fini(&slice);
    if (fd < 0) {
        return fd;
    }
    struct msg_snapshot m = {
        .number = c->number, .generation = c->generation, .cause = c->is_file ? 0 : 1};
    r = channel_send_snapshot(&k->supervisor.channel, 0, &m, fd);
    (void)close(fd);
    peer_settle(&k->supervisor, r);
    return r;
}

void change_publish(struct keeper *k)
{
    struct change *c = k->changes.current;
    c->state = CHANGE_PUBLISHED;
    c->since_ms = clock_mono_ms();
    c->generation = c->is_file ? c->generation : k->file->generation;
    int r = send_snapshot(k, c);
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "snapshot_publish", r, "");
        undo(k, 503, SPAN("the change could not be given to the other processes"));
    }
}

/* ---- a new file ---- */

struct configure {
    uint64_t generation;
    int fd;
    struct buf errors;
    struct change *change;
};

static int configure_step(struct keeper *k, void *context)
{
    struct configure *f = context;
    struct buf slice;
    buf_init(&slice, SLICE_MAX);
    f->change = change_new();
    int r = f->change == NULL ? -ENOMEM : memfd_read(f->fd, &slice);
    if (r == 0) {
        r = slice_decode(buf_view(&slice), SLICE_FILE, &f->change->file);
        if (r < 0) {
            (void)buf_printf(&f->errors, "the configuration from the supervisor: %s",
                             fault_text(r));
        }
    }
    buf_fini(&slice);
    if (r < 0) {
        return r;
    }
    struct change *c = f->change;
    c->is_file = true;
    c->generation = c->file->generation = f->generation;
    r = k->live == NULL ? confirm_start(k) : 0;
    r = r < 0 ? r : change_number(k, &c->number);
    if (r == 0) {
        r = live_new(c->file, k->store, &k->leases, k->secrets_dir, c->number, &c->candidate,
                     &f->errors);
    }
    return r < 0 ? r : live_fill(c->candidate, &k->hosts);
}

static void refuse_file(struct keeper *k, struct configure *f, int fault)
{
    if (buf_len(&f->errors) == 0) {
        (void)buf_printf(&f->errors, "the keeper cannot use it: %s", fault_text(fault));
    }
    struct span reason = span_sub(buf_view(&f->errors), 0, 1024);
    struct buf line;
    log_line(&line, LOG_LEVEL_WARN, "configuration_refused");
    log_num(&line, "generation", (int64_t)f->generation);
    log_field(&line, "reason", reason);
    log_end(&line);
    struct msg_refused m = {.generation = f->generation, .reason = reason};
    peer_settle(&k->supervisor, channel_send_refused(&k->supervisor.channel, 0, &m, -1));
    if (turn_run(&k->turn, refused_step, &reason) < 0) {
        log_event(LOG_LEVEL_ERROR, "audit_config_refused");
    }
}

void change_configure(struct keeper *k, uint64_t generation, int fd)
{
    struct changes *all = &k->changes;
    if (all->current != NULL) {
        /* The newest file is the one that counts; one that was still waiting is forgotten. */
        int copy = dup(fd);
        if (copy >= 0) {
            if (all->waiting_file >= 0) {
                (void)close(all->waiting_file);
            }
            all->waiting_file = copy;
            all->waiting_generation = generation;
        }
        return;
    }
    struct configure f = {.generation = generation, .fd = fd};
    buf_init(&f.errors, ERRORS_MAX);
    int r = turn_run(&k->turn, configure_step, &f);
    if (r < 0) {
        change_free(f.change);
        refuse_file(k, &f, r);
    } else {
        all->current = f.change;
    }
    buf_fini(&f.errors);
}

/* ---- other addresses ---- */

static int refresh_step(struct keeper *k, void *context)
{
    struct change *c = context;
    struct buf errors;
    buf_init(&errors, ERRORS_MAX);
    int r = change_number(k, &c->number);
    r = r < 0 ? r
              : live_new(k->file, k->store, &k->leases, k->secrets_dir, c->number, &c->candidate,
                         &errors);
    buf_fini(&errors);
    return r < 0 ? r : live_fill(c->candidate, &k->hosts);
}

void change_refresh(struct keeper *k)
{
    struct change *c = change_new();
    int r = c == NULL ? -ENOMEM : turn_run(&k->turn, refresh_step, c);
    if (r < 0) {
        /* The edges go on with the addresses they have. */
        log_fault(LOG_LEVEL_WARN, "names_not_published", r, "tried again soon");
        change_free(c);
        hosts_again(&k->hosts);
        return;
    }
    c->is_refresh = true;
    k->changes.current = c;
}

void change_reread(struct keeper *k)
{
    struct change *c = change_new();
    int r = c == NULL ? -ENOMEM : turn_run(&k->turn, refresh_step, c);
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "client_trust_not_read", r,
                  "clients are verified with what was read before");
        change_free(c);
        return;
    }
    log_event(LOG_LEVEL_INFO, "client_trust_read");
    c->is_refresh = true;
    k->changes.current = c;
}

/* ---- what the supervisor says of it ---- */

static struct change *in_flight(struct keeper *k, uint64_t number)
{
    struct change *c = k->changes.current;
    return c != NULL && c->state != CHANGE_MADE && c->number == number ? c : NULL;
}

void change_committed(struct keeper *k, uint64_t number)
{
    struct change *c = in_flight(k, number);
    if (c == NULL || c->state != CHANGE_PUBLISHED) {
        return;
    }
    c->state = CHANGE_COMMITTED;
    c->previous = k->live;
    k->live = c->candidate;
    c->candidate = NULL;
    hosts_follow(&k->hosts, live_snapshot(k->live));
    if (c->is_file) {
        c->previous_file = k->file;
        k->file = c->file;
        c->file = NULL;
    }
}

static int loaded_step(struct keeper *k, void *context)
{
    const struct change *c = context;
    struct buf detail;
    buf_init(&detail, 128);
    (void)buf_printf(&detail, "{\"generation\":%llu,\"snapshot\":%llu}",
                     (unsigned long long)c->generation, (unsigned long long)c->number);
    int r = keeper_audit(k, AUDIT_CONFIG_LOADED, SPAN_NONE, AUDIT_DONE, buf_view(&detail));
    buf_fini(&detail);
    return r < 0 ? r : filed_record(k);
}

/* A view carries the console's own credential for those whom a rule could admit. A rule or a route
 * that is new or gone changes who gets which, and a view that an edge keeps for seconds would send
 * somebody without it, or with yesterday's. Zones alone change neither. */
static bool views_are_old(const struct keeper *k, const struct change *c)
{
    bool only_zones = c->plan != NULL;
    for (size_t i = 0; only_zones && i < c->plan->entry_count; i++) {
        only_zones = strcmp(c->plan->entries[i].kind, "zone") == 0;
    }
    if (c->previous == NULL || c->is_refresh || only_zones) {
        return false;
    }
    return live_injects(c->previous) || live_injects(k->live);
}

/* The streams of routes that are gone end. true: nothing else has changed. */
static bool retire_routes(struct keeper *k, const struct change *c, uint64_t *epoch)
{
    size_t retired = 0, count = c->plan == NULL ? 0 : c->plan->entry_count;
    for (size_t i = 0; i < count; i++) {
        const struct version_entry *e = &c->plan->entries[i];
        if (!e->has && strcmp(e->kind, "route") == 0) {
            *epoch = revoke_push(k, REVOKE_ROUTE, span_str(e->name));
            retired++;
        }
    }
    return retired > 0 && retired == count;
}

void change_settled(struct keeper *k, uint64_t number)
{
    struct change *c = in_flight(k, number);
    if (c == NULL) {
        return;
    }
    change_committed(k, number);
    k->changes.current = NULL;
    if (!c->is_refresh) {
        inforce_add(&k->changes.inforce, clock_mono_ms() - c->began_ms);
    }
    struct buf line;
    log_line(&line, LOG_LEVEL_INFO, "snapshot_settled");
    log_num(&line, "number", (int64_t)number);
    log_end(&line);
    if (c->is_file && turn_run(&k->turn, loaded_step, c) < 0) {
        log_event(LOG_LEVEL_ERROR, "audit_config_loaded");
    }
    confirm_settled(k, c);
    uint64_t epoch = 0;
    bool only_retires = retire_routes(k, c, &epoch);
    if (!only_retires && views_are_old(k, c)) {
        epoch = revoke_push(k, REVOKE_ALL, SPAN_NONE);
    }
    c->lease = NULL;
    leases_settled(k);
    if (!c->is_refresh) {
        grants_sweep(k);
    }
    events_push(k, TOPIC_POLICY);
    answer_waiting(k, number, 0, SPAN_NONE, epoch);
    change_free(c);
    change_go_on(k);
}

void change_aborted(struct keeper *k, uint64_t number, struct span reason)
{
    if (in_flight(k, number) == NULL) {
        return;
    }
    undo(k, 409, reason.len > 0 ? reason : SPAN("a process refused the change"));
}

uint64_t change_watch(struct keeper *k, uint64_t now_ms)
{
    struct change *c = k->changes.current;
    if (c == NULL || c->state == CHANGE_MADE) {
        return 0;
    }
    if (c->since_ms + CHANGE_PATIENCE_MS > now_ms) {
        return c->since_ms + CHANGE_PATIENCE_MS;
    }
    /* Nobody knows which processes have it. A new keeper is told the file again and tells everybody
     * what is in force. */
    undo(k, 503, SPAN("the other processes did not confirm the change in time"));
    keeper_stop(k, 1);
    return 0;
}
