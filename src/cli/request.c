/* From a row and its arguments to a question, and from the answer to what is shown. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/socket.h"

#define ANSWER_MAX (32u * 1024 * 1024)

/* Does the supervisor say that a keeper serves? When it says nothing, nobody knows better. */
static bool keeper_serves(void *context)
{
    struct paths *paths = context;
    char socket_path[512];
    struct buf answer;
    bool serves = false;
    size_t i;
    json_t *process;
    if (!paths_runtime(paths, "supervisor.sock", socket_path, sizeof(socket_path)))
        return true;
    buf_init(&answer, ANSWER_MAX);
    int rc = socket_ask(socket_path, SPAN("doctor"), &answer, NULL, NULL);
    json_t *whole =
        rc < 0 ? NULL : json_loadb((const char *)buf_view(&answer).at, buf_len(&answer), 0, NULL);
    buf_fini(&answer);
    json_array_foreach(json_object_get(whole, "processes"), i, process)
    {
        const char *role = json_string_value(json_object_get(process, "role"));
        const char *state = json_string_value(json_object_get(process, "state"));
        if (role != NULL && state != NULL && strcmp(role, "keeper") == 0 &&
            strcmp(state, "serving") == 0)
            serves = true;
    }
    json_decref(whole);
    return serves;
}

/* What the keeper has said, or not said, as an exit code; *status and *ret are set with EXIT_DONE.
 */
static int read_answer(const char *socket_path, int rc, const struct buf *answer, int *status,
                       json_t **ret)
{
    if (rc == FAULT_TIMEOUT)
        return complain(
            EXIT_UNREACHABLE,
            "the keeper does not answer: 'postern doctor' shows whether it runs, and the log of "
            "the service why not; whether a change was made is not known");
    if (rc < 0)
        return complain(EXIT_UNREACHABLE, "%s: %s; is postern running ('postern serve')?",
                        socket_path, fault_text(rc));
    json_error_t error;
    json_t *whole = json_loadb((const char *)buf_view(answer).at, buf_len(answer), 0, &error);
    const json_t *number = json_object_get(whole, "status");
    if (!json_is_integer(number)) {
        json_decref(whole);
        return complain(EXIT_UNREACHABLE, "%s did not answer as a keeper does", socket_path);
    }
    *status = (int)json_integer_value(number);
    *ret = json_incref(json_object_get(whole, "body"));
    json_decref(whole);
    return EXIT_DONE;
}

int invocation_call_on(struct invocation *v, int fd, const char *method, const char *path,
                       const char *query, json_t *body, int *status, json_t **ret)
{
    char socket_path[512];
    *ret = NULL;
    if (!paths_runtime(&v->paths, "keeper.sock", socket_path, sizeof(socket_path)))
        return EXIT_REFUSED;
    json_t *question = json_pack("{s:s,s:s,s:s,s:O?}", "method", method, "path", path, "query",
                                 query == NULL ? "" : query, "body", body);
    char *text = question == NULL ? NULL : json_dumps(question, JSON_COMPACT);
    json_decref(question);
    if (text == NULL)
        return complain(EXIT_REFUSED, "the request is not valid text (UTF-8)");
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    int rc = fd < 0 ? socket_ask(socket_path, span_str(text), &answer, keeper_serves, &v->paths)
                    : socket_exchange(fd, span_str(text), &answer, keeper_serves, &v->paths);
    explicit_bzero(text, strlen(text));
    free(text);
    rc = read_answer(socket_path, rc, &answer, status, ret);
    buf_fini(&answer);
    return rc;
}

int invocation_call(struct invocation *v, const char *method, const char *path, const char *query,
                    json_t *body, int *status, json_t **ret)
{
    return invocation_call_on(v, -1, method, path, query, body, status, ret);
}

static void build_path(const struct invocation *v, struct buf *out)
{
    for (const char *c = v->command->path; *c != 0; c++) {
        if (*c == '{' && c[1] >= '0' && c[1] <= '9' && c[2] == '}') {
            size_t i = (size_t)(c[1] - '0');
            (void)text_urlencode(out, span_str(i < v->arg_count ? v->arg[i] : ""));
            c += 2;
        } else {
            (void)buf_byte(out, (uint8_t)*c);
        }
    }
}

static bool put_args(const struct invocation *v, json_t *body)
{
    bool any = false;
    for (size_t i = 0; i < countof(v->command->args) && v->command->args[i] != NULL; i++) {
        const char *member = v->command->members[i];
        if (member == NULL || i >= v->arg_count)
            continue;
        any = true;
        if (strstr(v->command->args[i], "...") == NULL) {
            (void)json_object_set_new(body, member, json_string(v->arg[i]));
            continue;
        }
        json_t *list = json_array();
        for (size_t k = i; k < v->arg_count; k++)
            (void)json_array_append_new(list, json_string(v->arg[k]));
        (void)json_object_set_new(body, member, list);
    }
    return any;
}

static bool put_option(const struct chosen *c, json_t *body, struct buf *query)
{
    const char *member = c->option->member != NULL ? c->option->member : c->option->name;
    json_t *list;
    uint64_t number;
    switch (c->option->type) {
    case OPTION_FLAG:
        (void)json_object_set_new(body, member, json_true());
        return true;
    case OPTION_TEXT:
        (void)json_object_set_new(body, member, json_string(c->value));
        return true;
    case OPTION_NUMBER:
        (void)json_object_set_new(body, member,
                                  text_u64(span_str(c->value), UINT32_MAX, &number) == 0
                                      ? json_integer((json_int_t)number)
                                      : json_string(c->value));
        return true;
    case OPTION_LIST:
        list = json_object_get(body, member);
        if (list == NULL) {
            list = json_array();
            (void)json_object_set_new(body, member, list);
        }
        /* One option may carry several items: --zone lan,local. */
        for (struct span rest = span_str(c->value), item; span_cut(&rest, ',', &item);)
            (void)json_array_append_new(list, json_stringn((const char *)item.at, item.len));
        return true;
    case OPTION_QUERY:
        (void)buf_printf(query, "%s%s=", buf_len(query) > 0 ? "&" : "", member);
        (void)text_urlencode(query, span_str(c->value));
        return false;
    case OPTION_LOCAL:
    case OPTION_LOCAL_FLAG:
    case OPTION_LOCAL_LIST:
        return false;
    }
    return false;
}

int invocation_request(struct invocation *v, int *status, json_t **ret)
{
    struct buf path, query;
    buf_init(&path, 4096);
    buf_init(&query, 8192);
    json_t *body = json_object();
    bool any = put_args(v, body);
    for (size_t i = 0; i < v->chosen_count; i++)
        any = put_option(&v->chosen[i], body, &query) || any;
    if (v->extra != NULL)
        any = json_object_update(body, v->extra) == 0 || any;
    build_path(v, &path);
    char *p = buf_take_string(&path), *q = buf_take_string(&query);
    int rc = p == NULL || q == NULL
                 ? complain(EXIT_USAGE, "the arguments are too long")
                 : invocation_call(v, v->command->method, p, q, any ? body : NULL, status, ret);
    free(p);
    free(q);
    json_decref(body);
    return rc;
}

int invocation_run(struct invocation *v)
{
    int status = 0;
    json_t *answer = NULL;
    int rc = invocation_request(v, &status, &answer);
    return rc != EXIT_DONE ? rc : invocation_show(v, status, answer);
}
