"""Answerer: evidence → answer with citations, or refusal.

1. A follow-up is made to stand alone (`rag.conversation`) and searched for; where it may mean one thing or another,
   the one that the articles are likelier to answer is taken.
2. The sentences of the best passages are ranked by their signals (`rag.signals`, `rag.weights`); one that speaks of
   somebody else of the same surname or office (`rag.attribution`) drops out, one that a digest repeats counts where it
   is told.
3. The examiner reads the best of them together with the question (`rag.examiner`): how likely is each to answer it?
   If it is less likely than `answer_threshold` that one of them does, the answer is a refusal with the nearest hits.
4. Otherwise the answer is made of the best sentences (`rag.composition`), each cited with every place it stands in.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.articles import Article, Paragraph
from rag.attribution import full_names, is_another, is_office_of_another
from rag.cleaning import clean
from rag.composition import Evidence, compose
from rag.conversation import readings, turns_of
from rag.duplicates import ArticleSentences, near_identical, shingles
from rag.examiner import EXAMINED, Examiner
from rag.examiner import Sentence as Examined
from rag.filters import Filters
from rag.hits import Hit, article_dict
from rag.question import Question
from rag.retrieval import LONGEST_QUESTION, Candidate, Retriever
from rag.sentences import split_sentences
from rag.settings import Settings
from rag.weights import Weights

READ = 5
"""Passages whose sentences may become evidence."""
COPIES = 10
"""Places in copies of its article that a sentence is cited with, at most."""
DIGEST = 2.0
"""What a sentence loses for standing in a paragraph that only sums up others."""
CLEARER = 0.3
"""How much likelier a less likely reading of a follow-up must be to be answered."""
ANOTHER = 20.0
"""What a sentence loses for speaking of somebody else of the same surname: everything."""


@dataclass(frozen=True)
class Citation:
    """Where a sentence stands: `article.text[start:end]` is the cited text."""

    article: Article
    paragraph: Paragraph
    start: int
    end: int

    def to_dict(self) -> dict[str, Any]:
        """As in `ask --json`."""
        return {
            "article": article_dict(self.article),
            "paragraph": self.paragraph.number,
            "place": self.paragraph.place,
            "paragraph_text": self.paragraph.text,
            "start": self.start,
            "end": self.end,
        }


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer, with at least one citation; the first is where it was taken from."""

    text: str
    citations: tuple[Citation, ...]

    def to_dict(self) -> dict[str, Any]:
        """As in `ask --json`."""
        return {"text": self.text, "citations": [citation.to_dict() for citation in self.citations]}


@dataclass(frozen=True)
class Answer:
    """Sentences with citations, or a refusal with the nearest hits."""

    question: str
    searched: str
    """The stand-alone question that was searched for; differs from `question` in a follow-up."""
    answered: bool
    sentences: tuple[Sentence, ...]
    hits: tuple[Hit, ...]
    """What was found, best first; on a refusal the nearest passages."""
    confidence: float
    """0 to 1: how likely it is that the articles answer the question."""
    seconds: float

    @property
    def text(self) -> str:
        """The answer in one string, or the refusal."""
        return " ".join(s.text for s in self.sentences) if self.answered else "The articles don't say."

    def to_dict(self) -> dict[str, Any]:
        """Exactly what `ask --json` prints."""
        return {
            "question": self.question,
            "searched": self.searched,
            "answered": self.answered,
            "answer": self.text,
            "sentences": [sentence.to_dict() for sentence in self.sentences],
            "hits": [hit.to_dict() for hit in self.hits],
            "confidence": round(self.confidence, 4),
            "seconds": round(self.seconds, 4),
        }


class Answerer:
    """Answers questions from a published index; safe to call from several threads."""

    def __init__(self, retriever: Retriever, examiner: Examiner) -> None:
        self.retriever = retriever
        self.examiner = examiner
        self.settings = retriever.settings

    @classmethod
    def open(cls, index: str | Path = "index", settings: Settings | None = None) -> Answerer:
        """An answerer over the index in the folder `index`.

        Raises:
            IndexNotFound, IndexDamaged, IndexIncompatible: each says what to run.
        """
        return cls(Retriever.open(index, settings), Examiner.load(settings))

    def ask(self, question: str, history: Sequence[Any] = (), filters: Filters | None = None, k: int = 5) -> Answer:
        """The answer to `question`, understood in the light of `history`.

        Args:
            question: any text; what is beyond `LONGEST_QUESTION` is cut off.
            history: (question, answer text) pairs, or earlier `Answer`s, oldest first.
            filters: which articles may be used.
            k: how many hits the answer carries.

        Raises:
            RagError: the question is empty.
        """
        started = time.perf_counter()
        question = clean(question.strip()[:LONGEST_QUESTION])
        candidates: list[Candidate] = []
        ranked: list[Evidence] = []
        searched, confidence = question, -CLEARER
        for reading in readings(question, turns_of(history)):
            if confidence + CLEARER > 1:
                break
            asked, found = self.retriever.read(reading, filters, wanted=k)
            evidence, likely = self._rank(asked, found)
            if likely >= confidence + CLEARER:
                searched, candidates, ranked, confidence = reading, found, evidence, likely
        hits = tuple(candidate.hit() for candidate in candidates[:k])
        sentences: tuple[Sentence, ...] = ()
        if ranked and confidence >= self.settings.answer_threshold:
            chosen = compose(searched, ranked)
            sentences = tuple(_cited(article, index, candidates) for article, index in chosen)
        return Answer(
            question=question,
            searched=searched,
            answered=bool(sentences),
            sentences=sentences,
            hits=hits,
            confidence=confidence,
            seconds=time.perf_counter() - started,
        )

    def _rank(self, asked: Question, candidates: Sequence[Candidate]) -> tuple[list[Evidence], float]:
        """The best sentences, the likeliest to answer the question first, and how likely it is that one does."""
        best = best_sentences(candidates, self.retriever.weights)
        names = full_names(asked.text)
        ranked = []
        scores = [-ANOTHER]
        for sentence, odds in zip(best, self.examiner.examine(asked, best), strict=True):
            article = sentence.candidate.article
            index = sentence.candidate.sentences[sentence.position]
            own, text = article.sentences[index], article.article.text
            wrong = any(is_another(name, article.people, own.start, own.end) for name in names)
            wrong = wrong or is_office_of_another(asked.text, text[own.start : own.end])
            score = float(odds) - ANOTHER * wrong
            scores.append(score)
            ranked.append(Evidence(article, index, score - DIGEST * (own.paragraph.number in article.digests)))
        # The examiner has learnt the odds of each sentence against none of them answering.
        confidence = 1 / (1 + math.exp(-float(np.logaddexp.reduce(scores))))
        return sorted(ranked, key=lambda evidence: -evidence.score), confidence


def best_sentences(candidates: Sequence[Candidate], weights: Weights) -> list[Examined]:
    """The sentences of the best passages that are worth examining, best first."""
    if not candidates:
        return []
    log_sum = float(np.logaddexp.reduce([candidate.score for candidate in candidates]))
    found: dict[tuple[str, int], Examined] = {}
    for rank, candidate in enumerate(candidates[:READ]):
        log_probability = candidate.score - log_sum
        scores = weights.sentence_scores(candidate.signals, log_probability)
        for position, (index, score) in enumerate(zip(candidate.sentences, scores, strict=True)):
            if candidate.article.sentences[index].paragraph.number in candidate.article.digests:
                score -= DIGEST
            key = (candidate.passage.article_id, index)
            if key not in found or found[key].score < score:
                found[key] = Examined(candidate, position, float(score), log_probability, rank)
    return sorted(found.values(), key=lambda sentence: -sentence.score)[:EXAMINED]


def _cited(article: ArticleSentences, index: int, candidates: Sequence[Candidate]) -> Sentence:
    """The sentence with its citations: where it stands, then everywhere it stands again."""
    own = article.sentences[index]
    places = [(article, i) for i in article.same_as(own.shingles) if i != index]
    known = {c.article.article.id: c.article for c in candidates}
    for other in known.values():
        if other.article.id != article.article.id:
            places += [(other, i) for i in other.same_as(own.shingles)]
    citations = [
        Citation(a.article, a.sentences[i].paragraph, a.sentences[i].start, a.sentences[i].end)
        for a, i in [(article, index), *places]
    ]
    copies = [p for c in candidates if c.article is article and index in c.sentences for p in c.places]
    for place in [copy for copy in copies if copy.article.id not in known][:COPIES]:
        for a, b in split_sentences(place.paragraph.text):
            if near_identical(own.shingles, shingles(place.paragraph.text[a:b])):
                start = place.paragraph.start
                citations.append(Citation(place.article, place.paragraph, start + a, start + b))
    return Sentence(text=article.article.text[own.start : own.end], citations=tuple(citations))
