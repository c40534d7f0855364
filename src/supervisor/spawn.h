/* Starting a program with nothing but what it is given: descriptors, arguments, an empty
 * environment. */
#ifndef SUPERVISOR_SPAWN_H
#define SUPERVISOR_SPAWN_H

#include <sys/types.h>

#include "base/macros.h"

struct spawn {
    int program;       /* the executable, open; -1: there is none */
    char *const *argv; /* argv[0] included, NULL at the end */
    int control;       /* becomes descriptor 3 */
    int extra;         /* becomes descriptor 4, or -1 */
};

/* Standard input is /dev/null, output and errors are inherited, everything above is closed. The
 * program gets SIGKILL when this process dies. -errno when there can be no new process; a program
 * that can not be executed ends with status 127. */
must_check int spawn_start(const struct spawn *s, pid_t *ret);

#endif
