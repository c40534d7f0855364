/* Whatever this process gives back to the heap is wiped.
 *
 * Passwords pass through here on their way to directories, and secrets on their way to providers.
 * The libraries that speak for us copy them into messages and records and free those as they are;
 * libldap has functions of one's own for its memory and uses them for a part of it only. So the two
 * functions of the C library that give memory back are replaced for all of them. In the executable
 * alone, and not under the sanitizers, which replace them as well. */
#include <malloc.h>
#include <stdlib.h>

#include "base/secret.h"

#ifndef POSTERN_SANITIZED

#define SEEN __attribute__((visibility("default")))

/* The C library's own. */
void __libc_free(void *at);

SEEN void free(void *at)
{
    if (at == NULL)
        return;
    secret_wipe(at, malloc_usable_size(at));
    __libc_free(at);
}

SEEN void *realloc(void *at, size_t size)
{
    size_t old = at == NULL ? 0 : malloc_usable_size(at);
    if (at != NULL && size == 0) {
        free(at);
        return NULL;
    }
    if (size <= old && size > old / 2)
        return at;
    void *fresh = malloc(size);
    if (fresh == NULL || at == NULL)
        return fresh;
    memcpy(fresh, at, old < size ? old : size);
    free(at);
    return fresh;
}

#endif
