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
#include "base/secret.h"
#include "keeper/notices.h"
#include "pki/clienttrust.h"

#define PROVIDER_BYTES_MAX 65536u
#define ROUTE_BYTES_MAX 262144u
#define SYSTEM_BYTES_MAX 2097152u
#define NOTICE_BYTES_MAX 65536u
#define CLIENT_BYTES_MAX 262144u
#define DIRECTORY_BYTES_MAX 65536u
#define LISTS_BYTES_MAX 2097152u

static bool next_certificate(BIO *bio)
{
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    X509_free(x);
    return x != NULL;
}

static bool next_list(BIO *bio)
{
    X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    X509_CRL_free(crl);
    return crl != NULL;
}

/* How many there are in the text; a fault when one can not be read. What stands between them is
 * nobody's business (RFC 7468 section 2). */
static int count_in(struct span pem, bool (*next)(BIO *bio))
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    int count = 0;
    if (bio == NULL)
        return -ENOMEM;
    while (next(bio))
        count++;
    /* The end of the text is told as a missing start line; anything else was something else. */
    unsigned long error = ERR_peek_last_error();
    bool over = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(bio);
    return over ? count : FAULT_FORMAT;
}

static int count_certificates(struct span pem)
{
    return count_in(pem, next_certificate);
}

static int count_lists(struct span pem)
{
    return count_in(pem, next_list);
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

/* Who in the configuration speaks of a file, and what stands in it. */
struct asker {
    const char *kind, *name, *key;
    int (*count)(struct span pem);
    const char *what;
};

static int take(const char *path, size_t most, struct arena *a, const char **ret,
                const struct asker *by, struct buf *errors)
{
    const char *text = "";
    int rc = read_file(path, most, a, &text);
    if (rc < 0) {
        (void)buf_printf(errors, "%s %s: %s: cannot read %s: %s\n", by->kind, by->name, by->key,
                         path, fault_text(rc));
        return rc == -ENOMEM ? rc : FAULT_FORMAT;
    }
    rc = by->count(span_str(text));
    if (rc <= 0) {
        (void)buf_printf(errors, "%s %s: %s: expected %s in PEM, found %s in %s\n", by->kind,
                         by->name, by->key, by->what, rc == 0 ? "none" : "something else", path);
        return rc == -ENOMEM ? rc : FAULT_FORMAT;
    }
    *ret = text;
    return 0;
}

/* The same of a file in the secrets directory. */
static int take_secret(struct snapshot *s, const char *secrets_dir, const char *file, size_t most,
                       const char **ret, const struct asker *by, struct buf *errors)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", secrets_dir, file);
    if (n < 0 || (size_t)n >= sizeof(path) || strchr(file, '/') != NULL) {
        (void)buf_printf(errors, "%s %s: %s: not a file name in the secrets directory\n", by->kind,
                         by->name, by->key);
        return FAULT_FORMAT;
    }
    return take(path, most, &s->arena, ret, by, errors);
}

static int fill_client(struct snapshot *s, struct client_def *c, const char *secrets_dir,
                       const char *kind, const char *name, struct buf *errors)
{
    const struct asker ca = {kind, name, "client_ca_file", count_certificates, "certificates"};
    const struct asker crl = {kind, name, "client_crl_file", count_lists, "revocation lists"};
    uint64_t authority, list;
    int rc = 0;
    if (c->ca_file[0] != 0)
        rc =
            take_secret(s, secrets_dir, c->ca_file, CLIENT_BYTES_MAX, &c->authorities, &ca, errors);
    if (rc == 0 && c->crl_file[0] != 0)
        rc = take_secret(s, secrets_dir, c->crl_file, LISTS_BYTES_MAX, &c->lists, &crl, errors);
    if (rc == 0 && c->authorities[0] != 0 &&
        clienttrust_ends(span_str(c->authorities), span_str(c->lists), &authority, &list) < 0) {
        (void)buf_printf(errors, "%s %s: client_ca_file: too many certificates or lists\n", kind,
                         name);
        rc = FAULT_FORMAT;
    }
    return rc;
}

static int fill_route(struct snapshot *s, struct route_def *r, const char *secrets_dir,
                      struct buf *errors)
{
    const struct asker by = {"route", r->name, "upstream_ca_file", count_certificates,
                             "certificates"};
    if (r->upstream_ca[0] != 0 && count_certificates(span_str(r->upstream_ca)) <= 0) {
        (void)buf_printf(errors, "route %s: upstream_ca: expected certificates in PEM\n", r->name);
        return FAULT_FORMAT;
    }
    int rc = r->upstream_ca_file[0] == 0
                 ? 0
                 : take_secret(s, secrets_dir, r->upstream_ca_file, ROUTE_BYTES_MAX,
                               &r->authorities, &by, errors);
    return rc < 0 ? rc : fill_client(s, &r->client, secrets_dir, "route", r->name, errors);
}

/* Read again each time it is used, so that it can be replaced; here it is seen that it can be. */
static int check_secret(const char *secrets_dir, const char *file, const char *key,
                        struct buf *errors)
{
    char path[4096];
    struct secret secret = {0};
    if (file[0] == 0)
        return 0;
    int n = snprintf(path, sizeof(path), "%s/%s", secrets_dir, file);
    int rc = n < 0 || (size_t)n >= sizeof(path)
                 ? FAULT_LIMIT
                 : secret_read_file(&secret, path, NOTICE_SECRET_MAX);
    if (rc == 0 && secret.len < NOTICE_SECRET_MIN)
        rc = FAULT_FORMAT;
    secret_fini(&secret);
    if (rc < 0)
        (void)buf_printf(errors, "notices: %s: cannot use %s: %s\n", key, path,
                         rc == FAULT_FORMAT ? "it is too short" : fault_text(rc));
    return rc < 0 && rc != -ENOMEM ? FAULT_FORMAT : rc;
}

static int fill_authorities(struct snapshot *s, const char *file, const char **ret, const char *key,
                            const char *secrets_dir, struct buf *errors)
{
    const struct asker by = {"section", "notices", key, count_certificates, "certificates"};
    return file[0] == 0 ? 0 : take_secret(s, secrets_dir, file, NOTICE_BYTES_MAX, ret, &by, errors);
}

/* The first fault; what comes after it is looked at all the same, for its messages. */
static void keep(int *first, int rc)
{
    if (*first == 0)
        *first = rc;
}

static int fill_directory(struct snapshot *s, struct directory_def *d, const char *secrets_dir,
                          struct buf *errors)
{
    const struct asker by = {"directory", d->name, "ca_file", count_certificates, "certificates"};
    char path[4096];
    struct secret password = {0};
    int rc = d->ca_file[0] == 0 ? 0
                                : take_secret(s, secrets_dir, d->ca_file, DIRECTORY_BYTES_MAX,
                                              &d->authorities, &by, errors);
    /* Read anew for each question; here it is only seen that it can be. */
    int n = snprintf(path, sizeof(path), "%s/%s", secrets_dir, d->bind_password_file);
    int read =
        n < 0 || (size_t)n >= sizeof(path) ? FAULT_FORMAT : secret_read_file(&password, path, 1024);
    secret_fini(&password);
    if (read < 0)
        (void)buf_printf(errors, "directory %s: bind_password_file: cannot read %s: %s\n", d->name,
                         path, fault_text(read));
    return rc < 0 ? rc : read < 0 ? FAULT_FORMAT : 0;
}

static int fill_provider(struct snapshot *s, struct provider_def *p, const char *secrets_dir,
                         struct buf *errors)
{
    const struct asker by = {"provider", p->name, "ca_file", count_certificates, "certificates"};
    return p->ca_file[0] == 0 ? 0
                              : take_secret(s, secrets_dir, p->ca_file, PROVIDER_BYTES_MAX,
                                            &p->authorities, &by, errors);
}

int trust_fill(struct snapshot *s, const char *secrets_dir, struct buf *errors)
{
    int first = 0;
    for (size_t i = 0; i < s->route_count; i++) {
        struct route_def *r = &s->routes[i];
        const struct asker by = {"route", r->name, "tls.authorities", count_certificates,
                                 "certificates"};
        int rc = fill_route(s, r, secrets_dir, errors);
        if (rc == 0 && route_trust(r) == TRUST_SYSTEM && s->system_trust[0] == 0)
            rc = take(s->authorities_file, SYSTEM_BYTES_MAX, &s->arena, &s->system_trust, &by,
                      errors);
        keep(&first, rc);
    }
    for (size_t i = 0; i < s->provider_count; i++)
        keep(&first, fill_provider(s, &s->providers[i], secrets_dir, errors));
    for (size_t i = 0; i < s->listener_count; i++)
        keep(&first, fill_client(s, &s->listeners[i].client, secrets_dir, "listener",
                                 s->listeners[i].name, errors));
    keep(&first, fill_client(s, &s->portal_client, secrets_dir, "portal", s->portal_host, errors));
    for (size_t i = 0; i < s->dir_count; i++)
        keep(&first, fill_directory(s, &s->dirs[i], secrets_dir, errors));
    struct notices_conf *n = &s->notices;
    keep(&first, fill_authorities(s, n->mail_ca_file, &n->mail_authorities, "mail_ca_file",
                                  secrets_dir, errors));
    keep(&first, fill_authorities(s, n->webhook_ca_file, &n->webhook_authorities, "webhook_ca_file",
                                  secrets_dir, errors));
    keep(&first, check_secret(secrets_dir, n->mail_password_file, "mail_password_file", errors));
    keep(&first, check_secret(secrets_dir, n->webhook_secret_file, "webhook_secret_file", errors));
    return first;
}
