/* The courier: the process that goes out. It asks name servers and looks at the certificates of
 * strangers and speaks to directories, servers of the web and of mail, so that no process which has
 * something to lose has to read their answers.
 *
 *   keeper ──resolve, probe, bind───▶ question ──▶ a thread of the pool ──▶ name server, upstream,
 *          ◀─resolved, probed, bound── answer  ◀──┘   at most 4 s, or what   directory
 *                                                     a bind says
 *
 * It has no credentials beyond those of the question in hand, no database and no configuration:
 * what it needs is in the question. What it may read are the few files that resolving names needs
 * and the certificates of authorities.
 *
 *   main.c      arguments, sandbox, READY
 *   courier.c   channels, questions, limits
 *   lookup.c    a name becomes addresses
 *   reach.c     a name becomes a connection
 *   probe.c     a connection, a handshake, what was shown
 *   directory.c who somebody is, by LDAP; ldapvisit.c, ldapgroups.c, ldapwire.c
 *   fetch.c     one request to a server of the web, by libcurl
 *   mail.c      one mail to a server, by libcurl
 *   loan.c      what libcurl is lent for both
 *   authorities.c whom a question trusts
 *   facts.c     a certificate in words
 *   wipe.c      what is freed is wiped
 *   system.c    the files of this system: which, and whether they were replaced */
#ifndef COURIER_COURIER_H
#define COURIER_COURIER_H

#include <uv.h>

#include "base/list.h"
#include "courier/directory.h"
#include "courier/fetch.h"
#include "courier/mail.h"
#include "courier/probe.h"
#include "courier/system.h"
#include "ipc/channel.h"

/* Each question has this long, waiting for a thread included. */
#define QUESTION_MS 4000u
/* Questions that are open or whose thread has not come back. */
#define QUESTIONS_MAX 64u
/* A name server that is silent keeps a thread for as long as libc likes; as many can wait at once
 * as there are threads. */
#define COURIER_THREADS 16u

struct courier {
    uv_loop_t loop;
    struct channel control, keeper; /* fd -1: none */
    uv_poll_t *control_poll, *keeper_poll;
    uint64_t
        keeper_number; /* counts the channels to the keeper; answers go to the one that asked */
    struct list questions;
    unsigned count;    /* in the list */
    unsigned binding;  /* of them, questions to directories */
    unsigned fetching; /* and to servers of the web */
    unsigned mailing;  /* and of mail */
    struct directory_memory directories;
    uv_timer_t clock;
    struct system system;
    struct prober prober;
    const char
        *authorities; /* file of the authorities that edges trust without a word of their own */
    struct {
        uint64_t resolved, probed, bound, fetched, mailed, failed, late, refused;
    } seen;
    char sandbox[2048];
    bool ending;
    int exit_code;
};

/* The loop, without threads and channels. */
must_check int courier_init(struct courier *c, int control_fd);
/* Starts the threads, which the filter forbids later, and loads what threads would open. */
must_check int courier_warm_up(struct courier *c);
/* Serves until told to end; the exit code. */
int courier_run(struct courier *c);
void courier_fini(struct courier *c);

#endif
