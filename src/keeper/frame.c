#include "keeper/frame.h"

#include "base/cursor.h"
#include "base/fault.h"

int frame_next(const struct buf *in, size_t max, struct span *payload, size_t *taken)
{
    struct span bytes = buf_view(in);
    if (bytes.len < FRAME_HEADER) {
        return 0;
    }
    struct cursor c = cursor_over(bytes);
    uint32_t len = cursor_u32(&c);
    if (len == 0) {
        return FAULT_FORMAT;
    }
    if (len > max) {
        return FAULT_LIMIT;
    }
    if (bytes.len - FRAME_HEADER < len) {
        return 0;
    }
    *payload = span_sub(bytes, FRAME_HEADER, len);
    *taken = FRAME_HEADER + len;
    return 1;
}

int frame_put(struct buf *out, struct span payload)
{
    if (payload.len == 0 || payload.len > FRAME_ANSWER_MAX) {
        return FAULT_LIMIT;
    }
    uint8_t head[FRAME_HEADER];
    struct writer w = writer_into(head, sizeof(head));
    writer_u32(&w, (uint32_t)payload.len);
    /* Both or nothing: half a frame would make nonsense of everything that follows it. */
    uint8_t *room = buf_reserve(out, FRAME_HEADER + payload.len);
    if (room == NULL) {
        return FAULT_LIMIT;
    }
    memcpy(room, head, FRAME_HEADER);
    memcpy(room + FRAME_HEADER, payload.at, payload.len);
    buf_commit(out, FRAME_HEADER + payload.len);
    return 0;
}
