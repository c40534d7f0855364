/* The table of statements as a whole: each is prepared when a store opens (store_test); here is
 * what the planner makes of it. A scan of a table that grows would be found by nobody until it is
 * large. */
#include "tests/unit/store/scratch.h"

#include <sqlite3.h>

static const struct {
    const char *name;
    const char *sql;
    bool access;
} STATEMENTS[] = {
#define MAIN(NAME, text) {#NAME, text, false},
#define ACCESS(NAME, text) {#NAME, text, true},
#include "store/statements.def"
#undef MAIN
#undef ACCESS
};

/* Those that may look at a whole table, and why that is bounded. */
static const char *const MAY_SCAN[] = {
    "USER_COUNT",        /* for the health page */
    "BREAKGLASS_LIST",   /* as many as there are envelopes in a safe; by name */
    "ENROLMENT_PRUNE",   /* at most one per user, once a minute */
    "ENROLMENT_WAITING", /* by the index of those that wait, 100 rows */
    "FLOW_BOUND",        /* once a minute, by the index of expiry */
    "HANDOVER_PRUNE",    /* live for a minute */
    "NOTICE_WAITING",    /* by the index of those that wait, which are bounded */
    "NOTICE_OLDEST",     /* its first row */
    "SESSION_COUNT_ALL", /* those who are on, once a minute, by an index of them alone */
    "SESSION_EXPIRE",    /* those not ended, by their own index */
    "FILED_LIST",        /* as many as the file has, when it is read */
    "AUDIT_WALK",        /* export: everything is what was asked for */
    "PASSKEY_DECOY",     /* one row */
    "AUDIT_LAST",        /* from the end, one row */
    "ACCESS_BOUNDS",     /* from both ends, one row each */
    "ACCESS_AGED",       /* from the beginning, as many as the budget */
    "ACCESS_LOST",       /* one row */
    "ACCESS_LOSS",       /* one row */
    "ROOM",              /* three numbers of the file's head */
    "ACCESS_ROOM",       /* three numbers of the file's head */
};

static bool may_scan(const char *name)
{
    for (size_t i = 0; i < countof(MAY_SCAN); i++)
        if (strcmp(name, MAY_SCAN[i]) == 0)
            return true;
    return false;
}

static void no_statement_scans_a_table_that_grows(void **state)
{
    struct scratch *x = *state;
    sqlite3 *db[2];
    char beside[128];
    scratch_close(x);
    (void)snprintf(beside, sizeof(beside), "%s.access", x->path);
    assert_int_equal(sqlite3_open(x->path, &db[0]), SQLITE_OK);
    assert_int_equal(sqlite3_open(beside, &db[1]), SQLITE_OK);
    for (size_t i = 0; i < countof(STATEMENTS); i++) {
        char sql[4096];
        sqlite3_stmt *st;
        (void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", STATEMENTS[i].sql);
        assert_int_equal(sqlite3_prepare_v2(db[STATEMENTS[i].access], sql, -1, &st, NULL),
                         SQLITE_OK);
        while (sqlite3_step(st) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(st, 3);
            bool scans = strncmp(step, "SCAN", 4) == 0 && strstr(step, "CONSTANT ROW") == NULL &&
                         strstr(step, "SCAN (subquery") == NULL;
            if (scans && !may_scan(STATEMENTS[i].name))
                fail_msg("%s: %s", STATEMENTS[i].name, step);
        }
        assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    }
    assert_int_equal(sqlite3_close(db[0]), SQLITE_OK);
    assert_int_equal(sqlite3_close(db[1]), SQLITE_OK);
}

static void every_statement_takes_its_values_as_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(STATEMENTS); i++)
        /* No text constant: the only values in the table are numbers. */
        assert_null(strchr(STATEMENTS[i].sql, '\''));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(no_statement_scans_a_table_that_grows),
        cmocka_unit_test(every_statement_takes_its_values_as_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
