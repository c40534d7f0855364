#include "keeper/difflines.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "keeper/json.h"

/* Cells of the table; 1 MiB. */
#define CELLS_MAX (512u * 1024)
#define LINE_MAX_BYTES (128u * 1024)

/* One line "indent key: value"; key NULL: an item of a list. */
static int add_line(json_t *lines, const char *key, const json_t *value)
{
    struct buf text;
    buf_init(&text, LINE_MAX_BYTES);
    int r = key == NULL ? buf_text(&text, "  - ") : buf_printf(&text, "%s:", key);
    if (r == 0 && value != NULL) {
        r = key == NULL ? 0 : buf_text(&text, " ");
        r = r < 0 ? r : json_write(value, &text);
    }
    r = r < 0 ? r : json_push(lines, json_text(buf_view(&text)));
    buf_fini(&text);
    return r;
}

static json_t *lines_of(const json_t *doc)
{
    json_t *lines = json_array();
    const char *key;
    json_t *value, *item;
    size_t i;
    int r = lines == NULL ? -1 : 0;
    if (!json_is_object(doc)) {
        return lines;
    }
    json_object_foreach((json_t *)(uintptr_t)doc, key, value)
    {
        bool list = json_is_array(value) && json_array_size(value) > 0;
        r = r < 0 ? r : add_line(lines, key, list ? NULL : value);
        if (list) {
            json_array_foreach(value, i, item)
            {
                r = r < 0 ? r : add_line(lines, NULL, item);
            }
        }
    }
    if (r < 0) {
        json_decref(lines);
        return NULL;
    }
    return lines;
}

static int put_line(json_t *out, const char *op, json_t *text)
{
    return json_push(out, json_pack("{s:s,s:O}", "op", op, "text", text));
}

static bool same(const json_t *a, size_t i, const json_t *b, size_t k)
{
    return json_equal(json_array_get(a, i), json_array_get(b, k)) != 0;
}

/* The table at [i][k] says how long the longest common subsequence of the rests from i and k is. */
static int walk(json_t *out, const json_t *a, const json_t *b)
{
    size_t n = json_array_size(a), m = json_array_size(b), i = 0, k = 0;
    bool whole = n + 1 > CELLS_MAX / (m + 1);
    uint16_t *table = whole ? NULL : calloc((n + 1) * (m + 1), sizeof(*table));
    int r = 0;
    for (size_t y = n; table != NULL && y-- > 0;) {
        for (size_t x = m; x-- > 0;) {
            uint16_t down = table[(y + 1) * (m + 1) + x], right = table[y * (m + 1) + x + 1];
            table[y * (m + 1) + x] = same(a, y, b, x)
                                         ? (uint16_t)(table[(y + 1) * (m + 1) + x + 1] + 1)
                                     : down > right ? down
                                                    : right;
        }
    }
    while (r == 0 && (i < n || k < m)) {
        bool both = i < n && k < m;
        if (both && table != NULL && same(a, i, b, k)) {
            r = put_line(out, " ", json_array_get(a, i));
            i++;
            k++;
        } else if (k >= m || (both && (table == NULL || table[(i + 1) * (m + 1) + k] >=
                                                            table[i * (m + 1) + k + 1]))) {
            r = put_line(out, "-", json_array_get(a, i++));
        } else {
            r = put_line(out, "+", json_array_get(b, k++));
        }
    }
    free(table);
    return r;
}

json_t *difflines(const json_t *before, const json_t *after)
{
    json_t *a = lines_of(before), *b = lines_of(after), *out = json_array();
    if (a == NULL || b == NULL || out == NULL || walk(out, a, b) < 0) {
        json_decref(out);
        out = NULL;
    }
    json_decref(a);
    json_decref(b);
    return out;
}
