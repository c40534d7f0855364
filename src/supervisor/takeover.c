#include "supervisor/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/fault.h"
#include "conf/slice.h"
#include "ipc/memfd.h"
#include "supervisor/language.h"

#define FORMAT 2u
#define TEXT_MAX 4096u
#define CHILDREN_MAX 1024u

/* ---- descriptors ---- */

static void inherit(struct upgrade *u, int fd)
{
    struct stat st;
    if (fd < 0 || u->inherited_count >= INHERITED_MAX || fstat(fd, &st) < 0)
        return;
    u->inherited[u->inherited_count++] =
        (struct inherited){.fd = fd, .device = st.st_dev, .inode = st.st_ino};
}

void takeover_close_on_exec(void)
{
    (void)syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
}

void takeover_keep_open(const struct upgrade *u)
{
    takeover_close_on_exec();
    for (size_t i = 0; i < u->inherited_count; i++) {
        const struct inherited *h = &u->inherited[i];
        struct stat st;
        if (fstat(h->fd, &st) == 0 && st.st_dev == h->device && st.st_ino == h->inode)
            (void)fcntl(h->fd, F_SETFD, 0);
    }
}

/* ---- writing ---- */

static void put_fd(struct writer *w, struct supervisor *sv, int fd)
{
    inherit(&sv->upgrade, fd);
    writer_u32(w, (uint32_t)fd);
}

static void put_text(struct writer *w, const char *text)
{
    writer_bytes(w, span_str(text), TEXT_MAX);
}

static void put_listeners(struct writer *w, struct supervisor *sv)
{
    const struct listeners *l = &sv->listeners;
    writer_u32(w, l->slots);
    writer_u32(w, (uint32_t)l->count);
    for (size_t i = 0; i < l->count; i++) {
        const struct endpoint *e = &l->items[i];
        put_text(w, e->name);
        writer_fixed(w, e->addr.byte, sizeof(e->addr.byte));
        writer_u16(w, e->port);
        writer_u8(w, e->open);
        writer_u8(w, e->activated);
        put_text(w, e->interface);
        writer_u32(w, (uint32_t)e->device);
        writer_u8(w, e->wanted);
        put_fd(w, sv, e->holder);
        for (unsigned slot = 0; slot < l->slots; slot++)
            put_fd(w, sv, e->fds[slot]);
    }
}

/* Those who are starting, or wait to be started again, are nobody yet: the next supervisor starts
 * its own. */
static bool travels(const struct child *c)
{
    return c->pid > 0 && child_is_up(c) && c->channel.fd >= 0 && !c->successor;
}

static void put_child(struct writer *w, const struct child *c)
{
    writer_u8(w, (uint8_t)c->kind);
    writer_u8(w, (uint8_t)c->state);
    writer_u8(w, c->retired);
    writer_u8(w, c->ports_bound);
    writer_u32(w, c->id);
    writer_u32(w, c->slot);
    writer_u32(w, c->restarts);
    writer_u32(w, (uint32_t)c->pid);
    put_fd(w, c->supervisor, c->channel.fd);
    writer_u64(w, c->key);
    writer_u64(w, c->started_ms);
    writer_u64(w, c->number);
    writer_u64(w, uv_timer_get_due_in(&c->timer));
    put_text(w, c->sandbox == NULL ? "" : c->sandbox);
    put_text(w, c->version);
}

static void put_children(struct writer *w, struct supervisor *sv)
{
    uint32_t count = 0;
    list_each(it, &sv->children) count += travels(container_of(it, struct child, link));
    writer_u32(w, count);
    list_each(it, &sv->children)
    {
        const struct child *c = container_of(it, struct child, link);
        if (travels(c))
            put_child(w, c);
    }
}

static void put_all(struct writer *w, struct supervisor *sv, int call)
{
    writer_u32(w, FORMAT);
    put_text(w, POSTERN_VERSION);
    writer_u64(w, language_number());
    writer_u64(w, sv->started_ms);
    writer_u64(w, sv->generation);
    writer_u64(w, sv->next_key);
    writer_u32(w, sv->next_edge_id);
    put_fd(w, sv, sv->control_fd);
    put_fd(w, sv, sv->keeper_socket);
    put_fd(w, sv, sv->lock_fd);
    put_fd(w, sv, call);
    put_fd(w, sv, sv->upgrade.file);
    put_fd(w, sv, sv->programs.self);
    for (size_t i = 0; i < ROLE_COUNT; i++)
        put_fd(w, sv, sv->programs.role[i]);
    writer_bytes(w, buf_view(&sv->sandbox), TEXT_MAX);
    writer_bytes(w, buf_view(&sv->fixed), TAKEOVER_MAX);
    put_fd(w, sv, sv->newest.fd);
    writer_u64(w, sv->newest.number);
    writer_u64(w, sv->newest.generation);
    put_listeners(w, sv);
    put_children(w, sv);
}

static int write_file(const struct snapshot *file)
{
    struct buf bytes;
    buf_init(&bytes, SLICE_MAX);
    int rc = slice_encode(file, SLICE_FILE, &bytes);
    if (rc == 0)
        rc = memfd_make("postern-file", buf_view(&bytes));
    buf_fini(&bytes);
    return rc;
}

int takeover_file(const struct supervisor *sv, struct snapshot **ret)
{
    struct buf bytes;
    buf_init(&bytes, SLICE_MAX);
    int rc = memfd_read(sv->upgrade.file, &bytes);
    if (rc == 0)
        rc = slice_decode(buf_view(&bytes), SLICE_FILE, ret);
    buf_fini(&bytes);
    return rc;
}

int takeover_write(struct supervisor *sv, int call)
{
    sv->upgrade.inherited_count = 0;
    sv->upgrade.file = write_file(sv->file);
    if (sv->upgrade.file < 0)
        return sv->upgrade.file;
    uint8_t *bytes = malloc(TAKEOVER_MAX);
    if (bytes == NULL)
        return -ENOMEM;
    struct writer w = writer_into(bytes, TAKEOVER_MAX);
    put_all(&w, sv, call);
    int len = writer_finish(&w);
    int fd = len < 0 ? len : memfd_make("postern-takeover", span_of(bytes, (size_t)len));
    inherit(&sv->upgrade, fd);
    free(bytes);
    return fd;
}

/* ---- reading ---- */

static int get_fd(struct cursor *c, struct supervisor *sv)
{
    int fd = (int)cursor_u32(c);
    if (c->bad || fd < 3 || fcntl(fd, F_GETFD) < 0)
        return -1;
    inherit(&sv->upgrade, fd);
    return fd;
}

static char *get_text(struct cursor *c)
{
    struct span s = cursor_bytes(c, TEXT_MAX);
    return strndup(s.len == 0 ? "" : (const char *)s.at, s.len);
}

static int get_listener(struct cursor *c, struct supervisor *sv)
{
    struct listeners *l = &sv->listeners;
    struct endpoint *e = &l->items[l->count];
    struct span name = cursor_bytes(c, sizeof(e->name) - 1);
    *e = (struct endpoint){.open = false};
    if (name.len > 0)
        memcpy(e->name, name.at, name.len);
    cursor_fixed(c, e->addr.byte, sizeof(e->addr.byte));
    e->port = cursor_u16(c);
    e->open = cursor_u8(c) != 0;
    e->activated = cursor_u8(c) != 0;
    struct span interface = cursor_bytes(c, sizeof(e->interface) - 1);
    if (interface.len > 0)
        memcpy(e->interface, interface.at, interface.len);
    e->device = (int)cursor_u32(c);
    e->wanted = cursor_u8(c) != 0;
    e->holder = get_fd(c, sv);
    e->fds = calloc(l->slots, sizeof(*e->fds));
    if (e->fds == NULL)
        return -ENOMEM;
    l->count++;
    for (unsigned slot = 0; slot < l->slots; slot++)
        e->fds[slot] = get_fd(c, sv);
    /* One that waits for its interface has no sockets yet. */
    return e->fds[0] < 0 && e->holder < 0 ? FAULT_FORMAT : 0;
}

static int get_listeners(struct cursor *c, struct supervisor *sv)
{
    sv->slots = cursor_u32(c);
    uint32_t count = cursor_u32(c);
    if (c->bad || sv->slots == 0 || sv->slots > 256 || count > LISTENERS_MAX)
        return FAULT_FORMAT;
    listeners_init(&sv->listeners, sv->slots);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = get_listener(c, sv);
    return rc;
}

/* Of the dead one that has not been reaped yet the loop will hear. */
static bool is_our_child(pid_t pid)
{
    siginfo_t info;
    return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static int get_child(struct cursor *c, struct supervisor *sv)
{
    uint8_t kind = cursor_u8(c), state = cursor_u8(c), retired = cursor_u8(c);
    bool bound = cursor_u8(c) != 0;
    uint32_t id = cursor_u32(c), slot = cursor_u32(c), restarts = cursor_u32(c);
    pid_t pid = (pid_t)cursor_u32(c);
    int fd = get_fd(c, sv);
    if (c->bad || kind >= ROLE_COUNT || state > CHILD_DRAINING || slot >= sv->slots)
        return FAULT_FORMAT;
    struct child *child = child_new(sv, (enum role_kind)kind, id, slot);
    if (child == NULL)
        return -ENOMEM;
    child->state = (enum child_state)state;
    child->retired = retired != 0;
    child->ports_bound = bound;
    child->restarts = restarts;
    child->key = cursor_u64(c);
    child->started_ms = cursor_u64(c);
    child->number = cursor_u64(c);
    uint64_t due = cursor_u64(c);
    child->sandbox = get_text(c);
    struct span version = cursor_bytes(c, sizeof(child->version) - 1);
    if (version.len > 0)
        memcpy(child->version, version.at, version.len);
    if (c->bad)
        return FAULT_FORMAT;
    if (fd < 0 || !is_our_child(pid)) {
        if (fd >= 0)
            (void)close(fd);
        child->state = CHILD_DOWN;
        return 0;
    }
    int rc = child_adopt(child, pid, fd, sv->upgrade.foreign);
    if (rc == 0 && child->state == CHILD_DRAINING)
        child_expect_within(child, due);
    return rc;
}

static int get_children(struct cursor *c, struct supervisor *sv)
{
    uint32_t count = cursor_u32(c);
    int rc = count > CHILDREN_MAX ? FAULT_FORMAT : 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = get_child(c, sv);
    return rc;
}

static int get_all(struct cursor *c, struct supervisor *sv, int *call)
{
    if (cursor_u32(c) != FORMAT)
        return FAULT_CONFLICT;
    struct span from = cursor_bytes(c, sizeof(sv->upgrade.from) - 1);
    if (from.len > 0)
        memcpy(sv->upgrade.from, from.at, from.len);
    sv->upgrade.foreign = cursor_u64(c) != language_number();
    sv->started_ms = cursor_u64(c);
    sv->generation = cursor_u64(c);
    uint64_t next_key = cursor_u64(c);
    sv->next_edge_id = cursor_u32(c);
    sv->control_fd = get_fd(c, sv);
    sv->keeper_socket = get_fd(c, sv);
    sv->lock_fd = get_fd(c, sv);
    *call = get_fd(c, sv);
    sv->upgrade.file = get_fd(c, sv);
    sv->upgrade.old.self = get_fd(c, sv);
    for (size_t i = 0; i < ROLE_COUNT; i++)
        sv->upgrade.old.role[i] = get_fd(c, sv);
    int rc = buf_append(&sv->sandbox, cursor_bytes(c, TEXT_MAX));
    if (rc == 0)
        rc = buf_append(&sv->fixed, cursor_bytes(c, TAKEOVER_MAX));
    sv->newest.fd = get_fd(c, sv);
    sv->newest.number = cursor_u64(c);
    sv->newest.generation = cursor_u64(c);
    if (rc == 0)
        rc = get_listeners(c, sv);
    if (rc == 0)
        rc = get_children(c, sv);
    sv->next_key = next_key;
    if (rc == 0 && (sv->control_fd < 0 || sv->keeper_socket < 0 || sv->newest.fd < 0))
        rc = FAULT_FORMAT;
    return rc == 0 ? cursor_finish(c) : rc;
}

int takeover_read(struct supervisor *sv, int fd, int *call)
{
    struct buf bytes;
    *call = -1;
    buf_init(&bytes, TAKEOVER_MAX);
    int rc = memfd_read(fd, &bytes);
    if (rc == 0) {
        struct cursor c = cursor_over(buf_view(&bytes));
        inherit(&sv->upgrade, fd);
        rc = get_all(&c, sv, call);
    }
    buf_fini(&bytes);
    /* They passed through this exec; the next is that of a child. */
    takeover_close_on_exec();
    return rc;
}
