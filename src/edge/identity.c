#include "edge/identity.h"

#include "edge/view.h"

#include <stdio.h>

#include "conf/value.h"
#include "http/h1.h"

static void put(struct buf *out, const char *name, struct span value)
{
    if (value.len > 0 && h1_write_header(out, span_str(name), value) < 0)
        out->bad = true;
}

static void put_number(struct buf *out, const char *name, uint64_t n)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    put(out, name, span_str(text));
}

static void put_groups(struct buf *out, struct span groups)
{
    char line[IDENTITY_GROUPS_MAX];
    size_t len = 0, omitted = 0;
    struct span name;
    while (span_cut(&groups, '\n', &name)) {
        if (name.len == 0)
            continue;
        if (omitted > 0 || len + (len > 0) + name.len > sizeof(line)) {
            omitted++;
            continue;
        }
        if (len > 0)
            line[len++] = ',';
        memcpy(line + len, name.at, name.len);
        len += name.len;
    }
    put(out, "Postern-Groups", span_of(line, len));
    if (omitted > 0)
        put_number(out, "Postern-Groups-Omitted", omitted);
}

static void put_token(struct buf *out, struct span token)
{
    char user[80];
    int len = snprintf(user, sizeof(user), "token:%.*s", SPAN_FMT(token));
    if (len < 0 || (size_t)len >= sizeof(user))
        out->bad = true;
    else
        put(out, "Postern-User", span_of(user, (size_t)len));
    put(out, "Postern-Assurance", SPAN("token"));
}

static void put_person(struct buf *out, const struct msg_view *who)
{
    put(out, "Postern-User", who->user);
    put_groups(out, who->groups);
    struct proven proven = view_proven(who);
    put(out, "Postern-Assurance", span_str(ASSURANCE_WORDS[proven_level(&proven)]));
    put_number(out, "Postern-Auth-Time", proven_last(&proven));
}

void identity_write(const struct route_def *route, const struct msg_view *who,
                    struct span assertion, struct buf *out)
{
    if (who == NULL || route->identity.count == 0)
        return;
    if (route_tells(route, "jwt"))
        put(out, "Postern-Assertion", assertion);
    if (!route_tells(route, "headers"))
        return;
    if (who->token_name.len > 0)
        put_token(out, who->token_name);
    else
        put_person(out, who);
}
