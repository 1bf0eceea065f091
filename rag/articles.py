"""Read files and folders into `Article`s."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rag.settings import Settings


@dataclass(frozen=True)
class Paragraph:
    """The unit of citation: `article.text[start:end] == text`."""

    number: int
    """From 1, within its article; headings, labels and credits are not counted."""
    text: str
    start: int
    end: int
    heading: str = ""
    """The heading it stands under, "" when there is none."""


@dataclass(frozen=True)
class Article:
    """One source document."""

    id: str
    """Its path below the folder it was found in, with `/`: stable from build to build."""
    title: str
    text: str
    """The whole cleaned text, headings and labels included: what the reader shows and what spans point into."""
    paragraphs: tuple[Paragraph, ...]
    path: str
    author: str = ""
    date: str = ""
    """YYYY-MM-DD, or "" when unknown."""
    url: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skipped:
    """A file that a build left out."""

    path: str
    reason: str


def read_articles(paths: Iterable[str | Path], settings: Settings) -> Iterator[Article | Skipped]:
    """Every readable file below `paths` as an Article, every other one as Skipped, in a stable order."""
    raise NotImplementedError
