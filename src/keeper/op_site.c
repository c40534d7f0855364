/* What there is to see of the site itself: upstreams, this node, its certificates, one's own place.
 */
#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/tiles.h"
#include "policy/zones.h"

/* ---- places ---- */

static json_t *zone_names(const struct keeper *k, struct zone_set set)
{
    json_t *list = json_array();
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    for (size_t i = 0; s != NULL && i < s->zone_count; i++) {
        if (zone_set_has(set, i) && json_push(list, json_string(s->zones[i].name)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static struct zone_set zones_of(const struct keeper *k, const struct addr *a, struct span interface)
{
    char name[INTERFACE_SIZE];
    if (k->live == NULL) {
        return (struct zone_set){NULL, 0};
    }
    (void)snprintf(name, sizeof(name), "%.*s", SPAN_FMT(interface));
    return zones_at(policy_zones(live_policy(k->live)), a, name);
}

int op_my_address(struct call *c)
{
    char text[ADDR_TEXT_SIZE];
    if (c->in.kind == CREDENTIAL_HOST) {
        return call_answer(c, 200, json_pack("{s:n,s:n,s:[]}", "address", "interface", "zones"));
    }
    addr_format(&c->in.source, text);
    return call_answer(
        c, 200,
        json_pack("{s:s,s:o,s:o}", "address", text, "interface",
                  c->in.interface.len > 0 ? json_text(c->in.interface) : json_null(), "zones",
                  zone_names(c->keeper, zones_of(c->keeper, &c->in.source, c->in.interface))));
}

int op_zone_contains(struct call *c)
{
    const struct keeper *k = c->keeper;
    const char *name = op_name(c, 0, "zone");
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    struct addr a;
    char text[ADDR_TEXT_SIZE];
    if (name == NULL) {
        return 0;
    }
    size_t at = 0;
    while (s != NULL && at < s->zone_count && strcmp(s->zones[at].name, name) != 0) {
        at++;
    }
    if (s == NULL || at == s->zone_count) {
        return call_problem(c, 404, NULL, "zone: no such thing");
    }
    if (addr_parse(call_string(c, "address"), &a) < 0) {
        return call_problem(c, 400, "address", "expected an address of IPv4 or IPv6");
    }
    struct span interface = call_string(c, "interface");
    if (interface.len >= INTERFACE_SIZE) {
        return call_problem(c, 400, "interface", "no interface has a name as long as this");
    }
    struct zone_set set = zones_of(k, &a, interface);
    addr_format(&a, text);
    return call_answer(c, 200,
                       json_pack("{s:s,s:s,s:b,s:o}", "zone", name, "address", text, "contains",
                                 zone_set_has(set, at), "zones", zone_names(k, set)));
}

/* ---- upstreams ---- */

int op_upstreams_list(struct call *c)
{
    struct keeper *k = c->keeper;
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    struct page page;
    if (!op_page(c, &page)) {
        return 0;
    }
    struct op_rows rows = {.call = c, .items = json_array(), .limit = page.limit};
    int r = 0;
    for (size_t i = page.anchor;
         s != NULL && r == 0 && i < s->route_count && rows.seen < rows.limit; i++) {
        const struct route_def *route = &s->routes[i];
        rows.seen++;
        rows.last = i + 1;
        r = json_push(rows.items, json_pack("{s:s,s:o,s:s,s:o}", "route", route->name, "title",
                                            json_text(span_str(route->title)), "state",
                                            tile_health(k, route->name), "endpoints",
                                            op_endpoints_json(k, route)));
    }
    return op_list_done(&rows, r, "upstreams", true);
}

/* ---- what the fleet says ---- */

/* object[name][key] = value, a number where it is one. */
static int put_fact(json_t *object, struct span name, struct span key, struct span value)
{
    char at[128], what[128];
    uint64_t number;
    (void)snprintf(at, sizeof(at), "%.*s", SPAN_FMT(name));
    (void)snprintf(what, sizeof(what), "%.*s", SPAN_FMT(key));
    if (!text_is_utf8(span_str(at)) || !text_is_utf8(span_str(what))) {
        return 0;
    }
    json_t *item = json_object_get(object, at);
    if (item == NULL) {
        item = json_object();
        int r = json_put(object, at, item);
        if (r < 0) {
            return r;
        }
    }
    return json_put(item, what,
                    text_u64(value, INT64_MAX, &number) == 0 ? json_integer((json_int_t)number)
                                                             : json_text(value));
}

/* Lines "PREFIX.NAME.KEY=value", by name; upstreams' are left out, they have a list of their own.
 * plain: what the one is called whose lines are "PREFIX_KEY=value", or NULL. */
static json_t *facts_by_name(const struct keeper *k, struct span prefix, const char *plain)
{
    json_t *object = json_object();
    struct span text = span_str(k->fleet), line, key, name;
    int r = object == NULL ? -ENOMEM : 0;
    while (r == 0 && span_cut(&text, '\n', &line)) {
        if (!span_cut(&line, '=', &key) || !span_starts(key, prefix) || key.len <= prefix.len) {
            continue;
        }
        uint8_t mark = key.at[prefix.len];
        key = span_sub(key, prefix.len + 1, SIZE_MAX);
        if (mark == '_' && plain != NULL) {
            r = put_fact(object, span_str(plain), key, line);
        } else if (mark == '.' && span_cut(&key, '.', &name) && key.len > 0 &&
                   !span_starts(key, SPAN("upstream."))) {
            r = put_fact(object, name, key, line);
        }
    }
    if (r < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* As a list of objects that know their names. */
static json_t *as_list(json_t *object, const char *member, bool number)
{
    json_t *list = json_array(), *item;
    const char *name;
    int r = object == NULL ? -ENOMEM : 0;
    json_object_foreach(object, name, item)
    {
        uint64_t value = 0;
        bool is_number = number && text_u64(span_str(name), INT64_MAX, &value) == 0;
        if (r == 0) {
            r = json_put(item, member,
                         is_number ? json_integer((json_int_t)value) : json_string(name));
        }
        r = r < 0 ? r : json_push(list, json_incref(item));
    }
    json_decref(object);
    if (r < 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

json_t *op_server_certificates(const struct keeper *k)
{
    return as_list(facts_by_name(k, SPAN("certificate"), "default"), "name", false);
}

int op_server_certificates_list(struct call *c)
{
    return call_answer(c, 200,
                       json_pack("{s:o}", "certificates", op_server_certificates(c->keeper)));
}

int op_nodes_list(struct call *c)
{
    const struct keeper *k = c->keeper;
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    json_t *node = json_pack("{s:o,s:s,s:o,s:I,s:I,s:s,s:o}", "name", json_text(span_str(k->node)),
                             "version", POSTERN_VERSION, "started", json_time_ms(k->started_ms),
                             "snapshot", (json_int_t)(s == NULL ? 0 : s->number), "generation",
                             (json_int_t)(s == NULL ? 0 : s->generation), "courier",
                             k->courier != NULL ? "connected" : "absent", "edges",
                             as_list(facts_by_name(k, SPAN("edge"), NULL), "id", true));
    return call_answer(c, 200, json_pack("{s:[o]}", "nodes", node));
}
