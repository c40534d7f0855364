#include "connect/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/text.h"
#include "http/h1.h"
#include "http/rawtunnel.h"

#define HEAD_MAX (16u * 1024)
/* As much of a refusal's body as is worth reading. */
#define BODY_MAX (16u * 1024)

int gateway_context(const struct gateway *g, SSL_CTX **ret, const char **what)
{
    static const unsigned char ALPN[] = "\x08http/1.1";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    *what = "TLS";
    if (ctx == NULL)
        return -ENOMEM;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(ctx,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    bool ok = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set_alpn_protos(ctx, ALPN, sizeof(ALPN) - 1) == 0;
    if (ok) {
        *what = g->ca != NULL ? g->ca : "the certificates that this system trusts";
        ok = g->ca != NULL ? SSL_CTX_load_verify_file(ctx, g->ca) == 1
                           : SSL_CTX_set_default_verify_paths(ctx) == 1;
    }
    if (!ok) {
        SSL_CTX_free(ctx);
        ERR_clear_error();
        return FAULT_CRYPTO;
    }
    *ret = ctx;
    return 0;
}

static int dial_one(const struct addrinfo *at)
{
    const struct timeval patience = {.tv_sec = GATEWAY_SECONDS};
    int one = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
        return fd;
    int rc = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
    (void)close(fd);
    return rc;
}

static int dial(const struct gateway *g, char *why, size_t size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(g->address, g->port, &hints, &found);
    if (rc != 0) {
        (void)snprintf(why, size, "%s: %s", g->address, gai_strerror(rc));
        return FAULT_ABSENT;
    }
    int fd = -EADDRNOTAVAIL;
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next)
        fd = dial_one(at);
    freeaddrinfo(found);
    if (fd < 0)
        (void)snprintf(why, size, "%s port %s: %s", g->address, g->port, fault_text(fd));
    return fd;
}

/* What went wrong in TLS, for a person; a certificate's fault above all. */
static void tls_why(const struct gateway *g, SSL *ssl, char *why, size_t size)
{
    long verify = SSL_get_verify_result(ssl);
    unsigned long code = ERR_peek_last_error();
    if (verify != X509_V_OK)
        (void)snprintf(why, size, "the gateway's certificate is not good for %s: %s", g->host,
                       X509_verify_cert_error_string(verify));
    else if (code != 0)
        (void)snprintf(why, size, "TLS failed: %s", ERR_reason_error_string(code));
    else
        (void)snprintf(why, size, "the gateway closed the connection or did not answer in time");
    ERR_clear_error();
}

static int secure(const struct gateway *g, SSL *ssl, int fd, char *why, size_t size)
{
    if (SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, (uintptr_t)g->host) != 1 ||
        SSL_set1_host(ssl, g->host) != 1) {
        (void)snprintf(why, size, "not a host name: %s", g->host);
        ERR_clear_error();
        return FAULT_FORMAT;
    }
    if (SSL_connect(ssl) != 1) {
        tls_why(g, ssl, why, size);
        return FAULT_CRYPTO;
    }
    return 0;
}

static int ask(const struct gateway *g, SSL *ssl)
{
    struct buf head;
    size_t sent = 0;
    buf_init(&head, HEAD_MAX);
    (void)buf_printf(&head,
                     "GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n"
                     "Accept: application/problem+json\r\nUser-Agent: postern-connect/%s\r\n",
                     RAWTUNNEL_PATH, g->host, g->port, RAWTUNNEL_PROTOCOL, POSTERN_VERSION);
    int rc = h1_write_header(&head, SPAN("Postern-Token"), secret_view(g->token));
    (void)buf_text(&head, "\r\n");
    struct span bytes = buf_view(&head);
    while (rc == 0 && !head.bad && sent < bytes.len) {
        size_t n = 0;
        if (SSL_write_ex(ssl, bytes.at + sent, bytes.len - sent, &n) != 1)
            rc = FAULT_CLOSED;
        sent += n;
    }
    if (rc == 0 && head.bad)
        rc = -ENOMEM;
    if (bytes.len > 0)
        secret_wipe(head.at, head.cap);
    buf_fini(&head);
    return rc;
}

/* At least one more byte into `in`, or a fault. */
static int more(SSL *ssl, struct buf *in)
{
    size_t n = 0;
    uint8_t *room = buf_reserve(in, 4096);
    if (room == NULL)
        return FAULT_LIMIT;
    if (SSL_read_ex(ssl, room, 4096, &n) != 1)
        return FAULT_CLOSED;
    buf_commit(in, n);
    return 0;
}

/* The member "detail" of a problem (RFC 9457), still escaped as JSON does it. */
static struct span detail_of(struct span body)
{
    static const struct span KEY = {(const uint8_t *)"\"detail\":\"", 10};
    for (size_t i = 0; i + KEY.len < body.len; i++) {
        if (memcmp(body.at + i, KEY.at, KEY.len) != 0)
            continue;
        size_t end = i + KEY.len;
        while (end < body.len && body.at[end] != '"')
            end += body.at[end] == '\\' ? 2 : 1;
        return span_sub(body, i + KEY.len, (end < body.len ? end : body.len) - i - KEY.len);
    }
    return SPAN_NONE;
}

static void refused_why(SSL *ssl, const struct response *r, struct buf *in, char *why, size_t size)
{
    struct buf line;
    while (r->framing == BODY_LENGTH && buf_len(in) < r->length && buf_len(in) < BODY_MAX)
        if (more(ssl, in) < 0)
            break;
    struct span detail = detail_of(buf_view(in));
    buf_init(&line, 2 * BODY_MAX);
    (void)text_log(&line, detail.len > 0 ? detail : span_str(h1_status_text(r->status)));
    (void)snprintf(why, size, "refused (%u): %.*s", r->status, SPAN_FMT(buf_view(&line)));
    buf_fini(&line);
}

static int hear(SSL *ssl, struct buf *in, char *why, size_t size)
{
    static const struct h1_limits LIMITS = {HEAD_MAX, 100};
    struct arena arena;
    struct response r;
    const char *fault = "no answer";
    unsigned status;
    size_t scanned = 0;
    int len, rc = 0;
    while ((len = h1_head_find(buf_view(in), &scanned, &LIMITS, &status)) == 0 && rc == 0)
        rc = more(ssl, in);
    if (rc < 0 || len < 0) {
        (void)snprintf(why, size, "the gateway closed the connection or did not answer in time");
        return FAULT_CLOSED;
    }
    arena_init(&arena, 4096, 1 << 20);
    rc = h1_response_parse(span_sub(buf_view(in), 0, (size_t)len), SPAN("GET"), &arena, &r, &fault);
    buf_consume(in, (size_t)len);
    if (rc < 0) {
        (void)snprintf(why, size, "what answers is no gateway: %s", fault);
    } else if (!rawtunnel_granted(&r)) {
        refused_why(ssl, &r, in, why, size);
        rc = FAULT_DENIED;
    }
    arena_fini(&arena);
    return rc;
}

int gateway_open(const struct gateway *g, SSL_CTX *ctx, SSL **ret, struct buf *early, char *why,
                 size_t why_size)
{
    int fd = dial(g, why, why_size);
    if (fd < 0)
        return fd;
    SSL *ssl = SSL_new(ctx);
    int rc = ssl == NULL ? -ENOMEM : secure(g, ssl, fd, why, why_size);
    if (ssl == NULL)
        (void)snprintf(why, why_size, "no memory");
    if (rc == 0 && (rc = ask(g, ssl)) < 0)
        tls_why(g, ssl, why, why_size);
    if (rc == 0)
        rc = hear(ssl, early, why, why_size);
    if (rc == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        rc = -errno;
    if (rc < 0) {
        SSL_free(ssl);
        (void)close(fd);
        return rc;
    }
    *ret = ssl;
    return 0;
}
