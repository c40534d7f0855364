/* A version after it was made: when it is in force, and when it has to be confirmed.
 *
 *   MADE ──settled──▶ IN_FORCE ──confirmed (or it needs none)──▶ stays
 *     │                  └──deadline──▶ a version of cause "expired" restores what was before
 *     └──refused, or a keeper finds it when it starts──▶ UNDONE
 *
 * A deadline is kept in the store as wall time. While the keeper runs its own monotonic clock
 * counts, so that setting the clock neither hastens nor puts off anything; after a restart no more
 * can be left than was given. While a version waits nothing else of the policy is changed, other
 * than by going back. */
#ifndef KEEPER_CONFIRM_H
#define KEEPER_CONFIRM_H

#include <stdint.h>

#include "base/macros.h"

struct change;
struct keeper;
struct version;

#define CONFIRM_LEAST_S 10u
#define CONFIRM_MOST_S 86400u
/* As many versions are kept. */
#define VERSIONS_KEPT 1000u

/* Before the first snapshot of this process, inside a step: what nobody was told to be in force is
 * taken back. */
must_check int confirm_start(struct keeper *k);
/* A change is in force on every process: its version is marked so, on disk, before anybody is
 * answered. Logs. */
void confirm_settled(struct keeper *k, const struct change *c);
/* Somebody confirms the version that waits; inside the call's turn. */
must_check int confirm_given(struct keeper *k, const struct version *v);
/* The turn that held it was undone: the deadline counts on. */
void confirm_not_given(struct keeper *k);
/* The monotonic ms of the deadline, 0: nothing waits; begins to go back when it has passed. */
uint64_t confirm_watch(struct keeper *k, uint64_t now_ms);
/* Going back did not come into force: it is tried again a little later. */
void confirm_again(struct keeper *k);
/* Marks what could not be marked, when the disk was full. */
void confirm_minute(struct keeper *k);
/* Seconds left of what waits; 0 when its deadline has passed. */
uint64_t confirm_left(const struct keeper *k);

#endif
