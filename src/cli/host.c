/* What concerns this host: serving, checking, reloading, looking at processes and certificates. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "cli/command.h"
#include "cli/process.h"
#include "cli/socket.h"
#include "conf/yaml.h"

int run_serve(struct invocation *v)
{
    const char *argv[] = {"postern-supervisor", "--config", paths_config(&v->paths), NULL};
    return process_become("postern-supervisor", argv);
}

/* Eight words and two for each of the pairs that the configuration can name. */
#define CHECK_WORDS_MAX 80

/* The pairs of tls.directory, which only the signer's program reads. Where there is no directory
 * yet, or not for this person, there is nothing to check and nothing wrong. */
static int check_pairs(struct invocation *v)
{
    const struct snapshot *s = paths_snapshot(&v->paths);
    if (s == NULL)
        return EXIT_REFUSED;
    if (access(s->tls_dir, R_OK | X_OK) < 0) {
        if (!v->json)
            (void)printf("Certificates were not checked: %s: %s\n", s->tls_dir, strerror(errno));
        return EXIT_DONE;
    }
    const char *argv[CHECK_WORDS_MAX] = {"postern-signer", "--check",       "--tls-dir",
                                         s->tls_dir,       "--certificate", s->tls_certificate,
                                         "--key",          s->tls_key};
    size_t n = 8;
    for (size_t i = 0; i < s->tls_certificates.count && n + 2 < countof(argv); i++) {
        argv[n++] = "--pair";
        argv[n++] = s->tls_certificates.name[i];
    }
    /* What is wrong goes to the error output, in both forms. */
    return process_run("postern-signer", argv, NULL, NULL) == 0 ? EXIT_DONE : EXIT_REFUSED;
}

int run_check(struct invocation *v)
{
    const char *argv[8] = {"postern-keeper", "--offline", "check", "--config",
                           paths_config(&v->paths)};
    if (v->json)
        argv[5] = "--json";
    int status = process_run("postern-keeper", argv, NULL, NULL);
    return status == 0 ? check_pairs(v) : status < 0 ? EXIT_REFUSED : status;
}

int run_dump(struct invocation *v)
{
    const struct snapshot *s = paths_snapshot(&v->paths);
    if (s == NULL)
        return EXIT_REFUSED;
    struct buf out;
    buf_init(&out, 64 * 1024 * 1024);
    int rc = yaml_dump(s, &out);
    char *text = rc < 0 ? NULL : buf_take_string(&out);
    buf_fini(&out);
    if (text == NULL)
        return complain(EXIT_REFUSED, "%s", fault_text(rc));
    (void)fputs(text, stdout);
    free(text);
    return EXIT_DONE;
}

/* One word to the supervisor; its JSON answer. */
static int ask_supervisor(struct invocation *v, const char *word, json_t **ret)
{
    char path[512];
    struct buf answer;
    if (!paths_runtime(&v->paths, "supervisor.sock", path, sizeof(path)))
        return EXIT_REFUSED;
    buf_init(&answer, 32 * 1024 * 1024);
    int rc = socket_ask(path, span_str(word), &answer, NULL, NULL);
    if (rc < 0) {
        buf_fini(&answer);
        return complain(EXIT_UNREACHABLE, "%s: %s; is postern running ('postern serve')?", path,
                        fault_text(rc));
    }
    *ret = json_loadb((const char *)buf_view(&answer).at, buf_len(&answer), 0, NULL);
    buf_fini(&answer);
    return *ret != NULL ? EXIT_DONE
                        : complain(EXIT_UNREACHABLE, "the supervisor's answer is no JSON");
}

static int print_errors(json_t *answer)
{
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(answer, "errors"), i, line)(void)
        fprintf(stderr, "%s\n", json_is_string(line) ? json_string_value(line) : "?");
    return complain(EXIT_REFUSED, "refused; what ran before goes on unchanged");
}

int run_reload(struct invocation *v)
{
    json_t *answer = NULL;
    int rc = ask_supervisor(v, "reload", &answer);
    if (rc != EXIT_DONE)
        return rc;
    if (v->json || v->print != NULL) {
        bool ok = json_is_true(json_object_get(answer, "ok"));
        rc = invocation_show(v, 200, answer);
        return ok ? rc : EXIT_REFUSED;
    }
    if (!json_is_true(json_object_get(answer, "ok"))) {
        rc = print_errors(answer);
    } else {
        size_t i;
        json_t *line;
        (void)printf("The configuration is in force (snapshot %" JSON_INTEGER_FORMAT ").\n",
                     json_integer_value(json_object_get(answer, "snapshot")));
        json_array_foreach(json_object_get(answer, "needs_restart"), i, line)(void)
            printf("Needs a restart: %s\n", json_is_string(line) ? json_string_value(line) : "?");
    }
    json_decref(answer);
    return rc;
}

int run_upgrade(struct invocation *v)
{
    json_t *answer = NULL;
    int rc = ask_supervisor(v, "upgrade", &answer);
    if (rc != EXIT_DONE)
        return rc;
    bool ok = json_is_true(json_object_get(answer, "ok"));
    if (v->json || v->print != NULL) {
        rc = invocation_show(v, 200, answer);
        return ok ? rc : EXIT_REFUSED;
    }
    if (ok)
        (void)printf("Version %s serves; what runs on %s may finish.\n",
                     json_string_value(json_object_get(answer, "to")),
                     json_string_value(json_object_get(answer, "from")));
    else
        rc = print_errors(answer);
    json_decref(answer);
    return rc;
}

int run_stop(struct invocation *v)
{
    json_t *answer = NULL;
    int rc = ask_supervisor(v, "stop", &answer);
    return rc != EXIT_DONE ? rc : invocation_show(v, 200, answer);
}

/* What the kernel says of a process: independent of what the process says of itself. */
static void add_kernel(json_t *process)
{
    static const char *const KEYS[] = {"NoNewPrivs", "Seccomp", "Threads", "VmRSS"};
    char path[64], line[256];
    (void)snprintf(path, sizeof(path), "/proc/%d/status",
                   (int)json_integer_value(json_object_get(process, "pid")));
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return;
    json_t *kernel = json_object();
    while (fgets(line, sizeof(line), f) != NULL) {
        for (size_t i = 0; i < countof(KEYS); i++) {
            size_t len = strlen(KEYS[i]);
            if (strncmp(line, KEYS[i], len) != 0 || line[len] != ':')
                continue;
            line[strcspn(line, "\n")] = 0;
            (void)json_object_set_new(kernel, KEYS[i],
                                      json_string(line + len + 1 + strspn(line + len + 1, " \t")));
        }
    }
    (void)fclose(f);
    (void)json_object_set_new(process, "kernel", kernel);
}

static const char *text_of(json_t *object, const char *outer, const char *name)
{
    json_t *inside = outer == NULL ? object : json_object_get(object, outer);
    const char *text = json_string_value(json_object_get(inside, name));
    return text != NULL ? text : "?";
}

#define WARN_DAYS 14

/* certificate_days_left of the default pair, certificate.NAME.days_left of the others. */
static void print_certificates(json_t *status)
{
    const char *key;
    json_t *value;
    json_object_foreach(status, key, value)
    {
        const char *end = strstr(key, "days_left");
        char other[128];
        if (strncmp(key, "certificate", 11) != 0 || end == NULL || end - key > 80)
            continue;
        int before = (int)(end - key);
        (void)snprintf(other, sizeof(other), "%.*snot_after", before, key);
        const char *until = json_string_value(json_object_get(status, other));
        long days = strtol(json_string_value(value), NULL, 10);
        (void)printf("%scertificate %.*s ends %s (%ld days)\n", days < WARN_DAYS ? "WARNING: " : "",
                     before > 12 ? before - 13 : 7, before > 12 ? key + 12 : "default",
                     until != NULL ? until : "?", days);
    }
}

static void print_listener(json_t *p)
{
    const char *interface = json_string_value(json_object_get(p, "interface"));
    bool waits = interface != NULL && !json_is_true(json_object_get(p, "open"));
    (void)printf(waits ? "does not listen on %s" : "listens on %s", text_of(p, NULL, "address"));
    if (interface != NULL)
        (void)printf(waits ? ": waits for interface %s" : ", interface %s", interface);
    (void)puts("");
}

static void print_doctor(json_t *answer)
{
    size_t i;
    json_t *p;
    (void)printf("postern %s, snapshot %" JSON_INTEGER_FORMAT ", configuration %s\n",
                 json_string_value(json_object_get(answer, "version")),
                 json_integer_value(json_object_get(answer, "snapshot")),
                 json_string_value(json_object_get(answer, "config")));
    json_array_foreach(json_object_get(answer, "listeners"), i, p) print_listener(p);
    json_array_foreach(json_object_get(answer, "waiting"), i, p)(void)
        printf("waits to be started again: %s %d\n", json_string_value(json_object_get(p, "role")),
               (int)json_integer_value(json_object_get(p, "id")));
    json_array_foreach(json_object_get(answer, "processes"), i, p)
    {
        if (strcmp(json_string_value(json_object_get(p, "role")), "signer") == 0)
            print_certificates(json_object_get(p, "status"));
    }
    (void)printf("\n%-11s %-3s %-8s %-10s %-8s %-8s %-8s %s\n", "PROCESS", "ID", "PID", "STATE",
                 "VERSION", "RESTARTS", "UPTIME", "CONFINED BY");
    json_array_foreach(json_object_get(answer, "processes"), i, p)
    {
        (void)printf("%-11s %-3d %-8d %-10s %-8s %-8d %-8d ",
                     json_string_value(json_object_get(p, "role")),
                     (int)json_integer_value(json_object_get(p, "id")),
                     (int)json_integer_value(json_object_get(p, "pid")),
                     json_string_value(json_object_get(p, "state")),
                     json_string_value(json_object_get(p, "version")),
                     (int)json_integer_value(json_object_get(p, "restarts")),
                     (int)json_integer_value(json_object_get(p, "uptime")));
        (void)printf("seccomp=%s landlock=%s/abi%s no_new_privs=%s",
                     text_of(p, "sandbox", "seccomp"), text_of(p, "sandbox", "landlock_fs"),
                     text_of(p, "sandbox", "landlock_abi"), text_of(p, "sandbox", "no_new_privs"));
        if (json_object_get(p, "kernel") != NULL)
            (void)printf(" (kernel: Seccomp %s, NoNewPrivs %s)", text_of(p, "kernel", "Seccomp"),
                         text_of(p, "kernel", "NoNewPrivs"));
        (void)puts("");
    }
}

/* What the keeper knows of the names of upstreams, and of directories. */
static void print_names(json_t *answer)
{
    const char *key;
    json_t *p, *value;
    size_t i;
    bool loud = isatty(STDOUT_FILENO) != 0;
    json_array_foreach(json_object_get(answer, "processes"), i, p)
    {
        if (strcmp(text_of(p, NULL, "role"), "keeper") != 0)
            continue;
        json_object_foreach(json_object_get(p, "status"), key, value)
        {
            if (strncmp(key, "name.", 5) == 0)
                (void)printf("name %s: %s\n", key + 5, json_string_value(value));
            else if (strncmp(key, "anonymous.", 10) == 0)
                (void)printf("%sOPEN TO ANYBODY: rule %s: %s%s\n", loud ? "\x1b[1;31m" : "",
                             key + 10, json_string_value(value), loud ? "\x1b[0m" : "");
            else if (strncmp(key, "directory.", 10) == 0)
                (void)printf("directory %s: %s\n", key + 10, json_string_value(value));
        }
    }
}

int run_doctor(struct invocation *v)
{
    json_t *answer = NULL, *p;
    size_t i;
    int rc = ask_supervisor(v, "doctor", &answer);
    if (rc != EXIT_DONE)
        return rc;
    json_array_foreach(json_object_get(answer, "processes"), i, p) add_kernel(p);
    bool ok = json_is_true(json_object_get(answer, "ok"));
    if (v->json || v->print != NULL) {
        rc = invocation_show(v, 200, answer);
    } else {
        print_doctor(answer);
        print_names(answer);
        json_decref(answer);
    }
    return ok ? rc : EXIT_REFUSED;
}

int run_url(struct invocation *v)
{
    char url[512];
    const struct snapshot *s = paths_snapshot(&v->paths);
    if (s == NULL)
        return EXIT_REFUSED;
    if (v->arg_count == 0) {
        paths_url(s, s->portal_host, 0, url, sizeof(url));
        (void)puts(url);
        return EXIT_DONE;
    }
    int status = 0;
    json_t *route = NULL;
    char path[256];
    (void)snprintf(path, sizeof(path), "/api/v1/routes/%s", v->arg[0]);
    int rc = invocation_call(v, "GET", path, NULL, NULL, &status, &route);
    if (rc != EXIT_DONE || status >= 400)
        return rc != EXIT_DONE ? rc : invocation_show(v, status, route);
    const char *host = json_string_value(json_object_get(route, "host"));
    uint16_t port = (uint16_t)json_integer_value(json_object_get(route, "port"));
    paths_url(s, host != NULL && host[0] != 0 ? host : s->portal_host, port, url, sizeof(url));
    const char *below = json_string_value(json_object_get(route, "path"));
    (void)printf("%s%s\n", url, below != NULL ? below : "");
    json_decref(route);
    return EXIT_DONE;
}

/* ---- certificates ---- */

static int ask_signer(struct invocation *v, const char *word, struct buf *out)
{
    const struct snapshot *s = paths_snapshot(&v->paths);
    if (s == NULL)
        return EXIT_REFUSED;
    const char *argv[10] = {"postern-signer", word, "--tls-dir", s->tls_dir};
    size_t n = 4;
    if (strcmp(word, "--show") == 0) {
        argv[n++] = "--certificate";
        argv[n++] = s->tls_certificate;
    }
    if (v->json || out != NULL)
        argv[n++] = "--json";
    int status = process_run("postern-signer", argv, NULL, out);
    return status == 0 ? EXIT_DONE : EXIT_REFUSED;
}

int run_ca_show(struct invocation *v)
{
    return ask_signer(v, "--show", NULL);
}

int run_ca_renew(struct invocation *v)
{
    int rc = ask_signer(v, "--renew", NULL);
    if (rc == EXIT_DONE && !v->json)
        (void)puts("'postern reload' puts it to use.");
    return rc;
}

static const char TRUST[] =
    "Compare the fingerprint before you trust it: whoever holds this authority's key can speak for "
    "%s\n"
    "and every name below it (the certificate allows no other names).\n\n"
    "Debian, Ubuntu    sudo cp %s /usr/local/share/ca-certificates/postern.crt && sudo "
    "update-ca-certificates\n"
    "Fedora, RHEL      sudo cp %s /etc/pki/ca-trust/source/anchors/postern.crt && sudo "
    "update-ca-trust\n"
    "Chromium (Linux)  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n postern -i %s\n"
    "Firefox           Settings, Privacy & Security, Certificates, View, Authorities, Import\n"
    "macOS             sudo security add-trusted-cert -d -r trustRoot -k "
    "/Library/Keychains/System.keychain %s\n"
    "Windows           certutil -addstore -f Root %s   (as administrator)\n"
    "curl              curl --cacert %s %s\n";

int run_ca_trust(struct invocation *v)
{
    struct buf out;
    const struct snapshot *s = paths_snapshot(&v->paths);
    if (s == NULL)
        return EXIT_REFUSED;
    buf_init(&out, 1 << 20);
    int rc = ask_signer(v, "--show", &out);
    json_t *shown = rc != EXIT_DONE
                        ? NULL
                        : json_loadb((const char *)buf_view(&out).at, buf_len(&out), 0, NULL);
    buf_fini(&out);
    json_t *ca = json_object_get(shown, "ca");
    const char *print = json_string_value(json_object_get(ca, "sha256"));
    if (print == NULL)
        print = json_string_value(json_object_get(ca, "fingerprint"));
    char path[1100], url[512];
    (void)snprintf(path, sizeof(path), "%s/ca.crt", s->tls_dir);
    paths_url(s, s->portal_host, 0, url, sizeof(url));
    if (ca == NULL || print == NULL) {
        json_decref(shown);
        return complain(EXIT_REFUSED, "there is no local authority in %s", s->tls_dir);
    }
    if (v->json) {
        json_t *answer = json_pack("{s:s,s:s,s:s}", "ca", path, "sha256", print, "portal", url);
        rc = invocation_show(v, 200, answer);
    } else if (invocation_flag(v, "brief")) {
        (void)printf("Trust             %s\nSHA-256           %s\n", path, print);
        (void)printf(
            "                  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n postern -i %s\n"
            "                  (Chromium; 'postern ca trust' tells the other systems)\n",
            path);
    } else {
        (void)printf("Local authority   %s\nSHA-256           %s\n\n", path, print);
        (void)printf(TRUST, s->portal_host, path, path, path, path, path, path, url);
    }
    json_decref(shown);
    return rc;
}
