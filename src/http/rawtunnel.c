#include "http/rawtunnel.h"

#include "base/fault.h"

int rawtunnel_request(const struct request *r)
{
    const struct headers *h = &r->headers;
    if (r->minor == 0 || !headers_have_token(h, HEADER_UPGRADE, RAWTUNNEL_PROTOCOL) ||
        !headers_have_token(h, HEADER_CONNECTION, "upgrade"))
        return 0;
    bool ok = headers_count(h, HEADER_UPGRADE) == 1 &&
              span_eq_nocase(headers_find(h, HEADER_UPGRADE)->value, SPAN(RAWTUNNEL_PROTOCOL)) &&
              span_is(r->method, "GET") && r->framing == BODY_NONE && !r->has_query;
    return ok ? 1 : FAULT_FORMAT;
}

bool rawtunnel_granted(const struct response *r)
{
    const struct headers *h = &r->headers;
    return r->status == 101 && r->minor == 1 && headers_count(h, HEADER_UPGRADE) == 1 &&
           span_eq_nocase(headers_find(h, HEADER_UPGRADE)->value, SPAN(RAWTUNNEL_PROTOCOL)) &&
           headers_have_token(h, HEADER_CONNECTION, "upgrade");
}
