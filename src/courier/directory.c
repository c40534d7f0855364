/* One question, from the first server to the answer. The groups are found in ldapgroups.c. */
#include "courier/directory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "courier/authorities.h"
#include "courier/ldapvisit.h"

int directory_setup(void)
{
    /* Without this libldap reads ldap.conf, files in home directories and a dozen variables. */
    return setenv("LDAPNOINIT", "1", 1) == 0 ? 0 : -errno;
}

/* ---- the question ---- */

static int read_servers(struct directory *d)
{
    struct span rest = d->ask.servers, line;
    while (span_cut(&rest, '\n', &line)) {
        if (d->count == DIRECTORY_SERVERS_MAX || line.len > DIRECTORY_URL_MAX ||
            directory_server_parse(line, &d->servers[d->count]) < 0)
            return FAULT_FORMAT;
        d->urls[d->count] = line;
        d->order[d->count] = (uint8_t)d->count;
        d->count++;
    }
    return d->count > 0 ? 0 : FAULT_FORMAT;
}

static bool has_no_zero(struct span s)
{
    return span_find(s, 0) == SIZE_MAX;
}

static bool is_sound(const struct msg_bind *m)
{
    /* A bind without a password always succeeds and says nothing. */
    if (m->purpose > BIND_LOOK || (m->purpose == BIND_SIGNIN) != (m->password.len > 0) ||
        m->account.len == 0 || m->account_password.len == 0)
        return false;
    return m->flavour <= DIRECTORY_ACTIVE && m->groups_from <= GROUPS_IN_CHAIN &&
           m->group_depth <= DIRECTORY_DEPTH_MAX && m->patience_ms > 0 && m->patience_ms <= 60000 &&
           has_no_zero(m->account) && has_no_zero(m->base) && has_no_zero(m->group_base) &&
           has_no_zero(m->filter) && m->filter.len > 0 &&
           ldapname_is_attribute(m->name_attribute) && ldapname_is_attribute(m->id_attribute) &&
           (m->groups_from == GROUPS_SEARCH ? ldapname_is_filter(m->group_filter)
                                            : m->group_filter.len == 0);
}

int directory_read(struct directory *d, struct span payload)
{
    *d = (struct directory){.result = BOUND_DOWN};
    buf_init(&d->groups, 65536);
    int rc = secret_init(&d->packet, payload.len + 1);
    if (rc < 0)
        return rc;
    if (payload.len > 0)
        memcpy(d->packet.at, payload.at, payload.len);
    d->packet.len = payload.len;
    if (msg_bind_decode(secret_view(&d->packet), &d->ask) < 0 || !is_sound(&d->ask))
        return FAULT_FORMAT;
    return read_servers(d);
}

void directory_fini(struct directory *d)
{
    secret_fini(&d->packet);
    buf_fini(&d->groups);
}

/* ---- one visit ---- */

static void found_nothing(struct directory *d)
{
    buf_clear(&d->groups);
    d->omitted = 0;
    d->dn[0] = d->id[0] = d->name[0] = 0;
}

/* Whose password was wrong, or who is disabled, is told as well: failures are counted against the
 * person whatever name he typed. Groups belong to those who are let in. */
static void keep_what_counts(struct directory *d)
{
    bool somebody = d->result == BOUND_REFUSED || d->result == BOUND_DISABLED;
    if (d->result != BOUND_OK && !somebody)
        found_nothing(d);
    if (somebody)
        buf_clear(&d->groups);
}

/* true: what was found is final. */
static bool visit_server(struct directory *d, X509_STORE *trusted, size_t i)
{
    struct visit v = {.d = d, .wire = {.fd = -1, .budget = LDAPWIRE_BUDGET}};
    const struct directory_server *s = &d->servers[i];
    uint64_t now = clock_mono_ms();
    size_t left = 0;
    for (size_t n = 0; n < d->count; n++)
        left += d->state[n] == SERVER_UNKNOWN;
    /* Those that are still to be asked have their share of the time. */
    v.wire.until_ms = d->until_ms > now ? now + (d->until_ms - now) / (left > 0 ? left : 1) : now;
    (void)snprintf(d->server, sizeof(d->server), "%.*s", SPAN_FMT(d->urls[i]));
    int rc = ldapwire_open(&v.wire, s->host, s->port);
    if (rc == 0 && !s->start_tls)
        rc = ldapwire_protect(&v.wire, trusted, s->host);
    rc = rc < 0 ? rc : visit_begin(&v);
    if (rc == 0 && s->start_tls)
        rc = visit_start_tls(&v, trusted, s->host);
    rc = rc < 0 ? rc : visit_ask(&v);
    if (rc < 0) {
        d->result = BOUND_DOWN;
        (void)snprintf(d->text, sizeof(d->text), "%s",
                       v.wire.text[0] != 0 ? v.wire.text
                       : v.text[0] != 0    ? v.text
                                           : fault_text(rc));
    }
    visit_end(&v);
    d->state[i] = rc < 0 ? SERVER_DOWN : SERVER_UP;
    return rc == 0;
}

void directory_run(struct directory *d, X509_STORE *system)
{
    X509_STORE *trusted = authorities_of(d->ask.authorities, system);
    if (trusted == NULL) {
        d->result = BOUND_FAULT;
        (void)snprintf(d->text, sizeof(d->text), "its authorities can not be read");
    }
    bool final = trusted == NULL;
    for (size_t i = 0; i < d->count && !final; i++) {
        found_nothing(d);
        final = visit_server(d, trusted, d->order[i]);
    }
    X509_STORE_free(trusted);
    keep_what_counts(d);
}

void directory_run_script(struct directory *d, struct span script)
{
    struct visit v = {.d = d, .wire = {.fd = -1, .budget = LDAPWIRE_BUDGET, .script = script}};
    v.wire.until_ms = d->until_ms;
    int rc = visit_begin(&v);
    rc = rc < 0 ? rc : visit_ask(&v);
    if (rc < 0)
        d->result = BOUND_DOWN;
    visit_end(&v);
    keep_what_counts(d);
}

/* ---- which servers are asked first ---- */

static bool is_dead(const struct directory_memory *m, struct span url, uint64_t now)
{
    for (size_t i = 0; i < countof(m->dead); i++)
        if (m->dead[i].until_ms > now && span_is(url, m->dead[i].url))
            return true;
    return false;
}

void directory_order(const struct directory_memory *m, struct directory *d, uint64_t now)
{
    size_t n = 0;
    for (int dead = 0; dead < 2; dead++)
        for (size_t i = 0; i < d->count; i++)
            if (is_dead(m, d->urls[i], now) == (dead == 1))
                d->order[n++] = (uint8_t)i;
}

static void note(struct directory_memory *m, struct span url, uint64_t until)
{
    size_t place = 0;
    for (size_t i = 0; i < countof(m->dead); i++) {
        if (m->dead[i].until_ms > 0 && span_is(url, m->dead[i].url)) {
            place = i;
            break;
        }
        if (m->dead[i].until_ms < m->dead[place].until_ms)
            place = i;
    }
    (void)snprintf(m->dead[place].url, sizeof(m->dead[place].url), "%.*s", SPAN_FMT(url));
    m->dead[place].until_ms = until;
}

void directory_learn(struct directory_memory *m, const struct directory *d, uint64_t now)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->state[i] == SERVER_DOWN)
            note(m, d->urls[i], now + DIRECTORY_DEAD_MS);
        else if (d->state[i] == SERVER_UP && is_dead(m, d->urls[i], now))
            note(m, d->urls[i], 0);
    }
}
