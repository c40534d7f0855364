/* The decoder of audit records: what it reads has this one encoding, and every export of it is one
 * line. */
#include <stdlib.h>

#include "audit/export.h"
#include "audit/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void is_one_line(int (*form)(struct buf *out, const struct record *r),
                        const struct record *r)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    must(form(&out, r) == 0);
    for (size_t i = 0; i < buf_len(&out); i++)
        must(buf_view(&out).at[i] >= 0x20);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record r;
    uint8_t again[AUDIT_ENCODING_MAX], hash[STORE_HASH_SIZE];
    if (record_decode(span_of(data, size), &r) < 0)
        return 0;
    int len = record_encode(&r, again, sizeof(again));
    must(len >= 0 && (size_t)len == size && memcmp(again, data, size) == 0);
    must(record_hash(&r, hash) == 0);
    is_one_line(export_json, &r);
    is_one_line(export_csv, &r);
    return 0;
}
