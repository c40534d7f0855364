/* postern-edge: TLS, HTTP, routing, proxy. Started by the supervisor with its control channel as
 * descriptor 3; everything else comes over that channel. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/edge.h"
#include "net/tlsclient.h"
#include "sandbox/sandbox.h"

#define CONTROL_FD 3
#define PORTS_MAX 1024

struct options {
    uint32_t id;
    enum sandbox_mode sandbox;
    uint16_t ports[PORTS_MAX];
    size_t port_count;
};

static int usage(void)
{
    (void)fputs("postern-edge is started by postern-supervisor:\n"
                "  postern-edge --id N --sandbox strict|best [--ports P,P…]\n",
                stderr);
    return 2;
}

static int read_ports(struct options *o, const char *text)
{
    struct span rest = span_str(text), word;
    while (span_cut(&rest, ',', &word)) {
        uint64_t port;
        if (o->port_count >= PORTS_MAX || text_u64(word, UINT16_MAX, &port) < 0 || port == 0)
            return FAULT_FORMAT;
        o->ports[o->port_count++] = (uint16_t)port;
    }
    return 0;
}

static int read_options(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"id", required_argument, NULL, 'i'},
        {"sandbox", required_argument, NULL, 's'},
        {"ports", required_argument, NULL, 'p'},
        {0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        uint64_t n;
        int rc = FAULT_FORMAT;
        if (c == 'i' && text_u64(span_str(optarg), UINT32_MAX, &n) == 0) {
            o->id = (uint32_t)n;
            rc = 0;
        } else if (c == 's' && strcmp(optarg, "strict") == 0) {
            o->sandbox = SANDBOX_STRICT;
            rc = 0;
        } else if (c == 's' && strcmp(optarg, "best") == 0) {
            o->sandbox = SANDBOX_BEST;
            rc = 0;
        } else if (c == 'p') {
            rc = read_ports(o, optarg);
        }
        if (rc < 0)
            return rc;
    }
    return optind == argc ? 0 : FAULT_FORMAT;
}

struct start {
    struct edge *edge;
    uv_loop_t *loop;
    uint32_t id;
};

/* Between Landlock and seccomp: what makes descriptors or looks at the system once. */
static int warm_up(void *arg)
{
    struct start *s = arg;
    int rc = tls_library_init();
    if (rc == 0)
        rc = wire_library_init();
    if (rc == 0)
        rc = uv_loop_init(s->loop);
    if (rc == 0)
        rc = edge_init(s->edge, s->loop, s->id);
    if (rc == 0)
        rc = control_init(s->edge, CONTROL_FD);
    if (rc == 0)
        (void)edge_date(s->edge);
    return rc;
}

static int run(const struct options *o)
{
    static struct edge edge;
    static uv_loop_t loop;
    struct start start = {&edge, &loop, o->id};
    const struct sandbox sandbox = {
        .profile = SANDBOX_EDGE,
        .mode = o->sandbox,
        .connect_ports = o->ports,
        .connect_port_count = o->port_count,
        .warm_up = warm_up,
        .warm_up_arg = &start,
    };
    struct buf report;
    buf_init(&report, 2048);
    int rc = sandbox_enter(&sandbox, &report);
    if (rc < 0) {
        struct buf line;
        log_line(&line, LOG_LEVEL_ERROR, "start_failed");
        log_text(&line, "why", fault_text(rc));
        log_field(&line, "sandbox", buf_view(&report));
        log_end(&line);
        buf_fini(&report);
        return 1;
    }
    rc = control_ready(&edge, buf_view(&report));
    buf_fini(&report);
    if (rc == 0)
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    bool drained = edge.phase == EDGE_DRAINING;
    edge_fini(&edge);
    control_fini(&edge);
    /* What is closing closes now; nothing new can begin. */
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    wire_library_fini();
    tls_client_library_fini();
    tls_library_fini();
    return drained ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options options = {.sandbox = SANDBOX_STRICT};
    if (read_options(&options, argc, argv) < 0)
        return usage();
    log_open("edge", LOG_LEVEL_INFO);
    /* The supervisor hears the terminal's signals and drains; a peer that closed is an error code.
     */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    return run(&options);
}
