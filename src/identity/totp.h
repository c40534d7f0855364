/* Time-based one-time passwords, RFC 6238: HMAC-SHA-1, 6 digits, 30 seconds.
 *
 * A code is good for its own step and one step to either side, and once only: no step at or before
 * the last accepted one is ever accepted. */
#ifndef IDENTITY_TOTP_H
#define IDENTITY_TOTP_H

#include "base/buf.h"
#include "base/macros.h"
#include "base/span.h"

#define TOTP_SECRET_LEN 20u /* 160 bits, RFC 4226 section 4 */
#define TOTP_PERIOD 30u
#define TOTP_DIGITS 6u

/* TOTP_SECRET_LEN random bytes. */
must_check int totp_new_secret(uint8_t out[TOTP_SECRET_LEN]);

/* HOTP (RFC 4226 section 5) for a counter; digits 6 to 8. out: digits and terminator. */
must_check int totp_code(struct span secret, uint64_t step, unsigned digits, char out[9]);

/* now: wall seconds. 0 and *ret_step (to be stored as the last accepted one); FAULT_DENIED: wrong;
 * FAULT_STALE: right, but used already; FAULT_FORMAT: not six digits (spaces are ignored);
 * FAULT_CRYPTO. Takes the same time for every code of six digits. */
must_check int totp_verify(struct span secret, struct span code, uint64_t now, uint64_t last_step,
                           uint64_t *ret_step);
/* Does it look like a TOTP code, rather than a recovery code? */
bool totp_is_shaped(struct span code);

/* Base32 (RFC 4648 section 6) without padding; out has room for TOTP_BASE32_SIZE(in.len). */
#define TOTP_BASE32_SIZE(n) (((n)*8 + 4) / 5 + 1)
void base32_encode(char *out, struct span in);
/* Any case; spaces and '-' between, and padding at the end, are ignored. The number of bytes, or
 * FAULT_FORMAT (foreign characters, impossible length, nonzero spare bits), FAULT_LIMIT. */
must_check int base32_decode(struct span text, uint8_t *out, size_t cap);

/* Appends otpauth://totp/ISSUER:USER?secret=…&issuer=… for the QR code. */
must_check int totp_uri(struct buf *out, struct span secret, struct span issuer, struct span user);

#endif
