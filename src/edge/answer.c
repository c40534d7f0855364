#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "edge/conn.h"
#include "edge/pool.h"

void answer_add(struct answer *a, const char *name, struct span value)
{
    if (a->header_count < countof(a->header))
        a->header[a->header_count++] = (struct answer_header){name, value};
}

static bool has(const struct answer *a, const char *name)
{
    for (size_t i = 0; i < a->header_count; i++)
        if (span_eq_nocase(span_str(a->header[i].name), span_str(name)))
            return true;
    return false;
}

/* What every page and answer of our own carries, unless it says otherwise itself (OWASP ASVS 5.0
 * chapter 3.4). Referrer-Policy is same-origin and not no-referrer, because the latter makes
 * browsers send "Origin: null" with forms. */
static const struct {
    const char *name, *value;
} own_headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"Referrer-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Content-Security-Policy",
     "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
};

enum body_kind { WHOLE, CHUNKED, UNTIL_CLOSE };

static void build_head(struct exchange *x, const struct answer *a, enum body_kind kind,
                       struct buf *out)
{
    (void)buf_printf(out, "HTTP/1.1 %u %s\r\nDate: %s\r\n", a->status, h1_status_text(a->status),
                     edge_date(x->edge));
    int rc = 0;
    if (a->type != NULL)
        rc |= h1_write_header(out, SPAN("Content-Type"), span_str(a->type));
    if (kind == WHOLE && a->status != 204 && a->status != 304)
        (void)buf_printf(out, "Content-Length: %zu\r\n", a->body.len);
    if (kind == CHUNKED)
        (void)buf_text(out, "Transfer-Encoding: chunked\r\n");
    /* Without includeSubDomains: browsers apply it to every port of a name, and other services may
     * live there on plain HTTP. */
    if (x->generation->hsts && !x->conn->companion)
        (void)buf_text(out, "Strict-Transport-Security: max-age=31536000\r\n");
    for (size_t i = 0; i < countof(own_headers); i++)
        if (!has(a, own_headers[i].name))
            rc |=
                h1_write_header(out, span_str(own_headers[i].name), span_str(own_headers[i].value));
    for (size_t i = 0; i < a->header_count; i++)
        rc |= h1_write_header(out, span_str(a->header[i].name), a->header[i].value);
    if (conn_frames(x->conn))
        ;
    else if (x->close)
        (void)buf_text(out, "Connection: close\r\n");
    else if (x->request.minor == 0)
        (void)buf_text(out, "Connection: keep-alive\r\n");
    (void)buf_text(out, "\r\n");
    if (rc < 0)
        out->bad = true;
}

static void build(struct exchange *x, const struct answer *a, struct buf *out)
{
    build_head(x, a, WHOLE, out);
    if (!span_is(x->request.method, "HEAD") && a->status != 204 && a->status != 304)
        (void)buf_append(out, a->body);
}

int answer_begin(struct exchange *x, const struct answer *a, bool *chunked)
{
    struct buf *out = &x->edge->build;
    bool frames = conn_frames(x->conn);
    *chunked = !frames && x->request.minor >= 1;
    /* What ends such an answer is the end of the connection, whichever way it is framed. */
    x->close = true;
    x->status = a->status;
    buf_clear(out);
    build_head(x, a, *chunked ? CHUNKED : UNTIL_CLOSE, out);
    int rc = out->bad ? FAULT_LIMIT : conn_write(x->conn, buf_view(out));
    buf_clear(out);
    return rc;
}

void answer_send(struct exchange *x, const struct answer *a)
{
    struct conn *c = x->conn;
    struct buf *out = &x->edge->build;
    if (x->state == EXCHANGE_ANSWER || x->state == EXCHANGE_DONE)
        return;
    /* An answer after the head of another one would be read as part of its body. */
    if (x->status != 0) {
        conn_retire(c);
        return;
    }
    if (x->upstream != NULL)
        upstream_retire(x->upstream);
    exchange_enter(x, EXCHANGE_ANSWER);
    x->status = a->status;
    x->close = x->close || a->close || !conn_may_keep(x);
    buf_clear(out);
    build(x, a, out);
    if (!out->bad)
        x->bytes_out += a->body.len;
    bool failed = out->bad || conn_write(c, buf_view(out)) < 0;
    buf_clear(out);
    exchange_enter(x, EXCHANGE_DONE);
    if (failed)
        conn_retire(c);
    else
        conn_step(c);
}

/* The same facts for a program (RFC 9457, problem details). */
static void error_json(struct exchange *x, struct answer *a, const char *cause, const char *detail)
{
    struct buf body;
    buf_init(&body, 4096);
    (void)buf_printf(&body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":",
                     h1_status_text(a->status), a->status);
    (void)text_json(&body, span_str(cause));
    (void)buf_text(&body, ",\"error\":");
    (void)text_json(&body, span_str(detail != NULL ? detail : h1_status_text(a->status)));
    (void)buf_printf(&body, ",\"request_id\":\"%s\",\"instance\":\"urn:postern:request:%s\"}\n",
                     x->id_text, x->id_text);
    a->type = "application/problem+json";
    a->body = body.bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(&body));
    buf_fini(&body);
}

void answer_error(struct exchange *x, unsigned status, const char *cause, const char *detail)
{
    struct answer a = {.status = status};
    bool page = x->clean && exchange_wants_page(x);
    if (page && portal_error_page(x, status, cause, detail, &a) < 0) {
        a = (struct answer){.status = status};
        page = false;
    }
    if (!page)
        error_json(x, &a, cause, detail);
    if (status == 401)
        answer_add(&a, "WWW-Authenticate", SPAN("Bearer realm=\"postern\""));
    if (status == 503)
        answer_add(&a, "Retry-After", SPAN("5"));
    if (status == 429)
        answer_add(&a, "Retry-After", SPAN("1"));
    answer_send(x, &a);
}

bool exchange_wants_page(const struct exchange *x)
{
    const struct header *h = headers_find(&x->request.headers, HEADER_SEC_FETCH_MODE);
    if (h != NULL)
        return span_eq_nocase(h->value, SPAN("navigate"));
    /* Scripts of a time before Fetch Metadata say so here. Apps that show pages put their own name
     * there, which has dots. */
    h = headers_find(&x->request.headers, HEADER_X_REQUESTED_WITH);
    if (h != NULL && span_find(h->value, '.') == SIZE_MAX)
        return false;
    h = headers_find(&x->request.headers, HEADER_ACCEPT);
    if (h == NULL)
        return false;
    struct span rest = h->value, range, type;
    while (span_cut(&rest, ',', &range)) {
        (void)span_cut(&range, ';', &type);
        if (span_eq_nocase(span_trim(type), SPAN("text/html")))
            return true;
    }
    return false;
}
