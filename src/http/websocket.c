#include "http/websocket.h"

#include "base/fault.h"
#include "base/text.h"

/* Appended to the key before hashing (RFC 6455 section 1.3). */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_SIZE 24 /* base64 of 16 bytes */

static bool key_ok(const struct header *key)
{
    uint8_t nonce[16];
    return key != NULL && key->value.len == KEY_SIZE &&
           text_unb64(key->value, nonce, sizeof(nonce)) == (int)sizeof(nonce);
}

int websocket_request(const struct request *r)
{
    const struct headers *h = &r->headers;
    if (r->minor == 0 || !headers_have_token(h, HEADER_UPGRADE, "websocket") ||
        !headers_have_token(h, HEADER_CONNECTION, "upgrade"))
        return 0;
    const struct header *upgrade = headers_find(h, HEADER_UPGRADE);
    const struct header *version = headers_find(h, HEADER_SEC_WEBSOCKET_VERSION);
    bool ok = headers_count(h, HEADER_UPGRADE) == 1 &&
              span_eq_nocase(upgrade->value, SPAN("websocket")) && span_is(r->method, "GET") &&
              (r->framing == BODY_NONE || (r->framing == BODY_LENGTH && r->length == 0)) &&
              key_ok(headers_find(h, HEADER_SEC_WEBSOCKET_KEY)) &&
              headers_count(h, HEADER_SEC_WEBSOCKET_KEY) == 1 && version != NULL &&
              headers_count(h, HEADER_SEC_WEBSOCKET_VERSION) == 1 && span_is(version->value, "13");
    return ok ? 1 : FAULT_FORMAT;
}

/* Is `accept` the answer to `key`? 1, 0, or the hash's fault. */
static int accept_matches(struct span key, struct span accept, websocket_sha1 sha1)
{
    uint8_t text[KEY_SIZE + sizeof(GUID) - 1], digest[20];
    char expected[29];
    memcpy(text, key.at, KEY_SIZE);
    memcpy(text + KEY_SIZE, GUID, sizeof(GUID) - 1);
    int rc = sha1(span_of(text, sizeof(text)), digest);
    if (rc < 0)
        return rc;
    text_b64(expected, span_of(digest, sizeof(digest)));
    return span_is(accept, expected);
}

int websocket_answer(const struct request *r, const struct response *answer, websocket_sha1 sha1,
                     const char **why)
{
    const struct headers *h = &answer->headers;
    const struct header *upgrade = headers_find(h, HEADER_UPGRADE);
    const struct header *accept = headers_find(h, HEADER_SEC_WEBSOCKET_ACCEPT);
    if (answer->status != 101)
        *why = "not a switch of protocols";
    else if (!r->upgrade_websocket)
        *why = "a switch of protocols that nobody asked for";
    else if (answer->minor == 0)
        *why = "a switch of protocols in HTTP/1.0";
    else if (headers_count(h, HEADER_UPGRADE) != 1 ||
             !span_eq_nocase(upgrade->value, SPAN("websocket")))
        *why = "a switch to another protocol than WebSocket";
    else if (!headers_have_token(h, HEADER_CONNECTION, "upgrade"))
        *why = "a switch of protocols without Connection: upgrade";
    else if (headers_count(h, HEADER_SEC_WEBSOCKET_ACCEPT) != 1 || accept->value.len != 28)
        *why = "no well-formed Sec-WebSocket-Accept";
    else {
        const struct header *key = headers_find(&r->headers, HEADER_SEC_WEBSOCKET_KEY);
        if (sha1 == NULL)
            return 0;
        *why = "Sec-WebSocket-Accept does not answer the key";
        int rc = key_ok(key) ? accept_matches(key->value, accept->value, sha1) : 0;
        return rc == 0 ? FAULT_FORMAT : rc < 0 ? rc : 0;
    }
    return FAULT_FORMAT;
}
