#include "courier/loan.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "courier/authorities.h"
#include "courier/reach.h"

/* The one address that was judged: libcurl asks nobody. */
static bool note_place(struct loan *l, const char *host, uint16_t port, const struct addr *address)
{
    char text[ADDR_TEXT_SIZE], place[360];
    addr_format(address, text);
    bool six = strchr(text, ':') != NULL;
    (void)snprintf(place, sizeof(place), six ? "%s:%u:[%s]" : "%s:%u:%s", host, port, text);
    l->places = curl_slist_append(NULL, place);
    return l->places != NULL;
}

int loan_open(struct loan *l, const char *host, uint16_t port, struct span authorities,
              X509_STORE *system, uint64_t until_ms, char *text, size_t size)
{
    struct reach r = {.host = host, .port = port, .until_ms = until_ms};
    *l = (struct loan){.fd = -1, .trusted = authorities_of(authorities, system)};
    if (l->trusted == NULL) {
        (void)snprintf(text, size, "its authorities can not be read");
        return FAULT_CRYPTO;
    }
    l->fd = reach_open(&r);
    if (l->fd < 0)
        (void)snprintf(text, size, "%s", r.text);
    else if (!note_place(l, host, port, &r.address))
        return FAULT_LIMIT;
    return l->fd < 0 ? l->fd : 0;
}

void loan_fini(struct loan *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    curl_slist_free_all(l->places);
    X509_STORE_free(l->trusted);
}

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct loan *l = context;
    int fd = l->fd;
    (void)purpose;
    (void)address;
    l->fd = -1;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_sockopt(void *context, curl_socket_t fd, curlsocktype purpose)
{
    (void)context;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static CURLcode on_context(CURL *curl, void *context, void *arg)
{
    const struct loan *l = arg;
    (void)curl;
    SSL_CTX_set1_cert_store(context, l->trusted);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    return CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(curl, option, value) == CURLE_OK)

bool loan_give(struct loan *l, CURL *curl, const char *url, const char *protocol, uint64_t until_ms)
{
    uint64_t now = clock_mono_ms();
    long left = (long)(until_ms > now ? until_ms - now : 1);
    return SET(CURLOPT_URL, url) && SET(CURLOPT_PROTOCOLS_STR, protocol) &&
           SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOPROXY, "*") &&
           SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) && SET(CURLOPT_TIMEOUT_MS, left) &&
           SET(CURLOPT_FORBID_REUSE, 1L) && SET(CURLOPT_RESOLVE, l->places) &&
           SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(CURLOPT_CAINFO, NULL) &&
           SET(CURLOPT_CAPATH, NULL) && SET(CURLOPT_SSL_CTX_FUNCTION, on_context) &&
           SET(CURLOPT_SSL_CTX_DATA, l) && SET(CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
           SET(CURLOPT_OPENSOCKETFUNCTION, on_open) && SET(CURLOPT_OPENSOCKETDATA, l) &&
           SET(CURLOPT_SOCKOPTFUNCTION, on_sockopt);
}
