/* A snapshot: one complete, numbered, immutable configuration.
 *
 * The YAML file becomes a snapshot (conf/yaml.h); the keeper merges its store's resources into one
 * (conf/merge.h); a slice of it travels to each process in a sealed memfd (conf/slice.h).
 * Everything inside lives in the snapshot's arena and dies with it. Strings are terminated, never
 * NULL ("" when absent); arrays may be NULL when their count is 0. Durations are seconds, sizes
 * bytes. */
#ifndef CONF_SNAPSHOT_H
#define CONF_SNAPSHOT_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/assurance.h"
#include "conf/directory.h"

enum sandbox_mode { SANDBOX_STRICT, SANDBOX_BEST };

/* Where a resource comes from: only ORIGIN_STORE ones can be changed through the API. */
enum origin {
    ORIGIN_FILE = 0,
    ORIGIN_STORE = 1,
    ORIGIN_BUILTIN = 2,
    ORIGIN_GUARD = 3, /* of `postern guard`: ends with whoever holds it */
};

/* A name of the kernel with its terminator (IFNAMSIZ). */
#define INTERFACE_SIZE 16u
#define ZONE_INTERFACES_MAX 16u

struct names {
    const char **name;
    size_t count;
};

/* Which header of a trusted proxy names the client. */
enum forwarded_by { FORWARDED_OFF = 0, FORWARDED_FOR = 1, FORWARDED_RFC7239 = 2 };
enum proxy_protocol { PROXY_PROTOCOL_OFF = 0, PROXY_PROTOCOL_V1V2 = 1 };

/* What is spoken on a listener. A plain one is a companion of the others: it leads to them and
 * serves nothing itself (edge/companion.h). */
enum listener_kind { LISTENER_TLS = 0, LISTENER_PLAIN = 1 };
/* Whether browsers are told to insist on TLS for a name, on every port of it. */
enum hsts { HSTS_AUTO = 0, HSTS_ALWAYS = 1, HSTS_NEVER = 2 };
/* The oldest version of TLS that a listener takes. */
enum tls_floor { TLS_FLOOR_13 = 0, TLS_FLOOR_12 = 1 };

/* Whether clients are asked for a certificate. */
enum client_certificate {
    CLIENT_OFF = 0,
    CLIENT_OPTIONAL = 1, /* none at all, or a good one */
    CLIENT_REQUIRED = 2,
    CLIENT_INHERIT = 3, /* of a host: as the listener */
};

struct client_def {
    enum client_certificate mode;
    const char *ca_file;     /* inside the secrets directory, or ""; not in an edge's slice */
    const char *crl_file;    /* the same */
    const char *authorities; /* what ca_file holds, or "" */
    const char *lists;       /* what crl_file holds, or "" */
};

struct listener_def {
    const char *name; /* "main"; letters, digits, '-' */
    struct addr addr;
    uint16_t port;
    enum listener_kind kind;
    enum tls_floor min_tls;
    bool portal;                     /* the portal and its API are served here */
    bool http2;                      /* offered beside HTTP/1.1 */
    uint32_t connections;            /* per edge; 0: only limits.connections holds */
    uint32_t handshake_timeout;      /* 0: as in limits */
    uint32_t header_timeout;         /* 0: as in limits */
    uint32_t connections_per_source; /* per edge; 0: limits.connections_per_source, which all
                                      * listeners without a number of their own share */
    struct cidr *proxies;            /* whom a word about others is believed */
    size_t proxy_count;
    enum proxy_protocol proxy_protocol;
    enum forwarded_by forwarded;
    const char *interface;    /* only what comes in there; "": wherever the address is */
    uint16_t public_port;     /* as clients know it, behind a proxy; 0: port */
    struct client_def client; /* for every name that says nothing else */
};

struct zone_def {
    const char *name;
    struct cidr *cidrs; /* none: any address */
    size_t cidr_count;
    const char *interface; /* by which it comes in as well; "": by any */
    enum origin origin;
};

enum upstream_scheme {
    UPSTREAM_HTTP = 0,
    UPSTREAM_HTTPS = 1,
    UPSTREAM_UNIX = 2,
    UPSTREAM_TCP = 3, /* no HTTP at all: what a tunnel carries */
};

/* ROUTE_TCP: nothing but the tunnel of `postern connect` reaches it (edge/tunnel.h). */
enum route_kind { ROUTE_HTTP = 0, ROUTE_TCP = 1 };

/* One place where a console listens; see conf/upstream.h for its text. */
struct upstream_def {
    enum upstream_scheme scheme;
    const char *host;   /* a name in lower case or an address, no brackets; "" with UPSTREAM_UNIX */
    bool named;         /* host is a name: its addresses are known only when somebody resolved it */
    struct addr *addrs; /* of the host: one when it is an address */
    size_t addr_count;
    uint16_t port;    /* 0 with UPSTREAM_UNIX */
    const char *path; /* of the socket; "" with the others */
};

#define UPSTREAM_ADDRS_MAX 16u
#define ROUTE_UPSTREAMS_MAX 64u /* of one route */

/* Which of several upstreams gets a request. */
enum bind_network { BIND_OFF = 0, BIND_ADDRESS = 1, BIND_ZONE = 2 };
enum balance { BALANCE_SESSION = 0, BALANCE_ROUND_ROBIN = 1 };

enum host_policy { HOST_PRESERVE = 0, HOST_FIXED = 1 };

struct route_def {
    const char *name;
    const char *host; /* lower case, without port; "" when the route is reached by port alone */
    uint16_t port;    /* the listener port it is bound to; 0: any listener, found by host */
    const char *path; /* "": all paths of the host; else this one and what is below it */
    enum route_kind kind;
    bool strip_path;                /* the upstream's own paths begin after `path` */
    struct upstream_def *upstreams; /* at least one */
    size_t upstream_count;
    const char *upstream_ca_file; /* inside the secrets directory, or ""; not in an edge's slice */
    const char *upstream_ca;      /* PEM, or "" */
    const char *authorities;      /* what upstream_ca_file holds, or "" */
    struct names upstream_pins;   /* "sha256/BASE64" */
    const char *upstream_sni;     /* "" → derived */
    const char *upstream_certificate; /* pair NAME.crt, NAME.key in the TLS directory, or "" */
    const char *upstream_name;        /* "" → the host of the upstream */
    enum balance balance;
    struct names upstream_drain; /* texts of upstreams that get nothing new */
    const char *health_path;     /* "" → not asked */
    uint32_t health_interval;
    uint32_t
        slow_start; /* an upstream that came back gets its share again within this; 0: at once */
    enum host_policy host_policy;
    const char *upstream_host;  /* with HOST_FIXED: what the upstream gets as Host */
    struct names rewrite_names; /* further names of the console, with port or without */
    struct names identity;      /* how it is told who asks, any of: "jwt", "headers" */
    struct names pass_headers;  /* lower case; pass although hygiene would drop them */
    const char *inject_file;    /* secret file "user:password" inside the secrets directory, or "".
                                 * Never in an edge's slice. */
    uint64_t body_bytes;        /* greatest request body; 0: no limit of ours */
    uint32_t connect_timeout;   /* until connected, TLS included; 0: that of the limits */
    uint32_t response_timeout;  /* until the upstream's response head */
    uint32_t stream_idle;       /* between bytes of bodies */
    uint32_t websocket_idle;    /* between bytes of tunnels, either way; 0: as stream_idle */
    const char *title;          /* for the tile; "" → name */
    const char *start;          /* path that the tile opens; "/" */
    struct client_def client;   /* of its host */
    enum bind_network
        bind_network;      /* a session goes on from where it began only: policy/binding.h */
    bool bind_fingerprint; /* … and with the program it began with */
    enum origin origin;
};

struct rule_def {
    const char *name;
    struct names users, groups, tokens,
        certificates;         /* any of them; at least one name. "*" in users: any person */
    struct names zones;       /* at least one */
    struct names routes;      /* at least one; "*": every route (not the portal) */
    struct names methods;     /* empty: all. Upper case */
    struct names paths;       /* empty: all. "/a/b" exact, "/a/" and two stars: itself and below */
    enum assurance assurance; /* people need at least this; default MFA */
    uint32_t max_age;         /* and proven at most so long ago; 0: no limit */
    bool demand;           /* admits nobody: what others admit must satisfy this, too; people only.
                              Without zones it holds everywhere */
    const char *approvers; /* group whose members may admit people that the rule names, for a time:
                              without a grant it admits nobody. "": it asks for none */
    uint32_t approvals;    /* so many of them have to agree */
    uint32_t grant_max;    /* seconds: no grant is longer */
    bool deny; /* refuses what it concerns before any other rule is asked. Without names it is for
                  everybody, without zones it holds everywhere */
    bool anonymous;         /* admits whoever comes, unasked: by method and path alone */
    bool read_only;         /* only what reads: methods without effect, and no other protocol */
    struct names times;     /* empty: always. Texts of conf/schedule.h … */
    const char *time_zone;  /* … in this zone, whose rules (conf/timezone.h) are … */
    const char *time_rules; /* … these; "" with UTC, or as long as nobody has looked them up */
    enum origin origin;
};
/* It has times, and nobody has looked up yet how its zone's clock goes. */
static inline bool rule_lacks_zone(const struct rule_def *r)
{
    return r->times.count > 0 && strcmp(r->time_zone, "UTC") != 0 && r->time_rules[0] == 0;
}
/* Does the rule admit only those who have a grant for it? */
static inline bool rule_asks_grant(const struct rule_def *r)
{
    return r->approvers != NULL && r->approvers[0] != '\0';
}

enum expectation { EXPECT_ALLOW = 0, EXPECT_DENY = 1, EXPECT_PROVE = 2 };

/* What the policy has to say of one request: keeper/trials.h. Nothing of it is for an edge. */
struct test_def {
    const char *name;
    const char *user, *token, *certificate; /* "" when it is another */
    struct names groups;                    /* that the person is in */
    bool nobody;
    enum assurance assurance;
    uint32_t age;              /* seconds since that was proven */
    const char *zone, *source; /* one of them */
    const char *method;
    const char *url;          /* or … */
    const char *route, *path; /* … these */
    bool upgrade;             /* a WebSocket */
    const char *at;           /* conf/moment.h; "": whenever each rule holds */
    enum expectation expect;
    const char *rule; /* that decides, or came nearest; "": any */
    enum origin origin;
};

/* A directory that says who people are. Nothing of it is for an edge. */
struct directory_def {
    const char *name;
    enum directory_flavour kind;
    struct names urls;       /* servers, in the order in which they are asked */
    const char *ca_file;     /* inside the secrets directory, or "" */
    const char *ca;          /* PEM, or "" */
    const char *authorities; /* what ca_file holds, or ""; filled by the keeper */
    const char *bind_dn, *bind_password_file;
    const char *base, *filter;
    const char *name_attribute, *id_attribute;
    enum directory_groups groups_from;
    const char *group_base, *group_filter;
    uint32_t group_depth;
    struct names groups; /* "GROUP=DN" */
    bool create;         /* whom nobody knows here becomes a user */
    bool self_enrol;     /* the directory's password is enough to enrol the first second factor */
    uint32_t timeout;    /* of one question, all servers together */
    uint32_t recheck;    /* of those who are on; 0: never */
};

/* An OpenID provider that says who people are. An edge knows its name and its title. */
struct provider_def {
    const char *name, *title;
    const char *issuer, *client_id;
    const char *client_secret_file; /* inside the secrets directory, or "": a public client */
    const char *ca_file;            /* inside the secrets directory, or "" */
    const char *ca;                 /* PEM, or "" */
    const char *authorities;        /* what ca_file holds, or ""; filled by the keeper */
    struct names hosts;             /* that endpoints may be on, beside the issuer's */
    struct names scopes, acr_values;
    uint32_t max_age;       /* 0: no limit */
    struct names assurance; /* rows of conf/provider.h */
    const char *groups_claim;
    struct names groups; /* rows of conf/provider.h */
    bool create;         /* whom nobody knows here becomes a user */
    uint32_t timeout;
};

struct limits {
    uint32_t connections;            /* in total, per edge; default 10000 */
    uint32_t connections_per_source; /* per edge; default 256 */
    uint32_t header_bytes;           /* request line and headers; 16 KiB */
    uint32_t header_count;           /* 100 */
    uint32_t http2_streams;          /* of one connection; 100 */
    uint32_t header_timeout;         /* from first byte (or handshake end) to complete head; 10 s */
    uint32_t handshake_timeout;      /* 10 s */
    uint32_t body_timeout;           /* between bytes of a request body; 30 s */
    uint32_t idle_timeout;           /* keep-alive without a request; 75 s */
    uint32_t write_timeout;          /* the client takes no byte for so long; 60 s */
    uint32_t connect_timeout;        /* upstream; 5 s */
    uint32_t upstream_idle;          /* pooled upstream connection; 30 s */
    uint32_t upstream_connections;   /* per route and edge; 256 */
    uint32_t drain_timeout;          /* a replaced edge's; 1 h */
    uint32_t handshakes_per_source;  /* a second; 1000, 0: no limit */
    uint32_t requests_per_source;    /* a second; 10000, 0: no limit */
    uint32_t body_rate;              /* bytes a second, least; 100, 0: no limit */
    uint32_t memory;                 /* ceiling, bytes; 512 MiB, 0: no limit */
    uint32_t name_refresh;           /* names of upstreams are resolved again after this; 30 s */
};

struct session_conf {
    uint32_t idle;     /* 15 min */
    uint32_t absolute; /* 12 h */
};

struct authentication_conf {
    uint32_t sessions_per_user;     /* 32 */
    uint32_t token_expires;         /* 90 d */
    const char *password_list;      /* file name in the secrets directory, or "" */
    struct names approvers;         /* groups; owners */
    const char *passkey_roots_file; /* the same, of roots of makers */
    uint32_t drill_every;           /* 90 d */
    enum assurance admin_assurance; /* MFA: to change something of postern in a browser, … */
    uint32_t admin_max_age;         /* 10 min: … proven at most so long ago */
};

struct changes_conf {
    struct names two_person; /* classes of changes that two people have to agree to */
    uint32_t wait;           /* 24 h: until a request expires that nobody has decided */
};

struct notices_conf {
    const char *mail_server; /* "": no mail */
    const char *mail_from;
    const char *mail_account; /* "": without */
    const char *mail_password_file, *mail_ca_file;
    const char *mail_authorities; /* what mail_ca_file holds, or "" */
    const char *webhook;          /* "": none */
    const char *webhook_secret_file, *webhook_ca_file;
    const char *webhook_authorities;
    uint32_t per_hour; /* 10 */
    uint32_t keep;     /* 3 days */
};

struct retention_conf {
    uint32_t access_days;  /* 30 */
    uint32_t access_rows;  /* 15 million */
    uint64_t access_bytes; /* 8 GiB */
    uint32_t audit_days;   /* 0: for ever */
    uint32_t audit_rows;   /* 0: any number */
};

struct snapshot {
    struct arena arena;
    uint64_t number;     /* 0: not numbered yet */
    uint64_t generation; /* of the file it was made from */

    /* The machine: from the file only, most of it good for a restart only. */
    const char *portal_host;
    struct names portal_zones;
    struct names said; /* settings that the file says: "session.idle" */
    struct client_def portal_client;
    struct listener_def *listeners;
    size_t listener_count;
    struct limits limits;
    struct session_conf session;
    struct authentication_conf authentication;
    struct notices_conf notices;
    struct retention_conf retention;
    struct changes_conf changes;
    uint32_t edges; /* 0: one per processor */
    enum sandbox_mode sandbox;
    const char *user;            /* to become when started as root; "" → "postern" */
    const char *state_dir;       /* store, tls, secrets below it unless named */
    const char *runtime_dir;     /* control sockets */
    const char *store_file;      /* default state_dir/store/postern.db; the keeper
                                  * may touch its directory, which is why the keys are elsewhere */
    const char *tls_dir;         /* default state_dir/tls */
    const char *tls_certificate; /* file name inside tls_dir, default server.crt */
    const char *tls_key;         /* file name inside tls_dir, default server.key */
    enum hsts hsts;
    struct names tls_certificates; /* further pairs NAME.crt, NAME.key inside tls_dir */
    const char *secrets_dir;       /* default state_dir/secrets */
    const char *authorities_file;  /* PEM bundle of the system */
    const char *system_trust;      /* what it holds, when a route needs it; filled by the keeper */

    /* Resources. */
    struct zone_def *zones;
    size_t zone_count;
    struct route_def *routes;
    size_t route_count;
    struct rule_def *rules;
    size_t rule_count;
    struct test_def *tests;
    size_t test_count;

    /* From the file only; the keeper's. */
    struct directory_def *dirs;
    size_t dir_count;
    /* From the file only. */
    struct provider_def *providers;
    size_t provider_count;
};

/* What the upstreams of a route are trusted by. */
enum upstream_trust {
    TRUST_NONE,   /* no TLS upstream */
    TRUST_SYSTEM, /* the system's authorities */
    TRUST_CA,     /* authorities of its own, and pins when there are any */
    TRUST_PIN,    /* pins alone: neither name nor dates count */
};
enum upstream_trust route_trust(const struct route_def *r);

#define SNAPSHOT_PORT 9443

/* An empty snapshot with every default set: the two loopback listeners, the built-in zone "local"
 * and no portal host. NULL without memory. */
struct snapshot *snapshot_new(void);
/* The same before the places that derive from state_dir are filled in: for the reader of the file,
 * which may still change state_dir. */
struct snapshot *snapshot_draft(void);
/* Fills those places in. 0 or -ENOMEM. */
must_check int snapshot_settle(struct snapshot *s);
/* Nothing in it, every text "": what a decoder fills. */
struct snapshot *snapshot_bare(void);
void snapshot_free(struct snapshot *s);

/* By name; NULL: none. Linear; for requests there is policy/decide.h. */
const struct listener_def *snapshot_listener(const struct snapshot *s, const char *name);
const struct zone_def *snapshot_zone(const struct snapshot *s, const char *name);
const struct route_def *snapshot_route(const struct snapshot *s, const char *name);
const struct rule_def *snapshot_rule(const struct snapshot *s, const char *name);
const struct directory_def *snapshot_directory(const struct snapshot *s, const char *name);
/* Strict-Transport-Security (RFC 6797) in answers? It concerns every port of a name, and all names
 * share the plain listeners: where there is one, only when it is asked for. */
bool snapshot_sends_hsts(const struct snapshot *s);
/* Does any listener take TLS 1.2? */
bool snapshot_takes_tls12(const struct snapshot *s);
/* Is the portal served on this listener? Not where the port belongs to a route. */
bool snapshot_serves_portal(const struct snapshot *s, const struct listener_def *l);
/* Is the console told who asks in this way ("jwt", "headers")? */
bool route_tells(const struct route_def *r, const char *how);
/* What is asked of clients of this host (lower case, no port) on this listener. Linear. */
const struct client_def *snapshot_client(const struct snapshot *s, const struct listener_def *l,
                                         struct span host);
/* Is anybody asked for a certificate anywhere? */
bool snapshot_asks_clients(const struct snapshot *s);
/* The port under which clients reach the first listener that serves the portal; SNAPSHOT_PORT when
 * none does. */
uint16_t snapshot_portal_port(const struct snapshot *s);
static inline uint16_t listener_public_port(const struct listener_def *l)
{
    return l->public_port != 0 ? l->public_port : l->port;
}
/* The port of the listener that clients know by this one; the same when none is known by another
 * than its own. */
uint16_t snapshot_inner_port(const struct snapshot *s, uint16_t port);

#endif
