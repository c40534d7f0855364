/* What the parts of conf/verify.h share: one pass over a snapshot, and how it says what it finds.
 *
 * Inside src/conf only. A finding that cannot be made for want of memory is kept as the fault of
 * the whole pass; nothing here fails. */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "base/map.h"
#include "conf/internet.h"
#include "conf/verify.h"

struct check {
    const struct snapshot *s;
    verify_found found;
    void *ctx;
    int findings;
    int fault;                      /* -ENOMEM, kept until the end */
    bool *whole;                    /* per zone: does it hold the whole internet? */
    struct internet_share *share;   /* per zone */
    struct map name[SECTION_COUNT]; /* of elements: name → element */
};

void check_report(struct check *c, const struct place *at, const char *fmt, ...) printf_like(3, 4);
/* The place of a key (NULL: of the whole element), or of an item of its list. */
struct place place_key(enum section_id id, size_t element, const char *key);
struct place place_item(enum section_id id, size_t element, const char *key, size_t item);
/* Reports a name that no element of the section has, with the one that was probably meant. */
void check_reference(struct check *c, enum section_id to, const struct place *at, const char *name);

#endif
