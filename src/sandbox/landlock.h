/* Landlock: file, network and scope rules of one process, by raw system calls.
 *
 * The constants are our own, because the headers of the oldest system we build on know only the
 * file rights of ABI 2. What the running kernel lacks is left out of the ruleset, never widened. */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include "sandbox/sandbox.h"

struct landlock_active {
    int abi;    /* 0: the kernel has no Landlock */
    bool files; /* file rules are in force */
    bool net;   /* TCP bind and connect rules are in force */
    bool scope; /* signals and abstract sockets stay inside */
};

/* Needs no_new_privs. 0 also when the kernel has no Landlock (abi 0); -errno when a rule was
 * refused: then nothing is in force. Paths that do not exist are skipped. */
must_check int landlock_enter(const struct sandbox *s, struct landlock_active *ret);

#endif
