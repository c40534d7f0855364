#include "edge/health.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "edge/pool.h"
#include "http/h1.h"

#define HEAD_MAX (16u * 1024)

struct probe {
    struct pool *pool;
    struct deadline due;  /* of the next check, or of the end of this one */
    struct upstream *via; /* NULL: none is under way */
    char *request;
    uint64_t interval_ms;
    size_t scanned;
    unsigned good, bad; /* in a row */
};

static void on_due(struct deadline *d);

/* What the console is asked for, in the words of an ordinary program. */
static char *request_of(const struct pool *p, const struct route_def *r)
{
    const char *host = r->host_policy == HOST_FIXED ? r->upstream_host
                       : r->host[0] != 0            ? r->host
                       : p->host[0] != 0            ? p->host
                                                    : "localhost";
    bool six = strchr(host, ':') != NULL && strchr(host, '.') == NULL;
    char *text = NULL;
    if (asprintf(&text,
                 "GET %s HTTP/1.1\r\nHost: %s%s%s\r\nUser-Agent: postern-health\r\n"
                 "Accept: */*\r\nConnection: close\r\n\r\n",
                 r->health_path, six ? "[" : "", host, six ? "]" : "") < 0)
        return NULL;
    return text;
}

int probe_set(struct pool *p, const struct route_def *route)
{
    if (route->health_path[0] == 0) {
        probe_free(p->probe);
        p->probe = NULL;
        return 0;
    }
    char *request = request_of(p, route);
    struct probe *probe = p->probe != NULL ? p->probe : calloc(1, sizeof(*probe));
    if (request == NULL || probe == NULL) {
        free(request);
        if (probe != p->probe)
            free(probe);
        return -ENOMEM;
    }
    free(probe->request);
    probe->request = request;
    probe->interval_ms = (uint64_t)route->health_interval * 1000;
    if (p->probe == NULL) {
        probe->pool = p;
        p->probe = probe;
        deadline_init(&probe->due, on_due);
        deadline_set(&p->edge->deadlines, &probe->due, edge_now(p->edge));
    }
    return 0;
}

static void drop(struct probe *probe)
{
    if (probe->via != NULL)
        upstream_retire(probe->via);
    probe->via = NULL;
}

void probe_free(struct probe *probe)
{
    if (probe == NULL)
        return;
    drop(probe);
    deadline_clear(&probe->pool->edge->deadlines, &probe->due);
    free(probe->request);
    free(probe);
}

/* The pool may be gone afterwards. */
static void result(struct probe *probe, bool good, const char *why)
{
    struct pool *p = probe->pool;
    probe->good = good ? probe->good + 1 : 0;
    probe->bad = good ? 0 : probe->bad + 1;
    deadline_set(&p->edge->deadlines, &probe->due, edge_now(p->edge) + probe->interval_ms);
    bool enough =
        good ? p->health == POOL_UNKNOWN || probe->good >= HEALTH_GOOD : probe->bad >= HEALTH_BAD;
    struct upstream *via = probe->via;
    probe->via = NULL;
    /* The connection's reference keeps the pool while it is told. */
    if (enough)
        pool_says_checked(p, good, why);
    if (via != NULL)
        upstream_retire(via);
}

static void begin(struct probe *probe)
{
    struct pool *p = probe->pool;
    probe->scanned = 0;
    int rc = upstream_open(p, &probe->via);
    if (rc < 0) {
        probe->via = NULL;
        result(probe, false, fault_text(rc));
        return;
    }
    probe->via->probe = probe;
    deadline_set(&p->edge->deadlines, &probe->due, edge_now(p->edge) + HEALTH_TIMEOUT_MS);
    upstream_arm(probe->via, true);
}

static void on_due(struct deadline *d)
{
    struct probe *probe = container_of(d, struct probe, due);
    struct edge *e = probe->pool->edge;
    if (probe->via != NULL)
        result(probe, false, "health check: no answer in time");
    else if (e->phase == EDGE_SERVING && pool_is_wanted(probe->pool))
        begin(probe);
    else
        deadline_set(&e->deadlines, &probe->due, edge_now(e) + probe->interval_ms);
}

/* The answer's head, as far as it came. 1: done. */
static int judge(struct probe *probe)
{
    static const struct h1_limits LIMITS = {HEAD_MAX, 256};
    struct span in = buf_view(&probe->via->in);
    struct response r = {0};
    struct arena arena;
    unsigned status;
    const char *why;
    char text[64] = "health check: not well-formed";
    int len = h1_head_find(in, &probe->scanned, &LIMITS, &status);
    if (len == 0)
        return 0;
    arena_init(&arena, 4096, 256 * 1024);
    bool parsed = len > 0 && h1_response_parse(span_sub(in, 0, (size_t)len), SPAN("GET"), &arena,
                                               &r, &why) == 0;
    if (parsed)
        (void)snprintf(text, sizeof(text), "health check: status %u", r.status);
    arena_fini(&arena);
    result(probe, parsed && r.status >= 200 && r.status < 400, text);
    return 1;
}

static void read_answer(struct probe *probe)
{
    struct upstream *u = probe->via;
    uint8_t *scratch = probe->pool->edge->scratch;
    for (;;) {
        int n = upstream_read(u, scratch, EDGE_SCRATCH);
        if (n == 0)
            break;
        if (n < 0 || buf_append(&u->in, span_of(scratch, (size_t)n)) < 0) {
            result(probe, false, "health check: closed without an answer");
            return;
        }
        if (judge(probe) != 0)
            return;
    }
    upstream_arm(u, true);
}

static void refused(struct probe *probe, int rc)
{
    struct upstream *u = probe->via;
    char why[128];
    if (u->tls != NULL && u->tls->peer.verdict >= TLS_PEER_MISMATCH) {
        pool_says_refused(probe->pool, &u->tls->peer);
        probe->bad = 0;
        (void)snprintf(why, sizeof(why), "%s", probe->pool->down_why);
    } else {
        (void)snprintf(why, sizeof(why), "%s", upstream_why(u, rc));
    }
    result(probe, false, why);
}

void probe_step(struct probe *probe)
{
    struct upstream *u = probe->via;
    if (u->state == UPSTREAM_CONNECTING) {
        int rc = upstream_connected(u);
        if (rc == 1)
            rc = upstream_write(u, span_str(probe->request)) < 0 ? FAULT_CLOSED : 1;
        if (rc < 0) {
            refused(probe, rc);
            return;
        }
        if (rc == 0) {
            upstream_arm(u, true);
            return;
        }
    }
    if (upstream_blocked(u) && upstream_flush(u) < 0) {
        result(probe, false, "health check: closed without an answer");
        return;
    }
    read_answer(probe);
}
