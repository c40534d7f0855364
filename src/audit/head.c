#include "audit/head.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/text.h"

#define FILE_MAX 256

static const char MAGIC[] = "postern-audit-head 1\n";

static int parse(struct span text, struct head *ret)
{
    struct head h;
    struct span line, key;
    if (!span_starts(text, span_str(MAGIC)))
        return FAULT_FORMAT;
    text = span_sub(text, sizeof(MAGIC) - 1, SIZE_MAX);
    if (!span_cut(&text, '\n', &line) || !span_cut(&line, ' ', &key) || !span_is(key, "count") ||
        text_u64(line, INT64_MAX, &h.count) < 0)
        return FAULT_FORMAT;
    if (!span_cut(&text, '\n', &line) || !span_cut(&line, ' ', &key) || !span_is(key, "hash") ||
        text_unhex(line, h.hash, sizeof(h.hash)) < 0 || text.len != 0)
        return FAULT_FORMAT;
    *ret = h;
    return 0;
}

int head_read(const char *path, struct head *ret)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    int rc = file_read(path, &text);
    rc = rc < 0 ? (rc == FAULT_LIMIT ? FAULT_FORMAT : rc) : parse(buf_view(&text), ret);
    buf_fini(&text);
    return rc;
}

int head_write(const char *path, const struct head *head)
{
    char text[FILE_MAX], hex[2 * STORE_HASH_SIZE + 1];
    text_hex(hex, span_of(head->hash, sizeof(head->hash)));
    (void)snprintf(text, sizeof(text), "%scount %llu\nhash %s\n", MAGIC,
                   (unsigned long long)head->count, hex);
    return file_replace(path, span_str(text), true);
}

static int bring_up(const char *path, struct store *s, bool start)
{
    struct head kept = {0}, last;
    uint8_t hash[STORE_HASH_SIZE] = {0};
    int rc = trail_last(s, &last.count, last.hash);
    if (rc < 0)
        return rc;
    rc = head_read(path, &kept);
    if (rc == FAULT_ABSENT && last.count == 0 && start)
        return head_write(path, &last);
    if (rc < 0)
        return rc;
    if (kept.count > last.count)
        return FAULT_CONFLICT;
    if (kept.count > 0)
        rc = trail_hash(s, kept.count, hash);
    if (rc < 0)
        return rc == FAULT_ABSENT ? FAULT_CONFLICT : rc;
    if (memcmp(hash, kept.hash, sizeof(hash)) != 0)
        return FAULT_CONFLICT;
    return kept.count == last.count ? 0 : head_write(path, &last);
}

int head_settle(const char *path, struct store *s)
{
    return bring_up(path, s, true);
}

int head_update(const char *path, struct store *s)
{
    return bring_up(path, s, false);
}
