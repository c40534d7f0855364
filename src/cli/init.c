/* postern init: from nothing to a gateway that can be served and an owner who can enrol. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/process.h"
#include "conf/verify.h"
#include "conf/yaml.h"

struct setup {
    struct invocation *v;
    const char *host, *owner, *state, *runtime, *user, *sandbox, *edges;
    char config[1024], config_dir[1024], tls[1024], secrets[1024], store_dir[1024], store[1100];
    struct account account;
    struct buf yaml;
    struct snapshot *snapshot;
};

static const char *option_or(const struct invocation *v, const char *name, const char *fallback)
{
    const char *value = invocation_option(v, name);
    return value != NULL ? value : fallback;
}

static int find_account(struct setup *s)
{
    if (geteuid() != 0)
        return s->user[0] == 0 ? 0 : complain(EXIT_USAGE, "--user needs root");
    const char *name = s->user[0] != 0 ? s->user : "postern";
    const struct passwd *pw = getpwnam(name);
    if (pw == NULL) {
        /* Without a service account root stays the owner of the state, and serve says what is
         * wrong. */
        return complain(
            EXIT_REFUSED,
            "there is no account '%s'; make one with\n  useradd --system --shell "
            "/usr/sbin/nologin --no-create-home --user-group %s\nor name another with --user",
            name, name);
    }
    if (pw->pw_uid == 0)
        return complain(EXIT_USAGE, "the service account may not be root");
    s->account = (struct account){true, pw->pw_uid, pw->pw_gid};
    return 0;
}

static int make_dir(const struct setup *s, const char *path, mode_t mode)
{
    char part[1024];
    struct stat st;
    for (size_t i = 1; path[i] != 0; i++) {
        if (path[i] != '/' || i >= sizeof(part))
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return complain(EXIT_REFUSED, "%s: %s", part, strerror(errno));
    }
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return complain(EXIT_REFUSED, "%s: %s", path, strerror(errno));
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return complain(EXIT_REFUSED, "%s is not a directory", path);
    if (s->account.change && chown(path, s->account.uid, s->account.gid) < 0)
        return complain(EXIT_REFUSED, "%s: %s", path, strerror(errno));
    return 0;
}

static void write_zones(struct setup *s)
{
    const char *zone;
    if (invocation_each(s->v, "zone", 0) == NULL)
        return;
    (void)buf_text(&s->yaml, "\nzones:\n");
    for (size_t n = 0; (zone = invocation_each(s->v, "zone", n)) != NULL; n++) {
        size_t cut = strcspn(zone, "=");
        (void)buf_printf(&s->yaml, "  %.*s: [", (int)cut, zone);
        struct span rest = span_str(zone[cut] == '=' ? zone + cut + 1 : ""), item;
        for (bool first = true; span_cut(&rest, ',', &item); first = false)
            (void)buf_printf(&s->yaml, "%s\"%.*s\"", first ? "" : ", ", SPAN_FMT(item));
        (void)buf_text(&s->yaml, "]\n");
    }
}

/* The configuration as text; it is parsed and verified like any other before it is written. */
static int write_yaml(struct setup *s)
{
    struct buf *y = &s->yaml;
    const char *zone, *listen;
    buf_init(y, 1 << 20);
    (void)buf_text(y, "# postern's configuration; every key is in postern.yaml(5).\n"
                      "# Consoles, zones and rules may stand here or be added with 'postern route "
                      "add' and so on.\n");
    (void)buf_printf(y, "portal:\n  host: %s\n  zones: [local", s->host);
    for (size_t n = 0; (zone = invocation_each(s->v, "zone", n)) != NULL; n++)
        (void)buf_printf(y, ", %.*s", (int)strcspn(zone, "="), zone);
    (void)buf_text(y, "]\n\nlisteners:\n");
    if (invocation_each(s->v, "listen", 0) == NULL) {
        (void)buf_text(y, "  - {name: main, address: \"127.0.0.1:9443\"}\n");
        if (access("/proc/net/if_inet6", F_OK) == 0)
            (void)buf_text(y, "  - {name: main6, address: \"[::1]:9443\"}\n");
    }
    for (size_t n = 0; (listen = invocation_each(s->v, "listen", n)) != NULL; n++) {
        (void)buf_text(y, "  - {name: main");
        if (n > 0)
            (void)buf_printf(y, "%zu", n + 1);
        (void)buf_printf(y, ", address: \"%s\"}\n", listen);
    }
    (void)buf_printf(y, "\nstate:\n  directory: %s\n  runtime: %s\n", s->state, s->runtime);
    (void)buf_printf(y, "\nprocess:\n  sandbox: %s\n  edges: %s\n", s->sandbox, s->edges);
    if (s->account.change)
        (void)buf_printf(y, "  user: %s\n", s->user[0] != 0 ? s->user : "postern");
    write_zones(s);
    struct buf errors;
    buf_init(&errors, 65536);
    int rc = y->bad ? complain(EXIT_USAGE, "the options are too long") : 0;
    if (rc == 0 && (yaml_parse("postern.yaml", buf_view(y), &s->snapshot, &errors) < 0 ||
                    verify_snapshot(s->snapshot, &errors) < 0)) {
        char *text = buf_take_string(&errors);
        (void)fprintf(stderr, "%s", text != NULL ? text : "");
        free(text);
        rc = complain(EXIT_USAGE,
                      "these options do not make a valid configuration; nothing was written");
    }
    buf_fini(&errors);
    return rc;
}

static int store_yaml(const struct setup *s)
{
    char temporary[1100];
    (void)snprintf(temporary, sizeof(temporary), "%s.new", s->config);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    struct span text = buf_view(&s->yaml);
    bool ok = fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len && fsync(fd) == 0 &&
              (!s->account.change || fchown(fd, 0, s->account.gid) == 0);
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    if (!ok || rename(temporary, s->config) < 0) {
        error = ok ? errno : error;
        (void)unlink(temporary);
        return complain(EXIT_REFUSED, "%s: %s", s->config, strerror(error));
    }
    return 0;
}

static json_t *run_json(const struct setup *s, const char *name, const char *const argv[], int *rc)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    int status = process_run(name, argv, &s->account, &out);
    json_t *answer = json_loadb((const char *)buf_view(&out).at, buf_len(&out), 0, NULL);
    buf_fini(&out);
    *rc =
        status == 0 && answer != NULL ? 0 : complain(EXIT_REFUSED, "%s failed (%d)", name, status);
    return answer;
}

static int prepare(struct setup *s)
{
    const struct invocation *v = s->v;
    bool root = geteuid() == 0;
    const char *home = getenv("HOME");
    static char state[1024], runtime[1024];
    (void)snprintf(state, sizeof(state),
                   root || home == NULL ? "/var/lib/postern" : "%s/.local/state/postern", home);
    const char *run = getenv("XDG_RUNTIME_DIR");
    if (!root && run != NULL)
        (void)snprintf(runtime, sizeof(runtime), "%s/postern", run);
    else
        (void)snprintf(runtime, sizeof(runtime), "%s", root ? "/run/postern" : state);
    s->host = option_or(v, "name", "postern.localhost");
    s->owner = option_or(v, "owner", "owner");
    s->state = option_or(v, "state-dir", state);
    s->runtime = option_or(v, "runtime-dir", runtime);
    s->user = option_or(v, "user", "");
    s->sandbox = option_or(v, "sandbox", "strict");
    s->edges = option_or(v, "edges", "0");
    if (s->state[0] != '/' || s->runtime[0] != '/')
        return complain(EXIT_USAGE, "directories must be absolute");
    if (!text_is_name(span_str(s->owner)))
        return complain(EXIT_USAGE,
                        "--owner: a name has lower-case letters, digits, '.', '_', '-' and '@'");
    (void)snprintf(s->config, sizeof(s->config), "%s", paths_config(&s->v->paths));
    (void)snprintf(s->config_dir, sizeof(s->config_dir), "%s", s->config);
    char *slash = strrchr(s->config_dir, '/');
    if (slash != NULL)
        *slash = 0;
    (void)snprintf(s->tls, sizeof(s->tls), "%s/tls", s->state);
    (void)snprintf(s->secrets, sizeof(s->secrets), "%s/secrets", s->state);
    (void)snprintf(s->store_dir, sizeof(s->store_dir), "%s/store", s->state);
    (void)snprintf(s->store, sizeof(s->store), "%s/postern.db", s->store_dir);
    if (access(s->config, F_OK) == 0)
        return complain(EXIT_REFUSED,
                        "%s exists; init never overwrites. Run 'postern serve', or remove it",
                        s->config);
    if (access(s->store, F_OK) == 0)
        return complain(EXIT_REFUSED, "%s exists; init never overwrites", s->store);
    int rc = find_account(s);
    return rc != 0 ? rc : write_yaml(s);
}

static int make_dirs(const struct setup *s)
{
    struct stat st;
    int rc = make_dir(s, s->state, 0700);
    rc = rc != 0 ? rc : make_dir(s, s->tls, 0700);
    rc = rc != 0 ? rc : make_dir(s, s->secrets, 0700);
    rc = rc != 0 ? rc : make_dir(s, s->store_dir, 0700);
    rc = rc != 0 ? rc : make_dir(s, s->runtime, 0750);
    /* /etc/postern belongs to root even when the state does not. */
    if (rc == 0 && s->config_dir[0] == '/' && stat(s->config_dir, &st) < 0) {
        struct setup as_root = *s;
        as_root.account.change = false;
        rc = make_dir(&as_root, s->config_dir, 0755);
    }
    return rc;
}

static int finish(struct setup *s, json_t *keys, json_t *first)
{
    char url[512];
    paths_url(s->snapshot, s->host, 0, url, sizeof(url));
    const char *code = json_string_value(json_object_get(first, "code"));
    const char *made = json_string_value(json_object_get(first, "link"));
    char link[1024];
    if (code != NULL)
        (void)snprintf(link, sizeof(link), "%s/enrol?code=%s", url, code);
    else
        (void)snprintf(link, sizeof(link), "%s", made != NULL ? made : "");
    const char *print = json_string_value(json_object_get(json_object_get(keys, "ca"), "sha256"));
    if (print == NULL)
        print = json_string_value(json_object_get(json_object_get(keys, "ca"), "fingerprint"));
    if (s->v->json) {
        json_t *out = json_pack("{s:s,s:s,s:s,s:s,s:O,s:s,s:s}", "portal", url, "config", s->config,
                                "state", s->state, "enrol", link, "certificates", keys, "owner",
                                s->owner, "ca", "ca.crt");
        (void)json_dumpf(out, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        (void)puts("");
        json_decref(out);
        return EXIT_DONE;
    }
    if (invocation_flag(s->v, "quiet")) {
        (void)puts(link);
        return EXIT_DONE;
    }
    (void)printf("Configuration   %s\nState           %s\nPortal          %s\n", s->config,
                 s->state, url);
    (void)printf("\nThe local certificate authority is %s/ca.crt\n", s->tls);
    if (print != NULL)
        (void)printf("  SHA-256 %s\n", print);
    (void)puts("  'postern ca trust' tells how browsers come to trust it.");
    (void)printf("\nStart it:    postern serve --config %s\nThen enrol:  %s\n", s->config, link);
    (void)puts("  The link makes you the owner. It works once, for 24 hours.");
    return EXIT_DONE;
}

int run_init(struct invocation *v)
{
    struct setup s = {.v = v};
    (void)umask(027);
    int rc = prepare(&s);
    json_t *keys = NULL, *first = NULL;
    if (rc == 0)
        rc = make_dirs(&s);
    if (rc == 0) {
        char authority[512];
        paths_url(s.snapshot, s.host, 0, authority, sizeof(authority));
        const char *signer[] = {"postern-signer", "--init", "--tls-dir", s.tls,
                                "--portal",       s.host,   "--json",    NULL};
        const char *keeper[] = {"postern-keeper",
                                "--offline",
                                "init",
                                "--store",
                                s.store,
                                "--state-dir",
                                s.store_dir,
                                "--owner",
                                s.owner,
                                "--portal-host",
                                authority + strlen("https://"),
                                "--json",
                                NULL};
        keys = run_json(&s, "postern-signer", signer, &rc);
        if (rc == 0)
            first = run_json(&s, "postern-keeper", keeper, &rc);
    }
    rc = rc != 0 ? rc : store_yaml(&s);
    rc = rc != 0 ? rc : finish(&s, keys, first);
    json_decref(keys);
    json_decref(first);
    buf_fini(&s.yaml);
    snapshot_free(s.snapshot);
    return rc;
}
