"""Files that somebody has broken, by chance or with a will, are read or refused, and anything may be asked.

The campaigns run whole with `-m torture` (`make torture`), and shortly in the ordinary suite.
"""

import json
import sys
import time
from pathlib import Path

import pytest
from files_made import ATOM, LIMES, OAK, RSS, TOWN, make_docx, make_epub, make_pdf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strings_made import JSON, NASTY, TEXTS

from rag.articles import _article
from rag.cleaning import clean
from rag.cli import main
from rag.conversation import stand_alone, turns_of
from rag.errors import RagError, UnreadableArticle
from rag.filters import Filters
from rag.readers import Document, File, read, reader_of
from rag.readers.worker import _answered, _unpacked

short_and_whole = pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.torture)])

ODD = [
    b"\0",
    b"<",
    b'"',
    b"{",
    b"[" * 50,
    b"\\ud800",
    b"&#x202e;",
    b"\xff",
    b"9999999999",
    b"- ",
    b"---\n",
    b"<!ENTITY",
]
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(ODD) | st.binary(max_size=8)), max_size=12
)


@pytest.fixture(scope="module")
def file_of(tmp_path_factory):
    """A whole file of each format."""
    folder = tmp_path_factory.mktemp("whole")
    return {
        ".pdf": make_pdf(folder / "a.pdf", [[OAK, "# Then", TOWN], [LIMES]]).read_bytes(),
        ".docx": make_docx(folder / "a.docx").read_bytes(),
        ".epub": make_epub(folder / "a.epub").read_bytes(),
        ".rss": RSS.encode(),
        ".atom": ATOM.encode(),
        ".json": json.dumps([{"id": "x", "text": OAK}, {"body": f"<p>{TOWN}"}]).encode(),
        ".jsonl": "\n".join(json.dumps({"text": text}) for text in (OAK, TOWN)).encode(),
        ".csv": f'title,text\nOak,"{OAK}"\nTown,"{TOWN}"'.encode(),
        ".html": f"<html><body><article><p>{OAK}</p><p>{TOWN}</p></article></body></html>".encode(),
        ".md": f"---\ntitle: Oak\ntags: [a]\n---\n\n# Oak\n\n{OAK}\n\n- {TOWN}\n\n| a |\n|---|\n| 1 |\n".encode(),
        ".txt": f"Old oak felled\n\n{OAK}\n\n- {TOWN}\n- {LIMES}\n".encode(),
    }


SUFFIXES = [".pdf", ".docx", ".epub", ".rss", ".atom", ".json", ".jsonl", ".csv", ".html", ".md", ".txt"]


@pytest.fixture
def campaign(whole, figures):
    """Runs a check on inputs that Hypothesis makes: a few, or many, which are counted."""

    def run(name, few, many, check, **strategies):
        inputs = 0
        started = time.time()

        @settings(max_examples=many if whole else few, deadline=None, suppress_health_check=list(HealthCheck))
        @given(**strategies)
        def fuzz(**values):
            nonlocal inputs
            inputs += 1
            check(**values)

        fuzz()
        figures(name, inputs=inputs, seconds=round(time.time() - started), failures=0)

    return run


@pytest.mark.parametrize("suffix", SUFFIXES)
@short_and_whole
def test_a_broken_file_is_read_or_refused(file_of, suffix, campaign):
    def read_it(changes):
        data = bytearray(file_of[suffix])
        for where, length, new in changes:
            start = int(where * len(data))
            data[start : start + length] = new
        file = File(bytes(data), (), 2_000_000)
        if suffix in (".md", ".txt"):
            # These are read in the process that builds: nothing but the one error may come out of them.
            try:
                found = read(reader_of(suffix), file).found
            except UnreadableArticle:
                return
        else:
            reply = json.loads(_answered(reader_of(suffix), file, 1024))
            if "error" in reply:
                return
            found = _unpacked(reply).found
        for document in found:
            if isinstance(document, Document):
                check(document)

    campaign(f"broken {suffix}", 60, 1200, read_it, changes=CHANGES)


def check(document):
    try:
        article = _article(document, "id", Path("name"), ())
    except UnreadableArticle:
        return
    assert all(article.text[p.start : p.end] == p.text for p in article.paragraphs)
    for text in (article.text, article.title, article.author, article.url, *article.tags):
        text.encode()


HISTORY = st.lists(
    st.tuples(TEXTS, TEXTS)
    | st.lists(TEXTS, max_size=3)
    | st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]) | TEXTS, "content": TEXTS})
    | JSON,
    max_size=4,
)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=3)
FILTERS = st.builds(
    Filters,
    *[st.just(()) | st.lists(TEXTS, max_size=2).map(tuple) for _ in range(3)],
    *[st.just("") | TEXTS | st.sampled_from(["2023", "2023-04", "2023-04-31", "0000-00-00"]) for _ in range(2)],
)


def told(ask):
    """What a door shows of it is JSON and Unicode, or one error of a sentence."""
    try:
        result = ask()
    except RagError as error:
        result = str(error)
        assert 0 < len(result) < 1000
    return json.dumps(result, ensure_ascii=False, allow_nan=False).encode("utf-8")


@short_and_whole
def test_any_text_may_be_searched_for(retriever, campaign):
    def search(query, k, filters):
        told(lambda: [hit.to_dict() for hit in retriever.search(query, k, filters)])

    campaign("searched for", 40, 1500, search, query=TEXTS, k=st.integers(-1, 50), filters=st.none() | FILTERS)


@short_and_whole
def test_any_text_may_be_asked_after_any_history(answerer, campaign):
    def ask(question, history):
        told(lambda: answerer.ask(question, history).to_dict())

    campaign("asked", 40, 1500, ask, question=TEXTS, history=HISTORY)


@short_and_whole
def test_any_follow_up_is_made_to_stand_alone(campaign):
    def follow_up(question, history):
        assert isinstance(stand_alone(clean(question), turns_of(history)), str)

    campaign("followed up", 100, 6000, follow_up, question=TEXTS, history=PAIRS)


@short_and_whole
def test_any_text_may_be_given_to_the_command_line(index, campaign, monkeypatch, capsys):
    def run(command, text, options):
        # No argument of a process can hold NUL, and bytes that are no text come as these.
        words = [
            word.replace("\0", "").encode("utf-8", "replace").decode() + "\udcff" * odd
            for word, odd in (text, *options)
        ]
        limits = [f"--{name}={word}" for name, word in zip(("article", "since", "author"), words[1:], strict=False)]
        monkeypatch.setattr(sys, "argv", ["rag", command, f"--index={index}", *limits, "--", words[0]])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code in (0, 2, None), said.err
        assert "Traceback" not in said.err

    word = st.tuples(TEXTS, st.booleans())
    options = st.lists(word, max_size=3) | st.just([])
    campaign("given to rag", 8, 300, run, command=st.sampled_from(["search", "ask"]), text=word, options=options)


@pytest.mark.parametrize("text", ["上海市", "a", "who is a-", "what s", '"', "🏳️‍🌈", "e\u0301", "cod ", "\0"])
def test_a_megabyte_is_asked_as_its_beginning(answerer, retriever, text):
    long = text * (1_000_000 // len(text))
    for history in ((), [(long, long)]):
        try:
            answer = answerer.ask(long if not history else "And he?", history)
        except RagError:
            assert not clean(long)
        else:
            assert len(answer.question) <= 2000


def test_what_was_said_before_is_no_less_clean(answerer):
    answer = answerer.ask("And cod?", [("How much is \ud800 herring?", "Nine \udfff crowns.")])
    assert "herring" in answer.searched or "cod" in answer.searched
    told(answer.to_dict)


def test_nasty_texts_are_searched_for(retriever):
    for text in NASTY:
        told(lambda: [hit.to_dict() for hit in retriever.search(text)])  # noqa: B023
