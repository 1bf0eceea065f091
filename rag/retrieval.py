"""Retriever: candidates from dense and lexical search, ranked, collapsed, filtered → hits.

1. Candidates are fused from both searches (`rag.prepared`).
2. The best of them, at most `RERANKED`, are read again: their token vectors, in context, are matched with the
   question's (`rag.signals`), and a linear model of these signals ranks them (`rag.weights`, fitted on labelled
   questions by `benchmarks/fit_weights.py`).
3. Near-identical passages are one hit with several places; a paragraph that only sums up others gives way to the
   paragraphs it sums up.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from rag.chunking import Passage
from rag.cleaning import clean
from rag.duplicates import ArticleSentences, near_identical
from rag.embedding import Embedder
from rag.errors import RagError
from rag.filters import Filters
from rag.hits import Hit, Place
from rag.index import Index
from rag.lexical import analyze
from rag.prepared import Found, Prepared
from rag.question import Question
from rag.settings import Settings
from rag.signals import PASSAGE_SIGNALS, Signals, View, read_signals
from rag.weights import Weights

CANDIDATES = 60
"""Different texts taken from each of dense and lexical search."""
RERANKED = 20
"""Read again with their token vectors at most; more costs time in proportion and gains nothing on the development sets.
"""
FEWEST = 5
"""Read again in any case."""
BEHIND = 0.4
"""Beyond those, only what has a fused score so near to the best is read. What lies further behind came to the first
five of no question of the development sets, and was two in three of the passages read."""
QUESTION_WORDS = 128
"""A question is cut after so many words: the model reads no more, and BM25 would match everything."""
LONGEST_QUESTION = 2_000
"""In characters; the rest is cut off too, since not every script has spaces between its words."""


@dataclass(frozen=True)
class Candidate:
    """A passage that was read for a question, with what speaks for it."""

    passage: Passage
    article: ArticleSentences
    sentences: tuple[int, ...]
    """Its sentences, as indices among those of the article; `view.sentences` has their spans."""
    view: View
    title: frozenset[str]
    """Stems of the article's title and the passage's heading."""
    signals: Signals
    score: float
    """Linear score; its softmax over the candidates of one question is their probability."""
    places: tuple[Place, ...] = ()

    def hit(self) -> Hit:
        """The hit that users see."""
        article = self.article.article
        numbers = set(self.passage.paragraphs)
        return Hit(
            score=1 / (1 + math.exp(-self.score)),
            article=article,
            paragraphs=tuple(p for p in article.paragraphs if p.number in numbers),
            text=self.passage.text,
            start=self.passage.start,
            end=self.passage.end,
            heading=self.passage.heading,
            signals=dict(zip(PASSAGE_SIGNALS, map(float, self.signals.passage), strict=True)),
            places=self.places,
        )


class Retriever:
    """Search over a published index; safe to call from several threads.

    A new generation of the index is noticed at the next search; a search that runs is finished on the one it began.
    """

    def __init__(self, index: Index, embedder: Embedder, settings: Settings) -> None:
        self.settings = settings
        self.embedder = embedder
        self.weights = Weights.load()
        self._lock = threading.Lock()
        self._state = Prepared(index)

    @classmethod
    def open(cls, index: str | Path = "index", settings: Settings | None = None) -> Retriever:
        """A retriever over the index in the folder `index`.

        Raises:
            IndexNotFound, IndexDamaged, IndexIncompatible: each says what to run.
        """
        settings = settings or Settings()
        opened = Index.open(index)
        embedder = Embedder.load(settings)
        opened.check_embedder(embedder)
        return cls(opened, embedder, settings)

    @property
    def index(self) -> Index:
        """The generation that the next search uses."""
        return self._current().index

    def search(self, query: str, k: int = 5, filters: Filters | None = None) -> list[Hit]:
        """The `k` best hits for `query`, best first; fewer when the index or the filters hold no more.

        Raises:
            RagError: the query is empty, or `k` is less than 1.
        """
        if k < 1:
            raise RagError(f"The number of hits asked for is {k}; it must be at least 1.")
        _, candidates = self.read(query, filters, wanted=k)
        return [candidate.hit() for candidate in candidates[:k]]

    def read(
        self, query: str, filters: Filters | None = None, wanted: int = RERANKED
    ) -> tuple[Question, list[Candidate]]:
        """The question as the signals see it, and the passages read for it, best first.

        Raises:
            RagError: there is nothing in the query that can be read.
        """
        text = " ".join(clean(query.strip()[:LONGEST_QUESTION]).split()[:QUESTION_WORDS])
        if not text:
            raise RagError("The question is empty; ask something.")
        state = self._current()
        vector = self.embedder.encode([text])[0]
        tokens = self.embedder.token_vectors([text])[0]
        if not len(tokens.spans):
            raise RagError("There is no word in the question that the model can read; ask in other words.")
        question = Question.of(text, vector, tokens, state.rarity)
        best = _near(state.candidates(question, filters, max(CANDIDATES, 2 * wanted)), wanted)
        found = []
        for of_text, (passage, article, sentences, view) in zip(
            best, state.views([of_text.row for of_text in best], self.embedder), strict=True
        ):
            title = frozenset(analyze(f"{article.article.title} {passage.heading}"))
            signals = read_signals(question, view, title, of_text.cosine, of_text.bm25)
            score = self.weights.passage_score(signals)
            places = state.places(of_text.copies)
            found.append(Candidate(passage, article, sentences, view, title, signals, score, places))
        found.sort(key=lambda candidate: -candidate.score)
        return question, _collapse(found)

    def _current(self) -> Prepared:
        state = self._state
        if state.index.is_current():
            return state
        with self._lock:
            if not self._state.index.is_current():
                opened = Index.open(self._state.index.directory)
                opened.check_embedder(self.embedder)
                self._state = Prepared(opened)
            return self._state


def _near(found: list[Found], wanted: int) -> list[Found]:
    """What of `found`, best first, is read again where so many hits are wanted."""
    least = max(FEWEST, wanted + wanted // 2)
    near = sum(one.fused >= found[0].fused - BEHIND for one in found[:RERANKED])
    return found[: max(least, near)]


def _collapse(candidates: list[Candidate]) -> list[Candidate]:
    """Near-identical passages as one, best first; digests give way to what they sum up."""
    told = [c for c in candidates if not set(c.passage.paragraphs) <= c.article.digests]
    digests = [c for c in candidates if set(c.passage.paragraphs) <= c.article.digests]
    kept: list[tuple[Candidate, frozenset[str]]] = []
    for candidate in [*told, *digests]:
        own = candidate.view.shingles
        is_digest = set(candidate.passage.paragraphs) <= candidate.article.digests
        same = False
        for i, (other, theirs) in enumerate(kept):
            alike = near_identical(own, theirs)
            summed_up = is_digest and candidate.article is other.article and len(own & theirs) >= 0.5 * len(theirs)
            if (alike or summed_up) and not _overlap(candidate, other):
                article = candidate.article.article
                numbers = set(candidate.passage.paragraphs)
                places = tuple(Place(article, p) for p in article.paragraphs if p.number in numbers)
                kept[i] = (replace(other, places=other.places + places + candidate.places), theirs)
                same = True
        if not same:
            kept.append((candidate, own))
    return sorted((candidate for candidate, _ in kept), key=lambda candidate: -candidate.score)


def _overlap(a: Candidate, b: Candidate) -> bool:
    return a.article is b.article and a.passage.start < b.passage.end and a.passage.end > b.passage.start
