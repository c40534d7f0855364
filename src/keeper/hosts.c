#include "keeper/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "conf/egress.h"
#include "conf/verify.h"
#include "keeper/courier.h"
#include "keeper/keeper.h"

void hosts_init(struct hosts *h)
{
    *h = (struct hosts){.refresh_s = 30};
    list_init(&h->all);
    map_init(&h->by_name, HOSTS_MAX);
}

static void on_timer(uv_timer_t *timer)
{
    hosts_step(timer->data);
}

int hosts_start(struct hosts *h, struct keeper *k)
{
    int r = uv_timer_init(&k->loop, &h->timer);
    if (r == 0) {
        h->timer.data = h;
        h->keeper = k;
    }
    return r;
}

void hosts_stop(struct hosts *h)
{
    if (h->keeper != NULL) {
        h->keeper = NULL;
        uv_close((uv_handle_t *)&h->timer, NULL);
    }
}

static void forget(struct hosts *h, struct host *host)
{
    h->asked -= host->serial != 0;
    (void)map_remove(&h->by_name, span_str(host->name));
    list_remove(&host->link);
    free(host);
}

void hosts_fini(struct hosts *h)
{
    list_each_safe(at, &h->all)
    {
        forget(h, container_of(at, struct host, link));
    }
    map_fini(&h->by_name);
}

const struct host *hosts_find(const struct hosts *h, const char *name)
{
    return map_find(&h->by_name, span_str(name));
}

/* ---- what is wanted ---- */

/* A name beyond HOSTS_MAX, or without memory, is not resolved: its route says so to whoever comes.
 */
struct host *hosts_add(struct hosts *h, const char *name)
{
    struct host *host = map_find(&h->by_name, span_str(name));
    if (host != NULL) {
        return host;
    }
    host = calloc(1, sizeof(*host));
    if (host == NULL) {
        return NULL;
    }
    (void)snprintf(host->name, sizeof(host->name), "%s", name);
    if (map_put(&h->by_name, span_str(host->name), host) < 0) {
        free(host);
        return NULL;
    }
    list_push(&h->all, &host->link);
    return host;
}

static void want(struct hosts *h, const struct upstream_def *u)
{
    struct host *host = u->named ? hosts_add(h, u->host) : NULL;
    if (host != NULL) {
        host->wanted = true;
    }
}

void hosts_follow(struct hosts *h, const struct snapshot *s)
{
    list_each(at, &h->all)
    {
        container_of(at, struct host, link)->wanted = false;
    }
    for (size_t i = 0; i < s->route_count; i++) {
        for (size_t k = 0; k < s->routes[i].upstream_count; k++) {
            want(h, &s->routes[i].upstreams[k]);
        }
    }
    list_each_safe(at, &h->all)
    {
        struct host *host = container_of(at, struct host, link);
        if (!host->wanted) {
            forget(h, host);
        }
    }
    h->refresh_s = s->limits.name_refresh;
    hosts_step(h);
}

int hosts_fill(const struct hosts *h, struct snapshot *s)
{
    for (size_t i = 0; i < s->route_count; i++) {
        for (size_t k = 0; k < s->routes[i].upstream_count; k++) {
            struct upstream_def *u = &s->routes[i].upstreams[k];
            const struct host *host = u->named ? hosts_find(h, u->host) : NULL;
            if (host == NULL || host->count == 0) {
                continue;
            }
            u->addrs = arena_array(&s->arena, host->count, sizeof(*u->addrs));
            if (u->addrs == NULL) {
                return -ENOMEM;
            }
            /* A name that leads back to postern would make an edge call itself. */
            for (size_t n = 0; n < host->count; n++) {
                if (!verify_own_listener(s, &host->addrs[n], u->port)) {
                    u->addrs[u->addr_count++] = host->addrs[n];
                }
            }
        }
    }
    return 0;
}

/* ---- answers ---- */

static void changed(struct hosts *h, uint64_t now_ms)
{
    if (h->publish_ms == 0) {
        h->publish_ms = now_ms + HOSTS_GATHER_MS;
    }
}

static void log_host(const struct host *host, enum log_level level, const char *event)
{
    struct buf line, text;
    log_line(&line, level, event);
    log_text(&line, "name", host->name);
    buf_init(&text, 1024);
    for (size_t i = 0; i < host->count; i++) {
        char one[ADDR_TEXT_SIZE];
        addr_format(&host->addrs[i], one);
        (void)buf_printf(&text, "%s%s", i > 0 ? "," : "", one);
    }
    log_field(&line, "addresses", buf_view(&text));
    buf_fini(&text);
    if (host->fault[0] != '\0') {
        log_text(&line, "why", host->fault);
    }
    log_end(&line);
}

static void set_addresses(struct hosts *h, struct host *host, const uint8_t *at, size_t count,
                          uint64_t now_ms)
{
    if (host->count == count &&
        (count == 0 || memcmp(host->addrs, at, count * sizeof(struct addr)) == 0)) {
        return;
    }
    if (count > 0) {
        memcpy(host->addrs, at, count * sizeof(struct addr));
    }
    host->count = count;
    h->unsaved = true;
    changed(h, now_ms);
    log_host(host, LOG_LEVEL_NOTICE, "name_changed");
}

static void answer_good(struct hosts *h, struct host *host, struct span addresses, uint64_t now_ms)
{
    bool was_bad = host->bad_ms != 0;
    host->result = RESOLVE_OK;
    host->fault[0] = '\0';
    host->bad_ms = 0;
    host->known_ms = now_ms;
    h->unsaved = true;
    host->due_ms = now_ms + (uint64_t)h->refresh_s * 1000;
    set_addresses(h, host, addresses.at, addresses.len / sizeof(struct addr), now_ms);
    if (was_bad) {
        log_host(host, LOG_LEVEL_NOTICE, "name_resolves_again");
    }
}

/* It is shown to people on one line, and another process wrote it. */
static void copy_clean(char *into, size_t size, struct span text)
{
    size_t used = 0;
    for (size_t i = 0; i < text.len && used + 1 < size; i++) {
        uint8_t b = text.at[i];
        into[used++] = b >= 0x20 && b < 0x7f ? (char)b : '?';
    }
    into[used] = '\0';
}

static void answer_bad(struct hosts *h, struct host *host, enum resolve_result result,
                       struct span why, uint64_t now_ms)
{
    bool news = host->bad_ms == 0 || host->result != result;
    uint64_t refresh = (uint64_t)h->refresh_s * 1000;
    uint64_t wait = host->count == 0 && refresh > HOSTS_RETRY_MS ? HOSTS_RETRY_MS : refresh;
    host->result = result;
    host->bad_ms = host->bad_ms == 0 ? now_ms : host->bad_ms;
    host->due_ms = now_ms + wait;
    copy_clean(host->fault, sizeof(host->fault), why);
    if (news) {
        log_host(host, LOG_LEVEL_WARN, "name_not_resolved");
    }
    /* Nobody could say is no reason to give up what worked; that there is no such name is one. */
    if (result != RESOLVE_FAILED && now_ms - host->known_ms >= HOSTS_ABSENT_MS) {
        set_addresses(h, host, NULL, 0, now_ms);
    }
}

/* Sorted, none twice, each one that a console may have: the courier reads what strangers send. */
static bool addresses_ok(struct span bytes)
{
    struct addr before, a;
    if (bytes.len % sizeof(a) != 0 || bytes.len / sizeof(a) > UPSTREAM_ADDRS_MAX) {
        return false;
    }
    for (size_t at = 0; at < bytes.len; at += sizeof(a)) {
        memcpy(&a, bytes.at + at, sizeof(a));
        if ((at > 0 && memcmp(&before, &a, sizeof(a)) >= 0) || egress_refusal(&a) != NULL) {
            return false;
        }
        before = a;
    }
    return true;
}

int hosts_answer(struct hosts *h, uint32_t serial, const struct msg_resolved *m, uint64_t now_ms)
{
    bool good = m->result == RESOLVE_OK;
    if (m->result > RESOLVE_DENIED || good != (m->addresses.len > 0) ||
        !addresses_ok(m->addresses)) {
        return FAULT_FORMAT;
    }
    list_each(at, &h->all)
    {
        struct host *host = container_of(at, struct host, link);
        if (serial == 0 || host->serial != serial) {
            continue;
        }
        host->serial = 0;
        h->asked--;
        if (good) {
            answer_good(h, host, m->addresses, now_ms);
        } else {
            answer_bad(h, host, (enum resolve_result)m->result, m->text, now_ms);
        }
        return 0;
    }
    /* It was late, or about a name that nobody wants any more. */
    return 0;
}

static void give_up(struct hosts *h, struct host *host, const char *why, uint64_t now_ms)
{
    host->serial = 0;
    h->asked--;
    answer_bad(h, host, RESOLVE_FAILED, span_str(why), now_ms);
}

void hosts_unanswered(struct hosts *h)
{
    uint64_t now = clock_mono_ms();
    list_each(at, &h->all)
    {
        struct host *host = container_of(at, struct host, link);
        if (host->serial != 0) {
            give_up(h, host, "the courier has died", now);
            host->due_ms = now;
        }
    }
}

/* ---- time ---- */

static void ask(struct hosts *h, struct host *host, uint64_t now_ms)
{
    uint32_t serial = courier_resolve(h->keeper, span_str(host->name));
    if (serial == 0) {
        return;
    }
    host->serial = serial;
    host->asked_ms = now_ms;
    h->asked++;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Asks or gives up; the moment when this host needs attention again, UINT64_MAX: not by time. */
static uint64_t attend(struct hosts *h, struct host *host, uint64_t now)
{
    if (host->serial != 0 && host->asked_ms + HOSTS_PATIENCE_MS <= now) {
        give_up(h, host, "the courier does not answer", now);
    }
    if (host->serial == 0 && host->due_ms <= now && h->asked < HOSTS_ASKED_MAX &&
        h->keeper->courier != NULL) {
        ask(h, host, now);
    }
    if (host->serial != 0) {
        return host->asked_ms + HOSTS_PATIENCE_MS;
    }
    /* One that is due and could not be asked is looked at again when somebody answers. */
    return host->due_ms > now ? host->due_ms : UINT64_MAX;
}

void hosts_publish(struct hosts *h)
{
    h->publish_ms = clock_mono_ms();
    hosts_step(h);
}

void hosts_again(struct hosts *h)
{
    h->publish_ms = clock_mono_ms() + HOSTS_AGAIN_MS;
    hosts_step(h);
}

void hosts_step(struct hosts *h)
{
    uint64_t now = clock_mono_ms(), next = UINT64_MAX;
    if (h->keeper == NULL || h->keeper->stopping) {
        return;
    }
    list_each(at, &h->all)
    {
        next = sooner(next, attend(h, container_of(at, struct host, link), now));
    }
    if (h->publish_ms != 0 && h->publish_ms <= now && h->keeper->changes.current == NULL &&
        h->keeper->live != NULL) {
        h->publish_ms = 0;
        hosts_save(h);
        change_refresh(h->keeper);
    }
    /* While another change is on its way, its end calls here. */
    if (h->publish_ms > now) {
        next = sooner(next, h->publish_ms);
    }
    if (next == UINT64_MAX) {
        (void)uv_timer_stop(&h->timer);
        return;
    }
    uv_update_time(&h->keeper->loop);
    (void)uv_timer_start(&h->timer, on_timer, next > now ? next - now : 1, 0);
}

void hosts_describe(const struct host *host, uint64_t now_ms, struct buf *out)
{
    for (size_t i = 0; i < host->count; i++) {
        char text[ADDR_TEXT_SIZE];
        addr_format(&host->addrs[i], text);
        (void)buf_printf(out, "%s%s", i > 0 ? ", " : "", text);
    }
    if (host->count == 0) {
        (void)buf_text(out, "no address");
    } else {
        (void)buf_printf(out, ", %llu s old",
                         (unsigned long long)((now_ms - host->known_ms) / 1000));
    }
    if (host->fault[0] != '\0') {
        (void)buf_printf(out, "; %s", host->fault);
    }
}

void hosts_status(const struct hosts *h, uint64_t now_ms, struct buf *out)
{
    struct buf line;
    size_t left_out = 0;
    buf_init(&line, 2048);
    list_each(at, &h->all)
    {
        const struct host *host = container_of(at, struct host, link);
        buf_clear(&line);
        (void)buf_printf(&line, "name.%s=", host->name);
        hosts_describe(host, now_ms, &line);
        (void)buf_byte(&line, '\n');
        if (line.bad || buf_len(out) + buf_len(&line) > HOSTS_STATUS_MAX) {
            left_out++;
            continue;
        }
        (void)buf_append(out, buf_view(&line));
    }
    buf_fini(&line);
    if (left_out > 0) {
        (void)buf_printf(out, "names_left_out=%zu\n", left_out);
    }
}
