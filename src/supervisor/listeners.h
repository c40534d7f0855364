/* The listening sockets: bound here, handed to the edges, held for good.
 *
 * For every listener there is one socket per edge slot, all bound to the same port with
 * SO_REUSEPORT, so that each edge has a queue of its own and the kernel spreads connections. The
 * supervisor keeps its copies across the death of every edge: nobody else can take the port, and
 * what a dead edge had not yet accepted waits for the next one. A listener that leaves the
 * configuration is shut down but stays bound.
 *
 * Sockets that came from the service manager (LISTEN_FDS) are shared by all slots and never shut:
 * the manager has a copy, and who connects while this process is away waits for the next one. Each
 * has to be the address of a listener.
 *
 * A listener of an interface is bound to the device as well, and the kernel gives it nothing that
 * comes in elsewhere. While the device is absent there is nothing to bind to: then the port is held
 * by one socket that drops every packet, and the listener waits. The device that comes back is
 * another one to the kernel, so the sockets are made anew and given to the edges again
 * (listeners_follow). */
#ifndef SUPERVISOR_LISTENERS_H
#define SUPERVISOR_LISTENERS_H

#include <sys/types.h>

#include "base/buf.h"
#include "conf/snapshot.h"

#define LISTENERS_MAX 128u

struct endpoint {
    char name[64];
    struct addr addr;
    uint16_t port;
    char interface[INTERFACE_SIZE]; /* or "" */
    int device;                     /* its index in the kernel; 0: absent */
    int holder;                     /* keeps the port of an interface's listener; -1: none */
    int fault;                      /* why its sockets could not be made, as last said */
    bool wanted;                    /* of an interface: opens when that comes */
    bool open;                      /* accepts; else bound only */
    bool activated;                 /* from the service manager: fds[0] stands for every slot */
    int *fds;                       /* one per slot */
};

struct listeners {
    struct endpoint items[LISTENERS_MAX];
    size_t count;
    unsigned slots;
    uid_t owner; /* whose the sockets are when root makes them: the service account makes others
                  * later, which could not share a port with root's */
};

void listeners_init(struct listeners *l, unsigned slots);
void listeners_fini(struct listeners *l);
/* Takes the sockets of systemd's LISTEN_PID/LISTEN_FDS/LISTEN_FDNAMES protocol (sd_listen_fds(3)),
 * descriptors 3 and up, when they are meant for this process. Returns how many, or a fault with a
 * line in errors for what is no listening TCP socket; the variables are removed. */
must_check int listeners_adopt(struct listeners *l, struct buf *errors);
/* Makes sure that every listener of the snapshot is bound and listening. One line per failure in
 * errors, also for a socket of the service manager that it does not name; the first failure.
 * Listeners that the snapshot does not name are left as they are. */
must_check int listeners_open(struct listeners *l, const struct snapshot *s, struct buf *errors);
/* Shuts down what the snapshot does not name. */
void listeners_settle(struct listeners *l, const struct snapshot *s);
/* Looks whether the interfaces of item i are there: 1 when it was opened or closed by that, 0 when
 * all is as before. A fault: the interface is there, and its sockets can not be made; the item
 * waits on.
 */
must_check int listeners_follow(struct listeners *l, size_t i);
/* Shuts all of them down: new connections are refused. */
void listeners_shut(struct listeners *l);
/* The socket of this slot. */
int listeners_fd(const struct listeners *l, size_t i, unsigned slot);

#endif
