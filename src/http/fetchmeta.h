/* May a request that a cookie authenticates proceed? (Fetch Metadata, RFC 6454)
 *
 * Browsers attach cookies to requests that other sites make, and the hosts of sibling consoles are
 * the same site to SameSite. So the browser has to say that the request comes from this very
 * origin, or that a person navigates here, which reads but changes nothing. Requests with a token
 * are exempt: no browser attaches a token by itself. */
#ifndef HTTP_FETCHMETA_H
#define HTTP_FETCHMETA_H

#include "http/request.h"

enum fetchmeta {
    FETCHMETA_SAME_ORIGIN, /* Sec-Fetch-Site: same-origin, or Origin is https://<authority> */
    FETCHMETA_USER,        /* Sec-Fetch-Site: none: typed, bookmarked, reloaded */
    FETCHMETA_NAVIGATION,  /* a top-level GET or HEAD navigation from elsewhere */
    FETCHMETA_REFUSED,     /* none of these, or nothing said: 403 */
};

enum fetchmeta fetchmeta_judge(const struct request *r);
static inline bool fetchmeta_may_proceed(const struct request *r)
{
    return fetchmeta_judge(r) != FETCHMETA_REFUSED;
}
/* Does a page of another origin ask for this WebSocket? A program sends no Origin and proves itself
 * by its token; one that sends a foreign Origin repeats what a page told it. */
bool fetchmeta_foreign_socket(const struct request *r);
/* "same-origin", "user", "navigation", "refused": for logs. */
const char *fetchmeta_name(enum fetchmeta f);

#endif
