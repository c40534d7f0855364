/* SQLite behind db.h: opening with care, and the statement table. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/fault.h"
#include "store/db.h"

/* Longest wait for another process that is writing, in milliseconds. */
#define BUSY_MS 1000
/* A database that cannot give pages back is rewritten at the start, unless it is larger: that would
 * take too long, and memory as well. */
#define REWRITE_MAX (64u * 1024 * 1024)
/* One that is larger is not read from end to end at each start: damage is found when it is met. */
#define CHECK_MAX (256u * 1024 * 1024)
/* No text, blob or row is longer: far above every limit of the nouns. */
#define VALUE_MAX (1 << 20)

struct db {
    sqlite3 *handle;
    enum db_which which;
    sqlite3_stmt *stmt[STMT_COUNT]; /* those of this database; the others stay NULL */
    bool busy[STMT_COUNT];          /* between query_open and query_close */
};

struct kind {
    unsigned application; /* PRAGMA application_id */
    const char *name;
    const char *mark; /* sets application_id */
    const char *pragmas;
};

/* secure_delete: what was a secret does not stay behind in free pages. temp_store: nothing is
 * written outside the state directory. The access log may lose the last moments in a power failure,
 * hence NORMAL; it holds no secrets, and overwriting what it drops would double its writes. */
static const struct kind KINDS[] = {
    [DB_MAIN] = {0x50535452, "the store", "PRAGMA application_id = 0x50535452",
                 "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
                 "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;"
                 "PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 16777216"},
    [DB_ACCESS] = {0x50535441, "the access log", "PRAGMA application_id = 0x50535441",
                   "PRAGMA synchronous = NORMAL; PRAGMA secure_delete = OFF;"
                   "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;"
                   "PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 16777216"},
};

static const struct {
    enum db_which which;
    const char *sql;
} STATEMENTS[] = {
#define MAIN(NAME, sql) [STMT_##NAME] = {DB_MAIN, sql},
#define ACCESS(NAME, sql) [STMT_##NAME] = {DB_ACCESS, sql},
#include "store/statements.def"
#undef MAIN
#undef ACCESS
};

/* The border: SQLite's codes become ours here and nowhere else. */
static int translate(int rc)
{
    switch (rc) {
    case SQLITE_OK:
    case SQLITE_DONE:
        return 0;
    case SQLITE_ROW:
        return 1;
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
        return FAULT_EXISTS;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return FAULT_ABSENT;
    case SQLITE_IOERR_NOMEM:
        return -ENOMEM;
    default:
        break;
    }
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FAULT_BUSY;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FAULT_CORRUPT;
    case SQLITE_CONSTRAINT:
        return FAULT_FORMAT;
    case SQLITE_TOOBIG:
        return FAULT_LIMIT;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_IOERR:
        return -EIO;
    default:
        return FAULT_STORE;
    }
}

static void say(struct buf *note, const char *path, const char *what)
{
    if (note != NULL)
        (void)buf_printf(note, "%s: %s", path, what);
}

/* ---- opening ---- */

/* SQLite gives its journals the rights of the main file, so that file is made here, readable by
 * nobody else, and one that others can read is refused. */
static int check_file(const char *path, enum store_mode mode, struct buf *note)
{
    /* Only looked at, not opened: closing a descriptor of a file that another connection of this
     * process has open would drop its locks (fcntl(2)), and a program that reads the store would
     * take itself for the last one and throw the journal away under the keeper. */
    int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT && mode == STORE_CREATE)
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    int rc = 0;
    if (fd < 0) {
        rc = errno == ENOENT ? FAULT_ABSENT : errno == ENOMEM ? -ENOMEM : FAULT_DENIED;
        say(note, path, fault_text(-errno));
        return rc;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        say(note, path, "is not a regular file");
        rc = FAULT_DENIED;
    } else if ((st.st_mode & 0077) != 0) {
        say(note, path, "may be read or written by others; its mode must be 0600");
        rc = FAULT_DENIED;
    }
    (void)close(fd);
    return rc;
}

static int run_text(struct db *d, const char *sql)
{
    return translate(sqlite3_exec(d->handle, sql, NULL, NULL, NULL));
}

/* The first column of the first row: as a number, or compared with a text. */
static int ask(struct db *d, const char *sql, unsigned *ret_number, const char *text, bool *ret_is)
{
    sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(d->handle, sql, -1, &st, NULL);
    if (rc != SQLITE_OK)
        return translate(rc);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW && ret_number != NULL)
        *ret_number = (unsigned)sqlite3_column_int64(st, 0);
    if (rc == SQLITE_ROW && ret_is != NULL) {
        const unsigned char *got = sqlite3_column_text(st, 0);
        *ret_is = got != NULL && strcmp((const char *)got, text) == 0;
    }
    int fault = rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? FAULT_CORRUPT : translate(rc);
    (void)sqlite3_finalize(st);
    return fault;
}

static int configure(struct db *d, enum store_mode mode)
{
    (void)sqlite3_extended_result_codes(d->handle, 1);
    (void)sqlite3_busy_timeout(d->handle, BUSY_MS);
    (void)sqlite3_limit(d->handle, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    (void)sqlite3_limit(d->handle, SQLITE_LIMIT_ATTACHED, 0);
    /* The file is not trusted: its schema may not call functions, and nothing may write to SQLite's
     * own tables. */
    if (sqlite3_db_config(d->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(d->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(d->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(d->handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(d->handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL) != SQLITE_OK)
        return FAULT_STORE;
    int rc = run_text(d, KINDS[d->which].pragmas);
    if (rc == 0 && mode == STORE_READ)
        rc = run_text(d, "PRAGMA query_only = ON");
    return rc;
}

static int check(struct db *d, bool *ret_whole)
{
    unsigned pages = 0, size = 0;
    int rc = ask(d, "PRAGMA page_count", &pages, NULL, NULL);
    rc = rc < 0 ? rc : ask(d, "PRAGMA page_size", &size, NULL, NULL);
    if (rc == 0 && (uint64_t)pages * size > CHECK_MAX) {
        *ret_whole = true;
        return 0;
    }
    return rc < 0 ? rc : ask(d, "PRAGMA quick_check(1)", NULL, "ok", ret_whole);
}

/* Is this file ours, of which version, and whole? Nothing is written before that is known. */
static int examine(struct db *d, const char *path, enum store_mode mode,
                   const struct schema *schema, unsigned *ret_version, struct buf *note)
{
    const struct kind *kind = &KINDS[d->which];
    unsigned application = 0, tables = 0;
    bool whole = false;
    int rc = ask(d, "PRAGMA application_id", &application, NULL, NULL);
    if (rc == 0)
        rc = ask(d, "PRAGMA user_version", ret_version, NULL, NULL);
    if (rc == 0)
        rc = ask(d, "SELECT count(*) FROM sqlite_schema", &tables, NULL, NULL);
    /* An empty file is a beginning only for somebody who asked for one; else it is a store that
     * somebody has emptied. */
    bool fresh = mode == STORE_CREATE && application == 0 && tables == 0;
    if (rc == 0 && application != kind->application && !fresh) {
        if (note != NULL)
            (void)buf_printf(note, "%s: is empty, or a database of something else than %s", path,
                             kind->name);
        return FAULT_CORRUPT;
    }
    if (rc == 0 && *ret_version > schema->version) {
        if (note != NULL)
            (void)buf_printf(
                note, "%s: was made by a newer postern (its schema is %u, this one knows %u)", path,
                *ret_version, schema->version);
        return FAULT_VERSION;
    }
    if (rc == 0)
        rc = check(d, &whole);
    /* A lack of memory in the middle of the check looks like damage; damage stays. */
    if (rc == 0 && !whole)
        rc = check(d, &whole);
    if (rc == FAULT_CORRUPT || (rc == 0 && !whole)) {
        say(note, path, "is damaged; restore it from a backup");
        return FAULT_CORRUPT;
    }
    if (rc < 0)
        say(note, path, rc == FAULT_BUSY ? "is locked by another process" : fault_text(rc));
    return rc;
}

/* Free pages can be given back to the file system, a few at a time. */
static int make_shrinkable(struct db *d)
{
    unsigned mode = 0, pages = 0, size = 0;
    int rc = ask(d, "PRAGMA auto_vacuum", &mode, NULL, NULL);
    rc = rc < 0 ? rc : ask(d, "PRAGMA page_count", &pages, NULL, NULL);
    rc = rc < 0 ? rc : ask(d, "PRAGMA page_size", &size, NULL, NULL);
    if (rc < 0 || mode != 0 || (uint64_t)pages * size > REWRITE_MAX)
        return rc;
    /* The copy is attached while it is made. Without room for it the database stays as it is. */
    (void)sqlite3_limit(d->handle, SQLITE_LIMIT_ATTACHED, 1);
    (void)run_text(d, "VACUUM");
    (void)sqlite3_limit(d->handle, SQLITE_LIMIT_ATTACHED, 0);
    return rc;
}

static int migrate(struct db *d, const struct schema *schema, unsigned version)
{
    if (version == schema->version)
        return 0;
    int rc = run_text(d, "BEGIN EXCLUSIVE");
    if (rc < 0)
        return rc;
    /* Somebody else may have done it while we waited for the lock. */
    rc = ask(d, "PRAGMA user_version", &version, NULL, NULL);
    for (unsigned v = version; rc == 0 && v < schema->version; v++)
        rc = run_text(d, schema->steps[v]);
    if (rc == 0)
        rc = run_text(d, KINDS[d->which].mark);
    if (rc == 0)
        rc = run_text(d, "COMMIT");
    if (rc < 0 && sqlite3_get_autocommit(d->handle) == 0)
        (void)run_text(d, "ROLLBACK");
    return rc;
}

static int prepare(struct db *d)
{
    for (size_t i = 0; i < STMT_COUNT; i++) {
        if (STATEMENTS[i].which != d->which)
            continue;
        int rc = sqlite3_prepare_v3(d->handle, STATEMENTS[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                    &d->stmt[i], NULL);
        if (rc != SQLITE_OK)
            return translate(rc);
    }
    return 0;
}

static int open_inside(struct db *d, const char *path, enum store_mode mode,
                       const struct schema *schema, struct buf *note)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                (mode == STORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    unsigned version = 0;
    bool wal = false;
    int rc = translate(sqlite3_open_v2(path, &d->handle, flags, NULL));
    if (rc == 0)
        rc = configure(d, mode);
    if (rc < 0) {
        say(note, path,
            rc == FAULT_CORRUPT ? "is damaged; restore it from a backup" : fault_text(rc));
        return rc;
    }
    rc = examine(d, path, mode, schema, &version, note);
    if (rc < 0)
        return rc;
    if (mode == STORE_READ && version < schema->version) {
        say(note, path,
            "was made by an older postern; start the service once to bring it up to date");
        return FAULT_VERSION;
    }
    if (mode != STORE_READ) {
        /* Of one that is made now; one that has tables keeps what it has. */
        rc = run_text(d, "PRAGMA auto_vacuum = INCREMENTAL");
        rc = rc < 0 ? rc : ask(d, "PRAGMA journal_mode = WAL", NULL, "wal", &wal);
        if (rc == 0 && !wal)
            rc = FAULT_STORE;
        if (rc == 0)
            rc = migrate(d, schema, version);
        if (rc == 0)
            rc = make_shrinkable(d);
    }
    if (rc == 0)
        rc = prepare(d);
    if (rc < 0)
        say(note, path, fault_text(rc));
    return rc;
}

int db_open(const char *path, enum store_mode mode, enum db_which which,
            const struct schema *schema, struct db **ret, struct buf *note)
{
    int rc = check_file(path, mode, note);
    if (rc < 0)
        return rc;
    struct db *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return -ENOMEM;
    d->which = which;
    /* SQLite opens its source of random numbers on first use: now, while the sandbox is open. */
    uint8_t random;
    sqlite3_randomness(sizeof(random), &random);
    rc = open_inside(d, path, mode, schema, note);
    if (rc < 0) {
        db_close(d);
        return rc;
    }
    *ret = d;
    return 0;
}

void db_close(struct db *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < STMT_COUNT; i++)
        (void)sqlite3_finalize(d->stmt[i]);
    (void)sqlite3_close_v2(d->handle);
    free(d);
}

bool db_in_transaction(const struct db *d)
{
    return sqlite3_get_autocommit(d->handle) == 0;
}

int db_run(struct db *d, enum statement which)
{
    struct query q;
    query_open(&q, d, which);
    int rc = query_run(&q);
    return rc < 0 ? rc : 0;
}

int db_checkpoint(struct db *d)
{
    int rc = translate(
        sqlite3_wal_checkpoint_v2(d->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
    return rc == FAULT_BUSY ? 0 : rc;
}

/* ---- queries ---- */

void query_open(struct query *q, struct db *d, enum statement which)
{
    *q = (struct query){.db = d, .param = 1};
    if (d->stmt[which] == NULL || d->busy[which]) {
        q->fault = FAULT_MISUSE;
        return;
    }
    d->busy[which] = true;
    q->which = which;
    q->stmt = d->stmt[which];
}

static void bound(struct query *q, int rc)
{
    q->param++;
    if (rc != SQLITE_OK)
        q->fault = translate(rc);
}

void query_u64(struct query *q, uint64_t value)
{
    if (q->fault < 0)
        return;
    if (value > INT64_MAX) {
        q->fault = FAULT_LIMIT;
        return;
    }
    bound(q, sqlite3_bind_int64(q->stmt, q->param, (sqlite3_int64)value));
}

void query_text(struct query *q, const char *text)
{
    if (text == NULL)
        query_null(q);
    else
        query_span(q, span_str(text));
}

void query_span(struct query *q, struct span text)
{
    if (q->fault == 0)
        bound(q, sqlite3_bind_text64(q->stmt, q->param, text.len == 0 ? "" : (const char *)text.at,
                                     text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void query_blob(struct query *q, const void *at, size_t len)
{
    if (q->fault == 0)
        bound(q, sqlite3_bind_blob64(q->stmt, q->param, len == 0 ? "" : at, len, SQLITE_STATIC));
}

void query_null(struct query *q)
{
    if (q->fault == 0)
        bound(q, sqlite3_bind_null(q->stmt, q->param));
}

int query_step(struct query *q)
{
    if (q->fault < 0)
        return q->fault;
    q->column = 0;
    int rc = translate(sqlite3_step(q->stmt));
    if (rc < 0)
        q->fault = rc;
    return rc;
}

uint64_t query_get_u64(struct query *q)
{
    if (q->fault < 0)
        return 0;
    sqlite3_int64 v = sqlite3_column_int64(q->stmt, q->column++);
    if (v < 0)
        q->fault = FAULT_CORRUPT;
    return v < 0 ? 0 : (uint64_t)v;
}

struct span query_get_span(struct query *q)
{
    if (q->fault < 0)
        return SPAN_NONE;
    /* The bytes as they are stored: text is not converted, so nothing is allocated that could fail.
     */
    const void *at = sqlite3_column_blob(q->stmt, q->column);
    int len = sqlite3_column_bytes(q->stmt, q->column);
    q->column++;
    return len <= 0 || at == NULL ? SPAN_NONE : span_of(at, (size_t)len);
}

void query_get_text(struct query *q, char *out, size_t size)
{
    struct span text = query_get_span(q);
    out[0] = 0;
    if (q->fault < 0)
        return;
    if (text.len >= size || span_find(text, 0) != SIZE_MAX) {
        q->fault = FAULT_CORRUPT;
        return;
    }
    if (text.len > 0)
        memcpy(out, text.at, text.len);
    out[text.len] = 0;
}

void query_get_fixed(struct query *q, void *out, size_t len)
{
    struct span bytes = query_get_span(q);
    memset(out, 0, len);
    if (q->fault < 0)
        return;
    if (bytes.len != len)
        q->fault = FAULT_CORRUPT;
    else
        memcpy(out, bytes.at, len);
}

int query_close(struct query *q)
{
    if (q->stmt != NULL) {
        /* The code of reset repeats that of the last step, which is known already. */
        (void)sqlite3_reset(q->stmt);
        (void)sqlite3_clear_bindings(q->stmt);
        q->db->busy[q->which] = false;
        q->stmt = NULL;
    }
    return q->fault;
}

int query_run(struct query *q)
{
    int rc;
    do
        rc = query_step(q);
    while (rc == 1);
    int changes = rc < 0 ? 0 : sqlite3_changes(q->db->handle);
    rc = query_close(q);
    return rc < 0 ? rc : changes;
}
