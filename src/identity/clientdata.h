/* What the browser says it was asked, and by whom: CollectedClientData of Web Authentication
 * (W3C, section 5.8.1), the JSON that an authenticator's signature covers.
 *
 * It is read as JSON, not searched as text: members twice, a byte after the end, or an origin that
 * merely begins like ours do not pass. */
#ifndef IDENTITY_CLIENTDATA_H
#define IDENTITY_CLIENTDATA_H

#include "base/span.h"

#define CLIENTDATA_MAX 2048u
#define CLIENTDATA_CHALLENGE 32u /* bytes of a challenge; 16 are the least (section 13.4.3) */

enum clientdata_verdict {
    CLIENTDATA_GOOD = 0,
    CLIENTDATA_MALFORMED, /* too long, no JSON object, a member missing, twice or of another type */
    CLIENTDATA_TYPE,      /* made for the other ceremony */
    CLIENTDATA_CHALLENGE_WRONG,
    CLIENTDATA_ORIGIN,
    CLIENTDATA_FRAME, /* asked from within another origin's page */
};

/* type: "webauthn.create" or "webauthn.get"; challenge: the bytes that were sent; origin:
 * "https://host:port" as browsers write it, without the port when it is 443. */
enum clientdata_verdict clientdata_check(struct span json, const char *type, struct span challenge,
                                         struct span origin);

#endif
