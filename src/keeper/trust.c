#include "keeper/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"

#define ROUTE_BYTES_MAX 262144u
#define SYSTEM_BYTES_MAX 2097152u

/* Certificates in the text; a fault when one can not be read. What stands between them is nobody's
 * business (RFC 7468 section 2). */
static int count_certificates(struct span pem)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    int count = 0;
    if (bio == NULL)
        return -ENOMEM;
    for (;;) {
        X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (x == NULL)
            break;
        count++;
        X509_free(x);
    }
    /* The end of the text is told as a missing start line; anything else was no certificate. */
    unsigned long error = ERR_peek_last_error();
    bool over = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(bio);
    return over ? count : FAULT_FORMAT;
}

/* The file's text in the arena. What no text of the configuration may hold is no PEM either. */
static int read_file(const char *path, size_t most, struct arena *a, const char **ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0)
        return -errno;
    int rc = fstat(fd, &st) < 0 ? -errno : !S_ISREG(st.st_mode) ? FAULT_FORMAT : 0;
    if (rc == 0 && (st.st_size <= 0 || (size_t)st.st_size > most))
        rc = FAULT_LIMIT;
    char *text = rc == 0 ? arena_alloc(a, (size_t)st.st_size + 1) : NULL;
    if (rc == 0 && text == NULL)
        rc = -ENOMEM;
    size_t got = 0;
    while (rc == 0 && got < (size_t)st.st_size) {
        ssize_t n = read(fd, text + got, (size_t)st.st_size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = n < 0 ? -errno : FAULT_FORMAT;
            break;
        }
        got += (size_t)n;
    }
    (void)close(fd);
    if (rc < 0)
        return rc;
    /* Bundles carry names of authorities in comments, in any encoding: those bytes are of no use.
     */
    for (size_t i = 0; i < got; i++)
        if ((text[i] < 0x20 && text[i] != '\n' && text[i] != '\r') || text[i] == 0x7f)
            text[i] = ' ';
    text[got] = 0;
    *ret = text;
    return 0;
}

static int take(const char *path, size_t most, struct arena *a, const char **ret, const char *route,
                const char *key, struct buf *errors)
{
    const char *text = "";
    int rc = read_file(path, most, a, &text);
    if (rc < 0) {
        (void)buf_printf(errors, "route %s: %s: cannot read %s: %s\n", route, key, path,
                         fault_text(rc));
        return rc == -ENOMEM ? rc : FAULT_FORMAT;
    }
    rc = count_certificates(span_str(text));
    if (rc <= 0) {
        (void)buf_printf(errors, "route %s: %s: expected certificates in PEM, found %s in %s\n",
                         route, key, rc == 0 ? "none" : "something else", path);
        return rc == -ENOMEM ? rc : FAULT_FORMAT;
    }
    *ret = text;
    return 0;
}

static int fill_route(struct snapshot *s, struct route_def *r, const char *secrets_dir,
                      struct buf *errors)
{
    char path[4096];
    if (r->upstream_ca[0] != 0 && count_certificates(span_str(r->upstream_ca)) <= 0) {
        (void)buf_printf(errors, "route %s: upstream_ca: expected certificates in PEM\n", r->name);
        return FAULT_FORMAT;
    }
    if (r->upstream_ca_file[0] == 0)
        return 0;
    int n = snprintf(path, sizeof(path), "%s/%s", secrets_dir, r->upstream_ca_file);
    if (n < 0 || (size_t)n >= sizeof(path) || strchr(r->upstream_ca_file, '/') != NULL) {
        (void)buf_printf(errors,
                         "route %s: upstream_ca_file: not a file name in the secrets directory\n",
                         r->name);
        return FAULT_FORMAT;
    }
    return take(path, ROUTE_BYTES_MAX, &s->arena, &r->authorities, r->name, "upstream_ca_file",
                errors);
}

int trust_fill(struct snapshot *s, const char *secrets_dir, struct buf *errors)
{
    int first = 0;
    for (size_t i = 0; i < s->route_count; i++) {
        struct route_def *r = &s->routes[i];
        int rc = fill_route(s, r, secrets_dir, errors);
        if (rc == 0 && route_trust(r) == TRUST_SYSTEM && s->system_trust[0] == 0)
            rc = take(s->authorities_file, SYSTEM_BYTES_MAX, &s->arena, &s->system_trust, r->name,
                      "tls.authorities", errors);
        if (first == 0)
            first = rc;
    }
    return first;
}
