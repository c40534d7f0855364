#include "keeper/probes.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "keeper/call.h"
#include "keeper/courier.h"
#include "keeper/json.h"
#include "keeper/keeper.h"

#define MINUTE_MS 60000u
#define PIN_PREFIX "sha256/"

struct open_probe {
    struct list link;
    struct reply *reply;
    uint32_t serial;
    uint64_t until_ms;
};

void probes_init(struct probes *p)
{
    *p = (struct probes){.count = 0};
    list_init(&p->open);
}

static void on_timer(uv_timer_t *timer);

int probes_start(struct probes *p, struct keeper *k)
{
    int r = uv_timer_init(&k->loop, &p->timer);
    if (r == 0) {
        p->timer.data = p;
        p->keeper = k;
    }
    return r;
}

void probes_stop(struct probes *p)
{
    if (p->keeper == NULL) {
        return;
    }
    list_each_safe(at, &p->open)
    {
        struct open_probe *o = container_of(at, struct open_probe, link);
        list_remove(at);
        reply_free(o->reply);
        free(o);
    }
    uv_close((uv_handle_t *)&p->timer, NULL);
    p->keeper = NULL;
}

/* ---- what was seen, as JSON ---- */

static json_t *fault_json(const char *why)
{
    return json_pack("{s:s}", "fault", why);
}

static json_t *certificate_json(const struct msg_probed *m)
{
    char pin[sizeof(PIN_PREFIX) + 44], hex[65];
    memcpy(pin, PIN_PREFIX, sizeof(PIN_PREFIX));
    text_b64(pin + sizeof(PIN_PREFIX) - 1, span_of(m->spki, sizeof(m->spki)));
    text_hex(hex, span_of(m->certificate, sizeof(m->certificate)));
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:s,s:s}", "subject", json_text(m->subject), "issuer",
                     json_text(m->issuer), "names", json_lines(m->names), "not_before",
                     json_time(m->not_before), "not_after", json_time(m->not_after), "pin", pin,
                     "sha256", hex);
}

static json_t *text_or_null(struct span text)
{
    return text.len == 0 ? json_null() : json_text(text);
}

static json_t *seen_json(const struct msg_probed *m)
{
    struct addr address;
    char where[ADDR_TEXT_SIZE];
    if (m->ok == 0) {
        return json_pack("{s:o}", "fault", json_text(m->text));
    }
    memcpy(address.byte, m->address, sizeof(address.byte));
    addr_format(&address, where);
    return json_pack("{s:n,s:s,s:o,s:o,s:b,s:o,s:b,s:o}", "fault", "address", where, "protocol",
                     json_text(m->protocol), "certificate", certificate_json(m), "trusted",
                     m->trusted != 0, "distrust", text_or_null(m->trust), "matches",
                     m->matches != 0, "note", text_or_null(m->text));
}

/* ---- the way of one ---- */

static void finish(struct probes *p, struct open_probe *o, json_t *seen)
{
    struct reply *reply = o->reply;
    list_remove(&o->link);
    p->count--;
    free(o);
    reply->call->probed = seen != NULL ? seen : fault_json("out of memory");
    call_begin(p->keeper, reply);
}

static bool refuse(struct call *c, unsigned retry_after, const char *why)
{
    call_reset(c);
    c->retry_after = retry_after;
    (void)call_problem(c, 429, NULL, "%s", why);
    return false;
}

/* The host itself counts as one caller. */
static bool same_caller(const struct call *a, const struct call *b)
{
    return a->actor.kind == b->actor.kind && strcmp(a->actor.text, b->actor.text) == 0;
}

static bool may_begin(struct probes *p, struct call *c, uint64_t now)
{
    list_each(at, &p->open)
    {
        if (same_caller(container_of(at, struct open_probe, link)->reply->call, c)) {
            return refuse(c, 5, "a look of yours is under way; one at a time");
        }
    }
    if (p->count >= PROBES_AT_ONCE) {
        return refuse(c, 5, "others are looking; try again");
    }
    if (p->minute_ms == 0 || now - p->minute_ms >= MINUTE_MS) {
        p->minute_ms = now;
        p->in_minute = 0;
    }
    if (p->in_minute >= PROBES_PER_MINUTE) {
        return refuse(c, (unsigned)((p->minute_ms + MINUTE_MS - now) / 1000 + 1),
                      "too many looks in one minute");
    }
    return true;
}

bool probes_begin(struct probes *p, struct keeper *k, struct reply *r)
{
    uint64_t now = clock_mono_ms();
    struct call *c = r->call;
    if (!may_begin(p, c, now)) {
        return false;
    }
    struct open_probe *o = p->keeper == NULL ? NULL : calloc(1, sizeof(*o));
    uint32_t serial = o == NULL ? 0 : courier_probe(k, &c->probe);
    if (serial == 0) {
        free(o);
        call_reset(c);
        c->retry_after = 1;
        (void)call_problem(c, 503, NULL, "the courier is not running; try again");
        return false;
    }
    p->in_minute++;
    p->count++;
    o->reply = r;
    o->serial = serial;
    o->until_ms = now + PROBES_PATIENCE_MS;
    list_push(&p->open, &o->link);
    (void)uv_timer_start(&p->timer, on_timer, PROBES_PATIENCE_MS, 1000);
    return true;
}

int probes_answer(struct probes *p, uint32_t serial, const struct msg_probed *m)
{
    if (m->ok > 1 || m->trusted > 1 || m->matches > 1 ||
        (m->ok != 0 && m->not_after > INT64_MAX / 1000) ||
        (m->ok != 0 && m->not_before > INT64_MAX / 1000)) {
        return FAULT_FORMAT;
    }
    list_each(at, &p->open)
    {
        struct open_probe *o = container_of(at, struct open_probe, link);
        if (o->serial == serial) {
            finish(p, o, seen_json(m));
            return 0;
        }
    }
    return 0;
}

static void give_up(struct probes *p, uint64_t until, const char *why)
{
    /* Each end may begin another: always the first that is late. */
    for (bool found = true; found;) {
        found = false;
        list_each(at, &p->open)
        {
            struct open_probe *o = container_of(at, struct open_probe, link);
            if (o->until_ms <= until) {
                finish(p, o, fault_json(why));
                found = true;
                break;
            }
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct probes *p = timer->data;
    give_up(p, clock_mono_ms(), "the courier does not answer");
    if (list_empty(&p->open)) {
        (void)uv_timer_stop(timer);
    }
}

void probes_unanswered(struct probes *p)
{
    if (p->keeper != NULL && !p->keeper->stopping) {
        give_up(p, UINT64_MAX, "the courier has died");
    }
}
