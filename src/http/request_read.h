/* What requests of every HTTP version have in common when they are read: which methods, targets,
 * hosts and expectations have a meaning here. Private to the parsers of http/.
 *
 * Each function returns 0 or a fault, with the answer's status and a static sentence for the log in
 * the reader's. */
#ifndef HTTP_REQUEST_READ_H
#define HTTP_REQUEST_READ_H

#include "http/h1_fields.h"

/* One attempt at one head: what is filled, and where the reason goes when it is refused. */
struct request_reader {
    struct arena *arena;
    struct request *request;
    unsigned *status;
    const char **why;
};

/* Notes the reason; returns FAULT_LIMIT for 414 and 431, else FAULT_FORMAT. */
int request_refuse(const struct request_reader *t, unsigned status, const char *why);
/* Notes 503; returns -ENOMEM. */
int request_no_memory(const struct request_reader *t);

/* A registered method: 405 for CONNECT and TRACE, 501 for one that nobody knows. */
must_check int request_method(const struct request_reader *t, struct span method);
/* A target that begins with '/', or "*": target, path, query and canonical of the request. */
must_check int request_target(const struct request_reader *t, struct span target);
/* Takes the headers over: those that may occur once do, and Host names an authority, which is
 * `named` when the request line (or :authority) has named one too. */
must_check int request_host(const struct request_reader *t, const struct h1_fields *f,
                            struct span named);
/* Expect; needs framing. */
must_check int request_expect(const struct request_reader *t, const struct h1_fields *f);

#endif
