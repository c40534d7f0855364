#include "signer/pemdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/fault.h"
#include "base/file.h"

int pemdir_open(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void temp_name(const char *file, char out[64])
{
    (void)snprintf(out, 64, ".%s.new", file);
}

int pemdir_write(int dir, const char *file, struct span bytes, mode_t mode)
{
    char temp[64];
    struct stat st;
    temp_name(file, temp);
    (void)unlinkat(dir, temp, 0);
    int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int rc = file_write_all(fd, bytes);
    if (rc == 0 && geteuid() == 0 && (fstat(dir, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0))
        rc = -errno;
    if (rc == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
        rc = -errno;
    (void)close(fd);
    if (rc < 0)
        (void)unlinkat(dir, temp, 0);
    return rc;
}

int pemdir_write_pem(int dir, const char *file, X509 *x, EVP_PKEY *key)
{
    /* The memory of a secure BIO is wiped with it. */
    BIO *bio = BIO_new(key != NULL ? BIO_s_secmem() : BIO_s_mem());
    if (bio == NULL)
        return -ENOMEM;
    int ok = key != NULL ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                         : PEM_write_bio_X509(bio, x);
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    int rc = ok == 1 && len > 0
                 ? pemdir_write(dir, file, span_of(text, (size_t)len), key != NULL ? 0600 : 0644)
                 : FAULT_CRYPTO;
    BIO_free(bio);
    return rc;
}

int pemdir_settle(int dir, const char *file, bool fresh)
{
    char temp[64];
    temp_name(file, temp);
    int rc;
    if (fresh)
        rc = renameat2(dir, temp, dir, file, RENAME_NOREPLACE);
    else
        rc = renameat(dir, temp, dir, file);
    return rc < 0 ? -errno : 0;
}

int pemdir_read(int dir, const char *file, X509 **x, EVP_PKEY **key)
{
    int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    FILE *f = fdopen(fd, "r");
    if (f == NULL) {
        (void)close(fd);
        return -ENOMEM;
    }
    if (x != NULL)
        *x = PEM_read_X509(f, NULL, NULL, NULL);
    else
        *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    (void)fclose(f);
    ERR_clear_error();
    return (x != NULL ? (void *)*x : (void *)*key) != NULL ? 0 : FAULT_FORMAT;
}

void pemdir_forget(int dir, const char *file)
{
    char temp[64];
    temp_name(file, temp);
    (void)unlinkat(dir, temp, 0);
}
