#include <errno.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/vouched.h"

static json_t *directory_json(const struct keeper *k, const struct directory_def *d)
{
    const struct directory_state *s = directories_state(&k->directories, d->name);
    return json_pack("{s:s,s:s,s:o,s:o}", "name", d->name, "state",
                     s == NULL ? "not asked yet"
                     : s->down ? "down"
                               : "up",
                     "why", s != NULL && s->down ? json_text(span_str(s->text)) : json_null(),
                     "since", json_time_ms(s == NULL ? 0 : s->since_ms));
}

int op_directories_list(struct call *c)
{
    const struct snapshot *s = c->keeper->live == NULL ? NULL : live_snapshot(c->keeper->live);
    json_t *list = json_array();
    for (size_t i = 0; s != NULL && list != NULL && i < s->dir_count; i++) {
        if (json_push(list, directory_json(c->keeper, &s->dirs[i])) < 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return call_answer(c, 200, list == NULL ? NULL : json_pack("{s:o}", "directories", list));
}

int op_ask_directory(struct call *c, const struct directory_question *q)
{
    char text[DIRECTORY_TEXT_SIZE] = "";
    struct span payload;
    if (directory_question_write(c->keeper, q, &payload, text) < 0) {
        return call_problem(c, 503, NULL, "%s", text);
    }
    int r = call_ask(c, 0, MSG_BIND, payload, q->directory->timeout * 1000 + 500);
    secret_wipe(c->keeper->scratch, payload.len);
    return r;
}

int op_directories_test(struct call *c)
{
    const struct snapshot *s = c->keeper->live == NULL ? NULL : live_snapshot(c->keeper->live);
    const char *name = op_name(c, 0, "directory");
    struct span user = span_trim(call_string(c, "user"));
    if (name == NULL) {
        return 0;
    }
    if (s == NULL || snapshot_directory(s, name) == NULL) {
        return call_problem(c, 404, NULL, "directory: no such thing");
    }
    if (user.len == 0 || user.len > 64) {
        return call_problem(c, 400, "user", "expected a name of 1 to 64 bytes");
    }
    const struct call_errand *e = call_told(c, 0);
    if (e == NULL) {
        const struct directory_question q = {
            .directory = snapshot_directory(s, name), .user = user, .look = true};
        return op_ask_directory(c, &q);
    }
    struct directory_answer a;
    directory_answer_read(&c->keeper->directories, name, e->fault, buf_view(&e->answer), &a);
    json_t *seen = vouched_json(c->keeper, &a);
    int r = seen == NULL ? -ENOMEM
                         : call_audit(c, AUDIT_DIRECTORY_TESTED, span_str(name),
                                      json_pack("{s:o,s:O}", "user", json_text(user), "result",
                                                json_object_get(seen, "result")));
    if (r < 0) {
        json_decref(seen);
        return r;
    }
    return call_answer(c, 200, seen);
}
