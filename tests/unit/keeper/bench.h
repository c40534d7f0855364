/* A keeper without a loop, for tests and for fuzzing: a store in a directory of its own, a
 * configuration from text, an owner and a person who are logged in. Not for cmocka alone: what goes
 * wrong here aborts. */
#ifndef TESTS_KEEPER_BENCH_H
#define TESTS_KEEPER_BENCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/yaml.h"
#include "identity/token.h"
#include "keeper/call.h"
#include "keeper/keeper.h"
#include "keeper/operation.h"
#include "store/sessions.h"
#include "store/tokens.h"
#include "store/users.h"

#define BENCH_HOST SPAN("postern.localhost:9443")
#define BENCH_CONFIG                                                                               \
    "portal: {host: postern.localhost}\n"                                                          \
    "listeners:\n"                                                                                 \
    "  - {name: main, address: \"127.0.0.1:9443\"}\n"                                              \
    "  - {name: bare, address: \"127.0.0.1:9444\"}\n"                                              \
    "  - {name: wide, address: \"[::1]:9445\"}\n"                                                  \
    "routes:\n"                                                                                    \
    "  tomcat: {host: tomcat.postern.localhost, upstream: \"http://127.0.0.1:8080\"}\n"            \
    "  bare: {port: 9444, upstream: \"http://127.0.0.1:8081\"}\n"                                  \
    "  wide: {port: 9445, upstream: \"http://127.0.0.1:8082\"}\n"                                  \
    "rules:\n"                                                                                     \
    "  - {name: admins, groups: [owners], zones: [local], routes: [\"*\"]}\n"                      \
    "  - {name: robots, tokens: [robot], zones: [local], routes: [tomcat]}\n"

struct bench {
    char dir[64];
    struct keeper k;
    char owner[TOKEN_TEXT_SIZE]; /* console keys */
    char person[TOKEN_TEXT_SIZE];
    char robot[TOKEN_API_TEXT_SIZE];
};

#define bench_must(what)                                                                           \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline void bench_log_in(struct bench *b, const char *user, char key[TOKEN_TEXT_SIZE])
{
    uint64_t now = clock_wall_ms() / 1000;
    struct session s = {.proven = proven_as(ASSURANCE_MFA, now),
                        .created = now,
                        .last_seen = now,
                        .idle = 86400,
                        .ends_at = now + 864000};
    struct session_key k = {.kind = CREDENTIAL_CONSOLE};
    (void)snprintf(s.user, sizeof(s.user), "%s", user);
    (void)snprintf(s.host, sizeof(s.host), "postern.localhost");
    bench_must(token_new_id(s.id) == 0 && token_new(key, k.hash) == 0);
    bench_must(sessions_add(b->k.store, &s, &k, 1) == 0);
}

static inline void bench_people(struct bench *b)
{
    uint64_t now = clock_wall_ms() / 1000;
    struct token t = {.name = "robot",
                      .owner = "owner",
                      .created = now,
                      .routes = SPAN("portal\ntomcat"),
                      .methods = SPAN("GET"),
                      .paths = SPAN("/api/v1/users/**")};
    bench_must(users_add(b->k.store, "owner", now) == 0);
    bench_must(users_add(b->k.store, "person", now) == 0);
    bench_must(groups_join(b->k.store, GROUP_OWNERS, "owner") == 0);
    bench_log_in(b, "owner", b->owner);
    bench_log_in(b, "person", b->person);
    bench_must(token_new_id(t.id) == 0 && token_new_api(b->robot, t.hash) == 0);
    bench_must(tokens_add(b->k.store, &t) == 0);
}

static inline void bench_open(struct bench *b)
{
    char path[96];
    struct buf note;
    memset(b, 0, sizeof(*b));
    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/postern-bench-XXXXXX");
    bench_must(mkdtemp(b->dir) != NULL);
    (void)snprintf(path, sizeof(path), "%s/postern.db", b->dir);
    buf_init(&note, 65536);
    bench_must(store_open(path, STORE_CREATE, &b->k.store, &note) == 0);
    list_init(&b->k.edges);
    changes_init(&b->k.changes);
    hosts_init(&b->k.hosts);
    errands_init(&b->k.errands);
    directories_init(&b->k.directories);
    notices_init(&b->k.notices);
    providers_init(&b->k.providers);
    leases_init(&b->k.leases);
    revokes_init(&b->k.revokes);
    turn_init(&b->k.turn, &b->k);
    bench_must(yaml_parse("bench", SPAN(BENCH_CONFIG), &b->k.file, &note) == 0);
    bench_must(live_new(b->k.file, NULL, NULL, NULL, 1, &b->k.live, &note) == 0);
    b->k.scratch = malloc(MSG_PACKET_MAX);
    bench_must(b->k.scratch != NULL);
    buf_fini(&note);
    bench_people(b);
}

static inline void bench_close(struct bench *b)
{
    char child[512];
    changes_fini(&b->k.changes);
    hosts_fini(&b->k.hosts);
    providers_fini(&b->k.providers);
    leases_fini(&b->k.leases);
    repeats_fini(&b->k.repeats);
    revokes_fini(&b->k.revokes);
    live_free(b->k.live);
    snapshot_free(b->k.file);
    store_close(b->k.store);
    free(b->k.scratch);
    DIR *dir = opendir(b->dir);
    struct dirent *e;
    while (dir != NULL && (e = readdir(dir)) != NULL) {
        (void)snprintf(child, sizeof(child), "%s/%s", b->dir, e->d_name);
        if (e->d_name[0] != '.') {
            (void)unlink(child);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)rmdir(b->dir);
}

/* Runs one call the way the keeper does and undoes all of it. The caller frees it. */
static inline struct call *bench_call(struct bench *b, enum credential_kind kind, const char *token,
                                      struct span method, struct span path, struct span query,
                                      struct span body, int *fault)
{
    struct call_input in = {.kind = kind,
                            .token = span_str(token),
                            .host = BENCH_HOST,
                            .method = method,
                            .path = path,
                            .query = query,
                            .body = body,
                            .type = SPAN("application/json")};
    struct call *c = call_new(&b->k, &in);
    bench_must(c != NULL);
    bench_must(store_begin(b->k.store) == 0 && store_mark(b->k.store) == 0);
    *fault = operation_run(c);
    if (*fault == 0 && c->need == CALL_HASH) {
        call_reset(c);
        (void)snprintf(c->hash, sizeof(c->hash), "$argon2id$stand-in");
        c->hashed = true;
        *fault = operation_run(c);
    }
    if (store_in_transaction(b->k.store)) {
        store_undo(b->k.store);
    }
    store_rollback(b->k.store);
    return c;
}

#endif
