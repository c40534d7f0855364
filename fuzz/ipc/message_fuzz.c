/* Packets as a taken-over process could send them: two bytes of type, then the payload. What a
 * decoder accepts must encode to the same bytes again, so there is one form of each message. */
#include <stdlib.h>

#include "base/fault.h"
#include "ipc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[MSG_PACKET_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor head = cursor_over(span_of(data, size));
    unsigned type = cursor_u16(&head) % (MSG_COUNT + 1);
    if (head.bad)
        return 0;
    struct writer w = writer_into(again, sizeof(again));
    switch (type) {
#define U8(f)
#define U16(f)
#define U32(f)
#define U64(f)
#define FIXED(f, n)
#define BYTES(f, cap)
#define MESSAGE(name, NAME, from, to, reply)                                                       \
    case MSG_##NAME: {                                                                             \
        struct msg_##name m;                                                                       \
        if (msg_##name##_decode(head.rest, &m) < 0)                                                \
            return 0;                                                                              \
        msg_##name##_encode(&w, &m);                                                               \
        break;                                                                                     \
    }
#define END(name)
#include "ipc/messages.def"
#undef MESSAGE
#undef END
    default: {
        struct access_record r;
        if (access_record_decode(head.rest, &r) < 0)
            return 0;
        access_record_encode(&w, &r);
    }
    }
    int len = writer_finish(&w);
    if (len < 0 || !span_eq(span_of(again, (size_t)len), head.rest))
        abort();
    return 0;
}
