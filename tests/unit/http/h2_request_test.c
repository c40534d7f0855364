/* HTTP/2 heads: what HTTP/1.1 would be refused for is refused, what the version itself forbids is
 * reset, and the rest is the same request that HTTP/1.1 makes. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/h2_request.h"

#define RESET (-1)

static const struct h1_limits limits = {4096, 20};

/* Fields are separated by '|', a name from its value by the first '='. */
struct row {
    const char *text;
    size_t len;
    int expect; /* 0: a request; RESET: malformed; else the status of the answer */
    bool open;  /* no END_STREAM */
};

#define R(text, expect)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1, expect, false                                                      \
    }
/* With a body to come. */
#define B(text, expect)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1, expect, true                                                       \
    }
#define GET_TO(path) ":method=GET|:scheme=https|:authority=a.example:9443|:path=" path
#define GET GET_TO("/")
#define POST ":method=POST|:scheme=https|:authority=a.example|:path=/"

static void fill(struct h2_head *h, const char *text, size_t len)
{
    struct span rest = span_of(text, len), field, name;
    h2_head_begin(h, &limits);
    while (span_cut(&rest, '|', &field)) {
        (void)span_cut(&field, '=', &name);
        h2_head_add(h, name, field);
    }
}

struct outcome {
    int rc;
    unsigned status;
    const char *why;
    struct request r;
};

static struct outcome make(struct h2_head *h, struct arena *a, bool end, bool websocket)
{
    struct outcome o = {0};
    struct h2_request_more more = {.end = end, .websocket = websocket, .nonce = "0123456789abcde"};
    o.rc = h2_request_make(h, &more, a, &o.r, &o.status, &o.why);
    return o;
}

static const struct row rows[] = {
    /* Whole requests. */
    R(GET, 0),
    R(":path=/|:authority=a.example|:scheme=https|:method=GET", 0),
    R(":method=HEAD|:scheme=https|:authority=a.example|:path=/a/b?c=d", 0),
    R(":method=OPTIONS|:scheme=https|:authority=a.example|:path=*", 0),
    R(":method=GET|:scheme=HTTPS|:authority=a.example|:path=/", 0),
    R(":method=GET|:scheme=https|:path=/|host=a.example", 0),
    R(":method=GET|:scheme=https|:authority=A.Example|:path=/|host=a.example", 0),
    R(GET "|accept=*/*|x_y.z=1", 0),
    R(GET "|te=trailers", 0),
    R(GET "|te=Trailers", 0),
    R(GET "|empty=", 0),
    R(GET "|x=a b\tc", 0),
    R(GET "|x=\xc3\xa9", 0),
    R(GET "|cookie=a=b|cookie=c=d", 0),
    R(GET "|content-length=0", 0),
    R(GET_TO("/a;jsessionid=1/b"), 0),
    R(GET_TO("/%41"), 0),
    R(GET_TO("/a/../b"), 0),
    B(POST, 0),
    B(POST "|content-length=5", 0),
    B(POST "|expect=100-continue", 0),
    R(":method=PROPFIND|:scheme=https|:authority=a.example|:path=/", 0),

    /* Pseudo headers (RFC 9113 section 8.3). */
    R("", RESET),
    R(":scheme=https|:authority=a.example|:path=/", RESET),
    R(":method=|:scheme=https|:authority=a.example|:path=/", RESET),
    R(":method=GET|:authority=a.example|:path=/", RESET),
    R(":method=GET|:scheme=https|:authority=a.example", RESET),
    R(":method=GET|:scheme=https|:authority=a.example|:path=", RESET),
    R(GET "|:path=/", RESET),
    R(":method=GET|" GET, RESET),
    R(":scheme=https|" GET, RESET),
    R(":authority=a.example|" GET, RESET),
    R(GET "|:status=200", RESET),
    R(GET "|:foo=bar", RESET),
    R(GET "|:=x", RESET),
    R(GET "|:Method=GET", RESET),
    R("accept=*/*|" GET, RESET),
    R(":method=GET|accept=*/*|:scheme=https|:authority=a.example|:path=/", RESET),
    R(":method=GET|:scheme=https|accept=*/*|:path=/", RESET),
    R(GET "|:protocol=websocket", RESET),
    R(":method=CONNECT|:protocol=websocket|:scheme=https|:path=/|:authority=a.example", RESET),

    /* Methods. */
    R(":method=CONNECT|:authority=a.example:443", 405),
    R(":method=CONNECT|:authority=a.example|:path=/", RESET),
    R(":method=CONNECT|:scheme=https|:authority=a.example", RESET),
    R(":method=CONNECT|:scheme=https|:authority=a.example|:path=/", RESET),
    R(":method=TRACE|:scheme=https|:authority=a.example|:path=/", 405),
    R(":method=get|:scheme=https|:authority=a.example|:path=/", 501),
    R(":method=FOO|:scheme=https|:authority=a.example|:path=/", 501),
    R(":method=GE T|:scheme=https|:authority=a.example|:path=/", 400),
    R(":method=GET |:scheme=https|:authority=a.example|:path=/", RESET),
    R(":method=G\0ET|:scheme=https|:authority=a.example|:path=/", RESET),
    R(":method=GET\r\nX: y|:scheme=https|:authority=a.example|:path=/", RESET),
    R(":method=GET / HTTP/1.1|:scheme=https|:authority=a.example|:path=/", 400),

    /* Schemes. */
    R(":method=GET|:scheme=http|:authority=a.example|:path=/", 400),
    R(":method=GET|:scheme=|:authority=a.example|:path=/", 400),
    R(":method=GET|:scheme=ftp|:authority=a.example|:path=/", 400),
    R(":method=GET|:scheme=https://x/?|:authority=a.example|:path=/", 400),

    /* Authorities. */
    R(":method=GET|:scheme=https|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=u@a.example|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=a.example/x|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=a.example, b.example|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=a.example:|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=a.example:0|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=a.example:99999|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=a.example:x|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=[::1|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=a.ex\xc3\xa4mple|:path=/", 400),
    R(":method=GET|:scheme=https|:authority=a.example|:path=/|host=b.example", 400),
    R(":method=GET|:scheme=https|:authority=a.example|:path=/|host=a.example:9443", 400),
    R(":method=GET|:scheme=https|:authority=a.example|:path=/|host=", 400),
    R(":method=GET|:scheme=https|:authority=a.example|:path=/|host=a.example|host=a.example", 400),
    R(":method=GET|:scheme=https|:path=/|host=a.example|host=b.example", 400),
    R(":method=GET|:scheme=https|:path=/|host=a.example, b.example", 400),
    R(":method=GET|:scheme=https|:authority= a.example|:path=/", RESET),
    R(":method=GET|:scheme=https|:authority=a.example\r\nx: y|:path=/", RESET),

    /* Paths: what http/uri.c refuses, and the forms of HTTP/1.1 that HTTP/2 does not have. */
    R(GET_TO("a"), 400),
    R(GET_TO("*"), 400),
    R(GET_TO("https://a.example:9443/"), 400),
    R(GET_TO("http://b.example/"), 400),
    R(":method=OPTIONS|:scheme=https|:authority=a.example|:path=*/x", 400),
    R(GET_TO("/#x"), 400),
    R(GET_TO("/a b"), 400),
    R(GET_TO("/ HTTP/1.1"), 400),
    R(GET_TO("/\xc3\xa9"), 400),
    R(GET_TO("/a%2fb"), 400),
    R(GET_TO("/a%2Fb"), 400),
    R(GET_TO("/a\\b"), 400),
    R(GET_TO("/a%5cb"), 400),
    R(GET_TO("/%00"), 400),
    R(GET_TO("/%0d%0aX:y"), 400),
    R(GET_TO("/%2e%2e/x"), 400),
    R(GET_TO("/..;/x"), 400),
    R(GET_TO("/a/..;x=y/b"), 400),
    R(GET_TO("/../x"), 400),
    R(GET_TO("/%252e%252e/x"), 400),
    R(GET_TO("/%"), 400),
    R(GET_TO("/%zz"), 400),
    R(GET_TO("/\r\nX: y"), RESET),
    R(GET_TO("/\nX: y"), RESET),
    R(GET_TO("/\x7f"), RESET),
    R(GET_TO("/a "), RESET),
    R(GET_TO(" /"), RESET),

    /* Names (section 8.2.1). */
    R(GET "|Accept=*/*", RESET),
    R(GET "|X-Y=z", RESET),
    R(GET "|=x", RESET),
    R(GET "|a b=x", RESET),
    R(GET "|a:b=x", RESET),
    R(GET "|host =a.example:9443", RESET),
    R(GET "|\xc3\xa9=x", RESET),
    R(GET "|a\0b=x", RESET),
    R(GET "|a\r\nb=x", RESET),
    R(GET "|transfer-encoding =chunked", RESET),
    R(GET "|\"x\"=y", RESET),
    R(GET "|a/b=y", RESET),

    /* Values. */
    R(GET "|x= a", RESET),
    R(GET "|x=a ", RESET),
    R(GET "|x=\ta", RESET),
    R(GET "|x=a\t", RESET),
    R(GET "|x= ", RESET),
    R(GET "|x=a\rb", RESET),
    R(GET "|x=a\nb", RESET),
    R(GET "|x=a\r\nhost: b.example", RESET),
    R(GET "|x=a\0b", RESET),
    R(GET "|x=\x01", RESET),
    R(GET "|x=\x7f", RESET),
    R(GET "|x=\r\n\r\nGET /admin HTTP/1.1", RESET),

    /* What speaks of the connection (section 8.2.2). */
    R(GET "|connection=close", RESET),
    R(GET "|connection=keep-alive", RESET),
    R(GET "|connection=x", RESET),
    R(GET "|keep-alive=1", RESET),
    R(GET "|proxy-connection=close", RESET),
    R(GET "|transfer-encoding=chunked", RESET),
    B(POST "|transfer-encoding=chunked", RESET),
    B(POST "|transfer-encoding=identity", RESET),
    B(POST "|transfer-encoding=chunked|content-length=3", RESET),
    R(GET "|upgrade=websocket", RESET),
    R(GET "|upgrade=h2c", RESET),
    R(GET "|te=gzip", RESET),
    R(GET "|te=trailers, gzip", RESET),
    R(GET "|te=", RESET),

    /* Lengths. */
    R(POST "|content-length=5", RESET),
    B(POST "|content-length=5|content-length=5", RESET),
    B(POST "|content-length=5|content-length=6", RESET),
    B(POST "|content-length=5, 5", RESET),
    B(POST "|content-length=+5", RESET),
    B(POST "|content-length=-5", RESET),
    B(POST "|content-length=0x5", RESET),
    B(POST "|content-length=", RESET),
    B(POST "|content-length=5 5", RESET),
    B(POST "|content-length=99999999999999999999", RESET),
    B(POST "|content-length=9223372036854775808", RESET),

    /* What may be said once, and expectations. */
    R(GET "|authorization=a|authorization=b", 400),
    R(GET "|origin=a|origin=b", 400),
    R(GET "|sec-fetch-site=none|sec-fetch-site=none", 400),
    R(GET "|postern-token=a|postern-token=b", 400),
    B(POST "|content-type=a|content-type=b", 400),
    B(POST "|expect=200-ok", 417),
    B(POST "|expect=100-continue|expect=100-continue", 400),
};

static void every_row_is_judged_as_written(void **state)
{
    (void)state;
    struct h2_head h;
    struct arena a;
    h2_head_init(&h);
    arena_init(&a, 8192, 1 << 20);
    for (size_t i = 0; i < countof(rows); i++) {
        const struct row *row = &rows[i];
        fill(&h, row->text, row->len);
        struct outcome o = make(&h, &a, !row->open, false);
        int got = o.rc == 0 ? 0 : h.malformed != NULL ? RESET : (int)o.status;
        if (got != row->expect)
            fail_msg("row %zu \"%s\": got %d (%s), expected %d", i, row->text, got, o.why,
                     row->expect);
        if (o.rc < 0) {
            assert_true(o.status >= 400);
            assert_true(strlen(o.why) > 0);
        } else {
            assert_true(o.r.h2);
            assert_int_equal(o.r.minor, 1);
            assert_true(o.r.authority.len > 0);
        }
        arena_reset(&a);
    }
    assert_true(countof(rows) >= 120);
    arena_fini(&a);
    h2_head_fini(&h);
}

static struct outcome read_one(struct h2_head *h, struct arena *a, const char *text, bool end)
{
    fill(h, text, strlen(text));
    return make(h, a, end, true);
}

static void a_request_has_the_fields_of_its_kind(void **state)
{
    (void)state;
    struct h2_head h;
    struct arena a;
    h2_head_init(&h);
    arena_init(&a, 8192, 1 << 20);
    struct outcome o = read_one(&h, &a,
                                ":method=PUT|:scheme=https|:authority=A.Example:9443|:path=/a//b?c"
                                "|cookie=a=b|x=1|cookie=c=d|cookie=|content-length=7",
                                false);
    assert_int_equal(o.rc, 0);
    assert_true(span_is(o.r.method, "PUT"));
    assert_true(span_is(o.r.target, "/a//b?c"));
    assert_true(span_is(o.r.canonical, "/a/b"));
    assert_true(span_is(o.r.query, "c"));
    assert_true(span_is(o.r.authority, "a.example:9443"));
    assert_true(span_is(o.r.host, "a.example"));
    assert_int_equal(o.r.port, 9443);
    assert_int_equal(o.r.framing, BODY_LENGTH);
    assert_int_equal(o.r.length, 7);
    assert_int_equal(headers_count(&o.r.headers, HEADER_COOKIE), 1);
    assert_true(span_is(headers_find(&o.r.headers, HEADER_COOKIE)->value, "a=b; c=d; "));
    assert_int_equal(headers_count(&o.r.headers, HEADER_HOST), 1);
    o = read_one(&h, &a, POST, false);
    assert_int_equal(o.r.framing, BODY_CHUNKED);
    o = read_one(&h, &a, POST, true);
    assert_int_equal(o.r.framing, BODY_NONE);
    o = read_one(&h, &a, POST "|expect=100-continue", false);
    assert_true(o.r.expect_continue);
    o = read_one(&h, &a, POST "|expect=100-continue", true);
    assert_false(o.r.expect_continue);
    arena_fini(&a);
    h2_head_fini(&h);
}

#define EXTENDED ":method=CONNECT|:protocol=websocket|:scheme=https|:path=/ws|:authority=a.example"

static void an_extended_connect_becomes_an_opening_handshake(void **state)
{
    (void)state;
    struct h2_head h;
    struct arena a;
    h2_head_init(&h);
    arena_init(&a, 8192, 1 << 20);
    struct outcome o = read_one(&h, &a, EXTENDED "|sec-websocket-version=13|origin=x", false);
    assert_int_equal(o.rc, 0);
    assert_true(o.r.upgrade_websocket);
    assert_true(span_is(o.r.method, "GET"));
    assert_int_equal(o.r.framing, BODY_NONE);
    assert_int_equal(headers_find(&o.r.headers, HEADER_SEC_WEBSOCKET_KEY)->value.len, 24);
    static const struct {
        const char *text;
        int expect;
    } bad[] = {
        {EXTENDED, 400},
        {EXTENDED "|sec-websocket-version=8", 400},
        {EXTENDED "|sec-websocket-version=13|sec-websocket-version=13", 400},
        {EXTENDED "|sec-websocket-version=13|sec-websocket-key=x", RESET},
        {EXTENDED "|sec-websocket-version=13|content-length=0", RESET},
        {":method=CONNECT|:protocol=tcp|:scheme=https|:path=/|:authority=a.example", 501},
        {":method=GET|:protocol=websocket|:scheme=https|:path=/|:authority=a.example", RESET},
        {":method=CONNECT|:protocol=websocket|:scheme=https|:authority=a.example", RESET},
        {":method=CONNECT|:protocol=websocket|:path=/|:authority=a.example", RESET},
        {":method=CONNECT|:protocol=websocket|:scheme=http|:path=/|:authority=a.example"
         "|sec-websocket-version=13",
         400},
    };
    for (size_t i = 0; i < countof(bad); i++) {
        o = read_one(&h, &a, bad[i].text, false);
        assert_true(o.rc < 0);
        int got = h.malformed != NULL ? RESET : (int)o.status;
        if (got != bad[i].expect)
            fail_msg("\"%s\": got %d (%s)", bad[i].text, got, o.why);
    }
    o = read_one(&h, &a, EXTENDED "|sec-websocket-version=13", true);
    assert_non_null(h.malformed);
    arena_fini(&a);
    h2_head_fini(&h);
}

static void limits_are_those_of_the_head(void **state)
{
    (void)state;
    char value[5000];
    struct h2_head h;
    struct arena a;
    h2_head_init(&h);
    arena_init(&a, 8192, 1 << 20);
    memset(value, 'x', sizeof(value));
    fill(&h, GET, strlen(GET));
    h2_head_add(&h, SPAN("x"), span_of(value, 3700));
    assert_int_equal(make(&h, &a, true, false).rc, 0);
    h2_head_add(&h, SPAN("y"), span_of(value, 300));
    struct outcome o = make(&h, &a, true, false);
    assert_int_equal(o.rc, FAULT_LIMIT);
    assert_int_equal(o.status, 431);
    assert_null(h.malformed);
    /* Counted on, kept no more. */
    uint64_t before = h.bytes;
    size_t kept = buf_len(&h.text);
    h2_head_add(&h, SPAN("z"), span_of(value, 5000));
    assert_int_equal(h.bytes, before + 5033);
    assert_int_equal(buf_len(&h.text), kept);
    fill(&h, GET, strlen(GET));
    for (int i = 0; i < 20; i++)
        h2_head_add(&h, SPAN("a"), SPAN("b"));
    assert_int_equal(make(&h, &a, true, false).rc, 0);
    h2_head_add(&h, SPAN("a"), SPAN("b"));
    assert_int_equal(make(&h, &a, true, false).status, 431);
    /* The next section knows nothing of it. */
    fill(&h, GET, strlen(GET));
    assert_int_equal(make(&h, &a, true, false).rc, 0);
    arena_fini(&a);
    h2_head_fini(&h);
}

static void a_target_that_is_too_long_is_414(void **state)
{
    (void)state;
    static char path[H1_TARGET_MAX + 2];
    const struct h1_limits wide = {65536, 20};
    struct h2_head h;
    struct arena a;
    h2_head_init(&h);
    arena_init(&a, 8192, 1 << 20);
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    for (size_t len = H1_TARGET_MAX; len <= H1_TARGET_MAX + 1; len++) {
        h2_head_begin(&h, &wide);
        h2_head_add(&h, SPAN(":method"), SPAN("GET"));
        h2_head_add(&h, SPAN(":scheme"), SPAN("https"));
        h2_head_add(&h, SPAN(":authority"), SPAN("a.example"));
        h2_head_add(&h, SPAN(":path"), span_of(path, len));
        assert_int_equal(make(&h, &a, true, false).status, len > H1_TARGET_MAX ? 414 : 0);
    }
    arena_fini(&a);
    h2_head_fini(&h);
}

static void trailers_are_fields_like_others(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"", true},
        {"x=y", true},
        {"grpc-status=0|x=y", true},
        {":path=/", false},
        {":status=200", false},
        {"X=y", false},
        {"x=a\nb", false},
        {"x= a", false},
        {"connection=close", false},
        {"transfer-encoding=chunked", false},
    };
    struct h2_head h;
    h2_head_init(&h);
    for (size_t i = 0; i < countof(cases); i++) {
        fill(&h, cases[i].text, strlen(cases[i].text));
        if (h2_trailers_ok(&h) != cases[i].ok)
            fail_msg("trailers \"%s\"", cases[i].text);
    }
    h2_head_fini(&h);
}

static void trailers_become_the_lines_of_a_chunked_body(void **state)
{
    (void)state;
    struct h2_head h;
    struct buf out;
    h2_head_init(&h);
    buf_init(&out, 64);
    fill(&h, "content-digest=x|etag=y", strlen("content-digest=x|etag=y"));
    assert_int_equal(h2_trailers_lines(&h, &out), 0);
    assert_true(span_is(buf_view(&out), "content-digest: x\r\netag: y\r\n"));
    assert_int_equal(h2_trailers_lines(&h, &out), 0);
    assert_int_equal(h2_trailers_lines(&h, &out), FAULT_LIMIT);
    buf_fini(&out);
    h2_head_fini(&h);
}

static void without_memory_the_answer_is_503(void **state)
{
    (void)state;
    struct h2_head h;
    struct arena a;
    h2_head_init(&h);
    arena_init(&a, 64, 64);
    fill(&h, GET "|cookie=a|cookie=b", strlen(GET "|cookie=a|cookie=b"));
    struct outcome o = make(&h, &a, true, false);
    assert_true(o.rc < 0);
    assert_int_equal(o.status, 503);
    arena_fini(&a);
    h2_head_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_judged_as_written),
        cmocka_unit_test(a_request_has_the_fields_of_its_kind),
        cmocka_unit_test(an_extended_connect_becomes_an_opening_handshake),
        cmocka_unit_test(limits_are_those_of_the_head),
        cmocka_unit_test(a_target_that_is_too_long_is_414),
        cmocka_unit_test(trailers_are_fields_like_others),
        cmocka_unit_test(trailers_become_the_lines_of_a_chunked_body),
        cmocka_unit_test(without_memory_the_answer_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
