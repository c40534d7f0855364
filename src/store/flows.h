/* Sign-ins under way: what was proven so far, and what is still asked, between two pages.
 *
 * A flow belongs to one browser: its key is the SHA-256 of a cookie that only that browser has, so
 * that nobody can be led to finish what another has begun. A new one of the same browser gets a new
 * cookie. Flows live FLOW_LIFE seconds; when one source has too many, or all together
 * (flows_prune), the oldest go: strangers can make them. */
#ifndef STORE_FLOWS_H
#define STORE_FLOWS_H

#include "store/store.h"

#define FLOW_LIFE 600u
#define FLOWS_PER_SOURCE 64u
#define FLOWS_MAX 20000u
#define FLOW_DATA_MAX 4096u
#define FLOW_BACK_MAX 14000u
#define FLOW_SOURCE_SIZE 64u

/* Numbers are stored: they never change. */
enum flow_kind {
    FLOW_SECOND = 1,   /* a first factor was given, right or wrong; a second is asked for */
    FLOW_PASSKEY = 2,  /* a challenge is out for a sign-in */
    FLOW_REGISTER = 3, /* a challenge is out for a new passkey */
    FLOW_PROVIDER = 4, /* the browser is at an OpenID provider */
    FLOW_STEP_UP = 5,  /* a session is to be raised */
    FLOW_REASON = 6,   /* a break-glass account was proven; its reason is asked for */
};

struct flow {
    uint8_t hash[STORE_HASH_SIZE]; /* of the cookie */
    enum flow_kind kind;
    char user[STORE_NAME_SIZE]; /* "": nobody yet, or nobody ever */
    uint32_t factors;           /* as struct proofs of identity/assurance.h: */
    uint32_t device_bound;
    uint32_t asserted;
    bool raises; /* a session that exists: */
    uint8_t session[STORE_ID_SIZE];
    char source[FLOW_SOURCE_SIZE]; /* lockout_source_key() */
    struct span data;              /* JSON of the kind, at most FLOW_DATA_MAX */
    struct span back; /* where the person wanted to go: a hand-over's query, "place=/…" for one of
                         the portal, or empty */
    uint64_t expires;
};

/* Replaces one of the same hash. FAULT_LIMIT: data or back too long; FAULT_ABSENT: no such session.
 */
must_check int flows_put(struct store *s, const struct flow *f);
/* FAULT_ABSENT: unknown or expired, or of another kind than `kind` (0: any). */
must_check int flows_find(struct store *s, const uint8_t hash[STORE_HASH_SIZE], enum flow_kind kind,
                          uint64_t now, struct arena *arena, struct flow *ret);
/* The same, and it is gone whatever comes of it. */
must_check int flows_take(struct store *s, const uint8_t hash[STORE_HASH_SIZE], enum flow_kind kind,
                          uint64_t now, struct arena *arena, struct flow *ret);
/* Forgets those that have expired, and the oldest beyond FLOWS_MAX. */
must_check int flows_prune(struct store *s, uint64_t now);

#endif
