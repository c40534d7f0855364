#include "keeper/zoneinfo.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/file.h"
#include "conf/timezone.h"

/* Many names are links to others, which stay inside the directory. */
static int read_zone(const char *name, struct buf *file)
{
    char path[PATH_MAX], real[PATH_MAX];
    size_t inside = sizeof(ZONEINFO_DIRECTORY) - 1;
    int n = snprintf(path, sizeof(path), "%s/%s", ZONEINFO_DIRECTORY, name);
    if (n < 0 || (size_t)n >= sizeof(path) || realpath(path, real) == NULL)
        return FAULT_ABSENT;
    if (strncmp(real, ZONEINFO_DIRECTORY, inside) != 0 || real[inside] != '/')
        return FAULT_ABSENT;
    return file_read(real, file);
}

static int fill_rule(struct snapshot *s, struct rule_def *rule, uint64_t now, struct buf *errors)
{
    struct buf file;
    struct span rules;
    buf_init(&file, TIMEZONE_FILE_MAX);
    int rc = read_zone(rule->time_zone, &file);
    if (rc == 0)
        rc = timezone_of_file(buf_view(&file), now, &rules);
    if (rc == 0) {
        rule->time_rules = arena_string(&s->arena, rules);
        rc = rule->time_rules == NULL ? -ENOMEM : 0;
    } else if (rc != -ENOMEM) {
        (void)buf_printf(errors,
                         "rules.%s.time_zone: expected a time zone of this system (%s)%s, "
                         "found \"%s\"\n",
                         rule->name, ZONEINFO_DIRECTORY,
                         rc == FAULT_VERSION ? " whose clock goes by a rule" : "", rule->time_zone);
        rc = FAULT_FORMAT;
    }
    buf_fini(&file);
    return rc;
}

int zoneinfo_fill(struct snapshot *s, uint64_t now, struct buf *errors)
{
    int first = 0;
    for (size_t i = 0; i < s->rule_count; i++) {
        struct rule_def *rule = &s->rules[i];
        const struct rule_def *same = NULL;
        if (!rule_lacks_zone(rule))
            continue;
        /* A thousand rules of one place need one look. */
        for (size_t k = 0; k < i && same == NULL; k++)
            if (s->rules[k].time_rules[0] != 0 &&
                strcmp(s->rules[k].time_zone, rule->time_zone) == 0)
                same = &s->rules[k];
        if (same != NULL) {
            rule->time_rules = same->time_rules;
            continue;
        }
        int rc = fill_rule(s, rule, now, errors);
        if (rc == -ENOMEM)
            return rc;
        first = first == 0 ? rc : first;
    }
    return first;
}
