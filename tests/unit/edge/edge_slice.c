/* Turns a configuration into the slice that an edge gets, for tests that play the keeper:
 * edge_slice NUMBER < postern.yaml > slice */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "conf/slice.h"
#include "conf/yaml.h"

int main(int argc, char **argv)
{
    static char text[1024 * 1024];
    struct snapshot *s = NULL;
    struct buf errors, out;
    uint64_t number = 1;
    if (argc > 1 && text_u64(span_str(argv[1]), UINT32_MAX, &number) < 0)
        return 2;
    buf_init(&errors, 65536);
    buf_init(&out, SLICE_MAX);
    size_t len = fread(text, 1, sizeof(text), stdin);
    int rc = yaml_parse("stdin", span_of(text, len), &s, &errors);
    if (rc == 0) {
        s->number = number;
        s->generation = 1;
        rc = slice_encode(s, SLICE_EDGE, &out);
    }
    if (rc == 0 && fwrite(out.at + out.head, 1, buf_len(&out), stdout) != buf_len(&out))
        rc = 1;
    if (buf_len(&errors) > 0)
        (void)fwrite(errors.at + errors.head, 1, buf_len(&errors), stderr);
    snapshot_free(s);
    buf_fini(&errors);
    buf_fini(&out);
    return rc == 0 ? 0 : 1;
}
