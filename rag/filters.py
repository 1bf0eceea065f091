"""Filters: which articles a search may look in, and the SQL that finds their numbers in the store."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rag.cleaning import printable
from rag.errors import RagError


@dataclass(frozen=True)
class Filters:
    """Which articles a search may look in; empty fields allow all. Within a field any value will do."""

    articles: tuple[str, ...] = ()
    """Article ids."""
    authors: tuple[str, ...] = ()
    """Authors, case ignored."""
    tags: tuple[str, ...] = ()
    """Tags, case ignored."""
    since: str = ""
    """First date, YYYY-MM-DD, inclusive; articles without a date are left out."""
    until: str = ""
    """Last date, inclusive."""


class Allowed(NamedTuple):
    """The passages that filters allow: all of some articles."""

    rows: np.ndarray
    """(n,) int64, ascending."""
    articles: np.ndarray
    """Numbers of their articles, (m,) int64."""


def selections(filters: Filters) -> tuple[list[str], list[str]]:
    """SQL that selects numbers of articles, for each field that is set, and its values."""
    clauses, values = [], []
    chosen = "IN (SELECT value FROM json_each(?))"
    for named, sql in (
        (filters.articles, "SELECT number FROM articles WHERE id"),
        ([author.casefold() for author in filters.authors], "SELECT number FROM articles WHERE author_folded"),
        ([tag.casefold() for tag in filters.tags], "SELECT article FROM tags WHERE folded"),
    ):
        if named:
            clauses.append(f"{sql} {chosen}")
            values.append(json.dumps(named))
    for date, order, end in ((filters.since, ">=", ""), (filters.until, "<=", "~")):
        if date:
            if not re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", date, re.ASCII):
                raise RagError(f"'{printable(date[:40])}' is not a date; write it as YYYY-MM-DD.")
            clauses.append(f"SELECT number FROM articles WHERE date != '' AND date {order} ?")
            # "~" comes after whatever stands in a date, so a month reaches to its end.
            values.append(date + end)
    return clauses, values
