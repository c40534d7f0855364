/* Files that are part of the executable. Made by assets/embed.py, those of the web console by
 * assets/embed_console.py. */
#ifndef EDGE_ASSETS_H
#define EDGE_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

extern const struct span asset_style;   /* text/css */
extern const struct span asset_passkey; /* text/javascript */

/* One file of the web console. A build without the console has none of them. */
struct console_file {
    const char
        *name; /* "main-ABCD.js": the hash in it changes with the contents; or "index.html" */
    const char *type; /* Content-Type */
    size_t offset, size;
    bool gzip;
};
/* NULL: there is none of this name. */
const struct console_file *console_file_find(struct span name);
struct span console_file_body(const struct console_file *f);

#endif
