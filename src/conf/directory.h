/* Where a directory is, what it is like, and which of its groups are which of ours: spellings of
 * the configuration. */
#ifndef CONF_DIRECTORY_H
#define CONF_DIRECTORY_H

#include "base/macros.h"
#include "base/span.h"
#include "conf/ldapname.h"

/* What is looked for in an entry beside the names that the configuration gives. */
enum directory_flavour {
    DIRECTORY_LDAP = 0,
    DIRECTORY_ACTIVE = 1, /* userAccountControl and accountExpires say who is disabled */
};

/* Where the groups of an entry stand. */
enum directory_groups {
    GROUPS_NONE = 0,
    GROUPS_MEMBER_OF = 1, /* in its memberOf, and in that of its groups */
    GROUPS_SEARCH = 2,    /* in the groups that a filter finds, for it and for its groups */
    GROUPS_IN_CHAIN = 3,  /* the same, but the directory follows the chain */
};

#define DIRECTORY_SERVERS_MAX 8u
#define DIRECTORY_URL_MAX 272u

/* "ldaps://HOST[:PORT]": TLS from the first byte (port 636). "ldap://HOST[:PORT]": StartTLS (RFC
 * 4511 section 4.14) before anything else is said (port 389). HOST is a name in lower case or an
 * address, an IPv6 address in brackets. There is no spelling for a connection without TLS. */
struct directory_server {
    char host[254]; /* no brackets */
    uint16_t port;
    bool start_tls;
};

/* 0, FAULT_FORMAT, or FAULT_DENIED for an address that nobody may be sent to (conf/egress.h). */
must_check int directory_server_parse(struct span text, struct directory_server *ret);
bool directory_server_is_text(struct span text);

/* "GROUP=DN": who is in the directory's group DN is in our group GROUP. */
struct directory_mapping {
    struct span group, dn;
};

must_check int directory_mapping_parse(struct span text, struct directory_mapping *ret);
bool directory_mapping_is_text(struct span text);

#endif
