#include "keeper/offline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/export.h"
#include "audit/record.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/keys.h"
#include "conf/slice.h"
#include "conf/yaml.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/known.h"
#include "keeper/op.h"
#include "keeper/operation.h"
#include "keeper/recover.h"
#include "store/credentials.h"
#include "store/sessions.h"
#include "store/users.h"

struct options {
    const char *store, *state_dir, *owner, *portal_host, *config, *format, *list;
    bool json, make_owner;
};

static int complain(const char *fmt, ...) printf_like(1, 2);
static int complain(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("postern: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return 1;
}

static int print_json(json_t *value)
{
    int r = value == NULL ? -1 : json_dumpf(value, stdout, JSON_INDENT(2));
    json_decref(value);
    return r != 0 || fputc('\n', stdout) == EOF ? complain("cannot write the answer") : 0;
}

static int print_buf(struct buf *text, int fault)
{
    struct span view = buf_view(text);
    size_t n = fault < 0 ? 0 : fwrite(view.at, 1, view.len, stdout);
    bool whole = n == view.len;
    buf_fini(text);
    if (fault < 0) {
        return complain("%s", fault_text(fault));
    }
    return whole && fflush(stdout) == 0 ? 0 : complain("cannot write");
}

static void head_path(const struct options *o, char out[4096])
{
    (void)snprintf(out, 4096, "%s/audit.head", o->state_dir);
}

static int open_store(const char *path, enum store_mode mode, struct store **ret)
{
    struct buf note;
    buf_init(&note, 1024);
    int r = store_open(path, mode, ret, &note);
    if (r < 0) {
        struct span text = buf_view(&note);
        (void)complain("%s: %.*s", path, text.len > 0 ? (int)text.len : (int)strlen(fault_text(r)),
                       text.len > 0 ? (const char *)text.at : fault_text(r));
    }
    buf_fini(&note);
    return r;
}

/* ---- init ---- */

static int make_owner(struct keeper *k, const struct options *o, json_t **code)
{
    uint64_t now = clock_wall_ms() / 1000;
    struct audit_draft made = {
        .event = AUDIT_STORE_CREATED, .actor_kind = AUDIT_HOST, .actor = SPAN("host")};
    struct audit_draft user = made, enrol = made;
    user.event = AUDIT_USER_ADDED;
    enrol.event = AUDIT_ENROLMENT_MADE;
    user.target = enrol.target = span_str(o->owner);
    int r = keeper_record(k, &made);
    r = r < 0 ? r : users_add(k->store, o->owner, now);
    r = r < 0 ? r : keeper_record(k, &user);
    r = r < 0 ? r : groups_join(k->store, GROUP_OWNERS, o->owner);
    r = r < 0 ? r : recover_link(k, o->owner, ENROL_ALL, false, "", now, code);
    return r < 0 ? r : keeper_record(k, &enrol);
}

static int recover_owner(struct keeper *k, const struct options *o, json_t **code)
{
    uint64_t now = clock_wall_ms() / 1000;
    int r = recover_user(k, o->owner, o->make_owner, now, SPAN("{\"offline\":true}"), code);
    return r < 0 ? r : sessions_end_user(k->store, o->owner, now, NULL, NULL);
}

/* The code is known; the link needs the name that the portal will have. */
static json_t *owner_answer(const struct options *o, json_t *code)
{
    const char *text = json_string_value(json_object_get(code, "code"));
    struct buf link;
    buf_init(&link, 1024);
    (void)buf_printf(&link, "https://%s/enrol?code=%s", o->portal_host, text);
    json_t *answer =
        json_pack("{s:s,s:s,s:o,s:O}", "owner", o->owner, "code", text, "link",
                  json_text(buf_view(&link)), "expires", json_object_get(code, "expires"));
    buf_fini(&link);
    return answer;
}

/* Runs step in one transaction on the store, which no other process should be serving; answers with
 * the link it made. */
static int with_store(const struct options *o, enum store_mode mode,
                      int (*step)(struct keeper *, const struct options *, json_t **))
{
    struct keeper k = {0};
    char head[4096];
    json_t *code = NULL;
    if (!text_is_name(span_str(o->owner))) {
        return complain(
            "'%s' cannot be a user's name: lower-case letters, digits, '.', '_', '-', '@'",
            o->owner);
    }
    if (open_store(o->store, mode, &k.store) < 0) {
        return 1;
    }
    head_path(o, head);
    int r = sealing_open(&k.sealing, o->state_dir, k.store);
    r = r < 0 ? r : head_settle(head, k.store);
    r = r < 0 ? r : store_begin(k.store);
    r = r < 0 ? r : step(&k, o, &code);
    if (r == 0) {
        r = store_commit(k.store);
    } else if (store_in_transaction(k.store)) {
        store_rollback(k.store);
    }
    r = r < 0 ? r : head_update(head, k.store);
    store_close(k.store);
    sealing_fini(&k.sealing);
    json_t *answer = r < 0 ? NULL : owner_answer(o, code);
    json_decref(code);
    if (r < 0) {
        return complain("%s: %s", o->owner, r == FAULT_ABSENT ? "no such user" : fault_text(r));
    }
    if (o->json) {
        return print_json(answer);
    }
    (void)printf("%s\n", json_string_value(json_object_get(answer, "link")));
    json_decref(answer);
    return 0;
}

static int run_init(const struct options *o)
{
    struct stat st;
    if (stat(o->store, &st) == 0) {
        return complain("%s exists already; `postern recover` makes a new link for its owner",
                        o->store);
    }
    return with_store(o, STORE_CREATE, make_owner);
}

static int run_recover(const struct options *o)
{
    struct stat st;
    return stat(o->store, &st) < 0 ? complain("%s does not exist", o->store)
                                   : with_store(o, STORE_OPEN, recover_owner);
}

/* ---- check, dump, slice ---- */

static int report(const struct options *o, const struct buf *errors, const struct snapshot *s)
{
    struct span text = buf_view(errors);
    if (text.at == NULL || text.len == 0) {
        text = SPAN("out of memory");
    }
    if (o->json) {
        json_t *list = json_lines(s == NULL ? text : SPAN_NONE);
        int r = print_json(json_pack("{s:b,s:o,s:i,s:i,s:i,s:i}", "ok", s != NULL, "errors", list,
                                     "listeners", (int)(s == NULL ? 0 : s->listener_count), "zones",
                                     (int)(s == NULL ? 0 : s->zone_count), "routes",
                                     (int)(s == NULL ? 0 : s->route_count), "rules",
                                     (int)(s == NULL ? 0 : s->rule_count)));
        return r != 0 || s == NULL;
    }
    if (s == NULL) {
        (void)fprintf(stderr, "%.*s%s", SPAN_FMT(text), text.at[text.len - 1] == '\n' ? "" : "\n");
        return 1;
    }
    (void)printf("OK: %zu listeners, %zu zones, %zu routes, %zu rules\n", s->listener_count,
                 s->zone_count, s->route_count, s->rule_count);
    return 0;
}

static int run_check(const struct options *o)
{
    struct snapshot *file = NULL;
    struct live *live = NULL;
    struct store *store = NULL;
    struct stat st;
    struct buf errors;
    buf_init(&errors, 1024 * 1024);
    int r = yaml_load(o->config, &file, &errors);
    if (r == 0 && stat(file->store_file, &st) == 0) {
        struct buf note;
        buf_init(&note, 1024);
        r = store_open(file->store_file, STORE_READ, &store, &note);
        if (r < 0) {
            (void)buf_printf(&errors, "%s: %.*s\n", file->store_file, SPAN_FMT(buf_view(&note)));
        }
        buf_fini(&note);
    }
    r = r < 0 ? r : live_new(file, store, NULL, file->secrets_dir, 0, &live, &errors);
    int code = report(o, &errors, r < 0 ? NULL : live_snapshot(live));
    live_free(live);
    store_close(store);
    snapshot_free(file);
    buf_fini(&errors);
    return code;
}

static int load(const struct options *o, struct snapshot **ret)
{
    struct buf errors;
    buf_init(&errors, 1024 * 1024);
    int r = yaml_load(o->config, ret, &errors);
    int code = r < 0 ? report(&(struct options){0}, &errors, NULL) : 0;
    buf_fini(&errors);
    return code;
}

static int run_dump(const struct options *o)
{
    struct snapshot *s;
    struct buf out;
    if (load(o, &s) != 0) {
        return 1;
    }
    buf_init(&out, SLICE_MAX);
    int r = yaml_dump(s, &out);
    snapshot_free(s);
    return print_buf(&out, r);
}

static int run_slice(const struct options *o)
{
    struct snapshot *s;
    struct buf out;
    if (load(o, &s) != 0) {
        return 1;
    }
    buf_init(&out, SLICE_MAX);
    int r = slice_encode(s, SLICE_FILE, &out);
    snapshot_free(s);
    return print_buf(&out, r);
}

static int run_keys(const struct options *o)
{
    struct buf out;
    (void)o;
    buf_init(&out, 1024 * 1024);
    int r = conf_keys_describe(&out);
    return print_buf(&out, r);
}

static int run_operations(const struct options *o)
{
    struct buf out;
    (void)o;
    buf_init(&out, 1024 * 1024);
    int r = operation_document(&out);
    return print_buf(&out, r);
}

static int run_table(const struct options *o)
{
    struct buf out;
    (void)o;
    buf_init(&out, 1024 * 1024);
    int r = operation_table(&out);
    return print_buf(&out, r);
}

/* ---- audit ---- */

static int run_verify(const struct options *o)
{
    struct store *store;
    struct verify_report found;
    char head[4096], hash[2 * STORE_HASH_SIZE + 1];
    struct buf text;
    if (open_store(o->store, STORE_READ, &store) < 0) {
        return 1;
    }
    head_path(o, head);
    int r = verify_trail(store, o->state_dir == NULL ? NULL : head, &found);
    store_close(store);
    if (r < 0) {
        return complain("the trail cannot be read: %s", fault_text(r));
    }
    buf_init(&text, 1024);
    text_hex(hash, span_of(found.hash, sizeof(found.hash)));
    r = verify_text(&found, &text);
    if (o->json) {
        r = print_json(json_pack("{s:b,s:s,s:I,s:I,s:I,s:s,s:o}", "intact",
                                 found.finding == VERIFY_INTACT, "finding",
                                 verify_finding_name(found.finding), "seq", (json_int_t)found.seq,
                                 "count", (json_int_t)found.count, "lag", (json_int_t)found.lag,
                                 "hash", hash, "text", json_text(buf_view(&text))));
    } else {
        (void)printf("%.*s\n", SPAN_FMT(buf_view(&text)));
    }
    buf_fini(&text);
    return r != 0 || found.finding != VERIFY_INTACT;
}

static int write_line(void *context, struct span line)
{
    return fwrite(line.at, 1, line.len, context) == line.len ? 0 : FAULT_STORE;
}

static int run_export(const struct options *o)
{
    struct store *store;
    bool csv = o->format != NULL && strcmp(o->format, "csv") == 0;
    if (o->format != NULL && !csv && strcmp(o->format, "jsonl") != 0) {
        return complain("--format is jsonl or csv");
    }
    if (open_store(o->store, STORE_READ, &store) < 0) {
        return 1;
    }
    int r = export_trail(store, csv ? EXPORT_CSV : EXPORT_JSON_LINES, write_line, stdout);
    store_close(store);
    return r < 0 || fflush(stdout) != 0 ? complain("the export failed: %s", fault_text(r)) : 0;
}

/* ---- the table ---- */

static int run_list(const struct options *o)
{
    return known_check_file(o->list);
}

enum need {
    NEED_STORE = 1,
    NEED_STATE = 2,
    NEED_OWNER = 4,
    NEED_PORTAL = 8,
    NEED_CONFIG = 16,
    NEED_LIST = 32
};

static const struct command {
    const char *name;
    unsigned needs;
    int (*run)(const struct options *o);
    const char *help;
} COMMANDS[] = {
    {"init", NEED_STORE | NEED_STATE | NEED_OWNER | NEED_PORTAL, run_init,
     "--store F --state-dir D --owner NAME --portal-host HOST[:PORT] [--json]"},
    {"recover", NEED_STORE | NEED_STATE | NEED_OWNER | NEED_PORTAL, run_recover,
     "--store F --state-dir D --owner NAME --portal-host HOST[:PORT] [--make-owner] [--json]"},
    {"check", NEED_CONFIG, run_check, "--config F [--json]"},
    {"dump", NEED_CONFIG, run_dump, "--config F"},
    {"slice", NEED_CONFIG, run_slice, "--config F   (the configuration as the keeper receives it)"},
    {"keys", 0, run_keys, "            (every key of the configuration file)"},
    {"operations", 0, run_operations, "      (the API's documentation)"},
    {"table", 0, run_table, "           (the table of operations, as JSON)"},
    {"password-list", NEED_LIST, run_list, "--list F   (is it in order?)"},
    {"audit-verify", NEED_STORE, run_verify, "--store F [--state-dir D] [--json]"},
    {"audit-export", NEED_STORE, run_export, "--store F [--format jsonl|csv]"},
};

static int usage(void)
{
    (void)fputs("usage:\n", stderr);
    for (size_t i = 0; i < countof(COMMANDS); i++) {
        (void)fprintf(stderr, "  postern-keeper --offline %s %s\n", COMMANDS[i].name,
                      COMMANDS[i].help);
    }
    return 2;
}

static bool read_options(int argc, char **argv, struct options *o)
{
    const struct {
        const char *name;
        const char **value;
        bool *flag;
    } ROWS[] = {
        {"--store", &o->store, NULL},   {"--state-dir", &o->state_dir, NULL},
        {"--owner", &o->owner, NULL},   {"--portal-host", &o->portal_host, NULL},
        {"--config", &o->config, NULL}, {"--format", &o->format, NULL},
        {"--json", NULL, &o->json},     {"--make-owner", NULL, &o->make_owner},
        {"--list", &o->list, NULL},
    };
    for (int i = 0; i < argc; i++) {
        size_t row = 0;
        while (row < countof(ROWS) && strcmp(argv[i], ROWS[row].name) != 0) {
            row++;
        }
        if (row == countof(ROWS) || (ROWS[row].flag == NULL && i + 1 == argc)) {
            return false;
        }
        if (ROWS[row].flag != NULL) {
            *ROWS[row].flag = true;
        } else {
            *ROWS[row].value = argv[++i];
        }
    }
    return true;
}

int offline_main(int argc, char **argv)
{
    struct options o = {0};
    if (argc < 1 || !read_options(argc - 1, argv + 1, &o)) {
        return usage();
    }
    unsigned given = (o.store != NULL ? NEED_STORE : 0u) | (o.state_dir != NULL ? NEED_STATE : 0u) |
                     (o.owner != NULL ? NEED_OWNER : 0u) |
                     (o.portal_host != NULL ? NEED_PORTAL : 0u) |
                     (o.config != NULL ? NEED_CONFIG : 0u) | (o.list != NULL ? NEED_LIST : 0u);
    for (size_t i = 0; i < countof(COMMANDS); i++) {
        if (strcmp(argv[0], COMMANDS[i].name) == 0) {
            return (COMMANDS[i].needs & ~given) != 0 ? usage() : COMMANDS[i].run(&o);
        }
    }
    return usage();
}
