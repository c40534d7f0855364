#include "conf/provider.h"

#include "base/fault.h"
#include "base/text.h"
#include "conf/spelling.h"
#include "conf/value.h"
#include "conf/weburl.h"

int provider_level_parse(struct span row, struct provider_level *ret)
{
    size_t cut = row.len;
    while (cut > 0 && row.at[cut - 1] != '=')
        cut--;
    if (cut < 6 || (!span_starts(row, SPAN("acr:")) && !span_starts(row, SPAN("amr:"))))
        return FAULT_FORMAT;
    struct span word = span_sub(row, cut, SIZE_MAX);
    *ret = (struct provider_level){.acr = row.at[1] == 'c', .value = span_sub(row, 4, cut - 5)};
    for (size_t i = ASSURANCE_PASSWORD; i < ASSURANCE_COUNT; i++)
        if (span_is(word, ASSURANCE_WORDS[i])) {
            ret->level = (enum assurance)i;
            return spelling_printable(ret->value) ? 0 : FAULT_FORMAT;
        }
    return FAULT_FORMAT;
}

int provider_group_parse(struct span row, struct provider_group *ret)
{
    struct span rest = row;
    if (!span_cut(&rest, '=', &ret->group) || !text_is_name(ret->group) ||
        !spelling_printable(rest))
        return FAULT_FORMAT;
    ret->value = rest;
    return 0;
}

bool provider_level_is_text(struct span row)
{
    struct provider_level l;
    return provider_level_parse(row, &l) == 0;
}

bool provider_group_is_text(struct span row)
{
    struct provider_group g;
    return provider_group_parse(row, &g) == 0;
}

bool provider_issuer_is_text(struct span text)
{
    struct weburl u;
    return weburl_parse(text, &u) == 0 && span_find(text, '?') == SIZE_MAX;
}

bool provider_scope_is_text(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= 0x20 || text.at[i] >= 0x7f || text.at[i] == '"' || text.at[i] == '\\')
            return false;
    return text.len > 0;
}
