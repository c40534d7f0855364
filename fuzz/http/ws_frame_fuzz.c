/* Frames end at the same places for every split, and reading what ws_frame_rest asks for comes to a
 * boundary without going past one. The first byte chooses the split. */
#include <assert.h>

#include "http/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct ws_frame *a, const struct ws_frame *b)
{
    return a->lost == b->lost && (a->lost || (ws_frame_between(a) == ws_frame_between(b) &&
                                              ws_frame_rest(a) == ws_frame_rest(b) &&
                                              a->closed == b->closed && a->length == b->length));
}

/* A close frame that is put where it may be is understood as one by whoever reads the same bytes.
 */
static void check_close(const struct ws_frame *at)
{
    uint8_t out[WS_CLOSE_MAX];
    struct ws_frame f = *at;
    if (!ws_frame_between(&f))
        return;
    ws_frame_feed(&f, span_of(out, ws_frame_close(out, 4401, "over", NULL)));
    assert(f.closed && !f.lost);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 1 << 16)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    size_t step = data[0] == 0 ? 1 : data[0];
    struct ws_frame whole = {0}, split = {0}, guided = {0};
    ws_frame_feed(&whole, in);
    for (struct span rest = in; rest.len > 0; rest = span_sub(rest, step, SIZE_MAX))
        ws_frame_feed(&split, span_sub(rest, 0, step));
    assert(same(&whole, &split));
    while (in.len > 0) {
        uint64_t want = ws_frame_rest(&guided);
        assert((want == 0) == (ws_frame_between(&guided) || guided.lost || guided.closed));
        size_t n = want == 0 ? 1 : want < in.len ? (size_t)want : in.len;
        ws_frame_feed(&guided, span_sub(in, 0, n));
        in = span_sub(in, n, SIZE_MAX);
        check_close(&guided);
    }
    assert(same(&whole, &guided));
    return 0;
}
