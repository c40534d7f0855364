#include "audit/head.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/text.h"

#define PATH_SIZE 4096
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
    char text[FILE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? FAULT_ABSENT : -errno;
    ssize_t n;
    do
        n = read(fd, text, sizeof(text));
    while (n < 0 && errno == EINTR);
    int rc = n < 0 ? -errno : 0;
    (void)close(fd);
    /* The file is made by a rename, so it is never seen half written. */
    return rc < 0 ? rc : parse(span_of(text, (size_t)n), ret);
}

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The name of a rename is on disk when its directory is. */
static int sync_directory(const char *path)
{
    char dir[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == NULL)
        (void)snprintf(dir, sizeof(dir), ".");
    else
        (void)snprintf(dir, sizeof(dir), "%.*s", len == 0 ? 1 : (int)len, path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd);
    return rc;
}

int head_write(const char *path, const struct head *head)
{
    char fresh[PATH_SIZE], text[FILE_MAX], hex[2 * STORE_HASH_SIZE + 1];
    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
        return FAULT_LIMIT;
    text_hex(hex, span_of(head->hash, sizeof(head->hash)));
    int len = snprintf(text, sizeof(text), "%scount %llu\nhash %s\n", MAGIC,
                       (unsigned long long)head->count, hex);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, text, (size_t)len);
    if (rc == 0 && fsync(fd) < 0)
        rc = -errno;
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(fresh, path) < 0)
        rc = -errno;
    if (rc < 0)
        (void)unlink(fresh);
    return rc < 0 ? rc : sync_directory(path);
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
