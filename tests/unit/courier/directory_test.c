/* Questions that no keeper asks, and which server is asked first. What a directory answers is
 * tested with a real one (tests/integration/test_directory.py) and fuzzed. */
#include "courier/directory.h"

#include "../unit.h"
#include "base/fault.h"

static struct msg_bind good(void)
{
    return (struct msg_bind){.purpose = BIND_SIGNIN,
                             .patience_ms = 1000,
                             .servers = SPAN("ldaps://a.test\nldap://b.test\nldaps://c.test:637"),
                             .account = SPAN("cn=reader"),
                             .account_password = SPAN("x"),
                             .base = SPAN("dc=x"),
                             .filter = SPAN("(uid=a)"),
                             .name_attribute = SPAN("uid"),
                             .id_attribute = SPAN("entryUUID"),
                             .groups_from = GROUPS_NONE,
                             .password = SPAN("secret")};
}

static int reading(const struct msg_bind *m, struct directory *d)
{
    static uint8_t bytes[8192];
    struct writer w = writer_into(bytes, sizeof(bytes));
    msg_bind_encode(&w, m);
    assert_false(w.bad);
    return directory_read(d, span_of(bytes, w.len));
}

static int refused(struct msg_bind m)
{
    struct directory d;
    int rc = reading(&m, &d);
    directory_fini(&d);
    return rc == FAULT_FORMAT;
}

#define WITH(field, value)                                                                         \
    do {                                                                                           \
        struct msg_bind m = good();                                                                \
        m.field = (value);                                                                         \
        if (!refused(m))                                                                           \
            fail_msg("%s", #field " " #value);                                                     \
    } while (0)

static void a_question_that_could_bind_anybody_is_refused(void **state)
{
    (void)state;
    assert_false(refused(good()));
    WITH(password, SPAN_NONE);
    WITH(purpose, BIND_LOOK);
    WITH(purpose, 2);
    WITH(account, SPAN_NONE);
    WITH(account_password, SPAN_NONE);
}

static void a_malformed_question_is_refused(void **state)
{
    (void)state;
    WITH(servers, SPAN_NONE);
    WITH(servers, SPAN("http://a.test"));
    WITH(servers, SPAN("ldaps://a.test\n"
                       "ldapi://x"));
    WITH(servers, SPAN("ldaps://a\nldaps://a\nldaps://a\nldaps://a\nldaps://a\nldaps://a\nldaps://"
                       "a\nldaps://a\nldaps://a"));
    WITH(patience_ms, 0);
    WITH(patience_ms, 60001);
    WITH(filter, SPAN_NONE);
    WITH(filter, span_of("(a=\0)", 5));
    WITH(base, span_of("dc=\0", 4));
    WITH(account, span_of("cn=\0", 4));
    WITH(flavour, 2);
    WITH(groups_from, 4);
    WITH(groups_from, GROUPS_SEARCH);
    WITH(group_filter, SPAN("(a=b)"));
    WITH(group_depth, DIRECTORY_DEPTH_MAX + 1);
    WITH(name_attribute, SPAN("a b"));
    WITH(name_attribute, SPAN_NONE);
    WITH(id_attribute, SPAN("a)"));
}

static void assert_order(struct directory_memory *m, uint64_t now, const char *expected)
{
    struct directory d;
    struct msg_bind question = good();
    assert_int_equal(reading(&question, &d), 0);
    directory_order(m, &d, now);
    char order[4] = {(char)('a' + d.order[0]), (char)('a' + d.order[1]), (char)('a' + d.order[2])};
    assert_string_equal(order, expected);
    directory_fini(&d);
}

static void learn(struct directory_memory *m, uint64_t now, size_t server, int state)
{
    struct directory d;
    struct msg_bind question = good();
    assert_int_equal(reading(&question, &d), 0);
    if (state > 0)
        d.state[server] = SERVER_UP;
    else
        d.state[server] = SERVER_DOWN;
    directory_learn(m, &d, now);
    directory_fini(&d);
}

static void a_dead_server_is_asked_last_for_a_while(void **state)
{
    struct directory_memory m = {0};
    (void)state;
    assert_order(&m, 1, "abc");
    learn(&m, 1000, 0, 0);
    assert_order(&m, 1001, "bca");
    learn(&m, 1000, 1, 0);
    assert_order(&m, 1001, "cab");
    assert_order(&m, 1000 + DIRECTORY_DEAD_MS, "abc");
    learn(&m, 2000, 0, 1);
    assert_order(&m, 2001, "acb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_that_could_bind_anybody_is_refused),
        cmocka_unit_test(a_malformed_question_is_refused),
        cmocka_unit_test(a_dead_server_is_asked_last_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
