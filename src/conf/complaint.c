#include "conf/complaint.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/spelling.h"

int complaint_say(struct complaint *c, const char *expected)
{
    (void)snprintf(c->expected, sizeof(c->expected), "%s", expected);
    return FAULT_FORMAT;
}

void complaint_hint(struct complaint *c, struct span text)
{
    if (text.len > 0 && text.len < sizeof(c->hint) && spelling_printable(text)) {
        memcpy(c->hint, text.at, text.len);
        c->hint[text.len] = 0;
    }
}

void complaint_hint_text(struct complaint *c, const char *text)
{
    if (text != NULL)
        complaint_hint(c, span_str(text));
}

/* The same text in another case, when that would have been right. */
void complaint_hint_case(struct complaint *c, bool (*ok)(struct span), struct span text, bool upper)
{
    uint8_t other[255];
    if (ok == NULL || text.len == 0 || text.len > sizeof(other))
        return;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.at[i];
        if (upper ? b >= 'a' && b <= 'z' : b >= 'A' && b <= 'Z')
            b ^= 0x20;
        other[i] = b;
    }
    if (ok(span_of(other, text.len)))
        complaint_hint(c, span_of(other, text.len));
}

/* A text that cannot be one of the words, with the nearest of them. */
void complaint_hint_word(struct complaint *c, const char *const *words, size_t count,
                         struct span text)
{
    char word[64];
    if (text.len >= sizeof(word) || span_find(text, 0) != SIZE_MAX)
        return;
    memcpy(word, text.at, text.len);
    word[text.len] = 0;
    complaint_hint_text(c, text_nearest(word, words, count));
}

void complaint_escape(char out[COMPLAINT_ESCAPED], struct span text)
{
    static const char HEX[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < text.len && i < COMPLAINT_SHOWN; i++) {
        uint8_t c = text.at[i];
        bool hidden = c < 0x20 || c >= 0x7f;
        if (hidden || c == '"' || c == '\\')
            out[n++] = '\\';
        if (hidden) {
            out[n++] = 'x';
            out[n++] = HEX[c >> 4];
            c = (uint8_t)HEX[c & 15];
        }
        out[n++] = (char)c;
    }
    out[n] = 0;
}

void complaint_quote(char out[COMPLAINT_QUOTED], struct span text)
{
    char shown[COMPLAINT_ESCAPED];
    complaint_escape(shown, text);
    (void)snprintf(out, COMPLAINT_QUOTED, "\"%s\"%s", shown, text.len > COMPLAINT_SHOWN ? "…" : "");
}
