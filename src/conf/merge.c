#include "conf/merge.h"

#include <errno.h>

#include "base/fault.h"
#include "conf/keys.h"
#include "conf/verify.h"

/* Copies the machine's part: numbers as they are, texts and lists into the arena of `to`. */
static int copy_machine(const struct snapshot *from, struct snapshot *to)
{
    struct arena arena = to->arena;
    *to = *from;
    to->arena = arena;
    to->number = 0;
    to->listeners = NULL;
    to->zones = NULL;
    to->routes = NULL;
    to->rules = NULL;
    to->tests = NULL;
    to->test_count = 0;
    to->dirs = NULL;
    to->listener_count = to->zone_count = to->route_count = to->rule_count = to->dir_count = 0;
    to->providers = NULL;
    to->provider_count = 0;
    int rc = 0;
    for (enum section_id id = 0; id < SECTION_COUNT && rc == 0; id++)
        if (section_is_machine(section_of(id)))
            rc = section_own(section_of(id), &to->arena, to);
    return rc;
}

static int copy_elements(const struct section *sec, const struct snapshot *from,
                         struct snapshot *to, bool builtins)
{
    union section_struct e;
    int rc = 0;
    for (size_t i = 0; i < section_count(sec, from) && rc == 0; i++) {
        const void *element = section_element(sec, from, i);
        enum origin origin = ORIGIN_FILE;
        if (sec->origin != SIZE_MAX)
            memcpy(&origin, (const char *)element + sec->origin, sizeof(origin));
        if (origin == ORIGIN_BUILTIN && !builtins)
            continue;
        memcpy(&e, element, sec->size);
        rc = section_own(sec, &to->arena, &e);
        if (rc == 0)
            rc = section_append(sec, to, &e);
    }
    return rc;
}

/* Settings that the store says and the file does not. */
static int copy_settings(const struct snapshot *file, const struct snapshot *store,
                         struct snapshot *to)
{
    const struct section *sec;
    int rc = 0;
    for (size_t i = 0; i < store->said.count && rc == 0; i++) {
        const struct key *k = setting_key(span_str(store->said.name[i]), &sec);
        if (k != NULL && !setting_is_said(file, span_str(store->said.name[i])))
            rc = setting_copy(k, store, to);
    }
    return rc;
}

static int fill(const struct snapshot *file, const struct snapshot *store, struct snapshot *s)
{
    int rc = copy_machine(file, s);
    rc = rc < 0 ? rc : copy_settings(file, store, s);
    for (enum section_id id = 0; id < SECTION_COUNT && rc == 0; id++) {
        const struct section *sec = section_of(id);
        if (section_is_machine(sec))
            continue;
        rc = copy_elements(sec, file, s, true);
        if (rc == 0 && sec->origin != SIZE_MAX)
            rc = copy_elements(sec, store, s, false);
    }
    return rc;
}

int merge_snapshots(const struct snapshot *file, const struct snapshot *store,
                    struct snapshot **ret, struct buf *errors)
{
    struct snapshot *s = snapshot_bare();
    if (s == NULL)
        return -ENOMEM;
    int rc = fill(file, store, s);
    if (rc == FAULT_LIMIT) {
        (void)buf_text(errors, "expected fewer zones, routes and rules, found too many\n");
        rc = FAULT_FORMAT;
    }
    if (rc == 0)
        rc = verify_snapshot(s, errors);
    if (rc < 0) {
        snapshot_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}
