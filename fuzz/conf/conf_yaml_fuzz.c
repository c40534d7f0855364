/* Any bytes as postern.yaml: never a crash; what is accepted is dumped and read back the same. */
#include <stdlib.h>

#include "conf/slice.h"
#include "conf/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf errors, once, twice, slice;
    struct snapshot *s = NULL, *again = NULL;
    buf_init(&errors, 1 << 20);
    buf_init(&once, 1 << 24);
    buf_init(&twice, 1 << 24);
    buf_init(&slice, SLICE_MAX);
    int rc = yaml_parse("f", span_of(data, size), &s, &errors);
    check((rc == 0) == (s != NULL) && (rc == 0) == (buf_len(&errors) == 0));
    if (rc == 0) {
        check(yaml_dump(s, &once) == 0);
        check(yaml_parse("f", buf_view(&once), &again, &errors) == 0);
        check(yaml_dump(again, &twice) == 0);
        check(span_eq(buf_view(&once), buf_view(&twice)));
        snapshot_free(again);
        again = NULL;
        check(slice_encode(s, SLICE_EDGE, &slice) == 0);
        check(slice_decode(buf_view(&slice), SLICE_EDGE, &again) == 0);
        snapshot_free(again);
    }
    snapshot_free(s);
    buf_fini(&errors);
    buf_fini(&once);
    buf_fini(&twice);
    buf_fini(&slice);
    return 0;
}
