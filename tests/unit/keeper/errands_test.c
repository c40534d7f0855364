/* Errands against a courier that the test plays itself. */
#include "tests/unit/keeper/bench.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fault.h"
#include "keeper/errands.h"

struct told {
    unsigned count;
    int fault;
    bool again; /* asks again from within */
};

struct stage {
    struct bench bench;
    struct channel courier; /* the far end */
    struct peer peer;
    struct told a, b;
};

static void on_done(struct keeper *k, void *context, int fault, struct span answer);

static int ask(struct keeper *k, struct told *t, uint32_t patience)
{
    uint8_t packet[512];
    struct msg_probe m = {.host = SPAN("a.example"), .port = 443};
    struct writer w = writer_into(packet, sizeof(packet));
    msg_probe_encode(&w, &m);
    assert_true(writer_finish(&w) > 0);
    return errands_ask(k, MSG_PROBE, span_of(packet, w.len), patience, on_done, t);
}

static void on_done(struct keeper *k, void *context, int fault, struct span answer)
{
    struct told *t = context;
    assert_true((fault == 0) == (answer.len > 0));
    t->count++;
    t->fault = fault;
    if (t->again) {
        t->again = false;
        (void)ask(k, t, 60000);
    }
}

static int set_up(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));
    int fds[2];
    assert_non_null(s);
    bench_open(&s->bench);
    struct keeper *k = &s->bench.k;
    assert_int_equal(uv_loop_init(&k->loop), 0);
    assert_int_equal(errands_start(&k->errands, k), 0);
    assert_int_equal(channel_pair(fds), 0);
    assert_int_equal(peer_open(k, &s->peer, fds[0], IPC_COURIER), 0);
    assert_int_equal(channel_init(&s->courier, fds[1], IPC_COURIER, IPC_KEEPER), 0);
    k->courier = &s->peer;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *s = *state;
    struct keeper *k = &s->bench.k;
    errands_stop(&k->errands);
    if (s->peer.watching) {
        uv_close((uv_handle_t *)&s->peer.poll, NULL);
    }
    (void)uv_run(&k->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&k->loop), 0);
    channel_fini(&s->peer.channel);
    channel_fini(&s->courier);
    bench_close(&s->bench);
    free(s);
    return 0;
}

static uint32_t serial_asked(struct stage *s)
{
    struct message m = {.fd = -1};
    assert_int_equal(channel_recv(&s->courier, &m), 1);
    assert_int_equal(m.type, MSG_PROBE);
    return m.serial;
}

static int tell(struct stage *s, enum msg_type type, uint32_t serial, bool whole)
{
    static uint8_t packet[16384];
    struct writer w = writer_into(packet, sizeof(packet));
    if (type == MSG_PROBED) {
        msg_probed_encode(&w, &(struct msg_probed){.text = SPAN("no")});
    } else {
        msg_bound_encode(&w, &(struct msg_bound){.text = SPAN("no")});
    }
    struct message m = {
        .type = type, .serial = serial, .fd = -1, .payload = span_of(packet, w.len - !whole)};
    return errands_answer(&s->bench.k, &m);
}

static void an_answer_counts_for_its_serial_once(void **state)
{
    struct stage *s = *state;
    assert_int_equal(ask(&s->bench.k, &s->a, 60000), 0);
    assert_int_equal(ask(&s->bench.k, &s->b, 60000), 0);
    uint32_t first = serial_asked(s), second = serial_asked(s);
    assert_int_equal(tell(s, MSG_PROBED, second, true), 0);
    assert_int_equal(s->a.count, 0);
    assert_int_equal(s->b.count, 1);
    assert_int_equal(s->b.fault, 0);
    assert_int_equal(tell(s, MSG_PROBED, second, true), 0);
    assert_int_equal(tell(s, MSG_PROBED, first + 1000, true), 0);
    assert_int_equal(s->b.count, 1);
    assert_int_equal(tell(s, MSG_PROBED, first, true), 0);
    assert_int_equal(s->a.count, 1);
}

static void an_answer_of_another_type_or_shape_breaks_the_channel(void **state)
{
    struct stage *s = *state;
    assert_int_equal(ask(&s->bench.k, &s->a, 60000), 0);
    uint32_t serial = serial_asked(s);
    assert_int_equal(tell(s, MSG_BOUND, serial, true), FAULT_FORMAT);
    assert_int_equal(tell(s, MSG_PROBED, serial, false), FAULT_FORMAT);
    assert_int_equal(s->a.count, 0);
}

static void a_courier_that_goes_is_a_fault_for_everybody_who_waits(void **state)
{
    struct stage *s = *state;
    s->a.again = true;
    assert_int_equal(ask(&s->bench.k, &s->a, 60000), 0);
    assert_int_equal(ask(&s->bench.k, &s->b, 60000), 0);
    s->bench.k.courier = NULL;
    errands_unanswered(&s->bench.k);
    assert_int_equal(s->a.fault, FAULT_CLOSED);
    assert_int_equal(s->b.fault, FAULT_CLOSED);
    assert_int_equal(s->a.count + s->b.count, 2);
    assert_int_equal(ask(&s->bench.k, &s->a, 60000), FAULT_ABSENT);
}

static void patience_ends_an_errand_that_nobody_answers(void **state)
{
    struct stage *s = *state;
    assert_int_equal(ask(&s->bench.k, &s->a, 60000), 0);
    assert_int_equal(ask(&s->bench.k, &s->b, 1), 0);
    while (s->b.count == 0) {
        (void)uv_run(&s->bench.k.loop, UV_RUN_ONCE);
    }
    assert_int_equal(s->b.fault, FAULT_TIMEOUT);
    assert_int_equal(s->a.count, 0);
    errands_stop(&s->bench.k.errands);
    assert_int_equal(s->a.fault, -ECANCELED);
}

static void one_type_leaves_room_for_the_others(void **state)
{
    struct stage *s = *state;
    for (unsigned i = 0; i < ERRANDS_OF_A_TYPE; i++) {
        assert_int_equal(ask(&s->bench.k, &s->a, 60000), 0);
    }
    assert_int_equal(ask(&s->bench.k, &s->a, 60000), FAULT_BUSY);
    assert_true(ERRANDS_OF_A_TYPE < ERRANDS_MAX);
    errands_stop(&s->bench.k.errands);
    assert_int_equal(s->a.count, ERRANDS_OF_A_TYPE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_answer_counts_for_its_serial_once),
        TEST(an_answer_of_another_type_or_shape_breaks_the_channel),
        TEST(a_courier_that_goes_is_a_fault_for_everybody_who_waits),
        TEST(patience_ends_an_errand_that_nobody_answers),
        TEST(one_type_leaves_room_for_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
