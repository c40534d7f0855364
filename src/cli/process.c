#include "cli/process.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"

int process_become(const char *name, const char *const argv[])
{
    char path[1024];
    paths_executable(name, path, sizeof(path));
    /* The supervisor starts its children from where it was found itself. */
    char dir[1024];
    (void)snprintf(dir, sizeof(dir), "%.*s", (int)(strlen(path) - strlen(name) - 1), path);
    (void)setenv("POSTERN_LIBEXEC", dir, 1);
    (void)execv(path, (char *const *)(uintptr_t)argv);
    return complain(EXIT_REFUSED, "%s: %s", path, strerror(errno));
}

static void become_account(const struct account *as)
{
    if (as == NULL || !as->change)
        return;
    if (setgroups(0, NULL) < 0 || setresgid(as->gid, as->gid, as->gid) < 0 ||
        setresuid(as->uid, as->uid, as->uid) < 0)
        _exit(126);
}

int process_run(const char *name, const char *const argv[], const struct account *as,
                struct buf *out)
{
    int fds[2] = {-1, -1};
    if (out != NULL && pipe(fds) < 0)
        return -errno;
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        int rc = -errno;
        if (out != NULL) {
            (void)close(fds[0]);
            (void)close(fds[1]);
        }
        return rc;
    }
    if (pid == 0) {
        become_account(as);
        if (out != NULL) {
            (void)dup2(fds[1], STDOUT_FILENO);
            (void)close(fds[0]);
            (void)close(fds[1]);
        }
        _exit(process_become(name, argv) + 100);
    }
    if (out != NULL) {
        (void)close(fds[1]);
        for (;;) {
            uint8_t *room = buf_reserve(out, 4096);
            ssize_t n = room == NULL ? 0 : read(fds[0], room, 4096);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                break;
            buf_commit(out, (size_t)n);
        }
        (void)close(fds[0]);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
