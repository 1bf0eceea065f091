"""What a file does to its parser costs that file only."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rag.articles import Article, Skipped, read_articles
from rag.errors import RagError, UnreadableArticle
from rag.readers import File
from rag.readers.worker import Worker
from rag.settings import Settings

PAGE = """<html><head><title>Old oak felled</title></head><body><article><h1>Old oak felled</h1>
<p>The oak on the market square was felled on Monday, after a storm had split its trunk in the night before.</p>
<p>It was planted in 1790, when the town hall was built, and outlived four of them.</p>%s</article></body></html>"""
SLOW = PAGE % ("<p>a" * 1_000_000)


@pytest.fixture
def worker():
    with Worker(60, 1024) as worker:
        yield worker


def refused(worker, page, suffix=".html"):
    with pytest.raises(UnreadableArticle) as caught:
        worker.read(suffix, File(page.encode()))
    return str(caught.value)


def test_it_gives_what_the_reader_gives(worker):
    (document,) = worker.read(".html", File((PAGE % "").encode("cp1252"))).found
    assert document.title == "Old oak felled"
    assert [block.text[:8] for block in document.blocks] == ["Old oak ", "The oak ", "It was p"]


def test_an_assumed_encoding_comes_back(worker):
    text = f"{'Die Fähre hält über dem Hafen. ' * 20_000}"
    assert worker.read(".txt", File(text.encode("cp1252"))).encoding == "cp1252"


def test_one_process_reads_file_after_file(worker):
    pids = set()
    for _ in range(3):
        worker.read(".html", File((PAGE % "").encode()))
        pids.add(worker._process.pid)
    assert len(pids) == 1


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read():
    with Worker(2, 1024) as worker:
        assert "took longer than parser_seconds = 2" in refused(worker, SLOW)
        assert worker.read(".html", File((PAGE % "").encode())).found


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not limit memory")
def test_a_file_that_takes_too_much_memory_is_given_up_and_the_next_one_read():
    with Worker(60, 250) as worker:
        assert "parser_memory_mb = 250" in refused(worker, "many words " * 10_000_000, ".txt")
        assert worker.read(".html", File((PAGE % "").encode())).found


@pytest.mark.parametrize("ending", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_costs_that_file_only(worker, ending):
    worker.read(".html", File((PAGE % "").encode()))
    killer = threading.Timer(0.3, os.kill, (worker._process.pid, ending))
    killer.start()
    assert ("crashed (SIGSEGV)" if ending == signal.SIGSEGV else "ended by the system") in refused(worker, SLOW)
    assert worker.read(".html", File((PAGE % "").encode())).found


def test_a_process_that_died_between_files_is_started_again(worker):
    worker.read(".html", File((PAGE % "").encode()))
    os.kill(worker._process.pid, signal.SIGKILL)
    worker._process.wait()
    assert worker.read(".html", File((PAGE % "").encode())).found


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python"])
def test_one_that_cannot_be_started_is_an_error_of_its_own(worker, monkeypatch, python):
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(RagError, match="could not be started"):
        worker.read(".html", File(b"x"))


def test_it_ends_with_the_build_that_started_it(tmp_path):
    code = (
        "import os; from rag.readers.worker import Worker; from rag.readers import File; w = Worker(60, 1024)\n"
        f"w.read('.html', File({(PAGE % '').encode()!r})); print(w._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    pid = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout)
    deadline = time.monotonic() + 20
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(pid)


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_no_process_is_started_for_text_and_markdown(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(Worker, "_running", lambda self: started.append(1))
    (tmp_path / "a.txt").write_text("Some text here.")
    (tmp_path / "b.md").write_text("Some text here.")
    assert len(list(read_articles([tmp_path]))) == 2
    assert started == []


def test_a_folder_with_bombs_is_read_on(tmp_path):
    (tmp_path / "a.html").write_text(SLOW)
    (tmp_path / "b.html").write_text(PAGE % "")
    (tmp_path / "c.md").write_text("[" * 2_000_000)
    (tmp_path / "d.txt").write_text("Some text here.")
    found = list(read_articles([tmp_path], Settings(parser_seconds=2)))
    assert [item.id for item in found if isinstance(item, Article)] == ["b.html", "d.txt"]
    assert all("parser_seconds" in item.reason for item in found if isinstance(item, Skipped))


def test_ctrl_c_stops_a_build_that_waits_for_a_parser(tmp_path):
    (tmp_path / "a.html").write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "rag", "build", str(tmp_path), "--index", str(tmp_path / "index")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "index" / "generations" / "000001" / "passages.sqlite").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1)
    # As a terminal does it: to every process of the group.
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.strip().splitlines() == ["rag: Stopped; the index is as it was before."]
    assert not list((tmp_path / "index" / "generations").iterdir())
