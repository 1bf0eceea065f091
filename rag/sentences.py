"""Where the sentences of a paragraph begin and end, by sentencex (Wikimedia's rules for some 240 languages).

Around its rules stand ours, for what articles do to sentences:

- A line break ends a sentence, since within a paragraph it separates list items or verses.
- A full stop ends one without the space that should follow it ("… development.The company …"), which is common where
  pages lose their line breaks; the dot in names such as "Node.js", "01.AI" or "U.S.A." does not.
- What stands in quotation marks is split like everything else, so that a long quotation is not one sentence.
- Nothing ends after an abbreviation that goes on with a figure ("approx. 500", "vol. 2"), nor before a small letter
  (“Why?” he asked), nor after the number that a line begins with ("1. Give notice").
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

_GLUED = re.compile(
    r"(?<=[^\W\d_A-Z]{3})[.!?][”’\"')\]]{0,2}(?=[“\"‘(\[]?[A-Z][a-z’']*[ ,A-Z-])|[。！？][”’」』）]{0,2}"
)
"""A word of three letters or more, the end of a sentence, a capitalised word; or an end that needs no space."""
_LINE = re.compile(r"[^\n]+")
_QUOTES = str.maketrans(dict.fromkeys('“”„«»"', " "))
_CLOSING = re.compile(r"[”\"’'»)\]]*")
_AROUND = "“”„«»‘’\"'()[] \t"
_ABBREVIATED = re.compile(
    r"\b(?:approx|ca?|est|vols?|chs?|chap|nos?|nr|pp?|figs?|eqs?|arts?|secs?|par|ver|max|min|[ap]\.m)\.$", re.I
)
_NUMBER = re.compile(r"\(?\d{1,3}[.)]")
_FIGURE = re.compile(r"[$€£¥]?\d")
_SMALL = re.compile(r"[a-zß-öø-ÿ](?![A-Z])")
_PIECE = 20_000
"""Longer lines are split in pieces, cut at spaces."""


@lru_cache(maxsize=2048)
def split_sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Spans of the sentences of `text`, in order, without the spaces around them; together they hold every word."""
    spans: list[tuple[int, int]] = []
    for line in _LINE.finditer(text):
        for start, end in _between_glued(text, line.start(), line.end()):
            for a, b in _pieces(text, start, end):
                spans += _sentences(text, a, b)
    return tuple(spans)


def _between_glued(text: str, start: int, end: int) -> list[tuple[int, int]]:
    cuts = [start, *(match.end() for match in _GLUED.finditer(text, start, end)), end]
    return list(pairwise(cuts))


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    pieces = []
    while end - start > _PIECE:
        stop = text.rfind(" ", start, start + _PIECE)
        stop = start + _PIECE if stop <= start else stop
        pieces.append((start, stop))
        start = stop
    return [*pieces, (start, end)]


def _sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    from sentencex import segment

    cuts = [start]
    # Quotation marks become spaces of the same length; what it returns adds up to what it was given.
    for piece in segment("en", text[start:end].translate(_QUOTES)):
        cuts.append(cuts[-1] + len(piece))
    # A closing mark belongs to the sentence before it.
    ends = [_closed(text, cut, end) for cut in cuts[1:-1] if _ends_here(text, cut, start, end)]
    spans = []
    for a, b in pairwise([start, *ends, end]):
        stripped = text[a:b].strip()
        if any(character.isalnum() for character in stripped):
            first = a + text[a:b].index(stripped[0])
            spans.append((first, first + len(stripped)))
        elif stripped and spans:
            spans[-1] = (spans[-1][0], a + len(text[a:b].rstrip()))
    return spans


def _closed(text: str, cut: int, end: int) -> int:
    """Where the sentence that ends before `cut` really ends: behind its mark and the quotation marks that close it."""
    mark = len(text[:cut].rstrip(_AROUND))
    return min(end, mark + len(_CLOSING.match(text, mark).group()))  # type: ignore[union-attr]


def _ends_here(text: str, cut: int, start: int, end: int) -> bool:
    stop = _closed(text, cut, end)
    after = text[stop:end]
    if after[:1] and not after[:1].isspace() and text[stop - 1] not in "。！？”」』）":
        return False
    if _NUMBER.fullmatch(text[start:stop].strip()):
        return False
    following = after.lstrip(_AROUND)[:8]
    if _FIGURE.match(following):
        return not _ABBREVIATED.search(text[start:stop].rstrip(_AROUND))
    return not _SMALL.match(following)
