/* A walk over the events of a YAML text: libyaml made strict, with everything that is to be said
 * about the text on the way. Inside src/conf/yaml.c's reader only.
 *
 * The walk always stands at one event. Only what libyaml cannot read, nesting past WALK_DEPTH_MAX
 * and no memory end it early: then it is dead, walk_at is false for every type, and every loop over
 * it ends. */
#ifndef CONF_WALK_H
#define CONF_WALK_H

#include <yaml.h>

#include "conf/value.h"
#include "conf/verify.h"

#define WALK_DEPTH_MAX 16
#define WALK_ERRORS_MAX 100
#define WALK_PATH_SIZE 320

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
    struct message message[WALK_ERRORS_MAX];
    size_t messages; /* may exceed WALK_ERRORS_MAX: those are counted, not kept */
    struct mark *marks;
    size_t mark_count, mark_room;
};

/* ---- what is said ---- */

/* "path: text" for a line. */
void walk_complain(struct walk *w, size_t line, const char *path, const char *fmt, ...)
    printf_like(4, 5);
/* Nothing that is said from now on will be shown: not worth the search for a better word. */
static inline bool walk_is_full(const struct walk *w)
{
    return w->messages >= WALK_ERRORS_MAX;
}
/* "expected what, found" the present event; hint: NULL or "" for none. */
void walk_expected(struct walk *w, const char *path, const char *what, const char *hint);
/* What the present event is, for "found …". */
void walk_describe(const struct walk *w, char out[COMPLAINT_QUOTED]);
/* Remembers where an element or key stands. */
void walk_mark(struct walk *w, const struct section *sec, size_t element, const struct key *key,
               size_t line, bool bad);
/* A verify_found: the verification's findings, at the nearest line that is known. ctx: the walk. */
void walk_found(void *ctx, const struct place *at, const char *text);
/* Everything that was said, in order of lines. */
void walk_report(struct walk *w, const char *name, struct buf *errors);

/* ---- the present event ---- */

void walk_next(struct walk *w);
bool walk_at(const struct walk *w, yaml_event_type_t type);
size_t walk_line(const struct walk *w);
/* Of a scalar; good until walk_next. */
struct span walk_scalar(const struct walk *w);
/* Anchors, aliases and tags let a file mean more than it shows: refused wherever they stand. */
void walk_refuse_decoration(struct walk *w, const char *path);
/* Steps over the present node, whatever it is. Leaves the event behind it. */
void walk_skip(struct walk *w, const char *path);
/* Reads the key of a mapping and stays at it. False: it was none and has been skipped with its
 * value; or the mapping (or the walk) is over, then *end. */
bool walk_key(struct walk *w, const char *path, char name[WALK_PATH_SIZE], size_t *line, bool *end);
/* base.name, the name escaped. */
void walk_path(char out[WALK_PATH_SIZE], const char *base, const char *name);

#endif
