#include "store/migrate.h"
#include "tests/unit/store/scratch.h"

#include <errno.h>
#include <fcntl.h>

#include <sqlite3.h>
#include <sys/wait.h>

#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static int try_open(struct scratch *x, enum store_mode mode, const char *expect)
{
    struct buf note;
    struct store *s = NULL;
    buf_init(&note, 512);
    int rc = store_open(x->path, mode, &s, &note);
    if (rc < 0 && expect != NULL) {
        char *text = buf_take_string(&note);
        assert_non_null(text);
        if (strstr(text, expect) == NULL)
            fail_msg("note is: %s", text);
        free(text);
    }
    if (rc == 0)
        store_close(s);
    else
        assert_null(s);
    buf_fini(&note);
    return rc;
}

static void run(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_store_that_does_not_exist_is_absent(void **state)
{
    struct scratch x;
    (void)state;
    scratch_dir(&x);
    assert_int_equal(try_open(&x, STORE_OPEN, "No such file"), FAULT_ABSENT);
    assert_int_equal(try_open(&x, STORE_READ, "No such file"), FAULT_ABSENT);
    assert_int_equal(access(x.path, F_OK), -1);
    scratch_remove(&x);
}

static void files_of_a_new_store_are_for_the_owner_only(void **state)
{
    struct scratch *x = *state;
    static const char *const ENDS[] = {"", "-wal", "-shm", ".access", ".access-wal"};
    assert_int_equal(users_add(x->store, "ann", NOW), 0);
    for (size_t i = 0; i < countof(ENDS); i++) {
        char path[128];
        struct stat st;
        (void)snprintf(path, sizeof(path), "%s%s", x->path, ENDS[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void a_store_that_others_can_read_is_refused(void **state)
{
    struct scratch *x = *state;
    scratch_close(x);
    assert_int_equal(chmod(x->path, 0640), 0);
    assert_int_equal(try_open(x, STORE_OPEN, "0600"), FAULT_DENIED);
}

static void a_link_in_place_of_the_store_is_refused(void **state)
{
    struct scratch *x = *state;
    char away[128];
    scratch_close(x);
    (void)snprintf(away, sizeof(away), "%s.real", x->path);
    assert_int_equal(rename(x->path, away), 0);
    assert_int_equal(symlink(away, x->path), 0);
    assert_int_equal(try_open(x, STORE_OPEN, NULL), FAULT_DENIED);
}

static void a_store_of_a_newer_postern_is_refused_and_not_touched(void **state)
{
    struct scratch *x = *state;
    scratch_close(x);
    run(x->path, "PRAGMA user_version = 9999");
    assert_int_equal(try_open(x, STORE_OPEN, "newer postern"), FAULT_VERSION);
    assert_int_equal(try_open(x, STORE_CREATE, "9999"), FAULT_VERSION);
    char back[64];
    (void)snprintf(back, sizeof(back), "PRAGMA user_version = %u", schema_main.version);
    run(x->path, back);
    assert_int_equal(try_open(x, STORE_OPEN, NULL), 0);
}

static void an_older_store_is_not_read_without_migration(void **state)
{
    struct scratch *x = *state;
    scratch_close(x);
    run(x->path, "PRAGMA user_version = 0");
    assert_int_equal(try_open(x, STORE_READ, "older postern"), FAULT_VERSION);
}

static void nobody_gets_a_role_by_an_upgrade(void **state)
{
    struct scratch x;
    struct buf names;
    bool has;
    (void)state;
    scratch_dir(&x);
    run(x.path, schema_main.steps[0]);
    run(x.path, schema_main.steps[1]);
    run(x.path, "PRAGMA application_id = 0x50535452;"
                "INSERT INTO users (name, created) VALUES ('ann', 1), ('bob', 1);"
                "INSERT INTO user_groups (name, created) VALUES ('administrators', 7),"
                "    ('operators', 8), ('others', 9);"
                "INSERT INTO memberships (user, user_group) VALUES ('ann', 'administrators'),"
                "    ('ann', 'others'), ('bob', 'owners')");
    assert_int_equal(chmod(x.path, 0600), 0);
    scratch_open(&x, STORE_OPEN);
    buf_init(&names, 256);
    assert_int_equal(groups_of(x.store, "ann", &names), 0);
    assert_true(span_is(buf_view(&names), "administrators.before\nothers"));
    buf_fini(&names);
    assert_int_equal(groups_has(x.store, "owners", "bob", &has), 0);
    assert_true(has);
    struct group g;
    assert_int_equal(groups_find(x.store, "administrators", &g), 0);
    assert_int_equal(g.members, 0);
    assert_int_equal(groups_find(x.store, "auditors", &g), 0);
    assert_int_equal(groups_find(x.store, "operators.before", &g), FAULT_ABSENT);
    scratch_remove(&x);
}

static void another_program_s_database_is_refused(void **state)
{
    struct scratch x;
    (void)state;
    scratch_dir(&x);
    run(x.path, "CREATE TABLE t (a); PRAGMA application_id = 7");
    assert_int_equal(chmod(x.path, 0600), 0);
    assert_int_equal(try_open(&x, STORE_OPEN, "something else"), FAULT_CORRUPT);
    assert_int_equal(try_open(&x, STORE_CREATE, "something else"), FAULT_CORRUPT);
    scratch_remove(&x);
}

static void an_emptied_store_is_not_mistaken_for_a_new_one(void **state)
{
    struct scratch *x = *state;
    scratch_close(x);
    assert_int_equal(truncate(x->path, 0), 0);
    assert_int_equal(try_open(x, STORE_OPEN, "empty"), FAULT_CORRUPT);
}

static void a_file_that_is_no_database_is_corrupt(void **state)
{
    struct scratch *x = *state;
    scratch_close(x);
    int fd = open(x->path, O_WRONLY | O_TRUNC);
    for (int i = 0; i < 200; i++)
        assert_int_equal(write(fd, "this is not a database at all..", 31), 31);
    (void)close(fd);
    assert_int_equal(try_open(x, STORE_OPEN, "damaged"), FAULT_CORRUPT);
}

static void a_damaged_page_is_found_at_the_start(void **state)
{
    struct scratch *x = *state;
    for (unsigned i = 0; i < 400; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "user-with-a-name-%05u", i);
        assert_int_equal(users_add(x->store, name, NOW), 0);
    }
    scratch_close(x);
    struct stat st;
    assert_int_equal(stat(x->path, &st), 0);
    int fd = open(x->path, O_WRONLY);
    uint8_t junk[4096];
    memset(junk, 0xa5, sizeof(junk));
    for (off_t at = st.st_size - 3 * 4096; at < st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
    (void)close(fd);
    assert_int_equal(try_open(x, STORE_OPEN, "damaged"), FAULT_CORRUPT);
}

static void the_access_log_is_made_again_when_it_was_thrown_away(void **state)
{
    struct scratch *x = *state;
    char path[128];
    scratch_close(x);
    (void)snprintf(path, sizeof(path), "%s.access", x->path);
    assert_int_equal(unlink(path), 0);
    scratch_open(x, STORE_OPEN);
}

static void a_store_opened_for_reading_takes_no_change(void **state)
{
    struct scratch *x = *state;
    assert_int_equal(users_add(x->store, "ann", NOW), 0);
    scratch_close(x);
    scratch_open(x, STORE_READ);
    struct user u;
    assert_int_equal(users_find(x->store, "ann", &u), 0);
    assert_int_equal(users_add(x->store, "bob", NOW), -EROFS);
}

static void a_store_that_is_being_written_elsewhere_is_busy(void **state)
{
    struct scratch *x = *state;
    sqlite3 *other;
    assert_int_equal(sqlite3_open(x->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_begin(x->store), FAULT_BUSY);
    assert_false(store_in_transaction(x->store));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(store_begin(x->store), 0);
    assert_int_equal(store_commit(x->store), 0);
}

static bool has(struct store *s, const char *name)
{
    struct user u;
    return users_find(s, name, &u) == 0;
}

static void a_rollback_takes_everything_back(void **state)
{
    struct store *s = of(state);
    assert_int_equal(store_begin(s), 0);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_true(has(s, "ann"));
    store_rollback(s);
    assert_false(has(s, "ann"));
}

static void an_operation_can_be_undone_alone(void **state)
{
    struct scratch *x = *state;
    struct store *s = x->store;
    assert_int_equal(store_begin(s), 0);
    assert_int_equal(store_mark(s), 0);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(store_keep(s), 0);
    assert_int_equal(store_mark(s), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    store_undo(s);
    assert_int_equal(store_mark(s), 0);
    assert_int_equal(users_add(s, "ann", NOW), FAULT_EXISTS);
    store_undo(s);
    assert_int_equal(store_commit(s), 0);
    scratch_reopen(x);
    assert_true(has(x->store, "ann"));
    assert_false(has(x->store, "bob"));
}

static void marks_nest(void **state)
{
    struct store *s = of(state);
    assert_int_equal(store_mark(s), 0);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(store_mark(s), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    store_undo(s);
    assert_int_equal(store_keep(s), 0);
    assert_false(store_in_transaction(s));
    assert_true(has(s, "ann"));
    assert_false(has(s, "bob"));
}

static void brackets_out_of_order_are_misuse(void **state)
{
    struct store *s = of(state);
    assert_int_equal(store_commit(s), FAULT_MISUSE);
    assert_int_equal(store_keep(s), FAULT_MISUSE);
    store_undo(s);
    assert_int_equal(store_begin(s), 0);
    assert_int_equal(store_begin(s), FAULT_MISUSE);
    store_rollback(s);
}

static int relist(void *context, const struct user *user)
{
    (void)user;
    return users_list(context, NULL, 10, relist, context);
}

static void a_list_inside_the_same_list_is_misuse(void **state)
{
    struct store *s = of(state);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_list(s, NULL, 10, relist, s), FAULT_MISUSE);
    assert_true(has(s, "ann"));
}

static void a_checkpoint_keeps_what_was_written(void **state)
{
    struct scratch *x = *state;
    assert_int_equal(users_add(x->store, "ann", NOW), 0);
    assert_int_equal(store_checkpoint(x->store), 0);
    scratch_reopen(x);
    assert_true(has(x->store, "ann"));
}

/* Does another process see that somebody has the store open? */
static bool is_held(const char *path)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        /* The bytes that SQLite locks for readers. */
        struct flock lock = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510};
        int fd = open(path, O_RDWR | O_CLOEXEC);
        _exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : 1);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void a_second_connection_does_not_drop_the_locks_of_the_first(void **state)
{
    struct scratch *x = *state;
    struct store *second;
    uint64_t count;
    assert_int_equal(users_count(x->store, &count), 0);
    assert_true(is_held(x->path));
    assert_int_equal(store_open(x->path, STORE_READ, &second, NULL), 0);
    assert_true(is_held(x->path));
    store_close(second);
    assert_true(is_held(x->path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_second_connection_does_not_drop_the_locks_of_the_first),
        cmocka_unit_test(a_store_that_does_not_exist_is_absent),
        with_store(files_of_a_new_store_are_for_the_owner_only),
        with_store(a_store_that_others_can_read_is_refused),
        with_store(a_link_in_place_of_the_store_is_refused),
        with_store(a_store_of_a_newer_postern_is_refused_and_not_touched),
        with_store(an_older_store_is_not_read_without_migration),
        cmocka_unit_test(nobody_gets_a_role_by_an_upgrade),
        cmocka_unit_test(another_program_s_database_is_refused),
        with_store(an_emptied_store_is_not_mistaken_for_a_new_one),
        with_store(a_file_that_is_no_database_is_corrupt),
        with_store(a_damaged_page_is_found_at_the_start),
        with_store(the_access_log_is_made_again_when_it_was_thrown_away),
        with_store(a_store_opened_for_reading_takes_no_change),
        with_store(a_store_that_is_being_written_elsewhere_is_busy),
        with_store(a_rollback_takes_everything_back),
        with_store(an_operation_can_be_undone_alone),
        with_store(marks_nest),
        with_store(brackets_out_of_order_are_misuse),
        with_store(a_list_inside_the_same_list_is_misuse),
        with_store(a_checkpoint_keeps_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
