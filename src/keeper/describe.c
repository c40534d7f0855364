/* The table of operations, for people and for programs. */
#include <errno.h>

#include "base/fault.h"
#include "keeper/answers.h"
#include "keeper/json.h"
#include "keeper/operation.h"
#include "keeper/pace.h"

/* ---- docs/api.md ---- */

static void document_fields(struct buf *out, const char *heading, const struct field *fields)
{
    if (fields == NULL || fields->name == NULL) {
        return;
    }
    (void)buf_printf(out, "%s\n\n", heading);
    for (; fields->name != NULL; fields++) {
        (void)buf_printf(out, "- `%s` (", fields->name);
        field_words(fields, out);
        (void)buf_printf(out, "%s): %s\n", fields->required ? ", required" : "", fields->help);
    }
    (void)buf_text(out, "\n");
}

int operation_document(struct buf *out)
{
    (void)buf_text(
        out, "# The API of postern\n\n"
             "Made from the table of operations by `postern-keeper --offline operations`; do "
             "not edit.\n\n"
             "The same operations answer over HTTPS on the portal's host and, for root and "
             "the service's own\n"
             "user, over the control socket `keeper.sock`: frames of a big-endian 32-bit "
             "length and a JSON\n"
             "object `{\"method\", \"path\", \"query\", \"body\", \"if_match\"}`; the answer is "
             "`{\"status\", \"etag\", \"body\"}`.\n\n"
             "Over HTTPS the caller sends `Authorization: Bearer pst_…` or the console's "
             "cookie. A token acts\n"
             "with the roles of its owner, only when its `routes` name `portal`, and only "
             "with its `methods`\n"
             "and `paths`. Bodies are `application/json`, at most 64 KiB, without repeated "
             "keys. Errors are\n"
             "problem details (RFC 9457) with `detail` for a person and `field` for the "
             "member at fault. What\n"
             "ends sessions, streams or views answers after every edge has confirmed, with\n"
             "`\"revoked\": {\"edges\": 3, \"ms\": 4}`. What changes routes, rules or zones "
             "answers when every\n"
             "process uses the new snapshot. Lists take `limit` (at most 500) and `after`, "
             "and give `next`\n"
             "when there may be more.\n\n"
             "What a GET answers with has an `ETag`: of the policy as a whole its version. A "
             "change may bring it back\n"
             "as `If-Match`, and answers 412, changing nothing, when somebody was faster. A path "
             "that is asked with\n"
             "a method it has not says in `Allow` which it has; `OPTIONS` asks for that.\n\n");
    (void)buf_printf(out,
                     "A POST that makes something may bring an `Idempotency-Key`: asked again with "
                     "the same key within a day,\n"
                     "it is not made twice. The answer of the first time, which may hold a secret, "
                     "is kept in memory for ten\n"
                     "minutes; after that the answer is 409. A caller has %u requests a second for "
                     "long and %u at once; beyond\n"
                     "that the answer is 429 with `Retry-After`.\n\n",
                     PACE_PER_SECOND, PACE_BURST);
    (void)buf_text(out, "Who may what follows from membership of the built-in groups `owners`,\n"
                        "`administrators`, `auditors` and `operators`; a person may be in several. "
                        "Owners may call\n"
                        "everything that is not for the host alone. Members of owners and "
                        "administrators and break-glass\n"
                        "accounts are privileged: nobody but an owner changes them, ends their "
                        "sessions, or makes, renews\n"
                        "or revokes what acts for them; and only owners say who is in a built-in "
                        "group. Everybody's own\n"
                        "is what stands below `me`.\n\n");
    for (unsigned pages = 0; pages < 2; pages++) {
        (void)buf_text(out, pages ? "# Pages of the console\n\n" : "# Operations\n\n");
        for (size_t i = 0; i < OPERATION_COUNT; i++) {
            const struct operation *op = &OPERATIONS[i];
            if (((op->flags & OPERATION_PAGE) != 0) != (pages == 1)) {
                continue;
            }
            (void)buf_printf(out, "## %s %s\n\n%s For ", op->method, op->path, op->summary);
            roles_text(op->roles, out);
            (void)buf_text(out, (op->flags & OPERATION_USER) != 0 &&
                                        (op->roles & (ROLE_HOST | ROLE_USER)) == 0
                                    ? "; on privileged people owners only.\n\n"
                                    : ".\n\n");
            document_fields(out, "Query:", op->query);
            document_fields(out, "Body:", op->fields);
        }
    }
    return out->bad ? FAULT_LIMIT : 0;
}

/* ---- the table as JSON, of which api/openapi.py makes api/openapi.yaml ---- */

static json_t *fields_json(const struct field *fields);

static json_t *words_json(const char *values)
{
    json_t *list = json_array();
    struct span rest = span_str(values), one;
    while (list != NULL && rest.len > 0 && span_cut(&rest, '|', &one)) {
        if (json_push(list, json_text(one)) < 0) {
            json_release(&list);
        }
    }
    return list;
}

static json_t *field_json(const struct field *f)
{
    static const char *const TYPES[] = {
        [FIELD_STRING] = "string",   [FIELD_FLAG] = "flag",   [FIELD_NUMBER] = "number",
        [FIELD_LIST] = "strings",    [FIELD_NAME] = "name",   [FIELD_NAMES] = "names",
        [FIELD_ENUM] = "enum",       [FIELD_ENUMS] = "enums", [FIELD_DURATION] = "duration",
        [FIELD_ADDRESS] = "address", [FIELD_TIME] = "time",   [FIELD_OBJECT] = "object",
        [FIELD_OBJECTS] = "objects", [FIELD_ANY] = "any",
    };
    json_t *o = json_pack("{s:s,s:s,s:b,s:b,s:s,s:I,s:I}", "name", f->name, "type", TYPES[f->type],
                          "required", f->required, "null", f->null, "help", f->help, "min",
                          (json_int_t)f->min, "max", (json_int_t)f->max);
    const char *name = f->fields == NULL ? NULL : answer_name(f->fields);
    if (o != NULL && ((f->values != NULL && json_put(o, "values", words_json(f->values)) < 0) ||
                      (name != NULL && json_put(o, "schema", json_string(name)) < 0) ||
                      (f->fields != NULL && json_put(o, "fields", fields_json(f->fields)) < 0))) {
        json_release(&o);
    }
    return o;
}

static json_t *fields_json(const struct field *fields)
{
    json_t *list = json_array();
    for (; list != NULL && fields->name != NULL; fields++) {
        if (json_push(list, field_json(fields)) < 0) {
            json_release(&list);
        }
    }
    return list;
}

static json_t *flags_json(unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
    } FLAGS[] = {
        {OPERATION_PAGE, "page"},   {OPERATION_CHANGE, "change"}, {OPERATION_ANY, "any"},
        {OPERATION_READS, "reads"}, {OPERATION_PROVE, "prove"},   {OPERATION_USER, "user"},
    };
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < countof(FLAGS); i++) {
        if ((flags & FLAGS[i].flag) != 0 && json_push(list, json_string(FLAGS[i].name)) < 0) {
            json_release(&list);
        }
    }
    return list;
}

static int add_answer(json_t *o, const struct operation *op)
{
    const struct answer_row *row = answer_of(op);
    if (row == NULL) {
        return 0;
    }
    const char *name = row->fields == NULL ? NULL : answer_name(row->fields);
    int r = json_put(o, "status", json_integer(row->status));
    r = r < 0 || row->other == 0 ? r : json_put(o, "other_status", json_integer(row->other));
    r = r < 0 || name == NULL ? r : json_put(o, "schema", json_string(name));
    return r < 0 || row->fields == NULL ? r : json_put(o, "answer", fields_json(row->fields));
}

static json_t *operation_json(const struct operation *op)
{
    json_t *o =
        json_pack("{s:s,s:s,s:s,s:o,s:o}", "method", op->method, "path", op->path, "summary",
                  op->summary, "roles", roles_json(op->roles), "flags", flags_json(op->flags));
    if (o != NULL && ((op->query != NULL && json_put(o, "query", fields_json(op->query)) < 0) ||
                      (op->fields != NULL && json_put(o, "body", fields_json(op->fields)) < 0) ||
                      add_answer(o, op) < 0)) {
        json_release(&o);
    }
    return o;
}

int operation_table(struct buf *out)
{
    json_t *list = json_array();
    int r = list == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < OPERATION_COUNT && r == 0; i++) {
        r = json_push(list, operation_json(&OPERATIONS[i]));
    }
    r = r < 0 ? r : json_write(list, out);
    json_decref(list);
    return r;
}
