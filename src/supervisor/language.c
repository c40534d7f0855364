#include "supervisor/language.h"

#include <stddef.h>

/* A build of tests/unit/supervisor says something here, to be understood by nobody. */
#ifndef POSTERN_LANGUAGE
#define POSTERN_LANGUAGE ""
#endif

static const char TEXT[] =
#define U8(f) #f ":8 "
#define U16(f) #f ":16 "
#define U32(f) #f ":32 "
#define U64(f) #f ":64 "
#define FIXED(f, n) #f ":" #n " "
#define BYTES(f, cap) #f "<" #cap " "
#define MESSAGE(name, NAME, from, to, reply) #name " " #from ">" #to "=" #reply " "
#define END(name) "\n"
#include "ipc/messages.def"
#undef END
#define SECTION(ID, name, kind, shape, in, array, most, text) #name " " #shape " "
#define KEY(in, name, TYPE, field, extra, flags, fallback, least, most, text)                      \
#in "." #name " " #TYPE " " #flags " "
#define END(ID) "\n"
#include "conf/keys.def"
    POSTERN_LANGUAGE;

/* FNV-1a: nobody tries to make two versions collide. */
uint64_t language_number(void)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i + 1 < sizeof(TEXT); i++)
        hash = (hash ^ (uint8_t)TEXT[i]) * UINT64_C(0x100000001b3);
    return hash;
}
