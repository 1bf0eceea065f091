"""Builds carry over, publish in one step, and leave nothing behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from rag import Filters, Retriever, build, rollback, status, verify
from rag.errors import BuildInProgress, IndexNotFound, RagError
from rag.generations import build_lock
from rag.index import Index
from rag.spool import Spool


@pytest.fixture
def folder(articles, tmp_path):
    """A copy of the articles, to be changed."""
    return shutil.copytree(articles, tmp_path / "articles")


def test_the_report_counts(folder, tmp_path):
    (folder / "broken.txt").write_bytes(b"\x00\x01")
    seen = []
    report = build([folder], tmp_path / "index", progress=seen.append)
    assert (report.articles, report.embedded, report.carried_over) == (3, report.passages, 0)
    assert [s.path.endswith("broken.txt") for s in report.skipped] == [True]
    assert {p.stage for p in seen} == {"reading", "embedding", "writing"}
    assert [p for p in seen if p.stage == "embedding"][-1].done == report.passages


def test_nothing_changed(folder, tmp_path):
    first = build(folder, tmp_path / "index")
    second = build(folder, tmp_path / "index")
    assert (second.changed, second.generation, second.embedded) == (False, first.generation, 0)
    assert status(tmp_path / "index").leftovers == ()


def test_one_edit_embeds_one_article(folder, tmp_path):
    build(folder, tmp_path / "index")
    before = Index.open(tmp_path / "index")
    with (folder / "weather.txt").open("a") as file:
        file.write("\nThe wall was raised in the end.\n")
    report = build(folder, tmp_path / "index")
    assert report.changed
    assert 1 <= report.embedded <= 2
    assert report.embedded + report.carried_over == report.passages
    after = Index.open(tmp_path / "index")
    rows = np.arange(report.carried_over)
    assert np.array_equal(before.vectors.vectors(rows), after.vectors.vectors(rows))


def test_full_embeds_everything(folder, tmp_path):
    build(folder, tmp_path / "index")
    report = build(folder, tmp_path / "index", full=True)
    assert (report.changed, report.carried_over) == (True, 0)


def test_three_generations_are_kept(folder, tmp_path):
    for number in range(5):
        (folder / "weather.txt").write_text(f"Storm number {number} came. It was strong.")
        build(folder, tmp_path / "index")
    assert status(tmp_path / "index").generations == ("000003", "000004", "000005")


def test_nothing_to_read_leaves_the_index(folder, tmp_path):
    build(folder, tmp_path / "index")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RagError, match="No article with any text was found"):
        build(tmp_path / "empty", tmp_path / "index")
    assert status(tmp_path / "index").articles == 3
    assert verify(tmp_path / "index").ok


def test_one_build_at_a_time(folder, tmp_path):
    with build_lock(tmp_path / "index"), pytest.raises(BuildInProgress, match=f"process {os.getpid()}"):
        build(folder, tmp_path / "index")
    build(folder, tmp_path / "index")


def test_a_second_builder_says_who_builds_and_may_wait(folder, tmp_path):
    index = tmp_path / "index"
    command = [sys.executable, "-m", "rag", "build", str(folder), "--index", str(index)]
    with build_lock(index):
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode == 2
        assert re.fullmatch(rf"rag: .*built by process {os.getpid()} since 20.*build with --wait\.\n", refused.stderr)
        waiting = subprocess.Popen([*command, "--wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert f"Waiting for process {os.getpid()} since" in waiting.stderr.readline()
        assert not (index / "CURRENT").exists()
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert status(index).articles == 3


def test_the_lock_of_a_process_that_was_killed_counts_for_nothing(folder, tmp_path):
    index = tmp_path / "index"
    build(folder, index)
    program = (
        "import sys, time, pathlib, rag.generations as g\n"
        "with g.build_lock(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(index)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    assert status(index).building.startswith(f"process {holder.pid} since 20")
    assert status(index).stopped == ""
    holder.kill()
    holder.wait()
    found = status(index)
    assert found.building == ""
    assert found.stopped.startswith(f"The build by process {holder.pid}, begun 20")
    assert found.stopped.endswith("was stopped before it was done.")
    (folder / "weather.txt").write_text("It rained. It was wet.")
    build(folder, index)
    assert status(index).stopped == ""


def test_how_a_build_failed_is_told_until_the_next(folder, tmp_path):
    index = tmp_path / "index"
    build(folder, index)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RagError):
        build(tmp_path / "empty", index)
    assert "failed: No article with any text was found" in status(index).stopped
    build(folder, index)
    assert status(index).stopped == ""


def test_a_generation_that_was_not_published_does_not_count(folder, tmp_path):
    index = tmp_path / "index"
    build(folder, index)
    first = index / "generations" / "000001"
    with pytest.raises(FileExistsError), build_lock(index) as made:
        shutil.copytree(first, made).mkdir()
    found = status(index)
    assert (found.generations, found.leftovers) == (("000001",), ("000002",))
    with pytest.raises(RagError, match="none to go back to"):
        rollback(index)
    assert status(index).leftovers == ()


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_build_loses_nothing(folder, tmp_path, stop):
    index = tmp_path / "index"
    build(folder, index)
    for number in range(300):
        (folder / f"many{number}.txt").write_text(f"Article {number} tells of ship number {number}. " * 40)
    process = subprocess.Popen(
        [sys.executable, "-m", "rag", "build", str(folder), "--index", str(index)], stderr=subprocess.PIPE, text=True
    )
    store = index / "generations" / "000002" / "passages.sqlite"
    deadline = time.monotonic() + 60
    while not (store.exists() and store.stat().st_size > 100_000) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(stop)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (-9 if stop == signal.SIGKILL else 130)
    if stop == signal.SIGINT:
        assert said.strip().splitlines() == ["rag: Stopped; the index is as it was before."]
    assert verify(index).ok
    found = status(index)
    assert (found.generation, found.building) == ("000001", "")
    for path in folder.glob("many*"):
        path.unlink()
    (folder / "weather.txt").write_text("It rained. It was wet.")
    report = build(folder, index)
    assert report.generation == "000002"
    assert status(index).leftovers == ()


def test_a_reader_goes_on_and_notices(folder, tmp_path):
    build(folder, tmp_path / "index")
    retriever = Retriever.open(tmp_path / "index")
    assert retriever.search("new lighthouse colour")[0].article.id == "weather.txt"
    (folder / "light.txt").write_text("The new lighthouse has a green colour. It stands on a rock.")
    build(folder, tmp_path / "index")
    assert retriever.search("new lighthouse colour")[0].article.id == "light.txt"


def test_a_removed_article_is_gone(folder, tmp_path):
    build(folder, tmp_path / "index")
    (folder / "market.md").unlink()
    report = build(folder, tmp_path / "index")
    assert (report.articles, report.embedded) == (2, 0)
    hits = Retriever.open(tmp_path / "index").search("price of herring", k=10)
    assert "market.md" not in {hit.article.id for hit in hits}


@pytest.mark.parametrize("block", [1024, 2])
def test_a_text_is_embedded_once_however_often_it_stands_there(articles, folder, tmp_path, monkeypatch, block):
    monkeypatch.setattr("rag.generation_writer.BLOCK", block)
    single = build(folder, tmp_path / "single").passages
    for copy in ("copy", "again"):
        shutil.copytree(articles, folder / copy)
    report = build(folder, tmp_path / "index")
    assert (report.passages, report.embedded, report.carried_over) == (3 * single, single, 2 * single)
    assert {(d.article, d.same_as) for d in report.duplicates} == {
        (f"{copy}/{name}", name) for copy in ("copy", "again") for name in ("harbour.md", "market.md", "weather.txt")
    }
    index = Index.open(tmp_path / "index")
    assert index.vectors.count == 3 * single
    keys = index.store.keys(range(report.passages))
    vectors = index.vectors.vectors(np.arange(report.passages))
    first = [keys.index(key) for key in keys]
    assert np.array_equal(vectors, vectors[first])
    hit = Retriever.open(tmp_path / "index").search("who sells herring", k=1)[0]
    assert {hit.article.id, *(place.article.id for place in hit.places)} == {
        "market.md",
        "copy/market.md",
        "again/market.md",
    }


def test_duplicates_are_named_again_when_nothing_has_changed(folder, tmp_path):
    shutil.copy(folder / "weather.txt", folder / "same.txt")
    build(folder, tmp_path / "index")
    report = build(folder, tmp_path / "index")
    assert not report.changed
    assert [(d.article, d.same_as) for d in report.duplicates] == [("weather.txt", "same.txt")]


def test_an_assumed_encoding_and_a_file_left_out_are_in_the_report(folder, tmp_path):
    (folder / "old.txt").write_bytes("Der Fährmann wohnt über dem Hafen.".encode("cp1252"))
    report = build(folder, tmp_path / "index")
    assert any("old.txt: it was read as cp1252" in note for note in report.notes)


def test_what_a_killed_build_has_embedded_is_not_embedded_again(tmp_path):
    folder = tmp_path / "articles"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.txt").write_text(f"Ship number {number} came in. It carried {number + 7} barrels.")
    index = tmp_path / "index"
    program = (
        "import os, signal, sys, rag.building as b, rag.generation_writer as w\n"
        "w.BLOCK = 8\n"
        "def stop(progress):\n"
        "    if progress.stage == 'embedding' and progress.done >= 30:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "b.build(sys.argv[1], sys.argv[2], progress=stop)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(folder), str(index)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(IndexNotFound, match="was stopped before it was done"):
        status(index)
    report = build(folder, index)
    # The block in which it was killed is lost, no other.
    assert (report.passages, report.embedded, report.carried_over) == (60, 36, 24)
    assert not (index / "vectors.spool").exists()
    assert sorted(p.name for p in index.iterdir()) == ["CURRENT", "build.lock", "generations"]
    fresh = build(folder, tmp_path / "fresh").generation
    paths = [where / "generations" / fresh / "vectors.faiss" for where in (index, tmp_path / "fresh")]
    resumed, whole = (Index.open(path.parents[2]).vectors.vectors(np.arange(60)) for path in paths)
    assert np.sum(resumed * whole, axis=1).min() > 0.999


def test_a_full_build_uses_no_spool(folder, tmp_path):
    spool = Spool(tmp_path, 384)
    (tmp_path / "index").mkdir()
    spool.close()
    (tmp_path / "vectors.spool").rename(tmp_path / "index" / "vectors.spool")
    report = build(folder, tmp_path / "index", full=True)
    assert report.embedded == report.passages


def contents(index):
    """What an index has, by article, whatever the rows are."""
    opened = Index.open(index)
    rows = np.arange(opened.vectors.count)
    texts = opened.store.texts(rows)
    vectors = opened.vectors.vectors(rows)
    # Each passage finds itself, by its words and by its vector; a word of all titles finds no more than there are.
    for row, (_, _, text) in enumerate(texts):
        assert row in dict(opened.lexical.search(text, 50))
    assert (opened.vectors.search(vectors, 1)[0][:, 0] > 0.999).all()
    assert sorted(row for row, _ in opened.lexical.search("ship", 999)) == rows.tolist()
    passages = [(p.article_id, p.start, p.end, p.text) for p in opened.store.passages(rows)]
    order = sorted(rows, key=lambda row: passages[row])
    tagged = [passages[row][:2] for row in opened.store.allowed(Filters(tags=("odd",))).rows]
    found = (
        sorted(repr(article) for article in opened.store.articles()),
        [passages[row] for row in order],
        sorted(tagged),
        opened.manifest.content,
    )
    return found, vectors[order]


def test_what_goes_on_from_the_last_build_is_what_a_full_build_makes(tmp_path, monkeypatch):
    monkeypatch.setattr("rag.building.GOES_ON_FROM", 1)
    folder, index = tmp_path / "articles", tmp_path / "index"
    folder.mkdir()

    def write(number, text, title="Ship"):
        tags = "odd" if number % 2 else "even"
        (folder / f"{number:02}.md").write_text(f"---\ntitle: {title} {number}\ntags: [{tags}]\n---\n\n{text}\n")

    for number in range(40):
        write(number, f"The ship number {number} came in.\n\n## Cargo\n\nIt carried {number * 7} barrels.")
    build(folder, index)

    def check(embedded):
        report = build(folder, index)
        assert (report.changed, report.embedded) == (True, embedded)
        assert report.embedded + report.carried_over == report.passages
        fresh = tmp_path / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        build(folder, fresh)
        (found, vectors), (expected, right) = contents(index), contents(fresh)
        assert found == expected
        assert np.allclose(vectors, right, atol=2e-3)
        assert verify(index).ok

    write(5, "This one is changed. " * 3)
    check(1)
    write(99, "A new one, number 99.")
    check(1)
    (folder / "07.md").unlink()
    (folder / "00.md").unlink()
    check(0)
    for number in range(20, 30):
        write(number, f"Changed, the ship {number}.\n\n## Other\n\n" + "Something else was said there. " * 5)
    check(20)
    assert not build(folder, index).changed
    # What it goes on from stays as it is.
    while len(status(index).generations) > 1 and status(index).generation != status(index).generations[0]:
        rollback(index)
        assert verify(index).ok
