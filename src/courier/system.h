/* What this system resolves names with and trusts: which files, and whether they are still the same
 * ones.
 *
 * Landlock holds the process to the files that were there when it entered, and a resolv.conf is
 * replaced, not rewritten, when a lease or a tunnel changes; the authorities are read once, before.
 * So a replaced file is answered by a replaced process: the courier ends, and the next one reads
 * the new file. */
#ifndef COURIER_SYSTEM_H
#define COURIER_SYSTEM_H

#include <sys/types.h>

#include "sandbox/sandbox.h"

#define SYSTEM_PATHS_MAX 12u

struct system {
    const char *authorities; /* a file as well */
    struct {
        dev_t device;
        ino_t inode; /* 0: absent */
    } seen[SYSTEM_PATHS_MAX];
};

/* What the sandbox has to let through, for reading. *count is set. */
const struct sandbox_path *system_paths(size_t *count);
/* Loads the modules that /etc/nsswitch.conf names for hosts, since the filter allows no new code
 * afterwards. One that does not load is one that libc will do without. */
void system_load_modules(void);
/* The same for a given text of that file: calls each with the name of every module. For tests. */
void system_each_module(struct span text, void (*each)(void *arg, const char *library), void *arg);
/* Notes which files are there. */
void system_note(struct system *s, const char *authorities);
/* Is one of them another file by now? */
bool system_changed(const struct system *s);

#endif
