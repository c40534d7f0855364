/* What the service manager is told, in systemd's protocol (sd_notify(3)): datagrams of KEY=VALUE
 * lines to the socket that NOTIFY_SOCKET names. Without that variable nothing happens. */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include "base/macros.h"

struct notify {
    int fd; /* connected before the sandbox, or -1 */
};

void notify_open(struct notify *n);
void notify_ready(const struct notify *n);
void notify_reloading(const struct notify *n);
void notify_stopping(const struct notify *n);

#endif
