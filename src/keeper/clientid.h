/* Whose is the certificate that a client has shown? The keeper verifies what an edge tells it once
 * more, against what the configuration says of the host, and looks in the store's table.
 *
 * What it cannot verify is that the client holds the key: that was the edge's handshake. A
 * certificate is therefore never enough to administer postern: it is the whole proof of programs
 * (service accounts) on consoles, and one factor of people. */
#ifndef KEEPER_CLIENTID_H
#define KEEPER_CLIENTID_H

#include "pki/clienttrust.h"
#include "store/certificates.h"

struct keeper;

#define CLIENTID_HELD 8u

/* What was verified with lately: a list of revoked certificates is long, reading it once is enough.
 * Zeroed memory is one. */
struct clientids {
    struct clienttrusts trusts;
    struct clienttrust *held[CLIENTID_HELD];
    unsigned next;
};
void clientids_fini(struct clientids *c);

/* chain: see pki/clientcert.h; host: authority that the request was for. *until: when the
 * certificate, its authorities or their lists end. FAULT_ABSENT: it is not good there, or nobody's,
 * or of two; anything else: the store cannot say. */
must_check int clientid_find(struct keeper *k, struct span chain, struct span host, uint64_t now,
                             struct certificate *ret, uint64_t *until);
/* Is it a person's, and this one's? */
must_check int clientid_proves(struct keeper *k, struct span chain, struct span host, uint64_t now,
                               const char *user, bool *ret);
/* It was used. A failure is logged: that a time is lost is no reason to refuse anybody. */
void clientid_note(struct keeper *k, const struct certificate *c, uint64_t now);

#endif
