#include "conf/keys.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/value.h"

/* ---- the table ------------------------------------------------------------------------------- */

#define REQUIRED KEY_REQUIRED
#define LIST KEY_LIST
#define LOCAL KEY_LOCAL
#define SECRET KEY_SECRET
#define ONE KEY_ONE
#define DERIVED KEY_DERIVED
#define RUNTIME KEY_RUNTIME
#define NOTED KEY_NOTED

#define SECTION(ID, name, kind, shape, type, array, most, text)                                    \
    static const struct key KEYS_##ID[] = {
#define KEY(type, name, TYPE, field, extra, flags, fallback, least, most, text)                    \
    {                                                                                              \
        #name,                                                                                     \
        KEY_##TYPE,                                                                                \
        flags,                                                                                     \
        offsetof(struct type, field),                                                              \
        offsetof(struct type, extra),                                                              \
        fallback,                                                                                  \
        least,                                                                                     \
        most,                                                                                      \
        text},
#define END(ID)                                                                                    \
    }                                                                                              \
    ;
#include "conf/keys.def"
#undef SECTION
#undef KEY
#undef END

#undef REQUIRED
#undef LIST
#undef LOCAL
#undef SECRET
#undef ONE
#undef DERIVED
#undef RUNTIME
#undef NOTED

/* Listeners, directories and the sections of the machine come from the file alone; only resources
 * have an origin. */
#define ORIGIN_snapshot SIZE_MAX
#define ORIGIN_listener_def SIZE_MAX
#define ORIGIN_directory_def SIZE_MAX
#define ORIGIN_provider_def SIZE_MAX
#define ORIGIN_zone_def offsetof(struct zone_def, origin)
#define ORIGIN_route_def offsetof(struct route_def, origin)
#define ORIGIN_rule_def offsetof(struct rule_def, origin)
#define ORIGIN_test_def offsetof(struct test_def, origin)

static const struct section SECTIONS[SECTION_COUNT] = {
#define SECTION(ID, name, kind, shape, type, array, most, text)                                    \
    {#name,                                                                                        \
     kind,                                                                                         \
     SHAPE_##shape,                                                                                \
     KEYS_##ID,                                                                                    \
     countof(KEYS_##ID),                                                                           \
     sizeof(struct type),                                                                          \
     offsetof(struct snapshot, array##s),                                                          \
     offsetof(struct snapshot, array##_count),                                                     \
     ORIGIN_##type,                                                                                \
     most,                                                                                         \
     text},
#define KEY(type, name, TYPE, field, extra, flags, fallback, least, most, text)
#define END(ID)
#include "conf/keys.def"
#undef SECTION
#undef KEY
#undef END
};

const struct section *section_of(enum section_id id)
{
    assert(id < SECTION_COUNT);
    return &SECTIONS[id];
}

const struct section *section_find(struct span name)
{
    for (size_t i = 0; i < SECTION_COUNT; i++)
        if (span_is(name, SECTIONS[i].name))
            return &SECTIONS[i];
    return NULL;
}

const struct section *section_of_kind(const char *kind)
{
    for (size_t i = 0; i < SECTION_COUNT; i++)
        if (SECTIONS[i].kind[0] != 0 && strcmp(kind, SECTIONS[i].kind) == 0)
            return &SECTIONS[i];
    return NULL;
}

const struct key *section_key(const struct section *sec, struct span name)
{
    for (size_t i = 0; i < sec->key_count; i++)
        if (!(sec->keys[i].flags & KEY_HIDDEN) && span_is(name, sec->keys[i].name))
            return &sec->keys[i];
    return NULL;
}

const struct key *setting_key(struct span name, const struct section **sec)
{
    struct span rest = name, first;
    if (!span_cut(&rest, '.', &first))
        return NULL;
    const struct section *found = section_find(first);
    const struct key *k =
        found == NULL || !section_is_machine(found) ? NULL : section_key(found, rest);
    if (k == NULL || !(k->flags & KEY_RUNTIME))
        return NULL;
    *sec = found;
    return k;
}

const struct key *setting_at(size_t i, const struct section **sec, char name[SETTING_NAME_SIZE])
{
    for (size_t at = 0; at < SECTION_COUNT; at++) {
        const struct section *one = &SECTIONS[at];
        for (size_t k = 0; k < one->key_count; k++) {
            if (!section_is_machine(one) || !(one->keys[k].flags & KEY_RUNTIME))
                continue;
            if (i-- == 0) {
                *sec = one;
                (void)snprintf(name, SETTING_NAME_SIZE, "%s.%s", one->name, one->keys[k].name);
                return &one->keys[k];
            }
        }
    }
    return NULL;
}

bool setting_is_said(const struct snapshot *s, struct span name)
{
    for (size_t i = 0; i < s->said.count; i++)
        if (span_is(name, s->said.name[i]))
            return true;
    return false;
}

int setting_say(struct snapshot *s, const char *name)
{
    if (setting_is_said(s, span_str(name)))
        return 0;
    const char **at = array_grow(&s->arena, (void **)&s->said.name, s->said.count, sizeof(*at));
    if (at == NULL || (*at = arena_string(&s->arena, span_str(name))) == NULL)
        return -ENOMEM;
    s->said.count++;
    return 0;
}

int setting_copy(const struct key *k, const struct snapshot *from, struct snapshot *to)
{
    size_t count = value_count(k, from);
    int rc = 0;
    if (k->flags & KEY_LIST)
        memset((char *)to + k->field, 0, sizeof(struct names));
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct complaint c;
        struct buf text;
        buf_init(&text, VALUE_TEXT_MAX);
        rc = value_write(k, from, i, &text);
        rc = rc < 0 ? rc : value_set(k, &to->arena, buf_view(&text), to, &c);
        buf_fini(&text);
    }
    return rc;
}

#define WORD_SIZE 64

static const char *nearest(struct span name, const char *const *words, size_t count)
{
    char word[WORD_SIZE];
    if (name.len >= sizeof(word) || span_find(name, 0) != SIZE_MAX)
        return NULL;
    memcpy(word, name.at, name.len);
    word[name.len] = 0;
    return text_nearest(word, words, count);
}

const char *section_nearest(struct span name)
{
    const char *words[SECTION_COUNT];
    for (size_t i = 0; i < SECTION_COUNT; i++)
        words[i] = SECTIONS[i].name;
    return nearest(name, words, SECTION_COUNT);
}

const char *section_nearest_key(const struct section *sec, struct span name)
{
    const char *words[KEYS_MAX];
    assert(sec->key_count <= KEYS_MAX);
    size_t count = 0;
    for (size_t i = 0; i < sec->key_count; i++)
        if (!(sec->keys[i].flags & KEY_HIDDEN))
            words[count++] = sec->keys[i].name;
    return nearest(name, words, count);
}

/* ---- the elements of a section --------------------------------------------------------------- */

static void *array_at(const struct section *sec, const struct snapshot *s)
{
    void *at;
    memcpy(&at, (const char *)s + sec->at, sizeof(at));
    return at;
}

size_t section_count(const struct section *sec, const struct snapshot *s)
{
    if (section_is_machine(sec))
        return 1;
    size_t count;
    memcpy(&count, (const char *)s + sec->count, sizeof(count));
    return count;
}

const void *section_element(const struct section *sec, const struct snapshot *s, size_t i)
{
    return section_is_machine(sec) ? (const void *)s : (char *)array_at(sec, s) + i * sec->size;
}

const char *section_element_name(const struct section *sec, const struct snapshot *s, size_t i)
{
    if (section_is_machine(sec))
        return "";
    /* The first key of every section of elements is the name. */
    const char *name;
    memcpy(&name, (const char *)section_element(sec, s, i) + sec->keys[0].field, sizeof(name));
    return name;
}

void *array_grow(struct arena *a, void **at, size_t count, size_t size)
{
    const size_t least = 8;
    if (count == 0 || (count >= least && (count & (count - 1)) == 0)) {
        void *fresh = arena_array(a, count == 0 ? least : count * 2, size);
        if (fresh == NULL)
            return NULL;
        if (count > 0)
            memcpy(fresh, *at, count * size);
        *at = fresh;
    }
    return (char *)*at + count * size;
}

int section_append(const struct section *sec, struct snapshot *s, const void *element)
{
    size_t count = section_count(sec, s);
    if (count >= sec->most)
        return FAULT_LIMIT;
    void *at = array_at(sec, s);
    void *place = array_grow(&s->arena, &at, count, sec->size);
    if (place == NULL)
        return -ENOMEM;
    memcpy(place, element, sec->size);
    count++;
    memcpy((char *)s + sec->at, &at, sizeof(at));
    memcpy((char *)s + sec->count, &count, sizeof(count));
    return 0;
}

void section_blank(const struct section *sec, void *target)
{
    static const char *const EMPTY = "";
    for (size_t i = 0; i < sec->key_count; i++) {
        const struct key *k = &sec->keys[i];
        if (k->flags & KEY_LIST)
            continue;
        if (value_is_text(k) || k->type == KEY_HOST_HEADER)
            memcpy((char *)target + k->extra, &EMPTY, sizeof(EMPTY));
    }
}

int section_defaults(const struct section *sec, struct arena *a, void *target)
{
    section_blank(sec, target);
    for (size_t i = 0; i < sec->key_count; i++) {
        const struct key *k = &sec->keys[i];
        struct span rest = span_str(k->fallback), item = rest;
        while ((k->flags & KEY_LIST) ? span_cut(&rest, ',', &item) : rest.len > 0) {
            struct complaint c;
            int rc = value_set(k, a, item, target, &c);
            assert(rc != FAULT_FORMAT);
            if (rc < 0)
                return rc;
            if (!(k->flags & KEY_LIST))
                break;
        }
    }
    return 0;
}

/* A private copy of the text at *place. */
static int copy_text(struct arena *a, const char **place)
{
    if ((*place)[0] == 0) {
        *place = "";
        return 0;
    }
    const char *copy = arena_string(a, span_str(*place));
    if (copy == NULL)
        return -ENOMEM;
    *place = copy;
    return 0;
}

static int copy_names(struct arena *a, struct names *place)
{
    struct names fresh = {0};
    for (size_t i = 0; i < place->count; i++) {
        const char **at = array_grow(a, (void **)&fresh.name, i, sizeof(*at));
        if (at == NULL)
            return -ENOMEM;
        *at = place->name[i];
        if (copy_text(a, at) < 0)
            return -ENOMEM;
        fresh.count++;
    }
    *place = fresh;
    return 0;
}

static int copy_cidrs(struct arena *a, struct cidr **at, size_t count)
{
    struct cidr *fresh = NULL;
    for (size_t i = 0; i < count; i++) {
        struct cidr *place = array_grow(a, (void **)&fresh, i, sizeof(*place));
        if (place == NULL)
            return -ENOMEM;
        *place = (*at)[i];
    }
    *at = fresh;
    return 0;
}

static int copy_upstreams(struct arena *a, struct upstream_def **at, size_t count)
{
    struct upstream_def *fresh = NULL;
    for (size_t i = 0; i < count; i++) {
        struct upstream_def *place = array_grow(a, (void **)&fresh, i, sizeof(*place));
        if (place == NULL)
            return -ENOMEM;
        *place = (*at)[i];
        place->addrs = NULL;
        for (size_t k = 0; k < place->addr_count; k++) {
            struct addr *addr = array_grow(a, (void **)&place->addrs, k, sizeof(*addr));
            if (addr == NULL)
                return -ENOMEM;
            *addr = (*at)[i].addrs[k];
        }
        if (copy_text(a, &place->host) < 0 || copy_text(a, &place->path) < 0)
            return -ENOMEM;
    }
    *at = fresh;
    return 0;
}

int section_own(const struct section *sec, struct arena *a, void *target)
{
    int rc = 0;
    for (size_t i = 0; i < sec->key_count && rc == 0; i++) {
        const struct key *k = &sec->keys[i];
        void *field = (char *)target + k->field;
        if (k->type == KEY_CIDR)
            rc = copy_cidrs(a, field, value_count(k, target));
        else if (k->type == KEY_UPSTREAM)
            rc = copy_upstreams(a, field, value_count(k, target));
        else if (k->flags & KEY_LIST)
            rc = copy_names(a, field);
        else if (value_is_text(k) || k->type == KEY_HOST_HEADER)
            rc = copy_text(a, (void *)((char *)target + k->extra));
    }
    return rc;
}

/* ---- the table for readers outside ----------------------------------------------------------- */

static uint64_t mix(uint64_t h, const void *at, size_t len)
{
    /* FNV-1a, 64 bits: guards against accidents between builds, not against anybody. */
    const uint8_t *byte = at;
    for (size_t i = 0; i < len; i++)
        h = (h ^ byte[i]) * 0x100000001b3u;
    return h;
}

uint64_t conf_keys_fingerprint(void)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        const struct section *sec = &SECTIONS[i];
        h = mix(h, sec->name, strlen(sec->name) + 1);
        for (size_t k = 0; k < sec->key_count; k++) {
            uint8_t row[2] = {(uint8_t)sec->keys[k].type, (uint8_t)sec->keys[k].flags};
            h = mix(h, sec->keys[k].name, strlen(sec->keys[k].name) + 1);
            h = mix(h, row, sizeof(row));
        }
    }
    return h;
}

/* How the elements of a section are written in a path: listeners[].name, routes.NAME.host. */
static const char *path_middle(const struct section *sec)
{
    static const char *const MIDDLE[] = {
        [SHAPE_OBJECT] = ".",
        [SHAPE_LIST] = "[].",
        [SHAPE_NAMED] = ".NAME.",
        [SHAPE_NAMED_LIST] = ".NAME.",
    };
    return MIDDLE[sec->shape];
}

/* The names of NAMED sections are the keys of a mapping, not keys of their own. */
static bool key_is_written(const struct section *sec, const struct key *k)
{
    bool named = sec->shape == SHAPE_NAMED || sec->shape == SHAPE_NAMED_LIST;
    return !(named && k == &sec->keys[0]) && !(k->flags & KEY_HIDDEN);
}

int conf_keys_describe(struct buf *out)
{
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        const struct section *sec = &SECTIONS[i];
        for (size_t j = 0; j < sec->key_count; j++) {
            const struct key *k = &sec->keys[j];
            if (!key_is_written(sec, k))
                continue;
            bool short_form = sec->shape == SHAPE_NAMED_LIST && j == 1;
            (void)buf_printf(out, "%s%s%s\t%s%s\t%s\t%s\n", sec->name,
                             short_form ? ".NAME" : path_middle(sec), short_form ? "" : k->name,
                             (k->flags & KEY_ONE)    ? "one or a list of "
                             : (k->flags & KEY_LIST) ? "list of "
                                                     : "",
                             value_type_name(k),
                             (k->flags & KEY_REQUIRED) && k->fallback[0] == 0 ? "required"
                             : k->fallback[0] == 0                            ? "-"
                                                                              : k->fallback,
                             k->text);
        }
    }
    return out->bad ? FAULT_LIMIT : 0;
}

/* ---- the JSON Schema ------------------------------------------------------------------------- */

static void schema_scalar(struct buf *out, const struct key *k)
{
    size_t count;
    const char *const *words = value_words(k, &count);
    if (value_is_truth(k)) {
        (void)buf_text(out, "\"type\": \"boolean\"");
    } else if (words != NULL) {
        (void)buf_text(out, "\"enum\": [");
        for (size_t i = 0; i < count; i++)
            (void)buf_printf(out, "%s\"%s\"", i == 0 ? "" : ", ", words[i]);
        (void)buf_text(out, "]");
    } else if (k->type == KEY_COUNT || k->type == KEY_PORT) {
        (void)buf_printf(out, "\"type\": \"integer\", \"minimum\": %llu, \"maximum\": %llu",
                         (unsigned long long)k->least, (unsigned long long)k->most);
    } else if (value_is_number(k)) {
        (void)buf_text(out, k->type == KEY_SECONDS ? "\"type\": [\"integer\", \"string\"], "
                                                     "\"pattern\": \"^[0-9]+[smhdw]?$\""
                                                   : "\"type\": [\"integer\", \"string\"], "
                                                     "\"pattern\": \"^[0-9]+(B|KiB|MiB|GiB)?$\"");
    } else {
        (void)buf_text(out, "\"type\": \"string\"");
    }
}

static void schema_key(struct buf *out, const struct key *k, const char *indent)
{
    (void)buf_printf(out, "%s\"description\": ", indent);
    (void)text_json(out, span_str(k->text));
    (void)buf_printf(out, ",\n%s", indent);
    if (k->flags & KEY_LIST) {
        bool one = (k->flags & KEY_ONE) != 0;
        if (one) {
            (void)buf_text(out, "\"anyOf\": [{");
            schema_scalar(out, k);
            (void)buf_text(out, "}, {");
        }
        (void)buf_printf(out, "\"type\": \"array\", \"minItems\": %d, \"items\": {",
                         (k->flags & KEY_REQUIRED) ? 1 : 0);
        schema_scalar(out, k);
        (void)buf_text(out, one ? "}}]\n" : "}\n");
    } else {
        schema_scalar(out, k);
        (void)buf_text(out, "\n");
    }
}

static void schema_object(struct buf *out, const struct section *sec)
{
    (void)buf_text(out, "      \"type\": \"object\",\n"
                        "      \"additionalProperties\": false,\n"
                        "      \"properties\": {\n");
    bool first = true;
    for (size_t i = 0; i < sec->key_count; i++) {
        if (!key_is_written(sec, &sec->keys[i]))
            continue;
        (void)buf_printf(out, "%s        \"%s\": {\n", first ? "" : ",\n", sec->keys[i].name);
        schema_key(out, &sec->keys[i], "          ");
        (void)buf_text(out, "        }");
        first = false;
    }
    (void)buf_text(out, "\n      }");
    first = true;
    for (size_t i = 0; i < sec->key_count; i++) {
        const struct key *k = &sec->keys[i];
        if (!key_is_written(sec, k) || !(k->flags & KEY_REQUIRED) || k->fallback[0] != 0)
            continue;
        (void)buf_printf(out, "%s\"%s\"", first ? ",\n      \"required\": [" : ", ", k->name);
        first = false;
    }
    (void)buf_text(out, first ? "\n" : "]\n");
}

static void schema_section(struct buf *out, const struct section *sec)
{
    (void)buf_printf(out, "    \"%s\": {\n      \"description\": ", sec->name);
    (void)text_json(out, span_str(sec->text));
    (void)buf_text(out, ",\n");
    switch (sec->shape) {
    case SHAPE_OBJECT:
        schema_object(out, sec);
        break;
    case SHAPE_LIST:
        (void)buf_text(out, "      \"type\": \"array\",\n      \"items\": {\n");
        schema_object(out, sec);
        (void)buf_text(out, "      }\n");
        break;
    case SHAPE_NAMED:
        (void)buf_text(out, "      \"type\": \"object\",\n      \"additionalProperties\": {\n");
        schema_object(out, sec);
        (void)buf_text(out, "      }\n");
        break;
    case SHAPE_NAMED_LIST:
        (void)buf_text(out, "      \"type\": \"object\",\n      \"additionalProperties\": {\n"
                            "      \"anyOf\": [{\n");
        schema_key(out, &sec->keys[1], "        ");
        (void)buf_text(out, "      }, {\n");
        schema_object(out, sec);
        (void)buf_text(out, "      }]\n      }\n");
        break;
    }
    (void)buf_text(out, "    }");
}

int conf_keys_schema(struct buf *out)
{
    (void)buf_text(out, "{\n"
                        "  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
                        "  \"title\": \"postern.yaml\",\n"
                        "  \"type\": \"object\",\n"
                        "  \"additionalProperties\": false,\n"
                        "  \"required\": [\"portal\"],\n"
                        "  \"properties\": {\n");
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        schema_section(out, &SECTIONS[i]);
        (void)buf_text(out, i + 1 < SECTION_COUNT ? ",\n" : "\n");
    }
    (void)buf_text(out, "  }\n}\n");
    return out->bad ? FAULT_LIMIT : 0;
}
