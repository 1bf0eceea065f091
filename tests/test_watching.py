"""A folder that changes is built again."""

import shutil
import signal
import subprocess
import sys
import threading

import pytest

from rag import status
from rag.building import BuildReport
from rag.errors import RagError
from rag.generations import build_lock
from rag.watching import watch

# Changes are looked for in threads of their own, and a test must not wait for ever for one that is not seen.
WAIT = 60


@pytest.fixture
def folder(articles, tmp_path):
    return shutil.copytree(articles, tmp_path / "articles")


def following(reports):
    """The next report; fails when there is none for long."""
    found = []
    thread = threading.Thread(target=lambda: found.append(next(reports)), daemon=True)
    thread.start()
    thread.join(WAIT)
    assert found, "no build followed the change"
    return found[0]


def test_added_changed_and_deleted_files_are_seen_and_only_new_passages_embedded(folder, tmp_path):
    reports = watch([folder], tmp_path / "index")
    assert following(reports).articles == 3
    (folder / "ferry.md").write_text("The ferry to Lund leaves at noon on every day but Sunday.")
    added = following(reports)
    assert (added.articles, added.embedded) == (4, 1)
    (folder / "ferry.md").write_text("The ferry to Lund leaves at one on every day but Sunday.")
    changed = following(reports)
    assert (changed.articles, changed.embedded) == (4, 1)
    (folder / "ferry.md").unlink()
    deleted = following(reports)
    assert (deleted.articles, deleted.embedded) == (3, 0)


def test_what_changes_during_the_first_build_is_seen_after_it(folder, tmp_path):
    def add(progress):
        (folder / "ferry.md").write_text("The ferry to Lund leaves at noon on every day but Sunday.")

    reports = watch([folder], tmp_path / "index", progress=add)
    first = following(reports)
    assert first.articles + (following(reports).articles - first.articles) == 4


def test_the_index_may_be_inside_and_hidden_files_count_for_nothing(folder):
    reports = watch([folder], folder / "index")
    following(reports)
    (folder / ".hidden.md").write_text("A secret.")
    (folder / "index" / "README.md").write_text("What is in here.")
    (folder / "ferry.md").write_text("The ferry to Lund leaves at noon on every day but Sunday.")
    assert following(reports).generation == "000002"


def test_a_build_that_fails_is_told_and_the_next_change_tried(folder, tmp_path):
    reports = watch([folder], tmp_path / "index")
    following(reports)
    texts = {path: path.read_bytes() for path in folder.iterdir()}
    for path in texts:
        path.unlink()
    assert "No article" in str(following(reports))
    for path, text in texts.items():
        path.write_bytes(text)
    assert isinstance(following(reports), BuildReport)


def test_another_builder_is_waited_for(folder, tmp_path):
    reports = watch([folder], tmp_path / "index")
    following(reports)
    with build_lock(tmp_path / "index"):
        (folder / "ferry.md").write_text("The ferry to Lund leaves at noon on every day but Sunday.")
        found = []
        thread = threading.Thread(target=lambda: found.append(next(reports)), daemon=True)
        thread.start()
        thread.join(3)
        assert found == []
    thread.join(WAIT)
    assert found[0].articles == 4


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(RagError, match="can't be watched"):
        next(watch([tmp_path / "nowhere"], tmp_path / "index"))


def test_without_watchfiles_the_command_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(RagError, match=r"pip install -e '.\[watch\]'"):
        next(watch([folder], tmp_path / "index"))


def test_on_the_command_line_there_is_a_line_for_each_build_and_ctrl_c_ends_it(folder, tmp_path):
    index = tmp_path / "index"
    process = subprocess.Popen(
        [sys.executable, "-m", "rag", "build", str(folder), "--index", str(index), "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    timer = threading.Timer(WAIT, process.kill)
    timer.start()
    while "Watching" not in (line := process.stdout.readline()):
        assert line
    (folder / "ferry.md").write_text("The ferry to Lund leaves at noon on every day but Sunday.")
    assert "generation 000002, 4 articles, 1 passages embedded, 0 files skipped" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=WAIT)
    timer.cancel()
    assert (process.returncode, out) == (130, "")
    assert said.strip().splitlines() == ["rag: Stopped; the index is as it was before."]
    assert status(index).articles == 4
