/* Where a guarded application listens: a directory of its own with one socket in it.
 *
 * Two accounts meet there: the application's, which makes the socket, and the service's, whose
 * edges connect to it; nobody else may come near. Run as root, that is
 * /run/postern-guard/NAME.XXXXXX, of the application's account and the service's group, mode 0710:
 * that group may pass, nobody may list. (A home, a private /tmp or $XDG_RUNTIME_DIR would be closed
 * to the service, which systemd keeps out of all three.) The socket is made open to all inside it.
 * Run by the service's own account, it is a directory below $XDG_RUNTIME_DIR or /tmp, mode 0700.
 *
 * Each directory is locked while its guard lives. One that is not is left over from a guard that
 * was killed, and is removed by the next. */
#ifndef CLI_GUARD_PLACE_H
#define CLI_GUARD_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

/* Whom the application runs as, and who must reach it. */
struct guard_account {
    bool root; /* this process is root, and the application is not to be */
    uid_t uid;
    gid_t gid;
    gid_t service; /* group of the service */
    char name[64], home[512], shell[256];
};

struct guard_place {
    int base, dir; /* descriptors; dir holds the lock */
    char name[80]; /* of the directory, in base */
    char path[96];
    char socket[108];
};

/* 0; an exit code with a message on standard error. */
int guard_place_make(struct guard_place *p, const char *name, const struct guard_account *as);
/* Does the application listen yet? Opens the socket to the service when it does. */
bool guard_place_listens(const struct guard_place *p, const struct guard_account *as);
/* Removes it with what is in it. */
void guard_place_remove(struct guard_place *p);

#endif
