/* What somebody who can write the database may try, and what verify says. */
#include "tests/unit/store/scratch.h"

#include <fcntl.h>

#include <sqlite3.h>

#include "audit/record.h"
#include "audit/retention.h"
#include "audit/verify.h"

struct chain {
    struct scratch x;
    char head[96];
};

static void append(struct store *s, unsigned count)
{
    assert_int_equal(store_begin(s), 0);
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "user-%u", i);
        const struct audit_draft d = {.event = AUDIT_USER_ADDED,
                                      .wall_ms = NOW * 1000ull + i,
                                      .actor_kind = AUDIT_PERSON,
                                      .actor = SPAN("ann"),
                                      .target = span_str(name)};
        assert_int_equal(audit_append(s, &d, NULL), 0);
    }
    assert_int_equal(store_commit(s), 0);
}

static int setup(void **state)
{
    struct chain *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    scratch_dir(&c->x);
    scratch_open(&c->x, STORE_CREATE);
    (void)snprintf(c->head, sizeof(c->head), "%s/audit.head", c->x.dir);
    assert_int_equal(head_settle(c->head, c->x.store), 0);
    append(c->x.store, 20);
    assert_int_equal(head_update(c->head, c->x.store), 0);
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    struct chain *c = *state;
    scratch_remove(&c->x);
    free(c);
    return 0;
}

static void tamper(struct chain *c, const char *sql)
{
    sqlite3 *db;
    char *error = NULL;
    assert_int_equal(sqlite3_open(c->x.path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s", error);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct verify_report verify(struct chain *c)
{
    struct verify_report r = {0};
    assert_int_equal(verify_trail(c->x.store, c->head, &r), 0);
    return r;
}

static void assert_found(struct chain *c, enum verify_finding finding, uint64_t seq)
{
    struct verify_report r = verify(c);
    assert_string_equal(verify_finding_name(r.finding), verify_finding_name(finding));
    assert_int_equal(r.seq, seq);
}

static void an_untouched_trail_is_intact(void **state)
{
    struct chain *c = *state;
    struct verify_report r = verify(c);
    assert_int_equal(r.finding, VERIFY_INTACT);
    assert_int_equal(r.count, 20);
    assert_int_equal(r.lag, 0);
}

static void a_trail_longer_than_a_page_is_walked_to_its_end(void **state)
{
    struct chain *c = *state;
    append(c->x.store, 2 * STORE_PAGE_MAX - 20);
    assert_int_equal(verify(c).count, 2 * STORE_PAGE_MAX);
    append(c->x.store, 1);
    struct verify_report r = verify(c);
    assert_int_equal(r.finding, VERIFY_INTACT);
    assert_int_equal(r.count, 2 * STORE_PAGE_MAX + 1);
    assert_int_equal(r.lag, 2 * STORE_PAGE_MAX - 19);
}

static void every_column_is_covered(void **state)
{
    static const char *const CHANGES[] = {
        "wall_ms = wall_ms + 1", "actor_kind = 4",
        "actor = 'bob'",         "source = x'00000000000000000000000000000001'",
        "event = 'login'",       "target = target || ' '",
        "outcome = 1",           "request_id = 'x'",
        "detail = '{}'",         "hash = zeroblob(32)",
    };
    (void)state;
    for (size_t i = 0; i < countof(CHANGES); i++) {
        void *own = NULL;
        char sql[128];
        assert_int_equal(setup(&own), 0);
        (void)snprintf(sql, sizeof(sql), "UPDATE audit SET %s WHERE seq = 9", CHANGES[i]);
        tamper(own, sql);
        assert_found(own, VERIFY_CHANGED, 9);
        assert_int_equal(teardown(&own), 0);
    }
}

static void a_record_out_of_the_middle_is_missed(void **state)
{
    tamper(*state, "DELETE FROM audit WHERE seq = 7");
    assert_found(*state, VERIFY_REMOVED, 7);
}

static void the_first_record_is_missed(void **state)
{
    tamper(*state, "DELETE FROM audit WHERE seq <= 2");
    assert_found(*state, VERIFY_SHORTENED, 3);
}

/* As the keeper does it: a word, the head file, and then some at a time. */
static void let_go(struct chain *c, uint64_t rows)
{
    const struct retention_limit limit = {.rows = rows};
    struct head head;
    uint64_t upto;
    assert_int_equal(retention_due(c->x.store, &limit, &upto), 0);
    assert_int_not_equal(upto, 0);
    assert_int_equal(retention_announce(c->x.store, upto, NOW * 1000ull), 0);
    assert_int_equal(head_read(c->head, &head), 0);
    /* The head file does not know the word yet. */
    assert_int_equal(retention_remove(c->x.store, upto < head.count ? upto : head.count, 100), 0);
    assert_int_equal(head_update(c->head, c->x.store), 0);
    assert_int_equal(head_read(c->head, &head), 0);
    assert_int_equal(retention_remove(c->x.store, head.count, 3), 3);
    assert_found(c, VERIFY_INTACT, 0);
    while (retention_remove(c->x.store, head.count, 3) > 0)
        ;
}

static void what_is_left_after_records_were_let_go_is_intact(void **state)
{
    struct chain *c = *state;
    struct verify_report r;
    let_go(c, 8);
    r = verify(c);
    assert_int_equal(r.finding, VERIFY_INTACT);
    assert_int_equal(r.first, 13);
    assert_int_equal(r.count, 21);
    /* Again, and by age: everything but the last two goes, the last word among them that stays. */
    append(c->x.store, 5);
    assert_int_equal(head_update(c->head, c->x.store), 0);
    let_go(c, 2);
    r = verify(c);
    assert_int_equal(r.finding, VERIFY_INTACT);
    assert_int_equal(r.first, 25);
    assert_int_equal(head_update(c->head, c->x.store), 0);
}

static void nobody_else_can_let_records_go(void **state)
{
    struct chain *c = *state;
    let_go(c, 8);
    tamper(c, "DELETE FROM audit WHERE seq = 13");
    assert_found(c, VERIFY_SHORTENED, 14);
    tamper(c, "DELETE FROM audit WHERE seq <= 20");
    assert_found(c, VERIFY_SHORTENED, 21);
}

static void a_word_by_somebody_else_lets_nothing_go(void **state)
{
    struct chain *c = *state;
    const struct audit_draft d = {.event = AUDIT_AUDIT_PRUNED,
                                  .wall_ms = NOW * 1000ull,
                                  .actor_kind = AUDIT_PERSON,
                                  .actor = SPAN("ann"),
                                  .detail = SPAN("{\"upto\":5,\"hash\":\"00\"}")};
    assert_int_equal(audit_append(c->x.store, &d, NULL), 0);
    assert_int_equal(head_update(c->head, c->x.store), 0);
    assert_int_equal(retention_remove(c->x.store, 100, 100), 0);
    tamper(c, "DELETE FROM audit WHERE seq <= 5");
    assert_found(c, VERIFY_SHORTENED, 6);
}

static void what_the_first_record_follows_cannot_be_changed(void **state)
{
    struct chain *c = *state;
    let_go(c, 8);
    tamper(c, "UPDATE audit SET prev = zeroblob(32) WHERE seq = 13");
    assert_found(c, VERIFY_CHANGED, 13);
}

static void closing_the_gap_does_not_hide_it(void **state)
{
    struct chain *c = *state;
    struct verify_report r;
    tamper(c, "DELETE FROM audit WHERE seq = 7; UPDATE audit SET seq = -seq WHERE seq > 7;"
              "UPDATE audit SET seq = -seq - 1 WHERE seq < 0");
    r = verify(c);
    assert_int_equal(r.finding, VERIFY_MOVED);
    assert_int_equal(r.seq, 7);
    assert_int_equal(r.was, 8);
}

static void two_records_that_changed_places_are_named(void **state)
{
    struct chain *c = *state;
    struct verify_report r;
    tamper(c, "UPDATE audit SET seq = 1000 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 11;"
              "UPDATE audit SET seq = 11 WHERE seq = 1000");
    r = verify(c);
    assert_int_equal(r.finding, VERIFY_MOVED);
    assert_int_equal(r.seq, 5);
    assert_int_equal(r.was, 11);
}

static void a_record_put_in_place_of_another_does_not_follow(void **state)
{
    struct chain *c = *state;
    uint8_t hash[STORE_HASH_SIZE];
    struct record r = {.seq = 9, .event = SPAN("login"), .actor = SPAN("bob")};
    char hex[2 * STORE_HASH_SIZE + 1], sql[512];
    /* Whole in itself, with a prev of its own invention. */
    fill(r.prev, sizeof(r.prev), 0x11);
    assert_int_equal(record_hash(&r, hash), 0);
    for (size_t i = 0; i < sizeof(hash); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    (void)snprintf(
        sql, sizeof(sql),
        "UPDATE audit SET wall_ms=0, actor_kind=0, actor='bob', event='login', target='',"
        "prev=x'1111111111111111111111111111111111111111111111111111111111111111',"
        "hash=x'%s' WHERE seq=9",
        hex);
    tamper(c, sql);
    assert_found(c, VERIFY_BROKEN, 9);
}

static void a_cut_tail_is_seen_with_the_head_file_only(void **state)
{
    struct chain *c = *state;
    struct verify_report r;
    tamper(c, "DELETE FROM audit WHERE seq > 15");
    assert_int_equal(verify_trail(c->x.store, NULL, &r), 0);
    assert_int_equal(r.finding, VERIFY_INTACT);
    assert_found(c, VERIFY_CUT, 16);
}

static void an_emptied_trail_is_a_cut(void **state)
{
    tamper(*state, "DELETE FROM audit");
    assert_found(*state, VERIFY_CUT, 1);
}

static void a_cut_is_not_blessed_by_the_next_record(void **state)
{
    struct chain *c = *state;
    struct head before, after;
    assert_int_equal(head_read(c->head, &before), 0);
    tamper(c, "DELETE FROM audit WHERE seq > 15");
    append(c->x.store, 1);
    assert_int_equal(head_update(c->head, c->x.store), FAULT_CONFLICT);
    assert_int_equal(head_settle(c->head, c->x.store), FAULT_CONFLICT);
    /* Nor when it has grown past its old length. */
    append(c->x.store, 30);
    assert_int_equal(head_update(c->head, c->x.store), FAULT_CONFLICT);
    assert_int_equal(head_read(c->head, &after), 0);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_found(c, VERIFY_REWRITTEN, 20);
}

static void a_head_that_lags_is_no_alarm(void **state)
{
    struct chain *c = *state;
    append(c->x.store, 3);
    struct verify_report r = verify(c);
    assert_int_equal(r.finding, VERIFY_INTACT);
    assert_int_equal(r.lag, 3);
    assert_int_equal(head_settle(c->head, c->x.store), 0);
    assert_int_equal(verify(c).lag, 0);
}

static void a_missing_head_file_is_named_and_not_made_again(void **state)
{
    struct chain *c = *state;
    assert_int_equal(unlink(c->head), 0);
    assert_int_equal(head_update(c->head, c->x.store), FAULT_ABSENT);
    assert_int_equal(head_settle(c->head, c->x.store), FAULT_ABSENT);
    assert_int_equal(access(c->head, F_OK), -1);
    assert_found(c, VERIFY_HEAD_MISSING, 0);
}

static void an_empty_trail_without_a_head_file_is_intact(void **state)
{
    struct scratch *x = *state;
    struct verify_report r;
    char head[96];
    (void)snprintf(head, sizeof(head), "%s/audit.head", x->dir);
    assert_int_equal(verify_trail(x->store, head, &r), 0);
    assert_int_equal(r.finding, VERIFY_INTACT);
    assert_int_equal(head_update(head, x->store), FAULT_ABSENT);
    assert_int_equal(head_settle(head, x->store), 0);
    assert_int_equal(head_update(head, x->store), 0);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void a_damaged_head_file_is_named(void **state)
{
    static const char *const BAD[] = {
        "",
        "postern-audit-head 1\n",
        "postern-audit-head 2\ncount 1\nhash " ZEROS "\n",
        "postern-audit-head 1\ncount 01\nhash " ZEROS "\n",
        "postern-audit-head 1\ncount -1\nhash " ZEROS "\n",
        "postern-audit-head 1\ncount 99999999999999999999\nhash " ZEROS "\n",
        "postern-audit-head 1\ncount 1\nhash " ZEROS "0\n",
        "postern-audit-head 1\ncount 1\nhash " ZEROS "\nmore\n",
        "postern-audit-head 1\nhash " ZEROS "\ncount 1\n",
    };
    struct chain *c = *state;
    struct head h;
    for (size_t i = 0; i < countof(BAD); i++) {
        put(c->head, BAD[i]);
        assert_int_equal(head_read(c->head, &h), FAULT_FORMAT);
        assert_int_equal(head_update(c->head, c->x.store), FAULT_FORMAT);
        assert_found(c, VERIFY_HEAD_DAMAGED, 0);
    }
}

static void a_head_file_left_half_written_does_no_harm(void **state)
{
    struct chain *c = *state;
    char fresh[128];
    (void)snprintf(fresh, sizeof(fresh), "%s.new", c->head);
    put(fresh, "postern-audit-he");
    append(c->x.store, 1);
    assert_int_equal(head_update(c->head, c->x.store), 0);
    assert_found(c, VERIFY_INTACT, 0);
    assert_int_equal(access(fresh, F_OK), -1);
}

static void a_head_file_that_cannot_be_written_only_lags(void **state)
{
    struct chain *c = *state;
    char fresh[128];
    (void)snprintf(fresh, sizeof(fresh), "%s.new", c->head);
    assert_int_equal(mkdir(fresh, 0700), 0);
    append(c->x.store, 1);
    assert_true(head_update(c->head, c->x.store) < 0);
    struct verify_report r = verify(c);
    assert_int_equal(r.finding, VERIFY_INTACT);
    assert_int_equal(r.lag, 1);
    assert_int_equal(rmdir(fresh), 0);
}

static void every_finding_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    for (int f = VERIFY_INTACT; f <= VERIFY_SHORTENED; f++) {
        struct verify_report r = {.finding = (enum verify_finding)f, .seq = 12, .was = 13};
        struct buf out;
        buf_init(&out, 256);
        assert_int_equal(verify_text(&r, &out), 0);
        assert_true(buf_len(&out) > 5);
        assert_string_not_equal(verify_finding_name(r.finding), "unknown");
        buf_fini(&out);
    }
}

#define with_chain(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_chain(an_untouched_trail_is_intact),
        with_chain(a_trail_longer_than_a_page_is_walked_to_its_end),
        cmocka_unit_test(every_column_is_covered),
        with_chain(a_record_out_of_the_middle_is_missed),
        with_chain(the_first_record_is_missed),
        with_chain(what_is_left_after_records_were_let_go_is_intact),
        with_chain(nobody_else_can_let_records_go),
        with_chain(a_word_by_somebody_else_lets_nothing_go),
        with_chain(what_the_first_record_follows_cannot_be_changed),
        with_chain(closing_the_gap_does_not_hide_it),
        with_chain(two_records_that_changed_places_are_named),
        with_chain(a_record_put_in_place_of_another_does_not_follow),
        with_chain(a_cut_tail_is_seen_with_the_head_file_only),
        with_chain(an_emptied_trail_is_a_cut),
        with_chain(a_cut_is_not_blessed_by_the_next_record),
        with_chain(a_head_that_lags_is_no_alarm),
        with_chain(a_missing_head_file_is_named_and_not_made_again),
        with_store(an_empty_trail_without_a_head_file_is_intact),
        with_chain(a_damaged_head_file_is_named),
        with_chain(a_head_file_left_half_written_does_no_harm),
        with_chain(a_head_file_that_cannot_be_written_only_lags),
        cmocka_unit_test(every_finding_has_a_name_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
