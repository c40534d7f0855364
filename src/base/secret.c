#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"

int secret_init(struct secret *s, size_t len)
{
    *s = (struct secret){0};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (len + page) / page * page;
    void *at = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    /* Both may be refused (RLIMIT_MEMLOCK, old kernels); the secret still works without. */
    (void)mlock(at, mapped);
    (void)madvise(at, mapped, MADV_DONTDUMP);
    *s = (struct secret){.at = at, .len = len, .mapped = mapped};
    return 0;
}

void secret_fini(struct secret *s)
{
    if (s->at != NULL) {
        secret_wipe(s->at, s->mapped);
        (void)munmap(s->at, s->mapped);
    }
    *s = (struct secret){0};
}

void secret_wipe(void *at, size_t len)
{
    if (len > 0)
        explicit_bzero(at, len);
}

bool secret_eq(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    volatile uint8_t diff = 0;
    for (size_t i = 0; i < a.len; i++)
        diff = (uint8_t)(diff | (a.at[i] ^ b.at[i]));
    return diff == 0;
}

int secret_read_file(struct secret *s, const char *path, size_t max)
{
    *s = (struct secret){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    struct stat st;
    int rc = 0;
    if (fstat(fd, &st) < 0)
        rc = -errno;
    else if (!S_ISREG(st.st_mode) || (st.st_mode & 0037) != 0 ||
             ((st.st_mode & 0040) != 0 && st.st_uid != 0) ||
             (st.st_uid != 0 && st.st_uid != geteuid() && geteuid() != 0))
        rc = FAULT_DENIED;
    else if (st.st_size < 0 || (size_t)st.st_size > max)
        rc = FAULT_LIMIT;
    if (rc == 0)
        rc = secret_init(s, (size_t)st.st_size);
    size_t got = 0;
    while (rc == 0 && got < s->len) {
        ssize_t n = read(fd, s->at + got, s->len - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = -errno;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    (void)close(fd);
    if (rc < 0) {
        if (s->at != NULL)
            secret_fini(s);
        return rc;
    }
    s->len = got;
    if (s->len > 0 && s->at[s->len - 1] == '\n')
        s->len--;
    return 0;
}
