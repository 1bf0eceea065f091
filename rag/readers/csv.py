"""CSV and TSV: an article for each row with a text; the first row has the names of the fields."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from rag.errors import UnreadableArticle
from rag.readers.document import Document, File, Unread
from rag.readers.records import documents

SUFFIXES = (".csv", ".tsv")
ISOLATED = True


def read(file: File) -> Iterator[Document | Unread]:
    """The rows in `file`, counted as a spreadsheet does: the names are row 1.

    Raises:
        UnreadableArticle: it is no table, or no row has a text.
    """
    yield from documents(_rows(file.text), "row", file.fields)


def _rows(text: str) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(1 << 30)
    # The one that stands most often between the names; further down it may stand in texts.
    delimiter = max("\t;|,", key=text.split("\n", 1)[0].count)
    try:
        rows = csv.reader(StringIO(text), delimiter=delimiter)
        names = next(rows, [])
        for number, row in enumerate(rows, 2):
            if any(row):
                yield number, {name.strip(): value for name, value in zip(names, row, strict=False)}
    except csv.Error as error:
        raise UnreadableArticle(f"it is not a table ({error})") from error
