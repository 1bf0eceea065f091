"""XML from strangers, by lxml: nothing is fetched, no entity is expanded."""

from __future__ import annotations

import re
from typing import Any

from rag.errors import UnreadableArticle

_ENTITY = re.compile(rb"<!ENTITY\b")


def parsed(data: bytes, encoding: str | None = None) -> Any:
    """The root element of the XML in `data`, small faults mended.

    Raises:
        UnreadableArticle: it is no XML, or it declares entities, which no honest file here needs.
    """
    from lxml import etree

    if _ENTITY.search(data):
        raise UnreadableArticle("it declares entities of its own, as files do that are made to fill the memory")
    parser = etree.XMLParser(
        encoding=encoding, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, recover=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableArticle(f"it is not valid XML ({str(error)[:120]})") from error
    if root is None:
        raise UnreadableArticle("it is not valid XML")
    return root


def text_of(element: Any) -> str:
    """All text in `element`."""
    return "".join(element.itertext())
