#include "edge/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/map.h"
#include "base/secret.h"
#include "edge/exchange.h"

#define TOKEN_MAX 128u
#define HOST_MAX 300u
#define KEY_MAX (2 + TOKEN_MAX + HOST_MAX)
/* How far eviction looks before it gives up: views in use are fresh and stand at the far end. */
#define EVICT_STEPS 256
/* Longer than a batch of activity waits. */
#define NEARLY_IDLE_S 60u

struct views {
    struct view_world world;
    struct map table;
    struct list asking;  /* the keeper never spoke of these yet; in the order of coming */
    struct list known;   /* in the order of the keeper's answers */
    struct list refused; /* likewise */
    struct list todo;    /* to be asked in the background */
    size_t cold, refreshing, refused_count;
    size_t bytes;
};

static size_t weight(const struct view *v)
{
    return sizeof(*v) + v->key.len + v->certificate.len + v->payload_len;
}

int views_new(const struct view_world *world, struct views **ret)
{
    struct views *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return -ENOMEM;
    c->world = *world;
    map_init(&c->table, VIEWS_MAX + VIEWS_REFUSED_MAX);
    list_init(&c->asking);
    list_init(&c->known);
    list_init(&c->refused);
    list_init(&c->todo);
    *ret = c;
    return 0;
}

size_t views_count(const struct views *c)
{
    return c->table.count;
}

/* ---- one view ---- */

static void forget_facts(struct view *v)
{
    if (v->payload != NULL)
        secret_wipe(v->payload, v->payload_len);
    free(v->payload);
    v->payload = NULL;
    v->payload_len = 0;
    v->facts = (struct msg_view){.status = VIEW_FAILED};
}

static struct view *view_ref(struct view *v)
{
    v->refs++;
    return v;
}

static void release(struct view *v, unsigned count)
{
    v->refs -= count;
    if (v->refs > 0)
        return;
    forget_facts(v);
    secret_wipe((void *)(uintptr_t)v->key.at, v->key.len);
    free(v);
}

void view_unref(struct view *v)
{
    if (v != NULL)
        release(v, 1);
}

static void join(struct view *v, struct exchange *x, struct list *list)
{
    x->view = view_ref(v);
    list_push(list, &x->view_link);
}

void view_join(struct view *v, struct exchange *x)
{
    join(v, x, &v->exchanges);
}

void view_wait(struct view *v, struct exchange *x)
{
    join(v, x, &v->waiting);
}

void view_leave(struct exchange *x)
{
    struct view *v = x->view;
    if (v == NULL)
        return;
    x->view = NULL;
    list_remove(&x->view_link);
    view_unref(v);
}

static void tell_activity(struct view *v)
{
    if (v->state != VIEW_KNOWN || view_is_program(v) || v->active_s <= v->told_s)
        return;
    v->told_s = v->active_s;
    v->cache->world.activity(v->cache->world.self, v->facts.id, v->active_s);
}

void view_touch(struct view *v)
{
    struct views *c = v->cache;
    uint64_t now = c->world.now(c->world.self).wall_s;
    if (now > v->active_s)
        v->active_s = now;
}

void view_came_from(struct view *v, const struct exchange *x)
{
    v->source = x->source;
    (void)snprintf(v->interface, sizeof(v->interface), "%s", x->interface);
}

/* The keeper's own limits on the session, as it last told them. 0 is none. */
static bool past_its_time(const struct view *v, uint64_t wall_s)
{
    return (v->facts.ends_at != 0 && wall_s >= v->facts.ends_at) ||
           (v->facts.idle_until != 0 && wall_s >= v->facts.idle_until);
}

/* Nobody finds it any more. The table's reference is the caller's to drop. */
static void leave_table(struct view *v)
{
    struct views *c = v->cache;
    tell_activity(v);
    if (v->state == VIEW_DEAD && v->in_table)
        c->refused_count--;
    list_remove(&v->age_link);
    list_remove(&v->todo_link);
    if (v->in_table) {
        (void)map_remove(&c->table, v->key);
        c->bytes -= weight(v);
    }
    v->in_table = false;
}

/* True when there was a question; its reference is the caller's to drop. */
static bool forget_ask(struct view *v)
{
    struct views *c = v->cache;
    if (v->ask == NULL)
        return false;
    struct keeper_ask *ask = v->ask;
    v->ask = NULL;
    v->ask_again = false;
    if (v->refreshing)
        c->refreshing--;
    else
        c->cold--;
    c->world.cancel(ask);
    return true;
}

/* Out of the table, no question, DEAD. The memory goes with the last exchange. */
static void drop(struct view *v)
{
    unsigned references = v->in_table ? 1 : 0;
    leave_table(v);
    if (forget_ask(v))
        references++;
    v->state = VIEW_DEAD;
    release(v, references);
}

void views_free(struct views *c)
{
    if (c == NULL)
        return;
    size_t at = 0;
    struct view *v;
    while ((v = map_next(&c->table, &at)) != NULL)
        drop(v);
    map_fini(&c->table);
    free(c);
}

/* ---- walking exchanges ----
 *
 * What is done to one exchange may end others of the same view and start new ones, so no walk may
 * hold a pointer to the next. Each walk moves the ring aside and takes from its front. */

static void move_ring(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

static struct exchange *take_exchange(struct list *ring, struct view *v)
{
    struct exchange *x = container_of(ring->next, struct exchange, view_link);
    list_remove(&x->view_link);
    list_push(&v->exchanges, &x->view_link);
    return x;
}

static uint32_t expire_all(struct view *v, enum view_status status)
{
    struct list ring;
    uint32_t count = 0;
    view_ref(v);
    move_ring(&v->exchanges, &ring);
    for (; !list_empty(&ring); count++)
        v->cache->world.expire(take_exchange(&ring, v), v, status);
    view_unref(v);
    return count;
}

static void refresh_all(struct view *v)
{
    struct list ring;
    move_ring(&v->exchanges, &ring);
    while (!list_empty(&ring)) {
        struct exchange *x = take_exchange(&ring, v);
        if (v->state == VIEW_KNOWN)
            v->cache->world.refreshed(x, v);
    }
}

static void resume_all(struct view *v, int fault)
{
    struct list ring;
    move_ring(&v->waiting, &ring);
    while (!list_empty(&ring))
        v->cache->world.resume(take_exchange(&ring, v), v, fault);
}

/* ---- questions ---- */

static void on_answer(void *owner, int fault, struct span payload);

static int start_ask(struct view *v, bool background)
{
    struct views *c = v->cache;
    struct msg_session m = {.kind = v->kind,
                            .token = v->token,
                            .host = v->host,
                            .interface = span_str(v->interface),
                            .certificate = v->certificate};
    memcpy(m.source, v->source.byte, sizeof(m.source));
    /* The keeper must not find a session idle that was used a second ago and whose batch is still
     * here. */
    if (v->state == VIEW_KNOWN && v->facts.idle_until != 0 &&
        c->world.now(c->world.self).wall_s + NEARLY_IDLE_S >= v->facts.idle_until) {
        tell_activity(v);
        c->world.flush(c->world.self);
    }
    int rc = c->world.ask(c->world.self, &m, on_answer, v, &v->ask);
    if (rc < 0)
        return rc;
    view_ref(v);
    v->refreshing = background;
    if (background)
        c->refreshing++;
    else
        c->cold++;
    return 0;
}

static void pump(struct views *c)
{
    while (c->refreshing < VIEWS_REFRESH_MAX && !list_empty(&c->todo)) {
        struct view *v = container_of(c->todo.next, struct view, todo_link);
        list_remove(&v->todo_link);
        if (v->state == VIEW_KNOWN && v->ask == NULL && start_ask(v, true) < 0)
            v->retry_ms = c->world.now(c->world.self).mono_ms + VIEW_RETRY_MS;
    }
}

static void plan_refresh(struct view *v, uint64_t mono_ms)
{
    if (v->ask == NULL && list_empty(&v->todo_link) && mono_ms >= v->retry_ms)
        list_push(&v->cache->todo, &v->todo_link);
}

/* The keeper has said no: everything under the view ends. When nothing is open the no is remembered
 * for a moment; else the view keeps its facts for the records of what it ends. */
static void refuse(struct view *v, enum view_status status)
{
    struct views *c = v->cache;
    if (!list_empty(&v->exchanges)) {
        drop(v);
        (void)expire_all(v, status);
        return;
    }
    list_remove(&v->age_link);
    list_remove(&v->todo_link);
    c->bytes -= v->payload_len;
    forget_facts(v);
    v->state = VIEW_DEAD;
    v->status = status;
    list_push(&c->refused, &v->age_link);
    if (++c->refused_count > VIEWS_REFUSED_MAX)
        drop(container_of(c->refused.next, struct view, age_link));
}

/* What proves a level proves those below it. */
static bool is_proven(const struct msg_view *f)
{
    return f->password_at >= f->mfa_at && f->mfa_at >= f->resistant_at &&
           f->resistant_at >= f->hardware_at;
}

static int learn(struct view *v, struct span payload)
{
    struct views *c = v->cache;
    uint8_t *copy = malloc(payload.len > 0 ? payload.len : 1);
    if (copy == NULL)
        return -ENOMEM;
    if (payload.len > 0)
        memcpy(copy, payload.at, payload.len);
    struct msg_view facts;
    int rc = msg_view_decode(span_of(copy, payload.len), &facts);
    if (rc == 0 && (facts.kind != v->kind || !is_proven(&facts)))
        rc = FAULT_FORMAT;
    if (rc < 0) {
        secret_wipe(copy, payload.len);
        free(copy);
        return rc;
    }
    if (v->in_table)
        c->bytes -= weight(v);
    forget_facts(v);
    v->payload = copy;
    v->payload_len = payload.len;
    v->facts = facts;
    if (v->in_table)
        c->bytes += weight(v);
    v->status = VIEW_OK;
    v->state = VIEW_KNOWN;
    v->stale = false;
    list_remove(&v->age_link);
    list_remove(&v->todo_link);
    if (v->in_table)
        list_push(&c->known, &v->age_link);
    return 0;
}

static void on_failure(struct view *v, int fault)
{
    struct views *c = v->cache;
    if (v->state == VIEW_KNOWN)
        v->retry_ms = c->world.now(c->world.self).mono_ms + VIEW_RETRY_MS;
    else
        drop(v);
    resume_all(v, fault);
}

static void on_answer(void *owner, int fault, struct span payload)
{
    struct view *v = owner; /* with the question's reference */
    struct views *c = v->cache;
    bool again = v->ask_again;
    v->ask = NULL;
    v->ask_again = false;
    if (v->refreshing)
        c->refreshing--;
    else
        c->cold--;

    struct msg_view said = {.status = VIEW_FAILED};
    if (fault == 0)
        fault = msg_view_decode(payload, &said);
    if (again) {
        fault = start_ask(v, v->refreshing);
        if (fault == 0) {
            view_unref(v);
            return;
        }
    }
    if (fault == 0) {
        switch (said.status) {
        case VIEW_OK:
            fault = learn(v, payload);
            break;
        case VIEW_UNKNOWN:
        case VIEW_WRONG_HOST:
            break;
        default:
            fault = FAULT_STORE;
        }
    }
    if (fault < 0) {
        on_failure(v, fault);
    } else {
        v->answered_ms = c->world.now(c->world.self).mono_ms;
        if (said.status == VIEW_OK)
            refresh_all(v);
        else
            refuse(v, (enum view_status)said.status);
        resume_all(v, 0);
    }
    view_unref(v);
    pump(c);
}

/* ---- finding ---- */

static struct span make_key(uint8_t key[KEY_MAX], uint8_t kind, struct span token, struct span host)
{
    struct writer w = writer_into(key, KEY_MAX);
    writer_u8(&w, kind);
    writer_u8(&w, (uint8_t)token.len);
    writer_fixed(&w, token.at, token.len);
    writer_fixed(&w, host.at, host.len);
    return span_of(key, w.len);
}

static bool same_source(const struct addr *a, const struct addr *b)
{
    if (addr_is_v4(a) || addr_is_v4(b))
        return addr_eq(a, b);
    return memcmp(a->byte, b->byte, 8) == 0;
}

static int make_room(struct views *c)
{
    int steps = EVICT_STEPS;
    while (c->table.count - c->refused_count >= VIEWS_MAX || c->bytes >= VIEWS_BYTES_MAX) {
        struct view *victim = NULL;
        list_each(it, &c->known)
        {
            struct view *v = container_of(it, struct view, age_link);
            if (list_empty(&v->exchanges) && list_empty(&v->waiting)) {
                victim = v;
                break;
            }
            if (--steps <= 0)
                return FAULT_BUSY;
        }
        if (victim == NULL)
            return FAULT_BUSY;
        drop(victim);
    }
    return 0;
}

static int may_ask_cold(const struct views *c, const struct addr *source)
{
    if (c->cold >= VIEWS_COLD_MAX)
        return FAULT_BUSY;
    size_t mine = 0;
    list_each(it, &c->asking)
    {
        if (same_source(&container_of(it, struct view, age_link)->source, source))
            mine++;
    }
    return mine >= VIEWS_COLD_PER_SOURCE ? FAULT_BUSY : 0;
}

static int add(struct views *c, uint8_t kind, struct span key, size_t token_len, struct span chain,
               const struct addr *source, struct view **ret)
{
    int rc = may_ask_cold(c, source);
    if (rc == 0)
        rc = make_room(c);
    if (rc < 0)
        return rc;
    struct view *v = calloc(1, sizeof(*v) + key.len + chain.len);
    if (v == NULL)
        return -ENOMEM;
    uint8_t *own = (uint8_t *)(v + 1);
    memcpy(own, key.at, key.len);
    if (chain.len > 0)
        memcpy(own + key.len, chain.at, chain.len);
    *v = (struct view){.refs = 1,
                       .state = VIEW_ASKING,
                       .status = VIEW_FAILED,
                       .kind = kind,
                       .cache = c,
                       .key = span_of(own, key.len),
                       .certificate = span_of(own + key.len, chain.len),
                       .token = span_of(own + 2, token_len),
                       .host = span_of(own + 2 + token_len, key.len - 2 - token_len),
                       .source = *source};
    list_init(&v->exchanges);
    list_init(&v->waiting);
    list_init(&v->age_link);
    list_init(&v->todo_link);
    rc = map_put(&c->table, v->key, v);
    if (rc < 0) {
        view_unref(v);
        return rc;
    }
    v->in_table = true;
    c->bytes += weight(v);
    list_push(&c->asking, &v->age_link);
    rc = start_ask(v, false);
    if (rc < 0) {
        drop(v);
        return rc;
    }
    *ret = v;
    return VIEW_WAIT;
}

static int find(struct views *c, enum credential_kind kind, struct span token, struct span chain,
                struct span host, const struct addr *source, struct view **ret)
{
    if (token.len == 0 || token.len > TOKEN_MAX || host.len > HOST_MAX)
        return FAULT_LIMIT;
    uint8_t bytes[KEY_MAX];
    struct span key = make_key(bytes, (uint8_t)kind, token, host);
    struct view_now now = c->world.now(c->world.self);
    struct view *v = map_find(&c->table, key);
    int rc = VIEW_WAIT;
    if (v != NULL && v->state == VIEW_DEAD && now.mono_ms - v->answered_ms >= VIEW_REFUSED_MS) {
        drop(v);
        v = NULL;
    }
    if (v == NULL) {
        rc = add(c, (uint8_t)kind, key, token.len, chain, source, &v);
    } else if (v->state == VIEW_DEAD) {
        rc = VIEW_READY;
    } else if (v->state == VIEW_KNOWN) {
        uint64_t age = now.mono_ms - v->answered_ms;
        rc = VIEW_READY;
        bool usable = !v->stale && age <= VIEW_USABLE_MS && !past_its_time(v, now.wall_s);
        if (usable && age > VIEW_FRESH_MS) {
            plan_refresh(v, now.mono_ms);
            pump(c);
        }
        if (!usable) {
            rc = v->ask == NULL ? start_ask(v, false) : 0;
            if (rc == 0)
                rc = VIEW_WAIT;
        }
    }
    secret_wipe(bytes, key.len);
    if (rc >= 0)
        *ret = v;
    return rc;
}

int views_find(struct views *c, enum credential_kind kind, struct span token, struct span host,
               const struct addr *source, struct view **ret)
{
    return find(c, kind, token, SPAN_NONE, host, source, ret);
}

int views_find_certificate(struct views *c, struct span name, struct span chain, struct span host,
                           const struct addr *source, struct view **ret)
{
    return find(c, CREDENTIAL_CERTIFICATE, name, chain, host, source, ret);
}

/* ---- time ---- */

/* A stream that the client feeds keeps its session from becoming idle, like requests do. */
static void note_streams(struct view *v)
{
    uint64_t sum = 0;
    list_each(it, &v->exchanges) sum += container_of(it, struct exchange, view_link)->bytes_in;
    if (sum > v->stream_bytes)
        view_touch(v);
    v->stream_bytes = sum;
}

static void tick_known(struct view *v, struct view_now now)
{
    bool used = !list_empty(&v->exchanges);
    uint64_t age = now.mono_ms - v->answered_ms;
    if (used)
        note_streams(v);
    if (v->active_s >= v->told_s + VIEW_FRESH_MS / 1000)
        tell_activity(v);
    if (age > VIEW_USABLE_MS) {
        if (list_empty(&v->waiting))
            drop(v);
        if (used)
            (void)expire_all(v, VIEW_FAILED);
    } else if (used && (age > VIEW_FRESH_MS || v->stale || past_its_time(v, now.wall_s))) {
        plan_refresh(v, now.mono_ms);
    }
}

/* Takes a reference to every view of a ring, so that a walk survives whatever its steps do. */
struct walk {
    struct view **at;
    size_t count;
};

static int walk_begin(struct views *c, struct walk *w)
{
    *w = (struct walk){.at = calloc(c->table.count + 1, sizeof(struct view *))};
    if (w->at == NULL)
        return -ENOMEM;
    size_t at = 0;
    struct view *v;
    while ((v = map_next(&c->table, &at)) != NULL)
        w->at[w->count++] = view_ref(v);
    return 0;
}

static void walk_end(struct walk *w)
{
    for (size_t i = 0; i < w->count; i++)
        view_unref(w->at[i]);
    free(w->at);
}

void views_tick(struct views *c)
{
    struct view_now now = c->world.now(c->world.self);
    while (!list_empty(&c->refused)) {
        struct view *v = container_of(c->refused.next, struct view, age_link);
        if (now.mono_ms - v->answered_ms < VIEW_REFUSED_MS)
            break;
        drop(v);
    }
    struct walk w;
    if (walk_begin(c, &w) < 0)
        return;
    for (size_t i = 0; i < w.count; i++) {
        if (w.at[i]->state == VIEW_KNOWN && w.at[i]->in_table)
            tick_known(w.at[i], now);
    }
    walk_end(&w);
    pump(c);
}

/* ---- revocation ---- */

void views_ask_all(struct views *c)
{
    size_t at = 0;
    struct view *v;
    while ((v = map_next(&c->table, &at)) != NULL) {
        if (v->ask != NULL)
            v->ask_again = true;
        v->stale = true;
        v->retry_ms = 0;
        if (v->state == VIEW_DEAD || (v->ask == NULL && list_empty(&v->exchanges)))
            drop(v);
        else if (v->state == VIEW_KNOWN)
            plan_refresh(v, 0);
    }
    pump(c);
}

static bool concerns(const struct view *v, enum revoke_kind kind, struct span id)
{
    if (v->state != VIEW_KNOWN)
        return false;
    switch (kind) {
    case REVOKE_SESSION:
        return !view_is_program(v) && span_eq(span_of(v->facts.id, 16), id);
    case REVOKE_TOKEN:
        return view_is_program(v) && span_eq(span_of(v->facts.id, 16), id);
    case REVOKE_USER:
        return span_eq(v->facts.user, id);
    case REVOKE_ROUTE:
    case REVOKE_ALL:
        break;
    }
    return false;
}

/* The route's streams end; what views know of the route's injected credential is asked again. */
static uint32_t revoke_route(struct view *v, struct span route)
{
    struct list ring;
    uint32_t count = 0;
    v->stale = true;
    move_ring(&v->exchanges, &ring);
    while (!list_empty(&ring)) {
        struct exchange *x = take_exchange(&ring, v);
        if (x->route == NULL || !span_is(route, x->route->name))
            continue;
        v->cache->world.expire(x, v, VIEW_OK);
        count++;
    }
    return count;
}

uint32_t views_revoke(struct views *c, enum revoke_kind kind, struct span id)
{
    if (kind == REVOKE_ALL) {
        views_ask_all(c);
        return 0;
    }
    struct walk w;
    uint32_t count = 0;
    if (walk_begin(c, &w) < 0) {
        /* Without memory to be exact: nothing that is cached may be used before it is asked again.
         */
        views_ask_all(c);
        return 0;
    }
    for (size_t i = 0; i < w.count; i++) {
        struct view *v = w.at[i];
        if (v->ask != NULL)
            v->ask_again = true;
        if (kind == REVOKE_ROUTE) {
            count += revoke_route(v, id);
        } else if (concerns(v, kind, id)) {
            /* Those who wait with it ask anew and hear the keeper's own word. */
            if (list_empty(&v->waiting))
                drop(v);
            else
                v->stale = true;
            count += expire_all(v, VIEW_UNKNOWN);
        }
    }
    walk_end(&w);
    return count;
}

void views_each_exchange(struct views *c, void (*each)(struct exchange *x, struct view *v))
{
    struct walk w;
    if (walk_begin(c, &w) < 0) {
        views_ask_all(c);
        return;
    }
    for (size_t i = 0; i < w.count; i++) {
        struct list ring;
        move_ring(&w.at[i]->exchanges, &ring);
        while (!list_empty(&ring))
            each(take_exchange(&ring, w.at[i]), w.at[i]);
    }
    walk_end(&w);
}

struct proven view_proven(const struct msg_view *f)
{
    return (struct proven){{[ASSURANCE_PASSWORD] = f->password_at,
                            [ASSURANCE_MFA] = f->mfa_at,
                            [ASSURANCE_PHISHING_RESISTANT] = f->resistant_at,
                            [ASSURANCE_HARDWARE] = f->hardware_at}};
}

struct subject view_subject(const struct view *v)
{
    const struct msg_view *f = &v->facts;
    return (struct subject){
        .kind = view_is_program(v) ? SUBJECT_TOKEN : SUBJECT_PERSON,
        .user = f->user,
        .token = f->token_name,
        .by_certificate = v->kind == CREDENTIAL_CERTIFICATE,
        .groups = f->groups,
        .grants = f->grants,
        .named_only = f->named_only != 0,
        .proven = view_proven(f),
        .scope_routes = f->scope_routes,
        .scope_methods = f->scope_methods,
        .scope_paths = f->scope_paths,
        .scope_zones = f->scope_zones,
        .scope_certificate = f->scope_bound != 0 ? f->scope_certificate : NULL,
    };
}
