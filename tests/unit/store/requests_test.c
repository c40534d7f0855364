#include "tests/unit/store/scratch.h"

#include "store/requests.h"
#include "store/users.h"

static struct store *with_people(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    return s;
}

static uint64_t add(struct store *s, const char *user, const char *rule, uint64_t expires)
{
    struct request r = {.kind = REQUEST_ACCESS,
                        .state = REQUEST_PENDING,
                        .reason = "disk full",
                        .duration = 600,
                        .created = NOW,
                        .expires = expires};
    uint64_t seq = 0;
    (void)snprintf(r.user, sizeof(r.user), "%s", user);
    (void)snprintf(r.subject, sizeof(r.subject), "%s", rule);
    assert_int_equal(requests_add(s, &r, NULL, &seq), 0);
    assert_true(seq > 0);
    return seq;
}

static void grants_are(struct store *s, const char *user, uint64_t now, const char *wanted)
{
    struct buf lines;
    buf_init(&lines, 4096);
    assert_int_equal(requests_grants(s, user, now, &lines), 0);
    struct span view = buf_view(&lines);
    if (!span_is(view, wanted))
        fail_msg("expected %s, found %.*s", wanted, SPAN_FMT(view));
    buf_fini(&lines);
}

static void a_grant_runs_from_its_approval_to_its_end(void **state)
{
    struct store *s = with_people(state);
    uint64_t seq = add(s, "ann", "urgent", NOW + 100);
    grants_are(s, "ann", NOW, "");
    assert_int_equal(
        requests_move(s, seq, REQUEST_PENDING, REQUEST_APPROVED, NOW + 10, NOW + 610, ""), 0);
    grants_are(s, "ann", NOW + 10, "urgent\n");
    grants_are(s, "ann", NOW + 609, "urgent\n");
    grants_are(s, "ann", NOW + 610, "");
    grants_are(s, "bob", NOW + 10, "");
    /* The clock went back to before it began. */
    grants_are(s, "ann", NOW - 51, "");
    assert_int_equal(requests_move(s, seq, REQUEST_APPROVED, REQUEST_ENDED, 0, 0, "time"), 0);
    grants_are(s, "ann", NOW + 11, "");
    struct request r;
    assert_int_equal(requests_find(s, seq, &r), 0);
    assert_int_equal(r.decided, NOW + 10);
    assert_int_equal(r.ends, NOW + 610);
    assert_string_equal(r.note, "time");
}

static void a_state_is_left_by_one_caller_only(void **state)
{
    struct store *s = with_people(state);
    uint64_t seq = add(s, "ann", "urgent", NOW + 100);
    assert_int_equal(requests_move(s, seq, REQUEST_PENDING, REQUEST_DENIED, NOW, 0, "no"), 0);
    assert_int_equal(requests_move(s, seq, REQUEST_PENDING, REQUEST_APPROVED, NOW, NOW + 9, ""),
                     FAULT_CONFLICT);
    assert_int_equal(requests_move(s, 999, REQUEST_PENDING, REQUEST_APPROVED, NOW, NOW + 9, ""),
                     FAULT_CONFLICT);
    grants_are(s, "ann", NOW, "");
}

static void one_person_has_one_open_request_for_a_rule(void **state)
{
    struct store *s = with_people(state);
    uint64_t first = add(s, "ann", "urgent", NOW + 100), count = 0;
    struct request again = {.kind = REQUEST_ACCESS,
                            .state = REQUEST_PENDING,
                            .user = "ann",
                            .subject = "urgent",
                            .reason = "x"};
    uint64_t seq = 0;
    assert_int_equal(requests_add(s, &again, NULL, &seq), FAULT_EXISTS);
    (void)add(s, "bob", "urgent", NOW + 100);
    (void)add(s, "ann", "other", NOW + 100);
    assert_int_equal(requests_count_open(s, "ann", &count), 0);
    assert_int_equal(count, 2);
    struct request open;
    assert_int_equal(requests_find_open(s, "ann", "urgent", &open), 0);
    assert_int_equal(open.seq, first);
    assert_int_equal(requests_move(s, first, REQUEST_PENDING, REQUEST_WITHDRAWN, NOW, 0, ""), 0);
    assert_int_equal(requests_find_open(s, "ann", "urgent", &open), FAULT_ABSENT);
    assert_true(add(s, "ann", "urgent", NOW + 100) > first);
}

static int each_vote(void *context, const struct vote *v)
{
    (void)snprintf(context, STORE_NAME_SIZE, "%s", v->user);
    return 0;
}

static void a_voice_counts_once(void **state)
{
    struct store *s = with_people(state);
    uint64_t seq = add(s, "ann", "urgent", NOW + 100);
    struct vote v = {.user = "bob", .at = NOW, .comment = "go"};
    char name[STORE_NAME_SIZE] = "";
    assert_int_equal(votes_add(s, seq, &v), 0);
    assert_int_equal(votes_add(s, seq, &v), FAULT_EXISTS);
    assert_int_equal(votes_add(s, seq + 1, &v), FAULT_ABSENT);
    assert_int_equal(votes_list(s, seq, each_vote, name), 0);
    assert_string_equal(name, "bob");
    struct request r;
    assert_int_equal(requests_find(s, seq, &r), 0);
    assert_int_equal(r.votes, 1);
}

static void what_is_due_next_is_known_and_old_ones_are_forgotten(void **state)
{
    struct store *s = with_people(state);
    uint64_t next = 1;
    assert_int_equal(requests_next(s, &next), 0);
    assert_int_equal(next, 0);
    uint64_t a = add(s, "ann", "urgent", NOW + 100), b = add(s, "bob", "urgent", NOW + 50);
    assert_int_equal(requests_next(s, &next), 0);
    assert_int_equal(next, NOW + 50);
    assert_int_equal(requests_move(s, b, REQUEST_PENDING, REQUEST_APPROVED, NOW, NOW + 20, ""), 0);
    assert_int_equal(requests_next(s, &next), 0);
    assert_int_equal(next, NOW + 20);
    assert_int_equal(requests_prune(s, NOW + 1000), 0);
    struct request r;
    assert_int_equal(requests_find(s, b, &r), 0);
    assert_int_equal(requests_move(s, b, REQUEST_APPROVED, REQUEST_ENDED, 0, 0, ""), 0);
    assert_int_equal(requests_prune(s, NOW + 1000), 0);
    assert_int_equal(requests_find(s, b, &r), FAULT_ABSENT);
    assert_int_equal(requests_find(s, a, &r), 0);
}

static void a_removed_person_leaves_no_grant_to_a_namesake(void **state)
{
    struct store *s = with_people(state);
    uint64_t seq = add(s, "ann", "urgent", NOW + 100);
    assert_int_equal(requests_move(s, seq, REQUEST_PENDING, REQUEST_APPROVED, NOW, NOW + 20, ""),
                     0);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    grants_are(s, "ann", NOW + 1, "");
    assert_true(add(s, "ann", "urgent", NOW + 100) > seq);
}

static void what_a_change_would_do_is_kept_to_the_letter(void **state)
{
    struct store *s = with_people(state);
    struct request r = {.kind = REQUEST_CHANGE,
                        .state = REQUEST_PENDING,
                        .user = "ann",
                        .subject = "policy",
                        .reason = "x"};
    struct request_action a = {SPAN("PUT"), SPAN("/api/v1/rules/x"), SPAN("a=b"),
                               SPAN("{\"q\":1}")},
                          b;
    struct arena arena;
    uint64_t seq = 0;
    arena_init(&arena, 1024, 1 << 20);
    assert_int_equal(requests_add(s, &r, &a, &seq), 0);
    assert_int_equal(requests_action(s, seq, &arena, &b), 0);
    assert_true(span_eq(a.method, b.method) && span_eq(a.path, b.path) &&
                span_eq(a.query, b.query) && span_eq(a.body, b.body));
    static char big[REQUEST_ACTION_MAX + 1];
    memset(big, 'x', sizeof(big));
    a.body = span_of(big, sizeof(big));
    assert_int_equal(requests_add(s, &r, &a, &seq), FAULT_LIMIT);
    /* Two of one class may wait beside each other. */
    a.body = SPAN_NONE;
    assert_int_equal(requests_add(s, &r, &a, &seq), 0);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_grant_runs_from_its_approval_to_its_end),
        with_store(a_state_is_left_by_one_caller_only),
        with_store(one_person_has_one_open_request_for_a_rule),
        with_store(a_voice_counts_once),
        with_store(what_is_due_next_is_known_and_old_ones_are_forgotten),
        with_store(a_removed_person_leaves_no_grant_to_a_namesake),
        with_store(what_a_change_would_do_is_kept_to_the_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
