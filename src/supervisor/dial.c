#include "supervisor/dial.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"

static bool may_dial(const struct supervisor *sv, struct span path)
{
    struct span rest = span_str(sv->newest.ports.sockets != NULL ? sv->newest.ports.sockets : "");
    struct span line;
    while (span_cut(&rest, '\n', &line))
        if (line.len > 0 && span_eq(line, path))
            return true;
    return false;
}

/* At once or not at all: a socket whose queue is full is no reason to wait here. */
static int dial(struct span path, int *ret)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path.len >= sizeof(to.sun_path))
        return ENAMETOOLONG;
    memcpy(to.sun_path, path.at, path.len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        int error = errno == EAGAIN || errno == EINPROGRESS ? ECONNREFUSED : errno;
        (void)close(fd);
        return error;
    }
    *ret = fd;
    return 0;
}

int dial_asked(struct child *c, struct message *m)
{
    struct msg_dial ask;
    int fd = -1;
    if (c->kind != ROLE_EDGE || msg_dial_decode(m->payload, &ask) < 0)
        return FAULT_FORMAT;
    int error = may_dial(c->supervisor, ask.path) ? dial(ask.path, &fd) : EACCES;
    struct msg_dialled reply = {.error = (uint32_t)error};
    child_sent(c, channel_send_dialled(&c->channel, m->serial, &reply, fd));
    if (fd >= 0)
        (void)close(fd);
    return 0;
}
