#include <assert.h>

#include "base/fault.h"
#include "http/chars.h"
#include "http/h1.h"

/* The chunked coding (RFC 9112 section 7.1), one byte at a time but for the data.
 *
 *   SIZE ─▶ (EXT…) ─▶ SIZE_LF ─▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE
 *                        │ size 0
 *                        └─▶ TRAILER ─▶ NAME ─▶ VALUE ─▶ VALUE_LF ─▶ TRAILER ─▶ … ─▶ END_LF
 *
 * `line` counts what the present size line, extension or trailer section has taken, so that no part
 * between data is without an end. */
enum state {
    SIZE_FIRST, /* the first digit is due */
    SIZE,
    SIZE_LF,
    EXT_NAME_FIRST,
    EXT_NAME,
    EXT_VALUE_FIRST,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_ESCAPE, /* behind a backslash inside quotes */
    EXT_QUOTED_END,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* at the beginning of a trailer line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_VALUE_LF,
    END_LF,
};

/* 16 digits hold any size; more are zeros in front, which nobody sends. */
#define SIZE_DIGITS_MAX 16
#define EXTENSION_MAX 64

void h1_body_init(struct h1_body *b, enum body_framing framing, uint64_t length)
{
    *b = (struct h1_body){.framing = framing, .state = SIZE_FIRST};
    if (framing == BODY_LENGTH)
        b->left = length;
    b->done = framing == BODY_NONE || (framing == BODY_LENGTH && length == 0);
}

void h1_body_keep(struct h1_body *b, uint8_t *room)
{
    b->kept = room;
    b->kept_len = 0;
}

/* What may follow a complete extension, or the size itself. -1: nothing that c could be. */
static int after_extension(uint8_t c)
{
    return c == ';' ? EXT_NAME_FIRST : c == '\r' ? SIZE_LF : -1;
}

/* RFC 9110 section 5.6.4, without obs-text: nobody needs it here. */
static bool is_quotable(uint8_t c)
{
    return c == '\t' || (c >= 0x20 && c < 0x7f);
}

static int step_size(struct h1_body *b, uint8_t c)
{
    if (!char_is(c, CHAR_HEX)) {
        int next = b->state == SIZE ? after_extension(c) : -1;
        b->line = 0;
        return next;
    }
    if (++b->line > SIZE_DIGITS_MAX || b->left > (uint64_t)INT64_MAX >> 4)
        return -1;
    b->left = b->left << 4 | char_hex(c);
    return SIZE;
}

static int step_extension(struct h1_body *b, uint8_t c)
{
    if (++b->line > EXTENSION_MAX)
        return -1;
    bool token = char_is(c, CHAR_TOKEN);
    switch (b->state) {
    case EXT_NAME_FIRST:
        return token ? EXT_NAME : -1;
    case EXT_NAME:
        return token ? EXT_NAME : c == '=' ? EXT_VALUE_FIRST : after_extension(c);
    case EXT_VALUE_FIRST:
        return token ? EXT_VALUE : c == '"' ? EXT_QUOTED : -1;
    case EXT_VALUE:
        return token ? EXT_VALUE : after_extension(c);
    case EXT_QUOTED:
        return c == '"'         ? EXT_QUOTED_END
               : c == '\\'      ? EXT_ESCAPE
               : is_quotable(c) ? EXT_QUOTED
                                : -1;
    case EXT_ESCAPE:
        return is_quotable(c) ? EXT_QUOTED : -1;
    default:
        return after_extension(c);
    }
}

static int step_trailer(struct h1_body *b, uint8_t c)
{
    if (++b->line > H1_TRAILERS_MAX)
        return -1;
    if (b->kept != NULL && (b->state != TRAILER || c != '\r'))
        b->kept[b->kept_len++] = c;
    switch (b->state) {
    case TRAILER:
        return c == '\r' ? END_LF : char_is(c, CHAR_TOKEN) ? TRAILER_NAME : -1;
    case TRAILER_NAME:
        return c == ':' ? TRAILER_VALUE : char_is(c, CHAR_TOKEN) ? TRAILER_NAME : -1;
    case TRAILER_VALUE:
        return c == '\r'                               ? TRAILER_VALUE_LF
               : c == '\t' || (c >= 0x20 && c != 0x7f) ? TRAILER_VALUE
                                                       : -1;
    default:
        return c == '\n' ? TRAILER : -1;
    }
}

/* One byte of framing: the next state, or -1 when it is broken. */
static int step(struct h1_body *b, uint8_t c)
{
    switch ((enum state)b->state) {
    case SIZE_FIRST:
    case SIZE:
        return step_size(b, c);
    case SIZE_LF:
        b->line = 0;
        return c != '\n' ? -1 : b->left > 0 ? DATA : TRAILER;
    case EXT_NAME_FIRST:
    case EXT_NAME:
    case EXT_VALUE_FIRST:
    case EXT_VALUE:
    case EXT_QUOTED:
    case EXT_ESCAPE:
    case EXT_QUOTED_END:
        return step_extension(b, c);
    case DATA:
        break;
    case DATA_CR:
        return c == '\r' ? DATA_LF : -1;
    case DATA_LF:
        return c == '\n' ? SIZE_FIRST : -1;
    case TRAILER:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_VALUE_LF:
        return step_trailer(b, c);
    case END_LF:
        b->done = c == '\n';
        return b->done ? END_LF : -1;
    }
    assert(false);
    return -1;
}

/* Up to `most` bytes of data from the front of *in. */
static void take(struct h1_body *b, struct span *in, uint64_t most, struct span *data)
{
    *data = span_sub(*in, 0, most < in->len ? (size_t)most : in->len);
    *in = span_sub(*in, data->len, SIZE_MAX);
    b->total += data->len;
}

int h1_body_feed(struct h1_body *b, struct span *in, struct span *data)
{
    *data = SPAN_NONE;
    if (b->done)
        return 0;
    switch (b->framing) {
    case BODY_NONE:
        return 0;
    case BODY_UNTIL_CLOSE:
        take(b, in, UINT64_MAX, data);
        return 0;
    case BODY_LENGTH:
        take(b, in, b->left, data);
        b->left -= data->len;
        b->done = b->left == 0;
        return 0;
    case BODY_CHUNKED:
        break;
    }
    /* A broken body stays broken: whoever feeds it again gets the same answer. */
    if (b->state < 0)
        return FAULT_FORMAT;
    while (in->len > 0 && !b->done && b->state != DATA) {
        b->state = step(b, in->at[0]);
        if (b->state < 0)
            return FAULT_FORMAT;
        *in = span_sub(*in, 1, SIZE_MAX);
    }
    if (b->state == DATA && in->len > 0) {
        take(b, in, b->left, data);
        b->left -= data->len;
        if (b->left == 0)
            b->state = DATA_CR;
    }
    return 0;
}

int h1_body_unframe(struct h1_body *b, struct span *in, struct span *data)
{
    uint8_t *at = (uint8_t *)(uintptr_t)in->at;
    size_t len = 0;
    while (in->len > 0 && !b->done) {
        struct span run;
        int rc = h1_body_feed(b, in, &run);
        if (rc < 0)
            return rc;
        if (run.len > 0 && run.at != at + len)
            memmove(at + len, run.at, run.len);
        len += run.len;
    }
    *data = span_of(at, len);
    return 0;
}
