#include "supervisor/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/verify.h"
#include "conf/yaml.h"
#include "supervisor/language.h"
#include "supervisor/takeover.h"

#ifndef POSTERN_SANITIZED
#define POSTERN_SANITIZED 0
#endif

#define TRY_MS 10000u
#define PENDING_MS 40000u
#define KEEPER_ENDS_MS 3000u
/* How long handshakes that have begun on old edges find the signer they began with, at most. */
#define OLD_STAYS_MS 10000u
#define OLD_ENDS_SECONDS 5u
#define SAID_MAX (16u * 1024)
/* As long as an edge uses what a keeper once said. */
#define FOREIGN_SECONDS 30u
#define NOT_EXECUTED 127
#define FIXED_MAX (64u * 1024)

extern char **environ;

/* ---- answers ---- */

static void write_reasons(struct buf *out, struct span reasons)
{
    struct span line;
    (void)buf_text(out, "{\"ok\":false,\"errors\":[");
    for (bool first = true; span_cut(&reasons, '\n', &line);) {
        if (line.len == 0)
            continue;
        (void)buf_text(out, first ? "" : ",");
        (void)text_json(out, line);
        first = false;
    }
    (void)buf_text(out, "]}");
}

static void answer(struct supervisor *sv, struct span reasons)
{
    struct control_call *call = sv->upgrade.call;
    struct buf out;
    sv->upgrade.call = NULL;
    sv->upgrade.phase = UPGRADE_NONE;
    (void)uv_timer_stop(&sv->upgrade.timer);
    notify_ready(&sv->notify);
    if (call == NULL)
        return;
    buf_init(&out, 8 * SAID_MAX);
    if (reasons.len > 0) {
        write_reasons(&out, reasons);
    } else {
        (void)buf_text(&out, "{\"ok\":true,\"from\":");
        (void)text_json(&out, span_str(sv->upgrade.from));
        (void)buf_text(&out, ",\"to\":\"" POSTERN_VERSION "\"}");
    }
    control_answer(call, buf_view(&out));
    buf_fini(&out);
}

static void refuse(struct supervisor *sv, struct span reasons)
{
    log_lines(LOG_LEVEL_ERROR, "upgrade_refused", "reason", reasons);
    answer(sv, reasons);
}

/* ---- exec ---- */

static void signals(int how)
{
    static const int NUMBERS[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGUSR2};
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < countof(NUMBERS); i++)
        (void)sigaddset(&set, NUMBERS[i]);
    (void)sigprocmask(how, &set, NULL);
}

/* Returns only when it fails: -errno. */
static int become(int program, const char *config, int state, int way_back, const char *failed)
{
    char number[16], back[16];
    (void)snprintf(number, sizeof(number), "%d", state);
    (void)snprintf(back, sizeof(back), "%d", way_back);
    const char *argv[] = {"postern-supervisor",
                          "--config",
                          config,
                          "--resume",
                          number,
                          "--way-back",
                          back,
                          failed == NULL ? NULL : "--failed",
                          failed,
                          NULL};
    /* Between two programs a signal would find nobody who knows it, and its default is the end. */
    signals(SIG_BLOCK);
    (void)syscall(SYS_execveat, program, "", argv, environ, AT_EMPTY_PATH);
    int rc = -errno;
    signals(SIG_UNBLOCK);
    return rc;
}

static void forget_the_way_back(struct supervisor *sv)
{
    struct upgrade *u = &sv->upgrade;
    programs_close(&u->old);
    if (u->state >= 0)
        (void)close(u->state);
    if (u->file >= 0)
        (void)close(u->file);
    u->state = u->file = u->way_back = -1;
    u->inherited_count = 0;
}

static void end_old(struct child *c, uint32_t seconds)
{
    struct msg_drain m = {.seconds = seconds};
    c->retired = true;
    c->state = CHILD_DRAINING;
    child_sent(c, channel_send_drain(&c->channel, 0, &m, -1));
    child_expect_within(c, (uint64_t)seconds * 1000 + 500);
}

/* Those who will not understand the next program are told by this one. */
static void say_farewell(struct supervisor *sv)
{
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (!child_is_up(c) || c->channel.fd < 0)
            continue;
        if (c->kind == ROLE_KEEPER)
            end_old(c, KEEPER_ENDS_MS / 1000);
        if (c->kind == ROLE_EDGE && c->state != CHILD_DRAINING)
            end_old(c, FOREIGN_SECONDS);
    }
}

/* The old version is to serve on: a keeper that was asked to end is followed by another, and so are
 * the edges. */
static void take_farewell_back(struct supervisor *sv)
{
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->kind == ROLE_KEEPER)
            c->retired = false;
    }
    supervisor_renew_edges(sv);
}

static void hand_over(struct supervisor *sv, bool foreign)
{
    struct upgrade *u = &sv->upgrade;
    if (foreign)
        say_farewell(sv);
    int state = takeover_write(sv, u->call == NULL ? -1 : control_fd(u->call));
    int rc = state;
    if (rc >= 0) {
        log_event(LOG_LEVEL_NOTICE, "upgrading");
        takeover_keep_open(u);
        rc = become(u->program, sv->config, state, sv->programs.self, NULL);
        takeover_close_on_exec();
    }
    u->state = state;
    forget_the_way_back(sv);
    if (foreign)
        take_farewell_back(sv);
    refuse(sv, span_str(fault_text(rc)));
}

/* ---- trying ---- */

int upgrade_try(const char *config)
{
    struct snapshot *s = NULL;
    struct buf errors;
    buf_init(&errors, SAID_MAX / 2);
    int rc = yaml_load(config, &s, &errors);
    if (rc == 0)
        rc = verify_snapshot(s, &errors);
    snapshot_free(s);
    if (rc < 0 && buf_len(&errors) == 0)
        (void)buf_text(&errors, fault_text(rc));
    if (rc == 0)
        (void)printf("version %s\nlanguage %016llx\n", POSTERN_VERSION,
                     (unsigned long long)language_number());
    else
        (void)printf("%.*s\n", SPAN_FMT(buf_view(&errors)));
    buf_fini(&errors);
    return rc == 0 ? 0 : 1;
}

/* In the child. */
static void try(int program, const char *config, int says, pid_t parent)
{
    const char *argv[] = {"postern-supervisor", "--try", "--config", config, NULL};
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        return;
    if (dup2(says, STDOUT_FILENO) < 0 || dup2(says, STDERR_FILENO) < 0)
        return;
    (void)syscall(SYS_execveat, program, "", argv, environ, AT_EMPTY_PATH);
}

static int start_trial(struct supervisor *sv)
{
    struct upgrade *u = &sv->upgrade;
    char path[4096];
    int pipe[2];
    int len = snprintf(path, sizeof(path), "%s/postern-supervisor", sv->libexec);
    if (len < 0 || (size_t)len >= sizeof(path))
        return -ENAMETOOLONG;
    u->program = open(path, O_PATH | O_CLOEXEC);
    if (u->program < 0)
        return -errno;
    if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    pid_t parent = getpid();
    u->trial = fork();
    if (u->trial == 0) {
        try(u->program, sv->config, pipe[1], parent);
        _exit(NOT_EXECUTED);
    }
    (void)close(pipe[1]);
    u->trial_says = pipe[0];
    return u->trial < 0 ? -errno : 0;
}

static void end_trial(struct upgrade *u)
{
    if (u->trial_says >= 0)
        (void)close(u->trial_says);
    if (u->program >= 0)
        (void)close(u->program);
    u->trial = 0;
    u->trial_says = u->program = -1;
}

static void on_late(uv_timer_t *t);
static void end_the_old(struct supervisor *sv);

static const char *what_stands_in_the_way(const struct supervisor *sv)
{
    if (sv->stopping || !sv->serving)
        return "the service is starting or stopping: try again";
    if (sv->upgrade.phase != UPGRADE_NONE)
        return "another upgrade is under way";
    if (sv->candidate != NULL || sv->rollout.phase != ROLLOUT_IDLE || sv->waiting.fd >= 0)
        return "a change of the configuration is under way: try again";
    return NULL;
}

void upgrade_start(struct supervisor *sv, struct control_call *call)
{
    struct upgrade *u = &sv->upgrade;
    const char *why = what_stands_in_the_way(sv);
    if (why != NULL) {
        struct buf out;
        log_kv(LOG_LEVEL_ERROR, "upgrade_refused", "reason", why);
        if (call == NULL)
            return;
        buf_init(&out, SAID_MAX);
        write_reasons(&out, span_str(why));
        control_answer(call, buf_view(&out));
        buf_fini(&out);
        return;
    }
    end_the_old(sv);
    u->call = call;
    u->phase = UPGRADE_TRYING;
    notify_reloading(&sv->notify);
    int rc = start_trial(sv);
    if (rc < 0) {
        end_trial(u);
        refuse(sv, span_str(fault_text(rc)));
        return;
    }
    (void)uv_timer_start(&u->timer, on_late, TRY_MS, 0);
}

/* What it said decides, and nothing else: this program knows no other version. */
static void judge_trial(struct supervisor *sv, struct span said, int status)
{
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "\nlanguage %016llx\n",
                   (unsigned long long)language_number());
    if (!WIFEXITED(status) || WEXITSTATUS(status) == NOT_EXECUTED) {
        refuse(sv, SPAN("the new postern-supervisor can not be executed"));
    } else if (WEXITSTATUS(status) != 0) {
        refuse(sv, said.len > 0 ? said : SPAN("the new postern-supervisor ended with an error"));
    } else if (!span_starts(said, SPAN("version "))) {
        refuse(sv, SPAN("the new postern-supervisor is none"));
    } else if (sv->candidate != NULL || sv->rollout.phase != ROLLOUT_IDLE || sv->stopping) {
        refuse(sv, SPAN("a change of the configuration is under way: try again"));
    } else {
        hand_over(sv, !span_ends(said, span_str(expected)));
    }
}

void upgrade_on_reaped(struct supervisor *sv, pid_t pid, int status)
{
    struct upgrade *u = &sv->upgrade;
    char said[SAID_MAX];
    if (u->phase != UPGRADE_TRYING || pid != u->trial)
        return;
    (void)uv_timer_stop(&u->timer);
    ssize_t n = read(u->trial_says, said, sizeof(said));
    judge_trial(sv, span_of(said, n < 0 ? 0 : (size_t)n), status);
    end_trial(u);
}

/* ---- pending ---- */

static void end_new_children(struct supervisor *sv)
{
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->adopted || c->pid <= 0)
            continue;
        (void)kill(c->pid, SIGKILL);
        (void)waitpid(c->pid, NULL, 0);
        child_buried(c);
    }
}

void upgrade_failed(struct supervisor *sv, struct span why)
{
    struct upgrade *u = &sv->upgrade;
    char text[1024];
    if (u->phase != UPGRADE_PENDING)
        return;
    (void)snprintf(text, sizeof(text), "%.*s", SPAN_FMT(span_sub(why, 0, sizeof(text) - 1)));
    log_kv(LOG_LEVEL_ERROR, "upgrade_failed", "reason", text);
    end_new_children(sv);
    takeover_keep_open(u);
    int rc = become(u->way_back, sv->config, u->state, u->way_back, text);
    log_fault(LOG_LEVEL_ERROR, "no_way_back", rc, NULL);
    u->phase = UPGRADE_NONE;
    supervisor_fail(sv, "upgrade_failed");
}

/* No handshake of an old edge is under way any more. What it still needs a signer for, another
 * snapshot, the new one gives. */
static void end_the_old(struct supervisor *sv)
{
    struct child *signer = supervisor_find(sv, ROLE_SIGNER);
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (!c->adopted || !c->retired || c->kind == ROLE_EDGE || c->state != CHILD_SERVING)
            continue;
        if (c->kind == ROLE_SIGNER && signer != NULL)
            supervisor_introduce_old_edges(signer);
        if (c->foreign_fd >= 0)
            child_kill(c);
        else
            end_old(c, OLD_ENDS_SECONDS);
    }
}

static void on_late(uv_timer_t *t)
{
    struct supervisor *sv = t->data;
    if (sv->upgrade.phase == UPGRADE_TRYING && sv->upgrade.trial > 0)
        (void)kill(sv->upgrade.trial, SIGKILL);
    else if (sv->upgrade.phase == UPGRADE_NONE)
        end_the_old(sv);
    else
        upgrade_failed(sv, SPAN("the new processes were not ready in time"));
}

static int start_new(struct supervisor *sv, enum role_kind kind)
{
    struct child *c = child_new(sv, kind, 0, 0);
    if (c == NULL)
        return -ENOMEM;
    child_start(c);
    return 0;
}

bool upgrade_on_death(struct supervisor *sv, struct child *c)
{
    char why[160];
    if (sv->upgrade.phase != UPGRADE_PENDING || sv->stopping)
        return false;
    if (!c->adopted) {
        (void)snprintf(why, sizeof(why), "the new %s ended", ROLES[c->kind].executable);
        upgrade_failed(sv, span_str(why));
        return true;
    }
    if (c->kind != ROLE_KEEPER || !c->retired)
        return false;
    /* The store has no owner now. */
    child_free(c);
    if (start_new(sv, ROLE_KEEPER) < 0)
        upgrade_failed(sv, SPAN("out of memory"));
    return true;
}

void upgrade_settled(struct supervisor *sv)
{
    if (sv->upgrade.phase != UPGRADE_PENDING)
        return;
    sv->upgrade.phase = UPGRADE_NONE;
    listeners_settle(&sv->listeners, sv->file);
    forget_the_way_back(sv);
    struct buf line;
    log_line(&line, LOG_LEVEL_NOTICE, "upgraded");
    log_text(&line, "from", sv->upgrade.from);
    log_text(&line, "to", POSTERN_VERSION);
    log_end(&line);
    answer(sv, SPAN_NONE);
    uint64_t wait = (uint64_t)sv->file->limits.handshake_timeout * 1000;
    (void)uv_timer_start(&sv->upgrade.timer, on_late, wait < OLD_STAYS_MS ? wait : OLD_STAYS_MS, 0);
}

/* ---- the new program ---- */

/* What was in force is so again, whatever the file says by now. */
static int load_old(struct supervisor *sv)
{
    struct buf ignored;
    int rc = takeover_file(sv, &sv->file);
    if (rc < 0)
        return rc;
    sv->file->generation = sv->generation;
    buf_init(&ignored, FIXED_MAX);
    rc = listeners_open(&sv->listeners, sv->file, &ignored);
    buf_fini(&ignored);
    return rc;
}

static int load(struct supervisor *sv, struct buf *why)
{
    struct buf fixed;
    int rc = yaml_load(sv->config, &sv->file, why);
    if (rc == 0)
        rc = verify_snapshot(sv->file, why);
    if (rc == 0)
        rc = listeners_open(&sv->listeners, sv->file, why);
    if (rc < 0)
        return rc;
    sv->file->generation = ++sv->generation;
    buf_init(&fixed, FIXED_MAX);
    reload_write_fixed(sv->file, &fixed);
    if (!span_eq(buf_view(&fixed), buf_view(&sv->fixed))) {
        (void)buf_text(why, "the file has changes that need a restart");
        rc = FAULT_CONFLICT;
    }
    buf_fini(&fixed);
    return rc;
}

static int serve_on(struct supervisor *sv, int call)
{
    sv->serving = true;
    sv->account = (struct account){.uid = getuid(), .gid = getgid()};
    notify_open(&sv->notify);
    int rc = control_start(&sv->control, &sv->loop, sv->control_fd, sv->account.uid);
    if (rc == 0 && call >= 0)
        sv->upgrade.call = control_adopt(&sv->control, call);
    /* Exec gave it back. */
    if (!POSTERN_SANITIZED)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return rc;
}

/* Those that died while nobody was there to see it. */
static void start_the_lost(struct supervisor *sv)
{
    list_each_safe(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->pid > 0)
            continue;
        if (c->retired)
            child_free(c);
        else
            child_start(c);
    }
}

static int take_over(struct supervisor *sv)
{
    sv->upgrade.phase = UPGRADE_PENDING;
    (void)uv_timer_start(&sv->upgrade.timer, on_late, PENDING_MS, 0);
    programs_open(&sv->programs, sv->libexec);
    bool keeper = false;
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (c->kind == ROLE_KEEPER && c->pid > 0) {
            /* A foreign one has been asked already. */
            if (c->foreign_fd < 0)
                end_old(c, KEEPER_ENDS_MS / 1000);
            keeper = true;
        } else if (c->kind != ROLE_EDGE) {
            c->retired = true;
        }
    }
    start_the_lost(sv);
    int rc = 0;
    for (int kind = 0; rc == 0 && kind < ROLE_EDGE; kind++) {
        if (kind != ROLE_KEEPER || !keeper)
            rc = start_new(sv, (enum role_kind)kind);
    }
    return rc;
}

/* The old program is itself again: its own executables, its own children, but for those who ended
 * for the upgrade. */
static void take_back(struct supervisor *sv, const char *failed)
{
    sv->programs = sv->upgrade.old;
    programs_none(&sv->upgrade.old);
    forget_the_way_back(sv);
    take_farewell_back(sv);
    start_the_lost(sv);
    refuse(sv, span_str(failed));
}

int upgrade_resume(struct supervisor *sv, int state, int way_back, const char *failed)
{
    struct buf why;
    int call = -1;
    sv->upgrade.state = state;
    sv->upgrade.way_back = way_back;
    int rc = takeover_read(sv, state, &call);
    /* Nothing has been touched yet. */
    if (rc < 0 && failed == NULL)
        (void)become(way_back, sv->config, state, way_back,
                     "the new version can not read the "
                     "state of the old one");
    buf_init(&why, SAID_MAX);
    if (rc == 0)
        rc = failed == NULL ? load(sv, &why) : load_old(sv);
    if (rc == 0)
        rc = deliver_adopt(sv);
    if (rc == 0)
        rc = serve_on(sv, call);
    if (rc == 0 && failed != NULL)
        take_back(sv, failed);
    if (rc == 0 && failed == NULL)
        rc = take_over(sv);
    if (rc < 0 && failed == NULL) {
        if (buf_len(&why) == 0)
            (void)buf_text(&why, fault_text(rc));
        sv->upgrade.phase = UPGRADE_PENDING;
        upgrade_failed(sv, buf_view(&why));
    }
    buf_fini(&why);
    signals(SIG_UNBLOCK);
    return rc;
}

void upgrade_init(struct supervisor *sv)
{
    struct upgrade *u = &sv->upgrade;
    (void)uv_timer_init(&sv->loop, &u->timer);
    u->timer.data = sv;
    u->trial_says = u->program = u->state = u->file = u->way_back = -1;
    programs_none(&u->old);
}
