"""What a search returns: hits, and where else their text stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rag.articles import Article, Paragraph


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
