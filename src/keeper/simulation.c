#include "keeper/simulation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/text.h"
#include "keeper/candidate.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/replay.h"
#include "store/access.h"
#include "store/users.h"

/* Some milliseconds, after which somebody may have cancelled. */
#define STEP_ROWS 2000u

enum simulation_state { WAITING, RUNNING, DONE, FAILED, CANCELLED };

struct simulation {
    struct reader_job job;
    char id[33];
    char asker[STORE_NAME_SIZE];
    uint32_t days;
    uint64_t since_ms, started_ms, took_ms;
    struct candidate *before, *after;
    /* Of the thread while it is at work. */
    struct replay *replay;
    bool placed;
    uint64_t at, high;
    atomic_uint_fast64_t done, total; /* records */
    atomic_int state;
    bool at_work;   /* the reader has it */
    bool forgotten; /* to be freed when the reader gives it back */
};

static void simulation_free(struct simulation *s)
{
    if (s == NULL)
        return;
    if (s->replay != NULL)
        replay_fini(s->replay);
    free(s->replay);
    candidate_free(s->before);
    candidate_free(s->after);
    free(s);
}

static void each_row(void *context, const struct access_row *row)
{
    struct simulation *s = context;
    replay_add(s->replay, &row->record);
    s->at = row->seq;
}

static int on_simulation_step(struct reader_job *job, struct store *store)
{
    struct simulation *s = container_of(job, struct simulation, job);
    if (!s->placed) {
        uint64_t low = 0;
        int rc = access_range(store, s->since_ms, &low, &s->high);
        if (rc < 0)
            return rc;
        s->at = low;
        s->placed = true;
        atomic_store(&s->total, s->high - 1 - low);
        atomic_store(&s->state, RUNNING);
    }
    int rows = access_walk(store, s->at, s->high, STEP_ROWS, each_row, s);
    if (rows <= 0)
        return rows;
    atomic_fetch_add(&s->done, (unsigned)rows);
    return 1;
}

static void on_simulation_done(struct reader_job *job, int fault)
{
    struct simulation *s = container_of(job, struct simulation, job);
    s->at_work = false;
    s->took_ms = clock_mono_ms() - s->started_ms;
    atomic_store(&s->state, fault == 0 ? DONE : fault == -ECANCELED ? CANCELLED : FAILED);
    if (fault < 0 && fault != -ECANCELED)
        log_fault(LOG_LEVEL_WARN, "simulation", fault, "access records could not be read");
    /* Two policies are large, and only the numbers are asked for now. */
    candidate_free(s->before);
    candidate_free(s->after);
    s->before = s->after = NULL;
    if (s->forgotten)
        simulation_free(s);
}

/* A free place, or that of the oldest one that is not at work; NULL: all are. */
static struct simulation **place(struct simulations *all)
{
    struct simulation **oldest = NULL;
    for (size_t i = 0; i < SIMULATIONS_MAX; i++) {
        if (all->at[i] == NULL)
            return &all->at[i];
        if (!all->at[i]->at_work &&
            (oldest == NULL || all->at[i]->started_ms < (*oldest)->started_ms))
            oldest = &all->at[i];
    }
    return oldest;
}

static int make(struct candidate *before, struct candidate *after, struct simulation **ret)
{
    struct simulation *s = calloc(1, sizeof(*s));
    struct replay *replay = malloc(sizeof(*replay));
    uint8_t id[16];
    int rc = s == NULL || replay == NULL ? -ENOMEM : rng_fill(id, sizeof(id));
    if (rc < 0) {
        free(replay);
        free(s);
        candidate_free(before);
        candidate_free(after);
        return rc;
    }
    replay_init(replay, before->live, after->live);
    text_hex(s->id, span_of(id, sizeof(id)));
    s->replay = replay;
    s->before = before;
    s->after = after;
    *ret = s;
    return 0;
}

int simulation_start(struct keeper *k, struct candidate *before, struct candidate *after,
                     uint32_t days, const char *asker, struct simulation **ret)
{
    struct simulation *s;
    struct simulation **at = place(&k->simulations);
    uint64_t span = days * (uint64_t)24 * 3600 * 1000, now = clock_wall_ms();
    int rc = make(before, after, &s);
    if (rc < 0)
        return rc;
    (void)snprintf(s->asker, sizeof(s->asker), "%s", asker);
    s->days = days;
    s->since_ms = now > span ? now - span : 0;
    s->started_ms = clock_mono_ms();
    s->job.step = on_simulation_step;
    s->job.done = on_simulation_done;
    rc = at == NULL ? FAULT_BUSY : reader_submit(&k->reader, &s->job);
    if (rc < 0) {
        simulation_free(s);
        return rc;
    }
    s->at_work = true;
    simulation_free(*at);
    *at = s;
    *ret = s;
    return 0;
}

struct simulation *simulation_find(struct keeper *k, const char *id)
{
    for (size_t i = 0; i < SIMULATIONS_MAX; i++)
        if (k->simulations.at[i] != NULL && strcmp(k->simulations.at[i]->id, id) == 0)
            return k->simulations.at[i];
    return NULL;
}

const char *simulation_id(const struct simulation *s)
{
    return s->id;
}

void simulation_end(struct keeper *k, struct simulation *s)
{
    for (size_t i = 0; i < SIMULATIONS_MAX; i++)
        if (k->simulations.at[i] == s)
            k->simulations.at[i] = NULL;
    if (!s->at_work) {
        simulation_free(s);
        return;
    }
    s->forgotten = true;
    reader_cancel(&s->job);
}

void simulations_fini(struct simulations *all)
{
    for (size_t i = 0; i < SIMULATIONS_MAX; i++) {
        simulation_free(all->at[i]);
        all->at[i] = NULL;
    }
}

/* ---- as JSON ---- */

static json_t *count_json(const struct replay_count *c)
{
    return json_pack("{s:I,s:I,s:I,s:I}", "requests", (json_int_t)c->requests, "denied",
                     (json_int_t)c->denied, "allowed", (json_int_t)c->allowed, "prove",
                     (json_int_t)c->prove);
}

static json_t *person_json(const struct replay_person *p, const char *asker)
{
    bool you = !p->program && asker[0] != '\0' && strcmp(asker, p->name) == 0;
    return json_pack("{s:o,s:b,s:b,s:I,s:s,s:s,s:{s:o,s:o,s:o,s:o,s:o,s:s}}", "user",
                     json_text(span_str(p->name)), "program", p->program, "you", you, "requests",
                     (json_int_t)p->requests, "was", verdict_name(p->was), "would",
                     verdict_name(p->would), "example", "time", json_time_ms(p->last_ms), "method",
                     json_text(span_str(p->method)), "host", json_text(span_str(p->host)), "path",
                     json_text(span_str(p->path)), "rule", json_text(span_str(p->rule)), "reason",
                     reason_name(p->reason));
}

static json_t *route_json(const struct replay_route *r)
{
    json_t *route = count_json(&r->count);
    if (route != NULL && json_put(route, "route", json_text(span_str(r->name))) < 0)
        json_release(&route);
    return route;
}

static json_t *result_json(const struct replay *r, const char *asker)
{
    json_t *people = json_array(), *routes = json_array();
    int rc = people == NULL || routes == NULL ? -ENOMEM : 0;
    for (size_t i = 0; rc == 0 && i < r->person_count; i++)
        rc = json_push(people, person_json(&r->people[i], asker));
    for (size_t i = 0; rc == 0 && i < r->route_count; i++)
        rc = json_push(routes, route_json(&r->routes[i]));
    if (rc < 0) {
        json_decref(people);
        json_decref(routes);
        return NULL;
    }
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "requests",
                     (json_int_t)r->requests, "same", (json_int_t)r->same, "denied",
                     (json_int_t)r->count.denied, "allowed", (json_int_t)r->count.allowed, "prove",
                     (json_int_t)r->count.prove, "passed", (json_int_t)r->passed, "old",
                     (json_int_t)r->old, "more_people", (json_int_t)r->more_people, "people",
                     people, "routes", routes);
}

json_t *simulation_json(const struct simulation *s, const char *asker)
{
    static const char *const STATES[] = {"waiting", "running", "done", "failed", "cancelled"};
    int state = atomic_load(&s->state);
    json_t *answer =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I}", "id", s->id, "state", STATES[state], "asker",
                  s->asker, "days", (json_int_t)s->days, "done", (json_int_t)atomic_load(&s->done),
                  "total", (json_int_t)atomic_load(&s->total));
    if (answer == NULL || state != DONE)
        return answer;
    int rc = json_put(answer, "took_ms", json_integer((json_int_t)s->took_ms));
    rc = rc < 0 ? rc : json_put(answer, "result", result_json(s->replay, asker));
    if (rc < 0)
        json_decref(answer);
    return rc < 0 ? NULL : answer;
}
