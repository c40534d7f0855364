/* A time zone as a rule: how far it is from UTC, and between which days of the year it is further.
 *
 * The text is that of the variable TZ in POSIX (IEEE Std 1003.1, chapter 8.3, with the ranges of
 * RFC 9636 section 3.3.1), such as "CET-1CEST,M3.5.0,M10.5.0/3". It says everything about the
 * present and the future of nearly every zone, so that whoever decides needs no file. The files of
 * tzdata (TZif, RFC 9636) end with it. */
#ifndef CONF_TIMEZONE_H
#define CONF_TIMEZONE_H

#include "base/macros.h"
#include "base/span.h"

/* When one of the two times begins, in the local time before it. */
struct tzturn {
    char kind;           /* 'M' month, week and day; 'J' day 1 to 365, never 29 February;
                            'N' day 0 to 365 */
    uint16_t day;        /* of the year; of the week with 'M', 0 is Sunday */
    uint8_t month, week; /* week 5: the last one */
    int32_t seconds;     /* of that day; may be negative or beyond its end */
};

struct tzrules {
    int32_t offset; /* seconds east of UTC */
    bool turns;     /* there is a summer time: */
    int32_t summer; /* its offset */
    struct tzturn begin, end;
};

#define TIMEZONE_RULES_MAX 128u
#define TIMEZONE_FILE_MAX (256u * 1024)

/* 0 or FAULT_FORMAT. */
must_check int timezone_parse(struct span rules, struct tzrules *ret);
bool timezone_is_rules(struct span rules);
/* "Europe/Berlin": shaped as names of tzdata are, and no way out of its directory. */
bool timezone_is_name(struct span name);
/* Seconds east of UTC at a second since 1970. */
int32_t timezone_offset(const struct tzrules *z, uint64_t at);
/* The rules at the end of a file of tzdata, borrowed from it. FAULT_FORMAT: no such file;
 * FAULT_VERSION: after `now` its table says otherwise than the rules do, as for the zones whose
 * changes are laid down year by year. */
must_check int timezone_of_file(struct span file, uint64_t now, struct span *rules);

#endif
