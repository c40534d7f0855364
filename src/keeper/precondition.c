#include "keeper/precondition.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/operation.h"

#define POLICY "/api/v1/policy"

/* The next tag of a list; false: no more, or *bad. */
static bool cut_tag(struct span *rest, struct span *tag, bool *bad)
{
    *rest = span_trim(*rest);
    size_t from = span_starts(*rest, SPAN("W/")) ? 2 : 0;
    if (rest->len == 0) {
        return false;
    }
    size_t end = rest->at[from < rest->len ? from : 0] != '"'
                     ? SIZE_MAX
                     : span_find(span_sub(*rest, from + 1, SIZE_MAX), '"');
    *bad = end == SIZE_MAX;
    if (*bad) {
        return false;
    }
    *tag = span_sub(*rest, 0, from + end + 2);
    *rest = span_trim(span_sub(*rest, from + end + 2, SIZE_MAX));
    *bad = rest->len > 0 && rest->at[0] != ',';
    *rest = rest->len > 0 ? span_sub(*rest, 1, SIZE_MAX) : *rest;
    return !*bad;
}

bool precondition_is_shaped(struct span if_match)
{
    struct span tag;
    bool bad = false, any = span_is(span_trim(if_match), "*");
    while (!any && cut_tag(&if_match, &tag, &bad)) {
        any = if_match.len == 0;
    }
    return any && !bad;
}

static bool matches(struct span if_match, const char *etag)
{
    struct span tag;
    bool bad = false;
    if (span_is(span_trim(if_match), "*")) {
        return true;
    }
    while (cut_tag(&if_match, &tag, &bad)) {
        if (span_is(tag, etag)) {
            return true;
        }
    }
    return false;
}

/* ---- the tag ---- */

/* Changes by mere use: nobody who changes a token minds that it was used meanwhile. */
static const char *const VOLATILE[] = {"last_used",    "last_source",  "strayed",
                                       "stray_source", "seconds_left", "last_seen"};

static int digest(const json_t *answer, char etag[CALL_ETAG_SIZE])
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    json_t *copy = json_copy((json_t *)(uintptr_t)answer);
    for (size_t i = 0; copy != NULL && i < countof(VOLATILE); i++) {
        (void)json_object_del(copy, VOLATILE[i]);
    }
    char *text = copy == NULL ? NULL : json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(copy);
    if (text == NULL) {
        return -ENOMEM;
    }
    bool good = SHA256((const uint8_t *)text, strlen(text), hash) != NULL;
    free(text);
    char hex[33];
    text_hex(hex, span_of(hash, 16));
    (void)snprintf(etag, CALL_ETAG_SIZE, "\"%s\"", hex);
    return good ? 0 : FAULT_CRYPTO;
}

int precondition_tag(struct call *c)
{
    const json_t *version = json_object_get(c->answer, "version");
    if (c->etag[0] != '\0' || !json_is_object(c->answer)) {
        return 0;
    }
    if (json_is_integer(version)) {
        (void)snprintf(c->etag, sizeof(c->etag), "\"%lld\"",
                       (long long)json_integer_value(version));
        return 0;
    }
    return digest(c->answer, c->etag);
}

/* ---- what a change is compared with ---- */

static const struct operation *getter(const char *path, size_t len)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        const struct operation *op = &OPERATIONS[i];
        if (strcmp(op->method, "GET") == 0 && (op->flags & OPERATION_PAGE) == 0 &&
            span_eq(span_str(op->path), span_of(path, len))) {
            return op;
        }
    }
    return NULL;
}

/* A list is no resource of its own: the template ends in a name, or the row is a PUT. */
static const struct operation *resource_of(const struct operation *op)
{
    size_t len = strlen(op->path);
    bool exact = strcmp(op->method, "PUT") == 0;
    while (len > strlen("/api/v1/")) {
        const struct operation *found = getter(op->path, len);
        if (found != NULL && (exact || op->path[len - 1] == '}')) {
            return found;
        }
        exact = false;
        while (len > 0 && op->path[len - 1] != '/') {
            len--;
        }
        len = len > 0 ? len - 1 : 0;
    }
    return (op->flags & OPERATION_CHANGE) != 0 ? getter(POLICY, strlen(POLICY)) : NULL;
}

int precondition_check(struct call *c)
{
    const struct operation *change = c->op, *get = resource_of(change);
    struct span query = c->in.query;
    json_t *body = c->body;
    if (get == NULL || !precondition_is_shaped(c->in.if_match)) {
        return call_problem(c, 400, NULL,
                            get == NULL ? "If-Match is for a change of one resource"
                                        : "If-Match is a list of entity tags in quotes, or *");
    }
    c->op = get;
    c->in.query = SPAN_NONE;
    c->body = NULL;
    int r = get->run(c);
    bool there = r == 0 && c->need == CALL_ANSWER && c->status == 200;
    bool absent = r == 0 && c->need == CALL_ANSWER && c->status == 404;
    r = there ? precondition_tag(c) : r;
    bool held = r == 0 && there && matches(c->in.if_match, c->etag);
    c->op = change;
    c->in.query = query;
    if (r < 0 || (!there && !absent)) {
        json_decref(body);
        return r;
    }
    call_reset(c);
    c->body = body;
    return held ? 1
                : call_problem(c, 412, NULL,
                               there ? "this was changed since; look at it again"
                                     : "there is nothing of this name any more");
}
