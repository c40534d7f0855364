#include "identity/passkey.h"

#include <stdlib.h>

#include <cbor.h>
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <openssl/sha.h>

#include "base/cursor.h"
#include "base/fault.h"
#include "base/secret.h"
#include "identity/cborshape.h"

const char *passkey_verdict_text(enum passkey_verdict v)
{
    static const char *const TEXTS[] = {
        [PASSKEY_GOOD] = "good",
        [PASSKEY_MALFORMED] = "malformed",
        [PASSKEY_TYPE] = "wrong type",
        [PASSKEY_CHALLENGE] = "wrong challenge",
        [PASSKEY_ORIGIN] = "wrong origin",
        [PASSKEY_FRAME] = "asked from another site's page",
        [PASSKEY_SITE] = "key of another site",
        [PASSKEY_PRESENCE] = "nobody touched it",
        [PASSKEY_VERIFICATION] = "user not verified",
        [PASSKEY_ALGORITHM] = "algorithm not accepted",
        [PASSKEY_SIGNATURE] = "wrong signature",
        [PASSKEY_BACKUP] = "backup state not possible",
        [PASSKEY_ATTESTATION] = "attestation not accepted",
        [PASSKEY_COUNTER] = "signature counter went back",
    };
    return (size_t)v < countof(TEXTS) && TEXTS[v] != NULL ? TEXTS[v] : "unknown";
}

/* ---- client data ---- */

static enum passkey_verdict check_client(const struct passkey_question *q, const char *type,
                                         struct span json, uint8_t hash[SHA256_DIGEST_LENGTH])
{
    static const enum passkey_verdict MEANINGS[] = {
        [CLIENTDATA_GOOD] = PASSKEY_GOOD,     [CLIENTDATA_MALFORMED] = PASSKEY_MALFORMED,
        [CLIENTDATA_TYPE] = PASSKEY_TYPE,     [CLIENTDATA_CHALLENGE_WRONG] = PASSKEY_CHALLENGE,
        [CLIENTDATA_ORIGIN] = PASSKEY_ORIGIN, [CLIENTDATA_FRAME] = PASSKEY_FRAME,
    };
    enum passkey_verdict v = MEANINGS[clientdata_check(json, type, q->challenge, q->origin)];
    if (v == PASSKEY_GOOD && SHA256(json.at, json.len, hash) == NULL)
        v = PASSKEY_MALFORMED;
    return v;
}

/* ---- authenticator data (section 6.1) ---- */

enum {
    FLAG_UP = 0x01,
    FLAG_UV = 0x04,
    FLAG_BE = 0x08,
    FLAG_BS = 0x10,
    FLAG_AT = 0x40,
    FLAG_ED = 0x80,
};

struct authdata {
    struct span site_hash;
    uint8_t flags;
    uint32_t count;
    struct span model, id, key; /* with FLAG_AT */
    struct span extensions;     /* with FLAG_ED */
};

static struct span take_item(struct cursor *c)
{
    int len = c->bad ? FAULT_FORMAT : cborshape_item(c->rest);
    c->bad = c->bad || len < 0;
    return cursor_take(c, len < 0 ? 0 : (size_t)len);
}

static bool is_map(struct span item)
{
    return item.len > 0 && item.at[0] >> 5 == 5;
}

/* Every byte is accounted for: what stands behind the last part makes the whole invalid. */
static bool read_authdata(struct span bytes, struct authdata *a)
{
    struct cursor c = cursor_over(bytes);
    *a = (struct authdata){.flags = 0};
    if (bytes.len > PASSKEY_DATA_MAX)
        return false;
    a->site_hash = cursor_take(&c, SHA256_DIGEST_LENGTH);
    a->flags = cursor_u8(&c);
    a->count = cursor_u32(&c);
    if ((a->flags & FLAG_AT) != 0) {
        a->model = cursor_take(&c, 16);
        a->id = cursor_take(&c, cursor_u16(&c));
        a->key = take_item(&c);
        if (a->id.len == 0 || a->id.len > PASSKEY_ID_MAX || !is_map(a->key))
            return false;
    }
    if ((a->flags & FLAG_ED) != 0) {
        a->extensions = take_item(&c);
        if (!is_map(a->extensions))
            return false;
    }
    return cursor_finish(&c) == 0;
}

static enum passkey_verdict check_authdata(const struct passkey_question *q,
                                           const struct authdata *a, struct passkey_state *ret)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    if (SHA256((const uint8_t *)q->site, strlen(q->site), hash) == NULL ||
        !span_eq(a->site_hash, span_of(hash, sizeof(hash))))
        return PASSKEY_SITE;
    if ((a->flags & FLAG_UP) == 0)
        return PASSKEY_PRESENCE;
    if (q->verify && (a->flags & FLAG_UV) == 0)
        return PASSKEY_VERIFICATION;
    if ((a->flags & FLAG_BS) != 0 && (a->flags & FLAG_BE) == 0)
        return PASSKEY_BACKUP;
    *ret = (struct passkey_state){
        .count = a->count,
        .verified = (a->flags & FLAG_UV) != 0,
        .synced = (a->flags & FLAG_BE) != 0,
        .backed_up = (a->flags & FLAG_BS) != 0,
    };
    return PASSKEY_GOOD;
}

/* ---- CBOR ---- */

static cbor_item_t *load(struct span bytes)
{
    struct cbor_load_result r;
    int len = cborshape_item(bytes);
    if (len < 0 || (size_t)len != bytes.len)
        return NULL;
    cbor_item_t *item = cbor_load(bytes.at, bytes.len, &r);
    if (item != NULL && !cbor_isa_map(item))
        cbor_decref(&item);
    return item;
}

/* The value of a text key, borrowed. NULL: absent, or there twice. */
static cbor_item_t *member(const cbor_item_t *map, const char *name)
{
    cbor_item_t *found = NULL;
    const struct cbor_pair *pairs = cbor_map_handle(map);
    for (size_t i = 0; i < cbor_map_size(map); i++) {
        cbor_item_t *key = pairs[i].key;
        if (!cbor_isa_string(key) ||
            !span_is(span_of(cbor_string_handle(key), cbor_string_length(key)), name))
            continue;
        if (found != NULL)
            return NULL;
        found = pairs[i].value;
    }
    return found;
}

/* A negative integer as COSE numbers algorithms; 0 for anything else. */
static int32_t negative(const cbor_item_t *item)
{
    if (item == NULL || !cbor_isa_negint(item) || cbor_get_int(item) >= INT32_MAX)
        return 0;
    return -1 - (int32_t)cbor_get_int(item);
}

/* The value of label 3 of a COSE key (RFC 9052 section 7.1); 0: none. */
static int32_t key_alg(const cbor_item_t *key)
{
    const struct cbor_pair *pairs = cbor_map_handle(key);
    int32_t alg = 0;
    for (size_t i = 0; i < cbor_map_size(key); i++) {
        if (!cbor_isa_uint(pairs[i].key) || cbor_get_int(pairs[i].key) != 3)
            continue;
        if (alg != 0)
            return 0;
        alg = negative(pairs[i].value);
    }
    return alg;
}

static bool is_accepted(int32_t alg)
{
    return alg == PASSKEY_ES256 || alg == PASSKEY_EDDSA || alg == PASSKEY_RS256;
}

static struct span bytes_of(cbor_item_t *item)
{
    return item != NULL && cbor_isa_bytestring(item)
               ? span_of(cbor_bytestring_handle(item), cbor_bytestring_length(item))
               : SPAN_NONE;
}

/* ---- keys ---- */

/* A point that is not on the curve, or a modulus of another size, is no key. */
static void *key_new(const struct passkey_key *k)
{
    es256_pk_t *es256 = NULL;
    eddsa_pk_t *eddsa = NULL;
    rs256_pk_t *rs256 = NULL;
    switch (k->alg) {
    case PASSKEY_ES256:
        es256 = es256_pk_new();
        if (es256 == NULL || es256_pk_from_ptr(es256, k->bytes, k->len) != FIDO_OK)
            es256_pk_free(&es256);
        return es256;
    case PASSKEY_EDDSA:
        eddsa = eddsa_pk_new();
        if (eddsa == NULL || eddsa_pk_from_ptr(eddsa, k->bytes, k->len) != FIDO_OK)
            eddsa_pk_free(&eddsa);
        return eddsa;
    case PASSKEY_RS256:
        rs256 = rs256_pk_new();
        if (rs256 == NULL || rs256_pk_from_ptr(rs256, k->bytes, k->len) != FIDO_OK)
            rs256_pk_free(&rs256);
        return rs256;
    default:
        return NULL;
    }
}

static void key_free(enum passkey_alg alg, void *key)
{
    es256_pk_t *es256 = alg == PASSKEY_ES256 ? key : NULL;
    eddsa_pk_t *eddsa = alg == PASSKEY_EDDSA ? key : NULL;
    rs256_pk_t *rs256 = alg == PASSKEY_RS256 ? key : NULL;
    es256_pk_free(&es256);
    eddsa_pk_free(&eddsa);
    rs256_pk_free(&rs256);
}

static bool key_is_usable(const struct passkey_key *k)
{
    void *key = key_new(k);
    bool usable = key != NULL;
    EVP_PKEY *pkey = NULL;
    if (usable && k->alg == PASSKEY_ES256)
        pkey = es256_pk_to_EVP_PKEY(key);
    else if (usable && k->alg == PASSKEY_EDDSA)
        pkey = eddsa_pk_to_EVP_PKEY(key);
    else if (usable)
        pkey = rs256_pk_to_EVP_PKEY(key);
    usable = pkey != NULL;
    EVP_PKEY_free(pkey);
    key_free(k->alg, key);
    return usable;
}

/* ---- registration ---- */

/* The only extension that clients add on their own. libfido2 compares what came with what was asked
 * for, so that it has to be told. */
static bool allow_protection(fido_cred_t *cred, struct span extensions)
{
    if (extensions.len == 0)
        return true;
    cbor_item_t *map = load(extensions);
    if (map == NULL)
        return false;
    const cbor_item_t *level = member(map, "credProtect");
    bool ok = cbor_map_size(map) == 0 ||
              (cbor_map_size(map) == 1 && level != NULL && cbor_isa_uint(level) &&
               cbor_get_int(level) >= 1 && cbor_get_int(level) <= 3 &&
               fido_cred_set_prot(cred, (int)cbor_get_int(level)) == FIDO_OK);
    cbor_decref(&map);
    return ok;
}

static bool has_chain(const cbor_item_t *statement)
{
    return member(statement, "x5c") != NULL;
}

static enum passkey_verdict check_chain(const struct passkey_question *q,
                                        const cbor_item_t *statement, struct passkey_made *made)
{
    struct span chain[ATTESTATION_CHAIN_MAX];
    cbor_item_t *x5c = member(statement, "x5c");
    size_t count = x5c != NULL && cbor_isa_array(x5c) ? cbor_array_size(x5c) : 0;
    if (count == 0 || count > ATTESTATION_CHAIN_MAX)
        return PASSKEY_ATTESTATION;
    for (size_t i = 0; i < count; i++)
        chain[i] = bytes_of(cbor_array_handle(x5c)[i]);
    made->attested = attestation_trusted(q->roots, chain, count, made->model, q->now);
    return made->attested ? PASSKEY_GOOD : PASSKEY_ATTESTATION;
}

/* libfido2 would take SHA-1 as well. */
static bool statement_alg_is_right(const cbor_item_t *statement, enum passkey_alg key)
{
    int32_t alg = negative(member(statement, "alg"));
    return has_chain(statement) ? is_accepted(alg) : alg == (int32_t)key;
}

static enum passkey_verdict check_packed(const struct passkey_question *q, fido_cred_t *cred,
                                         cbor_item_t *statement, const struct authdata *a,
                                         struct passkey_made *made)
{
    unsigned char *bytes = NULL;
    size_t room = 0;
    if (!statement_alg_is_right(statement, made->key.alg))
        return PASSKEY_ALGORITHM;
    size_t len = cbor_serialize_alloc(statement, &bytes, &room);
    bool ok = len > 0 && allow_protection(cred, a->extensions) &&
              fido_cred_set_fmt(cred, "packed") == FIDO_OK &&
              fido_cred_set_attstmt(cred, bytes, len) == FIDO_OK;
    free(bytes);
    if (!ok)
        return PASSKEY_ATTESTATION;
    int rc = has_chain(statement) ? fido_cred_verify(cred) : fido_cred_verify_self(cred);
    if (rc != FIDO_OK)
        return PASSKEY_SIGNATURE;
    return q->roots == NULL ? PASSKEY_GOOD : check_chain(q, statement, made);
}

/* Nobody may be asked to say who made the device and then say nothing. */
static enum passkey_verdict check_statement(const struct passkey_question *q, fido_cred_t *cred,
                                            const cbor_item_t *object, const struct authdata *a,
                                            struct passkey_made *made)
{
    cbor_item_t *format = member(object, "fmt"), *statement = member(object, "attStmt");
    if (format == NULL || !cbor_isa_string(format) || statement == NULL ||
        !cbor_isa_map(statement) || cbor_map_size(object) != 3)
        return PASSKEY_MALFORMED;
    struct span name = span_of(cbor_string_handle(format), cbor_string_length(format));
    if (span_is(name, "packed"))
        return check_packed(q, cred, statement, a, made);
    if (!span_is(name, "none") || q->roots != NULL)
        return PASSKEY_ATTESTATION;
    return cbor_map_size(statement) == 0 ? PASSKEY_GOOD : PASSKEY_MALFORMED;
}

static bool take_key(const fido_cred_t *cred, struct passkey_made *made)
{
    const unsigned char *key = fido_cred_pubkey_ptr(cred);
    size_t len = fido_cred_pubkey_len(cred);
    if (key == NULL || len == 0 || len > PASSKEY_KEY_MAX)
        return false;
    memcpy(made->key.bytes, key, len);
    made->key.len = len;
    return key_is_usable(&made->key);
}

static enum passkey_verdict take_credential(const struct passkey_question *q, fido_cred_t *cred,
                                            const struct authdata *a, struct span data,
                                            const uint8_t hash[SHA256_DIGEST_LENGTH],
                                            struct passkey_made *made)
{
    cbor_item_t *key = load(a->key);
    int32_t alg = key == NULL ? 0 : key_alg(key);
    if (key == NULL)
        return PASSKEY_MALFORMED;
    cbor_decref(&key);
    if (!is_accepted(alg))
        return PASSKEY_ALGORITHM;
    made->key.alg = (enum passkey_alg)alg;
    made->id_len = a->id.len;
    memcpy(made->id, a->id.at, a->id.len);
    memcpy(made->model, a->model.at, sizeof(made->model));
    bool ok = fido_cred_set_type(cred, alg) == FIDO_OK &&
              fido_cred_set_rp(cred, q->site, NULL) == FIDO_OK &&
              fido_cred_set_clientdata_hash(cred, hash, SHA256_DIGEST_LENGTH) == FIDO_OK &&
              fido_cred_set_authdata_raw(cred, data.at, data.len) == FIDO_OK &&
              take_key(cred, made);
    return ok ? PASSKEY_GOOD : PASSKEY_MALFORMED;
}

static enum passkey_verdict check_object(const struct passkey_question *q,
                                         const cbor_item_t *object, fido_cred_t *cred,
                                         const uint8_t hash[SHA256_DIGEST_LENGTH],
                                         struct passkey_made *made)
{
    struct authdata a;
    struct span data = bytes_of(member(object, "authData"));
    if (!read_authdata(data, &a))
        return PASSKEY_MALFORMED;
    enum passkey_verdict v = check_authdata(q, &a, &made->state);
    if (v == PASSKEY_GOOD && (a.flags & FLAG_AT) == 0)
        v = PASSKEY_MALFORMED;
    if (v == PASSKEY_GOOD)
        v = take_credential(q, cred, &a, data, hash, made);
    return v == PASSKEY_GOOD ? check_statement(q, cred, object, &a, made) : v;
}

enum passkey_verdict passkey_register(const struct passkey_question *q,
                                      const struct passkey_registration *r,
                                      struct passkey_made *ret)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    struct passkey_made made = {.id_len = 0};
    enum passkey_verdict v = check_client(q, "webauthn.create", r->client_data, hash);
    if (v != PASSKEY_GOOD)
        return v;
    cbor_item_t *object = r->object.len > PASSKEY_OBJECT_MAX ? NULL : load(r->object);
    fido_cred_t *cred = fido_cred_new();
    v = object == NULL || cred == NULL ? PASSKEY_MALFORMED
                                       : check_object(q, object, cred, hash, &made);
    fido_cred_free(&cred);
    if (object != NULL)
        cbor_decref(&object);
    if (v == PASSKEY_GOOD)
        *ret = made;
    return v;
}

/* ---- assertion ---- */

static bool signature_is_right(const struct passkey_question *q, const struct passkey_key *key,
                               const struct passkey_assertion *a,
                               const uint8_t hash[SHA256_DIGEST_LENGTH])
{
    fido_assert_t *f = fido_assert_new();
    void *pk = key_new(key);
    bool ok = f != NULL && pk != NULL && fido_assert_set_rp(f, q->site) == FIDO_OK &&
              fido_assert_set_up(f, FIDO_OPT_TRUE) == FIDO_OK &&
              fido_assert_set_uv(f, q->verify ? FIDO_OPT_TRUE : FIDO_OPT_OMIT) == FIDO_OK &&
              fido_assert_set_clientdata_hash(f, hash, SHA256_DIGEST_LENGTH) == FIDO_OK &&
              fido_assert_set_count(f, 1) == FIDO_OK &&
              fido_assert_set_authdata_raw(f, 0, a->data.at, a->data.len) == FIDO_OK &&
              fido_assert_set_sig(f, 0, a->signature.at, a->signature.len) == FIDO_OK &&
              fido_assert_verify(f, 0, (int)key->alg, pk) == FIDO_OK;
    key_free(key->alg, pk);
    fido_assert_free(&f);
    return ok;
}

enum passkey_verdict passkey_assert(const struct passkey_question *q, const struct passkey_key *key,
                                    const struct passkey_state *before,
                                    const struct passkey_assertion *a, struct passkey_state *ret)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    struct authdata data;
    struct passkey_state now = {.count = 0};
    enum passkey_verdict v = check_client(q, "webauthn.get", a->client_data, hash);
    if (v != PASSKEY_GOOD)
        return v;
    if (a->signature.len == 0 || a->signature.len > PASSKEY_SIGNATURE_MAX ||
        !read_authdata(a->data, &data) || (data.flags & FLAG_AT) != 0)
        return PASSKEY_MALFORMED;
    v = check_authdata(q, &data, &now);
    if (v != PASSKEY_GOOD)
        return v;
    if (!signature_is_right(q, key, a, hash))
        return PASSKEY_SIGNATURE;
    /* Only now is it the key itself that speaks. */
    if (now.synced != before->synced)
        return PASSKEY_BACKUP;
    *ret = now;
    return (now.count != 0 || before->count != 0) && now.count <= before->count ? PASSKEY_COUNTER
                                                                                : PASSKEY_GOOD;
}
