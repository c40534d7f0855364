/* Audit records: who did what, when, from where, with what outcome; each chained to the one before.
 *
 *   hash(n) = SHA-256( hash(n-1) ‖ encoding(n) ),  hash(0) = 32 zero bytes
 *
 * The encoding is canonical (one record, one run of bytes; see record_encode) and contains the
 * number n, so that a record cannot be changed, removed, inserted or moved without breaking every
 * hash after it. The number and hash of the last record are also kept outside the database
 * (audit/head.h): that shows a cut tail.
 *
 * audit_append writes inside the caller's transaction: a change and its record are committed
 * together or not at all. After the commit, and before anybody is answered, the caller calls
 * head_update(). */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include "base/buf.h"
#include "store/trail.h"

enum audit_event {
    AUDIT_NONE = 0,
#define EVENT(NAME, name, text) AUDIT_##NAME,
#include "audit/events.def"
#undef EVENT
    AUDIT_EVENT_COUNT
};

/* "login"; "" for AUDIT_NONE and foreign numbers. */
const char *audit_event_name(enum audit_event e);
const char *audit_event_text(enum audit_event e);
/* AUDIT_NONE when there is none of this name. */
enum audit_event audit_event_find(struct span name);

enum audit_actor {
    AUDIT_NOBODY = 0, /* not logged in */
    AUDIT_PERSON = 1,
    AUDIT_TOKEN = 2,
    AUDIT_HOST = 3,      /* the owner of this host, over the control socket or offline */
    AUDIT_SYSTEM = 4,    /* postern itself */
    AUDIT_EMERGENCY = 5, /* somebody with a break-glass account */
};

enum audit_outcome { AUDIT_DONE = 0, AUDIT_REFUSED = 1, AUDIT_FAILED = 2 };

const char *audit_actor_name(uint8_t kind);      /* "person"; "unknown" */
const char *audit_outcome_name(uint8_t outcome); /* "done"; "unknown" */

/* Longer text is cut at these lengths, at a character's border, rather than refused: a record with
 * a cut name is better than none. A detail that is too long is replaced by {"cut":true}. */
#define AUDIT_ACTOR_MAX 128u
#define AUDIT_TARGET_MAX 512u
#define AUDIT_REQUEST_MAX 64u
#define AUDIT_DETAIL_MAX 4096u
/* No encoding is longer. */
#define AUDIT_ENCODING_MAX 5200u

/* What the caller knows; all spans are borrowed for the call. */
struct audit_draft {
    enum audit_event event;
    uint64_t wall_ms;
    enum audit_actor actor_kind;
    struct span actor;
    const uint8_t *source; /* 16 bytes, or NULL */
    struct span target;
    enum audit_outcome outcome;
    struct span request_id;
    struct span detail; /* a JSON object, or empty */
};

/* Gives the next number, chains and stores. ret_seq may be NULL. FAULT_MISUSE: no event. */
must_check int audit_append(struct store *s, const struct audit_draft *draft, uint64_t *ret_seq);

/* The canonical encoding; the number of bytes, or FAULT_LIMIT. */
must_check int record_encode(const struct record *r, uint8_t *out, size_t cap);
/* Reads an encoding; spans borrow. FAULT_FORMAT, also when it is not the canonical one. */
must_check int record_decode(struct span bytes, struct record *ret);
/* SHA-256(prev ‖ encoding). FAULT_CRYPTO, FAULT_LIMIT. */
must_check int record_hash(const struct record *r, uint8_t out[STORE_HASH_SIZE]);

#endif
