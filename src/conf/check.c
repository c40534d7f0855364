#include "conf/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "conf/complaint.h"

/* Looking for a better word compares it with every name there is: done for the first findings only,
 * and where there are not too many names. */
#define NEAREST_AMONG 2000
#define NEAREST_TIMES 20

void check_report(struct check *c, const struct place *at, const char *fmt, ...)
{
    char text[768];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    c->findings++;
    if (c->findings <= VERIFY_MAX)
        c->found(c->ctx, at, text);
}

struct place place_key(enum section_id id, size_t element, const char *key)
{
    const struct section *sec = section_of(id);
    return (struct place){sec, element, key == NULL ? NULL : section_key(sec, span_str(key)),
                          SIZE_MAX};
}

struct place place_item(enum section_id id, size_t element, const char *key, size_t item)
{
    struct place at = place_key(id, element, key);
    at.item = item;
    return at;
}

static const char *nearest_element(const struct check *c, enum section_id id, const char *word)
{
    const struct section *sec = section_of(id);
    size_t count = section_count(sec, c->s);
    if (count == 0 || count > NEAREST_AMONG)
        return NULL;
    const char **words = malloc(count * sizeof(*words));
    if (words == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        words[i] = section_element_name(sec, c->s, i);
    const char *best = text_nearest(word, words, count);
    free(words);
    return best;
}

void check_reference(struct check *c, enum section_id to, const struct place *at, const char *name)
{
    if (map_find(&c->name[to], span_str(name)) != NULL)
        return;
    const char *near = c->findings < NEAREST_TIMES ? nearest_element(c, to, name) : NULL;
    char found[COMPLAINT_QUOTED];
    complaint_quote(found, span_str(name));
    check_report(c, at, "expected a %s that exists, found %s%s%s%s", section_of(to)->kind, found,
                 near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                 near != NULL ? "\"?" : "");
}
