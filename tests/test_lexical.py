"""tantivy finds words."""

import numpy as np
import pytest

from rag.errors import IndexDamaged
from rag.filters import Allowed
from rag.lexical import LexicalIndex, LexicalWriter, analyze

PASSAGES = [
    ("Harbour", "", "Ships unload at the quay."),
    ("Harbour", "Cranes", "They lift containers."),
    ("Market", "", "Fishermen sell herring; a quay is near."),
]


@pytest.fixture
def lexical(tmp_path):
    writer = LexicalWriter(tmp_path / "lexical")
    for row, passage in enumerate(PASSAGES):
        writer.put(row, row // 2, *passage)
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
    assert rows(lexical.search("quay", 5, Allowed(np.array([2]), np.array([1])))) == [2]
    assert lexical.search("quay", 5, Allowed(np.array([], dtype=np.int64), np.array([], dtype=np.int64))) == []


@pytest.mark.parametrize(("named", "most"), [(0, 0), (0, 10_000), (1000, 10_000)])
def test_the_best_among_many_rows_are_those_of_the_full_list(tmp_path, monkeypatch, named, most):
    monkeypatch.setattr("rag.lexical.NAMED", named)
    monkeypatch.setattr("rag.lexical.MOST", most)
    writer = LexicalWriter(tmp_path / "lexical")
    for number in range(600):
        text = "herring " * (1 + number % 7) + "cod " * (number % 5) + f"ship {number}"
        writer.put(number, number // 3, "", "", text)
    writer.close()
    opened = LexicalIndex.open(tmp_path / "lexical")
    ranked = opened.search("herring cod", 600)
    # The second lot has none of the best, so that more must be looked at than are taken first.
    for articles in (np.arange(0, 200, 2), np.setdiff1d(np.arange(200), [row // 3 for row, _ in ranked[:100]])):
        allowed = np.flatnonzero(np.isin(np.arange(600) // 3, articles))
        expected = [pair for pair in ranked if pair[0] in set(allowed.tolist())][:20]
        found = opened.search("herring cod", 20, Allowed(allowed, articles))
        assert [score for _, score in found] == pytest.approx([score for _, score in expected])
        assert set(rows(found)) <= set(allowed.tolist())


def test_what_goes_on_from_another_leaves_that_as_it_is(tmp_path, lexical):
    old = tmp_path / "lexical"
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    writer = LexicalWriter(tmp_path / "new", old)
    writer.remove([1, 2])
    writer.put(1, 0, "Harbour", "", "A lighthouse")
    writer.close()
    opened = LexicalIndex.open(tmp_path / "new")
    assert opened.count == 2
    assert (rows(opened.search("lighthouse", 5)), opened.search("herring", 5)) == ([1], [])
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    assert rows(lexical.search("herring", 5)) == [2]


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
