#include "ipc/message.h"

#include "base/fault.h"

/* Encoders. */
#define U8(f) writer_u8(w, m->f);
#define U16(f) writer_u16(w, m->f);
#define U32(f) writer_u32(w, m->f);
#define U64(f) writer_u64(w, m->f);
#define FIXED(f, n) writer_fixed(w, m->f, n);
#define BYTES(f, cap) writer_bytes(w, m->f, cap);
#define MESSAGE(name, NAME, from, to, reply)                                                       \
    void msg_##name##_encode(struct writer *w, const struct msg_##name *m)                         \
    {                                                                                              \
        (void)w;                                                                                   \
        (void)m;
#define END(name) }
#include "ipc/messages.def"
#undef MESSAGE
#undef END
#define RECORD(name)                                                                               \
    void name##_encode(struct writer *w, const struct name *m)                                     \
    {
#define RECORD_END(name) }
#include "ipc/records.def"
#undef RECORD
#undef RECORD_END
#undef U8
#undef U16
#undef U32
#undef U64
#undef FIXED
#undef BYTES

/* Decoders. */
#define U8(f) m->f = cursor_u8(&c);
#define U16(f) m->f = cursor_u16(&c);
#define U32(f) m->f = cursor_u32(&c);
#define U64(f) m->f = cursor_u64(&c);
#define FIXED(f, n) cursor_fixed(&c, m->f, n);
#define BYTES(f, cap) m->f = cursor_bytes(&c, cap);
#define MESSAGE(name, NAME, from, to, reply)                                                       \
    int msg_##name##_decode(struct span payload, struct msg_##name *m)                             \
    {                                                                                              \
        struct cursor c = cursor_over(payload);                                                    \
        memset(m, 0, sizeof(*m));
#define END(name)                                                                                  \
    return cursor_finish(&c);                                                                      \
    }
#include "ipc/messages.def"
#undef MESSAGE
#undef END
#define RECORD(name)                                                                               \
    int name##_decode(struct span payload, struct name *m)                                         \
    {                                                                                              \
        struct cursor c = cursor_over(payload);                                                    \
        memset(m, 0, sizeof(*m));
#define RECORD_END(name)                                                                           \
    return cursor_finish(&c);                                                                      \
    }
#include "ipc/records.def"
#undef RECORD
#undef RECORD_END
#undef U8
#undef U16
#undef U32
#undef U64
#undef FIXED
#undef BYTES

/* The table. */
#define U8(f) +1u
#define U16(f) +2u
#define U32(f) +4u
#define U64(f) +8u
#define FIXED(f, n) +(n)
#define BYTES(f, cap) +4u + (cap)
#define MSG_NONE_REPLY MSG_NONE
#define MESSAGE(name, NAME, from, to, reply)                                                       \
    [MSG_##NAME] = {#name, IPC_##from, IPC_##to, MSG_##reply, 0u
#define END(name)                                                                                  \
    }                                                                                              \
    ,
static const struct msg_info TABLE[MSG_COUNT] = {
#include "ipc/messages.def"
};
#undef MESSAGE
#undef END

/* No message of the table may exceed a packet. */
#define MESSAGE(name, NAME, from, to, reply) _Static_assert((0u
#define END(name) ) <= MSG_PACKET_MAX - MSG_HEADER, "message " #name " is too large");
#include "ipc/messages.def"
#undef MESSAGE
#undef END
#undef U8
#undef U16
#undef U32
#undef U64
#undef FIXED
#undef BYTES

const struct msg_info *msg_info(unsigned type)
{
    return type > MSG_NONE && type < MSG_COUNT ? &TABLE[type] : NULL;
}

bool msg_may(unsigned type, enum ipc_role from, enum ipc_role to)
{
    const struct msg_info *info = msg_info(type);
    return info != NULL && (info->from & from) != 0 && (info->to & to) != 0;
}

#define U8(f)
#define U16(f)
#define U32(f)
#define U64(f)
#define FIXED(f, n)
#define BYTES(f, cap)
int msg_check(unsigned type, struct span payload)
{
    switch (type) {
#define MESSAGE(name, NAME, from, to, reply)                                                       \
    case MSG_##NAME: {                                                                             \
        struct msg_##name m;                                                                       \
        return msg_##name##_decode(payload, &m);                                                   \
    }
#define END(name)
#include "ipc/messages.def"
#undef MESSAGE
#undef END
    default:
        return FAULT_FORMAT;
    }
}

const char *access_stream_name(uint8_t stream)
{
    static const char *const NAMES[] = {
        [STREAM_NONE] = "",
        [STREAM_OPENED] = "opened",
        [STREAM_CLIENT] = "client",
        [STREAM_UPSTREAM] = "upstream",
        [STREAM_CLIENT_LOST] = "client-lost",
        [STREAM_UPSTREAM_LOST] = "upstream-lost",
        [STREAM_IDLE] = "idle",
        [STREAM_REVOKED] = "revoked",
        [STREAM_GATEWAY] = "gateway",
    };
    return stream < countof(NAMES) ? NAMES[stream] : "";
}

const char *ipc_role_name(enum ipc_role role)
{
    switch (role) {
    case IPC_SUPERVISOR:
        return "supervisor";
    case IPC_EDGE:
        return "edge";
    case IPC_SIGNER:
        return "signer";
    case IPC_KEEPER:
        return "keeper";
    case IPC_COURIER:
        return "courier";
    case IPC_CHILD:
    default:
        return "unknown";
    }
}
