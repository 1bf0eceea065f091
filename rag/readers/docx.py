"""DOCX by python-docx (the extra `docx`): headings, paragraphs, lists, tables; pages where Word has noted them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

from rag.errors import UnreadableArticle
from rag.readers.archive import opened
from rag.readers.document import Block, Document, File, Kind, day, extra, one, paragraph, words

SUFFIXES = (".docx",)
ISOLATED = True

_TEMPLATE = "2013-12-23 23:15:00"
"""When python-docx's template was made: the files made with it say that they were too."""
_OLE = b"\xd0\xcf\x11\xe0"
"""How encrypted DOCX files begin, and DOC files."""


def read(file: File) -> Iterator[Document]:
    """The document in `file`.

    Raises:
        UnreadableArticle: it is encrypted, broken or too large unpacked; python-docx is not installed.
    """
    docx = extra("docx", "docx")
    if file.data.startswith(_OLE):
        raise UnreadableArticle("it is encrypted, or in Word's old format; save a copy as DOCX without a password")
    opened(file).close()
    try:
        document = docx.Document(BytesIO(file.data))
    except (docx.opc.exceptions.OpcError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UnreadableArticle(f"it is no whole DOCX file ({str(error)[:120]})") from error
    facts = document.core_properties
    blocks, title = _blocks(document)
    yield Document(
        blocks,
        one(facts.title) or title or next((b.text for b in blocks[:3] if b.kind is Kind.HEADING), ""),
        one(facts.author),
        "" if str(facts.created).startswith(_TEMPLATE) else day(facts.created),
        tags=words(facts.keywords),
    )


def _blocks(document: Any) -> tuple[list[Block], str]:
    """The blocks, and the paragraph of style Title where there is one."""
    blocks: list[Block] = []
    items: list[Block] = []
    title = ""
    # Word notes where pages began when it saved the file last; other programs note nothing.
    page, paged = 1, bool(document.element.body.xpath(".//w:lastRenderedPageBreak"))
    for item in document.iter_inner_content():
        place = f"p. {page}" if paged else ""
        if hasattr(item, "rows"):
            blocks += _listed(items)
            blocks += [Block(Kind.PARAGRAPH, row, place) for row in _rows(item)]
            page += len(item._tbl.xpath(".//w:lastRenderedPageBreak"))
            continue
        style = item.style.name if item.style is not None and item.style.name else ""
        text = " ".join(item.text.split())
        if item.paragraph_format.element.xpath("./w:pPr/w:numPr") or style.startswith("List"):
            items += [Block(Kind.PARAGRAPH, text, place)] if text else []
        elif text:
            blocks += _listed(items)
            if style == "Title":
                title = title or text
            heading = style.startswith("Heading") or style in ("Title", "Subtitle")
            kind = Kind.HEADING if heading else paragraph(text).kind
            blocks.append(Block(kind, text, place))
        page += len(item._p.xpath(".//w:lastRenderedPageBreak"))
    blocks += _listed(items)
    return blocks, title


def _listed(items: list[Block]) -> list[Block]:
    """The items of a list so far as one block; `items` is empty afterwards."""
    found = [replace(items[0], text="\n".join(item.text for item in items))] if items else []
    items.clear()
    return found


def _rows(table: Any) -> Iterator[str]:
    for row in table.rows:
        # A cell that spans several is given several times.
        cells = {cell._tc: cell for cell in row.cells}.values()
        texts = [" ".join(cell.text.split()) for cell in cells]
        if any(texts):
            yield " | ".join(texts)
