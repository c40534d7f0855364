/* Small files that are replaced as a whole, so that nobody ever sees half of one. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/macros.h"
#include "base/span.h"

/* Writes path.new (mode 0600) and renames it. durable: content and name are on disk when it returns
 * 0. -errno, FAULT_LIMIT for a path that is too long; then the old file is as it was. */
must_check int file_replace(const char *path, struct span bytes, bool durable);
/* Every byte, however many writes it takes. 0 or -errno. */
must_check int file_write_all(int fd, struct span bytes);
/* The whole file into an initialised buffer. FAULT_ABSENT, FAULT_LIMIT when it is longer than the
 * buffer may be, -errno. Follows no symbolic link. */
must_check int file_read(const char *path, struct buf *out);

#endif
