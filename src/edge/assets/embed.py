"""Turns a file into a C array, so that no process needs the file system to serve it.

usage: embed.py INPUT OUTPUT NAME
"""
import sys

source, target, name = sys.argv[1:4]
with open(source, "rb") as f:
    data = f.read()
with open(target, "w", encoding="ascii") as out:
    out.write('#include "edge/assets.h"\n\n')
    out.write(f"static const unsigned char {name}_bytes[] = {{\n")
    for i in range(0, len(data), 16):
        out.write("    " + " ".join(f"{b:#04x}," for b in data[i : i + 16]) + "\n")
    out.write("};\n\n")
    out.write(f"const struct span asset_{name} = {{{name}_bytes, sizeof({name}_bytes)}};\n")
