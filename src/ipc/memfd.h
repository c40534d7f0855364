/* Large things between processes: sealed memory files.
 *
 * The maker seals against every change, so the reader may map or read it without a race. */
#ifndef IPC_MEMFD_H
#define IPC_MEMFD_H

#include "base/buf.h"

/* A sealed file with these bytes: a descriptor, or -errno. */
must_check int memfd_make(const char *name, struct span bytes);
/* Reads all of it into out (initialised by the caller with its maximum). Refuses an unsealed file
 * (FAULT_DENIED) and one larger than out->max (FAULT_LIMIT). Does not close fd. */
must_check int memfd_read(int fd, struct buf *out);

#endif
