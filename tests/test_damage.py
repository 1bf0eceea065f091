"""A bit that flips or a file that is cut is found, by `verify` and by whatever opens the index, and crashes nothing."""

import random
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import suppress

import pytest

from rag import Retriever, build, status, verify
from rag.errors import IndexDamaged, RagError
from rag.index import Index

short_and_whole = pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.torture)])


@pytest.fixture
def copy(index, tmp_path):
    return shutil.copytree(index, tmp_path / "index")


def files_of(index):
    folder = index / "generations" / (index / "CURRENT").read_text().strip()
    return sorted(path for path in folder.rglob("*") if path.is_file())


def spoiled(content, draw):
    """`content` with one bit flipped, or cut, or with a byte too many; what was done to it, too."""
    kind = draw.choices(["flip", "cut", "longer"], [8, 1, 1])[0] if content else "longer"
    if kind == "flip":
        data = bytearray(content)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        return bytes(data), kind
    return (content[: draw.randrange(len(content))] if kind == "cut" else content + b"\0"), kind


@short_and_whole
def test_every_flip_and_cut_is_found(copy, whole, figures):
    files = files_of(copy)
    originals = {path: path.read_bytes() for path in files}
    draw = random.Random(3)
    done, missed, opened = Counter(), [], []
    for number in range(3000 if whole else 70):
        # Every file in turn, however small.
        path = files[number % len(files)]
        content, kind = spoiled(originals[path], draw)
        path.write_bytes(content)
        done[kind] += 1
        try:
            if verify(copy).ok:
                missed.append((path.name, number))
        except IndexDamaged:
            pass
        try:
            Index.open(copy).close()
            opened.append((path.name, number))
        except IndexDamaged:
            pass
        path.write_bytes(originals[path])
    kinds = {"bits_flipped": done["flip"], "cut": done["cut"], "too_long": done["longer"]}
    figures("damaged files", files=len(files), **kinds, missed_by_verify=len(missed), opened_nonetheless=len(opened))
    assert (missed, opened) == ([], [])
    assert verify(copy).ok
    assert done["flip"] >= (2000 if whole else 40)


@short_and_whole
def test_the_command_line_says_it_in_a_line(copy, whole, figures):
    files = [path for path in files_of(copy) if path.stat().st_size]
    draw = random.Random(4)
    ends = Counter()
    for number in range(2 * len(files) if whole else 2):
        path = files[number % len(files)] if whole else path_named(files, ("vectors.faiss", ".term")[number])
        original = path.read_bytes()
        path.write_bytes(spoiled(original, draw)[0])
        command = [sys.executable, "-m", "rag", ("search", "ask")[number % 2], "herring", "--index", str(copy)]
        found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        ends[found.returncode] += 1
        assert found.returncode == 2, found.stderr
        assert found.stderr.startswith("rag: ")
        assert found.stderr.count("\n") == 1
        path.write_bytes(original)
    figures(
        "damaged files, command line", runs=sum(ends.values()), **{f"exit_code_{end}": n for end, n in ends.items()}
    )


def path_named(files, end):
    return next(path for path in files if path.name.endswith(end))


def test_current_flipped_is_an_error_or_another_whole_generation(copy, articles, tmp_path):
    changed = shutil.copytree(articles, tmp_path / "changed")
    (changed / "new.txt").write_text("A new lighthouse was built in Ostwick. It is green.")
    build(changed, copy)
    original = (copy / "CURRENT").read_bytes()
    for number in range(8 * len(original)):
        data = bytearray(original)
        data[number // 8] ^= 1 << number % 8
        (copy / "CURRENT").write_bytes(data)
        with suppress(RagError):
            assert Index.open(copy).manifest.generation in status(copy).generations


def test_a_damaged_generation_carries_nothing_over(copy, articles, tmp_path):
    path = path_named(files_of(copy), "vectors.faiss")
    data = bytearray(path.read_bytes())
    data[-5] ^= 16
    path.write_bytes(data)
    changed = shutil.copytree(articles, tmp_path / "changed")
    (changed / "new.txt").write_text("A new lighthouse was built in Ostwick. It is green.")
    report = build(changed, copy)
    assert report.embedded == report.passages
    assert "could not be used" in report.notes[0]
    assert verify(copy).ok


def test_a_file_that_cannot_be_read_is_a_problem_and_no_traceback(copy):
    path = path_named(files_of(copy), "vectors.faiss")
    path.unlink()
    path.mkdir()
    assert "is missing" in verify(copy).problems[0]
    with pytest.raises(IndexDamaged):
        Retriever.open(copy)
