"""Feeds: exports in RSS (also of WordPress) and Atom; an article for each entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rag.errors import UnreadableArticle
from rag.readers.document import Document, File, Unread, day, one, words
from rag.readers.markup import blocks
from rag.readers.xml import parsed, text_of

SUFFIXES = (".rss", ".atom", ".xml")
ISOLATED = True

_TEXT = ("encoded", "content", "description", "summary")
"""Elements that may hold an entry's text, the fullest first."""
_DATE = ("pubdate", "published", "date", "updated", "issued", "modified")


def read(file: File) -> Iterator[Document | Unread]:
    """The entries in `file`.

    Raises:
        UnreadableArticle: it is XML of another kind, or none.
    """
    root = parsed(file.text.encode(), "utf-8")
    if _name(root) not in ("rss", "rdf", "feed", "channel"):
        raise UnreadableArticle(f"it is XML, but no RSS or Atom feed (its root is <{_name(root)[:40]}>)")
    entries = [element for element in root.iter("{*}item", "{*}entry") if isinstance(element.tag, str)]
    if not entries:
        raise UnreadableArticle("there are no entries in it")
    author = ", ".join(_authors(root))
    for number, entry in enumerate(entries, 1):
        yield _document(entry, f"entry {number}", str(number), author)


def _document(entry: Any, place: str, key: str, author: str) -> Document | Unread:
    parts: dict[str, list[Any]] = {}
    for element in entry:
        if isinstance(element.tag, str):
            parts.setdefault(_name(element), []).append(element)
    texts = (blocks(_markup(element)) for name in _TEXT for element in parts.get(name, []))
    found = next((of_element for of_element in texts if of_element), [])
    if not found:
        return Unread(place, "there is no text in it")
    links = parts.get("link", [])
    hrefs = [link.get("href") for link in links if link.get("href") and link.get("rel", "alternate") == "alternate"]
    url = next(iter([*hrefs, *(one(text_of(link)) for link in links)]), "")
    dates = (day(text_of(element)) for name in _DATE for element in parts.get(name, []))
    tags = [one(tag.get("term") or text_of(tag)) for name in ("category", "subject") for tag in parts.get(name, [])]
    return Document(
        [replace(block, place=place) for block in found],
        next((" ".join(_plain(title).split()) for title in parts.get("title", [])), ""),
        ", ".join(_authors(entry)) or author,
        next(filter(None, dates), ""),
        url,
        words(tags),
        key,
    )


def _authors(element: Any) -> list[str]:
    found = []
    for part in element:
        if isinstance(part.tag, str) and _name(part) in ("creator", "author"):
            names = [name for name in part if isinstance(name.tag, str) and _name(name) == "name"]
            found += [one(text_of(name)) for name in (names or [part])]
    return [name for name in dict.fromkeys(found) if name]


def _markup(element: Any) -> str:
    """What an element holds, as HTML: mostly it is escaped, in Atom it may stand there as it is."""
    from lxml import etree

    if len(element):
        return "".join([element.text or "", *(etree.tostring(child, encoding="unicode") for child in element)])
    text = element.text or ""
    return text if "<" in text or "&" in text else "".join(f"<p>{line}</p>" for line in text.split("\n\n"))


def _plain(element: Any) -> str:
    """A title, which may be escaped HTML too."""
    return " ".join(block.text for block in blocks(_markup(element)))


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2].lower()
