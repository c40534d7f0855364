#include "sandbox/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"

#ifndef POSTERN_SANITIZED
#define POSTERN_SANITIZED 0
#endif

/* More descriptors than this only cost memory: the connection limits end far below. */
#define NOFILE_MAX 65536u

/* A part that strict insists on is not there: noted in best mode, the end in strict mode. */
static int part_missing(const struct sandbox *s, struct buf *report, const char *what)
{
    (void)buf_printf(report, "missing=%s\n", what);
    return s->mode == SANDBOX_STRICT ? FAULT_SANDBOX : 0;
}

static void enter_limits(struct buf *report)
{
    struct rlimit none = {0, 0}, files = {0, 0}, locked = {0, 0};
    bool no_core = setrlimit(RLIMIT_CORE, &none) == 0;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        rlim_t want = files.rlim_max < NOFILE_MAX ? files.rlim_max : NOFILE_MAX;
        files.rlim_cur = files.rlim_max = want;
        (void)setrlimit(RLIMIT_NOFILE, &files);
        (void)getrlimit(RLIMIT_NOFILE, &files);
    }
    (void)getrlimit(RLIMIT_MEMLOCK, &locked);
    (void)buf_printf(report, "core=%s\nnofile=%llu\n", no_core ? "0" : "inherited",
                     (unsigned long long)files.rlim_cur);
    if (locked.rlim_cur == RLIM_INFINITY)
        (void)buf_text(report, "memlock=unlimited\n");
    else
        (void)buf_printf(report, "memlock=%llu\n", (unsigned long long)locked.rlim_cur);
}

static void enter_dumpable(struct buf *report)
{
    /* The leak checker stops the process with ptrace, which an undumpable process refuses. */
    if (!POSTERN_SANITIZED)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)buf_printf(report, "dumpable=%d%s\n", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
                     POSTERN_SANITIZED ? " (built with sanitizers)" : "");
}

/* Each task has a directory; the link count is 2 plus one for each of them. */
static bool is_single_threaded(void)
{
    struct stat st;
    return stat("/proc/self/task", &st) < 0 || st.st_nlink <= 3;
}

static int enter_landlock(const struct sandbox *s, struct buf *report)
{
    struct landlock_active active;
    bool alone = is_single_threaded();
    int rc = landlock_enter(s, &active);
    if (rc < 0) {
        (void)buf_printf(report, "landlock_error=%s\n", fault_name(rc));
        active = (struct landlock_active){.abi = 0};
    }
    (void)buf_printf(report,
                     "landlock_abi=%d\nlandlock_fs=%s\nlandlock_net=%s\nlandlock_scope=%s\n",
                     active.abi, active.files ? "on" : "off",
                     active.net ? "on" : (s->profile == SANDBOX_SUPERVISOR ? "not used" : "off"),
                     active.scope ? "on" : "off");
    if (!active.files)
        return part_missing(s, report, "landlock");
    if (!alone)
        return part_missing(s, report, "landlock for threads that are older than the sandbox");
    return 0;
}

static int enter_seccomp(const struct sandbox *s, struct buf *report)
{
    /* Sanitizers map executable memory, read /proc and write reports in ways no table foresees. */
    if (POSTERN_SANITIZED) {
        (void)buf_text(report, "seccomp=off (built with sanitizers)\n");
        return 0;
    }
    int rc = filter_enter(s->profile);
    if (rc == 0) {
        (void)buf_text(report, "seccomp=on\n");
        return 0;
    }
    (void)buf_printf(report, "seccomp=off\nseccomp_error=%s\n", fault_name(rc));
    return part_missing(s, report, "seccomp");
}

/* A program that was executed by its descriptor is called by the descriptor's number otherwise. */
static void enter_name(enum sandbox_profile profile)
{
    static const char *const NAMES[] = {[SANDBOX_SUPERVISOR] = "postern-super",
                                        [SANDBOX_EDGE] = "postern-edge",
                                        [SANDBOX_SIGNER] = "postern-signer",
                                        [SANDBOX_KEEPER] = "postern-keeper",
                                        [SANDBOX_COURIER] = "postern-courier"};
    (void)prctl(PR_SET_NAME, NAMES[profile], 0, 0, 0);
}

int sandbox_enter(const struct sandbox *s, struct buf *report)
{
    enter_name(s->profile);
    enter_limits(report);
    enter_dumpable(report);
    bool sealed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    (void)buf_printf(report, "no_new_privs=%d\n", sealed);
    int rc = sealed ? 0 : part_missing(s, report, "no_new_privs");
    if (rc == 0)
        rc = enter_landlock(s, report);
    if (rc == 0 && s->warm_up != NULL)
        rc = s->warm_up(s->warm_up_arg);
    if (rc == 0)
        rc = enter_seccomp(s, report);
    return rc;
}
