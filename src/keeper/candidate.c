#include "keeper/candidate.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/difflines.h"
#include "keeper/json.h"
#include "keeper/keeper.h"

#define ERRORS_MAX 8192u

void candidate_error_init(struct candidate_error *e)
{
    e->field[0] = '\0';
    buf_init(&e->text, ERRORS_MAX);
}

void candidate_error_fini(struct candidate_error *e)
{
    buf_fini(&e->text);
}

static int refuse(struct candidate_error *why, const char *field, const char *fmt, ...)
    printf_like(3, 4);
static int refuse(struct candidate_error *why, const char *field, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)snprintf(why->field, sizeof(why->field), "%s", field);
    (void)buf_text(&why->text, text);
    return FAULT_FORMAT;
}

int candidate_begin(struct keeper *k, struct candidate **ret)
{
    struct candidate *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return -ENOMEM;
    }
    documents_init(&c->before);
    documents_init(&c->after);
    int r = documents_read(&c->before, k->store);
    r = r < 0 ? r : documents_copy(&c->after, &c->before);
    if (r < 0) {
        candidate_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

void candidate_free(struct candidate *c)
{
    if (c == NULL) {
        return;
    }
    live_free(c->live);
    free(c->entries);
    documents_fini(&c->after);
    documents_fini(&c->before);
    free(c);
}

int candidate_put(struct candidate *c, size_t kind, const char *name, struct span doc)
{
    struct document *at = documents_find(&c->after, kind, name);
    if (doc.len > RESOURCE_DOC_MAX) {
        return FAULT_LIMIT;
    }
    if (at == NULL) {
        return documents_add(&c->after, kind, name, doc, 0);
    }
    if (!document_same(kind, name, at->doc, doc)) {
        struct span copy = arena_copy(&c->after.arena, doc);
        if (copy.len != doc.len) {
            return FAULT_LIMIT;
        }
        at->doc = copy;
    }
    return 0;
}

int candidate_remove(struct candidate *c, size_t kind, const char *name)
{
    struct document *at = documents_find(&c->after, kind, name);
    if (at == NULL) {
        return FAULT_ABSENT;
    }
    at->gone = true;
    return 0;
}

/* ---- back to a version ---- */

/* Called newest first: the last word on a name is the oldest, which is how it was then. */
static int each_later(void *context, const struct version_entry *e)
{
    struct candidate *c = context;
    size_t kind = document_kind(e->kind);
    if (kind == DOCUMENT_KIND_COUNT) {
        return FAULT_CORRUPT;
    }
    struct document *at = documents_find(&c->after, kind, e->name);
    if (at != NULL) {
        at->gone = true;
    }
    return e->had ? documents_add(&c->after, kind, e->name, e->before, e->place_before) : 0;
}

int candidate_rewind(struct candidate *c, struct store *store, uint64_t number)
{
    uint64_t oldest, current;
    struct version v;
    int r = versions_oldest(store, &oldest);
    r = r < 0 ? r : versions_current(store, &current);
    if (r < 0) {
        return r;
    }
    if (number + 1 < oldest || number > current) {
        return FAULT_ABSENT;
    }
    r = number == 0 || number + 1 == oldest ? 0 : versions_find(store, number, &v);
    return r < 0 ? r : versions_since(store, number, each_later, c);
}

/* ---- an apply body ---- */

static bool from_elsewhere(const struct keeper *k, size_t kind, const char *name,
                           enum origin *origin)
{
    return k->live != NULL &&
           live_origin(k->live, DOCUMENT_KINDS[kind].kind, span_str(name), origin) &&
           *origin != ORIGIN_STORE;
}

struct taking {
    struct candidate *c;
    const struct keeper *k;
    struct candidate_error *why;
    size_t kind;
    uint64_t last;     /* greatest place that keeps the body's order */
    bool prune, moved; /* the rest of the kind goes behind everything */
};

static int take_one(struct taking *t, const json_t *item, size_t i)
{
    const char *plural = DOCUMENT_KINDS[t->kind].plural;
    const char *name = json_string_value(json_object_get(item, "name"));
    enum origin origin;
    if (!json_is_object(item) || name == NULL ||
        !text_is_name(json_span(json_object_get(item, "name"))) ||
        strlen(name) >= STORE_NAME_SIZE) {
        return refuse(t->why, plural, "%s[%zu]: expected an object with a well-formed name", plural,
                      i);
    }
    if (from_elsewhere(t->k, t->kind, name, &origin)) {
        /* What an export of everything gave may come back; nothing of it is ours to change. */
        const char *said = json_string_value(json_object_get(item, "origin"));
        return said != NULL && strcmp(said, "store") != 0
                   ? 0
                   : refuse(t->why, plural, "%s %s comes from %s and cannot be changed here",
                            DOCUMENT_KINDS[t->kind].kind, name,
                            origin == ORIGIN_FILE    ? "the configuration file"
                            : origin == ORIGIN_GUARD ? "postern guard"
                                                     : "postern itself");
    }
    json_t *copy = json_copy((json_t *)(uintptr_t)item);
    struct buf doc;
    buf_init(&doc, RESOURCE_DOC_MAX);
    int r = copy == NULL ? -ENOMEM : 0;
    if (r == 0) {
        (void)json_object_del(copy, "origin");
        r = json_write(copy, &doc);
        r = r == FAULT_LIMIT ? refuse(t->why, plural, "%s %s: larger than %u bytes",
                                      DOCUMENT_KINDS[t->kind].kind, name, RESOURCE_DOC_MAX)
                             : r;
    }
    r = r < 0 ? r : candidate_put(t->c, t->kind, name, buf_view(&doc));
    buf_fini(&doc);
    json_decref(copy);
    struct document *at = r < 0 ? NULL : documents_find(&t->c->after, t->kind, name);
    if (at != NULL && t->prune) {
        /* The longest beginning that stands in this order already stays where it is. */
        t->moved = t->moved || at->place == 0 || at->place < t->last;
        t->last = at->place;
        if (t->moved) {
            struct document again = *at;
            at->gone = true;
            r = documents_add(&t->c->after, t->kind, again.name, again.doc, 0);
        }
    }
    return r;
}

static int take_kind(struct taking *t, const json_t *list)
{
    const char *plural = DOCUMENT_KINDS[t->kind].plural;
    size_t i;
    json_t *item;
    if (!json_is_array(list)) {
        return refuse(t->why, plural, "expected a list of objects");
    }
    json_t *names = json_object();
    int r = names == NULL ? -ENOMEM : 0;
    json_array_foreach((json_t *)(uintptr_t)list, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        if (r == 0 && name != NULL && json_object_get(names, name) != NULL) {
            r = refuse(t->why, plural, "%s[%zu]: the name %s occurs twice", plural, i, name);
        }
        r = r < 0 ? r : take_one(t, item, i);
        if (r == 0 && name != NULL) {
            r = json_put(names, name, json_true());
        }
        if (r < 0) {
            break;
        }
    }
    for (size_t d = 0; r == 0 && t->prune && d < t->c->after.count; d++) {
        struct document *at = &t->c->after.at[d];
        at->gone = at->gone || (at->kind == t->kind && json_object_get(names, at->name) == NULL);
    }
    json_decref(names);
    return r;
}

/* Settings come as one object; here they are documents like the others. NULL without memory. */
static json_t *settings_list(const json_t *object)
{
    const char *name;
    json_t *value, *list = json_array();
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (json_push(list, json_pack("{s:s,s:O}", "name", name, "value", value)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int candidate_take(struct candidate *c, const struct keeper *k, const json_t *body,
                   struct candidate_error *why)
{
    for (size_t i = 0; i < DOCUMENT_KIND_COUNT; i++) {
        const json_t *list = json_object_get(body, DOCUMENT_KINDS[i].plural);
        struct taking t = {.c = c,
                           .k = k,
                           .why = why,
                           .kind = i,
                           .prune = json_is_true(json_object_get(body, "prune"))};
        json_t *made = json_is_object(list) && strcmp(DOCUMENT_KINDS[i].kind, "setting") == 0
                           ? settings_list(list)
                           : json_incref((json_t *)(uintptr_t)list);
        int r = list == NULL ? 0 : made == NULL ? -ENOMEM : take_kind(&t, made);
        json_decref(made);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* ---- the end ---- */

int candidate_finish(struct candidate *c, struct keeper *k, struct candidate_error *why)
{
    documents_sort(&c->after);
    free(c->entries);
    c->entries = NULL;
    int r = documents_compare(&c->before, &c->after, &c->entries, &c->entry_count);
    r = r < 0 ? r
              : live_from(k->file, &c->after, &k->leases, k->secrets_dir, 0, &c->live, &why->text);
    return r < 0 ? r : live_fill(c->live, &k->hosts);
}

int candidate_new(struct keeper *k, const json_t *body, struct candidate **ret,
                  struct candidate_error *why)
{
    struct candidate *c;
    int r = candidate_begin(k, &c);
    if (r < 0) {
        return r;
    }
    r = candidate_take(c, k, body, why);
    r = r < 0 ? r : candidate_finish(c, k, why);
    if (r < 0) {
        candidate_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

/* ---- for people ---- */

static json_t *doc_json(bool there, struct span doc)
{
    return there ? json_loadb((const char *)doc.at, doc.len, 0, NULL) : json_null();
}

json_t *entry_json(const struct version_entry *e)
{
    const char *action = !e->had                        ? "added"
                         : !e->has                      ? "removed"
                         : span_eq(e->before, e->after) ? "moved"
                                                        : "changed";
    json_t *before = doc_json(e->had, e->before), *after = doc_json(e->has, e->after);
    json_t *lines = difflines(before, after);
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o}", "kind", e->kind, "name", e->name, "origin",
                     e->from_file ? "file" : "store", "action", action, "before", before, "after",
                     after, "lines", lines);
}

json_t *candidate_changes(const struct candidate *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->entry_count && list != NULL; i++) {
        if (json_push(list, entry_json(&c->entries[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
