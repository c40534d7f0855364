/* A fingerprint of the program at the other end, from the TLS ClientHello (the JA4 of TLS clients).
 *
 *   t13d1516h2_8daaf6152771_02713d6af862
 *   │└┬┘│└┬┘└┬┘└┬┘ │            └ SHA-256 of the extensions in order of number, then the algorithms
 *   │ │ │ │  │  │  └ SHA-256 of the cipher suites in order of number, twelve hex digits
 *   │ │ │ │  │  └ first and last letter of the first protocol that is offered
 *   │ │ │ │  └ extensions
 *   │ │ │ └ cipher suites
 *   │ │ └ a name is asked for (d) or not (i)
 *   │ └ newest version
 *   └ over TCP
 *
 * It tells kinds of programs apart (a browser of another make, a script), not devices, and whoever
 * wants to can imitate one: a hint and never a proof.
 *
 * One and the same program says different things when it resumes a session, pads, or speaks
 * HTTP/1.1 for a WebSocket. So a session is bound to ja4_same: the two hashes, without the
 * extensions that come and go. Pure. */
#ifndef NET_JA4_H
#define NET_JA4_H

#include "base/macros.h"
#include "base/span.h"

#define JA4_SIZE 37u
#define JA4_SAME_SIZE 26u
/* More suites or extensions than any program has; those behind are left out. */
#define JA4_LIST_MAX 256u

/* As it stands in the ClientHello (RFC 8446 section 4.1.2). Bodies of extensions are empty when
 * they are absent. */
struct ja4_hello {
    uint16_t version;       /* legacy_version */
    struct span ciphers;    /* two bytes each */
    const int *extensions;  /* numbers */
    size_t count;           /* of them */
    struct span versions;   /* body of supported_versions */
    struct span algorithms; /* body of signature_algorithms */
    struct span alpn;       /* body of application_layer_protocol_negotiation */
};

struct ja4 {
    char text[JA4_SIZE];
    char same[JA4_SAME_SIZE];
};

void ja4_of(const struct ja4_hello *h, struct ja4 *ret);

#endif
