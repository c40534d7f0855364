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
