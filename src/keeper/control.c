#include "keeper/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "keeper/call.h"
#include "keeper/json.h"
#include "keeper/keeper.h"

struct control_conn {
    struct list link;
    struct control *control;
    uint64_t number;
    int fd;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned handles; /* to be closed before the memory goes */
    bool retired;
    bool asking; /* a call is out */
    struct buf in, out;
};

struct control {
    struct keeper *keeper;
    int fd;
    uv_poll_t poll;
    struct list conns;
    size_t count;
    bool closing;
};

/* ---- one request ---- */

/* The frame as call input: a body goes on as text, so that both ways into the table are one. */
int control_read(struct span frame, struct call_input *in, void **root, char **body, char *why,
                 size_t why_len)
{
    json_t *object = NULL;
    *root = NULL;
    *body = NULL;
    if (frame.len > JSON_HOST_MAX + 8192) {
        (void)snprintf(why, why_len, "the request is too large");
        return FAULT_LIMIT;
    }
    json_error_t error;
    object = json_loadb((const char *)frame.at, frame.len, JSON_REJECT_DUPLICATES, &error);
    const char *key;
    json_t *value;
    bool good = json_is_object(object);
    if (good) {
        json_object_foreach(object, key, value)
        {
            bool text = strcmp(key, "method") == 0 || strcmp(key, "path") == 0 ||
                        strcmp(key, "query") == 0 || strcmp(key, "if_match") == 0 ||
                        strcmp(key, "idempotency_key") == 0;
            good = good && (text ? json_is_string(value) || json_is_null(value)
                                 : strcmp(key, "body") == 0 &&
                                       (json_is_object(value) || json_is_null(value)));
        }
    }
    if (!good) {
        json_decref(object);
        (void)snprintf(
            why, why_len,
            "a request is an object of method, path, query, body, if_match and idempotency_key");
        return FAULT_FORMAT;
    }
    *in = (struct call_input){.kind = CREDENTIAL_HOST,
                              .method = json_span(json_object_get(object, "method")),
                              .path = json_span(json_object_get(object, "path")),
                              .query = json_span(json_object_get(object, "query")),
                              .if_match = json_span(json_object_get(object, "if_match")),
                              .repeat = json_span(json_object_get(object, "idempotency_key"))};
    json_t *inner = json_object_get(object, "body");
    if (json_is_object(inner)) {
        *body = json_dumps(inner, JSON_COMPACT);
        if (*body == NULL) {
            json_decref(object);
            return -ENOMEM;
        }
        in->body = span_str(*body);
    }
    *root = object;
    return 0;
}

void control_release(void *root, char *body)
{
    if (body != NULL) {
        secret_wipe(body, strlen(body));
        free(body);
    }
    json_decref(root);
}

/* ---- connections ---- */

static void on_conn_ready(uv_poll_t *poll, int status, int events);
static void conn_step(struct control_conn *c);

static void on_conn_closed(uv_handle_t *handle)
{
    struct control_conn *c = handle->data;
    if (--c->handles > 0) {
        return;
    }
    (void)close(c->fd);
    buf_fini(&c->in);
    buf_fini(&c->out);
    free(c);
}

static void conn_retire(struct control_conn *c)
{
    if (c->retired) {
        return;
    }
    c->retired = true;
    list_remove(&c->link);
    c->control->count--;
    leases_end(c->control->keeper, c->number);
    uv_close((uv_handle_t *)&c->poll, on_conn_closed);
    uv_close((uv_handle_t *)&c->timer, on_conn_closed);
}

static void on_conn_timer(uv_timer_t *timer)
{
    conn_retire(timer->data);
}

/* What this connection waits for, derived each time anew. */
static void conn_watch(struct control_conn *c)
{
    bool writes = buf_len(&c->out) > 0;
    int events = (c->asking || writes ? 0 : UV_READABLE) | (writes ? UV_WRITABLE : 0);
    /* While a call is out nothing is: one who has closed his half may still want the answer. */
    int r = uv_poll_start(&c->poll, events, on_conn_ready);
    bool partly = writes || buf_len(&c->in) > 0;
    /* Who holds a lease is silent for as long as it likes. */
    bool holds = !partly && leases_held(&c->control->keeper->leases, c->number);
    if (c->asking || holds) {
        (void)uv_timer_stop(&c->timer);
    } else if (partly != (uv_timer_get_repeat(&c->timer) == CONTROL_PATIENCE_MS) ||
               !uv_is_active((uv_handle_t *)&c->timer)) {
        /* The clock for a whole frame starts with its first byte, not with every byte. */
        uint64_t patience = partly ? CONTROL_PATIENCE_MS : CONTROL_IDLE_MS;
        (void)uv_timer_start(&c->timer, on_conn_timer, patience, patience);
    }
    if (r < 0) {
        conn_retire(c);
    }
}

static int put_answer(struct control_conn *c, unsigned status, const char *etag, struct span body)
{
    struct buf text;
    buf_init(&text, FRAME_ANSWER_MAX);
    text.wipe = true;
    (void)buf_printf(&text, "{\"status\":%u,", status);
    if (etag[0] != '\0') {
        (void)buf_text(&text, "\"etag\":");
        (void)text_json(&text, span_str(etag));
        (void)buf_text(&text, ",");
    }
    (void)buf_text(&text, "\"body\":");
    (void)(body.len > 0 ? buf_append(&text, body) : buf_text(&text, "null"));
    (void)buf_text(&text, "}");
    int r = text.bad ? FAULT_LIMIT : frame_put(&c->out, buf_view(&text));
    buf_fini(&text);
    return r;
}

void control_answer(struct keeper *k, uint64_t number, unsigned status, const char *etag,
                    struct span body)
{
    if (k->control == NULL) {
        return;
    }
    list_each(at, &k->control->conns)
    {
        struct control_conn *c = container_of(at, struct control_conn, link);
        if (c->number != number) {
            continue;
        }
        c->asking = false;
        if (put_answer(c, status, etag, body) < 0) {
            conn_retire(c);
        } else {
            conn_watch(c);
        }
        return;
    }
}

static int refuse(struct control_conn *c, const char *why)
{
    struct buf text;
    buf_init(&text, 1024);
    (void)buf_text(&text, "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                          "\"detail\":");
    (void)text_json(&text, span_str(why));
    (void)buf_text(&text, "}");
    int r = put_answer(c, 400, "", buf_view(&text));
    buf_fini(&text);
    return r;
}

static int begin(struct control_conn *c, struct span frame)
{
    struct keeper *k = c->control->keeper;
    struct call_input in;
    void *root;
    char *body, why[128] = "";
    int r = control_read(frame, &in, &root, &body, why, sizeof(why));
    if (r == FAULT_FORMAT || r == FAULT_LIMIT) {
        return refuse(c, why);
    }
    if (r < 0) {
        return r;
    }
    in.connection = c->number;
    struct call *call = call_new(k, &in);
    struct reply *reply = reply_new(REPLY_CONTROL, c->number, 0, MSG_NONE);
    control_release(root, body);
    if (call == NULL || reply == NULL) {
        call_free(call);
        reply_free(reply);
        return -ENOMEM;
    }
    c->asking = true;
    reply->call = call;
    call_begin(k, reply);
    return 0;
}

static int conn_read(struct control_conn *c)
{
    uint8_t *room = buf_reserve(&c->in, 4096);
    if (room == NULL) {
        return FAULT_LIMIT;
    }
    ssize_t n = read(c->fd, room, 4096);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    if (n == 0) {
        return FAULT_CLOSED;
    }
    buf_commit(&c->in, (size_t)n);
    return 0;
}

static int conn_write(struct control_conn *c)
{
    struct span bytes = buf_view(&c->out);
    ssize_t n = send(c->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    buf_consume(&c->out, (size_t)n);
    buf_release_idle(&c->out);
    return 0;
}

/* Takes the next whole frame when nothing is out. */
static void conn_step(struct control_conn *c)
{
    struct span frame;
    size_t taken;
    int r = 0;
    while (!c->asking && !c->retired && buf_len(&c->out) == 0) {
        r = frame_next(&c->in, FRAME_REQUEST_MAX, &frame, &taken);
        if (r <= 0) {
            break;
        }
        r = begin(c, frame);
        if (r < 0) {
            break;
        }
        buf_consume(&c->in, taken);
        buf_release_idle(&c->in);
    }
    if (r < 0) {
        conn_retire(c);
    }
    if (!c->retired) {
        conn_watch(c);
    }
}

static void on_conn_ready(uv_poll_t *poll, int status, int events)
{
    struct control_conn *c = poll->data;
    int r = status < 0 ? FAULT_CLOSED : 0;
    if (r == 0 && (events & UV_WRITABLE) != 0 && buf_len(&c->out) > 0) {
        r = conn_write(c);
    }
    if (r == 0 && (events & UV_READABLE) != 0 && !c->asking) {
        r = conn_read(c);
    }
    if (r < 0) {
        conn_retire(c);
        return;
    }
    conn_step(c);
}

/* ---- accepting ---- */

static bool may_connect(int fd)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || len != sizeof(who)) {
        return false;
    }
    if (who.uid == 0 || who.uid == geteuid()) {
        return true;
    }
    struct buf line;
    log_line(&line, LOG_LEVEL_WARN, "control_refused");
    log_num(&line, "uid", who.uid);
    log_num(&line, "pid", who.pid);
    log_end(&line);
    return false;
}

static int conn_new(struct control *all, int fd)
{
    struct keeper *k = all->keeper;
    struct control_conn *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return -ENOMEM;
    }
    int r = uv_poll_init(&k->loop, &c->poll, fd);
    if (r < 0) {
        free(c);
        return r;
    }
    (void)uv_timer_init(&k->loop, &c->timer);
    c->poll.data = c->timer.data = c;
    c->handles = 2;
    c->control = all;
    c->number = ++k->next_peer;
    c->fd = fd;
    buf_init(&c->in, FRAME_REQUEST_MAX + FRAME_HEADER + 4096);
    buf_init(&c->out, FRAME_ANSWER_MAX + FRAME_HEADER);
    c->in.wipe = c->out.wipe = true;
    list_push(&all->conns, &c->link);
    all->count++;
    conn_watch(c);
    return 0;
}

static void on_control_ready(uv_poll_t *poll, int status, int events)
{
    struct control *all = poll->data;
    (void)events;
    for (int i = 0; i < 8 && status == 0; i++) {
        int fd = accept4(all->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        size_t leased = leases_count(&all->keeper->leases);
        if (all->count >= CONTROL_CONNECTIONS_MAX + leased || !may_connect(fd) ||
            conn_new(all, fd) < 0) {
            (void)close(fd);
        }
    }
}

int control_open(struct keeper *k, int fd)
{
    struct control *all = calloc(1, sizeof(*all));
    if (all == NULL) {
        return -ENOMEM;
    }
    all->keeper = k;
    all->fd = fd;
    list_init(&all->conns);
    int r = uv_poll_init(&k->loop, &all->poll, fd);
    if (r == 0) {
        all->poll.data = all;
        r = uv_poll_start(&all->poll, UV_READABLE, on_control_ready);
    }
    if (r < 0) {
        free(all);
        return r;
    }
    k->control = all;
    return 0;
}

static void on_control_closed(uv_handle_t *handle)
{
    struct control *all = handle->data;
    (void)close(all->fd);
    free(all);
}

void control_close(struct keeper *k)
{
    struct control *all = k->control;
    if (all == NULL) {
        return;
    }
    k->control = NULL;
    list_each_safe(at, &all->conns)
    {
        conn_retire(container_of(at, struct control_conn, link));
    }
    uv_close((uv_handle_t *)&all->poll, on_control_closed);
}
