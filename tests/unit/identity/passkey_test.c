#include "tests/unit/unit.h"

#include "authenticator.h"

static struct passkey_question question(void)
{
    return (struct passkey_question){
        .challenge = span_of(CHALLENGE, sizeof(CHALLENGE)), .origin = SPAN(ORIGIN), .site = SITE};
}

static enum passkey_verdict enrol(const struct passkey_question *q, const struct device *d,
                                  const struct wish *w, const char *format,
                                  struct passkey_made *made)
{
    struct buf client, data, object;
    buf_init(&client, 8192);
    buf_init(&data, 8192);
    buf_init(&object, 32768);
    make_client(&client, w);
    make_data(&data, d, w);
    make_object(&object, d, format, buf_view(&data), buf_view(&client), NULL, NULL, 0);
    enum passkey_verdict v =
        passkey_register(q,
                         &(struct passkey_registration){.client_data = buf_view(&client),
                                                        .object = buf_view(&object)},
                         made);
    buf_fini(&client);
    buf_fini(&data);
    buf_fini(&object);
    return v;
}

/* spoil: which byte of the signature is turned over, or -1. */
static enum passkey_verdict prove(const struct passkey_question *q, const struct device *d,
                                  const struct wish *w, const struct passkey_made *made, int spoil,
                                  struct passkey_state *ret)
{
    struct buf client, data, signature;
    uint8_t spoilt[512];
    buf_init(&client, 8192);
    buf_init(&data, 8192);
    buf_init(&signature, 512);
    make_client(&client, w);
    make_data(&data, d, w);
    sign(&signature, d->pkey, d->alg != PASSKEY_EDDSA, buf_view(&data), buf_view(&client));
    memcpy(spoilt, buf_view(&signature).at, buf_len(&signature));
    if (spoil >= 0)
        spoilt[(size_t)spoil % buf_len(&signature)] ^= 0x40;
    struct passkey_assertion a = {.client_data = buf_view(&client),
                                  .data = buf_view(&data),
                                  .signature = span_of(spoilt, buf_len(&signature))};
    enum passkey_verdict v = passkey_assert(q, &made->key, &made->state, &a, ret);
    buf_fini(&client);
    buf_fini(&data);
    buf_fini(&signature);
    return v;
}

static void every_algorithm_registers_and_proves(void **state)
{
    (void)state;
    static const enum passkey_alg ALGS[] = {PASSKEY_ES256, PASSKEY_EDDSA, PASSKEY_RS256};
    struct passkey_question q = question();
    for (size_t i = 0; i < countof(ALGS); i++) {
        struct device d = device_new(ALGS[i]);
        struct wish w = wish_for("webauthn.create"), get = wish_for("webauthn.get");
        struct passkey_made made;
        struct passkey_state now;
        assert_int_equal(enrol(&q, &d, &w, "packed", &made), PASSKEY_GOOD);
        assert_int_equal(enrol(&q, &d, &w, "none", &made), PASSKEY_GOOD);
        assert_int_equal(made.key.alg, ALGS[i]);
        assert_true(made.id_len == d.id.len && memcmp(made.id, d.id.at, d.id.len) == 0);
        assert_true(made.state.verified && !made.state.synced && !made.attested);
        assert_int_equal(prove(&q, &d, &get, &made, -1, &now), PASSKEY_GOOD);
        assert_int_equal(prove(&q, &d, &get, &made, 40, &now), PASSKEY_SIGNATURE);
        struct device other = device_new(ALGS[i]);
        assert_int_equal(prove(&q, &other, &get, &made, -1, &now), PASSKEY_SIGNATURE);
        EVP_PKEY_free(other.pkey);
        EVP_PKEY_free(d.pkey);
    }
}

static void what_was_asked_otherwise_is_refused(void **state)
{
    (void)state;
    static const uint8_t OTHER[CLIENTDATA_CHALLENGE] = "a challenge of thirty-two bytez";
    static const struct {
        enum passkey_verdict v;
        struct wish w;
    } CASES[] = {
        {PASSKEY_TYPE, {.type = "webauthn.other"}},
        {PASSKEY_ORIGIN, {.origin = "https://gw.example.com"}},
        {PASSKEY_ORIGIN, {.origin = "https://gw.example.com:94430"}},
        {PASSKEY_ORIGIN, {.origin = "http://gw.example.com:9443"}},
        {PASSKEY_ORIGIN, {.origin = "https://evil.gw.example.com:9443"}},
        {PASSKEY_ORIGIN, {.origin = "https://GW.example.com:9443"}},
        {PASSKEY_CHALLENGE, {.challenge = OTHER}},
        {PASSKEY_SITE, {.site = "example.com"}},
        {PASSKEY_SITE, {.site = "gw.example.com."}},
        {PASSKEY_FRAME, {.extra = ",\"crossOrigin\":true"}},
        {PASSKEY_FRAME, {.extra = ",\"crossOrigin\":\"false\""}},
        {PASSKEY_FRAME, {.extra = ",\"crossOrigin\":false,\"topOrigin\":\"https://a\""}},
        {PASSKEY_MALFORMED, {.extra = ",\"type\":\"webauthn.create\""}},
        {PASSKEY_MALFORMED, {.extra = "}{"}},
        {PASSKEY_PRESENCE, {.flags = UV}},
        {PASSKEY_BACKUP, {.flags = UP | UV | BS}},
        {PASSKEY_MALFORMED, {.tail = {(const uint8_t *)"\0", 1}}},
        {PASSKEY_MALFORMED, {.flags = UP | ED}},
        {PASSKEY_MALFORMED, {.flags = UP | ED, .extension = {(const uint8_t *)"\xbf\xff", 2}}},
    };
    struct passkey_question q = question();
    struct device d = device_new(PASSKEY_ES256);
    struct wish create = wish_for("webauthn.create"), get = wish_for("webauthn.get");
    struct passkey_made made, none;
    struct passkey_state now;
    assert_int_equal(enrol(&q, &d, &create, "none", &made), PASSKEY_GOOD);
    for (size_t i = 0; i < countof(CASES); i++) {
        const struct wish *c = &CASES[i].w;
        for (int registers = 0; registers < 2; registers++) {
            struct wish w = registers ? create : get;
            w.type = c->type != NULL ? c->type : w.type;
            w.origin = c->origin != NULL ? c->origin : w.origin;
            w.challenge = c->challenge != NULL ? c->challenge : w.challenge;
            w.site = c->site != NULL ? c->site : w.site;
            w.extra = c->extra != NULL ? c->extra : w.extra;
            w.flags = c->flags != 0 ? c->flags | (registers ? AT : 0) : w.flags;
            w.tail = c->tail;
            w.extension = c->extension;
            enum passkey_verdict v =
                registers ? enrol(&q, &d, &w, "none", &none) : prove(&q, &d, &w, &made, -1, &now);
            assert_int_equal(v, CASES[i].v);
        }
    }
    /* The answers of one ceremony are none of the other. */
    struct wish w = create;
    assert_int_equal(prove(&q, &d, &w, &made, -1, &now), PASSKEY_TYPE);
    w = get;
    w.flags |= AT;
    assert_int_equal(prove(&q, &d, &w, &made, -1, &now), PASSKEY_MALFORMED);
    assert_int_equal(enrol(&q, &d, &w, "none", &none), PASSKEY_TYPE);
    w = create;
    w.flags = UP | UV;
    assert_int_equal(enrol(&q, &d, &w, "none", &none), PASSKEY_MALFORMED);
    EVP_PKEY_free(d.pkey);
}

static void members_that_browsers_add_do_no_harm(void **state)
{
    (void)state;
    struct passkey_question q = question();
    struct device d = device_new(PASSKEY_ES256);
    struct wish w = wish_for("webauthn.create");
    struct passkey_made made;
    w.extra = ",\"crossOrigin\":false,\"other_keys_can_be_added_here\":\"do not compare\"";
    assert_int_equal(enrol(&q, &d, &w, "none", &made), PASSKEY_GOOD);
    /* credProtect, level 2, added by the client itself. */
    w.flags |= ED;
    w.extension = span_of("\xa1\x6b"
                          "credProtect\x02",
                          14);
    assert_int_equal(enrol(&q, &d, &w, "none", &made), PASSKEY_GOOD);
    assert_int_equal(enrol(&q, &d, &w, "packed", &made), PASSKEY_GOOD);
    EVP_PKEY_free(d.pkey);
}

static void verification_is_demanded_only_where_it_is(void **state)
{
    (void)state;
    struct passkey_question q = question();
    struct device d = device_new(PASSKEY_EDDSA);
    struct wish create = wish_for("webauthn.create"), get = wish_for("webauthn.get");
    struct passkey_made made;
    struct passkey_state now;
    create.flags &= ~UV;
    get.flags &= ~UV;
    assert_int_equal(enrol(&q, &d, &create, "none", &made), PASSKEY_GOOD);
    assert_false(made.state.verified);
    assert_int_equal(prove(&q, &d, &get, &made, -1, &now), PASSKEY_GOOD);
    assert_false(now.verified);
    q.verify = true;
    assert_int_equal(enrol(&q, &d, &create, "none", &made), PASSKEY_VERIFICATION);
    assert_int_equal(prove(&q, &d, &get, &made, -1, &now), PASSKEY_VERIFICATION);
    EVP_PKEY_free(d.pkey);
}

static void a_counter_only_rises(void **state)
{
    (void)state;
    static const struct {
        uint32_t before, now;
        enum passkey_verdict v;
    } CASES[] = {
        {0, 0, PASSKEY_GOOD},          {0, 1, PASSKEY_GOOD},    {1, 2, PASSKEY_GOOD},
        {5, 5, PASSKEY_COUNTER},       {5, 4, PASSKEY_COUNTER}, {5, 0, PASSKEY_COUNTER},
        {1, UINT32_MAX, PASSKEY_GOOD},
    };
    struct passkey_question q = question();
    struct device d = device_new(PASSKEY_ES256);
    struct wish create = wish_for("webauthn.create"), get = wish_for("webauthn.get");
    struct passkey_made made;
    struct passkey_state now;
    for (size_t i = 0; i < countof(CASES); i++) {
        create.count = CASES[i].before;
        get.count = CASES[i].now;
        assert_int_equal(enrol(&q, &d, &create, "none", &made), PASSKEY_GOOD);
        assert_int_equal(prove(&q, &d, &get, &made, -1, &now), CASES[i].v);
        assert_int_equal(now.count, CASES[i].now);
    }
    EVP_PKEY_free(d.pkey);
}

static void a_key_does_not_change_between_bound_and_synced(void **state)
{
    (void)state;
    struct passkey_question q = question();
    struct device d = device_new(PASSKEY_ES256);
    struct wish create = wish_for("webauthn.create"), get = wish_for("webauthn.get");
    struct passkey_made made;
    struct passkey_state now;
    create.flags |= BE;
    assert_int_equal(enrol(&q, &d, &create, "none", &made), PASSKEY_GOOD);
    assert_true(made.state.synced && !made.state.backed_up);
    assert_int_equal(prove(&q, &d, &get, &made, -1, &now), PASSKEY_BACKUP);
    get.flags |= BE | BS;
    assert_int_equal(prove(&q, &d, &get, &made, -1, &now), PASSKEY_GOOD);
    assert_true(now.synced && now.backed_up);
    EVP_PKEY_free(d.pkey);
}

static void other_algorithms_and_formats_are_refused(void **state)
{
    (void)state;
    static const int ALGS[] = {-37, -65535, -35, 7, -8};
    struct passkey_question q = question();
    struct device d = device_new(PASSKEY_ES256);
    struct wish w = wish_for("webauthn.create");
    struct passkey_made made;
    for (size_t i = 0; i < countof(ALGS); i++) {
        w.alg = ALGS[i];
        assert_int_not_equal(enrol(&q, &d, &w, "none", &made), PASSKEY_GOOD);
    }
    w.alg = 0;
    assert_int_equal(enrol(&q, &d, &w, "fido-u2f", &made), PASSKEY_ATTESTATION);
    assert_int_equal(enrol(&q, &d, &w, "tpm", &made), PASSKEY_ATTESTATION);
    assert_int_equal(enrol(&q, &d, &w, "NONE", &made), PASSKEY_ATTESTATION);
    d.id = SPAN_NONE;
    assert_int_equal(enrol(&q, &d, &w, "none", &made), PASSKEY_MALFORMED);
    EVP_PKEY_free(d.pkey);
}

/* A point beside the curve would let libraries leak bits of what they compute with it. */
static void a_point_that_is_not_on_the_curve_is_no_key(void **state)
{
    (void)state;
    struct passkey_question q = question();
    struct device d = device_new(PASSKEY_ES256);
    struct wish w = wish_for("webauthn.create");
    struct buf client, data, object;
    struct passkey_made made;
    buf_init(&client, 8192);
    buf_init(&data, 8192);
    buf_init(&object, 32768);
    make_client(&client, &w);
    make_data(&data, &d, &w);
    uint8_t off[512];
    size_t len = buf_len(&data);
    memcpy(off, buf_view(&data).at, len);
    off[len - 1] ^= 1; /* the last byte of y */
    make_object(&object, &d, "none", span_of(off, len), buf_view(&client), NULL, NULL, 0);
    assert_int_equal(
        passkey_register(&q, &(struct passkey_registration){buf_view(&client), buf_view(&object)},
                         &made),
        PASSKEY_MALFORMED);
    buf_fini(&client);
    buf_fini(&data);
    buf_fini(&object);
    EVP_PKEY_free(d.pkey);
}

static void an_object_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct passkey_question q = question();
    struct device d = device_new(PASSKEY_ES256);
    struct wish w = wish_for("webauthn.create"), get = wish_for("webauthn.get");
    struct buf client, data, object, signature;
    struct passkey_made made;
    struct passkey_state now;
    buf_init(&client, 8192);
    buf_init(&data, 8192);
    buf_init(&object, 65536);
    buf_init(&signature, 1024);
    make_client(&client, &w);
    make_data(&data, &d, &w);
    make_object(&object, &d, "packed", buf_view(&data), buf_view(&client), NULL, NULL, 0);
    struct passkey_registration r = {.client_data = buf_view(&client), .object = buf_view(&object)};
    assert_int_equal(passkey_register(&q, &r, &made), PASSKEY_GOOD);
    for (size_t len = 0; len < buf_len(&object); len++) {
        r.object = span_sub(buf_view(&object), 0, len);
        assert_int_not_equal(passkey_register(&q, &r, &made), PASSKEY_GOOD);
    }
    r.object = buf_view(&object);
    for (size_t len = 0; len < buf_len(&client); len++) {
        r.client_data = span_sub(buf_view(&client), 0, len);
        assert_int_not_equal(passkey_register(&q, &r, &made), PASSKEY_GOOD);
    }
    r.client_data = buf_view(&client);
    while (buf_len(&object) <= PASSKEY_OBJECT_MAX)
        (void)buf_byte(&object, 0);
    r.object = buf_view(&object);
    assert_int_equal(passkey_register(&q, &r, &made), PASSKEY_MALFORMED);

    buf_clear(&client);
    buf_clear(&data);
    make_client(&client, &get);
    make_data(&data, &d, &get);
    sign(&signature, d.pkey, true, buf_view(&data), buf_view(&client));
    struct passkey_assertion a = {buf_view(&client), buf_view(&data), buf_view(&signature)};
    assert_int_equal(passkey_assert(&q, &made.key, &made.state, &a, &now), PASSKEY_GOOD);
    for (size_t len = 0; len < a.data.len; len++) {
        struct passkey_assertion cut = a;
        cut.data = span_sub(a.data, 0, len);
        assert_int_not_equal(passkey_assert(&q, &made.key, &made.state, &cut, &now), PASSKEY_GOOD);
    }
    for (size_t len = 0; len < a.signature.len; len++) {
        struct passkey_assertion cut = a;
        cut.signature = span_sub(a.signature, 0, len);
        assert_int_not_equal(passkey_assert(&q, &made.key, &made.state, &cut, &now), PASSKEY_GOOD);
    }
    buf_fini(&client);
    buf_fini(&data);
    buf_fini(&object);
    buf_fini(&signature);
    EVP_PKEY_free(d.pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_registers_and_proves),
        cmocka_unit_test(what_was_asked_otherwise_is_refused),
        cmocka_unit_test(members_that_browsers_add_do_no_harm),
        cmocka_unit_test(verification_is_demanded_only_where_it_is),
        cmocka_unit_test(a_counter_only_rises),
        cmocka_unit_test(a_key_does_not_change_between_bound_and_synced),
        cmocka_unit_test(other_algorithms_and_formats_are_refused),
        cmocka_unit_test(a_point_that_is_not_on_the_curve_is_no_key),
        cmocka_unit_test(an_object_cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
