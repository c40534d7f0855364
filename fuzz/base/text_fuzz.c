/* Text forms of bytes and numbers. What a decoder takes is what its encoder writes; what an encoder
 * writes stays inside the place it is for: a quoted attribute, a JSON string, one log line, one
 * value of a query. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_hex(struct span text)
{
    uint8_t bytes[512];
    char again[2 * sizeof(bytes) + 1];
    size_t len = text.len / 2;
    if (len > sizeof(bytes) || text_unhex(text, bytes, len) < 0)
        return;
    text_hex(again, span_of(bytes, len));
    assert(span_eq_nocase(span_str(again), text));
}

static void check_base64(struct span text)
{
    uint8_t bytes[512];
    char again[TEXT_B64_SIZE(sizeof(bytes)) + 4];
    int len = text_unb64url(text, bytes, sizeof(bytes));
    assert(len >= 0 || len == FAULT_FORMAT || len == FAULT_LIMIT);
    if (len >= 0) {
        text_b64url(again, span_of(bytes, (size_t)len));
        assert(span_eq(span_str(again), text));
    }
    len = text_unb64(text, bytes, sizeof(bytes));
    assert(len >= 0 || len == FAULT_FORMAT || len == FAULT_LIMIT);
    if (len >= 0) {
        text_b64(again, span_of(bytes, (size_t)len));
        assert(span_eq(span_str(again), text));
    }
    /* No more is written than there is room for. */
    uint8_t *tight = malloc(3);
    assert(tight != NULL);
    assert(text_unb64(text, tight, 3) <= 3 && text_unb64url(text, tight, 3) <= 3);
    free(tight);
}

static void check_numbers(struct span text)
{
    uint64_t n;
    char again[24];
    if (text_u64(text, UINT64_MAX, &n) == 0) {
        (void)snprintf(again, sizeof(again), "%llu", (unsigned long long)n);
        assert(span_is(text, again));
        uint64_t seconds;
        /* Either way a bare number has no unit of its own. */
        if (text_seconds(text, &seconds) == 0)
            assert(seconds == n);
        assert(n == 0 || text_u64(text, n - 1, &n) < 0);
    }
    if (text_size(text, &n) == 0 || text_seconds(text, &n) == 0)
        assert(text.len > 0 && text.at[0] >= '0' && text.at[0] <= '9');
}

static void check_html(struct span in)
{
    struct buf out;
    buf_init(&out, 8 * in.len + 16);
    assert(text_html(&out, in) == 0);
    struct span view = buf_view(&out);
    for (size_t i = 0; i < view.len; i++)
        assert(strchr("<>\"'", view.at[i]) == NULL || view.at[i] == '\0');
    buf_fini(&out);
}

static void check_json(struct span in)
{
    struct buf out;
    buf_init(&out, 8 * in.len + 16);
    assert(text_json(&out, in) == 0);
    struct span view = buf_view(&out);
    assert(text_is_utf8(view) && view.len >= 2);
    assert(view.at[0] == '"' && view.at[view.len - 1] == '"');
    for (size_t i = 1; i + 1 < view.len; i++) {
        assert(view.at[i] >= 0x20 && view.at[i] != '<' && view.at[i] != '"');
        if (view.at[i] == '\\') {
            assert(strchr("\"\\u", view.at[++i]) != NULL);
            assert(i + 1 < view.len);
        }
    }
    buf_fini(&out);
}

static void check_log(struct span in)
{
    struct buf out;
    buf_init(&out, 4 * in.len + 16);
    assert(text_log(&out, in) == 0);
    struct span view = buf_view(&out);
    bool quoted = view.at[0] == '"';
    assert(view.len > 0 && (!quoted || (view.len >= 2 && view.at[view.len - 1] == '"')));
    for (size_t i = 0; i < view.len; i++)
        assert(view.at[i] >= 0x20 && view.at[i] < 0x7f && (quoted || view.at[i] != ' '));
    buf_fini(&out);
}

static void check_url(struct span in)
{
    struct buf out;
    buf_init(&out, 3 * in.len + 16);
    assert(text_urlencode(&out, in) == 0);
    struct span view = buf_view(&out);
    size_t decoded = 0;
    for (size_t i = 0; i < view.len; i++, decoded++) {
        uint8_t byte = view.at[i];
        assert(byte > 0x20 && byte < 0x7f && strchr("&=#?/;+\"", byte) == NULL);
        if (byte == '%') {
            assert(view.len - i >= 3 && text_unhex(span_sub(view, i + 1, 2), &byte, 1) == 0);
            i += 2;
        }
        assert(decoded < in.len && byte == in.at[decoded]);
    }
    assert(decoded == in.len);
    buf_fini(&out);
}

static void check_nearest(struct span in)
{
    static const char *const WORDS[] = {"listeners", "limits", "routes",
                                        "rules",     "zones",  "portal"};
    char word[128];
    if (in.len >= sizeof(word))
        return;
    if (in.len > 0)
        memcpy(word, in.at, in.len);
    word[in.len] = '\0';
    const char *near = text_nearest(word, WORDS, countof(WORDS));
    for (size_t i = 0; i < countof(WORDS); i++)
        assert(strcmp(word, WORDS[i]) != 0 || near == WORDS[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    struct span in = span_of(data, size);
    check_hex(in);
    check_base64(in);
    check_numbers(in);
    check_html(in);
    check_json(in);
    check_log(in);
    check_url(in);
    check_nearest(in);
    /* A name is at home everywhere: it needs no escape. */
    if (text_is_name(in))
        assert(text_is_utf8(in) && in.len <= 63 && span_find(in, ' ') == SIZE_MAX);
    return 0;
}
