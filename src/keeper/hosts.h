/* The hosts of upstreams that are known by name, and the addresses that each has now.
 *
 *   snapshot in force ──names──▶ hosts ──resolve──▶ courier
 *                                  │ ◀──addresses───┘
 *                                  └── an address set has changed: a new snapshot
 *
 * Invariants:
 *   - a host has the addresses of its last good answer; a later failure changes nothing but the age
 *     that is shown;
 *   - a name that is gone (NXDOMAIN), or that now leads where no console may be, keeps its
 * addresses for HOSTS_ABSENT_MS and then loses them;
 *   - a snapshot is published because of a name only when some set of addresses differs from the
 * one that was published last;
 *   - what is known survives the keeper, in a file beside the database, for HOSTS_KEPT_S: else each
 * new keeper would take the addresses from the edges until name servers have answered;
 *   - nobody waits for an answer: a route whose name is not known yet is there without an address.
 */
#ifndef KEEPER_HOSTS_H
#define KEEPER_HOSTS_H

#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "conf/snapshot.h"
#include "ipc/message.h"

struct keeper;

#define HOSTS_MAX 2048u
/* Open at once; the courier takes a few more. */
#define HOSTS_ASKED_MAX 32u
/* For an answer; the courier itself gives up earlier. */
#define HOSTS_PATIENCE_MS 8000u
#define HOSTS_ABSENT_MS 3600000u
/* Addresses in the file that are older are not used. */
#define HOSTS_KEPT_S 86400u
/* Until a name without an address is asked for again. */
#define HOSTS_RETRY_MS 2000u
#define HOSTS_STATUS_MAX 12000u
/* After a snapshot that could not be published. */
#define HOSTS_AGAIN_MS 5000u
/* Names that change together make one snapshot. */
#define HOSTS_GATHER_MS 50u

struct host {
    struct list link;
    char name[254];
    struct addr addrs[UPSTREAM_ADDRS_MAX]; /* sorted */
    size_t count;
    uint64_t known_ms; /* monotonic: the last good answer; 0: never */
    uint64_t bad_ms;   /* monotonic: since when answers are bad; 0: the last one was good */
    uint64_t due_ms;   /* monotonic: when to ask */
    uint64_t asked_ms; /* monotonic */
    uint32_t serial;   /* of the open question; 0: none */
    enum resolve_result result;
    char fault[257]; /* why the last answer was none, or "" */
    bool wanted;
};

struct hosts {
    struct keeper *keeper; /* NULL: nobody asks (tests, offline) */
    struct list all;
    struct map by_name;
    unsigned asked;
    uint64_t publish_ms; /* monotonic: when to publish; 0: nothing has changed */
    uint32_t refresh_s;
    bool unsaved;
    char file[4096]; /* "": nothing is kept */
    uv_timer_t timer;
};

void hosts_init(struct hosts *h);
/* With a loop. */
must_check int hosts_start(struct hosts *h, struct keeper *k);
void hosts_stop(struct hosts *h);
void hosts_fini(struct hosts *h);

/* A snapshot is in force: its names are wanted, new ones are asked for at once, others forgotten.
 */
void hosts_follow(struct hosts *h, const struct snapshot *s);
/* Writes what is known into the named upstreams of a snapshot that is being made. 0 or -ENOMEM. */
must_check int hosts_fill(const struct hosts *h, struct snapshot *s);
/* The host of this name, made if there is none. NULL: too many, or no memory. */
struct host *hosts_add(struct hosts *h, const char *name);
const struct host *hosts_find(const struct hosts *h, const char *name);
/* The answer to the open question with this serial; any other is ignored. FAULT_FORMAT: it is none
 * that a courier may give. */
must_check int hosts_answer(struct hosts *h, uint32_t serial, const struct msg_resolved *m,
                            uint64_t now_ms);
/* Whatever is open will not be answered. */
void hosts_unanswered(struct hosts *h);
/* A snapshot is wanted now, for another reason. */
void hosts_publish(struct hosts *h);
/* What changed was not published: again, a little later. */
void hosts_again(struct hosts *h);
/* Asks what is due, gives up what is late, publishes what has changed; sets the timer. */
void hosts_step(struct hosts *h);
/* ---- hosts_file.c ---- */

/* What the last keeper knew. A file that cannot be read or makes no sense is as good as none. */
void hosts_load(struct hosts *h, const char *path);
/* Writes what is known now, when it is not written yet. */
void hosts_save(struct hosts *h);
/* The text of that file, and back: FAULT_FORMAT, and nothing is taken. Times are wall seconds. */
must_check int hosts_write(const struct hosts *h, uint64_t now_ms, uint64_t wall_s,
                           struct buf *out);
must_check int hosts_read(struct hosts *h, struct span text, uint64_t now_ms, uint64_t wall_s);

/* One line about a host for a person: "10.0.0.1, 10.0.0.2, 12 s old", with the fault if there is
 * one. */
void hosts_describe(const struct host *host, uint64_t now_ms, struct buf *out);
/* "name.HOST=…\n" for each, as far as HOSTS_STATUS_MAX bytes of out reach, for doctor. */
void hosts_status(const struct hosts *h, uint64_t now_ms, struct buf *out);

#endif
