#include "keeper/series.h"

#include <string.h>

#include "keeper/keeper.h"
#include "store/access.h"
#include "store/sessions.h"

#define MINUTES_KEPT (2u * 86400)
#define HOURS_KEPT (400u * 86400)

/* ---- latency ---- */

static size_t bucket_of(uint64_t ms)
{
    size_t octave = 0;
    if (ms == 0) {
        return 0;
    }
    while (octave < 63 && ms >> (octave + 1) != 0) {
        octave++;
    }
    size_t half = octave > 0 ? (ms >> (octave - 1) & 1) : 0;
    size_t at = 1 + 2 * octave + half;
    return at < SERIES_BUCKETS ? at : SERIES_BUCKETS - 1;
}

/* Where a bucket begins, in ms. */
static uint64_t bucket_from(size_t i)
{
    if (i == 0) {
        return 0;
    }
    size_t octave = (i - 1) / 2;
    uint64_t whole = UINT64_C(1) << octave;
    return (i - 1) % 2 == 0 ? whole : whole + whole / 2;
}

uint64_t series_quantile(const struct series_row *row, unsigned per_mille)
{
    uint64_t all = 0, below = 0;
    for (size_t i = 0; i < SERIES_BUCKETS; i++) {
        all += row->latency[i];
    }
    uint64_t wanted = (all * per_mille + 999) / 1000;
    for (size_t i = 0; i < SERIES_BUCKETS; i++) {
        uint64_t here = row->latency[i];
        if (here > 0 && below + here >= wanted) {
            uint64_t from = bucket_from(i), to = i + 1 < SERIES_BUCKETS ? bucket_from(i + 1) : from;
            to = to > from ? to : from;
            return from + (to - from) * (wanted - below) / here;
        }
        below += here;
    }
    return 0;
}

/* ---- counting ---- */

void series_merge(struct series_row *a, const struct series_row *b)
{
    a->requests += b->requests;
    a->denials += b->denials;
    a->sessions = a->sessions > b->sessions ? a->sessions : b->sessions;
    for (size_t i = 0; i < SERIES_BUCKETS; i++) {
        uint32_t room = UINT32_MAX - a->latency[i];
        a->latency[i] += b->latency[i] < room ? b->latency[i] : room;
    }
}

/* The minute of `now` is the present one. A clock that went back goes on with what there is. */
static void roll(struct series *s, uint64_t now)
{
    uint64_t minute = now - now % SERIES_MINUTE;
    if (s->now.at >= minute && s->now.at < minute + 2 * SERIES_MINUTE) {
        return;
    }
    if (s->now.at != 0) {
        if (s->waiting_count == SERIES_WAITING) {
            memmove(s->waiting, s->waiting + 1, (SERIES_WAITING - 1) * sizeof(s->waiting[0]));
            s->waiting_count--;
        }
        s->waiting[s->waiting_count++] = s->now;
    }
    s->now = (struct series_row){.at = minute};
}

void series_note(struct series *s, const struct access_record *records, size_t count, uint64_t now)
{
    roll(s, now);
    for (size_t i = 0; i < count; i++) {
        const struct access_record *r = &records[i];
        /* A tunnel has two records, and the time between them says nothing of a console. */
        if (r->stream > STREAM_OPENED) {
            continue;
        }
        s->now.requests++;
        if (r->outcome >= ACCESS_DENIED && r->outcome <= ACCESS_LIMIT) {
            s->now.denials++;
        }
        if (r->outcome == ACCESS_ALLOWED && r->stream == 0) {
            s->now.latency[bucket_of(r->duration_ms)]++;
        }
    }
}

/* ---- storing ---- */

static int each_into(void *context, const struct series_row *row)
{
    series_merge(context, row);
    return 0;
}

static int store_minute(struct keeper *k, const struct series_row *row)
{
    struct series_row whole = *row;
    uint64_t hour = row->at - row->at % SERIES_HOUR;
    int r = series_list(k->store, SERIES_MINUTE, row->at, row->at + 1, each_into, &whole);
    r = r < 0 ? r : series_add(k->store, SERIES_MINUTE, &whole);
    whole = (struct series_row){.at = hour};
    r = r < 0 ? r
              : series_list(k->store, SERIES_MINUTE, hour, hour + SERIES_HOUR, each_into, &whole);
    return r < 0 ? r : series_add(k->store, SERIES_HOUR, &whole);
}

int series_sweep(struct keeper *k, uint64_t now, bool all)
{
    struct series *s = &k->series;
    uint64_t on = 0;
    int r = sessions_count_all(k->store, &on);
    roll(s, now);
    if (s->now.sessions < on) {
        s->now.sessions = on;
    }
    if (all) {
        roll(s, s->now.at + 2 * SERIES_MINUTE);
    }
    for (size_t i = 0; i < s->waiting_count && r == 0; i++) {
        if (s->waiting[i].sessions == 0) {
            s->waiting[i].sessions = on;
        }
        r = store_minute(k, &s->waiting[i]);
    }
    r = r < 0 ? r : series_prune(k->store, SERIES_MINUTE, now - MINUTES_KEPT);
    r = r < 0 ? r : series_prune(k->store, SERIES_HOUR, now - HOURS_KEPT);
    if (r == 0) {
        s->waiting_count = 0;
    }
    return r;
}

int series_sum(struct keeper *k, uint64_t from, uint64_t to, struct series_row *ret)
{
    const struct series *s = &k->series;
    *ret = (struct series_row){.at = from};
    int r = series_list(k->store, SERIES_MINUTE, from, to, each_into, ret);
    for (size_t i = 0; i <= s->waiting_count && r == 0; i++) {
        const struct series_row *row = i < s->waiting_count ? &s->waiting[i] : &s->now;
        if (row->at >= from && row->at < to) {
            series_merge(ret, row);
        }
    }
    return r;
}
