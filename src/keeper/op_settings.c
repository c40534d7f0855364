/* Settings: keys of the configuration file that may be changed while postern runs. What the file
 * says it alone says; the rest is changed here and kept in the store. */
#include <errno.h>

#include "base/fault.h"
#include "conf/keys.h"
#include "conf/resource.h"
#include "conf/value.h"
#include "keeper/documents.h"
#include "keeper/intent.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/operation.h"
#include "store/resources.h"

static json_t *value_json(const struct key *k, const struct snapshot *s)
{
    struct buf text;
    json_t *value = NULL;
    buf_init(&text, RESOURCE_DOC_MAX);
    if (setting_write(k, s, &text) == 0) {
        struct span view = buf_view(&text);
        value = json_loadb((const char *)view.at, view.len, JSON_DECODE_ANY, NULL);
    }
    buf_fini(&text);
    return value;
}

/* file, store or default. A fault when the store cannot say. */
static int origin_of(struct call *c, const char *name, const char **ret)
{
    struct resource stored;
    if (setting_is_said(live_snapshot(c->keeper->live), span_str(name))) {
        *ret = "file";
        return 0;
    }
    int r = resources_find(c->keeper->store, "setting", name, &c->arena, &stored);
    *ret = r == 0 ? "store" : "default";
    return r == FAULT_ABSENT ? 0 : r;
}

static int setting_json(struct call *c, const struct key *k, const char *name, json_t **ret)
{
    const char *origin;
    int r = origin_of(c, name, &origin);
    if (r < 0) {
        return r;
    }
    *ret = json_pack("{s:s,s:o,s:s,s:s,s:s,s:s}", "name", name, "value",
                     value_json(k, live_snapshot(c->keeper->live)), "origin", origin, "default",
                     k->fallback, "type", value_type_name(k), "text", k->text);
    return *ret == NULL ? -ENOMEM : 0;
}

/* The setting that the path names. NULL: the call has ended. */
static const struct key *setting_of(struct call *c, const char **name)
{
    const struct section *sec;
    *name = op_name(c, 0, "setting");
    const struct key *k = *name == NULL ? NULL : setting_key(span_str(*name), &sec);
    if (k == NULL && c->status == 0) {
        (void)call_problem(c, 404, NULL, "setting: no such thing");
    }
    return k;
}

static bool is_ready(struct call *c)
{
    if (c->keeper->live == NULL) {
        (void)call_problem(c, 503, NULL, "no configuration is in force yet");
    }
    return c->keeper->live != NULL;
}

int op_settings_list(struct call *c)
{
    const struct section *sec;
    const struct key *k;
    char name[SETTING_NAME_SIZE];
    json_t *list = json_array();
    int r = list == NULL ? -ENOMEM : 0;
    if (!is_ready(c)) {
        json_decref(list);
        return 0;
    }
    for (size_t i = 0; r == 0 && (k = setting_at(i, &sec, name)) != NULL; i++) {
        json_t *one = NULL;
        r = setting_json(c, k, name, &one);
        r = r < 0 ? r : json_push(list, one);
    }
    if (r < 0) {
        json_decref(list);
        return r;
    }
    return call_answer(c, 200, json_pack("{s:o}", "settings", list));
}

int op_settings_get(struct call *c)
{
    const char *name;
    json_t *one;
    const struct key *k = is_ready(c) ? setting_of(c, &name) : NULL;
    if (k == NULL) {
        return 0;
    }
    int r = setting_json(c, k, name, &one);
    return r < 0 ? r : call_answer(c, 200, one);
}

int op_settings_put(struct call *c)
{
    const char *name;
    if (setting_of(c, &name) == NULL) {
        return 0;
    }
    const json_t *value = call_member(c, "value");
    json_t *body = json_pack("{s:s,s:O}", "name", name, "value", value);
    if (body == NULL) {
        return -ENOMEM;
    }
    json_decref(c->body);
    c->body = body;
    return op_change_one(c, "setting", name, AUDIT_SETTING_PUT);
}

int op_settings_remove(struct call *c)
{
    const char *name;
    return setting_of(c, &name) == NULL ? 0
                                        : op_change_one(c, "setting", name, AUDIT_SETTING_REMOVED);
}
