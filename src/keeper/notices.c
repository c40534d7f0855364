/* What is told to whom. How it gets there: notices_way.c. */
#include "keeper/notices.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "identity/token.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "store/users.h"

#define HOUR 3600u

enum told_flag {
    TOLD_OWNERS = 1, /* all of them, too */
    TOLD_CHARGE = 2, /* all members of the group that the record calls `approvers`, too */
};

/* The target of each is a user. */
static const struct told {
    enum audit_event event;
    unsigned flags;
} TOLD[] = {
    {AUDIT_LOGIN_NEW, 0},
    {AUDIT_LOGIN_AFTER, 0},
    {AUDIT_PASSWORD_SET, 0},
    {AUDIT_PASSWORD_DISABLED, 0},
    {AUDIT_TOTP_SET, 0},
    {AUDIT_TOTP_REMOVED, 0},
    {AUDIT_TOTP_DISABLED, 0},
    {AUDIT_TOTP_REPLAYED, 0},
    {AUDIT_FACTOR_DISABLED, 0},
    {AUDIT_RECOVERY_MADE, 0},
    {AUDIT_RECOVERY_USED, 0},
    {AUDIT_ENROLMENT_MADE, 0},
    {AUDIT_ENROLMENT_FINISHED, 0},
    {AUDIT_USER_MAIL, 0},
    {AUDIT_USER_DISABLED, 0},
    {AUDIT_USER_ENABLED, 0},
    {AUDIT_FACTOR_LOST, 0},
    {AUDIT_ENROLMENT_ASKED, TOLD_OWNERS},
    {AUDIT_ENROLMENT_APPROVED, TOLD_OWNERS},
    {AUDIT_USER_RECOVERED, TOLD_OWNERS},
    {AUDIT_BREAKGLASS_MADE, TOLD_OWNERS},
    {AUDIT_BREAKGLASS_CODES, TOLD_OWNERS},
    {AUDIT_BREAKGLASS_USED, TOLD_OWNERS},
    {AUDIT_BREAKGLASS_REFUSED, TOLD_OWNERS},
    {AUDIT_BREAKGLASS_SEALED, TOLD_OWNERS},
    {AUDIT_BREAKGLASS_DRILL, TOLD_OWNERS},
    {AUDIT_PASSKEY_ADDED, 0},
    {AUDIT_PASSKEY_REMOVED, 0},
    {AUDIT_PASSKEY_DISABLED, 0},
    {AUDIT_PASSKEY_ENABLED, 0},
    {AUDIT_REQUEST_MADE, TOLD_CHARGE},
    {AUDIT_REQUEST_APPROVED, 0},
    {AUDIT_REQUEST_DENIED, 0},
    {AUDIT_REQUEST_EXPIRED, 0},
    {AUDIT_REQUEST_FAILED, 0},
    {AUDIT_GRANT_ENDED, 0},
};

static const struct told *told_find(enum audit_event event)
{
    for (size_t i = 0; i < countof(TOLD); i++) {
        if (TOLD[i].event == event) {
            return &TOLD[i];
        }
    }
    return NULL;
}

/* ---- the words ---- */

static void add_line(struct buf *out, const char *name, struct span text)
{
    if (text.len > 0) {
        (void)buf_printf(out, "%s%s: %.*s", buf_len(out) > 0 ? "\n" : "", name,
                         SPAN_FMT(span_sub(text, 0, 200)));
    }
}

/* Who did it, when it was somebody else, and what the record says besides. Nothing of it is
 * interpreted; a text that does not fit is cut. */
static void describe(const struct audit_draft *d, struct span about, struct buf *out)
{
    const char *key;
    json_t *detail = NULL, *value;
    add_line(out, "account", about);
    if (d->actor_kind == AUDIT_HOST) {
        add_line(out, "by", SPAN("the owner of the host"));
    } else if (d->actor.len > 0 && !span_eq(d->actor, d->target)) {
        add_line(out, "by", d->actor);
    }
    if (d->detail.len > 0 && json_read(d->detail, &detail, NULL, 0) == 0) {
        json_object_foreach(detail, key, value)
        {
            if (json_is_string(value) && strlen(key) <= 32) {
                add_line(out, key, json_span(value));
            }
        }
    }
    json_decref(detail);
}

/* ---- the outbox ---- */

/* One more than are told one by one: the last of the hour says how many. */
static int fold(struct keeper *k, struct notice *n)
{
    bool folded = false, dropped;
    int r = notices_fold(k->store, n->user, n->channel, &folded);
    if (r < 0 || folded) {
        return r;
    }
    n->folded = 1;
    n->due = n->made + HOUR;
    n->detail[0] = '\0';
    (void)snprintf(n->event, sizeof(n->event), "%s", audit_event_name(AUDIT_NOTICE_MORE));
    return notices_add(k->store, n, &dropped);
}

static int add(struct keeper *k, struct notice *n, enum notice_channel channel, const char *user,
               const char *address)
{
    uint64_t recent = 0;
    bool dropped = false;
    n->channel = channel;
    (void)snprintf(n->user, sizeof(n->user), "%s", user);
    (void)snprintf(n->address, sizeof(n->address), "%s", address);
    int r = token_new_id(n->id);
    r = r < 0 ? r : notices_recent(k->store, user, channel, n->made - HOUR, &recent);
    if (r < 0) {
        return r;
    }
    struct notice copy = *n;
    if (recent >= live_snapshot(k->live)->notices.per_hour) {
        return fold(k, &copy);
    }
    r = notices_add(k->store, &copy, &dropped);
    k->notices.seen.dropped += dropped;
    return r;
}

struct members {
    struct keeper *keeper;
    struct notice notice;
    const char *except;
};

static int each_member(void *context, const char *name)
{
    struct members *o = context;
    struct user user;
    if (strcmp(name, o->except) == 0) {
        return 0;
    }
    int r = users_find(o->keeper->store, name, &user);
    return r < 0 || user.mail[0] == '\0' || user.disabled
               ? (r == FAULT_ABSENT ? 0 : r)
               : add(o->keeper, &o->notice, NOTICE_MAIL, name, user.mail);
}

static int tell_members(struct keeper *k, const struct notice *n, const struct audit_draft *d,
                        const char *group, const char *except)
{
    struct members o = {.keeper = k, .notice = *n, .except = except};
    struct buf words;
    buf_init(&words, NOTICE_DETAIL_MAX);
    describe(d, d->target, &words);
    (void)snprintf(o.notice.detail, sizeof(o.notice.detail), "%.*s", SPAN_FMT(buf_view(&words)));
    buf_fini(&words);
    return groups_members(k->store, group, "", STORE_PAGE_MAX, each_member, &o);
}

/* Of the group that the record names. */
static int tell_charge(struct keeper *k, const struct notice *n, const struct audit_draft *d,
                       const char *except)
{
    json_t *detail = NULL;
    if (d->detail.len == 0 || json_read(d->detail, &detail, NULL, 0) < 0) {
        return 0;
    }
    const char *group = json_string_value(json_object_get(detail, "approvers"));
    int r = group == NULL ? 0 : tell_members(k, n, d, group, except);
    json_decref(detail);
    return r;
}

int notices_tell(struct keeper *k, const struct audit_draft *d)
{
    const struct told *told = told_find(d->event);
    struct user user;
    if (told == NULL || k->live == NULL || d->target.len == 0 ||
        d->target.len >= sizeof(user.name)) {
        return 0;
    }
    const struct notices_conf *conf = &live_snapshot(k->live)->notices;
    struct notice n = {.made = d->wall_ms / 1000, .due = d->wall_ms / 1000};
    char name[STORE_NAME_SIZE];
    (void)snprintf(name, sizeof(name), "%.*s", SPAN_FMT(d->target));
    int r = conf->mail_server[0] == '\0' && conf->webhook[0] == '\0'
                ? FAULT_ABSENT
                : users_find(k->store, name, &user);
    if (r < 0) {
        return r == FAULT_ABSENT ? 0 : r;
    }
    struct buf words;
    buf_init(&words, NOTICE_DETAIL_MAX);
    describe(d, SPAN_NONE, &words);
    (void)snprintf(n.detail, sizeof(n.detail), "%.*s", SPAN_FMT(buf_view(&words)));
    buf_fini(&words);
    (void)snprintf(n.event, sizeof(n.event), "%s", audit_event_name(d->event));
    if (d->source != NULL) {
        memcpy(n.source, d->source, sizeof(n.source));
    }
    if (conf->mail_server[0] != '\0' && user.mail[0] != '\0') {
        r = add(k, &n, NOTICE_MAIL, name, user.mail);
    }
    if (r == 0 && conf->webhook[0] != '\0') {
        r = add(k, &n, NOTICE_WEBHOOK, name, "");
    }
    if (r == 0 && (told->flags & TOLD_OWNERS) != 0 && conf->mail_server[0] != '\0') {
        r = tell_members(k, &n, d, GROUP_OWNERS, name);
    }
    if (r == 0 && (told->flags & TOLD_CHARGE) != 0 && conf->mail_server[0] != '\0') {
        r = tell_charge(k, &n, d, name);
    }
    return r;
}
