/* A file of tzdata, the rules of a time zone, and a time of the week, each from any bytes. What is
 * taken has an offset of at most a week at every moment, and holds at some minute of the week. */
#include <stdlib.h>

#include "conf/moment.h"
#include "conf/schedule.h"
#include "conf/timezone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void try_offsets(const struct tzrules *z)
{
    static const uint64_t AT[] = {0, 1, 951782400, 1774746000, 1792890000, 4102444800, UINT64_MAX};
    for (size_t i = 0; i < countof(AT); i++) {
        int32_t offset = timezone_offset(z, AT[i]);
        check(offset >= -26 * 3600 && offset <= 26 * 3600);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size), rules;
    struct tzrules z;
    struct window w;
    if (timezone_parse(bytes, &z) == 0)
        try_offsets(&z);
    if (timezone_of_file(bytes, 1700000000, &rules) == 0) {
        check(timezone_parse(rules, &z) == 0);
        try_offsets(&z);
    }
    uint64_t at;
    if (moment_parse(bytes, &at) == 0)
        check(size >= 17 && at < 253402300800u + 86400);
    if (timezone_is_name(bytes))
        check(size <= 64 && bytes.at[0] != '/' && memchr(data, '.', size) == NULL);
    if (window_parse(bytes, &w) == 0) {
        bool holds = false;
        for (unsigned minute = 0; minute < 7 * 1440 && !holds; minute++)
            holds = window_holds(&w, minute / 1440, minute % 1440);
        check(holds && w.days != 0 && w.to <= 1440 && w.from < 1440);
    }
    return 0;
}
