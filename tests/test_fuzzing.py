"""Files that somebody has broken, by chance or with a will, are read or refused, whatever their format."""

import json
from pathlib import Path

import pytest
from files_made import ATOM, LIMES, OAK, RSS, TOWN, make_docx, make_epub, make_pdf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.articles import _article
from rag.errors import UnreadableArticle
from rag.readers import Document, File, read, reader_of
from rag.readers.worker import _answered, _unpacked

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
def whole(tmp_path_factory):
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


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES)
def test_a_broken_file_is_read_or_refused(whole, suffix, changes):
    data = bytearray(whole[suffix])
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


def check(document):
    try:
        article = _article(document, "id", Path("name"), ())
    except UnreadableArticle:
        return
    assert all(article.text[p.start : p.end] == p.text for p in article.paragraphs)
    for text in (article.text, article.title, article.author, article.url, *article.tags):
        text.encode()
