#include "audit/export.h"

#include <inttypes.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"

/* One line: every field escaped at its worst, and names. */
#define LINE_MAX_BYTES (64u * 1024)

static void source_text(const struct record *r, char out[ADDR_TEXT_SIZE])
{
    static const uint8_t NONE[16];
    struct addr a;
    memcpy(a.byte, r->source, sizeof(a.byte));
    out[0] = 0;
    if (memcmp(r->source, NONE, sizeof(NONE)) != 0)
        addr_format(&a, out);
}

static void member(struct buf *out, const char *key, struct span value)
{
    (void)buf_printf(out, ",\"%s\":", key);
    (void)text_json(out, value);
}

int export_json(struct buf *out, const struct record *r)
{
    char when[CLOCK_TEXT_SIZE], where[ADDR_TEXT_SIZE], hex[2 * STORE_HASH_SIZE + 1];
    clock_format(r->wall_ms, when);
    source_text(r, where);
    (void)buf_printf(out, "{\"seq\":%" PRIu64 ",\"time\":\"%s\",\"time_ms\":%" PRIu64, r->seq, when,
                     r->wall_ms);
    member(out, "actor_kind", span_str(audit_actor_name(r->actor_kind)));
    member(out, "actor", r->actor);
    member(out, "source", span_str(where));
    member(out, "event", r->event);
    member(out, "target", r->target);
    member(out, "outcome", span_str(audit_outcome_name(r->outcome)));
    member(out, "request_id", r->request_id);
    /* As text: the bytes that were hashed, which another program's JSON writer might spell anew. */
    member(out, "detail", r->detail);
    text_hex(hex, span_of(r->prev, sizeof(r->prev)));
    member(out, "prev", span_str(hex));
    text_hex(hex, span_of(r->hash, sizeof(r->hash)));
    member(out, "hash", span_str(hex));
    (void)buf_byte(out, '}');
    return out->bad ? FAULT_LIMIT : 0;
}

int export_csv_heading(struct buf *out)
{
    return buf_text(out, "seq,time,actor_kind,actor,source,event,target,outcome,request_id,detail,"
                         "hash");
}

void export_csv_cell(struct buf *out, struct span value)
{
    /* A spreadsheet takes these for the beginning of a formula (OWASP ASVS 1.2.10). */
    bool formula = value.len > 0 && memchr("=+-@\t\r", value.at[0], 6) != NULL;
    (void)buf_text(out, formula ? ",\"'" : ",\"");
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];
        if (c == '"')
            (void)buf_byte(out, '"');
        /* A line stays a line, for programs that read by lines. */
        (void)buf_byte(out, c < 0x20 || c == 0x7f ? ' ' : c);
    }
    (void)buf_byte(out, '"');
}

int export_csv(struct buf *out, const struct record *r)
{
    char when[CLOCK_TEXT_SIZE], where[ADDR_TEXT_SIZE], hex[2 * STORE_HASH_SIZE + 1];
    clock_format(r->wall_ms, when);
    source_text(r, where);
    text_hex(hex, span_of(r->hash, sizeof(r->hash)));
    (void)buf_printf(out, "%" PRIu64, r->seq);
    export_csv_cell(out, span_str(when));
    export_csv_cell(out, span_str(audit_actor_name(r->actor_kind)));
    export_csv_cell(out, r->actor);
    export_csv_cell(out, span_str(where));
    export_csv_cell(out, r->event);
    export_csv_cell(out, r->target);
    export_csv_cell(out, span_str(audit_outcome_name(r->outcome)));
    export_csv_cell(out, r->request_id);
    export_csv_cell(out, r->detail);
    export_csv_cell(out, span_str(hex));
    return out->bad ? FAULT_LIMIT : 0;
}

struct exporter {
    struct buf line;
    enum export_form form;
    int (*write)(void *context, struct span line);
    void *context;
};

static int send_line(struct exporter *e)
{
    const char *end = e->form == EXPORT_CSV ? "\r\n" : "\n";
    int rc = buf_text(&e->line, end);
    if (rc == 0)
        rc = e->write(e->context, buf_view(&e->line));
    buf_clear(&e->line);
    return rc;
}

static int on_record(void *context, const struct record *r)
{
    struct exporter *e = context;
    int rc = e->form == EXPORT_CSV ? export_csv(&e->line, r) : export_json(&e->line, r);
    return rc < 0 ? rc : send_line(e);
}

int export_trail(struct store *s, enum export_form form,
                 int (*write)(void *context, struct span line), void *context)
{
    struct exporter e = {.form = form, .write = write, .context = context};
    buf_init(&e.line, LINE_MAX_BYTES);
    int rc = 0;
    if (form == EXPORT_CSV) {
        rc = export_csv_heading(&e.line);
        if (rc == 0)
            rc = send_line(&e);
    }
    if (rc == 0)
        rc = trail_walk(s, on_record, &e);
    buf_fini(&e.line);
    return rc;
}
