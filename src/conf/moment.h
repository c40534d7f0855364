/* A moment as people write it: "2026-11-25T10:00:00Z", with "+01:00" for Z, seconds or without
 * (RFC 3339 section 5.6). */
#ifndef CONF_MOMENT_H
#define CONF_MOMENT_H

#include "base/macros.h"
#include "base/span.h"

/* Seconds since 1970, up to the year 9999. 0 or FAULT_FORMAT. */
must_check int moment_parse(struct span text, uint64_t *ret);
bool moment_is_text(struct span text);

#endif
