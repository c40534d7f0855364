#include "edge/forward.h"

#include "base/fault.h"
#include "base/text.h"
#include "edge/identity.h"
#include "http/cookie.h"
#include "http/forwarded.h"
#include "http/hygiene.h"
#include "http/rewrite.h"
#include "http/trailers.h"

bool forward_loops(const struct headers *h, const char *via)
{
    struct span own = span_str(via);
    for (size_t i = 0; i < h->count; i++) {
        struct span rest = h->at[i].value, hop, word;
        if (h->at[i].id != HEADER_VIA)
            continue;
        /* received-protocol received-by [comment], and so on. */
        while (span_cut(&rest, ',', &hop)) {
            hop = span_trim(hop);
            (void)span_cut(&hop, ' ', &word);
            hop = span_trim(hop);
            (void)span_cut(&hop, ' ', &word);
            if (span_eq_nocase(word, own))
                return true;
        }
    }
    return false;
}

static void put(struct buf *out, struct span bytes)
{
    (void)buf_append(out, bytes);
}

/* Back to what it held when its length was len. */
static void cut(struct buf *out, size_t len)
{
    out->tail = out->head + len;
}

static void put_header(struct buf *out, const char *name, struct span value)
{
    if (h1_write_header(out, span_str(name), value) < 0)
        out->bad = true;
}

static void put_number(struct buf *out, uint64_t n)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (uint8_t)('0' + n % 10);
    while ((n /= 10) > 0);
    put(out, span_of(digits + at, sizeof(digits) - at));
}

/* What the console is known as. Whoever has more places than this has names for them. */
#define PLACES_MAX 32u

struct known {
    struct rewrite_place place[PLACES_MAX];
    struct rewrite_map map;
};

static void add_places(struct known *k, const struct upstream_def *u)
{
    size_t *count = &k->map.place_count;
    for (size_t i = 0; i < u->addr_count && *count < PLACES_MAX; i++)
        k->place[(*count)++] = (struct rewrite_place){.addr = &u->addrs[i], .port = u->port};
    if (u->named && *count < PLACES_MAX)
        k->place[(*count)++] = (struct rewrite_place){.host = span_str(u->host), .port = u->port};
}

/* The one that answers comes first, so that it is known whatever the number of the others. */
static const struct rewrite_map *names_of(const struct forward *f, struct known *k)
{
    const struct route_def *r = f->route;
    k->map = (struct rewrite_map){
        .places = k->place,
        .host = r->host_policy == HOST_FIXED ? span_str(r->upstream_host) : SPAN_NONE,
        .names = r->rewrite_names.name,
        .name_count = r->rewrite_names.count,
        .authority = f->request->authority,
        .prefix = r->strip_path ? span_str(r->path) : SPAN_NONE,
        .https = f->upstream->scheme == UPSTREAM_HTTPS,
    };
    add_places(k, f->upstream);
    for (size_t i = 0; i < r->upstream_count; i++)
        if (&r->upstreams[i] != f->upstream)
            add_places(k, &r->upstreams[i]);
    return &k->map;
}

/* ---- towards the upstream ---- */

static bool is_translated(const struct route_def *r, enum header_id id)
{
    return id == HEADER_DESTINATION ||
           (r->host_policy == HOST_FIXED && (id == HEADER_ORIGIN || id == HEADER_REFERER));
}

/* Origin, Referer and Destination. The gate has decided on the destination; what is left of it is
 * the path, which is the console's own whatever it is called (RFC 4918 section 8.3). */
static void put_translated(const struct forward *f, const struct header *h, struct buf *out)
{
    struct known known;
    struct span path, query;
    bool destination = h->id == HEADER_DESTINATION;
    if (destination && rewrite_destination(f->request->authority, h->value, &path, &query) < 0)
        return;
    put(out, h->name);
    put(out, SPAN(": "));
    if (destination) {
        /* The gate has found that it shortens with one meaning. */
        put(out, span_sub(path, f->route->strip_path ? strlen(f->route->path) : 0, SIZE_MAX));
        put(out, query);
    } else if (rewrite_request(names_of(f, &known), h->value, out) < 0) {
        out->bad = true;
    }
    put(out, SPAN("\r\n"));
}

/* All Cookie lines become one (RFC 6265 section 5.4), without ours. */
static void put_cookies(const struct headers *h, struct buf *out)
{
    bool begun = false;
    for (size_t i = 0; i < h->count; i++) {
        if (h->at[i].id != HEADER_COOKIE)
            continue;
        size_t mark = buf_len(out);
        put(out, begun ? SPAN("; ") : SPAN("Cookie: "));
        int pairs = cookie_strip(h->at[i].value, SPAN(COOKIE_OWN_PREFIX), out);
        if (pairs < 0)
            out->bad = true;
        if (pairs <= 0)
            cut(out, mark);
        else
            begun = true;
    }
    if (begun)
        put(out, SPAN("\r\n"));
}

static void put_forwarded(const struct forward *f, struct buf *out)
{
    struct forwarded told = {&f->source, true, f->request->authority, f->request->port};
    if (forwarded_write(&told, out) < 0)
        out->bad = true;
    if (f->route->strip_path)
        put_header(out, "X-Forwarded-Prefix", span_str(f->route->path));
    put(out, f->request->h2 ? SPAN("Via: 2.0 ") : SPAN("Via: 1.1 "));
    put(out, span_str(f->via));
    put(out, SPAN("\r\n"));
}

static bool passes(const struct route_def *r, const struct header *h, bool strip_authorization)
{
    return hygiene_request(h, strip_authorization) == PASS ||
           hygiene_excepted(h, r->pass_headers.name, r->pass_headers.count);
}

/* RFC 9110 section 10.1.4. */
static bool wants_trailers(const struct forward *f)
{
    return f->trailers && headers_have_token(&f->request->headers, HEADER_TE, "trailers");
}

/* Which fields will stand behind the body. */
static void put_trailer(const struct headers *h, struct buf *out)
{
    size_t mark = buf_len(out);
    put(out, SPAN("Trailer: "));
    if (trailers_announced(h, out) == 0)
        cut(out, mark);
    else
        put(out, SPAN("\r\n"));
}

int forward_request(const struct forward *f, struct buf *out, bool *chunked)
{
    const struct request *r = f->request;
    *chunked = r->framing == BODY_CHUNKED;
    put(out, r->method);
    put(out, SPAN(" "));
    put(out, f->target);
    put(out, SPAN(" HTTP/1.1\r\nHost: "));
    put(out,
        f->route->host_policy == HOST_FIXED ? span_str(f->route->upstream_host) : r->authority);
    put(out, SPAN("\r\n"));
    bool strip = f->strip_authorization || f->inject.len > 0;
    for (size_t i = 0; i < r->headers.count; i++) {
        const struct header *h = &r->headers.at[i];
        if (is_translated(f->route, h->id))
            put_translated(f, h, out);
        else if (passes(f->route, h, strip) && h1_write_header(out, h->name, h->value) < 0)
            out->bad = true;
    }
    put_cookies(&r->headers, out);
    if (f->inject.len > 0)
        put_header(out, "Authorization", f->inject);
    identity_write(f->route, f->who, f->assertion, out);
    if (r->upgrade_websocket)
        put(out, SPAN("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    else if (wants_trailers(f))
        put(out, SPAN("Connection: TE\r\nTE: trailers\r\n"));
    if (f->expect)
        put(out, SPAN("Expect: 100-continue\r\n"));
    if (*chunked) {
        put(out, SPAN("Transfer-Encoding: chunked\r\n"));
        if (f->trailers)
            put_trailer(&r->headers, out);
    } else if (r->framing == BODY_LENGTH) {
        put(out, SPAN("Content-Length: "));
        put_number(out, r->length);
        put(out, SPAN("\r\n"));
    }
    put_forwarded(f, out);
    put(out, SPAN("\r\n"));
    return out->bad ? FAULT_LIMIT : 0;
}

/* ---- towards the client ---- */

static void put_rewritten(const struct forward *f, const struct header *h, struct buf *out)
{
    struct known known;
    if (h->id == HEADER_SET_COOKIE && !cookie_may_set(h->value))
        return;
    put(out, h->name);
    put(out, SPAN(": "));
    if (rewrite_response(names_of(f, &known), h->id, h->value, out) < 0)
        out->bad = true;
    put(out, SPAN("\r\n"));
}

static void put_status(const struct response *r, struct buf *out)
{
    put(out, SPAN("HTTP/1.1 "));
    put_number(out, r->status);
    put(out, SPAN(" "));
    put(out, r->reason.len > 0 ? r->reason : span_str(h1_status_text(r->status)));
    put(out, SPAN("\r\n"));
}

static void put_headers(const struct forward *f, const struct response *r, struct buf *out)
{
    for (size_t i = 0; i < r->headers.count; i++) {
        const struct header *h = &r->headers.at[i];
        enum passage passage = hygiene_response(h);
        if (passage == PASS && h1_write_header(out, h->name, h->value) < 0)
            out->bad = true;
        if (passage == REWRITE && rewrite_knows(h->id))
            put_rewritten(f, h, out);
    }
}

/* How the client finds the end of the body (RFC 9112 section 6.3). */
static void put_framing(const struct response *r, struct forward_reply *reply, struct buf *out)
{
    const struct header *length;
    uint64_t n;
    if (r->status < 200 || r->status == 204)
        return;
    if (reply->head_only || r->status == 304) {
        /* What the length would have been; a number or nothing. */
        length = headers_find(&r->headers, HEADER_CONTENT_LENGTH);
        if (length != NULL && text_u64(length->value, UINT64_MAX, &n) == 0)
            put_header(out, "Content-Length", length->value);
        return;
    }
    switch (r->framing) {
    case BODY_NONE:
        put(out, SPAN("Content-Length: 0\r\n"));
        return;
    case BODY_LENGTH:
        put(out, SPAN("Content-Length: "));
        put_number(out, r->length);
        put(out, SPAN("\r\n"));
        return;
    case BODY_CHUNKED:
    case BODY_UNTIL_CLOSE:
        break;
    }
    if (reply->framed)
        return;
    if (reply->client_11) {
        reply->chunked = true;
        put(out, SPAN("Transfer-Encoding: chunked\r\n"));
    } else {
        reply->close = true;
    }
}

int forward_response(const struct forward *f, const struct response *r, struct forward_reply *reply,
                     struct buf *out)
{
    reply->chunked = false;
    put_status(r, out);
    put_headers(f, r, out);
    if (reply->date != NULL && headers_find(&r->headers, HEADER_DATE) == NULL)
        put_header(out, "Date", span_str(reply->date));
    if (reply->cookie.len > 0)
        put_header(out, "Set-Cookie", reply->cookie);
    if (f->hsts)
        put(out, SPAN("Strict-Transport-Security: max-age=31536000\r\n"));
    put_framing(r, reply, out);
    reply->trailers =
        (reply->chunked || reply->framed) && r->framing == BODY_CHUNKED && wants_trailers(f);
    if (reply->trailers)
        put_trailer(&r->headers, out);
    if (reply->framed)
        ;
    else if (reply->upgrade)
        put(out, SPAN("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    else if (reply->close)
        put(out, SPAN("Connection: close\r\n"));
    else if (!reply->client_11)
        put(out, SPAN("Connection: keep-alive\r\n"));
    put(out, SPAN("\r\n"));
    return out->bad ? FAULT_LIMIT : 0;
}

int forward_location(const struct forward *f, const struct response *r, struct buf *out)
{
    struct known known;
    const struct header *h = headers_find(&r->headers, HEADER_LOCATION);
    if (h == NULL || headers_count(&r->headers, HEADER_LOCATION) > 1)
        return 0;
    int rc = rewrite_response(names_of(f, &known), HEADER_LOCATION, h->value, out);
    return rc < 0 ? rc : 0;
}

int forward_interim(const struct forward *f, const struct response *r, struct buf *out)
{
    put_status(r, out);
    put_headers(f, r, out);
    put(out, SPAN("\r\n"));
    return out->bad ? FAULT_LIMIT : 0;
}
