/* The addresses of a hand-over: how a console sends a browser to the portal, and the portal sends
 * it back with a code.
 *
 *   https://CONSOLE/…          303 ─▶ https://PORTAL/handover?to=CONSOLE&flow=HASH&back=/…
 *   https://PORTAL/handover    303 ─▶ https://CONSOLE/.postern/callback?code=…
 *   https://CONSOLE/.postern/callback  303 ─▶ https://CONSOLE/…
 *
 * `to`, `flow` and `back` travel in the open and through the login form, so whoever reads them
 * takes them for what a stranger wrote. Pure. */
#ifndef EDGE_HANDOVER_H
#define EDGE_HANDOVER_H

#include "base/arena.h"
#include "base/assurance.h"
#include "base/buf.h"

/* Longer places are not remembered: the person arrives at the console's front page. */
#define HANDOVER_BACK_MAX 2048u

struct handover {
    struct span to;   /* authority, lower case */
    struct span host; /* of it */
    uint16_t port;    /* of it, or 0 */
    struct span flow; /* base64url of … */
    uint8_t flow_hash[32];
    struct span back;    /* a place on the console: begins with "/" and stays there */
    enum assurance need; /* what has to be proven, or ASSURANCE_NONE: a session is enough */
    uint32_t age;        /* at most so many seconds ago, or 0 */
};

/* From a query or a form. FAULT_ABSENT: there is no hand-over in it; FAULT_FORMAT: there is, and it
 * is not one that a console of ours made. Everything lives in the arena. */
must_check int handover_parse(struct span form, struct arena *a, struct handover *ret);
/* May a browser be sent there, on whatever host it is? "/…" without "//", "/\", control or other
 * bytes that a URL has not. */
bool handover_back_is_safe(struct span back);
/* The same of at most so many bytes: of a hand-over's own address, which has a place in it. */
bool handover_place_is_safe(struct span place, size_t max);
/* "to=…&flow=…&back=…[&need=LEVEL&age=SECONDS]" */
int handover_query(struct buf *out, const struct handover *h);
/* The three or four hidden fields of a login form. */
int handover_fields(struct buf *out, const struct handover *h);
/* Where the portal answers: the host, and the port behind a colon unless 0 or the scheme's own. */
int handover_authority(struct buf *out, const char *host, uint16_t port);

#endif
