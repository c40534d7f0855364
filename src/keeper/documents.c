#include "keeper/documents.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "conf/keys.h"
#include "conf/resource.h"

/* Some thousand documents of ordinary size; a single one may have 64 KiB. */
#define DOCUMENTS_BYTES_MAX (64u * 1024 * 1024)

const struct document_kind DOCUMENT_KINDS[] = {
    {"zone", "zones"},       {"route", "routes"}, {"rule", "rules"},
    {"setting", "settings"}, {"test", "tests"},
};
const size_t DOCUMENT_KIND_COUNT = countof(DOCUMENT_KINDS);

size_t document_kind(const char *kind)
{
    size_t i = 0;
    while (i < DOCUMENT_KIND_COUNT && strcmp(DOCUMENT_KINDS[i].kind, kind) != 0) {
        i++;
    }
    return i;
}

void documents_init(struct documents *d)
{
    *d = (struct documents){.count = 0};
    arena_init(&d->arena, 16384, DOCUMENTS_BYTES_MAX);
}

void documents_fini(struct documents *d)
{
    arena_fini(&d->arena);
    free(d->at);
    *d = (struct documents){.count = 0};
}

static int reserve(struct documents *d, size_t room)
{
    if (room <= d->room) {
        return 0;
    }
    size_t next = room < 64 ? 64 : room * 2;
    struct document *at = realloc(d->at, next * sizeof(*at));
    if (at == NULL) {
        return -ENOMEM;
    }
    d->at = at;
    d->room = next;
    return 0;
}

int documents_add(struct documents *d, size_t kind, const char *name, struct span doc,
                  uint64_t place)
{
    struct document one = {.kind = kind,
                           .name = arena_string(&d->arena, span_str(name)),
                           .doc = arena_copy(&d->arena, doc),
                           .place = place};
    if (one.name == NULL || one.doc.len != doc.len) {
        return FAULT_LIMIT;
    }
    int r = reserve(d, d->count + 1);
    if (r == 0) {
        d->at[d->count++] = one;
    }
    return r;
}

int documents_copy(struct documents *d, const struct documents *of)
{
    int r = reserve(d, of->count + 1);
    if (r == 0 && of->count > 0) {
        memcpy(d->at, of->at, of->count * sizeof(*d->at));
    }
    d->count = r == 0 ? of->count : 0;
    return r;
}

struct reading {
    struct documents *into;
    size_t kind, seen;
    uint64_t last;
};

static int each_resource(void *context, const struct resource *resource)
{
    struct reading *r = context;
    r->last = resource->seq;
    r->seen++;
    return documents_add(r->into, r->kind, resource->name, resource->doc, resource->seq);
}

int documents_read(struct documents *d, struct store *store)
{
    for (size_t i = 0; i < DOCUMENT_KIND_COUNT; i++) {
        struct reading reading = {.into = d, .kind = i};
        struct page page = {0};
        do {
            reading.seen = 0;
            int r = resources_list(store, DOCUMENT_KINDS[i].kind, &page, each_resource, &reading);
            if (r < 0) {
                return r;
            }
            page.anchor = reading.last;
        } while (reading.seen == STORE_PAGE_MAX);
    }
    return 0;
}

struct document *documents_find(const struct documents *d, size_t kind, const char *name)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->at[i].kind == kind && !d->at[i].gone && strcmp(d->at[i].name, name) == 0) {
            return &d->at[i];
        }
    }
    return NULL;
}

/* Stable, because what is new keeps the order in which it was added. */
static void merge(struct document *at, struct document *spare, size_t n)
{
    if (n < 2) {
        return;
    }
    size_t half = n / 2, i = 0, k = half, out = 0;
    merge(at, spare, half);
    merge(at + half, spare, n - half);
    while (i < half || k < n) {
        const struct document *a = &at[i], *b = &at[k];
        bool left = k >= n;
        if (i < half && k < n) {
            uint64_t x = a->place == 0 ? UINT64_MAX : a->place;
            uint64_t y = b->place == 0 ? UINT64_MAX : b->place;
            left = a->kind != b->kind ? a->kind < b->kind : x <= y;
        }
        spare[out++] = left ? at[i++] : at[k++];
    }
    memcpy(at, spare, n * sizeof(*at));
}

void documents_sort(struct documents *d)
{
    struct document *spare = calloc(d->count + 1, sizeof(*spare));
    if (spare == NULL) {
        /* In place and slower: the order is not a thing to be left out. */
        for (size_t i = 1; i < d->count; i++) {
            struct document pair[2];
            for (size_t k = i; k > 0; k--) {
                merge(&d->at[k - 1], pair, 2);
            }
        }
        return;
    }
    merge(d->at, spare, d->count);
    free(spare);
}

int documents_parse(const struct documents *d, struct snapshot *into, struct buf *errors)
{
    int first = 0;
    for (size_t i = 0; i < d->count; i++) {
        const struct document *at = &d->at[i];
        if (at->gone) {
            continue;
        }
        struct buf why;
        buf_init(&why, 4096);
        const char *kind = DOCUMENT_KINDS[at->kind].kind;
        int r = strcmp(kind, "setting") == 0 ? setting_parse(into, at->doc, &why)
                                             : resource_parse(into, kind, at->doc, &why);
        struct span rest = buf_view(&why), line;
        while (r < 0 && span_cut(&rest, '\n', &line)) {
            if (line.len > 0) {
                (void)buf_printf(errors, "%s %s: %.*s\n", kind, at->name, SPAN_FMT(line));
            }
        }
        buf_fini(&why);
        if (r < 0 && r != FAULT_FORMAT) {
            return r;
        }
        first = first == 0 ? r : first;
    }
    return first;
}

/* The document with every key said. */
static int write_whole(size_t kind, const char *called, struct span doc, struct buf *out)
{
    struct buf errors;
    struct snapshot *s = snapshot_new();
    buf_init(&errors, 4096);
    const char *name = DOCUMENT_KINDS[kind].kind;
    bool setting = strcmp(name, "setting") == 0;
    const struct section *sec;
    int r = s == NULL ? -ENOMEM
            : setting ? setting_parse(s, doc, &errors)
                      : resource_parse(s, name, doc, &errors);
    if (r == 0) {
        r = setting ? setting_write(setting_key(span_str(called), &sec), s, out)
                    : resource_write(s, name, called, out);
    }
    snapshot_free(s);
    buf_fini(&errors);
    return r;
}

bool document_same(size_t kind, const char *name, struct span a, struct span b)
{
    if (span_eq(a, b)) {
        return true;
    }
    struct buf left, right;
    buf_init(&left, 16u * RESOURCE_DOC_MAX);
    buf_init(&right, 16u * RESOURCE_DOC_MAX);
    bool same = write_whole(kind, name, a, &left) == 0 && write_whole(kind, name, b, &right) == 0 &&
                span_eq(buf_view(&left), buf_view(&right));
    buf_fini(&left);
    buf_fini(&right);
    return same;
}

/* ---- what differs ---- */

static int by_name(const void *a, const void *b)
{
    const struct document *x = *(const struct document *const *)a;
    const struct document *y = *(const struct document *const *)b;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->name, y->name);
}

/* The living documents by kind and name. NULL without memory. */
static const struct document **indexed(const struct documents *d, size_t *count)
{
    const struct document **at = calloc(d->count + 1, sizeof(*at));
    *count = 0;
    for (size_t i = 0; at != NULL && i < d->count; i++) {
        if (!d->at[i].gone) {
            at[(*count)++] = &d->at[i];
        }
    }
    if (at != NULL) {
        qsort(at, *count, sizeof(*at), by_name);
    }
    return at;
}

static const struct document *look_up(const struct document **at, size_t count,
                                      const struct document *like)
{
    const struct document **found = bsearch(&like, at, count, sizeof(*at), by_name);
    return found == NULL ? NULL : *found;
}

static void set_entry(struct version_entry *e, const struct document *was,
                      const struct document *is)
{
    const struct document *one = was != NULL ? was : is;
    *e = (struct version_entry){.kind = DOCUMENT_KINDS[one->kind].kind, .name = one->name};
    if (was != NULL) {
        e->had = true;
        e->before = was->doc;
        e->place_before = was->place;
    }
    if (is != NULL) {
        e->has = true;
        e->after = is->doc;
        e->place_after = is->place;
    }
}

int documents_compare(const struct documents *before, const struct documents *after,
                      struct version_entry **ret, size_t *count)
{
    size_t had, has, n = 0;
    const struct document **old = indexed(before, &had), **new = indexed(after, &has);
    struct version_entry *entries = calloc(had + has + 1, sizeof(*entries));
    int r = old == NULL || new == NULL || entries == NULL ? -ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < before->count; i++) {
        if (!before->at[i].gone && look_up(new, has, &before->at[i]) == NULL) {
            set_entry(&entries[n++], &before->at[i], NULL);
        }
    }
    for (size_t i = 0; r == 0 && i < after->count; i++) {
        const struct document *is = &after->at[i];
        const struct document *was = is->gone ? NULL : look_up(old, had, is);
        if (!is->gone && (was == NULL || was->place != is->place || !span_eq(was->doc, is->doc))) {
            set_entry(&entries[n++], was, is);
        }
    }
    free(old);
    free(new);
    if (r < 0) {
        free(entries);
        return r;
    }
    *ret = entries;
    *count = n;
    return 0;
}

int documents_file(struct documents *d, const struct snapshot *file)
{
    for (size_t i = 0; i < DOCUMENT_KIND_COUNT; i++) {
        const char *kind = DOCUMENT_KINDS[i].kind;
        const struct section *sec = section_of_kind(kind);
        size_t elements = sec == NULL ? 0 : section_count(sec, file);
        int r = 0;
        for (size_t k = 0; r == 0 && k < elements; k++) {
            enum origin origin;
            memcpy(&origin, (const char *)section_element(sec, file, k) + sec->origin,
                   sizeof(origin));
            const char *name = section_element_name(sec, file, k);
            struct buf doc;
            buf_init(&doc, 16u * RESOURCE_DOC_MAX);
            if (origin == ORIGIN_FILE) {
                r = resource_write(file, kind, name, &doc);
                r = r < 0 ? r : documents_add(d, i, name, buf_view(&doc), 0);
            }
            buf_fini(&doc);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
