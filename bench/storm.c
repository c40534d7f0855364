/* Many clients at once, to see what they notice of a reload or an upgrade: new TLS connections at a
 * fixed rate, connections that are kept alive, slow uploads, and WebSockets.
 *
 *   storm --port N --name HOST --ca FILE --seconds S [--rate R] [--keep N] [--every MS]
 *         [--posts N] [--sockets N]
 *
 * The headers that every request carries (a cookie, mostly) come on standard input, because they
 * are secrets. Everything goes to 127.0.0.1. One line of JSON is the result: per kind how many
 * exchanges began and what became of each.
 *
 * An actor is one client; it begins anew when its exchange ends. Nothing here is clever: one epoll,
 * one array, a tick of a few milliseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 4
#define PATIENCE_MS 15000u
#define ACTORS_MAX 16384u
#define POST_BYTES 50u
#define POST_EVERY_MS 100u
#define BEGUN_PER_TICK 4u
#define FRAME_EVERY_MS 500u

enum kind { KIND_NEW, KIND_KEEP, KIND_POST, KIND_SOCKET, KIND_COUNT };
static const char *const KIND_NAMES[KIND_COUNT] = {"new", "keep", "post", "socket"};

enum state { DOWN, CONNECTING, SHAKING, SENDING, READING, RESTING, TALKING };

struct actor {
    enum kind kind;
    enum state state;
    int fd;
    SSL *ssl;
    uint64_t since; /* ms: when the exchange began */
    uint64_t next;  /* ms: the next byte, frame or request */
    char out[4096];
    size_t out_len, out_at;
    unsigned sent; /* bytes of the slow body, frames */
    char in[4096];
    size_t in_len;
};

struct tally {
    uint64_t begun, good, refused, reset, server, other, late, idle;
    uint64_t frames, echoes;
    uint64_t worst_ms;
};

static struct {
    int port, epoll;
    const char *name, *ca;
    unsigned seconds, rate, every, counts[KIND_COUNT];
    unsigned begun; /* in this tick, of those that stay */
    char headers[3000];
    SSL_CTX *tls;
    struct actor *actors[ACTORS_MAX];
    struct tally tally[KIND_COUNT];
    bool ending;
} storm;

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void hang_up(struct actor *a)
{
    if (a->ssl != NULL) {
        (void)SSL_shutdown(a->ssl);
        /* The queue of errors is one for all connections. */
        ERR_clear_error();
        SSL_free(a->ssl);
    }
    if (a->fd >= 0)
        (void)close(a->fd);
    a->ssl = NULL;
    a->fd = -1;
    a->state = DOWN;
}

static void failed(struct actor *a, uint64_t *count, const char *what)
{
    static unsigned told;
    if (!storm.ending)
        (*count)++;
    /* Who reads this may do so only at the end: it must fit into a pipe. */
    if (!storm.ending && told++ < 20) {
        (void)fprintf(stderr, "storm: %s: %s in state %d after %llu ms: %.*s\n",
                      KIND_NAMES[a->kind], what, (int)a->state,
                      (unsigned long long)(now_ms() - a->since), (int)a->in_len, a->in);
    }
    hang_up(a);
}

/* The connection ended before the answer did. */
static void broke(struct actor *a)
{
    struct tally *t = &storm.tally[a->kind];
    ERR_clear_error();
    if (a->state == RESTING) {
        t->idle++;
        hang_up(a);
        return;
    }
    failed(a, &t->reset, strerror(errno));
}

static void write_request(struct actor *a)
{
    static const char *const LINES[KIND_COUNT] = {"GET /new", "GET /keep", "POST /post",
                                                  "GET /socket"};
    static const char *const MORE[KIND_COUNT] = {
        "Connection: close\r\n", "", "Connection: close\r\nContent-Length: 50\r\n",
        ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n")};
    int len =
        snprintf(a->out, sizeof(a->out),
                 "%s HTTP/1.1\r\nHost: %s:%d\r\nOrigin: https://%s:%d\r\n%s%s\r\n", LINES[a->kind],
                 storm.name, storm.port, storm.name, storm.port, MORE[a->kind], storm.headers);
    a->out_len = (size_t)len;
    a->out_at = a->in_len = 0;
    a->sent = 0;
    a->since = now_ms();
    storm.tally[a->kind].begun++;
    a->state = SENDING;
}

static void begin(struct actor *a)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)storm.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    a->since = now_ms();
    a->in_len = 0;
    a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0) {
        failed(a, &storm.tally[a->kind].other, "no socket");
        return;
    }
    (void)setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    a->state = CONNECTING;
    if (connect(a->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) {
        failed(a, &storm.tally[a->kind].refused, strerror(errno));
        return;
    }
    a->ssl = SSL_new(storm.tls);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = a};
    if (a->ssl == NULL || SSL_set_fd(a->ssl, a->fd) != 1 ||
        SSL_set_tlsext_host_name(a->ssl, (uintptr_t)storm.name) != 1 ||
        SSL_set1_host(a->ssl, storm.name) != 1 ||
        epoll_ctl(storm.epoll, EPOLL_CTL_ADD, a->fd, &e) < 0)
        failed(a, &storm.tally[a->kind].other, "no memory");
}

/* 1: went on; 0: not now; -1: the actor is down. */
static int tls_result(struct actor *a, int n)
{
    int why = SSL_get_error(a->ssl, n);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return 0;
    if (why == SSL_ERROR_SSL && a->state == SHAKING)
        ERR_print_errors_fp(stderr);
    broke(a);
    return -1;
}

static int flush(struct actor *a)
{
    while (a->out_at < a->out_len) {
        errno = 0;
        int n = SSL_write(a->ssl, a->out + a->out_at, (int)(a->out_len - a->out_at));
        if (n <= 0)
            return tls_result(a, n);
        a->out_at += (size_t)n;
    }
    return 1;
}

static void finished(struct actor *a, int status)
{
    struct tally *t = &storm.tally[a->kind];
    uint64_t took = now_ms() - a->since;
    bool closes = strcasestr(a->in, "\r\nconnection: close") != NULL;
    if (status >= 500) {
        failed(a, &t->server, "refused");
        return;
    }
    if (status != 200) {
        failed(a, &t->other, "another answer");
        return;
    }
    t->good++;
    t->worst_ms = took > t->worst_ms ? took : t->worst_ms;
    if (a->kind == KIND_KEEP && !closes) {
        a->state = RESTING;
        a->next = now_ms() + storm.every;
        return;
    }
    hang_up(a);
}

/* The answers of the test's upstream are small and have a Content-Length. */
static void look(struct actor *a)
{
    a->in[a->in_len] = '\0';
    char *end = strstr(a->in, "\r\n\r\n");
    if (end == NULL || strncmp(a->in, "HTTP/1.1 ", 9) != 0)
        return;
    int status = atoi(a->in + 9);
    if (a->kind == KIND_SOCKET && status == 101) {
        storm.tally[a->kind].good++;
        a->in_len = 0;
        a->state = TALKING;
        a->next = now_ms() + (uint64_t)rand() % FRAME_EVERY_MS;
        return;
    }
    char *length = strcasestr(a->in, "\r\ncontent-length:");
    size_t body = length == NULL || length > end ? 0 : (size_t)atoi(length + 17);
    if (a->in_len - (size_t)(end + 4 - a->in) >= body)
        finished(a, status);
}

static void receive(struct actor *a)
{
    while (a->state == SENDING || a->state == READING || a->state == RESTING ||
           a->state == TALKING) {
        if (a->in_len >= sizeof(a->in) - 1)
            a->in_len = 0;
        errno = 0;
        int n = SSL_read(a->ssl, a->in + a->in_len, (int)(sizeof(a->in) - 1 - a->in_len));
        if (n <= 0) {
            (void)tls_result(a, n);
            return;
        }
        if (a->state == TALKING) {
            storm.tally[KIND_SOCKET].echoes += (uint64_t)n / 8;
            continue;
        }
        a->in_len += (size_t)n;
        look(a);
    }
}

static void step(struct actor *a)
{
    if (a->state == CONNECTING) {
        int error = 0;
        socklen_t len = sizeof(error);
        (void)getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        errno = error;
        if (error != 0) {
            struct tally *t = &storm.tally[a->kind];
            failed(a, error == ECONNREFUSED ? &t->refused : &t->reset, strerror(error));
            return;
        }
        a->state = SHAKING;
    }
    if (a->state == SHAKING) {
        errno = 0;
        int n = SSL_connect(a->ssl);
        if (n <= 0) {
            (void)tls_result(a, n);
            return;
        }
        write_request(a);
    }
    if (a->out_at < a->out_len && flush(a) < 0)
        return;
    if (a->state == SENDING && a->out_at == a->out_len) {
        a->state = READING;
        a->next = now_ms() + POST_EVERY_MS;
    }
    receive(a);
}

static void put(struct actor *a, const char *bytes, size_t len)
{
    memcpy(a->out, bytes, len);
    a->out_len = len;
    a->out_at = 0;
    (void)flush(a);
}

/* What time brings: the next byte of a body, the next frame, the next request, the end of patience.
 */
static void tick(struct actor *a, uint64_t now)
{
    /* A masked text frame of two bytes: "hi" under the mask 0. Its echo has 8 bytes, too, because
     * the upstream sends back what it gets. */
    static const char FRAME[] = {'\x81', '\x82', 0, 0, 0, 0, 'h', 'i'};
    if (a->state == DOWN) {
        /* Not all at once: it is what stays that matters, not how it came. */
        if (a->kind != KIND_NEW && !storm.ending && storm.begun < BEGUN_PER_TICK) {
            storm.begun++;
            begin(a);
        }
        return;
    }
    if (a->state == TALKING) {
        if (now >= a->next) {
            a->next = now + FRAME_EVERY_MS;
            storm.tally[KIND_SOCKET].frames++;
            put(a, FRAME, sizeof(FRAME));
        }
        return;
    }
    if (a->state == RESTING) {
        if (now >= a->next && !storm.ending) {
            write_request(a);
            step(a);
        }
        return;
    }
    if (a->kind == KIND_POST && a->state == READING && a->sent < POST_BYTES && now >= a->next) {
        a->next = now + POST_EVERY_MS;
        a->sent++;
        put(a, "x", 1);
        return;
    }
    if (now > a->since + PATIENCE_MS)
        failed(a, &storm.tally[a->kind].late, "no answer");
}

static struct actor *actor_new(size_t i, enum kind kind)
{
    struct actor *a = storm.actors[i] = calloc(1, sizeof(*a));
    if (a == NULL)
        exit(1);
    a->fd = -1;
    a->kind = kind;
    return a;
}

static void add_new(void)
{
    for (size_t i = 0; i < ACTORS_MAX; i++) {
        struct actor *a = storm.actors[i];
        if (a != NULL && (a->state != DOWN || a->kind != KIND_NEW))
            continue;
        begin(a != NULL ? a : actor_new(i, KIND_NEW));
        return;
    }
}

static bool busy(void)
{
    for (size_t i = 0; i < ACTORS_MAX && storm.actors[i] != NULL; i++) {
        enum state s = storm.actors[i]->state;
        if (s != DOWN && s != RESTING && s != TALKING)
            return true;
    }
    return false;
}

static void run(void)
{
    uint64_t start = now_ms(), end = start + (uint64_t)storm.seconds * 1000, begun = 0;
    size_t stay = 0;
    for (int kind = KIND_KEEP; kind < KIND_COUNT; kind++) {
        for (unsigned i = 0; i < storm.counts[kind] && stay < ACTORS_MAX; i++)
            (void)actor_new(stay++, (enum kind)kind);
    }
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(storm.epoll, events, 256, TICK_MS);
        for (int i = 0; i < n; i++) {
            struct actor *a = events[i].data.ptr;
            if (a->state != DOWN)
                step(a);
        }
        uint64_t now = now_ms();
        bool over = now >= end;
        storm.begun = 0;
        for (; !over && begun < (now - start) * storm.rate / 1000; begun++)
            add_new();
        for (size_t i = 0; i < ACTORS_MAX && storm.actors[i] != NULL; i++) {
            struct actor *a = storm.actors[i];
            if (a->state != DOWN || (a->kind != KIND_NEW && !over))
                tick(a, now);
        }
        /* What runs may finish: everybody who began is counted. */
        if (over && (!busy() || now >= end + PATIENCE_MS))
            break;
    }
    storm.ending = true;
}

static void report(void)
{
    (void)putchar('{');
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        const struct tally *t = &storm.tally[kind];
        (void)printf("%s\"%s\":{\"begun\":%llu,\"good\":%llu,\"refused\":%llu,\"reset\":%llu,"
                     "\"server\":%llu,\"other\":%llu,\"late\":%llu,\"idle\":%llu,\"frames\":%llu,"
                     "\"echoes\":%llu,\"worst_ms\":%llu}",
                     kind == 0 ? "" : ",", KIND_NAMES[kind], (unsigned long long)t->begun,
                     (unsigned long long)t->good, (unsigned long long)t->refused,
                     (unsigned long long)t->reset, (unsigned long long)t->server,
                     (unsigned long long)t->other, (unsigned long long)t->late,
                     (unsigned long long)t->idle, (unsigned long long)t->frames,
                     (unsigned long long)t->echoes, (unsigned long long)t->worst_ms);
    }
    (void)puts("}");
}

static bool parse(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"port", required_argument, NULL, 'p'},    {"name", required_argument, NULL, 'n'},
        {"ca", required_argument, NULL, 'c'},      {"seconds", required_argument, NULL, 's'},
        {"rate", required_argument, NULL, 'r'},    {"keep", required_argument, NULL, 'k'},
        {"every", required_argument, NULL, 'e'},   {"posts", required_argument, NULL, 'b'},
        {"sockets", required_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    int o;
    storm.every = 100;
    while ((o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        unsigned number = optarg == NULL ? 0 : (unsigned)strtoul(optarg, NULL, 10);
        switch (o) {
        case 'p':
            storm.port = (int)number;
            break;
        case 'n':
            storm.name = optarg;
            break;
        case 'c':
            storm.ca = optarg;
            break;
        case 's':
            storm.seconds = number;
            break;
        case 'r':
            storm.rate = number;
            break;
        case 'k':
            storm.counts[KIND_KEEP] = number;
            break;
        case 'e':
            storm.every = number;
            break;
        case 'b':
            storm.counts[KIND_POST] = number;
            break;
        case 'w':
            storm.counts[KIND_SOCKET] = number;
            break;
        default:
            return false;
        }
    }
    return storm.port > 0 && storm.name != NULL && storm.ca != NULL && storm.seconds > 0;
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        (void)fputs("usage: storm --port N --name HOST --ca FILE --seconds S [--rate R] "
                    "[--keep N] [--every MS] [--posts N] [--sockets N]\n",
                    stderr);
        return 2;
    }
    size_t len = fread(storm.headers, 1, sizeof(storm.headers) - 1, stdin);
    storm.headers[len] = '\0';
    (void)signal(SIGPIPE, SIG_IGN);
    storm.epoll = epoll_create1(EPOLL_CLOEXEC);
    storm.tls = SSL_CTX_new(TLS_client_method());
    if (storm.epoll < 0 || storm.tls == NULL ||
        SSL_CTX_load_verify_locations(storm.tls, storm.ca, NULL) != 1) {
        (void)fputs("storm: no TLS\n", stderr);
        return 1;
    }
    SSL_CTX_set_verify(storm.tls, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(storm.tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                          SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(storm.tls, SSL_SESS_CACHE_OFF);
    run();
    report();
    return 0;
}
