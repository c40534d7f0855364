/* The authority for clients: the signer's program makes certificates, the service learns whom they
 * stand for. Whatever comes second and fails takes back what came first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/process.h"

static int ask(struct invocation *v, const char *const words[], json_t **ret)
{
    const struct snapshot *s = paths_snapshot(&v->paths);
    if (s == NULL)
        return EXIT_REFUSED;
    const char *argv[20] = {"postern-signer", "--tls-dir", s->tls_dir, "--publish", s->secrets_dir};
    size_t n = 5;
    for (size_t i = 0; words[i] != NULL; i++)
        argv[n++] = words[i];
    struct buf out;
    buf_init(&out, 16u << 20);
    out.wipe = true;
    int status = process_run("postern-signer", argv, NULL, &out);
    if (status == 0)
        *ret = json_loadb((const char *)buf_view(&out).at, buf_len(&out), 0, NULL);
    buf_fini(&out);
    return status != 0 ? EXIT_REFUSED : *ret == NULL ? EXIT_UNREACHABLE : EXIT_DONE;
}

/* Is there this user, and nothing of this name yet? 0, or an exit code with a message. */
static int must_fit(struct invocation *v, const char *user)
{
    char path[256];
    int status = 0;
    json_t *answer = NULL;
    (void)snprintf(path, sizeof(path), "/api/v1/users/%s", user);
    int rc = invocation_call(v, "GET", path, NULL, NULL, &status, &answer);
    if (rc == EXIT_DONE && status >= 400)
        return invocation_show(v, status, answer);
    json_decref(answer);
    return rc;
}

static void take_back(struct invocation *v, const char *file)
{
    json_t *none = NULL;
    const char *const words[] = {"--client-revoke", v->arg[0], NULL};
    (void)unlink(file);
    if (ask(v, words, &none) != EXIT_DONE)
        (void)fprintf(stderr, "postern: 'postern ca revoke %s' has yet to be done\n", v->arg[0]);
    json_decref(none);
}

static int introduce(struct invocation *v, const char *user, json_t *made)
{
    int status = 0;
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s,s:s,s:O}", "name", v->arg[0], "user", user, "spki",
                             json_object_get(made, "spki"));
    int rc = body == NULL
                 ? EXIT_UNREACHABLE
                 : invocation_call(v, "POST", "/api/v1/certificates", NULL, body, &status, &answer);
    json_decref(body);
    if (rc == EXIT_DONE && status >= 400)
        return invocation_show(v, status, answer);
    json_decref(answer);
    return rc;
}

static void tell(struct invocation *v, const char *user, const char *file, json_t *made)
{
    const struct snapshot *s = paths_snapshot(&v->paths);
    const char *passphrase = json_string_value(json_object_get(made, "passphrase"));
    (void)printf("%s\n  stands for  %s\n  valid to    %s\n", file, user,
                 json_string_value(json_object_get(made, "not_after")));
    if (passphrase != NULL)
        (void)printf("  passphrase  %s\n              It is shown once and kept nowhere.\n",
                     passphrase);
    if (s != NULL && !snapshot_asks_clients(s))
        (void)printf(
            "\nNobody is asked for a certificate yet. The configuration file does so with\n"
            "  client_certificate: optional\n  client_ca_file: client-ca.crt\n"
            "  client_crl_file: client-ca.crl\n"
            "under portal, a listener or a route, and 'postern reload'.\n");
}

int run_ca_issue(struct invocation *v)
{
    const char *user = invocation_option(v, "user"), *days = invocation_option(v, "days");
    const char *csr = invocation_option(v, "csr"), *out = invocation_option(v, "out");
    char file[128];
    if (user == NULL || !text_is_name(span_str(user)) || !text_is_name(span_str(v->arg[0])))
        return complain(EXIT_USAGE,
                        "a name is needed, and --user: whom the certificate stands for");
    (void)snprintf(file, sizeof(file), "%s.%s", v->arg[0], csr == NULL ? "p12" : "crt");
    out = out != NULL ? out : file;
    int rc = must_fit(v, user);
    if (rc != EXIT_DONE)
        return rc;
    const char *words[10] = {"--client-issue", v->arg[0], "--out", out};
    size_t n = 4;
    if (days != NULL) {
        words[n++] = "--days";
        words[n++] = days;
    }
    if (csr != NULL) {
        words[n++] = "--csr";
        words[n++] = csr;
    }
    json_t *made = NULL;
    rc = ask(v, words, &made);
    if (rc != EXIT_DONE)
        return rc;
    rc = introduce(v, user, made);
    if (rc != EXIT_DONE) {
        take_back(v, out);
    } else if (v->json || v->print != NULL) {
        (void)json_object_set_new(made, "file", json_string(out));
        (void)json_object_set_new(made, "user", json_string(user));
        return invocation_show(v, 200, made);
    } else {
        tell(v, user, out, made);
    }
    json_decref(made);
    return rc;
}

/* The list of revoked ones first: it holds also where the service does not run. */
int run_ca_revoke(struct invocation *v)
{
    char path[256];
    int status = 0;
    json_t *answer = NULL;
    const char *const words[] = {"--client-revoke", v->arg[0], NULL};
    if (!text_is_name(span_str(v->arg[0])))
        return complain(EXIT_USAGE, "'%s' is no name of a certificate", v->arg[0]);
    int rc = ask(v, words, &answer);
    json_decref(answer);
    if (rc != EXIT_DONE)
        return rc;
    answer = NULL;
    (void)snprintf(path, sizeof(path), "/api/v1/certificates/%s", v->arg[0]);
    rc = invocation_call(v, "DELETE", path, NULL, NULL, &status, &answer);
    if (rc == EXIT_DONE && status >= 400 && status != 404)
        return invocation_show(v, status, answer);
    json_decref(answer);
    if (rc != EXIT_DONE)
        return complain(rc,
                        "it is in the list of revoked ones; 'postern certificate remove %s' has "
                        "yet to be done when the service runs",
                        v->arg[0]);
    return EXIT_DONE;
}

int run_ca_list(struct invocation *v)
{
    json_t *rows = NULL;
    const char *const words[] = {"--client-list", NULL};
    int rc = ask(v, words, &rows);
    if (rc != EXIT_DONE)
        return rc;
    return invocation_show(v, 200, json_pack("{s:o}", "certificates", rows));
}

int run_ca_crl(struct invocation *v)
{
    json_t *done = NULL;
    const struct snapshot *s = paths_snapshot(&v->paths);
    const char *const words[] = {"--client-crl", NULL};
    int rc = ask(v, words, &done);
    json_decref(done);
    if (rc != EXIT_DONE || s == NULL)
        return rc;
    char path[1100];
    (void)snprintf(path, sizeof(path), "%s/client-ca.crl", s->secrets_dir);
    if (v->json)
        return invocation_show(v, 200, json_pack("{s:s}", "crl", path));
    (void)puts(path);
    return EXIT_DONE;
}
