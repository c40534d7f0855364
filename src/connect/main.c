/* postern-connect: a local port that leads to a raw TCP service behind a gateway.
 *
 * Started by `postern connect`. Each local connection gets a process of its own with a tunnel of
 * its own, so that none can hold up, or be seen by, another. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fault.h"
#include "connect/gateway.h"
#include "connect/relay.h"

/* Tunnels at a time; who comes then is turned away at once. */
#define TUNNELS_MAX 256u
#define TOKEN_MAX 128u
#define EXIT_BAD_USAGE 2

struct options {
    struct gateway gateway;
    const char *route, *listen, *token_file;
    bool remote;
};

static volatile sig_atomic_t ending;

static void on_end(int number)
{
    ending = number;
}

static int fail(int code, const char *what, const char *why)
{
    (void)fprintf(stderr, "postern connect: %s%s%s\n", what, why[0] != 0 ? ": " : "", why);
    return code;
}

/* ---- options ---- */

static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option NAMES[] = {
        {"route", required_argument, NULL, 'r'},
        {"listen", required_argument, NULL, 'l'},
        {"address", required_argument, NULL, 'a'},
        {"port", required_argument, NULL, 'p'},
        {"host", required_argument, NULL, 'h'},
        {"ca", required_argument, NULL, 'c'},
        {"token-file", required_argument, NULL, 't'},
        {"remote", no_argument, NULL, 'R'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "", NAMES, NULL)) != -1) {
        switch (c) {
        case 'r':
            o->route = optarg;
            break;
        case 'l':
            o->listen = optarg;
            break;
        case 'a':
            o->gateway.address = optarg;
            break;
        case 'p':
            o->gateway.port = optarg;
            break;
        case 'h':
            o->gateway.host = optarg;
            break;
        case 'c':
            o->gateway.ca = optarg;
            break;
        case 't':
            o->token_file = optarg;
            break;
        case 'R':
            o->remote = true;
            break;
        default:
            return FAULT_MISUSE;
        }
    }
    bool whole = o->route != NULL && o->listen != NULL && o->gateway.address != NULL &&
                 o->gateway.port != NULL && o->gateway.host != NULL && optind == argc;
    return whole ? 0 : FAULT_MISUSE;
}

/* ---- the token: from a file, from standard input ("-"), or from the environment ---- */

static int read_stdin(struct secret *s)
{
    int rc = secret_init(s, TOKEN_MAX);
    size_t len = 0;
    while (rc == 0 && len < TOKEN_MAX) {
        ssize_t n = read(STDIN_FILENO, s->at + len, TOKEN_MAX - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = -errno;
        if (n <= 0)
            break;
        len += (size_t)n;
        if (memchr(s->at, '\n', len) != NULL)
            break;
    }
    while (rc == 0 && len > 0 && (s->at[len - 1] == '\n' || s->at[len - 1] == '\r'))
        len--;
    if (rc == 0)
        s->len = len;
    return rc;
}

static int read_environment(struct secret *s)
{
    char *value = getenv("POSTERN_TOKEN");
    size_t len = value == NULL ? 0 : strlen(value);
    if (len == 0 || len > TOKEN_MAX)
        return FAULT_ABSENT;
    int rc = secret_init(s, len);
    if (rc < 0)
        return rc;
    memcpy(s->at, value, len);
    /* What started us can be looked at in /proc; what we pass on can not. */
    secret_wipe(value, len);
    return unsetenv("POSTERN_TOKEN") < 0 ? -errno : 0;
}

static int read_token(const struct options *o, struct secret *s)
{
    int rc = o->token_file == NULL             ? read_environment(s)
             : strcmp(o->token_file, "-") == 0 ? read_stdin(s)
                                               : secret_read_file(s, o->token_file, TOKEN_MAX);
    bool empty = rc == 0 && s->len == 0;
    return empty ? FAULT_ABSENT : rc;
}

/* ---- the local port ---- */

static int listen_on(const struct options *o, int *ret, char where[ADDR_TEXT_SIZE + 8])
{
    struct sockaddr_storage at;
    struct addr addr;
    uint16_t port;
    int one = 1;
    if (addr_parse_port(span_str(o->listen), &addr, &port) < 0)
        return FAULT_FORMAT;
    if (!o->remote && !addr_is_loopback(&addr))
        return FAULT_DENIED;
    socklen_t len = addr_to_sockaddr(&addr, port, &at);
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 128) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0 ||
        addr_from_sockaddr((struct sockaddr *)&at, &addr, &port) < 0) {
        int rc = errno != 0 ? -errno : -EADDRNOTAVAIL;
        (void)close(fd);
        return rc;
    }
    addr_format_port(&addr, port, where);
    *ret = fd;
    return 0;
}

/* ---- one connection, in a process of its own ---- */

static void carry(const struct options *o, SSL_CTX *ctx, int local)
{
    static const struct linger RESET = {.l_onoff = 1};
    struct buf early;
    SSL *tunnel = NULL;
    char why[1024] = "";
    int one = 1;
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    buf_init(&early, 64u * 1024);
    int rc = gateway_open(&o->gateway, ctx, &tunnel, &early, why, sizeof(why));
    if (rc < 0)
        (void)fail(0, o->route, why);
    if (rc == 0) {
        (void)setsockopt(local, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (fcntl(local, F_SETFL, O_NONBLOCK) < 0)
            rc = -errno;
    }
    if (rc == 0)
        rc = relay_run(local, tunnel, &early);
    if (rc < 0)
        (void)setsockopt(local, SOL_SOCKET, SO_LINGER, &RESET, sizeof(RESET));
    _exit(rc < 0 ? 1 : 0);
}

static unsigned reap(unsigned running)
{
    while (running > 0 && waitpid(-1, NULL, WNOHANG) > 0)
        running--;
    return running;
}

static void on_child(int number)
{
    (void)number;
}

static void handle(int number, void (*with)(int))
{
    struct sigaction act = {.sa_handler = with};
    (void)sigaction(number, &act, NULL);
}

static int serve(const struct options *o, SSL_CTX *ctx, int fd)
{
    static const int SIGNALS[] = {SIGINT, SIGTERM, SIGCHLD};
    sigset_t ours, before;
    unsigned running = 0;
    (void)sigemptyset(&ours);
    for (size_t i = 0; i < countof(SIGNALS); i++)
        (void)sigaddset(&ours, SIGNALS[i]);
    /* They arrive while this waits and at no other time, so that none is missed. */
    (void)sigprocmask(SIG_BLOCK, &ours, &before);
    handle(SIGINT, on_end);
    handle(SIGTERM, on_end);
    handle(SIGCHLD, on_child);
    while (ending == 0) {
        struct pollfd waits = {.fd = fd, .events = POLLIN};
        int n = ppoll(&waits, 1, NULL, &before);
        running = reap(running);
        int local = n > 0 ? accept4(fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (local < 0)
            continue;
        pid_t pid = running < TUNNELS_MAX ? fork() : -1;
        if (pid == 0) {
            (void)close(fd);
            (void)sigprocmask(SIG_SETMASK, &before, NULL);
            carry(o, ctx, local);
        }
        if (pid < 0)
            (void)fail(0, "a connection was turned away", "too many at a time");
        else
            running++;
        (void)close(local);
    }
    /* The tunnels' processes have asked to end when this one does. */
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct secret token = {0};
    SSL_CTX *ctx;
    const char *what;
    char where[ADDR_TEXT_SIZE + 8];
    int fd = -1;
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (read_options(argc, argv, &o) < 0)
        return fail(EXIT_BAD_USAGE, "wrong arguments; 'postern connect' gives the right ones", "");
    int rc = read_token(&o, &token);
    if (rc == FAULT_ABSENT && o.token_file == NULL)
        return fail(EXIT_BAD_USAGE, "no token",
                    "name a file with --token-file, or set POSTERN_TOKEN");
    if (rc < 0)
        return fail(1, o.token_file != NULL ? o.token_file : "POSTERN_TOKEN",
                    rc == FAULT_DENIED ? "others can read it; chmod 600" : fault_text(rc));
    o.gateway.token = &token;
    rc = gateway_context(&o.gateway, &ctx, &what);
    if (rc < 0)
        return fail(1, what, "no certificate to trust can be read from there");
    rc = listen_on(&o, &fd, where);
    if (rc == FAULT_DENIED)
        return fail(EXIT_BAD_USAGE, o.listen,
                    "whoever reaches it uses your token; --remote if that is meant");
    if (rc < 0)
        return fail(1, o.listen, rc == FAULT_FORMAT ? "expected ADDRESS:PORT" : fault_text(rc));
    (void)printf("Listening on %s for %s at %s:%s.\n", where, o.route, o.gateway.host,
                 o.gateway.port);
    (void)fflush(stdout);
    rc = serve(&o, ctx, fd);
    SSL_CTX_free(ctx);
    secret_fini(&token);
    return rc;
}
