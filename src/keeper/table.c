#include "keeper/op.h"
#include "keeper/operation.h"

/* What bodies may hold. */
#define FIELDS(...) ((const struct field[]){__VA_ARGS__, {0}})
#define EMPTY ((const struct field[]){{0}})

static const struct field PAGING[] = {
    {"limit", FIELD_NUMBER, false, "at most so many, 1 to 500; default 100"},
    {"after", FIELD_STRING, false, "go on where `next` of the last answer says"},
    {0},
};

/* What the portal's script sends of an authenticator, as base64url. */
static const struct field ASSERTED[] = {
    {"id", FIELD_STRING, true, "of the key"},
    {"client", FIELD_STRING, true, "clientDataJSON"},
    {"data", FIELD_STRING, true, "authenticatorData"},
    {"signature", FIELD_STRING, true, "signature"},
    {"handle", FIELD_STRING, false, "userHandle"},
    {0},
};

#define CREATED                                                                                    \
    {"name", FIELD_STRING, true, "what the person calls it"},                                      \
        {"id", FIELD_STRING, true, "of the key"},                                                  \
        {"client", FIELD_STRING, true, "clientDataJSON"},                                          \
    {                                                                                              \
        "object", FIELD_STRING, true, "attestationObject"                                          \
    }

#define LIMIT                                                                                      \
    {                                                                                              \
        "limit", FIELD_NUMBER, false, "at most so many, 1 to 500; default 100"                     \
    }
#define AFTER                                                                                      \
    {                                                                                              \
        "after", FIELD_STRING, false, "go on where `next` of the last answer says"                 \
    }

const struct operation OPERATIONS[] = {
    {"GET", "/api/v1/whoami", ROLE_PERSON, 0, "Who the caller is.", op_whoami, NULL, NULL},
    {"GET", "/api/v1/health", ROLE_OWNER, 0,
     "State of the service: warnings, snapshot, edges, upstreams and their names, sandbox, "
     "records.",
     op_health, NULL, NULL},
    {"GET", "/api/v1/me/sessions", ROLE_PERSON, 0, "The caller's own sessions.", op_my_sessions,
     NULL, PAGING},
    {"GET", "/api/v1/me/consoles", ROLE_PERSON, 0,
     "The consoles that a rule could admit the caller to.", op_my_consoles, NULL, NULL},

    {"GET", "/api/v1/users", ROLE_OWNER, 0, "All users.", op_users_list, NULL, PAGING},
    {"POST", "/api/v1/users", ROLE_OWNER, 0,
     "Makes a user. Secrets are in the answer once and never again.", op_users_add,
     FIELDS({"name", FIELD_STRING, true, "lower case; never changes"},
            {"groups", FIELD_LIST, false, "groups that exist"},
            {"directory", FIELD_STRING, false,
             "the directory that checks the password; the name is the one there, in lower case"},
            {"password", FIELD_STRING, false, "a first password; over `keeper.sock` only"},
            {"totp", FIELD_FLAG, false,
             "make a TOTP secret and give it in the answer; over `keeper.sock` only"},
            {"enrol", FIELD_FLAG, false, "make an enrolment link, good for 24 hours, used once"},
            {"service", FIELD_FLAG, false,
             "an account of programs: owns tokens, never signs in, by whatever way"}),
     NULL},
    {"GET", "/api/v1/users/{name}", ROLE_OWNER, 0, "One user.", op_users_get, NULL, NULL},
    {"DELETE", "/api/v1/users/{name}", ROLE_OWNER, 0,
     "Removes the user with credentials, sessions and tokens.", op_users_remove, NULL, NULL},
    {"POST", "/api/v1/users/{name}/disable", ROLE_OWNER, 0,
     "The user may not log in; sessions and streams end at once, tokens rest.", op_users_disable,
     EMPTY, NULL},
    {"POST", "/api/v1/users/{name}/enable", ROLE_OWNER, 0,
     "The user may log in again; failed attempts are forgotten and spent factors enabled.",
     op_users_enable, EMPTY, NULL},
    {"PUT", "/api/v1/users/{name}/groups", ROLE_OWNER, 0,
     "Sets the groups; running streams are judged anew.", op_users_groups,
     FIELDS({"groups", FIELD_LIST, true, "all groups of the user afterwards"}), NULL},
    {"POST", "/api/v1/users/{name}/reset", ROLE_OWNER, 0,
     "Declares factors of a person lost: they are removed, sessions end, and a link, good for 24 "
     "hours, sets them anew. On its page the factor that is left proves the person; with `confirm` "
     "nothing is left, and an approver has to say who it is.",
     op_users_reset, FIELDS({"lost", FIELD_LIST, true, "`password`, `authenticator` or both"}),
     NULL},
    {"POST", "/api/v1/users/{name}/recover", ROLE_HOST, 0,
     "Gives access back without any factor: enables the user and makes a link that sets all "
     "credentials.",
     op_users_recover, FIELDS({"owner", FIELD_FLAG, false, "make the user a member of owners"}),
     NULL},
    {"POST", "/api/v1/users/{name}/recovery", ROLE_HOST, 0,
     "Makes ten new recovery codes; the old ones are void.", op_users_recovery, EMPTY, NULL},
    {"POST", "/api/v1/users/{name}/enrol", ROLE_OWNER, 0,
     "Makes a new enrolment link, good for 24 hours, used once; an older one is void. Only for who "
     "has no credentials yet, except on this host.",
     op_users_enrol, EMPTY, NULL},
    {"PUT", "/api/v1/users/{name}/mail", ROLE_OWNER, 0,
     "Sets the address to which the user's notices go; the one that was is told so.", op_users_mail,
     FIELDS({"mail", FIELD_STRING, true, "one mail address, or empty: none"}), NULL},
    {"DELETE", "/api/v1/users/{name}/sessions", ROLE_OWNER, 0, "Ends all sessions of the user.",
     op_users_end_sessions, NULL, NULL},

    {"GET", "/api/v1/approvals", ROLE_PERSON, 0,
     "Who waits for an approver; for the groups that `authentication.approvers` names.",
     op_approvals_list, NULL, NULL},
    {"POST", "/api/v1/approvals/{name}", ROLE_PERSON, 0,
     "Says that it is this person, with the code that the person was shown.", op_approvals_approve,
     FIELDS({"word", FIELD_STRING, true, "what the person tells, such as `7qk-m3f`"}), NULL},
    {"DELETE", "/api/v1/approvals/{name}", ROLE_PERSON, 0, "Refuses; the link is void.",
     op_approvals_refuse, NULL, NULL},

    {"GET", "/api/v1/groups", ROLE_OWNER, 0, "All groups.", op_groups_list, NULL, FIELDS(AFTER)},
    {"POST", "/api/v1/groups", ROLE_OWNER, 0, "Makes a group.", op_groups_add,
     FIELDS({"name", FIELD_STRING, true, "lower case"}), NULL},
    {"GET", "/api/v1/groups/{name}", ROLE_OWNER, 0, "The members of a group.", op_groups_get, NULL,
     FIELDS(AFTER)},
    {"DELETE", "/api/v1/groups/{name}", ROLE_OWNER, 0,
     "Removes a group; the built-in group owners stays.", op_groups_remove, NULL, NULL},

    {"GET", "/api/v1/tokens", ROLE_OWNER, 0, "All tokens that are not revoked.", op_tokens_list,
     NULL, FIELDS(LIMIT, AFTER, {"owner", FIELD_STRING, false, "of this user only"})},
    {"POST", "/api/v1/tokens", ROLE_OWNER, 0,
     "Makes an API token. Its text is in the answer once and never again.", op_tokens_add,
     FIELDS({"name", FIELD_STRING, true, "unique; rules name it"},
            {"owner", FIELD_STRING, true, "the user it acts for"},
            {"routes", FIELD_LIST, true, "routes it may reach; `portal` is the API of postern"},
            {"methods", FIELD_LIST, false, "only these methods"},
            {"paths", FIELD_LIST, false, "only these paths, `/a/b` or `/a/**`"},
            {"zones", FIELD_LIST, false,
             "only from these zones; elsewhere it is refused and recorded"},
            {"expires", FIELD_STRING, false,
             "`30d`, `12h`, `never`; default: `authentication.token_expires`"}),
     NULL},
    {"POST", "/api/v1/tokens/{name}/rotate", ROLE_OWNER, 0,
     "Gives a token a new text, which is in the answer once and never again. The text of now stays "
     "good for a while, one that had been replaced before ends.",
     op_tokens_rotate,
     FIELDS({"overlap", FIELD_STRING, false,
             "how long both are good: `24h`, at most `90d`, `0` for not at all; default `24h`"},
            {"expires", FIELD_STRING, false,
             "when the new one ends, counted from now, as in making a token"}),
     NULL},
    {"DELETE", "/api/v1/tokens/{name}", ROLE_OWNER, 0, "Revokes a token.", op_tokens_revoke, NULL,
     NULL},

    {"GET", "/api/v1/sessions", ROLE_OWNER, 0, "Who is on now.", op_sessions_list, NULL,
     FIELDS(LIMIT, AFTER, {"user", FIELD_STRING, false, "of this user only"})},
    {"DELETE", "/api/v1/sessions/{id}", ROLE_PERSON, 0,
     "Ends a session and its children: any for owners, else one's own.", op_sessions_end, NULL,
     NULL},

    {"GET", "/api/v1/zones", ROLE_OWNER, 0, "All zones in force.", op_resources_list, NULL, PAGING},
    {"GET", "/api/v1/zones/{name}", ROLE_OWNER, 0, "One zone.", op_resources_get, NULL, NULL},
    {"PUT", "/api/v1/zones/{name}", ROLE_OWNER, OPERATION_CHANGE | OPERATION_ANY,
     "Makes or replaces a zone; the body has the keys of the configuration file.", op_resources_put,
     NULL, NULL},
    {"DELETE", "/api/v1/zones/{name}", ROLE_OWNER, OPERATION_CHANGE, "Removes a zone.",
     op_resources_remove, NULL, NULL},
    {"GET", "/api/v1/routes", ROLE_OWNER, 0, "All routes in force.", op_resources_list, NULL,
     PAGING},
    {"GET", "/api/v1/routes/{name}", ROLE_OWNER, 0, "One route.", op_resources_get, NULL, NULL},
    {"PUT", "/api/v1/routes/{name}", ROLE_OWNER, OPERATION_CHANGE | OPERATION_ANY,
     "Makes or replaces a route; the body has the keys of the configuration file.",
     op_resources_put, NULL, NULL},
    {"DELETE", "/api/v1/routes/{name}", ROLE_OWNER, OPERATION_CHANGE,
     "Removes a route; its streams end at once.", op_resources_remove, NULL, NULL},
    {"GET", "/api/v1/rules", ROLE_OWNER, 0, "All rules in force, in the order they are tried.",
     op_resources_list, NULL, PAGING},
    {"GET", "/api/v1/rules/{name}", ROLE_OWNER, 0, "One rule.", op_resources_get, NULL, NULL},
    {"PUT", "/api/v1/rules/{name}", ROLE_OWNER, OPERATION_CHANGE | OPERATION_ANY,
     "Makes or replaces a rule; the body has the keys of the configuration file.", op_resources_put,
     NULL, NULL},
    {"DELETE", "/api/v1/rules/{name}", ROLE_OWNER, OPERATION_CHANGE, "Removes a rule.",
     op_resources_remove, NULL, NULL},

    {"POST", "/api/v1/leases", ROLE_OWNER, OPERATION_CHANGE,
     "Makes a route with its rules for as long as the connection to `keeper.sock` lasts that asked "
     "for it; only there. `postern guard` uses it.",
     op_leases_add,
     FIELDS(
         {"name", FIELD_STRING, true, "of the route"},
         {"upstream", FIELD_STRING, true, "`unix:/path`"},
         {"host", FIELD_STRING, false, "host name; default: the name below the portal's"},
         {"port", FIELD_NUMBER, false, "or a listener's port"},
         {"title", FIELD_STRING, false, "name on the tile"},
         {"start", FIELD_STRING, false, "path that the tile opens"},
         {"allow", FIELD_LIST, false,
          "who is admitted: `group:NAME@ZONE`, `user:NAME@ZONE`, `token:NAME@ZONE`; zone `local` "
          "unless named"}),
     NULL},

    {"POST", "/api/v1/explain", ROLE_OWNER, OPERATION_READS,
     "What would be decided, and why: every rule tried with the test it failed at.", op_explain,
     FIELDS({"user", FIELD_STRING, false, "a person, logged in just now with a second factor"},
            {"token", FIELD_STRING, false, "or a token, by name"},
            {"source", FIELD_STRING, true, "the address it comes from"},
            {"interface", FIELD_STRING, false, "the network interface by which it comes in"},
            {"route", FIELD_STRING, false, "the route, by name"},
            {"url", FIELD_STRING, false, "or an address, `https://host:port/path`"},
            {"method", FIELD_STRING, false, "default GET"},
            {"path", FIELD_STRING, false, "default /"}),
     NULL},

    {"POST", "/api/v1/probe", ROLE_OWNER, 0,
     "Looks at the certificate of an upstream: connects, shakes hands, says what was shown. "
     "`trusted` is what the authorities of this system say of it, `matches` whether it is for "
     "`name`; neither decides anything. One at a time for a caller, 30 a minute in all.",
     op_probe,
     FIELDS({"url", FIELD_STRING, true, "`https://HOST:PORT`"},
            {"sni", FIELD_STRING, false, "the name to ask for; default: the host, if it is a name"},
            {"name", FIELD_STRING, false, "the name to compare with; default: the host"}),
     NULL},

    {"GET", "/api/v1/directories", ROLE_OWNER, 0,
     "The directories of the configuration, and whether each answered the last question.",
     op_directories_list, NULL, NULL},
    {"POST", "/api/v1/directories/{name}/test", ROLE_OWNER, 0,
     "Looks somebody up in a directory as at a sign-in, without a password: which entry, which "
     "groups there and here, which user it would be. Changes nothing but the audit trail.",
     op_directories_test, FIELDS({"user", FIELD_STRING, true, "as it would be typed"}), NULL},
    {"GET", "/api/v1/notices", ROLE_OWNER, 0,
     "Notices that wait to be delivered, with what was in the way the last time.", op_notices_list,
     NULL, PAGING},
    {"POST", "/api/v1/notices/test", ROLE_OWNER, 0,
     "Sends a notice now and says whether it was taken.", op_notices_test,
     FIELDS({"by", FIELD_STRING, true, "`mail` or `webhook`"},
            {"user", FIELD_STRING, true, "whom it is about, and to whose address a mail goes"}),
     NULL},

    {"GET", "/.well-known/postern/jwks.json", ROLE_NOBODY, 0,
     "The keys that consoles verify assertions with, as a JSON Web Key Set. Needs no login.",
     op_jwks, NULL, NULL},
    {"GET", "/api/v1/assertion", ROLE_OWNER, 0,
     "The key that signs what consoles are told of who asks, and when it is replaced.",
     op_assertion_show, NULL, NULL},
    {"POST", "/api/v1/assertion/rotate", ROLE_OWNER, 0,
     "A new key signs from now on; the old one stays published for an hour unless revoked.",
     op_assertion_rotate,
     FIELDS({"revoke", FIELD_FLAG, false, "do not publish the old key any more: it may be known"}),
     NULL},

    {"GET", "/api/v1/password-list", ROLE_OWNER, 0,
     "The lists of passwords that nobody may choose: how many are built in, and the operator's "
     "file.",
     op_password_list, NULL, NULL},
    {"GET", "/api/v1/sealing", ROLE_OWNER, 0,
     "The key that seals secrets in the store (of TOTP), by its number.", op_sealing_show, NULL,
     NULL},
    {"POST", "/api/v1/sealing/rotate", ROLE_OWNER, 0,
     "A new key seals all secrets in the store; the old one is forgotten within a minute.",
     op_sealing_rotate, EMPTY, NULL},

    {"GET", "/api/v1/audit", ROLE_OWNER, 0, "The audit trail.", op_audit_list, NULL,
     FIELDS(LIMIT, AFTER, {"event", FIELD_STRING, false, "only this event"},
            {"actor", FIELD_STRING, false, "only by this actor"},
            {"target", FIELD_STRING, false, "only about this target"},
            {"order", FIELD_STRING, false, "`newest`: newest first, `after` goes back"})},
    {"GET", "/api/v1/audit/verify", ROLE_OWNER, 0,
     "Walks the whole trail and says whether anything was changed or removed.", op_audit_verify,
     NULL, NULL},
    {"GET", "/api/v1/audit/head", ROLE_OWNER, 0, "Number and hash of the last record.",
     op_audit_head, NULL, NULL},

    {"GET", "/api/v1/access", ROLE_OWNER, 0, "Access records, newest first; `after` goes back.",
     op_access_list, NULL,
     FIELDS(LIMIT, AFTER, {"denials", FIELD_NUMBER, false, "1: only what was refused"},
            {"route", FIELD_STRING, false, "only this route"},
            {"user", FIELD_STRING, false, "only this principal"})},
    {"GET", "/api/v1/access/denied", ROLE_OWNER, 0,
     "Sources refused in the last day, most first, each with the last reason.", op_access_denied,
     NULL, FIELDS(LIMIT)},

    {"GET", "/signin/second", ROLE_NOBODY, OPERATION_PAGE,
     "Asks for a second factor after a first one.", page_second_show, NULL, NULL},
    {"POST", "/signin/second", ROLE_NOBODY, OPERATION_PAGE, "Takes the second factor.",
     page_second_submit, NULL, NULL},
    {"POST", "/signin/first", ROLE_NOBODY, OPERATION_PAGE,
     "Leads on to a first second factor, where a directory's password is enough for that.",
     page_second_enrol, NULL, NULL},

    {"POST", "/signin/passkey/options", ROLE_NOBODY, 0,
     "What the portal's script asks an authenticator to sign in with a passkey.",
     op_signin_passkey_options,
     FIELDS({"user", FIELD_STRING, false, "a name; without: any passkey that the device lists"},
            {"back", FIELD_STRING, false, "the hand-over that the person came with"}),
     NULL},
    {"POST", "/signin/passkey", ROLE_NOBODY, 0,
     "Takes what the authenticator answered; sets the session's cookies and says where to go.",
     op_signin_passkey, ASSERTED, NULL},
    {"POST", "/signin/second/options", ROLE_NOBODY, 0,
     "The same for a passkey or security key as the second factor.", op_second_passkey_options,
     EMPTY, NULL},
    {"POST", "/signin/second/passkey", ROLE_NOBODY, 0, "Takes it as the second factor.",
     op_second_passkey, ASSERTED, NULL},
    {"POST", "/signin/enrol/options", ROLE_NOBODY, 0,
     "What the script asks an authenticator to make a passkey by an enrolment link.",
     op_enrol_passkey_options, FIELDS({"code", FIELD_STRING, true, "of the link"}), NULL},
    {"POST", "/signin/enrol", ROLE_NOBODY, 0, "Takes the new passkey; the link is used up.",
     op_enrol_passkey, FIELDS({"code", FIELD_STRING, true, "of the link"}, CREATED), NULL},
    {"GET", "/account/passkeys/add", ROLE_PERSON, OPERATION_PAGE, "Adds a passkey.",
     page_passkey_add, NULL, NULL},
    {"POST", "/account/passkeys/options", ROLE_PERSON, 0,
     "What the script asks an authenticator to make a passkey of the caller. Needs a proof of at "
     "most ten minutes.",
     op_passkey_options, EMPTY, NULL},
    {"POST", "/account/passkeys", ROLE_PERSON, 0, "Takes the new passkey.", op_passkey_add,
     FIELDS(CREATED), NULL},
    {"GET", "/api/v1/me/passkeys", ROLE_PERSON, 0, "The caller's own passkeys.", op_my_passkeys,
     NULL, NULL},
    {"PUT", "/api/v1/me/passkeys/{id}", ROLE_PERSON, 0,
     "Names a passkey. In a browser's session only, with a proof of at most ten minutes.",
     op_my_passkeys_rename, FIELDS({"name", FIELD_STRING, true, "its new name"}), NULL},
    {"DELETE", "/api/v1/me/passkeys/{id}", ROLE_PERSON, 0,
     "Removes a passkey, but the last one only when there is a password. In a browser's session "
     "only, with a proof of at most ten minutes.",
     op_my_passkeys_remove, NULL, NULL},
    {"GET", "/api/v1/users/{name}/passkeys", ROLE_OWNER, 0, "The passkeys of a user.",
     op_users_passkeys, NULL, NULL},
    {"DELETE", "/api/v1/users/{name}/passkeys/{id}", ROLE_OWNER, 0,
     "Removes a passkey; the user's sessions end.", op_users_passkeys_remove, NULL, NULL},
    {"POST", "/api/v1/users/{name}/passkeys/{id}/enable", ROLE_OWNER, 0,
     "Lets a passkey be used again that was disabled because its counter went back.",
     op_users_passkeys_enable, EMPTY, NULL},

    {"GET", "/", ROLE_PERSON, OPERATION_PAGE, "The console.", page_home, NULL, NULL},
    {"POST", "/sessions/{id}/end", ROLE_PERSON, OPERATION_PAGE, "Ends a session.", page_session_end,
     NULL, NULL},
    {"GET", "/account/approvals", ROLE_PERSON, OPERATION_PAGE, "Who waits for an approver.",
     page_approvals, NULL, NULL},
    {"POST", "/account/approvals/{name}", ROLE_PERSON, OPERATION_PAGE,
     "Says that it is this person.", page_approvals_approve, NULL, NULL},
    {"POST", "/account/approvals/{name}/refuse", ROLE_PERSON, OPERATION_PAGE, "Refuses.",
     page_approvals_refuse, NULL, NULL},
    {"GET", "/enrol", ROLE_NOBODY, OPERATION_PAGE, "Shows the enrolment page of a code.",
     page_enrol_show, NULL, NULL},
    {"POST", "/enrol", ROLE_NOBODY, OPERATION_PAGE, "Sets the credentials that the page asks for.",
     page_enrol_submit, NULL, NULL},
};

const size_t OPERATION_COUNT = countof(OPERATIONS);
