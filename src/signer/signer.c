#include "signer/signer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

/* An edge is synchronous and has one question under way; an identity answer is the largest reply.
 */
#define EDGE_WAITING_MAX 262144u
#define REFUSALS_LOGGED_PER_MINUTE 10u
#define REASON_MAX 1024u

static void log_refused(struct span reason)
{
    struct buf line;
    log_line(&line, LOG_LEVEL_WARN, "certificate_refused");
    log_field(&line, "reason", reason);
    log_end(&line);
}

int signer_init(struct signer *s, int control_fd, const struct keyring_places *places,
                const struct keyring_wish *wish)
{
    *s = (struct signer){.places = *places, .control = {.fd = -1}};
    for (size_t i = 0; i < SIGNER_EDGES_MAX; i++)
        s->edges[i].channel.fd = -1;
    int rc = tickets_init(&s->tickets, clock_mono_ms());
    if (rc == 0)
        rc = channel_init(&s->control, control_fd, IPC_SIGNER, IPC_SUPERVISOR);
    if (rc < 0) {
        signer_fini(s);
        return rc;
    }
    struct buf note;
    buf_init(&note, REASON_MAX);
    rc = keyring_load(places, wish, NULL, &s->last_handle, &s->current, &note);
    if (rc < 0 && wish->clients.len > 0) {
        /* What one console is shown is no reason to show nobody anything. */
        const struct keyring_wish own = {.names = wish->names, .tls12 = wish->tls12};
        log_refused(buf_view(&note));
        buf_clear(&note);
        rc = keyring_load(places, &own, NULL, &s->last_handle, &s->current, &note);
    }
    if (rc < 0) {
        struct buf line;
        log_line(&line, LOG_LEVEL_ERROR, "certificate_unusable");
        log_field(&line, "reason", buf_view(&note));
        log_end(&line);
    }
    buf_fini(&note);
    return 0;
}

void signer_fini(struct signer *s)
{
    for (size_t i = 0; i < SIGNER_EDGES_MAX; i++)
        channel_fini(&s->edges[i].channel);
    channel_fini(&s->control);
    keyring_free(s->current);
    keyring_free(s->next);
    keyring_free(s->previous);
    s->current = s->next = s->previous = NULL;
    tickets_fini(&s->tickets);
}

/* ---- edges ----------------------------------------------------------------------------------- */

static void push_tickets(struct signer *s)
{
    struct msg_tickets m;
    memcpy(m.tickets, s->tickets.keys.at, TICKETS_LEN);
    for (size_t i = 0; i < SIGNER_EDGES_MAX; i++) {
        struct signer_edge *e = &s->edges[i];
        if (e->channel.fd < 0)
            continue;
        /* Whoever does not take the new keys is dropped, but needs no further rotation: it never
         * saw them. */
        if (channel_send_tickets(&e->channel, 0, &m, -1) < 0)
            channel_fini(&e->channel);
    }
    secret_wipe(m.tickets, sizeof(m.tickets));
}

static void rotate(struct signer *s)
{
    int rc = tickets_rotate(&s->tickets, clock_mono_ms());
    if (rc < 0)
        log_fault(LOG_LEVEL_ERROR, "tickets_not_rotated", rc, NULL);
    else
        push_tickets(s);
}

static void edge_lost(struct signer *s, struct signer_edge *e, int why)
{
    struct buf line;
    log_line(&line, why == FAULT_FORMAT ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "edge_channel_ended");
    log_num(&line, "edge", e->id);
    log_text(&line, "why", fault_text(why));
    log_end(&line);
    if (why == FAULT_FORMAT)
        s->malformed_count++;
    channel_fini(&e->channel);
    rotate(s);
}

static void on_edge_peer(struct signer *s, uint32_t id, int fd)
{
    struct signer_edge *place = NULL;
    for (size_t i = 0; i < SIGNER_EDGES_MAX; i++) {
        struct signer_edge *e = &s->edges[i];
        if (e->channel.fd >= 0 && e->id == id)
            edge_lost(s, e, FAULT_STALE);
        if (e->channel.fd < 0 && place == NULL)
            place = e;
    }
    int rc = place == NULL ? FAULT_LIMIT : channel_init(&place->channel, fd, IPC_SIGNER, IPC_EDGE);
    if (rc < 0) {
        log_fault(LOG_LEVEL_ERROR, "edge_not_taken", rc, NULL);
        (void)close(fd);
        return;
    }
    place->id = id;
    place->asked = 0;
    place->channel.max_waiting = EDGE_WAITING_MAX;
}

/* tls12: does a keyring that holds the pair sign TLS 1.2? */
static struct pair *find_pair(const struct signer *s, uint32_t handle, bool *tls12)
{
    const struct keyring *const rings[] = {s->current, s->next, s->previous};
    struct pair *found = NULL;
    *tls12 = false;
    for (size_t i = 0; i < countof(rings); i++) {
        struct pair *p = keyring_find(rings[i], handle);
        found = p != NULL ? p : found;
        *tls12 |= p != NULL && rings[i]->tls12;
    }
    return found;
}

static void note_refusal(struct signer *s, const struct signer_edge *e, const struct msg_sign *m,
                         const char *why)
{
    s->refused_count++;
    uint64_t minute = clock_mono_ms() / 60000;
    if (minute != s->refusal_minute) {
        s->refusal_minute = minute;
        s->refusals_logged = 0;
    }
    /* A hostile edge could fill the disk with these; the count in status stays exact. */
    if (s->refusals_logged++ >= REFUSALS_LOGGED_PER_MINUTE)
        return;
    struct buf line;
    log_line(&line, LOG_LEVEL_WARN, "signature_refused");
    log_num(&line, "edge", e->id);
    log_text(&line, "why", why);
    log_num(&line, "key", m->key);
    log_num(&line, "scheme", m->scheme);
    log_num(&line, "bytes", (int64_t)m->tbs.len);
    log_num(&line, "refused", (int64_t)s->refused_count);
    log_end(&line);
}

static int on_sign(struct signer *s, struct signer_edge *e, const struct message *m)
{
    struct msg_sign ask;
    struct msg_signed reply = {0};
    uint8_t signature[PAIR_SIGNATURE_MAX];
    int rc = msg_sign_decode(m->payload, &ask);
    if (rc < 0)
        return rc;
    bool tls12;
    struct pair *p = find_pair(s, ask.key, &tls12);
    const struct scheme *scheme = NULL;
    enum certverify_verdict verdict =
        p != NULL && pair_is_client(p)
            ? certverify_decide_client(pair_kind(p), ask.scheme, ask.tbs, &scheme)
            : certverify_decide(p == NULL ? KEY_NONE : pair_kind(p), ask.scheme, ask.tbs, tls12,
                                &scheme);
    if (p == NULL || verdict != CERTVERIFY_SIGN) {
        note_refusal(s, e, &ask, p == NULL ? "handle" : certverify_verdict_name(verdict));
        return channel_send_signed(&e->channel, m->serial, &reply, -1);
    }
    rc = pair_sign(p, scheme, ask.tbs, signature, sizeof(signature));
    if (rc < 0) {
        log_fault(LOG_LEVEL_ERROR, "signature_failed", rc, scheme->name);
    } else {
        s->signed_count++;
        reply = (struct msg_signed){.ok = 1, .signature = span_of(signature, (size_t)rc)};
    }
    return channel_send_signed(&e->channel, m->serial, &reply, -1);
}

static int on_identity(struct signer_edge *e, const struct message *m)
{
    struct msg_identity ask;
    int rc = msg_identity_decode(m->payload, &ask);
    /* An edge has one question under way, and no question has the serial 0. */
    if (rc == 0 && (e->asked != 0 || m->serial == 0))
        rc = FAULT_FORMAT;
    if (rc == 0) {
        e->asked = m->serial;
        e->asked_index = ask.index;
        e->asked_client[0] = '\0';
    }
    return rc;
}

static int on_client(struct signer_edge *e, const struct message *m)
{
    struct msg_client ask;
    int rc = msg_client_decode(m->payload, &ask);
    if (rc == 0 && (e->asked != 0 || m->serial == 0 || ask.pair.len == 0 ||
                    span_find(ask.pair, 0) != SIZE_MAX))
        rc = FAULT_FORMAT;
    if (rc == 0) {
        e->asked = m->serial;
        (void)snprintf(e->asked_client, sizeof(e->asked_client), "%.*s", SPAN_FMT(ask.pair));
    }
    return rc;
}

static int answer_client(struct signer *s, struct signer_edge *e)
{
    const struct keyring *k = s->next != NULL ? s->next : s->current;
    const struct pair *p = keyring_client(k, span_str(e->asked_client));
    struct msg_client_is reply = {0};
    if (p != NULL)
        reply = (struct msg_client_is){.ok = 1, .key = pair_handle(p), .chain = pair_chain(p)};
    int rc = channel_send_client_is(&e->channel, e->asked, &reply, -1);
    e->asked = 0;
    e->asked_client[0] = '\0';
    return rc;
}

static int answer_identity(struct signer *s, struct signer_edge *e)
{
    const struct keyring *k = s->next != NULL ? s->next : s->current;
    struct msg_identity_is reply = {0};
    if (k != NULL && e->asked_index < k->count) {
        const struct pair *p = k->at[e->asked_index].pair;
        reply = (struct msg_identity_is){.ok = 1,
                                         .count = (uint8_t)k->count,
                                         .keyring = k->serial,
                                         .key = pair_handle(p),
                                         .chain = pair_chain(p)};
    }
    memcpy(reply.tickets, s->tickets.keys.at, TICKETS_LEN);
    int rc = channel_send_identity_is(&e->channel, e->asked, &reply, -1);
    secret_wipe(reply.tickets, sizeof(reply.tickets));
    e->asked = 0;
    return rc;
}

/* One packet a turn: an edge waits for its answer before it asks again, so looking for a second one
 * would be a system call for nothing. */
static void on_edge_readable(struct signer *s, struct signer_edge *e)
{
    struct message m;
    int rc = channel_recv(&e->channel, &m);
    if (rc == 1 && m.fd >= 0) {
        (void)close(m.fd);
        rc = FAULT_FORMAT;
    }
    if (rc == 1 && m.type == MSG_SIGN)
        rc = on_sign(s, e, &m);
    else if (rc == 1 && m.type == MSG_IDENTITY)
        rc = on_identity(e, &m);
    else if (rc == 1 && m.type == MSG_CLIENT)
        rc = on_client(e, &m);
    else if (rc == 1)
        rc = FAULT_FORMAT;
    if (rc < 0)
        edge_lost(s, e, rc);
}

/* ---- the supervisor -------------------------------------------------------------------------- */

static int on_peer(struct signer *s, struct message *m)
{
    struct msg_peer peer;
    int rc = msg_peer_decode(m->payload, &peer);
    if (rc == 0 && (peer.role != IPC_EDGE || m->fd < 0))
        rc = FAULT_FORMAT;
    if (rc < 0)
        return rc;
    int fd = m->fd;
    m->fd = -1;
    on_edge_peer(s, peer.id, fd);
    return 0;
}

static int on_prepare(struct signer *s, const struct message *m)
{
    struct msg_prepare ask;
    int rc = msg_prepare_decode(m->payload, &ask);
    if (rc < 0)
        return rc;
    struct buf note;
    buf_init(&note, REASON_MAX);
    struct keyring *fresh = NULL;
    const struct keyring_wish wish = {
        .names = ask.pairs, .clients = ask.clients, .tls12 = ask.tls12 != 0};
    keyring_free(s->next);
    s->next = NULL;
    rc = keyring_load(&s->places, &wish, s->current, &s->last_handle, &fresh, &note);
    struct msg_prepared reply = {.number = ask.number, .ok = rc == 0, .reason = buf_view(&note)};
    if (rc < 0)
        log_refused(buf_view(&note));
    else if (s->current != NULL && keyring_same(s->current, fresh))
        keyring_free(fresh);
    else
        s->next = fresh;
    s->next_number = ask.number;
    rc = channel_send_prepared(&s->control, m->serial, &reply, -1);
    buf_fini(&note);
    return rc;
}

/* Whoever renews by a timer hears of a timer that has failed. */
static void log_in_use(const struct keyring *k)
{
    for (size_t i = 0; i < k->count; i++) {
        const struct pair *p = k->at[i].pair;
        int64_t left = pair_not_after(p) - (int64_t)(clock_wall_ms() / 1000);
        bool soon = left < PAIR_WARN_SECONDS;
        struct buf line;
        log_line(&line, soon ? LOG_LEVEL_WARN : LOG_LEVEL_NOTICE,
                 soon ? "certificate_ends_soon" : "certificate_in_use");
        log_text(&line, "name", k->at[i].name[0] != '\0' ? k->at[i].name : "default");
        log_text(&line, "sha256", pair_fingerprint(p));
        log_num(&line, "days_left", left / 86400);
        log_end(&line);
    }
}

static int on_commit(struct signer *s, const struct message *m)
{
    struct msg_commit ask;
    int rc = msg_commit_decode(m->payload, &ask);
    if (rc < 0)
        return rc;
    if (s->next != NULL && s->next_number == ask.number) {
        keyring_free(s->previous);
        s->previous = s->current;
        s->current = s->next;
        s->next = NULL;
        if (s->previous != NULL)
            s->previous->tls12 &= s->current->tls12;
        log_in_use(s->current);
    }
    struct msg_committed reply = {.number = ask.number};
    return channel_send_committed(&s->control, m->serial, &reply, -1);
}

static int on_abort(struct signer *s, const struct message *m)
{
    struct msg_abort ask;
    int rc = msg_abort_decode(m->payload, &ask);
    if (rc == 0 && s->next != NULL && s->next_number == ask.number) {
        keyring_free(s->next);
        s->next = NULL;
    }
    return rc;
}

static int on_drain(struct signer *s, const struct message *m)
{
    struct msg_drain ask;
    int rc = msg_drain_decode(m->payload, &ask);
    if (rc == 0)
        s->drain_until = clock_mono_ms() + (uint64_t)ask.seconds * 1000;
    return rc;
}

static size_t count_edges(const struct signer *s)
{
    size_t count = 0;
    for (size_t i = 0; i < SIGNER_EDGES_MAX; i++)
        count += s->edges[i].channel.fd >= 0;
    return count;
}

/* prefix: "certificate_" for the default pair, "certificate.NAME." for the others. */
static void status_certificate(const char *prefix, const struct pair *p, struct buf *out)
{
    char until[CLOCK_TEXT_SIZE];
    int64_t now = (int64_t)(clock_wall_ms() / 1000), end = pair_not_after(p);
    clock_format((uint64_t)(end < 0 ? 0 : end) * 1000, until);
    const char *validity = now < pair_not_before(p) ? "not-yet" : now > end ? "expired" : "valid";
    (void)buf_printf(out, "%ssubject=%s\n%ssha256=%s\n", prefix, pair_subject(p), prefix,
                     pair_fingerprint(p));
    (void)buf_printf(out, "%snot_after=%s\n%sdays_left=%" PRId64 "\n", prefix, until, prefix,
                     (end - now) / 86400);
    (void)buf_printf(out, "%svalidity=%s\n", prefix, validity);
}

static void status_keyring(const struct keyring *k, struct buf *out)
{
    status_certificate("certificate_", k->at[0].pair, out);
    (void)buf_printf(out, "key_kind=%s\ncertificates=%zu\ntls12=%s\n",
                     key_kind_name(pair_kind(k->at[0].pair)), k->count, k->tls12 ? "yes" : "no");
    for (size_t i = 1; i < k->count; i++) {
        char prefix[KEYRING_NAME_MAX + 16];
        (void)snprintf(prefix, sizeof(prefix), "certificate.%s.", k->at[i].name);
        status_certificate(prefix, k->at[i].pair, out);
        (void)buf_printf(out, "%skey_kind=%s\n", prefix, key_kind_name(pair_kind(k->at[i].pair)));
    }
    for (size_t i = 0; i < k->client_count; i++) {
        char prefix[KEYRING_NAME_MAX + 16];
        (void)snprintf(prefix, sizeof(prefix), "client.%s.", k->client[i].name);
        status_certificate(prefix, k->client[i].pair, out);
    }
}

static int on_status(struct signer *s, const struct message *m)
{
    struct msg_status ask;
    int rc = msg_status_decode(m->payload, &ask);
    if (rc < 0)
        return rc;
    struct buf text;
    buf_init(&text, 16384);
    (void)buf_printf(&text, "pid=%d\nedges=%zu\n", (int)getpid(), count_edges(s));
    (void)buf_printf(&text, "signed=%" PRIu64 "\nrefused=%" PRIu64 "\nmalformed=%" PRIu64 "\n",
                     s->signed_count, s->refused_count, s->malformed_count);
    (void)buf_printf(&text, "tickets_rotated=%" PRIu64 "\ntickets_age_seconds=%" PRIu64 "\n",
                     s->tickets.rotations, (clock_mono_ms() - s->tickets.rotated_at) / 1000);
    (void)buf_printf(&text, "key_memory=%s\n", s->memory_locked ? "locked" : "unlocked");
    if (s->current != NULL)
        status_keyring(s->current, &text);
    else
        (void)buf_text(&text, "certificate_validity=none\n");
    if (s->sandbox != NULL)
        (void)buf_text(&text, s->sandbox);
    struct msg_status_is reply = {.text = buf_view(&text)};
    rc = channel_send_status_is(&s->control, m->serial, &reply, -1);
    buf_fini(&text);
    return rc;
}

static int on_control(struct signer *s, struct message *m)
{
    switch ((int)m->type) {
    case MSG_PEER:
        return on_peer(s, m);
    case MSG_PREPARE:
        return on_prepare(s, m);
    case MSG_COMMIT:
        return on_commit(s, m);
    case MSG_ABORT:
        return on_abort(s, m);
    case MSG_DRAIN:
        return on_drain(s, m);
    case MSG_STATUS:
        return on_status(s, m);
    default:
        return FAULT_FORMAT;
    }
}

/* 1: go on; 0: the supervisor is gone; a fault when it spoke nonsense. */
static int on_control_readable(struct signer *s)
{
    struct message m;
    int rc = channel_recv(&s->control, &m);
    if (rc == 0)
        return 1;
    if (rc == 1) {
        rc = on_control(s, &m);
        if (m.fd >= 0)
            (void)close(m.fd);
    }
    if (rc == FAULT_CLOSED)
        return 0;
    return rc < 0 ? rc : 1;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static struct pollfd interest(const struct channel *c)
{
    return (struct pollfd){.fd = c->fd,
                           .events = (short)(POLLIN | (channel_wants_write(c) ? POLLOUT : 0))};
}

static int wait_ms(const struct signer *s, int timeout_ms)
{
    uint64_t now = clock_mono_ms(), wait = tickets_due(&s->tickets, now);
    if (s->drain_until != 0) {
        bool over = s->drain_until <= now || count_edges(s) == 0;
        uint64_t left = over ? 0 : s->drain_until - now;
        wait = left < wait ? left : wait;
    }
    return timeout_ms >= 0 && (uint64_t)timeout_ms < wait ? timeout_ms : (int)wait;
}

/* What poll said of one edge; `asked`: its question is from an earlier turn. */
static void serve_edge(struct signer *s, struct signer_edge *e, short events, bool asked)
{
    int rc = (events & POLLOUT) != 0 ? channel_flush(&e->channel) : 0;
    if (rc == 0 && asked)
        rc = e->asked_client[0] != '\0' ? answer_client(s, e) : answer_identity(s, e);
    if (rc < 0)
        edge_lost(s, e, rc);
    else if ((events & ~POLLOUT) != 0)
        on_edge_readable(s, e);
}

int signer_turn(struct signer *s, int timeout_ms)
{
    struct pollfd fds[1 + SIGNER_EDGES_MAX];
    struct signer_edge *who[1 + SIGNER_EDGES_MAX];
    nfds_t count = 0;
    bool asked = false;
    fds[count++] = interest(&s->control);
    for (size_t i = 0; i < SIGNER_EDGES_MAX; i++) {
        if (s->edges[i].channel.fd < 0)
            continue;
        asked = asked || s->edges[i].asked != 0;
        who[count] = &s->edges[i];
        fds[count++] = interest(&s->edges[i].channel);
    }
    if (poll(fds, count, asked ? 0 : wait_ms(s, timeout_ms)) < 0)
        return errno == EINTR ? 1 : -errno;
    /* The supervisor first, and alone in its turn: it may replace the channels that `fds` names. */
    if (fds[0].revents != 0) {
        int rc = channel_flush(&s->control);
        return rc == FAULT_CLOSED ? 0 : rc < 0 ? rc : on_control_readable(s);
    }
    for (nfds_t i = 1; i < count; i++) {
        /* An earlier one of this turn may have ended this one. */
        bool waits = who[i]->asked != 0;
        if ((fds[i].revents != 0 || waits) && who[i]->channel.fd == fds[i].fd)
            serve_edge(s, who[i], fds[i].revents, waits);
    }
    if (tickets_due(&s->tickets, clock_mono_ms()) == 0)
        rotate(s);
    if (s->drain_until != 0 && (count_edges(s) == 0 || clock_mono_ms() >= s->drain_until))
        return 0;
    return 1;
}

int signer_run(struct signer *s)
{
    int rc;
    do
        rc = signer_turn(s, -1);
    while (rc == 1);
    return rc;
}
