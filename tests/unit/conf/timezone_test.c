#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fault.h"
#include "base/file.h"
#include "conf/moment.h"
#include "conf/schedule.h"
#include "conf/timezone.h"

static void windows_are_days_and_a_span_of_the_clock(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned day, minute;
        bool holds;
    } CASES[] = {
        {"Mon-Fri 08:00-18:00", 1, 8 * 60, true},
        {"Mon-Fri 08:00-18:00", 1, 8 * 60 - 1, false},
        {"Mon-Fri 08:00-18:00", 5, 18 * 60 - 1, true},
        {"Mon-Fri 08:00-18:00", 5, 18 * 60, false},
        {"Mon-Fri 08:00-18:00", 6, 9 * 60, false},
        {"Mon-Fri 08:00-18:00", 0, 9 * 60, false},
        {"Sat-Mon 00:00-24:00", 0, 0, true},
        {"Sat-Mon 00:00-24:00", 1, 1439, true},
        {"Sat-Mon 00:00-24:00", 2, 0, false},
        {"Mon,Wed,Fri-Sat 10:00-11:00", 6, 600, true},
        {"Mon,Wed,Fri-Sat 10:00-11:00", 2, 600, false},
        {"08:00-12:00", 3, 500, true},
        {"Fri 22:00-06:00", 5, 23 * 60, true},
        {"Fri 22:00-06:00", 6, 359, true},
        {"Fri 22:00-06:00", 6, 360, false},
        {"Fri 22:00-06:00", 5, 359, false},
        {"Sat 22:00-06:00", 0, 10, true},
        {"22:00-06:00", 0, 10, true},
        {"22:00-06:00", 0, 700, false},
    };
    for (size_t i = 0; i < countof(CASES); i++) {
        struct window w;
        if (window_parse(span_str(CASES[i].text), &w) != 0 ||
            window_holds(&w, CASES[i].day, CASES[i].minute) != CASES[i].holds)
            fail_msg("case %zu: %s", i, CASES[i].text);
    }
    static const char *const BAD[] = {
        "",
        "Mon",
        "Mon ",
        " 08:00-09:00",
        "Mon 8:00-9:00",
        "mon 08:00-09:00",
        "Mon- 08:00-09:00",
        "Mon, 08:00-09:00",
        "Mon 08:00-08:00",
        "Mon 24:00-01:00",
        "Mon 08:00-24:01",
        "Mon 08:60-09:00",
        "Mon 08:00",
        "Mon  08:00-09:00",
        "Mon 08:00-09:00 ",
        "Mon-Fri-Sat 08:00-09:00",
        "Day 08:00-09:00",
        "Mon 08:00-09:00-10:00",
    };
    for (size_t i = 0; i < countof(BAD); i++)
        if (window_is_text(span_str(BAD[i])))
            fail_msg("'%s' was taken", BAD[i]);
}

static void rules_tell_the_offset_of_every_moment(void **state)
{
    (void)state;
    static const struct {
        const char *rules;
        uint64_t at;
        int32_t offset;
    } CASES[] = {
        {"UTC0", 1000000000, 0},
        {"<+0330>-3:30", 1700000000, 12600},
        /* 2026-03-29 01:00 UTC, and 2026-10-25 01:00 UTC */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1774746000 - 1, 3600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1774746000, 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1792890000 - 1, 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1792890000, 3600},
        /* 2026-03-08 07:00 UTC, and 2026-11-01 06:00 UTC */
        {"EST5EDT,M3.2.0,M11.1.0", 1772953200 - 1, -18000},
        {"EST5EDT,M3.2.0,M11.1.0", 1772953200, -14400},
        {"EST5EDT,M3.2.0,M11.1.0", 1793512800 - 1, -14400},
        {"EST5EDT,M3.2.0,M11.1.0", 1793512800, -18000},
        /* The south: summer over the end of the year, 2026-04-04 16:00 UTC. */
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 1775318400 - 1, 39600},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 1775318400, 36000},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 1767225600, 39600},
        /* Ireland's winter is what is turned. */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 1767225600, 0},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 1783000000, 3600},
        /* Day 60 of the year without 29 February is 1 March; 2028 has one. */
        {"AAA0BBB,J60/0,J300/0", 1835481600 - 1, 0},
        {"AAA0BBB,J60/0,J300/0", 1835481600, 3600},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1774746000, -3600},
    };
    for (size_t i = 0; i < countof(CASES); i++) {
        struct tzrules z;
        assert_int_equal(timezone_parse(span_str(CASES[i].rules), &z), 0);
        if (timezone_offset(&z, CASES[i].at) != CASES[i].offset)
            fail_msg("case %zu: %s: %d", i, CASES[i].rules, timezone_offset(&z, CASES[i].at));
    }
    static const char *const BAD[] = {
        "",
        "UTC",
        "U0",
        "UTC0x",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-25",
        "<CET-1",
        "CET-1CEST,J0,J1",
        "CET-1CEST,M3.5.0,M10.5.0/168",
        "CET-1CEST,M3.5.0,M10.5.0,",
    };
    for (size_t i = 0; i < countof(BAD); i++)
        if (timezone_is_rules(span_str(BAD[i])))
            fail_msg("'%s' was taken", BAD[i]);
}

static void names_do_not_lead_out_of_their_directory(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"UTC", "Europe/Berlin", "Etc/GMT+5",
                                       "America/Argentina/Buenos_Aires"};
    static const char *const BAD[] = {"",        "/etc/passwd", "../x",      "Europe/../x",
                                      "Europe/", "a//b",        "Europe/.x", "Europe/Ber lin",
                                      "9/x"};
    for (size_t i = 0; i < countof(GOOD); i++)
        assert_true(timezone_is_name(span_str(GOOD[i])));
    for (size_t i = 0; i < countof(BAD); i++)
        assert_false(timezone_is_name(span_str(BAD[i])));
}

/* The library of the system reads the same files another way. */
static void a_file_of_tzdata_gives_what_the_library_says(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"Europe/Berlin",
                                        "America/New_York",
                                        "Australia/Lord_Howe",
                                        "Asia/Kolkata",
                                        "Europe/Dublin",
                                        "America/Sao_Paulo",
                                        "UTC"};
    for (size_t i = 0; i < countof(NAMES); i++) {
        char path[128];
        struct buf file;
        struct span rules;
        struct tzrules z;
        buf_init(&file, TIMEZONE_FILE_MAX);
        (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", NAMES[i]);
        char *real = realpath(path, NULL);
        int rc = real == NULL ? FAULT_ABSENT : file_read(real, &file);
        free(real);
        if (rc < 0) {
            buf_fini(&file);
            skip();
        }
        assert_int_equal(timezone_of_file(buf_view(&file), 1767225600, &rules), 0);
        assert_int_equal(timezone_parse(rules, &z), 0);
        assert_int_equal(setenv("TZ", NAMES[i], 1), 0);
        tzset();
        for (time_t at = 1767225600; at < 1767225600 + (time_t)20 * 366 * 86400; at += 4321 * 7) {
            struct tm tm;
            assert_non_null(localtime_r(&at, &tm));
            if (tm.tm_gmtoff != timezone_offset(&z, (uint64_t)at))
                fail_msg("%s at %ld: expected %ld, found %d", NAMES[i], (long)at, tm.tm_gmtoff,
                         timezone_offset(&z, (uint64_t)at));
        }
        /* Every cut of it is refused and read no further. */
        for (size_t n = 0; n + 1 < buf_len(&file); n += 13)
            assert_int_not_equal(timezone_of_file(span_sub(buf_view(&file), 0, n), 0, &rules), 0);
        buf_fini(&file);
    }
}

static void a_zone_whose_changes_are_laid_down_year_by_year_is_refused(void **state)
{
    (void)state;
    struct buf file;
    struct span rules;
    buf_init(&file, TIMEZONE_FILE_MAX);
    if (file_read("/usr/share/zoneinfo/Africa/Casablanca", &file) < 0) {
        buf_fini(&file);
        skip();
    }
    assert_int_equal(timezone_of_file(buf_view(&file), 1767225600, &rules), FAULT_VERSION);
    buf_fini(&file);
}

static void a_moment_is_a_date_a_time_and_an_offset(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t at;
    } GOOD[] = {
        {"1970-01-01T00:00Z", 0},
        {"2026-03-29T01:00:00Z", 1774746000},
        {"2026-03-29T03:00+02:00", 1774746000},
        {"2026-03-28T20:00:00-05:00", 1774746000},
        {"2028-02-29T00:00:00Z", 1835395200},
    };
    static const char *const BAD[] = {"",
                                      "2026-03-29",
                                      "2026-03-29T01:00",
                                      "2026-02-29T00:00Z",
                                      "2026-13-01T00:00Z",
                                      "2026-01-01T24:00Z",
                                      "2026-01-01T00:00Zx",
                                      "1970-01-01T00:00+01:00",
                                      "2026-01-01 00:00Z"};
    uint64_t at;
    for (size_t i = 0; i < countof(GOOD); i++) {
        assert_int_equal(moment_parse(span_str(GOOD[i].text), &at), 0);
        assert_int_equal(at, GOOD[i].at);
    }
    for (size_t i = 0; i < countof(BAD); i++)
        if (moment_is_text(span_str(BAD[i])))
            fail_msg("'%s' was taken", BAD[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_days_and_a_span_of_the_clock),
        cmocka_unit_test(rules_tell_the_offset_of_every_moment),
        cmocka_unit_test(a_moment_is_a_date_a_time_and_an_offset),
        cmocka_unit_test(names_do_not_lead_out_of_their_directory),
        cmocka_unit_test(a_file_of_tzdata_gives_what_the_library_says),
        cmocka_unit_test(a_zone_whose_changes_are_laid_down_year_by_year_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
