#include "courier/lookup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "conf/egress.h"
#include "conf/spelling.h"

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct addr));
}

size_t lookup_sort(struct addr *addrs, size_t count)
{
    size_t kept = 0;
    if (count > 0)
        qsort(addrs, count, sizeof(*addrs), by_bytes);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !addr_eq(&addrs[kept - 1], &addrs[i]))
            addrs[kept++] = addrs[i];
    return kept;
}

static void end(struct lookup *l, enum resolve_result result, const char *text)
{
    l->result = result;
    (void)snprintf(l->text, sizeof(l->text), "%s", text);
}

static void take(struct lookup *l, const struct addrinfo *list)
{
    for (const struct addrinfo *ai = list; ai != NULL && l->count < LOOKUP_SEEN_MAX;
         ai = ai->ai_next) {
        struct addr a;
        uint16_t port;
        if (addr_from_sockaddr(ai->ai_addr, &a, &port) < 0)
            continue;
        const char *what = egress_refusal(&a);
        if (what != NULL) {
            char shown[ADDR_TEXT_SIZE];
            addr_format(&a, shown);
            l->count = 0;
            l->result = RESOLVE_DENIED;
            (void)snprintf(l->text, sizeof(l->text),
                           "the name leads to %s, %s, which no console may have", shown, what);
            return;
        }
        l->addrs[l->count++] = a;
        /* Twice the same, once for each way to ask, must not crowd others out. */
        l->count = lookup_sort(l->addrs, l->count);
    }
    if (l->count == 0)
        end(l, RESOLVE_ABSENT, "the name has no address");
    l->count = l->count < LOOKUP_MAX ? l->count : LOOKUP_MAX;
}

void lookup_name(const char *name, struct lookup *ret)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    struct in_addr numeric;
    *ret = (struct lookup){.result = RESOLVE_OK};
    /* getaddrinfo would read 0x7f000001 as an address that no name server was asked for. */
    if (!spelling_host(span_str(name)) || inet_aton(name, &numeric) != 0) {
        end(ret, RESOLVE_ABSENT, "this is no host name");
        return;
    }
    int rc = getaddrinfo(name, NULL, &hints, &list);
    if (rc == 0)
        take(ret, list);
    else if (rc == EAI_NONAME || rc == EAI_NODATA || rc == EAI_ADDRFAMILY)
        end(ret, RESOLVE_ABSENT, "there is no such name");
    else if (rc == EAI_AGAIN)
        end(ret, RESOLVE_FAILED, "no name server has answered");
    else
        end(ret, RESOLVE_FAILED, gai_strerror(rc));
    if (list != NULL)
        freeaddrinfo(list);
}
