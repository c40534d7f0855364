/* The pairs that are in force together: the default one and those that the configuration names
 * beside it, and whether TLS 1.2 handshakes are signed with them.
 *
 * It is loaded whole or not at all, and does not change afterwards; what did not change on disk is
 * shared with the keyring before it and keeps its handle. */
#ifndef SIGNER_KEYRING_H
#define SIGNER_KEYRING_H

#include "signer/pair.h"

/* The default pair and 32 more. */
#define KEYRING_MAX 33u
#define KEYRING_CLIENTS_MAX 32u
#define KEYRING_NAME_MAX 64u
/* Names, one a line, as `prepare` carries them. */
#define KEYRING_NAMES_MAX 4096u

struct keyring_entry {
    char name[KEYRING_NAME_MAX + 1]; /* "" for the default */
    struct pair *pair;               /* a reference */
};

/* No key of a client's pair is that of another kind: each signs one form only. */
struct keyring {
    uint32_t serial; /* never 0; another for each keyring */
    bool tls12;
    size_t count; /* at least 1; the first is the default */
    struct keyring_entry at[KEYRING_MAX];
    size_t client_count;
    struct keyring_entry client[KEYRING_CLIENTS_MAX]; /* what consoles are shown */
};

/* Where the files are: paths of the default pair; NAME.crt and NAME.key in the directory for the
 * others. Borrowed. */
struct keyring_places {
    const char *directory, *certificate, *key;
};

struct keyring_wish {
    struct span names;   /* of the further pairs, one a line */
    struct span clients; /* of the pairs for consoles, one a line */
    bool tls12;
};

/* old: the keyring before this one, or NULL. last_handle: the handle given out last. note gets a
 * sentence on what is wrong, with the file's name. FAULT_MISUSE: a name that is none, or twice. The
 * others as pair_load. */
must_check int keyring_load(const struct keyring_places *places, const struct keyring_wish *wish,
                            const struct keyring *old, uint32_t *last_handle, struct keyring **ret,
                            struct buf *note);
void keyring_free(struct keyring *k);
/* Same pairs in the same order, same versions. */
bool keyring_same(const struct keyring *a, const struct keyring *b);
/* The client's pair of this name, or NULL. */
const struct pair *keyring_client(const struct keyring *k, struct span name);
/* The pair of this handle, of either kind, or NULL. */
struct pair *keyring_find(const struct keyring *k, uint32_t handle);

#endif
