#include "http/h1_fields.h"

#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "http/chars.h"

/* Room for the first headers; more double it. Browsers send 10 to 20. */
#define FIRST_ROOM 24

static int widen(struct h1_fields *f, size_t max, struct arena *a)
{
    struct headers *h = &f->headers;
    size_t wider = f->room == 0 ? FIRST_ROOM : f->room * 2;
    if (wider > max)
        wider = max;
    struct header *fresh = arena_array(a, wider, sizeof(*fresh));
    if (fresh == NULL)
        return -ENOMEM;
    if (h->count > 0)
        memcpy(fresh, h->at, h->count * sizeof(*fresh));
    h->at = fresh;
    f->room = wider;
    return 0;
}

static void note(struct h1_fields *f, enum header_id id)
{
    uint64_t bit = H1_BIT(id);
    if (f->seen & bit) {
        f->twice |= bit;
        return;
    }
    f->seen |= bit;
    f->first[id] = (uint16_t)f->headers.count;
}

int h1_fields_add(struct h1_fields *f, struct span name, struct span value, size_t max,
                  struct arena *a)
{
    if (f->headers.count >= max || f->headers.count >= UINT16_MAX)
        return FAULT_LIMIT;
    if (f->headers.count == f->room && widen(f, max, a) < 0)
        return -ENOMEM;
    struct header *h = &f->headers.at[f->headers.count];
    *h = (struct header){.name = name, .value = value, .id = header_find_id(name)};
    note(f, h->id);
    f->headers.count++;
    return 0;
}

int h1_fields_parse(struct span text, size_t max, struct arena *a, struct h1_fields *ret,
                    const char **why)
{
    const uint8_t *at = text.at, *end = text.at + text.len;
    *ret = (struct h1_fields){0};
    for (;;) {
        if (end - at < 2) {
            *why = "the head does not end with an empty line";
            return FAULT_FORMAT;
        }
        if (at[0] == '\r') {
            *why = at[1] == '\n' ? "bytes behind the head" : "a bare CR";
            return at[1] == '\n' && end - at == 2 ? 0 : FAULT_FORMAT;
        }
        const uint8_t *name = at;
        while (at < end && chars_token_lower[*at] != 0)
            at++;
        if (at == name || at == end || *at != ':') {
            *why = *name == ' ' || *name == '\t' ? "a folded header line"
                                                 : "a header name that is not a token";
            return FAULT_FORMAT;
        }
        struct span value = span_of(at + 1, 0);
        value.len = chars_find_control(value.at, (size_t)(end - value.at));
        const uint8_t *stop = value.at + value.len;
        if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n') {
            *why = "a control byte in a header value";
            return FAULT_FORMAT;
        }
        int rc = h1_fields_add(ret, span_of(name, (size_t)(at - name)), span_trim(value), max, a);
        if (rc < 0) {
            *why = rc == FAULT_LIMIT ? "too many headers" : "no memory";
            return rc;
        }
        at = stop + 2;
    }
}

int h1_fields_framing(const struct h1_fields *f, unsigned minor, enum body_framing *framing,
                      uint64_t *length, const char **why)
{
    bool coded = h1_seen(f, HEADER_TRANSFER_ENCODING), sized = h1_seen(f, HEADER_CONTENT_LENGTH);
    *framing = BODY_NONE;
    *length = 0;
    if (coded && sized)
        *why = "both Transfer-Encoding and Content-Length";
    else if (coded && minor == 0)
        *why = "Transfer-Encoding in HTTP/1.0";
    else if (f->twice & (H1_BIT(HEADER_TRANSFER_ENCODING) | H1_BIT(HEADER_CONTENT_LENGTH)))
        *why = "Transfer-Encoding or Content-Length more than once";
    else if (coded && !span_eq_nocase(h1_value(f, HEADER_TRANSFER_ENCODING), SPAN("chunked")))
        *why = "a transfer coding that is not a single chunked";
    else if (sized && text_u64(h1_value(f, HEADER_CONTENT_LENGTH), INT64_MAX, length) < 0)
        *why = "a Content-Length that is not a plain number";
    else {
        *framing = coded ? BODY_CHUNKED : sized ? BODY_LENGTH : BODY_NONE;
        return 0;
    }
    return FAULT_FORMAT;
}

bool h1_fields_keep_alive(const struct h1_fields *f, unsigned minor)
{
    if (!h1_seen(f, HEADER_CONNECTION))
        return minor >= 1;
    if (headers_have_token(&f->headers, HEADER_CONNECTION, "close"))
        return false;
    return minor >= 1 || headers_have_token(&f->headers, HEADER_CONNECTION, "keep-alive");
}
