#include "signer/authority.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/fault.h"
#include "base/rng.h"
#include "base/text.h"
#include "signer/issue.h"
#include "signer/pemdir.h"

#define CA_CERTIFICATE "ca.crt"
#define CA_KEY "ca.key"

/* An authority with less than this before it is issued anew with the next leaf. */
#define AUTHORITY_RENEW_DAYS 90
#define LEAF_CERTIFICATE "server.crt"
#define LEAF_KEY "server.key"

/* Room for all the names at their longest, said twice. */
#define NAMES_TEXT_MAX 65536u

static const char *const FILES[] = {CA_CERTIFICATE, CA_KEY, LEAF_CERTIFICATE, LEAF_KEY};

static void say(struct buf *note, const char *subject, const char *text)
{
    if (note != NULL)
        (void)buf_printf(note, "%s: %s", subject, text);
}

/* ---- names ----------------------------------------------------------------------------------- */

bool authority_name_ok(const char *name)
{
    size_t label = 0, len = strlen(name);
    if (len == 0 || len > 253)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool edge = label == 0 || i + 1 == len || name[i + 1] == '.';
        if (c == '.') {
            if (label == 0 || i + 1 == len)
                return false;
            label = 0;
            continue;
        }
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (c != '-' || edge))
            return false;
        if (++label > 63)
            return false;
    }
    return true;
}

/* 4, 6, or 0 for what is no address. */
static int address_family(const char *text)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, text, bytes) == 1 ? 6 : 0;
}

static int check_names(const struct authority_names *n, struct buf *note)
{
    /* An address as the portal would leave nothing below it for the consoles. */
    if (address_family(n->portal) != 0 || !authority_name_ok(n->portal)) {
        say(note, n->portal, "the portal must be a lower-case DNS name");
        return FAULT_MISUSE;
    }
    if (n->also_count > AUTHORITY_NAMES_MAX) {
        say(note, n->portal, "too many further names");
        return FAULT_LIMIT;
    }
    for (size_t i = 0; i < n->also_count; i++) {
        if (address_family(n->also[i]) == 0 && !authority_name_ok(n->also[i])) {
            say(note, n->also[i], "neither a lower-case DNS name nor an address");
            return FAULT_MISUSE;
        }
    }
    return 0;
}

static void names_san(const struct authority_names *n, struct buf *out)
{
    (void)buf_printf(out, "DNS:%s,DNS:*.%s", n->portal, n->portal);
    for (size_t i = 0; i < n->also_count; i++)
        (void)buf_printf(out, ",%s:%s", address_family(n->also[i]) != 0 ? "IP" : "DNS", n->also[i]);
}

/* An address range that is not permitted must be excluded: a form of name without any constraint is
 * free. */
static void names_constraints(const struct authority_names *n, struct buf *out)
{
    bool addresses = false;
    (void)buf_printf(out, "critical,permitted;DNS:%s", n->portal);
    for (size_t i = 0; i < n->also_count; i++) {
        const char *name = n->also[i];
        int family = address_family(name);
        if (family == 4)
            (void)buf_printf(out, ",permitted;IP:%s/255.255.255.255", name);
        else if (family == 6)
            (void)buf_printf(out, ",permitted;IP:%s/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", name);
        else
            (void)buf_printf(out, ",permitted;DNS:%s", name);
        addresses = addresses || family != 0;
    }
    if (!addresses)
        (void)buf_text(out, ",excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::");
}

static void forget_temps(int dir)
{
    for (size_t i = 0; i < countof(FILES); i++)
        pemdir_forget(dir, FILES[i]);
}

/* ---- the operations -------------------------------------------------------------------------- */

static int check_absent(int dir, struct buf *note)
{
    for (size_t i = 0; i < countof(FILES); i++) {
        if (faccessat(dir, FILES[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            say(note, FILES[i], "is there already and stays as it is");
            return FAULT_EXISTS;
        }
    }
    return 0;
}

/* Key before certificate: the signer refuses a pair that does not match, so that a crash between
 * the two renames is seen, and repeating the command repairs it. */
static int write_leaf(int dir, X509 *leaf, EVP_PKEY *key)
{
    int rc = pemdir_write_pem(dir, LEAF_KEY, NULL, key);
    return rc == 0 ? pemdir_write_pem(dir, LEAF_CERTIFICATE, leaf, NULL) : rc;
}

static const char *common_name_for(const char *portal)
{
    return strlen(portal) <= ISSUE_COMMON_NAME_MAX ? portal : "portal";
}

static int issue_named(const struct issuer *by, const struct authority_names *n, EVP_PKEY *key,
                       X509 **ret)
{
    struct buf text;
    buf_init(&text, NAMES_TEXT_MAX);
    names_san(n, &text);
    char *san = buf_take_string(&text);
    struct leaf leaf = {.common_name = common_name_for(n->portal), .san = san};
    int rc = san == NULL ? -ENOMEM : issue_leaf(by, &leaf, key, ret);
    free(san);
    return rc;
}

static int issue_authority(const struct authority_names *n, EVP_PKEY *key, X509 **ret)
{
    struct buf text;
    buf_init(&text, NAMES_TEXT_MAX);
    names_constraints(n, &text);
    char *constraints = buf_take_string(&text);
    int rc = constraints == NULL ? -ENOMEM : issue_ca(n->portal, constraints, key, ret);
    free(constraints);
    return rc;
}

static int init_in(int dir, const struct authority_names *n, struct buf *note)
{
    X509 *ca = NULL, *leaf = NULL;
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    int rc = ca_key == NULL || key == NULL ? FAULT_CRYPTO : issue_authority(n, ca_key, &ca);
    if (rc == 0)
        rc = issue_named(&(struct issuer){ca, ca_key}, n, key, &leaf);
    if (rc == 0)
        rc = pemdir_write_pem(dir, CA_KEY, NULL, ca_key);
    if (rc == 0)
        rc = pemdir_write_pem(dir, CA_CERTIFICATE, ca, NULL);
    if (rc == 0)
        rc = write_leaf(dir, leaf, key);
    size_t settled = 0;
    while (rc == 0 && settled < countof(FILES)) {
        rc = pemdir_settle(dir, FILES[settled], true);
        if (rc == -EEXIST) {
            say(note, FILES[settled], "appeared meanwhile and stays as it is");
            rc = FAULT_EXISTS;
        }
        settled += rc == 0;
    }
    /* All or nothing: what this call made goes when the rest could not follow. */
    for (size_t i = 0; rc < 0 && i < settled; i++)
        (void)unlinkat(dir, FILES[i], 0);
    X509_free(ca);
    X509_free(leaf);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return rc;
}

static int finish(int dir, int rc)
{
    forget_temps(dir);
    if (rc == 0 && fsync(dir) < 0)
        rc = -errno;
    (void)close(dir);
    ERR_clear_error();
    return rc;
}

int authority_init(const char *dir, const struct authority_names *names, struct buf *note)
{
    int rc = check_names(names, note);
    if (rc < 0)
        return rc;
    int fd = pemdir_open(dir);
    if (fd < 0) {
        say(note, dir, fault_text(fd));
        return fd;
    }
    rc = check_absent(fd, note);
    if (rc == 0)
        rc = init_in(fd, names, note);
    return finish(fd, rc);
}

static void common_name_of(X509 *x, char out[ISSUE_COMMON_NAME_MAX + 1])
{
    int n = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, out,
                                      (int)ISSUE_COMMON_NAME_MAX + 1);
    if (n <= 0)
        (void)snprintf(out, ISSUE_COMMON_NAME_MAX + 1, "portal");
}

static int issue_same(const struct issuer *by, int dir, EVP_PKEY *key, X509 **ret, struct buf *note)
{
    X509 *old = NULL;
    int rc = pemdir_read(dir, LEAF_CERTIFICATE, &old, NULL);
    if (rc < 0) {
        say(note, LEAF_CERTIFICATE, "cannot be read; name the portal to make a new one");
        return rc;
    }
    char common_name[ISSUE_COMMON_NAME_MAX + 1];
    common_name_of(old, common_name);
    int at = X509_get_ext_by_NID(old, NID_subject_alt_name, -1);
    struct leaf leaf = {.common_name = common_name, .san_copied = X509_get_ext(old, at)};
    if (at >= 0) {
        rc = issue_leaf(by, &leaf, key, ret);
    } else {
        say(note, LEAF_CERTIFICATE, "holds no names");
        rc = FAULT_FORMAT;
    }
    X509_free(old);
    return rc;
}

/* A leaf outside the constraints would be made without complaint and accepted by nobody. */
static int check_constraints(X509 *ca, X509 *leaf, struct buf *note)
{
    /* The names of a certificate made in memory are read by the first check of any purpose. */
    (void)X509_check_purpose(leaf, -1, 0);
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(ca, NID_name_constraints, NULL, NULL);
    int verdict = nc == NULL ? X509_V_OK : NAME_CONSTRAINTS_check(leaf, nc);
    NAME_CONSTRAINTS_free(nc);
    if (verdict == X509_V_OK)
        return 0;
    say(note, CA_CERTIFICATE, "does not permit these names; it was made for another portal");
    return FAULT_DENIED;
}

/* An authority that ends soon, or has ended, is issued anew: same key, same name, same constraints,
 * so that what it has signed stays good for whoever trusts the new certificate. *ca is replaced; 1,
 * or 0 when there was no need. */
static int renew_authority(int dir, X509 **ca, EVP_PKEY *key)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(*ca)) != 1) {
        return FAULT_CRYPTO;
    }
    if (days >= AUTHORITY_RENEW_DAYS) {
        return 0;
    }
    X509 *fresh = X509_dup(*ca);
    uint8_t serial[16];
    bool ok = fresh != NULL && rng_fill(serial, sizeof(serial)) == 0;
    serial[0] &= 0x7f;
    BIGNUM *number = ok ? BN_bin2bn(serial, sizeof(serial), NULL) : NULL;
    ok = ok && number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(fresh)) != NULL &&
         X509_gmtime_adj(X509_getm_notBefore(fresh), -3600) != NULL &&
         X509_time_adj_ex(X509_getm_notAfter(fresh), ISSUE_CA_DAYS, 0, NULL) != NULL &&
         X509_sign(fresh, key, EVP_sha256()) > 0;
    BN_free(number);
    int rc = ok ? pemdir_write_pem(dir, CA_CERTIFICATE, fresh, NULL) : FAULT_CRYPTO;
    rc = rc == 0 ? pemdir_settle(dir, CA_CERTIFICATE, false) : rc;
    if (rc < 0) {
        X509_free(fresh);
        return rc;
    }
    X509_free(*ca);
    *ca = fresh;
    return 1;
}

static int renew_in(int dir, const struct authority_names *names, struct buf *note)
{
    X509 *ca = NULL, *leaf = NULL;
    EVP_PKEY *ca_key = NULL, *key = NULL;
    int rc = pemdir_read(dir, CA_CERTIFICATE, &ca, NULL);
    if (rc == 0)
        rc = pemdir_read(dir, CA_KEY, NULL, &ca_key);
    if (rc < 0)
        say(note, ca == NULL ? CA_CERTIFICATE : CA_KEY, fault_text(rc));
    if (rc == 0 && X509_check_private_key(ca, ca_key) != 1) {
        say(note, CA_KEY, "does not belong to the certificate of the authority");
        rc = FAULT_CONFLICT;
    }
    if (rc == 0)
        rc = renew_authority(dir, &ca, ca_key) < 0 ? FAULT_CRYPTO : 0;
    if (rc == 0 && (key = EVP_EC_gen("P-256")) == NULL)
        rc = FAULT_CRYPTO;
    const struct issuer by = {ca, ca_key};
    if (rc == 0)
        rc = names != NULL ? issue_named(&by, names, key, &leaf)
                           : issue_same(&by, dir, key, &leaf, note);
    if (rc == 0)
        rc = check_constraints(ca, leaf, note);
    if (rc == 0)
        rc = write_leaf(dir, leaf, key);
    if (rc == 0)
        rc = pemdir_settle(dir, LEAF_KEY, false);
    if (rc == 0)
        rc = pemdir_settle(dir, LEAF_CERTIFICATE, false);
    X509_free(ca);
    X509_free(leaf);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return rc;
}

int authority_renew(const char *dir, const struct authority_names *names, struct buf *note)
{
    int rc = names != NULL ? check_names(names, note) : 0;
    if (rc < 0)
        return rc;
    int fd = pemdir_open(dir);
    if (fd < 0) {
        say(note, dir, fault_text(fd));
        return fd;
    }
    return finish(fd, renew_in(fd, names, note));
}

/* ---- showing --------------------------------------------------------------------------------- */

static void append_san(const GENERAL_NAME *g, struct buf *out)
{
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(g, &type);
    char address[INET6_ADDRSTRLEN];
    if (type == GEN_DNS) {
        struct span name = span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        (void)buf_text(out, "DNS:");
        for (size_t i = 0; i < name.len; i++)
            (void)buf_byte(out, isgraph(name.at[i]) ? name.at[i] : (uint8_t)'?');
        (void)buf_byte(out, '\n');
    } else if (type == GEN_IPADD) {
        int family = ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6;
        if (family == AF_INET6 && ASN1_STRING_length(value) != 16)
            return;
        if (inet_ntop(family, ASN1_STRING_get0_data(value), address, sizeof(address)) != NULL)
            (void)buf_printf(out, "IP:%s\n", address);
    }
}

static void facts_of(X509 *x, struct authority_facts *ret)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    *ret = (struct authority_facts){.not_before = issue_seconds(X509_get0_notBefore(x)),
                                    .not_after = issue_seconds(X509_get0_notAfter(x))};
    if (X509_digest(x, EVP_sha256(), digest, &len) == 1 && len == 32)
        text_hex(ret->sha256, span_of(digest, len));
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
        int n = BIO_read(bio, ret->subject, (int)sizeof(ret->subject) - 1);
        ret->subject[n > 0 ? n : 0] = '\0';
    }
    BIO_free(bio);
    struct buf sans;
    buf_init(&sans, sizeof(ret->sans) - 1);
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        append_san(sk_GENERAL_NAME_value(names, i), &sans);
    GENERAL_NAMES_free(names);
    if (buf_len(&sans) > 0)
        memcpy(ret->sans, buf_view(&sans).at, buf_len(&sans));
    buf_fini(&sans);
}

int authority_show(const char *dir, const char *file, struct authority_facts *ret)
{
    int fd = pemdir_open(dir);
    if (fd < 0)
        return fd;
    X509 *x = NULL;
    int rc = pemdir_read(fd, file, &x, NULL);
    (void)close(fd);
    if (rc < 0)
        return rc;
    facts_of(x, ret);
    X509_free(x);
    ERR_clear_error();
    return 0;
}
