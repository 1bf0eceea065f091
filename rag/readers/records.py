"""Records, of JSON, JSONL and CSV files, as documents: one for each that has a text.

Which field holds what is found by its name, or said by the setting `fields` ("text=body"; a dot leads into an object:
"text=post.body"). Fields with HTML are read as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rag.errors import UnreadableArticle
from rag.readers import markup, text
from rag.readers.document import Block, Document, Unread, day, one, words

NAMES = {
    "text": """text content body article content_html content_text maintext full_text fulltext description summary
        abstract""",
    "title": "title headline name subject",
    "author": "author authors byline creator by",
    "date": "date published date_published publish_date published_at pubdate publication_date created created_at",
    "url": "url link permalink source_url href",
    "tags": "tags keywords categories category",
    "id": "id guid uid _id",
}
"""What fields are usually called, in the order they are tried."""
NAMED = 10
"""Records without text that are named one by one."""
_MARKUP = re.compile(r"</?(?:p|div|br|h[1-6]|ul|ol|li|blockquote|article|span|a|b|i|em|strong)\b[^<>]*>", re.I)


def documents(records: Iterable[tuple[int, Any]], called: str, mappings: Sequence[str]) -> Iterator[Document | Unread]:
    """The documents that `records` are.

    Args:
        records: each with its number; an `Unread` is handed on.
        called: what a record is called, "row".
        mappings: the setting `fields`.

    Raises:
        UnreadableArticle: no record has a text.
    """
    found: list[tuple[int, Document]] = []
    failed: list[Unread] = []
    for number, record in records:
        place = f"{called} {number}"
        document = None if isinstance(record, Unread) else document_of(record, place, mappings)
        if document:
            found.append((number, document))
        else:
            failed.append(record if isinstance(record, Unread) else Unread(place, "there is no text in it"))
    if not found:
        raise UnreadableArticle(
            f"no {called} in it has a text (in a field named text, content or body); say which field it is with the "
            "setting fields, such as text=story"
        )
    # Ids of their own tell records apart better than numbers, which change when one is put in before.
    distinct = len({document.key for _, document in found} - {""}) == len(found)
    for number, document in found:
        yield document if distinct else replace(document, key=str(number))
    yield from failed[:NAMED]
    if len(failed) > NAMED:
        yield Unread(f"{len(failed) - NAMED:,} more", failed[NAMED].reason)


def document_of(record: Any, place: str, mappings: Sequence[str]) -> Document | None:
    """The document that a record is; None when it has no text."""
    if not isinstance(record, dict):
        return None
    lower = {str(name).lower(): value for name, value in record.items()}
    values = {name: _value(record, lower, [*_said(mappings, name), *usual.split()]) for name, usual in NAMES.items()}
    blocks = _blocks(values["text"])
    if not blocks:
        return None
    authors = values["author"] if isinstance(values["author"], list) else [values["author"]]
    return Document(
        [replace(block, place=place) for block in blocks],
        one(values["title"]),
        ", ".join(filter(None, (one(item.get("name") if isinstance(item, dict) else item) for item in authors))),
        day(values["date"]),
        one(values["url"]),
        words(values["tags"]),
        one(values["id"])[:120],
    )


def _value(record: Mapping[str, Any], lower: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first value that is there under one of `names`."""
    for name in names:
        value: Any = lower.get(name.lower())
        if value is None and "." in name:
            value = record
            for part in name.split("."):
                value = value.get(part) if isinstance(value, dict) else None
        if value not in (None, "", []):
            return value
    return None


def _blocks(value: Any) -> list[Block]:
    """The blocks of a text, or of a list of paragraphs."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = "\n\n".join(value)
    if not isinstance(value, str):
        return []
    return markup.blocks(value) if _MARKUP.search(value) else text.blocks(value)


def _said(mappings: Sequence[str], name: str) -> Iterator[str]:
    """What the setting `fields` names for `name`."""
    for mapping in mappings:
        ours, _, theirs = mapping.partition("=")
        if ours.strip() == name:
            yield theirs.strip()
