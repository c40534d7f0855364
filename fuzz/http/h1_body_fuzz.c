/* A body gives the same data, the same end and the same verdict for every split, and what was
 * decoded, written as chunks, is decoded to the same again. The first byte chooses framing and
 * split. */
#include <assert.h>
#include <stdlib.h>

#include "http/h1.h"
#include "http/trailers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int rc;
    bool done;
    size_t left;
    struct buf data;
    uint8_t trailers[H1_TRAILERS_MAX];
    size_t trailers_len;
};

static struct outcome run(enum body_framing framing, uint64_t length, struct span in, size_t step)
{
    struct outcome o = {0};
    struct h1_body b;
    buf_init(&o.data, 1 << 20);
    h1_body_init(&b, framing, length);
    h1_body_keep(&b, o.trailers);
    size_t at = 0;
    while (at < in.len && !b.done && o.rc == 0) {
        size_t part = in.len - at < step ? in.len - at : step;
        uint8_t *copy = malloc(part);
        assert(copy != NULL);
        memcpy(copy, in.at + at, part);
        struct span rest = span_of(copy, part), got;
        while (rest.len > 0 && !b.done && o.rc == 0) {
            size_t before = rest.len;
            o.rc = h1_body_feed(&b, &rest, &got);
            assert(o.rc < 0 || b.done || rest.len < before);
            assert(got.len == 0 || (got.at >= copy && got.at + got.len <= copy + part));
            if (o.rc == 0)
                (void)buf_append(&o.data, got);
        }
        at += part - rest.len;
        free(copy);
    }
    o.done = b.done;
    o.trailers_len = b.kept_len;
    o.left = in.len - at;
    assert(!o.data.bad);
    assert(b.total == buf_len(&o.data));
    assert(!b.done || framing != BODY_UNTIL_CLOSE);
    return o;
}

static void check_round_trip(struct span body)
{
    struct buf chunks;
    buf_init(&chunks, 1 << 21);
    struct span rest = body;
    while (rest.len > 0) {
        assert(h1_chunk_write(&chunks, span_sub(rest, 0, 97)) == 0);
        rest = span_sub(rest, 97, SIZE_MAX);
    }
    assert(h1_chunk_write(&chunks, SPAN_NONE) == 0);
    struct outcome o = run(BODY_CHUNKED, 0, buf_view(&chunks), 41);
    assert(o.rc == 0 && o.done && o.left == 0 && span_eq(buf_view(&o.data), body));
    buf_fini(&o.data);
    buf_fini(&chunks);
}

/* What passes of a trailer section is whole lines, each of an allowed field. */
static void check_trailers(struct span section)
{
    static struct header announced = {
        .name = {(const uint8_t *)"Trailer", 7},
        .value = {(const uint8_t *)"etag, Server-Timing, grpc-status, x-checksum-a, host", 51},
        .id = HEADER_TRAILER};
    const struct headers all = {&announced, 1};
    struct buf out;
    buf_init(&out, 2 * H1_TRAILERS_MAX);
    (void)!trailers_write(&all, section, true, &out);
    buf_clear(&out);
    assert(trailers_write(&all, section, false, &out) == 0);
    struct span rest = buf_view(&out), line, name;
    while (rest.len > 0) {
        assert(span_cut(&rest, '\n', &line) && span_ends(line, SPAN("\r")));
        (void)span_cut(&line, ':', &name);
        assert(trailers_may(name) && !span_eq_nocase(name, SPAN("host")));
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 1 << 16)
        return 0;
    enum body_framing framing = data[0] % 8 == 0   ? BODY_LENGTH
                                : data[0] % 8 == 1 ? BODY_UNTIL_CLOSE
                                                   : BODY_CHUNKED;
    struct span in = span_of(data + 2, size - 2);
    struct outcome whole = run(framing, data[1], in, in.len + 1);
    struct outcome bytes = run(framing, data[1], in, 1);
    struct outcome parts = run(framing, data[1], in, 2 + data[1]);
    assert((whole.rc < 0) == (bytes.rc < 0) && (whole.rc < 0) == (parts.rc < 0));
    assert(whole.done == bytes.done && whole.done == parts.done);
    assert(span_eq(buf_view(&whole.data), buf_view(&bytes.data)));
    assert(span_eq(buf_view(&whole.data), buf_view(&parts.data)));
    if (whole.rc == 0) {
        assert(whole.left == bytes.left && whole.left == parts.left);
        check_round_trip(buf_view(&whole.data));
        assert(span_eq(span_of(whole.trailers, whole.trailers_len),
                       span_of(bytes.trailers, bytes.trailers_len)));
        if (whole.done)
            check_trailers(span_of(whole.trailers, whole.trailers_len));
    }
    buf_fini(&whole.data);
    buf_fini(&bytes.data);
    buf_fini(&parts.data);
    return 0;
}
