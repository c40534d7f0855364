#include "keeper/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "conf/keys.h"
#include "conf/merge.h"
#include "conf/verify.h"
#include "http/hygiene.h"
#include "keeper/documents.h"
#include "keeper/hosts.h"
#include "keeper/known.h"
#include "keeper/leases.h"
#include "keeper/trials.h"
#include "keeper/trust.h"
#include "keeper/zoneinfo.h"

/* "user:password" of a console. */
#define INJECT_FILE_MAX 512u
/* Roots of all makers that FIDO's metadata lists fit in. */
#define ROOTS_FILE_MAX (2u * 1024 * 1024)

struct inject {
    const struct route_def *route;
    struct secret value;
};

struct live {
    struct snapshot *snapshot;
    struct policy *policy;
    struct inject *injects;
    size_t inject_count;
    struct attestation_roots *roots;
};

static int read_inject(struct inject *at, const struct route_def *route, const char *secrets_dir,
                       struct buf *errors)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", secrets_dir, route->inject_file);
    if (n < 0 || (size_t)n >= sizeof(path) || strchr(route->inject_file, '/') != NULL) {
        (void)buf_printf(errors,
                         "route %s: inject_basic_file: not a file name in the secrets directory\n",
                         route->name);
        return FAULT_FORMAT;
    }
    struct secret file = {0};
    int r = secret_read_file(&file, path, INJECT_FILE_MAX);
    if (r < 0) {
        (void)buf_printf(errors, "route %s: inject_basic_file: cannot read %s: %s%s\n", route->name,
                         path, fault_text(r),
                         r == FAULT_DENIED ? " (the file must not be readable by others: chmod 600)"
                                           : "");
        return FAULT_FORMAT;
    }
    struct span text = secret_view(&file);
    bool clean = span_find(text, ':') != SIZE_MAX && span_find(text, ':') > 0;
    for (size_t i = 0; i < text.len; i++) {
        clean = clean && text.at[i] >= 0x20 && text.at[i] != 0x7f;
    }
    if (!clean) {
        secret_fini(&file);
        (void)buf_printf(errors,
                         "route %s: inject_basic_file: %s must hold one line, user:password\n",
                         route->name, path);
        return FAULT_FORMAT;
    }
    size_t encoded = (text.len + 2) / 3 * 4;
    r = secret_init(&at->value, 6 + encoded + 1);
    if (r == 0) {
        memcpy(at->value.at, "Basic ", 6);
        text_b64((char *)at->value.at + 6, text);
        at->value.len = 6 + encoded;
        at->route = route;
    }
    secret_fini(&file);
    return r;
}

static int read_injects(struct live *l, const char *secrets_dir, struct buf *errors)
{
    const struct snapshot *s = l->snapshot;
    size_t count = 0;
    for (size_t i = 0; i < s->route_count; i++) {
        count += s->routes[i].inject_file[0] != '\0';
    }
    if (count == 0 || secrets_dir == NULL) {
        return 0;
    }
    l->injects = calloc(count, sizeof(*l->injects));
    if (l->injects == NULL) {
        return -ENOMEM;
    }
    int first = 0;
    for (size_t i = 0; i < s->route_count; i++) {
        if (s->routes[i].inject_file[0] == '\0') {
            continue;
        }
        /* All of them are tried, so that one run tells everything that is wrong. */
        int r = read_inject(&l->injects[l->inject_count], &s->routes[i], secrets_dir, errors);
        if (r == 0) {
            l->inject_count++;
        } else if (first == 0) {
            first = r;
        }
    }
    return first;
}

static int read_roots(struct live *l, const char *secrets_dir, struct buf *errors)
{
    const char *name = l->snapshot->authentication.passkey_roots_file;
    char path[4096];
    if (name[0] == '\0' || secrets_dir == NULL) {
        return 0;
    }
    int n = snprintf(path, sizeof(path), "%s/%s", secrets_dir, name);
    if (n < 0 || (size_t)n >= sizeof(path) || strchr(name, '/') != NULL) {
        (void)buf_text(errors, "authentication.passkey_roots_file: not a file name in the secrets "
                               "directory\n");
        return FAULT_FORMAT;
    }
    struct buf pem, why;
    buf_init(&pem, ROOTS_FILE_MAX);
    buf_init(&why, 256);
    int r = file_read(path, &pem);
    l->roots = r < 0 ? NULL : attestation_roots_read(buf_view(&pem), &why);
    if (l->roots == NULL) {
        (void)buf_printf(errors, "authentication.passkey_roots_file: %s: %.*s\n", path,
                         SPAN_FMT(r < 0 ? span_str(fault_text(r)) : buf_view(&why)));
        r = FAULT_FORMAT;
    }
    buf_fini(&pem);
    buf_fini(&why);
    return r;
}

static int check_exceptions(const struct snapshot *s, struct buf *errors)
{
    int r = 0;
    for (size_t i = 0; i < s->route_count; i++) {
        const struct names *names = &s->routes[i].pass_headers;
        for (size_t k = 0; k < names->count; k++) {
            if (!hygiene_may_except(span_str(names->name[k]))) {
                (void)buf_printf(errors,
                                 "route %s: pass_headers: %s can not pass: postern sets, reads or "
                                 "decides by it\n",
                                 s->routes[i].name, names->name[k]);
                r = FAULT_FORMAT;
            }
        }
    }
    return r;
}

int live_new(const struct snapshot *file, struct store *store, const struct leases *leases,
             const char *secrets_dir, uint64_t number, struct live **ret, struct buf *errors)
{
    struct documents documents;
    documents_init(&documents);
    int r = store == NULL ? 0 : documents_read(&documents, store);
    r = r < 0 ? r : live_from(file, &documents, leases, secrets_dir, number, ret, errors);
    documents_fini(&documents);
    return r;
}

int live_from(const struct snapshot *file, const struct documents *documents,
              const struct leases *leases, const char *secrets_dir, uint64_t number,
              struct live **ret, struct buf *errors)
{
    struct live *l = calloc(1, sizeof(*l));
    struct snapshot *own = snapshot_new();
    int r = l == NULL || own == NULL ? -ENOMEM : documents_parse(documents, own, errors);
    if (r == 0 && leases != NULL) {
        r = leases_collect(leases, own, errors);
    }
    if (r == 0) {
        r = merge_snapshots(file, own, &l->snapshot, errors);
    }
    snapshot_free(own);
    if (r == 0 && secrets_dir != NULL) {
        r = trust_fill(l->snapshot, secrets_dir, errors);
        r = r < 0 ? r : known_check(l->snapshot, secrets_dir, errors);
    }
    if (r == 0) {
        r = zoneinfo_fill(l->snapshot, clock_wall_ms() / 1000, errors);
    }
    if (r == 0 && leases != NULL) {
        r = leases_check(leases, l->snapshot, errors);
    }
    if (r == 0) {
        l->snapshot->number = number;
        l->snapshot->generation = file->generation;
        r = policy_new(l->snapshot, &l->policy);
    }
    if (r == 0) {
        r = trials_check(l->policy, l->snapshot, errors);
    }
    if (r == 0) {
        r = check_exceptions(l->snapshot, errors);
    }
    if (r == 0) {
        r = read_injects(l, secrets_dir, errors);
    }
    if (r == 0) {
        r = read_roots(l, secrets_dir, errors);
    }
    if (r < 0) {
        live_free(l);
        return r;
    }
    *ret = l;
    return 0;
}

int live_fill(struct live *l, const struct hosts *hosts)
{
    return hosts_fill(hosts, l->snapshot);
}

void live_free(struct live *l)
{
    if (l == NULL) {
        return;
    }
    for (size_t i = 0; i < l->inject_count; i++) {
        secret_fini(&l->injects[i].value);
    }
    free(l->injects);
    attestation_roots_free(l->roots);
    policy_free(l->policy);
    snapshot_free(l->snapshot);
    free(l);
}

void live_number(struct live *l, uint64_t number)
{
    l->snapshot->number = number;
}

const struct snapshot *live_snapshot(const struct live *l)
{
    return l->snapshot;
}

const struct attestation_roots *live_attestation(const struct live *l)
{
    return l->roots;
}

const struct policy *live_policy(const struct live *l)
{
    return l->policy;
}

bool live_origin(const struct live *l, const char *kind, struct span name, enum origin *origin)
{
    if (strcmp(kind, "setting") == 0 && setting_is_said(l->snapshot, name)) {
        *origin = ORIGIN_FILE;
        return true;
    }
    const struct section *sec = section_of_kind(kind);
    size_t count = sec == NULL || sec->origin == SIZE_MAX ? 0 : section_count(sec, l->snapshot);
    for (size_t i = 0; i < count; i++) {
        if (span_is(name, section_element_name(sec, l->snapshot, i))) {
            memcpy(origin, (const char *)section_element(sec, l->snapshot, i) + sec->origin,
                   sizeof(*origin));
            return true;
        }
    }
    return false;
}

bool live_authority(struct span authority, struct span *host, uint16_t *port)
{
    size_t cut = SIZE_MAX;
    for (size_t i = authority.len; i > 0; i--) {
        uint8_t b = authority.at[i - 1];
        if (b == ':') {
            cut = i - 1;
            break;
        }
        if (b < '0' || b > '9') {
            break;
        }
    }
    *port = 0;
    *host = authority;
    if (cut != SIZE_MAX) {
        uint64_t n;
        if (text_u64(span_sub(authority, cut + 1, authority.len), 65535, &n) < 0 || n == 0) {
            return false;
        }
        *port = (uint16_t)n;
        *host = span_sub(authority, 0, cut);
    }
    return host->len > 0 && host->len <= 255;
}

/* The port of the listener. Without one the scheme's own is meant (RFC 9110 section 4.2.2). */
static uint16_t effective_port(const struct live *l, uint16_t port)
{
    return snapshot_inner_port(l->snapshot, port == 0 ? 443 : port);
}

const struct route_def *live_route(const struct live *l, struct span authority, struct span path)
{
    struct span host;
    uint16_t port;
    if (!live_authority(authority, &host, &port)) {
        return NULL;
    }
    return policy_route(l->policy, effective_port(l, port), host, path);
}

struct route_list live_routes(const struct live *l, struct span authority)
{
    struct span host;
    uint16_t port;
    if (!live_authority(authority, &host, &port)) {
        return (struct route_list){NULL, 0};
    }
    return policy_routes(l->policy, effective_port(l, port), host);
}

bool live_is_portal(const struct live *l, struct span authority)
{
    struct span host;
    uint16_t port;
    return live_authority(authority, &host, &port) && policy_is_portal(l->policy, host);
}

static bool listener_vouches(const struct snapshot *s, uint16_t port, struct span host)
{
    char text[ADDR_TEXT_SIZE + 2];
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener_def *d = &s->listeners[i];
        if (d->port != port) {
            continue;
        }
        char plain[ADDR_TEXT_SIZE];
        addr_format(&d->addr, plain);
        (void)snprintf(text, sizeof(text), addr_is_v4(&d->addr) ? "%s" : "[%s]", plain);
        if (span_is(host, text) || (addr_is_loopback(&d->addr) && span_is(host, "localhost"))) {
            return true;
        }
    }
    return false;
}

const struct route_def *live_handover(const struct live *l, struct span authority)
{
    struct span host;
    uint16_t port;
    if (!live_authority(authority, &host, &port)) {
        return NULL;
    }
    port = effective_port(l, port);
    struct route_list routes = policy_routes(l->policy, port, host);
    if (routes.count == 0) {
        return NULL;
    }
    const struct route_def *route = routes.at[0];
    if (route->host[0] != '\0') {
        return span_is(host, route->host) ? route : NULL;
    }
    return listener_vouches(l->snapshot, port, host) ? route : NULL;
}

struct span live_inject(const struct live *l, const struct route_def *route)
{
    for (size_t i = 0; i < l->inject_count; i++) {
        if (l->injects[i].route == route) {
            return secret_view(&l->injects[i].value);
        }
    }
    return SPAN_NONE;
}

bool live_injects(const struct live *l)
{
    return l->inject_count > 0;
}

bool lines_have(struct span lines, struct span item)
{
    struct span line;
    while (span_cut(&lines, '\n', &line)) {
        if (line.len > 0 && span_eq(line, item)) {
            return true;
        }
    }
    return false;
}

static bool names_have(const struct names *names, struct span item)
{
    for (size_t i = 0; i < names->count; i++) {
        if (span_is(item, names->name[i])) {
            return true;
        }
    }
    return false;
}

static bool names_meet(const struct names *names, struct span lines)
{
    for (size_t i = 0; i < names->count; i++) {
        if (lines_have(lines, span_str(names->name[i]))) {
            return true;
        }
    }
    return false;
}

bool live_rule_names(const struct rule_def *rule, struct span user, struct span groups,
                     struct span token, bool named_only)
{
    bool open =
        !named_only && (names_have(&rule->users, SPAN("*")) || names_meet(&rule->groups, groups));
    return token.len > 0
               ? names_have(&rule->tokens, token) || names_have(&rule->certificates, token)
               : open || names_have(&rule->users, user);
}

bool live_may_reach(const struct live *l, const struct route_def *route, struct span user,
                    struct span groups, struct span token, bool named_only,
                    const struct span *grants)
{
    const struct snapshot *s = l->snapshot;
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct rule_def *rule = &s->rules[i];
        bool here = names_have(&rule->routes, span_str(route->name)) ||
                    names_have(&rule->routes, SPAN("*"));
        if (rule->demand || rule->deny || !here) {
            continue;
        }
        if (grants != NULL && rule_asks_grant(rule) && !lines_have(*grants, span_str(rule->name))) {
            continue;
        }
        if (live_rule_names(rule, user, groups, token, named_only)) {
            return true;
        }
    }
    return false;
}
