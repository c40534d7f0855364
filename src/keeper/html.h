/* HTML that cannot be broken out of: a page is a buffer, text goes in only through an escape.
 *
 * The literal parts are constants of the program; every value goes through html_text (element
 * content and quoted attribute values) or html_url (one percent-encoded segment). A page carries no
 * script of its own; the few that ask for a passkey name a file of the edge's, and the policy
 * header that the edge sets allows nothing else. */
#ifndef KEEPER_HTML_H
#define KEEPER_HTML_H

#include "base/buf.h"
#include "base/span.h"

#define HTML_PAGE_MAX (128u * 1024)

/* A constant of the program, as it is. */
void html_raw(struct buf *page, const char *constant);
void html_text(struct buf *page, struct span text);
void html_str(struct buf *page, const char *text);
void html_url(struct buf *page, struct span segment);
void html_num(struct buf *page, uint64_t number);
/* "2026-03-01 12:34:56 UTC" inside <time>. */
void html_time(struct buf *page, uint64_t wall_ms);
/* Document head, header with the product's name, the user and a log-out button, opening of main.
 * user may be empty: then neither is shown. */
void html_open(struct buf *page, const char *title, struct span user);
/* The same of a page that a browser loads again after so many seconds. */
void html_open_again(struct buf *page, const char *title, struct span user, unsigned seconds);
void html_close(struct buf *page);
/* What came of a form, or what was in the way; NULL: nothing. */
void html_said(struct buf *page, bool good, const char *text);
/* A form of one button that posts to path (a constant), an encoded segment and tail (a constant).
 */
void html_button(struct buf *page, const char *path, struct span segment, const char *tail,
                 const char *label, bool danger);

#endif
