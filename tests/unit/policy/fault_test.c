/* The n-th allocation fails, for n = 1, 2, … until the operation succeeds: each time it must say
 * -ENOMEM and leave nothing behind. Afterwards: a decision allocates nothing. The linker sends the
 * allocations of our own code here (--wrap). */
#include "tests/unit/conf/sample.h"

#include <errno.h>
#include <stdlib.h>

#include "conf/merge.h"
#include "conf/resource.h"
#include "conf/slice.h"
#include "policy/decide.h"

static size_t allocations; /* since the last reset */
static size_t fail_at;     /* 0: never */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *at, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *at, size_t count, size_t size);

static bool fails(void)
{
    return ++allocations == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *at, size_t count, size_t size)
{
    return fails() ? NULL : __real_reallocarray(at, count, size);
}

/* Runs the operation until it succeeds. Failures come from the n-th allocation alone. */
static void until_it_succeeds(int (*operation)(void *), void *arg)
{
    size_t n = 1;
    for (;; n++) {
        allocations = 0;
        fail_at = n;
        int rc = operation(arg);
        bool reached = allocations >= n;
        fail_at = 0;
        if (!reached) {
            assert_int_equal(rc, 0);
            break;
        }
        /* A buffer that cannot grow says FAULT_LIMIT. Nothing may look like success, or like a
         * mistake of the operator's. */
        if (rc != -ENOMEM && rc != FAULT_LIMIT)
            fail_msg("allocation %zu failed: %d", n, rc);
        assert_true(n < 100000);
    }
    assert_true(n > 1);
}

static int parse_file(void *arg)
{
    struct snapshot *s = NULL;
    struct buf errors;
    (void)arg;
    buf_init(&errors, 65536);
    int rc = yaml_parse("f", span_str(SAMPLE_FULL), &s, &errors);
    assert_true((rc == 0) == (s != NULL));
    buf_fini(&errors);
    snapshot_free(s);
    return rc;
}

static int decode_slice(void *arg)
{
    struct snapshot *s = NULL;
    int rc = slice_decode(buf_view(arg), SLICE_FILE, &s);
    assert_true((rc == 0) == (s != NULL));
    snapshot_free(s);
    return rc;
}

static int encode_slice(void *arg)
{
    struct buf out;
    buf_init(&out, SLICE_MAX);
    int rc = slice_encode(arg, SLICE_EDGE, &out);
    buf_fini(&out);
    return rc;
}

static int merge_store(void *arg)
{
    struct snapshot **both = arg, *s = NULL;
    struct buf errors;
    buf_init(&errors, 65536);
    int rc = merge_snapshots(both[0], both[1], &s, &errors);
    assert_true((rc == 0) == (s != NULL));
    buf_fini(&errors);
    snapshot_free(s);
    return rc;
}

static int compile_policy(void *arg)
{
    struct policy *p = NULL;
    int rc = policy_new(arg, &p);
    assert_true((rc == 0) == (p != NULL));
    policy_free(p);
    return rc;
}

static int parse_resource(void *arg)
{
    struct snapshot *s = snapshot_bare();
    struct buf errors;
    (void)arg;
    if (s == NULL)
        return -ENOMEM;
    buf_init(&errors, 65536);
    int rc = resource_parse(s, "rule",
                            SPAN("{\"name\":\"r\",\"users\":[\"a\",\"b\"],\"zones\":[\"local\"],"
                                 "\"routes\":[\"*\"],\"paths\":[\"/a\"]}"),
                            &errors);
    assert_int_equal(s->rule_count, rc == 0);
    buf_fini(&errors);
    snapshot_free(s);
    return rc;
}

static void every_operation_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct snapshot *file = sample_parse(SAMPLE_FULL);
    struct snapshot *store = snapshot_new();
    struct snapshot *both[] = {file, store};
    struct buf slice, errors;
    buf_init(&slice, SLICE_MAX);
    buf_init(&errors, 65536);
    assert_int_equal(slice_encode(file, SLICE_FILE, &slice), 0);
    assert_int_equal(resource_parse(store, "zone",
                                    SPAN("{\"name\":\"vpn\",\"cidrs\":[\"10.8.0.0/16\"]}"),
                                    &errors),
                     0);
    until_it_succeeds(parse_file, NULL);
    until_it_succeeds(encode_slice, file);
    until_it_succeeds(decode_slice, &slice);
    until_it_succeeds(merge_store, both);
    until_it_succeeds(compile_policy, file);
    until_it_succeeds(parse_resource, NULL);
    buf_fini(&slice);
    buf_fini(&errors);
    snapshot_free(file);
    snapshot_free(store);
}

static void a_decision_allocates_nothing(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL);
    struct policy *p;
    struct addr source;
    assert_int_equal(policy_new(s, &p), 0);
    assert_int_equal(addr_parse(SPAN("10.1.2.3"), &source), 0);
    struct subject who = {.kind = SUBJECT_PERSON,
                          .user = SPAN("alice"),
                          .groups = SPAN("a\nops\nb"),
                          .proven = proven_as(ASSURANCE_HARDWARE, 1000)};
    allocations = 0;
    struct question q = {&who,
                         zones_find(policy_zones(p), &source),
                         policy_route(p, 9443, SPAN("tomcat.test"), SPAN("/")),
                         SPAN("GET"),
                         SPAN("/manager/html"),
                         1001};
    assert_int_equal(policy_decide(p, &q).verdict, VERDICT_ALLOW);
    assert_true(policy_admits_source(p, q.zones));
    who.kind = SUBJECT_NOBODY;
    assert_int_equal(policy_decide(p, &q).verdict, VERDICT_PROVE);
    assert_int_equal(allocations, 0);
    policy_free(p);
    snapshot_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_survives_every_failed_allocation),
        cmocka_unit_test(a_decision_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
