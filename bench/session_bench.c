/* What it costs to know somebody: a warm session at the edge (its view, and the decision with it),
 * and at the keeper the look-ups of sessions, tokens, users and groups, in a store with few and in
 * one with 10,000 users, 100,000 sessions and 100,000 tokens. Prints nanoseconds of CPU time per
 * operation, the best of several rounds; build it in a release build. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "edge/view.h"
#include "store/sessions.h"
#include "store/tokens.h"
#include "store/users.h"

#define ROUNDS 5
#define NOW 1000000u
#define VIEWS 10000u
#define REPEAT 200000u
#define LOOKUPS 20000u

static uint64_t state = 20261125;

static uint64_t draw(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int rc, const char *what)
{
    if (rc < 0) {
        (void)fprintf(stderr, "%s: %d\n", what, rc);
        exit(1);
    }
}

/* ---- the edge ---- */

static void (*answer)(void *owner, int fault, struct span payload);
static void *answer_owner;

static struct view_now on_now(void *self)
{
    (void)self;
    return (struct view_now){.mono_ms = 1000, .wall_s = NOW};
}

static int on_ask(void *self, const struct msg_session *m,
                  void (*done)(void *owner, int fault, struct span payload), void *owner,
                  struct keeper_ask **ret)
{
    (void)self;
    (void)m;
    answer = done;
    answer_owner = owner;
    *ret = (struct keeper_ask *)&answer;
    return 0;
}

static void on_cancel(struct keeper_ask *ask)
{
    (void)ask;
}

static void on_activity(void *self, const uint8_t id[16], uint64_t wall_s)
{
    (void)self;
    (void)id;
    (void)wall_s;
}

static void token_text(uint64_t n, char out[44])
{
    (void)snprintf(out, 44, "%043llu", (unsigned long long)n);
}

static void warm_check(void)
{
    static uint8_t packet[65536];
    struct view_world world = {
        .now = on_now, .ask = on_ask, .cancel = on_cancel, .activity = on_activity};
    struct views *views;
    struct addr source = {.byte = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
    must(views_new(&world, &views), "views");
    for (uint64_t i = 0; i < VIEWS; i++) {
        char text[44];
        struct view *v;
        token_text(i, text);
        must(views_find(views, CREDENTIAL_CHILD, span_str(text), SPAN("app.example:9443"), &source,
                        &v),
             "find");
        struct msg_view m = {.status = VIEW_OK,
                             .kind = CREDENTIAL_CHILD,
                             .user = SPAN("anna"),
                             .groups = SPAN("admins\nowners"),
                             .password_at = NOW,
                             .mfa_at = NOW};
        memcpy(m.id, &i, sizeof(i));
        struct writer out = writer_into(packet, sizeof(packet));
        msg_view_encode(&out, &m);
        answer(answer_owner, 0, span_of(packet, out.len));
    }
    double best = 1e18;
    for (unsigned round = 0; round < ROUNDS; round++) {
        double begin = now_ns();
        for (unsigned i = 0; i < REPEAT; i++) {
            char text[44];
            struct view *v = NULL;
            token_text(draw() % VIEWS, text);
            if (views_find(views, CREDENTIAL_CHILD, span_str(text), SPAN("app.example:9443"),
                           &source, &v) != VIEW_READY)
                abort();
            view_touch(v);
        }
        double took = (now_ns() - begin) / REPEAT;
        /* What the loop itself costs is the benchmark's, not the edge's. */
        begin = now_ns();
        for (unsigned i = 0; i < REPEAT; i++) {
            char text[44];
            token_text(draw() % VIEWS, text);
        }
        took -= (now_ns() - begin) / REPEAT;
        best = took < best ? took : best;
    }
    (void)printf("edge: warm session among %u                %8.0f ns\n", VIEWS, best);
    views_free(views);
}

/* ---- the keeper ---- */

struct size {
    unsigned users, sessions;
};

static void hash_of(uint64_t kind, uint64_t n, uint8_t out[STORE_HASH_SIZE])
{
    memset(out, 0, STORE_HASH_SIZE);
    uint64_t at = (n + 1) * 0x9e3779b97f4a7c15u;
    memcpy(out, &at, sizeof(at));
    memcpy(out + 8, &kind, sizeof(kind));
}

static void fill(struct store *s, struct size size)
{
    must(store_begin(s), "begin");
    must(groups_add(s, "admins", NOW), "group");
    for (unsigned i = 0; i < size.users; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "user%u", i);
        must(users_add(s, name, NOW), "user");
        must(groups_join(s, "admins", name), "join");
    }
    for (unsigned i = 0; i < size.sessions; i++) {
        struct session n = {.proven = proven_as(ASSURANCE_MFA, NOW),
                            .created = NOW,
                            .last_seen = NOW,
                            .idle = 900,
                            .ends_at = NOW + 43200,
                            .host = "app.example:9443",
                            .agent = "bench"};
        struct session_key key = {.kind = CREDENTIAL_CONSOLE};
        struct token t = {.routes = SPAN("app"), .created = NOW, .expires = NOW + 90 * 86400 + i};
        uint8_t id[STORE_HASH_SIZE];
        hash_of(1, i, id);
        hash_of(2, i, key.hash);
        hash_of(3, i, t.hash);
        memcpy(n.id, id, sizeof(n.id));
        memcpy(t.id, id, sizeof(t.id));
        (void)snprintf(n.user, sizeof(n.user), "user%u", i % size.users);
        (void)snprintf(t.owner, sizeof(t.owner), "user%u", i % size.users);
        (void)snprintf(t.name, sizeof(t.name), "token%u", i);
        must(sessions_add(s, &n, &key, 1), "session");
        must(tokens_add(s, &t), "token");
    }
    must(store_commit(s), "commit");
}

enum lookup { BY_KEY, BY_TOKEN, USER, GROUPS, LOOKUP_COUNT };

static void look(struct store *s, enum lookup which, struct size size)
{
    struct session session;
    struct token token;
    struct user user;
    struct arena arena;
    struct buf lines;
    uint8_t hash[STORE_HASH_SIZE];
    char name[32];
    uint64_t n = draw();
    (void)snprintf(name, sizeof(name), "user%u", (unsigned)(n % size.users));
    hash_of(which == BY_KEY ? 2 : 3, n % size.sessions, hash);
    switch (which) {
    case BY_KEY:
        must(sessions_find_key(s, CREDENTIAL_CONSOLE, hash, &session), "find");
        break;
    case BY_TOKEN:
        arena_init(&arena, 1024, 65536);
        must(tokens_find_hash(s, hash, &arena, &token), "find");
        arena_fini(&arena);
        break;
    case USER:
        must(users_find(s, name, &user), "find");
        break;
    case GROUPS:
        buf_init(&lines, 4096);
        must(groups_of(s, name, &lines), "groups");
        buf_fini(&lines);
        break;
    case LOOKUP_COUNT:
        break;
    }
}

static int nobody(void *context, const uint8_t id[STORE_ID_SIZE])
{
    (void)context;
    (void)id;
    return 0;
}

static void measure(struct size size, double took[LOOKUP_COUNT], double *sweep)
{
    char dir[] = "/tmp/postern-bench-XXXXXX", path[64], command[96];
    struct store *s;
    if (mkdtemp(dir) == NULL)
        exit(1);
    (void)snprintf(path, sizeof(path), "%s/postern.db", dir);
    must(store_open(path, STORE_CREATE, &s, NULL), "open");
    fill(s, size);
    for (unsigned which = 0; which < LOOKUP_COUNT; which++) {
        took[which] = 1e18;
        for (unsigned round = 0; round < ROUNDS; round++) {
            double begin = now_ns();
            for (unsigned i = 0; i < LOOKUPS; i++)
                look(s, which, size);
            double each = (now_ns() - begin) / LOOKUPS;
            took[which] = each < took[which] ? each : took[which];
        }
    }
    double begin = now_ns();
    must(sessions_expire(s, NOW + 1, nobody, NULL), "expire");
    *sweep = (now_ns() - begin) / 1e6;
    store_close(s);
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    if (system(command) != 0)
        (void)fprintf(stderr, "%s is left\n", dir);
}

int main(void)
{
    static const char *const NAMES[] = {[BY_KEY] = "session by its key",
                                        [BY_TOKEN] = "token by its text",
                                        [USER] = "user",
                                        [GROUPS] = "groups of a user"};
    const struct size few = {100, 1000}, many = {10000, 100000};
    double small[LOOKUP_COUNT], large[LOOKUP_COUNT], sweep_small, sweep_large;
    warm_check();
    measure(few, small, &sweep_small);
    measure(many, large, &sweep_large);
    (void)printf("keeper: with 100 users, 1,000 sessions and tokens; with 10,000 and 100,000\n");
    for (unsigned i = 0; i < LOOKUP_COUNT; i++)
        (void)printf("  %-24s %8.0f ns %8.0f ns\n", NAMES[i], small[i], large[i]);
    (void)printf("  %-24s %8.2f ms %8.2f ms\n", "sweep, once a minute", sweep_small, sweep_large);
    return 0;
}
