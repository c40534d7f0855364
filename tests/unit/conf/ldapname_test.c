/* Hostile names first: what a stranger types must never become part of a filter's structure. */
#include "conf/ldapname.h"

#include "../unit.h"
#include "base/fault.h"

static const char *text_of(struct buf *b)
{
    static char text[16384];
    struct span v = buf_view(b);
    assert_true(v.len < sizeof(text));
    if (v.len > 0)
        memcpy(text, v.at, v.len);
    text[v.len] = 0;
    buf_fini(b);
    return text;
}

static const char *expanded(const char *filter, struct span user)
{
    struct buf b;
    buf_init(&b, 8192);
    const struct ldapname_words w = {.user = user, .dn = SPAN("cn=a(b),dc=x")};
    assert_int_equal(ldapname_expand(&b, span_str(filter), &w), 0);
    return text_of(&b);
}

static void a_name_cannot_change_the_structure_of_a_filter(void **state)
{
    (void)state;
    assert_string_equal(expanded("(uid={user})", SPAN("alice")), "(uid=alice)");
    assert_string_equal(expanded("(uid={user})", SPAN("*")), "(uid=\\2a)");
    assert_string_equal(expanded("(uid={user})", SPAN("a)(uid=*))(|(uid=*")),
                        "(uid=a\\29\\28uid=\\2a\\29\\29\\28\\7c\\28uid=\\2a)");
    assert_string_equal(expanded("(uid={user})", SPAN("\\2a")), "(uid=\\5c2a)");
    assert_string_equal(expanded("(uid={user})", span_of("a\0b", 3)), "(uid=a\\00b)");
    assert_string_equal(expanded("(uid={user})", SPAN("J\xc3\xb6rg\n")), "(uid=J\\c3\\b6rg\\0a)");
    assert_string_equal(expanded("(uid={user})", SPAN("{dn}{user}")),
                        "(uid=\\7bdn\\7d\\7buser\\7d)");
    assert_string_equal(expanded("(member={dn})", SPAN("x")), "(member=cn=a\\28b\\29,dc=x)");
}

static void anybody_is_a_star(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 256);
    const struct ldapname_words w = {.user = SPAN("alice"), .dn = SPAN("*"), .anybody = true};
    assert_int_equal(ldapname_expand(&b, SPAN("(&(uid={user})(member={dn}))"), &w), 0);
    assert_string_equal(text_of(&b), "(&(uid=*)(member=\\2a))");
}

static void an_expansion_that_is_too_long_is_a_fault(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 16);
    const struct ldapname_words w = {.user = SPAN("((((((((((((")};
    assert_true(ldapname_expand(&b, SPAN("(uid={user})"), &w) < 0);
    buf_fini(&b);
}

static void only_well_formed_filters_are_filters(void **state)
{
    static const char *const GOOD[] = {
        "(uid={user})",
        "(&(objectClass=person)(uid={user}))",
        "(&(objectCategory=person)(|(sAMAccountName={user})(userPrincipalName={user})))",
        "(member:1.2.840.113556.1.4.1941:={dn})",
        "(!(userAccountControl:1.2.840.113556.1.4.803:=2))",
        "(cn~=a)",
        "(cn>=a)",
        "(cn;lang-de=*a*)",
        "(cn=\\28\\29)",
        "(cn=)",
        "(2.5.4.3=x)",
        "(&(a=1)(!(|(b=2)(c=3))))",
    };
    static const char *const BAD[] = {
        "",          "uid={user}",   "(uid={user}",       "(uid={user}))", "((uid={user}))",
        "()",        "(&)",          "(!(a=1)(b=2))",     "(a=1)(b=2)",    "({user}=1)",
        "(a\\28=1)", "(a=\\2)",      "(a=\\zz)",          "(=a)",          "(a=b(c=d))",
        "(a=1) ",    "(&(a=1)b=2))", "(| (a=1))",         "(a b=1)",       "(a=\xff)",
        "(!)",       "(&(a=1)",      "(a={user})(b={dn}", "(a)",           "(:dn:=x)",
    };
    (void)state;
    for (size_t i = 0; i < countof(GOOD); i++)
        if (!ldapname_is_filter(span_str(GOOD[i])))
            fail_msg("%s", GOOD[i]);
    for (size_t i = 0; i < countof(BAD); i++)
        if (ldapname_is_filter(span_str(BAD[i])))
            fail_msg("%s", BAD[i]);
    assert_false(ldapname_is_filter(span_of("(a=b\0c)", 7)));
    assert_false(ldapname_is_filter(span_of("(a\0=b)", 6)));
}

static void a_filter_is_nested_to_a_bound(void **state)
{
    char text[512];
    (void)state;
    for (unsigned depth = 1; depth < 32; depth++) {
        size_t n = 0;
        for (unsigned i = 0; i < depth; i++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "(&");
        n += (size_t)snprintf(text + n, sizeof(text) - n, "(a=b)");
        for (unsigned i = 0; i < depth; i++)
            text[n++] = ')';
        assert_int_equal(ldapname_is_filter(span_of(text, n)), depth <= LDAPNAME_DEPTH_MAX);
    }
}

static void values_of_names_are_escaped(void **state)
{
    static const struct {
        const char *value, *text;
    } ROWS[] = {
        {"James \"Jim\" Smith, III", "James \\\"Jim\\\" Smith\\, III"},
        {" a ", "\\ a\\ "},
        {"#a#", "\\#a#"},
        {"a=b+c;<d>\\", "a\\=b\\+c\\;\\<d\\>\\\\"},
        {"Before\rAfter", "Before\\0dAfter"},
        {"Lu\xc4\x8di\xc4\x87", "Lu\xc4\x8di\xc4\x87"},
        {"\xff", "\\ff"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct buf b;
        buf_init(&b, 256);
        assert_int_equal(ldapname_dn_value(&b, span_str(ROWS[i].value)), 0);
        assert_string_equal(text_of(&b), ROWS[i].text);
    }
}

static const char *folded(struct span dn)
{
    struct buf b;
    buf_init(&b, 8192);
    int rc = ldapname_fold(&b, dn);
    if (rc < 0) {
        buf_fini(&b);
        return NULL;
    }
    return text_of(&b);
}

static void two_spellings_of_one_name_meet(void **state)
{
    static const char *const ROWS[][2] = {
        {"CN=Admins,OU=Groups,DC=Example,DC=COM", "cn=admins,ou=groups,dc=example,dc=com"},
        {"cn = admins , ou=groups", "cn=admins,ou=groups"},
        {"cn=a\\2Cb", "cn=a\\,b"},
        {"cn=a\\,b", "cn=a\\,b"},
        {"cn=a\\20", "cn=a\\ "},
        {"cn=a\\ ", "cn=a\\ "},
        {"sn=b+CN=a", "cn=a+sn=b"},
        {"2.5.4.3=#0402AbCd", "2.5.4.3=#0402abcd"},
        {"cn=J\xc3\xb6rg", "cn=j\xc3\xb6rg"},
        {"cn=J\\c3\\b6rg", "cn=j\xc3\xb6rg"},
        {"cn=", "cn="},
    };
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++)
        assert_string_equal(folded(span_str(ROWS[i][0])), ROWS[i][1]);
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const BAD[] = {
        "",         "admins", "cn=a,",   ",cn=a",   "cn=a,,dc=b", "=a",      "cn=a;dc=b",
        "cn=\"a\"", "cn=a\\", "cn=a\\z", "cn=#",    "cn=#123",    "cn=#12x", "cn=a+",
        "c_n=a",    "cn=<a>", "cn",      "cn=\xff", "1.2x=a",
    };
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++)
        if (folded(span_str(BAD[i])) != NULL)
            fail_msg("%s", BAD[i]);
    assert_null(folded(span_of("cn=a\0b", 6)));
    /* A line feed in a name must not become another line. */
    assert_string_equal(folded(SPAN("cn=a\ncn=b")), "cn=a\\0acn\\=b");
}

static void a_name_has_bounds(void **state)
{
    char dn[LDAPNAME_DN_MAX + 2];
    (void)state;
    memset(dn, 'a', sizeof(dn));
    memcpy(dn, "cn=", 3);
    assert_non_null(folded(span_of(dn, LDAPNAME_DN_MAX)));
    assert_null(folded(span_of(dn, LDAPNAME_DN_MAX + 1)));
    assert_non_null(folded(SPAN("a=1+b=1+c=1+d=1+e=1+f=1+g=1+h=1")));
    assert_null(folded(SPAN("a=1+b=1+c=1+d=1+e=1+f=1+g=1+h=1+i=1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_cannot_change_the_structure_of_a_filter),
        cmocka_unit_test(anybody_is_a_star),
        cmocka_unit_test(an_expansion_that_is_too_long_is_a_fault),
        cmocka_unit_test(only_well_formed_filters_are_filters),
        cmocka_unit_test(a_filter_is_nested_to_a_bound),
        cmocka_unit_test(values_of_names_are_escaped),
        cmocka_unit_test(two_spellings_of_one_name_meet),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(a_name_has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
