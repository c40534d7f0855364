#include "net/ja4.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define EXT_SERVER_NAME 0
#define EXT_ALPN 16
#define HASH_LEN 12u
/* Four digits and a comma for each, and the algorithms behind. */
#define LIST_TEXT (JA4_LIST_MAX * 5 * 2 + 2)

/* RFC 8701: 0x0a0a, 0x1a1a, … are said so that nobody gets used to their absence. */
static bool is_grease(unsigned v)
{
    return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* padding, pre_shared_key, early_data, cookie, application_settings (two numbers): there or not as
 * the connection is a first or a resumed one, of a page or of a WebSocket. */
static bool comes_and_goes(unsigned extension)
{
    static const unsigned LIST[] = {21, 41, 42, 44, 17513, 17613};
    for (size_t i = 0; i < countof(LIST); i++)
        if (extension == LIST[i])
            return true;
    return false;
}

struct numbers {
    uint16_t at[JA4_LIST_MAX];
    size_t count;
};

static void add(struct numbers *n, unsigned v)
{
    if (!is_grease(v) && n->count < JA4_LIST_MAX)
        n->at[n->count++] = (uint16_t)v;
}

/* Pairs of bytes; what is left over is nothing. */
static void read_pairs(struct numbers *n, struct span bytes)
{
    for (size_t i = 0; i + 1 < bytes.len; i += 2)
        add(n, (unsigned)bytes.at[i] << 8 | bytes.at[i + 1]);
}

static int by_number(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static void sort(struct numbers *n)
{
    qsort(n->at, n->count, sizeof(n->at[0]), by_number);
}

static const char DIGITS[] = "0123456789abcdef";

/* By hand, because it is done in every handshake. */
static size_t write_list(char *out, size_t len, const struct numbers *n)
{
    for (size_t i = 0; i < n->count; i++) {
        if (i > 0)
            out[len++] = ',';
        for (int shift = 12; shift >= 0; shift -= 4)
            out[len++] = DIGITS[n->at[i] >> shift & 15];
    }
    return len;
}

static void hash(const char *text, size_t len, char out[HASH_LEN + 1])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    if (len == 0) {
        memcpy(out, "000000000000", HASH_LEN + 1);
        return;
    }
    (void)SHA256((const uint8_t *)text, len, digest);
    text_hex(out, span_of(digest, HASH_LEN / 2));
}

static void hash_extensions(const struct numbers *extensions, const struct numbers *algorithms,
                            char out[HASH_LEN + 1])
{
    char text[LIST_TEXT];
    size_t len = write_list(text, 0, extensions);
    if (len > 0 && algorithms->count > 0) {
        text[len++] = '_';
        len = write_list(text, len, algorithms);
    }
    hash(text, len, out);
}

static const char *version_of(const struct ja4_hello *h)
{
    unsigned best = 0;
    for (size_t i = 1; i + 1 < h->versions.len; i += 2) {
        unsigned v = (unsigned)h->versions.at[i] << 8 | h->versions.at[i + 1];
        if (!is_grease(v) && v > best)
            best = v;
    }
    switch (best != 0 ? best : h->version) {
    case 0x0304:
        return "13";
    case 0x0303:
        return "12";
    case 0x0302:
        return "11";
    case 0x0301:
        return "10";
    case 0x0300:
        return "s3";
    default:
        return "00";
    }
}

static bool is_alnum(uint8_t b)
{
    return (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
}

/* First and last letter; when one is none, of the hexadecimal form. */
static void protocol_of(struct span alpn, char out[3])
{
    struct span first = SPAN_NONE;
    if (alpn.len > 3 && alpn.at[2] > 0 && alpn.len >= 3u + alpn.at[2])
        first = span_sub(alpn, 3, alpn.at[2]);
    out[0] = out[1] = '0';
    out[2] = 0;
    if (first.len == 0)
        return;
    uint8_t a = first.at[0], z = first.at[first.len - 1];
    bool plain = is_alnum(a) && is_alnum(z);
    out[0] = plain ? (char)a : DIGITS[a >> 4];
    out[1] = plain ? (char)z : DIGITS[z & 15];
}

static unsigned two_digits(size_t n)
{
    return n > 99 ? 99 : (unsigned)n;
}

void ja4_of(const struct ja4_hello *h, struct ja4 *ret)
{
    struct numbers ciphers = {.count = 0}, all = {.count = 0}, named = {.count = 0};
    struct numbers same = {.count = 0}, algorithms = {.count = 0};
    char text[LIST_TEXT], c[HASH_LEN + 1], e[HASH_LEN + 1], s[HASH_LEN + 1], protocol[3];
    bool server_name = false;
    read_pairs(&ciphers, h->ciphers);
    read_pairs(&algorithms, span_sub(h->algorithms, 2, h->algorithms.len));
    for (size_t i = 0; i < h->count; i++) {
        unsigned v = (unsigned)h->extensions[i] & 0xffff;
        add(&all, v);
        server_name = server_name || v == EXT_SERVER_NAME;
        if (v == EXT_SERVER_NAME || v == EXT_ALPN)
            continue;
        add(&named, v);
        if (!comes_and_goes(v))
            add(&same, v);
    }
    sort(&ciphers);
    sort(&named);
    sort(&same);
    hash(text, write_list(text, 0, &ciphers), c);
    hash_extensions(&named, &algorithms, e);
    hash_extensions(&same, &algorithms, s);
    protocol_of(h->alpn, protocol);
    (void)snprintf(ret->text, sizeof(ret->text), "t%s%c%02u%02u%s_%s_%s", version_of(h),
                   server_name ? 'd' : 'i', two_digits(ciphers.count), two_digits(all.count),
                   protocol, c, e);
    (void)snprintf(ret->same, sizeof(ret->same), "%s_%s", c, s);
}
