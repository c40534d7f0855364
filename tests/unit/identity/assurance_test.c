#include "tests/unit/unit.h"

#include "identity/assurance.h"

static void every_combination_has_its_level(void **state)
{
    static const struct {
        enum factor factor[3];
        size_t count;
        bool bound;
        enum assurance asserted, level;
    } ROWS[] = {
        {{FACTOR_PASSWORD}, 0, false, 0, ASSURANCE_NONE},
        {{FACTOR_PASSWORD}, 1, false, 0, ASSURANCE_PASSWORD},
        {{FACTOR_DIRECTORY}, 1, false, 0, ASSURANCE_PASSWORD},
        {{FACTOR_CERTIFICATE}, 1, false, 0, ASSURANCE_PASSWORD},
        {{FACTOR_PROVIDER}, 1, false, ASSURANCE_NONE, ASSURANCE_PASSWORD},
        {{FACTOR_PROVIDER}, 1, false, ASSURANCE_MFA, ASSURANCE_MFA},
        {{FACTOR_PROVIDER}, 1, false, ASSURANCE_HARDWARE, ASSURANCE_HARDWARE},
        /* What a provider vouches for is worth nothing without the provider. */
        {{FACTOR_PASSWORD}, 1, false, ASSURANCE_HARDWARE, ASSURANCE_PASSWORD},
        /* Codes alone are nothing. */
        {{FACTOR_TOTP}, 1, false, 0, ASSURANCE_NONE},
        {{FACTOR_TOTP, FACTOR_RECOVERY}, 2, false, 0, ASSURANCE_NONE},
        {{FACTOR_PASSWORD, FACTOR_DIRECTORY}, 2, false, 0, ASSURANCE_PASSWORD},
        {{FACTOR_PASSWORD, FACTOR_TOTP}, 2, false, 0, ASSURANCE_MFA},
        {{FACTOR_PASSWORD, FACTOR_RECOVERY}, 2, false, 0, ASSURANCE_MFA},
        {{FACTOR_SEALED}, 1, false, 0, ASSURANCE_MFA},
        {{FACTOR_PASSWORD, FACTOR_SEALED}, 2, false, 0, ASSURANCE_MFA},
        {{FACTOR_PROVIDER, FACTOR_TOTP}, 2, false, 0, ASSURANCE_MFA},
        {{FACTOR_CERTIFICATE, FACTOR_TOTP}, 2, false, 0, ASSURANCE_MFA},
        {{FACTOR_CERTIFICATE, FACTOR_PASSWORD}, 2, false, 0, ASSURANCE_PHISHING_RESISTANT},
        /* A certificate is a file: nothing makes it bound to a device. */
        {{FACTOR_CERTIFICATE, FACTOR_PASSWORD}, 2, true, 0, ASSURANCE_PHISHING_RESISTANT},
        {{FACTOR_KEY}, 1, true, 0, ASSURANCE_NONE},
        {{FACTOR_KEY, FACTOR_TOTP}, 2, true, 0, ASSURANCE_NONE},
        {{FACTOR_KEY, FACTOR_PASSWORD}, 2, false, 0, ASSURANCE_PHISHING_RESISTANT},
        {{FACTOR_KEY, FACTOR_PASSWORD}, 2, true, 0, ASSURANCE_HARDWARE},
        {{FACTOR_PASSKEY}, 1, false, 0, ASSURANCE_PHISHING_RESISTANT},
        {{FACTOR_PASSKEY}, 1, true, 0, ASSURANCE_HARDWARE},
    };
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct proofs p = {.device_bound = ROWS[i].bound, .asserted = ROWS[i].asserted};
        for (size_t f = 0; f < ROWS[i].count; f++)
            p.factors |= factor_bit(ROWS[i].factor[f]);
        if (assurance_of(&p) != ROWS[i].level)
            fail_msg("row %zu: %d", i, assurance_of(&p));
    }
}

static void more_proof_is_never_less(void **state)
{
    (void)state;
    for (uint32_t factors = 0; factors < 1u << FACTOR_COUNT; factors++) {
        struct proofs p = {.factors = factors, .asserted = ASSURANCE_MFA};
        enum assurance level = assurance_of(&p);
        for (unsigned f = 0; f < FACTOR_COUNT; f++) {
            p.factors = factors | 1u << f;
            assert_true(assurance_of(&p) >= level);
        }
    }
}

static void names_fit_whatever_was_proven(void **state)
{
    char names[FACTOR_NAMES_SIZE];
    (void)state;
    factor_names(UINT32_MAX, names);
    assert_string_equal(names, "password+totp+recovery+passkey+security-key+certificate+provider+"
                               "directory+sealed-code");
    factor_names(0, names);
    assert_string_equal(names, "");
    assert_string_equal(factor_name((enum factor)99), "unknown");
}

static void a_level_is_proven_with_those_below_and_its_time_is_its_own(void **state)
{
    (void)state;
    struct proven p = proven_as(ASSURANCE_HARDWARE, 100);
    assert_int_equal(proven_level(&p), ASSURANCE_HARDWARE);
    proven_add(&p, ASSURANCE_MFA, 200);
    assert_int_equal(p.at[ASSURANCE_PASSWORD], 200);
    assert_int_equal(p.at[ASSURANCE_MFA], 200);
    assert_int_equal(p.at[ASSURANCE_PHISHING_RESISTANT], 100);
    assert_int_equal(proven_last(&p), 100);
    p = proven_as(ASSURANCE_NONE, 100);
    assert_int_equal(proven_level(&p), ASSURANCE_NONE);
    assert_int_equal(proven_last(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_has_its_level),
        cmocka_unit_test(more_proof_is_never_less),
        cmocka_unit_test(names_fit_whatever_was_proven),
        cmocka_unit_test(a_level_is_proven_with_those_below_and_its_time_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
