#include "conf/yaml.h"

#include "base/fault.h"
#include "base/text.h"
#include "conf/value.h"

/* Texts are always quoted, so that no reader takes one for something else. JSON's quoting is
 * YAML's. */
static void dump_item(const struct key *k, const void *target, size_t item, struct buf *out)
{
    if (value_is_number(k) || value_is_truth(k)) {
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

static void dump_value(const struct key *k, const void *target, struct buf *out)
{
    size_t count = value_count(k, target);
    if (!(k->flags & KEY_LIST) || ((k->flags & KEY_ONE) && count == 1)) {
        dump_item(k, target, 0, out);
        return;
    }
    (void)buf_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        (void)buf_text(out, i == 0 ? "" : ", ");
        dump_item(k, target, i, out);
    }
    (void)buf_text(out, "]");
}

/* The keys of one struct, each on a line of its own; absent ones are left out. */
static void dump_keys(const struct section *sec, size_t from, const void *target, const char *first,
                      const char *indent, struct buf *out)
{
    const char *lead = first;
    for (size_t i = from; i < sec->key_count; i++) {
        const struct key *k = &sec->keys[i];
        if (value_count(k, target) == 0 || (k->flags & KEY_HIDDEN))
            continue;
        (void)buf_printf(out, "%s%s: ", lead, k->name);
        dump_value(k, target, out);
        (void)buf_text(out, "\n");
        lead = indent;
    }
}

static bool is_from_file(const struct section *sec, const void *element)
{
    enum origin origin = ORIGIN_FILE;
    if (sec->origin != SIZE_MAX)
        memcpy(&origin, (const char *)element + sec->origin, sizeof(origin));
    return origin == ORIGIN_FILE;
}

static void dump_element(const struct section *sec, const void *e, const char *name,
                         struct buf *out)
{
    if (sec->shape == SHAPE_LIST) {
        dump_keys(sec, 0, e, "  - ", "    ", out);
        return;
    }
    bool only_list = sec->shape == SHAPE_NAMED_LIST;
    for (size_t i = 2; i < sec->key_count; i++)
        only_list &= value_count(&sec->keys[i], e) == 0;
    (void)buf_text(out, "  ");
    (void)text_json(out, span_str(name));
    if (!only_list) {
        (void)buf_text(out, ":\n");
        dump_keys(sec, 1, e, "    ", "    ", out);
    } else {
        (void)buf_text(out, ": ");
        dump_value(&sec->keys[1], e, out);
        (void)buf_text(out, "\n");
    }
}

int yaml_dump(const struct snapshot *s, struct buf *out)
{
    for (enum section_id id = 0; id < SECTION_COUNT; id++) {
        const struct section *sec = section_of(id);
        bool empty = true;
        for (size_t i = 0; i < section_count(sec, s) && !out->bad; i++) {
            const void *e = section_element(sec, s, i);
            if (!is_from_file(sec, e))
                continue;
            if (empty)
                (void)buf_printf(out, "%s:\n", sec->name);
            empty = false;
            if (section_is_machine(sec))
                dump_keys(sec, 0, e, "  ", "  ", out);
            else
                dump_element(sec, e, section_element_name(sec, s, i), out);
        }
    }
    return out->bad ? FAULT_LIMIT : 0;
}
