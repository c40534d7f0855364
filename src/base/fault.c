#include "base/fault.h"

#include <string.h>

const char *fault_text(int code)
{
    switch (code) {
#define X(name, value, text)                                                                       \
    case value:                                                                                    \
        return text;
        FAULT_LIST(X)
#undef X
    default:
        return code < 0 && code > -4096 ? strerror(-code) : "no fault";
    }
}

const char *fault_name(int code)
{
    switch (code) {
#define X(name, value, text)                                                                       \
    case value:                                                                                    \
        return #name;
        FAULT_LIST(X)
#undef X
    default:
        break;
    }
    const char *name = code < 0 && code > -4096 ? strerrorname_np(-code) : NULL;
    return name != NULL ? name : "UNKNOWN";
}
