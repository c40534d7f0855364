/* `postern guard -- CMD…`: an application of somebody's own, behind postern for as long as it runs.
 *
 *   place made ─▶ child started ─▶ it listens ─▶ lease asked for ─▶ … ─▶ child or signal ─▶ place
 * gone ▲      │ └──────┘ the keeper was replaced: asked again
 *
 * The route hangs on the connection to keeper.sock (keeper/leases.h): however this process ends, it
 * ends with it. The child is sent SIGTERM by the kernel when this process is killed. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/guard_place.h"
#include "cli/socket.h"

#define TICK_MS 200
#define END_MS 10000u
#define AGAIN_MS 1000u

struct guard {
    struct invocation *v;
    struct guard_account as;
    struct guard_place place;
    char name[64];
    pid_t child;
    int status; /* of the child, once it is gone */
    bool gone;
    int control; /* the connection that holds the lease, or -1 */
    int signals;
    uint64_t end_ms, again_ms; /* monotonic; 0: not set */
};

/* ---- who ---- */

static const struct passwd *find_user(struct invocation *v)
{
    const char *name = invocation_option(v, "user"), *sudo = getenv("SUDO_UID");
    uint64_t uid;
    if (name != NULL)
        return getpwnam(name);
    if (geteuid() != 0)
        return getpwuid(geteuid());
    return sudo != NULL && text_u64(span_str(sudo), UINT32_MAX, &uid) == 0 ? getpwuid((uid_t)uid)
                                                                           : NULL;
}

static int find_account(struct guard *g, const struct snapshot *s)
{
    const struct passwd *pw = find_user(g->v);
    g->as.root = geteuid() == 0;
    if (pw == NULL || pw->pw_uid == 0)
        return complain(EXIT_USAGE, "%s",
                        pw == NULL && invocation_option(g->v, "user") != NULL
                            ? "--user names no user of this machine"
                            : "the application would run as root: say --user NAME");
    if (!g->as.root && pw->pw_uid != geteuid())
        return complain(EXIT_USAGE, "only root can run it as somebody else");
    g->as.uid = pw->pw_uid;
    g->as.gid = pw->pw_gid;
    (void)snprintf(g->as.name, sizeof(g->as.name), "%s", pw->pw_name);
    (void)snprintf(g->as.home, sizeof(g->as.home), "%s", pw->pw_dir);
    (void)snprintf(g->as.shell, sizeof(g->as.shell), "%s", pw->pw_shell);
    if (!g->as.root)
        return 0;
    pw = getpwnam(s->user[0] != 0 ? s->user : "postern");
    if (pw == NULL)
        return complain(EXIT_REFUSED, "there is no service account '%s'",
                        s->user[0] != 0 ? s->user : "postern");
    g->as.service = pw->pw_gid;
    return 0;
}

/* "./My_App.py" → "my-app-py" */
static void name_after(const char *command, char *name, size_t size)
{
    const char *slash = strrchr(command, '/');
    size_t used = 0;
    for (const char *c = slash != NULL ? slash + 1 : command; *c != 0 && used + 1 < size; c++) {
        char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
        bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (plain || (used > 0 && name[used - 1] != '-'))
            name[used++] = plain ? lower : '-';
    }
    while (used > 0 && name[used - 1] == '-')
        used--;
    name[used] = 0;
    if (used == 0)
        (void)snprintf(name, size, "application");
}

/* ---- the child ---- */

/* {socket} in a word becomes the path. NULL without memory. */
static char *filled(const char *word, const char *socket)
{
    struct buf b;
    buf_init(&b, 65536);
    for (const char *at; (at = strstr(word, "{socket}")) != NULL; word = at + 8) {
        (void)buf_append(&b, span_of(word, (size_t)(at - word)));
        (void)buf_text(&b, socket);
    }
    (void)buf_text(&b, word);
    return buf_take_string(&b);
}

static bool drop_privileges(const struct guard_account *as)
{
    if (as->root &&
        (initgroups(as->name, as->gid) < 0 || setresgid(as->gid, as->gid, as->gid) < 0 ||
         setresuid(as->uid, as->uid, as->uid) < 0))
        return false;
    if (as->root) {
        static const char *const FOREIGN[] = {"XDG_RUNTIME_DIR", "SUDO_COMMAND", "SUDO_USER",
                                              "SUDO_UID",        "SUDO_GID",     "MAIL"};
        for (size_t i = 0; i < countof(FOREIGN); i++)
            (void)unsetenv(FOREIGN[i]);
        (void)setenv("HOME", as->home, 1);
        (void)setenv("USER", as->name, 1);
        (void)setenv("LOGNAME", as->name, 1);
        (void)setenv("SHELL", as->shell, 1);
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* After fork; leaves by exec or _exit. */
static void become(struct guard *g, pid_t parent, char **argv)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    /* A group of its own, so that it ends with all its workers; no terminal to read from, so that
     * it is not stopped for trying. */
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)setpgid(0, 0);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        _exit(126);
    (void)setenv("POSTERN_SOCKET", g->place.socket, 1);
    (void)setenv("POSTERN_ROUTE", g->name, 1);
    /* Changing the account clears the wish to be told of the parent's death: asked for afterwards.
     */
    if (!drop_privileges(&g->as) || prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0 ||
        getppid() != parent) {
        (void)complain(EXIT_REFUSED, "the application could not be started as %s", g->as.name);
        _exit(126);
    }
    (void)execvp(argv[0], argv);
    (void)complain(EXIT_REFUSED, "%s: %s", argv[0], strerror(errno));
    _exit(127);
}

static int start(struct guard *g)
{
    char *argv[ARGS_MAX + 1] = {NULL};
    bool ok = true;
    for (size_t i = 0; i < g->v->arg_count; i++) {
        argv[i] = filled(g->v->arg[i], g->place.socket);
        ok = ok && argv[i] != NULL;
    }
    pid_t parent = getpid();
    (void)fflush(stdout);
    g->child = ok ? fork() : -1;
    if (g->child == 0)
        become(g, parent, argv);
    if (g->child > 0)
        (void)setpgid(g->child, g->child);
    for (size_t i = 0; i < g->v->arg_count; i++)
        free(argv[i]);
    return g->child < 0 ? complain(EXIT_REFUSED, "no process: %s", strerror(errno)) : 0;
}

static void reap(struct guard *g)
{
    if (!g->gone && waitpid(g->child, &g->status, WNOHANG) == g->child)
        g->gone = true;
}

/* ---- the lease ---- */

static json_t *lease_body(struct guard *g)
{
    static const char *const TEXTS[] = {"host", "title"};
    char upstream[128];
    const char *who, *port = invocation_option(g->v, "port");
    uint64_t number = 0;
    (void)snprintf(upstream, sizeof(upstream), "unix:%s", g->place.socket);
    json_t *allow = json_array();
    for (size_t n = 0; (who = invocation_each(g->v, "allow", n)) != NULL; n++)
        (void)json_array_append_new(allow, json_string(who));
    if (json_array_size(allow) == 0)
        (void)json_array_append_new(allow, json_string("group:owners@local"));
    json_t *body =
        json_pack("{s:s,s:s,s:o}", "name", g->name, "upstream", upstream, "allow", allow);
    for (size_t i = 0; i < countof(TEXTS); i++)
        if (invocation_option(g->v, TEXTS[i]) != NULL)
            (void)json_object_set_new(body, TEXTS[i],
                                      json_string(invocation_option(g->v, TEXTS[i])));
    if (port != NULL && text_u64(span_str(port), 65535, &number) == 0)
        (void)json_object_set_new(body, "port", json_integer((json_int_t)number));
    return body;
}

/* EXIT_DONE with the answer's status, or an exit code with a message (quietly: without). */
static int ask_lease(struct guard *g, int *status, json_t **answer)
{
    char path[512];
    *answer = NULL;
    if (!paths_runtime(&g->v->paths, "keeper.sock", path, sizeof(path)))
        return EXIT_REFUSED;
    g->control = socket_connect(path);
    if (g->control < 0)
        return EXIT_UNREACHABLE;
    json_t *body = lease_body(g);
    int rc =
        invocation_call_on(g->v, g->control, "POST", "/api/v1/leases", NULL, body, status, answer);
    json_decref(body);
    if (rc != EXIT_DONE || *status >= 400) {
        (void)close(g->control);
        g->control = -1;
    }
    return rc;
}

static int announce(struct guard *g, const struct snapshot *s, json_t *answer)
{
    const char *host = json_string_value(json_object_get(answer, "host"));
    char url[512];
    paths_url(s, host != NULL ? host : s->portal_host,
              (uint16_t)json_integer_value(json_object_get(answer, "port")), url, sizeof(url));
    if (g->v->json) {
        json_t *said = json_pack("{s:s,s:s,s:s,s:i}", "name", g->name, "url", url, "socket",
                                 g->place.socket, "pid", (int)g->child);
        (void)json_dumpf(said, stdout, JSON_COMPACT);
        (void)putchar('\n');
        json_decref(said);
    } else {
        (void)printf("%s is reached at %s\n", g->name, url);
    }
    return fflush(stdout) == 0 ? EXIT_DONE
                               : complain(EXIT_REFUSED, "writing failed: %s", strerror(errno));
}

static int first_lease(struct guard *g, const struct snapshot *s)
{
    int status = 0;
    json_t *answer;
    int rc = ask_lease(g, &status, &answer);
    if (rc == EXIT_UNREACHABLE && answer == NULL && g->control < 0 && status == 0)
        return complain(rc, "the keeper is not reached; is postern running ('postern serve')?");
    if (rc != EXIT_DONE)
        return rc;
    if (status >= 400)
        return invocation_show(g->v, status, answer);
    rc = announce(g, s, answer);
    json_decref(answer);
    return rc;
}

/* The keeper has ended and with it the lease: its successor is asked, until it grants it. */
static void lease_again(struct guard *g)
{
    int status = 0;
    json_t *answer;
    uint64_t now = clock_mono_ms();
    if (g->control >= 0 || now < g->again_ms)
        return;
    g->again_ms = now + AGAIN_MS;
    if (ask_lease(g, &status, &answer) == EXIT_DONE && status < 400)
        (void)fprintf(stderr, "postern: %s is reached again\n", g->name);
    json_decref(answer);
}

/* ---- the loop ---- */

static void end_child(struct guard *g)
{
    uint64_t now = clock_mono_ms();
    if (g->gone || g->child <= 0)
        return;
    if (g->end_ms == 0) {
        (void)kill(-g->child, SIGTERM);
        g->end_ms = now + END_MS;
    } else if (now >= g->end_ms) {
        (void)kill(-g->child, SIGKILL);
    }
}

static void on_signal(struct guard *g)
{
    struct signalfd_siginfo info;
    if (read(g->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD)
        reap(g);
    else if (g->end_ms == 0)
        end_child(g);
}

/* One wait: a signal, the end of the connection, or a tick. */
static void turn(struct guard *g)
{
    struct pollfd p[2] = {{.fd = g->signals, .events = POLLIN},
                          {.fd = g->control, .events = POLLIN}};
    if (poll(p, 2, TICK_MS) < 0)
        return;
    if (p[0].revents != 0)
        on_signal(g);
    /* The keeper says nothing without being asked: this is its end. */
    if (g->control >= 0 && p[1].revents != 0) {
        (void)close(g->control);
        g->control = -1;
        g->again_ms = clock_mono_ms() + AGAIN_MS / 4;
    }
    if (g->end_ms != 0)
        end_child(g);
}

static int wait_until_it_listens(struct guard *g)
{
    const char *option = invocation_option(g->v, "wait");
    uint64_t seconds = 30;
    if (option != NULL && (text_u64(span_str(option), 3600, &seconds) < 0 || seconds == 0))
        return complain(EXIT_USAGE, "--wait is a number of seconds, at most 3600");
    uint64_t until = clock_mono_ms() + seconds * 1000;
    while (!g->gone && g->end_ms == 0) {
        if (guard_place_listens(&g->place, &g->as))
            return 0;
        if (clock_mono_ms() >= until)
            return complain(EXIT_REFUSED,
                            "the application does not listen on %s; it finds that path in "
                            "POSTERN_SOCKET and in place of {socket}",
                            g->place.socket);
        turn(g);
    }
    return EXIT_REFUSED;
}

static int exit_code_of(const struct guard *g)
{
    return WIFEXITED(g->status) ? WEXITSTATUS(g->status) : 128 + WTERMSIG(g->status);
}

static int serve(struct guard *g, const struct snapshot *s)
{
    int rc = start(g);
    if (rc == 0)
        rc = wait_until_it_listens(g);
    if (rc == 0)
        rc = first_lease(g, s);
    while (rc == 0 && !g->gone && g->end_ms == 0) {
        turn(g);
        lease_again(g);
        /* A socket that the application made anew has its own idea of a mode. */
        (void)guard_place_listens(&g->place, &g->as);
    }
    /* First the route, so that nobody is sent to a socket without an application. */
    if (g->control >= 0)
        (void)close(g->control);
    g->control = -1;
    end_child(g);
    while (!g->gone && g->child > 0)
        turn(g);
    /* Workers that the application has left behind. */
    if (g->child > 0)
        (void)kill(-g->child, SIGTERM);
    return rc == 0 || g->end_ms == 0 ? exit_code_of(g) : rc;
}

static int watch_signals(struct guard *g)
{
    static const int WATCHED[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < countof(WATCHED); i++)
        (void)sigaddset(&set, WATCHED[i]);
    (void)signal(SIGPIPE, SIG_IGN);
    g->signals = sigprocmask(SIG_BLOCK, &set, NULL) < 0
                     ? -1
                     : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return g->signals < 0 ? complain(EXIT_REFUSED, "signals: %s", strerror(errno)) : 0;
}

int run_guard(struct invocation *v)
{
    struct guard g = {.v = v, .control = -1, .signals = -1};
    const struct snapshot *s = paths_snapshot(&v->paths);
    const char *name = invocation_option(v, "name");
    if (s == NULL)
        return EXIT_REFUSED;
    if (name != NULL)
        (void)snprintf(g.name, sizeof(g.name), "%s", name);
    else
        name_after(v->arg[0], g.name, 40);
    if (name != NULL && (strlen(name) >= 64 || !text_is_name(span_str(name))))
        return complain(EXIT_USAGE, "--name is letters in lower case, digits and hyphens");
    int rc = find_account(&g, s);
    rc = rc != 0 ? rc : watch_signals(&g);
    rc = rc != 0 ? rc : guard_place_make(&g.place, g.name, &g.as);
    if (rc != 0)
        return rc;
    rc = serve(&g, s);
    guard_place_remove(&g.place);
    (void)close(g.signals);
    return rc;
}
