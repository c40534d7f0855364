#include "supervisor/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

void notify_open(struct notify *n)
{
    n->fd = -1;
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    size_t len = path == NULL ? 0 : strlen(path);
    if (len < 2 || len >= sizeof(sun.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(sun.sun_path, path, len);
    /* "@name" is the abstract socket "\0name". */
    if (path[0] == '@')
        sun.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&sun,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
        (void)close(fd);
        return;
    }
    n->fd = fd;
}

static void notify_send(const struct notify *n, const char *text)
{
    /* A service manager that does not listen changes nothing for those whom we serve. */
    if (n->fd >= 0)
        (void)send(n->fd, text, strlen(text), MSG_NOSIGNAL);
}

void notify_ready(const struct notify *n)
{
    notify_send(n, "READY=1\nSTATUS=serving\n");
}

void notify_reloading(const struct notify *n)
{
    char text[80];
    (void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu\n",
                   (unsigned long long)clock_mono_us());
    notify_send(n, text);
}

void notify_stopping(const struct notify *n)
{
    notify_send(n, "STOPPING=1\nSTATUS=finishing what runs\n");
}
