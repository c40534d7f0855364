/* A session on its way: views for the edges, hand-over from the portal to a console, logging out.
 */
#ifndef KEEPER_HANDOVER_H
#define KEEPER_HANDOVER_H

#include "ipc/message.h"

struct peer;

#define HANDOVER_LIFE 60u

void view_answer(struct peer *edge, uint32_t serial, const struct msg_session *m);
void handover_answer(struct peer *edge, uint32_t serial, const struct msg_handover *m);
void redeem_answer(struct peer *edge, uint32_t serial, const struct msg_redeem *m);
void logout_answer(struct peer *edge, uint32_t serial, const struct msg_logout *m);

#endif
