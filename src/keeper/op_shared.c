#include <errno.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "identity/recovery.h"
#include "identity/session.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "policy/decide.h"
#include "store/credentials.h"

#define LIST_DEFAULT 100u

bool op_page(struct call *c, struct page *page)
{
    uint64_t limit, after;
    if (call_query_u64(c, "limit", STORE_PAGE_MAX, LIST_DEFAULT, &limit) < 0 || limit == 0) {
        (void)call_problem(c, 400, "limit", "expected a number from 1 to %u", STORE_PAGE_MAX);
        return false;
    }
    *page = (struct page){.limit = (uint32_t)limit};
    if (call_query_u64(c, "after", INT64_MAX, 0, &after) < 0) {
        (void)call_problem(c, 400, "after", "expected a number");
        return false;
    }
    page->anchor = after;
    return true;
}

int op_list_done(struct op_rows *rows, int fault, const char *name, bool numbered)
{
    json_t *items = rows->items;
    rows->items = NULL;
    json_t *answer = fault < 0 ? NULL : json_object();
    if (answer == NULL || items == NULL) {
        json_decref(items);
        json_decref(answer);
        return fault < 0 ? fault : -ENOMEM;
    }
    int r = json_put(answer, name, items);
    if (r == 0 && rows->next > 0) {
        r = json_put(answer, "next", json_integer((json_int_t)rows->next));
    } else if (r == 0 && rows->seen >= rows->limit && rows->limit > 0) {
        r = json_put(answer, "next",
                     numbered ? json_integer((json_int_t)rows->last)
                              : json_string(rows->last_name));
    }
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(rows->call, 200, answer);
}

bool op_query_text(struct call *c, const char *key, const char **ret)
{
    struct span text;
    int r = call_query(c, key, &text);
    *ret = NULL;
    if (r == 0 && text.len > 0 && text.len <= 256 && span_find(text, 0) == SIZE_MAX) {
        *ret = arena_string(&c->arena, text);
    } else if (r != FAULT_ABSENT) {
        (void)call_problem(c, 400, key, "expected one text of 1 to 256 bytes");
        return false;
    }
    return true;
}

bool op_query_time(struct call *c, const char *key, uint64_t *ret_ms)
{
    uint64_t seconds;
    if (call_query_u64(c, key, INT64_MAX / 2000, 0, &seconds) < 0) {
        (void)call_problem(c, 400, key, "expected seconds since 1970");
        return false;
    }
    *ret_ms = seconds * 1000;
    return true;
}

const char *op_name(struct call *c, size_t index, const char *what)
{
    struct span param = c->param[index];
    const char *name = text_is_name(param) ? arena_string(&c->arena, param) : NULL;
    if (name == NULL) {
        (void)call_problem(c, 404, NULL, "%s: no such thing", what);
    }
    return name;
}

void op_portal_url(const struct keeper *k, struct buf *out)
{
    if (k->live == NULL) {
        return;
    }
    const struct snapshot *s = live_snapshot(k->live);
    (void)buf_printf(out, "https://%s", s->portal_host);
    if (snapshot_portal_port(s) != 443) {
        (void)buf_printf(out, ":%u", snapshot_portal_port(s));
    }
}

int op_recovery_codes(struct keeper *k, const char *user, uint64_t now, json_t **ret)
{
    uint8_t hashes[RECOVERY_COUNT][STORE_HASH_SIZE];
    json_t *codes = json_array();
    int r = codes == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < RECOVERY_COUNT && r == 0; i++) {
        char code[RECOVERY_CODE_SIZE];
        r = recovery_new(code, hashes[i]);
        r = r < 0 ? r : json_push(codes, json_string(code));
        secret_wipe(code, sizeof(code));
    }
    r = r < 0 ? r
              : credentials_set_recovery(k->store, user, (const uint8_t(*)[STORE_HASH_SIZE])hashes,
                                         RECOVERY_COUNT, now);
    if (r < 0) {
        json_decref(codes);
        return r;
    }
    *ret = codes;
    return 0;
}

static int each_ended(void *context, const uint8_t id[STORE_ID_SIZE])
{
    return call_revoke(context, REVOKE_SESSION, span_of(id, STORE_ID_SIZE));
}

int op_end_session(struct call *c, const uint8_t id[STORE_ID_SIZE])
{
    return sessions_end(c->keeper->store, id, c->now_ms / 1000, each_ended, c);
}

int op_end_user(struct call *c, const char *user)
{
    return sessions_end_user(c->keeper->store, user, c->now_ms / 1000, each_ended, c);
}

json_t *op_session_json(const struct session *s)
{
    char id[2 * STORE_ID_SIZE + 1], parent[2 * STORE_ID_SIZE + 1] = "";
    char source[ADDR_TEXT_SIZE];
    struct addr a;
    text_hex(id, span_of(s->id, sizeof(s->id)));
    if (s->child) {
        text_hex(parent, span_of(s->parent, sizeof(s->parent)));
    }
    memcpy(a.byte, s->source, sizeof(a.byte));
    addr_format(&a, source);
    return json_pack(
        "{s:s,s:o,s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:s,s:o}", "id", id, "parent",
        s->child ? json_string(parent) : json_null(), "user", json_text(span_str(s->user)), "host",
        json_text(span_str(s->host)), "assurance", assurance_name(proven_level(&s->proven)),
        "proven_at", json_time(proven_last(&s->proven)), "created", json_time(s->created),
        "last_seen", json_time(s->last_seen), "idle_until", json_time(session_idle_until(s)),
        "ends_at", json_time(s->ends_at), "source", source, "agent", json_text(span_str(s->agent)));
}

/* ---- exports ---- */

bool op_export_begin(struct call *c, struct op_export *ret)
{
    struct span format;
    int r = call_query(c, "format", &format);
    *ret = (struct op_export){.out = &c->page, .csv = r == 0 && span_is(format, "csv")};
    if ((r < 0 && r != FAULT_ABSENT) || (r == 0 && !ret->csv && !span_is(format, "jsonl"))) {
        (void)call_problem(c, 400, "format", "expected csv or jsonl");
        return false;
    }
    if (call_query_u64(c, "after", INT64_MAX, 0, &ret->last) < 0) {
        (void)call_problem(c, 400, "after", "expected a number");
        return false;
    }
    buf_clear(&c->page);
    return true;
}

int op_export_line(struct op_export *e, struct span line, uint64_t row)
{
    e->full = buf_len(e->out) + line.len + 2 > OP_EXPORT_BYTES;
    if (e->full) {
        return 1;
    }
    int r = buf_append(e->out, line);
    r = r < 0 ? r : buf_text(e->out, e->csv ? "\r\n" : "\n");
    e->last = r == 0 ? row : e->last;
    return r;
}

int op_export_done(struct call *c, const struct op_export *e, uint64_t next)
{
    c->status = 200;
    c->media = e->csv ? "text/csv; charset=utf-8" : "application/jsonl";
    c->export_next = e->full ? e->last : next;
    return c->page.bad ? FAULT_LIMIT : 0;
}

bool op_is_visible(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= 0x20 || text.at[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

const char *op_said(struct call *c, const char *done)
{
    json_decref(c->answer);
    c->answer = NULL;
    return c->status < 400 ? done : arena_string(&c->arena, span_str(c->detail));
}
