/* What is done every minute: ends what has run out, forgets what is old, sums up what was counted.
 */
#ifndef KEEPER_SWEEP_H
#define KEEPER_SWEEP_H

struct keeper;

void sweep_minute(struct keeper *k);

#endif
