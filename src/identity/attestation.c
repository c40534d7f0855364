#include "identity/attestation.h"

#include <stdlib.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/fault.h"

struct attestation_roots {
    X509_STORE *store;
};

void attestation_roots_free(struct attestation_roots *roots)
{
    if (roots == NULL)
        return;
    X509_STORE_free(roots->store);
    free(roots);
}

/* How many were added; 0: none or a damaged one. */
static size_t add_all(X509_STORE *store, BIO *pem)
{
    size_t count = 0;
    X509 *root;
    while ((root = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        int ok = count < ATTESTATION_ROOTS_MAX && X509_STORE_add_cert(store, root) == 1;
        X509_free(root);
        if (!ok)
            return 0;
        count++;
    }
    /* The end of the text is reported as a missing start line. Anything else is damage. */
    bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return end ? count : 0;
}

struct attestation_roots *attestation_roots_read(struct span pem, struct buf *note)
{
    struct attestation_roots *roots = calloc(1, sizeof(*roots));
    BIO *bio = pem.len > 0 && pem.len < 1 << 24 ? BIO_new_mem_buf(pem.at, (int)pem.len) : NULL;
    ERR_clear_error();
    if (roots != NULL)
        roots->store = X509_STORE_new();
    bool ok =
        bio != NULL && roots != NULL && roots->store != NULL && add_all(roots->store, bio) > 0;
    BIO_free(bio);
    if (!ok) {
        attestation_roots_free(roots);
        if (note != NULL)
            (void)buf_printf(note, "is not a list of at most %u certificates in PEM",
                             ATTESTATION_ROOTS_MAX);
        return NULL;
    }
    return roots;
}

static X509 *certificate(struct span der)
{
    const unsigned char *p = der.at;
    if (der.len == 0 || der.len > ATTESTATION_CERTIFICATE_MAX)
        return NULL;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    if (x != NULL && p != der.at + der.len) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

static bool unit_is_right(X509 *leaf)
{
    static const char UNIT[] = "Authenticator Attestation";
    X509_NAME *subject = X509_get_subject_name(leaf);
    int at = X509_NAME_get_index_by_NID(subject, NID_organizationalUnitName, -1);
    if (at < 0)
        return false;
    const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    return span_is(span_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)), UNIT);
}

/* id-fido-gen-ce-aaguid: an OCTET STRING of 16 bytes inside the extension's own. */
static bool model_is_right(X509 *leaf, const uint8_t aaguid[16])
{
    ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
    int at = id == NULL ? -2 : X509_get_ext_by_OBJ(leaf, id, -1);
    ASN1_OBJECT_free(id);
    if (at == -1)
        return true;
    X509_EXTENSION *ext = at < 0 ? NULL : X509_get_ext(leaf, at);
    const ASN1_OCTET_STRING *s = ext == NULL ? NULL : X509_EXTENSION_get_data(ext);
    if (s == NULL || X509_EXTENSION_get_critical(ext) || ASN1_STRING_length(s) != 18)
        return false;
    const unsigned char *der = ASN1_STRING_get0_data(s);
    return der[0] == V_ASN1_OCTET_STRING && der[1] == 16 && memcmp(der + 2, aaguid, 16) == 0;
}

static bool leads_to_root(const struct attestation_roots *roots, X509 *leaf,
                          STACK_OF(X509) * between, uint64_t now)
{
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    bool ok = c != NULL && X509_STORE_CTX_init(c, roots->store, leaf, between) == 1;
    if (ok) {
        X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(c);
        X509_VERIFY_PARAM_set_time(p, (time_t)now);
        X509_VERIFY_PARAM_set_depth(p, (int)ATTESTATION_CHAIN_MAX);
        /* Makers publish the authority of one model as the root of it. */
        (void)X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
        ok = X509_verify_cert(c) == 1;
    }
    X509_STORE_CTX_free(c);
    ERR_clear_error();
    return ok;
}

bool attestation_trusted(const struct attestation_roots *roots, const struct span *chain,
                         size_t count, const uint8_t aaguid[16], uint64_t now)
{
    if (roots == NULL || count == 0 || count > ATTESTATION_CHAIN_MAX)
        return false;
    X509 *leaf = certificate(chain[0]);
    STACK_OF(X509) *between = sk_X509_new_null();
    bool ok = leaf != NULL && between != NULL && X509_get_version(leaf) == X509_VERSION_3 &&
              X509_check_ca(leaf) == 0 && unit_is_right(leaf) && model_is_right(leaf, aaguid);
    for (size_t i = 1; ok && i < count; i++) {
        X509 *next = certificate(chain[i]);
        ok = next != NULL && sk_X509_push(between, next) > 0;
        if (!ok)
            X509_free(next);
    }
    ok = ok && leads_to_root(roots, leaf, between, now);
    sk_X509_pop_free(between, X509_free);
    X509_free(leaf);
    return ok;
}
