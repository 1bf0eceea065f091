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
from itertools import pairwise

import numpy as np

from rag.embedding import TokenVectors
from rag.question import PRONOUNS, WORD, Question, Word, words_of, words_of_kind


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
    rarity = np.array([max(question.rarity[w.stem], 0.05) for w in content], dtype=np.float32)
    total = float(rarity.sum()) or 1.0
    weights = question.token_rarity
    similar = (
        question.tokens.vectors @ view.tokens.vectors.T if len(view.tokens.vectors) else np.zeros((len(weights), 1))
    )
    asked_pairs = _pairs([w.stem for w in question.words])
    rows = []
    for i, (start, end) in enumerate(view.sentences):
        inside = (view.tokens.spans[:, 0] >= start) & (view.tokens.spans[:, 1] <= end)
        words = view.words_in(start, end)
        if not inside.any() or not words:
            rows.append(np.zeros(len(SENTENCE_SIGNALS), dtype=np.float32))
            continue
        first = view.opening(i)
        read = inside if first == start else (view.tokens.spans[:, 0] >= first) & (view.tokens.spans[:, 1] <= end)
        top = _with_meant(question, similar[:, read].max(axis=1), view.meant[i])
        mean = view.tokens.vectors[inside].mean(axis=0)
        known = words if first == start else view.words_in(first, end)
        stems = {w.stem for w in known} | view.meant[i]
        rows.append(
            np.array(
                [
                    float(question.vector @ mean) / max(float(np.linalg.norm(mean)), 1e-6),
                    top.mean(),
                    (top * weights).sum() / weights.sum(),
                    sum(r for r, w in zip(rarity, content, strict=True) if w.stem in stems) / total,
                    _shared(asked_pairs, _pairs([w.stem for w in known])),
                    float(bool(words_of_kind(question, view.text[start:end], words))),
                    min(1.0, sum(w.is_content and w.stem not in question.rarity for w in words) / 8),
                    np.log1p(len(words)) / 4,
                    float(words[0].text.lower() in PRONOUNS),
                    float(view.text[end - 1 : end].isalnum()),
                ],
                dtype=np.float32,
            )
        )
    sentences = np.array(rows, dtype=np.float32).reshape(-1, len(SENTENCE_SIGNALS))
    strongest = sentences.max(axis=0) if len(sentences) else np.zeros(len(SENTENCE_SIGNALS), dtype=np.float32)
    meant = frozenset[str]().union(*view.meant)
    top = _with_meant(question, similar.max(axis=1), meant)
    stems = {w.stem for w in view.words} | meant
    passage = np.array(
        [
            cosine,
            bm25 / max(sum(question.rarity.values()), 0.1),
            sum(r for r, w in zip(rarity, content, strict=True) if w.stem in title) / total,
            top.mean(),
            (top * weights).sum() / weights.sum(),
            sum(r for r, w in zip(rarity, content, strict=True) if w.stem in stems) / total,
            _shared(asked_pairs, _pairs([w.stem for w in view.words])),
            strongest[0],
            strongest[1],
            strongest[2],
            strongest[3],
            np.log1p(len(view.words)) / 6,
        ],
        dtype=np.float32,
    )
    return Signals(passage, sentences)


def _with_meant(question: Question, top: np.ndarray, meant: frozenset[str]) -> np.ndarray:
    """`top`, the best match of each of the question's tokens, where those of names that are `meant` match, too."""
    for word in question.words if meant else ():
        if word.stem in meant and word.is_content:
            spans = question.tokens.spans
            inside = (spans[:, 0] >= word.start) & (spans[:, 1] <= word.end)
            top = np.where(inside, np.maximum(top, MEANT), top)
    return top


def _pairs(stems: Sequence[str]) -> set[tuple[str, str]]:
    return set(pairwise(stems))


def _shared(asked: set[tuple[str, str]], found: set[tuple[str, str]]) -> float:
    return len(asked & found) / len(asked) if asked else 0.0
