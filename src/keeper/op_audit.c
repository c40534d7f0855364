#include <errno.h>

#include "audit/export.h"
#include "audit/verify.h"
#include "base/fault.h"
#include "base/text.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

static int each_record(void *context, const struct record *record)
{
    struct op_rows *rows = context;
    rows->seen++;
    rows->last = record->seq;
    struct buf text;
    buf_init(&text, 65536);
    int r = export_json(&text, record);
    struct span view = buf_view(&text);
    json_t *value = r < 0 ? NULL : json_loadb((const char *)view.at, view.len, 0, NULL);
    buf_fini(&text);
    return r < 0 ? r : json_push(rows->items, value);
}

int op_audit_list(struct call *c)
{
    struct page page;
    struct trail_filter filter = {0};
    const char *order;
    if (!op_page(c, &page) || !op_query_text(c, "event", &filter.event) ||
        !op_query_text(c, "actor", &filter.actor) || !op_query_text(c, "target", &filter.target) ||
        !op_query_text(c, "order", &order) || !op_query_text(c, "text", &filter.text) ||
        !op_query_time(c, "since", &filter.since_ms) ||
        !op_query_time(c, "until", &filter.until_ms)) {
        return 0;
    }
    page.newest_first = order != NULL && strcmp(order, "newest") == 0;
    struct op_rows rows = {.call = c, .items = json_array()};
    int r = trail_search(c->keeper->store, &filter, &page, each_record, &rows, &rows.next);
    return op_list_done(&rows, r, "records", true);
}

/* ---- export ---- */

static int each_exported(void *context, const struct record *record)
{
    struct op_export *e = context;
    struct buf line;
    buf_init(&line, 65536);
    int r = e->csv ? export_csv(&line, record) : export_json(&line, record);
    r = r < 0 ? r : op_export_line(e, buf_view(&line), record->seq);
    buf_fini(&line);
    return r;
}

int op_audit_export(struct call *c)
{
    struct op_export e;
    struct trail_filter filter = {0};
    struct page page = {0};
    if (!op_export_begin(c, &e) || !op_query_text(c, "event", &filter.event) ||
        !op_query_text(c, "actor", &filter.actor) || !op_query_text(c, "target", &filter.target) ||
        !op_query_text(c, "text", &filter.text) || !op_query_time(c, "since", &filter.since_ms) ||
        !op_query_time(c, "until", &filter.until_ms)) {
        return 0;
    }
    page.anchor = e.last;
    bool first = page.anchor == 0;
    uint64_t next = 0;
    int r = 0;
    if (e.csv && first) {
        r = export_csv_heading(&c->page);
        r = r < 0 ? r : buf_text(&c->page, "\r\n");
    }
    r = r < 0 ? r : trail_search(c->keeper->store, &filter, &page, each_exported, &e, &next);
    if (r >= 0 && first) {
        json_t *detail = json_pack("{s:s}", "format", e.csv ? "csv" : "jsonl");
        r = detail == NULL ? -ENOMEM : call_audit(c, AUDIT_AUDIT_EXPORTED, SPAN_NONE, detail);
    }
    return r < 0 ? r : op_export_done(c, &e, next);
}

static json_t *report_json(const struct verify_report *report)
{
    char hash[2 * STORE_HASH_SIZE + 1];
    struct buf text;
    text_hex(hash, span_of(report->hash, sizeof(report->hash)));
    buf_init(&text, 1024);
    json_t *answer =
        verify_text(report, &text) < 0
            ? NULL
            : json_pack(
                  "{s:b,s:s,s:I,s:I,s:I,s:I,s:s,s:o}", "intact", report->finding == VERIFY_INTACT,
                  "finding", verify_finding_name(report->finding), "seq", (json_int_t)report->seq,
                  "first", (json_int_t)report->first, "count", (json_int_t)report->count, "lag",
                  (json_int_t)report->lag, "hash", hash, "text", json_text(buf_view(&text)));
    buf_fini(&text);
    return answer;
}

static json_t *progress_json(const struct verification *v)
{
    json_int_t done = (json_int_t)atomic_load(&v->done);
    return json_pack("{s:b,s:s,s:I,s:I,s:I,s:s,s:s,s:b,s:I,s:I}", "intact", false, "finding",
                     "running", "seq", (json_int_t)0, "count", done, "lag", (json_int_t)0, "hash",
                     "", "text", "the trail is being verified; ask again", "running", true, "done",
                     done, "total", (json_int_t)v->total);
}

int op_audit_verify(struct call *c)
{
    struct keeper *k = c->keeper;
    struct verify_report report;
    uint64_t first, last;
    uint8_t hash[STORE_HASH_SIZE];
    int r = trail_first(k->store, &first);
    r = r < 0 ? r : trail_last(k->store, &last, hash);
    if (r == 0 && last - first < VERIFICATION_AT_ONCE) {
        r = verify_trail(k->store, k->head_file, &report);
        return r < 0 ? r : call_answer(c, 200, report_json(&report));
    }
    r = r < 0 ? r : verification_ask(k, last - first + 1);
    if (r == FAULT_BUSY || r == FAULT_CLOSED) {
        c->retry_after = 10;
        return call_problem(c, 503, NULL, "the trail cannot be verified at the moment");
    }
    return r < 0
               ? r
               : call_answer(c, 200,
                             k->verification.at_work ? progress_json(&k->verification)
                                                     : report_json(&k->verification.verify.report));
}

int op_audit_head(struct call *c)
{
    uint64_t count;
    uint8_t hash[STORE_HASH_SIZE];
    char text[2 * STORE_HASH_SIZE + 1];
    int r = trail_last(c->keeper->store, &count, hash);
    if (r < 0) {
        return r;
    }
    text_hex(text, span_of(hash, sizeof(hash)));
    return call_answer(c, 200, json_pack("{s:I,s:s}", "count", (json_int_t)count, "hash", text));
}
