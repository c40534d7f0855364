#include "cli/paths.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "conf/yaml.h"

#define SYSTEM_CONFIG "/etc/postern/postern.yaml"

const char *paths_config(struct paths *p)
{
    const char *named = getenv("POSTERN_CONFIG");
    if (p->config != NULL)
        return p->config;
    if (named != NULL && named[0] != 0)
        return p->config = named;
    const char *home = getenv("HOME");
    const char *xdg = getenv("XDG_CONFIG_HOME");
    if (geteuid() != 0 && ((xdg != NULL && xdg[0] == '/') || home != NULL)) {
        if (xdg != NULL && xdg[0] == '/')
            (void)snprintf(p->text, sizeof(p->text), "%s/postern/postern.yaml", xdg);
        else
            (void)snprintf(p->text, sizeof(p->text), "%s/.config/postern/postern.yaml", home);
        if (access(p->text, R_OK) == 0 || access(SYSTEM_CONFIG, R_OK) != 0)
            return p->config = p->text;
    }
    return p->config = SYSTEM_CONFIG;
}

static const struct snapshot *load(struct paths *p, bool aloud)
{
    if (p->snapshot != NULL)
        return p->snapshot;
    struct buf errors;
    buf_init(&errors, 65536);
    if (yaml_load(paths_config(p), &p->snapshot, &errors) < 0) {
        char *text = aloud ? buf_take_string(&errors) : NULL;
        if (aloud) {
            (void)fprintf(stderr, "%s", text != NULL ? text : "");
            (void)complain(EXIT_REFUSED,
                           "the configuration cannot be used; name another with --config");
        }
        free(text);
        p->snapshot = NULL;
    }
    buf_fini(&errors);
    return p->snapshot;
}

const struct snapshot *paths_snapshot(struct paths *p)
{
    return load(p, true);
}

/* A file that somebody is just spoiling must not cut the way to the service that still runs by its
 * older self: the one line that matters is looked for as text. NULL: not found. */
static const char *glean_runtime(struct paths *p)
{
    FILE *f = fopen(paths_config(p), "re");
    const char *found = NULL;
    char line[1024];
    while (f != NULL && found == NULL && fgets(line, sizeof(line), f) != NULL) {
        const char *at = strstr(line, "runtime:");
        if (at == NULL)
            continue;
        at += strlen("runtime:");
        at += strspn(at, " \"'");
        size_t len = strcspn(at, " \"',}\r\n");
        if (at[0] == '/' && len < sizeof(p->gleaned)) {
            (void)snprintf(p->gleaned, sizeof(p->gleaned), "%.*s", (int)len, at);
            found = p->gleaned;
        }
    }
    if (f != NULL)
        (void)fclose(f);
    return found;
}

bool paths_runtime(struct paths *p, const char *name, char *out, size_t size)
{
    const char *named = getenv("POSTERN_RUNTIME");
    if (p->runtime == NULL && named != NULL && named[0] != 0)
        p->runtime = named;
    if (p->runtime == NULL) {
        const struct snapshot *s = load(p, false);
        p->runtime = s != NULL ? s->runtime_dir : glean_runtime(p);
    }
    /* Nothing to go by: let the errors of the file speak. */
    if (p->runtime == NULL)
        return paths_snapshot(p) != NULL;
    return (size_t)snprintf(out, size, "%s/%s", p->runtime, name) < size;
}

void paths_executable(const char *name, char *out, size_t size)
{
    const char *dir = getenv("POSTERN_LIBEXEC");
    char own[512];
    if (dir == NULL || dir[0] != '/') {
        dir = POSTERN_LIBEXEC;
        /* Beside this executable, when it was copied with its siblings. */
        ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
        char *slash = NULL;
        if (len > 0) {
            own[len] = 0;
            slash = strrchr(own, '/');
        }
        if (slash != NULL) {
            *slash = 0;
            (void)snprintf(out, size, "%s/%s", own, name);
            if (access(out, X_OK) == 0)
                dir = own;
        }
    }
    (void)snprintf(out, size, "%s/%s", dir, name);
}

void paths_url(const struct snapshot *s, const char *host, uint16_t port, char *out, size_t size)
{
    if (port == 0)
        port = snapshot_portal_port(s);
    if (port == 443)
        (void)snprintf(out, size, "https://%s", host);
    else
        (void)snprintf(out, size, "https://%s:%u", host, port);
}

void paths_fini(struct paths *p)
{
    snapshot_free(p->snapshot);
    p->snapshot = NULL;
}
