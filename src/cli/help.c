#include <string.h>

#include "cli/command.h"

static void print_options(FILE *out, const struct option_def *o)
{
    for (; o != NULL && o->name != NULL; o++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value != NULL ? " " : "",
                       o->value != NULL ? o->value : "");
        (void)fprintf(out, "  %-26s %s\n", left, o->help);
    }
}

static void print_one(FILE *out, const struct command *c)
{
    (void)fprintf(out, "postern %s", c->words);
    for (size_t i = 0; i < countof(c->args) && c->args[i] != NULL; i++)
        (void)fprintf(out, " %s", c->args[i]);
    (void)fprintf(out, "%s\n  %s\n", c->options != NULL ? " [options]" : "", c->summary);
    if (c->options != NULL)
        (void)fputc('\n', out);
    print_options(out, c->options);
    (void)fputs("\nEvery command takes:\n", out);
    print_options(out, GLOBAL_OPTIONS);
}

void help_print(FILE *out, const struct command *c)
{
    if (c != NULL) {
        print_one(out, c);
        return;
    }
    (void)fputs("postern: a gateway for administrative interfaces\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (i > 0 && strcspn(COMMANDS[i].words, " ") != strlen(COMMANDS[i].words) &&
            strncmp(COMMANDS[i].words, COMMANDS[i - 1].words,
                    strcspn(COMMANDS[i].words, " ") + 1) != 0)
            (void)fputc('\n', out);
        (void)fprintf(out, "  %-16s %s\n", COMMANDS[i].words, COMMANDS[i].summary);
    }
    (void)fputs("\n'postern help COMMAND' tells the options; postern(8) tells everything.\n"
                "Exit codes: 0 done, 1 refused or invalid, 2 wrong usage, 3 not reachable.\n",
                out);
}

int run_help(struct invocation *v)
{
    char words[128] = "";
    for (size_t i = 0; i < v->arg_count; i++) {
        size_t used = strlen(words);
        (void)snprintf(words + used, sizeof(words) - used, "%s%s", i > 0 ? " " : "", v->arg[i]);
    }
    if (v->arg_count == 0) {
        help_print(stdout, NULL);
        return EXIT_DONE;
    }
    bool any = false;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t len = strlen(words);
        const char *w = COMMANDS[i].words;
        if (strncmp(w, words, len) == 0 && (w[len] == 0 || w[len] == ' ')) {
            if (any)
                (void)puts("");
            help_print(stdout, &COMMANDS[i]);
            any = true;
        }
    }
    return any ? EXIT_DONE : complain(EXIT_USAGE, "there is no command '%s'", words);
}

int run_version(struct invocation *v)
{
    (void)printf(v->json ? "{\"version\": \"%s\"}\n" : "postern %s\n", POSTERN_VERSION);
    return EXIT_DONE;
}

/* ---- completion ---- */

static void each_word(FILE *out, const char *separator)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t len = strcspn(COMMANDS[i].words, " ");
        if (i == 0 || strncmp(COMMANDS[i].words, COMMANDS[i - 1].words, len + 1) != 0)
            (void)fprintf(out, "%.*s%s", (int)len, COMMANDS[i].words, separator);
    }
}

static void complete_bash(void)
{
    (void)fputs("_postern() {\n  local cur=${COMP_WORDS[COMP_CWORD]} "
                "words=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n"
                "  case \"$words\" in\n",
                stdout);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)printf("  '%s'*) COMPREPLY=($(compgen -W '", COMMANDS[i].words);
        for (const struct option_def *o = COMMANDS[i].options; o != NULL && o->name != NULL; o++)
            (void)printf("--%s ", o->name);
        for (const struct option_def *o = GLOBAL_OPTIONS; o->name != NULL; o++)
            (void)printf("--%s ", o->name);
        (void)puts("' -- \"$cur\")) ;;");
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t len = strcspn(COMMANDS[i].words, " ");
        if (COMMANDS[i].words[len] == 0 ||
            (i > 0 && strncmp(COMMANDS[i].words, COMMANDS[i - 1].words, len + 1) == 0))
            continue;
        (void)printf("  '%.*s') COMPREPLY=($(compgen -W '", (int)len, COMMANDS[i].words);
        for (size_t k = 0; k < COMMAND_COUNT; k++)
            if (strncmp(COMMANDS[k].words, COMMANDS[i].words, len + 1) == 0)
                (void)printf("%s ", COMMANDS[k].words + len + 1);
        (void)puts("' -- \"$cur\")) ;;");
    }
    (void)fputs("  *) COMPREPLY=($(compgen -W '", stdout);
    each_word(stdout, " ");
    (void)puts("' -- \"$cur\")) ;;\n  esac\n}\ncomplete -F _postern postern");
}

static void complete_fish(void)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *w = COMMANDS[i].words;
        size_t len = strcspn(w, " ");
        if (w[len] == 0) {
            (void)printf("complete -c postern -f -n __fish_use_subcommand -a %s -d '%s'\n", w,
                         strchr(COMMANDS[i].summary, '\'') == NULL ? COMMANDS[i].summary : w);
        } else {
            if (i == 0 || strncmp(w, COMMANDS[i - 1].words, len + 1) != 0)
                (void)printf("complete -c postern -f -n __fish_use_subcommand -a %.*s\n", (int)len,
                             w);
            (void)printf("complete -c postern -f -n '__fish_seen_subcommand_from %.*s' -a %s\n",
                         (int)len, w, w + len + 1);
        }
    }
}

int run_completion(struct invocation *v)
{
    if (strcmp(v->arg[0], "bash") == 0) {
        complete_bash();
    } else if (strcmp(v->arg[0], "zsh") == 0) {
        (void)puts("autoload -U +X bashcompinit && bashcompinit");
        complete_bash();
    } else if (strcmp(v->arg[0], "fish") == 0) {
        complete_fish();
    } else {
        return complain(EXIT_USAGE, "bash, zsh or fish, not '%s'", v->arg[0]);
    }
    return EXIT_DONE;
}
