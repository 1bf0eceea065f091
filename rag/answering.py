"""Answerer: evidence → answer with citations, or refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.articles import Article, Paragraph
from rag.retrieval import Filters, Hit, article_dict
from rag.settings import Settings


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

    @classmethod
    def open(cls, index: str | Path = "index", settings: Settings | None = None) -> Answerer:
        """An answerer over the index in the folder `index`."""
        raise NotImplementedError

    def ask(
        self, question: str, history: Sequence[tuple[str, str]] = (), filters: Filters | None = None, k: int = 5
    ) -> Answer:
        """The answer to `question`, understood in the light of `history`: (question, answer) pairs, oldest first."""
        raise NotImplementedError
