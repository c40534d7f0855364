#include "tests/unit/store/scratch.h"

#include "store/trail.h"

static struct record row(uint64_t seq)
{
    struct record r = {.seq = seq,
                       .wall_ms = NOW * 1000ull + seq,
                       .actor_kind = 1,
                       .actor = seq % 2 == 0 ? SPAN("ann") : SPAN("bob"),
                       .event = seq % 3 == 0 ? SPAN("login") : SPAN("user.added"),
                       .target = SPAN("t"),
                       .detail = SPAN("{}")};
    fill(r.prev, sizeof(r.prev), (uint8_t)(seq - 1));
    fill(r.hash, sizeof(r.hash), (uint8_t)seq);
    return r;
}

static struct store *ten(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    for (uint64_t i = 1; i <= 10; i++) {
        struct record r = row(i);
        assert_int_equal(trail_append(s, &r), 0);
    }
    return s;
}

static int collect(void *context, const struct record *r)
{
    return buf_printf(context, "%u ", (unsigned)r->seq);
}

static void assert_search(struct store *s, struct trail_filter filter, struct page page,
                          const char *expect)
{
    struct buf out;
    buf_init(&out, 256);
    assert_int_equal(trail_search(s, &filter, &page, collect, &out, NULL), 0);
    if (!span_is(buf_view(&out), expect))
        fail_msg("%.*s instead of %s", SPAN_FMT(buf_view(&out)), expect);
    buf_fini(&out);
}

static void an_empty_trail_ends_at_zero(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    uint64_t seq = 5;
    uint8_t hash[STORE_HASH_SIZE], none[STORE_HASH_SIZE] = {0};
    assert_int_equal(trail_last(s, &seq, hash), 0);
    assert_int_equal(seq, 0);
    assert_memory_equal(hash, none, sizeof(none));
    assert_int_equal(trail_hash(s, 1, hash), FAULT_ABSENT);
}

static void a_number_is_given_once(void **state)
{
    struct store *s = ten(state);
    struct record r = row(10);
    uint64_t seq;
    uint8_t hash[STORE_HASH_SIZE];
    assert_int_equal(trail_append(s, &r), FAULT_EXISTS);
    assert_int_equal(trail_last(s, &seq, hash), 0);
    assert_int_equal(seq, 10);
    assert_int_equal(hash[0], 10);
    assert_int_equal(trail_hash(s, 4, hash), 0);
    assert_int_equal(hash[31], 4);
}

static void the_trail_is_read_forwards_and_backwards(void **state)
{
    struct store *s = ten(state);
    struct buf out;
    const struct page some = {.anchor = 7, .limit = 2}, back = {.newest_first = true, .limit = 3},
                      more = {.newest_first = true, .anchor = 8, .limit = 3};
    buf_init(&out, 256);
    assert_int_equal(trail_list(s, &some, collect, &out), 0);
    assert_int_equal(trail_list(s, &back, collect, &out), 0);
    assert_int_equal(trail_list(s, &more, collect, &out), 0);
    assert_true(span_is(buf_view(&out), "8 9 10 9 8 7 6 5 "));
    buf_clear(&out);
    assert_int_equal(trail_walk(s, collect, &out), 0);
    assert_true(span_is(buf_view(&out), "1 2 3 4 5 6 7 8 9 10 "));
    buf_fini(&out);
}

static void a_search_combines_its_filters(void **state)
{
    struct store *s = ten(state);
    const struct page all = {0}, back = {.newest_first = true};
    assert_search(s, (struct trail_filter){.event = "login"}, all, "3 6 9 ");
    assert_search(s, (struct trail_filter){.event = "login"}, back, "9 6 3 ");
    assert_search(s, (struct trail_filter){.actor = "ann"}, all, "2 4 6 8 10 ");
    assert_search(s, (struct trail_filter){.actor = "ann", .event = "login"}, back, "6 ");
    assert_search(s, (struct trail_filter){.target = "t"}, (struct page){.limit = 2}, "1 2 ");
    assert_search(s, (struct trail_filter){.target = "u"}, all, "");
    assert_search(s, (struct trail_filter){.since_ms = NOW * 1000ull + 9}, all, "9 10 ");
    assert_search(s, (struct trail_filter){.until_ms = NOW * 1000ull + 3}, all, "1 2 ");
    assert_search(s, (struct trail_filter){.text = "OGI"}, all, "3 6 9 ");
    assert_search(s, (struct trail_filter){.event = "x' OR 1=1 --"}, all, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(an_empty_trail_ends_at_zero),
        with_store(a_number_is_given_once),
        with_store(the_trail_is_read_forwards_and_backwards),
        with_store(a_search_combines_its_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
