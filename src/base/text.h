/* Text forms of bytes and numbers: hex, base64url, decimal, escapes. Strict both ways. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"
#include "base/macros.h"
#include "base/span.h"

/* Writes 2 * in.len digits and a terminator; out must have room. */
void text_hex(char *out, struct span in);
/* Exactly out_len bytes from 2 * out_len digits, or FAULT_FORMAT. */
must_check int text_unhex(struct span text, uint8_t *out, size_t out_len);

/* base64url without padding (RFC 4648 section 5). Size including the terminator. */
#define TEXT_B64_SIZE(n) (((n)*4 + 2) / 3 + 1)
void text_b64url(char *out, struct span in);
/* Number of bytes written, or FAULT_FORMAT (foreign characters, padding, nonzero spare bits) or
 * FAULT_LIMIT (more than cap). */
must_check int text_unb64url(struct span text, uint8_t *out, size_t cap);
/* Standard base64 with padding (RFC 4648 section 4), for Basic credentials. */
void text_b64(char *out, struct span in); /* needs ((n + 2) / 3) * 4 + 1 */
must_check int text_unb64(struct span text, uint8_t *out, size_t cap);

/* Digits only, no sign, no spaces, no leading zeros but "0" itself; at most max. FAULT_FORMAT. */
must_check int text_u64(struct span text, uint64_t max, uint64_t *ret);
/* "90", "30s", "15m", "12h", "7d", "2w": seconds. FAULT_FORMAT. "500ms" is refused. */
must_check int text_seconds(struct span text, uint64_t *ret);
/* The other way, for people: "10 minutes", "1 hour", "90 seconds"; the largest unit that loses
 * nothing. */
int text_duration(struct buf *out, uint64_t seconds);
/* "4096", "16KiB", "50MiB", "1GiB": bytes. FAULT_FORMAT. */
must_check int text_size(struct span text, uint64_t *ret);

/* Bytes of the character at the start when it is one that is not seen itself but changes how others
 * are: controls of terminals, marks and overrides of writing direction, joiners of no width; else
 * 0.
 */
size_t text_hidden(struct span s);
/* For HTML text and quoted attribute values. Hidden characters but line feed and tab are shown as
 * U+FFFD. */
int text_html(struct buf *out, struct span in);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
int text_json(struct buf *out, struct span in);
/* For log lines: printable ASCII stays, everything else becomes \xNN; quotes when needed. */
int text_log(struct buf *out, struct span in);
/* Percent-encoding of everything but RFC 3986 unreserved. */
int text_urlencode(struct buf *out, struct span in);
bool text_is_utf8(struct span in);
/* A name for users, routes, zones, …: [a-z0-9][a-z0-9._-]{0,62}. Also e-mail-like user names: '@'
 * is allowed inside. */
bool text_is_name(struct span in);
/* The best match for a misspelt word, or NULL when none is near (edit distance at most 3). */
const char *text_nearest(const char *word, const char *const *words, size_t count);

#endif
