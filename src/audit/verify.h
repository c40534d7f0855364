/* Walks the whole trail and names the first thing that is wrong. Memory does not grow with it. */
#ifndef AUDIT_VERIFY_H
#define AUDIT_VERIFY_H

#include "audit/head.h"

enum verify_finding {
    VERIFY_INTACT = 0,
    VERIFY_CHANGED,      /* the content of record `seq` is not what was hashed */
    VERIFY_REMOVED,      /* record `seq` is missing, later ones are there */
    VERIFY_MOVED,        /* what is now record `seq` was made as record `was` */
    VERIFY_BROKEN,       /* record `seq` is whole, but does not follow the one before it */
    VERIFY_CUT,          /* the trail ends before record `seq`, which the head file knows */
    VERIFY_REWRITTEN,    /* whole in itself, but record `seq` is not the one the head file knows */
    VERIFY_HEAD_MISSING, /* records, but no head file */
    VERIFY_HEAD_DAMAGED, /* the head file cannot be read */
    VERIFY_SHORTENED,    /* records before `seq` are missing, and no record lets them go */
};

struct verify_report {
    enum verify_finding finding;
    uint64_t seq;
    uint64_t was;
    uint64_t first;                /* number of the first record; 0: none */
    uint64_t count;                /* number of the last record seen */
    uint64_t lag;                  /* records that the head file does not know yet */
    uint8_t hash[STORE_HASH_SIZE]; /* of the last record seen */
};

/* head_path NULL: the trail alone. 0 whenever the walk could be made, whatever it found. */
must_check int verify_trail(struct store *s, const char *head_path, struct verify_report *ret);

/* The same in steps, for a process that has other things to do in between. Records that are added
 * meanwhile are walked too. */
struct verify {
    struct verify_report report;
    struct head head; /* as it was before the walk began: the trail may only be longer */
    bool has_head;
    bool done;
    bool let_go; /* a record says that those before the first were let go */
    struct store *store;
    uint32_t seen;                   /* in the present step */
    uint8_t before[STORE_HASH_SIZE]; /* hash of the one before the first, as the first has it */
};
must_check int verify_start(struct verify *v, const char *head_path);
/* Walks at most STORE_PAGE_MAX records. 1: go on, 0: v->report is complete. */
must_check int verify_some(struct verify *v, struct store *s);

/* "changed", … */
const char *verify_finding_name(enum verify_finding f);
/* Appends a sentence for a person. */
must_check int verify_text(const struct verify_report *r, struct buf *out);

#endif
