/* The seccomp filter of one profile: a table of what it may call; everything else kills it. */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include "sandbox/sandbox.h"

/* Installs the filter on every thread of the process. Needs no_new_privs. -errno. */
must_check int filter_enter(enum sandbox_profile profile);
/* For tests and documents: does the profile's table list this system call at all? */
bool filter_lists(enum sandbox_profile profile, int call);

#endif
