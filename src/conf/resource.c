#include "conf/resource.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/value.h"

struct reading {
    const struct section *section;
    struct arena *arena;
    struct buf *errors;
    size_t wrong;
    int fault; /* -ENOMEM */
};

#define ERRORS_MAX 100

static void put_escaped(struct buf *out, struct span text)
{
    char shown[COMPLAINT_ESCAPED];
    complaint_escape(shown, text);
    (void)buf_text(out, shown);
}

static void put_quoted(struct buf *out, struct span text)
{
    char shown[COMPLAINT_QUOTED];
    complaint_quote(shown, text);
    (void)buf_text(out, shown);
}

static void describe(const json_t *v, struct buf *out)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        (void)buf_text(out, "an object");
        break;
    case JSON_ARRAY:
        (void)buf_text(out, "a list");
        break;
    case JSON_STRING:
        if (json_string_length(v) == 0)
            (void)buf_text(out, "an empty text");
        else
            put_quoted(out, span_of(json_string_value(v), json_string_length(v)));
        break;
    case JSON_INTEGER:
        (void)buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        (void)buf_text(out, "a fraction");
        break;
    case JSON_TRUE:
        (void)buf_text(out, "true");
        break;
    case JSON_FALSE:
        (void)buf_text(out, "false");
        break;
    case JSON_NULL:
        (void)buf_text(out, "null");
        break;
    }
}

/* item SIZE_MAX: the key as a whole. The key itself may be foreign, so it is escaped. */
static void complain(struct reading *r, const char *key, size_t item, const char *expected,
                     const json_t *found, const char *hint)
{
    if (r->wrong++ >= ERRORS_MAX)
        return;
    put_escaped(r->errors, span_str(key));
    if (item != SIZE_MAX)
        (void)buf_printf(r->errors, "[%zu]", item);
    (void)buf_printf(r->errors, ": expected %s, found ", expected);
    if (found == NULL)
        (void)buf_text(r->errors, "nothing");
    else
        describe(found, r->errors);
    if (hint != NULL && hint[0] != 0)
        (void)buf_printf(r->errors, "; did you mean \"%s\"?", hint);
    (void)buf_text(r->errors, "\n");
}

/* One string or number into the key. */
static void read_scalar(struct reading *r, const struct key *k, size_t item, const json_t *v,
                        void *target)
{
    char digits[32];
    struct span text = SPAN_NONE;
    bool integer = k->type == KEY_COUNT || k->type == KEY_PORT;
    if (json_is_string(v) && !integer && !value_is_truth(k)) {
        text = span_of(json_string_value(v), json_string_length(v));
    } else if (json_is_integer(v) && value_is_number(k)) {
        (void)snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        text = span_str(digits);
    } else if (json_is_boolean(v) && value_is_truth(k)) {
        text = json_is_true(v) ? SPAN("true") : SPAN("false");
    }
    /* A text that is no value of any type lets value_set say what the type expects. */
    bool fits = text.at != NULL;
    struct complaint c;
    int rc = value_set(k, r->arena, fits ? text : SPAN("\n"), target, &c);
    if (rc == FAULT_FORMAT)
        complain(r, k->name, item, c.expected, v, c.hint);
    else if (rc < 0)
        r->fault = rc;
}

static void read_list(struct reading *r, const struct key *k, const json_t *v, void *target)
{
    size_t i;
    json_t *item;
    if (!json_is_array(v)) {
        complain(r, k->name, SIZE_MAX, "a list", v, NULL);
        return;
    }
    json_array_foreach(v, i, item)
    {
        if (r->fault < 0 || r->wrong >= ERRORS_MAX)
            return;
        read_scalar(r, k, i, item, target);
    }
}

static void read_object(struct reading *r, const json_t *object, void *target)
{
    /* jansson's iterators want a pointer that could change the object; nothing here does. */
    union {
        const json_t *given;
        json_t *walked;
    } o = {object};
    const char *name;
    json_t *v;
    json_object_foreach(o.walked, name, v)
    {
        const struct key *k = section_key(r->section, span_str(name));
        char what[64];
        if (r->fault < 0)
            return;
        (void)snprintf(what, sizeof(what), "a key of %s", r->section->kind);
        if (k == NULL)
            complain(r, name, SIZE_MAX, what, v, section_nearest_key(r->section, span_str(name)));
        else if ((k->flags & KEY_LIST) && !((k->flags & KEY_ONE) && !json_is_array(v)))
            read_list(r, k, v, target);
        else
            read_scalar(r, k, SIZE_MAX, v, target);
    }
    for (size_t i = 0; i < r->section->key_count; i++) {
        const struct key *k = &r->section->keys[i];
        struct complaint c;
        size_t item;
        if ((k->flags & KEY_REQUIRED) && json_object_get(o.walked, k->name) == NULL &&
            !value_ok(k, target, &item, &c))
            complain(r, k->name, SIZE_MAX, c.expected, NULL, NULL);
    }
}

static const struct section *resource_section(const char *kind)
{
    const struct section *sec = section_of_kind(kind);
    return sec == NULL || sec->origin == SIZE_MAX ? NULL : sec;
}

static int read_element(struct reading *r, const json_t *root, struct snapshot *s)
{
    union section_struct e;
    enum origin origin = ORIGIN_STORE;
    memset(&e, 0, sizeof(e));
    int rc = section_defaults(r->section, r->arena, &e);
    if (rc < 0)
        return rc;
    memcpy((char *)&e + r->section->origin, &origin, sizeof(origin));
    read_object(r, root, &e);
    if (r->fault < 0)
        return r->fault;
    if (r->wrong > 0)
        return FAULT_FORMAT;
    return section_append(r->section, s, &e);
}

/* The JSON object, or NULL with *fault. */
static json_t *load(struct reading *r, struct span json, int *fault)
{
    if (json.len > RESOURCE_MAX) {
        (void)buf_text(r->errors, "document: expected at most 4MiB, found more\n");
        *fault = FAULT_FORMAT;
        return NULL;
    }
    json_error_t error;
    json_t *root = json_loadb(json.at != NULL ? (const char *)json.at : "", json.len,
                              JSON_REJECT_DUPLICATES, &error);
    *fault = 0;
    if (root == NULL) {
        /* jansson quotes the text near the mistake, which is foreign: its own words end before it.
         */
        const char *near = strstr(error.text, " near '");
        struct span words =
            span_of(error.text, near != NULL ? (size_t)(near - error.text) : strlen(error.text));
        (void)buf_printf(r->errors, "syntax: expected JSON, found a mistake in line %d (",
                         error.line);
        put_escaped(r->errors, words);
        (void)buf_text(r->errors, ")\n");
        *fault = json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : FAULT_FORMAT;
    } else if (!json_is_object(root)) {
        complain(r, "document", SIZE_MAX, "an object", root, NULL);
        json_decref(root);
        root = NULL;
        *fault = FAULT_FORMAT;
    }
    return root;
}

int resource_parse(struct snapshot *s, const char *kind, struct span json, struct buf *errors)
{
    struct reading r = {resource_section(kind), &s->arena, errors, 0, 0};
    int rc;
    if (r.section == NULL)
        return FAULT_MISUSE;
    json_t *root = load(&r, json, &rc);
    if (root == NULL)
        return rc;
    rc = read_element(&r, root, s);
    json_decref(root);
    return rc;
}

/* ---- settings -------------------------------------------------------------------------------- */

static int read_setting(struct reading *r, const json_t *root, struct snapshot *s)
{
    const char *name = json_string_value(json_object_get(root, "name"));
    const json_t *value = json_object_get(root, "value");
    const struct key *k = name == NULL ? NULL : setting_key(span_str(name), &r->section);
    if (k == NULL) {
        complain(r, "name", SIZE_MAX, "the name of a setting", json_object_get(root, "name"), NULL);
        return FAULT_FORMAT;
    }
    if (value == NULL || json_object_size(root) != 2) {
        (void)buf_text(r->errors, "document: expected a name and a value\n");
        return FAULT_FORMAT;
    }
    if (k->flags & KEY_LIST) {
        size_t item;
        struct complaint c;
        memset((char *)s + k->field, 0, sizeof(struct names));
        read_list(r, k, value, s);
        if (r->wrong == 0 && r->fault == 0 && !value_ok(k, s, &item, &c))
            complain(r, k->name, SIZE_MAX, c.expected, value, NULL);
    } else {
        read_scalar(r, k, SIZE_MAX, value, s);
    }
    if (r->fault < 0)
        return r->fault;
    return r->wrong > 0 ? FAULT_FORMAT : setting_say(s, name);
}

int setting_parse(struct snapshot *s, struct span json, struct buf *errors)
{
    struct reading r = {NULL, &s->arena, errors, 0, 0};
    int rc;
    json_t *root = load(&r, json, &rc);
    if (root == NULL)
        return rc;
    rc = read_setting(&r, root, s);
    json_decref(root);
    return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_item(const struct key *k, const void *target, size_t item, struct buf *out)
{
    if (value_is_number(k)) {
        (void)buf_printf(out, "%llu", (unsigned long long)value_number(k, target));
        return;
    }
    if (value_is_truth(k)) {
        if (value_write(k, target, item, out) < 0)
            out->bad = true;
        return;
    }
    struct buf text;
    buf_init(&text, VALUE_TEXT_MAX);
    if (value_write(k, target, item, &text) < 0)
        out->bad = true;
    (void)text_json(out, buf_view(&text));
    buf_fini(&text);
}

int resource_write(const struct snapshot *s, const char *kind, const char *name, struct buf *out)
{
    const struct section *sec = resource_section(kind);
    if (sec == NULL)
        return FAULT_MISUSE;
    size_t i = 0, count = section_count(sec, s);
    while (i < count && strcmp(section_element_name(sec, s, i), name) != 0)
        i++;
    if (i == count)
        return FAULT_ABSENT;
    const void *target = section_element(sec, s, i);
    const char *comma = "{";
    for (size_t n = 0; n < sec->key_count; n++) {
        const struct key *k = &sec->keys[n];
        size_t items = value_count(k, target);
        if ((items == 0 && !(k->flags & KEY_LIST)) || (k->flags & KEY_HIDDEN))
            continue;
        bool list = (k->flags & KEY_LIST) && !((k->flags & KEY_ONE) && items == 1);
        (void)buf_printf(out, "%s\"%s\":%s", comma, k->name, list ? "[" : "");
        for (size_t item = 0; item < items; item++) {
            (void)buf_text(out, item == 0 ? "" : ",");
            write_item(k, target, item, out);
        }
        (void)buf_text(out, list ? "]" : "");
        comma = ",";
    }
    (void)buf_text(out, "}");
    return out->bad ? FAULT_LIMIT : 0;
}

int setting_write(const struct key *k, const struct snapshot *s, struct buf *out)
{
    size_t items = value_count(k, s);
    bool list = (k->flags & KEY_LIST) != 0;
    (void)buf_text(out, list ? "[" : items == 0 ? "null" : "");
    for (size_t item = 0; item < items; item++) {
        (void)buf_text(out, item == 0 ? "" : ",");
        write_item(k, s, item, out);
    }
    (void)buf_text(out, list ? "]" : "");
    return out->bad ? FAULT_LIMIT : 0;
}
