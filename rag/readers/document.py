"""What readers give: the metadata of an article and its blocks, in reading order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any

from rag.cleaning import tidy


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


def day(value: Any) -> str:
    """A date as YYYY-MM-DD; "" when it can't be told."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value or "").strip()
    found = re.match(r"\d{4}-\d{2}-\d{2}", text)
    if found:
        text = found.group()
    for pattern in ("%Y-%m-%d", *_FORMATS):
        try:
            return datetime.strptime(text, pattern).date().isoformat()
        except ValueError:
            continue
    return ""


def words(value: Any) -> tuple[str, ...]:
    """Tags from a list, or from a text that separates them by commas or semicolons."""
    parts = value if isinstance(value, (list, tuple)) else re.split(r"[,;]", str(value or ""))
    return tuple(dict.fromkeys(part for part in (tidy(str(item)) for item in parts) if part))
