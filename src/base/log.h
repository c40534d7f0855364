/* Log lines: one per event, on standard error, "time process[pid] level event key=value …".
 *
 * Low layers never log; a process logs once, where the decision is made. Everything from outside
 * goes through log_field's escaping, so no value can start a line or paint a terminal. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR
};

/* The name of this process in every line, and the least level that is written. */
void log_open(const char *process, enum log_level least);
/* Starts a line in b. */
void log_line(struct buf *b, enum log_level level, const char *event);
void log_field(struct buf *b, const char *key, struct span value);
void log_text(struct buf *b, const char *key, const char *value);
void log_num(struct buf *b, const char *key, int64_t value);
/* Writes the line with one system call and releases b. */
void log_end(struct buf *b);
/* The common short forms. */
void log_event(enum log_level level, const char *event);
void log_fault(enum log_level level, const char *event, int fault, const char *what);
/* One line of log for each nonempty line of `lines`, under this key. */
void log_lines(enum log_level level, const char *event, const char *key, struct span lines);
void log_kv(enum log_level level, const char *event, const char *key, const char *value);

#endif
