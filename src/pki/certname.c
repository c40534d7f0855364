#include "pki/certname.h"

#include <stdio.h>

#include "base/fault.h"

#define SPKI_LEN 64u

static const char *const KINDS[] = {
    [CERTNAME_SPKI] = "spki", [CERTNAME_EMAIL] = "email",     [CERTNAME_DNS] = "dns",
    [CERTNAME_URI] = "uri",   [CERTNAME_SUBJECT] = "subject",
};

const char *certname_kind_name(enum certname_kind kind)
{
    return kind < countof(KINDS) ? KINDS[kind] : NULL;
}

int certname_kind_parse(struct span name, enum certname_kind *ret)
{
    for (size_t i = 0; i < countof(KINDS); i++) {
        if (KINDS[i] != NULL && span_is(name, KINDS[i])) {
            *ret = (enum certname_kind)i;
            return 0;
        }
    }
    return FAULT_FORMAT;
}

static char lower(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool is_label(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of letters, digits, - and _ with single dots between them, and nothing else: "*" is none.
 */
static bool is_host(const char *at)
{
    size_t len = strlen(at);
    for (size_t i = 0; i < len; i++) {
        bool dot = at[i] == '.' && i > 0 && i + 1 < len && at[i - 1] != '.';
        if (!dot && !is_label(at[i]))
            return false;
    }
    return len > 0 && len <= 253;
}

static bool is_hex(const char *at)
{
    size_t len = strlen(at);
    for (size_t i = 0; i < len; i++)
        if (!(at[i] >= '0' && at[i] <= '9') && !(at[i] >= 'a' && at[i] <= 'f'))
            return false;
    return len == SPKI_LEN;
}

/* One @ with something on either side. A quoted local part may hold another, and is refused. */
static bool is_email(const char *at)
{
    const char *sign = strchr(at, '@');
    return sign != NULL && sign != at && strpbrk(at, "\"<>()[]\\,;:") == NULL && is_host(sign + 1);
}

static bool is_uri(const char *at)
{
    const char *colon = strchr(at, ':');
    return colon != NULL && colon != at && colon[1] != 0;
}

static bool is_subject(const char *at)
{
    const char *equals = strchr(at, '=');
    return equals != NULL && equals != at;
}

int certname_read(enum certname_kind kind, struct span text, char out[CERTNAME_SIZE])
{
    size_t from = kind == CERTNAME_EMAIL ? span_find(text, '@') : 0;
    bool folds = kind == CERTNAME_EMAIL || kind == CERTNAME_DNS || kind == CERTNAME_SPKI;
    bool spaces = kind == CERTNAME_SUBJECT;
    if (text.len == 0)
        return FAULT_FORMAT;
    if (text.len > CERTNAME_MAX)
        return FAULT_LIMIT;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c >= 0x7f || c < 0x20 || (c == ' ' && !spaces))
            return FAULT_FORMAT;
        out[i] = folds && i >= from ? lower(c) : (char)c;
    }
    out[text.len] = 0;
    bool good = false;
    switch (kind) {
    case CERTNAME_SPKI:
        good = is_hex(out);
        break;
    case CERTNAME_EMAIL:
        good = is_email(out);
        break;
    case CERTNAME_DNS:
        good = is_host(out);
        break;
    case CERTNAME_URI:
        good = is_uri(out);
        break;
    case CERTNAME_SUBJECT:
        good = is_subject(out);
        break;
    }
    return good ? 0 : FAULT_FORMAT;
}
