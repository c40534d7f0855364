#include "edge/incoming.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* Names that glibc has for neither family under these spellings (linux/in6.h). */
#ifndef IPV6_2292PKTOPTIONS
#define IPV6_2292PKTOPTIONS 6
#endif

void incoming_ask(int listening, bool on)
{
    int value = on, family = 0;
    socklen_t len = sizeof(family);
    if (getsockopt(listening, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
        return;
    if (family == AF_INET)
        (void)setsockopt(listening, IPPROTO_IP, IP_PKTINFO, &value, sizeof(value));
    else
        (void)setsockopt(listening, IPPROTO_IPV6, IPV6_RECVPKTINFO, &value, sizeof(value));
}

/* The data of one control message, copied because nothing says how it is aligned. */
static bool find(struct msghdr *m, int level, int type, void *into, size_t len)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == level && c->cmsg_type == type && c->cmsg_len >= CMSG_LEN(len)) {
            memcpy(into, CMSG_DATA(c), len);
            return true;
        }
    }
    return false;
}

static int index_of(int fd, bool v4)
{
    union {
        struct cmsghdr align;
        char bytes[256];
    } control;
    struct in_pktinfo four;
    struct in6_pktinfo six;
    int off = 0;
    socklen_t len = sizeof(control);
    int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    int option = v4 ? IP_PKTOPTIONS : IPV6_2292PKTOPTIONS;
    if (getsockopt(fd, level, option, &control, &len) < 0 || len > sizeof(control))
        return 0;
    struct msghdr m = {.msg_control = &control, .msg_controllen = len};
    if (v4)
        return find(&m, IPPROTO_IP, IP_PKTINFO, &four, sizeof(four)) ? four.ipi_ifindex : 0;
    /* What was inherited would have the kernel keep a copy of every packet. */
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &off, sizeof(off));
    return find(&m, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof(six)) ? (int)six.ipi6_ifindex : 0;
}

void incoming_interface(int fd, const struct addr *peer, char out[INTERFACE_SIZE])
{
    int index = index_of(fd, addr_is_v4(peer));
    socklen_t len = INTERFACE_SIZE;
    out[0] = 0;
    if (index <= 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, out, &len) < 0)
        out[0] = 0;
    out[INTERFACE_SIZE - 1] = 0;
}
