/* Questions and answers.
 *
 *   QUEUED ──thread──▶ WORKING ──▶ answered ──▶ freed
 *      │                  │            ▲
 *      └── 4 s ───────────┴──▶ answered "too late"; freed when its thread comes back
 *
 * A question belongs to the list until its thread is done with it, because libc offers no way to
 * call a lookup back. So the list is what is bounded, and it bounds the memory. */
#include "courier/courier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "courier/lookup.h"
#include "courier/trial.h"

#define CLOCK_MS 100u
#define PACKETS_PER_PASS 32

struct question {
    struct list link;
    struct courier *courier;
    uv_work_t work;
    enum msg_type type; /* MSG_RESOLVE, MSG_PROBE, MSG_BIND, MSG_FETCH, MSG_MAIL,
                            MSG_TRIAL */
    uint32_t serial;
    uint64_t keeper_number; /* who asked */
    uint64_t until_ms;
    bool answered;
    char name[254]; /* of MSG_RESOLVE */
    struct lookup lookup;
    struct probe probe;
    struct directory *directory; /* of MSG_BIND, else NULL */
    struct fetch *fetch;         /* of MSG_FETCH, else NULL */
    struct mail *mail;           /* of MSG_MAIL, else NULL */
    struct trial *trial;         /* of MSG_TRIAL, else NULL */
};

static void on_ready(uv_poll_t *poll, int status, int events);

/* ---- channels ---- */

static void on_poll_closed(uv_handle_t *h)
{
    free(h);
}

static void close_channel(struct channel *c, uv_poll_t **poll)
{
    if (*poll != NULL)
        uv_close((uv_handle_t *)*poll, on_poll_closed);
    *poll = NULL;
    channel_fini(c);
}

static void end(struct courier *c, int exit_code)
{
    if (c->ending)
        return;
    c->ending = true;
    c->exit_code = exit_code;
    uv_stop(&c->loop);
}

static void watch(struct courier *c, const struct channel *channel, uv_poll_t *poll)
{
    int events = UV_READABLE | (channel_wants_write(channel) ? UV_WRITABLE : 0);
    if (poll != NULL && uv_poll_start(poll, events, on_ready) < 0)
        end(c, 1);
}

static int open_channel(struct courier *c, struct channel *channel, uv_poll_t **poll, int fd,
                        enum ipc_role peer)
{
    int rc = channel_init(channel, fd, IPC_COURIER, peer);
    if (rc < 0)
        return rc;
    *poll = calloc(1, sizeof(**poll));
    rc = *poll == NULL ? -ENOMEM : uv_poll_init(&c->loop, *poll, fd);
    if (rc < 0) {
        free(*poll);
        *poll = NULL;
        channel_fini(channel);
        return rc;
    }
    (*poll)->data = c;
    watch(c, channel, *poll);
    return 0;
}

/* The keeper asks again when it is back; what a thread still does for it is thrown away. */
static void drop_keeper(struct courier *c)
{
    close_channel(&c->keeper, &c->keeper_poll);
    c->keeper_number++;
}

static void sent(struct courier *c, int rc)
{
    if (rc < 0) {
        log_fault(LOG_LEVEL_WARN, "keeper_lost", rc, NULL);
        drop_keeper(c);
        return;
    }
    watch(c, &c->keeper, c->keeper_poll);
}

/* ---- answers ---- */

static void answer_lookup(struct question *q)
{
    struct courier *c = q->courier;
    uint8_t addresses[LOOKUP_MAX * 16];
    const struct lookup *l = &q->lookup;
    for (size_t i = 0; i < l->count; i++)
        memcpy(addresses + i * 16, l->addrs[i].byte, 16);
    struct msg_resolved m = {.result = (uint8_t)l->result,
                             .addresses = span_of(addresses, l->count * 16),
                             .text = span_str(l->text)};
    c->seen.resolved++;
    c->seen.failed += l->result != RESOLVE_OK;
    sent(c, channel_send_resolved(&c->keeper, q->serial, &m, -1));
}

static void answer_probe(struct question *q)
{
    struct courier *c = q->courier;
    const struct probe *p = &q->probe;
    const struct facts *f = &p->facts;
    struct msg_probed m = {.ok = p->ok,
                           .text = span_str(p->text),
                           .protocol = span_str(p->protocol),
                           .subject = span_sub(span_str(f->subject), 0, 1024),
                           .issuer = span_sub(span_str(f->issuer), 0, 1024),
                           .names = span_str(f->names),
                           .not_before = f->not_before,
                           .not_after = f->not_after,
                           .trusted = f->trusted,
                           .trust = span_str(f->trust),
                           .matches = f->matches};
    memcpy(m.address, p->address.byte, sizeof(m.address));
    memcpy(m.spki, f->spki, sizeof(m.spki));
    memcpy(m.certificate, f->certificate, sizeof(m.certificate));
    c->seen.probed++;
    c->seen.failed += !p->ok;
    sent(c, channel_send_probed(&c->keeper, q->serial, &m, -1));
}

static void answer_bind(struct question *q)
{
    struct courier *c = q->courier;
    const struct directory *d = q->directory;
    struct msg_bound m = {.result = (uint8_t)d->result,
                          .text = span_str(d->text),
                          .server = span_str(d->server),
                          .dn = span_str(d->dn),
                          .id = span_str(d->id),
                          .login = span_str(d->name),
                          .groups = buf_view(&d->groups),
                          .omitted = d->omitted};
    c->seen.bound++;
    c->seen.failed += d->result == BOUND_DOWN || d->result == BOUND_FAULT;
    sent(c, channel_send_bound(&c->keeper, q->serial, &m, -1));
}

static void answer_fetch(struct question *q)
{
    struct courier *c = q->courier;
    const struct fetch *f = q->fetch;
    struct msg_fetched m = {.result = (uint8_t)f->result,
                            .text = span_str(f->text),
                            .status = f->status,
                            .type = span_str(f->type),
                            .body = f->result == FETCHED_OK ? buf_view(&f->body) : SPAN_NONE};
    c->seen.fetched++;
    c->seen.failed += f->result != FETCHED_OK;
    sent(c, channel_send_fetched(&c->keeper, q->serial, &m, -1));
}

static void answer_mail(struct question *q)
{
    struct courier *c = q->courier;
    struct msg_mailed m = {.taken = q->mail->taken, .text = span_str(q->mail->text)};
    c->seen.mailed++;
    c->seen.failed += !q->mail->taken;
    sent(c, channel_send_mailed(&c->keeper, q->serial, &m, -1));
}

static void answer_trial(struct question *q)
{
    struct courier *c = q->courier;
    const struct trial *t = q->trial;
    struct msg_tried m = {.result = (uint8_t)t->result,
                          .text = span_str(t->text),
                          .connect_ms = t->connect_ms,
                          .answer_ms = t->answer_ms,
                          .head = buf_view(&t->head)};
    memcpy(m.address, t->address.byte, sizeof(m.address));
    memcpy(m.local, t->local.byte, sizeof(m.local));
    c->seen.probed++;
    c->seen.failed += t->result != TRIED_OK;
    sent(c, channel_send_tried(&c->keeper, q->serial, &m, -1));
}

static void answer(struct question *q)
{
    q->answered = true;
    if (q->courier->keeper_poll == NULL || q->keeper_number != q->courier->keeper_number)
        return;
    if (q->type == MSG_RESOLVE)
        answer_lookup(q);
    else if (q->type == MSG_BIND)
        answer_bind(q);
    else if (q->type == MSG_FETCH)
        answer_fetch(q);
    else if (q->type == MSG_MAIL)
        answer_mail(q);
    else if (q->type == MSG_TRIAL)
        answer_trial(q);
    else
        answer_probe(q);
}

/* An answer that says nothing but why there is none. The thread may still write into the question:
 * the answer is made from a copy of nothing. */
static void answer_without(struct question *q, const char *why)
{
    struct question *empty = calloc(1, sizeof(*empty));
    struct directory nothing = {.result = BOUND_DOWN};
    struct fetch unfetched = {.result = FETCHED_LATE};
    struct mail unsent = {.taken = false};
    struct trial untried = {.result = TRIED_LATE};
    q->answered = true;
    if (empty == NULL)
        return;
    empty->courier = q->courier;
    empty->type = q->type;
    empty->serial = q->serial;
    empty->keeper_number = q->keeper_number;
    empty->lookup.result = RESOLVE_FAILED;
    (void)snprintf(empty->lookup.text, sizeof(empty->lookup.text), "%s", why);
    (void)snprintf(empty->probe.text, sizeof(empty->probe.text), "%s", why);
    (void)snprintf(nothing.text, sizeof(nothing.text), "%s", why);
    (void)snprintf(unfetched.text, sizeof(unfetched.text), "%s", why);
    (void)snprintf(unsent.text, sizeof(unsent.text), "%s", why);
    (void)snprintf(untried.text, sizeof(untried.text), "%s", why);
    empty->trial = &untried;
    empty->directory = &nothing;
    empty->fetch = &unfetched;
    empty->mail = &unsent;
    answer(empty);
    free(empty);
}

/* ---- questions ---- */

static void question_free(struct question *q)
{
    if (q->directory != NULL)
        directory_fini(q->directory);
    free(q->directory);
    if (q->fetch != NULL)
        fetch_fini(q->fetch);
    free(q->fetch);
    if (q->mail != NULL)
        mail_fini(q->mail);
    free(q->mail);
    if (q->trial != NULL)
        trial_fini(q->trial);
    free(q->trial);
    free(q);
}

static void question_end(struct question *q)
{
    list_remove(&q->link);
    q->courier->count--;
    q->courier->binding -= q->type == MSG_BIND;
    q->courier->fetching -= q->type == MSG_FETCH;
    q->courier->mailing -= q->type == MSG_MAIL;
    question_free(q);
}

static void on_work(uv_work_t *work)
{
    struct question *q = container_of(work, struct question, work);
    if (q->type == MSG_RESOLVE)
        lookup_name(q->name, &q->lookup);
    else if (q->type == MSG_BIND)
        directory_run(q->directory, q->courier->prober.trusted);
    else if (q->type == MSG_FETCH)
        fetch_run(q->fetch, q->courier->prober.trusted);
    else if (q->type == MSG_MAIL)
        mail_run(q->mail, q->courier->prober.trusted);
    else if (q->type == MSG_TRIAL)
        trial_run(&q->courier->prober, q->trial);
    else
        probe_run(&q->courier->prober, &q->probe);
}

static void on_worked(uv_work_t *work, int status)
{
    struct question *q = container_of(work, struct question, work);
    if (q->type == MSG_BIND && status == 0)
        directory_learn(&q->courier->directories, q->directory, clock_mono_ms());
    if (!q->answered && status == 0)
        answer(q);
    question_end(q);
}

static void on_clock(uv_timer_t *t)
{
    struct courier *c = t->data;
    uint64_t now = clock_mono_ms();
    list_each(it, &c->questions)
    {
        struct question *q = container_of(it, struct question, link);
        if (q->answered || q->until_ms > now)
            continue;
        c->seen.late++;
        answer_without(q, "no answer in time");
        /* One that no thread has taken yet is not needed any more. */
        (void)uv_cancel((uv_req_t *)&q->work);
    }
    if (list_empty(&c->questions))
        (void)uv_timer_stop(t);
}

static int begin(struct question *q)
{
    struct courier *c = q->courier;
    if (c->count >= QUESTIONS_MAX || (q->type == MSG_BIND && c->binding >= DIRECTORY_AT_ONCE) ||
        (q->type == MSG_FETCH && c->fetching >= FETCHES_AT_ONCE) ||
        (q->type == MSG_MAIL && c->mailing >= MAILS_AT_ONCE))
        return FAULT_BUSY;
    int rc = uv_queue_work(&c->loop, &q->work, on_work, on_worked);
    if (rc < 0)
        return rc;
    list_push(&c->questions, &q->link);
    c->count++;
    c->binding += q->type == MSG_BIND;
    c->fetching += q->type == MSG_FETCH;
    c->mailing += q->type == MSG_MAIL;
    if (!uv_is_active((uv_handle_t *)&c->clock))
        rc = uv_timer_start(&c->clock, on_clock, CLOCK_MS, CLOCK_MS);
    return rc < 0 ? rc : 0;
}

/* Fields are at most as long as the arrays: the decoder has seen to that. */
static void copy_text(char *into, struct span text)
{
    if (text.len > 0)
        memcpy(into, text.at, text.len);
    into[text.len] = 0;
}

static int read_bind(struct question *q, const struct message *m)
{
    uint64_t now = clock_mono_ms();
    q->directory = calloc(1, sizeof(*q->directory));
    int rc = q->directory == NULL ? -ENOMEM : directory_read(q->directory, m->payload);
    if (rc < 0)
        return rc;
    q->until_ms = q->directory->until_ms = now + q->directory->ask.patience_ms;
    directory_order(&q->courier->directories, q->directory, now);
    return 0;
}

static int read_fetch(struct question *q, const struct message *m)
{
    q->fetch = calloc(1, sizeof(*q->fetch));
    int rc = q->fetch == NULL ? -ENOMEM : fetch_read(q->fetch, m->payload);
    if (rc < 0)
        return rc;
    q->until_ms = q->fetch->until_ms = clock_mono_ms() + q->fetch->ask.patience_ms;
    return 0;
}

static int read_mail(struct question *q, const struct message *m)
{
    q->mail = calloc(1, sizeof(*q->mail));
    int rc = q->mail == NULL ? -ENOMEM : mail_read(q->mail, m->payload);
    if (rc < 0)
        return rc;
    q->until_ms = q->mail->until_ms = clock_mono_ms() + q->mail->ask.patience_ms;
    return 0;
}

static int read_trial(struct question *q, const struct message *m)
{
    q->trial = calloc(1, sizeof(*q->trial));
    int rc = q->trial == NULL ? -ENOMEM : trial_read(q->trial, m->payload);
    if (rc == 0)
        q->until_ms = q->trial->until_ms;
    return rc;
}

static int read_question(struct question *q, const struct message *m)
{
    struct msg_resolve r;
    struct msg_probe p;
    if (m->type == MSG_RESOLVE) {
        if (msg_resolve_decode(m->payload, &r) < 0)
            return FAULT_FORMAT;
        copy_text(q->name, r.host);
        return 0;
    }
    if (m->type == MSG_BIND)
        return read_bind(q, m);
    if (m->type == MSG_FETCH)
        return read_fetch(q, m);
    if (m->type == MSG_MAIL)
        return read_mail(q, m);
    if (m->type == MSG_TRIAL)
        return read_trial(q, m);
    if (m->type != MSG_PROBE || msg_probe_decode(m->payload, &p) < 0)
        return FAULT_FORMAT;
    copy_text(q->probe.host, p.host);
    copy_text(q->probe.sni, p.sni);
    copy_text(q->probe.name, p.expected);
    q->probe.port = p.port;
    q->probe.until_ms = q->until_ms;
    return 0;
}

static int on_keeper_message(struct courier *c, const struct message *m)
{
    struct question *q = calloc(1, sizeof(*q));
    if (q == NULL)
        return -ENOMEM;
    list_init(&q->link);
    q->courier = c;
    q->type = m->type;
    q->serial = m->serial;
    q->keeper_number = c->keeper_number;
    q->until_ms = clock_mono_ms() + QUESTION_MS;
    int rc = read_question(q, m);
    if (rc == 0 && begin(q) == 0)
        return 0;
    if (rc == 0) {
        c->seen.refused++;
        answer_without(q, "too many questions at once");
    }
    question_free(q);
    return rc;
}

/* ---- the supervisor ---- */

static int on_peer(struct courier *c, struct message *m)
{
    struct msg_peer p;
    if (msg_peer_decode(m->payload, &p) < 0 || p.role != IPC_KEEPER || m->fd < 0)
        return FAULT_FORMAT;
    drop_keeper(c);
    int rc = open_channel(c, &c->keeper, &c->keeper_poll, m->fd, IPC_KEEPER);
    if (rc == 0)
        m->fd = -1;
    return rc;
}

static int on_status(struct courier *c, const struct message *m)
{
    struct buf text;
    buf_init(&text, 8192);
    (void)buf_printf(&text,
                     "keeper=%s\nopen=%u\nresolved=%llu\nprobed=%llu\nbound=%llu\nfetched=%"
                     "llu\nmailed=%llu\nfailed=%llu\nlate=%llu\n"
                     "refused=%llu\nthreads=%u\n",
                     c->keeper_poll != NULL ? "connected" : "absent", c->count,
                     (unsigned long long)c->seen.resolved, (unsigned long long)c->seen.probed,
                     (unsigned long long)c->seen.bound, (unsigned long long)c->seen.fetched,
                     (unsigned long long)c->seen.mailed, (unsigned long long)c->seen.failed,
                     (unsigned long long)c->seen.late, (unsigned long long)c->seen.refused,
                     COURIER_THREADS);
    (void)buf_text(&text, c->sandbox);
    struct msg_status_is is = {.text = buf_view(&text)};
    int rc = channel_send_status_is(&c->control, m->serial, &is, -1);
    buf_fini(&text);
    if (system_changed(&c->system)) {
        log_event(LOG_LEVEL_NOTICE, "resolver_files_replaced");
        end(c, 0);
    }
    return rc;
}

static int on_control_message(struct courier *c, struct message *m)
{
    struct msg_drain d;
    switch ((int)m->type) {
    case MSG_PEER:
        return on_peer(c, m);
    case MSG_STATUS:
        return on_status(c, m);
    case MSG_DRAIN:
        end(c, 0);
        return msg_drain_decode(m->payload, &d);
    default:
        return FAULT_FORMAT;
    }
}

static int receive(struct courier *c, struct channel *channel)
{
    bool control = channel == &c->control;
    uint64_t number = c->keeper_number;
    for (int i = 0; i < PACKETS_PER_PASS && !c->ending; i++) {
        struct message m = {.fd = -1};
        int rc = channel_recv(channel, &m);
        if (rc <= 0)
            return rc;
        rc = control ? on_control_message(c, &m) : on_keeper_message(c, &m);
        if (m.fd >= 0)
            (void)close(m.fd);
        /* The packet may have held a password; an answer may have closed the channel. */
        if (channel->packet != NULL)
            secret_wipe(channel->packet, m.payload.len + MSG_HEADER);
        if (rc < 0)
            return rc;
        /* An answer may have found that the keeper is gone. */
        if (!control && number != c->keeper_number)
            return 0;
    }
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct courier *c = poll->data;
    struct channel *channel = poll == c->control_poll ? &c->control : &c->keeper;
    int rc = status < 0 ? FAULT_CLOSED : 0;
    if (rc == 0 && (events & UV_WRITABLE) != 0)
        rc = channel_flush(channel);
    if (rc == 0 && (events & UV_READABLE) != 0)
        rc = receive(c, channel);
    if (channel == &c->control && rc < 0) {
        if (rc != FAULT_CLOSED)
            log_fault(LOG_LEVEL_ERROR, "supervisor_channel", rc, NULL);
        end(c, 1);
    } else if (channel == &c->control) {
        watch(c, channel, c->control_poll);
    } else if (c->keeper_poll == poll) {
        sent(c, rc);
    }
}

/* ---- the object ---- */

int courier_init(struct courier *c, int control_fd)
{
    *c = (struct courier){
        .control = {.fd = -1}, .keeper = {.fd = -1}, .authorities = c->authorities};
    list_init(&c->questions);
    int rc = uv_loop_init(&c->loop);
    if (rc == 0)
        rc = uv_timer_init(&c->loop, &c->clock);
    if (rc < 0)
        return rc;
    c->clock.data = c;
    return open_channel(c, &c->control, &c->control_poll, control_fd, IPC_SUPERVISOR);
}

static void on_nothing(uv_work_t *work)
{
    (void)work;
}

static void on_nothing_done(uv_work_t *work, int status)
{
    (void)status;
    *(bool *)work->data = true;
}

int courier_warm_up(struct courier *c)
{
    char count[16];
    bool done = false;
    uv_work_t work = {.data = &done};
    (void)snprintf(count, sizeof(count), "%u", COURIER_THREADS);
    /* The first work makes the library start all its threads. */
    if (setenv("UV_THREADPOOL_SIZE", count, 1) != 0)
        return -errno;
    int rc = uv_queue_work(&c->loop, &work, on_nothing, on_nothing_done);
    while (rc == 0 && !done)
        (void)uv_run(&c->loop, UV_RUN_ONCE);
    return rc;
}

int courier_run(struct courier *c)
{
    if (!c->ending)
        (void)uv_run(&c->loop, UV_RUN_DEFAULT);
    return c->exit_code;
}

void courier_fini(struct courier *c)
{
    drop_keeper(c);
    close_channel(&c->control, &c->control_poll);
    prober_fini(&c->prober);
}
