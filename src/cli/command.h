/* The commands of `postern`, as data.
 *
 * One row says the words, the arguments, the options and what is asked of the keeper. Parsing,
 * help, completion, the request and the table a person sees all come from the row; a command that
 * does more has a function of its own. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <jansson.h>

#include "cli/paths.h"

/* Exit codes, documented in postern(8). */
enum exit_code { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

enum option_type {
    OPTION_FLAG,   /* true in the body */
    OPTION_TEXT,   /* a string in the body */
    OPTION_NUMBER, /* a whole number in the body; what is none goes as the string it is */
    OPTION_LIST,   /* may be repeated; an array in the body */
    OPTION_QUERY,  /* a parameter of the address */
    OPTION_LOCAL,  /* a value for the command's own function */
    OPTION_LOCAL_FLAG,
    OPTION_LOCAL_LIST,
};

struct option_def {
    const char *name; /* "group"; NULL ends a list */
    enum option_type type;
    const char *member; /* in the body or the query; NULL: the same as name */
    const char *value;  /* what the help calls its value, NULL for flags */
    const char *help;
};

struct invocation;

struct command {
    const char *words;   /* "user add" */
    const char *args[4]; /* "NAME", "GROUP..." (the rest), "[ID]" (may be left out) */
    const char
        *members[4]; /* the body's member for the argument of the same place; NULL: part of path */
    const char *summary;
    const struct option_def *options;
    const char *method, *path; /* {0}, {1}: arguments. NULL without a request */
    const char *list;          /* member of the answer that is the list, or NULL */
    const char *columns;       /* of the table: names with blanks between; a.b reaches inside */
    int (*run)(struct invocation *v); /* NULL: the request, then its answer */
};

extern const struct command COMMANDS[];
extern const size_t COMMAND_COUNT;
extern const struct option_def GLOBAL_OPTIONS[];

struct chosen {
    const struct option_def *option;
    const char *value;
};

#define CHOSEN_MAX 256
#define ARGS_MAX 256

struct invocation {
    const struct command *command;
    const char *arg[ARGS_MAX];
    size_t arg_count;
    struct chosen chosen[CHOSEN_MAX];
    size_t chosen_count;
    bool json;
    const char *print; /* one member of the answer, or NULL */
    struct paths paths;
    json_t *extra; /* more members for the body, or NULL */
};

/* Finds the command and fills v from the words of the command line. 0; EXIT_USAGE with a message
 * already on standard error; -1: help was asked for (v->command may be set). */
int command_parse(struct invocation *v, int argc, char **argv);
const char *invocation_option(const struct invocation *v, const char *name);
bool invocation_flag(const struct invocation *v, const char *name);
/* The n-th value of a repeated option, or NULL. */
const char *invocation_each(const struct invocation *v, const char *name, size_t n);

/* The request of the row, with arguments and options in it. *status as of HTTP; the answer's body
 * in *ret (a reference for the caller, may be NULL). EXIT_DONE, or EXIT_UNREACHABLE with a message.
 */
int invocation_request(struct invocation *v, int *status, json_t **ret);
/* Any request. body is borrowed and may be NULL. */
int invocation_call(struct invocation *v, const char *method, const char *path, const char *query,
                    json_t *body, int *status, json_t **ret);
/* The same over a connection to keeper.sock that the caller keeps; fd -1: over one of its own. */
int invocation_call_on(struct invocation *v, int fd, const char *method, const char *path,
                       const char *query, json_t *body, int *status, json_t **ret);
/* Prints the answer as --json, --print or for a person; a problem goes to standard error. Returns
 * the exit code. Takes the answer. */
int invocation_show(struct invocation *v, int status, json_t *answer);
/* The row's request and its answer, shown. */
int invocation_run(struct invocation *v);

/* A value of an answer on one line, safe on a terminal. The caller frees it; never NULL but without
 * memory. */
char *show_cell(const json_t *value);

/* What a probe has seen, for a person. */
void probe_print(FILE *out, json_t *answer);
/* Before a route to https:// is made without a word on what to trust: looks at the console, and
 * when this system does not trust it, shows it and asks. A pin that was agreed to is in v->extra.
 * 0, or an exit code with a message. */
int first_use(struct invocation *v);

/* "postern: …" on standard error; returns code. */
int complain(int code, const char *fmt, ...) printf_like(2, 3);

/* ---- the commands with functions of their own ---- */
int run_init(struct invocation *v);
int run_serve(struct invocation *v);
int run_check(struct invocation *v);
int run_dump(struct invocation *v);
int run_doctor(struct invocation *v);
int run_reload(struct invocation *v);
int run_upgrade(struct invocation *v);
int run_stop(struct invocation *v);
int run_url(struct invocation *v);
int run_connect(struct invocation *v);
int run_ca_show(struct invocation *v);
int run_ca_trust(struct invocation *v);
int run_ca_renew(struct invocation *v);
int run_ca_issue(struct invocation *v);
int run_ca_revoke(struct invocation *v);
int run_ca_list(struct invocation *v);
int run_ca_crl(struct invocation *v);
int run_user_add(struct invocation *v);
int run_recover(struct invocation *v);
int run_user_mail(struct invocation *v);
int run_notice_test(struct invocation *v);
int run_drill(struct invocation *v);
int run_route_add(struct invocation *v);
int run_rule_add(struct invocation *v);
int run_zone_add(struct invocation *v);
int run_removal(struct invocation *v);
int run_token_add(struct invocation *v);
int run_session_revoke(struct invocation *v);
int run_audit_tail(struct invocation *v);
int run_audit_verify(struct invocation *v);
int run_password_list_check(struct invocation *v);
int run_audit_export(struct invocation *v);
int run_explain(struct invocation *v);
int run_probe(struct invocation *v);
int run_guard(struct invocation *v);
int run_help(struct invocation *v);
int run_completion(struct invocation *v);
int run_version(struct invocation *v);

/* What the help says of one command, or of all (NULL). */
void help_print(FILE *out, const struct command *c);

#endif
