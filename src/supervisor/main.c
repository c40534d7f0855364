/* postern-supervisor --config FILE
 *
 * In order, because each step takes away what the next no longer needs: read the file, bind the
 * ports, make the control sockets, leave root, enter the sandbox, start the children. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <link.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/verify.h"
#include "conf/yaml.h"
#include "sandbox/sandbox.h"
#include "supervisor/supervisor.h"

#ifndef POSTERN_SANITIZED
#define POSTERN_SANITIZED 0
#endif

#define EDGES_MAX 64
#define PATHS_MAX 40

static struct supervisor sv;

static int fail(const char *what, int fault)
{
    log_fault(LOG_LEVEL_ERROR, "not_started", fault, what);
    return fault;
}

static int load(const char *path, struct snapshot **ret)
{
    struct buf errors;
    buf_init(&errors, 64 * 1024);
    int rc = yaml_load(path, ret, &errors);
    if (rc == 0)
        rc = verify_snapshot(*ret, &errors);
    log_lines(LOG_LEVEL_ERROR, "configuration_wrong", "reason", buf_view(&errors));
    buf_fini(&errors);
    return rc;
}

static unsigned edge_count(const struct snapshot *s)
{
    cpu_set_t cpus;
    if (s->edges > 0)
        return s->edges;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
        return 1;
    int n = CPU_COUNT(&cpus);
    return (unsigned)(n < 1 ? 1 : (n > EDGES_MAX ? EDGES_MAX : n));
}

/* The runtime directory with a lock in it: two supervisors would take each other's sockets. */
static int lock_runtime(const char *dir, const struct account *account)
{
    char path[512], pid[16];
    if (mkdir(dir, 0750) < 0 && errno != EEXIST)
        return fail(dir, -errno);
    if (geteuid() == 0 && chown(dir, account->uid, account->gid) < 0)
        return fail(dir, -errno);
    (void)snprintf(path, sizeof(path), "%s/supervisor.pid", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return fail(path, -errno);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int rc = -errno;
        (void)close(fd);
        return fail("another supervisor runs in this runtime directory", rc);
    }
    int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || write(fd, pid, (size_t)len) != len ||
        (geteuid() == 0 && fchown(fd, account->uid, account->gid) < 0)) {
        int rc = -errno;
        (void)close(fd);
        return fail(path, rc);
    }
    /* Held until the process ends. */
    return fd;
}

static int bind_controls(const struct snapshot *file, const struct account *account, int *control)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/supervisor.sock", file->runtime_dir);
    *control = control_bind(path, account->uid, account->gid);
    if (*control < 0)
        return fail(path, *control);
    (void)snprintf(path, sizeof(path), "%s/keeper.sock", file->runtime_dir);
    sv.keeper_socket = control_bind(path, account->uid, account->gid);
    return sv.keeper_socket < 0 ? fail(path, sv.keeper_socket) : 0;
}

static void unlink_controls(const struct snapshot *file)
{
    static const char *const NAMES[] = {"supervisor.sock", "keeper.sock", "supervisor.pid"};
    char path[512];
    for (size_t i = 0; i < countof(NAMES); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", file->runtime_dir, NAMES[i]);
        (void)unlink(path);
    }
}

static int listen_on_all(const struct snapshot *file)
{
    struct buf errors;
    buf_init(&errors, 16 * 1024);
    listeners_init(&sv.listeners, sv.slots);
    sv.listeners.owner = sv.account.uid;
    int rc = listeners_adopt(&sv.listeners, &errors);
    if (rc > 0)
        log_event(LOG_LEVEL_NOTICE, "sockets_from_service_manager");
    if (rc >= 0)
        rc = listeners_open(&sv.listeners, file, &errors);
    log_lines(LOG_LEVEL_ERROR, "not_listening", "reason", buf_view(&errors));
    buf_fini(&errors);
    return rc;
}

/* ---- sandbox ---- */

struct grants {
    struct sandbox_path paths[PATHS_MAX];
    size_t count;
};

static void grant(struct grants *g, const char *path, int access)
{
    if (path != NULL && path[0] != '\0' && g->count < PATHS_MAX)
        g->paths[g->count++] = (struct sandbox_path){path, (enum sandbox_access)access};
}

static char *directory_of(struct arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    char *copy = arena_string(a, span_str(real == NULL ? path : real));
    free(real);
    return copy == NULL ? NULL : dirname(copy);
}

/* The program that loads our own dynamic executables, and our children's. */
static int find_interpreter(struct dl_phdr_info *info, size_t size, void *ret)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_INTERP)
            continue;
        *(const char **)ret =
            (const char *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        return 1;
    }
    return 1; /* the first object is the program itself */
}

/* Children live inside this domain, so it holds what any of them needs; each narrows itself. */
static int enter_sandbox(struct arena *a)
{
    const struct snapshot *file = sv.file;
    struct grants g = {.count = 0};
    const char *interpreter = NULL;
    (void)dl_iterate_phdr(find_interpreter, &interpreter);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        grant(&g, directory_of(a, arena_printf(a, "%s/%s", sv.libexec, ROLES[i].executable)),
              SANDBOX_EXECUTE);
    }
    /* Its directory, because an update of the system puts another file in its place. */
    if (interpreter != NULL)
        grant(&g, directory_of(a, interpreter), SANDBOX_EXECUTE);
    /* The way back from a version that turns out to be of no use. */
    grant(&g, "/proc/self/exe", SANDBOX_EXECUTE);
    static const char *const READ_ONLY[] = {
        "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache",
        "/etc/ssl", "/usr/share/zoneinfo", "/etc/localtime", "/dev/urandom",
        /* For the courier. Directories, because what lies there is replaced while postern runs: a
         * lease or a tunnel that comes and goes brings another resolv.conf. The courier itself may
         * read the few files that it needs. */
        "/etc", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager"};
    for (size_t i = 0; i < countof(READ_ONLY); i++)
        grant(&g, READ_ONLY[i], SANDBOX_READ);
    grant(&g, "/dev/null", SANDBOX_WRITE);
    if (POSTERN_SANITIZED) {
        grant(&g, "/proc", SANDBOX_READ);
        grant(&g, "/usr", SANDBOX_EXECUTE);
    }
    grant(&g, directory_of(a, sv.config), SANDBOX_READ);
    grant(&g, file->state_dir, SANDBOX_WRITE);
    grant(&g, directory_of(a, file->store_file), SANDBOX_WRITE);
    grant(&g, file->tls_dir, SANDBOX_READ);
    grant(&g, file->secrets_dir, SANDBOX_READ);
    grant(&g, directory_of(a, file->authorities_file), SANDBOX_READ);
    grant(&g, file->runtime_dir, SANDBOX_WRITE);
    struct sandbox s = {.profile = SANDBOX_SUPERVISOR,
                        .mode = file->sandbox,
                        .paths = g.paths,
                        .path_count = g.count};
    int rc = sandbox_enter(&s, &sv.sandbox);
    struct span rest = buf_view(&sv.sandbox), line;
    while (span_cut(&rest, '\n', &line)) {
        struct span key;
        struct buf log;
        struct span value = line;
        if (!span_cut(&value, '=', &key) || !span_is(key, "missing"))
            continue;
        log_line(&log, rc < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "sandbox_incomplete");
        log_field(&log, "missing", value);
        log_end(&log);
    }
    return rc < 0 ? fail("sandbox (process.sandbox: best starts without what is missing)", rc) : 0;
}

/* ---- start ---- */

static int prepare(struct arena *a)
{
    /* A reload must find the same file, wherever the process stands by then. */
    char *absolute = realpath(sv.config, NULL);
    if (absolute != NULL) {
        sv.config = arena_string(a, span_str(absolute));
        free(absolute);
    }
    if (sv.config == NULL || chdir("/") < 0)
        return fail("working directory", -errno);
    int rc = load(sv.config, &sv.file);
    if (rc < 0)
        return fail(sv.config, rc);
    const struct snapshot *file = sv.file;
    sv.file->generation = sv.generation = 1;
    sv.slots = edge_count(file);
    rc = account_find(file->user, &sv.account);
    if (rc < 0)
        return fail(rc == FAULT_ABSENT
                        ? "process.user names no user of this machine (default: postern)"
                        : "process.user must not be root",
                    rc);
    rc = listen_on_all(file);
    if (rc < 0)
        return fail("listeners", rc);
    rc = sv.lock_fd = lock_runtime(file->runtime_dir, &sv.account);
    if (rc >= 0)
        rc = bind_controls(file, &sv.account, &sv.control_fd);
    if (rc < 0)
        return rc;
    notify_open(&sv.notify);
    rc = privilege_drop(&sv.account);
    if (rc < 0)
        return fail("leaving root", rc);
    rc = supervisor_init(&sv);
    if (rc == 0)
        rc = control_start(&sv.control, &sv.loop, sv.control_fd, sv.account.uid);
    if (rc < 0)
        return fail("event loop", rc);
    reload_write_fixed(file, &sv.fixed);
    programs_open(&sv.programs, sv.libexec);
    return enter_sandbox(a);
}

/* The words after --config are for upgrade.c: from one program to the next. */
struct options {
    int state, way_back; /* -1: an ordinary start */
    const char *failed;
    bool try;
};

static int parse(int argc, char **argv, struct options *ret)
{
    static const struct option OPTIONS[] = {
        {"config", required_argument, NULL, 'c'}, {"try", no_argument, NULL, 't'},
        {"resume", required_argument, NULL, 'r'}, {"way-back", required_argument, NULL, 'w'},
        {"failed", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
    *ret = (struct options){.state = -1, .way_back = -1};
    sv.config = "/etc/postern/postern.yaml";
    int o;
    while ((o = getopt_long(argc, argv, "c:", OPTIONS, NULL)) != -1) {
        uint64_t number = 0;
        if ((o == 'r' || o == 'w') && text_u64(span_str(optarg), INT32_MAX, &number) < 0)
            return FAULT_MISUSE;
        switch (o) {
        case 'c':
            sv.config = optarg;
            break;
        case 't':
            ret->try = true;
            break;
        case 'r':
            ret->state = (int)number;
            break;
        case 'w':
            ret->way_back = (int)number;
            break;
        case 'f':
            ret->failed = optarg;
            break;
        default:
            return FAULT_MISUSE;
        }
    }
    return optind == argc ? 0 : FAULT_MISUSE;
}

static int resume(const struct options *o)
{
    int rc = supervisor_init(&sv);
    if (rc == 0)
        rc = upgrade_resume(&sv, o->state, o->way_back, o->failed);
    return rc < 0 ? fail("going on from the program before", rc) : 0;
}

int main(int argc, char **argv)
{
    log_open("supervisor", LOG_LEVEL_INFO);
    struct options options;
    if (parse(argc, argv, &options) < 0) {
        (void)fputs("usage: postern-supervisor [--config FILE]\n", stderr);
        return 2;
    }
    const char *libexec = getenv("POSTERN_LIBEXEC");
    sv.libexec = libexec != NULL && libexec[0] == '/' ? libexec : POSTERN_LIBEXECDIR;
    /* Messages and files of this process are for nobody else. */
    (void)umask(027);
    if (options.try)
        return upgrade_try(sv.config);
    struct arena arena;
    arena_init(&arena, 4096, 1024 * 1024);
    int rc = options.state >= 0 ? resume(&options) : prepare(&arena);
    if (rc == 0) {
        struct buf line;
        log_line(&line, LOG_LEVEL_NOTICE, "starting");
        log_text(&line, "version", POSTERN_VERSION);
        log_text(&line, "config", sv.config);
        log_num(&line, "edges", sv.slots);
        log_num(&line, "uid", sv.account.uid);
        log_end(&line);
        supervisor_run(&sv);
        unlink_controls(sv.file);
        supervisor_fini(&sv);
        log_event(LOG_LEVEL_NOTICE, "stopped");
        rc = sv.exit_status == 0 ? 0 : FAULT_CLOSED;
    }
    arena_fini(&arena);
    return rc == 0 ? 0 : 1;
}
