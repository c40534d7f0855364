/* No client can tell an upstream who it is, where it comes from, or where a message ends. */
#include "tests/unit/unit.h"

#include "http/chars.h"
#include "http/hygiene.h"

static enum passage request(struct span name)
{
    struct header h = {name, SPAN("x"), header_find_id(name)};
    return hygiene_request(&h, false);
}

static enum passage response(const char *name)
{
    struct header h = {span_str(name), SPAN("x"), header_find_id(span_str(name))};
    return hygiene_response(&h);
}

static const char *const identity[] = {
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Prefix",
    "X-Forwarded-Ssl",
    "X-Forwarded-Scheme",
    "X-Forwarded-By",
    "X-Forwarded",
    "Forwarded",
    "Forwarded-For",
    "X-Real-IP",
    "X-Client-IP",
    "Client-IP",
    "True-Client-IP",
    "X-Cluster-Client-IP",
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "CF-Access-Jwt-Assertion",
    "Fastly-Client-IP",
    "X-Azure-ClientIP",
    "X-Appengine-User-IP",
    "X-Envoy-External-Address",
    "X-Originating-IP",
    "X-Source-IP",
    "X-Remote-IP",
    "X-Remote-Addr",
    "X-Host",
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Host",
    "X-Original-Forwarded-For",
    "X-Rewrite-URL",
    "X-HTTP-Host-Override",
    "X-Scheme",
    "X-Url-Scheme",
    "X-Https",
    "Front-End-Https",
    "X-ProxyHost",
    "X-ProxyContextPath",
    "X-ProxiedEntitiesChain",
    "X-Script-Name",
    "Script-Name",
    "X-Remote-User",
    "Remote-User",
    "Remote-Groups",
    "Remote-Email",
    "X-Auth-User",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Username",
    "X-WebAuth-User",
    "X-WebAuth-Role",
    "X-User",
    "X-User-Id",
    "X-Username",
    "X-User-Roles",
    "X-Email",
    "X-Groups",
    "X-Roles",
    "X-Authenticated-User",
    "X-Authentik-Username",
    "X-JWT-Assertion",
    "X-Goog-IAP-JWT-Assertion",
    "X-Goog-Authenticated-User-Email",
    "X-Amzn-Oidc-Identity",
    "X-MS-Client-Principal",
    "X-Pomerium-Jwt-Assertion",
    "OIDC-Claim-Sub",
    "Auth-User",
    "IV-User",
    "SM-User",
    "SMUSER",
    "X-SSL-Client-Cert",
    "X-SSL-Client-Verify",
    "X-SSL-Client-S-DN",
    "SSL-Client-Cert",
    "SSL-Client-S-DN",
    "SSL-Client-Verify",
    "X-Client-Cert",
    "X-Client-Certificate",
    "X-Client-DN",
    "X-Client-Verify",
    "Client-Cert",
    "Client-Cert-Chain",
    "X-TLS-Client-Cert",
    "X-ARR-ClientCert",
    "X-WSO2-CLIENT-CERTIFICATE",
    "$WSRA",
    "$WSRU",
    "$WSSN",
    "$WSCC",
    "$WSSC",
    "X-PAN-AUTHCHECK",
    "X-F5-Auth-Token",
    "X-Postern-User",
    "X-Postern-Assertion",
    "Postern-User",
    "Postern-Token",
    "Proxy",
    "Proxy-Authorization",
    "Proxy-Connection",
    "HTTP2-Settings",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Via",
    "X-Sendfile-Type",
    "X-Accel-Mapping",
    "Set-Cookie",
};

/* Each of them in every case and with '-', '_' and '.' in every place. */
static void no_spelling_of_a_trusted_header_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(identity); i++) {
        struct span name = span_str(identity[i]);
        uint8_t text[64];
        assert_true(name.len < sizeof(text));
        assert_int_equal(request(name), DROP);
        for (unsigned upper = 0; upper < 2; upper++) {
            for (unsigned seps = 0; seps < 81; seps++) {
                unsigned choice = seps;
                for (size_t k = 0; k < name.len; k++) {
                    uint8_t c = char_lower(name.at[k]);
                    if (c == '-') {
                        c = (uint8_t) "-_."[choice % 3];
                        choice /= 3;
                    } else if (upper && c >= 'a' && c <= 'z') {
                        c = (uint8_t)(c - 32);
                    }
                    text[k] = c;
                }
                if (request(span_of(text, name.len)) != DROP)
                    fail_msg("%.*s passes", (int)name.len, (const char *)text);
            }
        }
    }
}

static void a_header_that_folds_onto_framing_is_dropped(void **state)
{
    (void)state;
    static const char *const folded[] = {"Content_Length",    "content.length", "Transfer_Encoding",
                                         "transfer.Encoding", "Set_Cookie",     "Keep_Alive",
                                         "User_Agent",        "Sec_Fetch_Site", "Sec_WebSocket-Key",
                                         "X_Requested_With"};
    for (size_t i = 0; i < countof(folded); i++)
        assert_int_equal(request(span_str(folded[i])), DROP);
}

static void ordinary_headers_pass_as_they_are(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Origin",
        "Referer",
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "User-Agent",
        "Content-Type",
        "If-None-Match",
        "If-Match",
        "Range",
        "Cache-Control",
        "SOAPAction",
        "X-CSRF-Token",
        "X-XSRF-TOKEN",
        "X-Requested-With",
        "X-API-Key",
        "OSLC-Core-Version",
        "Configuration-Context",
        "vvc.configuration",
        "net.jazz.jfs.owning-context",
        "DoorsRP-Request-Type",
        "X-com-ibm-team-repository-web-auth-msg",
        "vmware-api-session-id",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-Fetch-Site",
        "Upgrade-Insecure-Requests",
        "Private_Header",
        "my.header",
        "Priority",
        "DNT",
        "X-Docker-Registry",
        "X-Registry-Auth",
        "X-PortainerAgent-Target",
        "Depth",
        "Authorization",
        "X-Request-Id",
        "Traceparent",
        "Client-Version",
        "Idempotency-Key",
    };
    for (size_t i = 0; i < countof(names); i++)
        if (request(span_str(names[i])) != PASS)
            fail_msg("%s does not pass", names[i]);
}

static void the_proxy_makes_what_frames_and_routes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Host", "connection", "CONTENT-LENGTH", "Transfer-Encoding", "Expect", "Upgrade", "Cookie"};
    for (size_t i = 0; i < countof(names); i++)
        assert_int_equal(request(span_str(names[i])), REWRITE);
}

static void authorization_is_dropped_when_it_was_ours(void **state)
{
    (void)state;
    struct header h = {SPAN("authorization"), SPAN("Bearer pst_x"), HEADER_AUTHORIZATION};
    assert_int_equal(hygiene_request(&h, true), DROP);
    assert_int_equal(hygiene_request(&h, false), PASS);
}

static void an_answer_says_nothing_about_the_product_or_the_way(void **state)
{
    (void)state;
    static const char *const dropped[] = {"Server",
                                          "X-Powered-By",
                                          "Alt-Svc",
                                          "Keep-Alive",
                                          "Trailer",
                                          "Proxy-Authenticate",
                                          "Strict-Transport-Security",
                                          "X-Postern-User",
                                          "postern_token",
                                          "X-Accel-Redirect",
                                          "Public-Key-Pins",
                                          "x_powered_by",
                                          "TE"};
    static const char *const rewritten[] = {"Connection",
                                            "Content-Length",
                                            "Transfer-Encoding",
                                            "Upgrade",
                                            "Set-Cookie",
                                            "Location",
                                            "Content-Location",
                                            "Refresh",
                                            "Link",
                                            "Content-Security-Policy",
                                            "Content-Security-Policy-Report-Only",
                                            "Access-Control-Allow-Origin"};
    static const char *const passed[] = {"Content-Type",
                                         "ETag",
                                         "Date",
                                         "Vary",
                                         "WWW-Authenticate",
                                         "X-Frame-Options",
                                         "Cache-Control",
                                         "X-com-ibm-team-repository-web-auth-msg",
                                         "Sec-WebSocket-Accept",
                                         "Referrer-Policy",
                                         "Content-Encoding",
                                         "my.header",
                                         "Via"};
    for (size_t i = 0; i < countof(dropped); i++)
        if (response(dropped[i]) != DROP)
            fail_msg("%s is not dropped", dropped[i]);
    for (size_t i = 0; i < countof(rewritten); i++)
        assert_int_equal(response(rewritten[i]), REWRITE);
    for (size_t i = 0; i < countof(passed); i++)
        if (response(passed[i]) != PASS)
            fail_msg("%s does not pass", passed[i]);
}

static void connection_names_hop_by_hop_headers_only(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool ok;
    } cases[] = {
        {"", true},
        {"close", true},
        {"Keep-Alive, TE", true},
        {"upgrade,http2-settings", true},
        {" , close , ", true},
        {"x-f5-auth-token", false},
        {"close, cookie", false},
        {"host", false},
        {"content-length", false},
        {"close keep-alive", false},
        {"keep_alive", false},
        {"close;q=1", false},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct header list[] = {
            {SPAN("Connection"), SPAN("close"), HEADER_CONNECTION},
            {SPAN("X"), SPAN("cookie"), HEADER_OTHER},
            {SPAN("Connection"), span_str(cases[i].value), HEADER_CONNECTION},
        };
        struct headers h = {list, countof(list)};
        assert_int_equal(hygiene_connection_ok(&h), cases[i].ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_spelling_of_a_trusted_header_passes),
        cmocka_unit_test(a_header_that_folds_onto_framing_is_dropped),
        cmocka_unit_test(ordinary_headers_pass_as_they_are),
        cmocka_unit_test(the_proxy_makes_what_frames_and_routes),
        cmocka_unit_test(authorization_is_dropped_when_it_was_ours),
        cmocka_unit_test(an_answer_says_nothing_about_the_product_or_the_way),
        cmocka_unit_test(connection_names_hop_by_hop_headers_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
