/* What the supervisor says. One row per message; everything else that comes on this channel was
 * refused by the permit table already. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "conf/slice.h"
#include "edge/conn.h"
#include "edge/keeper.h"
#include "edge/listener.h"
#include "edge/pool.h"
#include "ipc/memfd.h"

/* ---- towards the supervisor ---- */

static void control_arm(struct edge *e)
{
    watch_arm(&e->control_watch,
              UV_READABLE | (channel_wants_write(&e->control) ? UV_WRITABLE : 0));
}

void control_say_lost(struct edge *e, enum ipc_role role)
{
    struct msg_lost m = {.role = (uint8_t)role};
    /* When this cannot be sent the supervisor has gone, and this process ends too. */
    if (channel_send_lost(&e->control, 0, &m, -1) == 0)
        control_arm(e);
}

/* ---- the signer ---- */

static void on_watch_closed(uv_handle_t *handle)
{
    /* The poll handle is the first member of its watch. */
    free(container_of((uv_poll_t *)handle, struct watch, poll));
}

static void unwatch_signer(struct edge *e)
{
    if (e->signer_watch != NULL)
        uv_close((uv_handle_t *)&e->signer_watch->poll, on_watch_closed);
    e->signer_watch = NULL;
}

void control_signer_lost(struct edge *e)
{
    if (e->signer_watch == NULL)
        return;
    log_kv(LOG_LEVEL_ERROR, "signer_lost", "effect", "no handshakes until there is another");
    unwatch_signer(e);
    channel_fini(&e->signer.channel);
    control_say_lost(e, IPC_SIGNER);
}

/* Fresh ticket keys for the next handshake; the end of a signer for the log. */
static void on_signer_poll(uv_poll_t *handle, int status, int events)
{
    struct edge *e = handle->data;
    watch_fired(e->signer_watch, status, events);
    int rc = tls_signer_pump(&e->signer);
    if (e->signer.tickets_fresh && e->tls != NULL) {
        tls_context_tickets(e->tls, e->signer.tickets);
        e->signer.tickets_fresh = false;
    }
    if (rc < 0) {
        control_signer_lost(e);
        return;
    }
    watch_arm(e->signer_watch, UV_READABLE);
}

static int link_signer(struct edge *e, int fd)
{
    unwatch_signer(e);
    uint64_t signed_count = e->signer.signed_count, failed_count = e->signer.failed_count;
    tls_signer_fini(&e->signer);
    int rc = tls_signer_init(&e->signer, fd);
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    e->signer.signed_count = signed_count;
    e->signer.failed_count = failed_count;
    struct watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return -ENOMEM;
    rc = watch_init(w, e->loop, fd, on_signer_poll, e);
    if (rc < 0) {
        free(w);
        return rc;
    }
    e->signer_watch = w;
    watch_arm(w, UV_READABLE);
    if (e->generation == NULL)
        return 0;
    /* The new signer knows the keys under other handles. A console that is shown none meanwhile
     * refuses, and is asked again when the next signer comes. */
    list_each(it, &e->pools)
    {
        const struct pool *p = container_of(it, struct pool, link);
        rc = p->tls == NULL ? 0 : tls_client_identify(p->tls);
        if (rc < 0)
            log_fault(LOG_LEVEL_ERROR, "no_certificate_for_console", rc, p->route);
    }
    SSL_CTX *tls;
    rc = tls_context_new(&e->signer, e->generation->snapshot->generation, &tls);
    if (rc < 0)
        return rc;
    SSL_CTX_free(e->tls);
    e->tls = tls;
    return 0;
}

/* ---- snapshots ---- */

static void forget_prepared(struct edge *e)
{
    generation_unref(e->prepared);
    SSL_CTX_free(e->prepared_tls);
    e->prepared = NULL;
    e->prepared_tls = NULL;
}

static int prepare(struct edge *e, uint64_t number, int fd, const char **why)
{
    struct buf slice;
    forget_prepared(e);
    *why = "the snapshot did not come along";
    if (fd < 0)
        return FAULT_FORMAT;
    *why = "the snapshot can not be read";
    buf_init(&slice, SLICE_MAX);
    int rc = memfd_read(fd, &slice);
    if (rc == 0)
        rc = generation_make(e, buf_view(&slice), &e->prepared);
    buf_fini(&slice);
    if (rc == 0 && e->prepared->snapshot->number != number)
        rc = FAULT_CONFLICT;
    if (rc == 0) {
        *why = "the signer has no identity to show";
        rc = tls_context_new(&e->signer, e->prepared->snapshot->generation, &e->prepared_tls);
    }
    if (rc < 0)
        forget_prepared(e);
    return rc;
}

/* ---- messages ---- */

static int on_socket(struct edge *e, const struct message *m)
{
    struct msg_socket s;
    int rc = msg_socket_decode(m->payload, &s);
    if (rc < 0 || m->fd < 0) {
        if (m->fd >= 0)
            (void)close(m->fd);
        return FAULT_FORMAT;
    }
    rc = listener_new(e, m->fd, s.listener);
    if (rc < 0)
        log_fault(LOG_LEVEL_ERROR, "listener_failed", rc, "socket");
    return 0;
}

static int on_peer(struct edge *e, const struct message *m)
{
    struct msg_peer p;
    int rc = msg_peer_decode(m->payload, &p);
    if (rc < 0 || m->fd < 0 || (p.role != IPC_SIGNER && p.role != IPC_KEEPER)) {
        if (m->fd >= 0)
            (void)close(m->fd);
        return FAULT_FORMAT;
    }
    rc = p.role == IPC_SIGNER ? link_signer(e, m->fd) : keeper_link_init(e, m->fd);
    if (rc < 0)
        log_fault(LOG_LEVEL_ERROR, "peer_failed", rc, ipc_role_name((enum ipc_role)p.role));
    return 0;
}

static int on_prepare(struct edge *e, const struct message *m)
{
    struct msg_prepare p;
    const char *why = "";
    int rc = msg_prepare_decode(m->payload, &p);
    if (rc == 0)
        rc = prepare(e, p.number, m->fd, &why);
    if (m->fd >= 0)
        (void)close(m->fd);
    if (rc == FAULT_FORMAT && why[0] == 0)
        return rc;
    struct msg_prepared reply = {.number = p.number, .ok = rc == 0};
    if (rc < 0) {
        log_fault(LOG_LEVEL_ERROR, "snapshot_refused", rc, why);
        reply.reason = span_str(why);
    }
    return channel_send_prepared(&e->control, m->serial, &reply, -1);
}

static int on_commit(struct edge *e, const struct message *m)
{
    struct msg_commit c;
    int rc = msg_commit_decode(m->payload, &c);
    if (rc < 0)
        return rc;
    if (e->prepared == NULL || e->prepared->snapshot->number != c.number) {
        log_event(LOG_LEVEL_ERROR, "commit_of_nothing");
        return 0;
    }
    struct generation *g = e->prepared;
    SSL_CTX *tls = e->prepared_tls;
    e->prepared = NULL;
    e->prepared_tls = NULL;
    edge_commit(e, g, tls);
    struct msg_committed reply = {.number = c.number};
    return channel_send_committed(&e->control, m->serial, &reply, -1);
}

static int on_abort(struct edge *e, const struct message *m)
{
    struct msg_abort a;
    int rc = msg_abort_decode(m->payload, &a);
    if (rc == 0)
        forget_prepared(e);
    return rc;
}

static int on_drain(struct edge *e, const struct message *m)
{
    struct msg_drain d;
    int rc = msg_drain_decode(m->payload, &d);
    if (rc == 0)
        edge_drain(e, d.seconds);
    return rc;
}

static int on_status(struct edge *e, const struct message *m)
{
    struct msg_status s;
    int rc = msg_status_decode(m->payload, &s);
    if (rc < 0)
        return rc;
    struct buf text;
    buf_init(&text, 16384);
    status_write(e, &text);
    struct msg_status_is reply = {.text = buf_view(&text)};
    rc = channel_send_status_is(&e->control, m->serial, &reply, -1);
    buf_fini(&text);
    return rc;
}

static int on_dialled(struct edge *e, const struct message *m)
{
    struct msg_dialled said;
    int rc = msg_dialled_decode(m->payload, &said);
    if (rc == 0 && (said.error == 0) != (m->fd >= 0))
        rc = FAULT_FORMAT;
    if (rc < 0) {
        if (m->fd >= 0)
            (void)close(m->fd);
        return rc;
    }
    upstream_dialled(e, m->serial, m->fd,
                     said.error > 0 && said.error < 4096 ? (int)said.error : EIO);
    return 0;
}

static const struct {
    enum msg_type type;
    bool takes_fd;
    int (*on)(struct edge *e, const struct message *m);
} messages[] = {
    {MSG_SOCKET, true, on_socket},   {MSG_PEER, true, on_peer},
    {MSG_PREPARE, true, on_prepare}, {MSG_COMMIT, false, on_commit},
    {MSG_ABORT, false, on_abort},    {MSG_DRAIN, false, on_drain},
    {MSG_STATUS, false, on_status},  {MSG_DIALLED, true, on_dialled},
};

int control_dial(struct edge *e, struct span path, uint32_t *serial)
{
    struct msg_dial m = {.path = path};
    *serial = channel_serial(&e->control);
    int rc = channel_send_dial(&e->control, *serial, &m, -1);
    if (rc == 0)
        control_arm(e);
    return rc;
}

static int dispatch(struct edge *e, const struct message *m)
{
    for (size_t i = 0; i < countof(messages); i++) {
        if (messages[i].type != m->type)
            continue;
        if (messages[i].takes_fd || m->fd < 0)
            return messages[i].on(e, m);
        break;
    }
    if (m->fd >= 0)
        (void)close(m->fd);
    return FAULT_FORMAT;
}

static void on_control_poll(uv_poll_t *handle, int status, int events)
{
    struct edge *e = handle->data;
    struct message m;
    watch_fired(&e->control_watch, status, events);
    int rc = channel_flush(&e->control);
    while (rc == 0 && (rc = channel_recv(&e->control, &m)) == 1)
        rc = dispatch(e, &m);
    if (rc < 0) {
        /* Without a supervisor nobody would replace this process or tell it what changed. */
        log_fault(LOG_LEVEL_ERROR, "control_lost", rc, "supervisor");
        uv_stop(e->loop);
        return;
    }
    control_arm(e);
}

int control_init(struct edge *e, int fd)
{
    int rc = channel_init(&e->control, fd, IPC_EDGE, IPC_SUPERVISOR);
    if (rc < 0)
        return rc;
    rc = watch_init(&e->control_watch, e->loop, fd, on_control_poll, e);
    if (rc == 0)
        control_arm(e);
    return rc;
}

int control_ready(struct edge *e, struct span report)
{
    struct msg_ready ready = {.sandbox = span_sub(report, 0, 2048)};
    return channel_send_ready(&e->control, 0, &ready, -1);
}

void control_fini(struct edge *e)
{
    unwatch_signer(e);
    forget_prepared(e);
    tls_signer_fini(&e->signer);
    uv_close((uv_handle_t *)&e->control_watch.poll, NULL);
    channel_fini(&e->control);
}
