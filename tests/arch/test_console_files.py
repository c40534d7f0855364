"""The web console's files become part of the edge, or a build without them says so."""
import gzip
import os
import subprocess
import sys

from stack import TOP

EMBED = TOP / "src/edge/assets/embed_console.py"


def embed(tmp_path, source):
    table, blob = tmp_path / "t.c", tmp_path / "b"
    done = subprocess.run([sys.executable, str(EMBED), str(source), str(table), str(blob)], capture_output=True, text=True)
    return done, table, blob


def test_a_build_without_the_console_has_an_empty_table(tmp_path):
    done, table, blob = embed(tmp_path, tmp_path / "absent")
    assert done.returncode == 0 and "{NULL, NULL, 0, 0, false}" in table.read_text() and blob.read_bytes() == b""
    assert '"index.html"' not in table.read_text()


def test_files_are_packed_and_written_again_only_when_they_changed(tmp_path):
    source = tmp_path / "console"
    source.mkdir()
    (source / "index.html").write_text("<!doctype html>")
    (source / "main-1.js").write_text("x = 1;" * 100)
    done, table, blob = embed(tmp_path, source)
    assert done.returncode == 0, done.stderr
    packed = blob.read_bytes()
    assert packed.startswith(b"<!doctype html>") and gzip.decompress(packed[15:]) == b"x = 1;" * 100
    before = table.stat().st_mtime_ns, blob.stat().st_mtime_ns
    embed(tmp_path, source)
    assert (table.stat().st_mtime_ns, blob.stat().st_mtime_ns) == before


def test_a_file_that_no_answer_has_room_for_ends_the_build(tmp_path):

    source = tmp_path / "console"
    source.mkdir()
    (source / "big.js").write_bytes(os.urandom(300 * 1024))
    done, _, _ = embed(tmp_path, source)
    assert done.returncode != 0 and "split it" in done.stderr
