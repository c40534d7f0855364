#include "identity/password.h"

#include <errno.h>

#include <sodium.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "identity/token.h"
#include "identity/totp.h"

/* RFC 9106 section 4, the second recommended choice (t = 3, m = 64 MiB); libsodium has one lane. */
#define OPS 3u
#define MEMORY (64u * 1024 * 1024)

_Static_assert(PASSWORD_TEXT_SIZE == crypto_pwhash_STRBYTES, "one size of an encoded hash");

/* The hash of 32 random bytes that were thrown away, with the parameters above: what a login with
 * an unknown name is compared with. */
static const char NOBODY[] = "$argon2id$v=19$m=65536,t=3,p=1$bhzue4SxaCuGfDGTAttpGg$"
                             "D0ZVqFyZp/wa2KUHOI2zEbfspo9vzGoH0RqpEJZIf/8";

int password_start(void)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    char code[9];
    if (sodium_init() < 0)
        return FAULT_CRYPTO;
    /* libcrypto finds its algorithms on first use, and reads its configuration file for that. */
    int rc = token_digest(SPAN_NONE, hash);
    return rc < 0 ? rc : totp_code(SPAN("warm"), 0, TOTP_DIGITS, code);
}

static const char *text_of(struct span password)
{
    return password.len == 0 ? "" : (const char *)password.at;
}

int password_hash(struct span password, char out[PASSWORD_TEXT_SIZE])
{
    if (password.len > PASSWORD_BYTES_MAX)
        return FAULT_LIMIT;
    errno = 0;
    if (crypto_pwhash_str_alg(out, text_of(password), password.len, OPS, MEMORY,
                              crypto_pwhash_ALG_ARGON2ID13) == 0)
        return 0;
    out[0] = 0;
    return errno == ENOMEM ? -ENOMEM : FAULT_CRYPTO;
}

/* libsodium wants an array of the full size. False when the text cannot be a hash of ours. */
static bool pad(char out[PASSWORD_TEXT_SIZE], const char *hash)
{
    size_t len = strnlen(hash, PASSWORD_TEXT_SIZE);
    if (len == PASSWORD_TEXT_SIZE ||
        !span_starts(span_of(hash, len), SPAN(crypto_pwhash_argon2id_STRPREFIX)))
        return false;
    memset(out, 0, PASSWORD_TEXT_SIZE);
    memcpy(out, hash, len);
    return true;
}

int password_verify(struct span password, const char *hash)
{
    char padded[PASSWORD_TEXT_SIZE];
    if (password.len > PASSWORD_BYTES_MAX)
        return FAULT_DENIED;
    if (!pad(padded, hash))
        return FAULT_FORMAT;
    /* Asked first, because below a text that is no hash would look like a wrong password. */
    errno = 0;
    if (crypto_pwhash_str_needs_rehash(padded, OPS, MEMORY) < 0)
        return errno == ENOMEM ? -ENOMEM : FAULT_FORMAT;
    errno = 0;
    if (crypto_pwhash_str_verify(padded, text_of(password), password.len) == 0)
        return 0;
    /* libsodium says EINVAL for a mismatch only; everything else is a lack of memory. */
    return errno == EINVAL ? FAULT_DENIED : -ENOMEM;
}

int password_verify_nobody(struct span password)
{
    int rc = password_verify(password, NOBODY);
    return rc == 0 ? FAULT_DENIED : rc;
}

bool password_needs_rehash(const char *hash)
{
    char padded[PASSWORD_TEXT_SIZE];
    return !pad(padded, hash) || crypto_pwhash_str_needs_rehash(padded, OPS, MEMORY) != 0;
}

/* ---- what is acceptable ---- */

static const char *const WORDS[] = {
#define WORD(text) text,
#include "identity/common_words.def"
#undef WORD
};

/* One password being judged, in lower case (ASCII). Wiped by its owner. */
struct folded {
    char text[PASSWORD_BYTES_MAX];
    size_t len;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c & 0x80) != 0;
}

static void fold(struct folded *f, struct span in)
{
    f->len = in.len;
    for (size_t i = 0; i < in.len; i++) {
        char c = (char)in.at[i];
        f->text[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
}

static bool is_word(struct span text)
{
    for (size_t i = 0; i < countof(WORDS); i++)
        if (span_is(text, WORDS[i]))
            return true;
    return false;
}

/* A '1' stands for an i or an l, so it is tried as both. */
static bool is_disguised_word(struct span text, char one)
{
    static const char FROM[] = "@403$57+!", TO[] = "aaoesstti";
    char plain[32];
    if (text.len > sizeof(plain))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.at[i];
        const char *hit = c == 0 ? NULL : strchr(FROM, c);
        plain[i] = c == '1' ? one : hit != NULL ? TO[hit - FROM] : c;
    }
    bool hit = is_word(span_of(plain, text.len));
    secret_wipe(plain, sizeof(plain));
    return hit;
}

/* A unit of up to four bytes over and over ("aaaaaaaa", "12121212"), or steps of one ("12345678",
 * "hgfedcba"). */
static bool is_pattern(const struct folded *f)
{
    for (size_t unit = 1; unit <= 4; unit++) {
        size_t i = unit;
        while (i < f->len && f->text[i] == f->text[i - unit])
            i++;
        if (i == f->len)
            return true;
    }
    for (int step = -1; step <= 1; step += 2) {
        size_t i = 1;
        /* 9 is followed by 0 on every keyboard. */
        while (i < f->len && (f->text[i] - f->text[i - 1] == step ||
                              (step == 1 && f->text[i] == '0' && f->text[i - 1] == '9') ||
                              (step == -1 && f->text[i] == '9' && f->text[i - 1] == '0')))
            i++;
        if (i == f->len)
            return true;
    }
    return false;
}

static bool is_common(const struct folded *f)
{
    struct span all = span_of(f->text, f->len);
    if (is_pattern(f) || is_word(all))
        return true;
    size_t from = 0, to = f->len;
    while (from < to && !is_letter(f->text[from]))
        from++;
    while (to > from && !is_letter(f->text[to - 1]))
        to--;
    struct span core = span_sub(all, from, to - from);
    /* Also with the ends left on: in "p@55w0rd" or "@dmin123" a digit or sign is part of the word.
     */
    struct span head = span_sub(all, 0, to);
    return is_word(core) || is_disguised_word(core, 'i') || is_disguised_word(core, 'l') ||
           is_disguised_word(head, 'i') || is_disguised_word(head, 'l') ||
           is_disguised_word(all, 'i') || is_disguised_word(all, 'l');
}

/* Takes every occurrence of word out of f. */
static void strike(struct folded *f, struct span word)
{
    size_t out = 0;
    for (size_t i = 0; i < f->len;) {
        if (word.len >= 3 && f->len - i >= word.len && memcmp(f->text + i, word.at, word.len) == 0)
            i += word.len;
        else
            f->text[out++] = f->text[i++];
    }
    f->len = out;
}

/* What is left without the names must still be something to guess. */
#define LEFT_MIN 5u

static bool is_named(struct folded *f, struct span user)
{
    struct span domain = user, person;
    size_t before = f->len;
    strike(f, user);
    /* "alice@example.com" is also "alice", and "example.com" is no secret either. */
    if (span_cut(&domain, '@', &person)) {
        strike(f, person);
        strike(f, domain);
    }
    strike(f, SPAN("postern"));
    return f->len < before && f->len < LEFT_MIN;
}

enum password_verdict password_judge(struct span password, struct span user)
{
    struct folded f;
    size_t points = 0;
    if (password.len > PASSWORD_BYTES_MAX)
        return PASSWORD_LONG;
    if (!text_is_utf8(password))
        return PASSWORD_MALFORMED;
    for (size_t i = 0; i < password.len; i++) {
        if (password.at[i] < 0x20 || password.at[i] == 0x7f)
            return PASSWORD_MALFORMED;
        points += (password.at[i] & 0xc0) != 0x80;
    }
    if (points < PASSWORD_POINTS_MIN)
        return PASSWORD_SHORT;
    if (points > PASSWORD_POINTS_MAX)
        return PASSWORD_LONG;
    fold(&f, password);
    enum password_verdict v = is_common(&f)        ? PASSWORD_COMMON
                              : is_named(&f, user) ? PASSWORD_NAMED
                                                   : PASSWORD_GOOD;
    secret_wipe(&f, sizeof(f));
    return v;
}

size_t password_words(void)
{
    return countof(WORDS);
}

const char *password_verdict_text(enum password_verdict v)
{
    switch (v) {
    case PASSWORD_GOOD:
        return "The password is acceptable.";
    case PASSWORD_SHORT:
        return "The password is too short: it needs at least 8 characters.";
    case PASSWORD_LONG:
        return "The password is too long: at most 256 characters.";
    case PASSWORD_MALFORMED:
        return "The password holds characters that cannot be typed.";
    case PASSWORD_COMMON:
        return "The password is one of those that are tried first, because many people use it.";
    case PASSWORD_NAMED:
        return "The password is little more than a name.";
    case PASSWORD_KNOWN:
        return "The password is on a list of passwords that were stolen elsewhere, so attackers "
               "know it.";
    case PASSWORD_UNCHECKED:
        return "The list of stolen passwords cannot be read at the moment, so no password can be "
               "set. The administrator finds the cause in the log.";
    }
    return "The password is not acceptable.";
}
