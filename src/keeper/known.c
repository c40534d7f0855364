#include "keeper/known.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "identity/wordlist.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

static const char *const FORMS[] = {[WORDLIST_SHA1] = "sha1", [WORDLIST_WORDS] = "words"};

static int open_list(const struct snapshot *s, const char *secrets_dir, struct wordlist *ret)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", secrets_dir, s->authentication.password_list);
    return n < 0 || (size_t)n >= sizeof(path) ? FAULT_LIMIT : wordlist_open(path, ret);
}

static bool has_list(const struct snapshot *s)
{
    return s->authentication.password_list != NULL && s->authentication.password_list[0] != '\0';
}

enum password_verdict known_judge(const struct keeper *k, struct span password, struct span user)
{
    struct wordlist list;
    bool known = false;
    enum password_verdict verdict = password_judge(password, user);
    if (verdict != PASSWORD_GOOD || (k->live != NULL && !has_list(live_snapshot(k->live)))) {
        return verdict;
    }
    int r =
        k->live == NULL ? FAULT_STALE : open_list(live_snapshot(k->live), k->secrets_dir, &list);
    if (r == 0) {
        r = wordlist_has(&list, password, &known);
        wordlist_close(&list);
    }
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "password_list", r, "no password is accepted");
        return PASSWORD_UNCHECKED;
    }
    return known ? PASSWORD_KNOWN : PASSWORD_GOOD;
}

static const char *why_not(int fault)
{
    return fault == FAULT_FORMAT  ? "is not a file of lines in the order of their bytes (LC_ALL=C "
                                    "sort), or of SHA-1 hashes in order"
           : fault == FAULT_LIMIT ? "has lines that are too long, or is too large"
                                  : fault_text(fault);
}

int known_check(const struct snapshot *s, const char *secrets_dir, struct buf *errors)
{
    struct wordlist list;
    uint64_t lines, at;
    if (!has_list(s)) {
        return 0;
    }
    int r = open_list(s, secrets_dir, &list);
    if (r == 0) {
        r = wordlist_check(&list, false, &lines, &at);
        wordlist_close(&list);
    }
    if (r < 0) {
        (void)buf_printf(errors, "authentication: password_list: %s/%s %s\n", secrets_dir,
                         s->authentication.password_list, why_not(r));
        return FAULT_FORMAT;
    }
    return 0;
}

int known_check_file(const char *path)
{
    struct wordlist list;
    uint64_t lines = 0, at = 0;
    int r = wordlist_open(path, &list);
    if (r < 0) {
        (void)fprintf(stderr, "postern: %s: %s\n", path, why_not(r));
        return 1;
    }
    r = wordlist_check(&list, true, &lines, &at);
    if (r < 0) {
        (void)fprintf(stderr, "postern: %s: line %llu (byte %llu): %s\n", path,
                      (unsigned long long)lines + 1, (unsigned long long)at,
                      r == FAULT_FORMAT ? "out of order, or not of the form of the first line"
                                        : why_not(r));
    } else {
        (void)printf("%s: %llu lines in order, %s.\n", path, (unsigned long long)lines,
                     list.form == WORDLIST_SHA1 ? "SHA-1 hashes" : "words");
    }
    wordlist_close(&list);
    return r < 0;
}

int op_password_list(struct call *c)
{
    const struct keeper *k = c->keeper;
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    struct wordlist list;
    if (s == NULL) {
        return call_problem(c, 503, NULL, "no configuration is in force yet");
    }
    if (!has_list(s)) {
        return call_answer(c, 200,
                           json_pack("{s:i,s:n,s:n,s:n}", "built_in", (int)password_words(), "file",
                                     "form", "bytes"));
    }
    int r = open_list(s, k->secrets_dir, &list);
    if (r < 0) {
        return call_problem(c, 503, NULL, "%s %s", s->authentication.password_list, why_not(r));
    }
    r = call_answer(c, 200,
                    json_pack("{s:i,s:s,s:s,s:I}", "built_in", (int)password_words(), "file",
                              s->authentication.password_list, "form", FORMS[list.form], "bytes",
                              (json_int_t)list.size));
    wordlist_close(&list);
    return r;
}
