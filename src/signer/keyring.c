#include "signer/keyring.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

#define NOTE_MAX 768u

/* As the configuration spells a file name; the directory is left by no name. */
static bool name_ok(struct span name)
{
    if (name.len == 0 || name.len > KEYRING_NAME_MAX || name.at[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* Where a pair of this kind belongs. */
struct shelf {
    struct keyring_entry *at;
    size_t *count;
    size_t room;
    const struct keyring_entry *old; /* of the keyring before */
    size_t old_count;
    bool client;
};

/* The same pair of the keyring before, when the files still say the same. */
static struct pair *shared(const struct shelf *s, const char *name, const struct pair *fresh)
{
    for (size_t i = 0; i < s->old_count; i++)
        if (strcmp(s->old[i].name, name) == 0 && pair_same(s->old[i].pair, fresh))
            return pair_ref(s->old[i].pair);
    return NULL;
}

static int add(const struct shelf *s, const char *name, const char *certificate, const char *key,
               uint32_t *last_handle, struct buf *note)
{
    struct buf why;
    struct pair *fresh = NULL;
    buf_init(&why, NOTE_MAX);
    int rc = s->client ? pair_load_client(certificate, key, *last_handle + 1, &fresh, &why)
                       : pair_load(certificate, key, *last_handle + 1, &fresh, &why);
    if (rc < 0 && note != NULL) {
        struct span said = buf_view(&why);
        /* Many of the sentences begin with the file that they are about. */
        if (said.len == 0 || said.at[0] != '/')
            (void)buf_printf(note, "%s: ", certificate);
        (void)buf_append(note, said);
    }
    buf_fini(&why);
    if (rc < 0)
        return rc;
    struct pair *kept = shared(s, name, fresh);
    if (kept != NULL)
        pair_unref(fresh);
    else
        ++*last_handle;
    struct keyring_entry *place = &s->at[*s->count];
    (void)snprintf(place->name, sizeof(place->name), "%s", name);
    place->pair = kept != NULL ? kept : fresh;
    ++*s->count;
    return 0;
}

static int add_named(const struct shelf *s, const char *directory, struct span name,
                     uint32_t *last_handle, struct buf *note)
{
    char text[KEYRING_NAME_MAX + 1], certificate[PATH_MAX], key[PATH_MAX];
    const char *where = s->client ? "upstream_certificate" : "tls.certificates";
    if (!name_ok(name) || *s->count == s->room) {
        if (note != NULL)
            (void)buf_printf(note, "%s: a name is none, or there are too many", where);
        return FAULT_MISUSE;
    }
    (void)snprintf(text, sizeof(text), "%.*s", SPAN_FMT(name));
    for (size_t i = 0; i < *s->count; i++) {
        if (strcmp(s->at[i].name, text) != 0)
            continue;
        if (note != NULL)
            (void)buf_printf(note, "%s: %s stands twice", where, text);
        return FAULT_MISUSE;
    }
    int n = snprintf(certificate, sizeof(certificate), "%s/%s.crt", directory, text);
    int m = snprintf(key, sizeof(key), "%s/%s.key", directory, text);
    if (n < 0 || m < 0 || (size_t)n >= sizeof(certificate) || (size_t)m >= sizeof(key))
        return FAULT_LIMIT;
    return add(s, text, certificate, key, last_handle, note);
}

/* A key that signed as a server and as a client would sign two forms for whoever asks. */
static int check_keys(const struct keyring *k, struct buf *note)
{
    for (size_t c = 0; c < k->client_count; c++) {
        for (size_t i = 0; i < k->count; i++) {
            if (!pair_shares_key(k->client[c].pair, k->at[i].pair))
                continue;
            if (note != NULL)
                (void)buf_printf(note,
                                 "upstream_certificate: %s has the key of a certificate of our own",
                                 k->client[c].name);
            return FAULT_CONFLICT;
        }
    }
    return 0;
}

int keyring_load(const struct keyring_places *places, const struct keyring_wish *wish,
                 const struct keyring *old, uint32_t *last_handle, struct keyring **ret,
                 struct buf *note)
{
    static uint32_t last_serial;
    struct keyring *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return -ENOMEM;
    struct span rest = wish->names, name;
    const struct shelf own = {
        k->at, &k->count, KEYRING_MAX, old != NULL ? old->at : NULL, old != NULL ? old->count : 0,
        false};
    const struct shelf clients = {k->client,
                                  &k->client_count,
                                  KEYRING_CLIENTS_MAX,
                                  old != NULL ? old->client : NULL,
                                  old != NULL ? old->client_count : 0,
                                  true};
    k->tls12 = wish->tls12;
    int rc = add(&own, "", places->certificate, places->key, last_handle, note);
    while (rc == 0 && span_cut(&rest, '\n', &name))
        if (name.len > 0)
            rc = add_named(&own, places->directory, name, last_handle, note);
    rest = wish->clients;
    while (rc == 0 && span_cut(&rest, '\n', &name))
        if (name.len > 0)
            rc = add_named(&clients, places->directory, name, last_handle, note);
    if (rc == 0)
        rc = check_keys(k, note);
    if (rc < 0) {
        keyring_free(k);
        return rc;
    }
    if (++last_serial == 0)
        last_serial = 1;
    k->serial = last_serial;
    *ret = k;
    return 0;
}

void keyring_free(struct keyring *k)
{
    for (size_t i = 0; k != NULL && i < k->count; i++)
        pair_unref(k->at[i].pair);
    for (size_t i = 0; k != NULL && i < k->client_count; i++)
        pair_unref(k->client[i].pair);
    free(k);
}

bool keyring_same(const struct keyring *a, const struct keyring *b)
{
    bool same = a->count == b->count && a->tls12 == b->tls12 && a->client_count == b->client_count;
    for (size_t i = 0; same && i < a->client_count; i++)
        same = a->client[i].pair == b->client[i].pair &&
               strcmp(a->client[i].name, b->client[i].name) == 0;
    for (size_t i = 0; same && i < a->count; i++)
        same = a->at[i].pair == b->at[i].pair;
    return same;
}

const struct pair *keyring_client(const struct keyring *k, struct span name)
{
    for (size_t i = 0; k != NULL && i < k->client_count; i++)
        if (span_is(name, k->client[i].name))
            return k->client[i].pair;
    return NULL;
}

struct pair *keyring_find(const struct keyring *k, uint32_t handle)
{
    for (size_t i = 0; k != NULL && i < k->client_count; i++)
        if (pair_handle(k->client[i].pair) == handle)
            return k->client[i].pair;
    for (size_t i = 0; k != NULL && i < k->count; i++)
        if (pair_handle(k->at[i].pair) == handle)
            return k->at[i].pair;
    return NULL;
}
