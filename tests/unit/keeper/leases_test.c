#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/fault.h"
#include "keeper/leases.h"

static struct lease *add(struct leases *l, uint64_t connection, const char *name)
{
    struct lease *lease = NULL;
    assert_int_equal(leases_add(l, connection, name, &lease), 0);
    assert_int_equal(
        buf_printf(&lease->route,
                   "{\"name\":\"%s\",\"host\":\"%s.p.test\",\"upstream\":\"unix:/x/%s\"}", name,
                   name, name),
        0);
    assert_int_equal(buf_printf(&lease->rules,
                                "{\"name\":\"%s\",\"users\":[\"*\"],\"zones\":[\"local\"],"
                                "\"routes\":[\"%s\"]}\n",
                                name, name),
                     0);
    return lease;
}

static void what_is_held_is_collected_with_its_origin(void **state)
{
    (void)state;
    struct leases l;
    struct buf errors;
    struct snapshot *s = snapshot_new();
    leases_init(&l);
    buf_init(&errors, 4096);
    (void)add(&l, 1, "one");
    add(&l, 2, "two")->ended = true;
    (void)add(&l, 3, "three");
    assert_int_equal(leases_count(&l), 2);
    assert_true(leases_held(&l, 1));
    assert_false(leases_held(&l, 2));
    assert_false(leases_held(&l, 4));
    assert_int_equal(leases_collect(&l, s, &errors), 0);
    assert_int_equal(s->route_count, 2);
    assert_int_equal(s->rule_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(s->routes[i].origin, ORIGIN_GUARD);
        assert_int_equal(s->rules[i].origin, ORIGIN_GUARD);
    }
    assert_int_equal(leases_check(&l, s, &errors), 0);
    snapshot_free(s);
    buf_fini(&errors);
    leases_fini(&l);
}

static void a_rule_of_somebody_else_may_not_name_a_leased_route(void **state)
{
    (void)state;
    struct leases l;
    struct buf errors;
    const char *names[] = {"*"}, *leased[] = {"other", "one"};
    struct rule_def rules[] = {{.name = "star", .routes = {names, 1}},
                               {.name = "named", .routes = {leased, 2}}};
    struct snapshot s = {.rules = rules, .rule_count = 1};
    leases_init(&l);
    buf_init(&errors, 4096);
    struct lease *lease = add(&l, 1, "one");
    assert_int_equal(leases_check(&l, &s, &errors), 0);
    s.rule_count = 2;
    assert_int_equal(leases_check(&l, &s, &errors), FAULT_FORMAT);
    assert_true(span_starts(buf_view(&errors), SPAN("rules.named.routes: ")));
    rules[1].origin = ORIGIN_GUARD;
    assert_int_equal(leases_check(&l, &s, &errors), 0);
    rules[1].origin = ORIGIN_STORE;
    lease->ended = true;
    assert_int_equal(leases_check(&l, &s, &errors), 0);
    buf_fini(&errors);
    leases_fini(&l);
}

static void leases_are_counted(void **state)
{
    (void)state;
    struct leases l;
    struct lease *lease = NULL;
    leases_init(&l);
    for (uint64_t i = 0; i < LEASES_MAX; i++)
        assert_int_equal(leases_add(&l, i + 1, "x", &lease), 0);
    assert_int_equal(leases_add(&l, 1000, "x", &lease), FAULT_LIMIT);
    lease->ended = true;
    assert_int_equal(leases_add(&l, 1000, "x", &lease), 0);
    lease_drop(lease);
    assert_int_equal(leases_count(&l), LEASES_MAX - 1);
    leases_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_held_is_collected_with_its_origin),
        cmocka_unit_test(a_rule_of_somebody_else_may_not_name_a_leased_route),
        cmocka_unit_test(leases_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
