/* Verifies a Postern-Assertion: who asks, according to postern.
 *
 *   cc -o verify verify.c -lcrypto -ljansson
 *   verify JWKS ISSUER AUDIENCE <token
 *
 * JWKS is a file with the key set, or "fd:N" for a descriptor that holds one, so that fetching it
 * is somebody else's work:
 *
 *   curl -s https://gw.example.com:9443/.well-known/postern/jwks.json >jwks.json
 *   verify fd:3 https://gw.example.com:9443 grafana 3<jwks.json <token
 *
 * Prints the claims and ends with 0, or says what is wrong and ends with 1. What a verifier must
 * insist on is in check_header() and check_claims(); everything that is not exactly as expected is
 * refused. ISSUER is the portal's address, AUDIENCE the name of the route. Set VERIFY_NOW to try
 * another time. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define TOKEN_MAX 4096
#define JWKS_MAX 16384
/* Seconds that the clocks of gateway and console may differ. */
#define LEEWAY 30
/* Postern's tokens are good for 60 seconds; one that says more is none of its. */
#define LIFE_MAX 120

static int refuse(const char *why)
{
    fprintf(stderr, "verify: %s\n", why);
    return -1;
}

/* ---- base64url (RFC 4648 section 5), without padding, strict ---- */

static int digit(char c)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c == 0 ? NULL : strchr(DIGITS, c);
    return at == NULL ? -1 : (int)(at - DIGITS);
}

/* The number of bytes, or -1. */
static int decode(const char *text, size_t len, uint8_t *out, size_t cap)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        int d = digit(text[i]);
        if (d < 0)
            return -1;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have >= 8) {
            if (count == cap)
                return -1;
            have -= 8;
            out[count++] = (uint8_t)(bits >> have);
        }
    }
    /* One spelling for each value: no lone digit, no bit set that means nothing. */
    if (len % 4 == 1 || (bits & ((1u << have) - 1)) != 0)
        return -1;
    return (int)count;
}

static json_t *decode_json(const char *text, size_t len)
{
    uint8_t bytes[TOKEN_MAX];
    int n = decode(text, len, bytes, sizeof(bytes));
    json_t *value =
        n < 0 ? NULL : json_loadb((char *)bytes, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
    if (value != NULL && !json_is_object(value)) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

static bool is(const json_t *object, const char *key, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, wanted) == 0;
}

/* ---- keys ---- */

/* The key of this name, when it is one for ES256. NULL: none. */
static const json_t *find_key(const json_t *jwks, const char *kid)
{
    size_t i;
    json_t *key;
    json_array_foreach(json_object_get(jwks, "keys"), i, key)
    {
        if (is(key, "kid", kid) && is(key, "kty", "EC") && is(key, "crv", "P-256") &&
            is(key, "alg", "ES256") && is(key, "use", "sig"))
            return key;
    }
    return NULL;
}

static EVP_PKEY *read_key(const json_t *jwk)
{
    const char *x = json_string_value(json_object_get(jwk, "x"));
    const char *y = json_string_value(json_object_get(jwk, "y"));
    uint8_t point[65] = {4}; /* uncompressed: 4, x, y */
    EVP_PKEY *key = NULL;
    if (x == NULL || y == NULL || decode(x, strlen(x), point + 1, 32) != 32 ||
        decode(y, strlen(y), point + 33, 32) != 32)
        return NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params = NULL;
    if (b != NULL && c != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1 &&
        (params = OSSL_PARAM_BLD_to_param(b)) != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
        /* Refuses a point that is not on the curve. */
        EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(c);
    return key;
}

/* RFC 7518 section 3.4: the signature is R and S side by side; OpenSSL wants them as DER. */
static bool is_signed(const char *text, size_t len, const uint8_t raw[64], EVP_PKEY *key)
{
    ECDSA_SIG *s = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, 32, NULL), *v = BN_bin2bn(raw + 32, 32, NULL);
    unsigned char *der = NULL;
    int n = 0;
    if (s != NULL && ECDSA_SIG_set0(s, r, v) == 1)
        n = i2d_ECDSA_SIG(s, &der);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = n > 0 && c != NULL &&
                EVP_DigestVerifyInit_ex(c, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
                EVP_DigestVerify(c, der, (size_t)n, (const unsigned char *)text, len) == 1;
    EVP_MD_CTX_free(c);
    OPENSSL_free(der);
    ECDSA_SIG_free(s);
    return good;
}

/* ---- what is insisted on ---- */

/* The algorithm and type are ours to know, not the token's to choose; a header that wants more
 * understood than this (crit, RFC 7515 section 4.1.11) is none of postern's. */
static int check_header(const json_t *header)
{
    if (!is(header, "alg", "ES256"))
        return refuse("not signed with ES256");
    if (!is(header, "typ", "postern-assertion+jwt"))
        return refuse("another type of token");
    if (json_object_get(header, "crit") != NULL)
        return refuse("a header that is not understood");
    return 0;
}

static int check_claims(const json_t *claims, const char *issuer, const char *audience,
                        json_int_t now)
{
    const json_t *nbf = json_object_get(claims, "nbf"), *exp = json_object_get(claims, "exp");
    if (!is(claims, "iss", issuer))
        return refuse("from another issuer");
    if (!is(claims, "aud", audience))
        return refuse("for another audience");
    if (!json_is_integer(nbf) || !json_is_integer(exp))
        return refuse("without times");
    if (now + LEEWAY < json_integer_value(nbf))
        return refuse("not good yet");
    if (now - LEEWAY >= json_integer_value(exp))
        return refuse("expired");
    if (json_integer_value(exp) - json_integer_value(nbf) > LIFE_MAX)
        return refuse("good for too long");
    const char *sub = json_string_value(json_object_get(claims, "sub"));
    if (sub == NULL || sub[0] == 0)
        return refuse("of nobody");
    return 0;
}

/* The claims, or NULL. The signature is looked at before anything that it signs. */
static json_t *verify(const json_t *jwks, const char *token, const char *issuer,
                      const char *audience, json_int_t now)
{
    const char *one = strchr(token, '.'), *two = one == NULL ? NULL : strchr(one + 1, '.');
    uint8_t signature[64];
    if (two == NULL || strchr(two + 1, '.') != NULL ||
        decode(two + 1, strlen(two + 1), signature, sizeof(signature)) != 64) {
        refuse("not a signed token");
        return NULL;
    }
    json_t *header = decode_json(token, (size_t)(one - token));
    json_t *claims = NULL;
    const char *kid = json_string_value(json_object_get(header, "kid"));
    if (header == NULL || kid == NULL) {
        refuse("a header that cannot be read");
    } else if (check_header(header) == 0) {
        const json_t *jwk = find_key(jwks, kid);
        EVP_PKEY *key = jwk == NULL ? NULL : read_key(jwk);
        if (key == NULL)
            refuse("signed by an unknown key: look at the key set again");
        else if (!is_signed(token, (size_t)(two - token), signature, key))
            refuse("not signed by that key");
        else if ((claims = decode_json(one + 1, (size_t)(two - one - 1))) == NULL)
            refuse("claims that cannot be read");
        else if (check_claims(claims, issuer, audience, now) < 0) {
            json_decref(claims);
            claims = NULL;
        }
        EVP_PKEY_free(key);
    }
    json_decref(header);
    return claims;
}

/* ---- the command ---- */

/* Everything up to cap - 1 bytes, terminated; -1 when there is more or a NUL. */
static int read_all(int fd, char *out, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, out + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    if (len == cap)
        return -1;
    out[len] = 0;
    return strlen(out) == len ? 0 : -1;
}

static json_t *read_jwks(const char *from)
{
    static char text[JWKS_MAX];
    if (strncmp(from, "fd:", 3) != 0)
        return json_load_file(from, JSON_REJECT_DUPLICATES, NULL);
    char *end;
    long fd = strtol(from + 3, &end, 10);
    if (*end != 0 || fd < 0 || fd > 1023 || read_all((int)fd, text, sizeof(text)) < 0)
        return NULL;
    return json_loads(text, JSON_REJECT_DUPLICATES, NULL);
}

int main(int argc, char **argv)
{
    static char token[TOKEN_MAX];
    if (argc != 4) {
        fprintf(stderr, "usage: verify JWKS|fd:N ISSUER AUDIENCE <token\n");
        return 2;
    }
    if (read_all(STDIN_FILENO, token, sizeof(token)) < 0)
        return -refuse("no token, or too long a one");
    token[strcspn(token, "\r\n")] = 0;
    json_t *jwks = read_jwks(argv[1]);
    if (jwks == NULL) {
        refuse("the key set cannot be read");
        return 1;
    }
    const char *pretend = getenv("VERIFY_NOW");
    json_int_t now =
        pretend != NULL ? (json_int_t)strtoll(pretend, NULL, 10) : (json_int_t)time(NULL);
    json_t *claims = verify(jwks, token, argv[2], argv[3], now);
    int code =
        claims == NULL || json_dumpf(claims, stdout, JSON_INDENT(2)) != 0 || putchar('\n') == EOF;
    json_decref(claims);
    json_decref(jwks);
    return code;
}
