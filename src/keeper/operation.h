/* The table of operations: everything that can be asked of the keeper by name.
 *
 * One row serves the HTTPS API, the command line by way of keeper.sock, the console's pages, the
 * documentation and the fuzz target. A row says who may call it and what its body may hold; the
 * dispatcher authenticates first, finds the row, checks the role, and only then parses the body. */
#ifndef KEEPER_OPERATION_H
#define KEEPER_OPERATION_H

#include "keeper/call.h"
#include "keeper/field.h"

enum operation_flag {
    OPERATION_PAGE = 1,   /* answers with HTML, takes a form */
    OPERATION_CHANGE = 2, /* makes a new snapshot: one at a time */
    OPERATION_ANY = 4,    /* the body's members are checked by the handler's own table */
    OPERATION_READS = 8,  /* changes nothing even though it is a POST */
    OPERATION_PROVE = 16, /* of somebody in a browser: only after a recent proof */
    OPERATION_TURN = 32,  /* a GET that changes something all the same */
    OPERATION_USER = 64,  /* changes the user {name}: privileged ones by owners only */
};

struct operation {
    const char *method;
    const char *path; /* template: {name} is one segment */
    unsigned roles;   /* set of enum role: who may call it, owners and the host besides */
    unsigned flags;
    const char *summary;
    int (*run)(struct call *c);
    const struct field *fields; /* of the body, or NULL: no body */
    const struct field *query;  /* or NULL */
};

extern const struct operation OPERATIONS[];
extern const size_t OPERATION_COUNT;

/* Authenticates, finds, checks, parses and runs. 0: c holds the answer or what it needs; the caller
 * undoes the savepoint when c->status is an error or c->need is not CALL_ANSWER. A fault means that
 * the store (or memory) failed: the caller undoes and answers 503. */
must_check int operation_run(struct call *c);

/* The row for method and path, *params filled. NULL: none; *other is true when the path exists with
 * other methods. */
const struct operation *operation_find(struct span method, struct span path, struct span params[2],
                                       bool *other);

/* Ends the call with 403; an attempt to change something is recorded, so nothing may have been
 * written before. Returns 0 or a fault. */
must_check int operation_deny(struct call *c, const char *why);

/* docs/api.md as Markdown, made from the table. */
must_check int operation_document(struct buf *out);
/* The table as JSON. */
must_check int operation_table(struct buf *out);

#endif
