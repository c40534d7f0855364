/* Bearer values: 256 random bits as base64url. The store keeps SHA-256 of the text only, which
 * needs no salt and no slowness because the text cannot be guessed.
 *
 *   session keys, hand-over codes, enrolment codes, flow cookies   43 characters
 *   API tokens                                                     "pst_" and 43 characters */
#ifndef IDENTITY_TOKEN_H
#define IDENTITY_TOKEN_H

#include "base/macros.h"
#include "base/span.h"

#define TOKEN_BYTES 32u
#define TOKEN_TEXT_SIZE 44u     /* 43 and terminator */
#define TOKEN_API_TEXT_SIZE 48u /* "pst_", 43 and terminator */
#define TOKEN_API_PREFIX "pst_"
#define TOKEN_HASH_SIZE 32u
#define TOKEN_ID_SIZE 16u

/* hash may be NULL. */
must_check int token_new(char out[TOKEN_TEXT_SIZE], uint8_t hash[TOKEN_HASH_SIZE]);
must_check int token_new_api(char out[TOKEN_API_TEXT_SIZE], uint8_t hash[TOKEN_HASH_SIZE]);
/* A random id of a session or token: not secret. */
must_check int token_new_id(uint8_t out[TOKEN_ID_SIZE]);

/* Does the text have the exact shape? Costs no question to anybody. */
bool token_is_shaped(struct span text);
bool token_is_shaped_api(struct span text);
/* The hash to look up. FAULT_FORMAT when it has neither shape; FAULT_CRYPTO. */
must_check int token_hash(struct span text, uint8_t hash[TOKEN_HASH_SIZE]);
/* SHA-256 of any bytes. */
must_check int token_digest(struct span bytes, uint8_t hash[TOKEN_HASH_SIZE]);

#endif
