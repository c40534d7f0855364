#include "ipc/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

int memfd_make(const char *name, struct span bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int rc = 0;
    size_t done = 0;
    while (rc == 0 && done < bytes.len) {
        ssize_t n = write(fd, bytes.at + done, bytes.len - done);
        if (n < 0 && errno != EINTR)
            rc = -errno;
        else if (n > 0)
            done += (size_t)n;
    }
    if (rc == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        rc = -errno;
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    return fd;
}

int memfd_read(int fd, struct buf *out)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return FAULT_DENIED;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size < 0 || (size_t)st.st_size > out->max)
        return FAULT_LIMIT;
    size_t len = (size_t)st.st_size, got = 0;
    if (len == 0)
        return 0;
    uint8_t *room = buf_reserve(out, len);
    if (room == NULL)
        return -ENOMEM;
    while (got < len) {
        ssize_t n = pread(fd, room + got, len - got, (off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : FAULT_FORMAT;
        got += (size_t)n;
    }
    buf_commit(out, len);
    return 0;
}
