"""Whoever searches while the index is rebuilt sees one whole generation after another and keeps none open."""

import gc
import os
import re
import threading
from pathlib import Path

import pytest
from faults import Forge

from rag import Retriever
from rag.index import Index

SHIPS = 8
short_and_whole = pytest.mark.parametrize(
    "rebuilds", [10, pytest.param(50, marks=pytest.mark.torture)], ids=["short", "whole"]
)


def write_version(folder, version):
    folder.mkdir(exist_ok=True)
    for ship in range(SHIPS):
        text = f"Ship number {ship} carried herring to the harbour on voyage {version}."
        (folder / f"ship{ship}.txt").write_text(f"Ship {ship}\n\n{text}")


def voyages(texts):
    return {number for text in texts for number in re.findall(r"voyage (\d+)", text)}


def held():
    """Open files, mapped files and memory in megabytes of this process."""
    gc.collect()
    files = len(list(Path("/proc/self/fd").iterdir()))
    mapped = sum("generations" in line for line in Path("/proc/self/maps").read_text().splitlines())
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return files, mapped, resident


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc, which is Linux's")
@short_and_whole
def test_a_reader_sees_only_whole_generations(tmp_path, rebuilds, figures, retriever):
    # What the model takes is taken before anything is counted.
    retriever.search("who sells herring")
    articles, index = tmp_path / "articles", tmp_path / "index"
    ended = threading.Event()
    errors, searches, seen = [], [0, 0], {}

    def search():
        searching = Retriever.open(index)
        while not ended.is_set():
            found = voyages(hit.text for hit in searching.search("which ship carried herring", k=SHIPS))
            assert len(found) == 1, found
            searches[0] += 1

    def open_anew():
        while not ended.is_set():
            opened = Index.open(index)
            found = voyages(article.text for article in opened.store.articles())
            assert len(found) == 1, found
            assert seen.setdefault(opened.manifest.generation, found) == found
            rows = [row for row, _ in opened.lexical.search("voyage", 2 * SHIPS)]
            assert sorted(rows) == list(range(SHIPS))
            assert voyages(passage.text for passage in opened.store.passages(rows)) == found
            opened.close()
            searches[1] += 1

    def run(what):
        try:
            what()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    with (tmp_path / "log").open("w") as log:
        forge = Forge(None, log)
        try:
            write_version(articles, 0)
            assert forge.ask("build", index, articles=str(articles), keep=1)["end"] == "done"
            readers = [threading.Thread(target=run, args=(what,)) for what in (search, open_anew)]
            for reader in readers:
                reader.start()
            early = None
            for version in range(1, rebuilds + 1):
                write_version(articles, version)
                # Only one is kept, so a reader's generation is gone as soon as another is published.
                assert forge.ask("build", index, articles=str(articles), keep=1)["end"] == "done"
                early = held() if version == rebuilds // 2 else early
            late = held()
        finally:
            ended.set()
            for reader in readers:
                reader.join()
            forge.close()
    assert not errors, errors
    assert min(searches) >= rebuilds // 2
    figures(
        "searched through rebuilds",
        rebuilds=rebuilds,
        searches=searches[0],
        openings=searches[1],
        generations=len(seen),
        errors=len(errors),
        files_half_way=early[0],
        files_at_the_end=late[0],
        megabytes_half_way=round(early[2]),
        megabytes_at_the_end=round(late[2]),
    )
    # A reader may be opening one while the files are counted.
    assert late[0] <= early[0] + 12
    assert late[1] <= early[1] + 24
    assert late[2] <= early[2] + 40
