#include "sample.h"

#include <stdlib.h>

#include "conf/keys.h"
#include "conf/slice.h"

static struct buf encode(const struct snapshot *s, enum slice which)
{
    struct buf out;
    buf_init(&out, SLICE_MAX);
    assert_int_equal(slice_encode(s, which, &out), 0);
    return out;
}

/* Decodes from an exact allocation, so that a read past the end is seen. */
static int decode(struct span bytes, enum slice which, struct snapshot **ret)
{
    uint8_t *exact = malloc(bytes.len > 0 ? bytes.len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes.at, bytes.len);
    *ret = NULL;
    int rc = slice_decode(span_of(exact, bytes.len), which, ret);
    assert_true((rc == 0) == (*ret != NULL));
    free(exact);
    return rc;
}

static void the_file_slice_carries_everything(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL), *back;
    s->number = 7;
    s->generation = 3;
    struct buf bytes = encode(s, SLICE_FILE);
    assert_int_equal(decode(buf_view(&bytes), SLICE_FILE, &back), 0);
    assert_int_equal(back->number, 7);
    assert_int_equal(back->generation, 3);
    char *before = sample_dump(s), *after = sample_dump(back);
    assert_string_equal(before, after);
    struct buf again = encode(back, SLICE_FILE);
    assert_true(span_eq(buf_view(&bytes), buf_view(&again)));
    buf_fini(&again);
    buf_fini(&bytes);
    free(before);
    free(after);
    snapshot_free(back);
    snapshot_free(s);
}

static void the_edge_slice_carries_what_an_edge_needs(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL), *back;
    struct buf bytes = encode(s, SLICE_EDGE);
    assert_int_equal(decode(buf_view(&bytes), SLICE_EDGE, &back), 0);
    assert_string_equal(back->portal_host, "p.test");
    assert_memory_equal(&back->limits, &s->limits, sizeof(s->limits));
    assert_int_equal(back->route_count, 2);
    assert_string_equal(back->routes[0].upstream_host, "a.test:80");
    assert_int_equal(back->rule_count, 2);
    assert_int_equal(back->zones[0].origin, ORIGIN_BUILTIN);
    /* What it does not carry is empty, never NULL. */
    assert_string_equal(back->routes[0].inject_file, "");
    assert_string_equal(back->state_dir, "");
    assert_string_equal(back->store_file, "");
    assert_string_equal(back->secrets_dir, "");
    assert_string_equal(back->tls_key, "");
    buf_fini(&bytes);
    snapshot_free(back);
    snapshot_free(s);
}

static void nothing_local_or_secret_is_in_an_edges_slice(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL);
    struct buf bytes = encode(s, SLICE_EDGE);
    struct span all = buf_view(&bytes);
    /* Every planted value begins with this word. */
    assert_null(memmem(all.at, all.len, "planted", 7));
    buf_fini(&bytes);
    bytes = encode(s, SLICE_FILE);
    all = buf_view(&bytes);
    assert_non_null(memmem(all.at, all.len, "planted.secret", 14));
    buf_fini(&bytes);
    snapshot_free(s);
}

static void a_secret_key_is_local(void **state)
{
    (void)state;
    assert_true((KEY_SECRET & KEY_LOCAL) != 0);
    const struct key *k = section_key(section_of(SECTION_ROUTES), SPAN("inject_basic_file"));
    assert_true((k->flags & KEY_LOCAL) != 0);
}

static void a_slice_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL), *back;
    struct buf bytes = encode(s, SLICE_FILE);
    struct span all = buf_view(&bytes);
    for (size_t len = 0; len < all.len; len++)
        assert_int_equal(decode(span_sub(all, 0, len), SLICE_FILE, &back), FAULT_FORMAT);
    (void)buf_byte(&bytes, 0);
    assert_int_equal(decode(buf_view(&bytes), SLICE_FILE, &back), FAULT_FORMAT);
    buf_fini(&bytes);
    snapshot_free(s);
}

static void a_slice_with_any_bit_flipped_never_harms(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL), *back;
    struct buf bytes = encode(s, SLICE_EDGE);
    uint8_t *at = bytes.at + bytes.head;
    size_t accepted = 0;
    for (size_t bit = 0; bit < buf_len(&bytes) * 8; bit++) {
        at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int rc = decode(buf_view(&bytes), SLICE_EDGE, &back);
        assert_true(rc == 0 || rc == FAULT_FORMAT || rc == FAULT_VERSION);
        accepted += rc == 0;
        snapshot_free(back);
        at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* Numbers and letters may change into others, but not everything may. */
    assert_true(accepted < buf_len(&bytes) * 8);
    buf_fini(&bytes);
    snapshot_free(s);
}

static void a_count_that_the_bytes_cannot_hold_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse("portal: {host: p.test}\n"), *back;
    struct buf bytes = encode(s, SLICE_EDGE);
    uint8_t *at = bytes.at + bytes.head;
    for (size_t i = 14; i + 4 <= buf_len(&bytes); i++) {
        uint8_t kept[4];
        memcpy(kept, at + i, 4);
        memset(at + i, 0xff, 4);
        (void)decode(buf_view(&bytes), SLICE_EDGE, &back);
        snapshot_free(back);
        memcpy(at + i, "\0\1\0\0", 4);
        (void)decode(buf_view(&bytes), SLICE_EDGE, &back);
        snapshot_free(back);
        memcpy(at + i, kept, 4);
    }
    buf_fini(&bytes);
    snapshot_free(s);
}

static void memory_stays_in_proportion_to_the_bytes(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse("portal: {host: p.test}\n"), *back;
    struct zone_def *z = &s->zones[0];
    for (size_t i = 0; i < 20000; i++) {
        struct cidr *c =
            array_grow(&s->arena, (void **)&z->cidrs, z->cidr_count, sizeof(struct cidr));
        assert_non_null(c);
        *c = (struct cidr){.bits = 128};
        c->addr.byte[14] = (uint8_t)(i >> 8);
        c->addr.byte[15] = (uint8_t)i;
        z->cidr_count++;
    }
    struct buf bytes = encode(s, SLICE_EDGE);
    assert_int_equal(decode(buf_view(&bytes), SLICE_EDGE, &back), 0);
    assert_int_equal(back->zones[0].cidr_count, z->cidr_count);
    assert_true(back->arena.used < 16 * buf_len(&bytes));
    snapshot_free(back);
    buf_fini(&bytes);
    snapshot_free(s);
}

static void a_slice_of_another_kind_or_version_is_refused(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL), *back;
    struct buf bytes = encode(s, SLICE_FILE);
    uint8_t *at = bytes.at + bytes.head;
    assert_int_equal(decode(buf_view(&bytes), SLICE_EDGE, &back), FAULT_FORMAT);
    at[4]++;
    assert_int_equal(decode(buf_view(&bytes), SLICE_FILE, &back), FAULT_VERSION);
    at[4]--;
    at[6] ^= 1;
    assert_int_equal(decode(buf_view(&bytes), SLICE_FILE, &back), FAULT_VERSION);
    at[6] ^= 1;
    at[0] ^= 1;
    assert_int_equal(decode(buf_view(&bytes), SLICE_FILE, &back), FAULT_FORMAT);
    buf_fini(&bytes);
    snapshot_free(s);
}

/* Encodes without the checks that a file has gone through, as a hostile sender would. */
static void a_snapshot_that_does_not_hold_together_is_refused(void **state)
{
    (void)state;
    for (int what = 0; what < 10; what++) {
        struct snapshot *s = sample_parse(SAMPLE_FULL), *back;
        switch (what) {
        case 0:
            s->rules[0].zones.name[0] = "nowhere";
            break;
        case 1:
            s->rules[0].routes.name[0] = "gone";
            break;
        case 2:
            s->rules[0].paths.name[0] = "no-slash";
            break;
        case 3:
            s->rules[0].assurance = (enum assurance)9;
            break;
        case 4:
            s->routes[0].host = "p.test";
            break;
        case 5:
            s->routes[1].port = 9999;
            break;
        case 6:
            s->zones[1].cidrs[0].bits = 200;
            break;
        case 7:
            s->listeners[0].port = 0;
            break;
        case 8:
            s->limits.connections = 0;
            break;
        default:
            s->routes[1].name = "tomcat";
        }
        struct buf bytes = encode(s, SLICE_EDGE);
        assert_int_equal(decode(buf_view(&bytes), SLICE_EDGE, &back), FAULT_FORMAT);
        buf_fini(&bytes);
        snapshot_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_cut_at_any_byte_is_refused),
        cmocka_unit_test(a_slice_with_any_bit_flipped_never_harms),
        cmocka_unit_test(a_count_that_the_bytes_cannot_hold_is_refused_before_memory_is_taken),
        cmocka_unit_test(memory_stays_in_proportion_to_the_bytes),
        cmocka_unit_test(a_slice_of_another_kind_or_version_is_refused),
        cmocka_unit_test(a_snapshot_that_does_not_hold_together_is_refused),
        cmocka_unit_test(nothing_local_or_secret_is_in_an_edges_slice),
        cmocka_unit_test(a_secret_key_is_local),
        cmocka_unit_test(the_file_slice_carries_everything),
        cmocka_unit_test(the_edge_slice_carries_what_an_edge_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
