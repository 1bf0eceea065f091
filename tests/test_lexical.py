"""tantivy finds words."""

import numpy as np
import pytest

from rag.errors import IndexDamaged
from rag.lexical import LexicalIndex, LexicalWriter, analyze

PASSAGES = [
    ("Harbour", "", "Ships unload at the quay."),
    ("Harbour", "Cranes", "They lift containers."),
    ("Market", "", "Fishermen sell herring; a quay is near."),
]


@pytest.fixture
def lexical(tmp_path):
    writer = LexicalWriter(tmp_path / "lexical")
    for passage in PASSAGES:
        writer.add(*passage)
    writer.close()
    return LexicalIndex.open(tmp_path / "lexical")


def rows(found):
    return [row for row, _ in found]


def test_words_are_stemmed_and_folded(lexical):
    assert rows(lexical.search("selling HERRINGS", 5)) == [2]
    assert analyze("Crème brûlées") == ["creme", "brule"]


def test_title_and_heading_count(lexical):
    assert rows(lexical.search("crane", 5)) == [1]
    assert set(rows(lexical.search("harbour", 5))) == {0, 1}


def test_rows_can_be_limited(lexical):
    assert rows(lexical.search("quay", 5, np.array([2]))) == [2]
    assert lexical.search("quay", 5, np.array([], dtype=np.int64)) == []


@pytest.mark.parametrize("query", ["", "?!", '"open AND (', "quay^9 -ship title:x*", "\udc80", "a" * 10_000])
def test_any_text_is_a_query(lexical, query):
    lexical.search(query, 5)


def test_frequencies(lexical):
    assert lexical.doc_frequency(analyze("quay")[0]) == 2
    assert lexical.doc_frequency(analyze("market")[0]) == 1
    assert lexical.doc_frequency("zzz") == 0


def test_damage_is_said(tmp_path, lexical):
    for path in (tmp_path / "lexical").iterdir():
        path.write_bytes(b"x")
    with pytest.raises(IndexDamaged):
        LexicalIndex.open(tmp_path / "lexical").search("quay", 5)
