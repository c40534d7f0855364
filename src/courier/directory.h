/* Asks a directory who somebody is: LDAP (RFC 4511) by way of libldap.
 *
 *   for each server, those that answered lately first:
 *     connect ─▶ TLS, verified ─▶ bind as the account ─▶ search: exactly one entry
 *       ─▶ bind as that entry with the password ─▶ bind as the account ─▶ its groups ─▶ BOUND_OK
 *
 * A server that does not answer as it should is followed by the next; what a server says of a
 * person is final. Referrals are not followed, and an entry without a name, an empty password and a
 * connection without TLS get nowhere near a bind (RFC 4513 section 5.1.2). Blocks; runs on a thread
 * of the pool. */
#ifndef COURIER_DIRECTORY_H
#define COURIER_DIRECTORY_H

#include <openssl/x509.h>

#include "base/buf.h"
#include "base/secret.h"
#include "conf/directory.h"
#include "ipc/message.h"

/* Questions to directories that may be under way: a slow one must leave threads for name servers.
 */
#define DIRECTORY_AT_ONCE 10u
/* Groups of one person that are looked at, and how deep they may be in each other. */
#define DIRECTORY_GROUPS_MAX 512u
#define DIRECTORY_DEPTH_MAX 16u
/* A server that did not answer is asked last for so long. */
#define DIRECTORY_DEAD_MS 30000u

struct directory {
    struct secret packet; /* holds what `ask` borrows */
    struct msg_bind ask;
    uint64_t until_ms; /* monotonic */
    struct directory_server servers[DIRECTORY_SERVERS_MAX];
    struct span urls[DIRECTORY_SERVERS_MAX];
    size_t count;
    uint8_t order[DIRECTORY_SERVERS_MAX]; /* in which they are asked */
    enum { SERVER_UNKNOWN = 0, SERVER_UP, SERVER_DOWN } state[DIRECTORY_SERVERS_MAX];
    /* What was found. */
    enum bound_result result;
    char text[513], server[273], dn[1025], id[129], name[65];
    struct buf groups;
    uint32_t omitted;
};

/* Once per process, before there is a second thread: libldap reads neither files nor the
 * environment. */
must_check int directory_setup(void);

/* Copies the payload of a MSG_BIND. FAULT_FORMAT: no keeper asks this. */
must_check int directory_read(struct directory *d, struct span payload);
void directory_fini(struct directory *d);
/* system: the authorities of this system. */
void directory_run(struct directory *d, X509_STORE *system);

/* Which servers did not answer lately. One per process, used by its loop alone. */
struct directory_memory {
    struct {
        char url[DIRECTORY_URL_MAX + 1];
        uint64_t until_ms; /* 0: free */
    } dead[16];
};

void directory_order(const struct directory_memory *m, struct directory *d, uint64_t now);
void directory_learn(struct directory_memory *m, const struct directory *d, uint64_t now);

/* For tests and fuzzing: the directory says these bytes, and there is no TLS. */
void directory_run_script(struct directory *d, struct span script);

#endif
