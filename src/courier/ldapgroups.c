/* The groups of an entry, and those that its groups are in.
 *
 *   queue: the entry ─▶ its groups ─▶ their groups ─▶ …   each once, to a depth, to a number
 *
 * Groups that contain each other are a loop that ends where a name comes a second time; names are
 * compared in their folded form. What is left out for the number is counted; what fails fails the
 * whole question, so that nobody is let in with half of his groups. */
#include "courier/ldapvisit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"

/* (objectClass=group) keeps the directory from looking at everything. */
#define IN_CHAIN "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))"
#define ANYTHING "(objectClass=*)"

struct found {
    char *dn, *folded;
    unsigned depth;
};

struct hunt {
    struct visit *v;
    struct found *found; /* DIRECTORY_GROUPS_MAX */
    size_t count;
};

/* ---- what was found ---- */

static char *fold(struct span dn)
{
    struct buf out;
    buf_init(&out, LDAPNAME_DN_MAX * 4);
    if (ldapname_fold(&out, dn) < 0) {
        buf_fini(&out);
        return NULL;
    }
    return buf_take_string(&out);
}

static bool is_one_line(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < 0x20 || s.at[i] == 0x7f)
            return false;
    return s.len > 0;
}

static int add(struct hunt *h, struct span dn, unsigned depth)
{
    char *folded = is_one_line(dn) ? fold(dn) : NULL;
    if (folded == NULL || h->count == DIRECTORY_GROUPS_MAX) {
        free(folded);
        h->v->d->omitted++;
        return 0;
    }
    for (size_t i = 0; i < h->count; i++) {
        if (strcmp(h->found[i].folded, folded) == 0) {
            free(folded);
            return 0;
        }
    }
    char *copy = strndup((const char *)dn.at, dn.len);
    if (copy == NULL) {
        free(folded);
        return -ENOMEM;
    }
    h->found[h->count++] = (struct found){.dn = copy, .folded = folded, .depth = depth};
    return 0;
}

static int add_values(struct hunt *h, LDAPMessage *entry, unsigned depth)
{
    struct berval **values = ldap_get_values_len(h->v->ld, entry, "memberOf");
    int rc = 0;
    for (size_t i = 0; values != NULL && values[i] != NULL && rc == 0; i++)
        rc = add(h, span_of(values[i]->bv_val, values[i]->bv_len), depth);
    ldap_value_free_len(values);
    return rc;
}

/* ---- one step ---- */

/* memberOf of a group that was found. One that is gone, or that the account may not see, is in no
 * others. */
static int look_at(struct hunt *h, const char *dn, unsigned depth)
{
    char member_of[] = "memberOf";
    char *attributes[] = {member_of, NULL};
    LDAPMessage *found;
    int code;
    int rc = visit_search(h->v, dn, LDAP_SCOPE_BASE, ANYTHING, attributes, 1, &found, &code);
    if (rc < 0)
        return rc;
    LDAPMessage *entry =
        found == NULL || code != LDAP_SUCCESS ? NULL : ldap_first_entry(h->v->ld, found);
    rc = entry == NULL ? 0 : add_values(h, entry, depth);
    ldap_msgfree(found);
    return rc;
}

/* The groups that the filter finds for this name. */
static int search_for(struct hunt *h, const char *dn, unsigned depth)
{
    const struct directory *d = h->v->d;
    bool chain = d->ask.groups_from == GROUPS_IN_CHAIN;
    char base[LDAPNAME_DN_MAX + 1], none[] = LDAP_NO_ATTRS;
    char *attributes[] = {none, NULL};
    const struct ldapname_words words = {.user = span_str(d->name), .dn = span_str(dn)};
    struct buf text;
    LDAPMessage *found;
    int code;
    buf_init(&text, LDAPNAME_EXPANDED_MAX);
    int rc = ldapname_expand(&text, chain ? SPAN(IN_CHAIN) : d->ask.group_filter, &words);
    char *filter = rc < 0 ? NULL : buf_take_string(&text);
    buf_fini(&text);
    if (filter == NULL)
        return rc < 0 ? rc : -ENOMEM;
    (void)snprintf(base, sizeof(base), "%.*s", SPAN_FMT(d->ask.group_base));
    rc = visit_search(h->v, base, LDAP_SCOPE_SUBTREE, filter, attributes, DIRECTORY_GROUPS_MAX,
                      &found, &code);
    free(filter);
    if (rc < 0)
        return rc;
    if (code == LDAP_SIZELIMIT_EXCEEDED)
        h->v->d->omitted++;
    else if (code != LDAP_SUCCESS)
        rc = visit_fault(h->v, "the search for groups is refused", code);
    for (LDAPMessage *e = ldap_first_entry(h->v->ld, found); e != NULL && rc == 0;
         e = ldap_next_entry(h->v->ld, e)) {
        struct berval name = {0};
        if (ldap_get_dn_ber(h->v->ld, e, NULL, &name) == LDAP_SUCCESS)
            rc = add(h, span_of(name.bv_val, name.bv_len), depth);
    }
    ldap_msgfree(found);
    return rc;
}

/* ---- all of them ---- */

static int write_down(struct hunt *h)
{
    struct directory *d = h->v->d;
    int rc = 0;
    for (size_t i = 0; i < h->count && rc == 0; i++) {
        size_t len = strlen(h->found[i].dn);
        if (buf_len(&d->groups) + len + 1 > d->groups.max)
            d->omitted++;
        else
            rc =
                buf_printf(&d->groups, "%s%s", buf_len(&d->groups) > 0 ? "\n" : "", h->found[i].dn);
    }
    return rc;
}

static int follow(struct hunt *h, LDAPMessage *entry)
{
    const struct msg_bind *ask = &h->v->d->ask;
    bool member_of = ask->groups_from == GROUPS_MEMBER_OF;
    /* A filter without {dn} finds the same groups for everybody. */
    bool deeper = member_of || (ask->groups_from == GROUPS_SEARCH &&
                                ldapname_has_word(ask->group_filter, "{dn}"));
    int rc = member_of ? add_values(h, entry, 1) : search_for(h, h->v->d->dn, 1);
    for (size_t i = 0; deeper && rc == 0 && i < h->count; i++) {
        unsigned depth = h->found[i].depth;
        if (depth > ask->group_depth)
            continue;
        rc = member_of ? look_at(h, h->found[i].dn, depth + 1)
                       : search_for(h, h->found[i].dn, depth + 1);
    }
    return rc < 0 ? rc : write_down(h);
}

int visit_groups(struct visit *v, LDAPMessage *entry)
{
    struct hunt h = {.v = v};
    if (v->d->ask.groups_from == GROUPS_NONE)
        return 0;
    h.found = calloc(DIRECTORY_GROUPS_MAX, sizeof(*h.found));
    if (h.found == NULL)
        return -ENOMEM;
    int rc = follow(&h, entry);
    for (size_t i = 0; i < h.count; i++) {
        free(h.found[i].dn);
        free(h.found[i].folded);
    }
    free(h.found);
    return rc;
}
