#include "keeper/providers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/weburl.h"
#include "keeper/call.h"
#include "keeper/keeper.h"
#include "keeper/live.h"

#define WELL_KNOWN "/.well-known/openid-configuration"
#define TOKEN_ANSWER_MAX (64u * 1024)
#define CLIENT_SECRET_MAX 512u

void providers_init(struct providers *p)
{
    list_init(&p->known);
}

static void forget(struct provider *p)
{
    oidc_discovery_fini(&p->document);
    jwks_fini(&p->keys);
    p->document_ms = p->keys_ms = p->rest_ms = 0;
}

void providers_fini(struct providers *p)
{
    if (p->known.next == NULL) {
        return;
    }
    list_each_safe(at, &p->known)
    {
        struct provider *one = container_of(at, struct provider, link);
        list_remove(at);
        forget(one);
        free(one);
    }
}

const struct provider_def *providers_def(struct keeper *k, struct span name)
{
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    for (size_t i = 0; s != NULL && i < s->provider_count; i++) {
        if (span_is(name, s->providers[i].name)) {
            return &s->providers[i];
        }
    }
    return NULL;
}

struct provider *providers_get(struct keeper *k, const struct provider_def *def)
{
    struct provider *p = NULL;
    list_each(at, &k->providers.known)
    {
        struct provider *one = container_of(at, struct provider, link);
        if (strcmp(one->name, def->name) == 0) {
            p = one;
        }
    }
    if (p != NULL && strcmp(p->issuer, def->issuer) == 0) {
        return p;
    }
    if (p == NULL) {
        p = calloc(1, sizeof(*p));
        if (p == NULL) {
            return NULL;
        }
        (void)snprintf(p->name, sizeof(p->name), "%s", def->name);
        list_push(&k->providers.known, &p->link);
    }
    forget(p);
    (void)snprintf(p->issuer, sizeof(p->issuer), "%s", def->issuer);
    return p;
}

/* ---- one fetch ---- */

static int give_up(struct call *c, const struct provider_def *def, struct provider *p,
                   const char *what, struct span why)
{
    if (p != NULL) {
        p->rest_ms = clock_mono_ms() + PROVIDERS_REST_MS;
    }
    (void)snprintf(c->detail, sizeof(c->detail), "%s: %s: %.*s", def->name, what, SPAN_FMT(why));
    log_kv(LOG_LEVEL_WARN, "provider_failed", "detail", c->detail);
    return FAULT_CLOSED;
}

static int ask(struct call *c, const struct provider_def *def, struct msg_fetch *m, unsigned slot)
{
    m->patience_ms = def->timeout * 1000;
    m->authorities = span_str(def->ca[0] != 0 ? def->ca : def->authorities);
    m->accept = SPAN("application/json");
    struct writer w = writer_into(c->keeper->scratch, MSG_PACKET_MAX);
    msg_fetch_encode(&w, m);
    int r = writer_finish(&w);
    /* The courier gives up first, and says why. */
    r = r < 0 ? r : call_ask(c, slot, MSG_FETCH, span_of(w.at, w.len), m->patience_ms + 1000);
    secret_wipe(c->keeper->scratch, w.len);
    return r;
}

/* What came: 0 and *body, or the provider has failed. */
static int told(struct call *c, const struct provider_def *def, struct provider *p,
                const struct call_errand *e, const char *what, struct msg_fetched *m)
{
    if (e->fault < 0) {
        return give_up(c, def, p, what, span_str(fault_text(e->fault)));
    }
    if (msg_fetched_decode(buf_view(&e->answer), m) < 0) {
        return give_up(c, def, p, what, SPAN("malformed answer"));
    }
    return m->result == FETCHED_OK ? 0 : give_up(c, def, p, what, m->text);
}

/* Is it where the provider may have endpoints? */
static bool is_allowed(const struct provider_def *def, struct span text)
{
    struct weburl url, issuer, other;
    char address[320];
    if (weburl_parse(text, &url) < 0 || weburl_parse(span_str(def->issuer), &issuer) < 0) {
        return false;
    }
    bool ok = weburl_same_origin(&url, &issuer);
    for (size_t i = 0; i < def->hosts.count && !ok; i++) {
        (void)snprintf(address, sizeof(address), "https://%s", def->hosts.name[i]);
        ok = weburl_parse(span_str(address), &other) == 0 && weburl_same_origin(&url, &other);
    }
    return ok;
}

/* ---- the document ---- */

static int take_document(struct call *c, const struct provider_def *def, struct provider *p,
                         const struct call_errand *e)
{
    struct msg_fetched m;
    struct oidc_discovery d;
    int r = told(c, def, p, e, "discovery", &m);
    if (r < 0) {
        return r;
    }
    if (m.status != 200) {
        return give_up(c, def, p, "discovery", SPAN("its status is not 200"));
    }
    r = oidc_discovery_read(m.body, span_str(def->issuer), &d);
    if (r < 0) {
        return give_up(c, def, p, "discovery",
                       r == FAULT_DENIED ? SPAN("the document is of another issuer")
                                         : span_str(fault_text(r)));
    }
    if (!is_allowed(def, d.authorization) || !is_allowed(def, d.token) ||
        !is_allowed(def, d.keys)) {
        oidc_discovery_fini(&d);
        return give_up(c, def, p, "discovery",
                       SPAN("an endpoint is on a host that is not its own"));
    }
    oidc_discovery_fini(&p->document);
    p->document = d;
    p->document_ms = clock_mono_ms();
    return 1;
}

static bool is_within(uint64_t since, uint64_t life)
{
    return since != 0 && clock_mono_ms() - since < life;
}

static int ask_document(struct call *c, const struct provider_def *def, unsigned slot)
{
    size_t len = strlen(def->issuer);
    /* A slash at the end of the issuer is not doubled (Discovery section 4.1). */
    const char *url =
        arena_printf(&c->arena, "%.*s%s", (int)(def->issuer[len - 1] == '/' ? len - 1 : len),
                     def->issuer, WELL_KNOWN);
    struct msg_fetch m = {.url = span_str(url), .most = OIDC_DISCOVERY_MAX};
    return url == NULL ? -ENOMEM : ask(c, def, &m, slot);
}

int providers_document(struct call *c, const struct provider_def *def, struct provider *p,
                       unsigned slot)
{
    const struct call_errand *e = call_told(c, slot);
    if (is_within(p->document_ms, PROVIDERS_FRESH_MS)) {
        return 1;
    }
    bool old = is_within(p->document_ms, PROVIDERS_STALE_MS);
    if (e == NULL && clock_mono_ms() < p->rest_ms) {
        (void)snprintf(c->detail, sizeof(c->detail), "%s: did not answer a moment ago", def->name);
        return old ? 1 : FAULT_CLOSED;
    }
    if (e == NULL) {
        return ask_document(c, def, slot);
    }
    int r = take_document(c, def, p, e);
    return r < 0 && old ? 1 : r;
}

/* ---- the keys ---- */

static int take_keys(struct call *c, const struct provider_def *def, struct provider *p,
                     const struct call_errand *e)
{
    struct msg_fetched m;
    struct jwks keys;
    int r = told(c, def, p, e, "keys", &m);
    if (r < 0) {
        return r;
    }
    r = m.status == 200 ? jwks_read(m.body, &keys) : FAULT_FORMAT;
    if (r < 0) {
        return give_up(c, def, p, "keys", span_str(fault_text(r)));
    }
    jwks_fini(&p->keys);
    p->keys = keys;
    p->keys_ms = clock_mono_ms();
    return 1;
}

static int ask_keys(struct call *c, const struct provider_def *def, const struct provider *p,
                    unsigned slot)
{
    struct msg_fetch m = {.url = p->document.keys, .most = JWKS_TEXT_MAX};
    return ask(c, def, &m, slot);
}

int providers_keys(struct call *c, const struct provider_def *def, struct provider *p,
                   unsigned slot)
{
    const struct call_errand *e = call_told(c, slot);
    if (is_within(p->keys_ms, PROVIDERS_FRESH_MS)) {
        return 1;
    }
    if (e == NULL && clock_mono_ms() < p->rest_ms) {
        return is_within(p->keys_ms, PROVIDERS_STALE_MS) ? 1 : FAULT_CLOSED;
    }
    if (e == NULL) {
        return ask_keys(c, def, p, slot);
    }
    int r = take_keys(c, def, p, e);
    return r < 0 && is_within(p->keys_ms, PROVIDERS_STALE_MS) ? 1 : r;
}

int providers_new_keys(struct call *c, const struct provider_def *def, struct provider *p,
                       unsigned slot)
{
    const struct call_errand *e = call_told(c, slot);
    if (e != NULL) {
        return take_keys(c, def, p, e);
    }
    return is_within(p->keys_ms, PROVIDERS_AGAIN_MS) ? 1 : ask_keys(c, def, p, slot);
}

/* ---- the token ---- */

static int read_secret(struct keeper *k, const struct provider_def *def,
                       char out[CLIENT_SECRET_MAX + 1])
{
    char path[4096];
    struct buf text;
    int n = snprintf(path, sizeof(path), "%s/%s", k->secrets_dir, def->client_secret_file);
    out[0] = 0;
    if (def->client_secret_file[0] == 0) {
        return 0;
    }
    if (n < 0 || (size_t)n >= sizeof(path) || k->secrets_dir == NULL) {
        return FAULT_ABSENT;
    }
    buf_init(&text, CLIENT_SECRET_MAX);
    text.wipe = true;
    int r = file_read(path, &text);
    struct span secret = span_trim(buf_view(&text));
    while (secret.len > 0 &&
           (secret.at[secret.len - 1] == '\n' || secret.at[secret.len - 1] == '\r')) {
        secret.len--;
    }
    r = r < 0 ? r : secret.len == 0 ? FAULT_ABSENT : 0;
    (void)snprintf(out, CLIENT_SECRET_MAX + 1, "%.*s", r == 0 ? (int)secret.len : 0,
                   (const char *)secret.at);
    buf_fini(&text);
    return r;
}

/* Both parts are form-encoded before they are joined (RFC 6749 section 2.3.1). */
static int basic(const struct provider_def *def, const char *secret, char out[4096])
{
    struct buf pair;
    buf_init(&pair, 2900);
    pair.wipe = true;
    (void)text_urlencode(&pair, span_str(def->client_id));
    (void)buf_byte(&pair, ':');
    (void)text_urlencode(&pair, span_str(secret));
    int r = pair.bad ? FAULT_LIMIT : 0;
    (void)snprintf(out, 4096, "Basic ");
    if (r == 0) {
        text_b64(out + 6, buf_view(&pair));
    }
    buf_fini(&pair);
    return r;
}

static int ask_token(struct call *c, const struct provider_def *def, const struct provider *p,
                     struct span form, unsigned slot)
{
    char secret[CLIENT_SECRET_MAX + 1], header[4096] = "";
    struct buf body;
    buf_init(&body, 16384);
    body.wipe = true;
    (void)buf_append(&body, form);
    int r = read_secret(c->keeper, def, secret);
    if (r < 0) {
        (void)snprintf(c->detail, sizeof(c->detail), "%s: client_secret_file: %s", def->name,
                       fault_text(r));
        log_kv(LOG_LEVEL_ERROR, "provider_secret", "detail", c->detail);
        r = FAULT_CLOSED;
    } else if (secret[0] != 0 && p->document.basic) {
        r = basic(def, secret, header);
    } else {
        (void)buf_text(&body, "&client_id=");
        (void)text_urlencode(&body, span_str(def->client_id));
        if (secret[0] != 0) {
            (void)buf_text(&body, "&client_secret=");
            (void)text_urlencode(&body, span_str(secret));
        }
    }
    if (r == 0) {
        struct msg_fetch m = {.url = p->document.token,
                              .most = TOKEN_ANSWER_MAX,
                              .authorization = span_str(header),
                              .type = SPAN("application/x-www-form-urlencoded"),
                              .body = buf_view(&body)};
        r = body.bad ? FAULT_LIMIT : ask(c, def, &m, slot);
    }
    secret_wipe(secret, sizeof(secret));
    secret_wipe(header, sizeof(header));
    buf_fini(&body);
    return r;
}

int providers_token(struct call *c, const struct provider_def *def, const struct provider *p,
                    struct span form, unsigned slot, struct span *body)
{
    const struct call_errand *e = call_told(c, slot);
    struct msg_fetched m;
    if (e == NULL) {
        return ask_token(c, def, p, form, slot);
    }
    /* A code is refused for a reason of its own; the provider is not to blame. */
    int r = told(c, def, NULL, e, "token", &m);
    if (r < 0) {
        return r;
    }
    *body = m.body;
    return m.status == 200 ? 1 : FAULT_DENIED;
}
