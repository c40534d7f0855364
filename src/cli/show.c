/* Answers for people: tables for lists, "name: value" for single things. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/command.h"

#define COLUMNS_MAX 16
#define CELL_MAX 60

/* a.b.c inside an object; NULL when absent. */
static json_t *reach(json_t *value, const char *path)
{
    while (value != NULL && *path != 0) {
        char name[64];
        size_t len = strcspn(path, ".");
        if (len >= sizeof(name))
            return NULL;
        memcpy(name, path, len);
        name[len] = 0;
        value = json_object_get(value, name);
        path += len + (path[len] == '.');
    }
    return value;
}

/* What a terminal would obey instead of show never reaches it: a name or path may come from an
 * attacker. */
static void put_clean(struct buf *out, const char *text)
{
    struct span rest = span_str(text);
    while (rest.len > 0) {
        size_t hidden = text_hidden(rest), n = hidden > 0 ? hidden : 1;
        for (size_t i = 0; i < hidden; i++)
            (void)buf_printf(out, "\\x%02x", rest.at[i]);
        if (hidden == 0)
            (void)buf_byte(out, rest.at[0]);
        rest = span_sub(rest, n, SIZE_MAX);
    }
}

static void put_value(struct buf *out, const json_t *value)
{
    size_t i;
    json_t *item;
    switch (value == NULL ? JSON_NULL : json_typeof(value)) {
    case JSON_STRING:
        put_clean(out, json_string_value(value));
        break;
    case JSON_INTEGER:
        (void)buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        (void)buf_printf(out, "%g", json_real_value(value));
        break;
    case JSON_TRUE:
        (void)buf_text(out, "yes");
        break;
    case JSON_FALSE:
        (void)buf_text(out, "no");
        break;
    case JSON_NULL:
        (void)buf_text(out, "-");
        break;
    case JSON_ARRAY:
        json_array_foreach((json_t *)(uintptr_t)value, i, item)
        {
            (void)buf_text(out, i > 0 ? ", " : "");
            put_value(out, item);
        }
        if (json_array_size(value) == 0)
            (void)buf_byte(out, '-');
        break;
    case JSON_OBJECT: {
        const char *key;
        bool first = true;
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            (void)buf_printf(out, "%s%s=", first ? "" : " ", key);
            put_value(out, item);
            first = false;
        }
        break;
    }
    }
}

char *show_cell(const json_t *value)
{
    struct buf b;
    buf_init(&b, 65536);
    put_value(&b, value);
    char *text = buf_take_string(&b);
    buf_fini(&b);
    return text != NULL ? text : strdup("?");
}

static size_t split_columns(char *names, char *column[COLUMNS_MAX])
{
    size_t n = 0;
    char *rest = NULL;
    for (char *c = strtok_r(names, " ", &rest); c != NULL && n < COLUMNS_MAX;
         c = strtok_r(NULL, " ", &rest))
        column[n++] = c;
    return n;
}

static size_t shown_width(const char *text)
{
    size_t n = 0;
    for (; *text != 0; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void print_table(json_t *list, const char *columns)
{
    char names[512];
    char *column[COLUMNS_MAX];
    size_t width[COLUMNS_MAX], i;
    json_t *item;
    (void)snprintf(names, sizeof(names), "%s", columns);
    size_t count = split_columns(names, column);
    if (json_array_size(list) == 0) {
        (void)puts("(none)");
        return;
    }
    for (size_t c = 0; c < count; c++) {
        const char *title = strrchr(column[c], '.');
        width[c] = strlen(title != NULL ? title + 1 : column[c]);
        json_array_foreach(list, i, item)
        {
            char *text = show_cell(reach(item, column[c]));
            size_t w = shown_width(text);
            width[c] = w > width[c] ? (w < CELL_MAX ? w : CELL_MAX) : width[c];
            free(text);
        }
    }
    for (size_t c = 0; c < count; c++) {
        const char *title = strrchr(column[c], '.');
        title = title != NULL ? title + 1 : column[c];
        for (const char *t = title; *t != 0; t++)
            (void)putchar(*t >= 'a' && *t <= 'z' ? *t - 32 : *t == '_' ? ' ' : *t);
        if (c + 1 < count)
            (void)printf("%*s", (int)(width[c] - strlen(title) + 2), "");
    }
    (void)putchar('\n');
    json_array_foreach(list, i, item)
    {
        for (size_t c = 0; c < count; c++) {
            char *text = show_cell(reach(item, column[c]));
            size_t w = shown_width(text);
            (void)fputs(text, stdout);
            if (c + 1 < count)
                (void)printf("%*s", (int)((w < width[c] ? width[c] - w : 0) + 2), "");
            free(text);
        }
        (void)putchar('\n');
    }
}

static void print_object(const json_t *object, const char *indent)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s", key);
        for (char *c = name; *c != 0; c++)
            if (*c == '_')
                *c = ' ';
        if (json_is_object(value) && json_object_size(value) > 0) {
            (void)printf("%s%s:\n", indent, name);
            print_object(value, "  ");
            continue;
        }
        char *text = show_cell(value);
        (void)printf("%s%s: %s\n", indent, name, text);
        free(text);
    }
}

static int show_problem(const struct invocation *v, int status, json_t *answer)
{
    const char *detail = json_string_value(json_object_get(answer, "detail"));
    const char *field = json_string_value(json_object_get(answer, "field"));
    if (v->json && answer != NULL)
        (void)json_dumpf(answer, stderr, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    struct buf b;
    buf_init(&b, 8192);
    put_clean(&b, detail != NULL ? detail : "the keeper refused");
    char *clean = buf_take_string(&b);
    if (field != NULL)
        (void)complain(EXIT_REFUSED, "%s: %s", field, clean != NULL ? clean : "?");
    else
        (void)complain(EXIT_REFUSED, "%s (%d)", clean != NULL ? clean : "?", status);
    free(clean);
    return status == 503 ? EXIT_UNREACHABLE : EXIT_REFUSED;
}

int invocation_show(struct invocation *v, int status, json_t *answer)
{
    int rc = EXIT_DONE;
    if (status >= 400) {
        rc = show_problem(v, status, answer);
    } else if (v->print != NULL) {
        json_t *value = reach(answer, v->print);
        if (value == NULL) {
            rc = complain(EXIT_REFUSED, "the answer has no '%s'", v->print);
        } else {
            char *text = show_cell(value);
            (void)puts(text);
            free(text);
        }
    } else if (v->json) {
        if (answer != NULL) {
            (void)json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
            (void)putchar('\n');
        } else {
            (void)puts("{}");
        }
    } else if (v->command->list != NULL) {
        json_t *list = json_object_get(answer, v->command->list);
        print_table(list, v->command->columns);
        json_t *next = json_object_get(answer, "next");
        if (next != NULL && !json_is_null(next)) {
            char *text = show_cell(next);
            (void)printf("(more: --after %s)\n", text);
            free(text);
        }
    } else if (json_is_object(answer) && json_object_size(answer) > 0) {
        print_object(answer, "");
    } else {
        (void)puts("done");
    }
    json_decref(answer);
    return rc;
}
