/* A stand-in for the children of the supervisor: it is none of them, it only keeps their side of
 * the protocol, so that tests/integration/test_supervisor.py can make each of them fail in every
 * way.
 *
 * Which child it plays is said by its name (postern-edge, …). How it misbehaves is said by the file
 * `behaviour` beside it, lines of "role.event=what", read anew at every event. It enters no sandbox
 * of its own; the supervisor's holds it. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "conf/slice.h"
#include "ipc/channel.h"
#include "ipc/memfd.h"

#define LISTENERS_MAX 32

static struct {
    const char *role; /* "edge", "signer", "keeper", "courier" */
    enum ipc_role ipc;
    unsigned id;
    char behaviour[512];
    struct channel control;
    int listeners[LISTENERS_MAX];
    size_t listener_count;
    unsigned peers, prepared, committed, settled, aborted;
    uint64_t next_number;
    bool draining;
} me;

/* Is this what the file asks of us? */
static bool misbehaves(const char *event, const char *what)
{
    char text[4096] = "", line[128];
    int fd = open(me.behaviour, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    (void)snprintf(line, sizeof(line), "%s.%s=%s\n", me.role, event, what);
    return n > 0 && strstr(text, line) != NULL;
}

static void must(int rc)
{
    if (rc < 0)
        exit(3);
}

static void send_snapshot(int fd, uint64_t generation)
{
    struct buf bytes, out;
    struct snapshot *s = NULL;
    buf_init(&bytes, SLICE_MAX);
    buf_init(&out, SLICE_MAX);
    must(memfd_read(fd, &bytes));
    must(slice_decode(buf_view(&bytes), SLICE_FILE, &s));
    s->number = ++me.next_number;
    s->generation = generation;
    must(slice_encode(s, SLICE_EDGE, &out));
    int made = memfd_make("stand-in", buf_view(&out));
    must(made);
    struct msg_snapshot m = {.number = s->number, .generation = generation};
    must(channel_send_snapshot(&me.control, 0, &m, made));
    (void)close(made);
    buf_fini(&bytes);
    buf_fini(&out);
    snapshot_free(s);
}

static void on_configure(const struct message *m)
{
    struct msg_configure c;
    must(msg_configure_decode(m->payload, &c));
    if (misbehaves("configure", "die"))
        exit(4);
    if (misbehaves("configure", "silent"))
        return;
    if (misbehaves("configure", "refuse")) {
        struct msg_refused r = {.generation = c.generation,
                                .reason = SPAN("the stand-in does not like it")};
        must(channel_send_refused(&me.control, 0, &r, -1));
        return;
    }
    send_snapshot(m->fd, c.generation);
}

static void on_prepare(const struct message *m)
{
    struct msg_prepare p;
    must(msg_prepare_decode(m->payload, &p));
    if ((me.ipc == IPC_EDGE) != (m->fd >= 0))
        exit(5);
    me.prepared++;
    if (misbehaves("prepare", "die"))
        exit(4);
    if (misbehaves("prepare", "silent"))
        return;
    struct msg_prepared r = {.number = p.number, .ok = 1};
    if (misbehaves("prepare", "refuse")) {
        r.ok = 0;
        r.reason = SPAN("the stand-in does not like it");
    }
    must(channel_send_prepared(&me.control, m->serial, &r, -1));
}

static void on_commit(const struct message *m)
{
    struct msg_commit c;
    must(msg_commit_decode(m->payload, &c));
    me.committed++;
    if (misbehaves("commit", "silent"))
        return;
    struct msg_committed r = {.number = c.number};
    must(channel_send_committed(&me.control, m->serial, &r, -1));
}

static void on_status(const struct message *m)
{
    char text[512];
    int len =
        snprintf(text, sizeof(text),
                 "peers=%u\nprepared=%u\ncommitted=%u\nsettled=%u\naborted=%u\nlisteners=%zu\n",
                 me.peers, me.prepared, me.committed, me.settled, me.aborted, me.listener_count);
    if (misbehaves("status", "silent"))
        return;
    struct msg_status_is r = {.text = span_of(text, (size_t)len)};
    must(channel_send_status_is(&me.control, m->serial, &r, -1));
}

static void on_message(struct message *m)
{
    switch ((int)m->type) {
    case MSG_CONFIGURE:
        on_configure(m);
        break;
    case MSG_PREPARE:
        on_prepare(m);
        break;
    case MSG_COMMIT:
        on_commit(m);
        break;
    case MSG_STATUS:
        on_status(m);
        break;
    case MSG_PEER:
        me.peers++;
        break;
    case MSG_SETTLED:
        me.settled++;
        break;
    case MSG_ABORT:
        me.aborted++;
        break;
    case MSG_SOCKET:
        if (me.listener_count < LISTENERS_MAX) {
            me.listeners[me.listener_count++] = m->fd;
            m->fd = -1;
        }
        break;
    case MSG_DRAIN:
        if (!misbehaves("drain", "ignore"))
            me.draining = true;
        break;
    default:
        break;
    }
    if (m->fd >= 0)
        (void)close(m->fd);
}

static void serve(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    (void)dprintf(fd, "edge %u pid %d\n", me.id, (int)getpid());
    (void)close(fd);
}

static void run(void)
{
    while (!me.draining) {
        struct pollfd p[LISTENERS_MAX + 1] = {{.fd = channel_fd(&me.control), .events = POLLIN}};
        for (size_t i = 0; i < me.listener_count; i++)
            p[i + 1] = (struct pollfd){.fd = me.listeners[i], .events = POLLIN};
        if (poll(p, me.listener_count + 1, -1) < 0)
            exit(3);
        for (size_t i = 0; i < me.listener_count; i++) {
            if ((p[i + 1].revents & (POLLHUP | POLLERR)) != 0)
                me.listeners[i] = -1;
            else if (p[i + 1].revents != 0 && me.committed > 0)
                serve(me.listeners[i]);
        }
        struct message m;
        int rc = p[0].revents == 0 ? 0 : channel_recv(&me.control, &m);
        if (rc < 0)
            exit(6);
        if (rc == 1)
            on_message(&m);
    }
    exit(0);
}

int main(int argc, char **argv)
{
    static char exe[400];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (n <= 0)
        (void)snprintf(exe, sizeof(exe), "%s", argv[0]);
    const char *name = strrchr(argv[0], '-');
    me.role = name == NULL ? "" : name + 1;
    me.ipc = strcmp(me.role, "edge") == 0      ? IPC_EDGE
             : strcmp(me.role, "signer") == 0  ? IPC_SIGNER
             : strcmp(me.role, "courier") == 0 ? IPC_COURIER
                                               : IPC_KEEPER;
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--id") == 0)
            me.id = (unsigned)strtoul(argv[i + 1], NULL, 10);
    }
    (void)snprintf(me.behaviour, sizeof(me.behaviour), "%s/behaviour", dirname(exe));
    if (misbehaves("start", "die"))
        return 7;
    if (getenv("HOME") != NULL || fcntl(5, F_GETFD) >= 0 ||
        (me.ipc == IPC_KEEPER) != (fcntl(4, F_GETFD) >= 0))
        return 8; /* the environment and the descriptors were to be clean */
    must(channel_init(&me.control, 3, me.ipc, IPC_SUPERVISOR));
    if (misbehaves("start", "hang"))
        run();
    struct msg_ready r = {.sandbox = misbehaves("report", "bound")
                                         ? SPAN("seccomp=none\nlandlock_net=on\n")
                                         : SPAN("seccomp=none\nlandlock_net=off\n")};
    must(channel_send_ready(&me.control, 0, &r, -1));
    run();
}
