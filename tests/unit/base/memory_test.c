/* buf, arena, map, secret: the things that hold memory. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/map.h"
#include "base/secret.h"

static void buf_never_holds_more_than_its_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(buf_append(&b, SPAN("0123456789")), 0);
    assert_int_equal(buf_byte(&b, 'x'), FAULT_LIMIT);
    assert_true(b.bad);
    assert_true(span_is(buf_view(&b), "0123456789"));
    buf_fini(&b);
}

static void buf_can_terminate_a_full_buffer(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    assert_int_equal(buf_text(&b, "abcd"), 0);
    char *text = buf_take_string(&b);
    assert_string_equal(text, "abcd");
    free(text);
    text = buf_take_string(&b);
    assert_string_equal(text, "");
    free(text);
    buf_fini(&b);
}

static void buf_consumes_and_reuses_its_room(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 64);
    char expect[4096];
    size_t written = 0, read = 0;
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 7; k++) {
            uint8_t byte = (uint8_t)(i * 7 + k);
            if (buf_len(&b) < 60) {
                assert_int_equal(buf_byte(&b, byte), 0);
                expect[written++ % sizeof(expect)] = (char)byte;
            }
        }
        size_t take = buf_len(&b) < 6 ? buf_len(&b) : 6;
        for (size_t k = 0; k < take; k++)
            assert_int_equal((char)buf_view(&b).at[k], expect[read++ % sizeof(expect)]);
        buf_consume(&b, take);
    }
    assert_true(b.cap <= 256);
    buf_fini(&b);
}

static void buf_printf_counts_its_terminator_but_keeps_it_out(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 32);
    assert_int_equal(buf_printf(&b, "%d-%s", 42, "x"), 0);
    assert_true(span_is(buf_view(&b), "42-x"));
    assert_int_equal(buf_printf(&b, "%0100d", 1), FAULT_LIMIT);
    buf_fini(&b);
}

static void arena_refuses_past_its_maximum_and_serves_after_a_reset(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 256, 1024);
    assert_null(arena_alloc(&a, 2000));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    int got = 0;
    while (arena_alloc(&a, 100) != NULL)
        got++;
    assert_in_range(got, 4, 10);
    arena_reset(&a);
    uint8_t *p = arena_alloc(&a, 100);
    assert_non_null(p);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    assert_string_equal(arena_printf(&a, "%s!", "hi"), "hi!");
    arena_fini(&a);
}

struct item {
    char key[16];
};

static void map_keeps_what_is_put_through_growth_and_removal(void **state)
{
    (void)state;
    static struct item items[3000];
    struct map m;
    map_init(&m, countof(items));
    for (size_t i = 0; i < countof(items); i++) {
        (void)snprintf(items[i].key, sizeof(items[i].key), "key-%zu", i);
        assert_int_equal(map_put(&m, span_str(items[i].key), &items[i]), 0);
    }
    struct item extra = {"extra"};
    assert_int_equal(map_put(&m, span_str(extra.key), &extra), FAULT_LIMIT);
    for (size_t i = 0; i < countof(items); i += 2)
        assert_ptr_equal(map_remove(&m, span_str(items[i].key)), &items[i]);
    for (size_t i = 0; i < countof(items); i++)
        assert_ptr_equal(map_find(&m, span_str(items[i].key)), i % 2 == 0 ? NULL : &items[i]);
    size_t at = 0, seen = 0;
    while (map_next(&m, &at) != NULL)
        seen++;
    assert_int_equal(seen, countof(items) / 2);
    /* Churn must not fill the table with removed slots. */
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(map_put(&m, span_str(extra.key), &extra), 0);
        assert_ptr_equal(map_remove(&m, span_str(extra.key)), &extra);
    }
    assert_true(m.cap <= 16384);
    map_fini(&m);
}

static void secret_comparison_knows_length_and_content(void **state)
{
    (void)state;
    assert_true(secret_eq(SPAN("abc"), SPAN("abc")));
    assert_false(secret_eq(SPAN("abc"), SPAN("abd")));
    assert_false(secret_eq(SPAN("abc"), SPAN("abcd")));
    assert_true(secret_eq(SPAN_NONE, SPAN("")));
}

static void secret_file_is_refused_when_others_can_read_it(void **state)
{
    (void)state;
    char path[] = "/tmp/postern-secret-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "hunter2\n", 8), 8);
    struct secret s;
    assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(secret_read_file(&s, path, 100), FAULT_DENIED);
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(secret_read_file(&s, path, 4), FAULT_LIMIT);
    assert_int_equal(secret_read_file(&s, path, 100), 0);
    assert_true(span_is(secret_view(&s), "hunter2"));
    secret_fini(&s);
    secret_fini(&s);
    (void)close(fd);
    (void)unlink(path);
    assert_true(secret_read_file(&s, path, 100) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_never_holds_more_than_its_maximum),
        cmocka_unit_test(buf_can_terminate_a_full_buffer),
        cmocka_unit_test(buf_consumes_and_reuses_its_room),
        cmocka_unit_test(buf_printf_counts_its_terminator_but_keeps_it_out),
        cmocka_unit_test(arena_refuses_past_its_maximum_and_serves_after_a_reset),
        cmocka_unit_test(map_keeps_what_is_put_through_growth_and_removal),
        cmocka_unit_test(secret_comparison_knows_length_and_content),
        cmocka_unit_test(secret_file_is_refused_when_others_can_read_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
