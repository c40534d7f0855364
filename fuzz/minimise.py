"""Makes the corpus of a target small again: minimise.py EXECUTABLE CORPUS FOUND...

Of everything in CORPUS and in the directories FOUND, the files stay that reach the most together: at
most 60, at most 200 KiB. Crashes always stay, and files with a name, written by hand, are preferred.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FILES_MAX = 60
BYTES_MAX = 200 * 1024
FILE_MAX = 16 * 1024


def features(executable, directories):
    """path -> set of features, from the control file of a libFuzzer merge."""
    with tempfile.TemporaryDirectory() as scratch:
        control = pathlib.Path(scratch, "control")
        kept = pathlib.Path(scratch, "kept")
        kept.mkdir()
        subprocess.run([executable, "-set_cover_merge=1", f"-merge_control_file={control}", kept, *directories],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = control.read_text(errors="replace").splitlines()
    count = int(lines[0])
    names = lines[2:2 + count]
    reached = {name: set() for name in names}
    for line in lines[2 + count:]:
        word, number, *rest = line.split()
        if word == "FT":
            # A feature is an edge and how often it was taken, in eight classes.
            for feature in map(int, rest):
                reached[names[int(number)]] |= {("count", feature), ("edge", feature // 8)}
    return {pathlib.Path(name): what for name, what in reached.items()}


def worth(what):
    """An edge nobody else reaches weighs more than another number of times on an old one."""
    return sum(1000 if kind == "edge" else 1 for kind, _ in what)


def is_named(path):
    return not re.fullmatch(r"[0-9a-f]{12,40}", path.name)


def choose(reached, own):
    have = set().union(*(reached.get(path, set()) for path in own))
    chosen = []
    left = {p: w for p, w in reached.items() if p not in own and p.stat().st_size <= FILE_MAX}
    size = sum(p.stat().st_size for p in own)
    while left and len(own) + len(chosen) < FILES_MAX:
        # Cheap files first where they reach as much; what adds nothing any more is out for good.
        left = {p: w - have for p, w in left.items() if w - have}
        left = {p: w for p, w in left.items() if size + p.stat().st_size <= BYTES_MAX}
        if not left:
            break
        best = max(left, key=lambda p: ((10 if is_named(p) else 1) * worth(left[p])
                                       / (4000 + p.stat().st_size), p.name))
        have |= left.pop(best)
        size += best.stat().st_size
        chosen.append(best)
    return chosen


def main():
    executable, corpus, *found = sys.argv[1:]
    corpus = pathlib.Path(corpus).resolve()
    directories = [corpus] + [pathlib.Path(d).resolve() for d in found if pathlib.Path(d).is_dir()]
    own = {p for p in corpus.iterdir() if p.name.startswith("crash-")}
    chosen = choose(features(str(pathlib.Path(executable).resolve()), directories), own)
    keep = own | {corpus / p.name for p in chosen}
    for path in chosen:
        if path.parent != corpus:
            shutil.copyfile(path, corpus / path.name)
    for path in corpus.iterdir():
        if path not in keep:
            path.unlink()
    total = sum(p.stat().st_size for p in keep)
    print(f"{corpus.name}: {len(keep)} files, {total} bytes")


main()
