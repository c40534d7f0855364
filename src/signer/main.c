/* postern-signer: the process with the TLS keys, and the maker of the local certificate authority.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "sandbox/sandbox.h"
#include "signer/authority.h"
#include "signer/clientca.h"
#include "signer/signer.h"

#define CONTROL_FD 3
#define EXIT_USAGE 2

enum command {
    COMMAND_SERVE,
    COMMAND_INIT,
    COMMAND_RENEW,
    COMMAND_SHOW,
    COMMAND_CHECK,
    COMMAND_CLIENT_ISSUE, /* the ones from here on are about certificates of clients */
    COMMAND_CLIENT_REVOKE,
    COMMAND_CLIENT_LIST,
    COMMAND_CLIENT_CRL,
};

struct options {
    enum command command;
    const char *tls_dir, *certificate, *key, *portal;
    const char *publish, *name, *out, *csr; /* of clients' certificates */
    uint64_t days;
    enum sandbox_mode sandbox;
    bool json, tls12;
    struct buf pairs;   /* names, one a line */
    struct buf clients; /* the same, of what consoles are shown */
    char *also[AUTHORITY_NAMES_MAX];
    size_t also_count;
};

static const char USAGE[] =
    "usage: postern-signer --init  --tls-dir DIR --portal HOST [--also NAMES] [--json]\n"
    "       postern-signer --renew --tls-dir DIR [--portal HOST [--also NAMES]] [--json]\n"
    "       postern-signer --show  --tls-dir DIR [--certificate FILE] [--json]\n"
    "       postern-signer --check --tls-dir DIR [--certificate FILE] [--key FILE] [--pair NAME]…\n"
    "       postern-signer --client-issue NAME --tls-dir DIR --publish DIR --out FILE [--days N]\n"
    "                      [--csr FILE]\n"
    "       postern-signer --client-revoke NAME | --client-list | --client-crl --tls-dir DIR\n"
    "                      --publish DIR\n"
    "       postern-signer --tls-dir DIR [--certificate FILE] [--key FILE] [--pair NAME]… "
    "[--tls12]\n"
    "                      [--sandbox strict|best]\n"
    "The last form is what the supervisor starts. NAMES are DNS names or addresses, with commas.\n";

static int usage(const char *what)
{
    (void)fprintf(stderr, "postern-signer: %s\n%s", what, USAGE);
    return -1;
}

static int add_also(struct options *o, char *names)
{
    char *rest = NULL;
    for (char *n = strtok_r(names, ",", &rest); n != NULL; n = strtok_r(NULL, ",", &rest)) {
        if (o->also_count == countof(o->also))
            return usage("too many names after --also");
        o->also[o->also_count++] = n;
    }
    return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
    enum {
        INIT = 256,
        RENEW,
        SHOW,
        CHECK,
        TLS_DIR,
        CERTIFICATE,
        KEY,
        PAIR,
        CLIENT,
        TLS12,
        STATE_DIR,
        SANDBOX,
        PORTAL,
        ALSO,
        JSON,
        PUBLISH,
        CLIENT_ISSUE,
        CLIENT_REVOKE,
        CLIENT_LIST,
        CLIENT_CRL,
        OUT,
        CSR,
        DAYS
    };
    static const struct option OPTIONS[] = {
        {"init", no_argument, NULL, INIT},
        {"renew", no_argument, NULL, RENEW},
        {"show", no_argument, NULL, SHOW},
        {"check", no_argument, NULL, CHECK},
        {"tls-dir", required_argument, NULL, TLS_DIR},
        {"certificate", required_argument, NULL, CERTIFICATE},
        {"key", required_argument, NULL, KEY},
        {"pair", required_argument, NULL, PAIR},
        {"client", required_argument, NULL, CLIENT},
        {"tls12", no_argument, NULL, TLS12},
        {"state-dir", required_argument, NULL, STATE_DIR},
        {"sandbox", required_argument, NULL, SANDBOX},
        {"portal", required_argument, NULL, PORTAL},
        {"also", required_argument, NULL, ALSO},
        {"json", no_argument, NULL, JSON},
        {"publish", required_argument, NULL, PUBLISH},
        {"client-issue", required_argument, NULL, CLIENT_ISSUE},
        {"client-revoke", required_argument, NULL, CLIENT_REVOKE},
        {"client-list", no_argument, NULL, CLIENT_LIST},
        {"client-crl", no_argument, NULL, CLIENT_CRL},
        {"out", required_argument, NULL, OUT},
        {"csr", required_argument, NULL, CSR},
        {"days", required_argument, NULL, DAYS},
        {NULL, 0, NULL, 0},
    };
    *o = (struct options){
        .certificate = "server.crt", .key = "server.key", .days = CLIENTCA_DAYS_DEFAULT};
    buf_init(&o->pairs, KEYRING_NAMES_MAX);
    buf_init(&o->clients, KEYRING_NAMES_MAX);
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (c) {
        case INIT:
            o->command = COMMAND_INIT;
            break;
        case RENEW:
            o->command = COMMAND_RENEW;
            break;
        case SHOW:
            o->command = COMMAND_SHOW;
            break;
        case CHECK:
            o->command = COMMAND_CHECK;
            break;
        case TLS_DIR:
            o->tls_dir = optarg;
            break;
        case CERTIFICATE:
            o->certificate = optarg;
            break;
        case KEY:
            o->key = optarg;
            break;
        case PAIR:
            if (buf_printf(&o->pairs, "%s\n", optarg) < 0)
                return usage("too many names after --pair");
            break;
        case CLIENT:
            if (buf_printf(&o->clients, "%s\n", optarg) < 0)
                return usage("too many names after --client");
            break;
        case TLS12:
            o->tls12 = true;
            break;
        case STATE_DIR:
            /* Every child of the supervisor is told where state is kept; the signer keeps none. */
            break;
        case SANDBOX:
            if (strcmp(optarg, "strict") != 0 && strcmp(optarg, "best") != 0)
                return usage("--sandbox is strict or best");
            o->sandbox = strcmp(optarg, "best") == 0 ? SANDBOX_BEST : SANDBOX_STRICT;
            break;
        case PORTAL:
            o->portal = optarg;
            break;
        case ALSO:
            if (add_also(o, optarg) < 0)
                return -1;
            break;
        case JSON:
            o->json = true;
            break;
        case PUBLISH:
            o->publish = optarg;
            break;
        case CLIENT_ISSUE:
            o->command = COMMAND_CLIENT_ISSUE;
            o->name = optarg;
            break;
        case CLIENT_REVOKE:
            o->command = COMMAND_CLIENT_REVOKE;
            o->name = optarg;
            break;
        case CLIENT_LIST:
            o->command = COMMAND_CLIENT_LIST;
            break;
        case CLIENT_CRL:
            o->command = COMMAND_CLIENT_CRL;
            break;
        case OUT:
            o->out = optarg;
            break;
        case CSR:
            o->csr = optarg;
            break;
        case DAYS:
            if (text_u64(span_str(optarg), CLIENTCA_DAYS_MAX, &o->days) < 0)
                return usage("--days is a number, at most 1827");
            break;
        default:
            return usage("unknown option");
        }
    }
    if (optind != argc)
        return usage("unexpected argument");
    if (o->tls_dir == NULL)
        return usage("--tls-dir is missing");
    if (o->command == COMMAND_INIT && o->portal == NULL)
        return usage("--portal is missing");
    if (o->command >= COMMAND_CLIENT_ISSUE &&
        (o->publish == NULL || (o->command == COMMAND_CLIENT_ISSUE && o->out == NULL)))
        return usage("--publish or --out is missing");
    return 0;
}

/* ---- the authority --------------------------------------------------------------------------- */

static void show_json(struct buf *out, const char *name, const struct authority_facts *f)
{
    char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
    clock_format((uint64_t)f->not_before * 1000, from);
    clock_format((uint64_t)f->not_after * 1000, until);
    (void)buf_printf(out, "\"%s\":{\"subject\":", name);
    (void)text_json(out, span_str(f->subject));
    (void)buf_text(out, ",\"sans\":[");
    struct span rest = span_str(f->sans), san;
    for (bool first = true; span_cut(&rest, '\n', &san); first = false) {
        (void)buf_text(out, first ? "" : ",");
        (void)text_json(out, san);
    }
    (void)buf_printf(out, "],\"not_before\":\"%s\",\"not_after\":\"%s\",\"sha256\":\"%s\"}", from,
                     until, f->sha256);
}

static void show_text(struct buf *out, const char *name, const struct authority_facts *f)
{
    char until[CLOCK_TEXT_SIZE];
    clock_format((uint64_t)f->not_after * 1000, until);
    (void)buf_printf(out, "%s\n  subject   %s\n  valid to  %s\n  SHA-256   %s\n", name, f->subject,
                     until, f->sha256);
    struct span rest = span_str(f->sans), san;
    while (span_cut(&rest, '\n', &san))
        (void)buf_printf(out, "  name      %.*s\n", SPAN_FMT(san));
}

static int show(const struct options *o)
{
    struct authority_facts ca, leaf;
    struct buf out;
    int ca_rc = authority_show(o->tls_dir, "ca.crt", &ca);
    int rc = authority_show(o->tls_dir, o->certificate, &leaf);
    if (rc < 0) {
        (void)fprintf(stderr, "postern-signer: %s/%s: %s\n", o->tls_dir, o->certificate,
                      fault_text(rc));
        return EXIT_FAILURE;
    }
    buf_init(&out, 65536);
    if (o->json) {
        (void)buf_text(&out, "{");
        /* A certificate from elsewhere has no authority here. */
        if (ca_rc == 0) {
            show_json(&out, "ca", &ca);
            (void)buf_text(&out, ",");
        }
        show_json(&out, "leaf", &leaf);
        (void)buf_text(&out, "}\n");
    } else {
        if (ca_rc == 0)
            show_text(&out, "authority", &ca);
        show_text(&out, "certificate", &leaf);
    }
    bool ok = !out.bad && fwrite(buf_view(&out).at, 1, buf_len(&out), stdout) == buf_len(&out) &&
              fflush(stdout) == 0;
    buf_fini(&out);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int make(struct options *o)
{
    struct authority_names names = {
        .portal = o->portal, .also = (const char *const *)o->also, .also_count = o->also_count};
    struct buf note;
    (void)umask(077);
    buf_init(&note, 1024);
    int rc = pair_library_init();
    if (rc >= 0 && o->command == COMMAND_INIT)
        rc = authority_init(o->tls_dir, &names, &note);
    else if (rc >= 0)
        rc = authority_renew(o->tls_dir, o->portal != NULL ? &names : NULL, &note);
    if (rc < 0) {
        struct span text = buf_len(&note) > 0 ? buf_view(&note) : span_str(fault_text(rc));
        (void)fprintf(stderr, "postern-signer: %.*s\n", SPAN_FMT(text));
    }
    buf_fini(&note);
    return rc < 0 ? EXIT_FAILURE : show(o);
}

/* ---- certificates of clients ---- */

static void put_made(struct buf *out, const struct clientca_made *made)
{
    char until[CLOCK_TEXT_SIZE];
    clock_format((uint64_t)made->not_after * 1000, until);
    (void)buf_printf(out, "{\"serial\":\"%s\",\"spki\":\"%s\",\"not_after\":\"%s\"", made->serial,
                     made->spki, until);
    if (made->passphrase[0] != 0)
        (void)buf_printf(out, ",\"passphrase\":\"%s\"", made->passphrase);
    (void)buf_text(out, "}\n");
}

static int run_client(const struct options *o, struct buf *out, struct buf *note)
{
    const struct clientca_places at = {.dir = o->tls_dir, .publish = o->publish};
    struct clientca_made made = {.not_after = 0};
    int rc;
    if (o->command == COMMAND_CLIENT_LIST)
        return clientca_list(&at, out);
    if (o->command == COMMAND_CLIENT_ISSUE) {
        const struct clientca_wish wish = {
            .name = o->name, .file = o->out, .csr = o->csr, .days = (unsigned)o->days};
        rc = clientca_issue(&at, &wish, &made, note);
        put_made(out, &made);
        secret_wipe(&made, sizeof(made));
        return rc;
    }
    rc = o->command == COMMAND_CLIENT_REVOKE ? clientca_revoke(&at, o->name, note)
                                             : clientca_publish(&at, note);
    (void)buf_text(out, "{}\n");
    return rc;
}

/* As JSON: the command line makes words of it. */
static int clients(const struct options *o)
{
    struct buf out, note;
    (void)umask(077);
    buf_init(&out, 16u << 20);
    buf_init(&note, 4096);
    out.wipe = true;
    int rc = pair_library_init();
    rc = rc < 0 ? rc : run_client(o, &out, &note);
    if (rc < 0) {
        struct span text = buf_len(&note) > 0 ? buf_view(&note) : span_str(fault_text(rc));
        (void)fprintf(stderr, "postern-signer: %.*s\n", SPAN_FMT(text));
    }
    bool ok = rc == 0 && !out.bad &&
              fwrite(buf_view(&out).at, 1, buf_len(&out), stdout) == buf_len(&out) &&
              fflush(stdout) == 0;
    buf_fini(&out);
    buf_fini(&note);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- checking ---- */

/* A name with a slash is a path of its own; the directory of such a path is opened to the sandbox.
 */
static int file_path(const char *dir, const char *name, char path[PATH_MAX], char parent[PATH_MAX])
{
    bool own = strchr(name, '/') != NULL;
    if (own && name[0] != '/')
        return usage("--certificate and --key are names inside --tls-dir or absolute paths");
    int n =
        own ? snprintf(path, PATH_MAX, "%s", name) : snprintf(path, PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= PATH_MAX)
        return usage("a path is too long");
    (void)snprintf(parent, PATH_MAX, "%s", path);
    char *slash = strrchr(parent, '/');
    slash[slash == parent ? 1 : 0] = '\0';
    return 0;
}

/* One pair as the configuration names it; complains on stderr. */
static bool check_pair(const char *certificate, const char *key)
{
    struct buf note;
    struct pair *p = NULL;
    buf_init(&note, 1024);
    int rc = pair_load(certificate, key, 1, &p, &note);
    struct span said = buf_view(&note);
    if (rc < 0)
        (void)fprintf(stderr, "%s%s%.*s\n", said.len == 0 || said.at[0] != '/' ? certificate : "",
                      said.len == 0 || said.at[0] != '/' ? ": " : "", SPAN_FMT(said));
    int64_t left = rc < 0 ? INT64_MAX : pair_not_after(p) - (int64_t)(clock_wall_ms() / 1000);
    /* It still serves, and a person should hear of it. */
    if (left < PAIR_WARN_SECONDS)
        (void)fprintf(stderr,
                      left < 0 ? "warning: %s has expired\n"
                               : "warning: %s ends in %" PRId64 " days\n",
                      certificate, left / 86400);
    pair_unref(p);
    buf_fini(&note);
    return rc == 0;
}

static int check(const struct options *o)
{
    char certificate[PATH_MAX], key[PATH_MAX], ignored[PATH_MAX];
    if (pair_library_init() < 0 ||
        file_path(o->tls_dir, o->certificate, certificate, ignored) < 0 ||
        file_path(o->tls_dir, o->key, key, ignored) < 0)
        return EXIT_USAGE;
    bool good = check_pair(certificate, key);
    struct span rest = buf_view(&o->pairs), name;
    while (span_cut(&rest, '\n', &name)) {
        char file[KEYRING_NAME_MAX + 8];
        if (name.len == 0 || name.len > KEYRING_NAME_MAX)
            continue;
        (void)snprintf(file, sizeof(file), "%.*s.crt", SPAN_FMT(name));
        int rc = file_path(o->tls_dir, file, certificate, ignored);
        (void)snprintf(file, sizeof(file), "%.*s.key", SPAN_FMT(name));
        if (rc == 0)
            rc = file_path(o->tls_dir, file, key, ignored);
        good = rc == 0 && check_pair(certificate, key) && good;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- serving --------------------------------------------------------------------------------- */

/* The first signature fetches algorithms and seeds the generator; both open things that the sandbox
 * forbids later. */
static void warm_up(const struct signer *s)
{
    static const struct span NOTHING = {(const uint8_t *)"", 0};
    uint8_t signature[PAIR_SIGNATURE_MAX];
    for (size_t k = 0; s->current != NULL && k < s->current->count; k++) {
        struct pair *p = s->current->at[k].pair;
        for (size_t i = 0; i < SCHEME_COUNT; i++) {
            if (SCHEMES[i].kind != pair_kind(p))
                continue;
            int rc = pair_sign(p, &SCHEMES[i], NOTHING, signature, sizeof(signature));
            if (rc < 0)
                log_fault(LOG_LEVEL_ERROR, "key_unusable", rc, SCHEMES[i].name);
        }
    }
}

static int serve_in(struct signer *s, const struct options *o, const struct sandbox_path *paths,
                    size_t path_count)
{
    struct sandbox box = {
        .profile = SANDBOX_SIGNER, .mode = o->sandbox, .paths = paths, .path_count = path_count};
    struct buf report;
    buf_init(&report, 2048);
    int rc = sandbox_enter(&box, &report);
    char *text = buf_take_string(&report);
    if (rc < 0 || text == NULL) {
        log_fault(LOG_LEVEL_ERROR, "sandbox_refused", rc < 0 ? rc : -ENOMEM, text);
        free(text);
        return EXIT_FAILURE;
    }
    s->sandbox = text;
    struct msg_ready ready = {.sandbox = span_str(text)};
    rc = channel_send_ready(&s->control, 0, &ready, -1);
    if (rc == 0)
        rc = signer_run(s);
    if (rc < 0)
        log_fault(LOG_LEVEL_ERROR, "stopped", rc, NULL);
    s->sandbox = NULL;
    free(text);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int serve(const struct options *o)
{
    static char certificate[PATH_MAX], key[PATH_MAX], parents[2][PATH_MAX];
    static struct signer s;
    struct stat st;
    if (file_path(o->tls_dir, o->certificate, certificate, parents[0]) < 0 ||
        file_path(o->tls_dir, o->key, key, parents[1]) < 0)
        return EXIT_USAGE;
    if (fstat(CONTROL_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        (void)usage("descriptor 3 is no channel; `postern serve` starts this process");
        return EXIT_USAGE;
    }
    log_open("signer", LOG_LEVEL_INFO);
    (void)umask(077);
    /* A Ctrl-C reaches the whole group; the supervisor decides in which order things end. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    int locked = pair_library_init();
    const struct keyring_places places = {o->tls_dir, certificate, key};
    const struct keyring_wish wish = {
        .names = buf_view(&o->pairs), .clients = buf_view(&o->clients), .tls12 = o->tls12};
    int rc = locked < 0 ? locked : signer_init(&s, CONTROL_FD, &places, &wish);
    if (rc < 0) {
        log_fault(LOG_LEVEL_ERROR, "not_started", rc, NULL);
        return EXIT_FAILURE;
    }
    s.memory_locked = locked == 1;
    if (!s.memory_locked)
        log_event(LOG_LEVEL_WARN, "key_memory_not_locked");
    warm_up(&s);
    const struct sandbox_path paths[] = {
        {o->tls_dir, SANDBOX_READ}, {parents[0], SANDBOX_READ}, {parents[1], SANDBOX_READ}};
    rc = serve_in(&s, o, paths, countof(paths));
    signer_fini(&s);
    return rc;
}

int main(int argc, char **argv)
{
    static struct options o;
    if (parse(argc, argv, &o) < 0)
        return EXIT_USAGE;
    switch (o.command) {
    case COMMAND_INIT:
    case COMMAND_RENEW:
        return make(&o);
    case COMMAND_SHOW:
        return show(&o);
    case COMMAND_CHECK:
        return check(&o);
    case COMMAND_CLIENT_ISSUE:
    case COMMAND_CLIENT_REVOKE:
    case COMMAND_CLIENT_LIST:
    case COMMAND_CLIENT_CRL:
        return clients(&o);
    case COMMAND_SERVE:
        break;
    }
    return serve(&o);
}
