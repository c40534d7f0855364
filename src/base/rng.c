#include "base/rng.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

int rng_fill(void *at, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = getrandom((char *)at + got, len - got, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int rc = n < 0 ? -errno : -EIO;
            memset(at, 0, len);
            return rc;
        }
        got += (size_t)n;
    }
    return 0;
}
