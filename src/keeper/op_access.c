#include <errno.h>

#include "audit/export.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "policy/decide.h"
#include "store/access.h"

#define DAY_MS (24u * 3600 * 1000)

static const char *outcome_name(uint8_t outcome)
{
    static const char *const NAMES[] = {
        [ACCESS_ALLOWED] = "allowed",
        [ACCESS_DENIED] = "denied",
        [ACCESS_UNAUTHENTICATED] = "unauthenticated",
        [ACCESS_MALFORMED] = "malformed",
        [ACCESS_SOURCE] = "source",
        [ACCESS_LIMIT] = "limit",
        [ACCESS_UPSTREAM] = "upstream",
        [ACCESS_UNAVAILABLE] = "unavailable",
        [ACCESS_OWN] = "own",
    };
    return outcome < countof(NAMES) ? NAMES[outcome] : "unknown";
}

static void format_source(const uint8_t source[16], char out[ADDR_TEXT_SIZE])
{
    struct addr a;
    memcpy(a.byte, source, sizeof(a.byte));
    addr_format(&a, out);
}

/* The reason's number comes from an edge. */
static const char *reason_word(uint8_t reason)
{
    return reason < REASON_COUNT ? reason_name((enum reason)reason) : "unknown";
}

json_t *op_access_json(const struct access_row *row)
{
    const struct access_record *a = &row->record;
    char id[33], source[ADDR_TEXT_SIZE];
    text_hex(id, span_of(a->request_id, sizeof(a->request_id)));
    format_source(a->source, source);
    return json_pack("{s:I,s:o,s:s,s:s,s:i,s:s,s:o,s:o,s:o,s:o,s:o,s:s,s:I,s:I,s:I,s:s}", "seq",
                     (json_int_t)row->seq, "time", json_time_ms(a->wall_ms), "request", id,
                     "outcome", outcome_name(a->outcome), "status", (int)a->status, "source",
                     source, "route", json_text(a->route), "principal", json_text(a->principal),
                     "method", json_text(a->method), "path", json_text(a->path), "rule",
                     json_text(a->rule), "reason", reason_word(a->reason), "duration_ms",
                     (json_int_t)a->duration_ms, "bytes_in", (json_int_t)a->bytes_in, "bytes_out",
                     (json_int_t)a->bytes_out, "stream", access_stream_name(a->stream));
}

static int each_access(void *context, const struct access_row *row)
{
    struct op_rows *rows = context;
    rows->seen++;
    rows->last = row->seq;
    return json_push(rows->items, op_access_json(row));
}

/* false: the call has ended with a problem. */
static bool read_filter(struct call *c, struct access_filter *f, struct addr *source)
{
    const char *from;
    uint64_t denials;
    if (call_query_u64(c, "denials", 1, 0, &denials) < 0) {
        (void)call_problem(c, 400, "denials", "expected 0 or 1");
        return false;
    }
    f->denials = denials == 1;
    if (!op_query_text(c, "route", &f->route) || !op_query_text(c, "user", &f->principal) ||
        !op_query_text(c, "method", &f->method) || !op_query_text(c, "text", &f->text) ||
        !op_query_text(c, "source", &from) || !op_query_time(c, "since", &f->since_ms) ||
        !op_query_time(c, "until", &f->until_ms)) {
        return false;
    }
    if (from != NULL && addr_parse(span_str(from), source) < 0) {
        (void)call_problem(c, 400, "source", "expected an address");
        return false;
    }
    f->source = from != NULL ? source->byte : NULL;
    return true;
}

int op_access_list(struct call *c)
{
    struct page page;
    struct access_filter filter = {0};
    struct addr source;
    if (!op_page(c, &page) || !read_filter(c, &filter, &source)) {
        return 0;
    }
    page.newest_first = true;
    struct op_rows rows = {.call = c, .items = json_array()};
    int r = access_list(c->keeper->store, &filter, &page, each_access, &rows, &rows.next);
    return op_list_done(&rows, r, "records", true);
}

/* ---- export ---- */

static void csv_number(struct buf *out, uint64_t value)
{
    (void)buf_printf(out, ",%llu", (unsigned long long)value);
}

static int csv_line(struct buf *out, const struct access_row *row)
{
    const struct access_record *a = &row->record;
    char id[33], source[ADDR_TEXT_SIZE], when[CLOCK_TEXT_SIZE];
    text_hex(id, span_of(a->request_id, sizeof(a->request_id)));
    format_source(a->source, source);
    clock_format(a->wall_ms, when);
    (void)buf_printf(out, "%llu", (unsigned long long)row->seq);
    const struct span cells[] = {span_str(when),
                                 span_str(outcome_name(a->outcome)),
                                 span_str(source),
                                 a->route,
                                 a->principal,
                                 a->method,
                                 a->path,
                                 a->rule,
                                 span_str(reason_word(a->reason)),
                                 span_str(access_stream_name(a->stream)),
                                 span_str(id)};
    for (size_t i = 0; i < countof(cells); i++) {
        export_csv_cell(out, cells[i]);
    }
    csv_number(out, a->status);
    csv_number(out, a->duration_ms);
    csv_number(out, a->bytes_in);
    csv_number(out, a->bytes_out);
    return out->bad ? FAULT_LIMIT : 0;
}

static int each_exported(void *context, const struct access_row *row)
{
    struct op_export *e = context;
    struct buf line;
    buf_init(&line, 32768);
    json_t *value = e->csv ? NULL : op_access_json(row);
    int r = e->csv ? csv_line(&line, row) : value == NULL ? -ENOMEM : json_write(value, &line);
    json_decref(value);
    r = r < 0 ? r : op_export_line(e, buf_view(&line), row->seq);
    buf_fini(&line);
    return r;
}

int op_access_export(struct call *c)
{
    struct op_export e;
    struct page page = {0};
    struct access_filter filter = {0};
    struct addr source;
    if (!op_export_begin(c, &e) || !read_filter(c, &filter, &source)) {
        return 0;
    }
    uint64_t next = 0;
    int r = 0;
    page.anchor = e.last;
    if (e.csv && page.anchor == 0) {
        r = buf_text(&c->page, "seq,time,outcome,source,route,principal,method,path,rule,reason,"
                               "stream,request,status,duration_ms,bytes_in,bytes_out\r\n");
    }
    r = r < 0 ? r : access_list(c->keeper->store, &filter, &page, each_exported, &e, &next);
    return r < 0 ? r : op_export_done(c, &e, next);
}

static int each_denied(void *context, const struct access_denials *d)
{
    struct op_rows *rows = context;
    char source[ADDR_TEXT_SIZE];
    format_source(d->source, source);
    return json_push(rows->items,
                     json_pack("{s:s,s:I,s:o,s:s,s:o}", "source", source, "count",
                               (json_int_t)d->count, "last", json_time_ms(d->last_ms), "reason",
                               d->last_reason == REASON_ALLOWED ? outcome_name(d->last_outcome)
                                                                : reason_word(d->last_reason),
                               "route", json_text(d->last_route)));
}

int op_access_denied(struct call *c)
{
    struct page page;
    if (!op_page(c, &page)) {
        return 0;
    }
    struct op_rows rows = {.call = c, .items = json_array()};
    int r =
        access_denied_sources(c->keeper->store, c->now_ms - DAY_MS, page.limit, each_denied, &rows);
    return op_list_done(&rows, r, "sources", true);
}
