/* postern-hosts 1
 * NAME SECONDS ADDRESS ADDRESS …
 *
 * One line a host; SECONDS is the wall time of the last good answer. The keeper wrote it itself,
 * and reads it back as it would read anybody's: it is the addresses that edges call. */
#include "keeper/hosts.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/egress.h"
#include "conf/spelling.h"

#define FILE_MAX (4u * 1024 * 1024)

static const char MAGIC[] = "postern-hosts 1\n";

int hosts_write(const struct hosts *h, uint64_t now_ms, uint64_t wall_s, struct buf *out)
{
    (void)buf_text(out, MAGIC);
    list_each(at, &h->all)
    {
        const struct host *host = container_of(at, struct host, link);
        uint64_t age = (now_ms - host->known_ms) / 1000;
        if (host->count == 0 || age > wall_s) {
            continue;
        }
        (void)buf_printf(out, "%s %llu", host->name, (unsigned long long)(wall_s - age));
        for (size_t i = 0; i < host->count; i++) {
            char text[ADDR_TEXT_SIZE];
            addr_format(&host->addrs[i], text);
            (void)buf_printf(out, " %s", text);
        }
        (void)buf_byte(out, '\n');
    }
    return out->bad ? FAULT_LIMIT : 0;
}

/* Strictly ascending, so that comparing with a later answer is comparing bytes. */
static int read_addresses(struct span rest, struct host *host)
{
    struct span word;
    host->count = 0;
    while (span_cut(&rest, ' ', &word)) {
        struct addr a;
        if (host->count == UPSTREAM_ADDRS_MAX || addr_parse(word, &a) < 0 ||
            egress_refusal(&a) != NULL ||
            (host->count > 0 && memcmp(&host->addrs[host->count - 1], &a, sizeof(a)) >= 0)) {
            return FAULT_FORMAT;
        }
        host->addrs[host->count++] = a;
    }
    return host->count > 0 ? 0 : FAULT_FORMAT;
}

/* take NULL: only looks whether the text makes sense. */
static int read_line(struct hosts *take, struct span line, uint64_t now_ms, uint64_t wall_s)
{
    struct span name, seconds;
    struct host read = {.count = 0};
    uint64_t at;
    if (!span_cut(&line, ' ', &name) || !spelling_host(name) || !span_cut(&line, ' ', &seconds) ||
        text_u64(seconds, INT64_MAX, &at) < 0 || read_addresses(line, &read) < 0) {
        return FAULT_FORMAT;
    }
    /* A clock that was set back makes nothing younger than it can be. */
    uint64_t age = at > wall_s ? 0 : wall_s - at;
    if (take == NULL || age > HOSTS_KEPT_S) {
        return 0;
    }
    char text[254];
    (void)snprintf(text, sizeof(text), "%.*s", SPAN_FMT(name));
    struct host *host = hosts_add(take, text);
    if (host != NULL) {
        memcpy(host->addrs, read.addrs, sizeof(host->addrs));
        host->count = read.count;
        host->known_ms = now_ms > age * 1000 ? now_ms - age * 1000 : 1;
    }
    return 0;
}

static int read_lines(struct hosts *take, struct span text, uint64_t now_ms, uint64_t wall_s)
{
    struct span line;
    int r = 0;
    while (r == 0 && span_cut(&text, '\n', &line)) {
        r = read_line(take, line, now_ms, wall_s);
    }
    return r;
}

int hosts_read(struct hosts *h, struct span text, uint64_t now_ms, uint64_t wall_s)
{
    if (!span_starts(text, span_str(MAGIC)) || !span_ends(text, SPAN("\n"))) {
        return FAULT_FORMAT;
    }
    struct span lines = span_sub(text, sizeof(MAGIC) - 1, SIZE_MAX);
    int r = read_lines(NULL, lines, now_ms, wall_s);
    return r < 0 ? r : read_lines(h, lines, now_ms, wall_s);
}

void hosts_load(struct hosts *h, const char *path)
{
    struct buf text;
    (void)snprintf(h->file, sizeof(h->file), "%s", path);
    buf_init(&text, FILE_MAX);
    int r = file_read(path, &text);
    r = r < 0 ? r : hosts_read(h, buf_view(&text), clock_mono_ms(), clock_wall_ms() / 1000);
    if (r < 0 && r != FAULT_ABSENT) {
        log_fault(LOG_LEVEL_WARN, "hosts_file", r, path);
    }
    buf_fini(&text);
}

void hosts_save(struct hosts *h)
{
    struct buf text;
    if (!h->unsaved || h->file[0] == '\0') {
        return;
    }
    buf_init(&text, FILE_MAX);
    int r = hosts_write(h, clock_mono_ms(), clock_wall_ms() / 1000, &text);
    r = r < 0 ? r : file_replace(h->file, buf_view(&text), false);
    buf_fini(&text);
    h->unsaved = r < 0;
    if (r < 0) {
        log_fault(LOG_LEVEL_WARN, "hosts_file", r, h->file);
    }
}
