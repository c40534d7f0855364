/* Trust on first use, but never without a person: what a console shows is pinned only after
 * somebody has looked at it and said yes, or has repeated the pin himself. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"

/* Any of these says what to trust; then nothing is looked at. */
static bool knows_what_to_trust(const struct invocation *v)
{
    static const char *const OPTIONS[] = {"ca", "ca-file", "pin", "trust"};
    for (size_t i = 0; i < countof(OPTIONS); i++)
        if (invocation_option(v, OPTIONS[i]) != NULL)
            return true;
    return false;
}

/* The name that edges will ask for: see upstream_sni in postern.yaml(5). "" : the host in the URL.
 */
static void sni_of(const struct invocation *v, char *into, size_t size)
{
    static const char *const OPTIONS[] = {"sni", "host-header", "verify-name"};
    into[0] = 0;
    for (size_t i = 0; i < countof(OPTIONS) && into[0] == 0; i++) {
        const char *name = invocation_option(v, OPTIONS[i]);
        if (name != NULL && strcmp(name, "preserve") != 0)
            (void)snprintf(into, size, "%.*s", (int)strcspn(name, ":"), name);
    }
}

static int look(struct invocation *v, const char *url, json_t **ret)
{
    const char *name = invocation_option(v, "verify-name");
    char sni[256];
    int status = 0;
    json_t *body = json_pack("{s:s}", "url", url);
    sni_of(v, sni, sizeof(sni));
    if (sni[0] != 0)
        (void)json_object_set_new(body, "sni", json_string(sni));
    if (name != NULL)
        (void)json_object_set_new(body, "name", json_string(name));
    int rc = invocation_call(v, "POST", "/api/v1/probe", NULL, body, &status, ret);
    json_decref(body);
    if (rc == EXIT_DONE && status >= 400) {
        rc = invocation_show(v, status, *ret);
        *ret = NULL;
    }
    return rc;
}

/* Says why this is not enough, and what would be. */
static void explain(json_t *seen)
{
    const char *subject =
        json_string_value(json_object_get(json_object_get(seen, "certificate"), "subject"));
    probe_print(stderr, seen);
    (void)fputs("Compare the pin with what the console's own administrator says; whoever stands "
                "between here and\nthere would show one as well. ",
                stderr);
    if (subject != NULL && strstr(subject, "CN=localhost") != NULL)
        (void)fputs("A certificate for localhost is often one that came with the product, as "
                    "WSO2's\ndoes: everybody has its key, so it proves nothing. Give the console a "
                    "key of its own.",
                    stderr);
    (void)fputc('\n', stderr);
}

static bool says_yes(void)
{
    char line[16];
    (void)fputs("Type yes to trust this key for this console, and no other: ", stderr);
    return fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "yes\n") == 0;
}

static int agree(struct invocation *v, const char *url, json_t *seen)
{
    const char *pin =
        json_string_value(json_object_get(json_object_get(seen, "certificate"), "pin"));
    if (pin == NULL)
        return complain(EXIT_UNREACHABLE, "the keeper did not say what it saw");
    explain(seen);
    if (v->json || !isatty(STDIN_FILENO))
        return complain(EXIT_REFUSED,
                        "%s: nobody is here to say yes, and nothing was added; if this is the "
                        "console's key, repeat with --pin %s",
                        url, pin);
    if (!says_yes())
        return complain(EXIT_REFUSED, "nothing was added");
    if (v->extra == NULL)
        v->extra = json_object();
    json_t *pins = json_object_get(v->extra, "upstream_pin");
    if (pins == NULL) {
        pins = json_array();
        (void)json_object_set_new(v->extra, "upstream_pin", pins);
    }
    return json_array_append_new(pins, json_string(pin)) == 0 ? EXIT_DONE : EXIT_REFUSED;
}

static int meet(struct invocation *v, const char *url)
{
    json_t *seen = NULL;
    int rc = look(v, url, &seen);
    if (rc != EXIT_DONE)
        return rc;
    if (json_is_string(json_object_get(seen, "fault"))) {
        char *why = show_cell(json_object_get(seen, "fault"));
        rc = complain(EXIT_REFUSED,
                      "%s: %s; nothing was added. --ca, --ca-file, --pin or --trust system add it "
                      "without a look",
                      url, why != NULL ? why : "?");
        free(why);
    } else if (!json_is_true(json_object_get(seen, "trusted")) ||
               !json_is_true(json_object_get(seen, "matches"))) {
        rc = agree(v, url, seen);
    }
    json_decref(seen);
    return rc;
}

int first_use(struct invocation *v)
{
    const char *trust = invocation_option(v, "trust");
    int rc = EXIT_DONE;
    if (trust != NULL && strcmp(trust, "system") != 0)
        return complain(EXIT_USAGE, "--trust is system: the authorities of this system");
    if (knows_what_to_trust(v))
        return EXIT_DONE;
    for (size_t i = 1; rc == EXIT_DONE && i < v->arg_count; i++)
        if (strncmp(v->arg[i], "https://", 8) == 0)
            rc = meet(v, v->arg[i]);
    return rc;
}
