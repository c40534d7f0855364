#include "keeper/sealing.h"

#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "keeper/keeper.h"
#include "store/credentials.h"

static const char MAGIC[] = "postern-sealing-keys 1";
static const char *const WORDS[] = {"current", "previous"};

#define FILE_MAX 1024u

/* ---- the file ---- */

static int parse(struct span text, struct seal_ring *ring)
{
    struct span line, word;
    struct seal_ring found = {0};
    int r = span_cut(&text, '\n', &line) && span_is(line, MAGIC) ? 0 : FAULT_FORMAT;
    while (r == 0 && text.len > 0) {
        struct seal_key *key = &found.keys[found.count % countof(found.keys)];
        (void)span_cut(&text, '\n', &line);
        if (found.count == countof(found.keys) || !span_cut(&line, ' ', &word) ||
            !span_is(word, WORDS[found.count]) || !span_cut(&line, ' ', &word) ||
            text_unhex(word, key->id, sizeof(key->id)) < 0 ||
            text_unhex(line, key->key, sizeof(key->key)) < 0) {
            r = FAULT_FORMAT;
        }
        found.count++;
    }
    if (r == 0 && found.count > 0) {
        *ring = found;
    }
    secret_wipe(&found, sizeof(found));
    return r < 0 || ring->count == 0 ? FAULT_FORMAT : 0;
}

static int write_keys(const char *path, const struct seal_ring *ring)
{
    char id[2 * SEAL_ID_SIZE + 1], key[2 * SEAL_KEY_SIZE + 1];
    struct buf text;
    buf_init(&text, FILE_MAX);
    text.wipe = true;
    (void)buf_printf(&text, "%s\n", MAGIC);
    for (size_t i = 0; i < ring->count; i++) {
        text_hex(id, span_of(ring->keys[i].id, SEAL_ID_SIZE));
        text_hex(key, span_of(ring->keys[i].key, SEAL_KEY_SIZE));
        (void)buf_printf(&text, "%s %s %s\n", WORDS[i], id, key);
    }
    int r = text.bad ? FAULT_LIMIT : file_replace(path, buf_view(&text), true);
    secret_wipe(key, sizeof(key));
    buf_fini(&text);
    return r;
}

int sealing_open(struct sealing *s, const char *directory, struct store *store)
{
    struct secret file = {0};
    store_set_ring(store, &s->ring);
    if (snprintf(s->path, sizeof(s->path), "%s/sealing.keys", directory) >= (int)sizeof(s->path)) {
        return FAULT_LIMIT;
    }
    int r = seal_start();
    r = r < 0 ? r : secret_read_file(&file, s->path, FILE_MAX);
    if (r == -ENOENT || r == FAULT_ABSENT) {
        struct seal_ring fresh = {.count = 1};
        r = seal_key_new(&fresh.keys[0]);
        r = r < 0 ? r : write_keys(s->path, &fresh);
        if (r == 0) {
            s->ring = fresh;
        }
        secret_wipe(&fresh, sizeof(fresh));
        return r;
    }
    r = r < 0 ? r : parse(secret_view(&file), &s->ring);
    secret_fini(&file);
    return r;
}

void sealing_fini(struct sealing *s)
{
    secret_wipe(&s->ring, sizeof(s->ring));
}

/* ---- sealing anew ---- */

static int record(struct keeper *k, enum audit_event event, enum audit_outcome outcome,
                  const struct reseal *done)
{
    char id[2 * SEAL_ID_SIZE + 1], detail[96];
    text_hex(id, span_of(k->sealing.ring.keys[0].id, SEAL_ID_SIZE));
    (void)snprintf(detail, sizeof(detail), "{\"sealed\":%llu,\"lost\":%llu}",
                   (unsigned long long)done->sealed, (unsigned long long)done->lost);
    return keeper_audit(k, event, span_str(id), outcome, span_str(detail));
}

static int settle_step(struct keeper *k, void *context)
{
    struct reseal *done = context;
    int r = credentials_reseal(k->store, done);
    if (r == 0 && done->sealed > 0) {
        r = record(k, AUDIT_SEALING_DONE, AUDIT_DONE, done);
    }
    return r == 0 && done->lost > 0 ? record(k, AUDIT_SEALING_LOST, AUDIT_FAILED, done) : r;
}

void sealing_settle(struct keeper *k)
{
    struct reseal done = {0};
    if (k->sealing.ring.count == 0) {
        return;
    }
    int r = turn_run(&k->turn, settle_step, &done);
    turn_end(&k->turn);
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "sealing", r, "secrets of the store stay as they are");
    } else if (done.lost > 0) {
        log_event(LOG_LEVEL_ERROR, "sealing_lost");
    }
}

int sealing_rotate(struct keeper *k, uint64_t *ret)
{
    struct sealing *s = &k->sealing;
    struct reseal done;
    if (s->ring.count != 1) {
        return s->ring.count == 0 ? FAULT_CRYPTO : FAULT_BUSY;
    }
    struct seal_ring fresh = {.keys = {{{0}, {0}}, s->ring.keys[0]}, .count = 2};
    int r = seal_key_new(&fresh.keys[0]);
    r = r < 0 ? r : write_keys(s->path, &fresh);
    if (r == 0) {
        s->ring = fresh;
        r = credentials_reseal(k->store, &done);
    }
    secret_wipe(&fresh, sizeof(fresh));
    r = r < 0 ? r : record(k, AUDIT_SEALING_DONE, AUDIT_DONE, &done);
    if (r == 0) {
        *ret = done.sealed;
    }
    return r;
}

static int leftover_step(struct keeper *k, void *context)
{
    return credentials_reseal(k->store, context);
}

void sealing_minute(struct keeper *k)
{
    struct sealing *s = &k->sealing;
    struct reseal left = {0};
    if (s->ring.count < 2) {
        return;
    }
    int r = turn_run(&k->turn, leftover_step, &left);
    if (r == 0 && left.sealed == 0) {
        struct seal_ring alone = {.keys = {s->ring.keys[0]}, .count = 1};
        r = write_keys(s->path, &alone);
        if (r == 0) {
            secret_wipe(&s->ring, sizeof(s->ring));
            s->ring = alone;
        }
        secret_wipe(&alone, sizeof(alone));
    }
    if (r < 0) {
        log_fault(LOG_LEVEL_WARN, "sealing_rotation", r, "the previous key stays in the file");
    }
}
