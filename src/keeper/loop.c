/* The running keeper: opens everything, closes the sandbox, says READY, serves, ends cleanly. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "identity/password.h"
#include "keeper/control.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/sweep.h"
#include "keeper/zoneinfo.h"
#include "sandbox/sandbox.h"

#define FD_SUPERVISOR 3
#define FD_CONTROL 4
#define MINUTE_MS 60000u

void keeper_stop(struct keeper *k, int exit_code)
{
    if (k->stopping) {
        return;
    }
    k->stopping = true;
    k->exit_code = exit_code;
    uv_stop(&k->loop);
}

static void on_minute(uv_timer_t *timer)
{
    struct keeper *k = timer->data;
    sweep_minute(k);
    hosts_save(&k->hosts);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    keeper_stop(signal->data, 0);
}

/* ---- opening ---- */

/* Freed memory of the JSON library has held passwords and tokens. */
static void wiping_free(void *at)
{
    if (at != NULL) {
        secret_wipe(at, malloc_usable_size(at));
        free(at);
    }
}

static int open_store(struct keeper *k, const struct keeper_options *o)
{
    struct buf note;
    buf_init(&note, 1024);
    int r = store_open(o->store_file, STORE_OPEN, &k->store, &note);
    if (r < 0) {
        struct span text = buf_view(&note);
        char why[512];
        (void)snprintf(why, sizeof(why), "%.*s", SPAN_FMT(span_sub(text, 0, 400)));
        log_fault(LOG_LEVEL_ERROR, "store_open", r, why);
    }
    buf_fini(&note);
    return r;
}

/* Before the sandbox closes, because libcrypto looks around on first use. */
static void open_sealing(struct keeper *k, const char *directory)
{
    int r = sealing_open(&k->sealing, directory, k->store);
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "sealing_keys", r,
                  "TOTP can neither be checked nor set; other factors can");
    }
}

static int start_step(struct keeper *k, void *context)
{
    (void)context;
    return keeper_audit(k, AUDIT_SERVICE_STARTED, SPAN_NONE, AUDIT_DONE, SPAN_NONE);
}

static int stop_step(struct keeper *k, void *context)
{
    (void)context;
    int r = series_sweep(k, clock_wall_ms() / 1000, true);
    if (r < 0) {
        return r;
    }
    return keeper_audit(k, AUDIT_SERVICE_STOPPED, SPAN_NONE, AUDIT_DONE, SPAN_NONE);
}

static void record_start(struct keeper *k)
{
    turn_head(&k->turn, true);
    if (turn_run(&k->turn, start_step, NULL) < 0) {
        log_event(LOG_LEVEL_ERROR, "audit_service_started");
    }
    turn_end(&k->turn);
}

static void open_assertions(struct keeper *k)
{
    int r = assertions_open(k, clock_wall_ms() / 1000);
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "assertion_keys", r,
                  "consoles that are to get an assertion cannot be reached");
    }
}

static int open_loop(struct keeper *k)
{
    int r = uv_loop_init(&k->loop);
    r = r < 0 ? r : uv_loop_configure(&k->loop, UV_METRICS_IDLE_TIME);
    if (r < 0) {
        return r;
    }
    k->looped = true;
    r = turn_start(&k->turn);
    r = r < 0 ? r : hosts_start(&k->hosts, k);
    r = r < 0 ? r : errands_start(&k->errands, k);
    r = r < 0 ? r : notices_start(&k->notices, k);
    r = r < 0 ? r : grants_start(&k->grants, k);
    r = r < 0 ? r : trustwatch_start(&k->trustwatch, k);
    r = r < 0 ? r : directories_start(&k->directories, k);
    r = r < 0 ? r : retention_start(&k->retention, k);
    r = r < 0 ? r : uv_timer_init(&k->loop, &k->minute);
    r = r < 0 ? r : uv_signal_init(&k->loop, &k->term);
    r = r < 0 ? r : uv_signal_init(&k->loop, &k->interrupt);
    if (r < 0) {
        return r;
    }
    k->minute.data = k->term.data = k->interrupt.data = k;
    r = uv_timer_start(&k->minute, on_minute, MINUTE_MS, MINUTE_MS);
    r = r < 0 ? r : uv_signal_start(&k->term, on_signal, SIGTERM);
    r = r < 0 ? r : uv_signal_start(&k->interrupt, on_signal, SIGINT);
    return r;
}

static int open_channels(struct keeper *k)
{
    struct stat st;
    int r = peer_open(k, &k->supervisor, FD_SUPERVISOR, IPC_SUPERVISOR);
    if (r == 0 && fstat(FD_CONTROL, &st) == 0 && S_ISSOCK(st.st_mode)) {
        r = control_open(k, FD_CONTROL);
    }
    return r;
}

/* Threads of the pool are born inside the sandbox's walls: Landlock does not reach older ones, and
 * afterwards the filter lets no thread begin. */
static int warm_up(void *arg)
{
    struct keeper *k = arg;
    int r = pool_open(&k->pool, &k->loop);
    return r < 0 ? r : reader_start(&k->reader, &k->loop);
}

static int enter_sandbox(struct keeper *k, const struct keeper_options *o)
{
    char directory[4096];
    (void)snprintf(directory, sizeof(directory), "%s", o->store_file);
    char *slash = strrchr(directory, '/');
    if (slash != NULL && slash != directory) {
        *slash = '\0';
    }
    /* Its directory, because a bundle is replaced by another file when the system updates it. */
    char authorities[4096] = "/nonexistent";
    char *real = o->authorities != NULL ? realpath(o->authorities, NULL) : NULL;
    if (real != NULL && strrchr(real, '/') != real) {
        (void)snprintf(authorities, sizeof(authorities), "%.*s", (int)(strrchr(real, '/') - real),
                       real);
    }
    free(real);
    const struct sandbox_path paths[] = {
        {slash != NULL ? directory : ".", SANDBOX_WRITE},
        {o->state_dir, SANDBOX_WRITE},
        {o->secrets_dir, SANDBOX_READ},
        {authorities, SANDBOX_READ},
        {ZONEINFO_DIRECTORY, SANDBOX_READ},
#ifdef POSTERN_SANITIZED
        {"/proc", SANDBOX_READ}, /* the leak checker looks at its own threads at the end */
#endif
    };
    struct sandbox sandbox = {.profile = SANDBOX_KEEPER,
                              .mode = o->sandbox,
                              .paths = paths,
                              .path_count = countof(paths),
                              .warm_up = warm_up,
                              .warm_up_arg = k};
    struct buf report;
    buf_init(&report, sizeof(k->sandbox) - 1);
    int r = sandbox_enter(&sandbox, &report);
    struct span text = buf_view(&report);
    memcpy(k->sandbox, text.at == NULL ? (const uint8_t *)"" : text.at, text.len);
    k->sandbox[text.len] = '\0';
    buf_fini(&report);
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "sandbox", r, k->sandbox);
    }
    return r;
}

static int say_ready(struct keeper *k)
{
    struct msg_ready ready = {.sandbox = span_str(k->sandbox)};
    return channel_send_ready(&k->supervisor.channel, 0, &ready, -1);
}

/* ---- closing ---- */

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static void close_loop(struct keeper *k)
{
    if (turn_run(&k->turn, stop_step, NULL) < 0) {
        log_event(LOG_LEVEL_ERROR, "audit_service_stopped");
    }
    turn_end(&k->turn);
    pool_close(&k->pool);
    reader_stop(&k->reader);
    simulations_fini(&k->simulations);
    /* What runs in the pool ends within a tenth of a second and answers into the void. */
    while (k->pool.busy > 0) {
        (void)uv_run(&k->loop, UV_RUN_ONCE);
    }
    changes_fini(&k->changes);
    hosts_save(&k->hosts);
    hosts_stop(&k->hosts);
    errands_stop(&k->errands);
    directories_stop(&k->directories);
    notices_stop(&k->notices);
    control_close(k);
    list_each_safe(at, &k->edges)
    {
        peer_retire(container_of(at, struct peer, link));
    }
    if (k->courier != NULL) {
        peer_retire(k->courier);
    }
    if (k->supervisor.keeper != NULL) {
        peer_retire(&k->supervisor);
    }
    turn_stop(&k->turn);
    uv_walk(&k->loop, close_handle, NULL);
    (void)uv_run(&k->loop, UV_RUN_DEFAULT);
    int r = uv_loop_close(&k->loop);
    if (r < 0) {
        log_fault(LOG_LEVEL_WARN, "loop_close", r, "");
    }
}

static void keeper_fini(struct keeper *k)
{
    if (k->looped) {
        close_loop(k);
    }
    revokes_fini(&k->revokes);
    hosts_fini(&k->hosts);
    providers_fini(&k->providers);
    leases_fini(&k->leases);
    repeats_fini(&k->repeats);
    live_free(k->live);
    snapshot_free(k->file);
    store_close(k->store);
    sealing_fini(&k->sealing);
    assertions_fini(&k->assertions);
    free(k->fleet);
    free(k->scratch);
}

int keeper_serve(const struct keeper_options *options)
{
    struct keeper *k = calloc(1, sizeof(*k));
    char head[4096], names[4096], keys[4096];
    if (k == NULL) {
        return 1;
    }
    k->exit_code = 1;
    k->started_ms = clock_wall_ms();
    /* Now, because the sandbox lets nobody ask. */
    if (gethostname(k->node, sizeof(k->node) - 1) < 0) {
        k->node[0] = '\0';
    }
    k->secrets_dir = options->secrets_dir;
    (void)snprintf(head, sizeof(head), "%s/audit.head", options->state_dir);
    k->head_file = head;
    (void)snprintf(names, sizeof(names), "%s/hosts", options->state_dir);
    (void)snprintf(keys, sizeof(keys), "%s/assertion.keys", options->state_dir);
    k->assertions.path = keys;
    list_init(&k->edges);
    changes_init(&k->changes);
    hosts_init(&k->hosts);
    errands_init(&k->errands);
    directories_init(&k->directories);
    notices_init(&k->notices);
    providers_init(&k->providers);
    leases_init(&k->leases);
    revokes_init(&k->revokes);
    turn_init(&k->turn, k);
    json_set_alloc_funcs(malloc, wiping_free);
    json_object_seed(0);
    k->scratch = malloc(MSG_PACKET_MAX);
    int r = k->scratch == NULL ? -ENOMEM : password_start();
    r = r < 0 ? r : open_store(k, options);
    if (r == 0) {
        reader_open(&k->reader, options->store_file);
        open_sealing(k, options->state_dir);
    }
    r = r < 0 ? r : open_loop(k);
    r = r < 0 ? r : open_channels(k);
    r = r < 0 ? r : enter_sandbox(k, options);
    if (r == 0) {
        hosts_load(&k->hosts, names);
        record_start(k);
        sealing_settle(k);
        open_assertions(k);
        r = say_ready(k);
    }
    if (r == 0) {
        peer_settle(&k->supervisor, 0);
        log_event(LOG_LEVEL_INFO, "ready");
        (void)uv_run(&k->loop, UV_RUN_DEFAULT);
    } else {
        log_fault(LOG_LEVEL_ERROR, "start", r, "the keeper cannot start");
        k->stopping = true;
    }
    int code = k->exit_code;
    keeper_fini(k);
    free(k);
    return code;
}
