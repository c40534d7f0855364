#include "keeper/probes.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "keeper/call.h"
#include "keeper/json.h"
#include "keeper/keeper.h"

#define MINUTE_MS 60000u
#define PIN_PREFIX "sha256/"

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

int probes_check(struct span answer)
{
    struct msg_probed m;
    int r = msg_probed_decode(answer, &m);
    if (r == 0 &&
        (m.ok > 1 || m.trusted > 1 || m.matches > 1 ||
         (m.ok != 0 && (m.not_after > INT64_MAX / 1000 || m.not_before > INT64_MAX / 1000)))) {
        r = FAULT_FORMAT;
    }
    return r;
}

json_t *probes_json(int fault, struct span answer)
{
    struct msg_probed m;
    if (fault < 0) {
        return fault_json(fault == FAULT_CLOSED ? "the courier has died"
                                                : "the courier does not answer");
    }
    if (msg_probed_decode(answer, &m) < 0) {
        return NULL;
    }
    return seen_json(&m);
}

/* ---- how many ---- */

static bool refuse(struct call *c, unsigned retry_after, const char *why)
{
    call_reset(c);
    c->retry_after = retry_after;
    (void)call_problem(c, 429, NULL, "%s", why);
    return false;
}

bool probes_admit(struct probes *p, struct call *c, enum msg_type type)
{
    uint64_t now = clock_mono_ms();
    if (calls_asking(c->keeper, type, c) > 0) {
        return refuse(c, 5, "a look of yours is under way; one at a time");
    }
    if (calls_asking(c->keeper, type, NULL) >= PROBES_AT_ONCE) {
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
    p->in_minute++;
    return true;
}
