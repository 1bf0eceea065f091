"""The store as a build writes it: its tables, and how they are filled; `rag.store` reads them.

Only articles hold text; paragraphs and passages are spans of it. A passage's row is its row in the vectors and in the
lexical index too, from 0 in reading order. Its key names the model and the text that was embedded, so that the next
build finds vectors it can carry over.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from rag.articles import Article
from rag.chunking import Passage

APPLICATION_ID = 0x52616741
"""Marks the file as ours in its header ("RagA")."""

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = 3;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE articles (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, path TEXT NOT NULL, author TEXT NOT NULL,
    date TEXT NOT NULL, url TEXT NOT NULL, tags TEXT NOT NULL, text TEXT NOT NULL,
    added TEXT NOT NULL, digest BLOB NOT NULL
);
CREATE TABLE paragraphs (
    article INTEGER NOT NULL REFERENCES articles, number INTEGER NOT NULL,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, heading TEXT NOT NULL, place TEXT NOT NULL,
    PRIMARY KEY (article, number)
) WITHOUT ROWID;
CREATE TABLE passages (
    row INTEGER PRIMARY KEY, article INTEGER NOT NULL REFERENCES articles,
    start INTEGER NOT NULL, stop INTEGER NOT NULL,
    heading TEXT NOT NULL, first_paragraph INTEGER NOT NULL, last_paragraph INTEGER NOT NULL, key BLOB NOT NULL
);
"""
_INDEXES = """
CREATE INDEX passages_article ON passages (article);
CREATE INDEX passages_key ON passages (key);
CREATE INDEX articles_digest ON articles (digest);
CREATE INDEX articles_path ON articles (path);
"""


class StoreWriter:
    """Writes a new store; nothing is durable before `close`."""

    def __init__(self, path: str | Path) -> None:
        self.articles = self.paragraphs = self.passages = 0
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")

    def add(self, article: Article, passages: Sequence[Passage], keys: Sequence[bytes], added: str = "") -> None:
        """Append an article whose id is new, with its passages and the key of each; `added`: when it first was."""
        number = self.articles
        tags = json.dumps(article.tags, ensure_ascii=False)
        values = (article.id, article.title, article.path, article.author, article.date, article.url, tags)
        digest = hashlib.sha256(article.text.encode()).digest()[:16]
        self._db.execute(
            "INSERT INTO articles VALUES (?,?,?,?,?,?,?,?,?,?,?)", (number, *values, article.text, added, digest)
        )
        self._db.executemany(
            "INSERT INTO paragraphs VALUES (?,?,?,?,?,?)",
            [(number, p.number, p.start, p.end, p.heading, p.place) for p in article.paragraphs],
        )
        self._db.executemany(
            "INSERT INTO passages VALUES (?,?,?,?,?,?,?,?)",
            [
                (row, number, p.start, p.end, p.heading, p.paragraphs[0], p.paragraphs[-1], key)
                for row, (p, key) in enumerate(zip(passages, keys, strict=True), self.passages)
            ],
        )
        self.articles += 1
        self.paragraphs += len(article.paragraphs)
        self.passages += len(passages)

    def close(self, commit: bool = True) -> None:
        """Finish the file; without `commit` it is of no use afterwards."""
        if commit:
            self._db.execute("COMMIT")
            self._db.executescript(_INDEXES)
        self._db.close()
