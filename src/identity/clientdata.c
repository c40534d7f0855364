#include "identity/clientdata.h"

#include <jansson.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"

static struct span text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? span_of(json_string_value(value), json_string_length(value))
                                 : SPAN_NONE;
}

/* An absent member is as good as false; anything else but false is not. */
static bool is_false(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value == NULL || json_is_false(value);
}

static enum clientdata_verdict judge(const json_t *data, const char *type, struct span challenge,
                                     struct span origin)
{
    struct span said = text_of(data, "challenge");
    uint8_t bytes[CLIENTDATA_CHALLENGE];
    if (text_of(data, "type").len == 0 || said.len == 0 || text_of(data, "origin").len == 0)
        return CLIENTDATA_MALFORMED;
    if (!span_is(text_of(data, "type"), type))
        return CLIENTDATA_TYPE;
    int len = text_unb64url(said, bytes, sizeof(bytes));
    if (len < 0 || challenge.len != CLIENTDATA_CHALLENGE ||
        !secret_eq(span_of(bytes, (size_t)len), challenge))
        return CLIENTDATA_CHALLENGE_WRONG;
    if (!span_eq(text_of(data, "origin"), origin))
        return CLIENTDATA_ORIGIN;
    /* topOrigin is there only in a frame; a bound token would speak of another TLS connection. */
    if (!is_false(data, "crossOrigin") || json_object_get(data, "topOrigin") != NULL)
        return CLIENTDATA_FRAME;
    return CLIENTDATA_GOOD;
}

enum clientdata_verdict clientdata_check(struct span json, const char *type, struct span challenge,
                                         struct span origin)
{
    if (json.len == 0 || json.len > CLIENTDATA_MAX)
        return CLIENTDATA_MALFORMED;
    json_t *data = json_loadb((const char *)json.at, json.len, JSON_REJECT_DUPLICATES, NULL);
    enum clientdata_verdict v =
        json_is_object(data) ? judge(data, type, challenge, origin) : CLIENTDATA_MALFORMED;
    json_decref(data);
    return v;
}
