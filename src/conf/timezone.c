#include "conf/timezone.h"

#include "base/cursor.h"
#include "base/fault.h"

#define DAY 86400
#define HOUR 3600
#define HEADER_SIZE 44u
#define COUNT_MAX 10000u
#define NAME_MAX_LEN 64u

/* ---- the text -------------------------------------------------------------------------------- */

static bool take_byte(struct span *s, char c)
{
    if (s->len == 0 || s->at[0] != (uint8_t)c)
        return false;
    *s = span_sub(*s, 1, SIZE_MAX);
    return true;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* "CET" or "<+03>": what it is called is of no use here. */
static bool skip_name(struct span *s)
{
    size_t n = 0;
    if (take_byte(s, '<')) {
        n = span_find(*s, '>');
        if (n == SIZE_MAX || n < 3)
            return false;
        *s = span_sub(*s, n + 1, SIZE_MAX);
        return true;
    }
    while (n < s->len && is_letter(s->at[n]))
        n++;
    *s = span_sub(*s, n, SIZE_MAX);
    return n >= 3;
}

static bool take_number(struct span *s, unsigned most, unsigned *ret)
{
    unsigned v = 0;
    size_t n = 0;
    while (n < s->len && n < 4 && s->at[n] >= '0' && s->at[n] <= '9')
        v = v * 10 + (s->at[n++] - '0');
    *s = span_sub(*s, n, SIZE_MAX);
    *ret = v;
    return n > 0 && v <= most;
}

/* [+-]hh[:mm[:ss]] */
static bool take_clock(struct span *s, unsigned hours, int32_t *ret)
{
    bool minus = take_byte(s, '-');
    unsigned hour, minute = 0, second = 0;
    if (!minus)
        (void)take_byte(s, '+');
    if (!take_number(s, hours, &hour))
        return false;
    if (take_byte(s, ':')) {
        if (!take_number(s, 59, &minute) || (take_byte(s, ':') && !take_number(s, 59, &second)))
            return false;
    }
    int32_t v = (int32_t)(hour * HOUR + minute * 60 + second);
    *ret = minus ? -v : v;
    return true;
}

static bool take_turn(struct span *s, struct tzturn *t)
{
    unsigned month = 0, week = 0, day = 0;
    bool ok;
    *t = (struct tzturn){.seconds = 2 * HOUR};
    if (!take_byte(s, ','))
        return false;
    if (take_byte(s, 'M')) {
        t->kind = 'M';
        ok = take_number(s, 12, &month) && month >= 1 && take_byte(s, '.') &&
             take_number(s, 5, &week) && week >= 1 && take_byte(s, '.') && take_number(s, 6, &day);
    } else if (take_byte(s, 'J')) {
        t->kind = 'J';
        ok = take_number(s, 365, &day) && day >= 1;
    } else {
        t->kind = 'N';
        ok = take_number(s, 365, &day);
    }
    t->month = (uint8_t)month;
    t->week = (uint8_t)week;
    t->day = (uint16_t)day;
    return ok && (!take_byte(s, '/') || take_clock(s, 167, &t->seconds));
}

int timezone_parse(struct span rules, struct tzrules *ret)
{
    struct tzrules z = {.offset = 0};
    int32_t west;
    if (rules.len == 0 || rules.len > TIMEZONE_RULES_MAX || !skip_name(&rules) ||
        !take_clock(&rules, 24, &west))
        return FAULT_FORMAT;
    z.offset = -west;
    if (rules.len > 0) {
        z.turns = true;
        z.summer = z.offset + HOUR;
        if (!skip_name(&rules))
            return FAULT_FORMAT;
        if (rules.len > 0 && rules.at[0] != ',') {
            if (!take_clock(&rules, 24, &west))
                return FAULT_FORMAT;
            z.summer = -west;
        }
        if (!take_turn(&rules, &z.begin) || !take_turn(&rules, &z.end) || rules.len > 0)
            return FAULT_FORMAT;
    }
    *ret = z;
    return 0;
}

bool timezone_is_rules(struct span rules)
{
    struct tzrules z;
    return timezone_parse(rules, &z) == 0;
}

bool timezone_is_name(struct span name)
{
    struct span rest = name, part;
    if (name.len == 0 || name.len > NAME_MAX_LEN || name.at[name.len - 1] == '/')
        return false;
    while (span_cut(&rest, '/', &part)) {
        if (part.len == 0 || !is_letter(part.at[0]))
            return false;
        for (size_t i = 1; i < part.len; i++) {
            uint8_t c = part.at[i];
            if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '+')
                return false;
        }
    }
    return true;
}

/* ---- the calendar ---------------------------------------------------------------------------- */

/* Days since 1970 of the first of March that begins the year to which this day belongs, counted so
 * that the day which comes and goes is the last of its year. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t year_of(int64_t days)
{
    int64_t year = 1970 + days / 366;
    while (days_of(year + 1, 1, 1) <= days)
        year++;
    return year;
}

/* Seconds since 1970 at which it comes in this year, by the clock that goes `offset` before it. */
static int64_t turn_at(const struct tzturn *t, int64_t year, int32_t offset)
{
    static const uint8_t LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = days_of(year, 1, 1) + t->day;
    if (t->kind == 'J') {
        day -= 1;
        day += is_leap(year) && t->day >= 60;
    } else if (t->kind == 'M') {
        int64_t first = days_of(year, t->month, 1);
        int64_t weekday = (first + 4) % 7;
        int64_t length = LENGTHS[t->month - 1] + (t->month == 2 && is_leap(year));
        int64_t of_month = (t->day - weekday + 7) % 7 + (t->week - 1) * 7;
        day = first + (of_month >= length ? of_month - 7 : of_month);
    }
    return day * DAY + t->seconds - offset;
}

int32_t timezone_offset(const struct tzrules *z, uint64_t at)
{
    /* No clock of ours goes beyond, and no sum overflows before. */
    int64_t now = at < INT32_MAX * (int64_t)64 ? (int64_t)at : INT32_MAX * (int64_t)64;
    if (!z->turns)
        return z->offset;
    int64_t local = now + z->offset;
    int64_t year = year_of(local < 0 ? 0 : local / DAY);
    int64_t begin = turn_at(&z->begin, year, z->offset), end = turn_at(&z->end, year, z->summer);
    bool summer = begin < end ? now >= begin && now < end : now >= begin || now < end;
    return summer ? z->summer : z->offset;
}

/* ---- the files of tzdata (RFC 9636) ---------------------------------------------------------- */

struct tables {
    uint32_t utc, standard, leaps, times, types, letters;
};

static bool take_header(struct cursor *c, struct tables *t, uint8_t *version)
{
    struct span magic = cursor_take(c, 4);
    *version = cursor_u8(c);
    (void)cursor_take(c, 15);
    t->utc = cursor_u32(c);
    t->standard = cursor_u32(c);
    t->leaps = cursor_u32(c);
    t->times = cursor_u32(c);
    t->types = cursor_u32(c);
    t->letters = cursor_u32(c);
    return !c->bad && span_is(magic, "TZif") && t->utc <= COUNT_MAX && t->standard <= COUNT_MAX &&
           t->leaps <= COUNT_MAX && t->times <= COUNT_MAX && t->types <= 256 &&
           t->letters <= COUNT_MAX;
}

/* Do the rules say the same as the table about what is to come? */
static bool rules_agree(const struct tzrules *z, struct span times, struct span kinds,
                        struct span types, uint64_t now)
{
    struct cursor at = cursor_over(times), kind = cursor_over(kinds);
    while (at.rest.len > 0 && !at.bad) {
        uint64_t when = cursor_u64(&at);
        size_t type = cursor_u8(&kind);
        if (when > INT64_MAX || when <= now)
            continue;
        struct cursor entry = cursor_over(span_sub(types, type * 6, 4));
        int32_t offset = (int32_t)cursor_u32(&entry);
        if (entry.bad || timezone_offset(z, when) != offset)
            return false;
    }
    return true;
}

int timezone_of_file(struct span file, uint64_t now, struct span *rules)
{
    struct cursor c = cursor_over(file);
    struct tables t;
    struct tzrules z;
    uint8_t version;
    if (!take_header(&c, &t, &version) || version < '2')
        return FAULT_FORMAT;
    /* The first tables have 32 bits, for readers of long ago. */
    (void)cursor_take(&c, (size_t)t.times * 5 + t.types * 6 + t.letters + t.leaps * 8 + t.standard +
                              t.utc);
    if (!take_header(&c, &t, &version))
        return FAULT_FORMAT;
    struct span times = cursor_take(&c, (size_t)t.times * 8);
    struct span kinds = cursor_take(&c, t.times);
    struct span types = cursor_take(&c, (size_t)t.types * 6);
    (void)cursor_take(&c, t.letters + (size_t)t.leaps * 12 + t.standard + t.utc);
    struct span rest = c.rest;
    if (c.bad || !take_byte(&rest, '\n'))
        return FAULT_FORMAT;
    size_t end = span_find(rest, '\n');
    *rules = span_sub(rest, 0, end);
    if (end == SIZE_MAX || timezone_parse(*rules, &z) < 0)
        return FAULT_FORMAT;
    return rules_agree(&z, times, kinds, types, now) ? 0 : FAULT_VERSION;
}
