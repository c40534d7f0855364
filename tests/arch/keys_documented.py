"""The manual, the schema and the example agree with the table of keys (src/conf/keys.def)."""
import json
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/release"))


def conf_keys(what, exe=None):
    exe = exe or BUILD / "src/conf/conf_keys"
    return subprocess.run([str(exe), what], capture_output=True, text=True, check=True).stdout


def entries(page):
    """{section: {key: text of its entry}} of the manual."""
    found = {}
    section = None
    key = None
    for line in page.splitlines():
        if line.startswith(".Sh "):
            section, key = found.setdefault(line[4:].strip().lower(), {}), None
        elif line.startswith(".It Cm ") or line.startswith(".It Ar name :"):
            key = line.split()[2]
            section[key] = line + "\n"
        elif section is not None and key is not None:
            section[key] += line + "\n"
    return found


def missing(exe=None):
    """What the manual, the schema or the example lacks, one sentence each."""
    page = entries((TOP / "man/postern.yaml.5").read_text())
    example = (TOP / "packaging/postern.yaml").read_text()
    wrong = []
    for line in conf_keys("describe", exe).splitlines():
        path, _, default, text = line.split("\t")
        section, key = re.match(r"([a-z]+).*?([a-z0-9_]+|NAME)$", path).groups()
        entry = page.get(section, {}).get("name" if key == "NAME" else key)
        if entry is None:
            wrong.append(f"{path} is not in the manual")
            continue
        if text.split(". ")[0].rstrip(".") not in entry.replace("\n", " "):
            wrong.append(f"{path}: the manual says something else than the table")
        if default == "required" and "Required." not in entry:
            wrong.append(f"{path}: the manual does not say that it is required")
        if default not in ("required", "-") and f"Default: {default}." not in entry:
            wrong.append(f"{path}: the manual does not give the default {default}")
        if key != "NAME" and not re.search(rf"\b{key}:", example):
            if section not in ("rules",):
                wrong.append(f"{path} is not in packaging/postern.yaml")
    for section, keys in page.items():
        known = [line.split("\t")[0] for line in conf_keys("describe", exe).splitlines()
                 if line.startswith(section)]
        for key in keys:
            if key != "name" and not any(path.endswith(f".{key}") for path in known):
                wrong.append(f"the manual describes {section}.{key}, which does not exist")
    if (TOP / "packaging/postern.schema.json").read_text() != conf_keys("schema", exe):
        wrong.append("packaging/postern.schema.json is stale: write it anew with conf_keys schema")
    json.loads(conf_keys("schema", exe))
    return wrong


def test_every_key_is_documented():
    assert missing() == []


if __name__ == "__main__":
    problems = missing(sys.argv[1] if len(sys.argv) > 1 else None)
    print("\n".join(problems) or "every key is documented")
    sys.exit(1 if problems else 0)
