#include "conf/schedule.h"

#include "base/fault.h"

#define DAY_MINUTES (24u * 60)
#define TEXT_MAX 64

static const char *const DAYS[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

static int parse_day(struct span text, unsigned *ret)
{
    for (unsigned i = 0; i < countof(DAYS); i++) {
        if (span_is(text, DAYS[i])) {
            *ret = i;
            return 0;
        }
    }
    return FAULT_FORMAT;
}

/* "Mon", or "Fri-Mon" over the end of the week. */
static int add_days(struct span text, uint8_t *days)
{
    unsigned first, last;
    size_t dash = span_find(text, '-');
    if (parse_day(span_sub(text, 0, dash), &first) < 0)
        return FAULT_FORMAT;
    last = first;
    if (dash != SIZE_MAX && parse_day(span_sub(text, dash + 1, SIZE_MAX), &last) < 0)
        return FAULT_FORMAT;
    for (unsigned day = first;; day = (day + 1) % 7) {
        *days |= (uint8_t)(1u << day);
        if (day == last)
            return 0;
    }
}

static bool digits(struct span text, size_t at, unsigned *ret)
{
    for (size_t i = at; i < at + 2; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    *ret = (text.at[at] - '0') * 10u + (text.at[at + 1] - '0');
    return true;
}

static int parse_clock(struct span text, uint16_t *ret)
{
    unsigned hour, minute;
    if (text.len != 5 || text.at[2] != ':' || !digits(text, 0, &hour) || !digits(text, 3, &minute))
        return FAULT_FORMAT;
    if (minute > 59 || hour * 60 + minute > DAY_MINUTES)
        return FAULT_FORMAT;
    *ret = (uint16_t)(hour * 60 + minute);
    return 0;
}

int window_parse(struct span text, struct window *ret)
{
    struct window w = {.days = 0};
    size_t blank = span_find(text, ' ');
    struct span days = blank == SIZE_MAX ? SPAN_NONE : span_sub(text, 0, blank), day;
    struct span clock = blank == SIZE_MAX ? text : span_sub(text, blank + 1, SIZE_MAX);
    size_t dash = span_find(clock, '-');
    if (text.len == 0 || text.len > TEXT_MAX || dash == SIZE_MAX || blank == 0 ||
        (days.len > 0 && days.at[days.len - 1] == ','))
        return FAULT_FORMAT;
    while (span_cut(&days, ',', &day))
        if (add_days(day, &w.days) < 0)
            return FAULT_FORMAT;
    if (blank == SIZE_MAX)
        w.days = 0x7f;
    if (parse_clock(span_sub(clock, 0, dash), &w.from) < 0 ||
        parse_clock(span_sub(clock, dash + 1, SIZE_MAX), &w.to) < 0 || w.from == DAY_MINUTES ||
        w.from == w.to)
        return FAULT_FORMAT;
    *ret = w;
    return 0;
}

bool window_is_text(struct span text)
{
    struct window w;
    return window_parse(text, &w) == 0;
}

bool window_holds(const struct window *w, unsigned day, unsigned minute)
{
    bool today = w->days >> day & 1, yesterday = w->days >> (day + 6) % 7 & 1;
    if (w->from < w->to)
        return today && minute >= w->from && minute < w->to;
    return (today && minute >= w->from) || (yesterday && minute < w->to);
}
