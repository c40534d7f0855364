#include "base/log.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"

static struct {
    const char *process;
    enum log_level least;
} log_state = {"postern", LOG_LEVEL_INFO};

void log_open(const char *process, enum log_level least)
{
    log_state.process = process;
    log_state.least = least;
}

void log_line(struct buf *b, enum log_level level, const char *event)
{
    static const char *const NAMES[] = {"debug", "info", "notice", "warning", "error"};
    char now[CLOCK_TEXT_SIZE];
    clock_format(clock_wall_ms(), now);
    buf_init(b, 8192);
    if (level < log_state.least) {
        /* A buffer that takes nothing: the fields of a line that is not wanted cost little. */
        b->max = 0;
        return;
    }
    (void)buf_printf(b, "%s %s[%d] %s %s", now, log_state.process, (int)getpid(), NAMES[level],
                     event);
}

void log_field(struct buf *b, const char *key, struct span value)
{
    if (b->max == 0)
        return;
    (void)buf_byte(b, ' ');
    (void)buf_text(b, key);
    (void)buf_byte(b, '=');
    (void)text_log(b, span_sub(value, 0, 1024));
}

void log_text(struct buf *b, const char *key, const char *value)
{
    log_field(b, key, span_str(value));
}

void log_num(struct buf *b, const char *key, int64_t value)
{
    if (b->max == 0)
        return;
    (void)buf_printf(b, " %s=%lld", key, (long long)value);
}

void log_end(struct buf *b)
{
    if (b->max != 0 && buf_byte(b, '\n') == 0) {
        struct span line = buf_view(b);
        /* A log that cannot be written has nowhere to complain. */
        ssize_t n = write(STDERR_FILENO, line.at, line.len);
        (void)n;
    }
    buf_fini(b);
}

void log_event(enum log_level level, const char *event)
{
    struct buf b;
    log_line(&b, level, event);
    log_end(&b);
}

void log_fault(enum log_level level, const char *event, int fault, const char *what)
{
    struct buf b;
    log_line(&b, level, event);
    log_text(&b, "fault", fault_name(fault));
    if (what != NULL)
        log_text(&b, "what", what);
    log_end(&b);
}

void log_lines(enum log_level level, const char *event, const char *key, struct span lines)
{
    struct span line;
    while (span_cut(&lines, '\n', &line)) {
        struct buf b;
        if (line.len == 0)
            continue;
        log_line(&b, level, event);
        log_field(&b, key, line);
        log_end(&b);
    }
}

void log_kv(enum log_level level, const char *event, const char *key, const char *value)
{
    struct buf b;
    log_line(&b, level, event);
    log_text(&b, key, value);
    log_end(&b);
}
