"""The command line as a user runs it: output, JSON, exit codes."""

import json
import shutil
import subprocess
import sys

import pytest
from files_made import LIMES, OAK, make_pdf


def run(*arguments, cwd=None, expect=0, **variables):
    """Standard output of `rag …`."""
    import os

    found = subprocess.run(
        [sys.executable, "-m", "rag", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **variables},
        check=False,
    )
    assert found.returncode == expect, found.stderr
    if expect:
        assert "Traceback" not in found.stderr
        return found.stderr
    return found.stdout


def test_build_search_ask(articles, tmp_path):
    (folder := tmp_path / "articles").mkdir()
    shutil.copytree(articles, folder, dirs_exist_ok=True)
    (folder / "broken.txt").write_bytes(b"\x00")
    # Without arguments everything is where it is by default.
    table = run("build", cwd=tmp_path)
    for part in ("articles", "passages", "embedded / carried over", "skipped files", "generation", "000001"):
        assert part in table
    assert "skipped articles/broken.txt: it is empty" in table
    shown = run("search", "herring", "-k", "1", cwd=tmp_path)
    assert shown.startswith("1. The fish market (Tomas Falk, 2024-01-15), articles/market.md")
    answer = run("ask", "When was the new harbour opened?", cwd=tmp_path)
    assert answer.startswith("Ostwick opened its new harbour in June 2021. [1]")
    assert "[1] The harbour of Ostwick (Mara Lind, 2023-04-02), articles/harbour.md, paragraph 1" in answer
    assert "Nothing has changed" in run("build", cwd=tmp_path)


def test_json(index, articles, tmp_path):
    copy = shutil.copytree(index, tmp_path / "index")
    report = json.loads(run("build", articles, "--index", copy, "--json"))
    assert set(report) == {
        "generation",
        "changed",
        "articles",
        "paragraphs",
        "passages",
        "embedded",
        "carried_over",
        "skipped",
        "duplicates",
        "seconds",
        "notes",
    }
    hits = json.loads(run("search", "herring", "--index", copy, "--json"))
    assert {"score", "article", "paragraphs", "text"} <= set(hits[0])
    answer = json.loads(run("ask", "How much does herring cost?", "--index", copy, "--json"))
    assert answer["answered"] is True
    assert answer["sentences"][0]["citations"][0]["article"]["id"] == "market.md"
    refusal = json.loads(run("ask", "What is the capital of France?", "--index", copy, "--json"))
    assert (refusal["answered"], refusal["sentences"]) == (False, [])
    assert 0 <= refusal["confidence"] <= 1
    assert json.loads(run("status", "--index", copy, "--json"))["articles"] == 3
    assert json.loads(run("verify", "--index", copy, "--json"))["ok"] is True


def test_filters(index):
    hits = json.loads(run("search", "Ostwick", "--tag", "food", "--since", "2024", "--index", index, "--json"))
    assert {hit["article"]["id"] for hit in hits} == {"market.md"}


def test_a_refusal_is_no_error(index):
    shown = run("ask", "What is the capital of France?", "--index", index)
    assert shown.startswith("The articles don't say.\n\nNearest:\n1. ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "x"], "There is no index in 'index' yet; run: rag build"),
        (["build", "nowhere"], "'nowhere' does not exist"),
        (["build"], "'articles' does not exist"),
        (["status"], "There is no index"),
        (["verify"], "There is no index"),
        (["rollback"], "There is no index"),
        (["bogus"], "No such command"),
        (["search", "x", "-k", "0"], "Invalid value for '-k'"),
        (["search", ""], "empty"),
        (["search", "x", "--since", "soon"], "is not a date"),
        (["build", ".", "--model", "no/such-model"], "could not be loaded"),
    ],
)
def test_user_errors(arguments, said, tmp_path, index):
    if arguments[0] == "search":
        arguments = [*arguments, "--index", str(index)]
    (tmp_path / "a.txt").write_text("Some text here.")
    message = run(*arguments, cwd=tmp_path, expect=2, HF_HUB_OFFLINE="1")
    assert said in message
    if message.startswith("rag:"):
        assert message.count("\n") == 1


def test_settings_file_and_environment(tmp_path, articles):
    (tmp_path / "rag.toml").write_text(f'articles = ["{articles}"]\nindex = "here"\n')
    run("build", cwd=tmp_path)
    assert (tmp_path / "here" / "CURRENT").exists()
    assert "000001" in run("status", cwd=tmp_path, RAG_INDEX="here")
    (tmp_path / "rag.toml").write_text('artikles = ["x"]\n')
    assert "did you mean 'articles'" in run("status", cwd=tmp_path, expect=2)


def test_damage_is_exit_code_2(index, tmp_path):
    copy = shutil.copytree(index, tmp_path / "index")
    (copy / "generations" / "000001" / "vectors.faiss").write_bytes(b"")
    assert "vectors.faiss" in run("ask", "x", "--index", copy, expect=2)
    assert "damaged" in run("verify", "--index", copy, expect=2)


def test_a_closed_pipe_is_no_error(index):
    found = subprocess.run(
        f"{sys.executable} -m rag search Ostwick -k 20 --index {index} | true",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert found.stderr == ""


def test_an_answer_says_the_page(tmp_path):
    (folder := tmp_path / "articles").mkdir()
    make_pdf(folder / "oak.pdf", [[OAK], [LIMES]])
    run("build", cwd=tmp_path)
    assert "articles/oak.pdf, p. 2, paragraph 2" in run("ask", "What will the council plant?", cwd=tmp_path)
    answer = json.loads(run("ask", "What will the council plant?", "--json", cwd=tmp_path))
    assert answer["sentences"][0]["citations"][0]["place"] == "p. 2"
    assert "p. 2" in [p["place"] for hit in answer["hits"] for p in hit["paragraphs"]]
