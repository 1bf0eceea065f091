"""Retriever: candidates from dense and lexical search, ranked, collapsed, filtered → hits.

1. The passages nearest to the question's vector and the best by BM25 are the candidates; exact copies of a text count
   as one, so that a paragraph which stands in every article takes no other's place. Their scores are fused as
   cosine + BM25 ÷ (sum of the question's word rarities): the division makes BM25 comparable between questions and
   between indexes, so that the same fusion holds for both.
2. The best `RERANKED` of them are read again: their token vectors, in context, are matched with the question's
   (`rag.signals`), and a linear model of these signals ranks them (`rag.weights`, fitted on labelled questions by
   `benchmarks/fit_weights.py`).
3. Near-identical passages are one hit with several places; a paragraph that only sums up others gives way to the
   paragraphs it sums up.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rag.articles import Article, Paragraph
from rag.attribution import meant
from rag.chunking import Passage
from rag.cleaning import clean
from rag.duplicates import ArticleSentences, containment
from rag.embedding import Embedder
from rag.errors import RagError
from rag.filters import Filters
from rag.index import Index
from rag.lexical import analyze
from rag.question import Question
from rag.settings import Settings
from rag.signals import PASSAGE_SIGNALS, Signals, View, read_signals
from rag.weights import Weights

CANDIDATES = 60
"""Different texts taken from each of dense and lexical search."""
RERANKED = 20
"""Read again with their token vectors; more costs time in proportion and gains nothing on the development sets."""
CACHED_VIEWS = 512
"""Passages whose token vectors stay in memory, about 0.2 MB each."""
PLACES = 100
"""The most copies of a text that a hit names."""
QUESTION_WORDS = 128
"""A question is cut after so many words: the model reads no more, and BM25 would match everything."""
LONGEST_QUESTION = 2_000
"""In characters; the rest is cut off too, since not every script has spaces between its words."""


@dataclass(frozen=True)
class Place:
    """Where else the same text stands."""

    article: Article
    paragraph: Paragraph


@dataclass(frozen=True)
class Hit:
    """A passage that a search returned."""

    score: float
    """0 to 1: how likely it is that this passage is the one asked for, were there one."""
    article: Article
    paragraphs: tuple[Paragraph, ...]
    """The paragraphs the passage covers or lies in, in reading order."""
    text: str
    start: int
    end: int
    """Span of the passage in `article.text`."""
    heading: str = ""
    signals: dict[str, float] = field(default_factory=dict)
    """Where the score came from, by name (see `rag.signals`)."""
    places: tuple[Place, ...] = ()
    """Near-identical passages elsewhere, collapsed into this one."""

    def to_dict(self) -> dict[str, Any]:
        """An element of `search --json`."""
        return {
            "score": round(self.score, 4),
            "article": article_dict(self.article),
            "heading": self.heading,
            "paragraphs": [{"number": p.number, "text": p.text, "place": p.place} for p in self.paragraphs],
            "text": self.text,
            "start": self.start,
            "end": self.end,
            "places": [
                {"article": article_dict(p.article), "paragraph": p.paragraph.number, "place": p.paragraph.place}
                for p in self.places
            ],
            "signals": {name: round(value, 4) for name, value in self.signals.items()},
        }


def article_dict(article: Article) -> dict[str, Any]:
    """What JSON says of an article: id, title, path and its metadata."""
    return {
        "id": article.id,
        "title": article.title,
        "path": article.path,
        "author": article.author,
        "date": article.date,
        "url": article.url,
        "tags": list(article.tags),
    }


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
        self._state = _State(index)

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
        best = state.candidates(question, filters, max(CANDIDATES, 2 * wanted))[: max(RERANKED, wanted + wanted // 2)]
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

    def _current(self) -> _State:
        state = self._state
        if state.index.is_current():
            return state
        with self._lock:
            if not self._state.index.is_current():
                opened = Index.open(self._state.index.directory)
                opened.check_embedder(self.embedder)
                self._state = _State(opened)
            return self._state


class _Read(NamedTuple):
    passage: Passage
    article: ArticleSentences
    sentences: tuple[int, ...]
    view: View


class _Found(NamedTuple):
    """A text that a search has found."""

    row: int
    """Of the copy that fits best."""
    cosine: float
    bm25: float
    copies: list[int]
    """Rows of other passages with the very text, best first."""


class _State:
    """One generation, with what was prepared from it."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._lock = threading.Lock()
        self._views: OrderedDict[int, _Read] = OrderedDict()
        self._articles: OrderedDict[str, ArticleSentences] = OrderedDict()

    def rarity(self, stem: str) -> float:
        """Inverse document frequency as in BM25 (Robertson and Zaragoza 2009)."""
        count = self.index.lexical.count
        frequency = self.index.lexical.doc_frequency(stem)
        return math.log(1 + (count - frequency + 0.5) / (frequency + 0.5))

    def candidates(self, question: Question, filters: Filters | None, depth: int) -> list[_Found]:
        """The `depth` best texts of either search, best first by the fusion of both."""
        allowed = self.index.store.rows(filters) if filters else None
        if allowed is not None and not len(allowed):
            return []
        digests: dict[int, bytes] = {}

        def nearest(count: int) -> list[int]:
            _, rows = self.index.vectors.search(question.vector[None, :], count, allowed)
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
        found: dict[bytes, _Found] = {}
        for i in np.argsort(-fused, kind="stable"):
            row = int(rows[i])
            first = found.setdefault(digests[row], _Found(row, float(cosines[i]), float(bm25[i]), []))
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

    def views(self, rows: Sequence[int], embedder: Embedder) -> list[_Read]:
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
            known[row] = _Read(passage, article, inside, View.of(passage.text, spans, of_passage, whom))
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
            alike = len(own) * 2 >= len(theirs) and len(theirs) * 2 >= len(own) and containment(own, theirs) >= 0.8
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
