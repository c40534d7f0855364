#include "supervisor/programs.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void programs_none(struct programs *p)
{
    p->self = -1;
    for (size_t i = 0; i < ROLE_COUNT; i++)
        p->role[i] = -1;
}

int programs_find(struct programs *p, const char *libexec, enum role_kind kind)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/%s", libexec, ROLES[kind].executable);
    if (p->role[kind] < 0 && len > 0 && (size_t)len < sizeof(path))
        p->role[kind] = open(path, O_PATH | O_CLOEXEC);
    return p->role[kind];
}

void programs_open(struct programs *p, const char *libexec)
{
    programs_none(p);
    p->self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    for (size_t i = 0; i < ROLE_COUNT; i++)
        (void)programs_find(p, libexec, (enum role_kind)i);
}

void programs_close(struct programs *p)
{
    if (p->self >= 0)
        (void)close(p->self);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (p->role[i] >= 0)
            (void)close(p->role[i]);
    }
    programs_none(p);
}
