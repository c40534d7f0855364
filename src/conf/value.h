/* One value of the configuration: from text, to text, and is it well-formed?
 *
 * `target` is the struct that the key's section fills. For a list, value_set appends one item. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/complaint.h"
#include "conf/keys.h"

/* No value's text is longer. */
#define VALUE_TEXT_MAX (2u * 1024 * 1024)

/* 0; FAULT_FORMAT with *c filled in; -ENOMEM. The target is unchanged on failure. */
must_check int value_set(const struct key *k, struct arena *a, struct span text, void *target,
                         struct complaint *c);
/* Items that value_write can write: of a list, or 1 when a scalar is there (not "", not port 0). */
size_t value_count(const struct key *k, const void *target);
/* Appends the text that value_set would read back. */
must_check int value_write(const struct key *k, const void *target, size_t item, struct buf *out);
/* Does the value keep its type and bounds, wherever it came from? REQUIRED is looked at too. When
 * it does not: *item says which, c->expected what was missed. */
bool value_ok(const struct key *k, const void *target, size_t *item, struct complaint *c);

/* Lists whose items are structs have their count in a field of its own; the others are names. */
bool value_has_count(const struct key *k);
/* How the type's value looks in JSON: a string, a number, or either; true or false. */
bool value_is_number(const struct key *k);
static inline bool value_is_truth(const struct key *k)
{
    return k->type == KEY_BOOL;
}
bool value_is_text(const struct key *k);
const char *value_type_name(const struct key *k);
/* The words of a KEY_SANDBOX or KEY_ASSURANCE key; NULL for other types. */
const char *const *value_words(const struct key *k, size_t *count);
/* Bytes of the number behind a numeric or word key. */
unsigned value_width(const struct key *k);
/* The number behind a numeric or word key. */
uint64_t value_number(const struct key *k, const void *target);
void value_number_put(const struct key *k, void *target, uint64_t v);
/* A duration or size as people write it: "15m", "16KiB". */
int value_seconds_write(struct buf *out, uint64_t seconds);
int value_size_write(struct buf *out, uint64_t bytes);
extern const char *const ASSURANCE_WORDS[5];

#endif
