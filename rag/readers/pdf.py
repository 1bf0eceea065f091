"""PDF by pypdf (the extra `pdf`): text with its pages.

A PDF knows where lines stand, not what a paragraph is:

1. Lines that stand first or last on many pages, numbers aside, are running heads and feet and are left out.
2. The size of most letters and the usual distance between lines are those of the running text. Larger lines are
   headings; a larger distance, or a line that ends early with a full stop, ends a paragraph.
3. Words that are divided at the end of a line are joined, and so are paragraphs that go on on the next page; lines
   with a list mark are one list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from statistics import median
from typing import Any

from rag.errors import UnreadableArticle
from rag.readers.document import Block, Document, File, Kind, day, extra, one, paragraph

SUFFIXES = (".pdf",)
ISOLATED = True

EDGE = 2
"""Lines at the top and at the bottom of a page that may be running heads or feet."""
LARGER = 1.12
"""Times the size of running text, from which a line is a heading."""
_NUMBER = re.compile(r"\W*(?:page |p\. ?)?(?:\d{1,4}|[ivxl]{1,6})(?: ?(?:/|of) ?\d{1,4})?\W*", re.I)
_ENDS = re.compile(r"[.!?…:。！？][”’\"'»)\]]*$")
_DIVIDED = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")
_MARK = re.compile(r"[•‣▪●◦–—*-]\s+(?=\S)")
_LEADERS = re.compile(r"(?:\. ?){6}|…{2}|_{6}")
"""A line of a table of contents."""
_NO_TITLE = re.compile(r"untitled|microsoft word|\.(?:docx?|pdf|indd|tex|dvi|qxd)\b|^\W*$", re.I)


@dataclass
class _Line:
    page: int
    text: str
    y: float
    size: float


@dataclass
class _Paragraph:
    kind: Kind
    first: int
    last: int
    lines: list[str] = field(default_factory=list)

    def block(self) -> Block:
        text = ""
        for line in self.lines:
            if _MARK.match(line):
                text = f"{text}\n{_MARK.sub('', line)}".strip()
            elif _DIVIDED.search(text) and line[:1].islower():
                text = text[:-1] + line
            else:
                text = f"{text} {line}".strip()
        place = f"p. {self.first}" if self.first == self.last else f"pp. {self.first}–{self.last}"
        if _LEADERS.search(text):
            return Block(Kind.ASIDE, text, place)
        return Block(paragraph(text).kind if self.kind is Kind.PARAGRAPH else self.kind, text, place)


def read(file: File) -> Iterator[Document]:
    """The document in `file`.

    Raises:
        UnreadableArticle: it is encrypted or broken, or its pages are pictures; pypdf is not installed.
    """
    pypdf = extra("pypdf", "pdf")
    try:
        reader = pypdf.PdfReader(BytesIO(file.data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableArticle("it is encrypted with a password; save a copy without one")
        pages = [_lines(page, number) for number, page in enumerate(reader.pages, 1)]
        metadata = reader.metadata or {}
    except pypdf.errors.DependencyError as error:
        raise UnreadableArticle("it is encrypted with AES; to read it, run: pip install cryptography") from error
    except pypdf.errors.PyPdfError as error:
        raise UnreadableArticle(f"it is no whole PDF ({' '.join(str(error).split())[:120]})") from error
    body = _body([line for lines in pages for line in lines])
    lines = _without_running(pages, body)
    if not lines:
        raise UnreadableArticle("its pages are pictures without text; recognise the text (OCR) first")
    blocks = [item.block() for item in _paragraphs(lines, body)]
    title = one(metadata.get("/Title"))
    if _NO_TITLE.search(title):
        title = next((block.text for block in blocks[:3] if block.kind is Kind.HEADING), "")
    yield Document(blocks, title, one(metadata.get("/Author")), _created(metadata))


def _created(metadata: Any) -> str:
    match = re.match(r"D:(\d{4})(\d{2})(\d{2})", str(metadata.get("/CreationDate", "")))
    return day("-".join(match.groups())) if match else ""


def _lines(page: Any, number: int) -> list[_Line]:
    """The lines of a page, as pypdf finds them, with place and size of the longest part of each."""
    lines = [_Line(number, "", 0.0, 0.0)]
    longest = 0

    def add(text: str, place: list[float], matrix: list[float], font: Any, size: float) -> None:
        nonlocal longest
        for i, part in enumerate(text.split("\n")):
            if i:
                lines.append(_Line(number, "", 0.0, 0.0))
                longest = 0
            if len(part.strip()) > longest:
                longest = len(part.strip())
                lines[-1].y = matrix[4] * place[1] + matrix[5] * place[3] + place[5]
                lines[-1].size = abs(size * matrix[3] * place[3]) or size
            lines[-1].text += part

    page.extract_text(visitor_text=add)
    for line in lines:
        line.text = " ".join(line.text.split())
    return [line for line in lines if line.text]


def _body(lines: list[_Line]) -> float:
    """The size of running text."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _without_running(pages: list[list[_Line]], body: float) -> list[_Line]:
    """The lines of all pages without running heads and feet; these are no larger than running text."""
    edges = [{id(line) for line in [*lines[:EDGE], *lines[-EDGE:]] if line.size <= LARGER * body} for lines in pages]
    counts = Counter(
        key
        for lines, edge in zip(pages, edges, strict=True)
        for key in {_key(line) for line in lines if id(line) in edge}
    )
    least = max(3, len(pages) * 0.3)

    def runs(line: _Line) -> bool:
        key = _key(line)
        return bool(_NUMBER.fullmatch(line.text)) or counts[key] >= (2 if "#" in key else least)

    return [
        line
        for lines, edge in zip(pages, edges, strict=True)
        for line in lines
        if not (id(line) in edge and runs(line))
    ]


def _key(line: _Line) -> str:
    return re.sub(r"\d+|\b[ivxl]+\b", "#", line.text.lower())


def _paragraphs(lines: list[_Line], body: float) -> list[_Paragraph]:
    running = [line for line in lines if _alike(line.size, body)]
    gaps = [a.y - b.y for a, b in pairwise(running) if a.page == b.page and a.y > b.y]
    gap = median(gaps) if gaps else 0.0
    width = sorted(len(line.text) for line in running)[int(len(running) * 0.8)]
    found: list[_Paragraph] = []
    before: _Line | None = None
    for line in lines:
        kind = Kind.HEADING if line.size > LARGER * body and len(line.text) < 200 else Kind.PARAGRAPH
        if before and found and _goes_on(found[-1], before, line, kind, gap, width):
            found[-1].last = line.page
            found[-1].lines.append(line.text)
        else:
            found.append(_Paragraph(kind, line.page, line.page, [line.text]))
        before = line
    return found


def _goes_on(item: _Paragraph, before: _Line, line: _Line, kind: Kind, gap: float, width: int) -> bool:
    if item.kind is not kind or not _alike(before.size, line.size):
        return False
    if _MARK.match(line.text) or _MARK.match(item.lines[0]):
        # A list is one paragraph, from its first mark on.
        return bool(_MARK.match(item.lines[0])) and (bool(_MARK.match(line.text)) or before.y - line.y <= 1.3 * gap)
    ended = bool(_ENDS.search(before.text))
    if before.page != line.page or line.y > before.y:
        # On the next page or in the next column.
        return kind is Kind.PARAGRAPH and not ended and (len(before.text) > width / 2 or line.text[0].islower())
    if before.y - line.y > 1.3 * gap * max(1.0, line.size / before.size) and kind is Kind.PARAGRAPH:
        return False
    return not (ended and len(before.text) < 0.8 * width and kind is Kind.PARAGRAPH)


def _alike(size: float, other: float) -> bool:
    return abs(size - other) <= 0.1 * max(size, other)
