/* The decision: a pure function of who, how sure, from where, when and what.
 *
 * Deny by default. Deny rules come before all others, wherever they stand: the first that concerns
 * the request refuses it. Then the first rule (in order of the snapshot) that admits it decides.
 * When none does, the reason is that of the rule that came nearest, so that a person can be told
 * what was missing. Knows no clock, does no I/O, allocates nothing. The same function serves the
 * edge, the keeper and `postern explain`. */
#ifndef POLICY_DECIDE_H
#define POLICY_DECIDE_H

#include "base/buf.h"
#include "conf/snapshot.h"
#include "policy/zones.h"

/* A snapshot compiled for decisions. Borrows the snapshot, which must outlive it. */
struct policy;

/* s: one that verify_snapshot accepts. 0 or -ENOMEM. */
must_check int policy_new(const struct snapshot *s, struct policy **ret);
void policy_free(struct policy *p);
const struct zones *policy_zones(const struct policy *p);

enum subject_kind { SUBJECT_NOBODY, SUBJECT_PERSON, SUBJECT_TOKEN };

/* Who asks. Lists of text have one item a line, as in `view` (ipc/messages.def). */
struct subject {
    enum subject_kind kind;
    struct span user;     /* also the owner of a token */
    struct span token;    /* name of the token */
    struct span groups;   /* of the user */
    struct span grants;   /* of a person: names of the rules for which a grant runs now */
    bool by_certificate;  /* a program that has shown nothing but its client certificate: token is
                           * the certificate's name, which rules may have in either list */
    bool named_only;      /* a break-glass account: only rules that name the user admit it */
    struct proven proven; /* of a person */
    struct span scope_routes, scope_methods, scope_paths; /* tokens: empty list = nothing at all for
                                                           * routes ("*": every route); empty = no
                                                           * narrowing for the rest. Paths are
                                                           * patterns (conf/pattern.h) */
    struct span scope_zones;          /* of a token: names of zones; empty: good anywhere */
    const uint8_t *scope_certificate; /* of a token that is good only beside a certificate: SHA-256
                                         of its public key; or NULL */
};
/* Groups that some rule names count up to this many; a person who is in more is refused by what
 * lies beyond, never admitted. */
#define SUBJECT_GROUPS_MAX 256

struct question {
    const struct subject *subject;
    struct zone_set zones;
    const struct route_def *route; /* of the snapshot; NULL never */
    struct span method;
    struct span path; /* canonical */
    uint64_t now;     /* wall seconds */
    const uint8_t
        *certificate; /* SHA-256 of the public key (SPKI) that the client proved, or NULL */
    bool upgrade;     /* it asks for another protocol, in which anything may follow */
    bool timeless;    /* for tests of the policy: every rule is in its time */
};

enum verdict { VERDICT_DENY = 0, VERDICT_ALLOW = 1, VERDICT_PROVE = 2 /* log in, or step up */ };

/* Numbers are kept in records and never change. How near each is: reason_rank(). */
enum reason {
    REASON_ALLOWED = 0,
    REASON_NO_RULE = 1, /* no rule names this route */
    REASON_NOBODY = 2,  /* nobody is logged in */
    REASON_WHO = 3,     /* no rule for this route names this person or token */
    REASON_ZONE = 4,    /* … from this place */
    REASON_METHOD = 5,
    REASON_PATH = 6,
    REASON_ASSURANCE = 7,          /* logged in too weakly */
    REASON_AGE = 8,                /* proven too long ago */
    REASON_TOKEN_SCOPE = 9,        /* the token's own scope does not cover this */
    REASON_TOKEN_ZONE = 10,        /* the token is good elsewhere, whatever the rules say */
    REASON_TOKEN_CERTIFICATE = 11, /* the token is good beside its certificate only */
    REASON_MOVED = 12,             /* the session has left its binding: policy/binding.h */
    REASON_DENIED = 13,            /* a deny rule concerns this */
    REASON_TIME = 14,              /* not at this time */
    REASON_READ_ONLY = 15,         /* a rule admits reading, and this is more */
    REASON_ANONYMOUS = 16,         /* allowed, whoever it is */
    REASON_GRANT = 17, /* named by a rule that admits for a time only, and nothing runs */
};
#define REASON_COUNT 18u

struct decision {
    enum verdict verdict;
    enum reason reason;
    const struct rule_def *rule; /* the deciding or nearest rule, or NULL */
};

/* Does what is demanded or refused on this route depend on the method? */
bool policy_minds_method(const struct policy *p, const struct route_def *route);
/* Does the place satisfy the token's own list of zones? names: one a line; empty: always. */
bool policy_token_place(const struct policy *p, struct zone_set zones, struct span names);
/* REASON_ALLOWED or REASON_TOKEN_SCOPE: the token's own methods and paths alone. */
enum reason policy_token_covers(const struct question *q);
/* A deny rule concerns a request by who, zone, method, path and time; naming nobody it is for
 * everybody, also for whoever is not known; without zones it holds everywhere. It concerns the
 * tokens of the people and groups that it names, and break-glass accounts by `*` and their groups
 * as well.
 *
 * An anonymous rule opens its methods and paths to whoever comes from its zones: to nobody, and to
 * people whom no other rule admits there; never to tokens. The verdict is VERDICT_ALLOW with
 * REASON_ANONYMOUS, and whoever was known is not: the request goes on without a name.
 *
 * The tests of any other rule, in this order: who, zone, method, reading, path, time, then grant,
 * assurance and age for a person or the token's own scope for a token. Tokens are admitted only by
 * rules whose `tokens` name them; the assurance of a rule concerns people. Nobody gets
 * VERDICT_PROVE with REASON_NOBODY where some rule of the route admits the place, and VERDICT_DENY
 * with REASON_ZONE where logging in could not help. What a rule admits must satisfy every demand
 * (conf rule_def) that fits; else the verdict is VERDICT_PROVE and the rule the demand that asks
 * most. A token where or how it is not good fails at that before anything else, so that a record of
 * it says so. An age is that of the level which the rule demands. A login that lies in the future
 * by more than a minute counts as too old. */
struct decision policy_decide(const struct policy *p, const struct question *q);

/* Could anything at all (the portal or any rule) admit this source? Asked before TLS. */
bool policy_admits_source(const struct policy *p, struct zone_set zones);
/* Is this source inside the portal's zones? */
bool policy_admits_portal(const struct policy *p, struct zone_set zones);

/* The route for a request: on a port that belongs to a route that one alone (for any host, or for
 * the route's own host when it has one), elsewhere by host (lower case, no port) and there the one
 * with the longest prefix of the canonical path, by whole segments. NULL: none. The portal's own
 * host is never a route. */
const struct route_def *policy_route(const struct policy *p, uint16_t listener_port,
                                     struct span host, struct span path);
/* Every route that some path of this host leads to; none: the host is no console's. Borrowed. */
struct route_list {
    const struct route_def *const *at;
    size_t count;
};
struct route_list policy_routes(const struct policy *p, uint16_t listener_port, struct span host);
bool policy_is_portal(const struct policy *p, struct span host);
/* Is the portal served on this listener of the snapshot? Not where the port belongs to a route. */
bool policy_serves_portal(const struct policy *p, const struct listener_def *l);
/* As snapshot_portal_port. */
uint16_t policy_portal_port(const struct policy *p);

/* "allowed by rule", "no rule admits this zone", …: a sentence for a person. */
const char *reason_text(enum reason reason);
/* Greater: the rule failed at a later test, and came nearer. */
unsigned reason_rank(enum reason reason);
const char *reason_name(enum reason reason);  /* "zone", for logs, JSON */
const char *verdict_name(enum verdict v);     /* "allow", "deny", "prove" */
const char *assurance_name(enum assurance a); /* "mfa", as in the configuration */
must_check int assurance_parse(struct span name, enum assurance *ret);

/* Every rule tried, in order and up to the one that admits, each with the test it failed at (null:
 * it admits): for `postern explain`. Appends JSON:
 * {"verdict":…,"reason":…,"text":…,"rule":…,"zones":[…],"tried":[{"rule":…,"failed":…}]};
 * with VERDICT_PROVE for somebody also "needs":{"assurance":…,"max_age":seconds}, or
 * "needs":{"grant": rule} where a grant is missing. After the rule that admits come the demands,
 * with what each failed at. */
must_check int policy_explain(const struct policy *p, const struct question *q, struct buf *out);

#endif
