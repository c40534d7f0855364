/* A snapshot that is ready to be used: merged, verified, compiled, its injected credentials read.
 *
 * Everything that can fail about a configuration fails while a live is made, so that a snapshot
 * which the keeper has published can always be put in force. */
#ifndef KEEPER_LIVE_H
#define KEEPER_LIVE_H

#include "base/buf.h"
#include "conf/snapshot.h"
#include "identity/attestation.h"
#include "policy/decide.h"
#include "store/store.h"

struct documents;
struct hosts;
struct leases;
struct live;

/* What the file says merged with what the store holds now (inside the present transaction). number
 * is what the result is called. 0, or FAULT_FORMAT with one reason a line in errors, or a store's
 * fault. store NULL: the file alone. leases: what else there is, or NULL. secrets_dir NULL: secret
 * files are not read. */
must_check int live_new(const struct snapshot *file, struct store *store,
                        const struct leases *leases, const char *secrets_dir, uint64_t number,
                        struct live **ret, struct buf *errors);
/* The same with these documents instead of what the store holds. */
must_check int live_from(const struct snapshot *file, const struct documents *documents,
                         const struct leases *leases, const char *secrets_dir, uint64_t number,
                         struct live **ret, struct buf *errors);
/* Calls it by another number, before anybody has seen it. */
void live_number(struct live *l, uint64_t number);
/* Writes the addresses that are known of named upstreams into a new one. 0 or -ENOMEM. */
must_check int live_fill(struct live *l, const struct hosts *hosts);
void live_free(struct live *l);
const struct snapshot *live_snapshot(const struct live *l);
const struct policy *live_policy(const struct live *l);

/* Where this zone, route, rule … comes from; false: there is none. */
bool live_origin(const struct live *l, const char *kind, struct span name, enum origin *origin);

/* Splits "host:port" (or "host", "[v6]:port"); port 0 when there is none. false: malformed. */
bool live_authority(struct span authority, struct span *host, uint16_t *port);
/* The route that a request to this authority and canonical path reaches, or NULL. */
const struct route_def *live_route(const struct live *l, struct span authority, struct span path);
/* All that some path of this authority reaches: a session is good for the authority. */
struct route_list live_routes(const struct live *l, struct span authority);
/* The authority is one under which the portal answers. */
bool live_is_portal(const struct live *l, struct span authority);
/* May a session be handed over to this authority? Only to names that the configuration vouches for:
 * a route's own host on a port where it is served, or for a port route the address of its listener.
 * A port route answers whatever Host it is given, so the name in the question proves nothing, and a
 * code sent to a stranger's name would be a stolen session. */
const struct route_def *live_handover(const struct live *l, struct span authority);
/* The Authorization value for the route, or the empty span. */
struct span live_inject(const struct live *l, const struct route_def *route);
/* The makers of authenticators that the configuration trusts; NULL: any will do. */
const struct attestation_roots *live_attestation(const struct live *l);
/* Is there any such value at all? */
bool live_injects(const struct live *l);
/* Does the rule name this person (token empty) or token? groups one a line. named_only: as in
 * struct subject. */
bool live_rule_names(const struct rule_def *rule, struct span user, struct span groups,
                     struct span token, bool named_only);
/* Does any rule name this person (token empty) or token for the route, whatever place, time, method
 * and strength? grants: of the person, one a line; NULL: as if whatever can be asked for were
 * granted. */
bool live_may_reach(const struct live *l, const struct route_def *route, struct span user,
                    struct span groups, struct span token, bool named_only,
                    const struct span *grants);
bool lines_have(struct span lines, struct span item);

#endif
