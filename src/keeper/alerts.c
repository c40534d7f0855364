#include "keeper/alerts.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/upstream.h"
#include "ipc/topic.h"
#include "keeper/emergency.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/tiles.h"
#include "pki/clienttrust.h"
#include "store/alerts.h"
#include "store/tokens.h"
#include "store/trail.h"

#define CRITICAL "critical"
#define WARNING "warning"

struct alerts {
    struct keeper *keeper;
    uint64_t now;
    json_t *list;
};

/* What an alert is about makes its name, of which nobody has to guess where it ends. */
static int make_id(const char *kind, struct span about, char id[ALERT_ID_SIZE])
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = sizeof(hash);
    struct buf text;
    buf_init(&text, 4096);
    (void)buf_printf(&text, "%s\n", kind);
    (void)buf_append(&text, about);
    struct span whole = buf_view(&text);
    int r = text.bad || EVP_Digest(whole.at, whole.len, hash, &len, EVP_sha256(), NULL) != 1
                ? FAULT_CRYPTO
                : 0;
    buf_fini(&text);
    if (r == 0) {
        text_hex(id, span_of(hash, (ALERT_ID_SIZE - 1) / 2));
    }
    return r;
}

static int add(struct alerts *a, const char *kind, const char *level, struct span about,
               struct span text)
{
    char id[ALERT_ID_SIZE];
    if (json_array_size(a->list) >= ALERTS_MAX) {
        return 0;
    }
    int r = make_id(kind, about, id);
    return r < 0 ? r
                 : json_push(a->list, json_pack("{s:s,s:s,s:s,s:o}", "id", id, "kind", kind,
                                                "level", level, "text", json_text(text)));
}

static const struct snapshot *in_force(const struct alerts *a)
{
    return a->keeper->live == NULL ? NULL : live_snapshot(a->keeper->live);
}

/* ---- what ends, and what does not answer ---- */

#define CERTIFICATE_WARN_DAYS 14
#define DAYS_LEFT SPAN("days_left")

/* The fleet's lines name each pair as "certificate_days_left" (the default one) or
 * "certificate.NAME.days_left". */
static int of_certificates(struct alerts *a)
{
    struct span text = span_str(a->keeper->fleet), line, key;
    int r = 0;
    while (r == 0 && span_cut(&text, '\n', &line)) {
        uint64_t days = 0;
        if (!span_cut(&line, '=', &key) || !span_starts(key, SPAN("certificate")) ||
            !span_ends(key, DAYS_LEFT) ||
            (text_u64(line, UINT32_MAX, &days) == 0 && days >= CERTIFICATE_WARN_DAYS)) {
            continue;
        }
        struct span name = span_sub(key, 12, key.len - 12);
        name = span_sub(name, 0, name.len > DAYS_LEFT.len ? name.len - DAYS_LEFT.len - 1 : 0);
        name = name.len > 0 ? name : SPAN("default");
        char said[160];
        (void)snprintf(said, sizeof(said), "certificate %.*s: %.*s days left", SPAN_FMT(name),
                       SPAN_FMT(line));
        r = add(a, "certificate", days == 0 ? CRITICAL : WARNING, name, span_str(said));
    }
    return r;
}

static int of_directories(struct alerts *a)
{
    const struct snapshot *s = in_force(a);
    int r = 0;
    for (size_t i = 0; s != NULL && r == 0 && i < s->dir_count; i++) {
        const struct directory_state *d =
            directories_state(&a->keeper->directories, s->dirs[i].name);
        char said[2 * DIRECTORY_TEXT_SIZE];
        if (d == NULL || !d->down) {
            continue;
        }
        (void)snprintf(said, sizeof(said), "directory %s: down: %s", d->name, d->text);
        r = add(a, "directory", WARNING, span_str(d->name), span_str(said));
    }
    return r;
}

#define AUTHORITY_WARN_SECONDS (14u * 86400)
#define LIST_WARN_SECONDS 43200u

/* An authority that ends, or a list of revoked certificates, shuts out whoever is asked for one. */
static int of_client(struct alerts *a, const char *whose, const struct client_def *def)
{
    uint64_t authority, revoked;
    char said[192];
    if (def->authorities[0] == '\0' ||
        clienttrust_ends(span_str(def->authorities), span_str(def->lists), &authority, &revoked) <
            0) {
        return 0;
    }
    bool list_first = revoked != 0 && revoked < authority;
    uint64_t end = list_first ? revoked : authority;
    /* Lists come anew all the time, authorities do not. */
    if (end >= a->now + (list_first ? LIST_WARN_SECONDS : AUTHORITY_WARN_SECONDS)) {
        return 0;
    }
    (void)snprintf(said, sizeof(said), "certificates of clients of %s: the %s %s", whose,
                   list_first ? "revocation list" : "authority",
                   end <= a->now ? "has expired, nobody is let in" : "ends soon");
    return add(a, "clients", end <= a->now ? CRITICAL : WARNING, span_str(said), span_str(said));
}

static int of_clients(struct alerts *a)
{
    const struct snapshot *s = in_force(a);
    int r = s == NULL ? 0 : of_client(a, "the portal", &s->portal_client);
    for (size_t i = 0; s != NULL && r == 0 && i < s->listener_count; i++) {
        r = of_client(a, s->listeners[i].name, &s->listeners[i].client);
    }
    for (size_t i = 0; s != NULL && r == 0 && i < s->route_count; i++) {
        r = of_client(a, s->routes[i].name, &s->routes[i].client);
    }
    return r;
}

#define TOKEN_WARN_WITHIN (14u * 86400)
#define TOKEN_WARNINGS_MAX 100u

static int each_ending(void *context, const struct token *t)
{
    struct alerts *a = context;
    char said[2 * STORE_NAME_SIZE + 64], about[STORE_NAME_SIZE + 32];
    static const struct {
        uint64_t seconds;
        const char *word;
    } UNITS[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}};
    uint64_t left = t->expires - a->now;
    size_t u = 0;
    while (u + 1 < countof(UNITS) && left < 2 * UNITS[u].seconds) {
        u++;
    }
    (void)snprintf(said, sizeof(said), "token %s of %s: %llu %s left", t->name, t->owner,
                   (unsigned long long)(left / UNITS[u].seconds), UNITS[u].word);
    (void)snprintf(about, sizeof(about), "%s %llu", t->name, (unsigned long long)t->expires);
    return add(a, "token", WARNING, span_str(about), span_str(said));
}

/* Only those that have lived most of their time: who makes tokens for a day needs no warning. */
static int of_tokens(struct alerts *a)
{
    return tokens_ending(a->keeper->store, a->now, TOKEN_WARN_WITHIN, TOKEN_WARNINGS_MAX,
                         each_ending, a);
}

static int of_emergencies(struct alerts *a)
{
    json_t *said = json_array(), *one;
    size_t i;
    int r = said == NULL ? -ENOMEM : 0;
    if (r == 0 && emergency_warn(a->keeper, a->now, said) < 0) {
        r = json_push(said, json_string("break-glass accounts cannot be read"));
    }
    json_array_foreach(said, i, one)
    {
        struct span text = json_span(one);
        r = r < 0 ? r : add(a, "breakglass", WARNING, text, text);
    }
    json_decref(said);
    return r;
}

static int of_endpoint(struct alerts *a, const struct route_def *route, size_t i)
{
    struct span detail = SPAN_NONE;
    struct buf text;
    buf_init(&text, 4096);
    int r = upstream_def_write(&route->upstreams[i], &text);
    char *url = r < 0 ? NULL : buf_take_string(&text);
    if (url != NULL && strcmp(tile_endpoint(a->keeper, route->name, url, &detail), "down") == 0) {
        char said[1024], about[1024];
        (void)snprintf(about, sizeof(about), "%s %s", route->name, url);
        (void)snprintf(said, sizeof(said), "route %s: %s does not answer: %.*s", route->name, url,
                       SPAN_FMT(span_sub(detail, 0, 300)));
        r = add(a, "upstream", WARNING, span_str(about), span_str(said));
    }
    free(url);
    buf_fini(&text);
    return r < 0 ? r : url == NULL ? -ENOMEM : 0;
}

static int of_upstreams(struct alerts *a)
{
    const struct snapshot *s = in_force(a);
    int r = 0;
    for (size_t i = 0; s != NULL && r == 0 && i < s->route_count; i++) {
        for (size_t u = 0; r == 0 && u < s->routes[i].upstream_count; u++) {
            r = of_endpoint(a, &s->routes[i], u);
        }
    }
    return r;
}

static int of_keeper(struct alerts *a)
{
    const struct keeper *k = a->keeper;
    int r = 0;
    if (k->alarmed) {
        r = add(a, "audit", CRITICAL, SPAN("trail"),
                SPAN("the audit trail is not what its head file says"));
    }
    if (r == 0 && k->assertions.path != NULL && k->assertions.current.pkey == NULL) {
        r = add(a, "assertion", CRITICAL, SPAN("key"),
                SPAN("there is no key for assertions: consoles that get one get no request"));
    }
    return r;
}

/* ---- what the trail says ---- */

#define DAY 86400u
/* Of one event; the newest of each target. */
#define RECORDS_MAX 50u

static const struct row {
    enum audit_event event;
    uint32_t within; /* seconds */
    const char *level;
} ROWS[] = {
    {AUDIT_BREAKGLASS_USED, 7 * DAY, CRITICAL}, {AUDIT_PASSKEY_DISABLED, 7 * DAY, CRITICAL},
    {AUDIT_SEALING_LOST, 7 * DAY, CRITICAL},    {AUDIT_ACCESS_LOST, DAY, WARNING},
    {AUDIT_EDGE_STALLED, DAY, WARNING},         {AUDIT_CONFIG_REFUSED, DAY, WARNING},
    {AUDIT_CHANGE_UNDONE, DAY, WARNING},        {AUDIT_PASSWORD_DISABLED, DAY, WARNING},
    {AUDIT_TOTP_DISABLED, DAY, WARNING},        {AUDIT_FACTOR_DISABLED, DAY, WARNING},
    {AUDIT_LOGIN_AFTER, DAY, WARNING},          {AUDIT_TOKEN_STRAYED, DAY, WARNING},
    {AUDIT_NOTICE_DROPPED, DAY, WARNING},       {AUDIT_BREAKGLASS_REFUSED, DAY, WARNING},
};

struct records {
    struct alerts *alerts;
    const struct row *row;
    json_t *targets; /* that had their alert */
};

static int each_record(void *context, const struct record *r)
{
    struct records *w = context;
    char about[STORE_NAME_SIZE], said[AUDIT_TARGET_MAX + 160], target[AUDIT_TARGET_MAX + 1];
    if (r->wall_ms / 1000 + w->row->within < w->alerts->now) {
        return 1;
    }
    (void)snprintf(target, sizeof(target), "%.*s", SPAN_FMT(r->target));
    if (json_object_get(w->targets, target) != NULL) {
        return 0;
    }
    int rc = json_put(w->targets, target, json_true());
    (void)snprintf(about, sizeof(about), "%llu", (unsigned long long)r->seq);
    (void)snprintf(said, sizeof(said), "%s%s%s", audit_event_text(w->row->event),
                   r->target.len > 0 ? ": " : "", target);
    return rc < 0 ? rc
                  : add(w->alerts, audit_event_name(w->row->event), w->row->level, span_str(about),
                        span_str(said));
}

static int of_trail(struct alerts *a)
{
    int r = 0;
    for (size_t i = 0; i < countof(ROWS) && r >= 0; i++) {
        struct records w = {.alerts = a, .row = &ROWS[i], .targets = json_object()};
        const struct trail_filter filter = {.event = audit_event_name(ROWS[i].event)};
        const struct page page = {.limit = RECORDS_MAX, .newest_first = true};
        r = w.targets == NULL
                ? -ENOMEM
                : trail_search(a->keeper->store, &filter, &page, each_record, &w, NULL);
        json_decref(w.targets);
    }
    return r < 0 ? r : 0;
}

/* ---- all of it ---- */

static json_t *collect(struct keeper *k, int (*const *each)(struct alerts *a), size_t count)
{
    struct alerts a = {.keeper = k, .now = clock_wall_ms() / 1000, .list = json_array()};
    int r = a.list == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = each[i](&a);
    }
    if (r < 0) {
        json_decref(a.list);
        return NULL;
    }
    return a.list;
}

static void put_names(struct buf *out, const struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        (void)buf_printf(out, "%s%s", i == 0 ? "" : ", ", names->name[i]);
}

/* "GET /health on app, from lan": what a rule opens to anybody. */
static void describe_open(struct buf *out, const struct rule_def *rule)
{
    put_names(out, &rule->methods);
    (void)buf_byte(out, ' ');
    put_names(out, &rule->paths);
    (void)buf_text(out, " on ");
    put_names(out, &rule->routes);
    (void)buf_text(out, ", from ");
    put_names(out, &rule->zones);
}

void alerts_status(const struct snapshot *s, struct buf *out)
{
    for (size_t i = 0; s != NULL && i < s->rule_count; i++) {
        if (!s->rules[i].anonymous)
            continue;
        (void)buf_printf(out, "anonymous.%s=", s->rules[i].name);
        describe_open(out, &s->rules[i]);
        (void)buf_byte(out, '\n');
    }
}

/* Meant or not, nobody shall forget that it is so. */
static int of_anonymous(struct alerts *a)
{
    const struct snapshot *s = in_force(a);
    int r = 0;
    for (size_t i = 0; s != NULL && i < s->rule_count && r == 0; i++) {
        if (!s->rules[i].anonymous) {
            continue;
        }
        struct buf text;
        buf_init(&text, 4096);
        (void)buf_printf(&text, "rule %s is open to anybody without a login: ", s->rules[i].name);
        describe_open(&text, &s->rules[i]);
        r = add(a, "anonymous", WARNING, span_str(s->rules[i].name),
                span_sub(buf_view(&text), 0, 1000));
        buf_fini(&text);
    }
    return r;
}

static int (*const FORESEEN[])(struct alerts *a) = {of_certificates, of_directories, of_clients,
                                                    of_tokens,       of_emergencies, of_anonymous};
static int (*const ALL[])(struct alerts *a) = {of_keeper,      of_trail,       of_certificates,
                                               of_clients,     of_directories, of_upstreams,
                                               of_emergencies, of_tokens,      of_anonymous};

static bool is_critical(const json_t *alert)
{
    return span_is(json_span(json_object_get(alert, "level")), CRITICAL);
}

json_t *alerts_now(struct keeper *k)
{
    json_t *all = collect(k, ALL, countof(ALL)), *sorted = json_array(), *one;
    size_t i;
    int r = all == NULL || sorted == NULL ? -ENOMEM : 0;
    for (int pass = 0; pass < 2; pass++) {
        json_array_foreach(all, i, one)
        {
            if (r == 0 && is_critical(one) == (pass == 0)) {
                r = json_push(sorted, json_incref(one));
            }
        }
    }
    json_decref(all);
    if (r < 0) {
        json_decref(sorted);
        return NULL;
    }
    return sorted;
}

json_t *alerts_warnings(struct keeper *k)
{
    json_t *all = collect(k, FORESEEN, countof(FORESEEN)), *list = json_array(), *one;
    size_t i;
    int r = all == NULL || list == NULL ? -ENOMEM : 0;
    json_array_foreach(all, i, one)
    {
        r = r < 0 ? r : json_push(list, json_incref(json_object_get(one, "text")));
    }
    json_decref(all);
    if (r < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* Two looks may miss one: what comes and goes within them stays the same alert. */
#define FORGET_AFTER 180u

int alerts_sweep(struct keeper *k)
{
    uint64_t now = clock_wall_ms() / 1000;
    json_t *all = alerts_now(k), *one;
    size_t i;
    int r = all == NULL ? FAULT_STORE : 0;
    json_array_foreach(all, i, one)
    {
        struct alert_mark mark;
        const char *id = json_string_value(json_object_get(one, "id"));
        r = r < 0 ? r : alerts_find(k->store, id, &mark);
        if (r == FAULT_ABSENT) {
            k->turn.topics |= TOPIC_ALERTS;
            r = 0;
        }
        r = r < 0 ? r : alerts_seen(k->store, id, now);
    }
    json_decref(all);
    r = r < 0 ? r : alerts_prune(k->store, now - FORGET_AFTER);
    if (r > 0) {
        k->turn.topics |= TOPIC_ALERTS;
    }
    return r < 0 ? r : 0;
}
