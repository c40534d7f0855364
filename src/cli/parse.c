#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"

int complain(int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("postern: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return code;
}

static size_t word_count(const char *words)
{
    size_t n = 1;
    for (const char *c = words; *c != 0; c++)
        n += *c == ' ';
    return n;
}

/* Do the first words of the command line spell this command? */
static bool spells(const char *words, char **word, size_t count)
{
    size_t n = word_count(words);
    if (n > count)
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t len = strcspn(words, " ");
        if (strlen(word[i]) != len || strncmp(word[i], words, len) != 0)
            return false;
        words += len + (words[len] == ' ');
    }
    return true;
}

static const struct command *find_command(char **word, size_t count, size_t *taken)
{
    const struct command *best = NULL;
    *taken = 0;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t n = word_count(COMMANDS[i].words);
        if (n > *taken && spells(COMMANDS[i].words, word, count)) {
            best = &COMMANDS[i];
            *taken = n;
        }
    }
    return best;
}

static int unknown_command(char **word, size_t count)
{
    const char *names[256];
    size_t n = 0;
    char tried[128] = "";
    for (size_t i = 0; i < count && i < 2; i++) {
        size_t used = strlen(tried);
        (void)snprintf(tried + used, sizeof(tried) - used, "%s%s", i > 0 ? " " : "", word[i]);
    }
    for (size_t i = 0; i < COMMAND_COUNT && n < countof(names); i++)
        names[n++] = COMMANDS[i].words;
    /* "postern user" alone: show what can be done with it. */
    bool noun = false;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        noun = noun || (strncmp(COMMANDS[i].words, word[0], strlen(word[0])) == 0 &&
                        COMMANDS[i].words[strlen(word[0])] == ' ');
    if (noun) {
        (void)complain(EXIT_USAGE, "'%s' needs one of these:", word[0]);
        for (size_t i = 0; i < COMMAND_COUNT; i++) {
            if (strncmp(COMMANDS[i].words, word[0], strlen(word[0])) == 0 &&
                COMMANDS[i].words[strlen(word[0])] == ' ')
                (void)fprintf(stderr, "  %-20s %s\n", COMMANDS[i].words, COMMANDS[i].summary);
        }
        return EXIT_USAGE;
    }
    const char *near = text_nearest(tried, names, n);
    if (near == NULL)
        near = text_nearest(word[0], names, n);
    return near != NULL
               ? complain(EXIT_USAGE, "unknown command '%s'; did you mean '%s'?", tried, near)
               : complain(EXIT_USAGE, "unknown command '%s'; see 'postern help'", tried);
}

static const struct option_def *find_option(const struct option_def *list, const char *name,
                                            size_t len)
{
    for (; list != NULL && list->name != NULL; list++)
        if (strlen(list->name) == len && strncmp(list->name, name, len) == 0)
            return list;
    return NULL;
}

static int unknown_option(const struct command *c, const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (const struct option_def *o = c == NULL ? NULL : c->options; o != NULL && o->name != NULL;
         o++)
        if (n < countof(names))
            names[n++] = o->name;
    for (const struct option_def *o = GLOBAL_OPTIONS; o->name != NULL; o++)
        if (n < countof(names))
            names[n++] = o->name;
    const char *near = text_nearest(name, names, n);
    return near != NULL
               ? complain(EXIT_USAGE, "unknown option --%s; did you mean --%s?", name, near)
               : complain(EXIT_USAGE, "unknown option --%s; see 'postern help %s'", name,
                          c != NULL ? c->words : "");
}

static bool takes_value(const struct option_def *o)
{
    return o->type != OPTION_FLAG && o->type != OPTION_LOCAL_FLAG;
}

static int note_option(struct invocation *v, const struct option_def *o, const char *value)
{
    if (strcmp(o->name, "json") == 0)
        v->json = true;
    else if (strcmp(o->name, "config") == 0)
        v->paths.config = value;
    else if (strcmp(o->name, "runtime") == 0)
        v->paths.runtime = value;
    else if (strcmp(o->name, "print") == 0)
        v->print = value;
    if (v->chosen_count == CHOSEN_MAX)
        return complain(EXIT_USAGE, "too many options");
    v->chosen[v->chosen_count++] = (struct chosen){o, value};
    return 0;
}

/* One word that begins with "--". *used: how many words of the rest it took. */
static int take_option(struct invocation *v, const struct command *c, const char *word,
                       const char *next, size_t *used)
{
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    const struct option_def *o = find_option(c == NULL ? NULL : c->options, name, len);
    if (o == NULL)
        o = find_option(GLOBAL_OPTIONS, name, len);
    if (o == NULL)
        return unknown_option(c, name);
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    *used = 1;
    if (!takes_value(o)) {
        return value != NULL ? complain(EXIT_USAGE, "--%s takes no value", o->name)
                             : note_option(v, o, NULL);
    }
    if (value == NULL) {
        if (next == NULL)
            return complain(EXIT_USAGE, "--%s needs a value: %s", o->name, o->value);
        value = next;
        *used = 2;
    }
    return note_option(v, o, value);
}

static bool is_rest(const char *arg)
{
    size_t len = strlen(arg);
    return len > 3 && strcmp(arg + len - 3, "...") == 0;
}

static int check_args(const struct invocation *v)
{
    size_t most = 0;
    for (size_t i = 0; i < countof(v->command->args) && v->command->args[i] != NULL; i++) {
        const char *a = v->command->args[i];
        most = is_rest(a) ? ARGS_MAX : most + 1;
        if (a[0] != '[' && i >= v->arg_count)
            return complain(EXIT_USAGE, "%s is missing; see 'postern help %s'", a,
                            v->command->words);
    }
    if (v->arg_count > most)
        return complain(EXIT_USAGE, "unexpected '%s'; see 'postern help %s'", v->arg[most],
                        v->command->words);
    return 0;
}

int command_parse(struct invocation *v, int argc, char **argv)
{
    char *word[ARGS_MAX];
    size_t words = 0;
    bool help = false;
    /* The command's own words come first, whatever options stand between them. */
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            help = true;
        } else if (strcmp(argv[i], "--") == 0) {
            break;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            const struct option_def *o =
                find_option(GLOBAL_OPTIONS, argv[i] + 2, strcspn(argv[i] + 2, "="));
            if (o != NULL && takes_value(o) && strchr(argv[i], '=') == NULL)
                i++;
        } else if (words < countof(word)) {
            word[words++] = argv[i];
        }
    }
    if (words == 0)
        return help || argc < 2 ? -1 : complain(EXIT_USAGE, "no command; see 'postern help'");
    size_t taken;
    v->command = find_command(word, words, &taken);
    if (help)
        return -1;
    if (v->command == NULL)
        return unknown_command(word, words);
    bool plain = false;
    for (int i = 1; i < argc; i++) {
        if (!plain && strcmp(argv[i], "--") == 0) {
            plain = true;
        } else if (!plain && strncmp(argv[i], "--", 2) == 0) {
            size_t used = 1;
            int rc = take_option(v, v->command, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
            if (rc != 0)
                return rc;
            i += (int)used - 1;
        } else if (!plain && argv[i][0] == '-' && argv[i][1] != 0 && taken == 0) {
            return complain(EXIT_USAGE, "unknown option %s", argv[i]);
        } else if (taken > 0) {
            taken--;
        } else if (v->arg_count < ARGS_MAX) {
            v->arg[v->arg_count++] = argv[i];
        } else {
            return complain(EXIT_USAGE, "too many arguments");
        }
    }
    return check_args(v);
}

const char *invocation_each(const struct invocation *v, const char *name, size_t n)
{
    for (size_t i = 0; i < v->chosen_count; i++)
        if (strcmp(v->chosen[i].option->name, name) == 0 && n-- == 0)
            return v->chosen[i].value;
    return NULL;
}

const char *invocation_option(const struct invocation *v, const char *name)
{
    const char *last = NULL, *value;
    for (size_t n = 0; (value = invocation_each(v, name, n)) != NULL; n++)
        last = value;
    return last;
}

bool invocation_flag(const struct invocation *v, const char *name)
{
    for (size_t i = 0; i < v->chosen_count; i++)
        if (strcmp(v->chosen[i].option->name, name) == 0)
            return true;
    return false;
}
