/* What an edge that belongs to somebody else could say to the keeper: several packets in a row,
 * each a u16 length and that many bytes of packet (type, serial, payload). They go through a real
 * channel with its permit table, against a real store with people in it, and are undone in the end.
 *
 * Keys cannot be guessed. Those of the bench have stand-ins, which are replaced; the others are
 * made of one letter. */
#include "tests/unit/keeper/bench.h"

#include <sys/socket.h>

#include "base/fault.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "store/credentials.h"

#define PACKETS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bench BENCH;
static struct peer EDGE;
static int FAR_END = -1; /* the edge's, raw: it need not keep to any table */
static struct channel SUPERVISOR;

static void close_all(void)
{
    channel_fini(&EDGE.channel);
    channel_fini(&BENCH.k.supervisor.channel);
    channel_fini(&SUPERVISOR);
    (void)close(FAR_END);
    free(EDGE.upstreams);
    bench_close(&BENCH);
}

#define KEY_43(a)                                                                                  \
    a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a

static void key_of(const char *text, uint8_t hash[STORE_HASH_SIZE])
{
    bench_must(token_hash(span_str(text), hash) == 0);
}

/* A portal session of the owner, a code on the way to a console, and a person about to enrol. */
static void make_keys(struct store *store)
{
    uint64_t now = clock_wall_ms() / 1000;
    struct session s = {.id = {1},
                        .user = "owner",
                        .host = "postern.localhost",
                        .proven = proven_as(ASSURANCE_MFA, now),
                        .created = now,
                        .last_seen = now,
                        .idle = 86400,
                        .ends_at = now + 864000};
    struct session_key key = {.kind = CREDENTIAL_SSO};
    key_of(KEY_43("U"), key.hash);
    bench_must(sessions_add(store, &s, &key, 1) == 0);
    struct handover h = {.parent = {1},
                         .host = "tomcat.postern.localhost:9443",
                         .back = SPAN("/manager/html"),
                         .expires = now + 864000};
    key_of(KEY_43("M"), h.hash);
    bench_must(token_digest(SPAN(KEY_43("Q")), h.flow_hash) == 0);
    bench_must(handovers_add(store, &h) == 0);
    struct enrolment e = {.user = "person",
                          .secret = "12345678901234567890",
                          .secret_len = 20,
                          .created = now,
                          .expires = now + 864000};
    key_of(KEY_43("E"), e.hash);
    bench_must(enrolments_add(store, &e) == 0);
}

static void open_all(void)
{
    int fds[2];
    log_open("fuzz", (enum log_level)(LOG_LEVEL_ERROR + 1));
    bench_open(&BENCH);
    make_keys(BENCH.k.store);
    /* No thread computes hashes here: the queue is full. */
    BENCH.k.pool.busy = POOL_QUEUE_MAX;
    list_init(&BENCH.k.pool.jobs);
    bench_must(channel_pair(fds) == 0);
    EDGE.keeper = BENCH.k.supervisor.keeper = &BENCH.k;
    bench_must(channel_init(&BENCH.k.supervisor.channel, fds[0], IPC_KEEPER, IPC_SUPERVISOR) == 0);
    bench_must(channel_init(&SUPERVISOR, fds[1], IPC_SUPERVISOR, IPC_KEEPER) == 0);
    bench_must(atexit(close_all) == 0);
}

/* A broken packet costs the edge its channel, so each input gets a new one. */
static void open_edge(void)
{
    int fds[2];
    bench_must(channel_pair(fds) == 0);
    bench_must(channel_init(&EDGE.channel, fds[0], IPC_KEEPER, IPC_EDGE) == 0);
    FAR_END = fds[1];
    EDGE.number = ++BENCH.k.next_peer;
    EDGE.id = 1;
    EDGE.retired = EDGE.stalled = false;
    EDGE.acked = BENCH.k.revokes.epoch;
    list_push(&BENCH.k.edges, &EDGE.link);
    BENCH.k.edge_count++;
}

static void close_edge(void)
{
    if (!EDGE.retired) {
        list_remove(&EDGE.link);
        BENCH.k.edge_count--;
    }
    channel_fini(&EDGE.channel);
    (void)close(FAR_END);
    FAR_END = -1;
}

static void put_in(uint8_t *packet, size_t len, const char *stand_in, const char *key)
{
    size_t n = strlen(stand_in);
    bench_must(n == strlen(key));
    for (uint8_t *at = packet;
         (at = memmem(at, len - (size_t)(at - packet), stand_in, n)) != NULL;) {
        memcpy(at, key, n);
    }
}

/* Every packet that the keeper sends is well-formed, and none is a question of an edge. */
static void read_answers(void)
{
    static uint8_t packet[MSG_PACKET_MAX];
    ssize_t n;
    while ((n = recv(FAR_END, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
        struct cursor c = cursor_over(span_of(packet, (size_t)n));
        uint16_t type = cursor_u16(&c);
        (void)cursor_u32(&c);
        bench_must(!c.bad && msg_may(type, IPC_KEEPER, IPC_EDGE));
    }
    struct message m;
    while (channel_recv(&SUPERVISOR, &m) == 1) {
        if (m.fd >= 0) {
            (void)close(m.fd);
        }
    }
}

static bool say(struct span bytes)
{
    static const char OWNER[] = "OOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO";
    static const char PERSON[] = "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP";
    static const char ROBOT[] = "pst_RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR";
    uint8_t *packet = malloc(bytes.len);
    struct message m;
    bench_must(packet != NULL);
    memcpy(packet, bytes.at, bytes.len);
    put_in(packet, bytes.len, OWNER, BENCH.owner);
    put_in(packet, bytes.len, PERSON, BENCH.person);
    put_in(packet, bytes.len, ROBOT, BENCH.robot);
    bench_must(send(FAR_END, packet, bytes.len, MSG_DONTWAIT) == (ssize_t)bytes.len);
    free(packet);
    int rc = channel_recv(&EDGE.channel, &m);
    if (rc == 1) {
        rc = edge_message(&EDGE, &m);
    }
    bench_must(rc <= 0 &&
               (rc == 0 || rc == FAULT_FORMAT || rc == FAULT_DENIED || rc == FAULT_LIMIT));
    read_answers();
    return rc == 0 && !EDGE.retired;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (BENCH.k.store == NULL) {
        open_all();
    }
    struct cursor in = cursor_over(span_of(data, size));
    struct turn *turn = &BENCH.k.turn;
    open_edge();
    for (int i = 0; i < PACKETS_MAX; i++) {
        size_t len = cursor_u16(&in);
        struct span packet = span_sub(in.rest, 0, len);
        if (in.bad || packet.len == 0) {
            break;
        }
        in.rest = span_sub(in.rest, packet.len, SIZE_MAX);
        if (!say(packet)) {
            break;
        }
    }
    /* As if every commit failed: all questions are answered, nothing is kept. */
    while (turn->open) {
        turn->broken = true;
        turn_end(turn);
    }
    read_answers();
    bench_must(list_empty(&turn->replies) && list_empty(&turn->held));
    bench_must(BENCH.k.changes.current == NULL && list_empty(&BENCH.k.changes.waiting));
    close_edge();
    return 0;
}
