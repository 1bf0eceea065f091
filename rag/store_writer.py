"""The store as a build writes it: its tables, and how they are filled; `rag.store` reads them.

Only articles hold text, compressed and in a table of its own, so that what is known of articles can be looked through
without it; paragraphs and passages are spans of it. A passage's row is its row in the vectors and in the lexical index
too. Rows are numbered from 0 without gaps: in reading order in a store that is written anew; in one that goes on from
an older one, new passages take the rows of those that are gone. A passage's key names the model and the text that was
embedded, so that the next build finds vectors it can carry over.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import zlib
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.articles import Article
from rag.chunking import Passage

APPLICATION_ID = 0x52616741
"""Marks the file as ours in its header ("RagA")."""
ARTICLE_OF = "article_of"
"""Name of the array that has the number of each row's article, int32, little-endian."""

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = 4;
CREATE TABLE articles (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, path TEXT NOT NULL, author TEXT NOT NULL,
    date TEXT NOT NULL, url TEXT NOT NULL, tags TEXT NOT NULL,
    added TEXT NOT NULL, digest BLOB NOT NULL, made_of BLOB NOT NULL, author_folded TEXT NOT NULL
);
CREATE TABLE texts (article INTEGER PRIMARY KEY REFERENCES articles, text BLOB NOT NULL);
CREATE TABLE tags (folded TEXT NOT NULL, article INTEGER NOT NULL REFERENCES articles, tag TEXT NOT NULL,
    PRIMARY KEY (folded, article, tag)
) WITHOUT ROWID;
CREATE TABLE paragraphs (
    article INTEGER NOT NULL REFERENCES articles, number INTEGER NOT NULL,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, heading TEXT NOT NULL, place TEXT NOT NULL,
    PRIMARY KEY (article, number)
) WITHOUT ROWID;
CREATE TABLE passages (
    row INTEGER PRIMARY KEY, article INTEGER NOT NULL REFERENCES articles,
    start INTEGER NOT NULL, stop INTEGER NOT NULL,
    heading TEXT NOT NULL, first_paragraph INTEGER NOT NULL, last_paragraph INTEGER NOT NULL,
    key BLOB NOT NULL, text_digest BLOB NOT NULL
);
CREATE TABLE arrays (name TEXT PRIMARY KEY, content BLOB NOT NULL);
"""
_INDEXES = """
CREATE INDEX passages_article ON passages (article);
CREATE INDEX passages_key ON passages (key);
CREATE INDEX articles_digest ON articles (digest);
CREATE INDEX articles_path ON articles (path);
CREATE INDEX articles_date ON articles (date);
CREATE INDEX articles_author ON articles (author_folded);
CREATE INDEX articles_made_of ON articles (id, made_of);
"""


class StoreWriter:
    """Writes a store, anew or as what an older one becomes; nothing is durable before `close`."""

    def __init__(self, path: str | Path, old: str | Path | None = None) -> None:
        """Begin.

        Args:
            path: of the file to write; with `old` it is not there before something changes.
            old: a published store to go on from: articles that are neither added nor kept are removed from it.
        """
        self._path, self._old = Path(path), old
        self._changed: set[int] | None = None if old is None else set()
        self._db = self._begin() if old is None else _connect(old, "?mode=ro&immutable=1")
        self._is_old = old is not None
        self._article_of = array("i")
        self._free: list[int] = []
        self._next = 0
        self._seen = bytearray()
        if old is not None:
            (content,) = self._found("SELECT content FROM arrays WHERE name = ?", ARTICLE_OF)[0]
            self._article_of.frombytes(np.frombuffer(content, "<i4").astype(np.int32).tobytes())
            ((self._next,),) = self._found("SELECT coalesce(max(number) + 1, 0) FROM articles")
            self._seen = bytearray(self._next)

    @property
    def passages(self) -> int:
        """How many there are so far; those of articles that are to be removed count until `close`."""
        return len(self._article_of)

    @property
    def changed(self) -> np.ndarray | None:
        """After `close`, the rows whose passage is not what it was in the old store, (n,) int64; None for all."""
        return None if self._changed is None else np.array(sorted(self._changed), dtype=np.int64)

    def keeps(self, article_id: str, made_of: bytes) -> bool:
        """Whether the old store has the article as it is, by the digest of what it is made of; it then stays."""
        if self._old is None:
            return False
        for number, old in self._found("SELECT number, made_of FROM articles WHERE id = ?", article_id):
            if old == made_of and not self._seen[number]:
                self._seen[number] = 1
                return True
        return False

    def add(
        self,
        article: Article,
        passages: Sequence[Passage],
        keys: Sequence[bytes],
        added: str = "",
        made_of: bytes = b"",
    ) -> None:
        """Add an article, in place of the old one with its id.

        Args:
            article: its id is new, or only the old store's.
            passages: all of it.
            keys: one for each passage.
            added: when it first was; that of the old one stays.
            made_of: digest of what it is made of.
        """
        number = self._next
        if self._old is not None:
            self._change()
            for number, before in self._found("SELECT number, added FROM articles WHERE id = ?", article.id):
                added = before
                self._seen[number] = 1
                self._free += self._remove(number)
        if number == self._next:
            self._next += 1
            self._seen.append(1)
        tags = json.dumps(article.tags, ensure_ascii=False)
        facts = (article.id, article.title, article.path, article.author, article.date, article.url, tags)
        text = article.text.encode()
        self._db.execute(
            "INSERT INTO articles VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (number, *facts, added, _digest(text), made_of, article.author.casefold()),
        )
        self._db.execute("INSERT INTO texts VALUES (?,?)", (number, zlib.compress(text, 1)))
        self._db.executemany(
            "INSERT OR IGNORE INTO tags VALUES (?,?,?)", [(tag.casefold(), number, tag) for tag in article.tags]
        )
        self._db.executemany(
            "INSERT INTO paragraphs VALUES (?,?,?,?,?,?)",
            [(number, p.number, p.start, p.end, p.heading, p.place) for p in article.paragraphs],
        )
        for passage, key in zip(passages, keys, strict=True):
            first, last = passage.paragraphs[0], passage.paragraphs[-1]
            values = (number, passage.start, passage.end, passage.heading, first, last, key)
            digest = _digest(passage.text.encode())[:8]
            self._db.execute("INSERT INTO passages VALUES (?,?,?,?,?,?,?,?,?)", (self._row(number), *values, digest))

    def close(self, commit: bool = True) -> bool:
        """Finish the file and say whether there is one; without `commit` it is of no use.

        There is none where nothing of the old store has changed.
        """
        try:
            if not commit:
                return False
            if self._old is not None:
                gone = [number for (number,) in self._found("SELECT number FROM articles") if not self._seen[number]]
                if gone:
                    self._change()
                for number in gone:
                    self._free += self._remove(number)
                self._fill_gaps()
            if self._is_old:
                return False
            content = np.frombuffer(self._article_of, np.int32).astype("<i4").tobytes()
            self._db.execute("INSERT OR REPLACE INTO arrays VALUES (?,?)", (ARTICLE_OF, content))
            self._db.execute("COMMIT")
            if self._old is None:
                self._db.executescript(_INDEXES)
            return True
        finally:
            self._db.close()

    def _begin(self) -> sqlite3.Connection:
        db = _connect(self._path)
        # Nobody reads the file before it is whole.
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        if self._old is None:
            db.executescript(_SCHEMA)
        db.execute("BEGIN")
        return db

    def _change(self) -> None:
        """Go over from the old file to a copy of it."""
        if self._is_old and self._old is not None:
            self._db.close()
            shutil.copyfile(self._old, self._path)
            self._db = self._begin()
            self._is_old = False

    def _row(self, article: int) -> int:
        if self._free:
            row = self._free.pop()
            self._article_of[row] = article
        else:
            row = len(self._article_of)
            self._article_of.append(article)
        if self._changed is not None:
            self._changed.add(row)
        return row

    def _remove(self, number: int) -> list[int]:
        """Take an article out, and say which rows its passages had."""
        rows = [row for (row,) in self._found("SELECT row FROM passages WHERE article = ? ORDER BY row DESC", number)]
        for (tags,) in self._found("SELECT tags FROM articles WHERE number = ?", number):
            folded = [(tag.casefold(), number) for tag in json.loads(tags)]
            self._db.executemany("DELETE FROM tags WHERE folded = ? AND article = ?", folded)
        for table in ("passages", "paragraphs", "texts"):
            self._db.execute(f"DELETE FROM {table} WHERE article = ?", (number,))
        self._db.execute("DELETE FROM articles WHERE number = ?", (number,))
        return rows

    def _fill_gaps(self) -> None:
        """The last passages take the rows that are free, so that there are no gaps."""
        for row in sorted(self._free, reverse=True):
            last = len(self._article_of) - 1
            if row != last:
                self._db.execute("UPDATE passages SET row = ? WHERE row = ?", (row, last))
                self._article_of[row] = self._article_of[last]
                self._moved(row)
            self._article_of.pop()
            self._moved(last, gone=True)
        self._free.clear()

    def _moved(self, row: int, gone: bool = False) -> None:
        if self._changed is not None:
            (self._changed.discard if gone else self._changed.add)(row)

    def _found(self, sql: str, *values: object) -> list[Any]:
        return self._db.execute(sql, values).fetchall()


def _connect(path: str | Path, options: str = "") -> sqlite3.Connection:
    return sqlite3.connect(f"{Path(path).absolute().as_uri()}{options}", uri=True, isolation_level=None)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:16]
