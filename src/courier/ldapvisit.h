/* One connection to one directory, and what is asked on it. Private to directory.c and
 * ldapgroups.c; blocks. Functions return 0, or a fault: then this server did not answer as it
 * should, v->text or v->wire.text says how, and another may. */
#ifndef COURIER_LDAPVISIT_H
#define COURIER_LDAPVISIT_H

#include <ldap.h>

#include "courier/directory.h"
#include "courier/ldapwire.h"

struct visit {
    struct directory *d;
    struct ldapwire wire;
    LDAP *ld; /* NULL: none */
    char text[513];
};

must_check int visit_begin(struct visit *v);
/* RFC 4511 section 4.14, before anything else. */
must_check int visit_start_tls(struct visit *v, X509_STORE *trusted, const char *host);
/* The whole question; what was found is in v->d. */
must_check int visit_ask(struct visit *v);
void visit_end(struct visit *v);

/* Notes what the library thinks of its last call; always a fault. */
int visit_fault(struct visit *v, const char *what, int code);
/* A search that hands over at most `most` entries. code: what the server said in the end. A server
 * that sends more than it was asked for is no server. *ret is to be freed with ldap_msgfree. */
must_check int visit_search(struct visit *v, const char *base, int scope, const char *filter,
                            char **attributes, int most, LDAPMessage **ret, int *code);

/* ---- ldapgroups.c ---- */

/* The groups of the entry, into v->d->groups. entry: with its memberOf. */
must_check int visit_groups(struct visit *v, LDAPMessage *entry);

#endif
