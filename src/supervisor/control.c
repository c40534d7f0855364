#include "supervisor/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/fault.h"
#include "base/log.h"

#define HEADER 4u
#define BACKLOG 16

/* A client that does not ask, or does not take its answer. */
#define PATIENCE_MS 30000u

struct control_call {
    struct list link;
    struct control *control;
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write;
    uint8_t in[HEADER + CONTROL_REQUEST_MAX];
    size_t in_len;
    struct buf out;
    bool waiting; /* the word was handed on and is not answered */
    bool closing;
    int handles; /* open ones: the last close callback frees */
};

int control_bind(const char *path, uid_t uid, gid_t gid)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(sun.sun_path))
        return -ENAMETOOLONG;
    memcpy(sun.sun_path, path, strlen(path) + 1);
    struct stat st;
    /* The caller holds the lock of the runtime directory, so a socket file here is nobody's. */
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(path) < 0)
        return -errno;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    mode_t before = umask(0117);
    int rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : 0;
    (void)umask(before);
    if (rc == 0 && geteuid() == 0 && lchown(path, uid, gid) < 0)
        rc = -errno;
    if (rc == 0 && listen(fd, BACKLOG) < 0)
        rc = -errno;
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    return fd;
}

static void on_closed(uv_handle_t *h)
{
    struct control_call *call = h->data;
    if (--call->handles > 0)
        return;
    buf_fini(&call->out);
    free(call);
}

static void call_close(struct control_call *call)
{
    if (call->closing)
        return;
    call->closing = true;
    if (call->waiting && call->control->on_gone != NULL)
        call->control->on_gone(call->control->arg, call);
    call->waiting = false;
    list_remove(&call->link);
    call->control->count--;
    uv_close((uv_handle_t *)&call->pipe, on_closed);
    uv_close((uv_handle_t *)&call->timer, on_closed);
}

static void on_impatient(uv_timer_t *t)
{
    call_close(t->data);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    struct control_call *call = h->data;
    (void)hint;
    *b = uv_buf_init((char *)call->in + call->in_len, (unsigned)(sizeof(call->in) - call->in_len));
}

/* One question at a time: what follows stays where it is until the answer has gone out. */
static void look_for_word(struct control_call *call)
{
    struct cursor c = cursor_over(span_of(call->in, call->in_len));
    uint32_t len = cursor_u32(&c);
    if (c.bad || call->waiting)
        return;
    if (len == 0 || len > CONTROL_REQUEST_MAX) {
        call_close(call);
        return;
    }
    struct span word = cursor_take(&c, len);
    if (c.bad)
        return;
    uint8_t copy[CONTROL_REQUEST_MAX];
    memcpy(copy, word.at, len);
    call->in_len -= HEADER + len;
    memmove(call->in, call->in + HEADER + len, call->in_len);
    call->waiting = true;
    /* A reload takes as long as it takes; the reload has a limit of its own. */
    (void)uv_timer_stop(&call->timer);
    call->control->on_word(call->control->arg, call, span_of(copy, len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct control_call *call = s->data;
    (void)b;
    /* ENOBUFS: it sends more than a question while one is open. */
    if (n < 0) {
        call_close(call);
        return;
    }
    call->in_len += (size_t)n;
    look_for_word(call);
}

static void on_written(uv_write_t *w, int status)
{
    struct control_call *call = w->data;
    buf_clear(&call->out);
    if (status < 0) {
        call_close(call);
        return;
    }
    if (!call->closing)
        look_for_word(call);
}

void control_answer(struct control_call *call, struct span text)
{
    call->waiting = false;
    buf_clear(&call->out);
    uint8_t head[HEADER];
    struct writer w = writer_into(head, sizeof(head));
    writer_u32(&w, (uint32_t)text.len);
    if (buf_append(&call->out, span_of(head, sizeof(head))) < 0 ||
        buf_append(&call->out, text) < 0) {
        call_close(call);
        return;
    }
    struct span all = buf_view(&call->out);
    uv_buf_t b = uv_buf_init((char *)(uintptr_t)all.at, (unsigned)all.len);
    (void)uv_timer_start(&call->timer, on_impatient, PATIENCE_MS, 0);
    if (uv_write(&call->write, (uv_stream_t *)&call->pipe, &b, 1, on_written) < 0)
        call_close(call);
}

static bool may_ask(const struct control *c, const uv_pipe_t *pipe)
{
    uv_os_fd_t fd;
    struct ucred who;
    socklen_t len = sizeof(who);
    return uv_fileno((const uv_handle_t *)pipe, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           (who.uid == 0 || who.uid == c->owner);
}

static struct control_call *call_new(struct control *c, uv_loop_t *loop)
{
    struct control_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    call->control = c;
    call->write.data = call;
    /* The largest doctor's report: all edges of two generations and what each says of itself. */
    buf_init(&call->out, 16 * 1024 * 1024);
    /* Neither can fail: they only set fields and link the handle into the loop. */
    (void)uv_timer_init(loop, &call->timer);
    (void)uv_pipe_init(loop, &call->pipe, 0);
    call->timer.data = call->pipe.data = call;
    call->handles = 2;
    list_push(&c->clients, &call->link);
    c->count++;
    return call;
}

static void on_connection(uv_stream_t *server, int status)
{
    struct control *c = server->data;
    struct control_call *call = status < 0 ? NULL : call_new(c, server->loop);
    if (call == NULL)
        return;
    if (uv_accept(server, (uv_stream_t *)&call->pipe) < 0 || c->count > CONTROL_CLIENTS_MAX) {
        call_close(call);
        return;
    }
    if (!may_ask(c, &call->pipe)) {
        log_event(LOG_LEVEL_WARN, "control_refused");
        call_close(call);
        return;
    }
    (void)uv_timer_start(&call->timer, on_impatient, PATIENCE_MS, 0);
    if (uv_read_start((uv_stream_t *)&call->pipe, on_alloc, on_read) < 0)
        call_close(call);
}

int control_fd(const struct control_call *call)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)&call->pipe, &fd) == 0 ? fd : -1;
}

struct control_call *control_adopt(struct control *c, int fd)
{
    struct control_call *call = call_new(c, c->pipe.loop);
    if (call == NULL || uv_pipe_open(&call->pipe, fd) < 0) {
        (void)close(fd);
        if (call != NULL)
            call_close(call);
        return NULL;
    }
    call->waiting = true;
    if (uv_read_start((uv_stream_t *)&call->pipe, on_alloc, on_read) < 0) {
        call->waiting = false;
        call_close(call);
        return NULL;
    }
    return call;
}

int control_start(struct control *c, uv_loop_t *loop, int fd, uid_t owner)
{
    list_init(&c->clients);
    c->owner = owner;
    int rc = uv_pipe_init(loop, &c->pipe, 0);
    if (rc < 0)
        return rc;
    c->pipe.data = c;
    c->open = true;
    rc = uv_pipe_open(&c->pipe, fd);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&c->pipe, BACKLOG, on_connection);
    if (rc < 0)
        control_stop(c);
    return rc;
}

void control_stop(struct control *c)
{
    if (!c->open)
        return;
    c->open = false;
    c->on_gone = NULL;
    list_each_safe(it, &c->clients) call_close(container_of(it, struct control_call, link));
    uv_close((uv_handle_t *)&c->pipe, NULL);
}
