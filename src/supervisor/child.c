#include "supervisor/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "supervisor/spawn.h"
#include "supervisor/supervisor.h"

/* From exec to `ready`: the sandbox, the store, a warm-up; much more means that it hangs. */
#define READY_WITHIN_MS 20000u
/* From the end of its channel to the end of the process. */
#define GONE_WITHIN_MS 500u

const char *child_state_name(enum child_state state)
{
    static const char *const NAMES[] = {"down", "starting", "ready", "serving", "draining"};
    return NAMES[state];
}

struct child *child_new(struct supervisor *sv, enum role_kind kind, uint32_t id, unsigned slot)
{
    struct child *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->supervisor = sv;
    c->kind = kind;
    c->key = ++sv->next_key;
    c->id = id;
    c->slot = slot;
    c->channel.fd = c->foreign_fd = -1;
    if (uv_timer_init(&sv->loop, &c->timer) < 0) {
        free(c);
        return NULL;
    }
    list_push(&sv->children, &c->link);
    return c;
}

static void on_poll_closed(uv_handle_t *h)
{
    free(h);
}

static void channel_drop(struct child *c)
{
    if (c->poll != NULL)
        uv_close((uv_handle_t *)c->poll, on_poll_closed);
    c->poll = NULL;
    channel_fini(&c->channel);
}

static void watch(struct child *c);

/* What a death looks like from here: the reaper tells the rest. One that closed its channel and
 * stays is of no use; one that drains has its own limit. */
static void hung_up(struct child *c)
{
    channel_drop(c);
    if (c->state != CHILD_DRAINING)
        child_expect_within(c, GONE_WITHIN_MS);
}

static void on_channel(uv_poll_t *poll, int status, int events)
{
    struct child *c = poll->data;
    int rc = status < 0 ? FAULT_CLOSED : 0;
    if (rc == 0 && (events & UV_WRITABLE) != 0)
        rc = channel_flush(&c->channel);
    /* Bounded, so that one child that talks without end does not keep the others waiting. */
    for (int i = 0; rc == 0 && i < 64 && c->channel.fd >= 0; i++) {
        struct message m;
        rc = channel_recv(&c->channel, &m);
        if (rc != 1)
            break;
        rc = supervisor_on_message(c, &m);
        if (m.fd >= 0)
            (void)close(m.fd);
    }
    if (rc == FAULT_CLOSED && c->channel.fd >= 0) {
        hung_up(c);
        return;
    }
    if (rc < 0 && c->channel.fd >= 0) {
        log_fault(LOG_LEVEL_WARN, "child_broke_channel", rc, ROLES[c->kind].name);
        child_kill(c);
        return;
    }
    watch(c);
}

static void watch(struct child *c)
{
    if (c->poll == NULL || c->channel.fd < 0)
        return;
    int events = UV_READABLE | (channel_wants_write(&c->channel) ? UV_WRITABLE : 0);
    if (uv_poll_start(c->poll, events, on_channel) < 0)
        child_kill(c);
}

void child_sent(struct child *c, int rc)
{
    if (c->channel.fd < 0)
        return;
    if (rc == FAULT_CLOSED) {
        hung_up(c);
        return;
    }
    if (rc < 0) {
        log_fault(LOG_LEVEL_WARN, "child_not_reached", rc, ROLES[c->kind].name);
        child_kill(c);
        return;
    }
    watch(c);
}

static int channel_open(struct child *c, int fd)
{
    c->poll = calloc(1, sizeof(*c->poll));
    if (c->poll == NULL) {
        (void)close(fd);
        return -ENOMEM;
    }
    int rc = channel_init(&c->channel, fd, IPC_SUPERVISOR, ROLES[c->kind].ipc);
    if (rc == 0)
        rc = uv_poll_init(&c->supervisor->loop, c->poll, fd);
    if (rc < 0) {
        if (c->channel.fd < 0)
            (void)close(fd);
        channel_fini(&c->channel);
        free(c->poll);
        c->poll = NULL;
        return rc;
    }
    c->poll->data = c;
    watch(c);
    return 0;
}

static int launch(struct child *c)
{
    int pair[2];
    struct arena arena;
    int rc = channel_pair(pair);
    if (rc < 0)
        return rc;
    arena_init(&arena, 4096, 1024 * 1024);
    struct role_facts facts = {.file = c->supervisor->file,
                               .id = c->id,
                               .ports = c->supervisor->ports.at,
                               .port_count = c->supervisor->ports.count,
                               .clients = c->supervisor->newest.ports.clients};
    struct spawn s = {
        .program = programs_find(&c->supervisor->programs, c->supervisor->libexec, c->kind),
        .argv = ROLES[c->kind].arguments(&arena, &facts),
        .control = pair[1],
        .extra = ROLES[c->kind].with_keeper_socket ? c->supervisor->keeper_socket : -1,
    };
    if (s.argv == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = spawn_start(&s, &c->pid);
    arena_fini(&arena);
    (void)close(pair[1]);
    if (rc < 0) {
        (void)close(pair[0]);
        return rc;
    }
    return channel_open(c, pair[0]);
}

int child_adopt(struct child *c, pid_t pid, int fd, bool foreign)
{
    c->pid = pid;
    c->adopted = c->configured = true;
    if (foreign) {
        c->foreign_fd = fd;
        return 0;
    }
    return channel_open(c, fd);
}

void child_start(struct child *c)
{
    c->state = CHILD_STARTING;
    c->killed = c->adopted = c->configured = false;
    (void)snprintf(c->version, sizeof(c->version), "%s", POSTERN_VERSION);
    c->number = c->prepared = 0;
    c->started_ms = clock_mono_ms();
    int rc = launch(c);
    if (rc < 0) {
        log_fault(LOG_LEVEL_ERROR, "child_not_started", rc, ROLES[c->kind].name);
        /* With a process the reaper comes; without one this is the whole death. */
        if (c->pid > 0)
            child_kill(c);
        else
            supervisor_on_death(c, 0);
        return;
    }
    struct buf line;
    log_line(&line, LOG_LEVEL_INFO, "child_started");
    log_text(&line, "role", ROLES[c->kind].name);
    log_num(&line, "id", c->id);
    log_num(&line, "child", c->pid);
    log_end(&line);
    child_expect_within(c, READY_WITHIN_MS);
}

void child_kill(struct child *c)
{
    c->killed = true;
    channel_drop(c);
    if (c->pid > 0)
        (void)kill(c->pid, SIGKILL);
}

void child_buried(struct child *c)
{
    channel_drop(c);
    child_stop_timer(c);
    if (c->foreign_fd >= 0)
        (void)close(c->foreign_fd);
    c->foreign_fd = -1;
    c->pid = 0;
    c->state = CHILD_DOWN;
    c->status_asked = false;
    c->silent = c->lost = 0;
    free(c->sandbox);
    free(c->status);
    c->sandbox = c->status = NULL;
}

static void on_restart(uv_timer_t *t)
{
    struct child *c = container_of(t, struct child, timer);
    /* It was given up while it waited. */
    if (c->retired) {
        child_free(c);
        return;
    }
    c->restarts++;
    child_start(c);
}

void child_start_later(struct child *c, uint64_t wait_ms)
{
    (void)uv_timer_start(&c->timer, on_restart, wait_ms, 0);
}

static void on_late(uv_timer_t *t)
{
    struct child *c = container_of(t, struct child, timer);
    struct buf line;
    log_line(&line, LOG_LEVEL_ERROR, "child_too_late");
    log_text(&line, "role", ROLES[c->kind].name);
    log_num(&line, "id", c->id);
    log_text(&line, "state", child_state_name(c->state));
    log_end(&line);
    child_kill(c);
}

void child_expect_within(struct child *c, uint64_t ms)
{
    (void)uv_timer_start(&c->timer, on_late, ms, 0);
}

void child_stop_timer(struct child *c)
{
    (void)uv_timer_stop(&c->timer);
}

static void on_child_closed(uv_handle_t *h)
{
    free(container_of((uv_timer_t *)h, struct child, timer));
}

void child_free(struct child *c)
{
    /* A death can end everything on the way, and with it the child that died. */
    if (uv_is_closing((uv_handle_t *)&c->timer))
        return;
    list_remove(&c->link);
    uv_close((uv_handle_t *)&c->timer, on_child_closed);
}
