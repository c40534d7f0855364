#include "tests/unit/store/scratch.h"

#include "store/notices.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static uint8_t next_id;

static void add(struct store *s, const char *user, uint64_t due, uint32_t folded)
{
    struct notice n = {.channel = NOTICE_MAIL,
                       .event = "password.set",
                       .address = "ann@example.org",
                       .detail = "from 10.0.0.1",
                       .made = NOW,
                       .folded = folded,
                       .due = due};
    bool dropped = true;
    n.id[0] = ++next_id;
    (void)snprintf(n.user, sizeof(n.user), "%s", user);
    assert_int_equal(notices_add(s, &n, &dropped), 0);
    assert_false(dropped);
}

static int keep(void *context, const struct notice *n)
{
    *(struct notice *)context = *n;
    return 1;
}

static struct notice first_of(struct store *s, enum notice_channel channel, uint64_t now)
{
    struct notice n = {0};
    assert_true(notices_due(s, channel, now, 1, keep, &n) >= 0);
    return n;
}

static struct notice first(struct store *s, uint64_t now)
{
    return first_of(s, NOTICE_MAIL, now);
}

static void a_notice_waits_until_it_is_sent_and_comes_again_after_a_failure(void **state)
{
    struct store *s = of(state);
    uint64_t next = 1, count = 0;
    assert_int_equal(notices_next(s, NOTICE_MAIL, &next), 0);
    assert_int_equal(next, 0);
    add(s, "ann", NOW, 0);
    add(s, "bob", NOW + 5, 0);
    assert_int_equal(first(s, NOW - 1).seq, 0);
    struct notice n = first(s, NOW);
    assert_string_equal(n.user, "ann");
    assert_string_equal(n.address, "ann@example.org");
    assert_string_equal(n.event, "password.set");
    assert_string_equal(n.detail, "from 10.0.0.1");
    assert_int_equal(notices_later(s, n.seq, NOW + 30, "no answer"), 0);
    assert_int_equal(first(s, NOW).seq, 0);
    assert_int_equal(notices_next(s, NOTICE_MAIL, &next), 0);
    assert_int_equal(next, NOW + 5);
    assert_int_equal(notices_sent(s, first(s, NOW + 5).seq, NOW + 5), 0);
    n = first(s, NOW + 30);
    assert_string_equal(n.error, "no answer");
    assert_int_equal(n.attempts, 1);
    assert_int_equal(notices_drop(s, n.seq), 0);
    assert_int_equal(notices_count(s, &count), 0);
    assert_int_equal(count, 0);
}

static void recent_ones_count_even_when_sent_until_they_are_forgotten(void **state)
{
    struct store *s = of(state);
    uint64_t count = 0;
    add(s, "ann", NOW, 0);
    add(s, "ann", NOW, 1);
    assert_int_equal(notices_sent(s, first(s, NOW).seq, NOW), 0);
    assert_int_equal(notices_recent(s, "ann", NOTICE_MAIL, NOW - 1, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(notices_recent(s, "ann", NOTICE_WEBHOOK, NOW - 1, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(notices_forget(s, NOW + 1), 0);
    assert_int_equal(notices_recent(s, "ann", NOTICE_MAIL, NOW - 1, &count), 0);
    assert_int_equal(count, 0);
}

static void many_fold_into_one_that_has_not_been_tried(void **state)
{
    struct store *s = of(state);
    bool folded = true;
    assert_int_equal(notices_fold(s, "ann", NOTICE_MAIL, &folded), 0);
    assert_false(folded);
    add(s, "ann", NOW, 1);
    assert_int_equal(notices_fold(s, "ann", NOTICE_MAIL, &folded), 0);
    assert_true(folded);
    struct notice n = first(s, NOW);
    assert_int_equal(n.folded, 2);
    assert_int_equal(notices_later(s, n.seq, NOW + 1, ""), 0);
    assert_int_equal(notices_fold(s, "ann", NOTICE_MAIL, &folded), 0);
    assert_false(folded);
}

static void the_outbox_is_bounded_and_the_oldest_makes_room(void **state)
{
    struct store *s = of(state);
    uint64_t count = 0;
    bool dropped = false;
    struct notice n = {.user = "ann", .channel = NOTICE_WEBHOOK, .made = NOW, .due = NOW};
    assert_int_equal(store_begin(s), 0);
    for (uint32_t i = 0; i < NOTICES_MAX; i++) {
        memcpy(n.id, &i, sizeof(i));
        n.due = NOW + i;
        assert_int_equal(notices_add(s, &n, &dropped), 0);
        assert_false(dropped);
    }
    n.id[15] = 9;
    assert_int_equal(notices_add(s, &n, &dropped), 0);
    assert_true(dropped);
    assert_int_equal(notices_count(s, &count), 0);
    assert_int_equal(count, NOTICES_MAX);
    assert_int_equal(first_of(s, NOTICE_WEBHOOK, NOW + 1).due, NOW + 1);
    assert_int_equal(store_commit(s), 0);
}

static void a_user_has_an_address_that_is_bounded(void **state)
{
    struct store *s = of(state);
    struct user u;
    char longest[300] = {0};
    memset(longest, 'a', 255);
    assert_int_equal(users_set_mail(s, "ann", "ann@example.org"), FAULT_ABSENT);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_set_mail(s, "ann", "ann@example.org"), 0);
    assert_int_equal(users_set_mail(s, "ann", longest), FAULT_LIMIT);
    assert_int_equal(users_find(s, "ann", &u), 0);
    assert_string_equal(u.mail, "ann@example.org");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_notice_waits_until_it_is_sent_and_comes_again_after_a_failure),
        with_store(recent_ones_count_even_when_sent_until_they_are_forgotten),
        with_store(many_fold_into_one_that_has_not_been_tried),
        with_store(the_outbox_is_bounded_and_the_oldest_makes_room),
        with_store(a_user_has_an_address_that_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
