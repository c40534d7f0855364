#include "keeper/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "http/uri.h"
#include "keeper/change.h"
#include "keeper/html.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/operation.h"
#include "keeper/stepup.h"

#define CALL_MEMORY_MAX (1024u * 1024)

struct call *call_new(struct keeper *k, const struct call_input *in)
{
    struct call *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->keeper = k;
    c->arrived_ms = clock_mono_ms();
    arena_init(&c->arena, 4096, CALL_MEMORY_MAX + in->body.len);
    list_init(&c->revokes);
    buf_init(&c->page, HTML_PAGE_MAX);
    c->page.wipe = true;
    c->in = *in;
    struct span *copies[] = {
        &c->in.token,       &c->in.host,           &c->in.method,      &c->in.path,
        &c->in.query,       &c->in.type,           &c->in.body,        &c->in.request_id,
        &c->in.enrol.code,  &c->in.enrol.password, &c->in.enrol.again, &c->in.enrol.totp,
        &c->in.sso,         &c->in.flow,           &c->in.agent,       &c->in.interface,
        &c->in.certificate, &c->in.fingerprint,    &c->in.if_match,    &c->in.repeat};
    for (size_t i = 0; i < countof(copies); i++) {
        if (copies[i]->len == 0) {
            *copies[i] = SPAN_NONE;
            continue;
        }
        *copies[i] = arena_copy(&c->arena, *copies[i]);
        if (copies[i]->at == NULL) {
            call_free(c);
            return NULL;
        }
    }
    return c;
}

static void wipe_copy(struct call *c, struct span copy)
{
    (void)c;
    if (copy.len > 0) {
        /* Our own copy in the arena: the span only borrows it as constant. */
        secret_wipe((void *)(uintptr_t)copy.at, copy.len);
    }
}

void call_free(struct call *c)
{
    if (c == NULL) {
        return;
    }
    call_reset(c);
    for (size_t i = 0; i < CALL_ERRANDS_MAX; i++) {
        buf_fini(&c->errand[i].question);
        buf_fini(&c->errand[i].answer);
    }
    secret_fini(&c->password);
    wipe_copy(c, c->in.token);
    wipe_copy(c, c->in.body);
    wipe_copy(c, c->in.enrol.code);
    wipe_copy(c, c->in.enrol.password);
    wipe_copy(c, c->in.enrol.again);
    wipe_copy(c, c->in.sso);
    wipe_copy(c, c->in.flow);
    secret_wipe(c->hash, sizeof(c->hash));
    secret_wipe(c->against, sizeof(c->against));
    buf_fini(&c->page);
    arena_fini(&c->arena);
    free(c);
}

void call_drop_revokes(struct call *c)
{
    list_init(&c->revokes);
}

void call_reset(struct call *c)
{
    json_decref(c->body);
    json_decref(c->answer);
    c->body = c->answer = NULL;
    c->need = CALL_ANSWER;
    c->status = 0;
    c->location = c->away = NULL;
    c->set_sso = c->set_console = c->set_flow = SPAN_NONE;
    c->at_deadline = false;
    c->second = NULL;
    c->needs.level = ASSURANCE_NONE;
    c->detail[0] = c->field[0] = '\0';
    c->etag[0] = c->allow[0] = '\0';
    c->retry_after = 0;
    c->topics = 0;
    c->media = NULL;
    c->export_next = 0;
    c->keep = false;
    buf_clear(&c->page);
    call_drop_revokes(c);
    change_free(c->change);
    c->change = NULL;
}

int call_problem(struct call *c, unsigned status, const char *field, const char *fmt, ...)
{
    json_decref(c->answer);
    c->answer = NULL;
    c->status = status;
    c->topics = 0;
    c->location = c->away = NULL;
    (void)snprintf(c->field, sizeof(c->field), "%s", field == NULL ? "" : field);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(c->detail, sizeof(c->detail), fmt, args);
    va_end(args);
    return 0;
}

int call_fault(struct call *c, int fault, const char *what)
{
    static const struct {
        int fault;
        unsigned status;
    } MEANINGS[] = {
        {FAULT_ABSENT, 404}, {FAULT_EXISTS, 409}, {FAULT_CONFLICT, 409}, {FAULT_DENIED, 403},
        {FAULT_FORMAT, 400}, {FAULT_STALE, 410},  {FAULT_LIMIT, 422},
    };
    for (size_t i = 0; i < countof(MEANINGS); i++) {
        if (MEANINGS[i].fault == fault) {
            return call_problem(c, MEANINGS[i].status, NULL, "%s: %s", what, fault_text(fault));
        }
    }
    return fault;
}

int call_answer(struct call *c, unsigned status, json_t *answer)
{
    if (answer == NULL) {
        return -ENOMEM;
    }
    json_decref(c->answer);
    c->answer = answer;
    c->status = status;
    return 0;
}

int call_revoke(struct call *c, enum revoke_kind kind, struct span id)
{
    struct call_revoke *r = arena_alloc(&c->arena, sizeof(*r));
    if (r == NULL) {
        return -ENOMEM;
    }
    r->kind = kind;
    r->id = arena_copy(&c->arena, id);
    if (r->id.at == NULL && id.len > 0) {
        return -ENOMEM;
    }
    list_push(&c->revokes, &r->link);
    return 0;
}

static int to_pool(struct call *c, struct span password)
{
    secret_fini(&c->password);
    int r = secret_init(&c->password, password.len == 0 ? 1 : password.len);
    if (r < 0) {
        return r;
    }
    memcpy(c->password.at, password.at, password.len);
    c->password.len = password.len;
    c->need = CALL_HASH;
    return 0;
}

int call_hash(struct call *c, struct span password)
{
    c->comparing = false;
    return to_pool(c, password);
}

int call_compare(struct call *c, struct span password, const char *hash)
{
    c->comparing = true;
    (void)snprintf(c->against, sizeof(c->against), "%s", hash);
    return to_pool(c, password);
}

int call_ask(struct call *c, unsigned slot, enum msg_type type, struct span payload,
             uint32_t patience_ms)
{
    struct call_errand *e = &c->errand[slot];
    e->type = type;
    e->patience_ms = patience_ms;
    buf_init(&e->question, MSG_PACKET_MAX);
    buf_init(&e->answer, MSG_PACKET_MAX);
    e->question.wipe = e->answer.wipe = true;
    c->need = CALL_ERRAND;
    c->asking = slot;
    return buf_append(&e->question, payload);
}

const struct call_errand *call_told(const struct call *c, unsigned slot)
{
    return c->errand[slot].told ? &c->errand[slot] : NULL;
}

const json_t *call_member(const struct call *c, const char *name)
{
    return c->body == NULL ? NULL : json_object_get(c->body, name);
}

struct span call_string(const struct call *c, const char *name)
{
    return json_span(call_member(c, name));
}

bool call_flag(const struct call *c, const char *name)
{
    return json_is_true(call_member(c, name));
}

int call_lines(struct call *c, const char *name, size_t max, struct span *ret)
{
    const json_t *list = call_member(c, name);
    struct buf lines;
    buf_init(&lines, max);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct span item = json_span(json_array_get(list, i));
        if (item.len == 0 || memchr(item.at, '\n', item.len) != NULL) {
            buf_fini(&lines);
            return FAULT_FORMAT;
        }
        if (buf_len(&lines) > 0) {
            (void)buf_byte(&lines, '\n');
        }
        (void)buf_append(&lines, item);
    }
    int r = lines.bad ? FAULT_LIMIT : 0;
    if (r == 0) {
        *ret = arena_copy(&c->arena, buf_view(&lines));
        r = ret->at == NULL && buf_len(&lines) > 0 ? -ENOMEM : 0;
    }
    buf_fini(&lines);
    return r;
}

int call_form(struct call *c, const char *name, struct span *ret)
{
    int r = uri_form_value(c->in.body, name, &c->arena, ret);
    if (r == FAULT_ABSENT) {
        *ret = SPAN_NONE;
        return 0;
    }
    return r;
}

int call_redirect(struct call *c, const char *location)
{
    c->status = 303;
    c->location = location;
    return location == NULL ? -ENOMEM : 0;
}

int call_query(struct call *c, const char *key, struct span *ret)
{
    return uri_form_value(c->in.query, key, &c->arena, ret);
}

int call_query_u64(struct call *c, const char *key, uint64_t max, uint64_t fallback, uint64_t *ret)
{
    struct span text;
    int r = call_query(c, key, &text);
    if (r == FAULT_ABSENT) {
        *ret = fallback;
        return 0;
    }
    return r < 0 ? r : text_u64(text, max, ret);
}

/* ---- audit ---- */

int call_audit(struct call *c, enum audit_event event, struct span target, json_t *detail)
{
    static const enum audit_actor ACTORS[] = {
        [CREDENTIAL_NONE] = AUDIT_NOBODY,  [CREDENTIAL_CONSOLE] = AUDIT_PERSON,
        [CREDENTIAL_CHILD] = AUDIT_PERSON, [CREDENTIAL_TOKEN] = AUDIT_TOKEN,
        [CREDENTIAL_SSO] = AUDIT_PERSON,   [CREDENTIAL_HOST] = AUDIT_HOST,
    };
    struct buf text;
    buf_init(&text, 65536);
    int r = 0;
    if (c->second != NULL) {
        detail = detail == NULL ? json_object() : detail;
        r = json_put(detail, "approved_by", json_text(span_str(c->second)));
    }
    r = r < 0 || detail == NULL ? r : json_write(detail, &text);
    json_decref(detail);
    if (r == 0) {
        struct audit_draft draft = {
            .event = event,
            .actor_kind = c->actor.text == NULL ? AUDIT_NOBODY
                          : c->actor.emergency  ? AUDIT_EMERGENCY
                                                : ACTORS[c->actor.kind],
            .actor = span_str(c->actor.text),
            .source = c->in.kind == CREDENTIAL_HOST ? NULL : c->in.source.byte,
            .target = target,
            .request_id = c->in.request_id,
            .detail = buf_view(&text),
        };
        r = keeper_record(c->keeper, &draft);
    }
    buf_fini(&text);
    return r;
}

/* ---- the answer as bytes ---- */

static const char *status_title(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } TITLES[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < countof(TITLES); i++) {
        if (TITLES[i].status == status) {
            return TITLES[i].title;
        }
    }
    return "Error";
}

/* RFC 9457. */
static json_t *problem(const struct call *c)
{
    json_t *p = json_pack("{s:s,s:s,s:i}", "type", "about:blank", "title", status_title(c->status),
                          "status", (int)c->status);
    if (p != NULL &&
        (json_put(p, "detail", json_text(span_str(c->detail))) < 0 ||
         (c->field[0] != '\0' && json_put(p, "field", json_text(span_str(c->field))) < 0))) {
        json_decref(p);
        return NULL;
    }
    if (p != NULL && c->in.request_id.len > 0) {
        char instance[96];
        (void)snprintf(instance, sizeof(instance), "urn:postern:request:%.*s",
                       SPAN_FMT(span_sub(c->in.request_id, 0, 64)));
        if (json_put(p, "instance", json_text(span_str(instance))) < 0) {
            json_decref(p);
            return NULL;
        }
    }
    if (p != NULL && c->needs.level != ASSURANCE_NONE &&
        (json_put(p, "type", json_string(STEPUP_PROBLEM)) < 0 ||
         json_put(p, "assurance", json_string(assurance_name(c->needs.level))) < 0 ||
         json_put(p, "max_age", json_integer(c->needs.max_age)) < 0 ||
         json_put(p, "prove", json_string(c->needs.prove)) < 0)) {
        json_decref(p);
        return NULL;
    }
    return p;
}

static void problem_page(struct call *c)
{
    buf_clear(&c->page);
    html_open(&c->page, status_title(c->status), SPAN_NONE);
    html_raw(&c->page, "<section class=\"card\"><p class=\"error\">");
    html_str(&c->page, c->detail);
    html_raw(&c->page, "</p>");
    if (c->in.request_id.len > 0) {
        html_raw(&c->page, "<p class=\"muted\">Request ");
        html_text(&c->page, c->in.request_id);
        html_raw(&c->page, "</p>");
    }
    if (c->needs.level != ASSURANCE_NONE) {
        html_raw(&c->page, "<p><a class=\"button\" href=\"");
        html_str(&c->page, c->needs.prove);
        html_raw(&c->page, "\">Prove who you are</a></p>");
    }
    html_raw(&c->page, "<p><a href=\"/\">Back to the console</a></p></section>");
    html_close(&c->page);
}

/* On the control socket every answer is JSON. */
static int render_media(struct call *c, struct buf *out, const char **type)
{
    *type = c->media;
    if (c->in.kind != CREDENTIAL_HOST) {
        return c->page.bad ? FAULT_LIMIT : buf_append(out, buf_view(&c->page));
    }
    json_t *value = json_pack("{s:s,s:o}", "type", c->media, "text", json_text(buf_view(&c->page)));
    if (value != NULL && c->export_next != 0 &&
        json_put(value, "next", json_integer((json_int_t)c->export_next)) < 0) {
        json_release(&value);
    }
    int r = value == NULL ? -ENOMEM : json_write(value, out);
    json_decref(value);
    return r;
}

int call_render(struct call *c, struct buf *out, const char **type)
{
    bool page = c->op != NULL
                    ? (c->op->flags & OPERATION_PAGE) != 0
                    : !span_starts(c->in.path, SPAN("/api/")) && c->in.kind != CREDENTIAL_HOST;
    bool bad = c->status >= 400;
    if (page) {
        if (bad && buf_len(&c->page) == 0) {
            problem_page(c);
        }
        *type = "text/html; charset=utf-8";
        return c->page.bad ? FAULT_LIMIT : buf_append(out, buf_view(&c->page));
    }
    if (c->media != NULL && !bad) {
        return render_media(c, out, type);
    }
    *type = bad ? "application/problem+json" : "application/json";
    json_t *value = bad ? problem(c) : json_incref(c->answer);
    if (value == NULL) {
        *type = "";
        return bad ? -ENOMEM : 0;
    }
    int r = json_write(value, out);
    json_decref(value);
    return r;
}
