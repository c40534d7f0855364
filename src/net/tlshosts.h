/* Which certificates are for which host: the names of several certificates, looked up by what a
 * client asks for (RFC 6066 section 3, RFC 6125 section 6.4).
 *
 * A name found exactly goes before a wildcard, a wildcard stands for one whole label at the left
 * and for nothing else, letters have no case. Addresses are no names. Pure: names in, sets of pairs
 * out; what a set leads to is noted by whoever builds it. */
#ifndef NET_TLSHOSTS_H
#define NET_TLSHOSTS_H

#include "base/macros.h"
#include "base/span.h"

#define TLSHOSTS_NAME_MAX 253u
#define TLSHOSTS_MAX 8192u
#define TLSHOSTS_PAIRS_MAX 64u

struct tlshost {
    uint64_t pairs; /* bit i: pair i has this name */
    void *context;  /* the builder's, NULL at first; borrowed */
    size_t len;
    char name[]; /* lower case; "*.example.com" begins at its dot */
};

struct tlshosts;

struct tlshosts *tlshosts_new(void);
void tlshosts_free(struct tlshosts *h);
/* A DNS name of pair number `pair` (below TLSHOSTS_PAIRS_MAX), as its certificate spells it. A name
 * that no client could ask for is left out. 0, FAULT_LIMIT, -ENOMEM. */
must_check int tlshosts_add(struct tlshosts *h, struct span name, unsigned pair);
/* For what a client asks; NULL: no certificate names it. */
struct tlshost *tlshosts_find(const struct tlshosts *h, struct span name);
/* Walks in no order: *at starts at 0. NULL at the end. */
struct tlshost *tlshosts_next(const struct tlshosts *h, size_t *at);
/* The host name in the body of a server_name extension, or an empty span: none, or malformed (which
 * is for the TLS library to complain about). */
struct span tlshosts_asked(struct span extension);

#endif
