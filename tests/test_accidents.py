"""Whatever ends a build, at whatever point, the index answers as before, and the next build mends it.

The campaigns run whole with `-m torture` (`make torture`), and in the ordinary suite at a few points each.
"""

import errno
import os
import random
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from faults import COUNT, CUT, FAIL, FULL, KILL, Forge, compiled

MEMORY = Path("/dev/shm")
"""A file system in memory, where there is one: nothing here needs a disk, and its syncs would cost most of the time."""
short_and_whole = pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.torture)])


@pytest.fixture(scope="module")
def forge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forge")
    library = compiled(folder)
    if library is None:
        pytest.skip("fault points are set at the system's calls, which needs Linux and a C compiler (cc)")
    with (folder / "log").open("w") as log:
        forge = Forge(library, log)
        yield forge
        forge.close()


def write_articles(folder, numbers, version):
    folder.mkdir()
    for number in numbers:
        text = f"Ship number {number} came into the harbour. It carried {number * version} barrels of herring."
        (folder / f"ship{number}.txt").write_text(f"Ship {number}\n\n{text}\n\nThe storm came later, at {version}.")


class Scene:
    """An index before a build: its folder, the articles to build, what it answers before and after."""

    def __init__(self, forge, folder, before, articles, **how):
        self.forge, self.folder, self.before, self.articles = forge, folder, before, str(articles)
        self.how = how
        self.old = forge.ask("look", before)["snapshot"] if before.exists() else None
        index = self.fresh()
        self.points = self.build(index, mode=COUNT, log=str(folder / "points"))["points"]
        self.new = forge.ask("look", index)["snapshot"]

    def build(self, index, **details):
        return self.forge.ask("build", index, articles=self.articles, **self.how, **details)

    def fresh(self):
        """A copy of the index, to be spoiled."""
        index = self.folder / "index"
        shutil.rmtree(index, ignore_errors=True)
        if self.before.exists():
            shutil.copytree(self.before, index)
        return index

    def check(self, index, ended):
        """Old or new, whole; said; mended by the next build."""
        assert ended["end"] in ("done", "error", "killed"), ended
        found = self.forge.ask("recover", index, articles=self.articles, **self.how)
        assert found["end"] == "done", found
        if ended["end"] == "done":
            assert found["snapshot"]["texts"] == self.new["texts"]
        elif found["snapshot"] is None:
            assert self.old is None
            assert "There is no index" in found["status"]["error"]
        elif found["snapshot"]["generation"] == self.new["generation"]:
            assert found["snapshot"]["texts"] == self.new["texts"]
        else:
            assert found["snapshot"] == self.old
            # The build before this one was killed too, so that there is something to say from the beginning.
            assert (
                "was stopped before it was done" in found["status"]["stopped"] or "failed" in found["status"]["stopped"]
            )
        assert (found["after"]["generation"], found["after"]["texts"]) == (self.new["generation"], self.new["texts"])
        assert (found["verified"], found["left"]) == ([], [])
        return found


@pytest.fixture(scope="module")
def scenes(forge, tmp_path_factory):
    """The first build of all; one that follows two others and one that was killed, with one to remove; one that goes on
    from what the one before has written, and was killed before, too.
    """
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else tmp_path_factory.mktemp("scenes")))
    for name, numbers, version in (("one", (1, 2), 1), ("two", (1, 2, 3), 1), ("three", (1, 2, 3, 4, 5, 6), 2)):
        write_articles(folder / name, numbers, version)
    before = folder / "before"
    for name in ("one", "two"):
        assert forge.ask("build", before, articles=str(folder / name))["end"] == "done"
    count = forge.ask("build", shutil.copytree(before, folder / "a"), articles=str(folder / "three"), mode=COUNT)
    killed = forge.ask("build", before, articles=str(folder / "three"), mode=KILL, at=count["points"] * 3 // 4)
    assert killed["end"] == "killed"
    made = {}
    for name, start in (("later", before), ("first", folder / "nothing")):
        (folder / name).mkdir()
        made[name] = Scene(forge, folder / name, start, folder / "three")
    going_on = {"goes_on_from": 1}
    in_cells = {"exact_up_to": 20}
    edited, going, cells = folder / "edited", folder / "going", folder / "cells"
    write_articles(edited, range(30), 1)
    (folder / "first, in cells").mkdir()
    made["first, in cells"] = Scene(
        forge,
        folder / "first, in cells",
        folder / "nothing",
        shutil.copytree(edited, folder / "as they were"),
        **in_cells,
    )
    assert forge.ask("build", going, articles=str(edited))["end"] == "done"
    assert forge.ask("build", cells, articles=str(edited), **in_cells)["end"] == "done"
    (edited / "ship0.txt").rename(edited / "ship30.txt")
    (edited / "ship7.txt").write_text("Ship 7\n\nIt was sold, and carries barrels no more.")
    assert forge.ask("build", going, articles=str(edited), mode=KILL, at=50, **going_on)["end"] == "killed"
    stopped = forge.ask("build", cells, articles=str(edited), mode=KILL, at=50, **going_on, **in_cells)
    assert stopped["end"] == "killed"
    (folder / "going on").mkdir()
    made["going on"] = Scene(forge, folder / "going on", going, edited, **going_on)
    (folder / "going on, in cells").mkdir()
    made["going on, in cells"] = Scene(forge, folder / "going on, in cells", cells, edited, **going_on, **in_cells)
    linked = [p for p in (folder / "going on" / "index" / "generations").rglob("*") if p.stat().st_nlink > 1]
    assert any(path.is_file() for path in linked)
    yield made
    shutil.rmtree(folder)


def spread(points, whole, few):
    """All points, or a few from the first to the last."""
    return range(1, points + 1) if whole else sorted({1 + i * (points - 1) // (few - 1) for i in range(few)})


MODES = {"kill": (KILL, 0), "power cut": (CUT, 0), "I/O error": (FAIL, errno.EIO), "disk full": (FULL, errno.ENOSPC)}


@short_and_whole
@pytest.mark.parametrize("name", ["later", "first", "going on", "first, in cells", "going on, in cells"])
@pytest.mark.parametrize("mode", list(MODES))
def test_every_point_of_a_build(scenes, whole, name, mode, figures):
    scene = scenes[name]
    what, number = MODES[mode]
    ends = Counter()
    failed = []
    for at in spread(scene.points, whole, 4):
        index = scene.fresh()
        ended = scene.build(index, mode=what, at=at, errno=number)
        ends[ended["end"]] += 1
        try:
            scene.check(index, ended)
        except AssertionError as error:
            failed.append((at, ended, str(error)))
    figures(f"{mode}, {name} build", points=sum(ends.values()), **ends, failures=len(failed))
    assert not failed, failed
    assert scene.points > 100
    assert ends["done"] < sum(ends.values())


@short_and_whole
def test_killed_at_any_time(scenes, whole, figures):
    scene = scenes["later"]
    took = scene.build(scene.fresh())["seconds"]
    draw = random.Random(1)
    ends, times = Counter(), 320 if whole else 3
    for _ in range(times):
        index = scene.fresh()
        ended = scene.build(index, after=draw.uniform(0, 1.1 * took))
        ends[ended["end"]] += 1
        scene.check(index, ended)
    figures("killed at random times", points=times, **ends, failures=0)


@short_and_whole
def test_a_disk_that_is_full(forge, scenes, tmp_path, whole, figures):
    scene = scenes["later"]
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a small tmpfs is not allowed here; a disk that is full is also tried at every point")
    ends = Counter()
    try:
        for kilobytes in range(0, 160, 4) if whole else (0, 24, 60):
            index = shutil.copytree(scene.before, small / "index")
            room = os.statvfs(small)
            with (small / "filler").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(4096, room.f_bavail * room.f_bsize - kilobytes * 1024))
            ended = forge.ask("build", index, articles=scene.articles)
            ends[ended["end"]] += 1
            assert forge.ask("look", index)["snapshot"] in (scene.old, scene.new)
            (small / "filler").unlink()
            scene.check(index, ended)
            shutil.rmtree(index)
    finally:
        subprocess.run(["umount", small], check=True)
    figures("small full disk", points=sum(ends.values()), **ends, failures=0)
    assert ends["error"]
