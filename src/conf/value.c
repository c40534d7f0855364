#include "conf/value.h"
#include "conf/mailserver.h"
#include "conf/weburl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/directory.h"
#include "conf/moment.h"
#include "conf/pattern.h"
#include "conf/provider.h"
#include "conf/schedule.h"
#include "conf/spelling.h"
#include "conf/timezone.h"
#include "conf/upstream.h"

const char *const ASSURANCE_WORDS[5] = {
    [ASSURANCE_NONE] = "none",         [ASSURANCE_PASSWORD] = "password",
    [ASSURANCE_MFA] = "mfa",           [ASSURANCE_PHISHING_RESISTANT] = "phishing-resistant",
    [ASSURANCE_HARDWARE] = "hardware",
};

static const char *const SANDBOX_WORDS[] = {[SANDBOX_STRICT] = "strict", [SANDBOX_BEST] = "best"};

static const char *const LISTENER_KIND_WORDS[] = {
    [LISTENER_TLS] = "tls", [LISTENER_PLAIN] = "plain"};

static const char *const HSTS_WORDS[] = {
    [HSTS_AUTO] = "auto", [HSTS_ALWAYS] = "always", [HSTS_NEVER] = "never"};

static const char *const TLS_FLOOR_WORDS[] = {[TLS_FLOOR_13] = "1.3", [TLS_FLOOR_12] = "1.2"};

static const char *const BOOL_WORDS[] = {"false", "true"};

static const char *const PROXY_PROTOCOL_WORDS[] = {
    [PROXY_PROTOCOL_OFF] = "off", [PROXY_PROTOCOL_V1V2] = "v1v2"};

static const char *const FORWARDED_WORDS[] = {[FORWARDED_OFF] = "off",
                                              [FORWARDED_FOR] = "x-forwarded-for",
                                              [FORWARDED_RFC7239] = "forwarded"};
static const char *const KIND_WORDS[] = {[ROUTE_HTTP] = "http", [ROUTE_TCP] = "tcp"};
static const char *const IDENTITY_WORDS[] = {"jwt", "headers"};
static const char *const GUARDED_WORDS[] = {"policy", "authorities", "breakglass"};
static const char *const BALANCE_WORDS[] = {
    [BALANCE_SESSION] = "session", [BALANCE_ROUND_ROBIN] = "round-robin"};

static const char *const CLIENT_WORDS[] = {[CLIENT_OFF] = "off",
                                           [CLIENT_OPTIONAL] = "optional",
                                           [CLIENT_REQUIRED] = "required",
                                           [CLIENT_INHERIT] = "inherit"};
static const char *const DIRECTORY_KIND_WORDS[] = {
    [DIRECTORY_LDAP] = "ldap", [DIRECTORY_ACTIVE] = "active-directory"};
static const char *const GROUPS_FROM_WORDS[] = {[GROUPS_NONE] = "none",
                                                [GROUPS_MEMBER_OF] = "member-of",
                                                [GROUPS_SEARCH] = "search",
                                                [GROUPS_IN_CHAIN] = "in-chain"};
static const char *const BIND_NETWORK_WORDS[] = {
    [BIND_OFF] = "off", [BIND_ADDRESS] = "address", [BIND_ZONE] = "zone"};

static const char *const EXPECTATION_WORDS[] = {
    [EXPECT_ALLOW] = "allow", [EXPECT_DENY] = "deny", [EXPECT_PROVE] = "prove"};

static bool is_address(struct span text)
{
    struct addr a;
    return addr_parse(text, &a) == 0;
}

static const char *const HOST_WORDS[] = {"preserve"};

/* ---- types ----------------------------------------------------------------------------------- */

struct type {
    const char *name;
    const char *expected;
    bool (*ok)(struct span); /* of a text; NULL for other types */
    uint8_t width;           /* of a number in its struct */
    const char *const *words;
    size_t word_count;
};

static const struct type TYPES[KEY_TYPE_COUNT] = {
    [KEY_NAME] = {"name", "a name (a-z, 0-9, then also . _ - @, at most 63)", text_is_name},
    [KEY_SELECTOR] = {"name or *", "a name (a-z, 0-9, then also . _ - @, at most 63) or *",
                      spelling_selector},
    [KEY_HOST] = {"host", "a host name in lower case, without port", spelling_host},
    [KEY_HOST_PORT] = {"host or host:port", "a host name in lower case, with port or without",
                       spelling_host_port},
    [KEY_GUARDED] = {"word", "policy, authorities or breakglass", spelling_guarded, 0,
                     GUARDED_WORDS, countof(GUARDED_WORDS)},
    [KEY_IDENTITY] = {"word", "jwt or headers", spelling_identity, 0, IDENTITY_WORDS,
                      countof(IDENTITY_WORDS)},
    [KEY_HEADER] = {"header", "the name of a header in lower case", spelling_header},
    [KEY_PATH] = {"path", "an absolute path", spelling_path},
    [KEY_FILE] = {"file name", "a file name without directory (A-Z, a-z, 0-9, . _ -)",
                  spelling_file},
    [KEY_INTERFACE] = {"interface", "a network interface such as wg0 (A-Z, a-z, 0-9, . _ -)",
                       spelling_file},
    [KEY_TITLE] = {"text", "a line of text", spelling_printable},
    [KEY_LINK] = {"URL path", "a path that begins with one /", spelling_link},
    [KEY_PREFIX] = {"path prefix",
                    "a path such as /redis (A-Z, a-z, 0-9, . _ ~ -, no / at its end)",
                    spelling_prefix},
    [KEY_METHOD] = {"method", "an HTTP method in upper case", spelling_method},
    [KEY_PEM] = {"certificates", "certificates in PEM", spelling_pem},
    [KEY_PIN] = {"pin", "sha256/ and 44 letters of base64", spelling_pin},
    [KEY_PATTERN] = {"path pattern", "a path pattern such as /a/b, /a/*/c or /a/**", pattern_ok},
    [KEY_CIDR] = {"network", "an address or network such as 10.1.0.0/16 or 2001:db8::/32", NULL},
    [KEY_COUNT] = {"number", NULL, NULL, 4},
    [KEY_BOOL] = {"true or false", "true or false", NULL, 1, BOOL_WORDS, countof(BOOL_WORDS)},
    [KEY_PORT] = {"port", NULL, NULL, 2},
    [KEY_SECONDS] = {"duration", NULL, NULL, 4},
    [KEY_SIZE] = {"size", NULL, NULL, 4},
    [KEY_SIZE64] = {"size", NULL, NULL, 8},
    [KEY_SANDBOX] = {"word", "strict or best", NULL, 4, SANDBOX_WORDS, countof(SANDBOX_WORDS)},
    [KEY_LISTENER_KIND] = {"word", "tls or plain", NULL, 4, LISTENER_KIND_WORDS,
                           countof(LISTENER_KIND_WORDS)},
    [KEY_HSTS] = {"word", "auto, always or never", NULL, 4, HSTS_WORDS, countof(HSTS_WORDS)},
    [KEY_TLS_FLOOR] = {"version", "\"1.3\" or \"1.2\"", NULL, 4, TLS_FLOOR_WORDS,
                       countof(TLS_FLOOR_WORDS)},
    [KEY_ASSURANCE] = {"word", "none, password, mfa, phishing-resistant or hardware", NULL, 4,
                       ASSURANCE_WORDS, countof(ASSURANCE_WORDS)},
    [KEY_FORWARDED] = {"word", "off, x-forwarded-for or forwarded", NULL, 4, FORWARDED_WORDS,
                       countof(FORWARDED_WORDS)},
    [KEY_ROUTE_KIND] = {"word", "http or tcp", NULL, 4, KIND_WORDS, countof(KIND_WORDS)},
    [KEY_PROXY_PROTOCOL] = {"word", "off or v1v2", NULL, 4, PROXY_PROTOCOL_WORDS,
                            countof(PROXY_PROTOCOL_WORDS)},
    [KEY_BALANCE] = {"word", "session or round-robin", NULL, 4, BALANCE_WORDS,
                     countof(BALANCE_WORDS)},
    [KEY_BIND_NETWORK] = {"word", "off, address or zone", NULL, 4, BIND_NETWORK_WORDS,
                          countof(BIND_NETWORK_WORDS)},
    [KEY_URL] = {"URL", "one of the texts in upstream", upstream_def_is_text},
    [KEY_ENDPOINT] = {"address:port", "an address and port such as 127.0.0.1:9443 or [::1]:9443",
                      NULL},
    [KEY_UPSTREAM] = {"URL",
                      "http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT",
                      NULL},
    [KEY_DIRECTORY_KIND] = {"word", "ldap or active-directory", NULL, 4, DIRECTORY_KIND_WORDS,
                            countof(DIRECTORY_KIND_WORDS)},
    [KEY_DIRECTORY_URL] = {"URL", "ldaps://HOST[:PORT], or ldap://HOST[:PORT] for StartTLS",
                           directory_server_is_text},
    [KEY_DN] = {"distinguished name", "a distinguished name such as dc=example,dc=com",
                ldapname_is_dn},
    [KEY_FILTER] = {"filter", "an LDAP filter such as (uid={user})", ldapname_is_filter},
    [KEY_ATTRIBUTE] = {"attribute", "the name of an attribute (A-Z, a-z, 0-9, . -)",
                       ldapname_is_attribute},
    [KEY_GROUPS_FROM] = {"word", "none, member-of, search or in-chain", NULL, 4, GROUPS_FROM_WORDS,
                         countof(GROUPS_FROM_WORDS)},
    [KEY_GROUP_MAP] = {"GROUP=DN", "GROUP=DN such as ops=cn=Operators,dc=example,dc=com",
                       directory_mapping_is_text},
    [KEY_MAIL_SERVER] = {"mail server", "smtps://HOST or smtp://HOST, with :PORT or without",
                         mailserver_is_text},
    [KEY_MAILBOX] = {"mail address", "one mail address such as postern@example.org",
                     mailserver_is_mailbox},
    [KEY_WEB_URL] = {"https URL", "https://HOST, with port, path and query or without",
                     weburl_is_text},
    [KEY_SOURCE] = {"address", "an address such as 192.0.2.7 or 2001:db8::7", is_address},
    [KEY_MOMENT] = {"moment", "a moment such as 2026-11-25T10:00:00Z", moment_is_text},
    [KEY_EXPECTATION] = {"word", "allow, deny or prove", NULL, 4, EXPECTATION_WORDS,
                         countof(EXPECTATION_WORDS)},
    [KEY_WINDOW] = {"time", "a time such as Mon-Fri 08:00-18:00 or 22:00-06:00", window_is_text},
    [KEY_TIME_ZONE] = {"time zone", "the name of a time zone such as Europe/Berlin",
                       timezone_is_name},
    [KEY_TIME_RULES] = {"time rules", "the rules of a time zone", timezone_is_rules},
    [KEY_ISSUER] = {"issuer", "https://HOST[:PORT][/path]", provider_issuer_is_text},
    [KEY_SCOPE] = {"word", "a word without blanks", provider_scope_is_text},
    [KEY_PROVIDER_LEVEL] = {"row", "acr:VALUE=LEVEL or amr:VALUE=LEVEL", provider_level_is_text},
    [KEY_PROVIDER_GROUP] = {"row", "GROUP=VALUE", provider_group_is_text},
    [KEY_HOST_HEADER] = {"preserve or host", "preserve or a host name in lower case", NULL, 4},
    [KEY_CLIENT_CERTIFICATE] = {"word", "off, optional or required", NULL, 4, CLIENT_WORDS,
                                CLIENT_INHERIT},
    [KEY_HOST_CERTIFICATE] = {"word", "inherit, off, optional or required", NULL, 4, CLIENT_WORDS,
                              countof(CLIENT_WORDS)},
    [KEY_CRL] = {"revocation lists", "revocation lists in PEM", spelling_crl},
};

bool value_is_text(const struct key *k)
{
    return TYPES[k->type].ok != NULL;
}

const char *value_type_name(const struct key *k)
{
    return TYPES[k->type].name;
}

const char *const *value_words(const struct key *k, size_t *count)
{
    *count = TYPES[k->type].word_count;
    return TYPES[k->type].words;
}

bool value_has_count(const struct key *k)
{
    return k->type == KEY_CIDR || k->type == KEY_UPSTREAM;
}

bool value_is_number(const struct key *k)
{
    return TYPES[k->type].width != 0 && TYPES[k->type].words == NULL && k->type != KEY_HOST_HEADER;
}

unsigned value_width(const struct key *k)
{
    return TYPES[k->type].width;
}

uint64_t value_number(const struct key *k, const void *target)
{
    const void *at = (const char *)target + k->field;
    bool v1;
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (TYPES[k->type].width) {
    case 1:
        memcpy(&v1, at, sizeof(v1));
        return v1;
    case 2:
        memcpy(&v16, at, sizeof(v16));
        return v16;
    case 4:
        memcpy(&v32, at, sizeof(v32));
        return v32;
    default:
        memcpy(&v64, at, sizeof(v64));
        return v64;
    }
}

void value_number_put(const struct key *k, void *target, uint64_t v)
{
    void *at = (char *)target + k->field;
    bool v1 = v != 0;
    uint16_t v16 = (uint16_t)v;
    uint32_t v32 = (uint32_t)v;
    switch (TYPES[k->type].width) {
    case 1:
        memcpy(at, &v1, sizeof(v1));
        return;
    case 2:
        memcpy(at, &v16, sizeof(v16));
        return;
    case 4:
        memcpy(at, &v32, sizeof(v32));
        return;
    default:
        memcpy(at, &v, sizeof(v));
    }
}

static const char *text_at(const struct key *k, const void *target)
{
    const char *text;
    memcpy(&text, (const char *)target + k->extra, sizeof(text));
    return text;
}

static uint16_t port_at(const struct key *k, const void *target)
{
    uint16_t port;
    memcpy(&port, (const char *)target + k->extra, sizeof(port));
    return port;
}

static struct names *names_at(const struct key *k, void *target)
{
    return (void *)((char *)target + k->field);
}

static size_t list_count(const struct key *k, const void *target)
{
    size_t count;
    size_t at = value_has_count(k) ? k->extra : k->field + offsetof(struct names, count);
    memcpy(&count, (const char *)target + at, sizeof(count));
    return count;
}

/* ---- what was wrong -------------------------------------------------------------------------- */

static int complain_bounds(const struct key *k, struct complaint *c)
{
    struct buf b;
    buf_init(&b, sizeof(c->expected) - 1);
    (void)buf_printf(&b, "a %s from ", TYPES[k->type].name);
    if (k->type == KEY_SECONDS) {
        (void)value_seconds_write(&b, k->least);
        (void)buf_text(&b, " to ");
        (void)value_seconds_write(&b, k->most);
    } else if (k->type == KEY_SIZE || k->type == KEY_SIZE64) {
        (void)value_size_write(&b, k->least);
        (void)buf_text(&b, " to ");
        (void)value_size_write(&b, k->most);
    } else {
        (void)buf_printf(&b, "%llu to %llu", (unsigned long long)k->least,
                         (unsigned long long)k->most);
    }
    (void)snprintf(c->expected, sizeof(c->expected), "%.*s", SPAN_FMT(buf_view(&b)));
    buf_fini(&b);
    return FAULT_FORMAT;
}

static int complain_items(const struct key *k, struct complaint *c)
{
    (void)snprintf(c->expected, sizeof(c->expected), "at most %llu items",
                   (unsigned long long)k->most);
    return FAULT_FORMAT;
}

/* ---- from text ------------------------------------------------------------------------------- */

static int check_text(const struct key *k, struct span text, struct complaint *c)
{
    const struct type *t = &TYPES[k->type];
    bool fits = (k->flags & KEY_LIST) || (text.len >= k->least && text.len <= k->most);
    if (fits && text.len > 0 && t->ok(text))
        return 0;
    (void)complaint_say(c, t->expected);
    if (t->ok(text) && text.len > k->most)
        (void)snprintf(c->expected, sizeof(c->expected), "%s, at most %llu bytes", t->expected,
                       (unsigned long long)k->most);
    else
        complaint_hint_case(c, t->ok, text, k->type == KEY_METHOD);
    return FAULT_FORMAT;
}

static int set_text(const struct key *k, struct arena *a, struct span text, void *target,
                    struct complaint *c)
{
    if (check_text(k, text, c) < 0)
        return FAULT_FORMAT;
    const char *copy = arena_string(a, text);
    if (copy == NULL)
        return -ENOMEM;
    memcpy((char *)target + k->field, &copy, sizeof(copy));
    return 0;
}

static int add_text(const struct key *k, struct arena *a, struct span text, void *target,
                    struct complaint *c)
{
    struct names *names = names_at(k, target);
    if (check_text(k, text, c) < 0)
        return FAULT_FORMAT;
    if (names->count >= k->most)
        return complain_items(k, c);
    const char **at = array_grow(a, (void **)&names->name, names->count, sizeof(*at));
    const char *copy = at == NULL ? NULL : arena_string(a, text);
    if (copy == NULL)
        return -ENOMEM;
    *at = copy;
    names->count++;
    return 0;
}

/* "10.1.2.3/16" was meant to be "10.1.0.0/16". */
static void hint_network(struct complaint *c, struct span text)
{
    struct span rest = text, head = SPAN_NONE;
    struct cidr net = {.bits = 0};
    uint64_t bits;
    if (!span_cut(&rest, '/', &head) || addr_parse(head, &net.addr) < 0)
        return;
    bool dotted = span_find(head, ':') == SIZE_MAX;
    if (text_u64(rest, dotted ? 32 : 128, &bits) < 0)
        return;
    net.bits = (uint8_t)(dotted ? bits + 96 : bits);
    for (unsigned i = net.bits; i < 128; i++)
        net.addr.byte[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    char right[ADDR_TEXT_SIZE + 4];
    cidr_format(&net, right);
    (void)complaint_say(c, "a network whose host bits are zero");
    /* Nobody who wrote an address meant all of them. */
    if (bits > 0)
        complaint_hint_text(c, right);
}

static int add_cidr(const struct key *k, struct arena *a, struct span text, void *target,
                    struct complaint *c)
{
    size_t count = list_count(k, target);
    struct cidr net;
    if (cidr_parse(text, &net) < 0) {
        (void)complaint_say(c, TYPES[KEY_CIDR].expected);
        hint_network(c, text);
        return FAULT_FORMAT;
    }
    if (count >= k->most)
        return complain_items(k, c);
    struct cidr *at = array_grow(a, (void **)((char *)target + k->field), count, sizeof(*at));
    if (at == NULL)
        return -ENOMEM;
    *at = net;
    count++;
    memcpy((char *)target + k->extra, &count, sizeof(count));
    return 0;
}

static int set_number(const struct key *k, struct span text, void *target, struct complaint *c)
{
    uint64_t v = 0;
    int rc;
    if (k->type == KEY_SECONDS)
        rc = text_seconds(text, &v);
    else if (k->type == KEY_SIZE || k->type == KEY_SIZE64)
        rc = text_size(text, &v);
    else
        rc = text_u64(text, k->most, &v);
    if (rc < 0 || v < k->least || v > k->most)
        return complain_bounds(k, c);
    value_number_put(k, target, v);
    return 0;
}

static int set_word(const struct key *k, struct span text, void *target, struct complaint *c)
{
    const struct type *t = &TYPES[k->type];
    for (size_t i = 0; i < t->word_count; i++) {
        if (span_is(text, t->words[i])) {
            value_number_put(k, target, i);
            return 0;
        }
    }
    complaint_hint_word(c, t->words, t->word_count, text);
    return complaint_say(c, t->expected);
}

static int set_host_header(const struct key *k, struct arena *a, struct span text, void *target,
                           struct complaint *c)
{
    bool preserve = span_is(text, "preserve");
    if (!preserve && (text.len > k->most || !spelling_host_port(text))) {
        complaint_hint_word(c, HOST_WORDS, countof(HOST_WORDS), text);
        if (c->hint[0] == 0)
            complaint_hint_case(c, spelling_host_port, text, false);
        return complaint_say(c, TYPES[k->type].expected);
    }
    const char *host = preserve ? "" : arena_string(a, text);
    if (host == NULL)
        return -ENOMEM;
    value_number_put(k, target, preserve ? HOST_PRESERVE : HOST_FIXED);
    memcpy((char *)target + k->extra, &host, sizeof(host));
    return 0;
}

static void put_endpoint(const struct key *k, void *target, const struct addr *a, uint16_t port)
{
    memcpy((char *)target + k->field, a, sizeof(*a));
    memcpy((char *)target + k->extra, &port, sizeof(port));
}

static int set_endpoint(const struct key *k, struct span text, void *target, struct complaint *c)
{
    struct addr a;
    uint16_t port;
    if (addr_parse_port(text, &a, &port) < 0 || port == 0)
        return complaint_say(c, TYPES[k->type].expected);
    put_endpoint(k, target, &a, port);
    return 0;
}

static int add_upstream(const struct key *k, struct arena *a, struct span text, void *target,
                        struct complaint *c)
{
    size_t count = list_count(k, target);
    struct upstream_def fresh;
    int rc = upstream_def_parse(text, a, &fresh, c);
    if (rc < 0)
        return rc;
    if (count >= k->most)
        return complain_items(k, c);
    struct upstream_def *at =
        array_grow(a, (void **)((char *)target + k->field), count, sizeof(*at));
    if (at == NULL)
        return -ENOMEM;
    *at = fresh;
    count++;
    memcpy((char *)target + k->extra, &count, sizeof(count));
    return 0;
}

int value_set(const struct key *k, struct arena *a, struct span text, void *target,
              struct complaint *c)
{
    *c = (struct complaint){.hint = ""};
    if (k->type == KEY_CIDR)
        return add_cidr(k, a, text, target, c);
    if (value_is_text(k))
        return (k->flags & KEY_LIST) ? add_text(k, a, text, target, c)
                                     : set_text(k, a, text, target, c);
    if (TYPES[k->type].words != NULL)
        return set_word(k, text, target, c);
    if (k->type == KEY_HOST_HEADER)
        return set_host_header(k, a, text, target, c);
    if (k->type == KEY_ENDPOINT)
        return set_endpoint(k, text, target, c);
    if (k->type == KEY_UPSTREAM)
        return add_upstream(k, a, text, target, c);
    return set_number(k, text, target, c);
}

/* ---- to text --------------------------------------------------------------------------------- */

struct unit {
    uint64_t factor;
    const char *suffix;
};

static int write_unit(struct buf *out, const struct unit *units, size_t count, uint64_t v)
{
    size_t i = 0;
    while (i + 1 < count && (v == 0 || v % units[i].factor != 0))
        i++;
    return buf_printf(out, "%llu%s", (unsigned long long)(v / units[i].factor), units[i].suffix);
}

int value_seconds_write(struct buf *out, uint64_t seconds)
{
    static const struct unit UNITS[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    return write_unit(out, UNITS, countof(UNITS), seconds);
}

int value_size_write(struct buf *out, uint64_t bytes)
{
    static const struct unit UNITS[] = {
        {(uint64_t)1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, ""}};
    return write_unit(out, UNITS, countof(UNITS), bytes);
}

size_t value_count(const struct key *k, const void *target)
{
    if (k->flags & KEY_LIST)
        return list_count(k, target);
    if (value_is_text(k))
        return text_at(k, target)[0] != 0;
    if (k->type == KEY_ENDPOINT)
        return port_at(k, target) != 0;
    if (k->type == KEY_PORT)
        return value_number(k, target) != 0;
    return 1;
}

static const char *item_at(const struct key *k, const void *target, size_t item)
{
    struct names names;
    memcpy(&names, (const char *)target + k->field, sizeof(names));
    return names.name[item];
}

static int write_cidr(const struct key *k, const void *target, size_t item, struct buf *out)
{
    const struct cidr *at;
    memcpy(&at, (const char *)target + k->field, sizeof(at));
    char text[ADDR_TEXT_SIZE + 4];
    cidr_format(&at[item], text);
    return buf_text(out, text);
}

static const struct upstream_def *upstream_at(const struct key *k, const void *target, size_t item)
{
    const struct upstream_def *at;
    memcpy(&at, (const char *)target + k->field, sizeof(at));
    return &at[item];
}

static int write_endpoint(const struct key *k, const void *target, struct buf *out)
{
    struct addr a;
    memcpy(&a, (const char *)target + k->field, sizeof(a));
    char text[ADDR_TEXT_SIZE + 8];
    addr_format_port(&a, port_at(k, target), text);
    return buf_text(out, text);
}

int value_write(const struct key *k, const void *target, size_t item, struct buf *out)
{
    assert(item < value_count(k, target));
    if (k->type == KEY_CIDR)
        return write_cidr(k, target, item, out);
    if (k->type == KEY_UPSTREAM)
        return upstream_def_write(upstream_at(k, target, item), out);
    if (k->flags & KEY_LIST)
        return buf_text(out, item_at(k, target, item));
    if (value_is_text(k))
        return buf_text(out, text_at(k, target));
    if (k->type == KEY_ENDPOINT)
        return write_endpoint(k, target, out);
    uint64_t v = value_number(k, target);
    if (k->type == KEY_HOST_HEADER)
        return buf_text(out, v == HOST_PRESERVE ? "preserve" : text_at(k, target));
    if (TYPES[k->type].words != NULL)
        return buf_text(out, v < TYPES[k->type].word_count ? TYPES[k->type].words[v] : "");
    if (k->type == KEY_SECONDS)
        return value_seconds_write(out, v);
    if (k->type == KEY_SIZE || k->type == KEY_SIZE64)
        return value_size_write(out, v);
    return buf_printf(out, "%llu", (unsigned long long)v);
}

/* ---- is it well-formed? ---------------------------------------------------------------------- */

static bool cidr_ok(const struct key *k, const void *target, size_t item)
{
    const struct cidr *at;
    memcpy(&at, (const char *)target + k->field, sizeof(at));
    const struct cidr *c = &at[item];
    if (c->bits > 128)
        return false;
    for (unsigned i = c->bits; i < 128; i++)
        if (c->addr.byte[i / 8] & (0x80 >> i % 8))
            return false;
    return true;
}

/* What has a count of its own is no text: the type's words say what was expected. */
static bool item_ok(const struct key *k, const void *target, size_t item, struct complaint *c)
{
    if (!value_has_count(k))
        return check_text(k, span_str(item_at(k, target, item)), c) == 0;
    if (k->type == KEY_CIDR ? cidr_ok(k, target, item)
                            : upstream_def_ok(upstream_at(k, target, item)))
        return true;
    (void)complaint_say(c, TYPES[k->type].expected);
    return false;
}

static bool list_ok(const struct key *k, const void *target, size_t *item, struct complaint *c)
{
    size_t count = list_count(k, target);
    if (count > k->most) {
        (void)complain_items(k, c);
        return false;
    }
    for (*item = 0; *item < count; ++*item)
        if (!item_ok(k, target, *item, c))
            return false;
    return true;
}

static bool scalar_ok(const struct key *k, const void *target, struct complaint *c)
{
    const struct type *t = &TYPES[k->type];
    if (value_is_text(k))
        return check_text(k, span_str(text_at(k, target)), c) == 0;
    (void)complaint_say(c, t->expected != NULL ? t->expected : "");
    if (k->type == KEY_HOST_HEADER) {
        uint64_t policy = value_number(k, target);
        struct span host = span_str(text_at(k, target));
        return policy == HOST_PRESERVE
                   ? host.len == 0
                   : policy == HOST_FIXED && host.len <= k->most && spelling_host_port(host);
    }
    if (k->type == KEY_ENDPOINT)
        return true;
    uint64_t v = value_number(k, target);
    if (v >= k->least && v <= k->most)
        return true;
    if (t->expected == NULL)
        (void)complain_bounds(k, c);
    return false;
}

bool value_ok(const struct key *k, const void *target, size_t *item, struct complaint *c)
{
    *c = (struct complaint){.hint = ""};
    *item = 0;
    if (value_count(k, target) == 0) {
        if (!(k->flags & KEY_REQUIRED))
            return true;
        (void)snprintf(c->expected, sizeof(c->expected), "%s%s",
                       (k->flags & KEY_LIST) && !(k->flags & KEY_ONE) ? "at least one item: " : "",
                       TYPES[k->type].expected != NULL ? TYPES[k->type].expected : "a value");
        return false;
    }
    return (k->flags & KEY_LIST) ? list_ok(k, target, item, c) : scalar_ok(k, target, c);
}
