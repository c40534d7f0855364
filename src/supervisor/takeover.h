/* What one supervisor hands to the next when it executes a new version of itself: everything that
 * is open, who runs, and which numbers have been used.
 *
 * The process stays the same one, and with it the descriptors and the children; only the program
 * changes. The state travels in a sealed memory file whose descriptor is named on the command line.
 * A new program that can not go on executes the old one again with the same file: what that one
 * finds is what it had left behind, less those who died meanwhile.
 *
 * Both sides are postern's own supervisors of one machine, so this is no boundary of trust; the
 * reader is strict all the same, because a wrong descriptor would be somebody else's. */
#ifndef SUPERVISOR_TAKEOVER_H
#define SUPERVISOR_TAKEOVER_H

#include "supervisor/supervisor.h"

#define TAKEOVER_MAX (4u * 1024 * 1024)

/* Writes the state into a sealed memory file: its descriptor, or a fault. `call` is the descriptor
 * of who waits for the answer, or -1. Notes every descriptor in sv->upgrade. */
must_check int takeover_write(struct supervisor *sv, int call);
/* Fills a supervisor that supervisor_init has made. Children that are gone come back as DOWN. *call
 * as above. FAULT_CONFLICT: another version wrote it and this one can not read it. */
must_check int takeover_read(struct supervisor *sv, int fd, int *call);

/* The configuration that was in force there: only for the version that wrote it. */
must_check int takeover_file(const struct supervisor *sv, struct snapshot **ret);

/* What was noted passes through the next exec and nothing else does. A number that was closed since
 * and has come back as something else is not kept. */
void takeover_keep_open(const struct upgrade *u);
/* The exec did not happen, or has: nothing of it passes to children. */
void takeover_close_on_exec(void);

#endif
