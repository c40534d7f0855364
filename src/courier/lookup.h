/* A name becomes addresses, by whatever this system resolves names with (getaddrinfo, and so
 * /etc/hosts, DNS and the search list). Blocks; runs on a thread of the pool. */
#ifndef COURIER_LOOKUP_H
#define COURIER_LOOKUP_H

#include "base/addr.h"
#include "ipc/message.h"

#define LOOKUP_MAX 16u
/* So many of an answer are looked at: the sixteen must be the same ones in whatever order they
 * come. */
#define LOOKUP_SEEN_MAX 128u

struct lookup {
    enum resolve_result result;
    struct addr addrs[LOOKUP_SEEN_MAX]; /* sorted, none twice */
    size_t count;                       /* at most LOOKUP_MAX */
    char text[256];                     /* why not, for a person */
};

/* name: as of spelling_host and no address, else RESOLVE_ABSENT. One address that no console may
 * have (conf/egress.h) spoils the whole answer: whoever put it there would not stop at one. */
void lookup_name(const char *name, struct lookup *ret);
/* Sorts and drops repetitions; the new count. */
size_t lookup_sort(struct addr *addrs, size_t count);

#endif
