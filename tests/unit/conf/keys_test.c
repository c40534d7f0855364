#include "sample.h"

#include <stdlib.h>

#include "conf/keys.h"
#include "conf/value.h"

static void every_row_of_the_table_is_well_formed(void **state)
{
    (void)state;
    for (enum section_id id = 0; id < SECTION_COUNT; id++) {
        const struct section *sec = section_of(id);
        assert_true(sec->text[0] != 0);
        /* Elements are found by their first key, and named lists by their second. */
        if (!section_is_machine(sec))
            assert_string_equal(sec->keys[0].name, "name");
        if (sec->shape == SHAPE_NAMED_LIST)
            assert_true(sec->key_count >= 2 && (sec->keys[1].flags & KEY_LIST));
        for (size_t i = 0; i < sec->key_count; i++) {
            const struct key *k = &sec->keys[i];
            assert_true(k->text[0] != 0 && k->text[strlen(k->text) - 1] == '.');
            assert_ptr_equal(section_key(sec, span_str(k->name)),
                             (k->flags & KEY_HIDDEN) ? NULL : k);
            assert_true(k->least <= k->most);
            assert_true(sec->key_count <= KEYS_MAX);
            if (k->flags & KEY_LIST)
                assert_true(value_is_text(k) || value_has_count(k));
            else
                assert_false(value_has_count(k) || (k->flags & KEY_ONE));
        }
    }
}

static void a_fallback_is_a_value_of_its_key(void **state)
{
    (void)state;
    struct snapshot *s = snapshot_new();
    for (enum section_id id = 0; id < SECTION_COUNT; id++) {
        const struct section *sec = section_of(id);
        union section_struct e;
        void *target = section_is_machine(sec) ? (void *)s : &e;
        memset(&e, 0, sizeof(e));
        if (!section_is_machine(sec))
            assert_int_equal(section_defaults(sec, &s->arena, target), 0);
        for (size_t i = 0; i < sec->key_count; i++) {
            const struct key *k = &sec->keys[i];
            struct complaint c;
            size_t item;
            if (k->fallback[0] != 0 || !(k->flags & KEY_REQUIRED))
                assert_true(value_ok(k, target, &item, &c));
            else
                assert_false(value_ok(k, target, &item, &c));
        }
    }
    snapshot_free(s);
}

static void the_description_has_one_line_of_four_fields_for_each_key(void **state)
{
    (void)state;
    struct buf out;
    size_t lines = 0;
    buf_init(&out, 1 << 20);
    assert_int_equal(conf_keys_describe(&out), 0);
    struct span rest = buf_view(&out), line;
    while (span_cut(&rest, '\n', &line)) {
        size_t tabs = 0;
        for (size_t i = 0; i < line.len; i++)
            tabs += line.at[i] == '\t';
        assert_int_equal(tabs, 3);
        lines++;
    }
    assert_true(lines > 40);
    buf_fini(&out);
}

static void a_full_buffer_is_a_fault(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(conf_keys_describe(&out), FAULT_LIMIT);
    buf_fini(&out);
    buf_init(&out, 100);
    assert_int_equal(conf_keys_schema(&out), FAULT_LIMIT);
    buf_fini(&out);
}

static void arrays_grow_to_powers_of_two_and_keep_their_items(void **state)
{
    (void)state;
    struct arena a;
    int *at = NULL;
    arena_init(&a, 4096, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        int *place = array_grow(&a, (void **)&at, (size_t)i, sizeof(*at));
        assert_non_null(place);
        *place = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(at[i], i);
    arena_fini(&a);
    arena_init(&a, 4096, 8192);
    at = NULL;
    int i = 0;
    while (array_grow(&a, (void **)&at, (size_t)i, sizeof(*at)) != NULL)
        i++;
    assert_true(i > 0 && i < 8192);
    arena_fini(&a);
}

static void durations_and_sizes_are_written_in_the_largest_whole_unit(void **state)
{
    (void)state;
    static const struct {
        uint64_t v;
        const char *seconds, *size;
    } CASES[] = {{0, "0s", "0"},          {1, "1s", "1"},
                 {60, "1m", "60"},        {90, "90s", "90"},
                 {3600, "1h", "3600"},    {86400, "1d", "86400"},
                 {1024, "1024s", "1KiB"}, {1048576, "1048576s", "1MiB"}};
    for (size_t i = 0; i < countof(CASES); i++) {
        struct buf b;
        buf_init(&b, 100);
        (void)value_seconds_write(&b, CASES[i].v);
        char *text = sample_text(&b);
        assert_string_equal(text, CASES[i].seconds);
        free(text);
        (void)value_size_write(&b, CASES[i].v);
        text = sample_text(&b);
        assert_string_equal(text, CASES[i].size);
        free(text);
    }
}

static void quoted_values_are_cut_and_escaped(void **state)
{
    (void)state;
    char large[500], shown[COMPLAINT_QUOTED];
    memset(large, '\n', sizeof(large));
    complaint_quote(shown, span_of(large, sizeof(large)));
    assert_int_equal(strlen(shown), COMPLAINT_QUOTED - 1);
    assert_null(strchr(shown, '\n'));
    complaint_quote(shown, SPAN("a\"\\\x1b[m"));
    assert_string_equal(shown, "\"a\\\"\\\\\\x1b[m\"");
    complaint_quote(shown, SPAN_NONE);
    assert_string_equal(shown, "\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_is_well_formed),
        cmocka_unit_test(a_fallback_is_a_value_of_its_key),
        cmocka_unit_test(the_description_has_one_line_of_four_fields_for_each_key),
        cmocka_unit_test(a_full_buffer_is_a_fault),
        cmocka_unit_test(arrays_grow_to_powers_of_two_and_keep_their_items),
        cmocka_unit_test(durations_and_sizes_are_written_in_the_largest_whole_unit),
        cmocka_unit_test(quoted_values_are_cut_and_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
