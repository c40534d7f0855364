/* `postern connect`: finds out where the gateway is, and leaves the rest to postern-connect, which
 * alone of the two has TLS. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/process.h"

/* Where it goes; each text ends in one of the buffers or belongs to somebody who lives longer. */
struct way {
    char address[256], port[8], host[520], ca[1100];
};

/* https://HOST, https://HOST:PORT, https://[ADDRESS]:PORT, perhaps with one slash behind. */
static bool read_url(const char *url, struct way *w)
{
    static const char SCHEME[] = "https://";
    if (strncmp(url, SCHEME, sizeof(SCHEME) - 1) != 0)
        return false;
    struct span rest = span_str(url + sizeof(SCHEME) - 1);
    if (span_ends(rest, SPAN("/")))
        rest.len--;
    bool brackets = span_starts(rest, SPAN("["));
    size_t end = brackets ? span_find(rest, ']') : span_find(rest, ':');
    struct span host = span_sub(rest, brackets ? 1 : 0, end == SIZE_MAX ? end : end - brackets);
    struct span port = end == SIZE_MAX ? SPAN_NONE : span_sub(rest, end + brackets, SIZE_MAX);
    uint64_t number = 443;
    if (brackets && end == SIZE_MAX)
        return false;
    if (port.len > 0 && (port.at[0] != ':' ||
                         text_u64(span_sub(port, 1, SIZE_MAX), 65535, &number) < 0 || number == 0))
        return false;
    if (host.len == 0 || host.len >= sizeof(w->address) || span_find(host, '/') != SIZE_MAX)
        return false;
    (void)snprintf(w->address, sizeof(w->address), "%.*s", SPAN_FMT(host));
    (void)snprintf(w->port, sizeof(w->port), "%u", (unsigned)number);
    return true;
}

/* On the gateway's own host its configuration says where it listens and what to trust. */
static int read_configuration(struct invocation *v, struct way *w)
{
    const struct snapshot *s = paths_snapshot(&v->paths);
    char listens[ADDR_TEXT_SIZE];
    if (s == NULL)
        return complain(EXIT_USAGE, "on another host, name the gateway with --url");
    uint16_t port = snapshot_portal_port(s);
    const struct route_def *route = snapshot_route(s, v->arg[0]);
    if (route != NULL && route->port != 0)
        port = route->port;
    (void)snprintf(w->address, sizeof(w->address), "localhost");
    for (size_t i = 0; i < s->listener_count; i++) {
        static const struct addr ANY = {{0}};
        if (s->listeners[i].port != port || addr_eq(&s->listeners[i].addr, &ANY))
            continue;
        addr_format(&s->listeners[i].addr, listens);
        if (strcmp(listens, "0.0.0.0") != 0)
            (void)snprintf(w->address, sizeof(w->address), "%s", listens);
        break;
    }
    (void)snprintf(w->port, sizeof(w->port), "%u", port);
    if (route != NULL && route->host[0] != 0)
        (void)snprintf(w->host, sizeof(w->host), "%s", route->host);
    else
        (void)snprintf(w->host, sizeof(w->host), "%s.%s", v->arg[0], s->portal_host);
    (void)snprintf(w->ca, sizeof(w->ca), "%s/ca.crt", s->tls_dir);
    /* A gateway with a bought certificate has no authority of its own. */
    if (access(w->ca, R_OK) != 0)
        w->ca[0] = 0;
    return EXIT_DONE;
}

static int find_way(struct invocation *v, struct way *w)
{
    const char *url = invocation_option(v, "url"), *host = invocation_option(v, "host"),
               *ca = invocation_option(v, "ca");
    int rc = EXIT_DONE;
    if (url == NULL)
        rc = read_configuration(v, w);
    else if (!read_url(url, w))
        rc = complain(EXIT_USAGE, "--url: expected https://HOST:PORT, found %s", url);
    else
        (void)snprintf(w->host, sizeof(w->host), "%s.%s", v->arg[0], w->address);
    if (host != NULL)
        (void)snprintf(w->host, sizeof(w->host), "%s", host);
    if (ca != NULL)
        (void)snprintf(w->ca, sizeof(w->ca), "%s", ca);
    return rc;
}

int run_connect(struct invocation *v)
{
    struct way w = {0};
    const char *listen = invocation_option(v, "listen"),
               *token = invocation_option(v, "token-file");
    if (listen == NULL)
        return complain(EXIT_USAGE, "--listen is missing, such as --listen 127.0.0.1:902");
    int rc = find_way(v, &w);
    if (rc != EXIT_DONE)
        return rc;
    const char *argv[20] = {
        "postern-connect", "--route", v->arg[0], "--listen", listen, "--address",
        w.address,         "--port",  w.port,    "--host",   w.host};
    size_t n = 11;
    if (w.ca[0] != 0) {
        argv[n++] = "--ca";
        argv[n++] = w.ca;
    }
    if (token != NULL) {
        argv[n++] = "--token-file";
        argv[n++] = token;
    }
    if (invocation_flag(v, "remote"))
        argv[n++] = "--remote";
    return process_become("postern-connect", argv);
}
