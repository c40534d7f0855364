#include "courier/fetch.h"

#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/weburl.h"
#include "courier/loan.h"

int fetch_setup(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

/* A header's value: no line may end inside it. */
static bool is_value(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x20 || text.at[i] >= 0x7f)
            return false;
    return true;
}

int fetch_read(struct fetch *f, struct span payload)
{
    struct weburl url;
    int rc = secret_init(&f->packet, payload.len + 1);
    buf_init(&f->body, 0);
    if (rc < 0)
        return rc;
    if (payload.len > 0)
        memcpy(f->packet.at, payload.at, payload.len);
    if (msg_fetch_decode(span_of(f->packet.at, payload.len), &f->ask) < 0 ||
        weburl_parse(f->ask.url, &url) < 0 || !is_value(f->ask.authorization) ||
        !is_value(f->ask.accept) || !is_value(f->ask.type) || !is_value(f->ask.signature))
        return FAULT_FORMAT;
    buf_init(&f->body, f->ask.most);
    f->body.wipe = true;
    f->port = url.port;
    (void)snprintf(f->host, sizeof(f->host), "%.*s", SPAN_FMT(url.host));
    (void)snprintf(f->url, sizeof(f->url), "%.*s", SPAN_FMT(f->ask.url));
    return 0;
}

void fetch_fini(struct fetch *f)
{
    buf_fini(&f->body);
    secret_fini(&f->packet);
}

static void fail(struct fetch *f, enum fetched_result result, const char *why)
{
    f->result = result;
    if (f->text[0] == 0)
        (void)snprintf(f->text, sizeof(f->text), "%s", why);
}

/* ---- what libcurl gives ---- */

struct transfer {
    struct fetch *fetch;
    struct loan loan;
    size_t head;
};

static size_t on_head(char *at, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    (void)at;
    t->head += size * count;
    return t->head > FETCH_HEAD_MAX ? 0 : size * count;
}

static size_t on_body(char *at, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    return buf_append(&t->fetch->body, span_of(at, size * count)) < 0 ? 0 : size * count;
}

/* ---- the request ---- */

static bool add_header(struct curl_slist **list, const char *name, struct span value)
{
    char line[4200];
    (void)snprintf(line, sizeof(line), value.len > 0 ? "%s: %.*s" : "%s:", name, SPAN_FMT(value));
    struct curl_slist *longer = curl_slist_append(*list, line);
    secret_wipe(line, sizeof(line));
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

static bool set_headers(CURL *curl, const struct fetch *f, struct curl_slist **list)
{
    bool ok = add_header(list, "Accept", f->ask.accept);
    if (f->ask.body.len > 0)
        ok = ok && add_header(list, "Content-Type", f->ask.type) &&
             add_header(list, "Expect", SPAN_NONE);
    if (f->ask.authorization.len > 0)
        ok = ok && add_header(list, "Authorization", f->ask.authorization);
    if (f->ask.signature.len > 0)
        ok = ok && add_header(list, "Postern-Signature", f->ask.signature);
    return ok && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *list) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(curl, option, value) == CURLE_OK)

static bool set_options(CURL *curl, struct transfer *t)
{
    struct fetch *f = t->fetch;
    bool ok = loan_give(&t->loan, curl, f->url, "https", f->until_ms) &&
              SET(CURLOPT_FOLLOWLOCATION, 0L) &&
              SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
              SET(CURLOPT_HTTP09_ALLOWED, 0L) && SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
              SET(CURLOPT_USERAGENT, "postern") && SET(CURLOPT_HEADERFUNCTION, on_head) &&
              SET(CURLOPT_HEADERDATA, t) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
              SET(CURLOPT_WRITEDATA, t);
    if (ok && f->ask.body.len > 0)
        ok = SET(CURLOPT_POST, 1L) && SET(CURLOPT_POSTFIELDSIZE, (long)f->ask.body.len) &&
             SET(CURLOPT_POSTFIELDS, (const char *)f->ask.body.at);
    return ok;
}

static void conclude(struct fetch *f, CURL *curl, CURLcode code)
{
    long status = 0;
    const char *type = NULL;
    if (code == CURLE_OK && curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
        curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK) {
        f->result = FETCHED_OK;
        f->status = (uint16_t)status;
        (void)snprintf(f->type, sizeof(f->type), "%s", type != NULL ? type : "");
        return;
    }
    if (f->body.bad || code == CURLE_FILESIZE_EXCEEDED)
        fail(f, FETCHED_LARGE, "the answer is larger than was asked for");
    else if (code == CURLE_OPERATION_TIMEDOUT)
        fail(f, FETCHED_LATE, "no answer in time");
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        fail(f, FETCHED_UNTRUSTED, curl_easy_strerror(code));
    else
        fail(f, FETCHED_DOWN, curl_easy_strerror(code));
}

static void perform(struct transfer *t)
{
    struct fetch *f = t->fetch;
    char error[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = NULL;
    if (curl == NULL || !set_options(curl, t) || !set_headers(curl, f, &headers) ||
        !SET(CURLOPT_ERRORBUFFER, error)) {
        fail(f, FETCHED_DOWN, "libcurl could not be set up");
    } else {
        CURLcode code = curl_easy_perform(curl);
        if (code != CURLE_OK)
            (void)snprintf(f->text, sizeof(f->text), "%s", error);
        conclude(f, curl, code);
    }
    curl_easy_cleanup(curl);
    for (struct curl_slist *h = headers; h != NULL; h = h->next)
        secret_wipe(h->data, strlen(h->data));
    curl_slist_free_all(headers);
}

void fetch_run(struct fetch *f, X509_STORE *system)
{
    struct transfer t = {.fetch = f};
    int rc = loan_open(&t.loan, f->host, f->port, f->ask.authorities, system, f->until_ms, f->text,
                       sizeof(f->text));
    if (rc == 0)
        perform(&t);
    else
        fail(f,
             rc == FAULT_CRYPTO    ? FETCHED_UNTRUSTED
             : rc == FAULT_TIMEOUT ? FETCHED_LATE
                                   : FETCHED_DOWN,
             "no connection");
    loan_fini(&t.loan);
}
