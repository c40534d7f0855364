/* The server that takes mail, and the addresses it is told: two spellings of the configuration.
 *
 * "smtps://HOST[:PORT]": TLS from the first byte (port 465, RFC 8314). "smtp://HOST[:PORT]":
 * STARTTLS (RFC 3207) before anything else is said (port 587). There is no spelling for a
 * connection without TLS. HOST is a name in lower case or an IPv4 address. Pure. */
#ifndef CONF_MAILSERVER_H
#define CONF_MAILSERVER_H

#include "base/macros.h"
#include "base/span.h"

#define MAILSERVER_URL_MAX 272u
#define MAILBOX_MAX 254u

struct mailserver {
    char host[254];
    uint16_t port;
    bool start_tls;
};

/* FAULT_FORMAT, or FAULT_DENIED for an address that nobody may be sent to (conf/egress.h). */
must_check int mailserver_parse(struct span text, struct mailserver *ret);
bool mailserver_is_text(struct span text);
/* local@host: a local part of letters, digits and !#$%&'*+-/=?^_`{|}~. (RFC 5321, no quoting), a
 * host name. Nothing of it can mean anything else in a mail's head or envelope. */
bool mailserver_is_mailbox(struct span text);

#endif
