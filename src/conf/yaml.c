/* The reader walks libyaml's events by recursive descent over the table of keys:
 *
 *   top ─▶ section ─┬─ object ──────────▶ key ─▶ scalar, or list of scalars
 *                   ├─ list of objects ─┘
 *                   ├─ name: object ────┘
 *                   └─ name: list
 *
 * Whatever does not fit is reported and skipped as a whole, and the walk goes on behind it. Only
 * what libyaml cannot read, nesting past DEPTH_MAX, and no memory end the walk (walk->dead). Every
 * step consumes an event or finds the walk dead, so it ends with the text. */
#include "conf/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "base/fault.h"
#include "base/map.h"
#include "base/text.h"
#include "conf/value.h"
#include "conf/verify.h"

#define DEPTH_MAX 16
#define ERRORS_MAX 100
#define PATH_SIZE 320

struct message {
    uint32_t line;
    uint32_t order; /* keeps the sort stable */
    char *text;     /* "key: expected …" */
};

/* Where in the file an element or one of its keys stands, for findings of the verification. */
struct mark {
    const struct section *section;
    size_t element;        /* SIZE_MAX: the section as a whole */
    const struct key *key; /* NULL: the element, or the section of the machine */
    uint32_t line;
    bool bad; /* an error was reported there: what follows from it is not reported again */
};

struct walk {
    yaml_parser_t parser;
    yaml_event_t event;
    bool dead;
    int fault; /* -ENOMEM */
    struct snapshot *s;
    struct message message[ERRORS_MAX];
    size_t messages; /* may exceed ERRORS_MAX: those are counted, not kept */
    struct mark *marks;
    size_t mark_count, mark_room;
};

/* ---- messages -------------------------------------------------------------------------------- */

static void complain(struct walk *w, size_t line, const char *path, const char *fmt, ...)
    printf_like(4, 5);

static void complain(struct walk *w, size_t line, const char *path, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    size_t at = w->messages++;
    if (at >= ERRORS_MAX)
        return;
    struct message *m = &w->message[at];
    *m = (struct message){(uint32_t)line, (uint32_t)at, NULL};
    if (asprintf(&m->text, "%s: %s", path, text) < 0) {
        m->text = NULL;
        w->fault = -ENOMEM;
    }
}

static size_t event_line(const struct walk *w)
{
    return w->event.start_mark.line + 1;
}

static struct span scalar_of(const struct walk *w)
{
    return span_of(w->event.data.scalar.value, w->event.data.scalar.length);
}

/* What the present event is, for "found …". */
static void describe_event(const struct walk *w, char *out, size_t size)
{
    const char *what = "the end";
    if (w->event.type == YAML_MAPPING_START_EVENT)
        what = "a mapping";
    else if (w->event.type == YAML_SEQUENCE_START_EVENT)
        what = "a list";
    else if (w->event.type == YAML_ALIAS_EVENT)
        what = "an alias";
    else if (w->event.type == YAML_SCALAR_EVENT)
        what = NULL;
    (void)snprintf(out, size, "%s", what != NULL ? what : "");
    if (what != NULL)
        return;
    bool plain = w->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (scalar_of(w).len == 0) {
        (void)snprintf(out, size, "%s", plain ? "nothing" : "an empty text");
        return;
    }
    struct buf b;
    buf_init(&b, size - 1);
    value_quote(&b, scalar_of(w));
    (void)snprintf(out, size, "%.*s", SPAN_FMT(buf_view(&b)));
    buf_fini(&b);
}

static void expected(struct walk *w, const char *path, const char *what, const char *hint)
{
    char found[320];
    describe_event(w, found, sizeof(found));
    complain(w, event_line(w), path, "expected %s, found %s%s%s%s", what, found,
             hint != NULL && hint[0] ? "; did you mean \"" : "", hint != NULL ? hint : "",
             hint != NULL && hint[0] ? "\"?" : "");
}

/* ---- marks ----------------------------------------------------------------------------------- */

static void mark(struct walk *w, const struct section *sec, size_t element, const struct key *key,
                 size_t line, bool bad)
{
    if (w->mark_count == w->mark_room) {
        size_t room = w->mark_room == 0 ? 64 : w->mark_room * 2;
        struct mark *fresh = reallocarray(w->marks, room, sizeof(*fresh));
        if (fresh == NULL) {
            w->fault = -ENOMEM;
            w->dead = true;
            return;
        }
        w->marks = fresh;
        w->mark_room = room;
    }
    w->marks[w->mark_count++] = (struct mark){sec, element, key, (uint32_t)line, bad};
}

/* The verification's findings, at the nearest line that is known. */
static void on_found(void *ctx, const struct place *at, const char *text)
{
    struct walk *w = ctx;
    size_t line = 1;
    bool exact = false;
    for (size_t i = 0; i < w->mark_count; i++) {
        const struct mark *m = &w->marks[i];
        if (m->section != at->section || m->element != at->element)
            continue;
        bool same = m->key == at->key;
        /* A finding about the whole is no news when a part of it could not be read, nor the other
         * way round. */
        if (m->bad && (same || at->key == NULL || m->key == NULL))
            return;
        if (same || (m->key == NULL && !exact))
            line = m->line;
        exact |= same;
    }
    struct buf path;
    buf_init(&path, 512);
    place_write(w->s, at, &path);
    (void)buf_byte(&path, 0);
    complain(w, line, path.bad ? "?" : (const char *)buf_view(&path).at, "%s", text);
    buf_fini(&path);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void next(struct walk *w)
{
    yaml_event_delete(&w->event);
    memset(&w->event, 0, sizeof(w->event));
    if (w->dead)
        return;
    if (yaml_parser_parse(&w->parser, &w->event))
        return;
    memset(&w->event, 0, sizeof(w->event));
    w->dead = true;
    if (w->parser.error == YAML_MEMORY_ERROR) {
        w->fault = -ENOMEM;
        return;
    }
    complain(w, w->parser.problem_mark.line + 1, "syntax", "expected YAML, found a mistake (%s)",
             w->parser.problem != NULL ? w->parser.problem : "unreadable");
}

static bool at(const struct walk *w, yaml_event_type_t type)
{
    return !w->dead && w->event.type == type;
}

/* Anchors, aliases and tags let a file mean more than it shows: refused wherever they stand. */
static void refuse_decoration(struct walk *w, const char *path)
{
    const char *what = NULL;
    if (at(w, YAML_SCALAR_EVENT))
        what = w->event.data.scalar.anchor ? "an anchor"
               : w->event.data.scalar.tag  ? "a tag"
                                           : NULL;
    else if (at(w, YAML_SEQUENCE_START_EVENT))
        what = w->event.data.sequence_start.anchor ? "an anchor"
               : w->event.data.sequence_start.tag  ? "a tag"
                                                   : NULL;
    else if (at(w, YAML_MAPPING_START_EVENT))
        what = w->event.data.mapping_start.anchor ? "an anchor"
               : w->event.data.mapping_start.tag  ? "a tag"
                                                  : NULL;
    if (what != NULL)
        complain(w, event_line(w), path, "expected a plain value, found %s", what);
}

/* Steps over the present node, whatever it is. Leaves the event behind it. */
static void skip(struct walk *w, const char *path)
{
    size_t depth = 0;
    do {
        if (at(w, YAML_MAPPING_START_EVENT) || at(w, YAML_SEQUENCE_START_EVENT))
            depth++;
        else if (at(w, YAML_MAPPING_END_EVENT) || at(w, YAML_SEQUENCE_END_EVENT))
            depth--;
        if (depth > DEPTH_MAX) {
            complain(w, event_line(w), path,
                     "expected no deeper nesting, found more than %d levels", DEPTH_MAX);
            w->dead = true;
        }
        next(w);
    } while (depth > 0 && !w->dead);
}

/* Takes the key of a mapping: *ret is good until the next event. False: it was none and is skipped
 * with its value, or the mapping ends (then the end is consumed and *end is set). */
static bool take_key(struct walk *w, const char *path, char name[PATH_SIZE], size_t *line,
                     bool *end)
{
    *end = w->dead;
    if (w->dead)
        return false;
    if (at(w, YAML_MAPPING_END_EVENT)) {
        *end = true;
        next(w);
        return false;
    }
    refuse_decoration(w, path);
    *line = event_line(w);
    struct span text = SPAN_NONE;
    if (at(w, YAML_SCALAR_EVENT))
        text = scalar_of(w);
    if (text.len == 0 || text.len > 128 || span_find(text, 0) != SIZE_MAX) {
        expected(w, path, "a key", NULL);
        skip(w, path);
        skip(w, path);
        return false;
    }
    memcpy(name, text.at, text.len);
    name[text.len] = 0;
    return true;
}

static void path_join(char out[PATH_SIZE], const char *base, const char *name)
{
    struct buf b;
    buf_init(&b, PATH_SIZE - 1);
    /* Inside messages a foreign key is escaped like any value. */
    value_escape(&b, span_str(name));
    (void)snprintf(out, PATH_SIZE, "%s%s%.*s", base, base[0] ? "." : "", SPAN_FMT(buf_view(&b)));
    buf_fini(&b);
}

/* ---- scalars --------------------------------------------------------------------------------- */

/* What a reader with implicit types (YAML 1.1 or 1.2) would make of this unquoted text, or NULL
 * when all of them see a text. */
static const char *implicit_type(struct span text)
{
    static const char *const TRUTH[] = {"y", "n", "yes", "no", "on", "off", "true", "false"};
    if (text.len == 0 || span_is(text, "~") || span_eq_nocase(text, SPAN("null")))
        return "nothing";
    for (size_t i = 0; i < countof(TRUTH); i++)
        if (span_eq_nocase(text, span_str(TRUTH[i])))
            return "a truth value";
    struct span rest = text;
    if (rest.at[0] == '+' || rest.at[0] == '-')
        rest = span_sub(rest, 1, SIZE_MAX);
    if (span_eq_nocase(rest, SPAN(".inf")) || span_eq_nocase(rest, SPAN(".nan")))
        return "a number";
    bool digit = false, hex = span_starts_nocase(rest, SPAN("0x"));
    size_t dots = 0;
    for (size_t i = 0; i < rest.len; i++) {
        uint8_t c = rest.at[i];
        bool is_digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        bool exponent = (c == 'e' || c == 'E') && digit && i + 1 < rest.len;
        bool sign =
            (c == '+' || c == '-') && i > 0 && (rest.at[i - 1] == 'e' || rest.at[i - 1] == 'E');
        bool base = i == 1 && rest.at[0] == '0' && strchr("xXoObB", c) != NULL;
        digit |= is_digit;
        dots += c == '.';
        if (!is_digit && c != '_' && c != '.' && !exponent && !sign && !base && !(hex && letter))
            return NULL;
    }
    return digit && dots <= 1 ? "a number" : NULL;
}

/* Sets the key, or appends to its list, from the present scalar. Leaves the event. */
static bool set_scalar(struct walk *w, const char *path, const struct key *k, void *target)
{
    struct complaint c = {.hint = ""};
    struct span text = scalar_of(w);
    bool plain = w->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool integer = k->type == KEY_COUNT || k->type == KEY_PORT;
    const char *implicit = plain && !value_is_number(k) ? implicit_type(text) : NULL;
    if (implicit != NULL && text.len > 0) {
        char found[320], quoted[80];
        describe_event(w, found, sizeof(found));
        (void)snprintf(quoted, sizeof(quoted), "\"%.*s\"", (int)(text.len < 60 ? text.len : 60),
                       (const char *)text.at);
        complain(w, event_line(w), path,
                 "expected text, found %s, which readers of YAML take for %s; "
                 "did you mean %s in quotes?",
                 found, implicit, quoted);
        return false;
    }
    if (integer && !plain) {
        expected(w, path, "a number without quotes", NULL);
        return false;
    }
    int rc = span_find(text, 0) != SIZE_MAX ? FAULT_FORMAT
                                            : value_set(k, &w->s->arena, text, target, &c);
    if (rc == FAULT_FORMAT)
        expected(w, path, c.expected[0] ? c.expected : "text without NUL", c.hint);
    else if (rc < 0) {
        w->fault = rc;
        w->dead = true;
    }
    return rc == 0;
}

/* A list of scalars. False when anything in it was wrong. */
static bool take_list(struct walk *w, const char *path, const struct key *k, void *target)
{
    if (!at(w, YAML_SEQUENCE_START_EVENT)) {
        expected(w, path, "a list", NULL);
        skip(w, path);
        return false;
    }
    refuse_decoration(w, path);
    next(w);
    bool good = true;
    for (size_t i = 0; !w->dead && !at(w, YAML_SEQUENCE_END_EVENT); i++) {
        char item[PATH_SIZE + 32];
        (void)snprintf(item, sizeof(item), "%s[%zu]", path, i);
        refuse_decoration(w, item);
        if (!at(w, YAML_SCALAR_EVENT)) {
            expected(w, item, "one value", NULL);
            skip(w, item);
            good = false;
            continue;
        }
        good &= set_scalar(w, item, k, target);
        next(w);
    }
    next(w);
    return good;
}

/* What stands behind a list starts afresh: the default is replaced, not extended. */
static void clear_list(const struct key *k, void *target)
{
    struct names none = {0};
    size_t zero = 0;
    if (k->type == KEY_CIDR)
        memcpy((char *)target + k->extra, &zero, sizeof(zero));
    else
        memcpy((char *)target + k->field, &none, sizeof(none));
}

static bool take_value(struct walk *w, const char *path, const struct key *k, void *target)
{
    if (k->flags & KEY_LIST) {
        clear_list(k, target);
        return take_list(w, path, k, target);
    }
    refuse_decoration(w, path);
    if (!at(w, YAML_SCALAR_EVENT)) {
        /* The type's own words, which value_set gives for a text that fits no type. */
        struct complaint c;
        struct span never = SPAN("\n");
        int rc = value_set(k, &w->s->arena, never, target, &c);
        expected(w, path, rc == FAULT_FORMAT ? c.expected : "one value", NULL);
        skip(w, path);
        return false;
    }
    bool good = set_scalar(w, path, k, target);
    next(w);
    return good;
}

/* ---- objects --------------------------------------------------------------------------------- */

static void duplicate(struct walk *w, size_t line, const char *path, size_t first)
{
    complain(w, line, path, "expected this key once, found it again (first on line %zu)", first);
}

/* The path of an element is its name as soon as that is known. */
static void name_path(const struct walk *w, const struct section *sec, const void *target,
                      char path[PATH_SIZE])
{
    const char *name;
    (void)w;
    if (sec->shape != SHAPE_LIST)
        return;
    memcpy(&name, (const char *)target + sec->keys[0].field, sizeof(name));
    if (name[0] != 0)
        (void)snprintf(path, PATH_SIZE, "%s.%s", sec->name, name);
}

/* One mapping of keys into *target. False when it was no mapping. */
static bool take_object(struct walk *w, const char *base, const struct section *sec, size_t element,
                        void *target)
{
    char path[PATH_SIZE], name[PATH_SIZE], sub[PATH_SIZE];
    size_t seen[32] = {0}, line;
    bool end;
    (void)snprintf(path, sizeof(path), "%s", base);
    bool named = sec->shape == SHAPE_NAMED;
    refuse_decoration(w, path);
    mark(w, sec, element, NULL, event_line(w), false);
    if (!at(w, YAML_MAPPING_START_EVENT)) {
        expected(w, path, "a mapping", NULL);
        mark(w, sec, element, NULL, event_line(w), true);
        skip(w, path);
        return false;
    }
    next(w);
    for (;;) {
        if (!take_key(w, path, name, &line, &end)) {
            if (end)
                return true;
            continue;
        }
        path_join(sub, path, name);
        const struct key *k = section_key(sec, span_str(name));
        if (k == NULL || (named && k == &sec->keys[0])) {
            const char *near = section_nearest_key(sec, span_str(name));
            char what[64];
            (void)snprintf(what, sizeof(what), "a key of %s", sec->kind[0] ? sec->kind : sec->name);
            expected(w, sub, what, near);
            next(w);
            skip(w, sub);
            mark(w, sec, element, NULL, line, false);
            continue;
        }
        next(w);
        size_t *first = &seen[k - sec->keys];
        if (*first != 0) {
            duplicate(w, line, sub, *first);
            skip(w, sub);
            continue;
        }
        *first = line;
        bool good = take_value(w, sub, k, target);
        mark(w, sec, element, k, line, !good);
        name_path(w, sec, target, path);
    }
}

/* ---- sections -------------------------------------------------------------------------------- */

static void keep(struct walk *w, const struct section *sec, const char *path, size_t line,
                 const void *element)
{
    int rc = section_append(sec, w->s, element);
    if (rc == FAULT_LIMIT) {
        complain(w, line, path, "expected at most %zu of them, found more", sec->most);
        w->dead = true;
    } else if (rc < 0) {
        w->fault = rc;
        w->dead = true;
    }
}

static void start_element(struct walk *w, const struct section *sec, union section_struct *e)
{
    memset(e, 0, sizeof(*e));
    if (section_defaults(sec, &w->s->arena, e) < 0) {
        w->fault = -ENOMEM;
        w->dead = true;
    }
}

static void take_element_list(struct walk *w, const struct section *sec)
{
    if (!at(w, YAML_SEQUENCE_START_EVENT)) {
        expected(w, sec->name, "a list", NULL);
        skip(w, sec->name);
        return;
    }
    refuse_decoration(w, sec->name);
    size_t zero = 0;
    memcpy((char *)w->s + sec->count, &zero, sizeof(zero));
    next(w);
    for (size_t i = 0; !w->dead && !at(w, YAML_SEQUENCE_END_EVENT); i++) {
        char path[PATH_SIZE];
        union section_struct e;
        size_t line = event_line(w);
        (void)snprintf(path, sizeof(path), "%s[%zu]", sec->name, i);
        start_element(w, sec, &e);
        (void)take_object(w, path, sec, i, &e);
        if (!w->dead)
            keep(w, sec, path, line, &e);
    }
    next(w);
}

/* The key of a NAMED section as a name, stored in the element. */
static bool take_name(struct walk *w, const char *path, const struct section *sec, size_t line,
                      const char *name, union section_struct *e)
{
    (void)line;
    if (!set_scalar(w, path, &sec->keys[0], e))
        return false;
    if (sec == section_of(SECTION_ZONES) && strcmp(name, "local") == 0) {
        expected(w, path, "another name than that of the built-in zone", NULL);
        return false;
    }
    return true;
}

static void take_named(struct walk *w, const struct section *sec)
{
    if (!at(w, YAML_MAPPING_START_EVENT)) {
        expected(w, sec->name, "a mapping", NULL);
        skip(w, sec->name);
        return;
    }
    refuse_decoration(w, sec->name);
    next(w);
    struct map seen;
    map_init(&seen, sec->most);
    char name[PATH_SIZE], path[PATH_SIZE];
    size_t line;
    bool end = false;
    while (!end) {
        union section_struct e;
        if (!take_key(w, sec->name, name, &line, &end))
            continue;
        start_element(w, sec, &e);
        path_join(path, sec->name, name);
        bool good = !w->dead && take_name(w, path, sec, line, name, &e);
        next(w);
        union {
            void *pointer;
            uintptr_t number;
        } first = {good ? map_find(&seen, span_str(name)) : NULL};
        if (first.pointer != NULL)
            duplicate(w, line, path, first.number);
        if (!good || first.pointer != NULL) {
            skip(w, path);
            continue;
        }
        size_t element = section_count(sec, w->s);
        if (sec->shape == SHAPE_NAMED) {
            (void)take_object(w, path, sec, element, &e);
        } else {
            bool list_good = take_list(w, path, &sec->keys[1], &e);
            mark(w, sec, element, NULL, line, false);
            mark(w, sec, element, &sec->keys[1], line, !list_good);
        }
        if (!w->dead)
            keep(w, sec, path, line, &e);
        if (w->dead)
            break;
        first.number = line;
        if (map_put(&seen, span_str(section_element_name(sec, w->s, element)), first.pointer) < 0) {
            w->fault = -ENOMEM;
            w->dead = true;
        }
    }
    map_fini(&seen);
}

static void take_section(struct walk *w, const struct section *sec)
{
    switch (sec->shape) {
    case SHAPE_OBJECT:
        (void)take_object(w, sec->name, sec, 0, w->s);
        return;
    case SHAPE_LIST:
        take_element_list(w, sec);
        return;
    case SHAPE_NAMED:
    case SHAPE_NAMED_LIST:
        take_named(w, sec);
        return;
    }
}

static void take_top(struct walk *w)
{
    char name[PATH_SIZE], path[PATH_SIZE];
    size_t seen[SECTION_COUNT] = {0}, line;
    bool end = false;
    refuse_decoration(w, "document");
    if (!at(w, YAML_MAPPING_START_EVENT)) {
        expected(w, "document", "a mapping", NULL);
        w->dead = true;
        return;
    }
    next(w);
    while (!end) {
        if (!take_key(w, "document", name, &line, &end))
            continue;
        path_join(path, "", name);
        const struct section *sec = section_find(span_str(name));
        if (sec == NULL) {
            expected(w, path, "a section", section_nearest(span_str(name)));
            next(w);
            skip(w, path);
            continue;
        }
        next(w);
        size_t *first = &seen[sec - section_of(0)];
        if (*first != 0) {
            duplicate(w, line, path, *first);
            skip(w, path);
            continue;
        }
        *first = line;
        mark(w, sec, SIZE_MAX, NULL, line, false);
        take_section(w, sec);
    }
}

static void take_document(struct walk *w)
{
    next(w); /* the stream's start */
    next(w);
    if (at(w, YAML_DOCUMENT_START_EVENT)) {
        if (w->event.data.document_start.version_directive != NULL ||
            w->event.data.document_start.tag_directives.start !=
                w->event.data.document_start.tag_directives.end)
            complain(w, event_line(w), "document", "expected no directives, found one");
        next(w);
        take_top(w);
        next(w);
    }
    if (at(w, YAML_DOCUMENT_START_EVENT))
        complain(w, event_line(w), "document", "expected one document, found a second one");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int by_line(const void *a, const void *b)
{
    const struct message *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void put_messages(struct walk *w, const char *name, struct buf *errors)
{
    size_t kept = w->messages < ERRORS_MAX ? w->messages : ERRORS_MAX;
    qsort(w->message, kept, sizeof(*w->message), by_line);
    for (size_t i = 0; i < kept; i++)
        if (w->message[i].text != NULL)
            (void)buf_printf(errors, "%s:%u: %s\n", name, w->message[i].line, w->message[i].text);
    if (w->messages > kept)
        (void)buf_printf(errors, "%s: %zu more errors are not shown\n", name, w->messages - kept);
}

/* Refused before libyaml sees it. The line of the trouble, or 0. */
static size_t check_bytes(struct span text, const char **what)
{
    static const struct span MARK = {(const uint8_t *)"\xef\xbb\xbf", 3};
    *what = "a byte order mark";
    if (span_starts(text, MARK))
        return 1;
    *what = "other bytes";
    size_t line = 1;
    /* Lines are checked one by one, so that the message can say where; no character of UTF-8 spans
     * a line end. */
    struct span rest = text, head;
    while (span_cut(&rest, '\n', &head)) {
        if (!text_is_utf8(head))
            return line;
        line++;
    }
    return 0;
}

static int run(struct walk *w, struct span text)
{
    if (!yaml_parser_initialize(&w->parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&w->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&w->parser, text.at != NULL ? text.at : (const uint8_t *)"",
                                 text.len);
    take_document(w);
    yaml_event_delete(&w->event);
    yaml_parser_delete(&w->parser);
    if (w->fault == 0)
        w->fault = snapshot_settle(w->s);
    /* After a mistake in the syntax most of the file is unread, and most findings would be untrue.
     */
    if (w->fault == 0 && !w->dead) {
        int rc = verify_each(w->s, on_found, w);
        w->fault = rc < 0 ? rc : 0;
    }
    return w->fault != 0 ? w->fault : w->messages > 0 ? FAULT_FORMAT : 0;
}

int yaml_parse(const char *name, struct span text, struct snapshot **ret, struct buf *errors)
{
    const char *what;
    if (text.len > YAML_MAX) {
        (void)buf_printf(errors, "%s:1: document: expected at most 4MiB, found more\n", name);
        return FAULT_FORMAT;
    }
    size_t line = check_bytes(text, &what);
    if (line != 0) {
        (void)buf_printf(errors, "%s:%zu: document: expected UTF-8 text, found %s\n", name, line,
                         what);
        return FAULT_FORMAT;
    }
    struct walk *w = calloc(1, sizeof(*w));
    struct snapshot *s = snapshot_draft();
    int rc = -ENOMEM;
    if (w != NULL && s != NULL) {
        w->s = s;
        rc = run(w, text);
        if (rc == FAULT_FORMAT)
            put_messages(w, name, errors);
    }
    if (w != NULL) {
        for (size_t i = 0; i < ERRORS_MAX; i++)
            free(w->message[i].text);
        free(w->marks);
    }
    free(w);
    if (rc < 0) {
        snapshot_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

static int read_file(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct stat st;
    int rc = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    while (rc == 0) {
        uint8_t *room = buf_reserve(text, 65536);
        ssize_t got = room == NULL ? -1 : read(fd, room, 65536);
        if (room == NULL)
            rc = FAULT_LIMIT;
        else if (got < 0)
            rc = errno == EINTR ? 0 : -errno;
        else if (got == 0)
            break;
        else
            buf_commit(text, (size_t)got);
    }
    (void)close(fd);
    return rc;
}

int yaml_load(const char *path, struct snapshot **ret, struct buf *errors)
{
    struct buf text;
    /* Room for one more read than YAML_MAX, so that yaml_parse says what is wrong with a large
     * file. */
    buf_init(&text, YAML_MAX + 2 * 65536);
    int rc = read_file(path, &text);
    if (rc == FAULT_LIMIT)
        rc = -EFBIG;
    if (rc < 0)
        (void)buf_printf(errors, "%s: cannot be read: %s\n", path, fault_text(rc));
    else
        rc = yaml_parse(path, buf_view(&text), ret, errors);
    buf_fini(&text);
    return rc;
}
