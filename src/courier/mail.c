#include "courier/mail.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "courier/loan.h"

static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x20 || text.at[i] == 0x7f)
            return false;
    return true;
}

int mail_read(struct mail *m, struct span payload)
{
    int rc = secret_init(&m->packet, payload.len + 1);
    if (rc < 0)
        return rc;
    if (payload.len > 0)
        memcpy(m->packet.at, payload.at, payload.len);
    if (msg_mail_decode(span_of(m->packet.at, payload.len), &m->ask) < 0 ||
        mailserver_parse(m->ask.server, &m->server) < 0 || !mailserver_is_mailbox(m->ask.sender) ||
        !mailserver_is_mailbox(m->ask.recipient) || !is_printable(m->ask.account) ||
        !is_printable(m->ask.password) || m->ask.message.len == 0)
        return FAULT_FORMAT;
    return 0;
}

void mail_fini(struct mail *m)
{
    secret_fini(&m->packet);
}

static size_t on_read(char *into, size_t size, size_t count, void *context)
{
    struct mail *m = context;
    struct span rest = span_sub(m->ask.message, m->sent, m->ask.message.len);
    size_t n = rest.len < size * count ? rest.len : size * count;
    if (n > 0)
        memcpy(into, rest.at, n);
    m->sent += n;
    return n;
}

/* What servers say besides the reply codes is nobody's business. */
static size_t on_nothing(char *at, size_t size, size_t count, void *context)
{
    (void)at;
    (void)context;
    return size * count;
}

#define SET(option, value) (curl_easy_setopt(curl, option, value) == CURLE_OK)

static bool set_account(CURL *curl, const struct mail *m)
{
    char account[257], password[1025];
    if (m->ask.account.len == 0)
        return true;
    (void)snprintf(account, sizeof(account), "%.*s", SPAN_FMT(m->ask.account));
    (void)snprintf(password, sizeof(password), "%.*s", SPAN_FMT(m->ask.password));
    bool ok = SET(CURLOPT_USERNAME, account) && SET(CURLOPT_PASSWORD, password);
    secret_wipe(password, sizeof(password));
    return ok;
}

static bool set_options(CURL *curl, struct mail *m, struct loan *loan, struct curl_slist *to)
{
    char url[300], from[MAILBOX_MAX + 3];
    (void)snprintf(url, sizeof(url), "%s://%s:%u/postern", m->server.start_tls ? "smtp" : "smtps",
                   m->server.host, m->server.port);
    (void)snprintf(from, sizeof(from), "<%.*s>", SPAN_FMT(m->ask.sender));
    return loan_give(loan, curl, url, m->server.start_tls ? "smtp" : "smtps", m->until_ms) &&
           SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL) && SET(CURLOPT_MAIL_FROM, from) &&
           SET(CURLOPT_MAIL_RCPT, to) && SET(CURLOPT_UPLOAD, 1L) &&
           SET(CURLOPT_READFUNCTION, on_read) && SET(CURLOPT_READDATA, m) &&
           SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)m->ask.message.len) &&
           SET(CURLOPT_WRITEFUNCTION, on_nothing) && set_account(curl, m);
}

/* A text of libcurl's with the reply's code, but nothing that the server says itself. */
static void conclude(struct mail *m, CURL *curl, CURLcode code)
{
    long reply = 0;
    m->taken = code == CURLE_OK;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply);
    if (!m->taken)
        (void)snprintf(m->text, sizeof(m->text), "%s (reply %ld)", curl_easy_strerror(code), reply);
}

static void perform(struct mail *m, struct loan *loan)
{
    char to[MAILBOX_MAX + 3];
    (void)snprintf(to, sizeof(to), "<%.*s>", SPAN_FMT(m->ask.recipient));
    CURL *curl = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, to);
    if (curl == NULL || list == NULL || !set_options(curl, m, loan, list))
        (void)snprintf(m->text, sizeof(m->text), "libcurl could not be set up");
    else
        conclude(m, curl, curl_easy_perform(curl));
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
}

void mail_run(struct mail *m, X509_STORE *system)
{
    struct loan loan;
    if (loan_open(&loan, m->server.host, m->server.port, m->ask.authorities, system, m->until_ms,
                  m->text, sizeof(m->text)) == 0)
        perform(m, &loan);
    loan_fini(&loan);
}
