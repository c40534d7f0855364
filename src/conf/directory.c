#include "conf/directory.h"

#include "base/addr.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/egress.h"
#include "conf/spelling.h"

#define LDAPS SPAN("ldaps://")
#define LDAP SPAN("ldap://")
#define LDAPS_PORT 636u
#define LDAP_PORT 389u

/* HOST[:PORT] without brackets. port is set only when there is one. */
static int split(struct span text, struct span *host, uint16_t *port)
{
    uint64_t n;
    *host = text;
    if (text.len > 0 && text.at[0] == '[') {
        size_t end = span_find(text, ']');
        if (end == SIZE_MAX)
            return FAULT_FORMAT;
        *host = span_sub(text, 1, end - 1);
        if (span_find(*host, ':') == SIZE_MAX)
            return FAULT_FORMAT;
        text = span_sub(text, end + 1, text.len);
        if (text.len == 0)
            return 0;
        if (text.at[0] != ':')
            return FAULT_FORMAT;
        text = span_sub(text, 1, text.len);
    } else {
        if (span_find(text, ':') == SIZE_MAX)
            return 0;
        (void)span_cut(&text, ':', host);
    }
    if (text_u64(text, UINT16_MAX, &n) < 0 || n == 0)
        return FAULT_FORMAT;
    *port = (uint16_t)n;
    return 0;
}

int directory_server_parse(struct span text, struct directory_server *ret)
{
    struct directory_server s = {.start_tls = span_starts(text, LDAP)};
    struct span host;
    struct addr a;
    if (!s.start_tls && !span_starts(text, LDAPS))
        return FAULT_FORMAT;
    s.port = s.start_tls ? LDAP_PORT : LDAPS_PORT;
    text = span_sub(text, s.start_tls ? LDAP.len : LDAPS.len, text.len);
    if (split(text, &host, &s.port) < 0)
        return FAULT_FORMAT;
    bool address = addr_parse(host, &a) == 0;
    if (host.len >= sizeof(s.host) || (!address && !spelling_host(host)))
        return FAULT_FORMAT;
    if (address && egress_refusal(&a) != NULL)
        return FAULT_DENIED;
    memcpy(s.host, host.at, host.len);
    *ret = s;
    return 0;
}

bool directory_server_is_text(struct span text)
{
    struct directory_server s;
    return directory_server_parse(text, &s) == 0;
}

int directory_mapping_parse(struct span text, struct directory_mapping *ret)
{
    struct directory_mapping m = {.dn = text};
    if (!span_cut(&m.dn, '=', &m.group) || !text_is_name(m.group) || !ldapname_is_dn(m.dn))
        return FAULT_FORMAT;
    *ret = m;
    return 0;
}

bool directory_mapping_is_text(struct span text)
{
    struct directory_mapping m;
    return directory_mapping_parse(text, &m) == 0;
}
