/* The PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt): one header, before
 * everything else on a connection, in which a proxy says whose connection this is. Pure.
 *
 * Whether the sender may say that is not asked here. Stricter than the document where it leaves a
 * choice: a header of more than PROXYPROTO_MAX bytes, datagrams, and families and commands that the
 * document does not name are refused. */
#ifndef NET_PROXYPROTO_H
#define NET_PROXYPROTO_H

#include "base/addr.h"

/* Most bytes of a header: addresses take 52 of them, the rest is for extensions (TLVs). */
#define PROXYPROTO_MAX 4096u
/* Most bytes of a version 1 line, with its CR LF (section 2.1). */
#define PROXYPROTO_V1_MAX 107u

enum proxyproto_kind {
    PROXYPROTO_PROXIED, /* source and destination are those of the client's connection */
    PROXYPROTO_LOCAL,   /* the proxy itself connects, for instance to see whether we live */
    PROXYPROTO_UNKNOWN, /* somebody's connection, but not over IP or not said whose */
};

struct proxyproto {
    enum proxyproto_kind kind;
    struct addr source, dest; /* with PROXYPROTO_PROXIED */
    uint16_t source_port, dest_port;
    struct span authority; /* the host name that the client asked the proxy for (PP2_TYPE_AUTHORITY)
                            * or empty; borrowed from the input */
};

/* in: the first bytes of a connection. Returns the length of the header, all of which is in *in*
 * and behind which the client's own bytes begin; 0 when every byte so far belongs to a header that
 * is not complete; FAULT_FORMAT when no header begins like that, or its checksum (CRC32C, when it
 * carries one) does not hold. */
must_check int proxyproto_parse(struct span in, struct proxyproto *ret);

#endif
