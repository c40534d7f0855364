#include "base/text.h"

#include <inttypes.h>

#include "base/fault.h"

static const char HEX[] = "0123456789abcdef";

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void text_hex(char *out, struct span in)
{
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = HEX[in.at[i] >> 4];
        out[2 * i + 1] = HEX[in.at[i] & 15];
    }
    out[2 * in.len] = 0;
}

int text_unhex(struct span text, uint8_t *out, size_t out_len)
{
    if (text.len != 2 * out_len)
        return FAULT_FORMAT;
    for (size_t i = 0; i < out_len; i++) {
        int hi = hex_value(text.at[2 * i]), lo = hex_value(text.at[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return FAULT_FORMAT;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return 0;
}

static const char B64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char B64STD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode64(char *out, struct span in, const char *alphabet)
{
    size_t o = 0;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t v = (uint32_t)in.at[i] << 16;
        if (n > 1)
            v |= (uint32_t)in.at[i + 1] << 8;
        if (n > 2)
            v |= in.at[i + 2];
        for (size_t k = 0; k <= n; k++)
            out[o++] = alphabet[v >> (18 - 6 * k) & 63];
    }
    out[o] = 0;
    return o;
}

static int decode64(struct span text, uint8_t *out, size_t cap, const char *alphabet)
{
    if (text.len % 4 == 1)
        return FAULT_FORMAT;
    size_t o = 0;
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *hit = text.at[i] == 0 ? NULL : strchr(alphabet, text.at[i]);
        if (hit == NULL)
            return FAULT_FORMAT;
        v = v << 6 | (uint32_t)(hit - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (o == cap)
                return FAULT_LIMIT;
            out[o++] = (uint8_t)(v >> bits);
        }
    }
    /* Spare bits must be zero, else two texts would name the same bytes. */
    return (v & ((1u << bits) - 1)) != 0 ? FAULT_FORMAT : (int)o;
}

void text_b64url(char *out, struct span in)
{
    (void)encode64(out, in, B64URL);
}

int text_unb64url(struct span text, uint8_t *out, size_t cap)
{
    return decode64(text, out, cap, B64URL);
}

void text_b64(char *out, struct span in)
{
    size_t o = encode64(out, in, B64STD);
    while (o % 4 != 0)
        out[o++] = '=';
    out[o] = 0;
}

int text_unb64(struct span text, uint8_t *out, size_t cap)
{
    if (text.len % 4 != 0)
        return FAULT_FORMAT;
    for (int i = 0; i < 2 && text.len > 0 && text.at[text.len - 1] == '='; i++)
        text.len--;
    return decode64(text, out, cap, B64STD);
}

int text_u64(struct span text, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;
    if (text.len == 0 || (text.len > 1 && text.at[0] == '0'))
        return FAULT_FORMAT;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(text.at[i] - '0'), &v) || v > max)
            return FAULT_FORMAT;
    }
    *ret = v;
    return 0;
}

struct unit {
    const char *suffix;
    uint64_t factor;
};

static int with_unit(struct span text, const struct unit *units, size_t count, uint64_t *ret)
{
    size_t digits = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    struct span suffix = span_sub(text, digits, SIZE_MAX);
    uint64_t v;
    if (text_u64(span_sub(text, 0, digits), UINT64_MAX, &v) < 0)
        return FAULT_FORMAT;
    for (size_t i = 0; i < count; i++) {
        if (span_is(suffix, units[i].suffix))
            return __builtin_mul_overflow(v, units[i].factor, ret) ? FAULT_FORMAT : 0;
    }
    return FAULT_FORMAT;
}

int text_seconds(struct span text, uint64_t *ret)
{
    static const struct unit UNITS[] = {{"", 1},     {"s", 1},     {"m", 60},
                                        {"h", 3600}, {"d", 86400}, {"w", 604800}};
    return with_unit(text, UNITS, countof(UNITS), ret);
}

int text_duration(struct buf *out, uint64_t seconds)
{
    static const struct unit UNITS[] = {
        {"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    size_t u = 0;
    while (u + 1 < countof(UNITS) && (seconds == 0 || seconds % UNITS[u].factor != 0))
        u++;
    uint64_t count = seconds / UNITS[u].factor;
    return buf_printf(out, "%" PRIu64 " %s%s", count, UNITS[u].suffix, count == 1 ? "" : "s");
}

int text_size(struct span text, uint64_t *ret)
{
    static const struct unit UNITS[] = {
        {"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}};
    return with_unit(text, UNITS, countof(UNITS), ret);
}

size_t text_hidden(struct span s)
{
    uint8_t a = s.len > 0 ? s.at[0] : 0, b = s.len > 1 ? s.at[1] : 0, c = s.len > 2 ? s.at[2] : 0;
    if (s.len > 0 && (a < 0x20 || a == 0x7f))
        return 1;
    /* U+0080 to U+009F, among them the terminal's other ESC [; U+061C. */
    if ((a == 0xc2 && b >= 0x80 && b <= 0x9f) || (a == 0xd8 && b == 0x9c))
        return 2;
    /* U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF. */
    if (a == 0xe2 && b == 0x80 && ((c >= 0x8b && c <= 0x8f) || (c >= 0xa8 && c <= 0xae)))
        return 3;
    if ((a == 0xe2 && b == 0x81 && c >= 0xa0 && c <= 0xaf) || (a == 0xef && b == 0xbb && c == 0xbf))
        return 3;
    return 0;
}

int text_html(struct buf *out, struct span in)
{
    int rc = 0;
    for (size_t i = 0; i < in.len && rc == 0; i++) {
        size_t hidden = text_hidden(span_sub(in, i, SIZE_MAX));
        if (hidden > 0 && in.at[i] != '\n' && in.at[i] != '\t') {
            rc = buf_text(out, "&#xfffd;");
            i += hidden - 1;
            continue;
        }
        switch (in.at[i]) {
        case '&':
            rc = buf_text(out, "&amp;");
            break;
        case '<':
            rc = buf_text(out, "&lt;");
            break;
        case '>':
            rc = buf_text(out, "&gt;");
            break;
        case '"':
            rc = buf_text(out, "&quot;");
            break;
        case '\'':
            rc = buf_text(out, "&#39;");
            break;
        default:
            rc = buf_byte(out, in.at[i]);
        }
    }
    return rc;
}

/* Length of the well-formed UTF-8 sequence at the start (RFC 3629), or 0. */
static size_t utf8_len(struct span s)
{
    if (s.len == 0)
        return 0;
    uint8_t c = s.at[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xc2 && c <= 0xdf   ? 2
               : c >= 0xe0 && c <= 0xef ? 3
               : c >= 0xf0 && c <= 0xf4 ? 4
                                        : 0;
    if (n == 0 || s.len < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s.at[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s.at[1] < 0xa0) || (c == 0xed && s.at[1] > 0x9f) ||
        (c == 0xf0 && s.at[1] < 0x90) || (c == 0xf4 && s.at[1] > 0x8f))
        return 0;
    return n;
}

bool text_is_utf8(struct span in)
{
    while (in.len > 0) {
        size_t n = utf8_len(in);
        if (n == 0)
            return false;
        in = span_sub(in, n, SIZE_MAX);
    }
    return true;
}

int text_json(struct buf *out, struct span in)
{
    int rc = buf_byte(out, '"');
    while (in.len > 0 && rc == 0) {
        size_t n = utf8_len(in);
        uint8_t c = in.at[0];
        if (n == 0)
            rc = buf_text(out, "\\ufffd");
        else if (n == 1 && (c < 0x20 || c == 0x7f || c == '<' || c == '>' || c == '&'))
            rc = buf_printf(out, "\\u%04x", c);
        else if (n == 1 && (c == '"' || c == '\\'))
            rc = buf_printf(out, "\\%c", c);
        else
            rc = buf_append(out, span_sub(in, 0, n));
        in = span_sub(in, n == 0 ? 1 : n, SIZE_MAX);
    }
    return rc < 0 ? rc : buf_byte(out, '"');
}

int text_log(struct buf *out, struct span in)
{
    bool quote = in.len == 0;
    for (size_t i = 0; i < in.len; i++)
        if (in.at[i] <= 0x20 || in.at[i] >= 0x7f || in.at[i] == '"' || in.at[i] == '=' ||
            in.at[i] == '\\')
            quote = true;
    int rc = quote ? buf_byte(out, '"') : 0;
    for (size_t i = 0; i < in.len && rc == 0; i++) {
        uint8_t c = in.at[i];
        if (c == '"' || c == '\\')
            rc = buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            rc = buf_printf(out, "\\x%02x", c);
        else
            rc = buf_byte(out, c);
    }
    return rc == 0 && quote ? buf_byte(out, '"') : rc;
}

int text_urlencode(struct buf *out, struct span in)
{
    int rc = 0;
    for (size_t i = 0; i < in.len && rc == 0; i++) {
        uint8_t c = in.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        rc = plain ? buf_byte(out, c) : buf_printf(out, "%%%02X", c);
    }
    return rc;
}

bool text_is_name(struct span in)
{
    if (in.len == 0 || in.len > 63)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.at[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && (i == 0 || (c != '.' && c != '_' && c != '-' && c != '@')))
            return false;
    }
    return true;
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[65];
    size_t la = strlen(a), lb = strlen(b);
    if (la > 64 || lb > 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *text_nearest(const char *word, const char *const *words, size_t count)
{
    const char *best = NULL;
    size_t least = 4;
    for (size_t i = 0; i < count; i++) {
        size_t d = edit_distance(word, words[i]);
        /* A guess must share more than it differs. */
        if (d < least && d * 2 <= strlen(words[i])) {
            least = d;
            best = words[i];
        }
    }
    return best;
}
