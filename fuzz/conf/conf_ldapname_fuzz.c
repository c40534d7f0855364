/* Names and filters of a directory: up to the first zero byte a template of a filter, behind it a
 * text from outside, which is read as a distinguished name and put into the filter as a value.
 * Folding must be stable, and no value may change the structure of a filter. */
#include <stdlib.h>

#include "conf/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void fold(struct span text)
{
    struct buf once, twice;
    buf_init(&once, LDAPNAME_DN_MAX * 8);
    buf_init(&twice, LDAPNAME_DN_MAX * 8);
    if (ldapname_fold(&once, text) == 0) {
        struct span v = buf_view(&once);
        for (size_t i = 0; i < v.len; i++)
            check(v.at[i] >= 0x20 && v.at[i] != 0x7f);
        if (v.len <= LDAPNAME_DN_MAX) {
            check(ldapname_fold(&twice, v) == 0);
            check(span_eq(v, buf_view(&twice)));
        }
    }
    buf_fini(&once);
    buf_fini(&twice);
}

static void count(struct span s, size_t signs[3])
{
    for (size_t i = 0; i < s.len; i++) {
        signs[0] += s.at[i] == '(';
        signs[1] += s.at[i] == ')';
        signs[2] += s.at[i] == '*';
    }
}

static void expand(struct span filter, struct span value)
{
    struct buf out;
    size_t before[3] = {0}, after[3] = {0};
    const struct ldapname_words w = {.user = value, .dn = value};
    if (!ldapname_is_filter(filter))
        return;
    buf_init(&out, LDAPNAME_EXPANDED_MAX);
    if (ldapname_expand(&out, filter, &w) == 0) {
        count(filter, before);
        count(buf_view(&out), after);
        check(memcmp(before, after, sizeof(before)) == 0);
        check(buf_len(&out) > LDAPNAME_FILTER_MAX || ldapname_is_filter(buf_view(&out)));
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_of(data, size);
    size_t at = span_find(all, 0);
    struct span filter = span_sub(all, 0, at);
    struct span value = at == SIZE_MAX ? SPAN_NONE : span_sub(all, at + 1, size);
    struct directory_server server;
    struct directory_mapping mapping;
    fold(value);
    expand(filter, value);
    if (directory_server_parse(value, &server) == 0)
        check(server.host[0] != 0 && server.port != 0);
    if (directory_mapping_parse(value, &mapping) == 0)
        check(mapping.group.len > 0 && ldapname_is_dn(mapping.dn));
    return 0;
}
