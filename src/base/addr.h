/* Network addresses: IPv4 and IPv6 in one 16-byte form, and prefixes of them.
 *
 * IPv4 is kept as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2), so 192.0.2.1 and ::ffff:192.0.2.1
 * are the same address everywhere in postern and no rule can be passed by spelling. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <sys/socket.h>

#include "base/macros.h"
#include "base/span.h"

struct addr {
    uint8_t byte[16];
};

struct cidr {
    struct addr addr; /* host bits are zero */
    uint8_t bits;     /* 0–128; an IPv4 /24 is 120 */
};

#define ADDR_TEXT_SIZE 46

/* Strict: dotted quad without leading zeros, RFC 4291 IPv6, no zone id, no brackets. FAULT_FORMAT.
 */
must_check int addr_parse(struct span text, struct addr *ret);
/* Canonical (RFC 5952); IPv4-mapped as dotted quad. */
void addr_format(const struct addr *a, char out[ADDR_TEXT_SIZE]);
bool addr_eq(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *a);
bool addr_is_v4(const struct addr *a);
/* "10.0.0.0/8", "::1", "2001:db8::/32". Refuses set host bits: FAULT_FORMAT. */
must_check int cidr_parse(struct span text, struct cidr *ret);
bool cidr_contains(const struct cidr *c, const struct addr *a);
/* Does any of them? For a handful; for many there is policy/zones.h. */
bool cidrs_contain(const struct cidr *c, size_t count, const struct addr *a);
/* "10.0.0.0/8" */
void cidr_format(const struct cidr *c, char out[ADDR_TEXT_SIZE + 4]);
/* From and to the kernel's form. addr_from_sockaddr: FAULT_FORMAT for another family. */
must_check int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret, uint16_t *ret_port);
/* IPv4 becomes AF_INET. Returns the length used. */
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out);
/* "127.0.0.1:9443", "[::1]:9443". FAULT_FORMAT. */
must_check int addr_parse_port(struct span text, struct addr *ret, uint16_t *ret_port);
/* "127.0.0.1:9443", "[::1]:9443" */
void addr_format_port(const struct addr *a, uint16_t port, char out[ADDR_TEXT_SIZE + 8]);

#endif
