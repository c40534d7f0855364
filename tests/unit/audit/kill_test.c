/* A child appends, commits, updates the head file and acknowledges over a pipe; it is killed at any
 * moment, thirty times. Everything acknowledged is there, the chain verifies, and the head file
 * never raises a false alarm. */
#include "tests/unit/store/scratch.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "audit/record.h"
#include "audit/verify.h"
#include "store/users.h"

#define ROUNDS 30

static void work(const char *path, const char *head, int out)
{
    struct store *s;
    if (store_open(path, STORE_OPEN, &s, NULL) < 0 || head_settle(head, s) < 0)
        _exit(3);
    for (;;) {
        uint64_t seq = 0;
        if (store_begin(s) < 0)
            _exit(4);
        /* A turn with three operations: a user and a record each. */
        for (int i = 0; i < 3; i++) {
            char name[32];
            const struct audit_draft d = {.event = AUDIT_USER_ADDED, .actor = SPAN("ann")};
            if (audit_append(s, &d, &seq) < 0)
                _exit(5);
            (void)snprintf(name, sizeof(name), "u%llu", (unsigned long long)seq);
            if (users_add(s, name, NOW) < 0)
                _exit(6);
        }
        if (store_commit(s) < 0)
            _exit(7);
        if (head_update(head, s) < 0)
            _exit(8);
        if (write(out, &seq, sizeof(seq)) != sizeof(seq))
            _exit(9);
    }
}

/* How many records were acknowledged before the child was killed. */
static uint64_t round_of(struct scratch *x, const char *head, long microseconds)
{
    int ends[2], status;
    uint64_t seq, last = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        work(x->path, head, ends[1]);
    }
    (void)close(ends[1]);
    /* The first acknowledgement says that the child is at work. */
    assert_int_equal(read(ends[0], &last, sizeof(last)), sizeof(last));
    const struct timespec wait = {.tv_nsec = microseconds * 1000};
    (void)nanosleep(&wait, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &seq, sizeof(seq)) == sizeof(seq))
        last = seq;
    (void)close(ends[0]);
    return last;
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    struct scratch *x = *state;
    char head[96];
    uint64_t acknowledged = 0;
    (void)snprintf(head, sizeof(head), "%s/audit.head", x->dir);
    assert_int_equal(head_settle(head, x->store), 0);
    scratch_close(x);
    for (int i = 0; i < ROUNDS; i++) {
        struct verify_report r;
        uint64_t users = 0;
        /* A different moment each time, spread over several turns of the child. */
        acknowledged = round_of(x, head, (i * 977) % 9000);
        scratch_open(x, STORE_OPEN);
        assert_int_equal(verify_trail(x->store, head, &r), 0);
        if (r.finding != VERIFY_INTACT)
            fail_msg("%s at %llu", verify_finding_name(r.finding), (unsigned long long)r.seq);
        assert_true(r.count >= acknowledged);
        assert_true(r.lag <= 3);
        assert_int_equal(r.count % 3, 0);
        /* A change and its record go together. */
        assert_int_equal(users_count(x->store, &users), 0);
        assert_int_equal(users, r.count);
        scratch_close(x);
    }
    print_message("%d kills, %llu records acknowledged\n", ROUNDS,
                  (unsigned long long)acknowledged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {with_store(what_was_acknowledged_survives_kill_9)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
