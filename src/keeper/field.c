#include "keeper/field.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/text.h"
#include "http/uri.h"
#include "keeper/json.h"

const struct field *field_find(const struct field *fields, struct span name)
{
    for (; fields != NULL && fields->name != NULL; fields++) {
        if (span_is(name, fields->name)) {
            return fields;
        }
    }
    return NULL;
}

/* Of a list the type of its items, else the type itself. */
static enum field_type item_type(enum field_type type)
{
    switch (type) {
    case FIELD_LIST:
        return FIELD_STRING;
    case FIELD_NAMES:
        return FIELD_NAME;
    case FIELD_ENUMS:
        return FIELD_ENUM;
    case FIELD_OBJECTS:
        return FIELD_OBJECT;
    case FIELD_STRING:
    case FIELD_FLAG:
    case FIELD_NUMBER:
    case FIELD_NAME:
    case FIELD_ENUM:
    case FIELD_DURATION:
    case FIELD_ADDRESS:
    case FIELD_TIME:
    case FIELD_OBJECT:
    case FIELD_ANY:
        break;
    }
    return type;
}

/* ---- in words ---- */

static void values_words(const char *values, struct buf *out)
{
    struct span rest = span_str(values), one;
    bool first = true;
    while (rest.len > 0 && span_cut(&rest, '|', &one)) {
        (void)buf_printf(out, "%s`%.*s`",
                         first           ? ""
                         : rest.len == 0 ? " or "
                                         : ", ",
                         SPAN_FMT(one));
        first = false;
    }
}

static void bounds_words(const struct field *f, const char *unit, struct buf *out)
{
    if (f->max != 0 && f->min != 0) {
        (void)buf_printf(out, " %s %" PRIu64 " to %" PRIu64 "%s", unit[0] == '\0' ? "from" : "of",
                         f->min, f->max, unit);
    } else if (f->max != 0) {
        (void)buf_printf(out, " of at most %" PRIu64 "%s", f->max, unit);
    }
}

void field_words(const struct field *f, struct buf *out)
{
    static const char *const WORDS[] = {
        [FIELD_STRING] = "a string",
        [FIELD_FLAG] = "true or false",
        [FIELD_NUMBER] = "a whole number",
        [FIELD_LIST] = "a list of strings",
        [FIELD_NAME] = "a name",
        [FIELD_NAMES] = "a list of names",
        [FIELD_ENUM] = "",
        [FIELD_ENUMS] = "a list of ",
        [FIELD_DURATION] = "a duration such as `30m`",
        [FIELD_ADDRESS] = "an IP address",
        [FIELD_TIME] = "a time such as `2026-03-01T12:00:00Z`",
        [FIELD_OBJECT] = "an object",
        [FIELD_OBJECTS] = "a list of objects",
        [FIELD_ANY] = "anything",
    };
    (void)buf_text(out, WORDS[f->type]);
    if (f->type == FIELD_DURATION && f->values != NULL) {
        (void)buf_text(out, ", or ");
    }
    if (f->values != NULL) {
        values_words(f->values, out);
    }
    if (f->type == FIELD_NUMBER && f->max == 0) {
        (void)buf_text(out, ", not negative");
    } else if (f->type == FIELD_NUMBER) {
        bounds_words(f, "", out);
    } else if (f->type == FIELD_STRING) {
        bounds_words(f, " bytes", out);
    } else if (item_type(f->type) != f->type) {
        bounds_words(f, " items", out);
    }
}

/* ---- checking ---- */

static bool wrong(struct field_fault *fault, const char *fmt, ...) printf_like(2, 3);
static bool wrong(struct field_fault *fault, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fault->why, sizeof(fault->why), fmt, args);
    va_end(args);
    return false;
}

static bool expected(const struct field *f, struct field_fault *fault)
{
    struct buf words;
    buf_init(&words, sizeof(fault->why));
    field_words(f, &words);
    /* The marks are for documents. */
    struct span view = buf_view(&words);
    char text[sizeof(fault->why)];
    size_t len = 0;
    for (size_t i = 0; i < view.len && len + 1 < sizeof(text); i++) {
        if (view.at[i] != '`') {
            text[len++] = (char)view.at[i];
        }
    }
    text[len] = '\0';
    buf_fini(&words);
    return wrong(fault, "expected %.140s", text);
}

static bool within(const struct field *f, uint64_t n)
{
    return n >= f->min && (f->max == 0 || n <= f->max);
}

static bool is_value(const char *values, struct span text)
{
    struct span rest = span_str(values), one;
    while (rest.len > 0 && span_cut(&rest, '|', &one)) {
        if (span_eq(one, text)) {
            return true;
        }
    }
    return false;
}

static bool is_time(struct span text)
{
    static const char SHAPE[] = "dddd-dd-ddTdd:dd:ddZ";
    if (text.len != sizeof(SHAPE) - 1) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool digit = text.at[i] >= '0' && text.at[i] <= '9';
        if (SHAPE[i] == 'd' ? !digit : text.at[i] != (uint8_t)SHAPE[i]) {
            return false;
        }
    }
    return true;
}

/* Text of a type that is written as text. */
static bool text_fits(const struct field *f, enum field_type type, struct span text)
{
    struct addr address;
    uint64_t seconds;
    bool listed = item_type(f->type) != f->type;
    switch (type) {
    case FIELD_NAME:
        return text_is_name(text);
    case FIELD_ENUM:
        return is_value(f->values, text);
    case FIELD_DURATION:
        return (f->values != NULL && is_value(f->values, text)) ||
               (text_seconds(text, &seconds) == 0 && within(f, seconds));
    case FIELD_ADDRESS:
        return addr_parse(text, &address) == 0;
    case FIELD_TIME:
        return is_time(text);
    case FIELD_STRING:
        return listed || within(f, text.len);
    case FIELD_FLAG:
    case FIELD_NUMBER:
    case FIELD_LIST:
    case FIELD_NAMES:
    case FIELD_ENUMS:
    case FIELD_OBJECT:
    case FIELD_OBJECTS:
    case FIELD_ANY:
        break;
    }
    return false;
}

/* Appends to the path for as long as the check goes deeper; *keep is cut back to its length
 * afterwards when all is well. */
static void path_add(struct field_fault *fault, const char *fmt, ...) printf_like(2, 3);
static void path_add(struct field_fault *fault, const char *fmt, ...)
{
    size_t at = strlen(fault->path);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fault->path + at, sizeof(fault->path) - at, fmt, args);
    va_end(args);
}

static bool object_fits(const struct field *fields, const json_t *object,
                        struct field_fault *fault);

static bool one_fits(const struct field *f, enum field_type type, const json_t *value,
                     struct field_fault *fault)
{
    switch (type) {
    case FIELD_ANY:
        return true;
    case FIELD_FLAG:
        return json_is_boolean(value) || expected(f, fault);
    case FIELD_NUMBER:
        return (json_is_integer(value) && json_integer_value(value) >= 0 &&
                within(f, (uint64_t)json_integer_value(value))) ||
               expected(f, fault);
    case FIELD_OBJECT:
        if (!json_is_object(value)) {
            return expected(f, fault);
        }
        return f->fields == NULL || object_fits(f->fields, value, fault);
    case FIELD_STRING:
    case FIELD_NAME:
    case FIELD_ENUM:
    case FIELD_DURATION:
    case FIELD_ADDRESS:
    case FIELD_TIME:
    case FIELD_LIST:
    case FIELD_NAMES:
    case FIELD_ENUMS:
    case FIELD_OBJECTS:
        break;
    }
    return (json_is_string(value) && text_fits(f, type, json_span(value))) || expected(f, fault);
}

static bool value_fits(const struct field *f, const json_t *value, struct field_fault *fault)
{
    enum field_type item = item_type(f->type);
    if (item == f->type) {
        return one_fits(f, item, value, fault);
    }
    if (!json_is_array(value) || !within(f, json_array_size(value))) {
        return expected(f, fault);
    }
    size_t length = strlen(fault->path);
    for (size_t i = 0; i < json_array_size(value); i++) {
        /* A list of plain text is at fault as a whole: its name is what a form has. */
        if (item == FIELD_OBJECT) {
            path_add(fault, "[%zu]", i);
        }
        if (!one_fits(f, item, json_array_get(value, i), fault)) {
            return false;
        }
        fault->path[length] = '\0';
    }
    return true;
}

static bool object_fits(const struct field *fields, const json_t *object, struct field_fault *fault)
{
    size_t length = strlen(fault->path);
    const char *dot = length > 0 ? "." : "";
    const char *name;
    json_t *value;
    /* The library's iterator is not const, and changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const struct field *f = field_find(fields, span_str(name));
        path_add(fault, "%s%s", dot, name);
        if (f == NULL) {
            return wrong(fault, "this operation knows no such member");
        }
        if (!value_fits(f, value, fault)) {
            return false;
        }
        fault->path[length] = '\0';
    }
    for (const struct field *f = fields; f != NULL && f->name != NULL; f++) {
        if (f->required && json_object_get(object, f->name) == NULL) {
            path_add(fault, "%s%s", dot, f->name);
            return wrong(fault, "this member is required");
        }
    }
    return true;
}

bool fields_fit(const struct field *fields, const json_t *object, struct field_fault *fault)
{
    *fault = (struct field_fault){0};
    return object_fits(fields, object, fault);
}

/* ---- queries ---- */

static bool parameter_fits(const struct field *f, struct span text)
{
    uint64_t n;
    switch (f->type) {
    case FIELD_NUMBER:
        return text_u64(text, INT64_MAX, &n) == 0 && within(f, n);
    case FIELD_FLAG:
        return is_value("1|0|true|false", text);
    case FIELD_STRING:
    case FIELD_NAME:
    case FIELD_ENUM:
    case FIELD_DURATION:
    case FIELD_ADDRESS:
    case FIELD_TIME:
        return text_fits(f, f->type, text);
    case FIELD_LIST:
    case FIELD_NAMES:
    case FIELD_ENUMS:
    case FIELD_OBJECT:
    case FIELD_OBJECTS:
    case FIELD_ANY:
        break;
    }
    return true;
}

bool fields_fit_query(const struct field *fields, struct span query, struct arena *arena,
                      struct field_fault *fault)
{
    struct span rest = query, pair, key, text;
    *fault = (struct field_fault){0};
    while (rest.len > 0 && span_cut(&rest, '&', &pair)) {
        key = span_sub(pair, 0, span_find(pair, '='));
        if (pair.len > 0 && field_find(fields, key) == NULL) {
            path_add(fault, "%.*s", SPAN_FMT(span_sub(key, 0, 32)));
            return wrong(fault, "this operation knows no such parameter");
        }
    }
    for (const struct field *f = fields; f != NULL && f->name != NULL; f++) {
        int r = uri_form_value(query, f->name, arena, &text);
        if (r == FAULT_ABSENT && !f->required) {
            continue;
        }
        path_add(fault, "%s", f->name);
        if (r == FAULT_ABSENT) {
            return wrong(fault, "this parameter is required");
        }
        if (r < 0) {
            return wrong(fault, "this parameter stands there twice, or is not well-formed");
        }
        if (!parameter_fits(f, text)) {
            return expected(f, fault);
        }
        fault->path[0] = '\0';
    }
    return true;
}
