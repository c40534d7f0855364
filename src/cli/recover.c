/* postern recover: the way back in for who has nothing left, for root and the service account.
 *
 * A running keeper is asked, so that it is the one that changes its store. When nobody serves, the
 * store is opened here and now, as the account that owns it, so that no file of root's is left in
 * it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/process.h"
#include "cli/socket.h"

static const char LOUD[] =
    "This is in the audit log, as user.recovered. The link works once, for 24 hours; it sets a new "
    "password\nand a new authenticator, and the old ones are good until then.\n";

/* The account that the state belongs to. */
static int find_account(const struct snapshot *s, struct account *as)
{
    struct stat st;
    if (stat(s->store_file, &st) < 0)
        return complain(EXIT_REFUSED, "%s: %s", s->store_file, strerror(errno));
    *as = (struct account){geteuid() == 0 && st.st_uid != 0, st.st_uid, st.st_gid};
    if (geteuid() != 0 && geteuid() != st.st_uid)
        return complain(EXIT_REFUSED, "only root and the service account may do this");
    return 0;
}

static int recover_offline(struct invocation *v)
{
    const struct snapshot *s = paths_snapshot(&v->paths);
    struct account as;
    if (s == NULL)
        return EXIT_REFUSED;
    int rc = find_account(s, &as);
    if (rc != 0)
        return rc;
    char url[512], directory[1024];
    paths_url(s, s->portal_host, 0, url, sizeof(url));
    (void)snprintf(directory, sizeof(directory), "%s", s->store_file);
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        *slash = 0;
    const char *argv[] = {"postern-keeper",
                          "--offline",
                          "recover",
                          "--store",
                          s->store_file,
                          "--state-dir",
                          directory,
                          "--owner",
                          v->arg[0],
                          "--portal-host",
                          url + strlen("https://"),
                          NULL,
                          NULL,
                          NULL};
    size_t n = 11;
    if (invocation_flag(v, "owner"))
        argv[n++] = "--make-owner";
    if (v->json)
        argv[n] = "--json";
    int status = process_run("postern-keeper", argv, &as, NULL);
    return status == 0 ? EXIT_DONE : EXIT_REFUSED;
}

/* Is anybody there to be asked? The supervisor holds the socket as long as it lives. */
static bool is_served(struct invocation *v)
{
    char path[512];
    if (!paths_runtime(&v->paths, "keeper.sock", path, sizeof(path)))
        return false;
    int fd = socket_connect(path);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

int run_recover(struct invocation *v)
{
    json_t *answer = NULL;
    int status = 0;
    int rc;
    if (!is_served(v)) {
        rc = recover_offline(v);
    } else {
        rc = invocation_request(v, &status, &answer);
        if (rc == EXIT_DONE && status < 400 && !v->json && v->print == NULL) {
            (void)puts(json_string_value(json_object_get(answer, "link")));
            json_decref(answer);
        } else if (rc == EXIT_DONE) {
            rc = invocation_show(v, status, answer);
        }
    }
    if (rc == EXIT_DONE && !v->json && v->print == NULL)
        (void)fputs(LOUD, stderr);
    return rc;
}

/* Which accounts were not practised for long: a refusal when there is one, so that a timer can
 * tell.
 */
static int drills_due(struct invocation *v)
{
    json_t *answer = NULL, *row;
    int status = 0;
    size_t i, due = 0;
    int rc = invocation_call(v, "GET", "/api/v1/breakglass", NULL, NULL, &status, &answer);
    if (rc != EXIT_DONE || status >= 400 || v->json)
        return rc != EXIT_DONE ? rc : invocation_show(v, status, answer);
    json_array_foreach(json_object_get(answer, "accounts"), i, row)
    {
        bool is_due = json_is_true(json_object_get(row, "drill_due"));
        const char *last = json_string_value(json_object_get(row, "last_drill"));
        due += is_due;
        (void)printf("%s%s: last practised %s\n", is_due ? "DUE: " : "",
                     json_string_value(json_object_get(row, "user")),
                     last != NULL ? last : "never");
    }
    json_decref(answer);
    return due == 0 ? EXIT_DONE : EXIT_REFUSED;
}

int run_drill(struct invocation *v)
{
    return v->arg_count == 0 ? drills_due(v) : invocation_run(v);
}
