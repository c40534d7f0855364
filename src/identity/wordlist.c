#include "identity/wordlist.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"

#define HEX_LEN 40u
/* Below this many bytes lines are compared one after the other. */
#define NEAR 4096u

/* ---- blocks ---- */

/* As much of [from, from + len) as there is. The number of bytes or -errno. */
static ssize_t read_at(const struct wordlist *w, uint64_t from, char *out, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(w->fd, out + got, len - got, (off_t)(from + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* The line at the beginning of text, without its end; false: its end is not there. */
static bool line_of(struct span text, bool last, struct span *line, size_t *taken)
{
    const char *end = text.len == 0 ? NULL : memchr(text.at, '\n', text.len);
    size_t len = end != NULL ? (size_t)(end - (const char *)text.at) : text.len;
    if (end == NULL && !last)
        return false;
    *taken = len + (end != NULL);
    if (len > 0 && text.at[len - 1] == '\r')
        len--;
    *line = span_sub(text, 0, len);
    return true;
}

static bool is_hash(struct span line)
{
    uint8_t bytes[HEX_LEN / 2];
    return line.len >= HEX_LEN &&
           text_unhex(span_sub(line, 0, HEX_LEN), bytes, sizeof(bytes)) == 0 &&
           (line.len == HEX_LEN || line.at[HEX_LEN] == ':');
}

/* ---- order ---- */

static uint8_t lower(uint8_t b)
{
    return b >= 'A' && b <= 'Z' ? (uint8_t)(b - 'A' + 'a') : b;
}

/* -1, 0, 1 as a line is before, at or behind the key. FAULT_FORMAT: not a line of such a file. */
static int compare(const struct wordlist *w, struct span line, struct span key, int *ret)
{
    if (w->form == WORDLIST_SHA1 && !is_hash(line))
        return FAULT_FORMAT;
    size_t len = w->form == WORDLIST_SHA1 ? HEX_LEN : line.len;
    for (size_t i = 0; i < len && i < key.len; i++) {
        uint8_t a = line.at[i], b = key.at[i];
        if (w->form == WORDLIST_SHA1) {
            a = lower(a);
            b = lower(b);
        }
        if (a != b) {
            *ret = a < b ? -1 : 1;
            return 0;
        }
    }
    *ret = len == key.len ? 0 : len < key.len ? -1 : 1;
    return 0;
}

/* The first line that begins behind `from` (or at 0): its place and its text in block. 0 with
 * *ret_at >= size when there is none. */
static int line_behind(const struct wordlist *w, uint64_t from, char *block, uint64_t *ret_at,
                       struct span *line)
{
    size_t skip = 0, taken;
    ssize_t n = read_at(w, from, block, 2 * WORDLIST_LINE_MAX + 2);
    if (n < 0)
        return (int)n;
    struct span text = span_of(block, (size_t)n);
    bool last = from + (uint64_t)n >= w->size;
    *ret_at = w->size;
    if (from > 0) {
        if (!line_of(text, last, line, &skip))
            return FAULT_LIMIT;
        if (from + skip >= w->size)
            return 0;
    }
    text = span_sub(text, skip, text.len);
    if (!line_of(text, last, line, &taken) || line->len > WORDLIST_LINE_MAX)
        return FAULT_LIMIT;
    *ret_at = from + skip;
    return 0;
}

static int search_near(const struct wordlist *w, uint64_t from, uint64_t to, struct span key,
                       bool *ret)
{
    char block[2 * NEAR + 2 * WORDLIST_LINE_MAX];
    struct span line;
    size_t taken;
    int order = -1, rc = 0;
    ssize_t n = read_at(w, from, block, sizeof(block));
    if (n < 0)
        return (int)n;
    struct span text = span_of(block, (size_t)n);
    bool last = from + (uint64_t)n >= w->size;
    uint64_t at = from;
    while (rc == 0 && order < 0 && at < to && text.len > 0) {
        if (!line_of(text, last, &line, &taken))
            return FAULT_LIMIT;
        rc = line.len > WORDLIST_LINE_MAX ? FAULT_LIMIT : compare(w, line, key, &order);
        text = span_sub(text, taken, text.len);
        at += taken;
    }
    *ret = rc == 0 && order == 0;
    return rc;
}

/* Invariant: a line that equals the key begins in [from, to); a line begins at from. */
static int search(const struct wordlist *w, struct span key, bool *ret)
{
    char block[2 * WORDLIST_LINE_MAX + 2];
    uint64_t from = 0, to = w->size, at = w->size;
    struct span line;
    while (to - from > 2 * NEAR) {
        uint64_t middle = from + (to - from) / 2;
        int order = 1;
        int rc = line_behind(w, middle, block, &at, &line);
        if (rc == 0 && at < to)
            rc = compare(w, line, key, &order);
        if (rc < 0)
            return rc;
        if (at < to && order == 0) {
            *ret = true;
            return 0;
        }
        if (order < 0)
            from = at;
        else
            to = at < to ? at : middle + 1;
    }
    return search_near(w, from, to, key, ret);
}

/* ---- for callers ---- */

int wordlist_open(const char *path, struct wordlist *ret)
{
    struct stat st;
    char block[WORDLIST_LINE_MAX + 2];
    struct span line;
    size_t taken;
    struct wordlist w = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    if (w.fd < 0)
        return -errno;
    int rc = fstat(w.fd, &st) < 0                        ? -errno
             : !S_ISREG(st.st_mode) || st.st_size <= 0   ? FAULT_FORMAT
             : (uint64_t)st.st_size > WORDLIST_BYTES_MAX ? FAULT_LIMIT
                                                         : 0;
    w.size = rc == 0 ? (uint64_t)st.st_size : 0;
    ssize_t n = rc == 0 ? read_at(&w, 0, block, sizeof(block)) : 0;
    if (rc == 0 && n < 0)
        rc = (int)n;
    if (rc == 0 && (!line_of(span_of(block, (size_t)n), (uint64_t)n >= w.size, &line, &taken)))
        rc = FAULT_LIMIT;
    if (rc < 0) {
        (void)close(w.fd);
        return rc;
    }
    w.form = is_hash(line) ? WORDLIST_SHA1 : WORDLIST_WORDS;
    *ret = w;
    return 0;
}

void wordlist_close(struct wordlist *w)
{
    (void)close(w->fd);
    w->fd = -1;
}

static int has(const struct wordlist *w, struct span password, bool *ret)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned len;
    if (w->form == WORDLIST_WORDS)
        return search(w, password, ret);
    if (EVP_Digest(password.at, password.len, digest, &len, EVP_sha1(), NULL) != 1)
        return FAULT_CRYPTO;
    text_hex(hex, span_of(digest, len));
    int rc = search(w, span_of(hex, HEX_LEN), ret);
    secret_wipe(digest, sizeof(digest));
    secret_wipe(hex, sizeof(hex));
    return rc;
}

int wordlist_has(const struct wordlist *w, struct span password, bool *ret)
{
    uint8_t folded[WORDLIST_LINE_MAX];
    *ret = false;
    if (password.len == 0 || password.len > sizeof(folded))
        return 0;
    int rc = has(w, password, ret);
    bool differs = false;
    for (size_t i = 0; i < password.len; i++) {
        folded[i] = lower(password.at[i]);
        differs = differs || folded[i] != password.at[i];
    }
    if (rc == 0 && !*ret && differs)
        rc = has(w, span_of(folded, password.len), ret);
    secret_wipe(folded, sizeof(folded));
    return rc;
}

struct walk {
    char before[WORDLIST_LINE_MAX];
    size_t len;
    bool any;
};

static int step(const struct wordlist *w, struct walk *k, struct span line)
{
    int order = -1;
    struct span key = span_of(k->before, k->len);
    int rc = line.len > WORDLIST_LINE_MAX ? FAULT_LIMIT : 0;
    if (rc == 0 && w->form == WORDLIST_SHA1 && !is_hash(line))
        rc = FAULT_FORMAT;
    if (rc == 0 && k->any)
        rc = compare(w, line, key, &order);
    if (rc == 0 && k->any && order < 0)
        rc = FAULT_FORMAT;
    if (rc == 0) {
        k->len = w->form == WORDLIST_SHA1 ? HEX_LEN : line.len;
        memcpy(k->before, line.at, k->len);
        k->any = true;
    }
    return rc;
}

static int check_all(const struct wordlist *w, struct walk *k, uint64_t *lines, uint64_t *at)
{
    char block[65536];
    int rc = 0;
    while (rc == 0 && *at < w->size) {
        ssize_t n = read_at(w, *at, block, sizeof(block));
        struct span text = span_of(block, n < 0 ? 0 : (size_t)n), line;
        bool last = n >= 0 && *at + (uint64_t)n >= w->size;
        size_t taken, used = 0;
        while (rc == 0 && text.len > 0 && line_of(text, last, &line, &taken)) {
            rc = step(w, k, line);
            if (rc < 0)
                return rc;
            text = span_sub(text, taken, text.len);
            used += taken;
            *at += taken;
            ++*lines;
        }
        if (used == 0)
            rc = n < 0 ? (int)n : FAULT_LIMIT;
    }
    return rc;
}

int wordlist_check(const struct wordlist *w, bool all, uint64_t *ret_lines, uint64_t *ret_at)
{
    struct walk k = {.any = false};
    char block[2 * WORDLIST_LINE_MAX + 2];
    uint64_t lines = 0, at = 0;
    all = all || w->size <= 65536;
    int rc = all ? check_all(w, &k, &lines, &at) : 0;
    for (unsigned i = 0; !all && rc == 0 && i < WORDLIST_SAMPLES; i++) {
        struct span line;
        rc = line_behind(w, w->size / WORDLIST_SAMPLES * i, block, &at, &line);
        if (rc == 0 && at < w->size)
            rc = step(w, &k, line);
    }
    *ret_lines = lines;
    *ret_at = at;
    return rc;
}
