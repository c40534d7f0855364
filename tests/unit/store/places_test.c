#include "tests/unit/store/scratch.h"

#include "store/places.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static bool known(struct store *s, const char *place, uint64_t since)
{
    bool ret = false;
    assert_int_equal(places_known(s, "ann", place, since, &ret), 0);
    return ret;
}

static void a_place_is_new_once_and_known_for_as_long_as_asked(void **state)
{
    struct store *s = of(state);
    bool new = false;
    assert_int_equal(places_seen(s, "ann", "a", NOW, NULL), FAULT_ABSENT);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_false(known(s, "a", 0));
    assert_int_equal(places_seen(s, "ann", "a", NOW, &new), 0);
    assert_true(new);
    assert_int_equal(places_seen(s, "ann", "a", NOW + 5, &new), 0);
    assert_false(new);
    assert_true(known(s, "a", NOW + 5));
    assert_false(known(s, "a", NOW + 6));
    assert_false(known(s, "b", 0));
    assert_int_equal(places_prune(s, NOW + 6), 0);
    assert_false(known(s, "a", 0));
}

static void only_the_latest_places_are_kept(void **state)
{
    struct store *s = of(state);
    char place[16];
    assert_int_equal(users_add(s, "ann", NOW), 0);
    for (unsigned i = 0; i < PLACES_MAX + 3; i++) {
        (void)snprintf(place, sizeof(place), "p%u", i);
        assert_int_equal(places_seen(s, "ann", place, NOW + i, NULL), 0);
    }
    assert_false(known(s, "p2", 0));
    assert_true(known(s, "p3", 0));
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_false(known(s, "p3", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_place_is_new_once_and_known_for_as_long_as_asked),
        with_store(only_the_latest_places_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
