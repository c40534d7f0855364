/* A directory of keys and certificates, changed so that a crash leaves the old files or the new
 * ones: each file is written under a temporary name, brought to the disk, and renamed. What root
 * writes belongs to the owner of the directory. */
#ifndef SIGNER_PEMDIR_H
#define SIGNER_PEMDIR_H

#include <openssl/x509.h>
#include <sys/types.h>

#include "base/macros.h"
#include "base/span.h"

/* A descriptor, or -errno. */
must_check int pemdir_open(const char *dir);
/* The bytes under the temporary name, on the disk. */
must_check int pemdir_write(int dir, const char *file, struct span bytes, mode_t mode);
/* The same of a certificate (0644), or of a key (0600) when there is one. */
must_check int pemdir_write_pem(int dir, const char *file, X509 *x, EVP_PKEY *key);
/* Gives the temporary file its name. With `fresh` a file that is there already is a fault. */
must_check int pemdir_settle(int dir, const char *file, bool fresh);
/* The temporary file, if there is one, goes. */
void pemdir_forget(int dir, const char *file);
/* One of the two, the other is NULL. -errno, FAULT_FORMAT. */
must_check int pemdir_read(int dir, const char *file, X509 **x, EVP_PKEY **key);

#endif
