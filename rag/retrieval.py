"""Retriever: candidates from dense and lexical search, fused, collapsed, filtered → hits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.articles import Article, Paragraph
from rag.settings import Settings


@dataclass(frozen=True)
class Place:
    """Where else the same text stands."""

    article: Article
    paragraph: Paragraph


@dataclass(frozen=True)
class Hit:
    """A passage that a search returned."""

    score: float
    """0 to 1, higher is better; comparable within one search."""
    article: Article
    paragraphs: tuple[Paragraph, ...]
    """The paragraphs the passage covers or lies in, in reading order."""
    text: str
    start: int
    end: int
    """Span of the passage in `article.text`."""
    heading: str = ""
    signals: dict[str, float] = field(default_factory=dict)
    """Where the score came from, by name."""
    places: tuple[Place, ...] = ()
    """Near-identical passages elsewhere, collapsed into this one."""

    def to_dict(self) -> dict[str, Any]:
        """An element of `search --json`."""
        return {
            "score": round(self.score, 4),
            "article": article_dict(self.article),
            "heading": self.heading,
            "paragraphs": [{"number": p.number, "text": p.text} for p in self.paragraphs],
            "text": self.text,
            "start": self.start,
            "end": self.end,
            "places": [{"article": article_dict(p.article), "paragraph": p.paragraph.number} for p in self.places],
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
class Filters:
    """Which articles a search may look in; empty fields allow all. Within a field any value will do."""

    articles: tuple[str, ...] = ()
    """Article ids."""
    authors: tuple[str, ...] = ()
    """Authors, case ignored."""
    tags: tuple[str, ...] = ()
    """Tags, case ignored."""
    since: str = ""
    """First date, YYYY-MM-DD, inclusive; articles without a date are left out."""
    until: str = ""
    """Last date, inclusive."""


class Retriever:
    """Search over a published index; safe to call from several threads."""

    @classmethod
    def open(cls, index: str | Path = "index", settings: Settings | None = None) -> Retriever:
        """A retriever over the index in the folder `index`."""
        raise NotImplementedError

    def search(self, query: str, k: int = 5, filters: Filters | None = None) -> list[Hit]:
        """The `k` best hits for `query`, best first."""
        raise NotImplementedError
