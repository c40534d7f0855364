/* Request heads: a table of what is refused, and how; and what the accepted ones mean. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/h1.h"

static const struct h1_limits limits = {.head_bytes = 16384, .header_count = 20};

struct row {
    unsigned status; /* 0: accepted */
    const char *head;
    size_t len;
};

#define R(status, text)                                                                            \
    {                                                                                              \
        status, text, sizeof(text) - 1                                                             \
    }
#define HOST "Host: a.example\r\n"
/* A GET with these further header lines. */
#define G(status, lines) R(status, "GET / HTTP/1.1\r\n" HOST lines "\r\n")
/* A POST with these. */
#define P(status, lines) R(status, "POST / HTTP/1.1\r\n" HOST lines "\r\n")
/* A request line. */
#define L(status, line) R(status, line "\r\n" HOST "\r\n")
/* A target. */
#define T(status, target) L(status, "GET " target " HTTP/1.1")
/* A Host value. */
#define H(status, host) R(status, "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n")
/* A WebSocket handshake with something else. */
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define UP "Upgrade: websocket\r\nConnection: Upgrade\r\n"

static const struct row rows[] = {
    /* ---- the request line ---- */
    L(0, "GET / HTTP/1.1"),
    L(0, "GET / HTTP/1.0"),
    L(400, "GET / HTTP/1.1 "),
    L(400, " GET / HTTP/1.1"),
    L(400, "GET  / HTTP/1.1"),
    L(400, "GET /  HTTP/1.1"),
    L(400, "GET\t/ HTTP/1.1"),
    L(400, "GET /\tHTTP/1.1"),
    L(400, "GET / HTTP/1.1\t"),
    L(400, "GET /"),
    L(400, "GET"),
    L(400, "GET /a b HTTP/1.1"),
    L(400, "GET HTTP/1.1"),
    L(400, "/ HTTP/1.1"),
    L(400, "GET / http/1.1"),
    L(400, "GET / HTTP/1,1"),
    L(400, "GET / HTTP/11"),
    L(400, "GET / HTTP/1"),
    L(400, "GET / HTTP/1."),
    L(400, "GET / HTTP/.1"),
    L(400, "GET / HTTP/1.1.1"),
    L(400, "GET / HTTP/01.1"),
    L(400, "GET / HTTP/1.10"),
    L(400, "GET / HTTP/1.x"),
    L(400, "GET / HTTP /1.1"),
    L(400, "GET / HTTPS/1.1"),
    L(400, "GET / HTP/1.1"),
    L(400, "GET / RTSP/1.0"),
    L(400, "GET / ICE/1.0"),
    L(400, "GET / HTTP-1.1"),
    L(505, "GET / HTTP/0.9"),
    L(505, "GET / HTTP/1.2"),
    L(505, "GET / HTTP/1.3"),
    L(505, "GET / HTTP/1.9"),
    L(505, "GET / HTTP/2.0"),
    L(505, "GET / HTTP/3.0"),
    L(505, "GET / HTTP/9.9"),
    R(505, "PRI * HTTP/2.0\r\n\r\n"),
    L(400, "PRI * HTTP/2"),
    L(501, "get / HTTP/1.1"),
    L(501, "Get / HTTP/1.1"),
    L(501, "GETT / HTTP/1.1"),
    L(501, "PRI / HTTP/1.1"),
    L(501, "FOO / HTTP/1.1"),
    L(501, "SOURCE / HTTP/1.1"),
    L(501, "M-SEARCH / HTTP/1.1"),
    L(501, "G!T / HTTP/1.1"),
    L(501, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1"),
    L(400, "G(T / HTTP/1.1"),
    L(400, "G\"T / HTTP/1.1"),
    L(400, "GET, / HTTP/1.1"),
    L(400, "GET: / HTTP/1.1"),
    L(400, "G\xc3\x8bT / HTTP/1.1"),
    L(400, "\x16\x03\x01\x02 / HTTP/1.1"),
    L(405, "CONNECT a.example:443 HTTP/1.1"),
    L(405, "CONNECT / HTTP/1.1"),
    L(405, "TRACE / HTTP/1.1"),
    L(0, "HEAD / HTTP/1.1"),
    L(0, "PROPFIND / HTTP/1.1"),
    L(0, "VERSION-CONTROL / HTTP/1.1"),
    R(400, "\r\n\r\n"),
    R(0, "\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    R(400, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    R(400, "\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    R(400, " \r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    R(400, "\0GET / HTTP/1.1\r\n" HOST "\r\n"),
    R(400, "GET / HTTP/1.1\r\r\n" HOST "\r\n"),
    R(400, "GET / HTTP/1.1\n" HOST "\r\n"),
    R(400, "GET / HTTP/1.1\r" HOST "\r\n"),
    R(400, "GET / HTTP/1.1\r\n\r\n"),
    R(400, "GET / HTTP/1.0\r\n\r\n"),
    /* ---- the target ---- */
    T(0, "/a"),
    T(0, "/a?b=c"),
    T(0, "/a?"),
    T(0, "/?a=b?c/../d"),
    T(0, "/?a=|{}[]^`\"<>\\"),
    T(0, "/a;jsessionid=0123ABCD"),
    T(400, "*"),
    T(400, "/*#"),
    T(400, "/a#b"),
    T(400, "/a?b#c"),
    T(400, "#"),
    T(400, "a"),
    T(400, "a/b"),
    T(400, "?a=b"),
    T(400, "../a"),
    T(400, ".."),
    T(400, "\\a"),
    T(400, "/a\\b"),
    T(400, "/a|b"),
    T(400, "/a\"b"),
    T(400, "/a<b>"),
    T(400, "/a[b]"),
    T(400, "/a{b}"),
    T(400, "/a^b"),
    T(400, "/a`b"),
    T(400, "/\xc3\xbc"),
    T(400, "/?\xc3\xbc"),
    T(400, "/\xff"),
    T(400, "/\x7f"),
    T(400, "/?\x7f"),
    T(400, "/\x01"),
    T(400, "/?\x1b[0m"),
    T(400, "/\0"),
    T(400, "/?\0"),
    T(400, "/\ta"),
    T(400, "/%"),
    T(400, "/%0"),
    T(400, "/%zz"),
    T(400, "/%00"),
    T(400, "/%2f"),
    T(400, "/%5C"),
    T(400, "/%u002e"),
    T(400, "/../a"),
    T(400, "/x/..;/manager/html"),
    T(400, "/%2e%2e/a"),
    T(400, "/%252e%252e/a"),
    T(0, "/?%00%2f%zz%"),
    T(0, "http://a.example/x"),
    T(0, "https://a.example/x"),
    T(0, "HTTPS://A.Example/x"),
    T(0, "http://a.example"),
    T(0, "http://a.example?x"),
    T(400, "http://a.example#x"),
    T(400, "http://b.example/x"),
    T(400, "http://a.example:9443/x"),
    T(400, "http://a.example:80/x"),
    T(400, "http://user@a.example/x"),
    T(400, "http://user:password@a.example/x"),
    T(400, "http://a.example.evil/x"),
    T(400, "http://a.example,b.example/x"),
    T(400, "http:///x"),
    T(400, "http://"),
    T(400, "http:/a.example/x"),
    T(400, "http:a.example"),
    T(400, "https:\\\\a.example/x"),
    T(400, "ftp://a.example/x"),
    T(400, "ws://a.example/x"),
    T(400, "file:///etc/passwd"),
    T(400, "javascript:1"),
    T(400, "a.example:443"),
    T(400, "http://a.example/../x"),
    T(400, "http://a.example\\@b.example/x"),
    T(400, "http://[::1/x"),
    L(0, "OPTIONS * HTTP/1.1"),
    L(0, "OPTIONS http://a.example HTTP/1.1"),
    L(0, "OPTIONS / HTTP/1.1"),
    L(400, "OPTIONS ** HTTP/1.1"),
    L(400, "OPTIONS *? HTTP/1.1"),
    L(400, "POST * HTTP/1.1"),
    L(400, "HEAD * HTTP/1.0"),
    /* ---- Host ---- */
    H(0, "a.example"),
    H(0, "A.EXAMPLE:9443"),
    H(0, "a_b.example"),
    H(0, "127.0.0.1:9443"),
    H(0, "[::1]"),
    H(0, "[::1]:9443"),
    H(0, "  a.example \t"),
    H(400, ""),
    H(400, ":9443"),
    H(400, "a.example:"),
    H(400, "a.example:0"),
    H(400, "a.example:65536"),
    H(400, "a.example:99999999999999999999"),
    H(400, "a.example:0443"),
    H(400, "a.example:+443"),
    H(400, "a.example:44a"),
    H(400, "a.example: 443"),
    H(400, "a.example :443"),
    H(400, "a.example:443:443"),
    H(400, "user@a.example"),
    H(400, "user:secret@a.example"),
    H(400, "@a.example"),
    H(400, "a.example/"),
    H(400, "a.example/path"),
    H(400, "a.example?x"),
    H(400, "a.example#x"),
    H(400, "a.example,b.example"),
    H(400, "a.example, b.example"),
    H(400, "a.example;b"),
    H(400, "a example"),
    H(400, "a.example b.example"),
    H(400, "a..example"),
    H(400, ".a.example"),
    H(400, "a.example."),
    H(400, "http://a.example"),
    H(400, "a%2eexample"),
    H(400, "a.example%00"),
    H(400, "a\\b"),
    H(400, "\xc3\xbc.example"),
    H(400, "a.example\x7f"),
    H(400, "a.exa\0mple"),
    H(400, "*"),
    H(400, "*.example"),
    H(400, "\"a.example\""),
    H(400, "127.1"),
    H(400, "0x7f.0.0.1"),
    H(400, "0x7f000001"),
    H(400, "2130706433"),
    H(400, "010.0.0.1"),
    H(400, "127.0.0.1.5"),
    H(400, "256.0.0.1"),
    H(400, "::1"),
    H(400, "[::1"),
    H(400, "::1]"),
    H(400, "[]"),
    H(400, "["),
    H(400, "[::1]x"),
    H(400, "[::1]9443"),
    H(400, "[::1]:"),
    H(400, "[fe80::1%25eth0]"),
    H(400, "[fe80::1%eth0]"),
    H(400, "[127.0.0.1]"),
    H(400, "[a.example]"),
    H(400, "[v1.x]"),
    H(400, "[[::1]]"),
    G(400, HOST),
    G(400, "HOST: a.example\r\n"),
    G(400, "host: b.example\r\n"),
    R(400, "GET / HTTP/1.1\r\nH: a\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\nHost\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\nHost a.example\r\n\r\n"),
    R(400, "GET http://a.example/ HTTP/1.1\r\n\r\n"),
    R(400, "GET http://a.example/ HTTP/1.1\r\nHost:\r\n\r\n"),
    /* ---- header lines ---- */
    G(0, "A: b\r\n"),
    G(0, "A:b\r\n"),
    G(0, "A:\r\n"),
    G(0, "A: \t \r\n"),
    G(0, "A.b_c: d\r\n"),
    G(0, "A: D\xc3\xbcsseldorf \xff\r\n"),
    G(0, "A: b\tc\r\n"),
    G(0, "!#$%&'*+-.^_`|~: x\r\n"),
    G(400, "A : b\r\n"),
    G(400, "A\t: b\r\n"),
    G(400, " A: b\r\n"),
    G(400, "\tA: b\r\n"),
    G(400, "A: b\r\n c\r\n"),
    G(400, "A: b\r\n\tc\r\n"),
    G(400, "A: b\r\n \r\n"),
    G(400, ": b\r\n"),
    G(400, "A\r\n"),
    G(400, "A b: c\r\n"),
    G(400, "A(b): c\r\n"),
    G(400, "A/b: c\r\n"),
    G(400, "A@b: c\r\n"),
    G(400, "A;b: c\r\n"),
    G(400, "A,b: c\r\n"),
    G(400, "A=b: c\r\n"),
    G(400, "A[b]: c\r\n"),
    G(400, "A{b}: c\r\n"),
    G(400, "A\\b: c\r\n"),
    G(400, "\"A\": c\r\n"),
    G(400, "A\xc3\xbc: c\r\n"),
    G(400, "A\x80: c\r\n"),
    G(400, "A\x01: c\r\n"),
    G(400, "A\0: c\r\n"),
    G(400, "A: b\0c\r\n"),
    G(400, "A: \0\r\n"),
    G(400, "A: b\x01\r\n"),
    G(400, "A: b\x08\r\n"),
    G(400, "A: b\x0b\r\n"),
    G(400, "A: b\x0c\r\n"),
    G(400, "A: b\x1b[31m\r\n"),
    G(400, "A: b\x7f\r\n"),
    G(400, "A: b\rc\r\n"),
    G(400, "A: b\nc: d\r\n"),
    G(400, "A: b\n"),
    G(400, "A: b\r\r\n"),
    G(400, "A: b\n\r\n"),
    G(400, "A: b\r\nC\rD: e\r\n"),
    G(400, "A: b\n\nGET /x HTTP/1.1\r\n"),
    G(400, "GET /x HTTP/1.1\r\n"),
    /* ---- framing ---- */
    P(0, "Content-Length: 0\r\n"),
    P(0, "Content-Length: 5\r\n"),
    P(0, "content-LENGTH:  5\t\r\n"),
    P(0, "Content-Length: 9223372036854775807\r\n"),
    P(400, "Content-Length: 9223372036854775808\r\n"),
    P(400, "Content-Length: 18446744073709551616\r\n"),
    P(400, "Content-Length: 99999999999999999999999999\r\n"),
    P(400, "Content-Length:\r\n"),
    P(400, "Content-Length: -1\r\n"),
    P(400, "Content-Length: +5\r\n"),
    P(400, "Content-Length: 5.0\r\n"),
    P(400, "Content-Length: 0x5\r\n"),
    P(400, "Content-Length: 5 5\r\n"),
    P(400, "Content-Length: 5, 5\r\n"),
    P(400, "Content-Length: 5,\r\n"),
    P(400, "Content-Length: 5;\r\n"),
    P(400, "Content-Length: \"5\"\r\n"),
    P(400, "Content-Length: 5_0\r\n"),
    P(400, "Content-Length: 05\r\n"),
    P(400, "Content-Length: 00\r\n"),
    P(400, "Content-Length: 1e3\r\n"),
    P(400, "Content-Length: five\r\n"),
    P(400, "Content-Length: \xd9\xa5\r\n"),
    P(400, "Content-Length: 5\xc2\xa0\r\n"),
    P(400, "Content-Length: 5\r\nContent-Length: 5\r\n"),
    P(400, "Content-Length: 5\r\nContent-Length: 6\r\n"),
    P(400, "Content-Length: 5\r\nX: y\r\ncontent-length: 0\r\n"),
    P(400, "Content-Length : 5\r\n"),
    P(400, "Content-Length: 5\r\n 6\r\n"),
    P(0, "Transfer-Encoding: chunked\r\n"),
    P(0, "transfer-encoding: CHUNKED \r\n"),
    P(400, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    P(400, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    P(400, "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
    P(400, "Content-Length: 5\r\nTransfer-Encoding: identity\r\n"),
    P(400, "Content-Length: 5\r\nTransfer-Encoding:\r\n"),
    P(400, "Transfer-Encoding:\r\n"),
    P(400, "Transfer-Encoding: identity\r\n"),
    P(400, "Transfer-Encoding: gzip\r\n"),
    P(400, "Transfer-Encoding: gzip, chunked\r\n"),
    P(400, "Transfer-Encoding: chunked, gzip\r\n"),
    P(400, "Transfer-Encoding: chunked, chunked\r\n"),
    P(400, "Transfer-Encoding: chunked, identity\r\n"),
    P(400, "Transfer-Encoding: identity, chunked\r\n"),
    P(400, "Transfer-Encoding: ,chunked\r\n"),
    P(400, "Transfer-Encoding: chunked,\r\n"),
    P(400, "Transfer-Encoding: chunked;q=1\r\n"),
    P(400, "Transfer-Encoding: \"chunked\"\r\n"),
    P(400, "Transfer-Encoding: 'chunked'\r\n"),
    P(400, "Transfer-Encoding: xchunked\r\n"),
    P(400, "Transfer-Encoding: chunkedchunked\r\n"),
    P(400, "Transfer-Encoding: chunked\x0b\r\n"),
    P(400, "Transfer-Encoding: \x0b"
           "chunked\r\n"),
    P(400, "Transfer-Encoding: chunked\xa0\r\n"),
    P(400, "Transfer-Encoding: chun\xc5\xbfked\r\n"),
    P(400, "Transfer-Encoding : chunked\r\n"),
    P(400, "Transfer-Encoding\t: chunked\r\n"),
    P(400, " Transfer-Encoding: chunked\r\n"),
    P(400, "Transfer-Encoding:\r\n chunked\r\n"),
    P(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    P(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
    P(400, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
    R(400, "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
    R(400, "GET / HTTP/1.0\r\n" HOST "Transfer-Encoding: identity\r\n\r\n"),
    /* Names that some upstream folds together are other names here; hygiene drops them. */
    P(0, "Content_Length: 5\r\n"),
    P(0, "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n"),
    /* ---- Connection, Expect ---- */
    G(0, "Connection: close\r\n"),
    G(0, "Connection: Keep-Alive, TE\r\n"),
    G(0, "Connection: , close ,\r\n"),
    G(0, "Connection:\r\n"),
    G(0, "Connection: close\r\nConnection: keep-alive\r\n"),
    G(400, "Connection: close, X-F5-Auth-Token\r\n"),
    G(400, "Connection: X-Forwarded-For\r\n"),
    G(400, "Connection: close, Cookie\r\n"),
    G(400, "Connection: Content-Length\r\n"),
    G(400, "Connection: Host\r\n"),
    G(400, "Connection: Authorization\r\n"),
    G(400, "Connection: keep-alive, x-real-ip, close\r\n"),
    G(400, "Connection: close\r\nConnection: x-user\r\n"),
    G(400, "Connection: close;x\r\n"),
    G(400, "Connection: \"close\"\r\n"),
    G(400, "Connection: close keep-alive\r\n"),
    P(0, "Content-Length: 5\r\nExpect: 100-continue\r\n"),
    P(0, "Content-Length: 5\r\nExpect: 100-Continue\r\n"),
    P(417, "Content-Length: 5\r\nExpect: 200-ok\r\n"),
    P(417, "Content-Length: 5\r\nExpect:\r\n"),
    P(417, "Content-Length: 5\r\nExpect: 100-continue, x\r\n"),
    P(417, "Content-Length: 5\r\nExpect: 100-continue;q=1\r\n"),
    P(400, "Content-Length: 5\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n"),
    /* ---- headers that decide ---- */
    G(400, "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
    G(400, "Postern-Token: pst_a\r\npostern-token: pst_b\r\n"),
    G(400, "Origin: https://a.example\r\nOrigin: https://b.example\r\n"),
    G(400, "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n"),
    G(400, "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Mode: cors\r\n"),
    G(400, "Content-Type: text/plain\r\nContent-Type: application/json\r\n"),
    G(0, "Cookie: a=b\r\nCookie: c=d\r\n"),
    G(0, "Accept: a\r\nAccept: b\r\n"),
    /* ---- WebSocket ---- */
    G(0, UP KEY V13),
    G(0, "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n" KEY V13),
    G(400, UP V13),
    G(400, UP KEY),
    G(400, UP),
    G(400, UP KEY "Sec-WebSocket-Version: 8\r\n"),
    G(400, UP KEY "Sec-WebSocket-Version: 013\r\n"),
    G(400, UP KEY V13 V13),
    G(400, UP KEY KEY V13),
    G(400, UP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" V13),
    G(400, UP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n" V13),
    G(400, UP "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n" V13),
    G(400, UP "Sec-WebSocket-Key: AAAA\r\n" V13),
    G(400, UP "Sec-WebSocket-Key: \r\n" V13),
    G(400, "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n" KEY V13),
    G(400, "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" KEY V13),
    G(400, UP KEY V13 "Content-Length: 5\r\n"),
    G(400, UP KEY V13 "Transfer-Encoding: chunked\r\n"),
    P(400, UP KEY V13),
    /* Nobody has to switch: without Connection, in HTTP/1.0, or to something else. */
    G(0, "Upgrade: websocket\r\n" KEY V13),
    G(0, "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"),
    R(0, "GET / HTTP/1.0\r\n" HOST UP "\r\n"),
    /* ---- too much ---- */
    G(431,
      "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n"
      "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\n"),
    G(0,
      "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n"
      "A:\r\nA:\r\nA:\r\nA:\r\n"),
};

/* What a connection does with a complete head: find its end, then parse it. */
static unsigned judge(struct span head, struct arena *a, struct request *r)
{
    size_t scanned = 0;
    unsigned status;
    const char *why;
    int len = h1_head_find(head, &scanned, &limits, &status);
    if (len < 0)
        return status;
    if (len == 0)
        return 1;
    int rc = h1_request_parse(span_sub(head, 0, (size_t)len), &limits, a, r, &status, &why);
    if (rc < 0)
        assert_true(*why != 0);
    assert_int_equal(rc < 0, status != 0);
    return status;
}

static void every_head_in_the_table_is_judged_as_expected(void **state)
{
    (void)state;
    unsigned refused = 0, wrong = 0;
    for (size_t i = 0; i < countof(rows); i++) {
        struct arena a;
        struct request r;
        arena_init(&a, 4096, 1 << 20);
        unsigned status = judge(span_of(rows[i].head, rows[i].len), &a, &r);
        if (status != rows[i].status) {
            print_error("row %zu: %u, not %u: %s\n", i, status, rows[i].status, rows[i].head);
            wrong++;
        }
        refused += rows[i].status != 0;
        arena_fini(&a);
    }
    assert_int_equal(wrong, 0);
    assert_true(refused >= 200);
}

/* Also without h1_head_find before it the parser refuses what has to be refused. */
static void the_parser_alone_is_as_strict(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct arena a;
        struct request r;
        unsigned status;
        const char *why;
        arena_init(&a, 4096, 1 << 20);
        int rc =
            h1_request_parse(span_of(rows[i].head, rows[i].len), &limits, &a, &r, &status, &why);
        assert_int_equal(rc < 0, rows[i].status != 0);
        arena_fini(&a);
    }
}

static void the_end_of_a_head_is_the_same_wherever_it_is_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct span head = span_of(rows[i].head, rows[i].len);
        size_t scanned = 0;
        unsigned whole_status, status;
        int whole = h1_head_find(head, &scanned, &limits, &whole_status), rc = 0;
        for (size_t cut = 0; cut <= head.len; cut++) {
            scanned = 0;
            rc = h1_head_find(span_sub(head, 0, cut), &scanned, &limits, &status);
            if (rc == 0)
                rc = h1_head_find(head, &scanned, &limits, &status);
            assert_int_equal(rc, whole);
            assert_int_equal(status, whole_status);
        }
        scanned = 0;
        rc = 0;
        for (size_t len = 0; len <= head.len && rc == 0; len++)
            rc = h1_head_find(span_sub(head, 0, len), &scanned, &limits, &status);
        assert_int_equal(rc, whole);
        assert_int_equal(status, whole_status);
    }
}

static void a_head_cut_short_is_never_accepted(void **state)
{
    (void)state;
    struct span head = SPAN("POST /a?b HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\n\r\n");
    for (size_t len = 0; len < head.len; len++) {
        struct arena a;
        struct request r;
        unsigned status;
        const char *why;
        arena_init(&a, 4096, 1 << 20);
        assert_true(h1_request_parse(span_sub(head, 0, len), &limits, &a, &r, &status, &why) < 0);
        arena_fini(&a);
    }
}

/* ---- limits ---- */

static void an_endless_head_is_refused_at_its_limit(void **state)
{
    (void)state;
    static uint8_t big[32768];
    memset(big, 'a', sizeof(big));
    memcpy(big, "GET / HTTP/1.1\r\n", 16);
    size_t scanned = 0;
    unsigned status;
    assert_int_equal(h1_head_find(span_of(big, 16383), &scanned, &limits, &status), 0);
    assert_true(h1_head_find(span_of(big, 16384), &scanned, &limits, &status) < 0);
    assert_int_equal(status, 431);
    /* Complete, but too large. */
    memcpy(big + 20000, "\r\n\r\n", 4);
    scanned = 0;
    assert_true(h1_head_find(span_of(big, 20004), &scanned, &limits, &status) < 0);
    assert_int_equal(status, 431);
}

static void a_target_over_its_limit_is_a_414(void **state)
{
    (void)state;
    static uint8_t big[32768];
    struct arena a;
    struct request r;
    unsigned status;
    size_t scanned = 0;
    arena_init(&a, 4096, 1 << 20);
    memset(big, 'a', sizeof(big));
    memcpy(big, "GET /", 5);
    assert_int_equal(h1_head_find(span_of(big, 8200), &scanned, &limits, &status), 0);
    assert_true(h1_head_find(span_of(big, 9000), &scanned, &limits, &status) < 0);
    assert_int_equal(status, 414);
    struct span tail = SPAN(" HTTP/1.1\r\nHost: a.example\r\n\r\n");
    memcpy(big + 4 + H1_TARGET_MAX, tail.at, tail.len);
    assert_int_equal(judge(span_of(big, 4 + H1_TARGET_MAX + tail.len), &a, &r), 0);
    assert_int_equal(r.path.len, H1_TARGET_MAX);
    memset(big + 4, 'a', H1_TARGET_MAX + 100);
    big[4] = '/';
    memcpy(big + 5 + H1_TARGET_MAX, tail.at, tail.len);
    assert_int_equal(judge(span_of(big, 5 + H1_TARGET_MAX + tail.len), &a, &r), 414);
    arena_fini(&a);
}

static void without_memory_a_request_is_a_503(void **state)
{
    (void)state;
    struct span head = SPAN("GET http://a.example?x HTTP/1.1\r\nHost: a.example\r\n"
                            "A: b\r\nC: d\r\n\r\n");
    bool done = false;
    /* Each round allows a little more, until everything fits. */
    for (size_t max = 0; !done; max += 16) {
        struct arena a;
        struct request r;
        unsigned status;
        const char *why;
        arena_init(&a, 16, max);
        int rc = h1_request_parse(head, &limits, &a, &r, &status, &why);
        done = rc == 0;
        if (!done)
            assert_int_equal(status, 503);
        arena_fini(&a);
        assert_true(max < 65536);
    }
}

/* ---- meanings ---- */

static struct request accept_head(struct arena *a, const char *head)
{
    struct request r;
    arena_init(a, 4096, 1 << 20);
    assert_int_equal(judge(span_str(head), a, &r), 0);
    return r;
}

static void a_request_is_taken_apart(void **state)
{
    (void)state;
    struct arena a;
    struct request r = accept_head(&a, "POST /a/./b;x=1/%41?q=1&r HTTP/1.1\r\n"
                                       "HOST: Console.Example:9443\r\n"
                                       "Content-Length: 17\r\nExpect: 100-continue\r\n"
                                       "X-Odd.Name_1:  two words \t\r\nCookie: a=b\r\n\r\n");
    assert_true(span_is(r.method, "POST"));
    assert_true(span_is(r.target, "/a/./b;x=1/%41?q=1&r"));
    assert_true(span_is(r.path, "/a/./b;x=1/%41"));
    assert_true(r.has_query);
    assert_true(span_is(r.query, "q=1&r"));
    assert_true(span_is(r.canonical, "/a/b/A"));
    assert_true(span_is(r.authority, "console.example:9443"));
    assert_true(span_is(r.host, "console.example"));
    assert_int_equal(r.port, 9443);
    assert_int_equal(r.minor, 1);
    assert_true(r.keep_alive);
    assert_true(r.expect_continue);
    assert_false(r.upgrade_websocket);
    assert_int_equal(r.framing, BODY_LENGTH);
    assert_int_equal(r.length, 17);
    assert_int_equal(r.headers.count, 5);
    assert_true(span_is(r.headers.at[3].name, "X-Odd.Name_1"));
    assert_true(span_is(r.headers.at[3].value, "two words"));
    assert_int_equal(r.headers.at[3].id, HEADER_OTHER);
    assert_int_equal(r.headers.at[4].id, HEADER_COOKIE);
    arena_fini(&a);
}

static void an_empty_query_differs_from_none(void **state)
{
    (void)state;
    struct arena a;
    struct request r = accept_head(&a, "GET /a? HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(r.has_query && r.query.len == 0);
    assert_true(span_is(r.target, "/a?"));
    arena_fini(&a);
    r = accept_head(&a, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_false(r.has_query);
    arena_fini(&a);
}

static void an_absolute_target_becomes_origin_form(void **state)
{
    (void)state;
    static const struct {
        const char *head, *target, *path, *canonical;
    } cases[] = {
        {"GET https://H:1/a?b HTTP/1.1\r\nHost: h:1\r\n\r\n", "/a?b", "/a", "/a"},
        {"GET http://h?b HTTP/1.1\r\nHost: H\r\n\r\n", "/?b", "/", "/"},
        {"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", "/", "/", "/"},
        {"OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", "*", "*", "*"},
        {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "*", "*", "*"},
        {"OPTIONS http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "/", "/", "/"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct arena a;
        struct request r = accept_head(&a, cases[i].head);
        assert_true(span_is(r.target, cases[i].target));
        assert_true(span_is(r.path, cases[i].path));
        assert_true(span_is(r.canonical, cases[i].canonical));
        arena_fini(&a);
    }
}

static void the_connection_stays_or_closes_as_the_version_and_header_say(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool keep;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nHost: h\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: h\r\nConnection: close, keep-alive\r\n\r\n", false},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct arena a;
        struct request r = accept_head(&a, cases[i].head);
        assert_int_equal(r.keep_alive, cases[i].keep);
        arena_fini(&a);
    }
}

static void an_expectation_counts_only_with_a_body_in_http_1_1(void **state)
{
    (void)state;
    struct arena a;
    struct request r = accept_head(
        &a, "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    assert_false(r.expect_continue);
    arena_fini(&a);
    r = accept_head(&a, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n");
    assert_false(r.expect_continue);
    arena_fini(&a);
}

static void a_websocket_handshake_is_recognised(void **state)
{
    (void)state;
    struct arena a;
    struct request r = accept_head(&a, "GET /s HTTP/1.1\r\n" HOST UP KEY V13 "\r\n");
    assert_true(r.upgrade_websocket);
    arena_fini(&a);
    r = accept_head(&a, "GET /s HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n" KEY V13 "\r\n");
    assert_false(r.upgrade_websocket);
    arena_fini(&a);
}

static void an_ipv6_host_keeps_its_brackets(void **state)
{
    (void)state;
    struct arena a;
    struct request r = accept_head(&a, "GET / HTTP/1.1\r\nHost: [::1]:9443\r\n\r\n");
    assert_true(span_is(r.authority, "[::1]:9443"));
    assert_true(span_is(r.host, "[::1]"));
    assert_int_equal(r.port, 9443);
    arena_fini(&a);
}

static void bytes_behind_the_head_are_not_part_of_it(void **state)
{
    (void)state;
    struct span in = SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /x\0");
    size_t scanned = 0;
    unsigned status;
    assert_int_equal(h1_head_find(in, &scanned, &limits, &status), 27);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_head_in_the_table_is_judged_as_expected),
        cmocka_unit_test(the_parser_alone_is_as_strict),
        cmocka_unit_test(the_end_of_a_head_is_the_same_wherever_it_is_split),
        cmocka_unit_test(a_head_cut_short_is_never_accepted),
        cmocka_unit_test(an_endless_head_is_refused_at_its_limit),
        cmocka_unit_test(a_target_over_its_limit_is_a_414),
        cmocka_unit_test(without_memory_a_request_is_a_503),
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(an_empty_query_differs_from_none),
        cmocka_unit_test(an_absolute_target_becomes_origin_form),
        cmocka_unit_test(the_connection_stays_or_closes_as_the_version_and_header_say),
        cmocka_unit_test(an_expectation_counts_only_with_a_body_in_http_1_1),
        cmocka_unit_test(a_websocket_handshake_is_recognised),
        cmocka_unit_test(an_ipv6_host_keeps_its_brackets),
        cmocka_unit_test(bytes_behind_the_head_are_not_part_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
