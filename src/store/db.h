/* The seam below the nouns: one database connection and its table of named statements.
 *
 * Nouns (users.c, sessions.c, …) name a statement, give it parameters in order, step, and read
 * columns in order. Only statements.def holds SQL and only sqlite.c knows SQLite, so another
 * database comes in as another implementation of this header with a dialect of the same table.
 *
 * Every function takes a query that has failed already and does nothing then, so that a noun reads
 * straight through and asks once. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "store/migrate.h"
#include "store/store.h"

enum statement {
#define MAIN(NAME, sql) STMT_##NAME,
#define ACCESS(NAME, sql) STMT_##NAME,
#include "store/statements.def"
#undef MAIN
#undef ACCESS
    STMT_COUNT
};

/* One connection. Opened by db_open, in this order: rights of the file, version, damage, migration,
 * statements. */
struct db;

enum db_which { DB_MAIN, DB_ACCESS };

must_check int db_open(const char *path, enum store_mode mode, enum db_which which,
                       const struct schema *schema, struct db **ret, struct buf *note);
void db_close(struct db *d);
/* Is a transaction open? False also after the database has undone one by itself. */
bool db_in_transaction(const struct db *d);
/* Runs a statement without parameters and rows: begin, commit, … */
int db_run(struct db *d, enum statement which);
must_check int db_checkpoint(struct db *d);

struct query {
    struct db *db;
    enum statement which;
    void *stmt; /* the backend's; NULL when not open */
    int fault;
    int param;  /* next parameter, from 1 */
    int column; /* next column, from 0 */
};

/* Starts a statement. The fault (FAULT_MISUSE when it is in use up the stack) is kept in q. */
void query_open(struct query *q, struct db *d, enum statement which);
void query_u64(struct query *q, uint64_t value);
void query_text(struct query *q, const char *text); /* NULL binds NULL */
void query_span(struct query *q, struct span text); /* stored as text; borrowed until the close */
void query_blob(struct query *q, const void *at, size_t len);
void query_null(struct query *q);
/* 1: a row, 0: no more, or a fault. */
must_check int query_step(struct query *q);
uint64_t query_get_u64(struct query *q);
/* FAULT_CORRUPT in q when it does not fit or holds a NUL. */
void query_get_text(struct query *q, char *out, size_t size);
/* FAULT_CORRUPT in q when the length differs. */
void query_get_fixed(struct query *q, void *out, size_t len);
/* Borrowed until the next step. */
struct span query_get_span(struct query *q);
/* Ends the statement: 0 or the first fault. */
int query_close(struct query *q);
/* Steps to the end and closes: how many rows were changed, or the fault. */
must_check int query_run(struct query *q);

#endif
