#include "courier/system.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define NSSWITCH "/etc/nsswitch.conf"
#define NSSWITCH_MAX 65536u

static const struct sandbox_path PATHS[] = {
    {"/etc/resolv.conf", SANDBOX_READ},
    {"/etc/hosts", SANDBOX_READ},
    {"/etc/host.conf", SANDBOX_READ},
    {NSSWITCH, SANDBOX_READ},
    {"/etc/gai.conf", SANDBOX_READ},
#ifdef POSTERN_SANITIZED
    {"/proc", SANDBOX_READ}, /* the leak checker looks at its own threads at the end */
#endif
};
/* The first of them; then the authorities. */
#define NAME_FILES 5u

const struct sandbox_path *system_paths(size_t *count)
{
    _Static_assert(countof(PATHS) <= SYSTEM_PATHS_MAX, "room for all");
    *count = countof(PATHS);
    return PATHS;
}

static bool module_name_ok(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t b = name.at[i];
        if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') || b == '_'))
            return false;
    }
    return name.len > 0 && name.len < 64;
}

/* The next word between blanks and [actions]. false: no more. */
static bool next_module(struct span *rest, struct span *word)
{
    while (rest->len > 0) {
        size_t n = 0;
        bool action = rest->at[0] == '[';
        while (n < rest->len &&
               (action ? rest->at[n] != ']'
                       : rest->at[n] != ' ' && rest->at[n] != '\t' && rest->at[n] != '['))
            n++;
        *word = span_sub(*rest, 0, n);
        *rest = span_sub(*rest, n + (action || n == 0), rest->len);
        if (!action && word->len > 0)
            return true;
    }
    return false;
}

void system_each_module(struct span text, void (*each)(void *arg, const char *library), void *arg)
{
    struct span line, key, word;
    while (span_cut(&text, '\n', &line)) {
        struct span rest = span_sub(line, 0, span_find(line, '#'));
        if (!span_cut(&rest, ':', &key) || !span_is(span_trim(key), "hosts"))
            continue;
        while (next_module(&rest, &word)) {
            char library[96];
            if (!module_name_ok(word))
                continue;
            (void)snprintf(library, sizeof(library), "libnss_%.*s.so.2", SPAN_FMT(word));
            each(arg, library);
        }
    }
}

static void load(void *arg, const char *library)
{
    (void)arg;
    /* Kept for the life of the process: libc finds it by its name. */
    (void)dlopen(library, RTLD_NOW | RTLD_GLOBAL);
}

void system_load_modules(void)
{
    static uint8_t text[NSSWITCH_MAX];
    int fd = open(NSSWITCH, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = read(fd, text, sizeof(text));
    (void)close(fd);
    if (n > 0)
        system_each_module(span_of(text, (size_t)n), load, NULL);
}

static void note_one(struct system *s, size_t i, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return;
    s->seen[i].device = st.st_dev;
    s->seen[i].inode = st.st_ino;
}

void system_note(struct system *s, const char *authorities)
{
    *s = (struct system){.authorities = authorities};
    for (size_t i = 0; i < NAME_FILES; i++)
        note_one(s, i, PATHS[i].path);
    note_one(s, NAME_FILES, authorities);
}

bool system_changed(const struct system *s)
{
    struct system now;
    system_note(&now, s->authorities);
    for (size_t i = 0; i <= NAME_FILES; i++)
        if (now.seen[i].device != s->seen[i].device || now.seen[i].inode != s->seen[i].inode)
            return true;
    return false;
}
