#include "tests/unit/unit.h"

#include "base/fault.h"
#include "keeper/series.h"
#include "store/alerts.h"
#include "tests/unit/keeper/bench.h"

#define MINUTE 1800000000u /* begins an hour */

static void note(struct series *s, uint64_t now, uint32_t ms, unsigned count)
{
    const struct access_record r = {.outcome = ACCESS_ALLOWED, .duration_ms = ms};
    for (unsigned i = 0; i < count; i++) {
        series_note(s, &r, 1, now);
    }
}

static void quantiles_are_within_their_bucket(void **state)
{
    struct series s = {0};
    (void)state;
    assert_int_equal(series_quantile(&s.now, 500), 0);
    note(&s, MINUTE, 10, 90);
    note(&s, MINUTE, 5000, 10);
    assert_in_range(series_quantile(&s.now, 500), 8, 12);
    assert_in_range(series_quantile(&s.now, 950), 4096, 6144);
    note(&s, MINUTE, UINT32_MAX, 1);
    assert_true(series_quantile(&s.now, 1000) >= 6144);
}

static void a_tunnel_counts_once_and_denials_have_no_latency(void **state)
{
    struct series s = {0};
    const struct access_record r[] = {{.outcome = ACCESS_ALLOWED, .stream = STREAM_OPENED},
                                      {.outcome = ACCESS_ALLOWED, .stream = STREAM_CLIENT},
                                      {.outcome = ACCESS_DENIED, .duration_ms = 3}};
    (void)state;
    series_note(&s, r, 3, MINUTE);
    assert_int_equal(s.now.requests, 2);
    assert_int_equal(s.now.denials, 1);
    for (size_t i = 0; i < SERIES_BUCKETS; i++) {
        assert_int_equal(s.now.latency[i], 0);
    }
}

static void what_another_process_counted_in_the_same_minute_is_added_to(void **state)
{
    struct bench b;
    struct series_row sum;
    (void)state;
    bench_open(&b);
    note(&b.k.series, MINUTE + 5, 1, 3);
    assert_int_equal(series_sweep(&b.k, MINUTE + 10, true), 0);
    b.k.series = (struct series){0};
    note(&b.k.series, MINUTE + 30, 1, 4);
    assert_int_equal(series_sum(&b.k, MINUTE, MINUTE + 60, &sum), 0);
    assert_int_equal(sum.requests, 7);
    assert_int_equal(series_sweep(&b.k, MINUTE + 90, false), 0);
    note(&b.k.series, MINUTE + 100, 1, 5);
    assert_int_equal(series_sweep(&b.k, MINUTE + 250, false), 0);
    b.k.series = (struct series){0};
    assert_int_equal(series_sum(&b.k, MINUTE, MINUTE + 3600, &sum), 0);
    assert_int_equal(sum.requests, 12);
    assert_true(sum.sessions >= 2);
    bench_close(&b);
}

static int each_row(void *context, const struct series_row *row)
{
    *(uint64_t *)context += row->requests;
    return 0;
}

static void minutes_go_after_days_and_their_hour_stays(void **state)
{
    struct bench b;
    uint64_t minutes = 0, hours = 0;
    (void)state;
    bench_open(&b);
    note(&b.k.series, MINUTE, 1, 3);
    assert_int_equal(series_sweep(&b.k, MINUTE + 120, false), 0);
    assert_int_equal(series_sweep(&b.k, MINUTE + 3 * 86400, false), 0);
    assert_int_equal(series_list(b.k.store, 60, 0, MINUTE + 3600, each_row, &minutes), 0);
    assert_int_equal(series_list(b.k.store, 3600, 0, MINUTE + 3600, each_row, &hours), 0);
    assert_int_equal(minutes, 0);
    assert_int_equal(hours, 3);
    bench_close(&b);
}

static void an_alert_is_seen_to_by_who_said_so_first(void **state)
{
    static const char ID[] = "0123456789abcdef0123456789abcdef";
    struct bench b;
    struct alert_mark m;
    (void)state;
    bench_open(&b);
    assert_int_equal(alerts_find(b.k.store, ID, &m), FAULT_ABSENT);
    assert_int_equal(alerts_seen(b.k.store, ID, 100), 0);
    assert_int_equal(alerts_acknowledge(b.k.store, ID, "ada", 110), 0);
    assert_int_equal(alerts_acknowledge(b.k.store, ID, "bob", 120), 0);
    assert_int_equal(alerts_seen(b.k.store, ID, 130), 0);
    assert_int_equal(alerts_find(b.k.store, ID, &m), 0);
    assert_int_equal(m.first, 100);
    assert_int_equal(m.acknowledged, 110);
    assert_string_equal(m.by, "ada");
    assert_int_equal(alerts_prune(b.k.store, 130), 0);
    assert_int_equal(alerts_prune(b.k.store, 131), 1);
    assert_int_equal(alerts_find(b.k.store, ID, &m), FAULT_ABSENT);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_their_bucket),
        cmocka_unit_test(a_tunnel_counts_once_and_denials_have_no_latency),
        cmocka_unit_test(what_another_process_counted_in_the_same_minute_is_added_to),
        cmocka_unit_test(minutes_go_after_days_and_their_hour_stays),
        cmocka_unit_test(an_alert_is_seen_to_by_who_said_so_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
