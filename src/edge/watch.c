#include "edge/watch.h"

int watch_init(struct watch *w, uv_loop_t *loop, int fd, uv_poll_cb cb, void *owner)
{
    w->armed = w->fired = 0;
    w->cb = cb;
    int rc = uv_poll_init(loop, &w->poll, fd);
    w->poll.data = owner;
    return rc;
}

void watch_fired(struct watch *w, int status, int events)
{
    if (status < 0) {
        /* libuv has stopped the handle. */
        w->armed = 0;
        w->fired = 0;
        return;
    }
    w->fired |= events;
}

void watch_arm(struct watch *w, int want)
{
    int unheard = w->fired & w->armed & ~want;
    int missing = want & ~w->armed;
    int writing = w->armed & ~want & UV_WRITABLE;
    w->fired = 0;
    if ((unheard | missing | writing) == 0)
        return;
    w->armed = want;
    if (want == 0)
        (void)uv_poll_stop(&w->poll);
    else
        (void)uv_poll_start(&w->poll, want, w->cb);
}
