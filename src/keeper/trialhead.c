#include "keeper/trialhead.h"

#include <errno.h>

#include "base/fault.h"
#include "http/h1.h"
#include "keeper/json.h"

#define HEAD_MAX 16384u
#define HEADERS_SHOWN 64u
#define VALUE_SHOWN 512u

static json_t *headers_json(const struct headers *h)
{
    json_t *list = json_array();
    for (size_t i = 0; i < h->count && i < HEADERS_SHOWN; i++) {
        bool secret = span_eq_nocase(h->at[i].name, SPAN("set-cookie"));
        struct span value = secret ? SPAN("(not shown)") : span_sub(h->at[i].value, 0, VALUE_SHOWN);
        if (json_push(list, json_pack("{s:o,s:o}", "name", json_text(h->at[i].name), "value",
                                      json_text(value))) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int trialhead_read(struct span bytes, struct arena *arena, unsigned *status, json_t **headers,
                   const char **why)
{
    static const struct h1_limits limits = {HEAD_MAX, 256};
    struct response r = {0};
    size_t scanned = 0;
    *why = "the answer is not well-formed HTTP/1.1";
    int len = h1_head_find(bytes, &scanned, &limits, status);
    if (len <= 0 ||
        h1_response_parse(span_sub(bytes, 0, (size_t)len), SPAN("HEAD"), arena, &r, why) < 0) {
        return FAULT_FORMAT;
    }
    *status = r.status;
    *headers = headers_json(&r.headers);
    return *headers == NULL ? -ENOMEM : 0;
}
