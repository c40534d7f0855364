#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "supervisor/supervisor.h"

#define ANSWER_WITHIN_MS 1000u
#define FLEET_MAX 16384u

static void write_text(struct buf *out, const char *key, struct span value)
{
    (void)buf_printf(out, "\"%s\":", key);
    (void)text_json(out, value);
}

/* "key=value\n…" as an object of strings. */
static void write_pairs(struct buf *out, const char *key, struct span lines)
{
    struct span line;
    bool first = true;
    (void)buf_printf(out, ",\"%s\":{", key);
    while (span_cut(&lines, '\n', &line)) {
        struct span name;
        if (!span_cut(&line, '=', &name) || name.len == 0)
            continue;
        if (!first)
            (void)buf_byte(out, ',');
        (void)text_json(out, name);
        (void)buf_byte(out, ':');
        (void)text_json(out, line);
        first = false;
    }
    (void)buf_byte(out, '}');
}

static void write_child(struct buf *out, const struct supervisor *sv, const struct child *c)
{
    uint64_t now = clock_mono_ms();
    (void)buf_printf(out,
                     ",{\"role\":\"%s\",\"id\":%u,\"pid\":%d,\"uid\":%u,\"state\":\"%s\","
                     "\"uptime\":%llu,\"restarts\":%u,\"snapshot\":%llu,\"version\":\"%s\"",
                     ROLES[c->kind].name, (unsigned)c->id, (int)c->pid, (unsigned)sv->account.uid,
                     child_state_name(c->retired ? CHILD_DRAINING : c->state),
                     (unsigned long long)(c->pid == 0 ? 0 : (now - c->started_ms) / 1000),
                     c->restarts, (unsigned long long)c->number, c->version);
    write_pairs(out, "sandbox", span_str(c->sandbox));
    write_pairs(out, "status", span_str(c->status));
    (void)buf_byte(out, '}');
}

/* Children that have died and are not started again yet: no processes, and so without a pid that
 * somebody could send a signal to. */
static void write_waiting(struct buf *out, const struct supervisor *sv)
{
    bool first = true;
    (void)buf_text(out, ",\"waiting\":[");
    list_each(it, &sv->children)
    {
        const struct child *c = container_of(it, struct child, link);
        if (c->pid > 0)
            continue;
        (void)buf_printf(out, "%s{\"role\":\"%s\",\"id\":%u,\"restarts\":%u}", first ? "" : ",",
                         ROLES[c->kind].name, (unsigned)c->id, c->restarts);
        first = false;
    }
    (void)buf_byte(out, ']');
}

static void write_listeners(struct buf *out, const struct listeners *l)
{
    (void)buf_text(out, ",\"listeners\":[");
    for (size_t i = 0; i < l->count; i++) {
        const struct endpoint *e = &l->items[i];
        char where[ADDR_TEXT_SIZE + 8];
        addr_format_port(&e->addr, e->port, where);
        (void)buf_text(out, i == 0 ? "{" : ",{");
        write_text(out, "name", span_str(e->name));
        (void)buf_byte(out, ',');
        write_text(out, "address", span_str(where));
        if (e->interface[0] != 0) {
            (void)buf_byte(out, ',');
            write_text(out, "interface", span_str(e->interface));
        }
        (void)buf_printf(out, ",\"open\":%s,\"activated\":%s}", e->open ? "true" : "false",
                         e->activated ? "true" : "false");
    }
    (void)buf_byte(out, ']');
}

int doctor_write(struct supervisor *sv, struct buf *out)
{
    (void)buf_printf(out, "{\"ok\":%s,\"version\":\"" POSTERN_VERSION "\",",
                     sv->serving && !sv->stopping ? "true" : "false");
    write_text(out, "config", span_str(sv->config));
    (void)buf_printf(out, ",\"upgrading\":%s,\"snapshot\":%llu,\"generation\":%llu",
                     sv->upgrade.phase == UPGRADE_NONE ? "false" : "true",
                     (unsigned long long)sv->newest.number,
                     (unsigned long long)sv->file->generation);
    write_listeners(out, &sv->listeners);
    (void)buf_printf(out,
                     ",\"processes\":[{\"role\":\"supervisor\",\"id\":0,\"pid\":%d,\"uid\":%u,"
                     "\"state\":\"%s\",\"uptime\":%llu,\"restarts\":0,"
                     "\"version\":\"" POSTERN_VERSION "\"",
                     (int)getpid(), (unsigned)sv->account.uid,
                     sv->stopping ? "stopping" : (sv->serving ? "serving" : "starting"),
                     (unsigned long long)((clock_mono_ms() - sv->started_ms) / 1000));
    write_pairs(out, "sandbox", buf_view(&sv->sandbox));
    (void)buf_text(out, ",\"status\":{}}");
    list_each(it, &sv->children)
    {
        const struct child *c = container_of(it, struct child, link);
        if (c->pid > 0)
            write_child(out, sv, c);
    }
    (void)buf_byte(out, ']');
    write_waiting(out, sv);
    return buf_byte(out, '}');
}

void doctor_ask_all(struct supervisor *sv)
{
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        if (!child_is_up(c) || c->channel.fd < 0 || c->status_asked)
            continue;
        struct msg_status m = {.unused_ = 0};
        c->status_asked = true;
        child_sent(c, channel_send_status(&c->channel, channel_serial(&c->channel), &m, -1));
    }
}

static void answer(struct supervisor *sv)
{
    struct control_call *call = sv->doctor_call;
    struct buf out;
    if (call == NULL)
        return;
    sv->doctor_call = NULL;
    (void)uv_timer_stop(&sv->doctor_timer);
    buf_init(&out, 16 * 1024 * 1024);
    if (doctor_write(sv, &out) == 0)
        control_answer(call, buf_view(&out));
    else
        control_answer(call, SPAN("{\"ok\":false,\"errors\":[\"out of memory\"]}"));
    buf_fini(&out);
}

static void on_late(uv_timer_t *t)
{
    answer(t->data);
}

void doctor_look_whether_complete(struct supervisor *sv)
{
    if (sv->doctor_call == NULL)
        return;
    list_each(it, &sv->children)
    {
        if (container_of(it, struct child, link)->status_asked)
            return;
    }
    answer(sv);
}

void doctor_start(struct supervisor *sv, struct control_call *call)
{
    /* Two people at once: the first gets what is known so far. */
    answer(sv);
    sv->doctor_call = call;
    (void)uv_timer_start(&sv->doctor_timer, on_late, ANSWER_WITHIN_MS, 0);
    doctor_ask_all(sv);
    doctor_look_whether_complete(sv);
}

/* How long each certificate is good: of the signer's lines those few, so that the edges' have room.
 */
static void write_certificates(const struct child *c, struct buf *out)
{
    static const char *const ENDS[] = {"days_left", "not_after", "validity"};
    struct span lines = span_str(c->status), line;
    while (span_cut(&lines, '\n', &line)) {
        struct span key = span_sub(line, 0, span_find(line, '='));
        bool told = false;
        for (size_t i = 0; i < countof(ENDS); i++)
            told |= span_ends(key, span_str(ENDS[i]));
        if (!told || !span_starts(key, SPAN("certificate")))
            continue;
        (void)buf_append(out, line);
        (void)buf_byte(out, '\n');
    }
}

static void write_fleet(struct supervisor *sv, struct buf *out)
{
    list_each(it, &sv->children)
    {
        const struct child *c = container_of(it, struct child, link);
        struct span lines = span_str(c->status), line;
        if (c->kind == ROLE_SIGNER)
            write_certificates(c, out);
        if (c->kind != ROLE_EDGE)
            continue;
        (void)buf_printf(out, "edge.%u.pid=%d\nedge.%u.state=%s\nedge.%u.restarts=%u\n", c->id,
                         (int)c->pid, c->id, child_state_name(c->state), c->id, c->restarts);
        while (span_cut(&lines, '\n', &line)) {
            if (line.len > 0 && buf_printf(out, "edge.%u.", c->id) == 0 &&
                buf_append(out, line) == 0)
                (void)buf_byte(out, '\n');
        }
    }
}

void doctor_send_fleet(struct supervisor *sv)
{
    struct child *keeper = supervisor_find(sv, ROLE_KEEPER);
    struct buf text;
    if (sv->stopping || keeper == NULL)
        return;
    buf_init(&text, FLEET_MAX);
    write_fleet(sv, &text);
    /* Many edges with much to say do not fit; the keeper then shows what did. */
    struct msg_fleet m = {.text = buf_view(&text)};
    child_sent(keeper, channel_send_fleet(&keeper->channel, 0, &m, -1));
    buf_fini(&text);
    doctor_ask_all(sv);
}
