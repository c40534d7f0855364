#include "conf/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/map.h"
#include "base/text.h"
#include "conf/check.h"
#include "conf/internet.h"
#include "conf/upstream.h"
#include "conf/value.h"
#include "conf/verify_rules.h"

/* A route of this name could not be told from the portal in the scope of a token. */
#define RESERVED_ROUTE "portal"

void place_write(const struct snapshot *s, const struct place *at, struct buf *out)
{
    (void)buf_text(out, at->section->name);
    if (!section_is_machine(at->section) && at->element != SIZE_MAX) {
        const char *name = section_element_name(at->section, s, at->element);
        if (text_is_name(span_str(name)))
            (void)buf_printf(out, ".%s", name);
        else
            (void)buf_printf(out, "[%zu]", at->element);
    }
    /* A zone's list is its value, where nothing else is said of it. */
    if (at->key != NULL &&
        (at->section->shape != SHAPE_NAMED_LIST || at->key > &at->section->keys[1]))
        (void)buf_printf(out, ".%s", at->key->name);
    if (at->item != SIZE_MAX)
        (void)buf_printf(out, "[%zu]", at->item);
}

/* "found …" for a value that does not keep its type. */
static void describe_found(const struct key *k, const void *target, size_t item,
                           char out[COMPLAINT_QUOTED])
{
    (void)snprintf(out, COMPLAINT_QUOTED, "nothing");
    if (value_count(k, target) <= item)
        return;
    struct buf text;
    buf_init(&text, VALUE_TEXT_MAX);
    /* A word out of range has no text, and shows as "". */
    if (value_write(k, target, item, &text) == 0)
        complaint_quote(out, buf_view(&text));
    buf_fini(&text);
}

static void check_values(struct check *c, enum section_id id)
{
    const struct section *sec = section_of(id);
    for (size_t i = 0; i < section_count(sec, c->s); i++) {
        const void *target = section_element(sec, c->s, i);
        for (size_t k = 0; k < sec->key_count; k++) {
            const struct key *key = &sec->keys[k];
            struct complaint what;
            size_t item;
            /* What stays local is "" in an edge's slice; the file's reader has checked it. */
            if ((key->flags & (KEY_LOCAL | KEY_DERIVED)) && value_count(key, target) == 0)
                continue;
            if (value_ok(key, target, &item, &what))
                continue;
            bool missing = value_count(key, target) == 0;
            bool whole = missing || !(key->flags & KEY_LIST) ||
                         ((key->flags & KEY_ONE) && value_count(key, target) == 1);
            struct place at = {sec, i, key, whole ? SIZE_MAX : item};
            char found[COMPLAINT_QUOTED];
            describe_found(key, target, item, found);
            check_report(c, &at, "expected %s, found %s%s%s%s", what.expected, found,
                         what.hint[0] ? "; did you mean \"" : "", what.hint,
                         what.hint[0] ? "\"?" : "");
        }
    }
}

/* Fills the map of names and reports names that stand twice. */
static void check_names(struct check *c, enum section_id id)
{
    const struct section *sec = section_of(id);
    size_t count = section_count(sec, c->s);
    for (size_t i = 0; i < count && c->fault == 0; i++) {
        const char *name = section_element_name(sec, c->s, i);
        struct place at = place_key(id, i, sec->keys[0].name);
        if (name[0] == 0)
            continue;
        if (map_find(&c->name[id], span_str(name)) != NULL) {
            check_report(c, &at, "expected a name of its own, found \"%s\" a second time", name);
            continue;
        }
        union {
            const void *given;
            void *kept;
        } element = {section_element(sec, c->s, i)};
        c->fault = map_put(&c->name[id], span_str(name), element.kept);
    }
}

/* ---- listeners and routes -------------------------------------------------------------------- */

static bool is_any(const struct addr *a)
{
    static const struct addr V6 = {{0}};
    static const struct addr V4 = {{[10] = 0xff, [11] = 0xff}};
    return addr_eq(a, &V6) || addr_eq(a, &V4);
}

/* Does the directory of this file hold the directory `inside`? */
static bool directory_holds(const char *file, const char *inside)
{
    const char *slash = strrchr(file, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - file);
    return strncmp(file, inside, len) == 0 && (inside[len] == '/' || inside[len] == 0);
}

/* The keeper may read and write the directory of its store: a taken-over keeper must not find the
 * private keys there. */
static void check_places(struct check *c)
{
    const struct snapshot *s = c->s;
    if (s->store_file[0] == 0 || s->tls_dir[0] == 0 || !directory_holds(s->store_file, s->tls_dir))
        return;
    struct place at = place_key(SECTION_STATE, 0, "store");
    check_report(c, &at, "expected a directory that does not hold the TLS keys, found \"%s\"",
                 s->store_file);
}

/* Nobody could tell which of two listeners a public port leads to. */
static void check_public_port(struct check *c, size_t i)
{
    const struct listener_def *a = &c->s->listeners[i];
    struct place at = place_key(SECTION_LISTENERS, i, "public_port");
    for (size_t k = 0; a->public_port != 0 && k < c->s->listener_count; k++) {
        const struct listener_def *b = &c->s->listeners[k];
        if (a->port == b->port || listener_public_port(b) != a->public_port)
            continue;
        check_report(c, &at, "expected a port that leads to one listener, found that of \"%s\"",
                     b->name);
        return;
    }
}

static void check_listeners(struct check *c)
{
    const struct snapshot *s = c->s;
    if (s->listener_count == 0) {
        struct place at = {section_of(SECTION_LISTENERS), SIZE_MAX, NULL, SIZE_MAX};
        check_report(c, &at, "expected at least one listener, found none");
    }
    for (size_t i = 0; i < s->listener_count; i++) {
        check_public_port(c, i);
        for (size_t k = 0; k < i; k++) {
            const struct listener_def *a = &s->listeners[i], *b = &s->listeners[k];
            struct place at = place_key(SECTION_LISTENERS, i, "address");
            if (a->port != 0 && a->port == b->port && addr_eq(&a->addr, &b->addr)) {
                check_report(c, &at, "expected an address of its own, found the one of \"%s\"",
                             b->name);
                break;
            }
        }
    }
}

/* How many interfaces the zones may name between them: each has a table of its own. */
static void check_zones(struct check *c)
{
    const char *known[ZONE_INTERFACES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < c->s->zone_count; i++) {
        const struct zone_def *z = &c->s->zones[i];
        struct place at = place_key(SECTION_ZONES, i, NULL);
        size_t k = 0;
        if (z->cidr_count == 0 && z->interface[0] == 0)
            check_report(c, &at, "expected networks or an interface, found neither");
        while (k < count && strcmp(known[k], z->interface) != 0)
            k++;
        if (z->interface[0] == 0 || k < count)
            continue;
        at = place_key(SECTION_ZONES, i, "interface");
        if (count == ZONE_INTERFACES_MAX)
            check_report(c, &at, "expected at most %u interfaces in all zones, found more",
                         ZONE_INTERFACES_MAX);
        else
            known[count++] = z->interface;
    }
}

static bool port_is_listened(const struct snapshot *s, uint16_t port)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i].port == port && s->listeners[i].kind == LISTENER_TLS)
            return true;
    return false;
}

/* A request that postern sends to itself would be answered by sending it to itself. */
bool verify_own_listener(const struct snapshot *s, const struct addr *a, uint16_t port)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener_def *l = &s->listeners[i];
        bool reached = addr_eq(&l->addr, a) || (is_any(&l->addr) && addr_is_loopback(a));
        if (l->port == port && reached)
            return true;
    }
    return false;
}

static void check_route_host(struct check *c, size_t i)
{
    const struct route_def *r = &c->s->routes[i];
    struct place host = place_key(SECTION_ROUTES, i, "host");
    struct place path = place_key(SECTION_ROUTES, i, "path");
    struct place strip = place_key(SECTION_ROUTES, i, "strip_path");
    if (r->host[0] != 0 && strcmp(r->host, c->s->portal_host) == 0)
        check_report(c, &host, "expected another host than the portal's, found \"%s\"", r->host);
    if (r->path[0] != 0 && (r->host[0] == 0 || r->port != 0))
        check_report(c, &path, "expected a path beside a host and no port, found \"%s\"", r->path);
    if (r->path[0] == 0 && r->strip_path)
        check_report(c, &strip, "expected a path to strip, found none");
}

/* ---- certificates of clients ---- */

/* What is asked for can be verified, and what is said about it is about something. An edge knows no
 * file names, only what they hold. */
static void check_client(struct check *c, enum section_id id, size_t i, const struct client_def *d)
{
    struct place mode = place_key(id, i, "client_certificate");
    struct place ca = place_key(id, i, "client_ca_file");
    struct place crl = place_key(id, i, "client_crl_file");
    bool asks = d->mode == CLIENT_OPTIONAL || d->mode == CLIENT_REQUIRED;
    bool has = d->ca_file[0] != 0 || d->authorities[0] != 0;
    if (asks && !has)
        check_report(c, &mode, "expected client_ca_file beside it, found none");
    if (!asks && d->ca_file[0] != 0)
        check_report(c, &ca,
                     "expected client_certificate: optional or required beside it, found none");
    if (!asks && d->crl_file[0] != 0)
        check_report(c, &crl,
                     "expected client_certificate: optional or required beside it, found none");
}

/* A host is asked before it is known which of its paths is meant. */
static void check_same_client(struct check *c, const struct route_def *a, const struct route_def *b)
{
    const struct client_def *x = &a->client, *y = &b->client;
    struct place at = place_key(SECTION_ROUTES, (size_t)(b - c->s->routes), "client_certificate");
    if (x->mode != y->mode || strcmp(x->ca_file, y->ca_file) != 0 ||
        strcmp(x->crl_file, y->crl_file) != 0 || strcmp(x->authorities, y->authorities) != 0)
        check_report(c, &at,
                     "expected what route \"%s\" of the same host says, found something else",
                     a->name);
}

static void check_clients(struct check *c)
{
    const struct snapshot *s = c->s;
    check_client(c, SECTION_PORTAL, 0, &s->portal_client);
    for (size_t i = 0; i < s->listener_count; i++) {
        struct place at = place_key(SECTION_LISTENERS, i, "client_certificate");
        check_client(c, SECTION_LISTENERS, i, &s->listeners[i].client);
        if (s->listeners[i].kind == LISTENER_PLAIN && s->listeners[i].client.mode != CLIENT_OFF)
            check_report(c, &at, "expected off on a plain listener, found another word");
    }
    for (size_t i = 0; i < s->route_count; i++) {
        const struct route_def *r = &s->routes[i];
        struct place at = place_key(SECTION_ROUTES, i, "client_certificate");
        check_client(c, SECTION_ROUTES, i, &r->client);
        if (r->host[0] == 0 && r->client.mode != CLIENT_INHERIT)
            check_report(c, &at,
                         "expected inherit without a host (the listener's own holds), found "
                         "another word");
    }
}

static int by_place(const void *a, const void *b)
{
    const struct route_def *x = *(const struct route_def *const *)a;
    const struct route_def *y = *(const struct route_def *const *)b;
    int order = strcmp(x->host, y->host);
    order = order != 0 ? order : strcmp(x->path, y->path);
    return order != 0 ? order : x < y ? -1 : x > y;
}

/* Two routes at one place: which of them a request meets would depend on their order. */
static void check_route_places(struct check *c)
{
    const struct snapshot *s = c->s;
    const struct route_def **sorted = calloc(s->route_count + 1, sizeof(*sorted));
    if (sorted == NULL) {
        c->fault = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < s->route_count; i++)
        sorted[i] = &s->routes[i];
    qsort(sorted, s->route_count, sizeof(*sorted), by_place);
    for (size_t i = 1; i < s->route_count; i++) {
        const struct route_def *a = sorted[i - 1], *b = sorted[i];
        if (b->host[0] != 0 && strcmp(a->host, b->host) == 0)
            check_same_client(c, a, b);
        if (b->host[0] == 0 || strcmp(a->host, b->host) != 0 || strcmp(a->path, b->path) != 0)
            continue;
        bool whole = b->path[0] == 0;
        struct place at =
            place_key(SECTION_ROUTES, (size_t)(b - s->routes), whole ? "host" : "path");
        check_report(c, &at, "expected a %s of its own, found the one of route \"%s\"",
                     whole ? "host" : "path", a->name);
    }
    free(sorted);
}

static void check_route_port(struct check *c, size_t i, const struct route_def **by_port)
{
    const struct route_def *r = &c->s->routes[i];
    struct place at = place_key(SECTION_ROUTES, i, "port");
    if (r->port == 0)
        return;
    if (!port_is_listened(c->s, r->port))
        check_report(c, &at, "expected the port of a listener, found %u", r->port);
    if (by_port[r->port] != NULL)
        check_report(c, &at, "expected a port of its own, found the one of route \"%s\"",
                     by_port[r->port]->name);
    else
        by_port[r->port] = r;
}

#define CLIENT_PAIRS_MAX 32u

/* The signer keeps so many pairs for consoles. */
static void check_client_pairs(struct check *c)
{
    const char *seen[CLIENT_PAIRS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < c->s->route_count; i++) {
        const char *name = c->s->routes[i].upstream_certificate;
        size_t k = 0;
        while (k < count && strcmp(seen[k], name) != 0)
            k++;
        struct place at = place_key(SECTION_ROUTES, i, "upstream_certificate");
        if (name[0] == 0 || k < count)
            continue;
        if (count == CLIENT_PAIRS_MAX)
            check_report(c, &at, "expected at most %u different ones, found more",
                         CLIENT_PAIRS_MAX);
        else
            seen[count++] = name;
    }
}

/* What is written about certificates must be about a TLS upstream, and say one thing. */
static void check_route_trust(struct check *c, size_t i)
{
    const struct route_def *r = &c->s->routes[i];
    const struct {
        const char *key;
        bool set;
    } about[] = {
        {"upstream_ca_file", r->upstream_ca_file[0] != 0},
        {"upstream_ca", r->upstream_ca[0] != 0},
        {"upstream_pin", r->upstream_pins.count > 0},
        {"upstream_sni", r->upstream_sni[0] != 0},
        {"upstream_name", r->upstream_name[0] != 0},
        {"upstream_certificate", r->upstream_certificate[0] != 0},
    };
    for (size_t k = 0; k < countof(about) && route_trust(r) == TRUST_NONE; k++) {
        struct place at = place_key(SECTION_ROUTES, i, about[k].key);
        if (about[k].set)
            check_report(c, &at, "expected an upstream with https://, found none");
    }
    struct place file = place_key(SECTION_ROUTES, i, "upstream_ca_file");
    if (r->upstream_ca[0] != 0 && r->upstream_ca_file[0] != 0)
        check_report(c, &file, "expected upstream_ca or upstream_ca_file, found both");
    struct addr address;
    struct place sni = place_key(SECTION_ROUTES, i, "upstream_sni");
    if (addr_parse(span_str(r->upstream_sni), &address) == 0)
        check_report(c, &sni, "expected a host name, found an address");
}

static bool is_upstream(const struct route_def *r, const char *text)
{
    bool found = false;
    struct buf url;
    buf_init(&url, 1024);
    for (size_t k = 0; k < r->upstream_count && !found; k++) {
        buf_clear(&url);
        found = upstream_def_write(&r->upstreams[k], &url) == 0 && span_is(buf_view(&url), text);
    }
    buf_fini(&url);
    return found;
}

/* A route that drains all its upstreams would serve nobody. */
static void check_route_drain(struct check *c, size_t i)
{
    const struct route_def *r = &c->s->routes[i];
    size_t draining = 0;
    for (size_t k = 0; k < r->upstream_drain.count; k++) {
        struct place at = place_item(SECTION_ROUTES, i, "upstream_drain", k);
        if (is_upstream(r, r->upstream_drain.name[k]))
            draining++;
        else
            check_report(c, &at, "expected a text that stands in upstream, found \"%s\"",
                         r->upstream_drain.name[k]);
    }
    struct place all = place_key(SECTION_ROUTES, i, "upstream_drain");
    if (draining > 0 && draining >= r->upstream_count)
        check_report(c, &all, "expected an upstream left that does not drain, found none");
}

/* A raw service has no pages, so nothing else can have a place on its host: neither paths, nor the
 * login of a console that shares the name. */
static void check_route_raw(struct check *c, size_t i)
{
    const struct route_def *r = &c->s->routes[i];
    if (r->kind != ROUTE_TCP)
        return;
    struct place health = place_key(SECTION_ROUTES, i, "health_path");
    struct place path = place_key(SECTION_ROUTES, i, "path");
    struct place host = place_key(SECTION_ROUTES, i, "host");
    if (r->health_path[0] != 0)
        check_report(c, &health, "expected none with kind: tcp, found \"%s\"", r->health_path);
    if (r->path[0] != 0)
        check_report(c, &path, "expected none with kind: tcp, which has one address, found \"%s\"",
                     r->path);
    for (size_t k = 0; k < c->s->route_count; k++) {
        const struct route_def *other = &c->s->routes[k];
        if (k != i && r->host[0] != 0 && strcmp(r->host, other->host) == 0 &&
            (r->port == other->port || r->port == 0 || other->port == 0))
            check_report(c, &host,
                         "expected a host of its own with kind: tcp, found that of route \"%s\"",
                         other->name);
    }
}

static bool is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return len > 0 && strncmp(path, directory, len) == 0 && path[len] == '/';
}

/* The supervisor connects to it with the service's own rights: a console must not be the way to a
 * control socket, whoever is asked there. */
static void check_own_sockets(struct check *c, const struct place *at, const struct upstream_def *u)
{
    if (is_below(u->path, c->s->runtime_dir) || is_below(u->path, c->s->state_dir))
        check_report(c, at, "expected a console's socket, found one in a directory of postern");
}

static void check_route_upstreams(struct check *c, size_t i)
{
    const struct route_def *r = &c->s->routes[i];
    for (size_t k = 0; k < r->upstream_count; k++) {
        const struct upstream_def *u = &r->upstreams[k];
        bool several = r->upstream_count > 1;
        struct place at = place_item(SECTION_ROUTES, i, "upstream", several ? k : SIZE_MAX);
        check_own_sockets(c, &at, u);
        for (size_t a = 0; a < u->addr_count; a++)
            if (verify_own_listener(c->s, &u->addrs[a], u->port))
                check_report(c, &at, "expected the console's address, found a listener of postern");
        for (size_t before = 0; before < k; before++)
            if (upstream_def_same(u, &r->upstreams[before]))
                check_report(c, &at, "expected each upstream once, found one a second time");
        if ((u->scheme == UPSTREAM_TCP) != (r->kind == ROUTE_TCP))
            check_report(c, &at,
                         r->kind == ROUTE_TCP
                             ? "expected tcp://ADDRESS:PORT with kind: tcp, found another"
                             : "expected kind: tcp with tcp://ADDRESS:PORT, found http");
    }
    check_route_raw(c, i);
    check_route_drain(c, i);
    check_route_trust(c, i);
}

static void check_routes(struct check *c)
{
    const struct snapshot *s = c->s;
    const struct route_def **by_port = calloc(65536, sizeof(*by_port));
    if (by_port == NULL)
        c->fault = -ENOMEM;
    check_route_places(c);
    check_clients(c);
    for (size_t i = 0; i < s->route_count && c->fault == 0; i++) {
        const struct route_def *r = &s->routes[i];
        struct place whole = place_key(SECTION_ROUTES, i, NULL);
        if (r->host[0] == 0 && r->port == 0)
            check_report(c, &whole, "expected host or port, found neither");
        if (strcmp(r->name, RESERVED_ROUTE) == 0)
            check_report(c, &whole, "expected another name, found the portal's own");
        check_route_host(c, i);
        check_route_port(c, i, by_port);
        check_route_upstreams(c, i);
    }
    bool portal_reached = s->listener_count == 0;
    for (size_t i = 0; i < s->listener_count && c->fault == 0; i++)
        portal_reached |= s->listeners[i].portal && s->listeners[i].kind == LISTENER_TLS &&
                          by_port[s->listeners[i].port] == NULL;
    if (c->fault == 0 && !portal_reached) {
        struct place at = {section_of(SECTION_LISTENERS), SIZE_MAX, NULL, SIZE_MAX};
        check_report(
            c, &at,
            "expected a listener left to the portal, found a port route or portal: false on each");
    }
    free(by_port);
}

/* ---- public listeners ------------------------------------------------------------------------ */

static bool is_whole_internet(struct check *c, const struct cidr *networks, size_t count)
{
    const struct internet_part part = {networks, count};
    if (!internet_may_be_whole(internet_share(networks, count)))
        return false;
    int whole = internet_is_whole(&part, 1);
    if (whole < 0)
        c->fault = whole;
    return whole > 0;
}

/* Zones that are harmless one by one and everything together. */
static bool are_whole_internet(struct check *c, const struct names *zones)
{
    struct internet_share share = {0, 0};
    struct internet_part *parts = NULL;
    size_t count = 0;
    for (size_t i = 0; i < zones->count; i++) {
        const struct zone_def *z = map_find(&c->name[SECTION_ZONES], span_str(zones->name[i]));
        if (z == NULL)
            continue;
        share.v4 += c->share[z - c->s->zones].v4;
        share.v6 += c->share[z - c->s->zones].v6;
    }
    if (zones->count < 2 || !internet_may_be_whole(share))
        return false;
    parts = calloc(zones->count, sizeof(*parts));
    for (size_t i = 0; parts != NULL && i < zones->count; i++) {
        const struct zone_def *z = map_find(&c->name[SECTION_ZONES], span_str(zones->name[i]));
        if (z != NULL)
            parts[count++] = (struct internet_part){z->cidrs, z->cidr_count};
    }
    int whole = parts == NULL ? -ENOMEM : internet_is_whole(parts, count);
    free(parts);
    if (whole < 0)
        c->fault = whole;
    return whole > 0;
}

static void check_zone_list(struct check *c, enum section_id id, size_t element,
                            const struct names *zones)
{
    bool found = false;
    for (size_t i = 0; i < zones->count; i++) {
        const struct zone_def *z = map_find(&c->name[SECTION_ZONES], span_str(zones->name[i]));
        struct place at = place_item(id, element, "zones", i);
        if (z == NULL || !c->whole[z - c->s->zones])
            continue;
        check_report(c, &at,
                     "expected no zone that is the whole internet while a listener is not on "
                     "loopback, found \"%s\"",
                     z->name);
        found = true;
    }
    struct place at = place_key(id, element, "zones");
    if (!found && are_whole_internet(c, zones))
        check_report(
            c, &at,
            "expected no zones that are the whole internet together while a listener is not on "
            "loopback, found such");
}

/* One source must not be able to take every connection there is: then nobody else could come in,
 * nor the person who wants to stop it. */
static void check_public_limits(struct check *c, size_t i)
{
    const struct listener_def *l = &c->s->listeners[i];
    const struct limits *limits = &c->s->limits;
    bool own = l->connections_per_source != 0;
    uint32_t source = own ? l->connections_per_source : limits->connections_per_source;
    uint32_t all = limits->connections;
    if (l->connections != 0 && l->connections < all)
        all = l->connections;
    struct place at = own ? place_key(SECTION_LISTENERS, i, "connections_per_source")
                          : place_key(SECTION_LIMITS, 0, "connections_per_source");
    if (source >= all)
        check_report(
            c, &at,
            "expected less than the %u connections of listener \"%s\", which is not on loopback, "
            "found %u",
            all, l->name, source);
}

static void check_public(struct check *c)
{
    const struct snapshot *s = c->s;
    bool open = false;
    for (size_t i = 0; i < s->listener_count; i++) {
        if (addr_is_loopback(&s->listeners[i].addr))
            continue;
        open = true;
        check_public_limits(c, i);
    }
    if (!open)
        return;
    c->whole = calloc(s->zone_count + 1, sizeof(*c->whole));
    c->share = calloc(s->zone_count + 1, sizeof(*c->share));
    if (c->whole == NULL || c->share == NULL) {
        c->fault = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < s->zone_count; i++) {
        /* Who names an interface has thought of who is behind it. */
        if (s->zones[i].interface[0] != 0)
            continue;
        c->share[i] = internet_share(s->zones[i].cidrs, s->zones[i].cidr_count);
        c->whole[i] = is_whole_internet(c, s->zones[i].cidrs, s->zones[i].cidr_count);
    }
    check_zone_list(c, SECTION_PORTAL, 0, &s->portal_zones);
    for (size_t i = 0; i < s->rule_count; i++) {
        struct place at = place_key(SECTION_RULES, i, "assurance");
        if (s->rules[i].demand || s->rules[i].deny)
            continue;
        check_zone_list(c, SECTION_RULES, i, &s->rules[i].zones);
        if (s->rules[i].assurance < ASSURANCE_MFA)
            check_report(c, &at,
                         "expected mfa or more while a listener is not on loopback, found \"%s\"",
                         ASSURANCE_WORDS[s->rules[i].assurance]);
    }
}

/* Whom a listener believes: nobody unless told how, and never everybody. */
static void check_proxies(struct check *c)
{
    const struct snapshot *s = c->s;
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener_def *l = &s->listeners[i];
        struct place at = place_key(SECTION_LISTENERS, i, "trusted_proxies");
        bool header = l->proxy_protocol != PROXY_PROTOCOL_OFF;
        bool believes = header || l->forwarded != FORWARDED_OFF;
        struct place word = place_key(SECTION_LISTENERS, i, "forwarded");
        if (header && l->forwarded != FORWARDED_OFF)
            check_report(
                c, &word,
                "expected off beside proxy_protocol, found a second word about one client");
        if (believes && l->proxy_count == 0)
            check_report(c, &at, "expected the addresses of the proxies in front, found none");
        if (!believes && l->proxy_count > 0)
            check_report(c, &at, "expected proxy_protocol or forwarded beside it, found neither");
        if (is_whole_internet(c, l->proxies, l->proxy_count))
            check_report(c, &at, "expected the addresses of proxies, found the whole internet");
    }
}

#define PAIR_NAME_MAX 64

/* Two names for one pair would be two keys to the signer; a long one has no room in its message. */
static void check_certificates(struct check *c)
{
    const struct names *pairs = &c->s->tls_certificates;
    for (size_t i = 0; i < pairs->count; i++) {
        struct place at = place_item(SECTION_TLS, 0, "certificates", i);
        if (strlen(pairs->name[i]) > PAIR_NAME_MAX)
            check_report(c, &at, "expected a name of at most %d letters, found more",
                         PAIR_NAME_MAX);
        for (size_t k = 0; k < i; k++)
            if (strcmp(pairs->name[i], pairs->name[k]) == 0)
                check_report(c, &at, "expected a name of its own, found \"%s\" a second time",
                             pairs->name[i]);
    }
}

static void check_session(struct check *c)
{
    struct place at = place_key(SECTION_SESSION, 0, "idle");
    if (c->s->session.idle > c->s->session.absolute)
        check_report(c, &at, "expected at most session.absolute, found more");
}

static void check_directory(struct check *c, size_t i)
{
    const struct directory_def *d = &c->s->dirs[i];
    struct place ca = place_key(SECTION_DIRECTORIES, i, "ca_file");
    struct place filter = place_key(SECTION_DIRECTORIES, i, "filter");
    struct place groups = place_key(SECTION_DIRECTORIES, i, "group_filter");
    if (d->ca[0] != 0 && d->ca_file[0] != 0)
        check_report(c, &ca, "expected ca or ca_file, found both");
    if (d->filter[0] != 0 && !ldapname_has_word(span_str(d->filter), "{user}"))
        check_report(c, &filter, "expected {user} somewhere, found it nowhere");
    if (d->group_filter[0] == 0)
        return;
    if (d->groups_from != GROUPS_SEARCH)
        check_report(c, &groups, "expected none without groups_from: search, found one");
    else if (!ldapname_has_word(span_str(d->group_filter), "{dn}") &&
             !ldapname_has_word(span_str(d->group_filter), "{user}"))
        check_report(c, &groups, "expected {dn} or {user} somewhere, found neither");
}

static void need(struct check *c, const char *have, const char *want, const char *key,
                 const char *named)
{
    struct place at = place_key(SECTION_NOTICES, 0, key);
    if (have[0] != 0 && want[0] == 0)
        check_report(c, &at, "expected one where notices.%s is set, found none", named);
}

static void check_notices(struct check *c)
{
    const struct notices_conf *n = &c->s->notices;
    need(c, n->mail_server, n->mail_from, "mail_from", "mail_server");
    need(c, n->mail_from, n->mail_server, "mail_server", "mail_from");
    need(c, n->mail_account, n->mail_password_file, "mail_password_file", "mail_account");
    need(c, n->webhook, n->webhook_secret_file, "webhook_secret_file", "webhook");
}

/* ---- all of it ------------------------------------------------------------------------------- */

int verify_each(const struct snapshot *s, verify_found found, void *ctx)
{
    struct check c = {.s = s, .found = found, .ctx = ctx};
    for (enum section_id id = 0; id < SECTION_COUNT; id++)
        map_init(&c.name[id], section_of(id)->most);
    for (enum section_id id = 0; id < SECTION_COUNT; id++) {
        check_values(&c, id);
        if (!section_is_machine(section_of(id)))
            check_names(&c, id);
    }
    check_places(&c);
    check_listeners(&c);
    check_zones(&c);
    check_routes(&c);
    check_client_pairs(&c);
    verify_rules(&c);
    verify_tests(&c);
    check_public(&c);
    check_proxies(&c);
    check_certificates(&c);
    check_session(&c);
    for (size_t i = 0; i < s->dir_count; i++)
        check_directory(&c, i);
    check_notices(&c);
    for (enum section_id id = 0; id < SECTION_COUNT; id++)
        map_fini(&c.name[id]);
    free(c.whole);
    free(c.share);
    return c.fault < 0 ? -ENOMEM : c.findings;
}

struct lines {
    const struct snapshot *s;
    struct buf *out;
};

static void on_found(void *ctx, const struct place *at, const char *text)
{
    struct lines *lines = ctx;
    place_write(lines->s, at, lines->out);
    (void)buf_printf(lines->out, ": %s\n", text);
}

int verify_snapshot(const struct snapshot *s, struct buf *errors)
{
    struct lines lines = {s, errors};
    int found = verify_each(s, on_found, &lines);
    if (found > VERIFY_MAX)
        (void)buf_printf(errors, "%d more errors are not shown\n", found - VERIFY_MAX);
    return found < 0 ? found : found > 0 ? FAULT_FORMAT : 0;
}
