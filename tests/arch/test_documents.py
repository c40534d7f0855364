"""Documents agree with the tables that they describe."""
import os
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/release"))


def help_of(*words):
    return subprocess.run([str(BUILD / "libexec/postern"), *words, "--help"], capture_output=True, text=True,
                          check=True).stdout


def commands():
    out = subprocess.run([str(BUILD / "libexec/postern"), "help"], capture_output=True, text=True, check=True).stdout
    return [m.group(1) for m in re.finditer(r"^  ([a-z]+(?: [a-z]+)?)\s{2,}\S", out, re.M)]


def test_every_command_and_option_is_in_the_manual():
    page = (TOP / "man/postern.8").read_text()
    found = commands()
    assert len(found) > 40
    for command in found:
        assert re.search(rf"^\.It Cm {command}\b", page, re.M), command
        section = page[page.index(f".It Cm {command}"):]
        for option in re.findall(r"^  --([a-z-]+)", help_of(*command.split()).split("Every command")[0], re.M):
            assert f"Fl -{option}" in section, (command, option)


def test_completion_knows_every_command():
    script = subprocess.run([str(BUILD / "libexec/postern"), "completion", "bash"], capture_output=True, text=True,
                            check=True).stdout
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    for command in commands():
        assert f"'{command}'*" in script


def test_wrong_usage_names_what_was_meant_and_ends_with_2():
    for words, hint in ((["usr", "add"], "user add"), (["user", "add", "x", "--gruop", "y"], "--group"),
                        (["user", "add"], "NAME is missing"), (["user", "show", "a", "b"], "unexpected")):
        done = subprocess.run([str(BUILD / "libexec/postern"), *words], capture_output=True, text=True)
        assert done.returncode == 2 and hint in done.stderr, (words, done)


def test_the_pages_of_the_manual_are_clean():
    for page in (TOP / "man").iterdir():
        done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(page)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def names_of_tests():
    names = set()
    for path in (TOP / "tests").rglob("*"):
        if path.suffix == ".py":
            names.update(re.findall(r"^def test_(\w+)", path.read_text(), re.M))
        elif path.suffix == ".c":
            names.update(re.findall(r"^static void (\w+)\(", path.read_text(), re.M))
    return names


def test_every_test_that_the_security_checklist_names_exists():
    text = (TOP / "docs/security-checklist.md").read_text()
    names, wrong = names_of_tests(), []
    said = re.findall(r"`([a-z]\w*_\w+)(…?)`", text)
    assert len(said) > 40
    for name, more in said:
        if name not in names and not (more and any(n.startswith(name) for n in names)):
            wrong.append(name)
    here = {p.name for p in (TOP / "tests").rglob("*.py")}
    for path in re.findall(r"\b(?:tests|src|docs|fuzz)/[\w/.-]*\w", text):
        found = (TOP / path).exists() or any(TOP.glob(path + "*"))
        wrong += [] if found else [path]
    wrong += [name for name in re.findall(r"(?<![\w/])test_\w+\.py", text) if name not in here]
    assert not wrong, wrong


def test_the_inventory_of_keys_names_files_that_exist():
    text = (TOP / "docs/crypto.md").read_text()
    said = set(re.findall(r"\bsrc/[\w/]+\.[ch]\b", text))
    assert len(said) > 8
    assert [path for path in said if not (TOP / path).exists()] == []


def test_every_way_in_is_listed_with_its_strength():
    text = (TOP / "docs/security-checklist.md").read_text()
    ways = text[text.index("## Ways in"):text.index("## Line by line: V6")]
    table = (TOP / "src/keeper/table.c").read_text()
    paths = set(re.findall(r'\{"POST",\s*"([^"]+)",\s*ROLE_NOBODY', table)) | {"/login"}
    assert len(paths) > 5
    assert [path for path in sorted(paths) if f"`{path}`" not in ways] == []
    header = (TOP / "src/identity/assurance.h").read_text()
    factors = re.findall(r"FACTOR_([A-Z]+) = \d", header)
    assert len(factors) >= 9
    assert [f for f in factors if f.lower() not in ways] == []
