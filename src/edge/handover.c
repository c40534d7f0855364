#include "edge/handover.h"

#include "base/fault.h"
#include "base/text.h"
#include "http/uri.h"
#include "policy/decide.h"

bool handover_back_is_safe(struct span back)
{
    return handover_place_is_safe(back, HANDOVER_BACK_MAX);
}

bool handover_place_is_safe(struct span back, size_t max)
{
    if (back.len == 0 || back.len > max || back.at[0] != '/')
        return false;
    if (back.len > 1 && (back.at[1] == '/' || back.at[1] == '\\'))
        return false;
    size_t path = span_find(back, '?');
    for (size_t i = 0; i < back.len; i++) {
        uint8_t c = back.at[i];
        /* Browsers drop tabs and newlines from addresses and take a backslash in a path for a
         * slash. */
        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '"' || c == '<' || c == '>')
            return false;
        if (c == '\\' && i < path)
            return false;
    }
    return true;
}

static int optional(struct span form, const char *key, struct arena *a, struct span *ret)
{
    int rc = uri_form_value(form, key, a, ret);
    if (rc == FAULT_ABSENT)
        *ret = SPAN_NONE;
    return rc == FAULT_ABSENT ? 0 : rc;
}

int handover_parse(struct span form, struct arena *a, struct handover *ret)
{
    struct handover h = {0};
    struct span to;
    int rc = uri_form_value(form, "to", a, &to);
    if (rc == FAULT_ABSENT || (rc == 0 && to.len == 0))
        return FAULT_ABSENT;
    if (rc < 0 || uri_form_value(form, "flow", a, &h.flow) < 0 ||
        optional(form, "back", a, &h.back) < 0)
        return FAULT_FORMAT;
    if (to.len > 300 || uri_authority(to, a, &h.to, &h.host, &h.port) < 0)
        return FAULT_FORMAT;
    if (text_unb64url(h.flow, h.flow_hash, sizeof(h.flow_hash)) != (int)sizeof(h.flow_hash))
        return FAULT_FORMAT;
    if (h.back.len == 0)
        h.back = SPAN("/");
    if (!handover_back_is_safe(h.back))
        return FAULT_FORMAT;
    *ret = h;
    return 0;
}

int handover_query(struct buf *out, const struct handover *h)
{
    (void)buf_text(out, "to=");
    (void)text_urlencode(out, h->to);
    (void)buf_text(out, "&flow=");
    (void)text_urlencode(out, h->flow);
    (void)buf_text(out, "&back=");
    (void)text_urlencode(out, h->back);
    if (h->need != ASSURANCE_NONE)
        (void)buf_printf(out, "&need=%s&age=%u", assurance_name(h->need), h->age);
    return out->bad ? FAULT_LIMIT : 0;
}

static void field(struct buf *out, const char *name, struct span value)
{
    (void)buf_printf(out, "<input type=\"hidden\" name=\"%s\" value=\"", name);
    (void)text_html(out, value);
    (void)buf_text(out, "\">\n");
}

int handover_fields(struct buf *out, const struct handover *h)
{
    field(out, "to", h->to);
    field(out, "flow", h->flow);
    field(out, "back", h->back);
    return out->bad ? FAULT_LIMIT : 0;
}

int handover_authority(struct buf *out, const char *host, uint16_t port)
{
    (void)buf_text(out, host);
    if (port != 0 && port != 443)
        (void)buf_printf(out, ":%u", port);
    return out->bad ? FAULT_LIMIT : 0;
}
