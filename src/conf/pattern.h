/* Patterns over canonical paths, as rules and token scopes use them.
 *
 * A pattern is a path. A segment that is one star stands for any one segment that is not empty; a
 * last segment of two stars stands for the place itself and everything below it ("/a" and "/a/b/c"
 * alike); everything else stands for itself. There is no other wildcard and no escape, so matching
 * walks pattern and path once, side by side. */
#ifndef CONF_PATTERN_H
#define CONF_PATTERN_H

#include "base/span.h"

#define PATTERN_MAX 1024

/* Begins with "/"; no empty, "." or ".." segments (a final "/" is part of an exact path); stars
 * only as whole segments, two only as the last; UTF-8 without control bytes, and none of \ ? # ; %
 * which canonical paths never need. */
bool pattern_ok(struct span pattern);
/* pattern: one that pattern_ok accepts. Never reads outside either span, whatever they hold. */
bool pattern_match(struct span pattern, struct span path);

#endif
