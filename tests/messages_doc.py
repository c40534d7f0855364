#!/usr/bin/env python3
"""Makes docs/messages.md from src/ipc/messages.def. --check: fails when they disagree."""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]


def document():
    text = (TOP / "src/ipc/messages.def").read_text()
    out = ["# Messages between processes", "",
           "Made from src/ipc/messages.def by tests/messages_doc.py; change the table, not this page.", ""]
    body = text[text.index("*/") + 2:]
    token = re.compile(r"/\* ---- (.*?) -+ \*/|/\*(.*?)\*/|MESSAGE\((.*?)\)(.*?)END\(\w+\)", re.S)
    note = ""
    for section, comment, head, fields in token.findall(body):
        if section:
            out += [f"## {section.strip()}", ""]
        elif comment:
            note = " ".join(line.strip().lstrip("*").strip() for line in comment.splitlines()).strip()
        else:
            name, _, sender, receiver, reply = [p.strip() for p in head.split(",")]
            out += [f"### {name}", "", f"{sender.lower()} → {receiver.lower()}" +
                    (f", answered by {reply.lower()}" if reply != "NONE" else ""), ""]
            if note:
                out += [note, ""]
            rows = re.findall(r"(U8|U16|U32|U64|FIXED|BYTES)\((\w+)(?:,\s*(\d+))?\)", fields)
            if rows:
                out += ["| field | form |", "|---|---|"]
                for kind, field, size in rows:
                    form = {"FIXED": f"{size} bytes", "BYTES": f"at most {size} bytes"}.get(kind, kind.lower())
                    out.append(f"| {field} | {form} |")
                out.append("")
            note = ""
    return "\n".join(out).rstrip() + "\n"


if __name__ == "__main__":
    page = TOP / "docs/messages.md"
    if "--check" in sys.argv:
        sys.exit(0 if page.exists() and page.read_text() == document() else "docs/messages.md is out of date")
    page.write_text(document())
