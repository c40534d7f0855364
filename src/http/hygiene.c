#include "http/hygiene.h"

#include "http/chars.h"

/* ---- the known ids ---- */

static const uint8_t request_passage[HEADER_COUNT] = {
    [HEADER_HOST] = REWRITE,
    [HEADER_CONNECTION] = REWRITE,
    [HEADER_CONTENT_LENGTH] = REWRITE,
    [HEADER_TRANSFER_ENCODING] = REWRITE,
    [HEADER_EXPECT] = REWRITE,
    [HEADER_UPGRADE] = REWRITE,
    [HEADER_COOKIE] = REWRITE,
    [HEADER_DESTINATION] = REWRITE,
    [HEADER_POSTERN_TOKEN] = DROP,
    [HEADER_KEEP_ALIVE] = DROP,
    [HEADER_PROXY_CONNECTION] = DROP,
    [HEADER_TE] = DROP,
    [HEADER_TRAILER] = DROP,
    [HEADER_VIA] = DROP,
    [HEADER_FORWARDED] = DROP,
    [HEADER_X_FORWARDED_FOR] = DROP,
    /* Answers' headers have no business in a request; a server that echoes them must not learn to.
     */
    [HEADER_SET_COOKIE] = DROP,
};

static const uint8_t response_passage[HEADER_COUNT] = {
    [HEADER_CONNECTION] = REWRITE,
    [HEADER_CONTENT_LENGTH] = REWRITE,
    [HEADER_TRANSFER_ENCODING] = REWRITE,
    [HEADER_UPGRADE] = REWRITE,
    [HEADER_SET_COOKIE] = REWRITE,
    [HEADER_LOCATION] = REWRITE,
    [HEADER_CONTENT_LOCATION] = REWRITE,
    [HEADER_REFRESH] = REWRITE,
    [HEADER_LINK] = REWRITE,
    [HEADER_CONTENT_SECURITY_POLICY] = REWRITE,
    [HEADER_CONTENT_SECURITY_POLICY_REPORT_ONLY] = REWRITE,
    [HEADER_ACCESS_CONTROL_ALLOW_ORIGIN] = REWRITE,
    [HEADER_KEEP_ALIVE] = DROP,
    [HEADER_PROXY_CONNECTION] = DROP,
    [HEADER_TE] = DROP,
    [HEADER_TRAILER] = DROP,
    /* Names the product and its version. */
    [HEADER_SERVER] = DROP,
    /* TLS ends here, so how long browsers must insist on it is said here; a port route shares its
     * name with the portal. */
    [HEADER_STRICT_TRANSPORT_SECURITY] = DROP,
    [HEADER_POSTERN_TOKEN] = DROP,
};

/* ---- the others, by their folded name ---- */

/* A name that an upstream could fold onto something it trusts. Compared with the name in lower case
 * and with '_' and '.' read as '-', the way CGI, WSGI, servlet and template variables do it. Half
 * of them begin with "x-", which is left out here. */
struct pattern {
    struct span name;
    bool prefix; /* anything may follow */
};

#define EXACT(text)                                                                                \
    {                                                                                              \
        {(const uint8_t *)("" text), sizeof(text) - 1}, false                                      \
    }
#define PREFIX(text)                                                                               \
    {                                                                                              \
        {(const uint8_t *)("" text), sizeof(text) - 1}, true                                       \
    }

static const struct pattern request_x[] = {
    /* Where it came from and what it asked for: our own take their place. */
    PREFIX("forwarded"),
    PREFIX("original-"),
    PREFIX("originating-"),
    PREFIX("rewrite-"),
    PREFIX("real-"),
    PREFIX("client-ip"),
    PREFIX("client-host"),
    PREFIX("client-port"),
    PREFIX("true-client-"),
    PREFIX("cluster-client-"),
    PREFIX("source-ip"),
    PREFIX("remote-"),
    PREFIX("azure-"),
    PREFIX("appengine-"),
    PREFIX("envoy-"),
    PREFIX("proxy"),
    PREFIX("proxied"),
    PREFIX("script-name"),
    EXACT("host"),
    EXACT("http-host-override"),
    EXACT("http-destinationurl"),
    EXACT("url-scheme"),
    EXACT("scheme"),
    EXACT("https"),
    EXACT("sendfile-type"),
    EXACT("accel-mapping"),
    /* Who it is. */
    PREFIX("user"),
    PREFIX("auth-"),
    PREFIX("authenticated-"),
    PREFIX("authentik-"),
    PREFIX("webauth"),
    PREFIX("email"),
    PREFIX("groups"),
    PREFIX("roles"),
    PREFIX("identity"),
    PREFIX("principal"),
    PREFIX("jwt-assertion"),
    PREFIX("goog-iap-"),
    PREFIX("goog-authenticated-"),
    PREFIX("amzn-oidc-"),
    PREFIX("ms-client-principal"),
    PREFIX("pomerium-"),
    PREFIX("vouch-"),
    /* Client certificates that nobody checked. */
    PREFIX("ssl-"),
    PREFIX("tls-"),
    PREFIX("mtls-"),
    PREFIX("client-cert"),
    PREFIX("client-dn"),
    PREFIX("client-subject"),
    PREFIX("client-verify"),
    PREFIX("arr-"),
    PREFIX("wso2-"),
    /* Control headers of products. */
    PREFIX("pan-"),
    PREFIX("f5-"),
    /* Ours. */
    PREFIX("postern"),
};

static const struct pattern request_other[] = {
    /* Where it came from and what it asked for: our own take their place. */
    PREFIX("forwarded"),
    PREFIX("client-ip"),
    PREFIX("true-client-"),
    PREFIX("remote-"),
    PREFIX("cf-connecting-"),
    PREFIX("cf-access-"),
    PREFIX("fastly-client-"),
    PREFIX("script-name"),
    EXACT("front-end-https"),
    /* Who it is. */
    PREFIX("webauth-"),
    PREFIX("oidc-"),
    PREFIX("tailscale-"),
    PREFIX("auth-user"),
    PREFIX("auth-type"),
    PREFIX("iv-"),
    PREFIX("sm-"),
    PREFIX("smuser"),
    /* Client certificates that nobody checked. */
    PREFIX("ssl-"),
    PREFIX("client-cert"),
    /* Control headers of products. */
    PREFIX("$ws"),
    /* Ours. */
    PREFIX("postern"),
    /* Hop-by-hop, and the one that CGI turns into HTTP_PROXY. */
    EXACT("proxy"),
    PREFIX("proxy-"),
    EXACT("http2-settings"),
    EXACT("alt-used"),
};

static const struct pattern response_x[] = {
    PREFIX("postern"),
    /* Name the product and its version. */
    EXACT("powered-by"),
    EXACT("aspnet-version"),
    EXACT("aspnetmvc-version"),
    /* Instructions to a front server that postern is not. */
    PREFIX("accel-"),
    EXACT("sendfile"),
    EXACT("lighttpd-send-file"),
};

static const struct pattern response_other[] = {
    PREFIX("postern"),
    PREFIX("proxy-"),
    EXACT("proxy"),
    EXACT("http2-settings"),
    /* Sends browsers to another port, past the gateway. */
    EXACT("alt-svc"),
    EXACT("public-key-pins"),
    EXACT("public-key-pins-report-only"),
};

struct patterns {
    const struct pattern *x, *other;
    size_t x_count, other_count;
};

static const struct patterns dropped_from_requests = {
    .x = request_x,
    .other = request_other,
    .x_count = countof(request_x),
    .other_count = countof(request_other),
};

static const struct patterns dropped_from_responses = {
    .x = response_x,
    .other = response_other,
    .x_count = countof(response_x),
    .other_count = countof(response_other),
};

/* No pattern is longer; a longer name is compared by its beginning. */
#define FOLD_MAX 32

/* Returns whether a separator changed, that is, whether the name has another spelling. */
static bool fold(struct span name, uint8_t out[FOLD_MAX], size_t *len)
{
    bool changed = false;
    *len = name.len < FOLD_MAX ? name.len : FOLD_MAX;
    for (size_t i = 0; i < *len; i++) {
        uint8_t c = char_lower(name.at[i]);
        if (c == '_' || c == '.') {
            c = '-';
            changed = true;
        }
        out[i] = c;
    }
    return changed;
}

/* `longer`: the name goes on behind what was folded. */
static bool matches(const struct pattern *table, size_t count, struct span folded, bool longer)
{
    uint8_t first = folded.at[0];
    for (size_t i = 0; i < count; i++) {
        struct span p = table[i].name;
        if (p.at[0] == first && folded.len >= p.len &&
            (table[i].prefix || (folded.len == p.len && !longer)) &&
            memcmp(p.at, folded.at, p.len) == 0)
            return true;
    }
    return false;
}

static bool is_dropped(struct span name, const struct patterns *dropped)
{
    uint8_t bytes[FOLD_MAX];
    size_t len;
    if (name.len == 0)
        return true;
    bool changed = fold(name, bytes, &len), longer = len < name.len;
    struct span folded = span_of(bytes, len);
    bool hit = len > 2 && bytes[0] == 'x' && bytes[1] == '-'
                   ? matches(dropped->x, dropped->x_count, span_sub(folded, 2, SIZE_MAX), longer)
                   : matches(dropped->other, dropped->other_count, folded, longer);
    /* "content_length", "transfer.encoding", "sec_fetch_site": a header that the parser did not
     * judge must not become one that it would have. */
    return hit || (changed && !longer && header_find_id(folded) != HEADER_OTHER);
}

static const struct pattern never_x[] = {
    PREFIX("postern"),
    PREFIX("forwarded"),
    PREFIX("real-"),
    PREFIX("original-"),
    PREFIX("rewrite-"),
    PREFIX("script-name"),
    PREFIX("accel-"),
    PREFIX("sendfile"),
    EXACT("host"),
    EXACT("http-host-override"),
    EXACT("http-destinationurl"),
};

static const struct pattern never_other[] = {
    PREFIX("postern"),       PREFIX("forwarded"), PREFIX("proxy"), PREFIX("script-name"),
    EXACT("http2-settings"), EXACT("alt-used"),   PREFIX("$ws"),
};

static const struct patterns never_excepted = {
    .x = never_x,
    .other = never_other,
    .x_count = countof(never_x),
    .other_count = countof(never_other),
};

bool hygiene_may_except(struct span name)
{
    return header_find_id(name) == HEADER_OTHER && !is_dropped(name, &never_excepted);
}

bool hygiene_excepted(const struct header *h, const char *const *names, size_t count)
{
    if (h->id != HEADER_OTHER)
        return false;
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(h->name, span_str(names[i])))
            return hygiene_may_except(h->name);
    return false;
}

enum passage hygiene_request(const struct header *h, bool strip_authorization)
{
    if (h->id == HEADER_AUTHORIZATION)
        return strip_authorization ? DROP : PASS;
    if (h->id != HEADER_OTHER)
        return (enum passage)request_passage[h->id];
    return is_dropped(h->name, &dropped_from_requests) ? DROP : PASS;
}

enum passage hygiene_response(const struct header *h)
{
    if (h->id != HEADER_OTHER)
        return (enum passage)response_passage[h->id];
    return is_dropped(h->name, &dropped_from_responses) ? DROP : PASS;
}

/* ---- Connection ---- */

static bool option_ok(struct span option)
{
    static const char *const allowed[] = {
        "keep-alive",       "close",         "upgrade", "te", "trailer", "transfer-encoding",
        "proxy-connection", "http2-settings"};
    for (size_t i = 0; i < countof(allowed); i++)
        if (span_eq_nocase(option, span_str(allowed[i])))
            return true;
    return false;
}

bool hygiene_connection_ok(const struct headers *h)
{
    for (size_t i = 0; i < h->count; i++) {
        struct span rest = h->at[i].value, option;
        if (h->at[i].id != HEADER_CONNECTION)
            continue;
        while (span_cut(&rest, ',', &option)) {
            option = span_trim(option);
            if (option.len > 0 && !option_ok(option))
                return false;
        }
    }
    return true;
}
