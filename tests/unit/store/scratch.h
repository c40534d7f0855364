/* A directory of its own for each test, and a store in it. */
#ifndef TESTS_STORE_SCRATCH_H
#define TESTS_STORE_SCRATCH_H

#include "tests/unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "store/store.h"

#define NOW 1700000000u

struct scratch {
    char dir[64];
    char path[96];
    struct store *store;
};

static inline void scratch_dir(struct scratch *x)
{
    memset(x, 0, sizeof(*x));
    (void)snprintf(x->dir, sizeof(x->dir), "/tmp/postern-test-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    (void)snprintf(x->path, sizeof(x->path), "%s/postern.db", x->dir);
}

static inline void scratch_open(struct scratch *x, enum store_mode mode)
{
    struct buf note;
    buf_init(&note, 512);
    int rc = store_open(x->path, mode, &x->store, &note);
    if (rc < 0)
        fail_msg("%s: %.*s", fault_name(rc), SPAN_FMT(buf_view(&note)));
    buf_fini(&note);
}

static inline void scratch_close(struct scratch *x)
{
    store_close(x->store);
    x->store = NULL;
}

static inline void scratch_reopen(struct scratch *x)
{
    scratch_close(x);
    scratch_open(x, STORE_OPEN);
}

static inline void scratch_remove(struct scratch *x)
{
    char child[512];
    scratch_close(x);
    DIR *dir = opendir(x->dir);
    struct dirent *e;
    while (dir != NULL && (e = readdir(dir)) != NULL) {
        (void)snprintf(child, sizeof(child), "%s/%s", x->dir, e->d_name);
        if (e->d_name[0] != '.')
            (void)unlink(child);
    }
    if (dir != NULL)
        (void)closedir(dir);
    (void)rmdir(x->dir);
}

/* cmocka's setup and teardown. */
static inline int scratch_setup(void **state)
{
    struct scratch *x = calloc(1, sizeof(*x));
    assert_non_null(x);
    scratch_dir(x);
    scratch_open(x, STORE_CREATE);
    *state = x;
    return 0;
}

static inline int scratch_teardown(void **state)
{
    scratch_remove(*state);
    free(*state);
    return 0;
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

static inline void fill(uint8_t *at, size_t len, uint8_t with)
{
    memset(at, with, len);
}

#endif
