/* What libcurl is lent: a connection that stands, whom to trust, and nothing of its own.
 *
 * The address is looked up and judged by us (reach.h). libcurl resolves nothing, uses no proxy,
 * reads no file and no variable of the environment, keeps nothing, and verifies the certificate
 * against the authorities that the question names, whatever the protocol. */
#ifndef COURIER_LOAN_H
#define COURIER_LOAN_H

#include <curl/curl.h>
#include <openssl/x509.h>

#include "base/macros.h"
#include "base/span.h"

struct loan {
    X509_STORE *trusted;
    int fd; /* -1: none, or taken */
    struct curl_slist *places;
};

/* Connects to host:port. authorities: PEM, or empty: `system`. 0, FAULT_CRYPTO (the authorities can
 * not be read), FAULT_TIMEOUT or another fault; then text (of size) says why, for a person. The
 * caller ends it with loan_fini() in any case. */
must_check int loan_open(struct loan *l, const char *host, uint16_t port, struct span authorities,
                         X509_STORE *system, uint64_t until_ms, char *text, size_t size);
/* Tells the handle: the connection, TLS, url with its only protocol, the time that is left.
 * false: libcurl has no memory. The loan must outlive the handle's transfer. */
bool loan_give(struct loan *l, CURL *curl, const char *url, const char *protocol,
               uint64_t until_ms);
void loan_fini(struct loan *l);

#endif
