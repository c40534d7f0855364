/* The control socket: operations from the owner of this host, in frames (keeper/frame.h).
 *
 * The supervisor bound it with mode 0660; who connects is asked of the kernel (SO_PEERCRED), and
 * only root and the service's own user are heard. One question is out at a time on a connection; a
 * connection that takes too long over sending one, or over taking the answer, is closed. */
#ifndef KEEPER_CONTROL_H
#define KEEPER_CONTROL_H

#include "keeper/frame.h"

struct control;
struct keeper;

/* And as many more as hold leases (keeper/leases.h). */
#define CONTROL_CONNECTIONS_MAX 16u
/* For a whole question to arrive, and for an answer to be taken. */
#define CONTROL_PATIENCE_MS 10000u
/* Without any question. */
#define CONTROL_IDLE_MS 300000u

/* fd is listening and stays the caller's on failure. */
must_check int control_open(struct keeper *k, int fd);
void control_close(struct keeper *k);
/* The answer for connection `number`, if it is still there: body is JSON text or empty. */
void control_answer(struct keeper *k, uint64_t number, unsigned status, const char *etag,
                    struct span body);

/* Reads {"method", "path", "query", "body"} into spans that borrow from *root; the caller releases
 * it. *body is a text of its own, or NULL. FAULT_FORMAT with why. */
struct call_input;
must_check int control_read(struct span frame, struct call_input *in, void **root, char **body,
                            char *why, size_t why_len);
void control_release(void *root, char *body);

#endif
