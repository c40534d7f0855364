/* Commands that do more than one request, or ask a person something. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/process.h"

#define PASSWORD_MAX 1024

static bool read_line(char *into, size_t size)
{
    if (fgets(into, (int)size, stdin) == NULL)
        return false;
    into[strcspn(into, "\r\n")] = 0;
    return true;
}

static bool prompt(const char *question, char *into, size_t size)
{
    struct termios was, quiet;
    if (tcgetattr(STDIN_FILENO, &was) < 0)
        return false;
    quiet = was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)fputs(question, stderr);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    bool ok = read_line(into, size);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
    (void)fputc('\n', stderr);
    return ok;
}

/* From standard input or, on a terminal, asked for twice without echo. */
static int ask_password(struct invocation *v, char *into, size_t size)
{
    if (invocation_flag(v, "password-stdin") || !isatty(STDIN_FILENO))
        return read_line(into, size) ? 0 : complain(EXIT_USAGE, "no password on standard input");
    char again[PASSWORD_MAX];
    if (!prompt("Password: ", into, size) || !prompt("Once more: ", again, sizeof(again)))
        return complain(EXIT_USAGE, "no password");
    int rc = strcmp(into, again) == 0 ? 0 : complain(EXIT_USAGE, "the two differ");
    secret_wipe(again, sizeof(again));
    return rc;
}

static int run_with_password(struct invocation *v)
{
    char password[PASSWORD_MAX];
    int rc = ask_password(v, password, sizeof(password));
    if (rc == 0) {
        v->extra = json_pack("{s:s}", "password", password);
        rc = v->extra != NULL ? invocation_run(v)
                              : complain(EXIT_USAGE, "the password is not valid UTF-8");
    }
    secret_wipe(password, sizeof(password));
    return rc;
}

/* Nobody should know another person's password: without further options the person gets a link. */
int run_user_add(struct invocation *v)
{
    if (invocation_flag(v, "password-stdin"))
        return run_with_password(v);
    if (!invocation_flag(v, "totp") && !invocation_flag(v, "enrol") &&
        !invocation_flag(v, "service"))
        v->extra = json_pack("{s:b}", "enrol", 1);
    return invocation_run(v);
}

int run_token_add(struct invocation *v)
{
    if (invocation_option(v, "owner") == NULL || invocation_option(v, "route") == NULL)
        return complain(
            EXIT_USAGE,
            "--owner and --route are needed: who answers for the token, and where it is good");
    return invocation_run(v);
}

int run_user_mail(struct invocation *v)
{
    v->extra = json_pack("{s:s}", "mail", v->arg_count > 1 ? v->arg[1] : "");
    return v->extra != NULL ? invocation_run(v) : complain(EXIT_USAGE, "this is no mail address");
}

int run_notice_test(struct invocation *v)
{
    int status = 0;
    json_t *answer = NULL;
    int rc = invocation_request(v, &status, &answer);
    if (rc != EXIT_DONE)
        return rc;
    bool taken = json_is_true(json_object_get(answer, "taken"));
    rc = invocation_show(v, status, answer);
    return rc == EXIT_DONE && !taken && status < 400 ? EXIT_REFUSED : rc;
}

/* ---- resources ---- */

static int number_of(const char *text)
{
    uint64_t n;
    return text_u64(span_str(text), 65535, &n) < 0 ? -1 : (int)n;
}

/* 0: there is none (or --replace was given); otherwise an exit code with a message. */
static int must_be_new(struct invocation *v, const char *noun)
{
    char path[256];
    int status = 0;
    json_t *have = NULL;
    if (invocation_flag(v, "replace"))
        return 0;
    (void)snprintf(path, sizeof(path), "/api/v1/%ss/%s", noun, v->arg[0]);
    int rc = invocation_call(v, "GET", path, NULL, NULL, &status, &have);
    json_decref(have);
    if (rc != EXIT_DONE)
        return rc;
    return status == 200
               ? complain(EXIT_REFUSED, "there is a %s '%s' already; --replace replaces it", noun,
                          v->arg[0])
               : 0;
}

/* "group:owners@local,office" as a rule for the route. */
static int allow(struct invocation *v, const char *who, size_t number)
{
    char name[128], path[256];
    size_t kind = strcspn(who, ":"), at = strcspn(who, "@");
    if (who[kind] == 0 || who[at] == 0 || kind > at || at == kind + 1 || who[at + 1] == 0)
        return complain(EXIT_USAGE,
                        "--allow is group:NAME@ZONE, user:NAME@ZONE or token:NAME@ZONE, not '%s'",
                        who);
    const char *member = strncmp(who, "group:", 6) == 0   ? "groups"
                         : strncmp(who, "user:", 5) == 0  ? "users"
                         : strncmp(who, "token:", 6) == 0 ? "tokens"
                                                          : NULL;
    if (member == NULL)
        return complain(EXIT_USAGE, "--allow begins with group:, user: or token:, not '%s'", who);
    json_t *zones = json_array(), *answer = NULL;
    for (struct span rest = span_str(who + at + 1), item; span_cut(&rest, ',', &item);)
        (void)json_array_append_new(zones, json_stringn((const char *)item.at, item.len));
    json_t *rule = json_pack("{s:[s%],s:o,s:[s]}", member, who + kind + 1, at - kind - 1, "zones",
                             zones, "routes", v->arg[0]);
    if (number == 0)
        (void)snprintf(name, sizeof(name), "%s", v->arg[0]);
    else
        (void)snprintf(name, sizeof(name), "%s-%zu", v->arg[0], number + 1);
    (void)snprintf(path, sizeof(path), "/api/v1/rules/%s", name);
    int status = 0;
    int rc = invocation_call(v, "PUT", path, NULL, rule, &status, &answer);
    json_decref(rule);
    if (rc == EXIT_DONE && status >= 400)
        return invocation_show(v, status, answer);
    json_decref(answer);
    return rc;
}

/* The authorities travel as text: where postern runs, this file may not exist. */
static int read_authorities(const char *path, json_t **ret)
{
    char text[32768 + 1];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return complain(EXIT_USAGE, "--ca: cannot read %s: %s", path, strerror(errno));
    size_t len = fread(text, 1, sizeof(text), file);
    bool bad = ferror(file) != 0;
    (void)fclose(file);
    if (bad || len == sizeof(text))
        return complain(EXIT_USAGE, "--ca: %s is no file of at most 32KiB", path);
    *ret = json_stringn(text, len);
    return *ret == NULL ? complain(EXIT_USAGE, "--ca: %s is not text", path) : 0;
}

int run_route_add(struct invocation *v)
{
    const struct snapshot *s = paths_snapshot(&v->paths);
    if (s == NULL)
        return EXIT_REFUSED;
    const char *host = invocation_option(v, "host"), *port = invocation_option(v, "port");
    char made[320];
    int rc = must_be_new(v, "route");
    if (rc != 0)
        return rc;
    if (host == NULL && port == NULL) {
        (void)snprintf(made, sizeof(made), "%s.%s", v->arg[0], s->portal_host);
        v->extra = json_pack("{s:s}", "host", made);
        host = made;
    }
    if (port != NULL)
        v->extra = json_pack("{s:i}", "port", number_of(port));
    const char *ca = invocation_option(v, "ca");
    json_t *authorities = NULL;
    rc = ca == NULL ? 0 : read_authorities(ca, &authorities);
    if (rc != 0)
        return rc;
    if (authorities != NULL && v->extra == NULL)
        v->extra = json_object();
    if (authorities != NULL)
        (void)json_object_set_new(v->extra, "upstream_ca", authorities);
    rc = first_use(v);
    if (rc != 0)
        return rc;
    int status = 0;
    json_t *answer = NULL;
    rc = invocation_request(v, &status, &answer);
    if (rc != EXIT_DONE || status >= 400)
        return rc != EXIT_DONE ? rc : invocation_show(v, status, answer);
    const char *who;
    size_t n = 0;
    for (; rc == EXIT_DONE && (who = invocation_each(v, "allow", n)) != NULL; n++)
        rc = allow(v, who, n);
    if (rc != EXIT_DONE || v->json || v->print != NULL) {
        if (rc == EXIT_DONE)
            return invocation_show(v, status, answer);
        json_decref(answer);
        return rc;
    }
    char url[512];
    paths_url(s, host != NULL ? host : s->portal_host,
              (uint16_t)(port != NULL ? number_of(port) : 0), url, sizeof(url));
    const char *below = invocation_option(v, "path");
    (void)printf("%s is reached at %s%s\n", v->arg[0], url, below != NULL ? below : "");
    if (n == 0)
        (void)printf("Nobody is admitted yet. For instance:\n"
                     "  postern rule add %s --group owners --zone local --route %s\n",
                     v->arg[0], v->arg[0]);
    json_decref(answer);
    return EXIT_DONE;
}

int run_zone_add(struct invocation *v)
{
    int rc = must_be_new(v, "zone");
    return rc != 0 ? rc : invocation_run(v);
}

/* Times have commas of their own: Mon,Wed 08:00-12:00. */
static bool put_times(struct invocation *v)
{
    const char *text;
    json_t *list = json_array();
    for (size_t n = 0; (text = invocation_each(v, "time", n)) != NULL; n++)
        if (json_array_append_new(list, json_string(text)) < 0)
            break;
    v->extra = text == NULL ? json_pack("{s:O}", "times", list) : NULL;
    json_decref(list);
    return v->extra != NULL;
}

int run_rule_add(struct invocation *v)
{
    int rc = must_be_new(v, "rule");
    if (rc != 0)
        return rc;
    bool deny = invocation_flag(v, "deny"), demand = invocation_flag(v, "demand");
    bool named = invocation_option(v, "user") != NULL || invocation_option(v, "group") != NULL ||
                 invocation_option(v, "token") != NULL ||
                 invocation_option(v, "certificate") != NULL;
    bool placed = invocation_option(v, "zone") != NULL;
    bool anonymous = invocation_flag(v, "anonymous");
    if (invocation_option(v, "route") == NULL || !(placed || demand || deny) ||
        !(named || deny || anonymous))
        return complain(EXIT_USAGE, "a rule says who (--user, --group, --token or --certificate), "
                                    "from where (--zone) and where to (--route)");
    if (invocation_option(v, "time") != NULL && !put_times(v))
        return complain(EXIT_REFUSED, "--time: the text is not valid (UTF-8)");
    return invocation_run(v);
}

/* Does this list of strings hold the name, and nothing else? */
static bool only(const json_t *list, const char *name)
{
    return json_array_size(list) == 1 && strcmp(json_string_value(json_array_get(list, 0)) != NULL
                                                    ? json_string_value(json_array_get(list, 0))
                                                    : "",
                                                name) == 0;
}

/* A route that rules still name cannot go. With --force the rules for it alone go first. */
int run_removal(struct invocation *v)
{
    size_t i;
    json_t *rules = NULL, *rule;
    int status = 0;
    if (!invocation_flag(v, "force"))
        return invocation_run(v);
    int rc = invocation_call(v, "GET", "/api/v1/rules", "limit=500", NULL, &status, &rules);
    if (rc != EXIT_DONE || status >= 400)
        return rc != EXIT_DONE ? rc : invocation_show(v, status, rules);
    json_array_foreach(json_object_get(rules, "rules"), i, rule)
    {
        const char *name = json_string_value(json_object_get(rule, "name"));
        char path[256];
        json_t *answer = NULL;
        if (name == NULL || !only(json_object_get(rule, "routes"), v->arg[0]))
            continue;
        (void)snprintf(path, sizeof(path), "/api/v1/rules/%s", name);
        rc = invocation_call(v, "DELETE", path, NULL, NULL, &status, &answer);
        if (rc != EXIT_DONE || status >= 400) {
            json_decref(rules);
            return rc != EXIT_DONE ? rc : invocation_show(v, status, answer);
        }
        json_decref(answer);
    }
    json_decref(rules);
    return invocation_run(v);
}

int run_session_revoke(struct invocation *v)
{
    const char *user = invocation_option(v, "user");
    char path[256];
    int status = 0;
    json_t *answer = NULL;
    if ((user == NULL) == (v->arg_count == 0))
        return complain(EXIT_USAGE, "name a session by its ID, or a person with --user");
    if (user == NULL)
        return invocation_run(v);
    if (strspn(user, "abcdefghijklmnopqrstuvwxyz0123456789._-@") != strlen(user))
        return complain(EXIT_USAGE, "'%s' is no name", user);
    (void)snprintf(path, sizeof(path), "/api/v1/users/%s/sessions", user);
    int rc = invocation_call(v, "DELETE", path, NULL, NULL, &status, &answer);
    return rc != EXIT_DONE ? rc : invocation_show(v, status, answer);
}

/* ---- audit ---- */

static int audit_page(struct invocation *v, const char *after, const char *limit, json_t **ret)
{
    char query[128];
    int status = 0;
    (void)snprintf(query, sizeof(query), "limit=%s%s%s", limit, after != NULL ? "&after=" : "",
                   after != NULL ? after : "");
    int rc = invocation_call(v, "GET", "/api/v1/audit", query, NULL, &status, ret);
    if (rc == EXIT_DONE && status >= 400) {
        rc = invocation_show(v, status, *ret);
        *ret = NULL;
        return rc != EXIT_DONE ? rc : EXIT_REFUSED;
    }
    return rc;
}

static json_int_t last_seq(const json_t *page, json_int_t fallback)
{
    const json_t *list = json_object_get(page, "records");
    size_t n = json_array_size(list);
    return n == 0 ? fallback
                  : json_integer_value(json_object_get(json_array_get(list, n - 1), "seq"));
}

static void print_records(const struct invocation *v, const json_t *page)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(page, "records"), i, r)
    {
        if (v->json) {
            (void)json_dumpf(r, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
            (void)puts("");
        } else {
            const char *fields[] = {"time", "actor", "event", "target", "outcome", "source"};
            (void)printf("%6" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(r, "seq")));
            for (size_t k = 0; k < countof(fields); k++) {
                const char *text = json_string_value(json_object_get(r, fields[k]));
                (void)fputs("  ", stdout);
                for (; text != NULL && *text != 0; text++)
                    (void)putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
            }
            (void)puts("");
        }
    }
    (void)fflush(stdout);
}

int run_audit_tail(struct invocation *v)
{
    char from[32];
    json_t *page = NULL;
    const char *after = invocation_option(v, "after"), *limit = invocation_option(v, "limit");
    if (after == NULL) {
        /* The newest ones: count back from the head. */
        int status = 0;
        json_t *head = NULL;
        int rc = invocation_call(v, "GET", "/api/v1/audit/head", NULL, NULL, &status, &head);
        if (rc != EXIT_DONE || status >= 400)
            return rc != EXIT_DONE ? rc : invocation_show(v, status, head);
        json_int_t count = json_integer_value(json_object_get(head, "count"));
        json_int_t want = limit != NULL ? strtoll(limit, NULL, 10) : 20;
        json_decref(head);
        (void)snprintf(from, sizeof(from), "%lld", (long long)(count > want ? count - want : 0));
        after = from;
    }
    int rc = audit_page(v, after, limit != NULL ? limit : "100", &page);
    if (rc != EXIT_DONE)
        return rc;
    if (!invocation_flag(v, "follow"))
        return v->json ? invocation_show(v, 200, page)
                       : (print_records(v, page), json_decref(page), EXIT_DONE);
    json_int_t seen = strtoll(after, NULL, 10);
    for (;;) {
        print_records(v, page);
        seen = last_seq(page, seen);
        json_decref(page);
        (void)sleep(1);
        (void)snprintf(from, sizeof(from), "%lld", (long long)seen);
        if ((rc = audit_page(v, from, "500", &page)) != EXIT_DONE)
            return rc;
    }
}

static int verify_offline(struct invocation *v)
{
    const struct snapshot *s = paths_snapshot(&v->paths);
    if (s == NULL)
        return EXIT_REFUSED;
    char state[1024];
    (void)snprintf(state, sizeof(state), "%s", s->store_file);
    char *slash = strrchr(state, '/');
    if (slash != NULL)
        *slash = 0;
    const char *argv[10] = {"postern-keeper", "--offline",   "audit-verify", "--store",
                            s->store_file,    "--state-dir", state};
    if (v->json)
        argv[7] = "--json";
    return process_become("postern-keeper", argv);
}

int run_password_list_check(struct invocation *v)
{
    const char *argv[6] = {"postern-keeper", "--offline", "password-list", "--list", v->arg[0]};
    return process_become("postern-keeper", argv);
}

int run_audit_verify(struct invocation *v)
{
    int status = 0;
    json_t *answer = NULL;
    if (invocation_flag(v, "offline"))
        return verify_offline(v);
    int rc = invocation_request(v, &status, &answer);
    /* A long trail is walked while others are served. */
    while (rc == EXIT_DONE && json_is_true(json_object_get(answer, "running"))) {
        json_decref(answer);
        answer = NULL;
        (void)sleep(1);
        rc = invocation_request(v, &status, &answer);
    }
    if (rc != EXIT_DONE)
        return rc;
    bool intact = json_is_true(json_object_get(answer, "intact"));
    rc = invocation_show(v, status, answer);
    return rc == EXIT_DONE && !intact && status < 400 ? EXIT_REFUSED : rc;
}

int run_audit_export(struct invocation *v)
{
    const char *after = invocation_option(v, "after");
    json_int_t seen = after != NULL ? strtoll(after, NULL, 10) : 0;
    v->json = true;
    for (;;) {
        char from[32];
        json_t *page = NULL;
        (void)snprintf(from, sizeof(from), "%lld", (long long)seen);
        int rc = audit_page(v, from, "200", &page);
        if (rc != EXIT_DONE)
            return rc;
        size_t n = json_array_size(json_object_get(page, "records"));
        print_records(v, page);
        seen = last_seq(page, seen);
        json_decref(page);
        if (n == 0)
            return ferror(stdout) ? complain(EXIT_REFUSED, "writing failed: %s", strerror(errno))
                                  : EXIT_DONE;
    }
}

/* ---- explain ---- */

static void print_explained(json_t *answer)
{
    size_t i;
    json_t *t;
    const char *rule = json_string_value(json_object_get(answer, "rule"));
    (void)printf("%s", json_string_value(json_object_get(answer, "verdict")));
    if (rule != NULL)
        (void)printf(" by rule '%s'", rule);
    const char *text = json_string_value(json_object_get(answer, "text"));
    const char *reason = json_string_value(json_object_get(answer, "reason"));
    (void)printf(": %s\n", text != NULL ? text : reason != NULL ? reason : "?");
    const json_t *needs = json_object_get(answer, "needs");
    const char *level = json_string_value(json_object_get(needs, "assurance"));
    long long age = json_integer_value(json_object_get(needs, "max_age"));
    if (level != NULL && age > 0)
        (void)printf("needed: %s, proven within %lld seconds\n", level, age);
    else if (level != NULL)
        (void)printf("needed: %s\n", level);
    json_array_foreach(json_object_get(answer, "tried"), i, t)
    {
        const char *failed = json_string_value(json_object_get(t, "failed"));
        (void)printf("  %-24s %s\n", json_string_value(json_object_get(t, "rule")),
                     failed != NULL ? failed : "admits");
    }
}

int run_explain(struct invocation *v)
{
    int status = 0;
    json_t *answer = NULL;
    if (invocation_option(v, "source") == NULL)
        v->extra = json_pack("{s:s}", "source", "127.0.0.1");
    int rc = invocation_request(v, &status, &answer);
    if (rc != EXIT_DONE || status >= 400 || v->json || v->print != NULL)
        return rc != EXIT_DONE ? rc : invocation_show(v, status, answer);
    print_explained(answer);
    json_decref(answer);
    return EXIT_DONE;
}
