/* What an OpenID provider's word is worth, and which of its groups are which of ours: spellings of
 * the configuration.
 *
 *   assurance   acr:VALUE=LEVEL    amr:VALUE=LEVEL
 *   groups      GROUP=VALUE
 *
 * VALUE is one line of text and may hold "=" in an assurance row, where LEVEL is what stands behind
 * the last one; in a group row GROUP is what stands before the first one. */
#ifndef CONF_PROVIDER_H
#define CONF_PROVIDER_H

#include "base/assurance.h"
#include "base/macros.h"
#include "base/span.h"

struct provider_level {
    bool acr; /* else amr */
    struct span value;
    enum assurance level;
};

struct provider_group {
    struct span group, value;
};

/* FAULT_FORMAT. */
must_check int provider_level_parse(struct span row, struct provider_level *ret);
must_check int provider_group_parse(struct span row, struct provider_group *ret);
bool provider_level_is_text(struct span row);
bool provider_group_is_text(struct span row);
/* An issuer (OpenID Connect Discovery 1.0 section 4.1): an address of the web without a query. */
bool provider_issuer_is_text(struct span text);
/* One scope (RFC 6749 section 3.3). */
bool provider_scope_is_text(struct span text);

#endif
