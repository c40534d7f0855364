/* Is a session alive, and how long may it still live? Pure: rows and time in, answer out. */
#ifndef IDENTITY_SESSION_H
#define IDENTITY_SESSION_H

#include "store/sessions.h"

/* Not ended, its user not disabled, inside both limits, and not from a future that a clock set back
 * has left behind. A child also needs session_is_live of its parent. */
bool session_is_live(const struct session *s, uint64_t now);
/* The moment when it idles out if nothing more happens: never after ends_at. */
uint64_t session_idle_until(const struct session *s);
/* Was this level proven in it, and at most max_age seconds ago? 0: any age will do. */
bool session_is_fresh(const struct session *s, enum assurance level, uint32_t max_age,
                      uint64_t now);

#endif
