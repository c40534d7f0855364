/* Recovery codes: ten single-use codes on paper, for the day the phone is lost.
 *
 * Each has 125 random bits, written as five groups of five: "7k3mq-…". That is above the 112 bits
 * from which SP 800-63B (section 5.1.2) asks for no slow salted hash: nobody searches 2^125 codes,
 * at any speed, so the store keeps a plain SHA-256, and a login need not try ten slow hashes, which
 * would give an attacker ten times the work for one request. */
#ifndef IDENTITY_RECOVERY_H
#define IDENTITY_RECOVERY_H

#include "base/macros.h"
#include "base/span.h"

#define RECOVERY_COUNT 10u
#define RECOVERY_CODE_SIZE 30u /* 25 characters, 4 dashes, terminator */
#define RECOVERY_HASH_SIZE 32u

/* One new code. The caller shows it once, stores the hash and wipes it. */
must_check int recovery_new(char out[RECOVERY_CODE_SIZE], uint8_t hash[RECOVERY_HASH_SIZE]);
/* The hash of what a person typed: any case, dashes and spaces ignored, o read as 0, i and l as 1.
 * FAULT_FORMAT when it cannot be a code. */
must_check int recovery_hash(struct span typed, uint8_t hash[RECOVERY_HASH_SIZE]);

#endif
