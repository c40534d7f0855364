/* The first byte chooses the kind, the rest is the JSON: never a crash; what is accepted is written
 * and read back the same. */
#include <stdlib.h>

#include "conf/keys.h"
#include "conf/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const KINDS[] = {"zone", "route", "rule"};
    static const enum section_id SECTIONS[] = {SECTION_ZONES, SECTION_ROUTES, SECTION_RULES};
    if (size == 0)
        return 0;
    const char *kind = KINDS[data[0] % 3];
    const struct section *sec = section_of(SECTIONS[data[0] % 3]);
    struct snapshot *s = snapshot_bare(), *again = snapshot_bare();
    struct buf errors, once, twice;
    buf_init(&errors, 1 << 20);
    buf_init(&once, 1 << 24);
    buf_init(&twice, 1 << 24);
    check(s != NULL && again != NULL);
    int rc = resource_parse(s, kind, span_of(data + 1, size - 1), &errors);
    check((rc == 0) == (section_count(sec, s) == 1) && (rc == 0) == (buf_len(&errors) == 0));
    if (rc == 0) {
        const char *name = section_element_name(sec, s, 0);
        check(resource_write(s, kind, name, &once) == 0);
        check(resource_parse(again, kind, buf_view(&once), &errors) == 0);
        check(resource_write(again, kind, name, &twice) == 0);
        check(span_eq(buf_view(&once), buf_view(&twice)));
    }
    snapshot_free(s);
    snapshot_free(again);
    buf_fini(&errors);
    buf_fini(&once);
    buf_fini(&twice);
    return 0;
}
