#include "conf/walk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- messages -------------------------------------------------------------------------------- */

void walk_complain(struct walk *w, size_t line, const char *path, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    size_t at = w->messages++;
    if (at >= WALK_ERRORS_MAX)
        return;
    struct message *m = &w->message[at];
    *m = (struct message){(uint32_t)line, (uint32_t)at, NULL};
    if (asprintf(&m->text, "%s: %s", path, text) < 0) {
        m->text = NULL;
        w->fault = -ENOMEM;
    }
}

size_t walk_line(const struct walk *w)
{
    return w->event.start_mark.line + 1;
}

struct span walk_scalar(const struct walk *w)
{
    return span_of(w->event.data.scalar.value, w->event.data.scalar.length);
}

void walk_describe(const struct walk *w, char out[COMPLAINT_QUOTED])
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
    if (what != NULL) {
        (void)snprintf(out, COMPLAINT_QUOTED, "%s", what);
        return;
    }
    bool plain = w->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (walk_scalar(w).len == 0) {
        (void)snprintf(out, COMPLAINT_QUOTED, "%s", plain ? "nothing" : "an empty text");
        return;
    }
    complaint_quote(out, walk_scalar(w));
}

void walk_expected(struct walk *w, const char *path, const char *what, const char *hint)
{
    char found[COMPLAINT_QUOTED];
    walk_describe(w, found);
    walk_complain(w, walk_line(w), path, "expected %s, found %s%s%s%s", what, found,
                  hint != NULL && hint[0] ? "; did you mean \"" : "", hint != NULL ? hint : "",
                  hint != NULL && hint[0] ? "\"?" : "");
}

/* ---- marks ----------------------------------------------------------------------------------- */

void walk_mark(struct walk *w, const struct section *sec, size_t element, const struct key *key,
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

void walk_found(void *ctx, const struct place *at, const char *text)
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
    walk_complain(w, line, path.bad ? "?" : (const char *)buf_view(&path).at, "%s", text);
    buf_fini(&path);
}

/* ---- events ---------------------------------------------------------------------------------- */

void walk_next(struct walk *w)
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
    walk_complain(w, w->parser.problem_mark.line + 1, "syntax",
                  "expected YAML, found a mistake (%s)",
                  w->parser.problem != NULL ? w->parser.problem : "unreadable");
}

bool walk_at(const struct walk *w, yaml_event_type_t type)
{
    return !w->dead && w->event.type == type;
}

void walk_refuse_decoration(struct walk *w, const char *path)
{
    const char *what = NULL;
    if (walk_at(w, YAML_SCALAR_EVENT))
        what = w->event.data.scalar.anchor ? "an anchor"
               : w->event.data.scalar.tag  ? "a tag"
                                           : NULL;
    else if (walk_at(w, YAML_SEQUENCE_START_EVENT))
        what = w->event.data.sequence_start.anchor ? "an anchor"
               : w->event.data.sequence_start.tag  ? "a tag"
                                                   : NULL;
    else if (walk_at(w, YAML_MAPPING_START_EVENT))
        what = w->event.data.mapping_start.anchor ? "an anchor"
               : w->event.data.mapping_start.tag  ? "a tag"
                                                  : NULL;
    if (what != NULL)
        walk_complain(w, walk_line(w), path, "expected a plain value, found %s", what);
}

void walk_skip(struct walk *w, const char *path)
{
    size_t depth = 0;
    do {
        if (walk_at(w, YAML_MAPPING_START_EVENT) || walk_at(w, YAML_SEQUENCE_START_EVENT))
            depth++;
        else if (walk_at(w, YAML_MAPPING_END_EVENT) || walk_at(w, YAML_SEQUENCE_END_EVENT))
            depth--;
        if (depth > WALK_DEPTH_MAX) {
            walk_complain(w, walk_line(w), path,
                          "expected no deeper nesting, found more than %d levels", WALK_DEPTH_MAX);
            w->dead = true;
        }
        walk_next(w);
    } while (depth > 0 && !w->dead);
}

bool walk_key(struct walk *w, const char *path, char name[WALK_PATH_SIZE], size_t *line, bool *end)
{
    *end = w->dead;
    if (w->dead)
        return false;
    if (walk_at(w, YAML_MAPPING_END_EVENT)) {
        *end = true;
        walk_next(w);
        return false;
    }
    walk_refuse_decoration(w, path);
    *line = walk_line(w);
    struct span text = SPAN_NONE;
    if (walk_at(w, YAML_SCALAR_EVENT))
        text = walk_scalar(w);
    if (text.len == 0 || text.len > 128 || span_find(text, 0) != SIZE_MAX) {
        walk_expected(w, path, "a key", NULL);
        walk_skip(w, path);
        walk_skip(w, path);
        return false;
    }
    memcpy(name, text.at, text.len);
    name[text.len] = 0;
    return true;
}

void walk_path(char out[WALK_PATH_SIZE], const char *base, const char *name)
{
    char shown[COMPLAINT_ESCAPED];
    /* Inside messages a foreign key is escaped like any value. */
    complaint_escape(shown, span_str(name));
    (void)snprintf(out, WALK_PATH_SIZE, "%s%s%s", base, base[0] ? "." : "", shown);
}

/* ---- the report --------------------------------------------------------------------------------
 */

static int by_line(const void *a, const void *b)
{
    const struct message *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void walk_report(struct walk *w, const char *name, struct buf *errors)
{
    size_t kept = w->messages < WALK_ERRORS_MAX ? w->messages : WALK_ERRORS_MAX;
    qsort(w->message, kept, sizeof(*w->message), by_line);
    for (size_t i = 0; i < kept; i++)
        if (w->message[i].text != NULL)
            (void)buf_printf(errors, "%s:%u: %s\n", name, w->message[i].line, w->message[i].text);
    if (w->messages > kept)
        (void)buf_printf(errors, "%s: %zu more errors are not shown\n", name, w->messages - kept);
}
