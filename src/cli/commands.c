/* The table of commands. */
#include "cli/command.h"

/* One row, one line: a table is read across. */
/* clang-format off */

#define NO_MORE {NULL, OPTION_FLAG, NULL, NULL, NULL}

const struct option_def GLOBAL_OPTIONS[] = {
    {"json", OPTION_LOCAL_FLAG, NULL, NULL, "print the answer as JSON"},
    {"print", OPTION_LOCAL, NULL, "MEMBER", "print one member of the answer, such as totp.secret"},
    {"config", OPTION_LOCAL, NULL, "FILE", "configuration file (POSTERN_CONFIG, /etc/postern/postern.yaml)"},
    {"runtime", OPTION_LOCAL, NULL, "DIR", "directory of the control sockets (POSTERN_RUNTIME)"},
    {"help", OPTION_LOCAL_FLAG, NULL, NULL, "what a command does"},
    NO_MORE,
};

static const struct option_def PAGE_OPTIONS[] = {
    {"limit", OPTION_QUERY, NULL, "N", "at most so many rows"},
    {"after", OPTION_QUERY, NULL, "ROW", "go on after this row"},
    NO_MORE,
};

static const struct option_def INIT_OPTIONS[] = {
    {"name", OPTION_LOCAL, NULL, "HOST", "the portal's host name (postern.localhost)"},
    {"listen", OPTION_LOCAL_LIST, NULL, "ADDR:PORT", "listen here; may be repeated (127.0.0.1:9443 and [::1]:9443)"},
    {"zone", OPTION_LOCAL_LIST, NULL, "NAME=CIDR,...", "a place from which the portal is reached; may be repeated"},
    {"owner", OPTION_LOCAL, NULL, "NAME", "the first owner (owner)"},
    {"state-dir", OPTION_LOCAL, NULL, "DIR", "store, keys and secrets (/var/lib/postern)"},
    {"runtime-dir", OPTION_LOCAL, NULL, "DIR", "control sockets (/run/postern)"},
    {"user", OPTION_LOCAL, NULL, "NAME", "the service account, when run as root (postern)"},
    {"edges", OPTION_LOCAL, NULL, "N", "edge processes (0: one per processor)"},
    {"sandbox", OPTION_LOCAL, NULL, "MODE", "strict (default) or best"},
    {"quiet", OPTION_LOCAL_FLAG, NULL, NULL, "print the enrolment link only"},
    NO_MORE,
};

static const struct option_def USER_ADD_OPTIONS[] = {
    {"group", OPTION_LIST, "groups", "NAME", "put into this group; may be repeated"},
    {"password-stdin", OPTION_LOCAL_FLAG, NULL, NULL, "read the password from standard input"},
    {"directory", OPTION_TEXT, NULL, "NAME", "this directory checks the password"},
    {"totp", OPTION_FLAG, NULL, NULL, "make a TOTP secret and show it once"},
    {"enrol", OPTION_FLAG, NULL, NULL, "make a single-use enrolment link (the default without a password)"},
    {"service", OPTION_FLAG, NULL, NULL, "an account of programs: owns tokens, never signs in"},
    NO_MORE,
};

static const struct option_def RESET_OPTIONS[] = {
    {"lost", OPTION_LIST, NULL, "WHAT", "password, authenticator or passkeys; may be repeated"},
    NO_MORE,
};

static const struct option_def BREAKGLASS_ADD_OPTIONS[] = {
    {"group", OPTION_LIST, "groups", "NAME", "put into this group, such as owners; may be repeated"},
    {"count", OPTION_NUMBER, NULL, "N", "sealed codes, 1 to 16 (4)"},
    {"session", OPTION_TEXT, NULL, "TIME", "longest session (30m)"},
    {"active", OPTION_TEXT, NULL, "TIME", "from the first sign-in until all of it ends (1h)"},
    NO_MORE,
};

static const struct option_def BREAKGLASS_CODES_OPTIONS[] = {
    {"count", OPTION_NUMBER, NULL, "N", "sealed codes, 1 to 16 (4)"},
    NO_MORE,
};

static const struct option_def RECOVER_OPTIONS[] = {
    {"owner", OPTION_FLAG, NULL, NULL, "make the person an owner as well"},
    NO_MORE,
};

static const struct option_def TOKEN_ADD_OPTIONS[] = {
    {"owner", OPTION_TEXT, NULL, "USER", "the person who answers for it"},
    {"route", OPTION_LIST, "routes", "NAME", "good on this route (portal: the API); may be repeated"},
    {"method", OPTION_LIST, "methods", "METHOD", "and with this method only; may be repeated"},
    {"path", OPTION_LIST, "paths", "PATTERN", "and below this path only; may be repeated"},
    {"zone", OPTION_LIST, "zones", "NAME", "good from this zone only; may be repeated"},
    {"spki", OPTION_TEXT, NULL, "HEX", "good only beside a certificate with this public key (SHA-256)"},
    {"expires", OPTION_TEXT, NULL, "TIME", "ends after this, such as 30d or never (90d)"},
    NO_MORE,
};

static const struct option_def TOKEN_ROTATE_OPTIONS[] = {
    {"overlap", OPTION_TEXT, NULL, "TIME", "how long the old text stays good; 0: not at all (24h)"},
    {"expires", OPTION_TEXT, NULL, "TIME", "the new text ends after this, such as 30d or never (90d)"},
    NO_MORE,
};

static const struct option_def CA_ISSUE_OPTIONS[] = {
    {"user", OPTION_LOCAL, NULL, "USER", "whom it stands for: a person, or a service account"},
    {"days", OPTION_LOCAL, NULL, "N", "good for so long (397)"},
    {"out", OPTION_LOCAL, NULL, "FILE", "the file to make (NAME.p12, with --csr NAME.crt)"},
    {"csr", OPTION_LOCAL, NULL, "FILE", "for the key of this request; nothing else in it counts"},
    NO_MORE,
};

static const struct option_def CERTIFICATE_ADD_OPTIONS[] = {
    {"user", OPTION_TEXT, NULL, "USER", "a person, or a service account"},
    {"spki", OPTION_TEXT, NULL, "HEX", "SHA-256 of its public key (SubjectPublicKeyInfo), or"},
    {"email", OPTION_TEXT, NULL, "ADDRESS", "an address of mail among its alternative names, or"},
    {"dns", OPTION_TEXT, NULL, "HOST", "a host among them, or"},
    {"uri", OPTION_TEXT, NULL, "URI", "a URI among them, or"},
    {"subject", OPTION_TEXT, NULL, "NAME", "its subject, such as CN=robot,O=Example"},
    NO_MORE,
};

static const struct option_def CERTIFICATE_LIST_OPTIONS[] = {
    {"user", OPTION_QUERY, NULL, "USER", "of this user only"},
    {"limit", OPTION_QUERY, NULL, "N", "at most so many rows"},
    {"after", OPTION_QUERY, NULL, "ROW", "go on after this row"},
    NO_MORE,
};

static const struct option_def ROUTE_ADD_OPTIONS[] = {
    {"host", OPTION_TEXT, NULL, "HOST", "host name of the console (NAME.PORTAL)"},
    {"port", OPTION_TEXT, NULL, "PORT", "a listener's port that serves this console alone"},
    {"path", OPTION_TEXT, NULL, "PREFIX", "prefix of the console's paths on a host that it shares"},
    {"strip-path", OPTION_FLAG, "strip_path", NULL, "the console gets its paths without the prefix"},
    {"kind", OPTION_TEXT, NULL, "KIND", "http, or tcp: a raw service for 'postern connect' (http)"},
    {"host-header", OPTION_TEXT, "host_header", "HOST", "what the console gets as Host (preserve)"},
    {"ca", OPTION_LOCAL, NULL, "FILE", "authorities (PEM) that an https:// console is verified against; read here and now"},
    {"ca-file", OPTION_TEXT, "upstream_ca_file", "FILE", "the same, a file in the secrets directory"},
    {"pin", OPTION_LIST, "upstream_pin", "PIN", "sha256/BASE64 of the console's public key; may be repeated"},
    {"trust", OPTION_LOCAL, NULL, "system", "verify against this system's authorities, without a look at it now"},
    {"sni", OPTION_TEXT, "upstream_sni", "HOST", "server name that the TLS handshake asks for"},
    {"verify-name", OPTION_TEXT, "upstream_name", "HOST", "what the console's certificate must be for (the host of URL)"},
    {"certificate", OPTION_TEXT, "upstream_certificate", "NAME", "pair NAME.crt, NAME.key in the TLS directory that the console is shown"},
    {"balance", OPTION_TEXT, NULL, "HOW", "which of several upstreams gets a request: session (default) or round-robin"},
    {"drain", OPTION_LIST, "upstream_drain", "URL", "this upstream gets nothing new; may be repeated"},
    {"health-path", OPTION_TEXT, "health_path", "PATH", "ask each upstream for this path from time to time"},
    {"health-interval", OPTION_TEXT, "health_interval", "TIME", "between two health checks (10s)"},
    {"slow-start", OPTION_TEXT, "slow_start", "TIME", "an upstream that comes back takes its share within this (0s)"},
    {"bind-network", OPTION_TEXT, "bind_network", "HOW", "a session that moves is proven again: address, zone or off (off)"},
    {"bind-fingerprint", OPTION_FLAG, "bind_fingerprint", NULL, "a session of another program (TLS fingerprint) is proven again"},
    {"connect-timeout", OPTION_TEXT, "connect_timeout", "TIME", "until the console has accepted a connection (as limits.connect_timeout)"},
    {"rewrite-name", OPTION_LIST, "rewrite_names", "HOST", "a further name the console uses for itself; may be repeated"},
    {"identity", OPTION_LIST, "identity", "HOW", "tells the console who asks: jwt, headers; may be repeated"},
    {"pass-header", OPTION_LIST, "pass_headers", "HEADER", "of clients, dropped otherwise; may be repeated"},
    {"inject-basic-file", OPTION_TEXT, "inject_basic_file", "FILE", "user:password in the secrets directory, sent to the console"},
    {"body-bytes", OPTION_TEXT, "body_bytes", "SIZE", "greatest request body (0: no limit)"},
    {"response-timeout", OPTION_TEXT, "response_timeout", "TIME", "until the console's answer begins (60s)"},
    {"stream-idle", OPTION_TEXT, "stream_idle", "TIME", "between bytes of bodies (10m)"},
    {"websocket-idle", OPTION_TEXT, "websocket_idle", "TIME", "between bytes of WebSockets, either way (0: as stream-idle)"},
    {"title", OPTION_TEXT, NULL, "TEXT", "name on the tile"},
    {"start", OPTION_TEXT, NULL, "PATH", "what the tile opens (/)"},
    {"allow", OPTION_LOCAL_LIST, NULL, "WHO@ZONE", "also make a rule: group:owners@local, user:NAME@ZONE,…; may be repeated"},
    {"replace", OPTION_LOCAL_FLAG, NULL, NULL, "replace a route of this name"},
    NO_MORE,
};

static const struct option_def ASSERTION_ROTATE_OPTIONS[] = {
    {"revoke", OPTION_FLAG, NULL, NULL, "do not publish the old key any more: it may be known"},
    NO_MORE,
};

static const struct option_def ZONE_ADD_OPTIONS[] = {
    {"interface", OPTION_TEXT, NULL, "INTERFACE", "and by which network interface it comes in"},
    {"replace", OPTION_LOCAL_FLAG, NULL, NULL, "replace a zone of this name"},
    NO_MORE,
};

static const struct option_def TEST_ADD_OPTIONS[] = {
    {"user", OPTION_TEXT, NULL, "NAME", "who asks"},
    {"group", OPTION_LIST, NULL, "NAME", "a group that the person is in; may be repeated, others do not count"},
    {"token", OPTION_TEXT, NULL, "NAME", "the token that asks"},
    {"certificate", OPTION_TEXT, NULL, "NAME", "the client certificate that asks"},
    {"nobody", OPTION_FLAG, NULL, NULL, "nobody is logged in"},
    {"assurance", OPTION_TEXT, NULL, "LEVEL", "how surely the person is known (mfa)"},
    {"age", OPTION_TEXT, NULL, "TIME", "how long ago that was proven (0s)"},
    {"zone", OPTION_TEXT, NULL, "NAME", "the zone that it comes from"},
    {"source", OPTION_TEXT, NULL, "ADDRESS", "the address that it comes from"},
    {"method", OPTION_TEXT, NULL, "METHOD", "its method (GET)"},
    {"url", OPTION_TEXT, NULL, "URL", "what is asked for"},
    {"route", OPTION_TEXT, NULL, "NAME", "or the route, and"},
    {"path", OPTION_TEXT, NULL, "PATH", "the path on it (/)"},
    {"upgrade", OPTION_FLAG, NULL, NULL, "a WebSocket"},
    {"at", OPTION_TEXT, NULL, "MOMENT", "when, such as 2026-11-25T10:00:00Z (when each rule holds)"},
    {"expect", OPTION_TEXT, NULL, "VERDICT", "allow, deny or prove (allow)"},
    {"rule", OPTION_TEXT, NULL, "NAME", "the rule that decides it (any)"},
    {NULL, 0, NULL, NULL, NULL},
};

static const struct option_def RULE_ADD_OPTIONS[] = {
    {"user", OPTION_LIST, "users", "NAME", "this person (*: anybody who is logged in); may be repeated"},
    {"group", OPTION_LIST, "groups", "NAME", "people of this group; may be repeated"},
    {"token", OPTION_LIST, "tokens", "NAME", "this token; may be repeated"},
    {"zone", OPTION_LIST, "zones", "NAME", "from this zone; may be repeated"},
    {"route", OPTION_LIST, "routes", "NAME", "to this route (*: every one); may be repeated"},
    {"method", OPTION_LIST, "methods", "METHOD", "with this method; may be repeated (all)"},
    {"path", OPTION_LIST, "paths", "PATTERN", "to this path: /a/b, /a/**; may be repeated (all)"},
    {"assurance", OPTION_TEXT, NULL, "LEVEL", "how surely known (mfa)"},
    {"max-age", OPTION_TEXT, "max_age", "TIME", "logged in at most so long ago"},
    {"demand", OPTION_FLAG, NULL, NULL, "admit nobody; what other rules admit must satisfy this as well"},
    {"certificate", OPTION_LIST, "certificates", "NAME", "with this client certificate, for programs; may be repeated"},
    {"anonymous", OPTION_FLAG, NULL, NULL, "admit anybody, without a login, by --method and --path alone"},
    {"read-only", OPTION_FLAG, "read_only", NULL, "only what reads, and no WebSocket"},
    {"time", OPTION_LOCAL_LIST, NULL, "TIME", "at this time, such as 'Mon-Fri 08:00-18:00'; may be repeated (always)"},
    {"time-zone", OPTION_TEXT, "time_zone", "ZONE", "time zone of the times, such as Europe/Berlin (UTC)"},
    {"deny", OPTION_FLAG, NULL, NULL, "refuse what this fits, before any rule that admits"},
    {"approvers", OPTION_TEXT, NULL, "GROUP", "only whom members of this group grant it for a time"},
    {"approvals", OPTION_NUMBER, NULL, "N", "so many of them have to agree (1)"},
    {"grant-max", OPTION_TEXT, "grant_max", "TIME", "for at most so long (4h)"},
    {"replace", OPTION_LOCAL_FLAG, NULL, NULL, "replace a rule of this name"},
    NO_MORE,
};

static const struct option_def REMOVE_OPTIONS[] = {
    {"force", OPTION_LOCAL_FLAG, NULL, NULL, "remove the rules that name it as well"},
    NO_MORE,
};

static const struct option_def SESSION_OPTIONS[] = {
    {"user", OPTION_QUERY, NULL, "NAME", "of this person"},
    {"limit", OPTION_QUERY, NULL, "N", "at most so many rows"},
    {"after", OPTION_QUERY, NULL, "ROW", "go on after this row"},
    NO_MORE,
};

static const struct option_def SESSION_REVOKE_OPTIONS[] = {
    {"user", OPTION_LOCAL, NULL, "NAME", "all sessions of this person"},
    NO_MORE,
};

static const struct option_def AUDIT_TAIL_OPTIONS[] = {
    {"limit", OPTION_LOCAL, NULL, "N", "so many of the newest records (20), or after a row (100)"},
    {"after", OPTION_LOCAL, NULL, "SEQ", "from after this record on"},
    {"follow", OPTION_LOCAL_FLAG, NULL, NULL, "wait for further records"},
    NO_MORE,
};

static const struct option_def AUDIT_EXPORT_OPTIONS[] = {
    {"after", OPTION_LOCAL, NULL, "SEQ", "from after this record on"},
    NO_MORE,
};

static const struct option_def AUDIT_VERIFY_OPTIONS[] = {
    {"offline", OPTION_LOCAL_FLAG, NULL, NULL, "read the store itself; postern need not run"},
    NO_MORE,
};

static const struct option_def ACCESS_OPTIONS[] = {
    {"denials", OPTION_QUERY, NULL, "0|1", "1: refused requests only"},
    {"route", OPTION_QUERY, NULL, "NAME", "of this route"},
    {"user", OPTION_QUERY, NULL, "NAME", "of this person or token"},
    {"limit", OPTION_QUERY, NULL, "N", "at most so many rows"},
    {"after", OPTION_QUERY, NULL, "ROW", "older than this row"},
    NO_MORE,
};

static const struct option_def EXPLAIN_OPTIONS[] = {
    {"user", OPTION_TEXT, NULL, "NAME", "who asks: a person who has just logged in"},
    {"assurance", OPTION_TEXT, NULL, "LEVEL", "how surely that person is known (mfa)"},
    {"proven", OPTION_TEXT, NULL, "TIME", "how long ago that was proven (just now)"},
    {"token", OPTION_TEXT, NULL, "NAME", "who asks: a token"},
    {"source", OPTION_TEXT, NULL, "ADDRESS", "from where (127.0.0.1)"},
    {"interface", OPTION_TEXT, NULL, "INTERFACE", "by which network interface it comes in"},
    {"route", OPTION_TEXT, NULL, "NAME", "which console"},
    {"url", OPTION_TEXT, NULL, "URL", "or the whole address"},
    {"method", OPTION_TEXT, NULL, "METHOD", "GET unless named"},
    {"path", OPTION_TEXT, NULL, "PATH", "/ unless named"},
    NO_MORE,
};

static const struct option_def PROBE_OPTIONS[] = {
    {"sni", OPTION_TEXT, NULL, "HOST", "the name to ask for (the host in URL)"},
    {"name", OPTION_TEXT, NULL, "HOST", "the name to compare with (the host in URL)"},
    NO_MORE,
};

static const struct option_def GUARD_OPTIONS[] = {
    {"name", OPTION_LOCAL, NULL, "NAME", "name of the route (the command's)"},
    {"host", OPTION_LOCAL, NULL, "HOST", "host name of the application (NAME.PORTAL)"},
    {"port", OPTION_LOCAL, NULL, "PORT", "a listener's port that serves this application alone"},
    {"title", OPTION_LOCAL, NULL, "TEXT", "name on the tile"},
    {"allow", OPTION_LOCAL_LIST, NULL, "WHO@ZONE", "who is admitted: group:NAME@ZONE, user:NAME@ZONE, token:NAME@ZONE; may be repeated (group:owners@local)"},
    {"user", OPTION_LOCAL, NULL, "NAME", "whom the application runs as, when run as root (who called sudo)"},
    {"wait", OPTION_LOCAL, NULL, "SECONDS", "until the application listens (30)"},
    NO_MORE,
};

static const struct option_def CHECK_OPTIONS[] = {
    {"offline", OPTION_LOCAL_FLAG, NULL, NULL, "the file alone, without the store"},
    NO_MORE,
};

static const struct option_def TRUST_OPTIONS[] = {
    {"brief", OPTION_LOCAL_FLAG, NULL, NULL, "two lines for this system"},
    NO_MORE,
};

static const struct option_def CONNECT_OPTIONS[] = {
    {"listen", OPTION_LOCAL, NULL, "ADDRESS:PORT", "where to listen, such as 127.0.0.1:902; port 0: any, printed"},
    {"url", OPTION_LOCAL, NULL, "URL", "the gateway, such as https://gw.example.com:9443 (this host's)"},
    {"host", OPTION_LOCAL, NULL, "HOST", "the route's host name (ROUTE.GATEWAY)"},
    {"ca", OPTION_LOCAL, NULL, "FILE", "trust this authority alone (this system's; on the gateway's host its own)"},
    {"token-file", OPTION_LOCAL, NULL, "FILE", "API token; - reads standard input (POSTERN_TOKEN)"},
    {"remote", OPTION_LOCAL_FLAG, NULL, NULL, "listen on an address that others can reach"},
    NO_MORE,
};

#define API "/api/v1"

/* words, args, members, summary, options, method, path, list, columns, run */
const struct command COMMANDS[] = {
    {"init", {NULL}, {NULL}, "make state, certificates, configuration and the first owner's link", INIT_OPTIONS, NULL, NULL, NULL, NULL, run_init},
    {"serve", {NULL}, {NULL}, "run the gateway in the foreground", NULL, NULL, NULL, NULL, NULL, run_serve},
    {"check", {NULL}, {NULL}, "check the configuration, with the store when there is one", CHECK_OPTIONS, NULL, NULL, NULL, NULL, run_check},
    {"dump", {NULL}, {NULL}, "print the effective configuration, defaults included", NULL, NULL, NULL, NULL, NULL, run_dump},
    {"upgrade", {NULL}, {NULL}, "exchange all processes for the programs that are installed now", NULL, NULL, NULL, NULL, NULL, run_upgrade},
    {"reload", {NULL}, {NULL}, "read the configuration again; a wrong one changes nothing", NULL, NULL, NULL, NULL, NULL, run_reload},
    {"stop", {NULL}, {NULL}, "finish what runs and end", NULL, NULL, NULL, NULL, NULL, run_stop},
    {"doctor", {NULL}, {NULL}, "what runs, and what confines each process", NULL, NULL, NULL, NULL, NULL, run_doctor},
    {"health", {NULL}, {NULL}, "is everything in order, in numbers", NULL, "GET", API "/health", NULL, NULL, NULL},
    {"url", {"[ROUTE]"}, {NULL}, "the address of the portal or of a console", NULL, NULL, NULL, NULL, NULL, run_url},
    {"connect", {"ROUTE"}, {NULL}, "carry a raw TCP service of a console to a local port", CONNECT_OPTIONS, NULL, NULL, NULL, NULL, run_connect},
    {"explain", {NULL}, {NULL}, "what would be decided, and by which rule", EXPLAIN_OPTIONS, "POST", API "/explain", NULL, NULL, run_explain},
    {"probe", {"URL"}, {"url"}, "look at the certificate of a console", PROBE_OPTIONS, "POST", API "/probe", NULL, NULL, run_probe},
    {"guard", {"CMD..."}, {NULL}, "run an application behind postern, for as long as it runs", GUARD_OPTIONS, NULL, NULL, NULL, NULL, run_guard},

    {"recover", {"NAME"}, {NULL}, "give a person access back who has nothing left; whether postern runs or not", RECOVER_OPTIONS, "POST", API "/users/{0}/recover", NULL, NULL, run_recover},
    {"directory list", {NULL}, {NULL}, "the directories, and whether each answers", NULL, "GET", API "/directories", "directories", "name state since why", NULL},
    {"directory test", {"NAME", "USER"}, {NULL, "user"}, "what a directory says of somebody, and what would become of it", NULL, "POST", API "/directories/{0}/test", NULL, NULL, NULL},

    {"breakglass add", {"NAME"}, {"name"}, "make an account for emergencies; its sealed codes are shown once", BREAKGLASS_ADD_OPTIONS, "POST", API "/breakglass", NULL, NULL, NULL},
    {"breakglass list", {NULL}, {NULL}, "accounts for emergencies, and whether one is active", NULL, "GET", API "/breakglass", "accounts", "user codes active_until last_used last_drill drill_due disabled", NULL},
    {"breakglass codes", {"NAME"}, {NULL}, "new sealed codes, shown once; the old ones are void", BREAKGLASS_CODES_OPTIONS, "POST", API "/breakglass/{0}/codes", NULL, NULL, NULL},
    {"breakglass close", {"NAME"}, {NULL}, "end the emergency: the account is sealed again", NULL, "POST", API "/breakglass/{0}/close", NULL, NULL, NULL},
    {"drill", {"[NAME]"}, {NULL}, "a code to practise an emergency with; without a name, which drills are due", NULL, "POST", API "/breakglass/{0}/drill", NULL, NULL, run_drill},

    {"user add", {"NAME"}, {"name"}, "add a person", USER_ADD_OPTIONS, "POST", API "/users", NULL, NULL, run_user_add},
    {"user list", {NULL}, {NULL}, "list people", PAGE_OPTIONS, "GET", API "/users", "users", "name kind groups disabled password totp recovery_left", NULL},
    {"user show", {"NAME"}, {NULL}, "one person", NULL, "GET", API "/users/{0}", NULL, NULL, NULL},
    {"user enrol", {"NAME"}, {NULL}, "a new single-use enrolment link", NULL, "POST", API "/users/{0}/enrol", NULL, NULL, NULL},
    {"user reset", {"NAME"}, {NULL}, "what a person lost is void; a link sets it anew, and does not tell you", RESET_OPTIONS, "POST", API "/users/{0}/reset", NULL, NULL, NULL},
    {"user recovery", {"NAME"}, {NULL}, "ten new recovery codes, shown once; on this host only", NULL, "POST", API "/users/{0}/recovery", NULL, NULL, NULL},
    {"user passkey list", {"NAME"}, {NULL}, "a person's passkeys", NULL, "GET", API "/users/{0}/passkeys", "passkeys", "id name alg synced verifies_user last_used disabled", NULL},
    {"user passkey remove", {"NAME", "ID"}, {NULL}, "remove a passkey; ends the person's sessions", NULL, "DELETE", API "/users/{0}/passkeys/{1}", NULL, NULL, NULL},
    {"user passkey enable", {"NAME", "ID"}, {NULL}, "let a passkey be used again whose counter went back", NULL, "POST", API "/users/{0}/passkeys/{1}/enable", NULL, NULL, NULL},
    {"user identities", {"NAME"}, {NULL}, "who a person is at OpenID providers", NULL, "GET", API "/users/{0}/identities", "identities", "provider subject created used", NULL},
    {"user link", {"NAME", "PROVIDER", "SUBJECT"}, {NULL, "provider", "subject"}, "let a person sign in by a provider; on this host only", NULL, "POST", API "/users/{0}/identities", "identities", "provider subject created used", NULL},
    {"user unlink", {"NAME", "PROVIDER", "SUBJECT"}, {NULL, "provider", "subject"}, "and no more", NULL, "DELETE", API "/users/{0}/identities", "identities", "provider subject created used", NULL},
    {"user groups", {"NAME", "GROUP..."}, {NULL, "groups"}, "the groups a person is in, all of them", NULL, "PUT", API "/users/{0}/groups", NULL, NULL, NULL},
    {"user mail", {"NAME", "[ADDRESS]"}, {NULL}, "where a person is told what happens to the account; none: nowhere", NULL, "PUT", API "/users/{0}/mail", NULL, NULL, run_user_mail},
    {"user disable", {"NAME"}, {NULL}, "no login any more; ends sessions and tokens at once", NULL, "POST", API "/users/{0}/disable", NULL, NULL, NULL},
    {"user enable", {"NAME"}, {NULL}, "login again; forgets failed attempts", NULL, "POST", API "/users/{0}/enable", NULL, NULL, NULL},
    {"user remove", {"NAME"}, {NULL}, "remove a person with everything of theirs", NULL, "DELETE", API "/users/{0}", NULL, NULL, NULL},

    {"group add", {"NAME"}, {"name"}, "add a group", NULL, "POST", API "/groups", NULL, NULL, NULL},
    {"group list", {NULL}, {NULL}, "list groups", NULL, "GET", API "/groups", "groups", "name members", NULL},
    {"group show", {"NAME"}, {NULL}, "who is in a group", NULL, "GET", API "/groups/{0}", NULL, NULL, NULL},
    {"group remove", {"NAME"}, {NULL}, "remove a group", NULL, "DELETE", API "/groups/{0}", NULL, NULL, NULL},

    {"token add", {"NAME"}, {"name"}, "make an API token, shown once", TOKEN_ADD_OPTIONS, "POST", API "/tokens", NULL, NULL, run_token_add},
    {"token list", {NULL}, {NULL}, "list tokens", PAGE_OPTIONS, "GET", API "/tokens", "tokens", "name owner routes methods paths zones expires former last_used last_source strayed", NULL},
    {"token rotate", {"NAME"}, {NULL}, "give a token a new text, shown once; the old one stays good for a while", TOKEN_ROTATE_OPTIONS, "POST", API "/tokens/{0}/rotate", NULL, NULL, NULL},
    {"token revoke", {"NAME"}, {NULL}, "end a token at once", NULL, "DELETE", API "/tokens/{0}", NULL, NULL, NULL},
    {"certificate add", {"NAME"}, {"name"}, "say whom a client's certificate stands for", CERTIFICATE_ADD_OPTIONS, "POST", API "/certificates", NULL, NULL, NULL},
    {"certificate list", {NULL}, {NULL}, "list whom certificates stand for", CERTIFICATE_LIST_OPTIONS, "GET", API "/certificates", "certificates", "name user good kind value last_used", NULL},
    {"certificate remove", {"NAME"}, {NULL}, "it stands for nobody any more, at once", NULL, "DELETE", API "/certificates/{0}", NULL, NULL, NULL},

    {"notice list", {NULL}, {NULL}, "notices that wait, and what is in their way", PAGE_OPTIONS, "GET", API "/notices", "notices", "seq user event by made due attempts error", NULL},
    {"notice test", {"BY", "USER"}, {"by", "user"}, "send a notice now, by mail or webhook", NULL, "POST", API "/notices/test", NULL, NULL, run_notice_test},

    {"assertion show", {NULL}, {NULL}, "the key that signs what consoles are told of who asks", NULL, "GET", API "/assertion", NULL, NULL, NULL},
    {"assertion jwks", {NULL}, {NULL}, "the keys that consoles verify with, as a key set for a file", NULL, "GET", "/.well-known/postern/jwks.json", NULL, NULL, NULL},
    {"assertion rotate", {NULL}, {NULL}, "a new key signs; the old one stays published for an hour", ASSERTION_ROTATE_OPTIONS, "POST", API "/assertion/rotate", NULL, NULL, NULL},

    {"password-list check", {"FILE"}, {NULL}, "is a list of forbidden passwords in order?", NULL, NULL, NULL, NULL, NULL, run_password_list_check},
    {"password-list info", {NULL}, {NULL}, "the lists of passwords that nobody may choose", NULL, "GET", API "/password-list", NULL, NULL, NULL},

    {"sealing show", {NULL}, {NULL}, "the key that seals secrets in the store", NULL, "GET", API "/sealing", NULL, NULL, NULL},
    {"sealing rotate", {NULL}, {NULL}, "a new key seals all secrets in the store", NULL, "POST", API "/sealing/rotate", NULL, NULL, NULL},

    {"route add", {"NAME", "URL..."}, {NULL, "upstream"}, "put a console behind postern; several URLs are one console", ROUTE_ADD_OPTIONS, "PUT", API "/routes/{0}", NULL, NULL, run_route_add},
    {"route list", {NULL}, {NULL}, "list consoles", PAGE_OPTIONS, "GET", API "/routes", "routes", "name host port upstream origin", NULL},
    {"route show", {"NAME"}, {NULL}, "one console", NULL, "GET", API "/routes/{0}", NULL, NULL, NULL},
    {"route remove", {"NAME"}, {NULL}, "take a console away; ends its streams", REMOVE_OPTIONS, "DELETE", API "/routes/{0}", NULL, NULL, run_removal},

    {"zone add", {"NAME", "CIDR..."}, {NULL, "cidrs"}, "name a place: addresses and networks", ZONE_ADD_OPTIONS, "PUT", API "/zones/{0}", NULL, NULL, run_zone_add},
    {"zone list", {NULL}, {NULL}, "list zones", PAGE_OPTIONS, "GET", API "/zones", "zones", "name cidrs interface origin", NULL},
    {"zone show", {"NAME"}, {NULL}, "one zone", NULL, "GET", API "/zones/{0}", NULL, NULL, NULL},
    {"zone remove", {"NAME"}, {NULL}, "remove a zone", NULL, "DELETE", API "/zones/{0}", NULL, NULL, NULL},

    {"rule add", {"NAME"}, {NULL}, "say who may reach what, from where", RULE_ADD_OPTIONS, "PUT", API "/rules/{0}", NULL, NULL, run_rule_add},
    {"rule list", {NULL}, {NULL}, "list rules in the order in which they are tried", PAGE_OPTIONS, "GET", API "/rules", "rules", "name users groups tokens zones routes methods paths assurance max_age demand deny anonymous origin", NULL},
    {"rule show", {"NAME"}, {NULL}, "one rule", NULL, "GET", API "/rules/{0}", NULL, NULL, NULL},
    {"rule remove", {"NAME"}, {NULL}, "remove a rule; ends what it alone admitted", NULL, "DELETE", API "/rules/{0}", NULL, NULL, NULL},

    {"test add", {"NAME"}, {NULL}, "write down what the rules have to say of a request", TEST_ADD_OPTIONS, "PUT", API "/tests/{0}", NULL, NULL, NULL},
    {"test list", {NULL}, {NULL}, "list the tests of the policy", PAGE_OPTIONS, "GET", API "/tests", "tests", "name user group token certificate nobody zone source method url route path at expect rule origin", NULL},
    {"test show", {"NAME"}, {NULL}, "one test", NULL, "GET", API "/tests/{0}", NULL, NULL, NULL},
    {"test remove", {"NAME"}, {NULL}, "remove a test", NULL, "DELETE", API "/tests/{0}", NULL, NULL, NULL},

    {"session list", {NULL}, {NULL}, "who is on", SESSION_OPTIONS, "GET", API "/sessions", "sessions", "id user host source assurance created last_seen ends_at", NULL},
    {"session revoke", {"[ID]"}, {NULL}, "end a session, its consoles and its streams", SESSION_REVOKE_OPTIONS, "DELETE", API "/sessions/{0}", NULL, NULL, run_session_revoke},

    {"audit tail", {NULL}, {NULL}, "the newest audit records", AUDIT_TAIL_OPTIONS, "GET", API "/audit", "records", "seq time actor event target outcome source", run_audit_tail},
    {"audit verify", {NULL}, {NULL}, "prove that no record was changed, removed or cut", AUDIT_VERIFY_OPTIONS, "GET", API "/audit/verify", NULL, NULL, run_audit_verify},
    {"audit export", {NULL}, {NULL}, "all records as JSON Lines", AUDIT_EXPORT_OPTIONS, "GET", API "/audit", NULL, NULL, run_audit_export},

    {"access list", {NULL}, {NULL}, "the newest requests", ACCESS_OPTIONS, "GET", API "/access", "records", "time outcome status source principal method route path rule reason stream", NULL},
    {"access denials", {NULL}, {NULL}, "who was refused in the last day, and why", NULL, "GET", API "/access/denied", "sources", "source count reason route last", NULL},

    {"ca show", {NULL}, {NULL}, "the certificates and their fingerprints", NULL, NULL, NULL, NULL, NULL, run_ca_show},
    {"ca trust", {NULL}, {NULL}, "how to trust the local authority on each system", TRUST_OPTIONS, NULL, NULL, NULL, NULL, run_ca_trust},
    {"ca renew", {NULL}, {NULL}, "a fresh server certificate from the local authority", NULL, NULL, NULL, NULL, NULL, run_ca_renew},
    {"ca issue", {"NAME"}, {NULL}, "a certificate for a client, from an authority of its own", CA_ISSUE_OPTIONS, NULL, NULL, NULL, NULL, run_ca_issue},
    {"ca revoke", {"NAME"}, {NULL}, "end a client's certificate at once", NULL, NULL, NULL, NULL, NULL, run_ca_revoke},
    {"ca list", {NULL}, {NULL}, "certificates that were made for clients", NULL, NULL, NULL, "certificates", "name serial not_after revoked", run_ca_list},
    {"ca crl", {NULL}, {NULL}, "write the list of revoked ones anew", NULL, NULL, NULL, NULL, NULL, run_ca_crl},

    {"completion", {"SHELL"}, {NULL}, "completion for bash, zsh or fish", NULL, NULL, NULL, NULL, NULL, run_completion},
    {"version", {NULL}, {NULL}, "the version", NULL, NULL, NULL, NULL, NULL, run_version},
    {"help", {"[COMMAND]", "[WORD]"}, {NULL}, "what there is, or what one command does", NULL, NULL, NULL, NULL, NULL, run_help},
};
const size_t COMMAND_COUNT = countof(COMMANDS);
