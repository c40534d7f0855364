/* The executables, held open.
 *
 * A supervisor starts its children from the files that lay in libexec when it started itself, also
 * after a package has put others there: all processes are of one version, and speak one language,
 * until an upgrade (upgrade.c) exchanges them together. */
#ifndef SUPERVISOR_PROGRAMS_H
#define SUPERVISOR_PROGRAMS_H

#include "supervisor/role.h"

struct programs {
    int self; /* this supervisor's own, for the way back; -1: not open */
    int role[ROLE_COUNT];
};

/* All -1. */
void programs_none(struct programs *p);
/* Opens what there is; one that is missing stays -1 and is looked for again at each start. */
void programs_open(struct programs *p, const char *libexec);
void programs_close(struct programs *p);
/* The program of a role, opened now when it was not there before; -1 when there is none. */
int programs_find(struct programs *p, const char *libexec, enum role_kind kind);

#endif
