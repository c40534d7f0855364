#include "keeper/intent.h"

#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/confirm.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/operation.h"
#include "keeper/shutout.h"

/* Of the answer to an edge, which has 128 KiB for all of it. */
#define CHANGES_BYTES_MAX (96u * 1024)

const struct field INTENT_QUERY[] = {
    INTENT_MEMBERS,
    {0},
};

/* The row of the operation has checked what both may be. */
static struct span text_of(struct call *c, bool from_body, const char *name)
{
    struct span text = SPAN_NONE;
    if (from_body) {
        return json_span(call_member(c, name));
    }
    return call_query(c, name, &text) < 0 ? SPAN_NONE : text;
}

static bool flag_of(struct call *c, bool from_body, const char *name)
{
    if (from_body) {
        return json_is_true(call_member(c, name));
    }
    struct span text = text_of(c, false, name);
    return span_is(text, "1") || span_is(text, "true");
}

bool intent_read(struct call *c, bool from_body, const char *cause, struct intent *ret)
{
    struct span comment = text_of(c, from_body, "comment");
    struct span confirm = text_of(c, from_body, "confirm");
    *ret = (struct intent){.terms = {.author = c->actor.text, .cause = cause, .comment = comment},
                           .dry_run = flag_of(c, from_body, "dry_run"),
                           .override = flag_of(c, from_body, "override_lockout")};
    if (confirm.len > 0 && text_seconds(confirm, &ret->terms.confirm_for) < 0) {
        (void)call_problem(c, 400, "confirm", "expected a duration such as 5m");
        return false;
    }
    if (comment.len >= VERSION_COMMENT_SIZE || span_find(comment, 0) != SIZE_MAX) {
        (void)call_problem(c, 400, "comment", "expected at most %u bytes of text",
                           VERSION_COMMENT_SIZE - 1);
        return false;
    }
    if (ret->override && c->actor.kind != CREDENTIAL_HOST) {
        (void)call_problem(c, 403, "override_lockout",
                           "only the owner of this host may do this, there");
        return false;
    }
    return true;
}

/* Those that fit; how many do not is said beside them. */
static int put_changes(struct call *c, const struct candidate *plan, json_t *answer)
{
    size_t room = c->actor.kind == CREDENTIAL_HOST ? SIZE_MAX : CHANGES_BYTES_MAX, used = 0, i;
    json_t *list = json_array();
    for (i = 0; i < plan->entry_count && list != NULL && used < room; i++) {
        const struct version_entry *e = &plan->entries[i];
        json_t *one = entry_json(e);
        used += one == NULL ? 0 : json_dumpb(one, NULL, 0, JSON_COMPACT);
        if (used >= room && i > 0) {
            json_decref(one);
            break;
        }
        if (json_push(list, one) < 0) {
            json_decref(list);
            return -ENOMEM;
        }
    }
    int r = json_put(answer, "changes", list);
    return r < 0 ? r : json_put(answer, "more", json_integer((json_int_t)(plan->entry_count - i)));
}

static bool waits(struct call *c, const struct intent *intent)
{
    uint64_t version = c->keeper->changes.confirm.version;
    if (version == 0 || intent->back || intent->dry_run) {
        return false;
    }
    (void)call_problem(c, 409, NULL,
                       "version %llu waits to be confirmed; confirm it or go back first",
                       (unsigned long long)version);
    return true;
}

/* FAULT_FORMAT: the call has ended. */
static int finish(struct call *c, struct candidate *plan)
{
    struct candidate_error why;
    candidate_error_init(&why);
    int r = candidate_finish(plan, c->keeper, &why);
    if (r == FAULT_FORMAT) {
        (void)change_refuse(c, 422, buf_view(&why.text));
    }
    candidate_error_fini(&why);
    return r;
}

/* Says what the guard says, and heeds it. FAULT_FORMAT: the call has ended. */
static int guard(struct call *c, const struct candidate *plan, const struct intent *intent,
                 json_t *said)
{
    json_t *verdict = NULL;
    int r = shutout_judge(c->keeper, plan->live, &verdict);
    if (r == 0 && verdict != NULL && !intent->dry_run) {
        r = shutout_refuse(c, verdict, intent->override);
        r = r == 0 ? FAULT_FORMAT : r;
    }
    int put = json_put(said, "lockout", verdict == NULL ? json_null() : verdict);
    return r < 0 ? r : put;
}

int intent_carry_out(struct call *c, struct candidate *plan, struct intent *intent, json_t **answer)
{
    json_t *said = json_object();
    int r = said == NULL ? -ENOMEM : waits(c, intent) ? FAULT_FORMAT : finish(c, plan);
    r = r < 0 ? r : put_changes(c, plan, said);
    r = r < 0 ? r : guard(c, plan, intent, said);
    if (r < 0 || intent->dry_run || plan->entry_count == 0) {
        candidate_free(plan);
    } else {
        r = change_make(c, plan, &intent->terms, &intent->version);
    }
    json_t *version =
        intent->version == 0 ? json_null() : json_integer((json_int_t)intent->version);
    json_t *seconds = intent->version == 0 || intent->terms.confirm_for == 0
                          ? json_null()
                          : json_integer((json_int_t)intent->terms.confirm_for);
    int put = json_put(said, "version", version);
    put = put < 0 ? put : json_put(said, "confirm_within", seconds);
    r = r < 0 ? r : put;
    if (r < 0) {
        json_decref(said);
        return r == FAULT_FORMAT && c->status != 0 ? 0 : r;
    }
    *answer = said;
    return 0;
}
