#include "base/text.h"
#include "edge/access.h"
#include "edge/keeper.h"
#include "edge/pool.h"
#include "edge/view.h"

static const char *phase_name(enum edge_phase phase)
{
    switch (phase) {
    case EDGE_STARTING:
        return "starting";
    case EDGE_SERVING:
        return "serving";
    case EDGE_DRAINING:
        return "draining";
    }
    return "";
}

static const char *health_name(const struct pool *p)
{
    return p->health == POOL_DOWN ? "down" : p->draining ? "draining" : "up";
}

static void write_pool(const struct pool *p, struct buf *out)
{
    (void)buf_printf(out, "upstream.%s%s%s=%s open=%u opened=%llu reused=%llu failed=%llu%s%s\n",
                     p->route, p->alone ? "" : ".", p->alone ? "" : p->url, health_name(p), p->open,
                     (unsigned long long)p->opened, (unsigned long long)p->reused,
                     (unsigned long long)p->failed, p->health == POOL_DOWN ? " " : "",
                     p->health == POOL_DOWN ? p->down_why : "");
}

void status_write(const struct edge *e, struct buf *out)
{
    const struct edge_counters *n = &e->count;
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"id", e->id},
        {"snapshot", e->generation != NULL ? e->generation->snapshot->number : 0},
        {"connections", e->conn_count},
        {"sources", e->sources.count - e->resting_count},
        {"sources_resting", e->resting_count},
        {"exchanges_open", e->exchange_count},
        {"tunnels_open", e->tunnel_count},
        {"streams_open", e->stream_count},
        {"views", e->views != NULL ? views_count(e->views) : 0},
        {"accepted", n->accepted},
        {"refused_source", n->refused_source},
        {"refused_limit", n->refused_limit},
        {"refused_rate", n->refused_rate},
        {"refused_requests", n->refused_requests},
        {"shed", n->shed},
        {"slow", n->slow},
        {"memory", e->pressure.memory},
        {"refused_proxy", n->refused_proxy},
        {"refused_descriptors", n->refused_descriptors},
        {"handshakes", n->handshakes},
        {"handshakes_failed", n->handshakes_failed},
        {"exchanges", n->exchanges},
        {"malformed", n->malformed},
        {"timeouts", n->timeouts},
        {"client_gone", n->client_gone},
        {"revoked", n->revoked},
        {"revocation_us_p50", latency_at(&e->revocation, 500)},
        {"revocation_us_p99", latency_at(&e->revocation, 990)},
        {"revocation_us_p999", latency_at(&e->revocation, 999)},
        {"revocation_us_max", e->revocation.most},
        {"tunnels", n->tunnels},
        {"h2_connections", n->h2_connections},
        {"h2_streams", n->h2_streams},
        {"h2_resets", n->h2_resets},
        {"h2_calmed", n->h2_calmed},
        {"bytes_in", n->bytes_in},
        {"bytes_out", n->bytes_out},
        {"upstream_opened", n->upstream_opened},
        {"upstream_reused", n->upstream_reused},
        {"upstream_failed", n->upstream_failed},
        {"upstream_retried", n->upstream_retried},
        {"signed", e->signer.signed_count},
        {"sign_failed", e->signer.failed_count},
        {"access_lost", access_lost(e)},
    };
    (void)buf_printf(out, "phase=%s\nidentity=%s\nsigner=%s\n", phase_name(e->phase),
                     e->tls != NULL ? "yes" : "no",
                     e->signer_watch != NULL && !e->signer.broken ? "up" : "down");
    (void)buf_printf(out, "keeper=%s\n", keeper_is_up(e) ? "up" : "down");
    for (size_t i = 0; i < countof(rows); i++)
        (void)buf_printf(out, "%s=%llu\n", rows[i].key, (unsigned long long)rows[i].value);
    list_each(it, &e->pools) write_pool(container_of(it, struct pool, link), out);
}

void status_upstreams(struct edge *e)
{
    struct buf text;
    buf_init(&text, 16384);
    list_each(it, &e->pools)
    {
        const struct pool *p = container_of(it, struct pool, link);
        if (p->health != POOL_UNKNOWN)
            (void)buf_printf(&text, "%s\t%s\t%s\t%s\n", p->route, health_name(p),
                             p->health == POOL_DOWN ? p->down_why : "", p->url);
    }
    keeper_send_upstreams(e, buf_view(&text));
    buf_fini(&text);
}
