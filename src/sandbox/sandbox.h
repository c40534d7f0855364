/* The sandbox of one process: no_new_privs, resource limits, no core dumps, Landlock, seccomp.
 *
 * Described by data, entered once, never widened. Every process has its own profile; what a profile
 * does not list kills the process. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/buf.h"
#include "conf/snapshot.h"

enum sandbox_access {
    SANDBOX_READ = 1,    /* read files, list directories */
    SANDBOX_WRITE = 2,   /* read, create, write, rename, remove */
    SANDBOX_EXECUTE = 4, /* read and execute: the supervisor's children and their loader */
};

struct sandbox_path {
    const char *path; /* a directory or file; what does not exist is skipped */
    enum sandbox_access access;
};

enum sandbox_profile {
    SANDBOX_SUPERVISOR, /* may fork, exec its own libexec files, kill children, bind */
    SANDBOX_EDGE,       /* accept, connect to connect_ports, nothing else */
    SANDBOX_SIGNER,     /* read its directory */
    SANDBOX_KEEPER,     /* files of the store; no sockets but what it inherited */
    SANDBOX_COURIER, /* outbound TCP, datagrams to name servers; reads what resolving names needs */
};

struct sandbox {
    enum sandbox_profile profile;
    enum sandbox_mode mode; /* strict: fail when a part is missing; best: note it */
    const struct sandbox_path *paths;
    size_t path_count;
    const uint16_t *connect_ports; /* edge, Landlock ABI ≥ 4 */
    size_t connect_port_count;
    /* Called after Landlock and before seccomp: the place to start pool threads (Landlock holds
     * only for the thread that enters it and for those it starts later, so a thread that is older
     * than this call would stay outside), to touch what opens files or sockets on first use, and to
     * set up what the filter forbids afterwards. Optional. A negative result is handed back. */
    int (*warm_up)(void *arg);
    void *warm_up_arg;
};

/* Enters everything, in the right order (limits, dumpable, no_new_privs, Landlock, warm_up, seccomp
 * with TSYNC). Must be called before the process has a second thread. Appends "key=value\n" lines
 * of what is active to report (for `ready` and doctor): no_new_privs, landlock_abi, landlock_fs,
 * landlock_net, landlock_scope, seccomp, dumpable, core, nofile, memlock; and missing=… for each
 * part that strict insists on and the host does not give. 0, or FAULT_SANDBOX with the missing part
 * in report. Built with sanitizers, the seccomp filter is left out and the report says so.
 *
 * The supervisor's children inherit its filter and its Landlock domain, so its profile is the union
 * of theirs and of what a starting program needs; each child then narrows itself. */
must_check int sandbox_enter(const struct sandbox *s, struct buf *report);

#endif
