#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef POSTERN_SANITIZED
#define POSTERN_SANITIZED 0
#endif

#define STATUS_NOT_EXECUTED 127
#define PROGRAM 5
#define FIRST_FREE 6

/* The sanitizers' options are part of the build that has them, and of no other. */
static const char *const KEPT[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};

static void clean_environment(char **env, size_t room, char *storage, size_t storage_len)
{
    size_t used = 0, at = 0;
    env[used++] = (char *)(uintptr_t) "PATH=/usr/bin:/bin";
    env[used++] = (char *)(uintptr_t) "LC_ALL=C.UTF-8";
    for (size_t i = 0; POSTERN_SANITIZED && i < sizeof(KEPT) / sizeof(KEPT[0]); i++) {
        const char *value = getenv(KEPT[i]);
        size_t len = value == NULL ? 0 : strlen(KEPT[i]) + 1 + strlen(value) + 1;
        if (len == 0 || used + 1 >= room || at + len > storage_len)
            continue;
        char *into = storage + at;
        memcpy(into, KEPT[i], strlen(KEPT[i]));
        into[strlen(KEPT[i])] = '=';
        memcpy(into + strlen(KEPT[i]) + 1, value, strlen(value) + 1);
        env[used++] = into;
        at += len;
    }
    env[used] = NULL;
}

/* In the child, where only async-signal-safe calls are allowed. */
static void become(const struct spawn *s, pid_t parent, char **env)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return;
    /* Ctrl-C at a terminal is for the supervisor, which ends its children in order. */
    (void)setsid();
    /* The parent may have died before the line above. */
    if (getppid() != parent)
        return;
    /* Out of the way of 3, 4 and 5 first: any could be where another has to go. */
    int control = fcntl(s->control, F_DUPFD, FIRST_FREE);
    int extra = s->extra < 0 ? -1 : fcntl(s->extra, F_DUPFD, FIRST_FREE);
    int program = fcntl(s->program, F_DUPFD, FIRST_FREE);
    int null = open("/dev/null", O_RDONLY);
    if (control < 0 || program < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(control, 3) < 0)
        return;
    (void)close(4);
    if (extra >= 0 && dup2(extra, 4) < 0)
        return;
    if (dup3(program, PROGRAM, O_CLOEXEC) < 0 || syscall(SYS_close_range, FIRST_FREE, ~0u, 0) < 0)
        return;
    (void)syscall(SYS_execveat, PROGRAM, "", s->argv, env, AT_EMPTY_PATH);
}

int spawn_start(const struct spawn *s, pid_t *ret)
{
    static char storage[4096];
    char *env[8];
    clean_environment(env, sizeof(env) / sizeof(env[0]), storage, sizeof(storage));
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        become(s, parent, env);
        _exit(STATUS_NOT_EXECUTED);
    }
    *ret = pid;
    return 0;
}
