#include "identity/letter.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"

/* What may stand in a line of the head: no line can end there, and nothing has to be encoded. */
static bool is_plain(const char *text, bool address)
{
    for (const char *p = text; *p != 0; p++) {
        unsigned char b = (unsigned char)*p;
        if (b < 0x20 || b > 0x7e || (address && (b == ' ' || b == '<' || b == '>' || b == ',')))
            return false;
    }
    return *text != 0;
}

static void put_lines(struct buf *out, const char *text)
{
    for (const char *p = text; *p != 0; p++) {
        unsigned char b = (unsigned char)*p;
        if (b == '\n')
            (void)buf_text(out, "\r\n  ");
        else
            (void)buf_byte(out, b < 0x20 || b > 0x7e ? '?' : b);
    }
}

static void put_field(struct buf *out, const char *name, const char *text)
{
    if (text[0] == 0)
        return;
    (void)buf_printf(out, "  %s: ", name);
    put_lines(out, text);
    (void)buf_text(out, "\r\n");
}

static int put_head(const struct letter *l, struct buf *out)
{
    char date[64];
    struct tm tm;
    time_t at = (time_t)(l->sent_ms / 1000);
    if (!is_plain(l->from, true) || !is_plain(l->to, true) || !is_plain(l->what, false) ||
        !is_plain(l->user, false) || !is_plain(l->gateway, true) || !is_plain(l->id, true) ||
        !is_plain(l->event, true))
        return FAULT_FORMAT;
    if (gmtime_r(&at, &tm) == NULL ||
        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
        return FAULT_FORMAT;
    return buf_printf(out,
                      "Date: %s\r\nFrom: postern <%s>\r\nTo: <%s>\r\n"
                      "Subject: %s: %s (%s)\r\nMessage-ID: <%s@%s>\r\n"
                      "Auto-Submitted: auto-generated\r\nX-Postern-Event: %s\r\n"
                      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
                      "Content-Transfer-Encoding: 7bit\r\n\r\n",
                      date, l->from, l->to, l->gateway, l->what, l->user, l->id, l->gateway,
                      l->event);
}

int letter_mail(const struct letter *l, struct buf *out)
{
    char at[CLOCK_TEXT_SIZE];
    int r = put_head(l, out);
    if (r < 0)
        return r;
    clock_format(l->at_ms, at);
    if (l->folded > 0)
        (void)buf_printf(out,
                         "%u more things happened to the account %s than are told one by one.\r\n"
                         "The account page shows all of them.\r\n\r\n",
                         l->folded, l->user);
    else
        (void)buf_printf(out, "Account %s on %s: %s.\r\n\r\n", l->user, l->gateway, l->what);
    put_field(out, "When", at);
    put_field(out, "From", l->source);
    if (l->detail[0] != 0) {
        (void)buf_text(out, "  ");
        put_lines(out, l->detail);
        (void)buf_text(out, "\r\n");
    }
    (void)buf_text(out,
                   "\r\nIf this was you, there is nothing to do. If it was not, end your "
                   "sessions, change what\r\nyou sign in with, and tell an administrator.\r\n");
    if (l->account[0] != 0)
        (void)buf_printf(out, "\r\n%s\r\n", l->account);
    return out->bad ? FAULT_LIMIT : 0;
}

static void put_member(struct buf *out, const char *name, const char *text)
{
    (void)buf_printf(out, ",\"%s\":", name);
    (void)text_json(out, span_str(text));
}

int letter_json(const struct letter *l, struct buf *out)
{
    char at[CLOCK_TEXT_SIZE];
    clock_format(l->at_ms, at);
    (void)buf_text(out, "{\"id\":");
    (void)text_json(out, span_str(l->id));
    put_member(out, "event", l->event);
    put_member(out, "what", l->what);
    put_member(out, "user", l->user);
    put_member(out, "gateway", l->gateway);
    put_member(out, "time", at);
    put_member(out, "source", l->source);
    put_member(out, "detail", l->detail);
    (void)buf_printf(out, ",\"folded\":%u}", l->folded);
    return out->bad ? FAULT_LIMIT : 0;
}

int letter_sign(struct span secret, uint64_t now, struct span body, char out[LETTER_SIGNATURE_SIZE])
{
    uint8_t mac[32];
    char hex[2 * sizeof(mac) + 1];
    unsigned len = sizeof(mac);
    struct buf signed_text;
    buf_init(&signed_text, body.len + 32);
    int r = buf_printf(&signed_text, "%llu.", (unsigned long long)now);
    r = r < 0 ? r : buf_append(&signed_text, body);
    if (r == 0 && (secret.len == 0 ||
                   HMAC(EVP_sha256(), secret.at, (int)secret.len, buf_view(&signed_text).at,
                        buf_len(&signed_text), mac, &len) == NULL))
        r = FAULT_CRYPTO;
    buf_fini(&signed_text);
    if (r < 0)
        return r;
    text_hex(hex, span_of(mac, sizeof(mac)));
    (void)snprintf(out, LETTER_SIGNATURE_SIZE, "t=%llu,v1=%s", (unsigned long long)now, hex);
    return 0;
}
