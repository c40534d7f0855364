/* The sandbox of one process: no_new_privs, resource limits, no core dumps, Landlock, seccomp.
 *
 * Described by data, entered once, never widened. Every process has its own profile; what a profile
 * does not list kills the process. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/buf.h"
#include "conf/snapshot.h"

enum sandbox_access { SANDBOX_READ = 1, SANDBOX_WRITE = 2 /* create, write, rename, remove */ };

struct sandbox_path {
    const char *path; /* a directory or file; what does not exist is skipped */
    enum sandbox_access access;
};

enum sandbox_profile {
    SANDBOX_SUPERVISOR, /* may fork, exec its own libexec files, kill children, bind */
    SANDBOX_EDGE,       /* accept, connect to connect_ports, nothing else */
    SANDBOX_SIGNER,     /* read its directory */
    SANDBOX_KEEPER,     /* files of the store; no sockets but what it inherited */
};

struct sandbox {
    enum sandbox_profile profile;
    enum sandbox_mode mode; /* strict: fail when a part is missing; best: note it */
    const struct sandbox_path *paths;
    size_t path_count;
    const uint16_t *connect_ports; /* edge, Landlock ABI ≥ 4 */
    size_t connect_port_count;
};

/* Enters everything, in the right order (limits, dumpable, no_new_privs, Landlock, seccomp with
 * TSYNC). Appends "key=value\n" lines of what is active to report (for `ready` and doctor):
 * no_new_privs, landlock_abi, landlock_fs, landlock_net, seccomp, dumpable, memlock. 0,
 * FAULT_SANDBOX with the missing part in report. Built with sanitizers, the seccomp filter is left
 * out and the report says so. */
must_check int sandbox_enter(const struct sandbox *s, struct buf *report);

#endif
