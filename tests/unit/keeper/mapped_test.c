#include "tests/unit/unit.h"

#include <stdlib.h>

#include "keeper/mapped.h"

static void expect(const struct mapped *m, const char *text)
{
    json_t *list = mapped_json(m);
    char *got = json_dumps(list, JSON_COMPACT);
    assert_non_null(got);
    assert_string_equal(got, text);
    free(got);
    json_decref(list);
}

static void one_row_that_holds_is_enough(void **state)
{
    struct mapped m;
    (void)state;
    mapped_init(&m, 5);
    mapped_row(&m, SPAN("staff"), false);
    mapped_row(&m, SPAN("ops"), true);
    mapped_row(&m, SPAN("st"), false);
    mapped_row(&m, SPAN("staff"), true);
    mapped_row(&m, SPAN("ops"), false);
    expect(&m, "[\"staff\",\"ops\"]");
    mapped_fini(&m);
}

static void a_table_without_rows_has_no_groups(void **state)
{
    struct mapped m;
    (void)state;
    mapped_init(&m, 0);
    expect(&m, "[]");
    mapped_fini(&m);
}

static void more_rows_than_were_said_are_no_shorter_list(void **state)
{
    struct mapped m;
    char name[64];
    (void)state;
    memset(name, 'a', sizeof(name));
    mapped_init(&m, 1);
    for (size_t i = 0; i < 4; i++) {
        name[0] = (char)('a' + i);
        mapped_row(&m, span_of(name, 63), true);
    }
    assert_null(mapped_json(&m));
    mapped_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_row_that_holds_is_enough),
        cmocka_unit_test(a_table_without_rows_has_no_groups),
        cmocka_unit_test(more_rows_than_were_said_are_no_shorter_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
