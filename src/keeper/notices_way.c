/* How a notice gets to where it is told: questions to the courier, and again when it was not taken.
 *
 *   timer ──▶ those that are due, so many at once ──▶ courier ──▶ sent, later or dropped, in a turn
 *
 * The timer looks once a second: at one entry of an index, when nothing waits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "identity/letter.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

#define SLEEP_MS 1000u
#define REST_MS 5000u
#define RETRY_FIRST 30u
#define RETRY_MOST 3600u

struct errand_notice {
    struct list link;
    struct keeper *keeper;
    struct notice notice;
    /* What came of it. */
    bool taken;
    char why[300];
};

/* ---- the question ---- */

static int read_secret(const struct keeper *k, const char *file, struct secret *ret)
{
    char path[4096];
    if (k->secrets_dir == NULL) {
        return FAULT_ABSENT;
    }
    int n = snprintf(path, sizeof(path), "%s/%s", k->secrets_dir, file);
    return n < 0 || (size_t)n >= sizeof(path) ? FAULT_LIMIT
                                              : secret_read_file(ret, path, NOTICE_SECRET_MAX);
}

static int ask_mail(struct keeper *k, const struct letter *l, struct span *payload)
{
    const struct notices_conf *conf = &live_snapshot(k->live)->notices;
    struct secret password = {0};
    struct buf text;
    struct writer w = writer_into(k->scratch, MSG_PACKET_MAX);
    buf_init(&text, LETTER_MAX);
    int r = letter_mail(l, &text);
    if (r == 0 && conf->mail_account[0] != '\0') {
        r = read_secret(k, conf->mail_password_file, &password);
    }
    if (r == 0) {
        struct msg_mail m = {.patience_ms = NOTICE_PATIENCE_MS,
                             .server = span_str(conf->mail_server),
                             .authorities = span_str(conf->mail_authorities),
                             .account = span_str(conf->mail_account),
                             .password = secret_view(&password),
                             .sender = span_str(conf->mail_from),
                             .recipient = span_str(l->to),
                             .message = buf_view(&text)};
        msg_mail_encode(&w, &m);
        r = writer_finish(&w);
        *payload = span_of(w.at, w.len);
    }
    secret_fini(&password);
    buf_fini(&text);
    return r;
}

static int ask_webhook(struct keeper *k, const struct letter *l, struct span *payload)
{
    const struct notices_conf *conf = &live_snapshot(k->live)->notices;
    struct secret secret = {0};
    struct buf text;
    char signature[LETTER_SIGNATURE_SIZE];
    struct writer w = writer_into(k->scratch, MSG_PACKET_MAX);
    buf_init(&text, LETTER_MAX);
    int r = letter_json(l, &text);
    r = r < 0 ? r : read_secret(k, conf->webhook_secret_file, &secret);
    r = r < 0 ? r
              : letter_sign(secret_view(&secret), l->sent_ms / 1000, buf_view(&text), signature);
    if (r == 0) {
        struct msg_fetch m = {.patience_ms = NOTICE_PATIENCE_MS,
                              .most = 4096,
                              .url = span_str(conf->webhook),
                              .authorities = span_str(conf->webhook_authorities),
                              .accept = SPAN("*/*"),
                              .signature = span_str(signature),
                              .type = SPAN("application/json"),
                              .body = buf_view(&text)};
        msg_fetch_encode(&w, &m);
        r = writer_finish(&w);
        *payload = span_of(w.at, w.len);
    }
    secret_fini(&secret);
    buf_fini(&text);
    return r;
}

static void account_url(const struct keeper *k, char *into, size_t size)
{
    struct buf url;
    buf_init(&url, 512);
    op_portal_url(k, &url);
    (void)snprintf(into, size, "%.*s/", SPAN_FMT(buf_view(&url)));
    buf_fini(&url);
}

int notices_question(struct keeper *k, const struct notice *n, enum msg_type *type,
                     struct span *payload, char *why, size_t size)
{
    const struct notices_conf *conf = k->live == NULL ? NULL : &live_snapshot(k->live)->notices;
    bool mail = n->channel == NOTICE_MAIL;
    char id[2 * STORE_ID_SIZE + 1], source[ADDR_TEXT_SIZE] = "", url[520];
    struct addr a;
    static const uint8_t NOWHERE[16] = {0};
    if (conf == NULL || (mail ? conf->mail_server : conf->webhook)[0] == '\0') {
        (void)snprintf(why, size, "the configuration names no %s",
                       mail ? "mail server" : "webhook");
        return FAULT_ABSENT;
    }
    text_hex(id, span_of(n->id, sizeof(n->id)));
    memcpy(a.byte, n->source, sizeof(a.byte));
    if (memcmp(a.byte, NOWHERE, sizeof(a.byte)) != 0) {
        addr_format(&a, source);
    }
    account_url(k, url, sizeof(url));
    enum audit_event event = audit_event_find(span_str(n->event));
    struct letter l = {.id = id,
                       .event = n->event,
                       .what = audit_event_text(event),
                       .user = n->user,
                       .gateway = live_snapshot(k->live)->portal_host,
                       .account = url,
                       .source = source,
                       .detail = n->detail,
                       .at_ms = n->made * 1000,
                       .folded = n->folded,
                       .from = conf->mail_from,
                       .to = n->address,
                       .sent_ms = clock_wall_ms()};
    *type = mail ? MSG_MAIL : MSG_FETCH;
    int r = mail ? ask_mail(k, &l, payload) : ask_webhook(k, &l, payload);
    if (r < 0) {
        (void)snprintf(why, size, "it can not be made: %s", fault_text(r));
    }
    return r;
}

static bool mail_taken(struct span answer, char *why, size_t size)
{
    struct msg_mailed m;
    if (msg_mailed_decode(answer, &m) < 0) {
        return false;
    }
    (void)snprintf(why, size, "%.*s", SPAN_FMT(span_sub(m.text, 0, size - 1)));
    return m.taken != 0;
}

static bool webhook_taken(struct span answer, char *why, size_t size)
{
    struct msg_fetched m;
    if (msg_fetched_decode(answer, &m) < 0) {
        return false;
    }
    if (m.result == FETCHED_OK) {
        (void)snprintf(why, size, "it answered %u", m.status);
        return m.status >= 200 && m.status < 300;
    }
    (void)snprintf(why, size, "%.*s", SPAN_FMT(span_sub(m.text, 0, size - 1)));
    return false;
}

bool notices_taken(enum notice_channel channel, int fault, struct span answer, char *why,
                   size_t size)
{
    if (fault < 0) {
        (void)snprintf(why, size, "%s", fault_text(fault));
        return false;
    }
    return channel == NOTICE_MAIL ? mail_taken(answer, why, size)
                                  : webhook_taken(answer, why, size);
}

/* ---- its end ---- */

static int drop(struct keeper *k, const struct errand_notice *e)
{
    char detail[512];
    struct buf why;
    buf_init(&why, 400);
    (void)text_json(&why, span_str(e->why));
    (void)snprintf(detail, sizeof(detail), "{\"event\":\"%s\",\"by\":\"%s\",\"why\":%.*s}",
                   e->notice.event, e->notice.channel == NOTICE_MAIL ? "mail" : "webhook",
                   SPAN_FMT(buf_view(&why)));
    buf_fini(&why);
    int r = notices_drop(k->store, e->notice.seq);
    return r < 0 ? r
                 : keeper_audit(k, AUDIT_NOTICE_DROPPED, span_str(e->notice.user), AUDIT_FAILED,
                                span_str(detail));
}

static int end_step(struct keeper *k, void *context)
{
    const struct errand_notice *e = context;
    uint64_t now = clock_wall_ms() / 1000;
    if (e->taken) {
        return notices_sent(k->store, e->notice.seq, now);
    }
    uint64_t age = now > e->notice.made ? now - e->notice.made : 0;
    if (age >= live_snapshot(k->live)->notices.keep) {
        int r = drop(k, e);
        return r < 0 ? r : 1;
    }
    uint64_t wait = RETRY_FIRST << (e->notice.attempts < 7 ? e->notice.attempts : 7);
    return notices_later(k->store, e->notice.seq, now + (wait < RETRY_MOST ? wait : RETRY_MOST),
                         e->why);
}

static void rest(struct notices *n)
{
    n->rest_until = clock_mono_ms() + REST_MS;
}

static void end(struct errand_notice *e)
{
    struct keeper *k = e->keeper;
    struct notices *n = &k->notices;
    int r = turn_run(&k->turn, end_step, e);
    if (r < 0) {
        /* It stays due, and is delivered once more: better than to forget it. */
        log_fault(LOG_LEVEL_WARN, "notice", r, "delivered again later");
        rest(n);
    }
    n->seen.delivered += e->taken;
    n->seen.failed += !e->taken;
    n->seen.dropped += r == 1;
    if (!e->taken) {
        log_event(LOG_LEVEL_WARN, "notice_not_taken");
    }
}

static void on_done(struct keeper *k, void *context, int fault, struct span answer)
{
    struct errand_notice *e = context;
    list_remove(&e->link);
    /* The courier died, or the keeper ends: nobody has refused it. */
    if (fault == FAULT_CLOSED) {
        rest(&k->notices);
    } else if (fault != -ECANCELED && k->live != NULL) {
        e->taken = notices_taken(e->notice.channel, fault, answer, e->why, sizeof(e->why));
        end(e);
    }
    free(e);
}

/* ---- the way ---- */

static unsigned open_by(const struct notices *n, enum notice_channel channel)
{
    unsigned count = 0;
    list_each(at, &n->open)
    {
        count += container_of(at, struct errand_notice, link)->notice.channel == channel;
    }
    return count;
}

static bool is_open(const struct notices *n, uint64_t seq)
{
    list_each(at, &n->open)
    {
        if (container_of(at, struct errand_notice, link)->notice.seq == seq) {
            return true;
        }
    }
    return false;
}

static int each_due(void *context, const struct notice *notice)
{
    struct list *due = context;
    struct errand_notice *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return -ENOMEM;
    }
    e->notice = *notice;
    list_push(due, &e->link);
    return 0;
}

static void deliver(struct keeper *k, struct errand_notice *e)
{
    struct notices *n = &k->notices;
    enum msg_type type;
    struct span payload = SPAN_NONE;
    e->keeper = k;
    if (notices_question(k, &e->notice, &type, &payload, e->why, sizeof(e->why)) < 0) {
        end(e);
        free(e);
        return;
    }
    int r = errands_ask(k, type, payload, NOTICE_PATIENCE_MS + 2000, on_done, e);
    secret_wipe(k->scratch, payload.len);
    if (r < 0) {
        rest(n);
        free(e);
        return;
    }
    list_push(&n->open, &e->link);
}

/* After the clock was set back everything would wait for a long time: what is due later than
 * anything is ever made due is due. */
static uint64_t due_until(struct keeper *k, enum notice_channel channel)
{
    uint64_t now = clock_wall_ms() / 1000, next = 0;
    if (notices_next(k->store, channel, &next) < 0) {
        return 0;
    }
    return next > now + 2 * RETRY_MOST ? next : now;
}

static void go(struct keeper *k, enum notice_channel channel)
{
    struct notices *n = &k->notices;
    struct list due;
    list_init(&due);
    int r =
        notices_due(k->store, channel, due_until(k, channel), 2 * NOTICES_AT_ONCE, each_due, &due);
    list_each_safe(it, &due)
    {
        struct errand_notice *e = container_of(it, struct errand_notice, link);
        list_remove(it);
        if (r < 0 || open_by(n, channel) >= NOTICES_AT_ONCE || is_open(n, e->notice.seq) ||
            clock_mono_ms() < n->rest_until) {
            free(e);
        } else {
            deliver(k, e);
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct notices *n = timer->data;
    struct keeper *k = n->keeper;
    static const enum notice_channel CHANNELS[] = {NOTICE_MAIL, NOTICE_WEBHOOK};
    for (size_t i = 0; i < countof(CHANNELS); i++) {
        if (!k->stopping && k->live != NULL && clock_mono_ms() >= n->rest_until &&
            open_by(n, CHANNELS[i]) < NOTICES_AT_ONCE) {
            go(k, CHANNELS[i]);
        }
    }
}

void notices_init(struct notices *n)
{
    *n = (struct notices){.keeper = NULL};
    list_init(&n->open);
}

int notices_start(struct notices *n, struct keeper *k)
{
    int r = uv_timer_init(&k->loop, &n->timer);
    if (r < 0) {
        return r;
    }
    n->keeper = k;
    n->timer.data = n;
    return uv_timer_start(&n->timer, on_timer, SLEEP_MS, SLEEP_MS);
}

void notices_stop(struct notices *n)
{
    if (n->keeper == NULL) {
        return;
    }
    uv_close((uv_handle_t *)&n->timer, NULL);
    n->keeper = NULL;
}
