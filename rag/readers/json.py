"""JSON and JSONL: an article for each record with a text.

The records of a JSON file are its list, or the first list of objects in its object; an object with a text of its own is
one article. In JSONL each line is a record, and a line that is not JSON costs that line only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rag.errors import UnreadableArticle
from rag.readers.document import Document, File, Unread
from rag.readers.records import document_of, documents

SUFFIXES = (".json", ".jsonl", ".ndjson")
ISOLATED = True


def read(file: File) -> Iterator[Document | Unread]:
    """The records in `file`.

    Raises:
        UnreadableArticle: it is not JSON, or no record has a text.
    """
    if _is_lines(file.text):
        yield from documents(_lines(file.text), "line", file.fields)
        return
    try:
        value = json.loads(file.text)
    except (ValueError, RecursionError) as error:
        raise UnreadableArticle(f"it is not valid JSON ({str(error)[:120]})") from error
    if isinstance(value, dict):
        single = document_of(value, "", file.fields)
        if single:
            yield replace(single, key="")
            return
        lists = (item for item in value.values() if isinstance(item, list) and item)
        value = next((found for found in lists if all(isinstance(item, dict) for item in found)), [])
    yield from documents(enumerate(value if isinstance(value, list) else [], 1), "record", file.fields)


def _is_lines(text: str) -> bool:
    """Whether the first line is an object by itself and another follows."""
    first, _, rest = text.strip().partition("\n")
    return bool(rest) and isinstance(_parsed(first), dict)


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            value = _parsed(line)
            yield number, Unread(f"line {number}", "it is not valid JSON") if value is None else value


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
