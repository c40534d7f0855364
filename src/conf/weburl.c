#include "conf/weburl.h"

#include "base/fault.h"
#include "base/text.h"
#include "conf/spelling.h"

#define SCHEME "https://"

static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.at[i];
        if (b <= 0x20 || b >= 0x7f || b == '\\' || b == '#' || b == '"' || b == '<' || b == '>') {
            return false;
        }
    }
    return true;
}

int weburl_parse(struct span text, struct weburl *ret)
{
    if (text.len > WEBURL_MAX) {
        return FAULT_LIMIT;
    }
    if (!span_starts(text, SPAN(SCHEME)) || !is_plain(text)) {
        return FAULT_FORMAT;
    }
    struct span rest = span_sub(text, sizeof(SCHEME) - 1, text.len);
    size_t end = 0;
    while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?') {
        end++;
    }
    struct span host = span_sub(rest, 0, end);
    size_t colon = span_find(host, ':');
    uint64_t port = 443;
    if (colon != SIZE_MAX) {
        struct span digits = span_sub(host, colon + 1, SIZE_MAX);
        if (digits.len > 5 || text_u64(digits, 65535, &port) < 0) {
            return FAULT_FORMAT;
        }
        host = span_sub(host, 0, colon);
    }
    *ret = (struct weburl){
        .host = host, .port = (uint16_t)port, .target = span_sub(rest, end, rest.len)};
    return port != 0 && host.len <= 253 && spelling_host(host) ? 0 : FAULT_FORMAT;
}

bool weburl_same_origin(const struct weburl *a, const struct weburl *b)
{
    return span_eq(a->host, b->host) && a->port == b->port;
}

bool weburl_is_text(struct span text)
{
    struct weburl url;
    return weburl_parse(text, &url) == 0;
}
