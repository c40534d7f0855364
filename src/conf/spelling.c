#include "conf/spelling.h"

#include "base/addr.h"
#include "base/text.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c);
}

static bool label_ok(struct span label)
{
    if (label.len == 0 || label.len > 63)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        bool edge = i == 0 || i == label.len - 1;
        if (!is_lower_alnum(label.at[i]) && (edge || label.at[i] != '-'))
            return false;
    }
    return true;
}

/* Letters, digits and hyphens (RFC 1123 section 2.1). A name that ends in a number is an IPv4
 * address to every browser, so it must be a well-formed one. */
bool spelling_host(struct span host)
{
    if (host.len == 0 || host.len > 253 || host.at[host.len - 1] == '.')
        return false;
    struct span rest = host, label = SPAN_NONE;
    while (span_cut(&rest, '.', &label))
        if (!label_ok(label))
            return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_digit(label.at[i]))
            return true;
    struct addr a;
    return addr_parse(host, &a) == 0;
}

bool spelling_host_port(struct span text)
{
    struct span rest = text, host = SPAN_NONE;
    uint64_t port;
    bool has_port = span_find(text, ':') != SIZE_MAX;
    return span_cut(&rest, ':', &host) && spelling_host(host) &&
           (!has_port || (text_u64(rest, 65535, &port) == 0 && port > 0));
}

bool spelling_selector(struct span text)
{
    return span_is(text, "*") || text_is_name(text);
}

bool spelling_identity(struct span text)
{
    return span_is(text, "jwt") || span_is(text, "headers");
}

bool spelling_guarded(struct span text)
{
    return span_is(text, "policy") || span_is(text, "authorities") || span_is(text, "breakglass");
}

bool spelling_header(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_lower_alnum(text.at[i]) && strchr("!#$%&'*+-.^_`|~", text.at[i]) == NULL)
            return false;
    return text.len > 0 && text.len <= 64 && span_find(text, 0) == SIZE_MAX;
}

bool spelling_printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool c1 = text.at[i] == 0xc2 && i + 1 < text.len && text.at[i + 1] < 0xa0;
        if (text.at[i] < 0x20 || text.at[i] == 0x7f || c1)
            return false;
    }
    return text_is_utf8(text);
}

bool spelling_path(struct span text)
{
    return text.len > 0 && text.at[0] == '/' && spelling_printable(text);
}

bool spelling_file(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool plain = is_lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
        if (!plain && (c != '.' || i == 0))
            return false;
    }
    return text.len > 0;
}

/* Goes into a link after "https://host:port". "//" and "/\" would lead elsewhere. */
bool spelling_link(struct span text)
{
    if (text.len == 0 || text.at[0] != '/' || (text.len > 1 && text.at[1] == '/'))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= 0x20 || text.at[i] >= 0x7f || strchr("\\\"<>#`{}|^", text.at[i]) != NULL)
            return false;
    return true;
}

bool spelling_prefix(struct span text)
{
    struct span rest = text, segment;
    if (!span_cut(&rest, '/', &segment) || segment.len > 0 || rest.len == 0 ||
        text.at[text.len - 1] == '/' || span_is(text, "/.postern") ||
        span_starts(text, SPAN("/.postern/")))
        return false;
    while (span_cut(&rest, '/', &segment)) {
        if (segment.len == 0 || span_is(segment, ".") || span_is(segment, ".."))
            return false;
        for (size_t i = 0; i < segment.len; i++) {
            uint8_t c = segment.at[i];
            bool letter = is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
            if (!letter && c != '.' && c != '_' && c != '~' && c != '-')
                return false;
        }
    }
    return true;
}

bool spelling_method(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool upper = text.at[i] >= 'A' && text.at[i] <= 'Z';
        if (!upper && (i == 0 || (text.at[i] != '-' && text.at[i] != '_')))
            return false;
    }
    return text.len > 0 && text.len <= 16;
}

static bool is_pem_of(struct span text, struct span begin)
{
    bool found = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            return false;
        found = found || (c == '-' && span_starts(span_sub(text, i, SIZE_MAX), begin));
    }
    return found;
}

bool spelling_pem(struct span text)
{
    return is_pem_of(text, SPAN("-----BEGIN CERTIFICATE-----"));
}

bool spelling_crl(struct span text)
{
    return is_pem_of(text, SPAN("-----BEGIN X509 CRL-----"));
}

bool spelling_pin(struct span text)
{
    uint8_t hash[32];
    return span_starts(text, SPAN(SPELLING_PIN)) &&
           text_unb64(span_sub(text, sizeof(SPELLING_PIN) - 1, SIZE_MAX), hash, sizeof(hash)) ==
               sizeof(hash);
}
