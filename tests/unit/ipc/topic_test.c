#include "tests/unit/unit.h"

#include "ipc/topic.h"

static void says(uint32_t topics, const char *expected)
{
    struct buf text;
    buf_init(&text, 256);
    topics_json(&text, topics);
    assert_true(span_is(buf_view(&text), expected));
    buf_fini(&text);
}

static void topics_are_named_in_the_order_of_the_table(void **state)
{
    (void)state;
    says(TOPIC_ALERTS | TOPIC_SESSIONS, "[\"sessions\",\"alerts\"]");
    says(0, "[]");
}

static void bits_that_are_no_topic_are_left_out(void **state)
{
    (void)state;
    says(~(uint32_t)TOPICS_ALL, "[]");
    says(UINT32_MAX & ~(uint32_t)(TOPICS_ALL & ~TOPIC_POLICY), "[\"policy\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_named_in_the_order_of_the_table),
        cmocka_unit_test(bits_that_are_no_topic_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
