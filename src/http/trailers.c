#include "http/trailers.h"

#include "base/fault.h"
#include "http/h1.h"

/* Lower case; what ends with '-' is the beginning of names. */
static const char *const allowed[] = {
    "content-digest",
    "repr-digest",
    "digest",
    "content-md5",
    "etag",
    "server-timing",
    "signature",
    "signature-input",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "x-amz-checksum-",
    "x-amz-trailer-signature",
    "x-checksum-",
};

bool trailers_may(struct span name)
{
    for (size_t i = 0; i < countof(allowed); i++) {
        struct span a = span_str(allowed[i]);
        if (a.at[a.len - 1] == '-' ? name.len > a.len && span_starts_nocase(name, a)
                                   : span_eq_nocase(name, a))
            return true;
    }
    return false;
}

int trailers_announced(const struct headers *h, struct buf *out)
{
    int count = 0;
    for (size_t i = 0; i < h->count; i++) {
        struct span rest = h->at[i].value, name;
        if (h->at[i].id != HEADER_TRAILER)
            continue;
        while (span_cut(&rest, ',', &name)) {
            name = span_trim(name);
            if (!trailers_may(name))
                continue;
            if (count++ > 0)
                (void)buf_text(out, ", ");
            (void)buf_append(out, name);
        }
    }
    return count;
}

static bool is_announced(const struct headers *h, struct span name)
{
    for (size_t i = 0; i < h->count; i++) {
        struct span rest = h->at[i].value, item;
        if (h->at[i].id != HEADER_TRAILER)
            continue;
        while (span_cut(&rest, ',', &item))
            if (span_eq_nocase(span_trim(item), name))
                return true;
    }
    return false;
}

int trailers_write(const struct headers *h, struct span section, bool strict, struct buf *out)
{
    struct span line, name;
    while (section.len > 0 && span_cut(&section, '\n', &line)) {
        if (span_ends(line, SPAN("\r")))
            line.len--;
        (void)span_cut(&line, ':', &name);
        bool may = trailers_may(name);
        if (!may && strict)
            return FAULT_DENIED;
        if (!may || !is_announced(h, name))
            continue;
        int rc = h1_write_header(out, name, span_trim(line));
        if (rc < 0)
            return rc;
    }
    return 0;
}
