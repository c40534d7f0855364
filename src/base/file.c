#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fault.h"

#define PATH_SIZE 4096

int file_write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes = span_sub(bytes, (size_t)n, SIZE_MAX);
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

int file_replace(const char *path, struct span bytes, bool durable)
{
    char fresh[PATH_SIZE];
    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
        return FAULT_LIMIT;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int rc = file_write_all(fd, bytes);
    if (rc == 0 && durable && fsync(fd) < 0)
        rc = -errno;
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(fresh, path) < 0)
        rc = -errno;
    if (rc < 0)
        (void)unlink(fresh);
    return rc < 0 || !durable ? rc : sync_directory(path);
}

int file_read(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? FAULT_ABSENT : -errno;
    int rc = 0;
    for (;;) {
        uint8_t piece[4096];
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        rc = n < 0 ? -errno : buf_append(out, span_of(piece, (size_t)n)) < 0 ? FAULT_LIMIT : 0;
        if (n <= 0 || rc < 0)
            break;
    }
    (void)close(fd);
    return rc;
}
