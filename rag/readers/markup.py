"""HTML that is all content (a chapter, an entry of a feed, a field) → blocks; whole web pages are read by `html`."""

from __future__ import annotations

from typing import Any

from rag.readers.document import Block, Kind, paragraph

_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_SKIPPED = frozenset(
    "script style head title template noscript svg math nav form iframe object audio video canvas rt rp".split()
)
_BLOCKS = _HEADINGS | frozenset(
    """address article aside blockquote body caption dd details div dl dt figcaption figure footer header hr html li
    main ol p pre section summary table tbody td tfoot th thead tr ul""".split()
)
_LISTS = frozenset(("ul", "ol"))


def blocks(markup: str) -> list[Block]:
    """The blocks of `markup`: headings, paragraphs, lists as one paragraph each, rows of tables, code as asides."""
    from lxml import etree
    from lxml import html as parser

    if not markup.strip():
        return []
    try:
        root: Any = parser.document_fromstring(markup.encode(), parser=parser.HTMLParser(encoding="utf-8"))
    except etree.ParserError:
        return []
    walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    made = _Blocks()
    for event, element in walk:
        if event == "start":
            made.start(element.tag, element.text or "")
            if element.tag in _SKIPPED:
                walk.skip_subtree()
        elif event == "end":
            made.end(element.tag, element.tail or "")
        else:
            made.add(element.tail or "")
    made.end("html", "")
    return made.blocks


class _Blocks:
    """What has been read so far."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._text: list[str] = []
        self._items: list[str] = []
        self._cells: list[str] = []
        self._lists = 0
        self._verbatim = 0

    def start(self, tag: str, text: str) -> None:
        if tag in _SKIPPED:
            return
        if tag in _BLOCKS and not (self._lists and tag not in _LISTS | {"li"}):
            self._flush(Kind.PARAGRAPH)
        elif tag in _BLOCKS or tag == "br":
            self.add(" ")
        self._lists += tag in _LISTS
        self._verbatim += tag == "pre"
        self.add(text)

    def add(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str, tail: str) -> None:
        if tag in _HEADINGS and not self._lists:
            self._flush(Kind.HEADING)
        elif tag in ("td", "th") and not self._lists:
            self._cells.append(self._taken())
        elif tag == "tr" and not self._lists:
            self._flush(Kind.PARAGRAPH)
            row, self._cells = " | ".join(self._cells), []
            self.blocks += [paragraph(row)] if row.strip(" |") else []
        elif tag in _BLOCKS and not (self._lists and tag not in _LISTS | {"li"}):
            self._flush(Kind.ASIDE if tag == "pre" else Kind.PARAGRAPH)
        elif tag in _BLOCKS:
            self.add(" ")
        self._verbatim -= tag == "pre"
        if tag in _LISTS:
            self._lists -= 1
            if not self._lists and self._items:
                self.blocks.append(paragraph("\n".join(self._items)))
                self._items = []
        self.add(tail)

    def _taken(self) -> str:
        text = "".join(self._text)
        self._text = []
        return text.strip("\n") if self._verbatim and not self._lists else " ".join(text.split())

    def _flush(self, kind: Kind) -> None:
        text = self._taken()
        if not text.strip():
            return
        if self._lists:
            self._items.append(text)
        else:
            self.blocks.append(paragraph(text) if kind is Kind.PARAGRAPH else Block(kind, text))
