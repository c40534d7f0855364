/* Passwords: what is acceptable, and hashing with Argon2id (RFC 9106, by libsodium).
 *
 * The rules are those of NIST SP 800-63B section 5.1.1 for a password that never stands alone: at
 * least 8 code points, at least 64 allowed (256 here), any Unicode, no rules of composition, no
 * expiry, refused when it is commonly used or is made of the person's or the product's own name.
 * Bytes are hashed as they come, without normalisation: docs/decisions/0037.
 *
 * Hashing takes about 70 ms and 64 MiB on purpose. These functions share no state, so any thread
 * may call them; the caller limits how many run at a time. */
#ifndef IDENTITY_PASSWORD_H
#define IDENTITY_PASSWORD_H

#include "base/macros.h"
#include "base/span.h"

#define PASSWORD_TEXT_SIZE 128u /* encoded hash with terminator; equals PASSWORD_HASH_SIZE */
#define PASSWORD_BYTES_MAX 1024u
#define PASSWORD_POINTS_MIN 8u
#define PASSWORD_POINTS_MAX 256u

/* Prepares libsodium, and libcrypto for the whole folder; once per process, before the sandbox
 * closes. 0 or FAULT_CRYPTO. */
must_check int password_start(void);

enum password_verdict {
    PASSWORD_GOOD = 0,
    PASSWORD_SHORT,
    PASSWORD_LONG,
    PASSWORD_MALFORMED, /* not UTF-8, or holds a control character */
    PASSWORD_COMMON,    /* on the list of common passwords, or one character over and over, … */
    PASSWORD_NAMED,     /* little more than the user's name or the product's */
    PASSWORD_KNOWN,     /* on the operator's list: the caller has looked there (wordlist.h) */
    PASSWORD_UNCHECKED, /* … or could not look */
};

/* With the built-in list alone. */
enum password_verdict password_judge(struct span password, struct span user);
/* How many words the built-in list has. */
size_t password_words(void);
/* What a person is told; never NULL. */
const char *password_verdict_text(enum password_verdict v);

/* out: encoded, terminated. FAULT_CRYPTO, -ENOMEM (the 64 MiB). */
must_check int password_hash(struct span password, char out[PASSWORD_TEXT_SIZE]);
/* 0; FAULT_DENIED: wrong password; FAULT_FORMAT: hash is not one; -ENOMEM. */
must_check int password_verify(struct span password, const char *hash);
/* Takes as long as password_verify with a present hash and always gives FAULT_DENIED: for users
 * that do not exist or have no password. */
must_check int password_verify_nobody(struct span password);
/* Was it made with other parameters than those of today? */
bool password_needs_rehash(const char *hash);

#endif
