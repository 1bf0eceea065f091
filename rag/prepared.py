"""A generation of the index with what searches have prepared of it: found texts, and passages that were read.

A question's candidates are the passages nearest to its vector and the best by BM25; exact copies of a text count as
one, so that a paragraph which stands in every article takes no other's place. Their scores are fused as
cosine + BM25 ÷ (sum of the question's word rarities): the division makes BM25 comparable between questions and between
indexes, so that the same fusion holds for both.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from rag.attribution import meant
from rag.chunking import Passage
from rag.duplicates import ArticleSentences
from rag.embedding import Embedder
from rag.filters import Filters
from rag.hits import Place
from rag.index import Index
from rag.question import Question
from rag.signals import View

CACHED_VIEWS = 512
"""Passages whose token vectors stay in memory, about 0.2 MB each."""
PLACES = 100
"""The most copies of a text that a hit names."""


class Read(NamedTuple):
    """A passage that was read, in its article."""

    passage: Passage
    article: ArticleSentences
    sentences: tuple[int, ...]
    view: View


class Found(NamedTuple):
    """A text that a search has found."""

    row: int
    """Of the copy that fits best."""
    cosine: float
    bm25: float
    fused: float
    copies: list[int]
    """Rows of other passages with the very text, best first."""


class Prepared:
    """An opened generation, and what is kept of it; safe to call from several threads."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._lock = threading.Lock()
        self._views: OrderedDict[int, Read] = OrderedDict()
        self._articles: OrderedDict[str, ArticleSentences] = OrderedDict()

    def rarity(self, stem: str) -> float:
        """Inverse document frequency as in BM25 (Robertson and Zaragoza 2009)."""
        count = self.index.lexical.count
        frequency = self.index.lexical.doc_frequency(stem)
        return math.log(1 + (count - frequency + 0.5) / (frequency + 0.5))

    def candidates(self, question: Question, filters: Filters | None, depth: int) -> list[Found]:
        """The `depth` best texts of either search, best first by the fusion of both."""
        allowed = self.index.store.allowed(filters) if filters else None
        if allowed is not None and not len(allowed.rows):
            return []
        digests: dict[int, bytes] = {}

        def nearest(count: int) -> list[int]:
            among = None if allowed is None else allowed.rows
            _, rows = self.index.vectors.search(question.vector[None, :], count, among)
            return [int(row) for row in rows[0] if row >= 0]

        lexical: dict[int, float] = {}

        def by_words(count: int) -> list[int]:
            found = self.index.lexical.search(question.text, count, allowed)
            lexical.update(found)
            return [row for row, _ in found]

        rows = np.array(
            sorted({*self._of_texts(nearest, depth, digests), *self._of_texts(by_words, depth, digests)}),
            dtype=np.int64,
        )
        cosines = self.index.vectors.vectors(rows) @ question.vector
        bm25 = np.array([lexical.get(int(row), 0.0) for row in rows], dtype=np.float32)
        fused = cosines + bm25 / max(sum(question.rarity.values()), 0.1)
        found: dict[bytes, Found] = {}
        for i in np.argsort(-fused, kind="stable"):
            row = int(rows[i])
            first = found.setdefault(digests[row], Found(row, float(cosines[i]), float(bm25[i]), float(fused[i]), []))
            if first.row != row:
                first.copies.append(row)
        return list(found.values())

    def _of_texts(self, search: Callable[[int], list[int]], depth: int, digests: dict[int, bytes]) -> list[int]:
        """The best rows by `search`, as many as have `depth` different texts; their digests are added to `digests`."""
        count = depth
        while True:
            rows = search(count)
            new = [row for row in rows if row not in digests]
            digests.update(zip(new, self.index.store.text_digests(new), strict=True))
            # Of each text the best copy, in order of rank.
            ranks = {text: rank for rank, text in reversed(list(enumerate(digests[row] for row in rows)))}
            if len(rows) < count or len(ranks) >= depth:
                return rows[: sorted(ranks.values())[depth]] if len(ranks) > depth else rows
            count *= 4

    def places(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Where the passages in the first `PLACES` of `rows` stand."""
        found = []
        for passage in self.index.store.passages(rows[:PLACES]) if rows else ():
            article, numbers = self.index.store.article(passage.article_id), set(passage.paragraphs)
            found += [Place(article, paragraph) for paragraph in article.paragraphs if paragraph.number in numbers]
        return tuple(found)

    def views(self, rows: Sequence[int], embedder: Embedder) -> list[Read]:
        """The passages in `rows`, prepared; those seen lately come from memory."""
        with self._lock:
            known = {row: self._views[row] for row in rows if row in self._views}
            for row in known:
                self._views.move_to_end(row)
        missing = [row for row in rows if row not in known]
        passages = self.index.store.passages(missing)
        tokens = embedder.token_vectors([passage.text for passage in passages])
        for row, passage, of_passage in zip(missing, passages, tokens, strict=True):
            article = self.article(passage.article_id)
            inside = tuple(article.overlapping(passage.start, passage.end))
            spans = [
                (max(s.start, passage.start) - passage.start, min(s.end, passage.end) - passage.start)
                for s in (article.sentences[i] for i in inside)
            ]
            whom = [
                meant(article.people, article.article.text, s.start, s.end)
                for s in map(article.sentences.__getitem__, inside)
            ]
            known[row] = Read(passage, article, inside, View.of(passage.text, spans, of_passage, whom))
        with self._lock:
            self._views.update((row, known[row]) for row in missing)
            while len(self._views) > CACHED_VIEWS:
                self._views.popitem(last=False)
        return [known[row] for row in rows]

    def article(self, article_id: str) -> ArticleSentences:
        """The article and its sentences; those seen lately come from memory."""
        with self._lock:
            if article_id in self._articles:
                self._articles.move_to_end(article_id)
                return self._articles[article_id]
        made = ArticleSentences(self.index.store.article(article_id))
        with self._lock:
            self._articles[article_id] = made
            while len(self._articles) > 64:
                self._articles.popitem(last=False)
        return made
