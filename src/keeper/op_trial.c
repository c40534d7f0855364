/* Test requests to what is not saved yet, and whether it can be reached around the gateway. */
#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/upstream.h"
#include "http/uri.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/trialhead.h"

/* ---- the question ---- */

/* A host and port over the network. false: the call has ended with a problem. */
static bool read_target(struct call *c, struct upstream_def *u)
{
    struct complaint why = {.hint = ""};
    if (upstream_def_parse(call_string(c, "url"), &c->arena, u, &why) < 0) {
        (void)call_problem(c, 400, "url", "expected %s", why.expected);
        return false;
    }
    if (u->scheme == UPSTREAM_UNIX) {
        (void)call_problem(c, 400, "url", "a socket in the file system is not on the network");
        return false;
    }
    return true;
}

static int send_trial(struct call *c, unsigned slot, const struct msg_trial *question)
{
    struct writer w = writer_into(c->keeper->scratch, MSG_PACKET_MAX);
    msg_trial_encode(&w, question);
    int r = writer_finish(&w);
    return r < 0 ? r : call_ask(c, slot, MSG_TRIAL, span_of(w.at, w.len), PROBES_PATIENCE_MS);
}

/* What an edge would send, without anybody's name: false: the call has ended with a problem. */
static bool write_request(struct call *c, const struct upstream_def *u, struct buf *out)
{
    struct span method = call_member(c, "method") == NULL ? SPAN("GET") : call_string(c, "method");
    struct span path = call_member(c, "path") == NULL ? SPAN("/") : call_string(c, "path");
    struct span host = call_string(c, "host"), canonical;
    const char *why;
    if (path.len == 0 || path.at[0] != '/' ||
        uri_canonical(span_sub(path, 0, span_find(path, '?')), &c->arena, &canonical, &why) < 0 ||
        !op_is_visible(path)) {
        (void)call_problem(c, 400, "path", "expected the path of an address, as /a/b?c=d");
        return false;
    }
    if (host.len > 0 && !op_is_visible(host)) {
        (void)call_problem(c, 400, "host", "expected HOST or HOST:PORT");
        return false;
    }
    (void)buf_printf(out, "%.*s %.*s HTTP/1.1\r\nHost: ", SPAN_FMT(method), SPAN_FMT(path));
    if (host.len > 0) {
        (void)buf_append(out, host);
    } else {
        bool six = strchr(u->host, ':') != NULL;
        (void)buf_printf(out, "%s%s%s:%u", six ? "[" : "", u->host, six ? "]" : "", u->port);
    }
    (void)buf_text(out, "\r\nUser-Agent: postern\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    if (out->bad) {
        (void)call_problem(c, 400, "path", "this request is longer than a test needs");
    }
    return !out->bad;
}

/* "sha256/BASE64". false: the call has ended with a problem. */
static bool read_pin(struct call *c, struct msg_trial *q)
{
    struct span pin = call_string(c, "pin");
    if (call_member(c, "pin") == NULL) {
        return true;
    }
    q->pinned = 1;
    if (!span_starts(pin, SPAN("sha256/")) ||
        text_unb64(span_sub(pin, 7, SIZE_MAX), q->pin, sizeof(q->pin)) != sizeof(q->pin) ||
        q->tls == 0) {
        (void)call_problem(c, 400, "pin", "expected sha256/ and the Base64 of a hash, with https");
        return false;
    }
    return true;
}

static int ask_request(struct call *c, const struct upstream_def *u)
{
    struct buf request;
    struct addr a;
    struct span host = span_str(u->host), sni = host;
    if (call_member(c, "sni") != NULL) {
        sni = call_string(c, "sni");
    }
    struct msg_trial q = {.patience_ms = PROBES_TRIAL_MS,
                          .host = host,
                          .port = u->port,
                          .tls = u->scheme == UPSTREAM_HTTPS,
                          .sni = addr_parse(sni, &a) == 0 ? SPAN_NONE : sni};
    if (!read_pin(c, &q)) {
        return 0;
    }
    buf_init(&request, 4096);
    int r = 0;
    if (write_request(c, u, &request) && probes_admit(&c->keeper->probes, c, MSG_TRIAL)) {
        q.request = buf_view(&request);
        r = send_trial(c, 0, &q);
    }
    buf_fini(&request);
    return r;
}

/* ---- the answer ---- */

/* Answers, unless r is a fault, with a record of what was looked at and how. Takes the answer. */
static int recorded(struct call *c, int r, const char *how, json_t *answer)
{
    r = r < 0 ? r
              : call_audit(c, AUDIT_UPSTREAM_PROBED, call_string(c, "url"),
                           json_pack("{s:s}", "how", how));
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}

static json_t *address_json(const uint8_t byte[16])
{
    static const uint8_t NONE[16];
    char text[ADDR_TEXT_SIZE];
    struct addr a;
    if (memcmp(byte, NONE, sizeof(NONE)) == 0) {
        return json_null();
    }
    memcpy(a.byte, byte, sizeof(a.byte));
    addr_format(&a, text);
    return json_string(text);
}

/* false: the call has ended, or will when the courier is back. */
static bool read_tried(struct call *c, unsigned slot, struct msg_tried *m)
{
    const struct call_errand *e = call_told(c, slot);
    if (e->fault < 0 || msg_tried_decode(buf_view(&e->answer), m) < 0 || m->result > TRIED_LATE) {
        c->retry_after = 1;
        (void)call_problem(c, 503, NULL,
                           e->fault == FAULT_BUSY ? "the courier is busy; try again"
                                                  : "the courier does not answer; try again");
        return false;
    }
    return true;
}

static int add_response(struct call *c, json_t *answer, const struct msg_tried *m)
{
    unsigned status = 0;
    json_t *headers = NULL;
    const char *why;
    int r = trialhead_read(m->head, &c->arena, &status, &headers, &why);
    if (r == FAULT_FORMAT) {
        return json_put(answer, "fault", json_string(why));
    }
    r = r < 0 ? r : json_put(answer, "status", json_integer((json_int_t)status));
    return r < 0 ? r : json_put(answer, "headers", headers);
}

int op_trial_request(struct call *c)
{
    struct upstream_def u;
    struct msg_tried m;
    if (!read_target(c, &u)) {
        return 0;
    }
    if (call_told(c, 0) == NULL) {
        return ask_request(c, &u);
    }
    if (!read_tried(c, 0, &m)) {
        return 0;
    }
    json_t *answer = json_pack(
        "{s:o,s:o,s:o,s:o,s:I,s:I,s:n,s:[]}", "url", json_text(call_string(c, "url")), "fault",
        m.result == TRIED_OK ? json_null() : json_text(m.text), "address", address_json(m.address),
        "from", address_json(m.local), "connect_ms", (json_int_t)m.connect_ms, "answer_ms",
        (json_int_t)m.answer_ms, "status", "headers");
    int r = answer == NULL                           ? -ENOMEM
            : m.result == TRIED_OK && m.head.len > 0 ? add_response(c, answer, &m)
                                                     : 0;
    return recorded(c, r, "test request", answer);
}

/* ---- around the gateway ---- */

#define PLACES_MAX (CALL_ERRANDS_MAX - 1)

struct places {
    struct span at[PLACES_MAX];
    size_t count;
};

static bool is_loopback(const struct addr *a)
{
    static const struct addr six = {{[15] = 1}};
    return addr_is_v4(a) ? a->byte[12] == 127 : addr_eq(a, &six);
}

static void add_place(struct places *p, struct span text)
{
    for (size_t i = 0; i < p->count; i++) {
        if (span_eq(p->at[i], text)) {
            return;
        }
    }
    if (p->count < PLACES_MAX) {
        p->at[p->count++] = text;
    }
}

/* Where else the target might listen: what the caller names, and of a target on this machine the
 * addresses that the gateway itself listens at. false: the call has ended with a problem. */
static bool find_places(struct call *c, bool here, struct places *p)
{
    const json_t *named = call_member(c, "addresses");
    const struct snapshot *s = live_snapshot(c->keeper->live);
    size_t i;
    json_t *one;
    struct addr a;
    *p = (struct places){.count = 0};
    json_array_foreach(named, i, one)
    {
        if (i >= PLACES_MAX || addr_parse(json_span(one), &a) < 0) {
            (void)call_problem(c, 400, "addresses", "expected at most %u addresses", PLACES_MAX);
            return false;
        }
        add_place(p, json_span(one));
    }
    for (i = 0; here && i < s->listener_count; i++) {
        static const struct addr any4 = {{[10] = 0xff, [11] = 0xff}}, any6 = {{0}};
        const struct addr *at = &s->listeners[i].addr;
        char *text = arena_alloc(&c->arena, ADDR_TEXT_SIZE);
        if (is_loopback(at) || addr_eq(at, &any4) || addr_eq(at, &any6) || text == NULL) {
            continue;
        }
        addr_format(at, text);
        add_place(p, span_str(text));
    }
    return true;
}

/* The first question without an answer goes out; true: all have one. */
static bool ask_places(struct call *c, const struct upstream_def *u, const struct places *p,
                       int *fault)
{
    for (unsigned i = 0; i <= p->count; i++) {
        struct msg_trial q = {.patience_ms = (uint32_t)(PROBES_TRIAL_MS / (p->count + 1)),
                              .host = i == 0 ? span_str(u->host) : p->at[i - 1],
                              .port = u->port};
        if (call_told(c, i) == NULL) {
            *fault =
                i > 0 || probes_admit(&c->keeper->probes, c, MSG_TRIAL) ? send_trial(c, i, &q) : 0;
            return false;
        }
    }
    return true;
}

static void write_rules(struct buf *out, bool here, const struct msg_tried *m, uint16_t port)
{
    struct addr from;
    char text[ADDR_TEXT_SIZE];
    memcpy(from.byte, m->local, sizeof(from.byte));
    addr_format(&from, text);
    (void)buf_text(out, "table inet postern_guard {\n  chain input {\n"
                        "    type filter hook input priority -10; policy accept;\n");
    if (here) {
        (void)buf_printf(out, "    iifname \"lo\" tcp dport %u accept\n", port);
    } else {
        (void)buf_printf(out, "    %s saddr %s tcp dport %u accept\n",
                         addr_is_v4(&from) ? "ip" : "ip6", text, port);
    }
    (void)buf_printf(out, "    tcp dport %u drop\n  }\n}\n", port);
}

static json_t *elsewhere_json(struct call *c, const struct upstream_def *u, const struct places *p,
                              bool here)
{
    const char *scheme = u->scheme == UPSTREAM_HTTPS ? "https" : "http";
    json_t *list = json_array();
    size_t count = here ? p->count : 1;
    for (size_t i = 0; i < count || (count == 0 && i == 0); i++) {
        const char *host = count == 0 ? "ADDRESS-OF-THIS-MACHINE"
                           : here     ? arena_string(&c->arena, p->at[i])
                                      : u->host;
        bool six = host != NULL && strchr(host, ':') != NULL;
        const char *line =
            host == NULL ? NULL
                         : arena_printf(&c->arena,
                                        "curl -sk -m 5 -o /dev/null -w '%%{http_code}\\n' "
                                        "%s://%s%s%s:%u/",
                                        scheme, six ? "[" : "", host, six ? "]" : "", u->port);
        if (line == NULL || json_push(list, json_string(line)) < 0) {
            json_release(&list);
            break;
        }
    }
    return list;
}

static int answer_exposure(struct call *c, const struct upstream_def *u, const struct places *p,
                           const struct msg_tried *target, bool here)
{
    struct msg_tried m;
    bool open = false;
    json_t *checks = json_array();
    int r = checks == NULL ? -ENOMEM : 0;
    for (unsigned i = 0; i < p->count && r == 0; i++) {
        if (!read_tried(c, i + 1, &m)) {
            json_decref(checks);
            return 0;
        }
        open = open || m.result == TRIED_OK;
        r = json_push(checks, json_pack("{s:o,s:b,s:o}", "address", json_text(p->at[i]), "reached",
                                        m.result == TRIED_OK, "text", json_text(m.text)));
    }
    struct buf rules;
    buf_init(&rules, 1024);
    write_rules(&rules, here, target, u->port);
    json_t *answer = json_pack(
        "{s:o,s:o,s:b,s:o,s:s,s:o,s:o,s:o}", "url", json_text(call_string(c, "url")), "address",
        address_json(target->address), "loopback", here, "checks", checks, "verdict",
        open                   ? "open"
        : here && p->count > 0 ? "closed"
                               : "unknown",
        "nftables", json_text(buf_view(&rules)), "where",
        json_string(here ? "on this machine" : "on the machine of the console"), "elsewhere",
        elsewhere_json(c, u, p, here));
    buf_fini(&rules);
    return recorded(c, answer == NULL ? -ENOMEM : r, "exposure", answer);
}

int op_trial_exposure(struct call *c)
{
    struct upstream_def u;
    struct places places = {.count = 0};
    struct msg_tried target;
    int fault = 0;
    if (c->keeper->live == NULL) {
        return call_problem(c, 503, NULL, "no configuration is in force yet");
    }
    if (!read_target(c, &u)) {
        return 0;
    }
    if (call_told(c, 0) == NULL && !find_places(c, false, &places)) {
        return 0;
    }
    places.count = 0;
    if (!ask_places(c, &u, &places, &fault)) {
        return fault;
    }
    if (!read_tried(c, 0, &target)) {
        return 0;
    }
    if (target.result != TRIED_OK) {
        return call_problem(c, 409, "url", "the target itself cannot be reached: %.*s",
                            SPAN_FMT(span_sub(target.text, 0, 300)));
    }
    struct addr a;
    memcpy(a.byte, target.address, sizeof(a.byte));
    bool here = is_loopback(&a);
    if (!find_places(c, here, &places)) {
        return 0;
    }
    if (!ask_places(c, &u, &places, &fault)) {
        return fault;
    }
    return answer_exposure(c, &u, &places, &target, here);
}
