/* The reader walks libyaml's events by recursive descent over the table of keys:
 *
 *   top ─▶ section ─┬─ object ──────────▶ key ─▶ scalar, or list of scalars
 *                   ├─ list of objects ─┘
 *                   ├─ name: object ────┘
 *                   └─ name: list
 *
 * Whatever does not fit is reported and skipped as a whole, and the walk goes on behind it. Only
 * what libyaml cannot read, nesting past WALK_DEPTH_MAX, and no memory end the walk (walk->dead).
 * Every step consumes an event or finds the walk dead, so it ends with the text. */
#include "conf/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/map.h"
#include "base/text.h"
#include "conf/walk.h"

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
    struct span text = walk_scalar(w);
    bool plain = w->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool integer = k->type == KEY_COUNT || k->type == KEY_PORT;
    bool typed = value_is_number(k) || value_is_truth(k);
    const char *implicit = plain && !typed ? implicit_type(text) : NULL;
    if (implicit != NULL && text.len > 0) {
        char found[COMPLAINT_QUOTED], quoted[80];
        walk_describe(w, found);
        (void)snprintf(quoted, sizeof(quoted), "\"%.*s\"", (int)(text.len < 60 ? text.len : 60),
                       (const char *)text.at);
        walk_complain(w, walk_line(w), path,
                      "expected text, found %s, which readers of YAML take for %s; "
                      "did you mean %s in quotes?",
                      found, implicit, quoted);
        return false;
    }
    if ((integer || value_is_truth(k)) && !plain) {
        walk_expected(w, path, integer ? "a number without quotes" : "true or false without quotes",
                      NULL);
        return false;
    }
    int rc = span_find(text, 0) != SIZE_MAX ? FAULT_FORMAT
                                            : value_set(k, &w->s->arena, text, target, &c);
    if (rc == FAULT_FORMAT)
        walk_expected(w, path, c.expected[0] ? c.expected : "text without NUL", c.hint);
    else if (rc < 0) {
        w->fault = rc;
        w->dead = true;
    }
    return rc == 0;
}

/* A list of scalars. False when anything in it was wrong. */
static bool take_list(struct walk *w, const char *path, const struct key *k, void *target)
{
    if (!walk_at(w, YAML_SEQUENCE_START_EVENT)) {
        walk_expected(w, path, "a list", NULL);
        walk_skip(w, path);
        return false;
    }
    walk_refuse_decoration(w, path);
    walk_next(w);
    bool good = true;
    for (size_t i = 0; !w->dead && !walk_at(w, YAML_SEQUENCE_END_EVENT); i++) {
        char item[WALK_PATH_SIZE + 32];
        (void)snprintf(item, sizeof(item), "%s[%zu]", path, i);
        walk_refuse_decoration(w, item);
        if (!walk_at(w, YAML_SCALAR_EVENT)) {
            walk_expected(w, item, "one value", NULL);
            walk_skip(w, item);
            good = false;
            continue;
        }
        good &= set_scalar(w, item, k, target);
        walk_next(w);
    }
    walk_next(w);
    return good;
}

/* What stands behind a list starts afresh: the default is replaced, not extended. */
static void clear_list(const struct key *k, void *target)
{
    struct names none = {0};
    size_t zero = 0;
    if (value_has_count(k))
        memcpy((char *)target + k->extra, &zero, sizeof(zero));
    else
        memcpy((char *)target + k->field, &none, sizeof(none));
}

static bool take_value(struct walk *w, const char *path, const struct key *k, void *target)
{
    bool one = (k->flags & KEY_ONE) != 0 && !walk_at(w, YAML_SEQUENCE_START_EVENT);
    if (k->flags & KEY_LIST)
        clear_list(k, target);
    if ((k->flags & KEY_LIST) && !one)
        return take_list(w, path, k, target);
    walk_refuse_decoration(w, path);
    if (!walk_at(w, YAML_SCALAR_EVENT)) {
        /* The type's own words, which value_set gives for a text that fits no type. */
        struct complaint c;
        struct span never = SPAN("\n");
        int rc = value_set(k, &w->s->arena, never, target, &c);
        walk_expected(w, path, rc == FAULT_FORMAT ? c.expected : "one value", NULL);
        walk_skip(w, path);
        return false;
    }
    bool good = set_scalar(w, path, k, target);
    walk_next(w);
    return good;
}

/* ---- objects --------------------------------------------------------------------------------- */

static void duplicate(struct walk *w, size_t line, const char *path, size_t first)
{
    walk_complain(w, line, path, "expected this key once, found it again (first on line %zu)",
                  first);
}

/* The path of an element is its name as soon as that is known. */
static void name_path(const struct walk *w, const struct section *sec, const void *target,
                      char path[WALK_PATH_SIZE])
{
    const char *name;
    (void)w;
    if (sec->shape != SHAPE_LIST)
        return;
    memcpy(&name, (const char *)target + sec->keys[0].field, sizeof(name));
    if (name[0] != 0)
        (void)snprintf(path, WALK_PATH_SIZE, "%s.%s", sec->name, name);
}

/* What the file says the store can not say. */
static void note_setting(struct walk *w, const struct key *k, const char *path)
{
    if ((k->flags & KEY_RUNTIME) != 0 && setting_say(w->s, path) < 0) {
        w->fault = -ENOMEM;
        w->dead = true;
    }
}

/* One mapping of keys into *target. False when it was no mapping. */
static bool take_object(struct walk *w, const char *base, const struct section *sec, size_t element,
                        void *target)
{
    char path[WALK_PATH_SIZE], name[WALK_PATH_SIZE], sub[WALK_PATH_SIZE];
    size_t seen[KEYS_MAX] = {0}, line;
    bool end;
    (void)snprintf(path, sizeof(path), "%s", base);
    bool named = sec->shape == SHAPE_NAMED || sec->shape == SHAPE_NAMED_LIST;
    walk_refuse_decoration(w, path);
    walk_mark(w, sec, element, NULL, walk_line(w), false);
    if (!walk_at(w, YAML_MAPPING_START_EVENT)) {
        walk_expected(w, path, "a mapping", NULL);
        walk_mark(w, sec, element, NULL, walk_line(w), true);
        walk_skip(w, path);
        return false;
    }
    walk_next(w);
    for (;;) {
        if (!walk_key(w, path, name, &line, &end)) {
            if (end)
                return true;
            continue;
        }
        walk_path(sub, path, name);
        const struct key *k = section_key(sec, span_str(name));
        if (k == NULL || (named && k == &sec->keys[0])) {
            const char *near = walk_is_full(w) ? NULL : section_nearest_key(sec, span_str(name));
            char what[64];
            (void)snprintf(what, sizeof(what), "a key of %s", sec->kind[0] ? sec->kind : sec->name);
            walk_expected(w, sub, what, near);
            walk_next(w);
            walk_skip(w, sub);
            walk_mark(w, sec, element, NULL, line, false);
            continue;
        }
        walk_next(w);
        size_t *first = &seen[k - sec->keys];
        if (*first != 0) {
            duplicate(w, line, sub, *first);
            walk_skip(w, sub);
            continue;
        }
        *first = line;
        bool good = take_value(w, sub, k, target);
        note_setting(w, k, sub);
        walk_mark(w, sec, element, k, line, !good);
        name_path(w, sec, target, path);
    }
}

/* ---- sections -------------------------------------------------------------------------------- */

static void keep(struct walk *w, const struct section *sec, const char *path, size_t line,
                 const void *element)
{
    int rc = section_append(sec, w->s, element);
    if (rc == FAULT_LIMIT) {
        walk_complain(w, line, path, "expected at most %zu of them, found more", sec->most);
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
    if (!walk_at(w, YAML_SEQUENCE_START_EVENT)) {
        walk_expected(w, sec->name, "a list", NULL);
        walk_skip(w, sec->name);
        return;
    }
    walk_refuse_decoration(w, sec->name);
    size_t zero = 0;
    memcpy((char *)w->s + sec->count, &zero, sizeof(zero));
    walk_next(w);
    for (size_t i = 0; !w->dead && !walk_at(w, YAML_SEQUENCE_END_EVENT); i++) {
        char path[WALK_PATH_SIZE];
        union section_struct e;
        size_t line = walk_line(w);
        (void)snprintf(path, sizeof(path), "%s[%zu]", sec->name, i);
        start_element(w, sec, &e);
        (void)take_object(w, path, sec, i, &e);
        if (!w->dead)
            keep(w, sec, path, line, &e);
    }
    walk_next(w);
}

/* The key of a NAMED section as a name, stored in the element. */
static bool take_name(struct walk *w, const char *path, const struct section *sec, size_t line,
                      const char *name, union section_struct *e)
{
    (void)line;
    if (!set_scalar(w, path, &sec->keys[0], e))
        return false;
    if (sec == section_of(SECTION_ZONES) && strcmp(name, "local") == 0) {
        walk_expected(w, path, "another name than that of the built-in zone", NULL);
        return false;
    }
    return true;
}

static void take_named(struct walk *w, const struct section *sec)
{
    if (!walk_at(w, YAML_MAPPING_START_EVENT)) {
        walk_expected(w, sec->name, "a mapping", NULL);
        walk_skip(w, sec->name);
        return;
    }
    walk_refuse_decoration(w, sec->name);
    walk_next(w);
    struct map seen;
    map_init(&seen, sec->most);
    char name[WALK_PATH_SIZE], path[WALK_PATH_SIZE];
    size_t line;
    bool end = false;
    while (!end) {
        union section_struct e;
        if (!walk_key(w, sec->name, name, &line, &end))
            continue;
        start_element(w, sec, &e);
        walk_path(path, sec->name, name);
        bool good = !w->dead && take_name(w, path, sec, line, name, &e);
        walk_next(w);
        union {
            void *pointer;
            uintptr_t number;
        } first = {good ? map_find(&seen, span_str(name)) : NULL};
        if (first.pointer != NULL)
            duplicate(w, line, path, first.number);
        if (!good || first.pointer != NULL) {
            walk_skip(w, path);
            continue;
        }
        size_t element = section_count(sec, w->s);
        /* The list alone is short for a mapping with nothing but the list. */
        if (sec->shape == SHAPE_NAMED || walk_at(w, YAML_MAPPING_START_EVENT)) {
            (void)take_object(w, path, sec, element, &e);
        } else {
            bool list_good = take_list(w, path, &sec->keys[1], &e);
            walk_mark(w, sec, element, NULL, line, false);
            walk_mark(w, sec, element, &sec->keys[1], line, !list_good);
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
    char name[WALK_PATH_SIZE], path[WALK_PATH_SIZE];
    size_t seen[SECTION_COUNT] = {0}, line;
    bool end = false;
    walk_refuse_decoration(w, "document");
    if (!walk_at(w, YAML_MAPPING_START_EVENT)) {
        walk_expected(w, "document", "a mapping", NULL);
        w->dead = true;
        return;
    }
    walk_next(w);
    while (!end) {
        if (!walk_key(w, "document", name, &line, &end))
            continue;
        walk_path(path, "", name);
        const struct section *sec = section_find(span_str(name));
        if (sec == NULL) {
            walk_expected(w, path, "a section",
                          walk_is_full(w) ? NULL : section_nearest(span_str(name)));
            walk_next(w);
            walk_skip(w, path);
            continue;
        }
        walk_next(w);
        size_t *first = &seen[sec - section_of(0)];
        if (*first != 0) {
            duplicate(w, line, path, *first);
            walk_skip(w, path);
            continue;
        }
        *first = line;
        walk_mark(w, sec, SIZE_MAX, NULL, line, false);
        take_section(w, sec);
    }
}

static void take_document(struct walk *w)
{
    walk_next(w); /* the stream's start */
    walk_next(w);
    if (walk_at(w, YAML_DOCUMENT_START_EVENT)) {
        if (w->event.data.document_start.version_directive != NULL ||
            w->event.data.document_start.tag_directives.start !=
                w->event.data.document_start.tag_directives.end)
            walk_complain(w, walk_line(w), "document", "expected no directives, found one");
        walk_next(w);
        take_top(w);
        walk_next(w);
    }
    if (walk_at(w, YAML_DOCUMENT_START_EVENT))
        walk_complain(w, walk_line(w), "document", "expected one document, found a second one");
}

/* ---- the whole --------------------------------------------------------------------------------
 */

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
        int rc = verify_each(w->s, walk_found, w);
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
            walk_report(w, name, errors);
    }
    if (w != NULL) {
        for (size_t i = 0; i < WALK_ERRORS_MAX; i++)
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
