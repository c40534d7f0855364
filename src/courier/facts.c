#include "courier/facts.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/fault.h"

/* Cuts what does not fit: a name of kilobytes is nobody's. */
static int write_name(const X509_NAME *name, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return -ENOMEM;
    /* Everything that is not printable ASCII is escaped, so that it is safe on a terminal. */
    int n = X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_UTF8_CONVERT);
    const char *at = NULL;
    long len = n < 0 ? 0 : BIO_get_mem_data(bio, &at);
    size_t used = 0;
    for (long i = 0; i < len && used + 1 < size; i++)
        out[used++] = at[i] >= 0x20 && at[i] < 0x7f ? at[i] : '?';
    out[used] = 0;
    (void)BIO_free(bio);
    return 0;
}

static uint64_t seconds_of(const ASN1_TIME *t)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return 0;
    time_t at = timegm(&tm);
    return at < 0 ? 0 : (uint64_t)at;
}

static void put_address(struct buf *out, const ASN1_OCTET_STRING *ip)
{
    struct addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    int len = ASN1_STRING_length(ip);
    char shown[ADDR_TEXT_SIZE];
    if (len != 4 && len != 16)
        return;
    memcpy(a.byte + 16 - len, ASN1_STRING_get0_data(ip), (size_t)len);
    addr_format(&a, shown);
    (void)buf_printf(out, "IP:%s\n", shown);
}

static void put_dns(struct buf *out, const ASN1_STRING *dns)
{
    int len = ASN1_STRING_length(dns);
    const uint8_t *at = ASN1_STRING_get0_data(dns);
    for (int i = 0; i < len; i++)
        if (at[i] <= 0x20 || at[i] >= 0x7f)
            return;
    if (len > 0 && len <= 253)
        (void)buf_printf(out, "DNS:%.*s\n", len, (const char *)at);
}

static void write_names(const X509 *certificate, char out[FACTS_NAMES_SIZE + 1])
{
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    struct buf b;
    buf_init(&b, FACTS_NAMES_SIZE);
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && buf_len(&b) + 260 < FACTS_NAMES_SIZE; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        if (g->type == GEN_DNS)
            put_dns(&b, g->d.dNSName);
        else if (g->type == GEN_IPADD)
            put_address(&b, g->d.iPAddress);
    }
    struct span text = buf_view(&b);
    if (text.len > 0)
        memcpy(out, text.at, text.len);
    out[text.len] = 0;
    buf_fini(&b);
    GENERAL_NAMES_free(all);
}

static int verify(X509 *certificate, STACK_OF(X509) * chain, X509_STORE *trusted, struct facts *f)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (ctx == NULL || X509_STORE_CTX_init(ctx, trusted, certificate, chain) != 1 ||
        X509_STORE_CTX_set_default(ctx, "ssl_server") != 1) {
        X509_STORE_CTX_free(ctx);
        return -ENOMEM;
    }
    f->trusted = X509_verify_cert(ctx) == 1;
    if (!f->trusted)
        (void)snprintf(f->trust, sizeof(f->trust), "%s",
                       X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    X509_STORE_CTX_free(ctx);
    return 0;
}

int facts_read(X509 *certificate, STACK_OF(X509) * chain, X509_STORE *trusted, const char *name,
               struct facts *ret)
{
    *ret = (struct facts){.subject = ""};
    struct addr a;
    unsigned len = 0;
    uint8_t *spki = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
    bool ok = n > 0 && EVP_Digest(spki, (size_t)n, ret->spki, &len, EVP_sha256(), NULL) == 1 &&
              X509_digest(certificate, EVP_sha256(), ret->certificate, &len) == 1;
    OPENSSL_free(spki);
    if (!ok)
        return FAULT_CRYPTO;
    int rc = write_name(X509_get_subject_name(certificate), ret->subject, sizeof(ret->subject));
    if (rc == 0)
        rc = write_name(X509_get_issuer_name(certificate), ret->issuer, sizeof(ret->issuer));
    if (rc == 0)
        rc = verify(certificate, chain, trusted, ret);
    write_names(certificate, ret->names);
    ret->not_before = seconds_of(X509_get0_notBefore(certificate));
    ret->not_after = seconds_of(X509_get0_notAfter(certificate));
    if (name[0] != 0)
        ret->matches = addr_parse(span_str(name), &a) == 0
                           ? X509_check_ip_asc(certificate, name, 0) == 1
                           : X509_check_host(certificate, name, 0, 0, NULL) == 1;
    return rc;
}
