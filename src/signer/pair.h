/* A certificate chain and its private key, read from two PEM files and checked against each other.
 *
 * The key lives in OpenSSL's secure heap (locked, left out of dumps) and never leaves the process;
 * a pair signs and tells its chain, nothing else. Handles are numbers that the signer chooses; they
 * stay the same while the files do. */
#ifndef SIGNER_PAIR_H
#define SIGNER_PAIR_H

#include "base/buf.h"
#include "signer/certverify.h"

/* As the field of identity_is allows. */
#define PAIR_CHAIN_MAX 65536u
#define PAIR_SIGNATURE_MAX 1024u
#define PAIR_CERTIFICATES_MAX 8
/* A certificate that ends sooner is worth a warning. */
#define PAIR_WARN_SECONDS (14 * 86400)

struct pair;

/* Sets up libcrypto for a process that holds private keys: no configuration file, a locked heap.
 * Once, before the sandbox. 1: the heap is locked; 0: the system refused to lock it. FAULT_CRYPTO.
 */
must_check int pair_library_init(void);

/* Reads both files. The key file must be unreadable for others, unencrypted, and belong to the
 * first certificate; each further certificate must have issued the one before it; the first must be
 * good for a TLS 1.3 server. An expired one is accepted: see pair_not_after. note, if not NULL,
 * gets a sentence on what is wrong. FAULT_FORMAT, FAULT_DENIED, FAULT_CONFLICT, FAULT_LIMIT,
 * FAULT_CRYPTO or -errno. */
must_check int pair_load(const char *certificate, const char *key, uint32_t handle,
                         struct pair **ret, struct buf *note);
/* The same for a pair that consoles are shown: its first certificate must be good for a client. */
must_check int pair_load_client(const char *certificate, const char *key, uint32_t handle,
                                struct pair **ret, struct buf *note);
bool pair_is_client(const struct pair *p);
/* Have both the same key? */
bool pair_shares_key(const struct pair *a, const struct pair *b);
/* Counted: keyrings share what did not change. The last one gone ends it; NULL is none. */
struct pair *pair_ref(struct pair *p);
void pair_unref(struct pair *p);

uint32_t pair_handle(const struct pair *p);
enum key_kind pair_kind(const struct pair *p);
/* PEM, leaf first. */
struct span pair_chain(const struct pair *p);
const char *pair_subject(const struct pair *p);
/* SHA-256 of the leaf, lower-case hex. */
const char *pair_fingerprint(const struct pair *p);
/* Wall seconds. */
int64_t pair_not_before(const struct pair *p);
int64_t pair_not_after(const struct pair *p);
/* Same chain, same key. */
bool pair_same(const struct pair *a, const struct pair *b);

/* Signs with a row that certverify_decide gave for this pair's kind. The length of the signature,
 * at most cap, or FAULT_CRYPTO. */
must_check int pair_sign(struct pair *p, const struct scheme *scheme, struct span tbs,
                         uint8_t *signature, size_t cap);

#endif
