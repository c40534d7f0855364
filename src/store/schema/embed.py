#!/usr/bin/env python3
"""Writes the schema files as C strings: embed.py OUTPUT FILE...

Files are named SET-NUMBER.sql; each set becomes an array schema_SET, in order of the numbers, which
must run from 1 without gaps. Step n brings a database from version n - 1 to n and says so at its
end."""
import pathlib
import sys


def literal(text):
    lines = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("--"):
            escaped = line.replace("\\", "\\\\").replace('"', '\\"')
            lines.append('    "' + escaped + '\\n"')
    return lines


def main():
    sets = {}
    for name in sys.argv[2:]:
        path = pathlib.Path(name)
        kind, number = path.stem.split("-")
        sets.setdefault(kind, {})[int(number)] = path.read_text(encoding="ascii")
    out = ['#include "store/migrate.h"\n']
    for kind, files in sorted(sets.items()):
        if sorted(files) != list(range(1, len(files) + 1)):
            sys.exit(f"{kind}: the numbers must run from 1 without gaps")
        out.append(f"static const char *const STEPS_{kind.upper()}[] = {{")
        steps = []
        for n in sorted(files):
            steps.append("\n".join(literal(files[n]) + [f'    "PRAGMA user_version = {n}"']))
        out.append(",\n".join(steps))
        out.append("};")
        out.append(
            f"const struct schema schema_{kind} = {{STEPS_{kind.upper()}, {len(files)}}};\n"
        )
    pathlib.Path(sys.argv[1]).write_text("\n".join(out), encoding="ascii")


main()
