/* A call: one operation of the API or one page of the console, from the question to its answer.
 *
 *   PARSED ──▶ RUN ──▶ ANSWERED
 *     ▲         │
 *     │         ├──▶ ASKING    the courier is on an errand for it, then the call runs again
 *     │         ├──▶ HASHING   a password waits for the pool, to become a hash or to be compared
 *     │         │              with one, then the call runs again from the
 * start └─────────┴──▶ PARKED    another change of the resources is in force only in part; later,
 * again
 *
 * A call owns copies of everything it was asked with, so that it may wait. It runs inside a
 * savepoint of the present turn and has no other effect than on the store and on itself: what must
 * happen after the commit (revocations, a new snapshot) is left in the call and done by whoever ran
 * it. A run that does not end well leaves nothing behind, neither in the store nor in the call. */
#ifndef KEEPER_CALL_H
#define KEEPER_CALL_H

#include <jansson.h>

#include "audit/record.h"
#include "base/addr.h"
#include "base/arena.h"
#include "base/assurance.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/secret.h"
#include "ipc/message.h"
#include "keeper/roles.h"

struct keeper;
struct operation;
struct change;
struct reply;
struct token;

/* What a question is made of; borrowed by call_new, which copies it. */
struct call_input {
    enum credential_kind kind;
    struct span token;
    struct span host;
    struct span method, path, query, type, body;
    struct addr source;
    struct span interface; /* by which it came, or empty */
    struct span request_id;
    struct span sso, flow;   /* the portal's other cookies, as they came */
    struct span agent;       /* printable */
    struct span fingerprint; /* of the program's TLS, or empty */
    struct span certificate; /* chain that the client has proved (pki/clientcert.h), or empty */
    struct span if_match;    /* as it came, or empty */
    struct span repeat;      /* Idempotency-Key, or empty */
    uint64_t connection;     /* number of the control connection, or 0 */
    struct call_enrol {
        struct span code, password, again, totp;
    } enrol; /* of the enrolment page */
};

/* Who asks, found by authentication. Strings live in the call's arena. */
struct actor {
    enum credential_kind kind;
    unsigned roles;      /* set of enum role; 0: nobody is known */
    const char *user;    /* "" for the host's owner */
    const char *text;    /* for audit: "user", "user/token", "host" */
    struct span groups;  /* one a line */
    bool emergency;      /* with a break-glass account */
    uint8_t session[16]; /* with a session */
    uint8_t parent[16];
    struct proven proven;                   /* with a session */
    const struct token *token;              /* with a token, in the arena */
    struct span scope_methods, scope_paths; /* of the token */
    struct span scope_routes;
};

#define CALL_ETAG_SIZE 48u
#define CALL_ALLOW_SIZE 48u

enum call_need { CALL_ANSWER = 0, CALL_HASH, CALL_LATER, CALL_ERRAND };

struct call_revoke {
    struct list link;
    enum revoke_kind kind;
    struct span id; /* in the arena */
};

/* A question to the courier on its way, or its answer, which stays over the runs that follow. */
#define CALL_ERRANDS_MAX 6u
struct call_errand {
    enum msg_type type;
    uint32_t patience_ms;
    struct buf question; /* wiped when it has been asked */
    bool told;
    int fault; /* as errand_done gets it, or errands_ask() returns it */
    struct buf answer;
};

struct call {
    struct keeper *keeper;
    struct arena arena;
    struct call_input in;
    uint64_t now_ms;     /* wall, of the present run */
    uint64_t arrived_ms; /* monotonic */

    /* Found while it runs. */
    struct actor actor;
    const char *second; /* while it runs as somebody else's: who agreed to it; or NULL */
    const struct operation *op;
    struct span param[2]; /* the {…} of the path template */
    json_t *body;         /* NULL without a body */

    /* The answer. */
    enum call_need need;
    unsigned status;
    json_t *answer;                             /* NULL: no content */
    struct buf page;                            /* of a page operation, or of this type: */
    const char *media;                          /* NULL: the answer is JSON */
    uint64_t export_next;                       /* of a text in parts: where to go on, or 0 */
    const char *location;                       /* for a redirect, in the arena */
    const char *away;                           /* the same, to another site: https, in the arena */
    struct span set_sso, set_console, set_flow; /* cookies of a page: "" leaves, "-" removes */
    bool at_deadline; /* answered at a fixed time after it came, as every attempt to prove something
                       */
    char detail[512]; /* of a problem */
    struct {
        enum assurance level; /* ASSURANCE_NONE: none of this kind */
        uint32_t max_age;
        const char *prove; /* where; in the arena */
    } needs;               /* of a problem that a proof would solve, see stepup.h */
    char field[64];
    unsigned retry_after;
    char etag[CALL_ETAG_SIZE]; /* of what is answered, in quotes; or "" */
    char
        allow[CALL_ALLOW_SIZE]; /* the methods that this path has, when it was asked with another */
    uint32_t topics; /* of ipc/topic.h: at an edge the answer is a stream of events of these */
    bool paced;      /* counted once, however often it runs */
    bool keep;       /* what this run wrote stays although the answer is a problem */

    /* A password on its way to becoming a hash. */
    struct secret password;
    char hash[160];
    bool hashed;
    /* Or on its way to being compared. Stays over the next runs, as the hash does. */
    char against[160];
    bool comparing, compared, matches;

    struct call_errand errand[CALL_ERRANDS_MAX];
    unsigned asking; /* which of them, with CALL_ERRAND */

    /* What is to be done after the commit. */
    struct list revokes;
    struct change *change;
};

struct call *call_new(struct keeper *k, const struct call_input *in);
void call_free(struct call *c);
/* Forgets everything that a run left. */
void call_reset(struct call *c);

/* Ends with a problem; returns 0 so that a handler may `return call_problem(…)`. detail may be
 * NULL; field names the member of the body that is wrong, or NULL. */
int call_problem(struct call *c, unsigned status, const char *field, const char *fmt, ...)
    printf_like(4, 5);
/* The problem that a fault means; FAULT_STORE and the like become 503. what: "no such user", … */
int call_fault(struct call *c, int fault, const char *what);
/* Ends with 200 (or status) and this answer, which it takes; NULL is -ENOMEM. */
must_check int call_answer(struct call *c, unsigned status, json_t *answer);
/* To be pushed to the edges after the commit; the answer waits for them. */
must_check int call_revoke(struct call *c, enum revoke_kind kind, struct span id);
void call_drop_revokes(struct call *c);
/* Asks for the hash of the password: the handler returns at once and is run again. */
must_check int call_hash(struct call *c, struct span password);
/* The same for a comparison: the next run finds compared, and in matches whether it is the password
 * of this hash. hash "": of nobody; takes as long, and never matches. */
must_check int call_compare(struct call *c, struct span password, const char *hash);

/* Sends the courier on an errand, payload as msg_…_encode() made it: the handler returns at once
 * and is run again, from the start, when the place `slot` has its answer. Whoever lost his rights
 * meanwhile does not see it. */
must_check int call_ask(struct call *c, unsigned slot, enum msg_type type, struct span payload,
                        uint32_t patience_ms);
/* NULL: not asked yet. */
const struct call_errand *call_told(const struct call *c, unsigned slot);
/* Calls that wait for an answer to a question of this type; like: only those of the same caller. */
unsigned calls_asking(struct keeper *k, enum msg_type type, const struct call *like);

/* A member of the body; the empty span when absent. The operation's field table has checked types.
 */
struct span call_string(const struct call *c, const char *name);
bool call_flag(const struct call *c, const char *name);
const json_t *call_member(const struct call *c, const char *name);
/* A list of strings, one a line, in the arena; FAULT_LIMIT past max bytes. */
must_check int call_lines(struct call *c, const char *name, size_t max, struct span *ret);
/* A field of a form that a page sent; empty when it is absent. FAULT_FORMAT: twice, or not a form.
 */
must_check int call_form(struct call *c, const char *name, struct span *ret);
/* A page that leads on to a place of the portal. */
must_check int call_redirect(struct call *c, const char *location);
/* A query parameter; FAULT_ABSENT, FAULT_FORMAT. */
must_check int call_query(struct call *c, const char *key, struct span *ret);
must_check int call_query_u64(struct call *c, const char *key, uint64_t max, uint64_t fallback,
                              uint64_t *ret);

/* Records an event in the name of the actor, in the present transaction. Takes detail, an object or
 * NULL. */
must_check int call_audit(struct call *c, enum audit_event event, struct span target,
                          json_t *detail);
/* Runs it (again) and, when it is done or has failed, hands the reply that carries it to the turn.
 * Takes the reply. */
void call_begin(struct keeper *k, struct reply *r);

/* Turns what it has become into the bytes of the answer: body (JSON text or page), its type. */
must_check int call_render(struct call *c, struct buf *out, const char **type);

#endif
