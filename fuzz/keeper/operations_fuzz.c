/* The way from hostile bytes to an operation and back: frames of the control socket, and calls with
 * a method, a path, a query and a body, asked by a stranger, a person, a token and an owner.
 * Everything runs against a real store and is undone, so that each input meets the same state. */
#include "tests/unit/keeper/bench.h"

#include <errno.h>

#include "base/fault.h"
#include "keeper/control.h"
#include "keeper/json.h"

static struct bench BENCH;

static void close_bench(void)
{
    bench_close(&BENCH);
}

static void check(struct call *c, int fault, enum credential_kind kind)
{
    struct buf out;
    const char *type;
    if (fault < 0) {
        /* The store is whole and has room: only a limit may say no. */
        bench_must(fault == FAULT_LIMIT || fault == -ENOMEM);
        call_free(c);
        return;
    }
    bench_must(c->need == CALL_LATER || c->need == CALL_ERRAND ||
               (c->status >= 200 && c->status <= 503));
    if (kind == CREDENTIAL_NONE && (c->op == NULL || c->op->roles != ROLE_NOBODY)) {
        bench_must(c->status == 401 || c->status == 303);
    }
    if (c->op != NULL && !roles_admit(c->op->roles, c->actor.roles)) {
        bench_must(c->status >= 303 && c->status != 404);
    }
    buf_init(&out, 4u * 1024 * 1024);
    if (c->need == CALL_ANSWER && call_render(c, &out, &type) == 0 &&
        strncmp(type, "application/", 12) == 0 && buf_len(&out) > 0) {
        struct span view = buf_view(&out);
        json_t *value = json_loadb((const char *)view.at, view.len, JSON_DECODE_ANY, NULL);
        bench_must(value != NULL);
        json_decref(value);
    }
    buf_fini(&out);
    call_free(c);
}

static void one_call(enum credential_kind kind, const char *token, struct span method,
                     struct span path, struct span query, struct span body)
{
    int fault;
    struct call *c = bench_call(&BENCH, kind, token, method, path, query, body, &fault);
    check(c, fault, kind);
}

static void frames(struct span bytes)
{
    struct buf in;
    struct span frame;
    size_t taken;
    buf_init(&in, FRAME_REQUEST_MAX + FRAME_HEADER);
    (void)buf_append(&in, bytes);
    for (int i = 0; i < 8 && frame_next(&in, FRAME_REQUEST_MAX, &frame, &taken) == 1; i++) {
        struct call_input input;
        void *root;
        char *body, why[128];
        if (control_read(frame, &input, &root, &body, why, sizeof(why)) == 0) {
            one_call(CREDENTIAL_HOST, "", input.method, input.path, input.query, input.body);
        }
        control_release(root, body);
        buf_consume(&in, taken);
    }
    buf_fini(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (BENCH.k.store == NULL) {
        bench_open(&BENCH);
        bench_must(atexit(close_bench) == 0);
    }
    if (size < 1 || size > 65536) {
        return 0;
    }
    struct span rest = span_of(data + 1, size - 1);
    struct span method = SPAN_NONE, path = SPAN_NONE, query = SPAN_NONE;
    if (data[0] % 5 == 4) {
        frames(rest);
        return 0;
    }
    (void)span_cut(&rest, '\n', &method);
    (void)span_cut(&rest, '\n', &path);
    (void)span_cut(&rest, '\n', &query);
    switch (data[0] % 5) {
    case 0:
        one_call(CREDENTIAL_CONSOLE, BENCH.owner, method, path, query, rest);
        break;
    case 1:
        one_call(CREDENTIAL_CONSOLE, BENCH.person, method, path, query, rest);
        break;
    case 2:
        one_call(CREDENTIAL_TOKEN, BENCH.robot, method, path, query, rest);
        break;
    default:
        one_call(CREDENTIAL_NONE, "", method, path, query, rest);
    }
    return 0;
}
