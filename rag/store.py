"""Articles, paragraphs and passages in SQLite, as `rag.store_writer` has written them; read only from then on.

A published file is opened immutable: no lock, no journal, nothing written.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rag.articles import Article, Paragraph
from rag.chunking import Passage
from rag.errors import IndexDamaged, RagError
from rag.filters import Allowed, Filters, selections
from rag.store_writer import APPLICATION_ID, ARTICLE_OF

CACHED_ARTICLES = 128
CACHED_FILTERS = 4
"""Whose rows stay in memory: a conversation goes on with the same."""

_LISTED = (
    "SELECT id, title, author, date, path, added, (SELECT count(*) FROM paragraphs WHERE article = a.number) "
    "AS paragraphs FROM articles AS a"
)


LISTED = ("title", "author", "date", "paragraphs", "path", "added")
"""What the table of articles can be sorted by."""


@dataclass(frozen=True)
class Listing:
    """Which stretch of the table of articles, in which order."""

    text: str = ""
    """Only articles that have each of these words in title, author, path, tags or date."""
    by: str = "title"
    """One of LISTED."""
    descending: bool = False
    first: int = 0
    most: int = 50


@dataclass(frozen=True)
class ListedArticle:
    """An article in the table of articles."""

    id: str
    title: str
    author: str
    date: str
    path: str
    added: str
    """When it was first indexed, ISO 8601, UTC."""
    paragraphs: int


class Store:
    """A published store; safe to call from several threads. The file may be deleted while it is open."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db
        self._lock = threading.Lock()
        self._articles: OrderedDict[int, Article] = OrderedDict()
        self._allowed: OrderedDict[Filters, Allowed] = OrderedDict()

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """The store in the file at `path`.

        Raises:
            IndexDamaged: it is not one of ours.
        """
        path = Path(path).absolute()
        with _damage(path):
            db = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
            try:
                db.execute("PRAGMA trusted_schema = OFF")
                found = db.execute("PRAGMA application_id").fetchone()[0]
                if found != APPLICATION_ID:
                    raise ValueError("not a store of passages")
                db.create_function("casefold", 1, lambda text: str(text).casefold(), deterministic=True)
            except BaseException:
                db.close()
                raise
        return cls(path, db)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def counts(self) -> dict[str, int]:
        """How many articles, paragraphs and passages there are."""
        return {
            name: self._query(f"SELECT count(*) FROM {name}")[0][0] for name in ("articles", "paragraphs", "passages")
        }

    def passage_count(self) -> int:
        """How many passages there are; quick, since rows have no gaps."""
        return int(self._query("SELECT coalesce(max(row) + 1, 0) FROM passages")[0][0])

    def content(self) -> str:
        """SHA-256 over what all articles are made of, in hex."""
        digest = hashlib.sha256()
        for id_, made_of in self._query("SELECT id, made_of FROM articles ORDER BY id"):
            digest.update(f"{id_}\n".encode() + made_of)
        return digest.hexdigest()

    def passages(self, rows: Sequence[int] | np.ndarray) -> list[Passage]:
        """The passages in `rows`, in that order."""
        found = self._spans(rows)
        with _damage(self.path):
            return [
                Passage(
                    article_id=(article := self._article(number)).id,
                    start=start,
                    end=stop,
                    text=article.text[start:stop],
                    heading=heading,
                    paragraphs=tuple(range(first, last + 1)),
                )
                for number, start, stop, heading, first, last in found
            ]

    def texts(self, rows: Sequence[int] | np.ndarray) -> list[tuple[str, str, str]]:
        """Title, heading and text of the passages in `rows`, in that order."""
        found = self._spans(rows)
        with _damage(self.path):
            return [
                ((article := self._article(number)).title, heading, article.text[start:stop])
                for number, start, stop, heading, _, _ in found
            ]

    def article(self, article_id: str) -> Article:
        """The article with this id.

        Raises:
            RagError: there is none.
        """
        found = self._query("SELECT number FROM articles WHERE id = ?", (article_id,))
        if not found:
            raise RagError(
                f"There is no article '{article_id}' in the index; rag search --json gives the ids of those found."
            )
        return self._article(found[0][0])

    def articles(self) -> Iterator[Article]:
        """Every article, in the order they were read, one at a time."""
        for (number,) in self._query("SELECT number FROM articles ORDER BY number"):
            yield self._article(number)

    def added(self, article_id: str) -> str:
        """When the article was first indexed, ISO 8601, UTC; "" when there is none with this id."""
        found = self._query("SELECT added FROM articles WHERE id = ?", (article_id,))
        return str(found[0][0]) if found else ""

    def listing(self, order: Listing | None = None) -> tuple[list[ListedArticle], int]:
        """A stretch of the table of articles, and how many articles there are in all of it."""
        order = order or Listing()
        words = [f"%{word}%" for word in re.sub(r"([%_\\])", r"\\\1", order.text.casefold()).split()]
        named = "casefold(title || ' ' || author || ' ' || path || ' ' || tags || ' ' || date) LIKE ? ESCAPE '\\'"
        where = f"WHERE {' AND '.join([named] * len(words))}" if words else ""
        by = order.by if order.by in LISTED else LISTED[0]
        way = "DESC" if order.descending else "ASC"
        count = self._query(f"SELECT count(*) FROM articles {where}", words)[0][0]
        found = self._query(
            f"{_LISTED} {where} "
            # Articles of which it isn't known come last, either way.
            f"ORDER BY {by} = '', {'casefold(' + by + ')' if by != 'paragraphs' else by} {way}, number "
            "LIMIT ? OFFSET ?",
            [*words, order.most, order.first],
        )
        return [ListedArticle(*values) for values in found], count

    def listed(self, ids: Sequence[str]) -> list[ListedArticle]:
        """The articles with these ids, as the table has them; ids of no article are left out."""
        return [ListedArticle(*values) for values in self._in(f"{_LISTED} WHERE id IN", ids)]

    def in_file(self, path: str) -> list[str]:
        """Ids of the articles in the file at `path`, as articles have it."""
        return [id_ for (id_,) in self._query("SELECT id FROM articles WHERE path = ? ORDER BY number", (path,))]

    def facets(self) -> dict[str, list[str]]:
        """What there is to filter by, each in alphabetical order: authors and tags."""
        authors = self._query("SELECT DISTINCT author FROM articles WHERE author != ''")
        tags = self._query("SELECT DISTINCT tag FROM tags")
        return {
            "authors": sorted((str(author) for (author,) in authors), key=str.casefold),
            "tags": sorted((str(tag) for (tag,) in tags), key=str.casefold),
        }

    def allowed(self, filters: Filters) -> Allowed | None:
        """The passages that `filters` allow; None when they allow all.

        Raises:
            RagError: a date is not YYYY-MM-DD (YYYY-MM and YYYY mean the whole month and year).
        """
        clauses, values = selections(filters)
        if not clauses:
            return None
        with self._lock:
            if filters in self._allowed:
                self._allowed.move_to_end(filters)
                return self._allowed[filters]
        found = self._query(" INTERSECT ".join(clauses), values)
        with _damage(self.path):
            numbers = np.fromiter((number for (number,) in found), dtype=np.int64, count=len(found))
            article_of = self._article_of
            chosen = np.zeros(int(article_of.max(initial=-1)) + 1, dtype=bool)
            chosen[numbers[numbers < len(chosen)]] = True
            allowed = Allowed(np.flatnonzero(chosen[article_of]), numbers)
            # So that it can be known again by who has prepared something for it.
            allowed.rows.setflags(write=False)
        with self._lock:
            self._allowed[filters] = allowed
            while len(self._allowed) > CACHED_FILTERS:
                self._allowed.popitem(last=False)
        return allowed

    def article_numbers(self, rows: np.ndarray) -> np.ndarray:
        """The number of the article of each of `rows`, (len(rows),) int32."""
        with _damage(self.path):
            numbers: np.ndarray = self._article_of[rows]
        return numbers

    @cached_property
    def _article_of(self) -> np.ndarray:
        """The number of each row's article, (passages,) int32."""
        content = self._query("SELECT content FROM arrays WHERE name = ?", (ARTICLE_OF,))
        with _damage(self.path):
            return np.frombuffer(content[0][0], dtype="<i4")

    def text_digests(self, rows: Sequence[int] | np.ndarray) -> list[bytes]:
        """A digest of each passage's text, in the order of `rows`; exact copies have the same."""
        wanted = [int(row) for row in rows]
        found = dict(self._in("SELECT row, text_digest FROM passages WHERE row IN", wanted))
        with _damage(self.path):
            return [found[row] for row in wanted]

    def keys(self, rows: Iterable[int] | np.ndarray) -> list[bytes]:
        """The keys of the passages in `rows`, in that order."""
        wanted = [int(row) for row in rows]
        found = dict(self._in("SELECT row, key FROM passages WHERE row IN", wanted))
        with _damage(self.path):
            return [found[row] for row in wanted]

    def rows_of(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """A row for each of `keys` that a passage here has."""
        found: dict[bytes, int] = {}
        for first in range(0, len(keys), 500):
            some = keys[first : first + 500]
            marks = ",".join("?" * len(some))
            found.update(self._query(f"SELECT key, min(row) FROM passages WHERE key IN ({marks}) GROUP BY key", some))
        return found

    def repeated(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of `keys` that several passages here have."""
        found: set[bytes] = set()
        for first in range(0, len(keys), 500):
            some = keys[first : first + 500]
            marks = ",".join("?" * len(some))
            sql = f"SELECT key FROM passages WHERE key IN ({marks}) GROUP BY key HAVING count(*) > 1"
            found.update(key for (key,) in self._query(sql, some))
        return found

    def duplicates(self) -> list[tuple[str, str]]:
        """Articles whose text an earlier one has too, each with that one: their ids, in the order they were read."""
        found = self._query(
            "SELECT a.id, b.id FROM articles AS a JOIN articles AS b ON b.number = "
            "(SELECT min(number) FROM articles WHERE digest = a.digest) WHERE a.number != b.number ORDER BY a.number"
        )
        return [(article, first) for article, first in found]

    def _spans(self, rows: Sequence[int] | np.ndarray) -> list[tuple[int, int, int, str, int, int]]:
        wanted = [int(row) for row in rows]
        sql = "SELECT row, article, start, stop, heading, first_paragraph, last_paragraph FROM passages WHERE row IN"
        found = {row: tuple(values) for row, *values in self._in(sql, wanted)}
        with _damage(self.path):
            return [found[row] for row in wanted]

    def _article(self, number: int) -> Article:
        with self._lock:
            if number in self._articles:
                self._articles.move_to_end(number)
                return self._articles[number]
        found = self._query(
            "SELECT id, title, text, path, author, date, url, tags FROM articles JOIN texts ON article = number "
            "WHERE number = ?",
            (number,),
        )
        spans = self._query(
            "SELECT number, start, stop, heading, place FROM paragraphs WHERE article = ? ORDER BY number", (number,)
        )
        with _damage(self.path):
            id_, title, content, path, author, date, url, tags = found[0]
            text = zlib.decompress(content).decode()
            paragraphs = tuple(
                Paragraph(n, text[start:stop], start, stop, heading, place) for n, start, stop, heading, place in spans
            )
            article = Article(id_, title, text, paragraphs, path, author, date, url, tuple(json.loads(tags)))
        with self._lock:
            self._articles[number] = article
            while len(self._articles) > CACHED_ARTICLES:
                self._articles.popitem(last=False)
        return article

    def _in(self, sql: str, rows: Sequence[int] | Sequence[str]) -> list[Any]:
        return self._query(f"{sql} (SELECT value FROM json_each(?))", (json.dumps(rows),))

    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with _damage(self.path), self._lock:
            return self._db.execute(sql, values).fetchall()


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """What SQLite, or what it gives back, makes fail is damage to the file."""
    try:
        yield
    except (sqlite3.Error, zlib.error, TypeError, ValueError, LookupError, OverflowError) as error:
        raise IndexDamaged(f"{path} is damaged ({error or type(error).__name__}); run: rag build --full") from error
