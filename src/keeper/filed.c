#include "keeper/filed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "keeper/documents.h"
#include "keeper/keeper.h"

static int each_filed(void *context, const struct version_entry *e)
{
    size_t kind = document_kind(e->kind);
    /* A kind that this version of postern does not know any more: as if it had never been said. */
    return kind == DOCUMENT_KIND_COUNT ? 0 : documents_add(context, kind, e->name, e->before, 0);
}

static int write_entry(struct keeper *k, uint64_t version, size_t i, struct version_entry *e)
{
    e->from_file = true;
    int r = e->has ? filed_put(k->store, e->kind, e->name, e->after)
                   : filed_remove(k->store, e->kind, e->name);
    return r < 0 ? r : versions_add_entry(k->store, version, i, e);
}

static int record(struct keeper *k, struct version_entry *entries, size_t count)
{
    struct version v = {
        .at = clock_wall_ms() / 1000, .author = "host", .cause = "file", .state = VERSION_IN_FORCE};
    uint64_t number;
    int r = versions_add(k->store, &v, &number);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = write_entry(k, number, i, &entries[i]);
    }
    return r;
}

int filed_record(struct keeper *k)
{
    struct documents before, after;
    struct version_entry *entries = NULL;
    size_t count = 0;
    documents_init(&before);
    documents_init(&after);
    int r = filed_list(k->store, each_filed, &before);
    r = r < 0 ? r : documents_file(&after, k->file);
    r = r < 0 ? r : documents_compare(&before, &after, &entries, &count);
    if (r == 0 && count > 0) {
        r = record(k, entries, count);
    }
    free(entries);
    documents_fini(&before);
    documents_fini(&after);
    return r;
}
