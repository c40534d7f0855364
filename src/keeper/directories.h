/* Questions to directories: one at a time for each who waits, by way of the courier.
 *
 *   directories_ask ──▶ MSG_BIND ──▶ courier ──▶ directory
 *                  done ◀── MSG_BOUND ◀──┘         or nobody: BOUND_DOWN
 *
 * What a directory
 * says of somebody becomes rights in vouched.c alone. Who is on is looked up again from time to
 * time (recheck of the configuration), a few at once, so that a person whom the directory has shut
 * out is shut out here. */
#ifndef KEEPER_DIRECTORIES_H
#define KEEPER_DIRECTORIES_H

#include <uv.h>

#include "base/list.h"
#include "conf/snapshot.h"
#include "ipc/message.h"
#include "store/entries.h"

struct keeper;
struct buf;

/* A sign-in is answered before the edge gives up (edge/keeper.c). */
#define DIRECTORY_SIGNIN_MS 4000u
#define DIRECTORY_TEXT_SIZE 513u
/* Questions at once; the courier takes a few more (courier/directory.h). */
#define DIRECTORIES_ASKED_MAX 8u

struct directory_answer {
    enum bound_result result;
    char directory[STORE_NAME_SIZE];
    char text[DIRECTORY_TEXT_SIZE], server[273];
    char dn[ENTRY_DN_SIZE], id[ENTRY_ID_SIZE], login[65];
    struct span groups; /* distinguished names, one a line; good until the callback returns */
    uint32_t omitted;
};

/* a NULL: the keeper ends, or nobody will be told any more; only clean up. */
typedef void (*directory_done)(void *context, const struct directory_answer *a);

struct directory_question {
    const struct directory_def *directory;
    struct span user; /* as it was typed */
    const char *id;   /* or NULL: this entry, whatever its name */
    bool look;        /* without a password; otherwise one that is not empty */
    struct span password;
    uint32_t patience_ms; /* 0: as the configuration says */
};

/* What is known of a directory, for people. */
struct directory_state {
    char name[STORE_NAME_SIZE]; /* "": a free place */
    bool down;
    char text[DIRECTORY_TEXT_SIZE];
    uint64_t since_ms; /* wall: that it is up, or down */
    uint64_t retry_ms; /* monotonic: nobody is looked up again before */
};

struct directories {
    struct keeper *keeper; /* NULL: nobody asks (tests) */
    struct list due;       /* of whom nobody has asked again yet */
    unsigned looking;
    unsigned asked; /* questions under way */
    struct directory_state state[16];
    uint64_t slot_ms;       /* monotonic: since when slowest_ms[0] is measured */
    uint32_t slowest_ms[2]; /* answers of this slot, and of the one before */
    uv_timer_t timer;
};

void directories_init(struct directories *d);
/* With a loop. */
must_check int directories_start(struct directories *d, struct keeper *k);
void directories_stop(struct directories *d);

/* done is called once, from the loop and never from inside. A fault: it was not asked and done will
 * not be called; text (DIRECTORY_TEXT_SIZE) says why. */
must_check int directories_ask(struct directories *d, const struct directory_question *q,
                               directory_done done, void *context, char *text);

/* So many people are waiting that another has to come back. */
static inline bool directories_full(const struct directories *d)
{
    return d->asked >= DIRECTORIES_ASKED_MAX;
}

/* How long the slowest answer of the last minutes took; 0: there was none. What is refused without
 * asking anybody is answered as late, or the time would tell whom a directory knows. */
uint32_t directories_pace(const struct directories *d);

/* For calls, which go by call_ask(). The payload of a MSG_BIND, in the keeper's scratch, which the
 * caller wipes; a fault with a text. */
must_check int directory_question_write(struct keeper *k, const struct directory_question *q,
                                        struct span *payload, char *text);
/* What came of it; fault as errand_done has it. Borrows from the payload. */
void directory_answer_read(struct directories *d, const char *directory, int fault,
                           struct span payload, struct directory_answer *ret);

/* NULL: nothing is known yet. */
const struct directory_state *directories_state(const struct directories *d, const char *name);
/* "directory.NAME=up" or "=down …", one a line, for doctor. */
void directories_status(const struct directories *d, const struct snapshot *s, struct buf *out);

#endif
