#include "courier/ldapvisit.h"

#include <openldap.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"

/* libldap connects again by itself to the place that it was given at first, without TLS, when a
 * connection has ended. This one leads nowhere. */
#define NOWHERE "ldapi://%2Fnonexistent"
#define START_TLS_OID "1.3.6.1.4.1.1466.20037"
/* Two are one too many. */
#define ENTRIES_ASKED 2

int visit_fault(struct visit *v, const char *what, int code)
{
    if (v->text[0] == 0)
        (void)snprintf(v->text, sizeof(v->text), "%s: %s", what, ldap_err2string(code));
    return code == LDAP_TIMEOUT || code == LDAP_TIMELIMIT_EXCEEDED ? FAULT_TIMEOUT : FAULT_CLOSED;
}

/* What was found is final. */
static int conclude(struct visit *v, enum bound_result result, const char *text)
{
    v->d->result = result;
    (void)snprintf(v->d->text, sizeof(v->d->text), "%s", text);
    return 0;
}

/* ---- the connection ---- */

static void initialise(void)
{
    LDAPAPIInfo info = {.ldapai_info_version = LDAP_API_INFO_VERSION};
    if (ldap_get_option(NULL, LDAP_OPT_API_INFO, &info) != LDAP_OPT_SUCCESS)
        return;
    ldap_memvfree((void **)info.ldapai_extensions);
    ldap_memfree(info.ldapai_vendor_name);
}

static bool set_options(LDAP *ld)
{
    const int version = LDAP_VERSION3, deref = LDAP_DEREF_NEVER;
    return ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_DEREF, &deref) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS;
}

static bool plug_in(struct visit *v)
{
    Sockbuf *sb = NULL;
    ber_len_t most = LDAPWIRE_MESSAGE_MAX;
    return ldap_get_option(v->ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS && sb != NULL &&
           ber_sockbuf_add_io(sb, &LDAPWIRE_IO, LBER_SBIOD_LEVEL_PROVIDER, &v->wire) == 0 &&
           ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most) == 1;
}

int visit_begin(struct visit *v)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, initialise);
    /* A test without a socket lends a number that nothing reads. */
    int fd = v->wire.fd >= 0 ? v->wire.fd : 0;
    int code = ldap_init_fd(fd, LDAP_PROTO_EXT, NOWHERE, &v->ld);
    if (code != LDAP_SUCCESS || !set_options(v->ld) || !plug_in(v))
        return visit_fault(v, "libldap", code != LDAP_SUCCESS ? code : LDAP_LOCAL_ERROR);
    return 0;
}

void visit_end(struct visit *v)
{
    /* The farewell waits for nobody. */
    v->wire.until_ms = 0;
    if (v->ld != NULL)
        (void)ldap_unbind_ext(v->ld, NULL, NULL);
    v->ld = NULL;
    ldapwire_close(&v->wire);
}

int visit_start_tls(struct visit *v, X509_STORE *trusted, const char *host)
{
    struct berval *data = NULL;
    char *oid = NULL;
    int code = ldap_extended_operation_s(v->ld, START_TLS_OID, NULL, NULL, NULL, &oid, &data);
    ldap_memfree(oid);
    ber_bvfree(data);
    if (code != LDAP_SUCCESS)
        return visit_fault(v, "it refuses StartTLS", code);
    return ldapwire_protect(&v->wire, trusted, host);
}

/* ---- binding ---- */

/* A simple bind; code: what the server said. A fault when it said nothing. */
static int bind_as(struct visit *v, struct span dn, struct span password, int *code)
{
    char name[LDAPNAME_DN_MAX + 1];
    struct berval secret = {.bv_len = password.len, .bv_val = (char *)(uintptr_t)password.at};
    /* RFC 4513 section 5.1.2: without a name or a password a bind succeeds for anybody. */
    if (dn.len == 0 || dn.len >= sizeof(name) || password.len == 0)
        return FAULT_MISUSE;
    (void)snprintf(name, sizeof(name), "%.*s", SPAN_FMT(dn));
    *code = ldap_sasl_bind_s(v->ld, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
    bool spoke = *code >= 0 && *code != LDAP_BUSY && *code != LDAP_UNAVAILABLE &&
                 *code != LDAP_OPERATIONS_ERROR && *code != LDAP_PROTOCOL_ERROR &&
                 *code != LDAP_OTHER && *code != LDAP_REFERRAL;
    return spoke ? 0 : visit_fault(v, "no answer to the bind", *code);
}

static int bind_account(struct visit *v)
{
    char text[256];
    int code;
    int rc = bind_as(v, v->d->ask.account, v->d->ask.account_password, &code);
    if (rc < 0 || code == LDAP_SUCCESS)
        return rc;
    (void)snprintf(text, sizeof(text), "the account that searches is refused: %s",
                   ldap_err2string(code));
    (void)conclude(v, BOUND_FAULT, text);
    return 1;
}

/* Why Active Directory refuses, in the words of its diagnostic: "…, data 533, …". */
static const struct {
    const char *code, *text;
} REASONS[] = {
    {"530", "not permitted at this time"}, {"531", "not permitted from here"},
    {"532", "the password has expired"},   {"533", "the account is disabled"},
    {"701", "the account has expired"},    {"773", "the password must be changed first"},
    {"775", "the account is locked"},
};

static const char *reason(struct visit *v)
{
    const char *why = "the directory refuses the password";
    char *said = NULL;
    if (v->d->ask.flavour != DIRECTORY_ACTIVE ||
        ldap_get_option(v->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &said) != LDAP_OPT_SUCCESS ||
        said == NULL)
        return why;
    const char *data = strstr(said, ", data ");
    for (size_t i = 0; data != NULL && i < countof(REASONS); i++)
        if (strncmp(data + strlen(", data "), REASONS[i].code, 3) == 0)
            why = REASONS[i].text;
    ldap_memfree(said);
    return why;
}

static int bind_person(struct visit *v)
{
    int code;
    int rc = bind_as(v, span_str(v->d->dn), v->d->ask.password, &code);
    if (rc < 0 || code == LDAP_SUCCESS)
        return rc;
    (void)conclude(v, BOUND_REFUSED, reason(v));
    return 1;
}

/* ---- searching ---- */

int visit_search(struct visit *v, const char *base, int scope, const char *filter,
                 char **attributes, int most, LDAPMessage **ret, int *code)
{
    uint64_t now = clock_mono_ms();
    uint64_t left = v->wire.until_ms > now ? v->wire.until_ms - now : 0;
    /* The server is asked for whole seconds; ours end where the wire's do. */
    struct timeval tv = {.tv_sec = (time_t)(left / 1000 + 1)};
    *ret = NULL;
    *code =
        ldap_search_ext_s(v->ld, base, scope, filter, attributes, 0, NULL, NULL, &tv, most, ret);
    int rc = 0;
    if (*code < 0 || *code == LDAP_BUSY || *code == LDAP_UNAVAILABLE || *code == LDAP_OTHER ||
        *code == LDAP_TIMELIMIT_EXCEEDED || *code == LDAP_OPERATIONS_ERROR)
        rc = visit_fault(v, "no answer to the search", *code);
    else if (*ret != NULL && ldap_count_entries(v->ld, *ret) > most)
        rc = visit_fault(v, "it sends more entries than it was asked for", LDAP_PROTOCOL_ERROR);
    if (rc < 0) {
        ldap_msgfree(*ret);
        *ret = NULL;
    }
    return rc;
}

static bool is_printable(struct berval b)
{
    for (size_t i = 0; i < b.bv_len; i++)
        if ((uint8_t)b.bv_val[i] < 0x20 || (uint8_t)b.bv_val[i] == 0x7f)
            return false;
    return text_is_utf8(span_of(b.bv_val, b.bv_len));
}

static bool read_dn(struct visit *v, LDAPMessage *entry)
{
    struct berval dn = {0};
    if (ldap_get_dn_ber(v->ld, entry, NULL, &dn) != LDAP_SUCCESS || dn.bv_len == 0 ||
        dn.bv_len > LDAPNAME_DN_MAX || !is_printable(dn) ||
        !ldapname_is_dn(span_of(dn.bv_val, dn.bv_len)))
        return false;
    memcpy(v->d->dn, dn.bv_val, dn.bv_len);
    v->d->dn[dn.bv_len] = 0;
    return true;
}

/* The only value of the attribute; false when there is none, several, or one that is too long. */
static bool only_value(struct visit *v, LDAPMessage *entry, struct span attribute, uint8_t *into,
                       size_t size, size_t *len)
{
    char name[65];
    (void)snprintf(name, sizeof(name), "%.*s", SPAN_FMT(attribute));
    struct berval **values = ldap_get_values_len(v->ld, entry, name);
    bool good = values != NULL && values[0] != NULL && values[1] == NULL && values[0]->bv_len > 0 &&
                values[0]->bv_len <= size;
    if (good) {
        memcpy(into, values[0]->bv_val, values[0]->bv_len);
        *len = values[0]->bv_len;
    }
    ldap_value_free_len(values);
    return good;
}

static bool read_names(struct visit *v, LDAPMessage *entry)
{
    struct directory *d = v->d;
    uint8_t id[64];
    size_t len;
    if (!only_value(v, entry, d->ask.name_attribute, (uint8_t *)d->name, sizeof(d->name) - 1, &len))
        return false;
    d->name[len] = 0;
    if (!is_printable((struct berval){.bv_len = len, .bv_val = d->name}) ||
        !only_value(v, entry, d->ask.id_attribute, id, sizeof(id), &len))
        return false;
    text_hex(d->id, span_of(id, len));
    return true;
}

/* ---- who is disabled ---- */

/* What directories other than Active Directory write into entries that nobody may use. */
static const struct {
    const char *attribute, *value;
} LOCKS[] = {
    {"nsAccountLock", "TRUE"},
    {"loginDisabled", "TRUE"},
    /* Locked by an administrator; any other time is the policy's, which lets go by itself. */
    {"pwdAccountLockedTime", "000001010000Z"},
};

#define UAC "userAccountControl"
#define UAC_DISABLED 0x2u
#define EXPIRES "accountExpires"
#define EXPIRES_NEVER UINT64_C(0x7fffffffffffffff)
/* From 1601, in tenths of a microsecond. */
#define FILETIME_1970 UINT64_C(11644473600)
#define FILETIME_SECOND UINT64_C(10000000)

static bool number_of(struct visit *v, LDAPMessage *entry, const char *attribute, uint64_t *ret)
{
    uint8_t text[24];
    size_t len;
    return only_value(v, entry, span_str(attribute), text, sizeof(text), &len) &&
           text_u64(span_of(text, len), UINT64_MAX, ret) == 0;
}

static bool is_disabled_there(struct visit *v, LDAPMessage *entry, const char **why)
{
    uint64_t flags, expires;
    uint64_t now = clock_wall_ms() / 1000;
    *why = "the account is disabled";
    /* Every account has the flags: without them nothing is known of it. */
    if (!number_of(v, entry, UAC, &flags) || (flags & UAC_DISABLED) != 0)
        return true;
    *why = "the account has expired";
    return number_of(v, entry, EXPIRES, &expires) && expires != 0 && expires < EXPIRES_NEVER &&
           expires / FILETIME_SECOND <= now + FILETIME_1970;
}

static bool is_disabled(struct visit *v, LDAPMessage *entry, const char **why)
{
    if (v->d->ask.flavour == DIRECTORY_ACTIVE)
        return is_disabled_there(v, entry, why);
    *why = "the account is locked";
    for (size_t i = 0; i < countof(LOCKS); i++) {
        uint8_t text[32];
        size_t len;
        if (only_value(v, entry, span_str(LOCKS[i].attribute), text, sizeof(text), &len) &&
            span_eq_nocase(span_of(text, len), span_str(LOCKS[i].value)))
            return true;
    }
    return false;
}

/* ---- the question ---- */

/* 1: what was found is final; 0: *entry is the one. */
static int judge_entries(struct visit *v, LDAPMessage *found, int code, LDAPMessage **entry)
{
    char text[256];
    const char *why;
    int count = found == NULL ? 0 : ldap_count_entries(v->ld, found);
    if (code == LDAP_SIZELIMIT_EXCEEDED || count > 1)
        return conclude(v, BOUND_AMBIGUOUS, "several entries have this name") + 1;
    if (code != LDAP_SUCCESS) {
        (void)snprintf(text, sizeof(text), "the search is refused: %s", ldap_err2string(code));
        return conclude(v, BOUND_FAULT, text) + 1;
    }
    *entry = count == 1 ? ldap_first_entry(v->ld, found) : NULL;
    if (*entry == NULL)
        return conclude(v, BOUND_ABSENT, "no entry has this name") + 1;
    if (!read_dn(v, *entry) || !read_names(v, *entry))
        return conclude(v, BOUND_FAULT,
                        "the entry does not have exactly one value of name_attribute and "
                        "id_attribute, of the expected length") +
               1;
    return is_disabled(v, *entry, &why) ? conclude(v, BOUND_DISABLED, why) + 1 : 0;
}

static int find_entry(struct visit *v, LDAPMessage **found)
{
    char base[LDAPNAME_DN_MAX + 1], filter[LDAPNAME_EXPANDED_MAX + 1], name[65], id[65];
    char member_of[] = "memberOf", uac[] = UAC, expires[] = EXPIRES;
    char lock0[] = "nsAccountLock", lock1[] = "loginDisabled", lock2[] = "pwdAccountLockedTime";
    char *attributes[] = {name, id, member_of, uac, expires, lock0, lock1, lock2, NULL};
    const struct msg_bind *ask = &v->d->ask;
    int code;
    (void)snprintf(base, sizeof(base), "%.*s", SPAN_FMT(ask->base));
    (void)snprintf(filter, sizeof(filter), "%.*s", SPAN_FMT(ask->filter));
    (void)snprintf(name, sizeof(name), "%.*s", SPAN_FMT(ask->name_attribute));
    (void)snprintf(id, sizeof(id), "%.*s", SPAN_FMT(ask->id_attribute));
    int rc =
        visit_search(v, base, LDAP_SCOPE_SUBTREE, filter, attributes, ENTRIES_ASKED, found, &code);
    LDAPMessage *entry;
    return rc < 0 ? rc : judge_entries(v, *found, code, &entry);
}

/* The password is tried before the groups are looked for: what a stranger can cause is one search
 * and one bind. */
static int ask_further(struct visit *v, LDAPMessage *found)
{
    int rc = 0;
    if (v->d->ask.purpose == BIND_SIGNIN) {
        rc = bind_person(v);
        rc = rc == 0 ? bind_account(v) : rc;
    }
    rc = rc == 0 ? visit_groups(v, ldap_first_entry(v->ld, found)) : rc;
    return rc == 0 ? conclude(v, BOUND_OK, "") : rc;
}

int visit_ask(struct visit *v)
{
    LDAPMessage *found = NULL;
    int rc = bind_account(v);
    rc = rc == 0 ? find_entry(v, &found) : rc;
    rc = rc == 0 ? ask_further(v, found) : rc;
    ldap_msgfree(found);
    return rc < 0 ? rc : 0;
}
