#include "base/fault.h"
#include "http/chars.h"
#include "http/h1.h"

int h1_write_header(struct buf *out, struct span name, struct span value)
{
    if (!chars_is_token(name) || chars_find_control(value.at, value.len) != value.len)
        return FAULT_FORMAT;
    uint8_t *at = buf_reserve(out, name.len + value.len + 4);
    if (at == NULL)
        return FAULT_LIMIT;
    memcpy(at, name.at, name.len);
    at += name.len;
    *at++ = ':';
    *at++ = ' ';
    if (value.len > 0)
        memcpy(at, value.at, value.len);
    at += value.len;
    *at++ = '\r';
    *at++ = '\n';
    buf_commit(out, name.len + value.len + 4);
    return 0;
}

int h1_chunk_write(struct buf *out, struct span data)
{
    if (data.len == 0)
        return buf_append(out, SPAN("0\r\n\r\n"));
    uint8_t size[16];
    size_t digits = 0;
    for (size_t rest = data.len; rest > 0; rest >>= 4)
        size[digits++] = (uint8_t) "0123456789abcdef"[rest & 15];
    /* Checked by hand, so that the sum can not wrap. */
    if (data.len > out->max || buf_reserve(out, data.len + digits + 4) == NULL) {
        out->bad = true;
        return FAULT_LIMIT;
    }
    uint8_t *at = out->at + out->tail;
    for (size_t i = digits; i > 0; i--)
        *at++ = size[i - 1];
    *at++ = '\r';
    *at++ = '\n';
    memcpy(at, data.at, data.len);
    at += data.len;
    *at++ = '\r';
    *at++ = '\n';
    buf_commit(out, data.len + digits + 4);
    return 0;
}

int h1_last_chunk_write(struct buf *out, struct span trailers)
{
    (void)buf_text(out, "0\r\n");
    (void)buf_append(out, trailers);
    (void)buf_text(out, "\r\n");
    return out->bad ? FAULT_LIMIT : 0;
}

/* RFC 9110 section 15, RFC 6585, RFC 7725 and RFC 4918, as far as somebody sends them. */
static const struct {
    unsigned status;
    const char *text;
} texts[] = {
    {200, "OK"},
    {304, "Not Modified"},
    {302, "Found"},
    {303, "See Other"},
    {204, "No Content"},
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

const char *h1_status_text(unsigned status)
{
    for (size_t i = 0; i < countof(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Unknown";
}
