#include "tests/unit/store/scratch.h"

#include "base/clock.h"
#include "store/access.h"

static struct access_record entry(uint64_t at, uint8_t outcome, uint8_t source)
{
    struct access_record r = {.wall_ms = at,
                              .version = 1,
                              .outcome = outcome,
                              .status = 200,
                              .listener = SPAN("main"),
                              .route = at % 2 == 0 ? SPAN("tomcat") : SPAN("wso2"),
                              .principal_kind = 2,
                              .principal = SPAN("ann"),
                              .groups = SPAN("ops\nowners"),
                              .assurance = 2,
                              .proven_at = NOW,
                              .zones = SPAN("local"),
                              .method = SPAN("GET"),
                              .path = SPAN("/manager/html/list"),
                              .rule = SPAN("tomcat-admins"),
                              .reason = outcome == 0 ? 0 : 4,
                              .duration_ms = 3,
                              .bytes_in = 120,
                              .bytes_out = 4096,
                              .password_at = NOW,
                              .mfa_at = NOW - 1,
                              .resistant_at = NOW - 2,
                              .hardware_at = NOW - 3,
                              .flags = ACCESS_NAMED_ONLY,
                              .own = 9,
                              .owner = SPAN("olga"),
                              .token_routes = SPAN("tomcat\n"),
                              .token_zones = SPAN("local\n"),
                              .host = SPAN("tomcat.example"),
                              .interface = SPAN("lo"),
                              .destination = SPAN("/there"),
                              .grants = SPAN("weekend\n")};
    fill(r.certificate, sizeof(r.certificate), (uint8_t)at);
    fill(r.began, sizeof(r.began), 9);
    fill(r.source, sizeof(r.source), source);
    return r;
}

static struct store *filled(void **state, unsigned count)
{
    struct store *s = ((struct scratch *)*state)->store;
    for (unsigned i = 1; i <= count; i++) {
        struct access_record r =
            entry(i, i % 5 == 0 ? ACCESS_DENIED : ACCESS_ALLOWED, (uint8_t)(i % 10));
        assert_int_equal(access_append(s, &r, 1, 0, i), 0);
    }
    return s;
}

static int collect(void *context, const struct access_row *row)
{
    return buf_printf(context, "%u ", (unsigned)row->seq);
}

static void assert_list(struct store *s, struct access_filter filter, struct page page,
                        const char *expect)
{
    struct buf out;
    buf_init(&out, 1024);
    assert_int_equal(access_list(s, &filter, &page, collect, &out, NULL), 0);
    if (!span_is(buf_view(&out), expect))
        fail_msg("%.*s instead of %s", SPAN_FMT(buf_view(&out)), expect);
    buf_fini(&out);
}

static int keep_row(void *context, const struct access_row *row)
{
    const struct access_record *r = &row->record, e = entry(7, 0, 3);
    ++*(int *)context;
    assert_int_equal(r->wall_ms, 7);
    assert_memory_equal(r->source, e.source, 16);
    assert_true(span_eq(r->listener, e.listener));
    assert_true(span_eq(r->route, e.route));
    assert_true(span_eq(r->groups, e.groups));
    assert_true(span_eq(r->zones, e.zones));
    assert_true(span_eq(r->method, e.method));
    assert_true(span_eq(r->path, e.path));
    assert_true(span_eq(r->rule, e.rule));
    assert_int_equal(r->status, 200);
    assert_int_equal(r->proven_at, NOW);
    assert_int_equal(r->duration_ms, 3);
    assert_true(r->bytes_in == INT64_MAX);
    assert_int_equal(r->bytes_out, 4096);
    assert_int_equal(r->password_at, NOW);
    assert_int_equal(r->mfa_at, NOW - 1);
    assert_int_equal(r->resistant_at, NOW - 2);
    assert_int_equal(r->hardware_at, NOW - 3);
    assert_int_equal(r->flags, ACCESS_NAMED_ONLY);
    assert_int_equal(r->own, 9);
    assert_true(span_eq(r->owner, e.owner));
    assert_true(span_eq(r->token_routes, e.token_routes));
    assert_true(span_eq(r->token_zones, e.token_zones));
    assert_true(span_eq(r->host, e.host));
    assert_true(span_eq(r->interface, e.interface));
    assert_true(span_eq(r->destination, e.destination));
    assert_true(span_eq(r->grants, e.grants));
    assert_memory_equal(r->certificate, e.certificate, sizeof(r->certificate));
    assert_memory_equal(r->began, e.began, sizeof(r->began));
    return 0;
}

static void a_record_comes_back_as_it_went_in(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    struct access_record r = entry(7, 0, 3);
    const struct access_filter any = {0};
    const struct page all = {0};
    int calls = 0;
    /* A number that the column cannot hold is cut, not refused. */
    r.bytes_in = UINT64_MAX;
    assert_int_equal(access_append(s, &r, 1, 0, 7), 0);
    assert_int_equal(access_list(s, &any, &all, keep_row, &calls, NULL), 0);
    assert_int_equal(calls, 1);
}

static void records_are_filtered(void **state)
{
    struct store *s = filled(state, 20);
    const struct page all = {0}, back = {.newest_first = true, .limit = 2};
    assert_list(s, (struct access_filter){.denials = true}, all, "5 10 15 20 ");
    assert_list(s, (struct access_filter){.denials = true}, back, "20 15 ");
    assert_list(s, (struct access_filter){.denials = true, .route = "wso2"}, all, "5 15 ");
    assert_list(s, (struct access_filter){.denials = true, .since_ms = 11}, all, "10 15 20 ");
    assert_list(s, (struct access_filter){.route = "tomcat", .since_ms = 19}, all, "16 18 20 ");
    assert_list(s, (struct access_filter){.principal = "bob"}, all, "");
    assert_list(s, (struct access_filter){0}, back, "20 19 ");
}

static int collect_denials(void *context, const struct access_denials *d)
{
    return buf_printf(context, "%u:%u@%u/%u/%.*s ", d->source[0], (unsigned)d->count,
                      (unsigned)d->last_ms, d->last_reason, SPAN_FMT(d->last_route));
}

static void refusals_are_counted_by_source(void **state)
{
    struct store *s = filled(state, 25);
    struct buf out;
    buf_init(&out, 1024);
    assert_int_equal(access_denied_sources(s, 0, 10, collect_denials, &out), 0);
    assert_true(span_is(buf_view(&out), "5:3@25/4/wso2 0:2@20/4/tomcat "));
    buf_clear(&out);
    assert_int_equal(access_denied_sources(s, 16, 1, collect_denials, &out), 0);
    assert_true(span_is(buf_view(&out), "5:1@25/4/wso2 "));
    buf_fini(&out);
}

static int prune(struct store *s, uint64_t rows, uint64_t before_ms, uint32_t budget)
{
    const struct access_limit limit = {.rows = rows, .before_ms = before_ms};
    return access_prune(s, &limit, budget);
}

static void the_room_that_records_take_is_bounded(void **state)
{
    struct store *s = filled(state, 2000);
    const struct access_limit limit = {.rows = 1000000, .bytes = 128 * 1024};
    struct store_room main, room;
    int gone = 1;
    for (int i = 0; i < 100 && gone > 0; i++)
        gone = access_prune(s, &limit, 100);
    assert_int_equal(gone, 0);
    assert_int_equal(store_room(s, &main, &room), 0);
    assert_in_range(room.bytes - room.free_bytes, 1, 128 * 1024);
}

static void free_pages_are_given_back(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    static struct access_record batch[500];
    struct store_room main, before, after;
    for (size_t i = 0; i < countof(batch); i++)
        batch[i] = entry(i, 0, (uint8_t)i);
    for (int i = 0; i < 60; i++)
        assert_int_equal(access_append(s, batch, countof(batch), 0, 1), 0);
    assert_int_equal(prune(s, 10, 0, 100000), 29990);
    assert_int_equal(store_room(s, &main, &before), 0);
    assert_true(before.free_bytes > 4u * 1024 * 1024);
    int more = 1, steps = 0;
    for (; more > 0; steps++)
        more = store_vacuum(s);
    assert_int_equal(more, 0);
    assert_in_range(steps, 2, 10000);
    assert_int_equal(store_room(s, &main, &after), 0);
    assert_true(after.bytes < before.bytes / 2);
}

/* Half of them fit nothing, so that a page is short and says where to go on. */
static void a_search_for_something_rare_goes_on(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    static struct access_record batch[500];
    for (size_t i = 0; i < countof(batch); i++)
        batch[i] = entry(2, 0, 1);
    for (int i = 0; i < 30; i++)
        assert_int_equal(access_append(s, batch, countof(batch), 0, 1), 0);
    struct access_record rare = entry(2, 0, 1);
    rare.path = SPAN("/needle");
    assert_int_equal(access_append(s, &rare, 1, 0, 1), 0);
    for (int i = 0; i < 30; i++)
        assert_int_equal(access_append(s, batch, countof(batch), 0, 1), 0);
    const struct access_filter filter = {.text = "NEEDLE"};
    struct page page = {.newest_first = true};
    struct buf out;
    buf_init(&out, 64);
    unsigned pages = 0;
    do {
        assert_int_equal(access_list(s, &filter, &page, collect, &out, &page.anchor), 0);
        pages++;
    } while (page.anchor != 0);
    assert_true(span_is(buf_view(&out), "15001 "));
    assert_in_range(pages, 6, 8);
    buf_fini(&out);
}

static void the_number_of_records_is_bounded(void **state)
{
    struct store *s = filled(state, 30);
    struct access_stats stats;
    assert_int_equal(prune(s, 100, 0, 1000), 0);
    assert_int_equal(prune(s, 20, 0, 4), 4);
    assert_int_equal(prune(s, 20, 0, 1000), 6);
    assert_int_equal(prune(s, 20, 0, 1000), 0);
    assert_int_equal(access_stats(s, &stats), 0);
    assert_int_equal(stats.rows, 20);
    assert_int_equal(stats.oldest_ms, 11);
    assert_int_equal(stats.newest_ms, 30);
    assert_int_equal(prune(s, 100, 16, 1000), 5);
    /* The last one stays, so that numbers are not given twice. */
    assert_int_equal(prune(s, 0, 1000, 1000), 14);
    assert_int_equal(prune(s, 0, 1000, 1000), 0);
    assert_int_equal(access_stats(s, &stats), 0);
    assert_int_equal(stats.rows, 1);
}

static void losses_are_counted(void **state)
{
    struct scratch *x = *state;
    struct access_stats stats;
    assert_int_equal(access_append(x->store, NULL, 0, 7, NOW), 0);
    assert_int_equal(access_append(x->store, NULL, 0, 5, NOW), 0);
    scratch_reopen(x);
    assert_int_equal(access_stats(x->store, &stats), 0);
    assert_int_equal(stats.lost, 12);
    assert_int_equal(stats.rows, 0);
    assert_int_equal(stats.oldest_ms, 0);
}

static void access_records_take_no_part_in_the_store_s_transaction(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    struct access_record r = entry(1, 0, 1);
    struct access_stats stats;
    assert_int_equal(store_begin(s), 0);
    assert_int_equal(access_append(s, &r, 1, 0, 1), 0);
    store_rollback(s);
    assert_int_equal(access_stats(s, &stats), 0);
    assert_int_equal(stats.rows, 1);
}

/* No limit is asserted: the figure is for the reader. */
static void batches_are_fast_enough_to_print(void **state)
{
    static struct access_record batch[200];
    struct store *s = ((struct scratch *)*state)->store;
    for (size_t i = 0; i < countof(batch); i++)
        batch[i] = entry(i, i % 20 == 0 ? ACCESS_DENIED : 0, (uint8_t)i);
    uint64_t start = clock_mono_us();
    for (int i = 0; i < 100; i++)
        assert_int_equal(access_append(s, batch, countof(batch), 0, 1), 0);
    uint64_t took = clock_mono_us() - start;
    print_message("access: %u rows in batches of %u, %llu rows/s\n", 100u * 200u, 200u,
                  20000ull * 1000000 / (took + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_record_comes_back_as_it_went_in),
        with_store(records_are_filtered),
        with_store(refusals_are_counted_by_source),
        with_store(the_number_of_records_is_bounded),
        with_store(the_room_that_records_take_is_bounded),
        with_store(free_pages_are_given_back),
        with_store(a_search_for_something_rare_goes_on),
        with_store(losses_are_counted),
        with_store(access_records_take_no_part_in_the_store_s_transaction),
        with_store(batches_are_fast_enough_to_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
