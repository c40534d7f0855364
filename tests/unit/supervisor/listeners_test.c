#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/listeners.h"

static struct snapshot *file;
static struct listener_def defs[2];

static struct addr address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(span_str(text), &a), 0);
    return a;
}

static uint16_t free_port(const char *text)
{
    struct sockaddr_storage ss;
    struct addr a = address(text);
    socklen_t len = addr_to_sockaddr(&a, 0, &ss);
    uint16_t port = 0;
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, &a, &port), 0);
    (void)close(fd);
    return port;
}

static int reach(const char *text, uint16_t port)
{
    struct sockaddr_storage ss;
    struct addr a = address(text);
    socklen_t len = addr_to_sockaddr(&a, port, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
    (void)close(fd);
    return rc;
}

static void name_one(const char *name, const char *text, uint16_t port)
{
    defs[0] = (struct listener_def){.name = name, .addr = address(text), .port = port};
    file->listeners = defs;
    file->listener_count = 1;
}

static int make(void **state)
{
    (void)state;
    file = snapshot_new();
    return file == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    file->listeners = NULL;
    file->listener_count = 0;
    snapshot_free(file);
    return 0;
}

static void every_slot_has_a_socket_of_its_own(void **state)
{
    (void)state;
    static struct listeners l;
    struct buf errors;
    buf_init(&errors, 4096);
    name_one("main", "127.0.0.1", free_port("127.0.0.1"));
    listeners_init(&l, 3);
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    assert_int_equal(l.count, 1);
    assert_string_equal(l.items[0].name, "main");
    assert_int_not_equal(listeners_fd(&l, 0, 0), listeners_fd(&l, 0, 1));
    assert_int_not_equal(listeners_fd(&l, 0, 1), listeners_fd(&l, 0, 2));
    assert_int_equal(reach("127.0.0.1", defs[0].port), 0);
    /* Asked again, it binds nothing twice; a new name is taken over. */
    defs[0].name = "renamed";
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    assert_int_equal(l.count, 1);
    assert_string_equal(l.items[0].name, "renamed");
    listeners_fini(&l);
    buf_fini(&errors);
}

static void a_listener_that_is_no_longer_named_is_shut_but_stays_ours(void **state)
{
    (void)state;
    static struct listeners l;
    struct buf errors;
    struct sockaddr_storage ss;
    buf_init(&errors, 4096);
    uint16_t port = free_port("127.0.0.1");
    name_one("main", "127.0.0.1", port);
    listeners_init(&l, 2);
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    file->listener_count = 0;
    listeners_settle(&l, file);
    assert_int_equal(reach("127.0.0.1", port), -ECONNREFUSED);
    struct addr a = address("127.0.0.1");
    socklen_t len = addr_to_sockaddr(&a, port, &ss);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), -1);
    assert_int_equal(errno, EADDRINUSE);
    (void)close(fd);
    file->listener_count = 1;
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    assert_int_equal(reach("127.0.0.1", port), 0);
    listeners_fini(&l);
    buf_fini(&errors);
}

static void the_ipv6_listener_takes_no_ipv4(void **state)
{
    (void)state;
    static struct listeners l;
    struct buf errors;
    if (access("/proc/net/if_inet6", F_OK) != 0)
        skip();
    buf_init(&errors, 4096);
    uint16_t port = free_port("::1");
    name_one("six", "::", port);
    defs[1] = (struct listener_def){.name = "four", .addr = address("127.0.0.1"), .port = port};
    listeners_init(&l, 1);
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    assert_int_equal(reach("127.0.0.1", port), -ECONNREFUSED);
    assert_int_equal(reach("::1", port), 0);
    /* And leaves IPv4's port to its own listener. */
    file->listener_count = 2;
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    assert_int_equal(reach("127.0.0.1", port), 0);
    listeners_fini(&l);
    buf_fini(&errors);
}

static void what_can_not_be_bound_is_named_with_the_reason(void **state)
{
    (void)state;
    static struct listeners l;
    struct buf errors;
    buf_init(&errors, 4096);
    uint16_t port = free_port("127.0.0.1");
    name_one("good", "127.0.0.1", port);
    defs[1] = (struct listener_def){.name = "far", .addr = address("192.0.2.1"), .port = 9443};
    file->listener_count = 2;
    listeners_init(&l, 2);
    assert_int_equal(listeners_open(&l, file, &errors), -EADDRNOTAVAIL);
    char *text = buf_take_string(&errors);
    assert_non_null(text);
    assert_non_null(strstr(text, "listener far: cannot listen on 192.0.2.1:9443"));
    assert_non_null(strstr(text, "this machine has no such address"));
    free(text);
    assert_int_equal(l.count, 1);
    listeners_fini(&l);
    buf_fini(&errors);
}

static void sockets_for_another_process_are_not_taken(void **state)
{
    (void)state;
    static struct listeners l;
    listeners_init(&l, 1);
    (void)setenv("LISTEN_PID", "1", 1);
    (void)setenv("LISTEN_FDS", "3", 1);
    struct buf errors;
    buf_init(&errors, 4096);
    assert_int_equal(listeners_adopt(&l, &errors), 0);
    assert_int_equal(buf_len(&errors), 0);
    buf_fini(&errors);
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_PID"));
    listeners_fini(&l);
}

/* Somebody else's attempt to have the port, who shares it with whoever shares. */
static int steal(const char *text, uint16_t port, bool reuse_address, bool reuse_port)
{
    struct sockaddr_storage ss;
    struct addr a = address(text);
    socklen_t len = addr_to_sockaddr(&a, port, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    assert_true(fd >= 0);
    if (geteuid() == 0)
        assert_int_equal(fchown(fd, 65534, 65534), 0);
    if (reuse_address)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
    if (reuse_port && geteuid() == 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
    int rc = bind(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
    if (rc == 0)
        rc = listen(fd, 1) < 0 ? -errno : 0;
    (void)close(fd);
    return rc;
}

static void expect_held(uint16_t port)
{
    for (int i = 0; i < 8; i++)
        assert_int_equal(steal((i & 4) != 0 ? "0.0.0.0" : "127.0.0.1", port, i & 1, i & 2),
                         -EADDRINUSE);
}

static void nobody_else_gets_a_port_that_is_open_or_was(void **state)
{
    (void)state;
    static struct listeners l;
    struct buf errors;
    buf_init(&errors, 4096);
    uint16_t port = free_port("127.0.0.1");
    name_one("main", "127.0.0.1", port);
    listeners_init(&l, 2);
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    expect_held(port);
    listeners_shut(&l);
    expect_held(port);
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    assert_int_equal(reach("127.0.0.1", port), 0);
    expect_held(port);
    listeners_fini(&l);
    buf_fini(&errors);
}

static void a_listener_of_an_interface_waits_for_it_and_keeps_its_port(void **state)
{
    (void)state;
    static struct listeners l;
    struct buf errors;
    buf_init(&errors, 4096);
    uint16_t port = free_port("127.0.0.1");
    name_one("vpn", "127.0.0.1", port);
    defs[0].interface = "nosuch0";
    listeners_init(&l, 2);
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    assert_false(l.items[0].open);
    assert_int_equal(listeners_follow(&l, 0), 0);
    expect_held(port);
    /* Another interface is another listener, at the same port. */
    defs[0].interface = "lo";
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    assert_int_equal(l.count, 2);
    listeners_settle(&l, file);
    assert_true(l.items[1].open);
    assert_int_equal(reach("127.0.0.1", port), 0);
    assert_int_equal(listeners_follow(&l, 1), 0);
    expect_held(port);
    /* The device is another one than it was: its sockets are made anew. */
    int before = listeners_fd(&l, 1, 0);
    l.items[1].device = 4711;
    assert_int_equal(listeners_follow(&l, 1), 1);
    assert_int_not_equal(listeners_fd(&l, 1, 0), before);
    assert_int_equal(reach("127.0.0.1", port), 0);
    /* The port without an interface: what the holder drops does not reach it. */
    defs[0].interface = "";
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    listeners_settle(&l, file);
    assert_int_equal(l.count, 3);
    for (int i = 0; i < 32; i++)
        assert_int_equal(reach("127.0.0.1", port), 0);
    expect_held(port);
    defs[0].interface = "lo";
    assert_int_equal(listeners_open(&l, file, &errors), 0);
    listeners_settle(&l, file);
    assert_true(l.items[1].open);
    assert_int_equal(reach("127.0.0.1", port), 0);
    expect_held(port);
    /* One that is named no more does not open when its interface comes. */
    file->listener_count = 0;
    listeners_settle(&l, file);
    l.items[1].device = 0;
    assert_int_equal(listeners_follow(&l, 1), 0);
    assert_false(l.items[1].open);
    expect_held(port);
    listeners_fini(&l);
    buf_fini(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_slot_has_a_socket_of_its_own, make, end),
        cmocka_unit_test_setup_teardown(a_listener_that_is_no_longer_named_is_shut_but_stays_ours,
                                        make, end),
        cmocka_unit_test_setup_teardown(the_ipv6_listener_takes_no_ipv4, make, end),
        cmocka_unit_test_setup_teardown(what_can_not_be_bound_is_named_with_the_reason, make, end),
        cmocka_unit_test_setup_teardown(nobody_else_gets_a_port_that_is_open_or_was, make, end),
        cmocka_unit_test_setup_teardown(a_listener_of_an_interface_waits_for_it_and_keeps_its_port,
                                        make, end),
        cmocka_unit_test(sockets_for_another_process_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
