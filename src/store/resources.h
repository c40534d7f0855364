/* Zones, routes and rules made through the API, as JSON documents; and single settings.
 *
 * The store does not look inside a document. Resources keep the order in which they were made,
 * which for rules is the order in which they are tried; replacing one keeps its place. */
#ifndef STORE_RESOURCES_H
#define STORE_RESOURCES_H

#include "store/store.h"

#define RESOURCE_DOC_MAX 65536u

struct resource {
    uint64_t seq;
    const char *kind; /* "zone", "route", "rule", "test", "setting" */
    const char *name;
    struct span doc;
    uint64_t created;
    uint64_t updated;
};

/* Makes or replaces. 1: it is new, 0: replaced. FAULT_LIMIT. */
must_check int resources_put(struct store *s, const char *kind, const char *name, struct span doc,
                             uint64_t now);
/* Makes it where it was or is to be in the order: nothing may have this name or this place. place
 * 0: behind all others. *ret is where it is then. FAULT_EXISTS. */
must_check int resources_place(struct store *s, const char *kind, const char *name, struct span doc,
                               uint64_t place, uint64_t now, uint64_t *ret);
must_check int resources_find(struct store *s, const char *kind, const char *name,
                              struct arena *arena, struct resource *ret);
must_check int resources_remove(struct store *s, const char *kind, const char *name);
/* Of one kind, or of all kinds with NULL; by seq. */
must_check int resources_list(struct store *s, const char *kind, const struct page *page,
                              int (*each)(void *context, const struct resource *resource),
                              void *context);

/* Settings: a number under a name, e.g. "snapshot.number". *ret is 0 when it was never set. */
must_check int settings_number(struct store *s, const char *key, uint64_t *ret);
must_check int settings_set_number(struct store *s, const char *key, uint64_t value);
/* Text of at most 4096 bytes. FAULT_ABSENT. */
must_check int settings_text(struct store *s, const char *key, struct buf *out);
must_check int settings_set_text(struct store *s, const char *key, struct span value);

#endif
