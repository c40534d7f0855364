/* What we want to hear about one descriptor, told to the kernel as seldom as possible.
 *
 * uv_poll_start on an active handle costs two epoll_ctl calls. The level-triggered interest in
 * reading therefore stays registered while nothing comes that we would not read; only an event that
 * nobody wants takes it away. Interest in writing is exact, because a socket is nearly always
 * writable. */
#ifndef EDGE_WATCH_H
#define EDGE_WATCH_H

#include <uv.h>

#include "base/macros.h"

struct watch {
    uv_poll_t poll; /* its data is the owner's */
    int armed;      /* UV_READABLE | UV_WRITABLE as registered */
    int fired;      /* of the present event, cleared by watch_arm */
    uv_poll_cb cb;
};

must_check int watch_init(struct watch *w, uv_loop_t *loop, int fd, uv_poll_cb cb, void *owner);
/* First thing in the callback: notes what fired. An error counts as both, so that the next read or
 * write finds it out. */
void watch_fired(struct watch *w, int status, int events);
/* Registers what is wanted now. A failure of the kernel shows as an error event. */
void watch_arm(struct watch *w, int want);

#endif
