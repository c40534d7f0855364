#include "keeper/json.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"

/* The greatest nesting of brackets outside strings. What is not JSON counts as it comes: the parser
 * refuses it afterwards. */
static unsigned depth_of(struct span text)
{
    unsigned depth = 0, most = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.at[i];
        if (quoted) {
            if (b == '\\') {
                i++;
            } else if (b == '"') {
                quoted = false;
            }
        } else if (b == '"') {
            quoted = true;
        } else if (b == '{' || b == '[') {
            if (++depth > most) {
                most = depth;
            }
        } else if ((b == '}' || b == ']') && depth > 0) {
            depth--;
        }
    }
    return most;
}

static int refuse(int fault, char *why, size_t why_len, const char *text)
{
    if (why != NULL) {
        (void)snprintf(why, why_len, "%s", text);
    }
    return fault;
}

int json_read(struct span text, json_t **ret, char *why, size_t why_len)
{
    return json_read_most(text, JSON_BODY_MAX, ret, why, why_len);
}

int json_read_most(struct span text, size_t most, json_t **ret, char *why, size_t why_len)
{
    if (text.len > most) {
        return refuse(FAULT_LIMIT, why, why_len,
                      most > JSON_BODY_MAX ? "the body is larger than 4 MiB"
                                           : "the body is larger than 64 KiB");
    }
    if (depth_of(text) > JSON_DEPTH_MAX) {
        return refuse(FAULT_LIMIT, why, why_len, "the JSON is nested too deeply");
    }
    json_error_t error;
    json_t *value = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        if (why != NULL) {
            /* The library quotes what it found: not all of that is printable. */
            (void)snprintf(
                why, why_len, "not valid JSON at line %d column %d%s", error.line, error.column,
                json_error_code(&error) == json_error_duplicate_key ? ": a key occurs twice" : "");
        }
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : FAULT_FORMAT;
    }
    if (!json_is_object(value)) {
        json_decref(value);
        return refuse(FAULT_FORMAT, why, why_len, "the body must be a JSON object");
    }
    *ret = value;
    return 0;
}

static int append_chunk(const char *at, size_t len, void *out)
{
    return buf_append(out, span_of(at, len)) < 0 ? -1 : 0;
}

int json_write(const json_t *value, struct buf *out)
{
    if (json_dump_callback(value, append_chunk, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
        return FAULT_LIMIT;
    }
    return 0;
}

struct span json_span(const json_t *value)
{
    return json_is_string(value) ? span_of(json_string_value(value), json_string_length(value))
                                 : SPAN_NONE;
}

json_t *json_text(struct span bytes)
{
    if (bytes.len == 0) {
        return json_string("");
    }
    if (text_is_utf8(bytes) && memchr(bytes.at, 0, bytes.len) == NULL) {
        return json_stringn((const char *)bytes.at, bytes.len);
    }
    struct buf clean;
    buf_init(&clean, bytes.len + 1);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t b = bytes.at[i];
        (void)buf_byte(&clean, b >= 0x20 && b < 0x7f ? b : '?');
    }
    struct span view = buf_view(&clean);
    json_t *value = clean.bad ? NULL : json_stringn((const char *)view.at, view.len);
    buf_fini(&clean);
    return value;
}

int json_put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0 ? 0 : -ENOMEM;
}

int json_push(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0 ? 0 : -ENOMEM;
}

json_t *json_time_ms(uint64_t wall_ms)
{
    if (wall_ms == 0) {
        return json_null();
    }
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ms, text);
    return json_string(text);
}

json_t *json_time(uint64_t wall_seconds)
{
    return json_time_ms(wall_seconds * 1000);
}

json_t *json_lines(struct span lines)
{
    json_t *array = json_array();
    struct span line;
    while (array != NULL && span_cut(&lines, '\n', &line)) {
        if (line.len > 0 && json_push(array, json_text(line)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}
