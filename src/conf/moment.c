#include "conf/moment.h"

#include "base/fault.h"

/* Digits of a fixed width in front of text. */
static bool take_digits(struct span *text, size_t width, unsigned least, unsigned most,
                        unsigned *ret)
{
    unsigned v = 0;
    if (text->len < width)
        return false;
    for (size_t i = 0; i < width; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return false;
        v = v * 10 + (text->at[i] - '0');
    }
    *text = span_sub(*text, width, SIZE_MAX);
    *ret = v;
    return v >= least && v <= most;
}

static bool take_byte(struct span *text, char c)
{
    if (text->len == 0 || text->at[0] != (uint8_t)c)
        return false;
    *text = span_sub(*text, 1, SIZE_MAX);
    return true;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool take_offset(struct span *text, int64_t *ret)
{
    unsigned hour, minute;
    *ret = 0;
    if (take_byte(text, 'Z'))
        return true;
    bool west = take_byte(text, '-');
    if ((!west && !take_byte(text, '+')) || !take_digits(text, 2, 0, 23, &hour) ||
        !take_byte(text, ':') || !take_digits(text, 2, 0, 59, &minute))
        return false;
    *ret = (int64_t)(hour * 3600 + minute * 60) * (west ? -1 : 1);
    return true;
}

int moment_parse(struct span text, uint64_t *ret)
{
    static const uint8_t LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day, hour, minute, second = 0;
    int64_t offset, days = 0;
    bool ok = take_digits(&text, 4, 1970, 9999, &year) && take_byte(&text, '-') &&
              take_digits(&text, 2, 1, 12, &month) && take_byte(&text, '-') &&
              take_digits(&text, 2, 1, 31, &day) && take_byte(&text, 'T') &&
              take_digits(&text, 2, 0, 23, &hour) && take_byte(&text, ':') &&
              take_digits(&text, 2, 0, 59, &minute) &&
              (!take_byte(&text, ':') || take_digits(&text, 2, 0, 59, &second)) &&
              take_offset(&text, &offset) && text.len == 0;
    if (!ok || day > LENGTHS[month - 1] + (unsigned)(month == 2 && is_leap(year)))
        return FAULT_FORMAT;
    for (unsigned y = 1970; y < year; y++)
        days += is_leap(y) ? 366 : 365;
    for (unsigned m = 1; m < month; m++)
        days += LENGTHS[m - 1] + (m == 2 && is_leap(year));
    int64_t at = (days + day - 1) * 86400 + hour * 3600 + minute * 60 + second - offset;
    if (at < 0)
        return FAULT_FORMAT;
    *ret = (uint64_t)at;
    return 0;
}

bool moment_is_text(struct span text)
{
    uint64_t at;
    return moment_parse(text, &at) == 0;
}
