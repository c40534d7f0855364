#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fault.h"
#include "keeper/hosts.h"

#define T0 UINT64_C(10000000)

/* One host with an open question. */
struct world {
    struct hosts hosts;
    struct host *host;
};

static void ask(struct world *w)
{
    w->host->serial = 7;
    w->hosts.asked = 1;
}

static int begin(void **state)
{
    static struct world w;
    hosts_init(&w.hosts);
    w.host = hosts_add(&w.hosts, "console.example");
    assert_non_null(w.host);
    ask(&w);
    *state = &w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    hosts_fini(&w->hosts);
    return 0;
}

static int answer(struct world *w, enum resolve_result result, const char *addresses, uint64_t now)
{
    uint8_t bytes[17 * 16];
    struct span rest = span_str(addresses), word;
    size_t count = 0;
    while (span_cut(&rest, ' ', &word)) {
        struct addr a;
        assert_int_equal(addr_parse(word, &a), 0);
        memcpy(bytes + 16 * count++, a.byte, 16);
    }
    struct msg_resolved m = {.result = (uint8_t)result,
                             .addresses = span_of(bytes, 16 * count),
                             .text = SPAN("no such name")};
    return hosts_answer(&w->hosts, 7, &m, now);
}

static void a_first_answer_is_published_and_the_same_again_is_not(void **state)
{
    struct world *w = *state;
    assert_int_equal(answer(w, RESOLVE_OK, "10.0.0.1 10.0.0.2", T0), 0);
    assert_int_equal(w->host->count, 2);
    assert_int_equal(w->hosts.publish_ms, T0 + HOSTS_GATHER_MS);
    assert_int_equal(w->host->due_ms, T0 + 30000);
    assert_int_equal(w->hosts.asked, 0);
    w->hosts.publish_ms = 0;
    ask(w);
    assert_int_equal(answer(w, RESOLVE_OK, "10.0.0.1 10.0.0.2", T0 + 30000), 0);
    assert_int_equal(w->hosts.publish_ms, 0);
    assert_int_equal(w->host->known_ms, T0 + 30000);
    ask(w);
    assert_int_equal(answer(w, RESOLVE_OK, "10.0.0.2", T0 + 60000), 0);
    assert_int_not_equal(w->hosts.publish_ms, 0);
}

static void a_failure_keeps_the_addresses_for_as_long_as_it_lasts(void **state)
{
    struct world *w = *state;
    assert_int_equal(answer(w, RESOLVE_OK, "10.0.0.1", T0), 0);
    w->hosts.publish_ms = 0;
    for (unsigned hours = 1; hours < 100; hours++) {
        ask(w);
        assert_int_equal(answer(w, RESOLVE_FAILED, "", T0 + hours * 3600000ull), 0);
        assert_int_equal(w->host->count, 1);
        assert_int_equal(w->hosts.publish_ms, 0);
    }
    assert_int_equal(w->host->known_ms, T0);
    assert_string_equal(w->host->fault, "no such name");
}

static void a_name_that_is_gone_loses_its_addresses_after_an_hour(void **state)
{
    struct world *w = *state;
    static const enum resolve_result GONE[] = {RESOLVE_ABSENT, RESOLVE_DENIED};
    for (size_t i = 0; i < countof(GONE); i++) {
        ask(w);
        assert_int_equal(answer(w, RESOLVE_OK, "10.0.0.1", T0), 0);
        w->hosts.publish_ms = 0;
        ask(w);
        assert_int_equal(answer(w, GONE[i], "", T0 + HOSTS_ABSENT_MS - 1), 0);
        assert_int_equal(w->host->count, 1);
        assert_int_equal(w->hosts.publish_ms, 0);
        ask(w);
        assert_int_equal(answer(w, GONE[i], "", T0 + HOSTS_ABSENT_MS), 0);
        assert_int_equal(w->host->count, 0);
        assert_int_not_equal(w->hosts.publish_ms, 0);
    }
}

static void a_name_without_an_address_is_asked_for_soon_again(void **state)
{
    struct world *w = *state;
    assert_int_equal(answer(w, RESOLVE_FAILED, "", T0), 0);
    assert_int_equal(w->host->due_ms, T0 + HOSTS_RETRY_MS);
    assert_int_equal(w->hosts.publish_ms, 0);
}

static void what_no_courier_may_say_breaks_the_channel_and_changes_nothing(void **state)
{
    struct world *w = *state;
    static const struct {
        enum resolve_result result;
        const char *addresses;
    } BAD[] = {
        {RESOLVE_OK, ""},
        {RESOLVE_FAILED, "10.0.0.1"},
        {RESOLVE_OK, "10.0.0.2 10.0.0.1"},
        {RESOLVE_OK, "10.0.0.1 10.0.0.1"},
        {RESOLVE_OK, "169.254.169.254"},
        {RESOLVE_OK, "10.0.0.1 224.0.0.1"},
        {RESOLVE_OK, "::"},
        {(enum resolve_result)4, ""},
        {RESOLVE_OK, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 "
                     "10.0.0.9 10.0.0.10 10.0.0.11 10.0.0.12 10.0.0.13 10.0.0.14 10.0.0.15 "
                     "10.0.0.16 10.0.0.17"},
    };
    for (size_t i = 0; i < countof(BAD); i++) {
        if (answer(w, BAD[i].result, BAD[i].addresses, T0) != FAULT_FORMAT)
            fail_msg("'%s' is taken", BAD[i].addresses);
        assert_int_equal(w->host->count, 0);
        assert_int_equal(w->host->serial, 7);
    }
    struct msg_resolved odd = {.addresses = span_of("0123456789abcde", 15)};
    assert_int_equal(hosts_answer(&w->hosts, 7, &odd, T0), FAULT_FORMAT);
}

static void an_answer_to_another_question_is_ignored(void **state)
{
    struct world *w = *state;
    struct msg_resolved m = {.result = RESOLVE_OK,
                             .addresses = span_of("\0\0\0\0\0\0\0\0\0\0\377\377\n\0\0\1", 16)};
    for (uint32_t serial = 0; serial < 7; serial++)
        assert_int_equal(hosts_answer(&w->hosts, serial, &m, T0), 0);
    assert_int_equal(w->host->count, 0);
    assert_int_equal(hosts_answer(&w->hosts, 7, &m, T0), 0);
    assert_int_equal(w->host->count, 1);
}

static void what_is_kept_reads_back_with_its_age(void **state)
{
    struct world *w = *state;
    struct hosts other;
    struct buf text;
    assert_int_equal(answer(w, RESOLVE_OK, "10.0.0.1 fd00::2", T0), 0);
    (void)hosts_add(&w->hosts, "unknown.example");
    buf_init(&text, 4096);
    assert_int_equal(hosts_write(&w->hosts, T0 + 60000, 1000000, &text), 0);
    struct span view = buf_view(&text);
    assert_int_equal(view.len,
                     strlen("postern-hosts 1\nconsole.example 999940 10.0.0.1 fd00::2\n"));
    hosts_init(&other);
    assert_int_equal(hosts_read(&other, view, T0, 1000060), 0);
    const struct host *found = hosts_find(&other, "console.example");
    assert_non_null(found);
    assert_int_equal(found->count, 2);
    assert_int_equal(found->known_ms, T0 - 120000);
    assert_null(hosts_find(&other, "unknown.example"));
    hosts_fini(&other);
    hosts_init(&other);
    assert_int_equal(hosts_read(&other, view, T0, 1000000 + HOSTS_KEPT_S), 0);
    assert_null(hosts_find(&other, "console.example"));
    hosts_fini(&other);
    buf_fini(&text);
}

static void a_file_that_makes_no_sense_is_none(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "postern-hosts 2\n",
        "postern-hosts 1\na.example 1 10.0.0.1",
        "postern-hosts 1\na.example 1\n",
        "postern-hosts 1\na.example x 10.0.0.1\n",
        "postern-hosts 1\na.example 1 10.0.0.1 \n10.0.0.2\n",
        "postern-hosts 1\na.example 1 169.254.169.254\n",
        "postern-hosts 1\na.example 1 10.0.0.2 10.0.0.1\n",
        "postern-hosts 1\nA.example 1 10.0.0.1\n",
        "postern-hosts 1\ngood.example 1 10.0.0.1\n\n",
        "postern-hosts 1\ngood.example 1 10.0.0.1\nb 1 nonsense\n",
    };
    for (size_t i = 0; i < countof(BAD); i++) {
        struct hosts h;
        hosts_init(&h);
        if (hosts_read(&h, span_str(BAD[i]), T0, 2) != FAULT_FORMAT || !list_empty(&h.all))
            fail_msg("taken: %s", BAD[i]);
        hosts_fini(&h);
    }
}

static void a_snapshot_gets_the_addresses_but_for_those_of_postern_itself(void **state)
{
    struct world *w = *state;
    struct snapshot *s = snapshot_new();
    struct upstream_def u[2] = {
        {.host = "console.example", .named = true, .port = SNAPSHOT_PORT, .path = ""},
        {.host = "console.example", .named = true, .port = 80, .path = ""}};
    struct route_def r = {.name = "r", .upstreams = u, .upstream_count = 2};
    assert_int_equal(answer(w, RESOLVE_OK, "10.0.0.1 127.0.0.1", T0), 0);
    s->routes = &r;
    s->route_count = 1;
    assert_int_equal(hosts_fill(&w->hosts, s), 0);
    assert_int_equal(u[0].addr_count, 1);
    assert_int_equal(u[1].addr_count, 2);
    struct addr want;
    assert_int_equal(addr_parse(SPAN("10.0.0.1"), &want), 0);
    assert_true(addr_eq(&u[0].addrs[0], &want));
    s->routes = NULL;
    s->route_count = 0;
    hosts_follow(&w->hosts, s);
    assert_null(hosts_find(&w->hosts, "console.example"));
    snapshot_free(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_first_answer_is_published_and_the_same_again_is_not),
        T(a_failure_keeps_the_addresses_for_as_long_as_it_lasts),
        T(a_name_that_is_gone_loses_its_addresses_after_an_hour),
        T(a_name_without_an_address_is_asked_for_soon_again),
        T(what_no_courier_may_say_breaks_the_channel_and_changes_nothing),
        T(an_answer_to_another_question_is_ignored),
        T(what_is_kept_reads_back_with_its_age),
        T(a_file_that_makes_no_sense_is_none),
        T(a_snapshot_gets_the_addresses_but_for_those_of_postern_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
