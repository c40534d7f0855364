/* Every attempt runs in a forked child: once outside any sandbox, where it must succeed (else the
 * test would prove nothing), and once inside each profile, where the table says what must happen.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/sandbox.h"

#ifndef POSTERN_SANITIZED
#define POSTERN_SANITIZED 0
#endif

enum outcome { DONE = 0, REFUSED = 1, KILLED = 2, BROKEN = 3 };

static const char *const OUTCOME[] = {"done", "refused", "killed", "broken"};
static const char *const PROFILE[] = {"supervisor", "edge", "signer", "keeper", "courier"};

/* Prepared by the parent, so that the children find the same world. */
static struct {
    char dir[64];
    char file[80];
    int listener, stranger; /* sockets on the permitted and on another port */
    uint16_t port, stranger_port;
    int abi;
} world;

/* ---- attempts: 0 when it worked, an errno when it was refused ---- */

static int result_of(long rc)
{
    return rc < 0 ? errno : 0;
}

static int try_open_passwd(void)
{
    return result_of(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int try_open_own_file(void)
{
    return result_of(open(world.file, O_RDONLY | O_CLOEXEC));
}

static int try_create_in_own_directory(void)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/made", world.dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (pwrite(fd, "x", 1, 0) != 1 || ftruncate(fd, 0) < 0 || fsync(fd) < 0 ||
        fcntl(fd, F_SETLK, &lock) < 0)
        return errno;
    (void)close(fd);
    return result_of(unlink(path));
}

static int try_execve(void)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL};
    (void)execve("/bin/true", argv, argv + 1);
    return errno;
}

static int try_bind(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return fd < 0 ? errno : result_of(bind(fd, (struct sockaddr *)&sin, sizeof(sin)));
}

static int connect_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0)
        return errno;
    int rc = result_of(connect(fd, (struct sockaddr *)&sin, sizeof(sin)));
    return rc == EINPROGRESS ? 0 : rc;
}

static int try_connect_permitted(void)
{
    return connect_to(world.port);
}

static int try_connect_elsewhere(void)
{
    return connect_to(world.stranger_port);
}

static int try_udp_socket(void)
{
    return result_of(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int try_unix_socket(void)
{
    return result_of(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int try_ptrace(void)
{
    return result_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_writable_then_executable(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return errno;
    return result_of(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int try_executable_memory(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? errno : 0;
}

static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    int status;
    return pid < 0 ? errno : result_of(waitpid(pid, &status, 0));
}

static int try_namespace(void)
{
    return result_of(unshare(CLONE_NEWNS));
}

static int try_namespace_by_clone(void)
{
    long pid = syscall(SYS_clone, (long)CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    int status;
    return pid < 0 ? errno : result_of(waitpid((pid_t)pid, &status, 0));
}

static int try_signal_parent(void)
{
    return result_of(kill(getppid(), 0));
}

static int try_memfd(void)
{
    return result_of(memfd_create("probe", MFD_CLOEXEC));
}

static int try_ordinary_work(void)
{
    void *at = malloc(1 << 20);
    int fds[1] = {STDERR_FILENO};
    struct rusage usage;
    struct stat st;
    if (at == NULL || fcntl(fds[0], F_GETFL) < 0 || getrusage(RUSAGE_SELF, &usage) < 0 ||
        fstat(fds[0], &st) < 0)
        return errno;
    memset(at, 1, 1 << 20);
    free(at);
    return 0;
}

#define ALL_OF(x)                                                                                  \
    {                                                                                              \
        x, x, x, x, x                                                                              \
    }

/* Expected per profile, in the order of enum sandbox_profile: supervisor, edge, signer, keeper,
 * courier. */
static const struct attempt {
    const char *what;
    int (*run)(void);
    enum outcome expect[5];
    int abi; /* the Landlock ABI without which a refusal is not expected */
} ATTEMPTS[] = {
    {"ordinary work", try_ordinary_work, ALL_OF(DONE), 0},
    {"open /etc/passwd", try_open_passwd, {REFUSED, KILLED, REFUSED, REFUSED, REFUSED}, 1},
    {"open a file of its own", try_open_own_file, {DONE, KILLED, DONE, DONE, DONE}, 0},
    {"create a file of its own",
     try_create_in_own_directory,
     {DONE, KILLED, REFUSED, DONE, REFUSED},
     1},
    {"execve", try_execve, {REFUSED, KILLED, KILLED, KILLED, KILLED}, 1},
    {"bind", try_bind, {DONE, KILLED, KILLED, KILLED, KILLED}, 0},
    {"connect to the permitted port", try_connect_permitted, {DONE, DONE, KILLED, KILLED, DONE}, 0},
    {"connect to another port", try_connect_elsewhere, {DONE, REFUSED, KILLED, KILLED, DONE}, 4},
    {"a UDP socket", try_udp_socket, {DONE, KILLED, KILLED, KILLED, DONE}, 0},
    {"a unix socket", try_unix_socket, {DONE, KILLED, KILLED, KILLED, REFUSED}, 0},
    {"ptrace", try_ptrace, ALL_OF(KILLED), 0},
    {"mprotect exec", try_writable_then_executable, {DONE, KILLED, KILLED, KILLED, KILLED}, 0},
    {"mmap exec", try_executable_memory, {DONE, KILLED, KILLED, KILLED, KILLED}, 0},
    {"fork", try_fork, {DONE, KILLED, KILLED, KILLED, KILLED}, 0},
    {"unshare", try_namespace, ALL_OF(KILLED), 0},
    {"clone into a namespace", try_namespace_by_clone, ALL_OF(KILLED), 0},
    {"signal the parent", try_signal_parent, {REFUSED, KILLED, KILLED, KILLED, KILLED}, 6},
    {"a memory file", try_memfd, {DONE, KILLED, KILLED, DONE, KILLED}, 0},
};

static struct sandbox sandbox_for(enum sandbox_profile profile)
{
    static struct sandbox_path own[1];
    own[0] = (struct sandbox_path){
        world.dir,
        profile == SANDBOX_SIGNER || profile == SANDBOX_COURIER ? SANDBOX_READ : SANDBOX_WRITE};
    return (struct sandbox){
        .profile = profile,
        .mode = SANDBOX_STRICT,
        .paths = own,
        .path_count = profile == SANDBOX_EDGE ? 0 : 1,
        .connect_ports = &world.port,
        .connect_port_count = 1,
    };
}

static enum outcome outcome_of(pid_t pid)
{
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return BROKEN;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : BROKEN;
    return WIFEXITED(status) && WEXITSTATUS(status) <= REFUSED ? (enum outcome)WEXITSTATUS(status)
                                                               : BROKEN;
}

static enum outcome run_free(int (*run)(void))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(run() == 0 ? DONE : REFUSED);
    return outcome_of(pid);
}

static enum outcome run_inside(const struct sandbox *s, int (*run)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        struct buf report;
        buf_init(&report, 4096);
        if (sandbox_enter(s, &report) < 0) {
            char *text = buf_take_string(&report);
            (void)fprintf(stderr, "sandbox_enter: %s\n", text == NULL ? "" : text);
            _exit(BROKEN);
        }
        buf_fini(&report);
        int rc = run();
        /* Refused means refused by the sandbox, not by chance. */
        _exit(rc == 0 ? DONE : (rc == EACCES || rc == EPERM ? REFUSED : BROKEN));
    }
    return outcome_of(pid);
}

static int listen_somewhere(uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    assert_true(fd >= 0);
    assert_return_code(bind(fd, (struct sockaddr *)&sin, len), errno);
    assert_return_code(listen(fd, 64), errno);
    assert_return_code(getsockname(fd, (struct sockaddr *)&sin, &len), errno);
    *ret_port = ntohs(sin.sin_port);
    return fd;
}

static int make_world(void **state)
{
    (void)state;
    (void)snprintf(world.dir, sizeof(world.dir), "/tmp/postern-sandbox-XXXXXX");
    assert_non_null(mkdtemp(world.dir));
    (void)snprintf(world.file, sizeof(world.file), "%s/file", world.dir);
    int fd = open(world.file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    world.listener = listen_somewhere(&world.port);
    world.stranger = listen_somewhere(&world.stranger_port);
    long abi = syscall(444, NULL, 0, 1);
    world.abi = abi < 0 ? 0 : (int)abi;
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    (void)unlink(world.file);
    (void)rmdir(world.dir);
    (void)close(world.listener);
    (void)close(world.stranger);
    return 0;
}

static void every_attempt_works_outside_the_sandbox(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(ATTEMPTS); i++) {
        const struct attempt *a = &ATTEMPTS[i];
        bool needs_root = a->run == try_namespace || a->run == try_namespace_by_clone;
        if (needs_root && geteuid() != 0)
            continue;
        enum outcome got = run_free(a->run);
        if (got != DONE)
            fail_msg("%s: %s without any sandbox", a->what, OUTCOME[got]);
    }
}

static void every_profile_permits_its_own_work_and_nothing_else(void **state)
{
    (void)state;
    if (world.abi == 0)
        skip();
    int wrong = 0;
    for (size_t p = 0; p < countof(PROFILE); p++) {
        struct sandbox s = sandbox_for((enum sandbox_profile)p);
        for (size_t i = 0; i < countof(ATTEMPTS); i++) {
            const struct attempt *a = &ATTEMPTS[i];
            enum outcome expect = a->expect[p];
            /* What Landlock has no part in is the filter's, which is off then. */
            if (POSTERN_SANITIZED && (expect == KILLED || (expect == REFUSED && a->abi == 0)))
                continue;
            if (expect == REFUSED && world.abi < a->abi)
                continue;
            enum outcome got = run_inside(&s, a->run);
            if (got == expect)
                continue;
            print_error("%s: %s: %s, expected %s\n", PROFILE[p], a->what, OUTCOME[got],
                        OUTCOME[expect]);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* ---- threads ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int thread_result = -1;

static void *thread_main(void *arg)
{
    int (*run)(void) = *(int (**)(void))arg;
    (void)pthread_mutex_lock(&gate);
    thread_result = run();
    (void)pthread_mutex_unlock(&gate);
    return NULL;
}

static pthread_t thread;
static int (*thread_run)(void);

static int start_thread(void *arg)
{
    (void)arg;
    (void)pthread_mutex_lock(&gate);
    return -pthread_create(&thread, NULL, thread_main, &thread_run);
}

static int let_thread_run(void)
{
    (void)pthread_mutex_unlock(&gate);
    (void)pthread_join(thread, NULL);
    return thread_result;
}

static void a_thread_of_warm_up_is_held_by_landlock_and_by_seccomp(void **state)
{
    (void)state;
    if (world.abi == 0)
        skip();
    struct sandbox s = sandbox_for(SANDBOX_KEEPER);
    s.warm_up = start_thread;
    thread_run = try_open_own_file;
    assert_int_equal(run_inside(&s, let_thread_run), DONE);
    thread_run = try_open_passwd;
    assert_int_equal(run_inside(&s, let_thread_run), REFUSED);
    thread_run = try_udp_socket;
    if (!POSTERN_SANITIZED)
        assert_int_equal(run_inside(&s, let_thread_run), KILLED);
}

static void strict_refuses_a_thread_that_is_older_than_the_sandbox(void **state)
{
    (void)state;
    if (world.abi == 0)
        skip();
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox s = sandbox_for(SANDBOX_KEEPER);
        struct buf report;
        buf_init(&report, 4096);
        thread_run = try_ordinary_work;
        if (start_thread(NULL) < 0)
            _exit(BROKEN);
        _exit(sandbox_enter(&s, &report) == FAULT_SANDBOX ? DONE : BROKEN);
    }
    assert_int_equal(outcome_of(pid), DONE);
}

static int fail_to_warm_up(void *arg)
{
    (void)arg;
    return FAULT_BUSY;
}

static void a_failed_warm_up_is_handed_back(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox s = sandbox_for(SANDBOX_KEEPER);
        struct buf report;
        s.mode = SANDBOX_BEST;
        s.warm_up = fail_to_warm_up;
        buf_init(&report, 4096);
        _exit(sandbox_enter(&s, &report) == FAULT_BUSY ? DONE : BROKEN);
    }
    assert_int_equal(outcome_of(pid), DONE);
}

static void the_report_says_what_is_active(void **state)
{
    (void)state;
    if (world.abi == 0)
        skip();
    int out[2];
    assert_return_code(pipe(out), errno);
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox s = sandbox_for(SANDBOX_EDGE);
        struct buf report;
        buf_init(&report, 4096);
        int rc = sandbox_enter(&s, &report);
        struct span text = buf_view(&report);
        _exit(rc == 0 && write(out[1], text.at, text.len) == (ssize_t)text.len ? DONE : BROKEN);
    }
    assert_int_equal(outcome_of(pid), DONE);
    char text[4096] = "";
    assert_true(read(out[0], text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "no_new_privs=1\n"));
    assert_non_null(strstr(text, "landlock_fs=on\n"));
    assert_non_null(strstr(text, "core=0\n"));
    assert_non_null(
        strstr(text, POSTERN_SANITIZED ? "seccomp=off (built with sanitizers)\n" : "seccomp=on\n"));
    assert_non_null(strstr(text, POSTERN_SANITIZED ? "dumpable=1" : "dumpable=0\n"));
    assert_null(strstr(text, "missing="));
    (void)close(out[0]);
    (void)close(out[1]);
}

static void no_child_lists_a_call_that_its_supervisor_could_not_hand_on(void **state)
{
    (void)state;
    for (int call = 0; call < 512; call++) {
        for (size_t p = 1; p < countof(PROFILE); p++) {
            if (filter_lists((enum sandbox_profile)p, call))
                assert_true(filter_lists(SANDBOX_SUPERVISOR, call));
        }
    }
}

static void no_profile_lists_what_reaches_into_other_processes_or_the_kernel(void **state)
{
    static const int NEVER[] = {SYS_ptrace,
                                SYS_process_vm_readv,
                                SYS_process_vm_writev,
                                SYS_bpf,
                                SYS_perf_event_open,
                                SYS_keyctl,
                                SYS_init_module,
                                SYS_finit_module,
                                SYS_kexec_load,
                                SYS_mount,
                                SYS_unshare,
                                SYS_setns,
                                SYS_userfaultfd,
                                SYS_io_uring_setup,
                                SYS_pidfd_getfd,
                                SYS_setuid,
                                SYS_setresuid,
                                SYS_chroot,
                                SYS_link,
                                SYS_symlink,
                                SYS_mknod,
                                SYS_personality,
                                SYS_reboot};
    (void)state;
    for (size_t p = 0; p < countof(PROFILE); p++) {
        for (size_t i = 0; i < countof(NEVER); i++)
            assert_false(filter_lists((enum sandbox_profile)p, NEVER[i]));
        /* The supervisor starts programs by the descriptors it opened at its own start. */
        assert_int_equal(filter_lists((enum sandbox_profile)p, SYS_execveat),
                         p == SANDBOX_SUPERVISOR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_attempt_works_outside_the_sandbox),
        cmocka_unit_test(every_profile_permits_its_own_work_and_nothing_else),
        cmocka_unit_test(a_thread_of_warm_up_is_held_by_landlock_and_by_seccomp),
        cmocka_unit_test(strict_refuses_a_thread_that_is_older_than_the_sandbox),
        cmocka_unit_test(a_failed_warm_up_is_handed_back),
        cmocka_unit_test(the_report_says_what_is_active),
        cmocka_unit_test(no_child_lists_a_call_that_its_supervisor_could_not_hand_on),
        cmocka_unit_test(no_profile_lists_what_reaches_into_other_processes_or_the_kernel),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
