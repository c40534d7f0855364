#include "keeper/trustwatch.h"

#include <stdio.h>
#include <sys/stat.h>

#include "keeper/keeper.h"

static uint64_t mix(uint64_t seen, uint64_t v)
{
    return (seen ^ v) * UINT64_C(0x100000001b3);
}

static uint64_t look(uint64_t seen, const char *dir, const char *file)
{
    char path[4096];
    struct stat st = {0};
    if (file[0] == '\0') {
        return seen;
    }
    int n = snprintf(path, sizeof(path), "%s/%s", dir, file);
    if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &st) < 0) {
        return mix(seen, 1);
    }
    seen = mix(seen, (uint64_t)st.st_ino);
    seen = mix(seen, (uint64_t)st.st_size);
    seen = mix(seen, (uint64_t)st.st_mtim.tv_sec);
    return mix(seen, (uint64_t)st.st_mtim.tv_nsec);
}

static uint64_t look_at(uint64_t seen, const char *dir, const struct client_def *c)
{
    return look(look(seen, dir, c->ca_file), dir, c->crl_file);
}

static uint64_t look_all(const struct snapshot *s, const char *dir)
{
    uint64_t seen = look_at(UINT64_C(0xcbf29ce484222325), dir, &s->portal_client);
    for (size_t i = 0; i < s->listener_count; i++) {
        seen = look_at(seen, dir, &s->listeners[i].client);
    }
    for (size_t i = 0; i < s->route_count; i++) {
        seen = look_at(seen, dir, &s->routes[i].client);
    }
    return seen;
}

/* What the files looked like is noted apart from the reading, so that a change between the two is
 * read once more at worst. */
static void on_timer(uv_timer_t *timer)
{
    struct trustwatch *w = timer->data;
    struct keeper *k = w->keeper;
    if (k->live == NULL || k->secrets_dir == NULL || k->changes.current != NULL) {
        return;
    }
    const struct snapshot *s = live_snapshot(k->live);
    if (!snapshot_asks_clients(s)) {
        return;
    }
    uint64_t seen = look_all(s, k->secrets_dir);
    if (w->seen != seen) {
        w->seen = seen;
        change_reread(k);
    }
}

int trustwatch_start(struct trustwatch *w, struct keeper *k)
{
    w->keeper = k;
    int r = uv_timer_init(&k->loop, &w->timer);
    if (r < 0) {
        return r;
    }
    w->timer.data = w;
    return uv_timer_start(&w->timer, on_timer, TRUSTWATCH_MS, TRUSTWATCH_MS);
}
