#include "keeper/inforce.h"

#include <stdlib.h>
#include <string.h>

void inforce_add(struct inforce *f, uint64_t ms)
{
    uint32_t value = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
    f->last[f->count % INFORCE_KEPT] = value;
    f->count++;
    f->most_ms = value > f->most_ms ? value : f->most_ms;
}

static int by_size(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

uint32_t inforce_quantile(const struct inforce *f, unsigned permille)
{
    uint32_t sorted[INFORCE_KEPT];
    size_t count = f->count < INFORCE_KEPT ? (size_t)f->count : INFORCE_KEPT;
    if (count == 0) {
        return 0;
    }
    memcpy(sorted, f->last, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), by_size);
    size_t at = (count * permille + 999) / 1000;
    return sorted[at == 0 ? 0 : at > count ? count - 1 : at - 1];
}

json_t *inforce_json(const struct inforce *f)
{
    return json_pack("{s:I,s:I,s:I,s:I}", "count", (json_int_t)f->count, "p50_ms",
                     (json_int_t)inforce_quantile(f, 500), "p99_ms",
                     (json_int_t)inforce_quantile(f, 990), "most_ms", (json_int_t)f->most_ms);
}
