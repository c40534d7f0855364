/* One request to a server of the web, by libcurl: what an OpenID provider is asked, what a webhook
 * is told.
 *
 * https only, the certificate verified against the authorities that the question names. The address
 * is looked up and judged by us (reach.h), and libcurl gets a connection that stands: it resolves
 * nothing, follows no redirect, uses no proxy, keeps no cookie, reads no file and no variable of
 * the environment. An answer that is longer than asked for is none. Blocks; runs on a thread of the
 * pool. */
#ifndef COURIER_FETCH_H
#define COURIER_FETCH_H

#include <openssl/x509.h>

#include "base/buf.h"
#include "base/secret.h"
#include "ipc/message.h"

/* Requests that may be under way: a slow server must leave threads for name servers. */
#define FETCHES_AT_ONCE 8u
#define FETCH_HEAD_MAX 32768u

struct fetch {
    struct secret packet; /* holds what `ask` borrows */
    struct msg_fetch ask;
    uint64_t until_ms; /* monotonic */
    char url[2049];
    char host[254];
    uint16_t port;
    /* What came. */
    enum fetched_result result;
    uint16_t status;
    char text[513]; /* why not, for a person */
    char type[129];
    struct buf body;
};

/* Once per process, before there is a second thread. */
must_check int fetch_setup(void);
/* Copies the payload of a MSG_FETCH. FAULT_FORMAT: no keeper asks this. */
must_check int fetch_read(struct fetch *f, struct span payload);
void fetch_fini(struct fetch *f);
/* system: the authorities of this system. */
void fetch_run(struct fetch *f, X509_STORE *system);

#endif
