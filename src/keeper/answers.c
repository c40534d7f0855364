#include "keeper/answers.h"

#include <string.h>

#define ALWAYS(name, type, ...)                                                                    \
    {                                                                                              \
        name, type, true, "", __VA_ARGS__                                                          \
    }
/* There, and null where there is nothing to say. */
#define OR_NULL(name, type, ...)                                                                   \
    {                                                                                              \
        name, type, true, "", .null = true, __VA_ARGS__                                            \
    }
#define MAYBE(name, type, ...)                                                                     \
    {                                                                                              \
        name, type, false, "", __VA_ARGS__                                                         \
    }
#define LIST_OF(member, item)                                                                      \
    ((const struct field[]){                                                                       \
        ALWAYS(member, FIELD_OBJECTS, .fields = item), MAYBE("next", FIELD_ANY), {0}})
#define PART(...) ((const struct field[]){__VA_ARGS__, {0}})

static const struct field USER[] = {
    ALWAYS("name", FIELD_NAME),
    ALWAYS("kind", FIELD_ENUM, .values = "person|service|break-glass"),
    ALWAYS("mail", FIELD_STRING),
    ALWAYS("disabled", FIELD_FLAG),
    ALWAYS("groups", FIELD_NAMES),
    OR_NULL("created", FIELD_TIME),
    ALWAYS("password", FIELD_ENUM, .values = "none|set|disabled"),
    ALWAYS("totp", FIELD_ENUM, .values = "none|set|disabled"),
    ALWAYS("passkeys", FIELD_NUMBER),
    ALWAYS("recovery_left", FIELD_NUMBER),
    OR_NULL("enrol_until", FIELD_TIME),
    ALWAYS("spent", FIELD_LIST),
    OR_NULL("directory", FIELD_STRING),
    {0},
};

static const struct field LINK[] = {
    ALWAYS("code", FIELD_STRING),
    ALWAYS("link", FIELD_STRING),
    OR_NULL("expires", FIELD_TIME),
    {0},
};

static const struct field VOICE[] = {
    ALWAYS("user", FIELD_NAME),
    OR_NULL("at", FIELD_TIME),
    ALWAYS("comment", FIELD_STRING),
    {0},
};

static const struct field REQUEST[] = {
    ALWAYS("id", FIELD_NUMBER),
    ALWAYS("kind", FIELD_ENUM, .values = "access|change"),
    ALWAYS("state", FIELD_ENUM, .values = "pending|approved|denied|expired|withdrawn|ended|failed"),
    ALWAYS("user", FIELD_NAME),
    MAYBE("rule", FIELD_NAME),
    MAYBE("class", FIELD_NAME),
    ALWAYS("reason", FIELD_STRING),
    ALWAYS("duration", FIELD_NUMBER),
    OR_NULL("created", FIELD_TIME),
    OR_NULL("expires", FIELD_TIME),
    OR_NULL("decided", FIELD_TIME),
    OR_NULL("ends", FIELD_TIME),
    ALWAYS("seconds_left", FIELD_NUMBER),
    ALWAYS("note", FIELD_STRING),
    ALWAYS("voices", FIELD_OBJECTS, .fields = VOICE),
    OR_NULL("approvers", FIELD_NAME),
    ALWAYS("approvals", FIELD_NUMBER),
    ALWAYS("may_decide", FIELD_FLAG),
    MAYBE("operation", FIELD_OBJECT),
    MAYBE("result", FIELD_ANY),
    {0},
};

static const struct field REQUESTABLE[] = {
    ALWAYS("rule", FIELD_NAME),      ALWAYS("routes", FIELD_LIST),
    ALWAYS("approvers", FIELD_NAME), ALWAYS("approvals", FIELD_NUMBER),
    ALWAYS("longest", FIELD_NUMBER), OR_NULL("request", FIELD_NUMBER),
    OR_NULL("state", FIELD_STRING),  {0},
};

static const struct field SESSION[] = {
    ALWAYS("id", FIELD_STRING),
    OR_NULL("parent", FIELD_STRING),
    ALWAYS("user", FIELD_STRING),
    ALWAYS("host", FIELD_STRING),
    ALWAYS("assurance", FIELD_STRING),
    OR_NULL("proven_at", FIELD_TIME),
    OR_NULL("created", FIELD_TIME),
    OR_NULL("last_seen", FIELD_TIME),
    OR_NULL("idle_until", FIELD_TIME),
    OR_NULL("ends_at", FIELD_TIME),
    ALWAYS("source", FIELD_STRING),
    ALWAYS("agent", FIELD_STRING),
    {0},
};

static const struct field FORMER[] = {
    OR_NULL("expires", FIELD_TIME),
    OR_NULL("last_used", FIELD_TIME),
    {0},
};

#define TOKEN_FIELDS                                                                               \
    ALWAYS("id", FIELD_STRING), ALWAYS("name", FIELD_NAME), ALWAYS("owner", FIELD_NAME),           \
        ALWAYS("routes", FIELD_LIST), ALWAYS("methods", FIELD_LIST), ALWAYS("paths", FIELD_LIST),  \
        ALWAYS("zones", FIELD_LIST), OR_NULL("created", FIELD_TIME),                               \
        OR_NULL("expires", FIELD_TIME), OR_NULL("rotated", FIELD_TIME),                            \
        OR_NULL("former", FIELD_OBJECT, .fields = FORMER), OR_NULL("last_used", FIELD_TIME),       \
        OR_NULL("last_source", FIELD_STRING), OR_NULL("strayed", FIELD_TIME),                      \
        OR_NULL("stray_source", FIELD_STRING), ALWAYS("owner_disabled", FIELD_FLAG)

static const struct field TOKEN[] = {TOKEN_FIELDS, {0}};
static const struct field NEW_TOKEN[] = {TOKEN_FIELDS, ALWAYS("token", FIELD_STRING), {0}};

static const struct field CERTIFICATE[] = {
    ALWAYS("name", FIELD_NAME),
    ALWAYS("user", FIELD_NAME),
    ALWAYS("good", FIELD_ENUM, .values = "alone|factor"),
    ALWAYS("kind", FIELD_ENUM, .values = "spki|email|dns|uri|subject"),
    ALWAYS("value", FIELD_STRING),
    OR_NULL("created", FIELD_TIME),
    OR_NULL("last_used", FIELD_TIME),
    ALWAYS("user_disabled", FIELD_FLAG),
    {0},
};

static const struct field PASSKEY[] = {
    ALWAYS("id", FIELD_STRING),          ALWAYS("name", FIELD_STRING),
    ALWAYS("alg", FIELD_STRING),         ALWAYS("model", FIELD_STRING),
    ALWAYS("verifies_user", FIELD_FLAG), ALWAYS("synced", FIELD_FLAG),
    ALWAYS("backed_up", FIELD_FLAG),     ALWAYS("attested", FIELD_FLAG),
    OR_NULL("made", FIELD_TIME),         OR_NULL("last_used", FIELD_TIME),
    ALWAYS("disabled", FIELD_FLAG),      {0},
};

static const struct field GROUP[] = {
    ALWAYS("name", FIELD_NAME),
    ALWAYS("members", FIELD_NUMBER),
    ALWAYS("built_in", FIELD_FLAG),
    {0},
};

static const struct field MEMBERS[] = {
    ALWAYS("members", FIELD_NAMES),
    MAYBE("next", FIELD_NAME),
    {0},
};

static const struct field IDENTITY[] = {
    OR_NULL("provider", FIELD_STRING), ALWAYS("issuer", FIELD_STRING),
    ALWAYS("subject", FIELD_STRING),   OR_NULL("created", FIELD_TIME),
    OR_NULL("used", FIELD_TIME),       {0},
};

static const struct field ACCESS[] = {
    ALWAYS("seq", FIELD_NUMBER),         OR_NULL("time", FIELD_TIME),
    ALWAYS("request", FIELD_STRING),     ALWAYS("outcome", FIELD_STRING),
    ALWAYS("status", FIELD_NUMBER),      ALWAYS("source", FIELD_STRING),
    ALWAYS("route", FIELD_STRING),       ALWAYS("principal", FIELD_STRING),
    ALWAYS("method", FIELD_STRING),      ALWAYS("path", FIELD_STRING),
    ALWAYS("rule", FIELD_STRING),        ALWAYS("reason", FIELD_STRING),
    ALWAYS("duration_ms", FIELD_NUMBER), {0},
};

static const struct field DENIED[] = {
    ALWAYS("source", FIELD_STRING), ALWAYS("count", FIELD_NUMBER), OR_NULL("last", FIELD_TIME),
    ALWAYS("reason", FIELD_STRING), ALWAYS("route", FIELD_STRING), {0},
};

static const struct field ACTIVITY[] = {
    ALWAYS("seq", FIELD_NUMBER),    OR_NULL("time", FIELD_TIME),
    ALWAYS("event", FIELD_STRING),  ALWAYS("text", FIELD_STRING),
    ALWAYS("target", FIELD_STRING), ALWAYS("outcome", FIELD_STRING),
    ALWAYS("source", FIELD_STRING), {0},
};

static const struct field NOTICE[] = {
    ALWAYS("seq", FIELD_NUMBER),
    ALWAYS("user", FIELD_STRING),
    ALWAYS("event", FIELD_STRING),
    ALWAYS("by", FIELD_ENUM, .values = "mail|webhook"),
    ALWAYS("source", FIELD_STRING),
    OR_NULL("made", FIELD_TIME),
    OR_NULL("due", FIELD_TIME),
    ALWAYS("attempts", FIELD_NUMBER),
    ALWAYS("folded", FIELD_NUMBER),
    ALWAYS("error", FIELD_STRING),
    {0},
};

static const struct field EMERGENCY[] = {
    ALWAYS("user", FIELD_NAME),       ALWAYS("disabled", FIELD_FLAG),
    ALWAYS("codes", FIELD_NUMBER),    ALWAYS("session", FIELD_NUMBER),
    ALWAYS("active", FIELD_NUMBER),   OR_NULL("active_until", FIELD_TIME),
    OR_NULL("last_used", FIELD_TIME), OR_NULL("last_drill", FIELD_TIME),
    ALWAYS("drill_due", FIELD_FLAG),  {0},
};

static const struct field APPROVAL[] = {
    ALWAYS("user", FIELD_NAME),
    OR_NULL("asked", FIELD_TIME),
    ALWAYS("source", FIELD_STRING),
    ALWAYS("maker", FIELD_STRING),
    {0},
};

static const struct field DIRECTORY[] = {
    ALWAYS("name", FIELD_NAME),
    ALWAYS("state", FIELD_STRING),
    OR_NULL("why", FIELD_STRING),
    OR_NULL("since", FIELD_TIME),
    {0},
};

static const struct field TILE[] = {
    ALWAYS("name", FIELD_NAME),
    ALWAYS("title", FIELD_STRING),
    ALWAYS("url", FIELD_STRING),
    ALWAYS("upstream", FIELD_STRING),
    {0},
};

static const struct field WHO[] = {
    ALWAYS("kind", FIELD_ENUM, .values = "nobody|session|token|host"),
    ALWAYS("user", FIELD_STRING),
    ALWAYS("groups", FIELD_LIST),
    ALWAYS("role", FIELD_ENUM, .values = "host|owner|administrator|auditor|operator|user"),
    ALWAYS("roles", FIELD_ENUMS, .values = "host|owner|administrator|auditor|operator|user"),
    {0},
};

static const struct field HEALTH[] = {
    ALWAYS("status", FIELD_STRING),
    ALWAYS("warnings", FIELD_LIST),
    ALWAYS("version", FIELD_STRING),
    OR_NULL("started", FIELD_TIME),
    ALWAYS("snapshot", FIELD_NUMBER),
    ALWAYS("generation", FIELD_NUMBER),
    ALWAYS("edges", FIELD_OBJECTS),
    ALWAYS("routes", FIELD_OBJECTS),
    ALWAYS("names", FIELD_OBJECTS),
    ALWAYS("courier", FIELD_ENUM, .values = "connected|absent"),
    ALWAYS("policy_changes", FIELD_OBJECT),
    ALWAYS("audit_records", FIELD_NUMBER),
    ALWAYS("access_records", FIELD_NUMBER),
    ALWAYS("access_lost", FIELD_NUMBER),
    {0},
};

static const struct field VERIFIED[] = {
    ALWAYS("intact", FIELD_FLAG),  ALWAYS("finding", FIELD_STRING), ALWAYS("seq", FIELD_NUMBER),
    ALWAYS("count", FIELD_NUMBER), ALWAYS("lag", FIELD_NUMBER),     ALWAYS("hash", FIELD_STRING),
    ALWAYS("text", FIELD_STRING),  MAYBE("first", FIELD_NUMBER),    MAYBE("running", FIELD_FLAG),
    MAYBE("done", FIELD_NUMBER),   MAYBE("total", FIELD_NUMBER),    {0},
};

static const struct field SIMULATION[] = {
    ALWAYS("id", FIELD_STRING),
    ALWAYS("state", FIELD_ENUM, .values = "waiting|running|done|failed|cancelled"),
    ALWAYS("asker", FIELD_STRING),
    ALWAYS("days", FIELD_NUMBER),
    ALWAYS("done", FIELD_NUMBER),
    ALWAYS("total", FIELD_NUMBER),
    MAYBE("took_ms", FIELD_NUMBER),
    MAYBE("result", FIELD_OBJECT),
    {0},
};

static const struct field ASSERTION[] = {
    ALWAYS("issuer", FIELD_STRING),    ALWAYS("kid", FIELD_STRING),
    ALWAYS("algorithm", FIELD_STRING), OR_NULL("made", FIELD_TIME),
    OR_NULL("rotates", FIELD_TIME),    ALWAYS("life_seconds", FIELD_NUMBER),
    OR_NULL("previous", FIELD_OBJECT), {0},
};

#define RECOVERY PART(ALWAYS("recovery", FIELD_LIST))
#define LINKED PART(ALWAYS("enrol", FIELD_OBJECT, .fields = LINK))
#define MADE_USER                                                                                  \
    PART(ALWAYS("user", FIELD_OBJECT, .fields = USER),                                             \
         MAYBE("enrol", FIELD_OBJECT, .fields = LINK), MAYBE("totp", FIELD_OBJECT))
#define NAMED PART(ALWAYS("name", FIELD_NAME))
#define NOTHING ((const struct field[]){{0}})

static const struct {
    const struct field *fields;
    const char *name;
} NAMES[] = {
    {REQUEST, "Request"},    {REQUESTABLE, "Requestable"},
    {USER, "User"},          {LINK, "Link"},
    {SESSION, "Session"},    {TOKEN, "Token"},
    {NEW_TOKEN, "NewToken"}, {CERTIFICATE, "Certificate"},
    {PASSKEY, "Passkey"},    {GROUP, "Group"},
    {IDENTITY, "Identity"},  {ACCESS, "AccessRecord"},
    {NOTICE, "Notice"},      {EMERGENCY, "BreakGlassAccount"},
    {APPROVAL, "Approval"},  {DIRECTORY, "Directory"},
    {TILE, "Console"},       {WHO, "Caller"},
    {HEALTH, "Health"},      {ASSERTION, "AssertionKey"},
};

static const struct field CHANGED[] = {
    ALWAYS("kind", FIELD_ENUM, .values = "zone|route|rule|test|setting"),
    ALWAYS("name", FIELD_STRING),
    ALWAYS("action", FIELD_ENUM, .values = "added|removed|changed|moved"),
    MAYBE("origin", FIELD_ENUM, .values = "file|store"),
    MAYBE("before", FIELD_ANY),
    MAYBE("after", FIELD_ANY),
    MAYBE("lines", FIELD_OBJECTS,
          .fields = PART(ALWAYS("op", FIELD_STRING), ALWAYS("text", FIELD_STRING))),
    {0},
};

static const struct field POLICY_VERSION[] = {
    ALWAYS("number", FIELD_NUMBER),
    OR_NULL("at", FIELD_TIME),
    ALWAYS("author", FIELD_STRING),
    ALWAYS("cause", FIELD_ENUM, .values = "api|apply|rollback|file|expired"),
    ALWAYS("comment", FIELD_STRING),
    ALWAYS("state", FIELD_ENUM, .values = "made|in-force|undone"),
    OR_NULL("confirm_by", FIELD_TIME),
    MAYBE("changes", FIELD_OBJECTS, .fields = CHANGED),
    MAYBE("count", FIELD_NUMBER),
    MAYBE("next", FIELD_NUMBER),
    {0},
};

static const struct field MADE[] = {
    OR_NULL("version", FIELD_NUMBER),
    ALWAYS("changes", FIELD_OBJECTS, .fields = CHANGED),
    ALWAYS("more", FIELD_NUMBER),
    OR_NULL("lockout", FIELD_OBJECT,
            .fields = PART(ALWAYS("sentence", FIELD_STRING), ALWAYS("who", FIELD_LIST))),
    OR_NULL("confirm_within", FIELD_NUMBER),
    {0},
};

static const struct field SETTING[] = {
    ALWAYS("name", FIELD_STRING),
    ALWAYS("value", FIELD_ANY),
    ALWAYS("origin", FIELD_ENUM, .values = "file|store|default"),
    ALWAYS("default", FIELD_STRING),
    ALWAYS("type", FIELD_STRING),
    ALWAYS("text", FIELD_STRING),
    {0},
};

static const struct answer_row ROWS[] = {
    {"GET", "/api/v1/whoami", 200, 0, WHO},
    {"GET", "/api/v1/health", 200, 0, HEALTH},
    {"GET", "/api/v1/me", 200, 0, USER},
    {"PUT", "/api/v1/me/password", 200, 0, NOTHING},
    {"POST", "/api/v1/me/totp", 200, 0, PART(ALWAYS("link", FIELD_STRING))},
    {"DELETE", "/api/v1/me/totp", 200, 0, NOTHING},
    {"POST", "/api/v1/me/recovery", 200, 0, RECOVERY},
    {"GET", "/api/v1/me/sessions", 200, 0, LIST_OF("sessions", SESSION)},
    {"DELETE", "/api/v1/me/sessions", 200, 0, NOTHING},
    {"DELETE", "/api/v1/me/sessions/{id}", 200, 0, NOTHING},
    {"GET", "/api/v1/me/tokens", 200, 0, LIST_OF("tokens", TOKEN)},
    {"DELETE", "/api/v1/me/tokens/{name}", 200, 0, NOTHING},
    {"GET", "/api/v1/me/activity", 200, 0, LIST_OF("records", ACTIVITY)},
    {"GET", "/api/v1/me/consoles", 200, 0, LIST_OF("consoles", TILE)},
    {"GET", "/api/v1/me/passkeys", 200, 0, LIST_OF("passkeys", PASSKEY)},
    {"PUT", "/api/v1/me/passkeys/{id}", 200, 0, PASSKEY},
    {"DELETE", "/api/v1/me/passkeys/{id}", 200, 0, NOTHING},
    {"GET", "/api/v1/users", 200, 0, LIST_OF("users", USER)},
    {"POST", "/api/v1/users", 201, 0, MADE_USER},
    {"GET", "/api/v1/users/{name}", 200, 0, USER},
    {"DELETE", "/api/v1/users/{name}", 200, 0, NOTHING},
    {"POST", "/api/v1/users/{name}/disable", 200, 0, USER},
    {"POST", "/api/v1/users/{name}/enable", 200, 0, USER},
    {"PUT", "/api/v1/users/{name}/groups", 200, 0, USER},
    {"PUT", "/api/v1/users/{name}/mail", 200, 0, USER},
    {"POST", "/api/v1/users/{name}/enrol", 200, 0, LINKED},
    {"POST", "/api/v1/users/{name}/recovery", 200, 0, RECOVERY},
    {"GET", "/api/v1/users/{name}/identities", 200, 0, LIST_OF("identities", IDENTITY)},
    {"POST", "/api/v1/users/{name}/identities", 200, 0, LIST_OF("identities", IDENTITY)},
    {"DELETE", "/api/v1/users/{name}/identities", 200, 0, LIST_OF("identities", IDENTITY)},
    {"GET", "/api/v1/users/{name}/passkeys", 200, 0, LIST_OF("passkeys", PASSKEY)},
    {"POST", "/api/v1/users/{name}/passkeys/{id}/enable", 200, 0, PASSKEY},
    {"DELETE", "/api/v1/users/{name}/passkeys/{id}", 200, 0, NOTHING},
    {"DELETE", "/api/v1/users/{name}/sessions", 200, 0, NOTHING},
    {"GET", "/api/v1/approvals", 200, 0, LIST_OF("approvals", APPROVAL)},
    {"GET", "/api/v1/breakglass", 200, 0, LIST_OF("accounts", EMERGENCY)},
    {"GET", "/api/v1/groups", 200, 0, LIST_OF("groups", GROUP)},
    {"POST", "/api/v1/groups", 201, 0, NAMED},
    {"GET", "/api/v1/groups/{name}", 200, 0, MEMBERS},
    {"DELETE", "/api/v1/groups/{name}", 200, 0, NOTHING},
    {"GET", "/api/v1/tokens", 200, 0, LIST_OF("tokens", TOKEN)},
    {"POST", "/api/v1/tokens", 201, 0, NEW_TOKEN},
    {"GET", "/api/v1/tokens/{name}", 200, 0, TOKEN},
    {"POST", "/api/v1/tokens/{name}/rotate", 200, 0, NEW_TOKEN},
    {"DELETE", "/api/v1/tokens/{name}", 200, 0, NOTHING},
    {"GET", "/api/v1/certificates", 200, 0, LIST_OF("certificates", CERTIFICATE)},
    {"POST", "/api/v1/certificates", 201, 0, CERTIFICATE},
    {"GET", "/api/v1/certificates/{name}", 200, 0, CERTIFICATE},
    {"DELETE", "/api/v1/certificates/{name}", 200, 0, NOTHING},
    {"GET", "/api/v1/sessions", 200, 0, LIST_OF("sessions", SESSION)},
    {"GET", "/api/v1/requests", 200, 0, LIST_OF("requests", REQUEST)},
    {"POST", "/api/v1/requests", 201, 0, REQUEST},
    {"GET", "/api/v1/requests/{id}", 200, 0, REQUEST},
    {"POST", "/api/v1/requests/{id}/approve", 200, 0, REQUEST},
    {"POST", "/api/v1/requests/{id}/deny", 200, 0, REQUEST},
    {"DELETE", "/api/v1/requests/{id}", 200, 0, REQUEST},
    {"GET", "/api/v1/me/requestable", 200, 0,
     PART(ALWAYS("rules", FIELD_OBJECTS, .fields = REQUESTABLE))},
    {"DELETE", "/api/v1/sessions/{id}", 200, 0, NOTHING},
    {"GET", "/api/v1/directories", 200, 0, LIST_OF("directories", DIRECTORY)},
    {"GET", "/api/v1/notices", 200, 0, LIST_OF("notices", NOTICE)},
    {"POST", "/api/v1/notices/test", 200, 0,
     PART(ALWAYS("taken", FIELD_FLAG), ALWAYS("text", FIELD_STRING))},
    {"GET", "/api/v1/assertion", 200, 0, ASSERTION},
    {"POST", "/api/v1/assertion/rotate", 200, 0, ASSERTION},
    {"GET", "/api/v1/audit", 200, 0, LIST_OF("records", NULL)},
    {"GET", "/api/v1/audit/verify", 200, 0, VERIFIED},
    {"GET", "/api/v1/audit/head", 200, 0,
     PART(ALWAYS("count", FIELD_NUMBER), ALWAYS("hash", FIELD_STRING))},
    {"POST", "/api/v1/simulations", 202, 0, SIMULATION},
    {"GET", "/api/v1/simulations/{id}", 200, 0, SIMULATION},
    {"GET", "/api/v1/access", 200, 0, LIST_OF("records", ACCESS)},
    {"GET", "/api/v1/access/denied", 200, 0, LIST_OF("sources", DENIED)},
    {"GET", "/api/v1/policy", 200, 0,
     PART(ALWAYS("version", FIELD_NUMBER), OR_NULL("pending", FIELD_OBJECT, .fields = NULL),
          ALWAYS("counts", FIELD_OBJECT, .fields = NULL))},
    {"GET", "/api/v1/versions", 200, 0, LIST_OF("versions", POLICY_VERSION)},
    {"GET", "/api/v1/versions/{n}", 200, 0, POLICY_VERSION},
    {"POST", "/api/v1/versions/{n}/rollback", 200, 0, MADE},
    {"POST", "/api/v1/versions/{n}/confirm", 200, 0, POLICY_VERSION},
    {"POST", "/api/v1/apply", 200, 0, MADE},
    {"GET", "/api/v1/settings", 200, 0, LIST_OF("settings", SETTING)},
    {"GET", "/api/v1/settings/{name}", 200, 0, SETTING},
    {"PUT", "/api/v1/settings/{name}", 200, 201, NULL},
    {"PUT", "/api/v1/zones/{name}", 200, 201, NULL},
    {"PUT", "/api/v1/routes/{name}", 200, 201, NULL},
    {"PUT", "/api/v1/rules/{name}", 200, 201, NULL},
    {"PUT", "/api/v1/tests/{name}", 200, 201, NULL},
};

const struct answer_row *answer_of(const struct operation *op)
{
    for (size_t i = 0; i < countof(ROWS); i++) {
        if (strcmp(ROWS[i].method, op->method) == 0 && strcmp(ROWS[i].path, op->path) == 0) {
            return &ROWS[i];
        }
    }
    return NULL;
}

const char *answer_name(const struct field *fields)
{
    for (size_t i = 0; i < countof(NAMES); i++) {
        if (NAMES[i].fields == fields) {
            return NAMES[i].name;
        }
    }
    return NULL;
}
