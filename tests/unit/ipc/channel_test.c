#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "ipc/channel.h"
#include "ipc/memfd.h"

struct ends {
    struct channel edge, keeper;
};

static void open_ends(struct ends *e)
{
    int fds[2];
    assert_int_equal(channel_pair(fds), 0);
    assert_int_equal(channel_init(&e->edge, fds[0], IPC_EDGE, IPC_KEEPER), 0);
    assert_int_equal(channel_init(&e->keeper, fds[1], IPC_KEEPER, IPC_EDGE), 0);
}

static void close_ends(struct ends *e)
{
    channel_fini(&e->edge);
    channel_fini(&e->keeper);
}

static void a_question_arrives_as_it_was_asked(void **state)
{
    (void)state;
    struct ends e;
    open_ends(&e);
    struct msg_session ask = {.kind = 2, .token = SPAN("token"), .host = SPAN("h:9443")};
    ask.source[15] = 1;
    uint32_t serial = channel_serial(&e.edge);
    assert_int_equal(channel_send_session(&e.edge, serial, &ask, -1), 0);
    struct message m;
    assert_int_equal(channel_recv(&e.keeper, &m), 1);
    assert_int_equal(m.type, MSG_SESSION);
    assert_int_equal(m.serial, serial);
    struct msg_session got;
    assert_int_equal(msg_session_decode(m.payload, &got), 0);
    assert_true(span_is(got.token, "token"));
    assert_true(span_is(got.host, "h:9443"));
    assert_int_equal(got.source[15], 1);
    assert_int_equal(channel_recv(&e.keeper, &m), 0);
    close_ends(&e);
}

static void what_the_table_does_not_permit_is_not_sent_and_not_taken(void **state)
{
    (void)state;
    struct ends e;
    open_ends(&e);
    /* A view is the keeper's word; an edge may not speak it. */
    struct msg_view view = {0};
    assert_int_equal(channel_send_view(&e.edge, 1, &view, -1), FAULT_DENIED);
    uint8_t forged[64] = {0, MSG_VIEW, 0, 0, 0, 1};
    struct message m;
    assert_true(send(channel_fd(&e.edge), forged, sizeof(forged), 0) > 0);
    assert_int_equal(channel_recv(&e.keeper, &m), FAULT_FORMAT);
    close_ends(&e);
}

static void hostile_packets_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        size_t len;
    } BAD[] = {
        {{0}, 1},
        {{0, MSG_SESSION, 0, 0, 0}, 5},
        {{0xff, 0xff, 0, 0, 0, 1}, 6},
        {{0, 0, 0, 0, 0, 1}, 6},
        {{0, MSG_SIGN, 0, 0, 0, 1}, 6}, /* right shape, wrong receiver */
        {{0, MSG_REVOKE, 0, 0, 0, 1}, 6},
    };
    for (size_t i = 0; i < countof(BAD); i++) {
        struct ends e;
        open_ends(&e);
        struct message m;
        assert_true(send(channel_fd(&e.edge), BAD[i].bytes, BAD[i].len, 0) > 0);
        assert_int_equal(channel_recv(&e.keeper, &m), FAULT_FORMAT);
        close_ends(&e);
    }
}

static void a_payload_larger_than_its_fields_allow_is_refused(void **state)
{
    (void)state;
    struct ends e;
    open_ends(&e);
    size_t len = MSG_HEADER + msg_info(MSG_REVOKED)->max + 1;
    uint8_t *packet = calloc(1, len);
    assert_non_null(packet);
    packet[1] = MSG_REVOKED;
    struct message m;
    assert_true(send(channel_fd(&e.edge), packet, len, 0) > 0);
    assert_int_equal(channel_recv(&e.keeper, &m), FAULT_FORMAT);
    free(packet);
    close_ends(&e);
}

static void a_closed_peer_is_noticed(void **state)
{
    (void)state;
    struct ends e;
    open_ends(&e);
    channel_fini(&e.keeper);
    struct message m;
    assert_int_equal(channel_recv(&e.edge, &m), FAULT_CLOSED);
    struct msg_revoked r = {0};
    assert_int_equal(channel_send_revoked(&e.edge, 0, &r, -1), FAULT_CLOSED);
    close_ends(&e);
}

static void a_full_socket_queues_and_a_full_queue_breaks(void **state)
{
    (void)state;
    struct ends e;
    open_ends(&e);
    struct msg_access a = {.records = SPAN_NONE};
    uint8_t *bytes = calloc(1, 100000);
    assert_non_null(bytes);
    a.records = span_of(bytes, 100000);
    int sent = 0, rc;
    while ((rc = channel_send_access(&e.edge, 0, &a, -1)) == 0 && sent < 1000)
        sent++;
    assert_int_equal(rc, FAULT_LIMIT);
    assert_true(channel_wants_write(&e.edge));
    struct message m;
    int got = 0;
    for (int i = 0; i < 10000 && got < sent; i++) {
        rc = channel_recv(&e.keeper, &m);
        assert_true(rc >= 0);
        got += rc;
        assert_int_equal(channel_flush(&e.edge), 0);
    }
    assert_int_equal(got, sent);
    free(bytes);
    close_ends(&e);
}

static void a_descriptor_travels_even_through_the_queue(void **state)
{
    (void)state;
    int fds[2];
    struct channel up, down;
    assert_int_equal(channel_pair(fds), 0);
    assert_int_equal(channel_init(&up, fds[0], IPC_SUPERVISOR, IPC_EDGE), 0);
    assert_int_equal(channel_init(&down, fds[1], IPC_EDGE, IPC_SUPERVISOR), 0);
    int fd = memfd_make("test", SPAN("hello"));
    assert_true(fd >= 0);
    struct msg_prepare p = {.number = 7};
    assert_int_equal(channel_send_prepare(&up, 0, &p, fd), 0);
    (void)close(fd);
    struct message m;
    assert_int_equal(channel_recv(&down, &m), 1);
    assert_true(m.fd >= 0);
    struct buf b;
    buf_init(&b, 4);
    assert_int_equal(memfd_read(m.fd, &b), FAULT_LIMIT);
    buf_fini(&b);
    buf_init(&b, 100);
    assert_int_equal(memfd_read(m.fd, &b), 0);
    assert_true(span_is(buf_view(&b), "hello"));
    buf_fini(&b);
    assert_int_equal(write(m.fd, "x", 1), -1);
    (void)close(m.fd);
    channel_fini(&up);
    channel_fini(&down);
}

static void an_unsealed_file_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/postern-memfd-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(memfd_read(fd, &b), FAULT_DENIED);
    buf_fini(&b);
    (void)close(fd);
    (void)unlink(path);
}

static void waiting_ends_at_its_deadline(void **state)
{
    (void)state;
    struct ends e;
    open_ends(&e);
    struct message m;
    assert_int_equal(channel_wait(&e.edge, MSG_VIEW, 1, 20, &m), FAULT_TIMEOUT);
    struct msg_view view = {.status = 1};
    assert_int_equal(channel_send_view(&e.keeper, 8, &view, -1), 0);
    assert_int_equal(channel_send_view(&e.keeper, 9, &view, -1), 0);
    assert_int_equal(channel_wait(&e.edge, MSG_VIEW, 9, 1000, &m), 0);
    assert_int_equal(m.serial, 9);
    close_ends(&e);
}

static void every_type_has_a_row_and_replies_go_the_other_way(void **state)
{
    (void)state;
    for (unsigned type = 1; type < MSG_COUNT; type++) {
        const struct msg_info *info = msg_info(type);
        assert_non_null(info);
        assert_non_null(info->name);
        if (info->reply != MSG_NONE) {
            assert_int_equal(msg_info(info->reply)->from, info->to);
            assert_int_equal(msg_info(info->reply)->to, info->from);
        }
    }
    assert_null(msg_info(0));
    assert_null(msg_info(MSG_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_arrives_as_it_was_asked),
        cmocka_unit_test(what_the_table_does_not_permit_is_not_sent_and_not_taken),
        cmocka_unit_test(hostile_packets_are_refused),
        cmocka_unit_test(a_payload_larger_than_its_fields_allow_is_refused),
        cmocka_unit_test(a_closed_peer_is_noticed),
        cmocka_unit_test(a_full_socket_queues_and_a_full_queue_breaks),
        cmocka_unit_test(a_descriptor_travels_even_through_the_queue),
        cmocka_unit_test(an_unsealed_file_is_refused),
        cmocka_unit_test(waiting_ends_at_its_deadline),
        cmocka_unit_test(every_type_has_a_row_and_replies_go_the_other_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
