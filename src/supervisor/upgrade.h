/* A new version takes over while it runs.
 *
 *   NONE ── asked ──▶ TRYING ── it can ──▶ exec ──▶ (the new program) PENDING ── its edges ──▶ NONE
 *    ▲                   │ it can not                    │ serve
 *    └───────────────────┴──────── exec of the old ◀─────┘ one of its children fails
 *
 * The process stays: its pid, the listening sockets, the control sockets, and its children, who
 * serve on meanwhile. First the new program is run beside the old one and says whether it can read
 * the configuration and speaks the language of the children that run (TRYING). Then it is executed
 * in our place (takeover.h). It asks the old keeper to end, because the store has one owner, and
 * starts a keeper, a signer, a courier and edges of its own version. The old edges serve until the
 * new ones have committed; then they finish what runs. Until that moment any failure of a new
 * process executes the old program again, which finds its edges as it left them.
 *
 * Processes of a version that speaks another language can not be told anything. They are asked to
 * end by the program that knows them, before the exec: its edges finish what runs, for at most as
 * long as views last without a keeper; what connects meanwhile waits in the queues of the
 * listeners for the new edges.
 *
 * The sandbox is entered once, by the first program: what it does not allow no later version can do
 * without a restart. */
#ifndef SUPERVISOR_UPGRADE_H
#define SUPERVISOR_UPGRADE_H

#include <uv.h>

#include "base/span.h"
#include "supervisor/programs.h"

struct child;
struct control_call;
struct supervisor;

enum upgrade_phase { UPGRADE_NONE, UPGRADE_TRYING, UPGRADE_PENDING };

/* A descriptor that passes through the exec, and what it stood for when that was noted. */
struct inherited {
    int fd;
    uint64_t device, inode;
};

#define INHERITED_MAX 4096u

struct upgrade {
    enum upgrade_phase phase;
    struct control_call *call; /* who waits for the end of it, or NULL */
    uv_timer_t timer;
    /* TRYING: the process that tries, what it says, and what it was started from. */
    pid_t trial;
    int trial_says, program;
    /* PENDING: the way back. file: what was in force, for it; the new program reads the file
     * anew. */
    int state, file, way_back;
    struct programs old;
    char from[32]; /* the version that was … */
    bool foreign;  /* … and whether its processes speak another language */
    struct inherited inherited[INHERITED_MAX];
    size_t inherited_count;
};

void upgrade_init(struct supervisor *sv);
/* The answer goes to `call` (may be NULL): at once when refused, else from the new program. */
void upgrade_start(struct supervisor *sv, struct control_call *call);
/* A process that is none of the children has ended. */
void upgrade_on_reaped(struct supervisor *sv, pid_t pid, int status);
/* A child has died; true when that was taken care of here. */
bool upgrade_on_death(struct supervisor *sv, struct child *c);
/* A new process has failed. Does not return when the old program can be executed. */
void upgrade_failed(struct supervisor *sv, struct span why);
/* New edges have committed. */
void upgrade_settled(struct supervisor *sv);

/* In the new program, in place of a start: state is the descriptor of the takeover, way_back that
 * of the program before. failed: NULL; or why the program that was tried has executed us again.
 * Does not return when this program can not go on but the old one can. */
must_check int upgrade_resume(struct supervisor *sv, int state, int way_back, const char *failed);
/* What TRYING runs: reads the configuration, says version and language; 0 or 1. */
int upgrade_try(const char *config);

#endif
