/* Messages: structs, codecs and permits, all made from messages.def.
 *
 * struct msg_sign, msg_sign_encode(), msg_sign_decode(), MSG_SIGN, … Decoded BYTES fields borrow
 * from the packet. A decoder accepts a packet only when every byte of it was meant. */
#ifndef IPC_MESSAGE_H
#define IPC_MESSAGE_H

#include "base/cursor.h"

enum ipc_role {
    IPC_SUPERVISOR = 1,
    IPC_EDGE = 2,
    IPC_SIGNER = 4,
    IPC_KEEPER = 8,
    IPC_COURIER = 16,
    IPC_CHILD = 30
};

const char *ipc_role_name(enum ipc_role role);

enum msg_type {
    MSG_NONE = 0,
#define MESSAGE(name, NAME, from, to, reply) MSG_##NAME,
#define U8(f)
#define U16(f)
#define U32(f)
#define U64(f)
#define FIXED(f, n)
#define BYTES(f, cap)
#define END(name)
#include "ipc/messages.def"
#undef MESSAGE
#undef U8
#undef U16
#undef U32
#undef U64
#undef FIXED
#undef BYTES
#undef END
    MSG_COUNT
};

#define U8(f) uint8_t f;
#define U16(f) uint16_t f;
#define U32(f) uint32_t f;
#define U64(f) uint64_t f;
#define FIXED(f, n) uint8_t f[n];
#define BYTES(f, cap) struct span f;
#define MESSAGE(name, NAME, from, to, reply) struct msg_##name {
#define END(name)                                                                                  \
    uint8_t unused_;                                                                               \
    }                                                                                              \
    ;                                                                                              \
    void msg_##name##_encode(struct writer *w, const struct msg_##name *m);                        \
    must_check int msg_##name##_decode(struct span payload, struct msg_##name *m);
#include "ipc/messages.def"
#undef MESSAGE
#undef END
#define RECORD(name) struct name {
#define RECORD_END(name)                                                                           \
    uint8_t unused_;                                                                               \
    }                                                                                              \
    ;                                                                                              \
    void name##_encode(struct writer *w, const struct name *m);                                    \
    must_check int name##_decode(struct span payload, struct name *m);
#include "ipc/records.def"
#undef RECORD
#undef RECORD_END
#undef U8
#undef U16
#undef U32
#undef U64
#undef FIXED
#undef BYTES

/* What the table says of a type. */
struct msg_info {
    const char *name;
    uint8_t from;   /* mask of enum ipc_role */
    uint8_t to;     /* mask */
    uint16_t reply; /* enum msg_type or MSG_NONE */
    uint32_t max;   /* greatest payload that the fields allow */
};

/* NULL for a type that does not exist. */
const struct msg_info *msg_info(unsigned type);
/* May a process of role `from` send this type to one of role `to`? */
bool msg_may(unsigned type, enum ipc_role from, enum ipc_role to);
/* Decodes the payload and throws the result away: 0, or FAULT_FORMAT. For fuzzing and tests. */
must_check int msg_check(unsigned type, struct span payload);

#define MSG_HEADER 6u
/* No packet is larger, header included. */
#define MSG_PACKET_MAX 160000u

/* ---- values that fields take ---- */

enum credential_kind {
    CREDENTIAL_NONE = 0,
    CREDENTIAL_CONSOLE = 1,     /* the portal's console cookie */
    CREDENTIAL_CHILD = 2,       /* the cookie of a console's host */
    CREDENTIAL_TOKEN = 3,       /* API token */
    CREDENTIAL_SSO = 4,         /* the portal's hand-over cookie */
    CREDENTIAL_HOST = 5,        /* the owner of this host, over the control socket */
    CREDENTIAL_CERTIFICATE = 6, /* a program's TLS certificate, on consoles */
};

enum view_status {
    VIEW_OK = 0,
    VIEW_UNKNOWN = 1,    /* no such session, or it ended */
    VIEW_WRONG_HOST = 2, /* the token belongs to another host */
    VIEW_FAILED = 3,     /* the keeper cannot say: fail closed with 503 */
};

enum login_result {
    LOGIN_OK = 0,
    LOGIN_REFUSED = 1, /* wrong name, password or code: one answer for all */
    LOGIN_THROTTLED = 2,
    LOGIN_FAILED = 3, /* the keeper cannot say: 503 */
    LOGIN_SECOND = 4, /* no code came along: the browser goes to /signin/second with the flow */
};

enum handover_result {
    HANDOVER_OK = 0,
    HANDOVER_LOGIN = 1,   /* no valid session: show the login page */
    HANDOVER_REFUSED = 2, /* unknown host, used or expired code, wrong flow cookie */
    HANDOVER_FAILED = 3,
};

enum revoke_kind {
    REVOKE_SESSION = 1, /* id: 16 bytes; the parent takes its children along (one message each) */
    REVOKE_USER = 2,    /* id: user name */
    REVOKE_TOKEN = 3,   /* id: 16 bytes */
    REVOKE_ROUTE = 4,   /* id: route name */
    REVOKE_ALL = 5,     /* every view; streams are re-asked */
};

enum resolve_result {
    RESOLVE_OK = 0,
    RESOLVE_ABSENT = 1, /* there is no such name, or it has no address */
    RESOLVE_FAILED = 2, /* nobody could say: no answer, too late, too many questions */
    RESOLVE_DENIED = 3, /* it has an address that no console may have (conf/egress.h) */
};

enum tried_result {
    TRIED_OK = 0,
    TRIED_UNREACHED = 1, /* no connection */
    TRIED_DENIED = 2,    /* an address that no console may have (conf/egress.h) */
    TRIED_TLS = 3,       /* no TLS, or another key */
    TRIED_NONSENSE = 4,  /* no head of an answer */
    TRIED_LATE = 5,
};

enum fetched_result {
    FETCHED_OK = 0,
    FETCHED_DOWN = 1,      /* no connection, no TLS, no HTTP */
    FETCHED_LATE = 2,      /* no whole answer in time */
    FETCHED_LARGE = 3,     /* more than was asked for */
    FETCHED_UNTRUSTED = 4, /* a certificate that is not its own */
};

enum bind_purpose {
    BIND_SIGNIN = 0, /* the person's password is tried */
    BIND_LOOK = 1,   /* the entry and its groups, no password */
};

enum bound_result {
    BOUND_OK = 0,
    BOUND_REFUSED = 1,   /* the password is wrong, or the directory does not let this entry in */
    BOUND_ABSENT = 2,    /* there is no such entry */
    BOUND_AMBIGUOUS = 3, /* there are several */
    BOUND_DISABLED = 4,  /* the entry is disabled or has expired */
    BOUND_DOWN = 5,      /* no server answered as it should, in time */
    BOUND_FAULT = 6,     /* the directory is not what the configuration says */
    BOUND_RESULTS
};

enum access_outcome {
    ACCESS_ALLOWED = 0,
    ACCESS_DENIED = 1, /* policy said no */
    ACCESS_UNAUTHENTICATED = 2,
    ACCESS_MALFORMED = 3,   /* the request was not clean HTTP */
    ACCESS_SOURCE = 4,      /* closed before TLS: no rule could admit the source */
    ACCESS_LIMIT = 5,       /* a limit was reached */
    ACCESS_UPSTREAM = 6,    /* allowed, but the upstream failed */
    ACCESS_UNAVAILABLE = 7, /* keeper or signer missing */
    ACCESS_OWN = 8,         /* a page of the portal or an operation of the API */
};

/* Of an access record: what else the decision depended on. */
enum access_flag {
    ACCESS_NAMED_ONLY = 1,   /* a break-glass account: only rules that name it admit it */
    ACCESS_SAME_PROGRAM = 2, /* the session was proven with the program that asks */
    ACCESS_OVERRIDE = 4,     /* a header names another method */
    ACCESS_CUT = 8,      /* a text was longer than the record holds: the question is not whole */
    ACCESS_UPGRADE = 16, /* another protocol was asked for */
};

/* Of a tunnel's two records: which one, and what ended it. */
enum access_stream {
    STREAM_NONE = 0,          /* no tunnel */
    STREAM_OPENED = 1,        /* nothing has passed yet */
    STREAM_CLIENT = 2,        /* ended by the client, … */
    STREAM_UPSTREAM = 3,      /* … by the upstream, both in good order */
    STREAM_CLIENT_LOST = 4,   /* the client's connection broke or took nothing any more */
    STREAM_UPSTREAM_LOST = 5, /* the upstream's did */
    STREAM_IDLE = 6,          /* nothing came in time */
    STREAM_REVOKED = 7,       /* session, user, token, route, zone or rule no longer allow it */
    STREAM_GATEWAY = 8,       /* this gateway goes away, or can no longer ask who may */
};
/* "opened", "idle", …; "" for STREAM_NONE and for a number that is none of them. */
const char *access_stream_name(uint8_t stream);

#endif
