#include "tests/unit/store/scratch.h"

#include "audit/record.h"

static struct record sample(void)
{
    struct record r = {.seq = 7,
                       .wall_ms = 1700000000123,
                       .actor_kind = AUDIT_PERSON,
                       .actor = SPAN("ann"),
                       .event = SPAN("login"),
                       .target = SPAN("postern"),
                       .outcome = AUDIT_DONE,
                       .request_id = SPAN("r1"),
                       .detail = SPAN("{\"factor\":\"totp\"}")};
    fill(r.source, sizeof(r.source), 3);
    return r;
}

static void an_encoding_comes_back_as_it_went_in(void **state)
{
    struct record r = sample(), got;
    uint8_t bytes[AUDIT_ENCODING_MAX];
    (void)state;
    int len = record_encode(&r, bytes, sizeof(bytes));
    assert_true(len > 0);
    assert_int_equal(record_decode(span_of(bytes, (size_t)len), &got), 0);
    assert_int_equal(got.seq, 7);
    assert_true(got.wall_ms == r.wall_ms);
    assert_true(span_is(got.actor, "ann"));
    assert_true(span_is(got.event, "login"));
    assert_true(span_is(got.detail, "{\"factor\":\"totp\"}"));
    assert_memory_equal(got.source, r.source, 16);
}

static void no_shorter_or_longer_encoding_is_read(void **state)
{
    struct record r = sample(), got;
    uint8_t bytes[AUDIT_ENCODING_MAX + 1] = {0};
    (void)state;
    int len = record_encode(&r, bytes, AUDIT_ENCODING_MAX);
    for (int n = 0; n < len; n++)
        assert_int_equal(record_decode(span_of(bytes, (size_t)n), &got), FAULT_FORMAT);
    assert_int_equal(record_decode(span_of(bytes, (size_t)len + 1), &got), FAULT_FORMAT);
    bytes[0] = 2;
    assert_int_equal(record_decode(span_of(bytes, (size_t)len), &got), FAULT_FORMAT);
}

/* The format for others who verify: made by hand from the description in audit/record.h. */
static void the_hash_is_that_of_the_documented_bytes(void **state)
{
    static const uint8_t EXPECT[STORE_HASH_SIZE] = {0x84, 0x05, 0x5e, 0x08, 0xa2, 0x12, 0x4c, 0xc1,
                                                    0x55, 0xda, 0x1c, 0x37, 0x32, 0x54, 0x13, 0xff,
                                                    0xc3, 0x5e, 0x71, 0xd0, 0x67, 0x2a, 0x67, 0x2b,
                                                    0x51, 0x0a, 0xd9, 0xed, 0x0b, 0x88, 0x3e, 0xb2};
    struct record r = sample();
    uint8_t hash[STORE_HASH_SIZE];
    (void)state;
    assert_int_equal(record_hash(&r, hash), 0);
    assert_memory_equal(hash, EXPECT, sizeof(hash));
}

static void every_field_changes_the_hash(void **state)
{
    (void)state;
    for (int field = 0; field < 11; field++) {
        struct record r = sample();
        uint8_t before[STORE_HASH_SIZE], after[STORE_HASH_SIZE];
        assert_int_equal(record_hash(&r, before), 0);
        switch (field) {
        case 0:
            r.seq++;
            break;
        case 1:
            r.wall_ms++;
            break;
        case 2:
            r.actor_kind++;
            break;
        case 3:
            r.actor = SPAN("anna");
            break;
        case 4:
            r.source[15] ^= 1;
            break;
        case 5:
            r.event = SPAN("logout");
            break;
        case 6:
            r.target = SPAN("");
            break;
        case 7:
            r.outcome++;
            break;
        case 8:
            r.request_id = SPAN("r2");
            break;
        case 9:
            r.detail = SPAN("{}");
            break;
        default:
            r.prev[0] ^= 1;
        }
        assert_int_equal(record_hash(&r, after), 0);
        assert_memory_not_equal(before, after, sizeof(before));
    }
}

/* Bytes that move from one field to the next make another encoding. */
static void fields_do_not_run_into_each_other(void **state)
{
    struct record a = sample(), b = sample();
    uint8_t ha[STORE_HASH_SIZE], hb[STORE_HASH_SIZE];
    (void)state;
    a.actor = SPAN("annx");
    a.event = SPAN("login");
    b.actor = SPAN("ann");
    b.event = SPAN("xlogin");
    assert_int_equal(record_hash(&a, ha), 0);
    assert_int_equal(record_hash(&b, hb), 0);
    assert_memory_not_equal(ha, hb, sizeof(ha));
}

static void event_names_are_one_to_one(void **state)
{
    (void)state;
    for (unsigned e = AUDIT_NONE + 1; e < AUDIT_EVENT_COUNT; e++) {
        const char *name = audit_event_name((enum audit_event)e);
        assert_true(strlen(name) > 0 && strlen(name) <= 64);
        assert_true(strlen(audit_event_text((enum audit_event)e)) > 0);
        assert_int_equal(audit_event_find(span_str(name)), e);
    }
    assert_int_equal(audit_event_find(SPAN("")), AUDIT_NONE);
    assert_int_equal(audit_event_find(SPAN("login ")), AUDIT_NONE);
    assert_string_equal(audit_event_name(AUDIT_EVENT_COUNT), "");
    assert_string_equal(audit_actor_name(AUDIT_SYSTEM), "system");
    assert_string_equal(audit_actor_name(200), "unknown");
    assert_string_equal(audit_outcome_name(AUDIT_FAILED), "failed");
    assert_string_equal(audit_outcome_name(3), "unknown");
}

/* ---- appending ---- */

struct seen {
    struct record record;
    char actor[AUDIT_ACTOR_MAX + 1], target[AUDIT_TARGET_MAX + 1], detail[AUDIT_DETAIL_MAX + 1];
    unsigned count;
};

static int keep(void *context, const struct record *r)
{
    struct seen *s = context;
    s->record = *r;
    s->count++;
    (void)snprintf(s->actor, sizeof(s->actor), "%.*s", SPAN_FMT(r->actor));
    (void)snprintf(s->target, sizeof(s->target), "%.*s", SPAN_FMT(r->target));
    (void)snprintf(s->detail, sizeof(s->detail), "%.*s", SPAN_FMT(r->detail));
    return 0;
}

static void records_are_numbered_and_chained(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    struct seen seen = {0};
    uint8_t first[STORE_HASH_SIZE];
    uint64_t seq = 0;
    const struct audit_draft d = {.event = AUDIT_LOGIN, .wall_ms = 5, .actor = SPAN("ann")};
    assert_int_equal(audit_append(s, &d, &seq), 0);
    assert_int_equal(seq, 1);
    assert_int_equal(trail_hash(s, 1, first), 0);
    assert_int_equal(audit_append(s, &d, &seq), 0);
    assert_int_equal(seq, 2);
    const struct page second = {.anchor = 1};
    assert_int_equal(trail_list(s, &second, keep, &seen), 0);
    assert_memory_equal(seen.record.prev, first, sizeof(first));
    assert_string_equal(seen.actor, "ann");
}

static void an_undone_record_leaves_no_gap(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    uint64_t seq = 0;
    const struct audit_draft d = {.event = AUDIT_LOGIN};
    assert_int_equal(store_begin(s), 0);
    assert_int_equal(audit_append(s, &d, &seq), 0);
    assert_int_equal(store_mark(s), 0);
    assert_int_equal(audit_append(s, &d, &seq), 0);
    store_undo(s);
    assert_int_equal(audit_append(s, &d, &seq), 0);
    assert_int_equal(seq, 2);
    assert_int_equal(store_commit(s), 0);
}

static void a_draft_without_an_event_is_misuse(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    const struct audit_draft none = {0}, foreign = {.event = AUDIT_EVENT_COUNT};
    assert_int_equal(audit_append(s, &none, NULL), FAULT_MISUSE);
    assert_int_equal(audit_append(s, &foreign, NULL), FAULT_MISUSE);
}

static void hostile_text_is_tidied_and_cut_at_a_character(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    static char detail[AUDIT_DETAIL_MAX + 10];
    char target[AUDIT_TARGET_MAX + 2];
    struct seen seen = {0};
    memset(detail, 'x', sizeof(detail));
    memset(target, 'a', sizeof(target));
    /* A character of two bytes over the edge. */
    target[AUDIT_TARGET_MAX - 1] = (char)0xc3;
    target[AUDIT_TARGET_MAX] = (char)0xa4;
    const struct audit_draft d = {.event = AUDIT_LOGIN_REFUSED,
                                  .actor = SPAN("a\0b\xff\xc3\xa4\xe2\x82"),
                                  .target = span_of(target, sizeof(target)),
                                  .detail = span_of(detail, sizeof(detail))};
    const struct page all = {0};
    assert_int_equal(audit_append(s, &d, NULL), 0);
    assert_int_equal(trail_list(s, &all, keep, &seen), 0);
    assert_string_equal(seen.actor, "a?b?\xc3\xa4??");
    assert_int_equal(strlen(seen.target), AUDIT_TARGET_MAX - 1);
    assert_string_equal(seen.detail, "{\"cut\":true}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_encoding_comes_back_as_it_went_in),
        cmocka_unit_test(no_shorter_or_longer_encoding_is_read),
        cmocka_unit_test(the_hash_is_that_of_the_documented_bytes),
        cmocka_unit_test(every_field_changes_the_hash),
        cmocka_unit_test(fields_do_not_run_into_each_other),
        cmocka_unit_test(event_names_are_one_to_one),
        with_store(records_are_numbered_and_chained),
        with_store(an_undone_record_leaves_no_gap),
        with_store(a_draft_without_an_event_is_misuse),
        with_store(hostile_text_is_tidied_and_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
