"""Plain text.

- Where blank lines separate blocks of lines of much the same length, lines were broken to a width and are joined again;
  otherwise every line is a paragraph of its own.
- Neighbouring lines with a list mark ("-", "•", "1.") are one list.
- A line that ends without a mark of punctuation is no sentence: a heading where a paragraph follows and it is short, an
  aside elsewhere. In a text most of whose lines end that way, this says nothing and they are paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.readers.document import Block, Document, File, Kind, is_credit, paragraph

SUFFIXES = (".txt", ".text")
ISOLATED = False

HEADING_WORDS = 18
"""A heading has no more."""
FOLLOWING = 20
"""Lines after a heading among which its paragraph is looked for."""
_MARK = re.compile(r"^\s*(?:[-*•–·▪]\s+|(?=\(?\d{1,3}[.)]\s+\S))")
_ENDS = re.compile(r"[.!?…:;。！？][”’\"'»)\]]*$|[”’\"]$|\w{3}[.!?][”’\"')\]]*\s*[“\"‘(]?[A-Z][^.]+ .{40}")
"""A mark of punctuation at the end, or a sentence's end before the last stretch."""


def read(file: File) -> Iterator[Document]:
    """The document in `file`.

    Raises:
        UnreadableArticle: it is no text.
    """
    found = blocks(file.text)
    yield Document(found, title=_title(found))


def blocks(text: str) -> list[Block]:
    """The blocks of plain text."""
    lines = _lines(text)
    whole = sum(bool(_ENDS.search(line)) for line in lines)
    telling = whole * 3 >= len([line for line in lines if line])
    found: list[Block] = []
    i = 0
    while i < len(lines):
        if not lines[i]:
            i += 1
            continue
        items = _items(lines, i)
        if len(items) > 1:
            found.append(Block(Kind.PARAGRAPH, "\n".join(items)))
            i += len(items)
            continue
        following = _following(lines, i)
        line = _MARK.sub("", lines[i])
        found.append(_block(line, lines[i] != line, following, telling))
        i += 1
    return found


def _lines(text: str) -> list[str]:
    """Lines as they were meant, stripped; "" between blocks."""
    found: list[str] = []
    blocks = [[line.rstrip() for line in block.split("\n")] for block in re.split(r"\n\s*\n", text.strip("\n"))]
    long = [line for block in blocks for line in block[:-1] if not _MARK.match(line)]
    width = max((len(line) for block in blocks for line in block), default=0)
    wrapped = (
        len(blocks) > 1
        and len(long) >= 2
        and width <= 120
        and sum(len(line) >= 0.6 * width for line in long) * 4 >= 3 * len(long)
    )
    for block in blocks:
        if wrapped:
            joined: list[str] = []
            for line in block:
                if joined and not _MARK.match(line):
                    joined[-1] += " " + line.strip()
                else:
                    joined.append(line.strip())
            found += joined
        else:
            found += [line.strip() for line in block]
        found.append("")
    return found


def _items(lines: list[str], first: int) -> list[str]:
    items = []
    while first < len(lines) and _MARK.match(lines[first]):
        items.append(_MARK.sub("", lines[first]))
        first += 1
    return items


def _following(lines: list[str], i: int) -> str:
    """The next line that says something; "" where none of the next few does."""
    return next((line for line in lines[i + 1 : i + 1 + FOLLOWING] if line and not is_credit(line)), "")


def _block(line: str, marked: bool, following: str, telling: bool) -> Block:
    if _ENDS.search(line) or not telling:
        return paragraph(line)
    heads = bool(following) and (bool(_ENDS.search(following)) or bool(_MARK.match(following)))
    if heads and not marked and not is_credit(line) and len(line.split()) <= HEADING_WORDS and len(line) <= 120:
        return Block(Kind.HEADING, line)
    return Block(Kind.ASIDE, line)


def _title(blocks: list[Block]) -> str:
    """The first line, where it is a heading of more than two words: fewer are a label."""
    first = blocks[0] if blocks else None
    return first.text if first and first.kind is not Kind.PARAGRAPH and 3 <= len(first.text.split()) <= 30 else ""
