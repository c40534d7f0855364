/* Replays request vectors of another parser (llhttp's own tests, as JSON) and checks that this one
 * is at least as strict: what they reject is never read to its end here. The file is not part of
 * the project; without it the test is skipped.
 *
 * {"cases": [{"id": …, "expect": "accept" | "reject" | "either", "parts": [bytes as Latin-1 or
 * UTF-8 text]}]} */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include <jansson.h>

#include "base/fault.h"
#include "http/h1.h"

#define SKIPPED 77 /* Meson's exit code for a test that was skipped */

static json_t *cases;

/* Accepted there and refused here, each for a rule of the house. Everything else they accept has to
 * be accepted here too, so that strictness is chosen and not an accident. */
static const struct {
    const char *id, *why;
} stricter[] = {
    {"content-length/content-length-with-zeroes+host", "leading zeros: octal to some readers"},
    {"content-length/content-length-with-follow-up-headers+host", "leading zeros"},
    {"content-length/content-length-reset-when-no-body-is-received+host",
     "the second request stands inside the first one's body"},
    {"pipelining/should-parse-multiple-events+host", "the last body is one byte short"},
    {"sample/curl-get", "Host: 0.0.0.0=5000 names no host"},
    {"sample/firefox-get", "Host: 0.0.0.0=5000 names no host"},
    {"sample/no-http-version", "HTTP/0.9"},
    {"uri/quotes-in-uri+host", "a quote may not stand in a path"},
};

enum verdict { READ, INCOMPLETE, REFUSED };

/* Reads requests until the input ends, the connection closes or something is refused. */
static enum verdict read_all(struct span in, const char **why)
{
    const struct h1_limits limits = {.head_bytes = 65536, .header_count = 100};
    bool close = false;
    *why = "";
    while (in.len > 0 && !close) {
        struct arena a;
        struct request r;
        struct h1_body body;
        unsigned status;
        size_t scanned = 0;
        int len = h1_head_find(in, &scanned, &limits, &status);
        /* An empty line behind the last request begins none. */
        if (len == 0)
            return span_is(in, "\r\n") ? READ : INCOMPLETE;
        if (len < 0) {
            *why = "the head has no end";
            return REFUSED;
        }
        arena_init(&a, 4096, 1 << 20);
        int rc = h1_request_parse(span_sub(in, 0, (size_t)len), &limits, &a, &r, &status, why);
        close = rc == 0 && !r.keep_alive;
        if (rc == 0)
            h1_body_init(&body, r.framing, r.length);
        arena_fini(&a);
        if (rc < 0)
            return REFUSED;
        in = span_sub(in, (size_t)len, SIZE_MAX);
        while (!body.done) {
            struct span data;
            if (in.len == 0)
                return INCOMPLETE;
            if (h1_body_feed(&body, &in, &data) < 0) {
                *why = "the body's framing is broken";
                return REFUSED;
            }
        }
    }
    return READ;
}

/* The text of a case as bytes, with a host in place of {{HOST}}. */
static void collect(json_t *parts, struct buf *out)
{
    size_t i;
    json_t *part;
    json_array_foreach(parts, i, part)
    {
        const char *text = json_string_value(part);
        size_t left = json_string_length(part);
        while (left > 0) {
            struct span rest = span_of(text, left);
            size_t step = 1;
            if (span_starts(rest, SPAN("{{HOST}}"))) {
                step = 8;
                (void)buf_text(out, "a.example");
            } else {
                (void)buf_append(out, span_sub(rest, 0, 1));
            }
            text += step;
            left -= step;
        }
    }
    assert_false(out->bad);
}

static const char *why_stricter(const char *id)
{
    for (size_t i = 0; i < countof(stricter); i++)
        if (strcmp(stricter[i].id, id) == 0)
            return stricter[i].why;
    return NULL;
}

static void nothing_that_llhttp_rejects_is_read_to_its_end(void **state)
{
    (void)state;
    size_t i, rejected = 0, lax = 0;
    json_t *one;
    json_array_foreach(cases, i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "expect")), "reject") != 0)
            continue;
        struct buf b;
        const char *why;
        buf_init(&b, 1 << 20);
        collect(json_object_get(one, "parts"), &b);
        enum verdict v = read_all(buf_view(&b), &why);
        /* Some stop where the other parser gave up; judged here when the head is complete. */
        if (v == INCOMPLETE) {
            assert_int_equal(buf_text(&b, "\r\n\r\n"), 0);
            v = read_all(buf_view(&b), &why);
        }
        if (v != REFUSED) {
            print_error("%s: %s\n", json_string_value(json_object_get(one, "id")),
                        v == READ ? "read" : "incomplete");
            lax++;
        }
        rejected++;
        buf_fini(&b);
    }
    assert_int_equal(lax, 0);
    assert_true(rejected > 0);
}

static void what_llhttp_accepts_is_read_unless_a_rule_says_otherwise(void **state)
{
    (void)state;
    size_t i, wrong = 0;
    json_t *one;
    json_array_foreach(cases, i, one)
    {
        const char *id = json_string_value(json_object_get(one, "id"));
        if (strcmp(json_string_value(json_object_get(one, "expect")), "accept") != 0)
            continue;
        struct buf b;
        const char *why;
        buf_init(&b, 1 << 20);
        collect(json_object_get(one, "parts"), &b);
        enum verdict v = read_all(buf_view(&b), &why);
        if ((v == READ) != (why_stricter(id) == NULL)) {
            print_error("%s: %s %s\n", id,
                        v == READ      ? "read"
                        : v == REFUSED ? "refused"
                                       : "incomplete",
                        why);
            wrong++;
        }
        buf_fini(&b);
    }
    assert_int_equal(wrong, 0);
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *file = argc == 2 ? json_load_file(argv[1], JSON_ALLOW_NUL, &error) : NULL;
    cases = json_object_get(file, "cases");
    if (!json_is_array(cases)) {
        printf("skipped: no vectors at %s\n", argc == 2 ? argv[1] : "(no file named)");
        json_decref(file);
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_llhttp_rejects_is_read_to_its_end),
        cmocka_unit_test(what_llhttp_accepts_is_read_unless_a_rule_says_otherwise),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(file);
    return rc;
}
