#include "conf/ldapname.h"

#include "base/fault.h"
#include "base/text.h"

/* Parts of one RDN, as "cn=a+sn=b". */
#define PARTS_MAX 8u

static bool is_digit(uint8_t b)
{
    return b >= '0' && b <= '9';
}

static bool is_letter(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
}

static int hex_value(uint8_t b)
{
    if (is_digit(b))
        return b - '0';
    if (b >= 'a' && b <= 'f')
        return b - 'a' + 10;
    return b >= 'A' && b <= 'F' ? b - 'A' + 10 : -1;
}

static int escaped(struct buf *out, uint8_t b)
{
    return buf_printf(out, "\\%02x", b);
}

/* ---- values into names and filters ---- */

int ldapname_filter_value(struct buf *out, struct span value)
{
    int rc = 0;
    for (size_t i = 0; i < value.len && rc == 0; i++) {
        uint8_t b = value.at[i];
        bool plain = is_letter(b) || is_digit(b) || (b != 0 && strchr(" ,-.@_=+:/'", b) != NULL);
        rc = plain ? buf_byte(out, b) : escaped(out, b);
    }
    return rc;
}

int ldapname_dn_value(struct buf *out, struct span value)
{
    bool utf8 = text_is_utf8(value);
    int rc = 0;
    for (size_t i = 0; i < value.len && rc == 0; i++) {
        uint8_t b = value.at[i];
        bool edge = i == 0 || i + 1 == value.len;
        if (b < 0x20 || b == 0x7f || (b >= 0x80 && !utf8))
            rc = escaped(out, b);
        else if (strchr("\"+,;<>\\=", b) != NULL || (b == ' ' && edge) || (b == '#' && i == 0))
            rc = buf_printf(out, "\\%c", b);
        else
            rc = buf_byte(out, b);
    }
    return rc;
}

/* ---- filters ---- */

static const struct span USER = {(const uint8_t *)"{user}", 6};
static const struct span DN = {(const uint8_t *)"{dn}", 4};

/* The word that the text begins with; 0: none. */
static size_t word_at(struct span text)
{
    if (span_starts(text, USER))
        return USER.len;
    return span_starts(text, DN) ? DN.len : 0;
}

bool ldapname_has_word(struct span text, const char *word)
{
    struct span w = span_str(word);
    for (size_t i = 0; i < text.len; i++)
        if (span_starts(span_sub(text, i, text.len), w))
            return true;
    return false;
}

int ldapname_expand(struct buf *out, struct span text, const struct ldapname_words *w)
{
    int rc = 0;
    size_t i = 0;
    while (i < text.len && rc == 0) {
        struct span rest = span_sub(text, i, text.len);
        size_t n = word_at(rest);
        if (n == 0)
            rc = buf_byte(out, text.at[i]);
        else if (w->anybody && n == USER.len)
            rc = buf_byte(out, '*');
        else
            rc = ldapname_filter_value(out, n == USER.len ? w->user : w->dn);
        i += n == 0 ? 1 : n;
    }
    return rc;
}

/* Attribute description with an optional matching rule (RFC 4515 section 3, "simple" and
 * "extensible"): letters, digits and the signs of options, OIDs and rules. */
static bool attribute_ok(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t b = s.at[i];
        if (!is_letter(b) && !is_digit(b) && (b == 0 || strchr("-.;:", b) == NULL))
            return false;
    }
    return s.len > 0 && (is_letter(s.at[0]) || is_digit(s.at[0]));
}

bool ldapname_is_attribute(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == ';' || text.at[i] == ':')
            return false;
    return attribute_ok(text);
}

static bool value_ok(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t b = s.at[i];
        if (b == 0 || b == '(' || b == ')')
            return false;
        if (b == '\\' &&
            (i + 2 >= s.len || hex_value(s.at[i + 1]) < 0 || hex_value(s.at[i + 2]) < 0))
            return false;
    }
    return text_is_utf8(s);
}

/* "cn=value", "cn~=value", "cn:rule:=value": what stands between two brackets. */
static bool item_ok(struct span item)
{
    size_t at = span_find(item, '=');
    if (at == SIZE_MAX || at == 0)
        return false;
    struct span name = span_sub(item, 0, at);
    uint8_t before = item.at[at - 1];
    if (before == '~' || before == '<' || before == '>' || before == ':')
        name.len--;
    return attribute_ok(name) && value_ok(span_sub(item, at + 1, item.len));
}

/* One level of brackets: what joins it, and how many it holds. */
struct level {
    uint8_t join; /* '&', '|', '!' */
    unsigned count;
};

/* The item that begins at `at`; where its bracket closes, or SIZE_MAX. */
static size_t take_item(struct span text, size_t at)
{
    size_t n = span_find(span_sub(text, at, text.len), ')');
    return n != SIZE_MAX && item_ok(span_sub(text, at, n)) ? at + n : SIZE_MAX;
}

static bool level_ok(const struct level *l)
{
    return l->join == '!' ? l->count == 1 : l->count > 0;
}

bool ldapname_is_filter(struct span text)
{
    struct level levels[LDAPNAME_DEPTH_MAX + 1] = {{.join = '&'}};
    size_t depth = 0, i = 0;
    if (text.len > LDAPNAME_FILTER_MAX)
        return false;
    while (i < text.len) {
        if (text.at[i] == ')' && depth > 0) {
            if (!level_ok(&levels[depth--]))
                return false;
            i++;
            continue;
        }
        if (text.at[i] != '(' || i + 1 >= text.len)
            return false;
        levels[depth].count++;
        uint8_t next = text.at[i + 1];
        if (next == '&' || next == '|' || next == '!') {
            if (depth == LDAPNAME_DEPTH_MAX)
                return false;
            levels[++depth] = (struct level){.join = next};
            i += 2;
            continue;
        }
        i = take_item(text, i + 1);
        if (i == SIZE_MAX)
            return false;
        i++;
    }
    return depth == 0 && levels[0].count == 1;
}

/* ---- distinguished names ---- */

struct part {
    uint8_t text[LDAPNAME_DN_MAX * 3 + 8];
    size_t len;
};

static void skip_blanks(struct span *s)
{
    while (s->len > 0 && s->at[0] == ' ')
        *s = span_sub(*s, 1, s->len);
}

/* "cn", "2.5.4.3" and the blanks and "=" behind it. */
static int take_type(struct span *s, struct buf *out)
{
    size_t n = 0;
    bool dotted = s->len > 0 && is_digit(s->at[0]);
    while (n < s->len && (is_digit(s->at[n]) ||
                          (dotted ? s->at[n] == '.' : is_letter(s->at[n]) || s->at[n] == '-')))
        n++;
    if (n == 0 || (!dotted && !is_letter(s->at[0])))
        return FAULT_FORMAT;
    for (size_t i = 0; i < n; i++) {
        uint8_t b = s->at[i];
        (void)buf_byte(out, b >= 'A' && b <= 'Z' ? (uint8_t)(b - 'A' + 'a') : b);
    }
    *s = span_sub(*s, n, s->len);
    skip_blanks(s);
    if (s->len == 0 || s->at[0] != '=')
        return FAULT_FORMAT;
    *s = span_sub(*s, 1, s->len);
    skip_blanks(s);
    return buf_byte(out, '=');
}

/* "#04024869": the value's own encoding, which is as it is. */
static int take_hex(struct span *s, struct buf *out)
{
    size_t n = 1;
    while (n < s->len && hex_value(s->at[n]) >= 0)
        n++;
    if (n < 3 || n % 2 == 0)
        return FAULT_FORMAT;
    for (size_t i = 0; i < n; i++) {
        uint8_t b = s->at[i];
        (void)buf_byte(out, b >= 'A' && b <= 'F' ? (uint8_t)(b - 'A' + 'a') : b);
    }
    *s = span_sub(*s, n, s->len);
    skip_blanks(s);
    return out->bad ? FAULT_LIMIT : 0;
}

/* One byte of a value, escaped or not; its length in the text, 0: the value is over, negative: no
 * value. *plain: it stood there as it is. */
static int take_byte(struct span s, uint8_t *ret, bool *plain)
{
    *plain = true;
    *ret = s.at[0];
    if (s.at[0] == ',' || s.at[0] == '+')
        return 0;
    if (s.at[0] == 0 || strchr("\";<>", s.at[0]) != NULL)
        return FAULT_FORMAT;
    if (s.at[0] != '\\')
        return 1;
    *plain = false;
    if (s.len < 2)
        return FAULT_FORMAT;
    *ret = s.at[1];
    if (s.at[1] != 0 && strchr(" #=\"+,;<>\\", s.at[1]) != NULL)
        return 2;
    if (s.len < 3 || hex_value(s.at[1]) < 0 || hex_value(s.at[2]) < 0)
        return FAULT_FORMAT;
    *ret = (uint8_t)(hex_value(s.at[1]) * 16 + hex_value(s.at[2]));
    return 3;
}

static int take_value(struct span *s, struct buf *out)
{
    uint8_t value[LDAPNAME_DN_MAX];
    size_t len = 0, keep = 0;
    if (s->len > 0 && s->at[0] == '#')
        return take_hex(s, out);
    while (s->len > 0) {
        uint8_t b;
        bool plain;
        int n = take_byte(*s, &b, &plain);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        if (len == sizeof(value))
            return FAULT_LIMIT;
        value[len++] = b >= 'A' && b <= 'Z' ? (uint8_t)(b - 'A' + 'a') : b;
        /* Blanks at the end count only when they are escaped. */
        if (b != ' ' || !plain)
            keep = len;
        *s = span_sub(*s, (size_t)n, s->len);
    }
    return ldapname_dn_value(out, span_of(value, keep));
}

static int take_part(struct span *s, struct part *p)
{
    struct buf out;
    buf_init(&out, sizeof(p->text));
    int rc = take_type(s, &out);
    rc = rc < 0 ? rc : take_value(s, &out);
    struct span text = buf_view(&out);
    p->len = rc < 0 ? 0 : text.len;
    if (p->len > 0)
        memcpy(p->text, text.at, p->len);
    buf_fini(&out);
    return rc;
}

static bool before(const struct part *a, const struct part *b)
{
    size_t n = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->text, b->text, n);
    return order < 0 || (order == 0 && a->len < b->len);
}

/* A multi-valued RDN is a set. The parts stay where they are; only their order is found. */
static int write_rdn(struct buf *out, const struct part *parts, size_t count)
{
    bool done[PARTS_MAX] = {false};
    int rc = 0;
    for (size_t n = 0; n < count && rc == 0; n++) {
        size_t least = SIZE_MAX;
        for (size_t i = 0; i < count; i++)
            if (!done[i] && (least == SIZE_MAX || before(&parts[i], &parts[least])))
                least = i;
        done[least] = true;
        rc = n > 0 ? buf_byte(out, '+') : 0;
        rc = rc < 0 ? rc : buf_append(out, span_of(parts[least].text, parts[least].len));
    }
    return rc;
}

static int take_rdn(struct span *s, struct part *parts, struct buf *out)
{
    for (size_t count = 0;;) {
        if (count == PARTS_MAX)
            return FAULT_LIMIT;
        skip_blanks(s);
        int rc = take_part(s, &parts[count++]);
        if (rc < 0)
            return rc;
        if (s->len == 0 || s->at[0] != '+')
            return write_rdn(out, parts, count);
        *s = span_sub(*s, 1, s->len);
    }
}

int ldapname_fold(struct buf *out, struct span dn)
{
    struct part parts[PARTS_MAX];
    if (dn.len > LDAPNAME_DN_MAX)
        return FAULT_LIMIT;
    if (!text_is_utf8(dn))
        return FAULT_FORMAT;
    for (struct span s = dn;;) {
        int rc = take_rdn(&s, parts, out);
        if (rc < 0)
            return rc;
        if (s.len == 0)
            return 0;
        /* What ends a part is a comma, and behind it stands another. */
        if (s.at[0] != ',')
            return FAULT_FORMAT;
        s = span_sub(s, 1, s.len);
        rc = buf_byte(out, ',');
        if (rc < 0)
            return rc;
    }
}

bool ldapname_is_dn(struct span text)
{
    struct buf out;
    buf_init(&out, LDAPNAME_DN_MAX * 4);
    int rc = ldapname_fold(&out, text);
    buf_fini(&out);
    return rc == 0;
}
