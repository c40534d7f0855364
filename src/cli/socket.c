#include "cli/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/fault.h"

/* A change waits for every process; a verification of a long log takes its time. */
#define ANSWER_SECONDS 120
#define STILL_SECONDS 5

static int send_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? FAULT_TIMEOUT : FAULT_CLOSED;
        bytes = span_sub(bytes, (size_t)n, SIZE_MAX);
    }
    return 0;
}

static int read_all(int fd, uint8_t *into, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, into, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? FAULT_TIMEOUT : FAULT_CLOSED;
        into += n;
        len -= (size_t)n;
    }
    return 0;
}

static int wait_answer(int fd, bool (*still)(void *context), void *context)
{
    for (int waited = 0; waited < ANSWER_SECONDS; waited += STILL_SECONDS) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n = poll(&p, 1, STILL_SECONDS * 1000);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (still != NULL && !still(context))
            break;
    }
    return FAULT_TIMEOUT;
}

int socket_exchange(int fd, struct span question, struct buf *answer, bool (*still)(void *context),
                    void *context)
{
    uint8_t head[4];
    struct writer w = writer_into(head, sizeof(head));
    writer_u32(&w, (uint32_t)question.len);
    int rc = send_all(fd, span_of(head, sizeof(head)));
    rc = rc < 0 ? rc : send_all(fd, question);
    rc = rc < 0 ? rc : wait_answer(fd, still, context);
    rc = rc < 0 ? rc : read_all(fd, head, sizeof(head));
    if (rc < 0)
        return rc;
    struct cursor c = cursor_over(span_of(head, sizeof(head)));
    uint32_t len = cursor_u32(&c);
    uint8_t *room = buf_reserve(answer, len);
    if (room == NULL)
        return FAULT_LIMIT;
    rc = read_all(fd, room, len);
    if (rc == 0)
        buf_commit(answer, len);
    return rc;
}

int socket_connect(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path) >= sizeof(at.sun_path))
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
        int rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

int socket_ask(const char *path, struct span question, struct buf *answer,
               bool (*still)(void *context), void *context)
{
    int fd = socket_connect(path);
    if (fd < 0)
        return fd;
    int rc = socket_exchange(fd, question, answer, still, context);
    (void)close(fd);
    return rc;
}
