/* The one place where proofs become a session. Every way to sign in ends here, in a step of the
 * present turn: passwords and codes, passkeys, certificates, providers, directories.
 *
 *   proofs ──▶ enough for a session? ──▶ new session, or the one that exists is raised
 *                    │                   (either way with new keys: old ones are dead)
 *                    └─▶ not yet: a flow that waits for a second factor
 *
 * What has to hold whatever was proven stands here as well: a disabled user, a program's account,
 * the limit of sessions, the record in the audit trail. */
#ifndef KEEPER_SIGNIN_H
#define KEEPER_SIGNIN_H

#include "base/addr.h"
#include "identity/assurance.h"
#include "identity/token.h"
#include "keeper/keeper.h"
#include "store/flows.h"

struct call;

/* Nobody is on with less. */
#define SIGNIN_LEAST ASSURANCE_MFA

struct signin {
    const char *user; /* that exists */
    struct proofs proofs;
    struct addr source;
    struct span agent;
    struct span fingerprint; /* of the program's TLS, or empty: routes that bind to it refuse */
    struct span request_id;
    struct span back;      /* of a flow that this makes, see store/flows.h */
    struct span reason;    /* of a break-glass account: why the seal is broken */
    struct span replaces;  /* the sso cookie of this browser: a session that is not raised ends */
    struct span data;      /* of a flow that this makes; with FACTOR_PROVIDER see linked.h */
    const uint8_t *raises; /* id of the session that is raised, or NULL: a new one */

    enum signin_result {
        SIGNIN_OK,      /* sso and console hold the keys */
        SIGNIN_SECOND,  /* flow holds the key of a FLOW_SECOND */
        SIGNIN_REFUSED, /* recorded */
        SIGNIN_REASON,  /* a break-glass account without a reason; flow holds a FLOW_REASON's key */
    } result;
    bool emergency; /* of a break-glass account; not set by the caller */
    char sso[TOKEN_TEXT_SIZE], console[TOKEN_TEXT_SIZE], flow[TOKEN_TEXT_SIZE];
    uint64_t ends_at;
    uint8_t session[STORE_ID_SIZE]; /* with SIGNIN_OK: that was made or raised */
};

/* What every sign-in by a page has: where it comes from, with what program, in which browser. The
 * caller adds who it is and what was proven. Borrows from the call. */
struct signin signin_of(const struct call *c);
/* revokes: the call that carries what is to be pushed to the edges after the commit; the
 * certificate that came with it is one more proof, if it is this person's. The caller wipes *s. A
 * fault: nothing was done. */
must_check int signin_finish(struct keeper *k, struct signin *s, struct call *revokes);
/* A flow that waits for a second factor. Without any proof (or with user ""): of somebody whose
 * first factor was wrong; nothing that comes will be right, but it looks the same and is charged to
 * the same name, or how soon one has to wait would tell a right password from a wrong one. */
must_check int signin_wait(struct keeper *k, struct signin *s);

/* For pages. The label and the input of a code, up to what stands before its ">". */
#define SIGNIN_CODE_FIELD                                                                          \
    "<label for=\"code\">One-time code</label>"                                                    \
    "<input id=\"code\" name=\"code\" type=\"text\" autocomplete=\"one-time-code\" "               \
    "autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"64\" required"
/* What was wrong, or nothing with NULL. With the server's time: a code may be right at another. */
void signin_error(struct call *c, const char *error);
/* The flow of this browser, of this kind. FAULT_ABSENT: there is none. */
must_check int signin_flow(struct call *c, enum flow_kind kind, struct flow *ret);
/* Not SIGNIN_REFUSED: sets the cookies and leads on, to the second page, to the console that the
 * person came for (back), or home. */
must_check int signin_arrive(struct call *c, const struct signin *s, struct span back);

/* Leads on to back, as after a sign-in, but without new cookies. */
must_check int signin_lead_back(struct call *c, struct span back);
/* A place on a host of ours: "/…" that no browser takes for another host. */
bool signin_is_place(struct span s);

#endif
