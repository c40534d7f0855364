/* What http costs per request: find the end of the head, parse it, sort its headers, and each of
 * the smaller jobs of a proxied request. Prints nanoseconds of CPU time per operation, the best of
 * several rounds; build it in a release build and run it on a quiet machine. */
#include <stdio.h>
#include <time.h>

#include "http/cookie.h"
#include "http/fetchmeta.h"
#include "http/forwarded.h"
#include "http/h1.h"
#include "http/hygiene.h"
#include "http/location.h"
#include "http/uri.h"

#define ROUNDS 7
#define REPEAT 200000

static const struct h1_limits limits = {.head_bytes = 16384, .header_count = 100};

/* What a browser sends, about 500 and about 900 bytes. */
#define HEAD_500                                                                                   \
    "GET /manager/html/list?org.apache.catalina.filters.CSRF_NONCE=0123456789ABCDEF HTTP/1.1\r\n"  \
    "Host: tomcat.postern.localhost:9443\r\n"                                                      \
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"       \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"                  \
    "Accept-Language: en-US,en;q=0.5\r\n"                                                          \
    "Accept-Encoding: gzip, deflate, br\r\n"                                                       \
    "Connection: keep-alive\r\n"                                                                   \
    "Cookie: __Host-postern-9443=abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456\r\n"
#define HEAD_MORE                                                                                  \
    "Referer: https://tomcat.postern.localhost:9443/manager/html\r\n"                              \
    "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"     \
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r\nPriority: u=0, i\r\n"                    \
    "X-Requested-With: XMLHttpRequest\r\nX-CSRF-Token: 0123456789abcdef0123456789abcdef\r\n"       \
    "Cache-Control: no-cache\r\nPragma: no-cache\r\nIf-None-Match: W/\"0123456789\"\r\n"

static const char small[] = HEAD_500 "\r\n";
static const char large[] = HEAD_500 HEAD_MORE "\r\n";
static const char answer[] =
    "HTTP/1.1 200 \r\nCache-Control: private\r\nX-Frame-Options: DENY\r\n"
    "X-Content-Type-Options: nosniff\r\nContent-Type: text/html;charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\nDate: Tue, 24 Nov 2026 23:59:59 GMT\r\n"
    "Keep-Alive: timeout=20\r\nConnection: keep-alive\r\n\r\n";

static struct arena arena;
static struct buf out;
static struct request small_request, large_request;
/* Results go here, so that no work is optimised away. */
static volatile unsigned long sink;

static void find(struct span head)
{
    size_t scanned = 0;
    unsigned status;
    sink += (unsigned long)h1_head_find(head, &scanned, &limits, &status);
}

static void parse(struct span head, struct request *r)
{
    unsigned status;
    const char *why;
    arena_reset(&arena);
    sink += (unsigned long)h1_request_parse(head, &limits, &arena, r, &status, &why);
}

static void sort(const struct request *r)
{
    for (size_t i = 0; i < r->headers.count; i++)
        sink += hygiene_request(&r->headers.at[i], true);
}

static void find_500(void)
{
    find(span_of(small, sizeof(small) - 1));
}

static void find_900(void)
{
    find(span_of(large, sizeof(large) - 1));
}

static void parse_500(void)
{
    struct request r;
    parse(span_of(small, sizeof(small) - 1), &r);
}

static void parse_900(void)
{
    struct request r;
    parse(span_of(large, sizeof(large) - 1), &r);
}

static void parse_answer(void)
{
    struct response r;
    const char *why;
    arena_reset(&arena);
    sink += (unsigned long)h1_response_parse(span_of(answer, sizeof(answer) - 1), SPAN("GET"),
                                             &arena, &r, &why);
}

static void sort_500(void)
{
    sort(&small_request);
}

static void sort_900(void)
{
    sort(&large_request);
}

static void canonical_plain(void)
{
    struct span path;
    const char *why;
    arena_reset(&arena);
    sink += (unsigned long)uri_canonical(SPAN("/manager/html/list"), &arena, &path, &why);
}

static void canonical_hard(void)
{
    struct span path;
    const char *why;
    arena_reset(&arena);
    sink += (unsigned long)uri_canonical(SPAN("/a/./b/../%6danager;x=1//html;jsessionid=0123"),
                                         &arena, &path, &why);
}

static void strip_cookies(void)
{
    buf_clear(&out);
    sink += (unsigned long)cookie_strip(
        SPAN("JSESSIONID=0123456789ABCDEF; "
             "__Host-postern-9443=abcdefghijklmnopqrstuvwxyz0123456789; "
             "theme=dark"),
        SPAN(COOKIE_OWN_PREFIX), &out);
}

static void forward(void)
{
    static struct addr source = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}};
    const struct forwarded f = {&source, true, SPAN("tomcat.postern.localhost:9443"), 9443};
    buf_clear(&out);
    sink += (unsigned long)forwarded_write(&f, &out);
}

static void judge_fetch(void)
{
    sink += fetchmeta_judge(&large_request);
}

static const struct {
    const char *name;
    void (*run)(void);
} jobs[] = {
    {"find the end of a head, 500 bytes", find_500},
    {"find the end of a head, 900 bytes", find_900},
    {"parse a request head, 500 bytes", parse_500},
    {"parse a request head, 900 bytes", parse_900},
    {"parse a response head", parse_answer},
    {"hygiene of the 500-byte head", sort_500},
    {"hygiene of the 900-byte head", sort_900},
    {"canonical path, plain", canonical_plain},
    {"canonical path, with everything", canonical_hard},
    {"strip our cookie", strip_cookies},
    {"write the forwarded headers", forward},
    {"judge Fetch Metadata", judge_fetch},
};

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
    struct arena kept;
    unsigned status;
    const char *why;
    arena_init(&arena, 8192, 1 << 20);
    arena_init(&kept, 8192, 1 << 20);
    buf_init(&out, 8192);
    if (h1_request_parse(span_of(small, sizeof(small) - 1), &limits, &kept, &small_request, &status,
                         &why) < 0 ||
        h1_request_parse(span_of(large, sizeof(large) - 1), &limits, &kept, &large_request, &status,
                         &why) < 0) {
        fprintf(stderr, "the bench's own head is refused: %s\n", why);
        return 1;
    }
    printf("heads: %zu and %zu bytes, %zu and %zu headers\n", sizeof(small) - 1, sizeof(large) - 1,
           small_request.headers.count, large_request.headers.count);
    for (size_t i = 0; i < countof(jobs); i++) {
        double best = 0;
        for (int round = 0; round < ROUNDS; round++) {
            double start = now();
            for (int k = 0; k < REPEAT; k++)
                jobs[i].run();
            double each = (now() - start) / REPEAT;
            if (round == 0 || each < best)
                best = each;
        }
        printf("%-36s %7.0f ns\n", jobs[i].name, best);
    }
    buf_fini(&out);
    arena_fini(&kept);
    arena_fini(&arena);
    return 0;
}
