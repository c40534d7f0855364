#include "tests/unit/unit.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "base/fault.h"
#include "base/text.h"
#include "identity/assertion.h"

static struct assertion_key key;
static const uint8_t SESSION[16] = {1, 2, 3};
static const char *const AMR[] = {"pwd", "mfa"};

static int setup(void **state)
{
    (void)state;
    return assertion_key_new(&key, 1000);
}

static int teardown(void **state)
{
    (void)state;
    assertion_key_fini(&key);
    return 0;
}

static struct assertion example(void)
{
    return (struct assertion){.issuer = SPAN("https://gw.example:9443"),
                              .audience = SPAN("tomcat"),
                              .subject = SPAN("ada"),
                              .name = SPAN("ada"),
                              .groups = SPAN("owners\nstaff"),
                              .amr = AMR,
                              .amr_count = 2,
                              .acr = "mfa",
                              .auth_time = 900,
                              .session = SESSION,
                              .now = 2000};
}

/* The three parts, decoded; terminated for strstr. */
struct parts {
    char head[512], claims[2048];
    uint8_t signature[64];
    struct span signed_bytes;
};

static void take(struct span token, struct parts *p)
{
    struct span rest = token, part;
    assert_true(span_cut(&rest, '.', &part));
    int n = text_unb64url(part, (uint8_t *)p->head, sizeof(p->head) - 1);
    assert_true(n > 0);
    p->head[n] = 0;
    assert_true(span_cut(&rest, '.', &part));
    n = text_unb64url(part, (uint8_t *)p->claims, sizeof(p->claims) - 1);
    assert_true(n > 0);
    p->claims[n] = 0;
    p->signed_bytes = span_of(token.at, token.len - rest.len - 1);
    assert_int_equal(text_unb64url(rest, p->signature, sizeof(p->signature)), 64);
}

static bool verifies(const struct parts *p, EVP_PKEY *pkey)
{
    ECDSA_SIG *s = ECDSA_SIG_new();
    unsigned char *der = NULL;
    assert_int_equal(ECDSA_SIG_set0(s, BN_bin2bn(p->signature, 32, NULL),
                                    BN_bin2bn(p->signature + 32, 32, NULL)),
                     1);
    int len = i2d_ECDSA_SIG(s, &der);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit_ex(c, NULL, "SHA256", NULL, NULL, pkey, NULL), 1);
    int ok = EVP_DigestVerify(c, der, (size_t)len, p->signed_bytes.at, p->signed_bytes.len) == 1;
    EVP_MD_CTX_free(c);
    OPENSSL_free(der);
    ECDSA_SIG_free(s);
    return ok;
}

static void a_token_says_who_for_whom_and_for_how_long(void **state)
{
    (void)state;
    struct buf out;
    struct parts p;
    struct assertion a = example();
    buf_init(&out, 8192);
    assert_int_equal(assertion_sign(&key, &a, &out), 0);
    take(buf_view(&out), &p);
    char head[256];
    (void)snprintf(head, sizeof(head),
                   "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"postern-assertion+jwt\"}", key.kid);
    assert_string_equal(p.head, head);
    static const char start[] =
        "{\"iss\":\"https://gw.example:9443\",\"aud\":\"tomcat\",\"sub\":\"ada\",\"name\":\"ada\","
        "\"groups\":[\"owners\",\"staff\"],\"acr\":\"mfa\",\"amr\":[\"pwd\",\"mfa\"],"
        "\"auth_time\":900,\"sid\":\"";
    assert_memory_equal(p.claims, start, sizeof(start) - 1);
    assert_non_null(strstr(p.claims, "\"iat\":2000,\"nbf\":2000,\"exp\":2060,\"jti\":\""));
    assert_true(verifies(&p, key.pkey));
    /* Not the number that revocation is spoken in. */
    char id[TEXT_B64_SIZE(16)];
    text_b64url(id, span_of(SESSION, 16));
    assert_null(strstr(p.claims, id));
    buf_fini(&out);
}

static void a_token_of_another_key_or_with_another_byte_does_not_verify(void **state)
{
    (void)state;
    struct buf out;
    struct parts p;
    struct assertion a = example();
    struct assertion_key other;
    buf_init(&out, 8192);
    assert_int_equal(assertion_key_new(&other, 1), 0);
    assert_string_not_equal(other.kid, key.kid);
    assert_int_equal(assertion_sign(&key, &a, &out), 0);
    take(buf_view(&out), &p);
    assert_false(verifies(&p, other.pkey));
    p.signature[40] ^= 1;
    assert_false(verifies(&p, key.pkey));
    assertion_key_fini(&other);
    buf_fini(&out);
}

static void two_tokens_for_one_session_share_its_sid_and_nothing_random(void **state)
{
    (void)state;
    struct buf one, two;
    struct parts p, q;
    struct assertion a = example();
    buf_init(&one, 8192);
    buf_init(&two, 8192);
    assert_int_equal(assertion_sign(&key, &a, &one), 0);
    assert_int_equal(assertion_sign(&key, &a, &two), 0);
    take(buf_view(&one), &p);
    take(buf_view(&two), &q);
    assert_memory_equal(strstr(p.claims, "\"sid\""), strstr(q.claims, "\"sid\""), 30);
    assert_string_not_equal(strstr(p.claims, "\"jti\""), strstr(q.claims, "\"jti\""));
    buf_fini(&one);
    buf_fini(&two);
}

static void groups_that_do_not_fit_are_counted_and_the_token_stays_short(void **state)
{
    (void)state;
    char groups[64 * 64 + 1] = "", host[300], name[64];
    struct buf out;
    struct parts p;
    struct assertion a = example();
    buf_init(&out, 8192);
    memset(name, 'n', sizeof(name) - 1);
    name[63] = 0;
    (void)snprintf(host, sizeof(host), "https://%0253d:65535", 0);
    for (int i = 0; i < 60; i++)
        (void)snprintf(groups + strlen(groups), 64, "%061d\n", i);
    a.issuer = span_str(host);
    a.audience = a.subject = a.name = span_str(name);
    a.groups = span_str(groups);
    a.acr = "phishing-resistant";
    a.now = UINT32_MAX;
    assert_int_equal(assertion_sign(&key, &a, &out), 0);
    assert_true(buf_len(&out) <= ASSERTION_MAX);
    take(buf_view(&out), &p);
    assert_non_null(strstr(p.claims, "\"groups_omitted\":51"));
    assert_true(verifies(&p, key.pkey));
    buf_fini(&out);
}

static void no_byte_of_a_name_leaves_its_string(void **state)
{
    (void)state;
    struct buf out;
    struct parts p;
    struct assertion a = example();
    buf_init(&out, 8192);
    a.subject = SPAN("x\",\"sub\":\"root\n\\");
    assert_int_equal(assertion_sign(&key, &a, &out), 0);
    take(buf_view(&out), &p);
    assert_null(strstr(p.claims, "\"sub\":\"root"));
    assert_non_null(strstr(p.claims, "\"sub\":\"x\\\",\\\"sub\\\":\\\"root"));
    buf_fini(&out);
}

static void keys_survive_being_written_and_only_p256_is_read(void **state)
{
    (void)state;
    struct buf secret, public;
    struct assertion_key back = {0};
    buf_init(&secret, 1024);
    buf_init(&public, 1024);
    assert_int_equal(assertion_key_write(&key, true, &secret), 0);
    assert_int_equal(assertion_key_write(&key, false, &public), 0);
    assert_int_equal(assertion_key_read(&back, true, buf_view(&secret), 7), 0);
    assert_string_equal(back.kid, key.kid);
    assertion_key_fini(&back);
    assert_int_equal(assertion_key_read(&back, false, buf_view(&public), 7), 0);
    assert_string_equal(back.kid, key.kid);
    assertion_key_fini(&back);
    assert_int_equal(assertion_key_read(&back, true, buf_view(&public), 7), FAULT_FORMAT);
    assert_int_equal(assertion_key_read(&back, false, buf_view(&secret), 7), FAULT_FORMAT);
    for (size_t i = 0; i < buf_len(&secret); i++)
        assert_int_equal(assertion_key_read(&back, true, span_sub(buf_view(&secret), 0, i), 7),
                         FAULT_FORMAT);
    struct assertion_key wrong = {.pkey = EVP_EC_gen("P-384")};
    buf_clear(&secret);
    assert_int_equal(assertion_key_write(&wrong, true, &secret), 0);
    assert_int_equal(assertion_key_read(&back, true, buf_view(&secret), 7), FAULT_FORMAT);
    assertion_key_fini(&wrong);
    buf_fini(&secret);
    buf_fini(&public);
}

static void a_key_is_published_without_its_private_part(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1024);
    assert_int_equal(assertion_key_jwk(&key, &out), 0);
    (void)buf_byte(&out, 0);
    const char *text = (const char *)buf_view(&out).at;
    assert_null(strstr(text, "\"d\""));
    assert_non_null(strstr(text, key.kid));
    assert_int_equal(strlen(key.kid), 43);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_who_for_whom_and_for_how_long),
        cmocka_unit_test(a_token_of_another_key_or_with_another_byte_does_not_verify),
        cmocka_unit_test(two_tokens_for_one_session_share_its_sid_and_nothing_random),
        cmocka_unit_test(groups_that_do_not_fit_are_counted_and_the_token_stays_short),
        cmocka_unit_test(no_byte_of_a_name_leaves_its_string),
        cmocka_unit_test(keys_survive_being_written_and_only_p256_is_read),
        cmocka_unit_test(a_key_is_published_without_its_private_part),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
