"""What readers take, a `File`, and what they give: `Document`s, each the metadata of an article and its blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cached_property
from importlib import import_module
from typing import Any

from rag.cleaning import clean
from rag.decoding import decode
from rag.errors import UnreadableArticle


@dataclass
class File:
    """A file to be read."""

    data: bytes
    fields: tuple[str, ...] = ()
    """The setting `fields`: which of its fields hold what, "text=body"."""
    most: int = 1_000_000_000
    """Bytes that an archive may hold unpacked, and characters of text that are taken from the file."""
    encoding: str = ""
    """What `text` was taken for, where that had to be assumed."""

    @cached_property
    def text(self) -> str:
        """What is in it, decoded and cleaned.

        Raises:
            UnreadableArticle: it is no text.
        """
        text, self.encoding = decode(self.data)
        return clean(text)


class Kind(str, Enum):
    """What a block is."""

    PARAGRAPH = "paragraph"
    """May be cited."""
    HEADING = "heading"
    ASIDE = "aside"
    """Shown, but no evidence: a label, a credit, a line of keywords."""


@dataclass(frozen=True)
class Block:
    """A stretch of text between others; line breaks in it separate the items of a list."""

    kind: Kind
    text: str
    place: str = ""
    """Where in the file it stands, where that can be told: "p. 12", a chapter, "row 7"."""


@dataclass
class Document:
    """An article as its file tells it."""

    blocks: list[Block] = field(default_factory=list)
    title: str = ""
    author: str = ""
    date: str = ""
    """YYYY-MM-DD or ""."""
    url: str = ""
    tags: tuple[str, ...] = ()
    key: str = ""
    """Which one of its file's articles it is; "" in formats of which a file holds one."""


@dataclass(frozen=True)
class Unread:
    """A part of a file that could not be read, while others could."""

    place: str
    reason: str


def extra(module: str, name: str) -> Any:
    """A module that comes with the extra `name` of this package.

    Raises:
        UnreadableArticle: it is not installed; says the command.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise UnreadableArticle(f"reading it needs {error.name}; run: pip install -e '.[{name}]'") from error


_CREDIT = re.compile(
    r"^\W*(?:(?:file |stock |cover |top )?(?:photo|photograph|image|picture|illustration|graphic|video|screenshot|"
    r"credit|source|via|copyright|©)s?\b)(?:\s+(?:by|credit|courtesy|from|of|source)\b)?.{0,3}[:/©|–-].{0,120}$|^\W*©|"
    r"^\W*(?:photo|photograph|image|picture|illustration|graphic|video)s? by [^.!?]{2,80}$",
    re.I | re.S,
)
_FORMATS = ("%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y", "%B %d %Y", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y")


def is_credit(text: str) -> bool:
    """Whether a block only says where a picture comes from."""
    return len(text) < 160 and bool(_CREDIT.match(text))


def paragraph(text: str) -> Block:
    """A block of running text, or an aside if it is a credit."""
    return Block(Kind.ASIDE if is_credit(text) else Kind.PARAGRAPH, text)


def one(value: Any) -> str:
    """A text or a number as one line; "" for anything else."""
    return " ".join(str(value).split()) if isinstance(value, (str, int, float)) else ""


def day(value: Any) -> str:
    """A date as YYYY-MM-DD; "" when it can't be told."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = one(value)[:60]
    found = re.match(r"\d{4}-\d{2}-\d{2}", text, re.ASCII)
    if found:
        text = found.group()
    for pattern in ("%Y-%m-%d", *_FORMATS):
        try:
            return datetime.strptime(text, pattern).date().isoformat()
        except ValueError:
            continue
    try:
        # As in mails and feeds: Tue, 02 Apr 2024 08:00:00 +0200
        return parsedate_to_datetime(text).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""


def words(value: Any) -> tuple[str, ...]:
    """Tags from a list, or from a text that separates them by commas or semicolons."""
    parts = value if isinstance(value, (list, tuple)) else re.split(r"[,;]", one(value))
    return tuple(dict.fromkeys(part for item in parts if (part := one(item))))
