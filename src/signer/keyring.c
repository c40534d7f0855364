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

/* The same pair of the keyring before, when the files still say the same. */
static struct pair *shared(const struct keyring *old, const char *name, const struct pair *fresh)
{
    for (size_t i = 0; old != NULL && i < old->count; i++)
        if (strcmp(old->at[i].name, name) == 0 && pair_same(old->at[i].pair, fresh))
            return pair_ref(old->at[i].pair);
    return NULL;
}

static int add(struct keyring *k, const char *name, const char *certificate, const char *key,
               const struct keyring *old, uint32_t *last_handle, struct buf *note)
{
    struct buf why;
    struct pair *fresh = NULL;
    buf_init(&why, NOTE_MAX);
    int rc = pair_load(certificate, key, *last_handle + 1, &fresh, &why);
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
    struct pair *kept = shared(old, name, fresh);
    if (kept != NULL)
        pair_unref(fresh);
    else
        ++*last_handle;
    (void)snprintf(k->at[k->count].name, sizeof(k->at[k->count].name), "%s", name);
    k->at[k->count++].pair = kept != NULL ? kept : fresh;
    return 0;
}

static int add_named(struct keyring *k, const char *directory, struct span name,
                     const struct keyring *old, uint32_t *last_handle, struct buf *note)
{
    char text[KEYRING_NAME_MAX + 1], certificate[PATH_MAX], key[PATH_MAX];
    if (!name_ok(name) || k->count == KEYRING_MAX) {
        if (note != NULL)
            (void)buf_text(note, "tls.certificates: a name is none, or there are too many");
        return FAULT_MISUSE;
    }
    (void)snprintf(text, sizeof(text), "%.*s", SPAN_FMT(name));
    for (size_t i = 0; i < k->count; i++) {
        if (strcmp(k->at[i].name, text) != 0)
            continue;
        if (note != NULL)
            (void)buf_printf(note, "tls.certificates: %s stands twice", text);
        return FAULT_MISUSE;
    }
    int n = snprintf(certificate, sizeof(certificate), "%s/%s.crt", directory, text);
    int m = snprintf(key, sizeof(key), "%s/%s.key", directory, text);
    if (n < 0 || m < 0 || (size_t)n >= sizeof(certificate) || (size_t)m >= sizeof(key))
        return FAULT_LIMIT;
    return add(k, text, certificate, key, old, last_handle, note);
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
    k->tls12 = wish->tls12;
    int rc = add(k, "", places->certificate, places->key, old, last_handle, note);
    while (rc == 0 && span_cut(&rest, '\n', &name))
        if (name.len > 0)
            rc = add_named(k, places->directory, name, old, last_handle, note);
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
    free(k);
}

bool keyring_same(const struct keyring *a, const struct keyring *b)
{
    bool same = a->count == b->count && a->tls12 == b->tls12;
    for (size_t i = 0; same && i < a->count; i++)
        same = a->at[i].pair == b->at[i].pair;
    return same;
}

struct pair *keyring_find(const struct keyring *k, uint32_t handle)
{
    for (size_t i = 0; k != NULL && i < k->count; i++)
        if (pair_handle(k->at[i].pair) == handle)
            return k->at[i].pair;
    return NULL;
}
