#include "conf/mailserver.h"

#include <stdio.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/egress.h"
#include "conf/spelling.h"

int mailserver_parse(struct span text, struct mailserver *ret)
{
    struct span rest = text, host = SPAN_NONE;
    uint64_t port;
    struct addr a;
    bool secure = span_starts(text, SPAN("smtps://"));
    if (text.len > MAILSERVER_URL_MAX || (!secure && !span_starts(text, SPAN("smtp://"))))
        return FAULT_FORMAT;
    rest = span_sub(text, secure ? 8 : 7, text.len);
    port = secure ? 465 : 587;
    if (span_find(rest, ':') == SIZE_MAX) {
        host = rest;
    } else {
        (void)span_cut(&rest, ':', &host);
        if (text_u64(rest, 65535, &port) < 0 || port == 0)
            return FAULT_FORMAT;
    }
    if (!spelling_host(host) || host.len >= sizeof(ret->host))
        return FAULT_FORMAT;
    if (addr_parse(host, &a) == 0 && egress_refusal(&a) != NULL)
        return FAULT_DENIED;
    *ret = (struct mailserver){.port = (uint16_t)port, .start_tls = !secure};
    (void)snprintf(ret->host, sizeof(ret->host), "%.*s", SPAN_FMT(host));
    return 0;
}

bool mailserver_is_text(struct span text)
{
    struct mailserver m;
    return mailserver_parse(text, &m) == 0;
}

bool mailserver_is_mailbox(struct span text)
{
    size_t at = span_find(text, '@');
    if (text.len > MAILBOX_MAX || at == SIZE_MAX || at == 0 || at > 64)
        return false;
    for (size_t i = 0; i < at; i++) {
        uint8_t b = text.at[i];
        bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9');
        bool dot = b == '.' && i > 0 && i < at - 1 && text.at[i - 1] != '.';
        if (!letter && !dot && (b == 0 || strchr("!#$%&'*+-/=?^_`{|}~", b) == NULL))
            return false;
    }
    return spelling_host(span_sub(text, at + 1, text.len));
}
