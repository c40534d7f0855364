/* The process graph as data: which programs there are, how many of each, and what they are told. */
#ifndef SUPERVISOR_ROLE_H
#define SUPERVISOR_ROLE_H

#include "base/arena.h"
#include "conf/snapshot.h"
#include "ipc/message.h"

/* Those before the edges are started first, one of each. */
enum role_kind { ROLE_SIGNER, ROLE_KEEPER, ROLE_COURIER, ROLE_EDGE, ROLE_COUNT };

/* What an argument list is made from. */
struct role_facts {
    const struct snapshot *file;
    uint32_t id;
    const uint16_t *ports; /* upstream ports that an edge may connect to */
    size_t port_count;
    const char *clients; /* names of the pairs that consoles are shown, one a line */
};

struct role {
    const char *name; /* in logs and in doctor's table */
    const char *executable;
    enum ipc_role ipc;
    bool per_edge;           /* one per edge slot; else exactly one */
    bool with_keeper_socket; /* descriptor 4 */
    bool prepares;           /* takes part in a rollout: it uses what a snapshot says */
    unsigned peers;          /* mask of enum ipc_role: with whom it shares a channel */
    /* A NULL-terminated list in the arena, argv[0] included; NULL without memory. */
    char **(*arguments)(struct arena *a, const struct role_facts *facts);
};

extern const struct role ROLES[ROLE_COUNT];

#endif
