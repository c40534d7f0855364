#include "tests/unit/store/scratch.h"

#include "ipc/message.h"
#include "store/sessions.h"
#include "store/users.h"

static struct session parent_of(const char *user, uint8_t id)
{
    struct session n = {.proven = proven_as(ASSURANCE_MFA, NOW),
                        .factors = 3,
                        .created = NOW,
                        .last_seen = NOW,
                        .idle = 900,
                        .ends_at = NOW + 43200};
    fill(n.id, sizeof(n.id), id);
    fill(n.source, sizeof(n.source), 9);
    (void)snprintf(n.user, sizeof(n.user), "%s", user);
    (void)snprintf(n.host, sizeof(n.host), "postern.localhost:9443");
    (void)snprintf(n.agent, sizeof(n.agent), "Browser/1.0");
    return n;
}

static struct session child_of(const struct session *parent, uint8_t id)
{
    struct session n = *parent;
    fill(n.id, sizeof(n.id), id);
    n.child = true;
    memcpy(n.parent, parent->id, sizeof(n.parent));
    (void)snprintf(n.host, sizeof(n.host), "tomcat.postern.localhost:9443");
    return n;
}

static struct session_key key_of(uint8_t kind, uint8_t id)
{
    struct session_key k = {.kind = kind};
    fill(k.hash, sizeof(k.hash), id);
    return k;
}

/* ann with parent 1 (keys 1 and 2) and children 3 and 4. */
static struct store *family(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    struct session p = parent_of("ann", 1), a = child_of(&p, 3), b = child_of(&p, 4);
    struct session_key keys[] = {key_of(CREDENTIAL_SSO, 1), key_of(CREDENTIAL_CONSOLE, 2)};
    struct session_key ka = key_of(CREDENTIAL_CHILD, 3), kb = key_of(CREDENTIAL_CHILD, 4);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(sessions_add(s, &p, keys, 2), 0);
    assert_int_equal(sessions_add(s, &a, &ka, 1), 0);
    assert_int_equal(sessions_add(s, &b, &kb, 1), 0);
    return s;
}

static const uint8_t *id_of(uint8_t id)
{
    static uint8_t bytes[4][32];
    static unsigned turn;
    uint8_t *at = bytes[turn++ % 4];
    memset(at, id, 32);
    return at;
}

static int collect_id(void *context, const uint8_t id[STORE_ID_SIZE])
{
    return buf_printf(context, "%u ", id[0]);
}

static void a_session_is_found_by_its_key_and_kind(void **state)
{
    struct store *s = family(state);
    struct session n;
    assert_int_equal(sessions_find_key(s, CREDENTIAL_SSO, id_of(1), &n), 0);
    assert_int_equal(n.id[0], 1);
    assert_false(n.child);
    assert_string_equal(n.user, "ann");
    assert_string_equal(n.agent, "Browser/1.0");
    assert_int_equal(n.idle, 900);
    assert_int_equal(sessions_find_key(s, CREDENTIAL_CONSOLE, id_of(1), &n), FAULT_ABSENT);
    assert_int_equal(sessions_find_key(s, CREDENTIAL_CONSOLE, id_of(2), &n), 0);
    assert_int_equal(sessions_find_key(s, CREDENTIAL_CHILD, id_of(3), &n), 0);
    assert_true(n.child);
    assert_int_equal(n.parent[0], 1);
    assert_string_equal(n.host, "tomcat.postern.localhost:9443");
    assert_int_equal(sessions_find_key(s, CREDENTIAL_CHILD, id_of(99), &n), FAULT_ABSENT);
}

static void a_session_needs_a_user_and_a_living_parent(void **state)
{
    struct store *s = family(state);
    struct session n = parent_of("nobody", 9), orphan;
    struct session_key k = key_of(CREDENTIAL_SSO, 9);
    assert_int_equal(sessions_add(s, &n, &k, 1), FAULT_ABSENT);
    orphan = child_of(&n, 10);
    (void)snprintf(orphan.user, sizeof(orphan.user), "ann");
    assert_int_equal(sessions_add(s, &orphan, &k, 1), FAULT_ABSENT);
    assert_int_equal(sessions_end(s, id_of(1), NOW + 1, NULL, NULL), 0);
    n = parent_of("ann", 1);
    orphan = child_of(&n, 10);
    assert_int_equal(sessions_add(s, &orphan, &k, 1), FAULT_ABSENT);
}

static void a_key_that_is_taken_makes_no_session(void **state)
{
    struct store *s = family(state);
    struct session n = parent_of("ann", 20), got;
    struct session_key k = key_of(CREDENTIAL_SSO, 1);
    assert_int_equal(sessions_add(s, &n, &k, 1), FAULT_EXISTS);
    assert_int_equal(sessions_find(s, n.id, &got), FAULT_ABSENT);
}

static void ending_a_parent_ends_and_names_its_children(void **state)
{
    struct store *s = family(state);
    struct session n;
    struct buf out;
    buf_init(&out, 256);
    assert_int_equal(sessions_end(s, id_of(3), NOW + 1, collect_id, &out), 0);
    assert_true(span_is(buf_view(&out), "3 "));
    buf_clear(&out);
    assert_int_equal(sessions_end(s, id_of(1), NOW + 2, collect_id, &out), 0);
    assert_true(span_is(buf_view(&out), "1 4 "));
    buf_clear(&out);
    assert_int_equal(sessions_end(s, id_of(1), NOW + 3, collect_id, &out), 0);
    assert_int_equal(buf_len(&out), 0);
    assert_int_equal(sessions_find(s, id_of(3), &n), 0);
    assert_int_equal(n.ended, NOW + 1);
    buf_fini(&out);
}

static int stop(void *context, const uint8_t id[STORE_ID_SIZE])
{
    (void)id;
    ++*(int *)context;
    return 5;
}

static void a_callback_that_stops_leaves_no_session_alive(void **state)
{
    struct store *s = family(state);
    int calls = 0;
    struct session n;
    assert_int_equal(sessions_end_user(s, "ann", NOW + 1, stop, &calls), 5);
    assert_int_equal(calls, 1);
    for (uint8_t id = 3; id <= 4; id++) {
        assert_int_equal(sessions_find(s, id_of(id), &n), 0);
        assert_int_equal(n.ended, NOW + 1);
    }
}

static void activity_of_a_child_keeps_its_parent_awake(void **state)
{
    struct store *s = family(state);
    struct session n;
    assert_int_equal(sessions_touch(s, id_of(3), NOW + 50), 0);
    assert_int_equal(sessions_touch(s, id_of(3), NOW + 40), 0);
    assert_int_equal(sessions_touch(s, id_of(77), NOW + 40), 0);
    assert_int_equal(sessions_find(s, id_of(3), &n), 0);
    assert_int_equal(n.last_seen, NOW + 50);
    assert_int_equal(sessions_find(s, id_of(1), &n), 0);
    assert_int_equal(n.last_seen, NOW + 50);
    assert_int_equal(sessions_find(s, id_of(4), &n), 0);
    assert_int_equal(n.last_seen, NOW);
}

static void sessions_past_a_limit_expire_with_their_children(void **state)
{
    struct store *s = family(state);
    struct buf out;
    buf_init(&out, 256);
    assert_int_equal(sessions_expire(s, NOW + 899, collect_id, &out), 0);
    assert_int_equal(buf_len(&out), 0);
    assert_int_equal(sessions_touch(s, id_of(3), NOW + 800), 0);
    assert_int_equal(sessions_expire(s, NOW + 900, collect_id, &out), 0);
    assert_true(span_is(buf_view(&out), "4 "));
    buf_clear(&out);
    assert_int_equal(sessions_expire(s, NOW + 43200, collect_id, &out), 0);
    assert_true(span_is(buf_view(&out), "1 3 "));
    buf_fini(&out);
}

static void a_child_expires_with_a_parent_that_ended_first(void **state)
{
    struct store *s = family(state);
    struct session lone = parent_of("ann", 30);
    struct session child;
    struct buf out;
    buf_init(&out, 256);
    lone.ends_at = NOW + 10;
    assert_int_equal(sessions_add(s, &lone, NULL, 0), 0);
    child = child_of(&lone, 31);
    child.ends_at = NOW + 9999;
    assert_int_equal(sessions_add(s, &child, NULL, 0), 0);
    assert_int_equal(sessions_expire(s, NOW + 10, collect_id, &out), 0);
    assert_true(span_is(buf_view(&out), "30 31 "));
    buf_fini(&out);
}

static int count_id(void *context, const uint8_t id[STORE_ID_SIZE])
{
    (void)id;
    ++*(unsigned *)context;
    return 0;
}

static void many_that_expire_at_once_are_ended_little_by_little(void **state)
{
    struct store *s = family(state);
    unsigned told = 0;
    assert_int_equal(store_begin(s), 0);
    for (unsigned i = 0; i < SESSIONS_EXPIRED_AT_ONCE + 20; i++) {
        struct session n = parent_of("ann", 77);
        n.id[1] = (uint8_t)(i >> 8);
        n.id[2] = (uint8_t)i;
        n.ends_at = NOW + 10;
        assert_int_equal(sessions_add(s, &n, NULL, 0), 0);
    }
    assert_int_equal(sessions_expire(s, NOW + 10, count_id, &told), 0);
    assert_int_equal(told, SESSIONS_EXPIRED_AT_ONCE);
    assert_int_equal(sessions_expire(s, NOW + 10, count_id, &told), 0);
    assert_int_equal(told, SESSIONS_EXPIRED_AT_ONCE + 20);
    assert_int_equal(store_commit(s), 0);
}

static int collect(void *context, const struct session *n)
{
    return buf_printf(context, "%s%u ", n->user, n->id[0]);
}

static void only_sessions_that_have_not_ended_are_listed(void **state)
{
    struct store *s = family(state);
    struct session b = parent_of("bob", 50);
    struct buf out;
    uint64_t n = 0;
    const struct page all = {0}, back = {.newest_first = true, .limit = 2}, rest = {.anchor = 1};
    buf_init(&out, 256);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    assert_int_equal(sessions_add(s, &b, NULL, 0), 0);
    assert_int_equal(sessions_end(s, id_of(4), NOW, NULL, NULL), 0);
    assert_int_equal(sessions_list(s, NULL, &all, collect, &out), 0);
    assert_true(span_is(buf_view(&out), "ann1 ann3 bob50 "));
    buf_clear(&out);
    assert_int_equal(sessions_list(s, NULL, &back, collect, &out), 0);
    assert_true(span_is(buf_view(&out), "bob50 ann3 "));
    buf_clear(&out);
    assert_int_equal(sessions_list(s, "ann", &rest, collect, &out), 0);
    assert_true(span_is(buf_view(&out), "ann3 "));
    buf_fini(&out);
    assert_int_equal(sessions_count(s, "ann", &n), 0);
    assert_int_equal(n, 1);
}

static void pruning_forgets_the_ended_and_their_keys(void **state)
{
    struct store *s = family(state);
    struct session n;
    assert_int_equal(sessions_end(s, id_of(1), NOW + 5, NULL, NULL), 0);
    assert_int_equal(sessions_prune(s, NOW + 5), 0);
    assert_int_equal(sessions_find(s, id_of(1), &n), 0);
    assert_int_equal(sessions_prune(s, NOW + 6), 0);
    assert_int_equal(sessions_find(s, id_of(1), &n), FAULT_ABSENT);
    assert_int_equal(sessions_find_key(s, CREDENTIAL_CHILD, id_of(3), &n), FAULT_ABSENT);
}

static void a_removed_user_leaves_no_session(void **state)
{
    struct store *s = family(state);
    struct session n;
    assert_int_equal(users_set_disabled(s, "ann", true), 0);
    assert_int_equal(sessions_find(s, id_of(3), &n), 0);
    assert_true(n.user_disabled);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(sessions_find(s, id_of(3), &n), FAULT_ABSENT);
}

/* ---- hand-over ---- */

static struct handover code(uint8_t id)
{
    struct handover h = {.back = SPAN("/manager/html?x=1"), .expires = NOW + 60};
    fill(h.hash, sizeof(h.hash), id);
    fill(h.flow_hash, sizeof(h.flow_hash), 0xf1);
    fill(h.parent, sizeof(h.parent), 1);
    (void)snprintf(h.host, sizeof(h.host), "tomcat.postern.localhost:9443");
    return h;
}

static void a_handover_code_works_once(void **state)
{
    struct store *s = family(state);
    struct handover h = code(1), got;
    struct arena arena;
    arena_init(&arena, 4096, 1 << 16);
    assert_int_equal(handovers_add(s, &h), 0);
    assert_int_equal(handovers_add(s, &h), FAULT_EXISTS);
    assert_int_equal(handovers_take(s, id_of(2), NOW, &arena, &got), FAULT_ABSENT);
    assert_int_equal(handovers_take(s, h.hash, NOW + 1, &arena, &got), 0);
    assert_true(span_is(got.back, "/manager/html?x=1"));
    assert_memory_equal(got.flow_hash, h.flow_hash, sizeof(h.flow_hash));
    assert_string_equal(got.host, h.host);
    assert_int_equal(got.parent[0], 1);
    assert_int_equal(handovers_take(s, h.hash, NOW + 1, &arena, &got), FAULT_ABSENT);
    arena_fini(&arena);
}

static void an_expired_handover_code_is_used_up_too(void **state)
{
    struct store *s = family(state);
    struct handover h = code(1), got;
    struct arena arena;
    arena_init(&arena, 4096, 1 << 16);
    assert_int_equal(handovers_add(s, &h), 0);
    assert_int_equal(handovers_take(s, h.hash, NOW + 60, &arena, &got), FAULT_STALE);
    assert_int_equal(handovers_take(s, h.hash, NOW, &arena, &got), FAULT_ABSENT);
    arena_fini(&arena);
}

static void handover_codes_of_one_parent_are_bounded(void **state)
{
    struct store *s = family(state);
    static char longer[4097];
    struct handover h = code(0);
    memset(longer, '/', sizeof(longer));
    for (unsigned i = 0; i < HANDOVERS_PER_PARENT; i++) {
        h = code((uint8_t)(i + 1));
        assert_int_equal(handovers_add(s, &h), 0);
    }
    h = code(200);
    assert_int_equal(handovers_add(s, &h), FAULT_LIMIT);
    assert_int_equal(handovers_prune(s, NOW + 60), 0);
    assert_int_equal(handovers_add(s, &h), 0);
    h = code(201);
    h.back = span_of(longer, sizeof(longer));
    assert_int_equal(handovers_add(s, &h), FAULT_LIMIT);
    fill(h.parent, sizeof(h.parent), 0x77);
    h.back = SPAN("/");
    assert_int_equal(handovers_add(s, &h), FAULT_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_session_is_found_by_its_key_and_kind),
        with_store(a_session_needs_a_user_and_a_living_parent),
        with_store(a_key_that_is_taken_makes_no_session),
        with_store(ending_a_parent_ends_and_names_its_children),
        with_store(a_callback_that_stops_leaves_no_session_alive),
        with_store(activity_of_a_child_keeps_its_parent_awake),
        with_store(sessions_past_a_limit_expire_with_their_children),
        with_store(a_child_expires_with_a_parent_that_ended_first),
        with_store(many_that_expire_at_once_are_ended_little_by_little),
        with_store(only_sessions_that_have_not_ended_are_listed),
        with_store(pruning_forgets_the_ended_and_their_keys),
        with_store(a_removed_user_leaves_no_session),
        with_store(a_handover_code_works_once),
        with_store(an_expired_handover_code_is_used_up_too),
        with_store(handover_codes_of_one_parent_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
