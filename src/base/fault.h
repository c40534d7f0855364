/* Faults: what a function returns when the world did not cooperate.
 *
 * Functions return int, negative on failure: an errno negated as libuv spells it (-ENOMEM), or one
 * of the closed list below, from -5000 down. Codes of foreign libraries are translated once, at the
 * library's border. Positive values and zero are success and mean what the function says. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#define FAULT_LIST(X)                                                                              \
    X(FORMAT, -5000, "malformed data")                                                             \
    X(LIMIT, -5001, "a limit was reached")                                                         \
    X(CLOSED, -5002, "the peer closed the connection")                                             \
    X(DENIED, -5003, "not permitted")                                                              \
    X(ABSENT, -5004, "no such thing")                                                              \
    X(EXISTS, -5005, "already exists")                                                             \
    X(CONFLICT, -5006, "conflicts with the present state")                                         \
    X(STALE, -5007, "expired or replaced")                                                         \
    X(TIMEOUT, -5008, "no answer in time")                                                         \
    X(CRYPTO, -5009, "a cryptographic operation failed")                                           \
    X(STORE, -5010, "the store failed")                                                            \
    X(BUSY, -5011, "busy, try again")                                                              \
    X(VERSION, -5012, "made by another version")                                                   \
    X(CORRUPT, -5013, "the stored data is damaged")                                                \
    X(SANDBOX, -5014, "the sandbox could not be entered")                                          \
    X(MISUSE, -5015, "wrong arguments")

enum fault {
#define X(name, code, text) FAULT_##name = code,
    FAULT_LIST(X)
#undef X
};

/* A sentence fragment for a person, never NULL. Knows errno values too. */
const char *fault_text(int code);

/* The short name for logs ("FORMAT", "ENOMEM"), never NULL. */
const char *fault_name(int code);

#endif
