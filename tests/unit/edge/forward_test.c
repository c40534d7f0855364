#include "tests/unit/unit.h"

#include "base/fault.h"
#include "edge/forward.h"

#define HEAD_MAX (64u * 1024)
static const struct h1_limits limits = {HEAD_MAX, 200};

static struct arena arena;
static struct request request;
static struct response response;
static struct route_def route;
static struct addr upstream_addr;
static struct upstream_def upstream;
static struct forward forward;
static struct buf out;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 8192, 1024 * 1024);
    buf_init(&out, HEAD_MAX);
    request = (struct request){0};
    response = (struct response){0};
    route =
        (struct route_def){.name = "app", .host = "app.example", .upstream_host = "", .path = ""};
    assert_int_equal(addr_parse(SPAN("127.0.0.1"), &upstream_addr), 0);
    upstream = (struct upstream_def){.addrs = &upstream_addr, .addr_count = 1, .port = 8080};
    forward = (struct forward){.request = &request,
                               .route = &route,
                               .upstream = &upstream,
                               .hsts = true,
                               .via = "postern-gw.example"};
    assert_int_equal(addr_parse(SPAN("192.0.2.7"), &forward.source), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    buf_fini(&out);
    return 0;
}

static void given_request(const char *head)
{
    unsigned status = 0;
    const char *why = "";
    if (h1_request_parse(span_str(head), &limits, &arena, &request, &status, &why) < 0)
        fail_msg("%u %s", status, why);
    forward.target = request.target;
}

static void given_response(const char *head)
{
    const char *why = "";
    if (h1_response_parse(span_str(head), request.method, &arena, &response, &why) < 0)
        fail_msg("%s", why);
}

static const char *text(void)
{
    char *copy = arena_string(&arena, buf_view(&out));
    return copy != NULL ? copy : "";
}

static const char *request_out(bool *chunked)
{
    assert_int_equal(forward_request(&forward, &out, chunked), 0);
    return text();
}

static const char *response_out(struct forward_reply *reply)
{
    assert_int_equal(forward_response(&forward, &response, reply, &out), 0);
    return text();
}

static void has(const char *head, const char *line)
{
    if (strstr(head, line) == NULL)
        fail_msg("no \"%s\" in:\n%s", line, head);
}

static void lacks(const char *head, const char *line)
{
    if (strcasestr(head, line) != NULL)
        fail_msg("\"%s\" in:\n%s", line, head);
}

/* Whatever goes up must be read by our own strict reader as one request. */
static void is_one_request(const char *head)
{
    struct request again;
    unsigned status;
    const char *why = "";
    size_t scanned = 0;
    assert_int_equal(h1_head_find(span_str(head), &scanned, &limits, &status), strlen(head));
    if (h1_request_parse(span_str(head), &limits, &arena, &again, &status, &why) < 0)
        fail_msg("%s", why);
}

static void spoofed_headers_do_not_pass_in_any_spelling(void **state)
{
    (void)state;
    bool chunked;
    given_request("GET /a?b HTTP/1.1\r\nHost: App.example:9443\r\nX-Forwarded-For: 1\r\n"
                  "x_forwarded_for: 2\r\nX.Forwarded.For: 3\r\nForwarded: for=4\r\n$WSRU: root\r\n"
                  "X-Postern-User: x\r\nPostern-Token: pst_x\r\nTE: trailers\r\nTrailer: X\r\n"
                  "Keep-Alive: 5\r\nProxy-Authorization: x\r\nVia: 1.0 other\r\n\r\n");
    const char *head = request_out(&chunked);
    is_one_request(head);
    has(head, "GET /a?b HTTP/1.1\r\nHost: app.example:9443\r\n");
    has(head, "\r\nX-Forwarded-For: 192.0.2.7\r\n");
    has(head, "\r\nX-Forwarded-Proto: https\r\n");
    has(head, "\r\nX-Forwarded-Port: 9443\r\n");
    has(head, "\r\nVia: 1.1 postern-gw.example\r\n");
    lacks(head, "x_forwarded");
    lacks(head, "X.Forwarded");
    lacks(head, "$WS");
    lacks(head, "pst_");
    lacks(head, "postern-user");
    lacks(head, "\r\nTE:");
    lacks(head, "other");
    lacks(head, "proxy-");
}

static void own_cookies_stay_here_and_others_become_one_line(void **state)
{
    (void)state;
    bool chunked;
    given_request("GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1; __Host-postern-9443=secret\r\n"
                  "Cookie: __Host-postern-sso-9443=secret\r\nCookie: y=2\r\n\r\n");
    const char *head = request_out(&chunked);
    has(head, "\r\nCookie: x=1; y=2\r\n");
    lacks(head, "secret");
}

static void only_own_cookies_leave_no_cookie_line(void **state)
{
    (void)state;
    bool chunked;
    given_request("GET / HTTP/1.1\r\nHost: a\r\nCookie: __Host-postern-9443=secret\r\n\r\n");
    lacks(request_out(&chunked), "cookie");
}

static void an_injected_credential_replaces_the_clients(void **state)
{
    (void)state;
    bool chunked;
    forward.inject = SPAN("Basic YWRtaW46");
    given_request("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic bWluZQ==\r\n\r\n");
    const char *head = request_out(&chunked);
    has(head, "\r\nAuthorization: Basic YWRtaW46\r\n");
    lacks(head, "bWluZQ");
}

static void a_foreign_credential_passes_and_our_token_does_not(void **state)
{
    (void)state;
    bool chunked;
    given_request("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n");
    has(request_out(&chunked), "\r\nAuthorization: Bearer x\r\n");
    buf_clear(&out);
    forward.strip_authorization = true;
    lacks(request_out(&chunked), "authorization");
}

static void an_injected_line_break_is_a_fault(void **state)
{
    (void)state;
    bool chunked;
    forward.inject = SPAN("Basic x\r\nX: y");
    given_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(forward_request(&forward, &out, &chunked) < 0);
}

static void the_framing_is_ours(void **state)
{
    (void)state;
    bool chunked;
    given_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
    const char *head = request_out(&chunked);
    assert_false(chunked);
    has(head, "\r\nContent-Length: 7\r\n");
    buf_clear(&out);
    given_request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    head = request_out(&chunked);
    assert_true(chunked);
    has(head, "\r\nTransfer-Encoding: chunked\r\n");
    is_one_request(head);
}

static void a_fixed_host_replaces_the_clients(void **state)
{
    (void)state;
    bool chunked;
    route.host_policy = HOST_FIXED;
    route.upstream_host = "vcenter.internal";
    given_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const char *head = request_out(&chunked);
    has(head, "\r\nHost: vcenter.internal\r\n");
    has(head, "\r\nX-Forwarded-Host: a\r\n");
}

static void a_loop_is_seen_in_any_via(void **state)
{
    (void)state;
    static const struct {
        const char *via;
        bool loop;
    } rows[] = {
        {"1.1 postern-gw.example", true},          {"1.0 a, 1.1 POSTERN-gw.example (x)", true},
        {"HTTP/1.1  postern-gw.example", true},    {"1.1 postern-gw.example2", false},
        {"1.1 other (postern-gw.example)", false}, {",,", false},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        given_request(arena_printf(
            &arena, "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 first\r\nVia: %s\r\n\r\n", rows[i].via));
        assert_int_equal(forward_loops(&request.headers, forward.via), rows[i].loop);
    }
}

static void the_upstreams_own_name_does_not_leak(void **state)
{
    (void)state;
    struct forward_reply reply = {.client_11 = true};
    given_request("GET / HTTP/1.1\r\nHost: app.example:9443\r\n\r\n");
    given_response("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:8080/x\r\nServer: T/1\r\n"
                   "Refresh: 5; url=http://127.0.0.1:8080/y\r\nConnection: close\r\n"
                   "Set-Cookie: a=b; Domain=x\r\nSet-Cookie: __Host-postern-9443=evil\r\n"
                   "Content-Length: 0\r\n\r\n");
    const char *head = response_out(&reply);
    has(head, "HTTP/1.1 302 Found\r\n");
    has(head, "\r\nLocation: https://app.example:9443/x\r\n");
    has(head, "https://app.example:9443/y\r\n");
    has(head, "\r\nContent-Length: 0\r\n");
    lacks(head, "server:");
    lacks(head, "8080");
    lacks(head, "evil");
    lacks(head, "connection:");
    assert_false(reply.close);
}

static void a_foreign_location_stays(void **state)
{
    (void)state;
    struct forward_reply reply = {.client_11 = true};
    given_request("GET / HTTP/1.1\r\nHost: app.example:9443\r\n\r\n");
    given_response(
        "HTTP/1.1 302 Found\r\nLocation: https://idp.example/?r=http://127.0.0.1:8080/\r\n"
        "Content-Length: 0\r\n\r\n");
    has(response_out(&reply), "\r\nLocation: https://idp.example/?r=http://127.0.0.1:8080/\r\n");
}

static void an_unknown_end_is_chunks_or_the_end_of_the_connection(void **state)
{
    (void)state;
    struct forward_reply reply = {.client_11 = true, .date = "now"};
    given_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    given_response("HTTP/1.0 200 OK\r\n\r\n");
    const char *head = response_out(&reply);
    has(head, "\r\nTransfer-Encoding: chunked\r\n");
    has(head, "\r\nDate: now\r\n");
    assert_true(reply.chunked && !reply.close);
    buf_clear(&out);
    reply = (struct forward_reply){.client_11 = false};
    head = response_out(&reply);
    has(head, "\r\nConnection: close\r\n");
    lacks(head, "chunked");
    assert_true(reply.close && !reply.chunked);
}

static void head_and_304_keep_the_length_that_would_be(void **state)
{
    (void)state;
    struct forward_reply reply = {.client_11 = true, .head_only = true};
    given_request("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    given_response("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
    has(response_out(&reply), "\r\nContent-Length: 1234\r\n");
    buf_clear(&out);
    given_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    lacks(response_out(&reply), "chunked");
    assert_false(reply.chunked);
}

static void a_switch_of_protocols_says_so(void **state)
{
    (void)state;
    struct forward_reply reply = {.client_11 = true, .upgrade = true};
    given_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    given_response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Protocol: p\r\n\r\n");
    const char *head = response_out(&reply);
    has(head, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    has(head, "\r\nSec-WebSocket-Protocol: p\r\n");
    lacks(head, "content-length");
}

static void a_full_buffer_is_a_fault_and_never_half_a_head(void **state)
{
    (void)state;
    bool chunked;
    struct buf small;
    given_request("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n");
    for (size_t max = 1; max < 250; max++) {
        buf_init(&small, max);
        int rc = forward_request(&forward, &small, &chunked);
        assert_true(rc < 0 || buf_len(&small) <= max);
        assert_int_equal(rc < 0, small.bad);
        buf_fini(&small);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spoofed_headers_do_not_pass_in_any_spelling),
        TEST(own_cookies_stay_here_and_others_become_one_line),
        TEST(only_own_cookies_leave_no_cookie_line),
        TEST(an_injected_credential_replaces_the_clients),
        TEST(a_foreign_credential_passes_and_our_token_does_not),
        TEST(an_injected_line_break_is_a_fault),
        TEST(the_framing_is_ours),
        TEST(a_fixed_host_replaces_the_clients),
        TEST(a_loop_is_seen_in_any_via),
        TEST(the_upstreams_own_name_does_not_leak),
        TEST(a_foreign_location_stays),
        TEST(an_unknown_end_is_chunks_or_the_end_of_the_connection),
        TEST(head_and_304_keep_the_length_that_would_be),
        TEST(a_switch_of_protocols_says_so),
        TEST(a_full_buffer_is_a_fault_and_never_half_a_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
