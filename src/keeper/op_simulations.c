#include <errno.h>

#include "base/fault.h"
#include "keeper/candidate.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/simulation.h"

#define DAYS_DEFAULT 30u

/* Ends the call: why this is no policy. */
static int refuse(struct call *c, const struct candidate_error *why)
{
    struct span text = buf_view(&why->text);
    while (text.len > 0 && text.at[text.len - 1] == '\n') {
        text.len--;
    }
    return call_problem(c, 422, why->field[0] != '\0' ? why->field : NULL, "%.*s", SPAN_FMT(text));
}

/* The policy of now, made in the same way, so that both are compared as they would be in force. */
static int make_both(struct call *c, struct candidate **before, struct candidate **after)
{
    struct candidate_error why;
    json_t *nothing = json_object();
    *before = *after = NULL;
    candidate_error_init(&why);
    int r = nothing == NULL ? -ENOMEM : candidate_new(c->keeper, c->body, after, &why);
    if (r == FAULT_FORMAT) {
        (void)refuse(c, &why);
    }
    r = r < 0 ? r : candidate_new(c->keeper, nothing, before, &why);
    candidate_error_fini(&why);
    json_decref(nothing);
    if (r < 0) {
        candidate_free(*after);
        candidate_free(*before);
    }
    return r;
}

static bool read_days(struct call *c, uint32_t *ret)
{
    const json_t *days = call_member(c, "days");
    json_int_t n = days == NULL ? DAYS_DEFAULT : json_integer_value(days);
    if ((days != NULL && !json_is_integer(days)) || n < 1 || n > SIMULATION_DAYS_MAX) {
        (void)call_problem(c, 422, "days", "expected a number from 1 to %u", SIMULATION_DAYS_MAX);
        return false;
    }
    *ret = (uint32_t)n;
    return true;
}

int op_simulations_add(struct call *c)
{
    struct candidate *before, *after;
    struct simulation *s;
    uint32_t days;
    if (!read_days(c, &days)) {
        return 0;
    }
    /* The rest of the body is what apply takes, and candidate_new() knows no other member. */
    (void)json_object_del(c->body, "days");
    int r = make_both(c, &before, &after);
    if (r == FAULT_FORMAT) {
        return 0;
    }
    r = r < 0 ? r : simulation_start(c->keeper, before, after, days, c->actor.user, &s);
    if (r == FAULT_BUSY || r == FAULT_CLOSED) {
        c->retry_after = r == FAULT_BUSY ? 30 : 0;
        return call_problem(c, r == FAULT_BUSY ? 429 : 503, NULL,
                            r == FAULT_BUSY ? "so many simulations are running already"
                                            : "nothing can be simulated at the moment");
    }
    return r < 0 ? r : call_answer(c, 202, simulation_json(s, c->actor.user));
}

static struct simulation *find(struct call *c)
{
    const char *id = arena_string(&c->arena, c->param[0]);
    struct simulation *s = id == NULL ? NULL : simulation_find(c->keeper, id);
    if (s == NULL) {
        (void)call_problem(c, 404, NULL, "no such simulation");
    }
    return s;
}

int op_simulations_get(struct call *c)
{
    const struct simulation *s = find(c);
    return s == NULL ? 0 : call_answer(c, 200, simulation_json(s, c->actor.user));
}

int op_simulations_end(struct call *c)
{
    struct simulation *s = find(c);
    if (s == NULL) {
        return 0;
    }
    simulation_end(c->keeper, s);
    return call_answer(c, 200, json_object());
}
