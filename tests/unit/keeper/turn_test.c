/* Turns, revocations and sweeping with real channels and a real store, and no loop: the test says
 * when a pass of the loop ends. */
#include "tests/unit/unit.h"

#include <fcntl.h>

#include "base/fault.h"
#include "base/text.h"
#include "ipc/topic.h"
#include "keeper/candidate.h"
#include "keeper/sweep.h"
#include "store/resources.h"
#include "store/trail.h"
#include "tests/unit/keeper/bench.h"

struct play {
    struct bench b;
    struct peer *edge[2];
    struct channel client[2];
    struct channel supervisor;
};

static void join(struct play *p, size_t i)
{
    int fds[2];
    assert_int_equal(channel_pair(fds), 0);
    p->edge[i] = test_calloc(1, sizeof(*p->edge[i]));
    p->edge[i]->keeper = &p->b.k;
    p->edge[i]->number = i + 1;
    p->edge[i]->id = (uint32_t)i + 1;
    assert_int_equal(channel_init(&p->edge[i]->channel, fds[0], IPC_KEEPER, IPC_EDGE), 0);
    assert_int_equal(channel_init(&p->client[i], fds[1], IPC_EDGE, IPC_KEEPER), 0);
    list_push(&p->b.k.edges, &p->edge[i]->link);
    p->b.k.edge_count++;
}

static int setup(void **state)
{
    struct play *p = test_calloc(1, sizeof(*p));
    int fds[2];
    bench_open(&p->b);
    join(p, 0);
    join(p, 1);
    assert_int_equal(channel_pair(fds), 0);
    p->b.k.supervisor.keeper = &p->b.k;
    assert_int_equal(channel_init(&p->b.k.supervisor.channel, fds[0], IPC_KEEPER, IPC_SUPERVISOR),
                     0);
    assert_int_equal(channel_init(&p->supervisor, fds[1], IPC_SUPERVISOR, IPC_KEEPER), 0);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct play *p = *state;
    assert_true(list_empty(&p->b.k.turn.held));
    for (size_t i = 0; i < countof(p->edge); i++) {
        channel_fini(&p->edge[i]->channel);
        channel_fini(&p->client[i]);
        test_free(p->edge[i]);
    }
    channel_fini(&p->b.k.supervisor.channel);
    channel_fini(&p->supervisor);
    bench_close(&p->b);
    test_free(p);
    return 0;
}

/* Lets the keeper take what the edge has sent. */
static void deliver(struct play *p, size_t i)
{
    struct message m;
    assert_int_equal(channel_recv(&p->edge[i]->channel, &m), 1);
    assert_int_equal(edge_message(p->edge[i], &m), 0);
}

static void verb(struct play *p, uint32_t serial, const char *method, const char *path,
                 const char *body)
{
    struct msg_verb v = {.kind = CREDENTIAL_CONSOLE,
                         .token = span_str(p->b.owner),
                         .host = BENCH_HOST,
                         .method = span_str(method),
                         .path = span_str(path),
                         .type = SPAN("application/json"),
                         .body = span_str(body)};
    assert_int_equal(channel_send_verb(&p->client[0], serial, &v, -1), 0);
    deliver(p, 0);
}

/* The next message but for the word that something has changed. */
static int next(struct channel *c, struct message *m)
{
    int r;
    do
        r = channel_recv(c, m);
    while (r == 1 && m->type == MSG_CHANGED);
    return r;
}

static bool silent(struct channel *c)
{
    struct message m;
    return next(c, &m) == 0;
}

/* The status of the page that answers `serial`, which comes next. */
static unsigned page(struct play *p, uint32_t serial)
{
    struct message m;
    struct msg_page page;
    assert_int_equal(next(&p->client[0], &m), 1);
    assert_int_equal(m.type, MSG_PAGE);
    assert_int_equal(m.serial, serial);
    assert_int_equal(msg_page_decode(m.payload, &page), 0);
    return page.status;
}

/* How often a turn of this operation says that something was committed. */
static unsigned changes_told(struct play *p, size_t i, uint32_t *topics)
{
    struct message m;
    unsigned count = 0;
    while (channel_recv(&p->client[i], &m) == 1) {
        struct msg_changed changed;
        if (m.type != MSG_CHANGED) {
            continue;
        }
        assert_int_equal(msg_changed_decode(m.payload, &changed), 0);
        *topics = changed.topics;
        count++;
    }
    return count;
}

static void a_turn_tells_every_edge_once_what_it_has_changed(void **state)
{
    struct play *p = *state;
    uint32_t topics = 0;
    verb(p, 1, "POST", "/api/v1/groups", "{\"name\":\"g\"}");
    verb(p, 2, "POST", "/api/v1/groups", "{\"name\":\"h\"}");
    turn_end(&p->b.k.turn);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(changes_told(p, i, &topics), 1);
        assert_int_equal(topics, TOPIC_USERS | TOPIC_AUDIT);
    }
}

static void what_was_not_committed_is_not_told(void **state)
{
    struct play *p = *state;
    uint32_t topics;
    verb(p, 1, "POST", "/api/v1/groups", "{\"name\":\"g\"}");
    p->b.k.turn.broken = true;
    turn_end(&p->b.k.turn);
    assert_int_equal(changes_told(p, 1, &topics), 0);
    verb(p, 2, "POST", "/api/v1/groups", "{\"name\":\"no such name\"}");
    turn_end(&p->b.k.turn);
    assert_int_equal(changes_told(p, 1, &topics), 0);
}

static void nobody_is_answered_before_the_commit(void **state)
{
    struct play *p = *state;
    verb(p, 1, "POST", "/api/v1/groups", "{\"name\":\"g\"}");
    verb(p, 2, "GET", "/api/v1/groups", "");
    assert_true(silent(&p->client[0]));
    turn_end(&p->b.k.turn);
    assert_int_equal(page(p, 1), 201);
    assert_int_equal(page(p, 2), 200);
    /* Alone, a question changes nothing and waits for nobody. */
    verb(p, 3, "GET", "/api/v1/groups", "");
    assert_int_equal(page(p, 3), 200);
    assert_false(p->b.k.turn.open);
}

static void what_fails_is_undone_alone(void **state)
{
    struct play *p = *state;
    bool there = false;
    verb(p, 1, "POST", "/api/v1/users", "{\"name\":\"a\"}");
    verb(p, 2, "POST", "/api/v1/users", "{\"name\":\"b\",\"groups\":[\"absent\"]}");
    verb(p, 3, "POST", "/api/v1/users", "{\"name\":\"c\",\"groups\":[\"owners\"]}");
    turn_end(&p->b.k.turn);
    assert_int_equal(page(p, 1), 201);
    assert_int_equal(page(p, 2), 400);
    assert_int_equal(page(p, 3), 201);
    struct user user;
    assert_int_equal(users_find(p->b.k.store, "a", &user), 0);
    assert_int_equal(users_find(p->b.k.store, "b", &user), FAULT_ABSENT);
    assert_int_equal(groups_has(p->b.k.store, "owners", "c", &there), 0);
    assert_true(there);
}

/* The journal's descriptor now leads to a disk that is full. Returns a copy of the true one. */
static int fill_disk(const char *dir, int *journal)
{
    char link[64], path[512], want[128];
    (void)snprintf(want, sizeof(want), "%s/postern.db-wal", dir);
    for (int fd = 0; fd < 256; fd++) {
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof(path) - 1);
        if (n < 0) {
            continue;
        }
        path[n] = '\0';
        if (strcmp(path, want) == 0) {
            int kept = dup(fd), full = open("/dev/full", O_RDWR);
            assert_true(kept >= 0 && full >= 0);
            assert_int_equal(dup2(full, fd), fd);
            (void)close(full);
            *journal = fd;
            return kept;
        }
    }
    fail_msg("no journal is open");
    return -1;
}

static void a_failed_commit_turns_every_answer_of_the_turn_into_cannot_say(void **state)
{
    struct play *p = *state;
    struct keeper *k = &p->b.k;
    uint64_t count = 0, after = 0;
    uint8_t hash[STORE_HASH_SIZE];
    struct message m;
    assert_int_equal(trail_last(k->store, &count, hash), 0);
    verb(p, 1, "POST", "/api/v1/groups", "{\"name\":\"g\"}");
    verb(p, 2, "PUT", "/api/v1/zones/z", "{\"cidrs\":[\"10.0.0.0/8\"]}");
    struct msg_logout out = {
        .kind = CREDENTIAL_CONSOLE, .token = span_str(p->b.person), .host = BENCH_HOST};
    assert_int_equal(channel_send_logout(&p->client[0], 3, &out, -1), 0);
    deliver(p, 0);
    verb(p, 4, "GET", "/api/v1/groups", "");
    int journal, kept = fill_disk(p->b.dir, &journal);
    turn_end(&k->turn);
    assert_int_equal(dup2(kept, journal), journal);
    (void)close(kept);
    assert_int_equal(page(p, 1), 503);
    assert_int_equal(page(p, 2), 503);
    struct msg_logout_is is;
    assert_int_equal(channel_recv(&p->client[0], &m), 1);
    assert_int_equal(m.type, MSG_LOGOUT_IS);
    assert_int_equal(msg_logout_is_decode(m.payload, &is), 0);
    assert_int_equal(is.ok, 0);
    assert_int_equal(page(p, 4), 503);
    /* Nothing was revoked, published or recorded, and the next turn works. */
    assert_true(silent(&p->client[0]) && silent(&p->client[1]) && silent(&p->supervisor));
    assert_null(k->changes.current);
    assert_int_equal(trail_last(k->store, &after, hash), 0);
    assert_int_equal(after, count);
    verb(p, 5, "POST", "/api/v1/groups", "{\"name\":\"g\"}");
    turn_end(&k->turn);
    assert_int_equal(page(p, 5), 201);
}

static void a_change_behind_one_that_could_not_be_stored_gets_its_turn(void **state)
{
    struct play *p = *state;
    struct keeper *k = &p->b.k;
    struct message m;
    verb(p, 1, "PUT", "/api/v1/zones/z", "{\"cidrs\":[\"10.0.0.0/8\"]}");
    verb(p, 2, "PUT", "/api/v1/zones/y", "{\"cidrs\":[\"10.0.0.0/8\"]}");
    k->turn.broken = true;
    turn_end(&k->turn);
    assert_int_equal(page(p, 1), 503);
    turn_end(&k->turn);
    assert_int_equal(channel_recv(&p->supervisor, &m), 1);
    assert_int_equal(m.type, MSG_SNAPSHOT);
    (void)close(m.fd);
    assert_non_null(k->changes.current);
    assert_string_equal(k->changes.current->plan->entries[0].name, "y");
    change_aborted(k, k->changes.current->number, SPAN("enough"));
    turn_end(&k->turn);
    assert_int_equal(page(p, 2), 409);
}

static uint64_t take_revoke(struct channel *c, enum revoke_kind kind)
{
    struct message m;
    struct msg_revoke r;
    assert_int_equal(next(c, &m), 1);
    assert_int_equal(m.type, MSG_REVOKE);
    assert_int_equal(msg_revoke_decode(m.payload, &r), 0);
    assert_int_equal(r.kind, kind);
    return r.epoch;
}

static void confirm(struct play *p, size_t i, uint64_t epoch)
{
    struct msg_revoked r = {.epoch = epoch};
    assert_int_equal(channel_send_revoked(&p->client[i], 0, &r, -1), 0);
    deliver(p, i);
}

static void an_answer_waits_until_every_edge_has_confirmed(void **state)
{
    struct play *p = *state;
    verb(p, 1, "POST", "/api/v1/users/person/disable", "{}");
    assert_true(silent(&p->client[1]));
    turn_end(&p->b.k.turn);
    uint64_t epoch = take_revoke(&p->client[0], REVOKE_USER);
    assert_int_equal(take_revoke(&p->client[1], REVOKE_USER), epoch);
    confirm(p, 0, epoch);
    assert_true(silent(&p->client[0]));
    confirm(p, 1, epoch);
    assert_int_equal(page(p, 1), 200);
}

static void a_silent_edge_is_reported_once_and_nobody_waits_for_it(void **state)
{
    struct play *p = *state;
    struct keeper *k = &p->b.k;
    struct message m;
    struct msg_stalled stalled;
    verb(p, 1, "DELETE", "/api/v1/users/person/sessions", "");
    turn_end(&k->turn);
    uint64_t epoch = take_revoke(&p->client[0], REVOKE_SESSION);
    confirm(p, 0, epoch);
    assert_true(silent(&p->client[0]));
    (void)revoke_watch(k, clock_mono_ms() + REVOKE_PATIENCE_MS);
    turn_end(&k->turn);
    turn_settle(&k->turn);
    assert_int_equal(page(p, 1), 200);
    assert_int_equal(channel_recv(&p->supervisor, &m), 1);
    assert_int_equal(m.type, MSG_STALLED);
    assert_int_equal(msg_stalled_decode(m.payload, &stalled), 0);
    assert_int_equal(stalled.id, 2);
    (void)revoke_watch(k, clock_mono_ms() + 2 * REVOKE_PATIENCE_MS);
    assert_true(silent(&p->supervisor));
}

static void an_epoch_that_never_was_breaks_the_channel(void **state)
{
    struct play *p = *state;
    struct message m;
    struct msg_revoked r = {.epoch = 1};
    assert_int_equal(channel_send_revoked(&p->client[0], 0, &r, -1), 0);
    assert_int_equal(channel_recv(&p->edge[0]->channel, &m), 1);
    assert_int_equal(edge_message(p->edge[0], &m), FAULT_FORMAT);
}

static void a_session_past_its_limit_is_swept_up_and_recorded(void **state)
{
    struct play *p = *state;
    struct keeper *k = &p->b.k;
    uint64_t now = clock_wall_ms() / 1000, before = 0, after = 0;
    uint8_t hash[STORE_HASH_SIZE];
    struct session s = {.id = {7},
                        .user = "person",
                        .host = "postern.localhost",
                        .created = now - 100,
                        .last_seen = now - 100,
                        .idle = 60,
                        .ends_at = now + 1000};
    struct session_key key = {.kind = CREDENTIAL_CONSOLE, .hash = {7}};
    assert_int_equal(sessions_add(k->store, &s, &key, 1), 0);
    assert_int_equal(trail_last(k->store, &before, hash), 0);
    k->access_lost = 3;
    sweep_minute(k);
    turn_end(&k->turn);
    for (size_t i = 0; i < 2; i++) {
        confirm(p, i, take_revoke(&p->client[i], REVOKE_SESSION));
    }
    assert_int_equal(trail_last(k->store, &after, hash), 0);
    assert_int_equal(after, before + 2);
    assert_int_equal(k->access_lost, 0);
    sweep_minute(k);
    turn_end(&k->turn);
    assert_true(silent(&p->client[0]));
}

/* A supervisor that cannot be reached: the change is undone in the same breath. */
static void a_change_that_cannot_be_published_is_undone(void **state)
{
    struct play *p = *state;
    struct keeper *k = &p->b.k;
    channel_fini(&p->supervisor);
    verb(p, 1, "PUT", "/api/v1/zones/z", "{\"cidrs\":[\"10.0.0.0/8\"]}");
    k->stopping = true; /* there is no loop to stop */
    turn_end(&k->turn);
    turn_end(&k->turn);
    assert_int_equal(page(p, 1), 503);
    assert_null(k->changes.current);
    struct arena arena;
    struct resource resource;
    arena_init(&arena, 1024, 65536);
    assert_int_equal(resources_find(k->store, "zone", "z", &arena, &resource), FAULT_ABSENT);
    arena_fini(&arena);
}

#define with_play(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_play(a_turn_tells_every_edge_once_what_it_has_changed),
        with_play(what_was_not_committed_is_not_told),
        with_play(nobody_is_answered_before_the_commit),
        with_play(what_fails_is_undone_alone),
        with_play(a_failed_commit_turns_every_answer_of_the_turn_into_cannot_say),
        with_play(a_change_behind_one_that_could_not_be_stored_gets_its_turn),
        with_play(an_answer_waits_until_every_edge_has_confirmed),
        with_play(a_silent_edge_is_reported_once_and_nobody_waits_for_it),
        with_play(an_epoch_that_never_was_breaks_the_channel),
        with_play(a_session_past_its_limit_is_swept_up_and_recorded),
        with_play(a_change_that_cannot_be_published_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
