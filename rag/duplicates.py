"""The same thing told twice: near-identical sentences and passages, and paragraphs that only sum up others.

Two texts are near-identical when most of the shorter one's word trigrams stand in the longer one (containment,
Broder 1997), and none of its numbers or negations is another there; short texts must agree word for word. A paragraph
most of whose sentences stand again in other paragraphs of its article is a *digest* (a summary, key points, a pull
quote): what it says is cited where it is told, and the digest is one more place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from rag.articles import Article, Paragraph
from rag.attribution import Mention, people
from rag.question import NUMBER_WORDS
from rag.sentences import split_sentences

NEAR = 0.8
"""Least containment of near-identical texts; one changed word in twenty leaves 0.85."""

_WORD = re.compile(r"[^\W_]+")
_NEGATIONS = frozenset("not no never nor neither none nobody nothing cannot without t".split())
"""And what is left of "didn't" between other words."""


def shingles(text: str) -> frozenset[str]:
    """The word trigrams of `text`; the whole of it where it has fewer than five words."""
    words = [match.group().lower() for match in _WORD.finditer(text)]
    if len(words) < 5:
        return frozenset([" ".join(words)])
    return frozenset(" ".join(words[i : i + 3]) for i in range(len(words) - 2))


def containment(a: frozenset[str], b: frozenset[str]) -> float:
    """Share of the smaller set that is in the larger one."""
    return len(a & b) / max(1, min(len(a), len(b)))


def near_identical(a: frozenset[str], b: frozenset[str]) -> bool:
    """Whether two texts, given by their shingles, say the same in the same words."""
    small, large = sorted((a, b), key=len)
    # A short sentence inside a long one is a quotation of it, not the same sentence.
    return len(small) * 2 >= len(large) and containment(a, b) >= NEAR and _agree(small, large)


def _agree(small: frozenset[str], large: frozenset[str]) -> bool:
    """Whether no number of `small` is missing in `large`, and both deny the same: a corrected version of a text is as
    like it as a copy, and says something else.
    """
    words, others = ({word for shingle in text for word in shingle.split()} for text in (small, large))
    numbers = {word for word in words - others if word in NUMBER_WORDS or any(map(str.isdigit, word))}
    return not numbers and words & _NEGATIONS == others & _NEGATIONS


@dataclass(frozen=True)
class ArticleSentence:
    """A sentence of an article with its shingles."""

    paragraph: Paragraph
    start: int
    """Span in the article's text."""
    end: int
    shingles: frozenset[str]


class ArticleSentences:
    """The sentences of an article, in order, and where each stands again."""

    def __init__(self, article: Article) -> None:
        self.article = article
        self.sentences: list[ArticleSentence] = []
        for paragraph in article.paragraphs:
            for a, b in split_sentences(paragraph.text):
                start, end = paragraph.start + a, paragraph.start + b
                self.sentences.append(ArticleSentence(paragraph, start, end, shingles(paragraph.text[a:b])))
        self._by_shingle: dict[str, list[int]] = {}
        for i, sentence in enumerate(self.sentences):
            for shingle in sentence.shingles:
                self._by_shingle.setdefault(shingle, []).append(i)

    def overlapping(self, start: int, end: int) -> list[int]:
        """Indices of the sentences that share characters with the span."""
        return [i for i, s in enumerate(self.sentences) if s.start < end and s.end > start]

    def same_as(self, wanted: frozenset[str]) -> list[int]:
        """Indices of the sentences near-identical to the one with these shingles, in reading order."""
        counts: dict[int, int] = {}
        for shingle in wanted:
            for i in self._by_shingle.get(shingle, ()):
                counts[i] = counts.get(i, 0) + 1
        return sorted(i for i in counts if near_identical(wanted, self.sentences[i].shingles))

    @cached_property
    def people(self) -> list[Mention]:
        """Where it names people."""
        return people(self.article.text)

    @cached_property
    def digests(self) -> frozenset[int]:
        """Numbers of the paragraphs that only sum up others."""
        by_paragraph: dict[int, list[ArticleSentence]] = {}
        for sentence in self.sentences:
            by_paragraph.setdefault(sentence.paragraph.number, []).append(sentence)
        found = set()
        for number, sentences in by_paragraph.items():
            told = [self._elsewhere(s.shingles, number) for s in sentences]
            sources = {n for numbers in told for n in numbers}
            repeated = sum(bool(numbers) for numbers in told)
            if len(sentences) >= 3 and repeated * 2 > len(sentences) and len(sources) >= 2:
                found.add(number)
        return frozenset(found)

    def _elsewhere(self, wanted: frozenset[str], number: int) -> set[int]:
        return {self.sentences[i].paragraph.number for i in self.same_as(wanted)} - {number}
