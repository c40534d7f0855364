/* Times of the week, as rules say them: "Mon-Fri 08:00-18:00".
 *
 * A window is days and a span of the clock on each of them. Days are names (Mon, Tue, …), ranges of
 * them and lists with commas; none means every day. The clock has hours and minutes, the end is not
 * part of the window and may be 24:00. A window whose end is not after its beginning goes on into
 * the next day: "Fri 22:00-06:00" ends on Saturday morning. */
#ifndef CONF_SCHEDULE_H
#define CONF_SCHEDULE_H

#include "base/macros.h"
#include "base/span.h"

struct window {
    uint8_t days;      /* bit n: the day n, 0 is Sunday */
    uint16_t from, to; /* minutes of the day */
};

/* 0 or FAULT_FORMAT. */
must_check int window_parse(struct span text, struct window *ret);
bool window_is_text(struct span text);
/* day: 0 is Sunday; minute of that day. */
bool window_holds(const struct window *w, unsigned day, unsigned minute);

#endif
