#include "http/ws_frame.h"

/*   FIRST ─▶ SECOND ─▶ (LENGTH) ─▶ (MASK) ─▶ PAYLOAD ─▶ FIRST …
 *
 * Empty parts are passed over, so that FIRST is the state between two frames even when the frame
 * before had no payload. */
enum { FIRST = 0, SECOND, LENGTH, MASK, PAYLOAD };

enum { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PONG = 10 };

#define FIN 0x80u
#define MASKED 0x80u
#define CONTROL_MAX 125u

static void begin_payload(struct ws_frame *f)
{
    f->state = f->length > 0 ? PAYLOAD : FIRST;
}

static void begin_mask(struct ws_frame *f)
{
    f->missing = 4;
    f->state = MASK;
    if (!f->masked)
        begin_payload(f);
}

/* Section 5.4: control frames may stand between the fragments of a message and are never
 * fragments; a message's fragments are not mixed with another's. */
static void first(struct ws_frame *f, uint8_t c)
{
    bool fin = (c & FIN) != 0;
    f->op = c & 0x0f;
    switch (f->op) {
    case OP_CONTINUATION:
        f->lost = !f->fragmented;
        f->fragmented = !fin;
        break;
    case OP_TEXT:
    case OP_BINARY:
        f->lost = f->fragmented;
        f->fragmented = !fin;
        break;
    default:
        f->lost = f->op < OP_CLOSE || f->op > OP_PONG || !fin;
        break;
    }
    /* A close frame promises that nothing follows. */
    f->lost = f->lost || f->closed;
    f->closed = f->op == OP_CLOSE;
    f->state = SECOND;
}

static void second(struct ws_frame *f, uint8_t c)
{
    f->masked = (c & MASKED) != 0;
    f->length = c & 0x7f;
    if (f->length <= CONTROL_MAX) {
        begin_mask(f);
        return;
    }
    f->lost = f->op >= OP_CLOSE;
    f->width = f->missing = f->length == 126 ? 2 : 8;
    f->length = 0;
    f->state = LENGTH;
}

static void length(struct ws_frame *f, uint8_t c)
{
    f->length = f->length << 8 | c;
    if (--f->missing > 0)
        return;
    /* The shortest form must be used, and the highest bit of the longest is 0. */
    uint64_t least = f->width == 2 ? CONTROL_MAX + 1u : 0x10000u;
    f->lost = f->length < least || f->length > INT64_MAX;
    begin_mask(f);
}

static void header(struct ws_frame *f, uint8_t c)
{
    switch (f->state) {
    case FIRST:
        first(f, c);
        break;
    case SECOND:
        second(f, c);
        break;
    case LENGTH:
        length(f, c);
        break;
    default:
        if (--f->missing == 0)
            begin_payload(f);
        break;
    }
}

void ws_frame_feed(struct ws_frame *f, struct span bytes)
{
    while (bytes.len > 0 && !f->lost) {
        if (f->state != PAYLOAD) {
            header(f, bytes.at[0]);
            bytes = span_sub(bytes, 1, SIZE_MAX);
            continue;
        }
        size_t n = f->length < bytes.len ? (size_t)f->length : bytes.len;
        f->length -= n;
        bytes = span_sub(bytes, n, SIZE_MAX);
        if (f->length == 0)
            f->state = FIRST;
    }
}

bool ws_frame_between(const struct ws_frame *f)
{
    return f->state == FIRST && !f->lost && !f->closed;
}

uint64_t ws_frame_rest(const struct ws_frame *f)
{
    if (f->lost || f->closed)
        return 0;
    switch (f->state) {
    case FIRST:
        return 0;
    case SECOND:
        return 1;
    case PAYLOAD:
        return f->length;
    default:
        return f->missing;
    }
}

size_t ws_frame_close(uint8_t out[WS_CLOSE_MAX], uint16_t code, const char *reason,
                      const uint8_t mask[4])
{
    struct span text = span_str(reason);
    if (text.len > CONTROL_MAX - 2)
        text = SPAN_NONE;
    size_t at = 0, size = text.len + 2;
    out[at++] = FIN | OP_CLOSE;
    out[at++] = (uint8_t)(size | (mask != NULL ? MASKED : 0));
    for (size_t i = 0; mask != NULL && i < 4; i++)
        out[at++] = mask[i];
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = i == 0 ? (uint8_t)(code >> 8) : i == 1 ? (uint8_t)code : text.at[i - 2];
        out[at++] = mask != NULL ? (uint8_t)(byte ^ mask[i % 4]) : byte;
    }
    return at;
}
