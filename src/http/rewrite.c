#include "http/rewrite.h"

#include "base/fault.h"
#include "base/text.h"
#include "http/chars.h"
#include "http/cookie.h"

struct origin {
    struct span host; /* as written; brackets stay */
    uint16_t port;    /* the written one, or the scheme's own */
};

/* host[:port]; anything else (user information, a port that is none) names no origin of ours. */
static bool read_origin(struct span authority, uint16_t default_port, struct origin *ret)
{
    size_t bracket = authority.len > 0 && authority.at[0] == '[' ? span_find(authority, ']') : 0;
    if (bracket == SIZE_MAX)
        return false;
    size_t colon = span_find(span_sub(authority, bracket, SIZE_MAX), ':');
    uint64_t port = default_port;
    ret->host = authority;
    if (colon != SIZE_MAX) {
        ret->host.len = bracket + colon;
        if (text_u64(span_sub(authority, ret->host.len + 1, SIZE_MAX), 65535, &port) < 0)
            return false;
    }
    ret->port = (uint16_t)port;
    return ret->host.len > 0;
}

static bool listens_on(const struct rewrite_map *m, uint16_t port)
{
    for (size_t i = 0; i < m->place_count; i++)
        if (m->places[i].port == port)
            return true;
    return false;
}

/* "localhost" is what a console on this machine calls itself. */
static bool is_place(const struct rewrite_place *p, const struct origin *o)
{
    struct addr named;
    struct span host = o->host;
    if (o->port != p->port)
        return false;
    if (p->addr == NULL)
        return span_eq_nocase(host, p->host);
    if (span_eq_nocase(host, SPAN("localhost")))
        return addr_is_loopback(p->addr);
    if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
        host = span_sub(host, 1, host.len - 2);
    return addr_parse(host, &named) == 0 && addr_eq(&named, p->addr);
}

/* A name that stands for the console: with the port it was given with, or with a port that the
 * console knows itself to listen on. */
static bool is_name(const struct rewrite_map *m, struct span name, const struct origin *o,
                    uint16_t default_port)
{
    struct origin known;
    return read_origin(name, default_port, &known) && span_eq_nocase(o->host, known.host) &&
           (o->port == known.port || listens_on(m, o->port));
}

static bool is_own(const struct rewrite_map *m, const struct origin *o, uint16_t default_port)
{
    if (is_name(m, m->authority, o, default_port) || is_name(m, m->host, o, default_port))
        return true;
    for (size_t i = 0; i < m->place_count; i++)
        if (is_place(&m->places[i], o))
            return true;
    for (size_t i = 0; i < m->name_count; i++)
        if (is_name(m, span_str(m->names[i]), o, default_port))
            return true;
    return false;
}

/* ---- one address ---- */

static const struct scheme {
    struct span text;
    uint16_t port;
    const char *ours;
} SCHEMES[] = {
    {{(const uint8_t *)"http:", 5}, 80, "https://"},
    {{(const uint8_t *)"https:", 6}, 443, "https://"},
    {{(const uint8_t *)"ws:", 3}, 80, "wss://"},
    {{(const uint8_t *)"wss:", 4}, 443, "wss://"},
    /* An address without a scheme has the page's, and that is ours. */
    {{(const uint8_t *)"", 0}, 443, "https://"},
};

static bool is_slash(uint8_t c)
{
    return c == '/' || c == '\\';
}

/* How many bytes of the URL are its scheme and authority; 0 when it has none. Browsers take a
 * backslash for a slash in such addresses (WHATWG URL, authority state), so it is one here. */
static size_t split(struct span url, const struct scheme **scheme, struct span *authority)
{
    size_t start = 0;
    *scheme = &SCHEMES[countof(SCHEMES) - 1];
    for (size_t i = 0; i + 1 < countof(SCHEMES); i++) {
        if (span_starts_nocase(url, SCHEMES[i].text)) {
            *scheme = &SCHEMES[i];
            start = SCHEMES[i].text.len;
        }
    }
    if (url.len < start + 2 || !is_slash(url.at[start]) || !is_slash(url.at[start + 1]))
        return 0;
    start += 2;
    size_t end = start;
    while (end < url.len && !is_slash(url.at[end]) && url.at[end] != '?' && url.at[end] != '#')
        end++;
    *authority = span_sub(url, start, end - start);
    return end;
}

/* Is the path this one or below it? */
static bool is_below(struct span path, struct span prefix)
{
    return span_starts(path, prefix) &&
           (path.len == prefix.len || strchr("/?#;\\", path.at[prefix.len]) != NULL);
}

/* Appends what stands behind an authority of the console's: below the prefix that it does not know
 * of. One that it has learnt of, from X-Forwarded-Prefix, is not put twice. */
static void put_path(const struct rewrite_map *m, struct span path, struct buf *out)
{
    if (m->prefix.len > 0 && !is_below(path, m->prefix)) {
        (void)buf_append(out, m->prefix);
        if (path.len == 0 || !is_slash(path.at[0]))
            (void)buf_byte(out, '/');
    }
    (void)buf_append(out, path);
}

/* "/a", not "//host/a". */
static bool is_absolute_path(struct span url)
{
    return url.len > 0 && is_slash(url.at[0]) && (url.len == 1 || !is_slash(url.at[1]));
}

/* Appends one address, its origin exchanged when it is the console's own. */
static void put_url(const struct rewrite_map *m, struct span url, struct buf *out)
{
    const struct scheme *scheme;
    struct span authority;
    struct origin o;
    size_t end = split(url, &scheme, &authority);
    if (end > 0 && read_origin(authority, scheme->port, &o) && is_own(m, &o, scheme->port)) {
        (void)buf_text(out, scheme->ours);
        (void)buf_append(out, m->authority);
        put_path(m, span_sub(url, end, SIZE_MAX), out);
    } else if (is_absolute_path(url)) {
        put_path(m, url, out);
    } else {
        (void)buf_append(out, url);
    }
}

/* An address that stands for its whole origin when it has no path. */
static void put_origin(const struct rewrite_map *m, struct span url, struct buf *out)
{
    const struct scheme *scheme;
    struct span authority;
    struct rewrite_map whole = *m;
    if (split(url, &scheme, &authority) == url.len)
        whole.prefix = SPAN_NONE;
    put_url(&whole, url, out);
}

/* ---- Refresh ---- */

static size_t skip_blanks(struct span s, size_t i)
{
    while (i < s.len && (s.at[i] == ' ' || s.at[i] == '\t'))
        i++;
    return i;
}

/* Where the URL of "seconds; url=URL" begins, quotes left out; SIZE_MAX when there is none. The
 * "url=" may be missing (HTML, shared declarative refresh steps). */
static size_t refresh_url(struct span value)
{
    size_t i = 0;
    while (i < value.len && value.at[i] != ';' && value.at[i] != ',')
        i++;
    i = skip_blanks(value, i + 1);
    if (i >= value.len)
        return SIZE_MAX;
    if (span_starts_nocase(span_sub(value, i, SIZE_MAX), SPAN("url"))) {
        size_t equals = skip_blanks(value, i + 3);
        if (equals < value.len && value.at[equals] == '=')
            i = skip_blanks(value, equals + 1);
    }
    if (i < value.len && (value.at[i] == '"' || value.at[i] == '\''))
        i++;
    return i;
}

static void put_refresh(const struct rewrite_map *m, struct span value, struct buf *out)
{
    size_t at = refresh_url(value);
    (void)buf_append(out, span_sub(value, 0, at));
    if (at != SIZE_MAX)
        put_url(m, span_sub(value, at, SIZE_MAX), out);
}

/* ---- Link ---- */

/* Index behind the string that begins at the quote at `i`. */
static size_t skip_string(struct span s, size_t i)
{
    for (i++; i < s.len && s.at[i] != '"'; i++)
        if (s.at[i] == '\\')
            i++;
    return i < s.len ? i + 1 : s.len;
}

/* Every target of a list of links (RFC 8288 section 3): what stands between < and >, outside of
 * quoted strings. */
static void put_link(const struct rewrite_map *m, struct span value, struct buf *out)
{
    size_t done = 0, i = 0;
    while (i < value.len) {
        if (value.at[i] == '"') {
            i = skip_string(value, i);
            continue;
        }
        if (value.at[i++] != '<')
            continue;
        size_t len = span_find(span_sub(value, i, SIZE_MAX), '>');
        if (len == SIZE_MAX)
            break;
        (void)buf_append(out, span_sub(value, done, i - done));
        put_url(m, span_sub(value, i, len), out);
        done = i += len;
    }
    (void)buf_append(out, span_sub(value, done, SIZE_MAX));
}

/* ---- Content-Security-Policy ---- */

/* These hold names and tokens, not sources. */
static bool has_sources(struct span directive)
{
    static const char *const OTHERS[] = {"report-to", "sandbox", "trusted-types",
                                         "require-trusted-types-for", "plugin-types"};
    for (size_t i = 0; i < countof(OTHERS); i++)
        if (span_eq_nocase(directive, span_str(OTHERS[i])))
            return false;
    return true;
}

/* A source (CSP Level 3 section 2.3.1): a URL without or with a path, or "host[:port][/path]". A
 * host without a scheme stands for the scheme's own port, so it is a name with any of ours. */
static void put_source(const struct rewrite_map *m, struct span source, struct buf *out)
{
    struct origin o;
    size_t end = 0;
    while (end < source.len && source.at[end] != '/')
        end++;
    struct span authority = span_sub(source, 0, end);
    bool own = read_origin(authority, 443, &o) && is_own(m, &o, 443);
    if (!own && read_origin(authority, 80, &o))
        own = is_own(m, &o, 80);
    if (!own) {
        put_origin(m, source, out);
        return;
    }
    (void)buf_append(out, m->authority);
    if (end < source.len)
        put_path(m, span_sub(source, end, SIZE_MAX), out);
}

static bool is_csp_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Blanks and separators stay as they are; the first word of a directive is its name. */
static void put_csp(const struct rewrite_map *m, struct span value, struct buf *out)
{
    bool named = false, sources = false;
    size_t i = 0;
    while (i < value.len) {
        uint8_t c = value.at[i];
        size_t start = i;
        if (c == ';' || c == ',' || is_csp_blank(c)) {
            named = named && is_csp_blank(c);
            (void)buf_byte(out, c);
            i++;
            continue;
        }
        while (i < value.len && value.at[i] != ';' && value.at[i] != ',' &&
               !is_csp_blank(value.at[i]))
            i++;
        struct span word = span_sub(value, start, i - start);
        if (named && sources) {
            put_source(m, word, out);
        } else {
            (void)buf_append(out, word);
            sources = named ? sources : has_sources(word);
            named = true;
        }
    }
}

/* ---- Set-Cookie ---- */

static void put_cookie(const struct rewrite_map *m, struct span value, struct buf *out)
{
    if (cookie_rewrite(value, m->prefix, out) < 0)
        out->bad = true;
}

/* ---- the table ---- */

typedef void (*rewriter)(const struct rewrite_map *m, struct span value, struct buf *out);

static const rewriter REWRITERS[HEADER_COUNT] = {
    [HEADER_LOCATION] = put_url,
    [HEADER_CONTENT_LOCATION] = put_url,
    [HEADER_ACCESS_CONTROL_ALLOW_ORIGIN] = put_origin,
    [HEADER_REFRESH] = put_refresh,
    [HEADER_LINK] = put_link,
    [HEADER_CONTENT_SECURITY_POLICY] = put_csp,
    [HEADER_CONTENT_SECURITY_POLICY_REPORT_ONLY] = put_csp,
    [HEADER_SET_COOKIE] = put_cookie,
};

bool rewrite_knows(enum header_id id)
{
    return REWRITERS[id] != NULL;
}

static int verdict(const struct buf *out, size_t before, struct span value)
{
    if (out->bad)
        return FAULT_LIMIT;
    return !span_eq(span_sub(buf_view(out), before, SIZE_MAX), value);
}

int rewrite_response(const struct rewrite_map *m, enum header_id id, struct span value,
                     struct buf *out)
{
    size_t before = buf_len(out);
    REWRITERS[id](m, value, out);
    return verdict(out, before, value);
}

/* ---- towards the console ---- */

int rewrite_request(const struct rewrite_map *m, struct span value, struct buf *out)
{
    const struct scheme *scheme;
    struct span authority, rest = value;
    size_t before = buf_len(out), end = split(value, &scheme, &authority);
    if (m->host.len > 0 && end > 0 && span_eq_nocase(authority, m->authority)) {
        (void)buf_text(out, m->https ? "https://" : "http://");
        (void)buf_append(out, m->host);
        rest = span_sub(value, end, SIZE_MAX);
        if (m->prefix.len > 0 && is_below(rest, m->prefix))
            rest = span_sub(rest, m->prefix.len, SIZE_MAX);
    }
    (void)buf_append(out, rest);
    return verdict(out, before, value);
}

/* Without a port 443 is meant. */
static bool same_authority(struct span a, struct span b)
{
    struct origin x, y;
    return read_origin(a, 443, &x) && read_origin(b, 443, &y) && x.port == y.port &&
           span_eq_nocase(x.host, y.host);
}

int rewrite_destination(struct span authority, struct span value, struct span *path,
                        struct span *query)
{
    const struct scheme *scheme;
    struct span there;
    struct span rest = value;
    if (value.len == 0 || span_find(value, '#') != SIZE_MAX || span_find(value, '\\') != SIZE_MAX)
        return FAULT_FORMAT;
    size_t end = split(value, &scheme, &there);
    if (end > 0) {
        if (scheme->text.len > 0 && !span_eq_nocase(scheme->text, SPAN("https:")))
            return FAULT_DENIED;
        if (!same_authority(there, authority))
            return FAULT_DENIED;
        rest = span_sub(value, end, SIZE_MAX);
    }
    if (rest.len == 0 || rest.at[0] != '/')
        return end > 0 ? FAULT_FORMAT : FAULT_DENIED;
    *query = rest;
    if (!span_cut(query, '?', path))
        return FAULT_FORMAT;
    *query = span_sub(rest, path->len, SIZE_MAX);
    return 0;
}
