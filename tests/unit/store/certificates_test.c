#include "tests/unit/store/scratch.h"

#include "store/certificates.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static struct certificate named(const char *name, const char *value, uint8_t id)
{
    struct certificate c = {.kind = 2, .created = NOW};
    fill(c.id, sizeof(c.id), id);
    (void)snprintf(c.name, sizeof(c.name), "%s", name);
    (void)snprintf(c.user, sizeof(c.user), "ann");
    (void)snprintf(c.value, sizeof(c.value), "%s", value);
    return c;
}

static int collect(void *context, const struct certificate *c)
{
    return buf_printf(context, "%s:%s ", c->name, c->value);
}

static void a_certificate_stands_for_its_user_until_one_of_them_goes(void **state)
{
    struct store *s = of(state);
    struct certificate c = named("ci", "ci@example.com", 1), got;
    assert_int_equal(certificates_add(s, &c), FAULT_ABSENT);
    assert_int_equal(users_add_kind(s, "ann", USER_SERVICE, NOW), 0);
    assert_int_equal(certificates_add(s, &c), 0);
    assert_int_equal(certificates_find_value(s, 2, "ci@example.com", &got), 0);
    assert_string_equal(got.user, "ann");
    assert_int_equal(got.user_kind, USER_SERVICE);
    assert_int_equal(certificates_find_value(s, 3, "ci@example.com", &got), FAULT_ABSENT);
    assert_int_equal(users_set_disabled(s, "ann", true), 0);
    assert_int_equal(certificates_find(s, "ci", &got), 0);
    assert_true(got.user_disabled);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(certificates_find(s, "ci", &got), FAULT_ABSENT);
}

static void nothing_in_a_certificate_stands_for_two(void **state)
{
    struct store *s = of(state);
    struct certificate c = named("ci", "ci@example.com", 1);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(certificates_add(s, &c), 0);
    c = named("other", "ci@example.com", 2);
    assert_int_equal(certificates_add(s, &c), FAULT_EXISTS);
    c = named("ci", "other@example.com", 3);
    assert_int_equal(certificates_add(s, &c), FAULT_EXISTS);
    assert_int_equal(certificates_remove(s, "ci"), 0);
    assert_int_equal(certificates_remove(s, "ci"), FAULT_ABSENT);
    assert_int_equal(certificates_add(s, &c), 0);
}

static void use_is_noted_to_the_minute_and_lists_go_by_user(void **state)
{
    struct store *s = of(state);
    struct certificate a = named("a", "a@b", 1), b = named("b", "b@b", 2), got;
    struct page page = {0};
    struct buf out;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    (void)snprintf(b.user, sizeof(b.user), "bob");
    assert_int_equal(certificates_add(s, &a), 0);
    assert_int_equal(certificates_add(s, &b), 0);
    assert_int_equal(certificates_touch(s, a.id, NOW + 100), 0);
    assert_int_equal(certificates_touch(s, a.id, NOW + 110), 0);
    assert_int_equal(certificates_find(s, "a", &got), 0);
    assert_int_equal(got.last_used, NOW + 100);
    buf_init(&out, 256);
    assert_int_equal(certificates_list(s, NULL, &page, collect, &out), 0);
    assert_int_equal(certificates_list(s, "bob", &page, collect, &out), 0);
    page.newest_first = true;
    assert_int_equal(certificates_list(s, NULL, &page, collect, &out), 0);
    assert_true(span_is(buf_view(&out), "a:a@b b:b@b b:b@b b:b@b a:a@b "));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_stands_for_its_user_until_one_of_them_goes,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(nothing_in_a_certificate_stands_for_two, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(use_is_noted_to_the_minute_and_lists_go_by_user,
                                        scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
