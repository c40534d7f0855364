#include "cli/guard_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/command.h"

#define ROOT_BASE "/run/postern-guard"
#define SOCKET "socket"

/* Nobody else may be able to put something where the directories are. */
static int open_base(const char *path, mode_t mode)
{
    struct stat st;
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return complain(EXIT_REFUSED, "%s: %s", path, strerror(errno));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        if (fd >= 0)
            (void)close(fd);
        return complain(EXIT_REFUSED, "%s is not a directory of ours alone", path);
    }
    return -fd - 1;
}

/* $XDG_RUNTIME_DIR when it is ours, else /tmp, and in it a directory for this account. */
static void own_base(char *path, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    bool ours = runtime != NULL && runtime[0] == '/' && stat(runtime, &st) == 0 &&
                S_ISDIR(st.st_mode) && st.st_uid == geteuid() && strlen(runtime) < 24;
    (void)snprintf(path, size, "%s/postern-guard-%u", ours ? runtime : "/tmp", (unsigned)geteuid());
}

/* The entries of a directory that stays open; NULL when they can not be read. */
static DIR *list_of(int dir)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (d == NULL && copy >= 0)
        (void)close(copy);
    return d;
}

/* Everything in it, one level deep: the application was told to put one socket there. */
static void empty(int dir)
{
    DIR *d = list_of(dir);
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlinkat(dir, e->d_name, 0);
    (void)closedir(d);
}

/* Directories whose guard is gone. Under the lock of base: one that is being made is not locked
 * yet.
 */
static void sweep(int base)
{
    DIR *d = list_of(base);
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        int dir = openat(base, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0)
            continue;
        if (flock(dir, LOCK_EX | LOCK_NB) == 0) {
            empty(dir);
            (void)unlinkat(base, e->d_name, AT_REMOVEDIR);
        }
        (void)close(dir);
    }
    (void)closedir(d);
}

static int make(struct guard_place *p, const char *base, const char *name,
                const struct guard_account *as)
{
    if ((size_t)snprintf(p->path, sizeof(p->path), "%s/%s.XXXXXX", base, name) >= sizeof(p->path) ||
        mkdtemp(p->path) == NULL)
        return complain(EXIT_REFUSED, "%s: %s", base, strerror(errno));
    (void)snprintf(p->name, sizeof(p->name), "%s", p->path + strlen(base) + 1);
    (void)snprintf(p->socket, sizeof(p->socket), "%s/%s", p->path, SOCKET);
    p->dir = openat(p->base, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (p->dir < 0 || flock(p->dir, LOCK_EX | LOCK_NB) < 0 ||
        (as->root && (fchmod(p->dir, 0710) < 0 || fchown(p->dir, as->uid, as->service) < 0)))
        return complain(EXIT_REFUSED, "%s: %s", p->path, strerror(errno));
    return 0;
}

int guard_place_make(struct guard_place *p, const char *name, const struct guard_account *as)
{
    char base[64] = ROOT_BASE;
    *p = (struct guard_place){.base = -1, .dir = -1};
    if (!as->root)
        own_base(base, sizeof(base));
    int rc = open_base(base, as->root ? 0711 : 0700);
    if (rc >= 0)
        return rc;
    p->base = -rc - 1;
    if (flock(p->base, LOCK_EX) < 0)
        return complain(EXIT_REFUSED, "%s: %s", base, strerror(errno));
    sweep(p->base);
    rc = make(p, base, name, as);
    (void)flock(p->base, LOCK_UN);
    if (rc != 0)
        guard_place_remove(p);
    return rc;
}

/* In the application's own name, so that nothing it may have put in the place of its socket can
 * make root change what only root could. */
static bool open_to_service(const struct guard_place *p, const struct guard_account *as)
{
    if (!as->root)
        return true;
    if (seteuid(as->uid) < 0)
        return false;
    bool ok = fchmodat(p->dir, SOCKET, 0666, 0) == 0;
    return seteuid(0) == 0 && ok;
}

static bool accepts(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool ok = connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 || errno == EAGAIN;
    (void)close(fd);
    return ok;
}

bool guard_place_listens(const struct guard_place *p, const struct guard_account *as)
{
    struct stat st;
    if (fstatat(p->dir, SOCKET, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISSOCK(st.st_mode) ||
        st.st_uid != as->uid)
        return false;
    if ((st.st_mode & 0666) == 0666 || !as->root)
        return true;
    /* Bound is not listening yet; the mode is set last, and so this is asked once for a socket. */
    return accepts(p->socket) && open_to_service(p, as);
}

void guard_place_remove(struct guard_place *p)
{
    if (p->dir >= 0) {
        empty(p->dir);
        (void)close(p->dir);
    }
    if (p->base >= 0) {
        if (p->name[0] != 0)
            (void)unlinkat(p->base, p->name, AT_REMOVEDIR);
        (void)close(p->base);
    }
    *p = (struct guard_place){.base = -1, .dir = -1};
}
