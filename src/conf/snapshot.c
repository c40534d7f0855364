#include "conf/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "conf/keys.h"

#define ARENA_BLOCK (16u * 1024)
/* Far above what SLICE_MAX of bytes or YAML_MAX of text can unfold to. */
#define ARENA_MAX ((size_t)2 * 1024 * 1024 * 1024)

/* An absent text is "", so that nobody has to look for NULL. Runs over the table, so that a new key
 * cannot be forgotten. */
static void empty_texts(struct snapshot *s)
{
    for (enum section_id id = 0; id < SECTION_COUNT; id++) {
        const struct section *sec = section_of(id);
        if (section_is_machine(sec))
            section_blank(sec, s);
    }
}

struct snapshot *snapshot_bare(void)
{
    struct snapshot *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    arena_init(&s->arena, ARENA_BLOCK, ARENA_MAX);
    empty_texts(s);
    return s;
}

static int add_builtins(struct snapshot *s)
{
    static const struct cidr LOCAL[] = {
        {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}}, 104},
        {{{[15] = 1}}, 128},
    };
    static const struct {
        const char *name;
        struct addr addr;
    } LISTENERS[] = {
        {"main", {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}}},
        {"main6", {{[15] = 1}}},
    };
    struct zone_def zone = {.name = "local", .interface = "", .origin = ORIGIN_BUILTIN};
    for (size_t i = 0; i < countof(LOCAL); i++) {
        struct cidr *c = array_grow(&s->arena, (void **)&zone.cidrs, zone.cidr_count, sizeof(*c));
        if (c == NULL)
            return -ENOMEM;
        *c = LOCAL[i];
        zone.cidr_count++;
    }
    int rc = section_append(section_of(SECTION_ZONES), s, &zone);
    for (size_t i = 0; i < countof(LISTENERS) && rc == 0; i++) {
        struct listener_def l = {0};
        rc = section_defaults(section_of(SECTION_LISTENERS), &s->arena, &l);
        if (rc < 0)
            break;
        l.name = LISTENERS[i].name;
        l.addr = LISTENERS[i].addr;
        l.port = SNAPSHOT_PORT;
        rc = section_append(section_of(SECTION_LISTENERS), s, &l);
    }
    return rc;
}

struct snapshot *snapshot_draft(void)
{
    struct snapshot *s = snapshot_bare();
    if (s == NULL)
        return NULL;
    int rc = 0;
    for (enum section_id id = 0; id < SECTION_COUNT && rc == 0; id++)
        if (section_is_machine(section_of(id)))
            rc = section_defaults(section_of(id), &s->arena, s);
    if (rc == 0)
        rc = add_builtins(s);
    if (rc < 0) {
        snapshot_free(s);
        return NULL;
    }
    return s;
}

struct snapshot *snapshot_new(void)
{
    struct snapshot *s = snapshot_draft();
    if (s != NULL && snapshot_settle(s) < 0) {
        snapshot_free(s);
        return NULL;
    }
    return s;
}

int snapshot_settle(struct snapshot *s)
{
    const struct {
        const char **place;
        const char *below;
    } derived[] = {
        {&s->store_file, "store/postern.db"},
        {&s->tls_dir, "tls"},
        {&s->secrets_dir, "secrets"},
    };
    for (size_t i = 0; i < countof(derived); i++) {
        if ((*derived[i].place)[0] != 0)
            continue;
        const char *path = arena_printf(&s->arena, "%s/%s", s->state_dir, derived[i].below);
        if (path == NULL)
            return -ENOMEM;
        *derived[i].place = path;
    }
    return 0;
}

static const void *find(enum section_id id, const struct snapshot *s, const char *name)
{
    const struct section *sec = section_of(id);
    for (size_t i = 0; i < section_count(sec, s); i++)
        if (strcmp(section_element_name(sec, s, i), name) == 0)
            return section_element(sec, s, i);
    return NULL;
}

const struct listener_def *snapshot_listener(const struct snapshot *s, const char *name)
{
    return find(SECTION_LISTENERS, s, name);
}

const struct zone_def *snapshot_zone(const struct snapshot *s, const char *name)
{
    return find(SECTION_ZONES, s, name);
}

const struct route_def *snapshot_route(const struct snapshot *s, const char *name)
{
    return find(SECTION_ROUTES, s, name);
}

const struct rule_def *snapshot_rule(const struct snapshot *s, const char *name)
{
    return find(SECTION_RULES, s, name);
}

const struct directory_def *snapshot_directory(const struct snapshot *s, const char *name)
{
    return find(SECTION_DIRECTORIES, s, name);
}

bool snapshot_sends_hsts(const struct snapshot *s)
{
    bool plain = false;
    for (size_t i = 0; i < s->listener_count; i++)
        plain |= s->listeners[i].kind == LISTENER_PLAIN;
    return s->hsts == HSTS_ALWAYS || (s->hsts == HSTS_AUTO && !plain);
}

bool snapshot_takes_tls12(const struct snapshot *s)
{
    bool takes = false;
    for (size_t i = 0; i < s->listener_count; i++)
        takes |= s->listeners[i].min_tls == TLS_FLOOR_12;
    return takes;
}

bool snapshot_serves_portal(const struct snapshot *s, const struct listener_def *l)
{
    if (!l->portal || l->kind != LISTENER_TLS)
        return false;
    for (size_t i = 0; i < s->route_count; i++)
        if (s->routes[i].port == l->port)
            return false;
    return true;
}

uint16_t snapshot_portal_port(const struct snapshot *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (snapshot_serves_portal(s, &s->listeners[i]))
            return listener_public_port(&s->listeners[i]);
    return SNAPSHOT_PORT;
}

uint16_t snapshot_inner_port(const struct snapshot *s, uint16_t port)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i].public_port == port && port != 0)
            return s->listeners[i].port;
    return port;
}

bool route_tells(const struct route_def *r, const char *how)
{
    for (size_t i = 0; i < r->identity.count; i++)
        if (strcmp(r->identity.name[i], how) == 0)
            return true;
    return false;
}

void snapshot_free(struct snapshot *s)
{
    if (s == NULL)
        return;
    arena_fini(&s->arena);
    free(s);
}

enum upstream_trust route_trust(const struct route_def *r)
{
    bool tls = false;
    for (size_t i = 0; i < r->upstream_count; i++)
        tls |= r->upstreams[i].scheme == UPSTREAM_HTTPS;
    if (!tls)
        return TRUST_NONE;
    if (r->upstream_ca[0] != 0 || r->upstream_ca_file[0] != 0 || r->authorities[0] != 0)
        return TRUST_CA;
    return r->upstream_pins.count > 0 ? TRUST_PIN : TRUST_SYSTEM;
}

const struct client_def *snapshot_client(const struct snapshot *s, const struct listener_def *l,
                                         struct span host)
{
    if (span_is(host, s->portal_host))
        return s->portal_client.mode == CLIENT_INHERIT ? &l->client : &s->portal_client;
    for (size_t i = 0; i < s->route_count; i++) {
        const struct route_def *r = &s->routes[i];
        if (r->client.mode != CLIENT_INHERIT && span_is(host, r->host))
            return &r->client;
    }
    return &l->client;
}

static bool asks(const struct client_def *c)
{
    return c->mode == CLIENT_OPTIONAL || c->mode == CLIENT_REQUIRED;
}

bool snapshot_asks_clients(const struct snapshot *s)
{
    bool found = asks(&s->portal_client);
    for (size_t i = 0; i < s->listener_count; i++)
        found |= asks(&s->listeners[i].client);
    for (size_t i = 0; i < s->route_count; i++)
        found |= asks(&s->routes[i].client);
    return found;
}
