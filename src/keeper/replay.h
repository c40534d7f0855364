/* What would another policy have decided? Requests of the past, as access records hold them, are
 * asked again of two policies, and what differs is summed up by person and by console.
 *
 * Both answers are made anew, so that a difference is the work of the change alone and not of what
 * has been changed since. The records say who somebody was then: groups, proofs and grants of that
 * moment. Portal, API and refusals before any rule was asked are passed over; so are records of
 * earlier versions, which do not hold the whole question. No I/O, bounded memory. */
#ifndef KEEPER_REPLAY_H
#define KEEPER_REPLAY_H

#include "base/map.h"
#include "policy/decide.h"
#include "store/access.h"

struct live;

/* More people, or consoles, with a difference are only counted, and longer texts are cut: the
 * largest result fits into one answer of an edge (128 KiB). */
#define REPLAY_ROWS_MAX 100u
#define REPLAY_TEXT_MAX 100u

struct replay_count {
    uint64_t requests; /* that another answer is given to */
    uint64_t denied, allowed, prove;
};

/* One person or program, from one answer to another, with the newest request. */
struct replay_person {
    char key[80]; /* name, and the two answers */
    char name[65];
    bool program;
    enum verdict was, would;
    uint64_t requests;
    uint64_t last_ms;
    char method[17], host[REPLAY_TEXT_MAX + 1], path[REPLAY_TEXT_MAX + 1], rule[65];
    enum reason reason; /* of the new answer */
};

struct replay_route {
    char name[65];
    struct replay_count count;
};

struct replay {
    const struct live *before, *after;
    uint64_t requests; /* asked again */
    uint64_t passed;   /* not asked: no question of a rule */
    uint64_t old;      /* not asked: the record does not hold the whole question */
    uint64_t same;
    struct replay_count count;
    struct replay_person people[REPLAY_ROWS_MAX];
    size_t person_count;
    uint64_t more_people; /* requests of people beyond */
    struct replay_route routes[REPLAY_ROWS_MAX];
    size_t route_count;
    struct map by_person, by_route;
};

void replay_init(struct replay *r, const struct live *before, const struct live *after);
void replay_fini(struct replay *r);
void replay_add(struct replay *r, const struct access_record *record);

/* The question of one record to one policy. false: it is none that rules decide. */
bool replay_decide(const struct live *l, const struct access_record *record, struct decision *ret);

#endif
