#include "tests/unit/unit.h"

#include "keeper/field.h"
#include "keeper/json.h"

static const struct field PART[] = {
    {"name", FIELD_NAME, true, ""},
    {"port", FIELD_NUMBER, false, "", .min = 1, .max = 65535},
    {0},
};

static const struct field ALL[] = {
    {"name", FIELD_NAME, true, ""},
    {"text", FIELD_STRING, false, "", .min = 2, .max = 4},
    {"flag", FIELD_FLAG, false, ""},
    {"names", FIELD_NAMES, false, "", .max = 2},
    {"kind", FIELD_ENUM, false, "", "mail|webhook"},
    {"kinds", FIELD_ENUMS, false, "", "mail|webhook", .min = 1},
    {"for", FIELD_DURATION, false, "", "never", .min = 60, .max = 3600},
    {"from", FIELD_ADDRESS, false, ""},
    {"at", FIELD_TIME, false, ""},
    {"part", FIELD_OBJECT, false, "", .fields = PART},
    {"parts", FIELD_OBJECTS, false, "", .fields = PART, .max = 2},
    {"any", FIELD_OBJECT, false, ""},
    {0},
};

/* path NULL: fits. */
static void expect(const char *text, const char *path)
{
    struct field_fault fault;
    json_t *object = NULL;
    assert_int_equal(json_read(span_str(text), &object, NULL, 0), 0);
    bool fits = fields_fit(ALL, object, &fault);
    json_decref(object);
    if (fits != (path == NULL)) {
        fail_msg("%s: %s", text, fits ? "fits" : fault.why);
    }
    assert_string_equal(fault.path, path == NULL ? "" : path);
    assert_true(fits || fault.why[0] != '\0');
}

static void what_fits_passes(void **state)
{
    (void)state;
    expect("{\"name\":\"a\"}", NULL);
    expect("{\"name\":\"a\",\"text\":\"abcd\",\"flag\":false,\"names\":[\"b\",\"c\"],\"kind\":"
           "\"mail\","
           "\"kinds\":[\"mail\"],\"for\":\"1h\",\"from\":\"::1\",\"at\":\"2026-03-01T12:00:00Z\","
           "\"part\":{\"name\":\"b\",\"port\":65535},\"parts\":[{\"name\":\"b\"}],\"any\":{\"x\":["
           "1]}}",
           NULL);
    expect("{\"name\":\"a\",\"for\":\"never\",\"names\":[],\"parts\":[]}", NULL);
}

static void what_does_not_fit_is_named(void **state)
{
    static const struct {
        const char *member, *path;
    } BAD[] = {
        {"\"x\":1", "x"},
        {"\"text\":\"a\"", "text"},
        {"\"text\":\"abcde\"", "text"},
        {"\"text\":null", "text"},
        {"\"flag\":1", "flag"},
        {"\"flag\":\"true\"", "flag"},
        {"\"names\":[\"b\",\"c\",\"d\"]", "names"},
        {"\"names\":[\"B\"]", "names"},
        {"\"names\":\"b\"", "names"},
        {"\"names\":[[]]", "names"},
        {"\"kind\":\"mai\"", "kind"},
        {"\"kind\":\"mail|webhook\"", "kind"},
        {"\"kind\":\"\"", "kind"},
        {"\"kinds\":[]", "kinds"},
        {"\"for\":\"59\"", "for"},
        {"\"for\":\"61m\"", "for"},
        {"\"for\":3600", "for"},
        {"\"for\":\"-1\"", "for"},
        {"\"from\":\"localhost\"", "from"},
        {"\"from\":\"1.2.3\"", "from"},
        {"\"at\":\"2026-03-01\"", "at"},
        {"\"at\":\"2026-03-01T12:00:00+01\"", "at"},
        {"\"part\":[]", "part"},
        {"\"part\":{}", "part.name"},
        {"\"part\":{\"name\":\"b\",\"port\":0}", "part.port"},
        {"\"part\":{\"name\":\"b\",\"port\":65536}", "part.port"},
        {"\"part\":{\"name\":\"b\",\"port\":1.0}", "part.port"},
        {"\"part\":{\"name\":\"b\",\"port\":-1}", "part.port"},
        {"\"part\":{\"name\":\"b\",\"y\":1}", "part.y"},
        {"\"parts\":[{\"name\":\"b\"},{\"name\":\"\"}]", "parts[1].name"},
        {"\"parts\":[1]", "parts[0]"},
        {"\"any\":[]", "any"},
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++) {
        (void)snprintf(text, sizeof(text), "{\"name\":\"a\",%s}", BAD[i].member);
        expect(text, BAD[i].path);
    }
    expect("{}", "name");
}

static void a_long_name_is_cut_and_harms_nobody(void **state)
{
    char text[1200];
    struct field_fault fault;
    json_t *object = NULL;
    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "{\"", 2);
    memcpy(text + 1100, "\":1}", 5);
    assert_int_equal(json_read(span_str(text), &object, NULL, 0), 0);
    assert_false(fields_fit(ALL, object, &fault));
    assert_int_equal(strlen(fault.path), FIELD_PATH_SIZE - 1);
    json_decref(object);
}

static void query(const char *text, const char *path)
{
    static const struct field QUERY[] = {
        {"limit", FIELD_NUMBER, false, "", .min = 1, .max = 500},
        {"user", FIELD_NAME, false, ""},
        {"dry_run", FIELD_FLAG, false, ""},
        {"order", FIELD_ENUM, false, "", "oldest|newest"},
        {0},
    };
    struct field_fault fault;
    struct arena arena;
    arena_init(&arena, 512, 65536);
    bool fits = fields_fit_query(QUERY, span_str(text), &arena, &fault);
    arena_fini(&arena);
    if (fits != (path == NULL)) {
        fail_msg("%s: %s", text, fits ? "fits" : fault.why);
    }
    assert_string_equal(fault.path, path == NULL ? "" : path);
}

static void a_query_is_held_to_its_table(void **state)
{
    (void)state;
    query("", NULL);
    query("limit=500&user=ann&dry_run=1&order=newest", NULL);
    query("user=ann%40example.org", NULL);
    query("limit=0", "limit");
    query("limit=501", "limit");
    query("limit=1&limit=1", "limit");
    query("limit=", "limit");
    query("limit=99999999999999999999999", "limit");
    query("limit=%zz", "limit");
    query("user=Ann", "user");
    query("dry_run=yes", "dry_run");
    query("dry_run", "dry_run");
    query("order=new", "order");
    query("Limit=1", "Limit");
    query("x", "x");
    query("l%69mit=5", "l%69mit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_passes),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(a_long_name_is_cut_and_harms_nobody),
        cmocka_unit_test(a_query_is_held_to_its_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
