#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/secret.h"

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

static void drop(struct buf *b)
{
    if (b->wipe && b->at != NULL)
        secret_wipe(b->at, b->cap);
    free(b->at);
    b->at = NULL;
    b->head = b->tail = b->cap = 0;
}

void buf_fini(struct buf *b)
{
    drop(b);
    b->bad = false;
}

static int grow(struct buf *b, size_t need)
{
    size_t cap = b->cap < 256 ? 256 : b->cap;
    while (cap < need)
        cap *= 2;
    /* One byte past the maximum, so that buf_take_string can terminate a full buffer. */
    if (cap > b->max + 1)
        cap = b->max + 1;
    uint8_t *fresh = malloc(cap);
    if (fresh == NULL)
        return -ENOMEM;
    size_t len = buf_len(b);
    if (len > 0)
        memcpy(fresh, b->at + b->head, len);
    drop(b);
    b->at = fresh;
    b->tail = len;
    b->cap = cap;
    return 0;
}

uint8_t *buf_reserve(struct buf *b, size_t len)
{
    size_t have = buf_len(b);
    if (len > b->max || have > b->max - len) {
        b->bad = true;
        return NULL;
    }
    if (b->at != NULL && b->cap - b->tail >= len)
        return b->at + b->tail;
    if (b->at != NULL && b->cap >= have + len && b->head >= b->cap / 2) {
        memmove(b->at, b->at + b->head, have);
        b->head = 0;
        b->tail = have;
        return b->at + b->tail;
    }
    if (grow(b, have + len) < 0) {
        b->bad = true;
        return NULL;
    }
    return b->at + b->tail;
}

void buf_commit(struct buf *b, size_t len)
{
    assert(b->cap - b->tail >= len);
    b->tail += len;
}

int buf_append(struct buf *b, struct span bytes)
{
    if (bytes.len == 0)
        return 0;
    uint8_t *room = buf_reserve(b, bytes.len);
    if (room == NULL)
        return FAULT_LIMIT;
    memcpy(room, bytes.at, bytes.len);
    b->tail += bytes.len;
    return 0;
}

int buf_text(struct buf *b, const char *text)
{
    return buf_append(b, span_str(text));
}

int buf_byte(struct buf *b, uint8_t byte)
{
    return buf_append(b, span_of(&byte, 1));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    int rc = FAULT_LIMIT;
    if (need >= 0) {
        uint8_t *room = buf_reserve(b, (size_t)need + 1);
        if (room != NULL) {
            (void)vsnprintf((char *)room, (size_t)need + 1, fmt, again);
            b->tail += (size_t)need;
            rc = 0;
        }
    }
    va_end(again);
    return rc;
}

void buf_consume(struct buf *b, size_t len)
{
    assert(len <= buf_len(b));
    b->head += len;
    if (b->head == b->tail)
        b->head = b->tail = 0;
}

void buf_clear(struct buf *b)
{
    b->head = b->tail = 0;
    b->bad = false;
}

void buf_release_idle(struct buf *b)
{
    if (buf_len(b) == 0)
        drop(b);
}

char *buf_take_string(struct buf *b)
{
    if (b->bad)
        return NULL;
    if (b->at == NULL || b->cap == b->tail) {
        if (grow(b, buf_len(b) + 1) < 0)
            return NULL;
        if (b->cap == b->tail)
            return NULL;
    }
    if (b->head > 0)
        memmove(b->at, b->at + b->head, buf_len(b));
    b->at[buf_len(b)] = 0;
    char *text = (char *)b->at;
    b->at = NULL;
    b->head = b->tail = b->cap = 0;
    return text;
}
