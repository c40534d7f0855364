/* Running postern's other executables. */
#ifndef CLI_PROCESS_H
#define CLI_PROCESS_H

#include <sys/types.h>

#include "base/buf.h"

struct account {
    bool change; /* become this account in the child */
    uid_t uid;
    gid_t gid;
};

/* Replaces this process. Returns an exit code only when that failed. */
int process_become(const char *name, const char *const argv[]);
/* Runs it to its end; its standard output is collected into out (or passed on, when NULL). Returns
 * its exit status, or a negative fault. */
int process_run(const char *name, const char *const argv[], const struct account *as,
                struct buf *out);

#endif
