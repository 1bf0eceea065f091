"""Where the sentences of a paragraph begin and end, by nupunkt (Punkt of Kiss and Strunk 2006, trained anew).

A line break ends a sentence, since within a paragraph it separates list items or verses. So does a full stop without
the space that should follow it ("… development.The company …"), which is common where pages lose their line breaks; the
dot in names such as "Node.js", "01.AI" or "U.S.A." is not one of those.
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
_PIECE = 20_000
"""Longer lines are given to nupunkt in pieces, cut at spaces."""


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
    from nupunkt import sent_spans

    spans = []
    for a, b in sent_spans(text[start:end]):
        piece = text[start + a : start + b]
        stripped = piece.strip()
        if stripped:
            first = start + a + len(piece) - len(piece.lstrip())
            spans.append((first, first + len(stripped)))
    return spans
