"""Web pages by trafilatura: the main text without menus and banners; title, author, date, canonical link, keywords."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from rag.errors import UnreadableArticle
from rag.readers.document import Block, Document, File, Kind, day, paragraph, words

SUFFIXES = (".html", ".htm", ".xhtml")
ISOLATED = True


def read(file: File) -> Iterator[Document]:
    """The document in `file`.

    Raises:
        UnreadableArticle: it is no text, or the page has no main text.
    """
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    found: Any = trafilatura.bare_extraction(
        file.text, with_metadata=True, include_comments=False, include_tables=True, favor_recall=True
    )
    body = getattr(found, "body", None)
    if found is None or body is None:
        raise UnreadableArticle("it has no main text")
    blocks = _blocks(body)
    if not any(block.kind is Kind.PARAGRAPH for block in blocks):
        raise UnreadableArticle("it has no main text")
    title = " ".join((found.title or "").split())
    yield Document(
        blocks, title, " ".join((found.author or "").split()), day(found.date), found.url or "", words(_tags(found))
    )


def _tags(found: Any) -> list[str]:
    return [tag for value in [*(found.categories or []), *(found.tags or [])] for tag in words(value)]


def _blocks(body: Any) -> list[Block]:
    blocks: list[Block] = []
    for element in body:
        if element.tag == "head":
            text = _text(element)
            blocks += [Block(Kind.HEADING, text)] if text else []
        elif element.tag == "list":
            items = [text for item in element.iter("item") if (text := _text(item))]
            blocks += [paragraph("\n".join(items))] if items else []
        elif element.tag == "table":
            rows = [" | ".join(_text(cell) for cell in row.iter("cell")) for row in element.iter("row")]
            blocks += [paragraph(row) for row in rows if row.strip(" |")]
        elif element.tag == "quote" and len(element):
            blocks += [*([paragraph(element.text.strip())] if (element.text or "").strip() else []), *_blocks(element)]
        elif element.tag == "code":
            code = "".join(element.itertext()).strip("\n")
            blocks += [Block(Kind.ASIDE, code)] if code.strip() else []
        elif element.tag not in ("graphic", "lb"):
            text = _text(element)
            blocks += [paragraph(text)] if text else []
    return blocks


def _text(element: Any) -> str:
    for line_break in element.iter("lb"):
        line_break.tail = f" {line_break.tail or ''}"
    return " ".join("".join(element.itertext()).split())
