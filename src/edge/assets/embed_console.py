"""Makes the web console's files part of the edge: one blob and the table of what lies where in it.

usage: embed_console.py DIRECTORY TABLE.c BLOB

A directory that is not there makes an empty table: the programs are whole without the console, and
the edge says at its place that this build has none. Outputs are written only when they change.
"""
import gzip
import hashlib
import pathlib
import sys

source, table, blob = map(pathlib.Path, sys.argv[1:4])
# edge.h's EDGE_BUILD_MAX is the largest answer from memory; headers go in front.
LARGEST = 240 * 1024
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8",
         ".svg": "image/svg+xml"}


def write(path, data):
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


rows, packed = [], b""
for f in sorted(source.iterdir()) if source.is_dir() else []:
    if f.name.startswith("."):
        continue
    # The page itself is small, and leaves as it is to whoever asks.
    data = f.read_bytes() if f.suffix == ".html" else gzip.compress(f.read_bytes(), 9, mtime=0)
    if len(data) > LARGEST:
        sys.exit(f"{f.name} has {len(data)} bytes, more than the edge answers at once ({LARGEST}): split it")
    rows.append((f.name, TYPES[f.suffix], len(packed), len(data), f.suffix != ".html"))
    packed += data

text = f"""#include "edge/assets.h"

/* {hashlib.sha256(packed).hexdigest()} */
__asm__(".section .rodata\\n"
        ".balign 16\\n"
        "console_blob:\\n"
        ".incbin \\"{blob.resolve()}\\"\\n"
        ".byte 0\\n"
        ".previous\\n");
extern const unsigned char console_blob[] __attribute__((visibility("hidden")));

const struct console_file *console_file_find(struct span name)
{{
    static const struct console_file FILES[] = {{
""" + "".join(f'        {{"{n}", "{t}", {o}, {s}, {"true" if z else "false"}}},\n' for n, t, o, s, z in rows) + """        {NULL, NULL, 0, 0, false},
    };
    for (const struct console_file *f = FILES; f->name != NULL; f++)
        if (span_is(name, f->name))
            return f;
    return NULL;
}

struct span console_file_body(const struct console_file *f)
{
    return (struct span){console_blob + f->offset, f->size};
}
"""
write(blob, packed)
write(table, text.encode())
