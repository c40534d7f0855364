/* postern-courier: resolves names and looks at certificates for the keeper. Started by the
 * supervisor with its control channel as descriptor 3. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "courier/courier.h"

#define CONTROL_FD 3

static struct courier courier;

static int usage(void)
{
    (void)fputs("postern-courier is started by postern-supervisor:\n"
                "  postern-courier --sandbox strict|best --authorities FILE\n",
                stderr);
    return 2;
}

static int warm_up(void *arg)
{
    struct courier *c = arg;
    system_load_modules();
    return courier_warm_up(c);
}

static int enter_sandbox(struct courier *c, enum sandbox_mode mode)
{
    struct sandbox s = {
        .profile = SANDBOX_COURIER, .mode = mode, .warm_up = warm_up, .warm_up_arg = c};
    struct buf report;
    s.paths = system_paths(&s.path_count);
    system_note(&c->system, c->authorities);
    buf_init(&report, sizeof(c->sandbox) - 1);
    int rc = sandbox_enter(&s, &report);
    struct span text = buf_view(&report);
    if (text.len > 0)
        memcpy(c->sandbox, text.at, text.len);
    c->sandbox[text.len] = 0;
    buf_fini(&report);
    if (rc < 0)
        log_fault(LOG_LEVEL_ERROR, "sandbox_refused", rc, c->sandbox);
    return rc;
}

static int serve(enum sandbox_mode mode)
{
    int rc = courier_init(&courier, CONTROL_FD);
    if (rc == 0)
        rc = directory_setup();
    if (rc == 0)
        rc = fetch_setup();
    /* What it trusts is read while it may still read it. */
    if (rc == 0)
        rc = prober_init(&courier.prober, courier.authorities);
    if (rc == 0)
        rc = enter_sandbox(&courier, mode);
    struct msg_ready ready = {.sandbox = span_str(courier.sandbox)};
    if (rc == 0)
        rc = channel_send_ready(&courier.control, 0, &ready, -1);
    if (rc < 0) {
        log_fault(LOG_LEVEL_ERROR, "not_started", rc, NULL);
        return EXIT_FAILURE;
    }
    return courier_run(&courier);
}

int main(int argc, char **argv)
{
    enum sandbox_mode mode = SANDBOX_STRICT;
    struct stat st;
    if (argc != 5 || strcmp(argv[1], "--sandbox") != 0 ||
        (strcmp(argv[2], "strict") != 0 && strcmp(argv[2], "best") != 0) ||
        strcmp(argv[3], "--authorities") != 0)
        return usage();
    courier.authorities = argv[4];
    if (strcmp(argv[2], "best") == 0)
        mode = SANDBOX_BEST;
    if (fstat(CONTROL_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
        return usage();
    log_open("courier", LOG_LEVEL_INFO);
    (void)umask(077);
    /* A Ctrl-C reaches the whole group; the supervisor decides in which order things end. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    /* A silent name server must not keep a thread for longer than it has to. */
    (void)setenv("RES_OPTIONS", "timeout:2 attempts:2", 1);
    int code = serve(mode);
    courier_fini(&courier);
    /* Threads may still wait for name servers; their memory is theirs until the process is gone. */
    _exit(code);
}
