"""The conversation of one browser tab, and what a reader may take from it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag.answering import Answer, Citation, Sentence
from rag.articles import Paragraph
from rag.hits import Hit


@dataclass(frozen=True)
class Turn:
    """A question of the conversation."""

    question: str
    answer: Answer | None = None
    """None while it is searched for."""
    judged: str = ""
    """What was thought of it: up, down, or "down" and what would be right: unsaid, or the number of a hit."""
    limited: bool = False
    """Whether it was asked of some of the articles only."""

    @property
    def sentences(self) -> Sequence[Sentence]:
        """Of its answer, as far as there is one."""
        return self.answer.sentences if self.answer else ()

    @property
    def hits(self) -> Sequence[Hit]:
        """Of its answer, as far as there is one."""
        return self.answer.hits if self.answer else ()


@dataclass(frozen=True)
class Place:
    """Something of a turn that can be read in its article."""

    turn: int
    sentence: int | None = None
    citation: int = 0
    """Among the sentence's."""
    hit: int | None = None
    """Instead of a sentence: what a refusal offers."""

    def data(self) -> dict[str, object]:
        """What a button that shows it carries."""
        if self.hit is not None:
            return {"event": "show", "turn": self.turn, "hit": self.hit}
        return {"event": "show", "turn": self.turn, "sentence": self.sentence or 0, "citation": self.citation}

    @classmethod
    def of(cls, data: Any) -> Place | None:
        """From what a button carried; None when that is nothing of the kind."""
        try:
            numbers = {name: int(dict(data)[name]) for name in ("turn", "sentence", "citation", "hit") if name in data}
            return cls(**numbers) if min(numbers.values()) >= 0 and {"sentence", "hit"} & set(numbers) else None
        except (KeyError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Conversation:
    """Questions and their answers, oldest first."""

    turns: tuple[Turn, ...] = ()
    editing: int | None = None
    """Number of the question that is being asked again."""
    id: str = ""
    """What the browser keeps it under, from the first question on."""

    def kept(self) -> Conversation:
        """What stays when the next question is asked: what came before the one that is asked again."""
        turns = self.turns if self.editing is None else self.turns[: self.editing]
        return replace(self, turns=tuple(turn for turn in turns if turn.answer), editing=None)

    def asked(self, question: str, answer: Answer | None = None, limited: bool = False) -> Conversation:
        """With one more question."""
        turn = Turn(question, answer, limited=limited)
        return replace(self, turns=(*self.turns, turn), id=self.id or secrets.token_hex(8))

    def cut(self, count: int) -> Conversation:
        """With only the first `count` sentences of the last answer."""
        last = self.turns[-1]
        answer = replace(last.answer, sentences=tuple(last.sentences[:count])) if last.answer else None
        return replace(self, turns=(*self.turns[:-1], replace(last, answer=answer)))

    def judged(self, number: int, judged: str) -> Conversation:
        """With a judgement of a turn's answer."""
        turn = replace(self.turns[number], judged=judged)
        return replace(self, turns=(*self.turns[:number], turn, *self.turns[number + 1 :]))

    def cited(self, place: Place) -> tuple[Citation, Sequence[Citation]] | None:
        """The citation at `place`, and all of its sentence's; None when there is none."""
        sentences = self._turn(place).sentences
        if place.sentence is None or place.sentence >= len(sentences):
            return None
        citations = sentences[place.sentence].citations
        return (citations[place.citation], citations) if place.citation < len(citations) else None

    def offered(self, place: Place) -> Hit | None:
        """The hit at `place`; None when there is none."""
        hits = self._turn(place).hits
        return hits[place.hit] if place.hit is not None and place.hit < len(hits) else None

    def _turn(self, place: Place) -> Turn:
        return self.turns[place.turn] if place.turn < len(self.turns) else Turn("")

    def markdown(self) -> str:
        """The conversation with the paragraphs that were cited, as Markdown."""
        parts = ["# Questions to the articles\n"]
        for turn in self.turns:
            if turn.answer:
                parts.append(f"## {_plain(turn.question)}\n\n{quoted(turn.answer)}\n")
        return "\n".join(parts)


def where(paragraph: Paragraph) -> str:
    """Where a paragraph stands in its article, in words: "p. 12, paragraph 3"."""
    return f"{paragraph.place}, paragraph {paragraph.number}" if paragraph.place else f"paragraph {paragraph.number}"


def footnoted(answer: Answer) -> str:
    """The answer as plain text with numbered sources below it."""
    text, sources = _numbered(answer)
    notes = [f"[{i}] {_named(citation)}" for i, citation in enumerate(sources, 1)]
    return "\n".join([text, *(["", *notes] if notes else [])])


def quoted(answer: Answer) -> str:
    """The answer as Markdown, with each cited paragraph in full."""
    text, sources = _numbered(answer)
    parts = [_plain(text)]
    for i, citation in enumerate(sources, 1):
        lines = _plain(citation.paragraph.text).splitlines()
        parts.append(f"[{i}] {_plain(_named(citation))}\n\n" + "\n".join(f"> {line}" for line in lines))
    return "\n\n".join(parts)


def _numbered(answer: Answer) -> tuple[str, list[Citation]]:
    """The answer's text with marks, and what they stand for."""
    sources: dict[tuple[str, int], Citation] = {}
    sentences = []
    for sentence in answer.sentences:
        numbers = []
        for citation in sentence.citations:
            key = (citation.article.id, citation.paragraph.number)
            sources.setdefault(key, citation)
            numbers.append(f"[{list(sources).index(key) + 1}]")
        sentences.append(f"{sentence.text} {''.join(numbers)}")
    return (" ".join(sentences) if answer.answered else answer.text), list(sources.values())


def _named(citation: Citation) -> str:
    article = citation.article
    facts = ", ".join(fact for fact in (article.author, article.date) if fact)
    title = f"{article.title} ({facts})" if facts else article.title
    # A file may hold several articles, and only the id says which.
    return f"{title}, {article.url or article.id}, {where(citation.paragraph)}"


def _plain(text: str) -> str:
    """`text` so that Markdown takes it for nothing but text."""
    return "".join(f"\\{character}" if character in "\\`*_{}#|<>![" else character for character in text)
