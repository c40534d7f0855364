/* A prefix of paths, as a console that shares its host has one: "/redis".
 *
 * The prefix is canonical and has one spelling only (letters, digits, "-._~"). A console that
 * expects its paths without it gets what the client sent from there on, byte for byte, so that its
 * own parameters and escapes survive; and only when that is the same path to every server as what
 * the policy has seen. */
#ifndef HTTP_PREFIX_H
#define HTTP_PREFIX_H

#include "base/arena.h"
#include "base/macros.h"

/* Does the canonical path lie at the prefix or below it? By whole segments; "" covers all. */
bool prefix_covers(struct span prefix, struct span path);
/* The target (path and query as sent) without the prefix; *ret begins with "/" and borrows or lives
 * in the arena. path: the target's path; canonical: what uri_canonical made of it. FAULT_FORMAT
 * when the two do not shorten alike, such as "/redis/../redis/x". */
must_check int prefix_strip(struct span prefix, struct span target, struct span path,
                            struct span canonical, struct arena *a, struct span *ret);

#endif
