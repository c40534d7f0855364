/* What the supervisor says: one row per message. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "keeper/alerts.h"
#include "keeper/keeper.h"

static int on_peer(struct keeper *k, const struct message *m)
{
    struct msg_peer p;
    int r = msg_peer_decode(m->payload, &p);
    if (r < 0) {
        return r;
    }
    if ((p.role != IPC_EDGE && p.role != IPC_COURIER) || m->fd < 0) {
        return FAULT_FORMAT;
    }
    int fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        r = FAULT_LIMIT;
    } else {
        r = p.role == IPC_EDGE ? peer_add_edge(k, p.id, fd) : peer_set_courier(k, fd);
    }
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "peer_channel", r, ipc_role_name((enum ipc_role)p.role));
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return 0;
}

static int on_configure(struct keeper *k, const struct message *m)
{
    struct msg_configure c;
    int r = msg_configure_decode(m->payload, &c);
    if (r < 0 || m->fd < 0) {
        return r < 0 ? r : FAULT_FORMAT;
    }
    change_configure(k, c.generation, m->fd);
    return 0;
}

static int on_commit(struct keeper *k, const struct message *m)
{
    struct msg_commit c;
    int r = msg_commit_decode(m->payload, &c);
    if (r < 0) {
        return r;
    }
    change_committed(k, c.number);
    struct msg_committed done = {.number = c.number};
    peer_settle(&k->supervisor,
                channel_send_committed(&k->supervisor.channel, m->serial, &done, -1));
    return 0;
}

static int on_settled(struct keeper *k, const struct message *m)
{
    struct msg_settled s;
    int r = msg_settled_decode(m->payload, &s);
    if (r == 0) {
        change_settled(k, s.number);
    }
    return r;
}

static int on_abort(struct keeper *k, const struct message *m)
{
    struct msg_abort a;
    int r = msg_abort_decode(m->payload, &a);
    if (r == 0) {
        change_aborted(k, a.number, a.reason);
    }
    return r;
}

static int on_drain(struct keeper *k, const struct message *m)
{
    struct msg_drain d;
    int r = msg_drain_decode(m->payload, &d);
    if (r == 0) {
        keeper_stop(k, 0);
    }
    return r;
}

static int on_status(struct keeper *k, const struct message *m)
{
    struct buf text;
    buf_init(&text, 16384);
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    (void)buf_printf(&text,
                     "snapshot=%llu\ngeneration=%llu\nedges=%zu\nrevocation_epoch=%llu\n"
                     "hash_threads=%u\nhash_queue=%u\n",
                     (unsigned long long)(s == NULL ? 0 : s->number),
                     (unsigned long long)(s == NULL ? 0 : s->generation), k->edge_count,
                     (unsigned long long)k->revokes.epoch, k->pool.threads, k->pool.busy);
    uint64_t pass_us, pass_cpu_us;
    turn_longest_pass(&k->turn, &pass_us, &pass_cpu_us);
    (void)buf_printf(&text, "longest_pass_us=%llu\nlongest_pass_cpu_us=%llu\n",
                     (unsigned long long)pass_us, (unsigned long long)pass_cpu_us);
    (void)buf_printf(&text, "courier=%s\n", k->courier != NULL ? "connected" : "absent");
    (void)buf_text(&text, k->sandbox);
    directories_status(&k->directories, s, &text);
    alerts_status(s, &text);
    hosts_status(&k->hosts, clock_mono_ms(), &text);
    struct msg_status_is is = {.text = buf_view(&text)};
    peer_settle(&k->supervisor, channel_send_status_is(&k->supervisor.channel, m->serial, &is, -1));
    buf_fini(&text);
    return 0;
}

static int on_fleet(struct keeper *k, const struct message *m)
{
    struct msg_fleet f;
    int r = msg_fleet_decode(m->payload, &f);
    char *text = r < 0 ? NULL : malloc(f.text.len + 1);
    if (text == NULL) {
        return r;
    }
    if (f.text.len > 0) {
        memcpy(text, f.text.at, f.text.len);
    }
    text[f.text.len] = '\0';
    free(k->fleet);
    k->fleet = text;
    return 0;
}

void supervisor_message(struct keeper *k, const struct message *m)
{
    static const struct {
        enum msg_type type;
        int (*on)(struct keeper *k, const struct message *m);
    } ROWS[] = {
        {MSG_PEER, on_peer},       {MSG_CONFIGURE, on_configure}, {MSG_COMMIT, on_commit},
        {MSG_SETTLED, on_settled}, {MSG_ABORT, on_abort},         {MSG_DRAIN, on_drain},
        {MSG_STATUS, on_status},   {MSG_FLEET, on_fleet},
    };
    for (size_t i = 0; i < countof(ROWS); i++) {
        if (ROWS[i].type == m->type) {
            int r = ROWS[i].on(k, m);
            if (r < 0) {
                log_fault(LOG_LEVEL_ERROR, "supervisor_message", r, msg_info(m->type)->name);
                keeper_stop(k, 1);
            }
            return;
        }
    }
    /* PREPARE is for those who hold a copy; the keeper made the original. */
    log_kv(LOG_LEVEL_WARN, "supervisor_message_ignored", "type", msg_info(m->type)->name);
}
