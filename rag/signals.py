"""What speaks for a passage, and for a sentence, as evidence for a question.

One forward pass over the candidate passages gives a vector for each of their tokens, in context. From these and from
the words themselves:

- *coverage*: share of the question's words, weighted by how rare they are in the index, that stand in the text;
- *match*: each of the question's tokens looks for its most similar token in the text, and the mean of these
  similarities counts (MaxSim of ColBERT, Khattab and Zaharia 2020), plainly and weighted by rarity;
- *sense*: cosine of the question's vector to the mean of a sentence's token vectors;
- *kind*: whether the sentence holds something of the kind asked for, beyond the question's own words: who → a name,
  when → a date, how many → a number, and so on.

The signals are plain numbers between about 0 and 1; `rag.weights` says what they are worth.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from rag.duplicates import shingles
from rag.embedding import TokenVectors
from rag.question import PRONOUNS, WORD, Question, Word, words_of, words_of_kind


@dataclass(frozen=True)
class Told:
    """A sentence of a passage, as any question compares it with itself."""

    words: tuple[Word, ...]
    tokens: slice
    """Which of the passage's it is read with: its own, and those of the sentence before it where it leans on that."""
    sense: np.ndarray
    """(dim,) float32: mean of its own tokens' vectors, of unit length."""
    stems: frozenset[str]
    """Of the words it is read with, and of those whom it means."""
    pairs: frozenset[tuple[str, str]]
    """Stems that follow each other in the words it is read with."""
    content: tuple[str, ...]
    """Stems of its content words."""
    form: tuple[float, float, float]
    """Its length, whether it opens with a pronoun, whether it has no end."""


@dataclass(frozen=True)
class View:
    """A passage, prepared once for any question."""

    text: str
    sentences: tuple[tuple[int, int], ...]
    words: tuple[Word, ...]
    tokens: TokenVectors
    meant: tuple[frozenset[str], ...]
    """Of each sentence, stems of the names that its pronouns and bare surnames stand for."""

    @classmethod
    def of(
        cls, text: str, sentences: Sequence[tuple[int, int]], tokens: TokenVectors, meant: Sequence[frozenset[str]]
    ) -> View:
        """The passage `text` with the spans of its sentences, whom they mean, and the vectors of its tokens."""
        return cls(text, tuple(sentences), tuple(words_of(text)), tokens, tuple(meant))

    def words_in(self, start: int, end: int) -> list[Word]:
        """Its words between two places."""
        return [w for w in self.words if w.start >= start and w.end <= end]

    def opening(self, i: int) -> int:
        """Where sentence `i` begins, or the one before it where `i` opens with a pronoun."""
        start, end = self.sentences[i]
        opens = WORD.search(self.text, start, end)
        return self.sentences[i - 1][0] if i and opens and opens.group().lower() in PRONOUNS else start

    @cached_property
    def told(self) -> tuple[Told | None, ...]:
        """Its sentences; None for what has neither words nor tokens."""
        return tuple(self._told(i) for i in range(len(self.sentences)))

    @cached_property
    def stems(self) -> frozenset[str]:
        """Of its words, and of those whom its sentences mean."""
        return frozenset(w.stem for w in self.words).union(*self.meant)

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Stems that follow each other."""
        return _pairs(self.words)

    @cached_property
    def shingles(self) -> frozenset[str]:
        """Its word trigrams."""
        return shingles(self.text)

    def _told(self, i: int) -> Told | None:
        start, end = self.sentences[i]
        own, words = self._tokens_in(start, end), tuple(self.words_in(start, end))
        if own.start >= own.stop or not words:
            return None
        first = self.opening(i)
        known = words if first == start else self.words_in(first, end)
        mean = self.tokens.vectors[own].mean(axis=0)
        return Told(
            words=words,
            tokens=self._tokens_in(first, end),
            sense=mean / max(float(np.linalg.norm(mean)), 1e-6),
            stems=frozenset(w.stem for w in known) | self.meant[i],
            pairs=_pairs(known),
            content=tuple(w.stem for w in words if w.is_content),
            form=(
                float(np.log1p(len(words)) / 4),
                float(words[0].text.lower() in PRONOUNS),
                float(self.text[end - 1 : end].isalnum()),
            ),
        )

    def _tokens_in(self, start: int, end: int) -> slice:
        """Its tokens between two places; they stand in order."""
        spans = self.tokens.spans
        return slice(int(np.searchsorted(spans[:, 0], start)), int(np.searchsorted(spans[:, 1], end, "right")))


MEANT = 0.8
"""Similarity of a name to a pronoun that stands for it: about that of a name to itself elsewhere."""

PASSAGE_SIGNALS = (
    "cosine",
    "bm25",
    "title",
    "match",
    "rare_match",
    "coverage",
    "pairs",
    "sentence_sense",
    "sentence_match",
    "sentence_rare_match",
    "sentence_coverage",
    "length",
)
SENTENCE_SIGNALS = (
    "sense",
    "match",
    "rare_match",
    "coverage",
    "pairs",
    "kind",
    "news",
    "length",
    "opening",
    "fragment",
)


@dataclass(frozen=True)
class Signals:
    """Signals of a passage and its sentences."""

    passage: np.ndarray
    """(len(PASSAGE_SIGNALS),) float32."""
    sentences: np.ndarray
    """(sentences, len(SENTENCE_SIGNALS)) float32."""


def read_signals(question: Question, view: View, title: Collection[str], cosine: float, bm25: float) -> Signals:
    """What speaks for `view` and its sentences as evidence.

    What a sentence that opens with a pronoun speaks of is named in the one before it, so its words and matches are
    those of both; and those of the people whom its pronouns and surnames stand for.

    Args:
        question: what is asked.
        view: the passage.
        title: stems of its article's title and its heading.
        cosine: of the question's vector to the passage's stored one.
        bm25: its score, as the lexical index gave it.
    """
    content = question.content
    rarity = [max(question.rarity[w.stem], 0.05) for w in content]
    total = sum(rarity) or 1.0
    weights = question.token_rarity
    weight = float(weights.sum())
    similar = (
        question.tokens.vectors @ view.tokens.vectors.T if len(view.tokens.vectors) else np.zeros((len(weights), 1))
    )
    asked_pairs = _pairs(question.words)
    rows = np.zeros((len(view.told), len(SENTENCE_SIGNALS)), dtype=np.float32)
    for i, told in enumerate(view.told):
        if told is None:
            continue
        start, end = view.sentences[i]
        top = _with_meant(question, similar[:, told.tokens].max(axis=1), view.meant[i])
        rows[i] = (
            question.vector @ told.sense,
            top.mean(),
            (top @ weights) / weight,
            _covered(content, rarity, told.stems) / total,
            _shared(asked_pairs, told.pairs),
            bool(words_of_kind(question, view.text[start:end], told.words)),
            min(1.0, sum(stem not in question.rarity for stem in told.content) / 8),
            *told.form,
        )
    strongest = rows.max(axis=0) if len(rows) else np.zeros(len(SENTENCE_SIGNALS), dtype=np.float32)
    top = _with_meant(question, similar.max(axis=1), frozenset[str]().union(*view.meant))
    passage = np.array(
        [
            cosine,
            bm25 / max(sum(question.rarity.values()), 0.1),
            _covered(content, rarity, title) / total,
            top.mean(),
            (top @ weights) / weight,
            _covered(content, rarity, view.stems) / total,
            _shared(asked_pairs, view.pairs),
            *strongest[:4],
            np.log1p(len(view.words)) / 6,
        ],
        dtype=np.float32,
    )
    return Signals(passage, rows)


def _with_meant(question: Question, top: np.ndarray, meant: frozenset[str]) -> np.ndarray:
    """`top`, the best match of each of the question's tokens, where those of names that are `meant` match, too."""
    for word in question.words if meant else ():
        if word.stem in meant and word.is_content:
            spans = question.tokens.spans
            inside = (spans[:, 0] >= word.start) & (spans[:, 1] <= word.end)
            top = np.where(inside, np.maximum(top, MEANT), top)
    return top


def _covered(content: Sequence[Word], rarity: Sequence[float], stems: Collection[str]) -> float:
    return sum(rare for rare, word in zip(rarity, content, strict=True) if word.stem in stems)


def _pairs(words: Sequence[Word]) -> frozenset[tuple[str, str]]:
    return frozenset(pairwise(word.stem for word in words))


def _shared(asked: frozenset[tuple[str, str]], found: frozenset[tuple[str, str]]) -> float:
    return len(asked & found) / len(asked) if asked else 0.0
