/* Logging in: a name, a password and perhaps a code, in one question, with one answer for every
 * failure. Without a code the answer is the second page (signin_pages.c), right or wrong.
 *
 *   arrived ──▶ throttled? ──▶ charged ──▶ hash on a thread ──▶ code, session ──▶ answer
 *                  │                                                              at the deadline
 *                  └─▶ answered at once: that somebody has to wait is no secret
 *
 * 1. The attempt is charged as a failure before the hash begins and taken back on success, so that
 * many attempts at once do not all find the account fresh.
 * 2. Every attempt that is looked at costs one hash, known name or not, or one question to a
 * directory.
 * 3. Every such attempt is answered a whole number of LOGIN_DEADLINE_MS after it came; one that
 * does not let anybody in, no sooner than a directory has lately taken for its answer. */
#ifndef KEEPER_LOGIN_H
#define KEEPER_LOGIN_H

#include "ipc/message.h"

struct keeper;
struct peer;

#define LOGIN_DEADLINE_MS 400u

void login_begin(struct peer *edge, uint32_t serial, const struct msg_login *m);

#endif
