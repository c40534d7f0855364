#include "keeper/repeat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "store/repeats.h"

static void forget(struct repeat_answer *a)
{
    if (a->text != NULL) {
        secret_wipe(a->text, a->len);
        free(a->text);
    }
    *a = (struct repeat_answer){0};
}

void repeats_fini(struct repeats *r)
{
    for (size_t i = 0; i < REPEAT_ANSWERS; i++) {
        forget(&r->answer[i]);
    }
}

void repeats_minute(struct keeper *k)
{
    uint64_t now = clock_mono_ms();
    for (size_t i = 0; i < REPEAT_ANSWERS; i++) {
        struct repeat_answer *a = &k->repeats.answer[i];
        if (a->text != NULL && a->until_ms <= now) {
            forget(a);
        }
    }
}

/* Each part with its length before it, so that no two lists of parts are one text. */
static int digest(const struct span *parts, size_t count, uint8_t hash[REPEAT_HASH])
{
    struct buf text;
    buf_init(&text, 128u * 1024);
    text.wipe = true;
    for (size_t i = 0; i < count; i++) {
        (void)buf_printf(&text, "%zu:", parts[i].len);
        (void)buf_append(&text, parts[i]);
    }
    struct span view = buf_view(&text);
    int r = text.bad ? -ENOMEM : SHA256(view.at, view.len, hash) == NULL ? FAULT_CRYPTO : 0;
    buf_fini(&text);
    return r;
}

static int id_of(const struct call *c, uint8_t id[REPEAT_HASH])
{
    const struct span parts[] = {span_str(c->actor.text), c->in.repeat};
    return digest(parts, countof(parts), id);
}

static int question_of(const struct call *c, uint8_t hash[REPEAT_HASH])
{
    const struct span parts[] = {c->in.method, c->in.path, c->in.query, c->in.body};
    return digest(parts, countof(parts), hash);
}

static bool is_key(struct span key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.at[i] < 0x21 || key.at[i] > 0x7e) {
            return false;
        }
    }
    return key.len > 0 && key.len <= 128;
}

static int answer_again(struct call *c, const uint8_t id[REPEAT_HASH])
{
    const struct repeats *all = &c->keeper->repeats;
    for (size_t i = 0; i < REPEAT_ANSWERS; i++) {
        const struct repeat_answer *a = &all->answer[i];
        if (a->text != NULL && memcmp(a->id, id, REPEAT_HASH) == 0) {
            return call_answer(c, a->status, json_loadb(a->text, a->len, 0, NULL));
        }
    }
    return call_problem(c, 409, NULL,
                        "this was done when it was asked with this key before; the answer is not "
                        "kept any more");
}

int repeat_check(struct call *c)
{
    uint8_t id[REPEAT_HASH], question[REPEAT_HASH], known[REPEAT_HASH];
    if (!is_key(c->in.repeat)) {
        return call_problem(c, 400, NULL,
                            "an Idempotency-Key has 1 to 128 printable characters, no blanks");
    }
    int r = id_of(c, id);
    r = r < 0 ? r : question_of(c, question);
    r = r < 0 ? r : repeats_find(c->keeper->store, id, known);
    if (r == FAULT_ABSENT) {
        return 1;
    }
    if (r < 0) {
        return r;
    }
    return memcmp(known, question, sizeof(known)) == 0
               ? answer_again(c, id)
               : call_problem(c, 422, NULL, "this Idempotency-Key was used for another request");
}

int repeat_done(struct call *c)
{
    uint8_t id[REPEAT_HASH], question[REPEAT_HASH];
    struct repeats *all = &c->keeper->repeats;
    int r = id_of(c, id);
    r = r < 0 ? r : question_of(c, question);
    r = r < 0 ? r : repeats_add(c->keeper->store, id, question, c->now_ms / 1000);
    if (r < 0) {
        return r == FAULT_EXISTS ? call_fault(c, r, "Idempotency-Key") : r;
    }
    for (size_t i = 0; i < REPEAT_ANSWERS; i++) {
        /* Of a time whose transaction failed. */
        if (all->answer[i].text != NULL && memcmp(all->answer[i].id, id, sizeof(id)) == 0) {
            forget(&all->answer[i]);
        }
    }
    struct repeat_answer *a = &all->answer[all->next];
    all->next = (all->next + 1) % REPEAT_ANSWERS;
    forget(a);
    char *text = json_dumps(c->answer, JSON_COMPACT);
    if (text == NULL) {
        return -ENOMEM;
    }
    memcpy(a->id, id, sizeof(a->id));
    a->text = text;
    a->len = strlen(text);
    a->status = c->status;
    a->until_ms = clock_mono_ms() + REPEAT_ANSWER_MS;
    return 0;
}
