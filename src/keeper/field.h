/* Fields: what a body, a query or an answer may hold, as rows of a table.
 *
 * The same rows check what comes in, name the member at fault, and become docs/api.md and
 * api/openapi.yaml. A type says what a value looks like; whether it exists or may be is for the
 * handler. What is not in the table is refused, and so is what stands there twice. */
#ifndef KEEPER_FIELD_H
#define KEEPER_FIELD_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/macros.h"

enum field_type {
    FIELD_STRING,
    FIELD_FLAG,
    FIELD_NUMBER,
    FIELD_LIST,     /* of strings */
    FIELD_NAME,     /* text_is_name() */
    FIELD_NAMES,    /* a list of them */
    FIELD_ENUM,     /* one of `values` */
    FIELD_ENUMS,    /* a list of them */
    FIELD_DURATION, /* text_seconds(), or one of `values` */
    FIELD_ADDRESS,  /* of a host, as text */
    FIELD_TIME,     /* 2026-03-01T12:34:56Z */
    FIELD_OBJECT,   /* with `fields`; NULL: any object */
    FIELD_OBJECTS,  /* a list of them */
    FIELD_ANY,
};

struct field {
    const char *name; /* NULL ends a list of fields */
    enum field_type type;
    bool required;
    const char *help;
    const char *values; /* "mail|webhook" */
    /* Of a number itself, of a duration its seconds, of a string its bytes, of a list its items;
     * max 0: no bound of its own. */
    uint64_t min, max;
    const struct field *fields;
    bool null; /* of an answer: null where there is nothing to say */
};

#define FIELD_PATH_SIZE 64u

/* Where and what is wrong. */
struct field_fault {
    char path[FIELD_PATH_SIZE]; /* "rules[0].name"; "" when it is no member's */
    char why[160];
};

const struct field *field_find(const struct field *fields, struct span name);
/* Is the object made of these fields? NULL: of none. */
bool fields_fit(const struct field *fields, const json_t *object, struct field_fault *fault);
/* The same for a query ("a=1&b=2"); values decoded for the check live in the arena. */
bool fields_fit_query(const struct field *fields, struct span query, struct arena *arena,
                      struct field_fault *fault);
/* "a whole number from 1 to 500" */
void field_words(const struct field *f, struct buf *out);

#endif
