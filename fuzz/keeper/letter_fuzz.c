/* Letters and addresses: up to the first zero byte an address, behind it names and a detail, a zero
 * byte between each. Whatever they are, the head of a mail has the lines that it has, one address
 * receives it, and no line of the text begins with anything from outside. */
#include <stdlib.h>

#include "base/text.h"
#include "conf/mailserver.h"
#include "identity/letter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* The next text, as a string that the caller frees. */
static char *take(struct span *rest)
{
    struct span part;
    if (!span_cut(rest, 0, &part))
        part = SPAN_NONE;
    char *text = malloc(part.len + 1);
    check(text != NULL);
    if (part.len > 0)
        memcpy(text, part.at, part.len);
    text[part.len] = 0;
    return text;
}

static void check_lines(struct span mail)
{
    unsigned head = 0;
    bool body = false;
    for (size_t i = 0; i < mail.len; i++) {
        uint8_t b = mail.at[i];
        check(b == '\r' || b == '\n' || (b >= 0x20 && b < 0x7f));
        check(b != '\n' || (i > 0 && mail.at[i - 1] == '\r'));
        check(b != '\r' || (i + 1 < mail.len && mail.at[i + 1] == '\n'));
        if (b != '\n')
            continue;
        head += !body;
        body = body || (i >= 3 && mail.at[i - 2] == '\n');
        check(i + 1 == mail.len || mail.at[i + 1] != '.');
    }
    check(head == 11);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    char *to = take(&rest), *user = take(&rest), *source = take(&rest), *detail = take(&rest);
    struct letter l = {.id = "0011",
                       .event = "password.set",
                       .what = "a password was set",
                       .user = user,
                       .gateway = "gw.example.org",
                       .account = "https://gw.example.org/",
                       .source = source,
                       .detail = detail,
                       .folded = size % 3 == 0,
                       .from = "postern@example.org",
                       .to = to};
    struct mailserver server;
    struct buf out;
    buf_init(&out, LETTER_MAX);
    int r = letter_mail(&l, &out);
    if (r == 0)
        check_lines(buf_view(&out));
    else
        /* An address that is one and a name of a user are never in the way. */
        check(!mailserver_is_mailbox(span_str(to)) || !text_is_name(span_str(user)) || out.bad);
    buf_clear(&out);
    check(letter_json(&l, &out) == 0 || out.bad);
    if (mailserver_parse(span_str(to), &server) == 0)
        check(server.port != 0 && server.host[0] != 0);
    buf_fini(&out);
    free(to);
    free(user);
    free(source);
    free(detail);
    return 0;
}
