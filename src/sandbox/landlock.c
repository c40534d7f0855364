#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/landlock.h of newer kernels, in our own words. The same numbers everywhere. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum {
    CREATE_RULESET_VERSION = 1,
    RULE_PATH_BENEATH = 1,
    RULE_NET_PORT = 2,
};

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_MAKE_SOCK (UINT64_C(1) << 9)
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)

#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

/* How many file rights each ABI knows: they are numbered without gaps. */
static const unsigned FS_RIGHTS[] = {0, 13, 14, 15, 15, 16};
enum { ABI_NET = 4, ABI_SCOPE = 6 };

struct ruleset_attr {
    uint64_t handled_fs;
    uint64_t handled_net;
    uint64_t scoped;
};

struct path_attr {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

struct port_attr {
    uint64_t allowed;
    uint64_t port;
};

static int64_t landlock_create(const struct ruleset_attr *attr, size_t size, uint32_t flags)
{
    return syscall(SYS_landlock_create_ruleset, attr, size, flags);
}

static uint64_t rights_of(enum sandbox_access access)
{
    uint64_t rights = FS_READ_FILE | FS_READ_DIR;
    if ((access & SANDBOX_WRITE) != 0)
        rights |= FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG |
                  FS_MAKE_SOCK | FS_REFER | FS_TRUNCATE;
    if ((access & SANDBOX_EXECUTE) != 0)
        rights |= FS_EXECUTE;
    return rights;
}

static int add_path(int ruleset, const struct sandbox_path *p, uint64_t handled)
{
    int fd = open(p->path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
    struct stat st;
    int rc = fstat(fd, &st) < 0 ? -errno : 0;
    struct path_attr attr = {.allowed = rights_of(p->access) & handled, .fd = fd};
    /* The kernel refuses rights that only a directory can have on anything else. */
    if (rc == 0 && !S_ISDIR(st.st_mode))
        attr.allowed &= FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE;
    if (rc == 0 && attr.allowed != 0 &&
        syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0) < 0)
        rc = -errno;
    (void)close(fd);
    return rc;
}

static int add_rules(int ruleset, const struct sandbox *s, const struct ruleset_attr *attr)
{
    for (size_t i = 0; i < s->path_count; i++) {
        int rc = add_path(ruleset, &s->paths[i], attr->handled_fs);
        if (rc < 0)
            return rc;
    }
    if ((attr->handled_net & NET_CONNECT_TCP) == 0 || s->profile != SANDBOX_EDGE)
        return 0;
    for (size_t i = 0; i < s->connect_port_count; i++) {
        struct port_attr port = {.allowed = NET_CONNECT_TCP, .port = s->connect_ports[i]};
        if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &port, 0) < 0)
            return -errno;
    }
    return 0;
}

int landlock_enter(const struct sandbox *s, struct landlock_active *ret)
{
    *ret = (struct landlock_active){.abi = 0};
    int64_t abi = landlock_create(NULL, 0, CREATE_RULESET_VERSION);
    if (abi <= 0)
        return 0;
    size_t known = countof(FS_RIGHTS) - 1;
    unsigned rights = FS_RIGHTS[(size_t)abi < known ? (size_t)abi : known];
    struct ruleset_attr attr = {.handled_fs = (UINT64_C(1) << rights) - 1};
    size_t size = sizeof(attr.handled_fs);
    /* The supervisor binds new listeners on reload, and what it gave up its edges could not have.
     */
    if (abi >= ABI_NET && s->profile != SANDBOX_SUPERVISOR) {
        /* The courier calls whatever place it is asked to look at, and listens nowhere. */
        attr.handled_net =
            s->profile == SANDBOX_COURIER ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT_TCP;
        size += sizeof(attr.handled_net);
    }
    if (abi >= ABI_SCOPE) {
        attr.scoped = SCOPE_SIGNAL | SCOPE_ABSTRACT_UNIX;
        size = sizeof(attr);
    }
    int64_t ruleset = landlock_create(&attr, size, 0);
    if (ruleset < 0)
        return -errno;
    int rc = add_rules((int)ruleset, s, &attr);
    if (rc == 0 && syscall(SYS_landlock_restrict_self, (int)ruleset, 0) < 0)
        rc = -errno;
    (void)close((int)ruleset);
    if (rc < 0)
        return rc;
    *ret = (struct landlock_active){
        .abi = (int)abi,
        .files = true,
        .net = attr.handled_net != 0,
        .scope = attr.scoped != 0,
    };
    return 0;
}
