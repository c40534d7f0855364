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
    [HEADER_POSTERN_TOKEN] = DROP,
    [HEADER_KEEP_ALIVE] = DROP,
    [HEADER_PROXY_CONNECTION] = DROP,
    [HEADER_TE] = DROP,
    [HEADER_TRAILER] = DROP,
    [HEADER_VIA] = DROP,
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
 * and with '_' and '.' read as '-', the way CGI, WSGI, servlet and template variables do it. */
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

static const struct pattern dropped_from_requests[] = {
    /* Where it came from and what it asked for: our own take their place. */
    PREFIX("x-forwarded"),
    PREFIX("forwarded"),
    PREFIX("x-original-"),
    PREFIX("x-originating-"),
    PREFIX("x-rewrite-"),
    PREFIX("x-real-"),
    PREFIX("x-client-ip"),
    PREFIX("x-client-host"),
    PREFIX("x-client-port"),
    PREFIX("client-ip"),
    PREFIX("true-client-"),
    PREFIX("x-true-client-"),
    PREFIX("x-cluster-client-"),
    PREFIX("x-source-ip"),
    PREFIX("x-remote-"),
    PREFIX("remote-"),
    PREFIX("cf-connecting-"),
    PREFIX("cf-access-"),
    PREFIX("fastly-client-"),
    PREFIX("x-azure-"),
    PREFIX("x-appengine-"),
    PREFIX("x-envoy-"),
    PREFIX("x-proxy"),
    PREFIX("x-proxied"),
    PREFIX("x-script-name"),
    PREFIX("script-name"),
    EXACT("x-host"),
    EXACT("x-http-host-override"),
    EXACT("x-http-destinationurl"),
    EXACT("x-url-scheme"),
    EXACT("x-scheme"),
    EXACT("x-https"),
    EXACT("front-end-https"),
    EXACT("x-sendfile-type"),
    EXACT("x-accel-mapping"),
    /* Who it is. */
    PREFIX("x-user"),
    PREFIX("x-auth-"),
    PREFIX("x-authenticated-"),
    PREFIX("x-authentik-"),
    PREFIX("x-webauth"),
    PREFIX("webauth-"),
    PREFIX("x-email"),
    PREFIX("x-groups"),
    PREFIX("x-roles"),
    PREFIX("x-identity"),
    PREFIX("x-principal"),
    PREFIX("x-jwt-assertion"),
    PREFIX("x-goog-iap-"),
    PREFIX("x-goog-authenticated-"),
    PREFIX("x-amzn-oidc-"),
    PREFIX("x-ms-client-principal"),
    PREFIX("x-pomerium-"),
    PREFIX("x-vouch-"),
    PREFIX("oidc-"),
    PREFIX("auth-user"),
    PREFIX("auth-type"),
    PREFIX("iv-"),
    PREFIX("sm-"),
    PREFIX("smuser"),
    /* Client certificates that nobody checked. */
    PREFIX("x-ssl-"),
    PREFIX("ssl-"),
    PREFIX("x-tls-"),
    PREFIX("x-mtls-"),
    PREFIX("x-client-cert"),
    PREFIX("x-client-dn"),
    PREFIX("x-client-subject"),
    PREFIX("x-client-verify"),
    PREFIX("client-cert"),
    PREFIX("x-arr-"),
    PREFIX("x-wso2-"),
    /* Control headers of products. */
    PREFIX("$ws"),
    PREFIX("x-pan-"),
    PREFIX("x-f5-"),
    /* Ours. */
    PREFIX("x-postern"),
    PREFIX("postern"),
    /* Hop-by-hop, and the one that CGI turns into HTTP_PROXY. */
    EXACT("proxy"),
    PREFIX("proxy-"),
    EXACT("http2-settings"),
    EXACT("alt-used"),
};

static const struct pattern dropped_from_responses[] = {
    PREFIX("x-postern"),
    PREFIX("postern"),
    PREFIX("proxy-"),
    EXACT("proxy"),
    EXACT("http2-settings"),
    /* Sends browsers to another port, past the gateway. */
    EXACT("alt-svc"),
    EXACT("public-key-pins"),
    EXACT("public-key-pins-report-only"),
    /* Name the product and its version. */
    EXACT("x-powered-by"),
    EXACT("x-aspnet-version"),
    EXACT("x-aspnetmvc-version"),
    /* Instructions to a front server that postern is not. */
    PREFIX("x-accel-"),
    EXACT("x-sendfile"),
    EXACT("x-lighttpd-send-file"),
};

/* The letters that some pattern begins with: most names are done after one look. */
static bool may_match(uint8_t first)
{
    return memchr("x$acfhioprstw", first, 13) != NULL;
}

/* No pattern is longer; a longer name is compared by its beginning. */
#define FOLD_MAX 32

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

static bool matches(const struct pattern *table, size_t count, struct span folded, size_t full_len)
{
    for (size_t i = 0; i < count; i++) {
        struct span p = table[i].name;
        if (p.at[0] == folded.at[0] && folded.len >= p.len &&
            (table[i].prefix || p.len == full_len) && memcmp(p.at, folded.at, p.len) == 0)
            return true;
    }
    return false;
}

static bool is_dropped(struct span name, const struct pattern *table, size_t count)
{
    uint8_t bytes[FOLD_MAX];
    size_t len;
    if (name.len == 0)
        return true;
    bool changed = fold(name, bytes, &len);
    struct span folded = span_of(bytes, len);
    if (may_match(bytes[0]) && matches(table, count, folded, name.len))
        return true;
    /* "content_length", "transfer.encoding", "sec_fetch_site": a header that the parser did not
     * judge must not become one that it would have. */
    return changed && len == name.len && header_find_id(folded) != HEADER_OTHER;
}

enum passage hygiene_request(const struct header *h, bool strip_authorization)
{
    if (h->id == HEADER_AUTHORIZATION)
        return strip_authorization ? DROP : PASS;
    if (h->id != HEADER_OTHER)
        return (enum passage)request_passage[h->id];
    return is_dropped(h->name, dropped_from_requests, countof(dropped_from_requests)) ? DROP : PASS;
}

enum passage hygiene_response(const struct header *h)
{
    if (h->id != HEADER_OTHER)
        return (enum passage)response_passage[h->id];
    return is_dropped(h->name, dropped_from_responses, countof(dropped_from_responses)) ? DROP
                                                                                        : PASS;
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
