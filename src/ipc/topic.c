#include "ipc/topic.h"

#include "base/macros.h"

static const struct {
    uint32_t bit;
    const char *name;
} TOPICS[] = {
#define TOPIC(NAME, number, name) {TOPIC_##NAME, name},
#include "ipc/topics.def"
#undef TOPIC
};

void topics_json(struct buf *out, uint32_t topics)
{
    const char *comma = "";
    (void)buf_byte(out, '[');
    for (size_t i = 0; i < countof(TOPICS); i++) {
        if ((topics & TOPICS[i].bit) == 0)
            continue;
        (void)buf_printf(out, "%s\"%s\"", comma, TOPICS[i].name);
        comma = ",";
    }
    (void)buf_byte(out, ']');
}
