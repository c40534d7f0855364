/* What was wrong with a value, for a person: what was expected, perhaps a better text, and foreign
 * text made fit to be shown. */
#ifndef CONF_COMPLAINT_H
#define CONF_COMPLAINT_H

#include "base/span.h"

struct complaint {
    char expected[192];
    char hint[256]; /* a better text, or "" */
};

/* Sets what was expected. Always FAULT_FORMAT, so that a check can return it. */
int complaint_say(struct complaint *c, const char *expected);
/* Sets the better text, when it can be shown. */
void complaint_hint(struct complaint *c, struct span text);
void complaint_hint_text(struct complaint *c, const char *text); /* NULL: none */
/* The same text in upper or lower case, when `ok` accepts that. */
void complaint_hint_case(struct complaint *c, bool (*ok)(struct span), struct span text,
                         bool upper);
/* The nearest of the words. */
void complaint_hint_word(struct complaint *c, const char *const *words, size_t count,
                         struct span text);

/* Foreign text in messages: escaped and cut after COMPLAINT_SHOWN bytes, without or with quotes. */
#define COMPLAINT_SHOWN 60
#define COMPLAINT_ESCAPED (4 * COMPLAINT_SHOWN + 1)
#define COMPLAINT_QUOTED (COMPLAINT_ESCAPED + 5)
void complaint_escape(char out[COMPLAINT_ESCAPED], struct span text);
void complaint_quote(char out[COMPLAINT_QUOTED], struct span text);

#endif
