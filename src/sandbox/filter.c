/* One row per system call and, where the arguments decide, one row per permitted shape.
 *
 * The columns say who: the edge, the signer, the keeper, the courier, the
 * supervisor. A child keeps the filter
 * of the supervisor that started it and adds its own, so the supervisor needs whatever any child
 * needs; the macros EDGE, SIGNER, KEEPER and COURIER carry its bit along and only rows with an
 * argument check name the bare columns. What a starting program needs (the loader, threads, its own
 * sandbox) is in the supervisor's part and gone once the child has entered its own filter.
 *
 * Long for one reason only: the table. */
#include "sandbox/filter.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    S = 1 << SANDBOX_SUPERVISOR,
    E = 1 << SANDBOX_EDGE,
    G = 1 << SANDBOX_SIGNER,
    K = 1 << SANDBOX_KEEPER,
    C = 1 << SANDBOX_COURIER,
    EDGE = E | S,
    SIGNER = G | S,
    KEEPER = K | S,
    COURIER = C | S,
    CHILDREN = E | G | K | C,
    ALL = S | E | G | K | C,
};

/* An argument, masked, must equal the value. Masks of 32 bits leave out what the caller's registers
 * may hold above an int. */
struct check {
    unsigned arg; /* 1 for the first; 0: no check */
    uint64_t mask, value;
};

struct row {
    int call;
    unsigned who;
    struct check check[2];
    int refuse; /* answered with this errno instead of being allowed */
};

#define INT UINT64_C(0xffffffff)
#define SOCKET_TYPE UINT64_C(0xf) /* without SOCK_NONBLOCK and SOCK_CLOEXEC */
#define NAMESPACES                                                                                 \
    (UINT64_C(0) | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |   \
     CLONE_NEWPID | CLONE_NEWNET)
/* The value is replaced by our own pid when the filter is built. */
#define OWN_PID UINT64_C(0xfffffffe)

static const struct row ROWS[] = {
    /* Bytes through descriptors that exist. */
    {SCMP_SYS(read), ALL, {{0}}},
    {SCMP_SYS(write), ALL, {{0}}},
    {SCMP_SYS(readv), ALL, {{0}}},
    {SCMP_SYS(writev), ALL, {{0}}},
    {SCMP_SYS(pread64), ALL, {{0}}},
    {SCMP_SYS(close), ALL, {{0}}},
    {SCMP_SYS(recvfrom), ALL, {{0}}},
    {SCMP_SYS(sendto), ALL, {{0}}},
    {SCMP_SYS(recvmsg), ALL, {{0}}},
    {SCMP_SYS(sendmsg), ALL, {{0}}},
    {SCMP_SYS(shutdown), ALL, {{0}}},
    {SCMP_SYS(getsockopt), ALL, {{0}}},
    {SCMP_SYS(getsockname), ALL, {{0}}},
    {SCMP_SYS(fstat), ALL, {{0}}},
    {SCMP_SYS(dup), ALL, {{0}}},
    /* Waiting. */
    {SCMP_SYS(epoll_wait), ALL, {{0}}},
    {SCMP_SYS(epoll_pwait), ALL, {{0}}},
    {SCMP_SYS(epoll_ctl), ALL, {{0}}},
    {SCMP_SYS(poll), ALL, {{0}}},
    {SCMP_SYS(ppoll), ALL, {{0}}},
    {SCMP_SYS(futex), ALL, {{0}}},
    /* A thread of warm_up may still be on its first steps when the filter arrives. */
    {SCMP_SYS(set_robust_list), ALL, {{0}}},
    {SCMP_SYS(rseq), ALL, {{0}}},
    {SCMP_SYS(nanosleep), ALL, {{0}}},
    {SCMP_SYS(clock_nanosleep), ALL, {{0}}},
    {SCMP_SYS(sched_yield), ALL, {{0}}},
    {SCMP_SYS(restart_syscall), ALL, {{0}}},
    /* Memory, never executable. */
    {SCMP_SYS(brk), ALL, {{0}}},
    {SCMP_SYS(munmap), ALL, {{0}}},
    {SCMP_SYS(mremap), ALL, {{0}}},
    {SCMP_SYS(madvise), ALL, {{0}}},
    {SCMP_SYS(mlock), ALL, {{0}}},
    {SCMP_SYS(mlock2), ALL, {{0}}},
    {SCMP_SYS(munlock), ALL, {{0}}},
    {SCMP_SYS(mmap), CHILDREN, {{3, PROT_EXEC, 0}}},
    {SCMP_SYS(mprotect), CHILDREN, {{3, PROT_EXEC, 0}}},
    {SCMP_SYS(mmap), S, {{0}}},
    {SCMP_SYS(mprotect), S, {{0}}},
    /* Clocks, random bytes, facts about the process itself. */
    {SCMP_SYS(clock_gettime), ALL, {{0}}},
    {SCMP_SYS(clock_getres), ALL, {{0}}},
    {SCMP_SYS(gettimeofday), ALL, {{0}}},
    {SCMP_SYS(time), ALL, {{0}}},
    {SCMP_SYS(getrandom), ALL, {{0}}},
    {SCMP_SYS(getpid), ALL, {{0}}},
    {SCMP_SYS(gettid), ALL, {{0}}},
    {SCMP_SYS(getuid), ALL, {{0}}},
    {SCMP_SYS(geteuid), ALL, {{0}}},
    {SCMP_SYS(getgid), ALL, {{0}}},
    {SCMP_SYS(getegid), ALL, {{0}}},
    {SCMP_SYS(getrusage), ALL, {{0}}},
    {SCMP_SYS(sysinfo), ALL, {{0}}},
    {SCMP_SYS(sched_getaffinity), ALL, {{0}}},
    {SCMP_SYS(getcpu), ALL, {{0}}},
    /* Signals to itself and the end. */
    {SCMP_SYS(rt_sigreturn), ALL, {{0}}},
    {SCMP_SYS(rt_sigaction), ALL, {{0}}},
    {SCMP_SYS(rt_sigprocmask), ALL, {{0}}},
    {SCMP_SYS(sigaltstack), ALL, {{0}}},
    {SCMP_SYS(exit), ALL, {{0}}},
    {SCMP_SYS(exit_group), ALL, {{0}}},
    {SCMP_SYS(tgkill), CHILDREN, {{1, INT, OWN_PID}}},
    {SCMP_SYS(tgkill), S, {{0}}},
    /* Flags of descriptors. */
    {SCMP_SYS(fcntl), CHILDREN, {{2, INT, F_GETFL}}},
    {SCMP_SYS(fcntl), CHILDREN, {{2, INT, F_SETFL}}},
    {SCMP_SYS(fcntl), CHILDREN, {{2, INT, F_GETFD}}},
    {SCMP_SYS(fcntl), CHILDREN, {{2, INT, F_SETFD}}},
    {SCMP_SYS(fcntl), CHILDREN, {{2, INT, F_DUPFD_CLOEXEC}}},
    {SCMP_SYS(fcntl), CHILDREN, {{2, INT, F_GET_SEALS}}},
    {SCMP_SYS(fcntl), K, {{2, INT, F_ADD_SEALS}}},
    {SCMP_SYS(fcntl), K, {{2, INT, F_GETLK}}},
    {SCMP_SYS(fcntl), K, {{2, INT, F_SETLK}}},
    {SCMP_SYS(fcntl), K, {{2, INT, F_SETLKW}}},
    {SCMP_SYS(fcntl), K, {{2, INT, F_OFD_GETLK}}},
    {SCMP_SYS(fcntl), K, {{2, INT, F_OFD_SETLK}}},
    {SCMP_SYS(fcntl), S, {{0}}},
    /* TCGETS is what stdio asks a terminal; TIOCSTI and its like stay out, for the supervisor too.
     */
    {SCMP_SYS(ioctl), ALL, {{2, INT, FIONBIO}}},
    {SCMP_SYS(ioctl), ALL, {{2, INT, FIONREAD}}},
    {SCMP_SYS(ioctl), ALL, {{2, INT, FIOCLEX}}},
    {SCMP_SYS(ioctl), ALL, {{2, INT, TCGETS}}},
    /* glibc asks fstat this way; with a path it would look at files. */
    {SCMP_SYS(newfstatat), E, {{4, AT_EMPTY_PATH, AT_EMPTY_PATH}}},
    /* The keeper's reader makes itself less urgent before its own filter closes; until then it has
     * the one of the supervisor, whose child it is. */
    {SCMP_SYS(setpriority), S, {{0, INT, PRIO_PROCESS}}},
    /* Connections: the edge takes clients and calls upstreams, the keeper takes the control
       socket's, the courier calls name servers and whatever it probes. */
    {SCMP_SYS(accept4), EDGE | KEEPER, {{0}}},
    {SCMP_SYS(accept), KEEPER, {{0}}},
    {SCMP_SYS(connect), EDGE | COURIER, {{0}}},
    {SCMP_SYS(getpeername), EDGE | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(socket), E | C, {{1, INT, AF_INET}, {2, SOCKET_TYPE, SOCK_STREAM}}},
    {SCMP_SYS(socket), E | C, {{1, INT, AF_INET6}, {2, SOCKET_TYPE, SOCK_STREAM}}},
    {SCMP_SYS(setsockopt), E | K | C, {{2, INT, SOL_SOCKET}}},
    {SCMP_SYS(setsockopt), E | C, {{2, INT, IPPROTO_TCP}}},
    /* By which interface connections come in (edge/incoming.h). */
    {SCMP_SYS(setsockopt), E, {{2, INT, IPPROTO_IP}, {3, INT, IP_PKTINFO}}},
    {SCMP_SYS(setsockopt), E, {{2, INT, IPPROTO_IPV6}, {3, INT, IPV6_RECVPKTINFO}}},
    /* Questions to name servers. libc would also like to ask the kernel for its interfaces and the
     * cache daemon for its memory; told that there is neither, it goes on without. */
    {SCMP_SYS(socket), COURIER, {{1, INT, AF_INET}, {2, SOCKET_TYPE, SOCK_DGRAM}}},
    {SCMP_SYS(socket), COURIER, {{1, INT, AF_INET6}, {2, SOCKET_TYPE, SOCK_DGRAM}}},
    {SCMP_SYS(socket), COURIER, {{1, INT, AF_NETLINK}}, EACCES},
    {SCMP_SYS(socket), C, {{1, INT, AF_UNIX}}, EACCES},
    /* libcurl would like a pair to be woken by from another thread, and does without. */
    {SCMP_SYS(socketpair), C, {{0}}, EACCES},
    {SCMP_SYS(setsockopt), C, {{2, INT, IPPROTO_IP}}},
    {SCMP_SYS(setsockopt), C, {{2, INT, IPPROTO_IPV6}}},
    {SCMP_SYS(sendmmsg), COURIER, {{0}}},
    {SCMP_SYS(uname), C, {{0}}},
    /* A listener that is bound already; the keeper has no way to make another socket. */
    {SCMP_SYS(listen), KEEPER, {{0}}},
    /* Files, where Landlock says which. */
    {SCMP_SYS(open), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(openat), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(newfstatat), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(stat), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(lstat), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(statx), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(lseek), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(access), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(faccessat), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(faccessat2), SIGNER | KEEPER | COURIER, {{0}}},
    {SCMP_SYS(readlink), SIGNER | KEEPER, {{0}}},
    {SCMP_SYS(readlinkat), SIGNER | KEEPER, {{0}}},
    {SCMP_SYS(getdents64), SIGNER | KEEPER, {{0}}},
    {SCMP_SYS(pwrite64), KEEPER, {{0}}},
    {SCMP_SYS(pwritev), KEEPER, {{0}}},
    {SCMP_SYS(preadv), KEEPER, {{0}}},
    {SCMP_SYS(ftruncate), KEEPER, {{0}}},
    {SCMP_SYS(fallocate), KEEPER, {{0}}},
    {SCMP_SYS(fsync), KEEPER, {{0}}},
    {SCMP_SYS(fdatasync), KEEPER, {{0}}},
    {SCMP_SYS(unlink), KEEPER, {{0}}},
    {SCMP_SYS(unlinkat), KEEPER, {{0}}},
    {SCMP_SYS(rename), KEEPER, {{0}}},
    {SCMP_SYS(renameat), KEEPER, {{0}}},
    {SCMP_SYS(renameat2), KEEPER, {{0}}},
    {SCMP_SYS(mkdir), KEEPER, {{0}}},
    {SCMP_SYS(mkdirat), KEEPER, {{0}}},
    {SCMP_SYS(fchmod), KEEPER, {{0}}},
    {SCMP_SYS(fchown), KEEPER, {{0}}},
    {SCMP_SYS(umask), KEEPER, {{0}}},
    {SCMP_SYS(getcwd), KEEPER, {{0}}},
    {SCMP_SYS(utimensat), KEEPER, {{0}}},
    /* A snapshot for the edges. */
    {SCMP_SYS(memfd_create), KEEPER, {{0}}},
    /* The supervisor: sockets and listeners, children and their channels. */
    {SCMP_SYS(socket), S, {{1, INT, AF_INET}, {2, SOCKET_TYPE, SOCK_STREAM}}},
    {SCMP_SYS(socket), S, {{1, INT, AF_INET6}, {2, SOCKET_TYPE, SOCK_STREAM}}},
    {SCMP_SYS(socket), S, {{1, INT, AF_UNIX}}},
    {SCMP_SYS(setsockopt), S, {{0}}},
    {SCMP_SYS(socketpair), S, {{0}}},
    {SCMP_SYS(bind), S, {{0}}},
    {SCMP_SYS(execve), S, {{0}}},
    {SCMP_SYS(execveat), S, {{5, INT, AT_EMPTY_PATH}}},
    /* No new namespaces. The flags of clone3 lie in memory where no filter can look: libc falls
     * back to clone when it is told that there is none. */
    {SCMP_SYS(clone), S, {{1, NAMESPACES, 0}}},
    {SCMP_SYS(clone3), S, {{0}}, ENOSYS},
    {SCMP_SYS(fork), S, {{0}}},
    {SCMP_SYS(vfork), S, {{0}}},
    {SCMP_SYS(wait4), S, {{0}}},
    {SCMP_SYS(waitid), S, {{0}}},
    {SCMP_SYS(kill), S, {{0}}},
    {SCMP_SYS(getppid), S, {{0}}},
    {SCMP_SYS(getpgrp), S, {{0}}},
    {SCMP_SYS(getpgid), S, {{0}}},
    {SCMP_SYS(setsid), S, {{0}}},
    {SCMP_SYS(dup2), S, {{0}}},
    {SCMP_SYS(dup3), S, {{0}}},
    {SCMP_SYS(pipe), S, {{0}}},
    {SCMP_SYS(pipe2), S, {{0}}},
    {SCMP_SYS(close_range), S, {{0}}},
    {SCMP_SYS(chmod), S, {{0}}},
    {SCMP_SYS(fchmodat), S, {{0}}},
    {SCMP_SYS(flock), S, {{0}}},
    /* What a program does while it starts: its loader, libc, event loop, threads, sandbox. */
    {SCMP_SYS(arch_prctl), S, {{0}}},
    {SCMP_SYS(set_tid_address), S, {{0}}},
    {SCMP_SYS(prlimit64), S, {{0}}},
    {SCMP_SYS(getrlimit), S, {{0}}},
    {SCMP_SYS(setrlimit), S, {{0}}},
    {SCMP_SYS(prctl), S, {{0}}},
    {SCMP_SYS(seccomp), S, {{0}}},
    {SCMP_SYS(landlock_create_ruleset), S, {{0}}},
    {SCMP_SYS(landlock_add_rule), S, {{0}}},
    {SCMP_SYS(landlock_restrict_self), S, {{0}}},
    {SCMP_SYS(epoll_create1), S, {{0}}},
    {SCMP_SYS(eventfd2), S, {{0}}},
    {SCMP_SYS(uname), S, {{0}}},
    {SCMP_SYS(times), S, {{0}}},
    {SCMP_SYS(getresuid), S, {{0}}},
    {SCMP_SYS(getresgid), S, {{0}}},
    {SCMP_SYS(getgroups), S, {{0}}},
    {SCMP_SYS(capget), S, {{0}}},
    {SCMP_SYS(chdir), S, {{0}}},
    {SCMP_SYS(statfs), S, {{0}}},
    {SCMP_SYS(fstatfs), S, {{0}}},
    {SCMP_SYS(fadvise64), S, {{0}}},
    {SCMP_SYS(membarrier), S, {{0}}},
};

static int add_row(scmp_filter_ctx ctx, const struct row *row)
{
    struct scmp_arg_cmp args[countof(row->check)];
    unsigned count = 0;
    for (size_t i = 0; i < countof(row->check); i++) {
        const struct check *c = &row->check[i];
        if (c->arg == 0)
            continue;
        args[count++] = (struct scmp_arg_cmp){
            .arg = c->arg - 1,
            .op = SCMP_CMP_MASKED_EQ,
            .datum_a = c->mask,
            .datum_b = c->value == OWN_PID ? (scmp_datum_t)getpid() : c->value,
        };
    }
    uint32_t action = row->refuse == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((uint32_t)row->refuse);
    int rc = seccomp_rule_add_array(ctx, action, row->call, count, args);
    /* A call that this architecture or library does not know can not be called either. */
    return rc == -EDOM || rc == -EINVAL || rc == -EEXIST ? 0 : rc;
}

int filter_enter(enum sandbox_profile profile)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (ctx == NULL)
        return -ENOMEM;
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0)
        rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    /* A balanced tree instead of a chain; an older library that cannot is only slower. */
    if (rc == 0)
        (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (size_t i = 0; rc == 0 && i < countof(ROWS); i++) {
        if ((ROWS[i].who & (1u << profile)) != 0 && ROWS[i].call >= 0)
            rc = add_row(ctx, &ROWS[i]);
    }
    if (rc == 0)
        rc = seccomp_load(ctx);
    seccomp_release(ctx);
    return rc;
}

bool filter_lists(enum sandbox_profile profile, int call)
{
    for (size_t i = 0; i < countof(ROWS); i++) {
        if (ROWS[i].call == call && (ROWS[i].who & (1u << profile)) != 0)
            return true;
    }
    return false;
}
