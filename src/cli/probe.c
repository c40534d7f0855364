/* A console's certificate, for a person to look at. */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

static void print_line(FILE *out, const char *name, const json_t *value)
{
    char *text = show_cell(value);
    (void)fprintf(out, "  %-11s %s\n", name, text != NULL ? text : "?");
    free(text);
}

/* "yes", or "no: why". */
static void print_trust(FILE *out, json_t *answer)
{
    char *why = show_cell(json_object_get(answer, "distrust"));
    bool trusted = json_is_true(json_object_get(answer, "trusted"));
    (void)fprintf(out, "  %-11s %s%s\n", "trusted",
                  trusted ? "yes, by an authority of this system" : "no: ",
                  trusted || why == NULL ? "" : why);
    free(why);
}

void probe_print(FILE *out, json_t *answer)
{
    json_t *c = json_object_get(answer, "certificate");
    char *url = show_cell(json_object_get(answer, "url"));
    char *protocol = show_cell(json_object_get(answer, "protocol"));
    char *name = show_cell(json_object_get(answer, "name"));
    (void)fprintf(out, "%s speaks %s and shows:\n", url != NULL ? url : "?",
                  protocol != NULL ? protocol : "?");
    static const char *const MEMBERS[] = {"subject",   "issuer", "names", "not_before",
                                          "not_after", "pin",    "sha256"};
    static const char *const SHOWN[] = {"subject",  "issuer", "names",  "valid from",
                                        "valid to", "pin",    "SHA-256"};
    for (size_t i = 0; i < countof(MEMBERS); i++)
        print_line(out, SHOWN[i], json_object_get(c, MEMBERS[i]));
    print_trust(out, answer);
    (void)fprintf(out, "  %-11s %s for %s\n", "matches",
                  json_is_true(json_object_get(answer, "matches")) ? "is" : "is not",
                  name != NULL ? name : "?");
    if (!json_is_null(json_object_get(answer, "note")))
        print_line(out, "note", json_object_get(answer, "note"));
    free(url);
    free(protocol);
    free(name);
}

int run_probe(struct invocation *v)
{
    int status = 0;
    json_t *answer = NULL;
    int rc = invocation_request(v, &status, &answer);
    if (rc != EXIT_DONE)
        return rc;
    const char *fault = json_string_value(json_object_get(answer, "fault"));
    if (status >= 400 || v->json || v->print != NULL) {
        bool seen = status < 400 && fault == NULL;
        rc = invocation_show(v, status, answer);
        return rc == EXIT_DONE && !seen ? EXIT_REFUSED : rc;
    }
    if (fault != NULL) {
        char *clean = show_cell(json_object_get(answer, "fault"));
        rc = complain(EXIT_REFUSED, "%s: %s", v->arg[0], clean != NULL ? clean : "?");
        free(clean);
    } else {
        probe_print(stdout, answer);
    }
    json_decref(answer);
    return rc;
}
