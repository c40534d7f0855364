/* One bench (bench.h) for all tests of a file. */
#ifndef TESTS_KEEPER_BENCH_SHARED_H
#define TESTS_KEEPER_BENCH_SHARED_H

#include "tests/unit/keeper/bench.h"

static struct bench BENCH;

static int setup(void **state)
{
    (void)state;
    bench_open(&BENCH);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bench_close(&BENCH);
    return 0;
}

#endif
