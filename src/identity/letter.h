/* What a person is told, as bytes: a mail (RFC 5322) or what a webhook gets.
 *
 * Plain text, from fixed sentences. Names, addresses and details come from outside: none of them
 * can end a line of the head (such a letter is refused), and what is no printable ASCII in the text
 * is shown as "?", so that a letter looks the same to everybody. Pure. */
#ifndef IDENTITY_LETTER_H
#define IDENTITY_LETTER_H

#include "base/buf.h"
#include "base/macros.h"
#include "base/span.h"

/* "t=1772368496,v1=" and 64 digits. */
#define LETTER_SIGNATURE_SIZE 104u
/* No letter is longer. */
#define LETTER_MAX 8192u

struct letter {
    const char *id;      /* the same when it comes again */
    const char *event;   /* of audit/events.def */
    const char *what;    /* its sentence */
    const char *user;    /* whom it is about */
    const char *gateway; /* host name of the portal */
    const char *account; /* URL of the account page, or "" */
    const char *source;  /* address, or "" */
    const char *detail;  /* lines, or "" */
    uint64_t at_ms;      /* wall, of the event */
    unsigned folded;     /* stands for so many; 0: for itself */
    /* Of a mail. */
    const char *from, *to;
    uint64_t sent_ms;
};

/* A whole message with CRLF. FAULT_FORMAT: something would have to stand in its head that can not;
 * FAULT_LIMIT. */
must_check int letter_mail(const struct letter *l, struct buf *out);
/* One JSON object. */
must_check int letter_json(const struct letter *l, struct buf *out);
/* The value of Postern-Signature: HMAC-SHA-256 (RFC 2104) with the secret over "TIME.BODY", TIME
 * being wall seconds. Whoever verifies it refuses old times, so that nothing can be played again.
 */
must_check int letter_sign(struct span secret, uint64_t now, struct span body,
                           char out[LETTER_SIGNATURE_SIZE]);

#endif
