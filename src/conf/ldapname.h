/* How names and filters of a directory are spelled: distinguished names (RFC 4514) and search
 * filters (RFC 4515), and how a text from outside is put into one without becoming part of its
 * structure.
 *
 * A filter of the configuration is a template: "{user}" and "{dn}" stand where a value may stand,
 * and what takes their place is escaped. A distinguished name is compared in its folded form, so
 * that two spellings of one name meet and two names never do. Pure. */
#ifndef CONF_LDAPNAME_H
#define CONF_LDAPNAME_H

#include "base/buf.h"

/* Bytes of a distinguished name, of a filter, and of what is put into one. */
#define LDAPNAME_DN_MAX 1024u
#define LDAPNAME_FILTER_MAX 1024u
#define LDAPNAME_EXPANDED_MAX 8192u
/* A filter inside a filter inside … */
#define LDAPNAME_DEPTH_MAX 8u

/* Appends the value as RFC 4515 section 3 has it: every byte but letters, digits and a few that no
 * filter gives a meaning becomes \XX. */
int ldapname_filter_value(struct buf *out, struct span value);
/* Appends the value as RFC 4514 section 2.4 has it. What is not UTF-8, and every control character,
 * becomes \XX. */
int ldapname_dn_value(struct buf *out, struct span value);

/* What takes the place of the words in a template. */
struct ldapname_words {
    struct span user, dn;
    bool anybody; /* "*" stands for the user: the entry is told by something else */
};

/* A well-formed filter of at most LDAPNAME_FILTER_MAX bytes, with the words only where values
 * stand. */
bool ldapname_is_filter(struct span text);
/* Does the template have this word, as "{user}"? */
bool ldapname_has_word(struct span text, const char *word);
/* Appends the filter that the template and the words make. FAULT_LIMIT. */
must_check int ldapname_expand(struct buf *out, struct span text, const struct ldapname_words *w);

/* The name of an attribute, without options: "uid", "2.5.4.3". */
bool ldapname_is_attribute(struct span text);

/* Appends the folded form: one spelling of each escape, types and ASCII letters in lower case, the
 * parts of a multi-valued RDN in order, no optional blanks. FAULT_FORMAT: no distinguished name, or
 * an empty one; FAULT_LIMIT. */
must_check int ldapname_fold(struct buf *out, struct span dn);
bool ldapname_is_dn(struct span text);

#endif
