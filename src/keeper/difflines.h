/* What differs between two documents, line by line, for people.
 *
 * A document becomes lines as YAML would have them: one for a key, one for each item of a list. The
 * lines of both are laid beside each other by a longest common subsequence; when the two are so
 * long that this would take the keeper's time, all of the one goes and all of the other comes. */
#ifndef KEEPER_DIFFLINES_H
#define KEEPER_DIFFLINES_H

#include <jansson.h>

/* [{"op": " "|"+"|"-", "text": …}, …]. before or after is null (or NULL) when there is none. NULL
 * without memory. */
json_t *difflines(const json_t *before, const json_t *after);

#endif
