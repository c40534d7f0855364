/* Any bytes as a slice: never a crash, memory in proportion; what is accepted encodes to the same.
 * The table's fingerprint is filled in, so that the corpus outlives a new key. */
#include <stdlib.h>
#include <string.h>

#include "conf/keys.h"
#include "conf/slice.h"
#include "policy/decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    check(bytes != NULL);
    if (size > 0)
        memcpy(bytes, data, size);
    uint64_t fingerprint = conf_keys_fingerprint();
    for (size_t i = 0; i < 8 && size >= 14; i++)
        bytes[6 + i] = (uint8_t)(fingerprint >> (8 * (7 - i)));
    enum slice which = size > 5 && bytes[5] == SLICE_FILE ? SLICE_FILE : SLICE_EDGE;
    struct snapshot *s = NULL;
    int rc = slice_decode(span_of(bytes, size), which, &s);
    check((rc == 0) == (s != NULL));
    if (rc == 0) {
        struct buf out;
        struct policy *p = NULL;
        buf_init(&out, SLICE_MAX);
        check(s->arena.used <= 64 * size + 256 * 1024);
        check(slice_encode(s, which, &out) == 0);
        check(span_eq(buf_view(&out), span_of(bytes, size)));
        buf_fini(&out);
        check(policy_new(s, &p) == 0);
        policy_free(p);
        snapshot_free(s);
    }
    free(bytes);
    return 0;
}
