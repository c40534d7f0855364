#include "http/cookie.h"

#include "base/fault.h"

/* A pair's name without blanks; false when there is no '='. */
static bool pair_name(struct span pair, struct span *name, struct span *value)
{
    size_t equals = span_find(pair, '=');
    if (equals == SIZE_MAX)
        return false;
    *name = span_trim(span_sub(pair, 0, equals));
    *value = span_trim(span_sub(pair, equals + 1, SIZE_MAX));
    return true;
}

int cookie_find(const struct headers *h, struct span name, struct span *ret)
{
    bool found = false;
    struct span value = SPAN_NONE;
    for (size_t i = 0; i < h->count; i++) {
        if (h->at[i].id != HEADER_COOKIE)
            continue;
        struct span rest = h->at[i].value, pair, pair_n, pair_v;
        while (span_cut(&rest, ';', &pair)) {
            if (!pair_name(pair, &pair_n, &pair_v) || !span_eq(pair_n, name))
                continue;
            if (found)
                return FAULT_FORMAT;
            found = true;
            value = pair_v;
        }
    }
    if (!found)
        return FAULT_ABSENT;
    *ret = value;
    return 0;
}

/* Some servers take cookies apart at commas too, or drop quotes and blanks around a name; what
 * could be read as one of ours anywhere at the start of a pair is ours. */
static bool is_own(struct span pair, struct span own_prefix)
{
    while (pair.len > 0 && (pair.at[0] == ' ' || pair.at[0] == '\t' || pair.at[0] == '"' ||
                            pair.at[0] == '\'' || pair.at[0] == ',' || pair.at[0] == '='))
        pair = span_sub(pair, 1, SIZE_MAX);
    return span_starts_nocase(pair, own_prefix);
}

/* Inside one ';'-separated pair, is there a comma behind which one of ours begins? */
static bool holds_own(struct span pair, struct span own_prefix)
{
    struct span piece;
    while (span_cut(&pair, ',', &piece))
        if (is_own(piece, own_prefix))
            return true;
    return false;
}

int cookie_strip(struct span value, struct span own_prefix, struct buf *out)
{
    int stayed = 0;
    struct span pair;
    while (span_cut(&value, ';', &pair)) {
        pair = span_trim(pair);
        if (pair.len == 0 || holds_own(pair, own_prefix))
            continue;
        if (stayed > 0)
            (void)buf_append(out, SPAN("; "));
        (void)buf_append(out, pair);
        stayed++;
    }
    return out->bad ? FAULT_LIMIT : stayed;
}

/* Wider than RFC 6265's token, since consoles use names like "a[b]"; without the bytes that any
 * reader takes for a separator. */
static bool name_is_clean(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\' || c == '=')
            return false;
    }
    return name.len > 0;
}

bool cookie_may_set(struct span set_cookie)
{
    struct span pair, name, value;
    if (!span_cut(&set_cookie, ';', &pair) || !pair_name(pair, &name, &value))
        return false;
    return name_is_clean(name) && !span_starts_nocase(name, SPAN(COOKIE_OWN_PREFIX));
}

/* One path below the prefix: "/" is the prefix itself, so that it matches the prefix without a
 * slash, too (RFC 6265 section 5.1.4). */
static void put_cookie_path(struct span path, struct span prefix, struct buf *out)
{
    bool below =
        span_starts(path, prefix) && (path.len == prefix.len || path.at[prefix.len] == '/');
    (void)buf_text(out, " Path=");
    if (!below)
        (void)buf_append(out, prefix);
    if (below || path.len > 1)
        (void)buf_append(out, path);
}

int cookie_rewrite(struct span set_cookie, struct span prefix, struct buf *out)
{
    bool secure = false, same_site = false, first = true;
    struct span part;
    if (span_starts_nocase(span_trim(set_cookie), SPAN("__Host-")))
        prefix = SPAN_NONE;
    while (span_cut(&set_cookie, ';', &part)) {
        size_t equals = span_find(part, '=');
        struct span name = span_trim(span_sub(part, 0, equals));
        struct span value =
            equals == SIZE_MAX ? SPAN_NONE : span_trim(span_sub(part, equals + 1, SIZE_MAX));
        /* Empty attributes ("a=b;;") say nothing. */
        if (!first && (span_eq_nocase(name, SPAN("domain")) || span_trim(part).len == 0))
            continue;
        secure |= !first && span_eq_nocase(name, SPAN("secure"));
        same_site |= !first && span_eq_nocase(name, SPAN("samesite"));
        if (!first)
            (void)buf_byte(out, ';');
        if (!first && prefix.len > 0 && span_eq_nocase(name, SPAN("path")) && value.len > 0 &&
            value.at[0] == '/')
            put_cookie_path(value, prefix, out);
        else
            (void)buf_append(out, part);
        first = false;
    }
    if (!secure)
        (void)buf_text(out, "; Secure");
    if (!same_site)
        (void)buf_text(out, "; SameSite=Lax");
    return out->bad ? FAULT_LIMIT : 0;
}
