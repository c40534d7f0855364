/* Full TLS 1.3 handshakes per CPU second: the key in the edge, and the key in the signer.
 *
 * Only the server's half is counted, plus all that the signer process spends; the client of the
 * same process is left out. The variants take turns, so that a busy machine disturbs them alike.
 * Prints one line a variant: CPU microseconds per handshake (edge, signer, sum) and handshakes per
 * CPU second. Usage: handshake_bench TLS_DIR [ROUNDS], with server.crt and server.key in the
 * directory. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "base/log.h"
#include "net/tls.h"
#include "signer/signer.h"

#define BATCH 100

struct variant {
    const char *name;
    SSL_CTX *server;
    bool resume;
    bool remote; /* the signer is asked */
    double edge_us, signer_us;
    unsigned count;
};

static SSL_SESSION *last_session;

static void die(const char *what)
{
    (void)fprintf(stderr, "handshake_bench: %s\n", what);
    exit(EXIT_FAILURE);
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(last_session);
    last_session = session;
    return 1;
}

static double cpu_us(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) < 0)
        die("no CPU clock");
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* One handshake; the CPU time of the server's half in microseconds. */
static double shake(SSL_CTX *client, const struct variant *v)
{
    double spent = 0, start = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    SSL *s = SSL_new(v->server);
    spent += cpu_us(CLOCK_THREAD_CPUTIME_ID) - start;
    SSL *c = SSL_new(client);
    BIO *cb = NULL, *sb = NULL;
    char byte;
    if (s == NULL || c == NULL || BIO_new_bio_pair(&cb, 32768, &sb, 32768) != 1)
        die("no memory");
    SSL_set_bio(c, cb, cb);
    SSL_set_bio(s, sb, sb);
    SSL_set_connect_state(c);
    SSL_set_accept_state(s);
    if (v->resume && last_session != NULL)
        (void)SSL_set_session(c, last_session);
    int cr = 0, sr = 0;
    for (int turn = 0; turn < 10 && (cr != 1 || sr != 1); turn++) {
        cr = SSL_do_handshake(c);
        start = cpu_us(CLOCK_THREAD_CPUTIME_ID);
        sr = SSL_do_handshake(s);
        spent += cpu_us(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    if (cr != 1 || sr != 1)
        die("a handshake failed");
    (void)SSL_read(c, &byte, 1);
    SSL_set_shutdown(c, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c);
    start = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    SSL_free(s);
    return spent + cpu_us(CLOCK_THREAD_CPUTIME_ID) - start;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *f = fopen(path, "r");
    EVP_PKEY *key = f == NULL ? NULL : PEM_read_PrivateKey(f, NULL, NULL, NULL);
    if (key == NULL)
        die("server.key cannot be read");
    (void)fclose(f);
    return key;
}

/* The signer as a process of its own. */
static pid_t start_signer(const char *certificate, const char *key, struct channel *control)
{
    static struct signer s;
    int fds[2];
    if (channel_pair(fds) < 0)
        die("no channel");
    pid_t pid = fork();
    if (pid < 0)
        die("no process");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(fds[1]);
        const struct keyring_places places = {".", certificate, key};
        const struct keyring_wish wish = {.tls12 = false};
        if (pair_library_init() < 0 || signer_init(&s, fds[0], &places, &wish) < 0)
            _exit(1);
        _exit(signer_run(&s) < 0);
    }
    (void)close(fds[0]);
    if (channel_init(control, fds[1], IPC_SUPERVISOR, IPC_SIGNER) < 0)
        die("no channel");
    return pid;
}

static void connect_edge(struct channel *control, struct tls_signer *edge)
{
    int fds[2];
    struct msg_peer peer = {.role = IPC_EDGE, .id = 1};
    if (channel_pair(fds) < 0 || channel_send_peer(control, 0, &peer, fds[0]) < 0 ||
        tls_signer_init(edge, fds[1]) < 0)
        die("no channel");
    (void)close(fds[0]);
}

/* What OpenSSL does by itself: two tickets, long lists. */
static SSL_CTX *stock_context(const char *certificate, const char *key)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (c == NULL || SSL_CTX_use_certificate_chain_file(c, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1)
        die("server.crt cannot be used");
    return c;
}

int main(int argc, char **argv)
{
    char certificate[512], key[512];
    struct channel control;
    struct tls_signer edge;
    clockid_t signer_clock;
    if (argc < 2)
        die("usage: handshake_bench TLS_DIR [ROUNDS]");
    int rounds = argc > 2 ? atoi(argv[2]) : 20;
    (void)snprintf(certificate, sizeof(certificate), "%s/server.crt", argv[1]);
    (void)snprintf(key, sizeof(key), "%s/server.key", argv[1]);
    log_open("bench", LOG_LEVEL_WARN);
    pid_t pid = start_signer(certificate, key, &control);
    if (clock_getcpuclockid(pid, &signer_clock) != 0 || tls_library_init() < 0)
        die("no start");
    connect_edge(&control, &edge);
    struct variant variants[] = {
        {.name = "stock OpenSSL, key inside", .server = stock_context(certificate, key)},
        {.name = "our context, key inside"},
        {.name = "our context, key in the signer", .remote = true},
        {.name = "our context, resumed", .resume = true},
    };
    EVP_PKEY *local = read_key(key);
    for (size_t i = 1; i < countof(variants); i++)
        if (tls_context_new(&edge, 1, &variants[i].server) < 0)
            die("no context");
    if (SSL_CTX_use_PrivateKey(variants[1].server, local) != 1)
        die("no local key");
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, on_session);
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < countof(variants); i++) {
            struct variant *v = &variants[i];
            if (v->resume) {
                /* A ticket of this very context. */
                SSL_SESSION_free(last_session);
                last_session = NULL;
                (void)shake(client, v);
            }
            double before = cpu_us(signer_clock), spent = 0;
            for (int n = 0; n < BATCH; n++)
                spent += shake(client, v);
            if (round == 0)
                continue; /* warming up */
            v->edge_us += spent;
            v->signer_us += v->remote ? cpu_us(signer_clock) - before : 0;
            v->count += BATCH;
        }
    }
    (void)printf("%-32s %8s %8s %8s %10s\n", "", "edge us", "signer", "sum us", "per CPU s");
    for (size_t i = 0; i < countof(variants); i++) {
        const struct variant *v = &variants[i];
        double each = v->edge_us / v->count, other = v->signer_us / v->count;
        (void)printf("%-32s %8.1f %8.1f %8.1f %10.0f\n", v->name, each, other, each + other,
                     1e6 / (each + other));
        SSL_CTX_free(v->server);
    }
    SSL_SESSION_free(last_session);
    SSL_CTX_free(client);
    EVP_PKEY_free(local);
    tls_signer_fini(&edge);
    channel_fini(&control);
    (void)waitpid(pid, NULL, 0);
    tls_library_fini();
    return EXIT_SUCCESS;
}
