/* Fault loops: the n-th write, sync or allocation fails, for n = 1, 2, … until everything succeeds.
 *
 * After every failure the store opens again, what was acknowledged is there, and no person is half
 * enrolled. */
#include "tests/unit/store/scratch.h"

#include <errno.h>

#include <sqlite3.h>

#include "store/access.h"
#include "store/credentials.h"
#include "store/resources.h"
#include "store/trail.h"
#include "store/users.h"

/* ---- a disk that fails ----
 *
 * A layer over SQLite's own VFS. It counts what changes a file; the call numbered `fail_at` fails,
 * and with `stays` every one after it, like a disk that is full. Syncs are counted but not made:
 * the tests do not cut the power, and real ones would take minutes. */
struct layer {
    sqlite3_file base;
    sqlite3_file *real; /* lies behind this struct */
};

static sqlite3_vfs *below;
static sqlite3_vfs shim;
static int calls, fail_at, fail_code;
static bool stays;

static int trip(int code)
{
    calls++;
    if (fail_at > 0 && (calls == fail_at || (stays && calls > fail_at)))
        return code;
    return SQLITE_OK;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct layer *)f)->real;
}

static int on_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}
static int on_read(sqlite3_file *f, void *at, int len, sqlite3_int64 from)
{
    return real_of(f)->pMethods->xRead(real_of(f), at, len, from);
}
static int on_write(sqlite3_file *f, const void *at, int len, sqlite3_int64 to)
{
    int rc = trip(fail_code);
    /* A torn write: half of it is there. */
    if (rc != SQLITE_OK)
        (void)real_of(f)->pMethods->xWrite(real_of(f), at, len / 2, to);
    return rc != SQLITE_OK ? rc : real_of(f)->pMethods->xWrite(real_of(f), at, len, to);
}
static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = trip(SQLITE_IOERR_TRUNCATE);
    return rc != SQLITE_OK ? rc : real_of(f)->pMethods->xTruncate(real_of(f), size);
}
static int on_sync(sqlite3_file *f, int flags)
{
    (void)f;
    (void)flags;
    return trip(SQLITE_IOERR_FSYNC);
}
static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}
static int on_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}
static int on_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}
static int on_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int on_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int on_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}
static int on_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}
static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **at)
{
    int rc = extend ? trip(SQLITE_IOERR_SHMSIZE) : SQLITE_OK;
    return rc != SQLITE_OK ? rc : real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, at);
}
static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}
static void on_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int on_shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_traits,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct layer *l = (struct layer *)f;
    (void)vfs;
    l->real = (sqlite3_file *)(l + 1);
    int rc = below->xOpen(below, name, l->real, flags, out);
    l->base.pMethods = l->real->pMethods != NULL ? &METHODS : NULL;
    return rc;
}

/* ---- an allocator that fails ---- */

static sqlite3_mem_methods real_memory;
static int allocations, fail_allocation;

static bool no_memory(void)
{
    return fail_allocation > 0 && ++allocations == fail_allocation;
}
static void *on_malloc(int n)
{
    return no_memory() ? NULL : real_memory.xMalloc(n);
}
static void *on_realloc(void *at, int n)
{
    return no_memory() ? NULL : real_memory.xRealloc(at, n);
}

static int before_all(void **state)
{
    (void)state;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory), SQLITE_OK);
    sqlite3_mem_methods failing = real_memory;
    failing.xMalloc = on_malloc;
    failing.xRealloc = on_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing), SQLITE_OK);
    /* Without its own reserve of small blocks every allocation is seen. */
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    below = sqlite3_vfs_find(NULL);
    assert_non_null(below);
    shim = *below;
    shim.zName = "failing";
    shim.szOsFile = (int)sizeof(struct layer) + below->szOsFile;
    shim.xOpen = on_open;
    return sqlite3_vfs_register(&shim, 1);
}

static void heal(void)
{
    fail_at = fail_allocation = calls = allocations = 0;
}

/* ---- the story ----
 *
 * ann is there and invited. bob is added, ann enrols, a batch of two operations is committed, an
 * access record is written. Each step that returned 0 is acknowledged. */
enum step { ADD_BOB, ENROL_ANN, BATCH, ACCESS_RECORD, STEPS };

struct story {
    struct scratch *x;
    bool done[STEPS];
};

static uint8_t invitation[STORE_HASH_SIZE] = {0x77};
static const uint8_t CODES[10][STORE_HASH_SIZE] = {{1}, {2}, {3}, {4}, {5},
                                                   {6}, {7}, {8}, {9}, {10}};

static void prepare(struct scratch *x)
{
    struct enrolment e = {
        .user = "ann", .secret_len = 20, .created = NOW, .expires = NOW + 60, .renews = ENROL_ALL};
    memcpy(e.hash, invitation, sizeof(e.hash));
    scratch_dir(x);
    scratch_open(x, STORE_CREATE);
    assert_int_equal(users_add(x->store, "ann", NOW), 0);
    assert_int_equal(enrolments_add(x->store, &e), 0);
}

static int record(struct store *s, uint64_t seq)
{
    struct record r = {.seq = seq, .event = SPAN("login"), .actor = SPAN("ann")};
    return trail_append(s, &r);
}

/* Two operations in one transaction, each in its own mark, as a turn of the keeper has them. An
 * operation that fails is undone and the other goes on. Gives how many were kept and committed. */
static int batch(struct store *s)
{
    static const char *const NAMES[] = {"cy", "dan"};
    int kept = 0;
    if (store_begin(s) < 0)
        return 0;
    for (size_t i = 0; i < countof(NAMES); i++) {
        if (store_mark(s) < 0)
            continue;
        int rc = users_add(s, NAMES[i], NOW);
        if (rc == 0)
            rc = groups_join(s, GROUP_OWNERS, NAMES[i]);
        if (rc == 0)
            rc = record(s, i + 1);
        if (rc < 0)
            store_undo(s);
        else if (store_keep(s) == 0)
            kept |= 1 << i;
    }
    return store_commit(s) == 0 ? kept : 0;
}

static void tell(struct story *y, int *ret_batch)
{
    struct store *s = y->x->store;
    struct access_record r = {.wall_ms = 1};
    y->done[ADD_BOB] = users_add(s, "bob", NOW) == 0;
    y->done[ENROL_ANN] = enrolments_finish(s, invitation, NOW, "$argon2id$hash", 5, CODES, 10) == 0;
    *ret_batch = batch(s);
    y->done[ACCESS_RECORD] = access_append(s, &r, 1, 3, 1) == 0;
}

static bool is_there(struct store *s, const char *name)
{
    struct user u;
    int rc = users_find(s, name, &u);
    assert_true(rc == 0 || rc == FAULT_ABSENT);
    return rc == 0;
}

static void check_operation(struct store *s, const char *name, uint64_t seq, bool acknowledged)
{
    uint8_t hash[STORE_HASH_SIZE];
    bool there = is_there(s, name), owner = false;
    if (acknowledged)
        assert_true(there);
    /* A user, the membership and the record: all or nothing. */
    assert_int_equal(groups_has(s, GROUP_OWNERS, name, &owner), 0);
    assert_int_equal(owner, there);
    assert_int_equal(trail_hash(s, seq, hash), there ? 0 : FAULT_ABSENT);
}

static void check(struct story *y, int batch_kept)
{
    struct store *s = y->x->store;
    struct user u;
    struct access_stats stats;
    if (y->done[ADD_BOB])
        assert_true(is_there(s, "bob"));
    assert_int_equal(users_find(s, "ann", &u), 0);
    if (y->done[ENROL_ANN])
        assert_true(u.totp);
    assert_int_equal(u.password_set != 0, u.totp);
    assert_int_equal(u.recovery_left, u.totp ? 10 : 0);
    assert_int_equal(u.enrol_until != 0, !u.totp);
    check_operation(s, "cy", 1, (batch_kept & 1) != 0);
    check_operation(s, "dan", 2, (batch_kept & 2) != 0);
    assert_int_equal(access_stats(s, &stats), 0);
    if (y->done[ACCESS_RECORD])
        assert_true(stats.rows == 1 && stats.lost == 3);
    assert_true((stats.rows == 0) == (stats.lost == 0));
}

/* Tells the story with the fault that `arm` sets for n = 1, 2, … until none was met. */
static void loop(void (*arm)(int n), bool (*met)(void), const char *what)
{
    int n = 0;
    bool failed = true;
    while (failed) {
        struct scratch x;
        struct story y = {.x = &x};
        int kept = 0;
        assert_true(++n < 5000);
        heal();
        prepare(&x);
        arm(n);
        tell(&y, &kept);
        failed = met();
        /* With the fault still there: closing must not do harm either. */
        scratch_close(&x);
        heal();
        scratch_open(&x, STORE_OPEN);
        check(&y, kept);
        /* And it can be used again. */
        assert_int_equal(users_add(x.store, "eve", NOW), 0);
        scratch_remove(&x);
    }
    assert_true(n > 10);
    print_message("%s: %d places\n", what, n - 1);
}

static void arm_once(int n)
{
    fail_at = n;
    stays = false;
    fail_code = SQLITE_IOERR_WRITE;
}
static void arm_full(int n)
{
    fail_at = n;
    stays = true;
    fail_code = SQLITE_FULL;
}
static void arm_memory(int n)
{
    fail_allocation = n;
}
static bool disk_met(void)
{
    return calls >= fail_at;
}
static bool memory_met(void)
{
    return allocations >= fail_allocation;
}

static void any_single_write_may_fail(void **state)
{
    (void)state;
    loop(arm_once, disk_met, "input or output error");
}

static void the_disk_may_fill_up_anywhere(void **state)
{
    (void)state;
    loop(arm_full, disk_met, "full disk");
}

static void any_single_allocation_may_fail(void **state)
{
    (void)state;
    loop(arm_memory, memory_met, "no memory");
}

/* A transaction that is larger than the cache is written before its end. When that fails SQLite may
 * undo all of it at once; what comes later in the same bracket must then not be committed alone. */
static int add_marked(struct store *s, const char *name, struct span doc)
{
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    rc = doc.len > 0 ? resources_put(s, "rule", name, doc, NOW) : users_add(s, name, NOW);
    if (rc < 0) {
        store_undo(s);
        return rc;
    }
    return store_keep(s);
}

static void nothing_slips_out_of_a_bracket_that_was_lost(void **state)
{
    static char doc[60000];
    int lost = 0;
    (void)state;
    memset(doc, 'x', sizeof(doc));
    for (int n = 1; n < 400; n += 13) {
        struct scratch x;
        char name[32];
        heal();
        prepare(&x);
        struct store *s = x.store;
        assert_int_equal(store_begin(s), 0);
        int early = add_marked(s, "early", SPAN_NONE), failed = 0;
        arm_full(n);
        for (unsigned i = 0; i < 80; i++) {
            (void)snprintf(name, sizeof(name), "r%02u", i);
            failed |= add_marked(s, name, span_of(doc, sizeof(doc))) < 0;
        }
        /* There is room again, in the middle of it. */
        heal();
        int late = add_marked(s, "late", SPAN_NONE);
        int rc = store_commit(s);
        lost += failed && rc < 0;
        scratch_reopen(&x);
        assert_int_equal(is_there(x.store, "early"), rc == 0 && early == 0);
        assert_int_equal(is_there(x.store, "late"), rc == 0 && late == 0);
        scratch_remove(&x);
    }
    /* Else the test has not met what it is about. */
    assert_true(lost > 0);
}

/* ---- opening ---- */

/* The faults that an open may end with when the world fails it. */
static bool is_plain(int rc)
{
    return rc == -ENOMEM || rc == -ENOSPC || rc == -EIO || rc == FAULT_STORE || rc == FAULT_BUSY;
}

static void making_a_store_may_fail_anywhere_and_be_tried_again(void **state)
{
    bool failed = true;
    (void)state;
    for (int n = 1; failed; n++) {
        struct scratch x;
        heal();
        scratch_dir(&x);
        arm_full(n);
        int rc = store_open(x.path, STORE_CREATE, &x.store, NULL);
        failed = disk_met();
        assert_true(rc == 0 || is_plain(rc));
        scratch_close(&x);
        heal();
        scratch_open(&x, STORE_CREATE);
        assert_int_equal(users_add(x.store, "ann", NOW), 0);
        scratch_remove(&x);
    }
}

static void opening_without_memory_is_a_fault_and_no_damage(void **state)
{
    struct scratch x;
    bool failed = true;
    (void)state;
    heal();
    prepare(&x);
    scratch_close(&x);
    /* Thousands of places of one kind (the statements): taken in growing steps. */
    for (int n = 1; failed; n += 1 + n / 25) {
        heal();
        arm_memory(n);
        int rc = store_open(x.path, STORE_OPEN, &x.store, NULL);
        failed = memory_met();
        assert_true(rc == 0 || is_plain(rc));
        scratch_close(&x);
    }
    heal();
    scratch_open(&x, STORE_OPEN);
    assert_true(is_there(x.store, "ann"));
    scratch_remove(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_single_write_may_fail),
        cmocka_unit_test(the_disk_may_fill_up_anywhere),
        cmocka_unit_test(any_single_allocation_may_fail),
        cmocka_unit_test(nothing_slips_out_of_a_bracket_that_was_lost),
        cmocka_unit_test(making_a_store_may_fail_anywhere_and_be_tried_again),
        cmocka_unit_test(opening_without_memory_is_a_fault_and_no_damage),
    };
    return cmocka_run_group_tests(tests, before_all, NULL);
}
