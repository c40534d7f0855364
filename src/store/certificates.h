/* Whom a client's certificate stands for: an explicit table of names in certificates and users.
 *
 * A name (kind and value, one spelling: pki/certname.h) belongs to one row at most. The row's own
 * name is what rules call a program by that comes with its certificate alone, as they call tokens.
 */
#ifndef STORE_CERTIFICATES_H
#define STORE_CERTIFICATES_H

#include "store/store.h"

#define CERTIFICATE_VALUE_SIZE 513u

struct certificate {
    uint64_t seq; /* not set by the caller */
    uint8_t id[STORE_ID_SIZE];
    char name[STORE_NAME_SIZE];
    char user[STORE_NAME_SIZE];
    uint32_t kind; /* enum certname_kind */
    char value[CERTIFICATE_VALUE_SIZE];
    uint64_t created;
    uint64_t last_used; /* exact to a minute; 0: never */
    uint32_t user_kind; /* enum user_kind; not set by the caller, nor … */
    bool user_disabled;
};

/* FAULT_EXISTS: this name, or this kind and value, is there; FAULT_ABSENT: no such user. */
must_check int certificates_add(struct store *s, const struct certificate *c);
must_check int certificates_find(struct store *s, const char *name, struct certificate *ret);
/* By what stands in a certificate. */
must_check int certificates_find_value(struct store *s, uint32_t kind, const char *value,
                                       struct certificate *ret);
/* FAULT_ABSENT. */
must_check int certificates_remove(struct store *s, const char *name);
must_check int certificates_touch(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t now);
/* By seq; of one user, or with NULL of all. */
must_check int certificates_list(struct store *s, const char *user, const struct page *page,
                                 int (*each)(void *context, const struct certificate *certificate),
                                 void *context);

#endif
