/* A new file: read, checked, bound, merged by the keeper, rolled out; or refused at any of these
 * steps with the running service untouched. */
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/slice.h"
#include "conf/verify.h"
#include "conf/yaml.h"
#include "ipc/memfd.h"
#include "supervisor/supervisor.h"

#define RELOAD_MS 20000u
#define MESSAGES_MAX (64u * 1024)

/* What only a restart can change, because it was given away with root or locked in by the sandbox.
 */
static const struct {
    const char *key;
    size_t offset;
} FIXED_TEXT[] = {
    {"state.directory", offsetof(struct snapshot, state_dir)},
    {"state.store", offsetof(struct snapshot, store_file)},
    {"state.secrets", offsetof(struct snapshot, secrets_dir)},
    {"state.runtime", offsetof(struct snapshot, runtime_dir)},
    {"tls.directory", offsetof(struct snapshot, tls_dir)},
    {"tls.certificate", offsetof(struct snapshot, tls_certificate)},
    {"tls.key", offsetof(struct snapshot, tls_key)},
    {"tls.authorities", offsetof(struct snapshot, authorities_file)},
    {"process.user", offsetof(struct snapshot, user)},
};

static const char *text_at(const struct snapshot *s, size_t offset)
{
    const char *text;
    memcpy(&text, (const char *)s + offset, sizeof(text));
    return text;
}

static void list_fixed(const struct snapshot *old, const struct snapshot *new, struct buf *out)
{
    for (size_t i = 0; i < countof(FIXED_TEXT); i++) {
        if (strcmp(text_at(old, FIXED_TEXT[i].offset), text_at(new, FIXED_TEXT[i].offset)) != 0)
            (void)buf_printf(out, "%s\n", FIXED_TEXT[i].key);
    }
    if (old->edges != new->edges)
        (void)buf_text(out, "process.edges\n");
    if (old->sandbox != new->sandbox)
        (void)buf_text(out, "process.sandbox\n");
}

void reload_write_fixed(const struct snapshot *s, struct buf *out)
{
    for (size_t i = 0; i < countof(FIXED_TEXT); i++)
        (void)buf_printf(out, "%s=%s\n", FIXED_TEXT[i].key, text_at(s, FIXED_TEXT[i].offset));
    (void)buf_printf(out, "process.edges=%u\nprocess.sandbox=%d\n", (unsigned)s->edges,
                     (int)s->sandbox);
}

/* ["line", "line"] */
static void write_lines(struct buf *out, struct span lines)
{
    struct span line;
    bool first = true;
    (void)buf_byte(out, '[');
    while (span_cut(&lines, '\n', &line)) {
        if (line.len == 0)
            continue;
        if (!first)
            (void)buf_byte(out, ',');
        (void)text_json(out, line);
        first = false;
    }
    (void)buf_byte(out, ']');
}

static void answer_refusal(struct supervisor *sv, struct control_call *call, struct span reasons)
{
    log_lines(LOG_LEVEL_ERROR, "reload_refused", "reason", reasons);
    /* What was in force stays so, and that is what the service manager wants to know. */
    notify_ready(&sv->notify);
    if (call == NULL)
        return;
    struct buf out;
    buf_init(&out, 8 * MESSAGES_MAX);
    (void)buf_text(&out, "{\"ok\":false,\"errors\":");
    write_lines(&out, reasons);
    (void)buf_byte(&out, '}');
    control_answer(call, out.bad ? SPAN("{\"ok\":false,\"errors\":[]}") : buf_view(&out));
    buf_fini(&out);
}

static void forget_candidate(struct supervisor *sv)
{
    (void)uv_timer_stop(&sv->reload_timer);
    snapshot_free(sv->candidate);
    sv->candidate = NULL;
    sv->reload_call = NULL;
}

/* As the file in force has them: no name, no socket of the refused one stays. */
static void restore_listeners(struct supervisor *sv)
{
    struct buf ignored;
    buf_init(&ignored, 4096);
    /* They are open already: this gives them their names back, and nothing else. */
    if (listeners_open(&sv->listeners, sv->file, &ignored) < 0)
        log_event(LOG_LEVEL_ERROR, "listener_lost");
    buf_fini(&ignored);
    listeners_settle(&sv->listeners, sv->file);
}

void reload_refused(struct supervisor *sv, uint64_t generation, struct span reasons)
{
    if (sv->candidate == NULL || sv->candidate->generation != generation)
        return;
    struct control_call *call = sv->reload_call;
    forget_candidate(sv);
    restore_listeners(sv);
    answer_refusal(sv, call, reasons);
}

static void answer_success(struct supervisor *sv, struct control_call *call, uint64_t number,
                           struct span fixed)
{
    struct buf out;
    buf_init(&out, MESSAGES_MAX);
    (void)buf_printf(&out, "{\"ok\":true,\"snapshot\":%llu,\"generation\":%llu,\"needs_restart\":",
                     (unsigned long long)number, (unsigned long long)sv->file->generation);
    write_lines(&out, fixed);
    (void)buf_byte(&out, '}');
    control_answer(call, buf_view(&out));
    buf_fini(&out);
}

void reload_settled(struct supervisor *sv, uint64_t generation, uint64_t number, bool new_edges)
{
    if (sv->candidate == NULL || sv->candidate->generation != generation)
        return;
    struct control_call *call = sv->reload_call;
    struct snapshot *old = sv->file;
    struct buf fixed;
    buf_init(&fixed, MESSAGES_MAX);
    list_fixed(old, sv->candidate, &fixed);
    sv->file = sv->candidate;
    sv->candidate = NULL;
    forget_candidate(sv);
    listeners_settle(&sv->listeners, sv->file);
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (!new_edges && c->kind == ROLE_EDGE &&
            (c->state == CHILD_READY || c->state == CHILD_SERVING))
            supervisor_send_sockets(c, sv->file, old);
    }
    struct buf line;
    log_line(&line, LOG_LEVEL_NOTICE, "reloaded");
    log_num(&line, "generation", (int64_t)generation);
    log_num(&line, "snapshot", (int64_t)number);
    if (buf_len(&fixed) > 0)
        log_field(&line, "needs_restart", buf_view(&fixed));
    log_end(&line);
    notify_ready(&sv->notify);
    if (call != NULL)
        answer_success(sv, call, number, buf_view(&fixed));
    buf_fini(&fixed);
    snapshot_free(old);
}

static int send_file(struct child *keeper, const struct snapshot *file)
{
    struct buf bytes;
    buf_init(&bytes, SLICE_MAX);
    int rc = slice_encode(file, SLICE_FILE, &bytes);
    int fd = rc < 0 ? rc : memfd_make("postern-file", buf_view(&bytes));
    buf_fini(&bytes);
    if (fd < 0)
        return fd;
    struct msg_configure m = {.generation = file->generation};
    child_sent(keeper, channel_send_configure(&keeper->channel, 0, &m, fd));
    (void)close(fd);
    return 0;
}

int reload_configure(struct supervisor *sv, struct child *keeper)
{
    int rc = send_file(keeper, sv->file);
    if (rc < 0)
        log_fault(LOG_LEVEL_ERROR, "keeper_not_configured", rc, NULL);
    return rc;
}

static void on_reload_late(uv_timer_t *t)
{
    struct supervisor *sv = t->data;
    if (sv->candidate != NULL)
        reload_refused(sv, sv->candidate->generation, SPAN("the keeper did not answer in time"));
}

/* The steps that need nobody else. Messages in errors. */
static int read_candidate(struct supervisor *sv, struct buf *errors)
{
    struct snapshot *s = NULL;
    int rc = yaml_load(sv->config, &s, errors);
    if (rc == 0)
        rc = verify_snapshot(s, errors);
    if (rc == 0) {
        rc = listeners_open(&sv->listeners, s, errors);
        if (rc < 0)
            restore_listeners(sv);
    }
    if (rc < 0) {
        snapshot_free(s);
        if (buf_len(errors) == 0)
            (void)buf_text(errors, fault_text(rc));
        return rc;
    }
    s->generation = ++sv->generation;
    sv->candidate = s;
    return 0;
}

void reload_start(struct supervisor *sv, struct control_call *call)
{
    struct child *keeper = supervisor_find(sv, ROLE_KEEPER);
    if (sv->candidate != NULL || !sv->serving || sv->stopping || keeper == NULL ||
        sv->upgrade.phase != UPGRADE_NONE) {
        answer_refusal(
            sv, call,
            sv->candidate != NULL
                ? SPAN("another reload is under way")
                : SPAN("the service is starting, stopping or being upgraded: try again"));
        return;
    }
    log_kv(LOG_LEVEL_NOTICE, "reloading", "file", sv->config);
    notify_reloading(&sv->notify);
    struct buf errors;
    buf_init(&errors, MESSAGES_MAX);
    if (read_candidate(sv, &errors) < 0) {
        answer_refusal(sv, call, buf_view(&errors));
        buf_fini(&errors);
        return;
    }
    buf_fini(&errors);
    sv->reload_call = call;
    (void)uv_timer_start(&sv->reload_timer, on_reload_late, RELOAD_MS, 0);
    int rc = send_file(keeper, sv->candidate);
    if (rc < 0)
        reload_refused(sv, sv->candidate->generation, span_str(fault_text(rc)));
}
