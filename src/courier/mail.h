/* One mail to one server, by libcurl (SMTP, RFC 5321): TLS from the first byte or by STARTTLS, the
 * certificate verified; a server that offers no TLS gets nothing. The message comes whole from the
 * keeper. Blocks; runs on a thread of the pool. */
#ifndef COURIER_MAIL_H
#define COURIER_MAIL_H

#include <openssl/x509.h>

#include "base/secret.h"
#include "conf/mailserver.h"
#include "ipc/message.h"

/* Mails that may be under way: a slow server must leave threads for name servers. */
#define MAILS_AT_ONCE 4u

struct mail {
    struct secret packet; /* holds what `ask` borrows */
    struct msg_mail ask;
    uint64_t until_ms; /* monotonic */
    struct mailserver server;
    size_t sent; /* bytes of the message that the server has been given */
    /* What came of it. */
    bool taken;
    char text[513]; /* why not, for a person */
};

/* Copies the payload of a MSG_MAIL. FAULT_FORMAT: no keeper asks this. */
must_check int mail_read(struct mail *m, struct span payload);
void mail_fini(struct mail *m);
/* system: the authorities of this system. */
void mail_run(struct mail *m, X509_STORE *system);

#endif
