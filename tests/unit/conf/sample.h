/* Configurations for the tests of conf and policy. */
#ifndef TESTS_CONF_SAMPLE_H
#define TESTS_CONF_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fault.h"
#include "conf/yaml.h"

/* Every key is set, none to its default. */
#define SAMPLE_FULL                                                                                \
    "portal: {host: p.test, zones: [local, office]}\n"                                             \
    "listeners:\n"                                                                                 \
    "  - {name: main, address: 127.0.0.1:9443}\n"                                                  \
    "  - {name: six, address: '[::1]:9443'}\n"                                                     \
    "  - {name: extra, address: 127.0.0.1:9444}\n"                                                 \
    "state: {directory: /planted/state, store: /planted/store/store.db, secrets: "                 \
    "/planted/secrets,\n"                                                                          \
    "        runtime: /planted/run}\n"                                                             \
    "tls: {directory: /planted/tls, certificate: planted.crt, key: planted.key}\n"                 \
    "process: {user: planteduser, edges: 3, sandbox: best}\n"                                      \
    "limits: {connections: 1000, connections_per_source: 10, header_bytes: 8KiB,\n"                \
    "         header_count: 50, http2_streams: 15, header_timeout: 5s, handshake_timeout: 6s, "    \
    "body_timeout: 7s,\n"                                                                          \
    "         idle_timeout: 8s, write_timeout: 9s, connect_timeout: 4s, upstream_idle: 11s,\n"     \
    "         upstream_connections: 12, drain_timeout: 13s, handshakes_per_source: 21,\n"          \
    "         requests_per_source: 22, body_rate: 23, memory: 24KiB, name_refresh: 14s}\n"         \
    "session: {idle: 10m, absolute: 8h}\n"                                                         \
    "zones:\n"                                                                                     \
    "  office: [10.1.0.0/16, 192.0.2.7, '2001:db8::/32']\n"                                        \
    "  lab: ['::ffff:10.9.0.0/112']\n"                                                             \
    "routes:\n"                                                                                    \
    "  tomcat: {host: tomcat.test, upstream: 'http://127.0.0.1:8080', host_header: a.test:80,\n"   \
    "           inject_basic_file: planted.secret, body_bytes: 50MiB, response_timeout: 30s,\n"    \
    "           stream_idle: 5m, title: 'Tömcat', start: /manager/html}\n"                        \
    "  redis: {port: 9444, upstream: 'http://[::1]:8081'}\n"                                       \
    "rules:\n"                                                                                     \
    "  - {name: ops, users: [alice, '*'], groups: [ops, admins], zones: [local, office],\n"        \
    "     routes: [tomcat, redis], methods: [GET, POST], paths: [/, /manager/**, '/a/*/c'],\n"     \
    "     assurance: hardware, max_age: 1h}\n"                                                     \
    "  - {name: bots, tokens: [ci], zones: [lab], routes: ['*']}\n"

static inline struct snapshot *sample_parse(const char *yaml)
{
    struct buf errors;
    struct snapshot *s = NULL;
    buf_init(&errors, 1 << 20);
    int rc = yaml_parse("sample", span_str(yaml), &s, &errors);
    if (rc < 0)
        print_error("%.*s", SPAN_FMT(buf_view(&errors)));
    buf_fini(&errors);
    assert_int_equal(rc, 0);
    return s;
}

static inline char *sample_text(struct buf *b)
{
    char *text = buf_take_string(b);
    assert_non_null(text);
    return text;
}

static inline char *sample_dump(const struct snapshot *s)
{
    struct buf out;
    buf_init(&out, 1 << 24);
    assert_int_equal(yaml_dump(s, &out), 0);
    return sample_text(&out);
}

/* A generator with a fixed start: the same numbers in every run. */
static inline uint64_t sample_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#endif
