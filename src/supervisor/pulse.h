/* Is everybody still there? Each child is asked for its status every second. One that has not
 * answered for several seconds hangs: it is killed, and replaced like any that died. The beats
 * without an answer are counted, not the time, so that a machine that slept kills nobody.
 *
 * A channel between two children that both live can break as well: an edge gives up on a signer
 * that answers late. It says so, and gets a new channel once the other side has shown here that it
 * answers; if it does not, the count above replaces it. Without this one late answer would cost the
 * edge its signer for good.
 *
 * A courier that the keeper could not understand is replaced as a whole: it holds nothing that a
 * new one would miss. */
#ifndef SUPERVISOR_PULSE_H
#define SUPERVISOR_PULSE_H

#include "supervisor/supervisor.h"

void pulse_start(struct supervisor *sv);
/* It has answered. */
void pulse_heard(struct child *c);
/* MSG_LOST. A negative result kills the sender. */
must_check int pulse_lost(struct child *c, struct message *m);

#endif
